"""Broken copies of the reference engine: each does one thing wrong that a faster engine might."""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import agree_compare
import numpy as np

from kvx_emu.engine import cpu, lookout, outcome, port, reference
from kvx_emu.engine.vector.engine import Vector
from kvx_emu.models import core
from kvx_emu.trace.row import ENTER, EXIT
from kvx_emu.trace.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agree_compare import Make
    from agree_programs import Case

    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Program
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.sink import Sink


class Mutant:
    """Makes engines that do one thing wrong: in their parts, the rows, the outcome or the limits."""

    def __init__(
        self,
        parts: dict[tuple[Any, str], Any] | None = None,
        *,
        engine: Callable[..., Any] | None = None,
        rows: Callable[[list[Row]], list[Row]] | None = None,
        outcome: Callable[[Outcome], Outcome] | None = None,
        limits: tuple[int, int] = (0, 0),
        after: Callable[[Machine], None] | None = None,
    ) -> None:
        self.parts = parts or {}
        self.engine = engine
        self.rows = rows
        self.outcome = outcome
        self.limits = limits
        self.after = after

    def __call__(self, machine: Machine, program: Program, sinks: Sequence[Sink], case: Case) -> _Broken:
        """Make an engine, as `reference` and `vector` of agree_compare do."""
        return _Broken(self, machine, program, sinks, case)


class _Broken:
    def __init__(
        self, mutant: Mutant, machine: Machine, program: Program, sinks: Sequence[Sink], case: Case
    ) -> None:
        self._mutant = mutant
        self._machine = machine
        self._program = program
        self._sinks = [_Changed(sink, mutant.rows) for sink in sinks] if mutant.rows else sinks
        ticks, events = case.limit_ticks, case.limit_events
        self._limits = {
            "limit_ticks": None if ticks is None else max(ticks + mutant.limits[0], 0),
            "limit_events": None if events is None else max(events + mutant.limits[1], 0),
        }

    def run(self) -> Outcome:
        """Run with the wrong parts in place."""
        mutant = self._mutant
        with ExitStack() as stack:
            for (owner, name), wrong in mutant.parts.items():
                stack.enter_context(patch.object(owner, name, wrong))
            made = mutant.engine or reference.Reference
            outcome: Outcome = made(self._machine, self._program, self._sinks, **self._limits).run()
        if mutant.after:
            mutant.after(self._machine)
        return mutant.outcome(outcome) if mutant.outcome else outcome


class _Changed:
    def __init__(self, sink: Sink, change: Callable[[list[Row]], list[Row]]) -> None:
        self._sink = sink
        self._change = change

    def add(self, rows: Sequence[Row]) -> None:
        self._sink.add(self._change(list(rows)))


def _swapped(rows: list[Row]) -> list[Row]:
    """Swap the exit of one core with the enter of another that follows in the same tick."""
    for at, (one, two) in enumerate(pairwise(rows)):
        if one[0] == two[0] and one[1:3] != two[1:3] and one[3] == EXIT and two[3] == ENTER:
            rows[at : at + 2] = [two, one]
            break
    return rows


class _LateMark(reference.Reference):
    def _mark(self, action: Any) -> None:
        self._judge.mark(action.name)


class _FirstMark(reference.Reference):
    def _mark(self, action: Any) -> None:
        if action.name not in self._judge._marks:
            super()._mark(action)


class _LateWait(reference.Reference):
    def _wait_for(self, action: Any) -> None:
        super()._wait_for(action)
        self._run.advance(self._run.now + 1)


class _Unmarked(lookout.Lookout):
    def mark(self, name: str) -> None:
        """Do nothing."""


class _TakenIsNotPending(reference.Reference):
    def _count_pending(self, cores: Any, lines: int | None) -> int:
        wanted = 0xFFFFFFFF if lines is None else lines
        return sum(
            (self._cpus[name].core.ilr & wanted).bit_count()
            for name in (self._cpus if cores is None else cores)
        )


class _SameDraws(reference.Reference):
    def _random(self, action: Any) -> None:
        saved, self._iterations = self._iterations, [0] * len(self._iterations)
        super()._random(action)
        self._iterations = saved


class _Cpu(cpu.Cpu):
    __slots__ = ()


class _Left(_Cpu):
    """What is left of a preempted time is a tick too much."""

    __slots__ = ()

    def _take(self, now: int) -> None:
        depth = len(self.frames)
        super()._take(now)
        if depth and len(self.frames) > depth:
            self.frames[-2].left += 1


class _Seen(_Cpu):
    """The value of an enter is ILR after the take."""

    __slots__ = ()

    def _take(self, now: int) -> None:
        super()._take(now)
        if self.frames:
            self.frames[-1].seen = self.core.ilr | 1 << self.frames[-1].lines[0]


