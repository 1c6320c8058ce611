"""The steps about devices, messages, timers, power and events: what they do to the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import RM, CoreId
from kvx_emu.engine.drivers import Vector
from kvx_emu.hw.model import BusError
from kvx_emu.machine.inputs import Input, Mailbox
from kvx_emu.models.core_events import ring
from kvx_emu.script import actions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvx_emu.engine.cpu import Cpu
    from kvx_emu.engine.drivers import Drivers
    from kvx_emu.engine.fabric import Fabric
    from kvx_emu.engine.run import Run
    from kvx_emu.errors import Place
    from kvx_emu.machine.machine import Machine


class FabricSteps:
    """Does the steps of the fabric. `acts` is told who acts in what follows, None for a device."""

    def __init__(
        self,
        machine: Machine,
        run: Run,
        fabric: Fabric,
        cpus: Mapping[CoreId, Cpu],
        drivers: Drivers | None,
        acts: Callable[[CoreId | None], None],
    ) -> None:
        self._machine = machine
        self._run = run
        self._fabric = fabric
        self._cpus = cpus
        self._drivers = drivers
        self._acts = acts

    def handlers(self) -> dict[type, Callable[..., None]]:
        """Return what does each kind of action."""
        return {
            actions.Signal: self.signal,
            actions.Message: self.message,
            actions.Post: self.post,
            actions.Timer: self.timer,
            actions.Start: self.start,
            actions.Stop: self.stop,
            actions.Event: self.event,
            actions.Idle: self.idle,
            actions.Irq: self.irq,
            actions.Affinity: self.affinity,
        }

    def signal(self, action: actions.Signal) -> None:
        """Raise, lower or pulse an interrupt input."""
        self._acts(None)
        source = action.input
        assert isinstance(source, Input)
        if action.kind != "lower":
            self._machine.signal(source, True)
        if action.kind != "raise":
            self._machine.signal(source, False)

    def message(self, action: actions.Message) -> None:
        """Write to a mailbox."""
        self._acts(action.writer)
        mailbox = action.mailbox
        assert isinstance(mailbox, Mailbox)
        self._write(mailbox.address, 8, action.value, action.writer, action.place)

    def post(self, action: actions.Post) -> None:
        """Write to the bus as a device."""
        self._acts(None)
        self._write(action.address, action.size, action.value, None, action.place)

    def _write(self, address: int, size: int, value: int, writer: CoreId | None, place: Place) -> None:
        """Write at an address that all see; a bus error is a row of whoever writes, and a warning."""
        try:
            self._machine.write_global(address, size, value)
        except BusError as error:
            self._run.fault(writer, address)
            self._run.warn(place, "bus-error", f"write to {address:#x}: {error}")

    def timer(self, action: actions.Timer) -> None:
        """Set up a counter of each core."""
        names = (("T0V", "T0R"), ("T1V", "T1R"), ("WDV", "WDR"))[action.timer]
        for core in action.cores:
            self._acts(core)
            cpu = self._cpus[core]
            for name, value in zip(names, (action.value, action.reload), strict=True):
                if value is not None:
                    cpu.poke(name, value)
            cpu.poke("TCR", cpu.core.peek("TCR") & ~action.mask | action.bits)

    def start(self, action: actions.Start) -> None:
        """Wake each core up."""
        for core in action.cores:
            self._acts(action.writer)
            self._fabric.start(core, action.pc)

    def stop(self, action: actions.Stop) -> None:
        """Let each core execute STOP, or hold it in reset."""
        for core in action.cores:
            self._acts(core)
            if action.reset:
                self._cpus[core].hold()
            else:
                self._cpus[core].stop()

    def event(self, action: actions.Event) -> None:
        """Send an event around the ring."""
        self._acts(action.core)
        cluster = self._machine.by_cluster[action.core.cluster]
        pes = {pid: core for pid, core in cluster.items() if pid != RM}
        for pid in ring(pes, action.core.pid, action.event, action.forward):
            self._cpus[CoreId(action.core.cluster, pid)].take_event(action.core)

    def idle(self, action: actions.Idle) -> None:
        """Let each core execute AWAIT."""
        for core in action.cores:
            self._acts(core)
            self._cpus[core].doze()

    def irq(self, action: actions.Irq) -> None:
        """Let Linux enable or disable an interrupt."""
        assert self._drivers is not None, "bind lets this step to Linux alone"
        self._run.last = self._run.now
        self._drivers.set_enabled(_of_driver(action), on=action.on)

    def affinity(self, action: actions.Affinity) -> None:
        """Let Linux move an interrupt to another core."""
        assert self._drivers is not None, "bind lets this step to Linux alone"
        self._run.last = self._run.now
        self._drivers.set_affinity(_of_driver(action), action.core)


def _of_driver(action: actions.Irq | actions.Affinity) -> Input | Vector:
    """Return what a step asks Linux about: a device, or a message (for a whole mailbox its first bit)."""
    if action.device is not None:
        assert isinstance(action.device, Input)
        return action.device
    mailbox = action.mailbox
    assert isinstance(mailbox, Mailbox)
    bit = action.bit if isinstance(action, actions.Irq) and action.bit is not None else 0
    return Vector(mailbox.cluster, mailbox.number, bit)
