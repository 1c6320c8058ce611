"""From a script and a board to a program: names become cores and masks, durations become ticks."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from kvx_emu.collector import no_collection
from kvx_emu.errors import UsageError
from kvx_emu.script import actions, language, times
from kvx_emu.script.budget import check_expansion, check_time
from kvx_emu.script.names import Cores, line_mask
from kvx_emu.script.record import NOWHERE
from kvx_emu.script.report import Refused, Report, TooManyErrors, listed, nearest, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence

    from kvx_emu.core_id import CoreId
    from kvx_emu.errors import Place
    from kvx_emu.script.actions import Action
    from kvx_emu.script.load import Script
    from kvx_emu.script.names import CoreName, CoreSet
    from kvx_emu.script.replay.table import Table
    from kvx_emu.script.steps import Step


class SpecialRegister(Protocol):
    """What a script must know of a special register."""

    @property
    def width(self) -> int:
        """Bits."""
        ...

    @property
    def access(self) -> str:
        """R, W or RW."""
        ...


class Board(Protocol):
    """What a script must know of the board it runs on."""

    @property
    def clock_hz(self) -> int:
        """Frequency of the core clock."""
        ...

    @property
    def cores(self) -> Sequence[CoreId]:
        """The cores, ascending."""
        ...

    @property
    def controllers(self) -> Collection[int]:
        """The clusters that have an IPI controller."""
        ...

    @property
    def sfrs(self) -> Mapping[str, SpecialRegister]:
        """The special registers that a script may name."""
        ...

    @property
    def devices(self) -> Sequence[Hashable]:
        """The interrupts of all devices, as `device_input` returns them."""
        ...

    def device_input(self, node: str, index: int) -> Hashable:
        """Return interrupt `index` of a device of the tree; equal ones are the same interrupt.

        `node` is a path, a label, or a name, with or without its unit address, that only one node has.
        Raises ValueError, with the whole message, where there is no such node, or several, or the node
        has no such interrupt.
        """
        ...

    def controller_input(self, node: str, number: int, cores: tuple[CoreId, ...] | None) -> Hashable:
        """Return input `number` of a GIC, an itgen or the like, or line `number` of a core's controller.

        `cores` (ascending) says which cores are meant where one node stands for the controllers of
        several, and is None where the script does not say. Raises ValueError, with the whole message,
        where there is no such node, no such input, or the cores are missing or not the node's.
        """
        ...

    def mailbox(self, place: int | str, number: int) -> Hashable:
        """Return a mailbox of the cluster `place`, or of the node of that name.

        Raises ValueError, with the whole message, where there is none.
        """
        ...

    def irq_cores(self, target: Hashable) -> Collection[CoreId]:
        """Return the PEs that Linux can move an interrupt to: that of a device, or those of a mailbox.

        There is none for one that leads straight to a core.
        """
        ...


def bind(script: Script, board: Board, *, seed: int | None = None) -> actions.Program:
    """Return the program that `script` is on `board`; `seed` serves the random steps without their own.

    Raises InputError with all findings: those of a script loaded with `partial`, then cores, clusters
    and registers that the board lacks, durations that are no whole number of ticks, times and sizes
    that can not be, tables with errors. Raises UsageError where a table can not be read.
    """
    report = Report(script.source)
    report.findings.extend(script.findings)
    with no_collection(), suppress(TooManyErrors):
        program = Binder(script, board, seed or 0, report).program()
    report.finish()
    return program


class Binder:
    """The state of one `bind`."""

    def __init__(self, script: Script, board: Board, seed: int, report: Report) -> None:
        self.script, self.board, self.seed, self.report = script, board, seed, report
        self.cores = Cores(board.cores)
        self.complete = not script.findings
        self.latency = False
        self.resolved: dict[tuple[tuple[CoreName, ...], CoreId | None, bool], tuple[CoreId, ...]] = {}
        self.makers: dict[type[Step], Callable[..., Action]] = {
            language.SendStep: self.send,
            language.MaskStep: self.mask,
            language.WriteStep: self.write,
            language.ReadStep: self.read,
            language.EnableStep: self.enable,
            language.DisableStep: self.enable,
            language.LevelStep: self.level,
            language.SfrStep: self.sfr,
            language.WaitStep: self.wait,
            language.RepeatStep: self.repeat,
            language.RandomStep: self.random,
            language.ReplayStep: self.replay,
            language.ExpectStep: self.expect,
            language.WaitForStep: self.wait_for,
            language.MarkStep: self.mark,
        }
        self.marks: set[str] = set()  # reached when the step at hand is
        self.all_marks: dict[str, None] = {}  # of the script, once somebody asks
        self.path: list[int] = []
        self.devices: dict[Hashable, None] = {}  # the interrupts of devices that steps name, in their order
        self.tables: dict[str, Table | None] = {}  # by path; None for those with errors, which were told

    def program(self) -> actions.Program:
        """Bind all of it; what is wrong goes into the report."""
        timing = self.script.timing
        bound = self.steps(self.script.steps)
        check_expansion(bound, self.report)
        check_time(bound, self.report)
        devices = self.requested()
        times_of = {duration: self.ticks(duration) or 0 for duration in dict.fromkeys(timing.service)}
        return actions.Program(
            name=self.script.name,
            software=self.script.software,
            nesting=self.script.nesting,
            delivery=self.ticks(timing.delivery) or 0,
            entry=self.ticks(timing.entry) or 0,
            service=tuple(times_of[duration] for duration in timing.service),
            actions=bound,
            latency=self.latency,
            files=tuple(self.tables),
            boot=self.script.boot,
            defects=self.script.driver_defects,
            devices=devices,
        )

    def requested(self) -> tuple[Hashable, ...] | None:
        """Return the interrupts that Linux drivers request at boot; None for all."""
        named = self.script.devices
        if isinstance(named, str):
            return None
        if named is None:
            return tuple(self.devices) if self.script.software == "linux" else ()
        found: dict[Hashable, None] = {}
        for name, position in named:
            try:
                found[self.board.device_input(name, 0)] = None
            except ValueError as error:
                self.report.error(position, "script-node", str(error))
        return tuple(found)

    def steps(self, steps: Sequence[Step | None]) -> tuple[Action, ...]:
        """Return the actions of the steps; those that are wrong are told and left out."""
        bound = []
        for index, step in enumerate(steps):
            if step is None:
                continue
            self.path.append(index)
            with suppress(Refused):
                place, at = self.report.place(step.position), self.ticks(step.at)
                bound.append(self.maker(step)(step, place, at))
            self.path.pop()
        return tuple(bound)

    def maker(self, step: Step) -> Callable[..., Action]:
        """Return what makes the action of a step."""
        kind = type(step)
        if kind not in self.makers:
            from kvx_emu.script.fabric_bind import makers  # scripts of IPIs alone do without

            self.makers |= makers(self)
        return self.makers[kind]

    def ticks(self, duration: times.Duration | None) -> int | None:
        """Return a duration in ticks."""
        if duration is None:
            return None
        try:
            return times.ticks(duration.amount, self.board.clock_hz)
        except ValueError as error:
            self.report.error(duration.position, "script-time", str(error))
            return None

    def many(
        self, chosen: CoreSet, step: Step, sender: CoreId | None = None, *, local: bool = False
    ) -> tuple[CoreId, ...] | None:
        """Return the cores that are named, ascending, each once; see Cores.resolve for `local`."""
        memo = (chosen.names, sender, local)
        found = self.resolved.get(memo)
        if found is not None:
            return found
        union: set[CoreId] = set()
        wrong = False
        for name, position in zip(chosen.names, chosen.positions, strict=True):
            try:
                union.update(self.cores.resolve(name, sender, local=local))
            except ValueError as error:
                if position == NOWHERE:
                    message = f"{error}; it is the default of `from` of `{step.kind}`"
                    self.report.error(step.position, "script-core", message)
                else:
                    self.report.error(position, "script-core", str(error))
                wrong = True
        if wrong:
            return None
        return self.resolved.setdefault(memo, tuple(sorted(union)))

    def some(self, chosen: CoreSet, step: Step, key: str) -> tuple[CoreId, ...]:
        """Return the cores that are named, of the whole board; raises Refused if there is none."""
        cores = self.many(chosen, step)
        if cores is None:
            raise Refused
        if not cores:
            raise self.nobody(chosen, step, key)
        return cores

    def one(self, chosen: CoreSet, step: Step) -> CoreId | None:
        """Return the core that is named."""
        cores = self.many(chosen, step)
        return cores[0] if cores else None

    def nobody(self, chosen: CoreSet, step: Step, key: str) -> Refused:
        """Tell that sets mean no core of this board."""
        names = ", ".join(name.text for name in chosen.names)
        message = f"{quote(names)} means no core here; expected at least one core"
        return self.report.refuse(step.where(key), "script-core", message)

    def masks(self, cores: Sequence[CoreId], step: Step, key: str) -> tuple[tuple[int, int], ...]:
        """Return one mask a cluster, ascending; raises Refused if one has no IPI controller."""
        masks: dict[int, int] = {}
        for cluster, pid in cores:
            masks[cluster] = masks.get(cluster, 0) | 1 << pid
        self.controlled(masks, step, key)
        return tuple(masks.items())

    def controlled(self, clusters: Iterable[int], step: Step, key: str) -> None:
        """Raise Refused unless each of the clusters has an IPI controller."""
        without = [cluster for cluster in clusters if cluster not in self.board.controllers]
        if without:
            having = ", ".join(str(cluster) for cluster in sorted(self.board.controllers)) or "none"
            message = f"cluster {without[0]} has no IPI controller; expected one that has: {having}"
            raise self.report.refuse(step.where(key), "script-core", message)

    def send(self, step: language.SendStep, place: Place, at: int | None) -> Action:
        """Make one write of the targets' mask a cluster."""
        writer = self.one(step.writer, step)
        targets = self.many(step.to, step, writer, local=True)
        if writer is None or targets is None:
            raise Refused
        if not targets:
            raise self.nobody(step.to, step, "to")
        operation = None
        if step.operation is not None:
            if self.script.software != "linux":
                message = "found `op` with `software: bare`; expected it with linux only"
                raise self.report.refuse(step.where("op"), "script-value", message)
            operation = language.OPERATIONS.index(step.operation)
        return actions.Send(place, at, writer, step.line, self.masks(targets, step, "to"), operation)

    def mask(self, step: language.MaskStep, place: Place, at: int | None) -> Action:
        """Make one write of the blocked cores a cluster; none is a write of 0 to the writer's own cluster."""
        writer = self.one(step.writer, step)
        blocked = self.many(step.block, step, writer)
        if writer is None or blocked is None:
            raise Refused
        if not blocked:
            self.controlled([writer.cluster], step, "block")
            return actions.Block(place, at, writer, step.line, ((writer.cluster, 0),))
        return actions.Block(place, at, writer, step.line, self.masks(blocked, step, "block"))

    def write(self, step: language.WriteStep, place: Place, at: int | None) -> Action:
        """Make one bus write."""
        writer = self.one(step.writer, step)
        if writer is None:
            raise Refused
        return actions.Write(place, at, writer, step.address, step.value, step.size)

    def read(self, step: language.ReadStep, place: Place, at: int | None) -> Action:
        """Make one bus read, an expectation with `equals`."""
        reader = self.one(step.reader, step)
        if reader is None:
            raise Refused
        return actions.Read(place, at, reader, step.address, step.size, step.equals)

    def enable(self, step: language.EnableStep, place: Place, at: int | None) -> Action:
        """Make a change of ILE bits, set or cleared by the kind of step."""
        cores = self.some(step.cores, step, "cores")
        return actions.Enable(place, at, cores, line_mask(step.lines), step.kind == "enable")

    def level(self, step: language.LevelStep, place: Place, at: int | None) -> Action:
        """Make a change of the levels of lines."""
        cores = self.some(step.cores, step, "cores")
        return actions.Level(place, at, cores, line_mask(step.lines), step.value)

    def sfr(self, step: language.SfrStep, place: Place, at: int | None) -> Action:
        """Make a change or a check of a special register."""
        known = self.board.sfrs.get(step.register)
        ((operation, value),) = step.chosen
        if known is None:
            names = list(self.board.sfrs)
            message = f"unknown register {quote(step.register)}; expected one of {listed(names)}"
            self.report.error(
                step.where("register"), "script-register", message + nearest(step.register, names)
            )
        elif value >> known.width:
            message = f"{operation} {value:#x} is wider than the {known.width} bits of {step.register}"
            self.report.error(step.where(operation), "script-value", f"{message}; expected less")
        elif ("R" if operation == "equals" else "W") not in known.access:
            can = "read" if operation == "equals" else "written"
            message = (
                f"{step.register} can not be {can} (access {known.access}); expected a register that can"
            )
            self.report.error(step.where(operation), "script-register", message)
        cores = self.some(step.cores, step, "cores")
        return actions.Sfr(place, at, cores, step.register, operation, value)

    def wait(self, step: language.WaitStep, place: Place, at: int | None) -> Action:
        """Make time pass."""
        return actions.Wait(place, at, None if isinstance(step.time, str) else self.ticks(step.time))

    def repeat(self, step: language.RepeatStep, place: Place, at: int | None) -> Action:
        """Repeat the steps inside; marks inside count for what follows, unless the body never runs."""
        marks = set(self.marks)
        body = self.steps(step.steps)
        if step.count == 0:
            self.marks = marks
        return actions.Repeat(place, at, step.count, self.ticks(step.every), body)

    def random(self, step: language.RandomStep, place: Place, at: int | None) -> Action:
        """Make draws: every sender needs a controller, and for `one` another core, in its cluster."""
        senders = self.some(step.writers, step, "from")
        self.controlled(dict.fromkeys(sender.cluster for sender in senders), step, "from")
        for sender in senders:
            if step.targets == "one" and len(self.cores.by_cluster[sender.cluster]) == 1:
                message = f"{sender} has no other core in its cluster; expected one for `targets: one`"
                raise self.report.refuse(step.where("from"), "script-core", message)
        return actions.Random(
            place,
            at,
            step.count,
            self.ticks(step.every) or 0,
            senders,
            step.targets,
            step.lines,
            self.seed if step.seed is None else step.seed,
            tuple(self.path),
        )

    def replay(self, step: language.ReplayStep, place: Place, at: int | None) -> Action:
        """Read and check the table, once for all steps that name it."""
        from kvx_emu.script.replay.table import Table  # needs numpy, as nothing else here

        path = os.path.join(os.path.dirname(self.script.source.path), step.file)
        if path not in self.tables:
            before = len(self.report.findings)
            try:
                table = Table(path, self.board.cores, self.report)
            except UsageError as error:
                raise UsageError(f"{error} ({self.report.place(step.where('file'))} replays it)") from None
            self.tables[path] = table if len(self.report.findings) == before else None
        known = self.tables[path]
        if known is None:
            raise Refused
        return actions.Replay(place, at, known)

    def expect(self, step: language.ExpectStep, place: Place, at: int | None) -> Action:
        """Check counts, order and absence, since a mark that is reached before."""
        cores, lines, senders = self.chosen(step, step)
        self.check_mark(step)
        self.latency |= step.within is not None and senders is None
        never = before = None
        if step.never is not None:
            never = actions.Rows(step.never, cores, lines, senders, step.since)
        if step.before is not None:
            before = (
                actions.Rows((step.event or "enter",), cores, lines, senders, step.since),
                actions.Rows((step.before.event,), *self.chosen(step.before, step), step.since),
            )
        within = self.ticks(step.within)
        return actions.Expect(
            place, at, cores, lines, senders, step.counts, step.since, within, never, before
        )

    def wait_for(self, step: language.WaitForStep, place: Place, at: int | None) -> Action:
        """Make time pass until counts are as expected."""
        cores, lines, senders = self.chosen(step, step)
        self.check_mark(step)
        limit = self.ticks(step.limit) or 0
        return actions.WaitFor(place, at, cores, lines, senders, step.counts, step.since, limit)

    def chosen(
        self, rows: language.CountedStep | language.Later, step: language.CountedStep
    ) -> tuple[tuple[CoreId, ...] | None, int | None, tuple[CoreId, ...] | None]:
        """Return the cores, lines and senders of `rows`, which stand in `step`."""
        return (
            None if rows.cores is None else self.some(rows.cores, step, "core"),
            None if rows.lines is None else line_mask(rows.lines),
            None if rows.senders is None else self.some(rows.senders, step, "from"),
        )

    def check_mark(self, step: language.CountedStep) -> None:
        """Tell a mark that is not reached before the step."""
        if step.since is None or step.since in self.marks or not self.complete:
            return
        self.all_marks = self.all_marks or dict.fromkeys(_marks(self.script.steps))
        if step.since in self.all_marks:
            message = (
                f"the mark {quote(step.since)} is not reached before this step; expected an earlier mark"
            )
        else:
            marks = self.all_marks
            known = f"expected one of {listed(marks)}" if marks else "the script has no marks"
            message = f"unknown mark {quote(step.since)}; {known}{nearest(step.since, marks)}"
        self.report.error(step.where("since"), "script-mark", message)

    def mark(self, step: language.MarkStep, place: Place, at: int | None) -> Action:
        """Give a name to this moment."""
        self.marks.add(step.name)
        return actions.Mark(place, at, step.name)


def _marks(steps: Sequence[Step | None]) -> Iterator[str]:
    """Yield the names of all marks."""
    for step in steps:
        if isinstance(step, language.MarkStep):
            yield step.name
        elif isinstance(step, language.RepeatStep):
            yield from _marks(step.steps)
