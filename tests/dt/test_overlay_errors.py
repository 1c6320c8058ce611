"""What is wrong with an overlay, told at its place there."""

from __future__ import annotations

import pytest

from kvx_emu.dt.load import read_tree
from kvx_emu.dt.overlay import apply_overlay
from kvx_emu.errors import InputError
from kvx_emu.limits import LIMITS

BASE = b"/dts-v1/; / { intc: intc { phandle = <5>; }; uart: uart@1000 { }; };"


def told(text, base=BASE, name="base.dts", limits=LIMITS):
    """The errors of an overlay that needs no `/plugin/`, being written out."""
    with pytest.raises(InputError) as caught:
        apply_overlay(read_tree(base, name), read_tree(text.encode(), "fix.dtso", plugin=True), limits)
    return [
        f"{finding.place.line}:{finding.place.column} {finding.code}: {finding.message}"
        for finding in caught.value.findings
    ]


def by_hand(rest, properties="x = <0xffffffff>;", target='target-path = "/uart@1000";'):
    return f"/dts-v1/;\n/ {{\nfragment@0 {{ {target}\n__overlay__ {{ {properties} }}; }};\n{rest} }};"


def test_a_label_that_the_base_lacks_is_told_where_it_is_used():
    text = "/dts-v1/;\n/plugin/;\n&urat { };\n&uart { x = <&inct>; };"
    assert told(text) == [
        "3:1 overlay-label: no node of base.dts has the label 'urat'; did you mean 'uart'?",
        "4:14 overlay-label: no node of base.dts has the label 'inct'; did you mean 'intc'?",
    ]


def test_a_label_like_none_is_told_without_a_guess():
    text = "/dts-v1/;\n/plugin/;\n&zzzzzzzz { };"
    assert told(text) == ["3:1 overlay-label: no node of base.dts has the label 'zzzzzzzz'"]


def test_a_base_without_labels_is_named_with_what_to_do():
    blob = read_tree(BASE, "base.dts").to_dtb()
    assert told("/dts-v1/;\n/plugin/;\n&uart { };", blob, "base.dtb") == [
        "3:1 overlay-label: no node of base.dtb has the label 'uart', which has no labels at all:"
        " compile the base with -@, or give its .dts"
    ]


def test_a_symbol_of_the_base_that_leads_nowhere_is_told():
    base = b'/dts-v1/; / { __symbols__ { uart = "/nothing"; intc = <1>; }; };'
    assert told("/dts-v1/;\n/plugin/;\n&uart { };\n&intc { };", base) == [
        "3:1 overlay-label: label 'uart' of base.dts stands for '/nothing', which is none of its nodes",
        "4:1 overlay-label: label 'intc' of base.dts stands for None, which is none of its nodes",
    ]


@pytest.mark.parametrize(
    ("fixup", "message"),
    [
        ('""', "bad fixup '' of label 'uart': expected 'path:property:offset'"),
        ('"/fragment@0"', "bad fixup '/fragment@0' of label 'uart': expected 'path:property:offset'"),
        ('"a:b:0"', "bad fixup 'a:b:0' of label 'uart': expected 'path:property:offset'"),
        ('"/fragment@0::0"', "bad fixup '/fragment@0::0' of label 'uart': expected 'path:property:offset'"),
        (
            '"/fragment@0:target:"',
            "bad fixup '/fragment@0:target:' of label 'uart': expected an offset in decimal after the last"
            " ':', found ''",
        ),
        (
            '"/fragment@0:target:0a"',
            "bad fixup '/fragment@0:target:0a' of label 'uart': expected an offset in decimal after the last"
            " ':', found '0a'",
        ),
        ('"/none:x:0"', "bad fixup '/none:x:0' of label 'uart': the overlay has no such node"),
        (
            '"/fragment@0:y:0"',
            "bad fixup '/fragment@0:y:0' of label 'uart': node /fragment@0 has no property 'y'",
        ),
        (
            '"/fragment@0/__overlay__:x:1"',
            "bad fixup '/fragment@0/__overlay__:x:1' of label 'uart': offset 1 is outside of 'x', which has 4"
            " bytes",
        ),
        ("<1>", "the fixups of label 'uart' are no strings; expected 'path:property:offset'"),
        ("[]", "the fixups of label 'uart' are no strings; expected 'path:property:offset'"),
    ],
)
def test_a_malformed_fixup_is_told_at_its_string(fixup, message):
    found = told(by_hand(f"__fixups__ {{\nuart = {fixup}; }};"))
    column = 1 if fixup in {"<1>", "[]"} else 8
    assert found == [f"6:{column} overlay-fixup: {message}"]


def test_a_long_fixup_is_cut_in_the_message():
    (found,) = told(by_hand(f'__fixups__ {{\nuart = "{"x" * 100}"; }};'))
    assert (
        found
        == f"6:8 overlay-fixup: bad fixup '{'x' * 60}...' of label 'uart': expected 'path:property:offset'"
    )


