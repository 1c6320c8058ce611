"""How far a long run is, on a terminal alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kvx_emu.script.actions import Random, Repeat, Replay, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from kvx_emu.script.actions import Action

QUIET = 1.0  # seconds before the bar appears: most runs are over by then
REFRESH = 0.1  # seconds between two drawings
WIDTH = 30  # characters of the bar


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


class Progress:
    """Draws a bar on `terminal`: the part of the script's `ticks` that is over, and the rows.

    A script that takes no time shows its rows alone. `close` takes the bar away.
    """

    def __init__(self, terminal: TextIO, ticks: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._ticks = ticks
        self._clock = clock
        self._next = clock() + QUIET
        self._drawn = 0  # characters that stand on the line

    def watch(self, tick: int, rows: int) -> None:
        """Draw, if it is time, that the run is at `tick` and there were `rows` rows."""
        now = self._clock()
        if rows and now >= self._next:
            self._next = now + REFRESH
            self._draw(self._text(tick, rows))

    def _text(self, tick: int, rows: int) -> str:
        text = f"{rows:,} rows, tick {tick:,}"
        if not self._ticks:
            return text
        part = min(tick / self._ticks, 1.0)
        return f"[{'#' * int(part * WIDTH):<{WIDTH}}] {part:4.0%}  {text}"

    def _draw(self, text: str) -> None:
        # Spaces and returns alone: any terminal understands them, and NO_COLOR has nothing to say.
        padded = f"{text:<{self._drawn}}"
        self._drawn = len(padded)  # before it stands there: Ctrl-C may come right after
        self._terminal.write(f"\r{padded}")
        self._terminal.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._terminal.write(f"\r{'':<{self._drawn}}\r")
            self._terminal.flush()
            self._drawn = 0
