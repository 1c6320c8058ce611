"""Snapshots: all that a run has come to, as a file from which the rest of the run can be made.

The form is JSON in its one canonical text: an object of the names below, keys sorted, no spaces, a line end
after it. `digest` is the SHA-256 of the canonical text of all the rest; `board` and `program` are the
digests of `identity`. What follows from the rest is not in it: the cores' entries in the queue of events
from the exceptions under way, the counts of all rows from those of each interval.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kvx_emu.engine.identity import board_digest, digest, program_digest
from kvx_emu.engine.places import Places
from kvx_emu.engine.run import TIMES
from kvx_emu.engine.software import Linux
from kvx_emu.errors import DefectError, KvxEmuError, OutputError
from kvx_emu.files import display_name, read_input
from kvx_emu.limits import LIMITS
from kvx_emu.models.core import LINES
from kvx_emu.models.ipi_ctrl import CORES, FIRST_LINE, SETS
from kvx_emu.saved import Saved, canonical
from kvx_emu.script import actions
from kvx_emu.trace.tally import balance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.engine.port import IpiPort
    from kvx_emu.engine.reference import Parts, Reference
    from kvx_emu.machine.machine import Machine
    from kvx_emu.saved import Value
    from kvx_emu.script.actions import Action, Program
    from kvx_emu.trace.tally import Ledger


class SnapshotError(KvxEmuError):
    """A file is no snapshot of this run; the message names it. It is an input that is invalid."""

    exit_status = 3


FORMAT = "kvx-emu snapshot"
VERSION = 2
"""Of the form and of what the values mean: a snapshot of another version is refused."""


# Taking


def snapshot(engine: Reference) -> str:
    """Return the snapshot of where a run is: when `Run.keep` says so, or at its end.

    Raises OutputError for one that is too large to be read again.
    """
    parts = engine.parts
    content: dict[str, Value] = {
        "format": FORMAT,
        "version": VERSION,
        "profile": parts.machine.profile,
        "board": board_digest(parts.machine),
        "program": program_digest(parts.program),
        "state": _state(parts),
    }
    text = canonical(content | {"digest": digest(content)})
    if len(text) >= LIMITS.snapshot:
        raise OutputError(
            f"the snapshot has {len(text)} bytes; at most {LIMITS.snapshot} could be read again"
        )
    return text.decode("ascii") + "\n"


def _state(parts: Parts) -> Value:
    parts.run.flush()
    places = Places(parts.program.actions)
    kernel = _kernel(parts)
    return {
        "position": list(parts.position),
        "run": parts.run.state(places),
        "judge": parts.judge.state(places),
        "machine": parts.machine.state(),
        "cpus": {str(core): cpu.state() for core, cpu in parts.cpus.items()},
        "writes": {str(cluster): _writes(port) for cluster, port in parts.ports.items()},
        "cause": None if parts.fabric.cause is None else list(parts.fabric.cause),
        "probed": sorted(parts.probed),
        "driven": None if kernel is None else kernel.driven,
        "affinity": None if parts.drivers is None else parts.drivers.state(),
        "operations": parts.ops.state(),
    }


def _kernel(parts: Parts) -> Linux | None:
    """Return the Linux that the cores share, None without one."""
    return next((cpu.software for cpu in parts.cpus.values() if isinstance(cpu.software, Linux)), None)


def _writes(port: IpiPort) -> Value:
    return [[line, mask, times] for (line, mask), times in sorted(port.writes.items())]


# Reading


def load(path: str, machine: Machine, program: Program) -> Saved:
    """Return the state in a snapshot of this machine and program; `-` is standard input.

    Raises UsageError where the file can not be read, and SnapshotError where it is no snapshot, or a damaged
    one, or one of something else.
    """
    text = read_input(path, LIMITS.snapshot)
    try:
        content = _content(text)
        _compare(content, machine, program)
    except ValueError as error:
        raise _refused(path, error) from None
    return content["state"]


def _content(text: bytes) -> dict[str, Saved]:
    """Return what is in a snapshot, once it is sure that it is whole."""
    if len(text) > LIMITS.snapshot:
        raise ValueError(f"found more than {LIMITS.snapshot} bytes; expected a smaller snapshot")
    damaged = ValueError("not a snapshot of kvx-emu, or a damaged one")
    try:
        content = json.loads(text)
        same = canonical(content) + b"\n" == text
    except (ValueError, RecursionError):
        raise damaged from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise damaged
    if content.get("version") != VERSION:
        raise ValueError(f"found a snapshot of another version; expected version {VERSION}")
    if not same or content.pop("digest", None) != digest(content):
        raise ValueError("the snapshot is damaged: its digest is not that of its content")
    names = ("format", "version", "profile", "board", "program", "state")
    return dict(zip(names, Saved(content, "snapshot").record(*names), strict=True))


def _compare(content: dict[str, Saved], machine: Machine, program: Program) -> None:
    """Raise ValueError unless a snapshot is of this machine and program."""
    if content["profile"].value != machine.profile:
        raise ValueError(f"the snapshot is of another profile than {machine.profile} (--profile)")
    if content["board"].value != board_digest(machine):
        raise ValueError("the snapshot is of another board")
    if content["program"].value != program_digest(program):
        raise ValueError("the snapshot is of another script, or of another --set or --seed")


def _refused(path: str, error: ValueError) -> SnapshotError:
    return SnapshotError(f"{display_name(path)}: {error}")


# Restoring


def restore(engine: Reference, state: Saved, path: str) -> int:
    """Let an engine that has not run go on from a state of the snapshot at `path`; return its tick.

    Raises SnapshotError where the state is none that a run of this program can be in.
    """
    parts = engine.parts
    try:
        _restore(parts, state)
        _check_counts(parts, engine.ledger())
    except ValueError as error:
        raise _refused(path, error) from None
    return parts.run.now


def _restore(parts: Parts, state: Saved) -> None:
    cores = {str(core): cpu for core, cpu in parts.cpus.items()}
    clusters = {str(cluster): port for cluster, port in parts.ports.items()}
    (position, run, judge, machine, cpus, writes, cause, probed, driven, affinity, operations) = state.record(
        "position",
        "run",
        "judge",
        "machine",
        "cpus",
        "writes",
        "cause",
        "probed",
        "driven",
        "affinity",
        "operations",
    )
    places = Places(parts.program.actions)
    _probe(parts, probed)  # first, for what the probes do to blocks and cores was saved with these
    parts.run.restore(run, places, parts.cpus)
    parts.judge.restore(judge, places)
    parts.machine.restore(machine)
    for cpu, saved in zip(cores.values(), cpus.each(cores), strict=True):
        cpu.restore(saved)
    for port, saved in zip(clusters.values(), writes.each(clusters), strict=True):
        _restore_writes(port, saved)
    parts.fabric.cause = None if cause.is_none else cause.core(parts.cpus)
    kernel = _kernel(parts)
    if kernel is not None:
        kernel.driven = driven.number(1 << LINES)
    elif not driven.is_none:
        raise driven.wrong("null, for there is no Linux")
    if parts.drivers is not None:
        parts.drivers.restore(affinity)
    elif not affinity.is_none:
        raise affinity.wrong("null, for there is no Linux")
    parts.ops.restore(operations, parts.cpus)
    _check_position(position.items(), parts.program.actions, parts.run.now, top=True)
    parts.resume.extend(position.numbers())
    parts.run.flush()  # which sees how many rows there may be still


def _probe(parts: Parts, saved: Saved) -> None:
    """Let the drivers of the clusters probe that had done so: they find out again what they had found."""
    parts.probed.clear()
    for cluster in saved.numbers():
        if cluster not in parts.machine.by_cluster or cluster in parts.probed:
            raise saved.wrong("clusters of the board, each once")
        parts.probed.add(cluster)
        if parts.drivers is not None:
            parts.drivers.probe(cluster)


def _restore_writes(port: IpiPort, saved: Saved) -> None:
    port.writes.clear()
    for entry in saved.items():
        line, mask, times = entry.items(3)
        wire = line.number(FIRST_LINE + SETS, least=FIRST_LINE), mask.number(1 << CORES)
        port.writes[wire] = times.number(least=1)


def _check_position(
    position: Sequence[Saved], steps: Sequence[Action], now: int, *, top: bool = False
) -> None:
    """Raise ValueError unless a position is one among these steps, at tick `now`.

    The index of a step alone is before it, of one after the last at the end of the program; what follows
    the index is inside the step.
    """
    if not position:
        raise ValueError("the position ends too early")
    first, *inside = position
    index = first.number(len(steps) + (top and not inside))
    if not inside:
        return
    action = steps[index]
    if isinstance(action, actions.Wait) and len(inside) == 1:
        inside[0].number(TIMES, least=0 if action.ticks is None else now)
    elif isinstance(action, actions.WaitFor) and len(inside) == 1:
        inside[0].number(now + action.limit + 1, least=now)
    elif isinstance(action, actions.Repeat) and len(inside) >= 2:
        start = inside[0].number(now + 1)
        deeper = inside[2:]
        done = inside[1].number(action.count + (not deeper))
        if deeper:
            _check_position(deeper, action.body, now)
        elif action.every is None or start + done * action.every < now:
            raise inside[1].wrong("an iteration that is still to begin")
    elif isinstance(action, actions.Random) and len(inside) == 2:
        start = inside[0].number(now + 1)
        if start + inside[1].number(action.count + 1) * action.every < now:
            raise inside[1].wrong("a send that is still to come")
    elif isinstance(action, actions.Replay) and len(inside) == 2:
        inside[0].number(now + 1)
        inside[1].number(action.table.rows)
    else:
        raise first.wrong("a step that a run can be inside of so")


def _check_counts(parts: Parts, ledger: Ledger) -> None:
    """Raise ValueError unless the counts of a state add up, so that those at the end of the run will."""
    tally = parts.judge.tally
    try:
        balance(tally.summary(ledger))
    except DefectError as error:
        raise ValueError(f"the counts do not add up: {error}") from None
    lookout = parts.judge.lookout
    for core in parts.cpus if parts.program.latency or lookout.pairs else ():
        for line in range(LINES):
            pending = ledger.pending.get((core, line), 0)
            found = {len(tally.asked(*core, line))} if parts.program.latency else set()
            found |= {lookout.asked(*core, line)} if lookout.pairs else set()
            if found != {pending}:
                raise ValueError(f"{core} line {line}: the requests that wait are not those that were asked")
