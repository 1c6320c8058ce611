"""What Kalray's Linux does with the APIC: its drivers of the GIC, the mailboxes and the itgen.

Sources: irq-kvx-apic-gic.c, irq-kvx-apic-mailbox.c and irq-kvx-itgen.c of Kalray's kernels. Each cluster
runs a Linux of its own. Every access goes over the bus, by the core that the driver runs on, and takes no
time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.engine.software import stop_one_shot
from kvx_emu.hw.register import bits
from kvx_emu.machine.machine import LEVEL_HIGH
from kvx_emu.models.apic_gic import FIRST_LINE, ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.itgen import Itgen, encode
from kvx_emu.trace.row import IRQ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvx_emu.engine.boot import Wanted
    from kvx_emu.engine.run import Run
    from kvx_emu.machine.facts import Block
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


class Vector(NamedTuple):
    """A message: a bit of a mailbox of a cluster."""

    cluster: int
    mailbox: int
    bit: int


class Source(NamedTuple):
    """A device whose interrupt a driver has requested, and how it comes: by an itgen's input, or a GIC's."""

    device: Input
    itgen: Block | None
    input: int
    level: bool  # stays high until the device is served


class Drivers:
    """The drivers of all clusters' Linux, for what is `wanted` of them, and what has been requested."""

    def __init__(self, machine: Machine, run: Run, wanted: Wanted, defects: Iterable[str]) -> None:
        self._machine = machine
        self._run = run
        self._wanted = wanted
        self._keeps_masked = MASK_DEFECT not in defects
        self._gics: dict[int, Block] = {}
        self._mailboxes: dict[int, tuple[ApicMailbox, Block]] = {}
        for model, block in machine.blocks.values():
            if block.cluster is not None and isinstance(model, ApicGic):
                self._gics[block.cluster] = block
            if block.cluster is not None and isinstance(model, ApicMailbox):
                self._mailboxes[block.cluster] = model, block
        self._boot: dict[int, CoreId] = {}  # the boot core of each cluster that has probed
        self._used: dict[int, set[int]] = {}  # mailbox * 64 + bit, by cluster
        self._by_vector: dict[Vector, Source | None] = {}
        self._by_device: dict[Input, Vector] = {}
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
        self._machine.write(core, address, size, value)

    def _read(self, core: CoreId, address: int) -> int:
        self._machine.listener.cause = core
        return self._machine.read(core, address, 8)

    def _mailbox(self, cluster: int, mailbox: int, offset: int) -> int:
        _, block = self._mailboxes[cluster]
        return block.start + mailbox * ApicMailbox.VALUE.stride + offset

    def _enable(self, core: CoreId, cluster: int, number: int, target: CoreId, *, on: bool) -> None:
        """Let an input of a cluster's GIC through to a core, or stop it."""
        output = target.pid * OUTPUTS_OF_A_CORE
        self._write(core, self._gics[cluster].start + output * OUTPUT + number, int(on), size=1)

    # Probe

    def probe(self, cluster: int) -> None:
        """Start the drivers in a cluster, if it has them and they are wanted: all off, nothing pending.

        Then the drivers of the devices and messages of the cluster request theirs.
        """
        boot = self._wanted.boot_core(cluster)
        if boot is None or not self._wanted.apic:
            return
        self._boot[cluster] = boot
        self._reset(boot)
        for mailbox, bit in self._wanted.messages:
            if mailbox.cluster == cluster:
                self._request_vector(Vector(cluster, mailbox.number, bit), boot)
        for device in self._wanted.devices:
            if self._cluster_of(device) == cluster:
                why = self._request_device(device)
                if why is not None:
                    self._run.warn(("driver", device), "no-driver", f"{device} has no driver: {why}")

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
        return None if link is None else link.cells[0]

    def _cluster_of(self, device: Input) -> int | None:
        """Return the cluster whose Linux drives a device: where its interrupt goes, or else the first."""
        link = self._machine.link(device.path, device.number)
        built = None if link is None else self._machine.blocks.get(link.target.path)
        if built is None:
            return None if link is None else min(self._machine.by_cluster)
        parent = self._machine.msi_parent(built.block) if isinstance(built.model, Itgen) else built.block
        return min(self._machine.by_cluster) if parent is None else parent.cluster

    def _request_device(self, device: Input) -> str | None:
        """Request the interrupt of a device; return why that can not be, if so.

        A message is taken from the first mailbox that has one free.
        """
        link = self._machine.link(device.path, device.number)
        built = None if link is None else self._machine.blocks.get(link.target.path)
        if link is None or built is None:
            return (
                None if link is not None else "its interrupt leads nowhere"
            )  # a line of the cores: see Wanted
        model, block = built
        if isinstance(model, Itgen):
            parent = self._machine.msi_parent(block)
            if parent is None or parent.cluster not in self._mailboxes:
                return f"{block.node.path} has no mailboxes (msi-parent)"
            vector = self._allocate(parent.cluster)
            if vector is None:
                return f"all messages of {parent.node.path} are in use"
            boot = self._boot[parent.cluster]
            number, *kind = link.cells
            self._by_device[device] = vector
            at = block.start + number * Itgen.CFG.stride
            self._write(boot, at + Itgen.CFG.offset, encode(*vector), size=4)
            self._request_vector(vector, boot, Source(device, block, number, kind == [LEVEL_HIGH]))
            self._write(boot, at + Itgen.ENABLE.offset, 1, size=4)
            return None
        if isinstance(model, ApicGic) and block.cluster is not None:
            boot, place = self._boot[block.cluster], (block.cluster, link.cells[0])
            self._at_gic[place] = Source(device, None, link.cells[0], level=True)
            self._affinity[place] = boot
            self._enable(boot, *place, boot, on=True)
            return None
        return f"{block.node.path} is no interrupt controller that Linux drives"

    def _allocate(self, cluster: int) -> Vector | None:
        model, _ = self._mailboxes[cluster]
        used = self._used.get(cluster, set())
        number = next((n for n in range(model.count * MAILBOX_BITS) if n not in used), None)
        return None if number is None else Vector(cluster, *divmod(number, MAILBOX_BITS))

    # What scripts ask for

    def set_enabled(self, what: Input | Vector, *, on: bool) -> None:
        """Do enable_irq or disable_irq: at the itgen for a device behind one, else at the GIC or mailbox."""
        if isinstance(what, Vector):
            core = self._boot[what.cluster]
            if on:
                self.enable_vector(what, core)
                return
            at = self._mailbox(what.cluster, what.mailbox, ApicMailbox.MASK.offset)
            self._write(core, at, self._read(core, at) & ~(1 << what.bit))
            return
        vector = self._by_device.get(what)
        source = self._by_vector[vector] if vector is not None else None
        if vector is not None and source is not None and source.itgen is not None:
            at = source.itgen.start + source.input * Itgen.ENABLE.stride + Itgen.ENABLE.offset
            self._write(self._boot[vector.cluster], at, int(on), size=4)
            return
        place = self._place_at_gic(what)
        if place is not None:
            self._enable(self._boot[place[0]], *place, self._affinity[place], on=on)

    def _place_at_gic(self, device: Input) -> tuple[int, int] | None:
        """Return the cluster and the GIC input that a device is wired to, None if it is not."""
        return next((place for place, source in self._at_gic.items() if source.device == device), None)

    def enable_vector(self, vector: Vector, core: CoreId) -> None:
        """Let a bit through; one that waits there already is written again, for only writes interrupt."""
        mask = self._mailbox(vector.cluster, vector.mailbox, ApicMailbox.MASK.offset)
        value = self._mailbox(vector.cluster, vector.mailbox, ApicMailbox.VALUE.offset)
        bit = 1 << vector.bit
        self._write(core, mask, self._read(core, mask) | bit)
        if self._read(core, value) & bit:
            self._write(core, value, bit)

    def set_affinity(self, what: Input | Vector, core: CoreId) -> None:
        """Send an interrupt to another core: it is enabled there first, then disabled where it was."""
        vector = what if isinstance(what, Vector) else self._by_device.get(what)
        if vector is None:
            assert not isinstance(what, Vector)
            place = self._place_at_gic(what)
        else:
            number = self._gic_input(vector)
            place = None if number is None else (vector.cluster, number)
        if place is None or place not in self._affinity:
            return
        before, self._affinity[place] = self._affinity[place], core
        if before != core:
            self._enable(core, *place, core, on=True)
            self._enable(core, *place, before, on=False)

    # What a snapshot holds: what steps can change. The rest is as the probes have left it.

    def state(self) -> Value:
        """Return the core that each GIC input is let through to, as cluster, input and pid."""
        places = sorted(self._affinity.items())
        return [[cluster, number, core.pid] for (cluster, number), core in places]

    def restore(self, saved: Saved) -> None:
        """Take that back, after the probes of the same clusters. ValueError if it is not of this kind."""
        found: dict[tuple[int, int], CoreId] = {}
        for place in saved.items():
            cluster, number, pid = (item.number() for item in place.items(3))
            found[cluster, number] = CoreId(cluster, pid)
            if found[cluster, number] not in self._machine.core:
                raise place.wrong("a core of the board")
        if set(found) != set(self._affinity):
            raise saved.wrong("the GIC inputs that the drivers have requested")
        self._affinity = found

    # Interrupts

    def handle(self, core: CoreId) -> None:
        """Handle the GIC's line on a core: read and clear what is pending, and serve it ascending."""
        gic = self._gics.get(core.cluster)
        if gic is None:
            return
        at = gic.start + core.pid * OUTPUTS_OF_A_CORE * OUTPUT + ApicGic.STATUS_LAC.offset
        words = [self._read(core, at + 8 * word) for word in range(ApicGic.STATUS_LAC.count or 0)]
        for word, pending in enumerate(words):
            for bit in bits(pending):
                self._serve_input(core, 64 * word + bit)

    def _serve_input(self, core: CoreId, number: int) -> None:
        place = core.cluster, number
        if place in self._at_gic:
            self._serve(core, self._at_gic[place].device, number)
            return
        mailbox = self._machine.mailbox_at(core.cluster, number)
        if mailbox is None:
            message = f"{core}: GIC input {number} has no driver"
            self._run.warn(("spurious", *place), "no-driver", message)
            return
        pending = self._read(core, self._mailbox(core.cluster, mailbox, ApicMailbox.LAC.offset))
        mask = self._read(core, self._mailbox(core.cluster, mailbox, ApicMailbox.MASK.offset))
        if pending & ~mask and self._keeps_masked:
            # Written back they wait for their unmasking; masked, they interrupt nobody.
            value = self._mailbox(core.cluster, mailbox, ApicMailbox.VALUE.offset)
            self._write(core, value, pending & ~mask)
        for bit in bits(pending & mask):
            vector = Vector(core.cluster, mailbox, bit)
            source = self._by_vector.get(vector)
            if source is None or source.itgen is None:
                self._irq(core, vector)
                continue
            # A level is masked while its device is served: unmasked, it would interrupt again if still high.
            at = source.itgen.start + source.input * Itgen.ENABLE.stride + Itgen.ENABLE.offset
            if source.level:
                self._write(core, at, 0, size=4)
            self._irq(core, vector)
            self._machine.signal(source.device, False)
            if source.level:
                self._write(core, at, 1, size=4)

    def _irq(self, core: CoreId, vector: Vector) -> None:
        self._run.rows.append(
            (self._run.now, *core, IRQ, LINE, None, None, vector.mailbox * MAILBOX_BITS + vector.bit)
        )

    def _serve(self, core: CoreId, device: Input, number: int) -> None:
        self._run.rows.append((self._run.now, *core, IRQ, LINE, None, None, number))
        self._machine.signal(device, False)
