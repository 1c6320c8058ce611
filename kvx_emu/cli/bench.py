"""`kvx-emu bench`: the engines' speed."""

from __future__ import annotations

import click

from kvx_emu.cli.inputs import FILE

EPILOG = """\b
Examples:
  kvx-emu bench --quick
  kvx-emu bench --json bench.json
"""


@click.command("bench", epilog=EPILOG, short_help="Measure the engines' speed.")
@click.option("--quick", is_flag=True, help="A tenth of the edges: seconds instead of a minute.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write the results to FILE as JSON.")
def command(*, quick: bool, path: str | None) -> None:
    """Measure the engines on named workloads, in edges (one write reaching one core) per CPU second."""
    import json

    from tabulate import tabulate

    from kvx_emu.bench import bench
    from kvx_emu.trace.sink import AtomicFile

    file = AtomicFile(path) if path else None
    try:
        results = bench(quick=quick)
        if file is not None:
            file.write(json.dumps(results, indent=2) + "\n")
            file.close()
    finally:
        if file is not None:
            file.abandon()
    keys = ("workload", "engine", "edges", "edges_per_s", "peak_rss_mb")
    lines = [
        [f"{result[key]:.0f}" if isinstance(result[key], float) else str(result[key]) for key in keys]
        for result in results["results"]  # type: ignore[attr-defined]
    ]
    click.echo(
        tabulate(lines, keys, disable_numparse=True, colalign=("left", "left", "right", "right", "right"))
    )
