"""What comes out of a run, whatever engine made it, and the judging of expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import core_names
from kvx_emu.errors import ERROR, WARNING, Finding
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, IRQ, LOST, MASKED, REQUEST, TIMER
from kvx_emu.trace.tally import Mark, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.places import Places
    from kvx_emu.errors import Place
    from kvx_emu.saved import Saved, Value
    from kvx_emu.script.actions import Expect
    from kvx_emu.trace.tally import Line, Wire

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


class Outcome(NamedTuple):
    """A finished run."""

    tick: int  # when the last thing happened
    rows: int
    summary: Mapping[Wire, Line]
    checked: int  # expectations judged: each count, bound or value of each time that a step was reached
    failed: int  # those that did not hold
    failures: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    stopped: str | None  # the limit that ended the run, in words; None if it ran to its end


class Judge:
    """Keeps the tally, the marks, what was expected in vain and what was odd."""

    def __init__(self, *, latency: bool) -> None:
        self.tally = Tally(latency=latency)
        self.checked = 0
        self.failed = 0
        self._marks: dict[str, Mark] = {}
        self._failures: dict[tuple[Place, str], tuple[str, int]] = {}
        self._warnings: dict[Hashable, Finding] = {}

    def mark(self, name: str) -> None:
        """Remember this moment as `name`; a name used again means the later moment."""
        self._marks[name] = self.tally.mark()

    def check(self, holds: bool, place: Place, what: str, message: Callable[[], str]) -> None:
        """Count an expectation; `message` tells what was expected and found, if it does not hold.

        Failures of one step about the same `what` are told once, with the first message and their number.
        """
        self.checked += 1
        if not holds:
            self.failed += 1
            first, times = self._failures.get((place, what), ("", 0))
            self._failures[place, what] = (first or message(), times + 1)

    def expect(self, action: Expect, pending: Callable[[Collection[CoreId] | None, int | None], int]) -> None:
        """Judge an `expect` step; `pending(cores, lines)` tells the state now.

        A mark that was not passed yet counts from the start, which is where it would be.
        """
        since = self._marks.get(action.since) if action.since is not None else None
        where = _where(action)
        for name, least, most in action.counts:
            if name == "pending":
                found = pending(action.cores, action.lines)
            else:
                found = self.tally.count(EVENT_OF[name], action.cores, action.lines, since)
            holds = found >= least and (most is None or found <= most)
            wanted = _range(least, most)
            self.check(
                holds,
                action.place,
                name,
                lambda: f"{where}: expected {name} {wanted}, found {found}",  # noqa: B023  (called at once)
            )
        if action.within is not None:
            bound = action.within
            longest = self.tally.longest_wait(action.cores, action.lines, since)
            self.check(
                longest <= bound,
                action.place,
                "within",
                lambda: f"{where}: expected request to enter within {bound} ticks, found {longest}",
            )

    def warn(self, key: Hashable, code: str, message: str, place: Place | None) -> None:
        """Keep a warning, once for each `key`; what happens before the first step is nobody's mistake."""
        if place is not None and key not in self._warnings:
            self._warnings[key] = Finding(WARNING, code, message, place)

    def was_warned(self, key: Hashable) -> bool:
        """Tell whether there was a warning with this key."""
        return key in self._warnings

    def failures(self) -> tuple[Finding, ...]:
        """Return what did not hold, one finding a step, in the order of the first failures."""
        return tuple(
            Finding(
                ERROR, "expectation", message if times == 1 else f"{message} (fails {times} times)", place
            )
            for (place, _), (message, times) in self._failures.items()
        )

    def warnings(self) -> tuple[Finding, ...]:
        """Return what was odd, in the order in which it was first seen."""
        return tuple(self._warnings.values())

    def state(self, places: Places) -> dict[str, Value]:
        """Return all of it, as values that JSON can hold: the failures and warnings in their order."""
        return {
            "checked": self.checked,
            "failures": [
                [places.path(place), what, message, times]
                for (place, what), (message, times) in self._failures.items()
            ],
            "warnings": [
                [places.key(key), warning.code, warning.message, places.path(warning.place)]
                for key, warning in self._warnings.items()
            ],
            "tally": self.tally.state({mark: name for name, mark in self._marks.items()}),
        }

    def restore(self, saved: Saved, places: Places) -> None:
        """Go on from a state. ValueError if it is none."""
        checked, failures, warnings, tally = saved.record("checked", "failures", "warnings", "tally")
        self._marks = self.tally.restore(tally)
        self._failures.clear()
        for failure in failures.items():
            step, what, message, times = failure.items(4)
            self._failures[places.step(step), what.text()] = message.text(), times.number(least=1)
        self.failed = sum(times for _, times in self._failures.values())
        self.checked = checked.number(least=self.failed)
        self._warnings.clear()
        for warning in warnings.items():
            key, code, message, step = warning.items(4)
            found = Finding(WARNING, code.text(), message.text(), places.step(step))
            self._warnings[places.restored_key(key)] = found


def _range(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"


def _where(action: Expect) -> str:
    cores = "all cores" if action.cores is None else core_names(action.cores)
    since = "" if action.since is None else f" since {action.since}"
    if action.lines is None:
        return cores + since
    lines = [str(line) for line in range(32) if action.lines >> line & 1]
    return f"{cores} line{'s' if len(lines) > 1 else ''} {', '.join(lines)}{since}"
