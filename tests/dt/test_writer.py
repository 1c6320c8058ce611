"""Trees written as source: in one readable form, which says the same blob again."""

from __future__ import annotations

import pytest
from dt_reading import normal, read, run_dtc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx_emu.dt.draft import Draft, DraftTree, Label, Value
from kvx_emu.dt.dtb import BlobOrigin
from kvx_emu.dt.load import read_tree
from kvx_emu.dt.tree import Tree
from kvx_emu.dt.typed import join, parts
from kvx_emu.dt.writer import to_dts, value_text


def tree_of(values=(), labels=(), children=()):
    """A tree of a root with properties, and nodes without."""
    root = Draft("", 0, None)
    root.labels = [Label(name, 0) for name in labels]
    for name, data in dict(values).items():
        root.values[name] = Value(0, data, 0)
    for name in children:
        child = Draft(name, 0, root)
        root.children.append(child)
        root.by_name[name] = child
    return Tree(DraftTree(root, []), BlobOrigin("x.dtb"), "x.dtb")


def shown(data, name="p"):
    """How bytes of a blob are shown."""
    return value_text(tree_of({name: data}).root, name)


def test_a_tree_is_written_in_one_form():
    tree = read("""/memreserve/ 0x1000 0x20;
    / { model="a"; l1: l2: n@1{reg=<1>;x;deep{};}; m { y = <&l1>; }; };""")
    assert (
        to_dts(tree)
        == """/dts-v1/;

/memreserve/ 0x1000 0x20;

/ {
	model = "a";

	l1: l2: n@1 {
		reg = <0x1>;
		x;
		phandle = <0x1>;

		deep {
		};
	};

	m {
		y = <&l1>;
	};
};
"""
    )


def test_nodes_are_kept_apart_by_a_line():
    assert to_dts(tree_of(children=["a", "b"])) == "/dts-v1/;\n\n/ {\n\ta {\n\t};\n\n\tb {\n\t};\n};\n"


def test_labels_of_the_root_stand_behind_it_for_dtc_knows_no_other_place():
    text = "/dts-v1/;\n\n/ {\n};\n\na: &{/} {\n};\n\nb: &{/} {\n};\n"
    assert to_dts(tree_of(labels=["a", "b"])) == text
    assert read_tree(text.encode(), "b.dts").root.labels == ("a", "b")


def test_a_long_value_goes_on_in_the_next_line():
    lines = to_dts(tree_of({"p": b"\0\0\0\1" * 60})).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[3].startswith("\tp = <0x1 0x1 ")
    assert lines[4].startswith("\t\t0x1 ")
    assert lines[-2].endswith("0x1>;")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a\0", '"a"'),
        (b"a\0bc\0", '"a", "bc"'),
        (b"\0", '""'),
        (b"a\0\0", '"a", ""'),
        (b"a\0\0\0", "<0x61000000>"),
        (b"\0\0", "[00 00]"),
        (b"\0\0\0\0", "<0x0>"),
        (b"\0\0\0\1\xff\0\0\0", "<0x1 0xff000000>"),
        (b"abc", "[61 62 63]"),
        (b"\1\2\3\4\5", "[01 02 03 04 05]"),
        (b'say "hi"\\\t\n\r.\0', r'"say \"hi\"\\\t\n\r."'),
        ("\N{EURO SIGN}uro\0".encode(), '"\N{EURO SIGN}uro"'),
        (b"caf\xe9\0", "[63 61 66 e9 00]"),
        (b"bell\7\0", "[62 65 6c 6c 07 00]"),
        ("\N{ZERO WIDTH SPACE}a\0".encode(), "[e2 80 8b 61 00]"),
    ],
)
def test_bytes_are_shown_as_what_they_most_likely_are(data, text):
    assert shown(data) == text


@pytest.mark.parametrize("name", ["reg", "ranges", "phandle", "#size-cells", "clock-frequency", "led-gpios"])
def test_a_property_of_cells_is_shown_as_cells_whatever_its_bytes(name):
    assert shown(b"ABC\0", name) == "<0x41424300>"
    assert shown(b"ABCD\0", name) == '"ABCD"'


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('"abcd", <1 2>', '"abcd", <0x1 0x2>'),
        ('<1>, "abcdef", [01 02]', '<0x1>, "abcdef", [01 02]'),
        ('"a", "b", <0xffffffff>', '"a", "b", <0xffffffff>'),
        ("<1 2>", "<0x1 0x2>"),
        ("[01 02 03 04]", "<0x1020304>"),
        ('[01 02 00], "ab"', '[01 02 00], "ab"'),
        ("<0x666f6f00 1>", "<0x666f6f00 0x1>"),
        ("&n", '"/n"'),
    ],
)
def test_a_value_that_mixes_forms_is_shown_in_them_when_the_source_is_known(source, text):
    tree = read(f"/ {{ p = {source}; n: n {{}}; }};")
    assert value_text(tree.root, "p") == text


