"""Which line a core takes, and what it finds in its registers then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kvx_emu.models.core import DAME, LINES, Core, Entry, State

ALL_ITO_PL1 = 0x5555555555555555


# Case 14
def test_an_enabled_ipi_enters_at_ev_plus_0x80(lx):
    core = lx(ILE=1 << 24, EA_PL1=5)
    core.request(24)
    assert core.step() == 24
    assert core.pc == 0x1080
    assert core.peek("ES_PL1") == 0x38112
    assert core.ps == 0x01001005
    assert core.peek("SPS_PL1") == 0x01000010
    assert core.peek("EA_PL1") == 0
    assert core.ilr == 0
    assert core.rfe()
    assert (core.ps, core.pc) == (0x01000011, 0)


# Case 15
def test_the_line_of_the_higher_level_is_taken_first(lx):
    core = lx(ILE=0x01000001)
    core.request(24)
    core.request(0)
    assert core.step() == 0
    assert core.peek("ES_PL1") == 0x40112
    assert core.ilr == 0x01000000


# Case 16
def test_of_lines_of_one_level_the_lowest_number_is_taken(lx):
    core = lx(ILE=0xFF000000, ILL=0x5555 << 48)
    for line in (31, 26, 29):
        core.request(line)
    assert core.step() == 26
    assert core.peek("ES_PL1") == 0x3A112
    assert core.ilr == 0xA0000000


# Case 17
def test_a_line_of_level_0_is_never_taken_at_its_own_privilege_level(lx):
    core = lx(ILE=1 << 5)
    core.request(5)
    assert core.step() is None
    assert core.ilr == 0x20


# Case 18
def test_a_line_of_a_more_privileged_level_is_taken_even_with_level_0(lx):
    core = lx(ILE=1 << 5, ITO=ALL_ITO_PL1 & ~(3 << 10), EV_PL0=0x4000)
    core.request(5)
    assert core.step() == 5
    assert core.peek("ES_PL0") == 0x5052
    assert core.ps == 0x4
    assert core.peek("SPS_PL0") == 0x01000011
    assert core.pc == 0x4080


# Case 19
def test_user_code_is_interrupted_by_kernel_lines_whatever_its_ie(lx):
    core = lx(ILE=1 << 24, PS=0x01000002)
    core.request(24)
    assert core.step() == 24
    assert core.peek("ES_PL1") == 0x38162
    assert core.ps == 0x1005
    assert core.peek("SPS_PL1") == 0x01000001
    assert core.rfe()
    assert core.ps == 0x01000002


# Case 20
def test_setting_ie_takes_what_was_pending(lx):
    core = lx(ILE=1 << 24, PS=0x01000001)
    core.request(24)
    assert core.step() is None
    core.poke("PS", 0x01000011)
    assert core.step() == 24


# Case 21
def test_ps_il_blocks_lines_that_are_not_above_it(lx):
    core = lx(ILE=0x01000001, PS=0x01001011)
    core.request(24)
    assert core.step() is None
    core.request(0)
    assert core.step() == 0
    assert core.ilr == 0x01000000


# Case 22
def test_a_disabled_line_stays_requested_until_it_is_enabled(lx):
    core = lx(ILE=0)
    core.request(24)
    assert core.step() is None
    assert core.ilr == 0x01000000
    core.poke("ILE", 0x01000000)
    assert core.step() == 24


# Case 23
def test_software_raises_a_free_line_by_setting_its_ilr_bit(lx):
    core = lx(ILE=1 << 20, ILL=1 << 40)
    assert core.wfxl("ILR", 0x100000 << 32)
    assert core.step() == 20
    assert core.peek("ES_PL1") >> 12 & 0x1F == 20


# Case 23
def test_a_request_that_software_clears_is_gone(lx):
    core = lx(ILE=0)
    core.request(24)
    assert core.wfxl("ILR", 0x01000000)
    core.poke("ILE", 0x01000000)
    assert core.step() is None


# Case 24: a line that falls tells the core nothing, so only time can pass.
def test_a_request_stays_after_its_line_is_lowered(lx):
    core = lx(ILE=0)
    core.request(24)
    assert [core.step() for _ in range(3)] == [None, None, None]
    assert core.ilr == 0x01000000


# Case 25
def test_a_line_of_a_less_privileged_level_is_never_taken(lx):
    core = lx(ILE=1 << 24, ILL=3 << 48, PS=0x01000010)
    core.request(24)
    assert core.step() is None


def test_two_requests_of_one_line_are_one_interrupt(lx):
    core = lx(ILE=1 << 24)
    core.request(24)
    core.request(24)
    assert core.step() == 24
    assert core.ilr == 0


def test_a_request_sets_wu0_and_wu1_but_not_wu2(lx):
    core = lx(WS=0)
    core.request(24)
    assert core.ws == 0x3


def test_a_data_asynchronous_memory_error_shows_the_mes_bits(lx):
    core = lx(ILE=1 << 16, ILL=1 << 32, MES=0x201)
    assert core.interrupt(16) is Entry.ENTERED
    assert core.peek("ES_PL1") == 2 | 1 << 4 | 1 << 8 | 16 << 12 | 1 << 17 | 0x201 << 19


def test_the_owner_and_level_of_a_line_can_be_asked(lx):
    core = lx()
    assert [(core.owner(line), core.level(line)) for line in (0, 2, 5, 24)] == [
        (1, 2),
        (1, 3),
        (1, 0),
        (1, 1),
    ]


# Case 22 of a core that is held in reset
def test_a_core_in_reset_latches_requests_and_takes_them_after_its_start():
    core = Core(0, 3)
    for name, value in {"ILE": 1 << 24, "ILL": 1 << 48, "PS": 0x01000010}.items():
        core.poke(name, value)
    core.request(24)
    assert (core.ilr, core.open, core.step()) == (0x01000000, 0, None)
    core.start(0x12000)
    assert (core.state, core.pc) == (State.RUNNING, 0x12000)
    assert core.step() == 24
    assert core.peek("SPC_PL0") == 0x12000


def test_starting_a_running_core_does_nothing(lx):
    core = lx()
    core.start(0x5000)
    assert core.pc == 0


def rule_of_taking(ilr: int, ile: int, ill: int, ito: int, ps: int) -> int | None:
    """The line that is taken, as the core's manual puts it: a walk over the lines."""

    def priority(pl: int, level: int) -> int:
        return (3 - pl) * 4 + level

    best = priority(ps & 3, ps >> 12 & 3)
    if not ps & 0x10:
        best |= 3
    taken = None
    for line in range(32):
        if (ilr & ile) >> line & 1:
            this = priority(ito >> 2 * line & 3, ill >> 2 * line & 3)
            if this > best:
                taken, best = line, this
    return taken


