"""Traces in the Common Trace Format, read by babeltrace2."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_rows import many, row

from kvx_emu.errors import OutputError
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import ctf, open_sink
from kvx_emu.trace.setting import Setting, cpu_number

PLAIN = Setting()

needs_babeltrace = pytest.mark.skipif(shutil.which("babeltrace2") is None, reason="no babeltrace2 here")

ROWS = [
    (0, 0, 16, "send", 31, None, None, 0xFFFFFFFF),
    (0, 4, 1, "request", 31, 4, 16, 0),
    (7, 1, None, "mailbox", 127, 0, 3, 2),
    (7, None, None, "lost", 300, None, None, 0),
    (1 << 62, 63, 0, "fault", None, None, None, (1 << 64) - 1),
]

EVENT = re.compile(
    r"\[(\d+)\] \(\S+\) (\w+): \{ cpu_id = (\d+) \}, \{ cluster = (-?\d+), core = (-?\d+), line = (-?\d+), "
    r"from_cluster = (-?\d+), from_core = (-?\d+), value = 0x([0-9A-F]+) \}"
)


def written(path, chunks, setting=PLAIN):
    sink = open_sink(str(path), setting)
    for chunk in chunks:
        sink.add(chunk)
    sink.flush()
    sink.close()
    return path


def babeltrace(*args):
    done = subprocess.run(["babeltrace2", *map(str, args)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows_of(path):
    """Return the rows that babeltrace2 finds in a trace, and their cpu_ids."""
    rows, cpus = [], []
    for line in babeltrace("--clock-cycles", path).splitlines():
        tick, event, cpu, *numbers, value = EVENT.fullmatch(line).groups()
        cluster, core, number, *sender = (None if n == "-1" else int(n) for n in numbers)
        rows.append((int(tick), cluster, core, event, number, *sender, int(value, 16)))
        cpus.append(int(cpu))
    return rows, cpus


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@needs_babeltrace
def test_babeltrace_reads_the_rows_and_the_number_of_each_cpu(tmp_path):
    rows, cpus = rows_of(written(tmp_path / "t.ctf", [ROWS]))
    assert rows == ROWS
    assert cpus == [16, 69, 17, 0, 1071]


@needs_babeltrace
def test_no_rows_make_a_trace_without_events(tmp_path):
    path = written(tmp_path / "t.ctf", [])
    assert sorted(os.listdir(path)) == ["metadata", "stream"]
    assert babeltrace(path) == ""


@needs_babeltrace
@pytest.mark.parametrize(
    ("clock_hz", "shown"),
    [(1_000_000_000, "00:00:00.000001000"), (600_000_000, "00:00:00.000001666"), (1, "00:16:40.000000000")],
)
def test_the_clock_ticks_as_that_of_the_core(tmp_path, clock_hz, shown):
    row = (1000, 0, 0, "stop", None, None, None, 0)
    path = written(tmp_path / "t.ctf", [[row]], Setting(clock_hz))
    assert babeltrace("--clock-gmt", path).startswith(f"[{shown}]")
    assert rows_of(path)[0] == [row]


@needs_babeltrace
def test_the_environment_names_board_and_script_whatever_they_are_called(tmp_path):
    setting = Setting(board='a "b" \\n\n.dts', script="é\udce9.yaml")
    path = written(tmp_path / "t.ctf", [ROWS], setting)
    told = babeltrace(
        "--component=s:source.ctf.fs", f'--params=inputs=["{path}"]', "--component=sink.text.details"
    )
    assert "tracer_name: kvx-emu" in told
    assert 'board: a "b" \\n\N{REPLACEMENT CHARACTER}.dts' in told
    assert "script: é\N{REPLACEMENT CHARACTER}.yaml" in told


@needs_babeltrace
@pytest.mark.parametrize("packet", [1, 7, 999, 1000, 1001])
def test_packets_are_bounded_and_how_rows_came_does_not_show(tmp_path, monkeypatch, packet):
    monkeypatch.setattr(ctf, "PACKET", packet)
    rows = many(1000)
    whole = written(tmp_path / "whole.ctf", [rows])
    assert rows_of(whole)[0] == rows
    head, event = 52, 29
    assert (whole / "stream").stat().st_size == -(-1000 // packet) * head + 1000 * event
    mixed = [rows[:7], Columns.from_rows(rows[7:555]), rows[555:556], rows[556:]]
    for chunks in ([[each] for each in rows], [Columns.from_rows(rows)], mixed):
        assert held(written(tmp_path / "t.ctf", chunks)) == held(whole)


@needs_babeltrace
@given(st.lists(row, max_size=30))
@settings(max_examples=15, deadline=None)
def test_any_rows_in_the_order_of_time_are_read_as_they_were(tmp_path_factory, rows):
    rows = sorted(((each[0] >> 1, *each[1:]) for each in rows), key=lambda each: each[0])
    found, cpus = rows_of(written(tmp_path_factory.mktemp("any") / "t.ctf", [rows]))
    assert found == rows
    assert cpus == [cpu_number(*each[1:3]) for each in rows]


@needs_babeltrace
@pytest.mark.parametrize("script", ["nesting", "devices", "timers"])
def test_a_run_gives_the_rows_of_its_csv(kvx, tmp_path, script):
    outputs = tmp_path / "t.ctf", tmp_path / "t.csv"
    traces = [arg for path in outputs for arg in ("--trace", path)]
    result = kvx("run", "boards/cluster.dts", f"scripts/{script}.yaml", *traces, "--format", "none")
    assert result.status == 0
    with outputs[1].open() as file:
        rows = [tuple(each.values()) for each in csv.DictReader(file)]
    found, _ = rows_of(outputs[0])
    assert [tuple("" if cell is None else str(cell) for cell in each) for each in found] == rows
    assert rows


def test_the_names_of_the_run_and_nothing_else_make_the_uuid(tmp_path):
    def uuid(setting, rows):
        text = (written(tmp_path / "t.ctf", [rows], setting) / "metadata").read_text()
        return re.search(r'uuid = "([0-9a-f-]{36})";', text)[1]

    one = uuid(Setting(board="a", script="b"), ROWS)
    assert uuid(Setting(board="a", script="b"), []) == one
    assert uuid(Setting(board="a", script="c"), ROWS) != one
    assert uuid(Setting(600, board="a", script="b"), ROWS) != one


# What is there already


def test_an_older_trace_is_replaced(tmp_path):
    written(tmp_path / "t.ctf", [ROWS])
    new = written(tmp_path / "new.ctf", [ROWS[:1]])
    assert held(written(tmp_path / "t.ctf", [ROWS[:1]])) == held(new)
    assert sorted(os.listdir(tmp_path)) == ["new.ctf", "t.ctf"]


def test_an_empty_folder_is_replaced(tmp_path):
    (tmp_path / "t.ctf").mkdir()
    assert sorted(os.listdir(written(tmp_path / "t.ctf", [ROWS]))) == ["metadata", "stream"]


@pytest.mark.parametrize(
    "files",
    [
        {"thesis": "years"},
        {"stream": ""},
        {"metadata": "/* CTF 1.8 */", "stream": ""},
        {"metadata": 'env { tracer_name = "kvx-emu"; };', "stream": "", "notes": ""},
        {"metadata": 'env { tracer_name = "kvx-emu"; };', "stream_1": ""},
    ],
)
def test_a_folder_that_holds_anything_else_stays(tmp_path, files):
    folder = tmp_path / "t.ctf"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(OutputError, match=r"t.ctf: can not be written: the folder holds other things"):
        open_sink(str(folder), Setting())
    assert {name: content.decode() for name, content in held(folder).items()} == files
    assert os.listdir(tmp_path) == ["t.ctf"]


def test_an_old_trace_stays_if_the_new_one_is_abandoned(tmp_path):
    before = held(written(tmp_path / "t.ctf", [ROWS]))
    sink = open_sink(str(tmp_path / "t.ctf"), Setting())
    sink.add(ROWS[:2])
    sink.flush()
    sink.abandon()
    assert held(tmp_path / "t.ctf") == before
    assert os.listdir(tmp_path) == ["t.ctf"]
