"""The judging of expectations, and what was odd in a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId, core_names
from kvx_emu.engine import wording
from kvx_emu.engine.lookout import Lookout
from kvx_emu.engine.outcome import Expectation
from kvx_emu.engine.wording import BEFORE, NEVER, WAIT_FOR, WITHIN, expected, flat
from kvx_emu.errors import ERROR, WARNING, Finding
from kvx_emu.script.actions import SENT, Counted, Expect, Rows, WaitFor
from kvx_emu.trace.recent import Recent, lines_of
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, IRQ, LOST, MASKED, REQUEST, TIMER
from kvx_emu.trace.tally import Mark, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence

    from kvx_emu.engine.places import Places
    from kvx_emu.errors import Place
    from kvx_emu.saved import Saved, Value
    from kvx_emu.script.actions import Action
    from kvx_emu.trace.row import Row

    Pending = Callable[[Collection[CoreId] | None, int | None], int]

EVENT_OF = {
    "delivered": ENTER,
    "coalesced": COALESCED,
    "masked": MASKED,
    "requested": REQUEST,
    "cleared": CLEAR,
    "handled": IRQ,
    "lost": LOST,
    "timers": TIMER,
}
"""The row that each count of an expectation counts; `pending` is a state, not a row."""

PENDING = "pending"

UNSEEN = "the last rows are not known, for no trace was made: see --trace, or --engine reference"


def _sought(action: Counted) -> Iterator[Rows]:
    """Yield the rows that must be looked out for, because the tally does not tell."""
    if action.senders is not None:
        yield from (_kind(action, EVENT_OF[name]) for name, _, _ in action.counts if name in SENT)
    if isinstance(action, Expect):
        if action.within is not None and action.senders is not None:
            yield _kind(action, ENTER)
        if action.never is not None:
            yield action.never
        yield from action.before or ()


def _kind(action: Counted, event: str) -> Rows:
    """Return the rows of an event that an action is about."""
    return Rows((event,), action.cores, action.lines, action.senders, action.since)


class _Failure(NamedTuple):
    """What was told when an expectation did not hold first, and how often it did not hold."""

    message: str
    rows: tuple[str, ...]
    times: int


class Judge:
    """Keeps the tally, the marks, what was expected in vain and what was odd.

    `lookout` looks out for what `program` asks of rows that the tally does not tell.
    """

    def __init__(self, program: Iterable[Action] = (), *, latency: bool) -> None:
        self.tally = Tally(latency=latency)
        self.failed = 0
        expects = any(True for _ in expected(program))
        counted = (action for action in flat(program) if isinstance(action, Counted))
        self.lookout = Lookout(kind for action in counted for kind in _sought(action))
        self._recent = Recent() if expects else None
        self._hoping = Lookout()  # looks for what is being waited for
        self._times: Counter[tuple[Place, str]] = Counter()
        self._marks: dict[str, Mark] = {}
        self._failures: dict[tuple[Place, str], _Failure] = {}
        self._warnings: dict[Hashable, Finding] = {}

    @property
    def checked(self) -> int:
        """How many expectations were judged."""
        return self._times.total()

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""
        self.tally.add(rows)
        self.see(rows)

    def see(self, rows: Sequence[Row]) -> None:
        """Take the next rows, which the tally has counted already."""
        if self.lookout:
            self.lookout.add(rows)
        if self._hoping:
            self._hoping.add(rows)
        if self._recent is not None:
            self._recent.add(rows)

    def forget_rows(self) -> None:
        """Keep no last rows, for not all rows are seen."""
        self._recent = None

    def mark(self, name: str) -> None:
        """Remember this moment as `name`; a name used again means the later moment."""
        self._marks[name] = self.tally.mark()
        self.lookout.mark(name)

    def check(
        self,
        holds: bool,
        place: Place,
        what: str,
        message: Callable[[], str],
        cores: Collection[CoreId] | None,
    ) -> None:
        """Count an expectation; `message` tells what was expected and found, if it does not hold.

        `cores` are those concerned, whose last rows are then told; None is all. Failures of one step about
        the same `what` are told once, with the first message and rows and their number.
        """
        self._times[place, what] += 1
        if not holds:
            self.failed += 1
            first = self._failures.get((place, what))
            if first is None:
                first = _Failure(message(), tuple(self._last_rows(cores)), 0)
            self._failures[place, what] = first._replace(times=first.times + 1)

    def _last_rows(self, cores: Collection[CoreId] | None) -> Iterator[str]:
        """Yield the lines that show the last rows of some cores, or of all rows."""
        if self._recent is None:
            yield UNSEEN
            return
        whose = "" if cores is None else f" of {core_names(cores)}"
        rows = self._recent.last(cores)
        yield f"the last rows{whose}:" if rows else f"there are no rows{whose} to show"
        if rows:
            yield from (f"  {line}" for line in lines_of(rows))

    def expect(self, action: Expect, pending: Pending) -> None:
        """Judge an `expect` step; `pending(cores, lines)` tells the state now."""
        where = wording.where(action) + wording.since(action, " ")
        for name, least, most in action.counts:
            found = self._count(action, name, pending)
            self.check(
                _holds(found, least, most),
                action.place,
                name,
                lambda: f"{where}: expected {name} {wording.bounds(least, most)}, found {found}",  # noqa: B023  (called at once)
                action.cores,
            )
        if action.within is not None:
            bound, longest = action.within, self._longest_wait(action)
            self.check(
                longest <= bound,
                action.place,
                WITHIN,
                lambda: f"{where}: expected request to enter within {bound} ticks, found {longest}",
                action.cores,
            )
        if action.never is not None:
            self._expect_never(action, action.never, where)
        if action.before is not None:
            self._expect_before(action, action.before)

    def _since(self, action: Counted) -> Mark | None:
        """Return the mark to count from; one that was not passed yet is where it would be, at the start."""
        return self._marks.get(action.since) if action.since is not None else None

    def _count(self, action: Counted, name: str, pending: Pending) -> int:
        if name == PENDING:
            return pending(action.cores, action.lines)
        if action.senders is not None:
            return self.lookout.seen[_kind(action, EVENT_OF[name])].count
        return self.tally.count(EVENT_OF[name], action.cores, action.lines, self._since(action))

    def _longest_wait(self, action: Expect) -> int:
        if action.senders is not None:
            return self.lookout.seen[_kind(action, ENTER)].longest
        return self.tally.longest_wait(action.cores, action.lines, self._since(action))

    def _expect_never(self, action: Expect, kind: Rows, where: str) -> None:
        seen = self.lookout.seen[kind]

        def message() -> str:
            assert seen.first is not None
            tick, cluster, core, event, *_ = seen.first
            whose = "" if cluster is None or core is None else f" of {CoreId(cluster, core)}"
            first = f"the first {event}{whose} at tick {tick}"
            return f"{where}: expected never {wording.one_of(kind.events)}, found {seen.count}, {first}"

        self.check(not seen.count, action.place, NEVER, message, action.cores)

    def _expect_before(self, action: Expect, order: tuple[Rows, Rows]) -> None:
        earlier, later = (self.lookout.seen[kind] for kind in order)
        holds = bool(earlier.count and later.count) and earlier.number < later.number
        since = wording.since(action, " ")
        cores = None
        if all(kind.cores is not None for kind in order):
            cores = sorted({core for kind in order for core in kind.cores or ()})
        self.check(
            holds,
            action.place,
            BEFORE,
            lambda: f"expected {wording.ordered(order)}{since}, found {wording.found_order(earlier, later)}",
            cores,
        )

    def wait_for(self, action: WaitFor, pending: Pending, go_on: Callable[[], bool]) -> None:
        """Let time pass by `go_on` until the counts of a step are as expected, and judge it.

        `go_on` lets everything happen in the next tick in which anything is due, and has all rows seen; it
        returns False once there is none until the limit, which it then moves to.
        """
        names = [name for name, _, _ in action.counts if name != PENDING and action.senders is None]
        kinds = {name: _kind(action, EVENT_OF[name]) for name in names}
        hoping = Lookout(kinds.values())
        for name, kind in kinds.items():
            hoping.seen[kind].count = self._count(action, name, pending)
        self._hoping = hoping

        def found(name: str) -> int:
            return hoping.seen[kinds[name]].count if name in kinds else self._count(action, name, pending)

        def holds() -> bool:
            return all(_holds(found(name), least, most) for name, least, most in action.counts)

        while not (held := holds()) and go_on():
            pass
        self._hoping = Lookout()
        where = wording.where(action) + wording.since(action, " ")
        self.check(
            held,
            action.place,
            WAIT_FOR,
            lambda: (
                f"{where}: expected {wording.hoped(action)}, found "
                + " and ".join(str(found(name)) for name, _, _ in action.counts)
            ),
            action.cores,
        )

    def warn(self, key: Hashable, code: str, message: str, place: Place | None) -> None:
        """Keep a warning, once for each `key`; what happens before the first step is nobody's mistake."""
        if place is not None and key not in self._warnings:
            self._warnings[key] = Finding(WARNING, code, message, place)

    def was_warned(self, key: Hashable) -> bool:
        """Tell whether there was a warning with this key."""
        return key in self._warnings

    def failures(self) -> tuple[Finding, ...]:
        """Return what did not hold, one finding each, in the order of the first failures.

        Rows are shown once for what did not hold of one step at the same time.
        """
        findings = []
        before: tuple[Place, tuple[str, ...]] | None = None
        for (place, _), (message, rows, times) in self._failures.items():
            told = message if times == 1 else f"{message} (fails {times} times)"
            lines = () if before == (place, rows) else rows
            findings.append(Finding(ERROR, "expectation", told, place, lines=lines))
            before = place, rows
        return tuple(findings)

    def expectations(self, program: Iterable[Action]) -> tuple[Expectation, ...]:
        """Return what came of each thing that `program` expects."""
        found = []
        for place, what, title in expected(program):
            times, failure = self._times[place, what], self._failures.get((place, what))
            message, rows, failed = (None, (), 0) if failure is None else failure
            found.append(Expectation(place, what, times, failed, message, title, rows))
        return tuple(found)

    def warnings(self) -> tuple[Finding, ...]:
        """Return what was odd, in the order in which it was first seen."""
        return tuple(self._warnings.values())

    def state(self, places: Places) -> dict[str, Value]:
        """Return all of it, as values that JSON can hold: the failures and warnings in their order."""
        return {
            "checked": [[places.path(place), what, times] for (place, what), times in self._times.items()],
            "failures": [
                [places.path(place), what, message, list(rows), times]
                for (place, what), (message, rows, times) in self._failures.items()
            ],
            "warnings": [
                [places.key(key), warning.code, warning.message, places.path(warning.place)]
                for key, warning in self._warnings.items()
            ],
            "tally": self.tally.state({mark: name for name, mark in self._marks.items()}),
            "lookout": self.lookout.state() if self.lookout else None,
            "recent": None if self._recent is None else self._recent.state(),
        }

    def restore(self, saved: Saved, places: Places) -> None:
        """Go on from a state. ValueError if it is none."""
        checked, failures, warnings, tally, lookout, recent = saved.record(
            "checked", "failures", "warnings", "tally", "lookout", "recent"
        )
        self._marks = self.tally.restore(tally)
        if self.lookout:
            self.lookout.restore(lookout)
        elif not lookout.is_none:
            raise lookout.wrong("null, for no row is looked for")
        if self._recent is not None:
            self._recent.restore(recent, self.tally.rows)
        elif not recent.is_none:
            raise recent.wrong("null, for nothing is expected")
        self._failures.clear()
        for failure in failures.items():
            step, what, message, rows, times = failure.items(5)
            told = tuple(line.text() for line in rows.items())
            self._failures[places.step(step), what.text()] = _Failure(
                message.text(), told, times.number(least=1)
            )
        self.failed = sum(failure.times for failure in self._failures.values())
        self._times.clear()
        for entry in checked.items():
            step, what, times = entry.items(3)
            self._times[places.step(step), what.text()] = times.number(least=1)
        if any(self._times[key] < failure.times for key, failure in self._failures.items()):
            raise checked.wrong("at least as many expectations as failed")
        self._warnings.clear()
        for warning in warnings.items():
            key, code, message, step = warning.items(4)
            found = Finding(WARNING, code.text(), message.text(), places.step(step))
            self._warnings[places.restored_key(key)] = found


def _holds(found: int, least: int, most: int | None) -> bool:
    return found >= least and (most is None or found <= most)
