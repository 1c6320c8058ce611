# ruff: noqa: E501 - a case a line
"""Interrupts: which controller, which cells, and what is wrong where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dt_reading import read

from kvx_emu.dt.interrupts import interrupts
from kvx_emu.dt.load import read_tree

if TYPE_CHECKING:
    from pathlib import Path

    from kvx_emu.errors import Finding

TWO = "i: i { interrupt-controller; #interrupt-cells = <2>; }; j: j { #interrupt-cells = <0>; };"


def wired(text: str, path: str) -> tuple[list[tuple[str, tuple[int, ...], str]], list[str]]:
    """The (controller, cells, place) of a node's interrupts, and the findings as `place code message`."""
    node = read(text).node(path)
    assert node is not None
    found: list[Finding] = []
    result = [
        (i.controller.path, i.cells, f"{i.place.line}:{i.place.column}")
        for i in interrupts(node, found.append)
    ]
    return result, [f"{f.place.line}:{f.place.column} {f.code} {f.message}" for f in found]


def test_extended_interrupts_name_their_controllers() -> None:
    text = f"/ {{ d {{\ninterrupts-extended = <&i 1 2>, <&j>, <&i 3 4>; }}; {TWO} }};"
    assert wired(text, "/d") == ([("/i", (1, 2), "3:27"), ("/j", (), "3:34"), ("/i", (3, 4), "3:43")], [])


def test_interrupts_go_to_the_parent_that_is_named() -> None:
    text = f"/ {{ d {{ interrupt-parent = <&i>;\ninterrupts = <1 2>, <3 4>; }}; {TWO} }};"
    assert wired(text, "/d") == ([("/i", (1, 2), "3:15"), ("/i", (3, 4), "3:22")], [])


def test_extended_interrupts_win() -> None:
    text = f"/ {{ d {{ interrupts = <1>; interrupts-extended = <&j>; }}; {TWO} }};"
    assert [entry[0] for entry in wired(text, "/d")[0]] == ["/j"]


def test_the_parent_is_inherited() -> None:
    text = f"/ {{ interrupt-parent = <&i>; b {{ c {{ d {{\ninterrupts = <1 2>; }}; }}; }}; {TWO} }};"
    assert wired(text, "/b/c/d") == ([("/i", (1, 2), "3:15")], [])


def test_a_controller_above_is_the_parent_before_any_that_is_inherited() -> None:
    text = f"/ {{ interrupt-parent = <&i>; c {{ interrupt-controller; #interrupt-cells = <1>; d {{\ninterrupts = <7>; }}; }}; {TWO} }};"
    assert wired(text, "/c/d") == ([("/c", (7,), "3:15")], [])


def test_a_parent_that_is_no_controller_is_returned_for_the_caller_to_see() -> None:
    node = read(
        "/ { d { interrupt-parent = <&n>; interrupts = <1>; }; n: n { #interrupt-cells = <1>; }; };"
    ).node("/d")
    assert node is not None
    (interrupt,) = interrupts(node, pytest.fail)
    assert not interrupt.controller.has("interrupt-controller")
    assert interrupt.property == "interrupts"


def test_no_interrupts_are_none() -> None:
    assert wired("/ { d { }; e { interrupts; }; };", "/d") == ([], [])
    assert wired("/ { d { }; e { interrupts; }; };", "/e") == ([], [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("interrupts-extended = <0 1>;", "3:24 phandle-dangling 'interrupts-extended' of /d: 0 is no phandle"),
        ("interrupts-extended = <0xffffffff 1>;", "3:24 phandle-dangling 'interrupts-extended' of /d: 0xffffffff is no phandle: a reference of an overlay that was never resolved"),
        ("interrupts-extended = <&j 0x999>;", "3:27 phandle-dangling 'interrupts-extended' of /d: no node has the phandle 0x999"),
        ("interrupts-extended = <&i 1>;", "3:24 interrupts-extended-property 'interrupts-extended' of /d is cut short: /i takes 2 cells, found 1"),
        ("interrupts-extended = <&n 1>;", "4:4 intc-cells interrupts lead to /n: expected a '#interrupt-cells' of one cell there, but it has none"),
        ("interrupts-extended = <&m 1>;", "5:8 intc-cells interrupts lead to /m: expected a '#interrupt-cells' of one cell there, but it has one of 2 bytes"),
        ("interrupts-extended = [01];", "3:1 interrupts-extended-property 'interrupts-extended' of /d has 1 bytes; expected cells of four bytes"),
        ("interrupts = <1>;", "3:1 interrupts-property /d has 'interrupts', but neither it nor an ancestor has an 'interrupt-parent'"),
        ("interrupts = <1>; interrupt-parent = <3 4>;", "3:19 interrupts-property 'interrupt-parent' of /d has 8 bytes; expected one cell of four bytes"),
        ("interrupts = <1>; interrupt-parent = <9>;", "3:39 phandle-dangling 'interrupt-parent' of /d: no node has the phandle 0x9"),
        ("interrupts = <1>; interrupt-parent = <&n>;", "4:4 intc-cells interrupts lead to /n: expected a '#interrupt-cells' of one cell there, but it has none"),
        ("interrupts = <1>; interrupt-parent = <&j>;", "3:1 interrupts-property 'interrupts' of /d: /j takes specifiers of no cells"),
        ("interrupts = <1 2 3>; interrupt-parent = <&i>;", "3:19 interrupts-property 'interrupts' of /d is cut short: /i takes 2 cells, found 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_the_guilty_cell(body: str, error: str) -> None:
    text = f'/ {{ d {{\n{body} }};\nn: n {{ }};\nm: m {{ #interrupt-cells = "0"; }}; {TWO} }};'
    assert wired(text, "/d")[1][0] == error


def test_what_stands_before_an_error_is_returned() -> None:
    text = f"/ {{ d {{ interrupts-extended = <&j>, <&i 1 2>, <&i 3>; }}; {TWO} }};"
    result, found = wired(text, "/d")
    assert [entry[:2] for entry in result] == [("/j", ()), ("/i", (1, 2))]
    assert len(found) == 1


def test_one_wrong_controller_gives_equal_findings_to_all() -> None:
    tree = read("/ { a { interrupts-extended = <&n 1>; }; b { interrupts-extended = <&n 2>; }; n: n { }; };")
    found: list[Finding] = []
    for node in tree.nodes():
        interrupts(node, found.append)
    assert len(found) == 2
    assert len(set(found)) == 1


def test_the_ipi_controllers_of_kalray_are_wired_as_their_trees_say(shared: Path) -> None:
    tree = read_tree((shared / "boards" / "coolidge-qemu.dts").read_bytes(), "b")
    node = tree.node("/ipi_ctrl@ad0000")
    assert node is not None
    wires = interrupts(node, pytest.fail)
    assert [(wire.controller.path, wire.cells) for wire in wires] == [
        (f"/cpus/cpu@{core}/interrupt-controller", (24,)) for core in range(16)
    ]
    assert str(wires[1].place) == "b:192:24"
    tree = read_tree((shared / "boards" / "mppa-coolidge.dtb").read_bytes(), "b")
    (node,) = [node for node in tree.nodes() if node.strings("compatible") == ["kalray,kvx-ipi-ctrl"]]
    assert [(wire.controller.path, wire.cells) for wire in interrupts(node, pytest.fail)] == [
        ("/core_intc", (24,))
    ]
