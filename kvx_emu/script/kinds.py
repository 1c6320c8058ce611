"""The kinds of values in a script: each can read one, and say in JSON Schema what it reads.

A kind's `read` returns the value, or tells what is wrong in the report and raises Refused. The script
language (language.py) is a table of keys and their kinds; nothing else knows how a value looks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from kvx_emu.core_id import RM
from kvx_emu.limits import LIMITS
from kvx_emu.script import names, times
from kvx_emu.script.nodes import REFUSED, Mapping, Node, Scalar, Sequence, Value, resolve
from kvx_emu.script.report import Refused, Report, nearest, quote

if TYPE_CHECKING:
    from collections.abc import Callable

Schema = dict[str, Any]

TEMPLATE: Schema = {"$ref": "#/$defs/template"}
"""Where a number or a name stands, a text with `${name}` may stand in its place."""


class Kind(Protocol):
    """What can be read from a node, and described as a schema."""

    def read(self, node: Node, report: Report) -> Any:
        """Return the value of `node`, or tell what is wrong and raise Refused."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema of the values that `read` accepts, as far as it can be expressed."""
        ...


def describe(node: Node) -> str:
    """Return what `node` is, for messages."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return f"the text {quote(node.text)}"
    if isinstance(node.value, float):
        return f"the number {quote(node.text)} with a fraction or exponent"
    return quote(node.text)


def mismatch(node: Node, report: Report, code: str, expected: str) -> Refused:
    """Tell that `node` is not what was expected, unless it was told to be wrong before."""
    if scalar(node) is REFUSED:
        return Refused()
    return report.refuse(node.position, code, f"found {describe(node)}; expected {expected}")


def scalar(node: Node) -> Value | Mapping | Sequence:
    """Return the value of a scalar, and anything else as it is."""
    return node.value if isinstance(node, Scalar) else node


def either(*schemas: Schema) -> Schema:
    """Return a schema that accepts what one of `schemas` does."""
    return {"anyOf": list(schemas)}


class Whole:
    """A whole number within `low`..`high`; `what` names it in messages."""

    def __init__(
        self, low: int = 0, high: int = LIMITS.number - 1, what: str = "", code: str = "script-value"
    ) -> None:
        self.low, self.high, self.code = low, high, code
        self.what = what or f"a whole number {low}..{'2^64 - 1' if high == LIMITS.number - 1 else high}"

    def read(self, node: Node, report: Report) -> int:
        """Return the number."""
        value = scalar(node)
        if type(value) is int and self.low <= value <= self.high:
            return value
        raise mismatch(node, report, self.code, self.what)

    def schema(self) -> Schema:
        """Return integer with the bounds, or a template."""
        return either({"type": "integer", "minimum": self.low, "maximum": self.high}, TEMPLATE)


class Choice:
    """One of a few words or numbers."""

    def __init__(self, *values: str | int, code: str = "script-value") -> None:
        self.values, self.code = values, code

    def read(self, node: Node, report: Report) -> str | int:
        """Return the one that was chosen."""
        value = scalar(node)
        if type(value) in (int, str) and value in self.values:
            assert isinstance(value, str | int)
            return value
        expected = " or ".join(str(known) for known in self.values)
        if isinstance(value, str):
            expected += nearest(value, [str(known) for known in self.values])
        raise mismatch(node, report, self.code, expected)

    def schema(self) -> Schema:
        """Return the enumeration, or a template."""
        return either({"enum": list(self.values)}, TEMPLATE)


class Flag:
    """True or false."""

    def read(self, node: Node, report: Report) -> bool:
        """Return the truth value."""
        value = scalar(node)
        if isinstance(value, bool):
            return value
        raise mismatch(node, report, "script-value", "true or false")

    def schema(self) -> Schema:
        """Return boolean."""
        return {"type": "boolean"}


class Text:
    """A text that is not empty; `what` names it in messages."""

    def __init__(self, what: str) -> None:
        self.what = what

    def read(self, node: Node, report: Report) -> str:
        """Return the text."""
        value = scalar(node)
        if isinstance(value, str) and value:
            return value
        raise mismatch(node, report, "script-value", self.what)

    def schema(self) -> Schema:
        """Return string."""
        return {"type": "string", "minLength": 1}


class FileName:
    """The name of a file that ends with one of a few suffixes, which say what it holds."""

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes

    def read(self, node: Node, report: Report) -> str:
        """Return the name."""
        value = scalar(node)
        if isinstance(value, str) and value.endswith(self.suffixes):
            return value
        raise mismatch(node, report, "script-value", f"the name of a {' or '.join(self.suffixes)} file")

    def schema(self) -> Schema:
        """Return string with the suffixes."""
        return {"type": "string", "pattern": f"({'|'.join(map(re.escape, self.suffixes))})$"}


class Time:
    """A duration: ticks, or a text with a unit."""

    def read(self, node: Node, report: Report) -> times.Duration:
        """Return the duration, not yet in ticks: the clock is the board's."""
        value = scalar(node)
        if type(value) is int:
            if 0 <= value < LIMITS.ticks:
                return times.Duration(times.Amount(value, 0, "clk"), node.position)
            raise mismatch(node, report, "script-time", f"a duration of 0..{LIMITS.ticks - 1} ticks")
        if isinstance(value, str):
            try:
                return times.Duration(times.parse_amount(value), node.position)
            except ValueError as error:
                raise report.refuse(node.position, "script-time", str(error)) from None
        expected = "a duration: a whole number of ticks, or 250ns, 1.5us, 2ms, 1s, 12clk"
        raise mismatch(node, report, "script-time", expected)

    def schema(self) -> Schema:
        """Return integer, or the pattern of a number with a unit, or a template."""
        whole = {"type": "integer", "minimum": 0, "maximum": LIMITS.ticks - 1}
        return either(whole, {"type": "string", "pattern": f"^{times.PATTERN}$", "maxLength": 40}, TEMPLATE)


