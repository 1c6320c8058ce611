"""Scripts on which the vector engine once differed from the reference."""

from __future__ import annotations

import pytest
from engine_boards import board

from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.engine import Vector
from kvx_emu.engine.vector.tuning import Tuning
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


def outcome_of(engine, text, lines, **options):
    cores = {0: [0, 1, 2, 6, 7, 8, 9]}
    machine, _ = build(read_tree(board(cores, lines).encode(), "board.dts"))
    rows: list[object] = []

    class Rows:
        def add(self, part: object) -> None:
            rows.extend(part)

    program = bind(load_script(Source("script.yaml", text)), machine)
    outcome = engine(machine, program, [Rows()], **options).run()
    return rows, outcome, [(core.ps, core.ilr, core.sps, core.es) for core in machine.core.values()]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (DISABLED_WHILE_ENTERING, "24"),
        (LOCKSTEP_BESIDE_A_DRAINED_LINE, "24"),
        (LATCHED_AT_DIFFERENT_TICKS, "24 25"),
    ],
)
@pytest.mark.parametrize("limit", [3, None])
def test_the_engines_agree_on_what_they_once_did_not(text, lines, limit):
    expected = outcome_of(Reference, text, lines, limit_ticks=limit)
    found = outcome_of(Vector, text, lines, limit_ticks=limit, tuning=SMALL)
    assert found == expected
    assert len(expected[0]) > 3
