"""How the blocks of a .dts source make one tree: dtc's rules of merging, deleting and finding nodes.

As in dtc, what is deleted stays in its place, marked, until the end: a later block may bring it back there.
The first definition of a node is taken as it stands (two properties of one name are an error, a deletion
deletes nothing); a definition of a node that is there is merged into it statement by statement.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvx_emu.dt.draft import Draft, Value
    from kvx_emu.dt.findings import Findings, Origin


class _Double(NamedTuple):
    """Two statements for one name within the same braces."""

    node: Draft
    what: str
    name: str
    first: int
    second: int


class _Deletion(NamedTuple):
    """A statement that deletes by name."""

    node: Draft
    what: str
    name: str
    position: int


class Blocks:
    """The tree so far, and the block that is to be put into it."""

    def __init__(self, origin: Origin, findings: Findings) -> None:
        self.origin = origin
        self.findings = findings
        self.root: Draft | None = None
        # What has the name of another thing in its node; `values` and `by_name` have the first.
        self.more_values: dict[Draft, list[tuple[str, Value]]] = {}
        self.more_children: dict[tuple[Draft, str], list[Draft]] = {}
        self.untidy = False  # whether something was deleted or stands twice
        # Of the block that is being read.
        self.merging = False  # whether it is for a node that is there
        self.doubles: list[_Double] = []
        self.last_values: dict[tuple[Draft, str], Value] = {}
        self.deletions: list[_Deletion] = []
        self.merged: dict[Draft, Draft] = {}  # nodes of the block, by what they became part of
        # Nodes by label, oldest first, and the time at which they got it: one deleted since has it no more.
        self.labelled: dict[str, deque[tuple[int, Draft]]] = {}
        self.owned: dict[tuple[Draft, str], int] = {}
        self.deaths: dict[Draft, int] = {}
        self.time = 0

    # -- a block is read ------------------------------------------------------------------------------

    def add_value(self, node: Draft, name: str, value: Value) -> None:
        """Append a property, or its deletion, to a node of the block."""
        first = node.values.setdefault(name, value)
        if value.deleted:
            self.untidy = True
            self.deletions.append(_Deletion(node, "property", name, value.position))
        if first is not value:
            self.untidy = True
            more = self.more_values.setdefault(node, [])
            last = self.last_values.get((node, name), first)
            self.last_values[node, name] = value
            more.append((name, value))
            if self.merging and not value.deleted and not last.deleted:
                self.doubles.append(_Double(node, "property", name, last.position, value.position))

    def add_child(self, parent: Draft, child: Draft) -> None:
        """Append a node, or its deletion, to a node of the block."""
        parent.children.append(child)
        first = parent.by_name.setdefault(child.name, child)
        if child.deleted:
            self.untidy = True
            self.deletions.append(_Deletion(parent, "node", child.name, child.position))
        if first is not child:
            self.untidy = True
            more = self.more_children.setdefault((parent, child.name), [])
            last = more[-1] if more else first
            more.append(child)
            if self.merging and not child.deleted and not last.deleted:
                self.doubles.append(_Double(parent, "node", child.name, last.position, child.position))

    # -- a block is put into the tree -----------------------------------------------------------------

    def put(self, block: Draft, target: Draft | None) -> None:
        """Merge a block into a node of the tree; without one, it is new and has its parent already."""
        if target is None:
            self.settle(block)
        else:
            self.merge(target, block)
        for double in self.doubles:
            if double.node in self.merged:
                self.warn_double(double)
        for deletion in self.deletions:
            if deletion.node not in self.merged:
                self.warn_nothing(deletion, first=True)
        self.doubles, self.deletions, self.last_values, self.merged = [], [], {}, {}

    def merge(self, target: Draft, block: Draft) -> None:
        """Put all of `block` into `target`, in its order."""
        self.blend(target, block)
        stack = [(target, iter(block.children))]
        while stack:
            old, rest = stack[-1]
            for child in rest:
                mate = old.by_name.get(child.name)
                if child.deleted:
                    if mate is None or mate.deleted:
                        self.warn_nothing(_Deletion(old, "node", child.name, child.position))
                    else:
                        self.delete(mate)
                elif mate is None:
                    child.parent = old
                    old.children.append(child)
                    old.by_name[child.name] = child
                    self.settle(child)
                else:
                    self.blend(mate, child)
                    stack.append((mate, iter(child.children)))
                    break
            else:
                stack.pop()

    def blend(self, old: Draft, new: Draft) -> None:
        """Put the labels and properties of `new` into `old`."""
        self.merged[new] = old
        if old.deleted:
            old.deleted = False
            old.labels = []
            old.position = new.position
        for label in new.labels:
            if self.owned.get((old, label.name), -1) < self.deaths.get(old, 0):
                old.labels.append(label)
                self.register(old, label.name)
        statements = list(new.values.items())
        if new in self.more_values:
            statements += self.more_values[new]
        values = old.values
        for name, value in statements:
            mate = values.get(name)
            if value.deleted:
                if mate is None or mate.deleted:
                    self.warn_nothing(_Deletion(old, "property", name, value.position))
                else:
                    _delete_value(mate)
            else:
                if mate is not None and mate.labels:
                    labels = mate.labels if isinstance(mate.labels, list) else [*mate.labels]
                    labels.extend(value.labels)
                    value.labels = labels
                values[name] = value  # in the place of the old one

    def settle(self, block: Draft) -> None:
        """Make the labels of a new part of the tree known."""
        stack = [block]
        while stack:
            node = stack.pop()
            for label in node.labels:
                self.register(node, label.name)
            stack.extend([child for child in reversed(node.children) if not child.deleted])

    def register(self, node: Draft, name: str) -> None:
        """Make one label known."""
        self.time += 1
        self.owned[node, name] = self.time
        self.labelled.setdefault(name, deque()).append((self.time, node))

    def delete(self, target: Draft) -> None:
        """Mark a node and all in it as deleted."""
        self.untidy = True
        self.time += 1
        stack = [target]
        while stack:
            node = stack.pop()
            node.deleted = True
            node.labels = []
            self.deaths[node] = self.time
            for value in node.values.values():
                _delete_value(value)
            for _, value in self.more_values.get(node, ()):
                _delete_value(value)
            stack.extend([child for child in node.children if not child.deleted])

    # -- references to what is there by now -----------------------------------------------------------

    def find(self, reference: str) -> Draft | None:
        """Return the node that a label, a path, or a label with a path names."""
        if self.root is None:
            return None
        label, slash, path = reference.partition("/")
        node = self.by_label(label) if label else self.root
        if slash and node is not None:
            for name in filter(None, path.split("/")):
                node = self.child(node, name)
                if node is None:
                    return None
        return node

    def by_label(self, name: str) -> Draft | None:
        """Return the node that has a label, the one that got it first if there are several."""
        entries = self.labelled.get(name)
        while entries and entries[0][0] < self.deaths.get(entries[0][1], 0):
            entries.popleft()
        return entries[0][1] if entries else None

    def child(self, node: Draft, name: str) -> Draft | None:
        """Return the first child of a name that is not deleted."""
        first = node.by_name.get(name)
        if first is None or not first.deleted:
            return first
        more = self.more_children.get((node, name), ())
        return next((child for child in more if not child.deleted), None)

    # -- the end --------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Take away what is deleted, and report what stands twice."""
        if self.root is None or not self.untidy:
            return
        for node in self.root.walk():
            more = self.more_values.get(node, ())
            values: dict[str, Value] = {}
            for name, value in [*node.values.items(), *more]:
                if not value.deleted and values.setdefault(name, value) is not value:
                    self.twice(node, f"property '{name}'", values[name].position, value.position, name)
            node.values = values
            children = node.children
            # `walk` goes on with these.
            node.children = [child for child in children if not child.deleted]
            node.by_name = {}
            for child in children:
                first = node.by_name.get(child.name)
                if first is not None and child.deleted:
                    self.deleted_after(child, first)
                elif first is not None:
                    self.twice(child, f"node '{child.name}'", first.position, child.position)
                elif not child.deleted:
                    node.by_name[child.name] = child

    def deleted_after(self, deletion: Draft, node: Draft) -> None:
        """Report a deletion that stands after the first definition of a node, in the same braces."""
        place = self.origin.place(node.position)
        message = f"node '{node.name}' is first defined in the same braces, at {place}: it is not deleted"
        self.findings.error("node-duplicate", message, self.origin.place(deletion.position), node.path)

    def twice(self, node: Draft, what: str, first: int, second: int, prop: str | None = None) -> None:
        """Report two things of one name, at both places."""
        code = "property-duplicate" if prop is not None else "node-duplicate"
        for here, there in ((first, second), (second, first)):
            message = f"{what} stands twice: the other is at {self.origin.place(there)}"
            self.findings.error(code, message, self.origin.place(here), node.path, prop)

    def warn_double(self, double: _Double) -> None:
        """Tell that two statements of the same braces became one."""
        if not self.findings.can_warn:
            return
        node, what, name, first, second = double
        node = self.merged[node]
        path, prop = _concerned(node, what, name)
        for here, there in ((first, second), (second, first)):
            other = self.origin.place(there)
            message = f"{what} '{name}' stands twice in the same braces and becomes one: see {other}"
            self.findings.warn("merged-duplicate", message, self.origin.place(here), path, prop)

    def warn_nothing(self, deletion: _Deletion, *, first: bool = False) -> None:
        """Tell of a deletion without effect; `first` if it stands in the first definition of its node."""
        if not self.findings.can_warn:
            return
        node, what, name, position = deletion
        path, prop = _concerned(node, what, name)
        why = f"{node.path} has no {what} of that name"
        if first:
            why = f"{node.path} is defined here first, and a {what} '{name}' beside this stays"
        message = f"nothing is deleted: {why}"
        self.findings.warn("delete-nothing", message, self.origin.place(position), path, prop)


def _concerned(node: Draft, what: str, name: str) -> tuple[str, str | None]:
    if what == "property":
        return node.path, name
    return f"{node.path.rstrip('/')}/{name}", None


def _delete_value(value: Value) -> None:
    value.deleted = True
    value.labels = ()
