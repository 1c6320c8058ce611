"""The expansion of macros.

It is GNU cpp's: a macro is not expanded again while its own expansion is being read, and a name that was
met meanwhile never is. All of it works on one stack of tokens, so that nothing but the arguments of calls
within arguments recurses, and that has a bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvx_emu.dt.cpp_macros import BUILT_IN, CppError, CppLimitError, Macro, UnclosedError, shown
from kvx_emu.dt.cpp_tokens import (
    BARE,
    COMMA,
    END_PAD,
    FINAL,
    NAME,
    NUMBER,
    OP,
    PAD,
    PARAM,
    PASTE,
    QUOTE,
    STRING,
    WHITE,
    Token,
    paste,
    stringify,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.limits import Limits

NEST = 64
"""Calls within the arguments of calls: keeps the expansion off the stack limit."""


class Feed(Protocol):
    """The text behind the tokens that are being expanded, where a call may find its arguments."""

    def open(self) -> bool:
        """Take a `(` if that comes next; else take nothing."""
        ...

    def next(self) -> Token | None:
        """Take a token; None at the end of the file."""
        ...


class Use(NamedTuple):
    """What the macros that are no texts need to know."""

    built_in: Callable[[str], Token]
    has_include: Callable[[str, bool], bool]  # name, whether in <>


Item = Token | Macro | None  # a Macro stands at the end of its expansion, None at that of other tokens


class Expander:
    """Expands tokens; `macros` may change between two calls of `expand`, and also within one."""

    def __init__(self, limits: Limits, use: Use) -> None:
        self.macros: dict[str, Macro | None] = dict.fromkeys(BUILT_IN)  # None: ask `use`
        self.limits = limits
        self.use = use
        self.constant = True  # nothing but the macros decided about what was expanded; set it before
        self.condition = False  # whether `defined` is an operator
        self._tokens = limits.macro_tokens
        self._characters = limits.tree_text
        self._depth = 0

    def expand(self, todo: list[Item], feed: Feed | None = None) -> list[Token]:
        """Return the expansion of the tokens on the stack `todo`; a call may go on in `feed`."""
        try:
            return self._expand(todo, feed)
        except CppError:
            for item in todo:
                if type(item) is Macro:
                    item.disabled = False
            raise

    def _expand(self, todo: list[Item], feed: Feed | None) -> list[Token]:
        out: list[Token] = []
        macros = self.macros
        while todo:
            item = todo.pop()
            if type(item) is not Token:
                if item is not None:
                    item.disabled = False  # type: ignore[union-attr]  # mypy keeps Token in the union
                out.append(END_PAD)
                continue
            kind, text, flags = item
            if flags & PASTE:
                out.append(self._paste(item, todo))
                continue
            if kind != NAME or flags & FINAL:
                out.append(item)
                continue
            if text in macros:
                macro = macros[text]
                if macro is None:
                    self.constant = False
                    out += (Token(PAD, "", flags & WHITE), self.use.built_in(text), END_PAD)
                elif macro.disabled:
                    out.append(Token(NAME, text, flags | FINAL))
                elif macro.params is None:
                    out.append(Token(PAD, "", flags & WHITE))
                    self._spend(len(macro.body) + 1)
                    if macro.plain:
                        out += macro.body
                        out.append(END_PAD)
                    else:
                        macro.disabled = True
                        todo.append(macro)
                        todo += macro.reversed_body
                elif self._opens(todo, feed):
                    out.append(Token(PAD, "", flags & WHITE))
                    self._call(macro, todo, feed)
                else:
                    out.append(item)
            elif self.condition and text in {"defined", "__has_include"}:
                out.append(self._defined(todo) if text == "defined" else self._has_include(todo))
            else:
                out.append(item)
        return out

    def _spend(self, tokens: int) -> None:
        self._tokens -= tokens
        if self._tokens < 0:
            limit = self.limits.macro_tokens
            raise CppLimitError(f"macros expand to more than {limit} tokens")

    def _write(self, token: Token) -> Token:
        self._characters -= len(token.text)
        if self._characters < 0:
            raise CppLimitError(f"macros make tokens of more than {self.limits.tree_text} characters")
        return token

    def _raw(self, todo: list[Item], feed: Feed | None) -> Token | None:
        """Take a token that is not to be expanded now; None at the end."""
        if not todo:
            self.constant = False
            return feed.next() if feed is not None else None
        item = todo.pop()
        if type(item) is not Token:
            if item is not None:
                item.disabled = False  # type: ignore[union-attr]
            return END_PAD
        if item.flags & PASTE:
            return self._paste(item, todo)
        if item.kind == NAME:
            macro = self.macros.get(item.text)
            if macro is not None and macro.disabled:
                return Token(NAME, item.text, item.flags | FINAL)
        return item

    def _paste(self, left: Token, todo: list[Item]) -> Token:
        """Join `left` with what follows it, put the result on the stack and return the pad before it."""
        flags = left.flags & WHITE
        while left.flags & PASTE:
            item = todo.pop()
            assert type(item) is Token  # PASTE never stands on the last token of a body
            if item.kind == PAD:
                continue
            joined = paste(left, item)
            if joined is None:
                # No token: the two stay as they are (an error in C, but not in assembler source).
                left = Token(left.kind, left.text, left.flags & ~PASTE)
                todo.append(item)
                break
            left = Token(joined.kind, self._write(joined).text, joined.flags | (item.flags & PASTE))
        todo += (None, left)
        return Token(PAD, "", flags)

    def _opens(self, todo: list[Item], feed: Feed | None) -> bool:
        """Take the `(` of a call; if something else follows, take nothing but the ends of expansions."""
        pad: Token | None = None
        while todo:
            token = self._raw(todo, None)
            assert token is not None
            if token.kind == PAD:
                if pad is None or pad.flags & BARE or (not pad.flags & WHITE and token.flags & BARE):
                    pad = token
                continue
            if token.kind == OP and token.text == "(":
                return True
            todo.append(token)
            break
        else:
            if feed is not None:
                self.constant = False
                if feed.open():
                    return True
        if pad is not None:
            todo += (None, pad)
        return False

    def _call(self, macro: Macro, todo: list[Item], feed: Feed | None) -> None:
        """Take the arguments of a call and put what it expands to on the stack."""
        args = self._arguments(macro, todo, feed)
        body = self._substitute(macro, args)
        self._spend(len(body) + 1)
        macro.disabled = True
        todo.append(macro)
        body.reverse()
        todo += body

    def _arguments(self, macro: Macro, todo: list[Item], feed: Feed | None) -> list[list[Token] | None]:
        """Return the arguments of a call, read up to its `)`."""
        assert macro.params is not None
        count = len(macro.params)
        args: list[list[Token]] = [[]]
        depth = taken = 0
        while True:
            token = self._raw(todo, feed)
            if token is None:
                raise UnclosedError(f"this call of macro {macro.name} is never closed: expected ')'")
            kind, text, _ = token
            taken += 1
            if taken > self.limits.macro_tokens:
                self._spend(taken)
            if kind == OP:
                if text == "(":
                    depth += 1
                elif text == ")":
                    if not depth:
                        break
                    depth -= 1
                elif text == "," and not depth and not (macro.variadic and len(args) == count):
                    args.append([])
                    continue
            elif kind == PAD and not args[-1]:
                continue
            args[-1].append(token)
        self._spend(taken)
        return _fitting(macro, args)

    def _substitute(self, macro: Macro, args: list[list[Token] | None]) -> list[Token]:
        """Return the body of a macro with its parameters replaced."""
        out: list[Token] = []
        expanded: dict[int, list[Token]] = {}
        body = macro.body
        joined = False  # ## stands before the token
        for index, token in enumerate(body):
            kind, text, flags = token
            if kind != PARAM:
                out.append(token)
                joined = bool(flags & PASTE)
                continue
            number = int(text)
            arg = args[number]
            pastes = flags & PASTE
            if flags & QUOTE:
                tokens = [self._write(stringify(arg or []))]
            elif pastes or joined:
                tokens = arg or []
            else:
                if number not in expanded:
                    expanded[number] = self._argument(arg or [])
                tokens = expanded[number]
            last = len(macro.params or ()) - 1
            if joined and not flags & QUOTE and out and out[-1].flags & PASTE:
                comma = macro.variadic and number == last and out[-1][:2] == COMMA[:2]
                if comma and arg is None:
                    out.pop()  # , ## with nothing for the variable arguments: the comma goes as well
                elif comma or not tokens:
                    out[-1] = out[-1]._replace(flags=(out[-1].flags & ~PASTE) | pastes)
            elif not joined and index:
                out.append(Token(PAD, "", flags & WHITE))
            self._spend(len(tokens))
            out += tokens
            if pastes and tokens:
                out[-1] = out[-1]._replace(flags=out[-1].flags | PASTE)
            elif not pastes:
                out.append(END_PAD)
            joined = bool(pastes)
        return out

    def _argument(self, arg: list[Token]) -> list[Token]:
        """Return the expansion of an argument by itself."""
        if self._depth >= NEST:
            raise CppLimitError(f"macro calls are nested more than {NEST} deep")
        if not any(token.kind == NAME for token in arg):
            return arg
        self._depth += 1
        try:
            return self.expand([*reversed(arg)])
        finally:
            self._depth -= 1

    # -- the operators of #if -------------------------------------------------------------------------

    def _word(self, todo: list[Item]) -> Token:
        """Take a token of a condition; at its end an empty one."""
        while (token := self._raw(todo, None)) is not None:
            if token.kind != PAD:
                return token
        return Token(OP, "")

    def _defined(self, todo: list[Item]) -> Token:
        name = self._word(todo)
        closed = name.text == "("
        if closed:
            name = self._word(todo)
        if name.kind != NAME:
            raise CppError("cpp-condition", f"expected a name after 'defined', found {shown(name.text)}")
        if closed and (end := self._word(todo)).text != ")":
            found = shown(end.text)
            raise CppError("cpp-condition", f"expected ')' after 'defined({name.text}', found {found}")
        known = name.text in self.macros or name.text == "__has_include"
        return Token(NUMBER, str(int(known)))

    def _has_include(self, todo: list[Item]) -> Token:
        start = self._word(todo)
        if start.text != "(":
            raise CppError("cpp-condition", f"expected '(' after '__has_include', found {shown(start.text)}")
        tokens: list[Token] = []
        depth = 1
        while depth:
            token = self._word(todo)
            if not token.text:
                raise CppError("cpp-condition", "this '__has_include(' is never closed: expected ')'")
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            tokens.append(token)
        tokens.pop()
        name, angled = header_name(tokens, self)
        return Token(NUMBER, str(int(self.use.has_include(name, angled))))


def header_name(tokens: list[Token], expander: Expander) -> tuple[str, bool]:
    """Return the name of the file that tokens give after `#include`, and whether it stands in <>."""
    name = _header_name(tokens)
    if name is None:
        name = _header_name([t for t in expander.expand([*reversed(tokens)]) if t.kind != PAD])
    if name is None:
        wrong = shown(" ".join(token.text for token in tokens))
        raise CppError("cpp-include", f'expected "file" or <file>, found {wrong}')
    return name


def _header_name(tokens: list[Token]) -> tuple[str, bool] | None:
    if tokens and tokens[0].kind == STRING and tokens[0].text[0] == '"':
        return tokens[0].text[1:-1], False
    name = ""
    if tokens and tokens[0].text == "<":
        for token in tokens[1:]:
            if token.text == ">":
                return name.strip(), True
            name += (" " if token.flags & WHITE else "") + token.text
    return None


def _takes(macro: Macro) -> str:
    assert macro.params is not None
    count = len(macro.params)
    least = "at least " if macro.variadic else ""
    count -= macro.variadic
    return f"macro {macro.name} takes {least}{count} argument{'s' * (count != 1)}"


def _fitting(macro: Macro, args: list[list[Token]]) -> list[list[Token] | None]:
    """Return the arguments as the parameters take them: None for a variadic one that is left out."""
    assert macro.params is not None
    count = len(macro.params)
    for arg in args:
        while arg and arg[-1].kind == PAD:
            arg.pop()
    if count == 0 and args == [[]]:
        return []
    if len(args) != count and not (macro.variadic and len(args) == count - 1):
        raise CppError("cpp-macro", f"{_takes(macro)}, {len(args)} given")
    result: list[list[Token] | None] = [*args]
    if macro.variadic and len(args) < count:
        result.append(None)
    elif macro.variadic and args == [[]]:
        result[0] = None
    return result
