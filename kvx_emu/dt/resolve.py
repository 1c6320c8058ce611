"""What makes a tree of a text that parses: names, labels, phandles and references, checked and filled in.

The rules are those that make dtc stop; phandles get the numbers that dtc gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.draft import NAME_LIMIT, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.dt.draft import Draft, Label
    from kvx_emu.dt.findings import Findings, Origin
    from kvx_emu.limits import Limits

    IsOwn = Callable[[Draft, Value], bool]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NODE_CHARACTERS = _LETTERS + ",._+-@"
_PROPERTY_CHARACTERS = _LETTERS + ",._+*#?-"
_INVALID = (0, 0xFFFFFFFF)  # numbers that are no phandle (Devicetree Specification 2.3.3; libfdt)
_SUGGESTIONS = 2000  # labels that one misspelt label is compared with, at most


def resolve(root: Draft, origin: Origin, findings: Findings, limits: Limits) -> None:
    """Check a draft and fill in its references; what is wrong goes to `findings`."""
    nodes = list(root.walk())
    for node in nodes:
        check_names(node, origin, findings)
    resolver = _Resolver(root, nodes, origin, findings)
    resolver.collect_labels()
    resolver.phandles = explicit_phandles(nodes, origin, findings, resolver.is_own)
    resolver.fill(limits.tree_text)


def check_names(node: Draft, origin: Origin, findings: Findings) -> None:
    """Check the names of a node and its properties; a right `name` property is dropped, as dtc does."""
    name = node.name
    for text, position in [(name, node.position), *((n, v.position) for n, v in node.values.items())]:
        if len(text) > NAME_LIMIT:
            message = f"a name has {len(text)} characters; expected {NAME_LIMIT} at most"
            findings.error("limit", message, origin.place(position))
            return
    if node.parent is not None:
        if not name or name.strip(_NODE_CHARACTERS):
            message = f"{name!a} is no name for a node: expected letters, digits and ,._+-@"
            findings.error("node-name", message, origin.place(node.position), node.path)
        elif name.count("@") > 1:
            message = f"node name '{name}' has more than one '@'"
            findings.error("node-name", message, origin.place(node.position), node.path)
    for prop, value in node.values.items():
        if not prop or prop.strip(_PROPERTY_CHARACTERS):
            message = f"{prop!a} is no name for a property of {node.path}: expected letters, digits, ,._+*#?-"
            findings.error("property-name", message, origin.place(value.position), node.path, prop)
    given = node.values.get("name")
    if given is not None:
        if given.data != name.partition("@")[0].encode("ascii", "replace") + b"\0":
            message = f"the 'name' property of {node.path} is not the node's name without its unit address"
            findings.error("property-name", message, origin.place(given.position), node.path, "name")
        del node.values["name"]


def explicit_phandles(
    nodes: list[Draft], origin: Origin, findings: Findings, is_own: IsOwn | None = None
) -> dict[int, Draft]:
    """Return the nodes by the phandles they state; `is_own` tells a reference of a node to itself."""
    by_number: dict[int, Draft] = {}
    for node in nodes:
        stated: dict[int, Value] = {}
        for prop in ("phandle", "linux,phandle"):
            value = node.values.get(prop)
            if value is None:
                continue
            if value.references:
                if is_own is not None and is_own(node, value):
                    continue  # asks for a number; it gets one when the references are filled in
                message = f"'{prop}' of {node.path} refers to another node"
            elif len(value.data) != 4:
                message = f"'{prop}' of {node.path} has {len(value.data)} bytes; expected one cell"
            else:
                number = int.from_bytes(value.data, "big")
                if number not in _INVALID:
                    stated[number] = value
                    continue
                message = f"'{prop}' of {node.path} is {number:#x}, which is no valid phandle"
            findings.error("phandle-value", message, origin.place(value.position), node.path, prop)
        if len(stated) > 1:
            message = f"'phandle' and 'linux,phandle' of {node.path} differ"
            place = origin.place(node.values["linux,phandle"].position)
            findings.error("phandle-value", message, place, node.path, "linux,phandle")
        for number, value in stated.items():
            other = by_number.setdefault(number, node)
            if other is not node:
                twin = other.values.get("phandle") or other.values["linux,phandle"]
                for here, there, at in ((other, node, twin), (node, other, value)):
                    message = f"phandle {number:#x} of {here.path} is also that of {there.path}"
                    place = origin.place(at.position)
                    findings.error("phandle-duplicate", message, place, here.path, "phandle")
    return by_number


class _Resolver:
    def __init__(self, root: Draft, nodes: list[Draft], origin: Origin, findings: Findings) -> None:
        self.root = root
        self.nodes = nodes
        self.origin = origin
        self.findings = findings
        self.by_label: dict[str, Draft] = {}
        self.phandles: dict[int, Draft] = {}

    def collect_labels(self) -> None:
        """Fill `by_label`; the same label twice on one node is one."""
        owners: dict[str, tuple[object, Label, str]] = {}
        for node in self.nodes:
            for label in node.labels:
                self.add_label(owners, node, label, node.path)
                self.by_label.setdefault(label.name, node)
            for value in node.values.values():
                for label in value.labels:
                    self.add_label(owners, value, label, node.path)

    def add_label(
        self, owners: dict[str, tuple[object, Label, str]], owner: object, label: Label, path: str
    ) -> None:
        first, other, other_path = owners.setdefault(label.name, (owner, label, path))
        if other is label or (first is owner and not isinstance(owner, Value)):
            return
        for here, there, at in ((other, label, other_path), (label, other, path)):
            other_place = self.origin.place(there.position)
            message = f"label '{label.name}' stands twice: the other is at {other_place}"
            self.findings.error("label-duplicate", message, self.origin.place(here.position), at)

    def target(self, name: str) -> Draft | None:
        """Return the node that a label or a path names."""
        return self.root.find(name) if name[0] == "/" else self.by_label.get(name)

    def is_own(self, node: Draft, value: Value) -> bool:
        """Whether `value` is one reference to the node that it stands in."""
        reference = value.references[0]
        return len(value.data) == 4 and not reference.is_path and self.target(reference.target) is node

    def fill(self, room: int) -> None:
        """Replace every reference by the phandle or the path of its target; `room` bounds the paths."""
        numbers: dict[Draft, int] = {node: number for number, node in self.phandles.items()}
        free = 1
        for node in self.nodes:
            for prop, value in list(node.values.items()):
                if not value.references:
                    continue
                texts: dict[int, bytes] = {}
                data = bytearray(value.data)
                for reference in value.references:
                    target = self.target(reference.target)
                    if target is None:
                        self.undefined(reference.target, reference.position, node, prop)
                    elif reference.is_path:
                        texts[reference.element] = path = target.path.encode("ascii") + b"\0"
                        room -= len(path)
                        if room < 0:
                            message = "the paths that references stand for are too long in all"
                            place = self.origin.place(reference.position)
                            self.findings.error("limit", message, place, node.path, prop)
                            return
                    else:
                        number = numbers.get(target)
                        if number is None:
                            while free in self.phandles:
                                free += 1
                            number = numbers[target] = free
                            self.phandles[free] = target
                            if "phandle" not in target.values:
                                target.values["phandle"] = _allocated(target, number)
                        assert value.offsets is not None
                        at = value.offsets[reference.element]
                        data[at : at + 4] = number.to_bytes(4, "big")
                value.data = bytes(data)
                if texts:
                    _insert(value, texts)

    def undefined(self, name: str, position: int, node: Draft, prop: str) -> None:
        if name[0] == "/":
            code, message = "path-undefined", f"no node has the path '{name}'"
        else:
            code, message = "label-undefined", f"no node has the label '{name}'"
            near = self.nearest(name)
            if near:
                message += f"; did you mean '{near}'?"
        self.findings.error(code, message, self.origin.place(position), node.path, prop)

    def nearest(self, name: str) -> str | None:
        if len(name) > 64:
            return None
        from difflib import get_close_matches  # slow to import, and seldom needed

        labels = [label for label in self.by_label if abs(len(label) - len(name)) <= 3]
        return next(iter(get_close_matches(name, labels[:_SUGGESTIONS], n=1)), None)


def _allocated(node: Draft, number: int) -> Value:
    value = Value(node.position, number.to_bytes(4, "big"))
    value.offsets, value.positions = [0], [node.position]
    return value


def _insert(value: Value, texts: dict[int, bytes]) -> None:
    """Put the paths of references into a value; the elements after them move."""
    data, offsets = bytearray(), []
    done = 0
    assert value.offsets is not None
    for index, offset in enumerate(value.offsets):
        data += value.data[done:offset]
        done = offset
        offsets.append(len(data))
        data += texts.get(index, b"")
    data += value.data[done:]
    value.data, value.offsets = bytes(data), offsets
