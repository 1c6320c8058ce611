"""How far a program goes: the count of its steps and the least time it takes, found without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.limits import LIMITS
from kvx_emu.script.actions import Random, Repeat, Replay, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.script.actions import Action
    from kvx_emu.script.report import Report


def check_expansion(actions: Sequence[Action], report: Report) -> None:
    """Tell the outermost step with which the unrolled program passes LIMITS.expansion steps."""
    total = 0
    for action in actions:
        total += _size(action)
        if total > LIMITS.expansion:
            message = f"the script unrolls to {total} steps or more; expected at most {LIMITS.expansion}"
            report.error_at(action.place, "script-expansion", message)
            return


def _size(action: Action) -> int:
    """Return how many steps `action` unrolls to, itself where that is none."""
    if isinstance(action, Repeat):
        return max(1, action.count * sum(map(_size, action.body)))
    if isinstance(action, Replay):
        return max(1, action.table.rows)
    return max(1, action.count) if isinstance(action, Random) else 1


def check_time(actions: Sequence[Action], report: Report) -> None:
    """Tell each `at` that is past, each body longer than `every`, and time that passes LIMITS.ticks.

    What is known is the least time: `wait: idle` and `wait-for` take 0 or more. So all that is told is
    certain, and what depends on the run is left to the engine.
    """
    now = 0
    for action in actions:
        if action.at is not None:
            if action.at < now:
                message = f"`at` is tick {action.at}, but the time before it is tick {now} or later"
                report.error_at(action.place, "script-time", message)
            now = max(now, action.at)
        now = _after(action, now, report)


def _after(action: Action, now: int, report: Report) -> int:
    """Return the least time after `action` that starts at `now`; after an error, `now`."""
    end = now + _duration(action, report)
    if end >= LIMITS.ticks:
        message = f"the time after this step is tick {end}; expected less than {LIMITS.ticks}"
        report.error_at(action.place, "script-time", message)
        return now
    return end


def _duration(action: Action, report: Report) -> int:
    """Return the least time that `action` takes; tells what is wrong inside it."""
    if isinstance(action, Wait):
        return action.ticks or 0
    if isinstance(action, Random):
        return action.count * action.every
    if isinstance(action, Replay):
        return action.table.last
    if not isinstance(action, Repeat):
        return 0
    body = 0
    for inner in action.body:
        body = _after(inner, body, report)
    if action.every is None:
        return action.count * body
    if body > action.every:
        message = f"the body takes {body} ticks or more; expected at most `every`, {action.every}"
        report.error_at(action.place, "script-time", message)
    return action.count * action.every
