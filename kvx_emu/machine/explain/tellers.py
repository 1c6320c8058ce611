"""Who stands between the models of a machine and its wires, and tells what passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import RM, CoreId
from kvx_emu.hw.port import Port
from kvx_emu.hw.register import bits
from kvx_emu.machine.listener import Listener
from kvx_emu.machine.ports import BlockPort
from kvx_emu.models.apic_gic import LINES as GIC_LINES
from kvx_emu.models.apic_gic import ApicGic, output_core, output_line
from kvx_emu.models.core import State
from kvx_emu.models.ftu import Ftu
from kvx_emu.models.ipi_ctrl import FIRST_LINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.hw.model import Model
    from kvx_emu.hw.register import Register
    from kvx_emu.machine.explain.story import Story
    from kvx_emu.machine.explain.wires import Wires
    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.listener import Wire
    from kvx_emu.machine.machine import Controller

_ASLEEP = {State.AWAIT: "await", State.SLEEP: "sleep", State.WAITIT: "waitit", State.SYNC: "syncgroup"}


class Narrator(Listener):
    """Lets everything happen at once and tells it; time stands where the machine's last listener left it."""

    def __init__(self, story: Story, wires: Wires) -> None:
        super().__init__(wires.machine.core)
        self.cause = wires.machine.listener.cause
        self._story = story
        self._wires = wires
        self._time: Callable[[], int] = wires.machine.listener.now
        self._from: Block | None = None  # whose output is at work

    def now(self) -> int:
        """Return the time in ticks of the core clock."""
        return self._time()

    def carry(self, wire: Wire, level: bool) -> None:
        """Bring a level to where its wire leads."""
        if not level:
            super().carry(wire, level)
            return
        link = wire.link
        if wire.model is not None:
            block = self._wires.block_of(wire.model)
            self._story.tell(
                f"-> {block.node.path} input {wire.number}",
                node=block.node.path,
                place=block.node.place,
                wired=None if link is None else link.place,
            )
            with self._story.below():
                super().carry(wire, level)
        elif wire.core is not None:
            self.ask(wire.core, wire.number, self._from)

    def drive(self, block: Block, wire: Wire, level: bool) -> None:
        """Bring the level of a block's output to where its wire leads."""
        before, self._from = self._from, block
        self.carry(wire, level)
        self._from = before

    def ask(self, core: CoreId, line: int, block: Block | None) -> None:
        """Request a line of a core for a block, and tell what becomes of that."""
        model = self._cores[core]
        again, state = model.ilr >> line & 1, model.state
        model.request(line)
        text = "coalesced, it is pending already" if again else "requested"
        if model.state is not state:
            text += f", which ends its {_ASLEEP.get(state, state.value)}"
        self._story.tell(
            text,
            node=self._wires.node_of(core).path,
            place=self._wires.node_of(core).place,
            wired=None if block is None else self._wires.named(block, core, line),
            core=core,
            line=line,
        )

    def start(self, core: CoreId, pc: int) -> None:
        """Wake a core up, and tell how it was."""
        model = self._cores[core]
        before = model.state
        super().start(core, pc)
        if before is State.RESETTING:
            text = f"it was held in reset and runs now, from {model.pc:#x}"
            if model.ilr:
                lines = ", ".join(map(str, bits(model.ilr)))
                text += f"; requested meanwhile and kept: line {lines}"
        elif before is State.STOPPED:
            text = "it was stopped and goes on"
        else:
            text = "it runs already and goes on"
        self._about(core, text)

    def hold(self, core: CoreId) -> None:
        """Reset a core, and tell what it loses."""
        lines = ", ".join(map(str, bits(self._cores[core].ilr)))
        super().hold(core)
        lost = f"; its requests are lost: line {lines}" if lines else ""
        self._about(core, f"reset, and held so until it is started{lost}")

    def _about(self, core: CoreId, text: str) -> None:
        node = self._wires.node_of(core)
        self._story.tell(f"-> {core}: {text}", node=node.path, place=node.place, core=core)


