"""From a tree to facts: which cores, blocks and wires it declares, and what is wrong with them.

Nothing is built here. What a rule finds goes to `report`, each finding at the guilty cell; a board with an
error among them can not be emulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import PIDS, CoreId
from kvx_emu.dt.addresses import regs
from kvx_emu.dt.interrupts import interrupts
from kvx_emu.errors import ERROR, NOTE, WARNING, Finding, InputError
from kvx_emu.hw import registry
from kvx_emu.hw.model import Model
from kvx_emu.machine import known
from kvx_emu.machine.windows import cluster_at, to_global
from kvx_emu.models.core import LINES, Core
from kvx_emu.models.ipi_ctrl import FIRST_LINE, SETS, IpiCtrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvx_emu.dt.tree import Node, Tree
    from kvx_emu.errors import Place

    Report = Callable[[Finding], None]

DEFAULT_CLOCK = 1_000_000_000
"""Hz of the core clock where the tree has none: what Kalray's trees say."""

PAGE = 0x1000
"""Bytes that every source gives to the IPI controller."""


class CpuFacts(NamedTuple):
    """An enabled cpu node: its core, and the node of its own interrupt controller, if it has one."""

    core: CoreId
    node: Node
    intc: Node | None


class Block(NamedTuple):
    """An enabled node with registers that the cores can address.

    `start` is the address that all cores see, `cluster` whose window that is in (None: none's);
    `compatible` the string that was recognised, `model` its class, both None if none was.
    """

    node: Node
    title: str
    start: int
    size: int
    cluster: int | None
    place: Place
    compatible: str | None
    model: type[Model] | None


class Wire(NamedTuple):
    """A line of a core that the tree names as the output of a controller."""

    core: CoreId
    line: int
    place: Place


class Ipi(NamedTuple):
    """An IPI controller and the wires that its node names; the hardware has all 8 x 17."""

    block: Block
    cluster: int
    wires: tuple[Wire, ...]


class Wiring(NamedTuple):
    """All that a tree says of its interrupt hardware."""

    clock_hz: int
    clusters: int
    cpus: tuple[CpuFacts, ...]
    shared_intc: Node | None
    blocks: tuple[Block, ...]
    ipis: tuple[Ipi, ...]
    dialect: str  # coolidge (an intc in each cpu node) or kvx (one for all)


def read_wiring(tree: Tree, report: Report, profile: str = registry.HARDWARE) -> Wiring:
    """Return the facts of a tree; what is wrong with it goes to `report`, all of it."""
    return _Reader(tree, report, profile).read()


