"""The boards and scripts that come with the package, by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def boards() -> dict[str, str]:
    """Return the paths of our boards by name, in the order of the names."""
    return _ours("boards", ".dts")


def scripts() -> dict[str, str]:
    """Return the paths of our scripts by name, in the order of the names."""
    return _ours("scripts", ".yaml")


def board_path(name: str) -> str:
    """Return the path of the board that a user means by `name`: a file, or one of ours.

    A file goes first. Raises UsageError where `name` is neither, and is like the name of one of ours or
    has no suffix; what is left is for whoever opens it to refuse.
    """
    return _path(name, "board", boards)


def script_path(name: str) -> str:
    """Return the path of the script that a user means by `name`, as `board_path` does that of a board."""
    return _path(name, "script", scripts)


def _ours(folder: str, suffix: str) -> dict[str, str]:
    """Return the paths of the files in a folder of ours by their names without `suffix`."""
    places = (os.path.join(above, folder) for above in (_PACKAGE, os.path.dirname(_PACKAGE)))
    # An installed package holds the folder; in a source tree it stands beside the package.
    place = next(filter(os.path.isdir, places), None)
    names = [] if place is None else sorted(os.listdir(place))
    return {
        name.removesuffix(suffix): _near(os.path.join(place or "", name))
        for name in names
        if name.endswith(suffix)
    }


def _near(path: str) -> str:
    """Return a path as seen from the current folder where it is below that, so that messages are short."""
    try:
        here = os.getcwd()
    except OSError:  # the folder is gone
        return path
    return os.path.relpath(path, here) if path.startswith(os.path.join(here, "")) else path


def _path(name: str, what: str, ours: Callable[[], dict[str, str]]) -> str:
    there = os.path.exists(name)
    if name == "-" or os.sep in name or (there and not os.path.isdir(name)):
        return name
    paths = ours()
    if name in paths:
        return paths[name]
    from difflib import get_close_matches

    stem, suffix = os.path.splitext(name)
    near = get_close_matches(stem, paths, n=1)
    if there or (suffix and not near):
        return name
    meant = "".join(f" Did you mean {word!r}?" for word in near)
    names = f"{what.capitalize()}s by name: {', '.join(paths)}"
    raise UsageError(f"cannot read {name}: No such file or directory.{meant} {names}")
