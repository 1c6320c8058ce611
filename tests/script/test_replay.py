"""`replay`: what is read from tables in each format, what is told of wrong ones, and what a run makes of them."""
# ruff: noqa: E501 - one row a case

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from command import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st
from script_board import FakeBoard, errors, program, steps

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import InputError, Source, UsageError
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script
from kvx_emu.script.replay import csv_rows
from kvx_emu.script.replay.csv_rows import read_csv
from kvx_emu.script.replay.rows import Checks, Writers
from kvx_emu.script.replay.table import KEPT, Table

BOARDS = sorted((ROOT / "boards").glob("*.dts"))
CORES = FakeBoard().cores  # pe0..pe3 and rm, c1.pe0, c1.pe1
FAR = CoreId(123, 12)  # its name has more than 8 characters
PE0 = CoreId(0, 0)

HEADER = "tick,addr,value\n"


class Gathered:
    """Takes what is told."""

    def __init__(self):
        self.told = []

    def error_at(self, place, code, message):
        self.told.append((place.line or place.row, place.column, code, message))


def rows_of(text, cores=CORES):
    """Return what is told of the CSV `text`, and its rows."""
    gathered = Gathered()
    checks = Checks(gathered)
    data = text if isinstance(text, bytes) else text.encode()
    chunks = [checks.checked(rows) for rows in read_csv(io.BytesIO(data), "t.csv", Writers(cores), gathered)]
    return gathered.told, [row for chunk in chunks for row in chunk.writes()]


def table_of(path, cores=CORES):
    """Return what is told of the file, and its rows."""
    gathered = Gathered()
    table = Table(str(path), cores, gathered)
    return gathered.told, [] if gathered.told else [row for chunk in table.chunks() for row in chunk.writes()]


# CSV that is right


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (HEADER, []),
        ("tick,addr,value", []),
        (HEADER + "\n\n", []),
        (HEADER + "0,0,0", [(0, 0, 0, PE0)]),
        (HEADER + "0,0xad0000,0x6\n5,11337728,4\n", [(0, 0xAD0000, 6, PE0), (5, 0xAD0000, 4, PE0)]),
        (HEADER + "0,0XAd0000,0xaBcDeF09\n", [(0, 0xAD0000, 0xABCDEF09, PE0)]),
        (HEADER + "9223372036854775807,18446744073709551615,4294967295\n", [(2**63 - 1, 2**64 - 1, 2**32 - 1, PE0)]),
        (HEADER + "0x7fffffffffffffff,0xffffffffffffffff,0xffffffff\n", [(2**63 - 1, 2**64 - 1, 2**32 - 1, PE0)]),
        (HEADER + "0000000000000000000000007,010,0x0000000000000000000000009\n", [(7, 10, 9, PE0)]),
        (HEADER + "1,2,3\n\n\n4,5,6\n\n", [(1, 2, 3, PE0), (4, 5, 6, PE0)]),
        (HEADER.replace("\n", "\r\n") + "1,2,3\r\n\r\n4,5,6\r\n", [(1, 2, 3, PE0), (4, 5, 6, PE0)]),
        (HEADER + "1,2,3\r\n4,5,6\r", [(1, 2, 3, PE0), (4, 5, 6, PE0)]),
        ("\ufeff" + HEADER + "1,2,3\n", [(1, 2, 3, PE0)]),
        (" value , tick,\taddr\n 1,  2 ,\t3 \n", [(2, 3, 1, PE0)]),
        ("from,value,tick,addr\npe3,1,2,3\n,4,5,6\n rm,7,8,9\nc0.pe2,7,8,9\nc0.rm,7,8,9\n c1.pe1 ,7,8,9\n   ,7,8,9\n",
         [(2, 3, 1, CoreId(0, 3)), (5, 6, 4, PE0), (8, 9, 7, CoreId(0, 16)), (8, 9, 7, CoreId(0, 2)), (8, 9, 7, CoreId(0, 16)), (8, 9, 7, CoreId(1, 1)), (8, 9, 7, PE0)]),
    ],
)  # fmt: skip
def test_a_table_in_csv_is_read(text, rows):
    assert rows_of(text) == ([], rows)


def test_a_long_name_of_a_core_is_read_as_well():
    text = "tick,addr,value,from\n1,2,3,c123.pe12\n1,2,3,c123.pe12\n"
    assert rows_of(text, [PE0, FAR]) == ([], [(1, 2, 3, FAR)] * 2)
    assert rows_of(text, [FAR]) == ([], [(1, 2, 3, FAR)] * 2)  # no name is short enough for the fast way


