"""The FTU, the block of the chip that starts its clusters."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Field, Register
from kvx_emu.hw.registry import model

CLUSTERS = 5
"""Source: QEMU include/hw/kvx/mppa-coolidge.h."""

RM = 16
"""The pid of a cluster's resource manager, the core that is started here. Source: QEMU, Linux kvx-smp.rst."""

PAGE = 0x1000
"""Boot addresses are multiples of it. Source: QEMU hw/kvx/ftu.c."""

FIRST_BITE = 8
"""Bit 8 + c of the reset cause: the watchdog of cluster c. Source: barebox kvx-ftu.h."""

_WAKE_UP = Field("WAKE_UP", 0, 1, "the RM is to run")
_RESET = Field("RESET", 1, 1, "the RM is held in reset")
_CLOCK = Field("CLOCK", 2, 1, "clock enable; kept, without effect")


@model("kalray,kvx-syscon")
class Ftu(Model):
    """Starts the RM of cluster c when CONTROL[c] comes to have wake-up without reset.

    Reset holds the RM from the moment that the bit is set; clearing it while wake-up is set starts the RM.
    Clearing wake-up stops nothing. Clock enable does not decide: no source says that a start needs it.
    Whoever models the watchdogs tells of a bite by `bitten`.
    """

    title = "the FTU"
    hidden = ("control",)

    # Without a value of its own, as a write must know what was there before: `control` holds it.
    CONTROL = Register(
        0x00,
        count=CLUSTERS,
        width=4,
        held=False,
        fields=(_WAKE_UP, _RESET, _CLOCK),
        src="QEMU hw/kvx/ftu.c (bits 0 to 3, the last without a name); barebox kvx-ftu.h",
        doc="wake-up and reset of the cluster's RM",
    )
    STATUS = Register(
        0x20,
        count=CLUSTERS,
        width=1,
        access="R",
        held=False,
        fields=(Field("RUNNING", 0, 1, "the RM runs"),),
        src="QEMU hw/kvx/ftu.c; barebox kvx-ftu.h",
        doc="the state of the cluster's RM",
    )
    RESET_CAUSE = Register(
        0x48,
        access="R",
        fields=(Field("WATCHDOG", FIRST_BITE, CLUSTERS, "one bit a cluster: its watchdog bit"),),
        src="barebox kvx-ftu.h; read only: our choice",
        doc="what has reset a cluster since the last reset of the chip",
    )
    SOFTWARE_RESET = Register(
        0x50,
        access="W",
        src="barebox kvx-ftu.h",
        doc="resets the chip; not modelled",
    )
    BOOT_PC = Register(
        0x60,
        count=CLUSTERS,
        writable=0xFFFF_FFFF & -PAGE,
        src="QEMU hw/kvx/ftu.c; barebox kvx-ftu.h",
        doc="where the cluster's RM starts, a multiple of 4 KiB",
    )

    control: list[int]
    reset_cause: int
    boot_pc: list[int]

    def reset(self) -> None:
        """Set every register to its reset value, which touches no core."""
        super().reset()
        self.control = [0] * CLUSTERS

    def bitten(self, cluster: int) -> None:
        """Note a bite of a cluster's watchdog. ValueError for a cluster that there is not."""
        if not 0 <= cluster < CLUSTERS:
            raise ValueError(f"{self.title} knows no cluster {cluster}")
        self.reset_cause |= 1 << (FIRST_BITE + cluster)

    @CONTROL.on_read
    def _controlled(self, index: int) -> int:
        return self.control[index]

    @CONTROL.on_write
    def _control(self, index: int, value: int, written: int) -> None:
        before, self.control[index] = self.control[index], value
        if value & ~before & _RESET.mask:
            self.port.hold(RM, cluster=index)
        if _awake(value) and not _awake(before):
            self.port.start(RM, self.boot_pc[index], cluster=index)
        elif _awake(value):
            self.port.quiet(index, "its RM was woken before: nothing starts")
        elif value & _WAKE_UP.mask:
            self.port.quiet(index, "reset is 1: its RM is not woken before reset is cleared")

    @STATUS.on_read
    def _status(self, index: int) -> int:
        return int(self.port.running(RM, cluster=index))

    @SOFTWARE_RESET.on_write
    def _software_reset(self, index: int, value: int, written: int) -> None:
        self.port.odd("software-reset", "the reset of the chip is not modelled: the write is ignored")


def _awake(control: int) -> bool:
    return control & (_WAKE_UP.mask | _RESET.mask) == _WAKE_UP.mask
