"""`run --engine` and `--verbose`: the same bytes and statuses of each engine; what is said of the choice."""

from __future__ import annotations

import random
import re

import pytest
from command import BOARD, SCRIPTS, SMOKE, board_of, script_file
from test_cli_start import loaded

ENGINES = ["auto", "reference", "vector"]

STORM = "random: {{count: {count}, every: 10, from: all, targets: uniform, lines: [24, 25]}}"
HEAD = "timing: {delivery: 3, entry: 2, service: 20}\n"


def everything(kvx, tmp_path, board, script, *options):
    """Run a script on every engine; return (status, table, warnings, CSV, JSON Lines) of each."""
    results = []
    for engine in ENGINES:
        csv, lines = tmp_path / "trace.csv", tmp_path / "trace.jsonl"
        files = ["--csv", csv, "--trace", lines]
        result = kvx("run", board, script, "--engine", engine, *files, *options)
        results.append((*result, csv.read_bytes(), lines.read_bytes()))
    return results


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_of_ours_gives_the_same_bytes_on_every_engine(kvx, tmp_path, script):
    auto, reference, vector = everything(kvx, tmp_path, board_of(script), script)
    assert auto == reference == vector
    assert reference[0] == 0
    assert reference[3].count(b"\n") > 1


def generated(folder):
    """Write a script with what goes to either engine, one between the other; return its path."""
    draw = random.Random(5)
    rows, tick = ["tick,addr,value,from"], 0
    for _ in range(600):
        tick += draw.choice([0, 0, 5, 40])
        address = draw.choice([0xAD0000] * 60 + [0xAD0004, 0xAD0020, 0x2AD0000, 0xAD0100, 0x10])
        rows.append(f"{tick},{address:#x},{draw.getrandbits(17):#x},{draw.choice(['pe0', 'pe7', 'c1.pe3'])}")
    (folder / "storm.csv").write_text("\n".join(rows))
    return script_file(
        folder,
        f"""\
{STORM.format(count=150)}
mask: {{line: 24, block: [pe2, pe3]}}
{STORM.format(count=150)}
sfr: {{core: pe5, register: ILE, clear: 0x1000000}}
repeat: {{count: 120, every: 50, steps: [{{send: {{to: [pe1, c1.pe1]}}}}, {{send: {{to: all}}}}]}}
mark: tables
repeat: {{count: 2, steps: [{{replay: {{file: storm.csv}}}}, {{wait: 100}}]}}
enable: {{core: pe5, line: 24}}
random: {{count: 500, every: 0, from: pes, targets: one}}
wait: idle
expect: {{line: 24, coalesced: {{min: 1}}, masked: {{min: 1}}, since: tables}}
expect: {{line: 24, within: 1}}""",
        head=HEAD,
    )


def test_a_bigger_script_gives_the_same_bytes_on_every_engine(kvx, tmp_path):
    script = generated(tmp_path)
    auto, reference, vector = everything(kvx, tmp_path, "boards/coolidge.dts", script)
    assert auto == reference == vector
    status, out, err, csv, lines = reference
    assert status == 1  # what `within` expects can not be
    assert "warning[bus-error]" in err
    assert "warning[never-taken]" in err
    assert csv.count(b"\n") == lines.count(b"\n") + 1 > 15_000
    assert f"{lines.count(10):,} rows".replace(",", "") in out


def test_filters_let_the_same_through_on_every_engine(kvx, tmp_path):
    script = script_file(tmp_path, STORM.format(count=300), head=HEAD)
    chosen = ["--core", "pe1-4", "--event", "enter,coalesced", "--from", "100", "--to", "2000"]
    auto, reference, vector = everything(kvx, tmp_path, BOARD, script, *chosen)
    assert auto == reference == vector
    assert set(re.findall(rb"[a-z]+", reference[3].split(b"\n", 1)[1])) == {b"enter", b"coalesced"}