NUMBERS = st.sampled_from(["{}", "{:#x}", "{:#X}", "0{}", " {}", "{} ", "\t {:#x} "])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 99) | st.integers(0, 2**57),
        st.integers(0, 2**64 - 1) | st.sampled_from([0xAD0000, 2**64 - 1]),
        st.integers(0, 2**32 - 1) | st.integers(0, 99),
        st.sampled_from([*CORES, FAR]),
    ),
    max_size=60,
)


@st.composite
def written(draw):
    """Draw rows, and a CSV text that says them."""
    steps_, tick, rows = draw(ROWS), 0, []
    for step, address, value, core in steps_:
        tick = min(tick + step, 2**63 - 1)
        rows.append((tick, address, value, core))
    columns = draw(st.permutations(["tick", "addr", "value", "from"]))
    if draw(st.booleans()):
        columns.remove("from")
        rows = [(*row[:3], PE0) for row in rows]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    uniform = draw(st.booleans())  # as programs write
    form = draw(NUMBERS)
    lines = []
    for tick, address, value, core in rows:
        cells = {
            name: (form if uniform else draw(NUMBERS)).format(number)
            for name, number in (("tick", tick), ("addr", address), ("value", value))
        }
        names = [str(core), f" {core}", *([f"c0.{core}"] * (core.cluster == 0)), *([""] * (core == PE0))]
        cells["from"] = str(core) if uniform else draw(st.sampled_from(names))
        lines.append(",".join(cells[name] for name in columns))
        lines += [""] * draw(st.sampled_from([0, 0, 0, 1]))
    last = draw(st.sampled_from([end, ""])) if lines and lines[-1] else ""
    text = draw(st.sampled_from(["", "\ufeff"])) + end.join([",".join(columns), *lines]) + (last or end)
    return rows, text


@settings(max_examples=200, deadline=None)
@given(written(), st.sampled_from([1, 7, 64, 1 << 18]))
def test_what_is_written_is_read_whatever_the_form_and_the_blocks(case, block):
    rows, text = case
    limit, csv_rows.BLOCK = csv_rows.BLOCK, block
    try:
        if max(map(len, text.encode().splitlines())) <= block:
            assert rows_of(text, [*CORES, FAR]) == ([], rows)
        else:  # a line that is longer than a block may be refused, or end in time
            told, _ = rows_of(text, [*CORES, FAR])
            assert {code for _, _, code, _ in told} <= {"script-table", "script-missing"}
    finally:
        csv_rows.BLOCK = limit


CELLS = st.text("0123456789abfxX -+_.\0\u0661pecrm", max_size=22) | st.integers(0, 2**65).map(str) | st.sampled_from(
    ["pe0", "pe3", "pe4", "pe16", "rm", "c1.pe0", "c1.pe2", "c9.rm", "all", "pe0-3", "others", "pe00", "rm\0", "\xff" * 8]
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(["tick", "addr", "value", "from"]), CELLS)
@example("value", "0x")
@example("tick", "9" * 19)
@example("tick", "9" * 20)
@example("addr", "f" * 16)
@example("from", "\x00\x01")
def test_the_fast_way_and_the_slow_way_take_the_same_cells(column, cell):
    cells = {"tick": "0", "addr": "0", "value": "0", "from": ""} | {column: cell}
    told, rows = rows_of(f"{','.join(cells)}\n{','.join(cells.values())}\n")
    text = cell.strip(" \t")
    if column == "from":
        known = (
            {"": PE0}
            | {str(core): core for core in CORES}
            | {f"c0.{core}": core for core in CORES if not core.cluster}
        )
        expected = known.get(text)
    else:
        match = re.fullmatch("0[xX]([0-9a-fA-F]+)|[0-9]+", text)
        expected = match and (int(match[1], 16) if match[1] else int(text))
        most = {"tick": 2**63 - 1, "addr": 2**64 - 1, "value": 2**32 - 1}[column]
        expected = None if expected is None or expected > most else expected
    if expected is None:
        code = {"tick": "script-time", "from": "script-core"}.get(column, "script-value")
        assert [(line, code) for line, _, code, _ in told] == [(2, code)]
        assert column == "from" or column in told[0][3]
    else:
        assert told == []
        assert rows[0][("tick", "addr", "value", "from").index(column)] == expected


