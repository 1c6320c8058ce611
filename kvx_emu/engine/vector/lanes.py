"""Lanes: the cores as the solvers see them, taken over from the models and given back to them.

While a stretch of writes is solved nobody writes a core's registers, so its rules (a mode) are fixed and
its state is small: what is latched, and the exceptions under way. A core whose registers do not allow
that, because a script has put them where no exception of this software would, is refused.
"""

from __future__ import annotations

from heapq import heapify, heappush
from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.cpu import Cpu, Frame
from kvx_emu.engine.run import CORE
from kvx_emu.engine.software import Bare, Linux
from kvx_emu.engine.vector import kernel as k
from kvx_emu.hw.register import bits
from kvx_emu.models.core import INTERRUPT_VECTOR, REQUEST_WAKES, Core, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.engine.run import Run

_PS = Core.PS.fields
_PL = _PS["PL"].mask
_ET = _PS["ET"].mask
_IL = _PS["IL"]

Mode = tuple[int, ...]
"""The rules of a core, in the layout of `kernel.MODE`."""


class Lanes:
    """The cores that a stretch of writes reaches, by their index on the board.

    Arrays over all cores: `mode` (int32, an index into `modes`, -1 for a core that was not taken over),
    `ilr` (int64, of idle cores), `last` (int64, the line taken last, -1 for none), `popped` (bool, an
    exception has returned since) and `woken` (bool, a request has arrived). `deep` holds the state, in the
    kernel's layout, of the cores with exceptions under way; there `asked` and `held` are the ticks of
    arrival, and with latency `latched` has those of the requests that cores hold, by (core, line).
    """

    def __init__(self, cpus: Sequence[Cpu], run: Run, *, latency: bool) -> None:
        """Take all cores of the board, by index; with `latency` the ticks of arrival are kept."""
        self._latency = latency
        self._cpus = cpus
        self._run = run
        count = len(cpus)
        self.mode = np.full(count, -1, np.int32)
        self.ilr = np.zeros(count, np.int64)
        self.last = np.full(count, -1, np.int64)
        self.popped = np.zeros(count, np.bool_)
        self.woken = np.zeros(count, np.bool_)
        self.deep: dict[int, list[int]] = {}
        self.latched: dict[tuple[int, int], int] = {}
        self.modes: list[Mode] = []
        self._numbers: dict[Mode, int] = {}
        self._entered: dict[int, tuple[int, int, int, int]] = {}  # PS, PC, SPS, SPC when it was taken over

    def take_over(self, lane: int) -> str | None:
        """Take a core over, or return why that can not be; harmless for one that is taken over."""
        if self.mode[lane] >= 0:
            return None
        cpu = self._cpus[lane]
        core, frames = cpu.core, cpu.frames
        idle_ps = frames[0].before if frames else core.ps
        mode = _mode(cpu, idle_ps)
        if isinstance(mode, str):
            return mode
        state = [0] * k.STATE
        if frames:
            why = _read_frames(cpu, mode, state)
            if why is not None:
                return why
        elif core.ilr & mode[k.OPEN]:
            return "a request is pending that can be taken"
        pl = idle_ps & _PL
        self._entered[lane] = (core.ps, core.pc, core.sps[pl], core.spc[pl])
        self._read_ticks(cpu, state)
        number = self._numbers.setdefault(mode, len(self.modes))
        if number == len(self.modes):
            self.modes.append(mode)
        self.mode[lane] = number
        self.ilr[lane] = core.ilr
        self.last[lane] = -1
        self.popped[lane] = False
        self.woken[lane] = False
        if frames:
            self.deep[lane] = state
            core.put_back(core.ilr, idle_ps, frames[0].spc, core.sps[pl], core.spc[pl])
            frames.clear()
            cpu.stamp += 1
        return None

    def _read_ticks(self, cpu: Cpu, state: list[int]) -> None:
        """Find when the requests that a core holds arrived: of one line the taken one is the older."""
        tally = self._run.judge.tally
        core = cpu.core
        taken = {line for frame in cpu.frames for line in frame.waiting()}
        for line in bits(core.ilr | sum(1 << line for line in taken)):
            ticks = tally.asked(core.cluster, core.pid, line)
            if line in taken:
                state[k.HELD + line] = ticks[0] if ticks else 0
            if core.ilr >> line & 1:
                tick = ticks[-1] if ticks else 0
                state[k.ASKED + line] = tick
                self._note(cpu.index, line, tick)

    def _note(self, lane: int, line: int, tick: int) -> None:
        if self._latency:
            self.latched[lane, line] = tick

    def latch(self, lane: int, line: int, tick: int) -> None:
        """Keep a request that an idle core got at `tick` on a line that it does not take."""
        self.ilr[lane] |= 1 << line
        self._note(lane, line, tick)

    def state_of(self, lane: int) -> list[int]:
        """Return a core's state in the kernel's layout, a new list."""
        if lane in self.deep:
            return list(self.deep[lane])
        state = [0] * k.STATE
        state[k.ILR] = ilr = int(self.ilr[lane])
        state[k.LAST] = -1
        for line in bits(ilr):
            state[k.ASKED + line] = self.latched.get((lane, line), 0)
        return state

    def keep(self, lane: int, state: list[int]) -> None:
        """Keep a state that the kernel has left, its `asked` and `held` put back to ticks."""
        self.ilr[lane] = state[k.ILR]
        # Without a take since, that of before counts, in which cores that share a state may differ.
        if state[k.LAST] >= 0:
            self.last[lane] = state[k.LAST]
            self.popped[lane] = state[k.POPPED]
        elif state[k.POPPED]:
            self.popped[lane] = True
        if state[k.DEPTH]:
            self.deep[lane] = state
        else:
            self.deep.pop(lane, None)
        if self._latency:
            for line in range(32):
                self.latched.pop((lane, line), None)
            for line in bits(state[k.ILR]):
                self._note(lane, line, state[k.ASKED + line])

    def give_back(self) -> None:
        """Put all cores that were taken over where the solvers have brought them."""
        queue = self._run.queue
        queue[:] = [entry for entry in queue if entry[1] != CORE or self.mode[entry[-1].index] < 0]
        heapify(queue)
        for lane in np.flatnonzero(self.mode >= 0).tolist():
            self._give_back(lane)
        self.mode[:] = -1
        self.deep.clear()
        self.latched.clear()

    def _give_back(self, lane: int) -> None:
        cpu = self._cpus[lane]
        core = cpu.core
        mode = self.modes[self.mode[lane]]
        last, popped = int(self.last[lane]), bool(self.popped[lane])
        ps, pc, sps, spc = self._entered[lane]
        idle_ps = core.ps
        if last >= 0:
            idle_pc = core.pc
            core.interrupt(last)  # for what it leaves in ES and EA
            core.put_back(0, idle_ps, idle_pc, 0, 0)
        state = self.deep.get(lane)
        if state is not None:
            _write_frames(cpu, mode, state)
            heappush(self._run.queue, (state[k.UNTIL], CORE, cpu.index, cpu.stamp, Cpu.proceed, cpu))
        frames = cpu.frames
        if frames:
            top = frames[-1]
            reopened = bool(mode[k.NESTING]) and not top.entering
            ps = Core.handler_ps(top.before, _level(state), reopened=reopened)
            pc = core.ev[ps & _PL] + INTERRUPT_VECTOR
            if last >= 0:
                sps, spc = top.sps, top.spc
        else:
            ps, pc = idle_ps, core.pc
        if popped:  # a return leaves in SPS and SPC what it went back to
            sps, spc = ps & ~_PL, pc
        core.put_back(int(self.ilr[lane]), ps, pc, sps, spc)
        if self.woken[lane]:
            core.ws |= REQUEST_WAKES
        if not self._latency:
            return
        tally = self._run.judge.tally
        waiting = set() if state is None else {line for frame in frames for line in frame.waiting()}
        for line in range(32):
            ticks = [state[k.HELD + line]] if state is not None and line in waiting else []
            if core.ilr >> line & 1:
                ticks.append(self.latched.get((lane, line), 0))
            tally.set_asked(core.cluster, core.pid, line, ticks)


