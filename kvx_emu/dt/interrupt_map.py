"""Interrupt nexus nodes: what an `interrupt-map` makes of an interrupt (Devicetree Specification 2.4.3).

Each entry of the map is a child unit address, a child specifier, the phandle of an interrupt parent, a unit
address there, and a specifier there. `interrupt-map-mask` says which bits of the first two count. The
specification has no `interrupt-map-pass-thru` (only the other nexus nodes of 2.5 have one), nor has Linux.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.dt.specifiers import specifier_width, target
from kvx_emu.errors import ERROR, Finding, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.dt.findings import Report
    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Place

MAP, MASK = "interrupt-map", "interrupt-map-mask"
_LEVELS = 32  # of nexus nodes that an interrupt may go through


class Entry(NamedTuple):
    """What one entry of a map makes of an interrupt: where it goes, with which unit address and specifier."""

    nexus: Node
    target: Node
    address: tuple[int, ...]
    cells: tuple[int, ...]
    cell: int  # index of the entry's first cell in the property

    @property
    def place(self) -> Place:
        """Where the entry stands."""
        return self.nexus.cell_place(MAP, self.cell)


class InterruptMap:
    """The map of one nexus, up to the first entry that is wrong; the first entry that matches wins.

    An entry whose parent is disabled counts only where no other matches, as Linux skips it.
    """

    def __init__(self, nexus: Node, address: int, specifier: int, mask: Sequence[int]) -> None:
        self.nexus = nexus
        self.address = address  # cells of a child unit address
        self.specifier = specifier  # cells of a child specifier
        self.mask = mask
        self.broken = False  # whether there are entries after these that could not be read
        self._entries: dict[tuple[int, ...], Entry] = {}

    def add(self, child: Sequence[int], entry: Entry) -> None:
        """Append an entry for the child unit address and specifier `child`."""
        key = self._key(child)
        first = self._entries.get(key)
        if first is None or (not first.target.enabled and entry.target.enabled):
            self._entries[key] = entry

    def find(self, child: Sequence[int]) -> Entry | None:
        """Return the entry for a child unit address and specifier."""
        return self._entries.get(self._key(child)) if self._entries else None

    def _key(self, child: Sequence[int]) -> tuple[int, ...]:
        return tuple([cell & mask for cell, mask in zip(child, self.mask, strict=True)])


def follow(
    node: Node, controller: Node, cells: tuple[int, ...], at: tuple[str, int], report: Report
) -> tuple[Node, tuple[int, ...], tuple[Entry, ...]] | None:
    """Return where an interrupt of `node` ends that goes to `controller`, its cells there, and its way.

    The way is the entries that it takes. `at` are the property and the cell that name it.
    None if a map is wrong, or has no entry for it; reported are `interrupt-map`, `phandle-dangling` and
    `intc-cells` at the map, `interrupt-map-match` at the cell. The unit address of a node is the first cells
    of its `reg`, as many as the nexus asks for (as Linux takes them).
    """
    address: tuple[int, ...] | None = None
    way: list[Entry] = []
    seen = {controller}
    while controller.has(MAP):
        table = read_map(controller, report)
        if table is None:
            return None
        if address is None:
            address = _unit_address(node, table, at, report)
            if address is None:
                return None
        entry = table.find((*address, *cells))
        if entry is None and table.broken:
            return None  # it may be among those that could not be read
        if entry is None:
            _unmatched(node, table, address, cells, at, report)
            return None
        way.append(entry)
        if entry.target is controller and controller.has("interrupt-controller"):
            return controller, entry.cells, tuple(way)  # a controller that keeps some for itself
        if entry.target in seen or len(way) > _LEVELS:
            what = f"a loop: it leads back to {entry.target.path}"
            _wrong(controller, what if entry.target in seen else "too long a way", report, entry.cell)
            return None
        controller, address, cells = entry.target, entry.address, entry.cells
        seen.add(controller)
    return controller, cells, tuple(way)


def read_map(nexus: Node, report: Report) -> InterruptMap | None:
    """Return the map of a nexus; None if nothing can be made of it. What is wrong is reported, each time.

    `interrupt-map`: no `#address-cells` (the specification wants one, also of 0), a mask of another length,
    an entry cut short or with a parent that has no sound cells; `phandle-dangling` of a parent; `intc-cells`
    at the nexus. What follows a wrong entry is not read.
    """
    known: tuple[InterruptMap | None, list[Finding]] | None = nexus.tree.maps.get(nexus)
    if known is None:
        found: list[Finding] = []
        known = nexus.tree.maps[nexus] = _read(nexus, found.append), found
    for finding in known[1]:
        report(finding)
    return known[0]


def _read(nexus: Node, report: Report) -> InterruptMap | None:
    specifier = specifier_width(nexus, report)
    address = _one_cell(nexus, "#address-cells", None)
    cells = _cells(nexus, MAP, report)
    if specifier is None or cells is None:
        return None
    if address is None:
        message = f"{nexus.path} has an '{MAP}', but no '#address-cells' of one cell; expected one, also of 0"
        report(Finding(ERROR, MAP, message, nexus.property_place(MAP), nexus.path, MAP))
        return None
    child = address + specifier
    mask = _mask(nexus, child, report)
    if mask is None:
        return None
    table = InterruptMap(nexus, address, specifier, mask)
    table.broken = not _fill(table, cells, report)
    return table


def _fill(table: InterruptMap, cells: list[int], report: Report) -> bool:
    """Read the entries of a map up to the first that is wrong; return whether none is."""
    nexus = table.nexus
    child = table.address + table.specifier
    index = 0
    while index < len(cells):
        middle = index + child
        if middle >= len(cells):
            _cut_short(nexus, index, child + 1, len(cells), report)
            return False
        parent = target(nexus, MAP, middle, cells[middle], report)
        if parent is None:
            return False
        wide, width = _one_cell(parent, "#address-cells", 0), _one_cell(parent, "#interrupt-cells", None)
        if wide is None or width is None:
            message = f"the interrupt parent {parent.path} has no sound #interrupt-cells or #address-cells"
            _wrong(nexus, message, report, middle)
            return False
        start = middle + 1 + wide
        end = start + width
        if end > len(cells):
            _cut_short(nexus, index, end - index, len(cells), report)
            return False
        there = Entry(nexus, parent, tuple(cells[middle + 1 : start]), tuple(cells[start:end]), index)
        table.add(cells[index:middle], there)
        index = end
    return True


def _mask(nexus: Node, child: int, report: Report) -> list[int] | None:
    """Return the mask of a map, all ones if the nexus has none; None if it is wrong."""
    if not nexus.has(MASK):
        # A map of no entry that can be has no use for one.
        return [0xFFFFFFFF] * min(child, len(nexus.raw(MAP) or b"") // 4)
    mask = _cells(nexus, MASK, report)
    if mask is not None and len(mask) != child:
        message = f"'{MASK}' of {nexus.path} has {len(mask)} cells; expected {child}, those of a child's "
        message += "unit address and specifier"
        place = nexus.property_place(MASK)
        report(Finding(ERROR, MAP, message, place, nexus.path, MASK))
        return None
    return mask


def _one_cell(node: Node, name: str, default: int | None) -> int | None:
    """Return the number in a property, `default` if there is none; None if it is not one cell."""
    raw = node.raw(name)
    if raw is None:
        return default
    return int.from_bytes(raw, "big") if len(raw) == 4 else None


def _cells(node: Node, name: str, report: Report) -> list[int] | None:
    try:
        return node.cells(name)
    except InputError as error:
        for finding in error.findings:
            report(finding._replace(code=MAP))
        return None


def _unit_address(
    node: Node, table: InterruptMap, at: tuple[str, int], report: Report
) -> tuple[int, ...] | None:
    """Return the unit address of a device as a map wants it."""
    raw = node.raw("reg") or b""
    if len(raw) < 4 * table.address:
        message = (
            f"the '{MAP}' of {table.nexus.path} asks for {table.address} cells of unit address, but the "
        )
        message += f"'reg' of {node.path} has {len(raw) // 4}"
        if not table.broken:
            _say(node, message, at, report)
        return None
    return tuple(int.from_bytes(raw[4 * cell : 4 * cell + 4], "big") for cell in range(table.address))


def _unmatched(
    node: Node,
    table: InterruptMap,
    address: tuple[int, ...],
    cells: tuple[int, ...],
    at: tuple[str, int],
    report: Report,
) -> None:
    what = f"specifier {_text(cells)}"
    if address:
        what = f"unit address {_text(address)}, {what}"
    _say(node, f"no entry of the '{MAP}' of {table.nexus.path} matches {what}", at, report)


def _text(cells: tuple[int, ...]) -> str:
    return "<" + " ".join(f"{cell:#x}" for cell in cells) + ">"


def _say(node: Node, message: str, at: tuple[str, int], report: Report) -> None:
    report(Finding(ERROR, "interrupt-map-match", message, node.cell_place(*at), node.path, at[0]))


def _cut_short(nexus: Node, index: int, expected: int, there: int, report: Report) -> None:
    _wrong(nexus, f"this entry is cut short: it has {expected} cells, found {there - index}", report, index)


def _wrong(nexus: Node, what: str, report: Report, cell: int) -> None:
    place = nexus.cell_place(MAP, cell)
    report(Finding(ERROR, MAP, f"'{MAP}' of {nexus.path}: {what}", place, nexus.path, MAP))
