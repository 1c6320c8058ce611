"""The same cores as a SimPy model: a process for each core, an event or an interrupt for each request.

SimPy orders the events of one instant by priority, then by age. Requests get a lower priority than all that
the cores do, so that an exit comes before a request of the same tick, and so that a core has done what it
can before the next request of that tick reaches it. Everything else is as SimPy's guides write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy
from simpy.events import EventPriority

from .prepared import COALESCED, DELIVERED, FIRST_LINE, MASKED, NEVER, PENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .prepared import Prepared

Record = list[int]
"""[fate, enter, exit] of an edge; ticks."""

AFTER_CORES = EventPriority(2)
"""A priority below simpy.core.NORMAL."""


def run(prepared: Prepared) -> list[Record]:
    """Return the record of every edge, by write, then core."""
    env = simpy.Environment()
    pids = [pid for pid in range(17) if prepared.cores >> pid & 1]
    cores = {(cluster, pid): Core(env, prepared) for cluster in range(prepared.clusters) for pid in pids}
    records: list[Record] = []
    env.process(_writer(env, prepared, cores, records))
    env.run()
    return records


def after_cores(env: simpy.Environment, delay: int) -> simpy.Event:
    """Return an event that happens `delay` ticks from now, after all that the cores do at that tick."""
    event = simpy.Event(env)
    event._ok, event._value = True, None  # as in the constructor of simpy.Timeout
    env.schedule(event, AFTER_CORES, delay)
    return event


def _writer(
    env: simpy.Environment,
    prepared: Prepared,
    cores: dict[tuple[int, int], Core],
    records: list[Record],
) -> Generator[simpy.Event, None, None]:
    """Make the writes."""
    delivery = prepared.delivery
    blocked: dict[tuple[int, int], int] = {}
    columns = (column.tolist() for column in prepared[:5])
    for tick, cluster, line, value, to_mask in zip(*columns, strict=True):
        yield after_cores(env, tick - int(env.now))
        if to_mask:
            blocked[cluster, line] = value
            continue
        stopped = blocked.get((cluster, line), 0)
        reached: list[tuple[Core, Record]] = []
        for pid in range(17):
            if value & prepared.cores & 1 << pid:
                record = [MASKED, NEVER, NEVER]
                records.append(record)
                if not stopped >> pid & 1:
                    reached.append((cores[cluster, pid], record))
        if delivery:
            after_cores(env, delivery).callbacks.append(_delivering(reached, line))
        else:
            _deliver(reached, line)


def _delivering(reached: list[tuple[Core, Record]], line: int) -> Callable[[simpy.Event], None]:
    return lambda _event: _deliver(reached, line)


def _deliver(reached: list[tuple[Core, Record]], line: int) -> None:
    for core, record in reached:
        core.request(line - FIRST_LINE, record)


class Core:
    """A core: its pending requests, and the process that handles them. Lines count from 0 here."""

    def __init__(self, env: simpy.Environment, prepared: Prepared) -> None:
        self.env = env
        self.prepared = prepared
        self.ilr: dict[int, Record] = {}
        self.level = 0  # what a line must be above to be taken
        self.open = True  # whether such a line is taken now; not so while an exception is entered
        self.awake = env.event()
        self.idle = True
        self.process = env.process(self.run())

    def request(self, line: int, record: Record) -> None:
        """Latch a request, and tell the process if it is to take it."""
        if line in self.ilr:
            record[0] = COALESCED
            return
        record[0] = PENDING
        self.ilr[line] = record
        if self.open and self.takes(line):
            if self.idle:
                self.awake.succeed()
            else:
                self.process.interrupt()

    def takes(self, line: int) -> bool:
        """Whether a line is above what runs."""
        return bool(self.prepared.enabled >> line & 1) and self.prepared.levels[line] > self.level

    def candidate(self) -> int | None:
        """Return the line to take: the highest level, of equals the lowest number; or None."""
        lines = [line for line in self.ilr if self.takes(line)]
        return min(lines, key=lambda line: (-self.prepared.levels[line], line)) if lines else None

    def run(self) -> Generator[simpy.Event, None, None]:
        """Handle requests for ever, asleep while there are none."""
        while True:
            line = self.candidate()
            if line is None:
                yield self.awake
                self.awake = self.env.event()
                continue
            self.idle = False
            yield from self.batch() if self.prepared.batch else self.exception(line)
            self.idle = True

    def batch(self) -> Generator[simpy.Event, None, None]:
        """Handle all that is enabled and pending, one after the other, with interrupts off."""
        lines = sorted(line for line in self.ilr if self.prepared.enabled >> line & 1)
        batch = [(line, self.ilr.pop(line)) for line in lines]
        self.open = False
        yield self.env.timeout(self.prepared.entry)
        for line, record in batch:
            record[0], record[1] = DELIVERED, int(self.env.now)
            yield self.env.timeout(self.prepared.service[line])
            record[2] = int(self.env.now)
        self.open = True

    def exception(self, line: int) -> Generator[simpy.Event, None, None]:
        """Handle one line, and lines of higher levels in between if handlers nest."""
        env, before = self.env, self.level
        record = self.ilr.pop(line)
        self.level, self.open = self.prepared.levels[line], False
        yield env.timeout(self.prepared.entry)
        record[0], record[1] = DELIVERED, int(env.now)
        left = self.prepared.service[line]
        while True:
            if self.prepared.nesting:
                higher = self.candidate()
                if higher is not None:
                    yield from self.exception(higher)
                    continue
                self.open = True
            start = env.now
            try:
                yield env.timeout(left)
            except simpy.Interrupt:
                left -= int(env.now - start)
            else:
                break
        record[2] = int(env.now)
        self.level, self.open = before, True
