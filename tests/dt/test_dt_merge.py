# ruff: noqa: E501 - a case a line
"""Several blocks make one tree: dtc's rules of merging and deleting, and what is told about them."""

from __future__ import annotations

import pytest
from dt_reading import differences, errors, read, run_dtc

V = "/dts-v1/;\n"


def shape(text: str) -> list[str]:
    """The nodes of a tree with their properties, in order."""
    return [f"{node.path}: {' '.join(node.properties)}".rstrip() for node in read(text).nodes()]


def warnings(text: str) -> list[str]:
    result = []
    for each in read(V + text).warnings:
        assert each.severity == "warning"
        result.append(f"{each.place.line}:{each.place.column} {each.code} {each.message}")
    return result


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("/ { a; n { b; }; }; / { c; n { d; }; m { }; };", ["/: a c", "/n: b d", "/m:"]),
        ("/ { a = <1>; b; }; / { a = <2>; };", ["/: a b"]),
        ("/ { l: n { a; m { }; }; }; &l { b; m { c; }; k { }; };", ["/:", "/n: a b", "/n/m: c", "/n/k:"]),
        ("/ { n { m { a; }; }; }; &{/n/m} { b; };", ["/:", "/n:", "/n/m: a b"]),
        ("/ { n { }; }; &{/} { a; };", ["/: a", "/n:"]),
        ("/ { l: n { m { a; }; }; }; &{l/m} { b; };", ["/:", "/n:", "/n/m: a b"]),
        ("/ { n { }; }; k: &{/n} { a; }; &k { b; };", ["/:", "/n: a b"]),
        ("/ { n { l: a; b; }; }; / { n { /delete-property/ a; }; };", ["/:", "/n: b"]),
        ("/ { n { m { }; k { }; }; }; / { n { /delete-node/ m; }; };", ["/:", "/n:", "/n/k:"]),
        ("/ { l: n { }; m { }; }; /delete-node/ &l;", ["/:", "/m:"]),
        ("/ { n { k { }; }; m { }; }; /delete-node/ &{/n/k};", ["/:", "/n:", "/m:"]),
        # Deleted and defined anew in one block: nothing of the old one is left, and its place is.
        ("/ { n { a; k { }; }; m { }; }; / { /delete-node/ n; n { b; }; };", ["/:", "/n: b", "/m:"]),
        ("/ { a; b; }; / { /delete-property/ a; a = <1>; };", ["/: a b"]),
        ("/ { l: n { a; k { }; }; }; /delete-node/ &l; / { l: n { b; }; }; &l { c; };", ["/:", "/n: b c"]),
        # In the braces of its first definition nothing is deleted.
        ("/ { /delete-node/ n; n { a; }; };", ["/:", "/n: a"]),
        ("/ { /delete-property/ a; a; };", ["/: a"]),
        ("/ { }; / { n { }; /delete-node/ n; };", ["/:"]),
        # Twice within a later block: merged.
        ("/ { n { }; }; / { n { a; a; b; }; };", ["/:", "/n: a b"]),
        ("/ { }; / { n { a; }; n { b; }; };", ["/:", "/n: a b"]),
        # What is left out if nothing refers to it.
        ("/ { /omit-if-no-ref/ n { m { }; }; k { }; };", ["/:", "/k:"]),
        ("/ { a = <&l>; /omit-if-no-ref/ l: n { }; };", ["/: a", "/n: phandle"]),
        ("/ { a = &l; l: /omit-if-no-ref/ m: n { }; };", ["/: a", "/n:"]),
        ("/ { l: n { }; m { }; }; /omit-if-no-ref/ &l;", ["/:", "/m:"]),
        # A deletion may have labels, which mean nothing.
        ("/ { n { }; }; / { l: /delete-node/ n; };", ["/:"]),
        ("/ { a; }; / { l: /delete-property/ a; };", ["/:"]),
        ("/ { a; n { }; }; / { /omit-if-no-ref/ /delete-node/ n; };", ["/: a"]),
        ("/ { n { }; }; /delete-node/ &{/}; / { a; };", ["/: a"]),
        # Of two nodes with one label, the first of the tree, even if the other remains.
        ("/ { m: m { l: n { }; }; l: n { a; }; }; &l { c; }; /delete-node/ &m;", ["/:", "/n: a"]),
        # Of two nodes of one name, the one that is not deleted.
        ("/ { /delete-node/ n; n { m { }; }; }; &{/n/m} { a; };", ["/:", "/n:", "/n/m: a"]),
        ("/ { n { a; a; }; }; / { /delete-node/ n; };", ["/:"]),
    ],
)
def test_blocks_merge_as_in_dtc(text: str, nodes: list[str]) -> None:
    assert shape(text) == nodes
    if "&{l/" not in text:  # newer than Debian's dtc
        blob = run_dtc((V + text).encode(), "dts", "dtb")
        assert blob is not None
        assert differences(read(text).to_dtb(), blob) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/ { }; / { n {\na; a; }; };", "3:1 property-duplicate property 'a' stands twice: the other is at b.dts:3:4"),
        ("/ { }; / { n {\nm { }; m { }; }; };", "3:1 node-duplicate node 'm' stands twice: the other is at b.dts:3:8"),
        ("/ { /delete-node/ n;\nn { }; };\n/ { n { }; };", "3:1 node-duplicate node 'n' stands twice: the other is at b.dts:4:5"),
        ("/ {\nn { };\n/delete-node/ n; };", "4:15 node-duplicate node 'n' is first defined in the same braces, at b.dts:3:1: it is not deleted"),
        ("/ { l: n { }; };\n/delete-node/ &l;\n&l { };", "4:1 label-undefined no node has the label 'l' up to here"),
        ("/ { l: n { k: m { }; }; };\n/delete-node/ &l;\n/ { a = <&k>; };", "4:10 label-undefined no node has the label 'k'"),
        ("/ { n { }; };\n/delete-node/ &{/n};\n&{/n} { };", "4:1 path-undefined no node has the path '/n' up to here"),
        ("/ { a { b { }; }; };\n&{/a/c/d} { };", "3:1 path-undefined no node has the path '/a/c/d' up to here"),
    ],
)  # fmt: skip
def test_what_may_not_be_merged_is_refused(text: str, error: str) -> None:
    assert errors(V + text)[0] == error
    assert run_dtc((V + text).encode(), "dts", "dtb") is None


