"""Scripts as values: their text, and the program that binding that text gives, made without reading it.

Reading YAML takes five times as long as running what stands in it, so the program is made directly. That
both are equal is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kvx_emu.core_id import CoreId, core_names
from kvx_emu.errors import Source
from kvx_emu.script import actions
from kvx_emu.script.replay.rows import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agree_boards import Board

    from kvx_emu.errors import Place

Cores = tuple[CoreId, ...]


class Step(NamedTuple):
    """A step: what it is called, its keys (those of the language; `wait` and `mark` have `value`), and `at`.

    Cores are tuples of CoreId, lines tuples of numbers, the steps of a repeat a list.
    """

    kind: str
    keys: dict[str, Any]
    at: int | None = None


@dataclass(frozen=True)
class Case:
    """A board, a script, and how it is run."""

    board: Board
    steps: list[Step]
    software: str = "linux"
    nesting: bool = False
    delivery: int = 0
    entry: int = 0
    service: dict[int, int] = field(default_factory=dict)  # by line
    default: int = 0  # of the other lines
    limit_ticks: int | None = None
    limit_events: int | None = None
    chunk: int = 32768
    batch: int = 1
    batches: int = 1000
    exceptions: int = 1000
    words: int = 1000
    sinkless: bool = False  # it is also run without a sink
    filter: dict[str, Any] = field(default_factory=dict)  # the conditions of a Filter before a second sink
    fast: bool = False  # the kernel is compiled, where numba is there to do it

    def text(self) -> str:
        """Return the script."""
        return _Writer(self).text

    def program(self) -> actions.Program:
        """Return what binding the script gives."""
        writer = _Writer(self)
        source = Source("drawn.yaml", writer.text)
        maker = _Maker(source, writer.positions)
        made = maker.steps(self.steps, ())
        return actions.Program(
            name=None,
            software=self.software,
            nesting=self.nesting,
            delivery=self.delivery,
            entry=self.entry,
            service=tuple(self.service.get(line, self.default) for line in range(32)),
            actions=made,
            latency=maker.latency,
        )

    def tables(self) -> dict[str, str]:
        """Return the tables that the script replays, as CSV by file name."""
        steps = [step for step in walk(self.steps) if step.kind == "replay"]
        return {step.keys["file"]: DrawnTable(step.keys["rows"]).text() for step in steps}

    def run_with(self) -> str:
        """Return how it is run, in words."""
        words = [f"profile {self.board.profile}", f"chunk {self.chunk}", f"batch {self.batch}"]
        words += [f"lockstep {self.batches}/{self.exceptions}", f"words {self.words}"]
        words += ["numba"] if self.fast else []
        words += [f"limit_ticks {self.limit_ticks}"] if self.limit_ticks is not None else []
        words += [f"limit_events {self.limit_events}"] if self.limit_events is not None else []
        return ", ".join(words)


@dataclass(frozen=True)
class DrawnTable:
    """A table of writes that is in no file: each is a tick, an address, a value and the writer."""

    writes: tuple[tuple[int, int, int, CoreId], ...]

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.writes)

    @property
    def last(self) -> int:
        """The tick of the last."""
        return self.writes[-1][0] if self.writes else 0

    def chunks(self) -> Iterator[Chunk]:
        """Yield them, a few at a time."""
        for at in range(0, self.rows, 50):
            tick, address, value, writer = zip(*self.writes[at : at + 50], strict=True)
            cluster, pid = zip(*writer, strict=True)
            yield Chunk(
                np.array(tick, np.int64),
                np.array(address, np.uint64),
                np.array(value, np.uint32),
                np.array(cluster, np.int16),
                np.array(pid, np.uint8),
            )

    def text(self) -> str:
        """Return it as CSV."""
        lines = [f"{tick},{addr:#x},{value:#x},{writer}" for tick, addr, value, writer in self.writes]
        return "\n".join(["tick,addr,value,from", *lines, ""])


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield all steps, those inside repeats after their repeat."""
    for step in steps:
        yield step
        if step.kind == "repeat":
            yield from walk(step.keys["steps"])


