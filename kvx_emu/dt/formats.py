"""The forms that a tree can be written in and read from, and the suffixes that tell them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Tree

SUFFIXES = {
    ".dts": "dts",
    ".dtso": "dts",
    ".dtsi": "dts",
    ".dtb": "dtb",
    ".dtbo": "dtb",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
}
FORMATS = ("dts", "dtb", "yaml", "json")


def format_of(path: str) -> str | None:
    """Return the form that the suffix of a file's name tells, or None."""
    return SUFFIXES.get(os.path.splitext(path)[1].lower())


def read_data(path: str, *, is_json: bool) -> Tree:
    """Return the tree of a YAML or JSON file, "-" for standard input."""
    from kvx_emu.dt.plain import from_plain
    from kvx_emu.dt.source import MAGIC, decode, read_input
    from kvx_emu.files import display_name

    data = read_input(path)
    name = display_name(path)
    if data.startswith(MAGIC):
        raise UsageError(f"{name} is a blob (.dtb), not {'JSON' if is_json else 'YAML'}")
    return from_plain(decode(data, name), is_json=is_json)


def write_tree(tree: Tree, form: str) -> bytes:
    """Return a tree in one of FORMATS."""
    if form == "dtb":
        return tree.to_dtb()
    if form == "dts":
        from kvx_emu.dt.writer import to_dts

        return to_dts(tree).encode("utf-8", "surrogateescape")
    from kvx_emu.dt.plain import to_json, to_yaml

    return (to_json if form == "json" else to_yaml)(tree).encode("utf-8")
