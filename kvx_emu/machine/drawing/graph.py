"""The interrupt tree as boxes and edges: what raises what, from the devices to the cores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import RM, CoreId, core_names
from kvx_emu.machine import known
from kvx_emu.machine.ports import BlockPort
from kvx_emu.models.apic_gic import ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.ftu import Ftu
from kvx_emu.models.ipi_ctrl import FIRST_LINE, IpiCtrl
from kvx_emu.models.itgen import Itgen
from kvx_emu.models.pcimsi import PciMsi
from kvx_emu.models.pwr_ctrl import PwrCtrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Place
    from kvx_emu.machine.facts import Block, Link
    from kvx_emu.machine.machine import Machine

DEVICES, GENERATORS, MAILBOXES, CONTROLLERS, CORES = range(5)
"""The columns, from the left."""

TYPES = {1: "rising edge", 2: "falling edge", 4: "level high", 8: "level low"}
"""The types of an interrupt. Source: Devicetree bindings, irq.h."""


class Box(NamedTuple):
    """Something that interrupts come from or go to: a node of the tree, or the cores of a cluster."""

    key: str
    name: str
    title: str
    column: int
    cluster: int | None
    place: Place | None


class Edge(NamedTuple):
    """Wires from a box to another; each of `labels` says which, `place` where the tree names the first."""

    source: str
    target: str
    labels: tuple[str, ...]
    place: Place | None


class Graph(NamedTuple):
    """Boxes by column, cluster and the order of the tree; edges by their boxes."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def graph_of(machine: Machine) -> Graph:
    """Return the interrupt tree of a machine; what neither raises nor takes an interrupt is left out."""
    return _Drawing(machine).graph()


