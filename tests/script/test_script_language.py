"""Every step and key: what it becomes, and what is refused."""
# ruff: noqa: E501 - one row a case

import pytest
from script_board import FakeBoard, action, errors, program, read, step_error, steps

from kvx_emu.core_id import CoreId
from kvx_emu.errors import InputError, Place, UsageError
from kvx_emu.script import actions
from kvx_emu.script.actions import Rows
from kvx_emu.script.bind import bind

P = Place("t.yaml", 3, 3)
PE0, PE1, PE2, PE3, RM = (CoreId(0, pid) for pid in (0, 1, 2, 3, 16))
C1PE0, C1PE1 = CoreId(1, 0), CoreId(1, 1)
ALL_ROWS = {"cores": None, "lines": None, "senders": None, "counts": (), "since": None}
EXPECT = ALL_ROWS | {"within": None, "never": None, "before": None}
WAIT_FOR = ALL_ROWS | {"limit": 0}
ALL = (PE0, PE1, PE2, PE3, RM, C1PE0, C1PE1)


def of(line):
    """Return the action of a step, its place made comparable."""
    found = action(line)
    assert found.place == P._replace(text=f"- {line}")
    return type(found), {
        name: getattr(found, name) for name in found.__dataclass_fields__ if name not in ("place", "at")
    }


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        ("send: {to: pe1}", actions.Send, {"writer": PE0, "line": 24, "masks": ((0, 2),), "operation": None}),
        ("send: {to: others}", actions.Send, {"writer": PE0, "line": 24, "masks": ((0, 0x1000E),), "operation": None}),
        ("send: {from: c1.pe1, to: all, line: 31}", actions.Send, {"writer": C1PE1, "line": 31, "masks": ((1, 3),), "operation": None}),
        ("send: {to: [c1.all, rm, rm, pe2-3]}", actions.Send, {"writer": PE0, "line": 24, "masks": ((0, 0x1000C), (1, 3)), "operation": None}),
        ("send: {to: pe1, op: irq_work}", actions.Send, {"writer": PE0, "line": 24, "masks": ((0, 2),), "operation": 2}),
        ("send: {to: pe1, op: unknown}", actions.Send, {"writer": PE0, "line": 24, "masks": ((0, 2),), "operation": 3}),
        ("mask: {line: 25, block: [rm]}", actions.Block, {"writer": PE0, "line": 25, "masks": ((0, 0x10000),)}),
        ("mask: {line: 25, block: all}", actions.Block, {"writer": PE0, "line": 25, "masks": ((0, 0x1000F), (1, 3))}),
        ("mask: {line: 25, block: others}", actions.Block, {"writer": PE0, "line": 25, "masks": ((0, 0x1000E), (1, 3))}),
        ("mask: {line: 25, block: [], from: c1.pe0}", actions.Block, {"writer": C1PE0, "line": 25, "masks": ((1, 0),)}),
        ("write: {addr: 0xad0000, value: 0x6}", actions.Write, {"writer": PE0, "address": 0xAD0000, "value": 6, "size": 4}),
        ("write: {addr: 0, value: 255, size: 1, from: rm}", actions.Write, {"writer": RM, "address": 0, "value": 255, "size": 1}),
        ("read: {addr: 0xad0020}", actions.Read, {"reader": PE0, "address": 0xAD0020, "size": 4, "equals": None}),
        ("read: {addr: 8, size: 8, equals: 0x10000}", actions.Read, {"reader": PE0, "address": 8, "size": 8, "equals": 0x10000}),
        ("read: {addr: 8, equals: bus-error}", actions.Read, {"reader": PE0, "address": 8, "size": 4, "equals": "bus-error"}),
        ("enable: {cores: all, lines: [24]}", actions.Enable, {"cores": ALL, "lines": 1 << 24, "on": True}),
        ("disable: {core: [pe2, pe1], line: 0-1}", actions.Enable, {"cores": (PE1, PE2), "lines": 3, "on": False}),
        ("level: {cores: pe1, line: 24, value: 3}", actions.Level, {"cores": (PE1,), "lines": 1 << 24, "level": 3}),
        ("sfr: {core: pe0, register: ILR, set: 0x100000}", actions.Sfr, {"cores": (PE0,), "register": "ILR", "operation": "set", "value": 0x100000}),
        ("sfr: {cores: c1.pes, register: KICK, write: 255}", actions.Sfr, {"cores": (C1PE0, C1PE1), "register": "KICK", "operation": "write", "value": 255}),
        ("sfr: {cores: rm, register: PCR, equals: 0}", actions.Sfr, {"cores": (RM,), "register": "PCR", "operation": "equals", "value": 0}),
        ("sfr: {cores: rm, register: PS, clear: 1}", actions.Sfr, {"cores": (RM,), "register": "PS", "operation": "clear", "value": 1}),
        ("wait: 1us", actions.Wait, {"ticks": 1000}),
        ("wait: 7", actions.Wait, {"ticks": 7}),
        ("wait: idle", actions.Wait, {"ticks": None}),
        ("mark: before-storm", actions.Mark, {"name": "before-storm"}),
        ("random: {count: 5}", actions.Random, {"count": 5, "every": 0, "senders": (PE0,), "targets": "one", "lines": (24,), "seed": 0, "path": (0,)}),
        ("random: {count: 1, seed: 7, every: 100ns, from: pes, targets: uniform, lines: [25, 24, 25-26]}", actions.Random, {"count": 1, "every": 100, "senders": (PE0, PE1, PE2, PE3, C1PE0, C1PE1), "targets": "uniform", "lines": (25, 24, 26), "seed": 7, "path": (0,)}),
        ("expect: {delivered: 3}", actions.Expect, EXPECT | {"counts": (("delivered", 3, 3),)}),
        ("expect: {core: pe1, line: 24-25, pending: {min: 1}, masked: {max: 4}, within: 1us}", actions.Expect, EXPECT | {"cores": (PE1,), "lines": 3 << 24, "counts": (("masked", 0, 4), ("pending", 1, None)), "within": 1000}),
        ("expect: {cores: pes, lines: [24], cleared: {min: 1, max: 1}}", actions.Expect, EXPECT | {"cores": (PE0, PE1, PE2, PE3, C1PE0, C1PE1), "lines": 1 << 24, "counts": (("cleared", 1, 1),)}),
        ("expect: {core: pe1, from: pe0, delivered: 3}", actions.Expect, EXPECT | {"cores": (PE1,), "senders": (PE0,), "counts": (("delivered", 3, 3),)}),
        ("expect: {from: [c1.pe1, pe2, pe2], within: 5}", actions.Expect, EXPECT | {"senders": (PE2, C1PE1), "within": 5}),
        ("expect: {core: pe3, never: [fault, enter, fault]}", actions.Expect, EXPECT | {"cores": (PE3,), "never": Rows(("fault", "enter"), (PE3,), None, None, None)}),
        ("expect: {line: 25, from: pe0, never: ack}", actions.Expect, EXPECT | {"lines": 1 << 25, "senders": (PE0,), "never": Rows(("ack",), None, 1 << 25, (PE0,), None)}),
        ("expect: {core: pe1, line: 24, before: {}}", actions.Expect, EXPECT | {"cores": (PE1,), "lines": 1 << 24, "before": (Rows(("enter",), (PE1,), 1 << 24, None, None), Rows(("enter",), None, None, None, None))}),
        ("expect: {event: wake, before: {event: request, cores: [pe2, pe1], lines: 0-1, from: pes}}", actions.Expect, EXPECT | {"before": (Rows(("wake",), None, None, None, None), Rows(("request",), (PE1, PE2), 3, (PE0, PE1, PE2, PE3, C1PE0, C1PE1), None))}),
        ("wait-for: {delivered: 3, limit: 10us}", actions.WaitFor, WAIT_FOR | {"counts": (("delivered", 3, 3),), "limit": 10_000}),
        ("wait-for: {core: pe1, line: 24, from: pe0, cleared: {min: 1}, limit: 0}", actions.WaitFor, WAIT_FOR | {"cores": (PE1,), "lines": 1 << 24, "senders": (PE0,), "counts": (("cleared", 1, None),), "limit": 0}),
    ],
)  # fmt: skip
def test_a_step_becomes_this_action(line, kind, fields):
    assert of(line) == (kind, fields)