class _Writer:
    """Writes a script, a line a step, and notes where each step begins, in the order of `walk`."""

    def __init__(self, case: Case) -> None:
        self.positions: list[int] = []
        self._lines: list[str] = []
        self._length = 0
        self._board = case.board.cores
        service = {**case.service, "default": case.default}
        times = ", ".join(f"{line}: {ticks}" for line, ticks in service.items())
        self._add("version: 1")
        self._add(f"software: {case.software}")
        if case.nesting:
            self._add("nesting: true")
        self._add(f"timing: {{delivery: {case.delivery}, entry: {case.entry}, service: {{{times}}}}}")
        self._add("steps:")
        self._steps(case.steps, "  ")
        self.text = "\n".join(self._lines) + "\n"

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._length += len(line) + 1

    def _steps(self, steps: Sequence[Step], indent: str) -> None:
        for step in steps:
            self.positions.append(self._length + len(indent) + 2)
            at = "" if step.at is None else f"at: {step.at}\n{indent}  "
            if step.kind != "repeat":
                self._add(f"{indent}- {at}{step.kind}: {self._body(step)}")
                continue
            every = step.keys.get("every")
            self._add(f"{indent}- {at}repeat:")
            self._add(f"{indent}    count: {step.keys['count']}")
            if every is not None:
                self._add(f"{indent}    every: {every}")
            self._add(f"{indent}    steps:")
            self._steps(step.keys["steps"], indent + "      ")

    def _body(self, step: Step) -> str:
        if step.kind == "replay":
            return f"{{file: {step.keys['file']}}}"
        if step.kind in {"wait", "mark"}:
            return str(step.keys["value"])
        pairs = [f"{key}: {self._value(key, value)}" for key, value in step.keys.items() if value is not None]
        return f"{{{', '.join(pairs)}}}"

    def _value(self, key: str, value: Any) -> str:
        if isinstance(value, CoreId):
            return str(value)
        if key in {"cores", "core", "to", "block"} or (key == "from" and isinstance(value, tuple)):
            return "all" if value == self._board and key in {"cores", "core"} else f"[{core_names(value)}]"
        if isinstance(value, tuple) and key in actions.COUNTS:
            least, most = value
            return f"{{min: {least}}}" if most is None else f"{{min: {least}, max: {most}}}"
        if isinstance(value, tuple):
            return f"[{', '.join(map(str, value))}]"
        if isinstance(value, int) and key in {"addr", "value", "equals", "set", "clear", "write"}:
            return hex(value) if value > 9 else str(value)
        return str(value)


def _masks(cores: Cores) -> tuple[tuple[int, int], ...]:
    masks: dict[int, int] = {}
    for cluster, pid in cores:
        masks[cluster] = masks.get(cluster, 0) | 1 << pid
    return tuple(sorted(masks.items()))


def _lines(lines: Sequence[int]) -> int:
    return sum(1 << line for line in lines)


class _Maker:
    """Makes actions of steps."""

    def __init__(self, source: Source, positions: Sequence[int]) -> None:
        self.latency = False
        self._source = source
        self._positions = iter(positions)

    def steps(self, steps: Sequence[Step], path: tuple[int, ...]) -> tuple[actions.Action, ...]:
        """Return the actions; the steps must come in the order of the positions."""
        made = []
        for index, step in enumerate(steps):
            place = self._source.place(next(self._positions))
            if step.kind == "repeat":
                keys = step.keys
                body = self.steps(keys["steps"], (*path, index))
                action: actions.Action = actions.Repeat(
                    place, step.at, keys["count"], keys.get("every"), body
                )
            elif step.kind == "replay":
                action = actions.Replay(place, step.at, DrawnTable(step.keys["rows"]))  # type: ignore[arg-type]
            elif step.kind == "random":
                action = _random(place, step.at, step.keys, (*path, index))
            else:
                action = _MAKERS[step.kind](place, step.at, step.keys)
            if step.kind == "expect":
                self.latency |= step.keys.get("within") is not None
            made.append(action)
        return tuple(made)


def _random(place: Place, at: int | None, keys: dict[str, Any], path: tuple[int, ...]) -> actions.Random:
    return actions.Random(
        place,
        at,
        keys["count"],
        keys["every"],
        keys["from"],
        keys["targets"],
        keys["lines"],
        keys["seed"],
        path,
    )


def _block(place: Place, at: int | None, keys: dict[str, Any]) -> actions.Block:
    masks = _masks(keys["block"]) or ((keys["from"].cluster, 0),)
    return actions.Block(place, at, keys["from"], keys["line"], masks)


def _sfr(place: Place, at: int | None, keys: dict[str, Any]) -> actions.Sfr:
    ((operation, value),) = (
        (name, keys[name]) for name in ("set", "clear", "write", "equals") if name in keys
    )
    return actions.Sfr(place, at, keys["cores"], keys["register"], operation, value)


def _expect(place: Place, at: int | None, keys: dict[str, Any]) -> actions.Expect:
    lines = keys.get("lines")
    counts = tuple((name, *keys[name]) for name in actions.COUNTS if name in keys)
    return actions.Expect(
        place,
        at,
        keys.get("cores"),
        None if lines is None else _lines(lines),
        counts,
        keys.get("since"),
        keys.get("within"),
    )


_MAKERS: dict[str, Callable[[Place, int | None, dict[str, Any]], actions.Action]] = {
    "send": lambda place, at, keys: actions.Send(place, at, keys["from"], keys["line"], _masks(keys["to"])),
    "mask": _block,
    "write": lambda place, at, keys: actions.Write(
        place, at, keys["from"], keys["addr"], keys["value"], keys["size"]
    ),
    "read": lambda place, at, keys: actions.Read(
        place, at, keys["from"], keys["addr"], keys["size"], keys.get("equals")
    ),
    "enable": lambda place, at, keys: actions.Enable(
        place, at, keys["cores"], _lines(keys["lines"]), on=True
    ),
    "disable": lambda place, at, keys: actions.Enable(
        place, at, keys["cores"], _lines(keys["lines"]), on=False
    ),
    "level": lambda place, at, keys: actions.Level(
        place, at, keys["cores"], _lines(keys["lines"]), keys["value"]
    ),
    "sfr": _sfr,
    "wait": lambda place, at, keys: actions.Wait(
        place, at, None if keys["value"] == "idle" else keys["value"]
    ),
    "expect": _expect,
    "mark": lambda place, at, keys: actions.Mark(place, at, keys["value"]),
}
