"""The trace and its summary as people read them: tables, grouped by core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId
from kvx_emu.trace.row import FAULT
from kvx_emu.trace.tally import Line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.tally import Wire

HEADERS = ("core", "tick", "event", "line", "from", "value")
ALIGN = ("left", "right", "left", "right", "left", "right")
_COUNTS = {name: name for name in Line._fields} | {"flying": "in flight", "software": "unsent"}
_RARE = {"flying", "software"}  # columns that are shown only where they hold anything


class TableSink:
    """Keeps the rows for `text`; for output that a person reads, so memory grows with the rows."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Keep the rows."""
        self._rows.extend(rows)

    def flush(self) -> None:
        """Do nothing: nothing is written here."""

    def close(self) -> None:
        """Do nothing: the rows are kept for `text`."""

    def abandon(self) -> None:
        """Do nothing: nothing was written."""

    def text(self) -> str:
        """Return the table: rows by cluster and core, within a core in the order in which they happened.

        What happened outside the cores comes first.
        """
        from tabulate import SEPARATING_LINE, tabulate

        lines: list[Sequence[str]] = []
        before: str | None = None
        for row in sorted(self._rows, key=_group):
            cells = row_cells(row)
            if before not in {None, cells[0]}:
                lines.append(SEPARATING_LINE)
            before = cells[0]
            lines.append(cells)
        if not lines:
            return "no rows\n"
        return tabulate(lines, HEADERS, colalign=ALIGN, disable_numparse=True) + "\n"


def row_cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a row, below `HEADERS`."""
    tick, cluster, core, event, line, from_cluster, from_core, value = row
    sender = ""
    if from_cluster is not None and from_core is not None:
        sender = str(CoreId(from_cluster, from_core))
    shown = f"{value:#x}" if value or event == FAULT else "0"
    return place_name(cluster, core), str(tick), event, "" if line is None else str(line), sender, shown


def summary_text(summary: Mapping[Wire, Line]) -> str:
    """Return the counts per core and line, and their sums, as a table; empty if there are none."""
    from tabulate import SEPARATING_LINE, tabulate

    if not summary:
        return ""
    total = Line(*(sum(column) for column in zip(*summary.values(), strict=True)))
    shown = [name for name in Line._fields if name not in _RARE or getattr(total, name)]
    lines: list[Sequence[str]] = [
        (str(core), str(line), *(str(getattr(counts, name)) for name in shown))
        for (core, line), counts in summary.items()
    ]
    lines += [SEPARATING_LINE, ("all", "", *(str(getattr(total, name)) for name in shown))]
    headers = ("core", "line", *(_COUNTS[name] for name in shown))
    align = ("left", *("right" for _ in headers[1:]))
    return tabulate(lines, headers, colalign=align, disable_numparse=True) + "\n"


def _group(row: Row) -> tuple[int, int, int]:
    """Return where a row stands among the groups: those without a core before those of cores."""
    _, cluster, core, *_ = row
    return core is not None, -1 if cluster is None else cluster, -1 if core is None else core


def place_name(cluster: int | None, core: int | None) -> str:
    """Return what to call the place of a row: a core, a cluster's blocks or those of the SoC."""
    if cluster is None:
        return "soc"
    return f"cluster {cluster}" if core is None else str(CoreId(cluster, core))