def test_repeat_holds_its_body_and_random_its_path_and_seed():
    bound = program(
        "wait: 1",
        "repeat: {count: 3, every: 1us, steps: [wait: 1, repeat: {count: 2, steps: [random: {count: 4}]}]}",
        seed=9,
    )
    outer = bound.actions[1]
    inner = outer.body[1]
    assert (outer.count, outer.every, inner.count, inner.every) == (3, 1000, 2, None)
    assert inner.body[0].path == (1, 1, 0)
    assert inner.body[0].seed == 9


def test_the_defaults_of_a_script():
    bound = program("wait: 1")
    assert bound == actions.Program(None, "linux", False, 0, 0, (0,) * 32, bound.actions, False)


def test_all_top_level_keys_are_taken():
    bound = bind(
        read(
            """\
            version: 1
            name: smoke
            software: bare
            nesting: true
            timing: {delivery: 1us, entry: 5, service: {24: 500ns, 25-26: 2, 0x1b: 3, default: 100ns}}
            params: {n: 3}
            steps:
            - read: {addr: 0, equals: 0}
            - repeat: {count: 100, steps: [expect: {delivered: 0, within: 5}]}
            - sfr: {core: pe0, register: PS, equals: 1}
            - sfr: {core: pe0, register: PS, set: 1}
            """
        ),
        FakeBoard(),
    )
    assert (bound.name, bound.software, bound.nesting) == ("smoke", "bare", True)
    assert (bound.delivery, bound.entry) == (1000, 5)
    assert bound.service == (100,) * 24 + (500, 2, 2, 3) + (100,) * 4
    assert bound.latency


