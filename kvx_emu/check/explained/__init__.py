"""What every code means, with a wrong and a right fragment; imported only when somebody asks."""

from __future__ import annotations

from textwrap import fill

from kvx_emu.check.codes import CODES
from kvx_emu.check.explained import board, dtc, fabric, files, scripts, source, traces
from kvx_emu.check.explained.fragment import (
    BLOB,
    EXAMPLE_BOARD,
    EXAMPLE_BYTES,
    EXAMPLE_SCRIPT,
    FILE,
    OVERLAY,
    PLAIN,
    SCRIPT,
    TRACE,
    TREE,
    Explained,
)

__all__ = [
    "EXAMPLE_BOARD",
    "EXAMPLE_BYTES",
    "EXAMPLE_SCRIPT",
    "EXPLAINED",
    "WHERE",
    "Explained",
    "explanation",
]

EXPLAINED: dict[str, Explained] = (
    board.EXPLAINED
    | fabric.EXPLAINED
    | dtc.EXPLAINED
    | source.EXPLAINED
    | files.EXPLAINED
    | scripts.EXPLAINED
    | traces.EXPLAINED
)
"""The explanations by code: those of `codes.CODES`."""

_WIDTH = 80  # characters of a line of text; fragments are as they are

WHERE = {
    TREE: "after the example board",
    FILE: "a whole file",
    SCRIPT: "a script",
    OVERLAY: "an overlay of the example board",
    BLOB: "bytes of a blob without nodes, by offset",
    PLAIN: "a tree for dt convert",
    TRACE: "a trace",
}
"""Where a fragment stands, by its kind."""


def explanation(name: str) -> str:
    """Return the explanation of a code for a terminal."""
    code, explained = CODES[name], EXPLAINED[name]
    lines = [f"{name} ({', '.join(code.severities)}): {code.meaning}", "", fill(explained.text, _WIDTH), ""]
    for title, fragment in (("Wrong", explained.wrong), ("Right", explained.right)):
        lines.append(f"{title} ({WHERE[explained.kind]}):")
        lines += [f"    {line}".rstrip() for line in fragment.strip("\n").split("\n")]
        lines.append("")
    if explained.kind in {TREE, OVERLAY}:
        lines += ["`kvx-emu check --explain board` prints the example board.", ""]
    return "\n".join(lines[:-1])
