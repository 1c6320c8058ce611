"""The script language, version 1: every key, once. Reading, defaults and the JSON Schema follow from here."""
# ruff: noqa: RUF009 - the fields are declared by calls of `key`, as with `field`

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from kvx_emu.limits import LIMITS
from kvx_emu.script.actions import COUNTS, EVENTS, SENT
from kvx_emu.script.kinds import (
    Bounds,
    Choice,
    FileName,
    Flag,
    Lines,
    ManyCores,
    OneCore,
    Schema,
    Service,
    Several,
    Text,
    Time,
    Whole,
    Word,
    WordOr,
    Words,
    describe,
)
from kvx_emu.script.nodes import REFUSED, Mapping, Node, Scalar
from kvx_emu.script.record import REQUIRED, key, read_keys, record_schema
from kvx_emu.script.report import Refused, Report, listed, quote
from kvx_emu.script.steps import STEPS, Step, Steps, step

if TYPE_CHECKING:
    from kvx_emu.script.names import CoreSet
    from kvx_emu.script.times import Duration

VERSION = 1
TABLES = (".csv", ".npy", ".parquet")
FIRST_IPI_LINE, LAST_LINE = 24, 31

OPERATIONS = ("reschedule", "call_func", "irq_work", "unknown")
"""What an IPI may ask Linux for, by bit of the target's word. Source: Linux arch/kvx/kernel/smp.c."""

_IPI_LINE = Whole(FIRST_IPI_LINE, LAST_LINE, f"a line {FIRST_IPI_LINE}..{LAST_LINE}", "script-line")
_IPI_LINES = Lines(FIRST_IPI_LINE, LAST_LINE)
_ADDRESS = Whole(what="an address 0..2^64 - 1")
_SIZE = Choice(1, 2, 4, 8)


class Sized(Protocol):
    """A step with a size in bytes."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def where(self, name: str) -> int:
        """Return the position of a key's value."""
        ...


def check_width(step: Sized, name: str, value: int, report: Report) -> None:
    """Tell a value that `size` bytes can not hold."""
    if value >> 8 * step.size:
        held = f"at most {(1 << 8 * step.size) - 1:#x}"
        message = f"{name} {value:#x} is wider than the size of {step.size} bytes; expected {held}"
        report.error(step.where(name), "script-value", message)


@step("send")
@dataclass(frozen=True, slots=True, kw_only=True)
class SendStep(Step):
    """Writes the mask of the targets to INTERRUPT[line - 24], once for each of their clusters."""

    writer: CoreSet = key(OneCore(), "the core that writes", name="from", default="pe0")
    to: CoreSet = key(
        ManyCores(sender=True), "the targets; all, pes and others mean the sender's cluster", default=REQUIRED
    )
    line: int = key(_IPI_LINE, "the line that the targets get", default=24)
    operation: str | None = key(
        Choice(*OPERATIONS), "what Linux is asked to do; `unknown` is one that it does not know", name="op"
    )


@step("mask")
@dataclass(frozen=True, slots=True, kw_only=True)
class MaskStep(Step):
    """Writes MASK[line - 24] so that exactly these cores are blocked."""

    line: int = key(_IPI_LINE, "the line that is blocked", default=REQUIRED)
    block: CoreSet = key(
        ManyCores(sender=True, empty=True), "the cores to block; [] blocks none", default=REQUIRED
    )
    writer: CoreSet = key(OneCore(), "the core that writes", name="from", default="pe0")


@step("write")
@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStep(Step):
    """Writes a value to an address of the bus."""

    address: int = key(_ADDRESS, "the address", name="addr", default=REQUIRED)
    value: int = key(Whole(), "the value; it must fit the size", default=REQUIRED)
    size: int = key(_SIZE, "bytes", default=4)
    writer: CoreSet = key(OneCore(), "the core that writes", name="from", default="pe0")

    def check(self, report: Report) -> None:
        """Tell a value wider than its size."""
        check_width(self, "value", self.value, report)


