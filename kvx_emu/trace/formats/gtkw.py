"""The save file of GTKWave, which opens a dump with its signals shown. Source: GTKWave 3.3's savefile.c."""

from __future__ import annotations

from itertools import groupby
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.formats.vcd import Variable

# Flags of a trace. Source: GTKWave, src/analyzer.h
_HEX, _BINARY, _DECIMAL = 0x22, 0x28, 0x24  # each with TR_RJUSTIFY, 0x20
_BEGIN, _END = 0x800200, 0x1000200  # TR_GRP_BEGIN and TR_GRP_END, each with TR_BLANK, 0x200

_FRAMES = 4
"""Time units that a window of this size shows at zoom 0, about; each step of zoom halves or doubles it."""


def gtkw_text(dump: str, variables: Sequence[Variable], start: int, end: int) -> str:
    """Return the save file for a dump of these signals, of times from `start` to `end`.

    Each cluster and each core is a group. `dump` is the name of the dump, which is in the same folder.
    """
    zoom = -log2(max((end - start) / _FRAMES, 1))
    opened = dict.fromkeys(
        ".".join(variable.scopes[:depth]) for variable in variables for depth in (1, 2) if variable.scopes
    )
    lines = ["[*] made by kvx-emu", f'[dumpfile] "{dump}"']
    lines += [f"[timestart] {start}", "[size] 1400 900", f"*{zoom:.6f} {start}"]
    lines += [f"[treeopen] {scope}." for scope in opened]
    lines += ["[sst_width] 180", "[signals_width] 260", "[sst_expanded] 1"]
    for scopes, group in groupby(variables, key=lambda variable: variable.scopes):
        shown = list(group)
        if all(variable.name.endswith("_enable") for variable in shown):
            continue  # nothing happens there
        name = " ".join(scopes[1:]) or scopes[0]
        lines += [f"@{_BEGIN:x}", f"-{name}"]
        flags = None
        for variable in shown:
            wanted = _flags(variable)
            lines += [] if wanted == flags else [f"@{wanted:x}"]
            lines.append(f"{'.'.join(scopes)}.{variable.reference}")
            flags = wanted
        lines += [f"@{_END:x}", f"-{name}"]
    return "\n".join(lines) + "\n"


def _flags(variable: Variable) -> int:
    """Return how a signal is shown: registers in hexadecimal, cores as numbers, the others as waves."""
    if variable.width == 1:
        return _BINARY
    return _DECIMAL if variable.name.endswith("_from") else _HEX