def test_references_stay_where_a_node_has_the_label():
    tree = read("/ { p = <&n 1 &{/m}>; n: n {}; m {}; };")
    assert value_text(tree.root, "p") == "<&n 0x1 0x2>"
    assert value_text(tree.root, "p", {}) == "<0x1 0x1 0x2>"
    assert value_text(tree.root, "p", {4: "here"}) == "<0x1 here 0x2>"


def test_an_overlay_keeps_what_is_unresolved_as_numbers():
    text = b"/dts-v1/; /plugin/; &far { x = <&far>; };"
    tree = read_tree(text, "o.dtso", plugin=True)
    assert "target = <0xffffffff>;" in to_dts(tree)
    assert read_tree(to_dts(tree).encode(), "o.dts").to_dtb() == tree.to_dtb()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("#include", "\\#include"),
        ("#if", "\\#if"),
        ("#line", "\\#line"),
        ("#define-x", "\\#define-x"),
        ("#", "\\#"),
        ("#1", "\\#1"),
        ("#size-cells", "#size-cells"),
        ("#iffy", "#iffy"),
        ("1", "1"),
        ("a,b.c+d*e?f", "a,b.c+d*e?f"),
    ],
)
def test_a_name_that_the_preprocessor_would_take_is_escaped(name, written):
    tree = tree_of({name: b""})
    assert f"\t{written};\n" in to_dts(tree)
    again = read_tree(to_dts(tree).encode(), "again.dts")
    assert again.root.properties == (name,)
    dtc = run_dtc(to_dts(tree).encode(), "dts", "dtb", "-f")
    assert normal(dtc) == normal(tree.to_dtb())


names = st.text("abcXYZ019,._+-", min_size=1, max_size=12)
property_names = st.text("abXY09,._+*#?-", min_size=1, max_size=12).filter(lambda name: name != "name")
values = st.one_of(
    st.binary(max_size=24),
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace") + b"\0"),
    st.lists(st.text('ab"\\\t\n\r\0é€ ', max_size=4), max_size=3).map(
        lambda texts: b"".join(text.encode() + b"\0" for text in texts)
    ),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=5).map(
        lambda cells: b"".join(cell.to_bytes(4, "big") for cell in cells)
    ),
)
trees = st.builds(
    tree_of,
    st.dictionaries(property_names, values, max_size=5).map(
        lambda found: {name: data for name, data in found.items() if "phandle" not in name}
    ),
    st.sets(st.text("abcXYZ_", min_size=1, max_size=5), max_size=2),
    st.lists(names, unique=True, max_size=4),
)


@given(trees)
@settings(max_examples=300, deadline=None)
def test_dts_dtb_dts_dtb_is_a_fixed_point(tree):
    blob = tree.to_dtb()
    text = to_dts(tree)
    again = read_tree(text.encode("utf-8", "surrogateescape"), "again.dts")
    assert again.to_dtb() == blob
    assert again.root.labels == tree.root.labels
    assert to_dts(again) == text
    if not tree.root.labels:
        assert to_dts(read_tree(blob, "x.dtb")) == text


@given(trees)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_dtc_reads_what_is_written_as_the_same_blob(tree):
    blob = run_dtc(to_dts(tree).encode("utf-8", "surrogateescape"), "dts", "dtb", "-f")
    assert normal(blob) == normal(tree.to_dtb())


@given(property_names, st.binary(max_size=40), st.lists(st.integers(1, 12), max_size=8))
def test_the_parts_of_a_value_are_its_bytes(name, data, sizes):
    offsets, at = [], 0
    for size in sizes:
        if at < len(data):
            offsets.append(at)
        at += size
    assert join(parts(name, data)) == data
    assert join(parts(name, data, offsets)) == data


def test_real_trees_are_written_as_the_same_blob(shared):
    paths = [*(shared / "boards").iterdir(), *(shared / "linux" / "expected").glob("*.dtb")]
    for path in paths:
        blob = read_tree(path.read_bytes(), path.name).to_dtb()
        text = to_dts(read_tree(blob, path.name))
        again = read_tree(text.encode(), "again.dts")
        assert again.to_dtb() == blob, path.name
        assert to_dts(again) == text, path.name
    assert len(paths) >= 10
