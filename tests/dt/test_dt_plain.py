"""Trees as YAML and JSON: all of them, and what is wrong with such a file."""

from __future__ import annotations

import json

import pytest
import yaml
from dt_reading import read
from hypothesis import given, settings
from test_writer import tree_of, trees

from kvx_emu.dt.load import read_tree
from kvx_emu.dt.plain import from_plain, to_json, to_yaml
from kvx_emu.errors import InputError, Source
from kvx_emu.limits import LIMITS

SOURCE = """/memreserve/ 0x1000 0x20;
/ { model = "a \\"b\\"\\n"; empty; on = "yes"; #size-cells = <2>;
    l1: l2: n@1 { mixed = "abcd", <1 2>, [01 02 03]; deep { }; };
    m { y = <&l1>; linux,phandle = <7>; phandle = <7>; }; };"""

YAML = r"""devicetree: 1
reservations:
  - {address: 0x1000, size: 0x20}
root:
  properties:
    model: ["a \"b\"\n"]
    empty: []
    "on": ["yes"]
    "#size-cells": [[0x2]]
  nodes:
    n@1:
      labels: [l1, l2]
      properties:
        mixed: ["abcd", [0x1, 0x2], {bytes: "010203"}]
        phandle: [[0x1]]
      nodes:
        deep: {}
    m:
      properties:
        "y": [[0x1]]
        linux,phandle: [[0x7]]
        phandle: [[0x7]]
"""

JSON = r"""{
  "devicetree": 1,
  "reservations": [{"address": 4096, "size": 32}],
  "root": {
    "properties": {
      "model": ["a \"b\"\n"],
      "empty": [],
      "on": ["yes"],
      "#size-cells": [[2]]
    },
    "nodes": {
      "n@1": {
        "labels": ["l1", "l2"],
        "properties": {
          "mixed": ["abcd", [1, 2], {"bytes": "010203"}],
          "phandle": [[1]]
        },
        "nodes": {
          "deep": {}
        }
      },
      "m": {
        "properties": {
          "y": [[1]],
          "linux,phandle": [[7]],
          "phandle": [[7]]
        }
      }
    }
  }
}
"""


def from_yaml(text, limits=LIMITS):
    return from_plain(Source("t.yaml", text), is_json=False, limits=limits)


def from_json(text, limits=LIMITS):
    return from_plain(Source("t.json", text), is_json=True, limits=limits)


def errors(read_text, text, limits=LIMITS):
    with pytest.raises(InputError) as caught:
        read_text(text, limits)
    return [
        f"{finding.place.line}:{finding.place.column} {finding.code}: {finding.message}"
        for finding in caught.value.findings
    ]


def root(text):
    """YAML of a tree whose root is one flow mapping, in line 2 from column 7 on."""
    return f"devicetree: 1\nroot: {text}\n"


def test_a_tree_is_written_as_yaml_in_one_form():
    assert to_yaml(read(SOURCE)) == YAML


def test_a_tree_is_written_as_json_in_one_form():
    assert to_json(read(SOURCE)) == JSON


def test_other_readers_see_the_same_in_both_forms():
    assert yaml.safe_load(YAML) == json.loads(JSON)


@pytest.mark.parametrize(("read_text", "text"), [(from_yaml, YAML), (from_json, JSON)])
def test_what_is_read_is_the_tree_that_was_written(read_text, text):
    tree = read_text(text)
    assert tree.to_dtb() == read(SOURCE).to_dtb()
    assert tree.node("/n@1").labels == ("l1", "l2")
    assert tree.reservations == ((0x1000, 0x20),)


def test_an_empty_tree_and_the_boot_cpu_are_kept():
    tree = tree_of()
    tree.draft.boot_cpu = 3
    assert to_yaml(tree) == "devicetree: 1\nboot-cpu: 3\nroot: {}\n"
    assert to_json(tree) == '{\n  "devicetree": 1,\n  "boot-cpu": 3,\n  "root": {}\n}\n'
    assert from_yaml(to_yaml(tree)).draft.boot_cpu == 3
    assert from_json(to_json(tree)).draft.boot_cpu == 3


@given(trees)
@settings(max_examples=200, deadline=None)
def test_any_tree_comes_back_from_yaml_and_json(tree):
    for write, read_text in ((to_yaml, from_yaml), (to_json, from_json)):
        again = read_text(write(tree))
        assert again.to_dtb() == tree.to_dtb()
        assert again.root.labels == tree.root.labels
        assert write(again) == write(tree)


