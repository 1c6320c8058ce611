"""`kvx-emu trace`: convert, stats, diff and view, as they are called."""
# ruff: noqa: E501 - one row a case

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from itertools import pairwise

import pytest
from command import KVX, ROOT, SCRIPTS, board_of, kvx_process

HEADER = "tick,cluster,core,event,line,from_cluster,from_core,value\n"
ROWS = HEADER + "0,0,0,send,24,,,2\n0,0,1,request,24,0,0,0\n5,0,1,enter,24,,,16777216\n9,0,1,exit,24,,,0\n"


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(ROWS)
    return path


def test_the_help_lists_the_commands(kvx):
    result = kvx("trace", "--help")
    assert result.status == 0
    for name in ("convert", "diff", "stats", "view"):
        assert f"\n  {name} " in result.out


@pytest.mark.parametrize("name", ["convert", "diff", "stats", "view"])
def test_the_help_of_each_has_examples(kvx, name):
    result = kvx("trace", name, "-h")
    assert result.status == 0
    assert f"  kvx-emu trace {name} " in result.out


def test_the_help_of_each_imports_no_numpy_and_no_tables():
    slow = {"numpy", "pyarrow", "tabulate", "textual", "fdt", "yaml"}
    code = (
        "import sys; from kvx_emu.cli.main import main; "
        "status = main(['trace', sys.argv[1], '--help']); "
        f"sys.exit(status or bool({slow} & set(sys.modules)))"
    )
    for name in ("convert", "diff", "stats", "view"):
        done = subprocess.run([sys.executable, "-c", code, name], cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0


# convert


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_csv_is_the_same_bytes_after_parquet_and_json_lines(kvx, tmp_path, script):
    pytest.importorskip("pyarrow")
    names = [tmp_path / f"{number}.{form}" for number, form in enumerate(("csv", "parquet", "jsonl", "csv"))]
    run = kvx("run", board_of(script), script, "--csv", names[0], "--format", "none", "-q")
    assert run.status in {0, 1}
    for one, two in pairwise(names):
        assert kvx("trace", "convert", one, two) == (0, "", "")
    assert names[3].read_bytes() == names[0].read_bytes()
    assert names[0].read_bytes().count(b"\n") > 10


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ([], [1, 2, 3, 4]),
        (["--core", "pe1"], [2, 3, 4]),
        (["--core", "pe0,rm", "--core", "c1.pe0-3"], [1]),
        (["--core", "pe0-1"], [1, 2, 3, 4]),
        (["--line", "24"], [1, 2, 3, 4]),
        (["--line", "25-31"], []),
        (["--event", "enter,exit", "--event", "send"], [1, 3, 4]),
        (["--from", "5"], [3, 4]),
        (["--to", "5"], [1, 2, 3]),
        (["--from", "1", "--to", "5", "--core", "pe1"], [3]),
    ],
)
def test_filters_choose_rows(kvx, trace, options, lines):
    everything = ROWS.splitlines(keepends=True)
    assert kvx("trace", "convert", trace, "-", *options) == (
        0,
        "".join(everything[line] for line in [0, *lines]),
        "",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--core", "all"], "--core: found `all`; expected pe3, rm, a range pe0-7, or c2.pe3: a trace does not tell which cores there are"),
        (["--core", "pe0,c1.pes"], "--core: found `c1.pes`; expected pe3, rm, a range pe0-7, or c2.pe3: a trace does not tell which cores there are"),
        (["--core", "pe99"], "--core: found `pe99`; expected pe0..pe15 (the sixteenth other core is `rm`)"),
        (["--line", "x"], "--line: found `x`; expected a line 0..31, or a range such as 0-31"),
    ],
)  # fmt: skip
def test_a_filter_that_names_nothing_is_refused(kvx, trace, options, message):
    assert kvx("trace", "convert", trace, "-", *options) == (2, "", f"kvx-emu: {message}\n")


def test_standard_output_is_csv_or_json_lines(kvx, trace):
    assert kvx("trace", "convert", trace, "-") == (0, ROWS, "")
    out = kvx("trace", "convert", trace, "-", "--format", "jsonl").out
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["send", "request", "enter", "exit"]


