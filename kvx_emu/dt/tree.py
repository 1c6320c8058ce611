"""The tree in memory: `fdt.FDT` holds nodes and values, a side table holds where they came from.

`fdt` guesses types from bytes (a cell of 0x41424300 becomes the text "ABC"), so nothing here looks at
its types: a value is bytes, and the reader of a property says what they mean.
"""

from __future__ import annotations

from struct import error as StructError  # noqa: N812
from struct import pack, unpack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import fdt

from kvx_emu.errors import ERROR, Finding, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.dt.draft import Draft, DraftTree, Value
    from kvx_emu.dt.findings import Origin
    from kvx_emu.errors import Place

_VERSION = 17  # of the blobs that are written (Devicetree Specification 5.2)
_ENABLED = (None, b"okay\0", b"ok\0")


class Reservation(NamedTuple):
    """A part of memory that the tree reserves: `size` bytes from `address`."""

    address: int
    size: int


def raw_value(prop: Any) -> bytes:
    """Return the bytes of a property of `fdt`."""
    if isinstance(prop, fdt.PropWords):
        return pack(f">{len(prop.data)}I", *prop.data)
    if isinstance(prop, fdt.PropStrings):
        return b"".join(text.encode("ascii") + b"\0" for text in prop.data)
    return bytes(prop.data) if isinstance(prop, fdt.PropBytes) else b""


class _FdtNode(fdt.Node):  # type: ignore[misc]  # fdt has no types
    """A node of fdt that writes all its properties: fdt drops those named `..._with_references`."""

    def to_dtb(self, strings: str, pos: int = 0, version: int = _VERSION) -> tuple[bytes, str, int]:
        name = b"" if self.parent is None else self.name.encode("ascii")
        parts = [pack(">I", fdt.items.DTB_BEGIN_NODE) + name + bytes(4 - len(name) % 4)]
        start, pos = pos, pos + len(parts[0])
        for item in [*self.props, *self.nodes]:
            part, strings, pos = item.to_dtb(strings, pos, version)
            parts.append(part)
        parts.append(pack(">I", fdt.items.DTB_END_NODE))
        blob = b"".join(parts)
        return blob, strings, start + len(blob)


class Node:
    """A node of a tree, to be read: its name, relations, properties and places.

    The methods that read a property raise InputError (code `property-format`) when its value has not the
    form that is asked for.
    """

    __slots__ = ("_path", "_props", "_source", "children", "labels", "name", "parent", "tree")

    def __init__(self, source: Draft, parent: Node | None, item: Any, tree: Tree) -> None:
        self._source = source
        self.tree = tree
        self._path: str | None = "/" if parent is None else None
        self._props = {prop.name: prop for prop in item.props}
        self.name: str = source.name
        self.parent = parent
        self.children: tuple[Node, ...] = ()  # in order; the tree fills it
        self.labels: tuple[str, ...] = tuple([label.name for label in source.labels])

    def __repr__(self) -> str:
        return f"<Node {self.path}>"

    @property
    def path(self) -> str:
        """The full path."""
        if self._path is None:
            assert self.parent is not None
            self._path = f"{self.parent.path.rstrip('/')}/{self.name}"
        return self._path

    @property
    def unit_address(self) -> str | None:
        """The text after the `@` of the name."""
        _, at, unit = self.name.partition("@")
        return unit if at else None

    @property
    def properties(self) -> tuple[str, ...]:
        """The names of the properties, in order."""
        return tuple(self._props)

    @property
    def enabled(self) -> bool:
        """Whether `status` is absent, okay or ok, here and on every ancestor."""
        node: Node | None = self
        while node is not None:
            if node.raw("status") not in _ENABLED:
                return False
            node = node.parent
        return True

    @property
    def place(self) -> Place:
        """Where the name stands in the source, or the node starts in the blob."""
        return self.tree.origin.place(self._source.position)

    def property_place(self, name: str) -> Place:
        """Return the place of a property's name, or of the node when it has no such property."""
        value = self._source.values.get(name)
        return self.place if value is None else self.tree.origin.place(value.position)

    def cell_place(self, name: str, index: int) -> Place:
        """Return the place of the cell `index` (from 0) of a property; of its name if there is none."""
        value = self._source.values.get(name)
        position = None if value is None else value.position_of(4 * index)
        return self.property_place(name) if position is None else self.tree.origin.place(position)

    def has(self, name: str) -> bool:
        """Whether the node has the property `name`."""
        return name in self._props

    def raw(self, name: str) -> bytes | None:
        """Return the bytes of a property, or None if the node does not have it."""
        prop = self._props.get(name)
        return None if prop is None else raw_value(prop)

    def value(self, name: str) -> Value | None:
        """Return what the reader knew of a property: where its elements start, what it refers to."""
        return self._source.values.get(name)

    def cells(self, name: str) -> list[int]:
        """Return the 32-bit cells of a property; none if the node does not have it."""
        prop = self._props.get(name)
        if isinstance(prop, fdt.PropWords):
            return list(prop.data)
        raw = self.raw(name) or b""
        try:
            return list(unpack(f">{len(raw) // 4}I", raw))
        except StructError:
            raise self._wrong(name, f"has {len(raw)} bytes; expected cells of four bytes") from None

    def cell(self, name: str) -> int | None:
        """Return the value of a property of one cell, or None if the node does not have it."""
        raw = self.raw(name)
        if raw is None:
            return None
        if len(raw) != 4:
            raise self._wrong(name, f"has {len(raw)} bytes; expected one cell of four bytes")
        return int.from_bytes(raw, "big")

    def strings(self, name: str) -> list[str]:
        """Return the strings of a property; none if the node does not have it or it is empty."""
        raw = self.raw(name)
        if not raw:
            return []
        if raw[-1]:
            raise self._wrong(name, "does not end with a NUL byte; expected strings")
        return raw[:-1].decode("utf-8", "surrogateescape").split("\0")

    def _wrong(self, name: str, message: str) -> InputError:
        text = f"'{name}' of {self.path} {message}"
        return InputError(
            [Finding(ERROR, "property-format", text, self.property_place(name), self.path, name)]
        )


