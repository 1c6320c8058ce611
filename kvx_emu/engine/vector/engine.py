"""The vector engine: the reference engine, with whole stretches of writes solved at once.

Steps that only write to the IPI controllers or let time pass make stretches. At the start of one the cores
are taken over from their models, at the end they are given back as the reference would have left them; all
other steps are the reference's own. So every script gives the same rows, and what can not be solved as a
whole is not solved here: a stretch that is short, or that finds a core in a state that the solvers do not
know, runs on the reference.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.core_id import CoreId
from kvx_emu.engine.batch import draws, reach_of, stretches, ticks_of, writes_of
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.run import ARRIVAL
from kvx_emu.engine.software import Linux
from kvx_emu.engine.vector import kernel
from kvx_emu.engine.vector.chunk import Chunk, Names
from kvx_emu.engine.vector.counts import counts_of, waits_of
from kvx_emu.engine.vector.events import Events, join, no_events
from kvx_emu.engine.vector.lanes import Lanes
from kvx_emu.engine.vector.masks import in_force
from kvx_emu.engine.vector.plan import Plan
from kvx_emu.engine.vector.replay import Decoder, reach_of_writes, spans
from kvx_emu.engine.vector.rows import rows_of
from kvx_emu.engine.vector.solve import Solver, Times, Work
from kvx_emu.engine.vector.streams import bit_sums
from kvx_emu.engine.vector.tuning import MEASURED, Tuning
from kvx_emu.hw.register import bits
from kvx_emu.models.core import LINES
from kvx_emu.models.ipi_ctrl import CORES, FIRST_LINE, SETS
from kvx_emu.script.actions import Random, Repeat, Wait
from kvx_emu.script.replay.rows import Chunk as TableRows
from kvx_emu.trace.tally import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from kvx_emu.engine.run import Entry, Watch
    from kvx_emu.engine.vector.table import Table
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Action, Program, Replay
    from kvx_emu.trace.sink import Sink

PORTION = 256
"""Writes that the reference makes before it is tried again whether the rest can be solved as a whole."""

LATEST = 1 << 61
"""Ticks up to which sums of times surely fit 64 bits."""

RINGS = "a timer runs out meanwhile"
FULL = "a limit of events may be met"


class Vector(Reference):
    """Runs a program as `Reference` does, and with the same results.

    `tuning` are sizes that matter to the time alone. `tables` takes the edge table of each chunk. `fast`
    says whether the kernel is compiled by numba: at once, never, or (None) once it has had much to do.
    `plan` makes the writes. After the run, `told` says what was done how, for people.
    """

    def __init__(
        self,
        machine: Machine,
        program: Program,
        sinks: Sequence[Sink] = (),
        *,
        limit_ticks: int | None = None,
        limit_events: int | None = None,
        tuning: Tuning = MEASURED,
        tables: Callable[[Table], None] | None = None,
        fast: bool | None = None,
        plan: Plan | None = None,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(
            machine, program, sinks, limit_ticks=limit_ticks, limit_events=limit_events, watch=watch
        )
        self._plan = Plan(machine, program) if plan is None else plan
        self._tuning = tuning
        self._tables = tables
        self._rows = bool(sinks) or bool(self._judge.lookout)
        if not self._rows:
            self._judge.forget_rows()  # those of some steps alone would mislead
        self._limit_events = limit_events
        self._delivery = program.delivery
        self._stretches: dict[int, list[tuple[bool, Sequence[Action]]]] = {}
        self._cuts: dict[tuple[int, int], Repeat] = {}  # by body and rounds: parts of repeats, see _cut
        self._programs: list[Sequence[Action]] = []  # keeps them alive, so that an id means one of them
        self._order = list(self._cpus.values())
        clusters = max((core.cluster for core in self._cpus), default=0) + 1
        self._lane_of = np.full((clusters, CORES), -1, np.int32)
        self._wired = np.zeros(clusters, np.uint32)  # target bits that have a core
        for cluster, port in self._ports.items():
            for pid, cpu in port.cpus.items():
                self._lane_of[cluster, pid] = cpu.index
                self._wired[cluster] |= np.uint32(1 << pid)
        self._names = Names(
            np.array([cpu.id.cluster for cpu in self._order], np.int16),
            np.array([cpu.id.pid for cpu in self._order], np.int8),
        )
        self._lanes = Lanes(self._order, self._run, latency=program.latency)
        times = Times(program.entry, program.service)
        self._solver = Solver(self._lanes, times, self._lane_of, tuning, fast)
        self._sent = np.zeros((clusters, SETS, CORES), np.int64)  # target bits of the solved writes
        self._decoder = Decoder(self._plan.sets)
        self._holding = False  # whether cores and what is under way are taken over
        self._flight = no_events()  # writes whose requests have not arrived
        self._raised = np.zeros(0, np.uint32)  # their target bits that no mask stopped
        longest = max(program.service) + program.entry + program.delivery
        self._tame = longest < LATEST
        self.solved = 0  # writes solved here
        self.refused: dict[str, int] = {}  # why writes went to the reference, and how many

    # Which steps make a stretch

    def _steps(self, program: Sequence[Action]) -> None:
        parts = self._parts(program)
        for number, (solve, actions) in enumerate(parts):
            if solve and self._may_solve(actions):
                after = parts[number + 1][1][0] if number + 1 < len(parts) else None
                self._stretch(actions, settle=self._settles(program, after))
            else:
                super()._steps(actions)

    def _settles(self, program: Sequence[Action], after: Action | None) -> bool:
        """Tell whether what follows a stretch lets all that is outstanding happen: then it is solved too."""
        if self._limit_events is not None:
            return False
        if after is None:
            return program is self._program.actions
        return isinstance(after, Wait) and after.ticks is None and after.at is None

    def _parts(self, program: Sequence[Action]) -> list[tuple[bool, Sequence[Action]]]:
        """Return the stretches of a list of steps, each with whether it is worth solving."""
        parts = self._stretches.get(id(program))
        if parts is None:
            self._programs.append(program)
            parts = self._stretches[id(program)] = [
                (plain and self._tame and _writes(part) >= self._tuning.batch, part)
                for plain, part in stretches(program, self._plan.sets)
            ]
        return parts

    def _may_solve(self, actions: Sequence[Action]) -> bool:
        """Tell whether the times of a stretch are fine, and that it surely meets no limit of events."""
        now = self._run.now
        for action in actions:
            if action.at is not None:
                if action.at < now:
                    return False
                now = action.at
            now += ticks_of(action)
        writes = _writes(actions)
        if now >= LATEST:
            return self._not_solved("ticks beyond 2^61", writes)
        return self._has_room(writes) or self._not_solved(FULL, writes)

    def _has_room(self, writes: int) -> bool:
        """Tell whether so many writes from now on, and what is under way, surely meet no limit of events."""
        if self._limit_events is None:
            return True
        flying = len(self._flight.tick) + sum(entry[1] == ARRIVAL for entry in self._run.queue)
        most = (writes + flying) * (1 + 3 * CORES) + 100 * len(self._order)
        return self._judge.tally.rows + len(self._run.rows) + most < self._limit_events

    def _bell(self) -> int | None:
        """Return the tick at which a timer of a core runs out next, None if none does."""
        alarms = self._run.alarms
        while alarms and alarms[0][2].due != alarms[0][0]:
            heappop(alarms)  # void
        return alarms[0][0] if alarms else None

    def _not_solved(self, why: str, writes: int) -> bool:
        self.refused[why] = self.refused.get(why, 0) + writes
        return False

    # A stretch

    def _stretch(self, actions: Sequence[Action], *, settle: bool) -> None:
        """Do the actions of a stretch: as many at once as can be, and the reference those in between.

        With `settle` also all that is outstanding when they are done.
        """
        portion = PORTION
        while actions:
            part = self._before_bell(actions)
            rest = actions[len(part) :]
            why = self._hindrance(part)
            if why is None:
                for action in part:
                    if isinstance(action, Repeat) and action.at is None:
                        self._cuts[id(action.body), action.count] = action
                self._expand(part, settle=settle and not rest)
                actions = rest
                continue
            first, actions = actions[:1], actions[1:]
            if isinstance(first[0], Random):
                self._expand(first, why, settle=settle and not actions)
                continue
            if why is RINGS and part:  # too few to be taken over for, one as the other
                first, actions = part, rest
            elif isinstance(first[0], Repeat) and first[0].count > 1 and not draws(first[0]):
                actions = (*self._rounds(first[0], why, portion), *actions)
                portion *= 2
                continue
            self._not_solved(why, _writes(first))
            super()._steps(first)

    def _rounds(self, action: Repeat, why: str, portion: int) -> Sequence[Repeat]:
        """Let the reference go some rounds of a repeat, of about `portion` writes; return what is left of it.

        Before a timer that runs out, what is worth solving is cut off instead. The repeat draws nothing, so
        its rounds are all alike.
        """
        run, every = self._run, action.every
        run.place = action.place
        if action.at is not None:
            run.advance(action.at)
        writes, period = writes_of(action) // action.count, ticks_of(action) // action.count
        rounds = portion // max(writes, 1) + 1
        bell = self._bell()
        if why is RINGS and bell is not None and period:
            before = (bell - 1 - run.now) // period
            if before < action.count and before * writes >= self._tuning.batch:
                return self._cut(action, before), self._cut(action, action.count - before)
            rounds = before + self._tuning.batch // max(writes, 1) + 1
        if rounds >= action.count:
            self._not_solved(why, writes_of(action))
            super()._steps([replace(action, at=None)])
            return ()
        if writes < self._tuning.batch:  # else each round is tried by itself
            self._not_solved(why, rounds * writes)
        run.pause()
        start = run.now
        self._iterations.append(0)
        for k in range(rounds):
            if every is not None:
                self._meet(action, start + k * every)
            self._steps(action.body)
        self._iterations.pop()
        if every is not None:
            self._meet(action, start + rounds * every)
        return (self._cut(action, action.count - rounds),)

    def _cut(self, action: Repeat, count: int) -> Repeat:
        """Return so many rounds of a repeat, the same object each time once it was expanded."""
        found = self._cuts.get((id(action.body), count))
        return replace(action, at=None, count=count) if found is None else found

    def _before_bell(self, actions: Sequence[Action]) -> Sequence[Action]:
        """Return the first of consecutive actions: those that end before a timer runs out.

        What it does comes between their rows, and a timer can act on any core through its handler.
        """
        bell = self._bell()
        if bell is None:
            return actions
        now = self._run.now
        for count, action in enumerate(actions):
            now = (now if action.at is None else action.at) + ticks_of(action)
            if now >= bell:
                return actions[:count]
        return actions

    def _hindrance(self, actions: Sequence[Action]) -> str | None:
        """Take over what the actions need and return None, or why they can not be solved, or should not."""
        writes = _writes(actions)
        if writes < self._tuning.batch and self._bell() is not None:
            return RINGS
        if not self._has_room(writes):
            return FULL
        return self._take_over(reach_of(actions, self._plan.sets))

    def _expand(self, actions: Sequence[Action], why: str | None = None, *, settle: bool) -> None:
        """Make the writes of some actions; `why` says why they can not be solved at once, if so.

        Then it must be one action, whose place is that of all that happens meanwhile: see `_make`.
        """
        run = self._run
        limit = run.limit_ticks
        reach = reach_of(actions, self._plan.sets) if why is not None else {}
        try:
            for events, until in self._plan.expand(
                actions, run.now, self._iterations, self._tuning.chunk, limit
            ):
                if why is None:
                    self._solve(events, min(until, limit))
                else:
                    self._make(events, min(until, limit), reach)
                if run.now < until:
                    self._hand_back()
                    run.place = actions[-1].place
                    run.advance(until)  # which stops the run at its limit
            if settle and self._holding and self._bell() is None:
                self._solve(no_events(), min(limit, LATEST), settle=True)
        finally:
            self._hand_back()
        run.place = actions[-1].place

    def _make(self, events: Events, until: int, reach: dict[int, tuple[int, int]]) -> None:
        """Make the writes of one step, which can not all be solved at once, and move on towards `until`.

        Where it can not be, the reference makes some and then it is tried again: what is in the way may
        pass. `reach` is what they may reach, see `batch.reach_of`.
        """
        at, portion, count = 0, PORTION, len(events.tick)
        while at < count:
            bell = self._bell()
            end, last = count, until
            if bell is not None and bell <= until:
                end = int(np.searchsorted(events.tick, bell, side="left"))
                last = bell - 1
            end = min(end, at + self._tuning.chunk)
            if end < count:
                last = min(last, int(events.tick[end]))
            if bell is not None and end - at < self._tuning.batch:
                stop = max(end, at + self._tuning.batch)  # so many cost no more than to look so often
                self._by_reference(events.part(at, stop), RINGS)
                at = stop
                continue
            why = self._take_over(reach) if self._has_room(end - at) else FULL
            if why is None:
                self._solve(events.part(at, end), last)
                at = end
                continue
            self._by_reference(events.part(at, at + portion), why)
            at += portion
            portion *= 2

    # A table

    def _replay(self, action: Replay) -> None:
        """Make the writes of a table: those of long plain parts at once, the others one by one."""
        run, table = self._run, action.table
        start, step = run.now, self._plan.step(action)
        usual = self._plan.sets.addresses and self._tame
        if usual and start + table.last >= LATEST:
            usual = self._not_solved("ticks beyond 2^61", table.rows)
        if not usual:
            super()._replay(action)
            return
        done = 0
        try:
            for chunk in table.chunks():
                writes, odd = self._decoder.decode(chunk, start, step)
                count = len(odd)
                stop = int(np.searchsorted(writes.tick, run.limit_ticks, side="right"))
                for plain, begin, end in spans(odd[:stop], self._tuning.batch):
                    if plain:
                        part = writes.part(begin, end)
                        self._make(part, int(part.tick[-1]), reach_of_writes(part))
                    else:
                        rows = TableRows._make(column[begin:end] for column in chunk)
                        self._replay_rows(action, rows, start, done + begin + 1)
                if stop < count:
                    self._hand_back()
                    run.advance(int(writes.tick[stop]))  # which stops the run at its limit
                done += count
        finally:
            self._hand_back()
        run.place = action.place

    def _replay_rows(self, action: Replay, rows: TableRows, start: int, first: int) -> None:
        """Make the writes of any rows one by one, from the row of the number `first` on."""
        self._hand_back()
        run = self._run
        self._not_solved("rows of a table that are not plain, or too few together", len(rows.tick))
        for number, (tick, address, value, writer) in enumerate(rows.writes(), first):
            run.advance(start + tick)
            run.pause()
            self._write_bus(action.place, writer, address, 4, value, number)

    # Taking over

    def _take_flight(self) -> None:
        """Take the writes that are on their way from the queue."""
        queue = self._run.queue
        parcels = sorted(entry for entry in queue if _is_write(entry))
        queue[:] = [entry for entry in queue if not _is_write(entry)]
        heapify(queue)
        rows = []
        places = self._plan.places
        numbers = {id(place): step for step, place in enumerate(places)} if parcels else {}
        for due, _, _, line, _, (cpus, cluster, pid, place) in parcels:
            raised = sum(1 << cpu.id.pid for cpu in cpus)
            step = numbers.get(id(place))
            if step is None:
                step = numbers[id(place)] = len(places)
                places.append(place)
            rows.append((due - self._delivery, cpus[0].id.cluster, line, raised, False, cluster, pid, step))
        columns = zip(*rows, strict=True) if rows else [()] * 8
        kinds = (column.dtype for column in no_events())
        self._flight = Events._make(
            np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)
        )
        self._raised = self._flight.value.astype(np.uint32)

    def _hand_back(self) -> None:
        """Give the cores back to their models, and the writes that are on their way to the queue."""
        if not self._holding:
            return
        self._holding = False
        self._lanes.give_back()
        run = self._run
        flight = self._flight
        for i in range(len(flight.tick)):
            cluster = int(flight.cluster[i])
            port = self._ports[cluster]
            cpus = port.targets(int(self._raised[i]))
            parcel = (
                cpus,
                int(flight.from_cluster[i]),
                int(flight.from_core[i]),
                self._plan.places[int(flight.step[i])],
            )
            due = int(flight.tick[i]) + self._delivery
            heappush(run.queue, (due, ARRIVAL, run.ticket(), int(flight.line[i]), run.arrive, parcel))
        self._flight = no_events()
        self._raised = np.zeros(0, np.uint32)
        run.flush()  # which sees how many rows there may be still

    def _by_reference(self, events: Events, why: str) -> None:
        """Make some writes one by one."""
        self._hand_back()
        run, places = self._run, self._plan.places
        self._not_solved(why, len(events.tick))
        for tick, cluster, line, value, to_mask, from_cluster, from_core, step in zip(
            *(column.tolist() for column in events), strict=True
        ):
            run.place = places[step]
            run.advance(tick)
            run.pause()
            self._acts(CoreId(from_cluster, from_core))
            model = self._machine.controllers[cluster].model
            self._write_set(model.MASK if to_mask else model.INTERRUPT, line, cluster, value)

    def _take_over(self, reach: dict[int, tuple[int, int]]) -> str | None:
        """Take over what `reach` (see `batch.reach_of`) and cores at work are, and what is under way.

        If one of them can not be taken over, returns why, and none is. What was taken over before stays so,
        and what is under way from there reaches nothing else.
        """
        if not self._holding:
            if self._device_flies():
                return "a device's request is on its way"
            self._holding = True
            self._run.flush()
            self._take_flight()
            reach = dict(reach)
            for cluster, line, raised in zip(*(self._flight[i].tolist() for i in (1, 2, 3)), strict=True):
                targets, lines = reach.get(cluster, (0, 0))
                reach[cluster] = targets | raised, lines | 1 << line
        wanted = {cpu.index: 0 for cpu in self._order if cpu.frames}
        for cluster, (targets, lines) in reach.items():
            for pid in bits(targets & int(self._wired[cluster])):
                wanted[int(self._lane_of[cluster, pid])] = lines
        for lane, lines in wanted.items():
            why = (
                self._leaves(lane)
                or self._acts_there(lane, lines)
                or self._lanes.take_over(lane)
                or self._warns(lane, lines)
            )
            if why is not None:
                self._hand_back()
                return f"{self._order[lane].id}: {why}"
        return None

    def _device_flies(self) -> bool:
        """Tell whether the request of a device, or of a core's timer, is on its way to a core."""
        return any(entry[1] == ARRIVAL and not _is_write(entry) for entry in self._run.queue)

    def _leaves(self, lane: int) -> str | None:
        """Return that a core goes to sleep once its exceptions under way have ended, if so."""
        return None if self._order[lane].wish is None else "it is to sleep"

    def _acts_there(self, lane: int, lines: int) -> str | None:
        """Return that a handler of a core may be due, by `lines`, that does more than take its time."""
        cpu = self._order[lane]
        acts = cpu.software.acts
        if not self._ops.words.get(cpu.id):
            acts &= (1 << FIRST_LINE) - 1  # an IPI that asks for no operation is just handled
        due = lines | cpu.core.ilr & cpu.core.ile
        for frame in cpu.frames:
            due |= sum(1 << line for line in frame.waiting())
        return "a driver's handler is due there" if due & acts else None

    def _warns(self, lane: int, lines: int) -> str | None:
        """Return why a core may draw a warning about drained lines that was not told yet, if so."""
        cpu = self._order[lane]
        if not isinstance(cpu.software, Linux):
            return None
        mode = self._lanes.modes[self._lanes.mode[lane]]
        opened, enabled = mode[kernel.OPEN], mode[kernel.ENABLED]
        risky = (lines | int(self._lanes.ilr[lane])) & enabled & (~opened | ~cpu.software.driven)
        if opened and any(not self._judge.was_warned(("drained", line)) for line in bits(risky)):
            return "a warning about drained lines may be due"
        return None

    # A chunk

    def _solve(self, events: Events, until: int, *, settle: bool = False) -> None:
        """Make the writes and let everything happen up to and including the tick `until`, which becomes now.

        With `settle` time stands at the last of what happened.
        """
        run = self._run
        self.solved += len(events.tick)
        to_mask = bool(events.to_mask.any())
        wired = self._wired[events.cluster] if len(self._wired) > 1 else self._wired[0]
        raised: NDArray[np.uint32] = events.value & wired
        if to_mask:
            raised[events.to_mask] = 0
        self._count_sent(events, raised)
        held = self._held()
        masks = in_force(events, held) if to_mask or (held & self._wired[:, None]).any() else None
        blocked = None
        if masks is not None:
            self._store(held)
            blocked = raised & masks
            raised &= ~masks
            blocked = blocked if blocked.any() else None
        flight = len(self._flight.tick)
        arrivals = join([self._flight, events]) if flight else events
        words: NDArray[np.uint32] = np.concatenate((self._raised, raised)) if flight else raised
        ripe = int(np.searchsorted(arrivals.tick, until - self._delivery, side="right"))
        landed, words, waiting = arrivals.part(0, ripe), words[:ripe], words[ripe:]
        arrive = landed.tick + self._delivery if self._delivery else landed.tick
        work = Work(arrive, landed.cluster, landed.line, words)
        words_too = not self._rows and self._tables is None and not self._program.latency
        table, carried, isolated, stuck = self._solver.solve(work, until, rows=self._rows, words=words_too)
        self._warn_stuck(landed, stuck)
        chunk = Chunk(
            events, to_mask, blocked, landed, flight, table, carried, isolated, bool(self._delivery)
        )
        counts = counts_of(chunk, self._names)
        self._judge.tally.add_counts(counts, sum(counts.values()))
        if self._program.latency:
            for part in (table, carried):
                if part is not None:
                    self._judge.tally.add_waits(waits_of(part, self._names))
        if self._tables is not None:
            self._tables(table)
        if self._rows:
            run.hand_on(rows_of(chunk, self._names))
        reaching = waiting != 0  # a write that reaches nobody does not arrive
        self._flight = arrivals.part(ripe, len(arrivals.tick)).take(reaching)
        self._raised = waiting[reaching]
        last = [int(events.tick[-1])] if len(events.tick) else []
        for part in (table, carried):
            if part is not None and len(part.fate):
                last += [int(column.max()) for column in (part.arrive, part.enter, part.leave)]
        if isolated is not None and isolated.any():
            at = np.flatnonzero(isolated)
            ends = arrive[at] + self._solver.service[landed.line[at]]
            last.append(int(ends.max()) + self._program.entry)
        run.last = max([run.last, *last])
        run.now = max(run.now, run.last) if settle else until
        run.tell()

    def _held(self) -> NDArray[np.uint32]:
        """Return all MASK registers, by cluster and set."""
        held = np.zeros((len(self._wired), SETS), np.uint32)
        for cluster, port in self._ports.items():
            held[cluster, : len(port.model.mask)] = port.model.mask
        return held

    def _store(self, held: NDArray[np.uint32]) -> None:
        for cluster, port in self._ports.items():
            model = port.model
            model.mask[:] = [
                value & model.MASK.writable for value in held[cluster, : len(model.mask)].tolist()
            ]

    def _count_sent(self, events: Events, target: NDArray[np.uint32]) -> None:
        """Count the target bits of each core and set: what the rows are held against."""
        if not len(target):
            return
        register = events.line
        if len(self._ports) > 1:
            register = events.line + events.cluster.astype(np.int32) * LINES  # type: ignore[assignment]
        if (register == register[0]).all():
            self._sent[int(events.cluster[0]), int(events.line[0]) - FIRST_LINE] += bit_sums(target)
            return
        for number in np.flatnonzero(np.bincount(register)).tolist():
            cluster, line = divmod(number, LINES)
            self._sent[cluster, line - FIRST_LINE] += bit_sums(target[register == number])

    def _warn_stuck(self, arrivals: Events, stuck: list[tuple[int, int, int]]) -> None:
        """Warn of requests (write, core, line) that are never taken as things stand, by arrival."""
        run = self._run
        place = run.place
        for event, lane, line in sorted(stuck):
            if not self._judge.was_warned(("stuck", lane, line)):
                run.place = self._plan.places[int(arrivals.step[event])]
                self._order[lane].warn_stuck(line)
        run.place = place

    def ledger(self) -> Ledger:
        """Return what the engine knows without rows, the solved writes included."""
        ledger = super().ledger()
        sent = dict(ledger.sent)
        for cluster, port in self._ports.items():
            for pid in port.cpus:
                for line in range(SETS):
                    number = int(self._sent[cluster, line, pid])
                    if number:
                        wire = CoreId(cluster, pid), FIRST_LINE + line
                        sent[wire] = sent.get(wire, 0) + number
        return Ledger(sent, ledger.pending, ledger.flying)

    @property
    def told(self) -> list[str]:
        """What was done how, for people; the results do not depend on it."""
        solver = self._solver
        lines = [
            f"{self.solved} writes solved as a whole: {solver.edges} requests, "
            f"{solver.by_kernel} of them by the kernel{', compiled by numba' if solver.kernel else ''}"
        ]
        lines += [f"{number} writes by the reference: {why}" for why, number in self.refused.items()]
        return lines


def _is_write(entry: Entry) -> bool:
    """Tell whether what is on the queue is the arrival of a write to an IPI controller."""
    return entry[1] == ARRIVAL and entry[5][1] is not None


def _writes(actions: Sequence[Action]) -> int:
    """Return how many writes batchable actions make."""
    return sum(map(writes_of, actions))
