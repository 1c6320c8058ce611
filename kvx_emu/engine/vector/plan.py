"""From actions to arrays of writes, lazily: memory grows with the text of a program, not with its counts.

A list of actions becomes parts: runs of writes that are known (`_Fixed`), draws (`_Drawn`) and repeats
(`_Loop`). When each write happens follows from its number alone, so a part can make its writes for many
executions at once (`fill`), or a share of those of one (`pieces`).

Ticks are uint64 while they are added up. A real sum is below 2^64, so none wraps, and what passes the last
tick of a run is seen when a piece is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

import numpy as np

from kvx_emu.engine.batch import Sets, ticks_of, writes_of
from kvx_emu.engine.vector.draws import Draws, stream_seeds
from kvx_emu.engine.vector.events import Events, join, no_events
from kvx_emu.engine.vector.tuning import MEASURED
from kvx_emu.limits import LIMITS
from kvx_emu.script import actions
from kvx_emu.script.splitmix import random_sends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.vector.draws import Numbers
    from kvx_emu.errors import Place
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Action, Program

    Row: TypeAlias = tuple[int, int, int, int, bool, int, int, int]
    """A write as in Events."""

BLOCK = 1 << 13
"""Sends that are drawn at once: what is made on the way stays in the caches and below 128 KiB an array, from
where on the C library asks the system for pages each time. That is twice as fast as a whole chunk."""

DTYPES: tuple[np.dtype[Any], ...] = tuple(column.dtype for column in no_events())
"""Those of the arrays of Events."""

SMALL = 64
"""Actions: what unrolls to the work of so many is no dearer one by one than as arrays."""


class Plan:
    """Expands the actions of `program`, which is bound to `machine`.

    `places` are those that the `step` of a write indexes. It grows: an action gets its index, one for each
    action, when it is first expanded.
    """

    def __init__(self, machine: Machine, program: Program) -> None:
        self.places: list[Place] = []
        self.sets = Sets(machine)
        self._program = program  # keeps the actions alive, so that an id means one of them
        self._steps: dict[int, int] = {}
        self._draws: dict[tuple[object, ...], Draws] = {}
        self._bodies: dict[int, _Body] = {}

    def expand(
        self,
        steps: Sequence[Action],
        now: int,
        iterations: Sequence[int] = (),
        chunk: int = MEASURED.chunk,
        until: int = LIMITS.ticks - 1,
    ) -> Iterator[tuple[Events, int]]:
        """Yield the writes of consecutive batchable actions, the first of which is reached at tick `now`.

        `iterations` are those of the repeats around them, the outermost first. Each chunk has at most
        `chunk` writes and comes with the tick to which time has moved when it ends: that of its last write,
        for the last chunk that of the end. There is always a last one, and it alone may be without writes.
        Chunks may share arrays: they are not to be changed.

        `until` is the last tick of the run. Where time passes it the expansion ends: the last chunk has the
        writes up to there, and a tick above it. Every `at` must be now or later when it is reached.
        """
        held: list[Events] = []
        size = tick = 0
        parts = _Parts(self, chunk, iterations)
        for part in parts.of(steps, now):
            for events in part.pieces(now, iterations, chunk):
                count = len(events.tick)
                if size + count > chunk:
                    yield join(held), tick
                    held, size = [], 0
                tick = _tick(events, -1)
                if tick > until:
                    count = _count_up_to(events, until)
                    yield join([*held, events.part(0, count)]), _tick(events, count)
                    return
                held.append(events)
                size += count
        yield join(held), now + parts.now

    def step(self, action: Action) -> int:
        """Return the index of the action's place."""
        step = self._steps.get(id(action))
        if step is None:
            step = self._steps[id(action)] = len(self.places)
            self.places.append(action.place)
        return step

    def draws(self, action: actions.Random) -> Draws:
        """Return the tables that the action draws from; actions that differ in their stream share them."""
        key = (action.senders, action.targets, action.lines)
        found = self._draws.get(key)
        if found is None:
            found = self._draws[key] = Draws(*key, self.sets.pids)
        return found

    def body(self, action: actions.Repeat) -> _Body:
        """Return the parts of the body of a repeat."""
        found = self._bodies.get(id(action))
        if found is None:
            parts = tuple(_Parts(self).of(action.body))
            drawn = any(part.drawn for part in parts)
            found = self._bodies[id(action)] = _Body(parts, sum(part.writes for part in parts), drawn)
        return found


