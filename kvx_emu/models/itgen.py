"""The interrupt generator of the chip: lines of devices in, writes to mailboxes out."""

from __future__ import annotations

from typing import NamedTuple

from kvx_emu.hw.model import BusError, Model
from kvx_emu.hw.register import Field, Register
from kvx_emu.hw.registry import QEMU, model

INPUTS = 272
"""Lines of devices. Source: PARAM, as QEMU itgen.c answers it; 0x1100 bytes of 0x10 a line."""

STRIDE = 0x10
"""Bytes from the registers of one input to those of the next. Source: Linux irq-kvx-itgen.h."""

MAILBOX = Field("MAILBOX", 0, 7, "the mailbox that is written")
CLUSTER = Field("CLUSTER", 8, 3, "the cluster whose mailbox it is")
BIT = Field("BIT", 24, 6, "the bit that is written to it")
"""Bits 29:24. Source: Linux irq-kvx-itgen.h and irq-k1c-itgen.h."""
QEMU_BIT = Field("BIT", 18, 6, "the bit that is written to it")
"""Bits 23:18, most likely a slip: Linux has 0x18 where QEMU itgen.c has 18."""

MAILBOXES = 0x00A0_0000
"""The first mailbox within a cluster's window; one every 0x200 bytes. Source: QEMU itgen.c, Linux."""

COMPATIBLES = (
    "kalray,coolidge-itgen",  # 2023, bindings of the second series
    "kalray,kvx-itgen",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-itgen",  # 2018-2019
)


class Target(NamedTuple):
    """What CFG says: the `bit` of a `mailbox` of a `cluster`."""

    cluster: int
    mailbox: int
    bit: int


def encode(cluster: int, mailbox: int, bit: int, select: Field = BIT) -> int:
    """Return the CFG for a bit (0 to 63) of a mailbox (0 to 127) of a cluster (0 to 7).

    `select` is the field that the bit goes to. ValueError for a number that does not fit its field.
    """
    return select.put(CLUSTER.put(MAILBOX.put(0, mailbox), cluster), bit)


def decode(cfg: int, select: Field = BIT) -> Target:
    """Return what a CFG says; the bits outside its fields say nothing."""
    return Target(CLUSTER.get(cfg), MAILBOX.get(cfg), select.get(cfg))


def address(cfg: int) -> int:
    """Return the address, as all see it, that an input with this CFG writes to.

    Source: QEMU itgen.c, corrected there from Kalray's manual; cluster c's window is at (c + 1) << 24.
    """
    return MAILBOXES | MAILBOX.get(cfg) << 9 | (CLUSTER.get(cfg) + 1) << 24


@model(*COMPATIBLES)
class Itgen(Model):
    """Writes 1 << bit to a mailbox when an enabled input rises: where to, and which bit, CFG says.

    An input that rises while it is disabled is lost, unless it stays high until it is served
    (`site.levels`): that one is sent when ENABLE goes from 0 to 1 with the line high. An input that goes
    high again without having been low is sent again. A write that nothing takes is lost. ENABLE and the
    levels of the lines decide together, so whoever of them changes last sends.
    """

    title = "the interrupt generator"
    inputs = INPUTS
    hidden = ("enable", "high")
    select = BIT

    CFG = Register(
        0x0,
        count=INPUTS,
        stride=STRIDE,
        fields=(MAILBOX, CLUSTER, BIT),
        src="Linux irq-kvx-itgen.h; all 32 bits are kept: QEMU itgen.c",
        doc="the mailbox and the bit that the input writes",
    )
    # Without a value of its own, as a write must know what was there before: `enable` holds it.
    ENABLE = Register(
        0x8,
        count=INPUTS,
        stride=STRIDE,
        width=1,
        held=False,
        src="Linux irq-kvx-itgen.h: bit 0",
        doc="1: the input is sent",
    )
    PARAM = Register(
        0x1100,
        access="R",
        reset=INPUTS,
        src="Linux irq-kvx-itgen.h, QEMU itgen.c",
        doc="the number of inputs",
    )

    cfg: list[int]
    enable: list[int]
    high: list[int]

    def reset(self) -> None:
        """Disable all inputs; their lines count as low until they are told to be high."""
        super().reset()
        self.enable = [0] * INPUTS
        self.high = [0] * INPUTS

    def input(self, number: int, level: bool) -> None:
        """Take a new level of a device's line. IndexError for an input that there is not."""
        if not 0 <= number < INPUTS:
            raise IndexError(f"{self.title} has no input {number}")
        self.high[number] = int(level)
        if not level:
            return
        if self.enable[number]:
            self._send(number)
        elif not self._resends(number):
            self.port.lost(number, f"input {number} is disabled")

    @ENABLE.on_read
    def _enabled(self, index: int) -> int:
        return self.enable[index]

    @ENABLE.on_write
    def _enable(self, index: int, value: int, written: int) -> None:
        before, self.enable[index] = self.enable[index], value
        if value and not before and self.high[index] and self._resends(index):
            self._send(index)

    def _resends(self, number: int) -> bool:
        """Whether an input that is high is sent when it is enabled."""
        return number in self.site.levels

    def _send(self, number: int) -> None:
        cfg = self.cfg[number]
        to = address(cfg)
        self.port.tell("msi", number, to)
        try:
            self.port.write(to, 8, 1 << self.select.get(cfg))
        except BusError as error:
            self.port.lost(number, f"nothing takes the write to {to:#x}: {error}")


@model(*COMPATIBLES, profile=QEMU)
class QemuItgen(Itgen):
    """The generator as Kalray's QEMU has it: another bit select, edges alone, any bit of ENABLE enables.

    Source: QEMU hw/kvx/itgen.c, branch coolidge-6.1, and accesses recorded there.
    """

    select = QEMU_BIT

    CFG = Itgen.CFG.derive(fields=(MAILBOX, CLUSTER, QEMU_BIT))
    ENABLE = Itgen.ENABLE.derive(width=32, src="QEMU itgen.c: enabled if it is not 0")

    def _resends(self, number: int) -> bool:
        return False
