"""Steps: a list of them, each a mapping of one kind and perhaps `at`; the kinds register themselves here."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, TypeVar

from kvx_emu.script.kinds import Schema, Time, describe
from kvx_emu.script.nodes import REFUSED, Mapping, Node, Scalar, Sequence
from kvx_emu.script.record import layout, read_keys, record_schema
from kvx_emu.script.report import Refused, Report, nearest, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvx_emu.script.times import Duration


class Kinds(MappingType[str, "type[Step]"]):
    """The kinds of steps by name. Some are declared in a module that is imported when one is needed."""

    def __init__(self) -> None:
        self._known: dict[str, type[Step] | str] = {}

    def __getitem__(self, name: str) -> type[Step]:
        found = self._known[name]
        if isinstance(found, str):
            import_module(found)
            found = self._known[name]
            assert not isinstance(found, str)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, name: str, record: type[Step]) -> None:
        """Take in a kind; one that was announced keeps its place."""
        self._known[name] = record

    def announce(self, module: str, *names: str) -> None:
        """Say that `module` declares these kinds."""
        self._known |= dict.fromkeys(names, module)


STEPS = Kinds()
"""The kinds of steps, in the order of the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The base of all steps, checked but not bound to a board.

    `position` is where it stands, `body` what stands after its kind, `at` the absolute time it asks for.
    """

    position: int
    kind: str
    body: Node
    at: Duration | None

    bare: ClassVar[bool] = False  # the body is the value of the one key, not a mapping

    def where(self, name: str) -> int:
        """Return the position of the value of the key `name`, or the step's where the key is absent."""
        if isinstance(self.body, Mapping) and name in self.body.entries:
            return self.body.entries[name][1].position
        return self.position

    def has(self, *names: str) -> list[str]:
        """Return those of the keys `names` that stand in the script."""
        return [name for name in names if isinstance(self.body, Mapping) and name in self.body.entries]

    def check(self, report: Report) -> None:
        """Tell what is wrong between the keys of the step."""


_AT = Time()


def _read_step(node: Node, report: Report, *, inside: bool) -> Step:
    """Return the step of `node`; `inside` says that a repeat encloses it. Raises Refused if it is wrong."""
    if not isinstance(node, Mapping):
        if isinstance(node, Scalar) and node.value is REFUSED:
            raise Refused
        found = f"found {describe(node)}; expected a step: a mapping with one of {', '.join(STEPS)}"
        raise report.refuse(node.position, "script-step", found)
    kinds: list[str] = []
    at: Duration | None = None
    wrong = False
    for name, (position, value) in node.entries.items():
        if name in STEPS:
            kinds.append(name)
        elif name == "at":
            try:
                at = _AT.read(value, report)
            except Refused:
                wrong = True
            if inside:
                message = (
                    "found `at` inside repeat; expected it only at the top level: it is an absolute time"
                )
                report.error(position, "script-step", message)
        else:
            hint = nearest(name, [*STEPS, "at"])
            message = f"unknown step {quote(name)}; expected one of {', '.join(STEPS)}{hint}"
            report.error(position, "script-step", message)
            wrong = True
    if not wrong and len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        message = f"found {found} of the kinds of steps; expected exactly one of {', '.join(STEPS)}"
        report.error(node.position, "script-step", message)
    if len(kinds) != 1:
        raise Refused
    step = _read_body(kinds[0], node, at, report)
    if wrong:
        raise Refused
    return step


def _read_body(kind: str, node: Mapping, at: Duration | None, report: Report) -> Step:
    """Return the step of the known `kind` that the mapping `node` holds."""
    record = STEPS[kind]
    body = node.entries[kind][1]
    if record.bare:
        (only,) = layout(record).keys
        values = {only.field: only.kind.read(body, report)}
    else:
        values = read_keys(record, body, report, f"`{kind}`")
    step = record(position=node.position, kind=kind, body=body, at=at, **values)
    step.check(report)
    return step


class Steps:
    """A list of steps, at the top level or `inside` a repeat."""

    def __init__(self, *, inside: bool = False) -> None:
        self.inside = inside

    def read(self, node: Node, report: Report) -> tuple[Step | None, ...]:
        """Return the steps; None where one was refused, so that the others can still be checked."""
        if not isinstance(node, Sequence) or not node.items:
            if isinstance(node, Scalar) and node.value is REFUSED:
                raise Refused
            found = f"found {describe(node)}; expected a list of at least one step"
            raise report.refuse(node.position, "script-value", found)
        steps: list[Step | None] = []
        for item in node.items:
            try:
                steps.append(_read_step(item, report, inside=self.inside))
            except Refused:
                steps.append(None)
        return tuple(steps)

    def schema(self) -> Schema:
        """Return a list of references to the step's own schema."""
        name = "inner-step" if self.inside else "step"
        return {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{name}"}}


def step_schema(*, inside: bool) -> Schema:
    """Return the JSON Schema of a step: exactly one kind, and `at` unless `inside` a repeat."""
    properties = {name: {"$ref": f"#/$defs/{name}"} for name in STEPS}
    if not inside:
        properties["at"] = _AT.schema() | {"description": "the absolute time at which the step acts"}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in STEPS],
    }


def body_schema(record: type[Step]) -> Schema:
    """Return the JSON Schema of what stands after the kind of a step."""
    if not record.bare:
        return record_schema(record)
    (only,) = layout(record).keys
    assert record.__doc__ is not None
    return only.kind.schema() | {"description": record.__doc__}


_Record = TypeVar("_Record", bound=type[Step])


def step(name: str) -> Callable[[_Record], _Record]:
    """Register a class as the kind of step `name`."""

    def register(record: _Record) -> _Record:
        STEPS.add(name, record)
        return record

    return register
