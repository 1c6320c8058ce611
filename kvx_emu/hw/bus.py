"""The address map: which block answers at an address."""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, NamedTuple, TypeVar

Target = TypeVar("Target")


class Region(NamedTuple, Generic[Target]):
    """`size` bytes from `start` that `target` answers; `name` is what people call it."""

    start: int
    size: int
    target: Target
    name: str

    @property
    def end(self) -> int:
        """The first address after the region."""
        return self.start + self.size


class AddressMap(Generic[Target]):
    """Regions that may lie inside one another; the smallest that holds an address answers.

    That rule is the hardware's: the clock of the debug unit lies inside the power controller's region.
    Of two of one size the one added last wins.
    """

    def __init__(self) -> None:
        self.regions: list[Region[Target]] = []
        self._edges: list[int] = []
        self._owners: list[Region[Target] | None] = []

    def add(self, region: Region[Target]) -> None:
        """Add a region; its size must be positive."""
        if region.size <= 0:
            raise ValueError(f"{region.name}: a region needs a size above 0")
        self.regions.append(region)
        self._edges.clear()

    def find(self, address: int) -> Region[Target] | None:
        """Return the region that answers at `address`, or None."""
        if not self._edges:
            self._flatten()
        at = bisect_right(self._edges, address) - 1
        return self._owners[at] if at >= 0 else None

    def _flatten(self) -> None:
        edges = {region.start for region in self.regions} | {region.end for region in self.regions}
        self._edges = sorted(edges)
        self._owners = [None] * len(self._edges)
        places = {edge: place for place, edge in enumerate(self._edges)}
        # From large to small, so that the smaller paints over.
        for region in sorted(self.regions, key=lambda region: region.size, reverse=True):
            for place in range(places[region.start], places[region.end]):
                self._owners[place] = region
