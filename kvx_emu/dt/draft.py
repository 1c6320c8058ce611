"""A tree while it is being read: what the parser and the blob reader fill, and `Tree` is made of."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvx_emu.dt.findings import Origin
    from kvx_emu.errors import Finding

NAME_LIMIT = 255  # characters; the specification's own is 31. Keeps a hostile tree's paths small


class Label(NamedTuple):
    """A label of source text, and where it stands."""

    name: str
    position: int


class Reference(NamedTuple):
    """`&label`, `&{/path}` or `&{label/path}` in a value: a phandle within cells, a path elsewhere."""

    target: str  # a label, a path that starts with /, or a label and the path from its node
    position: int
    element: int  # index of the element of the value that it is
    is_path: bool  # to be replaced by the target's path, not by its phandle


class Value:
    """A property: its name's position, its bytes, and the positions of the elements they came from."""

    __slots__ = ("data", "deleted", "labels", "marks", "offsets", "position", "positions", "references")

    def __init__(self, position: int, data: bytes = b"", start: int | None = None) -> None:
        self.position = position
        self.data = data
        # `offsets` are the bytes where elements (a cell, a string) start, `positions` where they stand in
        # the source. None: the bytes stand in a blob as they are, from positions[0].
        self.offsets: list[int] | None = [] if start is None else None
        self.positions: Sequence[int] = [] if start is None else (start,)
        # Most properties have none of these: no list is made for nothing.
        self.labels: Sequence[Label] = ()  # before the name
        self.marks: Sequence[Label] = ()  # within the value
        self.references: Sequence[Reference] = ()
        self.deleted = False  # only while source is being read

    def position_of(self, byte: int) -> int | None:
        """Return the position of the element that holds a byte of the value, or None beyond its end."""
        if not 0 <= byte < len(self.data):
            return None
        if self.offsets is None:
            return self.positions[0] + byte
        return self.positions[bisect_right(self.offsets, byte) - 1]


class Draft:
    """A node under construction. Two children of one name may stand in `children`; that is an error."""

    __slots__ = (
        "by_name", "children", "closed", "deleted", "labels", "name", "omit", "parent", "position", "values",
    )  # fmt: skip

    def __init__(self, name: str, position: int, parent: Draft | None) -> None:
        self.name = name
        self.position = position
        self.closed = -1  # position of the brace that ends it; -1 while there is none
        self.parent = parent
        self.labels: list[Label] = []
        self.values: dict[str, Value] = {}
        self.children: list[Draft] = []
        self.by_name: dict[str, Draft] = {}
        self.deleted = False  # only while source is being read
        self.omit = False  # to be left out if nothing refers to it

    @property
    def path(self) -> str:
        """The full path."""
        names = []
        node = self
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return "/" + "/".join(reversed(names))

    def walk(self) -> Iterator[Draft]:
        """Yield the node and all below it, in document order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def find(self, path: str) -> Draft | None:
        """Return the node below this one whose path from here is `path` (empty parts do not count)."""
        node = self
        for name in filter(None, path.split("/")):
            if name not in node.by_name:
                return None
            node = node.by_name[name]
        return node


class DraftTree:
    """All of one input: the root, memory reservations as (address, size), and the boot cpu's number.

    Of source text, `origin` knows the places, also those in the files that it includes; `plugin` is whether
    it is an overlay.
    """

    __slots__ = ("boot_cpu", "origin", "plugin", "reservations", "root", "warnings")

    def __init__(self, root: Draft, reservations: list[tuple[int, int]], boot_cpu: int = 0) -> None:
        self.root = root
        self.reservations = reservations
        self.boot_cpu = boot_cpu
        self.origin: Origin | None = None
        self.plugin = False
        self.warnings: tuple[Finding, ...] = ()
