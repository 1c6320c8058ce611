"""Exceptions inside exceptions, returns, and the traps of privileged instructions."""

from __future__ import annotations

import pytest

from kvx_emu.models.core import Core, Entry, State


# Case 26
def test_a_handler_is_interrupted_only_after_it_sets_ie_and_clears_et(lx):
    core = lx(ILE=0x01000001)
    core.request(24)
    core.step()
    core.request(0)
    assert core.step() is None
    core.poke("PS", core.ps & ~0x4 | 0x10)
    assert core.step() == 0
    assert core.peek("ES_PL1") == 0x40112
    assert core.peek("SPS_PL1") == 0x01001010
    assert core.rfe()
    assert core.ps == 0x01001011


# Case 27
def test_a_handler_is_not_interrupted_by_a_lower_level(lx):
    core = lx(ILE=0x01000001)
    core.request(0)
    assert core.step() == 0
    core.poke("PS", core.ps & ~0x4 | 0x10)
    core.request(24)
    assert core.step() is None
    core.poke("PS", core.ps & ~0x3000)
    assert core.step() == 24


# Case 28
def test_an_interrupt_with_et_set_is_a_double_exception_at_its_owner(lx):
    core = lx(ILE=1 << 24, PS=0x01000015, EV_PL0=0x4000)
    core.request(24)
    assert core.interrupt(24) is Entry.DOUBLE
    assert core.peek("ES_PL0") == 0x3855A
    assert core.ps == 0x1004
    assert core.pc == 0x4040
    assert core.peek("SPS_PL0") == 0x01000015
    assert core.ilr == 0


# Case 28
@pytest.mark.parametrize("owner", [1, 3])
def test_a_double_exception_that_no_more_privileged_level_owns_resets_the_core(lx, owner):
    core = lx(ILE=1 << 24, PS=0x01000015, HTO=owner << 20)
    core.request(24)
    core.request(0)
    assert core.interrupt(24) is Entry.RESET
    assert (core.state, core.ilr, core.ps, core.pc) == (State.RESETTING, 0, 0x01000004, 0)


# Case 29
def test_the_first_interrupt_after_reset_resets_the_core_again_unless_et_was_cleared():
    core = Core(0, 0)
    core.start()
    assert core.wfxl("PS", 0x10 << 32)
    assert core.wfxm("ILL", 1 << 16 << 32)
    assert core.wfxl("ILE", 1 << 24 << 32)
    assert core.ill == 1 << 48
    core.request(24)
    assert core.step() == 24
    assert core.state is State.RESETTING
    assert core.ilr == 0


def test_an_exception_into_a_more_privileged_level_does_not_look_at_et(lx):
    core = lx(ILE=1 << 24, PS=0x01000006)
    core.request(24)
    assert core.interrupt(24) is Entry.ENTERED
    assert core.peek("SPS_PL1") == 0x01000005


def test_a_handler_of_another_level_starts_from_what_that_level_saved_last(lx):
    core = lx(ILE=1 << 24, PS=0x01000002, SPS_PL1=0x01000FFF)
    core.request(24)
    core.step()
    # PL, ET, HTD, IE, HLE and DAUS are the entry's, IL is the line's level; the rest was there.
    assert core.ps == 0x01001F45


def test_rfe_to_another_level_swaps_ps_but_for_what_the_return_restores(lx):
    core = lx(ILE=1 << 24, PS=0x01000002)
    core.request(24)
    core.step()
    core.poke("PS", core.ps | 0x438)
    assert core.rfe()
    assert core.ps == 0x01000002
    # HTD and DCE are what the handler had; ET, IE, HLE, IL and PL stay those of SPS.
    assert core.peek("SPS_PL1") == 0x00000409


def test_rfe_to_its_own_level_leaves_sps(lx):
    core = lx(ILE=1 << 24)
    core.request(24)
    core.step()
    core.poke("PS", core.ps | 0x400)
    assert core.rfe()
    assert core.peek("SPS_PL1") == 0x01000010


def test_rfe_reaches_level_3(lx):
    core = lx(SPS_PL1=0x01000012, SPC_PL1=0x300)
    assert core.rfe()
    assert (core.ps, core.pc) == (0x01000013, 0x300)


# Case 30
def test_rfe_to_a_level_above_3_is_a_pl_overflow_trap(lx):
    core = lx(MO=0xC, PS=0x01000003, SPS_PL3=1, EV_PL0=0x4000)
    core.pc = 0x200
    assert not core.rfe()
    assert core.peek("ES_PL0") == 1 | 3 << 4 | 3 << 6 | 19 << 12
    assert (core.ps & 3, core.pc, core.peek("SPC_PL0")) == (0, 0x4040, 0x200)


# Case 30
def test_rfe_without_the_right_is_a_privilege_trap(lx):
    core = lx(MO=0, EV_PL0=0x4000)
    assert not core.rfe()
    assert core.peek("ES_PL0") == 1 | 1 << 4 | 1 << 6 | 2 << 12
    assert (core.ps & 3, core.pc) == (0, 0x4040)


def test_a_trap_at_its_own_level_keeps_il(lx):
    core = lx(PS=0x01002011)
    assert core.trap(12, 1) is Entry.ENTERED
    assert core.ps == 0x01002005
    assert core.peek("ES_PL1") == 1 | 1 << 4 | 1 << 8 | 12 << 12


def test_a_trap_never_lowers_the_privilege(lx):
    core = lx()
    assert core.trap(12, 3) is Entry.ENTERED
    assert core.ps == 0x01000005


def test_a_trap_at_pl0_with_et_set_resets_the_core():
    core = Core(0, 0)
    core.start(0x100)
    assert core.trap(1, 0) is Entry.RESET
    assert core.state is State.RESETTING


def test_pending_lines_fire_right_after_rfe(lx):
    core = lx(ILE=1 << 24)
    core.request(24)
    core.step()
    core.request(24)
    assert core.step() is None
    assert core.rfe()
    assert core.step() == 24


@pytest.mark.parametrize("mo", [0, 0x155555555])
def test_resume_ends_a_handler_without_asking_for_the_right(lx, mo):
    core = lx(ILE=1 << 24, MO=mo)
    core.pc = 0x500
    core.request(24)
    core.step()
    saved = core.peek("SPS_PL1"), core.peek("SPC_PL1")
    core.poke("SPS_PL1", 0)
    core.poke("SPC_PL1", 0)
    assert core.resume(1, *saved)
    assert (core.ps, core.pc) == (0x01000011, 0x500)


def test_resume_to_a_level_above_3_traps(lx):
    core = lx()
    assert not core.resume(3, 1, 0)
    assert core.peek("ES_PL0") >> 12 == 19