class Period:
    """A duration of at least one tick."""

    _time = Time()

    def read(self, node: Node, report: Report) -> times.Duration:
        """Return the duration, not yet in ticks."""
        duration = self._time.read(node, report)
        if duration.amount.digits == 0:
            raise mismatch(node, report, "script-time", "a duration of at least 1 tick")
        return duration

    def schema(self) -> Schema:
        """Return what a duration looks like, 0 apart."""
        whole = {"type": "integer", "minimum": 1, "maximum": LIMITS.ticks - 1}
        pattern = rf"^(?!0+(\.0+)?[a-z]){times.PATTERN}$"
        return either(whole, {"type": "string", "pattern": pattern, "maxLength": 40}, TEMPLATE)


class Word:
    """One of a few words, and no number can stand in its place."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self._choice = Choice(*words)

    def read(self, node: Node, report: Report) -> str:
        """Return the word."""
        return str(self._choice.read(node, report))

    def schema(self) -> Schema:
        """Return the enumeration."""
        return {"enum": list(self.words)}


class Words:
    """One of a few words, or a list of them."""

    def __init__(self, *words: str) -> None:
        self._word = Word(*words)

    def read(self, node: Node, report: Report) -> tuple[str, ...]:
        """Return the words in the script's order, each once."""
        if not isinstance(node, Sequence):
            return (self._word.read(node, report),)
        if not node.items:
            raise mismatch(node, report, "script-value", f"one of {', '.join(self._word.words)}, or several")
        return tuple(dict.fromkeys(each(node, report, self._word.read)))

    def schema(self) -> Schema:
        """Return a word, or a list of them."""
        word = self._word.schema()
        return either(word, {"type": "array", "items": word, "minItems": 1})


class WordOr:
    """A given word, or what another kind reads."""

    def __init__(self, word: str, other: Kind) -> None:
        self.word, self.other = word, other

    def read(self, node: Node, report: Report) -> Any:
        """Return the word or the other kind's value."""
        return self.word if scalar(node) == self.word else self.other.read(node, report)

    def schema(self) -> Schema:
        """Return the word, or the other kind's schema."""
        return either({"const": self.word}, self.other.schema())


