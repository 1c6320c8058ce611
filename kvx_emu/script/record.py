"""Mappings with declared keys: a dataclass whose fields say how each key is read and described.

    class SendStep(Step):
        '''One write of the targets to INTERRUPT[line - 24].'''
        writer: CoreSet = key(OneCore(), "the core that writes", name="from", default="pe0")

From such a declaration follow the reading, the defaults, the messages and the JSON Schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from kvx_emu.script.kinds import Schema, describe
from kvx_emu.script.nodes import REFUSED, Mapping, Node, Scalar, Sequence
from kvx_emu.script.report import Refused, Report, nearest, quote

if TYPE_CHECKING:
    from kvx_emu.script.kinds import Kind

REQUIRED = object()
"""The default of a key that must be there."""

NOWHERE = -1
"""The position of what the script does not say: a default."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a record: its name (and another that it may have), kind, default and one line of help."""

    name: str
    kind: Kind
    doc: str
    default: object  # as a script would write it; None: the key is absent; REQUIRED
    alias: str
    field: str


def key(kind: Kind, doc: str, *, name: str = "", default: object = None, alias: str = "") -> Any:
    """Declare a dataclass field as a key of the mapping; `name` where it is not the field's own name."""
    declared = Key(name, kind, doc, default, alias, "")
    return field(default=None, metadata={"key": declared})


class Layout:
    """What follows from the fields of a record class: its keys by name, and the values of absent ones."""

    def __init__(self, record: type) -> None:
        self.keys: list[Key] = []
        for entry in fields(record):
            declared = entry.metadata.get("key")
            if declared is not None:
                name = declared.name or entry.name
                kind, doc, default = declared.kind, declared.doc, declared.default
                self.keys.append(Key(name, kind, doc, default, declared.alias, entry.name))
        self.by_name = {name: known for known in self.keys for name in (known.name, known.alias) if name}
        self.required = [known for known in self.keys if known.default is REQUIRED]
        self.defaults = {
            known.field: _default(known) for known in self.keys if known.default not in (None, REQUIRED)
        }


_LAYOUTS: dict[type, Layout] = {}


def layout(record: type) -> Layout:
    """Return the layout of a record class, made at its first use."""
    known = _LAYOUTS.get(record)
    if known is None:
        known = _LAYOUTS[record] = Layout(record)
    return known


def _default(known: Key) -> Any:
    """Return the value that the default of a key means."""
    value = known.default
    assert isinstance(value, str | int | list | dict)
    node: Node
    if isinstance(value, list):
        node = Sequence(NOWHERE)
        node.items = [Scalar(NOWHERE, str(item), item) for item in value]
    elif isinstance(value, dict):
        node = Mapping(NOWHERE)
    else:
        node = Scalar(NOWHERE, str(value), value)
    return known.kind.read(node, None)  # type: ignore[arg-type]  # a default of ours is never reported


def read_keys(record: type, node: Node, report: Report, what: str) -> dict[str, Any]:
    """Return the values of the record's fields from a mapping; `what` names it in messages.

    All keys are gone through, and all that is wrong with them told, before Refused is raised.
    """
    values, sound = read_some_keys(record, node, report, what)
    if not sound:
        raise Refused
    return values


def read_some_keys(record: type, node: Node, report: Report, what: str) -> tuple[dict[str, Any], bool]:
    """Do as `read_keys`, but return what could be read, and whether that is all and nothing was wrong."""
    known = layout(record)
    if not isinstance(node, Mapping):
        if isinstance(node, Scalar) and node.value is REFUSED:
            return known.defaults, False
        names = ", ".join(one.name for one in known.keys)
        message = f"found {describe(node)} for {what}; expected a mapping with the keys {names}"
        report.error(node.position, "script-value", message)
        return known.defaults, False
    values = known.defaults.copy()
    seen: set[str] = set()
    wrong = False
    for name, (position, value) in node.entries.items():
        declared = known.by_name.get(name)
        if declared is None:
            expected = ", ".join(one.name for one in known.keys)
            hint = nearest(name, list(known.by_name))
            report.error(
                position, "script-key", f"unknown key {quote(name)} of {what}; expected {expected}{hint}"
            )
            wrong = True
            continue
        if declared.field in seen:
            message = f"found both {declared.name} and {declared.alias} of {what}; expected one of them"
            report.error(position, "script-key", message)
            wrong = True
        seen.add(declared.field)
        try:
            values[declared.field] = declared.kind.read(value, report)
        except Refused:
            wrong = True
    for declared in known.required:
        if declared.field not in seen:
            either = f"{declared.name} or {declared.alias}" if declared.alias else declared.name
            report.error(node.position, "script-missing", f"{what} lacks the key {either}; expected it")
            wrong = True
    return values, not wrong


def record_schema(record: type) -> Schema:
    """Return the JSON Schema of a mapping with the record's keys."""
    known = layout(record)
    properties: dict[str, Schema] = {}
    rules: list[Schema] = []
    for declared in known.keys:
        entry = declared.kind.schema() | {"description": declared.doc}
        if declared.default not in (None, REQUIRED):
            entry["default"] = declared.default
        properties[declared.name] = entry
        if declared.alias:
            properties[declared.alias] = entry | {
                "description": f"{declared.doc} (the same as {declared.name})"
            }
            both: list[Schema] = [{"required": [declared.name]}, {"required": [declared.alias]}]
            rules.append({"oneOf": both} if declared.default is REQUIRED else {"not": {"allOf": both}})
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [declared.name for declared in known.required if not declared.alias]
    if required:
        schema["required"] = required
    extra = getattr(record, "rule", None)
    if extra:
        rules.append(extra)
    if rules:
        schema["allOf"] = rules
    if record.__doc__:
        schema["description"] = record.__doc__.splitlines()[0]
    return schema
