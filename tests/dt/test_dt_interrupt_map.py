# ruff: noqa: E501 - a case a line
"""Interrupts through nexus nodes: the entry that is taken, and what is wrong where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dt_reading import read

from kvx_emu.dt.interrupts import interrupts
from kvx_emu.dt.load import read_tree

if TYPE_CHECKING:
    from pathlib import Path

    from kvx_emu.errors import Finding

# Two controllers: i takes two cells and has no unit address, j takes one and has a unit address of two.
INTC = "i: i { interrupt-controller; #interrupt-cells = <2>; };"
JINT = "j: j { interrupt-controller; #interrupt-cells = <1>; #address-cells = <2>; };"


def followed(
    text: str, path: str = "/d"
) -> tuple[list[tuple[str, tuple[int, ...], int, list[str]]], list[str]]:
    """The (controller, cells, number, places of entries) of a node's interrupts, and the findings."""
    node = read(f"/ {{\n{text}\n{INTC} {JINT} }};").node(path)
    assert node is not None
    found: list[Finding] = []
    result = [
        (
            each.controller.path,
            each.cells,
            each.number,
            [f"{e.place.line}:{e.place.column}" for e in each.through],
        )
        for each in interrupts(node, found.append)
    ]
    return result, [f"{f.place.line}:{f.place.column} {f.code} {f.message}" for f in found]


def ends(text: str, path: str = "/d") -> list[tuple[str, tuple[int, ...]]]:
    """The (controller, cells) of a node's interrupts, of which none is wrong."""
    result, found = followed(text, path)
    assert found == []
    return [entry[:2] for entry in result]


def nexus(entries: str, *, address: int = 0, cells: int = 1, more: str = "", name: str = "n") -> str:
    return (
        f"{name}: {name} {{ #address-cells = <{address}>; #interrupt-cells = <{cells}>; {more}\n"
        f"interrupt-map = {entries}; }};"
    )


def test_an_interrupt_goes_where_the_entry_of_its_specifier_says() -> None:
    text = nexus("<1 &i 7 4>, <2 &j 0 9 5>") + "d { interrupt-parent = <&n>; interrupts = <2>, <1>; };"
    assert followed(text) == ([("/j", (5,), 0, ["4:30"]), ("/i", (7, 4), 1, ["4:18"])], [])


def test_extended_interrupts_go_through_a_nexus_too() -> None:
    text = nexus("<1 &i 7 4>") + "d { interrupts-extended = <&i 3 1>, <&n 1>; };"
    assert ends(text) == [("/i", (3, 1)), ("/i", (7, 4))]


def test_an_interrupt_keeps_the_place_where_the_device_names_it() -> None:
    tree = read(f"/ {{ {nexus('<1 &i 7 4>')}\nd {{ interrupts-extended = <&n 1>; }};\n{INTC} }};")
    node = tree.node("/d")
    assert node is not None
    (interrupt,) = interrupts(node, pytest.fail)
    assert (interrupt.place.line, interrupt.place.column, interrupt.cell) == (4, 31, 1)
    assert interrupt.property == "interrupts-extended"


def test_a_node_below_a_nexus_has_it_for_its_parent() -> None:
    text = "n { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &i 7 4>; d { interrupts = <1>; }; };"
    assert ends(text, "/n/d") == [("/i", (7, 4))]


def test_the_first_entry_that_matches_wins() -> None:
    text = nexus("<1 &i 7 4>, <1 &i 8 4>") + "d { interrupts-extended = <&n 1>; };"
    assert ends(text) == [("/i", (7, 4))]


def test_the_mask_says_which_bits_count_in_the_entry_as_well() -> None:
    masked = nexus("<0x11 &i 7 4>, <0x12 &i 8 4>", more="interrupt-map-mask = <3>;")
    assert ends(masked + "d { interrupts-extended = <&n 1>, <&n 0xf2>; };") == [
        ("/i", (7, 4)),
        ("/i", (8, 4)),
    ]


def test_a_mask_of_zeros_matches_everything() -> None:
    masked = nexus("<1 &i 7 4>", more="interrupt-map-mask = <0>;")
    assert ends(masked + "d { interrupts-extended = <&n 99>; };") == [("/i", (7, 4))]


def test_the_unit_address_of_a_device_chooses_with_its_specifier() -> None:
    entries = "<0x100 0 1 &i 7 4>, <0x200 0 1 &i 8 4>"
    bus = nexus(entries, address=2, more="interrupt-map-mask = <0xff00 0 7>; #size-cells = <1>;")
    text = bus.replace("; };", "; d@234 { reg = <0x234 5 1>; interrupts = <9>; }; };")
    assert ends(text, "/n/d@234") == [("/i", (8, 4))]