@step("read")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStep(Step):
    """Reads from an address of the bus; `equals` makes it an expectation."""

    address: int = key(_ADDRESS, "the address", name="addr", default=REQUIRED)
    size: int = key(_SIZE, "bytes", default=4)
    reader: CoreSet = key(OneCore(), "the core that reads", name="from", default="pe0")
    equals: int | str | None = key(WordOr("bus-error", Whole()), "the value expected, or bus-error")

    def check(self, report: Report) -> None:
        """Tell an expected value wider than its size."""
        if isinstance(self.equals, int):
            check_width(self, "equals", self.equals, report)


@step("enable")
@dataclass(frozen=True, slots=True, kw_only=True)
class EnableStep(Step):
    """Sets the ILE bits of lines on cores."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    lines: tuple[int, ...] = key(Lines(), "the lines 0..31", alias="line", default=REQUIRED)


@step("disable")
@dataclass(frozen=True, slots=True, kw_only=True)
class DisableStep(EnableStep):
    """Clears the ILE bits of lines on cores."""


@step("level")
@dataclass(frozen=True, slots=True, kw_only=True)
class LevelStep(Step):
    """Sets the level (ILL) of lines on cores."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    lines: tuple[int, ...] = key(Lines(), "the lines 0..31", name="line", alias="lines", default=REQUIRED)
    value: int = key(Whole(0, 3, "a level 0..3"), "the level; 0 is never taken", default=REQUIRED)


@step("sfr")
@dataclass(frozen=True, slots=True, kw_only=True)
class SfrStep(Step):
    """Changes a special register of cores as a debugger would, or checks it."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    register: str = key(Text("the name of a register"), "the register's name, such as ILR", default=REQUIRED)
    set: int | None = key(Whole(), "the bits to set")
    clear: int | None = key(Whole(), "the bits to clear")
    write: int | None = key(Whole(), "the value to write")
    equals: int | None = key(Whole(), "the value expected")

    operations: ClassVar[tuple[str, ...]] = ("set", "clear", "write", "equals")
    rule: ClassVar[Schema] = {"oneOf": [{"required": [name]} for name in operations]}

    @property
    def chosen(self) -> list[tuple[str, int]]:
        """The operations that the step has, with their values: one, once the step is checked."""
        pairs = [(name, getattr(self, name)) for name in self.operations]
        return [(name, value) for name, value in pairs if value is not None]

    def check(self, report: Report) -> None:
        """Tell no operation, or several."""
        chosen = self.chosen
        if len(chosen) != 1:
            found = " and ".join(name for name, _ in chosen) or "none"
            message = f"found {found} of set, clear, write and equals; expected one of them"
            raise report.refuse(self.position, "script-key", message)


@step("wait")
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStep(Step):
    """Moves time on, or runs until nothing is outstanding."""

    bare = True
    time: Duration | str = key(WordOr("idle", Time()), "a duration, or idle", default=REQUIRED)


@step("repeat")
@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatStep(Step):
    """Runs steps several times, at fixed intervals or back to back."""

    count: int = key(Whole(), "how often", default=REQUIRED)
    every: Duration | None = key(Time(), "from one start to the next; without it, back to back")
    steps: tuple[Step | None, ...] = key(Steps(inside=True), "the steps, without `at`", default=REQUIRED)


@step("random")
@dataclass(frozen=True, slots=True, kw_only=True)
class RandomStep(Step):
    """Draws sends: sender, line and targets."""

    count: int = key(Whole(), "how many sends", default=REQUIRED)
    seed: int | None = key(Whole(), "the seed; without it --seed, or 0")
    every: Duration = key(Time(), "from one send to the next", default=0)
    writers: CoreSet = key(ManyCores(), "the senders to draw from", name="from", default="pe0")
    targets: str = key(
        Choice("one", "uniform", "all"),
        "one other core, each core with chance 1/2, or every core of the sender's cluster",
        default="one",
    )
    lines: tuple[int, ...] = key(_IPI_LINES, "the lines to draw from", alias="line", default=[24])


@step("replay")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStep(Step):
    """Writes to the bus what a table says, at the times that it says."""

    file: str = key(
        FileName(*TABLES),
        "the table, seen from the script's folder: columns tick, addr, value and perhaps from",
        default=REQUIRED,
    )


_COUNT = Bounds()


class Record:
    """A mapping with the declared keys of `record`."""

    def __init__(self, record: type, what: str) -> None:
        self.record, self.what = record, what

    def read(self, node: Node, report: Report) -> object:
        """Return the record."""
        return self.record(**read_keys(self.record, node, report, self.what))

    def schema(self) -> Schema:
        """Return the record's schema."""
        return record_schema(self.record)


