"""A wired machine: cores, blocks and the bus between them, ready for an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import ERROR, WARNING, Finding, InputError
from kvx_emu.hw import registry
from kvx_emu.hw.bus import AddressMap, Region
from kvx_emu.hw.model import BusError, Model
from kvx_emu.hw.port import Port
from kvx_emu.hw.register import bits
from kvx_emu.machine.windows import to_global
from kvx_emu.machine.wiring import Block, Wiring, read_wiring
from kvx_emu.models.core import Core
from kvx_emu.models.ipi_ctrl import FIRST_LINE, IpiCtrl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.core_id import CoreId
    from kvx_emu.dt.tree import Tree
    from kvx_emu.hw.register import Register
    from kvx_emu.models.core_registers import Sfr


class Controller(NamedTuple):
    """An IPI controller of the machine, and the block that the tree declares."""

    model: IpiCtrl
    block: Block


class Wires(Port):
    """The plainest port: a pulse is a request to the cores at once. An engine puts its own in its place."""

    def __init__(self, model: type[IpiCtrl], cores: Mapping[int, Core]) -> None:
        self._cores = {pid: core for pid, core in cores.items() if model.outputs >> pid & 1}

    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        """Request line 24 + `output` of each core of `raised`, ascending."""
        for pid in bits(raised):
            if pid in self._cores:
                self._cores[pid].request(FIRST_LINE + output)

    def stored(self, register: Register, index: int, written: int) -> None:
        """Ignore it."""

    def odd(self, code: str, message: str) -> None:
        """Ignore it."""


class Machine:
    """What a tree describes, running and in its reset state.

    `core` maps each enabled cpu to its model, by cluster and pid; `controllers` each cluster that has
    an IPI controller to it; `ipi_lines` each core to the mask of lines that the tree's IPI nodes name
    for it; `with_intc` holds the cores that have an interrupt controller in the tree. All run at PL0.
    `words_only` says that the bus cuts every access into words, as QEMU's does.
    """

    def __init__(self, wiring: Wiring, profile: str = registry.HARDWARE) -> None:
        self.wiring = wiring
        self.clock_hz = wiring.clock_hz
        self.core: dict[CoreId, Core] = {cpu.core: Core(*cpu.core) for cpu in wiring.cpus}
        for core in self.core.values():
            core.start()
        self.with_intc = frozenset(
            cpu.core for cpu in wiring.cpus if cpu.intc is not None or wiring.shared_intc is not None
        )
        self.controllers: dict[int, Controller] = {}
        self.ipi_lines: dict[CoreId, int] = {}
        self.words_only = profile == registry.QEMU
        self._bus: AddressMap[Model | Block] = AddressMap()
        for block in wiring.blocks:
            self._bus.add(Region(block.start, block.size, self._build(block), block.node.path))
        # By cluster, wherever their nodes stand in the tree: the order of nodes means nothing.
        self.controllers = {cluster: self.controllers[cluster] for cluster in sorted(self.controllers)}
        for ipi in wiring.ipis:
            for wire in ipi.wires:
                self.ipi_lines[wire.core] = self.ipi_lines.get(wire.core, 0) | 1 << wire.line

    def _build(self, block: Block) -> Model | Block:
        """Return the model of a block, or the block itself if there is none."""
        if block.model is None or not issubclass(block.model, IpiCtrl) or block.cluster is None:
            return block
        cores = {pid: core for (cluster, pid), core in self.core.items() if cluster == block.cluster}
        model = block.model(Wires(block.model, cores))
        self.controllers[block.cluster] = Controller(model, block)
        return model

    @property
    def cores(self) -> tuple[CoreId, ...]:
        """The cores, by cluster and pid."""
        return tuple(self.core)

    @property
    def sfrs(self) -> Mapping[str, Sfr]:
        """The registers of a core that a script may name."""
        return Core.sfrs()

    def read(self, reader: CoreId, address: int, size: int) -> int:
        """Return `size` bytes at `address` as a core sees it; raise BusError if nothing answers so."""
        if self.words_only:
            return self._read_words(reader, address, size)
        model, offset = self.locate(reader, address)
        return model.read(offset, size)

    def write(self, writer: CoreId, address: int, size: int, value: int) -> None:
        """Write `size` bytes at `address` as a core sees it; raise BusError if nothing answers so."""
        if self.words_only:
            self._write_words(writer, address, size, value)
        else:
            model, offset = self.locate(writer, address)
            model.write(offset, size, value)

    def locate(self, core: CoreId, address: int) -> tuple[Model, int]:
        """Return the model that a core finds at `address`, and the offset in it; raise BusError if none."""
        seen = to_global(address, core.cluster)
        region = self._bus.find(seen)
        if region is None:
            raise BusError("nothing of the tree is there")
        if not isinstance(region.target, Model):
            raise BusError(f"{region.name} is there, {region.target.title}, which is not modelled")
        return region.target, seen - region.start

    # QEMU's bus cuts every access into words: parts of a word reach no block of ours, and where nothing
    # answers a read gives 0. Source: accesses recorded on kalray/qemu coolidge-6.1.

    def _read_words(self, reader: CoreId, address: int, size: int) -> int:
        value = 0
        for at in range(0, size, 4):
            if (address + at) % 4 == 0 and size - at >= 4:
                try:
                    model, offset = self.locate(reader, address + at)
                except BusError:
                    continue
                value |= model.read(offset, 4) << 8 * at
        return value

    def _write_words(self, writer: CoreId, address: int, size: int, value: int) -> None:
        for at in range(0, size, 4):
            if (address + at) % 4 == 0 and size - at >= 4:
                try:
                    model, offset = self.locate(writer, address + at)
                except BusError:
                    continue
                model.write(offset, 4, value >> 8 * at & 0xFFFFFFFF)


def build(tree: Tree, profile: str = registry.HARDWARE) -> tuple[Machine, tuple[Finding, ...]]:
    """Return the machine that a tree describes, and the warnings and notes about the tree.

    Raises InputError, with all that was found, for a tree with an error or without an IPI controller.
    """
    findings: list[Finding] = []
    wiring = read_wiring(tree, findings.append, profile)
    needed = {"no-ipi", "no-cpus"}  # for check these are warnings: such a tree is fine, but not to run
    errors = [
        finding._replace(severity=ERROR) if finding.code in needed else finding
        for finding in findings
        if finding.severity == ERROR or finding.code in needed
    ]
    if errors:
        raise InputError(errors)
    return Machine(wiring, profile), tuple(finding for finding in findings if finding.severity == WARNING)