# CSV that is wrong


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", [(1, 1, "script-missing", "the table lacks tick, addr, value; expected the columns tick, addr, value")]),
        ("\n" + HEADER, [(1, 1, "script-missing", "the table lacks tick, addr, value; expected the columns tick, addr, value")]),
        ("tick,adr,value\n1,2,x\n", [(1, 6, "script-key", "unknown column `adr`; expected tick, addr, value, from; did you mean `addr`?"), (1, 1, "script-missing", "the table lacks addr; expected the columns tick, addr, value")]),
        ("tick,addr,value,tick\n", [(1, 17, "script-duplicate", "column `tick` stands already further left; expected each column once")]),
        ("Tick,addr,value,\n", [(1, 1, "script-key", "unknown column `Tick`"), (1, 17, "script-key", "unknown column ``"), (1, 1, "script-missing", "the table lacks tick")]),
        ("tick;addr;value\n", [(1, 1, "script-key", "unknown column `tick;addr;value`"), (1, 1, "script-missing", "")]),
        (HEADER + "1,2\n1,2,3,4\nx\n", [(2, 1, "script-table", "found 2 cells; expected 3: tick, addr, value"), (3, 1, "script-table", "found 4 cells; expected 3"), (4, 1, "script-table", "found 1 cell; expected 3")]),
        (HEADER + "5,0,0\n4,0,0\n4,0,0\n3,0,0\n", [(3, 1, "script-time", "found tick 4 after tick 5; expected ticks that never decrease"), (5, 1, "script-time", "found tick 3 after tick 4; expected")]),
        (HEADER + "x,0,0\n-1, 0x,1.5\n,,\n", [
            (2, 1, "script-time", "found `x` for tick; expected a tick 0..2^63 - 1, decimal or 0x.."), (3, 1, "script-time", "found `-1` for tick"), (4, 1, "script-time", "found nothing for tick"),
            (3, 5, "script-value", "found `0x` for addr; expected an address 0..2^64 - 1, decimal or 0x.."), (4, 2, "script-value", "found nothing for addr"),
            (3, 8, "script-value", "found `1.5` for value; expected a value of 4 bytes, 0..0xffffffff, decimal or 0x.."), (4, 3, "script-value", "found nothing for value")]),
        (HEADER + "9223372036854775808,18446744073709551616,0x100000000\n", [
            (2, 21, "script-value", "found `18446744073709551616` for addr"), (2, 1, "script-time", "found 9223372036854775808 for tick; expected a tick 0..2^63 - 1"), (2, 42, "script-value", "found 4294967296 for value; expected a value of 4 bytes, 0..0xffffffff")]),
        (HEADER + "5,0,0\nx,0,0\n4,0,0\n", [(3, 1, "script-time", "found `x`"), (4, 1, "script-time", "found tick 4 after tick 5")]),
        (HEADER + '"1",0,0\n', [(2, 1, "script-time", 'found `"1"` for tick')]),
        (HEADER + "1 2,0,0\n", [(2, 1, "script-time", "found `1 2` for tick")]),
        (HEADER + "1_0,0,0\n", [(2, 1, "script-time", "found `1_0` for tick")]),
        (HEADER + "0,\u0661,0\n", [(2, 3, "script-value", "found `\u0661` for addr")]),
        (HEADER + "0,\0,0\n", [(2, 3, "script-value", r"found `\x00` for addr")]),
        (HEADER.encode() + b"0,\xff\xe9,5x\n", [(2, 3, "script-value", "found `\ufffd\ufffd` for addr"), (2, 6, "script-value", "found `5x` for value")]),
        (b"\xff\xfe" + HEADER.encode(), [(1, 1, "script-key", "unknown column `\ufffd\ufffdtick`; expected"), (1, 1, "script-missing", "the table lacks tick;")]),
        (HEADER + "0," + "1" * 10_000 + ",0\n", [(2, 3, "script-value", "found `1111111111111111111111111111111111111...` for addr")]),
        ("tick,addr,value,from\n0,0,0,pe9\n0,0,0,all\n0,0,0,pe77\n", [
            (2, 7, "script-core", "the board has no core pe9; the nearest that it has is pe3"), (3, 7, "script-core", "found `all`; expected one core, such as pe0, rm or c2.pe3"), (4, 7, "script-core", "found `pe77`; expected one core")]),
    ],
)  # fmt: skip
def test_a_wrong_table_in_csv_is_told_with_line_and_column(text, told):
    found, _ = rows_of(text)
    assert [one[:3] for one in found] == [one[:3] for one in told]
    for one, expected in zip(found, told, strict=True):
        assert one[3].startswith(expected[3])