def test_standard_input_is_read(kvx, tmp_path):
    assert kvx("trace", "convert", "-", tmp_path / "t.jsonl", stdin=ROWS.encode()).status == 0
    result = kvx("trace", "convert", "-", "-", stdin=(tmp_path / "t.jsonl").read_bytes())
    assert result == (0, ROWS, "")


def test_the_clock_is_what_is_asked_for_or_what_a_parquet_file_tells(kvx, trace, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"

    def clock(path):
        return parquet.read_schema(path).metadata[b"kvx_emu.clock_hz"]

    assert kvx("trace", "convert", trace, one).status == 0
    assert clock(one) == b"1000000000"
    assert kvx("trace", "convert", trace, one, "--clock-hz", "600").status == 0
    assert clock(one) == b"600"
    assert kvx("trace", "convert", one, two).status == 0
    assert clock(two) == b"600"
    assert kvx("trace", "convert", one, two, "--clock-hz", "7").status == 0
    assert clock(two) == b"7"


def test_an_output_of_other_files_beside_it_or_a_folder_is_made_too(kvx, trace, tmp_path):
    assert kvx("trace", "convert", trace, tmp_path / "t.ctf") == (0, "", "")
    assert sorted(os.listdir(tmp_path)) == ["t.csv", "t.ctf"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["t.csv", "t.csv"], "t.csv would overwrite t.csv"),
        (["t.csv", "t.txt"], "t.txt: the suffix says the format; known: .csv, .jsonl, .parquet, "),
        (["t.vcd", "u.csv"], "cannot read t.vcd: .vcd is only written; expected .csv, .jsonl, .parquet"),
        (["none.csv", "u.csv"], "cannot read none.csv: No such file or directory"),
        (["t.csv", "u.csv", "--format", "csv"], "--format csv is for standard output: the suffix of u.csv says the format"),
    ],
)  # fmt: skip
def test_what_can_not_be_converted_is_told(kvx, trace, tmp_path, monkeypatch, names, message):
    result = kvx_process("trace", "convert", *names, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"kvx-emu: {message}")
    assert os.listdir(tmp_path) == ["t.csv"]


def test_a_wrong_line_leaves_the_old_output(kvx, trace, tmp_path):
    out = tmp_path / "t.jsonl"
    out.write_text("old")
    trace.write_text(ROWS + "x\n")
    status, _, err = kvx("trace", "convert", trace, out)
    assert status == 3
    assert err.startswith(f"{trace}:6:1: error[trace-row]: found 1 cell; expected 8 cells")
    assert out.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["t.csv", "t.jsonl"]


def test_an_output_that_can_not_be_written_gives_6(kvx, trace, tmp_path):
    status, _, err = kvx("trace", "convert", trace, tmp_path / "none" / "t.jsonl")
    assert status == 6
    assert err == f"kvx-emu: {tmp_path}/none/t.jsonl: can not be written: No such file or directory\n"


