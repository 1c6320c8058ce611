"""What Kalray's Linux does with the APIC: its drivers of the GIC, the mailboxes and the itgen.

Sources: irq-kvx-apic-gic.c, irq-kvx-apic-mailbox.c and irq-kvx-itgen.c of Kalray's kernels. Each cluster
runs a Linux of its own. Every access goes over the bus, by the core that the driver runs on, and takes no
time. One that ends in a bus error ends what the driver was about.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from kvx_emu.core_id import CoreId
from kvx_emu.engine.software import stop_one_shot
from kvx_emu.hw.model import BusError
from kvx_emu.hw.register import bits
from kvx_emu.machine.machine import LEVEL_HIGH
from kvx_emu.models.apic_gic import FIRST_LINE, ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.itgen import CLUSTER, INPUTS, Itgen, encode
from kvx_emu.trace.row import IRQ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvx_emu.engine.boot import Wanted
    from kvx_emu.engine.run import Run
    from kvx_emu.machine.facts import Block, Link
    from kvx_emu.machine.inputs import Input
    from kvx_emu.machine.machine import Machine
    from kvx_emu.models.core import Core
    from kvx_emu.saved import Saved, Value

LINE = FIRST_LINE
"""The line that Linux uses, the first of the GIC's four. Source: irq-kvx-apic-gic.c."""

TIMER_LINE = 0
"""The line of timer 0. Source: the commit text of the core interrupt controller's driver."""

OUTPUT = 0x400
"""Bytes from the registers of one output of the GIC to those of the next. Source: irq-kvx-apic-gic.c."""

OUTPUTS_OF_A_CORE = 4

OR_DOORBELL = 0x101
"""FUNC of every mailbox: mode OR, trigger doorbell. Source: irq-kvx-apic-mailbox.c."""

MAILBOX_BITS = 64

MASK_DEFECT = "mailbox-mask"
"""The mailbox driver's defect: what came for masked bits along with an unmasked one is lost."""


class Failed(Exception):  # noqa: N818  (it is Linux's, not the emulator's)
    """A driver's access ended in a bus error, which is shown already."""


class Vector(NamedTuple):
    """A message: a bit of a mailbox of a cluster."""

    cluster: int
    mailbox: int
    bit: int


class Source(NamedTuple):
    """An input that drivers have requested: of the itgen, or of a GIC if there is none, for these devices."""

    devices: list[Input]
    itgen: Block | None
    input: int
    level: bool  # stays high until the devices are served