def rule_of_a_core(core: Core, ilr: int) -> int | None:
    """The same for a core in any state, with `ilr` pending."""
    if core.state in (State.RESETTING, State.STOPPED):
        return None
    if core.state is State.WAITIT:  # only lines of levels more privileged than the waiting one
        for line in range(32):
            if core.ito >> 2 * line & 3 >= core.ps & 3:
                ilr &= ~(1 << line)
    return rule_of_taking(ilr, core.ile, core.ill, core.ito, core.ps)


def check_against_the_rule(core: Core) -> None:
    assert core.candidate() == rule_of_a_core(core, core.ilr)
    takeable = sum(1 << line for line in range(32) if rule_of_a_core(core, 1 << line) == line)
    assert core.open == takeable


words = st.integers(0, (1 << 32) - 1)
doubles = st.integers(0, (1 << 64) - 1)


@given(ilr=words, ile=words, ill=doubles, ito=doubles, ps=st.integers(0, (1 << 25) - 1))
def test_the_candidate_is_the_one_of_the_manuals_walk(ilr, ile, ill, ito, ps):
    core = Core(0, 0)
    core.start()
    for name, value in {"ITO": ito, "ILL": ill, "ILE": ile, "ILR": ilr, "PS": ps}.items():
        core.poke(name, value)
    assert core.candidate() == rule_of_taking(ilr, ile, ill, ito, ps)
    check_against_the_rule(core)


@given(ile=words, ill=doubles, ito=doubles, ps=st.integers(0, (1 << 25) - 1))
def test_open_at_tells_of_another_ps_without_touching_the_core(ile, ill, ito, ps):
    core = Core(0, 0)
    for name, value in {"ITO": ito, "ILL": ill, "ILE": ile}.items():
        core.poke(name, value)
    takeable = sum(1 << line for line in range(32) if rule_of_taking(1 << line, ile, ill, ito, ps) == line)
    assert core.open_at(ps) == takeable
    assert (core.open, core.ps) == (0, 0x01000004)


