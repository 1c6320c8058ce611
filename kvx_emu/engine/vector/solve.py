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
from kvx_emu.engine.vector import lockstep
from kvx_emu.engine.vector.idle import BIGGEST, cut, runs
from kvx_emu.engine.vector.isolate import alone, pays, quiet_time
from kvx_emu.engine.vector.streams import CORES, Streams, bit_sums, spread
from kvx_emu.engine.vector.tuning import MEASURED, Tuning
from kvx_emu.hw.register import bits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kvx_emu.engine.vector.lanes import Lanes

REQUESTED, COALESCED, CARRIED, ENTERED = range(4)
"""Fates: latched; absorbed by one that was latched already; latched, or even entered, before this chunk."""

NOT_YET = -1
"""The tick of an enter or an exit that does not happen before the horizon, or belongs to an earlier chunk."""


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


class Table(NamedTuple):
    """The edge table of a chunk: for every request and core what became of it, core after core.

    Group g of cores (indices on the board) has the edges `start[g]` .. `start[g + 1]` - 1, in the order of
    their arrival; the same solution holds for each core of the group. A group can come twice: what was
    carried over from before the chunk stands apart. All other fields are arrays with one element an edge.
    """

    groups: list[tuple[int, ...]]
    start: NDArray[np.int64]
    event: NDArray[np.int32]  # the write, an index into the chunk's; -1 for what was carried over
    line: NDArray[np.uint8]
    arrive: NDArray[np.int64]  # ticks
    fate: NDArray[np.uint8]
    enter: NDArray[np.int64]  # ticks, or NOT_YET
    leave: NDArray[np.int64]  # ticks, or NOT_YET
    seen: NDArray[np.int64]  # ILR before the take, where there is an enter
    after: NDArray[np.int64]  # ILR at the exit, where there is a leave
    # Where in the order of rows the two belong, as the kernel counts it, the run being an edge; None where
    # the ticks tell: an enter at the tick of arrival is the arrival's, all others are the clock's.
    enter_place: NDArray[np.int64] | None
    leave_place: NDArray[np.int64] | None
    own: int  # edges of writes, which come before all that was carried over

    def group_of(self) -> NDArray[np.int64]:
        """Return the group of each edge."""
        return np.repeat(np.arange(len(self.groups)), np.diff(self.start))


class Solved(NamedTuple):
    """What became of a chunk's requests.

    `isolated` (uint32) are the bits of each write that were alone on their core, and so are delivered: they
    are not in the table; None if there are none. `stuck` lists the first request on each line that its core
    does not take as things stand: its write, the core's index and the line.
    """

    table: Table
    isolated: NDArray[np.uint32] | None
    stuck: list[tuple[int, int, int]]


class Solver:
    """Solves chunk after chunk on the same lanes, which are taken over already.

    `lane_of[cluster, pid]` is the index of each core; `kernel` is `kernel.advance` compiled, or None for
    Python; `tuning` says what pays. `edges` counts the requests, `by_kernel` those
    that the kernel settled.
    """

    def __init__(
        self,
        lanes: Lanes,
        times: Times,
        lane_of: NDArray[np.int32],
        tuning: Tuning = MEASURED,
        kernel: Callable[..., None] | None = None,
    ) -> None:
        self.lanes = lanes
        self.times = times
        self.service = np.array(times.service, np.int64)
        self.kernel = kernel
        self.tuning = tuning
        self.edges = 0
        self.by_kernel = 0
        self._lane_of = lane_of

    def solve(self, work: Work, horizon: int, *, rows: bool, words: bool) -> Solved:
        """Let all of `work` arrive and everything happen up to and including the tick `horizon`.

        Nothing of `work` arrives later. `rows` says that `seen`, `after` and the places are wanted, `words`
        that whole words may be settled without an edge for each bit.
        """
        self.edges += int(bit_sums(work.raised).sum())
        isolated = self._isolate(work, horizon) if words else None
        raised = work.raised if isolated is None else work.raised & ~isolated
        streams = spread(work.cluster, raised, self._lane_of, self._kinds())
        chunk = _Chunk(self, streams, work, horizon, rows=rows)
        table = chunk.solve()
        if isolated is not None:
            self._keep_isolated(work, isolated, streams)
        return Solved(table, isolated, chunk.stuck)

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

    def _kinds(self) -> NDArray[np.int64]:
        """Return a number for each core, equal for those with equal rules and states."""
        lanes = self.lanes
        kinds = lanes.mode.astype(np.int64) << 32 | lanes.ilr
        known: dict[tuple[int, ...], int] = {}
        for lane, state in lanes.deep.items():
            key = (int(lanes.mode[lane]), *state)
            kinds[lane] = 1 << 62 | known.setdefault(key, len(known))
        return kinds


