"""What a register write does on a machine: it is made, and what happens is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kvx_emu.hw.model import BusError, Model
from kvx_emu.machine.explain.effects import Effects
from kvx_emu.machine.explain.story import Hop, Story, place_record
from kvx_emu.machine.explain.tellers import IpiTeller, Narrator, Teller
from kvx_emu.machine.explain.wires import Wires
from kvx_emu.machine.ports import BlockPort
from kvx_emu.machine.why import why_not
from kvx_emu.machine.windows import to_global
from kvx_emu.models.apic_gic import ApicGic
from kvx_emu.models.core import Entry, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.core_id import CoreId
    from kvx_emu.hw.register import Register
    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.machine import Machine

WORD = 4
"""Bytes of a write where nothing says how many there are to be."""


class Explanation(NamedTuple):
    """What a write is to and what it does.

    `seen` is the address as all see it; `block` what is there, if the tree has anything there, and
    `register` and `about` what is addressed of it, if it is a register.
    """

    writer: CoreId
    address: int
    seen: int
    size: int
    value: int
    block: Block | None
    register: str | None
    about: str | None
    hops: tuple[Hop, ...]
    lines: tuple[str, ...]

    def text(self) -> str:
        """Return it for people: what is addressed, then what happens, each hop one line."""
        where = f"{self.address:#x}"
        if self.seen != self.address:
            where += f" ({self.seen:#x} as all see it)"
        plural = "" if self.size == 1 else "s"
        head = [f"{self.writer} writes {self.value:#x} to {where}, {self.size} byte{plural}"]
        if self.block is not None:
            block = self.block
            offset = f"offset {self.seen - block.start:#x} of "
            what = f"{self.register}, {offset}" if self.register else offset
            whose = "" if block.cluster is None else f" of cluster {block.cluster}"
            head.append(f"{what}{block.node.path} ({block.node.place})")
            head.append(f"{block.title}{whose}" + (f", {block.compatible}" if block.compatible else ""))
        if self.about:
            head.append(self.about)
        return "\n".join([head[0], *(f"  {line}" for line in head[1:]), "", *self.lines]) + "\n"

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        block = self.block
        return {
            "from": str(self.writer),
            "address": self.address,
            "global_address": self.seen,
            "size": self.size,
            "value": self.value,
            "register": self.register,
            "about": self.about,
            "node": None if block is None else block.node.path,
            "place": None if block is None else place_record(block.node.place),
            "block": None if block is None else block.title,
            "compatible": None if block is None else block.compatible,
            "cluster": None if block is None else block.cluster,
            "story": [hop.record() for hop in self.hops],
        }


def explain(
    machine: Machine, writer: CoreId, address: int, value: int, size: int | None = None
) -> Explanation:
    """Make a write on a machine, which is spent then, and return what it does.

    Without a size it is the register's. ValueError, with the message, if the value does not fit it.
    """
    return _Explainer(machine).explain(writer, address, value, size)


class _Explainer:
    """Puts itself between the parts of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._story = Story()
        self._wires = Wires(machine)
        self._effects = Effects(self._story, self._wires)
        self._writes = 0  # under way: all but the first are a block's, and are told with what they are to
        narrator = Narrator(self._story, self._wires)
        machine.listener = narrator
        for model, block in machine.blocks.values():
            port = model.port
            if isinstance(port, BlockPort):
                model.port = Teller(self._story, narrator, port, model)
            self._hear(model, block)
        for controller in machine.controllers.values():
            controller.model.port = IpiTeller(self._story, narrator, controller)
        for snooper in machine.snoopers:
            self._hear_messages(snooper)

    def explain(self, writer: CoreId, address: int, value: int, size: int | None) -> Explanation:
        machine = self._machine
        seen = to_global(address, writer.cluster)
        block, register, index = self._addressed(writer, address)
        size = size or _size(block, register, machine)
        if value >> 8 * size:
            raise ValueError(f"{value:#x} does not fit {size} byte{'' if size == 1 else 's'}")
        machine.listener.cause = writer
        try:
            machine.write(writer, address, size, value)
        except BusError as error:
            self._story.tell(f"bus error: {error}{self._near(seen) if block is None else ''}")
        if not self._story.hops:
            self._story.tell("nothing happens")
            if machine.cuts_accesses:
                self._story.tell("QEMU's bus cuts an access into pieces, and drops what no register takes")
        self._judge()
        return Explanation(
            writer,
            address,
            seen,
            size,
            value,
            block,
            None if register is None else register.label(index),
            None if register is None else register.doc or None,
            tuple(self._story.hops),
            tuple(self._story.lines()),
        )

    def _addressed(self, writer: CoreId, address: int) -> tuple[Block | None, Register | None, int]:
        """Return the block at an address, and the register with its index if it is one."""
        seen = to_global(address, writer.cluster)
        try:
            model, offset = self._machine.locate(writer, address)
        except BusError:
            there = [block for block in self._machine.wiring.blocks if block.start <= seen < block.end]
            return min(there, key=lambda block: block.size, default=None), None, 0
        register, index = model.register_at(offset) or (None, 0)
        return self._wires.block_of(model), register, index

    def _near(self, seen: int) -> str:
        """Return what is before and behind an address where nothing is."""
        blocks = self._machine.wiring.blocks
        before = max((block for block in blocks if block.end <= seen), key=_end, default=None)
        behind = min((block for block in blocks if block.start > seen), key=_start, default=None)
        parts = [f"{before.node.path} ends at {before.end - 1:#x}"] if before is not None else []
        parts += [f"{behind.node.path} begins at {behind.start:#x}"] if behind is not None else []
        return f" ({', '.join(parts)})" if parts else ""

    # Between the parts

    def _hear(self, model: Model, block: Block) -> None:
        """Tell of each write that reaches a model, whoever makes it."""
        write: Callable[[int, int, int], None] = model.write

        def told(offset: int, size: int, value: int) -> None:
            self._told(model, block, write, offset, size, value)

        # This one model's, not its class's: the machine is spent with the write.
        setattr(model, "write", told)  # noqa: B010

    def _told(
        self,
        model: Model,
        block: Block,
        write: Callable[[int, int, int], None],
        offset: int,
        size: int,
        value: int,
    ) -> None:
        story = self._story
        found = model.register_at(offset)
        if self._writes and found is not None:
            label = found[0].label(found[1])
            story.tell(f"-> {label} of {block.node.path}", node=block.node.path, place=block.node.place)
        self._writes += 1
        if found is not None and size in model.access_sizes and found[0].access != "R":
            self._effects.foretell(model, *found, value)
        before, first = _values(model, offset, size), len(story.hops)
        write(offset, size, value)
        now = _values(model, offset, size)
        changed = [place for place, was in before.items() if now[place] != was]
        for register, index in reversed(changed):
            was, is_now = before[register, index], now[register, index]
            story.tell(f"{register.label(index)}: {was:#x} -> {is_now:#x}", before=first)
        if found is None or found[0].access == "R":
            return
        if not changed and found in now:
            story.tell(
                f"{found[0].label(found[1])} is {now[found]:#x} already: nothing changes", before=first
            )
        indices = [index for register, index in changed if register is found[0]]
        self._effects.tell(model, found[0], indices or [found[1]])

    def _hear_messages(self, snooper: Model) -> None:
        message: Callable[[int, int], bool] = snooper.message  # type: ignore[attr-defined]
        block = self._wires.block_of(snooper)

        def told(address: int, data: int) -> bool:
            first = len(self._story.hops)
            taken = message(address, data)
            if taken:
                path, place = block.node.path, block.node.place
                self._story.tell(f"-> taken by {path}", node=path, place=place, before=first)
            return taken

        setattr(snooper, "message", told)  # noqa: B010

    # What the cores do

    def _judge(self) -> None:
        """Tell of each line that was requested what its core does about it, once all is requested."""
        hops = self._story.hops
        asked = sorted(
            {(hop.core, hop.line) for hop in hops if hop.core is not None and hop.line is not None}
        )
        verdicts = {(core, line): self._verdict(core, line) for core, line in asked}
        for core, line in asked:
            if not verdicts[core, line]:  # to be taken: after all others were judged, for it changes the core
                verdicts[core, line] = _ENTRIES[self._machine.core[core].interrupt(line)]
        self._story.judge(verdicts)

    def _verdict(self, core: CoreId, line: int) -> str:
        """Return what a core does about a requested line, and nothing if it takes it."""
        model = self._machine.core[core]
        if model.state is State.RESETTING:
            return "the core is held in reset: the request is kept"
        if model.state is State.STOPPED:
            return "the core is stopped: the request is kept"
        if not model.ilr >> line & 1:
            return "dropped by a reset"
        if not model.open >> line & 1:
            return f"not taken: {why_not(model, line, model.ps)}"
        first = model.candidate()
        return "" if first == line else f"taken after line {first}, which goes first"


