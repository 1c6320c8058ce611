"""Source text that is right: what stands in the tree, and where it came from."""

from __future__ import annotations

import pytest
from dt_reading import read

from kvx_emu.limits import LIMITS


def test_an_empty_root_is_a_tree() -> None:
    tree = read("/ { };")
    assert tree.root.path == "/"
    assert tree.root.children == ()
    assert tree.root.properties == ()
    assert tree.source == "b.dts"


def test_nodes_and_properties_keep_their_order() -> None:
    tree = read("/ { b; a = <1>; n@2 { }; m { x; k { }; }; };")
    assert tree.root.properties == ("b", "a")
    assert [node.path for node in tree.nodes()] == ["/", "/n@2", "/m", "/m/k"]


def test_a_property_without_a_value_is_empty() -> None:
    assert read("/ { ranges; };").root.raw("ranges") == b""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<1>", "00000001"),
        ("<0x10 0XAb 010 0>", "00000010 000000ab 00000008 00000000"),
        ("<12U 0x1UL 3ULL 4LL 5L>", "0000000c 00000001 00000003 00000004 00000005"),
        ("<0xffffffff 0xffffffffffffffff>", "ffffffff ffffffff"),
        ("<0000000000000000000000000000000000017>", "0000000f"),
        ("<'a' '\\n' '\\'' '\\x41' '\\101'>", "00000061 0000000a 00000027 00000041 00000041"),
        ("<>", ""),
        ("<1>, <2 3>", "00000001 00000002 00000003"),
        ("[]", ""),
        ("[0a0b FF 00]", "0a 0b ff 00"),
        ("[l: 01 m: 02 n:]", "01 02"),
        ('"ab"', "61 62 00"),
        ('"ab", "c"', "61 62 00 63 00"),
        ('"\\a\\b\\t\\n\\v\\f\\r\\\\\\"\\q\\0"', "07 08 09 0a 0b 0c 0d 5c 22 71 00 00"),
        ('"\\x4\\x41\\x414\\7\\778"', "04 41 41 34 07 3f 38 00"),
        ('"// no /* comment */ ; } {"', "2f2f206e6f202f2a20636f6d6d656e74202a2f203b207d207b00"),
        ('"two\nlines"', "74776f0a6c696e657300"),
        ('"é"', "c3 a9 00"),
        ('"", <1>, [02], "x"', "00 00000001 02 78 00"),
        ("l1: l2: <1 l3: 2 l4:> l5: , l6: \"a\" l7:", "00000001 00000002 61 00"),
    ],
)  # fmt: skip
def test_a_value_has_the_bytes_that_dtc_gives_it(text: str, value: str) -> None:
    assert read(f"/ {{ a = {text}; }};").root.raw("a") == bytes.fromhex(value)


def test_comments_and_white_space_separate_words() -> None:
    tree = read("/* don't */ / {\t// can't\r\n\fa/**/=/* ; */<1/***/2>\v; /* x\n } */ };//end")
    assert tree.root.cells("a") == [1, 2]


def test_bytes_that_are_not_utf_8_pass_through() -> None:
    assert read('/ { model = "caf\udce9"; };').root.raw("model") == b"caf\xe9\0"


def test_a_byte_order_mark_and_dos_line_ends_are_accepted() -> None:
    tree = read("\ufeff/dts-v1/;\r\n/ {\r\n  a = <1>;\r\n};\r\n")
    assert tree.root.cells("a") == [1]
    assert str(tree.root.property_place("a")) == "b.dts:3:3"
    assert tree.root.property_place("a").text == "  a = <1>;"


def test_names_may_hold_whatever_the_format_allows() -> None:
    tree = read("/ { #size-cells = <1>; 123; a?b+c*d; \\delete; -x { }; 1,2.3_4 { }; };")
    assert tree.root.properties == ("#size-cells", "123", "a?b+c*d", "delete")
    assert [child.name for child in tree.root.children] == ["-x", "1,2.3_4"]


def test_a_label_is_found_and_may_stand_twice_on_its_node() -> None:
    tree = read("/ { l: m: l: a { }; };")
    assert tree.by_label["l"].path == "/a"
    assert tree.by_label["m"] is tree.by_label["l"]
    assert tree.by_label["l"].labels == ("l", "m", "l")


def test_references_in_cells_are_phandles_and_elsewhere_paths() -> None:
    tree = read('/ { a = <&l 7 &{/n/k}>; p = &l, "x", &{/n/k}, <9>; n { l: k { }; }; };')
    assert tree.root.cells("a") == [1, 7, 1]
    assert tree.root.raw("p") == b"/n/k\0x\0/n/k\0\0\0\0\x09"
    assert tree.by_label["l"].cell("phandle") == 1
    assert tree.by_phandle(1) is tree.by_label["l"]
    assert tree.by_phandle(2) is None


