"""How far long work is: a bar on a terminal, and what is said when it is interrupted."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from kvx_emu.script.actions import Random, Repeat, Replay, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import TextIO

    from kvx_emu.engine.reference import Reference
    from kvx_emu.engine.run import Run
    from kvx_emu.script.actions import Action

QUIET = 1.0  # seconds before the bar appears: most work is over by then
REFRESH = 0.1  # seconds between two drawings
WIDTH = 30  # characters of the bar at most
NARROW = 8  # and at least: below that there is none
COLUMNS = 80  # of a terminal that does not tell


def length(actions: Sequence[Action]) -> int:
    """Return the least tick at which `actions` end; a `wait: idle` counts nothing, as nobody knows it."""
    now = 0
    for action in actions:
        if action.at is not None:
            now = max(now, action.at)
        if isinstance(action, Wait):
            now += action.ticks or 0
        elif isinstance(action, Random):
            now += action.count * action.every
        elif isinstance(action, Replay):
            now += action.table.last
        elif isinstance(action, Repeat):
            now += action.count * (length(action.body) if action.every is None else action.every)
    return now


def simulated(tick: int, clock_hz: int) -> str:
    """Return the time of `tick` in the greatest unit that it reaches: `1.500 ms`; rounded down."""
    for unit, per_second in (("s", 1), ("ms", 10**3), ("us", 10**6)):
        if tick * per_second >= clock_hz:
            thousandths = tick * per_second * 1000 // clock_hz
            return f"{thousandths // 1000:,}.{thousandths % 1000:03} {unit}"
    return f"{tick * 10**9 // clock_hz} ns"


def _short(number: float) -> str:
    """Return a number with three digits: `999`, `1.23 M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {unit}"
    return f"{number:.0f}"


def _left(seconds: float) -> str:
    """Return a duration: `0:07 left`, `2:00:00 left`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02} left" if hours else f"{minute}:{second:02} left"


def fitted(part: float | None, words: Sequence[str], width: int) -> str:
    """Return a line of `width` characters at most: a bar, how much is done, and `words`.

    `part` is done, of 1; None is not known. What does not fit is left out: the last of `words` first, then
    the bar, which takes what room there is.
    """
    head = "" if part is None else f"{part:4.0%}  "
    kept = [word for word in words if word]
    while len(kept) > 1 and len(head) + len(", ".join(kept)) > width:
        kept.pop()
    text = (head + ", ".join(kept))[:width]
    room = min(WIDTH, width - len(text) - len("[] "))
    if part is None or room < NARROW:
        return text.strip()
    return f"[{'#' * int(part * room):<{room}}] {text}"


class Progress:
    """Draws on `terminal` how far some work is, in one line; draws nothing if that is none, or a dumb one.

    with Progress(sys.stderr) as progress:
        for chunk in chunks:
            progress.show(done / size, rows)

    `clock` tells the time in seconds. Leaving the context takes the line away.
    """

    def __init__(self, terminal: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal if _can_draw(terminal) else None
        self._clock = clock
        self._next = clock() + QUIET
        self._first: tuple[float, float, int] | None = None  # when, part and rows at the first showing
        self._drawn = 0  # characters that stand on the line

    @property
    def seen(self) -> bool:
        """Whether there is somebody to show anything to."""
        return self._terminal is not None

    def show(self, part: float | None, rows: int, *words: str) -> None:
        """Draw, if it is time, that a `part` of 1 is done (None: not known), with so many rows.

        `words` are what else is worth telling, the least first to go where the terminal is narrow.
        """
        if self._terminal is None:
            return
        now = self._clock()
        if self._first is None:
            self._first = now, part or 0.0, rows
        if rows and now >= self._next:
            self._next = now + REFRESH
            part = None if part is None else min(part, 1.0)
            told = [f"{rows:,} rows", self._until_end(now, part), *words, self._rate(now, rows)]
            self._draw(fitted(part, told, _columns(self._terminal) - 1))  # a full line may wrap

    def _until_end(self, now: float, part: float | None) -> str:
        """Return the time left, if things go on as they went."""
        then, before, _ = self._first or (now, 0.0, 0)
        if part is None or part <= before or part >= 1:
            return ""
        return _left((now - then) * (1 - part) / (part - before))

    def _rate(self, now: float, rows: int) -> str:
        then, _, before = self._first or (now, 0.0, 0)
        return f"{_short((rows - before) / (now - then))} rows/s" if now > then else ""

    def _draw(self, text: str) -> None:
        # Spaces and returns alone: any terminal understands them, and NO_COLOR has nothing to say.
        before, self._drawn = self._drawn, len(text)  # before it stands there: Ctrl-C may come right after
        self._write(f"\r{text:<{self._covered(before)}}")

    def _covered(self, before: int) -> int:
        """Return how many of the characters that stood there are to be covered."""
        # The terminal may be narrower by now.
        return before if self._terminal is None else min(before, _columns(self._terminal) - 1)

    def _write(self, text: str) -> None:
        if self._terminal is not None:
            try:
                self._terminal.write(text)
                self._terminal.flush()
            except (OSError, ValueError):  # it is gone; the work goes on
                self._terminal = None

    def close(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._write(f"\r{'':<{self._covered(self._drawn)}}\r")
            self._drawn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _can_draw(terminal: TextIO | None) -> bool:
    """Tell whether there is somebody to watch, and a line that can be drawn anew."""
    with suppress(ValueError):  # it is closed
        return terminal is not None and terminal.isatty() and os.environ.get("TERM") != "dumb"
    return False


def _columns(terminal: TextIO) -> int:
    """Return the width of a terminal in characters; it may change at any time."""
    try:
        return os.get_terminal_size(terminal.fileno()).columns or COLUMNS
    except (OSError, ValueError):
        return COLUMNS


class Watcher:
    """Watches a run: shows how far it is on `terminal`, and says so where Ctrl-C ends it.

    with Watcher(sys.stderr, length(actions), clock_hz) as watcher:
        engine = ...(watch=watcher.watch)
        watcher.follow(engine)

    `ticks` is how long the run takes at least; 0 is not known. `left` says which files are there if the run
    ends now. A KeyboardInterrupt leaves the context with the text of `interrupted`.
    """

    def __init__(
        self,
        terminal: TextIO | None,
        ticks: int,
        clock_hz: int,
        *,
        left: Callable[[], str] = lambda: "no file was written",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = Progress(terminal, clock)
        self._ticks = ticks
        self._clock_hz = clock_hz
        self._left = left
        self._run: Run | None = None
        self._rows = 0  # when the run told last; those that it has not handed on are not among them

    def follow(self, engine: Reference) -> None:
        """Take an engine as the one that is watched: `interrupted` then knows what it does just now."""
        self._run = engine.parts.run

    def watch(self, tick: int, rows: int) -> None:
        """Take in that the run is at `tick` and there were `rows` rows."""
        self._rows = rows
        if self._progress.seen:
            self._progress.show(self._part(tick), rows, simulated(tick, self._clock_hz))

    def _part(self, tick: int) -> float | None:
        """Return how much of the script's time is over at `tick`, of 1; None if it takes none."""
        return min(tick / self._ticks, 1.0) if self._ticks else None

    def interrupted(self) -> str:
        """Return how far the run came, and what is left of it."""
        if self._run is None:
            return f"interrupted before the start; {self._left()}"
        tick, rows = self._run.now, self._rows + len(self._run.rows)
        part = self._part(tick)
        share = "" if part is None else f" ({int(part * 100)} %)"
        return f"interrupted at tick {tick:,}{share}, after {rows:,} rows; {self._left()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._progress.close()
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(self.interrupted()) from None
