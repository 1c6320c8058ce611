"""The wires of the machine in time: what travels over them makes rows, and takes its time."""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING

from kvx_emu.engine.run import ARRIVAL
from kvx_emu.machine.listener import Listener
from kvx_emu.trace.row import ACK, LOST, MAILBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.cpu import Cpu
    from kvx_emu.engine.run import Run

_BY_A_CORE = {MAILBOX, ACK}
"""Stages that an access of a core can make: their rows name it."""


class Fabric(Listener):
    """Shows what happens on the wires, and hands requests to the cores `delivery` ticks later.

    `started` is told each core that was held in reset and runs now.
    """

    def __init__(
        self, run: Run, cpus: Mapping[CoreId, Cpu], delivery: int, started: Callable[[CoreId], None]
    ) -> None:
        super().__init__({core: cpu.core for core, cpu in cpus.items()})
        self._started = started
        self._run = run
        self._cpus = cpus
        self._delivery = delivery

    def now(self) -> int:
        """Return the current tick."""
        return self._run.now

    def request(self, core: CoreId, line: int) -> None:
        """Bring the request of a device to a core."""
        run, cpu = self._run, self._cpus[core]
        if self._delivery:
            due = run.now + self._delivery
            parcel = ((cpu,), None, None, run.place)
            heappush(run.queue, (due, ARRIVAL, run.ticket(), line, run.arrive, parcel))
        else:
            cpu.request(line, None, None)

    def start(self, core: CoreId, pc: int) -> None:
        """Wake a core up."""
        self._cpus[core].start(pc, self.cause, self._started)

    def hold(self, core: CoreId) -> None:
        """Hold a core in reset."""
        self._cpus[core].hold()

    def stage(self, event: str, cluster: int | None, core: int | None, line: int, value: int) -> None:
        """Make a row of a stage."""
        run = self._run
        run.last = run.now
        by = self.cause if event in _BY_A_CORE else None
        run.rows.append((run.now, cluster, core, event, line, *(by or (None, None)), value))

    def lost(self, block: str, cluster: int | None, number: int, why: str) -> None:
        """Make a row of an interrupt that ended without effect, and warn, once for each place and reason."""
        run = self._run
        run.rows.append((run.now, cluster, None, LOST, number, None, None, 0))
        run.warn((block, number, why), "lost", f"{block}: {why}")

    def odd(self, code: str, message: str) -> None:
        """Warn of it."""
        self._run.warn((code, message), code, message)
