"""Overlays: a tree of changes (.dtbo, .dtso) put into a base, with the results of libfdt's fdt_overlay_apply.

The phandles of the overlay are moved above those of the base. Other than libfdt before 1.7.1, a node of the
base keeps its phandle when the overlay has another for it, so that what the base says of it stays true.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from kvx_emu.dt.draft import Draft, DraftTree, Value
from kvx_emu.dt.findings import Findings
from kvx_emu.dt.fixups import FIXUPS, SYMBOLS, Names, Spot, external, local, text_of
from kvx_emu.dt.tree import Tree
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.findings import Origin
    from kvx_emu.errors import Place
    from kvx_emu.limits import Limits

_CONTENT = "__overlay__"
_UNRESOLVED = 0xFFFFFFFF  # also the first number that is no phandle
_LAYER_BITS = 48  # of a position that tell where in its own input it is
_GUESSES = 20  # labels that are missing for which a near one is looked for, at most
_SUGGESTIONS = 2000  # labels that one misspelt label is compared with, at most


class Layers:
    """The places of a tree that several inputs made: the bits of a position above the 48th tell which."""

    def __init__(self, origins: tuple[Origin, ...]) -> None:
        self.origins = origins

    def place(self, position: int) -> Place:
        """Return the place in the input that the position belongs to."""
        return self.origins[position >> _LAYER_BITS].place(position & ((1 << _LAYER_BITS) - 1))


def apply_overlay(base: Tree, overlay: Tree, limits: Limits = LIMITS) -> Tree:
    """Return a new tree, `base` with the changes of `overlay`; neither of them is touched.

    What comes from the overlay keeps its places there. Raises InputError with all that is wrong, at its
    place in the overlay.
    """
    return _Overlay(base, overlay).apply(limits)


class _Overlay:
    def __init__(self, base: Tree, overlay: Tree) -> None:
        self.base_name, self.overlay_name = base.source, overlay.source
        layers = base.origin.origins if isinstance(base.origin, Layers) else (base.origin,)
        self.origin = Layers((*layers, overlay.origin))
        self.base = base.draft
        self.root = _copy(base.draft.root, 0)
        self.overlay = _copy(overlay.draft.root, len(layers) << _LAYER_BITS)
        self.findings = Findings()
        self.names = Names()
        self.guesses = _GUESSES
        self.labels = {label.name: node for node in self.root.walk() for label in node.labels}
        self.by_phandle: dict[int, Draft] = {}
        for node in self.root.walk():
            number = _phandle(node)
            if number is not None:
                self.by_phandle[number] = node
        self.patches: list[tuple[Value, int, int]] = []  # what to put at which byte of a value
        self.filled: dict[Value, Draft | None] = {}  # what the labels in values stand for

    def apply(self, limits: Limits) -> Tree:
        fragments = list(self.fragments())
        if not fragments and not self.findings.all:
            message = f"{self.overlay_name} is no overlay: no node of its root has a node '{_CONTENT}'"
            self.error("overlay", message, self.overlay)
        fixups = external(self.overlay, self.names, self.origin, self.findings)
        own = list(local(self.overlay, self.names, self.origin, self.findings))
        self.findings.raise_if_any()
        added = self.renumber(fragments, fixups, own)
        self.findings.raise_if_any()
        for number, node in added.items():
            self.by_phandle[number] = node
            node.values["phandle"] = _cell(node.position, number)
        self.patch()
        targets = {}
        for fragment, content in fragments:
            target = self.target(fragment)
            if target is not None:
                targets[fragment.name] = target
                self.merge(target, content)
        self.findings.raise_if_any()
        self.symbols(targets)
        self.bound(limits)
        self.findings.raise_if_any()
        draft = DraftTree(self.root, self.base.reservations, self.base.boot_cpu)
        return Tree(draft, self.origin, self.base_name)

    def error(
        self, code: str, message: str, node: Draft, prop: str | None = None, at: int | None = None
    ) -> None:
        """Report an error: at a position, or at a property of a node, or at the node."""
        if at is None:
            at = node.position if prop is None else node.values[prop].position
        self.findings.error(code, message, self.origin.place(at), node.path, prop)

    def fragments(self) -> Iterator[tuple[Draft, Draft]]:
        """Yield the fragments, each with its content."""
        for node in self.overlay.children:
            content = node.by_name.get(_CONTENT)
            if content is not None:
                yield node, content
                if "target" not in node.values and "target-path" not in node.values:
                    message = f"fragment {node.path} has no target: expected 'target' or 'target-path'"
                    self.error("overlay-target", message, node)
            elif not node.name.startswith("__") and ("target" in node.values or "target-path" in node.values):
                message = f"fragment {node.path} has a target, but no node '{_CONTENT}' to put there"
                self.error("overlay", message, node)

    # -- phandles -------------------------------------------------------------------------------------

    def renumber(
        self, fragments: list[tuple[Draft, Draft]], fixups: list[Spot], own: list[Spot]
    ) -> dict[int, Draft]:
        """Find the numbers of all phandles of the overlay; return those that the base lacks yet."""
        move = max(self.by_phandle, default=0)
        numbers: dict[int, int] = {}
        stated = []
        for node in self.overlay.walk():
            for name in ("phandle", "linux,phandle"):
                value = node.values.get(name)
                if value is not None:
                    number = int.from_bytes(value.data, "big")
                    numbers[number] = number + move
                    stated.append(Spot(node, name, value, 0))
                    if number + move >= _UNRESOLVED:
                        message = f"phandle {number:#x} of {node.path} can not be moved above"
                        message += f" {move:#x}, the greatest of {self.base_name}"
                        self.error("overlay-phandle", message, node, name)
        given, filled = self.fill(fixups, max(numbers.values(), default=move))
        moved = {spot.value for spot in own}
        for fragment, content in fragments:
            target = self.early_target(fragment, moved)
            if target is not None:
                self.keep_numbers(target, content, numbers, given)
        for spot in (*stated, *own):
            (number,) = unpack_from(">I", spot.value.data, spot.offset)
            # A number that no node of the overlay has is moved as well: so does libfdt.
            number = numbers.get(number, (number + move) & 0xFFFFFFFF)
            self.patches.append((spot.value, spot.offset, number))
        self.patches += filled  # where both name a cell, these are right: so does libfdt
        return {number: node for node, number in given.items()}

    def patch(self) -> None:
        """Put the phandles into the values."""
        changed: dict[Value, bytearray] = {}
        for value, offset, number in self.patches:
            data = changed.get(value)
            if data is None:
                data = changed[value] = bytearray(value.data)
            data[offset : offset + 4] = number.to_bytes(4, "big")
        for value, data in changed.items():
            value.data = bytes(data)

    def fill(self, fixups: list[Spot], top: int) -> tuple[dict[Draft, int], list[tuple[Value, int, int]]]:
        """Return the numbers for the nodes that had none, and the patches of the references to labels."""
        given: dict[Draft, int] = {}
        patches = []
        for spot in fixups:
            target = self.filled[spot.value] = self.labelled(spot)
            if target is None:
                continue
            number = _phandle(target) or given.get(target)
            if number is None:
                # Of a base from source, whose labels need no phandles; a blob with symbols has them.
                number = given[target] = top + len(given) + 1
                if number >= _UNRESOLVED:
                    message = f"no phandle is left for {target.path} of {self.base_name}"
                    self.error("overlay-phandle", message, spot.node, spot.name, spot.position)
            patches.append((spot.value, spot.offset, number))
        return given, patches

    def labelled(self, spot: Spot) -> Draft | None:
        """Return the node of the base that has the label of a fixup; None if there is none, reported."""
        label = spot.label
        symbols = self.root.by_name.get(SYMBOLS)
        symbol = None if symbols is None else symbols.values.get(label)
        if symbol is not None:
            path = text_of(symbol.data)
            node = None if path is None else self.located(path)
            if node is not None:
                return node
            message = f"label '{label}' of {self.base_name} stands for {path!a}, which is none of its nodes"
        else:
            found = self.labels.get(label)
            if found is not None:
                return found
            message = f"no node of {self.base_name} has the label '{label}'"
            known = [*self.labels, *(symbols.values if symbols is not None else ())]
            if known:
                self.guesses -= 1
                near = _nearest(label, known) if self.guesses >= 0 else None
                message += f"; did you mean '{near}'?" if near else ""
            else:
                message += ", which has no labels at all: compile the base with -@, or give its .dts"
        self.error("overlay-label", message, spot.node, spot.name, spot.position)
        return None

    def located(self, path: str) -> Draft | None:
        """Return the node of a path, which may start with an alias."""
        if not path.startswith("/"):
            alias, _, rest = path.partition("/")
            aliases = self.root.by_name.get("aliases")
            value = None if aliases is None else aliases.values.get(alias)
            start = None if value is None else text_of(value.data)
            if start is None or not start.startswith("/"):
                return None
            path = f"{start}/{rest}"
        return self.names.find(self.root, path)

    def early_target(self, fragment: Draft, moved: set[Value]) -> Draft | None:
        """Return the target of a fragment if it is a node of the base."""
        value = fragment.values.get("target")
        if value is None:
            path = text_of(fragment.values["target-path"].data)
            return None if path is None else self.located(path)
        if value in self.filled:
            return self.filled[value]
        if value in moved:
            return None  # a node that another fragment brings
        return self.by_phandle.get(int.from_bytes(value.data, "big"))

    def keep_numbers(
        self, target: Draft, content: Draft, numbers: dict[int, int], given: dict[Draft, int]
    ) -> None:
        """Let the nodes of the base that are merged with have the numbers that they have."""
        stack = [(target, content)]
        while stack:
            below, above = stack.pop()
            ours = _phandle(below) or given.get(below)
            theirs = _phandle(above)
            if ours is not None and theirs is not None:
                numbers[theirs] = ours
            for node in above.children:
                other = self.names.child(below, node.name)
                if other is not None:
                    stack.append((other, node))

    # -- merging --------------------------------------------------------------------------------------

    def target(self, fragment: Draft) -> Draft | None:
        """Return the node that a fragment changes; None if there is none, which is reported."""
        value = fragment.values.get("target")
        if value is None:
            value = fragment.values["target-path"]
            path = text_of(value.data)
            found = None if path is None else self.located(path)
            message = f"{self.base_name} has no node {path!a}: expected the path of the fragment's target"
            if path is None:
                message = f"'target-path' of {fragment.path} is not one string"
            name = "target-path"
        else:
            number = int.from_bytes(value.data, "big")
            found = self.by_phandle.get(number) if len(value.data) == 4 else None
            message = f"no node has the phandle {number:#x}, the target of {fragment.path}"
            if len(value.data) != 4:
                message = f"'target' of {fragment.path} has {len(value.data)} bytes; expected one phandle"
            elif number == _UNRESOLVED:
                message = (
                    f"the target of {fragment.path} is unresolved, and '{FIXUPS}' does not name its label"
                )
            name = "target"
        if found is None:
            self.error("overlay-target", message, fragment, name, value.position_of(0))
        return found

    def merge(self, target: Draft, content: Draft) -> None:
        """Put the content of a fragment into its target: properties replace, nodes are merged."""
        stack = [(target, content)]
        while stack:
            node, source = stack.pop()
            node.values.update(source.values)
            for label in source.labels:
                other = self.labels.setdefault(label.name, node)
                if other is not node:  # as a symbol, the later one is right
                    other.labels = [each for each in other.labels if each.name != label.name]
                    self.labels[label.name] = node
                if all(each.name != label.name for each in node.labels):
                    node.labels.append(label)
            number = _phandle(source)
            if number is not None:
                self.by_phandle[number] = node
            stack += [
                (self.names.child(node, below.name) or _new(below, node), below) for below in source.children
            ]

    def symbols(self, targets: dict[str, Draft]) -> None:
        """Put the symbols of the overlay into the base's, with the paths that its nodes have now."""
        symbols = self.overlay.by_name.get(SYMBOLS)
        if symbols is None:
            return
        mine = self.root.by_name.get(SYMBOLS) or _new(symbols, self.root)
        for label, value in symbols.values.items():
            path = text_of(value.data)
            if path is None or not path.startswith("/"):
                message = f"symbol '{label}' of the overlay is no path"
                self.error("overlay-symbol", message, symbols, label)
                continue
            name, _, rest = path[1:].partition("/")
            content, _, rest = rest.partition("/")
            if content != _CONTENT:
                continue  # of a part of the overlay that is not merged
            fragment = self.names.child(self.overlay, name)
            target = None if fragment is None else targets.get(fragment.name)
            if fragment is None or target is None:
                message = (
                    f"symbol '{label}' of the overlay stands for {path!a}, which is in none of its fragments"
                )
                self.error("overlay-symbol", message, symbols, label)
                continue
            by_path = fragment.values.get("target-path") if "target" not in fragment.values else None
            start = target.path if by_path is None else by_path.data[:-1].decode("latin-1")
            # libfdt: with a '/' at the end where a label stands at the target itself.
            text = f"{start if len(start) > 1 else ''}/{rest}"
            mine.values[label] = _like(value, text.encode("latin-1") + b"\0")

    def bound(self, limits: Limits) -> None:
        """Refuse a result that is nested too deep, or too large."""
        count = 0
        stack = [(self.root, 1)]
        while stack:
            node, depth = stack.pop()
            count += 1
            if depth > limits.depth:
                self.error("limit", f"nodes are nested more than {limits.depth} deep", node)
                return
            stack += [(below, depth + 1) for below in node.children]
        if count > limits.nodes:
            self.error("limit", f"the merged tree has more than {limits.nodes} nodes", self.overlay)


