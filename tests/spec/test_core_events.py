"""Inter-processor events, and the SYNCGROUP that waits for them."""

from __future__ import annotations

import pytest

from kvx_emu.models.core import Core, State
from kvx_emu.models.core_events import ring

LINUX_MO = 0x155555555
FM0, BM0 = 1 << 32, 1 << 48


def cluster(**passing: int) -> dict[int, Core]:
    """The PEs of a cluster, running; `passing` is what each IPE is: pe14=..., or every=... for all."""
    cores = {pid: Core(0, pid) for pid in range(16)}
    for pid, core in cores.items():
        core.start()
        core.poke("IPE", passing.get(f"pe{pid}", passing.get("every", 0)))
    return cores


def with_bit(cores: dict[int, Core], bit: int) -> list[int]:
    return [pid for pid, core in cores.items() if core.peek("IPE") >> bit & 1]


# Case 53
def test_an_event_that_nobody_passes_on_reaches_the_next_pe_alone():
    cores = cluster()
    assert ring(cores, 0, 0, True) == [1]
    assert with_bit(cores, 0) == [1]


# Case 53
def test_an_event_that_all_pass_on_goes_round_once_and_ends_at_its_initiator():
    cores = cluster(every=FM0)
    assert ring(cores, 0, 0, True) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]
    assert with_bit(cores, 0) == list(range(16))


# Case 53
def test_an_event_goes_as_far_as_it_is_passed_on():
    cores = cluster(pe15=FM0, pe0=FM0)
    assert ring(cores, 14, 0, True) == [15, 0, 1]
    assert with_bit(cores, 0) == [0, 1, 15]


def test_a_backward_event_goes_to_the_next_lower_pe():
    cores = cluster(pe0=BM0, pe15=BM0)
    assert ring(cores, 1, 0, False) == [0, 15, 14]
    assert with_bit(cores, 16) == [0, 14, 15]
    assert with_bit(cores, 0) == []


def test_a_backward_event_goes_round_once():
    cores = cluster(every=BM0)
    assert ring(cores, 3, 0, False) == [2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3]


def test_a_core_passes_on_each_event_in_each_direction_by_a_bit_of_its_own():
    assert ring(cluster(every=FM0 << 5), 0, 5, True)[-1] == 0
    assert ring(cluster(every=~(FM0 << 5)), 0, 5, True) == [1]
    assert ring(cluster(every=BM0 << 5), 0, 5, False)[-1] == 0
    assert ring(cluster(every=~(BM0 << 5)), 0, 5, False) == [15]


def test_a_pe_that_the_board_lacks_breaks_the_ring():
    cores = cluster(every=FM0 | BM0)
    del cores[4]
    assert ring(cores, 2, 0, True) == [3]
    assert ring(cores, 6, 0, False) == [5]
    assert ring(cores, 3, 0, True) == []


def test_the_rm_is_not_on_the_ring():
    cores = cluster(every=FM0 | BM0) | {16: Core(0, 16)}
    assert ring(cores, 16, 0, True) == []
    assert ring(cores, 16, 0, False) == []
    assert 16 not in ring(cores, 15, 0, True)
    assert cores[16].peek("IPE") == 0


def test_there_are_16_events():
    cores = cluster()
    assert ring(cores, 0, 15, True) == [1]
    assert with_bit(cores, 15) == [1]
    assert with_bit(cores, 16) == []
    for event in (16, -1):
        with pytest.raises(ValueError, match="no event"):
            ring(cores, 0, event, True)
    assert cores[1].peek("IPE") == 0x8000


@pytest.mark.parametrize(
    ("event", "forward", "ipe", "passes"),
    [
        (3, True, 0x0000000000000008, False),
        (3, False, 0x0000000000080000, False),
        (15, True, 0x0000000000008000, False),
        (15, False, 0x0000000080000000, False),
    ],
)
def test_an_event_sets_its_bit(lx, event, forward, ipe, passes):
    core = lx()
    assert core.receive(event, forward) is passes
    assert core.peek("IPE") == ipe


def test_an_event_is_no_interrupt(lx):
    core = lx(WS=0, ILE=0xFFFFFFFF)
    core.receive(0, True)
    assert (core.ilr, core.ws, core.step()) == (0, 0, None)


