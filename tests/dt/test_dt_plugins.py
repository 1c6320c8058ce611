# ruff: noqa: E501 - a case a line
"""Overlays in source (/plugin/) become what dtc makes of them; `symbols` is `dtc -@`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dt_reading import differences, errors, run_dtc

from kvx_emu.dt.load import read_tree
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Tree

P = "/dts-v1/; /plugin/;\n"


def plugin(text: str, *, symbols: bool = False) -> Tree:
    return read_tree((P + text).encode(), "o.dts", plugin=True, symbols=symbols)


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        plugin(text)
    finding = caught.value.findings[0]
    return f"{finding.place.line}:{finding.place.column} {finding.code} {finding.message}"


@pytest.mark.parametrize(
    "text",
    [
        "/ { };",
        "&a { b; };",
        "&{/a/b} { c; };",
        "&a { b; }; &a { c; }; &{/} { l: n { d = <&l &a>; }; };",
        "/ { fragment@7 { target = <&x>; __overlay__ { m: n { r = <&y 1 &m>; }; }; }; };",
        "/ { l: n { a = <&l>; }; }; &l { b = <&z &z>; };",
        "&a { p = <1>, <&b 2>, [00], <&c>; };",
        "&a { l: n { s = &l, <&b &l>; }; };",
        "/ { l: a { }; }; k: &l { b; };",
        "/ { __fixups__ { }; n { a = <&b>; }; };",
        "/ { /omit-if-no-ref/ l: n { a; }; m { }; };",
    ],
)
@pytest.mark.parametrize("symbols", [False, True])
def test_an_overlay_is_what_dtc_makes_of_it(text: str, symbols: bool) -> None:
    blob = run_dtc((P + text).encode(), "dts", "dtb", *(["-@"] if symbols else []))
    assert blob is not None
    assert differences(plugin(text, symbols=symbols).to_dtb(), blob) == []


def test_a_node_of_the_base_becomes_a_fragment() -> None:
    tree = plugin("&uart {\n  a = <&gpio 1 &l>;\n  l: n { };\n};")
    assert [node.path for node in tree.nodes()] == [
        "/",
        "/fragment@0",
        "/fragment@0/__overlay__",
        "/fragment@0/__overlay__/n",
        "/__fixups__",
        "/__local_fixups__",
        "/__local_fixups__/fragment@0",
        "/__local_fixups__/fragment@0/__overlay__",
    ]
    fixups, local = tree.node("/__fixups__"), tree.node("/__local_fixups__/fragment@0/__overlay__")
    assert fixups is not None
    assert local is not None
    assert fixups.strings("uart") == ["/fragment@0:target:0"]
    assert fixups.strings("gpio") == ["/fragment@0/__overlay__:a:0"]
    assert local.cells("a") == [8]
    assert tree.node("/fragment@0/__overlay__").cells("a") == [0xFFFFFFFF, 1, 1]
    assert str(tree.node("/fragment@0").place) == "o.dts:2:1"
    assert str(fixups.property_place("gpio")) == "o.dts:3:8"
    assert str(local.property_place("a")) == "o.dts:3:16"


def test_a_path_of_the_base_is_the_target_path() -> None:
    tree = plugin("&{/soc/uart@0} { a; };")
    assert tree.node("/fragment@0").strings("target-path") == ["/soc/uart@0"]
    assert tree.node("/__fixups__") is None


def test_what_stands_in_fixups_by_hand_stays_and_is_not_repeated() -> None:
    text = '/ { n { a = <&x>; b = <0>; }; l: m { c = <&l 0>; };\n__fixups__ { x = "/n:b:0", "/n:a:0"; };'
    tree = plugin(text + "\n__local_fixups__ { m { c = <4>; }; }; };")
    assert tree.node("/__fixups__").strings("x") == ["/n:b:0", "/n:a:0"]
    assert tree.node("/__local_fixups__/m").cells("c") == [4, 0]
    # Of another form: left as it is, as dtc does.
    tree = plugin(
        "/ { n { a = <&x>; }; l: m { c = <&l>; }; __fixups__ { x = [01]; }; __local_fixups__ { m { c = [02]; }; }; };"
    )
    assert tree.node("/__fixups__").raw("x") == b"\x01"
    assert tree.node("/__local_fixups__/m").raw("c") == b"\x02"


def test_symbols_tell_the_paths_of_labels_and_give_them_phandles() -> None:
    data = b'/dts-v1/; / { a = <&k>; j: i: n { l: m { }; }; k: o { }; __symbols__ { i = "/x"; p = "/q"; s = [01]; }; q { }; };'
    tree = read_tree(data, "b.dts", symbols=True)
    symbols = tree.node("/__symbols__")
    assert {name: symbols.raw(name) for name in symbols.properties} == {
        "i": b"/x\0", "p": b"/q\0", "s": b"\x01", "j": b"/n\0", "l": b"/n/m\0", "k": b"/o\0",
    }  # fmt: skip
    assert [(node.path, node.cell("phandle")) for node in tree.nodes() if node.has("phandle")] == [
        ("/n", 2), ("/n/m", 3), ("/o", 1), ("/q", 4),
    ]  # fmt: skip
    assert read_tree(data, "b.dts").node("/n").properties == ()


def test_a_tree_without_labels_gets_no_symbols() -> None:
    assert read_tree(b"/dts-v1/; / { a; };", "b.dts", symbols=True).node("/__symbols__") is None


@pytest.mark.parametrize(
    "text", ["/ { a = <&c>; b: n { c: m { }; }; };", "/ { /omit-if-no-ref/ l: n { }; };"]
)
def test_symbols_of_a_base_are_those_of_dtc(text: str) -> None:
    data = ("/dts-v1/; " + text).encode()
    blob = run_dtc(data, "dts", "dtb", "-@")
    assert blob is not None
    assert differences(read_tree(data, "b.dts", symbols=True).to_dtb(), blob) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/ { a = &x; };", "2:9 label-undefined no node has the label 'x'"),
        ("/ { a = <&{/x}>; };", "2:10 path-undefined no node has the path '/x': an overlay refers to nodes of its base by their labels alone"),
        ("/ { }; &{x/y} { };", "2:8 reference '&{x/y}' stands before a node of an overlay: expected a label, or a whole path"),
        ("/ { }; l: &x { };", "2:11 label-undefined no node has the label 'x' up to here"),
        ("/ { fragment@0 { }; };\n&x { };", "2:5 node-duplicate node 'fragment@0' stands twice: the other is at o.dts:3:1"),
        ("/dts-v1/;\n/ { };", "2:9 syntax '/plugin/;' stands after one '/dts-v1/;' only: expected it after all or none"),
        ("/ { };\n/plugin/;", "3:1 syntax expected '/plugin/' at the beginning of the file alone, found '/plugin/'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_overlay_is_refused(text: str, error: str) -> None:
    assert refused(text) == error


def test_the_header_of_an_overlay_may_stand_again() -> None:
    assert plugin("/dts-v1/; /plugin/; &a { };").draft.plugin
    with pytest.raises(InputError, match="expected ';' after '/plugin/'"):
        read_tree(b"/dts-v1/; /plugin/ / { };", "o.dts", plugin=True)


def test_an_overlay_where_a_base_is_needed_is_refused() -> None:
    assert errors(P + "&a { };") == [
        "1:11 overlay this is an overlay ('/plugin/'): expected a whole tree; use --overlay"
    ]
