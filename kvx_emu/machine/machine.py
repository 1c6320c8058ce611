"""A wired machine: cores, blocks and the bus between them, ready for an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.errors import ERROR, WARNING, Finding, InputError
from kvx_emu.hw import registry
from kvx_emu.hw.bus import AddressMap, Region
from kvx_emu.hw.model import BusError, Model
from kvx_emu.hw.port import Port, Site
from kvx_emu.hw.register import bits
from kvx_emu.machine.inputs import Input
from kvx_emu.machine.listener import Listener, Wire
from kvx_emu.machine.lookup import Built, Lookup
from kvx_emu.machine.ports import BlockPort
from kvx_emu.machine.windows import to_global
from kvx_emu.machine.wiring import Block, Wiring, read_wiring
from kvx_emu.models.apic_gic import OUTPUTS, ApicGic, output_core, output_line
from kvx_emu.models.core import LINES, Core
from kvx_emu.models.ftu import CLUSTERS, Ftu
from kvx_emu.models.ipi_ctrl import FIRST_LINE, IpiCtrl
from kvx_emu.models.pcimsi import PciMsi

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvx_emu.dt.tree import Tree
    from kvx_emu.models.core_registers import Sfr
    from kvx_emu.saved import Saved, Value

_HIDDEN = (1 << 128) - 1
"""The most that a number can be that a block keeps outside its registers: more than any has bits for."""

FTU_BASE = 0x1018_1000
"""Where the FTU is. Source: the tree that Kalray's QEMU generates, barebox k200.dts."""

CHANNEL = "mailbox channel"
"""What nodes are called that give a single mailbox to a driver. Source: Linux kvx-mbox.c."""

LEVEL_HIGH = 4
"""The type of an interrupt that stays high until its device is served. Source: Devicetree bindings, irq.h."""

QEMU_WIDEST = 4
"""Bytes of the widest piece where nothing is. Source: QEMU's default for a region that does not say."""


class Controller(NamedTuple):
    """An IPI controller of the machine, and the block that the tree declares."""

    model: IpiCtrl
    block: Block


class Piece(NamedTuple):
    """A part of an access that one block takes: `length` bytes, which begin `at` bytes into the access."""

    model: Model
    offset: int
    at: int
    length: int


class Wires(Port):
    """The plainest port: a pulse is a request to the cores at once. An engine puts its own in its place."""

    def __init__(self, model: type[IpiCtrl], cores: Mapping[int, Core]) -> None:
        self._cores = {pid: core for pid, core in cores.items() if model.outputs >> pid & 1}

    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        """Request line 24 + `output` of each core of `raised`, ascending."""
        for pid in bits(raised):
            if pid in self._cores:
                self._cores[pid].request(FIRST_LINE + output)


