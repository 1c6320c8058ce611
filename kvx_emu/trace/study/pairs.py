"""Which request an enter and an exit answer, and so what each core has pending and in service."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TypeAlias

from kvx_emu.trace.row import CLEAR, ENTER, EXIT, REQUEST, RESET, Row

Place: TypeAlias = tuple[int | None, int | None, int | None]
"""(cluster, core, line) of a row."""

PAIRED = frozenset({REQUEST, ENTER, EXIT, CLEAR, RESET})
"""The events that `Pairs.take` has anything to do with."""

_MOST = 64
"""Requests of a line, or handlers of a core, that are kept. Two, and one a level, are what there can be;
where the enters or exits were left out of a trace there seem to be ever more."""


class Pairs:
    """Follows rows. `unpaired` counts, by event, those whose other half the trace does not hold.

    A line can have one request taken and a newer one pending: first in, first out. What software clears is
    the newer one. Handlers nest, and a reset ends all of a core.
    """

    def __init__(self) -> None:
        self.unpaired: Counter[str] = Counter()
        self._asked: defaultdict[Place, deque[int]] = defaultdict(deque)
        self._serving: defaultdict[tuple[int, int], list[tuple[int, int, int | None]]] = defaultdict(list)

    def take(self, row: Row) -> int | None:
        """Take the next row, of any event of `PAIRED`.

        Return the tick of the request that an enter or exit answers, None for others and where there is none.
        """
        tick, cluster, core, event, line, _, _, _ = row
        if cluster is None or core is None:
            return None
        if event == RESET:
            self._serving.pop((cluster, core), None)
            return None
        if line is None:
            return None
        asked = self._asked[cluster, core, line]
        if event == REQUEST:
            asked.append(tick)
            if len(asked) > _MOST:
                asked.popleft()
                self.unpaired[REQUEST] += 1
        elif event == EXIT:
            return self._left(cluster, core, line)
        elif not asked:
            self.unpaired[event] += 1
            if event == ENTER:
                self._enter(cluster, core, line, tick, None)
        elif event == CLEAR:
            asked.pop()
        else:
            since = asked.popleft()
            self._enter(cluster, core, line, tick, since)
            return since
        return None

    def _enter(self, cluster: int, core: int, line: int, tick: int, asked: int | None) -> None:
        serving = self._serving[cluster, core]
        serving.append((line, tick, asked))
        if len(serving) > _MOST:
            del serving[0]
            self.unpaired[ENTER] += 1

    def _left(self, cluster: int, core: int, line: int) -> int | None:
        """Return when the request was made whose handler ends now, if that is known."""
        serving = self._serving[cluster, core]
        for index in reversed(range(len(serving))):
            if serving[index][0] == line:
                return serving.pop(index)[2]
        self.unpaired[EXIT] += 1
        return None

    def pending(self) -> dict[Place, int]:
        """Return how many requests of each core and line were neither entered nor cleared."""
        return {place: len(asked) for place, asked in self._asked.items() if asked}

    def state(self, cluster: int, core: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return what a core has pending, by line, and in service, innermost last: (line, since when)."""
        pending = sorted(
            (line, tick)
            for (at, pid, line), asked in self._asked.items()
            for tick in asked
            if (at, pid) == (cluster, core) and line is not None
        )
        return pending, [(line, tick) for line, tick, _ in self._serving.get((cluster, core), ())]
