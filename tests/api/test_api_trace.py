"""The trace as columns of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from command import ROOT
from hypothesis import given
from hypothesis import strategies as st

import kvx_emu
from kvx_emu import CoreId, Row, Trace, UsageError
from kvx_emu.api.trace import Kept
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.setting import Setting
from kvx_emu.trace.sink import Filter
from kvx_emu.trace.text import csv_lines, json_lines

ROWS = [
    (0, 0, 0, "send", 24, None, None, 6),
    (40, 0, 1, "request", 24, 0, 0, 0),
    (40, 0, None, "msi", 129, None, None, 27262976),
    (40, None, None, "lost", 300, None, None, 0),
    (60, 0, 1, "enter", 24, None, None, (1 << 64) - 1),
    (90, 2, 16, "fault", None, None, None, 0xAD1000),
]

none = st.none()
clusters = none | st.integers(0, (1 << 15) - 1) | st.integers(0, 2)
cores = none | st.integers(0, 127) | st.integers(0, 2)
lines = none | st.integers(0, (1 << 15) - 1) | st.integers(23, 25)
ticks = st.integers(0, (1 << 63) - 1) | st.integers(0, 3)
values = st.integers(0, (1 << 64) - 1) | st.integers(0, 3)
row = st.tuples(ticks, clusters, cores, st.sampled_from(EVENTS), lines, clusters, cores, values)
blocks = st.lists(row, max_size=30)


def trace_of(rows, **setting):
    return Trace(Columns.from_rows(rows), Setting(**setting))


@pytest.fixture(scope="module")
def smoke():
    return kvx_emu.run("cluster", "smoke").trace


# Rows of blocks outside the cores, as columns


@given(blocks)
def test_columns_hold_what_stands_outside_cores_and_clusters(rows):
    columns = Columns.from_rows(rows)
    assert list(columns) == rows
    assert csv_lines(columns) == csv_lines(rows)
    assert json_lines(columns) == json_lines(rows)
    counts = {key: sum(found[1:6] == key for found in rows) for key in {found[1:6] for found in rows}}
    assert columns.counts() == counts


class Keeper:
    def __init__(self):
        self.rows = []

    def add(self, rows):
        self.rows += rows


@given(
    blocks,
    none | st.sets(st.builds(CoreId, st.integers(0, 2), st.integers(0, 2))),
    none | st.sets(st.integers(22, 26)),
    none | st.sets(st.sampled_from(EVENTS)),
)
def test_a_filter_takes_the_same_of_columns(rows, chosen, wanted, events):
    found = []
    for taken in (rows, Columns.from_rows(rows)):
        keeper = Keeper()
        Filter(keeper, cores=chosen, lines=wanted, events=events).add(taken)
        found.append(keeper.rows)
    assert found[0] == found[1]


def test_rows_of_wild_numbers_are_still_counted():
    wild = [
        (0, cluster, core, event, line, cluster, core, 0)
        for cluster in (None, 32767)
        for core in (None, 127)
        for event in (EVENTS[0], EVENTS[-1])
        for line in (None, 32767)
    ]
    assert Columns.from_rows(wild * 3).counts() == dict.fromkeys([found[1:6] for found in wild], 3)


# The trace


def test_the_columns_are_arrays_and_absent_is_minus_one():
    trace = trace_of(ROWS)
    assert trace.tick.tolist() == [0, 40, 40, 40, 60, 90]
    assert trace.cluster.tolist() == [0, 0, 0, -1, 0, 2]
    assert trace.core.tolist() == [0, 1, -1, -1, 1, 16]
    assert [EVENTS[code] for code in trace.event] == [found[3] for found in ROWS]
    assert trace.events.tolist() == ["send", "request", "msi", "lost", "enter", "fault"]
    assert trace.line.tolist() == [24, 24, 129, 300, 24, -1]
    assert trace.from_cluster.tolist() == [-1, 0, -1, -1, -1, -1]
    assert trace.from_core.tolist() == [-1, 0, -1, -1, -1, -1]
    assert trace.value.tolist() == [6, 0, 27262976, 0, (1 << 64) - 1, 0xAD1000]
    kinds = [np.int64, np.int16, np.int8, np.uint8, np.int16, np.int16, np.int8, np.uint64]
    assert [getattr(trace, name).dtype for name in Row._fields] == kinds


def test_the_columns_can_not_be_written():
    with pytest.raises(ValueError, match="read-only"):
        trace_of(ROWS).tick[0] = 5


def test_a_trace_is_a_sequence_of_rows():
    trace = trace_of(ROWS)
    assert len(trace) == 6
    assert list(trace) == ROWS
    assert trace[2] == Row(40, 0, None, "msi", 129, None, None, 27262976)
    assert trace[-1].event == "fault"
    assert trace[1:3] == trace_of(ROWS[1:3])
    assert ROWS[4] in trace
    with pytest.raises(IndexError):
        trace[6]


def test_traces_are_equal_by_their_rows():
    assert trace_of(ROWS) == trace_of(ROWS, board="another")
    assert trace_of(ROWS) != trace_of(ROWS[1:])
    assert trace_of(ROWS) != trace_of([*ROWS[:-1], (*ROWS[-1][:7], 1)])
    assert trace_of(ROWS) != ROWS
    with pytest.raises(TypeError, match="unhashable"):
        hash(trace_of(ROWS))


def test_a_trace_is_shown_by_its_length_and_ticks():
    assert repr(trace_of(ROWS)) == "<Trace: 6 rows, ticks 0 to 90>"
    assert repr(trace_of([])) == "<Trace: 0 rows>"


@pytest.mark.parametrize(
    ("conditions", "indices"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"core": "pe1"}, [1, 4]),
        ({"core": CoreId(2, 16)}, [5]),
        ({"core": "c2.rm"}, [5]),
        ({"core": ["pe0", CoreId(0, 1)]}, [0, 1, 4]),
        ({"core": "pe0-1"}, [0, 1, 4]),
        ({"core": "all"}, [0, 1, 4, 5]),
        ({"core": "pes"}, [0, 1, 4]),
        ({"core": "c5.pe3"}, []),
        ({"core": []}, []),
        ({"line": 24}, [0, 1, 4]),
        ({"line": [129, 300]}, [2, 3]),
        ({"event": "enter"}, [4]),
        ({"event": ["enter", "send"]}, [0, 4]),
        ({"first": 40, "last": 60}, [1, 2, 3, 4]),
        ({"core": "pe1", "event": "request", "line": 24, "first": 1}, [1]),
    ],
)
def test_where_chooses_rows(conditions, indices):
    assert list(trace_of(ROWS).where(**conditions)) == [ROWS[index] for index in indices]


def test_the_cores_of_the_board_are_known(smoke):
    assert {found.core for found in smoke.where(core="pes")} == set(range(16))
    assert len(smoke.where(core="pes", event="enter")) + len(smoke.where(core="rm", event="enter")) == len(
        smoke.where(event="enter")
    )
    with pytest.raises(UsageError, match=r"core: the board has no core c1\.pe0"):
        smoke.where(core="c1.pe0")


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"core": "pe16"}, r"core: found `pe16`; expected pe0\.\.pe15"),
        ({"core": "others"}, "core: found `others`, which is about a sender"),
        ({"event": "entre"}, "event: found 'entre'; expected one of send, masked, "),
    ],
)
def test_what_there_is_not_is_a_usage_error(conditions, message):
    with pytest.raises(UsageError, match=message):
        trace_of(ROWS).where(**conditions)


# Files


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_trace_that_was_saved_is_read_back(tmp_path, name):
    if name == "a.parquet":
        pytest.importorskip("pyarrow")
    trace_of(ROWS).save(tmp_path / name)
    assert Trace.read(tmp_path / name) == trace_of(ROWS)


def test_what_is_saved_is_what_a_run_writes(tmp_path):
    result = kvx_emu.run("cluster", ROOT / "scripts" / "devices.yaml", trace=tmp_path / "run.csv")
    result.trace.save(tmp_path / "saved.csv")
    assert (tmp_path / "saved.csv").read_bytes() == (tmp_path / "run.csv").read_bytes()
    assert Trace.read(tmp_path / "run.csv") == result.trace


def test_a_suffix_that_is_no_formats_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="the suffix says the format"):
        trace_of(ROWS).save(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_trace_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("tick,core\n1,2\n")
    with pytest.raises(kvx_emu.InputError) as caught:
        Trace.read(path)
    assert caught.value.findings[0].place.line == 1


# Keeping rows


@given(st.lists(st.tuples(blocks, st.booleans())))
def test_chunks_are_kept_in_their_order_as_lists_or_columns(chunks):
    kept = Kept()
    for rows, packed in chunks:
        chunk = Columns.from_rows(rows) if packed else list(rows)
        kept.add(chunk)
        if not packed:
            chunk.clear()  # as the engine does with its list
    rows = [found for rows, _ in chunks for found in rows]
    assert list(kept.columns()) == list(kept.columns()) == rows


def test_a_long_list_of_rows_is_kept_as_columns():
    kept, many = Kept(), ROWS * 6000
    kept.add(many)
    assert kept._rows == []
    kept.add(ROWS)
    kept.flush()
    kept.abandon()
    kept.close()
    assert len(kept.columns()) == len(many) + len(ROWS)
