"""What a tree says of its interrupt hardware, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.core_id import CoreId
    from kvx_emu.dt.tree import Node, Tree
    from kvx_emu.errors import Place
    from kvx_emu.hw.model import Model
    from kvx_emu.machine.cores import Cores


class CpuFacts(NamedTuple):
    """An enabled cpu node: its core, and the node of its own interrupt controller, if it has one."""

    core: CoreId
    node: Node
    intc: Node | None


class Block(NamedTuple):
    """An enabled node with registers that the cores can address.

    `start` is the address that all cores see, `cluster` whose window that is in (None: none's); `place` and
    `size_place` where the tree says the two; `compatible` the string that was recognised, `model` its class,
    both None if none was.
    """

    node: Node
    title: str
    start: int
    size: int
    cluster: int | None
    place: Place
    size_place: Place
    compatible: str | None
    model: type[Model] | None

    @property
    def end(self) -> int:
        """The first address after the block."""
        return self.start + self.size


class Wire(NamedTuple):
    """A line of a core that the tree names as the output of a controller."""

    core: CoreId
    line: int
    place: Place
    property: str  # `interrupts-extended` or `interrupts`


class Ipi(NamedTuple):
    """An IPI controller and the wires that its node names; the hardware has all 8 x 17."""

    block: Block
    cluster: int
    wires: tuple[Wire, ...]


class Claim(NamedTuple):
    """What a device says is its own: a line of a core, or an input of a controller; and where it says so."""

    node: Node
    property: str
    place: Place


class Link(NamedTuple):
    """An interrupt of an enabled node that gets to a controller, through nexus nodes or not.

    `index` is its place among the node's interrupts, from 0; `cells` the specifier as `target` sees it;
    `place` where the node names it, in `property`.
    """

    node: Node
    index: int  # type: ignore[assignment]  # not tuple's method: nobody searches a link
    target: Node
    cells: tuple[int, ...]
    place: Place
    property: str  # `interrupts-extended` or `interrupts`


class Wiring(NamedTuple):
    """All that a tree says of its interrupt hardware.

    `links` are the interrupts that reach a controller, by the order of the tree; `rates` the Hz of the clocks
    of core timers and DSU clocks by path, of those that tell one; `powers` the path of the power controller
    that a cpu names, of those that do.
    """

    clock_hz: int
    clusters: int
    cores: Cores
    blocks: tuple[Block, ...]
    ipis: tuple[Ipi, ...]
    tree: Tree
    links: tuple[Link, ...]
    rates: Mapping[str, int]
    powers: Mapping[CoreId, str]

    @property
    def cpus(self) -> tuple[CpuFacts, ...]:
        """The enabled cpu nodes, by core."""
        return self.cores.cpus

    @property
    def shared_intc(self) -> Node | None:
        """The node that stands for the interrupt controllers of all cores without one of their own."""
        return self.cores.shared

    @property
    def dialect(self) -> str:
        """`coolidge` (an interrupt controller in each cpu node) or `kvx` (one for all)."""
        return self.cores.dialect