class _Chunk:
    """One chunk on its way through the stages; indices are edges unless they are said to be of live ones.

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
            held |= state[k.ILR] | sum(1 << line for line, _ in _taken(state))
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

    def solve(self) -> Table:
        """Go through the stages and return the table; the lanes are left as they are at the horizon."""
        dead, fresh = self._set_aside()
        live = None if dead is None else np.flatnonzero(~dead)
        flagged, lasts = self._closed_forms(dead, live, fresh)
        if self.rows:
            self._show_latched(fresh)
        self._keep_latched(fresh)
        carried = self._run_kernel(flagged, fresh, lasts)
        return self._table(carried)

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
            group = int(np.searchsorted(self.start, index, side="right")) - 1
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
            group = int(np.searchsorted(self.start, index, side="right")) - 1
            for lane in self.groups[group]:
                if lane not in lanes.deep:
                    lanes.ilr[lane] |= 1 << int(self.line[index])
                lanes.latched[lane, int(self.line[index])] = int(self.arrive[index])

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
        closed = _Closed(self, some, start, arrive, line)
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
            self.enter_place[live] = _renamed(closed.enter_place, live)
            self.leave_place[live] = _renamed(closed.leave_place, live)
        if closed.absorbed is not None:
            self.fate[live[closed.absorbed]] = COALESCED
        return live[flagged], lasts

    # Stage 5: the kernel

    def _run_kernel(
        self, flagged: NDArray[np.int64], fresh: NDArray[np.int64], lasts: NDArray[np.int64]
    ) -> list[_Carried]:
        """Run the edges `flagged` and the cores with exceptions under way through the kernel.

        Leaves all lanes as they are at the horizon. Returns what was carried over into this chunk.
        """
        lanes, solver = self.lanes, self.solver
        group_of = np.searchsorted(self.start, flagged, side="right") - 1
        jobs = sorted({*group_of.tolist(), *self.deep})
        ends_in_kernel = set()
        if jobs:
            if len(fresh):
                # What is latched and stays shows in ILR, so the kernel has to see it come.
                fresh = fresh[np.isin(np.searchsorted(self.start, fresh, side="right") - 1, jobs)]
                edges = np.union1d(flagged, fresh)
                group_of = np.searchsorted(self.start, edges, side="right") - 1
            else:
                edges = flagged
            carried = self._run_jobs(jobs, edges, group_of, fresh)
            at = np.minimum(np.searchsorted(flagged, lasts), max(0, len(flagged) - 1))
            ends = flagged[at] == lasts if len(flagged) else lasts < 0
            ends_in_kernel = {g for g in jobs if ends[g] or lasts[g] < 0}
            solver.by_kernel += len(flagged)
        else:
            carried = []
        # All other cores end idle; the line taken last is that of the last request.
        idle = [g for g in range(len(self.groups)) if g not in ends_in_kernel and lasts[g] >= 0]
        members = np.fromiter((lane for g in idle for lane in self.groups[g]), np.int64)
        sizes = [len(self.groups[g]) for g in idle]
        lanes.last[members] = np.repeat(self.line[lasts[idle]], sizes)
        lanes.popped[members] = True
        return carried

    def _run_jobs(
        self,
        jobs: list[int],
        edges: NDArray[np.int64],
        group_of: NDArray[np.int64],
        fresh: NDArray[np.int64],
    ) -> list[_Carried]:
        """Run one kernel job for each group of `jobs`, on its part of `edges` (ascending)."""
        lanes, solver = self.lanes, self.solver
        states: list[int] = []
        carried: list[_Carried] = []
        ticks: list[int] = []
        lines: list[int] = []
        late = {
            (int(np.searchsorted(self.start, e, side="right")) - 1, int(self.line[e])) for e in fresh.tolist()
        }
        for g in jobs:
            state = lanes.state_of(self.groups[g][0])
            held = _taken(state)
            before = len(ticks)
            for slot, (line, entered) in [(k.HELD, item) for item in held] + [
                (k.ASKED, (line, False)) for line in bits(state[k.ILR]) if (g, line) not in late
            ]:
                ticks.append(state[slot + line])
                lines.append(line)
                state[slot + line] = len(ticks) - 1
                carried.append(_Carried(g, len(ticks) - 1, line, ENTERED if entered else CARRIED))
            if fresh.size:
                state[k.ILR] &= ~sum(1 << line for group, line in late if group == g)
            assert len(ticks) >= before
            states += state
        known = len(ticks)
        position = np.searchsorted(group_of, jobs, side="left")
        last = np.searchsorted(group_of, jobs, side="right")
        count = known + len(edges)
        arrive = np.concatenate((np.array(ticks, np.int64), self.arrive[edges]))
        line_of = np.concatenate((np.array(lines, np.int64), self.line[edges].astype(np.int64)))
        arrays = [
            (position + known).astype(np.int64),
            (last + known).astype(np.int64),
            self.mode[jobs].astype(np.int64),
            np.array(lanes.modes, np.int64).reshape(-1),
            solver.service,
            np.array(k.LOWEST, np.int64),
            arrive,
            line_of,
            np.array(states, np.int64),
        ]
        results = [np.zeros(count, np.int64), *(np.full(count, NOT_YET, np.int64) for _ in range(2))]
        results += [np.zeros(count, np.int64) for _ in range(4)]
        self._call(arrays, results)
        states = arrays[8].tolist()
        fate, enter, leave, seen, after, enter_place, leave_place = results
        own = slice(known, None)
        self.fate[edges] = fate[own]
        self.enter[edges], self.leave[edges] = enter[own], leave[own]
        if self.rows:
            self.seen[edges], self.after[edges] = seen[own], after[own]
        name = np.concatenate((np.full(known, -1), edges))
        enter_place, leave_place = _renamed(enter_place, name), _renamed(leave_place, name)
        if self.placed:
            self.enter_place[edges], self.leave_place[edges] = enter_place[own], leave_place[own]
        for item in carried:
            at = item.at
            item.result = (
                int(arrive[at]),
                int(enter[at]) if item.fate != ENTERED else NOT_YET,
                int(leave[at]),
                int(seen[at]),
                int(after[at]),
                int(enter_place[at]),
                int(leave_place[at]),
            )
        ticks = arrive.tolist()
        for j, g in enumerate(jobs):
            state = states[j * k.STATE : (j + 1) * k.STATE]
            for line in range(32):
                if state[k.ILR] >> line & 1:
                    state[k.ASKED + line] = ticks[state[k.ASKED + line]]
            for line, _ in _taken(state):
                state[k.HELD + line] = ticks[state[k.HELD + line]]
            state[k.TURN] = 0
            for lane in self.groups[g]:
                lanes.keep(lane, state)
        return carried

    def _call(self, arrays: list[NDArray[np.int64]], results: list[NDArray[np.int64]]) -> None:
        """Call the kernel on arrays, or on lists if it is not compiled; `results` and the state are filled."""
        first, last, mode_of, modes, service, lowest, arrive, line_of, state = arrays
        jobs, horizon, entry = len(first), self.horizon, self.entry
        if self.solver.kernel is not None:
            where = first, last, mode_of
            inputs = modes, entry, service, lowest, arrive, line_of
            self.solver.kernel(jobs, *where, horizon, *inputs, state, *results)
            return
        lists = [
            array.tolist() for array in (first, last, mode_of, modes, service, lowest, arrive, line_of, state)
        ]
        filled = [array.tolist() for array in results]
        k.advance(
            jobs, lists[0], lists[1], lists[2], horizon, lists[3], entry, *lists[4:9], *filled
        )  # fmt: skip
        state[:] = lists[8]
        for array, values in zip(results, filled, strict=True):
            array[:] = values

    # The table

    def _table(self, carried: list[_Carried]) -> Table:
        carried = [item for item in carried if item.result[1] >= 0 or item.result[2] >= 0]
        groups, start = self.groups, self.start
        columns = [
            self.arrive,
            self.enter,
            self.leave,
            self.seen,
            self.after,
            self.enter_place,
            self.leave_place,
        ]
        wanted = [True, True, True, self.rows, self.rows, self.placed, self.placed]
        event, line, fate = self.event, self.line, self.fate
        if carried:
            groups = groups + [self.groups[item.group] for item in carried]
            start = np.concatenate((start, start[-1] + 1 + np.arange(len(carried))))
            event = np.concatenate((event, np.full(len(carried), -1, np.int32)))
            line = np.concatenate((line, np.array([item.line for item in carried], np.uint8)))
            fate = np.concatenate((fate, np.array([item.fate for item in carried], np.uint8)))
            columns = [
                np.concatenate((column, np.array([item.result[i] for item in carried], np.int64)))
                if want
                else column
                for i, (column, want) in enumerate(zip(columns, wanted, strict=True))
            ]
        arrive, enter, leave, seen, after, enter_place, leave_place = columns
        return Table(
            groups, start, event, line, arrive, fate, enter, leave, seen, after,
            enter_place if self.placed else None,
            leave_place if self.placed else None,
            len(self.event),
        )  # fmt: skip


def _taken(state: list[int]) -> list[tuple[int, bool]]:
    """Return the lines of the exceptions under way whose handlers have not ended, and whether they began."""
    taken = []
    for depth in range(state[k.DEPTH]):
        at = k.FRAMES + k.FRAME * depth
        taken += [(line, False) for line in bits(state[at + k.WAITING])]
        if depth < state[k.DEPTH] - 1 or not state[k.ENTERING]:
            taken.append((state[at + k.LINE], True))
    return taken


class _Carried:
    """A request from before the chunk, latched, taken or entered; `at` is its index in the kernel's arrays."""

    def __init__(self, group: int, at: int, line: int, fate: int) -> None:
        self.group = group
        self.at = at
        self.line = line
        self.fate = fate
        self.result: tuple[int, ...] = ()  # arrive, enter, leave, seen, after and the two places


