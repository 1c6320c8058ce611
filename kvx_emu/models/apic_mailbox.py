"""The mailboxes of a Coolidge cluster: words that interrupt when they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Field, Register
from kvx_emu.hw.registry import QEMU, model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.hw.port import Port, Site

CAPACITY = 128
"""The most mailboxes that a block has. Source: binding coolidge-apic-gic; Linux's driver refuses more."""

STRIDE = 0x200
"""Bytes from the registers of a mailbox to those of the next. Source: Linux irq-kvx-apic-mailbox.c."""

QEMU_COUNT = 121
"""Mailboxes that Kalray's QEMU has, whatever the tree says. Source: QEMU apic-mailbox.h."""

REPLACE, OR, ADD = range(3)
"""FUNC.MODE. Source: Linux include/linux/irqchip/irq-kvx-apic-mailbox.h."""

NONE, DOORBELL, MATCH, BARRIER, THRESHOLD = range(5)
"""FUNC.TRIGGER. Source: the same; what they mean: binding coolidge-apic-mailbox."""

MODE = Field("MODE", 0, 2, "0 write, 1 or, 2 add")
TRIGGER = Field("TRIGGER", 8, 3, "0 none, 1 doorbell, 2 match, 3 barrier, 4 threshold")

ALL = (1 << 64) - 1

COMPATIBLES = (
    "kalray,coolidge-apic-mailbox",  # 2024, the third series of the Linux port
    "kalray,kv3-1-apic-mailbox",  # 2023, bindings of the second series
    "kalray,kvx-apic-mailbox",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-apic-mailbox",  # 2018-2019
)


