"""How software and a debugger read and write the registers of a core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.hw.register import bits
from kvx_emu.models import core_events, core_timers
from kvx_emu.models.core_registers import SFRS, CoreRegisters, Owners, Sfr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Causes of hardware traps (ES.HTC). Source: QEMU target/kvx/cpu_bits.h.
PRIVILEGE = 2
PL_OVERFLOW = 19

_PL = CoreRegisters.PS.fields["PL"].mask
_PLO = CoreRegisters.HTO.fields["PLO"]

_DEBUGGER = {name: sfr for name, sfr in SFRS.items() if not sfr.relative}
_BITS_PER_LINE = {"ILE": 1, "ILL": 2, "ILR": 1}
_OWNED = core_timers.OWNED | core_events.OWNED
_LOW_HALF = (1 << 32) - 1


class Access(CoreRegisters):
    """The part of a core that its registers are reached by."""

    if TYPE_CHECKING:

        def owner(self, line: int) -> int:
            """Return the privilege level that owns a line."""

        def trap(self, cause: int, owner: int) -> object:
            """Enter the handler of a hardware trap."""

        def _foreign(self, pl: int) -> int: ...

        def _rank(self) -> None: ...

        def _settle(self) -> None: ...

    @classmethod
    def sfrs(cls) -> Mapping[str, Sfr]:
        """Return all names that `peek` and `poke` take, by SFR number."""
        return _DEBUGGER

    def peek(self, name: str) -> int:
        """Return a register as a debugger sees it, without checks.

        KeyError for an unknown name, or for a write-only one of the owners (ITOW).
        """
        sfr = _DEBUGGER[name]
        value: int | list[int] = getattr(self, sfr.register.attribute)
        return value if isinstance(value, int) else value[self._place(sfr)]

    def poke(self, name: str, value: int) -> None:
        """Write a register as a debugger does: without checks, owners as absolute levels.

        Bits that do not exist or can not be written are left out, and so is a register that is read
        only. KeyError as for `peek`.
        """
        sfr = _DEBUGGER[name]
        if sfr.access != "R":
            self._store(sfr, value)

    def read_sfr(self, name: str) -> int:
        """Return a register as an instruction at the current level sees it.

        Bits that a more privileged level owns read as 0, and so does a write-only register.
        KeyError for an unknown name. Source: QEMU target/kvx/op_helper.c.
        """
        if SFRS[name].relative:
            return 0
        value = self.peek(name)
        width = _BITS_PER_LINE.get(name)
        if width:
            for line in bits(self._foreign(self.ps & _PL)):
                value &= ~(((1 << width) - 1) << line * width)
        for owned, owner in _OWNED.get(name, ()):
            if owner.get(self.mo) < self.ps & _PL:
                value &= ~owned
        return value

    def wfxl(self, name: str, operand: int) -> bool:
        """Execute WFXL: in bits 31:0 clear what the low half of `operand` says, then set what the high says.

        So a bit in both ends up set. False if it trapped instead, before any effect: with PRIVILEGE to the
        owner of bits that are touched if it is more privileged, or as the owners' names say.
        Source: QEMU target/kvx/gen/mds-helpers.c and op_helper.c; Linux asm/sfr.h.
        """
        return self._write(SFRS[name], operand >> 32, operand & _LOW_HALF)

    def wfxm(self, name: str, operand: int) -> bool:
        """Execute WFXM: the same as WFXL for bits 63:32."""
        return self._write(SFRS[name], operand & ~_LOW_HALF, (operand & _LOW_HALF) << 32)

    def _write(self, sfr: Sfr, set_: int, clear: int) -> bool:
        register = sfr.register
        if sfr.relative:
            return self._delegate(sfr, set_, clear)
        if isinstance(register, Owners) or sfr.access == "R":
            return True  # read only for instructions
        # PS is written unchecked: PSO owns its fields, but no source tells which field is where in PSO.
        width = _BITS_PER_LINE.get(register.name)
        if width:
            touched = {bit // width for bit in bits((set_ | clear) & register.mask)}
            if self._denied(self.owner(line) for line in touched):
                return False
        owned = _OWNED.get(register.name, ())
        if self._denied(owner.get(self.mo) for bits_, owner in owned if (set_ | clear) & bits_):
            return False
        self._store(sfr, self.peek(sfr.name) & ~clear | set_)
        return True

    def _delegate(self, sfr: Sfr, set_: int, clear: int) -> bool:
        """Give each touched resource to the level so many above the current one as the set bits say.

        A sum above 3 traps with PL_OVERFLOW. Source: QEMU target/kvx/op_helper.c. That only the owner
        may give it away is as for the lines' own bits.
        """
        owners = getattr(self, sfr.register.attribute)
        touched = {bit // 2 for bit in bits((set_ | clear) & sfr.register.mask)}
        if self._denied(owners >> 2 * field & 3 for field in touched):
            return False
        for field in touched:
            owner = (self.ps & _PL) + (set_ >> 2 * field & 3)
            if owner > 3:
                self.trap(PL_OVERFLOW, _PLO.get(self.hto))
                return False
            owners = owners & ~(3 << 2 * field) | owner << 2 * field
        self._store(SFRS[sfr.register.name], owners)
        return True

    def _denied(self, owners: Iterable[int]) -> bool:
        """Trap with PRIVILEGE to the most privileged of `owners`, if that is above the current level."""
        owner = min(owners, default=3)
        if owner >= self.ps & _PL:
            return False
        self.trap(PRIVILEGE, owner)
        return True

    def _place(self, sfr: Sfr) -> int:
        return self.ps & _PL if sfr.place is None else sfr.place

    def _store(self, sfr: Sfr, value: int) -> None:
        """Write what can be written of `value`, and see what follows for sleep and `open`."""
        register = sfr.register
        value = self.peek(sfr.name) & ~register.writable | value & register.writable
        if register.count is None:
            setattr(self, register.attribute, value)
        else:
            getattr(self, register.attribute)[self._place(sfr)] = value
        if register is self.ILL or register is self.ITO:
            self._rank()
        self._settle()
