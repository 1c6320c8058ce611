"""Rows as columns: whatever takes rows makes the same of them as of tuples."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_rows import many, row

from kvx_emu.core_id import CoreId
from kvx_emu.trace import columns
from kvx_emu.trace.block import Block
from kvx_emu.trace.columns import ABSENT, Columns
from kvx_emu.trace.digits import digits, lines
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.sink import FileSink, Filter, StreamSink
from kvx_emu.trace.table import TableSink
from kvx_emu.trace.tally import Ledger, Tally
from kvx_emu.trace.text import FORMATS, csv_lines, json_lines

EXTREMES = [
    (0, 0, 0, "send", 0, 0, 0, 0),
    ((1 << 63) - 1, (1 << 15) - 1, 16, "reset", 127, (1 << 15) - 1, 127, (1 << 64) - 1),
    (0, 0, 0, "fault", None, None, None, (1 << 64) - 1),
    ((1 << 63) - 1, 4, 16, "request", 31, None, None, 0),
]

blocks = st.lists(row, max_size=30)


def as_columns(rows):
    return Columns.from_rows(rows)


# The sequence


@given(blocks)
def test_columns_are_a_sequence_of_the_rows(rows):
    block = as_columns(rows)
    assert isinstance(block, Block)
    assert len(block) == len(rows)
    assert list(block) == rows
    assert [block[index] for index in range(-len(rows), len(rows))] == rows + rows
    assert list(reversed(block)) == rows[::-1]


def test_the_numbers_of_a_row_are_pythons():
    for found in as_columns(EXTREMES):
        assert {type(field) for field in found} <= {int, str, type(None)}
    assert list(as_columns(EXTREMES)) == EXTREMES


@given(blocks, st.slices(30))
def test_a_slice_is_columns_again(rows, part):
    block = as_columns(rows)[part]
    assert isinstance(block, Columns)
    assert list(block) == rows[part]


@pytest.mark.parametrize("index", [4, -5])
def test_an_index_that_is_out_of_range_is_an_error(index):
    with pytest.raises(IndexError):
        as_columns(EXTREMES)[index]


@given(blocks, st.data())
def test_rows_are_selected_by_mask_and_by_index(rows, data):
    block = as_columns(rows)
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    chosen = [found for found, wanted in zip(rows, mask, strict=True) if wanted]
    assert list(block.select(np.array(mask, bool))) == chosen
    indices = data.draw(st.lists(st.sampled_from(range(len(rows))))) if rows else []
    assert list(block.select(np.array(indices, np.int64))) == [rows[index] for index in indices]


def test_more_rows_than_are_listed_at_once_are_all_listed():
    rows = many(70_000)
    assert list(as_columns(rows)) == rows


def test_the_columns_are_what_the_engine_makes():
    block = as_columns(EXTREMES)
    kinds = [getattr(block, name).dtype for name in ("tick", "cluster", "core", "event")]
    assert kinds == [np.int64, np.int16, np.int8, np.uint8]
    kinds = [getattr(block, name).dtype for name in ("line", "from_cluster", "from_core", "value")]
    assert kinds == [np.int16, np.int16, np.int8, np.uint64]
    assert [EVENTS[code] for code in block.event] == [found[3] for found in EXTREMES]
    assert block.line.tolist() == [0, 127, ABSENT, 31]


def arrays_of(block):
    names = ("tick", "cluster", "core", "event", "line", "from_cluster", "from_core", "value")
    return {name: getattr(block, name) for name in names}


def test_arrays_are_kept_as_they_are():
    arrays = arrays_of(as_columns(EXTREMES))
    block = Columns(**arrays)
    assert all(getattr(block, name) is array for name, array in arrays.items())


def test_an_array_whose_numbers_may_not_fit_is_refused():
    arrays = arrays_of(as_columns(EXTREMES))
    with pytest.raises(TypeError, match="Cannot cast"):
        Columns(**arrays | {"core": np.zeros(4, np.int64)})
    assert list(Columns(**arrays | {"tick": np.arange(4, dtype=np.int32)}))[3][0] == 3


def test_arrays_of_several_lengths_are_refused():
    arrays = arrays_of(as_columns(EXTREMES))
    with pytest.raises(ValueError, match="columns of several lengths"):
        Columns(**arrays | {"value": np.zeros(3, np.uint64)})


@pytest.mark.parametrize("place", [0, 7])
def test_a_number_that_does_not_fit_is_refused(place):
    found = list(EXTREMES[1])
    found[place] += 1
    with pytest.raises(OverflowError):
        as_columns([tuple(found)])


# Text


@pytest.mark.parametrize("form", [csv_lines, json_lines])
@given(rows=blocks)
def test_text_is_the_same_as_of_tuples(form, rows):
    assert form(as_columns(rows)) == form(rows)


@pytest.mark.parametrize("form", [csv_lines, json_lines])
def test_text_of_extremes_is_the_same_as_of_tuples(form):
    assert form(as_columns(EXTREMES)) == form(EXTREMES)
    for found in EXTREMES:
        assert form(as_columns([found])) == form([found])
    assert form(as_columns([])) == ""


@pytest.mark.parametrize("form", [csv_lines, json_lines])
def test_text_of_more_rows_than_are_written_at_once_is_the_same_as_of_tuples(form):
    rows = many(70_000)
    assert form(as_columns(rows)) == form(rows)


@pytest.mark.parametrize("form", [csv_lines, json_lines])
@given(rows=st.lists(row, min_size=1, max_size=3))
def test_text_of_few_values_in_many_rows_is_the_same_as_of_tuples(form, rows):
    rows *= 300
    assert form(as_columns(rows)) == form(rows)


@pytest.mark.parametrize("factor", [0, 1, 1 << 44])
def test_values_that_fall_together_are_told_apart(monkeypatch, factor):
    monkeypatch.setattr(columns, "_MIX", np.uint64(factor))
    rows = [(tick, 0, 0, "enter", 24, None, None, tick % 3) for tick in range(3000)]
    assert csv_lines(as_columns(rows)) == csv_lines(rows)


def test_texts_that_are_not_kept_any_more_are_made_again(monkeypatch):
    monkeypatch.setattr(columns, "_KEPT", 3)
    columns._middles.cache_clear()
    rows = many(200)
    assert csv_lines(as_columns(rows)) == csv_lines(rows)


def test_text_of_arrays_that_are_views_is_the_same():
    rows = many(500)
    assert csv_lines(as_columns(rows)[::-3]) == csv_lines(rows[::-3])
    arrays = arrays_of(as_columns(rows))
    spread = arrays | {"value": np.broadcast_to(np.uint64(12345), 500)}
    assert csv_lines(Columns(**spread)) == csv_lines([(*found[:7], 12345) for found in rows])


def test_every_number_of_digits_alone_and_beside_others():
    near = {
        number + off
        for power in range(20)
        for off in (-1, 0, 1)
        if 0 <= (number := 10**power) + off < 1 << 64
    }
    for least in sorted(near):
        group = [number for number in sorted(near) if number >= least]
        for chosen in (group, group[:1], group[:2]):
            text = lines(digits(np.array(chosen, np.uint64), b"\n"))
            assert text == "".join(f"{number}\n" for number in chosen)


@pytest.mark.parametrize("kind", FORMATS)
def test_sinks_write_columns_as_they_write_tuples(tmp_path, kind):
    rows = many(300)
    texts = []
    for name, taken in (("tuples", rows), ("columns", as_columns(rows))):
        stream, sink = io.StringIO(), FileSink(str(tmp_path / name), kind)
        for taker in (StreamSink(stream, kind), sink):
            taker.add(taken[:100])
            taker.add(taken[100:100])
            taker.add(taken[100:])
            taker.close()
        texts += [stream.getvalue().encode(), (tmp_path / name).read_bytes()]
    assert len(set(texts)) == 1
    assert texts[0].count(b"\n") == 300 + (kind == "csv")


def test_a_table_of_columns_is_that_of_the_rows():
    tables = []
    for taken in (EXTREMES, as_columns(EXTREMES)):
        table = TableSink()
        table.add(taken)
        tables.append(table.text())
    assert tables[0] == tables[1]


# Filter


class Kept:
    def __init__(self):
        self.rows = []

    def add(self, rows):
        self.rows.append(rows)


def filtered(rows, conditions):
    kept = Kept()
    Filter(kept, **conditions).add(rows)
    (found,) = kept.rows
    return found


@given(
    blocks,
    st.fixed_dictionaries(
        {},
        optional={
            "cores": st.sets(st.builds(CoreId, st.integers(0, 4), st.integers(0, 16)), max_size=40),
            "lines": st.sets(st.integers(-1, 300)),
            "events": st.sets(st.sampled_from((*EVENTS, "none"))),
            "first": st.integers(0, 30) | st.integers(0, 1 << 64),
            "last": st.none() | st.integers(0, 30) | st.integers(0, 1 << 64),
        },
    ),
)
def test_a_filter_lets_the_same_through_as_of_tuples(rows, conditions):
    found = filtered(as_columns(rows), conditions)
    assert isinstance(found, Columns)
    assert list(found) == filtered(rows, conditions)


@pytest.mark.parametrize(
    ("conditions", "indices"),
    [
        ({}, [0, 1, 2, 3]),
        ({"first": (1 << 63) - 1}, [1, 3]),
        ({"first": 1 << 63}, []),
        ({"last": (1 << 63) - 2}, [0, 2]),
        ({"last": (1 << 63) - 1}, [0, 1, 2, 3]),
        ({"last": 1 << 64}, [0, 1, 2, 3]),
        ({"cores": set()}, []),
        ({"cores": {CoreId(4, 16), CoreId(0, 0)}}, [0, 2, 3]),
        ({"lines": {31, 0}}, [0, 3]),
        ({"events": {"fault", "send"}}, [0, 2]),
        ({"events": {"send"}, "lines": {31}}, []),
        ({"cores": {CoreId(0, 0)}, "events": {"fault"}, "last": 0}, [2]),
    ],
)
def test_a_filter_of_columns_is_exact(conditions, indices):
    assert list(filtered(as_columns(EXTREMES), conditions)) == [EXTREMES[index] for index in indices]


def test_a_filter_without_conditions_passes_the_columns_on():
    block = as_columns(EXTREMES)
    assert filtered(block, {}) is block


# Counts


@given(blocks)
def test_rows_are_counted_by_key(rows):
    assert as_columns(rows).counts() == dict(Counter(found[1:6] for found in rows))


def test_many_rows_are_counted_by_key():
    rows = many(5000)
    assert as_columns(rows).counts() == dict(Counter(found[1:6] for found in rows))


@given(st.lists(blocks, max_size=3))
def test_the_tally_of_columns_is_that_of_tuples(chunks):
    plain, fast = Tally(), Tally()
    for rows in chunks:
        plain.add(rows)
        fast.add(as_columns(rows))
    assert fast.rows == plain.rows
    assert fast.events() == plain.events()
    assert fast.summary(Ledger({}, {}, {})) == plain.summary(Ledger({}, {}, {}))


def test_waits_are_the_same_as_of_tuples():
    rows = [
        (tick, 0, core, event, 24, None, None, 0)
        for tick in range(0, 1000, 50)
        for core in (1, 2)
        for event, tick in (
            ("send", tick),
            ("request", tick),
            ("enter", tick + 7 * core),
            ("exit", tick + 40),
        )
    ]
    plain, fast = Tally(latency=True), Tally(latency=True)
    plain.add(rows)
    fast.add(as_columns(rows))
    for cores in (None, [CoreId(0, 1)], [CoreId(0, 2)]):
        assert fast.longest_wait(cores, None, None) == plain.longest_wait(cores, None, None) > 0


# Start-up


def test_nothing_but_columns_imports_numpy():
    code = (
        "import sys, kvx_emu.trace.sink, kvx_emu.trace.table, kvx_emu.trace.tally, kvx_emu.trace.text\n"
        "assert 'numpy' not in sys.modules\n"
        "tally = kvx_emu.trace.tally.Tally(latency=True)\n"
        "row = (0, 0, 0, 'request', 24, None, None, 0)\n"
        "tally.add([row])\n"
        "kvx_emu.trace.text.csv_lines([row])\n"
        "assert 'numpy' not in sys.modules\n"
        "import kvx_emu.trace.columns\n"
        "assert 'numpy' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rows_of_numbers_that_no_board_has_are_counted_and_written_all_the_same():
    most = (1 << 15) - 1
    rows = [
        (1, 0, 0, "send", 0, 0, 0, 0),
        (1, most, 127, "irq", most, most, 127, 5),
        (2, most, 127, "irq", most, most, 127, 5),
    ]
    made = Columns.from_rows(rows)
    assert made.counts() == {rows[0][1:6]: 1, rows[1][1:6]: 2}
    assert csv_lines(made) == csv_lines(rows)