def test_free_numbers_go_out_in_the_order_of_first_reference() -> None:
    text = "/ { a = <&z>; u: u { phandle = <2>; }; v { b = <&y &z &u &x>; }; x: x { }; y: y { }; z: z { }; };"
    tree = read(text)
    assert {name: tree.by_label[name].cell("phandle") for name in "uxyz"} == {"u": 2, "x": 4, "y": 3, "z": 1}


def test_a_node_that_nobody_refers_to_gets_no_phandle() -> None:
    assert read("/ { l: a { }; };").by_label["l"].properties == ()


def test_a_phandle_that_refers_to_its_own_node_asks_for_a_number() -> None:
    tree = read("/ { l: a { phandle = <&l>; }; };")
    assert tree.by_label["l"].cells("phandle") == [1]


def test_an_old_style_phandle_is_one() -> None:
    tree = read("/ { r = <&l>; l: a { linux,phandle = <5>; }; };")
    assert tree.root.cells("r") == [5]
    assert tree.by_phandle(5) is tree.by_label["l"]
    assert tree.by_label["l"].properties == ("linux,phandle",)


def test_a_right_name_property_is_dropped() -> None:
    assert read('/ { n@1 { name = "n"; x; }; };').root.children[0].properties == ("x",)


def test_memory_reservations_are_kept() -> None:
    tree = read("l: /memreserve/ 0x100000000 0x10; /memreserve/ 010 0xffffffffffffffff; / { };")
    assert tree.reservations == ((0x100000000, 0x10), (8, 0xFFFFFFFFFFFFFFFF))


def test_the_version_line_may_stand_twice() -> None:
    assert read("/dts-v1/; /dts-v1/; / { a; };").root.has("a")


def test_every_node_property_and_cell_knows_its_place() -> None:
    tree = read('/dts-v1/;\n/ {\n\tl: n@1 {\n\t\treg = <1 2>, l2: <3>;\n\t\ts = "ab", <&l>;\n\t};\n};\n')
    node = tree.by_label["l"]
    assert str(tree.root.place) == "b.dts:2:1"
    assert str(node.place) == "b.dts:3:5"
    assert str(node.property_place("reg")) == "b.dts:4:3"
    assert [str(node.cell_place("reg", index)) for index in range(3)] == [
        "b.dts:4:10",
        "b.dts:4:12",
        "b.dts:4:21",
    ]
    assert node.cell_place("reg", 0).text == "\t\treg = <1 2>, l2: <3>;"
    assert str(node.cell_place("s", 0)) == "b.dts:5:7"
    assert str(node.cell_place("phandle", 0)) == "b.dts:3:5"


def test_a_place_that_is_not_there_falls_back_to_what_holds_it() -> None:
    node = read("/ {\n a = <1>;\n};").root
    assert str(node.cell_place("a", 1)) == "b.dts:3:2"
    assert str(node.cell_place("a", -1)) == "b.dts:3:2"
    assert str(node.cell_place("b", 0)) == "b.dts:2:1"
    assert str(node.property_place("b")) == "b.dts:2:1"


def test_elements_after_a_path_keep_their_places() -> None:
    root = read("/ {\na = <1>, &n, <2 3>; n: n { };\n};").root
    assert root.raw("a") == b"\0\0\0\x01/n\0\0\0\0\x02\0\0\0\x03"
    assert root.cell_place("a", 0).column == 6
    assert root.cell_place("a", 1).column == 10
    assert root.cell_place("a", 2).column == 15


def test_the_number_of_the_first_cpu_is_that_of_the_boot_cpu() -> None:
    assert read("/ { cpus { c { reg = <3>; }; d { reg = <0>; }; }; };").fdt.header.boot_cpuid_phys == 3
    assert read("/ { cpus { c { }; }; };").fdt.header.boot_cpuid_phys == 0
    assert read("/ { cpus { }; };").fdt.header.boot_cpuid_phys == 0


def test_a_tree_may_be_as_deep_as_the_limit() -> None:
    text = "/ {" + "a {" * (LIMITS.depth - 1) + "};" * LIMITS.depth
    assert len(read(text).nodes()) == LIMITS.depth


def test_twenty_thousand_siblings_are_read_in_linear_time() -> None:
    text = "/ {" + "".join(f"n{i:x} {{ }};" for i in range(20_000)) + "};"
    assert len(read(text).nodes()) == 20_001
