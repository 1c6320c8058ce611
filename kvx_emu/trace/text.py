"""Rows as lines of text: CSV and JSON Lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.trace.block import Block
from kvx_emu.trace.row import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvx_emu.trace.row import Row

CSV_HEADER = ",".join(COLUMNS) + "\n"


def csv_lines(rows: Iterable[Row]) -> str:
    """Return the rows as CSV: integers in decimal, absent values empty, no quoting (none is needed)."""
    if isinstance(rows, Block):
        return rows.lines(csv_lines)
    return "".join(
        [
            f"{tick},{'' if cluster is None else cluster},{'' if core is None else core},{event},"
            f"{'' if line is None else line},"
            f"{'' if a is None else a},{'' if b is None else b},{value}\n"
            for tick, cluster, core, event, line, a, b, value in rows
        ]
    )


def json_lines(rows: Iterable[Row]) -> str:
    """Return the rows as JSON objects, one a line, with the columns as keys and null for absent."""
    if isinstance(rows, Block):
        return rows.lines(json_lines)
    return "".join(
        [
            f'{{"tick":{tick},"cluster":{"null" if cluster is None else cluster},'
            f'"core":{"null" if core is None else core},"event":"{event}",'
            f'"line":{"null" if line is None else line},"from_cluster":{"null" if a is None else a},'
            f'"from_core":{"null" if b is None else b},"value":{value}}}\n'
            for tick, cluster, core, event, line, a, b, value in rows
        ]
    )


FORMATS: dict[str, tuple[str, Callable[[Iterable[Row]], str]]] = {
    "csv": (CSV_HEADER, csv_lines),
    "jsonl": ("", json_lines),
}
"""Header and row formatter of each text format, by name; the name is also the file suffix."""
