"""Where the interrupts of a device go (Devicetree Specification 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import ERROR, Finding, InputError, Place

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Report
    from kvx_emu.dt.tree import Node


class Interrupt(NamedTuple):
    """One interrupt of a device: the controller, the specifier's cells, and where the first stands.

    The place is that of the phandle when the specifier has no cells. Whether the parent named by the tree
    is a controller at all is for the caller to say: `controller.has("interrupt-controller")`.
    """

    controller: Node
    cells: tuple[int, ...]
    place: Place
    property: str  # `interrupts` or `interrupts-extended`


def interrupts(node: Node, report: Report) -> list[Interrupt]:
    """Return the interrupts of a node, from `interrupts-extended` if it has that, else `interrupts`.

    What is wrong is reported, at the guilty cell, and what follows it in the property left out:
    `phandle-dangling`, `intc-cells` (at the controller), `interrupts-property` and
    `interrupts-extended-property` (cut short, no cells, no parent). One wrong controller gives equal findings
    to all who use it.
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
            return _target(at, "interrupt-parent", 0, number, report)
        if at.parent is None:
            message = (
                f"{node.path} has 'interrupts', but neither it nor an ancestor has an 'interrupt-parent'"
            )
            place = node.property_place("interrupts")
            report(Finding(ERROR, "interrupts-property", message, place, node.path, "interrupts"))
            return None
        at = at.parent
        if at.has("interrupt-controller") or at.has("interrupt-map") or at.has("#interrupt-cells"):
            return at


def _target(node: Node, name: str, index: int, number: int, report: Report) -> Node | None:
    """Return the node with the phandle `number`, which stands in cell `index` of a property."""
    found = node.tree.by_phandle(number)
    if found is not None:
        return found
    if number == 0:
        what = "0 is no phandle"
    elif number == 0xFFFFFFFF:
        what = "0xffffffff is no phandle: a reference of an overlay that was never resolved"
    else:
        what = f"no node has the phandle {number:#x}"
    message = f"'{name}' of {node.path}: {what}"
    report(Finding(ERROR, "phandle-dangling", message, node.cell_place(name, index), node.path, name))
    return None


def _specifier_width(controller: Node, report: Report) -> int | None:
    """Return `#interrupt-cells` of a controller; None if it has none, which is reported."""
    name = "#interrupt-cells"
    raw = controller.raw(name)
    if raw is not None and len(raw) == 4:
        return int.from_bytes(raw, "big")
    found = "has none" if raw is None else f"has one of {len(raw)} bytes"
    message = f"interrupts lead to {controller.path}: expected a '{name}' of one cell there, but it {found}"
    report(Finding(ERROR, "intc-cells", message, controller.property_place(name), controller.path, name))
    return None


class _Reader:
    def __init__(self, node: Node, name: str, cells: list[int], report: Report) -> None:
        self.node = node
        self.name = name
        self.cells = cells
        self.report = report

    def extended(self) -> list[Interrupt]:
        result: list[Interrupt] = []
        index = 0
        while index < len(self.cells):
            number = self.cells[index]
            controller = _target(self.node, self.name, index, number, self.report)
            width = None if controller is None else _specifier_width(controller, self.report)
            if controller is None or width is None or not self.whole(controller, index + 1, width, index):
                break  # how long this specifier is, and so where the next starts, is not known
            result.append(self.interrupt(controller, index + 1, width, index if width == 0 else index + 1))
            index += 1 + width
        return result

    def plain(self) -> list[Interrupt]:
        controller = interrupt_parent(self.node, self.report)
        width = None if controller is None else _specifier_width(controller, self.report)
        result: list[Interrupt] = []
        if controller is None or width is None:
            return result
        if width == 0:
            message = f"'{self.name}' of {self.node.path}: {controller.path} takes specifiers of no cells"
            place = self.node.property_place(self.name)
            self.report(Finding(ERROR, f"{self.name}-property", message, place, self.node.path, self.name))
            return result
        for index in range(0, len(self.cells), width):
            if not self.whole(controller, index, width, index):
                break
            result.append(self.interrupt(controller, index, width, index))
        return result

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

    def interrupt(self, controller: Node, start: int, width: int, at: int) -> Interrupt:
        place = self.node.cell_place(self.name, at)
        return Interrupt(controller, tuple(self.cells[start : start + width]), place, self.name)
