"""What a script is made of before it means anything: scalars, sequences and mappings with their positions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias

TOO_LONG = 10**100  # stands for every integer of more digits: out of any range, and cheap to compare
_LONGEST_NUMBER = 100  # characters


class _Refused:
    """The type of REFUSED."""


REFUSED: Final = _Refused()
"""The value of a scalar that was already told to be wrong: nobody tells it again."""

Value: TypeAlias = bool | int | float | str | _Refused | None


class Scalar:
    """A single value: its text, and what YAML 1.2 takes it for (`value`)."""

    __slots__ = ("position", "text", "value")

    def __init__(self, position: int, text: str, value: Value) -> None:
        self.position = position
        self.text = text
        self.value = value


class Sequence:
    """A list."""

    __slots__ = ("items", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.items: list[Node] = []


class Mapping:
    """A mapping in the order of the text: `entries[key]` is the key's own position and the value."""

    __slots__ = ("entries", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.entries: dict[str, tuple[int, Node]] = {}


Node: TypeAlias = Scalar | Sequence | Mapping

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS: dict[str, Value] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)


@lru_cache(maxsize=1 << 16)
def resolve(text: str) -> Value:
    """Return what the core schema of YAML 1.2 takes the plain scalar `text` for.

    So `on` and `12:30` are text, `010` is 10, `0x20` 32, `0o17` 15 and `1e3` a float.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not text.isascii():
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST_NUMBER:
            return -TOO_LONG if text[0] == "-" else TOO_LONG
        return int(text)
    for pattern, base in ((_HEXADECIMAL, 16), (_OCTAL, 8)):
        if pattern.fullmatch(text):
            return int(text, base) if len(text) <= _LONGEST_NUMBER else TOO_LONG
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))  # Python writes no dot
    return text
