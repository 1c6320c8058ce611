"""The interrupts of a tree whose way is sound: from which node to which controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.machine.facts import Link

if TYPE_CHECKING:
    from kvx_emu.dt.interrupts import Interrupt
    from kvx_emu.dt.tree import Node
    from kvx_emu.machine.survey import Survey


def read_links(survey: Survey) -> tuple[Link, ...]:
    """Return all interrupts of enabled nodes that reach a controller, by the order of the tree.

    Nothing is told here. What is wrong with the others `kvx_emu.machine.lines` and `ipis` tell; the errors
    about `#interrupt-cells` must have been told before.
    """
    return tuple(
        Link(
            node, interrupt.number, interrupt.controller, interrupt.cells, interrupt.place, interrupt.property
        )
        for node in survey.tree.nodes()
        if (node.has("interrupts-extended") or node.has("interrupts")) and node.enabled
        for interrupt in sound(survey, node)
    )


def sound(survey: Survey, node: Node) -> list[Interrupt]:
    """Return those interrupts of a node that reach an enabled interrupt controller."""
    entries, _ = survey.interrupts(node)
    if survey.misread(entries):
        return []
    good: dict[Node, bool] = {}
    for interrupt in entries:
        target = interrupt.controller
        if target not in good:
            good[target] = target.enabled and target.has("interrupt-controller")
    return [interrupt for interrupt in entries if good[interrupt.controller]]
