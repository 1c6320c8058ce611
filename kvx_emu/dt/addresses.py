"""What the `reg` of a node says, in the addresses of the root (Devicetree Specification 2.3.5 to 2.3.8)."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import ERROR, Finding, InputError, Place

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Report
    from kvx_emu.dt.tree import Node

_SPACE = 1 << 64  # bytes of address space
_DEFAULTS = {"#address-cells": 2, "#size-cells": 1}  # of a bus that says nothing


class Reg(NamedTuple):
    """One entry of a `reg`: `size` bytes from `address`, and where its first cell stands."""

    address: int
    size: int
    cell: int  # index of that cell in the property
    place: Place
    middle: int  # index of its first cell of size
    end: int  # index after its last cell


def regs(node: Node, report: Report) -> list[Reg]:
    """Return the entries of `reg`, translated to the root through the `ranges` of every bus above.

    An entry that is wrong is left out and reported: `reg-format` (no whole number of entries),
    `reg-size` (address + size beyond 2^64), `ranges` (a bus without ranges, or not in them),
    `addr-size-cells` (at the bus).
    """
    result = []
    for reg in local_regs(node, report):
        address = _translate(node, reg, report)
        if address is not None:
            result.append(reg._replace(address=address))
    return result


def local_regs(node: Node, report: Report) -> list[Reg]:
    """Return the entries of `reg` as they stand: addresses on the parent's bus, or the numbers of cpus."""
    bus = node.parent
    if bus is None or not node.has("reg"):
        return []
    here = widths(bus, report)
    cells = _cells(node, "reg", report)
    if here is None or cells is None:
        return []
    wide, size_wide = here
    step = wide + size_wide
    if not cells or not wide or len(cells) % step:
        message = f"'reg' of {node.path} has {len(cells)} cells; expected entries of {step}"
        message += f" ({wide} of address, {size_wide} of size, says {bus.path})"
        report(Finding(ERROR, "reg-format", message, node.property_place("reg"), node.path, "reg"))
        return []
    result = []
    for index in range(0, len(cells), step):
        address = _number(cells[index : index + wide])
        size = _number(cells[index + wide : index + step])
        reg = Reg(address, size, index, node.cell_place("reg", index), index + wide, index + step)
        if address >= _SPACE or address + size > _SPACE:
            _too_far(node, reg, address, report)
        else:
            result.append(reg)
    return result


def _translate(node: Node, reg: Reg, report: Report) -> int | None:
    """Return the address of an entry as the root sees it; None if it has none, which is reported."""
    address = reg.address
    bus = node.parent
    while bus is not None and bus.parent is not None:
        if not bus.has("ranges"):
            message = f"{address:#x} of {node.path} is not addressable: {bus.path} has no 'ranges'"
            report(Finding(ERROR, "ranges", message, reg.place, node.path, "reg"))
            return None
        if bus in bus.tree.windows or bus.raw("ranges"):
            entry = _entry(bus, address, reg.size, report)
            if entry is None:
                message = (
                    f"{address:#x} (size {reg.size:#x}) of {node.path} is not in the ranges of {bus.path}"
                )
                report(Finding(ERROR, "ranges", message, reg.place, node.path, "reg"))
                return None
            address += entry
            if address >= _SPACE or address + reg.size > _SPACE:
                _too_far(node, reg, address, report)
                return None
        bus = bus.parent
    return address


class _Windows:
    """The `ranges` of a bus, by address below it: of two that hold an address the first of the tree wins."""

    def __init__(self, entries: list[tuple[int, int, int]]) -> None:
        ordered = sorted(
            (start, start + length, index, above) for index, (start, above, length) in enumerate(entries)
        )
        self.ordered = ordered
        self.starts = [entry[0] for entry in ordered]
        self.ends = list(accumulate((entry[1] for entry in ordered), max))  # of all up to there

    def find(self, address: int, size: int) -> int | None:
        """Return what to add to an address to get it above; None if no range holds all of it."""
        end = address + max(size, 1)
        best: tuple[int, int] | None = None
        at = bisect_right(self.starts, address) - 1
        while at >= 0 and self.ends[at] >= end:
            start, stop, index, above = self.ordered[at]
            if stop >= end and (best is None or index < best[0]):
                best = index, above - start
            at -= 1
        return None if best is None else best[1]


def _entry(bus: Node, address: int, size: int, report: Report) -> int | None:
    """Return what to add to an address below `bus` to get it above; None if no range holds all of it."""
    windows = bus.tree.windows.get(bus)
    if windows is None:
        windows = _read_ranges(bus, report)
        if windows is None:
            return None
        bus.tree.windows[bus] = windows
    return windows.find(address, size)


def _read_ranges(bus: Node, report: Report) -> _Windows | None:
    above = bus.parent
    assert above is not None
    here, over = widths(bus, report), widths(above, report)
    cells = _cells(bus, "ranges", report)
    if here is None or over is None or cells is None:
        return None
    wide, size_wide = here
    middle = wide + over[0]
    step = middle + size_wide
    if not step or len(cells) % step:
        message = f"'ranges' of {bus.path} has {len(cells)} cells; expected entries of {step}"
        message += f" ({wide} of address, {over[0]} of address above, {size_wide} of size)"
        report(Finding(ERROR, "ranges", message, bus.property_place("ranges"), bus.path, "ranges"))
        return None
    return _Windows(
        [
            (
                _number(cells[index : index + wide]),
                _number(cells[index + wide : index + middle]),
                _number(cells[index + middle : index + step]),
            )
            for index in range(0, len(cells), step)
        ]
    )


def widths(bus: Node, report: Report) -> tuple[int, int] | None:
    """Return the cells that an address and a size take on a bus; None if that is wrong, which is reported."""
    result = []
    for name, default in _DEFAULTS.items():
        try:
            count = bus.cell(name)
        except InputError as error:
            for finding in error.findings:
                report(finding._replace(code="addr-size-cells"))
            return None
        result.append(default if count is None else count)
    return result[0], result[1]


def _cells(node: Node, name: str, report: Report) -> list[int] | None:
    try:
        return node.cells(name)
    except InputError as error:
        code = "reg-format" if name == "reg" else "ranges"
        for finding in error.findings:
            report(finding._replace(code=code))
        return None


def _number(cells: list[int]) -> int:
    number = 0
    for cell in cells:
        number = number << 32 | cell
    return number


def _too_far(node: Node, reg: Reg, address: int, report: Report) -> None:
    message = f"'reg' of {node.path}: address {address:#x} with size {reg.size:#x} goes beyond 2^64"
    report(Finding(ERROR, "reg-size", message, reg.place, node.path, "reg"))
