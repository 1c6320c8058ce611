"""The FTU, the block of the chip that starts its clusters."""

from __future__ import annotations

import pytest

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port
from kvx_emu.models.ftu import Ftu

WAKE_UP = 1
RESET = 2
CLOCK = 4

clusters = pytest.mark.parametrize("cluster", range(5))


class Chip(Port):
    """The RMs of five clusters, held in reset at first; keeps what is done to them, in order."""

    def __init__(self):
        self.up = set()
        self.heard = []

    def start(self, pid, pc, cluster=None):
        self.up.add((cluster, pid))
        self.heard.append(("start", cluster, pid, pc))

    def hold(self, pid, cluster=None):
        self.up.discard((cluster, pid))
        self.heard.append(("hold", cluster, pid))

    def running(self, pid, cluster=None):
        return (cluster, pid) in self.up

    def odd(self, code, message):
        self.heard.append((code, message))


@pytest.fixture
def ftu() -> Ftu:
    return Ftu(Chip())


# Starting and holding an RM


@clusters
def test_wake_up_starts_the_rm_of_the_cluster_at_its_boot_address(ftu, cluster):
    ftu.write(0x60 + 4 * cluster, 4, 0x00123000)
    ftu.write(4 * cluster, 4, WAKE_UP)
    assert ftu.port.heard == [("start", cluster, 16, 0x00123000)]


def test_a_boot_address_is_a_multiple_of_4_kib(ftu):
    ftu.write(0x68, 4, 0xFFFFFFFF)
    assert ftu.read(0x68, 4) == 0xFFFFF000
    ftu.write(0x08, 4, WAKE_UP)
    assert ftu.port.heard == [("start", 2, 16, 0xFFFFF000)]


def test_wake_up_starts_once_until_it_was_cleared(ftu):
    ftu.write(0x04, 4, WAKE_UP)
    ftu.write(0x04, 4, WAKE_UP)
    ftu.write(0x04, 4, WAKE_UP | CLOCK)
    assert ftu.port.heard == [("start", 1, 16, 0)]
    ftu.write(0x04, 4, 0)
    ftu.write(0x04, 4, WAKE_UP)
    assert ftu.port.heard == [("start", 1, 16, 0)] * 2


def test_clearing_wake_up_stops_nothing(ftu):
    ftu.write(0x04, 4, WAKE_UP)
    ftu.write(0x04, 4, 0)
    assert ftu.read(0x24, 4) == 1


def test_clock_enable_does_not_start_and_is_not_needed(ftu):
    ftu.write(0x04, 4, CLOCK)
    assert ftu.port.heard == []
    ftu.write(0x04, 4, CLOCK | WAKE_UP)
    ftu.write(0x08, 4, WAKE_UP)
    assert ftu.port.heard == [("start", 1, 16, 0), ("start", 2, 16, 0)]


@clusters
def test_reset_holds_the_rm_once(ftu, cluster):
    ftu.write(4 * cluster, 4, RESET)
    ftu.write(4 * cluster, 4, RESET | CLOCK)
    ftu.write(4 * cluster, 4, CLOCK)
    assert ftu.port.heard == [("hold", cluster, 16)]


def test_wake_up_waits_for_the_end_of_reset(ftu):
    ftu.write(0x0C, 4, RESET | WAKE_UP)
    ftu.write(0x0C, 4, RESET)
    ftu.write(0x0C, 4, RESET | WAKE_UP)
    assert ftu.port.heard == [("hold", 3, 16)]
    ftu.write(0x0C, 4, WAKE_UP)
    assert ftu.port.heard == [("hold", 3, 16), ("start", 3, 16, 0)]


def test_reset_stops_an_rm_that_runs_and_its_end_starts_it_again_if_wake_up_is_set(ftu):
    ftu.write(0x04, 4, WAKE_UP)
    ftu.write(0x04, 4, WAKE_UP | RESET)
    assert ftu.read(0x24, 4) == 0
    ftu.write(0x04, 4, WAKE_UP)
    assert ftu.read(0x24, 4) == 1
    assert ftu.port.heard == [("start", 1, 16, 0), ("hold", 1, 16), ("start", 1, 16, 0)]


@clusters
def test_bit_0_of_status_says_that_the_rm_of_the_cluster_runs(ftu, cluster):
    assert [ftu.read(0x20 + 4 * each, 4) for each in range(5)] == [0, 0, 0, 0, 0]
    ftu.port.up.add((cluster, 16))
    assert [ftu.read(0x20 + 4 * each, 4) for each in range(5)] == [int(each == cluster) for each in range(5)]


# Control


def test_control_keeps_four_bits_of_its_own_cluster(ftu):
    ftu.write(0x08, 4, 0xFFFFFFFD)
    assert [ftu.read(4 * cluster, 4) for cluster in range(5)] == [0, 0, 0xD, 0, 0]
    assert ftu.port.heard[0] == (
        "register-bits",
        "CONTROL[2] has 4 bits: 0xfffffff0 of 0xfffffffd is ignored",
    )


# Resets


@pytest.mark.parametrize(("cluster", "cause"), [(0, 0x100), (1, 0x200), (2, 0x400), (3, 0x800), (4, 0x1000)])
def test_the_reset_cause_says_whose_watchdog_bit(ftu, cluster, cause):
    ftu.bitten(cluster)
    assert ftu.read(0x48, 4) == cause