def test_the_default_writer_must_be_on_the_board_where_it_is_needed():
    board = [CoreId(0, 1)]
    assert rows_of(HEADER, board)[0] == [
        (
            1,
            1,
            "script-core",
            "the board has no core pe0; the nearest that it has is pe1; it is the default of `from`",
        )
    ]
    text = "tick,addr,value,from\n0,0,0,pe1\n1,0,0,\n"
    assert [told[:3] for told in rows_of(text, board)[0]] == [(3, 7, "script-core")]
    assert rows_of("tick,addr,value,from\n0,0,0,pe1\n", board)[0] == []


def test_all_the_errors_of_a_table_are_told_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(HEADER + "x,0,0\n" * 999)
    places, _ = errors(steps("replay: {file: a.csv}", "wait: -1"))
    assert places == [(4, 9, "script-time")] + [(line, 1, "script-time") for line in range(2, 1001)]
    Path("a.csv").write_text(HEADER + "x,0,0\n" * 100_000)
    places, message = errors(steps("replay: {file: a.csv}"))
    assert len(places) == 1001
    assert message.endswith("more than 1000 errors: the rest is not told")


def test_errors_across_blocks_keep_their_lines():
    text = HEADER + "1,2,3\n" * 100_000 + "0,2,3\n" + "1,2,3\n\n" * 100_000 + "1,2\n"
    assert [told[:3] for told in rows_of(text)[0]] == [
        (100_002, 1, "script-time"),
        (300_003, 1, "script-table"),
    ]


# .npy and Parquet

FIELDS = [("tick", "<i8"), ("addr", "<u8"), ("value", "<u4")]
SOME = [(0, 0xAD0000, 6), (0, 2**64 - 1, 0xFFFFFFFF), (2**62, 5, 0)]


def npy(path, rows, fields):
    np.save(path, np.array(rows, np.dtype(fields)))
    return path


def parquet_of(path, **columns):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        [("tick", ">u8"), ("addr", ">u8"), ("value", ">i8")],
        [("value", "<u4"), ("addr", "<u8"), ("tick", "<u8")],
        {
            "names": ["tick", "addr", "value"],
            "formats": ["<i8", "<u8", "<u4"],
            "offsets": [4, 16, 30],
            "itemsize": 40,
        },
    ],
)
def test_a_structured_array_is_read(tmp_path, fields):
    dtype = np.dtype(fields)
    array = np.zeros(len(SOME), dtype)
    for name, cells in zip(("tick", "addr", "value"), zip(*SOME, strict=True), strict=True):
        array[name] = cells
    np.save(tmp_path / "t.npy", array)
    assert table_of(tmp_path / "t.npy") == ([], [(*row, PE0) for row in SOME])


@pytest.mark.parametrize(
    ("kind", "writers"),
    [
        ("<u2", [0x101, 16, 3]),
        (">i4", [0x101, 16, 3]),
        ("<u8", [0x101, 16, 3]),
        ("S6", [b"c1.pe1", b"rm", b"pe3"]),
        ("U6", ["c1.pe1", "rm", "pe3"]),
        (">U9", ["c1.pe1", "rm", "c0.pe3"]),
    ],
)
def test_the_writers_of_an_array_are_numbers_or_names(tmp_path, kind, writers):
    cores = [CoreId(1, 1), CoreId(0, 16), CoreId(0, 3)]
    rows = [(*row, writer) for row, writer in zip(SOME, writers, strict=True)]
    path = npy(tmp_path / "t.npy", rows, [*FIELDS, ("from", kind)])
    assert table_of(path) == ([], [(*row, core) for row, core in zip(SOME, cores, strict=True)])


def test_an_empty_name_in_an_array_is_the_default(tmp_path):
    path = npy(tmp_path / "t.npy", [(0, 0, 0, b""), (0, 0, 0, b"rm")], [*FIELDS, ("from", "S3")])
    assert [row[3] for row in table_of(path)[1]] == [PE0, CoreId(0, 16)]


def test_an_array_without_rows_makes_no_writes(tmp_path):
    assert table_of(npy(tmp_path / "t.npy", [], FIELDS)) == ([], [])