class Machine(Lookup):
    """What a tree describes, running and in its reset state.

    `controllers` maps each cluster that has an IPI controller to that, `ipi_lines` each core to the mask of
    lines that the tree's IPI nodes name for it. All cores run at PL0. `listener` decides when things happen.
    """

    def __init__(self, wiring: Wiring, profile: str = registry.HARDWARE) -> None:
        super().__init__(wiring)
        self.profile = profile
        self.clock_hz = wiring.clock_hz
        for core in self.core.values():
            core.start()
        self.listener = Listener(self.core)
        self.by_cluster: dict[int, dict[int, Core]] = {}
        for (cluster, pid), core in self.core.items():
            self.by_cluster.setdefault(cluster, {})[pid] = core
        self.controllers: dict[int, Controller] = {}
        self.cuts_accesses = profile == registry.QEMU
        self._levels: dict[str, set[int]] = {}  # inputs that stay high until they are served, by controller
        for link in wiring.links:
            if link.cells[1:] == (LEVEL_HIGH,):
                self._levels.setdefault(link.target.path, set()).add(link.cells[0])
        self._bus: AddressMap[Model | Block] = AddressMap()
        # By path: the order of nodes means nothing, also where two regions of one size overlap.
        for block in sorted(wiring.blocks, key=lambda block: block.node.path):
            if block.title == CHANNEL:
                continue  # how a driver sees one of the mailboxes, whose own block answers there
            self._bus.add(Region(block.start, block.size, self._build(block), block.node.path))
        self.controllers = {cluster: self.controllers[cluster] for cluster in sorted(self.controllers)}
        self.snoopers = [model for model, _ in self.of(PciMsi)]
        self._connect()
        self.ipi_lines: dict[CoreId, int] = {}
        for ipi in wiring.ipis:
            for wire in ipi.wires:
                self.ipi_lines[wire.core] = self.ipi_lines.get(wire.core, 0) | 1 << wire.line
        self._high: dict[Input, bool] = {}  # of what is or was raised, whether it still is
        self._raised: dict[tuple[int, int] | tuple[CoreId, int], int] = {}

    # Building

    def _build(self, block: Block) -> Model | Block:
        """Return the model of a block, or the block itself if there is none."""
        # A syscon elsewhere is not the FTU, which is at one place in all chips.
        if block.model is None or (issubclass(block.model, Ftu) and block.start != FTU_BASE):
            return block
        if issubclass(block.model, IpiCtrl):
            if block.cluster is None:
                return block
            wires = Wires(block.model, self.by_cluster.get(block.cluster, {}))
            controller = Controller(block.model(wires), block)
            self.controllers[block.cluster] = controller
            self.blocks[block.node.path] = Built(*controller)
            return controller.model
        model = block.model(BlockPort(self, block), self._site(block))
        self.blocks[block.node.path] = Built(model, block)
        return model

    def _site(self, block: Block) -> Site:
        """Return what the tree says of a block."""
        path = block.node.path
        return Site(
            size=block.size,
            outputs=1 + max((link.index for link in self._links.get(path, ())), default=-1),
            levels=frozenset(self._levels.get(path, ())),
            hz=self.wiring.rates.get(path, self.clock_hz),
            core_hz=self.clock_hz,
        )

    def _connect(self) -> None:
        """Give each port its wires: those of the tree, and those that the hardware has always."""
        for path, (model, block) in self.blocks.items():
            port = model.port
            if not isinstance(port, BlockPort):
                continue
            if isinstance(model, ApicGic):
                port.wires = self._gic_wires(block)
            else:
                port.wires = {
                    link.index: self.wires_to(link, block.cluster) for link in self._links.get(path, ())
                }
            port.powered = self._powered(block)
        for path, hz in self.wiring.rates.items():
            if path not in self.blocks:  # a node of the cores' timers, which count at its clock
                for link in self._links.get(path, ()):
                    for core in self.behind(link.target.path, None):
                        self.core[core].timer_hz, self.core[core].core_hz = hz, self.clock_hz

    def _gic_wires(self, block: Block) -> dict[int, tuple[Wire, ...]]:
        """Return the wires from a GIC to the cores of its cluster, which the hardware has all."""
        cores = () if block.cluster is None else self.by_cluster.get(block.cluster, {})
        wires: dict[int, tuple[Wire, ...]] = {}
        for output in range(OUTPUTS):
            pid = output_core(output)
            if pid is not None and pid in cores and block.cluster is not None:
                wires[output] = (Wire(output_line(output), None, CoreId(block.cluster, pid), None),)
        return wires

    def _powered(self, block: Block) -> dict[int, CoreId]:
        """Return the cores that a power controller means, by pid: its cluster's, and those that name it."""
        powered = {}
        for cpu in self.wiring.cpus:
            named = self.wiring.powers.get(cpu.core)
            if named == block.node.path or (named is None and cpu.core.cluster == block.cluster):
                powered[cpu.core.pid] = cpu.core
        return powered

    # What happens

    def bitten(self, core: CoreId) -> None:
        """Tell the FTU that a core's watchdog has reset it: it keeps the cause, by cluster."""
        if core.cluster < CLUSTERS:
            for model, _ in self.of(Ftu):
                model.bitten(core.cluster)

    def signal(self, source: Input, level: bool) -> None:
        """Raise or lower something; it stays so. What is high already does not rise again."""
        if self._high.get(source, False) == level:
            return
        self._high[source] = level
        for wire in self.wires_of(source):
            place = _place(wire)
            before = self._raised.get(place, 0)
            self._raised[place] = now = before + (1 if level else -1)
            # Several devices on one wire: it is high as long as one of them is.
            if (before == 0) != (now == 0):
                self.listener.carry(wire, level)

    def is_high(self, source: Input) -> bool:
        """Whether something was raised and not lowered since."""
        return self._high.get(source, False)

    # What a snapshot holds

    def state(self) -> dict[str, Value]:
        """Return all that the cores and blocks remember and what is high, as values that JSON can hold."""
        return {
            "cores": {str(core): model.save() for core, model in self.core.items()},
            "blocks": {path: model.state() for path, (model, _) in self.blocks.items()},
            "high": [
                [source.path, source.number, source.controller, [list(core) for core in source.cores]]
                for source, high in sorted(self._high.items())
                if high
            ],
        }

    def restore(self, saved: Saved) -> None:
        """Become the machine that `state` has seen; nothing happens by it. ValueError if it is none such."""
        cores, blocks, high = saved.record("cores", "blocks", "high")
        named = {str(core): model for core, model in self.core.items()}
        for core, state in zip(named.values(), cores.each(named), strict=True):
            _restore(core, state)
        for built, state in zip(self.blocks.values(), blocks.each(self.blocks), strict=True):
            _check_widths(built.model, state)
            _restore(built.model, state)
        self._high.clear()
        self._raised.clear()
        for entry in high.items():
            source = self._input(entry)
            self._high[source] = True
            for wire in self.wires_of(source):
                place = _place(wire)
                self._raised[place] = self._raised.get(place, 0) + 1

    def _input(self, saved: Saved) -> Input:
        """Return an input of the board that was saved."""
        path, number, controller, cores = saved.items(4)
        found = Input(
            path.text(),
            number.number(),
            controller.flag(),
            tuple(core.core(self.core) for core in cores.items()),
        )
        if found in self._high:
            raise saved.wrong("each input once")
        if not found.controller:
            exists = self.link(found.path, found.number) is not None and not found.cores
        elif found.cores:
            exists = found.number < LINES and set(found.cores) <= set(self.behind(found.path, None))
        else:
            exists = found.path in self.blocks and found.number < self.blocks[found.path].model.inputs
        if not exists:
            raise saved.wrong("an interrupt input of the board")
        return found

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
        if self.cuts_accesses:
            return self._read_pieces(reader, address, size)
        model, offset = self.locate(reader, address)
        return model.read(offset, size)

    def write(self, writer: CoreId, address: int, size: int, value: int) -> None:
        """Write `size` bytes at `address` as a core sees it; raise BusError if nothing answers so."""
        if self.cuts_accesses:
            self._write_pieces(writer, address, size, value)
        else:
            model, offset = self.locate(writer, address)
            model.write(offset, size, value)

    def write_global(self, address: int, size: int, value: int) -> None:
        """Write at an address that all see, as devices do; raise BusError if nothing answers."""
        for snooper in self.snoopers:
            if snooper.message(address, value):
                return
        model, offset = self._at(address)
        model.write(offset, size, value)

    def locate(self, core: CoreId, address: int) -> tuple[Model, int]:
        """Return the model that a core finds at `address`, and the offset in it; raise BusError if none."""
        return self._at(to_global(address, core.cluster))

    def _at(self, seen: int) -> tuple[Model, int]:
        region = self._bus.find(seen)
        if region is None:
            raise BusError("nothing of the tree is there")
        if not isinstance(region.target, Model):
            raise BusError(f"{region.name} is there, {region.target.title}, which is not modelled")
        return region.target, seen - region.start

    # QEMU's bus cuts an access into pieces: as large as the block's largest access, and as the alignment of
    # the piece in the block allows; the place after a piece is looked up anew. A piece that the block does
    # not take, or that falls where nothing is, reads as 0 and writes nothing.
    # Source: accesses recorded on kalray/qemu coolidge-6.1; the rule is that of its softmmu/physmem.c.

    def _pieces(self, core: CoreId, address: int, size: int) -> Iterator[Piece]:
        at = 0
        while at < size:
            seen = to_global(address + at, core.cluster)
            region = self._bus.find(seen)
            model = region.target if region is not None and isinstance(region.target, Model) else None
            offset = seen if region is None else seen - region.start
            sizes = (QEMU_WIDEST,) if model is None else model.access_sizes
            length = max(sizes)
            while length > size - at or offset % length:
                length //= 2
            if model is not None and length in sizes:
                yield Piece(model, offset, at, length)
            at += length

    def _read_pieces(self, reader: CoreId, address: int, size: int) -> int:
        value = 0
        for model, offset, at, length in self._pieces(reader, address, size):
            value |= model.read(offset, length) << 8 * at
        return value

    def _write_pieces(self, writer: CoreId, address: int, size: int, value: int) -> None:
        for model, offset, at, length in self._pieces(writer, address, size):
            model.write(offset, length, value >> 8 * at & (1 << 8 * length) - 1)


def _place(wire: Wire) -> tuple[int, int] | tuple[CoreId, int]:
    """Return what tells the end of a wire from that of others."""
    return (wire.core, wire.number) if wire.core is not None else (id(wire.model), wire.number)


def _restore(model: Core | Model, saved: Saved) -> None:
    try:
        model.restore({name: value.value for name, value in saved.table().items()})
    except ValueError as error:
        raise ValueError(f"{saved.name}: {error}") from None


def _check_widths(model: Model, saved: Saved) -> None:
    """Raise ValueError for a register that holds more than it can; what is hidden is bounded too."""
    widest = {register.attribute: register.mask for register in model.registers}
    for name, values in saved.table().items():
        for value in values.items() if isinstance(values.value, list) else [values]:
            value.number(widest.get(name, _HIDDEN) + 1)


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
