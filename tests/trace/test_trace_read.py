"""Traces are read as they were written; what is wrong in one is told with its place."""

# ruff: noqa: E501 - one row a case

from __future__ import annotations

import json
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_rows import many, row

from kvx_emu.errors import InputError, UsageError
from kvx_emu.trace import reading as read
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.reading import read_trace
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.setting import Setting

HEADER = "tick,cluster,core,event,line,from_cluster,from_core,value\n"
GOOD = HEADER + "5,0,1,enter,24,,,16777216\n"
ROW = (5, 0, 1, "enter", 24, None, None, 1 << 24)
JSON = (
    '{"tick":5,"cluster":0,"core":1,"event":"enter","line":24,"from_cluster":null,"from_core":null,'
    '"value":16777216}\n'
)
NAMES = HEADER.strip()
EVENT_NAMES = ", ".join(EVENTS)

rows = st.lists(
    st.tuples(row, st.sampled_from(["core", "cluster", "soc"]), st.integers(0, (1 << 15) - 1)), max_size=40
).map(lambda made: sorted((placed(*each) for each in made), key=lambda each: each[0]))


def placed(made, where, line):
    tick, cluster, core, event, some, *rest = made
    at = {"core": (cluster, core), "cluster": (cluster, None), "soc": (None, None)}[where]
    return (tick, *at, event, some if where == "core" else line, *rest)


def written(path, chunk, setting=None):
    sink = open_sink(str(path), setting or Setting())
    sink.add(chunk)
    sink.flush()
    sink.close()
    return path


def rows_of(path):
    with read_trace(str(path)) as trace:
        return [each for chunk in trace.chunks for each in chunk]


def wrong(path):
    """Return the messages about a file that is no trace, without its name, and with their source lines."""
    with pytest.raises(InputError) as caught:
        rows_of(path)
    return [str(finding).removeprefix(str(path)) for finding in caught.value.findings]


@pytest.fixture
def text(tmp_path):
    """Return what writes a text to a file and returns the file."""

    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@given(rows)
