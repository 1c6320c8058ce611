"""One core by brute force: plain loops over time, written from the rules alone.

Within a tick come first what is due on the core, then the arrivals in their order, each with what follows
at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

EXAMPLES = int(os.environ.get("KVX_EMU_EXAMPLES", "0"))
"""So many examples of each test, new ones each time; 0 is a short, fixed run."""


def profile(examples: int) -> settings:
    """Return the settings of a test that makes so many examples unless the environment wants others."""
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # What is left out of a fixed run is the explanation of a failure, which is slow.
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )


IPI = tuple(range(24, 32))
NEVER = 1 << 80


@dataclass(frozen=True)
class Rules:
    """The rules of a core: what its exceptions handle, and which lines may interrupt what.

    `floor` is the level at which it runs when no exception is under way; lines above are taken then.
    """

    batch: bool
    nesting: bool
    levels: tuple[int, ...]  # of each of the 32 lines
    enabled: int
    floor: int = 0

    @property
    def opened(self) -> int:
        """The lines that are taken when no exception is under way."""
        return sum(
            1 << line
            for line, level in enumerate(self.levels)
            if level > self.floor and self.enabled >> line & 1
        )

    @property
    def mode(self) -> tuple[int, ...]:
        """The rules as the kernel wants them: batch, nesting, opened, enabled, above and of each level."""
        lines = [line for line in range(32) if self.opened >> line & 1]
        above = [
            sum(1 << line for line in lines if self.levels[line] > level) if self.nesting else 0
            for level in range(4)
        ]
        of_level = [sum(1 << line for line in lines if self.levels[line] == level) for level in range(4)]
        return (int(self.batch), int(self.nesting), self.opened, self.enabled, *above, *of_level)


@dataclass
class Fate:
    """What became of a request; ticks are -1 for never."""

    found_idle: bool = False  # no exception was under way when it arrived
    coalesced: bool = False
    enter: int = -1
    leave: int = -1
    seen: int = 0
    after: int = 0
    enter_place: int = 0
    leave_place: int = 0


@dataclass
class Taken:
    """An exception under way: the lines that wait for their handlers, and the one in hand."""

    waiting: list[tuple[int, int]]  # line, request
    seen: int
    level: int
    due: int
    running: tuple[int, int] | None = None
    left: int = 0


@dataclass
class Core:
    """A core that runs `requests`: what became of each by its name, and the state at the last horizon."""

    rules: Rules
    entry: int
    service: Sequence[int]
    fates: dict[int, Fate] = field(default_factory=dict)
    latched: dict[int, int] = field(default_factory=dict)  # line -> request
    stack: list[Taken] = field(default_factory=list)
    turn: int = 0  # enters and exits so far
    last: int = -1  # the line taken last
    popped: bool = False  # an exception has returned since
    log: Callable[[int, str, int, int], None] | None = None  # is told tick, enter or exit, line and ILR

    def run(self, requests: Iterable[tuple[int, int, int]], horizon: int = NEVER) -> Core:
        """Let requests (tick, line, name) arrive, and all happen up to and including the tick `horizon`."""
        for request in requests:
            self.arrive(*request)
        self.clock(horizon)
        return self

    def arrive(self, tick: int, line: int, name: int) -> None:
        """Let a request arrive, after all that is due before it."""
        self.clock(tick)
        self.fates[name] = fate = Fate(found_idle=not self.stack)
        if line in self.latched:
            fate.coalesced = True
        else:
            self.latched[line] = name
        self.complete(tick, name)

    def clock(self, limit: int) -> None:
        """Let all happen that is due up to and including a tick."""
        while self.stack and self.stack[-1].due <= limit:
            self.complete(self.stack[-1].due, -1)

    @property
    def ilr(self) -> int:
        """The latched lines."""
        return sum(1 << line for line in self.latched)

    def admitted(self) -> int | None:
        """The line to take now, if any."""
        floor = self.rules.floor
        if self.stack:
            if self.stack[-1].running is None or not self.rules.nesting:
                return None
            floor = self.stack[-1].level
        levels = self.rules.levels
        able = [x for x in self.latched if self.rules.enabled >> x & 1 and levels[x] > floor]
        return min(able, key=lambda line: (-levels[line], line), default=None)

    def complete(self, now: int, cause: int) -> None:
        """Do all that takes no time; `cause` is the request that set it off, -1 for the clock."""
        while True:
            line = self.admitted()
            if line is not None:
                self.take(line, now)
            elif self.stack and self.stack[-1].due == now:
                self.go_on(now, cause)
            else:
                return

    def take(self, line: int, now: int) -> None:
        seen = self.ilr
        enabled = self.rules.enabled
        lines = sorted(x for x in self.latched if enabled >> x & 1) if self.rules.batch else [line]
        waiting = [(x, self.latched.pop(x)) for x in lines]
        if self.stack:
            self.stack[-1].left = self.stack[-1].due - now
        self.stack.append(Taken(waiting, seen, self.rules.levels[line], now + self.entry))
        self.last, self.popped = line, False

    def go_on(self, now: int, cause: int) -> None:
        top = self.stack[-1]
        place = cause * 2**32 + self.turn
        self.turn += 1
        if top.running is None:
            top.running = top.waiting.pop(0)
            line, name = top.running
            fate = self.fates[name]
            fate.enter, fate.seen, fate.enter_place = now, top.seen, place
            if self.log is not None:
                self.log(now, "enter", line, top.seen)
            top.due = now + self.service[line]
            return
        line, name = top.running
        fate = self.fates[name]
        fate.leave, fate.after, fate.leave_place = now, self.ilr, place
        if self.log is not None:
            self.log(now, "exit", line, self.ilr)
        top.running = None
        if top.waiting:
            return
        self.stack.pop()
        self.popped = True
        if self.stack:
            self.stack[-1].due = now + self.stack[-1].left

    def idle_from(self) -> int:
        """Return the tick from which nothing is under way, if nothing arrives; the core is spent."""
        tick = 0
        while self.stack:
            tick = self.stack[-1].due
            self.clock(tick)
        return tick


# What is drawn


def ones(lines: Iterable[int]) -> int:
    """Return the mask of lines."""
    return sum(1 << line for line in lines)


def _cycled(draw: st.DrawFn, patterns: Sequence[tuple[int, ...]], lines: Sequence[int]) -> list[int]:
    """Draw a pattern and give its numbers to the lines in turn; other lines get the first."""
    pattern = draw(st.sampled_from(patterns))
    found = [pattern[0]] * 32
    for i, line in enumerate(lines):
        found[line] = pattern[i % len(pattern)]
    return found


def some_lines(lines: Sequence[int] = IPI) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw the lines of a case: mostly all, for then most happens."""
    few = [tuple(lines), tuple(lines), tuple(lines[-3:]), tuple(lines[:2]), tuple(lines[-1:])]
    return st.sampled_from(few)


