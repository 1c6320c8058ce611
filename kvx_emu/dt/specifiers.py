"""What a phandle in an interrupt specifier leads to, and how long the specifier is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import ERROR, Finding

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Report
    from kvx_emu.dt.tree import Node


def target(node: Node, name: str, index: int, number: int, report: Report) -> Node | None:
    """Return the node with the phandle `number`, which stands in cell `index` of a property.

    None if there is none, which is reported as `phandle-dangling`.
    """
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


def specifier_width(controller: Node, report: Report) -> int | None:
    """Return `#interrupt-cells` of a controller; None if it has none, reported as `intc-cells` there."""
    name = "#interrupt-cells"
    raw = controller.raw(name)
    if raw is not None and len(raw) == 4:
        return int.from_bytes(raw, "big")
    found = "has none" if raw is None else f"has one of {len(raw)} bytes"
    message = f"interrupts lead to {controller.path}: expected a '{name}' of one cell there, but it {found}"
    report(Finding(ERROR, "intc-cells", message, controller.property_place(name), controller.path, name))
    return None
