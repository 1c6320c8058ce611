"""The preprocessor: from .dts source with `#include` and macros to text and a map of its places.

It does what Linux has GNU cpp do to its trees (`-nostdinc -undef -x assembler-with-cpp -D__DTS__`): a line
that starts with # but with no directive (`#address-cells = <N>;`) is text like any other. Nothing else is
known of a compiler; __DATE__ and __TIME__ do not exist. The directives of dtc are text here; what
`/include/` reads is not preprocessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.dt.cpp_directives import DIRECTIVES, INDENT, Directives, File, Stop
from kvx_emu.dt.cpp_macros import BUILT_IN, CppError, Macro, UnclosedError, define
from kvx_emu.dt.cpp_origin import COMMAND_LINE, Expanded, Opened, SourceMap, Spot
from kvx_emu.dt.cpp_tokens import (
    BLANK,
    BLOCK,
    CLOSED,
    COMMENT,
    DIGITS,
    OPEN,
    TOKEN,
    WHITE,
    WORD,
    Rendered,
    Token,
    clash,
    render,
    tokenize,
)
from kvx_emu.dt.findings import Findings
from kvx_emu.errors import Source, UsageError
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.dt.reach import Reach
    from kvx_emu.limits import Limits

PREDEFINED = {"__DTS__": "1", "__ASSEMBLER__": "1"}
"""What is defined for every tree: as by Linux's rule for .dts files."""

# A text without any match, macro, or spliced line is what the preprocessor makes of it. Group 1: a
# directive's line; the rest: what only it gives a meaning.
_WORK = re.compile(
    rf"(?:^|\*/)[{BLANK}]*\#(?:[{BLANK}]|{BLOCK})*+(?:(?:{'|'.join(DIRECTIVES)})\b|[0-9]|/|$)"
    rf"|\\[{BLANK}]*$",
    re.MULTILINE,
)
# Group 1: a directive or what looks like one; 2: a name; 3: a comment; 4: one that is never closed.
_SCAN = re.compile(rf"({INDENT})|({WORD})|{DIGITS}|({COMMENT})|{CLOSED}|{OPEN}|(/\*)", re.MULTILINE)
_CALL = re.compile(rf"(?:[{BLANK}\n]|{COMMENT})*+\(")
_SHORT_CALL = re.compile(rf"{WORD}[{BLANK}]*\([^()\"'/\#\n]*\)")
_COMMENTS = re.compile(COMMENT)
_OPERATORS = frozenset("=!<>+-*/%&|^:.#\\")
_SPACE = " \t\f\v\r\n"
_LOOK_BACK = 16  # characters: more than any operator has


def preprocess(
    source: Source, reach: Reach, defines: Mapping[str, str] | None = None, limits: Limits = LIMITS
) -> Expanded:
    """Return what the preprocessor makes of .dts source, and where each character of it was written.

    `defines` are the names of -D with their values; a name may have parameters, `F(x)`. Raises InputError
    with all the errors that can be told at once, UsageError for a bad name in `defines`.
    """
    macros = [_command_line(name, value) for name, value in {**PREDEFINED, **(defines or {})}.items()]
    text = source.text
    if _WORK.search(text) is None:
        names = "|".join([*BUILT_IN, *(macro.name for macro in macros)])
        if re.search(rf"\b(?:{names})\b", text, re.ASCII) is None:
            parts = SourceMap()
            parts.add(0, Opened(source), 0, None)
            return Expanded(source.path, text, parts)
    findings = Findings()
    run = _Preprocessor(reach, limits, findings)
    run.expander.macros.update({macro.name: macro for macro in macros})
    result = run.run(source)
    findings.raise_if_any()
    return result


def _command_line(name: str, value: str) -> Macro:
    text = f"{name} {value}"
    try:
        macro = define(text, Spot(Opened(Source(COMMAND_LINE, text)), 0))
        _ = macro.body
    except CppError as error:
        raise UsageError(f"cannot define {name!r}: {error}") from None
    head = macro.name if macro.params is None else name[: name.find(")") + 1]
    if "\n" in text or head != name:
        raise UsageError(f"cannot define {name!r}: expected NAME or NAME=VALUE on one line")
    return macro


