"""Scripts on which the vector engine once differed from the reference."""

from __future__ import annotations

import pytest
from engine_boards import board

from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.engine import Vector
from kvx_emu.engine.vector.tuning import MEASURED, Tuning
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

SMALL = Tuning(chunk=16, batch=1, batches=2, exceptions=2, words=1)

DISABLED_WHILE_ENTERING = """version: 1
software: bare
nesting: true
timing: {entry: 1, service: 3}
steps:
  - sfr: {core: pe1, register: ILL, write: 0x2000000000000}
  - sfr: {core: pe1, register: PS, write: 0x10}
  - enable: {core: pe1, lines: [24]}
  - send: {from: pe0, to: [pe1], line: 24}
  - disable: {core: pe1, lines: [24]}
  - send: {from: pe1, to: [pe1], line: 24}
  - wait: 2
  - sfr: {core: pe1, register: PS, equals: 0x2010}
"""

LOCKSTEP_BESIDE_A_DRAINED_LINE = """version: 1
timing: {service: 2}
steps:
  - enable: {core: pe2, lines: [26]}
  - random: {count: 89, seed: 397, every: 1, from: [pe0, pe2], targets: uniform, lines: [24, 26]}
"""

LATCHED_AT_DIFFERENT_TICKS = """version: 1
steps:
  - send: {from: pe0, to: [pe2], line: 25}
  - wait: 1
  - send: {from: pe0, to: [pe0, pe1], line: 25}
  - send: {from: pe1, to: [pe1, pe2], line: 24}
  - expect: {core: pe2, within: 0}
"""

A_TIMER_THAT_RESTS_WHILE_ITS_CORE_SLEEPS = """version: 1
software: bare
timing: {service: 2}
steps:
  - sfr: {cores: all, register: PS, write: 0x10}
  - sfr: {cores: all, register: ILL, write: 0x1000000000001}
  - enable: {cores: all, lines: [0, 24]}
  - timer: {cores: pe1, value: 50}
  - sfr: {core: pe1, register: TCR, set: 0x700000}
  - idle: {cores: pe1}
  - random: {count: 200, seed: 4, every: 3, from: [pe0, pe2], targets: uniform, lines: [24]}
  - expect: {core: pe1, line: 0, timers: 1}
"""

A_SLEEP_AFTER_THE_HANDLERS = """version: 1
software: bare
timing: {service: 5}
steps:
  - sfr: {cores: all, register: PS, write: 0x10}
  - sfr: {cores: all, register: ILL, write: 0x1000000000000}
  - enable: {cores: all, lines: [24]}
  - send: {from: pe0, to: [pe1, pe2], line: 24}
  - stop: {cores: pe1}
  - idle: {cores: pe2}
  - random: {count: 60, seed: 1, every: 3, from: [pe0], targets: uniform, lines: [24]}
"""

A_DEVICE_AMONG_IPIS = """version: 1
software: bare
nesting: true
timing: {delivery: 4, entry: 1, service: {0: 9, 24: 3}}
steps:
  - sfr: {cores: all, register: PS, write: 0x10}
  - sfr: {cores: all, register: ILL, write: 0x1000000000002}
  - enable: {cores: all, lines: [0, 24]}
  - send: {from: pe0, to: [pe1], line: 24}
  - pulse: {controller: i0_1, input: 0}
  - repeat: {count: 30, every: 2, steps: [{send: {from: pe0, to: [pe1, pe2], line: 24}}]}
"""

TIMERS_BETWEEN_WRITES = """version: 1
software: bare
nesting: true
timing: {entry: 1, service: {0: 9, 24: 3}}
steps:
  - sfr: {cores: all, register: PS, write: 0x10}
  - sfr: {cores: all, register: ILL, write: 0x1000000000002}
  - enable: {cores: all, lines: [0, 2, 24]}
  - timer: {cores: [pe0, pe1], value: 500, every: 500}
  - watchdog: {cores: pe2, value: 1250}
  - random: {count: 1000, seed: 1, every: 3, from: [pe0, pe2], targets: uniform, lines: [24]}
  - repeat: {count: 100, every: 2, steps: [{send: {from: pe0, to: [pe1, pe2], line: 24}}]}
  - timer: {cores: [pe0, pe1], stop: true}
  - random: {count: 100, seed: 1, every: 3, from: [pe0, pe2], targets: uniform, lines: [24]}
"""

