"""One chunk from streams to its edge table: stages 2 to 5 of `solve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector.closed import Closed
from kvx_emu.engine.vector.jobs import in_hand, renamed, run_jobs
from kvx_emu.engine.vector.table import COALESCED, NOT_YET, REQUESTED, Table
from kvx_emu.hw.register import bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.solve import Solver, Work
    from kvx_emu.engine.vector.streams import Streams


class Solution:
    """A chunk on its way through the stages; indices are edges unless they are said to be of live ones.

    Live edges are those on lines that their core takes, and all those of cores that the kernel runs whole.
    """

    def __init__(self, solver: Solver, streams: Streams, work: Work, horizon: int, *, rows: bool) -> None:
        self.solver = solver
        self.lanes = lanes = solver.lanes
        self.entry = solver.times.entry
        self.horizon = horizon
        self.rows = rows
        self.groups = streams.groups
        self.event = streams.event
        self.deep: list[int] = []  # groups with exceptions under way
        if lanes.deep:
            reached = {lane for group in self.groups for lane in group}
            self.groups = self.groups + [(lane,) for lane in sorted(lanes.deep) if lane not in reached]
            self.deep = [g for g, group in enumerate(self.groups) if group[0] in lanes.deep]
        count = len(self.event)
        self.start = np.full(len(self.groups) + 1, count, np.int64)
        self.start[: len(streams.start)] = streams.start
        self.arrive = work.arrive[self.event]
        lines = np.flatnonzero(np.bincount(work.line, minlength=32)).tolist()
        self.used = sum(1 << line for line in lines)
        self.one_line = len(lines) <= 1
        self.line = (
            np.full(count, lines[0] if lines else 0, np.uint8) if self.one_line else work.line[self.event]
        )
        held = 0  # lines that are latched or in hand on cores with exceptions under way
        for state in lanes.deep.values():
            held |= state[k.ILR] | sum(1 << line for line, _ in in_hand(state))
        services = {solver.times.service[line] for line in bits(self.used | held)} or {0}
        self.least, self.most = min(services), max(services)

        lead = np.fromiter((group[0] for group in self.groups), np.int64, len(self.groups))
        modes = np.array(lanes.modes, np.int64).reshape(-1, k.MODE)
        self.mode = lanes.mode[lead]
        rules = modes[self.mode]
        self.batch, self.nesting = rules[:, k.BATCH] != 0, rules[:, k.NESTING] != 0
        self.opened = rules[:, k.OPEN]
        self.level = np.zeros((len(modes), 32), np.int64)  # of each line that is taken, by mode
        for level in range(1, 4):
            self.level[modes[:, k.OF_LEVEL + level, None] >> np.arange(32) & 1 != 0] = level
        ilr = lanes.ilr[lead]
        # A line that is enabled and not taken is drained with others: such a core is the kernel's whole.
        passive = (self.used | ilr) & rules[:, k.ENABLED] & ~self.opened
        self.whole = self.batch & (self.opened != 0) & (passive != 0)
        self.base = ilr & ~self.opened  # what is latched and stays so
        # Ticks alone tell the order of rows unless a handler takes no time and others, or entries, do.
        instant = self.least == 0 < self.most + self.entry
        self.placed = rows and (instant or bool(self.whole.any()))

        self.stuck: list[tuple[int, int, int]] = []
        self.fate = np.zeros(count, np.uint8)
        # Filled by the closed forms, or made by them if all edges are theirs.
        self.enter = self.leave = self.seen = self.after = np.zeros(0, np.int64)
        self.enter_place = self.leave_place = np.zeros(0, np.int64)

    def solve(self) -> tuple[Table, Table | None]:
        """Go through the stages; the lanes are left as they are at the horizon.

        Returns the table of the requests that arrive, and that of those carried over from before.
        """
        dead, fresh = self._set_aside()
        live = None if dead is None else np.flatnonzero(~dead)
        flagged, lasts = self._closed_forms(dead, live, fresh)
        if self.rows:
            self._show_latched(fresh)
        self._keep_latched(fresh)
        carried = self._run_kernel(flagged, fresh, lasts)
        places = (self.enter_place, self.leave_place) if self.placed else (None, None)
        results = self.enter, self.leave, self.seen, self.after
        edges = self.event, self.line, self.arrive, self.fate
        return Table(self.groups, self.start, *edges, *results, *places), carried

    def group_of(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the group of each of some edges."""
        return np.searchsorted(self.start, edges, side="right") - 1

    def put(self, edges: NDArray[np.int64], results: list[NDArray[np.int64]]) -> None:
        """Set what became of some edges: fate, enter, leave, seen, after and the two places."""
        self.fate[edges] = results[0]
        self.enter[edges], self.leave[edges] = results[1:3]
        if self.rows:
            self.seen[edges], self.after[edges] = results[3:5]
        if self.placed:
            self.enter_place[edges], self.leave_place[edges] = results[5:]

    # Stage 2: lines that are not taken

    def _set_aside(self) -> tuple[NDArray[np.bool_] | None, NDArray[np.int64]]:
        """Settle the requests on lines that their core does not take.

        Returns which edges these are (None if there are none), and those of them that are latched: the
        first on each line, which stays and absorbs the others.
        """
        waste = self.used & ~self.opened
        if not waste.any():
            return None, np.zeros(0, np.int64)
        counts = np.diff(self.start)
        dead: NDArray[np.bool_] = np.repeat(waste, counts) >> self.line & 1 != 0
        index = np.flatnonzero(dead)
        group = np.repeat(np.arange(len(self.groups)), counts)[index]
        _, at = np.unique(group * 32 + self.line[index], return_index=True)
        first, group = index[at], group[at]
        self.stuck = [
            (event, lane, line)
            for g, event, line in zip(
                group.tolist(), self.event[first].tolist(), self.line[first].tolist(), strict=True
            )
            for lane in self.groups[g]
        ]
        if self.whole.any():  # there the kernel sees to them
            dead &= ~np.repeat(self.whole, counts)
            first, group = first[~self.whole[group]], group[~self.whole[group]]
        self.fate[dead] = COALESCED
        fresh = np.sort(first[self.base[group] >> self.line[first] & 1 == 0])
        self.fate[fresh] = REQUESTED
        return dead, fresh

    def _show_latched(self, fresh: NDArray[np.int64]) -> None:
        """Add to ILR, as the rows show it, the lines that are latched and not taken.

        The edges `fresh` join them when they arrive: before what happens at the same tick in the run of a
        later arrival, after what the clock makes happen.
        """
        if self.base.any():
            latched = np.repeat(self.base, np.diff(self.start))
            self.seen |= latched
            self.after |= latched
        for index in fresh.tolist():
            group = int(self.group_of(index))
            here = slice(int(self.start[group]), int(self.start[group + 1]))
            bit, tick = 1 << int(self.line[index]), self.arrive[index]
            later = np.arange(here.start, here.stop) > index
            own = self.arrive[here]
            taken, leave = self.enter[here] - self.entry, self.leave[here]
            self.seen[here][np.where(taken == own, later, tick < taken)] |= bit
            self.after[here][np.where(leave == own, later, tick < leave)] |= bit

    def _keep_latched(self, fresh: NDArray[np.int64]) -> None:
        """Leave the edges `fresh` in the ILR of their cores, and mark all cores that were reached."""
        lanes = self.lanes
        reached = np.flatnonzero(np.diff(self.start)).tolist()
        lanes.woken[np.fromiter((lane for g in reached for lane in self.groups[g]), np.int64)] = True
        for index in fresh.tolist():
            group = int(self.group_of(index))
            for lane in self.groups[group]:
                if lane not in lanes.deep:  # there the kernel does it
                    lanes.latch(lane, int(self.line[index]), int(self.arrive[index]))

    # Stage 3: closed forms

    def _closed_forms(
        self, dead: NDArray[np.bool_] | None, live: NDArray[np.int64] | None, fresh: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Settle what is alone on its core, pairs, and long segments if lockstep can do them.

        Returns the edges that are left to the kernel, and for each group its last live edge, or -1.
        """
        lasts = np.full(len(self.groups), -1, np.int64)
        if dead is None or live is None:
            start, arrive, line = self.start, self.arrive, self.line
        else:
            start = np.concatenate(([0], np.cumsum(~dead)))[self.start]
            arrive, line = self.arrive[live], self.line[live]
        some = np.flatnonzero(start[1:] > start[:-1])
        if live is not None or not len(some):
            count = len(self.event)
            self.enter, self.leave = np.full(count, NOT_YET, np.int64), np.full(count, NOT_YET, np.int64)
            self.seen, self.after = (np.zeros(count if self.rows else 0, np.int64) for _ in range(2))
            self.enter_place, self.leave_place = (
                np.zeros(count if self.placed else 0, np.int64) for _ in range(2)
            )
        if not len(some):
            return np.zeros(0, np.int64), lasts
        start = np.append(start[some], start[-1])
        lasts[some] = start[1:] - 1 if live is None else live[start[1:] - 1]
        closed = Closed(self, some, start, arrive, line)
        flagged = closed.settle(lockstep_too=not (self.rows and len(fresh)))
        if live is None:
            self.enter, self.leave = closed.enter, closed.leave
            if self.rows:
                self.seen, self.after = closed.seen, closed.after
            if self.placed:
                self.enter_place, self.leave_place = closed.enter_place, closed.leave_place
            if closed.absorbed is not None:
                self.fate[closed.absorbed] = COALESCED
            return flagged, lasts
        self.enter[live], self.leave[live] = closed.enter, closed.leave
        if self.rows:
            self.seen[live], self.after[live] = closed.seen, closed.after
        if self.placed:
            # The runs are named by edges.
            self.enter_place[live] = renamed(closed.enter_place, live)
            self.leave_place[live] = renamed(closed.leave_place, live)
        if closed.absorbed is not None:
            self.fate[live[closed.absorbed]] = COALESCED
        return live[flagged], lasts

    # Stage 5: the kernel

    def _run_kernel(
        self, flagged: NDArray[np.int64], fresh: NDArray[np.int64], lasts: NDArray[np.int64]
    ) -> Table | None:
        """Run the edges `flagged` and the cores with exceptions under way through the kernel.

        Leaves all lanes as they are at the horizon. Returns what was carried over into this chunk.
        """
        lanes, carried = self.lanes, None
        jobs = sorted({*self.group_of(flagged).tolist(), *self.deep})
        in_kernel: set[int] = set()  # groups whose last request is the kernel's
        if jobs:
            # What is latched and stays shows in ILR, so the kernel has to see it come.
            fresh = fresh[np.isin(self.group_of(fresh), jobs)]
            edges = np.union1d(flagged, fresh) if len(fresh) else flagged
            carried = run_jobs(self, jobs, edges, fresh)
            ends = lasts < 0
            if len(flagged):
                ends |= flagged[np.minimum(np.searchsorted(flagged, lasts), len(flagged) - 1)] == lasts
            in_kernel = {g for g in jobs if ends[g]}
            self.solver.count_kernel(len(flagged))
        # All other cores end idle; the line taken last is that of the last request.
        idle = [g for g in range(len(self.groups)) if g not in in_kernel and lasts[g] >= 0]
        members = np.fromiter((lane for g in idle for lane in self.groups[g]), np.int64)
        sizes = [len(self.groups[g]) for g in idle]
        lanes.last[members] = np.repeat(self.line[lasts[idle]], sizes)
        lanes.popped[members] = True
        return carried
