"""The IPI controllers of a tree and the wires from them to the cores."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvx_emu.core_id import core_names
from kvx_emu.errors import ERROR, WARNING
from kvx_emu.machine.facts import Block, Ipi, Wire
from kvx_emu.models.core import LINES
from kvx_emu.models.ipi_ctrl import FIRST_LINE, SETS, IpiCtrl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvx_emu.core_id import CoreId
    from kvx_emu.dt.interrupts import Interrupt
    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Place
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
        if is_ipi(block):
            _check_registers(survey, block)
            if block.cluster is None:
                message = (
                    f"{block.start:#x} is in no cluster's window, so the IPI controller belongs to no cluster"
                )
                survey.say(ERROR, "ipi-window", message, block.node, "reg", block.place)
            else:
                found.append(_ipi(survey, block, block.cluster, cores))
    _check_clusters(survey, found)
    if not any(True for _ in survey.nodes_of(IpiCtrl)):
        survey.say(WARNING, "no-ipi", "the tree has no enabled IPI controller", survey.tree.root)
    return tuple(found)


def _ipi(survey: Survey, block: Block, cluster: int, cores: Cores) -> Ipi:
    """Return a controller with the wires that its node names."""
    entries, found = survey.interrupts(block.node)
    if survey.misread(entries):
        found = [finding for finding in found if finding.code == "intc-cells"]
    for finding in found:
        # Of Kalray's controllers that is told already, and with more of what is expected.
        if finding.code != "intc-cells" or not survey.blamed(finding.code, finding.place):
            survey.tell(finding)
    broken = bool(found) or survey.misread(entries)
    wires: dict[tuple[CoreId, int], Wire] = {}
    for interrupt in entries:
        for wire in _wires(survey, block, cluster, interrupt, cores):
            first = wires.setdefault((wire.core, wire.line), wire)
            if first is not wire:
                message = f"{wire.core} is named twice with line {wire.line}"
                for place in (first.place, wire.place):
                    survey.say(ERROR, "ipi-core-twice", message, block.node, interrupt.property, place)
    _check_order(survey, block.node, wires.values())
    ipi = Ipi(block, cluster, tuple(wires[key] for key in sorted(wires) if _is_ipi_line(key[1])))
    _check_cores(survey, ipi, cores, None if broken else {core for core, _ in wires})
    return ipi


def _check_order(survey: Survey, node: Node, wires: Iterable[Wire]) -> None:
    """See that the entries of each line go up by core: somebody may take their order for that of the bits."""
    last: dict[int, CoreId] = {}
    for wire in wires:
        if wire.core < last.get(wire.line, wire.core):
            message = f"{wire.core} stands after {last[wire.line]}; the order of the entries means nothing: "
            message += f"bit {wire.core.pid} of a register is {wire.core} all the same"
            survey.say(WARNING, "ipi-core-order", message, node, wire.property, wire.place)
            return
        last[wire.line] = wire.core


def _wires(survey: Survey, block: Block, cluster: int, interrupt: Interrupt, cores: Cores) -> Iterable[Wire]:
    """Yield the wires that one interrupt of a controller stands for, also those of wrong lines, told here."""
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
    behind = cores.behind(target.path, cluster)
    if behind is None or len(interrupt.cells) != 1:
        return  # of what is wrong with the target is told there
    line = interrupt.cells[0]
    if line >= LINES:
        message = f"line {line} ({line:#x}) does not exist: a core has 32, the IPI lines are 24 to 31"
        say(ERROR, "ipi-line-range", message)
    elif not _is_ipi_line(line):
        message = f"line {line} is none of the IPI controller's, 24 to 31: it has no effect"
        say(WARNING, "ipi-line-range", message)
    for core in behind:
        if core.cluster == cluster:
            yield Wire(core, line, interrupt.place, interrupt.property)
        else:
            say(ERROR, "ipi-target", f"the IPI controller of cluster {cluster} does not reach {core}")


def _is_ipi_line(line: int) -> bool:
    return FIRST_LINE <= line < FIRST_LINE + SETS


def _check_registers(survey: Survey, block: Block) -> None:
    def say(severity: str, message: str, place: Place) -> None:
        survey.say(severity, "ipi-reg-size", message, block.node, "reg", place)

    size = block.size
    if block.start % 4:
        say(ERROR, f"the registers start at {block.start:#x}, which is no multiple of 4", block.place)
    if size < LEAST:
        message = f"the size {size:#x} does not hold the {SETS} sets of registers, {LEAST:#x} bytes"
        say(ERROR, message, block.size_place)
    elif size > PAGE:
        say(WARNING, f"the size {size:#x} is more than the block's {PAGE:#x}", block.size_place)


def _check_cores(survey: Survey, ipi: Ipi, cores: Cores, there: set[CoreId] | None) -> None:
    """See that a controller names each core of its cluster, and all with the same lines.

    `there` are the cores that it names with whatever line, None if not all of its wires could be read.
    """
    node = ipi.block.node
    if ipi.cluster not in cores.by_cluster:
        message = f"the IPI controller is in cluster {ipi.cluster}, which has no cpu"
        survey.say(WARNING, "ipi-core-missing", message, node)
    named: dict[CoreId, tuple[int, ...]] = {}
    for wire in ipi.wires:
        named[wire.core] = (*named.get(wire.core, ()), wire.line)
    missing = [core for core in cores.with_intc(ipi.cluster) if there is not None and core not in there]
    if missing:
        message = f"not wired to {core_names(missing)}: Linux leaves the line disabled there"
        survey.say(WARNING, "ipi-core-missing", message, node, _wired_by(node))
    if named:
        usual, _ = Counter(named.values()).most_common(1)[0]  # of equally common ones the first
        for core, lines in named.items():
            if lines != usual:
                message = f"{core} has line {_listed(lines)}, other cores line {_listed(usual)}"
                mine = [wire for wire in ipi.wires if wire.core == core]
                odd = next((wire for wire in mine if wire.line not in usual), mine[0])
                survey.say(WARNING, "ipi-lines-differ", message, node, odd.property, odd.place)


def _wired_by(node: Node) -> str | None:
    """Return the property that wires a controller, if it has one."""
    return next((name for name in ("interrupts-extended", "interrupts") if node.has(name)), None)


def is_ipi(block: Block) -> bool:
    """Whether a block is an IPI controller."""
    return block.model is not None and issubclass(block.model, IpiCtrl)


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