def test_the_second_string_of_fixups_has_a_place_of_its_own():
    found = told(by_hand('__fixups__ {\nuart = "/fragment@0/__overlay__:x:0",\n"bad"; };'))
    assert found == ["7:1 overlay-fixup: bad fixup 'bad' of label 'uart': expected 'path:property:offset'"]


@pytest.mark.parametrize(
    ("local", "message"),
    [
        ("fragment@0 { __overlay__ { y = <0>; }; };", "node /fragment@0/__overlay__ has no property 'y'"),
        (
            "fragment@0 { __overlay__ { x = <1>; }; };",
            "offset 1 is outside of 'x', which has 4 bytes",
        ),
        (
            "fragment@0 { __overlay__ { x = [00]; }; };",
            "'x' has 1 bytes; expected cells of four bytes",
        ),
        ("fragment@1 { };", "node / has no node 'fragment@1'"),
    ],
)
def test_a_bad_local_fixup_is_told(local, message):
    (found,) = told(by_hand(f"__local_fixups__ {{\n{local} }};"))
    assert found.endswith(f"overlay-fixup: bad local fixup: {message}")
    assert found.startswith("6:")


def test_a_tree_that_is_no_overlay_is_refused():
    assert told("/dts-v1/;\n/ { a { }; };") == [
        "2:1 overlay: fix.dtso is no overlay: no node of its root has a node '__overlay__'"
    ]


def test_a_fragment_without_a_target_is_refused():
    assert told("/dts-v1/;\n/ {\nfragment@0 { __overlay__ { }; }; };") == [
        "3:1 overlay-target: fragment /fragment@0 has no target: expected 'target' or 'target-path'"
    ]


def test_a_fragment_without_content_is_refused():
    assert told('/dts-v1/;\n/ {\nfragment@0 { target-path = "/"; __overlay { }; }; };') == [
        "3:1 overlay: fragment /fragment@0 has a target, but no node '__overlay__' to put there"
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ('target-path = "/no";', "base.dts has no node '/no': expected the path of the fragment's target"),
        ('target-path = "no/x";', "base.dts has no node 'no/x': expected the path of the fragment's target"),
        ("target-path = <1>;", "'target-path' of /fragment@0 is not one string"),
        ("target = <77>;", "no node has the phandle 0x4d, the target of /fragment@0"),
        ("target = <5 5>;", "'target' of /fragment@0 has 8 bytes; expected one phandle"),
        (
            "target = <0xffffffff>;",
            "the target of /fragment@0 is unresolved, and '__fixups__' does not name its label",
        ),
    ],
)
def test_a_target_that_is_not_there_is_told(target, message):
    column = target.index("=") + 2 + (target[target.index("=") + 2] == "<") + len("fragment@0 { ")
    assert told(by_hand("", target=target)) == [f"3:{column + 1} overlay-target: {message}"]


def test_an_alias_that_is_no_path_leads_nowhere():
    base = b"/dts-v1/; / { aliases { a = <1>; }; };"
    (found,) = told(by_hand("", target='target-path = "a/b";'), base)
    assert found.endswith("base.dts has no node 'a/b': expected the path of the fragment's target")


def test_a_phandle_that_can_not_be_moved_is_told():
    base = b"/dts-v1/; / { uart@1000 { phandle = <0xfffffffd>; }; };"
    assert told(by_hand("", "n { phandle = <2>; };"), base) == [
        "4:19 overlay-phandle: phandle 0x2 of /fragment@0/__overlay__/n can not be moved above 0xfffffffd,"
        " the greatest of base.dts"
    ]


def test_a_node_of_the_base_that_can_get_no_phandle_is_told():
    base = b"/dts-v1/; / { uart: uart@1000 { }; x { phandle = <0xfffffffe>; }; };"
    assert told("/dts-v1/;\n/plugin/;\n&uart { };", base) == [
        "3:1 overlay-phandle: no phandle is left for /uart@1000 of base.dts"
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("<1>", "symbol 'a' of the overlay is no path"),
        ('"x"', "symbol 'a' of the overlay is no path"),
        (
            '"/fragment@7/__overlay__/x"',
            "symbol 'a' of the overlay stands for '/fragment@7/__overlay__/x', which is in none of its"
            " fragments",
        ),
    ],
)
def test_a_symbol_that_leads_nowhere_is_told(value, message):
    assert told(by_hand(f"__symbols__ {{\na = {value}; }};")) == [f"6:1 overlay-symbol: {message}"]


def test_a_result_that_is_too_deep_or_too_large_is_refused():
    text = "/dts-v1/;\n/plugin/;\n&uart { a { b { }; }; };"
    assert told(text, limits=LIMITS._replace(depth=3)) == ["3:13 limit: nodes are nested more than 3 deep"]
    (found,) = told(text, limits=LIMITS._replace(nodes=4))
    assert found.endswith(" limit: the merged tree has more than 4 nodes")


def test_all_errors_of_an_overlay_are_told_at_once():
    text = by_hand('__fixups__ {\nuart = "a", "b"; };\n__local_fixups__ { no { }; };')
    assert len(told(text)) == 3
