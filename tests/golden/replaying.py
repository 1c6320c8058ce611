"""A whole Coolidge on which recordings of Kalray's QEMU are replayed, and what is seen of it meanwhile."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kvx_emu.core_id import RM, CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError, Model
from kvx_emu.hw.register import Field, Register, bits
from kvx_emu.machine.machine import build

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from kvx_emu.dt.tree import Tree
    from kvx_emu.machine.machine import Machine

PROJECT = Path(__file__).resolve().parents[2]

RECORDER = CoreId(0, RM)
"""Whose view the recorded addresses are."""

BUS_ERROR = "bus error"

Step = dict[str, Any]
Request = tuple[int, int, int, int]  # cluster, pid, line, ILR after
Change = tuple[str, str, int]  # device, "raise" or "lower", pin

BLOCKS = {"ipi-ctrl": 0xAD0000, "apic-mailbox": 0xA00000, "apic-gic": 0xA20000}
"""The recorded devices of a cluster by their names in the recordings, and where each is in its window."""

DEVICES = {
    f"cluster[{cluster}]/{name}": (cluster + 1) * 0x01000000 + base
    for cluster in range(5)
    for name, base in BLOCKS.items()
} | {"itgen0": 0x27000000, "itgen1": 0x27010000}
"""All recorded devices, and the addresses of their first bytes."""


def number(text: str | None) -> int | None:
    return None if text is None else int(text, 16)


def sequences(shared: Path, recording: str) -> dict[str, list[Step]]:
    """Return the steps of each sequence of a recording."""
    recorded = json.loads((shared / "golden" / f"{recording}.json").read_text())
    return {sequence["name"]: sequence["steps"] for sequence in recorded["sequences"]}


def watched(shared: Path, recording: str, name: str) -> list[str]:
    """Return the devices whose pins were watched in a sequence, as paths below the machine."""
    recorded = json.loads((shared / "golden" / f"{recording}.json").read_text())
    (found,) = [sequence for sequence in recorded["sequences"] if sequence["name"] == name]
    paths = found["intercept"] if isinstance(found["intercept"], list) else [found["intercept"]]
    return [path.removeprefix("/machine/") for path in paths]


class Effects(NamedTuple):
    """What became of a step: what a read gave, and what was seen on pins, on the bus and at the cores."""

    result: int | str | None
    changes: tuple[Change, ...]
    messages: tuple[int, ...]  # the addresses that itgens wrote to
    requests: tuple[Request, ...]


@cache
def coolidge() -> Tree:
    """Return the tree of a whole Coolidge."""
    return load_tree(str(PROJECT / "boards" / "coolidge.dts"))


class Board:
    """A whole Coolidge; each `step` returns what followed from it.

    A pin that is driven to the level that it has did not change. The pins of one that was reset keep the
    levels that they had: `pins` of the board before it.
    """

    def __init__(self, profile: str, pins: dict[tuple[str, int], bool] | None = None) -> None:
        self.profile = profile
        self.machine: Machine = build(coolidge(), profile)[0]
        self.pins = {} if pins is None else pins
        self._requests: list[Request] = []
        self._changes: list[Change] = []
        self._messages: list[int] = []
        for core_id, core in self.machine.core.items():
            self._watch(core_id, core)
        self.models: dict[str, Model] = {}
        at = {address: name for name, address in DEVICES.items()}
        for model, block in self.machine.blocks.values():
            if block.start in at:
                self.models[at[block.start]] = model
                self._watch_port(at[block.start], model.port)

    def _watch(self, core_id: CoreId, core: Any) -> None:
        request = core.request

        def watched(line: int) -> None:
            request(line)
            self._requests.append((*core_id, line, core.ilr))

        core.request = watched

    def _watch_port(self, device: str, port: Any) -> None:
        drive, pulse, write = port.drive, port.pulse, port.write

        def driven(output: int, level: bool) -> None:
            self._level(device, output, level)
            drive(output, level)

        def pulsed(output: int, raised: int, blocked: int, written: int) -> None:
            for pin in bits(raised):
                self._level(device, pin, True)
                self._level(device, pin, False)
            pulse(output, raised, blocked, written)

        def written(address: int, size: int, value: int) -> None:
            self._messages.append(address)
            write(address, size, value)

        port.drive, port.pulse, port.write = driven, pulsed, written

    def _level(self, device: str, pin: int, level: bool) -> None:
        if self.pins.get((device, pin), False) != level:
            self.pins[device, pin] = level
            self._changes.append((device, "raise" if level else "lower", pin))

    def seen(self) -> tuple[tuple[Change, ...], tuple[int, ...], tuple[Request, ...]]:
        """Return the changes of pins, the messages and the requests since the last call."""
        found = (tuple(self._changes), tuple(self._messages), tuple(self._requests))
        self._changes, self._messages, self._requests = [], [], []
        return found

    def requests(self) -> list[Request]:
        """Return the requests since the last call, and forget the rest that was seen."""
        return list(self.seen()[2])

    def access(self, address: int, size: int, value: int | None, core: CoreId = RECORDER) -> int | str | None:
        """Read (without a value) or write; return what a read gave, None for a write, or a bus error."""
        try:
            if value is None:
                return self.machine.read(core, address, size)
            self.machine.write(core, address, size, value)
        except BusError:
            return BUS_ERROR
        return None

    def fill(self, address: int, size: int, value: int) -> None:
        """Write the byte `value` to `size` bytes: QEMU's bus takes that as one access."""
        self.machine.write(RECORDER, address, size, int.from_bytes(bytes([value]) * size, "little"))

    def step(self, step: Step) -> Effects:
        """Do what was recorded, but for a reset: that is a new board."""
        value = number(step["value"])
        result = None
        if step["op"] == "set_irq_in":
            self.models[step["path"].removeprefix("/machine/")].input(step["line"], bool(value))
        elif step["op"] == "memset":
            assert value is not None
            self.fill(int(step["addr"], 16), step["size"], value)
        else:
            assert step["op"] in {"read", "write"}
            result = self.access(int(step["addr"], 16), step["size"], value)
        return Effects(result, *self.seen())

    def after_reset(self) -> Board:
        """Return what the board is after a reset of all of it."""
        return Board(self.profile, self.pins)