def _tick(events: Events, index: int) -> int:
    """Return the tick of a write, which may be above all that an int64 holds."""
    return int(events.tick[index]) % (1 << 64)


def _count_up_to(events: Events, until: int) -> int:
    """Return how many of the writes are up to tick `until`."""
    return int(np.searchsorted(events.tick.view(np.uint64), np.uint64(until), side="right"))


class _Part(Protocol):
    """Writes whose number is known."""

    @property
    def writes(self) -> int:
        """How many an execution makes; at least one."""
        ...

    @property
    def drawn(self) -> bool:
        """Whether the writes differ by the iterations around the part in more than their ticks."""
        ...

    def fill(self, out: Events, base: Numbers, iterations: Sequence[int | Numbers]) -> None:
        """Put the writes of many executions into `out`, whose arrays have the shape of `base` x writes.

        `base` holds the tick at which each execution of the list of actions that this is a part of starts.
        `iterations` has, for each repeat around, outermost first, the number of the iteration: one for
        all, or an array that broadcasts to `base`.
        """
        ...

    def pieces(self, base: int, iterations: Sequence[int], chunk: int) -> Iterator[Events]:
        """Yield the writes of one execution, at most `chunk` at a time."""
        ...


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Writes that are known but for the start of the list that they are in; ticks count from there."""

    drawn: ClassVar[bool] = False
    events: Events

    @property
    def writes(self) -> int:
        return len(self.events.tick)

    def fill(self, out: Events, base: Numbers, iterations: Sequence[int | Numbers]) -> None:
        np.add(base[..., None], self.events.tick.view(np.uint64), out=out.tick.view(np.uint64))
        columns: Iterator[tuple[NDArray[Any], NDArray[Any]]] = zip(out[1:], self.events[1:], strict=True)
        for column, known in columns:
            column[...] = known

    def pieces(self, base: int, iterations: Sequence[int], chunk: int) -> Iterator[Events]:
        for start in range(0, self.writes, chunk):
            yield _later(self.events.part(start, start + chunk), base)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A random step, reached `start` ticks after the list that it is in."""

    drawn: ClassVar[bool] = True
    start: int
    action: actions.Random
    draws: Draws
    step: int

    @property
    def writes(self) -> int:
        return self.action.count

    def fill(self, out: Events, base: Numbers, iterations: Sequence[int | Numbers]) -> None:
        self._draw(out, base, self._seeds(iterations), 0, self.action.count)

    def pieces(self, base: int, iterations: Sequence[int], chunk: int) -> Iterator[Events]:
        seeds, bases = self._seeds(iterations), np.array([base], np.uint64)
        for start in range(0, self.action.count, chunk):
            stop = min(start + chunk, self.action.count)
            out = _room(1, stop - start)
            for first in range(start, stop, BLOCK):
                last = min(first + BLOCK, stop)
                self._draw(_slice(out, first - start, last - start), bases, seeds, first, last)
            yield _flat(out)

    def _seeds(self, iterations: Sequence[int | Numbers]) -> Numbers:
        """Return the seed of each execution; see splitmix.execution_path."""
        *repeats, own = self.action.path
        merged = [number for pair in zip(repeats, iterations, strict=True) for number in pair]
        return stream_seeds(self.action.seed, [*merged, own])

    def _draw(self, out: Events, base: Numbers, seeds: Numbers, start: int, stop: int) -> None:
        """Put sends `start` .. `stop` - 1 of each execution into `out`."""
        sends = self.draws.sends(seeds, start, stop)
        numbers = np.arange(start, stop, dtype=np.uint64)
        numbers *= np.uint64(self.action.every)
        np.add((base + np.uint64(self.start))[..., None], numbers, out=out.tick.view(np.uint64))
        out.cluster[...] = self.draws.cluster.take(sends.sender)
        out.line[...] = sends.line
        out.value[...] = sends.mask
        out.to_mask[...] = False
        out.from_cluster[...] = out.cluster
        out.from_core[...] = self.draws.core.take(sends.sender)
        out.step[...] = self.step


