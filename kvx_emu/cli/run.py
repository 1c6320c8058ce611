"""`kvx-emu run`: a script on the machine that a board describes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import (
    FILE,
    cores_of,
    lines_of,
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
    from collections.abc import Iterator, Sequence

    from kvx_emu.cli.progress import Progress
    from kvx_emu.cli.trees import Reading
    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.machine.machine import Machine
    from kvx_emu.trace.sink import Sink
    from kvx_emu.trace.table import TableSink

FAILED, LIMIT_MET, NOTHING_CHECKED = 1, 4, 5

EVENTS = (
    "send",
    "masked",
    "request",
    "coalesced",
    "clear",
    "enter",
    "exit",
    "mask",
    "fault",
    "wake",
    "reset",
)


class EventNames(click.Choice[str]):
    """The names of events, with commas between them; the value is one text, as it was given."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`, whose every name is an event; refuse it otherwise, naming the nearest."""
        for name in value.split(","):
            if name not in EVENTS:
                from difflib import get_close_matches

                near = "".join(f" Did you mean {word!r}?" for word in get_close_matches(name, EVENTS, n=1))
                self.fail(f"{name!r} is not one of {', '.join(EVENTS)}.{near}", param, ctx)
        return value


EPILOG = """\b
Examples:
  kvx-emu run boards/cluster.dts scripts/smoke.yaml
  kvx-emu run board.dtb script.yaml --csv trace.csv --format none --strict
  kvx-emu run board.dts script.yaml --core pe0-3 --line 24 --event enter,exit --from 100 --to 200
  kvx-emu run board.dts script.yaml --set n=5 --seed 7 --format jsonl | jq .tick
  kvx-emu run board.dts script.yaml --snapshot-at 1000000 there.snapshot --csv before.csv
  kvx-emu run board.dts script.yaml --restore there.snapshot --csv after.csv
"""