def test_a_parent_with_address_cells_takes_a_unit_address_and_one_without_none() -> None:
    text = nexus("<1 &j 0xa 0xb 5>, <2 &i 7 4>") + "d { interrupts-extended = <&n 1>, <&n 2>; };"
    assert ends(text) == [("/j", (5,)), ("/i", (7, 4))]


def test_a_nexus_may_lead_to_another_with_a_unit_address_there() -> None:
    inner = nexus("<0xa 0xb 5 6 &j 0 0 3>", address=2, cells=2, name="m")
    text = inner + nexus("<1 &m 0xa 0xb 5 6>") + "d { interrupts-extended = <&n 1>; };"
    assert followed(text) == ([("/j", (3,), 0, ["5:18", "4:18"])], [])


def test_a_controller_with_a_map_keeps_what_the_map_gives_to_itself() -> None:
    text = nexus("<1 &n 4>, <2 &i 7 4>", more="interrupt-controller;")
    assert ends(text + "d { interrupts-extended = <&n 1>, <&n 2>; };") == [("/n", (4,)), ("/i", (7, 4))]


def test_an_entry_with_a_disabled_parent_is_passed_over() -> None:
    off = 'o: o { interrupt-controller; #interrupt-cells = <1>; status = "disabled"; };'
    text = off + nexus("<1 &o 7>, <1 &i 8 4>, <2 &o 9>") + "d { interrupts-extended = <&n 1>, <&n 2>; };"
    assert ends(text) == [("/i", (8, 4)), ("/o", (9,))]


def test_what_does_not_match_leaves_out_that_interrupt_alone() -> None:
    text = nexus("<1 &i 7 4>") + "d {\ninterrupts-extended = <&n 3>, <&n 1>; };"
    result, found = followed(text)
    assert result == [("/i", (7, 4), 1, ["4:18"])]
    assert found == ["5:27 interrupt-map-match no entry of the 'interrupt-map' of /n matches specifier <0x3>"]


def test_a_device_without_the_unit_address_that_a_map_asks_for_is_told() -> None:
    text = nexus("<0 1 &i 7 4>", address=1) + "d {\ninterrupts-extended = <&n 1>; };"
    message = "the 'interrupt-map' of /n asks for 1 cells of unit address, but the 'reg' of /d has 0"
    assert followed(text) == ([], [f"5:27 interrupt-map-match {message}"])


def test_a_unit_address_that_does_not_match_is_told_with_it() -> None:
    text = nexus("<0 1 &i 7 4>", address=1) + "d { reg = <9>;\ninterrupts-extended = <&n 1>; };"
    message = "no entry of the 'interrupt-map' of /n matches unit address <0x9>, specifier <0x1>"
    assert followed(text) == ([], [f"5:27 interrupt-map-match {message}"])


def test_an_empty_map_matches_nothing() -> None:
    text = nexus("<>") + "d {\ninterrupts-extended = <&n 1>; };"
    message = "no entry of the 'interrupt-map' of /n matches specifier <0x1>"
    assert followed(text) == ([], [f"5:27 interrupt-map-match {message}"])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("<1 &m 2>", "<2 &n 1>", "5:18 interrupt-map 'interrupt-map' of /m: a loop: it leads back to /n"),
        (
            "<1 &n 2>, <2 &i 7 4>",
            "<2 &n 1>",
            "4:18 interrupt-map 'interrupt-map' of /n: a loop: it leads back to /n",
        ),
    ],
)
def test_a_circle_of_nexus_nodes_is_refused(first: str, second: str, message: str) -> None:
    text = nexus(first) + nexus(second, name="m") + "d { interrupts-extended = <&n 1>; };"
    assert followed(text) == ([], [message])