def test_a_reader_that_goes_away_ends_it(trace, tmp_path):
    trace.write_text(ROWS + "9,0,1,exit,24,,,0\n" * 100_000)
    with subprocess.Popen(
        [*KVX, "trace", "convert", str(trace), "-"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""


class Terminal(io.StringIO):
    """A terminal, as far as it goes."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", ["convert", "stats", "diff"])
def test_a_terminal_is_shown_how_far_long_work_is(kvx, trace, tmp_path, monkeypatch, command):
    from kvx_emu.cli import progress

    terminal = Terminal()
    monkeypatch.setattr(progress, "QUIET", 0)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    more = {"convert": [tmp_path / "u.csv"], "stats": [], "diff": [trace]}[command]
    assert kvx("trace", command, trace, *more).status == 0
    shown = terminal.getvalue()
    assert "100%  4 rows" in shown
    assert shown.endswith(" \r")


# stats and diff


def test_stats_prints_tables_of_a_hundred_columns_where_there_is_no_terminal(kvx, trace):
    status, out, err = kvx("trace", "stats", trace)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "4 rows, ticks 0 to 9"
    assert (
        "pe1         24           1      5         5      5      5          1      9         9      9      9"
        in lines
    )
    assert max(map(len, lines)) == 100
    assert "\x1b" not in out


def test_stats_draws_bars_that_the_terminal_can_show(trace):
    for encoding, bar in (("utf-8", "\N{FULL BLOCK}"), ("ascii", "#")):
        env = os.environ | {"PYTHONIOENCODING": encoding}
        out = kvx_process("trace", "stats", trace, env=env, encoding=encoding).out
        assert f"\n  5  1  {bar * 92}\n" in out


def test_stats_reads_standard_input(kvx):
    result = kvx("trace", "stats", "-", "--format", "json", stdin=ROWS.encode())
    assert json.loads(result.out)["to_enter"] == {"number": 1, "min": 5, "median": 5, "p99": 5, "max": 5}


def test_equal_traces_of_different_formats_give_0(kvx, trace, tmp_path):
    other = tmp_path / "t.jsonl"
    assert kvx("trace", "convert", trace, other).status == 0
    assert kvx("trace", "diff", trace, other) == (0, "the traces are equal: 4 rows\n", "")
    assert kvx("trace", "diff", trace, other, "-q") == (0, "", "")
    assert json.loads(kvx("trace", "diff", trace, other, "--format", "json").out) == {
        "equal": True,
        "rows": 4,
    }


def test_different_traces_give_1(kvx, trace, tmp_path):
    other = tmp_path / "u.csv"
    other.write_text(ROWS.replace("5,0,1,enter", "6,0,1,enter"))
    status, out, err = kvx("trace", "diff", trace, other)
    assert (status, err) == (1, "")
    assert out.startswith(f"A is {trace}\nB is {other}\n\nrow 3 differs: tick is 5 in A and 6 in B\n")
    assert kvx("trace", "diff", trace, other, "-q") == (1, "", "")
    assert json.loads(kvx("trace", "diff", trace, other, "--format", "json").out)["columns"] == ["tick"]
    same = "the traces are equal but for tick, value: 4 rows\n"
    assert kvx("trace", "diff", trace, other, "--ignore", "value,tick") == (0, same, "")
    assert kvx("trace", "diff", trace, other, "--ignore", "value", "--ignore", "tick") == (0, same, "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-", "-"], "only one input can be standard input (-)"),
        (["t", "t", "--ignore", "time"], "--ignore: found `time`; expected columns, of tick, cluster, core, event, "),
        (["t", "t", "--ignore", HEADER.strip()], "--ignore: all columns are ignored; expected some that are left to compare"),
    ],
)  # fmt: skip
def test_what_can_not_be_compared_is_told(kvx, args, message):
    status, out, err = kvx("trace", "diff", *args)
    assert (status, out) == (2, "")
    assert err.startswith(f"kvx-emu: {message}")


def test_a_trace_that_is_wrong_gives_3(kvx, trace, tmp_path):
    other = tmp_path / "u.csv"
    other.write_text(ROWS + "x\n")
    for args in (["diff", trace, other], ["diff", other, trace], ["stats", other]):
        status, out, err = kvx("trace", *args)
        assert (status, out) == (3, "")
        assert err.startswith(f"{other}:6:1: error[trace-row]: ")


# view


def test_view_needs_a_terminal(kvx, trace):
    pytest.importorskip("textual")
    status, out, err = kvx("trace", "view", trace)
    assert (status, out) == (2, "")
    assert "terminal" in err


def test_view_without_textual_tells_what_to_install(kvx, trace, monkeypatch):
    monkeypatch.setitem(sys.modules, "textual", None)
    status, out, err = kvx("trace", "view", trace)
    assert (status, out) == (2, "")
    assert "pip install 'kvx-emu[view]'" in err


def test_the_columns_of_a_converted_trace_are_those_of_csv_readers(kvx, trace, tmp_path):
    assert kvx("trace", "convert", trace, tmp_path / "u.csv").status == 0
    with (tmp_path / "u.csv").open() as file:
        assert next(csv.DictReader(file))["value"] == "2"


def test_a_format_is_for_standard_output_alone(kvx, trace, tmp_path):
    out = tmp_path / "u.jsonl"
    message = f"kvx-emu: --format csv is for standard output: the suffix of {out} says the format\n"
    assert kvx("trace", "convert", trace, out, "--format", "csv") == (2, "", message)


def test_a_histogram_is_drawn_in_ascii_where_the_output_has_nothing_else(kvx, trace, monkeypatch):
    monkeypatch.setattr("kvx_emu.cli.trace._has_blocks", lambda: False)
    out = kvx("trace", "stats", trace).out
    assert out.isascii()
    assert "##" in out