@pytest.mark.parametrize(
    ("status", "steps", "options"),
    [
        (0, "expect: {delivered: {min: 1}}", []),
        (1, "expect: {core: pe1, delivered: 3}", []),
        (0, "write: {addr: 0x10, value: 1}", []),
        (3, "at: 5\n    send: {to: pe1}", []),
        (4, "wait: idle", ["--limit-ticks", "777"]),
        (4, "wait: idle", ["--limit-events", "999"]),
        (4, "replay: {file: table.csv}", ["--limit-ticks", "4500"]),
        (5, "wait: idle", ["--strict"]),
    ],
)
def test_the_exit_status_and_what_is_told_are_the_same_on_every_engine(kvx, tmp_path, status, steps, options):
    rows = "".join(f"{10 * k},0xad0000,2\n" for k in range(500))
    (tmp_path / "table.csv").write_text(f"tick,addr,value\n{rows}")
    script = script_file(tmp_path, STORM.format(count=300), head=HEAD)
    script.write_text(f"{script.read_text()}  - {steps}\n")
    results = [kvx("run", BOARD, script, "--engine", engine, *options) for engine in ENGINES]
    assert results[0] == results[1] == results[2]
    assert results[0].status == status


@pytest.mark.parametrize("engine", ENGINES)
def test_a_limit_of_events_at_an_arrival_gives_4_and_a_summary(kvx, tmp_path, engine):
    script = script_file(tmp_path, "send: {to: [pe1, pe2]}", head="timing: {delivery: 1}\n")
    result = kvx("run", BOARD, script, "--engine", engine, "--limit-events", "2")
    assert (result.status, result.err) == (4, "kvx-emu: stopped by a limit: 2 events\n")
    assert "in flight" in result.out


# What is said


def said(kvx, script, *options):
    """Return what `--verbose` says, by line, of a run whose status is 0."""
    result = kvx("run", BOARD, script, "--format", "none", *options)
    assert result.status == 0
    return [
        line.removeprefix("kvx-emu: ") for line in result.err.splitlines() if line.startswith("kvx-emu: ")
    ]


@pytest.mark.parametrize("option", ["-v", "--verbose"])
def test_verbose_says_why_a_small_script_runs_on_the_reference(kvx, option):
    (line,) = said(kvx, SMOKE, option)
    assert re.fullmatch(
        r"reference engine: about 0 requests are in stretches that can be solved as a whole, "
        r"and below [\d,]+ that does not pay",
        line,
    )


def test_verbose_says_that_an_engine_was_asked_for(kvx):
    assert said(kvx, SMOKE, "-v", "--engine", "reference") == ["reference engine: as asked"]
    first, *_ = said(kvx, SMOKE, "-v", "--engine", "vector")
    assert first == "vector engine: as asked"


def test_verbose_says_what_was_done_how(kvx, tmp_path):
    rows = "".join(f"{10 * k},{0x10 if k == 150 else 0xAD0000},2\n" for k in range(300))
    (tmp_path / "table.csv").write_text(f"tick,addr,value\n{rows}")
    steps = STORM.format(count=40_000).replace("[24, 25]", "24") + "\nreplay: {file: table.csv}"
    first, second, *rest = said(kvx, script_file(tmp_path, steps), "-v")
    assert re.fullmatch(
        r"vector engine: about \d{3},\d{3} requests are in stretches that can be solved as a whole", first
    )
    assert re.fullmatch(r"4\d{4} writes solved as a whole: \d+ requests, \d+ of them by the kernel", second)
    assert len(rest) == 1
    assert re.fullmatch(r"\d+ writes by the reference: rows of a table that are not plain, .*", rest[0])


def test_nothing_is_said_without_verbose(kvx):
    assert said(kvx, SMOKE) == []


def test_an_engine_that_there_is_not_is_wrong_usage(kvx):
    result = kvx("run", BOARD, SMOKE, "--engine", "fast")
    assert result.status == 2
    assert "'fast' is not one of 'auto', 'reference', 'vector'" in result.err


# What is imported


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_small_script_does_not_import_numpy(engine):
    assert "numpy" not in loaded("run", BOARD, SMOKE, "--engine", engine, "--format", "csv")


def test_the_vector_engine_imports_numpy_and_no_compiler():
    modules = loaded("run", BOARD, SMOKE, "--engine", "vector")
    assert "numpy" in modules
    assert not modules & {"numba", "pyarrow"}
