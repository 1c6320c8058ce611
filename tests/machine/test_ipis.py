"""The IPI controllers of a tree: where their wires go, and what is wrong with them."""

from __future__ import annotations

import pytest
from tiny import (
    BOTH,
    GIC,
    PES_0_AND_1,
    TWO,
    board,
    cpu,
    cpus,
    ipi,
    messages,
    survey,
    told,
    wires_of,
)

from kvx_emu.core_id import CoreId

# Where the wires go


def test_an_ipi_controller_wired_to_something_else_is_an_error():
    text = board(TWO, GIC, ipi(BOTH + ", <&gic 3>"))
    assert told(text) == [("error", "ipi-target", "/ipi@ad0000", "3")]
    assert messages(text) == [
        "/gic@a20000 is no core interrupt controller: the IPI controller's outputs go to cores"
    ]


def test_a_target_that_does_not_say_interrupt_controller_is_an_error():
    text = board(cpus(cpu(0), cpu(1).replace(" interrupt-controller; ", " ")), ipi(BOTH))
    assert told(text)[0] == ("error", "ipi-target", "/ipi@ad0000", "24")


def test_a_core_of_another_cluster_is_not_reached():
    text = board(cpus(cpu(0), cpu(0x100)), ipi("<&pe0 24>, <&c1pe0 24>"))
    assert told(text) == [("error", "ipi-target", "/ipi@ad0000", "24")]
    assert messages(text) == ["the IPI controller of cluster 0 does not reach c1.pe0"]


def test_a_phandle_of_no_node_is_an_error():
    text = board(TWO, ipi(BOTH + ", <0x999 24>"))
    assert told(text) == [("error", "phandle-dangling", "/ipi@ad0000", "0x999")]


@pytest.mark.parametrize("line", [3, 4, 23])
def test_a_line_below_24_is_a_warning_and_no_wire(line):
    text = board(TWO, ipi(BOTH + f", <&pe0 {line}>"))
    assert told(text) == [("warning", "ipi-line-range", "/ipi@ad0000", str(line))]
    assert messages(text) == [f"line {line} is none of the IPI controller's, 24 to 31: it has no effect"]
    assert [(wire.core, wire.line) for wire in survey(text)[0].ipis[0].wires] == PES_0_AND_1


@pytest.mark.parametrize("line", range(24, 32))
def test_lines_24_to_31_are_the_ipi_controllers(line):
    text = board(TWO, ipi(f"<&pe0 {line}>, <&pe1 {line}>"))
    assert wires_of(text) == [(CoreId(0, 0), line), (CoreId(0, 1), line)]


@pytest.mark.parametrize("line", ["32", "0xffffffff"])
def test_a_line_above_31_is_an_error_at_its_cell(line):
    text = board(TWO, ipi(BOTH + f", <&pe0 {line}>"))
    (finding,) = survey(text)[1]
    assert (finding.severity, finding.code) == ("error", "ipi-line-range")
    row = text.splitlines()[6]
    assert row.startswith("ipi@ad0000 {")
    assert (finding.place.path, finding.place.line) == ("board.dts", 7)
    assert finding.place.column == row.index(line) + 1
    assert str(finding).splitlines()[1:] == ["  " + row, "  " + " " * row.index(line) + "^"]
    assert (finding.node, finding.property) == ("/ipi@ad0000", "interrupts-extended")


def test_a_core_named_twice_with_a_line_is_told_at_both_cells():
    text = board(TWO, ipi("<&pe0 24>, <&pe1 24>, <&pe0 0x18>"))
    assert told(text) == [
        ("error", "ipi-core-twice", "/ipi@ad0000", "24"),
        ("error", "ipi-core-twice", "/ipi@ad0000", "0x18"),
    ]
    assert messages(text) == ["pe0 is named twice with line 24"] * 2


def test_a_core_named_thrice_is_told_at_three_cells():
    text = board(TWO, ipi("<&pe0 24>, <&pe0 0x18>, <&pe0 030>, <&pe1 24>"))
    assert [word for _, _, _, word in told(text)] == ["24", "0x18", "030"]


def test_a_core_that_is_not_wired_is_told():
    text = board(cpus(*(cpu(reg) for reg in range(4))), ipi("<&pe0 24>, <&pe2 24>"))
    assert told(text) == [("warning", "ipi-core-missing", "/ipi@ad0000", "interrupts-extended")]
    assert messages(text) == ["not wired to pe1, pe3: Linux leaves the line disabled there"]


def test_a_controller_without_wires_is_told():
    text = board(TWO, ipi(""))
    assert messages(text) == ["not wired to pe0-1: Linux leaves the line disabled there"]