class _Preprocessor(Directives):
    """One run: the files are read from a stack, what they become is written part by part."""

    def __init__(self, reach: Reach, limits: Limits, findings: Findings) -> None:
        super().__init__(reach, limits, findings)
        self._texts: list[str] = []
        self._map = SourceMap()
        self._size = 0
        self._last = "\n"  # character that was written
        # The token that was written last, if it comes from a macro, whether a space must follow it, and
        # the file that goes on from where.
        self._tail: Token | None = None
        self._trail = False
        self._tail_file: File | None = None
        self._tail_at = 0

    def run(self, source: Source) -> Expanded:
        """Read the main file and all that it includes."""
        main = File(source)
        self.stack.append(main)
        try:
            while self.stack:
                self._scan(self.stack[-1])
        except Stop:
            pass
        self._map.add(self._size, main, len(main.text), None)
        return Expanded(source.path, "".join(self._texts), self._map, self.findings.sorted_warnings())

    def _scan(self, file: File) -> None:
        """Read a file up to its end, or to where it includes another one."""
        text = file.text
        macros = self.expander.macros
        start = file.next  # of what is not yet written
        again = True
        while again:
            again = False
            for match in _SCAN.finditer(text, start):
                group = match.lastindex
                if group is None or (group == 2 and match[2] not in macros):
                    continue
                self._write(file, start, match.start())
                start = match.start()
                if group == 2:
                    self._use(file, match[2], start)
                elif group == 1:
                    if not self.directive(file, match.end() - 1):
                        if "/" in match[1]:
                            start = match.end() - 1  # a comment is no part of the text
                        continue
                    if self.stack[-1] is not file:
                        return
                elif group == 3:
                    if self._last not in " \n" and text[match.end() : match.end() + 1].strip():
                        self._emit(" ", file, start, None)
                    file.next = match.end()
                else:
                    self.unclosed_comment(file, start)
                start = file.next
                if start != match.end():
                    again = True
                    break
        self._write(file, start, len(text))
        if self._last != "\n":
            self._emit("\n", file, len(text), None)
        self.check_conditions(file)
        self.stack.pop()

    # -- what is written ------------------------------------------------------------------------------

    def _emit(self, text: str, file: File, position: int, macro: Macro | None) -> None:
        self._texts.append(text)
        self._map.add(self._size, file, position, macro)
        self._size += len(text)
        self._last = text[-1]
        if self._size > self.limits.tree_text:
            message = f"the preprocessed text is larger than {self.limits.tree_text} characters"
            self.error("cpp-limit", message, file, position)
            raise Stop

    def _write(self, file: File, start: int, end: int) -> None:
        """Write a part of a file as it is."""
        if start >= end:
            return
        piece = file.text[start:end]
        if self._tail_file is not None:
            if start == self._tail_at and file is self._tail_file and piece[0] not in _SPACE:
                self._part(file, start)
            self._tail_file = None
        if self._last != "\n" or not piece.isspace():  # else these are the lines of directives
            self._emit(piece, file, start, None)

    def _part(self, file: File, start: int) -> None:
        """Write a space if what a macro expanded to would run into what follows it."""
        match = TOKEN.match(file.text, start)
        assert match is not None
        kind = match.lastindex
        assert kind is not None
        if self._trail or (self._tail is not None and clash(self._tail, Token(kind, match[kind]))):
            self._emit(" ", file, start, None)

    def _use(self, file: File, name: str, start: int) -> None:
        """Write what a macro expands to, and set where the file goes on after it."""
        end = file.next = start + len(name)
        macro = self.expander.macros[name]
        text = name
        if macro is not None and macro.params is not None:
            if (call := _SHORT_CALL.match(file.text, start)) is not None:
                text, file.next = call[0], call.end()
            elif _CALL.match(file.text, end) is None:
                self._write(file, start, end)
                return
        rendered = self.flat.get(text)
        if rendered is None:
            rendered = self._expansion(file, text, start)
            if self.expander.constant:
                self.flat[text] = rendered
        adjacent = start == self._tail_at and file is self._tail_file
        trail = adjacent and self._trail
        previous = None
        if not self._last.isspace():
            previous = self._tail if adjacent else _token_before(file.text, start)
            first = rendered.first
            if first is not None and (
                trail or rendered.lead or (previous is not None and clash(previous, first))
            ):
                self._emit(" ", file, start, None)
        if rendered.text:
            self._emit(rendered.text, file, start, macro)
            trail = False
        self._tail = rendered.last or previous
        self._trail = trail or rendered.trail
        self._tail_file, self._tail_at = file, file.next

    def _expansion(self, file: File, text: str, start: int) -> Rendered:
        """Return what a name or a call expands to; what more it needs is taken from the file."""
        self.at = Spot(file, start)
        self.expander.constant = True
        try:
            return render(self.expander.expand([*reversed(tokenize(text))], _Arguments(self, file)))
        except CppError as error:
            self.caught(error, file, start)
            if isinstance(error, UnclosedError) and TOKEN.match(file.text, file.next) is None:
                raise Stop from None
        self.expander.constant = False
        return render([])


class _Arguments:
    """The text of a file behind a macro, where a call may find its arguments."""

    def __init__(self, run: _Preprocessor, file: File) -> None:
        self.run = run
        self.file = file

    def open(self) -> bool:
        """Take a `(` if that comes next; a directive between, as in cpp, makes it no call."""
        match = _CALL.match(self.file.text, self.file.next)
        if match is not None:
            self.file.next = match.end()
        return match is not None

    def next(self) -> Token | None:
        """Take a token; the directives before it are followed."""
        file = self.file
        white = fresh = False
        while (match := TOKEN.match(file.text, file.next)) is not None:
            kind, blank = match.lastindex, match[1]
            assert kind is not None
            start = match.start(kind)
            if match[kind] == "#" and (fresh or "\n" in _COMMENTS.sub("", blank)):
                at = self.run.at
                followed = self.run.directive(file, start, inside=True)
                self.run.at = at
                if followed:
                    white = fresh = True
                    continue
            if match[kind] == "/" and file.text.startswith("/*", start):
                self.run.unclosed_comment(file, start)
            file.next = match.end()
            return Token(kind, match[kind], WHITE if blank or white else 0)
        return None


def _token_before(text: str, position: int) -> Token | None:
    """Return the token that ends at `position`, if it is one that could run into the next."""
    start = position
    while start and text[start - 1] in _OPERATORS and position - start < _LOOK_BACK:
        start -= 1
    if start == position:
        return None
    return tokenize(text, start, position)[-1]
