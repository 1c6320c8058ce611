"""A timeline as a picture: cores with their lines as lanes, requests as arrows; for web pages and reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.outputs import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.formats.svg.bins import Bins
    from kvx_emu.trace.formats.svg.lanes import Lane
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

MOST_ROWS = 4000
"""Rows that are drawn one by one; of more the picture tells how many there are in bins of time."""


class SvgSink:
    """Writes a picture of the rows; it holds few of them, or their counts.

    The file appears when it is closed. Raises OutputError.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        self._setting = setting
        self._file = AtomicFile(path)
        self._rows: list[Row] = []
        self._lanes: set[Lane] = set()
        self._bins: Bins | None = None
        self._drawn = False

    def add(self, rows: Sequence[Row]) -> None:
        """Keep the rows, or count them once they are too many."""
        if self._bins is None:
            if self._can_be_drawn(rows):
                self._rows.extend(rows)
                return
            from kvx_emu.trace.formats.svg.bins import Bins

            self._bins = Bins()
            self._bins.add(self._rows)
            self._rows = []
        self._bins.add(rows)

    def _can_be_drawn(self, more: Sequence[Row]) -> bool:
        """Return whether the rows are still few enough, and the lanes of their lines or cores."""
        from kvx_emu.trace.formats.svg.lanes import BY_CORE, lane_of, level_of

        if len(self._rows) + len(more) > MOST_ROWS:
            return False
        self._lanes.update(lane_of(*row[1:5]) for row in more)
        return level_of(self._lanes) <= BY_CORE

    def flush(self) -> None:
        """Draw the picture and have it on the disk; see `AtomicFile.flush`."""
        if not self._drawn:
            self._drawn = True
            self._file.write(self._picture())
        self._file.flush()

    def _picture(self) -> str:
        if self._bins is None:
            from kvx_emu.trace.formats.svg import single

            return single.picture(self._rows, self._setting)
        from kvx_emu.trace.formats.svg import summed

        return summed.picture(self._bins, self._setting)

    def close(self) -> None:
        """Let the file appear."""
        self.flush()
        self._file.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.abandon()
