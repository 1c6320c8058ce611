"""What becomes of requests: the stages, from whole streams in closed form down to one at a time.

0. Where nobody asks for edges, bits that are surely alone on their core are settled by the word (`isolate`).
1. Cores with the same stream and rules share a solution (`streams`).
2. Lines that a core can not take as things stand only latch; they cost nothing and are set aside.
3. Streams are cut where their core is surely idle (`idle`). A request alone between two cuts, and a pair,
   have closed forms.
4. Longer segments go through `lockstep`, many at once, or through the kernel, one after the other.
5. So do the ends of a chunk: what was under way when it began, and what has not ended when it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector.idle import BIGGEST
from kvx_emu.engine.vector.isolate import alone, pays, quiet_time
from kvx_emu.engine.vector.solution import Solution
from kvx_emu.engine.vector.streams import Streams, bit_sums, spread
from kvx_emu.engine.vector.tuning import MEASURED, Tuning
from kvx_emu.hw.register import bits
from kvx_emu.models.ipi_ctrl import CORES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.lanes import Lanes
    from kvx_emu.engine.vector.table import Table


class Work(NamedTuple):
    """Writes whose requests arrive: arrays of one length, in the order of arrival.

    `raised` (uint32) holds the target bits that no mask stopped and that have a core.
    """

    arrive: NDArray[np.int64]
    cluster: NDArray[np.int16]
    line: NDArray[np.uint8]
    raised: NDArray[np.uint32]


class Times(NamedTuple):
    """Ticks from a take to the first handler, and those that a handler of each of the 32 lines runs."""

    entry: int
    service: tuple[int, ...]


class Solved(NamedTuple):
    """What became of a chunk's requests: of those that arrive, and of those carried over from before.

    `isolated` (uint32) are the bits of each write that were alone on their core, and so are delivered: they
    are not in the table; None if there are none. `stuck` lists the first request on each line that its core
    does not take as things stand: its write, the core's index and the line.
    """

    table: Table
    carried: Table | None
    isolated: NDArray[np.uint32] | None
    stuck: list[tuple[int, int, int]]


class Solver:
    """Solves chunk after chunk on the same lanes, which are taken over already.

    `lane_of[cluster, pid]` is the index of each core; `tuning` says what pays; `fast` whether numba compiles
    the kernel: at once, never, or (None) once it has had much to do. `kernel` is the compiled one, None for
    Python. `edges` counts the requests, `by_kernel` those that the kernel settled.
    """

    def __init__(
        self,
        lanes: Lanes,
        times: Times,
        lane_of: NDArray[np.int32],
        tuning: Tuning = MEASURED,
        fast: bool | None = False,
    ) -> None:
        self.lanes = lanes
        self.times = times
        self.service = np.array(times.service, np.int64)
        self.kernel = k.compiled() if fast else None
        self._may_compile = fast is None
        self.tuning = tuning
        self.edges = 0
        self.by_kernel = 0
        self._lane_of = lane_of

    def solve(self, work: Work, horizon: int, *, rows: bool, words: bool) -> Solved:
        """Let all of `work` arrive and everything happen up to and including the tick `horizon`.

        Nothing of `work` arrives later. `rows` says that `seen`, `after` and the places are wanted, `words`
        that whole words may be settled without an edge for each bit.
        """
        isolated = self._isolate(work, horizon) if words else None
        raised = work.raised if isolated is None else work.raised & ~isolated
        streams = spread(work.cluster, raised, self._lane_of, self._kinds())
        solution = Solution(self, streams, work, horizon, rows=rows)
        table, carried = solution.solve()
        counts = np.diff(streams.start)
        self.edges += sum(
            count * len(group) for count, group in zip(counts.tolist(), streams.groups, strict=True)
        )
        if isolated is not None:
            self.edges += int(bit_sums(isolated).sum())
            self._keep_isolated(work, isolated, streams)
        return Solved(table, carried, isolated, solution.stuck)

    def _isolate(self, work: Work, horizon: int) -> NDArray[np.uint32] | None:
        """Return the bits of each write that are alone on their core, None if it does not pay to look."""
        found = None
        clusters = np.flatnonzero(np.bincount(work.cluster)) if len(work.cluster) else work.cluster
        if len(work.cluster) < self.tuning.words * len(clusters):
            return None
        for cluster in clusters.tolist():
            own = slice(None) if len(clusters) == 1 else np.flatnonzero(work.cluster == cluster)
            arrive, line, word = work.arrive[own], work.line[own], work.raised[own]
            lanes = self._lane_of[cluster][[p for p in range(CORES) if np.bitwise_or.reduce(word) >> p & 1]]
            modes = {self.lanes.modes[number] for number in self.lanes.mode[lanes].tolist()}
            if len(modes) != 1 or any(lane in self.lanes.deep for lane in lanes.tolist()):
                continue
            (mode,) = modes
            used = sum(1 << number for number in np.flatnonzero(np.bincount(line)).tolist())
            latched = int(np.bitwise_or.reduce(self.lanes.ilr[lanes])) if len(lanes) else 0
            # Lines that are not taken, or are drained with others, are not for here.
            if used & ~mode[k.OPEN] or (latched & ~mode[k.OPEN] & mode[k.ENABLED]):
                continue
            one = used & (used - 1) == 0
            cost = self.times.entry + (
                self.times.service[used.bit_length() - 1] if one else self.service[line]
            )
            quiet = quiet_time(mode, self.times)
            if quiet + horizon < BIGGEST and pays(arrive, word, cost, quiet):
                found = np.zeros_like(work.raised) if found is None else found
                found[own] = alone(arrive, word, cost, quiet, horizon)
        return found

    def _keep_isolated(self, work: Work, isolated: NDArray[np.uint32], streams: Streams) -> None:
        """Leave on each core what its last handler does, where that came from a bit that was alone."""
        lanes = self.lanes
        last = {}  # the last write that reached each core otherwise
        for group, stop in zip(streams.groups, streams.start[1:].tolist(), strict=True):
            last.update(dict.fromkeys(group, int(streams.event[stop - 1])))
        for cluster in np.flatnonzero(np.bincount(work.cluster)).tolist():
            left = int(np.bitwise_or.reduce(isolated[work.cluster == cluster]))
            for event in range(len(isolated) - 1, -1, -1):
                if not left:
                    break
                word = int(isolated[event]) & left
                if word and work.cluster[event] == cluster:
                    for pid in bits(word):
                        lane = int(self._lane_of[cluster, pid])
                        lanes.woken[lane] = True
                        if event > last.get(lane, -1):
                            lanes.last[lane] = work.line[event]
                            lanes.popped[lane] = True
                    left &= ~word

    def count_kernel(self, edges: int) -> None:
        """Count requests that the kernel settles, and have it compiled if that pays from now on."""
        self.by_kernel += edges
        if self._may_compile and self.by_kernel >= self.tuning.compile:
            self._may_compile = False
            self.kernel = k.compiled()

    def _kinds(self) -> NDArray[np.int64]:
        """Return a number for each core, equal for those with equal rules and states."""
        lanes = self.lanes
        kinds = lanes.mode.astype(np.int64) << 32 | lanes.ilr
        # What is latched tells cores apart by when it arrived, too: the waits depend on it.
        known: dict[tuple[int, ...], int] = {}
        for lane in {*lanes.deep, *(lane for lane, _ in lanes.latched)}:
            key = (int(lanes.mode[lane]), *lanes.state_of(lane))
            kinds[lane] = 1 << 62 | known.setdefault(key, len(known))
        return kinds