@settings(max_examples=40)
def test_any_rows_are_read_as_they_were_written(tmp_path_factory, form, made):
    path = tmp_path_factory.mktemp("any") / f"t.{form}"
    if form == "parquet":
        pytest.importorskip("pyarrow")
    assert rows_of(written(path, made)) == made
    if made:  # without a suffix that tells, the content does
        os.rename(path, path.with_suffix(".trace"))
        assert rows_of(path.with_suffix(".trace")) == made


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_long_trace_comes_in_chunks(tmp_path, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    made = many(50_000)
    with read_trace(str(written(tmp_path / f"t.{form}", made))) as trace:
        chunks = list(trace.chunks)
    assert [each for chunk in chunks for each in chunk] == made
    assert len(chunks) > 3
    assert max(map(len, chunks)) <= 1 << 14


@pytest.mark.parametrize("block", [1, 2, 3, 7, 61, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_where_a_text_is_cut_for_reading_does_not_show(text, monkeypatch, block, end, form):
    made = many(40)
    path = written(text("").with_suffix(f".{form}"), made)
    path.write_bytes(path.read_bytes().replace(b"\n", end.encode()))
    monkeypatch.setattr(read, "BLOCK", block)
    assert rows_of(path) == made


@given(rows, st.integers(0, 3))
@settings(max_examples=40)
def test_lines_are_read_alike_many_at_a_time_and_one_by_one(tmp_path_factory, made, form):
    folder = tmp_path_factory.mktemp("slow")
    lines = read._Csv() if form % 2 else read._JsonLines()
    data = written(folder / ("t.csv" if form % 2 else "t.jsonl"), made).read_bytes()
    if form % 2:
        data = data.partition(b"\n")[2]
    findings = read.Findings("t")
    slow = read._line_by_line(data, lines, 1, 0, findings)
    assert slow == made
    assert not findings
    assert read._plain_rows(data, lines.plain, read._Middles(lines), 0) == (made or None)


def test_more_columns_at_the_right_mean_nothing(text):
    head, line = GOOD.splitlines()
    for more in ("1,2", "", ",", "x,y,z", '"a, b"'):
        assert rows_of(text(f"{head},why,more\n{line},{more},\n")) == [ROW]
    assert rows_of(text(JSON.replace("}", ',"why":[1,{"tick":7}]}'), "t.jsonl")) == [ROW]


def test_objects_may_have_their_keys_in_any_order_and_spaces(text):
    record = json.loads(JSON)
    turned = json.dumps(dict(reversed(record.items())), indent=None)
    assert rows_of(text(f"{turned}\n {json.dumps(record)} \r\n", "t.jsonl")) == [ROW, ROW]


@pytest.mark.parametrize("content", ["\ufeff" + GOOD, GOOD.rstrip("\n"), GOOD.replace("\n", "\r\n")])
def test_what_editors_do_to_a_file_does_not_matter(text, content):
    assert rows_of(text(content)) == [ROW]


def test_a_file_without_rows_is_a_trace(text):
    assert rows_of(text(HEADER)) == []
    assert rows_of(text("", "t.jsonl")) == []


def test_standard_input_is_csv_or_json_lines_by_its_first_character(monkeypatch, text):
    for content in (GOOD, JSON):
        with text(content).open() as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            assert rows_of("-") == [ROW]
            assert not stream.closed


def test_the_setting_is_what_a_parquet_file_tells(tmp_path):
    pytest.importorskip("pyarrow")
    setting = Setting(clock_hz=5, board="b", script="s")
    with read_trace(str(written(tmp_path / "t.parquet", [ROW], setting))) as trace:
        assert trace.setting == setting
    with read_trace(str(written(tmp_path / "t.csv", [ROW], setting))) as trace:
        assert trace.setting is None


def test_however_many_kinds_of_rows_there_are_few_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "_KEPT", 3)
    made = many(1000)
    assert rows_of(written(tmp_path / "t.csv", made)) == made


# What can not be opened


def test_a_disk_that_fails_is_told(text, monkeypatch):
    class Failing:
        def read(self, size):
            raise OSError(5, "Input/output error")

        def close(self):
            pass

    monkeypatch.setattr(read, "open_input", lambda path: Failing())
    for path in ("t.csv", "t"):
        with pytest.raises(UsageError, match=rf"^cannot read {path}: Input/output error$"):
            rows_of(path)


def test_a_format_that_is_only_written_is_refused():
    with pytest.raises(UsageError) as caught:
        read_trace("t.vcd")
    assert str(caught.value) == "cannot read t.vcd: .vcd is only written; expected .csv, .jsonl, .parquet"


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"^cannot read .*t.csv: No such file or directory$"):
        read_trace(str(tmp_path / "t.csv"))


def test_parquet_does_not_come_from_standard_input(tmp_path, monkeypatch):
    path = tmp_path / "t"
    path.write_bytes(b"PAR1....")
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(UsageError, match=r"^cannot read Parquet from standard input: "):
            read_trace("-")


def test_without_pyarrow_one_is_told_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        read_trace(str(tmp_path / "t.parquet"))
    assert str(caught.value) == (
        f"cannot read {tmp_path}/t.parquet: pyarrow is not installed; "
        "expected it: pip install 'kvx-emu[parquet]'"
    )


# What is wrong


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f":1:1: error[trace-header]: found nothing for column 1 of the header; expected tick, of {NAMES}"),
        ("a,b\n", f":1:1: error[trace-header]: found `a` for column 1 of the header; expected tick, of {NAMES}\n  a,b\n  ^"),
        ("tick,cluster\n", f":1:13: error[trace-header]: found nothing for column 3 of the header; expected core, of {NAMES}\n  tick,cluster\n              ^"),
        ("tick,core\n" + GOOD, f":1:6: error[trace-header]: found `core` for column 2 of the header; expected cluster, of {NAMES}\n  tick,core\n       ^"),
        (GOOD + "\n", f":3:1: error[trace-row]: found an empty line; expected 8 cells: {NAMES}"),
        (GOOD + "5,0\n", f":3:1: error[trace-row]: found 2 cells; expected 8 cells: {NAMES}\n  5,0\n  ^"),
        (GOOD + "5,0,1,enter,24,,,0,9\n", f":3:1: error[trace-row]: found 9 cells; expected 8 cells: {NAMES}\n  5,0,1,enter,24,,,0,9\n  ^"),
        (GOOD + "x,0,1,enter,24,,,0\n", ":3:1: error[trace-row]: found `x` for tick; expected a number 0..2^63 - 1\n  x,0,1,enter,24,,,0\n  ^"),
        (GOOD + ",0,1,enter,24,,,0\n", ":3:1: error[trace-row]: found nothing for tick; expected a number 0..2^63 - 1\n  ,0,1,enter,24,,,0\n  ^"),
        (GOOD + "9223372036854775808,0,1,enter,24,,,0\n", ":3:1: error[trace-row]: found `9223372036854775808` for tick; expected a number 0..2^63 - 1\n  9223372036854775808,0,1,enter,24,,,0\n  ^"),
        (GOOD + "6,32768,1,enter,24,,,0\n", ":3:3: error[trace-row]: found `32768` for cluster; expected a number 0..32767 or nothing\n  6,32768,1,enter,24,,,0\n    ^"),
        (GOOD + "6,0,17,enter,24,,,0\n", ":3:5: error[trace-row]: found `17` for core; expected a number 0..16 or nothing\n  6,0,17,enter,24,,,0\n      ^"),
        (GOOD + "6,0,pe1,enter,24,,,0\n", ":3:5: error[trace-row]: found `pe1` for core; expected a number 0..16 or nothing\n  6,0,pe1,enter,24,,,0\n      ^"),
        (GOOD + "6,0,1,entre,24,,,0\n", f":3:7: error[trace-row]: found `entre` for event; expected one of {EVENT_NAMES}; did you mean `enter`?\n  6,0,1,entre,24,,,0\n        ^"),
        (GOOD + "6,0,1,enter,-1,,,0\n", ":3:13: error[trace-row]: found `-1` for line; expected a number 0..32767 or nothing\n  6,0,1,enter,-1,,,0\n              ^"),
        (GOOD + "6,0,1,enter,24,0, 1,0\n", ":3:18: error[trace-row]: found ` 1` for from_core; expected a number 0..16 or nothing\n  6,0,1,enter,24,0, 1,0\n                   ^"),
        (GOOD + "6,0,1,enter,24,,,\n", ":3:18: error[trace-row]: found nothing for value; expected a number 0..2^64 - 1\n  6,0,1,enter,24,,,\n                   ^"),
        (GOOD + "6,0,1,enter,24,,,18446744073709551616\n", ":3:18: error[trace-row]: found `18446744073709551616` for value; expected a number 0..2^64 - 1\n  6,0,1,enter,24,,,18446744073709551616\n                   ^"),
        (GOOD + "4,0,1,exit,24,,,0\n", ":3:1: error[trace-order]: found tick 4 after tick 5; expected ticks that never descend\n  4,0,1,exit,24,,,0\n  ^"),
        (GOOD + "6,0,1,é,24,,,0\n", f":3:7: error[trace-row]: found `é` for event; expected one of {EVENT_NAMES}\n  6,0,1,é,24,,,0\n        ^"),
        (GOOD + "6,0,1,é,24,,,0\n".encode("latin-1").decode("latin-1"), f":3:7: error[trace-row]: found `é` for event; expected one of {EVENT_NAMES}\n  6,0,1,é,24,,,0\n        ^"),
    ],
)  # fmt: skip
def test_a_wrong_line_of_csv_is_told_with_its_place(text, content, message):
    assert wrong(text(content)) == [message]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", ":2:2: error[trace-row]: found no JSON (Expecting property name enclosed in double quotes); expected an object\n  {\n   ^"),
        ("", ":2:1: error[trace-row]: found no JSON (Expecting value); expected an object"),
        ("[1]", f":2:1: error[trace-row]: found `[...]`; expected an object with the keys {NAMES}\n  [1]\n  ^"),
        ("7", f":2:1: error[trace-row]: found `7`; expected an object with the keys {NAMES}\n  7\n  ^"),
        ('{"tick":6}', f':2:1: error[trace-row]: found no cluster; expected an object with the keys {NAMES}\n  {{"tick":6}}\n  ^'),
        ("[" * 100_000, ":2:1: error[trace-row]: found no JSON that can be read; expected an object"),
        ('{"tick":' + "9" * 5000 + "}", ":2:1: error[trace-row]: found no JSON that can be read; expected an object"),
    ],
)  # fmt: skip
def test_a_wrong_line_of_json_is_told_with_its_place(text, line, message):
    assert wrong(text(JSON + line + "\n", "t.jsonl")) == [message]


