"""Interrupt controllers and nexus nodes: what makes a node one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.interrupt_map import MAP, read_map
from kvx_emu.errors import WARNING

if TYPE_CHECKING:
    from kvx_emu.errors import Finding
    from kvx_emu.machine.survey import Survey


def check_maps(survey: Survey) -> None:
    """See that the maps of nexus nodes can be read, whether somebody's interrupts go there or not."""

    def report(finding: Finding) -> None:
        if finding.code != "intc-cells":  # the nexus's own, which `check_providers` tells
            survey.tell(finding._replace(severity=WARNING))

    for node in survey.tree.nodes():
        if node.has(MAP) and node.enabled:
            read_map(node, report)


def check_providers(survey: Survey) -> None:
    """See that what says it is an interrupt controller has cells for it, and the reverse."""
    for node in survey.tree.nodes():
        raw = node.raw("#interrupt-cells")
        says = next((name for name in ("interrupt-controller", "interrupt-map") if node.has(name)), None)
        if says is not None and raw is None:
            # Of a core's own controller the machine has told it.
            if not survey.blamed("intc-cells", node.place):
                message = f"{node.path} has {says}, but no #interrupt-cells"
                survey.say(WARNING, "interrupt-provider", message, node, says)
        elif says is None and raw is not None:
            message = f"{node.path} has #interrupt-cells, but does not say that it is an interrupt-controller"
            survey.say(WARNING, "interrupt-provider", message, node, "#interrupt-cells")
        elif says == "interrupt-controller" and node.children and not node.has("#address-cells"):
            message = f"the interrupt controller {node.path} has nodes below it, but no #address-cells"
            survey.say(WARNING, "interrupt-provider", message, node, says)
        if raw is not None and len(raw) != 4:
            place = node.property_place("#interrupt-cells")
            if not survey.blamed("intc-cells", place):
                message = f"the #interrupt-cells of {node.path} has {len(raw)} bytes; expected one cell"
                survey.say(WARNING, "interrupts-extended-is-cell", message, node, "#interrupt-cells")
