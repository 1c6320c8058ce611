"""A kvx core as its interrupts see it: lines, levels, owners, exceptions, return and sleep.

There is no program: whoever drives the core says what software does (`rfe`, `waitit`, `wfxl`, ...)
and asks after each change whether a line is to be taken: `core.ilr & core.open`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from kvx_emu.hw.register import bits, registers_of
from kvx_emu.hw.registry import model
from kvx_emu.models.core_registers import SFRS, CoreRegisters, Owners, Sfr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LINES = 32
DAME = 16
"""The line of data asynchronous memory errors; its ES.ITI holds MES. Source: Linux arch/kvx dame.h."""

TRAP_VECTOR = 0x40
"""Offset from EV of hardware traps and double exceptions. Source: QEMU target/kvx/cpu_helper.c."""
INTERRUPT_VECTOR = 0x80
"""Offset from EV of interrupts. Source: QEMU cpu_helper.c; Linux kvx-exceptions.rst."""

# Exception classes (ES.EC) and causes of hardware traps (ES.HTC). Source: QEMU target/kvx/cpu_bits.h.
EC_TRAP = 1
EC_INTERRUPT = 2
EC_DOUBLE = 8
PRIVILEGE = 2
PL_OVERFLOW = 19


class State(Enum):
    """What a core is doing."""

    RESETTING = "resetting"
    RUNNING = "running"
    AWAIT = "await"
    SLEEP = "sleep"
    STOPPED = "stopped"
    WAITIT = "waitit"


class Entry(Enum):
    """What became of an exception."""

    ENTERED = "entered"
    DOUBLE = "double"
    RESET = "reset"


_RUNNING = State.RUNNING
_ENTERED = Entry.ENTERED

_PS = CoreRegisters.PS.fields
_PL = _PS["PL"].mask
_ET = _PS["ET"].mask
_IE = _PS["IE"].mask
_IL = _PS["IL"].mask
_IL_LSB = _PS["IL"].lsb
_ENTRY_CLEARS = _PL | _ET | _IE | _IL | _PS["HLE"].mask | _PS["HTD"].mask | _PS["DAUS"].mask
_RFE_KEEPS = _PL | _ET | _IE | _IL | _PS["HLE"].mask

_ES = CoreRegisters.ES.fields
_OAPL, _ORPL, _PTAPL, _PTRPL = (_ES[name].lsb for name in ("OAPL", "ORPL", "PTAPL", "PTRPL"))
_ITN, _ITL, _ITI = (_ES[name].lsb for name in ("ITN", "ITL", "ITI"))
_HTC = _ITN  # the cause of a trap stands where an interrupt has its line

_HTO = CoreRegisters.HTO.fields
_MO_RFE = CoreRegisters.MO.fields["RFE"]

_WU = CoreRegisters.WS.fields
REQUEST_WAKES = _WU["WU0"].mask | _WU["WU1"].mask
_ENDS = {State.AWAIT: _WU["WU0"].mask, State.SLEEP: _WU["WU1"].mask, State.STOPPED: _WU["WU2"].mask}

_DEBUGGER = {name: sfr for name, sfr in SFRS.items() if not sfr.relative}
_BITS_PER_LINE = {"ILE": 1, "ILL": 2, "ILR": 1}
_LOW_HALF = (1 << 32) - 1


def aipl(pl: int, level: int) -> int:
    """Return the absolute interrupt priority, 0 to 15: the owner's privilege first, then the level."""
    return (3 - pl) * 4 + level


# What the lines must be above, by the fields of PS that decide it. PS.IE guards the current level only:
# without it the threshold is that level's highest priority, which more privileged lines still exceed.
# Source: QEMU target/kvx/cpu_helper.c, which cites Kalray's core manual, section 5.1.
_GUARD = _PL | _IE | _IL
_THRESHOLD = {
    pl | enabled | level << _IL_LSB: aipl(pl, level) | (0 if enabled else 3)
    for pl in range(4)
    for enabled in (0, _IE)
    for level in range(4)
}


