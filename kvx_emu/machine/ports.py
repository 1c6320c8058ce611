"""What a block of a machine is connected with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId
from kvx_emu.hw.port import Port
from kvx_emu.machine.windows import cluster_at
from kvx_emu.models.core import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.listener import Wire
    from kvx_emu.machine.machine import Machine


class BlockPort(Port):
    """Carries what a block does over the wires that the tree and the hardware give it.

    `wires` maps each output to where it leads; `powered` the pids that a power controller means to cores.
    """

    def __init__(self, machine: Machine, block: Block) -> None:
        self.machine = machine
        self.block = block
        self.wires: Mapping[int, Sequence[Wire]] = {}
        self.powered: Mapping[int, CoreId] = {}

    def drive(self, output: int, level: bool) -> None:
        """Bring a level to where the output leads."""
        for wire in self.wires.get(output, ()):
            self.machine.listener.carry(wire, level)

    def write(self, address: int, size: int, value: int) -> None:
        """Write to the bus as a master: what follows is a device's doing, no core's."""
        listener = self.machine.listener
        cause, listener.cause = listener.cause, None
        try:
            self.machine.write_global(address, size, value)
        finally:
            listener.cause = cause

    def start(self, pid: int, pc: int, cluster: int | None = None) -> None:
        """Wake a core up; one that the board lacks stays away."""
        core = self._core(pid, cluster)
        if core is not None:
            self.machine.listener.start(core, pc)

    def hold(self, pid: int, cluster: int | None = None) -> None:
        """Reset a core and hold it so."""
        core = self._core(pid, cluster)
        if core is not None:
            self.machine.listener.hold(core)

    def running(self, pid: int, cluster: int | None = None) -> bool:
        """Whether a core is neither held in reset nor stopped."""
        core = self._core(pid, cluster)
        return core is not None and self.machine.core[core].state not in (State.RESETTING, State.STOPPED)

    def _core(self, pid: int, cluster: int | None) -> CoreId | None:
        core = self.powered.get(pid) if cluster is None else CoreId(cluster, pid)
        return core if core in self.machine.core else None

    def now(self) -> int:
        """Return the time in ticks of the core clock."""
        return self.machine.listener.now()

    def tell(self, event: str, number: int, value: int, output: int | None = None) -> None:
        """Say where the stage is: at the core of an output, in the cluster of a message or of the block."""
        wires = () if output is None else self.wires.get(output, ())
        listener = self.machine.listener
        if output is None:
            cluster = self.block.cluster
            if cluster is None:
                cluster = cluster_at(value, self.machine.wiring.clusters)
            listener.stage(event, cluster, None, number, value)
        for wire in wires:
            if wire.core is not None:
                listener.stage(event, *wire.core, wire.number, value)

    def lost(self, number: int, why: str) -> None:
        """Say which block it was."""
        self.machine.listener.lost(self.block.node.path, self.block.cluster, number, why)

    def odd(self, code: str, message: str) -> None:
        """Pass it on."""
        self.machine.listener.odd(code, message)
