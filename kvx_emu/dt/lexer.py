"""The words of .dts source: one token after the other, in the three states that dtc's lexer has.

Between braces a run of name characters is a name (`#address-cells`, `cpu@0`, `123`); within a value the
same characters are numbers and operators, between brackets they are bytes. Which state holds is the
parser's to know, so it says it with each token that it asks for.
"""

from __future__ import annotations

import re

# Blank space and comments. Atomic: what has been skipped is never tried in another way.
_SKIP = r"(?>[ \t\r\n\f\v]+|//[^\n]*|/\*(?s:.*?)\*/)*+"
_LABEL = r"(?P<label>[A-Za-z_]\w*:)"
_REFERENCE = r"(?P<reference>&(?:[A-Za-z_]\w*|\{(?:[A-Za-z_]\w*)?/[\w,.+*#?@/-]*\}))"
_DIRECTIVE = r"(?P<directive>/[a-z][a-z0-9-]*/)"
_REST = r"(?P<mark>(?s:.))|(?P<end>\Z)"

_IN_BRACES = re.compile(
    rf"{_SKIP}(?:{_LABEL}|(?P<name>\\?[\w,.+*#?@-]+)|{_REFERENCE}|{_DIRECTIVE}|{_REST})", re.ASCII
)
_IN_VALUE = re.compile(
    # A suffix ends a literal: as in dtc, 1L2 are two.
    rf"{_SKIP}(?:(?P<number>(?:0[xX][0-9a-fA-F]++|[0-9]++)(?:(?:U?L?L|U)(?![A-Za-z_])|(?!\w)))|{_REFERENCE}"
    r'|(?P<string>"[^"\\]*+(?:\\[^\n][^"\\]*+)*+")'
    rf"|{_LABEL}|(?P<word>\w+)|(?P<char>'(?:\\'|[^'])*')|{_DIRECTIVE}"
    rf"|(?P<operator><<|>>|<=|>=|==|!=|&&|\|\|)|{_REST})",
    re.ASCII,
)

_IN_BYTES = re.compile(rf"{_SKIP}(?:{_LABEL}|(?P<byte>[0-9a-fA-F]{{2}})|{_REST})", re.ASCII)
_WORD = re.compile(r"\w*", re.ASCII)

_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_DIGITS = {8: "01234567", 10: "0123456789", 16: "0123456789abcdefABCDEF"}
_MAX_DIGITS = 22  # 2^64 - 1 in octal; more would be slow, and int() has a limit of its own
_TOO_LARGE = 1 << 88


class Lexer:
    """A cursor over a text: `kind`, `text`, `start` and `end` are those of the token it stands on.

    `kind` is the name of a group of the patterns above. `previous` is where the token before ended.
    """

    __slots__ = ("end", "kind", "previous", "source", "start", "text")

    def __init__(self, source: str) -> None:
        self.source = source
        self.kind = "mark"
        self.text = ""
        self.start = self.end = self.previous = 0

    def in_braces(self) -> None:
        """Go to the next token, where a name may stand."""
        self._next(_IN_BRACES)

    def in_value(self) -> None:
        """Go to the next token, after a name or within a value."""
        self._next(_IN_VALUE)

    def in_bytes(self) -> None:
        """Go to the next token of a byte string; what is wrong there is a mark."""
        self._next(_IN_BYTES)

    def whole_word(self) -> None:
        """Make the present token all the letters and digits around it, for a message."""
        while self.source[self.start - 1].isalnum():
            self.start -= 1
        match = _WORD.match(self.source, self.start)
        assert match is not None
        self.text, self.end = match[0], match.end()

    def again_in_value(self) -> None:
        """Read the present token again, as one of a value."""
        self.end = self.start
        self._next(_IN_VALUE)

    def again_in_braces(self) -> None:
        """Read the present token again, as one between braces."""
        self.end = self.start
        self._next(_IN_BRACES)

    def _next(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.source, self.end)
        assert match is not None  # every character is at least a mark
        self.kind = kind = match.lastgroup or "end"
        self.previous = self.end
        self.start, self.end = match.span(kind)
        self.text = match[kind]


def integer(text: str) -> int | None:
    """Return the value of an integer literal as C writes them, or None if `text` is none.

    What does not fit 64 bits is returned as some number that does not either.
    """
    digits = text
    for suffix in ("ULL", "LL", "UL", "U", "L"):
        if text.endswith(suffix):
            digits = text[: -len(suffix)]
            break
    base = 10
    if digits[:2] in ("0x", "0X"):
        base, digits = 16, digits[2:]
    elif digits[:1] == "0":
        base = 8
    if not digits or digits.strip(_DIGITS[base]):
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits, base) if len(digits) <= _MAX_DIGITS else _TOO_LARGE


def unescape(text: str) -> bytes | None:
    r"""Return the bytes between the quotes of a literal, or None for a `\x` without hexadecimal digits."""
    data = text.encode("utf-8", "surrogateescape")
    if b"\\" not in data:
        return data
    bad = False

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal bad
        escape = match[1]
        if escape[:1] == b"x":
            bad = bad or len(escape) == 1
            return bytes((int(escape[1:] or b"0", 16),))
        if escape.isdigit() and escape[0] < ord("8"):
            return bytes((int(escape, 8) & 0xFF,))
        return _ESCAPES.get(escape, escape)

    result = re.sub(rb"(?s)\\(x[0-9a-fA-F]{0,2}|[0-7]{1,3}|.)", replace, data)
    return None if bad else result
