"""YAML and JSON text as plain nodes with positions: mappings, lists, texts and numbers, nothing else.

PyYAML's events are used and nothing above them: no tags, anchors, aliases or second documents, no key
twice, no nesting beyond the limit. JSON has a reader of its own: in its fine points it is no YAML.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from kvx_emu.errors import ERROR, Finding, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.errors import Source

_JSON = re.compile(
    r'[ \t\r\n]*(?:(?P<string>"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?![0-9.eE]))|(?P<mark>[\[\]{}:,])|(?P<end>\Z))"
)
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}|[0-9]{1,20}")
# What YAML takes for something else than text or a number of ours, when it has no quotes.
_OTHER = re.compile(r"(?i:true|false|null|~|)|[-+.]?[0-9].*|[-+]?\.(?i:inf|nan)")
_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufeff\uff00-\ufffd\U00010000-\U0010ffff]")


class Plain:
    """A node: `value` is a dict of (position of the key, node), a list of nodes, a text or a number."""

    __slots__ = ("position", "value")

    def __init__(self, position: int, value: dict[str, tuple[int, Plain]] | list[Plain] | str | int) -> None:
        self.position = position
        self.value = value


Container: TypeAlias = "dict[str, tuple[int, Plain]] | list[Plain]"


def read_plain(source: Source, depth: int, *, is_json: bool) -> Plain:
    """Return the node that a text is; raises InputError with the place of the first thing that is wrong."""
    builder = _Builder(source, depth)
    if is_json:
        _read_json(builder)
    else:
        _read_yaml(builder)
    if builder.root is None:
        builder.fail(0, "found no data; expected a mapping")
    return builder.root


class _Builder:
    """Puts nodes together; `open`, `close`, `scalar` take them in the order of the text."""

    def __init__(self, source: Source, depth: int) -> None:
        self.source = source
        self.depth = depth
        self.root: Plain | None = None
        self.stack: list[Plain] = []
        self.keys: list[tuple[int, str] | None] = []  # the key whose value comes next

    def fail(self, position: int, message: str) -> NoReturn:
        place = self.source.place(min(position, len(self.source.text)))
        raise InputError([Finding(ERROR, "plain-syntax", message, place)])

    def open(self, position: int, value: Container) -> None:
        if len(self.stack) >= self.depth:
            self.fail(position, f"lists and mappings are nested more than {self.depth} deep")
        node = Plain(position, value)
        self.put(node)
        self.stack.append(node)
        self.keys.append(None)

    def close(self) -> None:
        self.stack.pop()
        self.keys.pop()

    @property
    def wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.keys[-1] is None

    def key(self, position: int, text: str) -> None:
        holder = self.stack[-1].value
        assert isinstance(holder, dict)
        if text in holder:
            line = self.source.place(holder[text][0]).line
            self.fail(position, f"key {text!a} stands twice: the other is in line {line}")
        self.keys[-1] = (position, text)

    def put(self, node: Plain) -> None:
        if not self.stack:
            self.root = node
            return
        holder, key = self.stack[-1].value, self.keys[-1]
        if isinstance(holder, list):
            holder.append(node)
        elif key is None:
            self.fail(node.position, "found a list or mapping as a key; expected a name")
        else:
            assert isinstance(holder, dict)
            holder[key[1]] = (key[0], node)
            self.keys[-1] = None


def _read_yaml(builder: _Builder) -> None:
    import yaml

    text = builder.source.text
    wrong = _UNPRINTABLE.search(text)
    if wrong:
        builder.fail(wrong.start(), f"found U+{ord(wrong[0]):04X}; expected printable text")
    # A PyYAML built without libyaml has no C loader.
    loader = getattr(yaml, "CLoader", yaml.Loader)
    try:
        _follow(builder, loader(text).get_event, yaml.events)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        builder.fail(mark.index if mark else 0, error.problem or "found something that is no YAML")


def _follow(builder: _Builder, next_event: Callable[[], Any], events: Any) -> None:
    documents = 0
    while True:
        event = next_event()
        position = event.start_mark.index
        if isinstance(event, events.NodeEvent):
            _refuse_decoration(builder, event)
        if isinstance(event, events.ScalarEvent):
            if builder.wants_key:
                builder.key(position, event.value)
            else:
                builder.put(Plain(position, _scalar(builder, event)))
        elif isinstance(event, events.MappingStartEvent):
            builder.open(position, {})
        elif isinstance(event, events.SequenceStartEvent):
            builder.open(position, [])
        elif isinstance(event, events.CollectionEndEvent):
            builder.close()
        elif isinstance(event, events.DocumentStartEvent):
            documents += 1
            if documents > 1:
                builder.fail(position, "found a second document; expected one")
        elif isinstance(event, events.StreamEndEvent):
            return


def _refuse_decoration(builder: _Builder, event: Any) -> None:
    position = event.start_mark.index
    if type(event).__name__ == "AliasEvent":
        builder.fail(position, f"found the alias '*{event.anchor}'; expected the value itself")
    if event.anchor is not None:
        builder.fail(position, f"found the anchor '&{event.anchor}'; expected the value alone")
    if event.tag is not None:
        builder.fail(position, f"found the tag {event.tag!a}; expected the value alone")


def _scalar(builder: _Builder, event: Any) -> str | int:
    """Return what a scalar is: what has no quotes may be a number."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if _NUMBER.fullmatch(text):
        return int(text, 16 if text.startswith("0x") else 10)
    if _OTHER.fullmatch(text):
        found = text[:20] or "nothing"
        builder.fail(event.start_mark.index, f"found {found}; expected a number, or text in quotes")
    return text


def _read_json(builder: _Builder) -> None:
    text = builder.source.text
    position = 0
    # What may come next: a value, a key, and the marks.
    state = "value"
    while True:
        match = _JSON.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip(" \t\r\n"))
            builder.fail(start, f"found {text[start : start + 20]!a}; expected {_names(state)}")
        kind = match.lastgroup
        assert kind is not None
        token, start, position = match[kind], match.start(kind), match.end()
        here = token if kind == "mark" else kind
        if here not in _ALLOWED[state]:
            found = "the end of the text" if kind == "end" else repr(token[:20])
            builder.fail(start, f"found {found}; expected {_names(state)}")
        if here == "end":
            return
        if here in "[{":
            builder.open(start, [] if here == "[" else {})
            state = "first value" if here == "[" else "first key"
            continue
        if here in ":,":
            inside = builder.stack[-1].value
            state = "value" if here == ":" or isinstance(inside, list) else "key"
            continue
        if state in ("key", "first key") and here == "string":
            builder.key(start, json.loads(token))
            state = "colon"
            continue
        if here in "]}":
            builder.close()
        elif here == "string":
            builder.put(Plain(start, json.loads(token)))
        else:
            builder.put(Plain(start, int(token) if len(token) < 30 else 1 << 99))
        if not builder.stack:
            state = "end"
        else:
            state = "after item" if isinstance(builder.stack[-1].value, list) else "after entry"


_VALUES = ("string", "number", "[", "{")
_ALLOWED = {
    "value": _VALUES,
    "first value": (*_VALUES, "]"),
    "key": ("string",),
    "first key": ("string", "}"),
    "colon": (":",),
    "after item": (",", "]"),
    "after entry": (",", "}"),
    "end": ("end",),
}


def _names(state: str) -> str:
    words = {"string": "a string", "number": "an integer", "end": "the end of the text"}
    return " or ".join(words.get(each, f"'{each}'") for each in _ALLOWED[state])
