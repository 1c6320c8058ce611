"""What the rules about a tree share: what a node is, and telling what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.interrupts import interrupts
from kvx_emu.errors import ERROR, NOTE, WARNING, Finding, InputError
from kvx_emu.hw import registry
from kvx_emu.machine import known
from kvx_emu.models.core import Core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvx_emu.dt.interrupts import Interrupt
    from kvx_emu.dt.tree import Node, Tree
    from kvx_emu.errors import Place

    Report = Callable[[Finding], None]

# Every finding holds the source line it points at, and a hostile tree has a hundred thousand nodes: a bound
# in characters for the errors, and one for the rest, each of which is about a thousand findings.
_ROOM = 1 << 20
_COST = 1 << 10


class Survey:
    """One reading of one tree. What is found goes to the reader's `report`, nothing twice."""

    def __init__(self, tree: Tree, report: Report, profile: str) -> None:
        self.tree = tree
        self.profile = profile
        self._report = report
        self._told: set[Finding] = set()
        self._compatible: dict[Node, list[str]] = {}
        self._interrupts: dict[Node, tuple[list[Interrupt], list[Finding]]] = {}
        self._errors_at: set[tuple[str, Place]] = set()
        self._room = {ERROR: _ROOM, WARNING: _ROOM, NOTE: _ROOM}

    def tell(self, finding: Finding) -> None:
        """Pass a finding on, unless the same, or an error of the code there, was told before."""
        if finding in self._told or (finding.severity != ERROR and self.blamed(finding.code, finding.place)):
            return
        room = self._room[finding.severity]
        if room < 0:
            return
        self._room[finding.severity] = room = room - _COST - len(finding.place.text)
        self._told.add(finding)
        if finding.severity == ERROR:
            self._errors_at.add((finding.code, finding.place))
        self._report(finding)
        if room < 0:
            message = f"so many {finding.severity}s: the rest is left out"
            self._report(Finding(NOTE, "too-many", message, finding.place))

    def blamed(self, code: str, place: Place) -> bool:
        """Whether an error of this code was told there."""
        return (code, place) in self._errors_at

    def say(
        self,
        severity: str,
        code: str,
        message: str,
        node: Node,
        prop: str | None = None,
        place: Place | None = None,
    ) -> None:
        """Tell of something at `place`; by default at the property `prop`, or at the node without one."""
        if self._room[severity] < 0:
            return  # a place is not free: it copies the source line
        if place is None:
            place = node.place if prop is None else node.property_place(prop)
        self.tell(Finding(severity, code, message, place, node.path, prop))

    def cells(self, node: Node, name: str) -> list[int] | None:
        """Return the cells of a property, none if it is absent; None if it has none, which is told."""
        try:
            return node.cells(name)
        except InputError as error:
            self._tell_all(error)
            return None

    def compatible(self, node: Node) -> list[str]:
        """Return the strings of `compatible`; none if it is absent or holds none, which the rules tell."""
        found = self._compatible.get(node)
        if found is None:
            try:
                found = node.strings("compatible")
            except InputError:
                found = []
            self._compatible[node] = found
        return found

    def _tell_all(self, error: InputError) -> None:
        for finding in error.findings:
            self.tell(finding)

    def title(self, node: Node) -> str | None:
        """Return what the first of Kalray's strings in a node's `compatible` stands for, None without one."""
        return next((known.TITLES[text] for text in self.compatible(node) if text in known.TITLES), None)

    def interrupts(self, node: Node) -> tuple[list[Interrupt], list[Finding]]:
        """Return the interrupts of a node and what is wrong with them, which is not told yet."""
        known_ones = self._interrupts.get(node)
        if known_ones is None:
            found: list[Finding] = []
            known_ones = self._interrupts[node] = interrupts(node, found.append), found
        return known_ones

    def misread(self, entries: list[Interrupt]) -> bool:
        """Whether a controller of these has wrong #interrupt-cells, so that what follows means nothing."""
        controllers = {interrupt.controller for interrupt in entries}
        return any(
            self.blamed("intc-cells", controller.property_place("#interrupt-cells"))
            for controller in controllers
        )

    def model(self, node: Node) -> tuple[str, type] | None:
        """Return the first of a node's `compatible` that has a model, and the model."""
        return registry.find(self.compatible(node), self.profile)

    def nodes_of(self, kind: type) -> Iterator[Node]:
        """Yield the enabled nodes whose model is a `kind`, in the order of the tree."""
        for node in self.tree.nodes():
            found = self.model(node)
            if found is not None and issubclass(found[1], kind) and node.enabled:
                yield node

    def is_core_intc(self, node: Node) -> bool:
        """Whether a node says that it is the interrupt controller of a core."""
        found = self.model(node)
        return found is not None and issubclass(found[1], Core)
