"""trace.dat, read by trace-cmd."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import tracemalloc

import pytest
from linux_lines import EVERY, RUNS, Told, by_cpu, run_rows, told
from trace_rows import many

from kvx_emu.core_id import CoreId
from kvx_emu.errors import OutputError
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.setting import Setting

PLAIN = Setting()

needs_trace_cmd = pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="no trace-cmd here")

LINE = re.compile(r" *(\S+) +\[(\d+)\] +(\d+)\.(\d{9}): (\w+): +(\S.*)")


def written(path, chunks, setting=PLAIN):
    sink = open_sink(str(path), setting)
    for chunk in chunks:
        sink.add(chunk)
    sink.flush()
    sink.close()
    return path


def trace_cmd(*args):
    done = subprocess.run(
        ["trace-cmd", "report", *map(str, args)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def report(path):
    """Return the number of cpus and the events that trace-cmd finds."""
    head, *lines = trace_cmd("-t", path)
    assert head.startswith("cpus=")
    events = []
    for line in lines:
        task, cpu, seconds, rest, event, text = LINE.fullmatch(line).groups()
        events.append(Told(task, int(cpu), int(seconds) * 1_000_000_000 + int(rest), event, text))
    return int(head.removeprefix("cpus=")), events


def assert_told(path, rows, clock_hz=1_000_000_000):
    """Fail unless trace-cmd finds what `rows` are, in their order on each cpu."""
    _, events = report(path)
    assert by_cpu(events) == by_cpu(told(rows, clock_hz, earliest=1))
    assert [event.time for event in events] == sorted(event.time for event in events)


@needs_trace_cmd
@pytest.mark.parametrize(("board", "script"), RUNS)
def test_trace_cmd_finds_the_events_of_a_run(kvx, tmp_path, board, script):
    path, table = tmp_path / "t.dat", tmp_path / "t.csv"
    assert kvx("run", board, script, "--trace", path, "--csv", table, "--format", "none").status == 0
    rows = run_rows(table)
    assert len(rows) > 10
    assert_told(path, rows)


@needs_trace_cmd
def test_every_event_is_told_on_its_cpu(tmp_path):
    assert {row[3] for row in EVERY} == set(EVENTS)
    path = written(tmp_path / "t.dat", [EVERY])
    assert_told(path, EVERY)
    cpus, events = report(path)
    assert cpus == 1088
    assert len(events) == len(EVERY) + 2


@needs_trace_cmd
def test_what_trace_cmd_shows_of_a_line_that_is_sent_and_handled(tmp_path):
    rows = [
        (20, 0, 0, "send", 24, None, None, 6),
        (20, 0, 1, "request", 24, 0, 0, 0),
        (30, 0, 1, "enter", 24, None, None, 1 << 24),
        (130, 0, 1, "exit", 24, None, None, 0),
    ]
    cores = tuple(CoreId(0, pid) for pid in range(17))
    lines = trace_cmd("-t", written(tmp_path / "t.dat", [rows], Setting(cores=cores)))
    assert [" ".join(line.split()) for line in lines] == [
        "cpus=17",
        "pe0-1 [000] 0.000000020: ipi_send_cpumask: cpumask=1-2 callsite=0x0 callback=0x0",
        "pe0-1 [000] 0.000000020: ipi_raise: target_mask=00000000,00000006 (ipi24)",
        "pe1-2 [001] 0.000000020: kvx_request: "
        "cluster=0 core=1 line=24 from_cluster=0 from_core=0 value=0 tick=20",
        "pe1-2 [001] 0.000000030: irq_handler_entry: irq=24 name=ipi24",
        "pe1-2 [001] 0.000000130: irq_handler_exit: irq=24 ret=handled",
    ]


@needs_trace_cmd
def test_no_row_makes_a_trace_without_events(tmp_path):
    assert report(written(tmp_path / "t.dat", [])) == (1, [])
    cores = (CoreId(0, 0), CoreId(4, 16))
    assert report(written(tmp_path / "u.dat", [[], []], Setting(cores=cores))) == (85, [])


GAPS = [1, (1 << 27) - 1, 1 << 27, (1 << 27) + 1, (1 << 59) - 1, 1 << 59, (1 << 59) + 1, 1 << 62]


@needs_trace_cmd
@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_of_any_length_is_kept(tmp_path, gap):
    ticks = [5, 5 + gap, 6 + gap]
    rows = [(tick, 0, 1, event, 24, 0, 0, 7) for tick in ticks for event in ("request", "coalesced")]
    assert_told(written(tmp_path / "t.dat", [rows]), rows)


@needs_trace_cmd
def test_pages_are_filled_to_the_last_byte_and_events_go_on_in_the_next_one(tmp_path):
    # 48 bytes an event, and 8 for a gap: every possible rest of 4,080 bytes comes up.
    for gaps in range(12):
        rows = [
            (index if index > gaps else index << 30, 0, 1, "request", 24, 0, 0, index) for index in range(400)
        ]
        rows.sort()
        assert_told(written(tmp_path / "t.dat", [rows]), rows)


@needs_trace_cmd
@pytest.mark.parametrize("cluster", [0, 2, 3, 26, 27, 63, 120])
def test_a_mask_of_any_length_is_kept(tmp_path, cluster):
    rows = [
        (tick, cluster, 3, "send", 24 + tick % 8, None, None, 1 << tick % 17 | 1) for tick in range(1, 200)
    ]
    assert_told(written(tmp_path / "t.dat", [rows]), rows)


@needs_trace_cmd
def test_rows_of_several_chunks_columns_or_not_are_one_trace(tmp_path):
    rows = [row for row in many(4000) if row[3] not in {"send", "enter", "exit"} or row[4] is not None]
    path = written(tmp_path / "t.dat", [rows[:1], [], Columns.from_rows(rows[1:3000]), rows[3000:]])
    assert path.read_bytes() == written(tmp_path / "u.dat", [rows]).read_bytes()
    assert_told(path, rows)


@needs_trace_cmd
def test_ticks_of_another_clock_are_nanoseconds_rounded_down(tmp_path):
    rows = [(tick, 0, 1, "request", 24, 0, 0, 0) for tick in range(1, 50)]
    for clock_hz in (600_000_000, 1_200_000_000, 1_000_000, 3):
        path = written(tmp_path / "t.dat", [rows], Setting(clock_hz))
        assert_told(path, rows, clock_hz)


@needs_trace_cmd
def test_rows_of_tick_0_are_told_a_nanosecond_late(tmp_path):
    path = written(tmp_path / "t.dat", [[(0, 0, 0, "stop", None, None, None, 0)]])
    assert [event.time for event in report(path)[1]] == [1]


@needs_trace_cmd
def test_the_other_views_of_trace_cmd_have_nothing_to_complain_of(tmp_path):
    path = written(tmp_path / "t.dat", [EVERY], Setting(board="b.dts", script="s.yaml"))
    assert len(trace_cmd("-l", path)) > len(EVERY)
    assert len(trace_cmd("-R", path)) > len(EVERY)
    assert trace_cmd("--uname", path)[1:] == ["kvx b.dts s.yaml", "kvx-emu"]
    assert "name: kvx_masked" in trace_cmd("--events", path)
    assert [line for line in trace_cmd("--stat", path) if "CPU0" in line]
    only = trace_cmd("-F", "irq_handler_entry: irq == 25", path)
    assert [line.split(":")[1].strip() for line in only[1:]] == ["irq_handler_entry"]
    assert [line for line in trace_cmd("--check-events", path) if "rror" in line or "FAILED" in line] == []


def test_the_same_rows_make_the_same_bytes(tmp_path):
    setting = Setting(board="b\udce9.dts", script="s.yaml", cores=(CoreId(0, 1),))
    one = written(tmp_path / "t.dat", [EVERY], setting)
    other = written(tmp_path / "u.dat", [[row] for row in EVERY], setting)
    assert one.read_bytes() == other.read_bytes()
    assert one.stat().st_size % 4096 == 0


def test_many_rows_need_little_memory(tmp_path):
    rows = many(1000)
    sink = open_sink(str(tmp_path / "t.dat"), PLAIN)
    sink.add(rows)
    tracemalloc.start()
    try:
        for _ in range(200):
            sink.add(rows)
        sink.flush()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    sink.close()
    assert (tmp_path / "t.dat").stat().st_size > 8_000_000
    assert peak < 2_000_000


STOP = (1 << 62, 0, 0, "stop", None, None, None, 0)
FAR_SEND = (1, 30000, 0, "send", 24, None, None, 1)


@pytest.mark.parametrize(
    ("row", "clock_hz", "found"),
    [
        (STOP, 1_000_000, "4611686018427387904000 ns, expected at most 9223372036854775807"),
        (FAR_SEND, 1_000_000_000, "cluster 30000, expected masks of at most 32256 cpus"),
    ],
)
def test_what_the_format_can_not_hold_is_refused(tmp_path, row, clock_hz, found):
    path = tmp_path / "t.dat"
    sink = open_sink(str(path), Setting(clock_hz))
    with pytest.raises(OutputError, match=re.escape(f"{path}: can not be written: {found}")):
        sink.add([row])
    assert not path.exists()


@pytest.mark.parametrize("rows", [100, 50_000])
def test_a_full_disk_for_pages_that_wait_is_an_output_error(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
    path = tmp_path / "t.dat"
    path.write_text("old")
    sink = open_sink(str(path), PLAIN)
    with pytest.raises(OutputError, match=r"t\.dat: can not be written: No space left on device$"):
        fill(sink, rows)
    sink.abandon()
    assert path.read_text() == "old"


def fill(sink, rows):
    sink.add(many(rows))
    sink.flush()
