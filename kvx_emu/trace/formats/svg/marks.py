"""How things look: the shapes of marks, the colours in light and dark, and what the legend says."""

from __future__ import annotations

from string import Template

from kvx_emu.trace.row import CLEAR, COALESCED, FAULT, MASK, MASKED, REQUEST, RESET, SEND, WAKE

SHAPES = {
    REQUEST: "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",  # a disc
    COALESCED: "M0 -5L5 0L0 5L-5 0z",  # a diamond around it
    MASKED: "M-4 -4L4 4M-4 4L4 -4",  # a cross
    CLEAR: "M-4 -4H4V4H-4z",  # a square around it
    SEND: "M-2.5 -4.5L4 0L-2.5 4.5z",  # an arrow head
    MASK: "M-1.5 -4.5H1.5V4.5H-1.5z",  # a bar
    FAULT: "M0 -5L5 4.5H-5z",  # a triangle
    RESET: "M-4.5 -4H4.5L0 5z",  # a triangle upside down
    WAKE: "M-4 2A4 4 0 0 1 4 2z",  # a rising sun
    "tick": "M-0.75 -5H0.75V5H-0.75z",  # all others, which have their names beside them
}
"""The outline of each event's mark, pixels around the spot where it stands."""

MEANING = {
    SEND: "send",
    REQUEST: "request",
    COALESCED: "coalesced: absorbed by a pending one",
    MASKED: "masked: not kept",
    CLEAR: "cleared",
    MASK: "mask written",
    WAKE: "wake",
    RESET: "reset",
    FAULT: "bus error",
    "tick": "other event",
}
"""What the legend says of each, in its order."""

_LIGHT = {
    "paper": "#fff", "text": "#1b1f24", "muted": "#57606a", "band": "#f5f7f9", "rule": "#dde2e8",
    "grid": "#e4e8ed", "run": "#4a90d9", "edge": "#2a6db3", "pale": "#b5d3f0", "wait": "#7d8894",
    "request": "#0b7a5b", "coalesced": "#b35900", "masked": "#c4207c", "send": "#3b4652", "fault": "#c62828",
    "other": "#6d4bb3", "arrow": "#66727f",
}  # fmt: skip
_DARK = {
    "paper": "#14181d", "text": "#e6eaef", "muted": "#9aa6b2", "band": "#1b2027", "rule": "#343c47",
    "grid": "#2a313a", "run": "#3f7fc4", "edge": "#7db4ec", "pale": "#26486b", "wait": "#8b96a3",
    "request": "#3fcf9f", "coalesced": "#f5a742", "masked": "#ff7ac1", "send": "#c3ccd6", "fault": "#ff7b72",
    "other": "#b79bf0", "arrow": "#8a96a3",
}  # fmt: skip
"""Colours by what they are for. Those of one palette differ in lightness too."""

_COLOURED = """
.kvx { background: $paper; fill: $text; }
.kvx .paper { fill: $paper; }
.kvx .muted, .kvx .line { fill: $muted; }
.kvx .note { fill: $coalesced; }
.kvx .band { fill: $band; }
.kvx .rule { stroke: $rule; }
.kvx .grid { stroke: $grid; }
.kvx .hatch { stroke: $wait; }
.kvx .run { fill: $run; stroke: $edge; }
.kvx .preempted { fill: $pale; stroke: $edge; }
.kvx .wait { stroke: $wait; }
.kvx .beside { fill: $muted; stroke: $band; }
.kvx .arrow { stroke: $arrow; }
.kvx .arrow.coalesced { stroke: $coalesced; }
.kvx .arrow.masked { stroke: $masked; }
.kvx .tip { fill: $arrow; }
.kvx use { fill: $other; }
.kvx use.request { fill: $request; stroke: $paper; }
.kvx use.coalesced { fill: none; stroke: $coalesced; }
.kvx use.masked { fill: none; stroke: $masked; }
.kvx use.clear { fill: none; stroke: $text; }
.kvx use.send, .kvx use.mask { fill: $send; }
.kvx use.fault, .kvx use.reset { fill: $fault; }
.kvx use.wake { fill: $coalesced; }
.kvx .sum.send { fill: $send; }
.kvx .sum.other { fill: $other; }
.kvx .sum.request { fill: $wait; }
.kvx .sum.enter { fill: $run; }
.kvx .sum.coalesced { fill: $coalesced; }
.kvx .sum.masked { fill: $masked; }
"""

_SHAPED = """
.kvx text { font: 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
.kvx text.head { font-size: 15px; font-weight: 600; }
.kvx text.note, .kvx text.name { font-weight: 600; }
.kvx text.small { font-size: 10px; }
.kvx text.tiny { font-size: 9px; }
.kvx .rule, .kvx .grid, .kvx .wait, .kvx .arrow { fill: none; }
.kvx .cut { fill: url(#kvx-cut); }
.kvx .run, .kvx .preempted { stroke-width: .75; }
.kvx .preempted { stroke-dasharray: 2 1.5; }
.kvx .wait { stroke-width: 2; stroke-dasharray: 2 2; }
.kvx .beside { stroke-width: 3px; paint-order: stroke; }
.kvx .inside { fill: #fff; pointer-events: none; }
.kvx .arrow.masked { stroke-dasharray: 4 2; }
.kvx .arrow:hover { opacity: 1; stroke-width: 2; }
.kvx use.request { stroke-width: .75; }
.kvx use.coalesced { stroke-width: 1.75; }
.kvx use.masked { stroke-width: 2.25; }
.kvx use.clear { stroke-width: 1.25; }
"""


def style() -> str:
    """Return the style sheet, dark where the reader prefers it.

    It has no variables of CSS, for programs that are no browsers know none.
    """
    light, dark = (Template(_COLOURED).substitute(colours) for colours in (_LIGHT, _DARK))
    return f"{_SHAPED}{light[1:]}@media (prefers-color-scheme: dark) {{{dark}}}\n"


def shape_of(event: str) -> str:
    """Return the name of an event's shape."""
    return event if event in SHAPES else "tick"
