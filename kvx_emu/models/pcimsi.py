"""The snooper that turns the MSIs of PCI devices into interrupts."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Field, Register
from kvx_emu.hw.registry import model

GROUPS = 8
"""Groups of 32 vectors. Source: Linux irq-kvx-pcimsi.c: 256 vectors, of which bits 7:5 choose the place."""

WINDOW = 0x400
"""Bytes that are snooped: 1 KiB for 256 vectors. Source: the same."""

PLACE = WINDOW // GROUPS
"""Bytes of the window that belong to a group: (vector & 0xe0) << 2 = group * 0x80. Source: the same."""

VECTORS = 32
"""Vectors of a group; the data of a message is the vector within its group. Source: the same."""

STRIDE = 0x80
"""Bytes from the registers of one group to those of the next. Source: the same."""


@model("kalray,kvx-pcimsi", "kalray,k1c-pcimsi")
class PciMsi(Model):
    """Latches the writes of PCI devices to a window of 1 KiB, and interrupts with one output a group.

    What Linux's driver shows is where the registers are, how a vector makes an address and its data,
    that reading LAC takes and clears STATUS, and that TYPE 0 means MSI. All else is our choice: bit 0 of
    ENABLE opens the window, which begins at ADDR_HI:ADDR_LO with the low 10 bits taken as 0; each of the
    0x80 bytes of a group's place stands for the group; the low 5 bits of the data are the vector and
    nothing else of it counts; 1 in MASK blocks the vector, which stays in STATUS; a group of another TYPE
    takes no message; STATUS is read only; all is 0 after reset; registers take words.

    Output g is high while STATUS[g] has a bit that MASK[g] does not block. Each message that is not
    blocked is an interrupt of its own, also if the output is high. All groups have their output, whatever
    the tree names. Closing the window leaves STATUS as it is.
    """

    title = "the PCI MSI snooper"
    hidden = ("high",)

    ENABLE = Register(
        0x00,
        width=1,
        src="Linux irq-kvx-pcimsi.c; bit 0: our choice",
        doc="1: the window is snooped",
    )
    ADDR_LO = Register(
        0x04,
        src="Linux irq-kvx-pcimsi.c",
        doc="address of the window, low half; bits 9:0 do not count",
    )
    ADDR_HI = Register(
        0x08,
        src="Linux irq-kvx-pcimsi.c",
        doc="address of the window, high half",
    )
    STATUS = Register(
        0x100,
        count=GROUPS,
        stride=STRIDE,
        access="R",
        src="Linux irq-kvx-pcimsi.c",
        doc="vectors that have come and were not taken",
    )
    LAC = Register(
        0x104,
        count=GROUPS,
        stride=STRIDE,
        access="R",
        held=False,
        src="Linux irq-kvx-pcimsi.c",
        doc="load and clear: reads STATUS and clears it",
    )
    MASK = Register(
        0x108,
        count=GROUPS,
        stride=STRIDE,
        src="Linux irq-kvx-pcimsi.c",
        doc="1: the vector does not interrupt",
    )
    TYPE = Register(
        0x10C,
        count=GROUPS,
        stride=STRIDE,
        fields=(Field("TYPE", 0, 32, "0: the vectors of the group are MSIs"),),
        src="Linux irq-kvx-pcimsi.c",
        doc="what the group takes",
    )

    enable: int
    addr_lo: int
    addr_hi: int
    status: list[int]
    mask: list[int]
    type: list[int]
    high: list[int]

    def reset(self) -> None:
        """Close the window, forget all vectors; the outputs count as low."""
        super().reset()
        self.high = [0] * GROUPS

    def message(self, address: int, data: int) -> bool:
        """Take a write of `data` to `address`; return whether it lies in the open window."""
        base = self.addr_hi << 32 | self.addr_lo
        if not self.enable or address // WINDOW != base // WINDOW:
            return False
        group = address % WINDOW // PLACE
        bit = data % VECTORS
        if self.type[group]:
            self.port.lost(group * VECTORS + bit, f"group {group} is not of type MSI")
            return True
        self.status[group] |= 1 << bit
        self._drive(group, again=not self.mask[group] >> bit & 1)
        return True

    @LAC.on_read
    def _take(self, index: int) -> int:
        taken, self.status[index] = self.status[index], 0
        self._drive(index)
        return taken

    @MASK.on_write
    def _masked(self, index: int, value: int, written: int) -> None:
        self._drive(index)

    def _drive(self, group: int, again: bool = False) -> None:
        """Bring an output up to date; `again` makes one that stays high interrupt once more."""
        high = int(self.status[group] & ~self.mask[group] != 0)
        if high != self.high[group] or (high and again):
            self.high[group] = high
            self.port.drive(group, bool(high))