AN_OPERATION_BEFORE_OTHER_IPIS = """version: 1
timing: {delivery: 3, service: 2}
steps:
  - send: {from: pe0, to: [pe1], line: 24, op: reschedule}
  - random: {count: 300, seed: 1, every: 2, from: [pe0], targets: uniform, lines: [24]}
  - random: {count: 300, seed: 2, every: 2, from: [pe0], targets: uniform, lines: [24]}
"""


def outcome_of(engine, text, lines, **options):
    rows, outcome, registers, _ = run(engine, text, lines, **options)
    return rows, outcome, registers


def run(engine, text, lines, **options):
    cores = {0: [0, 1, 2, 6, 7, 8, 9]}
    machine, _ = build(read_tree(board(cores, lines).encode(), "board.dts"))
    rows: list[object] = []

    class Rows:
        def add(self, part: object) -> None:
            rows.extend(part)

    program = bind(load_script(Source("script.yaml", text)), machine)
    made = engine(machine, program, [Rows()], **options)
    outcome = made.run()
    registers = [(core.ps, core.ilr, core.sps, core.es, core.ws, core.t0v) for core in machine.core.values()]
    return rows, outcome, registers, made


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (DISABLED_WHILE_ENTERING, "24"),
        (LOCKSTEP_BESIDE_A_DRAINED_LINE, "24"),
        (LATCHED_AT_DIFFERENT_TICKS, "24 25"),
        (A_TIMER_THAT_RESTS_WHILE_ITS_CORE_SLEEPS, "24"),
        (A_SLEEP_AFTER_THE_HANDLERS, "24"),
        (A_DEVICE_AMONG_IPIS, "24"),
        (TIMERS_BETWEEN_WRITES, "24"),
        (AN_OPERATION_BEFORE_OTHER_IPIS, "24"),
    ],
)
@pytest.mark.parametrize("limit", [3, None])
def test_the_engines_agree_on_what_they_once_did_not(text, lines, limit):
    expected = outcome_of(Reference, text, lines, limit_ticks=limit)
    found = outcome_of(Vector, text, lines, limit_ticks=limit, tuning=SMALL)
    assert found == expected
    assert len(expected[0]) >= 3


def test_what_is_between_timers_is_solved():
    _, outcome, _, made = run(Vector, TIMERS_BETWEEN_WRITES, "24", tuning=MEASURED._replace(batch=20))
    assert outcome.rows > 1000
    assert made.solved > 1000
    assert made.refused == {"a timer runs out meanwhile": 1200 - made.solved}


def test_a_stretch_between_a_timer_that_is_too_soon_is_the_references():
    _, _, _, made = run(Vector, TIMERS_BETWEEN_WRITES, "24", tuning=MEASURED._replace(batch=400))
    assert made.solved == 0


def test_ipis_after_an_operation_are_solved():
    _, _, _, made = run(Vector, AN_OPERATION_BEFORE_OTHER_IPIS, "24", tuning=SMALL)
    assert made.solved > 300
    assert {why.partition(": ")[2] for why in made.refused} == {"a driver's handler is due there"}


@pytest.mark.parametrize("every", ["", "every: 4, "])
def test_a_long_repeat_is_solved_around_what_is_in_its_way(every):
    body = "[{send: {from: pe0, to: [pe1], line: 24}}, {wait: 3}, {send: {from: pe0, to: [pe2], line: 24}}]"
    text = (
        TIMERS_BETWEEN_WRITES[: TIMERS_BETWEEN_WRITES.index("  - random")]
        + "  - pulse: {controller: i0_1, input: 0}\n"
        + f"  - repeat: {{count: 1000, {every}steps: {body}}}\n"
    ).replace("timing: {entry", "timing: {delivery: 4, entry")
    tuning = MEASURED._replace(batch=20)
    *expected, _ = run(Reference, text, "24")
    *found, made = run(Vector, text, "24", tuning=tuning)
    assert found == expected
    assert 1000 < made.solved < 2000
    assert sum(made.refused.values()) == 2000 - made.solved
    assert set(made.refused) == {"a timer runs out meanwhile", "a device's request is on its way"}