@pytest.mark.parametrize(
    ("rows", "fields", "told"),
    [
        ([(-1, 0, 0), (2, 0, 0), (1, 0, 0)], FIELDS, [(1, "script-time", "found -1 for tick; expected a tick 0..2^63 - 1"), (3, "script-time", "found tick 1 after tick 2; expected ticks")]),
        ([(2**63, 0, 0)], [("tick", "<u8"), *FIELDS[1:]], [(1, "script-time", "found 9223372036854775808 for tick")]),
        ([(0, -1, 2**32), (0, 0, -1)], [("tick", "i1"), ("addr", "<i2"), ("value", "<i8")], [(1, "script-value", "found -1 for addr; expected an address"), (1, "script-value", "found 4294967296 for value"), (2, "script-value", "found -1 for value")]),
        ([(0, 0, 0, 9), (0, 0, 0, 0x1FF), (0, 0, 0, 0)], [*FIELDS, ("from", "<u2")], [(1, "script-core", "found 9 for from; expected cluster << 8 | pid of a core that the board has"), (2, "script-core", "found 511 for from")]),
        ([(0, 0, 0, -1)], [*FIELDS, ("from", "i1")], [(1, "script-core", "found -1 for from")]),
        ([(0, 0, 0, b"pe9"), (0, 0, 0, b"\xff\0"), (0, 0, 0, b"all")], [*FIELDS, ("from", "S3")], [(3, "script-core", "found `all`; expected one core"), (1, "script-core", "the board has no core pe9"), (2, "script-core", "found `\ufffd`")]),
        ([(0.0, 0, 0)], [("tick", "<f8"), *FIELDS[1:]], [(None, "script-table", "found floats for tick; expected integers")]),
        ([(True, 0, "x")], [("tick", "?"), ("addr", "<u8"), ("value", "U3")], [(None, "script-table", "found truth values for tick"), (None, "script-table", "found the type `<U3` for value; expected integers")]),
        ([(0, 0, [0, 0])], [*FIELDS[:2], ("value", "<u4", (2,))], [(None, "script-table", "found the type `('<u4', (2,))` for value; expected integers")]),
        ([(0, 0, 0, 1.5)], [*FIELDS, ("from", "<f4")], [(None, "script-table", "found floats for from; expected integers or names of cores")]),
        ([(0, 0, 0, 0)], [*FIELDS, ("core", "<u2")], [(None, "script-key", "unknown column `core`")]),
        ([(0, 0)], FIELDS[:2], [(None, "script-missing", "the table lacks value")]),
        ([0, 1], "<u8", [(None, "script-table", "found an array of shape `(2,)` and type `uint64`; expected a structured array of one dimension in a .npy file")]),
        ([[(0, 0, 0)]], FIELDS, [(None, "script-table", "found an array of shape `(1, 1)`")]),
        ([(0, 0, 0, "x")], [*FIELDS, ("from", "U2000")], [(None, "script-table", "found rows of 8020 bytes, more than 4096")]),
    ],
)  # fmt: skip
def test_a_wrong_array_is_told_with_the_row(tmp_path, rows, fields, told):
    found, _ = table_of(npy(tmp_path / "t.npy", rows, fields))
    assert sorted((row or 0, code) for row, _, code, _ in found) == sorted(
        (row or 0, code) for row, code, _ in told
    )
    for row, code, message in told:
        assert any((row, code) == (one[0], one[2]) and one[3].startswith(message) for one in found), found


def test_rows_are_counted_across_the_parts_of_an_array(tmp_path):
    array = np.zeros(100_000, np.dtype(FIELDS))
    array["value"][70_000], array["tick"][90_000:] = 5, 7
    assert table_of(npy(tmp_path / "t.npy", array, FIELDS))[0] == []
    array["tick"][99_999] = 6
    assert [told[0] for told in table_of(npy(tmp_path / "t.npy", array, FIELDS))[0]] == [100_000]


def test_a_parquet_file_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    tick, addr, value = (list(column) for column in zip(*SOME, strict=True))
    numbers = {"tick": tick, "addr": pa.array(addr, pa.uint64()), "value": pa.array(value, pa.uint32())}
    names = pa.array(["c1.pe1", None, "rm"])
    written = [CoreId(1, 1), PE0, CoreId(0, 16)]
    assert table_of(parquet_of(tmp_path / "t.parquet", **numbers)) == ([], [(*row, PE0) for row in SOME])
    for column in (
        names,
        names.dictionary_encode(),
        names.cast(pa.large_string()),
        pa.array([0x101, 0, 16], pa.int16()),
    ):
        path = parquet_of(tmp_path / "t.parquet", **numbers, **{"from": column})
        assert table_of(path) == ([], [(*row, core) for row, core in zip(SOME, written, strict=True)])