class _Drawing:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._edges: dict[tuple[str, str], tuple[list[str], Place | None]] = {}
        self._regions: dict[str, Block] = {}
        for block in machine.wiring.blocks:
            self._regions.setdefault(block.node.path, block)

    def graph(self) -> Graph:
        self._wire_links()
        for path, (model, block) in self._machine.blocks.items():
            if isinstance(model, IpiCtrl) and block.cluster is not None:
                cores = [core for core in self._cores_of(block.cluster) if model.outputs >> core.pid & 1]
                sets = model.INTERRUPT.count or 1
                self._always(path, block.cluster, range(FIRST_LINE, FIRST_LINE + sets), cores)
            elif isinstance(model, ApicGic) and isinstance(model.port, BlockPort):
                self._wire_gic(path, model.port)
            elif isinstance(model, Itgen):
                self._wire_messages(path, block)
            elif isinstance(model, PwrCtrl) and isinstance(model.port, BlockPort):
                self._starts(path, (core for pid, core in sorted(model.port.powered.items()) if pid != RM))
            elif isinstance(model, Ftu):
                self._starts(path, (core for core in self._machine.cores if core.pid == RM))
        keys = {key for pair in self._edges for key in pair}
        boxes = [*self._node_boxes(keys), *self._core_boxes(keys)]
        order = {box.key: place for place, box in enumerate(boxes)}
        edges = [
            Edge(source, target, tuple(labels), place)
            for (source, target), (labels, place) in self._edges.items()
        ]
        boxes.sort(key=lambda box: (box.column, -1 if box.cluster is None else box.cluster, order[box.key]))
        edges.sort(key=lambda edge: (order[edge.source], order[edge.target]))
        return Graph(tuple(boxes), tuple(edges))

    # Edges

    def _add(self, source: str, target: str, label: str, place: Place | None = None) -> None:
        labels, _ = self._edges.setdefault((source, target), ([], place))
        labels.append(label)

    def _wire_links(self) -> None:
        """Add what the tree wires, node by node."""
        by_pair: dict[tuple[str, str], list[Link]] = {}
        for link in self._machine.wiring.links:
            by_pair.setdefault((link.node.path, link.target.path), []).append(link)
        to_cores: dict[str, list[tuple[Link, list[CoreId]]]] = {}
        for (source, target), links in by_pair.items():
            region = self._regions.get(source)
            cluster = None if region is None else region.cluster
            behind = self._machine.behind(target, cluster)
            if behind:
                to_cores.setdefault(source, []).extend((link, behind) for link in links)
                continue
            for label in self._labels(source, links):
                self._add(source, target, label, links[0].place)
        for source, wires in to_cores.items():
            built = self._machine.blocks.get(source)
            named = built is not None and isinstance(built.model, (ApicGic, IpiCtrl))
            clusters = sorted({core.cluster for _, behind in wires for core in behind})
            for cluster in clusters:
                by_line: dict[int, set[CoreId]] = {}
                for link, behind in wires:
                    line = link.cells[0] if link.cells else 0
                    by_line.setdefault(line, set()).update(c for c in behind if c.cluster == cluster)
                text = _lines(by_line)
                self._add(source, _cores(cluster), f"named: {text}" if named else text, wires[0][0].place)

    def _labels(self, source: str, links: list[Link]) -> Iterator[str]:
        """Yield which interrupts of a node are which inputs of another, rows of them as ranges."""
        built = self._machine.blocks.get(source)
        what = "interrupt"
        if built is not None:
            what = "mailbox" if isinstance(built.model, ApicMailbox) else "output"
        rows: list[list[Link]] = []
        for link in links:
            if rows and _follows(rows[-1][-1], link):
                rows[-1].append(link)
            else:
                rows.append([link])
        for row in rows:
            first, last = row[0], row[-1]
            kind = TYPES.get(first.cells[1], f"type {first.cells[1]}") if len(first.cells) > 1 else ""
            ours, theirs = _range(first.index, last.index), ""
            if first.cells:
                theirs = f"input {_range(first.cells[0], last.cells[0])}"
            yield f"{what} {ours} -> {theirs}{f', {kind}' if kind else ''}"

    def _wire_gic(self, path: str, port: BlockPort) -> None:
        by_line: dict[int, set[CoreId]] = {}
        for wires in port.wires.values():
            for wire in wires:
                if wire.core is not None:
                    by_line.setdefault(wire.number, set()).add(wire.core)
        cluster = port.block.cluster
        cores = sorted({core for each in by_line.values() for core in each})
        if cluster is not None:
            self._always(path, cluster, sorted(by_line), cores)

    def _always(self, path: str, cluster: int, lines: Iterable[int], cores: list[CoreId]) -> None:
        """Add the wires that the hardware has, whatever the tree names."""
        if cores:
            numbers = list(lines)
            text = f"lines {_range(numbers[0], numbers[-1])}" if len(numbers) > 1 else f"line {numbers[0]}"
            self._add(path, _cores(cluster), f"{text} of {core_names(cores)}")

    def _wire_messages(self, path: str, block: Block) -> None:
        parent = self._machine.msi_parent(block)
        if parent is not None:
            self._add(path, parent.node.path, "messages", block.node.property_place("msi-parent"))

    def _starts(self, path: str, cores: Iterable[CoreId]) -> None:
        by_cluster: dict[int, list[CoreId]] = {}
        for core in cores:
            by_cluster.setdefault(core.cluster, []).append(core)
        for cluster, started in by_cluster.items():
            self._add(path, _cores(cluster), f"starts {core_names(started)}")

    # Boxes

    def _cores_of(self, cluster: int) -> list[CoreId]:
        return [core for core in self._machine.cores if core.cluster == cluster]

    def _core_boxes(self, keys: set[str]) -> Iterator[Box]:
        for cluster in self._machine.by_cluster:
            if _cores(cluster) in keys:
                cores = self._cores_of(cluster)
                name = core_names(cores)
                yield Box(_cores(cluster), name, f"cores of cluster {cluster}", CORES, cluster, None)

    def _node_boxes(self, keys: set[str]) -> Iterator[Box]:
        for node in self._machine.tree.nodes():
            if node.path in keys:
                yield self._box(node)

    def _box(self, node: Node) -> Box:
        built = self._machine.blocks.get(node.path)
        region = self._regions.get(node.path)
        cluster = None if region is None else region.cluster
        if region is None:
            # A part of the cores: its cluster is theirs, if they are of one.
            reached = {
                int(target.removeprefix(_CORES))
                for source, target in self._edges
                if source == node.path and target.startswith(_CORES)
            }
            cluster = min(reached) if len(reached) == 1 else None
            if cluster is not None:
                title = known.title(node) or "device"
                return Box(node.path, node.name, title, CONTROLLERS, cluster, node.place)
        title = region.title if region is not None else known.title(node) or "device"
        column = DEVICES
        if built is not None:
            kinds = {Itgen: GENERATORS, PciMsi: GENERATORS, Ftu: GENERATORS, ApicMailbox: MAILBOXES}
            column = next((at for kind, at in kinds.items() if isinstance(built.model, kind)), CONTROLLERS)
        return Box(node.path, node.name, title, column, cluster, node.place)


_CORES = "cores of cluster "  # no path of a node begins so


def _cores(cluster: int) -> str:
    return f"{_CORES}{cluster}"


def _follows(link: Link, after: Link) -> bool:
    """Whether a link continues a row: the next interrupt, to the next input of the same kind."""
    if not link.cells or not after.cells:
        return False
    return (after.index, after.cells[0], after.cells[1:]) == (
        link.index + 1,
        link.cells[0] + 1,
        link.cells[1:],
    )


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _numbers(numbers: list[int]) -> str:
    """Return ascending numbers, rows of them as ranges: `0, 4-7`."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return ", ".join(_range(row[0], row[-1]) for row in rows)


def _lines(by_line: dict[int, set[CoreId]]) -> str:
    """Return `line 4 of pe0-15`, lines with the same cores together."""
    groups: dict[tuple[CoreId, ...], list[int]] = {}
    for line in sorted(by_line):
        groups.setdefault(tuple(sorted(by_line[line])), []).append(line)
    return "; ".join(
        f"line{'' if len(lines) == 1 else 's'} {_numbers(lines)} of {core_names(cores)}"
        for cores, lines in groups.items()
    )
