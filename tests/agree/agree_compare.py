"""One case on two engines: what each gives, the first difference, and smaller cases that still have one."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias
from unittest.mock import patch

from agree_boards import machine_of

from kvx_emu.engine import cpu as engine_cpu
from kvx_emu.engine import run as engine_run
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.engine import Vector
from kvx_emu.engine.vector.tuning import Tuning
from kvx_emu.errors import InputError, KvxEmuError
from kvx_emu.hw.register import registers_of
from kvx_emu.limits import LIMITS
from kvx_emu.models.core import Core
from kvx_emu.trace.sink import Filter
from kvx_emu.trace.text import csv_lines, json_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agree_programs import Case

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Program
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.sink import Sink

FEW = LIMITS._replace(alarms=200, takes=200)
"""Few, so that drawn cases meet them: timers that run out while a run settles, interrupts in a tick."""

AROUND = 6
"""Rows shown before the first that differs, and from there on."""

_REGISTERS = tuple(register.attribute for register in registers_of(Core))
_PLAIN = {int, str, type(None)}


class Engine(Protocol):
    """What runs a program: Reference, Vector, or a broken copy."""

    def run(self) -> Outcome: ...


Make: TypeAlias = "Callable[[Machine, Program, Sequence[Sink], Case], Engine]"


def reference(machine: Machine, program: Program, sinks: Sequence[Sink], case: Case) -> Engine:
    """Make the engine that is the truth."""
    return Reference(machine, program, sinks, limit_ticks=case.limit_ticks, limit_events=case.limit_events)


def vector(machine: Machine, program: Program, sinks: Sequence[Sink], case: Case) -> Engine:
    """Make the engine that has to agree with it."""
    return Vector(
        machine,
        program,
        sinks,
        limit_ticks=case.limit_ticks,
        limit_events=case.limit_events,
        tuning=Tuning(case.chunk, case.batch, case.batches, case.exceptions, case.words),
        fast=case.fast,
    )


class Rows:
    """A sink that keeps the chunks, as they come; lists are copied, for they change."""

    def __init__(self) -> None:
        self.chunks: list[Sequence[Row]] = []

    def add(self, rows: Sequence[Row]) -> None:
        self.chunks.append(list(rows) if isinstance(rows, list) else rows)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...

    def rows(self) -> list[Row]:
        """Return all rows."""
        return list(chain.from_iterable(self.chunks))


@dataclass
class Result:
    """What a run gave; of one that an error ended, the error alone and what rows were handed on till then."""

    rows: list[Row]
    outcome: Outcome | None = None
    error: str = ""
    cores: dict[CoreId, dict[str, Any]] = field(default_factory=dict)
    blocks: dict[str, Any] = field(default_factory=dict)  # what each block remembers, by path
    machine: Any = None  # all that the machine does, as a snapshot has it
    told: tuple[str, ...] = ()
    solved: int = 0  # writes that the vector engine solved as a whole
    refused: int = 0  # writes that it left to the reference though they are of a stretch
    why: dict[str, int] = field(default_factory=dict)  # the latter, by what was in the way


class Difference(NamedTuple):
    """Where two runs differ: a word for the kind, and the text of a report."""

    kind: str
    text: str


def run(make: Make, case: Case, sinks: Sequence[Sink], program: Program | None = None) -> Result:
    """Run a case; errors that are no input's are raised."""
    machine = machine_of(case.board)
    engine = make(machine, program or case.program(), sinks, case)
    result = Result([])
    try:
        with patch.object(engine_run, "LIMITS", FEW), patch.object(engine_cpu, "LIMITS", FEW):
            result.outcome = engine.run()
    except InputError as error:
        result.error = str(error)
    result.told = tuple(getattr(engine, "told", ()))
    result.solved = getattr(engine, "solved", 0)
    result.why = dict(getattr(engine, "refused", {}))
    result.refused = sum(result.why.values())
    for name, core in machine.core.items():
        state = {register: getattr(core, register) for register in _REGISTERS}
        state |= {"pc": core.pc, "rz": core.rz, "state": core.state.value, "open": core.open}
        result.cores[name] = state
    result.blocks = {path: block.model.state() for path, block in machine.blocks.items()}
    result.machine = machine.state()
    return result


def compare(make: Make, case: Case) -> tuple[Difference | None, Result]:
    """Run a case on the reference and on another engine; tell how they differ, and what the latter gave."""
    program = case.program()
    kept = Rows()
    try:
        expected = run(reference, case, [kept], program)
    except KvxEmuError as error:
        return Difference("reference", f"the reference fails: {error}"), Result([])
    expected.rows = kept.rows()
    kept, part = Rows(), Rows()
    sinks: list[Sink] = [kept]
    if case.filter:
        sinks.insert(0, Filter(part, **case.filter))
    try:
        found = run(make, case, sinks, program)
        found.rows = kept.rows()
        difference = _compare(expected, found) or _compare_sinks(expected, kept, part, case)
        if difference is None and case.sinkless:
            alone = run(make, case, [], program)
            # The vector engine makes rows for who wants them alone, so it may have none to show.
            difference = _compare_outcomes(_rowless(expected), _rowless(alone), "without sinks: ")
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} in {where.name}"
        return Difference(kind, "".join(traceback.format_exception(error)[-6:])), Result([])
    return difference, found


def _rowless(result: Result) -> Result:
    """Return a result whose failures show no rows."""
    outcome = result.outcome
    if outcome is None:
        return result
    failures = tuple(failure._replace(lines=()) for failure in outcome.failures)
    expectations = tuple(expectation._replace(rows=()) for expectation in outcome.expectations)
    return replace(result, outcome=outcome._replace(failures=failures, expectations=expectations))


