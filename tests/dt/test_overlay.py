"""Overlays put into a base: what the result says, and where it says that it comes from."""

from __future__ import annotations

import time

import pytest
from dt_reading import normal

from kvx_emu.dt.load import read_tree
from kvx_emu.dt.overlay import apply_overlay
from kvx_emu.dt.writer import to_dts

BASE = """/dts-v1/;
/ {
	intc: intc { phandle = <5>; #interrupt-cells = <1>; };
	bus {
		uart: uart@1000 { status = "disabled"; reg = <0x1000>; };
		user { interrupt-parent = <&intc>; };
	};
};
"""


def base(text=BASE, name="base.dts", **options):
    return read_tree(text.encode(), name, **options)


def overlay(text, name="fix.dtso", **options):
    return read_tree(f"/dts-v1/;\n/plugin/;\n{text}".encode(), name, plugin=True, **options)


def test_a_property_of_the_overlay_replaces_that_of_the_base():
    merged = apply_overlay(base(), overlay('&uart { status = "okay"; };'))
    uart = merged.node("/bus/uart@1000")
    assert uart.strings("status") == ["okay"]
    assert uart.cells("reg") == [0x1000]
    assert uart.properties[:2] == ("status", "reg")


def test_a_node_of_the_overlay_is_added_after_those_of_the_base():
    merged = apply_overlay(base(), overlay("&uart { child { a = <1>; }; };"))
    assert merged.node("/bus/uart@1000/child").cells("a") == [1]
    merged = apply_overlay(base(), overlay("&{/bus} { dma@9 { reg = <9>; }; };"))
    assert [node.name for node in merged.node("/bus").children] == ["uart@1000", "user", "dma@9"]


def test_the_base_and_the_overlay_are_not_touched():
    one, two = base(), overlay('&uart { status = "okay"; x = <&uart>; };')
    before = to_dts(one), to_dts(two)
    apply_overlay(one, two)
    assert (to_dts(one), to_dts(two)) == before


def test_places_of_the_overlay_stay_in_the_overlay_and_those_of_the_base_in_the_base():
    merged = apply_overlay(base(), overlay('&uart {\n\tstatus = "okay";\n\tchild { a = <1 2>; };\n};'))
    uart = merged.node("/bus/uart@1000")
    child = merged.node("/bus/uart@1000/child")
    assert str(uart.place) == "base.dts:5:9"
    assert str(uart.property_place("reg")) == "base.dts:5:42"
    assert str(uart.property_place("status")) == "fix.dtso:4:2"
    assert str(child.place) == "fix.dtso:5:2"
    assert str(child.cell_place("a", 1)) == "fix.dtso:5:17"
    assert child.place.text == "\tchild { a = <1 2>; };"


def test_of_several_overlays_each_keeps_its_places_and_the_last_one_is_right():
    merged = base()
    for name in ("one.dtso", "two.dtso"):
        merged = apply_overlay(merged, overlay(f'&uart {{ status = "{name}"; {name[:3]}; }};', name))
    uart = merged.node("/bus/uart@1000")
    assert uart.strings("status") == ["two.dtso"]
    assert uart.property_place("one").path == "one.dtso"
    assert uart.property_place("status").path == "two.dtso"
    assert uart.property_place("reg").path == "base.dts"


def test_the_phandles_of_the_overlay_are_moved_above_those_of_the_base():
    merged = apply_overlay(base(), overlay("&uart { a: a {}; user { x = <&a 7>; }; };"))
    assert merged.node("/bus/uart@1000/a").cells("phandle") == [6]
    assert merged.node("/bus/uart@1000/user").cells("x") == [6, 7]


def test_a_reference_to_a_label_of_the_base_gets_its_phandle():
    merged = apply_overlay(base(), overlay("&uart { interrupts-extended = <&intc 24>; };"))
    assert merged.node("/bus/uart@1000").cells("interrupts-extended") == [5, 24]


def test_a_labelled_node_of_source_without_a_phandle_gets_one_that_nobody_has():
    merged = apply_overlay(base(), overlay("&intc { a: a {}; user { x = <&uart &a>; }; };"))
    assert merged.node("/intc/a").cells("phandle") == [6]
    assert merged.node("/bus/uart@1000").cells("phandle") == [7]
    assert merged.node("/intc/user").cells("x") == [7, 6]