@dataclass(frozen=True, slots=True)
class _Body:
    """The parts of a list of actions."""

    parts: tuple[_Part, ...]
    writes: int
    drawn: bool

    def fill(self, out: Events, base: Numbers, iterations: Sequence[int | Numbers]) -> None:
        end = 0
        for part in self.parts:
            start, end = end, end + part.writes
            part.fill(_slice(out, start, end), base, iterations)


@dataclass(frozen=True, slots=True)
class _Loop:
    """A repeat, reached `start` ticks after the list that it is in, once every `period` ticks."""

    start: int
    count: int
    period: int
    body: _Body

    @property
    def drawn(self) -> bool:
        return self.body.drawn

    @property
    def writes(self) -> int:
        return self.count * self.body.writes

    def fill(self, out: Events, base: Numbers, iterations: Sequence[int | Numbers]) -> None:
        # Another dimension before the last, which is that of the writes; splitting one needs no copy.
        inside = Events._make(column.reshape((*base.shape, self.count, -1)) for column in out)
        numbers = np.arange(self.count, dtype=np.uint64)
        starts = base[..., None] + (numbers * np.uint64(self.period) + np.uint64(self.start))
        outer = [number if isinstance(number, int) else number[..., None] for number in iterations]
        self.body.fill(inside, starts, [*outer, numbers])

    def pieces(self, base: int, iterations: Sequence[int], chunk: int) -> Iterator[Events]:
        base += self.start
        at_once = min(chunk // self.body.writes, self.count)
        if not at_once:
            for k in range(self.count):
                for part in self.body.parts:
                    yield from part.pieces(base + k * self.period, (*iterations, k), chunk)
            return
        events = no_events()
        for k in range(0, self.count, at_once):
            count = min(at_once, self.count - k)
            if k and not self.drawn:
                events = _later(events.part(0, count * self.body.writes), at_once * self.period)
            else:
                numbers = np.arange(k, k + count, dtype=np.uint64)
                out = _room(count, self.body.writes)
                starts = numbers * np.uint64(self.period) + np.uint64(base)
                self.body.fill(out, starts, [*iterations, numbers])
                events = _flat(out)
            yield events


class _Parts:
    """Makes parts of a list of actions; `now` is how many ticks after its start it has come.

    `iterations` are those of the repeats around the list: with them what is small is unrolled, draws too,
    and a run of known writes is cut where it has `chunk`. Without them the list is executed many times.
    """

    def __init__(self, plan: Plan, chunk: int | None = None, iterations: Sequence[int] | None = None) -> None:
        self.now = 0
        self._plan = plan
        self._chunk = chunk
        self._iterations = iterations
        self._rows: list[Row] = []
        self._known: dict[type, Callable[..., None]] = {
            actions.Send: self._send,
            actions.Block: self._block,
            actions.Write: self._write,
            actions.Wait: self._wait,
        }
        self._part: dict[type, Callable[..., _Part]] = {
            actions.Random: self._drawn,
            actions.Repeat: self._loop,
        }

    def of(self, steps: Sequence[Action], base: int = 0) -> Iterator[_Part]:
        """Yield the parts; `base` is the tick at which the list starts, for `at`."""
        rows, known = self._rows, self._known
        for action in steps:
            if action.at is not None:
                assert action.at >= base + self.now, "at is in the past"
                self.now = action.at - base
            add = known.get(type(action))
            if add is not None:
                add(action)
            elif writes_of(action) == 0:
                self.now += ticks_of(action)
            elif self._is_small(action):
                self._unroll(action, self._iterations or ())
            else:
                if rows:
                    yield self._fixed()
                yield self._part[type(action)](action)
                self.now += ticks_of(action)
            if self._chunk is not None and len(rows) >= self._chunk:
                yield self._fixed()
        if rows:
            yield self._fixed()

    def _fixed(self) -> _Fixed:
        """Return the rows collected so far as a part."""
        columns = zip(zip(*self._rows, strict=True), DTYPES, strict=True)
        events = Events._make(np.array(values, dtype) for values, dtype in columns)
        self._rows.clear()
        return _Fixed(events)

    # What becomes a part of its own

    def _drawn(self, action: actions.Random) -> _Part:
        return _Drawn(self.now, action, self._plan.draws(action), self._plan.step(action))

    def _loop(self, action: actions.Repeat) -> _Part:
        return _Loop(self.now, action.count, ticks_of(action) // action.count, self._plan.body(action))

    # Writes one by one

    def _send(self, action: actions.Send) -> None:
        self._set(action.writer, action.line, action.masks, False, self._plan.step(action))

    def _block(self, action: actions.Block) -> None:
        self._set(action.writer, action.line, action.masks, True, self._plan.step(action))

    def _write(self, action: actions.Write) -> None:
        target = self._plan.sets.target(action)
        assert target is not None
        cluster, line, to_mask = target
        self._set(action.writer, line, ((cluster, action.value),), to_mask, self._plan.step(action))

    def _set(
        self, writer: CoreId, line: int, values: Sequence[tuple[int, int]], to_mask: bool, step: int
    ) -> None:
        for cluster, value in values:
            self._rows.append((self.now, cluster, line, value, to_mask, *writer, step))

    def _wait(self, action: actions.Wait) -> None:
        assert action.ticks is not None
        self.now += action.ticks

    def _is_small(self, action: Action) -> bool:
        known = self._iterations is not None or not _has_random(action)
        return known and _work(action) <= SMALL

    def _unroll(self, action: Action, iterations: Sequence[int]) -> None:
        """Make the writes of an action one by one."""
        add = self._known.get(type(action))
        if add is not None:
            add(action)
            return
        start = self.now
        if isinstance(action, actions.Repeat):
            ticks = ticks_of(action) // max(1, action.count)
            for k in range(action.count):
                self.now = start + k * ticks
                for inner in action.body:
                    self._unroll(inner, (*iterations, k))
        else:
            assert isinstance(action, actions.Random)
            step = self._plan.step(action)
            for sender, line, mask in random_sends(action, self._plan.sets.pids, iterations):
                self._set(sender, line, ((sender.cluster, mask),), False, step)
                self.now += action.every
        self.now = start + ticks_of(action)


def _has_random(action: Action) -> bool:
    if isinstance(action, actions.Repeat):
        return any(map(_has_random, action.body))
    return isinstance(action, actions.Random)


def _work(action: Action) -> int:
    """Return about how much work it is to unroll `action`; an action or an iteration is 1, a draw is 4."""
    if isinstance(action, actions.Repeat):
        return action.count * (1 + sum(map(_work, action.body)))
    return 4 * action.count if isinstance(action, actions.Random) else 1


def _room(executions: int, writes: int) -> Events:
    """Return arrays of the shape executions x writes, to be filled."""
    return Events._make(np.empty((executions, writes), dtype) for dtype in DTYPES)


def _slice(events: Events, start: int, stop: int) -> Events:
    """Return views of the writes `start` .. `stop` - 1 of each execution."""
    return Events._make(column[..., start:stop] for column in events)


def _flat(events: Events) -> Events:
    return Events._make(column.reshape(-1) for column in events)


def _later(events: Events, ticks: int) -> Events:
    """Return the same writes, `ticks` later."""
    return events._replace(tick=(events.tick.view(np.uint64) + np.uint64(ticks)).view(np.int64))
