"""What two trees differ in, by meaning."""

from __future__ import annotations

import random

import pytest
from dt_reading import read

from kvx_emu.dt.diff import diff
from kvx_emu.dt.load import read_tree
from kvx_emu.dt.references import phandle_offsets


def told(first, second, *, exact=False):
    """The differences of two sources or trees."""
    one, two = (read(each) if isinstance(each, str) else each for each in (first, second))
    return [str(difference) for difference in diff(one, two, exact=exact)]


def test_equal_trees_do_not_differ():
    assert told("/ { a = <1>; n { }; };", "/ { a = <1>; n { }; };") == []


def test_the_order_of_nodes_and_properties_means_nothing():
    assert told("/ { a; b; n { }; m { }; };", "/ { b; a; m { }; n { }; };", exact=True) == []


def test_a_changed_property_is_told_with_both_values_and_places():
    assert told('/ { n {\n a = "x"; }; };', "/ { n { a = <1 2>; }; };") == [
        '- /n:a = "x"  (b.dts:3:2)\n+ /n:a = <0x1 0x2>  (b.dts:2:9)'
    ]


def test_properties_and_nodes_that_only_one_has_are_told():
    assert told("/ { a; n { deep { }; }; };", "/ { b = <1>; m { }; };") == [
        "- /:a  (b.dts:2:5)",
        "+ /:b = <0x1>  (b.dts:2:5)",
        "- /n  (b.dts:2:8)",
        "+ /m  (b.dts:2:14)",
    ]


def test_differences_of_deeper_nodes_come_in_the_order_of_the_first_tree():
    one = "/ { a { x = <1>; b { x = <1>; }; }; c { x = <1>; }; };"
    assert [line.split(" = ")[0] for line in told(one, one.replace("<1>", "<2>"))] == [
        "- /a:x",
        "- /a/b:x",
        "- /c:x",
    ]


def test_an_empty_value_is_told_as_the_bare_name():
    assert told("/ { a; };", "/ { a = <1>; };") == ["- /:a  (b.dts:2:5)\n+ /:a = <0x1>  (b.dts:2:5)"]


def test_reservations_and_the_boot_cpu_are_compared():
    one = "/memreserve/ 1 2; / { cpus { c { reg = <0>; }; }; };"
    two = read("/memreserve/ 1 3; / { cpus { c { reg = <0>; }; }; };")
    two.draft.boot_cpu = 4
    assert told(one, two) == [
        "- /memreserve/ = 0x1 0x2",
        "+ /memreserve/ = 0x1 0x3",
        "- boot cpu = 0\n+ boot cpu = 4",
    ]


NUMBERED = """/ {{ interrupt-parent = <{a}>;
    a: a {{ phandle = <{a}>; #interrupt-cells = <1>; #clock-cells = <0>; #gpio-cells = <2>; }};
    b: b {{ phandle = <{b}>; #interrupt-cells = <2>; #clock-cells = <1>; #gpio-cells = <1>; }};
    user {{ interrupts-extended = <{a} 1 {b} 2 3 {a} 4>; clocks = <{b} 7>, <{a}>; msi-parent = <{a}>;
        reset-gpios = <{a} 1 2 0 {b} 3>; pinctrl-0 = <{a} {b}>; vcc-supply = <{a}>;
        power-controller = <{b}>; }}; }};"""


def test_trees_that_differ_in_the_numbers_of_phandles_alone_are_equal():
    one, two = NUMBERED.format(a=1, b=2), NUMBERED.format(a=2, b=3)
    assert told(one, two) == []
    assert len(told(one, two, exact=True)) == 10


def test_a_phandle_that_points_elsewhere_is_told_with_the_paths():
    one, two = NUMBERED.format(a=1, b=2), NUMBERED.format(a=1, b=2).replace("<2 7>", "<1>, <2 7>")
    assert told(one, two.replace(", <1>; msi", "; msi")) == [
        "- /user:clocks = <&{/b} 0x7 &{/a}>  (b.dts:5:51)\n+ /user:clocks = <&{/a} &{/b} 0x7>  (b.dts:5:51)"
    ]


def test_exact_values_are_shown_with_the_numbers():
    text = "/ {{ clocks = <&a>; a: a {{ phandle = <{}>; #clock-cells = <0>; }}; }};"
    assert told(text.format(1), text.format(2), exact=True) == [
        "- /:clocks = <0x1>  (b.dts:2:5)\n+ /:clocks = <0x2>  (b.dts:2:5)",
        "- /a:phandle = <0x1>  (b.dts:2:27)\n+ /a:phandle = <0x2>  (b.dts:2:27)",
    ]


