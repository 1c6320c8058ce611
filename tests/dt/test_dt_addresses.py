# ruff: noqa: E501 - a case a line
"""Addresses: `reg` through the `ranges` of every bus above."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dt_reading import read

from kvx_emu.dt.addresses import local_regs, regs

if TYPE_CHECKING:
    from kvx_emu.errors import Finding


def addresses(text: str, path: str) -> tuple[list[tuple[int, int]], list[str]]:
    """The (address, size) pairs of a node, and the findings as `line:column code`."""
    node = read(text).node(path)
    assert node is not None
    found: list[Finding] = []
    result = [(reg.address, reg.size) for reg in regs(node, found.append)]
    return result, [f"{f.place.line}:{f.place.column} {f.code}" for f in found]


BUS = "/ { #address-cells = <2>; #size-cells = <2>; bus { %s d {\nreg = <%s>; }; }; };"


def test_a_device_of_the_root_stands_where_reg_says() -> None:
    text = "/ { #address-cells = <2>; #size-cells = <2>; d { reg = <1 2 0 3>, <0 4 5 0>; }; };"
    assert addresses(text, "/d") == ([(0x1_0000_0002, 3), (4, 0x5_0000_0000)], [])


def test_an_entry_knows_its_cell_and_place() -> None:
    node = read("/ { #size-cells = <1>; #address-cells = <1>; d {\nreg = <1 2>, <3 4>; }; };").node("/d")
    assert node is not None
    assert [(reg.cell, str(reg.place)) for reg in regs(node, pytest.fail)] == [
        (0, "b.dts:3:8"),
        (2, "b.dts:3:15"),
    ]


def test_a_bus_that_says_nothing_has_two_cells_of_address_and_one_of_size() -> None:
    assert addresses("/ { d { reg = <1 2 3>; }; };", "/d") == ([(0x1_0000_0002, 3)], [])


def test_no_reg_is_no_address() -> None:
    assert addresses("/ { d { }; };", "/d") == ([], [])
    assert addresses("/ { reg = <1 2 3>; };", "/") == ([], [])


def test_empty_ranges_are_the_identity() -> None:
    assert addresses(BUS % ("#address-cells = <2>; #size-cells = <1>; ranges;", "0 7 1"), "/bus/d") == (
        [(7, 1)],
        [],
    )


def test_ranges_translate_through_every_bus() -> None:
    text = """/ { #address-cells = <2>; #size-cells = <2>;
      outer { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x1000000 0x100>, <0x100 1 0 0x100>;
        inner { #address-cells = <1>; #size-cells = <1>; ranges = <0x40 0x120 0x20>;
          d { reg = <0x44 4>, <0x5c 4>, <0x5d 4>; }; }; }; };"""
    assert addresses(text, "/outer/inner/d") == ([(0x1_0000_0024, 4), (0x1_0000_003C, 4)], ["5:42 ranges"])


def test_a_bus_without_ranges_is_not_addressable() -> None:
    text = BUS % ("#address-cells = <1>; #size-cells = <1>;", "1 2>, <3 4")
    assert addresses(text, "/bus/d") == ([], ["3:8 ranges", "3:15 ranges"])


def test_numbers_of_cpus_are_local() -> None:
    node = read("/ { cpus { #address-cells = <1>; #size-cells = <0>; c { reg = <0x103>; }; }; };").node(
        "/cpus/c"
    )
    assert node is not None
    assert [(reg.address, reg.size) for reg in local_regs(node, pytest.fail)] == [(0x103, 0)]


@pytest.mark.parametrize(
    ("bus", "reg", "error"),
    [
        ("#address-cells = <2>; #size-cells = <2>; ranges;", "0 1 2", "3:1 reg-format"),
        ("#address-cells = <2>; #size-cells = <2>; ranges;", "", "3:1 reg-format"),
        ("#address-cells = <0>; #size-cells = <1>; ranges;", "1", "3:1 reg-format"),
        ("#address-cells = <0xffffffff>; #size-cells = <0xffffffff>; ranges;", "1", "3:1 reg-format"),
        ("#address-cells = <1 2>; ranges;", "0 1 2", "2:52 addr-size-cells"),
        ("#address-cells = <2>; #size-cells = <2>; ranges;", "0xffffffff 0xffffffff 0 2", "3:8 reg-size"),
        ("#address-cells = <3>; #size-cells = <1>; ranges;", "1 0 0 0", "3:8 reg-size"),
        ("#address-cells = <1>; #size-cells = <1>; ranges = <1 2>;", "0 1", "2:93 ranges"),
        ("#address-cells = <1>; #size-cells = <1>; ranges = [01];", "0 1", "2:93 ranges"),
        ("#address-cells = <1>; #size-cells = <1>; ranges = <0 0xffffffff 0xfffffff0 0x100>;", "0xf 2", "3:8 reg-size"),
    ],
)  # fmt: skip
def test_a_wrong_reg_is_reported_and_left_out(bus: str, reg: str, error: str) -> None:
    result, found = addresses(BUS % (bus, reg), "/bus/d")
    assert result == []
    assert found[0] == error


def test_the_last_byte_of_the_address_space_can_be_used() -> None:
    text = BUS % ("#address-cells = <2>; #size-cells = <2>; ranges;", "0xffffffff 0xffffffff 0 1")
    assert addresses(text, "/bus/d") == ([((1 << 64) - 1, 1)], [])


def test_a_reg_of_odd_bytes_is_reported() -> None:
    assert addresses("/ { d {\nreg = [01 02]; }; };", "/d") == ([], ["3:1 reg-format"])


def test_wrong_cells_of_the_bus_above_are_reported() -> None:
    text = (
        "/ { #address-cells = [01]; bus { #address-cells = <1>; ranges = <1 2 3>; d { reg = <1 1>; }; }; };"
    )
    assert addresses(text, "/bus/d") == ([], ["2:5 addr-size-cells", "2:85 ranges"])


def test_a_size_of_zero_is_translated_as_one_byte() -> None:
    text = BUS % ("#address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x100 0x10>;", "0xf 0>, <0x10 0")
    assert addresses(text, "/bus/d") == ([(0x10F, 0)], ["3:17 ranges"])


def test_of_ranges_that_overlap_the_first_of_the_tree_wins() -> None:
    ranges = "ranges = <0x10 0x1000 0x20>, <0 0x2000 0x100>, <0x18 0x3000 4>;"
    text = BUS % (f"#address-cells = <1>; #size-cells = <1>; {ranges}", "0x18 4>, <8 4>, <0x2e 4>, <0xfe 4")
    text = text.replace(
        "/ { #address-cells = <2>; #size-cells = <2>;", "/ { #address-cells = <1>; #size-cells = <1>;"
    )
    assert addresses(text, "/bus/d") == ([(0x1008, 4), (0x2008, 4), (0x202E, 4)], ["3:35 ranges"])


def test_the_ranges_of_a_large_bus_are_read_once() -> None:
    import time

    ranges = ", ".join(f"<{number} {number} 1>" for number in range(20_000))
    regs_of = ">, <".join(f"{number} 1" for number in range(10_000, 15_000))
    text = "/ { #address-cells = <1>; #size-cells = <1>; bus { #address-cells = <1>; #size-cells = <1>;"
    node = read(f"{text} ranges = {ranges}; d {{ reg = <{regs_of}>; }}; }}; }};").node("/bus/d")
    assert node is not None
    start = time.process_time()
    assert len(regs(node, pytest.fail)) == 5_000
    assert time.process_time() - start < 2
