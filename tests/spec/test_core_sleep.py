"""await, sleep, stop and waitit."""

from __future__ import annotations

import pytest

from kvx_emu.models.core import Core, State


# Case 34
def test_the_first_await_after_reset_falls_through():
    core = Core(0, 0)
    core.start()
    core.await_()
    assert core.state is State.RUNNING


# Case 34
def test_a_disabled_ipi_ends_await_and_nothing_is_taken(lx):
    core = lx(ILE=0)
    assert core.wfxl("WS", 0x1)
    core.await_()
    assert core.state is State.AWAIT
    core.request(24)
    assert core.state is State.RUNNING
    assert core.ws & 1
    assert core.step() is None


def test_sleep_ends_with_wu1(lx):
    core = lx(WS=0x5)
    core.sleep()
    assert core.state is State.SLEEP
    core.request(24)
    assert core.state is State.RUNNING


# Case 35
def test_a_stopped_core_keeps_an_ipi_and_stays_stopped(lx):
    core = lx(ILE=1 << 24, WS=0x3)
    core.stop()
    core.request(24)
    assert core.state is State.STOPPED
    assert core.ilr == 0x01000000
    assert core.step() is None
    core.poke("WS", 0x7)
    assert core.state is State.RUNNING
    assert core.step() == 24


def test_stop_falls_through_when_wu2_is_set(lx):
    core = lx()
    core.stop()
    assert core.state is State.RUNNING


# Case 36
def test_waitit_ends_with_a_line_of_its_or_mask_and_leaves_it_pending(lx):
    core = lx(ILE=1 << 24)
    core.waitit(1 << 24)
    assert core.state is State.WAITIT
    core.request(24)
    assert core.state is State.RUNNING
    assert core.rz == 0x01000000
    assert core.ilr == 0x01000000


# Case 36
def test_waitit_ends_only_with_all_lines_of_its_and_mask(lx):
    core = lx(ILE=3 << 24)
    core.waitit(3 << 24 << 32)
    core.request(24)
    assert core.state is State.WAITIT
    core.request(25)
    assert core.state is State.RUNNING
    assert core.rz == 0x03000000


def test_waitit_ends_at_once_when_its_lines_are_pending(lx):
    core = lx(ILE=1 << 24, ILR=1 << 24)
    core.waitit(1 << 24)
    assert core.state is State.RUNNING
    assert core.rz == 0x01000000


def test_waitit_without_masks_ends_at_once(lx):
    core = lx(ILE=1 << 24, ILR=3 << 24)
    core.waitit(0)
    assert core.state is State.RUNNING
    assert core.rz == 0x01000000


@pytest.mark.parametrize("hidden", [{"ILE": 0}, {"ITO": 0}], ids=["disabled", "more privileged"])
def test_waitit_does_not_count_lines_that_are_disabled_or_more_privileged(lx, hidden):
    core = lx(**({"ILE": 1 << 24} | hidden))
    core.waitit(1 << 24)
    core.request(24)
    assert core.state is State.WAITIT


def test_waitit_counts_lines_of_less_privileged_levels(lx):
    core = lx(ILE=1 << 24, ITO=0xFFFFFFFFFFFFFFFF)
    core.waitit(1 << 24)
    core.request(24)
    assert core.state is State.RUNNING


def test_enabling_a_pending_line_ends_waitit(lx):
    core = lx(ILE=0, ILR=1 << 24)
    core.waitit(1 << 24)
    assert core.wfxl("ILE", 1 << 24 << 32)
    assert core.state is State.RUNNING


def test_a_line_that_ended_waitit_can_then_be_taken_and_does_not_wait_again(lx):
    core = lx(ILE=1 << 24)
    core.waitit(1 << 24)
    core.request(24)
    assert core.step() == 24
    assert core.rfe()
    assert core.state is State.RUNNING


# Case 37
def test_a_waiting_core_does_not_take_lines_of_its_own_level(lx):
    core = lx(ILE=0x01000001)
    core.waitit(1 << 24)
    core.request(0)
    assert core.step() is None
    assert core.state is State.WAITIT


# Case 37
def test_a_more_privileged_line_is_taken_and_the_waitit_starts_again_after_it(lx):
    core = lx(ILE=0x01000020, ITO=0x5555555555555555 & ~(3 << 10))
    core.pc = 0x700
    core.waitit(1 << 24)
    core.request(5)
    assert core.step() == 5
    assert core.state is State.RUNNING
    assert core.rfe()
    assert (core.state, core.pc, core.ps) == (State.WAITIT, 0x700, 0x01000011)
    core.request(24)
    assert core.state is State.RUNNING


def test_a_waitit_inside_a_handler_does_not_end_the_interrupted_one(lx):
    core = lx(ILE=0x03000020, ITO=0x5555555555555555 & ~(3 << 10 | 3 << 50))
    core.pc = 0x700
    core.waitit(1 << 24)
    core.request(5)
    core.step()
    core.waitit(1 << 25)
    core.request(25)
    assert core.state is State.RUNNING
    assert core.rz == 0x02000000
    core.poke("ILR", 0)
    assert core.rfe()
    assert core.state is State.WAITIT


def test_a_return_to_another_place_does_not_wait_again(lx):
    core = lx(ILE=0x01000020, ITO=0x5555555555555555 & ~(3 << 10))
    core.pc = 0x700
    core.waitit(1 << 24)
    core.request(5)
    core.step()
    core.poke("SPC", 0x708)
    assert core.rfe()
    assert core.state is State.RUNNING


def test_reset_ends_any_sleep(lx):
    core = lx(WS=0)
    core.stop()
    core.reset()
    core.start()
    assert core.state is State.RUNNING
