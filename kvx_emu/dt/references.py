"""Which cells of a tree hold phandles: by what the bindings of common properties say, and by its source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.tree import Node

# Of each phandle in the property, the cells that follow it: so many as its node says, or a number.
_SPECIFIERS: dict[str, str | int] = {
    "interrupts-extended": "#interrupt-cells",
    "clocks": "#clock-cells",
    "assigned-clocks": "#clock-cells",
    "assigned-clock-parents": "#clock-cells",
    "msi-parent": "#msi-cells",
    "power-domains": "#power-domain-cells",
    "resets": "#reset-cells",
    "dmas": "#dma-cells",
    "phys": "#phy-cells",
    "pwms": "#pwm-cells",
    "mboxes": "#mbox-cells",
    "iommus": "#iommu-cells",
    "interconnects": "#interconnect-cells",
    "io-channels": "#io-channel-cells",
    "hwlocks": "#hwlock-cells",
    "thermal-sensors": "#thermal-sensor-cells",
    "cooling-device": "#cooling-cells",
    "sound-dai": "#sound-dai-cells",
    "nvmem-cells": "#nvmem-cell-cells",
    "gpio-ranges": 3,
    "interrupt-parent": 0,
    "power-controller": 0,
    "memory-region": 0,
    "next-level-cache": 0,
    "remote-endpoint": 0,
    "phy-handle": 0,
    "operating-points-v2": 0,
    "interrupt-affinity": 0,
    "cpu": 0,
    "cpus": 0,
    "trip": 0,
    "target": 0,
}
_PATTERNS: tuple[tuple[re.Pattern[str], str | int], ...] = (
    (re.compile(r"(?!.*nr-gpios$)(.*-)?gpios?"), "#gpio-cells"),
    (re.compile(r"pinctrl-[0-9]+|.*-supply"), 0),
)
_OPTIONAL = frozenset(["#msi-cells", "#nvmem-cell-cells"])  # 0 where the node does not say
_MAPS = {"interrupt-map": "#interrupt-cells", "gpio-map": "#gpio-cells"}


def phandle_offsets(node: Node, name: str) -> set[int]:
    """Return the bytes of a property at which a phandle stands; as many as are sure."""
    value = node.value(name)
    found: set[int] = set()
    if value is not None and value.offsets is not None:
        found.update(value.offsets[each.element] for each in value.references if not each.is_path)
    raw = node.raw(name) or b""
    if raw and len(raw) % 4 == 0:
        cells = [int.from_bytes(raw[at : at + 4], "big") for at in range(0, len(raw), 4)]
        found.update(4 * index for index in _by_binding(node, name, cells))
    return found


def _by_binding(node: Node, name: str, cells: list[int]) -> Iterator[int]:
    """Yield the indices of the phandles in a property whose binding is known."""
    if name in _MAPS:
        yield from _in_map(node, _MAPS[name], cells)
        return
    width = _SPECIFIERS.get(name)
    if width is None:
        width = next((each for pattern, each in _PATTERNS if pattern.fullmatch(name)), None)
    index = 0
    while width is not None and index < len(cells):
        target = node.tree.by_phandle(cells[index])
        more = width
        if isinstance(width, str):
            more = -1 if target is None else _count(target, width, 0 if width in _OPTIONAL else -1)
        assert isinstance(more, int)
        if cells[index] == 0:
            more = 0  # a place kept free in a list
        else:
            yield index
        if more < 0:
            return  # a dangling phandle, or a provider that does not say: what follows may be anything
        index += 1 + more


def _in_map(node: Node, width: str, cells: list[int]) -> Iterator[int]:
    """Yield the indices of the parents in an interrupt-map (Devicetree Specification 2.4.3)."""
    has_unit = width == "#interrupt-cells"
    unit = _count(node, "#address-cells", 2) if has_unit else 0
    own = _count(node, width, -1)
    index = unit + own
    while unit >= 0 <= own and index < len(cells):
        yield index
        parent = node.tree.by_phandle(cells[index])
        more = -1 if parent is None else _count(parent, width, -1)
        if parent is None or more < 0:
            return
        index += 1 + more + (_count(parent, "#address-cells", 0) if has_unit else 0) + unit + own


def _count(node: Node, name: str, default: int) -> int:
    raw = node.raw(name)
    if raw is None:
        return default
    return int.from_bytes(raw, "big") if len(raw) == 4 else -1
