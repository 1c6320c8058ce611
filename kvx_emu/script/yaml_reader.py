"""From YAML text to nodes, through PyYAML's events and nothing above them.

PyYAML's own constructors follow YAML 1.1 (`on` is true, `010` is 8), let duplicate keys pass, expand
aliases without bound and nest until the stack ends. Its events have none of this: the walk below is a
loop, what it holds is bounded by the length of the text, and it stops at the depth limit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from kvx_emu.limits import LIMITS
from kvx_emu.script.nodes import REFUSED, Mapping, Node, Scalar, Sequence, Value, resolve
from kvx_emu.script.report import Report, quote

if TYPE_CHECKING:
    from collections.abc import Callable

_LOADER = getattr(yaml, "CLoader", yaml.Loader)  # a PyYAML built without libyaml has no C loader
_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufeff\uff00-\ufffd\U00010000-\U0010ffff]")


class Document:
    """What was read: the root (None if there is none), and the scalars that contain `${`."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.templates: list[Scalar] = []


def read_yaml(report: Report, depth: int = LIMITS.script_depth) -> Document:
    """Return the document of `report`'s text; what is wrong with it goes into `report`.

    After an error of syntax, or a nesting deeper than `depth`, there is no root. After any other error
    there is one, in which what was refused is marked so that it is not told twice.
    """
    text = report.source.text
    wrong = _UNPRINTABLE.search(text)
    if wrong:
        found = f"found the control character U+{ord(wrong.group()):04X}"
        report.error(wrong.start(), "script-syntax", f"{found}; expected text and line ends")
        return Document()
    builder = _Builder(report, depth)
    try:
        builder.run(_LOADER(text).get_event)
    except yaml.MarkedYAMLError as error:
        _tell_syntax(report, error)
        builder.document.root = None
    except _TooDeep:
        builder.document.root = None
    return builder.document


class _TooDeep(Exception):  # noqa: N818 - a signal inside this file
    """The nesting passes the limit; it has been told."""


class _Builder:
    """Puts nodes together from events."""

    def __init__(self, report: Report, depth: int) -> None:
        self.report = report
        self.depth = depth
        self.document = Document()
        self.open: list[Sequence | Mapping] = []
        self.keys: list[tuple[int, str] | None] = []  # of each open mapping: the key whose value comes next
        self.told: set[int] = set()  # positions of keys that were told to stand twice

    def run(self, next_event: Callable[[], Any]) -> None:
        """Read the first document, and tell a second one."""
        documents = 0
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                self.scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self.start(event, Mapping if kind is MappingStartEvent else Sequence)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                node = self.open.pop()
                self.keys.pop()
                self.put(node)
            elif kind is AliasEvent:
                position = event.start_mark.index
                name = event.anchor
                found = f"found the alias `*{name}`; expected the value itself: scripts have no aliases"
                self.report.error(position, "script-alias", found)
                self.put(Scalar(position, "", REFUSED))
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    position = event.start_mark.index
                    found = "found a second document; expected one document in a script"
                    self.report.error(position, "script-document", found)
                    return
            elif kind is StreamEndEvent:
                return

    def scalar(self, event: Any) -> None:
        """Take a scalar: a key, or a value."""
        text = event.value
        position = event.start_mark.index
        value: Value = resolve(text) if event.implicit[0] else text
        if event.tag is not None or event.anchor is not None:
            self.tell_decoration(position, event)
            value = REFUSED if event.tag is not None else value
        if self.open and self.keys[-1] is None and type(self.open[-1]) is Mapping:
            self.key(position, text)
            return
        node = Scalar(position, text, value)
        if "${" in text and value is not REFUSED:
            self.document.templates.append(node)
        self.put(node)

    def start(self, event: Any, shape: type[Mapping] | type[Sequence]) -> None:
        """Open a collection."""
        position = event.start_mark.index
        if event.tag is not None or event.anchor is not None:
            self.tell_decoration(position, event)
        if len(self.open) >= self.depth:
            found = f"found lists and mappings nested deeper than {self.depth}; expected at most {self.depth}"
            self.report.error(position, "script-depth", found)
            raise _TooDeep
        self.open.append(shape(position))
        self.keys.append(None)

    def put(self, node: Node) -> None:
        """Hand a complete node to the collection that holds it."""
        if not self.open:
            self.document.root = node
            return
        holder = self.open[-1]
        if isinstance(holder, Sequence):
            holder.items.append(node)
            return
        key = self.keys[-1]
        if key is None:
            if not (isinstance(node, Scalar) and node.value is REFUSED):
                self.report.error(
                    node.position, "script-key", "found a list or mapping as a key; expected a word"
                )
            self.keys[-1] = (-1, "")
            return
        self.keys[-1] = None
        if key[0] >= 0:
            holder.entries[key[1]] = (key[0], node)

    def key(self, position: int, text: str) -> None:
        """Take a scalar as the key of the innermost mapping; the first of equal keys is kept."""
        holder = self.open[-1]
        assert isinstance(holder, Mapping)
        earlier = holder.entries.get(text)
        if earlier is None:
            self.keys[-1] = (position, text)
            return
        report, first = self.report, earlier[0]
        if first not in self.told:
            self.told.add(first)
            line = report.place(position).line
            found = f"key {quote(text)} stands again in line {line}; expected each key once"
            report.error(first, "script-duplicate", found)
        found = f"key {quote(text)} stands already in line {report.place(first).line}; expected each key once"
        report.error(position, "script-duplicate", found)
        self.keys[-1] = (-1, "")

    def tell_decoration(self, position: int, event: Any) -> None:
        """Tell the anchor or the tag of a node."""
        if event.anchor is not None:
            found = f"found the anchor `&{event.anchor}`; expected a value alone: scripts have no anchors"
            self.report.error(position, "script-anchor", found)
        if event.tag is not None:
            found = f"found the tag {quote(event.tag)}; expected a value alone: scripts have no tags"
            self.report.error(position, "script-tag", found)


def _tell_syntax(report: Report, error: yaml.MarkedYAMLError) -> None:
    """Tell an error of PyYAML's scanner or parser in our form."""
    text = report.source.text
    mark = error.problem_mark or error.context_mark
    position = min(mark.index, len(text)) if mark else 0
    message = error.problem or "found something that is no YAML"
    if text[position : position + 1] == "\t":
        message = "found a tab; expected spaces: YAML does not allow tabs there"
    elif text[max(0, position - 1) : position + 1] == "${":
        message = 'found `${` in a flow mapping or list; expected it in quotes there: "${name}"'
    elif error.context and error.context_mark:
        line = report.place(min(error.context_mark.index, len(text))).line
        message += f", {error.context} that starts in line {line}"
    report.error(position, "script-syntax", message)
