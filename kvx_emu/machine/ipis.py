"""The IPI controllers of a tree and the wires from them to the cores."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvx_emu.dt.interrupts import interrupts
from kvx_emu.errors import ERROR, WARNING
from kvx_emu.machine import known
from kvx_emu.machine.facts import Block, Ipi, Wire
from kvx_emu.models.core import LINES
from kvx_emu.models.ipi_ctrl import FIRST_LINE, SETS, IpiCtrl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvx_emu.core_id import CoreId
    from kvx_emu.dt.interrupts import Interrupt
    from kvx_emu.errors import Finding
    from kvx_emu.machine.cores import Cores
    from kvx_emu.machine.survey import Survey

PAGE = 0x1000
"""Bytes that every source gives to the IPI controller."""

LEAST = IpiCtrl.MASK.offset + SETS * IpiCtrl.MASK.stride
"""Bytes that hold all its registers."""


def read_ipis(survey: Survey, blocks: tuple[Block, ...], cores: Cores) -> tuple[Ipi, ...]:
    """Return the IPI controllers among the blocks, and tell what is wrong with them."""
    found = []
    for block in blocks:
        if _is_ipi(block):
            _check_registers(survey, block)
            if block.cluster is None:
                message = (
                    f"{block.start:#x} is in no cluster's window, so the IPI controller belongs to no cluster"
                )
                survey.say(ERROR, "ipi-window", message, block.node, "reg", block.place)
            else:
                found.append(_ipi(survey, block, block.cluster, cores))
    _check_overlaps(survey, blocks)
    _check_clusters(survey, found)
    if not any(True for _ in survey.nodes_of(IpiCtrl)):
        survey.say(WARNING, "no-ipi", "the tree has no enabled IPI controller", survey.tree.root)
    return tuple(found)


def _ipi(survey: Survey, block: Block, cluster: int, cores: Cores) -> Ipi:
    """Return a controller with the wires that its node names."""

    def report(finding: Finding) -> None:
        # Of a core's interrupt controller that is told already, and with more of what is expected.
        if finding.code != "intc-cells" or finding.node not in trusted:
            survey.tell(finding)

    trusted = {*cores.own, cores.shared.path if cores.shared is not None else None}
    wires: dict[tuple[CoreId, int], Wire] = {}
    for interrupt in interrupts(block.node, report):
        for wire in _wires(survey, block, cluster, interrupt, cores):
            first = wires.setdefault((wire.core, wire.line), wire)
            if first is not wire:
                message = f"{wire.core} is named twice with line {wire.line}"
                for place in (first.place, wire.place):
                    survey.say(ERROR, "ipi-core-twice", message, block.node, interrupt.property, place)
    ipi = Ipi(block, cluster, tuple(wires[key] for key in sorted(wires) if _is_ipi_line(key[1])))
    _check_cores(survey, ipi, cores.by_cluster.get(cluster, []))
    return ipi


def _wires(survey: Survey, block: Block, cluster: int, interrupt: Interrupt, cores: Cores) -> Iterable[Wire]:
    """Yield the wires that one interrupt of a controller stands for; none if it is wrong, which is told."""
    node, target = block.node, interrupt.controller

    def say(severity: str, code: str, message: str) -> None:
        survey.say(severity, code, message, node, interrupt.property, interrupt.place)

    if not survey.is_core_intc(target) or not target.has("interrupt-controller"):
        message = f"{target.path} is no core interrupt controller: the IPI controller's outputs go to cores"
        say(ERROR, "ipi-target", message)
        return
    if not target.enabled:
        say(WARNING, "phandle-dangling", f"{target.path} is disabled: what goes there has no effect")
        return
    behind = cores.behind(target, cluster)
    if behind is None or len(interrupt.cells) != 1:
        return  # of what is wrong with the target is told there
    line = interrupt.cells[0]
    if line >= LINES:
        message = f"line {line} ({line:#x}) does not exist: a core has 32, the IPI lines are 24 to 31"
        say(ERROR, "ipi-line-range", message)
        return
    if not _is_ipi_line(line):
        message = f"line {line} is none of the IPI controller's, 24 to 31: it has no effect"
        say(WARNING, "ipi-line-range", message)
    for core in behind:
        if core.cluster == cluster:
            yield Wire(core, line, interrupt.place)
        else:
            say(ERROR, "ipi-target", f"the IPI controller of cluster {cluster} does not reach {core}")


def _is_ipi_line(line: int) -> bool:
    return FIRST_LINE <= line < FIRST_LINE + SETS


def _check_registers(survey: Survey, block: Block) -> None:
    def say(severity: str, message: str) -> None:
        survey.say(severity, "ipi-reg-size", message, block.node, "reg", block.place)

    if block.start % 4:
        say(ERROR, f"the registers start at {block.start:#x}, which is no multiple of 4")
    if block.size < LEAST:
        say(ERROR, f"the size {block.size:#x} does not hold the {SETS} sets of registers, {LEAST:#x} bytes")
    elif block.size > PAGE:
        say(WARNING, f"the size {block.size:#x} is more than the block's {PAGE:#x}")


def _check_overlaps(survey: Survey, blocks: tuple[Block, ...]) -> None:
    """See that IPI controllers have their addresses for themselves.

    Each of a crowd at one place is told, with one of those that it overlaps.
    """
    farthest: dict[str, Block] = {}  # of those of one kind that were seen: which reaches farthest
    for block in sorted(blocks, key=lambda block: block.start):
        kind = _kind(block)
        if kind is None:
            continue
        for other_kind, other in farthest.items():
            if other.end > block.start and "ipi" in {kind, other_kind}:
                _tell_overlap(survey, other, block, memory="memory" in {kind, other_kind})
        if kind not in farthest or block.end > farthest[kind].end:
            farthest[kind] = block


def _is_ipi(block: Block) -> bool:
    return block.model is not None and issubclass(block.model, IpiCtrl)


def _kind(block: Block) -> str | None:
    """Return what overlapping a block means; None if that is nobody's business."""
    if _is_ipi(block):
        return "ipi"
    if block.node.raw("device_type") == b"memory\0":
        return "memory"
    return "block" if block.title in known.TITLES.values() else None


