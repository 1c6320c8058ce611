"""`kvx-emu check`: what is wrong with a board and a script, without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import BOARD, SCRIPT, params_option
from kvx_emu.cli.tell import tell
from kvx_emu.cli.trees import refuse_stdin_twice, tree_options
from kvx_emu.errors import ERROR, NOTE, WARNING, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem

    from kvx_emu.cli.trees import Reading
    from kvx_emu.errors import Finding

INVALID = 3

EXAMPLE = "board"  # to be explained: the board that fragments are added to
LIST = "list"  # likewise: all codes

EPILOG = """\b
Examples:
  kvx-emu check board.dts
  kvx-emu check board.dtb script.yaml --format json
  kvx-emu check board.dts -W error=line-shared -W no-unknown-property
  kvx-emu check board.dts --format sarif > board.sarif
  kvx-emu check --explain ipi-line-range
  kvx-emu check - < board.dts
"""


def _complete_codes(_context: click.Context, option: click.Parameter, given: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from kvx_emu.check.codes import CODES

    starts = ("error=", "no-") if option.name == "wishes" else ("",)
    words = [start + code for start in starts for code in CODES]
    return [CompletionItem(word) for word in words if word.startswith(given)]


def _wishes(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Return what to do with which codes: `error` or `no`; the last wish about a code holds."""
    wishes = {}
    for text in given:
        word, equals, code = text.partition("=")
        if word != "error" or not equals:
            word, dash, code = text.partition("-")
            if word != "no" or not dash:
                raise click.BadParameter(f"found {text!r}; expected error=CODE or no-CODE")
        _refuse_unknown(code)
        wishes[code] = word
    return wishes


def _refuse_unknown(code: str) -> None:
    from kvx_emu.check.codes import CODES, nearest

    if code not in CODES:
        raise click.BadParameter(f"unknown code {code!r}{nearest(code)} (--explain {LIST} lists all)")


def _explain(context: click.Context, _option: click.Parameter, code: str | None) -> None:
    """Print what a code means, and leave; nothing else of the command line matters."""
    if code is None or context.resilient_parsing:
        return
    if code == LIST:
        click.echo(_list())
    elif code == EXAMPLE:
        from kvx_emu.check.explained import EXAMPLE_BOARD

        click.echo(EXAMPLE_BOARD, nl=False)
    else:
        _refuse_unknown(code)
        from kvx_emu.check.explained import explanation

        click.echo(explanation(code))
    context.exit()


def _list() -> str:
    from kvx_emu.check.codes import GROUPS

    lines = []
    for group, codes in GROUPS.items():
        lines += [f"{group}:", ""]
        lines += [
            f"  {name:30} {'/'.join(code.severities):20} {code.meaning}" for name, code in codes.items()
        ]
        lines.append("")
    return "\n".join(lines[:-1])


@click.command(
    "check",
    epilog=EPILOG + BOARD.epilog() + SCRIPT.epilog(),
    short_help="Tell what is wrong with a board and a script.",
)
@click.argument("board", type=BOARD)
@click.argument("script", type=SCRIPT, required=False)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="Messages with source lines, a JSON list of findings, or SARIF 2.1.0.",
)
@click.option(
    "-W",
    "wishes",
    metavar="error=CODE|no-CODE",
    multiple=True,
    callback=_wishes,
    shell_complete=_complete_codes,
    help="Make an error of what has CODE, or leave it out if it is none. Repeatable; the last holds.",
)
@click.option(
    "--explain",
    metavar="CODE",
    callback=_explain,
    expose_value=False,
    is_eager=True,
    shell_complete=_complete_codes,
    help=f"Tell what CODE means, with a wrong and a right fragment, or `{LIST}` all codes; without BOARD.",
)
@params_option
@tree_options
def command(
    *,
    board: str,
    script: str | None,
    kind: str,
    wishes: dict[str, str],
    params: dict[str, int],
    reading: Reading,
) -> int:
    """Tell what is wrong with BOARD, a .dts or .dtb, and with SCRIPT on it, without running anything.

    Errors (status 3) are what can not be emulated; warnings what Linux or the hardware would do wrong;
    notes what is worth knowing.
    """
    refuse_stdin_twice(board, script or "", *reading.overlays)
    findings = _wished(_findings(board, script, params, reading), wishes)
    if kind == "json":
        import json

        click.echo(json.dumps([_record(finding) for finding in findings], indent=2))
    elif kind == "sarif":
        from kvx_emu.check.sarif import sarif

        click.echo(sarif(findings))
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(_counts(findings))
    return INVALID if any(finding.severity == ERROR for finding in findings) else 0


def _findings(
    board: str, script: str | None, params: Mapping[str, int], reading: Reading
) -> Sequence[Finding]:
    from kvx_emu.check.tree import check_tree

    findings: list[Finding] = []
    wiring = None
    try:
        tree = reading.board(board)
        findings += tree.warnings
        wiring = check_tree(tree, findings.append)
    except InputError as error:
        findings += error.findings
    findings.sort(key=_order)
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


def _order(finding: Finding) -> tuple[bool, str, int, int]:
    """Return what to sort by: the place, but notes come after what is wrong."""
    place = finding.place
    return finding.severity == NOTE, place.path, place.line or place.offset or 0, place.column or 0


def _wished(findings: Sequence[Finding], wishes: Mapping[str, str]) -> Sequence[Finding]:
    """Return the findings as -W wants them; an error can not be wished away."""
    result = []
    for finding in findings:
        wish = wishes.get(finding.code)
        if wish == "error":
            result.append(finding._replace(severity=ERROR))
        elif wish is None or finding.severity == ERROR:
            result.append(finding)
    return result


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
        "message": finding.located(),
        "offset": place.offset,
    }


def _counts(findings: Sequence[Finding]) -> str:
    words = []
    for severity in (ERROR, WARNING, NOTE):
        number = sum(finding.severity == severity for finding in findings)
        words.append(f"{number or 'no'} {severity}{'' if number == 1 else 's'}")
    return ", ".join(words)