class Teller(BlockPort):
    """The port of a block, telling what the block does."""

    def __init__(self, story: Story, narrator: Narrator, port: BlockPort, model: Model) -> None:
        super().__init__(port.machine, port.block)
        self.wires, self.powered = port.wires, port.powered
        self._story = story
        self._narrator = narrator
        self._model = model

    def drive(self, output: int, level: bool) -> None:
        """Tell where an output leads that rises."""
        wires = self.wires.get(output, ())
        for wire in wires:
            self._narrator.drive(self.block, wire, level)
        if level and not wires:
            self._story.tell(nowhere(self._model, self.block, output))

    def write(self, address: int, size: int, value: int) -> None:
        """Tell of a write as a bus master."""
        self._story.tell(f"writes {value:#x} to {address:#x}")
        with self._story.below():
            super().write(address, size, value)

    def start(self, pid: int, pc: int, cluster: int | None = None) -> None:
        """Tell if there is no such core."""
        if self._core(pid, cluster) is None:
            self._absent(pid, cluster)
        super().start(pid, pc, cluster)

    def hold(self, pid: int, cluster: int | None = None) -> None:
        """Tell if there is no such core."""
        if self._core(pid, cluster) is None:
            self._absent(pid, cluster)
        super().hold(pid, cluster)

    def _absent(self, pid: int, cluster: int | None) -> None:
        where = self.block.cluster if cluster is None else cluster
        self._story.tell(f"-> {CoreId(where or 0, pid)}: the board has no such core")

    def tell(self, event: str, number: int, value: int, output: int | None = None) -> None:
        """Leave it to what else is told."""

    def lost(self, number: int, why: str) -> None:
        """Tell why an interrupt ends here."""
        self._story.tell(f"{why}: the interrupt is lost")

    def quiet(self, number: int, why: str) -> None:
        """Tell why a write does no more."""
        # The FTU's numbers are clusters, whose RM is meant; a power controller's are its own cluster's PEs.
        ftu = isinstance(self._model, Ftu)
        core = CoreId(number, RM) if ftu else CoreId(self.block.cluster or 0, number)
        known = (core if ftu else self.powered.get(number)) in self.machine.core
        self._story.tell(f"{core}: {why if known else 'the board has no such core'}")

    def odd(self, code: str, message: str) -> None:
        """Tell of it."""
        self._story.tell(message)


class IpiTeller(Port):
    """The port of an IPI controller, telling which cores it asks and which it does not."""

    def __init__(self, story: Story, narrator: Narrator, controller: Controller) -> None:
        self._story = story
        self._narrator = narrator
        self._model, self._block = controller
        assert self._block.cluster is not None
        self._cluster: int = self._block.cluster

    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        """Ask the cores, ascending."""
        line = FIRST_LINE + output
        if not raised | blocked:
            self._story.tell("no bit of a core is 1: nobody is asked")
        for pid in bits(raised | blocked):
            core = CoreId(self._cluster, pid)
            if blocked >> pid & 1:
                mask = self._model.MASK.label(output)
                self._story.tell(f"{core}: stopped, bit {pid} of {mask} is 1; nothing is kept of it")
            elif core not in self._narrator._cores:
                self._story.tell(f"{core}: the board has no such core, its bit has no effect")
            elif not self._model.outputs >> pid & 1:
                self._story.tell(f"{core}: not wired to the controller")
            else:
                self._narrator.ask(core, line, self._block)

    def stored(self, register: Register, index: int, written: int) -> None:
        """Leave it to what is told of the register."""

    def odd(self, code: str, message: str) -> None:
        """Tell of it."""
        self._story.tell(message)


def nowhere(model: Model, block: Block, output: int) -> str:
    """Return why an output of a block reaches nothing."""
    if not isinstance(model, ApicGic):
        return f"output {output} of {block.node.path} leads nowhere: what the tree names is not there"
    pid = output_core(output)
    group = f"output {output} (group {output // GIC_LINES})"
    if pid is None:
        return f"{group} leads to no core"
    core = CoreId(block.cluster or 0, pid)
    return f"{group} would be line {output_line(output)} of {core}, which the board has not"
