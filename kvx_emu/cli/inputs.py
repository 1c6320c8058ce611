"""What several commands read: boards, scripts, names."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from kvx_emu import library
from kvx_emu.cli.trees import refuse_stdin_twice
from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

    from kvx_emu.cli.trees import Reading
    from kvx_emu.core_id import CoreId
    from kvx_emu.errors import Finding
    from kvx_emu.job import Job
    from kvx_emu.machine.machine import Machine


class FileName(click.types.StringParamType):
    """The name of a file: completed by shells as such, and looked at by whoever opens it, not here."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`; refuse what can be no name."""
        if "\0" in value:
            self.fail("a name has no zero byte", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave it to the shell."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class OursOrFile(FileName):
    """The name of a file, or of one that comes with the package; the value is a path.

    `path` returns it for what was given, `ours` returns the paths of ours by name.
    """

    def __init__(self, name: str, path: Callable[[str], str], ours: Callable[[], Mapping[str, str]]) -> None:
        self.name = name
        self._path = path
        self._ours = ours

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path that `value` means; refuse what can be none, naming the nearest of ours."""
        return self._path(super().convert(value, param, ctx))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer what is ours and in the current folder; leave it to the shell where nothing is ours."""
        from click.shell_completion import CompletionItem

        ours = [name for name in self._ours() if name.startswith(incomplete)]
        if not ours:
            return super().shell_complete(ctx, param, incomplete)
        with suppress(OSError):
            here = sorted(entry.name + "/" * entry.is_dir() for entry in os.scandir())
            ours += [name for name in here if name.startswith(incomplete) and name[0] != "."]
        return [CompletionItem(name) for name in ours]

    def epilog(self) -> str:
        """Return a paragraph for the help of a command, with the names of ours, five a line."""
        names = list(self._ours())
        lines = [", ".join(names[at : at + 5]) for at in range(0, len(names), 5)]
        return f"\n\n\b\n{self.name.capitalize()}s by name:\n  " + ",\n  ".join(lines)


FILE = FileName()
BOARD = OursOrFile("board", library.board_path, library.boards)
SCRIPT = OursOrFile("script", library.script_path, library.scripts)

PROFILES = ("hardware", "qemu")  # as in kvx_emu.hw.registry, which need not be imported for --help


profile_option = click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="hardware",
    show_default=True,
    help="The hardware as Kalray documents it, or as Kalray's QEMU has it.",
)


def read_machine(board: str, profile: str, reading: Reading) -> tuple[Machine, tuple[Finding, ...]]:
    """Return the machine of a board file and the warnings about it."""
    from kvx_emu.machine.machine import build

    tree = reading.board(board)
    machine, warnings = build(tree, profile)
    return machine, (*tree.warnings, *warnings)


def read_both(
    board: str, script: str, *, profile: str, params: Mapping[str, int], seed: int | None, reading: Reading
) -> Job:
    """Return the job of a board and a script."""
    from kvx_emu.job import prepare

    refuse_stdin_twice(board, script, *reading.overlays)
    return prepare(lambda: reading.board(board), script, profile=profile, params=params, seed=seed)


def params_of(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, int]:
    """Return the numbers of --set NAME=VALUE; decimal, or hexadecimal with 0x."""
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            params[name] = int(value, 16) if value.lower().startswith("0x") else int(value, 10)
        except ValueError:
            equals = ""
        if not name or not equals:
            raise click.BadParameter(f"found {text!r}; expected NAME=NUMBER")
    return params


params_option = click.option(
    "--set",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    callback=params_of,
    help="A number of the script's params.",
)


def cores_of(given: Iterable[str], machine: Machine) -> set[CoreId] | None:
    """Return the cores that the lists of --core name, None for no --core."""
    from kvx_emu.script.names import Cores, parse_core

    board = Cores(machine.cores)
    names = _split(given)
    found: set[CoreId] = set()
    for name in names:
        try:
            core = parse_core(name)
            if core.word == "others":
                raise ValueError("found `others`, which is about a sender; expected cores, all or pes")
            found.update(board.resolve(core))
        except ValueError as error:
            raise UsageError(f"--core: {error}") from None
    return found if names else None


def lines_of(given: Iterable[str]) -> set[int] | None:
    """Return the lines that the lists of --line name (numbers and ranges), None for no --line."""
    from kvx_emu.script.names import LINES, parse_lines

    names = _split(given)
    found: set[int] = set()
    for name in names:
        try:
            number = int(name) if name.isdecimal() else None
            found.update(parse_lines(name if number is None else f"{number}-{number}", 0, LINES - 1))
        except ValueError as error:
            raise UsageError(f"--line: {error}") from None
    return found if names else None


def _split(given: Iterable[str]) -> list[str]:
    return [name.strip() for names in given for name in names.split(",")]


def refuse_overwriting(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise UsageError if an output is an input or is named twice, or is `-`."""
    taken = {
        os.path.realpath("/dev/stdin" if path == "-" else path): "standard input" if path == "-" else path
        for path in inputs
    }
    for path in outputs:
        if path == "-":
            raise UsageError("found - for an output file; --format csv or jsonl prints to standard output")
        real = os.path.realpath(path)
        if real in taken and (not os.path.exists(path) or os.path.isfile(path)):
            raise UsageError(f"{path} would overwrite {taken[real]}")
        taken[real] = path
