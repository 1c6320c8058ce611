"""What a run must give, written from the contract alone: slow, obvious, and sharing no code with the engines.

Only the frozen actions, the names of cores and the draws of `random` are the project's. The words in
quotes are those of the contract and of the hardware reference. How they are read here:

- A tick has three parts: what is due (enters and exits) by core, arrivals in write order, steps. The
  first two are over before any step of the tick acts, and every change runs its core to completion.
- Per core there is a stack of exceptions. Only the top one's clock runs; one below holds what was left
  of its entry or service time when the take that interrupted it happened.
- An exception's saved PS is its own, so that RFE "restores what the take saved" at any depth.
- A double exception whose target is another privilege level is an exception like any other, there.
- A core that was reset stays halted: it latches requests and takes none.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvx_emu.core_id import RM, CoreId
from kvx_emu.script import actions
from kvx_emu.script.splitmix import random_sends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvx_emu.script.actions import Program
    from kvx_emu.trace.row import Row

LINES = range(32)

# (least significant bit, width) of the fields of PS that interrupts read or change
PL, ET, HTD, IE, HLE, DAUS, IL = (0, 2), (2, 1), (3, 1), (4, 1), (5, 1), (7, 1), (12, 2)
DE = (20, 2)  # of HTO: the owner of double exceptions

RESET = {"PS": 0x01000004, "ILE": 0, "ILL": 0, "ILR": 0, "ITO": 0, "HTO": 0}
LINUX = {"PS": 0x01000011, "ILL": 0x0001000000000132, "ITO": 0x5555555555555555, "HTO": 1 << 20}
WIDTH = {"PS": 25, "ILE": 32, "ILL": 64, "ILR": 32, "ITO": 64, "HTO": 26}

COUNTS = ("sent", "masked", "requested", "coalesced", "delivered", "pending", "cleared", "flying", "software")


def get(value: int, place: tuple[int, int]) -> int:
    """Return a field of a register."""
    return value >> place[0] & (1 << place[1]) - 1


def put(value: int, place: tuple[int, int], content: int) -> int:
    """Return the register with a field replaced."""
    return value & ~((1 << place[1]) - 1 << place[0]) | content << place[0]


def two_bits(line: int) -> tuple[int, int]:
    """Return the place of a line's field in ILL and ITO."""
    return (2 * line, 2)


def set_lines(value: int) -> list[int]:
    """Return the set bits, ascending."""
    return [line for line in LINES if value >> line & 1]


@dataclass(frozen=True)
class Board:
    """What a program runs on; `controllers` maps a cluster to its controller's global address."""

    cores: tuple[CoreId, ...]
    controllers: Mapping[int, int]
    ipi_lines: Mapping[CoreId, int]


@dataclass
class Taken:
    """An exception between its take and its RFE."""

    saved: int  # the PS that RFE restores
    ilr: int  # ILR before the take: the value of its enter rows
    waiting: list[int]  # taken and not entered, in the order of their handlers
    running: int | None = None  # the line whose handler runs
    due: int | None = None  # when the next enter or exit of it happens; None while it is interrupted
    left: int = 0  # the ticks that remained when it was interrupted


@dataclass
class Core:
    """A core: its registers, its exceptions (the innermost last), and the software on it."""

    name: CoreId
    linux: bool
    sfr: dict[str, int]
    taken: list[Taken] = field(default_factory=list)
    halted: bool = False


class Stop(Exception):  # noqa: N818  (a run that is cut short is no error)
    """The last tick that a run may have is over."""


