"""The expressions of `#if`: integers of 64 bits, as C has them (intmax_t and uintmax_t)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.dt.cpp_macros import CppError, shown
from kvx_emu.dt.cpp_tokens import NAME, NUMBER, STRING

if TYPE_CHECKING:
    from kvx_emu.dt.cpp_tokens import Token

_NEST = 64  # parentheses and ?: within one another: keeps the evaluation off the stack limit
_TOKENS = 5000
_MASK = (1 << 64) - 1
_TOP = 1 << 63

_INTEGER = re.compile(
    r"(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|(0[0-7]*)|([1-9][0-9]*))([uU]?)(?:l|L|ll|LL)?([uU]?)"
)
_BASES = (16, 2, 8, 10)
_MAX_DIGITS = 64  # of the largest number, in base 2
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]+)|([0-7]{1,3})|(.))|([^\\])")
_LETTERS = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "e": 27, "E": 27}

_LEVELS = {
    "||": 1,
    "&&": 2,
    "|": 3,
    "^": 4,
    "&": 5,
    "==": 6,
    "!=": 6,
    "<": 7,
    ">": 7,
    "<=": 7,
    ">=": 7,
    "<<": 8,
    ">>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
}
_LOGICAL = frozenset({"||", "&&", "==", "!=", "<", ">", "<=", ">="})

Value = tuple[int, bool]  # 0 <= n < 2^64, and whether it is unsigned


def evaluate(tokens: list[Token]) -> bool:
    """Return whether the expression of a condition holds; raises CppError.

    The tokens are expanded, without pads; `defined` and `__has_include` are numbers already.
    """
    parser = _Parser(tokens)
    if len(tokens) > _TOKENS:
        raise CppError("cpp-limit", f"the condition has more than {_TOKENS} tokens")
    if not tokens:
        raise CppError("cpp-condition", "expected an expression, found the end of the line")
    value = parser.comma(True)
    if parser.index < len(tokens):
        raise parser.unexpected("an operator")
    return value[0] != 0


class _Parser:
    """A cursor over the tokens; `live` tells each rule whether its value counts (else 1/0 is fine)."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0

    @property
    def text(self) -> str:
        return self.tokens[self.index].text if self.index < len(self.tokens) else ""

    def unexpected(self, expected: str) -> CppError:
        found = shown(self.text)
        hint = ""
        if self.text == "(" and self.index and self.tokens[self.index - 1].kind == NAME:
            hint = f": is macro {self.tokens[self.index - 1].text} not defined?"
        return CppError("cpp-condition", f"in the condition: expected {expected}, found {found}{hint}")

    def comma(self, live: bool) -> Value:
        value = self.choice(live)
        while self.text == ",":
            self.index += 1
            value = self.choice(live)
        return value

    def choice(self, live: bool) -> Value:
        self.depth += 1
        if self.depth > _NEST:
            raise CppError("cpp-limit", f"the condition is nested more than {_NEST} deep")
        value = self.binary(live)
        if self.text == "?":
            self.index += 1
            yes = self.comma(live and value[0] != 0)
            if self.text != ":":
                raise self.unexpected("':' of the '?'")
            self.index += 1
            no = self.choice(live and value[0] == 0)
            value = (yes if value[0] else no)[0], yes[1] or no[1]
        self.depth -= 1
        return value

    def binary(self, live: bool) -> Value:
        """Read operands and operators of two sides, those of higher levels first."""
        values = [self.unary(live)]
        pending: list[tuple[str, bool]] = []  # operators, and whether what stands left of them counts
        while (level := _LEVELS.get(self.text)) is not None:
            while pending and _LEVELS[pending[-1][0]] >= level:
                live = self.reduce(values, pending)
            operator = self.text
            self.index += 1
            pending.append((operator, live))
            if operator in {"&&", "||"}:
                live = live and (values[-1][0] != 0) == (operator == "&&")
            values.append(self.unary(live))
        while pending:
            live = self.reduce(values, pending)
        return values[0]

    def reduce(self, values: list[Value], pending: list[tuple[str, bool]]) -> bool:
        operator, live = pending.pop()
        right, left = values.pop(), values.pop()
        values.append(_apply(operator, left, right, live))
        return live

    def unary(self, live: bool) -> Value:
        operators = []
        while self.text in {"!", "~", "-", "+"} and self.text:
            operators.append(self.text)
            self.index += 1
        number, unsigned = self.operand(live)
        for operator in reversed(operators):
            if operator == "!":
                number, unsigned = int(not number), False
            elif operator == "~":
                number ^= _MASK
            elif operator == "-":
                number = -number & _MASK
        return number, unsigned

    def operand(self, live: bool) -> Value:
        if self.index >= len(self.tokens):
            raise self.unexpected("a value")
        token = self.tokens[self.index]
        if token.text == "(":
            self.index += 1
            value = self.comma(live)
            if self.text != ")":
                raise self.unexpected("')'")
            self.index += 1
            return value
        if token.kind == NUMBER:
            value = _integer(token.text)
        elif token.kind == NAME:
            value = 0, False  # a name that is no macro
        elif token.kind == STRING and token.text[0] == "'":
            value = _character(token.text), False
        else:
            raise self.unexpected("a value")
        self.index += 1
        return value


