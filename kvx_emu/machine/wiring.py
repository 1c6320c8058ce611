"""From a tree to facts: which cores, blocks and wires it declares, and what is wrong with them.

Nothing is built here. What a rule finds goes to `report`, each finding at the guilty cell; a rule about two
places tells each. A board with an error among the findings can not be emulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.addresses import regs
from kvx_emu.errors import ERROR, NOTE, WARNING
from kvx_emu.hw import registry
from kvx_emu.hw.model import Model
from kvx_emu.machine import known
from kvx_emu.machine.apic import check_apic, check_cells
from kvx_emu.machine.cores import DEFAULT_CLOCK, read_clock, read_cores, read_powers, read_rates
from kvx_emu.machine.facts import Block, CpuFacts, Ipi, Link, Wire, Wiring
from kvx_emu.machine.ipis import PAGE, read_ipis
from kvx_emu.machine.lines import check_lines
from kvx_emu.machine.links import read_links
from kvx_emu.machine.overlaps import check_overlaps
from kvx_emu.machine.survey import Survey
from kvx_emu.machine.windows import cluster_at, to_global
from kvx_emu.models.ipi_ctrl import IpiCtrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.addresses import Reg
    from kvx_emu.dt.tree import Node, Tree
    from kvx_emu.errors import Finding, Place
    from kvx_emu.machine.survey import Report

__all__ = ["DEFAULT_CLOCK", "PAGE", "Block", "CpuFacts", "Ipi", "Link", "Wire", "Wiring", "read_wiring"]

_STATUSES = ("okay", "ok", "disabled", "reserved", "fail")
"""What `status` may say, and anything after `fail-`. Source: Devicetree Specification 2.3.4."""


def read_wiring(tree: Tree, report: Report, profile: str = registry.HARDWARE) -> Wiring:
    """Return the facts of a tree; what is wrong with it goes to `report`, all of it."""
    return wire(Survey(tree, report, profile))


def wire(survey: Survey) -> Wiring:
    """Return the facts of the tree of a survey, to which goes what is wrong."""
    _check_nodes(survey)
    check_cells(survey)
    cores = read_cores(survey)
    cpus = cores.cpus
    clusters = 1 + max((cpu.core.cluster for cpu in cpus), default=0)
    blocks = tuple(_blocks(survey, clusters))
    ipis = read_ipis(survey, blocks, cores)
    check_overlaps(survey, blocks)
    check_lines(survey, blocks, cores)
    links = read_links(survey)
    check_apic(survey, blocks, cores, links)
    rates, powers = read_rates(survey), read_powers(survey, cpus)
    if not cpus:
        survey.say(WARNING, "no-cpus", "the tree has no enabled cpu", survey.tree.root)
    clock = read_clock(survey, cpus)
    return Wiring(clock, clusters, cores, blocks, ipis, survey.tree, links, rates, powers)


def _check_nodes(survey: Survey) -> None:
    """See that each node says soundly what it is and whether it is there."""
    for node in survey.tree.nodes():
        if node.has("status"):
            _check_status(survey, node)
        if node.enabled and node.has("compatible"):
            _check_compatible(survey, node)


def _check_status(survey: Survey, node: Node) -> None:
    raw = node.raw("status") or b""
    if raw[-1:] != b"\0" or raw.count(0) > 1:
        message = f"the status of {node.path} is not one text, taken as disabled; expected okay or disabled"
        survey.say(WARNING, "status-is-string", message, node, "status")
        return
    status = raw[:-1].decode("latin-1")
    if status not in _STATUSES and not status.startswith("fail-"):
        message = f"unknown status '{status}', taken as disabled; expected okay, disabled, reserved or fail"
        survey.say(WARNING, "status", message, node, "status")
    elif status not in {"okay", "ok"}:
        survey.say(NOTE, "status", f"the node is {status}: it is left out", node, "status")


def _check_compatible(survey: Survey, node: Node) -> None:
    """Tell of a string that is nearly one of Kalray's, if the node has none that is."""
    if (node.raw("compatible") or b"\0")[-1]:
        message = f"the compatible of {node.path} is no list of texts: nobody knows what the node is"
        survey.say(WARNING, "compatible-is-string-list", message, node, "compatible")
        return
    compatibles = survey.compatible(node)
    if any(compatible in known.TITLES for compatible in compatibles):
        raw = node.raw("#interrupt-cells")
        if raw is not None and len(raw) != 4 and not survey.is_core_intc(node):
            message = f"the #interrupt-cells of {node.path} has {len(raw)} bytes; expected one cell"
            survey.say(ERROR, "intc-cells", message, node, "#interrupt-cells")
        return
    for compatible in compatibles:
        if compatible.startswith("kalray,") and (near := known.nearest(compatible)):
            message = f"unknown compatible {compatible!r}: is {near!r} meant?"
            survey.say(WARNING, "compatible-near", message, node, "compatible")


def _blocks(survey: Survey, clusters: int) -> Iterator[Block]:
    """Yield what answers on the bus, by the order of the tree."""
    for node in survey.tree.nodes():
        if not node.enabled:
            continue
        title, compatible, model = _title(survey, node)
        if not node.has("reg"):
            if model is not None:
                survey.say(ERROR, "reg-format", f"{node.path}, {title}, has no reg", node)
            continue
        code = "ipi-reg-size" if model is not None and issubclass(model, IpiCtrl) else "reg-size"
        # Of a node that is none of Kalray's, only what can be understood is put on the map.
        found = regs(node, _renaming(survey, code) if title in known.ADDRESSED else _ignore)
        if model is not None and len(found) > 1:
            message = f"{node.path}, {title}, has one region of registers; found {len(found)}"
            survey.say(ERROR, "reg-format", message, node, "reg", found[1].place)
            del found[1:]
        for reg in found:
            size_place = _size_place(node, reg)
            if reg.size:
                start = to_global(reg.address, 0)
                cluster = cluster_at(start, clusters)
                place = node.cell_place("reg", reg.middle - 1)
                yield Block(node, title, start, reg.size, cluster, place, size_place, compatible, model)
            elif title in known.ADDRESSED:
                message = f"the registers of {node.path} have size 0"
                survey.say(ERROR, code, message, node, "reg", size_place)


def _size_place(node: Node, reg: Reg) -> Place:
    """Return where the size of an entry stands: its first cell that is not 0, or the last."""
    cells = node.cells("reg")[reg.middle : reg.end]
    first = next((index for index, cell in enumerate(cells) if cell), len(cells) - 1)
    return node.cell_place("reg", reg.middle + first)


def _renaming(survey: Survey, code: str) -> Report:
    """Return a report to the survey that gives what is wrong with a size this code."""

    def report(finding: Finding) -> None:
        survey.tell(finding._replace(code=code) if finding.code == "reg-size" else finding)

    return report


def _title(survey: Survey, node: Node) -> tuple[str, str | None, type[Model] | None]:
    """Return what to call a node's block, the string that was recognised, and its model on the bus."""
    found = survey.model(node)
    if found is not None and issubclass(found[1], Model):
        return known.TITLES.get(found[0], found[1].title), found[0], found[1]
    compatibles = survey.compatible(node)
    for compatible in compatibles:
        if compatible in known.TITLES:
            return known.TITLES[compatible], compatible, None
    return (compatibles[0] if compatibles else node.name.partition("@")[0]), None, None


def _ignore(_finding: Finding) -> None:
    """Drop what is wrong with a node that nobody models."""
