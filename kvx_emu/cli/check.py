"""`kvx-emu check`: what is wrong with a board and a script, without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import FILE, params_of, refuse_both_stdin
from kvx_emu.cli.tell import tell
from kvx_emu.errors import ERROR, NOTE, WARNING, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvx_emu.errors import Finding

INVALID = 3

EPILOG = """\b
Examples:
  kvx-emu check board.dts
  kvx-emu check board.dtb script.yaml --format json
  kvx-emu check - < board.dts
"""


@click.command("check", epilog=EPILOG, short_help="Tell what is wrong with a board and a script.")
@click.argument("board", type=FILE)
@click.argument("script", type=FILE, required=False)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Messages with source lines, or a JSON list of findings.",
)
@click.option(
    "--set",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    callback=params_of,
    help="A number of the script's params.",
)
def command(*, board: str, script: str | None, kind: str, params: dict[str, int]) -> int:
    """Tell what is wrong with BOARD, a .dts or .dtb, and with SCRIPT on it, without running anything.

    Errors (status 3) are what can not be emulated; warnings what Linux or the hardware would do wrong;
    notes what is worth knowing.
    """
    refuse_both_stdin(board, script)
    findings = _findings(board, script, params)
    if kind == "json":
        import json

        click.echo(json.dumps([_record(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(_counts(findings))
    return INVALID if any(finding.severity == ERROR for finding in findings) else 0


def _findings(board: str, script: str | None, params: Mapping[str, int]) -> Sequence[Finding]:
    from kvx_emu.dt.load import load_tree
    from kvx_emu.machine.wiring import read_wiring

    findings: list[Finding] = []
    wiring = None
    try:
        wiring = read_wiring(load_tree(board), findings.append)
    except InputError as error:
        findings += error.findings
    if script is not None:
        from kvx_emu.machine.machine import Machine
        from kvx_emu.script.bind import bind
        from kvx_emu.script.load import load_script

        sound = wiring is not None and not any(finding.severity == ERROR for finding in findings)
        try:
            text = load_script(script, params=params, partial=sound)
            if sound and wiring is not None:
                bind(text, Machine(wiring))
        except InputError as error:
            findings += error.findings
        except UsageError:
            for finding in findings:  # that the script can not be read says nothing about the board
                tell(str(finding))
            raise
    return findings


def _record(finding: Finding) -> dict[str, object]:
    place = finding.place
    return {
        "code": finding.code,
        "severity": finding.severity,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "node": finding.node,
        "property": finding.property,
        "message": finding.message,
        "offset": place.offset,
    }


def _counts(findings: Sequence[Finding]) -> str:
    words = []
    for severity in (ERROR, WARNING, NOTE):
        number = sum(finding.severity == severity for finding in findings)
        words.append(f"{number or 'no'} {severity}{'' if number == 1 else 's'}")
    return ", ".join(words)
