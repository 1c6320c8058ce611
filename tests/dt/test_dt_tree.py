"""The tree in memory: nodes, values, and what is wrong with their form."""

from __future__ import annotations

import fdt
import pytest
from dt_reading import read

from kvx_emu.dt.tree import raw_value
from kvx_emu.errors import InputError


def test_a_node_tells_its_name_and_relations() -> None:
    tree = read("/ { l: n@1,2 { m { }; }; };")
    node = tree.by_label["l"]
    assert (node.name, node.unit_address, node.path) == ("n@1,2", "1,2", "/n@1,2")
    assert node.parent is tree.root
    assert node.tree is tree
    assert node.children[0].path == "/n@1,2/m"
    assert node.children[0].unit_address is None
    assert tree.root.parent is None
    assert tree.root.name == ""
    assert repr(node) == "<Node /n@1,2>"


def test_a_node_is_found_by_its_full_path_only() -> None:
    tree = read("/ { a { b@0 { }; }; };")
    node = tree.node("/a/b@0")
    assert node is not None
    assert node.path == "/a/b@0"
    assert tree.node("/") is tree.root
    assert tree.node("/a/b") is None
    assert tree.node("a") is None
    assert tree.node("/c/d") is None


@pytest.mark.parametrize(
    ("status", "enabled"),
    [("", True), ('status = "okay";', True), ('status = "ok";', True), ('status = "disabled";', False),
     ('status = "okay", "x";', False), ("status;", False), ("status = [6f 6b];", False)],
)  # fmt: skip
def test_a_node_is_enabled_unless_its_status_says_otherwise(status: str, enabled: bool) -> None:
    tree = read(f"/ {{ a {{ {status} b {{ }}; }}; }};")
    assert [node.enabled for node in tree.nodes()] == [True, enabled, enabled]


def test_values_are_read_in_the_form_that_is_asked_for() -> None:
    node = read('/ { c = <0x41424300>; d = <1 2>; s = "a", "", "é"; e; };').root
    assert node.cells("c") == [0x41424300]
    assert node.cell("c") == 0x41424300
    assert node.cells("d") == [1, 2]
    assert node.cells("e") == []
    assert node.strings("s") == ["a", "", "é"]
    assert node.strings("c") == ["ABC"]
    assert node.strings("e") == []
    assert node.has("e")


def test_a_property_that_is_not_there_has_no_value() -> None:
    node = read("/ { };").root
    assert node.raw("x") is None
    assert node.cell("x") is None
    assert node.cells("x") == []
    assert node.strings("x") == []
    assert not node.has("x")


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("cells", "b", "'b' of / has 3 bytes; expected cells of four bytes"),
        ("cells", "s", "'s' of / has 2 bytes; expected cells of four bytes"),
        ("cell", "d", "'d' of / has 8 bytes; expected one cell of four bytes"),
        ("strings", "b", "'b' of / does not end with a NUL byte; expected strings"),
    ],
)
def test_a_value_of_another_form_is_an_error_with_its_place(method: str, name: str, message: str) -> None:
    node = read('/ {\nb = [01 02 03]; s = "x"; d = <1 2>; };').root
    with pytest.raises(InputError) as caught:
        getattr(node, method)(name)
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == ("property-format", message)
    assert finding.place == node.property_place(name)
    assert (finding.node, finding.property) == ("/", name)


def test_the_tree_of_fdt_is_the_tree() -> None:
    tree = read('/ { a = <1>; n { s = "x"; b = [01]; e; }; };')
    assert isinstance(tree.fdt, fdt.FDT)
    assert tree.fdt.get_property("a").data == [1]
    node = tree.fdt.get_node("/n")
    assert node.parent is tree.fdt.root
    assert [raw_value(item) for item in node.props] == [b"x\0", b"\x01", b""]
    assert all(item.parent is node for item in node.props)


def test_trees_share_nothing() -> None:
    first = read("/memreserve/ 1 2; / { };")
    second = read("/ { };")
    assert second.fdt.entries == []
    assert first.fdt.entries == [{"address": 1, "size": 2}]
    assert first.reservations[0].address == 1
    assert first.reservations[0].size == 2


def test_labels_of_the_tree_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        read("/ { };").by_label["x"] = None  # type: ignore[index]