def test_one_service_time_serves_all_lines():
    bound = bind(read("version: 1\ntiming: {service: 2us}\nsteps: [wait: 1]\n"), FakeBoard())
    assert bound.service == (2000,) * 32


def test_at_is_an_absolute_time():
    assert action("{at: 1.5us, wait: 1}").at == 1500


def test_params_stand_for_numbers_anywhere():
    text = """\
        version: 1
        params: {n: 5, line: 25}
        timing: {delivery: "${n}ns"}
        steps:
        - wait: ${n}us
        - wait: ${n}${n}
        - send: {to: "pe${three}", line: "${line}"}
        - repeat: {count: '${n}', steps: [wait: 1]}
        """
    script = read(text.replace("${three}", "3"), params={"n": 7})
    assert script.params == {"n": 7, "line": 25}
    bound = bind(script, FakeBoard())
    assert bound.delivery == 7
    assert [getattr(one, "ticks", None) for one in bound.actions] == [7000, 77, None, None]
    assert bound.actions[2].line == 25
    assert bound.actions[3].count == 7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"mn": 1},
            "--set mn: the script has no parameter `mn`; its parameters are nn, other; did you mean `nn`?",
        ),
        ({"nn": -1}, "--set nn=-1: expected a whole number"),
        ({"nn": 1 << 64}, "expected a whole number"),
    ],
)
def test_set_of_what_can_not_be_is_a_usage_error(given, words):
    with pytest.raises(UsageError) as caught:
        read("version: 1\nparams: {nn: 1, other: 2}\nsteps: [wait: 1]\n", params=given)
    assert words in str(caught.value)


def test_set_without_params_says_so():
    with pytest.raises(UsageError, match="it has no parameters"):
        read("version: 1\nsteps: [wait: 1]\n", params={"n": 1})


@pytest.mark.parametrize(
    ("params", "value", "code", "words"),
    [
        (
            "{num: 1}",
            "${nun}",
            "script-param",
            "unknown parameter `nun`; expected one of num; did you mean `num`?",
        ),
        ("{}", "${n}", "script-param", "the script has no params"),
        ("{n: 1}", "${n", "script-param", "found `${` without `}`"),
        ("{n: 1}", "x${n}", "script-time", "found `x1`"),
    ],
)
def test_a_bad_template_is_told_once(params, value, code, words):
    places, message = errors(f"version: 1\nparams: {params}\nsteps:\n- wait: {value}\n")
    assert [one[2] for one in places] == [code]
    assert words in message


@pytest.mark.parametrize(
    "params", ["{1n: 1}", "{n: x}", "{n: -1}", "{n: 18446744073709551616}", "[n]", "3", "!!str x"]
)
def test_bad_params_are_told_and_their_uses_are_not(params):
    places, _ = errors(f"version: 1\nparams: {params}\nsteps:\n- wait: ${{n}}\n")
    assert [line for line, _, _ in places] == [2]


