"""What the rules say of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.check.tree import check_tree
from kvx_emu.dt.load import read_tree
from kvx_emu.errors import NOTE, InputError

if TYPE_CHECKING:
    from kvx_emu.errors import Finding


def findings_of(text: str | bytes, name: str = "board.dts") -> list[Finding]:
    """Return all that is found in a board."""
    found: list[Finding] = []
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    try:
        tree = read_tree(data, name)
        found += tree.warnings
        check_tree(tree, found.append)
    except InputError as error:
        found += error.findings
    return found


def told(text: str | bytes, *, notes: bool = False) -> list[tuple[str, str, int | None]]:
    """Return (severity, code, line) of what is found in a board, notes only if asked."""
    return [
        (finding.severity, finding.code, finding.place.line)
        for finding in findings_of(text)
        if notes or finding.severity != NOTE
    ]
