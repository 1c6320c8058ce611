"""Trees as plain data, in YAML or JSON: all of a tree but the places, and back.

devicetree: 1                             the version of this form
reservations:                             optional
  - {address: 0x0, size: 0x1000}
boot-cpu: 0                               optional; 0 if it is not there
root:                                     a node: three keys, each optional
  labels: [board]
  properties:                             each a list of strings, lists of cells, and bytes
    compatible: ["a,b", "c"]
    reg: [[0x0, 0x1000]]
    mac: [{bytes: "001122334455"}]
    dma-coherent: []
  nodes:
    cpus: {}
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from kvx_emu.dt.draft import Draft, DraftTree, Label, Value
from kvx_emu.dt.findings import Findings
from kvx_emu.dt.plain_text import Plain, read_plain
from kvx_emu.dt.resolve import check_names, explicit_phandles
from kvx_emu.dt.tree import Tree
from kvx_emu.dt.typed import parts
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Source
    from kvx_emu.limits import Limits

_VERSION = 1
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PLAIN_KEY = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z_][\w,.+@-]*", re.ASCII)
_AROUND = 6  # collections around the nodes, and within a property


def to_yaml(tree: Tree) -> str:
    """Return a tree as YAML, with cells in hexadecimal."""
    lines = [f"devicetree: {_VERSION}"]
    if tree.reservations:
        lines.append("reservations:")
        lines += [f"  - {{address: {each.address:#x}, size: {each.size:#x}}}" for each in tree.reservations]
    if tree.draft.boot_cpu:
        lines.append(f"boot-cpu: {tree.draft.boot_cpu}")
    if not (tree.root.labels or tree.root.properties or tree.root.children):
        return "\n".join([*lines, "root: {}", ""])
    lines.append("root:")
    stack: list[tuple[Node, str]] = [(tree.root, "  ")]
    while stack:
        node, indent = stack.pop()
        if node.parent is not None:
            if node is node.parent.children[0]:
                lines.append(f"{indent[:-4]}nodes:")
            empty = not (node.labels or node.properties or node.children)
            lines.append(f"{indent[:-2]}{_key(node.name)}:{' {}' if empty else ''}")
        if node.labels:
            lines.append(f"{indent}labels: [{', '.join(map(_key, node.labels))}]")
        if node.properties:
            lines.append(f"{indent}properties:")
            for name in node.properties:
                items = [_item(item, hexadecimal=True) for item in _items(node, name)]
                lines.append(f"{indent}  {_key(name)}: [{', '.join(items)}]")
        stack += [(below, indent + "    ") for below in reversed(node.children)]
    return "\n".join(lines) + "\n"


def to_json(tree: Tree) -> str:
    """Return a tree as JSON, a property a line."""
    entries = [f'"devicetree": {_VERSION}']
    if tree.reservations:
        places = [f'{{"address": {entry.address}, "size": {entry.size}}}' for entry in tree.reservations]
        entries.append(f'"reservations": [{", ".join(places)}]')
    if tree.draft.boot_cpu:
        entries.append(f'"boot-cpu": {tree.draft.boot_cpu}')
    entries.append('"root": ' + _json_node(tree.root, "  "))
    return _block(entries, "") + "\n"


def _json_node(node: Node, indent: str) -> str:
    inner = indent + "  "
    entries = []
    if node.labels:
        entries.append('"labels": ' + json.dumps(list(node.labels)))
    if node.properties:
        lines = [
            f'"{name}": [{", ".join(_item(item, hexadecimal=False) for item in _items(node, name))}]'
            for name in node.properties
        ]
        entries.append('"properties": ' + _block(lines, inner))
    if node.children:
        nodes = [f'"{below.name}": {_json_node(below, inner + "  ")}' for below in node.children]
        entries.append('"nodes": ' + _block(nodes, inner))
    return _block(entries, indent)


def _block(entries: list[str], indent: str) -> str:
    if not entries:
        return "{}"
    lines = ",\n".join(f"{indent}  {entry}" for entry in entries)
    return f"{{\n{lines}\n{indent}}}"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else f'"{name}"'  # names hold nothing to be escaped


def _items(node: Node, name: str) -> list[str | list[int] | bytes]:
    """Return the items of a property: each string is one."""
    value = node.value(name)
    items: list[str | list[int] | bytes] = []
    for part in parts(name, node.raw(name) or b"", None if value is None else value.offsets):
        if isinstance(part, bytes):
            items.append(part)
        else:
            words = [word for word in part if isinstance(word, str)]
            items += words or [[cell for cell in part if isinstance(cell, int)]]
    return items


def _item(item: str | list[int] | bytes, *, hexadecimal: bool) -> str:
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False)
    if isinstance(item, bytes):
        return f'{{{"bytes" if hexadecimal else json.dumps("bytes")}: "{item.hex()}"}}'
    return f"[{', '.join(f'{cell:#x}' if hexadecimal else str(cell) for cell in item)}]"


def from_plain(source: Source, *, is_json: bool, limits: Limits = LIMITS) -> Tree:
    """Return the tree that a YAML or JSON text is; raises InputError with all that is wrong."""
    top = read_plain(source, 2 * limits.depth + _AROUND, is_json=is_json)
    return Tree(_Reader(source, limits).tree(top), source, source.path)


class _Reader:
    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.findings = Findings()
        self.labels: dict[str, int] = {}

    def error(self, position: int, message: str, node: Draft | None = None, prop: str | None = None) -> None:
        place = self.source.place(position)
        self.findings.error("plain-form", message, place, None if node is None else node.path, prop)

    def tree(self, top: Plain) -> DraftTree:
        known = ("devicetree", "reservations", "boot-cpu", "root")
        entries = self.mapping(top, known, "a tree")
        version = entries.get("devicetree")
        if version is None:
            self.error(top.position, "expected 'devicetree: 1', the version of the form, found no such key")
        elif version.value != _VERSION:
            self.error(version.position, f"expected {_VERSION}, the version of the form")
        reservations = []
        if "reservations" in entries:
            for item in self.list(entries["reservations"], "reservations"):
                pair = self.mapping(item, ("address", "size"), "a reservation")
                if len(pair) < 2:
                    self.error(item.position, "a reservation has an address and a size")
                    continue
                reservations.append((self.number(pair["address"], 64), self.number(pair["size"], 64)))
        boot_cpu = self.number(entries["boot-cpu"], 32) if "boot-cpu" in entries else 0
        root = entries.get("root")
        draft = Draft("", top.position if root is None else root.position, None)
        if root is None:
            self.error(top.position, "expected the key 'root', the root node, found no such key")
        else:
            self.nodes(draft, root)
        nodes = list(draft.walk())
        for node in nodes:
            check_names(node, self.source, self.findings)
        explicit_phandles(nodes, self.source, self.findings)
        self.findings.raise_if_any()
        return DraftTree(draft, reservations, boot_cpu)

    def nodes(self, draft: Draft, top: Plain) -> None:
        """Fill a node and all below it."""
        stack = [(draft, top, 1)]
        count = 1
        while stack:
            node, plain, depth = stack.pop()
            entries = self.mapping(plain, ("labels", "properties", "nodes"), f"node {node.path}")
            if "labels" in entries:
                for item in self.list(entries["labels"], "labels"):
                    self.label(node, item)
            if "properties" in entries:
                for name, (position, items) in self.open(entries["properties"], "properties").items():
                    node.values[name] = self.value(node, name, position, items)
            if "nodes" in entries:
                for name, (position, below) in self.open(entries["nodes"], "nodes").items():
                    child = Draft(name, position, node)
                    node.children.append(child)
                    node.by_name[name] = child
                    stack.append((child, below, depth + 1))
                    count += 1
                    if depth >= self.limits.depth or count > self.limits.nodes:
                        what = "nested too deep" if depth >= self.limits.depth else "too many"
                        self.error(position, f"the nodes are {what}", child)
                        return

    def label(self, node: Draft, item: Plain) -> None:
        name = item.value
        if not isinstance(name, str) or not _LABEL.fullmatch(name):
            self.error(item.position, "expected a label: letters, digits and _", node)
            return
        first = self.labels.setdefault(name, item.position)
        if first != item.position:
            line = self.source.place(first).line
            self.error(item.position, f"label '{name}' stands twice: the other is in line {line}", node)
            return
        node.labels.append(Label(name, item.position))

    def value(self, node: Draft, name: str, position: int, plain: Plain) -> Value:
        value = Value(position)
        data = bytearray()
        offsets: list[int] = []
        positions: list[int] = []

        def add(item: Plain, more: bytes) -> None:
            offsets.append(len(data))
            positions.append(item.position)
            data.extend(more)

        for item in self.list(plain, f"property '{name}'"):
            content = item.value
            if isinstance(content, str):
                add(item, self.text(node, name, item.position, content))
            elif isinstance(content, list):
                for cell in content:
                    add(cell, self.number(cell, 32).to_bytes(4, "big"))
            elif isinstance(content, dict) and list(content) == ["bytes"]:
                add(item, self.bytes(content["bytes"][1], node, name))
            else:
                message = 'expected text, a list of cells, or {bytes: "hexadecimal digits"}'
                self.error(item.position, message, node, name)
        value.data, value.offsets, value.positions = bytes(data), offsets, positions
        return value

    def text(self, node: Draft, name: str, position: int, text: str) -> bytes:
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            self.error(position, "found half of a surrogate pair; expected text", node, name)
            return b"\0"
        if b"\0" in data:
            self.error(position, "found a NUL in a text, which ends there; expected two texts", node, name)
        return data + b"\0"

    def bytes(self, plain: Plain, node: Draft, name: str) -> bytes:
        if isinstance(plain.value, str) and plain.value.isascii():
            try:
                return bytes.fromhex(plain.value)
            except ValueError:
                pass
        self.error(plain.position, "expected hexadecimal digits in quotes, two a byte", node, name)
        return b"\0"

    def number(self, plain: Plain, bits: int) -> int:
        if isinstance(plain.value, int) and 0 <= plain.value < 1 << bits:
            return plain.value
        self.error(plain.position, f"expected a number of {bits} bits, 0 to {(1 << bits) - 1:#x}")
        return 0

    def list(self, plain: Plain, what: str) -> list[Plain]:
        if isinstance(plain.value, list):
            return plain.value
        self.error(plain.position, f"expected a list: {what}")
        return []

    def open(self, plain: Plain, what: str) -> dict[str, tuple[int, Plain]]:
        if isinstance(plain.value, dict):
            return plain.value
        self.error(plain.position, f"expected a mapping: {what}")
        return {}

    def mapping(self, plain: Plain, known: tuple[str, ...], what: str) -> dict[str, Plain]:
        """Return the entries of a mapping whose keys are known."""
        result = {}
        for key, (position, item) in self.open(plain, what).items():
            if key in known:
                result[key] = item
            else:
                self.error(position, f"unknown key {key[:40]!a} of {what}; expected {', '.join(known)}")
        return result