def test_real_trees_come_back(shared):
    for path in [*(shared / "boards").iterdir(), *(shared / "linux" / "expected").glob("*.dtb")]:
        tree = read_tree(path.read_bytes(), path.name)
        assert from_yaml(to_yaml(tree)).to_dtb() == tree.to_dtb()
        assert from_json(to_json(tree)).to_dtb() == tree.to_dtb()


def test_places_are_those_of_the_file():
    tree = from_yaml(YAML)
    node = tree.node("/n@1")
    assert str(node.place) == "t.yaml:11:5"
    assert str(node.property_place("mixed")) == "t.yaml:14:9"
    assert str(node.cell_place("mixed", 2)) == "t.yaml:14:26"
    assert str(from_json(JSON).node("/m").property_place("y")) == "t.json:24:11"


def test_text_may_stand_without_quotes_where_it_is_nothing_else():
    tree = from_yaml(root("{properties: {status: [okay], p: [[1, 0x10]], q: ['007']}}"))
    assert tree.root.strings("status") == ["okay"]
    assert tree.root.cells("p") == [1, 16]
    assert tree.root.strings("q") == ["007"]


@pytest.mark.parametrize("text", ["true", "null", "~", "1.5", "-1", ".5", "+.inf"])
def test_what_yaml_takes_for_something_else_needs_quotes(text):
    assert errors(from_yaml, root(f"{{properties: {{p: [{text}]}}}}")) == [
        f"2:25 plain-syntax: found {text}; expected a number, or text in quotes"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1 plain-syntax: found no data; expected a mapping"),
        ("a:", "1:3 plain-syntax: found nothing; expected a number, or text in quotes"),
        ("{a: 1, a: 2}", "1:8 plain-syntax: key 'a' stands twice: the other is in line 1"),
        ("a: &x b", "1:4 plain-syntax: found the anchor '&x'; expected the value alone"),
        ("a: *x", "1:4 plain-syntax: found the alias '*x'; expected the value itself"),
        ("a: !!str b", "1:4 plain-syntax: found the tag 'tag:yaml.org,2002:str'; expected the value alone"),
        ("a: !x [b]", "1:4 plain-syntax: found the tag '!x'; expected the value alone"),
        ("a: 1\n---\nb: 1", "2:1 plain-syntax: found a second document; expected one"),
        ("? [a]\n: b", "1:3 plain-syntax: found a list or mapping as a key; expected a name"),
        ("a: \7", "1:4 plain-syntax: found U+0007; expected printable text"),
        ("a: [1", None),
        ("a:\n\t- b", None),
        ("'a", None),
    ],
)
def test_yaml_that_is_no_plain_data_is_refused(text, message):
    (found,) = errors(from_yaml, text)
    assert "plain-syntax" in found
    assert message is None or found == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1 plain-syntax: found the end of the text; expected a string or an integer or '[' or '{'"),
        ("{", "1:2 plain-syntax: found the end of the text; expected a string or '}'"),
        ("[1,]", "1:4 plain-syntax: found ']'; expected a string or an integer or '[' or '{'"),
        ("[1 2]", "1:4 plain-syntax: found '2'; expected ',' or ']'"),
        ('{"a" 1}', "1:6 plain-syntax: found '1'; expected ':'"),
        ('{"a": 1,}', "1:9 plain-syntax: found '}'; expected a string"),
        ('{"a": 1 "b"}', "1:9 plain-syntax: found '\"b\"'; expected ',' or '}'"),
        ("{1: 2}", "1:2 plain-syntax: found '1'; expected a string or '}'"),
        ("[] []", "1:4 plain-syntax: found '['; expected the end of the text"),
        ('{"a": 1, "a": 1}', "1:10 plain-syntax: key 'a' stands twice: the other is in line 1"),
        (
            "[\n  1.5]",
            "2:3 plain-syntax: found '1.5]'; expected a string or an integer or '[' or '{' or ']'",
        ),
        ("[true]", "1:2 plain-syntax: found 'true]'; expected a string or an integer or '[' or '{' or ']'"),
        ('"a\tb"', "1:1 plain-syntax: found '\"a\\tb\"'; expected a string or an integer or '[' or '{'"),
    ],
)
def test_text_that_is_no_json_of_ours_is_refused(text, message):
    assert errors(from_json, text) == [message]


