"""The common input of the baselines, made from a program, and their common output."""

from __future__ import annotations

from itertools import chain, dropwhile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kvx_emu.core_id import RM
from kvx_emu.engine.software import LEVELS, PROBE_MASK
from kvx_emu.hw.register import bits
from kvx_emu.script import actions
from kvx_emu.script.splitmix import random_sends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Program

FIRST_LINE = 24
"""The line of the first of the 8 sets of registers of an IPI controller."""

KERNEL_PS = 0x01000010
"""PS of a core at PL0 with interrupts on and no exception under way: what a bare script must write."""

MASKED, COALESCED, DELIVERED, PENDING = range(4)
"""What becomes of an edge: stopped by MASK, absorbed by a pending one, handled, or never taken."""

NEVER = -1
"""The tick of what did not happen."""


class Prepared(NamedTuple):
    """Writes in the order in which they are made, and what the cores do about them.

    The columns have one length; `tick` never decreases. All clusters have the same cores.
    """

    tick: NDArray[np.int64]
    cluster: NDArray[np.int16]  # of the controller written to
    line: NDArray[np.uint8]  # 24..31
    value: NDArray[np.uint32]  # as written
    to_mask: NDArray[np.bool_]  # the write is to MASK, else to INTERRUPT
    clusters: int
    cores: int  # the cores of a cluster, as bits
    batch: bool  # Linux: an exception handles all that is enabled and pending
    nesting: bool  # a handler can be preempted by a line of a higher level
    delivery: int  # ticks from a write to the request
    entry: int  # ticks from a take to the first handler
    service: tuple[int, ...]  # ticks of a handler of each of the lines 24..31
    enabled: int  # of the lines 24..31, as bits 0..7
    levels: tuple[int, ...]  # 0..3 of each of the lines 24..31
    functional: bool  # nothing takes time and what is sent is taken at once: masks alone decide


class Edges(NamedTuple):
    """The edge table: an entry for each bit of an INTERRUPT write whose core exists; by write, then core."""

    fate: NDArray[np.uint8]
    enter: NDArray[np.int64]  # ticks; NEVER where the edge was not delivered
    exit: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.fate)


def table(records: Sequence[Sequence[int]]) -> Edges:
    """Return the edge table of (fate, enter, exit) records."""
    columns = np.array(records, np.int64).reshape(-1, 3).T
    return Edges(columns[0].astype(np.uint8), columns[1], columns[2])


_Write = tuple[int, int, int, int, bool]
"""(tick, cluster, line, value, whether to MASK)"""

_WRITE = np.dtype([("tick", "i8"), ("cluster", "i2"), ("line", "u1"), ("value", "u4"), ("to_mask", "?")])


def prepare(machine: Machine, program: Program) -> Prepared:
    """Return what a program writes.

    It may send, draw, mask, repeat and wait; before the first write it may write PS, enable lines and set
    their levels, on all cores alike. ValueError for any other, and for a board whose clusters differ.
    """
    cores = _cores(machine)
    linux = program.software == "linux"
    if linux and cores >> RM & 1:
        raise ValueError("the RM is bare under Linux: the baselines know one kind of core")
    if linux and len(set(machine.ipi_lines.values())) != 1:
        raise ValueError("cores differ in their lines")
    enabled = next(iter(machine.ipi_lines.values())) if linux else 0
    levels = [LEVELS.get(line, 0) if linux else 0 for line in range(32)]
    awake = linux
    settings = (actions.Sfr, actions.Enable, actions.Level)
    rest = list(dropwhile(lambda step: isinstance(step, settings), program.actions))
    for step in program.actions[: len(program.actions) - len(rest)]:
        assert isinstance(step, settings)
        if step.cores != machine.cores:
            raise ValueError("a setting of some cores only")
        if isinstance(step, actions.Enable):
            enabled = enabled | step.lines if step.on else enabled & ~step.lines
        elif isinstance(step, actions.Level):
            for each in bits(step.lines):
                levels[each] = step.level
        elif (step.register, step.operation, step.value) == ("PS", "write", KERNEL_PS) and not linux:
            awake = True
        else:
            raise ValueError(f"a write of {step.register}")
    if not awake:
        raise ValueError("interrupts are off")
    writes: Iterable[_Write] = _Unrolling(machine).writes(rest)
    if linux:
        probe = [(0, cluster, FIRST_LINE, PROBE_MASK, True) for cluster in machine.controllers]
        writes = chain(probe, writes)
    columns = np.fromiter(writes, _WRITE)
    tick, cluster, line, value, to_mask = (np.ascontiguousarray(columns[name]) for name in _WRITE.names or ())
    taken = sum(1 << each for each in bits(enabled) if levels[each])
    times = program.delivery, program.entry, *program.service[FIRST_LINE:]
    return Prepared(
        tick,
        cluster,
        line,
        value,
        to_mask,
        clusters=1 + max(machine.controllers),
        cores=cores,
        batch=linux,
        nesting=program.nesting,
        delivery=program.delivery,
        entry=program.entry,
        service=program.service[FIRST_LINE:],
        enabled=enabled >> FIRST_LINE,
        levels=tuple(levels[FIRST_LINE:]),
        functional=not any(times) and all(taken >> int(each) & 1 for each in np.unique(line[~to_mask])),
    )


class _Unrolling:
    """Goes through steps as an engine does, but makes nothing of the writes."""

    def __init__(self, machine: Machine) -> None:
        self._now = 0
        self._iterations: list[int] = []  # of the repeats under way, the outermost first
        self._pids: dict[int, list[int]] = {}
        for cluster, pid in machine.core:
            self._pids.setdefault(cluster, []).append(pid)

    def writes(self, steps: Sequence[actions.Action]) -> Iterator[_Write]:
        """Yield the writes of the steps, in order."""
        for step in steps:
            if step.at is not None:
                self._now = step.at
            if isinstance(step, actions.Send | actions.Block):
                to_mask = isinstance(step, actions.Block)
                for cluster, mask in step.masks:
                    yield self._now, cluster, step.line, mask, to_mask
            elif isinstance(step, actions.Random):
                start = self._now
                for k, (sender, line, mask) in enumerate(random_sends(step, self._pids, self._iterations)):
                    yield start + k * step.every, sender.cluster, line, mask, False
                self._now = start + step.count * step.every
            elif isinstance(step, actions.Repeat):
                start = self._now
                for k in range(step.count):
                    self._now = start + k * step.every if step.every is not None else self._now
                    self._iterations.append(k)
                    yield from self.writes(step.body)
                    self._iterations.pop()
                self._now = start + step.count * step.every if step.every is not None else self._now
            elif isinstance(step, actions.Wait) and step.ticks is not None:
                self._now += step.ticks
            else:
                raise ValueError(f"{type(step).__name__}: no baseline knows this step")


def _cores(machine: Machine) -> int:
    """Return the cores of a cluster, as bits, which must be the same in all."""
    masks = dict.fromkeys(range(1 + max(machine.controllers)), 0)
    for cluster, pid in machine.cores:
        masks[cluster] = masks.get(cluster, 0) | 1 << pid
    if len(set(masks.values())) != 1 or set(masks) != set(machine.controllers):
        raise ValueError("clusters differ in their cores")
    return masks[0]
