"""The inter-processor interrupt controller of a Coolidge cluster."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Register
from kvx_emu.hw.registry import QEMU, model

CORES = 17
"""Outputs of a set: bits 0..15 are PE 0..15, bit 16 the RM.

Source: the driver author's mail of 2024-01-31; bindings kv3-1-ipi-ctrl and coolidge-ipi-ctrl."""

SETS = 8
"""Pairs of an interrupt and a mask register. Source: the same mail."""

FIRST_LINE = 24
"""Set n drives line 24 + n of every core. Source: the same mail."""

COMPATIBLES = (
    "kalray,coolidge-ipi-ctrl",  # 2024, the third series of the Linux port
    "kalray,kv3-1-ipi-ctrl",  # 2023, bindings of the second series
    "kalray,kvx-ipi-ctrl",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-ipi-ctrl",  # 2018-2019
)


@model(*COMPATIBLES)
class IpiCtrl(Model):
    """Pulses line 24+n of each core whose bit is written to INTERRUPT[n] and clear in MASK[n].

    Nothing is stored but the masks: a request that a mask stops is lost, and the latch of one that
    passes is the core's ILR bit. The controller always has all its sets and outputs, whatever the tree
    names. Through its port it pulses output n and tells of every write to MASK.
    """

    title = "the IPI controller"
    outputs = (1 << CORES) - 1
    """The outputs that are wired to a core, one bit a core (the RM's too: the mail and the bindings)."""

    INTERRUPT = Register(
        0x00,
        count=SETS,
        width=CORES,
        access="W",
        src="offset 0: Linux irq-kvx-ipi-ctrl.c; 8 words of 17 bits: the mail; reads as 0: QEMU ipi-ctrl.c",
        doc="write 1: pulse this set's line of the core, unless masked",
    )
    MASK = Register(
        0x20,
        count=SETS,
        width=CORES,
        reset=0,
        src="offset 0x20, 1 = blocked: Linux irq-kvx-ipi-ctrl.c, QEMU ipi-ctrl.c; 17 bits: the mail",
        doc="1: this set does not reach the core",
    )

    mask: list[int]

    @INTERRUPT.on_write
    def _pulse(self, index: int, value: int, written: int) -> None:
        blocked = value & self.mask[index]
        self.port.pulse(index, value ^ blocked, blocked, written)

    @MASK.on_write
    def _masked(self, index: int, value: int, written: int) -> None:
        self.port.stored(self.MASK, index, written)


@model(*COMPATIBLES, profile=QEMU)
class QemuIpiCtrl(IpiCtrl):
    """The controller as Kalray's QEMU has it: set 0 alone, a mask of 32 bits, the RM not connected.

    Source: QEMU hw/kvx/ipi-ctrl.c and coolidge-cluster.c, branch coolidge-6.1.
    """

    outputs = 0xFFFF

    INTERRUPT = IpiCtrl.INTERRUPT.derive(count=1)
    MASK = IpiCtrl.MASK.derive(count=1, width=32)
