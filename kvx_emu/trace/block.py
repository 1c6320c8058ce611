"""Rows that are kept together and can be filtered, counted and written together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kvx_emu.trace.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.row import Key


class Block(Sequence[Row]):
    """A sequence of rows that does itself, faster, what else is done row by row; the results are the same.

    The one there is, `Columns`, needs numpy, which takes longer to import than a small run; so who takes
    rows asks for this class.
    """

    __slots__ = ()

    @abstractmethod
    def where(
        self,
        *,
        cores: Collection[CoreId] | None = None,
        lines: Collection[int] | None = None,
        events: Collection[str] | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> Block:
        """Return the rows of these cores, lines, events and ticks (both ends included); None is all."""

    @abstractmethod
    def counts(self) -> dict[Key, int]:
        """Return how many rows there are of each key."""

    @abstractmethod
    def lines(self, form: Callable[[Iterable[Row]], str]) -> str:
        """Return what `form` makes of the rows: a line of ASCII a row, each field in one place."""
