"""The JSON Schema of scripts: valid itself, and of one mind with the reader."""
# ruff: noqa: E501 - one row a case; either outcome is right, and each is checked

import json
import subprocess
import sys
from copy import deepcopy
from textwrap import dedent

import jsonschema
import pytest
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

EXPECTED = {
    "version": 1,
    "steps": [
        {"mark": "a"},
        {"expect": {"core": "pe1", "line": 24, "from": ["pe0", "pe2"], "delivered": 3, "since": "a"}},
        {"expect": {"core": "pe1", "from": "pes", "never": ["enter", "start"], "within": 9}},
        {"expect": {"never": "fault", "pending": 0}},
        {"expect": {"event": "ack", "line": 4, "before": {"event": "mailbox", "from": "pe0", "line": 3}}},
        {"expect": {"core": "pe1", "before": {}, "cleared": {"max": 2}}},
        {"wait-for": {"core": "pe1", "line": 24, "delivered": 3, "limit": "10us", "since": "a"}},
        {"wait-for": {"from": "pe1", "coalesced": {"min": 3}, "limit": 0}, "at": 5},
    ],
}

FABRIC = {
    "version": 1,
    "boot": "full",
    "driver_defects": ["mailbox-mask"],
    "devices": ["serial@20210000", "/soc/dma"],
    "steps": [
        {"raise": {"device": "serial@20210000", "index": 1}},
        {"lower": {"controller": "gic", "input": 129}, "at": 7},
        {"pulse": {"controller": "core_intc", "input": 3, "core": ["pe3", "pe1"]}},
        {"msi": {"mailbox": 3, "bit": 5, "cluster": 1}},
        {"post": {"addr": 0x2A00600, "value": 0x20, "size": 8}},
        {"msi": {"mailbox": 127, "value": 6, "node": "mbox", "from": "rm"}},
        {"timer": {"cores": "pes", "timer": 1, "value": "1.5us", "every": 3, "interrupt": False}},
        {"timer": {"core": "pe1", "stop": True}},
        {"watchdog": {"cores": "pe1", "value": 1, "every": "1us", "interrupt": True, "bite": False}},
        {"watchdog": {"cores": "pe1", "ack": True}},
        {"watchdog": {"cores": "pe1", "stop": True}},
        {"start": {"cores": ["pe1", "pe2"], "pc": 8192, "from": "rm"}},
        {"stop": {"cores": "pe1", "reset": True}},
        {"ipe": {"from": "c1.pe3", "event": 15, "direction": "backward"}},
        {"idle": {"cores": "all"}},
        {"enable_irq": {"device": "serial", "index": 0}},
        {"disable_irq": {"mailbox": 3, "bit": 63, "cluster": 0}},
        {"affinity": {"device": "serial", "core": "pe3"}},
        {"affinity": {"mailbox": 3, "node": "mbox", "core": "pe3"}},
        {"expect": {"core": "pe1", "line": 0, "timers": 3, "handled": {"max": 2}}},
        {"expect": {"lost": 0}},
    ],
}


SAMPLES = (SAMPLE, FABRIC, EXPECTED)


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


@pytest.mark.parametrize("sample", [SAMPLE, FABRIC, EXPECTED])
def test_the_sample_is_accepted_by_both(sample):
    assert list(VALIDATOR.iter_errors(sample)) == []
    assert accepted(sample)


def test_the_samples_have_every_step():
    assert {name for sample in (SAMPLE, FABRIC, EXPECTED) for one in sample["steps"] for name in one} == {
        *STEPS,
        "at",
    }


