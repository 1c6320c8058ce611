"""Where the interrupts of all devices go, and which lines of the cores two of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId, core_names
from kvx_emu.errors import ERROR, WARNING
from kvx_emu.machine import known
from kvx_emu.machine.facts import Claim
from kvx_emu.models.core import LINES
from kvx_emu.models.ipi_ctrl import IpiCtrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.interrupts import Interrupt
    from kvx_emu.dt.tree import Node
    from kvx_emu.machine.cores import Cores
    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.survey import Survey

_PHANDLES = ("msi-parent", "power-controller", "clocks")
"""Properties that start with a phandle, beside those of interrupts; the clocks of cpus are told elsewhere."""


def check_lines(survey: Survey, blocks: tuple[Block, ...], cores: Cores) -> None:
    """See that the interrupts of every device go somewhere, and that no two share a line of a core."""
    clusters = {block.node.path: block.cluster for block in blocks}
    everywhere = sorted(cores.by_cluster)
    claims: dict[tuple[CoreId, int], Claim] = {}
    shared: dict[tuple[Claim, Claim, int], list[CoreId]] = {}
    cpus = {cpu.node.path for cpu in cores.cpus}
    for node in survey.tree.nodes():
        wired = node.has("interrupts-extended") or node.has("interrupts")
        if not node.enabled:
            continue
        if node.path not in cpus:
            _check_phandles(survey, node)
        if not wired:
            continue
        cluster = clusters.get(node.path)
        reached = everywhere if cluster is None else [cluster]
        for interrupt in _interrupts(survey, node, read=cluster is not None and _is_ipi(survey, node)):
            claim = Claim(node, interrupt.property, interrupt.place)
            for line, core in _lines(survey, interrupt, cores, reached):
                first = claims.setdefault((core, line), claim)
                # Of two IPI controllers of a cluster that is told already.
                if first.node is not node and not (_is_ipi(survey, first.node) and _is_ipi(survey, node)):
                    shared.setdefault((first, claim, line), []).append(core)
    for (first, second, line), both in shared.items():
        nodes = f"{first.node.path} and {second.node.path}"
        message = f"line {line} of {core_names(both)} is that of two devices, {nodes}"
        for claim in (first, second):
            survey.say(WARNING, "line-shared", message, claim.node, claim.property, claim.place)


def _lines(
    survey: Survey, interrupt: Interrupt, cores: Cores, clusters: list[int]
) -> Iterator[tuple[int, CoreId]]:
    """Yield the lines of cores that an interrupt stands for."""
    if (
        len(interrupt.cells) != 1
        or interrupt.cells[0] >= LINES
        or not survey.is_core_intc(interrupt.controller)
    ):
        return
    seen = set()
    for cluster in clusters:
        for core in cores.behind(interrupt.controller.path, cluster) or ():
            if core not in seen:
                seen.add(core)
                yield interrupt.cells[0], core


def _interrupts(survey: Survey, node: Node, *, read: bool) -> list[Interrupt]:
    """Return the interrupts of a device; `read` says that what is wrong with them was told before."""
    result, found = survey.interrupts(node)
    if read or survey.misread(result):
        return result
    name = "interrupts-extended" if node.has("interrupts-extended") else "interrupts"
    if not node.raw(name):
        survey.say(WARNING, f"{name}-property", f"'{name}' of {node.path} is empty", node, name)
    for finding in found:
        if finding.code == "phandle-dangling":
            survey.tell(finding)
        elif finding.code != "intc-cells":
            survey.tell(finding._replace(severity=WARNING))
        elif not _says_so(survey.tree.node(finding.node or "")):  # each controller is looked at for itself
            survey.say(WARNING, f"{name}-property", finding.message, node, name)
    for interrupt in result:
        controller = interrupt.controller
        if not controller.enabled:
            message = f"{controller.path} is disabled: what goes there has no effect"
            survey.say(WARNING, "phandle-dangling", message, node, interrupt.property, interrupt.place)
        elif not _says_so(controller):
            message = f"{controller.path} does not say that it is an interrupt-controller"
            code = f"{interrupt.property}-property"
            place = interrupt.place if code == "interrupts-extended-property" else None
            survey.say(WARNING, code, message, node, interrupt.property, place)
    return result


def _says_so(node: Node | None) -> bool:
    return node is not None and (node.has("interrupt-controller") or node.has("interrupt-map"))


def _is_ipi(survey: Survey, node: Node) -> bool:
    found = survey.model(node)
    return found is not None and issubclass(found[1], IpiCtrl)


def _check_phandles(survey: Survey, node: Node) -> None:
    """See that the first phandle of what refers to other nodes is one."""
    for name in _PHANDLES:
        raw = node.raw(name)
        if raw is None or len(raw) < 4:
            continue
        number = int.from_bytes(raw[:4], "big")
        target = survey.tree.by_phandle(number)
        if target is None:
            mine = any(text in known.TITLES for text in survey.compatible(node))
            message = f"'{name}' of {node.path}: no node has the phandle {number:#x}"
            place = node.cell_place(name, 0)
            survey.say(ERROR if mine else WARNING, "phandle-dangling", message, node, name, place)
        elif not target.enabled:
            message = f"{target.path}, the {name} of {node.path}, is disabled"
            survey.say(WARNING, "phandle-dangling", message, node, name, node.cell_place(name, 0))
