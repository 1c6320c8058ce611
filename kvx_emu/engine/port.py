"""The wires between the IPI controllers and the cores, with their delivery time."""

from __future__ import annotations

from collections import Counter
from heapq import heappush
from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId
from kvx_emu.engine.run import ARRIVAL
from kvx_emu.hw.port import Port
from kvx_emu.hw.register import Register, bits
from kvx_emu.models.ipi_ctrl import FIRST_LINE, IpiCtrl
from kvx_emu.trace.row import MASK, MASKED, SEND

if TYPE_CHECKING:
    from kvx_emu.engine.cpu import Cpu
    from kvx_emu.engine.run import Run


class IpiPort(Port):
    """Carries what one IPI controller does to the cores of its cluster, and shows it.

    A write is masked when it is made; its requests reach the cores `delivery` ticks later.
    `writes` counts the accepted writes by (line, target bits).
    """

    def __init__(self, run: Run, model: IpiCtrl, cluster: int, cpus: dict[int, Cpu], delivery: int) -> None:
        self.model = model
        self.writes: Counter[tuple[int, int]] = Counter()
        self._run = run
        self._cluster = cluster
        self.cpus = {pid: cpu for pid, cpu in cpus.items() if model.outputs >> pid & 1}
        self._delivery = delivery
        self._targets: dict[int, tuple[Cpu, ...]] = {}

    def targets(self, mask: int) -> tuple[Cpu, ...]:
        """Return the cores behind the bits of `mask`, ascending; warn of bits without one."""
        found = self._targets.get(mask)
        if found is None:
            for pid in bits(mask):
                if pid not in self.cpus:
                    core = CoreId(self._cluster, pid)
                    self._run.warn(core, "no-such-core", f"the board has no {core}: its bit has no effect")
            found = tuple(self.cpus[pid] for pid in bits(mask) if pid in self.cpus)
            self._targets[mask] = found
        return found

    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        """Carry one accepted write to the cores, in ascending order."""
        if not written:
            return
        run = self._run
        rows, now = run.rows, run.now
        cluster, pid = run.writer
        line = FIRST_LINE + output
        rows.append((now, cluster, pid, SEND, line, None, None, written))
        self.writes[line, raised | blocked] += 1
        if self._delivery:
            if blocked:
                for cpu in self.targets(blocked):
                    rows.append((now, *cpu.id, MASKED, line, cluster, pid, 0))
            cpus = self.targets(raised)
            if cpus:
                parcel = (cpus, cluster, pid, run.place)
                due = now + self._delivery
                heappush(run.queue, (due, ARRIVAL, run.ticket(), line, run.arrive, parcel))
        else:
            for cpu in self.targets(raised | blocked):
                if blocked >> cpu.core.pid & 1:
                    rows.append((now, *cpu.id, MASKED, line, cluster, pid, 0))
                else:
                    cpu.request(line, cluster, pid)

    def stored(self, register: Register, index: int, written: int) -> None:
        """Show a write to MASK."""
        run = self._run
        cluster, pid = run.writer
        run.rows.append((run.now, cluster, pid, MASK, FIRST_LINE + index, None, None, written))

    def odd(self, code: str, message: str) -> None:
        """Warn of an access that nobody can have meant."""
        self._run.warn((code, message), code, message)
