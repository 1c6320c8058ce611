"""The words in which expectations are told: what is expected, of what, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import core_names
from kvx_emu.script.actions import Counted, Expect, Read, Repeat, Sfr, WaitFor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.lookout import Seen
    from kvx_emu.errors import Place
    from kvx_emu.script.actions import Action, Rows

READ, WITHIN, NEVER, BEFORE, WAIT_FOR = "read", "within", "never", "before", "wait-for"
"""What expectations are called that are no count."""


def expected(program: Iterable[Action]) -> Iterator[tuple[Place, str, str]]:
    """Yield what `program` expects, as (place of the step, what, title), in the order of the script."""
    for action in flat(program):
        place = action.place
        if isinstance(action, Counted):
            whose, mark = where(action), since(action, ", ")
            if isinstance(action, WaitFor):
                yield place, WAIT_FOR, f"{whose}: {hoped(action)}{mark}"
            elif isinstance(action, Expect):
                for name, least, most in action.counts:
                    yield place, name, f"{whose}: {name} {bounds(least, most)}{mark}"
                if action.within is not None:
                    yield place, WITHIN, f"{whose}: request to enter within {action.within} ticks{mark}"
                if action.never is not None:
                    yield place, NEVER, f"{whose}: never {one_of(action.never.events)}{mark}"
                if action.before is not None:
                    yield place, BEFORE, f"{ordered(action.before)}{mark}"
        elif isinstance(action, Read) and action.equals is not None:
            yield place, READ, f"read of {action.address:#x}: {shown(action.equals)}"
        elif isinstance(action, Sfr) and action.operation == "equals":
            for core in action.cores:
                yield place, str(core), f"{core} {action.register}: {action.value:#x}"


def flat(program: Iterable[Action]) -> Iterator[Action]:
    """Yield all actions, those of repeats once."""
    for action in program:
        if isinstance(action, Repeat):
            yield from flat(action.body)
        else:
            yield action


def bounds(least: int, most: int | None) -> str:
    """Return the bounds of a count; None is no upper one."""
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"


def hoped(action: WaitFor) -> str:
    """Return what is being waited for."""
    counts = [f"{name} {bounds(least, most)}" for name, least, most in action.counts]
    return f"{' and '.join(counts)} after at most {action.limit} ticks"


def ordered(order: tuple[Rows, Rows]) -> str:
    """Return which rows should come before which."""
    return " before ".join(_rows(kind) for kind in order)


def found_order(earlier: Seen, later: Seen) -> str:
    """Return what happened of two rows of which the one should have come before the other."""
    ticks = [None if seen.first is None else seen.first[0] for seen in (earlier, later)]
    if ticks == [None, None]:
        return "neither"
    if ticks[0] == ticks[1]:
        order = "the other one first" if earlier.number > later.number else "by the same row"
        return f"both at tick {ticks[0]}, {order}"
    one, other = ("never" if tick is None else f"at tick {tick}" for tick in ticks)
    return f"the one {one}, the other {other}"


def _rows(kind: Rows) -> str:
    """Return which rows these are, in words, but for the mark."""
    places = [] if kind.cores is None else [core_names(kind.cores)]
    places += [] if kind.lines is None else [_lines(kind.lines)]
    return one_of(kind.events) + (f" of {' '.join(places)}" if places else "") + _from(kind.senders)


def where(action: Counted) -> str:
    """Return the cores, lines and senders that an expectation is about."""
    cores = "all cores" if action.cores is None else core_names(action.cores)
    lines = "" if action.lines is None else f" {_lines(action.lines)}"
    return cores + lines + _from(action.senders)


def since(action: Counted, before: str) -> str:
    """Return the mark to count from, with `before` in front; empty without one."""
    return "" if action.since is None else f"{before}since {action.since}"


def _from(senders: tuple[CoreId, ...] | None) -> str:
    return "" if senders is None else f" from {core_names(senders)}"


def _lines(mask: int) -> str:
    lines = [str(line) for line in range(32) if mask >> line & 1]
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(lines)}"


def one_of(events: Sequence[str]) -> str:
    """Return names of events with `or` before the last."""
    *others, last = events
    return f"{', '.join(others)} or {last}" if others else last


def shown(value: int | str) -> str:
    """Return a value that was read or expected, for messages."""
    return f"{value:#x}" if isinstance(value, int) else value
