"""The router of a Coolidge cluster that spreads the interrupts of mailboxes and blocks over the cores."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Register
from kvx_emu.hw.registry import QEMU, model

INPUTS = 157
"""Source: Linux irq-kvx-apic-gic.c, QEMU apic-gic.h; the binding names 139 of them."""

GROUPS = 18
"""Groups of outputs: one a PE, the RM's, and one of the L2 cache controller or the DMA that leads to no core.

Source: binding coolidge-apic-gic; Linux irq-kvx-apic-gic.c."""

LINES = 4
"""Outputs of a group. Source: the same."""

OUTPUTS = GROUPS * LINES

FIRST_LINE = 4
"""Output (g, k) drives line 4 + k of core g. Source: QEMU hw/kvx/coolidge-cluster.c."""

STRIDE = 0x400
"""Bytes from the registers of one output to those of the next; 0x1000 a group. Source: Linux irq-kvx-apic-gic.c."""

WORDS = 3
"""Words of 64 pending bits an output. Source: the same."""

INPUT_NAMES = {number: f"mailbox {number}" for number in range(128)} | {
    129: "DMA",  # QEMU hw/kvx/coolidge-cluster.c
    134: "NoC IOMMU rx: no mapping",  # this and the next: binding kalray,kvx-iommu
    135: "NoC IOMMU rx: protection",
    136: "NoC IOMMU rx: parity",
    137: "NoC IOMMU tx: no mapping",
    138: "NoC IOMMU tx: protection",
    139: "NoC IOMMU tx: parity",
}
"""The inputs that a source gives a number to."""

COMPATIBLES = (
    "kalray,coolidge-apic-gic",  # 2024, the third series of the Linux port
    "kalray,kv3-1-apic-gic",  # 2023, bindings of the second series
    "kalray,kvx-apic-gic",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-apic-gic",  # 2018-2019
)


def output_core(output: int) -> int | None:
    """Return the pid of the core that an output leads to; None for those of the last group."""
    group = output // LINES
    return group if group < GROUPS - 1 else None


def output_line(output: int) -> int:
    """Return the line of the core that an output leads to."""
    return FIRST_LINE + output % LINES


@model(*COMPATIBLES)
class ApicGic(Model):
    """Passes a rising input to every output where it is enabled, and keeps it there as a pending bit.

    Each output has an ENABLE byte an input and a STATUS_LAC of 157 bits, whose words a read of 8 bytes
    returns and clears. An output is high while a bit is pending; each input that is passed is a new
    interrupt, also if it is high. An input that rises where it is enabled nowhere is lost: enabled later
    it delivers nothing. Accesses of 2, 4 and 8 bytes to ENABLE are to so many neighbours; LAC is read
    by 8 bytes alone: other sizes give 0 and clear nothing.
    """

    title = "the APIC GIC"
    access_sizes = (1, 2, 4, 8)
    inputs = INPUTS
    hidden = ("pending",)

    ENABLE = Register(
        0x000,
        size=1,
        width=1,
        count=INPUTS,
        groups=OUTPUTS,
        group_stride=STRIDE,
        src="Linux irq-kvx-apic-gic.c, QEMU apic-gic.c",
        doc="1: the input is passed to this output",
    )
    STATUS_LAC = Register(
        0x120,
        size=8,
        access="R",
        count=WORDS,
        groups=OUTPUTS,
        group_stride=STRIDE,
        held=False,
        src="Linux irq-kvx-apic-gic.c, QEMU apic-gic.c",
        doc="load and clear: the inputs that are pending at this output, 64 a word",
    )

    enable: list[int]
    pending: list[int]
    """For each output a number of 157 bits as three words, ascending."""

    def reset(self) -> None:
        """Disable everything; nothing is pending."""
        super().reset()
        self.pending = [0] * (OUTPUTS * WORDS)

    def input(self, number: int, level: bool) -> None:
        """Take a new level of an input. IndexError for one that there is not."""
        if not 0 <= number < INPUTS:
            raise IndexError(f"{self.title} has no input {number}")
        if not level:
            return
        word, bit = divmod(number, 64)
        passed = False
        for output in range(OUTPUTS):
            if self.enable[output * INPUTS + number]:
                passed = True
                self.pending[output * WORDS + word] |= 1 << bit
                self.port.tell("gic", number, number, output)
                self.port.drive(output, True)
        if not passed:
            self.port.lost(number, f"input {number} is enabled at no output")

    def _place(self, offset: int) -> tuple[int, int, bool]:
        """Return the output, the place among its registers and whether that is LAC (else ENABLE, or nothing)."""
        output, at = divmod(offset, STRIDE)
        lac = self.STATUS_LAC.offset
        return output, at, lac <= at < lac + 8 * WORDS

    def read(self, offset: int, size: int) -> int:
        """Return what a read gives; raise BusError for one that is not aligned."""
        self._check(offset, size)
        output, at, is_lac = self._place(offset)
        if output >= OUTPUTS:
            return self._reserved(offset, "read of the", "gives 0")
        if is_lac:
            return self._load_and_clear(output, (at - self.STATUS_LAC.offset) // 8) if size == 8 else 0
        if at >= INPUTS:
            return self._reserved(offset, "read of the", "gives 0")
        first = output * INPUTS
        return sum(
            self.enable[first + number] << 8 * (number - at) for number in range(at, min(at + size, INPUTS))
        )

    def write(self, offset: int, size: int, value: int) -> None:
        """Write; raise BusError for a write that is not aligned."""
        self._check(offset, size)
        output, at, is_lac = self._place(offset)
        if is_lac and output < OUTPUTS:
            self.port.odd(
                "read-only-register", f"write to the read-only STATUS_LAC at {offset:#x} is ignored"
            )
        elif output >= OUTPUTS or at >= INPUTS:
            self._reserved(offset, "write to the", "is ignored")
        else:
            for number in range(at, min(at + size, INPUTS)):
                self.enable[output * INPUTS + number] = value >> 8 * (number - at) & 1

    def _reserved(self, offset: int, what: str, becomes: str) -> int:
        self.port.odd("reserved-register", f"{what} reserved offset {offset:#x} {becomes}")
        return 0

    def _load_and_clear(self, output: int, word: int) -> int:
        at = output * WORDS + word
        held, self.pending[at] = self.pending[at], 0
        if held:
            self.port.tell("ack", word, held, output)
            self._fall(output)
        return held

    def _fall(self, output: int) -> None:
        """Lower an output where nothing is pending any more."""
        if not any(self.pending[output * WORDS : (output + 1) * WORDS]):
            self.port.drive(output, False)


@model(*COMPATIBLES, profile=QEMU)
class QemuApicGic(ApicGic):
    """The router as Kalray's QEMU has it: an output never falls. Source: QEMU hw/kvx/apic-gic.c."""

    def _fall(self, output: int) -> None:
        """Leave it high."""
