"""Names of cores and lines: read without a board, then resolved against the cores that a board has."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import RM, CoreId
from kvx_emu.script.report import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

PES = 16  # processing elements of a cluster
LINES = 32  # interrupt lines of a core

_CLUSTER = r"(c(0|[1-9][0-9]{0,3})\.)?"
_PE = r"pe([0-9]|1[0-5])"
CORE_PATTERN = rf"{_CLUSTER}({_PE}|rm)"
"""What the name of one core looks like."""
PE_PATTERN = rf"{_CLUSTER}{_PE}"
"""What the name of one PE looks like."""
CORES_PATTERN = rf"{_CLUSTER}({_PE}(-([0-9]|1[0-5]))?|rm|all|pes)"
"""What a name that can stand for several cores looks like, `others` apart."""

_NAME = re.compile(
    r"(?:c(?P<cluster>0|[1-9][0-9]{0,3})\.)?"
    r"(?:pe(?P<first>0|[1-9][0-9]?)(?:-(?P<last>0|[1-9][0-9]?))?|(?P<word>rm|all|pes|others))"
)
_RANGE = re.compile(r"(0|[1-9][0-9]?)-(0|[1-9][0-9]?)")


class CoreName(NamedTuple):
    """One name: pids `first`..`last` where `word` is "", else the set `all`, `pes` or `others`.

    `cluster` is None for a set without a prefix; a core without one is of cluster 0.
    """

    text: str
    word: str
    cluster: int | None
    first: int = 0
    last: int = 0

    @property
    def single(self) -> bool:
        """Whether the name can only mean one core."""
        return not self.word and "-" not in self.text


class CoreSet(NamedTuple):
    """The names of a list, or the one name in a list's place, with their positions in the script."""

    names: tuple[CoreName, ...]
    positions: tuple[int, ...]


@lru_cache(maxsize=4096)
def parse_core(text: str) -> CoreName:
    """Return the name that `text` is; raises ValueError saying what was found and what was expected."""
    match = _NAME.fullmatch(text)
    expected = "expected pe0..pe15, rm, a range pe0-7, all, pes or others, or c2.pe3 for another cluster"
    if not match:
        raise ValueError(f"found {quote(text)}; {expected}")
    cluster = int(match["cluster"]) if match["cluster"] else None
    word = match["word"]
    if word == "others" and cluster is not None:
        raise ValueError(f"found {quote(text)}; expected `others` alone: it is about the sender's cluster")
    if word and word != "rm":
        return CoreName(text, word, cluster)
    if word:
        return CoreName(text, "", cluster or 0, RM, RM)
    first = int(match["first"])
    last = int(match["last"] or first)
    if max(first, last) >= PES:
        raise ValueError(f"found {quote(text)}; expected pe0..pe15 (the sixteenth other core is `rm`)")
    if last < first:
        raise ValueError(f"found the range {quote(text)}; expected its lower end first")
    return CoreName(text, "", cluster or 0, first, last)


def parse_lines(text: str, low: int, high: int) -> range:
    """Return the lines of the range `text`; raises ValueError where it is none within `low`..`high`."""
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError(
            f"found {quote(text)}; expected a line {low}..{high}, or a range such as {low}-{high}"
        )
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise ValueError(f"found the range {quote(text)}; expected its lower end first")
    if first < low or last > high:
        raise ValueError(f"found the range {quote(text)}; expected lines within {low}..{high}")
    return range(first, last + 1)


def line_mask(lines: Iterable[int]) -> int:
    """Return the 32-bit mask of `lines`."""
    mask = 0
    for line in lines:
        mask |= 1 << line
    return mask


class Cores:
    """The cores of a board, and what names mean on it."""

    def __init__(self, cores: Iterable[CoreId]) -> None:
        self.all = tuple(sorted(cores))
        self.by_cluster: dict[int, tuple[CoreId, ...]] = {}
        for core in self.all:
            self.by_cluster[core.cluster] = (*self.by_cluster.get(core.cluster, ()), core)
        self._known = frozenset(self.all)

    def resolve(
        self, name: CoreName, sender: CoreId | None = None, *, local: bool = False
    ) -> tuple[CoreId, ...]:
        """Return the cores that `name` means, ascending; a set may mean none.

        `sender` is the core that `others` leaves out; with `local` a set without a cluster means the
        sender's own cluster, else the whole board. Raises ValueError, with the message, where the
        board lacks a core or a cluster that is named.
        """
        if not name.word:
            assert name.cluster is not None
            cores = tuple(CoreId(name.cluster, pid) for pid in range(name.first, name.last + 1))
            for core in cores:
                if core not in self._known:
                    raise ValueError(self._lacks(core, name))
            return cores
        if name.cluster is not None:
            scope = self.by_cluster.get(name.cluster, ())
            if not scope:
                clusters = ", ".join(str(cluster) for cluster in self.by_cluster)
                raise ValueError(
                    f"{quote(name.text)}: the board has no cluster {name.cluster}; it has {clusters}"
                )
        elif local and sender is not None:
            scope = self.by_cluster.get(sender.cluster, ())
        else:
            scope = self.all
        if name.word == "pes":
            return tuple(core for core in scope if core.pid != RM)
        if name.word == "others":
            return tuple(core for core in scope if core != sender)
        return scope

    def _lacks(self, core: CoreId, name: CoreName) -> str:
        """Return the message that the board has no `core`, with the nearest that it has."""
        where = "" if name.single else f" of {quote(name.text)}"
        if not self.all:
            return f"the board has no core {core}{where}; it has no core at all"
        near = min(self.all, key=lambda known: (abs(known.cluster - core.cluster), abs(known.pid - core.pid)))
        return f"the board has no core {core}{where}; the nearest that it has is {near}"
