"""WaveJSON for WaveDrom: waves for documents. Source: github.com/wavedrom/schema/blob/master/WaveJSON.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.outputs import AtomicFile
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, EXIT, MASK, MASKED, REQUEST, RESET, SEND
from kvx_emu.trace.setting import line_name
from kvx_emu.trace.table import place_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

MOST_COLUMNS = 200
"""Ticks that are shown: a picture of more is no picture for a document."""

WIDTH = 2  # of a column, so that a word fits in: `hscale`

LETTERS = 12
"""That fit into a box."""

IDLE, WAITING, HANDLING, MARKED, REFUSED = "0", "3", "5", "2", "x"
"""A low wave, boxes in yellow, blue and white, and a hatched part."""

WORDS = {REQUEST: "req", COALESCED: "coal"}
"""Names of rows that would not fit; the others stand as they are."""

_ON_LINES = {MASKED, REQUEST, COALESCED, CLEAR, ENTER, EXIT}


class _Key(NamedTuple):
    """A lane: where, of what kind, and of which line (-1: of none)."""

    outside: bool
    cluster: int
    core: int
    kind: str
    line: int

    @property
    def place(self) -> str:
        """What to call where it is: a core, a cluster's blocks, or those of the SoC."""
        return place_name(None if self.cluster < 0 else self.cluster, None if self.outside else self.core)

    @property
    def title(self) -> str:
        """What stands before the wave."""
        if self.kind in {SEND, MASK}:
            return f"{self.kind} {self.line}"
        return line_name(self.line) if self.line >= 0 else self.kind


class _Lane:
    """The wave of a lane: a character a column, and a word a box."""

    def __init__(self) -> None:
        self.wave: list[str] = []
        self.words: list[str] = []
        self.waiting = self.serving = 0
        self.now: list[str] = []  # words of this column
        self.handled = False  # whether a handler ran in this column
        self._shown = ""

    def take(self, event: str, word: str) -> None:
        """Take a row of this column."""
        self.now.append(word)
        if event == REQUEST:
            self.waiting += 1
        elif event in {ENTER, CLEAR}:
            self.waiting = max(self.waiting - 1, 0)
        if event == ENTER:
            self.serving += 1
            self.handled = True
        elif event == EXIT:
            self.serving = max(self.serving - 1, 0)

    def end(self, column: int) -> None:
        """Draw a column in which something changes, the last that was drawn being any before it."""
        if column and not self.wave:
            self.wave.append(IDLE)
        self.wave += "." * (column - len(self.wave))
        state = IDLE
        if self.serving or self.handled:
            state = HANDLING
        elif self.waiting:
            state = WAITING
        elif self.now:
            state = REFUSED if self.now == [MASKED] else MARKED
        self.wave.append(state)
        if state not in {IDLE, REFUSED}:
            self.words.append(_fitting(self.now))
        self._shown = state
        self.now.clear()
        self.handled = False

    @property
    def settled(self) -> bool:
        """Whether the next column looks like this one unless a row comes."""
        return self._shown == (HANDLING if self.serving else WAITING if self.waiting else IDLE)


class WavedromSink:
    """Draws a column for each tick in which anything happened, up to `MOST_COLUMNS` of them."""

    def __init__(self, path: str, setting: Setting) -> None:
        self._setting = setting
        self._lanes: dict[_Key, _Lane] = {}
        self._ticks: list[int] = []
        self._unsettled: list[_Lane] = []
        self._left_out = 0  # rows after the last column
        self._file = AtomicFile(path)

    def add(self, rows: Sequence[Row]) -> None:
        """Draw the rows."""
        for row in rows:
            tick, cluster, core, event, line, _, _, value = row
            if not self._ticks or tick != self._ticks[-1]:
                if len(self._ticks) == MOST_COLUMNS:
                    self._left_out += 1
                    continue
                self._end()
                self._ticks.append(tick)
            on_line = event in _ON_LINES and line is not None
            key = _Key(
                core is None,
                -1 if cluster is None else cluster,
                -1 if core is None else core,
                event if event in {SEND, MASK} else "line" if on_line else "others",
                line if line is not None and (on_line or event in {SEND, MASK}) else -1,
            )
            lane = self._lanes.setdefault(key, _Lane())
            if not lane.now and lane not in self._unsettled:
                self._unsettled.append(lane)
            lane.take(event if on_line else "", _word(event, value))
            if event == RESET:
                self._end_handlers(key)

    def _end_handlers(self, where: _Key) -> None:
        """End the handlers of a core that was reset: they have no exit."""
        for key, lane in self._lanes.items():
            if key[:3] == where[:3] and lane.serving:
                lane.serving = 0
                if lane not in self._unsettled:
                    self._unsettled.append(lane)

    def _end(self) -> None:
        """Draw the column of this tick in the lanes that change in it."""
        if self._ticks:
            for lane in self._unsettled:
                lane.end(len(self._ticks) - 1)
            self._unsettled = [lane for lane in self._unsettled if not lane.settled]

    def flush(self) -> None:
        """Write the picture; no rows may follow."""
        self._end()
        self._file.write(json.dumps(self._picture(), indent=1) + "\n")
        self._file.flush()

    def _picture(self) -> dict[str, object]:
        setting = self._setting
        ticks = {"name": "tick", "wave": "2" * len(self._ticks), "data": [str(tick) for tick in self._ticks]}
        groups: dict[str, list[object]] = {}
        for key in sorted(self._lanes, key=lambda key: (not key.outside, *key[1:])):
            lane = self._lanes[key]
            wave = "".join(lane.wave) + "." * (len(self._ticks) - len(lane.wave))
            found = groups.setdefault(key.place, [key.place])
            found.append({"name": key.title, "wave": wave, "data": lane.words})
        head = f"{setting.script} on {setting.board}" if setting.script else "a trace"
        foot = f"each column a tick in which anything happened, {setting.clock_hz} ticks a second"
        if self._left_out:
            last = self._ticks[-1]
            foot = f"cut after tick {last}: {self._left_out} rows more, see --from and --to; {foot}"
        return {
            "head": {"text": head},
            "signal": [ticks, {}, *groups.values()] if self._ticks else [{"name": "no rows", "wave": "x"}],
            "foot": {"text": foot},
            "config": {"hscale": WIDTH},
        }

    def close(self) -> None:
        """Let the file appear."""
        self._file.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.abandon()


def _word(event: str, value: int) -> str:
    """Return what a box says of a row: of a write the value."""
    if event in {SEND, MASK}:
        return f"{value:#x}"
    return WORDS.get(event, event)


def _fitting(words: Sequence[str]) -> str:
    """Return the words of a box, each once; of more than fit in the last, and how many go before."""
    words = list(dict.fromkeys(words))
    text = " ".join(words)
    return text if len(text) <= LETTERS else f"+{len(words) - 1} {words[-1]}"
