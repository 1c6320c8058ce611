"""The JSON Schema of scripts: valid itself, and of one mind with the reader."""
# ruff: noqa: E501 - one row a case; either outcome is right, and each is checked

import json
import subprocess
import sys
from copy import deepcopy
from textwrap import dedent

import jsonschema
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from script_board import read

from kvx_emu.errors import InputError
from kvx_emu.script.schema import schema
from kvx_emu.script.steps import STEPS

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

SAMPLE = {
    "version": 1,
    "name": "smoke",
    "software": "bare",
    "nesting": True,
    "timing": {"delivery": 5, "entry": "2us", "service": {"24": "500ns", "25-27": 3, "default": 0}},
    "params": {"n": 1000},
    "steps": [
        {"send": {"from": "pe0", "to": ["pe1", "c1.pe2", "others"], "line": 24}, "at": "1us"},
        {"mask": {"line": 24, "block": []}},
        {"write": {"addr": 11337728, "value": 6, "size": 4, "from": "pe0"}},
        {"read": {"addr": 11337760, "equals": "bus-error"}},
        {"read": {"addr": "${n}", "equals": 5}},
        {"enable": {"cores": "all", "lines": [24, "25-26"]}},
        {"disable": {"core": "pe0-3", "line": 3}},
        {"level": {"cores": "all", "line": 24, "value": 1}},
        {"sfr": {"core": "pe0", "register": "ILR", "set": 1048576}},
        {"wait": "1us"},
        {"wait": "idle"},
        {"mark": "storm"},
        {
            "repeat": {
                "count": 10,
                "every": "1us",
                "steps": [{"repeat": {"count": 2, "steps": [{"wait": 1}]}}],
            }
        },
        {
            "random": {
                "count": 10,
                "seed": 7,
                "every": "100ns",
                "from": "pes",
                "targets": "all",
                "lines": [24, 25],
            }
        },
        {"replay": {"file": "test_script_schema.csv"}},
        {
            "expect": {
                "core": "pe1",
                "line": 24,
                "delivered": 3,
                "pending": {"min": 1},
                "since": "storm",
                "within": 9,
            }
        },
    ],
}


def accepted(script):
    """Return whether `load` takes the script; service keys are lines, so that they stay words in YAML."""
    try:
        read(json.dumps(script))
    except InputError:
        return False
    return True


def test_the_schema_is_a_schema_and_plain_json():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_step_and_key_has_a_description():
    for name in STEPS:
        body = SCHEMA["$defs"][name]
        assert body["description"], name
        for key, value in body.get("properties", {}).items():
            assert value["description"], (name, key)
    assert set(SCHEMA["$defs"]["step"]["properties"]) == {*STEPS, "at"}
    assert set(SCHEMA["$defs"]["inner-step"]["properties"]) == set(STEPS)
    assert SCHEMA["$defs"]["send"]["properties"]["line"]["default"] == 24


def test_the_sample_is_accepted_by_both():
    assert list(VALIDATOR.iter_errors(SAMPLE)) == []
    assert accepted(SAMPLE)


def test_a_script_of_every_step_as_text_is_accepted():
    text = dedent(
        """\
        version: 1
        steps:
        - {at: 5, send: {to: all}}
        - random: {count: 010}
        - write: {addr: 0xad0000, value: 0x6}
        """
    )
    read(text)
    VALIDATOR.validate(yaml.safe_load(text))


# Each mutation puts a value at a path of the sample. All are within what the schema can express.
VALUES = st.sampled_from(
    [
        None, True, False, 0, 1, 3, 8, 23, 24, 31, 32, -1, 1 << 63, 1 << 64, "", "x", "idle", "bus-error", "pe0",
        "rm", "all", "others", "c2.pe3", "c2.all", "pe16", "pe0-7", "24", "24-31", "0-3", "12ns", "-5ns", "1.5us",
        "5ps", "one", "linux", [], {}, ["pe0"], ["others"], [24], [24, "x"], [None], {"min": 1}, {"max": 2, "x": 1},
        [{"wait": 1}], [{"wait": 1, "at": 1}], [{"wait": 1, "mark": "a"}], {"wait": 1}, {"24": 1, "default": "1us"},
    ]
)  # fmt: skip


def paths(node, here=()):
    """Yield the path of every value in the sample."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*here, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*here, key))


MUTATIONS = st.tuples(
    st.sampled_from(list(paths(SAMPLE))), st.sampled_from(["set", "drop", "add"]), VALUES, st.sampled_from(
        ["at", "wait", "steps", "x", "from", "core", "cores", "line", "lines", "clear", "24", "min", "delivered"]
    )
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=2))
def test_the_schema_and_the_reader_accept_the_same(mutations):
    script = json.loads(json.dumps(SAMPLE))
    for path, how, drawn, name in mutations:
        value = deepcopy(drawn)  # a second mutation must not reach into what is drawn from
        holder = script
        try:
            for key in path[:-1]:
                holder = holder[key]
            if how == "set":
                holder[path[-1]] = value
            elif how == "drop":
                del holder[path[-1]]
            elif isinstance(holder[path[-1]], dict):
                holder[path[-1]][name] = value
        except (KeyError, IndexError, TypeError):
            continue
    text = json.dumps(script)
    if any(word in text for word in ('"24-31": ', "${", '"24": 1, "default"')) and "params" not in script:
        return  # a template without params: beyond a schema
    if VALIDATOR.is_valid(script) != accepted(script):
        assert beyond_the_schema(script), text


def beyond_the_schema(script):
    """Return whether the reader refuses `script` for a reason that no schema of ours states."""
    try:
        read(json.dumps(script))
    except InputError as error:
        words = (
            "wider than",
            "greater than max",
            "again; expected one service",
            "lower end",
            "nesting",
            "parameter",
        )
        return all(any(word in one.message for word in words) for one in error.findings)
    return False


def test_the_schema_needs_neither_pyyaml_nor_difflib():
    code = (
        "import sys; from kvx_emu.script.schema import schema; import kvx_emu.script.load, kvx_emu.script.bind; "
        "schema(); print(sorted({'yaml', 'difflib', 'json', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
