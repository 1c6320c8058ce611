"""Which block answers at an address."""

from __future__ import annotations

import pytest

from kvx_emu.hw.bus import AddressMap, Region


def names(regions, *addresses):
    """Return the name of the region that answers at each address, None for none."""
    bus = AddressMap()
    for region in regions:
        bus.add(region)
    found = [bus.find(address) for address in addresses]
    return [region.name if region is not None else None for region in found]


def test_a_region_answers_from_its_first_to_its_last_byte():
    assert Region(0x100, 0x10, "target", "a").end == 0x110
    assert names([Region(0x100, 0x10, None, "a")], 0xFF, 0x100, 0x10F, 0x110) == [None, "a", "a", None]


def test_an_empty_map_answers_nowhere():
    assert names([], 0, 0xAD0000) == [None, None]


def test_nothing_lies_below_address_0():
    assert names([Region(0, 4, None, "a")], -1, 0) == [None, "a"]


# Case 60
@pytest.mark.parametrize("first", ["power controller", "clock"])
def test_the_smaller_of_two_regions_answers_where_both_are(first):
    regions = [Region(0xA40000, 0x4188, None, "power controller"), Region(0xA44180, 8, None, "clock")]
    ordered = sorted(regions, key=lambda region: region.name != first)
    assert names(ordered, 0xA40000, 0xA4417F, 0xA44180, 0xA44187, 0xA44188) == [
        "power controller",
        "power controller",
        "clock",
        "clock",
        None,
    ]


def test_a_small_region_in_a_larger_one_in_a_larger_one_answers():
    regions = [Region(0, 0x100, None, "c"), Region(0x40, 1, None, "a"), Region(0x20, 0x40, None, "b")]
    assert names(regions, 0x1F, 0x20, 0x3F, 0x40, 0x41, 0x5F, 0x60) == ["c", "b", "b", "a", "b", "b", "c"]


def test_where_two_regions_cross_the_smaller_answers():
    regions = [Region(0x00, 0x20, None, "small"), Region(0x10, 0x40, None, "large")]
    assert names(regions, 0x0F, 0x10, 0x1F, 0x20) == ["small", "small", "small", "large"]


def test_of_two_regions_of_one_size_the_one_added_last_answers():
    assert names([Region(0, 8, None, "first"), Region(0, 8, None, "second")], 0) == ["second"]
    assert names([Region(4, 8, None, "first"), Region(0, 8, None, "second")], 3, 4, 7, 8) == [
        "second",
        "second",
        "second",
        "first",
    ]


def test_a_region_may_be_added_after_a_search():
    bus = AddressMap()
    bus.add(Region(0, 0x100, None, "first"))
    assert bus.find(0x80).name == "first"
    bus.add(Region(0x80, 4, None, "second"))
    assert bus.find(0x80).name == "second"
    assert [region.name for region in bus.regions] == ["first", "second"]


@pytest.mark.parametrize("size", [0, -4])
def test_a_region_without_a_byte_is_refused(size):
    with pytest.raises(ValueError, match="ipi: a region needs a size above 0"):
        AddressMap().add(Region(0x100, size, None, "ipi"))


def test_regions_reach_to_the_end_of_the_address_space():
    assert names([Region((1 << 64) - 4, 4, None, "last")], (1 << 64) - 5, (1 << 64) - 1) == [None, "last"]


def test_nothing_answers_on_an_empty_bus_nor_below_address_0():
    assert AddressMap().find(0) is None
    assert names([Region(0, 8, None, "first")], -1) == [None]