class OneCore:
    """The name of one core; with `without_rm`, which says why, of one PE."""

    def __init__(self, without_rm: str = "") -> None:
        self.without_rm = without_rm

    def read(self, node: Node, report: Report) -> names.CoreSet:
        """Return the name."""
        name = _core_name(node, report)
        if not name.single:
            found = f"found {quote(name.text)}; expected one core, such as pe0, rm or c2.pe3"
            raise report.refuse(node.position, "script-core", found)
        if self.without_rm and name.first == RM:
            found = f"found {quote(name.text)}; expected a PE: {self.without_rm}"
            raise report.refuse(node.position, "script-core", found)
        return names.CoreSet((name,), (node.position,))

    def schema(self) -> Schema:
        """Return the pattern of a core's name."""
        pattern = names.PE_PATTERN if self.without_rm else names.CORE_PATTERN
        return either({"type": "string", "pattern": f"^{pattern}$"}, TEMPLATE)


class ManyCores:
    """A name of cores, or a list of names; `others` only where there is a sender, none only if `empty`."""

    def __init__(self, *, sender: bool = False, empty: bool = False) -> None:
        self.sender, self.empty = sender, empty

    def read(self, node: Node, report: Report) -> names.CoreSet:
        """Return the names."""
        if not isinstance(node, Sequence):
            return names.CoreSet((self._name(node, report),), (node.position,))
        if not node.items and not self.empty:
            raise mismatch(node, report, "script-core", "at least one core")
        found = each(node, report, self._name)
        return names.CoreSet(tuple(found), tuple(item.position for item in node.items))

    def _name(self, node: Node, report: Report) -> names.CoreName:
        name = _core_name(node, report)
        if name.word == "others" and not self.sender:
            raise report.refuse(
                node.position, "script-core", "found `others`; expected other cores: here is no sender"
            )
        return name

    def schema(self) -> Schema:
        """Return the pattern, or a list of it."""
        name: Schema = {"type": "string", "pattern": f"^{names.CORES_PATTERN}$"}
        one = either({"const": "others"}, name, TEMPLATE) if self.sender else either(name, TEMPLATE)
        return either(one, {"type": "array", "items": one, "minItems": 0 if self.empty else 1})


def _core_name(node: Node, report: Report) -> names.CoreName:
    """Return the name that a scalar holds."""
    value = scalar(node)
    if not isinstance(value, str):
        raise mismatch(node, report, "script-core", "the name of a core, such as pe0, rm or c2.pe3")
    try:
        return names.parse_core(value)
    except ValueError as error:
        raise report.refuse(node.position, "script-core", str(error)) from None


class Lines:
    """A line, a range of lines, or a list of them, within `low`..`high`."""

    def __init__(self, low: int = 0, high: int = names.LINES - 1) -> None:
        self.low, self.high = low, high

    def read(self, node: Node, report: Report) -> tuple[int, ...]:
        """Return the lines in the script's order, each once."""
        if not isinstance(node, Sequence):
            return tuple(self._lines(node, report))
        if not node.items:
            raise mismatch(node, report, "script-line", "at least one line")
        return tuple(dict.fromkeys(line for some in each(node, report, self._lines) for line in some))

    def _lines(self, node: Node, report: Report) -> range:
        value = scalar(node)
        if type(value) is int and self.low <= value <= self.high:
            return range(value, value + 1)
        if not isinstance(value, str):
            raise mismatch(node, report, "script-line", f"a line {self.low}..{self.high}")
        try:
            return names.parse_lines(value, self.low, self.high)
        except ValueError as error:
            raise report.refuse(node.position, "script-line", str(error)) from None

    def schema(self) -> Schema:
        """Return integer, or the pattern of a range, or a list of either."""
        number = "|".join(str(line) for line in range(self.low, self.high + 1))
        line: Schema = {"type": "integer", "minimum": self.low, "maximum": self.high}
        one = either(line, {"type": "string", "pattern": f"^({number})-({number})$"}, TEMPLATE)
        return either(one, {"type": "array", "items": one, "minItems": 1})


