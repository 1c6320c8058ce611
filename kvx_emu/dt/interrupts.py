"""Where the interrupts of a device go (Devicetree Specification 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.dt.interrupt_map import MAP, follow
from kvx_emu.dt.specifiers import specifier_width, target
from kvx_emu.errors import ERROR, Finding, InputError, Place

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Report
    from kvx_emu.dt.interrupt_map import Entry
    from kvx_emu.dt.tree import Node


class Interrupt(NamedTuple):
    """One interrupt of a device: the controller that gets it, and the specifier's cells there.

    `place` is where the device names it: the first cell of its specifier, or the phandle when that has no
    cells. Where it goes through nexus nodes, `through` are the entries of their maps, in the order of the
    way. Whether what it ends at is a controller at all is for the caller to say:
    `controller.has("interrupt-controller")`.
    """

    controller: Node
    cells: tuple[int, ...]
    place: Place
    property: str  # `interrupts` or `interrupts-extended`
    number: int = 0  # which of the property's it is, from 0
    cell: int = 0  # index of what is at `place`
    through: tuple[Entry, ...] = ()


def interrupts(node: Node, report: Report) -> list[Interrupt]:
    """Return the interrupts of a node, from `interrupts-extended` if it has that, else `interrupts`.

    What is wrong is reported, at the guilty cell, and what follows it in the property left out:
    `phandle-dangling`, `intc-cells` (at the controller), `interrupts-property` and
    `interrupts-extended-property` (cut short, no cells, no parent). Only the interrupt itself is left out if
    it does not get through a nexus: `interrupt-map`, `interrupt-map-match` and others of `follow`. One wrong
    controller, or map, gives equal findings to all who use it.
    """
    name = "interrupts-extended" if node.has("interrupts-extended") else "interrupts"
    try:
        cells = node.cells(name)
    except InputError as error:
        for finding in error.findings:
            report(finding._replace(code=f"{name}-property"))
        return []
    if not cells:
        return []
    reader = _Reader(node, name, cells, report)
    return reader.extended() if name == "interrupts-extended" else reader.plain()


def interrupt_parent(node: Node, report: Report) -> Node | None:
    """Return the node that the `interrupts` of a node go to; None if that is wrong, which is reported.

    It is named by `interrupt-parent` of the node or of the nearest ancestor that has one, unless an
    ancestor on the way is a controller (or an `interrupt-map`) itself.
    """
    at = node
    while True:
        if at.has("interrupt-parent"):
            try:
                number = at.cell("interrupt-parent") or 0
            except InputError as error:
                for finding in error.findings:
                    report(finding._replace(code="interrupts-property"))
                return None
            return target(at, "interrupt-parent", 0, number, report)
        if at.parent is None:
            message = (
                f"{node.path} has 'interrupts', but neither it nor an ancestor has an 'interrupt-parent'"
            )
            place = node.property_place("interrupts")
            report(Finding(ERROR, "interrupts-property", message, place, node.path, "interrupts"))
            return None
        at = at.parent
        if at.has("interrupt-controller") or at.has(MAP) or at.has("#interrupt-cells"):
            return at


class _Reader:
    def __init__(self, node: Node, name: str, cells: list[int], report: Report) -> None:
        self.node = node
        self.name = name
        self.cells = cells
        self.report = report
        self.number = 0  # of the next interrupt
        self.result: list[Interrupt] = []

    def extended(self) -> list[Interrupt]:
        index = 0
        while index < len(self.cells):
            number = self.cells[index]
            controller = target(self.node, self.name, index, number, self.report)
            width = None if controller is None else specifier_width(controller, self.report)
            if controller is None or width is None or not self.whole(controller, index + 1, width, index):
                break  # how long this specifier is, and so where the next starts, is not known
            self.interrupt(controller, index + 1, width, index if width == 0 else index + 1)
            index += 1 + width
        return self.result

    def plain(self) -> list[Interrupt]:
        controller = interrupt_parent(self.node, self.report)
        width = None if controller is None else specifier_width(controller, self.report)
        if controller is None or width is None:
            return []
        if width == 0:
            message = f"'{self.name}' of {self.node.path}: {controller.path} takes specifiers of no cells"
            place = self.node.property_place(self.name)
            self.report(Finding(ERROR, f"{self.name}-property", message, place, self.node.path, self.name))
            return []
        for index in range(0, len(self.cells), width):
            if not self.whole(controller, index, width, index):
                break
            self.interrupt(controller, index, width, index)
        return self.result

    def whole(self, controller: Node, start: int, width: int, guilty: int) -> bool:
        """Whether a specifier of `width` cells is there; if not, report it at the cell `guilty`."""
        there = len(self.cells) - start
        if there >= width:
            return True
        message = f"'{self.name}' of {self.node.path} is cut short: {controller.path} takes {width} cells, "
        message += f"found {there}"
        place = self.node.cell_place(self.name, guilty)
        self.report(Finding(ERROR, f"{self.name}-property", message, place, self.node.path, self.name))
        return False

    def interrupt(self, controller: Node, start: int, width: int, at: int) -> None:
        """Append the interrupt whose specifier starts at cell `start`, if it gets where it goes."""
        number = self.number
        self.number += 1
        cells = tuple(self.cells[start : start + width])
        way: tuple[Entry, ...] = ()
        if controller.has(MAP):
            end = follow(self.node, controller, cells, (self.name, at), self.report)
            if end is None:
                return
            controller, cells, way = end
        place = self.node.cell_place(self.name, at)
        self.result.append(Interrupt(controller, cells, place, self.name, number, at, way))
