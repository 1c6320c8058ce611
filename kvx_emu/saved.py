"""Values that a snapshot holds, checked one by one while they are taken from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from kvx_emu.core_id import CoreId

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

Value: TypeAlias = "bool | int | str | Sequence[Value] | Mapping[str, Value] | None"
"""What JSON can hold, but for fractions."""

NUMBERS = 1 << 64
"""Where numbers end that have no closer bound: the widest register."""

_SHOWN = 40  # characters of a wrong value


class Saved:
    """A value that was saved, and its `name` in the snapshot. What is not as asked for is a ValueError."""

    __slots__ = ("name", "value")

    def __init__(self, value: object, name: str) -> None:
        self.value = value
        self.name = name

    def wrong(self, expected: str) -> ValueError:
        """Return the error to raise about this value."""
        if isinstance(self.value, dict):
            found = "an object"
        elif isinstance(self.value, list):
            found = f"a list of {len(self.value)}"
        else:
            text = json.dumps(self.value)
            found = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        return ValueError(f"{self.name}: expected {expected}, found {found}")

    @property
    def is_none(self) -> bool:
        """Whether it is null."""
        return self.value is None

    def table(self) -> dict[str, Saved]:
        """Return the values of an object, whatever its keys."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return {key: Saved(value, f"{self.name}.{key}") for key, value in self.value.items()}

    def record(self, *names: str) -> list[Saved]:
        """Return the values of an object that has these keys and no other, in this order."""
        table = self.table()
        if set(table) != set(names):
            raise ValueError(
                f"{self.name}: expected {', '.join(sorted(names))}, found {', '.join(sorted(table))}"
            )
        return [table[name] for name in names]

    def each(self, known: Mapping[str, object]) -> list[Saved]:
        """Return the values of an object that has exactly the keys of `known`, in the order there."""
        return self.record(*known)

    def items(self, count: int | None = None) -> list[Saved]:
        """Return the values of a list, of `count` of them if that is given."""
        if not isinstance(self.value, list) or (count is not None and len(self.value) != count):
            raise self.wrong("a list" if count is None else f"a list of {count}")
        return [Saved(value, f"{self.name}[{index}]") for index, value in enumerate(self.value)]

    def number(self, below: int = NUMBERS, least: int = 0) -> int:
        """Return a whole number of `least` to `below` - 1."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong("a whole number")
        if not least <= self.value < below:
            raise self.wrong(f"{least}..{below - 1:#x}")
        return self.value

    def number_or_none(self, below: int = NUMBERS, least: int = 0) -> int | None:
        """Return such a number, None for null."""
        return None if self.is_none else self.number(below, least)

    def numbers(self) -> list[int]:
        """Return a list of whole numbers."""
        return [item.number() for item in self.items()]

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        return self.value

    def core(self, known: Container[CoreId]) -> CoreId:
        """Return a core, saved as cluster and pid, that is one of `known`."""
        core = CoreId(*(item.number() for item in self.items(2)))
        if core not in known:
            raise self.wrong("a core of the board")
        return core


def canonical(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
