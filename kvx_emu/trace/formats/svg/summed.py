"""The picture of many rows: how often what happened, in bins of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.trace.formats.svg.axis import PAD, Axis, Stretch, hertz, time_text
from kvx_emu.trace.formats.svg.bins import OTHER
from kvx_emu.trace.formats.svg.lanes import BY_CLUSTER, MERGED
from kvx_emu.trace.formats.svg.page import LEFT, MARGIN, WIDTH, Item, Page, number, pitch_of, plain, text
from kvx_emu.trace.row import COALESCED, ENTER, MASKED, REQUEST, SEND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvx_emu.trace.formats.svg.bins import Bins
    from kvx_emu.trace.formats.svg.lanes import Lane
    from kvx_emu.trace.setting import Setting

_COLUMN = 74
"""Pixels of a column of sums: nine digits and their commas."""

_SUMS = ((SEND, "sent"), (ENTER, "delivered"), (COALESCED, "coalesced"), (MASKED, "masked"))
"""What is summed up right of each lane."""

_STEPS = 40
"""Heights that are told apart within a lane."""

_LEAST = 1.5
"""Pixels of height of the smallest count: what there is can be seen."""

_MEANING = {
    SEND: "sends",
    OTHER: "other events",
    ENTER: "delivered: handlers that start",
    REQUEST: "requested before or after",
    COALESCED: "coalesced",
    MASKED: "masked",
}


def picture(bins: Bins, setting: Setting) -> str:
    """Return the picture of rows that are too many to be drawn each."""
    return _Picture(bins, setting).document()


class _Picture:
    def __init__(self, bins: Bins, setting: Setting) -> None:
        bins.settle()
        self._bins = bins
        self._setting = setting
        self._lanes = bins.lanes
        self._pitch = pitch_of(len(self._lanes))
        self._most = {
            is_own: max((max(self._top(lane)) for lane in self._lanes if lane.is_own is is_own), default=1)
            for is_own in (True, False)
        }

    def document(self) -> str:
        """Return the document."""
        bins, setting = self._bins, self._setting
        first, last = bins.span
        there = {kind for _, kind in bins.counts}
        self._sums = [each for each in _SUMS if each[0] in there]
        page = Page(setting, right=len(self._sums) * _COLUMN + MARGIN)
        clock = setting.clock_hz
        begin, span = bins.first or 0, bins.last - (bins.first or 0)
        facts = [
            f"{len(bins.cores):,} of {len(setting.cores):,} cores"
            if setting.cores
            else f"{len(bins.cores):,} cores",
            f"ticks {begin:,} to {bins.last:,} ({time_text(span, clock)}, a tick at {hertz(clock)})",
            f"a full lane: {self._most[False]:,} arrivals a bin, or {self._most[True]:,} sends",
        ]
        ticks = f"{bins.width:,} tick{'s' if bins.width > 1 else ''}"
        summed = f"{bins.rows:,} rows in {last - first + 1:,} bins of {ticks}; "
        options = "--core, --from and --to" if bins.level >= BY_CLUSTER else "--from and --to"
        summed += f"for single requests use {options}."
        page.head(facts, [summed, *([MERGED[bins.level]] if bins.level else [])])
        page.legend(
            Item(f'<path class="sum {kind}" d="M-8 4V0h4v-3h4v-2h4v5h4v4z"/>', meaning)
            for kind, meaning in _MEANING.items()
            if kind in there and (kind != REQUEST or self._shows_requests())
        )
        page.bands(self._lanes, bins.level, rules=False)
        page.time(Axis([Stretch(first * bins.width, (last + 1) * bins.width)], LEFT, page.right - LEFT))
        self._heads(page)
        self._draw(page)
        page.silent(bins.cores)
        totals = ", ".join(f"{sum(self._all(kind)):,} {name}" for kind, name in _SUMS)
        return page.document(f"A timeline of {summed} {', '.join(facts)}. In all {totals}.")

    def _all(self, kind: str) -> Iterator[int]:
        return (self._bins.total(lane, kind) for lane in self._lanes)

    def _shows_requests(self) -> bool:
        """Return whether there is a bin with more requests than handlers that start."""
        return any(
            asked > started
            for lane in self._lanes
            for asked, started in zip(self._bins.of(lane, REQUEST), self._bins.of(lane, ENTER), strict=True)
        )

    def _layers(self, lane: Lane) -> Iterator[tuple[str, list[int]]]:
        """Return (kind, height of each bin), from the back to the front."""
        of = self._bins.of
        if lane.is_own:
            sends = list(of(lane, SEND))
            yield OTHER, [one + other for one, other in zip(sends, of(lane, OTHER), strict=True)]
            yield SEND, sends
            return
        asked, started = list(of(lane, REQUEST)), list(of(lane, ENTER))
        low = list(map(max, asked, started))
        middle = [one + other for one, other in zip(low, of(lane, COALESCED), strict=True)]
        yield MASKED, [one + other for one, other in zip(middle, of(lane, MASKED), strict=True)]
        yield COALESCED, middle
        yield REQUEST, asked
        yield ENTER, started

    def _top(self, lane: Lane) -> list[int]:
        """Return the height of each bin of a lane."""
        return next(self._layers(lane))[1]

    def _draw(self, page: Page) -> None:
        first, last = self._bins.span
        wide = (page.right - LEFT - 2 * PAD) / (last - first + 1)
        high = self._pitch.lane - 3
        least = round(_LEAST * _STEPS / high)
        for lane in self._lanes:
            most = self._most[lane.is_own]
            base = page.centre[lane] + high / 2
            place = f"translate({LEFT + PAD} {number(base)}) scale({wide:.4f} {-high / _STEPS:.4f})"
            sums = [
                f"{self._bins.total(lane, kind):,} {name}"
                for kind, name in _SUMS
                if self._bins.total(lane, kind)
            ]
            others = self._bins.total(lane, OTHER)
            tip = ", ".join([*sums, *([f"{others:,} other events"] if others else [])])
            page.parts.append(f'<g class="lane" transform="{place}"><title>{plain(tip)}</title>')
            for kind, heights in self._layers(lane):
                path = _steps(max(least, round(count * _STEPS / most)) if count else 0 for count in heights)
                if path:
                    page.parts.append(f'<path class="sum {kind}" d="{path}"/>')
            page.parts.append("</g>")

    def _heads(self, page: Page) -> None:
        """Write the sums of each lane, and what they are."""
        for column, (kind, name) in enumerate(reversed(self._sums)):
            x = WIDTH - MARGIN - column * _COLUMN
            page.parts.append(text(x, page.top - 6, name, "muted small", anchor="end"))
            for lane in self._lanes:
                total = self._bins.total(lane, kind)
                if total:
                    y = page.centre[lane] + 3.5
                    page.parts.append(text(x, y, f"{total:,}", self._pitch.text, anchor="end"))


def _steps(heights: Iterable[int]) -> str:
    """Return the outline of bins side by side, one unit wide each; empty if all are."""
    path = []
    before = run = 0
    for height in heights:
        if height != before:
            path.append(f"{f'h{run}' if run else ''}v{height - before}")
            before, run = height, 0
        run += 1
    if not path:
        return ""
    return f"M0 0{''.join(path)}h{run}" + (f"v{-before}" if before else "") + "z"