class _Reader:
    """One reading of one tree."""

    def __init__(self, tree: Tree, report: Report, profile: str) -> None:
        self.tree = tree
        self.report = report
        self.profile = profile

    def read(self) -> Wiring:
        self._statuses()
        cpus, shared = self._cpus(), None
        own = {cpu.intc.path: cpu for cpu in cpus if cpu.intc is not None}
        for node in self._nodes_of(Core):
            if node.path not in own:
                shared = self._shared(node, shared)
        dialect = "coolidge" if own or shared is None else "kvx"
        self._check_cpus(cpus, shared, dialect)
        clusters = 1 + max((cpu.core.cluster for cpu in cpus), default=0)
        blocks = tuple(self._blocks(clusters))
        ipis = tuple(ipi for block in blocks if (ipi := self._ipi(block, cpus, own, shared)) is not None)
        self._check_ipis(ipis, blocks)
        if not ipis:
            self._say(WARNING, "no-ipi", "the tree has no enabled IPI controller", self.tree.root)
        if not cpus:
            self._say(WARNING, "no-cpus", "the tree has no enabled cpu", self.tree.root)
        return Wiring(self._clock(cpus), clusters, cpus, shared, blocks, ipis, dialect)

    # What the rules share

    def _say(
        self,
        severity: str,
        code: str,
        message: str,
        node: Node,
        place: Place | None = None,
        prop: str | None = None,
    ) -> None:
        if place is None:
            place = node.property_place(prop) if prop is not None and node.has(prop) else node.place
        self.report(Finding(severity, code, message, place, node.path, prop))

    def _nodes_of(self, kind: type) -> Iterator[Node]:
        """Yield the enabled nodes whose model is a `kind`."""
        for node in self.tree.nodes():
            found = self._model(node)
            if found is not None and issubclass(found[1], kind) and node.enabled:
                yield node

    def _model(self, node: Node) -> tuple[str, type] | None:
        return registry.find(self._compatibles(node), self.profile) if node.has("compatible") else None

    def _title(self, node: Node) -> tuple[str, str | None, type[Model] | None]:
        """Return what to call a node's block, the string that was recognised, and its model on the bus."""
        found = self._model(node)
        if found is not None and issubclass(found[1], Model):
            return known.TITLES.get(found[0], found[1].title), found[0], found[1]
        compatibles = self._compatibles(node) if node.has("compatible") else []
        for compatible in compatibles:
            if compatible in known.TITLES:
                return known.TITLES[compatible], compatible, None
            if compatible.startswith("kalray,") and (near := known.nearest(compatible)):
                message = f"unknown compatible {compatible!r}: is {near!r} meant?"
                self._say(WARNING, "compatible-near", message, node, None, "compatible")
        return (compatibles[0] if compatibles else node.name.partition("@")[0]), None, None

    def _compatibles(self, node: Node) -> list[str]:
        try:
            return node.strings("compatible")
        except InputError as error:
            for finding in error.findings:
                self.report(finding)
            return []

    def _statuses(self) -> None:
        known_words = ("okay", "ok", "disabled", "reserved", "fail")
        for node in self.tree.nodes():
            if not node.has("status"):
                continue
            try:
                status = node.strings("status")[0]
            except InputError as error:
                for finding in error.findings:
                    self.report(finding)
                continue
            if status not in known_words and not status.startswith("fail-"):
                message = (
                    f"unknown status {status!r}, taken as disabled; expected okay, disabled, reserved or fail"
                )
                self._say(WARNING, "status", message, node, None, "status")
            elif status not in {"okay", "ok"}:
                self._say(NOTE, "status", f"the node is {status}: it is left out", node, None, "status")

    # Cores

    def _cpus(self) -> tuple[CpuFacts, ...]:
        parent = self.tree.node("/cpus")
        found: dict[CoreId, CpuFacts] = {}
        for node in parent.children if parent is not None else ():
            is_cpu = node.has("device_type") and node.strings("device_type") == ["cpu"]
            if not node.enabled or not (is_cpu or node.name.partition("@")[0] == "cpu"):
                continue
            core = self._core_id(node)
            if core is None:
                continue
            if core in found:
                first = found[core].node
                message = f"two cpus are {core}: {first.path} and {node.path} have the same reg"
                for guilty in (first, node):
                    self._say(ERROR, "cpu-reg", message, guilty, None, "reg")
                continue
            found[core] = CpuFacts(core, node, self._own_intc(node))
        return tuple(found[core] for core in sorted(found))

    def _core_id(self, node: Node) -> CoreId | None:
        """Return the core that a cpu node's reg names: cluster << 8 | pid, as in the register PCR."""
        try:
            cells = node.cells("reg") if node.has("reg") else []
        except InputError as error:
            for finding in error.findings:
                self.report(finding)
            return None
        if len(cells) != 1:
            found = f"{len(cells)} cells" if cells else "none"
            message = f"a cpu needs a reg of one cell, cluster << 8 | pid; found {found}"
            self._say(ERROR, "cpu-reg", message, node, None, "reg")
            return None
        cluster, pid = divmod(cells[0], 0x100)
        if pid >= PIDS or cluster > 0xFF:
            message = f"reg {cells[0]:#x} is no core: the pid (its low byte) goes to 16, the cluster to 255"
            self._say(ERROR, "cpu-reg", message, node, node.cell_place("reg", 0), "reg")
            return None
        self._check_unit_address(node, cells[0])
        return CoreId(cluster, pid)

    def _check_unit_address(self, node: Node, reg: int) -> None:
        unit = node.unit_address
        if unit is None or unit.lower() == f"{reg:x}":
            return
        if unit == str(reg):
            message = (
                f"the unit address {unit} is reg {reg:#x} in decimal; the specification says hexadecimal"
            )
            self._say(NOTE, "cpu-reg", message, node)
        else:
            self._say(WARNING, "cpu-reg", f"the unit address {unit} is not reg {reg:#x}", node)

    def _own_intc(self, node: Node) -> Node | None:
        intcs = [child for child in node.children if child.enabled and self._is_core_intc(child)]
        if len(intcs) > 1:
            self._say(ERROR, "cpu-intc", f"{node.path} has {len(intcs)} core interrupt controllers", intcs[1])
        for intc in intcs[:1]:
            self._check_intc(intc)
            return intc
        return None

    def _is_core_intc(self, node: Node) -> bool:
        found = self._model(node)
        return found is not None and issubclass(found[1], Core)

    def _check_intc(self, node: Node) -> None:
        if node.has("#interrupt-cells") and node.cells("#interrupt-cells") == [1]:
            return
        message = "a core interrupt controller needs #interrupt-cells = <1>: a specifier is the line"
        self._say(ERROR, "intc-cells", message, node, None, "#interrupt-cells")

    def _shared(self, node: Node, earlier: Node | None) -> Node | None:
        """Look at an intc outside of any cpu node: it stands for the controllers of all cores."""
        compatible = registry.find(self._compatibles(node))
        if compatible is not None and compatible[0] == "kalray,kv3-1-intc":
            message = "a kalray,kv3-1-intc belongs inside the node of its cpu"
            self._say(ERROR, "cpu-intc", message, node)
        elif earlier is not None:
            message = f"a second interrupt controller for all cores; the first is {earlier.path}"
            self._say(ERROR, "cpu-intc", message, node)
        else:
            self._check_intc(node)
            return node
        return earlier

    def _check_cpus(self, cpus: tuple[CpuFacts, ...], shared: Node | None, dialect: str) -> None:
        per_core = any(cpu.intc is not None for cpu in cpus)
        for cpu in cpus:
            if per_core and cpu.intc is None and shared is None:
                message = f"{cpu.core} has no interrupt controller, though others have one in their cpu node"
                self._say(ERROR, "cpu-intc", message, cpu.node)
            if dialect == "coolidge" and per_core and not cpu.node.has("device_type"):
                message = 'a cpu node needs device_type = "cpu": without it Linux does not see the cpu'
                self._say(WARNING, "cpu-device-type", message, cpu.node)

    def _clock(self, cpus: tuple[CpuFacts, ...]) -> int:
        """Return the core clock in Hz: clock-frequency of a cpu, of /cpus, or of the clock a cpu names."""
        for node in [cpu.node for cpu in cpus] + [cpu.node.parent for cpu in cpus[:1] if cpu.node.parent]:
            if (frequency := self._frequency(node)) is not None:
                return frequency
            if node.has("clocks"):
                cells = node.cells("clocks")
                clock = self.tree.by_phandle(cells[0]) if cells else None
                if clock is None:
                    found = f"{cells[0]:#x}" if cells else "nothing"
                    message = f"clocks names no node: found phandle {found}"
                    self._say(ERROR, "phandle-dangling", message, node, None, "clocks")
                elif (frequency := self._frequency(clock)) is not None:
                    return frequency
        return DEFAULT_CLOCK

    def _frequency(self, node: Node) -> int | None:
        """Return clock-frequency, of one cell or two."""
        if not node.has("clock-frequency"):
            return None
        value = 0
        for cell in node.cells("clock-frequency"):
            value = value << 32 | cell
        if value:
            return value
        self._say(ERROR, "clock-frequency", "a clock of 0 Hz", node, None, "clock-frequency")
        return None

    # Blocks on the bus

    def _blocks(self, clusters: int) -> Iterator[Block]:
        for node in self.tree.nodes():
            if not node.enabled or not node.has("reg") or node.path.startswith("/cpus/"):
                continue
            title, compatible, model = self._title(node)
            # Of a node that nobody models, only what can be understood is put on the map.
            for reg in regs(node, self.report if model is not None else _ignore):
                if not reg.size:
                    if model is not None:
                        message = f"the registers of {node.path} have size 0"
                        self._say(ERROR, "reg-size", message, node, reg.place, "reg")
                    continue
                start = to_global(reg.address, 0)
                cluster = cluster_at(start, clusters)
                yield Block(node, title, start, reg.size, cluster, reg.place, compatible, model)

    # IPI controllers

    def _ipi(
        self, block: Block, cpus: tuple[CpuFacts, ...], own: dict[str, CpuFacts], shared: Node | None
    ) -> Ipi | None:
        if block.model is None or not issubclass(block.model, IpiCtrl):
            return None
        node = block.node
        if block.cluster is None:
            message = (
                f"{block.start:#x} is in no cluster's window, so the IPI controller belongs to no cluster"
            )
            self._say(ERROR, "ipi-window", message, node, block.place, "reg")
            return None
        self._check_registers(block)
        mine = [cpu for cpu in cpus if cpu.core.cluster == block.cluster]
        if not mine:
            message = f"the IPI controller is in cluster {block.cluster}, which has no cpu"
            self._say(WARNING, "ipi-core-missing", message, node)
        wires: dict[tuple[CoreId, int], Wire] = {}
        for interrupt in interrupts(node, self.report):
            target = interrupt.controller
            cores = self._cores_behind(target, mine, own, shared)
            if cores is None:
                message = (
                    f"{target.path} is no core interrupt controller: the IPI controller's outputs go to cores"
                )
                self._say(ERROR, "ipi-target", message, node, interrupt.place, interrupt.property)
                continue
            line = interrupt.cells[0] if interrupt.cells else LINES
            if not self._line_exists(node, line, interrupt.place, interrupt.property):
                continue
            for core in cores:
                if core.cluster != block.cluster:
                    message = f"the IPI controller of cluster {block.cluster} does not reach {core}"
                    self._say(ERROR, "ipi-target", message, node, interrupt.place, interrupt.property)
                elif (core, line) in wires:
                    message = f"{core} is named twice with line {line}"
                    for place in (wires[core, line].place, interrupt.place):
                        self._say(ERROR, "ipi-core-twice", message, node, place, interrupt.property)
                elif FIRST_LINE <= line < FIRST_LINE + SETS:
                    wires[core, line] = Wire(core, line, interrupt.place)
        ipi = Ipi(block, block.cluster, tuple(wires[wire] for wire in sorted(wires)))
        self._check_cores(ipi, [cpu.core for cpu in mine])
        return ipi

    def _check_registers(self, block: Block) -> None:
        least = IpiCtrl.MASK.offset + SETS * IpiCtrl.MASK.stride
        if block.start % 4:
            message = f"the registers start at {block.start:#x}, which is no multiple of 4"
            self._say(ERROR, "ipi-reg-size", message, block.node, block.place, "reg")
        if block.size < least:
            message = f"the size {block.size:#x} does not hold the {SETS} sets of registers, {least:#x} bytes"
            self._say(ERROR, "ipi-reg-size", message, block.node, block.place, "reg")
        elif block.size > PAGE:
            message = f"the size {block.size:#x} is more than the block's {PAGE:#x}"
            self._say(WARNING, "ipi-reg-size", message, block.node, block.place, "reg")

    def _cores_behind(
        self, target: Node, mine: list[CpuFacts], own: dict[str, CpuFacts], shared: Node | None
    ) -> list[CoreId] | None:
        """Return the cores whose interrupt controller `target` is, or None if it is none."""
        if not target.has("interrupt-controller"):
            return None
        if target.path in own:
            return [own[target.path].core]
        if shared is not None and target.path == shared.path:
            return [cpu.core for cpu in mine if cpu.intc is None]
        return [] if self._is_core_intc(target) else None  # of a disabled core, or refused already

    def _line_exists(self, node: Node, line: int, place: Place, prop: str) -> bool:
        if line >= LINES:
            message = f"line {line} ({line:#x}) does not exist: a core has 32, the IPI lines are 24 to 31"
            self._say(ERROR, "ipi-line-range", message, node, place, prop)
            return False
        if not FIRST_LINE <= line < FIRST_LINE + SETS:
            message = f"line {line} is none of the IPI controller's, 24 to 31: it has no effect"
            self._say(WARNING, "ipi-line-range", message, node, place, prop)
        return True

    def _check_cores(self, ipi: Ipi, cores: list[CoreId]) -> None:
        node = ipi.block.node
        named: dict[CoreId, set[int]] = {}
        for wire in ipi.wires:
            named.setdefault(wire.core, set()).add(wire.line)
        missing = [str(core) for core in cores if core not in named]
        if missing:
            message = f"not wired to {', '.join(missing)}: Linux leaves the line disabled there"
            self._say(WARNING, "ipi-core-missing", message, node)
        usual = named.get(cores[0], set()) if cores else set()
        for core, lines in named.items():
            if usual and lines != usual:
                shown = ", ".join(map(str, sorted(lines)))
                message = f"{core} has line {shown}, {cores[0]} line {', '.join(map(str, sorted(usual)))}"
                place = next(wire.place for wire in ipi.wires if wire.core == core)
                self._say(WARNING, "ipi-lines-differ", message, node, place)

    def _check_ipis(self, ipis: tuple[Ipi, ...], blocks: tuple[Block, ...]) -> None:
        for ipi in ipis:
            for other in blocks:
                block = ipi.block
                if (
                    other is block
                    or other.start >= block.start + block.size
                    or block.start >= other.start + other.size
                ):
                    continue
                low = max(block.start, other.start)
                high = min(block.start + block.size, other.start + other.size)
                overlap = f"{block.node.path} and {other.node.path} overlap at {low:#x} to {high - 1:#x}"
                memory = other.node.has("device_type") and other.node.strings("device_type") == ["memory"]
                if memory:
                    self._say(WARNING, "mem-overlap", overlap, other.node, other.place, "reg")
                elif other.title in set(known.TITLES.values()):
                    self._say(ERROR, "ipi-reg-overlap", overlap, block.node, block.place, "reg")
        by_cluster: dict[int, Ipi] = {}
        for ipi in ipis:
            first = by_cluster.setdefault(ipi.cluster, ipi)
            if first is not ipi:
                message = (
                    f"cluster {ipi.cluster} has two IPI controllers, {first.block.node.path} and this one"
                )
                self._say(ERROR, "ipi-twice", message, ipi.block.node)


def _ignore(_finding: Finding) -> None:
    """Drop what is wrong with a node that nobody models."""
