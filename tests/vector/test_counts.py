"""Counts and waits of a chunk, against loops over its table and against the rows that it makes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_core import profile
from vector_runs import Drawn, Rows, programs
from vector_tables import NAMES, edges, tables

from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector import counts, engine
from kvx_emu.engine.vector.chunk import Chunk, Names
from kvx_emu.engine.vector.events import Events, no_events
from kvx_emu.engine.vector.rows import rows_of
from kvx_emu.engine.vector.table import COALESCED, REQUESTED, Table
from kvx_emu.engine.vector.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Key


def some(numbers: dict[Key, int]) -> dict[Key, int]:
    return {key: number for key, number in numbers.items() if number}


def loops(chunk: Chunk) -> dict[Key, int]:
    """Count what a chunk has, one thing after the other."""
    found: Counter[Key] = Counter()
    events, arrivals = chunk.events, chunk.arrivals
    for i in range(len(events.tick)):
        writer = int(events.from_cluster[i]), int(events.from_core[i])
        line = int(events.line[i])
        if events.to_mask[i]:
            found[*writer, "mask", line, None] += 1
        elif events.value[i]:
            found[*writer, "send", line, None] += 1
        for pid in range(17):
            if chunk.blocked is not None and int(chunk.blocked[i]) >> pid & 1:
                found[int(events.cluster[i]), pid, "masked", line, writer[0]] += 1
    for table, core, i in edges(chunk.table) + ([] if chunk.carried is None else edges(chunk.carried)):
        line = int(table.line[i])
        if table.fate[i] in {REQUESTED, COALESCED}:
            name = "request" if table.fate[i] == REQUESTED else "coalesced"
            found[*core, name, line, int(arrivals.from_cluster[table.event[i]])] += 1
        found[*core, "enter", line, None] += int(table.enter[i] >= 0)
        found[*core, "exit", line, None] += int(table.leave[i] >= 0)
    for i in range(len(arrivals.tick)):
        for pid in range(17):
            if chunk.isolated is not None and int(chunk.isolated[i]) >> pid & 1:
                cluster, line = int(arrivals.cluster[i]), int(arrivals.line[i])
                found[cluster, pid, "request", line, int(arrivals.from_cluster[i])] += 1
                found[cluster, pid, "enter", line, None] += 1
                found[cluster, pid, "exit", line, None] += 1
    return some(found)


def events_of(writes: Sequence[tuple[int, int, int, bool, int, int]]) -> Events:
    columns = zip(*((0, *write, 0) for write in writes), strict=True) if writes else ((),) * 8
    kinds = (column.dtype for column in no_events())
    return Events._make(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    lines = draw(st.sampled_from([(24,), (24, 31), (3, 24, 25)]))
    senders = draw(st.sampled_from([(0,), (0, 2, 300)]))
    words = st.sampled_from([0, 1, 5, 0x1FFFF, 0x10000])
    n = draw(st.integers(0, 8))
    to_mask = draw(st.sampled_from([(False,), (False, True), (True,)]))
    writes = [
        (
            draw(st.sampled_from([0, 2, 300])),
            draw(st.sampled_from(lines)),
            draw(words),
            draw(st.sampled_from(to_mask)),
            draw(st.sampled_from(senders)),
            draw(st.integers(0, 16)),
        )
        for _ in range(n)
    ]
    events = events_of(writes)
    bits = st.one_of(st.none(), st.lists(words, min_size=n, max_size=n))
    blocked, isolated = draw(bits), draw(bits)
    return Chunk(
        events,
        any(to_mask for _, _, _, to_mask, _, _ in writes),
        None if blocked is None else np.array(blocked, np.uint32),
        events,
        0,
        draw(tables(lines, n, draw(st.sampled_from([(REQUESTED, COALESCED), (REQUESTED,)])))),
        draw(st.one_of(st.none(), tables(lines))),
        None if isolated is None else np.array(isolated, np.uint32),
        False,
    )


@profile(60)
@given(chunks(), st.sampled_from([counts.MOST_KINDS, 0]))
def test_counts_are_those_of_loops_over_the_chunk(chunk: Chunk, most: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "MOST_KINDS", most)
        assert some(counts.counts_of(chunk, NAMES)) == loops(chunk)


def test_cores_without_an_edge_count_nothing():
    """Two edges on one line, between cores that have none: the first was absorbed, the second ran."""
    none, ran = np.zeros(0, np.int64), np.array([-1, 5])
    table = Table(
        [(0,), (1, 2), (3,), (4,)],
        np.array([0, 0, 2, 2, 2]),
        np.array([0, 0], np.int32),
        np.array([24, 24], np.uint8),
        np.array([1, 3]),
        np.array([COALESCED, REQUESTED], np.uint8),
        ran,
        ran,
        none,
        none,
        None,
        None,
    )
    events = events_of([(0, 24, 3, False, 0, 1)])
    for turned in (table, table._replace(fate=table.fate[::-1], enter=ran[::-1], leave=ran[::-1])):
        chunk = Chunk(events, False, None, events, 0, turned, None, None, False)
        assert some(counts.counts_of(chunk, NAMES)) == loops(chunk)


@profile(60)
@given(tables((0, 24, 31)))
def test_waits_are_the_longest_from_arrival_to_enter(table: Table):
    expected: dict[tuple[int, int, int | None], int] = {}
    for _, (cluster, pid), i in edges(table):
        if table.enter[i] >= table.arrive[i]:
            place = cluster, pid, int(table.line[i])
            expected[place] = max(expected.get(place, 0), int(table.enter[i] - table.arrive[i]))
    enter = np.where(table.enter >= table.arrive, table.enter, -1)  # nothing is entered before it arrives
    found: dict[tuple[int, int, int | None], int] = {}
    for cluster, core, line, wait in counts.waits_of(table._replace(enter=enter), NAMES):
        assert wait >= 0
        found[cluster, core, line] = max(found.get((cluster, core, line), 0), wait)
    assert found == expected


TUNINGS = [Tuning(1 << 16, 1, 1, 1, 1), Tuning(5, 1, 1, 1, 1), Tuning(7, 1, 1000, 1000, 1000)]


def run(drawn: Drawn, tuning: Tuning, sinks: Sequence[Rows]) -> list[tuple[Chunk, Names]]:
    """Run the vector engine and return its chunks."""
    chunks = []

    def kept(chunk: Chunk, names: Names) -> dict[Key, int]:
        chunks.append((chunk, names))
        return counts.counts_of(chunk, names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "counts_of", kept)
        engine.Vector(drawn.machine(), drawn.program, sinks, tuning=tuning).run()
    return chunks


@profile(60)
@given(programs(), st.sampled_from(TUNINGS))
def test_counts_of_a_chunk_are_those_of_its_rows(drawn: Drawn, tuning: Tuning):
    for chunk, names in run(drawn, tuning, [Rows()]):
        rows = rows_of(chunk, names)
        expected = Counter(row[1:6] for row in rows)
        assert rows.counts() == expected
        assert some(counts.counts_of(chunk, names)) == expected


@profile(40)
@given(programs(), st.sampled_from(TUNINGS))
def test_without_sinks_chunks_count_as_many_rows_as_the_reference_makes(drawn: Drawn, tuning: Tuning):
    vector = engine.Vector(drawn.machine(), drawn.program, tuning=tuning)
    found, expected = vector.run(), Reference(drawn.machine(), drawn.program, [Rows()]).run()
    assert (found.rows, found.summary) == (expected.rows, expected.summary)
