"""The directives of the preprocessor: what stands on a line after `#`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from kvx_emu.dt.cpp_condition import evaluate
from kvx_emu.dt.cpp_expand import Expander, Use, header_name
from kvx_emu.dt.cpp_macros import (
    BUILT_IN,
    FIXED,
    CppError,
    CppLimitError,
    Macro,
    define,
    shown,
)
from kvx_emu.dt.cpp_origin import COMMAND_LINE, Opened, Spot
from kvx_emu.dt.cpp_tokens import (
    BLANK,
    BLOCK,
    CLOSED,
    COMMENT,
    NUMBER,
    OPEN,
    PAD,
    STRING,
    WORD,
    Token,
    tokenize,
)
from kvx_emu.dt.lexer import unescape
from kvx_emu.dt.reach import ReachError
from kvx_emu.dt.source import decode
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.dt.cpp_tokens import Rendered
    from kvx_emu.dt.findings import Findings
    from kvx_emu.dt.reach import Reach
    from kvx_emu.errors import Source
    from kvx_emu.limits import Limits

_CONDITIONAL = ("if", "ifdef", "ifndef", "elif", "elifdef", "elifndef", "else", "endif")
_INCLUDE = ("include", "import", "include_next")
_IGNORED = ("assert", "ident", "sccs", "unassert")
DIRECTIVES = (*_CONDITIONAL, *_INCLUDE, *_IGNORED, "define", "undef", "error", "warning", "line", "pragma")

# What may stand before the # of a directive on its line.
INDENT = rf"^(?:[{BLANK}]|{BLOCK})*+\#"

_WORD = re.compile(rf"(?:[{BLANK}]|{BLOCK})*+({WORD}|[0-9]+)?")
_REST = re.compile(rf"(?:[^\n/\"']++|{COMMENT}|{CLOSED}|{OPEN}|/(?!\*))*+")
_CONSTANT = re.compile(rf"[ \t]*define[ \t]+({WORD})[ \t]+([^\n/\"'\#]*)(?:\n|\Z)")
_FILE = re.compile(rf'[{BLANK}]*(?:"([^"\n]*)"|<([^>\n]*)>)')
_MARK = re.compile(rf'[{BLANK}]*(?:"((?:[^"\\\n]|\\.)*)"(?:[{BLANK}]+[0-9]+)*[{BLANK}]*)?\Z')
_SKIP = re.compile(
    rf"({INDENT})(?=(?:[{BLANK}]|{BLOCK})*+(?:if|el|endif))|{COMMENT}|{CLOSED}|{OPEN}|(/\*)", re.MULTILINE
)
_LINE_DIGITS = 10


class Stop(Exception):  # noqa: N818 - a jump, not an error
    """Nothing sound can be read after this; that is reported already."""


class Condition:
    """An open `#if`; `live` is whether the text after the last of its directives counts."""

    __slots__ = ("live", "name", "other", "outer", "position", "taken")

    def __init__(self, name: str, position: int, outer: bool) -> None:
        self.name = name
        self.position = position
        self.outer = outer  # whether the text around it counts
        self.taken = not outer  # no further part may count
        self.live = False
        self.other: int | None = None  # where its #else stands


class File(Opened):
    """A file that is being read, up to `next`."""

    def __init__(self, source: Source, parent: Opened | None = None, position: int = 0) -> None:
        super().__init__(source, parent, position)
        self.next = 0
        self.conditions: list[Condition] = []


class Directives:
    """The state of a run, and what each directive does to it."""

    def __init__(self, reach: Reach, limits: Limits, findings: Findings) -> None:
        self.reach = reach
        self.limits = limits
        self.findings = findings
        self.expander = Expander(limits, Use(self.built_in, self.has_include))
        self.stack: list[File] = []  # the open files, the one that is read last
        # Macros whose expansion is always the same, as long as no macro changes.
        self.flat: dict[str, Rendered] = {}
        self.at: Spot | None = None  # of the directive or macro at hand
        self._counter = 0
        self._once: set[str] = set()
        self._opened = 0
        self._handlers: dict[str, Callable[[File, int, str], None]] = {
            **dict.fromkeys(_CONDITIONAL, self._ignore),  # they are handled apart
            **dict.fromkeys(_IGNORED, self._ignore),
            "define": self._define,
            "undef": self._undef,
            "include": self._include,
            "import": self._import,
            "include_next": self._include_next,
            "error": self._error,
            "warning": self._warning,
            "line": self._line,
            "pragma": self._pragma,
        }

    # -- what is wrong --------------------------------------------------------------------------------

    def error(self, code: str, message: str, file: Opened, position: int) -> None:
        """Report an error."""
        self.findings.error(code, message + file.chain(), file.place(position))

    def warn(self, code: str, message: str, file: Opened, position: int) -> None:
        """Report what does not keep the text from being read."""
        self.findings.warn(code, message + file.chain(), file.place(position))

    def caught(self, error: CppError, file: File, position: int) -> None:
        """Report what an expansion or a directive ran into."""
        self.error(error.code, str(error), file, position)
        if isinstance(error, CppLimitError):
            raise Stop

    # -- one directive --------------------------------------------------------------------------------

    def directive(self, file: File, position: int, inside: bool = False) -> bool:
        """Do what the line of the # at `position` says and go on after it; False if it is text.

        `inside` tells that the line stands within the arguments of a call.
        """
        text = file.text
        constant = _CONSTANT.match(text, position + 1)
        if constant is not None and constant[1] not in FIXED:
            self._set(Macro(constant[1], None, False, constant[2].rstrip(), Spot(file, constant.start(1))))
            file.next = constant.end()
            return True
        word = _WORD.match(text, position + 1)
        assert word is not None
        name, start = word[1], word.end()
        rest = self._rest(file, start)
        if name is None:
            return not rest.strip() or rest.lstrip().startswith("//")
        if name.isdigit():
            return self._mark(file, position, name, rest)
        handler = self._handlers.get(name)
        if handler is None:
            return False
        if inside and name in _INCLUDE:
            self.error("cpp-directive", f"#{name} within the arguments of a macro call", file, position)
            return True
        self.at = Spot(file, position)
        try:
            if name in _CONDITIONAL:
                self._condition(file, position, name, rest)
            else:
                handler(file, start, rest)
        except CppError as error:
            self.caught(error, file, position if name in _CONDITIONAL else _shift(start, rest))
        if file.conditions and not file.conditions[-1].live:
            self._skip(file)
        return True

    def _rest(self, file: File, start: int) -> str:
        """Return what stands on a line from `start` on, and set where the next one starts."""
        rest = _REST.match(file.text, start)
        assert rest is not None
        end = rest.end()
        if file.text.startswith("/*", end):
            self.unclosed_comment(file, end)
        file.next = end + 1
        return rest[0]

    def unclosed_comment(self, file: File, position: int) -> None:
        """Report a comment that takes all the rest of a file."""
        self.error("comment", "this comment is never closed: expected '*/'", file, position)
        raise Stop

    def expanded(self, text: str, condition: bool = False) -> list[Token]:
        """Return the expansion of the rest of a directive."""
        self.expander.condition = condition
        try:
            return [t for t in self.expander.expand([*reversed(tokenize(text))]) if t.kind != PAD]
        finally:
            self.expander.condition = False

    # -- conditions -----------------------------------------------------------------------------------

    def _condition(self, file: File, position: int, name: str, rest: str) -> None:
        stack = file.conditions
        if name in {"if", "ifdef", "ifndef"}:
            opened = Condition(name, position, not stack or stack[-1].live)
            stack.append(opened)
            if opened.outer:
                opened.taken = opened.live = self._holds(name, rest)
            return
        if not stack:
            raise CppError("cpp-condition", f"#{name} without #if")
        last = stack[-1]
        if name == "endif":
            stack.pop()
            return
        if last.other is not None:
            line = file.physical(last.other).line
            last.live = False
            raise CppError("cpp-condition", f"#{name} after the #else of line {line}")
        last.live = False
        if name == "else":
            last.other = position
            last.live = not last.taken
            last.taken = True
        elif not last.taken:
            last.taken = last.live = self._holds(name.removeprefix("el"), rest)

    def _holds(self, name: str, rest: str) -> bool:
        if name == "if":
            return evaluate(self.expanded(rest, condition=True))
        tokens = tokenize(rest)
        if not tokens or re.fullmatch(WORD, tokens[0].text) is None:
            found = shown(tokens[0].text if tokens else "")
            raise CppError("cpp-condition", f"expected the name of a macro, found {found}")
        known = tokens[0].text in self.expander.macros or tokens[0].text == "__has_include"
        return known == (name == "ifdef")

    def _skip(self, file: File) -> None:
        """Go on after the directive that ends what does not count."""
        while file.conditions and not file.conditions[-1].live:
            for match in _SKIP.finditer(file.text, file.next):
                if match.lastindex == 1:
                    word = _WORD.match(file.text, match.end())
                    assert word is not None
                    if word[1] not in _CONDITIONAL:
                        continue
                    break
                if match.lastindex == 2:
                    self.unclosed_comment(file, match.start())
            else:
                file.next = len(file.text)
                return
            position = match.end() - 1
            rest = self._rest(file, word.end())
            self.at = Spot(file, position)
            try:
                self._condition(file, position, word[1], rest)
            except CppError as error:
                self.caught(error, file, position)

    def check_conditions(self, file: File) -> None:
        """Report the conditions that are open at the end of a file."""
        for condition in file.conditions:
            message = f"this #{condition.name} is never closed: expected #endif"
            self.error("cpp-condition", message, file, condition.position)

    def has_include(self, name: str, angled: bool) -> bool:
        """Whether an #include of `name` would find a file that may be read."""
        path = self.reach.find(name, self.stack[-1].path, angled=angled)
        return path is not None and os.path.isfile(path) and self.reach.allows(path)

    # -- macros ---------------------------------------------------------------------------------------

    def _set(self, macro: Macro) -> None:
        macros = self.expander.macros
        other = macros.get(macro.name)
        if other is not None and not other.same(macro):
            file, position = macro.where
            there = other.where.file.place(other.where.position)
            where = "on the command line" if there.path == COMMAND_LINE else f"at {there}"
            self.warn("cpp-macro", f"macro {macro.name} is defined again, not as {where}", file, position)
        macros[macro.name] = macro
        self.flat.clear()

    def _define(self, file: File, start: int, rest: str) -> None:
        at = _shift(start, rest)
        text = re.sub(rf"^(?:[{BLANK}]|{BLOCK})*", "", rest)
        self._set(define(text, Spot(file, at)))

    def _undef(self, file: File, start: int, rest: str) -> None:
        tokens = tokenize(rest)
        name = tokens[0].text if tokens else ""
        if re.fullmatch(WORD, name) is None:
            raise CppError("cpp-macro", f"expected the name of a macro after #undef, found {shown(name)}")
        if name in FIXED:
            raise CppError("cpp-macro", f"'{name}' cannot be undefined: the preprocessor gives it a meaning")
        self.expander.macros.pop(name, None)
        self.flat.clear()

    def built_in(self, name: str) -> Token:
        """Return what one of the macros of `BUILT_IN` expands to here."""
        assert name in BUILT_IN
        assert self.at is not None
        file = self.at.file
        place = file.place(self.at.position)
        if name == "__COUNTER__":
            self._counter += 1
            return Token(NUMBER, str(self._counter - 1))
        if name == "__INCLUDE_LEVEL__":
            return Token(NUMBER, str(file.depth))
        if name == "__LINE__":
            return Token(NUMBER, str(place.line))
        path = place.path if name == "__FILE__" else self.stack[0].path
        return Token(STRING, '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"')

    # -- files ----------------------------------------------------------------------------------------

    def _include(self, file: File, start: int, rest: str) -> None:
        self._open(file, start, rest)

    def _import(self, file: File, start: int, rest: str) -> None:
        self._open(file, start, rest, once=True)

    def _include_next(self, _file: File, _start: int, _rest: str) -> None:
        raise CppError("cpp-directive", "#include_next is not supported: expected #include")

    def _open(self, file: File, start: int, rest: str, once: bool = False) -> None:
        match = _FILE.match(rest)
        if match is not None:
            name, angled = match[1] or match[2] or "", match[1] is None
        else:
            name, angled = header_name(tokenize(rest), self.expander)
        if not name:
            raise CppError("cpp-include", "expected the name of a file, found none")
        path = self.reach.find(name, file.path, angled=angled)
        if path is None:
            folders = self.reach.searched(file.path, angled=angled)
            where = ", ".join(f"'{folder or '.'}'" for folder in folders)
            where = f"looked in {where}" if where else "<> looks in the -I folders, and there are none"
            raise CppError("cpp-include", f"cannot find '{name}': {where}")
        if file.depth >= self.limits.includes:
            raise CppLimitError(f"#include is nested more than {self.limits.includes} deep")
        self._opened += 1
        if self._opened > self.limits.include_files:
            raise CppLimitError(f"more than {self.limits.include_files} files are included")
        real = os.path.realpath(path)
        if real in self._once:
            return
        if once:
            self._once.add(real)
        at = _shift(start, rest)
        try:
            source = decode(self.reach.read(path), path)
        except ReachError as error:
            self.error(error.code, str(error), file, at)
            if error.code == "limit":
                raise Stop from None
        except InputError as error:
            for finding in error.findings:
                self.findings.add(finding)
        else:
            self.stack.append(File(source, file, at))

    def _pragma(self, file: File, _start: int, rest: str) -> None:
        if rest.split()[:1] == ["once"]:
            self._once.add(os.path.realpath(file.path))

    # -- the rest -------------------------------------------------------------------------------------

    def _ignore(self, _file: File, _start: int, _rest: str) -> None:
        pass

    def _error(self, _file: File, _start: int, rest: str) -> None:
        raise CppError("cpp-error", f"#error {rest.strip()}".rstrip())

    def _warning(self, file: File, start: int, rest: str) -> None:
        self.warn("cpp-warning", f"#warning {rest.strip()}".rstrip(), file, _shift(start, rest))

    def _mark(self, file: File, position: int, line: str, rest: str) -> bool:
        """Read a `# 12 "file" 3`; False if it is text."""
        match = _MARK.match(rest)
        if match is None or len(line) > _LINE_DIGITS:
            return False
        try:
            self._renumber(file, line, match[1])
        except CppError as error:
            self.caught(error, file, position)
        return True

    def _renumber(self, file: File, line: str, quoted: str | None) -> None:
        path = None
        if quoted is not None:
            path = (unescape(quoted) or b"").decode("utf-8", "surrogateescape")
            if "\0" in path:
                raise CppError("cpp-directive", "a NUL in the name of a file")
        # The directive may hold comments: what counts is the line after that of its end.
        file.mark(min(file.next - 1, len(file.text)), int(line), path)

    def _line(self, file: File, _start: int, rest: str) -> None:
        tokens = self.expanded(rest)
        number = tokens[0].text if tokens else ""
        if not number.isdecimal() or not number.isascii() or len(number) > _LINE_DIGITS:
            raise CppError("cpp-directive", f"expected a line number after #line, found {shown(number)}")
        path = None
        if len(tokens) > 1:
            if tokens[1].kind != STRING or tokens[1].text[0] != '"':
                found = shown(tokens[1].text)
                raise CppError("cpp-directive", f"expected a file name after #line {number}, found {found}")
            path = tokens[1].text[1:-1]
        self._renumber(file, number, path)


def _shift(start: int, rest: str) -> int:
    """Return the position of the first thing in `rest`, the text from `start` on."""
    return start + len(rest) - len(rest.lstrip())