def test_a_property_that_is_overridden_has_the_later_place_and_keeps_its_labels() -> None:
    tree = read("/ {\nl: a = <1>;\nn { b; };\n};\n/ {\n  m: a = <2 3>;\n};\n&{/n} {\n b = <4>;\n c;\n};")
    root = tree.root
    assert root.cells("a") == [2, 3]
    assert str(root.property_place("a")) == "b.dts:7:6"
    assert str(root.cell_place("a", 1)) == "b.dts:7:13"
    node = root.children[0]
    assert str(node.place) == "b.dts:4:1"
    assert str(node.property_place("b")) == "b.dts:10:2"
    assert str(node.property_place("c")) == "b.dts:11:2"
    value = root.value("a")
    assert value is not None
    assert [label.name for label in value.labels] == ["l", "m"]


def test_a_node_that_comes_back_has_its_new_place_and_only_its_new_labels() -> None:
    tree = read("/ {\nk: n { };\n};\n/delete-node/ &k;\n/ {\nl: n { };\n};")
    assert str(tree.root.children[0].place) == "b.dts:7:4"
    assert tree.root.children[0].labels == ("l",)


def test_a_label_may_be_given_again_and_moves_when_its_node_is_deleted() -> None:
    tree = read("/ { l: n { }; }; / { l: n { }; }; l: &l { };")
    assert tree.by_label["l"].labels == ("l",)
    tree = read("/ { l: n { }; m { }; }; /delete-node/ &l; l: &{/m} { a; }; &l { b; };")
    assert tree.by_label["l"].path == "/m"
    assert tree.by_label["l"].properties == ("a", "b")


def test_duplicates_that_become_one_are_told_at_both_places() -> None:
    assert warnings("/ { };\n/ {\na = <1>; a = <2>; n { }; l: n { }; };") == [
        "4:1 merged-duplicate property 'a' stands twice in the same braces and becomes one: see b.dts:4:10",
        "4:10 merged-duplicate property 'a' stands twice in the same braces and becomes one: see b.dts:4:1",
        "4:19 merged-duplicate node 'n' stands twice in the same braces and becomes one: see b.dts:4:29",
        "4:29 merged-duplicate node 'n' stands twice in the same braces and becomes one: see b.dts:4:19",
    ]


def test_what_is_deleted_between_is_no_duplicate() -> None:
    assert (
        warnings("/ { a; n { }; };\n/ { a; /delete-property/ a; a; n { }; /delete-node/ n; n { }; };") == []
    )


def test_deletions_without_effect_are_told() -> None:
    assert warnings("/ { };\n/ {\n/delete-property/ a;\n/delete-node/ n; };") == [
        "4:19 delete-nothing nothing is deleted: / has no property of that name",
        "5:15 delete-nothing nothing is deleted: / has no node of that name",
    ]
    assert warnings("/ { n {\n/delete-property/ a; a;\n/delete-node/ m; }; };") == [
        "3:19 delete-nothing nothing is deleted: /n is defined here first, and a property 'a' beside this stays",
        "4:15 delete-nothing nothing is deleted: /n is defined here first, and a node 'm' beside this stays",
    ]
    assert warnings("/ { a; n { }; }; / { /delete-property/ a; /delete-node/ n; };") == []
    finding = read("/ { n { }; };\n&{/n} { /delete-property/ a; };").warnings[0]
    assert (finding.node, finding.property) == ("/n", "a")


def test_warnings_are_bounded() -> None:
    tree = read("/ { };" + "/ { /delete-node/ n; };\n" * 5000)
    assert 1000 < len(tree.warnings) < 1020
    assert tree.warnings[-1].message == "too many warnings: the rest is left out"
    assert read("/ { };" + "/ { a; a; };\n" * 5000).warnings[-1].code == "too-many"


def test_a_tree_is_too_deep_also_when_its_blocks_are_not() -> None:
    text = "/ {" + "a {" * 60 + "l: b { };" + "};" * 61 + "&l {" + "a {" * 60 + "};" * 61
    assert errors(V + text)[0].split()[1:] == [
        "limit",
        "nodes",
        "are",
        "nested",
        "more",
        "than",
        "100",
        "deep",
    ]


def test_labels_of_a_block_for_nothing_are_not_missed_as_well() -> None:
    assert errors(V + "/ { a = <&l &k>; };\n&nope { l: n { }; };\n&l { };") == [
        "2:13 label-undefined no node has the label 'k'",
        "3:1 label-undefined no node has the label 'nope' up to here",
    ]
