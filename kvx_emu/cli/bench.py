"""`kvx-emu bench`: the engines' speed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import FILE, refuse_overwriting
from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from typing import Any

EPILOG = """\b
Examples:
  kvx-emu bench --quick
  kvx-emu bench --json bench.json --plot bench.svg
  kvx-emu bench --only 'single-load-*'
  kvx-emu bench --from bench.json --plot bench.svg
"""

LARGEST = 16 << 20
"""Bytes of a file of results; a record has some 500."""

COLUMNS = {
    "workload": "left",
    "engine": "left",
    "edges": "right",
    "edges_per_s": "right",
    "ratio_to_reference": "right",
    "time_over_c": "right",
    "peak_rss_mb": "right",
}
"""The keys of a record that the table shows, and how they are aligned."""


@click.command("bench", epilog=EPILOG, short_help="Measure the engines' speed.")
@click.option("--quick", is_flag=True, help="Fewer workloads of a tenth of the edges: a minute at most.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write the results to FILE as JSON.")
@click.option("--plot", metavar="FILE", type=FILE, help="Draw the curves in FILE as SVG.")
@click.option("--only", metavar="PATTERN", multiple=True, help="Workloads of matching names. Repeatable.")
@click.option("--baselines", metavar="DIR", type=FILE, help="The folder benchmarks of a checkout.")
@click.option("--from", "earlier", metavar="FILE", type=FILE, help="Measure nothing: take what --json wrote.")
def command(
    *,
    quick: bool,
    path: str | None,
    plot: str | None,
    only: tuple[str, ...],
    baselines: str | None,
    earlier: str | None,
) -> None:
    """Measure the engines on named workloads, in edges (one write reaching one core) per CPU second.

    The baselines to compare with are part of a checkout, not of an installed package.
    """
    import json
    from pathlib import Path

    from tabulate import tabulate

    from kvx_emu.bench import bench
    from kvx_emu.bench.plot import svg
    from kvx_emu.outputs import AtomicFile

    if baselines is not None and not (Path(baselines) / "__init__.py").is_file():
        raise UsageError(f"{baselines}: expected the folder of the baselines")
    outputs = [name for name in (path, plot) if name is not None]
    refuse_overwriting(outputs, [] if earlier is None else [earlier])
    results = None if earlier is None else _earlier(earlier)
    files: dict[str, AtomicFile] = {}
    try:
        for name in outputs:
            files[name] = AtomicFile(name)
        if results is None:
            note = _Note()
            folder = None if baselines is None else Path(baselines)
            results = bench(quick=quick, only=only, baselines=folder, tell=note.show)
            note.show("")
        if path is not None:
            files[path].write(json.dumps(results, indent=2) + "\n")
        if plot is not None:
            files[plot].write(svg(results))
        for file in files.values():
            file.flush()
        for file in files.values():
            file.close()
    finally:
        for file in files.values():
            file.abandon()
    lines = [[_shown(result.get(key)) for key in COLUMNS] for result in results["results"]]
    click.echo(tabulate(lines, list(COLUMNS), disable_numparse=True, colalign=tuple(COLUMNS.values())))


class _Note:
    """What is measured now, on a terminal alone."""

    def __init__(self) -> None:
        self._terminal = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
        self._drawn = 0  # characters that stand on the line

    def show(self, text: str) -> None:
        """Put `text` in the place of what stood there."""
        if self._terminal is not None:
            self._terminal.write(f"\r{text:<{self._drawn}}" if text else f"\r{'':<{self._drawn}}\r")
            self._terminal.flush()
            self._drawn = len(text)


def _earlier(path: str) -> dict[str, Any]:
    """Return the results that `--json` wrote to a file."""
    import json

    from kvx_emu.files import read_input

    try:
        results = json.loads(read_input(path, LARGEST))
    except ValueError:
        results = None
    if not isinstance(results, dict) or not isinstance(results.get("results"), list):
        raise UsageError(f"{path}: expected a file that `kvx-emu bench --json` wrote")
    return results


def _shown(value: object) -> str:
    """Return a cell of the table: a float with three digits, or as a whole number if that is longer."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)
