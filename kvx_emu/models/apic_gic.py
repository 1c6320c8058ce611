"""The interrupt controller of a Coolidge cluster that spreads mailboxes and devices over the cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Register, bits
from kvx_emu.hw.registry import QEMU, model

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUTS = 157
"""Source: Linux irq-kvx-apic-gic.c, QEMU apic-gic.h. The binding lists 139, and others number up to 139."""

GROUPS = 18
"""Groups 0..15 are the PEs', 16 the RM's; 17 is connected to no core.

Source: binding coolidge-apic-gic (17: the L2 cache); Linux irq-kvx-apic-gic.c, QEMU apic-gic.h (the DMA)."""

LINES = 4
"""Outputs of a group. Source: the same."""

OUTPUTS = GROUPS * LINES
"""Output 4 * group + line. Source: QEMU apic-gic.c."""

FIRST_LINE = 4
"""Output k of a group is line 4 + k of its core. Source: QEMU coolidge-cluster.c."""

STRIDE = 0x400
"""Bytes from the registers of an output to those of the next. Source: Linux irq-kvx-apic-gic.c."""

WORDS = 3
"""Words of 64 pending bits that an output has. Source: Linux irq-kvx-apic-gic.c."""

INPUT_NAMES = {number: f"mailbox {number}" for number in range(128)} | {  # binding coolidge-apic-gic
    129: "DMA",  # QEMU coolidge-cluster.c
    134: "NoC IOMMU rx, no mapping",  # this and the others: the example of binding kalray,kvx-iommu
    135: "NoC IOMMU rx, protection",
    136: "NoC IOMMU rx, parity",
    137: "NoC IOMMU tx, no mapping",
    138: "NoC IOMMU tx, protection",
    139: "NoC IOMMU tx, parity",
}
"""The inputs that a source gives a number to."""

COMPATIBLES = (
    "kalray,coolidge-apic-gic",  # 2024, the third series of the Linux port
    "kalray,kv3-1-apic-gic",  # 2023, bindings of the second series
    "kalray,kvx-apic-gic",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-apic-gic",  # 2018-2019
)


def output_core(output: int) -> int | None:
    """Return the pid of the core that an output (0 to 71) leads to; None for those of group 17."""
    group = output // LINES
    return group if group < GROUPS - 1 else None


def output_line(output: int) -> int:
    """Return the line of its core, 4 to 7, that an output (0 to 71) leads to."""
    return FIRST_LINE + output % LINES


@model(*COMPATIBLES)
class ApicGic(Model):
    """Makes an input that rises pending at each output where it is enabled, and drives these outputs.

    An output is high while anything is pending there; it is driven anew by each input that comes, high or
    not. What is pending goes when STATUS_LAC is read, not by disabling it. An input that rises where it is
    enabled at no output is lost: enabling it later delivers nothing, not even if it is still high.

    An access to ENABLE of 2, 4 or 8 bytes is one to so many neighbours; behind the last input there is
    nothing: it reads as 0 and keeps no write. STATUS_LAC takes 8 bytes; other reads give 0 and clear nothing.
    """

    title = "the APIC GIC"
    access_sizes = (1, 2, 4, 8)
    inputs = INPUTS
    hidden = ("enabled",)

    # Without a value of its own: `enabled` has it by input, as that is how it is asked for.
    ENABLE = Register(
        0x000,
        size=1,
        width=1,
        count=INPUTS,
        groups=OUTPUTS,
        group_stride=STRIDE,
        held=False,
        src="Linux irq-kvx-apic-gic.c; bit 0 alone: QEMU apic-gic.c",
        doc="by output and input: 1: the input reaches the output",
    )
    STATUS_LAC = Register(
        0x120,
        size=8,
        access="R",
        count=WORDS,
        groups=OUTPUTS,
        group_stride=STRIDE,
        src="Linux irq-kvx-apic-gic.c, QEMU apic-gic.c",
        doc="by output: load and clear 64 of the inputs that are pending there",
    )

    enabled: list[int]
    """By input, a bit for each output."""
    status_lac: list[int]

    def reset(self) -> None:
        """Disable everything and forget what is pending; all outputs count as low."""
        super().reset()
        self.enabled = [0] * INPUTS

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back a state; ValueError, and no change, if it is not of this shape."""
        enabled = state.get("enabled")
        if isinstance(enabled, list) and any(isinstance(item, int) and item >> OUTPUTS for item in enabled):
            raise ValueError(f"{type(self).__name__} has {OUTPUTS} outputs")
        super().restore(state)

    def input(self, number: int, level: bool) -> None:
        """Take a new level of an input. IndexError for an input that there is not."""
        if not 0 <= number < INPUTS:
            raise IndexError(f"{self.title} has no input {number}")
        if not level:
            return
        if not self.enabled[number]:
            name = f" ({INPUT_NAMES[number]})" if number in INPUT_NAMES else ""
            self.port.lost(number, f"input {number}{name} is enabled at no output")
        word, bit = divmod(number, 64)
        for output in bits(self.enabled[number]):
            self.status_lac[output * WORDS + word] |= 1 << bit
            self.port.tell("gic", number, number, output=output)
            self.port.drive(output, True)

    def outputs_of(self, number: int) -> list[int]:
        """Return the outputs that an input is let through to, ascending."""
        return list(bits(self.enabled[number]))

    def register_at(self, offset: int) -> tuple[Register, int] | None:
        """Return the register that an access at an offset means, and its place in its bank; None if none."""
        output, at = divmod(offset, STRIDE)
        if output < OUTPUTS and at < INPUTS:
            return self.ENABLE, output * INPUTS + at
        word = self._word(offset)
        return None if word is None else (self.STATUS_LAC, word)

    def read(self, offset: int, size: int) -> int:
        """Return what a read gives; raise BusError for one that is not aligned or of another size."""
        self._check(offset, size)
        output, at = divmod(offset, STRIDE)
        if output < OUTPUTS and at < INPUTS:
            neighbours = enumerate(self.enabled[at : at + size])
            return sum((enabled >> output & 1) << 8 * place for place, enabled in neighbours)
        word = self._word(offset)
        if word is None:
            self.port.odd("reserved-register", f"read of the reserved offset {offset:#x} gives 0")
            return 0
        if size != self.STATUS_LAC.size:
            label = self.STATUS_LAC.label(word)
            self.port.odd("reserved-register", f"{label} takes reads of 8 bytes: one of {size} gives 0")
            return 0
        return self._take(output, word)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write; raise BusError, before any effect, for one that is not aligned or of another size."""
        self._check(offset, size)
        output, at = divmod(offset, STRIDE)
        if output < OUTPUTS and at < INPUTS:
            self._enable(output, at, size, value)
            return
        word = self._word(offset)
        if word is None:
            self.port.odd("reserved-register", f"write to the reserved offset {offset:#x} is ignored")
        else:
            label = self.STATUS_LAC.label(word)
            self.port.odd("read-only-register", f"write to the read-only {label} is ignored")

    def _word(self, offset: int) -> int | None:
        """Return the place in `status_lac` of the word that an offset lies in, None if it lies in none."""
        output, at = divmod(offset, STRIDE)
        word = (at - self.STATUS_LAC.offset) // self.STATUS_LAC.size
        return output * WORDS + word if output < OUTPUTS and 0 <= word < WORDS else None

    def _enable(self, output: int, first: int, size: int, value: int) -> None:
        """Write `size` bytes of the ENABLE of an output, from that of input `first` on."""
        kept = 0
        for number in range(first, min(first + size, INPUTS)):
            place = 8 * (number - first)
            on = value >> place & 1
            kept |= on << place
            self.enabled[number] = self.enabled[number] & ~(1 << output) | on << output
        if value != kept:
            label = self.ENABLE.label(output * INPUTS + first)
            message = f"{label} has 1 bit a byte, up to input 156: {value ^ kept:#x} of {value:#x} is ignored"
            self.port.odd("register-bits", message)

    def _take(self, output: int, word: int) -> int:
        """Return a word of what is pending, and clear it."""
        taken, self.status_lac[word] = self.status_lac[word], 0
        if taken:
            self.port.tell("ack", output, taken, output=output)
            if not any(self.status_lac[output * WORDS : (output + 1) * WORDS]):
                self._lower(output)
        return taken

    def _lower(self, output: int) -> None:
        """Do what is done to an output at which nothing is pending any more."""
        self.port.drive(output, False)


@model(*COMPATIBLES, profile=QEMU)
class QemuApicGic(ApicGic):
    """The controller as Kalray's QEMU has it: an output that has risen never falls.

    Where that QEMU aborts, at accesses that go beyond the last input, this answers like the hardware's.
    Source: QEMU hw/kvx/apic-gic.c, branch coolidge-6.1, and accesses recorded there.
    """

    def _lower(self, output: int) -> None:
        """Leave it high."""
