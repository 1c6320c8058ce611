"""The text of ftrace, read as three tools read it, and held against what trace-cmd says of the same rows."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from linux_lines import EVERY, RUNS, Told, run_rows, told
from trace_rows import many

from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import ftrace, open_sink, tracecmd
from kvx_emu.trace.formats.linux_events import targets
from kvx_emu.trace.setting import Setting

PLAIN = Setting()

TRAPPY = re.compile(
    r"""^ \s* (?P<comm>.*) - (?P<pid>\d+) (?: \s+ \( .* \) )?  # a tgid may follow
    \s+ \[ (?P<cpu>\d+) \]
    (?: \s+ .{4} )?                                            # flags may follow
    \s+ (?P<time> [0-9]+ (?:\.[0-9]+)? ) :[ ]
    (?: (?P<event>\w+) : \s+ )+ (?P<text>.+)""",
    re.VERBOSE,
)
"""What trappy takes a line to be. Source: SPECIAL_FIELDS_RE, trappy/ftrace.py, version 6.0.1."""

LISA = re.compile(
    r"""^ .* :? [ ]+ (?P<comm>.+) - (?P<pid>\d+)
    [ ]+ \[ (?P<cpu>\d+) \]
    [ ]+ (?P<time>\d+\.\d+) :
    [ ]+ (?P<event>\w+) : [ ]* (?P<text>.*) $""",
    re.VERBOSE | re.ASCII,
)
"""What LISA takes a line to be. Source: TxtEventParser and its header regex, lisa/trace.py."""

PERFETTO = re.compile(
    r"""- (?P<pid>\d+) \s+ \(? \s* (?:\d+|-+)? \)? \s?
    \[ (?P<cpu>\d+) \] \s* [a-zA-Z0-9.]{0,4}
    \s+ (?P<time>\d+\.\d+) : \s+ (?P<event>\S+) :""",
    re.VERBOSE,
)
"""What Perfetto searches a line for; the task is before, the fields are behind.

