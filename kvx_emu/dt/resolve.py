"""What makes a tree of a text that parses: names, labels, phandles and references, checked and filled in.

The rules are those that make dtc stop; phandles get the numbers that dtc gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.draft import NAME_LIMIT, Value
from kvx_emu.dt.symbols import generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from kvx_emu.dt.draft import Draft, DraftTree, Label, Reference
    from kvx_emu.dt.findings import Findings, Origin
    from kvx_emu.limits import Limits

    IsOwn = Callable[[Draft, Value], bool]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NODE_CHARACTERS = _LETTERS + ",._+-@"
_PROPERTY_CHARACTERS = _LETTERS + ",._+*#?-"
_INVALID = (0, 0xFFFFFFFF)  # numbers that are no phandle (Devicetree Specification 2.3.3; libfdt)
_SUGGESTED = 20  # errors with a suggestion
_SUGGESTIONS = 2000  # labels that one misspelt label is compared with, at most


def resolve(
    tree: DraftTree,
    nodes: list[Draft],
    origin: Origin,
    findings: Findings,
    limits: Limits,
    *,
    symbols: bool = False,
    skipped: Set[str] = frozenset(),
) -> None:
    """Fill in the references of a draft, all of whose nodes are `nodes`; what is wrong goes to `findings`.

    Nodes that are to be left out if nothing refers to them are; an overlay gets its `__fixups__` and
    `__local_fixups__`, and any tree its `__symbols__` if `symbols` asks for them. Labels that are `skipped`
    are not missed: they stand in what was left out for another error.
    """
    resolver = Resolver(tree, nodes, origin, findings, skipped)
    resolver.collect_labels()
    resolver.phandles = explicit_phandles(nodes, origin, findings, resolver.is_own)
    resolver.fill(limits.tree_text)
    resolver.omit(symbols=symbols)
    if not findings.all:
        generate(tree, resolver, symbols=symbols)


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


class Resolver:
    """Knows the labels and the phandles of one tree."""

    def __init__(
        self, tree: DraftTree, nodes: list[Draft], origin: Origin, findings: Findings, skipped: Set[str]
    ) -> None:
        self.tree = tree
        self.root = tree.root
        self.nodes = nodes
        self.origin = origin
        self.findings = findings
        self.skipped = skipped
        self.by_label: dict[str, Draft] = {}
        self.phandles: dict[int, Draft] = {}
        self.numbers: dict[Draft, int] = {}
        self.free = 1  # no smaller number is free
        self.referred: set[Draft] = set()

    def collect_labels(self) -> None:
        """Fill `by_label`; the same label twice on one node is one."""
        owners: dict[str, tuple[object, Label, Draft]] = {}
        for node in self.nodes:
            for label in node.labels:
                self.add_label(owners, node, label, node)
                self.by_label.setdefault(label.name, node)
            for value in node.values.values():
                for label in value.labels:
                    self.add_label(owners, value, label, node)
                for label in value.marks:
                    self.add_label(owners, label, label, node)

    def add_label(
        self, owners: dict[str, tuple[object, Label, Draft]], owner: object, label: Label, node: Draft
    ) -> None:
        """Take a label into account; it may stand twice on one owner, and on no other."""
        first, other, other_node = owners.setdefault(label.name, (owner, label, node))
        if first is owner:
            return
        for here, there, at in ((other, label, other_node), (label, other, node)):
            other_place = self.origin.place(there.position)
            message = f"label '{label.name}' stands twice: the other is at {other_place}"
            self.findings.error("label-duplicate", message, self.origin.place(here.position), at.path)

    def target(self, name: str) -> Draft | None:
        """Return the node that a label, a path, or a label with a path names."""
        if name in self.by_label:
            return self.by_label[name]
        label, slash, path = name.partition("/")
        if not slash:
            return None
        node = self.by_label.get(label) if label else self.root
        return None if node is None else node.find(path)

    def is_own(self, node: Draft, value: Value) -> bool:
        """Whether `value` is one reference to the node that it stands in."""
        reference = value.references[0]
        return len(value.data) == 4 and not reference.is_path and self.target(reference.target) is node

    def fill(self, room: int) -> None:
        """Replace every reference by the phandle or the path of its target; `room` bounds the paths."""
        self.numbers = {node: number for number, node in self.phandles.items()}
        for node in self.nodes:
            for prop, value in list(node.values.items()):
                if not value.references:
                    continue
                texts: dict[int, bytes] = {}
                data = bytearray(value.data)
                for reference in value.references:
                    target = self.target(reference.target)
                    if target is None:
                        self.undefined(reference, node, prop)
                        continue
                    self.referred.add(target)
                    if reference.is_path:
                        texts[reference.element] = path = target.path.encode("ascii", "replace") + b"\0"
                        room -= len(path)
                        if room < 0:
                            message = "the paths that references stand for are too long in all"
                            place = self.origin.place(reference.position)
                            self.findings.error("limit", message, place, node.path, prop)
                            return
                    else:
                        assert value.offsets is not None
                        at = value.offsets[reference.element]
                        data[at : at + 4] = self.phandle(target).to_bytes(4, "big")
                value.data = bytes(data)
                if texts:
                    _insert(value, texts)

    def phandle(self, node: Draft) -> int:
        """Return the phandle of a node; the lowest free one is given to a node without."""
        number = self.numbers.get(node)
        if number is None:
            while self.free in self.phandles:
                self.free += 1
            number = self.numbers[node] = self.free
            self.phandles[number] = node
            if "phandle" not in node.values:
                node.values["phandle"] = _allocated(node, number)
        return number

    def undefined(self, reference: Reference, node: Draft, prop: str) -> None:
        """Report a reference to what is not there: in cells of an overlay, only a path is wrong."""
        name = reference.target
        if name in self.skipped:
            return
        base = self.tree.plugin and not reference.is_path
        if base and "/" not in name:
            return
        code, message = undefined(name, self.by_label, self.findings)
        if base:
            message += ": an overlay refers to nodes of its base by their labels alone"
        self.findings.error(code, message, self.origin.place(reference.position), node.path, prop)

    def omit(self, *, symbols: bool) -> None:
        """Leave out the nodes that are to be there only if something refers to them, and nothing does."""
        gone: set[Draft] = set()
        parents = set()
        for node in self.nodes[1:]:
            if node.parent in gone:
                gone.add(node)
            elif node.omit and node not in self.referred and not (symbols and node.labels):
                gone.add(node)
                parents.add(node.parent)
        for parent in parents:
            assert parent is not None
            parent.children = [child for child in parent.children if child not in gone]
            parent.by_name = {name: child for name, child in parent.by_name.items() if child not in gone}
        if gone:
            self.nodes = [node for node in self.nodes if node not in gone]
            self.by_label = {label: node for label, node in self.by_label.items() if node not in gone}


def undefined(name: str, labels: Iterable[str], findings: Findings, where: str = "") -> tuple[str, str]:
    """Return the code and the message for a reference to what is no node (`where` it is looked for)."""
    if name[0] == "/":
        return "path-undefined", f"no node has the path '{name}'{where}"
    if "/" in name:
        label, _, path = name.partition("/")
        return "path-undefined", f"no node has the label '{label}' and '{path}' in it{where}"
    # A comparison takes long; after that many errors, nobody reads the suggestions.
    near = _nearest(name, labels) if len(findings.all) < _SUGGESTED else None
    hint = f"; did you mean '{near}'?" if near else ""
    return "label-undefined", f"no node has the label '{name}'{where}{hint}"


def _nearest(name: str, labels: Iterable[str]) -> str | None:
    if len(name) > 64:
        return None
    from difflib import get_close_matches  # slow to import, and seldom needed

    near = [label for label in labels if label != name and abs(len(label) - len(name)) <= 3]
    return next(iter(get_close_matches(name, near[:_SUGGESTIONS], n=1)), None)


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