@pytest.mark.parametrize(("nodes", "through"), [(32, 32), (33, None)])
def test_so_many_nexus_nodes_in_a_row_are_too_many(nodes: int, through: int | None) -> None:
    row = [nexus(f"<1 &n{number + 1} 1>", name=f"n{number}") for number in range(nodes - 1)]
    text = (
        "\n".join(row) + nexus("<1 &i 7 4>", name=f"n{nodes - 1}") + "d { interrupts-extended = <&n0 1>; };"
    )
    result, found = followed(text)
    assert [len(entry[3]) for entry in result] == ([] if through is None else [through])
    assert [line.split(" ", 1)[1] for line in found] == (
        [] if through else ["interrupt-map 'interrupt-map' of /n32: too long a way"]
    )


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        ("#address-cells = <0>;\ninterrupt-map = <1 &i 7>;", "4:18 interrupt-map 'interrupt-map' of /n: this entry is cut short: it has 4 cells, found 3"),
        ("#address-cells = <0>;\ninterrupt-map = <1>;", "4:18 interrupt-map 'interrupt-map' of /n: this entry is cut short: it has 2 cells, found 1"),
        ("#address-cells = <0>;\ninterrupt-map = <2 &i 7 4>, <1 0x99 7 4>;", "4:32 phandle-dangling 'interrupt-map' of /n: no node has the phandle 0x99"),
        ("#address-cells = <0>;\ninterrupt-map = <2 &i 7 4>, <1 &n2 7 4>;", "4:32 interrupt-map 'interrupt-map' of /n: the interrupt parent /n2 has no sound #interrupt-cells or #address-cells"),
        ("#address-cells = <0>;\ninterrupt-map = <1 &n3 7 4>;", "4:20 interrupt-map 'interrupt-map' of /n: the interrupt parent /n3 has no sound #interrupt-cells or #address-cells"),
        ("#address-cells = <0>;\ninterrupt-map = [01];", "4:1 interrupt-map 'interrupt-map' of /n has 1 bytes; expected cells of four bytes"),
        ("\ninterrupt-map = <1 &i 7 4>;", "4:1 interrupt-map /n has an 'interrupt-map', but no '#address-cells' of one cell; expected one, also of 0"),
        ("#address-cells = [00];\ninterrupt-map = <1 &i 7 4>;", "4:1 interrupt-map /n has an 'interrupt-map', but no '#address-cells' of one cell; expected one, also of 0"),
        ("#address-cells = <0>; interrupt-map = <1 &i 7 4>;\ninterrupt-map-mask = <0 0>;", "4:1 interrupt-map 'interrupt-map-mask' of /n has 2 cells; expected 1, those of a child's unit address and specifier"),
        ("#address-cells = <0>; interrupt-map = <1 &i 7 4>;\ninterrupt-map-mask = [01];", "4:1 interrupt-map 'interrupt-map-mask' of /n has 1 bytes; expected cells of four bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_map_is_told_at_its_cell_and_once(properties: str, error: str) -> None:
    nodes = "n2: n2 { }; n3: n3 { #interrupt-cells = <1>; #address-cells = [00]; };"
    text = f"n: n {{ #interrupt-cells = <1>; {properties} }}; {nodes} d {{ interrupts-extended = <&n 1>; }};"
    assert followed(text) == ([], [error])


def test_entries_before_one_that_is_wrong_hold() -> None:
    text = nexus("<1 &i 7 4>, <2 0x99 0>") + "d { interrupts-extended = <&n 1>; };"
    result, found = followed(text)
    assert result == [("/i", (7, 4), 0, ["4:18"])]
    assert found == ["4:32 phandle-dangling 'interrupt-map' of /n: no node has the phandle 0x99"]


def test_one_wrong_map_gives_equal_findings_to_all() -> None:
    text = f"/ {{ {nexus('<1 0x99 7 4>')} a {{ interrupts-extended = <&n 1>; }}; b {{ interrupts-extended = <&n 2>; }}; }};"
    found: list[Finding] = []
    for node in read(text).nodes():
        interrupts(node, found.append)
    assert len(found) == 2
    assert len(set(found)) == 1


def test_a_map_that_asks_for_more_cells_than_there_are_is_no_map() -> None:
    text = nexus("<1 2>", address=0xFFFFFFFF) + "d { reg = <1 2 3>; interrupts-extended = <&n 1>; };"
    assert [line.split()[1] for line in followed(text)[1]] == ["interrupt-map"]


@pytest.mark.parametrize("name", ["bad-interrupt-map", "bad-interrupt-map-mask", "bad-interrupt-map-parent"])
def test_the_wrong_maps_of_dtcs_own_tests_are_wrong_here(shared: Path, name: str) -> None:
    tree = read_tree((shared / "dtc-tests" / f"{name}.dts").read_bytes(), "b.dts")
    node = tree.node("/node/child")
    assert node is not None
    found: list[Finding] = []
    assert interrupts(node, found.append) == []
    assert [finding.code for finding in found] == ["interrupt-map"]


def test_linuxs_multiplexer_of_interrupts_passes_them_on(shared: Path) -> None:
    data = (shared / "linux" / "expected" / "riscv__microchip__mpfs-icicle-kit.dts.dtb").read_bytes()
    tree = read_tree(data, "icicle")
    (gpio,) = [node for node in tree.nodes() if node.path == "/soc/gpio@20122000"]
    found = interrupts(gpio, pytest.fail)
    assert [(each.controller.name, each.cells) for each in found][:1] == [
        ("interrupt-controller@c000000", (53,))
    ]