OWN_LABEL = """/ { fragment@0 { target = <&intc>; mine: __overlay__ { user { x = <&mine>; }; }; }; };"""


def test_a_node_of_the_base_keeps_its_phandle_when_the_overlay_has_another_for_it():
    merged = apply_overlay(base(), overlay(OWN_LABEL))
    assert merged.node("/intc").cells("phandle") == [5]
    assert merged.node("/bus/user").cells("interrupt-parent") == [5]
    assert merged.node("/intc/user").cells("x") == [5]


def test_the_numbers_of_a_nested_node_of_the_base_are_kept_as_well():
    text = "/dts-v1/; / { top: top { low { phandle = <9>; }; }; };"
    merged = apply_overlay(base(text), overlay("&top { mine: low { }; u { x = <&mine>; }; };"))
    assert merged.node("/top/low").cells("phandle") == [9]
    assert merged.node("/top/u").cells("x") == [9]


def test_a_fragment_can_change_what_another_one_brought():
    text = "&uart { a: a {}; }; &a { deep; };"
    assert apply_overlay(base(), overlay(text)).node("/bus/uart@1000/a").has("deep")


def test_a_fragment_written_by_hand_can_change_what_another_one_brought():
    text = """/ { fragment@0 { target = <&uart>; __overlay__ { a: a {}; }; };
    fragment@1 { target = <&a>; __overlay__ { deep; }; }; };"""
    assert apply_overlay(base(), overlay(text)).node("/bus/uart@1000/a").has("deep")


def test_a_label_may_be_called_target():
    text = "/dts-v1/; / { target: bus { }; };"
    assert apply_overlay(base(text), overlay("&target { a { }; };")).node("/bus/a")
    merged = apply_overlay(base(), overlay("&{/bus} { target: a { }; };", symbols=True))
    assert merged.node("/__symbols__").strings("target") == ["/bus/a"]


def test_a_cell_that_two_kinds_of_fixups_name_gets_the_phandle_of_the_base():
    text = """/ { fragment@0 { target-path = "/bus"; __overlay__ { x = <1>; }; };
    __fixups__ { intc = "/fragment@0/__overlay__:x:0"; };
    __local_fixups__ { fragment@0 { __overlay__ { x = <0>; }; }; }; };"""
    assert apply_overlay(base(), overlay(text)).node("/bus").cells("x") == [5]


def test_a_label_that_both_have_for_one_node_stays():
    text = '/ { fragment@0 { target-path = "/intc"; intc: __overlay__ { }; }; };'
    assert apply_overlay(base(), overlay(text)).node("/intc").labels == ("intc",)


def test_many_nodes_are_merged_in_no_time():
    many = "".join(f"n{number} {{ }}; " for number in range(20000))
    names = "".join(f"m{number}@1 {{ }}; " for number in range(20000))
    start = time.process_time()
    merged = apply_overlay(base(f"/dts-v1/; / {{ {names} }};"), overlay(f"&{{/}} {{ {many} }};"))
    assert len(merged.nodes()) == 40001
    assert time.process_time() - start < 15


def test_a_target_path_may_start_with_an_alias_and_lack_a_unit_address():
    aliases = BASE.replace("bus {", 'aliases { b = "/bus"; bad = <1>; }; bus {')
    for path in ("/bus/uart@1000", "/bus/uart", "b/uart"):
        text = f'/ {{ fragment@0 {{ target-path = "{path}"; __overlay__ {{ new; }}; }}; }};'
        merged = apply_overlay(base(aliases), overlay(text))
        assert merged.node("/bus/uart@1000").has("new")


def test_a_node_without_a_unit_address_is_the_first_one_of_that_name():
    merged = apply_overlay(base(), overlay("&{/bus} { uart { new; }; };"))
    assert [node.name for node in merged.node("/bus").children] == ["uart@1000", "user"]
    assert merged.node("/bus/uart@1000").has("new")


