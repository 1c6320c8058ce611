"""Scripts as values: their text, and the program that binding that text gives, made without reading it.

Reading YAML takes five times as long as running what stands in it, so the program is made directly. That
both are equal is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kvx_emu.core_id import CoreId, core_names
from kvx_emu.engine.ipi_ops import OPERATIONS
from kvx_emu.errors import Source
from kvx_emu.script import actions
from kvx_emu.script.replay.rows import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agree_boards import Board

    from kvx_emu.errors import Place
    from kvx_emu.machine.inputs import Input
    from kvx_emu.machine.machine import Machine

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
    boot: str = "running"
    defects: tuple[str, ...] = ()
    all_devices: bool = False  # Linux requests the interrupts of all devices, not only of those it names

    def text(self) -> str:
        """Return the script."""
        return _Writer(self).text

    def program(self) -> actions.Program:
        """Return what binding the script gives."""
        from agree_boards import machine_of  # which draws the blocks that steps of this module use

        writer = _Writer(self)
        source = Source("drawn.yaml", writer.text)
        used = any(step.kind in _FABRIC for step in walk(self.steps))
        maker = _Maker(source, writer.positions, machine_of(self.board) if used else None)
        made = maker.steps(self.steps, ())
        linux = self.software == "linux"
        return actions.Program(
            name=None,
            software=self.software,
            nesting=self.nesting,
            delivery=self.delivery,
            entry=self.entry,
            service=tuple(self.service.get(line, self.default) for line in range(32)),
            actions=made,
            latency=maker.latency,
            boot=self.boot,
            defects=self.defects,
            devices=None if self.all_devices else tuple(maker.devices) if linux else (),
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
        if case.boot != "running":
            self._add(f"boot: {case.boot}")
        if case.defects:
            self._add(f"driver_defects: [{', '.join(case.defects)}]")
        if case.all_devices:
            self._add("devices: all")
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
        plain = step.kind in {"timer", "watchdog"}  # times are decimal
        pairs = [
            f"{key}: {str(value) if plain and type(value) is int else self._value(key, value)}"
            for key, value in step.keys.items()
            if value is not None
        ]
        return f"{{{', '.join(pairs)}}}"

    def _value(self, key: str, value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, CoreId):
            return str(value)
        if isinstance(value, dict):
            inner = ", ".join(f"{name}: {self._value(name, one)}" for name, one in value.items())
            return f"{{{inner}}}"
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

    def __init__(self, source: Source, positions: Sequence[int], machine: Machine | None) -> None:
        self.latency = False
        self.devices: dict[Input, None] = {}  # the interrupts of devices that steps name, in their order
        self._machine = machine
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
            elif step.kind in _FABRIC:
                action = self._fabric(step, place)
            else:
                action = _MAKERS[step.kind](place, step.at, step.keys)
            if step.kind == "expect":
                self.latency |= step.keys.get("within") is not None and "from" not in step.keys
            made.append(action)
        return tuple(made)

    def _fabric(self, step: Step, place: Place) -> actions.Action:
        """Return the action of a step of the fabric; ValueError for one that the board has nothing for."""
        kind, keys, at = step
        machine = self._machine
        assert machine is not None
        if kind in {"raise", "lower", "pulse"}:
            return actions.Signal(place, at, kind, self._input(keys, machine))
        if kind == "msi":
            mailbox = machine.mailbox(keys["cluster"], keys["mailbox"])
            value = keys["value"] if "value" in keys else 1 << keys["bit"]
            return actions.Message(place, at, keys["from"], mailbox, value)
        device = None if "mailbox" in keys else self._input(keys, machine)
        if kind == "affinity":
            mailbox = None if device else machine.mailbox(keys["core"].cluster, keys["mailbox"])
            if keys["core"] not in machine.irq_cores(device or mailbox):
                raise ValueError(f"{keys['core']} can not take it")
            return actions.Affinity(place, at, device, mailbox, keys["core"])
        mailbox = None if device else machine.mailbox(keys["cluster"], keys["mailbox"])
        return actions.Irq(place, at, device, mailbox, keys.get("bit"), kind == "enable_irq")

    def _input(self, keys: dict[str, Any], machine: Machine) -> Input:
        if "device" not in keys:
            return machine.controller_input(keys["controller"], keys["input"], None)
        found = machine.device_input(keys["device"], 0)
        self.devices[found] = None
        return found


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


def _chosen(keys: dict[str, Any]) -> tuple[Cores | None, int | None, Cores | None]:
    lines = keys.get("lines")
    return keys.get("cores"), None if lines is None else _lines(lines), keys.get("from")


def _counts(keys: dict[str, Any]) -> tuple[tuple[str, int, int | None], ...]:
    return tuple((name, *keys[name]) for name in actions.COUNTS if name in keys)


def _expect(place: Place, at: int | None, keys: dict[str, Any]) -> actions.Expect:
    chosen, since = _chosen(keys), keys.get("since")
    never = actions.Rows(keys["never"], *chosen, since) if "never" in keys else None
    before = None
    if "before" in keys:
        later = keys["before"]
        before = (
            actions.Rows((keys.get("event", "enter"),), *chosen, since),
            actions.Rows((later.get("event", "enter"),), *_chosen(later), since),
        )
    return actions.Expect(place, at, *chosen, _counts(keys), since, keys.get("within"), never, before)


def _wait_for(place: Place, at: int | None, keys: dict[str, Any]) -> actions.WaitFor:
    return actions.WaitFor(place, at, *_chosen(keys), _counts(keys), keys.get("since"), keys["limit"])


def _timer(place: Place, at: int | None, keys: dict[str, Any]) -> actions.Timer:
    number = keys["timer"]
    counts, interrupt = ((1 << 16, 1 << 18), (1 << 17, 1 << 19))[number]
    if keys.get("stop"):
        return actions.Timer(place, at, keys["cores"], number, None, None, counts, 0)
    every = keys["every"]
    bits = counts | (interrupt if keys["interrupt"] else 0)
    reload = (1 << 64) - 1 if every is None else every - 1
    return actions.Timer(
        place, at, keys["cores"], number, keys["value"] - 1, reload, counts | interrupt, bits
    )


def _watchdog(place: Place, at: int | None, keys: dict[str, Any]) -> actions.Timer:
    counts, interrupt, bites, barked = 1 << 24, 1 << 25, 1 << 26, 1 << 27
    if "value" not in keys:
        mask = barked if keys.get("ack") else counts
        return actions.Timer(place, at, keys["cores"], 2, None, None, mask, 0)
    value, every = keys["value"], keys["every"]
    bits = counts | (interrupt if keys["interrupt"] else 0) | (bites if keys["bite"] else 0)
    mask = counts | interrupt | bites | barked
    return actions.Timer(place, at, keys["cores"], 2, value - 1, (every or value) - 1, mask, bits)


_FABRIC = {"raise", "lower", "pulse", "msi", "enable_irq", "disable_irq", "affinity"}
"""Steps that name what only the board knows."""

_MAKERS: dict[str, Callable[[Place, int | None, dict[str, Any]], actions.Action]] = {
    "send": lambda place, at, keys: actions.Send(
        place,
        at,
        keys["from"],
        keys["line"],
        _masks(keys["to"]),
        OPERATIONS.index(keys["op"]) if "op" in keys else None,
    ),
    "timer": _timer,
    "watchdog": _watchdog,
    "start": lambda place, at, keys: actions.Start(place, at, keys["cores"], keys["pc"], keys["from"]),
    "stop": lambda place, at, keys: actions.Stop(place, at, keys["cores"], keys["reset"]),
    "ipe": lambda place, at, keys: actions.Event(
        place, at, keys["from"], keys["event"], keys["direction"] == "forward"
    ),
    "idle": lambda place, at, keys: actions.Idle(place, at, keys["cores"]),
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
    "wait-for": _wait_for,
    "mark": lambda place, at, keys: actions.Mark(place, at, keys["value"]),
}
