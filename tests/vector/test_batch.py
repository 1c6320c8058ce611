"""Which steps are solved as a whole, against what the reference does with them."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_core import IPI, profile
from vector_runs import HERE, Rows, changes, cores_of, machine_of, writes

from kvx_emu.core_id import CoreId
from kvx_emu.engine.batch import BATCH, Sets, batchable, draws, reach_of, stretches, worth
from kvx_emu.engine.reference import Reference
from kvx_emu.script import actions
from kvx_emu.script.actions import Action, Program
from kvx_emu.trace.row import COALESCED, MASK, MASKED, REQUEST, SEND, Row

if TYPE_CHECKING:
    from kvx_emu.script.replay.table import Table

LINES = (24, 25, 30)


def rows_of(board: int, steps: list[Action]) -> list[Row]:
    """Return what the reference makes of steps."""
    kept = Rows()
    program = Program(None, "bare", False, 0, 0, (0,) * 32, tuple(steps), latency=False)
    Reference(machine_of(board), program, [kept]).run()
    return kept.rows


@st.composite
def plain_steps(draw: st.DrawFn, *, sure: bool = False) -> tuple[int, list[Action]]:
    """Draw writes; `sure`: how many requests they make does not hang on what is drawn at random."""
    board = draw(st.integers(0, 1))
    steps = draw(writes(board, LINES, most=6))
    if sure:
        unsure = ("'uniform'", "'all'") if board else ("'uniform'",)  # its clusters differ in size
        steps = [step for step in steps if not any(word in repr(step) for word in unsure)]
    return board, steps


@st.composite
def mixed_steps(draw: st.DrawFn) -> tuple[int, list[Action]]:
    board = draw(st.integers(0, 1))
    one = st.one_of(writes(board, LINES, most=2), changes(board, LINES).map(lambda step: [step]))
    return board, [step for part in draw(st.lists(one, max_size=6)) for step in part]


@profile(60)
@given(plain_steps())
def test_what_writes_reach_is_within_what_was_told(case: tuple[int, list[Action]]):
    board, steps = case
    reach = reach_of(steps, Sets(machine_of(board)))
    for _, cluster, pid, event, line, *_ in rows_of(board, steps):
        if event in {REQUEST, COALESCED, MASKED}:
            assert line is not None
            targets, lines = reach[cluster]
            assert targets >> pid & 1
            assert lines >> line & 1


def test_only_what_writes_reach_is_told():
    sets = Sets(machine_of(1))
    writer = CoreId(1, 0)
    send = actions.Send(HERE, None, writer, 24, ((0, 0b101), (1, 1)))
    block = actions.Block(HERE, None, writer, 26, ((0, 0b111),))
    write = actions.Write(HERE, None, writer, 0x01AD0004, 0b10, 4)
    own = actions.Write(HERE, None, writer, 0x00AD0008, 1 << 5, 4)  # the writer's cluster
    drawn = actions.Random(HERE, None, 3, 0, (CoreId(0, 1), CoreId(0, 2)), "one", (30, 31), 1, (0,))
    repeat = actions.Repeat(HERE, None, 2, None, (send, write))
    assert reach_of([send], sets) == {0: (0b101, 1 << 24), 1: (1, 1 << 24)}
    assert reach_of([block, actions.Wait(HERE, None, 5)], sets) == {}
    assert reach_of([write], sets) == {0: (0b10, 1 << 25)}
    assert reach_of([own], sets) == {1: (1 << 5, 1 << 26)}
    assert reach_of([drawn], sets) == {0: (0b111, 3 << 30)}
    assert reach_of([block, repeat], sets) == {0: (0b111, 3 << 24), 1: (1, 1 << 24)}


@profile(60)
@given(mixed_steps())
def test_stretches_are_the_steps_in_order_and_as_long_as_they_can_be(case: tuple[int, list[Action]]):
    board, steps = case
    sets = Sets(machine_of(board))
    found = list(stretches(steps, sets))
    assert [step for _, part in found for step in part] == steps
    kinds = {actions.Send, actions.Block, actions.Write, actions.Wait, actions.Random, actions.Repeat}
    expected = [(plain, len(list(part))) for plain, part in groupby(steps, lambda step: type(step) in kinds)]
    assert [(plain, len(part)) for plain, part in found] == expected


@profile(60)
@given(plain_steps(sure=True), st.integers(0, 12))
def test_what_is_worth_it_are_the_edges_of_stretches_with_enough_writes(
    case: tuple[int, list[Action]], least: int
):
    board, steps = case
    rows = rows_of(board, steps)
    made = sum(row[3] in {SEND, MASK} for row in rows)  # but for writes of 0
    edges = sum(row[3] in {REQUEST, COALESCED, MASKED} for row in rows)
    found = worth(steps, Sets(machine_of(board)), least)
    assert found in {0, edges}
    if made >= least:
        assert found == edges
    if not any(isinstance(step, actions.Write | actions.Repeat) for step in steps) and made < least:
        assert found == 0


def test_stretches_are_judged_one_by_one():
    sets = Sets(machine_of(0))
    every = cores_of(0)
    drawn = actions.Random(HERE, None, BATCH, 1, every, "all", (24,), 1, (0,))
    few = actions.Random(HERE, None, BATCH - 1, 1, every, "all", (24,), 1, (0,))
    odd = actions.Enable(HERE, None, every, 1, on=True)
    assert worth([drawn], sets) == 3 * BATCH
    assert worth([few], sets) == 0
    assert worth([few, odd, few], sets) == 0
    assert worth([few, few], sets) == 3 * 2 * (BATCH - 1)
    assert worth([drawn, odd, few, odd, drawn], sets) == 6 * BATCH
    loop = actions.Repeat(HERE, None, 5, None, (odd, drawn))
    assert worth([loop, few], sets) == 15 * BATCH
    assert worth([actions.Repeat(HERE, None, 5, None, (few,))], sets) == 15 * (BATCH - 1)
    uniform = actions.Random(HERE, None, 1000, 1, every, "uniform", (24,), 1, (0,))
    assert worth([uniform], sets) == 1500
    assert len(list(stretches([loop, few], sets))) == 2
    for rows in (BATCH - 1, BATCH):  # a row of a table counts as one
        table = cast("Table", SimpleNamespace(rows=rows))
        assert worth([few, actions.Replay(HERE, None, table)], sets) == (rows if rows >= BATCH else 0)


@pytest.mark.parametrize("line", [*IPI])
def test_writes_that_would_warn_or_fault_are_the_references(line: int):
    sets = Sets(machine_of(0))
    at = 0x01AD0000 + 4 * (line - 24)
    writer = CoreId(0, 0)

    def solved(address: int, value: int, size: int = 4) -> bool:
        return batchable(actions.Write(HERE, None, writer, address, value, size), sets)

    assert solved(at, 0x10003)
    assert solved(at + 32, 0x1FFFF)
    assert not solved(at, 0x4), "there is no core 2"
    assert not solved(at, 1 << 17)
    assert not solved(at, 1, 8)
    assert not solved(at + 64, 1)
    assert not solved(0x05AD0000, 1), "a bus error"


def test_a_repeat_draws_if_anything_in_it_does():
    send = actions.Send(HERE, None, CoreId(0, 0), 24, ((0, 1),))
    random = actions.Random(HERE, None, 1, 1, (CoreId(0, 0),), "all", (24,), 0, (0,))
    inner = actions.Repeat(HERE, None, 2, None, (send, random))
    assert [draws(step) for step in (send, random, inner)] == [False, True, True]
    assert draws(actions.Repeat(HERE, None, 2, None, (send, inner)))
    assert not draws(actions.Repeat(HERE, None, 2, None, (send, actions.Wait(HERE, None, 1))))
