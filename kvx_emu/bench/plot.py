"""The curves of a bench as SVG: small panels with logarithmic axes, legible on light and dark pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Record = Mapping[str, Any]


WIDTH, HEIGHT = 300, 220  # pixels of a panel, with its axes
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 30, 42  # of that, around the axes
COLUMNS = 3
HEAD = 46  # pixels above the panels, for the legend

# Colours that people who see fewer of them can tell apart (Okabe and Ito), darker on a light page and
# lighter on a dark one; each engine has a mark of its own as well.
ENGINES = {
    "reference": ("#b34700", "#ff9d5c"),
    "vector": ("#0060a8", "#6bb8f5"),
    "vector-fast": ("#00795a", "#3fd1a5"),
    "kernel": ("#8a4b78", "#e09ac9"),
    "simpy": ("#806600", "#e6c84d"),
    "c": ("#333333", "#dddddd"),
    "python": ("#a01040", "#ff7fa3"),
}
OTHER = ("#666666", "#aaaaaa")
MARKS = ("circle", "square", "diamond", "triangle", "cross", "ring", "bar")

STYLE = """\
    svg { background: #ffffff; color: #222222; font: 11px system-ui, sans-serif; }
    text { fill: currentColor; }
    .title { font-weight: 600; font-size: 12px; }
    .grid { stroke: currentColor; stroke-opacity: 0.15; }
    .curve { fill: none; stroke-width: 1.6; }
"""


class Panel(NamedTuple):
    """One diagram: which records it shows, and what of each."""

    title: str
    across: str  # what the horizontal axis says
    up: str  # and the vertical one
    x: str  # the key of the horizontal value
    y: Callable[[Record], float]
    shows: Callable[[Record], bool]


def _rate(record: Record) -> float:
    return float(record["edges_per_s"])


def _time(record: Record) -> float:
    return 1e9 / float(record["edges_per_s"])


def _against_load(title: str, targets: str, *, nested: bool) -> Panel:
    names = {f"{targets}-nested-load-" if nested else f"{targets}-load-"}

    def shows(record: Record) -> bool:
        start, _, load = str(record["workload"]).rpartition("-")
        return f"{start}-" in names and record["load"] is not None and load == f"{record['load']:g}"

    return Panel(title, "load", "edges/s", "load", _rate, shows)


def _series(title: str, across: str, key: str, base: str, word: str) -> Panel:
    """Return a panel of the workload `base` and those named after it with another value of one parameter."""

    def shows(record: Record) -> bool:
        start, _, value = str(record["workload"]).rpartition(f"-{word}-")
        return record["workload"] == base or (start == base and value.isdigit())

    return Panel(title, across, "ns/edge", key, _time, shows)


PANELS = (
    _against_load("Broadcast, one line", "broadcast", nested=False),
    _against_load("Random sets of cores, one line", "uniform", nested=False),
    _against_load("Single targets, one line", "single", nested=False),
    _against_load("Random sets, 8 lines, 3 levels", "uniform", nested=True),
    _against_load("Single targets, 8 lines, 3 levels", "single", nested=True),
    _series("Single targets at load 0.1", "edges of the script", "edges", "single-load-0.1", "edges"),
    _series("Broadcast at load 0.1", "edges of the script", "edges", "broadcast-load-0.1", "edges"),
    _series("Single targets at load 0.1", "clusters", "clusters", "single-load-0.1", "clusters"),
    _series("Random sets, 3 levels, load 0.3", "lines", "lines", "uniform-nested-load-0.3", "lines"),
)


def svg(results: Record) -> str:
    """Return the drawing of what `bench` returned; a panel without records says so."""
    shown = [[record for record in results["results"] if panel.shows(record)] for panel in PANELS]
    engines = list(dict.fromkeys(str(record["engine"]) for records in shown for record in records))
    rows = -(-len(PANELS) // COLUMNS)
    width, height = COLUMNS * WIDTH, HEAD + rows * HEIGHT
    drawn = [_legend(engines)]
    for index, panel in enumerate(PANELS):
        x, y = index % COLUMNS * WIDTH, HEAD + index // COLUMNS * HEIGHT
        drawn.append(f'  <g transform="translate({x} {y})">\n{_panel(panel, shown[index], engines)}  </g>\n')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img">\n  <title>Speed of the engines of kvx-emu</title>\n'
        f"  <style>\n{_style(engines)}  </style>\n{''.join(drawn)}</svg>\n"
    )


def _style(engines: Sequence[str]) -> str:
    light, dark = (
        "".join(
            f"{indent}.e{index} {{ color: {ENGINES.get(name, OTHER)[shade]}; }}\n"
            for index, name in enumerate(engines)
        )
        for shade, indent in ((0, "    "), (1, "      "))
    )
    ground = "      svg { background: #16191d; color: #e6e6e6; }\n"
    return f"{STYLE}{light}    @media (prefers-color-scheme: dark) {{\n{ground}{dark}    }}\n"


def _legend(engines: Sequence[str]) -> str:
    parts, x = [], float(LEFT)
    for index, name in enumerate(engines):
        parts.append(f'    <g class="e{index}">{_mark(index, x, 18)}</g>\n')
        parts.append(f'    <text x="{x + 10:g}" y="22">{escape(name)}</text>\n')
        x += 34 + 6.5 * len(name)
    return f"  <g>\n{''.join(parts)}  </g>\n"


def _mark(index: int, x: float, y: float) -> str:
    """Return the mark of the engine of this number, in the current colour."""
    kind = MARKS[index % len(MARKS)]
    fill = 'fill="currentColor"'
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" {fill}/>'
    if kind == "ring":
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        )
    paths = {
        "square": "m-3 -3h6v6h-6z",
        "diamond": "m0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
        "triangle": "m0 -4l4 7h-8z",
        "bar": "m-4 -1.5h8v3h-8z",
        "cross": "m-3 -3l6 6m0 -6l-6 6",
    }
    paint = 'stroke="currentColor" stroke-width="1.8"' if kind == "cross" else fill
    return f'<path d="M{x:.1f} {y:.1f}{paths[kind]}" {paint}/>'


class _Axis:
    """A logarithmic axis: values to pixels, and the values to name."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = math.log10(min(values)), math.log10(max(values))
        room = 0.06 * (self._high - self._low) or 0.5
        self._low -= room
        self._high += room
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        part = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + part * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Return the powers of ten, every other one of many; with 2 and 5 times them where they are few."""
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        factors = (1,) if self._high - self._low > 2 else (1, 2, 5)
        step = 2 if self._high - self._low > 6 else 1
        found = [factor * 10.0**decade for decade in decades[::step] for factor in factors]
        return [value for value in found if self._low <= math.log10(value) <= self._high]


def _named(value: float) -> str:
    """Return a number as an axis names it: 0.1, 20, 5k, 1M."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _panel(panel: Panel, records: Sequence[Record], engines: Sequence[str]) -> str:
    across, up = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'    <text class="title" x="{LEFT}" y="18">{escape(panel.title)}</text>\n']
    if not records:
        return f'{parts[0]}    <text x="{LEFT}" y="{HEIGHT / 2:g}">not measured</text>\n'
    x = _Axis([float(record[panel.x]) for record in records], LEFT, across)
    y = _Axis([panel.y(record) for record in records], up, TOP)
    for value in x.ticks():
        at = x.at(value)
        parts.append(f'    <path class="grid" d="M{at:.1f} {TOP}V{up}"/>')
        parts.append(f'<text x="{at:.1f}" y="{up + 15}" text-anchor="middle">{_named(value)}</text>\n')
    for value in y.ticks():
        at = y.at(value)
        parts.append(f'    <path class="grid" d="M{LEFT} {at:.1f}H{across}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_named(value)}</text>\n')
    middle = (LEFT + across) / 2
    parts.append(
        f'    <text x="{middle:g}" y="{up + 32}" text-anchor="middle">{escape(panel.across)}</text>\n'
    )
    turned = f'transform="rotate(-90 12 {(TOP + up) / 2:g})"'
    parts.append(f'    <text x="12" y="{(TOP + up) / 2:g}" {turned} text-anchor="middle">{panel.up}</text>\n')
    for index, name in enumerate(engines):
        # Of two records at one place the later: the series' own after the base.
        points = {
            x.at(float(record[panel.x])): y.at(panel.y(record))
            for record in records
            if record["engine"] == name
        }
        if points:
            line = " ".join(f"{px:.1f},{points[px]:.1f}" for px in sorted(points))
            marks = "".join(_mark(index, px, points[px]) for px in sorted(points))
            curve = f'<polyline class="curve" stroke="currentColor" points="{line}"/>'
            parts.append(f'    <g class="e{index}">{curve}{marks}</g>\n')
    return "".join(parts)
