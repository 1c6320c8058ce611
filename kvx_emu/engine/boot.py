"""What a machine's software needs of it, and how it comes up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kvx_emu.core_id import RM, CoreId
from kvx_emu.hw.model import BusError
from kvx_emu.hw.register import bits
from kvx_emu.machine.inputs import Input, Mailbox
from kvx_emu.models.apic_gic import FIRST_LINE
from kvx_emu.models.core import State
from kvx_emu.models.ftu import CLUSTERS, Ftu
from kvx_emu.models.pwr_ctrl import PwrCtrl
from kvx_emu.script import actions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kvx_emu.engine.cpu import Cpu
    from kvx_emu.engine.fabric import Fabric
    from kvx_emu.hw.register import Register
    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Action, Program

WATCHDOG = 2
"""The counter of a timer step that is the watchdog, and its line."""

PE_EN = 0x2
"""The bit of GLOBAL that lets PEs wake up. Source: QEMU hw/kvx/pwr-ctrl.c; Linux arch/kvx/kernel/head.S."""

FTU_WAKE = 0x5
"""RM wake-up and clock enable. Source: barebox kvx-ftu.h."""


class Wanted:
    """Which of Linux's drivers a program needs: those of the devices, messages and timers that it names.

    So a script about IPIs alone sees the lines of the IPI nodes enabled and no other. `devices` are the
    interrupts to request, by path, `messages` the (mailbox, bit) that steps name, `timers` the cores whose
    timers are used, with the lines, `ipi_lines` the mask of lines whose IPIs ask for operations.
    """

    def __init__(self, machine: Machine, program: Program) -> None:
        self._machine = machine
        named = machine.devices if program.devices is None else program.devices
        messages: dict[tuple[Mailbox, int], None] = {}
        self.timers: dict[CoreId, int] = {}
        self.ipi_lines = 0  # those of sends that ask for an operation
        for action in _all(program.actions):
            if isinstance(action, actions.Message) and isinstance(action.mailbox, Mailbox):
                messages |= {(action.mailbox, bit): None for bit in bits(action.value)}
            elif isinstance(action, actions.Irq) and isinstance(action.mailbox, Mailbox):
                messages[action.mailbox, action.bit or 0] = None
            elif isinstance(action, actions.Send) and action.operation is not None:
                self.ipi_lines |= 1 << action.line
            elif isinstance(action, actions.Timer):
                for core in action.cores:
                    self.timers[core] = self.timers.get(core, 0) | 1 << action.timer
        self.devices = tuple(sorted(device for device in named if isinstance(device, Input)))
        self.messages = tuple(sorted(messages))
        self.apic = bool(self.devices or self.messages)
        self._wires: dict[CoreId, int] = {}
        for device in self.devices:
            for wire in machine.wires_of(device):
                if wire.core is not None:
                    self._wires[wire.core] = self._wires.get(wire.core, 0) | 1 << wire.number

    def lines(self, core: CoreId) -> int:
        """Return the lines of a core that the drivers enable, beside those of the IPI nodes."""
        apic = 1 << FIRST_LINE if self.apic else 0
        return apic | self.timers.get(core, 0) | self._wires.get(core, 0)

    def boot_core(self, cluster: int) -> CoreId | None:
        """Return the core that runs the drivers of a cluster: the first PE with an interrupt controller."""
        cores = self._machine.by_cluster.get(cluster, {})
        pes = [pid for pid in sorted(cores) if pid != RM and CoreId(cluster, pid) in self._machine.with_intc]
        return CoreId(cluster, pes[0]) if pes else None


def _all(steps: Iterable[Action]) -> Iterator[Action]:
    for action in steps:
        yield action
        if isinstance(action, actions.Repeat):
            yield from _all(action.body)


def boot_all(machine: Machine, fabric: Fabric, cpus: Mapping[CoreId, Cpu]) -> None:
    """Boot every cluster, as after power-on: an RM starts its first PE and stops, that PE the others.

    The first cluster's RM runs already; the others' are started by the first PE of all, by the FTU. What the
    tree lacks of that (an RM, a power controller that reaches the core, an FTU that knows the cluster) is
    done by nobody: the cores start all the same, at the same moment.
    Source: Linux arch/kvx/kernel/head.S, coolidge_pwr_ctrl.c; barebox kvx_remoteproc.c.
    """
    first: CoreId | None = None
    for cluster, cores in machine.by_cluster.items():
        rm = CoreId(cluster, RM) if RM in cores else None
        pes = [CoreId(cluster, pid) for pid in sorted(cores) if pid != RM]
        power = next((block for _, block in machine.of(PwrCtrl) if block.cluster == cluster), None)
        if rm is not None and cluster:
            _start_rm(machine, fabric, first, rm)
        if power is not None:
            with suppress(BusError):
                _write(machine, fabric, rm, power, PwrCtrl.GLOBAL_CONTROL_SET, PE_EN)
        for starter, pe in zip([rm, *pes[:1] * len(pes)], pes, strict=False):
            if power is not None:
                with suppress(BusError):
                    _write(machine, fabric, starter, power, PwrCtrl.RESET_PC, 0)
                    _write(machine, fabric, starter, power, PwrCtrl.VEC_WUP_SET, 1 << pe.pid)
                    _write(machine, fabric, starter, power, PwrCtrl.VEC_WUP_CLEAR, 1 << pe.pid)
            _start_anyway(machine, fabric, starter, pe)
            if starter is not None and starter == rm:
                cpus[rm].stop()
        first = first or next(iter(pes), None)


def _start_rm(machine: Machine, fabric: Fabric, by: CoreId | None, rm: CoreId) -> None:
    ftu = next((block for _, block in machine.of(Ftu)), None)
    if ftu is not None and rm.cluster < CLUSTERS:
        with suppress(BusError):
            _write(machine, fabric, by, ftu, Ftu.BOOT_PC, 0, rm.cluster)
            _write(machine, fabric, by, ftu, Ftu.CONTROL, FTU_WAKE, rm.cluster)
    _start_anyway(machine, fabric, by, rm)


def _start_anyway(machine: Machine, fabric: Fabric, by: CoreId | None, core: CoreId) -> None:
    """Start a core that no block of the tree has started."""
    if machine.core[core].state is State.RESETTING:
        fabric.cause = by
        fabric.start(core, 0)


def _write(
    machine: Machine,
    fabric: Fabric,
    by: CoreId | None,
    block: Block,
    register: Register,
    value: int,
    index: int = 0,
) -> None:
    fabric.cause = by
    machine.write_global(block.start + register.offset + index * register.stride, register.size, value)