KINDS = ("batch", "single", "nested", "nested")
LEVELS = ((1, 2, 3), (3, 1, 2, 1, 2), (1,), (2, 1), (3, 3, 1), (2,))
PASSIVE = ((0, 1, 2), (1, 0), (0, 0, 3), (1, 2, 3), (3, 1, 0))


@st.composite
def rules(
    draw: st.DrawFn,
    lines: Sequence[int] = IPI,
    *,
    kinds: Sequence[str] = KINDS,
    passive: bool = False,
) -> Rules:
    """Draw rules under which the core takes all of `lines`; `passive`: or only some of them."""
    kind = draw(st.sampled_from(kinds))
    levels = _cycled(draw, PASSIVE if passive else LEVELS, lines)
    enabled = ones(lines)
    floor = 0
    if passive:
        enabled &= ~draw(st.sampled_from([0, 1 << lines[0], 1 << lines[-1], 5 << 24]))
        enabled |= draw(st.sampled_from([0, 1 << 3]))
        floor = draw(st.sampled_from([0, 0, 1, 2]))
    return Rules(kind == "batch", kind == "nested", tuple(levels), enabled, floor)


@st.composite
def services(draw: st.DrawFn, lines: Sequence[int] = IPI, *, least: int = 0) -> tuple[int, ...]:
    """Draw the ticks of each line's handler: all alike or mixed, short or long."""
    patterns = [(2,), (5, 9, 20), (least, 1, 2, 3, 7), (1,), (least, 1), (3, 2), (30, least), (least,)]
    return tuple(_cycled(draw, patterns, lines))


GAPS = ((0, 1), (0, 0, 0, 1, 2), (1,), (0, 1, 2, 3, 5), (0, 2, 9, 20), (0, 1, 40), (7, 8, 9))


@st.composite
def streams(
    draw: st.DrawFn, lines: Sequence[int] = IPI, most: int = 24, least: int = 0
) -> list[tuple[int, int]]:
    """Draw requests (tick, line): many at one tick, loads from little to eight times too much."""
    lines = draw(some_lines(lines))
    request = st.tuples(st.sampled_from(draw(st.sampled_from(GAPS))), st.sampled_from(lines))
    size = draw(st.sampled_from([least, most // 4, most // 2, most, most]))
    tick, found = draw(st.integers(0, 3)), []
    for gap, line in draw(st.lists(request, min_size=max(size, least), max_size=max(size, least))):
        tick += gap
        found.append((tick, line))
    return found
