"""`kvx-emu trace`: work on traces that were written before."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from kvx_emu.cli.filters import Wanted, filter_options
from kvx_emu.cli.inputs import FILE, refuse_overwriting
from kvx_emu.cli.trees import refuse_stdin_twice
from kvx_emu.errors import UsageError
from kvx_emu.trace.row import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.reading import Trace
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting
    from kvx_emu.trace.sink import Sink

DIFFERENT = 1
WIDTH = 100  # characters of a line where there is no terminal

EPILOG = """\b
Examples:
  kvx-emu trace convert trace.csv trace.vcd
  kvx-emu trace stats trace.parquet
  kvx-emu trace diff before.csv after.csv
  kvx-emu trace view trace.csv
"""


@click.group("trace", epilog=EPILOG, short_help="Convert, compare, sum up and view traces.")
def command() -> None:
    """Work on traces that were written before: .csv, .jsonl or .parquet.

    The suffix says the format; where it does not, the content does. - is standard input, CSV or JSON Lines.
    """


CONVERT = """\b
Examples:
  kvx-emu trace convert trace.csv trace.parquet
  kvx-emu trace convert trace.parquet trace.vcd --core pe0-3 --from 1000 --to 2000
  kvx-emu trace convert trace.csv trace.json --clock-hz 600000000
  kvx-emu trace convert trace.parquet - --event enter,exit | less
"""


@command.command(epilog=CONVERT)
@click.argument("source", metavar="IN", type=FILE)
@click.argument("out", metavar="OUT", type=FILE)
@click.option(
    "--clock-hz",
    metavar="N",
    type=click.IntRange(1),
    help="Ticks in a second, where OUT tells times (default: what IN tells, or 1000000000).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    help="What is written to standard output (default: csv).",
)
@filter_options("Only")
def convert(
    *,
    source: str,
    out: str,
    clock_hz: int | None,
    form: str | None,
    wanted: Wanted,
) -> None:
    """Write the trace IN to OUT in another format, or a part of it.

    The suffix of OUT says the format, any that `run --trace` writes; - is standard output.
    """
    from kvx_emu.outputs import Outputs
    from kvx_emu.trace.formats import written
    from kvx_emu.trace.reading import read_trace
    from kvx_emu.trace.setting import Setting

    if out != "-":
        refuse_overwriting(written(out), [source])
        if form is not None:
            raise UsageError(f"--format {form} is for standard output: the suffix of {out} says the format")
    shown = wanted.shown(_cores(wanted.cores))
    with read_trace(source) as trace, Outputs() as outputs:
        setting = trace.setting or Setting()
        setting = setting if clock_hz is None else setting._replace(clock_hz=clock_hz)
        sink = shown.filtered(outputs.add(_sink(out, form, setting)))
        for rows in _watched(trace):
            sink.add(rows)
        outputs.keep()


def _sink(out: str, form: str | None, setting: Setting) -> Sink:
    from kvx_emu.trace.formats import open_sink
    from kvx_emu.trace.sink import StreamSink

    return StreamSink(sys.stdout, form or "csv") if out == "-" else open_sink(out, setting)


STATS = """\b
Examples:
  kvx-emu trace stats trace.csv
  kvx-emu trace stats trace.csv --format json | jq .to_enter.p99
  kvx-emu run board.dts script.yaml --format csv | kvx-emu trace stats -
"""


@command.command(epilog=STATS)
@click.argument("file", type=FILE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Tables and histograms for people, or one JSON object.",
)
def stats(*, file: str, form: str) -> None:
    """Sum up the trace FILE: counts and latencies per core and line, and who asked whom.

    Latencies are from a request to its enter, and to the exit of that handler, in ticks.
    """
    from kvx_emu.outputs import write_text
    from kvx_emu.trace.reading import read_trace
    from kvx_emu.trace.study.stats import Stats, stats_json
    from kvx_emu.trace.study.stats_text import stats_text

    found = Stats()
    with read_trace(file) as trace:
        for rows in _watched(trace):
            found.add(rows)
    text = stats_json(found) if form == "json" else stats_text(found, width=_width(), blocks=_has_blocks())
    write_text(sys.stdout, text)


DIFF = """\b
Examples:
  kvx-emu trace diff before.csv after.csv
  kvx-emu trace diff old.parquet new.csv --ignore tick,value