@pytest.mark.parametrize(
    ("line", "column", "code", "words"),
    [
        ("sned: {to: pe1}", 3, "script-step", "unknown step `sned`; expected one of send, mask,"),
        ("sned: {to: pe1}", 3, "script-step", "did you mean `send`?"),
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 1", 3, "script-step", "unknown step `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`"),
        ("{}", 3, "script-step", "found none of the kinds of steps; expected exactly one of"),
        ("{at: 5}", 3, "script-step", "found none"),
        ("{wait: 1, mark: a}", 3, "script-step", "found wait and mark of the kinds"),
        ("wait", 3, "script-step", "found the text `wait`; expected a step: a mapping"),
        ("[]", 3, "script-step", "found an empty list"),
        ("~", 3, "script-step", "found nothing"),
        ("replay: {file: events.txt}", 18, "script-value", "found the text `events.txt`; expected the name of a .csv or .npy or .parquet file"),
        ("replay: {file: '-'}", 18, "script-value", "found the text `-`; expected the name of a .csv"),
        ("send: {to: pe1, lien: 24}", 19, "script-key", "unknown key `lien` of `send`; expected from, to, line, op; did you mean `line`?"),
        ("send: {line: 24}", 9, "script-missing", "`send` lacks the key to; expected it"),
        ("send: pe1", 9, "script-value", "found the text `pe1` for `send`; expected a mapping with the keys from, to, line"),
        ("send: {to: pe1, line: 23}", 25, "script-line", "found `23`; expected a line 24..31"),
        ("send: {to: pe1, line: 32}", 25, "script-line", "found `32`"),
        ("send: {to: pe1, line: true}", 25, "script-line", "found `true`"),
        ("send: {to: pe1, line: 24.0}", 25, "script-line", "found the number `24.0` with a fraction or exponent"),
        ("send: {to: pe1, line: 1e3}", 25, "script-line", "found the number `1e3`"),
        ("send: {to: pe1, line: '24'}", 25, "script-line", "found the text `24`"),
        ("send: {to: pe1, line: [24]}", 25, "script-line", "found a list"),
        ("send: {to: []}", 14, "script-core", "found an empty list; expected at least one core"),
        ("send: {to: pe9}", 14, "script-core", "the board has no core pe9; the nearest that it has is pe3"),
        ("send: {to: [pe1, pe9]}", 20, "script-core", "no core pe9"),
        ("send: {to: pe99}", 14, "script-core", "expected pe0..pe15"),
        ("send: {to: 5}", 14, "script-core", "found `5`; expected the name of a core"),
        ("send: {from: pes, to: pe1}", 16, "script-core", "found `pes`; expected one core"),
        ("send: {from: pe0-0, to: pe1}", 16, "script-core", "expected one core"),
        ("send: {from: [pe0], to: pe1}", 16, "script-core", "found a list"),
        ("enable: {cores: others, lines: 24}", 19, "script-core", "here is no sender"),
        ("enable: {cores: all, lines: []}", 31, "script-line", "found an empty list; expected at least one line"),
        ("enable: {cores: all, lines: 32}", 31, "script-line", "expected a line 0..31"),
        ("enable: {cores: all, lines: 30-32}", 31, "script-line", "within 0..31"),
        ("enable: {cores: all, core: pe1, lines: 1}", 24, "script-key", "found both cores and core"),
        ("enable: {lines: 1}", 11, "script-missing", "lacks the key cores or core"),
        ("level: {cores: all, line: 24, value: 4}", 40, "script-value", "found `4`; expected a level 0..3"),
        ("random: {count: 1, lines: 23}", 29, "script-line", "expected a line 24..31"),
        ("random: {count: 1, targets: many}", 31, "script-value", "found the text `many`; expected one or uniform or all"),
        ("random: {count: 1, from: others}", 28, "script-core", "here is no sender"),
        ("random: {count: 18446744073709551616}", 19, "script-value", "expected a whole number 0..2^64 - 1"),
        ("write: {addr: 0, value: 0x100, size: 1}", 27, "script-value", "value 0x100 is wider than the size of 1 bytes; expected at most 0xff"),
        ("write: {addr: 0, value: 0x100000000}", 27, "script-value", "expected at most 0xffffffff"),
        ("write: {addr: 0, value: 1, size: 3}", 36, "script-value", "found `3`; expected 1 or 2 or 4 or 8"),
        ("write: {addr: 0, value: 1, size: true}", 36, "script-value", "found `true`; expected 1 or 2"),
        ("write: {addr: -1, value: 1}", 17, "script-value", "expected an address 0..2^64 - 1"),
        ("read: {addr: 0, size: 2, equals: 0x10000}", 36, "script-value", "equals 0x10000 is wider"),
        ("read: {addr: 0, equals: buserror}", 27, "script-value", "found the text `buserror`"),
        ("sfr: {core: pe0, register: ILR}", 3, "script-key", "found none of set, clear, write and equals"),
        ("sfr: {core: pe0, register: ILR, set: 1, clear: 1}", 3, "script-key", "found set and clear of"),
        ("sfr: {core: pe0, register: ilr, set: 1}", 30, "script-register", "unknown register `ilr`; expected one of ILR, PS, PCR, KICK; did you mean `ILR`?"),
        ("sfr: {core: pe0, register: ILR, set: 0x100000000}", 40, "script-value", "set 0x100000000 is wider than the 32 bits of ILR"),
        ("sfr: {core: pe0, register: PCR, write: 1}", 42, "script-register", "PCR can not be written (access R)"),
        ("sfr: {core: pe0, register: KICK, equals: 1}", 44, "script-register", "KICK can not be read (access W)"),
        ("sfr: {core: pe0, register: '', equals: 1}", 30, "script-value", "expected the name of a register"),
        ("wait: -5", 9, "script-time", "found `-5`; expected a duration"),
        ("wait: -5ns", 9, "script-time", "found the negative duration `-5ns`"),
        ("wait: 1e3", 9, "script-time", "found the number `1e3`"),
        ("wait: '12'", 9, "script-time", "or a unit"),
        ("wait: 0.5ns", 9, "script-time", "no whole number of ticks"),
        ("wait: [1]", 9, "script-time", "found a list"),
        ("wait:", 8, "script-time", "found nothing"),
        ("wait: 9223372036854775808", 9, "script-time", "expected a duration of 0..9223372036854775807"),
        ("{at: x, wait: 1}", 8, "script-time", "found `x`"),
        ("{at: 0.5ns, wait: 1}", 8, "script-time", "no whole number"),
        ("mark: ''", 9, "script-value", "expected the name of the moment"),
        ("mark: 5", 9, "script-value", "found `5`"),
        ("repeat: {count: 1, steps: []}", 29, "script-value", "found an empty list; expected a list of at least one step"),
        ("repeat: {count: 1, steps: [{at: 1, wait: 1}]}", 31, "script-step", "found `at` inside repeat"),
        ("repeat: {count: 1, every: 0.5ns, steps: [wait: 1]}", 29, "script-time", "no whole number"),
        ("expect: {core: pe0}", 3, "script-missing", "`expect` checks nothing; expected one of delivered,"),
        ("expect: {delivered: {min: 3, max: 2}}", 23, "script-value", "found min 3 greater than max 2"),
        ("expect: {delivered: {}}", 23, "script-value", "expected min, max or both"),
        ("expect: {delivered: {most: 2}}", 24, "script-key", "found the key `most`; expected min or max"),
        ("expect: {delivered: many}", 23, "script-value", "expected a whole number, or {min: 1, max: 4}"),
        ("expect: {delivered: -1}", 23, "script-value", "found `-1`"),
        ("expect: {delivered: 1, since: storm}", 33, "script-mark", "unknown mark `storm`; the script has no marks"),
        ("mask: {block: [pe0]}", 9, "script-missing", "lacks the key line"),
    ],
)  # fmt: skip
def test_a_wrong_step_is_told_at_its_place(line, column, code, words):
    found = step_error(line)
    assert found[:2] == (column, code)
    assert words in found[2]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("steps: [wait: 1]", (1, 1, "script-missing"), "the script lacks the key version"),
        ("version: 2\nsteps: [wait: 1]", (1, 10, "script-version"), "found `2`; expected 1"),
        ("version: '1'\nsteps: [wait: 1]", (1, 10, "script-version"), "found the text `1`; expected 1"),
        ("version: 1", (1, 1, "script-missing"), "lacks the key steps"),
        ("version: 1\nsteps: []", (2, 8, "script-value"), "found an empty list"),
        ("version: 1\nsteps: {}", (2, 8, "script-value"), "found a mapping"),
        ("version: 1\nstep: 1\nsteps: [wait: 1]", (2, 1, "script-key"), "unknown key `step` of the script"),
        ("version: 1\nname: 5\nsteps: [wait: 1]", (2, 7, "script-value"), "found `5`; expected a text"),
        ("version: 1\nsoftware: linus\nsteps: [wait: 1]", (2, 11, "script-value"), "did you mean `linux`?"),
        ("version: 1\nnesting: on\nsteps: [wait: 1]", (2, 10, "script-value"), "expected true or false"),
        ("version: 1\nnesting: true\nsteps: [wait: 1]", (2, 1, "script-value"), "`nesting` with `software: linux`"),
        ("version: 1\ntiming: {delay: 1}\nsteps: [wait: 1]", (2, 10, "script-key"), "unknown key `delay` of `timing`"),
        ("version: 1\ntiming: 5\nsteps: [wait: 1]", (2, 9, "script-value"), "found `5` for `timing`"),
        ("version: 1\ntiming: {entry: 0.5ns}\nsteps: [wait: 1]", (2, 17, "script-time"), "no whole number"),
        ("version: 1\ntiming: {service: 0.5ns}\nsteps: [wait: 1]", (2, 19, "script-time"), "no whole number"),
        ("version: 1\ntiming: {service: {32: 1}}\nsteps: [wait: 1]", (2, 20, "script-line"), "found the key `32`"),
        ("version: 1\ntiming: {service: {24: 1, 20-25: 1}}\nsteps: [wait: 1]", (2, 27, "script-duplicate"), "line 24 again"),
        ("version: 1\ntiming: {service: {24: x}}\nsteps: [wait: 1]", (2, 24, "script-time"), "found `x`"),
    ],
)  # fmt: skip
def test_a_wrong_top_level_key_is_told_at_its_place(text, place, words):
    places, message = errors(text + "\n")
    assert places == [place]
    assert words in message