def recorded(step: Step, devices: list[str]) -> Effects:
    """Return what QEMU made of a step; `devices` are those whose pins were watched.

    The recording does not say which cluster a request was in: it stands as -1.
    """
    pins = step["irqs"] if isinstance(step["irqs"], dict) else {devices[0]: step["irqs"]}
    assert set(pins) <= set(devices)
    return Effects(
        result=number(step["result"]),
        changes=tuple((device, level, pin) for device in devices for level, pin in pins.get(device, [])),
        messages=tuple(int(address, 16) for address in step.get("msi", [])),
        requests=tuple((-1, pid, line, int(ilr, 16)) for pid, line, ilr in step["core"]),
    )


def comparable(effects: Effects, devices: list[str]) -> Effects:
    """Return as much of what was seen as a recording of these devices' pins has."""
    return effects._replace(
        changes=tuple(change for device in devices for change in effects.changes if change[0] == device),
        requests=tuple((-1, *request[1:]) for request in effects.requests),
    )


# A device on the bus


class Serial(Model):
    """As much of a 16550 as was recorded: it interrupts when it may send, which is always.

    kvx-emu models no device; this one registers itself as a user's own model would.
    """

    title = "the serial port"
    access_sizes = (1, 2, 4)
    hidden = ("pending",)
    _THRI = 0x2  # of IER: interrupt if the sender is empty; of IIR: that it is

    IER = Register(0x4, writable=_THRI, fields=(Field("THRI", 1, 1),), src="16550; reg-shift of the tree: 2")
    IIR = Register(0x8, access="R", held=False, src="16550: 1 nothing, 2 the sender is empty; read: taken")

    ier: int
    pending: int

    def reset(self) -> None:
        """Let nothing interrupt."""
        super().reset()
        self.pending = 0

    def _set(self, pending: bool) -> None:
        if pending != bool(self.pending):
            self.pending = int(pending)
            self.port.drive(0, pending)

    @IER.on_write
    def _enable(self, index: int, value: int, written: int) -> None:
        self._set(bool(value))

    @IIR.on_read
    def _identify(self, index: int) -> int:
        found = self._THRI if self.pending else 1
        self._set(False)
        return found


def with_serial_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the boards of this test a model of their serial ports."""
    monkeypatch.setattr(registry, "_models", dict(registry._models))
    register: Callable[[type], type] = registry.model("snps,dw-apb-uart")
    register(Serial)
