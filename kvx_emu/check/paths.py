"""Paths in /aliases and /chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.errors import WARNING

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node
    from kvx_emu.machine.survey import Survey

_ALIAS = re.compile(r"[a-z0-9-]+", re.ASCII)
_PHANDLES = {"phandle", "linux,phandle"}
_STDOUT = "stdout-path"
_OLD = "linux,stdout-path"
_SHOWN = 60  # characters of a path that a message quotes


def check_paths(survey: Survey) -> None:
    """See that aliases and the console name nodes."""
    aliases, chosen = survey.tree.node("/aliases"), survey.tree.node("/chosen")
    if aliases is not None:
        _check_aliases(survey, aliases)
    if chosen is not None:
        _check_chosen(survey, chosen)


def _check_aliases(survey: Survey, aliases: Node) -> None:
    for name in aliases.properties:
        if name in _PHANDLES:
            continue
        path = _text(aliases.raw(name))
        if path is None or not path.startswith("/") or survey.tree.node(path) is None:
            found = "no text" if path is None else repr(path[:_SHOWN])
            message = f"alias {name} is {found}, which is the path of no node"
            survey.say(WARNING, "alias-path", message, aliases, name, aliases.cell_place(name, 0))
        elif not _ALIAS.fullmatch(name):
            message = f"the alias name {name} has other characters than a-z, 0-9 and -"
            survey.say(WARNING, "alias-paths", message, aliases, name)


def _check_chosen(survey: Survey, chosen: Node) -> None:
    if chosen.has(_OLD) and not chosen.has(_STDOUT):
        message = f"{_OLD} is the old name; expected {_STDOUT}"
        survey.say(WARNING, "chosen-node-stdout-path", message, chosen, _OLD)
    for name in (_STDOUT, _OLD, "stdin-path"):
        if not chosen.has(name):
            continue
        path = _text(chosen.raw(name))
        if path is None:
            message = f"{name} is not one text; expected a path or an alias, and options after a colon"
            survey.say(WARNING, "chosen-node-stdout-path", message, chosen, name)
            continue
        place = chosen.cell_place(name, 0)
        target = path.partition(":")[0]
        if not target.startswith("/"):
            alias, slash, rest = target.partition("/")
            aliases = survey.tree.node("/aliases")
            start = _text(aliases.raw(alias)) if aliases is not None else None
            if start is None:
                message = f"{name} is {target[:_SHOWN]!r}, which is neither a path nor an alias"
                survey.say(WARNING, "chosen-path", message, chosen, name, place)
                continue
            target = start + slash + rest
        if survey.tree.node(target) is None:
            message = f"{name} leads to {target[:_SHOWN]}, which is no node"
            survey.say(WARNING, "chosen-path", message, chosen, name, place)


def _text(raw: bytes | None) -> str | None:
    """Return the one text that a value is, or None."""
    if raw is None or raw[-1:] != b"\0" or raw.count(0) != 1:
        return None
    return raw[:-1].decode("utf-8", "surrogateescape")
