"""The ground the parser of .dts source stands on: the token at hand, what is wrong, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from kvx_emu.dt.lexer import Lexer

if TYPE_CHECKING:
    from kvx_emu.dt.draft import Draft
    from kvx_emu.dt.findings import Findings
    from kvx_emu.dt.include import Text
    from kvx_emu.limits import Limits

_CPP_WORDS = ("include", "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "error")
_CPP_LINES = frozenset(["#", "#warning", "#pragma", "#line", *["#" + word for word in _CPP_WORDS]])


class Skip(Exception):  # noqa: N818 - a jump, not an error
    """A statement can not be understood; that is reported already."""


class Stop(Exception):  # noqa: N818
    """Nothing sound can be read after this; that is reported already."""


class Reader:
    """A cursor over source text that reports errors in the context of the open node and property."""

    def __init__(self, source: Text, limits: Limits, findings: Findings) -> None:
        self.source = source
        self.limits = limits
        self.findings = findings
        self.lexer = Lexer(source.text)
        self.node: Draft | None = None  # the node whose braces are open
        self.property: str | None = None  # the property that is being read
        self.lost = False  # something that may hold labels was left out
        self.last_string = (0, 0)  # start and end of the last string

    def error(self, code: str, message: str, position: int) -> None:
        """Report an error."""
        node = self.node.path if self.node else None
        self.findings.error(code, message, self.source.place(position), node, self.property)

    def found(self) -> str:
        """Return what messages call the present token."""
        text = self.lexer.text
        if self.lexer.kind == "end":
            return "the end of the file"
        if len(text) > 40:
            text = text[:40] + "..."
        return f"'{text}'" if text.isprintable() else ascii(text)

    def fail(self, expected: str, hint: str = "") -> NoReturn:
        """Report that something else was expected than the present token, and leave the statement."""
        lexer = self.lexer
        self.check_closed()
        position = lexer.start
        if expected.startswith("';'") and "\n" in lexer.source[lexer.previous : position]:
            position = lexer.previous  # the line that lacks it says more than the one after
        if lexer.text in _CPP_LINES and self.first_on_line():
            hint = "; a file of /include/ is not preprocessed, one of #include is"
        self.error("syntax", f"expected {expected}, found {self.found()}{hint}", position)
        raise Skip

    def check_closed(self) -> None:
        """Stop at a comment or a string that is never closed: all after it was read inside out."""
        lexer = self.lexer
        start, end = self.last_string
        if end == lexer.previous and "\n" in lexer.source[start:end] and lexer.kind != "end":
            line = self.source.place(end).line
            message = f"this string goes on to line {line}, where {self.found()} follows: is a '\"' missing?"
            self.error("string", message, start)
            raise Stop
        if lexer.kind == "mark" and lexer.source.startswith("/*", lexer.start):
            self.error("comment", "this comment is never closed: expected '*/'", lexer.start)
            raise Stop
        if lexer.kind == "mark" and lexer.text in "\"'":
            what = "string" if lexer.text == '"' else "character literal"
            self.error("string", f"this {what} is never closed: expected another {lexer.text}", lexer.start)
            raise Stop

    def first_on_line(self) -> bool:
        """Whether only blank space stands before the present token on its line."""
        text, start = self.lexer.source, self.lexer.start
        return not text[text.rfind("\n", 0, start) + 1 : start].strip(" \t")

    def recover(self) -> None:
        """Go to where the next statement of the open node starts, after one that was not understood."""
        lexer = self.lexer
        self.property = None
        depth = 0
        lexer.again_in_value()
        while lexer.kind != "end":
            text = lexer.text
            if text == "{":
                depth += 1
                self.lost = True
            elif text == "}" and depth == 0:
                lexer.again_in_braces()
                return
            elif text == "}":
                depth -= 1
            elif text == ";" and depth == 0:
                lexer.in_braces()
                return
            lexer.in_value()
