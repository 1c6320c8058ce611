"""Traces in Parquet, read back by those who did not write them."""

from __future__ import annotations

import csv
import errno
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_rows import many, row

from kvx_emu.core_id import CoreId
from kvx_emu.errors import OutputError, UsageError
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.formats import parquet as ours
from kvx_emu.trace.row import COLUMNS
from kvx_emu.trace.setting import Setting

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = [
    (0, 0, 16, "send", 31, None, None, 0xFFFFFFFF),
    (0, 4, 1, "request", 31, 4, 16, 0),
    (7, 1, None, "mailbox", 127, 0, 3, 2),
    (7, None, None, "lost", 300, None, None, 0),
    ((1 << 63) - 1, 63, 0, "fault", None, None, None, (1 << 64) - 1),
]
SETTING = Setting(clock_hz=600_000_000, cores=(CoreId(0, 0),), board="board.dts", script="é\udce9.yaml")


def written(path, chunks, setting=SETTING):
    sink = open_sink(str(path), setting)
    for chunk in chunks:
        sink.add(chunk)
    sink.flush()
    sink.close()
    return path


def rows_of(path):
    columns = parquet.read_table(path).to_pydict()
    assert tuple(columns) == COLUMNS
    return list(zip(*columns.values(), strict=True))


def test_pyarrow_reads_the_rows(tmp_path):
    assert rows_of(written(tmp_path / "t.parquet", [ROWS])) == ROWS


def test_duckdb_reads_the_rows(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = written(tmp_path / "t.parquet", [ROWS])
    with duckdb.connect() as connection:
        assert connection.execute(f"select * from '{path}'").fetchall() == ROWS
        count = f"select event, count(*) from '{path}' where core = 1 and line >= 24 group by event"
        assert connection.execute(count).fetchall() == [("request", 1)]


def test_the_columns_have_types_that_fit(tmp_path):
    schema = parquet.read_schema(written(tmp_path / "t.parquet", [ROWS]))
    assert {field.name: (str(field.type), field.nullable) for field in schema} == {
        "tick": ("int64", False),
        "cluster": ("int16", True),
        "core": ("int8", True),
        "event": ("dictionary<values=string, indices=int8, ordered=0>", False),
        "line": ("int16", True),
        "from_cluster": ("int16", True),
        "from_core": ("int8", True),
        "value": ("uint64", False),
    }


def test_the_file_tells_of_the_run(tmp_path):
    metadata = parquet.read_schema(written(tmp_path / "t.parquet", [ROWS])).metadata
    assert {key: value for key, value in metadata.items() if key.startswith(b"kvx_emu.")} == {
        b"kvx_emu.format": b"1",
        b"kvx_emu.clock_hz": b"600000000",
        b"kvx_emu.board": b"board.dts",
        b"kvx_emu.script": "é?.yaml".encode(),
    }


def test_ticks_are_packed_by_their_differences_and_all_is_compressed(tmp_path):
    group = parquet.read_metadata(written(tmp_path / "t.parquet", [ROWS])).row_group(0)
    columns = [group.column(index) for index in range(8)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert [column.path_in_schema for column in columns if "DELTA_BINARY_PACKED" in column.encodings] == [
        "tick"
    ]
    assert [column.path_in_schema for column in columns if column.has_dictionary_page] == list(COLUMNS[1:])


def test_no_rows_make_a_file_of_no_rows(tmp_path):
    assert rows_of(written(tmp_path / "t.parquet", [])) == []


@given(st.lists(st.lists(row, max_size=9), max_size=9), st.integers(0, 511))
@settings(max_examples=40)
def test_any_rows_are_read_as_they_were_as_tuples_and_as_columns(tmp_path_factory, chunks, as_columns):
    folder = tmp_path_factory.mktemp("any")
    given_rows = [Columns.from_rows(c) if as_columns >> k & 1 else c for k, c in enumerate(chunks)]
    path = written(folder / "t.parquet", given_rows)
    assert rows_of(path) == [each for chunk in chunks for each in chunk]
    whole = written(folder / "whole.parquet", [[each for chunk in chunks for each in chunk]])
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("group", [1000, 2999, 3000, 3001])
def test_row_groups_are_bounded_and_how_rows_came_does_not_show(tmp_path, monkeypatch, group):
    monkeypatch.setattr(ours, "GROUP", group)
    rows = many(3000)
    whole = written(tmp_path / "whole.parquet", [rows])
    metadata = parquet.read_metadata(whole)
    sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    assert sizes == {1000: [1000] * 3, 2999: [2999, 1]}.get(group, [3000])
    assert rows_of(whole) == rows
    mixed = [rows[:7], Columns.from_rows(rows[7:1999]), rows[1999:2000], rows[2000:]]
    for chunks in ([[each] for each in rows], [Columns.from_rows(rows)], mixed):
        assert written(tmp_path / "t.parquet", chunks).read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("script", ["nesting", "devices"])
def test_a_run_gives_the_rows_of_its_csv(kvx, tmp_path, script):
    outputs = tmp_path / "t.parquet", tmp_path / "t.csv"
    traces = [arg for path in outputs for arg in ("--trace", path)]
    result = kvx("run", "boards/cluster.dts", f"scripts/{script}.yaml", *traces, "--format", "none")
    assert result.status == 0
    with outputs[1].open() as file:
        rows = [tuple(each.values()) for each in csv.DictReader(file)]
    shown = [tuple("" if cell is None else str(cell) for cell in each) for each in rows_of(outputs[0])]
    assert shown == rows
    assert rows


# What goes wrong


def test_without_pyarrow_one_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        open_sink(str(tmp_path / "t.parquet"), SETTING)
    assert str(caught.value) == (
        f"cannot write {tmp_path}/t.parquet: pyarrow is not installed; "
        "expected it: pip install 'kvx-emu[parquet]'"
    )
    assert os.listdir(tmp_path) == []


def test_an_old_file_stays_if_the_new_one_is_abandoned(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("old")
    sink = open_sink(str(path), SETTING)
    sink.add(ROWS)
    sink.abandon()
    sink.abandon()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_abandon_after_close_leaves_the_new_file(tmp_path):
    path = tmp_path / "t.parquet"
    sink = open_sink(str(path), SETTING)
    sink.add(ROWS)
    sink.flush()
    sink.close()
    sink.abandon()
    assert rows_of(path) == ROWS


@pytest.mark.parametrize("after", [0, 1, 2, 5])
def test_a_disk_that_is_full_is_told_and_leaves_the_old_file(tmp_path, monkeypatch, after):
    path = tmp_path / "t.parquet"
    path.write_text("old")
    write, calls = ours.AtomicFile.write_bytes, []

    def fail(file, content):
        calls.append(content)
        if len(calls) > after:
            raise file._failed(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        write(file, content)

    monkeypatch.setattr(ours.AtomicFile, "write_bytes", fail)
    with pytest.raises(OutputError, match=r"t.parquet: can not be written: No space left on device$"):
        written(path, [ROWS])
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_a_file_in_no_folder_can_not_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"t.parquet: can not be written: No such file or directory$"):
        open_sink(str(tmp_path / "none" / "t.parquet"), SETTING)
