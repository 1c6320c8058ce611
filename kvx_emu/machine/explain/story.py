"""What is told of a write: hops, one a line, each below what caused it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from kvx_emu.core_id import CoreId, core_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvx_emu.errors import Place


class Hop(NamedTuple):
    """One thing that happens, or why it does not.

    `depth` counts the hops that led to it; `node` is the path of the tree's node that it comes to, `place`
    where that stands and `wired` where the tree names the wire. A hop to a line of a core has these two,
    and in `verdict` what the core does about it; `text` is then what becomes of the request.
    """

    depth: int
    text: str
    node: str | None = None
    place: Place | None = None
    wired: Place | None = None
    core: CoreId | None = None
    line: int | None = None
    verdict: str = ""

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "depth": self.depth,
            "text": self.text,
            "node": self.node,
            "place": place_record(self.place),
            "wired": place_record(self.wired),
            "core": None if self.core is None else str(self.core),
            "line": self.line,
            "verdict": self.verdict or None,
        }


class Story:
    """The hops of one write, in order."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self._depth = 0

    def tell(
        self,
        text: str,
        *,
        node: str | None = None,
        place: Place | None = None,
        wired: Place | None = None,
        core: CoreId | None = None,
        line: int | None = None,
        before: int | None = None,
    ) -> None:
        """Add a hop, at the end or before that number of a hop."""
        at = len(self.hops) if before is None else before
        self.hops.insert(at, Hop(self._depth, text, node, place, wired, core, line))

    @contextmanager
    def below(self) -> Iterator[None]:
        """Let what follows be a consequence of the last hop."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def judge(self, verdicts: Mapping[tuple[CoreId, int], str]) -> None:
        """Add to each hop to a core's line what the core does about it."""
        for number, hop in enumerate(self.hops):
            if hop.core is not None and hop.line is not None:
                self.hops[number] = hop._replace(verdict=verdicts[hop.core, hop.line])

    def lines(self) -> list[str]:
        """Return the hops as text: cores that fare alike are one line."""
        lines: list[str] = []
        alike: list[Hop] = []
        for hop in self.hops:
            if alike and _alike(alike[-1], hop):
                alike.append(hop)
                continue
            lines += _text(alike)
            alike = [hop]
        return lines + _text(alike)


def place_record(place: Place | None) -> dict[str, Any] | None:
    """Return a place as JSON has it."""
    if place is None:
        return None
    return {"path": place.path, "line": place.line, "column": place.column, "offset": place.offset}


def _alike(hop: Hop, other: Hop) -> bool:
    """Whether two hops differ by their cores alone."""
    if hop.core is None or hop.core == other.core:
        return False
    same = hop._replace(core=other.core, node=other.node, place=other.place, wired=other.wired)
    return same == other and (hop.wired is None) == (other.wired is None)


def _text(alike: list[Hop]) -> list[str]:
    if not alike:
        return []
    hop = alike[0]
    indent = "  " * hop.depth
    if hop.core is None or hop.line is None:
        return [f"{indent}{hop.text}{_places(hop)}"]
    cores = core_names(sorted({each.core for each in alike if each.core is not None}))
    text = f"{indent}-> {cores} line {hop.line} (ILR bit {hop.line}): {hop.text}"
    places = _places(hop) if len(alike) == 1 else ""
    return [f"{text}; {hop.verdict}{places}" if hop.verdict else f"{text}{places}"]


def _places(hop: Hop) -> str:
    parts = [] if hop.place is None else [str(hop.place)]
    parts += [] if hop.wired is None else [f"wired at {hop.wired}"]
    return f" ({'; '.join(parts)})" if parts else ""