def test_a_controller_of_a_cluster_without_cores_is_told():
    text = board(
        cpus(cpu(0), cpu(0x200)),
        ipi("<&pe0 24>"),
        ipi("<&c2pe0 24>", address=0x3AD0000),
        ipi("", address=0x2AD0000),
    )
    assert told(text) == [("warning", "ipi-core-missing", "/ipi@2ad0000", "ipi@2ad0000")]
    assert messages(text) == ["the IPI controller is in cluster 1, which has no cpu"]


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_core_with_another_line_than_most_is_told_at_its_cell(odd):
    entries = ", ".join(f"<&pe{pid} {0x1D if pid == odd else 24}>" for pid in range(3))
    text = board(cpus(*(cpu(reg) for reg in range(3))), ipi(entries))
    assert told(text) == [("warning", "ipi-lines-differ", "/ipi@ad0000", "29")]
    assert messages(text) == [f"pe{odd} has line 29, other cores line 24"]


def test_a_core_with_a_line_more_is_told_at_that_line():
    entries = "<&pe0 24>, <&pe1 24>, <&pe2 24>, <&pe2 26>"
    text = board(cpus(*(cpu(reg) for reg in range(3))), ipi(entries))
    assert told(text) == [("warning", "ipi-lines-differ", "/ipi@ad0000", "26")]
    assert messages(text) == ["pe2 has line 24, 26, other cores line 24"]


def test_a_core_with_a_line_less_is_told_at_its_first():
    entries = "<&pe0 24>, <&pe1 24>, <&pe2 0x18>, <&pe0 25>, <&pe1 25>"
    text = board(cpus(*(cpu(reg) for reg in range(3))), ipi(entries))
    assert told(text) == [("warning", "ipi-lines-differ", "/ipi@ad0000", "0x18")]


# Its registers


@pytest.mark.parametrize("address", [0x10000000, 0x2AD0000, 0x1_00AD_0000])
def test_a_controller_in_no_clusters_window_is_an_error(address):
    node = ipi(BOTH).replace("<0 0xad0000", f"<{address >> 32} {address & 0xFFFFFFFF:#x}")
    text = board(TWO, node)
    assert told(text) == [("error", "ipi-window", "/ipi@ad0000", f"{address & 0xFFFFFFFF:#x}")]
    assert survey(text)[0].ipis == ()


@pytest.mark.parametrize(
    ("address", "size", "severity", "guilty", "found"),
    [
        (0xAD0000, 0x3C, "error", "0x3c", "the size 0x3c does not hold the 8 sets of registers, 0x40 bytes"),
        (
            0xAD0002,
            0x1000,
            "error",
            "0xad0002",
            "the registers start at 0x1ad0002, which is no multiple of 4",
        ),
        (0xAD0000, 0x2000, "warning", "0x2000", "the size 0x2000 is more than the block's 0x1000"),
    ],
)
def test_a_controller_of_another_size_or_alignment_is_told(address, size, severity, guilty, found):
    text = board(TWO, ipi(BOTH, address=address, size=size))
    assert told(text) == [(severity, "ipi-reg-size", f"/ipi@{address:x}", guilty)]
    assert messages(text) == [found]


def test_the_smallest_controller_holds_its_registers():
    assert wires_of(board(TWO, ipi(BOTH, size=0x40))) == PES_0_AND_1


def test_a_controller_of_size_0_is_an_error():
    text = board(TWO, ipi(BOTH, size=0))
    assert told(text) == [("error", "ipi-reg-size", "/ipi@ad0000", "0x0")]
    assert messages(text) == ["the registers of /ipi@ad0000 have size 0"]


def test_a_controller_beyond_the_address_space_is_an_error():
    text = board(TWO, ipi(BOTH).replace("0 0x1000", "0xffffffff 0xffffffff"))
    assert [row[:3] for row in told(text)] == [("error", "ipi-reg-size", "/ipi@ad0000")]


def test_a_controller_without_reg_is_an_error():
    text = board(TWO, ipi(BOTH).replace("reg = <0 0xad0000 0 0x1000>;", ""))
    assert told(text) == [("error", "reg-format", "/ipi@ad0000", "ipi@ad0000")]
    assert messages(text) == ["/ipi@ad0000, IPI controller, has no reg"]


def test_a_controller_with_half_a_reg_is_an_error():
    text = board(TWO, ipi(BOTH).replace("<0 0xad0000 0 0x1000>", "<0 0xad0000 0>"))
    assert told(text) == [("error", "reg-format", "/ipi@ad0000", "reg")]


def test_a_controller_with_two_regions_is_an_error_at_the_second():
    text = board(TWO, ipi(BOTH).replace("0 0x1000>", "0 0x1000>, <1 0 0 0x1000>"))
    assert told(text) == [("error", "reg-format", "/ipi@ad0000", "1")]
    assert messages(text) == ["/ipi@ad0000, IPI controller, has one region of registers; found 2"]


