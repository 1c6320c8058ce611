"""What a machine knows of its interrupts: where they lead, and what people call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kvx_emu.core_id import RM, CoreId
from kvx_emu.machine.inputs import Input, Mailbox, find_node
from kvx_emu.machine.listener import Wire
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.core import LINES, Core
from kvx_emu.models.itgen import Itgen

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from kvx_emu.dt.tree import Tree
    from kvx_emu.hw.model import Model
    from kvx_emu.machine.facts import Block, Link, Wiring

Kind = TypeVar("Kind", bound="Model")


class Built(NamedTuple):
    """A block that has a model."""

    model: Model
    block: Block


class Lookup:
    """The cores and blocks of a machine, and the questions about its interrupts.

    `core` maps each enabled cpu to its model, by cluster and pid; `blocks` the path of each node that has
    a model on the bus to it, filled by whoever builds them; `with_intc` holds the cores that have an
    interrupt controller in the tree. The names are what a script's board must know.
    """

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.core: dict[CoreId, Core] = {cpu.core: Core(*cpu.core) for cpu in wiring.cpus}
        self.blocks: dict[str, Built] = {}
        cores = wiring.cores
        self.with_intc = frozenset(core for at in cores.by_cluster for core in cores.with_intc(at))
        self._links: dict[str, list[Link]] = {}
        for link in wiring.links:
            self._links.setdefault(link.node.path, []).append(link)
        # The cluster whose window a node is in, by its first region.
        self._windows: dict[str, int | None] = {}
        for block in wiring.blocks:
            self._windows.setdefault(block.node.path, block.cluster)

    def wires_to(self, link: Link, cluster: int | None) -> tuple[Wire, ...]:
        """Return where an interrupt of a node in `cluster` (None: in none) leads: to cores, or to a block."""
        path = link.target.path
        number = link.cells[0] if link.cells else 0
        if path in self.blocks:
            model = self.blocks[path].model
            return (Wire(number, model, None, link),) if number < model.inputs else ()
        return tuple(Wire(number, None, core, link) for core in self.behind(path, cluster) if number < LINES)

    def behind(self, path: str, cluster: int | None) -> list[CoreId]:
        """Return the cores whose controller a node is; of a shared one those of `cluster`, or all."""
        return self.wiring.cores.behind(path, cluster) or []

    # Interrupt inputs by name: what a script's board must know

    @property
    def tree(self) -> Tree:
        """The tree that the machine was built from."""
        return self.wiring.tree

    @property
    def devices(self) -> tuple[Input, ...]:
        """The first interrupt of each device on the bus that has no model of its own, by path."""
        nodes = [links[0].node for path, links in self._links.items() if path not in self.blocks]
        return tuple(Input(path, 0) for path in sorted(node.path for node in nodes if node.has("reg")))

    def device_input(self, name: str, index: int) -> Input:
        """Return interrupt `index` of a device; ValueError, with the message, if there is none."""
        node = find_node(self.tree, name)
        links = self._links.get(node.path, [])
        if not any(link.index == index for link in links):
            has = f"it has {len(links)}" if links else "it has none that leads somewhere"
            raise ValueError(f"{node.path} has no interrupt {index}; {has}")
        return Input(node.path, index)

    def controller_input(self, name: str, number: int, cores: tuple[CoreId, ...] | None) -> Input:
        """Return an input of a controller, or the line `number` of cores; ValueError if there is none."""
        node = find_node(self.tree, name)
        built = self.blocks.get(node.path)
        if built is not None and built.model.inputs:
            if cores:
                raise ValueError(f"{node.path} is no core interrupt controller: it takes no core")
            if number >= built.model.inputs:
                raise ValueError(f"{node.path} has no input {number}; it has {built.model.inputs}")
            return Input(node.path, number, controller=True)
        behind = self.behind(node.path, None)
        if not behind:
            raise ValueError(f"{node.path} has no interrupt inputs")
        if number >= LINES:
            raise ValueError(f"a core has no line {number}; it has {LINES}")
        if cores is None:
            if len(behind) > 1:
                raise ValueError(
                    f"{node.path} stands for the controllers of {len(behind)} cores; expected `core`"
                )
            cores = tuple(behind)
        for core in cores:
            if core not in behind:
                raise ValueError(f"{node.path} is not the interrupt controller of {core}")
        return Input(node.path, number, controller=True, cores=cores)

    def of(self, kind: type[Kind]) -> Iterator[tuple[Kind, Block]]:
        """Yield the blocks whose model is of a kind, by path."""
        for model, block in self.blocks.values():
            if isinstance(model, kind):
                yield model, block

    def mailbox(self, place: int | str, number: int) -> Mailbox:
        """Return a mailbox of a cluster, or of a node; ValueError, with the message, if there is none."""
        path = find_node(self.tree, place).path if isinstance(place, str) else None
        for model, block in self.of(ApicMailbox):
            if block.cluster is not None and (block.node.path == path or block.cluster == place):
                if number >= model.count:
                    raise ValueError(f"{block.node.path} has no mailbox {number}; it has {model.count}")
                address = block.start + number * ApicMailbox.VALUE.stride
                return Mailbox(block.cluster, number, address)
        raise ValueError(f"{path} is no block of mailboxes" if path else f"cluster {place} has no mailboxes")

    def irq_cores(self, target: Hashable) -> tuple[CoreId, ...]:
        """Return the cores that Linux can move an interrupt to: those behind its GIC that run Linux."""
        cluster = target.cluster if isinstance(target, Mailbox) else None
        if isinstance(target, Input):
            link = self.link(target.path, target.number)
            built = None if link is None else self.blocks.get(link.target.path)
            if built is not None:
                block = self.msi_parent(built.block) if isinstance(built.model, Itgen) else built.block
                cluster = None if block is None else block.cluster
        if cluster is None:
            return ()
        return tuple(
            core
            for core in self.core
            if core.cluster == cluster and core.pid != RM and core in self.with_intc
        )

    def link(self, path: str, index: int) -> Link | None:
        """Return where interrupt `index` of a node goes, None if it has none that leads somewhere."""
        return next((link for link in self._links.get(path, ()) if link.index == index), None)

    def mailbox_at(self, cluster: int, number: int) -> int | None:
        """Return the mailbox of a cluster that is wired to an input of its GIC."""
        for _, block in self.of(ApicMailbox):
            if block.cluster == cluster:
                links = self._links.get(block.node.path, ())
                return next((link.index for link in links if (link.cells or (0,)) == (number,)), None)
        return None

    def msi_parent(self, block: Block) -> Block | None:
        """Return the mailboxes that the `msi-parent` of an interrupt generator names."""
        node = block.node
        cells = node.cells("msi-parent") if node.has("msi-parent") else []
        parent = self.tree.by_phandle(cells[0]) if cells else None
        built = None if parent is None else self.blocks.get(parent.path)
        return built.block if built is not None and isinstance(built.model, ApicMailbox) else None

    def wires_of(self, source: Input) -> tuple[Wire, ...]:
        """Return where something that can be raised leads."""
        if not source.controller:
            link, cluster = self.link(source.path, source.number), self._windows.get(source.path)
            return () if link is None else self.wires_to(link, cluster)
        if source.cores:
            return tuple(Wire(source.number, None, core, None) for core in source.cores)
        return (Wire(source.number, self.blocks[source.path].model, None, None),)