class Drivers:
    """The drivers of all clusters' Linux, for what is `wanted` of them, and what has been requested."""

    def __init__(self, machine: Machine, run: Run, wanted: Wanted, defects: Iterable[str]) -> None:
        self._machine = machine
        self._run = run
        self._wanted = wanted
        self._keeps_masked = MASK_DEFECT not in defects
        self._gics: dict[int, Block] = {}
        self._mailboxes: dict[int, tuple[ApicMailbox, Block]] = {}
        for _, block in machine.of(ApicGic):
            if block.cluster is not None:
                self._gics.setdefault(block.cluster, block)
        for model, block in machine.of(ApicMailbox):
            if block.cluster is not None:
                self._mailboxes.setdefault(block.cluster, (model, block))
        self._boot: dict[int, CoreId] = {}  # the boot core of each cluster whose drivers run
        self._used: dict[int, set[int]] = {}  # mailbox * 64 + bit, by cluster
        self._by_vector: dict[Vector, Source | None] = {}
        self._by_device: dict[Input, Vector] = {}
        self._by_input: dict[tuple[str, int], Vector] = {}  # of an itgen, by its path
        self._at_gic: dict[tuple[int, int], Source] = {}  # devices wired to (cluster, GIC input)
        self._affinity: dict[tuple[int, int], CoreId] = {}  # of (cluster, GIC input)

    def handlers(self) -> dict[int, Callable[[Core], None]]:
        """Return what the handlers of lines do on a core, for `Linux`."""
        handlers: dict[int, Callable[[Core], None]] = {}
        if self._wanted.apic:
            handlers[LINE] = lambda core: self.handle(CoreId(core.cluster, core.pid))
        if self._wanted.timers:
            handlers[TIMER_LINE] = stop_one_shot
        return handlers

    # Accesses

    def _write(self, core: CoreId, address: int, value: int, size: int = 8) -> None:
        self._machine.listener.cause = core
        try:
            self._machine.write(core, address, size, value)
        except BusError as error:
            self._fault(core, address, error)

    def _read(self, core: CoreId, address: int) -> int:
        self._machine.listener.cause = core
        try:
            return self._machine.read(core, address, 8)
        except BusError as error:
            self._fault(core, address, error)

    def _fault(self, core: CoreId, address: int, error: BusError) -> NoReturn:
        """Show a bus error, and end what the driver was about. Raises Failed."""
        self._run.fault(core, address)
        message = f"an access of a driver of {core} to {address:#x}: {error}"
        self._run.warn(("bus-error", address), "bus-error", message)
        raise Failed(f"a bus error at {address:#x}")

    def _mailbox(self, cluster: int, mailbox: int, offset: int) -> int:
        _, block = self._mailboxes[cluster]
        return block.start + mailbox * ApicMailbox.VALUE.stride + offset

    def _enable(self, core: CoreId, cluster: int, number: int, target: CoreId, *, on: bool) -> None:
        """Let an input of a cluster's GIC through to a core, or stop it."""
        output = target.pid * OUTPUTS_OF_A_CORE
        self._write(core, self._gics[cluster].start + output * OUTPUT + number, int(on), size=1)

    # Probe

    def probe(self, cluster: int, first: CoreId | None = None) -> None:
        """Start the drivers in a cluster, if it has them and they are wanted: all off, nothing pending.

        Then the drivers of the devices and messages of the cluster request theirs. `first` is the core that
        came up first and does all that, by default the first that runs Linux.
        """
        boot = first or self._wanted.boot_core(cluster)
        if boot is None or not self._wanted.apic:
            return
        try:
            self._reset(boot)
        except Failed:
            return
        self._boot[cluster] = boot
        for mailbox, bit in self._wanted.messages:
            if mailbox.cluster == cluster:
                with suppress(Failed):
                    self._request_vector(Vector(cluster, mailbox.number, bit), boot)
        for device in self._wanted.devices:
            if self._cluster_of(device) == cluster:
                try:
                    why = self._request_device(device)
                except Failed as failed:
                    why = str(failed)
                if why is not None:
                    self._lacks_driver(device, why)

    def _lacks_driver(self, what: Input | str, why: str) -> None:
        self._run.warn(("driver", what), "no-driver", f"{what} has no driver: {why}")

    def _reset(self, boot: CoreId) -> None:
        cluster = boot.cluster
        if cluster in self._gics:
            base = self._gics[cluster].start
            for pid in range(16):
                at = base + pid * OUTPUTS_OF_A_CORE * OUTPUT
                for number in range(ApicGic.inputs):
                    self._write(boot, at + number, 0, size=1)
                for word in range(ApicGic.STATUS_LAC.count or 0):
                    self._read(boot, at + ApicGic.STATUS_LAC.offset + 8 * word)
        if cluster in self._mailboxes:
            model, _ = self._mailboxes[cluster]
            for mailbox in range(model.count):
                self._write(boot, self._mailbox(cluster, mailbox, ApicMailbox.MASK.offset), 0)
                self._write(boot, self._mailbox(cluster, mailbox, ApicMailbox.FUNC.offset), OR_DOORBELL)
                self._read(boot, self._mailbox(cluster, mailbox, ApicMailbox.LAC.offset))

    def _request_vector(self, vector: Vector, boot: CoreId, source: Source | None = None) -> None:
        """Request a message: the mailbox lets its bit through, and the GIC the mailbox to the boot core."""
        self._used.setdefault(vector.cluster, set()).add(vector.mailbox * MAILBOX_BITS + vector.bit)
        self._by_vector[vector] = source
        number = self._gic_input(vector)
        if number is not None and (vector.cluster, number) not in self._affinity:
            self._affinity[vector.cluster, number] = boot
            self._enable(boot, vector.cluster, number, boot, on=True)
        self.enable_vector(vector, boot)

    def _gic_input(self, vector: Vector) -> int | None:
        """Return the GIC input that the tree wires a mailbox to."""
        _, block = self._mailboxes[vector.cluster]
        link = self._machine.link(block.node.path, vector.mailbox)
        return None if link is None else _number(link)

    def _cluster_of(self, device: Input) -> int | None:
        """Return the cluster whose Linux drives a device: where its interrupt goes, or else the first."""
        link = self._machine.link(device.path, device.number)
        built = None if link is None else self._machine.blocks.get(link.target.path)
        if built is None:
            return None if link is None else min(self._machine.by_cluster)
        parent = self._machine.msi_parent(built.block) if isinstance(built.model, Itgen) else built.block
        return min(self._machine.by_cluster) if parent is None else parent.cluster

    def _request_device(self, device: Input) -> str | None:
        """Request the interrupt of a device; return why that can not be, if so."""
        link = self._machine.link(device.path, device.number)
        if link is None:
            return "its interrupt leads nowhere"
        built = self._machine.blocks.get(link.target.path)
        if built is None:
            return None  # a line of the cores: see Wanted
        model, block = built
        if isinstance(model, Itgen):
            return self._request_at_itgen(device, block, link)
        if isinstance(model, ApicGic) and block.cluster is not None:
            boot, place = self._boot[block.cluster], (block.cluster, _number(link))
            if _number(link) >= model.inputs:
                return f"{block.node.path} has no input {_number(link)}"
            source = self._at_gic.setdefault(place, Source([], None, _number(link), level=True))
            source.devices.append(device)
            if place not in self._affinity:
                self._affinity[place] = boot
                self._enable(boot, *place, boot, on=True)
            return None
        return f"{block.node.path} is no interrupt controller that Linux drives"

    def _request_at_itgen(self, device: Input, block: Block, link: Link) -> str | None:
        """Request an input of an itgen: its message is the first that its mailboxes have free.

        Devices that share an input share its message.
        """
        parent = self._machine.msi_parent(block)
        if parent is None or parent.cluster not in self._mailboxes:
            return f"{block.node.path} has no mailboxes (msi-parent)"
        number, *kind = link.cells
        if number >= INPUTS:
            return f"{block.node.path} has no input {number}"
        if parent.cluster > CLUSTER.mask >> CLUSTER.lsb:
            return f"an interrupt generator can not write to cluster {parent.cluster}"
        shared = self._by_input.get((block.node.path, number))
        if shared is not None:
            source = self._by_vector[shared]
            assert source is not None, "it was requested for a device"
            source.devices.append(device)
            self._by_device[device] = shared
            return None
        vector = self._allocate(parent.cluster)
        if vector is None:
            return f"all messages of {parent.node.path} are in use"
        boot = self._boot[parent.cluster]
        at = block.start + number * Itgen.CFG.stride
        self._write(boot, at + Itgen.CFG.offset, encode(*vector), size=4)
        self._by_device[device] = self._by_input[block.node.path, number] = vector
        self._request_vector(vector, boot, Source([device], block, number, kind == [LEVEL_HIGH]))
        self._write(boot, at + Itgen.ENABLE.offset, 1, size=4)
        return None

    def _allocate(self, cluster: int) -> Vector | None:
        """Return the first message that is free, by mailbox and bit, of the mailboxes that can interrupt."""
        model, _ = self._mailboxes[cluster]
        used = self._used.get(cluster, set())
        room = min(model.count, model.outputs) * MAILBOX_BITS
        number = next((n for n in range(room) if n not in used), None)
        return None if number is None else Vector(cluster, *divmod(number, MAILBOX_BITS))

    # What scripts ask for

    def set_enabled(self, what: Input | Vector, *, on: bool) -> None:
        """Do enable_irq or disable_irq: at the itgen for a device behind one, else at the GIC or mailbox."""
        with suppress(Failed):
            if isinstance(what, Vector):
                self._switch_vector(what, on=on)
            else:
                self._switch_device(what, on=on)

    def _switch_vector(self, vector: Vector, *, on: bool) -> None:
        core = self._boot.get(vector.cluster)
        if core is None:
            self._lacks_driver(f"mailbox {vector.mailbox}", f"no Linux runs in cluster {vector.cluster}")
        elif on:
            self.enable_vector(vector, core)
        else:
            at = self._mailbox(vector.cluster, vector.mailbox, ApicMailbox.MASK.offset)
            self._write(core, at, self._read(core, at) & ~(1 << vector.bit))

    def _switch_device(self, device: Input, *, on: bool) -> None:
        vector = self._by_device.get(device)
        source = self._by_vector[vector] if vector is not None else None
        place = self._place_at_gic(device)
        if vector is not None and source is not None and source.itgen is not None:
            at = source.itgen.start + source.input * Itgen.ENABLE.stride + Itgen.ENABLE.offset
            self._write(self._boot[vector.cluster], at, int(on), size=4)
        elif place is not None:
            self._enable(self._boot[place[0]], *place, self._affinity[place], on=on)
        else:
            self._lacks_driver(device, self._why_none(device))

    def _why_none(self, device: Input) -> str:
        cluster = self._cluster_of(device)
        if any(wire.core is not None for wire in self._machine.wires_of(device)):
            return "it is a line of the cores, which `enable` and `disable` switch"
        return f"no Linux runs in cluster {cluster}" if cluster not in self._boot else "see the tree"

    def _place_at_gic(self, device: Input) -> tuple[int, int] | None:
        """Return the cluster and the GIC input that a device is wired to, None if it is not."""
        return next((place for place, source in self._at_gic.items() if device in source.devices), None)

    def enable_vector(self, vector: Vector, core: CoreId) -> None:
        """Let a bit through; one that waits there already is written again, for only writes interrupt."""
        mask = self._mailbox(vector.cluster, vector.mailbox, ApicMailbox.MASK.offset)
        value = self._mailbox(vector.cluster, vector.mailbox, ApicMailbox.VALUE.offset)
        bit = 1 << vector.bit
        self._write(core, mask, self._read(core, mask) | bit)
        if self._read(core, value) & bit:
            self._write(core, value, bit)

    def set_affinity(self, what: Input | Vector, core: CoreId) -> None:
        """Send an interrupt to another core: it is enabled there first, then disabled where it was.

        All messages of a mailbox move together. Source: Linux irq-kvx-apic-gic.c.
        """
        vector = what if isinstance(what, Vector) else self._by_device.get(what)
        if vector is None:
            assert not isinstance(what, Vector)
            place = self._place_at_gic(what)
        else:
            number = self._gic_input(vector)
            place = None if number is None else (vector.cluster, number)
        if place is None or place not in self._affinity:
            named = f"mailbox {what.mailbox}" if isinstance(what, Vector) else what
            why = (
                f"no Linux runs in cluster {core.cluster}"
                if core.cluster not in self._boot
                else "see the tree"
            )
            self._lacks_driver(named, why)
            return
        before, self._affinity[place] = self._affinity[place], core
        if before != core:
            with suppress(Failed):
                self._enable(core, *place, core, on=True)
                self._enable(core, *place, before, on=False)

    # What a snapshot holds: what steps can change. The rest is as the probes have left it.

    def state(self) -> Value:
        """Return the boot cores, and as cluster, input and pid the core that gets each GIC input."""
        places = sorted(self._affinity.items())
        return {
            "boot": [list(core) for _, core in sorted(self._boot.items())],
            "inputs": [[cluster, number, core.pid] for (cluster, number), core in places],
        }

    def restore(self, saved: Saved) -> None:
        """Take that back, after the probes of the same clusters. ValueError if it is not of this kind."""
        cores, inputs = saved.record("boot", "inputs")
        boot = {core.cluster: core for core in (item.core(self._machine.core) for item in cores.items())}
        if set(boot) != set(self._boot):
            raise cores.wrong("a core of each cluster whose drivers run")
        found: dict[tuple[int, int], CoreId] = {}
        for place in inputs.items():
            cluster, number, pid = (item.number() for item in place.items(3))
            found[cluster, number] = CoreId(cluster, pid)
            if found[cluster, number] not in self._machine.core:
                raise place.wrong("a core of the board")
        if set(found) != set(self._affinity):
            raise inputs.wrong("the GIC inputs that the drivers have requested")
        self._boot, self._affinity = boot, found

    # Interrupts

    def handle(self, core: CoreId) -> None:
        """Handle the GIC's line on a core: read and clear what is pending, and serve it ascending."""
        gic = self._gics.get(core.cluster)
        if gic is None:
            return
        at = gic.start + core.pid * OUTPUTS_OF_A_CORE * OUTPUT + ApicGic.STATUS_LAC.offset
        with suppress(Failed):
            words = [self._read(core, at + 8 * word) for word in range(ApicGic.STATUS_LAC.count or 0)]
            for word, pending in enumerate(words):
                for bit in bits(pending):
                    self._serve_input(core, 64 * word + bit)

    def _serve_input(self, core: CoreId, number: int) -> None:
        place = core.cluster, number
        if place in self._at_gic:
            self._irq(core, number)
            self._serve(self._at_gic[place])
            return
        mailbox = self._machine.mailbox_at(core.cluster, number)
        if mailbox is None:
            message = f"{core}: GIC input {number} has no driver"
            self._run.warn(("spurious", *place), "no-driver", message)
            return
        pending = self._read(core, self._mailbox(core.cluster, mailbox, ApicMailbox.LAC.offset))
        mask = self._read(core, self._mailbox(core.cluster, mailbox, ApicMailbox.MASK.offset))
        if pending & ~mask:
            self._put_back(core, mailbox, pending & ~mask)
        for bit in bits(pending & mask):
            vector = Vector(core.cluster, mailbox, bit)
            source = self._by_vector.get(vector)
            if source is None or source.itgen is None:
                self._irq(core, mailbox * MAILBOX_BITS + bit)
                continue
            # A level is masked while its device is served: unmasked, it would interrupt again if still high.
            at = source.itgen.start + source.input * Itgen.ENABLE.stride + Itgen.ENABLE.offset
            if source.level:
                self._write(core, at, 0, size=4)
            self._irq(core, mailbox * MAILBOX_BITS + bit)
            self._serve(source)
            if source.level:
                self._write(core, at, 1, size=4)

    def _put_back(self, core: CoreId, mailbox: int, masked: int) -> None:
        """Write back what is masked, to wait for its unmasking; masked, it interrupts nobody.

        The driver means to, and does not: it works out what to write back after it has dropped just that.
        """
        if self._keeps_masked:
            self._write(core, self._mailbox(core.cluster, mailbox, ApicMailbox.VALUE.offset), masked)
            return
        path = self._mailboxes[core.cluster][1].node.path
        for bit in bits(masked):
            why = f"bit {bit} of mailbox {mailbox} is masked: the driver drops it ({MASK_DEFECT})"
            self._machine.listener.lost(path, core.cluster, mailbox, why)

    def _irq(self, core: CoreId, number: int) -> None:
        self._run.rows.append((self._run.now, *core, IRQ, LINE, None, None, number))

    def _serve(self, source: Source) -> None:
        """Let the drivers of the devices at an input serve them: none of them is high any more."""
        for device in source.devices:
            self._machine.signal(device, False)


def _number(link: Link) -> int:
    """Return the input that a link names; a controller without cells has one."""
    return link.cells[0] if link.cells else 0
