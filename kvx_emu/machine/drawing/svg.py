"""A graph as a drawing: a plain layout in columns, light or dark as the reader likes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from kvx_emu.machine.drawing.graph import CONTROLLERS, CORES, DEVICES, GENERATORS, MAILBOXES

if TYPE_CHECKING:
    from kvx_emu.machine.drawing.graph import Box, Edge, Graph

# All in pixels.
MARGIN = 20
TEXT = 11  # height of letters
LINE = 15  # from one line of text to the next
CHAR = 6.1  # of a letter, about: sans-serif at this size; of names in bold a little more
LABEL = 0.92  # the size of labels, of that of other text
PAD = 8
GAP = 14  # between boxes of a column
BEND = 48  # between columns, beside the labels
HEAD = 22  # of a cluster, for its name

STYLE = """
svg { background: #fff; font: 11px sans-serif; fill: #1a1a1a; }
.cluster { fill: #f3f5f8; stroke: #c5ccd6; }
.box { fill: #fff; stroke: #5a6b80; }
.name { font-weight: bold; }
.place, .label { fill: #4a5563; }
.edge { fill: none; stroke: #7788a0; }
.label { stroke: #fff; stroke-width: 3px; paint-order: stroke; font-size: 10px; }
.in .label { stroke: #f3f5f8; }
#head { fill: #7788a0; }
@media (prefers-color-scheme: dark) {
  svg { background: #16191d; fill: #e6e9ed; }
  .cluster { fill: #1f242b; stroke: #3a4350; }
  .box { fill: #2a313a; stroke: #8496ac; }
  .place, .label { fill: #aab4c1; }
  .edge { stroke: #7f90a8; }
  .label { stroke: #16191d; }
  .in .label { stroke: #1f242b; }
  #head { fill: #7f90a8; }
}
"""

_IN_CLUSTER = {DEVICES: MAILBOXES, GENERATORS: MAILBOXES}
"""Inside a cluster devices stand with its mailboxes: the columns left of them are the chip's."""

NOTHING = "No interrupt of this tree leads anywhere."


class _Rect(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def svg(graph: Graph) -> str:
    """Return a graph as an SVG document; always the same text."""
    return _Drawing(graph).document()


def _column(box: Box) -> int:
    return box.column if box.cluster is None else _IN_CLUSTER.get(box.column, box.column)


class _Drawing:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._boxes = {box.key: box for box in graph.boxes}
        self._out: dict[str, list[Edge]] = {}
        self._in: dict[str, list[Edge]] = {}
        for edge in graph.edges:
            self._out.setdefault(edge.source, []).append(edge)
            self._in.setdefault(edge.target, []).append(edge)
        self._at: dict[str, _Rect] = {}
        self._bands: dict[int, _Rect] = {}
        self._place()

    # Layout

    def _lines(self, box: Box) -> list[str]:
        return [box.name, box.title, *_short(box)]

    def _width(self, column: int) -> float:
        texts = [text for box in self._graph.boxes if _column(box) == column for text in self._lines(box)]
        return max((len(text) for text in texts), default=0) * (CHAR + 1) + 2 * PAD if texts else 0

    def _height(self, box: Box) -> float:
        """Return the height of a box: for its text, and for the labels of its edges."""
        sides = (self._out.get(box.key, []), self._in.get(box.key, []))
        labels = max(sum(len(edge.labels) * LINE + 4 for edge in edges) for edges in sides)
        return max(len(self._lines(box)) * LINE + PAD, labels)

    def _gap(self, column: int) -> float:
        """Return the width of the gap right of a column: the labels of what leaves it have room."""
        leaving = [edge for edge in self._graph.edges if _column(self._boxes[edge.source]) == column]
        longest = max((len(label) for edge in leaving for label in edge.labels), default=0)
        return longest * CHAR * LABEL + 12 + BEND

    def _place(self) -> None:
        used = sorted({_column(box) for box in self._graph.boxes})
        left: dict[int, float] = {}
        x: float = MARGIN
        for column in used:
            if column == min((c for c in used if c >= MAILBOXES), default=-1):
                x += PAD
            left[column] = x
            x += self._width(column) + (self._gap(column) if column != used[-1] else 0)
        self._right = x if used else MARGIN + len(NOTHING) * CHAR
        chip_bottom = self._stack(None, left, MARGIN)
        bottom: float = MARGIN
        for cluster in sorted({box.cluster for box in self._graph.boxes if box.cluster is not None}):
            end = self._stack(cluster, left, bottom + HEAD)
            first = min(left[column] for column in used if column >= MAILBOXES)
            self._bands[cluster] = _Rect(first - PAD, bottom, x - first + 2 * PAD, end - bottom)
            bottom = end + GAP
        self._bottom = max(bottom, chip_bottom)

    def _stack(self, cluster: int | None, left: dict[int, float], top: float) -> float:
        """Put the boxes of a cluster, or of none, below one another; return where the lowest ends."""
        lowest = top
        for column in (DEVICES, GENERATORS, MAILBOXES, CONTROLLERS, CORES):
            y = top
            for box in self._graph.boxes:
                if box.cluster == cluster and _column(box) == column:
                    height = self._height(box)
                    self._at[box.key] = _Rect(left[column], y, self._width(column), height)
                    y += height + GAP
            lowest = max(lowest, y)
        return lowest

    def _anchor(self, key: str, edges: list[Edge], edge: Edge, other: str) -> float:
        """Return at which height an edge leaves or enters a box: spread by the height of the other ends."""
        rect = self._at[key]
        order = sorted(edges, key=lambda each: self._at[getattr(each, other)].y)
        total = sum(len(each.labels) * LINE + 4 for each in order)
        y = rect.y + (rect.height - total) / 2
        for each in order:
            height = len(each.labels) * LINE + 4
            if each is edge:
                return y + height - 6
            y += height
        raise AssertionError("an edge that is none of its box")

    # Text

    def document(self) -> str:
        """Return the whole document."""
        width, height = self._right + MARGIN + PAD, self._bottom + MARGIN
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
            "<title>The interrupt tree</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path id="head" d="M0 0L8 4L0 8z"/></marker></defs>',
        ]
        if not self._graph.boxes:
            parts.append(f'<text x="{MARGIN}" y="{MARGIN + TEXT}">{NOTHING}</text>')
        for cluster, rect in self._bands.items():
            parts.append(f'<rect class="cluster" {_rect(rect)} rx="6"/>')
            x, y = rect.x + PAD, rect.y + HEAD - 7
            parts.append(f'<text class="name" x="{x:.1f}" y="{y:.1f}">cluster {cluster}</text>')
        labels = []
        for edge in self._graph.edges:
            path, label = self._edge(edge)
            parts.append(path)
            labels += label
        parts += [self._box(box) for box in self._graph.boxes]
        return "\n".join([*parts, *labels, "</svg>"]) + "\n"

    def _box(self, box: Box) -> str:
        rect = self._at[box.key]
        x = rect.x + PAD
        hover = _text(box.key if box.place is None else f"{box.key} ({box.place})")
        lines = [f"<g><title>{hover}</title>", f'<rect class="box" {_rect(rect)} rx="3"/>']
        y = rect.y + (rect.height - len(self._lines(box)) * LINE) / 2 + TEXT
        for number, line in enumerate(self._lines(box)):
            kind = ' class="name"' if number == 0 else ' class="place"' if number > 1 else ""
            lines.append(f'<text{kind} x="{x:.1f}" y="{y + number * LINE:.1f}">{_text(line)}</text>')
        return "\n".join([*lines, "</g>"])

    def _edge(self, edge: Edge) -> tuple[str, list[str]]:
        """Return the curve of an edge and its labels, which stand at the end that fewer edges share."""
        source, target = self._at[edge.source], self._at[edge.target]
        leaving, entering = self._out[edge.source], self._in[edge.target]
        x0, y0 = source.x + source.width, self._anchor(edge.source, leaving, edge, "target")
        x1, y1 = target.x, self._anchor(edge.target, entering, edge, "source")
        # What the chip does to the cores of a cluster ends at its frame: beyond are other boxes.
        framed = self._boxes[edge.source].cluster is None and self._boxes[edge.target].column == CORES
        if framed:
            band = self._bands[self._boxes[edge.target].cluster or 0]
            same = [each for each in self._graph.edges if each.target == edge.target]
            x1, y1 = band.x, band.y + HEAD + LINE * same.index(edge)
        # Straight below its labels, so that the curve crosses none of them.
        at_source = len(leaving) <= len(entering) or framed
        straight = max(map(len, edge.labels)) * CHAR * LABEL + 12
        if at_source:  # all that leave a column bend at one place: they cross less
            straight = self._gap(_column(self._boxes[edge.source])) - BEND
        bend = max(20.0, (x1 - x0 - straight) / 2)
        from_x, to_x = (x0 + straight, x1) if at_source else (x0, x1 - straight)
        path = (
            f'<path class="edge" marker-end="url(#arrow)" d="M{x0:.1f} {y0:.1f}H{from_x:.1f}'
            f'C{from_x + bend:.1f} {y0:.1f} {to_x - bend:.1f} {y1:.1f} {to_x:.1f} {y1:.1f}H{x1:.1f}"/>'
        )
        x, y, anchor = (x0 + 6, y0, "start") if at_source else (x1 - 12, y1, "end")
        inside = self._boxes[edge.source if at_source else edge.target].cluster is not None
        labels = [
            f'<text class="label" text-anchor="{anchor}" x="{x:.1f}" '
            f'y="{y - 4 - (len(edge.labels) - 1 - number) * LINE:.1f}">{_text(label)}</text>'
            for number, label in enumerate(edge.labels)
        ]
        return path, ['<g class="in">', *labels, "</g>"] if inside else labels


def _short(box: Box) -> list[str]:
    """Return the place of a box without the folders of its file."""
    return [] if box.place is None else [str(box.place).rsplit("/", 1)[-1]]


def _rect(rect: _Rect) -> str:
    return f'x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}"'


def _text(text: str) -> str:
    """Return text as XML has it; what XML can not hold is shown as a replacement character."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