def test_a_wrong_parquet_file_is_told_with_the_row(tmp_path):
    pa = pytest.importorskip("pyarrow")

    def told(**columns):
        return [
            (row, code, text)
            for row, _, code, text in table_of(parquet_of(tmp_path / "t.parquet", **columns))[0]
        ]

    good = {"tick": [0, 1], "addr": [0, 0], "value": [0, 0]}
    assert told(**good) == []
    assert told(**good | {"tick": [None, 1], "value": [0, None]}) == [
        (1, "script-time", "found nothing for tick; expected a tick 0..2^63 - 1"),
        (2, "script-value", "found nothing for value; expected a value of 4 bytes, 0..0xffffffff"),
    ]
    assert told(**good, **{"from": pa.array([None, 99], pa.uint8())}) == [
        (1, "script-core", "found nothing for from; expected cluster << 8 | pid"),
        (2, "script-core", "found 99 for from; expected cluster << 8 | pid of a core that the board has"),
    ]
    assert told(**good | {"tick": [3, 1]}) == [
        (2, "script-time", "found tick 1 after tick 3; expected ticks that never decrease")
    ]
    assert told(**good | {"tick": [0.5, 1.5], "addr": [[0], [1]]}) == [
        (None, "script-table", "found the type `double` for tick; expected integers"),
        (None, "script-table", "found the type `list<element: int64>` for addr; expected integers"),
    ]
    assert [one[1] for one in told(tick=[0], adr=[0], value=[0])] == ["script-key", "script-missing"]


def test_a_parquet_file_without_rows_makes_no_writes(tmp_path):
    pa = pytest.importorskip("pyarrow")
    nothing = {name: pa.array([], pa.int64()) for name in ("tick", "addr", "value")}
    assert table_of(parquet_of(tmp_path / "t.parquet", **nothing)) == ([], [])


class Broken(io.FileIO):
    """A file on a disk that fails."""

    def read(self, *_args):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("name", ["t.csv", "t.npy"])
def test_a_disk_that_fails_is_no_error_of_the_table(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(b"")
    monkeypatch.setattr("kvx_emu.script.replay.table.open_input", Broken)
    with pytest.raises(UsageError, match=re.escape(f"cannot read {path}: Input/output error")):
        table_of(path)


def test_without_pyarrow_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        UsageError, match=r"pyarrow is not installed; expected it: pip install 'kvx-emu\[parquet\]'"
    ):
        table_of(path)


@settings(max_examples=50, deadline=None)
@given(written())
def test_all_formats_say_the_same(tmp_path_factory, case):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows, text = case
    folder = tmp_path_factory.mktemp("tables")
    (folder / "t.csv").write_bytes(text.encode())
    fields = [*FIELDS, ("from", "S9")]
    array = npy(folder / "t.npy", [(*row[:3], str(row[3]).encode()) for row in rows], fields)
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    kinds = [pa.int64(), pa.uint64(), pa.uint32(), pa.string()]
    cells = [*columns[:3], [str(core) for core in columns[3]]]
    names = ["tick", "addr", "value", "from"]
    parquet.write_table(
        pa.table(dict(zip(names, map(pa.array, cells, kinds), strict=True))), folder / "t.parquet"
    )
    cores = [*CORES, FAR]
    assert (
        table_of(folder / "t.csv", cores)
        == table_of(array, cores)
        == table_of(folder / "t.parquet", cores)
        == ([], rows)
    )


def test_the_arrays_of_a_chunk_have_their_types(tmp_path):
    (tmp_path / "t.csv").write_text("tick,addr,value,from\n1,2,3,c1.pe1\n")
    (chunk,) = Table(str(tmp_path / "t.csv"), CORES, Gathered()).chunks()
    assert [column.dtype.str for column in chunk] == ["<i8", "<u8", "<u4", "<i2", "|u1"]
    assert [column.tolist() for column in chunk] == [[1], [2], [3], [1], [1]]


# Tables between the check and the run


def many(path, rows=KEPT + 1, last="0,0,0\n"):
    path.write_text(HEADER + "0,0,0\n" * (rows - 1) + last)
    return path


def test_a_small_table_is_kept_and_a_large_one_read_again(tmp_path):
    for rows, there in ((KEPT, True), (KEPT + 1, False)):
        path = many(tmp_path / "t.csv", rows, "7,0,0\n")
        table = Table(str(path), CORES, Gathered())
        assert (table.rows, table.last) == (rows, 7)
        assert sum(len(chunk.tick) for chunk in table.chunks()) == rows
        copy = pickle.loads(pickle.dumps(table))
        path.unlink()
        if there:
            assert sum(len(chunk.tick) for chunk in copy.chunks()) == rows
        else:
            with pytest.raises(InputError, match="has changed since it was checked"):
                list(copy.chunks())


