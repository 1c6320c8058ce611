"""Counts and waits of a chunk, without making any of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector.streams import bit_sums, bits_of
from kvx_emu.engine.vector.table import CARRIED, COALESCED
from kvx_emu.models.core import LINES
from kvx_emu.models.ipi_ctrl import CORES
from kvx_emu.trace.row import COALESCED as COALESCED_ROW
from kvx_emu.trace.row import ENTER, EXIT, MASK, MASKED, REQUEST, SEND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kvx_emu.engine.vector.chunk import Chunk, Names
    from kvx_emu.engine.vector.table import Table
    from kvx_emu.trace.row import Key

MOST_KINDS = 1 << 20  # combinations that are counted in a table; more are sorted


def counts_of(chunk: Chunk, names: Names) -> dict[Key, int]:
    """Return how many rows of each key (see `trace.row`) the chunk has."""
    counts: dict[Key, int] = {}
    table = chunk.table
    for key, number in (
        *_of_writes(chunk),
        *_of_requests(chunk, names),
        *_of_handlers(table, names),
        *(() if chunk.carried is None else _of_handlers(chunk.carried, names)),
        *_of_isolated(chunk),
    ):
        counts[key] = counts.get(key, 0) + number
    return counts


def _of_writes(chunk: Chunk) -> Iterator[tuple[Key, int]]:
    events = chunk.events
    # A write of 0 to INTERRUPT makes no row.
    kinds = [(SEND, events.value != 0 if not chunk.to_mask else (events.value != 0) & ~events.to_mask)]
    if chunk.to_mask:
        kinds.append((MASK, events.to_mask))
    for name, which in kinds:
        index = slice(None) if which.all() else np.flatnonzero(which)
        parts = (events.from_cluster[index], events.from_core[index], events.line[index])
        for (cluster, core, line), number in _distinct(parts, (_size(parts[0]), CORES, LINES)):
            yield (cluster, core, name, line, None), number
    if chunk.blocked is not None:
        word, pid = bits_of(chunk.blocked)
        masked = (events.cluster[word], pid, events.line[word], events.from_cluster[word])
        sizes = (_size(masked[0]), CORES, LINES, _size(masked[3]))
        for (cluster, core, line, sender), number in _distinct(masked, sizes):
            yield (cluster, core, MASKED, line, sender), number


def _of_requests(chunk: Chunk, names: Names) -> Iterator[tuple[Key, int]]:
    table, sender = chunk.table, chunk.arrivals.from_cluster
    counts = np.diff(table.start)
    if len(table.line) and _is_one(table.line) and _is_one(sender):
        line, cluster = int(table.line[0]), int(sender[0])
        absorbed = _sums(table.fate == COALESCED, table.start)
        for g, (coalesced, total) in enumerate(zip(absorbed, counts.tolist(), strict=True)):
            for lane in table.groups[g]:
                core = int(names.cluster[lane]), int(names.pid[lane])
                yield (*core, REQUEST, line, cluster), total - coalesced
                yield (*core, COALESCED_ROW, line, cluster), coalesced
        return
    senders = sender[table.event]
    parts = table.group_of(), table.line, table.fate, senders
    sizes = len(table.groups), LINES, CARRIED, _size(senders)
    for (g, line, fate, cluster), number in _distinct(parts, sizes):
        name = COALESCED_ROW if fate == COALESCED else REQUEST
        for lane in table.groups[g]:
            yield (int(names.cluster[lane]), int(names.pid[lane]), name, line, cluster), number


def _of_handlers(table: Table, names: Names) -> Iterator[tuple[Key, int]]:
    one_line = _is_one(table.line)
    group = None if one_line else table.group_of()
    for name, tick in ((ENTER, table.enter), (EXIT, table.leave)):
        happens = tick >= 0
        if group is None:
            line = int(table.line[0]) if len(table.line) else 0
            found = ((g, line, number) for g, number in enumerate(_sums(happens, table.start)))
        else:
            index = slice(None) if happens.all() else np.flatnonzero(happens)
            kinds = _distinct((group[index], table.line[index]), (len(table.groups), LINES))
            found = ((g, line, number) for (g, line), number in kinds)
        for g, line, number in found:
            for lane in table.groups[g]:
                yield (int(names.cluster[lane]), int(names.pid[lane]), name, line, None), number


def _of_isolated(chunk: Chunk) -> Iterator[tuple[Key, int]]:
    """Count the bits that were delivered without an edge: each was requested, entered and left."""
    if chunk.isolated is None:
        return
    arrivals = chunk.arrivals
    parts = arrivals.cluster, arrivals.line, arrivals.from_cluster
    kinds = _distinct(parts, (_size(parts[0]), LINES, _size(parts[2])))
    for (cluster, line, sender), number in list(kinds):
        words = chunk.isolated
        if number < len(words):
            own = (parts[0] == cluster) & (parts[1] == line) & (parts[2] == sender)
            words = words[own]
        for pid, times in enumerate(bit_sums(words).tolist()):
            if times:
                yield (cluster, pid, REQUEST, line, sender), times
                yield (cluster, pid, ENTER, line, None), times
                yield (cluster, pid, EXIT, line, None), times


def _is_one(values: NDArray[np.integer]) -> bool:
    """Tell whether all values are equal, of none too."""
    return not len(values) or bool((values == values[0]).all())


def _size(values: NDArray[np.integer]) -> int:
    """Return one more than the greatest value."""
    return int(values.max()) + 1 if len(values) else 1


def _sums(flags: NDArray[np.bool_], start: NDArray[np.int64]) -> list[int]:
    """Return how many flags are set in each part `start[g]` .. `start[g + 1]` - 1."""
    sums = np.diff(start)
    some = np.flatnonzero(sums)  # reduceat would give an empty part a flag that is not its own
    if len(some) and not flags.all():
        sums[some] = np.add.reduceat(flags, start[some], dtype=np.int64)
    return [int(number) for number in sums]


def _distinct(
    parts: tuple[NDArray[np.integer], ...], sizes: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield each combination of values, which are below the sizes, with how often it occurs."""
    if not len(parts[0]):
        return
    packed = np.zeros(1, np.int64)
    fixed = [int(part[0]) if _is_one(part) else None for part in parts]
    kinds = 1
    for part, size, value in zip(parts, sizes, fixed, strict=True):
        if value is None:
            packed = packed * size + part if kinds > 1 else part.astype(np.int64)
            kinds *= size
    if kinds == 1:
        yield tuple(int(part[0]) for part in parts), len(parts[0])
        return
    if kinds <= MOST_KINDS:
        numbers = np.bincount(packed)
        values = np.flatnonzero(numbers)
        numbers = numbers[values]
    else:
        values, numbers = np.unique(packed, return_counts=True)
    for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
        rest, key = value, []
        for size, own in zip(reversed(sizes), reversed(fixed), strict=True):
            if own is None:
                rest, own = divmod(rest, size)  # noqa: PLW2901
            key.append(own)
        yield tuple(reversed(key)), number


def waits_of(table: Table, names: Names) -> Iterator[tuple[int, int, int | None, int]]:
    """Yield the longest time from request to enter of each core's line that was entered, in ticks."""
    wait = np.where(table.enter >= 0, table.enter - table.arrive, -1)
    some = np.flatnonzero(np.diff(table.start))
    for line in np.flatnonzero(np.bincount(table.line, minlength=LINES)).tolist():
        longest = np.maximum.reduceat(np.where(table.line == line, wait, -1), table.start[some])
        for g, most in zip(some.tolist(), longest.tolist(), strict=True):
            if most >= 0:
                for lane in table.groups[g]:
                    yield int(names.cluster[lane]), int(names.pid[lane]), line, most
