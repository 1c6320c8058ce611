"""Macros and their definitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.dt.cpp_tokens import (
    BLANK,
    COMMENT,
    NAME,
    OP,
    PARAM,
    PASTE,
    QUOTE,
    WORD,
    Token,
    tokenize,
)

if TYPE_CHECKING:
    from kvx_emu.dt.cpp_origin import Spot

BUILT_IN = ("__BASE_FILE__", "__COUNTER__", "__FILE__", "__INCLUDE_LEVEL__", "__LINE__")
FIXED = frozenset({"defined", "__has_include", "__VA_ARGS__", *BUILT_IN})
"""Names that can be neither defined nor undefined."""

_HEAD = re.compile(rf"({WORD})(\()?")
_GAP = rf"(?:[{BLANK}\n]|{COMMENT})*+"
_PARAMETER = re.compile(rf"{_GAP}(?:({WORD}){_GAP}(\.\.\.)?|(\.\.\.)){_GAP}")
_CLOSE = re.compile(rf"{_GAP}\)")


class CppError(Exception):
    """What is wrong with a directive or a call; `code` is that of the finding to be made of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CppLimitError(CppError):
    """A limit is passed: nothing more is read."""

    def __init__(self, message: str) -> None:
        super().__init__("cpp-limit", message)


class UnclosedError(CppError):
    """The file ends within a call: nothing sound can be read after it."""

    def __init__(self, message: str) -> None:
        super().__init__("cpp-macro", message)


class Macro:
    """A macro; `params` is None for one without parentheses, `where` the place of its definition.

    `disabled` holds while its expansion is being read.
    """

    __slots__ = ("_body", "_reversed", "disabled", "name", "params", "plain", "text", "variadic", "where")

    def __init__(
        self, name: str, params: tuple[str, ...] | None, variadic: bool, text: str, where: Spot
    ) -> None:
        self.name = name
        self.params = params
        self.variadic = variadic  # the last parameter takes all further arguments
        self.text = text
        self.where = where
        self.disabled = False
        self.plain = False  # the body needs no expansion; known once it is asked for
        self._body: list[Token] | None = None
        self._reversed: list[Token] = []

    @property
    def body(self) -> list[Token]:
        """The tokens of the replacement; raises CppError when # or ## is out of place."""
        if self._body is None:
            self._body = body = self._read()
            self._reversed = body[::-1]
            self.plain = all(token.kind not in {NAME, PARAM} and not token.flags & PASTE for token in body)
        return self._body

    @property
    def reversed_body(self) -> list[Token]:
        """The body, the last token first."""
        return self._reversed if self.body else []

    def same(self, other: Macro) -> bool:
        """Whether two definitions are the same but for the amount of blank space."""
        if self.params != other.params or self.variadic != other.variadic:
            return False
        return self.text == other.text or self.body == other.body

    def _read(self) -> list[Token]:
        tokens = tokenize(self.text)
        if tokens:
            tokens[0] = tokens[0]._replace(flags=0)
        if self.params is None and "##" not in self.text:
            return tokens
        numbers = {name: str(number) for number, name in enumerate(self.params or ())}
        body: list[Token] = []
        pasting = False
        for token in tokens:
            kind, text, flags = token
            if kind == OP and text == "##":
                if not body:
                    break
                body[-1] = body[-1]._replace(flags=body[-1].flags | PASTE)
                pasting = True
                continue
            if kind == NAME and text in numbers:
                token = Token(PARAM, numbers[text], flags)  # noqa: PLW2901
                if body and body[-1][:2] == (OP, "#") and not body[-1].flags & PASTE:
                    # A # before anything else is text: it may start the name of a property.
                    token = Token(PARAM, numbers[text], body.pop().flags | QUOTE)  # noqa: PLW2901
            body.append(token)
            pasting = False
        if pasting or (tokens and not body):
            raise CppError("cpp-macro", f"'##' stands at an end of macro {self.name}: it joins two tokens")
        return body


def define(text: str, where: Spot) -> Macro:
    """Return the macro that the text after `#define` describes; raises CppError.

    `where` is the place of the name.
    """
    head = _HEAD.match(text)
    if head is None:
        raise CppError("cpp-macro", f"expected the name of a macro after #define, found {shown(text)}")
    name = head[1]
    if name in FIXED:
        raise CppError("cpp-macro", f"'{name}' cannot be defined: the preprocessor gives it a meaning")
    params: list[str] | None = None
    variadic = False
    position = head.end()
    if head[2]:
        params = []
        while True:
            match = _PARAMETER.match(text, position)
            if match is None:
                break
            position = match.end()
            variadic = bool(match[2] or match[3])
            params.append(match[1] or "__VA_ARGS__")
            if variadic or not text.startswith(",", position):
                break
            position += 1
        closed = _CLOSE.match(text, position)
        if closed is None or text[position - 1] == ",":
            found = shown(text[position:].strip())
            expected = "')'" if variadic else "a name, '...' or ')'"
            message = f"in the parameters of macro {name}: expected {expected}, found {found}"
            raise CppError("cpp-macro", message)
        position = closed.end()
        if len(set(params)) < len(params):
            twice = next(p for p in params if params.count(p) > 1)
            raise CppError("cpp-macro", f"parameter '{twice}' of macro {name} stands twice")
    macro = Macro(name, None if params is None else tuple(params), variadic, text[position:], where)
    if "##" in macro.text:
        _ = macro.body  # it may be wrong
    return macro


def shown(text: str) -> str:
    """Return what messages call a text that is out of place."""
    text = text[:40] + "..." if len(text) > 40 else text
    if not text:
        return "the end of the line"
    return f"'{text}'" if text.isprintable() else ascii(text)