Source: systrace_line_tokenizer.cc.
"""


def written(path, chunks, setting=PLAIN):
    sink = open_sink(str(path), setting)
    for chunk in chunks:
        sink.add(chunk)
    sink.flush()
    sink.close()
    return path


def lines_of(path):
    lines = path.read_text(encoding="ascii").splitlines()
    assert lines[0] == "# tracer: nop"
    return [line for line in lines if not line.startswith("#")]


def as_trappy(line):
    found = TRAPPY.match(line.rstrip())
    return found["comm"], found


def as_lisa(line):
    found = LISA.search(line)
    return found["comm"], found


def as_perfetto(line):
    found = PERFETTO.search(line)
    return line[: found.start()].strip(), found


def event(line, reader):
    """Return what a reader makes of a line."""
    task, found = reader(line)
    seconds, rest = found["time"].split(".")
    time = int(seconds) * 1_000_000_000 + int(rest.ljust(9, "0"))
    assert round(float(found["time"]) * 1e9) == time or time > 1 << 52  # all three read times as doubles
    text = found["text"] if "text" in found.groupdict() else line[found.end() :].strip()
    return Told(f"{task}-{found['pid']}", int(found["cpu"]), time, found["event"], text)


@pytest.mark.parametrize("reader", [as_trappy, as_lisa, as_perfetto])
@pytest.mark.parametrize(("board", "script"), RUNS)
def test_each_reader_finds_the_events_of_a_run_in_their_order(kvx, tmp_path, board, script, reader):
    path, table = tmp_path / "t.ftrace", tmp_path / "t.csv"
    assert kvx("run", board, script, "--trace", path, "--csv", table, "--format", "none").status == 0
    rows = run_rows(table)
    assert len(rows) > 10
    assert [event(line, reader) for line in lines_of(path)] == told(rows)


@pytest.mark.parametrize("reader", [as_trappy, as_lisa, as_perfetto])
def test_each_reader_finds_every_event(tmp_path, reader):
    assert [event(line, reader) for line in lines_of(written(tmp_path / "t.ftrace", [EVERY]))] == told(EVERY)


def test_what_a_trace_looks_like(tmp_path):
    rows = [
        (0, 0, 0, "mask", 24, None, None, 0xFFFF0000),
        (20, 0, 0, "send", 24, None, None, 0x1000E),
        (30, 4, 16, "enter", 4, None, None, 16),
        (1_000_000_030, 4, 16, "exit", 4, None, None, 0),
    ]
    assert written(tmp_path / "t.ftrace", [rows]).read_text() == (
        "# tracer: nop\n"
        "#\n"
        "#           TASK-PID     CPU#     TIMESTAMP  FUNCTION\n"
        "#              | |         |         |         |\n"
        "             pe0-1       [000] 0.000000000: kvx_mask: "
        "cluster=0 core=0 line=24 from_cluster=-1 from_core=-1 value=4294901760 tick=0\n"
        "             pe0-1       [000] 0.000000020: ipi_send_cpumask: "
        "cpumask=1-3,16 callsite=0x0 callback=0x0\n"
        "             pe0-1       [000] 0.000000020: ipi_raise: target_mask=00000000,0001000e (ipi24)\n"
        "           c4.rm-85      [084] 0.000000030: irq_handler_entry: irq=4 name=apic-gic0\n"
        "           c4.rm-85      [084] 1.000000030: irq_handler_exit: irq=4 ret=handled\n"
    )


@pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="no trace-cmd here")
def test_trace_cmd_says_the_same_of_the_same_rows(tmp_path):
    rows = [(tick + 1, *rest) for tick, *rest in EVERY]  # trace.dat tells tick 0 a nanosecond late
    lines = lines_of(written(tmp_path / "t.ftrace", [rows]))
    argv = ["trace-cmd", "report", "-t", str(written(tmp_path / "t.dat", [rows]))]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    of_each = [sorted(" ".join(line.split()) for line in some) for some in (shown, lines)]
    assert of_each[0] == of_each[1]


def test_no_row_makes_a_head_alone(tmp_path):
    assert lines_of(written(tmp_path / "t.ftrace", [])) == []


def test_rows_of_several_chunks_columns_or_not_are_one_trace(tmp_path):
    rows = [row for row in many(4000) if row[3] not in {"send", "enter", "exit"} or row[4] is not None]
    path = written(tmp_path / "t.ftrace", [rows[:1], [], Columns.from_rows(rows[1:3000]), rows[3000:]])
    assert path.read_bytes() == written(tmp_path / "u.ftrace", [rows]).read_bytes()
    assert [event(line, as_lisa) for line in lines_of(path)] == told(rows)


@pytest.mark.parametrize("module", [ftrace, tracecmd])
def test_more_kinds_of_rows_than_are_kept_are_all_told(tmp_path, monkeypatch, module):
    suffix = {ftrace: ".ftrace", tracecmd: ".dat"}[module]
    expected = written(tmp_path / f"t{suffix}", [EVERY, EVERY]).read_bytes()
    monkeypatch.setattr(module, "_KEPT", 1)
    assert written(tmp_path / f"u{suffix}", [EVERY, EVERY]).read_bytes() == expected


@pytest.mark.parametrize(
    ("clock_hz", "times"),
    [
        (1_000_000_000, ["0.000000000", "0.000000001", "0.000000007"]),
        (600_000_000, ["0.000000000", "0.000000001", "0.000000011"]),
        (1, ["0.000000000", "1.000000000", "7.000000000"]),
        (7, ["0.000000000", "0.142857142", "1.000000000"]),
    ],
)
def test_times_are_nanoseconds_rounded_down(tmp_path, clock_hz, times):
    rows = [(tick, 0, 1, "stop", None, None, None, 0) for tick in (0, 1, 7)]
    lines = lines_of(written(tmp_path / "t.ftrace", [rows], Setting(clock_hz)))
    assert [line.split()[2].rstrip(":") for line in lines] == times


@pytest.mark.parametrize(
    ("cluster", "value", "mask", "size"),
    [
        (0, 0x1FFFF, 0x1FFFF, 8),
        (0, 0xFFFE0001, 1, 8),
        (None, 2, 2, 8),
        (2, 1, 1 << 34, 8),
        (3, 0x10000, 1 << 67, 16),
        (63, 0x10000, 1 << 1087, 136),
    ],
)
def test_whom_a_write_reaches_is_a_mask_of_cpus_in_whole_words(cluster, value, mask, size):
    assert targets(cluster, value) == (mask, size)