def test_what_the_source_says_to_be_a_phandle_is_one_in_the_blob_as_well():
    one = read("/ { odd = <5 &a>; a: a { phandle = <9>; }; };")
    two = read("/ { odd = <5 &a>; a: a { phandle = <4>; }; };")
    blob = read_tree(two.to_dtb(), "b.dtb")
    assert told(one, blob) == []
    assert told(blob, one) == []
    assert told(read_tree(one.to_dtb(), "a.dtb"), blob) == [
        "- /:odd = <0x5 0x9>  (a.dtb: offset 0x40)\n+ /:odd = <0x5 0x4>  (b.dtb: offset 0x40)"
    ]


def test_a_reference_behind_a_string_is_compared_by_what_it_points_to():
    text = '/ {{ odd = "xy", <&a>; a: a {{ phandle = <{}>; }}; }};'
    assert told(text.format(1), text.format(7)) == []


def test_dangling_phandles_are_compared_by_their_numbers():
    assert told("/ { interrupt-parent = <1>; };", "/ { interrupt-parent = <1>; };") == []
    assert len(told("/ { interrupt-parent = <1>; };", "/ { interrupt-parent = <2>; };")) == 1
    assert (
        len(told("/ { interrupt-parent = <1>; };", "/ { interrupt-parent = <1>; a { phandle = <1>; }; };"))
        == 2
    )


def test_a_reference_that_the_other_value_is_too_short_for_is_a_difference():
    assert len(told("/ { x = <1 &a>; a: a { }; };", "/ { x = <1>; a { }; };")) == 1


@pytest.mark.parametrize(
    ("body", "name", "offsets"),
    [
        ("interrupts-extended = <1 2 9 9>;", "interrupts-extended", [0, 8]),
        ("interrupts-extended = <1 2 1 3>;", "interrupts-extended", [0, 8]),
        ("clocks = <3 1>;", "clocks", [0]),  # /wrong has a #clock-cells of another form
        ("gpio-ranges = <1 0 0 8 1 8 8 8>;", "gpio-ranges", [0, 16]),
        ("msi-parent = <1 2>;", "msi-parent", [0, 4]),
        ("nr-gpios = <1>;", "nr-gpios", []),
        ("interrupt-parent = [01];", "interrupt-parent", []),
        ("none = <1>;", "none", []),
        ("clocks;", "clocks", []),
        (
            "#address-cells = <1>; #interrupt-cells = <1>; interrupt-map = <7 7 1 8 7 7 2 9 8 7 7 9>;",
            "interrupt-map",
            [8, 24, 44],
        ),
        ("#interrupt-cells = <1>; interrupt-map = <7 7 7 3 1 1>;", "interrupt-map", [12]),
        ("interrupt-map = <1 1 1>;", "interrupt-map", []),
        ("#gpio-cells = <1>; gpio-map = <1 2 5 2 2 5>;", "gpio-map", [4, 16]),
    ],
)
def test_the_cells_that_hold_phandles_are_known_from_the_binding(body, name, offsets):
    tree = read(f"""/ {{ user {{ {body} }};
    one {{ phandle = <1>; #interrupt-cells = <1>; }};
    two {{ phandle = <2>; #address-cells = <1>; #interrupt-cells = <1>; #gpio-cells = <1>; }};
    wrong {{ phandle = <3>; #clock-cells = [01]; }}; }};""")
    assert sorted(phandle_offsets(tree.node("/user"), name)) == offsets


def test_a_board_and_its_blob_are_equal(shared):
    boards = shared / "boards"
    one, two = (
        read_tree((boards / name).read_bytes(), name) for name in ("coolidge-qemu.dts", "coolidge-qemu.dtb")
    )
    assert diff(one, two) == diff(one, two, exact=True) == []


def test_a_board_with_its_phandles_numbered_anew_is_equal(shared):
    text = (shared / "boards" / "coolidge-qemu.dts").read_text()
    tree = read_tree(text.encode(), "one.dts")
    numbers = sorted({node.cell("phandle") for node in tree.nodes() if node.has("phandle")})
    shuffled = random.Random(1).sample(numbers, len(numbers))
    other = read_tree(text.encode(), "two.dts")
    for node in other.draft.root.walk():
        value = node.values.get("phandle")
        if value is not None:
            number = dict(zip(numbers, shuffled, strict=True))[int.from_bytes(value.data, "big")]
            value.data = number.to_bytes(4, "big")
        for value in node.values.values():
            data = bytearray(value.data)
            for reference in value.references:
                at = value.offsets[reference.element]
                if not reference.is_path:
                    old = int.from_bytes(data[at : at + 4], "big")
                    data[at : at + 4] = dict(zip(numbers, shuffled, strict=True))[old].to_bytes(4, "big")
            value.data = bytes(data)
    from kvx_emu.dt.dtb import BlobOrigin
    from kvx_emu.dt.tree import Tree

    blob = Tree(other.draft, BlobOrigin("two.dtb"), "two.dtb").to_dtb()
    two = read_tree(blob, "two.dtb")
    assert diff(tree, two) == []
    # Without what the source knows, the bindings are enough.
    assert diff(read_tree(tree.to_dtb(), "one.dtb"), two) == []
    assert diff(tree, two, exact=True) != []
