"""Drawn boards: clusters of any cores, wired or not, new names or old, on hardware or as QEMU has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from agree_fabric import nodes

from kvx_emu.core_id import PIDS, RM, CoreId, core_names
from kvx_emu.dt.load import read_tree
from kvx_emu.hw.registry import HARDWARE, QEMU
from kvx_emu.machine.machine import Machine
from kvx_emu.machine.wiring import Wiring, read_wiring

BOARDS = 600
"""So many boards are drawn; each is read once, for that takes as long as a run."""


@dataclass(frozen=True)
class Cluster:
    """A cluster: its cores, whether it has a controller, and which lines this one names for which cores."""

    pids: tuple[int, ...]
    controller: bool = True
    lines: tuple[int, ...] = (24,)
    unwired: tuple[int, ...] = ()


@dataclass(frozen=True)
class Board:
    """A board. Without `intc` its cores have no interrupt controller in the tree, so Linux leaves them alone;
    only the names of before 2024 allow that.
    """

    clusters: tuple[Cluster, ...]
    profile: str = HARDWARE
    intc: bool = True
    blocks: bool = False  # whether it has mailboxes, GICs, power controllers, a generator and devices
    timer_hz: int = 0  # the clock of the cores' timers, 0: that of the cores

    def __str__(self) -> str:
        lines = [] if self.intc else ["no core has an interrupt controller"]
        lines += ["with the blocks of the fabric"] if self.blocks else []
        lines += [f"timers at {self.timer_hz} Hz"] if self.timer_hz else []
        for index, cluster in enumerate(self.clusters):
            cores = core_names(CoreId(index, pid) for pid in cluster.pids)
            wired = core_names(CoreId(index, pid) for pid in cluster.pids if pid not in cluster.unwired)
            named = f"lines {', '.join(map(str, cluster.lines))} of {wired}" if cluster.lines else "nothing"
            lines.append(
                f"{cores}: " + (f"the controller names {named}" if cluster.controller else "no controller")
            )
        return "\n".join(lines)

    @property
    def cores(self) -> tuple[CoreId, ...]:
        """The cores, ascending."""
        return tuple(
            CoreId(index, pid) for index, cluster in enumerate(self.clusters) for pid in cluster.pids
        )

    @property
    def controlled(self) -> tuple[CoreId, ...]:
        """The cores of clusters that have a controller."""
        return tuple(core for core in self.cores if self.clusters[core.cluster].controller)

    def without(self, core: CoreId) -> Board:
        """Return the board without a core; a cluster without cores goes as well, if it is the last."""
        clusters = list(self.clusters)
        old = clusters[core.cluster]
        clusters[core.cluster] = replace(old, pids=tuple(pid for pid in old.pids if pid != core.pid))
        while clusters and not clusters[-1].pids:
            clusters.pop()
        return replace(self, clusters=tuple(clusters))


def dts_of(board: Board) -> str:
    """Return a board as source."""
    pe, ipi = ("kv3-1-pe", "coolidge-ipi-ctrl") if board.intc else ("kvx-pe", "kvx-ipi-ctrl")
    cpus, blocks = [], []
    for index, cluster in enumerate(board.clusters):
        wires = []
        for pid in cluster.pids:
            label = f"i{index}_{pid}"
            inner = (
                f'{label}: interrupt-controller {{ compatible = "kalray,kv3-1-intc"; '
                "interrupt-controller; #interrupt-cells = <1>; };"
            )
            cpus.append(
                f'cpu@{index << 8 | pid:x} {{ device_type = "cpu"; compatible = "kalray,{pe}"; '
                f"reg = <{index << 8 | pid:#x}>; {inner if board.intc else ''} }};"
            )
            if board.intc and pid not in cluster.unwired:
                wires += [f"<&{label} {line}>" for line in cluster.lines]
        if cluster.controller:
            base = 0x01AD0000 + 0x01000000 * index if index else 0xAD0000
            extended = f"interrupts-extended = {', '.join(wires)};" if wires else ""
            blocks.append(
                f'ipi@{base:x} {{ compatible = "kalray,{ipi}"; reg = <{base:#x} 0x1000>; '
                f"interrupt-controller; #interrupt-cells = <0>; {extended} }};"
            )
    return (
        "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>;\n"
        "cpus { #address-cells = <1>; #size-cells = <0>;\n" + "\n".join(cpus) + "\n};\n"
        "" + "\n".join([*blocks, *nodes(board)]) + "\n};\n"
    )


@lru_cache(maxsize=2 * BOARDS)
def wiring_of(board: Board) -> Wiring:
    """Return what the project reads of a board's source; raises ValueError if it refuses the board."""
    findings: list[object] = []
    wiring = read_wiring(read_tree(dts_of(board).encode(), "drawn.dts"), findings.append, board.profile)
    wrong = [str(finding) for finding in findings if getattr(finding, "severity", "") == "error"]
    if wrong:
        raise ValueError("\n".join(wrong))
    return wiring


def machine_of(board: Board) -> Machine:
    """Return a machine in its reset state."""
    return Machine(wiring_of(board), board.profile)


def _pids(r: Random) -> tuple[int, ...]:
    """Draw the cores of a cluster: half are small, so that things collide; the rest have gaps or are full."""
    kind = r.random()
    if kind < 0.4:
        return r.choice([(0, 1), (0, 1, 2), (0, 1, RM), (0, RM), (0,), (0, 3, 9), (2, 5)])
    if kind < 0.75:
        return tuple(sorted(r.sample(range(PIDS), r.randint(1, PIDS))))
    return tuple(range(r.choice([4, 8, RM, PIDS, PIDS])))


@lru_cache(maxsize=BOARDS)
def board_of(number: int) -> Board:
    """Draw board `number`, 0 to BOARDS - 1."""
    r = Random(f"board {number}")
    profile = QEMU if r.random() < 0.07 else HARDWARE
    choices = [(24,), (24,), (24, 25), (24, 25, 26), (25, 31), (24, 26, 27, 29), tuple(range(24, 32)), ()]
    clusters = [
        Cluster(
            _pids(r),
            controller=index == 0 or r.random() < 0.85,
            lines=r.choice(choices),
            unwired=r.choice([(), (), (), (), (0,), (1, 2), (RM,)]),
        )
        for index in range(r.choices([1, 2, 3], [60, 25, 15])[0])
    ]
    intc = r.random() > 0.03
    blocks = intc and r.random() < 0.6
    hz = r.choice([0, 0, 0, 10**8, 3 * 10**8, 2 * 10**9]) if intc and r.random() < 0.6 else 0
    return Board(tuple(clusters), profile, intc, blocks, hz)
