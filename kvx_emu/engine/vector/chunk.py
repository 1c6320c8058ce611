"""A solved chunk: all that its rows and counts are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.events import Events
    from kvx_emu.engine.vector.table import Table


class Chunk(NamedTuple):
    """The writes that are made up to a horizon, and the requests that arrive up to then.

    `blocked` (uint32) are the target bits of each of the `events` that a mask stopped and that have a core,
    None if there are none; `to_mask` says whether any of the events is a write to MASK. The edges of `table`
    name writes of `arrivals`: those on their way from before, `offset` of them, then `events` as far as they
    arrive; those of `carried` were requested before. `isolated` (uint32) are the bits of each of the
    `arrivals` that were delivered without an edge in the table, None if there are none. `delayed` says that
    requests arrive later than they are sent.
    """

    events: Events
    to_mask: bool
    blocked: NDArray[np.uint32] | None
    arrivals: Events
    offset: int
    table: Table
    carried: Table | None
    isolated: NDArray[np.uint32] | None
    delayed: bool


class Names(NamedTuple):
    """Where the cores of the board are, by index: cluster (int16) and pid (int8)."""

    cluster: NDArray[np.int16]
    pid: NDArray[np.int8]