def _compare(expected: Result, found: Result) -> Difference | None:
    """Compare all but what a run without sinks gives."""
    ours, theirs = expected.rows, found.rows
    if expected.error or found.error:
        # What an engine had not handed on when the error came is not to be had from it.
        least = min(len(ours), len(theirs))
        ours, theirs = ours[:least], theirs[:least]
    if ours != theirs:
        return Difference("rows", _first_row(ours, theirs))
    if not set(map(type, chain.from_iterable(theirs))) <= _PLAIN:
        odd = next(row for row in theirs if not set(map(type, row)) <= _PLAIN)
        return Difference("types of a row", f"{[type(item).__name__ for item in odd]}: {odd}")
    return _compare_outcomes(expected, found, "")


def _first_row(ours: Sequence[Row], theirs: Sequence[Row]) -> str:
    pairs = zip(ours, theirs, strict=False)
    at = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
    before = ["  " + csv_lines([row]) for row in ours[max(0, at - AROUND) : at]]
    return (
        f"row {at} is the first that differs (reference: {len(ours)} rows, this engine: {len(theirs)})\n"
        + "".join(before)
        + "".join(f"- {csv_lines([row])}" for row in ours[at : at + AROUND])
        + "".join(f"+ {csv_lines([row])}" for row in theirs[at : at + AROUND])
    )


def _compare_outcomes(expected: Result, found: Result, which: str) -> Difference | None:
    """Compare outcomes and the final states."""
    if expected.error != found.error:
        text = f"reference: {expected.error or 'no error'}\nthis engine: {found.error or 'no error'}"
        return Difference(which + "error", text)
    ours, theirs = expected.outcome, found.outcome
    if ours is None or theirs is None:
        return None
    for name, a, b in zip(ours._fields, ours, theirs, strict=True):
        if a != b:
            if name == "summary":
                wires = [wire for wire in {**a, **b} if a.get(wire) != b.get(wire)]
                a, b = ({wire: side.get(wire) for wire in wires[:3]} for side in (a, b))  # noqa: PLW2901
            elif isinstance(a, tuple):
                a, b = ("\n" + "\n".join(map(str, side)) for side in (a, b))  # noqa: PLW2901
            return Difference(f"{which}outcome.{name}", f"reference: {a}\nthis engine: {b}")
    if list(ours.summary) != list(theirs.summary):
        return Difference(which + "order of the summary", f"{list(ours.summary)}\n{list(theirs.summary)}")
    numbers = [theirs.tick, theirs.rows, theirs.checked, theirs.failed]
    numbers += chain.from_iterable(theirs.summary.values())
    odd = {type(number).__name__ for number in numbers} - {"int"}
    if odd:
        return Difference(which + "types of the outcome", f"found {odd}")
    return _compare_machines(expected, found, which + ("after a limit: " if ours.stopped else ""))


def _compare_machines(expected: Result, found: Result, which: str) -> Difference | None:
    """Compare what all cores and blocks hold in the end."""
    for name, state in expected.cores.items():
        for register, held in state.items():
            other = found.cores[name][register]
            if held != other or type(held) is not type(other):
                text = f"{name} {register}: reference {_hex(held)}, this engine {_hex(other)}"
                return Difference(which + f"state.{register}", text)
    for path, state in expected.blocks.items():
        other = found.blocks[path]
        if state != other:
            wrong = {name: (state[name], other[name]) for name in state if state[name] != other[name]}
            return Difference(f"{which}block.{path.rpartition('/')[2]}", f"{path}: {wrong}"[:2000])
    if expected.machine != found.machine:  # the timers' counts, and what is high
        names = [name for name, value in expected.machine.items() if value != found.machine[name]]
        return Difference(which + "machine", f"differ in {names}: {_unlike(expected.machine, found.machine)}")
    return None


def _unlike(ours: Any, theirs: Any) -> str:
    """Return the first leaf in which two states differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        for name, value in ours.items():
            if value != theirs[name]:
                return f"{name}: {_unlike(value, theirs[name])}"
    return f"reference {ours!r}, this engine {theirs!r}"


def _hex(held: Any) -> str:
    if isinstance(held, list):
        return f"[{', '.join(map(_hex, held))}]"
    return f"{held:#x}" if type(held) is int else repr(held)


def _compare_sinks(expected: Result, kept: Rows, part: Rows, case: Case) -> Difference | None:
    """Compare what else can be done with the chunks: writing and filtering them."""
    if not case.filter or expected.error:
        return None
    rows = expected.rows
    for form in (csv_lines, json_lines):
        text = "".join(map(form, kept.chunks))
        if text != form(rows):
            lines = zip(form(rows).splitlines(), text.splitlines(), strict=False)
            first = next((pair for pair in lines if pair[0] != pair[1]), "the lengths differ")
            return Difference(form.__name__, f"{first}")
    wanted = Rows()
    Filter(wanted, **case.filter).add(rows)
    if wanted.rows() != part.rows():
        return Difference("filter", f"{case.filter}\n{_first_row(wanted.rows(), part.rows())}")
    return None


def report(case: Case, difference: Difference, number: int | None = None) -> str:
    """Return what to print of a case on which engines differ."""
    name = "" if number is None else f" of case {number}"
    return (
        f"== {difference.kind}{name}: {case.run_with()}\n{difference.text.rstrip()}\n"
        f"-- board\n{case.board}\n-- script\n{case.text()}"
        + "".join(f"-- {name}\n{text}" for name, text in case.tables().items())
    )
