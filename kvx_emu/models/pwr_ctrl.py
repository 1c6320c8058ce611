"""The power controller of a cluster, which starts its PEs."""

from __future__ import annotations

from kvx_emu.hw.model import Model
from kvx_emu.hw.register import Field, Register, bits
from kvx_emu.hw.registry import QEMU, model

PES = 16
"""PE 0 to 15; the RM is not started here but by the FTU. Source: QEMU pwr-ctrl.c."""

PAGE = 0x1000
"""RESET_PC is a multiple of it. Source: QEMU hw/kvx/pwr-ctrl.c."""

_WAKEUP = Field("WAKEUP", 0, 1, "wakes the PE")
_RESET_ON_WAKEUP = Field("RESET_ON_WAKEUP", 1, 1, "waking the PE resets it first")
_WATCHDOG_ACK = Field("WATCHDOG_ACK", 10, 1, "kept, without effect")
_CONTROL = (_WAKEUP, _RESET_ON_WAKEUP, _WATCHDOG_ACK)
_CONTROL_BITS = 0x403
_PE_EN = Field("PE_EN", 1, 1, "1: PEs can be woken")

_SRC = "QEMU hw/kvx/pwr-ctrl.c; Linux coolidge_pwr_ctrl.c, pwr_ctrl.h"

COMPATIBLES = (
    "kalray,coolidge-pwr-ctrl",  # 2024, the third series of the Linux port
    "kalray,kv3-1-pwr-ctrl",  # 2023, bindings of the second series
    "kalray,kvx-pwr-ctrl",  # 2020-2023, Kalray's kernels and QEMU
    "kalray,k1c-pwr-ctrl",  # 2018-2019
)