def _phandle(node: Draft) -> int | None:
    value = node.values.get("phandle") or node.values.get("linux,phandle")
    return None if value is None else int.from_bytes(value.data, "big")


def _cell(position: int, number: int) -> Value:
    value = Value(position, number.to_bytes(4, "big"))
    value.offsets, value.positions = [0], [position]
    return value


def _like(value: Value, data: bytes) -> Value:
    """Return a value of one element that stands where `value` does."""
    result = Value(value.position, data)
    position = value.position_of(0)
    result.offsets, result.positions = [0], [value.position if position is None else position]
    return result


def _new(like: Draft, parent: Draft) -> Draft:
    """Add a node without properties, of the name and place of another, to `parent`."""
    node = Draft(like.name, like.position, parent)
    parent.children.append(node)
    parent.by_name[node.name] = node
    return node


def _copy(root: Draft, move: int) -> Draft:
    """Return a copy of a tree, its positions moved into their layer."""
    top = Draft(root.name, root.position + move, None)
    stack = [(root, top)]
    while stack:
        source, copy = stack.pop()
        copy.labels = [label._replace(position=label.position + move) for label in source.labels]
        copy.values = {name: _moved(value, move) for name, value in source.values.items()}
        for below in source.children:
            node = Draft(below.name, below.position + move, copy)
            copy.children.append(node)
            copy.by_name[node.name] = node
            stack.append((below, node))
    return top


def _moved(value: Value, move: int) -> Value:
    if not move:
        return value  # those of the base are replaced, never changed
    copy = Value(value.position + move, value.data)
    copy.offsets = value.offsets
    copy.positions = [position + move for position in value.positions]
    return copy


def _nearest(label: str, known: list[str]) -> str | None:
    from difflib import get_close_matches  # slow to import, and seldom needed

    labels = [each for each in known if abs(len(each) - len(label)) <= 3]
    return next(iter(get_close_matches(label[:64], labels[:_SUGGESTIONS], n=1)), None)
