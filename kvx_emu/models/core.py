"""A kvx core as its interrupts see it: lines, levels, owners, exceptions, return and sleep.

There is no program: whoever drives the core says what software does (`rfe`, `waitit`, `wfxl`, ...)
and asks after each change whether a line is to be taken: `core.ilr & core.open`.
"""

from __future__ import annotations

from enum import Enum

from kvx_emu.hw.register import registers_of
from kvx_emu.hw.registry import model
from kvx_emu.models import core_events
from kvx_emu.models.core_access import PL_OVERFLOW, PRIVILEGE, Access
from kvx_emu.models.core_events import Events
from kvx_emu.models.core_registers import CoreRegisters
from kvx_emu.models.core_state import Saving
from kvx_emu.models.core_timers import Timers

LINES = 32
DAME = 16
"""The line of data asynchronous memory errors; its ES.ITI holds MES. Source: Linux arch/kvx dame.h."""

TRAP_VECTOR = 0x40
"""Offset from EV of hardware traps and double exceptions. Source: QEMU target/kvx/cpu_helper.c."""
INTERRUPT_VECTOR = 0x80
"""Offset from EV of interrupts. Source: QEMU cpu_helper.c; Linux kvx-exceptions.rst."""

# Exception classes (ES.EC). Source: QEMU target/kvx/cpu_bits.h.
EC_TRAP = 1
EC_INTERRUPT = 2
EC_DOUBLE = 8


class State(Enum):
    """What a core is doing."""

    RESETTING = "resetting"
    RUNNING = "running"
    AWAIT = "await"
    SLEEP = "sleep"
    STOPPED = "stopped"
    WAITIT = "waitit"
    SYNC = "syncgroup"

    @property
    def held(self) -> bool:
        """Whether the core is held in reset."""
        return self is State.RESETTING

    @property
    def asleep(self) -> bool:
        """Whether the core sleeps in an instruction."""
        return self not in (State.RESETTING, State.RUNNING)

    @property
    def waits(self) -> bool:
        """Whether the core is in an instruction that starts again after an exception."""
        return self in (State.WAITIT, State.SYNC)


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
class Core(Saving, Access):
    """A core (`pid` 0 to 15, 16 for the RM) of a cluster, with its interrupt controller.

    The registers' values are attributes under the lower-case names; read them freely, write them by
    `poke` or as software does, so that `open` follows. A new core is held in reset until `start`.

    `open` is the mask of the lines that would be taken if they were requested now. `pc` is the address
    of the next instruction, and of the WAITIT or SYNCGROUP itself while the core waits in one. `rz` is
    what the last finished WAITIT left in its register.
    """

    def __init__(self, cluster: int, pid: int) -> None:
        # CPython finds 29 attributes of an object at once; with one more all that a core does takes a fifth
        # longer. What is seldom needed is therefore kept in objects of the parts.
        self.cluster = cluster
        self.pid = pid
        Timers.__init__(self)
        Events.__init__(self)
        self.reset()

    def reset(self) -> None:
        """Set all registers to their reset values, drop all requests, and hold the core in reset."""
        self._timers.reset()
        self._events.sent = 0
        for register in registers_of(CoreRegisters):
            setattr(self, register.attribute, register.initial())
        fields = self.PCR.fields
        self.pcr = fields["PID"].put(fields["CID"].put(self.pcr, self.cluster), self.pid)
        self.pc = 0
        self.rz = 0
        self.state = State.RESETTING
        self.open = 0
        # The WAITITs and SYNCGROUPs that have not finished, by (pc, PL): the state in them and the operand.
        # The last one was begun last.
        self._waits = {}
        self._rank()

    def start(self, pc: int = 0) -> None:
        """Let a core that is held in reset run from `pc`; requests that came meanwhile are kept."""
        if self.state is State.RESETTING:
            self._become(_RUNNING)
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
        if self.state is not _RUNNING:
            self._become(_RUNNING)
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
            self._begin(*self._waits[self.pc, target])
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
    # sleep or stop, and WAITIT or SYNCGROUP itself, because those start again after an exception.

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
        self._begin(State.WAITIT, operand)

    def syncgroup(self, operand: int) -> bool:
        """Execute SYNCGROUP: sleep until all events it waits for are there, clear them and send others.

        From bit 0 of `operand`, 16 bits each: the forward events and the backward events to wait for,
        the forward and the backward events to send, which `take_notifications` returns then. Interrupts
        are taken meanwhile as in AWAIT, and the SYNCGROUP starts again when they return to it. False if
        it trapped with PRIVILEGE, above MO.SYNC's level. Source: QEMU target/kvx/op_helper.c,
        gen/translate-insn.c; it asks MO.STOP for the right, by mistake.
        """
        if self._denied([core_events.OWNER.get(self.mo)]):
            return False
        self._begin(State.SYNC, operand)
        return True

    def _begin(self, state: State, operand: int) -> None:
        """Sleep in an instruction that starts again when an exception returns to it."""
        wait = self.pc, self.ps & _PL
        self._waits.pop(wait, None)
        self._waits[wait] = state, operand
        self._doze(state)

    def _doze(self, state: State) -> None:
        self._become(state)
        self._settle()

    def _settle(self) -> None:
        """Wake up if there is reason to, and bring `open` up to date."""
        state = self.state
        if state is State.WAITIT or state is State.SYNC:
            wait = next(reversed(self._waits))
            _, operand = self._waits[wait]
            if self._match(operand) if state is State.WAITIT else self._gather(operand):
                del self._waits[wait]
                self._become(_RUNNING)
        elif self.ws & _ENDS.get(state, 0):
            self._become(_RUNNING)
        self._reopen()

    def _reopen(self) -> None:
        """Bring `open` up to date."""
        if self.state in (State.RESETTING, State.STOPPED):
            self.open = 0
        elif self.state is State.WAITIT:
            # Lines of the waiting level are left to the WAITIT, as if PS.IE were 0.
            self.open = self.open_at(self.ps & ~_IE)
        else:
            self.open = self.open_at(self.ps)

    def _match(self, operand: int) -> bool:
        """Whether the requests end a WAITIT; then they are put into `rz`."""
        every = operand >> 32
        pending = self.ilr & self.ile & ~self._foreign(self.ps & _PL)  # 32 bits: the low half of `operand`
        if not operand or pending & operand or (every and pending & every == every):
            self.rz = pending
            return True
        return False
