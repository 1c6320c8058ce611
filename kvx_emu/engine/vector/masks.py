"""The mask in force at each write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.models.ipi_ctrl import FIRST_LINE, SETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.events import Events

FEW = 4  # registers written in a chunk, up to which each is looked at by itself


def in_force(events: Events, held: NDArray[np.uint32]) -> NDArray[np.uint32] | None:
    """Return for each of n writes the MASK register of its set as the write finds it; None if all are 0.

    `held[cluster, line - 24]` are the registers before the first write; they are brought up to date. What a
    write to MASK itself finds is of no meaning. The last write wins, and a write to MASK acts on those
    after it alone: the position of the last write before each is a running maximum.
    """
    register = events.cluster.astype(np.int32) * SETS
    register += events.line
    register -= FIRST_LINE
    flat = held.reshape(-1)
    at = np.flatnonzero(events.to_mask)
    if not len(at):
        one = len(register) and (register == register[0]).all()
        found = np.broadcast_to(flat[register[0]], len(register)) if one else flat[register]
        return found if found.any() else None
    found = flat[register] if flat.any() else np.zeros(len(register), np.uint32)
    written = np.flatnonzero(np.bincount(register[at]))
    if len(written) <= FEW:
        for number in written.tolist():
            own = register == number if len(written) > 1 or len(flat) > 1 else slice(None)
            where = np.flatnonzero(own) if isinstance(own, np.ndarray) else np.arange(len(register))
            _fill(where, events, found, flat, number)
        return found
    order = np.argsort(register.astype(np.uint16) if len(flat) <= 1 << 16 else register, kind="stable")
    ends = np.cumsum(np.bincount(register, minlength=len(flat)))
    for number in written.tolist():
        _fill(order[ends[number - 1] if number else 0 : ends[number]], events, found, flat, number)
    return found


def _fill(
    where: NDArray[np.int64],
    events: Events,
    found: NDArray[np.uint32],
    flat: NDArray[np.uint32],
    number: int,
) -> None:
    """Set what the writes `where` find, all to the set of register `number`, and keep what it holds then."""
    position = np.where(events.to_mask[where], np.arange(1, len(where) + 1, dtype=np.int32), 0)
    last = np.maximum.accumulate(position)
    values = np.concatenate((flat[number : number + 1], events.value[where]))
    found[where] = values[last]
    flat[number] = values[last[-1]]