def test_the_reset_cause_gathers_and_cannot_be_written(ftu):
    ftu.bitten(1)
    ftu.bitten(3)
    ftu.bitten(1)
    ftu.write(0x48, 4, 0)
    assert ftu.read(0x48, 4) == 0xA00
    assert [event[0] for event in ftu.port.heard] == ["read-only-register"]


@pytest.mark.parametrize("cluster", [-1, 5])
def test_a_bite_in_a_cluster_that_the_chip_lacks_is_refused(ftu, cluster):
    with pytest.raises(ValueError, match=rf"^the FTU knows no cluster {cluster}$"):
        ftu.bitten(cluster)
    assert ftu.read(0x48, 4) == 0


def test_a_software_reset_does_nothing_but_say_so(ftu):
    before = ftu.state()
    ftu.write(0x50, 4, 1)
    assert ftu.port.heard == [
        ("software-reset", "the reset of the chip is not modelled: the write is ignored"),
    ]
    assert ftu.read(0x50, 4) == 0
    assert ftu.state() == before


# Every register, from its declaration


@pytest.mark.parametrize(("offset", "size"), [(0, 8), (0, 2), (0, 1), (2, 4), (0x48, 8), (0x60, 8)])
def test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect(ftu, offset, size):
    with pytest.raises(BusError, match=r"^the FTU takes aligned accesses of 4 bytes$"):
        ftu.write(offset, size, 1)
    with pytest.raises(BusError, match=r"^the FTU takes aligned accesses of 4 bytes$"):
        ftu.read(offset, size)
    assert ftu.port.heard == []


def test_the_registers_are_those_of_the_specification():
    assert [
        (register.name, register.offset, register.count, register.stride, register.width, register.access)
        for register in Ftu.registers
    ] == [
        ("CONTROL", 0x00, 5, 4, 4, "RW"),
        ("STATUS", 0x20, 5, 4, 1, "R"),
        ("RESET_CAUSE", 0x48, None, 4, 32, "R"),
        ("SOFTWARE_RESET", 0x50, None, 4, 32, "W"),
        ("BOOT_PC", 0x60, 5, 4, 32, "RW"),
    ]
    assert {
        register.name: [(field.name, field.lsb, field.width) for field in register.fields.values()]
        for register in Ftu.registers
        if register.fields
    } == {
        "CONTROL": [("WAKE_UP", 0, 1), ("RESET", 1, 1), ("CLOCK", 2, 1)],
        "STATUS": [("RUNNING", 0, 1)],
        "RESET_CAUSE": [("WATCHDOG", 8, 5)],
    }
    assert all(register.src and register.doc for register in Ftu.registers)


def test_all_is_0_after_reset(ftu):
    offsets = [*range(0, 0x14, 4), *range(0x20, 0x34, 4), 0x48, 0x50, *range(0x60, 0x74, 4)]
    assert [ftu.read(offset, 4) for offset in offsets] == [0] * 17
    assert ftu.port.heard == []


def test_reset_is_the_same_as_a_new_unit_and_touches_no_core(ftu):
    new = Ftu(ftu.port)
    ftu.write(0x04, 4, CLOCK)
    ftu.write(0x64, 4, 0x1000)
    ftu.bitten(0)
    assert vars(ftu) != vars(new)
    ftu.reset()
    assert vars(ftu) == vars(new)
    assert ftu.port.heard == []


def test_a_unit_keeps_what_was_written_and_the_reset_cause(ftu):
    ftu.write(0x04, 4, CLOCK)
    ftu.write(0x64, 4, 0x1000)
    ftu.bitten(0)
    assert ftu.state() == {
        "control": [0, 4, 0, 0, 0],
        "reset_cause": 0x100,
        "boot_pc": [0, 0x1000, 0, 0, 0],
    }


def test_a_restored_unit_does_not_start_again_what_was_started(ftu):
    ftu.write(0x04, 4, WAKE_UP)
    other = Ftu(Chip())
    other.restore(ftu.state())
    other.write(0x04, 4, WAKE_UP)
    assert other.port.heard == []


def test_the_model_stands_for_the_name_of_the_unit():
    assert registry.find(["kalray,kvx-syscon", "syscon"]) == ("kalray,kvx-syscon", Ftu)


# What a write leaves alone


class Explained(Chip):
    """Also keeps why a write changed a register alone."""

    def quiet(self, number, why):
        self.heard.append(("quiet", number, why))


def test_wake_up_of_an_rm_that_was_woken_before_says_that_nothing_starts():
    ftu = Ftu(Explained())
    ftu.write(0x08, 4, WAKE_UP)
    ftu.write(0x08, 4, WAKE_UP | CLOCK)
    assert ftu.port.heard == [("start", 2, 16, 0), ("quiet", 2, "its RM was woken before: nothing starts")]


def test_wake_up_while_reset_is_1_says_that_it_waits_for_reset_to_be_cleared():
    ftu = Ftu(Explained())
    ftu.write(0x0C, 4, RESET)
    ftu.write(0x0C, 4, RESET | WAKE_UP)
    assert ftu.port.heard == [
        ("hold", 3, 16),
        ("quiet", 3, "reset is 1: its RM is not woken before reset is cleared"),
    ]


@pytest.mark.parametrize("value", [0, CLOCK, 8])
def test_a_write_without_wake_up_or_reset_has_nothing_to_say(value):
    ftu = Ftu(Explained())
    ftu.write(0x04, 4, value)
    assert ftu.port.heard == []