@model(*COMPATIBLES)
class ApicMailbox(Model):
    """Combines a write to VALUE with what is there, as FUNC.MODE says; one that fires pulses its output.

    FUNC.TRIGGER says when it fires: never; doorbell: a bit was written that is 1 in MASK; match: the new
    value is MASK; barrier: the same, and the value becomes 0; threshold: the new value is MASK or more.
    Only a write to VALUE fires, and only after the value has been stored. Reading LAC takes the value and
    leaves 0; a write to LAC combines like one to VALUE and never fires.

    The value 3 of MODE replaces as 0 does, the values 5 to 7 of TRIGGER never fire: they have no meaning.

    There are as many mailboxes as the registers (`site.size`) have room for, 128 at most. Those behind the
    interrupts that the tree names (`site.outputs`) have no output: what they would send is lost.
    """

    title = "the APIC mailbox"
    access_sizes = (8,)
    hidden = ("value",)

    # VALUE is without a value of its own, as a write must know what was there before: `value` holds it.
    VALUE = Register(
        0x00,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        held=False,
        src="Linux irq-kvx-apic-mailbox.c, QEMU apic-mailbox.c",
        doc="the message; a write combines with it, and may interrupt",
    )
    LAC = Register(
        0x08,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        held=False,
        src="Linux irq-kvx-apic-mailbox.c; written: QEMU apic-mailbox.c",
        doc="load and clear VALUE; a write combines, without interrupt",
    )
    MASK = Register(
        0x10,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        src="1 = enabled: Linux irq-kvx-apic-mailbox.c, QEMU apic-mailbox.c; the operand: our choice",
        doc="doorbell: 1: the bit interrupts; match, barrier, threshold: what VALUE is compared with",
    )
    FUNC = Register(
        0x18,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        width=11,
        writable=MODE.mask | TRIGGER.mask,
        fields=(MODE, TRIGGER),
        src="Linux include/linux/irqchip/irq-kvx-apic-mailbox.h",
        doc="how a write combines with the value, and when it interrupts",
    )

    value: list[int]
    mask: list[int]
    func: list[int]

    def __init__(self, port: Port, site: Site | None = None) -> None:
        super().__init__(port, site)
        size = self.site.size
        self.count = min(CAPACITY, size // STRIDE) if size else CAPACITY
        """How many mailboxes answer."""
        self.outputs = self.count if self.site.outputs is None else self.site.outputs
        """How many of them, from mailbox 0 on, have an output."""

    def reset(self) -> None:
        """Empty all mailboxes; none interrupts before its MASK and FUNC are written."""
        super().reset()
        self.value = [0] * CAPACITY

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back a state; ValueError, and no change, if it is not of this shape."""
        value = state.get("value")
        if isinstance(value, list) and any(isinstance(item, int) and item > ALL for item in value):
            raise ValueError(f"{type(self).__name__}: a mailbox has 64 bits")
        super().restore(state)

    def _decoded(self, offset: int) -> tuple[Register, int] | None:
        """Return the register at an offset; there is none behind the last mailbox."""
        return super()._decoded(offset) if offset < self.count * STRIDE else None

    @VALUE.on_read
    def _value(self, index: int) -> int:
        return self.value[index]

    @VALUE.on_write
    def _post(self, index: int, value: int, written: int) -> None:
        self.value[index] = result = self._combined(index, value)
        fires = self._fires(index, value, result)
        if fires and TRIGGER.get(self.func[index]) == BARRIER:
            self.value[index] = 0
        self.port.tell("mailbox", index, self.value[index])
        if fires:
            self._pulse(index)

    @LAC.on_read
    def _take(self, index: int) -> int:
        taken, self.value[index] = self.value[index], 0
        if taken:
            self.port.tell("ack", index, taken)
        return taken

    @LAC.on_write
    def _put(self, index: int, value: int, written: int) -> None:
        self.value[index] = self._combined(index, value)

    @FUNC.on_write
    def _set_up(self, index: int, value: int, written: int) -> None:
        label = self.FUNC.label(index)
        gap = written & self.FUNC.mask & ~self.FUNC.writable
        if gap:
            self.port.odd("register-bits", f"{label} has bits 1:0 and 10:8: {gap:#x} is ignored")
        if MODE.get(value) > ADD:
            self.port.odd("register-bits", f"{label}: mode {MODE.get(value)} has no meaning: it replaces")
        if TRIGGER.get(value) > THRESHOLD:
            trigger = TRIGGER.get(value)
            self.port.odd("register-bits", f"{label}: trigger {trigger} has no meaning: it never interrupts")

    def _combined(self, index: int, value: int) -> int:
        """Return what a mailbox holds once `value` has been written."""
        mode = MODE.get(self.func[index])
        if mode == OR:
            return self.value[index] | value
        if mode == ADD:
            return self.value[index] + value & ALL
        return value

    def _fires(self, index: int, written: int, result: int) -> bool:
        """Whether a write of `written` interrupts, which has made the value `result`."""
        trigger = TRIGGER.get(self.func[index])
        if trigger == DOORBELL:
            return written & self.mask[index] != 0
        if trigger == THRESHOLD:
            return result >= self.mask[index]
        return trigger in {MATCH, BARRIER} and result == self.mask[index]

    def forecast(self, index: int, value: int) -> tuple[int, bool]:
        """Return what a write of `value` to VALUE combines to, and whether it interrupts; nothing changes."""
        result = self._combined(index, value)
        return result, self._fires(index, value, result)

    def _pulse(self, index: int) -> None:
        if index >= self.outputs:
            self.port.lost(index, f"the tree names no interrupt for mailbox {index}")
            return
        self.port.drive(index, True)
        self.port.drive(index, False)


@model(*COMPATIBLES, profile=QEMU)
class QemuApicMailbox(ApicMailbox):
    """The mailboxes as Kalray's QEMU has them.

    There are 121, each with an output. Each fires, whatever FUNC.TRIGGER says, when a bit is written that
    is 1 in MASK, and before the value is stored. FUNC keeps 64 bits; each MODE but or replaces.
    Source: QEMU hw/kvx/apic-mailbox.c, branch coolidge-6.1, and accesses recorded there.
    """

    FUNC = ApicMailbox.FUNC.derive(width=64, writable=ALL)

    def __init__(self, port: Port, site: Site | None = None) -> None:
        super().__init__(port, site)
        self.count = self.outputs = QEMU_COUNT

    def _post(self, index: int, value: int, written: int) -> None:
        result = self._combined(index, value)
        # Told first all the same: the stages of an interrupt are told in their order.
        self.port.tell("mailbox", index, result)
        if self._fires(index, value, result):
            self._pulse(index)
        self.value[index] = result

    def _fires(self, index: int, written: int, result: int) -> bool:
        """Whether a write of `written` interrupts."""
        return written & self.mask[index] != 0

    def _set_up(self, index: int, value: int, written: int) -> None:
        """Keep FUNC as it was written."""

    def _combined(self, index: int, value: int) -> int:
        """Return what a mailbox holds once `value` has been written."""
        return self.value[index] | value if MODE.get(self.func[index]) == OR else value
