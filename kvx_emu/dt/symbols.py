"""What the source of a tree leaves behind in it for overlays, as dtc does.

`/__symbols__` tells the path of every label (`dtc -@`); an overlay's `/__fixups__` tells where phandles of
its base are to stand, `/__local_fixups__` where its own stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.draft import Draft, Value

if TYPE_CHECKING:
    from kvx_emu.dt.draft import DraftTree
    from kvx_emu.dt.resolve import Resolver


def generate(tree: DraftTree, resolver: Resolver, *, symbols: bool) -> None:
    """Add the nodes that `tree` has to have; its references are resolved."""
    if symbols:
        _symbols(tree.root, resolver)
    if tree.plugin:
        _fixups(tree.root, resolver)


def _symbols(root: Draft, resolver: Resolver) -> None:
    """Add the paths of labels; what is labelled gets a phandle, as an overlay may refer to it."""
    labelled = {node for node in resolver.nodes if node.labels}
    there = root.by_name.get("__symbols__")
    if there is not None:
        for value in there.values.values():
            path = value.data.partition(b"\0")[0].decode("latin-1")
            node = root.find(path) if path.startswith("/") else None
            if node is not None:
                labelled.add(node)
    if not labelled:
        return
    there = _child(root, "__symbols__", root.position)
    for node in resolver.nodes:
        if node in labelled:
            for label in node.labels:
                # As dtc: what was there by hand stays.
                if label.name not in there.values:
                    there.values[label.name] = _value(label.position, node.path.encode("latin-1") + b"\0")
            resolver.phandle(node)


class _Lists:
    """Properties to which entries are appended that they do not hold yet."""

    def __init__(self) -> None:
        self.entries: dict[Value, dict[bytes, int]] = {}  # with the positions of what asks for them

    def add(self, node: Draft, name: str, entry: bytes, position: int) -> None:
        """Ask for an entry of a property."""
        value = node.values.get(name)
        if value is None:
            value = node.values[name] = Value(position)
        self.entries.setdefault(value, {}).setdefault(entry, position)

    def write(self) -> None:
        """Append what is not there: cells (four bytes) or strings. A value of another form stays as it is."""
        for value, entries in self.entries.items():
            there = value.data
            cells = len(next(iter(entries))) == 4
            parts = [there[at : at + 4] for at in range(0, len(there), 4)] if cells else there.split(b"\0")
            if len(there) % 4 if cells else there[-1:] not in (b"", b"\0"):
                continue
            known = set(parts)
            data = bytearray(there)
            assert value.offsets is not None
            assert isinstance(value.positions, list)
            for entry, position in entries.items():
                if entry not in known:
                    value.offsets.append(len(data))
                    value.positions.append(position)
                    data += entry if cells else entry + b"\0"
            value.data = bytes(data)


def _fixups(root: Draft, resolver: Resolver) -> None:
    """Add the places of the phandles of an overlay: those of the base by label, its own by node."""
    local = []
    strings, cells = _Lists(), _Lists()
    mirrors: dict[Draft, Draft] = {}
    for node in resolver.nodes:
        for name, value in node.values.items():
            start = ""
            for target, position, element, is_path in value.references:
                if is_path:
                    continue
                assert value.offsets is not None
                offset = value.offsets[element]
                if resolver.target(target) is not None:
                    local.append((node, name, offset, position))
                else:
                    start = start or f"{node.path}:{name}:"
                    entry = f"{start}{offset}".encode("latin-1")
                    strings.add(_child(root, "__fixups__", position), target, entry, position)
    strings.write()
    for node, name, offset, position in local:
        if not mirrors:
            mirrors[root] = _child(root, "__local_fixups__", position)
        cells.add(_mirror(mirrors, node), name, offset.to_bytes(4, "big"), position)
    cells.write()


def _mirror(mirrors: dict[Draft, Draft], node: Draft) -> Draft:
    """Return the node below `__local_fixups__` that stands for `node`."""
    missing = []
    above = node
    while above not in mirrors:
        missing.append(above)
        assert above.parent is not None
        above = above.parent
    mirror = mirrors[above]
    for each in reversed(missing):
        mirror = mirrors[each] = _child(mirror, each.name, each.position)
    return mirror


def _child(parent: Draft, name: str, position: int) -> Draft:
    """Return the child of a name; there is one afterwards."""
    child = parent.by_name.get(name)
    if child is None:
        child = parent.by_name[name] = Draft(name, position, parent)
        parent.children.append(child)
    return child


def _value(position: int, data: bytes) -> Value:
    value = Value(position, data)
    value.offsets, value.positions = [0], [position]
    return value
