"""A strict reader of blobs (.dtb): every offset and length is checked before it is used.

It takes what libfdt takes (versions 16 and 17, later ones that say they are compatible, NOPs, padding),
and refuses what dtc would refuse in source as well: names that are none, duplicates, phandles used twice.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from kvx_emu.dt.draft import NAME_LIMIT, Draft, DraftTree, Value
from kvx_emu.dt.findings import Findings
from kvx_emu.dt.resolve import check_names, explicit_phandles
from kvx_emu.dt.source import MAGIC
from kvx_emu.errors import InputError, Place
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from kvx_emu.limits import Limits

_BEGIN_NODE, _END_NODE, _PROP, _NOP, _END = 1, 2, 3, 4, 9
_OLDEST, _NEWEST = 16, 17  # of the versions of the format (Devicetree Specification 5.2)
_HEADER = {16: 36, 17: 40}  # bytes


class BlobOrigin:
    """Places in a blob: byte offsets."""

    def __init__(self, path: str) -> None:
        self.path = path

    def place(self, position: int) -> Place:
        """Return the place of a byte."""
        return Place(self.path, offset=position)


def parse_dtb(data: bytes, origin: BlobOrigin, limits: Limits = LIMITS) -> DraftTree:
    """Return the tree that a blob holds. Raises InputError, its places byte offsets, and nothing else."""
    reader = _Reader(data, origin, limits)
    tree = reader.read()
    nodes = list(tree.root.walk())
    for node in nodes:
        check_names(node, origin, reader.findings)
    explicit_phandles(nodes, origin, reader.findings)
    reader.findings.raise_if_any()
    return tree


class _Reader:
    def __init__(self, data: bytes, origin: BlobOrigin, limits: Limits) -> None:
        self.data = data
        self.origin = origin
        self.limits = limits
        self.findings = Findings()
        self.strings = (0, 0)  # start and end of the names of properties

    def failure(self, code: str, message: str, offset: int, node: Draft | None = None) -> InputError:
        """Return what to raise where nothing after an offset can be understood."""
        self.error(code, message, offset, None if node is None else node.path)
        return InputError(self.findings.all)

    def error(self, code: str, message: str, offset: int, path: str | None, prop: str | None = None) -> None:
        prefix = "" if path is None else f"({path}) "
        self.findings.error(code, prefix + message, self.origin.place(offset), path, prop)

    def word(self, offset: int) -> int:
        """Return the big-endian word at an offset that is known to be inside."""
        word: int = unpack_from(">I", self.data, offset)[0]
        return word

    def read(self) -> DraftTree:
        data = self.data
        if len(data) < _HEADER[_OLDEST]:
            raise self.failure("dtb-size", f"the blob has {len(data)} bytes; its header alone needs 40", 0)
        assert data.startswith(MAGIC)
        total, structure, strings, reservations, version, compatible, boot_cpu, strings_size = unpack_from(
            ">8I", data, 4
        )
        if version < _OLDEST or compatible > _NEWEST or version < compatible:
            message = f"version {version}, compatible with {compatible}, is not supported: expected 16 or 17"
            raise self.failure("dtb-version", message, 20)
        header = _HEADER[min(version, _NEWEST)]
        if total > len(data):
            raise self.failure(
                "dtb-size", f"the blob says that it has {total} bytes, but there are {len(data)}", 4
            )
        if total < header:
            raise self.failure(
                "dtb-size", f"the blob says that it has {total} bytes; its header alone needs {header}", 4
            )
        self.data = data = data[:total]
        # Version 16 does not say how long the structure is: its end token ends it.
        size = self.word(36) if version >= _NEWEST else max(total - structure, 0)
        self.block("structure", 8, structure, size, header, 4)
        self.block("strings", 12, strings, strings_size, header, 1)
        self.block("memory reservations", 16, reservations, 16, header, 8)
        self.strings = (strings, strings + strings_size)
        entries = self.reservations(reservations)
        return DraftTree(self.nodes(structure, structure + size), entries, boot_cpu)

    def block(self, name: str, field: int, start: int, size: int, header: int, align: int) -> None:
        """Refuse a block that is not inside the blob; `field` is where the header says so."""
        if start % align:
            raise self.failure(
                "dtb-header", f"the {name} start at {start:#x}, which is no multiple of {align}", field
            )
        if start < header or start + size > len(self.data):
            message = f"the {name}, {start:#x} to {start + size:#x}, are not inside the blob"
            raise self.failure("dtb-header", f"{message}: {header:#x} to {len(self.data):#x}", field)

    def reservations(self, offset: int) -> list[tuple[int, int]]:
        entries: list[tuple[int, int]] = []
        while offset + 16 <= len(self.data):
            address, size = unpack_from(">QQ", self.data, offset)
            if not size:  # the end, whatever its address: so do libfdt, dtc and Linux
                return entries
            entries.append((address, size))
            offset += 16
        raise self.failure(
            "dtb-reservations", "the memory reservations never end: expected an entry of zeros", offset
        )

    def nodes(self, offset: int, end: int) -> Draft:
        """Read the structure block."""
        root: Draft | None = None
        node: Draft | None = None
        depth = count = 0
        while offset + 4 <= end:
            start = offset
            token = self.word(offset)
            offset += 4
            if token == _PROP and node is not None:
                offset = self.property(node, start, end)
            elif token == _BEGIN_NODE:
                if node is None and root is not None:
                    raise self.failure(
                        "dtb-structure", "a second root node: expected the end of the structure", start
                    )
                depth += 1
                count += 1
                name, offset = self.name(offset, end, node)
                node = self.begin(node, name, start)
                root = root or node
                if depth > self.limits.depth:
                    raise self.failure("limit", f"nodes are nested more than {self.limits.depth} deep", start)
                if count > self.limits.nodes:
                    raise self.failure("limit", f"the tree has more than {self.limits.nodes} nodes", start)
            elif token == _END_NODE and node is not None:
                node = node.parent
                depth -= 1
            elif token == _END and node is None and root is not None:
                return root
            elif token != _NOP:
                raise self.unexpected(token, start, node)
        raise self.failure(
            "dtb-structure", "the structure is cut short: expected the end token (9)", end, node
        )

    def unexpected(self, token: int, offset: int, node: Draft | None) -> InputError:
        names = {_PROP: "a property", _END_NODE: "the end of a node", _END: "the end of the tree"}
        where = "outside of any node" if node is None else "inside a node"
        found = names[token] + " " + where if token in names else f"the unknown token {token:#x}"
        return self.failure("dtb-structure", f"found {found}", offset, node)

    def begin(self, parent: Draft | None, name: str, start: int) -> Draft:
        node = Draft(name, start, parent)
        if parent is None:
            if name:
                raise self.failure(
                    "dtb-structure", f"the root node has the name {name!a}; expected none", start
                )
            return node
        parent.children.append(node)
        other = parent.by_name.setdefault(name, node)
        if other is not node:
            self.twice(f"node {name!a}", "node-duplicate", other.position, start, node.path)
        return node

    def name(self, offset: int, end: int, parent: Draft | None) -> tuple[str, int]:
        """Return the name that starts at an offset, and the offset of the next token."""
        stop = self.data.find(b"\0", offset, end)
        if stop < 0:
            message = "the name of a node never ends: expected a NUL byte"
            raise self.failure("dtb-structure", message, offset, parent)
        if stop - offset > NAME_LIMIT:
            raise self.failure("limit", f"a node's name is longer than {NAME_LIMIT} bytes", offset, parent)
        return self.data[offset:stop].decode("latin-1"), (stop + 4) & ~3

    def property(self, node: Draft, start: int, end: int) -> int:
        """Read the property whose token is at `start`; return the offset of the next token."""
        if start + 12 > end:
            raise self.failure("dtb-structure", "a property is cut short", start, node)
        size, at = unpack_from(">II", self.data, start + 4)
        first, last = self.strings
        stop = self.data.find(b"\0", first + at, last)
        if stop < 0:
            message = f"a property's name at {at:#x} of the strings does not end inside them"
            raise self.failure("dtb-structure", f"{message} ({last - first:#x} bytes)", start + 8, node)
        if stop - first - at > NAME_LIMIT:
            message = f"a property's name is longer than {NAME_LIMIT} bytes"
            raise self.failure("limit", message, start + 8, node)
        name = self.data[first + at : stop].decode("latin-1")
        value = start + 12
        if size > end - value:
            message = f"property {name!a} has {size} bytes, but the structure ends after {end - value}"
            raise self.failure("dtb-structure", message, start + 4, node)
        if node.children:
            message = f"property {name!a} stands after a node: expected properties first"
            self.error("property-order", message, start, node.path, name)
        mine = Value(start, self.data[value : value + size], value)
        other = node.values.setdefault(name, mine)
        if other is not mine:
            self.twice(f"property {name!a}", "property-duplicate", other.position, start, node.path, name)
        following: int = (value + size + 3) & ~3
        return following

    def twice(
        self, what: str, code: str, first: int, second: int, path: str, prop: str | None = None
    ) -> None:
        """Report two things of one name, at both places."""
        for here, there in ((first, second), (second, first)):
            self.error(code, f"{what} stands twice: the other is at offset {there:#x}", here, path, prop)