def _apply(operator: str, left: Value, right: Value, live: bool) -> Value:
    unsigned = left[1] or right[1]
    if operator in {"<<", ">>"}:
        return _shift(left, right, operator == "<<"), left[1]
    if operator == "||":
        return int(bool(left[0] or right[0])), False
    if operator == "&&":
        return int(bool(left[0] and right[0])), False
    a, b = (left[0], right[0]) if unsigned else (_signed(left[0]), _signed(right[0]))
    if operator in {"/", "%"}:
        if not b:
            if live:
                raise CppError("cpp-condition", "division by zero in the condition")
            return 0, unsigned
        quotient = abs(a) // abs(b)
        if (a < 0) != (b < 0):
            quotient = -quotient  # towards zero, as C divides
        return (quotient if operator == "/" else a - quotient * b) & _MASK, unsigned
    return _OPERATIONS[operator](a, b) & _MASK, unsigned and operator not in _LOGICAL


_OPERATIONS = {
    "|": int.__or__,
    "^": int.__xor__,
    "&": int.__and__,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
}


def _signed(number: int) -> int:
    return number - (1 << 64) if number & _TOP else number


def _shift(left: Value, right: Value, up: bool) -> int:
    """Shift as cpp does: a negative count shifts the other way, a large one shifts all out."""
    number, count = left[0] if left[1] else _signed(left[0]), right[0] if right[1] else _signed(right[0])
    if count < 0:
        up, count = not up, -count
    count = min(count, 64)
    return (number << count if up else number >> count) & _MASK


def _integer(text: str) -> Value:
    match = _INTEGER.fullmatch(text)
    if match is None or (match[5] and match[6]):
        raise CppError("cpp-condition", f"in the condition: {shown(text)} is no integer")
    base, digits = next((b, d) for b, d in zip(_BASES, match.groups(), strict=False) if d)
    digits = digits.lstrip("0") or "0"
    number = int(digits, base) if len(digits) <= _MAX_DIGITS else _MASK + 1
    if number > _MASK:
        raise CppError("cpp-condition", f"in the condition: {shown(text)} does not fit 64 bits")
    # What does not fit a signed number is unsigned, in every base (cpp warns of the decimal ones).
    return number, bool(match[5] or match[6]) or number >= _TOP


def _character(text: str) -> int:
    """Return the value of a character literal: of several characters, the last four bytes."""
    number = count = 0
    for match in _ESCAPE.finditer(text[1:-1]):
        if match[1]:
            codes = [int(match[1][-8:], 16) & 0xFF]
        elif match[2]:
            codes = [int(match[2], 8) & 0xFF]
        elif match[3]:
            codes = [_LETTERS.get(match[3], ord(match[3]) & 0xFF)]
        else:
            codes = [*match[4].encode("utf-8", "surrogateescape")]
        for code in codes:
            number, count = (number << 8 | code) & 0xFFFFFFFF, count + 1
    if not count:
        raise CppError("cpp-condition", "in the condition: empty character literal")
    # `char` is signed, and so is the int that a literal of several characters has.
    width = 8 if count == 1 else 32
    return (number - (1 << width) if number >> (width - 1) else number) & _MASK