class Oracle:
    """Runs a program; `rows` and `summary()` are the result. `limit` is the last tick, if there is one."""

    def __init__(self, board: Board, program: Program, limit: int | None = None) -> None:
        self.limit = limit
        self.board = board
        self.program = program
        self.rows: list[Row] = []
        self.now = 0
        self.masks: dict[tuple[int, int], int] = {}  # (cluster, line): the cores that are blocked
        self.flights: list[tuple[int, CoreId, CoreId, int]] = []  # due, target, writer, line; in write order
        self.sent: dict[tuple[CoreId, int], int] = {}
        self.iterations: list[int] = []
        self.cores: dict[CoreId, Core] = {}
        for name in sorted(board.cores):
            linux = program.software == "linux" and name.pid != RM
            sfr = dict(RESET)
            if linux:
                sfr.update(LINUX, ILE=board.ipi_lines.get(name, 0))
            self.cores[name] = Core(name, linux, sfr)

    # The script

    def run(self) -> list[Row]:
        """Run it all and return the rows."""
        if self.program.software == "linux":
            for cluster in sorted(self.board.controllers):
                self.write_mask(CoreId(cluster, 0), cluster, 24, 0xFFFF0000)
        with suppress(Stop):
            self.steps(self.program.actions)
            self.idle()
        return self.rows

    def steps(self, steps: Sequence[actions.Action]) -> None:
        """Act on each step in script order."""
        for step in steps:
            if step.at is not None:
                self.move_to(step.at)
            self.act(step)

    def act(self, step: actions.Action) -> None:
        """Act on one step, at the current time."""
        if isinstance(step, actions.Send):
            for cluster, mask in step.masks:
                self.write_interrupt(step.writer, cluster, step.line, mask)
        elif isinstance(step, actions.Block):
            for cluster, mask in step.masks:
                self.write_mask(step.writer, cluster, step.line, mask)
        elif isinstance(step, actions.Write):
            self.bus_write(step)
        elif isinstance(step, actions.Read):
            if self.register_at(step.reader, step.address, step.size) is None:
                self.row(step.reader, "fault", None, None, step.address)
        elif isinstance(step, actions.Enable | actions.Level | actions.Sfr):
            for name in sorted(step.cores):
                self.poke(self.cores[name], step)
        else:
            self.pass_time(step)

    def poke(self, core: Core, step: actions.Action) -> None:
        """Change a register of one core and let that core run."""
        if isinstance(step, actions.Enable):
            old = core.sfr["ILE"]
            core.sfr["ILE"] = old | step.lines if step.on else old & ~step.lines
        elif isinstance(step, actions.Level):
            for line in set_lines(step.lines):
                core.sfr["ILL"] = put(core.sfr["ILL"], two_bits(line), step.level)
        elif isinstance(step, actions.Sfr):
            self.sfr(core, step.register, step.operation, step.value)
        self.complete(core)

    def pass_time(self, step: actions.Action) -> None:
        """Act on a step that takes time, or on one that leaves no rows."""
        if isinstance(step, actions.Wait):
            if step.ticks is None:
                self.idle()
            else:
                self.move_to(self.now + step.ticks)
        elif isinstance(step, actions.Repeat):
            start = self.now
            for iteration in range(step.count):
                if step.every is not None:
                    self.move_to(start + iteration * step.every)
                self.iterations.append(iteration)
                self.steps(step.body)
                self.iterations.pop()
            if step.every is not None:
                self.move_to(start + step.count * step.every)
        elif isinstance(step, actions.Random):
            start = self.now
            pids: dict[int, list[int]] = {}
            for name in sorted(self.cores):
                pids.setdefault(name.cluster, []).append(name.pid)
            drawn = list(random_sends(step, pids, tuple(self.iterations)))
            assert len(drawn) == step.count
            for number, (writer, line, mask) in enumerate(drawn):
                self.move_to(start + number * step.every)
                self.write_interrupt(writer, writer.cluster, line, mask)
            self.move_to(start + step.count * step.every)

    # Time

    def move_to(self, tick: int) -> None:
        """Let ticks pass, one after the other; of the last one all but its steps."""
        assert tick >= self.now, "never in the past"
        while self.now < tick:
            self.tick()

    def idle(self) -> None:
        """Let ticks pass "until no delivery, entry or exit is outstanding"."""
        while self.flights or any(core.taken for core in self.cores.values()):
            self.tick()

    def tick(self) -> None:
        """Begin the next tick: first what is due, by cluster and core, then the arrivals in write order."""
        if self.now == self.limit:
            raise Stop
        self.now += 1
        for name in sorted(self.cores):
            self.complete(self.cores[name])
        arriving = [flight for flight in self.flights if flight[0] == self.now]
        self.flights = [flight for flight in self.flights if flight[0] != self.now]
        for _, target, writer, line in arriving:
            self.request(self.cores[target], line, writer)
            self.complete(self.cores[target])

    # The bus and the IPI controllers

    def register_at(self, core: CoreId, address: int, size: int) -> tuple[int, int] | None:
        """Return cluster and offset of what a core finds at an address; None is a bus error."""
        if address < 0x01000000:  # "each core sees its own cluster there"
            address += 0x01000000 * (core.cluster + 1)
        for cluster, base in self.board.controllers.items():
            if base <= address < base + 0x1000:
                if size != 4 or address % 4 != 0:
                    return None
                return cluster, address - base
        return None

    def bus_write(self, step: actions.Write) -> None:
        """Write to a register of a controller, or fault."""
        found = self.register_at(step.writer, step.address, step.size)
        if found is None:
            self.row(step.writer, "fault", None, None, step.address)
        elif found[1] < 0x20:
            self.write_interrupt(step.writer, found[0], 24 + found[1] // 4, step.value)
        elif found[1] < 0x40:
            self.write_mask(step.writer, found[0], 24 + (found[1] - 0x20) // 4, step.value)

    def write_mask(self, writer: CoreId, cluster: int, line: int, value: int) -> None:
        """Write a MASK register: 1 blocks, from now on."""
        self.row(writer, "mask", line, None, value)
        self.masks[cluster, line] = value & 0x1FFFF

    def write_interrupt(self, writer: CoreId, cluster: int, line: int, value: int) -> None:
        """Write an INTERRUPT register: go through the targets once, ascending."""
        if value == 0:
            return
        self.row(writer, "send", line, None, value)
        for pid in range(17):
            target = CoreId(cluster, pid)
            if not value >> pid & 1 or target not in self.cores:
                continue
            self.sent[target, line] = self.sent.get((target, line), 0) + 1
            if self.masks.get((cluster, line), 0) >> pid & 1:
                self.row(target, "masked", line, writer, 0)
            elif self.program.delivery == 0:
                self.request(self.cores[target], line, writer)
                self.complete(self.cores[target])
            else:
                self.flights.append((self.now + self.program.delivery, target, writer, line))

    # A core's registers

    def request(self, core: Core, line: int, writer: CoreId | None) -> None:
        """Latch a request."""
        was = core.sfr["ILR"] >> line & 1
        core.sfr["ILR"] |= 1 << line
        self.row(core.name, "coalesced" if was else "request", line, writer, 0)

    def sfr(self, core: Core, register: str, operation: str, value: int) -> None:
        """Change a register as a debugger would; changes of ILR are told."""
        if operation == "equals":
            return
        value &= (1 << WIDTH[register]) - 1
        old = core.sfr[register]
        new = {"set": old | value, "clear": old & ~value, "write": value}[operation]
        core.sfr[register] = new
        if register != "ILR":
            return
        for line in LINES:  # "one write: rows by ascending line, each with the ILR after the write"
            before, after, named = old >> line & 1, new >> line & 1, value >> line & 1
            if after and not before:
                self.row(core.name, "request", line, None, 0)
            elif before and not after:
                self.row(core.name, "clear", line, core.name, new)
            elif operation == "set" and named:
                self.row(core.name, "coalesced", line, None, 0)

    # Rule 3.4, entry, return

    @staticmethod
    def aipl(pl: int, il: int) -> int:
        """Return Kalray's "4-bit priority"."""
        return (3 - pl) * 4 + il

    def admitted(self, core: Core) -> int | None:
        """Return the line that rule 3.4 of the hardware reference takes now, if any."""
        if core.halted:
            return None
        sfr = core.sfr
        best = self.aipl(get(sfr["PS"], PL), get(sfr["PS"], IL))
        if get(sfr["PS"], IE) == 0:
            best |= 3
        winner = None
        for line in LINES:
            if sfr["ILR"] >> line & 1 and sfr["ILE"] >> line & 1:
                priority = self.aipl(get(sfr["ITO"], two_bits(line)), get(sfr["ILL"], two_bits(line)))
                if priority > best:
                    best, winner = priority, line
        return winner

    def complete(self, core: Core) -> None:
        """Run a core until nothing more of it happens in this tick; a take comes before a further exit."""
        while True:
            line = self.admitted(core)
            if line is not None:
                self.take(core, line)
            elif core.taken and core.taken[-1].due == self.now:
                self.go_on(core)
            else:
                return

    def take(self, core: Core, line: int) -> None:
        """Enter the exception of a line: sections 3.5 and 3.7."""
        sfr = core.sfr
        old_ps, old_ilr = sfr["PS"], sfr["ILR"]
        level = get(sfr["ILL"], two_bits(line))
        i = get(old_ps, PL)
        j = min(get(sfr["ITO"], two_bits(line)), i)
        if i == j and get(old_ps, ET) == 1:  # a double exception
            j = min(get(sfr["HTO"], DE), i)
            if i == j:
                self.reset(core)
                return
        batch = set_lines(old_ilr & sfr["ILE"]) if core.linux else [line]
        for each in batch:
            sfr["ILR"] &= ~(1 << each)
        ps = old_ps
        for place, content in ((PL, j), (ET, 1), (IE, 0), (IL, level), (HLE, 0), (HTD, 0), (DAUS, 0)):
            ps = put(ps, place, content)
        sfr["PS"] = ps
        if core.taken:  # "a preempted handler's time stops at the take"
            outer = core.taken[-1]
            assert outer.due is not None
            outer.left, outer.due = outer.due - self.now, None
        core.taken.append(Taken(old_ps, old_ilr, batch, due=self.now + self.program.entry))

    def go_on(self, core: Core) -> None:
        """Let the innermost exception enter its next handler, leave the one that runs, or return."""
        top = core.taken[-1]
        if top.running is None:
            top.running = top.waiting.pop(0)
            self.row(core.name, "enter", top.running, None, top.ilr)
            if self.program.nesting:  # "the handler's first act is ET = 0, IE = 1"
                core.sfr["PS"] = put(put(core.sfr["PS"], ET, 0), IE, 1)
            top.due = self.now + self.program.service[top.running]
            return
        self.row(core.name, "exit", top.running, None, core.sfr["ILR"])
        top.running = None
        if top.waiting:  # the next line of the batch, in the same exception
            return
        core.taken.pop()
        core.sfr["PS"] = top.saved  # RFE
        if core.taken:
            core.taken[-1].due = self.now + core.taken[-1].left

    def reset(self, core: Core) -> None:
        """Reset a core: every request that it holds, latched or taken and not entered, is cleared."""
        held = set_lines(core.sfr["ILR"]) + [line for taken in core.taken for line in taken.waiting]
        core.sfr = dict(RESET)
        core.taken = []
        core.halted = True
        self.row(core.name, "reset", None, None, 0)
        for line in sorted(held):
            self.row(core.name, "clear", line, None, 0)

    # The result

    def row(self, core: CoreId, event: str, line: int | None, origin: CoreId | None, value: int) -> None:
        """Write a row."""
        cluster, pid = origin if origin is not None else (None, None)
        self.rows.append((self.now, core.cluster, core.pid, event, line, cluster, pid, value))

    def pending(self) -> Iterable[tuple[CoreId, int]]:
        """Return the requests that are latched, or taken and not entered."""
        for name, core in self.cores.items():
            for line in set_lines(core.sfr["ILR"]) + [line for taken in core.taken for line in taken.waiting]:
                yield name, line

    def summary(self) -> dict[tuple[CoreId, int], dict[str, int]]:
        """Return the counts of each core and line that has any."""
        found: dict[tuple[CoreId, int], dict[str, int]] = {}

        def add(name: CoreId, line: int | None, count: str, number: int = 1) -> None:
            assert line is not None
            found.setdefault((name, line), dict.fromkeys(COUNTS, 0))[count] += number

        for _, cluster, pid, event, line, _, origin, _ in self.rows:
            name = CoreId(cluster, pid)
            if event == "masked":
                add(name, line, "masked")
            elif event in {"request", "coalesced"}:
                add(name, line, "requested" if event == "request" else "coalesced")
                if origin is None:
                    add(name, line, "software")
            elif event == "enter":
                add(name, line, "delivered")
            elif event == "clear":
                add(name, line, "cleared")
        for (name, line), number in self.sent.items():
            add(name, line, "sent", number)
        for _, name, _, line in self.flights:
            add(name, line, "flying")
        for name, line in self.pending():
            add(name, line, "pending")
        return found


def run(
    board: Board, program: Program, limit: int | None = None
) -> tuple[list[Row], dict[tuple[CoreId, int], dict[str, int]]]:
    """Return the rows and the summary that the contract asks of a program on a board."""
    oracle = Oracle(board, program, limit)
    return oracle.run(), oracle.summary()
