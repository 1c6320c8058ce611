"""Small boards, and programs for them that are drawn as actions: no text is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import strategies as st
from one_core import IPI, ones, services, some_lines

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.errors import Place
from kvx_emu.machine.machine import Machine
from kvx_emu.machine.wiring import read_wiring
from kvx_emu.script import actions
from kvx_emu.script.actions import Action, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Row

HERE = Place("drawn.yaml", 1, 1)
BOARDS: tuple[dict[int, tuple[int, ...]], ...] = ({0: (0, 1, 16)}, {0: (0, 1, 2), 1: (0, 5)})


def dts_of(cores: dict[int, tuple[int, ...]]) -> str:
    """Return a board as source: each controller is wired to all IPI lines of its cores."""
    cpus, controllers = [], []
    for cluster, pids in cores.items():
        for pid in pids:
            number = cluster << 8 | pid
            cpus.append(
                f'cpu@{number:x} {{ device_type = "cpu"; compatible = "kalray,kv3-1-pe"; reg = <{number}>; '
                f'i{number}: interrupt-controller {{ compatible = "kalray,kv3-1-intc"; '
                "interrupt-controller; #interrupt-cells = <1>; }; };"
            )
        wires = [f"<&i{cluster << 8 | pid} {line}>" for pid in pids for line in IPI]
        base = 0xAD0000 + 0x1000000 * (cluster + 1)
        controllers.append(
            f'ipi@{base:x} {{ compatible = "kalray,coolidge-ipi-ctrl"; reg = <{base:#x} 0x1000>; '
            f"interrupt-controller; #interrupt-cells = <0>; interrupts-extended = {', '.join(wires)}; }};"
        )
    return (
        "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>;\n"
        f"cpus {{ #address-cells = <1>; #size-cells = <0>;\n{' '.join(cpus)} }};\n"
        f"{' '.join(controllers)} }};\n"
    )


_WIRINGS = [read_wiring(read_tree(dts_of(cores).encode(), "drawn.dts"), lambda _: None) for cores in BOARDS]


def machine_of(board: int) -> Machine:
    """Return board number `board` in its reset state."""
    return Machine(_WIRINGS[board])


def cores_of(board: int) -> tuple[CoreId, ...]:
    """Return the cores of board number `board`, ascending."""
    return tuple(CoreId(cluster, pid) for cluster, pids in BOARDS[board].items() for pid in pids)


class Rows:
    """A sink that keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Keep the rows."""
        self.rows += list(rows)

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""


class Drawn(NamedTuple):
    """A program and the number of its board."""

    board: int
    program: Program

    def machine(self) -> Machine:
        """Return a machine in its reset state."""
        return machine_of(self.board)


@st.composite
def writes(draw: st.DrawFn, board: int, lines: Sequence[int], most: int = 12) -> list[Action]:
    """Draw steps that are nothing but writes to the controllers and the passing of a known time."""
    cores = cores_of(board)
    clusters = BOARDS[board]
    gap = st.sampled_from(draw(st.sampled_from([(0, 1), (0, 1, 2, 5), (0, 3, 20), (1,)])))

    def masks() -> tuple[tuple[int, int], ...]:
        chosen = draw(st.sets(st.sampled_from(cores), min_size=1))
        found: dict[int, int] = {}
        for cluster, pid in sorted(chosen):
            found[cluster] = found.get(cluster, 0) | 1 << pid
        return tuple(found.items())

    def step(index: int, depth: int) -> Action:
        writer = draw(st.sampled_from(cores))
        line = draw(st.sampled_from(list(lines)))
        kind = draw(
            st.sampled_from(["send"] * 6 + ["wait"] * 3 + ["mask", "write", "random"] + ["repeat"] * depth)
        )
        if kind == "send":
            return actions.Send(HERE, None, writer, line, masks())
        if kind == "mask":
            return actions.Block(HERE, None, writer, line, masks())
        if kind == "write":
            cluster = draw(st.sampled_from(list(clusters)))
            value = sum(1 << pid for pid in clusters[cluster]) & draw(st.integers(0, 0x1FFFF))
            address = 0x01AD0000 + 0x01000000 * cluster + 4 * (line - 24)
            return actions.Write(HERE, None, writer, address + draw(st.sampled_from([0, 0, 32])), value, 4)
        if kind == "random":
            # With `one` every sender needs somebody else in its cluster: all have.
            senders = tuple(sorted(draw(st.sets(st.sampled_from(cores), min_size=1))))
            targets = draw(st.sampled_from(["one", "uniform", "all"]))
            count, every = draw(st.integers(1, 12)), draw(gap)
            return actions.Random(
                HERE, None, count, every, senders, targets, tuple(lines), 7, (index,) * (3 - depth)
            )
        if kind == "repeat":
            body = tuple(step(i, depth - 1) for i in range(draw(st.integers(1, 3))))
            return actions.Repeat(HERE, None, draw(st.integers(1, 4)), None, body)
        return actions.Wait(HERE, None, draw(gap))

    return [step(i, 2) for i in range(draw(st.integers(1, most)))]


@st.composite
def changes(draw: st.DrawFn, board: int, lines: Sequence[int]) -> Action:
    """Draw a step that acts on cores directly: no engine solves it with others."""
    every = cores_of(board)
    cores = draw(st.sampled_from([every, every[:1], every[1:]]))
    bits = ones(draw(st.sets(st.sampled_from(list(lines)), min_size=1)))
    kind = draw(st.sampled_from(["enable", "level", "ilr", "ilr", "ps", "mark", "mark", "mark"]))
    if kind == "enable":
        return actions.Enable(HERE, None, cores, bits, on=draw(st.booleans()))
    if kind == "level":
        return actions.Level(HERE, None, cores, bits, draw(st.integers(0, 3)))
    if kind == "ilr":
        return actions.Sfr(HERE, None, cores, "ILR", draw(st.sampled_from(["set", "clear"])), bits)
    if kind == "ps":
        operation, value = draw(
            st.sampled_from([("set", 0x10), ("clear", 0x10), ("clear", 4), ("set", 0x1000)])
        )
        return actions.Sfr(HERE, None, cores, "PS", operation, value)
    return actions.Mark(HERE, None, "here")


@st.composite
def programs(draw: st.DrawFn, parts: int = 1) -> Drawn:
    """Draw a program: cores that listen, then stretches of writes, with changes between them."""
    board = draw(st.integers(0, len(BOARDS) - 1))
    every = cores_of(board)
    lines = draw(some_lines())
    software = draw(st.sampled_from(["linux", "bare", "nested"]))
    pl = 1 if software == "linux" else 0
    steps: list[Action] = [
        actions.Sfr(HERE, None, every, "PS", "write", 0x01000010 | pl),
        actions.Enable(HERE, None, every, ones(lines), on=True),
    ]
    levels = st.sampled_from(draw(st.sampled_from([(1,), (1, 2, 3), (0, 1, 2), (3,)])))
    steps += [actions.Level(HERE, None, every, 1 << line, draw(levels)) for line in lines]
    for number in range(parts):
        steps += draw(writes(board, lines))
        if number < parts - 1:
            steps += [draw(changes(board, lines)) for _ in range(draw(st.integers(0, 2)))]
    return Drawn(
        board,
        Program(
            name=None,
            software="linux" if software == "linux" else "bare",
            nesting=software == "nested",
            delivery=draw(st.sampled_from([0, 0, 1, 4])),
            entry=draw(st.integers(0, 2)),
            service=draw(services(lines)),
            actions=tuple(steps),
            latency=draw(st.booleans()),
        ),
    )