def test_a_controller_on_a_bus_without_ranges_is_an_error():
    text = board(TWO, "soc { #address-cells = <2>; #size-cells = <2>;", ipi(BOTH), "};")
    assert told(text) == [("error", "ranges", "/soc/ipi@ad0000", "0")]


def test_two_controllers_that_overlap_are_told_at_both():
    text = board(TWO, ipi(BOTH), ipi("<&pe0 25>, <&pe1 25>", address=0xAD0800))
    assert told(text) == [
        ("error", "ipi-twice", "/ipi@ad0000", "ipi@ad0000"),
        ("error", "ipi-twice", "/ipi@ad0800", "ipi@ad0800"),
        ("error", "ipi-reg-overlap", "/ipi@ad0000", "0xad0000"),
        ("error", "ipi-reg-overlap", "/ipi@ad0800", "0xad0800"),
    ]
    assert messages(text)[2] == "/ipi@ad0000 and /ipi@ad0800 overlap at 0x1ad0800 to 0x1ad0fff"
    assert messages(text)[0] == "cluster 0 has two IPI controllers, /ipi@ad0000 and /ipi@ad0800"


def test_of_many_controllers_at_one_place_each_is_told():
    nodes = [ipi("", address=0xAD0000 + 0x100 * place) for place in range(8)]
    found = [node for _, code, node, _ in told(board(TWO, *nodes)) if code == "ipi-reg-overlap"]
    assert sorted(set(found)) == [f"/ipi@ad0{place}00" for place in range(8)]


def test_a_block_inside_another_is_told_whatever_lies_between():
    small = GIC.replace("a20000 0 0x12000", "ad0000 0 0x40").replace("a20000", "ad0000")
    text = board(TWO, small, small.replace("ad0000", "ad0f00").replace("gic:", ""), ipi(BOTH))
    found = [(code, node) for _, code, node, _ in told(text) if code != "gic-reg-size"]
    assert found == [
        ("ipi-reg-overlap", "/gic@ad0000"),
        ("ipi-reg-overlap", "/ipi@ad0000"),
        ("ipi-reg-overlap", "/ipi@ad0000"),
        ("ipi-reg-overlap", "/gic@ad0f00"),
    ]


def test_a_block_that_a_smaller_one_follows_still_overlaps_a_later_controller():
    large = GIC.replace("a20000 0 0x12000", "a00000 0 0x100000").replace("a20000", "a00000")
    small = GIC.replace("gic: ", "")
    text = board(TWO, large, small, ipi(BOTH))
    found = [(code, node) for _, code, node, _ in told(text) if code != "gic-reg-size"]
    assert found == [
        ("ipi-reg-overlap", "/gic@a00000"),
        ("ipi-reg-overlap", "/ipi@ad0000"),
    ]


def test_two_controllers_of_a_cluster_are_told_at_both():
    text = board(TWO, ipi(BOTH), ipi(BOTH, address=0xAE0000))
    assert told(text) == [
        ("error", "ipi-twice", "/ipi@ad0000", "ipi@ad0000"),
        ("error", "ipi-twice", "/ipi@ae0000", "ipi@ae0000"),
    ]


def test_a_controller_that_overlaps_another_block_of_kalrays_is_told_at_both():
    text = board(TWO, GIC, ipi(BOTH, address=0xA31000, size=0x2000))
    assert told(text) == [
        ("warning", "ipi-reg-size", "/ipi@a31000", "0x2000"),
        ("error", "ipi-reg-overlap", "/gic@a20000", "0xa20000"),
        ("error", "ipi-reg-overlap", "/ipi@a31000", "0xa31000"),
    ]
    assert messages(text)[1] == "/gic@a20000 and /ipi@a31000 overlap at 0x1a31000 to 0x1a31fff"


def test_blocks_side_by_side_do_not_overlap():
    assert told(board(TWO, GIC, ipi(BOTH, address=0xA32000))) == []
    assert told(board(TWO, GIC, ipi(BOTH, address=0xA1F000))) == []


def test_memory_over_the_registers_is_told_at_both():
    memory = 'memory@0 { device_type = "memory"; reg = <0 0 0 0x4000000>; };'
    text = board(TWO, memory, ipi(BOTH))
    assert told(text) == [
        ("warning", "mem-overlap", "/memory@0", "0"),
        ("warning", "mem-overlap", "/ipi@ad0000", "0xad0000"),
    ]
    assert messages(text)[0] == "/memory@0 and /ipi@ad0000 overlap at 0x1ad0000 to 0x1ad0fff"


def test_an_unknown_node_over_the_registers_is_nobodys_business():
    syscon = 'syscon@ad0000 { compatible = "vendor,syscon"; reg = <0 0xad0000 0 0x1000>; };'
    assert told(board(TWO, syscon, ipi(BOTH))) == []