def test_all_errors_of_a_file_are_told_those_of_the_board_included():
    places, _ = errors(
        steps(
            "wait: -1",
            "send: {to: pe9, from: pe8}",
            "bogus: 1",
            "repeat: {count: x, steps: [wait: y, send: {}]}",
        )
    )
    assert places == [
        (3, 9, "script-time"),
        (4, 14, "script-core"),
        (4, 25, "script-core"),
        (5, 3, "script-step"),
        (6, 19, "script-value"),
        (6, 36, "script-time"),
        (6, 45, "script-missing"),
    ]


def test_both_a_wrong_key_and_a_wrong_kind_of_one_step_are_told():
    places, _ = errors(
        steps("{wait: x, bogus: 1}", "{at: x, wait: y}", "enable: {cores: [x, y], lines: [a, 33]}")
    )
    assert [(line, code) for line, _, code in places] == [
        (3, "script-time"),
        (3, "script-step"),
        (4, "script-time"),
        (4, "script-time"),
        (5, "script-core"),
        (5, "script-core"),
        (5, "script-line"),
        (5, "script-line"),
    ]


def test_load_alone_raises_what_needs_no_board():
    with pytest.raises(InputError, match="script-step"):
        read(steps("bogus: 1"))
    assert read(steps("send: {to: pe9}")).findings == []