@pytest.mark.parametrize("read_text", [from_yaml, from_json])
def test_deep_nesting_is_refused_at_its_place(read_text):
    (found,) = errors(read_text, "[" * 5000)
    assert found == "1:207 plain-syntax: lists and mappings are nested more than 206 deep"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "a: 1",
            [
                "1:1 plain-form: unknown key 'a' of a tree; expected devicetree, reservations, boot-cpu,"
                " root",
                "1:1 plain-form: expected 'devicetree: 1', the version of the form, found no such key",
                "1:1 plain-form: expected the key 'root', the root node, found no such key",
            ],
        ),
        (
            "[]",
            [
                "1:1 plain-form: expected a mapping: a tree",
                "1:1 plain-form: expected 'devicetree: 1', the version of the form, found no such key",
                "1:1 plain-form: expected the key 'root', the root node, found no such key",
            ],
        ),
        ("{devicetree: 2, root: {}}", ["1:14 plain-form: expected 1, the version of the form"]),
        (
            "{devicetree: 1, root: {}, boot-cpu: 0x100000000}",
            ["1:37 plain-form: expected a number of 32 bits, 0 to 0xffffffff"],
        ),
        (
            "{devicetree: 1, root: {}, reservations: [{address: 1}, {address: x, size: 1}]}",
            [
                "1:42 plain-form: a reservation has an address and a size",
                "1:66 plain-form: expected a number of 64 bits, 0 to 0xffffffffffffffff",
            ],
        ),
        (root("{labels: a}"), ["2:16 plain-form: expected a list: labels"]),
        (
            root("{labels: [a, 1, 'a b', a]}"),
            [
                "2:20 plain-form: expected a label: letters, digits and _",
                "2:23 plain-form: expected a label: letters, digits and _",
                "2:30 plain-form: label 'a' stands twice: the other is in line 2",
            ],
        ),
        (root("{properties: []}"), ["2:20 plain-form: expected a mapping: properties"]),
        (root("{properties: {p: 1}}"), ["2:24 plain-form: expected a list: property 'p'"]),
        (
            root("{properties: {p: [1]}}"),
            ['2:25 plain-form: expected text, a list of cells, or {bytes: "hexadecimal digits"}'],
        ),
        (
            root("{properties: {p: [{hex: '00'}]}}"),
            ['2:25 plain-form: expected text, a list of cells, or {bytes: "hexadecimal digits"}'],
        ),
        (
            root("{properties: {p: [{bytes: '0'}], q: [{bytes: 10}], r: [{bytes: 'é'}]}}"),
            [
                "2:33 plain-form: expected hexadecimal digits in quotes, two a byte",
                "2:52 plain-form: expected hexadecimal digits in quotes, two a byte",
                "2:70 plain-form: expected hexadecimal digits in quotes, two a byte",
            ],
        ),
        (
            root("{properties: {p: [[x, 0x100000000]]}}"),
            [
                "2:26 plain-form: expected a number of 32 bits, 0 to 0xffffffff",
                "2:29 plain-form: expected a number of 32 bits, 0 to 0xffffffff",
            ],
        ),
        (
            root('{properties: {p: ["a\\0b"]}}'),
            ["2:25 plain-form: found a NUL in a text, which ends there; expected two texts"],
        ),
        (
            root("{nodes: {a b: {}}}"),
            ["2:16 node-name: ..."],
        ),
        (
            root("{nodes: {a: {properties: {phandle: [[1]]}}, b: {properties: {phandle: [[1]]}}}}"),
            ["2:33 phandle-duplicate: ...", "2:68 phandle-duplicate: ..."],
        ),
        (root("{nodes: {a: {nodes: {b: 1}}}}"), ["2:31 plain-form: expected a mapping: node /a/b"]),
    ],
)
def test_data_that_is_no_tree_is_refused(text, messages):
    found = errors(from_yaml, text)
    assert len(found) == len(messages)
    for one, expected in zip(found, messages, strict=True):
        assert one.startswith(expected.removesuffix("...")), found


def test_half_a_surrogate_pair_is_no_text():
    text = '{"devicetree": 1, "root": {"properties": {"p": ["\\ud800", "\\ud83d\\ude00"]}}}'
    assert errors(from_json, text) == ["1:49 plain-form: found half of a surrogate pair; expected text"]


def test_a_huge_number_is_read_in_no_time():
    text = f'{{"devicetree": 1, "root": {{"properties": {{"p": [[{"9" * 100000}]]}}}}}}'
    assert errors(from_json, text) == ["1:50 plain-form: expected a number of 32 bits, 0 to 0xffffffff"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (LIMITS._replace(depth=2), "2:24 plain-form: the nodes are nested too deep"),
        (LIMITS._replace(nodes=2), "2:24 plain-form: the nodes are too many"),
    ],
)
def test_too_many_nodes_and_too_deep_ones_are_refused(limits, message):
    assert errors(from_yaml, root("{nodes: {a: {nodes: {b: {}}}}}"), limits) == [
        message.replace("2:24", "2:28")
    ]