@pytest.mark.parametrize("doze", [Core.await_, Core.sleep, Core.stop])
def test_an_event_ends_no_other_sleep(lx, doze):
    core = lx(WS=0)
    doze(core)
    asleep = core.state
    core.receive(0, True)
    assert core.state is asleep


def test_a_core_held_in_reset_takes_events():
    core = Core(0, 3)
    core.receive(0, True)
    assert (core.peek("IPE"), core.state) == (1, State.RESETTING)


# SYNCGROUP


def test_syncgroup_sleeps_until_all_its_events_are_there(lx):
    core = lx()
    assert core.syncgroup(0x0001_0003)
    assert core.state is State.SYNC
    core.receive(0, True)
    core.receive(0, False)
    assert core.state is State.SYNC
    core.receive(1, True)
    assert core.state is State.RUNNING


def test_syncgroup_waits_for_forward_events_below_backward_ones(lx):
    core = lx(IPE=0x0001_0002)
    core.syncgroup(0x0001_0002)
    assert core.state is State.RUNNING
    core = lx(IPE=0x0001_0002)
    core.syncgroup(0x0002_0001)
    assert core.state is State.SYNC


def test_syncgroup_clears_what_it_waited_for_and_nothing_else(lx):
    core = lx(IPE=0xFFFF_FFFF_0101_0303)
    core.syncgroup(0x0001_0001)
    assert core.peek("IPE") == 0xFFFF_FFFF_0100_0302


def test_an_event_that_a_syncgroup_clears_is_passed_on_all_the_same(lx):
    core = lx(IPE=FM0)
    core.syncgroup(0x1)
    assert core.receive(0, True)
    assert core.peek("IPE") == FM0


def test_what_syncgroup_sends_stands_in_its_high_half_forward_events_first(lx):
    core = lx()
    core.syncgroup(0x8001_0006_0000_0000)
    assert core.state is State.RUNNING
    assert core.take_notifications() == (0x0006, 0x8001)


def test_syncgroup_sends_only_when_all_its_events_are_there(lx):
    core = lx()
    core.syncgroup(0x0000_0001_0000_0001)
    assert core.take_notifications() == (0, 0)
    core.receive(0, True)
    assert core.take_notifications() == (1, 0)


def test_what_was_sent_is_told_once_and_together(lx):
    core = lx()
    core.syncgroup(0x0001_0002_0000_0000)
    core.syncgroup(0x0004_0008_0000_0000)
    assert core.take_notifications() == (0x000A, 0x0005)
    assert core.take_notifications() == (0, 0)


def test_syncgroup_of_nothing_does_nothing(lx):
    core = lx(IPE=0xFFFF)
    assert core.syncgroup(0)
    assert (core.state, core.peek("IPE"), core.take_notifications()) == (State.RUNNING, 0xFFFF, (0, 0))


def test_syncgroup_needs_the_right_that_mo_sync_names(lx):
    stop, sync = 3 << 4, 3 << 6
    assert lx(MO=LINUX_MO & ~stop).syncgroup(0)
    core = lx(MO=LINUX_MO & ~sync, EV_PL0=0x4000)
    assert not core.syncgroup(0x0001_0000_0000_0000)
    assert core.peek("ES_PL0") == 1 | 1 << 4 | 1 << 6 | 2 << 12
    assert (core.pc, core.state) == (0x4040, State.RUNNING)
    assert core.take_notifications() == (0, 0)


def test_an_event_that_a_debugger_sets_ends_syncgroup(lx):
    core = lx()
    core.syncgroup(1)
    core.poke("IPE", 1)
    assert (core.state, core.peek("IPE")) == (State.RUNNING, 0)


def test_a_request_that_is_not_taken_does_not_end_syncgroup(lx):
    core = lx(ILE=0)
    core.syncgroup(1)
    core.request(24)
    assert core.state is State.SYNC
    assert core.step() is None


# As in AWAIT, and unlike WAITIT: case 37
def test_a_line_of_its_own_level_is_taken_and_the_syncgroup_starts_again_after_it(lx):
    core = lx(ILE=1 << 24)
    core.pc = 0x700
    core.syncgroup(0x0000_0002_0000_0001)
    core.request(24)
    assert core.step() == 24
    assert (core.state, core.pc, core.peek("SPC_PL1")) == (State.RUNNING, 0x1080, 0x700)
    assert core.rfe()
    assert (core.state, core.pc) == (State.SYNC, 0x700)
    assert core.take_notifications() == (0, 0)
    core.receive(0, True)
    assert core.state is State.RUNNING
    assert core.take_notifications() == (2, 0)