"""


@command.command(epilog=DIFF)
@click.argument("first", metavar="A", type=FILE)
@click.argument("second", metavar="B", type=FILE)
@click.option(
    "--ignore",
    "ignored",
    metavar="COLUMNS",
    multiple=True,
    help=f"Columns that may differ, of {', '.join(COLUMNS)}. Repeatable.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Words and a table for people, or one JSON object.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing: the exit status tells.")
def diff(*, first: str, second: str, ignored: tuple[str, ...], form: str, quiet: bool) -> int:
    """Tell the first row in which the traces A and B differ; exit with 1 if they do.

    With the rows before it, and what the cores concerned had pending and in service, in either run.
    """
    from kvx_emu.outputs import write_text
    from kvx_emu.trace.reading import read_trace
    from kvx_emu.trace.study.diff import compare, diff_json, diff_text

    refuse_stdin_twice(first, second)
    columns = _columns(ignored)
    with read_trace(first) as a, read_trace(second) as b:
        equal, difference = compare(_watched(a), b.chunks, columns)
    if not quiet and form == "json":
        write_text(sys.stdout, diff_json(equal, difference))
    elif not quiet:
        but = f" but for {', '.join(columns)}" if columns else ""
        same = f"the traces are equal{but}: {equal} rows\n"
        write_text(sys.stdout, same if difference is None else diff_text(difference, (first, second)))
    return 0 if difference is None else DIFFERENT


VIEW = """\b
Examples:
  kvx-emu trace view trace.csv
"""


@command.command(epilog=VIEW)
@click.argument("file", type=FILE)
def view(*, file: str) -> None:
    """Look at the trace FILE in the terminal: the cores over time, and the rows."""
    from kvx_emu.view.app import view as show

    show(file)


def _watched(trace: Trace) -> Iterator[list[Row]]:
    """Yield the rows of a trace, and show on a terminal how much of it was read."""
    from kvx_emu.cli.progress import Progress

    size = 0 if trace.stream is None else os.fstat(trace.stream.fileno()).st_size
    number = 0
    with Progress(sys.stderr) as progress:
        for rows in trace.chunks:
            number += len(rows)
            progress.show(trace.stream.tell() / size if trace.stream is not None and size else None, number)
            yield rows


def _cores(given: Iterable[str]) -> set[CoreId] | None:
    """Return the cores that the lists of --core name, None for no --core; a trace tells of no board."""
    from kvx_emu.core_id import CoreId
    from kvx_emu.script.names import parse_core

    names = [name.strip() for each in given for name in each.split(",")]
    found: set[CoreId] = set()
    for text in names:
        try:
            name = parse_core(text)
        except ValueError as error:
            raise UsageError(f"--core: {error}") from None
        if name.word:
            expected = (
                "expected pe3, rm, a range pe0-7, or c2.pe3: a trace does not tell which cores there are"
            )
            raise UsageError(f"--core: found `{text}`; {expected}")
        found.update(CoreId(name.cluster or 0, pid) for pid in range(name.first, name.last + 1))
    return found if names else None


def _columns(given: Iterable[str]) -> list[str]:
    """Return the columns that the lists of --ignore name, in their order."""
    names = {name.strip() for each in given for name in each.split(",")}
    for name in names - set(COLUMNS):
        raise UsageError(f"--ignore: found `{name}`; expected columns, of {', '.join(COLUMNS)}")
    if len(names) == len(COLUMNS):
        raise UsageError("--ignore: all columns are ignored; expected some that are left to compare")
    return [name for name in COLUMNS if name in names]


def _width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout.isatty() else WIDTH


def _has_blocks() -> bool:
    """Return whether standard output can show block characters."""
    try:
        "\N{FULL BLOCK}".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
