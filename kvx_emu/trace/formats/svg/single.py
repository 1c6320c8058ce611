"""The picture of single rows: each handler a bar, each row a mark, each request an arrow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvx_emu.trace.formats.svg.axis import Axis, hertz, stretches, time_text
from kvx_emu.trace.formats.svg.lanes import MERGED, lane_of, level_of
from kvx_emu.trace.formats.svg.marks import MEANING, SHAPES, shape_of
from kvx_emu.trace.formats.svg.page import (
    LEFT,
    MARGIN,
    SIZES,
    Item,
    Page,
    number,
    pitch_of,
    plain,
    text,
    use,
    width,
)
from kvx_emu.trace.formats.svg.story import Story
from kvx_emu.trace.row import FAULT, IPE, IRQ, MASK, OP, RESET, SEND
from kvx_emu.trace.setting import line_name
from kvx_emu.trace.table import place_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.formats.svg.lanes import Lane
    from kvx_emu.trace.formats.svg.story import Arrow, Handler, Mark, Wait
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

_OPS = ("reschedule", "call_func", "irq_work")
_WHY = ("double exception", "watchdog", "power controller")
_BESIDE = 6
"""Pixels from a mark to a name on either side."""

_NEAR = 4
"""Pixels up to which marks share one name."""

_FAINT = ((60, ".8"), (250, ".5"), (1000, ".3"))
"""Up to how many arrows they are how opaque; more are fainter."""


def picture(rows: Sequence[Row], setting: Setting) -> str:
    """Return the picture of rows that are few enough to be drawn each."""
    return _Picture(rows, setting).document()


class _Picture:
    def __init__(self, rows: Sequence[Row], setting: Setting) -> None:
        self._setting = setting
        self._rows = rows
        self._story = Story(rows)
        lanes = {lane_of(*row[1:5]) for row in rows} | {arrow.source for arrow in self._story.arrows}
        self._level = level_of(lanes)
        self._lanes = sorted({lane.merged(self._level) for lane in lanes})
        self._first = min((row[0] for row in rows), default=0)
        self._last = max((row[0] for row in rows), default=0)
        self._page = Page(setting)
        self._pitch = pitch_of(len(self._lanes))

    def document(self) -> str:
        """Return the document."""
        page = self._page
        shown = stretches(self._story.busy(self._first, self._last)) if self._rows else []
        facts = self._facts()
        notes = [MERGED[self._level]] if self._level else []
        page.head(facts, notes)
        if not self._rows:
            page.y += 24
            page.parts.append(text(MARGIN, page.y, "The trace has no rows.", "muted"))
            return page.document("A trace without rows.")
        page.legend(self._legend(len(shown) > 1))
        page.bands(self._lanes, self._level)
        self._axis = Axis(shown, LEFT, page.right - LEFT)
        page.time(self._axis)
        page.parts += [self._wait(wait) for wait in self._story.waits]
        page.parts += [self._bar(handler) for handler in self._story.handlers]
        page.parts += self._arrows()
        page.parts += [self._mark(mark) for mark in self._story.marks]
        page.parts += self._names()
        page.silent(lane.band for lane in self._lanes)
        return page.document(self._description(facts))

    # What is said of it

    def _facts(self) -> list[str]:
        cores = len({lane.band for lane in self._lanes if lane.core >= 0})
        span = self._last - self._first
        clock = self._setting.clock_hz
        return [
            f"{len(self._rows):,} row{'s' if len(self._rows) != 1 else ''}",
            f"{cores:,} of {len(self._setting.cores):,} cores" if self._setting.cores else f"{cores:,} cores",
            f"ticks {self._first:,} to {self._last:,} ({time_text(span, clock)}, a tick at {hertz(clock)})",
        ]

    def _description(self, facts: list[str]) -> str:
        kinds = Counter(row[3] for row in self._rows)
        counts = ", ".join(f"{count:,} {event}" for event, count in kinds.items())
        return f"A timeline of {', '.join(facts)}. Rows: {counts}."

    def _legend(self, is_cut: bool) -> list[Item]:
        story = self._story
        pieces = {runs for each in story.handlers for *_, runs in each.pieces(self._first, self._last)}
        items = []
        if True in pieces:
            items.append(Item('<path class="run" d="M-8 -5H8V5H-8z"/>', "handler"))
        if False in pieces:
            items.append(Item('<path class="preempted" d="M-8 -2H8V2H-8z"/>', "preempted handler"))
        if story.waits:
            items.append(Item('<path class="wait" d="M-8 0H8"/>', "waiting for its handler"))
        if story.arrows:
            arrow = '<path class="arrow" marker-end="url(#kvx-tip)" d="M-8 0H8"/>'
            items.append(Item(arrow, "from sender to target"))
        there = {shape_of(mark.row[3]) for mark in story.marks}
        items += [Item(use(name, name, 0, 0), meaning) for name, meaning in MEANING.items() if name in there]
        if is_cut:
            items.append(Item('<rect class="cut" x="-8" y="-6" width="16" height="12"/>', "time cut out"))
        return items

    # Drawings

    def _y(self, lane: Lane) -> float:
        return self._page.centre[lane.merged(self._level)]

    def _when(self, tick: int) -> str:
        return f"tick {tick:,} ({time_text(tick, self._setting.clock_hz)})"

    def _wait(self, wait: Wait) -> str:
        last = self._last if wait.last is None else wait.last
        y = number(self._y(wait.lane))
        until = "still waits at the end" if wait.last is None else f"until {self._when(last)}"
        tip = f"{_line(wait.lane.line)} on {_core(wait.lane)} waits {last - wait.first:,} ticks: {until}"
        return (
            f'<path class="wait" d="M{number(self._axis.x(wait.first))} {y}H{number(self._axis.x(last))}">'
            f"<title>{plain(tip)}</title></path>"
        )

    def _bar(self, handler: Handler) -> str:
        axis, bar = self._axis, self._pitch.bar
        y = self._y(handler.lane)
        parts = []
        widest = 0.0, 0.0
        ran = 0
        for first, last, runs in handler.pieces(self._first, self._last):
            x, wide = axis.x(first), max(1.0, axis.x(last) - axis.x(first))
            high = bar if runs else bar * 0.4
            ran += last - first if runs else 0
            widest = max(widest, (wide, x)) if runs else widest
            parts.append(
                f'<rect class="{"run" if runs else "preempted"}" x="{number(x)}" y="{number(y - high / 2)}" '
                f'width="{number(wide)}" height="{number(high)}"/>'
            )
        name = _line(handler.lane.line)
        if self._level and widest[0] > width(name, 9) + 4:
            at = widest[1] + widest[0] / 2
            parts.append(text(at, y + 3, name, "inside tiny", anchor="middle"))
        first_text = "before the trace" if handler.first is None else self._when(handler.first)
        last_text = "after the trace" if handler.last is None else self._when(handler.last)
        head = f"handler of {name} on {_core(handler.lane)}"
        tip = f"{head}\nenter {first_text}\nexit {last_text}\nran {ran:,} ticks"
        return f'<g class="handler"><title>{plain(tip)}</title>{"".join(parts)}</g>'

    def _arrows(self) -> list[str]:
        arrows = self._story.arrows
        opacity = next((faint for most, faint in _FAINT if len(arrows) <= most), ".15")
        paths = [self._arrow(arrow) for arrow in arrows]
        return [f'<g opacity="{opacity}">', *paths, "</g>"] if paths else []

    def _arrow(self, arrow: Arrow) -> str:
        x0, y0 = self._axis.x(arrow.sent), self._y(arrow.source)
        x1, y1 = self._axis.x(arrow.came), self._y(arrow.target)
        down = 4 if y1 > y0 else -4
        if x1 - x0 < 14:  # steep: straight from mark to mark
            way = f"M{number(x0)} {number(y0 + down)}L{number(x1)} {number(y1 - down)}"
        else:
            bend, top, end = number((x0 + x1) / 2), number(y0), number(y1)
            way = f"M{number(x0 + 4)} {top}C{bend} {top} {bend} {end} {number(x1 - 4)} {end}"
        kind = "arrow" if arrow.event == "request" else f"arrow {arrow.event}"
        return f'<path class="{kind}" marker-end="url(#kvx-tip)" d="{way}"/>'

    def _mark(self, mark: Mark) -> str:
        row = mark.row
        return use(shape_of(row[3]), row[3], self._axis.x(row[0]), self._y(mark.lane), self._tip(row))

    def _tip(self, row: Row) -> str:
        tick, cluster, core, event, line, from_cluster, from_core, value = row
        lines = [f"{event} at {place_name(cluster, core)}", self._when(tick)]
        if line is not None:
            lines.append(_line(line) if core is not None else f"input {line}")
        if from_core is not None:
            lines.append(f"from {place_name(from_cluster, from_core)}")
        return "\n".join([*lines, f"value {value:#x}"])

    # Names of marks

    def _names(self) -> list[str]:
        """Return the names of the marks in the cores' own lanes, where they fit beside them."""
        by_lane: dict[Lane, list[Mark]] = {}
        for mark in self._story.marks:
            if mark.lane.is_own:
                by_lane.setdefault(mark.lane.merged(self._level), []).append(mark)
        return [name for lane, marks in by_lane.items() for name in self._names_of(lane, marks)]

    def _names_of(self, lane: Lane, marks: list[Mark]) -> list[str]:
        spots: list[tuple[float, float, int, list[str]]] = []  # from, to, tick, names
        for mark in sorted(marks, key=lambda each: each.row[0]):
            tick = mark.row[0]
            x = self._axis.x(tick)
            if spots and x - spots[-1][0] <= _NEAR:
                left, _, first, found = spots[-1]
                spots[-1] = (left, x, first, [*found, name_of(mark.row)])
            else:
                spots.append((x, x, tick, [name_of(mark.row)]))
        names = []
        free = 0.0  # up to here the lane is taken
        for (left, right, tick, found), following in zip(spots, [*spots[1:], None], strict=True):
            limit = self._page.right if following is None else following[0] - _BESIDE
            ways = _ways(found)
            place = self._fit(ways, (left, right), self._axis.sides(tick), (free, limit)) or self._fit(
                ways, (left, right), (self._axis.left, self._axis.right), (free, limit)
            )
            free = right + _BESIDE
            if place is not None:
                name, x, anchor = place
                free = max(free, x + width(name, SIZES[self._pitch.text]) + _BESIDE) if not anchor else free
                y = self._page.centre[lane] + 3.5
                names.append(text(x, y, name, f"beside {self._pitch.text}", anchor=anchor))
        return names

    def _fit(
        self, ways: list[str], spot: tuple[float, float], *bounds: tuple[float, float]
    ) -> tuple[str, float, str] | None:
        """Return the first of some names that fits right or left of a spot, where, and its anchor."""
        begin, end = max(first for first, _ in bounds), min(last for _, last in bounds)
        for name in ways:
            wide = width(name, SIZES[self._pitch.text])
            if spot[1] + _BESIDE + wide <= end:
                return name, spot[1] + _BESIDE, ""
            if spot[0] - _BESIDE - wide >= begin:
                return name, spot[0] - _BESIDE, "end"
        return None