def test_labels_of_the_overlay_can_be_used_by_the_next_one():
    first = apply_overlay(base(), overlay("&uart { a: a {}; };"))
    merged = apply_overlay(first, overlay("&a { b; };"))
    assert merged.node("/bus/uart@1000/a").has("b")
    assert merged.by_label["a"].path == "/bus/uart@1000/a"


def test_a_label_that_both_have_is_the_later_one():
    merged = apply_overlay(base(), overlay("&intc { uart: other {}; };"))
    assert merged.by_label["uart"].path == "/intc/other"
    assert merged.node("/bus/uart@1000").labels == ()


def test_symbols_of_the_overlay_get_the_paths_that_its_nodes_have_now():
    text = """/ { fragment@0 { target-path = "/"; __overlay__ { top: t {}; }; };
    fragment@1 { target = <&uart>; at: __overlay__ { a: a {}; }; }; };"""
    merged = apply_overlay(base(symbols=True), overlay(text, symbols=True))
    symbols = merged.node("/__symbols__")
    assert {name: symbols.strings(name)[0] for name in symbols.properties} == {
        "intc": "/intc",
        "uart": "/bus/uart@1000",
        "at": "/bus/uart@1000/",
        "a": "/bus/uart@1000/a",
        "top": "/t",
    }
    again = apply_overlay(merged, overlay("&a { b; }; &at { c; };"))
    assert again.node("/bus/uart@1000/a").has("b")
    assert again.node("/bus/uart@1000").has("c")


def test_a_base_without_symbols_gets_those_of_the_overlay():
    merged = apply_overlay(base(), overlay("&uart { a: a {}; };", symbols=True))
    assert merged.node("/__symbols__").strings("a") == ["/bus/uart@1000/a"]


def test_symbols_of_what_is_not_merged_are_left_out():
    text = """/ { fragment@0 { target-path = "/bus"; __overlay__ {}; };
    __symbols__ { a = "/fragment@0"; b = "/fragment@0/__overlay__"; }; };"""
    symbols = apply_overlay(base(), overlay(text)).node("/__symbols__")
    assert symbols.properties == ("b",)


def test_reservations_and_boot_cpu_are_those_of_the_base():
    text = "/dts-v1/; /memreserve/ 1 2; / { a: a {}; cpus { cpu@3 { reg = <3>; }; }; };"
    merged = apply_overlay(base(text), overlay("&a { b; };"))
    assert merged.reservations == ((1, 2),)
    assert merged.draft.boot_cpu == 3


def test_an_overlay_can_be_given_as_a_blob():
    blob = overlay('&uart { status = "okay"; };').to_dtb()
    merged = apply_overlay(base(), read_tree(blob, "fix.dtbo"))
    assert merged.node("/bus/uart@1000").strings("status") == ["okay"]
    assert str(merged.node("/bus/uart@1000").property_place("status")) == "fix.dtbo: offset 0x70"


def test_the_merged_tree_can_be_written_and_read_again():
    merged = apply_overlay(base(), overlay("&uart { a: a {}; u { x = <&a>, <&intc>; }; };"))
    assert read_tree(to_dts(merged).encode(), "again.dts").to_dtb() == merged.to_dtb()


def test_the_numbers_are_kept_when_the_target_of_a_fragment_is_a_plain_phandle():
    text = "/ { fragment@0 { target = <5>; __overlay__ { l: low {}; u { x = <&l>; }; }; }; };"
    merged = apply_overlay(base(), overlay(text))
    assert merged.node("/intc/u").cells("x") == [6]


@pytest.mark.parametrize("symbols", [True, False])
def test_a_merge_compiled_from_source_equals_that_of_blobs(symbols):
    text = "&uart { a: a { x = <&intc &a>; }; }; &intc { y = <&uart>; };"
    one, two = base(symbols=True), overlay(text, symbols=symbols)
    by_source = apply_overlay(one, two).to_dtb()
    by_blob = apply_overlay(read_tree(one.to_dtb(), "b.dtb"), read_tree(two.to_dtb(), "o.dtbo")).to_dtb()
    assert by_source == by_blob
    assert normal(by_source) == normal(by_blob)
