"""Requests in closed form: alone on their core, in pairs, and in long segments by lockstep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector import lockstep
from kvx_emu.engine.vector.idle import BIGGEST, cut, runs
from kvx_emu.hw.register import bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.solution import Solution


class Closed:
    """The live streams of a solution, and what closed forms make of them; indices are of live edges.

    `some` are the groups, none empty, `start` their offsets. All results are as if each edge were alone
    until a stage says otherwise.
    """

    def __init__(
        self,
        solution: Solution,
        some: NDArray[np.int64],
        start: NDArray[np.int64],
        arrive: NDArray[np.int64],
        line: NDArray[np.uint8],
    ) -> None:
        self._solution = solution
        self._some = some
        self._start = start
        self._arrive = arrive
        self._line = line
        self._entry = solution.entry
        even = solution.least == solution.most
        self._service: int | NDArray[np.int64] = solution.least if even else solution.solver.service[line]
        # Where nothing takes time every request finds its core idle, and all three are one array.
        self._instant = solution.most + self._entry == 0 and not solution.deep and not solution.whole.any()
        self.enter = arrive if self._instant else arrive + self._entry
        self.leave = arrive if self._instant else self.enter + self._service
        self.absorbed: NDArray[np.int64] | None = None
        if solution.rows:
            self._bit = np.left_shift(1, line.astype(np.int64))
            self.seen = self._bit.copy()
            self.after = np.zeros(len(arrive), np.int64)
        if solution.placed:
            own = np.arange(len(arrive)) << k.RUN_SHIFT
            clock = -1 << k.RUN_SHIFT
            self.enter_place = np.where(self.enter == arrive, own, clock)
            self.leave_place = np.where(self.leave == arrive, own, clock) | 1

    def settle(self, *, lockstep_too: bool) -> NDArray[np.int64]:
        """Settle what can be settled here and return the rest, ascending."""
        solution = self._solution
        if self._instant:
            return np.zeros(0, np.int64)
        segments = cut(self._arrive, self._service + self._entry, self._start, self._busy_until())
        if segments is None:
            return np.arange(len(self._arrive))
        begin = segments.begin
        first, length = runs(begin)
        flagged = self._ends(begin, segments.done)
        if flagged is not None:
            free = ~flagged[first]
            first, length = first[free], length[free]
        nesting = solution.nesting[self._some]
        some_nest = bool(nesting.any())
        pair = length == 2
        long = ~pair
        if solution.placed and some_nest:
            pair, long = np.zeros_like(pair), np.ones_like(pair)
        if pair.any():
            self._pairs(first[pair], some_nest)
        if long.any():
            first, length = first[long], length[long]
            # Lockstep knows of no order but that of ticks; and compiled, the kernel is faster.
            suits = lockstep_too and solution.least > 0 and not solution.placed
            if suits and solution.solver.kernel is None:
                rest = ~self._lockstep(first, length)
                first, length = first[rest], length[rest]
            if len(first):
                flagged = np.zeros(len(begin), np.bool_) if flagged is None else flagged
                flagged[ranges(first, length)] = True
        return np.zeros(0, np.int64) if flagged is None else np.flatnonzero(flagged)

    def _busy_until(self) -> NDArray[np.int64]:
        """Return for each stream a tick from which its core is surely idle if nothing arrives."""
        solution = self._solution
        until = np.zeros(len(self._some), np.int64)
        if solution.deep:
            place = {int(g): i for i, g in enumerate(self._some.tolist())}
            service = solution.solver.times.service
            for g in solution.deep:
                if g in place:
                    state = solution.lanes.deep[solution.groups[g][0]]
                    total = state[k.UNTIL]
                    for depth in range(state[k.DEPTH]):
                        at = k.FRAMES + k.FRAME * depth
                        total += sum(service[line] for line in bits(state[at + k.WAITING]))
                        total += state[at + k.LEFT] if depth < state[k.DEPTH] - 1 else 0
                    total += sum(service[line] + solution.entry for line in bits(state[k.ILR]))
                    until[place[g]] = min(total, BIGGEST)
        return until

    def _ends(self, begin: NDArray[np.bool_], done: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return flags of what the kernel has to do because of the chunk's ends, None if that is nothing.

        These are the first segment of a core with an exception under way, the last one of a core that is
        not surely idle at the horizon or whose last take is not known, and all of those that run whole.
        """
        solution, some, start = self._solution, self._some, self._start
        whole = solution.whole[some]
        last = start[1:] - 1
        begins = np.flatnonzero(begin)
        at = np.searchsorted(begins, last, side="right") - 1
        last_begin = begins[at]
        late = (done > solution.horizon) | (last - last_begin >= 2)
        if solution.placed:
            late |= last != last_begin
        deep = np.isin(some, solution.deep) if solution.deep else np.zeros(len(some), np.bool_)
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
        solution, entry = self._solution, self._entry
        second = first + 1
        if isinstance(self._service, int):
            service_1 = service_2 = np.full(len(first), self._service, np.int64)
        else:
            service_1, service_2 = self._service[first], self._service[second]
        enter_2 = self.leave[first] + entry
        self.enter[second], self.leave[second] = enter_2, enter_2 + service_2
        if solution.rows:
            self.after[first] = self._bit[second]
        if solution.placed:
            clock = -1 << k.RUN_SHIFT
            self.enter_place[second], self.leave_place[second] = clock | 2, clock | 3
        if not some_nest:
            return
        stream = np.searchsorted(self._start, first, side="right") - 1
        group = self._some[stream]
        level = solution.level[solution.mode[group]]
        rows = np.arange(len(first))
        higher = level[rows, self._line[second]] > level[rows, self._line[first]]
        inner = np.flatnonzero(higher & solution.nesting[group])
        first, second = first[inner], second[inner]
        entered = self.enter[first]
        taken = np.maximum(self._arrive[second], entered)
        left = entered + service_1[inner] - taken
        self.enter[second] = taken + entry
        self.leave[second] = taken + entry + service_2[inner]
        self.leave[first] = self.leave[second] + left
        if self._solution.rows:
            self.after[first] = 0

    def _lockstep(self, first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Settle those long segments for which lockstep pays, and return which these are."""
        solution = self._solution
        batch = solution.batch[self._some]
        alike = bool(batch.all()) or solution.one_line
        tuning = solution.solver.tuning
        fewest = tuning.batches if alike else tuning.exceptions
        span = int(self._arrive.max() - self._arrive.min()) + (solution.most + self._entry) * int(
            length.max()
        )
        nobody = np.zeros(len(first), np.bool_)
        if len(first) < fewest or len(first) * (span + 2) > BIGGEST or (batch.any() and not alike):
            return nobody
        # Steps that only a few long segments still take part in cost more than they save.
        ours: NDArray[np.bool_] = length <= np.partition(length, len(length) - fewest)[len(length) - fewest]
        first, length = first[ours], length[ours]
        segments = self._arrive, self._line, first, length, self._entry, solution.solver.service[24:]
        if alike:
            solved = lockstep.batches(*segments)
        else:
            group = self._some[np.searchsorted(self._start, first, side="right") - 1]
            nesting = np.array([mode[k.NESTING] for mode in solution.lanes.modes]) != 0
            solved = lockstep.exceptions(
                *segments, solution.mode[group].astype(np.int64), solution.level[:, 24:], nesting
            )
        where = solved.where
        self.enter[where], self.leave[where] = solved.enter, solved.leave
        if solution.rows:
            self.seen[where], self.after[where] = solved.seen << 24, solved.after << 24
        self.absorbed = where[solved.coalesced]
        return ours


def ranges(first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return first[0] .. first[0] + length[0] - 1, and so on for each, in one array."""
    offset = np.cumsum(length)
    index: NDArray[np.int64] = np.repeat(first - (offset - length), length) + np.arange(int(offset[-1]))
    return index