@click.command("run", epilog=EPILOG, short_help="Run a script on a board, print each core's trace.")
@click.argument("board", type=FILE)
@click.argument("script", type=FILE)
@click.option(
    "--csv", "csv", metavar="FILE", type=FILE, help="Write the trace to FILE as CSV, whatever its suffix."
)
@click.option(
    "--trace",
    "traces",
    metavar="FILE",
    type=FILE,
    multiple=True,
    help="Write the trace to FILE: .csv or .jsonl. Repeatable.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "csv", "jsonl", "none"]),
    default="table",
    show_default=True,
    help="What to print: the table with its summary, rows alone, or nothing.",
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
@click.option(
    "--core",
    "cores",
    metavar="NAMES",
    multiple=True,
    help="Show only rows of these cores: pe3, pe0-7,rm, c1.pes.",
)
@click.option(
    "--line", "lines", metavar="LINES", multiple=True, help="Show only rows of these lines: 24, 24-26,31."
)
@click.option(
    "--event",
    "events",
    metavar="NAMES",
    type=EventNames(EVENTS),
    multiple=True,
    help=f"Show only these events, of {', '.join(EVENTS)}.",
)
@click.option(
    "--from", "first", metavar="TICK", type=click.IntRange(0), default=0, help="Show rows from this tick on."
)
@click.option("--to", "last", metavar="TICK", type=click.IntRange(0), help="Show rows up to this tick.")
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
@click.option("-v", "--verbose", is_flag=True, help="Tell which engine was chosen and why, and what it did.")
@click.option("-q", "--quiet", is_flag=True, help="Tell no warnings; errors and failed expectations alone.")
def command(
    *,
    board: str,
    script: str,
    csv: str | None,
    traces: tuple[str, ...],
    kind: str,
    engine: str,
    profile: str,
    seed: int | None,
    params: dict[str, int],
    strict: bool,
    cores: tuple[str, ...],
    lines: tuple[str, ...],
    events: tuple[str, ...],
    first: int,
    last: int | None,
    limit_ticks: int | None,
    limit_events: int | None,
    snapshot_at: tuple[int, str] | None,
    restore: str | None,
    verbose: bool,
    quiet: bool,
    reading: Reading,
) -> int:
    """Run SCRIPT on the machine that BOARD describes and print the trace of each core.

    BOARD is a .dts or a .dtb, told apart by content; SCRIPT a YAML file; - is standard input for either.
    The filters choose what is shown and written, not what happens; the summary keeps to --core and --line.
    """
    from kvx_emu.cli.progress import Progress, length
    from kvx_emu.engine.choose import choose, load, make
    from kvx_emu.trace.sink import FileSink, Filter

    files = [(path, _kind(path)) for path in traces] + ([(csv, "csv")] if csv is not None else [])
    snapshots = Snapshots(restore, snapshot_at)
    outputs = [path for path, _ in files] + snapshots.outputs
    inputs = [board, script, *reading.overlays, *snapshots.inputs]
    refuse_stdin_twice(*inputs)
    refuse_overwriting(outputs, inputs)
    machine, program, warnings = read_both(
        board, script, profile=profile, params=params, seed=seed, reading=reading
    )
    refuse_overwriting(outputs, program.files)
    shown_cores, shown_lines = cores_of(cores, machine), lines_of(lines)
    shown_events = {name for names in events for name in names.split(",")} or None

    choice = choose(machine, program, engine, snapshots=snapshots.any)
    with _signals_held():
        load(choice)
    if verbose:
        tell(f"kvx-emu: {choice.engine} engine: {choice.why}")
    sinks: list[Sink] = []
    progress: Progress | None = None
    try:
        for path, suffix in files:
            sinks.append(FileSink(path, suffix))  # one by one: those that were opened are abandoned
        printed = _printed(kind)
        sinks += [printed] if printed is not None else []
        takers: list[Sink] = [
            Filter(sink, cores=shown_cores, lines=shown_lines, events=shown_events, first=first, last=last)
            for sink in sinks
        ]
        if sys.stderr is not None and sys.stderr.isatty():
            progress = Progress(sys.stderr, length(program.actions))
        runner = make(
            choice,
            machine,
            program,
            takers,
            limit_ticks=limit_ticks,
            limit_events=limit_events,
            watch=progress.watch if progress else None,
        )
        snapshots.attach(runner)
        outcome = runner.run()
        for sink in sinks:
            sink.flush()
        for sink in sinks:
            sink.close()
    finally:
        if progress is not None:
            progress.close()
        for sink in sinks:
            sink.abandon()
        snapshots.abandon()
    if verbose:
        for line in runner.told:
            tell(f"kvx-emu: {line}")
    if kind == "table":
        _print_table(printed, outcome, machine, shown_cores, shown_lines)  # type: ignore[arg-type]
    for warning in () if quiet else (*warnings, *outcome.warnings, *snapshots.told):
        tell(str(warning))
    for failure in outcome.failures:
        tell(str(failure))
    return _status(outcome, strict=strict)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let the signals that end a run wait: numpy's start swallows the exceptions that they become."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _kind(path: str) -> str:
    from kvx_emu.trace.text import FORMATS

    suffix = os.path.splitext(path)[1].removeprefix(".")
    if suffix not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(f"--trace {path}: the suffix says the format; known: {known}")
    return suffix


def _printed(kind: str) -> Sink | None:
    """Return the sink of standard output."""
    from kvx_emu.trace.sink import StreamSink
    from kvx_emu.trace.table import TableSink

    if kind == "none":
        return None
    return TableSink() if kind == "table" else StreamSink(sys.stdout, kind)


def _print_table(
    table: TableSink, outcome: Outcome, machine: Machine, cores: set[CoreId] | None, lines: set[int] | None
) -> None:
    from kvx_emu.trace.sink import write_text
    from kvx_emu.trace.table import summary_text

    summary = {
        (core, line): counts
        for (core, line), counts in outcome.summary.items()
        if (cores is None or core in cores) and (lines is None or line in lines)
    }
    parts: Sequence[str] = (table.text(), summary_text(summary), _last_line(outcome, machine))
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
