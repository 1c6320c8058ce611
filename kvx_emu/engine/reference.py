"""The reference engine: one event at a time. It is the truth that any other engine is held against.

Events lie on one queue ordered by (tick, priority, sequence). Within a tick come first what is due on
the cores (exits and enters, by cluster and core), then the arrivals of earlier writes (in write order,
then by core), then the script's steps. Each runs to its completion, with all that takes no time.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.collector import no_collection
from kvx_emu.core_id import RM, CoreId
from kvx_emu.engine.boot import Wanted, boot_all
from kvx_emu.engine.cpu import Cpu
from kvx_emu.engine.drivers import Drivers
from kvx_emu.engine.fabric import Fabric
from kvx_emu.engine.fabric_steps import FabricSteps
from kvx_emu.engine.ipi_ops import IpiOps
from kvx_emu.engine.judge import Judge
from kvx_emu.engine.outcome import Outcome
from kvx_emu.engine.port import IpiPort
from kvx_emu.engine.run import ARRIVAL, Endless, Run, Stopped
from kvx_emu.engine.software import PROBE_MASK, Bare, Linux, Software
from kvx_emu.engine.wording import READ, shown
from kvx_emu.errors import ERROR, Finding, InputError
from kvx_emu.hw.model import BusError
from kvx_emu.hw.register import Register, bits
from kvx_emu.models.core import Core
from kvx_emu.models.ipi_ctrl import FIRST_LINE, IpiCtrl
from kvx_emu.script import actions
from kvx_emu.script.splitmix import random_sends
from kvx_emu.trace.tally import Ledger, balance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from kvx_emu.engine.run import Take, Watch
    from kvx_emu.errors import Place
    from kvx_emu.machine.machine import Machine
    from kvx_emu.trace.sink import Sink
    from kvx_emu.trace.tally import Wire

ALL_LINES = 0xFFFFFFFF
BUS_ERROR = "bus-error"


class Parts(NamedTuple):
    """What an engine consists of: all that changes in a run is in these, and so all that a snapshot holds.

    `drivers` are None without Linux; `probed` are the clusters whose Linux has probed. `position` says where
    in the program the run is: the index of a step, then what the step needs to go on inside, which may be
    the position in its body. `resume` is where it is to go on, if it does not start at the beginning.
    """

    machine: Machine
    program: actions.Program
    run: Run
    judge: Judge
    cpus: Mapping[CoreId, Cpu]
    ports: Mapping[int, IpiPort]
    fabric: Fabric
    ops: IpiOps
    drivers: Drivers | None
    probed: set[int]
    position: list[int]
    resume: deque[int]


class Reference:
    """Runs a program on a machine that was just built; `run` once, then throw both away.

    `sinks` get the rows in order. `limit_ticks` is the last tick at which anything may happen;
    once `limit_events` rows were made, no further event begins. `watch` is told how far the run is.
    """

    def __init__(
        self,
        machine: Machine,
        program: actions.Program,
        sinks: Sequence[Sink] = (),
        *,
        limit_ticks: int | None = None,
        limit_events: int | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._machine = machine
        self._program = program
        self._judge = Judge(program.actions, latency=program.latency)
        self._run = Run(self._judge, sinks, limit_ticks, limit_events, watch)
        self._position: list[int] = []
        self._resume: deque[int] = deque()
        self._iterations: list[int] = []  # of the repeats under way, the outermost first
        self._drivers: Drivers | None = None  # of Linux
        self._ops = IpiOps(self._run)
        # Clusters whose Linux has probed; without a boot all have, before the first step.
        self._probed = {core.cluster for core in machine.cores if program.boot == "running"}
        self._cpus = self._make_cpus()
        self._ports = self._make_ports()
        self._pids: dict[int, list[int]] = {}
        for cluster, pid in self._cpus:
            self._pids.setdefault(cluster, []).append(pid)
        self._do: dict[type, Callable[..., None]] = {
            actions.Send: self._send,
            actions.Block: self._block,
            actions.Write: self._write,
            actions.Read: self._read,
            actions.Enable: self._enable,
            actions.Level: self._level,
            actions.Sfr: self._sfr,
            actions.Wait: self._wait,
            actions.Repeat: self._repeat,
            actions.Random: self._random,
            actions.Replay: self._replay,
            actions.Expect: self._expect,
            actions.WaitFor: self._wait_for,
            actions.Mark: self._mark,
            **FabricSteps(machine, self._run, self._fabric, self._cpus, self._drivers, self._acts).handlers(),
        }

    def _make_cpus(self) -> dict[CoreId, Cpu]:
        program, machine = self._program, self._machine
        bare = Bare(nesting=program.nesting)
        kernel: Software = bare
        wanted = Wanted(machine, program)
        if program.software == "linux":
            self._drivers = Drivers(machine, self._run, wanted, program.defects)
            handlers = self._drivers.handlers()
            for line in bits(wanted.ipi_lines):
                handlers[line] = partial(self._ops.handle, line=line)
            kernel = Linux(handlers)
        cpus = {}
        for index, (core_id, core) in enumerate(machine.core.items()):
            # The RM is not Linux's, and a core without an interrupt controller in the tree is none to it.
            software = kernel if core_id.pid != RM and core_id in machine.with_intc else bare
            lines = machine.ipi_lines.get(core_id, 0) | wanted.lines(core_id)
            if program.boot != "running" and core_id != CoreId(0, RM):
                core.reset()
            else:
                software.boot(core, lines)
            cpus[core_id] = Cpu(self._run, index, core, software, lines, program.entry, program.service)
        self._run.bitten = machine.bitten
        machine.listener = self._fabric = Fabric(self._run, cpus, program.delivery, self._started)
        return cpus

    def _make_ports(self) -> dict[int, IpiPort]:
        ports = {}
        for cluster, controller in self._machine.controllers.items():
            cpus = {core.pid: cpu for core, cpu in self._cpus.items() if core.cluster == cluster}
            port = IpiPort(self._run, controller.model, cluster, cpus, self._program.delivery)
            controller.model.port = ports[cluster] = port
        return ports

    @property
    def parts(self) -> Parts:
        """What the engine consists of, for who takes and restores snapshots."""
        return Parts(
            self._machine,
            self._program,
            self._run,
            self._judge,
            self._cpus,
            self._ports,
            self._fabric,
            self._ops,
            self._drivers,
            self._probed,
            self._position,
            self._resume,
        )

    def keep(self, tick: int, take: Take) -> None:
        """Have `take` called once: when time is about to pass `tick`, or else where the run ends.

        It is not called where a limit ends the run in the midst of a tick.
        """
        self._run.keep(tick, take)

    def run(self) -> Outcome:
        """Run the whole program and return what came of it.

        Raises InputError for a step whose time has passed when it is reached, and DefectError if the
        requests do not add up.
        """
        with no_collection():  # what a run makes is rows and counts, and no garbage
            return self._outcome(self._stopped())

    def _stopped(self) -> str | None:
        """Run to the end, or to a limit, and return which."""
        stopped = None
        for cpu in self._cpus.values():
            self._run.enabled(cpu.id, cpu.core.ile)
        try:
            if not self._resume:
                self._begin()
            self._steps(self._program.actions)
            self._position.append(len(self._program.actions))
            self._run.settle()
        except Endless as limit:
            return str(limit)
        except Stopped as limit:
            stopped = str(limit)
        self._run.take(ended=True)
        return stopped

    def _outcome(self, stopped: str | None) -> Outcome:
        run, judge = self._run, self._judge
        run.flush()
        summary = judge.tally.summary(self.ledger())
        balance(summary)
        return Outcome(
            tick=run.last,
            rows=judge.tally.rows,
            summary=summary,
            checked=judge.checked,
            failed=judge.failed,
            failures=judge.failures(),
            expectations=judge.expectations(self._program.actions),
            warnings=judge.warnings(),
            stopped=stopped,
        )

    @property
    def told(self) -> list[str]:
        """What was done how, for people; the results do not depend on it."""
        return []

    def _begin(self) -> None:
        """Do what happens before the first step: the probes of Linux's drivers, or its whole boot."""
        program = self._program
        if program.software == "linux" and program.boot == "running":
            for cluster in self._ports:
                self._probe_ipi(cluster)
            for cluster in self._pids:
                self._probe_apic(cluster)
        if program.boot == "full":
            boot_all(self._machine, self._fabric, self._cpus)

    def _probe_ipi(self, cluster: int, pid: int = 0) -> None:
        """Do what the probe of the IPI driver does: block the RM."""
        if cluster in self._ports:
            self._run.writer = (cluster, pid)
            self._ports[cluster].model.write(IpiCtrl.MASK.offset, IpiCtrl.MASK.size, PROBE_MASK)

    def _probe_apic(self, cluster: int, first: CoreId | None = None) -> None:
        """Let the drivers of the APIC start in a cluster, on the core that came up first."""
        if self._drivers is not None:
            self._drivers.probe(cluster, first)

    def _started(self, core: CoreId) -> None:
        """Let a cluster's Linux start with the first of its cores that was held in reset until now."""
        cpu = self._cpus[core]
        if isinstance(cpu.software, Linux) and core.cluster not in self._probed:
            self._probed.add(core.cluster)
            # What the drivers write is not the doing of the step that woke the core up: no warnings of it.
            place, self._run.place = self._run.place, None
            writer, cause = self._run.writer, self._fabric.cause
            self._probe_ipi(core.cluster, core.pid)
            self._probe_apic(core.cluster, core)
            self._run.place, self._run.writer, self._fabric.cause = place, writer, cause

    def ledger(self) -> Ledger:
        """Return what the engine knows without rows of the requests that were made so far."""
        sent: Counter[Wire] = Counter()
        for port in self._ports.values():
            for (line, mask), times in port.writes.items():
                for cpu in port.targets(mask):
                    sent[cpu.id, line] += times
        pending = Counter((core, line) for core, cpu in self._cpus.items() for line in cpu.pending())
        flying = Counter(
            (cpu.id, line)
            for _, priority, _, line, _, target in self._run.queue
            if priority == ARRIVAL and target[1] is not None  # a device's was not sent by a core
            for cpu in target[0]
        )
        return Ledger(sent, pending, flying)

    # The steps. Each that lets time pass keeps what it needs to go on in `_position`, and takes it from
    # `_resume` when a run that was saved inside it goes on.

    def _steps(self, program: Sequence[actions.Action]) -> None:
        run, do, position, resume = self._run, self._do, self._position, self._resume
        level = len(position)
        first = resume.popleft() if resume else 0
        position.append(first)
        for position[level], action in enumerate(program[first:] if first else program, first):
            if not resume:
                run.place = action.place
                if action.at is not None:
                    if action.at < run.now:
                        raise _late(action.place, f"at {action.at} is in the past: it is tick {run.now}")
                    run.advance(action.at)
                run.pause()
            do[type(action)](action)
        position.pop()

    def _acts(self, core: CoreId | None) -> None:
        """Let a core be the writer of what follows, now; None is a device."""
        if core is not None:
            self._run.writer = core
        self._fabric.cause = core
        self._run.last = self._run.now

    def _write_set(self, register: Register, line: int, cluster: int, mask: int) -> None:
        """Write `mask` to the register of `line`'s set in a cluster's IPI controller."""
        offset = register.offset + (line - FIRST_LINE) * register.stride
        self._ports[cluster].model.write(offset, register.size, mask)

    def _send(self, action: actions.Send) -> None:
        self._acts(action.writer)
        if action.operation is not None:
            for cluster, mask in action.masks:
                self._ops.post((CoreId(cluster, pid) for pid in bits(mask)), action.operation)
        for cluster, mask in action.masks:
            self._write_set(IpiCtrl.INTERRUPT, action.line, cluster, mask)

    def _block(self, action: actions.Block) -> None:
        self._acts(action.writer)
        for cluster, mask in action.masks:
            self._write_set(IpiCtrl.MASK, action.line, cluster, mask)

    def _write(self, action: actions.Write) -> None:
        self._write_bus(action.place, action.writer, action.address, action.size, action.value)

    def _write_bus(
        self, place: Place, writer: CoreId, address: int, size: int, value: int, row: int | None = None
    ) -> None:
        """Write to the bus, in the step at `place`, as the `row` of a table if it is one."""
        self._acts(writer)
        try:
            self._machine.write(writer, address, size, value)
        except BusError as error:
            self._run.fault(writer, address)
            where = "" if row is None else f" (row {row} of the table)"
            self._run.warn(place, "bus-error", f"write to {address:#x}{where}: {error}")

    def _read(self, action: actions.Read) -> None:
        self._acts(action.reader)
        found: int | str
        try:
            found = self._machine.read(action.reader, action.address, action.size)
        except BusError as error:
            found = BUS_ERROR
            self._run.fault(action.reader, action.address)
            if action.equals != BUS_ERROR:
                self._run.warn(action.place, "bus-error", f"read of {action.address:#x}: {error}")
        if action.equals is not None:
            message = f"read of {action.address:#x}: expected {shown(action.equals)}, found {shown(found)}"
            self._check(found == action.equals, action.place, READ, message, action.reader)

    def _check(self, holds: bool, place: Place, what: str, message: str, core: CoreId) -> None:
        """Count an expectation about what a core holds or reads."""
        if not holds:
            self._run.flush()  # the last rows are told
        self._judge.check(holds, place, what, lambda: message, (core,))

    def _enable(self, action: actions.Enable) -> None:
        for core in action.cores:
            self._acts(core)
            cpu = self._cpus[core]
            ile = cpu.core.ile
            cpu.poke("ILE", ile | action.lines if action.on else ile & ~action.lines)

    def _level(self, action: actions.Level) -> None:
        for core in action.cores:
            self._acts(core)
            cpu = self._cpus[core]
            ill = cpu.core.ill
            for line in bits(action.lines):
                ill = ill & ~(3 << 2 * line) | action.level << 2 * line
            cpu.poke("ILL", ill)

    def _sfr(self, action: actions.Sfr) -> None:
        name, value = action.register, action.value
        lost = value & ~Core.sfrs()[name].register.writable
        if lost and action.operation != "equals":
            self._run.warn(action.place, "register-bits", f"{name} has no bits {lost:#x}: they are ignored")
        for core in action.cores:
            self._acts(core)
            cpu = self._cpus[core]
            held = cpu.core.peek(name)
            if action.operation == "equals":
                message = f"{core} {name}: expected {value:#x}, found {held:#x}"
                self._check(held == value, action.place, str(core), message, core)
                continue
            new = {"set": held | value, "clear": held & ~value, "write": value}[action.operation]
            if name == "ILR":
                cpu.write_ilr(new, value if action.operation == "set" else 0)
            else:
                cpu.poke(name, new)

    def _wait(self, action: actions.Wait) -> None:
        run, position, resume = self._run, self._position, self._resume
        ticks = action.ticks
        until = resume.popleft() if resume else run.now + (ticks or 0)
        position.append(until)
        if ticks is None:
            run.settle()
        else:
            run.advance(until)
        position.pop()

    def _repeat(self, action: actions.Repeat) -> None:
        position, resume = self._position, self._resume
        every = action.every
        start, first = (resume.popleft(), resume.popleft()) if resume else (self._run.now, 0)
        position += (start, first)
        self._iterations.append(first)
        for k in range(first, action.count):
            position[-1] = k
            if every is not None and not resume:
                self._meet(action, start + k * every)
            self._iterations[-1] = k
            self._steps(action.body)
        self._iterations.pop()
        position[-1] = action.count
        self._run.place = action.place
        if every is not None:
            self._meet(action, start + action.count * every)
        del position[-2:]

    def _meet(self, action: actions.Repeat, tick: int) -> None:
        """Move on to the start of the next iteration, which must not have passed."""
        if self._run.now > tick:
            late = self._run.now - tick
            message = f"the body is {late} ticks longer than every, {action.every} ticks"
            raise _late(action.place, message)
        self._run.advance(tick)

    def _random(self, action: actions.Random) -> None:
        run, position, resume = self._run, self._position, self._resume
        start, first = (resume.popleft(), resume.popleft()) if resume else (run.now, 0)
        position += (start, first)
        last = len(position) - 1
        sends = random_sends(action, self._pids, self._iterations, first)
        for position[last], (sender, line, mask) in enumerate(sends, first):
            if k := position[last]:
                run.advance(start + k * action.every)
                run.pause()
            self._acts(sender)
            self._write_set(IpiCtrl.INTERRUPT, line, sender.cluster, mask)
        position[last] = action.count
        run.advance(start + action.count * action.every)
        del position[-2:]

    def _replay(self, action: actions.Replay) -> None:
        run, position, resume = self._run, self._position, self._resume
        start, first = (resume.popleft(), resume.popleft()) if resume else (run.now, 0)
        position += (start, first)
        last = len(position) - 1
        writes = chain.from_iterable(chunk.writes() for chunk in action.table.chunks())
        for position[last], (tick, address, value, writer) in enumerate(islice(writes, first, None), first):
            run.advance(start + tick)
            run.pause()
            self._write_bus(action.place, writer, address, 4, value, position[last] + 1)
        del position[-2:]

    def _expect(self, action: actions.Expect) -> None:
        self._run.flush()
        self._judge.expect(action, self._count_pending)

    def _wait_for(self, action: actions.WaitFor) -> None:
        run, position, resume = self._run, self._position, self._resume
        until = resume.popleft() if resume else run.now + action.limit
        position.append(until)
        run.flush()
        self._judge.wait_for(action, self._count_pending, lambda: run.step(until))
        run.flush()
        position.pop()

    def _count_pending(self, cores: Collection[CoreId] | None, lines: int | None) -> int:
        wanted = ALL_LINES if lines is None else lines
        return sum(
            wanted >> line & 1
            for core in (self._cpus if cores is None else cores)
            for line in self._cpus[core].pending()
        )

    def _mark(self, action: actions.Mark) -> None:
        self._run.flush()
        self._judge.mark(action.name)


def _late(place: Place, message: str) -> InputError:
    return InputError([Finding(ERROR, "script-time", message, place)])
