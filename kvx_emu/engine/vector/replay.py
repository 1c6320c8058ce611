"""Rows of tables as writes: what each reaches, and which of them have to be made one by one.

A table can hold anything: accesses that end in a bus error, registers of other blocks, bits that no register
has. What is plain, a write to an IPI controller that draws no warning, can be solved with its neighbours;
the rest goes to the reference, which knows what to say about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector.events import Events
from kvx_emu.machine.windows import STRIDE
from kvx_emu.models.ipi_ctrl import CORES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kvx_emu.engine.batch import Sets
    from kvx_emu.script.replay.rows import Chunk

ALL_CORES = (1 << CORES) - 1


class Decoder:
    """Finds what the rows of tables write to, on a board that has an IPI controller.

    One serves a whole run: a warning is told once, so that a row which drew one before is plain the next
    time.
    """

    def __init__(self, sets: Sets) -> None:
        known = sorted(sets.addresses.items())
        targets = [target for _, target in known]
        # By register, in the order of their addresses as all cores see them.
        self._address = np.array([address for address, _ in known], np.uint64)
        self._cluster = np.array([target.cluster for target in targets], np.int16)
        self._line = np.array([target.line for target in targets], np.uint8)
        self._to_mask = np.array([target.to_mask for target in targets], np.bool_)
        self._silent = np.array([sets.silent(target) for target in targets], np.uint32)
        self._told: set[int] = set()  # register << 32 | value of the writes whose needless bits were told

    def decode(self, chunk: Chunk, start: int, step: int) -> tuple[Events, NDArray[np.bool_]]:
        """Return the rows of a table that is replayed from the tick `start` on, as the writes of `step`.

        The flags say which of them are not plain. Such a row reaches something else, and its cluster, line
        and `to_mask` have no meaning, or it draws a warning. These are taken as told from now on, so all
        rows have to be made in their order.
        """
        window = (chunk.cluster.astype(np.uint64) + np.uint64(1)) * np.uint64(STRIDE)
        seen = np.where(chunk.address < STRIDE, chunk.address + window, chunk.address)
        register = np.minimum(np.searchsorted(self._address, seen), len(self._address) - 1)
        odd = self._address[register] != seen
        known = np.flatnonzero(~odd)
        warned = self._warned(register[known], chunk.value[known])
        odd[known[warned]] = True
        events = Events(
            chunk.tick + start,
            self._cluster[register],
            self._line[register],
            chunk.value,
            self._to_mask[register],
            chunk.cluster,
            chunk.pid,
            np.full(len(register), step, np.int32),
        )
        return events, odd

    def _warned(self, register: NDArray[np.int64], value: NDArray[np.uint32]) -> list[int]:
        """Return which writes draw a warning that was not told yet, in any order."""
        needless = value & ~self._silent[register]
        if not needless.any():
            return []
        rows = []
        # Bits that a register lacks are told of for each value,
        wide = np.flatnonzero(needless & ~np.uint32(ALL_CORES))
        keys, first = np.unique(register[wide] << 32 | value[wide], return_index=True)
        for key, row in zip(keys.tolist(), wide[first].tolist(), strict=True):
            if key not in self._told:
                self._told.add(key)
                rows.append(row)
        # cores that the board lacks once each.
        lacking = np.flatnonzero(needless & np.uint32(ALL_CORES))
        while len(lacking):
            row = int(lacking[0])
            rows.append(row)
            self._silent[self._cluster == self._cluster[register[row]]] |= value[row] & np.uint32(ALL_CORES)
            needless = value[lacking] & ~self._silent[register[lacking]]
            lacking = lacking[needless & np.uint32(ALL_CORES) != 0]
        return rows


def spans(odd: NDArray[np.bool_], least: int) -> Iterator[tuple[bool, int, int]]:
    """Yield all rows in order, as (plain, begin, end): at least `least` plain ones together, or others."""
    if not len(odd):
        return
    change = np.flatnonzero(odd[1:] != odd[:-1]) + 1
    begin, end = np.append(0, change), np.append(change, len(odd))
    many = ~odd[begin] & (end - begin >= least)
    done = 0
    for first, stop in zip(begin[many].tolist(), end[many].tolist(), strict=True):
        if done < first:
            yield False, done, first
        yield True, first, stop
        done = stop
    if done < len(odd):
        yield False, done, len(odd)


def reach_of_writes(events: Events) -> dict[int, tuple[int, int]]:
    """Return the target bits and the lines that writes may reach, by cluster, as `batch.reach_of` does."""
    reach = {}
    raising = ~events.to_mask
    for cluster in np.unique(events.cluster[raising]).tolist():
        own = np.flatnonzero(raising & (events.cluster == cluster))
        lines = np.flatnonzero(np.bincount(events.line[own]))
        reach[cluster] = int(np.bitwise_or.reduce(events.value[own])), sum(1 << n for n in lines.tolist())
    return reach
