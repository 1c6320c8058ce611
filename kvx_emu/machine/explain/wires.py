"""What the tree of a machine says of its wires, asked from either end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId, core_names
from kvx_emu.machine.ports import BlockPort
from kvx_emu.models.apic_gic import INPUT_NAMES, ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.itgen import Itgen, decode

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Place
    from kvx_emu.hw.model import Model
    from kvx_emu.machine.facts import Block, Link
    from kvx_emu.machine.machine import Machine


class Wires:
    """The wires of a machine: who drives what, what reaches whom, and where the tree says so."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._blocks = {id(model): block for model, block in machine.blocks.values()}
        self._nodes = {cpu.core: cpu.intc or cpu.node for cpu in machine.wiring.cpus}

    def block_of(self, model: Model) -> Block:
        """Return the block that the tree declares for a model of the machine."""
        return self._blocks[id(model)]

    def node_of(self, core: CoreId) -> Node:
        """Return the node of a core's interrupt controller, or its cpu node where all share one."""
        return self._nodes[core]

    def named(self, block: Block, core: CoreId, line: int) -> Place | None:
        """Return where the tree names the wire from a block to a line of a core; None if it does not."""
        for link in self.machine.wiring.links:
            if link.node is block.node and link.cells[:1] == (line,):
                behind = self.machine.behind(link.target.path, block.cluster)
                if core in behind:
                    return link.place
        return None

    def drivers(self, block: Block, number: int) -> list[Link]:
        """Return what the tree wires to an input of a block."""
        return [
            link
            for link in self.machine.wiring.links
            if link.target is block.node and link.cells[:1] == (number,)
        ]

    def driver_text(self, link: Link) -> str:
        """Return who drives an input, with the place of its node and of its wire."""
        path = link.node.path
        built = self.machine.blocks.get(path)
        if built is None:
            what = path
        elif isinstance(built.model, ApicMailbox):
            what = f"mailbox {link.index} of {path}"
        else:
            what = f"output {link.index} of {path}"
        return f"{what} ({link.node.place}; wired at {link.place})"

    def input_text(self, block: Block, number: int) -> str:
        """Return who drives an input, or that nobody does."""
        links = self.drivers(block, number)
        if links:
            return f"input {number} is {' and '.join(map(self.driver_text, links))}"
        model = self.machine.blocks[block.node.path].model
        name = INPUT_NAMES.get(number) if isinstance(model, ApicGic) else None
        known = f" (that of the hardware's {name})" if name else ""
        return f"input {number} is wired to nothing in the tree{known}"

    def gic_reach(self, model: ApicGic, number: int) -> str:
        """Return the cores and lines that an input of a GIC reaches as it stands, `` for none."""
        port = model.port
        assert isinstance(port, BlockPort)
        by_line: dict[int, list[CoreId]] = {}
        for output in model.outputs_of(number):
            for wire in port.wires.get(output, ()):
                if wire.core is not None:
                    by_line.setdefault(wire.number, []).append(wire.core)
        return "; ".join(f"line {line} of {core_names(cores)}" for line, cores in sorted(by_line.items()))

    def writers(self, block: Block, mailbox: int) -> list[str]:
        """Return the enabled inputs of interrupt generators whose CFG means a mailbox."""
        texts = []
        for model, itgen in self.machine.blocks.values():
            if not isinstance(model, Itgen):
                continue
            for number in range(model.inputs):
                if not model.enable[number]:
                    continue
                target = decode(model.cfg[number], model.select)
                if (target.cluster, target.mailbox) == (block.cluster, mailbox):
                    texts.append(f"bit {target.bit}: {itgen.node.path} {self.input_text(itgen, number)}")
        return texts
