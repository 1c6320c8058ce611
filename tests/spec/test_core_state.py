"""What a core gives away of itself, and takes back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.hw.register import registers_of
from kvx_emu.models.core import Core, State
from kvx_emu.models.core_registers import CoreRegisters

TICK = [0]


def clock() -> int:
    return TICK[0]


def new(cluster: int = 0, pid: int = 3) -> Core:
    core = Core(cluster, pid)
    core.clock = clock
    return core


words = st.integers(0, (1 << 32) - 1)
doubles = st.integers(0, (1 << 64) - 1)
few_lines = st.integers(0, 31).map(lambda line: 1 << line)

# TCR and the values are small, so that something happens; the rest is anything.
pokes = st.one_of(
    st.tuples(st.just("poke"), st.sampled_from(sorted(Core.sfrs())), doubles),
    st.tuples(st.just("poke"), st.sampled_from(["ILE", "ILL", "ITO", "PS", "WS"]), doubles),
    st.tuples(st.just("poke"), st.just("TCR"), st.integers(0, 0x1FFF).map(lambda bits: bits << 16)),
    st.tuples(
        st.just("poke"), st.sampled_from(["T0V", "T1V", "WDV", "T0R", "T1R", "WDR"]), st.integers(0, 9)
    ),
)
happenings = st.one_of(
    pokes,
    st.tuples(st.just("wfxl"), st.sampled_from(["ILE", "ILR", "TCR", "IPE", "PS"]), doubles),
    st.tuples(st.just("request"), st.integers(0, 31)),
    st.tuples(st.just("receive"), st.integers(0, 15), st.booleans()),
    st.tuples(st.just("waitit"), st.one_of(few_lines, doubles)),
    st.tuples(st.just("syncgroup"), st.one_of(st.integers(0, 3), doubles)),
    st.tuples(st.just("trap"), st.integers(1, 19), st.integers(0, 3)),
    st.tuples(st.sampled_from(["start", "reset", "step", "rfe", "await_", "sleep", "stop"])),
    st.tuples(st.sampled_from(["underflow", "next_underflow", "take_notifications"])),
    st.tuples(st.just("go"), st.integers(1, 30)),
)

ONLY_RUNNING = {"waitit", "syncgroup", "rfe", "await_", "sleep", "stop"}


PARTS = {"_timers", "_events"}


def everything(core: Core) -> dict[str, object]:
    """Return all attributes of a core, those of its parts too."""
    return {
        name: {slot: getattr(value, slot) for slot in value.__slots__} if name in PARTS else value
        for name, value in vars(core).items()
    }


def happen(cores: list[Core], what: str, *rest: object) -> None:
    """Let the same happen to each of some cores, which must answer the same."""
    if what == "go":
        # An underflow a tick at most, as somebody asks for them in time.
        TICK[0] += rest[0]  # type: ignore[operator]
        return
    if what in ONLY_RUNNING and cores[0].state is not State.RUNNING:
        return
    answers = [getattr(core, what)(*rest) for core in cores]
    assert all(answer == answers[0] for answer in answers)


@given(before=st.lists(happenings, max_size=25), after=st.lists(happenings, max_size=25))
def test_a_core_that_took_back_what_another_was_behaves_like_it(before, after):
    TICK[0] = 0
    core = new()
    core.start()
    for event in before:
        happen([core], *event)
    saved = json.loads(json.dumps(core.save()))
    other = new()
    other.poke("ILE", 5)
    other.waitit(1)
    other.restore(saved)
    assert other.save() == saved
    assert everything(other) == everything(core)
    for event in after:
        happen([core, other], *event)
        assert everything(other) == everything(core)
        assert other.candidate() == core.candidate()


@given(before=st.lists(happenings, max_size=25))
def test_to_save_a_core_does_not_change_what_it_does(before):
    TICK[0] = 0
    core, other = new(), new()
    for event in [("start",), *before]:
        happen([core, other], *event)
        core.save()
        for sfr in Core.sfrs():
            assert core.peek(sfr) == other.peek(sfr)
        assert (core.state, core.open, core.next_underflow()) == (
            other.state,
            other.open,
            other.next_underflow(),
        )


def test_a_core_that_was_restored_takes_the_same_lines(lx):
    core = lx(ILE=0x01000001, ILR=0x01000001)
    other = Core(0, 0)
    other.restore(core.save())
    assert (other.open, other.step(), other.step()) == (0x01000001, 0, None)


def test_a_core_held_in_reset_comes_back_as_one():
    core = Core(0, 0)
    core.request(24)
    other = Core(0, 0)
    other.start()
    other.restore(core.save())
    assert (other.state, other.open, other.ilr) == (State.RESETTING, 0, 0x01000000)


def test_an_interrupted_wait_comes_back(lx):
    core = lx(ILE=0x01000020, ITO=0x5555555555555555 & ~(3 << 10))
    core.pc = 0x700
    core.waitit(1 << 24)
    core.request(5)
    core.step()
    other = Core(0, 0)
    other.restore(core.save())
    assert other.rfe()
    assert (other.state, other.pc) == (State.WAITIT, 0x700)
    other.request(24)
    assert (other.state, other.rz) == (State.RUNNING, 0x01000000)


def test_a_timer_that_counts_comes_back_with_its_value_and_its_next_underflow():
    TICK[0] = 0
    core = new()
    core.start()
    core.poke("T0V", 9)
    core.poke("TCR", 0x50000)
    TICK[0] = 4
    saved = core.save()
    other = new()
    other.restore(saved)
    assert (other.peek("T0V"), other.next_underflow()) == (5, 10)
    # The clock may also be set back to the time after it.
    TICK[0] = 7
    other.restore(saved)
    assert (other.peek("T0V"), other.next_underflow()) == (2, 10)


def test_what_was_missed_and_what_is_to_be_sent_come_back():
    TICK[0] = 0
    core = new()
    core.start()
    core.poke("TCR", 0x50000)
    core.syncgroup(0x0001_0002_0000_0000)
    TICK[0] = 2
    other = new()
    other.restore(core.save())
    assert other.underflow() == core.underflow() == [(1, 0, 0, False), (2, 0, 0, False)]
    assert other.take_notifications() == core.take_notifications() == (2, 1)


def test_a_core_tells_its_registers_and_what_it_remembers_besides(lx):
    core = lx(TCR=0x10000)
    core.syncgroup(0x5)
    saved = core.save()
    names = {register.attribute for register in registers_of(CoreRegisters)}
    assert set(saved) == names | {"pc", "rz", "state", "since", "sent", "waits", "missed"}
    assert saved["waits"] == [0, 1, 6, 5]
    assert saved["state"] == 6
    assert saved["tcr"] == 0x10000
    assert saved["ev"] == [0, 0x1000, 0, 0]


def test_the_states_keep_their_numbers():
    assert [state.value for state in State] == [
        "resetting",
        "running",
        "await",
        "sleep",
        "stopped",
        "waitit",
        "syncgroup",
    ]


def test_what_was_saved_is_not_shared(lx):
    core = lx()
    saved = core.save()
    before = json.dumps(saved)
    core.poke("SPS_PL1", 0x55)
    core.poke("T0V", 5)
    assert json.dumps(saved) == before
    core.restore(saved)
    core.poke("SPS_PL1", 0x55)
    assert json.dumps(saved) == before


WRONG = {
    "a name less": lambda saved: saved.pop("ilr"),
    "a name more": lambda saved: saved.update(xyz=0),
    "a text": lambda saved: saved.update(ilr="1"),
    "a negative number": lambda saved: saved.update(ilr=-1),
    "a truth value": lambda saved: saved.update(ilr=True),
    "nothing": lambda saved: saved.update(ilr=None),
    "a fraction": lambda saved: saved.update(pc=1.5),
    "a list for a number": lambda saved: saved.update(ilr=[1]),
    "a number for a list": lambda saved: saved.update(sps=1),
    "a short list": lambda saved: saved.update(sps=[0, 0, 0]),
    "a long list": lambda saved: saved.update(sps=[0] * 5),
    "a list of texts": lambda saved: saved.update(sps=["0"] * 4),
    "too many bits": lambda saved: saved.update(ilr=1 << 32),
    "too many bits in a bank": lambda saved: saved.update(sps=[0, 0, 0, 1 << 25]),
    "another core": lambda saved: saved.update(pcr=0x10000000000004),
    "an unknown state": lambda saved: saved.update(state=7),
    "a wait in no state": lambda saved: saved.update(waits=[0, 1, 7, 5]),
    "a wait in await": lambda saved: saved.update(waits=[0, 1, 2, 5]),
    "half a wait": lambda saved: saved.update(waits=[0, 1, 5]),
    "a sleep without what it waits for": lambda saved: saved.update(state=5),
    "a sleep that waits for something else": lambda saved: saved.update(state=5, waits=[0, 1, 6, 5]),
    "half an underflow": lambda saved: saved.update(missed=[1, 0, 0]),
    "an underflow of no timer": lambda saved: saved.update(missed=[1, 3, 0, 0]),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_what_is_not_a_core_is_refused_and_changes_nothing(spoil):
    TICK[0] = 0
    core = new()
    core.start()
    core.poke("ILE", 0x55)
    before = core.save()
    saved = new().save()
    spoil(saved)
    with pytest.raises(ValueError, match="core"):
        core.restore(saved)
    assert core.save() == before


def test_a_core_has_few_enough_attributes_to_be_fast():
    # CPython keeps up to 29 attributes of an object where it finds them at once; one more made
    # a core a fifth slower in all it does.
    assert len(vars(Core(0, 0))) <= 29


def test_a_bark_without_a_request_and_a_bite_come_back():
    TICK[0] = 0
    core = new()
    core.start()
    core.poke("WDV", 2)
    core.poke("WDR", 4)
    core.poke("TCR", 1 << 24 | 1 << 26)
    TICK[0] = 9
    other = new()
    other.restore(core.save())
    assert other.underflow() == core.underflow() == [(3, 2, None, False), (8, 2, None, True)]


MESSAGES = {
    "a name less": "^a core has ps, pcr, ipe, .*, es, waits, missed$",
    "nothing": "^a core: ilr is neither a number nor a list of them$",
    "too many bits": r"^a core: ILR can not be \[4294967296\]$",
    "another core": "^this core's PCR is 0x10000000000003, that of the saved one 0x10000000000004$",
    "an unknown state": "^a core has no such state$",
    "a wait in await": "^a core waits in WAITIT and SYNCGROUP only$",
    "half a wait": "^a core: waits and missed are groups of 4 numbers$",
    "a sleep that waits for something else": "^a core in waitit has what it waits for at the end of waits$",
    "an underflow of no timer": "^a core has no such timer$",
}


@pytest.mark.parametrize("what", MESSAGES)
def test_what_is_wrong_with_a_core_is_told(what):
    TICK[0] = 0
    saved = new().save()
    WRONG[what](saved)
    with pytest.raises(ValueError, match=MESSAGES[what]):
        new().restore(saved)
