"""From a file to a tree: the one door for the rest of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.collector import no_collection
from kvx_emu.dt.cpp import preprocess
from kvx_emu.dt.dtb import BlobOrigin, parse_dtb
from kvx_emu.dt.dts import parse_dts
from kvx_emu.dt.reach import Reach, ReachError
from kvx_emu.dt.source import MAGIC, decode, read_input
from kvx_emu.dt.tree import Tree
from kvx_emu.errors import ERROR, Finding, InputError, Place
from kvx_emu.files import display_name
from kvx_emu.limits import LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def load_tree(
    path: str,
    limits: Limits = LIMITS,
    *,
    folders: Sequence[str] = (),
    defines: Mapping[str, str] | None = None,
    anywhere: bool = False,
    plugin: bool = False,
    symbols: bool = False,
) -> Tree:
    """Read a board file, .dts source or a .dtb blob (told apart by content); "-" is standard input.

    Source is preprocessed: `folders` are those of -I, `defines` the macros of -D; `anywhere` lets it open
    files outside its folder and those of -I. `plugin` says whether an overlay (/plugin/) will do, `symbols`
    asks for `/__symbols__`, as `dtc -@` makes it. Raises UsageError for what can not be opened, InputError
    with all that is wrong for the rest.
    """
    data = read_input(path, limits)
    return read_tree(
        data,
        display_name(path),
        limits,
        folders=folders,
        defines=defines,
        anywhere=anywhere,
        plugin=plugin,
        symbols=symbols,
    )


@no_collection()
def read_tree(
    data: bytes,
    name: str,
    limits: Limits = LIMITS,
    *,
    folders: Sequence[str] = (),
    defines: Mapping[str, str] | None = None,
    anywhere: bool = False,
    plugin: bool = False,
    symbols: bool = False,
) -> Tree:
    """Return the tree that the bytes of a board file hold; `name` is the path that messages tell.

    What the file includes is looked for in the folder of `name` first.
    """
    if data.startswith(MAGIC):
        blob = BlobOrigin(name)
        return Tree(parse_dtb(data, blob, limits), blob, name)
    if data.startswith(MAGIC[::-1]):
        message = "the bytes of this blob are swapped: it starts with edfe0dd0, expected d00dfeed"
        raise InputError([Finding(ERROR, "dtb-swapped", message, Place(name, offset=0))])
    reach = Reach(name, folders, anywhere, limits)
    try:
        reach.charge(len(data), name)
    except ReachError as error:
        raise InputError([Finding(ERROR, error.code, str(error), Place(name))]) from None
    source = preprocess(decode(data, name), reach, defines, limits)
    draft = parse_dts(source, limits, reach=reach, plugin=plugin, symbols=symbols)
    draft.warnings = (*source.warnings, *draft.warnings)
    return Tree(draft, source, name)
