"""What a trace comes to: counts per core and line, latencies, and who asked whom."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from kvx_emu.core_id import CoreId
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, MASKED, REQUEST
from kvx_emu.trace.study.pairs import PAIRED, Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.study.pairs import Place
    from kvx_emu.trace.tally import Wire

MANY = 1 << 19
"""Different latencies, of all cores and lines together, that are kept as they are."""

KEPT_DIGITS = 3
"""Those that latencies are rounded down to once there are more."""

_Kind: TypeAlias = tuple[int | None, int | None, str, int | None, int | None, int | None]
"""What stands between tick and value."""

_kind = itemgetter(slice(1, 7))
_COUNTED = {
    REQUEST: "requested",
    ENTER: "delivered",
    COALESCED: "coalesced",
    MASKED: "masked",
    CLEAR: "cleared",
}
_IPIS = frozenset({REQUEST, COALESCED, MASKED})
_BINS = 10


class Counts(NamedTuple):
    """How often each thing happened on a core's line."""

    requested: int = 0
    delivered: int = 0
    coalesced: int = 0
    masked: int = 0
    cleared: int = 0
    pending: int = 0


class Latency(NamedTuple):
    """Times in ticks; median and p99 are such that half, and 99 in 100, are not greater (nearest rank)."""

    number: int
    min: int
    median: int
    p99: int
    max: int


class Bin(NamedTuple):
    """The number of times that are `low`..`high` ticks."""

    low: int
    high: int
    number: int


class Stats:
    """Sums up the rows of a trace, in order; `rounded` is whether latencies are no longer exact."""

    def __init__(self) -> None:
        self.rows = 0
        self.ticks: tuple[int, int] | None = None  # the first and the last
        self.rounded = False
        self._pairs = Pairs()
        self._counts: Counter[_Kind] = Counter()
        self._enters: defaultdict[Place, Counter[int]] = defaultdict(Counter)
        self._exits: defaultdict[Place, Counter[int]] = defaultdict(Counter)

    def add(self, rows: Sequence[Row]) -> None:
        """Sum up `rows`, which follow those before."""
        if not rows:
            return
        self.rows += len(rows)
        self.ticks = (rows[0][0] if self.ticks is None else self.ticks[0], rows[-1][0])
        self._counts.update(map(_kind, rows))
        take, enters, exits = self._pairs.take, self._enters, self._exits
        for row in rows:
            event = row[3]
            if event not in PAIRED:
                continue
            asked = take(row)
            if asked is not None:
                times = (enters if event == ENTER else exits)[row[1], row[2], row[4]]
                times[_rounded(row[0] - asked) if self.rounded else row[0] - asked] += 1
        if not self.rounded and sum(map(len, (*enters.values(), *exits.values()))) > MANY:
            self._round()

    def _round(self) -> None:
        self.rounded = True
        for places in (self._enters, self._exits):
            for place, times in places.items():
                places[place] = rounded = Counter[int]()
                for ticks, number in times.items():
                    rounded[_rounded(ticks)] += number

    @property
    def unpaired(self) -> dict[str, int]:
        """How many rows there are, by event, whose other half the trace does not hold."""
        return dict(sorted(self._pairs.unpaired.items()))

    def counts(self) -> dict[Wire, Counts]:
        """Return what happened on each core and line, in order."""
        found: defaultdict[Wire, Counter[str]] = defaultdict(Counter)
        for (cluster, core, event, line, _, _), number in self._counts.items():
            if event in _COUNTED and cluster is not None and core is not None and line is not None:
                found[CoreId(cluster, core), line][_COUNTED[event]] += number
        for (cluster, core, line), number in self._pairs.pending().items():
            assert cluster is not None
            assert core is not None
            assert line is not None
            found[CoreId(cluster, core), line]["pending"] += number
        return {wire: Counts(**found[wire]) for wire in sorted(found)}

    def to_enter(self, wire: Wire | None = None) -> Latency | None:
        """Return the times from request to enter, of all wires or one; None if there are none."""
        return _latency(self.enter_times(wire))

    def to_exit(self, wire: Wire | None = None) -> Latency | None:
        """Return the times from request to exit, of all wires or one; None if there are none."""
        return _latency(self.exit_times(wire))

    def enter_times(self, wire: Wire | None = None) -> Counter[int]:
        """Return how often each time from request to enter was taken."""
        return _times(self._enters, wire)

    def exit_times(self, wire: Wire | None = None) -> Counter[int]:
        """Return how often each time from request to exit was taken."""
        return _times(self._exits, wire)

    def asked(self) -> Counter[tuple[CoreId | None, CoreId]]:
        """Return how often each core was the target of each sender, None for devices, timers and software."""
        found: Counter[tuple[CoreId | None, CoreId]] = Counter()
        for (cluster, core, event, _, from_cluster, from_core), number in self._counts.items():
            if event in _IPIS and cluster is not None and core is not None:
                known = from_cluster is not None and from_core is not None
                sender = CoreId(from_cluster, from_core) if known else None  # type: ignore[arg-type]
                found[sender, CoreId(cluster, core)] += number
        return found