def _level(state: list[int] | None) -> int:
    """Return the level of the innermost exception."""
    assert state is not None
    return state[k.FRAMES + k.FRAME * (state[k.DEPTH] - 1) + k.LEVEL]


def _mode(cpu: Cpu, idle_ps: int) -> Mode | str:
    """Return the rules of a core that runs at `idle_ps` when no exception is under way, or why it has none.

    Only lines of the privilege level that runs: a more privileged one can interrupt at any time.
    """
    core, software = cpu.core, cpu.software
    if not isinstance(software, (Linux, Bare)):
        return "its software is not known here"
    if core.state in (State.RESETTING, State.STOPPED):
        opened = 0
    elif core.state is State.RUNNING:
        opened = core.open_at(idle_ps)
    else:
        return f"it is in {core.state.value}"
    if not opened:
        # What is under way goes on all the same, and lets itself be interrupted if it does so.
        return (int(isinstance(software, Linux)), int(software.nesting), 0, core.ile, *[0] * 8)
    pl = idle_ps & _PL
    if any(core.owner(line) != pl for line in bits(opened)):
        return "a more privileged line is enabled"
    if idle_ps & _ET:
        return "its next exception would be a double one"
    above = [0] * 4
    of_level = [0] * 4
    for line in bits(opened):
        of_level[core.level(line)] |= 1 << line
    if software.nesting:
        above = [core.open_at(Core.handler_ps(idle_ps, level, reopened=True)) for level in range(4)]
    return (int(isinstance(software, Linux)), int(software.nesting), opened, core.ile, *above, *of_level)