class _Closed:
    """The live streams of a chunk, and what closed forms make of them; indices are of live edges.

    `some` are the groups, none empty, `start` their offsets. All results are as if each edge were alone
    until a stage says otherwise.
    """

    def __init__(
        self,
        chunk: _Chunk,
        some: NDArray[np.int64],
        start: NDArray[np.int64],
        arrive: NDArray[np.int64],
        line: NDArray[np.uint8],
    ) -> None:
        self._chunk = chunk
        self._some = some
        self._start = start
        self._arrive = arrive
        self._line = line
        self._entry = chunk.entry
        even = chunk.least == chunk.most
        self._service: int | NDArray[np.int64] = chunk.least if even else chunk.solver.service[line]
        self.enter = arrive + self._entry if self._entry else arrive.copy()
        self.leave = self.enter + self._service
        self.absorbed: NDArray[np.int64] | None = None
        if chunk.rows:
            self._bit = np.left_shift(1, line.astype(np.int64))
            self.seen = self._bit.copy()
            self.after = np.zeros(len(arrive), np.int64)
        if chunk.placed:
            own = np.arange(len(arrive)) << k.RUN_SHIFT
            clock = -1 << k.RUN_SHIFT
            self.enter_place = np.where(self.enter == arrive, own, clock)
            self.leave_place = np.where(self.leave == arrive, own, clock) | 1

    def settle(self, *, lockstep_too: bool) -> NDArray[np.int64]:
        """Settle what can be settled here and return the rest, ascending."""
        chunk = self._chunk
        if chunk.most + chunk.entry == 0 and not chunk.deep and not chunk.whole.any():
            return np.zeros(0, np.int64)  # nothing takes time: every request finds its core idle
        segments = cut(self._arrive, self._service + self._entry, self._start, self._busy_until())
        if segments is None:
            return np.arange(len(self._arrive))
        begin = segments.begin
        first, length = runs(begin)
        flagged = self._ends(begin, segments.done)
        if flagged is not None:
            free = ~flagged[first]
            first, length = first[free], length[free]
        nesting = chunk.nesting[self._some]
        some_nest = bool(nesting.any())
        pair = length == 2
        long = ~pair
        if chunk.placed and some_nest:
            pair, long = np.zeros_like(pair), np.ones_like(pair)
        if pair.any():
            self._pairs(first[pair], some_nest)
        if long.any():
            first, length = first[long], length[long]
            if lockstep_too and chunk.least and chunk.solver.kernel is None:  # compiled, that is faster
                rest = ~self._lockstep(first, length)
                first, length = first[rest], length[rest]
            if len(first):
                flagged = np.zeros(len(begin), np.bool_) if flagged is None else flagged
                flagged[_ranges(first, length)] = True
        return np.zeros(0, np.int64) if flagged is None else np.flatnonzero(flagged)

    def _busy_until(self) -> NDArray[np.int64]:
        """Return for each stream a tick from which its core is surely idle if nothing arrives."""
        chunk = self._chunk
        until = np.zeros(len(self._some), np.int64)
        if chunk.deep:
            place = {int(g): i for i, g in enumerate(self._some.tolist())}
            service = chunk.solver.times.service
            for g in chunk.deep:
                if g in place:
                    state = chunk.lanes.deep[chunk.groups[g][0]]
                    total = state[k.UNTIL]
                    for depth in range(state[k.DEPTH]):
                        at = k.FRAMES + k.FRAME * depth
                        total += sum(service[line] for line in bits(state[at + k.WAITING]))
                        total += state[at + k.LEFT] if depth < state[k.DEPTH] - 1 else 0
                    total += sum(service[line] + chunk.entry for line in bits(state[k.ILR]))
                    until[place[g]] = min(total, BIGGEST)
        return until

    def _ends(self, begin: NDArray[np.bool_], done: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return flags of what the kernel has to do because of the chunk's ends, None if that is nothing.

        These are the first segment of a core with an exception under way, the last one of a core that is
        not surely idle at the horizon or whose last take is not known, and all of those that run whole.
        """
        chunk, some, start = self._chunk, self._some, self._start
        whole = chunk.whole[some]
        last = start[1:] - 1
        begins = np.flatnonzero(begin)
        at = np.searchsorted(begins, last, side="right") - 1
        last_begin = begins[at]
        late = (done > chunk.horizon) | (last - last_begin >= 2)
        if chunk.placed:
            late |= last != last_begin
        deep = np.isin(some, chunk.deep) if chunk.deep else np.zeros(len(some), np.bool_)
        if not (whole.any() or late.any() or deep.any()):
            return None
        flagged = np.zeros(len(begin), np.bool_)
        for i in np.flatnonzero(late).tolist():
            flagged[last_begin[i] : start[i + 1]] = True
        for i in np.flatnonzero(deep).tolist():
            following = np.searchsorted(begins, start[i], side="right")
            stop = begins[following] if following < len(begins) else len(begin)
            flagged[start[i] : stop] = True
        for i in np.flatnonzero(whole).tolist():
            flagged[start[i] : start[i + 1]] = True
        return flagged

    def _pairs(self, first: NDArray[np.int64], some_nest: bool) -> None:
        """Settle segments of two requests.

        The second arrives while the first is in hand, so it is latched. If its line may interrupt, it is
        taken as soon as the first has entered; otherwise when the first has left.
        """
        chunk, entry = self._chunk, self._entry
        second = first + 1
        if isinstance(self._service, int):
            service_1 = service_2 = np.full(len(first), self._service, np.int64)
        else:
            service_1, service_2 = self._service[first], self._service[second]
        enter_2 = self.leave[first] + entry
        self.enter[second], self.leave[second] = enter_2, enter_2 + service_2
        if chunk.rows:
            self.after[first] = self._bit[second]
        if chunk.placed:
            clock = -1 << k.RUN_SHIFT
            self.enter_place[second], self.leave_place[second] = clock | 2, clock | 3
        if not some_nest:
            return
        stream = np.searchsorted(self._start, first, side="right") - 1
        group = self._some[stream]
        level = chunk.level[chunk.mode[group]]
        rows = np.arange(len(first))
        higher = level[rows, self._line[second]] > level[rows, self._line[first]]
        inner = np.flatnonzero(higher & chunk.nesting[group])
        first, second = first[inner], second[inner]
        entered = self.enter[first]
        taken = np.maximum(self._arrive[second], entered)
        left = entered + service_1[inner] - taken
        self.enter[second] = taken + entry
        self.leave[second] = taken + entry + service_2[inner]
        self.leave[first] = self.leave[second] + left
        if chunk.rows:
            self.after[first] = 0

    def _lockstep(self, first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Settle those long segments for which lockstep pays, and return which these are."""
        chunk = self._chunk
        batch = chunk.batch[self._some]
        alike = bool(batch.all()) or chunk.one_line
        tuning = chunk.solver.tuning
        fewest = tuning.batches if alike else tuning.exceptions
        span = int(self._arrive.max() - self._arrive.min()) + (chunk.most + self._entry) * int(length.max())
        nobody = np.zeros(len(first), np.bool_)
        if len(first) < fewest or len(first) * (span + 2) > BIGGEST or (batch.any() and not alike):
            return nobody
        # Steps that only a few long segments still take part in cost more than they save.
        ours: NDArray[np.bool_] = length <= np.partition(length, len(length) - fewest)[len(length) - fewest]
        first, length = first[ours], length[ours]
        segments = self._arrive, self._line, first, length, self._entry, chunk.solver.service[24:]
        if alike:
            solved = lockstep.batches(*segments)
        else:
            group = self._some[np.searchsorted(self._start, first, side="right") - 1]
            nesting = np.array([mode[k.NESTING] for mode in chunk.lanes.modes]) != 0
            solved = lockstep.exceptions(
                *segments, chunk.mode[group].astype(np.int64), chunk.level[:, 24:], nesting
            )
        where = solved.where
        self.enter[where], self.leave[where] = solved.enter, solved.leave
        if chunk.rows:
            self.seen[where], self.after[where] = solved.seen << 24, solved.after << 24
        self.absorbed = where[solved.coalesced]
        return ours


def _ranges(first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return first[0] .. first[0] + length[0] - 1, and so on for each, in one array."""
    offset = np.cumsum(length)
    index: NDArray[np.int64] = np.repeat(first - (offset - length), length) + np.arange(int(offset[-1]))
    return index


def _renamed(place: NDArray[np.int64], name: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return places whose runs are indices into `name` as places whose runs are its values."""
    run = place >> k.RUN_SHIFT
    named = np.where(run < 0, -1, name[np.maximum(run, 0)]) if len(name) else run
    return named << k.RUN_SHIFT | (place & ((1 << k.RUN_SHIFT) - 1))
