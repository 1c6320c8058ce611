"""What every command that reads a tree takes: -I, -D, --anywhere and --overlay."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvx_emu.dt.tree import Tree

_NAME = re.compile(r"[A-Za-z_]")


class Reading(NamedTuple):
    """How the trees of one command are read."""

    folders: tuple[str, ...] = ()
    defines: Mapping[str, str] = {}
    overlays: tuple[str, ...] = ()
    anywhere: bool = False

    def tree(self, path: str, *, plugin: bool = False, symbols: bool = False) -> Tree:
        """Return the tree of a file as it stands there; `plugin` says whether an overlay will do."""
        from kvx_emu.dt.load import load_tree

        return load_tree(
            path,
            folders=self.folders,
            defines=self.defines,
            anywhere=self.anywhere,
            plugin=plugin,
            symbols=symbols,
        )

    def board(self, path: str) -> Tree:
        """Return the tree of a board, with the overlays."""
        refuse_stdin_twice(path, *self.overlays)
        return self.overlaid(self.tree(path))

    def overlaid(self, tree: Tree) -> Tree:
        """Return a tree with the overlays, in their order."""
        if self.overlays:
            from kvx_emu.dt.overlay import apply_overlay

            for path in self.overlays:
                tree = apply_overlay(tree, self.tree(path, plugin=True))
        return tree


def refuse_stdin_twice(*paths: str) -> None:
    """Raise UsageError if more than one input is standard input."""
    if paths.count("-") > 1:
        raise UsageError("only one input can be standard input (-)")


def _defines(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    defines = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not _NAME.match(name):  # the preprocessor looks closer: a macro may have parameters
            raise click.BadParameter(f"found {text!r}; expected NAME or NAME=VALUE")
        defines[name] = value if equals else "1"  # as a C compiler has it
    return defines


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -I, -D and --anywhere to a command, which takes them as `reading`."""

    @click.option(
        "-I", "folders", metavar="DIR", multiple=True, help="Look for included files in DIR. Repeatable."
    )
    @click.option(
        "-D",
        "defines",
        metavar="NAME[=VALUE]",
        multiple=True,
        callback=_defines,
        help="Define a macro for source, as 1 if there is no value. Repeatable.",
    )
    @click.option(
        "--anywhere",
        is_flag=True,
        help="Let a tree include files outside its folder, its source tree and the -I folders.",
    )
    @wraps(command)
    def wrapper(
        folders: tuple[str, ...],
        defines: dict[str, str],
        anywhere: bool,
        overlays: tuple[str, ...] = (),
        **rest: Any,
    ) -> Any:
        return command(reading=Reading(folders, defines, overlays, anywhere), **rest)

    return wrapper


def tree_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -I, -D and --overlay to a command, which takes them as `reading`."""
    option = click.option(
        "--overlay",
        "overlays",
        metavar="FILE",
        multiple=True,
        help="Apply an overlay, .dtso or .dtbo, to the board. Repeatable, in order.",
    )
    return option(source_options(command))