@pytest.mark.parametrize(
    ("old", "new", "column", "message"),
    [
        ('"core":1', '"core":true', 30, "found `true` for core; expected a number 0..16 or nothing"),
        ('"core":1', '"core":1.0', 30, "found `1.0` for core; expected a number 0..16 or nothing"),
        ('"core":1', '"core": "1"', 31, 'found `"1"` for core; expected a number 0..16 or nothing'),
        ('"tick":5', '"tick":null', 9, "found `null` for tick; expected a number 0..2^63 - 1"),
        ('"tick":5', '"tick":-5', 9, "found `-5` for tick; expected a number 0..2^63 - 1"),
        ('"value":16777216', '"value":1e3', 103, "found `1000.0` for value; expected a number 0..2^64 - 1"),
        ('"event":"enter"', '"event":[7]', 40, f"found `[...]` for event; expected one of {EVENT_NAMES}"),
        ('"line":24', '"lime":24', 1, f"found no line; expected an object with the keys {NAMES}"),
    ],
)
def test_a_wrong_value_of_json_is_told_with_its_place(text, old, new, column, message):
    line = JSON.replace(old, new)
    caret = " " * (column - 1) + "^"
    assert wrong(text(JSON + line, "t.jsonl")) == [
        f":2:{column}: error[trace-row]: {message}\n  {line}  {caret}"
    ]