def _times(places: defaultdict[Place, Counter[int]], wire: Wire | None) -> Counter[int]:
    if wire is not None:
        (cluster, core), line = wire
        return places.get((cluster, core, line), Counter())
    total: Counter[int] = Counter()
    for times in places.values():
        total.update(times)
    return total


def _rounded(ticks: int) -> int:
    unit: int = 10 ** max(0, len(str(ticks)) - KEPT_DIGITS)
    return ticks - ticks % unit


def _latency(times: Counter[int]) -> Latency | None:
    if not times:
        return None
    ordered = sorted(times.items())
    number = times.total()

    median, p99 = (_nearest_rank(ordered, -(-number * part // 100)) for part in (50, 99))
    return Latency(number, ordered[0][0], median, p99, ordered[-1][0])


def _nearest_rank(ordered: Sequence[tuple[int, int]], wanted: int) -> int:
    """Return the time, of (time, how often), that is number `wanted`, from 1, of all."""
    ranks = accumulate(often for _, often in ordered)
    return next(ticks for (ticks, _), rank in zip(ordered, ranks, strict=True) if rank >= wanted)


def histogram(times: Counter[int]) -> list[Bin]:
    """Return at most ten bins, from the least time to the greatest, all of one width or by powers of two."""
    if not times:
        return []
    least, most = min(times), max(times)
    if most < 16 * max(least, 1) or most - least < _BINS:
        width = -(-(most - least + 1) // _BINS)
        edges = [least + width * k for k in range(-(-(most - least + 1) // width) + 1)]
    else:
        low, high = least.bit_length(), most.bit_length()
        step = -(-(high - low + 1) // _BINS)
        edges = [1 << k - 1 if k else 0 for k in range(low, high + step + 1, step)]
        edges = edges[: next(k for k, edge in enumerate(edges) if edge > most) + 1]
    inside: Counter[int] = Counter()
    for ticks, number in times.items():
        inside[bisect_right(edges, ticks) - 1] += number
    return [Bin(low, high - 1, inside[k]) for k, (low, high) in enumerate(pairwise(edges))]


def stats_json(stats: Stats) -> str:
    """Return all as one JSON object."""
    asked = sorted(stats.asked().items(), key=lambda each: (each[0][0] is not None, each[0]))
    everything = {
        "rows": stats.rows,
        "ticks": stats.ticks,
        "rounded": stats.rounded,
        "unpaired": stats.unpaired,
        "lines": [
            {"core": str(core), "cluster": core.cluster, "pid": core.pid, "line": line}
            | counts._asdict()
            | {"to_enter": _dict(stats.to_enter((core, line))), "to_exit": _dict(stats.to_exit((core, line)))}
            for (core, line), counts in stats.counts().items()
        ],
        "to_enter": _dict(stats.to_enter()),
        "to_exit": _dict(stats.to_exit()),
        "asked": [
            {"from": None if sender is None else str(sender), "to": str(target), "number": number}
            for (sender, target), number in asked
        ],
    }
    return json.dumps(everything, indent=2) + "\n"


def _dict(latency: Latency | None) -> dict[str, int] | None:
    return None if latency is None else latency._asdict()