class _Absorbed(_Cpu):
    """A request on a line that waits in a batch is absorbed."""

    __slots__ = ()

    def request(self, line: int, cluster: int, pid: int) -> None:
        if any(line in frame.waiting() for frame in self.frames) and not self.core.ilr >> line & 1:
            return
        super().request(line, cluster, pid)


class _Backwards(_Cpu):
    """Cores that are due in one tick go in descending order."""

    __slots__ = ()

    def __init__(self, run: Any, index: int, *rest: Any) -> None:
        super().__init__(run, -index, *rest)


class _Deaf(_Cpu):
    """Nobody is warned of a request that can not be taken while a handler runs."""

    __slots__ = ()

    def warn_stuck(self, line: int) -> None:
        if not self.frames:
            super().warn_stuck(line)


class _Awake(_Cpu):
    """A request leaves WS as it is."""

    __slots__ = ()

    def request(self, line: int, cluster: int, pid: int) -> None:
        held = self.core.ws
        super().request(line, cluster, pid)
        self.core.ws = held


class _Descending(port.IpiPort):
    def targets(self, mask: int) -> Any:
        return super().targets(mask)[::-1]


class _MaskedLate(port.IpiPort):
    """A delivery time later, what MASK blocks by then is lost without a row."""

    def __init__(self, run: Any, model: Any, cluster: int, *rest: Any) -> None:
        super().__init__(run, model, cluster, *rest)
        arrive = run.arrive

        def arrive_masked(parcel: Any, line: int) -> None:
            cpus, *others = parcel
            if line >= 24 and cpus and cpus[0].id.cluster == cluster:
                blocked = model.mask[line - 24]
                cpus = tuple(cpu for cpu in cpus if not blocked >> cpu.core.pid & 1)
            arrive((cpus, *others), line)

        run.arrive = arrive_masked


class _ZeroSends(port.IpiPort):
    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        if written:
            super().pulse(output, raised, blocked, written)
        else:
            now = self._run.now
            self._run.rows.append((now, *self._run.writer, "send", 24 + output, None, None, 0))


class _Stack(deque[int]):
    def popleft(self) -> int:
        return self.pop()


