"""Unit addresses: the number after the `@` of a name, and the `reg` that it repeats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.dt.addresses import widths
from kvx_emu.errors import NOTE, WARNING

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Finding
    from kvx_emu.machine.survey import Survey

_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_BAD = re.compile(r"0[xX]|0[0-9a-fA-F]|.*[A-F]", re.ASCII)


def check_names(survey: Survey) -> None:
    """Apply the rules of this module to every node, as dtc does, whether enabled or not."""
    for node in survey.tree.nodes():
        _check_unique(survey, node)
        if "__overlay__" in {child.name for child in node.children[:1]}:
            continue  # a fragment that was never applied
        unit = node.unit_address
        simple = node.parent is not None and "simple-bus" in survey.compatible(node.parent)
        _check_presence(survey, node, unit, simple=simple)
        if unit and _BAD.match(unit) and "," not in unit:
            message = (
                f"the unit address {unit} has 0x, zeros before it or capitals; expected plain hexadecimal"
            )
            survey.say(WARNING, "unit-address-format", message, node)
        if unit:
            _check_number(survey, node, unit)


def _check_presence(survey: Survey, node: Node, unit: str | None, *, simple: bool) -> None:
    """See that a node has a unit address where it has an address, and nowhere else."""
    where = "reg" if node.has("reg") else "ranges" if node.raw("ranges") else None
    if where is not None and not unit:
        message = f"{node.path} has {where}, but no unit address: expected a name like {node.name or '/'}@..."
        survey.say(WARNING, "unit-address-vs-reg", message, node)
    elif where is None and unit:
        # Where nothing has an address (k200.dts: clocks), the number only keeps names apart.
        numbered = node.parent is not None and not node.parent.has("#address-cells")
        message = f"{node.path} has a unit address, but neither reg nor ranges"
        survey.say(NOTE if numbered else WARNING, "unit-address-vs-reg", message, node)
    if simple and where is None and "simple-bus" not in survey.compatible(node):
        assert node.parent is not None
        if node.parent.parent is not None:
            message = f"{node.path} is on a simple bus, but has neither reg nor ranges"
            survey.say(WARNING, "simple-bus-reg", message, node)


def _check_number(survey: Survey, node: Node, unit: str) -> None:
    """See that a unit address is the first address of the node; that of a cpu has a rule of its own."""
    bus = node.parent
    if bus is None or (bus.path == "/cpus" and node.enabled) or bus.raw("device_type") == b"pci\0":
        return
    expected = _address(node, bus)
    if bus.path == "/cpus" and unit == str(expected):
        return  # Kalray's style
    # With a comma, it is two numbers (chip select and offset, device and function).
    if expected is not None and unit != f"{expected:x}" and "," not in unit:
        told = f"{int(unit, 16):#x}" if _HEX.fullmatch(unit) else unit
        where = "reg" if node.has("reg") else "ranges"
        message = f"the unit address is {told}, but {where} starts at {expected:#x}"
        if told == f"{expected:#x}":
            message = f"the unit address is written {unit}; expected {expected:x}"
        survey.say(WARNING, "unit-reg-mismatch", message, node)


def _address(node: Node, bus: Node) -> int | None:
    """Return the first address of a node on its bus; None if it has none, or a wrong one."""
    above = widths(bus, _ignore)
    if above is None or not 0 < above[0] <= 8:
        return None
    start = 0
    raw = node.raw("reg")
    if raw is None:
        here = widths(node, _ignore)
        raw = node.raw("ranges") or b""
        if here is None or here[0] > 8:
            return None
        start = 4 * here[0]  # of a bus, where its first range stands on the bus above
    value = raw[start : start + 4 * above[0]]
    return int.from_bytes(value, "big") if len(value) == 4 * above[0] else None


def _check_unique(survey: Survey, bus: Node) -> None:
    """See that no two nodes of a bus have one unit address."""
    if not (bus.has("#address-cells") and bus.has("#size-cells")):
        return
    same: dict[str, list[Node]] = {}
    for child in bus.children:
        if child.unit_address:
            same.setdefault(child.unit_address, []).append(child)
    for unit, nodes in same.items():
        if len(nodes) == 1:
            continue
        there = [node for node in nodes if node.raw("status") != b"disabled\0"]
        for node in nodes:
            # Of two nodes for one place, the disabled one is an alternative (dtc: ..._if_enabled).
            twins = there if len(there) > 1 and node in there else nodes
            other = next(twin for twin in twins if twin is not node)
            message = f"the unit address {unit} is also that of {other.path}"
            severity = WARNING if twins is there else NOTE
            survey.say(severity, "unique-unit-address", message, node)


def _ignore(_finding: Finding) -> None:
    """Drop what is told elsewhere."""