@model(*COMPATIBLES)
class PwrCtrl(Model):
    """Wakes PE n, at RESET_PC if it is in reset, when its wake-up bit is set while PE_EN is 1.

    The bit is set by a write of 1 to bit 0 of PE_CONTROL[n] or to bit n of VEC_WUP, or to the SET of either:
    both show one bit, as do bit 1 and VEC_RESET_ON_WAKEUP. Writing 1 where there is 1 wakes a PE that does
    not run and does nothing to one that does. What was set while PE_EN was 0 wakes nobody later by itself,
    and clearing a wake-up bit or PE_EN stops nobody. With reset on wake-up the PE is reset first, even
    if it runs.
    """

    title = "the power controller"
    access_sizes = (8,)
    hidden = ("pe_control",)
    reset_vector_bit = _RESET_ON_WAKEUP.mask
    """The bit of PE_CONTROL that a write to VEC_RESET_ON_WAKEUP changes."""

    # Without a value of its own, as a write must know what was there before: `pe_control` holds it.
    PE_CONTROL = Register(
        0x00,
        size=8,
        count=PES,
        stride=0x40,
        width=11,
        writable=_CONTROL_BITS,
        held=False,
        fields=_CONTROL,
        src=_SRC,
        doc="control of one PE",
    )
    PE_CONTROL_SET = PE_CONTROL.derive(offset=0x10, access="W", fields=(), doc="sets bits of PE_CONTROL")
    PE_CONTROL_CLEAR = PE_CONTROL_SET.derive(offset=0x20, doc="clears bits of PE_CONTROL")
    PE_STATUS = Register(
        0x400,
        size=8,
        width=PES,
        access="R",
        held=False,
        src="the offset: QEMU hw/kvx/pwr-ctrl.c; one bit a PE: our choice",
        doc="1: the PE runs",
    )
    VEC_WUP = Register(
        0x1000,
        size=8,
        width=PES,
        held=False,
        src=_SRC,
        doc="the wake-up bit of each PE",
    )
    VEC_WUP_SET = VEC_WUP.derive(offset=0x1010, access="W", doc="sets bits of VEC_WUP")
    VEC_WUP_CLEAR = VEC_WUP_SET.derive(offset=0x1020, doc="clears bits of VEC_WUP")
    VEC_RESET_ON_WAKEUP = VEC_WUP.derive(offset=0x1040, doc="the reset-on-wakeup bit of each PE")
    VEC_RESET_ON_WAKEUP_SET = VEC_WUP_SET.derive(offset=0x1050, doc="sets bits of VEC_RESET_ON_WAKEUP")
    VEC_RESET_ON_WAKEUP_CLEAR = VEC_WUP_SET.derive(offset=0x1060, doc="clears bits of VEC_RESET_ON_WAKEUP")
    RESET_PC = Register(
        0x2000,
        size=8,
        writable=(1 << 64) - PAGE,
        src=_SRC,
        doc="where a PE starts, a multiple of 4 KiB",
    )
    # On kv3-2 this one and its aliases are in another block, from 0xcc2000 + 0x40 (Linux pwr_ctrl.h); that
    # is left out.
    GLOBAL_CONTROL = Register(
        0x4040,
        size=8,
        reset=0x8_FFFF_FF00,
        fields=(_PE_EN,),
        src=_SRC,
        doc="the cluster as a whole; all but PE_EN is kept, without effect",
    )
    GLOBAL_CONTROL_SET = GLOBAL_CONTROL.derive(
        offset=0x4050, access="W", reset=0, fields=(), doc="sets bits of GLOBAL_CONTROL"
    )
    GLOBAL_CONTROL_CLEAR = GLOBAL_CONTROL_SET.derive(offset=0x4060, doc="clears bits of GLOBAL_CONTROL")
    RM_CONTROL = Register(
        0x40C0,
        size=8,
        width=11,
        writable=_CONTROL_BITS,
        fields=_CONTROL,
        src="QEMU hw/kvx/pwr-ctrl.c",
        doc="as PE_CONTROL, of the RM; kept, without effect",
    )
    RM_CONTROL_SET = RM_CONTROL.derive(offset=0x40D0, access="W", fields=(), doc="sets bits of RM_CONTROL")
    RM_CONTROL_CLEAR = RM_CONTROL_SET.derive(offset=0x40E0, doc="clears bits of RM_CONTROL")

    pe_control: list[int]
    reset_pc: int
    global_control: int
    rm_control: int

    def reset(self) -> None:
        """Set every register to its reset value, which touches no PE."""
        super().reset()
        self.pe_control = [0] * PES

    # What the registers of the PEs do

    def _change(self, pe: int, clear: int, put: int) -> None:
        """Clear bits of a PE's control, then set those of `put`; setting the wake-up bit may wake the PE."""
        before = self.pe_control[pe]
        self.pe_control[pe] = before & ~clear | put
        if not put & _WAKEUP.mask:
            return
        if not _PE_EN.get(self.global_control):
            self.port.quiet(pe, "PE_EN is 0: it is not woken, nor is it when PE_EN becomes 1")
        elif not before & _WAKEUP.mask or not self.port.running(pe):
            self._wake(pe)
        else:
            self.port.quiet(pe, "its wake-up bit was 1 and it runs: it goes on")

    def _wake(self, pe: int) -> None:
        if self.pe_control[pe] & _RESET_ON_WAKEUP.mask:
            self.port.hold(pe)
        self.port.start(pe, self.reset_pc)

    def _vector(self, bit: int) -> int:
        """Return a bit of PE_CONTROL of all PEs."""
        return sum(1 << pe for pe in range(PES) if self.pe_control[pe] & bit)

    def _change_vector(self, bit: int, clear: int, put: int) -> None:
        """Set a bit of PE_CONTROL of the PEs in `put`, clear it for the others in `clear`; ascending PEs."""
        for pe in bits(clear | put):
            if put >> pe & 1:
                self._change(pe, 0, bit)
            else:
                self._change(pe, bit, 0)

    # The registers

    @PE_CONTROL.on_read
    def _read_control(self, index: int) -> int:
        return self.pe_control[index]

    @PE_CONTROL.on_write
    def _write_control(self, index: int, value: int, written: int) -> None:
        self._change(index, _CONTROL_BITS, value)

    @PE_CONTROL_SET.on_write
    def _set_control(self, index: int, value: int, written: int) -> None:
        self._change(index, 0, value)

    @PE_CONTROL_CLEAR.on_write
    def _clear_control(self, index: int, value: int, written: int) -> None:
        self._change(index, value, 0)

    @PE_STATUS.on_read
    def _status(self, index: int) -> int:
        return sum(1 << pe for pe in range(PES) if self.port.running(pe))

    @VEC_WUP.on_read
    def _read_wup(self, index: int) -> int:
        return self._vector(_WAKEUP.mask)

    @VEC_WUP.on_write
    def _write_wup(self, index: int, value: int, written: int) -> None:
        self._change_vector(_WAKEUP.mask, self.VEC_WUP.mask, value)

    @VEC_WUP_SET.on_write
    def _set_wup(self, index: int, value: int, written: int) -> None:
        self._change_vector(_WAKEUP.mask, 0, value)

    @VEC_WUP_CLEAR.on_write
    def _clear_wup(self, index: int, value: int, written: int) -> None:
        self._change_vector(_WAKEUP.mask, value, 0)

    @VEC_RESET_ON_WAKEUP.on_read
    def _read_reset(self, index: int) -> int:
        return self._vector(_RESET_ON_WAKEUP.mask)

    @VEC_RESET_ON_WAKEUP.on_write
    def _write_reset(self, index: int, value: int, written: int) -> None:
        self._change_vector(self.reset_vector_bit, self.VEC_WUP.mask, value)

    @VEC_RESET_ON_WAKEUP_SET.on_write
    def _set_reset(self, index: int, value: int, written: int) -> None:
        self._change_vector(self.reset_vector_bit, 0, value)

    @VEC_RESET_ON_WAKEUP_CLEAR.on_write
    def _clear_reset(self, index: int, value: int, written: int) -> None:
        self._change_vector(self.reset_vector_bit, value, 0)

    @GLOBAL_CONTROL_SET.on_write
    def _set_global(self, index: int, value: int, written: int) -> None:
        self.global_control |= value

    @GLOBAL_CONTROL_CLEAR.on_write
    def _clear_global(self, index: int, value: int, written: int) -> None:
        self.global_control &= ~value

    @RM_CONTROL_SET.on_write
    def _set_rm(self, index: int, value: int, written: int) -> None:
        self.rm_control |= value

    @RM_CONTROL_CLEAR.on_write
    def _clear_rm(self, index: int, value: int, written: int) -> None:
        self.rm_control &= ~value


@model(*COMPATIBLES, profile=QEMU)
class QemuPwrCtrl(PwrCtrl):
    """The controller with two defects of Kalray's QEMU (hw/kvx/pwr-ctrl.c, branch coolidge-6.1).

    Waking PE n also wakes every lower PE that does not run, and a write to VEC_RESET_ON_WAKEUP lands in
    VEC_WUP.
    """

    reset_vector_bit = _WAKEUP.mask

    def _wake(self, pe: int) -> None:
        for lower in range(pe):
            if not self.port.running(lower):
                super()._wake(lower)
        super()._wake(pe)
