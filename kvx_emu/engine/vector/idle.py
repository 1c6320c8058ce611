"""Requests that find their core idle, and what follows from it in closed form.

The bound is Lindley's: if request i costs at most c_i ticks of its core's time (entry and service), the
core is surely idle at the arrival a_i once a_j + c_j + .. + c_(i-1) <= a_i for every earlier j. With
D_i = a_i - (c_0 + .. + c_(i-1)) that is D_i >= D_j for all j < i: one cumulative sum, one running maximum.
It holds for every number of lines and levels, batches and nesting: a core with something to do never
waits, an exception that handles several requests costs less than several exceptions, and a request that is
coalesced costs nothing; so the core is never behind the bound. Where the bound says idle, it is idle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BIGGEST = 1 << 62


class Segments(NamedTuple):
    """Streams cut where their core is surely idle; a segment's first request finds it so.

    `begin` (bool, a flag for each request) marks the firsts of segments, those of streams included;
    `done` (int64, one for each stream) is a tick at which the core is surely idle after its last request.
    """

    begin: NDArray[np.bool_]
    done: NDArray[np.int64]


def cut(
    arrive: NDArray[np.int64],
    cost: int | NDArray[np.int64],
    start: NDArray[np.int64],
    busy_until: NDArray[np.int64],
) -> Segments | None:
    """Cut streams into segments; None if the ticks are too large to be added up in 64 bits.

    `arrive` (int64, in each stream never decreasing) are the ticks of arrival, `cost` what a request costs
    at most, in ticks, the same for all or one each. Stream g is `start[g]` .. `start[g + 1]` - 1, never
    empty; its core is surely idle from the tick `busy_until[g]` on if nothing arrives.
    """
    n = len(arrive)
    firsts, lasts = start[:-1], start[1:] - 1
    base = int(arrive[firsts].min())
    span = max(int(arrive[lasts].max()), int(busy_until.max())) - base
    top = int(cost.max()) if isinstance(cost, np.ndarray) else cost
    # Within a stream all D lie within `apart` of one another; set apart by that, one running maximum
    # serves all streams, for each stands above those before it.
    apart = span + n * top + 1
    if len(firsts) * apart > BIGGEST or base + apart > 2 * BIGGEST:
        return None
    shift = np.arange(len(firsts), dtype=np.int64) * apart
    if isinstance(cost, np.ndarray):
        early = np.cumsum(cost)  # with the request itself
        paid_first, paid_last = early[firsts] - cost[firsts], early[lasts]
        early -= cost
    else:
        paid_first, paid_last = firsts * cost, (lasts + 1) * cost
        early = np.arange(n, dtype=np.int64)
        early *= cost
    np.subtract(arrive, early, out=early)
    early += np.repeat(shift - base, lasts + 1 - firsts) if len(firsts) > 1 else -base
    # What was under way before is like a request before the first.
    early[firsts] = np.maximum(early[firsts], np.maximum(busy_until - base, 0) - paid_first + shift)
    peak = np.maximum.accumulate(early)
    begin = np.empty(n, np.bool_)
    np.greater_equal(early[1:], peak[:-1], out=begin[1:])
    begin[firsts] = True
    return Segments(begin, peak[lasts] - shift + paid_last + base)


def runs(begin: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first request and the length of each segment of more than one."""
    next_begins = np.empty_like(begin)
    next_begins[:-1] = begin[1:]
    next_begins[-1] = True
    first = np.flatnonzero(begin & ~next_begins)
    last = np.flatnonzero(~begin & next_begins)
    return first, last - first + 1
