"""From a file to a tree: the one door for the rest of the project."""

from __future__ import annotations

from kvx_emu.dt.dtb import BlobOrigin, parse_dtb
from kvx_emu.dt.dts import parse_dts
from kvx_emu.dt.source import MAGIC, decode, display_name, read_input
from kvx_emu.dt.tree import Tree
from kvx_emu.errors import ERROR, Finding, InputError, Place
from kvx_emu.limits import LIMITS, Limits


def load_tree(path: str, limits: Limits = LIMITS) -> Tree:
    """Read a board file, .dts source or a .dtb blob (told apart by content); "-" is standard input.

    Raises UsageError for what can not be opened, InputError with all that is wrong for the rest.
    """
    name = display_name(path)
    return read_tree(read_input(path, limits), name, limits)


def read_tree(data: bytes, name: str, limits: Limits = LIMITS) -> Tree:
    """Return the tree that the bytes of a board file hold; `name` is what messages call the file."""
    if data.startswith(MAGIC):
        blob = BlobOrigin(name)
        return Tree(parse_dtb(data, blob, limits), blob, name)
    if data.startswith(MAGIC[::-1]):
        message = "the bytes of this blob are swapped: it starts with edfe0dd0, expected d00dfeed"
        raise InputError([Finding(ERROR, "dtb-swapped", message, Place(name, offset=0))])
    source = decode(data, name)
    return Tree(parse_dts(source, limits), source, name)