_FILTERS = {"core": ("core", "cores"), "line": ("line", "lines"), "from": ("from",)}
"""What rows are chosen by, with the keys that do so."""


def _having(part: str) -> tuple[str, ...]:
    """Return the events whose rows can have this part."""
    return tuple(event for event, parts in EVENTS.items() if part in parts)


def _fits(*names: str) -> list[Schema]:
    """Return the rules that no key of `names` holds an event whose rows lack what they are chosen by."""
    rules: list[Schema] = []
    for part, keys in _FILTERS.items():
        fitting = {"properties": dict.fromkeys(names, Words(*_having(part)).schema())}
        rules.append({"if": {"anyOf": [{"required": [name]} for name in keys]}, "then": fitting})
    return rules


def check_events(node: Node, events: tuple[str, ...], report: Report) -> None:
    """Tell each key of the mapping `node` that chooses rows by what those of one of `events` lack."""
    entries = node.entries if isinstance(node, Mapping) else {}
    for part, keys in _FILTERS.items():
        having = _having(part)
        lacking = [event for event in events if event not in having]
        for name in keys if lacking else ():
            if name in entries:
                what = "sender" if part == "from" else part
                message = f"found `{name}` with {quote(lacking[0])}, whose rows have no {what}"
                report.error(entries[name][0], "script-key", f"{message}; expected {listed(having)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What comes later: the first row of this event, these cores, lines and senders."""

    event: str = key(Word(*EVENTS), "the event of the row", default="enter")
    cores: CoreSet | None = key(ManyCores(), "the cores; without it, all", name="core", alias="cores")
    lines: tuple[int, ...] | None = key(
        Lines(), "the lines 0..31; without it, all", name="line", alias="lines"
    )
    senders: CoreSet | None = key(
        ManyCores(), "the cores that sent it; without it, all and none", name="from"
    )

    rule: ClassVar[Schema] = {"allOf": _fits("event")}


_COUNT = Bounds()
_NO_SENDER = tuple(name for name in COUNTS if name not in SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedStep(Step):
    """The base of steps that count rows."""

    cores: CoreSet | None = key(ManyCores(), "the cores; without it, all", name="core", alias="cores")
    lines: tuple[int, ...] | None = key(
        Lines(), "the lines 0..31; without it, all", name="line", alias="lines"
    )
    senders: CoreSet | None = key(
        ManyCores(), "the cores that sent it; without it, all and none", name="from"
    )
    delivered: tuple[int, int | None] | None = key(_COUNT, "enter rows")
    coalesced: tuple[int, int | None] | None = key(_COUNT, "coalesced rows")
    masked: tuple[int, int | None] | None = key(_COUNT, "masked rows")
    requested: tuple[int, int | None] | None = key(_COUNT, "request rows")
    pending: tuple[int, int | None] | None = key(_COUNT, "requests that wait now")
    cleared: tuple[int, int | None] | None = key(_COUNT, "clear rows")
    handled: tuple[int, int | None] | None = key(_COUNT, "irq rows: handlers of MSIs that Linux ran")
    lost: tuple[int, int | None] | None = key(_COUNT, "lost rows; they are about no core and no line")
    timers: tuple[int, int | None] | None = key(_COUNT, "timer rows: underflows of timers and watchdogs")
    since: str | None = key(Text("the name of a mark"), "count from the latest mark of this name")

    checked: ClassVar[tuple[str, ...]] = COUNTS  # the keys that say what is expected
    rules: ClassVar[list[Schema]] = [
        {
            "if": {"required": ["lost"]},
            "then": {"properties": dict.fromkeys(("core", "cores", "line", "lines"), False)},
        },
        {"if": {"required": ["from"]}, "then": {"properties": dict.fromkeys(_NO_SENDER, False)}},
    ]

    @property
    def counts(self) -> tuple[tuple[str, int, int | None], ...]:
        """The counts that are expected: name, least, most."""
        pairs = [(name, getattr(self, name)) for name in COUNTS]
        return tuple((name, *bounds) for name, bounds in pairs if bounds is not None)

    def check(self, report: Report) -> None:
        """Tell an expectation of nothing, and counts of what has no core, no line or no sender."""
        if not self.has(*self.checked):
            *others, last = self.checked
            expected = f"expected one of {', '.join(others)} or {last}"
            raise report.refuse(self.position, "script-missing", f"`{self.kind}` checks nothing; {expected}")
        for name in self.has("core", "cores", "line", "lines") if self.lost is not None else ():
            message = f"found `{name}` with `lost`; expected `lost` alone: its rows have no core and no line"
            report.error(self.where(name), "script-key", message)
        for name in self.has(*_NO_SENDER) if self.senders is not None else ():
            *others, last = dict.fromkeys(one for one in self.checked if one not in _NO_SENDER)
            expected = f"{', '.join(others)} or {last}"
            message = f"found `from` with `{name}`, which has no sender; expected it with {expected}"
            report.error(self.where("from"), "script-key", message)


@step("expect")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectStep(CountedStep):
    """Checks counts, summed over cores, lines and senders, order and absence, when the step is reached."""

    within: Duration | None = key(Time(), "the greatest time from request to enter")
    never: tuple[str, ...] | None = key(Words(*EVENTS), "events, one or a list: there is no row of them")
    event: str | None = key(Word(*EVENTS), "with `before`: the event of the earlier row; without it, enter")
    before: Later | None = key(
        Record(Later, "`before`"), "the first row of `event` comes before the first of these"
    )

    checked: ClassVar[tuple[str, ...]] = (*COUNTS, "within", "never", "before")
    rule: ClassVar[Schema] = {
        "anyOf": [{"required": [name]} for name in checked],
        "dependentRequired": {"event": ["before"]},
        "allOf": [*CountedStep.rules, *_fits("never", "event")],
    }

    def check(self, report: Report) -> None:
        """Tell what is wrong with counts, and filters that rows of the events can not pass."""
        CountedStep.check(self, report)
        if self.before is None and self.event is not None:
            message = (
                "found `event` without `before`; expected both, or `never` for an event that is not to be"
            )
            report.error(self.where("event"), "script-key", message)
        check_events(self.body, self.never or (), report)
        if self.before is not None and isinstance(self.body, Mapping):
            check_events(self.body, (self.event or "enter",), report)
            check_events(self.body.entries["before"][1], (self.before.event,), report)


@step("wait-for")
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForStep(CountedStep):
    """Lets time pass until the counts are as expected; fails after its limit."""

    limit: Duration = key(Time(), "the most time that may pass", default=REQUIRED)

    rule: ClassVar[Schema] = {
        "anyOf": [{"required": [name]} for name in COUNTS],
        "allOf": CountedStep.rules,
    }


@step("mark")
@dataclass(frozen=True, slots=True, kw_only=True)
class MarkStep(Step):
    """Names this moment, for `since` of an expectation."""

    bare = True
    name: str = key(Text("the name of the moment"), "the name", default=REQUIRED)


STEPS.announce("kvx_emu.script.fabric_steps", "raise", "lower", "pulse", "msi", "post", "timer", "watchdog")
STEPS.announce("kvx_emu.script.fabric_steps", "start", "stop", "ipe", "idle")
STEPS.announce("kvx_emu.script.fabric_steps", "enable_irq", "disable_irq", "affinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things take; all 0 by default."""

    delivery: Duration = key(Time(), "from the register write to the core's request latch", default=0)
    entry: Duration = key(Time(), "from the take to the first instruction of the handler", default=0)
    service: tuple[Duration | None, ...] = key(
        Service(),
        "how long a handler of one line runs: a duration, or {24: 500ns, default: 100ns}",
        default=0,
    )


PARAMETER = r"[A-Za-z_][A-Za-z0-9_-]*"
"""What the name of a parameter looks like."""


class Parameters:
    """Named numbers."""

    _number = Whole()

    def read(self, node: Node, report: Report) -> dict[str, int]:
        """Return the numbers by name."""
        if not isinstance(node, Mapping):
            if isinstance(node, Scalar) and node.value is REFUSED:
                raise Refused
            message = f"found {describe(node)}; expected a mapping of names to numbers"
            raise report.refuse(node.position, "script-param", message)
        values: dict[str, int] = {}
        wrong = False
        for name, (position, value) in node.entries.items():
            if not re.fullmatch(PARAMETER, name):
                message = f"found the parameter {quote(name)}; expected a name of letters, digits, _ and -"
                report.error(position, "script-param", message)
                wrong = True
            try:
                values[name] = self._number.read(value, report)
            except Refused:
                wrong = True
        if wrong:
            raise Refused
        return values

    def schema(self) -> Schema:
        """Return an object of numbers."""
        number = {"type": "integer", "minimum": 0, "maximum": LIMITS.number - 1}
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{PARAMETER}$"},
            "additionalProperties": number,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """A script of kvx-emu."""

    version: int = key(
        Choice(VERSION, code="script-version"), "the version of the language", default=REQUIRED
    )
    name: str | None = key(Text("a text"), "what the script is about")
    software: str = key(Choice("linux", "bare"), "what runs on the cores", default="linux")
    nesting: bool = key(Flag(), "whether a higher level preempts a handler; bare only", default=False)
    boot: str = key(
        Choice("running", "reset", "full"),
        "how the cores start: running, held in reset but cluster 0's RM, or as Linux boots them",
        default="running",
    )
    driver_defects: tuple[tuple[str, int], ...] = key(
        Several(Choice("mailbox-mask"), "a list of defects"),
        "defects of Linux drivers that are to show; linux only",
        default=[],
    )
    devices: tuple[tuple[str, int], ...] | str | None = key(
        WordOr("all", Several(Text("a node of the tree"), "all, or a list of nodes of the tree")),
        "the devices whose Linux drivers request their interrupt at boot; without it those that steps name",
    )
    timing: Timing = key(Record(Timing, "`timing`"), "how long things take", default={})
    params: dict[str, int] = key(
        Parameters(), "named numbers: `${n}` in any number; --set n=5 overrides", default={}
    )
    steps: tuple[Step | None, ...] = key(Steps(), "what happens, in order", default=REQUIRED)

    rule: ClassVar[Schema] = {
        "not": {
            "required": ["nesting"],
            "properties": {"nesting": {"const": True}, "software": {"const": "linux"}},
        },
        "if": {"required": ["software"], "properties": {"software": {"const": "bare"}}},
        "then": {
            "properties": {
                "boot": {"not": {"const": "full"}},
                "driver_defects": {"maxItems": 0},
                "devices": False,
            }
        },
    }