def test_a_line_that_ps_holds_off_is_not_taken_in_syncgroup(lx):
    core = lx(ILE=1 << 24, PS=0x01000001)
    core.syncgroup(1)
    core.request(24)
    assert core.step() is None
    assert core.state is State.SYNC


def test_an_event_that_comes_in_a_handler_ends_the_syncgroup_when_the_handler_returns(lx):
    core = lx(ILE=1 << 24)
    core.syncgroup(1)
    core.request(24)
    core.step()
    core.receive(0, True)
    assert core.peek("IPE") == 1
    assert core.rfe()
    assert (core.state, core.peek("IPE")) == (State.RUNNING, 0)


def test_a_finished_syncgroup_does_not_start_again(lx):
    core = lx(ILE=1 << 24, IPE=1)
    core.syncgroup(1)
    core.request(24)
    core.step()
    assert core.rfe()
    assert core.state is State.RUNNING


def test_a_syncgroup_inside_a_handler_does_not_end_the_interrupted_waitit(lx):
    core = lx(ILE=0x01000020, ITO=0x5555555555555555 & ~(3 << 10))
    core.pc = 0x700
    core.waitit(1 << 24)
    core.request(5)
    core.step()
    core.syncgroup(1)
    assert core.state is State.SYNC
    core.receive(0, True)
    assert core.state is State.RUNNING
    assert core.rfe()
    assert core.state is State.WAITIT
    core.request(24)
    assert (core.state, core.rz) == (State.RUNNING, 0x01000000)


def test_an_interrupted_wait_that_starts_again_is_the_one_in_hand(lx):
    core = lx(ILE=0x01000020, ITO=0x5555555555555555 & ~(3 << 10))
    core.pc = 0x700
    core.waitit(1 << 24)
    core.request(5)
    core.step()
    core.syncgroup(1)
    core.poke("ILR", 0x20)
    core.poke("PS", 0x10)
    core.step()
    core.poke("SPC", 0x700)
    core.poke("SPS", 0x01000011)
    assert core.rfe()
    assert core.state is State.WAITIT
    core.receive(0, True)
    assert core.state is State.WAITIT
    core.request(24)
    assert core.state is State.RUNNING


def test_reset_clears_the_events_and_what_was_to_be_sent(lx):
    core = lx(IPE=0xFFFF_FFFF_FFFF_FFFF)
    core.syncgroup(0x0001_0000_0000_0000)
    core.reset()
    assert (core.peek("IPE"), core.take_notifications()) == (0, (0, 0))
    core.start()
    assert core.state is State.RUNNING


# The register


def test_ipe_has_its_number_and_its_fields():
    assert Core.sfrs()["IPE"].number == 10
    assert [(name, field.lsb, field.width) for name, field in Core.IPE.fields.items()] == [
        ("FE", 0, 16),
        ("BE", 16, 16),
        ("FM", 32, 16),
        ("BM", 48, 16),
    ]


def test_ipe_belongs_to_the_owner_of_mo_sync(lx):
    sync = 3 << 6
    core = lx(IPE=0x1234_5678_9ABC_DEF0, MO=LINUX_MO & ~sync, EV_PL0=0x4000)
    assert core.read_sfr("IPE") == 0
    assert not core.wfxm("IPE", 1 << 32)
    assert core.peek("ES_PL0") == 1 | 1 << 4 | 1 << 6 | 2 << 12
    assert core.peek("IPE") == 0x1234_5678_9ABC_DEF0
    core = lx(IPE=0x1234_5678_9ABC_DEF0)
    assert core.read_sfr("IPE") == 0x1234_5678_9ABC_DEF0
    assert core.wfxm("IPE", 0x0000_0001_0000_0010)
    assert core.read_sfr("IPE") == 0x1234_5669_9ABC_DEF0


@pytest.mark.parametrize("event", [-1, 16])
def test_an_event_that_there_is_not_is_refused_with_those_that_there_are(event):
    message = f"^there is no event {event}: a core has events 0 to 15$"
    with pytest.raises(ValueError, match=message):
        Core(0, 0).receive(event, True)