class _LongestIsLast(Tally):
    """`within` looks at the newest request of a line that was asked twice."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self._asked = defaultdict(_Stack)


class _ByTheNewest(lookout.Lookout):
    """An enter is of the newest request."""

    def __init__(self, kinds: Any = ()) -> None:
        super().__init__(kinds)
        self._asked = defaultdict(_Stack)


def _batch(software: Any, core_: Any, line: int, warn: Any) -> Sequence[int]:
    return tuple(sorted(_linux_batch(software, core_, line, warn), key=lambda other: other != line))


def _silent_batch(software: Any, core_: Any, line: int, warn: Any) -> Sequence[int]:
    return _linux_batch(software, core_, line, lambda *_: None)


_linux_batch = reference.Linux.batch


def _without_software(outcome: Outcome) -> Outcome:
    return outcome._replace(
        summary={wire: line._replace(software=0) for wire, line in outcome.summary.items()}
    )


def _warned_first(outcome: Outcome) -> Outcome:
    """Give neighbouring warnings the place of the first, as if all were of one step."""
    warnings = outcome.warnings
    moved = [
        warning
        if not at or warning.code != warnings[at - 1].code
        else warning._replace(place=warnings[at - 1].place)
        for at, warning in enumerate(warnings)
    ]
    return outcome._replace(warnings=tuple(moved))


def _once(outcome: Outcome) -> Outcome:
    """Count a failure of a step once."""
    return outcome._replace(failed=len(outcome.failures))


def _forget(*registers: str) -> Callable[[Machine], None]:
    """Put registers back to what reset leaves, in cores that have no exception under way."""

    def after(machine: Machine) -> None:
        for each in machine.core.values():
            fresh = core.Core(each.cluster, each.pid)
            for register in registers:
                setattr(each, register, getattr(fresh, register))

    return after


class _Blind:
    """Makes a vector engine with methods that others replace: it does not see what stands in its way."""

    def __init__(self, **methods: Any) -> None:
        self._methods = methods

    def __call__(self, machine: Machine, program: Program, sinks: Sequence[Sink], case: Case) -> Any:
        """Make an engine, as `vector` of agree_compare does."""
        with patch.object(agree_compare, "Vector", type("Blind", (Vector,), self._methods)):
            return agree_compare.vector(machine, program, sinks, case)


def _known_bell(engine: Any) -> int | None:
    return engine.bell  # type: ignore[no-any-return]


def _first_bell(name: str) -> Callable[..., None]:
    """Return a method that looks once when the next timer runs out."""

    def method(engine: Any, action: Any, **rest: Any) -> None:
        engine.bell = Vector._bell(engine)
        getattr(Vector, name)(engine, action, **rest)

    return method


def _solve_unseen(engine: Any, *args: Any, **rest: Any) -> None:
    """Solve what can be as a whole, and let the judge see none of its rows."""
    engine._judge.see = lambda rows: None
    Vector._solve(engine, *args, **rest)
    del engine._judge.see


def _operations_are_nothing(engine: Any, lane: int, lines: int) -> str | None:
    words, engine._ops.words = engine._ops.words, {}
    try:
        return Vector._acts_there(engine, lane, lines)
    finally:
        engine._ops.words = words


def _equal_levels(_pl: int, level: int) -> int:
    return _aipl(_pl, min(level, 2))


_aipl = core.aipl
_CPU = (reference, "Cpu")
_PORT = (reference, "IpiPort")

MUTANTS: dict[str, Make] = {
    "an exit and an enter of one tick change places": Mutant(rows=_swapped),
    "numbers of numpy": Mutant(rows=lambda rows: [(np.int64(row[0]), *row[1:]) for row in rows]),
    "the last warning is lost": Mutant(outcome=lambda o: o._replace(warnings=o.warnings[:-1])),
    "warnings are in the order of their steps": Mutant(
        outcome=lambda o: o._replace(warnings=tuple(sorted(o.warnings, key=lambda w: w.place)))
    ),
    "warnings stand at the first step of a stretch": Mutant(outcome=_warned_first),
    "the sum of failures counts steps": Mutant(outcome=_once),
    "software's requests are not told apart": Mutant(outcome=_without_software),
    "rows of nobody are not counted": Mutant(outcome=lambda o: o._replace(rows=o.rows - (o.rows > 100))),
    "a limit of ticks is one too far": Mutant(limits=(1, 0)),
    "a limit of events is one too far": Mutant(limits=(0, 1)),
    "ES is not brought up to date": Mutant(after=_forget("es")),
    "EA is not brought up to date": Mutant(after=_forget("ea")),
    "SPS is not brought up to date": Mutant(after=_forget("sps")),
    "SPC is not brought up to date": Mutant(after=_forget("spc")),
    "WS is not brought up to date": Mutant({_CPU: _Awake}),
    "arrivals come before exits": Mutant({(port, "ARRIVAL"): -1, (reference, "ARRIVAL"): -1}),
    "cores of a tick go backwards": Mutant({_CPU: _Backwards}),
    "targets of a write go backwards": Mutant({_PORT: _Descending}),
    "MASK counts on arrival": Mutant({_PORT: _MaskedLate}),
    "a write of 0 makes a row": Mutant({_PORT: _ZeroSends}),
    "preempted handlers run a tick longer": Mutant({_CPU: _Left}),
    "enter shows ILR after the take": Mutant({_CPU: _Seen}),
    "what waits in a batch absorbs requests": Mutant({_CPU: _Absorbed}),
    "no warning while a handler runs": Mutant({_CPU: _Deaf}),
    "the line that was taken comes first in a batch": Mutant({(reference.Linux, "batch"): _batch}),
    "nobody is told of drained lines": Mutant({(reference.Linux, "batch"): _silent_batch}),
    "levels 2 and 3 are the same": Mutant({(core, "aipl"): _equal_levels}),
    "a mark misses rows": Mutant(engine=_LateMark),
    "a mark's name keeps its first moment": Mutant(engine=_FirstMark),
    "taken is not pending": Mutant(engine=_TakenIsNotPending),
    "each execution draws the same": Mutant(engine=_SameDraws),
    "within forgets the oldest request": Mutant({(outcome, "Tally"): _LongestIsLast}),
    "timers that run out are not seen": _Blind(_bell=lambda _: None),
    "timers are looked for before a stretch alone": _Blind(
        _bell=_known_bell, _stretch=_first_bell("_stretch"), _replay=_first_bell("_replay")
    ),
    "requests of devices on their way are not seen": _Blind(_device_flies=lambda _: False),
    "cores that are to sleep are not seen": _Blind(_leaves=lambda *_: None),
    "handlers that act just take their time": _Blind(_acts_there=lambda *_: None),
    "operations of IPIs are not seen": _Blind(_acts_there=_operations_are_nothing),
    "a wait for counts ends a tick late": Mutant(engine=_LateWait),
    "a mark does not begin anew what is looked for": Mutant({(outcome, "Lookout"): _Unmarked}),
    "an enter is taken to be of the newest sender": Mutant({(outcome, "Lookout"): _ByTheNewest}),
    "rows that are solved as a whole are not looked at": _Blind(_solve=_solve_unseen),
    "limits of events are not seen": _Blind(_has_room=lambda *_: True),
}