def test_a_partial_script_with_too_many_errors_stays_so_when_bound():
    script = read(steps(*["send: {to: pe9}"] * 3, *["bogus: 1"] * 1100), partial=True)
    assert script.steps == ()
    with pytest.raises(InputError) as caught:
        bind(script, FakeBoard())
    assert len(caught.value.findings) == 1001
    script = read(steps(*["send: {to: pe9}"] * 3, *["bogus: 1"] * 999), partial=True)
    with pytest.raises(InputError) as caught:
        bind(script, FakeBoard())
    assert len(caught.value.findings) == 1001


ONE = (CoreId(0, 0),)


@pytest.mark.parametrize(
    ("line", "board", "code", "words"),
    [
        ("send: {to: others}", FakeBoard(cores=ONE), "script-core", "`others` means no core here"),
        ("send: {to: pes}", FakeBoard(cores=(RM,)), "script-core", "no core pe0; the nearest that it has is rm; it is the default of `from`"),
        ("send: {from: rm, to: pes}", FakeBoard(cores=(RM,)), "script-core", "`pes` means no core here"),
        ("enable: {cores: pes, lines: 1}", FakeBoard(cores=(RM,)), "script-core", "`pes` means no core here"),
        ("random: {count: 1}", FakeBoard(cores=ONE), "script-core", "pe0 has no other core in its cluster"),
        ("random: {count: 1, from: c1.pe0}", FakeBoard(controllers=(0,)), "script-core", "cluster 1 has no IPI controller; expected one that has: 0"),
        ("send: {to: c1.pe0}", FakeBoard(controllers=(0,)), "script-core", "cluster 1 has no IPI controller"),
        ("mask: {line: 24, block: all}", FakeBoard(controllers=()), "script-core", "expected one that has: none"),
        ("mask: {line: 24, block: []}", FakeBoard(controllers=()), "script-core", "cluster 0 has no IPI controller"),
        ("mask: {line: 24, block: [pe9]}", FakeBoard(), "script-core", "no core pe9"),
        ("write: {addr: 0, value: 0, from: pe9}", FakeBoard(), "script-core", "no core pe9"),
        ("read: {addr: 0, from: pe9}", FakeBoard(), "script-core", "no core pe9"),
        ("level: {cores: [pe9], line: 1, value: 1}", FakeBoard(), "script-core", "no core pe9"),
    ],
)  # fmt: skip
def test_what_a_board_lacks_is_told(line, board, code, words):
    found = step_error(line, board)
    assert found[1] == code
    assert words in found[2]


