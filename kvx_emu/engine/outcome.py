"""What comes out of a run, whatever engine made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.errors import Finding, Place
    from kvx_emu.trace.tally import Line, Wire


class Expectation(NamedTuple):
    """One thing that a step expects, and what came of it in all the times that the step was reached.

    `what` tells apart those of one step: the name of a count, "within", "never", "before", "wait-for",
    "read", or a core.
    """

    place: Place
    what: str
    times: int  # how often it was judged; 0 if its step was never reached
    failed: int  # how often it did not hold
    message: str | None  # what was expected and found when it did not hold first
    title: str = ""  # what is expected, in words
    rows: tuple[str, ...] = ()  # lines that show the last rows when it did not hold first


class Outcome(NamedTuple):
    """A finished run."""

    tick: int  # when the last thing happened
    rows: int
    summary: Mapping[Wire, Line]
    checked: int  # expectations judged: each count, bound or value of each time that a step was reached
    failed: int  # those that did not hold
    failures: tuple[Finding, ...]
    expectations: tuple[Expectation, ...]  # in the order of the script
    warnings: tuple[Finding, ...]
    stopped: str | None  # the limit that ended the run, in words; None if it ran to its end