@pytest.mark.parametrize("how", ["longer", "shorter", "wrong", "another", "directory"])
def test_a_table_that_changes_is_an_error_of_the_run(tmp_path, how):
    path = many(tmp_path / "t.csv")
    table = Table(str(path), CORES, Gathered())
    text = path.read_text()
    if how == "longer":
        path.write_text(text + "9,0,0\n")
    elif how == "shorter":
        path.write_text(text[:-6])
    elif how == "wrong":
        status = path.stat()
        path.write_text(text[:-6] + "x,0,0\n")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nobody had touched it
    elif how == "another":
        os.rename(many(tmp_path / "other.csv"), path)
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises(InputError) as caught:
        list(table.chunks())
    (finding,) = caught.value.findings
    assert finding.place.path == str(path)
    if how == "wrong":
        assert (finding.code, finding.place.line) == ("script-time", KEPT + 2)
    else:
        assert "the file has changed since it was checked" in finding.message


def test_a_table_that_changes_while_it_is_read_is_an_error_as_well(tmp_path):
    path = many(tmp_path / "t.csv", 200_000)
    chunks = Table(str(path), CORES, Gathered()).chunks()
    next(chunks)
    with path.open("a") as out:
        out.write("1,1,1\n")
    with pytest.raises(InputError, match="has changed since it was checked"):
        list(chunks)


# Scripts


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_is_looked_for_beside_the_script(folder):
    (folder / "sub").mkdir()
    many(folder / "sub/t.csv", 3)
    text = steps("replay: {file: t.csv}")
    for path in ("sub/script.yaml", str(folder / "sub/script.yaml")):
        bound = bind(load_script(Source(path, text)), FakeBoard())
        assert bound.actions[0].table.rows == 3
        assert bound.files == (path.replace("script.yaml", "t.csv"),)
    with pytest.raises(
        UsageError,
        match=re.escape("cannot read t.csv: No such file or directory (script.yaml:3:18 replays it)"),
    ):
        bind(load_script(Source("script.yaml", text)), FakeBoard())
    absolute = steps(f"replay: {{file: {folder}/sub/t.csv}}")
    assert bind(load_script(Source("elsewhere/x.yaml", absolute)), FakeBoard()).actions[0].table.rows == 3


def test_a_name_may_hold_parameters(folder):
    many(folder / "t-7.csv", 2)
    text = 'version: 1\nparams: {n: 7}\nsteps: [replay: {file: "t-${n}.csv"}]\n'
    assert bind(load_script(Source("s.yaml", text)), FakeBoard()).files == ("t-7.csv",)


def test_steps_of_one_file_share_its_table(folder):
    many(folder / "t.csv", 2)
    bound = program("replay: {file: t.csv}", "repeat: {count: 2, steps: [{replay: {file: t.csv}}]}")
    assert bound.actions[0].table is bound.actions[1].body[0].table
    (folder / "t.csv").write_text(HEADER + "x,0,0\n")
    assert errors(steps("replay: {file: t.csv}", "replay: {file: t.csv}"))[0] == [(2, 1, "script-time")]


def test_the_time_and_the_number_of_writes_are_known_before_the_run(folder):
    many(folder / "t.csv", 3, "90,0,0\n")
    assert errors(steps("replay: {file: t.csv}", "{at: 89, wait: 1}"))[0] == [(4, 3, "script-time")]
    assert program("replay: {file: t.csv}", "{at: 90, wait: 1}")
    places, message = errors(steps("repeat: {count: 2, every: 89, steps: [{replay: {file: t.csv}}]}"))
    assert (places, "the body takes 90 ticks or more" in message) == ([(3, 3, "script-time")], True)
    assert program("repeat: {count: 2, every: 90, steps: [{replay: {file: t.csv}}]}")
    assert errors(steps(f"wait: {2**63 - 90}", "replay: {file: t.csv}"))[0] == [(4, 3, "script-time")]
    assert program(f"wait: {2**63 - 91}", "replay: {file: t.csv}")
    limit = 10**11 // 3
    assert errors(steps(f"repeat: {{count: {limit + 1}, steps: [{{replay: {{file: t.csv}}}}]}}"))[0] == [
        (3, 3, "script-expansion")
    ]