def test_a_core_alone_may_send_to_all_and_uniform():
    board = FakeBoard(cores=ONE)
    assert action("random: {count: 1, targets: all}", board).senders == ONE
    assert action("random: {count: 1, targets: uniform}", board).senders == ONE


@pytest.mark.parametrize(
    "lines",
    [
        ["repeat: {count: 1000000000000, steps: [wait: 0]}"],
        ["repeat: {count: 100000000001, steps: [wait: 0]}"],
        ["repeat: {count: 50000000001, steps: [wait: 0, wait: 0]}"],
        ["repeat: {count: 1000000, steps: [repeat: {count: 1000000, steps: [wait: 0]}]}"],
        [
            "repeat: {count: 18446744073709551615, steps: [repeat: {count: 18446744073709551615, steps: [wait: 0]}]}"
        ],
        ["repeat: {count: 1000000000000, steps: [repeat: {count: 0, steps: [wait: 0]}]}"],
        ["random: {count: 100000000001}"],
        ["random: {count: 99999999999}", "random: {count: 2}"],
    ],
)
def test_an_expansion_over_the_limit_is_told_at_the_outermost_step(lines):
    places, message = errors(steps(*lines))
    assert places == [(2 + len(lines), 3, "script-expansion")]
    assert "expected at most 100000000000" in message


def test_an_expansion_of_the_limit_is_accepted():
    assert program("repeat: {count: 100000000000, steps: [wait: 0]}").actions[0].count == 10**11
    assert program("random: {count: 100000000000}").actions[0].count == 10**11
    assert program("repeat: {count: 0, steps: [wait: 5]}", "{at: 0, wait: 1}").actions[0].count == 0


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["wait: 10", "{at: 9, wait: 1}"], "`at` is tick 9, but the time before it is tick 10 or later"),
        (["{at: 10, wait: 5}", "{at: 14, wait: 1}"], "tick 15"),
        (["repeat: {count: 5, every: 10, steps: [wait: 1]}", "{at: 49, wait: 1}"], "tick 50"),
        (["repeat: {count: 5, steps: [wait: 1, wait: idle]}", "{at: 4, wait: 1}"], "tick 5"),
        (["random: {count: 10, every: 3}", "{at: 29, wait: 1}"], "tick 30"),
        (["repeat: {count: 2, every: 9, steps: [wait: 10]}"], "the body takes 10 ticks or more; expected at most `every`, 9"),
        (["repeat: {count: 2, every: 0, steps: [wait: 1]}"], "the body takes 1 ticks"),
        (["repeat: {count: 2, every: 9, steps: [random: {count: 10, every: 1}]}"], "the body takes 10 ticks"),
        (["wait: 9223372036854775807", "wait: 1"], "the time after this step is tick 9223372036854775808"),
        (["repeat: {count: 10000000000, every: 1s, steps: [wait: 1]}"], "expected less than 9223372036854775808"),
    ],
)  # fmt: skip
def test_times_that_can_not_be_are_told(lines, words):
    places, message = errors(steps(*lines))
    assert places == [(2 + len(lines), 3, "script-time")]
    assert words in message


def test_times_that_can_be_are_accepted():
    program("wait: 10", "{at: 10, wait: 0}", "wait: idle", "{at: 10, wait: 1}", "{at: 1us, wait: idle}")
    program("repeat: {count: 3, every: 0, steps: [send: {to: pe1}, wait: idle]}", "{at: 0, mark: a}")
    program("repeat: {count: 3, every: 10, steps: [wait: 10]}", "{at: 30, mark: a}")
    program("wait-for: {delivered: 1, limit: 1s}", "{at: 0, wait: 0}")  # it may take no time
    program("repeat: {count: 3, every: 10, steps: [wait-for: {delivered: 1, limit: 1s}]}")


def test_since_needs_a_mark_that_is_reached_before():
    program("mark: a", "expect: {delivered: 0, since: a}")
    program(
        "repeat: {count: 2, steps: [mark: a, expect: {delivered: 0, since: a}]}",
        "expect: {masked: 0, since: a}",
    )
    for lines, words in (
        (
            ["mark: storm", "expect: {delivered: 0, since: strom}"],
            "expected one of storm; did you mean `storm`?",
        ),
        (["expect: {delivered: 0, since: a}", "mark: a"], "the mark `a` is not reached before this step"),
        (["repeat: {count: 0, steps: [mark: a]}", "expect: {delivered: 0, since: a}"], "is not reached"),
        (["repeat: {count: 2, steps: [expect: {delivered: 0, since: a}, mark: a]}"], "is not reached"),
    ):
        places, message = errors(steps(*lines))
        assert [code for _, _, code in places] == ["script-mark"]
        assert words in message


