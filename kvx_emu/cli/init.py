"""`kvx-emu init`: a board, a script and a CI job to start from."""

from __future__ import annotations

import os
import shlex

import click

from kvx_emu.cli.inputs import FILE
from kvx_emu.cli.tell import tell
from kvx_emu.errors import OutputError, UsageError

EPILOG = """\b
Examples:
  kvx-emu init emulation
  kvx-emu init . --ci gitlab
  kvx-emu init emulation --ci none --force
"""

SCHEMA = "schema.json"

FILES = {"board.dts": "board.dts", "smoke.yaml": "smoke.yaml", "README.md": "README.md"}
"""What is written, and the template of it; SCHEMA has none."""

JOBS = {"github": (".github/workflows/kvx-emu.yml", "github.yml"), "gitlab": (".gitlab-ci.yml", "gitlab.yml")}
"""For each CI its file, and the template of it."""


@click.command("init", epilog=EPILOG, short_help="Write a board, a script and a CI job to start from.")
@click.argument("folder", metavar="DIR", type=FILE)
@click.option(
    "--ci",
    type=click.Choice([*JOBS, "both", "none"]),
    default="both",
    show_default=True,
    help="For which CI to write a job that checks and runs both.",
)
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def command(*, folder: str, ci: str, force: bool) -> None:
    """Write to DIR what to start from: a board, a script for it that passes, and a CI job.

    With them come the JSON Schema of scripts, for editors, and a README. DIR is made if it is not there.
    Where one of the files is there already, none is written.
    """
    files = _files(ci)
    there = [name for name in files if os.path.lexists(os.path.join(folder, name))]
    if there and not force:
        raise UsageError(f"{folder} has {', '.join(there)} already: nothing was written (--force overwrites)")
    _write(folder, files)
    click.echo("\n".join(os.path.join(folder, name) for name in files))
    board, script = (shlex.quote(os.path.join(folder, name)) for name in ("board.dts", "smoke.yaml"))
    tell(f"\nNext: kvx-emu run {board} {script}")


def _files(ci: str) -> dict[str, str]:
    """Return the texts of the files by their names."""
    import json
    from pathlib import Path

    from kvx_emu.script.schema import schema

    jobs = dict(job for name, job in JOBS.items() if ci in {name, "both"})
    templates = Path(__file__).parents[1] / "templates"
    texts = {
        name: (templates / template).read_text(encoding="utf-8") for name, template in (FILES | jobs).items()
    }
    return texts | {SCHEMA: json.dumps(schema(), indent=2) + "\n"}


def _write(folder: str, files: dict[str, str]) -> None:
    """Write all of the files or, where something goes wrong with one, none."""
    from kvx_emu.outputs import AtomicFile, Outputs

    with Outputs() as outputs:
        for name, text in files.items():
            path = os.path.join(folder, name)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            except OSError as error:
                raise OutputError(f"{os.path.dirname(path)}: can not be made: {error.strerror}") from None
            outputs.add(AtomicFile(path)).write(text)
        outputs.keep()
