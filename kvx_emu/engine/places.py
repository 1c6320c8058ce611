"""The steps of a program by number: how a snapshot names them, wherever the script stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import Place
from kvx_emu.script.actions import Repeat

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from kvx_emu.saved import Saved, Value
    from kvx_emu.script.actions import Action

_DEPTH = 4  # of the keys of warnings: tuples of tuples
_STEP = "step"


class Places:
    """The path of each step of a program by its place, and back.

    A path is the index of each enclosing step from the top, then the step's own.
    """

    def __init__(self, steps: Sequence[Action]) -> None:
        self._paths: dict[Place, tuple[int, ...]] = {}
        self._places: dict[tuple[int, ...], Place] = {}
        self._add(steps, ())

    def _add(self, steps: Sequence[Action], within: tuple[int, ...]) -> None:
        for index, action in enumerate(steps):
            path = (*within, index)
            self._paths.setdefault(action.place, path)
            self._places[path] = action.place
            if isinstance(action, Repeat):
                self._add(action.body, path)

    def path(self, place: Place | None) -> Value:
        """Return the path of the step at a place."""
        return None if place is None else list(self._paths[place])

    def place(self, saved: Saved) -> Place | None:
        """Return the place of the step with a path."""
        return None if saved.is_none else self.step(saved)

    def step(self, saved: Saved) -> Place:
        """Return the place of the step with a path, which is not null."""
        found = self._places.get(tuple(saved.numbers()))
        if found is None:
            raise saved.wrong("the path of a step")
        return found

    def key(self, key: Hashable) -> Value:
        """Return the key of a warning as a value: places as steps, tuples as lists."""
        if isinstance(key, Place):
            return {_STEP: self.path(key)}
        if isinstance(key, tuple):
            return [self.key(part) for part in key]
        assert key is None or isinstance(key, int | str), f"the key {key!r} of a warning"
        return key

    def restored_key(self, saved: Saved, depth: int = _DEPTH) -> Hashable:
        """Return the key that such a value was made of, or one that is equal to it."""
        if isinstance(saved.value, list) and depth:
            return tuple(self.restored_key(part, depth - 1) for part in saved.items())
        if isinstance(saved.value, dict):
            return self.step(saved.record(_STEP)[0])
        if saved.value is None or isinstance(saved.value, int | str):
            return saved.value
        raise saved.wrong("the key of a warning")