class Tree:
    """A whole device tree. `source` is the name of the input it came from; `fdt` is the tree itself."""

    def __init__(self, draft: DraftTree, origin: Origin, source: str) -> None:
        self.source = source
        self.origin = draft.origin or origin
        self.warnings = draft.warnings
        self.draft = draft  # what it was made of; not to be changed any more
        self.reservations = tuple([Reservation(*entry) for entry in draft.reservations])
        # fdt.FDT() would share one list of entries between all trees.
        self.fdt = fdt.FDT(
            entries=[{"address": entry.address, "size": entry.size} for entry in self.reservations]
        )
        self.fdt.header.boot_cpuid_phys = draft.boot_cpu
        self._nodes: list[Node] = []
        self._by_phandle: dict[int, Node] | None = None
        self.windows: dict[Node, Any] = {}  # the `ranges` of its buses, as `kvx_emu.dt.addresses` reads them
        self.maps: dict[Node, Any] = {}  # those of its nexus nodes, as `kvx_emu.dt.interrupt_map` reads them
        self.root = self._build(draft.root)
        self.by_label: Mapping[str, Node] = MappingProxyType(
            {label: node for node in self._nodes for label in node.labels}
        )

    def _build(self, root: Draft) -> Node:
        """Make the nodes of fdt and ours of a draft, in document order."""
        self.fdt.root = item = _fdt_node(root, None)
        top = Node(root, None, item, self)
        stack = [(top, root, item)]
        while stack:
            node, draft, item = stack.pop()
            self._nodes.append(node)
            below = []
            for child in draft.children:
                child_item = _fdt_node(child, item)
                below.append((Node(child, node, child_item, self), child, child_item))
            node.children = tuple([child for child, _, _ in below])
            stack.extend(reversed(below))
        return top

    def nodes(self) -> list[Node]:
        """Return all nodes in document order, the root first."""
        return list(self._nodes)

    def node(self, path: str) -> Node | None:
        """Return the node with a full path such as `/cpus/cpu@0`, or None."""
        node = self.root
        for name in filter(None, path.split("/")):
            below = next((child for child in node.children if child.name == name), None)
            if below is None:
                return None
            node = below
        return node if path.startswith("/") else None

    def by_phandle(self, number: int) -> Node | None:
        """Return the node with a phandle (`phandle`, or `linux,phandle` of old trees)."""
        if self._by_phandle is None:
            self._by_phandle = {}
            for node in self._nodes:
                for name in ("phandle", "linux,phandle"):
                    value = node.raw(name)
                    if value is not None:
                        self._by_phandle[int.from_bytes(value, "big")] = node
        return self._by_phandle.get(number)

    def to_dtb(self) -> bytes:
        """Return the tree as a blob of version 17."""
        blob: bytes = self.fdt.to_dtb(version=_VERSION)
        return blob


def _fdt_node(draft: Draft, parent: Any) -> Any:
    """Make one node of fdt with its properties; fdt's own `append` would compare all names each time."""
    node = _FdtNode(draft.name or "/")
    for name, value in draft.values.items():
        prop = fdt.items.new_property(name, value.data)
        prop.set_parent(node)
        node.props.append(prop)
    if parent is not None:
        node.set_parent(parent)
        parent.nodes.append(node)
    return node
