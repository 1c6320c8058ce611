"""Chrome's trace events: valid, nested, and nothing of the rows lost."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from decimal import Decimal

import jsonschema
import pytest
from linux_lines import EVERY, RUNS, run_rows
from trace_rows import many

from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import chrome, open_sink
from kvx_emu.trace.setting import Setting

PLAIN = Setting()

TIME = {"type": "number", "minimum": 0}
NAMED = ["name", "cat"]


def phase(kind, needed, **properties):
    """Return the schema of events of a phase. Source: Trace Event Format."""
    common = {"ph": {"const": kind}, "pid": {"type": "integer"}, "tid": {"type": "integer"}, **properties}
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "cat": {"type": "string"},
            "args": {"type": "object"},
            **({} if kind == "M" else {"ts": TIME}),
            **common,
        },
        "required": ["ph", "pid", "tid", *needed, *([] if kind == "M" else ["ts"])],
        "additionalProperties": False,
    }


IDENTITY = {"type": "string", "pattern": "^[0-9a-f]+$"}
OWN = {"type": "object", "properties": {"local": {"type": "string"}}, "required": ["local"]}
METADATA = ["process_name", "process_sort_index", "thread_name", "thread_sort_index"]
PHASES = {
    "B": phase("B", [*NAMED, "args"]),
    "E": phase("E", ["args"]),
    "i": phase("i", [*NAMED, "args", "s"], s={"const": "t"}),
    "b": phase("b", [*NAMED, "id2"], id2=OWN),
    "e": phase("e", [*NAMED, "id2"], id2=OWN),
    "s": phase("s", [*NAMED, "id"], id=IDENTITY),
    "f": phase("f", [*NAMED, "id", "bp"], id=IDENTITY, bp={"const": "e"}),
    "M": phase("M", ["name", "args"], name={"enum": METADATA}),
}
VALID = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in PHASES.items()}
TRACE = {
    "type": "object",
    "properties": {
        "traceEvents": {"type": "array"},
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "otherData": {"type": "object"},
    },
    "required": ["traceEvents", "displayTimeUnit", "otherData"],
    "additionalProperties": False,
}


def written(path, chunks, setting=PLAIN):
    sink = open_sink(str(path), setting)
    for chunk in chunks:
        sink.add(chunk)
    sink.flush()
    sink.close()
    return path


def read(path):
    """Return the events of a valid trace, their times exact."""
    trace = json.loads(path.read_text(encoding="ascii"))
    jsonschema.validate(trace, TRACE)
    for event in trace["traceEvents"]:
        VALID[event["ph"]].validate(event)
    return json.loads(path.read_text(encoding="ascii"), parse_float=Decimal)["traceEvents"]


def events(path, *phases):
    return [event for event in read(path) if event["ph"] in phases]


def threads(path):
    return {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in events(path, "M")
        if event["name"] == "thread_name"
    }


def assert_sound(path, rows):
    """Fail unless the rows are all told, at their times, and all that begins and ends does so in pairs."""
    found = read(path)
    kinds = {"B": lambda _: "enter", "E": lambda _: "exit", "i": lambda event: event["name"]}
    told = [(kinds[event["ph"]](event), event) for event in found if event["ph"] in kinds]
    assert [(kind, event["args"]["tick"], event["args"]["value"]) for kind, event in told] == [
        (row[3], row[0], row[7]) for row in rows
    ]
    assert all(event["ts"] * 1000 == event["args"]["tick"] for _, event in told)
    named = {(event["pid"], event["tid"]) for event in found if event.get("name") == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in found} == named
    for begin, end in ("BE", "be"):
        under_way = Counter()
        for event in found:
            under_way[event["tid"]] += (event["ph"] == begin) - (event["ph"] == end)
            assert under_way[event["tid"]] >= 0
    starts, ends = ([event for event in found if event["ph"] == kind] for kind in "sf")
    assert [event["id"] for event in starts] == [event["id"] for event in ends]
    assert len({event["id"] for event in starts}) == len(starts)
    sends = {(event["tid"], event["ts"]) for event in found if event.get("cat") == "send"}
    arrivals = {(e["tid"], e["ts"]) for e in found if e.get("cat") in {"request", "coalesced"}}
    assert {(event["tid"], event["ts"]) for event in starts} <= sends
    assert {(event["tid"], event["ts"]) for event in ends} <= arrivals
    return found


@pytest.mark.parametrize(("board", "script"), RUNS)
def test_the_rows_of_a_run_are_all_told(kvx, tmp_path, board, script):
    path, table = tmp_path / "t.json", tmp_path / "t.csv"
    assert kvx("run", board, script, "--trace", path, "--csv", table, "--format", "none").status == 0
    rows = run_rows(table)
    found = assert_sound(path, rows)
    arrived = [row for row in rows if row[3] in {"request", "coalesced"} and row[6] is not None]
    assert len([event for event in found if event["ph"] == "s"]) == len(arrived)
    assert json.loads(path.read_text())["otherData"] == {
        "tool": "kvx-emu",
        "clock_hz": 1_000_000_000,
        "board": board,
        "script": script,
    }


def test_every_event_is_told(tmp_path):
    assert_sound(written(tmp_path / "t.json", [EVERY]), EVERY)


def test_what_a_trace_looks_like(tmp_path):
    rows = [
        (5, 1, 16, "send", 24, None, None, 2),
        (1025, 1, 1, "request", 24, 1, 16, 0),
        (1030, 1, 1, "enter", 24, None, None, 1 << 24),
        (1040, 1, 1, "exit", 24, None, None, 0),
    ]
    path = written(tmp_path / "t.json", [rows], Setting(board="b.dts", script='a"b.yaml'))
    assert path.read_text() == (
        '{"traceEvents":[\n'
        '{"name":"process_name","ph":"M","pid":1,"tid":8961,"args":{"name":"cluster 1"}},\n'
        '{"name":"process_sort_index","ph":"M","pid":1,"tid":8961,"args":{"sort_index":1}},\n'
        '{"name":"thread_name","ph":"M","pid":1,"tid":8961,"args":{"name":"rm sends"}},\n'
        '{"name":"thread_sort_index","ph":"M","pid":1,"tid":8961,"args":{"sort_index":8961}},\n'
        '{"name":"send","cat":"send","s":"t","ph":"i","ts":0.005,"pid":1,"tid":8961,'
        '"args":{"tick":5,"value":2,"line":24}},\n'
        '{"name":"thread_name","ph":"M","pid":1,"tid":5272,"args":{"name":"pe1 ipi24"}},\n'
        '{"name":"thread_sort_index","ph":"M","pid":1,"tid":5272,"args":{"sort_index":5272}},\n'
        '{"name":"request","cat":"request","s":"t","ph":"i","ts":1.025,"pid":1,"tid":5272,'
        '"args":{"tick":1025,"value":0,"from":"rm","from_cluster":1}},\n'
        '{"name":"ipi24","cat":"arrow","id":"1","ph":"s","ts":0.005,"pid":1,"tid":8961},\n'
        '{"name":"ipi24","cat":"arrow","id":"1","ph":"f","bp":"e","ts":1.025,"pid":1,"tid":5272},\n'
        '{"name":"pe1 ipi24 pending","cat":"pending","id2":{"local":"pe1 ipi24"},'
        '"ph":"b","ts":1.025,"pid":1,"tid":5272},\n'
        '{"name":"pe1 ipi24 pending","cat":"pending","id2":{"local":"pe1 ipi24"},'
        '"ph":"e","ts":1.030,"pid":1,"tid":5272},\n'
        '{"name":"ipi24","cat":"handler","ph":"B","ts":1.030,"pid":1,"tid":5272,'
        '"args":{"tick":1030,"value":16777216}},\n'
        '{"ph":"E","ts":1.040,"pid":1,"tid":5272,"args":{"tick":1040,"value":0}}\n'
        '],"displayTimeUnit":"ns",'
        '"otherData":{"tool": "kvx-emu", "clock_hz": 1000000000, "board": "b.dts", "script": "a\\"b.yaml"}}\n'
    )
    assert len(read(path)) == 14


def test_threads_are_named_for_their_core_and_line_or_for_what_blocks_do(tmp_path):
    path = written(tmp_path / "t.json", [EVERY])
    names = threads(path)
    assert len(names) == 13
    assert {name for (pid, _), name in names.items() if pid == 2} == {
        "msi", "mailbox", "pe3 apic-gic0", "pe3 watchdog", "pe3", "pe3 ipi24",
    }  # fmt: skip
    assert [(pid, name) for (pid, _), name in names.items() if name == "lost"] == [(chrome.SOC, "lost")]
    processes = {e["pid"]: e["args"]["name"] for e in events(path, "M") if e["name"] == "process_name"}
    assert processes == {0: "cluster 0", 1: "cluster 1", 2: "cluster 2", 63: "cluster 63", chrome.SOC: "soc"}
    lost = next(event for event in events(path, "i") if event["name"] == "lost")
    assert lost["args"] == {"tick": 7, "value": 0, "line": 300}


def test_an_exit_whose_enter_was_filtered_away_is_a_moment(tmp_path):
    rows = [(5, 0, 1, "exit", 24, None, None, 0), (6, 0, 1, "exit", 24, None, None, 0)]
    path = written(tmp_path / "t.json", [rows])
    assert [event["name"] for event in events(path, "i", "E")] == ["exit", "exit"]


def test_a_handler_that_has_not_ended_stays_open(tmp_path):
    rows = [(5, 0, 1, "enter", 24, None, None, 0), (6, 0, 1, "enter", 25, None, None, 0)]
    path = written(tmp_path / "t.json", [rows])
    assert [event["ph"] for event in events(path, "B", "E")] == ["B", "B"]


def test_a_request_is_pending_until_it_is_entered_or_cleared(tmp_path):
    rows = [
        (1, 0, 1, "request", 24, None, None, 0),
        (2, 0, 1, "request", 24, None, None, 0),  # the first one was taken and not entered yet
        (3, 0, 1, "enter", 24, None, None, 0),
        (4, 0, 1, "clear", 24, 0, 1, 0),
        (5, 0, 1, "clear", 24, 0, 1, 0),
        (6, 0, 1, "enter", 24, None, None, 0),
    ]
    path = written(tmp_path / "t.json", [rows])
    pending = [(event["ph"], int(event["ts"] * 1000)) for event in events(path, "b", "e")]
    assert pending == [("b", 1), ("b", 2), ("e", 3), ("e", 4)]


def arrows(path):
    """Return the arrows: from which thread when, to which thread when."""
    names = threads(path)
    ends = [(names[e["pid"], e["tid"]], int(e["ts"] * 1000)) for e in events(path, "s", "f")]
    return [(*start, *end) for start, end in zip(ends[::2], ends[1::2], strict=True)]


def test_arrows_lead_from_each_write_to_the_requests_that_it_made(tmp_path):
    rows = [
        (10, 0, 0, "send", 24, None, None, 0x10006),  # delivery takes 100
        (20, 0, 0, "send", 24, None, None, 0x00006),
        (20, 0, 2, "masked", 24, 0, 0, 0),
        (30, 0, 0, "send", 25, None, None, 0x00002),
        (110, 0, 1, "request", 24, 0, 0, 0),
        (110, 0, 2, "request", 24, 0, 0, 0),
        (110, 0, 16, "request", 24, 0, 0, 0),
        (120, 0, 1, "coalesced", 24, 0, 0, 0),
        (130, 0, 1, "request", 25, 0, 0, 0),
        (140, 0, 1, "coalesced", 25, None, None, 0),
    ]
    assert arrows(written(tmp_path / "t.json", [rows])) == [
        ("pe0 sends", 10, "pe1 ipi24", 110),
        ("pe0 sends", 10, "pe2 ipi24", 110),
        ("pe0 sends", 10, "rm ipi24", 110),
        ("pe0 sends", 20, "pe1 ipi24", 120),
        ("pe0 sends", 30, "pe1 ipi25", 130),
    ]


def test_a_write_to_another_cluster_has_its_arrow(tmp_path):
    rows = [(1, 0, 0, "send", 24, None, None, 8), (2, 1, 3, "request", 24, 0, 0, 0)]
    path = written(tmp_path / "t.json", [rows])
    assert [event["pid"] for event in events(path, "s", "f")] == [0, 1]


def test_targets_that_the_board_lacks_lead_no_arrow_astray(tmp_path):
    rows = [
        (1, 0, 0, "send", 24, None, None, 0xF0002),
        (5, 0, 1, "request", 24, 0, 0, 0),
        (6, 0, 0, "send", 24, None, None, 2),
        (9, 0, 1, "coalesced", 24, 0, 0, 0),
    ]
    assert [start for _, start, _, _ in arrows(written(tmp_path / "t.json", [rows]))] == [1, 6]


def test_requests_without_their_write_have_no_arrow(tmp_path):
    rows = [(5, 0, 1, "request", 24, 0, 0, 0), (5, 0, 1, "masked", 24, 0, 0, 0)]
    assert arrows(written(tmp_path / "t.json", [rows])) == []


@pytest.mark.parametrize(
    ("clock_hz", "times"),
    [
        (1_000_000_000, ["0.000", "0.001", "9007199254740.993"]),
        (500_000_000, ["0.000", "0.002", "18014398509481.986"]),
        (1_200_000_000, ["0.000000", "0.000833", "7505999378950.827500"]),
        (600_000_000, ["0.000000", "0.001666", "15011998757901.655000"]),
        (10**12, ["0.000000", "0.000001", "9007199254.740993"]),
    ],
)
def test_times_are_exact_or_picoseconds_rounded_down(tmp_path, clock_hz, times):
    rows = [(tick, 0, 1, "stop", None, None, None, 0) for tick in (0, 1, (1 << 53) + 1)]
    found = events(written(tmp_path / "t.json", [rows], Setting(clock_hz)), "i")
    assert [str(event["ts"]) for event in found] == times
    assert [event["args"]["tick"] for event in found] == [0, 1, (1 << 53) + 1]


def test_no_row_makes_a_trace_without_events(tmp_path):
    assert read(written(tmp_path / "t.json", [])) == []
    assert read(written(tmp_path / "u.json", [[], []])) == []


def test_rows_of_several_chunks_columns_or_not_are_one_trace(tmp_path):
    rows = many(9000)
    path = written(tmp_path / "t.json", [rows[:1], [], Columns.from_rows(rows[1:3000]), rows[3000:]])
    assert path.read_bytes() == written(tmp_path / "u.json", [rows]).read_bytes()
    assert len(events(path, "i", "B", "E")) == 9000


def test_many_rows_need_little_memory(tmp_path):
    sink = open_sink(str(tmp_path / "t.json"), PLAIN)
    sends = [(1, 0, core, "send", 24, None, None, 1) for core in range(1000)]  # and no request
    tracemalloc.start()
    try:
        for _ in range(100):
            sink.add(sends)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    sink.close()
    assert peak < 20_000_000
