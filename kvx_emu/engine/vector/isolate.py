"""Whole words of target bits settled without looking at a core: the bitmask fast path.

After its last request a core is idle again within a time that follows from its rules alone, however much
it had to do: it holds at most one request a line, and what is in hand. So a bit whose core got nothing
within that time before, and gets nothing until its handler has ended, is alone: enter and exit follow from
the tick of arrival, the core is idle on both sides, and no other request sees the difference. Which bits
these are is a matter of a few operations on 17 of them at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector.streams import bit_sums
from kvx_emu.hw.register import bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.lanes import Mode
    from kvx_emu.engine.vector.solve import Times

REACH = 12
"""Writes before and after that are looked at; where more fall into the time, the bits are not alone."""

SHARE = 0.5
"""Of the bits: fewer that are alone do not pay for the looking."""

FEWEST = 2
"""Bits of a word, on average: with fewer the words are no less work than the bits."""

SAMPLE = 512
"""Writes by which it is judged whether to look at all the others."""


def quiet_time(mode: Mode, times: Times) -> int:
    """Return the ticks after the last request to a core of these rules by which it is surely idle.

    Latched is at most one request of each line. In hand are at most as many in a batch, one of each of three
    levels with nesting, and one otherwise.
    """
    batch, nesting = mode[k.BATCH], mode[k.NESTING]
    lines = mode[k.OPEN] | (mode[k.ENABLED] if batch else 0)
    costs = sorted(times.entry + times.service[line] for line in bits(lines))
    in_hand = costs if batch else costs[-3:] if nesting else costs[-1:]
    return sum(costs) + sum(in_hand)


def alone(
    arrive: NDArray[np.int64],
    word: NDArray[np.uint32],
    cost: NDArray[np.int64] | int,
    quiet: int,
    horizon: int,
) -> NDArray[np.uint32]:
    """Return those bits of each write to a cluster that are alone.

    `arrive` (ticks, never decreasing) and `word` (target bits) are of n writes. A bit's handler ends `cost`
    ticks after it arrives, and `quiet` ticks after any request its core is idle. What ends after `horizon`
    is not alone.
    """
    n = len(arrive)
    free = word.copy()
    gap = np.diff(arrive)
    near = np.flatnonzero(gap < quiet) + 1  # writes with the one before, then the second before, .. too near
    for back in range(1, REACH + 1):
        if back > 1:
            near = near[near >= back]
            near = near[arrive[near] - arrive[near - back] < quiet]
        free[near] &= ~word[near - back]
        if not len(near):
            break
    free[near] = 0
    each = isinstance(cost, np.ndarray)
    near = np.flatnonzero(gap < (cost[:-1] if each else cost))  # type: ignore[index]
    for ahead in range(1, REACH + 1):
        if ahead > 1:
            near = near[near < n - ahead]
            near = near[arrive[near + ahead] - arrive[near] < (cost[near] if each else cost)]  # type: ignore[index]
        free[near] &= ~word[near + ahead]
        if not len(near):
            break
    free[near] = 0
    if each:
        free[arrive + cost > horizon] = 0
    else:
        free[np.searchsorted(arrive, horizon - cost, side="right") :] = 0
    return free


def pays(
    arrive: NDArray[np.int64], word: NDArray[np.uint32], cost: NDArray[np.int64] | int, quiet: int
) -> bool:
    """Judge by the first of the writes whether most bits are alone, and enough to a word."""
    part = slice(0, SAMPLE)
    first = cost[part] if isinstance(cost, np.ndarray) else cost
    free = alone(arrive[part], word[part], first, quiet, int(arrive[-1]) + quiet)
    asked = int(bit_sums(word[part]).sum())
    return asked >= FEWEST * len(word[part]) and bool(bit_sums(free).sum() >= SHARE * asked)
