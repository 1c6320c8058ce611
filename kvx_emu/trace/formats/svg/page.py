"""The page that both pictures share: head, legend, axis, bands of lanes, and text that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from kvx_emu.core_id import core_names
from kvx_emu.trace.formats.svg.axis import CUT, Axis, nice, time_text
from kvx_emu.trace.formats.svg.lanes import Lane, band_name, lane_name
from kvx_emu.trace.formats.svg.marks import SHAPES, style

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvx_emu.trace.setting import Setting

# All in pixels.
WIDTH = 1200
MARGIN = 14
LEFT = 136  # where time begins: left of it stand the names of cores and lines
HEAD = 26  # the baseline of the heading
LINE = 17  # from one line of text to the next
AXIS = 40  # for ticks and times above the lanes
GAP = 4  # between bands

NARROW = frozenset("iljtfrI.,:;'|()[]-/ \N{MIDDLE DOT}")
WIDE = frozenset("mwMW@%\N{HORIZONTAL ELLIPSIS}")
"""Letters that are narrower and wider than the others, in DejaVu Sans, a wide font; see `width`."""


class Pitch(NamedTuple):
    """How much room a lane has: its height, that of bars, and the class of its text."""

    lane: int
    bar: int
    text: str


def pitch_of(lanes: int) -> Pitch:
    """Return the room for each of so many lanes."""
    if lanes <= 60:
        return Pitch(19, 10, "small")
    return Pitch(14, 8, "small") if lanes <= 100 else Pitch(11, 7, "tiny")


SIZES = {"small": 10, "tiny": 9}
"""Of the classes of text; the style sheet says the same."""


class Item(NamedTuple):
    """What the legend explains: a drawing of about 16 by 10 pixels around (0, 0), and its meaning."""

    drawing: str
    meaning: str


class Page:
    """Collects the parts of a document from top to bottom."""

    def __init__(self, setting: Setting, *, right: float = MARGIN) -> None:
        self.setting = setting
        self.right = WIDTH - right  # where time ends
        self.parts: list[str] = []
        self.y: float = 0
        self.centre: dict[Lane, float] = {}

    # From top to bottom

    def head(self, facts: Sequence[str], notes: Sequence[str]) -> None:
        """Write what this is a picture of, facts of it, and what it leaves out."""
        self.y = HEAD
        self.parts.append(text(MARGIN, self.y, self.heading(), "head", room=WIDTH - 2 * MARGIN, size=15))
        self.y += LINE + 2
        self.parts.append(
            text(MARGIN, self.y, " \N{MIDDLE DOT} ".join(facts), "muted", room=WIDTH - 2 * MARGIN)
        )
        for note in notes:
            self.y += LINE
            self.parts.append(text(MARGIN, self.y, note, "note", room=WIDTH - 2 * MARGIN))

    def heading(self) -> str:
        """Return the script and the board, as far as they are known."""
        script, board = self.setting.script, self.setting.board
        if script and board:
            return f"{script} on {board}"
        return script or board or "Interrupts of a trace"

    def legend(self, items: Iterable[Item]) -> None:
        """Write what the drawings mean, in as many lines as it takes."""
        self.y += LINE + 6
        x: float = MARGIN
        for drawing, meaning in items:
            room = 24 + width(meaning, 10) + 18
            if x + room > WIDTH - MARGIN and x > MARGIN:
                x = MARGIN
                self.y += LINE
            self.parts.append(
                f'<g transform="translate({number(x + 8)} {number(self.y - 3.5)})">{drawing}</g>'
            )
            self.parts.append(text(x + 22, self.y, meaning, "small muted"))
            x += room

    def bands(self, lanes: Sequence[Lane], level: int, *, rules: bool = True) -> None:
        """Give each lane its place and its name, below the axis; `rules` are lines behind."""
        pitch = pitch_of(len(lanes))
        self.y += AXIS
        self.top = self.y
        before: Lane | None = None
        stripes: list[str] = []
        ruled: list[str] = []
        names: list[str] = []
        for lane in lanes:
            if before is None or before.band != lane.band:
                self.y += GAP if before is None or before.cluster == lane.cluster else 2 * GAP
                height = pitch.lane * sum(each.band == lane.band for each in lanes)
                stripes.append(f"M{MARGIN - 6} {number(self.y)}H{number(self.right)}v{height}H{MARGIN - 6}z")
                name = band_name(lane.band, level)
                names.append(text(MARGIN, self.y + pitch.lane / 2 + 3.5, name, f"name {pitch.text}"))
            centre = self.centre[lane] = self.y + pitch.lane / 2
            ruled.append(f"M{LEFT} {number(centre)}H{number(self.right)}")
            of_line = lane_name(lane, level)
            if of_line:
                names.append(text(LEFT - 8, centre + 3.5, of_line, f"line {pitch.text}", anchor="end"))
            self.y += pitch.lane
            before = lane
        self.y += GAP
        self.bottom = self.y
        self.parts.append(f'<path class="band" d="{"".join(stripes)}"/>')
        if rules:
            self.parts.append(f'<path class="rule" d="{"".join(ruled)}"/>')
        self.parts += names

    def time(self, axis: Axis) -> None:
        """Draw the axis: ticks above, times below, and what is cut out; again at the end of a long page."""
        clock = self.setting.clock_hz
        last = axis.shown[-1].last
        room, step = 0.0, last + 1
        labels = [last]
        while room < (
            needed := max(width(each, 10) for tick in labels for each in self._times(tick, last, step)) + 14
        ):
            room = needed  # rounder ticks are written shorter
            step = nice(room / axis.scale)
            labels = axis.labels(step, room)
        grid = "".join(f"M{number(axis.x(tick))} {number(self.top)}V{number(self.bottom)}" for tick in labels)
        self.parts.append(f'<path class="grid" d="{grid}"/>')
        for x, before, after in axis.cuts():
            what = f"{after - before:,} ticks ({time_text(after - before, clock)}) in which nothing happens"
            self.parts.append(
                f'<rect class="cut" x="{number(x)}" y="{number(self.top)}" width="{CUT}" '
                f'height="{number(self.bottom - self.top)}"><title>{plain(what)}</title></rect>'
            )
        ends = [self.top - 6, *([self.bottom + 2 * LINE - 2] if self.bottom - self.top > 600 else [])]
        for y in ends:
            self.parts.append(text(MARGIN, y - 13, "tick", "muted small"))
            self.parts.append(text(MARGIN, y, "time", "muted small"))
            for tick in labels:
                x = axis.x(tick)
                over = x + room / 2 > WIDTH - 2
                at, anchor = (WIDTH - 4, "end") if over else (x, "middle")
                above, below = self._times(tick, last, step)
                self.parts.append(text(at, y - 13, above, "small", anchor=anchor))
                self.parts.append(text(at, y, below, "small muted", anchor=anchor))
        if len(ends) > 1:
            self.y = ends[1] + 4

    def _times(self, tick: int, last: int, step: int) -> tuple[str, str]:
        return f"{tick:,}", time_text(tick, self.setting.clock_hz, like=last, step=step)

    def silent(self, bands: Iterable[tuple[int, int]]) -> None:
        """Say which cores of the board are not in the picture."""
        there = set(bands)
        silent = [core for core in self.setting.cores if (core.cluster, core.pid) not in there]
        if silent and there:
            self.y += LINE + 2
            names = f"No row of {len(silent):,} of {len(self.setting.cores):,} cores: {core_names(silent)}"
            self.parts.append(text(MARGIN, self.y, names, "muted small", room=WIDTH - 2 * MARGIN, size=10))

    def document(self, description: str) -> str:
        """Return the whole document."""
        height = f"{self.y + MARGIN:.0f}"
        shapes = "".join(f'<path id="kvx-{name}" d="{shape}"/>' for name, shape in SHAPES.items())
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" class="kvx" width="{WIDTH}" height="{height}" '
                f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="kvx-title kvx-desc">',
                f'<title id="kvx-title">{plain(self.heading())}</title>',
                f'<desc id="kvx-desc">{plain(description)}</desc>',
                f"<style>{style()}</style>",
                f'<defs>{shapes}<marker id="kvx-tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" '
                'markerHeight="6" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" '
                'd="M0 0L6 3L0 6z"/></marker><pattern id="kvx-cut" width="5" height="5" '
                'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" '
                'd="M0 0V5"/></pattern></defs>',
                f'<rect width="{WIDTH}" height="{height}" class="paper"/>',
                *self.parts,
                "</svg>\n",
            ]
        )


def number(value: float) -> str:
    """Return a coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def width(letters: str, size: float) -> float:
    """Return how wide a text is, about, and rather too wide."""
    return size * sum(0.42 if c in NARROW else 1.0 if c in WIDE else 0.65 for c in letters)


def plain(letters: str) -> str:
    """Return a text as XML has it; what XML can not hold is shown as a replacement character."""
    return escape(
        "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in letters)
    )


def text(
    x: float,
    y: float,
    letters: str,
    kind: str,
    *,
    anchor: str = "",
    room: float | None = None,
    size: float = 11,
) -> str:
    """Return a text; what does not fit into `room` is cut off, and is there when it is pointed at."""
    shown = letters
    if room is not None and width(letters, size) > room:
        while width(shown, size) > room:
            shown = shown[:-2] + "\N{HORIZONTAL ELLIPSIS}"
    tip = "" if shown == letters else f"<title>{plain(letters)}</title>"
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{where}>{tip}{plain(shown)}</text>'


def use(shape: str, kind: str, x: float, y: float, tip: str = "") -> str:
    """Return a mark at a spot, with what is told when it is pointed at."""
    title = f"<title>{plain(tip)}</title>" if tip else ""
    return f'<use class="{kind}" href="#kvx-{shape}" x="{number(x)}" y="{number(y)}">{title}</use>'
