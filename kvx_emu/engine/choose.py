"""Which engine runs a program. All give the same; they differ in how long they take."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.engine.batch import Sets, worth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.engine.reference import Reference
    from kvx_emu.engine.run import Watch
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Program
    from kvx_emu.trace.sink import Sink

AUTO, REFERENCE, VECTOR = "auto", "reference", "vector"
ENGINES = (AUTO, REFERENCE, VECTOR)

WORTH = 30_000
"""Edges from which the vector engine is faster although numpy has to be imported first, which takes as long
as the reference needs for about as many. Measured."""

WORTH_LOADED = 3_000
"""The same where numpy is there already."""


class Choice(NamedTuple):
    """The engine that was chosen, and why, in words."""

    engine: str  # reference or vector
    why: str


def choose(machine: Machine, program: Program, wanted: str, *, snapshots: bool = False) -> Choice:
    """Return the engine for a program; with auto by how much of it can be solved as a whole.

    With `snapshots`, one is to be taken or restored: that only the reference does.
    """
    if snapshots:
        return Choice(REFERENCE, "it alone takes and restores snapshots")
    if wanted != AUTO:
        return Choice(wanted, "as asked")
    edges = worth(program.actions, Sets(machine))
    least = WORTH_LOADED if "numpy" in sys.modules else WORTH
    many = f"about {edges:,.0f} requests are in stretches that can be solved as a whole"
    if edges >= least:
        return Choice(VECTOR, many)
    return Choice(REFERENCE, f"{many}, and below {least:,} that does not pay")


def load(choice: Choice) -> None:
    """Import what the engine needs, so that `make` need not."""
    import_module("kvx_emu.engine.vector.engine" if choice.engine == VECTOR else "kvx_emu.engine.reference")


def make(
    choice: Choice,
    machine: Machine,
    program: Program,
    sinks: Sequence[Sink],
    *,
    limit_ticks: int | None = None,
    limit_events: int | None = None,
    watch: Watch | None = None,
) -> Reference:
    """Return the engine that was chosen, ready to run."""
    if choice.engine == VECTOR:
        from kvx_emu.engine.vector.engine import Vector

        return Vector(
            machine, program, sinks, limit_ticks=limit_ticks, limit_events=limit_events, watch=watch
        )
    from kvx_emu.engine.reference import Reference

    return Reference(machine, program, sinks, limit_ticks=limit_ticks, limit_events=limit_events, watch=watch)