def _ways(found: list[str]) -> list[str]:
    """Return how the marks at one spot can be named together, the longest first."""
    counts = Counter(found)
    each = [f"{name} \N{MULTIPLICATION SIGN}{count}" if count > 1 else name for name, count in counts.items()]
    more = [] if len(each) == 1 else [f"{each[0]} +{len(each) - 1}"]
    short = each[0].removeprefix("ipi").split()[0].rstrip(":") if len(each) == 1 and each[0] else ""
    return [way for way in (", ".join(each), *more, short) if way]


def name_of(row: Row) -> str:
    """Return the short name of a row beside its mark."""
    _, _, core, event, line, _, _, value = row
    if core is None:
        return "" if line is None else str(line)
    if event == SEND:
        return "send" if line is None else _line(line)
    if event == OP and value < len(_OPS):
        return _OPS[value]
    if event == RESET and value < len(_WHY):
        return f"reset: {_WHY[value]}"
    if event in {MASK, FAULT, IPE}:
        return f"{event} {value:#x}"
    if event == IRQ:
        return f"{event} {value}"
    if line is None:
        return event
    return f"{event} {line}" if event == "timer" else f"{event} {_line(line)}"


def _line(line: int) -> str:
    return "no line" if line < 0 else line_name(line)


def _core(lane: Lane) -> str:
    return place_name(None if lane.cluster < 0 else lane.cluster, None if lane.core < 0 else lane.core)


assert set(MEANING) == set(SHAPES)
