"""Integer expressions of .dts source: dtc's operators and precedence, in unsigned arithmetic of 64 bits."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.dt.lexer import integer, unescape
from kvx_emu.dt.reader import Reader, Skip

if TYPE_CHECKING:
    from collections.abc import Callable

_ALL_ONES = (1 << 64) - 1
_MAX_TOKENS = 5000  # in one expression: what macros of real headers make has under 100

_OPEN, _QUESTION, _COLON, _UNARY = 0, 0, 1, 12  # precedence; binary operators have those between


def _shift(left: int, right: int, by: Callable[[int, int], int]) -> int:
    # Not shifted at all from 64 on: the result would fill the memory before it is cut.
    return by(left, right) if right < 64 else 0


_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "||": (2, lambda a, b: bool(a or b)),
    "&&": (3, lambda a, b: bool(a and b)),
    "|": (4, operator.or_),
    "^": (5, operator.xor),
    "&": (6, operator.and_),
    "==": (7, operator.eq),
    "!=": (7, operator.ne),
    "<": (8, operator.lt),
    ">": (8, operator.gt),
    "<=": (8, operator.le),
    ">=": (8, operator.ge),
    "<<": (9, lambda a, b: _shift(a, b, operator.lshift)),
    ">>": (9, lambda a, b: _shift(a, b, operator.rshift)),
    "+": (10, operator.add),
    "-": (10, operator.sub),
    "*": (11, operator.mul),
    "/": (11, operator.floordiv),
    "%": (11, operator.mod),
}
_PREFIX: dict[str, Callable[[int], int]] = {"-": operator.neg, "~": operator.inv, "!": operator.not_}


class _Pending(NamedTuple):
    """An operator whose right side is still being read."""

    precedence: int
    text: str
    position: int
    prefix: bool = False


class Expressions(Reader):
    """Reads integers: a literal, a character, or an expression in parentheses."""

    def integer(self, expected: str) -> int:
        """Return the present integer, cut to 64 bits; ends on its last token."""
        lexer = self.lexer
        if lexer.kind == "number" or (lexer.kind == "word" and lexer.text[0].isdigit()):
            return self.number()
        if lexer.kind == "char":
            return self.character()
        if lexer.text != "(":
            self.fail(expected, "; is a header missing? (-I)" if lexer.kind == "word" else "")
        return self.expression()

    def expression(self) -> int:
        """Return the value of the expression that the present `(` opens; ends on its `)`.

        Two stacks instead of recursion: a hostile expression may be nested as deep as it is long.
        """
        lexer = self.lexer
        start = lexer.start
        values: list[int] = []
        pending = [_Pending(_OPEN, "(", start)]
        for _ in range(_MAX_TOKENS):
            lexer.in_value()
            text = lexer.text
            if lexer.kind in ("mark", "operator") and text in _PREFIX:
                pending.append(_Pending(_UNARY, text, lexer.start, prefix=True))
            elif text == "(":
                pending.append(_Pending(_OPEN, text, lexer.start))
            else:
                values.append(self.integer("a number or '('"))
                if self.after_operand(values, pending):
                    return values[0]
        self.error("limit", f"an expression has more than {_MAX_TOKENS} operands and operators", start)
        raise Skip

    def after_operand(self, values: list[int], pending: list[_Pending]) -> bool:
        """Read closing parentheses and the operator after an operand; whether the expression ends there."""
        lexer = self.lexer
        while True:
            lexer.in_value()
            text = lexer.text
            if text == ")":
                self.apply(values, pending, _COLON)
                if pending[-1].text != "(":
                    self.fail("':' for the '?' before")
                pending.pop()
                if not pending:
                    return True
            elif text == "?":
                self.apply(values, pending, _COLON + 1)
                pending.append(_Pending(_QUESTION, text, lexer.start))
                return False
            elif text == ":" and any(each.text == "?" for each in pending):
                self.apply(values, pending, _COLON)
                if pending[-1].text != "?":
                    self.fail("')'")
                pending[-1] = _Pending(_COLON, text, lexer.start)
                return False
            elif text in _BINARY and lexer.kind in ("mark", "operator"):
                precedence, _ = _BINARY[text]
                self.apply(values, pending, precedence)
                pending.append(_Pending(precedence, text, lexer.start))
                return False
            else:
                self.fail("an operator or ')'")

    def apply(self, values: list[int], pending: list[_Pending], least: int) -> None:
        """Compute what binds at least as tight as `least`, from the right."""
        while pending[-1].precedence >= least:
            _, text, position, prefix = pending.pop()
            right = values.pop()
            if prefix:
                result = _PREFIX[text](right)
            elif text == ":":
                middle, condition = values.pop(), values.pop()
                result = middle if condition else right
            elif text in "/%" and right == 0:
                self.error("number", f"division by zero ('{text}')", position)
                result = values.pop()
            else:
                result = _BINARY[text][1](values.pop(), right)
            values.append(result & _ALL_ONES)

    # -- literals -------------------------------------------------------------------------------------

    def number(self, bits: int = 64) -> int:
        """Return the value of the present literal; 0 when it is wrong, which is reported.

        `bits` are those that there is room for, if it is larger than any number.
        """
        lexer = self.lexer
        number = integer(lexer.text)
        if number is None:
            self.error("number", f"bad number {self.found()}", lexer.start)
            return 0
        if number > _ALL_ONES:
            self.error("number", f"{self.found()} does not fit {bits} bits", lexer.start)
            return 0
        return number

    def character(self) -> int:
        """Return the byte that the present character literal is; 0 when it is wrong, which is reported."""
        data = self.literal()
        if len(data) != 1:
            message = f"expected one byte in a character literal, found {len(data)}"
            self.error("number", message, self.lexer.start)
            return 0
        return data[0]

    def literal(self) -> bytes:
        """Return the bytes of the present string or character."""
        data = unescape(self.lexer.text[1:-1])
        if data is None:
            self.error("string", r"expected hexadecimal digits after \x", self.lexer.start)
            return b"?"
        return data