def _tell_overlap(survey: Survey, first: Block, second: Block, *, memory: bool) -> None:
    severity, code = (WARNING, "mem-overlap") if memory else (ERROR, "ipi-reg-overlap")
    low, high = second.start, min(first.end, second.end) - 1
    message = f"{first.node.path} and {second.node.path} overlap at {low:#x} to {high:#x}"
    for block in (first, second):
        survey.say(severity, code, message, block.node, "reg", block.place)


def _check_cores(survey: Survey, ipi: Ipi, cores: list[CoreId]) -> None:
    """See that a controller names each core of its cluster, and all with the same lines."""
    node = ipi.block.node
    if not cores:
        message = f"the IPI controller is in cluster {ipi.cluster}, which has no cpu"
        survey.say(WARNING, "ipi-core-missing", message, node)
    named: dict[CoreId, tuple[int, ...]] = {}
    for wire in ipi.wires:
        named[wire.core] = (*named.get(wire.core, ()), wire.line)
    missing = [str(core) for core in cores if core not in named]
    if missing:
        message = f"not wired to {', '.join(missing)}: Linux leaves the line disabled there"
        survey.say(WARNING, "ipi-core-missing", message, node)
    if named:
        usual, _ = Counter(named.values()).most_common(1)[0]  # of equally common ones the first
        for core, lines in named.items():
            if lines != usual:
                message = f"{core} has line {_listed(lines)}, other cores line {_listed(usual)}"
                mine = [wire for wire in ipi.wires if wire.core == core]
                odd = next((wire for wire in mine if wire.line not in usual), mine[0])
                survey.say(WARNING, "ipi-lines-differ", message, node, None, odd.place)


def _listed(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines))


def _check_clusters(survey: Survey, ipis: list[Ipi]) -> None:
    by_cluster: dict[int, Ipi] = {}
    for ipi in ipis:
        first = by_cluster.setdefault(ipi.cluster, ipi)
        if first is not ipi:
            nodes = first.block.node, ipi.block.node
            message = f"cluster {ipi.cluster} has two IPI controllers, {nodes[0].path} and {nodes[1].path}"
            for node in nodes:
                survey.say(ERROR, "ipi-twice", message, node)
