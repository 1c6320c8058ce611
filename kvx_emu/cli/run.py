"""`kvx-emu run`: a script on the machine that a board describes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from kvx_emu.cli.filters import filter_options
from kvx_emu.cli.inputs import (
    BOARD,
    FILE,
    SCRIPT,
    cores_of,
    params_option,
    profile_option,
    read_both,
    refuse_overwriting,
)
from kvx_emu.cli.snapshots import Snapshots
from kvx_emu.cli.tell import tell
from kvx_emu.cli.trees import refuse_stdin_twice, tree_options
from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.cli.filters import Shown, Wanted
    from kvx_emu.cli.trees import Reading
    from kvx_emu.engine.choose import Choice
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.job import Job
    from kvx_emu.machine.machine import Machine
    from kvx_emu.trace.sink import Sink
    from kvx_emu.trace.table import TableSink

FAILED, LIMIT_MET, NOTHING_CHECKED = 1, 4, 5


EPILOG = """\b
Examples:
  kvx-emu run boards/cluster.dts scripts/smoke.yaml
  kvx-emu run board.dtb script.yaml --csv trace.csv --format none --strict
  kvx-emu run board.dts script.yaml --core pe0-3 --line 24 --event enter,exit --from 100 --to 200
  kvx-emu run board.dts script.yaml --set n=5 --seed 7 --format jsonl | jq .tick
  kvx-emu run board.dts script.yaml --snapshot-at 1000000 there.snapshot --csv before.csv
  kvx-emu run board.dts script.yaml --restore there.snapshot --csv after.csv