class Bounds:
    """A count: a number, or {min, max} with one of them or both."""

    _number = Whole()

    def read(self, node: Node, report: Report) -> tuple[int, int | None]:
        """Return the least and the most; the most is None for no bound."""
        if not isinstance(node, Mapping):
            if isinstance(scalar(node), int) or scalar(node) is REFUSED:
                number = self._number.read(node, report)
                return number, number
            raise mismatch(node, report, "script-value", "a whole number, or {min: 1, max: 4}")
        found: dict[str, int] = {}
        for key, (position, value) in node.entries.items():
            if key in ("min", "max"):
                found[key] = self._number.read(value, report)
            else:
                raise report.refuse(
                    position, "script-key", f"found the key {quote(key)}; expected min or max"
                )
        if not found:
            raise mismatch(node, report, "script-value", "min, max or both")
        least, most = found.get("min", 0), found.get("max")
        if most is not None and least > most:
            message = f"found min {least} greater than max {most}; expected at most the max"
            raise report.refuse(node.position, "script-value", message)
        return least, most

    def schema(self) -> Schema:
        """Return a number, or an object of min and max."""
        number = self._number.schema()
        bounds = {
            "type": "object",
            "properties": {"min": number, "max": number},
            "additionalProperties": False,
            "minProperties": 1,
        }
        return either(number, bounds)


class Several:
    """A list of values of another kind, which may be empty; each is returned with its position."""

    def __init__(self, kind: Kind, what: str) -> None:
        self.kind, self.what = kind, what

    def read(self, node: Node, report: Report) -> tuple[tuple[Any, int], ...]:
        """Return the values, each with its position, in the script's order."""
        if not isinstance(node, Sequence):
            raise mismatch(node, report, "script-value", self.what)
        found = each(node, report, self.kind.read)
        return tuple(zip(found, (item.position for item in node.items), strict=True))

    def schema(self) -> Schema:
        """Return a list of the other kind's schema."""
        return {"type": "array", "items": self.kind.schema()}


class Service:
    """Service times: one for all lines, or {24: 500ns, 25-27: 1us, default: 100ns}."""

    _time = Time()

    def read(self, node: Node, report: Report) -> tuple[times.Duration | None, ...]:
        """Return the duration of each of the 32 lines; None where nothing is said of a line."""
        if not isinstance(node, Mapping):
            return (self._time.read(node, report),) * names.LINES
        found: dict[int, times.Duration] = {}
        default: times.Duration | None = None
        wrong = False
        for key, (position, value) in node.entries.items():
            try:
                duration = self._time.read(value, report)
                if key == "default":
                    default = duration
                    continue
                lines = _service_lines(key, position, report)
                twice = [line for line in lines if line in found]
                if twice:
                    message = f"found line {twice[0]} again; expected one service time a line"
                    raise report.refuse(position, "script-duplicate", message)
                found.update(dict.fromkeys(lines, duration))
            except Refused:
                wrong = True
        if wrong:
            raise Refused
        return tuple(found.get(line, default) for line in range(names.LINES))

    def schema(self) -> Schema:
        """Return a duration, or an object of them by line."""
        time = self._time.schema()
        by_line = {
            "type": "object",
            "properties": {"default": time},
            "patternProperties": {r"^([0-9]|[12][0-9]|3[01])(-([0-9]|[12][0-9]|3[01]))?$": time},
            "additionalProperties": False,
        }
        return either(time, by_line)


def _service_lines(key: str, position: int, report: Report) -> range:
    """Return the lines that a key of `service` names."""
    value = resolve(key)
    try:
        if type(value) is int:
            return names.parse_lines(f"{value}-{value}", 0, names.LINES - 1)
        return names.parse_lines(key, 0, names.LINES - 1)
    except ValueError:
        message = f"found the key {quote(key)}; expected a line 0..31, a range such as 24-31, or `default`"
        raise report.refuse(position, "script-line", message) from None


def each(node: Sequence, report: Report, read: Callable[[Node, Report], Any]) -> list[Any]:
    """Return `read` of each item; all items that are wrong are told before Refused is raised."""
    found, wrong = [], False
    for item in node.items:
        try:
            found.append(read(item, report))
        except Refused:
            wrong = True
    if wrong:
        raise Refused
    return found