class AnyLife(RuleBasedStateMachine):
    """Whatever happens to a core, `open` and `candidate` are the manual's rule."""

    def __init__(self):
        super().__init__()
        self.core = Core(0, 0)
        self.core.start()

    @rule(
        name=st.sampled_from(["ILE", "ILL", "ILR", "ITO", "PS", "WS", "MO", "HTO", "SPS_PL1", "SPS", "SPC"]),
        value=doubles,
    )
    def poke(self, name, value):
        self.core.poke(name, value)

    @rule(
        write=st.sampled_from([Core.wfxl, Core.wfxm]),
        name=st.sampled_from(["ILE", "ILL", "ILR", "ITOW", "PS", "WS", "MOW", "HTOW", "SPS"]),
        operand=doubles,
    )
    def instruction_writes(self, write, name, operand):
        write(self.core, name, operand)

    @rule(line=st.integers(0, 31))
    def request(self, line):
        self.core.request(line)

    @rule()
    def step(self):
        self.core.step()

    @rule(line=st.integers(0, 31))
    def interrupt(self, line):
        self.core.interrupt(line)

    @rule(cause=st.integers(1, 19), owner=st.integers(0, 3))
    def trap(self, cause, owner):
        self.core.trap(cause, owner)

    @precondition(lambda self: self.core.state is State.RUNNING)
    @rule()
    def rfe(self):
        self.core.rfe()

    @precondition(lambda self: self.core.state is State.RUNNING)
    @rule(pl=st.integers(0, 3), sps=st.integers(0, (1 << 25) - 1), spc=st.sampled_from([0, 0x80]))
    def resume(self, pl, sps, spc):
        self.core.resume(pl, sps, spc)

    @precondition(lambda self: self.core.state is State.RUNNING)
    @rule(doze=st.sampled_from([Core.await_, Core.sleep, Core.stop]))
    def doze(self, doze):
        doze(self.core)

    @precondition(lambda self: self.core.state is State.RUNNING)
    @rule(operand=doubles)
    def waitit(self, operand):
        self.core.waitit(operand)

    @rule()
    def start(self):
        self.core.start()

    @rule()
    def reset(self):
        self.core.reset()

    @invariant()
    def the_rule_holds(self):
        check_against_the_rule(self.core)


TestOpenAndTheCandidateFollowTheManualWhateverHappens = AnyLife.TestCase


@pytest.mark.parametrize("state", [State.AWAIT, State.SLEEP])
def test_a_core_that_sleeps_takes_what_becomes_deliverable(lx, state):
    core = lx(ILE=0, ILR=1 << 24, WS=0)
    core.await_() if state is State.AWAIT else core.sleep()
    assert core.state is state
    core.poke("ILE", 1 << 24)
    assert core.step() == 24
    assert core.state is State.RUNNING


def test_levels_that_are_written_last_decide_at_once(lx):
    core = lx(ILE=0x01000001, ILR=0x01000001, ILL=0)
    assert core.candidate() is None
    core.poke("ILL", 1 << 48)
    assert core.candidate() == 24
    core.poke("ILL", 1 << 48 | 2)
    assert core.candidate() == 0


def test_a_core_has_32_lines_and_the_syndrome_of_line_16_alone_has_the_memory_errors(lx):
    assert (LINES, DAME) == (32, 16)
    core = lx(MES=0x3FF)
    core.interrupt(17)
    assert core.peek("ES_PL1") == 0x11112
    core = lx(MES=0x3FF)
    core.interrupt(16)
    assert core.peek("ES_PL1") == 0x1FF90112


# Handlers that let themselves be interrupted


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("line", [3, 24])
def test_the_ps_of_a_handler_is_known_before_its_line_is_taken(lx, line, level):
    core = lx(ILE=1 << line, ILL=level << 2 * line, PS=0x01F7CFF9)
    before = core.ps
    core.interrupt(line)
    assert core.handler_ps(before, level, reopened=False) == core.ps
    core.reopen()
    assert core.handler_ps(before, level, reopened=True) == core.ps


def test_the_ps_of_a_handler_has_et_its_level_and_the_privilege_level_of_before():
    assert Core.handler_ps(0x01000011, 1, reopened=False) == 0x01001005
    assert Core.handler_ps(0x01000011, 1, reopened=True) == 0x01001011
    assert Core.handler_ps(0x010030BB, 2, reopened=False) == 0x01002007
    assert Core.handler_ps(0x010030BB, 2, reopened=True) == 0x01002013


def test_a_handler_that_reopens_itself_is_open_to_the_enabled_lines_of_higher_levels(lx):
    core = lx(ILE=0x01000003, ILL=1 << 48 | 2 << 2 | 1)
    core.request(24)
    assert core.step() == 24
    assert (core.ps, core.open) == (0x01001005, 0)
    core.reopen()
    assert (core.ps, core.open) == (0x01001011, 0x00000002)


def test_a_core_may_be_put_where_it_was_computed_to_be(lx):
    core = lx(ILE=0x01000001)
    core.put_back(0x01000000, 0x01000012, 0x700, 0x01000033, 0x44)
    assert (core.ilr, core.ps, core.pc) == (0x01000000, 0x01000012, 0x700)
    assert core.sps == [0, 0, 0x01000033, 0]
    assert core.spc == [0, 0, 0x44, 0]
    assert (core.open, core.candidate()) == (0x01000001, 24)
    core.put_back(0x01000000, 0x01001005, 0x704, 0x01000011, 0x48)
    assert (core.sps[1], core.spc[1], core.open, core.candidate()) == (0x01000011, 0x48, 0, None)
