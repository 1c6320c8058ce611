"""The words of the preprocessor: tokens, how text falls into them, and when a space must part two.

The rules are those of GNU cpp for `-x assembler-with-cpp`, as Linux preprocesses its trees: a quote that
is not closed on its line makes the rest of the line one token, and `$` is no letter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

# Kinds of tokens; the first six are the numbers of the groups in TOKEN.
NAME = 2
NUMBER = 3
STRING = 4  # a string or a character literal
OTHER = 5  # what no token starts with, and an open quote to the end of its line
OP = 6
PARAM = 7  # in a macro's body: the text is the number of the parameter
PAD = 8  # no text: here an expansion starts or ends, so that tokens do not run together

# Flags of tokens
WHITE = 1  # blank space stands before it
PASTE = 2  # ## stands after it
FINAL = 4  # a name that is never to be expanded again
QUOTE = 8  # a PARAM with # before it
BARE = 16  # a PAD that tells nothing about blank space

BLANK = r" \t\r\f\v"
BLOCK = r"/\*(?s:.*?)\*/"
COMMENT = rf"{BLOCK}|//[^\n]*+"
WORD = r"[A-Za-z_][A-Za-z_0-9]*+"
DIGITS = r"\.?[0-9](?:[eEpP][+-]|[A-Za-z_0-9.])*+"
CLOSED = r'"(?:[^"\\\n]|\\.)*+"|' + r"'(?:[^'\\\n]|\\.)*+'"
OPEN = r"[\"'][^\n]*+"
_OPERATORS = r"<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|##|&&|\|\||[-+*/%&|^<>=!]=|[-+*/%&|^<>=!~?:;,.#()\[\]{}]"

# Group 1 is the blank space before, the number of the last group the kind. To be matched, not searched for:
# blank space at the end of a text is no match.
TOKEN = re.compile(
    rf"((?:[{BLANK}\n]++|{COMMENT})*+)(?:({WORD})|({DIGITS})|({CLOSED})|({OPEN}|[^\n-~]|[$@`\\\x0b-\x1f])|({_OPERATORS}))"
)


class Token(NamedTuple):
    """A token; `flags` are as above."""

    kind: int
    text: str
    flags: int = 0


END_PAD = Token(PAD, "", BARE)
COMMA = Token(OP, ",")


def tokenize(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """Return the tokens of a part of a text, comments as blank space; of that only the flag is left."""
    tokens = []
    end = len(text) if end is None else end
    while (match := TOKEN.match(text, start, end)) is not None:
        kind = match.lastindex
        assert kind is not None
        tokens.append(Token(kind, match[kind], WHITE if match[1] else 0))
        start = match.end()
    return tokens


def paste(left: Token, right: Token) -> Token | None:
    """Return the token that two make when written without a space, or None if that is none."""
    text = left.text + right.text
    match = TOKEN.fullmatch(text)
    if match is None or match[1]:
        return None
    kind = match.lastindex
    assert kind is not None
    return Token(kind, text, left.flags & WHITE)


# With = behind them these are other operators.
_EQUAL = frozenset(["=", "!", ">", "<", "+", "-", "*", "/", "%", "&", "|", "^", ">>", "<<"])
_FOLLOW = {
    ">": ">",
    "<": "<%:",
    "+": "+",
    "-": "->",
    "/": "/*",
    "%": ":%",
    "&": "&",
    "|": "|",
    ":": ":>",
    "->": "*",
    ".": ".%",
    "#": "#%",
}


def clash(left: Token, right: Token) -> bool:
    """Whether two tokens from different places would read as one without a space (cpp_avoid_paste)."""
    kind, first = right.kind, right.text[0] if right.kind == OP else ""
    if left.kind == OP:
        if first == "=" and left.text in _EQUAL:
            return True
        return (bool(first) and first in _FOLLOW.get(left.text, "")) or (left.text == "." and kind == NUMBER)
    if left.kind == NAME:
        return kind in {NAME, STRING} or (kind == NUMBER and "." not in right.text)
    if left.kind == NUMBER:
        character = kind == STRING and right.text[0] == "'"
        return kind in {NUMBER, NAME} or character or first in {".", "+", "-"}
    return left.kind == OTHER and left.text[0] == "\\" and kind == NAME


class Rendered(NamedTuple):
    """The text of an expansion, and what decides whether its neighbours need a space."""

    text: str
    first: Token | None  # None if the expansion is empty
    last: Token | None
    lead: bool  # whether a space belongs before the first token
    trail: bool  # and one after the last, whatever follows


def render(tokens: Iterable[Token]) -> Rendered:
    """Return the text of expanded tokens, with spaces where GNU cpp writes them."""
    parts: list[str] = []
    first: Token | None = None
    previous: Token | None = None
    lead = False
    avoid = True
    source: int | None = 0  # the flags of the token whose blank space counts; None: those of the next one
    for token in tokens:
        kind, text, flags = token
        if kind == PAD:
            avoid = True
            if source is None or (flags & BARE and not source & WHITE):
                source = None if flags & BARE else flags
            continue
        if avoid:
            space = (flags if source is None else source) & WHITE or (previous and clash(previous, token))
        else:
            space = flags & WHITE
        if previous is None:
            first, lead = token, bool(space)
        elif space:
            parts.append(" ")
        parts.append(text)
        previous, avoid, source = token, False, None
    trail = avoid and source is not None and bool(source & WHITE)
    return Rendered("".join(parts), first, previous, lead, trail)


def stringify(tokens: list[Token]) -> Token:
    """Return the string literal that `#` makes of an argument."""
    parts: list[str] = []
    source: int | None = None
    for kind, text, flags in tokens:
        if kind == PAD:
            if source is None or (flags & BARE and not source & WHITE):
                source = None if flags & BARE else flags
            continue
        if parts and (flags if source is None else source) & WHITE:
            parts.append(" ")
        source = None
        parts.append(text.replace("\\", "\\\\").replace('"', '\\"') if kind == STRING else text)
    text = "".join(parts)
    if (len(text) - len(text.rstrip("\\"))) % 2:
        text = text[:-1]  # it would make the closing quote a part of the string
    return Token(STRING, f'"{text}"')
