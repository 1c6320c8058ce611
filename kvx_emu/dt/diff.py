"""How two trees differ in what they mean.

The order of nodes and of properties means nothing, and the numbers of phandles what they point to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.dt.references import phandle_offsets
from kvx_emu.dt.writer import value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.tree import Node, Tree
    from kvx_emu.errors import Place

_NUMBERS = ("phandle", "linux,phandle")


class Difference(NamedTuple):
    """One thing that differs; what the first or the second tree does not have is None."""

    what: str  # node, property, reservation or boot-cpu
    path: str  # of the node; "/" for what is no node's
    name: str | None  # of the property
    before: str | None
    after: str | None
    place_before: Place | None
    place_after: Place | None

    def __str__(self) -> str:
        """Return `- ` with what the first tree has, `+ ` with what the second has, each with its place."""
        label = self.path if self.name is None else f"{self.path}:{self.name}"
        lines = []
        for sign, text, place in (("-", self.before, self.place_before), ("+", self.after, self.place_after)):
            if text is not None:
                shown = f" = {text}" if text else ""
                lines.append(f"{sign} {label}{shown}" + ("" if place is None else f"  ({place})"))
        return "\n".join(lines)


def diff(first: Tree, second: Tree, *, exact: bool = False) -> list[Difference]:
    """Return what differs, in the order of the trees, the first before the second.

    Phandles are compared by the nodes they point to, in the properties that are known to hold them, and
    the properties `phandle` not at all; with `exact`, all by their numbers.
    """
    return list(_Diff(first, second, exact=exact).run())


class _Diff:
    def __init__(self, first: Tree, second: Tree, *, exact: bool) -> None:
        self.first, self.second = first, second
        self.exact = exact

    def run(self) -> Iterator[Difference]:
        yield from self.header()
        stack = [(self.first.root, self.second.root)]
        while stack:
            before, after = stack.pop()
            yield from self.properties(before, after)
            others = {node.name: node for node in after.children}
            below = []
            for node in before.children:
                other = others.pop(node.name, None)
                if other is None:
                    yield Difference("node", node.path, None, "", None, node.place, None)
                else:
                    below.append((node, other))
            for other in others.values():
                yield Difference("node", other.path, None, None, "", None, other.place)
            stack.extend(reversed(below))

    def header(self) -> Iterator[Difference]:
        """Yield what differs outside of the nodes."""
        one, two = (
            [f"{r.address:#x} {r.size:#x}" for r in t.reservations] for t in (self.first, self.second)
        )
        for text in one:
            if text not in two:
                yield Difference("reservation", "/memreserve/", None, text, None, None, None)
        for text in two:
            if text not in one:
                yield Difference("reservation", "/memreserve/", None, None, text, None, None)
        cpus = self.first.draft.boot_cpu, self.second.draft.boot_cpu
        if cpus[0] != cpus[1]:
            yield Difference("boot-cpu", "boot cpu", None, str(cpus[0]), str(cpus[1]), None, None)

    def properties(self, before: Node, after: Node) -> Iterator[Difference]:
        names = dict.fromkeys((*before.properties, *after.properties))
        for name in names:
            if not self.exact and name in _NUMBERS:
                continue
            has, had = after.has(name), before.has(name)
            if has and had and self.same(before, after, name):
                continue
            yield Difference(
                "property",
                before.path,
                name,
                self.text(before, name) if had else None,
                self.text(after, name) if has else None,
                before.property_place(name) if had else None,
                after.property_place(name) if has else None,
            )

    def same(self, before: Node, after: Node, name: str) -> bool:
        """Whether a property means the same in both trees."""
        one, two = before.raw(name) or b"", after.raw(name) or b""
        if self.exact or len(one) != len(two):
            return one == two
        # What the source of one of them says to be a phandle is one in the other as well.
        offsets = phandle_offsets(before, name) | phandle_offsets(after, name)
        bare = bytearray(one), bytearray(two)
        for at in offsets:
            targets = [
                node.tree.by_phandle(int.from_bytes(raw[at : at + 4], "big"))
                for node, raw in ((before, one), (after, two))
            ]
            paths = [None if target is None else target.path for target in targets]
            if paths[0] != paths[1]:
                return False
            if paths[0] is not None:  # else dangling in both: the numbers are all there is
                for data in bare:
                    data[at : at + 4] = bytes(4)
        return bare[0] == bare[1]

    def text(self, node: Node, name: str) -> str:
        """Return a value as in source, phandles as the paths that they stand for."""
        if self.exact:
            return value_text(node, name, {})
        raw = node.raw(name) or b""
        shown = {}
        for offset in phandle_offsets(node, name):
            target = node.tree.by_phandle(int.from_bytes(raw[offset : offset + 4], "big"))
            if target is not None:
                shown[offset] = f"&{{{target.path}}}"
        return value_text(node, name, shown)
