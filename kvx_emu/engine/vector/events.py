"""Writes to the IPI controllers as a structure of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Events(NamedTuple):
    """Writes in the order in which they are made; all arrays have the same length.

    `tick` never decreases. A write to MASK has `to_mask` set, any other goes to INTERRUPT; `line` says to
    which set. `step` is an index into the places of the steps that make the writes, for messages.
    """

    tick: NDArray[np.int64]
    cluster: NDArray[np.int16]  # of the controller
    line: NDArray[np.uint8]  # 24..31
    value: NDArray[np.uint32]  # the 32 bits as written
    to_mask: NDArray[np.bool_]
    from_cluster: NDArray[np.int16]
    from_core: NDArray[np.uint8]  # the writer's pid
    step: NDArray[np.int32]

    def part(self, start: int, stop: int) -> Events:
        """Return the writes `start` .. `stop` - 1, as views."""
        return Events._make(column[start:stop] for column in self)

    def take(self, index: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Events:
        """Return the writes at the indices, or where the mask, `index`."""
        return Events._make(column[index] for column in self)


def no_events() -> Events:
    """Return zero writes."""
    return Events(
        np.zeros(0, np.int64),
        np.zeros(0, np.int16),
        np.zeros(0, np.uint8),
        np.zeros(0, np.uint32),
        np.zeros(0, np.bool_),
        np.zeros(0, np.int16),
        np.zeros(0, np.uint8),
        np.zeros(0, np.int32),
    )


def join(parts: list[Events]) -> Events:
    """Return the writes of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_events()
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
