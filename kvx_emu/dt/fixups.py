"""What an overlay leaves open: `__fixups__` (labels of its base) and `__local_fixups__` (its own phandles).

The first holds a property a label, its strings `path:property:offset`; the second repeats the overlay's
nodes, each property a list of the offsets at which the property of that name holds a phandle.
"""

from __future__ import annotations

from struct import unpack
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.draft import Draft, Value
    from kvx_emu.dt.findings import Findings, Origin

FIXUPS, LOCAL_FIXUPS, SYMBOLS = "__fixups__", "__local_fixups__", "__symbols__"

_LONGEST = 60  # characters of a broken fixup in a message


class Spot(NamedTuple):
    """A cell of the overlay that is to hold a phandle."""

    node: Draft
    name: str
    value: Value
    offset: int
    label: str = ""  # of the base; none for a phandle of the overlay's own
    position: int = 0  # of the cell, or of what asks for it


class Names:
    """Finds nodes by name as libfdt does: where the unit address is not told, the first one will do."""

    def __init__(self) -> None:
        # Of a node, how many children were looked at, and the first of each name without its address.
        self._stems: dict[Draft, tuple[int, dict[str, Draft]]] = {}

    def find(self, root: Draft, path: str) -> Draft | None:
        """Return the node of a path, or None."""
        node: Draft | None = root
        for name in filter(None, path.split("/")):
            node = None if node is None else self.child(node, name)
        return node

    def child(self, node: Draft, name: str) -> Draft | None:
        """Return the child of a name, or None; children may be added meanwhile, not taken away."""
        found = node.by_name.get(name)
        if found is not None or "@" in name:
            return found
        done, stems = self._stems.get(node) or (0, {})
        for each in node.children[done:]:
            stem, at, _ = each.name.partition("@")
            if at:
                stems.setdefault(stem, each)
        self._stems[node] = len(node.children), stems
        return stems.get(name)


def text_of(data: bytes) -> str | None:
    """Return the one string that a value is, or None if it is something else."""
    return data[:-1].decode("latin-1") if data[-1:] == b"\0" and data.count(0) == 1 else None


def external(root: Draft, names: Names, origin: Origin, findings: Findings) -> list[Spot]:
    """Return the cells that `__fixups__` names; what is wrong with it goes to `findings`."""
    node = root.by_name.get(FIXUPS)
    if node is None:
        return []
    spots = []
    for label, value in node.values.items():
        if value.data[-1:] != b"\0":
            message = f"the fixups of label '{label}' are no strings; expected 'path:property:offset'"
            findings.error("overlay-fixup", message, origin.place(value.position), node.path, label)
            continue
        start = 0
        for text in value.data[:-1].decode("latin-1").split("\0"):
            position = value.position_of(start)
            assert position is not None
            start += len(text) + 1
            spot = _spot(root, names, text, label, position)
            if isinstance(spot, Spot):
                spots.append(spot)
            else:
                shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
                message = f"bad fixup {shown!a} of label '{label}': {spot}"
                findings.error("overlay-fixup", message, origin.place(position), node.path, label)
    return spots


def _spot(root: Draft, names: Names, text: str, label: str, position: int) -> Spot | str:
    """Return the cell that one fixup names, or what is wrong with it."""
    parts = text.split(":")
    if len(parts) != 3 or not parts[0].startswith("/") or not parts[1]:
        return "expected 'path:property:offset'"
    path, name, digits = parts
    if not digits or digits.strip("0123456789") or len(digits) > 10:
        return f"expected an offset in decimal after the last ':', found {digits[:_LONGEST]!a}"
    node = names.find(root, path)
    if node is None:
        return "the overlay has no such node"
    if name not in node.values:
        return f"node {node.path} has no property '{name}'"
    value, offset = node.values[name], int(digits)
    if offset + 4 > len(value.data):
        return f"offset {offset} is outside of '{name}', which has {len(value.data)} bytes"
    at = value.position_of(offset)
    return Spot(node, name, value, offset, label, position if at is None else at)


def local(root: Draft, names: Names, origin: Origin, findings: Findings) -> Iterator[Spot]:
    """Yield the cells that `__local_fixups__` names; what is wrong with it goes to `findings`."""
    fixups = root.by_name.get(LOCAL_FIXUPS)
    stack = [] if fixups is None else [(fixups, root)]
    while stack:
        fixup, node = stack.pop()
        for name, offsets in fixup.values.items():
            wrong = ""
            value = node.values.get(name)
            if value is None:
                wrong = f"node {node.path} has no property '{name}'"
            elif len(offsets.data) % 4:
                wrong = f"'{name}' has {len(offsets.data)} bytes; expected cells of four bytes"
            else:
                for (offset,) in (
                    unpack(">I", offsets.data[i : i + 4]) for i in range(0, len(offsets.data), 4)
                ):
                    if offset + 4 > len(value.data):
                        wrong = f"offset {offset} is outside of '{name}', which has {len(value.data)} bytes"
                        break
                    yield Spot(node, name, value, offset)
            if wrong:
                place = origin.place(offsets.position)
                findings.error("overlay-fixup", f"bad local fixup: {wrong}", place, fixup.path, name)
        for below in reversed(fixup.children):
            other = names.child(node, below.name)
            if other is not None:
                stack.append((below, other))
                continue
            message = f"bad local fixup: node {node.path} has no node '{below.name}'"
            findings.error("overlay-fixup", message, origin.place(below.position), below.path)