def test_a_mark_is_for_what_stands_in_before_and_never_and_for_a_wait_as_well():
    *_, never, before, waited = program(
        "mark: a",
        "expect: {never: fault, since: a}",
        "expect: {core: pe1, before: {core: pe2}, since: a}",
        "wait-for: {delivered: 1, since: a, limit: 5}",
    ).actions
    assert never.never == Rows(("fault",), None, None, None, "a")
    assert [kind.since for kind in before.before] == ["a", "a"]
    assert waited.since == "a"
    assert step_error("wait-for: {delivered: 1, since: a, limit: 5}")[1] == "script-mark"


def test_within_by_sender_needs_no_times_of_all_requests():
    assert program("expect: {within: 5}").latency
    assert not program("expect: {within: 5, from: pe0}").latency


@pytest.mark.parametrize(
    ("line", "column", "code", "words"),
    [
        ("expect: {core: pe1}", 3, "script-missing", "`expect` checks nothing; expected one of delivered, coalesced, masked, requested, pending, cleared, handled, lost, timers, within, never or before"),
        ("wait-for: {core: pe1, limit: 5}", 3, "script-missing", "`wait-for` checks nothing; expected one of delivered, coalesced, masked, requested, pending, cleared, handled, lost or timers"),
        ("wait-for: {delivered: 1}", 13, "script-missing", "`wait-for` lacks the key limit; expected it"),
        ("wait-for: {delivered: 1, within: 5, limit: 5}", 28, "script-key", "unknown key `within` of `wait-for`"),
        ("wait-for: {lost: 1, core: pe1, limit: 5}", 29, "script-key", "found `core` with `lost`; expected `lost` alone"),
        ("wait-for: {pending: 1, from: pe1, limit: 5}", 32, "script-key", "found `from` with `pending`, which has no sender; expected it with delivered, coalesced, masked, requested or cleared"),
        ("expect: {timers: 1, from: pe1}", 29, "script-key", "found `from` with `timers`, which has no sender; expected it with delivered, coalesced, masked, requested, cleared, within, never or before"),
        ("expect: {delivered: 1, from: others}", 32, "script-core", "found `others`; expected other cores: here is no sender"),
        ("expect: {delivered: 1, from: pe9}", 32, "script-core", "pe9"),
        ("expect: {never: [enter, exits]}", 27, "script-value", "did you mean `exit`?"),
        ("expect: {never: []}", 19, "script-value", "found an empty list; expected one of send, masked"),
        ("expect: {never: 3}", 19, "script-value", "found `3`; expected send or masked"),
        ("expect: {core: pe1, never: [enter, lost]}", 12, "script-key", "found `core` with `lost`, whose rows have no core; expected send, masked, request"),
        ("expect: {lines: 24, never: fault}", 12, "script-key", "found `lines` with `fault`, whose rows have no line; expected send"),
        ("expect: {never: exit, from: pe0}", 25, "script-key", "found `from` with `exit`, whose rows have no sender; expected masked, request, coalesced, clear, enter, mailbox, ack, start, ipe"),
        ("expect: {delivered: 1, event: enter}", 33, "script-key", "found `event` without `before`; expected both"),
        ("expect: {event: exit, from: pe0, before: {}}", 25, "script-key", "found `from` with `exit`, whose rows have no sender"),
        ("expect: {before: {event: wake, line: 24}}", 34, "script-key", "found `line` with `wake`, whose rows have no line"),
        ("expect: {before: {event: nothing}}", 28, "script-value", "found the text `nothing`; expected send or"),
        ("expect: {before: enter}", 20, "script-value", "found the text `enter` for `before`; expected a mapping with the keys event, core, line, from"),
        ("expect: {before: {core: pe1, cores: pe2}}", 32, "script-key", "found both core and cores of `before`"),
    ],
)  # fmt: skip
def test_an_expectation_that_can_not_be_is_told(line, column, code, words):
    found, message = errors(steps(line))
    assert found == [(3, column, code)]
    assert words in message


def test_the_events_of_scripts_are_those_of_rows():
    from kvx_emu.trace.row import EVENTS

    assert tuple(actions.EVENTS) == EVENTS


def test_the_tree_numbers_have_their_limit_of_64_bits():
    assert (
        action("write: {addr: 0xffffffffffffffff, value: 0xffffffffffffffff, size: 8}").value == (1 << 64) - 1
    )
    assert step_error("write: {addr: 0, value: 0x10000000000000000, size: 8}")[1] == "script-value"