_ENTRIES = {
    Entry.ENTERED: "taken at once",
    Entry.DOUBLE: "taken at once, as a double exception: PS.ET is 1",
    Entry.RESET: "taken at once, which resets the core: a double exception, PS.ET is 1",
}


def _values(model: Model, offset: int, size: int) -> dict[tuple[Register, int], int]:
    """Return what the registers hold that a write at an offset may change, by register and index.

    Left out is what a mailbox holds, which is told before the write.
    """
    if isinstance(model, ApicGic):  # of its 11304 bytes those that are written
        places = [(at, model.register_at(at)) for at in range(offset, offset + size)]
        return {
            place: model.read(at, 1) for at, place in places if place is not None and place[0] is model.ENABLE
        }
    state = model.state()
    values: dict[tuple[Register, int], int] = {}
    for register in model.registers:
        held = state.get(register.attribute)
        if held is not None and register.attribute != "value":
            listed = held if isinstance(held, list) else [held]
            values.update({(register, index): value for index, value in enumerate(listed)})
    return values


def _size(block: Block | None, register: Register | None, machine: Machine) -> int:
    if register is not None:
        return register.size
    built = None if block is None else machine.blocks.get(block.node.path)
    return WORD if built is None else min(built.model.access_sizes)


def _start(block: Block) -> int:
    return block.start


def _end(block: Block) -> int:
    return block.end