def test_all_that_is_wrong_is_told_and_no_row_after_it(text):
    path = text(GOOD + "6,0,1,enter,24,,,0\nx\n7,0,99,exit,24,,,0\n2,0,1,exit,24,,,0\n8,0,1,exit,24,,,0\n")
    chunks = []
    with pytest.raises(InputError) as caught, read_trace(str(path)) as trace:
        chunks.extend(trace.chunks)
    assert chunks == []
    places = [(finding.code, finding.place.line, finding.place.column) for finding in caught.value.findings]
    assert places == [("trace-row", 4, 1), ("trace-row", 5, 5), ("trace-order", 6, 1)]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_hundred_errors_are_enough(text, form):
    found = wrong(text((HEADER if form == "csv" else "") + "x\n" * 500_000, f"t.{form}"))
    assert len(found) == 101
    line = 102 if form == "csv" else 101
    assert found[-1] == f":{line}:1: error[trace-many]: more than 100 errors: the rest is not told\n  x\n  ^"


@pytest.mark.parametrize("tick", [2, 9])
def test_the_order_is_looked_at_across_chunks(text, monkeypatch, tick):
    monkeypatch.setattr(read, "BLOCK", 100)
    path = text(GOOD + "5,0,1,enter,24,,,0\n" * 50 + f"{tick},0,1,enter,24,,,0\n")
    if tick == 9:
        assert len(rows_of(path)) == 52
    else:
        assert [message.split(": ", 2)[:2] for message in wrong(path)] == [[":53:1", "error[trace-order]"]]


