"""The reference engine does, row by row, what the contract asks of any script: see oracle.py.

KVX_EMU_EXAMPLES=100000 makes so many scripts, new ones each time; the default is a short, fixed run.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import oracle
from hypothesis import HealthCheck, Phase, example, given, note, settings
from hypothesis import strategies as st

from kvx_emu.core_id import PIDS, RM, CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.dt.tree import Tree
    from kvx_emu.trace.row import Row

Step = dict[str, Any]

EXAMPLES = int(os.environ.get("KVX_EMU_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=EXAMPLES or 500,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # What is left out of a fixed run is the explanation of a failure, which is slow.
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


# Boards


@dataclass(frozen=True)
class Cluster:
    """A cluster of a board: its cores, whether it has a controller, and the lines that this one names."""

    pids: tuple[int, ...]
    controller: bool
    lines: tuple[int, ...]
    unwired: tuple[int, ...]  # cores that the controller does not name
    backwards: bool  # its nodes stand in descending order


Spec = tuple[Cluster, ...]


@st.composite
def clusters(draw: st.DrawFn, *, controller: bool | None = None) -> Cluster:
    """Draw a cluster: most are small, so that things collide."""
    pids = draw(
        st.one_of(
            st.sampled_from([(0, 1), (0, 1, 2), (0, 1, RM), (0, RM), (0,)]),
            st.sets(st.integers(0, RM), min_size=1, max_size=4).map(lambda pids: tuple(sorted(pids))),
            st.sampled_from([tuple(range(PIDS)), tuple(range(RM))]),
        )
    )
    lines = draw(st.sampled_from([(24,), (24, 25), (24, 31), (26,), tuple(range(24, 32)), ()]))
    unwired = draw(st.sampled_from([(), (), (), (0,), (1,), (RM,)]))
    has = draw(st.sampled_from([True, True, True, False])) if controller is None else controller
    return Cluster(pids, has, lines, unwired, draw(st.booleans()))


@st.composite
def boards(draw: st.DrawFn) -> Spec:
    """Draw a board of one to three clusters, with a controller at least."""
    count = draw(st.sampled_from([1, 1, 1, 2, 3]))
    first = draw(clusters(controller=True))
    return (first, *(draw(clusters()) for _ in range(count - 1)))


SMALL: list[Spec] = [(Cluster(pids, True, (24, 25), (), False),) for pids in ((0,), (0, 1), (0, RM))]


def cores_of(spec: Spec) -> list[CoreId]:
    """Return the cores of a board, ascending."""
    return [CoreId(index, pid) for index, cluster in enumerate(spec) for pid in cluster.pids]


def board_of(spec: Spec) -> oracle.Board:
    """Return what the oracle must know of a board."""
    return oracle.Board(
        cores=tuple(cores_of(spec)),
        controllers={
            index: 0x01AD0000 + 0x01000000 * index for index, cluster in enumerate(spec) if cluster.controller
        },
        ipi_lines={
            CoreId(index, pid): sum(1 << line for line in cluster.lines)
            for index, cluster in enumerate(spec)
            for pid in cluster.pids
            if cluster.controller and pid not in cluster.unwired
        },
    )


def dts_of(spec: Spec) -> str:
    """Return a board as source text."""
    cpus, blocks = [], []
    for index, cluster in enumerate(spec):
        wires, nodes = [], []
        for pid in cluster.pids:
            reg = index << 8 | pid
            nodes.append(
                f'cpu@{reg:x} {{ device_type = "cpu"; compatible = "kalray,kv3-1-pe", "kalray,kv3-pe"; '
                f'reg = <{reg:#x}>; i{reg:x}: interrupt-controller {{ compatible = "kalray,kv3-1-intc"; '
                "interrupt-controller; #interrupt-cells = <1>; #address-cells = <0>; }; };"
            )
            if pid not in cluster.unwired:
                wires += [f"<&i{reg:x} {line}>" for line in cluster.lines]
        step = -1 if cluster.backwards else 1
        cpus += nodes[::step]
        if cluster.controller:
            base = 0x01AD0000 + 0x01000000 * index if index else 0xAD0000
            extended = f"interrupts-extended = {', '.join(wires[::step])};" if wires else ""
            blocks.append(
                f'interrupt-controller@{base:x} {{ compatible = "kalray,coolidge-ipi-ctrl"; '
                f"reg = <0 {base:#x} 0 0x1000>; interrupt-controller; #interrupt-cells = <0>; {extended} }};"
            )
    if spec[0].backwards:
        cpus, blocks = cpus[::-1], blocks[::-1]
    return (
        '/dts-v1/; / { compatible = "kalray,coolidge"; #address-cells = <2>; #size-cells = <2>; '
        f"cpus {{ #address-cells = <1>; #size-cells = <0>; {' '.join(cpus)} }}; "
        'soc { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges; '
        f"{' '.join(blocks)} }}; }};"
    )


@lru_cache(maxsize=500)
def tree_of(spec: Spec) -> Tree:
    """Return a board as the project reads it."""
    return read_tree(dts_of(spec).encode(), "drawn.dts")


# Scripts


class Steps:
    """Draws steps for a board; the less likely a step is alone, the more often it is put in by hand."""

    def __init__(self, draw: st.DrawFn, spec: Spec, kinds: list[str]) -> None:
        self.draw = draw
        self.kinds = kinds
        self.all = cores_of(spec)
        self.spec = spec
        self.reached = [core for core in self.all if spec[core.cluster].controller]
        self.lines = draw(
            st.sampled_from(
                [(24,), (24, 25), (24, 25, 31), (5, 24, 26), (0, 20, 24, 31), (24, 27, 28, 29, 30)]
            )
        )
        self.ipis = tuple(line for line in self.lines if line >= 24)

    def pick(self, *choices: Any) -> Any:
        """Draw one of the choices."""
        return self.draw(st.sampled_from(choices))

    def bits(self) -> int:
        """Draw a set of the script's lines, now and then with lines that it does not use."""
        chosen = self.draw(st.sets(st.sampled_from(self.lines), min_size=1))
        return sum(1 << line for line in chosen) | self.pick(0, 0, 0, 0, 0, 0, 1 << 3, 0xFFFF0000)

    def fields(self, contents: Sequence[int]) -> int:
        """Draw a two-bit field for each of the script's lines."""
        return sum(self.draw(st.sampled_from(contents)) << 2 * line for line in self.lines)

    def core(self, among: Sequence[CoreId]) -> str:
        """Draw the name of a core."""
        return str(self.draw(st.sampled_from(among)))

    def cores(self) -> str | list[str]:
        """Draw the cores of a step that acts on several."""
        if self.pick(True, True, False):
            return "all"
        return [str(core) for core in self.draw(st.lists(st.sampled_from(self.all), min_size=1, max_size=3))]

    def ps(self) -> int:
        """Draw a PS: the fields that interrupts depend on."""
        pl, et, ie, il = (
            self.pick(0, 0, 1, 1, 2, 3),
            self.pick(0, 0, 0, 1),
            self.pick(1, 1, 0),
            self.pick(0, 0, 1, 2),
        )
        return 0x01000000 | pl | et << 2 | ie << 4 | il << 12

    def setting(self) -> Step:
        """Draw a change of a register, or of several on the way to a handler."""
        kind = self.pick(
            "PS", "PS", "set PS", "ILE", "ILL", "ITO", "HTO", "ILR", "ILR", "enable", "disable", "level"
        )
        cores = self.cores()
        if kind in {"enable", "disable"}:
            return {
                kind: {
                    "cores": cores,
                    "lines": sorted(self.draw(st.sets(st.sampled_from(self.lines), min_size=1))),
                }
            }
        if kind == "level":
            return {"level": {"cores": cores, "line": self.pick(*self.lines), "value": self.pick(0, 1, 2, 3)}}
        register, operation, value = kind, "write", 0
        if kind == "PS":
            value = self.ps()
        elif kind == "set PS":
            register, operation = "PS", self.pick("set", "clear")
            value = self.pick(0x10, 0x10, 0x4, 0x1000, 0x3000, 0x1, 0x3, 0x14, 0x3014)
        elif kind == "ILE":
            operation, value = self.pick("write", "set", "clear"), self.bits()
        elif kind == "ILR":
            operation, value = self.pick("set", "set", "write", "clear"), self.bits()
        elif kind == "HTO":
            value = self.pick(0, 1, 2, 3) << 20
        else:
            operation = self.pick("write", "write", "set", "clear")
            value = self.fields((0, 1, 1, 2, 3))
        return {"sfr": {"cores": cores, "register": register, operation: value}}

    def opened(self) -> Step:
        """Draw a handler that lets others in: as software does it, and forgetting a half."""
        value = 0x01000010 | self.pick(0, 1, 1, 2) | self.pick(0, 0, 4) | self.pick(0, 0, 0x1000, 0x2000)
        return {"sfr": {"cores": self.cores(), "register": "PS", "write": value}}

    def raised(self) -> Step:
        """Draw requests by software."""
        return {"sfr": {"cores": self.cores(), "register": "ILR", "set": self.bits()}}

    def send(self) -> Step:
        """Draw a send: within a cluster, or across."""
        sender = self.draw(st.sampled_from(self.all))
        sets = []
        if self.spec[sender.cluster].controller:
            sets.append("all")
            if sender.pid != RM or len(self.spec[sender.cluster].pids) > 1:
                sets.append("pes")
            if len(self.spec[sender.cluster].pids) > 1:
                sets.append("others")
        targets: Any = self.pick(*sets, None)
        if targets is None:
            targets = [
                str(core)
                for core in self.draw(st.lists(st.sampled_from(self.reached), min_size=1, max_size=3))
            ]
        return {"send": {"from": str(sender), "to": targets, "line": self.pick(*self.ipis)}}

    def mask(self) -> Step:
        """Draw a write of MASK."""
        blocked = self.draw(st.lists(st.sampled_from(self.reached), max_size=3))
        writer = self.core(self.reached)
        return {
            "mask": {"line": self.pick(*self.ipis), "block": [str(core) for core in blocked], "from": writer}
        }

    def access(self) -> Step:
        """Draw a bus access, mostly to the registers of a controller."""
        register = 4 * (self.pick(*self.ipis) - 24) + self.pick(0, 0, 0, 0x20, 0x20, 0x40)
        base = self.pick(0xAD0000, 0xAD0000, 0x1AD0000, 0x2AD0000, 0x3AD0000, 0x6AD0000)
        address = base + self.pick(register, register, register, register, register + 2, 0xFFC, 0x1000)
        size = self.pick(4, 4, 4, 4, 4, 1, 2, 8)
        if self.pick("write", "write", "write", "read") == "read":
            return {"read": {"addr": address, "size": size, "from": self.core(self.all)}}
        value = self.draw(
            st.sampled_from([0, 1, 2, 3, 0x10003, 0x20000, 0x20001, 0x1FFFF, 0xFFFF0000, 0xFFFFFFFF])
        )
        value &= (1 << 8 * size) - 1
        return {"write": {"addr": address, "value": value, "size": size, "from": self.core(self.all)}}

    def random(self) -> tuple[Step, int]:
        """Draw a random step, and its time."""
        senders = self.draw(st.lists(st.sampled_from(self.reached), min_size=1, max_size=3))
        alone = any(len(self.spec[core.cluster].pids) == 1 for core in senders)
        count, every = self.pick(1, 2, 5, 9), self.pick(0, 1, 2, 3)
        step = {
            "count": count,
            "every": every,
            "seed": self.draw(st.integers(0, 9)),
            "from": [str(core) for core in senders],
            "targets": self.pick("uniform", "all") if alone else self.pick("one", "uniform", "all"),
            "lines": list(self.ipis),
        }
        return {"random": step}, count * every

    def repeat(self, depth: int) -> tuple[Step, int]:
        """Draw a repeat, and the least time that it takes."""
        steps, time, idle = self.some(depth + 1, most=4)
        count = self.pick(1, 2, 3, 0)
        step: Step = {"count": count, "steps": steps}
        if not idle and self.pick(True, True, False):
            step["every"] = time + self.pick(0, 1, 2)
            time = step["every"]
        return {"repeat": step}, count * time

    def one(self, kind: str, depth: int) -> tuple[Step, int, bool]:
        """Draw a step; tell the least time that it takes, and whether it waits for idle."""
        if kind == "repeat" and depth < 2:
            step, time = self.repeat(depth)
            return step, time, "every" not in step["repeat"]
        if kind == "again":  # all that a core lost in a reset, and more
            return {"repeat": {"count": 1, "steps": self.readiness(linux=False)}}, 0, False
        if kind == "random":
            return *self.random(), False
        if kind == "idle":
            return {"wait": "idle"}, 0, True
        if kind in {"wait", "repeat"}:
            time = self.pick(0, 1, 1, 2, 3, 4, 7)
            return {"wait": time}, time, False
        return getattr(self, kind)(), 0, False

    def some(self, depth: int, most: int) -> tuple[list[Step], int, bool]:
        """Draw a few steps; tell the least time that they take, and whether one waits for idle."""
        steps: list[Step] = []
        now, idle = 0, False
        for _ in range(self.draw(st.integers(1, most))):
            step, time, waits = self.one(self.pick(*self.kinds), depth)
            idle = idle or waits
            if depth == 0 and not idle and self.pick(True, False, False, False, False, False):
                step["at"] = now = now + self.pick(0, 1, 2, 5)
            steps.append(step)
            now += time
        return steps, now, idle

    def readiness(self, *, linux: bool) -> list[Step]:
        """Draw what lets cores take lines: mostly all that they need, else anything."""
        every = {"enable": {"cores": "all", "lines": list(self.lines)}}
        mode = self.pick("ready", "ready", "wild" if not linux else "as is", "wild")
        if mode == "as is":
            return []
        if mode == "ready":
            pl = 1 if linux else self.pick(0, 1, 1, 2)
            owners = [pl, pl, pl, max(pl - 1, 0), pl + 1]
            drawn = [("ITO", self.fields(owners)), ("ILL", self.fields((1, 1, 2, 3)))]
            drawn += [] if linux else [("PS", 0x01000010 | pl)]
            return [
                *({"sfr": {"cores": "all", "register": name, "write": value}} for name, value in drawn),
                every,
            ]
        drawn = [
            ("ITO", self.fields((0, 1, 1, 2))),
            ("ILL", self.fields((1, 1, 2, 3, 0))),
            ("HTO", self.pick(0, 0, 1, 2) << 20),
            ("ILE", self.bits()),
            ("PS", self.ps()),
        ]
        return [
            {"sfr": {"cores": "all", "register": register, "write": value}}
            for register, value in drawn
            if register == "PS" or self.pick(True, True, True, False)
        ]


