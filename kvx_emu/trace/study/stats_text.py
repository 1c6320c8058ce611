"""What a trace comes to as people read it: tables, histograms and a matrix, as wide as a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.trace.row import CLEAR, ENTER, EXIT, REQUEST
from kvx_emu.trace.study.stats import KEPT_DIGITS, Counts, histogram

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.study.stats import Latency, Stats

    _Who: TypeAlias = CoreId | int  # an int is a cluster

_ALONE = {
    REQUEST: "requests that were neither entered nor cleared",
    ENTER: "enters without a request",
    EXIT: "exits without an enter",
    CLEAR: "clears without a request",
}
_LEAST_BAR = 10  # characters
_LATENCY = ("min", "median", "p99", "max")


def stats_text(stats: Stats, *, width: int, blocks: bool) -> str:
    """Return all as text, of lines up to `width` characters where that can be.

    Bars are made of blocks, or else of ASCII.
    """
    if stats.ticks is None:
        return "no rows\n"
    first, last = stats.ticks
    parts = [f"{stats.rows} rows, ticks {first} to {last}\n", _counts(stats), _latencies(stats)]
    for title, times in (("enter", stats.enter_times()), ("exit", stats.exit_times())):
        if times:
            bars = _bars(times, width, "\N{FULL BLOCK}" if blocks else "#")
            parts.append(f"ticks from request to {title}\n" + bars)
    parts += [_matrix(stats.asked(), width), *_notes(stats)]
    return "\n".join(part for part in parts if part)


def _counts(stats: Stats) -> str:
    counts = stats.counts()
    lines = [(str(core), str(line), *map(str, each)) for (core, line), each in counts.items()]
    total = Counts(*(sum(column) for column in zip(*counts.values(), strict=True)))
    return _table(("core", "line", *Counts._fields), lines, ("all", "", *map(str, total)))


def _latencies(stats: Stats) -> str:
    lines = []
    for core, line in stats.counts():
        both = stats.to_enter((core, line)), stats.to_exit((core, line))
        if any(both):
            lines.append((str(core), str(line), *(cell for each in both for cell in _cells(each))))
    total = ("all", "", *_cells(stats.to_enter()), *_cells(stats.to_exit()))
    return _table(("core", "line", "to enter", *_LATENCY, "to exit", *_LATENCY), lines, total)


def _cells(latency: Latency | None) -> Sequence[str]:
    return ("0", "", "", "", "") if latency is None else tuple(map(str, latency))


def _table(headers: Sequence[str], lines: Sequence[Sequence[str]], total: Sequence[str]) -> str:
    from tabulate import SEPARATING_LINE, tabulate

    if not lines:
        return ""
    align = ("left", *("right" for _ in headers[1:]))
    rows = [*lines, SEPARATING_LINE, total]
    return tabulate(rows, headers, colalign=align, disable_numparse=True) + "\n"


def _bars(times: Counter[int], width: int, block: str) -> str:
    bins = histogram(times)
    labels = [f"{each.low}" if each.low == each.high else f"{each.low}-{each.high}" for each in bins]
    widest, most = max(map(len, labels)), max(each.number for each in bins)
    digits = len(str(most))
    room = max(_LEAST_BAR, width - widest - digits - 6)
    return "".join(
        f"  {label:>{widest}}  {number:>{digits}}  {block * -(-number * room // most)}".rstrip() + "\n"
        for label, (_, _, number) in zip(labels, bins, strict=True)
    )


def _matrix(asked: Counter[tuple[CoreId | None, CoreId]], width: int) -> str:
    """Return how often each sender asked each core; of many cores, how often each cluster asked each."""
    if not asked:
        return ""
    title = "requests, coalesced and masked, from (down) to (across)"
    pieces = _pieces(dict(asked.items()), width)
    if len(pieces) > 1 and len({target.cluster for _, target in asked}) > 1:
        title += f"; by cluster, as the cores need more than {width} columns"
        by_cluster: dict[tuple[_Who | None, _Who], int] = {}
        for (sender, target), count in asked.items():
            at = None if sender is None else sender.cluster, target.cluster
            by_cluster[at] = by_cluster.get(at, 0) + count
        pieces = _pieces(by_cluster, width)
    return title + "\n" + "\n".join(pieces)


def _pieces(cells: Mapping[tuple[_Who | None, _Who], int], width: int) -> list[str]:
    """Return a matrix, cut between columns where it is wider than `width` characters."""
    senders = sorted({sender for sender, _ in cells}, key=lambda who: (who is not None, who))
    columns = []
    for target in sorted({target for _, target in cells}):
        numbers = [cells.get((sender, target), 0) for sender in senders]
        column = [_name(target), *(str(number) if number else "." for number in numbers)]
        wide = max(map(len, column))
        columns.append([f"  {cell:>{wide}}" for cell in column])
    names = ["", *map(_name, senders)]
    wide = max(map(len, names))
    pieces: list[list[str]] = []
    for column in columns:
        if not pieces or len(pieces[-1][0]) + len(column[0]) > width:
            pieces.append([f"  {name:<{wide}}" for name in names])
        pieces[-1] = [line + cell for line, cell in zip(pieces[-1], column, strict=True)]
    return ["\n".join(piece) + "\n" for piece in pieces]


def _name(who: _Who | None) -> str:
    if who is None:
        return "no core"
    return f"c{who}" if isinstance(who, int) else str(who)


def _notes(stats: Stats) -> Iterator[str]:
    alone = [f"{count} {_ALONE[event]}" for event, count in stats.unpaired.items()]
    if alone:
        yield f"{', '.join(alone)}: the rest is not in this trace, which was filtered or cut\n"
    if stats.rounded:
        yield f"there are so many different latencies that they were rounded down to {KEPT_DIGITS} digits\n"
