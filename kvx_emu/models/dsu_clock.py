"""The clock of a cluster's debug unit."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Register
from kvx_emu.hw.registry import model

_MASK = (1 << 64) - 1


@model(
    "kalray,coolidge-dsu-clock",  # 2024, the third series of the Linux port
    "kalray,kvx-dsu-clock",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-dsu-clock",  # 2018-2019
)
class DsuClock(Model):
    """Counts the periods of the clock that the tree gives it (`site.hz`); it keeps nothing itself."""

    title = "the clock of the debug unit"
    access_sizes = (8,)

    COUNTER = Register(
        0x0,
        size=8,
        access="R",
        held=False,
        src="QEMU hw/kvx/dsu-clock.c: 64 bits, read only, 8 bytes wide; its rate: the binding",
        doc="periods since tick 0, modulo 2**64",
    )

    @COUNTER.on_read
    def _count(self, index: int) -> int:
        return self.site.counted(self.port.now()) & _MASK
