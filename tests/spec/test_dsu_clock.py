"""The clock of a cluster's debug unit."""

from __future__ import annotations

import pytest

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port, Site
from kvx_emu.models.dsu_clock import DsuClock


class Watch(Port):
    """A port at a time of its own."""

    def __init__(self, ticks=0):
        self.ticks = ticks
        self.heard = []

    def now(self):
        return self.ticks

    def odd(self, code, message):
        self.heard.append(code)


def test_the_counter_starts_at_0_and_counts_the_ticks_of_the_core_clock():
    clock = DsuClock(watch := Watch())
    assert clock.read(0, 8) == 0
    watch.ticks = 12345
    assert clock.read(0, 8) == 12345


@pytest.mark.parametrize(
    ("ticks", "hz", "value"),
    [(1999, 1_000_000, 1), (2000, 1_000_000, 2), (10, 600_000_000, 6), (10, 2_000_000_000, 20)],
)
def test_the_counter_runs_at_the_clock_that_the_tree_gives_it(ticks, hz, value):
    site = Site(hz=hz, core_hz=1_000_000_000)
    assert DsuClock(Watch(ticks), site).read(0, 8) == value


@pytest.mark.parametrize(
    ("ticks", "value"), [((1 << 64) - 1, 0xFFFF_FFFF_FFFF_FFFF), (1 << 64, 0), ((1 << 64) + 5, 5)]
)
def test_the_counter_has_64_bits(ticks, value):
    assert DsuClock(Watch(ticks)).read(0, 8) == value


def test_the_counter_cannot_be_written():
    clock = DsuClock(watch := Watch(7))
    clock.write(0, 8, 100)
    assert clock.read(0, 8) == 7
    assert watch.heard == ["read-only-register"]


@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 2), (0, 4), (4, 4), (4, 8)])
def test_an_access_of_another_size_or_alignment_is_a_bus_error(offset, size):
    clock = DsuClock(Watch())
    with pytest.raises(BusError, match=r"^the clock of the debug unit takes aligned accesses of 8 bytes$"):
        clock.read(offset, size)
    with pytest.raises(BusError, match=r"^the clock of the debug unit takes aligned accesses of 8 bytes$"):
        clock.write(offset, size, 1)


def test_the_clock_keeps_nothing():
    clock = DsuClock(Watch(7))
    assert clock.state() == {}
    clock.reset()
    assert clock.read(0, 8) == 7


def test_the_counter_is_the_only_register():
    assert [
        (register.name, register.offset, register.size, register.width, register.access)
        for register in DsuClock.registers
    ] == [("COUNTER", 0, 8, 64, "R")]
    assert DsuClock.COUNTER.src
    assert DsuClock.COUNTER.doc


@pytest.mark.parametrize(
    "compatible", ["kalray,coolidge-dsu-clock", "kalray,kvx-dsu-clock", "kalray,k1c-dsu-clock"]
)
def test_the_model_stands_for_each_name_of_the_clock(compatible):
    assert registry.find([compatible]) == (compatible, DsuClock)
    assert registry.find([compatible], registry.QEMU) == (compatible, DsuClock)
