"""Explanations of what can be wrong with a trace that is read back."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import TRACE, Explained

_HEADER = "tick,cluster,core,event,line,from_cluster,from_core,value\n"
_RIGHT = _HEADER + "5,0,1,enter,24,,,16777216"


def _about(text: str, wrong: str, right: str = _RIGHT) -> Explained:
    return Explained(text, wrong, right, TRACE)


EXPLAINED = {
    "trace-file": _about(
        "A file that starts as Parquet does is Parquet to its end; this one is cut short.", "PAR1"
    ),
    "trace-header": _about(
        "CSV starts with the names of the eight columns, in their order; more may stand at the right.\n"
        "Parquet has them in any order, of integers, and of texts for the event.",
        "tick,core,event\n5,1,enter",
    ),
    "trace-many": _about(
        "So much is wrong that only the first hundred of it is told.", _HEADER + "x  # repeated 101 times"
    ),
    "trace-order": _about(
        "Rows stand in the order in which they happened, so ticks never descend.",
        _HEADER + "5,0,1,enter,24,,,0\n4,0,1,exit,24,,,0",
        _HEADER + "4,0,1,enter,24,,,0\n5,0,1,exit,24,,,0",
    ),
    "trace-row": _about(
        "A row has decimal numbers, or nothing where that can be, and an event that is known.",
        _HEADER + "5,0,1,entre,24,,,16777216",
    ),
}