def test_nothing_imports_numpy_before_a_table_is_met(folder):
    many(folder / "t.csv", 2)
    code = (
        "import sys; from kvx_emu.script.load import load_script; from kvx_emu.script.bind import bind; "
        "import kvx_emu.engine.reference; print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "False\n"


# Runs


class Kept:
    """A sink that keeps the rows."""

    def __init__(self):
        self.rows = []

    def add(self, rows):
        self.rows += rows


@cache
def tree_of(board):
    return load_tree(str(board))


def run(text, board=BOARDS[0], **limits):
    """Run a script; return its rows and its outcome."""
    machine, _ = build(tree_of(board))
    kept = Kept()
    outcome = Reference(machine, bind(load_script(Source("s.yaml", text)), machine), [kept], **limits).run()
    return kept.rows, outcome


WRITES = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1, 2, 7, 40, 100]),
        st.sampled_from([0xAD0000, 0xAD0000, 0xAD0004, 0xAD0020, 0x1AD0000, 0x2AD0000, 0xAD0002, 0xB00000, 2**64 - 1]),
        st.sampled_from([0, 1, 2, 6, 0x10003, 0x1FFFF, 0xFFFFFFFF]),
        st.sampled_from(["pe0", "pe3", "rm", "c1.pe2"]),
    ),
    max_size=20,
)  # fmt: skip
TIMING = st.fixed_dictionaries(
    {name: st.sampled_from([0, 0, 1, 5, 40]) for name in ("delivery", "entry", "service")}
)


@settings(max_examples=100, deadline=None)
@given(WRITES, TIMING, st.sampled_from([0, 3]), st.integers(1, 3), st.booleans())
def test_a_replay_is_its_writes_row_for_row(tmp_path_factory, writes, timing, start, count, every):
    folder = tmp_path_factory.mktemp("runs")
    tick, lines, body = 0, [HEADER.strip() + ",from"], []
    for step, address, value, core in writes:
        tick += step
        lines.append(f"{tick},{address:#x},{value},{core}")
        body += [f"wait: {step}", f"write: {{addr: {address:#x}, value: {value}, from: {core}}}"]
    (folder / "t.csv").write_text("\n".join(lines))
    head = f"version: 1\ntiming: {timing}\nsteps:\n- wait: {start}\n".replace("'", "")
    repeat = f"- repeat: {{count: {count}, {f'every: {tick + 9}, ' if every else ''}steps: [%s]}}\n"
    tail = "- send: {to: pe1}\n"
    by_table = head + repeat % f"{{replay: {{file: {folder}/t.csv}}}}" + tail
    by_steps = head + repeat % ", ".join(f"{{{one}}}" for one in body or ["wait: 0"]) + tail
    coolidge = next(path for path in BOARDS if path.name == "coolidge.dts")
    (rows, outcome), (expected, other) = run(by_table, coolidge), run(by_steps, coolidge)
    assert rows == expected
    assert outcome._replace(warnings=()) == other._replace(warnings=())
    codes = {finding.code for finding in outcome.warnings}
    assert codes == {finding.code for finding in other.warnings}
    assert len([finding for finding in outcome.warnings if finding.code == "bus-error"]) <= 1


def test_the_time_after_a_replay_is_that_of_its_last_write(folder):
    (folder / "t.csv").write_text(HEADER + "5,0xad0000,2\n30,0xad0000,4\n")
    (folder / "none.csv").write_text(HEADER)
    text = steps(
        "wait: 100", "replay: {file: t.csv}", "replay: {file: none.csv}", "send: {to: pe3}", "wait: idle"
    )
    rows, _ = run(text)
    assert [(row[0], row[7]) for row in rows if row[3] == "send"] == [(105, 2), (130, 4), (130, 8)]


def test_a_bus_error_is_a_fault_row_each_and_a_warning_once_at_the_step(folder):
    (folder / "t.csv").write_text(HEADER + "0,0xad0000,2\n7,0xb00000,4\n9,0xb00004,4\n")
    rows, outcome = run(steps("replay: {file: t.csv}"))
    assert [(row[0], row[7]) for row in rows if row[3] == "fault"] == [(7, 0xB00000), (9, 0xB00004)]
    (warning,) = outcome.warnings
    assert str(warning).startswith("s.yaml:3:3: warning[bus-error]: write to 0xb00000 (row 2 of the table): ")


def test_limits_stop_a_replay(folder):
    (folder / "t.csv").write_text(HEADER + "".join(f"{tick},0xad0000,2\n" for tick in range(0, 1000, 10)))
    text = steps("replay: {file: t.csv}")
    rows, outcome = run(text, limit_ticks=500)
    assert (outcome.stopped, rows[-1][0]) == ("tick 500", 500)
    rows, outcome = run(text, limit_events=50)
    assert outcome.stopped == "50 events"
    assert len(rows) < 60


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
@pytest.mark.parametrize("script", ["replay.yaml", "tutorial.yaml"])
def test_our_scripts_with_a_replay_hold_on_each_of_our_boards(board, script):
    machine, _ = build(tree_of(board))
    outcome = Reference(machine, bind(load_script(str(ROOT / "scripts" / script)), machine)).run()
    assert outcome.checked > 6
    assert outcome.failed == 0