"""


@click.command(
    "run",
    epilog=EPILOG + BOARD.epilog() + SCRIPT.epilog(),
    short_help="Run a script on a board, print each core's trace.",
)
@click.argument("board", type=BOARD)
@click.argument("script", type=SCRIPT)
@click.option(
    "--csv", "csv", metavar="FILE", type=FILE, help="Write the trace to FILE as CSV, whatever its suffix."
)
@click.option(
    "--trace",
    "traces",
    metavar="FILE",
    type=FILE,
    multiple=True,
    help="Write the trace to FILE; the suffix says the format: "
    ".csv .jsonl .parquet .vcd .dat .ftrace .ctf .json .svg .wavedrom.json. Repeatable.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "csv", "jsonl", "none"]),
    help="What to print: the table with its summary (the default), rows alone, or nothing.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "vector"]),
    default="auto",
    show_default=True,
    help="Which engine runs it; the trace is the same. auto chooses by size and content.",
)
@profile_option
@tree_options
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, (1 << 64) - 1),
    help="For the random steps without a seed of their own (default: 0).",
)
@params_option
@click.option("--strict", is_flag=True, help="Fail with 5 if the script expected nothing.")
@filter_options("Show only")
@click.option(
    "--limit-ticks",
    metavar="TICK",
    type=click.IntRange(0),
    help="Stop with 4 before anything after this tick.",
)
@click.option(
    "--limit-events", metavar="N", type=click.IntRange(1), help="Stop with 4 once N rows were made."
)
@click.option(
    "--snapshot-at",
    "snapshot_at",
    metavar="TICK FILE",
    type=(click.IntRange(0), FILE),
    help="Write all that the run has come to after TICK to FILE, and go on.",
)
@click.option(
    "--restore",
    metavar="FILE",
    type=FILE,
    help="Go on from a snapshot of the same board and script: the rows after it.",
)
@click.option(
    "--junit", metavar="FILE", type=FILE, help="Write a JUnit report to FILE: a case an expectation."
)
@click.option(
    "--summary",
    "summary",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to sum up: a table after the trace's, or JSON alone in the place of both.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell which engine was chosen and why, and what it did.")
@click.option("-q", "--quiet", is_flag=True, help="Tell no warnings; errors and failed expectations alone.")
def command(
    *,
    board: str,
    script: str,
    csv: str | None,
    traces: tuple[str, ...],
    kind: str | None,
    engine: str,
    profile: str,
    seed: int | None,
    params: dict[str, int],
    strict: bool,
    wanted: Wanted,
    limit_ticks: int | None,
    limit_events: int | None,
    snapshot_at: tuple[int, str] | None,
    restore: str | None,
    junit: str | None,
    summary: str,
    verbose: bool,
    quiet: bool,
    reading: Reading,
) -> int:
    """Run SCRIPT on the machine that BOARD describes and print the trace of each core.

    BOARD is a .dts or a .dtb, told apart by content; SCRIPT a YAML file; - is standard input for either.
    The filters choose what is shown and written, not what happens; the summary keeps to --core and --line.
    """
    from kvx_emu.engine.choose import choose
    from kvx_emu.outputs import AtomicFile, Outputs, write_text
    from kvx_emu.trace.formats import open_sink, writer, written
    from kvx_emu.trace.table import TableSink

    if summary == "json" and kind not in {None, "none"}:
        raise UsageError(f"--summary json and --format {kind}: standard output can hold one of them")
    kind = kind or ("none" if summary == "json" else "table")
    snapshots = Snapshots(restore, snapshot_at)
    named = [*(file for path in traces for file in written(path)), *(path for path in (csv, junit) if path)]
    outputs = named + snapshots.outputs
    inputs = [board, script, *reading.overlays, *snapshots.inputs]
    refuse_stdin_twice(*inputs)
    refuse_overwriting(outputs, inputs)
    job = read_both(board, script, profile=profile, params=params, seed=seed, reading=reading)
    refuse_overwriting(outputs, job.program.files)
    shown = wanted.shown(cores_of(wanted.cores, job.machine))
    choice = choose(job.machine, job.program, engine, snapshots=snapshots.any)
    if verbose:
        tell(f"kvx-emu: {choice.engine} engine: {choice.why}")
    setting = job.setting(board, script)
    with Outputs() as kept:
        sinks = [kept.add(open_sink(path, setting)) for path in traces]
        sinks += [kept.add(writer(".csv", path, setting)) for path in (csv,) if path is not None]
        report = None if junit is None else kept.add(AtomicFile(junit))
        printed = _printed(kind)
        sinks += [] if printed is None else [kept.add(printed)]
        limits = Limits(limit_ticks, limit_events)
        outcome, told = _run(job, choice, [shown.filtered(sink) for sink in sinks], limits, snapshots)
        if report is not None:
            from kvx_emu.reports.junit import junit_xml

            report.write(junit_xml(outcome, board=board, script=script, name=job.program.name))
        kept.keep()
    for line in told if verbose else ():
        tell(f"kvx-emu: {line}")
    if isinstance(printed, TableSink):
        _print_table(printed, outcome, job.machine, shown)
    if summary == "json":
        from kvx_emu.reports.summary import summary_json

        seen, warnings = shown.counts(outcome), (*job.warnings, *outcome.warnings)
        write_text(sys.stdout, summary_json(outcome, setting, seen=seen, warnings=warnings))
    for warning in () if quiet else (*job.warnings, *outcome.warnings, *snapshots.told):
        tell(str(warning))
    for failure in outcome.failures:
        tell(str(failure))
    return _status(outcome, strict=strict)


class Limits(NamedTuple):
    """What ends a run before its end; None is no limit."""

    ticks: int | None
    events: int | None


def _run(
    job: Job, choice: Choice, sinks: Sequence[Sink], limits: Limits, snapshots: Snapshots
) -> tuple[Outcome, list[str]]:
    """Return what came of a run into `sinks`, and what the engine tells of how it was done."""
    from kvx_emu.cli.progress import Watcher, length
    from kvx_emu.job import engine_of

    ticks = length(job.program.actions)
    if limits.ticks is not None:
        ticks = min(ticks, limits.ticks)
    try:
        with Watcher(sys.stderr, ticks, job.machine.clock_hz, left=snapshots.left) as watcher:
            engine = engine_of(
                job,
                choice,
                sinks,
                limit_ticks=limits.ticks,
                limit_events=limits.events,
                watch=watcher.watch,
            )
            watcher.follow(engine)
            snapshots.attach(engine)
            return engine.run(), engine.told
    finally:
        snapshots.abandon()


def _printed(kind: str) -> Sink | None:
    """Return the sink of standard output."""
    from kvx_emu.trace.sink import StreamSink
    from kvx_emu.trace.table import TableSink

    if kind == "none":
        return None
    return TableSink() if kind == "table" else StreamSink(sys.stdout, kind)


def _print_table(table: TableSink, outcome: Outcome, machine: Machine, shown: Shown) -> None:
    from kvx_emu.outputs import write_text
    from kvx_emu.trace.table import summary_text

    parts: Sequence[str] = (table.text(), summary_text(shown.counts(outcome)), _last_line(outcome, machine))
    write_text(sys.stdout, "\n".join(part for part in parts if part))


def _last_line(outcome: Outcome, machine: Machine) -> str:
    held = outcome.checked - outcome.failed
    expectations = (
        f"{held} of {outcome.checked} expectations held" if outcome.checked else "nothing was expected"
    )
    mhz = f"{machine.clock_hz / 1e6:g} MHz"
    return (
        f"{len(machine.cores)} cores at {mhz}; {outcome.rows} rows; last event at tick {outcome.tick}; "
        f"{expectations}\n"
    )


def _status(outcome: Outcome, *, strict: bool) -> int:
    if outcome.stopped is not None:
        tell(f"kvx-emu: stopped by a limit: {outcome.stopped}")
        return LIMIT_MET
    if outcome.failures:
        return FAILED
    if strict and not outcome.checked:
        tell("kvx-emu: --strict, and the script expected nothing")
        return NOTHING_CHECKED
    return 0