def test_a_line_without_end_is_refused(text):
    path = text(GOOD)
    os.truncate(path, 1 << 33)  # a hole: eight gigabytes that take no room
    assert wrong(path) == [":3:1: error[trace-row]: found a line of more than 262144 bytes; expected a row"]


def test_a_long_line_is_not_shown_whole(text):
    (found,) = wrong(text(GOOD + "9" * 1000 + "\n"))
    assert found == f":3:1: error[trace-row]: found 1 cell; expected 8 cells: {NAMES}"
    (found,) = wrong(text(GOOD + "9" * 99 + "\0,0,1,enter,24,,,0\n"))
    assert found.splitlines()[0] == (
        f":3:1: error[trace-row]: found `{'9' * 37}...` for tick; expected a number 0..2^63 - 1"
    )


# Parquet of others


@pytest.fixture
def table(tmp_path):
    """Return what writes a Parquet file of the rows, with some columns changed, and returns it."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def write(changes=(), metadata=None):
        columns = dict(zip(NAMES.split(","), zip(ROW, (6, *ROW[1:]), strict=True), strict=True))
        columns = {name: pa.array(column) for name, column in columns.items()} | dict(changes)
        made = pa.table({name: column for name, column in columns.items() if column is not None})
        parquet.write_table(made.replace_schema_metadata(metadata), tmp_path / "t.parquet")
        return tmp_path / "t.parquet"

    return write


def test_columns_of_any_integers_in_any_order_among_others_are_read(table):
    assert rows_of(table()) == [ROW, (6, *ROW[1:])]
    assert rows_of(table({"tick": None, "why": ["x", "y"]} | {"tick": [5, 6]})) == [ROW, (6, *ROW[1:])]


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"core": None}, [f": error[trace-header]: found no column core; expected one each of {', '.join(NAMES.split(','))}"]),
        ({"core": [1.0, None]}, [": error[trace-header]: found the type `double` for core; expected integers"]),
        ({"event": [5, 5]}, [": error[trace-header]: found the type `int64` for event; expected texts"]),
        ({"core": [1, 17]}, [": row 2: error[trace-row]: found `17` for core; expected a number 0..16 or nothing"]),
        ({"line": [-1, 24]}, [": row 1: error[trace-row]: found `-1` for line; expected a number 0..32767 or nothing"]),
        ({"value": [5, None]}, [": row 2: error[trace-row]: found nothing for value; expected a number 0..2^64 - 1"]),
        ({"tick": [None, 5]}, [": row 1: error[trace-row]: found nothing for tick; expected a number 0..2^63 - 1"]),
        ({"event": ["enter", "entre"]}, [f": row 2: error[trace-row]: found `entre` for event; expected one of {EVENT_NAMES}; did you mean `enter`?"]),
        ({"event": ["enter", None]}, [f": row 2: error[trace-row]: found nothing for event; expected one of {EVENT_NAMES}"]),
        ({"tick": [5, 4]}, [": row 2: error[trace-order]: found tick 4 after tick 5; expected ticks that never descend"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_parquet_file_is_told_with_its_row(table, changes, messages):
    assert wrong(table(changes)) == messages


@pytest.mark.parametrize("clock", ["0", "x", "-1", "1.5", "", "9" * 30])
def test_a_clock_that_is_none_is_told(table, clock):
    assert wrong(table((), {"kvx_emu.clock_hz": clock})) == [
        f": error[trace-header]: found `{clock}` for kvx_emu.clock_hz; expected a frequency in Hz"
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9, bytes(1000), GOOD.encode()])
def test_what_is_no_parquet_file_is_told(text, content):
    pytest.importorskip("pyarrow")
    (found,) = wrong(text(content, "t.parquet"))
    assert found.startswith(": error[trace-file]: found no sound Parquet file: ")
    assert found.endswith("; expected one")


def test_a_standard_input_that_is_closed_is_told(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match=r"^cannot read standard input: it is closed$"):
        read_trace("-")
