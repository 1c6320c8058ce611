"""A graph as text for Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvx_emu.machine.drawing.graph import Box, Graph

_ROOT = 'digraph "interrupts" {'


def dot(graph: Graph) -> str:
    """Return a graph for `dot`, left to right, each cluster a box of its own; always the same text."""
    lines = [
        _ROOT,
        "  rankdir=LR;",
        '  node [shape=box, fontname="sans-serif", fontsize=10];',
        '  edge [fontname="sans-serif", fontsize=9];',
    ]
    clusters = sorted({box.cluster for box in graph.boxes if box.cluster is not None})
    lines += [f"  {_box(box)}" for box in graph.boxes if box.cluster is None]
    for cluster in clusters:
        lines += [f"  subgraph cluster_{cluster} {{", f'    label="cluster {cluster}";']
        lines += [f"    {_box(box)}" for box in graph.boxes if box.cluster == cluster]
        lines.append("  }")
    lines += [
        f"  {quoted([edge.source])} -> {quoted([edge.target])} [label={quoted(edge.labels)}];"
        for edge in graph.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _box(box: Box) -> str:
    place = [] if box.place is None else [str(box.place)]
    return f"{quoted([box.key])} [label={quoted([box.name, box.title, *place])}];"


def quoted(lines: Iterable[str]) -> str:
    """Return lines as one string of Graphviz's language: whatever they hold, it is shown as it is."""
    escaped = (_printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
