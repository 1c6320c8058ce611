"""Which model stands for which `compatible` string.

Models register themselves with the decorator `model`; whoever wants a model of a block that is not
built in registers a class of its own before the board is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HARDWARE = "hardware"
"""The default profile: the models follow Kalray's own documents."""

QEMU = "qemu"
"""The profile that repeats what Kalray's QEMU does, its guesses and gaps included."""

PROFILES = (HARDWARE, QEMU)

Class = TypeVar("Class", bound=type)

_models: dict[tuple[str, str], type] = {}


def model(*compatibles: str, profile: str = HARDWARE) -> Callable[[Class], Class]:
    """Register the decorated class as the model of each of `compatibles` in `profile`.

    ValueError, and nothing is registered, if one of them has another model there.
    """

    def register(cls: Class) -> Class:
        for compatible in compatibles:
            taken = _models.get((profile, compatible), cls)
            if taken is not cls:
                raise ValueError(f"{compatible} already has the model {taken.__name__}")
        _models.update({(profile, compatible): cls for compatible in compatibles})
        return cls

    return register


def find(compatibles: Iterable[str], profile: str = HARDWARE) -> tuple[str, type] | None:
    """Return the first string of a node's `compatible` that has a model, and that model.

    A profile without a model of its own for the string uses the hardware's. None if no string has one.
    """
    for compatible in compatibles:
        cls = _models.get((profile, compatible)) or _models.get((HARDWARE, compatible))
        if cls is not None:
            return compatible, cls
    return None


def known() -> tuple[str, ...]:
    """Return every `compatible` string that has a model, sorted."""
    return tuple(sorted({compatible for _, compatible in _models}))
