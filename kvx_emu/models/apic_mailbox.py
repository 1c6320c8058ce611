"""The mailboxes of a Coolidge cluster: where messages become interrupts."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Field, Register
from kvx_emu.hw.registry import QEMU, model

CAPACITY = 128
"""The most that the hardware has. Source: binding coolidge-apic-mailbox; Linux refuses more."""

STRIDE = 0x200
"""Bytes from one mailbox to the next. Source: Linux irq-kvx-apic-mailbox.c, QEMU apic-mailbox.c."""

QEMU_COUNT = 121
"""Mailboxes of QEMU's, whatever its tree says. Source: QEMU include/hw/kvx/apic-mailbox.h."""

WRITE, OR, ADD = 0, 1, 2
"""FUNC.MODE. Source: Linux include/linux/irqchip/irq-kvx-apic-mailbox.h."""

NONE, DOORBELL, MATCH, BARRIER, THRESHOLD = range(5)
"""FUNC.TRIGGER. Source: the same; what they mean: binding coolidge-apic-mailbox."""

ALL = (1 << 64) - 1

COMPATIBLES = (
    "kalray,coolidge-apic-mailbox",  # 2024, the third series of the Linux port
    "kalray,kv3-1-apic-mailbox",  # 2023, bindings of the second series
    "kalray,kvx-apic-mailbox",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-apic-mailbox",  # 2018-2019
)

_MODE = Field("MODE", 0, 2, "0 write, 1 or, 2 add")
_TRIGGER = Field("TRIGGER", 8, 3, "0 none, 1 doorbell, 2 match, 3 barrier, 4 threshold")


@model(*COMPATIBLES)
class ApicMailbox(Model):
    """Combines each write to VALUE with what is there (FUNC.MODE) and may pulse the mailbox's output.

    FUNC.TRIGGER says when: doorbell, if a written bit is 1 in MASK; match, if the new value equals MASK;
    barrier, the same, and the value is then 0; threshold, if the new value is MASK or more. The value is
    stored before the output rises, so a handler sees it. A write to LAC combines alike and interrupts
    never. A mode or trigger that has no meaning replaces, or never fires.

    A mailbox that the tree gives no interrupt has no output.
    """

    title = "the mailboxes"
    access_sizes = (8,)

    VALUE = Register(
        0x00,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        src="Linux irq-kvx-apic-mailbox.c, QEMU apic-mailbox.c",
        doc="written: combined with what is there, and may interrupt",
        held=False,
    )
    LAC = Register(
        0x08,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        src="Linux irq-kvx-apic-mailbox.c, QEMU apic-mailbox.c",
        doc="load and clear: VALUE, which is then 0; written: combined, without interrupt",
        held=False,
    )
    MASK = Register(
        0x10,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        src="Linux irq-kvx-apic-mailbox.c: 1 = interrupts; the operand of the other triggers: our choice",
        doc="bits that ring the doorbell; the operand of match, barrier and threshold",
    )
    FUNC = Register(
        0x18,
        size=8,
        count=CAPACITY,
        stride=STRIDE,
        writable=_MODE.mask | _TRIGGER.mask,
        fields=(_MODE, _TRIGGER),
        src="Linux include/linux/irqchip/irq-kvx-apic-mailbox.h",
        doc="how a write combines, and when it interrupts",
    )

    hidden = ("value",)
    value: list[int]
    mask: list[int]
    func: list[int]

    @property
    def count(self) -> int:
        """How many mailboxes answer: those that the region has room for."""
        return min(CAPACITY, self.site.size // STRIDE) if self.site.size else CAPACITY

    @property
    def wired(self) -> int:
        """How many have an output: the interrupts that the tree names."""
        return self.count if self.site.outputs is None else min(self.count, self.site.outputs)

    def reset(self) -> None:
        """Empty all mailboxes, mask all and let none interrupt."""
        super().reset()
        self.value = [0] * CAPACITY

    def _decoded(self, offset: int) -> tuple[Register, int] | None:
        """Return the register at an offset; beyond the last mailbox there is none."""
        return super()._decoded(offset) if offset < self.count * STRIDE else None

    @VALUE.on_read
    def _value(self, index: int) -> int:
        return self.value[index]

    @VALUE.on_write
    def _post(self, index: int, value: int, written: int) -> None:
        self.value[index] = result = self._combined(index, value)
        fires = self._fires(index, value, result)
        if fires and _TRIGGER.get(self.func[index]) == BARRIER:
            self.value[index] = 0
        self.port.tell("mailbox", index, self.value[index])
        if fires:
            self._pulse(index)

    def _pulse(self, index: int) -> None:
        if index < self.wired:
            self.port.drive(index, True)
            self.port.drive(index, False)
        else:
            self.port.lost(index, f"mailbox {index} has no interrupt in the tree")

    def _combined(self, index: int, value: int) -> int:
        """Return what a mailbox holds after `value` was written."""
        mode = _MODE.get(self.func[index])
        if mode == OR:
            return self.value[index] | value
        if mode == ADD:
            return self.value[index] + value & ALL
        return value

    def _fires(self, index: int, written: int, result: int) -> bool:
        """Whether a write of `written` that made it `result` interrupts."""
        operand = self.mask[index]
        trigger = _TRIGGER.get(self.func[index])
        if trigger == DOORBELL:
            return bool(written & operand)
        if trigger == THRESHOLD:
            return result >= operand
        return trigger in {MATCH, BARRIER} and result == operand

    @LAC.on_read
    def _load_and_clear(self, index: int) -> int:
        held, self.value[index] = self.value[index], 0
        if held:
            self.port.tell("ack", index, held)
        return held

    @LAC.on_write
    def _quietly(self, index: int, value: int, written: int) -> None:
        self.value[index] = self._combined(index, value)


@model(*COMPATIBLES, profile=QEMU)
class QemuApicMailbox(ApicMailbox):
    """The mailboxes as Kalray's QEMU has them.

    There are 121. TRIGGER is not looked at: a mailbox interrupts when a written bit is 1 in MASK, before
    the value is stored. Mode add replaces. Source: QEMU hw/kvx/apic-mailbox.c, branch coolidge-6.1.
    """

    FUNC = ApicMailbox.FUNC.derive(writable=ALL)

    @property
    def count(self) -> int:
        """How many mailboxes answer."""
        return QEMU_COUNT

    @property
    def wired(self) -> int:
        """How many have an output: all."""
        return QEMU_COUNT

    def _post(self, index: int, value: int, written: int) -> None:
        if value & self.mask[index]:
            self._pulse(index)
        self.value[index] = self._combined(index, value)
        self.port.tell("mailbox", index, self.value[index])

    def _combined(self, index: int, value: int) -> int:
        """Return what a mailbox holds after `value` was written."""
        return self.value[index] | value if _MODE.get(self.func[index]) == OR else value