@model("kalray,kv3-1-intc", "kalray,kv3-1-core-intc", "kalray,kvx-core-intc", "kalray,k1c-core-intc")
class Core(CoreRegisters):
    """A core (`pid` 0 to 15, 16 for the RM) of a cluster, with its interrupt controller.

    The registers' values are attributes under the lower-case names; read them freely, write them by
    `poke` or as software does, so that `open` follows. A new core is held in reset until `start`.

    `open` is the mask of the lines that would be taken if they were requested now. `pc` is the address
    of the next instruction, and of the WAITIT itself while the core waits in one. `rz` is what the last
    finished WAITIT left in its register.
    """

    def __init__(self, cluster: int, pid: int) -> None:
        self.cluster = cluster
        self.pid = pid
        self.reset()

    def reset(self) -> None:
        """Set all registers to their reset values, drop all requests, and hold the core in reset."""
        for register in registers_of(CoreRegisters):
            setattr(self, register.attribute, register.initial())
        fields = self.PCR.fields
        self.pcr = fields["PID"].put(fields["CID"].put(self.pcr, self.cluster), self.pid)
        self.pc = 0
        self.rz = 0
        self.state = State.RESETTING
        self.open = 0
        # Operands of the WAITITs that have not finished, by (pc, PL), and which of them was the last begun.
        self._waits: dict[tuple[int, int], int] = {}
        self._wait = (0, 0)
        self._rank()

    def start(self, pc: int = 0) -> None:
        """Let a core that is held in reset run from `pc`; requests that came meanwhile are kept."""
        if self.state is State.RESETTING:
            self.state = _RUNNING
            self.pc = pc
            self._settle()

    # -- which line -------------------------------------------------------------------------------

    def owner(self, line: int) -> int:
        """Return the privilege level that owns a line."""
        return self.ito >> 2 * line & 3

    def level(self, line: int) -> int:
        """Return the level of a line, 0 to 3."""
        return self.ill >> 2 * line & 3

    def request(self, line: int) -> None:
        """Request a line: the request stays until it is taken or cleared, whatever ILE and PS say.

        It also sets WS.WU0 and WU1, so it ends await and sleep even if the line is disabled; a line that
        is lowered again stays requested. Source: QEMU target/kvx/cpu.c.
        """
        self.ilr |= 1 << line
        self.ws |= REQUEST_WAKES
        if self.state is not _RUNNING:
            self._settle()

    def open_at(self, ps: int) -> int:
        """Return the lines that a running core would take with `ps` in PS."""
        return self._above[_THRESHOLD[ps & _GUARD]] & self.ile

    def candidate(self) -> int | None:
        """Return the line to take now: the highest priority, of equals the lowest number; or None."""
        pending = self.ilr & self.open
        if not pending:
            return None
        if pending & pending - 1:
            priority = 0
            while higher := pending & self._above[priority]:
                pending = higher
                priority += 1
        return (pending & -pending).bit_length() - 1

    def step(self) -> int | None:
        """Take the candidate, if there is one, and return its line."""
        line = self.candidate()
        if line is not None:
            self.interrupt(line)
        return line

    def _rank(self) -> None:
        """Sort the lines by priority: `_above[t]` is the mask of those above t, so `_above[15]` is 0."""
        at = [0] * 16
        for line in range(LINES):
            at[aipl(self.owner(line), self.level(line))] |= 1 << line
        self._above = [0] * 16
        for priority in range(15, 0, -1):
            self._above[priority - 1] = self._above[priority] | at[priority]

    def _foreign(self, pl: int) -> int:
        """Return the lines of levels more privileged than `pl`: all that is above the best of `pl`."""
        return self._above[aipl(pl, 3)]

    # -- exceptions -------------------------------------------------------------------------------

    def interrupt(self, line: int) -> Entry:
        """Take a line: clear its request and enter its handler. It is not asked whether the line may.

        Source: QEMU target/kvx/cpu_helper.c; that the request is cleared also Linux arch/kvx entry.S.
        """
        self.ilr &= ~(1 << line)
        level = self.ill >> 2 * line & 3
        syndrome = EC_INTERRUPT | line << _ITN | level << _ITL
        if line == DAME:
            syndrome |= self.mes << _ITI
        return self._enter(syndrome, self.ito >> 2 * line & 3, INTERRUPT_VECTOR, level)

    def trap(self, cause: int, owner: int) -> Entry:
        """Enter the handler of a hardware trap of `cause` (ES.HTC) that the level `owner` owns.

        PS.IL stays as it is; no source says that a trap has a level.
        """
        return self._enter(EC_TRAP | cause << _HTC, owner, TRAP_VECTOR, None)

    def _enter(self, syndrome: int, owner: int, vector: int, level: int | None) -> Entry:
        """Enter the exception of `owner`, which never lowers the privilege.

        An exception at the level that runs while PS.ET is set is a double one, which HTO.DE owns; if
        that is the level that runs as well, the core is reset. Source: QEMU target/kvx/cpu_helper.c.
        """
        ps = self.ps
        origin = ps & _PL
        first = target = min(owner, origin)
        entry = _ENTERED
        if ps & _ET and target == origin:
            target = min(_HTO["DE"].get(self.hto), origin)
            if target == origin:
                self.reset()
                return Entry.RESET
            entry = Entry.DOUBLE
            syndrome |= EC_DOUBLE
            vector = TRAP_VECTOR
        # Entering another level starts from what that level left in its SPS when it gave control away.
        base = ps if target == origin else self.sps[target]
        il = base & _IL if level is None else level << _IL_LSB
        self.sps[target] = ps & ~_PL | origin - target
        self.ps = ps = base & ~_ENTRY_CLEARS | _ET | il | target
        self.spc[target] = self.pc
        self.pc = self.ev[target] + vector
        self.ea[target] = 0
        self.es[target] = (
            syndrome
            | origin << _OAPL
            | (origin - target) << _ORPL
            | first << _PTAPL
            | (first - target) << _PTRPL
        )
        self.state = _RUNNING
        self.open = self._above[_THRESHOLD[ps & _GUARD]] & self.ile
        return entry

    @staticmethod
    def handler_ps(ps: int, level: int, *, reopened: bool) -> int:
        """Return PS in the handler of a line of `level`, taken at `ps`, whose privilege level owns it.

        `reopened` says that the handler has let itself be interrupted.
        """
        entered = ps & ~_ENTRY_CLEARS | _ET | level << _IL_LSB | ps & _PL
        return entered & ~_ET | _IE if reopened else entered

    def reopen(self) -> None:
        """Do what a handler does that lets itself be interrupted: clear PS.ET, set PS.IE."""
        self.ps = ps = self.ps & ~_ET | _IE
        self.open = self._above[_THRESHOLD[ps & _GUARD]] & self.ile

    def rfe(self) -> bool:
        """Execute RFE: return from the exception at the current level; False if it trapped instead.

        It traps with PRIVILEGE above MO.RFE's level, and with PL_OVERFLOW if SPS names a level above 3.
        """
        pl = self.ps & _PL
        owner = _MO_RFE.get(self.mo)
        if pl > owner:
            self.trap(PRIVILEGE, owner)
            return False
        return self._return(pl)

    def resume(self, pl: int, sps: int, spc: int) -> bool:
        """End a handler at level `pl` that had saved `sps` and `spc`: an RFE without a privilege check.

        For a handler whose program is not modelled: what runs there was given the right. The core must
        be running. False if it trapped with PL_OVERFLOW.
        """
        self.sps[pl] = sps
        self.spc[pl] = spc
        return self._return(pl)

    def _return(self, pl: int) -> bool:
        """Go back to what SPS and SPC of `pl` say. Source: QEMU target/kvx/cpu_helper.c."""
        saved = self.sps[pl]
        target = pl + (saved & _PL)
        if target > 3:
            self.trap(PL_OVERFLOW, _HTO["PLO"].get(self.hto))
            return False
        if target != pl:
            self.sps[pl] = self.ps & ~_RFE_KEEPS | saved & _RFE_KEEPS
        self.ps = ps = saved & ~_PL | target
        self.pc = self.spc[pl]
        self.open = self._above[_THRESHOLD[ps & _GUARD]] & self.ile
        if self._waits and (self.pc, target) in self._waits:
            self.waitit(self._waits[self.pc, target])
        return True

    def put_back(self, ilr: int, ps: int, pc: int, sps: int, spc: int) -> None:
        """Put the core where a way that was computed elsewhere has brought it, at the level of `ps`.

        `sps` and `spc` are those of that level; other registers stay.
        """
        pl = ps & _PL
        self.ilr, self.ps, self.pc, self.sps[pl], self.spc[pl] = ilr, ps, pc, sps, spc
        self._settle()

    # -- sleep ------------------------------------------------------------------------------------
    # Source: QEMU target/kvx/cpu.c and op_helper.c. `pc` already names the instruction after await,
    # sleep or stop, and WAITIT itself, because that one starts again after an exception.

    def await_(self) -> None:
        """Execute AWAIT: sleep until WS.WU0 is set."""
        self._doze(State.AWAIT)

    def sleep(self) -> None:
        """Execute SLEEP: sleep until WS.WU1 is set."""
        self._doze(State.SLEEP)

    def stop(self) -> None:
        """Execute STOP: take nothing until WS.WU2 is set, which no interrupt does."""
        self._doze(State.STOPPED)

    def waitit(self, operand: int) -> None:
        """Execute WAITIT: sleep until requests match the masks, then leave them in `rz`, still pending.

        Any line of the low half of `operand`, or all of its high half if that is not 0, ends it; counted
        are enabled lines of the current level and less privileged ones. More privileged lines are taken
        meanwhile, and the WAITIT starts again when they return to it. Without any mask it ends at once.
        """
        self._wait = (self.pc, self.ps & _PL)
        self._waits[self._wait] = operand
        self._doze(State.WAITIT)

    def _doze(self, state: State) -> None:
        self.state = state
        self._settle()

    def _settle(self) -> None:
        """Wake up if there is reason to, and bring `open` up to date."""
        if self.state is State.WAITIT:
            self._match()
        elif self.ws & _ENDS.get(self.state, 0):
            self.state = _RUNNING
        if self.state in (State.RESETTING, State.STOPPED):
            self.open = 0
        elif self.state is State.WAITIT:
            # Lines of the waiting level are left to the WAITIT, as if PS.IE were 0.
            self.open = self.open_at(self.ps & ~_IE)
        else:
            self.open = self.open_at(self.ps)

    def _match(self) -> None:
        operand = self._waits[self._wait]
        every = operand >> 32
        pending = self.ilr & self.ile & ~self._foreign(self.ps & _PL)
        if not operand or pending & operand & _LOW_HALF or (every and pending & every == every):
            self.rz = pending
            self.state = _RUNNING
            del self._waits[self._wait]

    # -- registers --------------------------------------------------------------------------------

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

        Bits of lines that a more privileged level owns read as 0, and so does a write-only register.
        KeyError for an unknown name. Source: QEMU target/kvx/op_helper.c.
        """
        if SFRS[name].relative:
            return 0
        value = self.peek(name)
        width = _BITS_PER_LINE.get(name)
        if width:
            for line in bits(self._foreign(self.ps & _PL)):
                value &= ~(((1 << width) - 1) << line * width)
        return value

    def wfxl(self, name: str, operand: int) -> bool:
        """Execute WFXL: in bits 31:0 clear what the low half of `operand` says, then set what the high says.

        So a bit in both ends up set. False if it trapped instead, before any effect: with PRIVILEGE to the
        owner of a line whose bits are touched and that is more privileged, or as the owners' names say.
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
                self.trap(PL_OVERFLOW, _HTO["PLO"].get(self.hto))
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
