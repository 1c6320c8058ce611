"""Interrupt inputs by the names that people give them: devices of the tree, inputs of controllers."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvx_emu.core_id import CoreId
    from kvx_emu.dt.tree import Node, Tree

_NAMED = 4  # of several nodes that a message names


class Input(NamedTuple):
    """Something that can be raised and lowered.

    The interrupt `number` (from 0) that the node at `path` declares; or, of a `controller`, its input
    or line `number`, for a core interrupt controller that of `cores` (ascending).
    """

    path: str
    number: int
    controller: bool = False
    cores: tuple[CoreId, ...] = ()

    def __str__(self) -> str:
        return f"{self.path} input {self.number}" if self.controller else self.path


class Mailbox(NamedTuple):
    """A mailbox of a cluster, and the address of its VALUE as all see it."""

    cluster: int
    number: int
    address: int


def find_node(tree: Tree, name: str) -> Node:
    """Return the enabled node that `name` means: a full path, a label, or a name that only one node has.

    The unit address may be left out of a name. ValueError, with the message, if there is none or several.
    """
    named = tree.node(name) if name.startswith("/") else tree.by_label.get(name)
    if named is None:
        every = [node for node in tree.nodes() if name in {node.name, node.name.partition("@")[0]}]
        exact = [node for node in every if node.name == name]
        found = exact or every
        if len(found) > 1:
            paths = ", ".join(node.path for node in found[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise ValueError(f"several nodes are called {name!r}: {paths}{more}; expected a path or a label")
        if not found:
            raise ValueError(f"the board has no node {name!r}{_nearest(tree, name)}")
        named = found[0]
    if not named.enabled:
        raise ValueError(f"{named.path} is disabled")
    return named


def _nearest(tree: Tree, name: str) -> str:
    known = {node.name for node in tree.nodes()} | set(tree.by_label) | {node.path for node in tree.nodes()}
    near = get_close_matches(name, sorted(known), n=1)
    return f"; is {near[0]!r} meant?" if near else ""