def _read_frames(cpu: Cpu, mode: Mode, state: list[int]) -> str | None:
    """Read the exceptions under way into `state`; return why they can not be, if so.

    Each must be as its take left it: the same level of privilege throughout, PS untouched since.
    """
    core, frames = cpu.core, cpu.frames
    pl = frames[0].before & _PL
    vector = core.ev[pl] + INTERRUPT_VECTOR
    strange = "an exception is under way whose registers were changed"
    if len(frames) > (k.MOST_FRAMES if mode[k.NESTING] else 1) or core.state is not State.RUNNING:
        return strange
    in_hand = 0
    for depth, frame in enumerate(frames):
        inner = frames[depth + 1].before if depth + 1 < len(frames) else core.ps
        level = _IL.get(inner)
        reopened = bool(mode[k.NESTING]) and not frame.entering
        at = k.FRAMES + k.FRAME * depth
        lines = sum(1 << line for line in frame.lines[frame.at :])
        usual = (
            level > 0
            and not lines & (in_hand | mode[k.ABOVE + level])  # no line is in hand twice
            and inner == Core.handler_ps(frame.before, level, reopened=reopened)
            and frame.pl == pl
            and frame.sps == frame.before & ~_PL
            and (depth == 0 or frame.spc == vector)
            and (depth + 1 == len(frames) or not frame.entering)
        )
        if not usual:
            return strange
        in_hand |= lines
        state[at + k.LINE] = frame.lines[frame.at]
        state[at + k.WAITING] = sum(1 << line for line in frame.waiting())
        state[at + k.SEEN] = frame.seen
        state[at + k.LEFT] = frame.left
        state[at + k.LEVEL] = level
    if core.pc != vector:
        return strange
    opened = mode[k.ABOVE + level] if reopened else 0
    if core.open != opened or core.ilr & opened:
        return strange
    state[k.ILR] = core.ilr
    state[k.DEPTH] = len(frames)
    state[k.UNTIL] = frames[-1].until
    state[k.ENTERING] = int(frames[-1].entering)
    state[k.LAST] = -1
    return None


def _write_frames(cpu: Cpu, mode: Mode, state: list[int]) -> None:
    """Put the exceptions that are under way in `state` on an idle core."""
    core = cpu.core
    ps, pc = core.ps, core.pc
    pl = ps & _PL
    depth = state[k.DEPTH]
    for d in range(depth):
        at = k.FRAMES + k.FRAME * d
        innermost = d == depth - 1
        entering = bool(state[k.ENTERING]) and innermost
        waiting = tuple(bits(state[at + k.WAITING]))
        lines = waiting if entering else (state[at + k.LINE], *waiting)
        frame = Frame(lines, state[at + k.SEEN], ps, state[k.UNTIL], pl, ps & ~_PL, pc)
        frame.entering = entering
        frame.left = state[at + k.LEFT]
        cpu.frames.append(frame)
        reopened = bool(mode[k.NESTING]) and not entering
        ps = Core.handler_ps(ps, state[at + k.LEVEL], reopened=reopened)
        pc = core.ev[pl] + INTERRUPT_VECTOR
    cpu.stamp += 1
