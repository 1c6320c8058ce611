"""Lanes of a picture: which row stands where, and how lanes are merged where there are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, EVENTS, EXIT, MASKED, REQUEST
from kvx_emu.trace.setting import line_name

if TYPE_CHECKING:
    from collections.abc import Collection

OWN = -2
"""In place of a line: what a core does by itself, as sends."""

_OF_EVENT = -100
"""In place of a line: where no core is, each event has a lane; this and its number in `EVENTS`."""

ALL = -1
"""In place of a line: all lines together."""

OF_A_LINE = frozenset((MASKED, REQUEST, COALESCED, CLEAR, ENTER, EXIT))
"""The events that stand in the lane of their line; all others are the core's own."""

MOST = 340
"""Lanes of a picture: of 85 cores two each fit twice, and a browser still scrolls."""

BY_LINE, BY_CORE, BY_CLUSTER, TOGETHER = range(4)
"""What has a lane of its own, from fine to coarse."""

MERGED = {
    BY_CORE: "Too many lines for a lane each: a lane shows all lines of a core.",
    BY_CLUSTER: "Too many cores for a lane each: a lane shows all cores of a cluster.",
    TOGETHER: "Too many clusters for a lane each: a lane shows all of them.",
}
"""What a picture says of itself, by what has a lane."""


class Lane(NamedTuple):
    """A lane of the picture; their order is that from top to bottom. -1 is no cluster or no core."""

    cluster: int
    core: int
    line: int

    @property
    def band(self) -> tuple[int, int]:
        """What the lanes of one core share."""
        return self.cluster, self.core

    @property
    def is_own(self) -> bool:
        """Whether it is of no line."""
        return self.line <= OWN

    def merged(self, level: int) -> Lane:
        """Return the lane that stands for this one at a level."""
        if level == BY_LINE:
            return self
        line = OWN if self.is_own else ALL
        if level == TOGETHER:
            return Lane(-1, -1, line)
        return Lane(self.cluster, -1 if level == BY_CLUSTER else self.core, line)


def lane_of(cluster: int | None, core: int | None, event: str, line: int | None) -> Lane:
    """Return the lane of a row at the finest level."""
    if core is None:
        return Lane(-1 if cluster is None else cluster, -1, _OF_EVENT + EVENTS.index(event))
    of_line = OWN if line is None or event not in OF_A_LINE else line
    return Lane(-1 if cluster is None else cluster, core, of_line)


def level_of(lanes: Collection[Lane], level: int = BY_LINE) -> int:
    """Return the finest level, from `level` on, at which the lanes are few enough."""
    while level < TOGETHER and len({lane.merged(level) for lane in lanes}) > MOST:
        level += 1
    return level


def band_name(band: tuple[int, int], level: int) -> str:
    """Return what to call a band: a core, a cluster's blocks, or those of the SoC."""
    cluster, core = band
    if level == TOGETHER:
        return "all"
    if cluster < 0:
        return "soc"
    return f"cluster {cluster}" if core < 0 else str(CoreId(cluster, core))


def lane_name(lane: Lane, level: int) -> str:
    """Return what to call a lane within its band."""
    if lane.line < OWN:
        return EVENTS[lane.line - _OF_EVENT]
    if lane.line == OWN:
        return "" if level <= BY_CORE else "sends"
    return "all lines" if lane.line == ALL else line_name(lane.line)