@st.composite
def runs(
    draw: st.DrawFn, board: st.SearchStrategy[Spec], kinds: str, most: int
) -> tuple[Spec, dict[str, Any]]:
    """Draw a board and a script for it, of these kinds of steps."""
    spec = draw(board)
    steps = Steps(draw, spec, kinds.split())
    software = steps.pick("bare", "bare", "linux")
    tick = st.sampled_from([0, 0, 1, 2, 3, 4])
    service = draw(st.one_of(tick, st.fixed_dictionaries(dict.fromkeys((*steps.lines, "default"), tick))))
    return spec, {
        "version": 1,
        "software": software,
        "nesting": software == "bare" and steps.pick(True, False),
        "timing": {"delivery": draw(tick), "entry": draw(tick), "service": service},
        "steps": steps.readiness(linux=software == "linux") + steps.some(0, most)[0],
    }


ANYTHING = (
    "send send send send send setting setting setting setting wait wait wait mask access random idle repeat"
)
DISTURBED = "raised raised raised raised setting setting setting opened opened wait wait wait send idle again"


# The comparison


class Rows:
    """Keeps the rows of a run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""
        self.rows += rows

    def close(self) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""


def yaml_of(script: dict[str, Any]) -> str:
    """Return a script as text: JSON is YAML, but for keys that are numbers."""
    service = script["timing"]["service"]
    if not isinstance(service, dict):
        return json.dumps(script)
    flow = "{" + ", ".join(f"{line}: {ticks}" for line, ticks in service.items()) + "}"
    return json.dumps({**script, "timing": {**script["timing"], "service": "@"}}).replace('"@"', flow)


def compare(spec: Spec, script: dict[str, Any], limit: int | None) -> None:
    """Run a script both ways."""
    machine, _ = build(tree_of(spec))
    program = bind(load_script(Source("drawn.yaml", yaml_of(script))), machine)
    kept = Rows()
    outcome = Reference(machine, program, [kept], limit_ticks=limit).run()
    rows, summary = oracle.run(board_of(spec), program, limit)
    if kept.rows != rows:
        pairs = zip(kept.rows, rows, strict=False)
        same = next((k for k, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(kept.rows), len(rows)))
        note(f"board: {spec}\nscript: {yaml_of(script)}")
        note(f"engine from row {same}: {kept.rows[same:]}\noracle: {rows[same:]}")
    assert kept.rows == rows
    assert {wire: line._asdict() for wire, line in outcome.summary.items()} == summary


LIMIT = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 20))


@PROFILE
@given(runs(boards(), ANYTHING, most=12), LIMIT)
def test_any_script_gives_the_rows_and_the_summary_of_the_oracle(
    run: tuple[Spec, dict[str, Any]], limit: int | None
) -> None:
    compare(*run, limit)


def poked(register: str, operation: str, value: int) -> Step:
    """Return a change of a register of pe0."""
    return {"sfr": {"core": "pe0", "register": register, operation: value}}


READY = [poked("PS", "write", 0x01000010), poked("ILL", "write", 0x9 << 48), poked("ILE", "write", 3 << 24)]
RESET = {  # the handler of line 24 lets line 25 in with ET set; what pe0 gets afterwards, it stays halted
    "version": 1,
    "software": "bare",
    "nesting": False,
    "timing": {"delivery": 0, "entry": 0, "service": 5},
    "steps": [
        *READY,
        poked("ILR", "set", 1 << 24),
        {"wait": 1},
        poked("PS", "set", 0x10),
        poked("ILR", "set", 1 << 25),
        {"wait": "idle"},
        *READY,
        poked("ILR", "set", 1 << 24),
        {"wait": 9},
    ],
}


@PROFILE
@example((SMALL[0], RESET), None)
@given(runs(st.sampled_from(SMALL), DISTURBED, most=20), LIMIT)
def test_handlers_that_are_disturbed_give_the_rows_of_the_oracle(
    run: tuple[Spec, dict[str, Any]], limit: int | None
) -> None:
    compare(*run, limit)
