"""From the steps about the interrupt fabric to actions. Read when a script has the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import core_names
from kvx_emu.script import actions
from kvx_emu.script import fabric_steps as steps
from kvx_emu.script.report import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kvx_emu.core_id import CoreId
    from kvx_emu.errors import Place
    from kvx_emu.script.actions import Action
    from kvx_emu.script.bind import Binder
    from kvx_emu.script.steps import Step
    from kvx_emu.script.times import Duration

# The TCR register. Source: QEMU target/kvx/timers.c, Linux arch/kvx/include/asm/sfr_defs.h.
COUNTS = (1 << 16, 1 << 17, 1 << 24)
"""TCR.T0CE, T1CE and WCE: timer 0, timer 1 and the watchdog count."""
INTERRUPTS = (1 << 18, 1 << 19, 1 << 25)
"""TCR.T0IE, T1IE and WIE: an underflow is a request."""
INFORM = 1 << 26
"""TCR.WUI: an underflow while WUS is set resets the core."""
UNDERFLOW = 1 << 27
"""TCR.WUS: the watchdog underflowed."""
WATCHDOG = 2
"""The number of the watchdog among the counters of a core."""
ONCE = (1 << 64) - 1
"""The reload value of a timer that is to fire once. Source: Linux arch/kvx/kernel/time.c."""


def makers(binder: Binder) -> dict[type[Step], Callable[..., Action]]:
    """Return what makes an action of each kind of step."""
    fabric = _Fabric(binder)
    return {
        steps.RaiseStep: fabric.signal,
        steps.LowerStep: fabric.signal,
        steps.PulseStep: fabric.signal,
        steps.MsiStep: fabric.message,
        steps.PostStep: fabric.post,
        steps.TimerStep: fabric.timer,
        steps.WatchdogStep: fabric.watchdog,
        steps.StartStep: fabric.start,
        steps.StopStep: fabric.stop,
        steps.IpeStep: fabric.event,
        steps.IdleStep: fabric.idle,
        steps.EnableIrqStep: fabric.irq,
        steps.DisableIrqStep: fabric.irq,
        steps.AffinityStep: fabric.affinity,
    }


class _Fabric:
    """The makers of actions, around the state of one `bind`."""

    def __init__(self, binder: Binder) -> None:
        self.binder, self.board, self.report = binder, binder.board, binder.report

    def signal(self, step: steps.SignalStep, place: Place, at: int | None) -> Action:
        """Find the input that is raised or lowered."""
        if step.device is not None:
            return actions.Signal(place, at, step.kind, self.device(step, step.device, step.index))
        assert step.controller is not None
        assert step.input is not None
        cores = None if step.cores is None else self.binder.some(step.cores, step, "core")
        name, number = step.controller, step.input
        try:
            found = self.board.controller_input(name, number, cores)
        except ValueError as error:
            others = self.answers(lambda: self.board.controller_input(name, 0, cores))
            raise self.lacks(step, "input" if others else "controller", error) from None
        return actions.Signal(place, at, step.kind, found)

    def device(self, step: Step, name: str, index: int) -> Hashable:
        """Return an interrupt of a device, which Linux then requests unless the script says otherwise."""
        try:
            found = self.board.device_input(name, index)
        except ValueError as error:
            others = self.answers(lambda: self.board.device_input(name, 0))
            raise self.lacks(step, "index" if others else "device", error) from None
        self.binder.devices[found] = None
        return found

    def mailbox(self, step: steps.MsiStep | steps.IrqStep | steps.AffinityStep, cluster: int) -> Hashable:
        """Return the mailbox that a step names; `cluster` serves a step without one."""
        assert step.mailbox is not None
        where = step.node or (cluster if step.cluster is None else step.cluster)
        number = step.mailbox
        try:
            return self.board.mailbox(where, number)
        except ValueError as error:
            others = self.answers(lambda: self.board.mailbox(where, 0))
            (key,) = step.has("cluster", "node") or ["mailbox"]
            raise self.lacks(step, "mailbox" if others else key, error) from None

    @staticmethod
    def answers(ask: Callable[[], Hashable]) -> bool:
        """Return whether the board knows something: then it was the number that was wrong."""
        try:
            ask()
        except ValueError:
            return False
        return True

    def lacks(self, step: Step, key: str, error: ValueError) -> Refused:
        """Tell what the board says of a name or a number, at the value of `key`."""
        return self.report.refuse(step.where(key), "script-node", str(error))

    def linux(self, step: Step) -> None:
        """Raise Refused for a step of Linux drivers where there is no Linux."""
        if self.binder.script.software != "linux":
            message = f"found `{step.kind}` with `software: bare`; expected it with linux only"
            raise self.report.refuse(step.position, "script-value", message)

    def message(self, step: steps.MsiStep, place: Place, at: int | None) -> Action:
        """Find the mailbox that is written."""
        writer = None
        if step.writer is not None:
            writer = self.binder.one(step.writer, step)
            if writer is None:
                raise Refused
        mailbox = self.mailbox(step, writer.cluster if writer else 0)
        if step.value is not None:
            return actions.Message(place, at, writer, mailbox, step.value)
        assert step.bit is not None
        return actions.Message(place, at, writer, mailbox, 1 << step.bit)

    def post(self, step: steps.PostStep, place: Place, at: int | None) -> Action:
        """Make one bus write by a device."""
        return actions.Post(place, at, step.address, step.value, step.size)

    def ticks(self, duration: Duration | None) -> int | None:
        """Return a duration in ticks; what is none is told, and counts as a tick for what follows."""
        return None if duration is None else self.binder.ticks(duration) or 1

    def timer(self, step: steps.TimerStep, place: Place, at: int | None) -> Action:
        """Make the writes of Linux's clock event device: V is one less than the ticks to the underflow."""
        value, every = self.ticks(step.value), self.ticks(step.every)
        cores = self.binder.some(step.cores, step, "cores")
        counts, interrupt = COUNTS[step.timer], INTERRUPTS[step.timer]
        if value is None:
            return actions.Timer(place, at, cores, step.timer, None, None, counts, 0)
        reload = ONCE if every is None else every - 1
        bits = counts | (interrupt if step.interrupt else 0)
        return actions.Timer(place, at, cores, step.timer, value - 1, reload, counts | interrupt, bits)

    def watchdog(self, step: steps.WatchdogStep, place: Place, at: int | None) -> Action:
        """Make the writes of Linux's watchdog driver; a start clears WUS, as there."""
        value, every = self.ticks(step.value), self.ticks(step.every)
        cores = self.binder.some(step.cores, step, "cores")
        counts, interrupt = COUNTS[WATCHDOG], INTERRUPTS[WATCHDOG]
        if value is None:
            mask = UNDERFLOW if step.ack else counts
            return actions.Timer(place, at, cores, WATCHDOG, None, None, mask, 0)
        bits = counts | (interrupt if step.interrupt else 0) | (INFORM if step.bite else 0)
        mask = counts | interrupt | INFORM | UNDERFLOW
        return actions.Timer(place, at, cores, WATCHDOG, value - 1, (every or value) - 1, mask, bits)

    def start(self, step: steps.StartStep, place: Place, at: int | None) -> Action:
        """Find the cores that are woken up, and the one that asks for it."""
        cores = self.binder.some(step.cores, step, "cores")
        writer = None
        if step.writer is not None:
            writer = self.binder.one(step.writer, step)
            if writer is None:
                raise Refused
        return actions.Start(place, at, cores, step.pc, writer)

    def stop(self, step: steps.StopStep, place: Place, at: int | None) -> Action:
        """Find the cores that stop."""
        return actions.Stop(place, at, self.binder.some(step.cores, step, "cores"), step.reset)

    def event(self, step: steps.IpeStep, place: Place, at: int | None) -> Action:
        """Find the PE that initiates an event."""
        core = self.binder.one(step.initiator, step)
        if core is None:
            raise Refused
        return actions.Event(place, at, core, step.event, step.direction == "forward")

    def idle(self, step: steps.IdleStep, place: Place, at: int | None) -> Action:
        """Find the cores that go to sleep."""
        return actions.Idle(place, at, self.binder.some(step.cores, step, "cores"))

    def irq(self, step: steps.IrqStep, place: Place, at: int | None) -> Action:
        """Find the interrupt that a driver enables or disables."""
        self.linux(step)
        on = step.kind == "enable_irq"
        if step.device is not None:
            return actions.Irq(place, at, self.device(step, step.device, step.index), None, None, on)
        return actions.Irq(place, at, None, self.mailbox(step, 0), step.bit, on)

    def affinity(self, step: steps.AffinityStep, place: Place, at: int | None) -> Action:
        """Find the interrupt that is moved, and check that the core can take it."""
        self.linux(step)
        core = self.binder.one(step.core, step)
        device = mailbox = None
        if step.device is not None:
            device = self.device(step, step.device, step.index)
        else:
            mailbox = self.mailbox(step, core.cluster if core else 0)
        if core is None:
            raise Refused
        self.takes(step, mailbox if device is None else device, core)
        return actions.Affinity(place, at, device, mailbox, core)

    def takes(self, step: Step, target: Hashable, core: CoreId) -> None:
        """Raise Refused unless Linux can move the interrupt to `core`."""
        able = sorted(self.board.irq_cores(target))
        if core not in able:
            expected = f"expected one of {core_names(able)}" if able else "no core can: it can not be moved"
            message = f"{core} can not take this interrupt; {expected}"
            raise self.report.refuse(step.where("core"), "script-core", message)
