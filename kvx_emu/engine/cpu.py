"""A core in time: the exceptions under way on it, and when they go on."""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId
from kvx_emu.engine.run import CORE, TIMES, Endless
from kvx_emu.hw.register import bits
from kvx_emu.limits import LIMITS
from kvx_emu.machine.why import why_not
from kvx_emu.models.core import LINES, Core, Entry, State
from kvx_emu.trace.row import (
    BY_DOUBLE,
    BY_POWER,
    BY_WATCHDOG,
    CLEAR,
    COALESCED,
    ENTER,
    EXIT,
    IPE,
    REQUEST,
    RESET,
    START,
    STOP,
    TIMER,
    WAKE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvx_emu.engine.run import Run
    from kvx_emu.engine.software import Software
    from kvx_emu.saved import Saved, Value

_PS = Core.PS.fields
_PL = _PS["PL"].mask
_ET = _PS["ET"].mask
_IE = _PS["IE"].mask

_RUNNING = State.RUNNING
_WISHES = (None, State.AWAIT, State.STOPPED)
_IPE_EVENTS = 0xFFFFFFFF  # FE and BE: those received
_WS = Core.WS.fields
_WU0, _WU2 = _WS["WU0"].mask, _WS["WU2"].mask


class Frame:
    """An exception under way: the lines it handles and how far it is."""

    __slots__ = ("at", "before", "entering", "left", "lines", "pl", "seen", "spc", "sps", "until")

    def __init__(
        self, lines: Sequence[int], seen: int, before: int, until: int, pl: int, sps: int, spc: int
    ) -> None:
        self.lines = lines
        self.at = 0  # index of the line in hand
        self.entering = True  # its handler has not started yet
        self.until = until  # the tick at which it starts or ends, unless it is preempted before
        self.left = 0  # what is left of that time while it is preempted, in ticks
        self.seen = seen  # ILR before the take
        self.before = before  # PS before it
        # The handler keeps these for its return, as one that lets itself be interrupted must.
        self.pl = pl
        self.sps = sps
        self.spc = spc

    def waiting(self) -> Sequence[int]:
        """Return the lines that were taken and whose handlers have not started."""
        return self.lines[self.at if self.entering else self.at + 1 :]

    def state(self) -> dict[str, Value]:
        """Return all of it, as values that JSON can hold."""
        saved: dict[str, Value] = {name: getattr(self, name) for name in self.__slots__}
        return saved | {"lines": list(self.lines)}

    @classmethod
    def restored(cls, saved: Saved, now: int) -> Frame:
        """Return the frame that `state` was taken of; ValueError if it is none at tick `now`."""
        at, before, entering, left, lines, pl, seen, spc, sps, until = saved.record(*cls.__slots__)
        frame = cls(
            tuple(line.number(LINES) for line in lines.items()),
            seen.number(1 << LINES),
            before.number(),
            until.number(TIMES),
            pl.number(_PL + 1),
            sps.number(),
            spc.number(),
        )
        frame.at = at.number(len(frame.lines))
        frame.entering = entering.flag()
        frame.left = left.number(TIMES)
        return frame


class Cpu:
    """A core, the software on it and its exceptions under way, the innermost last.

    `lines` is the mask of lines that the tree's nodes name for the software's drivers.

    `entry` is the time in ticks from a take to the handler's first instruction, `service` that of a
    handler of each of the 32 lines. `index` orders the cores of the board.
    """

    __slots__ = (
        "_acts",
        "_entry",
        "_nesting",
        "_queue",
        "_rows",
        "_run",
        "_service",
        "_warn",
        "core",
        "due",
        "frames",
        "id",
        "index",
        "lines",
        "software",
        "stamp",
        "wish",
    )

    def __init__(
        self,
        run: Run,
        index: int,
        core: Core,
        software: Software,
        lines: int,
        entry: int,
        service: Sequence[int],
    ) -> None:
        self.index = index
        self.core = core
        self.id = CoreId(core.cluster, core.pid)
        self.software = software
        self.lines = lines
        self._nesting = software.nesting
        self._acts = software.acts
        self.stamp = 0  # the queue's entry for this core counts only with this stamp
        self._run = run
        self._rows = run.rows
        self._queue = run.queue
        self._warn = run.warn
        self._entry = entry
        self._service = service
        self.frames: list[Frame] = []
        self.wish: State | None = None  # how it sleeps once the exceptions under way have ended
        self.due: int | None = None  # when a timer runs out next; what the run holds of other ticks is void
        core.clock = self._clock

    def _clock(self) -> int:
        return self._run.now

    def pending(self) -> list[int]:
        """Return the lines with a request in ILR or taken and not entered; one that is both comes twice."""
        lines = list(bits(self.core.ilr))
        for frame in self.frames:
            lines += frame.waiting()
        return sorted(lines)

    # What reaches the core

    def request(self, line: int, cluster: int | None, pid: int | None) -> None:
        """Latch a request that the core (cluster, pid) sent, or a device, and take it if the rules allow."""
        core = self.core
        bit = 1 << line
        event = COALESCED if core.ilr & bit else REQUEST
        self._rows.append((self._run.now, core.cluster, core.pid, event, line, cluster, pid, 0))
        state = core.state
        core.request(line)
        if core.state is not state:
            self._woke()
        if core.ilr & core.open:
            self.proceed()
        elif not bit & self._may_open():
            self.warn_stuck(line)

    def poke(self, register: str, value: int) -> None:
        """Write a register that is not ILR as a debugger would, and take what that allows."""
        core = self.core
        state = core.state
        core.poke(register, value)
        if core.state is not state:
            self._woke()
        self._show_enabled()
        self.wind()
        self._poll()

    def _show_enabled(self) -> None:
        self._run.enabled(self.id, self.core.ile)

    def write_ilr(self, value: int, asked: int) -> None:
        """Let software write ILR: a request or a clear of each line that changes.

        Lines of the mask `asked` that were pending already and stay so are coalesced. Unlike a request
        from outside, the write of a bit does not touch WS, so it wakes no core by itself.
        """
        core, run = self.core, self._run
        before = core.ilr
        core.poke("ILR", value)
        after = core.ilr
        for line in bits((before ^ after) | (asked & after)):
            if not after >> line & 1:
                run.rows.append((run.now, *self.id, CLEAR, line, *self.id, after))
            else:
                event = COALESCED if before >> line & 1 else REQUEST
                run.rows.append((run.now, *self.id, event, line, None, None, 0))
        self._poll()
        for line in bits(after & ~before & core.ilr):
            if not self._may_open() >> line & 1:
                self.warn_stuck(line)

    def _may_open(self) -> int:
        """Return the lines that the core takes sooner or later, as things stand: when no handler runs."""
        return self.core.open_at(self.frames[0].before) if self.frames else self.core.open

    def _woke(self) -> None:
        core, run = self.core, self._run
        self.wind()  # a timer may have stood still while the core slept
        run.rows.append((run.now, core.cluster, core.pid, WAKE, None, None, None, core.ws))

    def warn_stuck(self, line: int) -> None:
        """Warn of a request that can never be taken as things stand, and say why."""
        before = self.frames[0].before if self.frames else self.core.ps
        why = why_not(self.core, line, before)
        self._run.warn(
            ("stuck", self.index, line), "never-taken", f"{self.id} can not take line {line}: {why}"
        )

    # What the core does

    def _poll(self) -> None:
        """Take what the last change allows."""
        if self.core.ilr & self.core.open:
            self.proceed()

    def proceed(self, _stamp: int = 0) -> None:
        """Do all that takes no time: takes, enters and exits, in the order of the hardware.

        To be called when a line is to be taken, and when the time of the exception in hand has come.
        """
        core, frames, rows = self.core, self.frames, self._rows
        now = self._run.now
        cluster, pid = self.id
        takes = LIMITS.takes
        while True:
            if core.ilr & core.open:
                takes -= 1
                if not takes:
                    raise Endless(f"{LIMITS.takes} interrupts of {self.id} within tick {now}")
                self._take(now)
                continue
            if not frames:
                if self.wish is not None:
                    self._leave_off(self.wish)
                return
            frame = frames[-1]
            if frame.until > now:
                self.stamp += 1
                heappush(self._queue, (frame.until, CORE, self.index, self.stamp, Cpu.proceed, self))
                return
            line = frame.lines[frame.at]
            if frame.entering:
                rows.append((now, cluster, pid, ENTER, line, None, None, frame.seen))
                frame.entering = False
                frame.until = now + self._service[line]
                if self._nesting:
                    core.reopen()
                if self._acts >> line & 1:
                    self.software.act(core, line)
                continue
            rows.append((now, cluster, pid, EXIT, line, None, None, core.ilr))
            frame.at += 1
            if frame.at < len(frame.lines):
                frame.entering = True
                continue
            frames.pop()
            core.resume(frame.pl, frame.sps, frame.spc)
            if core.state is not _RUNNING:
                self.wind()  # back in a sleep that the exception had interrupted
            if frames:
                frames[-1].until = now + frames[-1].left

    def _take(self, now: int) -> None:
        """Take the line that goes first: its exception begins, or resets the core.

        The time of the exception that it preempts stops: its entry in the queue becomes void.
        """
        core, frames = self.core, self.frames
        line = core.candidate()
        assert line is not None, "open and candidate() disagree"
        seen, before, state = core.ilr, core.ps, core.state
        lost = self.pending() if before & _ET else ()
        if core.interrupt(line) is Entry.RESET:
            self._reset(lost, BY_DOUBLE)
            message = f"{self.id} was reset by a double exception: PS.ET was 1 when a line was taken"
            self._run.warn(("reset", self.index), "core-reset", message)
            return
        if state is not _RUNNING:
            self.wind()  # a timer may have stood still while the core slept
        if frames:
            frames[-1].left = frames[-1].until - now
            self.stamp += 1
        lines = self.software.batch(core, line, self._warn)
        pl = core.ps & _PL
        frames.append(Frame(lines, seen, before, now + self._entry, pl, core.sps[pl], core.spc[pl]))

    def _reset(self, lost: Sequence[int], why: int) -> None:
        """Show a reset that happened: all that was requested and not entered is cleared."""
        run = self._run
        run.rows.append((run.now, *self.id, RESET, None, None, None, why))
        for line in lost:
            run.rows.append((run.now, *self.id, CLEAR, line, None, None, 0))
        self._show_enabled()
        self.frames.clear()
        self.wish = None
        self.stamp += 1
        self.wind()

    # Power and sleep

    def hold(self, why: int = BY_POWER) -> None:
        """Reset the core; it stays so until it is started."""
        lost = self.pending()
        self.core.reset()
        self._reset(lost, why)

    def start(self, pc: int, by: CoreId | None, ready: Callable[[CoreId], None]) -> None:
        """Wake the core up: one held in reset runs from `pc`; else WS.WU2 is set, which ends STOP.

        `ready` is told one that was held in reset, before it takes what came meanwhile.
        """
        core, run = self.core, self._run
        if core.state is State.RESETTING:
            core.start(pc)
            run.rows.append((run.now, *self.id, START, None, *(by or (None, None)), core.pc))
            self.software.boot(core, self.lines)
            self._show_enabled()
            self.wind()
            ready(self.id)
            self._poll()
            return
        stopped = core.state is State.STOPPED
        self.poke("WS", core.ws | _WU2)
        if stopped:
            self.software.resume(core, self.lines)
            self._show_enabled()
            self._poll()

    def stop(self) -> None:
        """Execute STOP as whoever goes off does: WS.WU2 is cleared first, so that only a start ends it."""
        self._leave_off(State.STOPPED)

    def doze(self) -> None:
        """Execute AWAIT as Linux's idle loop does, which has cleared WS.WU0 before."""
        self._leave_off(State.AWAIT)

    def _leave_off(self, state: State) -> None:
        """Go to sleep, or once the handlers under way have ended: it is no handler that does so."""
        core, run = self.core, self._run
        if core.state in (State.RESETTING, State.STOPPED):
            message = f"{self.id} is {core.state.value}: it executes nothing"
            run.warn(("asleep", self.index), "not-running", message)
            return
        if self.frames:
            self.wish = state
            return
        self.wish = None
        run.last = run.now
        if state is State.AWAIT:
            core.poke("WS", core.ws & ~_WU0)
            core.await_()
        else:
            self.software.leave(core, self.lines)
            self._show_enabled()
            core.poke("WS", core.ws & ~_WU2)
            core.stop()
            run.rows.append((run.now, *self.id, STOP, None, None, None, 0))
        self.wind()

    def take_event(self, by: CoreId) -> None:
        """Show an inter-processor event that the core has received."""
        run = self._run
        run.rows.append((run.now, *self.id, IPE, None, *by, self.core.ipe & _IPE_EVENTS))

    # Timers

    def wind(self) -> None:
        """See when a timer of the core runs out next, and have the run say so then."""
        due = self.core.next_underflow()
        if due != self.due:
            self.due = due
            if due is not None:
                heappush(self._run.alarms, (due, self.index, self))

    def alarm(self) -> None:
        """Let the timers run out that are due now; ascending, each with all that follows."""
        core, run = self.core, self._run
        self.due = None
        for out in core.underflow():
            run.rows.append((run.now, *self.id, TIMER, out.timer, None, None, core.tcr))
            if out.bite:
                self.hold(BY_WATCHDOG)
                run.bitten(self.id)
                run.warn(("bite", self.index), "core-reset", f"the watchdog reset {self.id}")
                return
            if out.line is not None:
                self.request(out.line, None, None)
        self.wind()

    # What a snapshot holds, beside the model of the core

    def state(self) -> dict[str, Value]:
        """Return the exceptions under way, what comes after them, and when a timer runs out next."""
        frames: list[Value] = [frame.state() for frame in self.frames]
        return {"due": self.due, "frames": frames, "wish": _WISHES.index(self.wish)}

    def restore(self, saved: Saved) -> None:
        """Go on from a state, in a run whose queues hold nothing of this core. ValueError if it is none."""
        now = self._run.now
        due, frames, wish = saved.record("due", "frames", "wish")
        self.frames[:] = [Frame.restored(frame, now) for frame in frames.items()]
        self.due = due.number_or_none(TIMES, least=now)
        self.wish = _WISHES[wish.number(len(_WISHES) if self.frames else 1)]
        if self.frames:
            # Whenever time moves, what the innermost one does next is on the queue.
            if self.frames[-1].until < now:
                raise saved.wrong(f"an exception that goes on at tick {now} or later")
            self.stamp += 1
            heappush(self._queue, (self.frames[-1].until, CORE, self.index, self.stamp, Cpu.proceed, self))
        if self.due is not None:
            heappush(self._run.alarms, (self.due, self.index, self))