@pytest.mark.parametrize(
    "step",
    [
        {"raise": {}},
        {"raise": {"device": "a", "controller": "b", "input": 1}},
        {"raise": {"device": "a", "core": "pe1"}},
        {"raise": {"controller": "b"}},
        {"raise": {"controller": "b", "input": 1, "index": 0}},
        {"msi": {"mailbox": 3}},
        {"post": {"addr": 0x2A00600}},
        {"post": {"addr": 0x2A00600, "value": 1, "size": 3}},
        {"msi": {"mailbox": 3, "bit": 1, "value": 2}},
        {"msi": {"mailbox": 128, "bit": 1}},
        {"msi": {"mailbox": 3, "bit": 1, "cluster": 1, "node": "a"}},
        {"timer": {"cores": "pe1"}},
        {"timer": {"cores": "pe1", "stop": False}},
        {"timer": {"cores": "pe1", "stop": True, "value": 3}},
        {"timer": {"cores": "pe1", "stop": True, "every": 3}},
        {"timer": {"cores": "pe1", "value": 0}},
        {"timer": {"cores": "pe1", "value": "0.0ns"}},
        {"watchdog": {"cores": "pe1", "ack": True, "stop": True}},
        {"watchdog": {"cores": "pe1", "ack": True, "bite": True}},
        {"start": {"cores": "pe1", "pc": 4097}},
        {"ipe": {"from": "rm", "event": 1}},
        {"ipe": {"from": "pe1", "event": 16}},
        {"disable_irq": {"mailbox": 3}},
        {"disable_irq": {"device": "a", "bit": 3}},
        {"affinity": {"device": "a", "cluster": 0, "core": "pe1"}},
        {"affinity": {"device": "a", "core": "rm"}},
        {"expect": {"lost": 0, "core": "pe1"}},
        {"expect": {"core": "pe1", "from": "pe0"}},
        {"expect": {"from": "pe0", "handled": 1}},
        {"expect": {"never": []}},
        {"expect": {"never": "exits"}},
        {"expect": {"never": ["enter", "msi"], "cores": "pe1"}},
        {"expect": {"never": "wake", "line": 1}},
        {"expect": {"never": "send", "from": "pe1"}},
        {"expect": {"event": "enter", "delivered": 1}},
        {"expect": {"event": "exit", "from": "pe1", "before": {}}},
        {"expect": {"before": "enter"}},
        {"expect": {"before": {"event": "enter", "since": "a"}}},
        {"expect": {"before": {"event": "lost", "core": "pe1"}}},
        {"wait-for": {"delivered": 1}},
        {"wait-for": {"limit": 1}},
        {"wait-for": {"delivered": 1, "limit": 1, "never": "enter"}},
        {"wait-for": {"pending": 1, "from": "pe1", "limit": 1}},
    ],
)
def test_a_wrong_step_is_refused_by_both(step):
    script = {"version": 1, "steps": [step]}
    assert not VALIDATOR.is_valid(script)
    assert not accepted(script)


@pytest.mark.parametrize(
    "head",
    [
        {"boot": "full", "software": "bare"},
        {"boot": "no"},
        {"driver_defects": ["mailbox-mask"], "software": "bare"},
        {"driver_defects": "mailbox-mask"},
        {"devices": "all", "software": "bare"},
        {"devices": "some"},
        {"devices": [""]},
    ],
)
def test_a_wrong_top_level_key_of_the_fabric_is_refused_by_both(head):
    script = {"version": 1, **head, "steps": [{"wait": 1}]}
    assert not VALIDATOR.is_valid(script)
    assert not accepted(script)


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
        "5ps", "one", "linux", "bare", "reset", 4096, "serial", "enter", "fault", ["ack", "ipe"], [], {}, ["pe0"], ["others"], [24], [24, "x"], [None], {"min": 1}, {"max": 2, "x": 1},
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
    st.sampled_from([(number, *path) for number, sample in enumerate(SAMPLES) for path in paths(sample)]), st.sampled_from(["set", "drop", "add"]), VALUES, st.sampled_from(
        ["at", "wait", "steps", "x", "from", "core", "cores", "line", "lines", "clear", "24", "min", "delivered",
         "device", "index", "input", "bit", "value", "every", "cluster", "node", "stop", "ack", "lost", "bite", "never", "event", "before", "limit", "timers"]
    )
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=2))
def test_the_schema_and_the_reader_accept_the_same(mutations):
    chosen = mutations[0][0][0]
    script = json.loads(json.dumps(SAMPLES[chosen]))
    for (sample, *path), how, drawn, name in mutations:
        if sample != chosen:
            continue
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
