"""Rows as CSV and as JSON Lines, and as the tables that people read."""

from __future__ import annotations

import json

from kvx_emu.core_id import CoreId
from kvx_emu.trace.row import COLUMNS
from kvx_emu.trace.table import TableSink, summary_text
from kvx_emu.trace.tally import Line
from kvx_emu.trace.text import CSV_HEADER, FORMATS, csv_lines, json_lines

ROWS = [
    (0, 0, 16, "send", 31, None, None, 0xFFFFFFFF),
    (1 << 63, 4, 1, "request", 31, 4, 16, 0),
    (7, 0, 0, "fault", None, None, None, (1 << 64) - 1),
]


def test_the_header_is_the_columns():
    assert CSV_HEADER == "tick,cluster,core,event,line,from_cluster,from_core,value\n"


def test_csv_has_decimal_integers_and_nothing_for_what_is_absent():
    assert csv_lines(ROWS) == (
        "0,0,16,send,31,,,4294967295\n"
        "9223372036854775808,4,1,request,31,4,16,0\n"
        "7,0,0,fault,,,,18446744073709551615\n"
    )


def test_json_lines_have_the_columns_as_keys_and_null_for_what_is_absent():
    assert json_lines(ROWS[:2]) == (
        '{"tick":0,"cluster":0,"core":16,"event":"send","line":31,"from_cluster":null,"from_core":null,'
        '"value":4294967295}\n'
        '{"tick":9223372036854775808,"cluster":4,"core":1,"event":"request","line":31,"from_cluster":4,'
        '"from_core":16,"value":0}\n'
    )
    assert [tuple(json.loads(line).values()) for line in json_lines(ROWS).splitlines()] == ROWS
    assert tuple(json.loads(json_lines(ROWS[2:]))) == COLUMNS


def test_no_rows_make_no_lines():
    assert csv_lines([]) == json_lines([]) == ""


def test_the_formats_of_files_are_these():
    assert list(FORMATS) == ["csv", "jsonl"]
    assert [header for header, _ in FORMATS.values()] == [CSV_HEADER, ""]


# Tables


def table_of(*rows):
    sink = TableSink()
    for row in rows:
        sink.add([row])
    sink.flush()
    sink.close()
    sink.abandon()
    return sink.text()


def test_a_table_without_rows_says_so():
    assert table_of() == "no rows\n"


def test_the_table_has_the_rows_by_cluster_and_core_with_a_line_between_cores():
    assert table_of(
        (5, 1, 0, "enter", 24, None, None, 1 << 24),
        (6, 0, 16, "mask", 24, None, None, 0),
        (7, 0, 2, "request", 31, 1, 16, 0),
        (8, 0, 2, "request", 4, None, None, 0),
        (9, 0, 16, "fault", None, None, None, 0),
    ) == (
        "core      tick  event      line  from        value\n"
        "------  ------  -------  ------  ------  ---------\n"
        "pe2          7  request      31  c1.rm           0\n"
        "pe2          8  request       4                  0\n"
        "------  ------  -------  ------  ------  ---------\n"
        "rm           6  mask         24                  0\n"
        "rm           9  fault                          0x0\n"
        "------  ------  -------  ------  ------  ---------\n"
        "c1.pe0       5  enter        24          0x1000000\n"
    )


def test_within_a_core_the_rows_stay_in_the_order_in_which_they_happened():
    text = table_of(*((3, 0, 1, event, 24, None, None, 0) for event in ("exit", "enter", "clear", "exit")))
    assert [line.split()[2] for line in text.splitlines()[2:]] == ["exit", "enter", "clear", "exit"]


def test_numbers_in_the_table_are_exact():
    text = table_of((10**18, 0, 0, "fault", None, None, None, (1 << 64) - 1))
    assert text.splitlines()[2].split() == ["pe0", "1000000000000000000", "fault", "0xffffffffffffffff"]


def test_a_summary_of_nothing_is_empty():
    assert summary_text({}) == ""


def test_the_summary_ends_with_the_sums():
    assert summary_text(
        {
            (CoreId(0, 1), 24): Line(sent=10, masked=1, requested=7, coalesced=2, delivered=7),
            (CoreId(1, 16), 31): Line(sent=2, requested=2, pending=1, cleared=1),
        }
    ) == (
        "core      line    sent    masked    requested    coalesced    delivered    pending    cleared\n"
        "------  ------  ------  --------  -----------  -----------  -----------  ---------  ---------\n"
        "pe1         24      10         1            7            2            7          0          0\n"
        "c1.rm       31       2         0            2            0            0          1          1\n"
        "------  ------  ------  --------  -----------  -----------  -----------  ---------  ---------\n"
        "all                 12         1            9            2            7          1          1\n"
    )


def test_rare_counts_have_a_column_only_where_there_are_any():
    wire = (CoreId(0, 1), 24)
    plain = summary_text({wire: Line(sent=1, requested=1, delivered=1)}).splitlines()[0]
    assert "in flight" not in plain
    assert "unsent" not in plain
    flying = summary_text({wire: Line(sent=1, flying=1)}).splitlines()[0]
    assert flying.endswith("cleared    in flight")
    software = summary_text({wire: Line(requested=1, pending=1, software=1)}).splitlines()[0]
    assert software.endswith("cleared    unsent")


def test_what_happens_outside_the_cores_stands_first_by_cluster_and_that_of_no_cluster_before():
    sink = TableSink()
    sink.add([
        (5, 0, 0, "request", 4, None, None, 0),
        (5, 1, None, "mailbox", 7, 0, 3, 2),
        (6, None, None, "lost", 41, None, None, 0),
        (6, None, None, "fault", None, None, None, 0x99),
    ])  # fmt: skip
    assert [line.split()[:4] for line in sink.text().splitlines() if not line.startswith("-")][1:] == [
        ["soc", "6", "lost", "41"],
        ["soc", "6", "fault", "0x99"],
        ["cluster", "1", "5", "mailbox"],
        ["pe0", "5", "request", "4"],
    ]
