"""The steps about the interrupt fabric: every key, once. Read when a script has the first of them."""
# ruff: noqa: RUF009 - the fields are declared by calls of `key`, as with `field`

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from kvx_emu.script.kinds import Choice, Flag, ManyCores, OneCore, Period, Schema, Text, Whole
from kvx_emu.script.language import check_width
from kvx_emu.script.record import REQUIRED, key
from kvx_emu.script.steps import Step, step

if TYPE_CHECKING:
    from kvx_emu.script.names import CoreSet
    from kvx_emu.script.report import Report
    from kvx_emu.script.times import Duration

MAILBOXES = 128
"""Mailboxes of a cluster at most. Source: Devicetree bindings, kalray,coolidge-apic-mailbox.yaml."""

CODE_PAGE = 0x1000
"""A core starts at a multiple of it. Source: QEMU hw/misc/kvx pwr-ctrl.c, ftu.c: the 12 low bits are 0."""

_NODE = Text("a node of the tree: its path, its label, or a name that only one node has")
_MAILBOX = Whole(0, MAILBOXES - 1, f"a mailbox 0..{MAILBOXES - 1}")
_BIT = Whole(0, 63, "a bit 0..63")
_CLUSTER = Whole(0, 9999, "a cluster 0..9999")
_INDEX = Whole(0, 9999, "an index 0..9999")

_Way = tuple[tuple[str, ...], tuple[str, ...]]
"""One way to write a step: the keys that it needs, and those that it may have besides."""


def _ways(*ways: _Way) -> Schema:
    """Return the schema of steps that are written in exactly one of several ways."""
    every = dict.fromkeys(name for needed, more in ways for name in (*needed, *more))
    return {
        "oneOf": [
            {
                "required": list(needed),
                "properties": {name: False for name in every if name not in {*needed, *more}},
            }
            for needed, more in ways
        ]
    }


def _check_ways(step: Step, report: Report, *ways: _Way) -> None:
    """Tell keys that do not go together, and raise Refused: the step must be one of `ways`.

    The first key of what a way needs says which way is meant.
    """
    leading = [needed[0] for needed, _ in ways]
    chosen = step.has(*leading)
    if len(chosen) != 1:
        found = " and ".join(chosen) or "none"
        expected = f"of {' and '.join(leading)}; expected one of them"
        raise report.refuse(step.position, "script-key", f"found {found} {expected}")
    needed, more = ways[leading.index(chosen[0])]
    every = dict.fromkeys(name for one, other in ways for name in (*one, *other))
    for name in step.has(*(name for name in every if name not in {*needed, *more})):
        message = f"found `{name}` together with `{chosen[0]}`; expected one of them"
        raise report.refuse(step.where(name), "script-key", message)
    for name in needed:
        if not step.has(name):
            message = f"`{step.kind}` with `{chosen[0]}` lacks the key {name}; expected it"
            raise report.refuse(step.position, "script-missing", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStep(Step):
    """Changes an interrupt input."""

    device: str | None = key(_NODE, "the device whose interrupt it is")
    index: int = key(_INDEX, "which of the device's interrupts", default=0)
    controller: str | None = key(_NODE, "the interrupt controller whose input it is, in place of a device")
    input: int | None = key(Whole(0, 9999, "an input 0..9999"), "the input of the controller")
    cores: CoreSet | None = key(
        ManyCores(),
        "which cores, where the controller stands for those of several",
        name="core",
        alias="cores",
    )

    ways: ClassVar[tuple[_Way, ...]] = (
        (("device",), ("index",)),
        (("controller", "input"), ("core", "cores")),
    )
    rule: ClassVar[Schema] = _ways(*ways)

    def check(self, report: Report) -> None:
        """Tell keys of a device together with those of a controller."""
        _check_ways(self, report, *self.ways)


@step("raise")
@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseStep(SignalStep):
    """Raises the interrupt of a device, or an input of a controller, which stays high."""


@step("lower")
@dataclass(frozen=True, slots=True, kw_only=True)
class LowerStep(SignalStep):
    """Lowers the interrupt of a device, or an input of a controller."""


@step("pulse")
@dataclass(frozen=True, slots=True, kw_only=True)
class PulseStep(SignalStep):
    """Raises and at once lowers the interrupt of a device, or an input of a controller."""


def _check_place(step: Step, report: Report) -> None:
    """Tell a mailbox that is named by both its cluster and its node."""
    if len(step.has("cluster", "node")) > 1:
        message = "found cluster and node; expected one of them"
        raise report.refuse(step.where("node"), "script-key", message)


_ONE_PLACE: Schema = {"not": {"required": ["cluster", "node"]}}


@step("msi")
@dataclass(frozen=True, slots=True, kw_only=True)
class MsiStep(Step):
    """Writes 8 bytes to the VALUE register of a mailbox."""

    mailbox: int = key(_MAILBOX, "the mailbox", default=REQUIRED)
    bit: int | None = key(_BIT, "the bit that is written")
    value: int | None = key(Whole(), "the value that is written, in place of a bit")
    cluster: int | None = key(_CLUSTER, "the mailbox's cluster; without it that of `from`, or 0")
    node: str | None = key(_NODE, "the node of the mailboxes, in place of a cluster")
    writer: CoreSet | None = key(OneCore(), "the core that writes; without it a device does", name="from")

    ways: ClassVar[tuple[_Way, ...]] = ((("bit",), ()), (("value",), ()))
    rule: ClassVar[Schema] = _ways(*ways) | _ONE_PLACE

    def check(self, report: Report) -> None:
        """Tell no value, or two, and two places of the mailbox."""
        _check_ways(self, report, *self.ways)
        _check_place(self, report)


@step("post")
@dataclass(frozen=True, slots=True, kw_only=True)
class PostStep(Step):
    """Writes to the bus as a device does, such as the message of a PCI device."""

    address: int = key(
        Whole(what="an address 0..2^64 - 1"), "the address, as all see it", name="addr", default=REQUIRED
    )
    value: int = key(Whole(), "the value; it must fit the size", default=REQUIRED)
    size: int = key(Choice(1, 2, 4, 8), "bytes", default=4)

    def check(self, report: Report) -> None:
        """Tell a value wider than its size."""
        check_width(self, "value", self.value, report)


def _orders(more: tuple[str, ...], *orders: str) -> Schema:
    """Return the schema of a step that has `value`, perhaps with `more`, or else one of `orders` as true."""
    off = {order: {"const": False} for order in orders}
    without = dict.fromkeys(("value", *more), False)
    choices: list[dict[str, Any]] = [{"required": ["value"], "properties": off}]
    for order in orders:
        others = {name: {"const": False} for name in orders if name != order}
        properties = {order: {"const": True}, **others, **without}
        choices.append({"required": [order], "properties": properties})
    return {"oneOf": choices}


def _check_orders(step: Step, report: Report, more: tuple[str, ...], *orders: str) -> None:
    """Tell none or several of `value` and `orders`, and keys that only go with `value`."""
    chosen = [*step.has("value"), *(order for order in orders if getattr(step, order))]
    if len(chosen) != 1:
        known = ["value", *(f"{order}: true" for order in orders)]
        found = " and ".join(chosen) or "none"
        message = f"found {found} of {', '.join(known)}; expected one of them"
        raise report.refuse(step.position, "script-key", message)
    if chosen[0] != "value":
        for name in step.has(*more):
            message = f"found `{name}` together with `{chosen[0]}`; expected it with `value` only"
            raise report.refuse(step.where(name), "script-key", message)


@step("timer")
@dataclass(frozen=True, slots=True, kw_only=True)
class TimerStep(Step):
    """Starts a timer of cores, as Linux does, or stops it."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    timer: int = key(Choice(0, 1), "which of a core's timers", default=0)
    value: Duration | None = key(Period(), "the time to the first underflow")
    every: Duration | None = key(
        Period(), "from one underflow to the next; without it, 2^64 ticks: the timer fires once"
    )
    interrupt: bool = key(Flag(), "whether an underflow requests the timer's line", default=True)
    stop: bool = key(Flag(), "true stops the timer", default=False)

    rule: ClassVar[Schema] = _orders(("every", "interrupt"), "stop")

    def check(self, report: Report) -> None:
        """Tell no order, or two."""
        _check_orders(self, report, ("every", "interrupt"), "stop")


@step("watchdog")
@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogStep(Step):
    """Starts the watchdog of cores, as Linux does, acknowledges its underflow, or stops it."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    value: Duration | None = key(Period(), "the time to the first underflow")
    every: Duration | None = key(Period(), "from one underflow to the next; without it, that of `value`")
    interrupt: bool = key(Flag(), "whether an underflow requests line 2", default=True)
    bite: bool = key(Flag(), "whether a second underflow resets the core", default=True)
    ack: bool = key(Flag(), "true clears the underflow status", default=False)
    stop: bool = key(Flag(), "true stops the watchdog", default=False)

    rule: ClassVar[Schema] = _orders(("every", "interrupt", "bite"), "ack", "stop")

    def check(self, report: Report) -> None:
        """Tell no order, or several."""
        _check_orders(self, report, ("every", "interrupt", "bite"), "ack", "stop")


class _CodeAddress:
    """Where a core can start."""

    _address = Whole(what=f"an address 0..2^64 - 1 that is a multiple of {CODE_PAGE:#x}")

    def read(self, node: Any, report: Report) -> int:
        """Return the address."""
        value = self._address.read(node, report)
        if value % CODE_PAGE:
            message = f"found the address {value:#x}; expected a multiple of {CODE_PAGE:#x}"
            raise report.refuse(node.position, "script-value", message)
        return value

    def schema(self) -> Schema:
        """Return integer, or a template."""
        first, *others = self._address.schema()["anyOf"]
        return {"anyOf": [first | {"multipleOf": CODE_PAGE}, *others]}


@step("start")
@dataclass(frozen=True, slots=True, kw_only=True)
class StartStep(Step):
    """Has the power controller wake cores up."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    pc: int = key(_CodeAddress(), "where they start, a multiple of 0x1000", default=0)
    writer: CoreSet | None = key(OneCore(), "the core that asks for it; without it nobody", name="from")


@step("stop")
@dataclass(frozen=True, slots=True, kw_only=True)
class StopStep(Step):
    """Has cores execute STOP, or holds them in reset."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)
    reset: bool = key(Flag(), "true holds them in reset instead", default=False)


@step("ipe")
@dataclass(frozen=True, slots=True, kw_only=True)
class IpeStep(Step):
    """Has a PE initiate an inter-processor event."""

    initiator: CoreSet = key(
        OneCore("the RM is not in the ring of events"),
        "the PE that initiates it",
        name="from",
        default=REQUIRED,
    )
    event: int = key(Whole(0, 15, "an event 0..15"), "the event", default=REQUIRED)
    direction: str = key(
        Choice("forward", "backward"), "towards the next PE of the ring, or the one before", default="forward"
    )


@step("idle")
@dataclass(frozen=True, slots=True, kw_only=True)
class IdleStep(Step):
    """Has cores clear WS.WU0 and execute AWAIT, as Linux does when idle: they sleep until a request."""

    cores: CoreSet = key(ManyCores(), "the cores", alias="core", default=REQUIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class IrqStep(Step):
    """Changes whether Linux handles an interrupt."""

    device: str | None = key(_NODE, "the device whose interrupt it is")
    index: int = key(_INDEX, "which of the device's interrupts", default=0)
    mailbox: int | None = key(_MAILBOX, "the mailbox of the interrupt, in place of a device")
    bit: int | None = key(_BIT, "the interrupt's bit of the mailbox")
    cluster: int | None = key(_CLUSTER, "the mailbox's cluster; without it 0")
    node: str | None = key(_NODE, "the node of the mailboxes, in place of a cluster")

    ways: ClassVar[tuple[_Way, ...]] = (
        (("device",), ("index",)),
        (("mailbox", "bit"), ("cluster", "node")),
    )
    rule: ClassVar[Schema] = _ways(*ways) | _ONE_PLACE

    def check(self, report: Report) -> None:
        """Tell keys of a device together with those of a mailbox."""
        _check_ways(self, report, *self.ways)
        _check_place(self, report)


@step("enable_irq")
@dataclass(frozen=True, slots=True, kw_only=True)
class EnableIrqStep(IrqStep):
    """Has a Linux driver enable the interrupt of its device, or one of a mailbox."""


@step("disable_irq")
@dataclass(frozen=True, slots=True, kw_only=True)
class DisableIrqStep(IrqStep):
    """Has a Linux driver disable the interrupt of its device, or one of a mailbox."""


@step("affinity")
@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityStep(Step):
    """Has Linux move the interrupt of a device, or all of a mailbox, to another core."""

    device: str | None = key(_NODE, "the device whose interrupt it is")
    index: int = key(_INDEX, "which of the device's interrupts", default=0)
    mailbox: int | None = key(_MAILBOX, "the mailbox, in place of a device")
    cluster: int | None = key(_CLUSTER, "the mailbox's cluster; without it that of `core`")
    node: str | None = key(_NODE, "the node of the mailboxes, in place of a cluster")
    core: CoreSet = key(
        OneCore("Linux runs on PEs"), "the core that takes the interrupt from now on", default=REQUIRED
    )

    ways: ClassVar[tuple[_Way, ...]] = ((("device",), ("index",)), (("mailbox",), ("cluster", "node")))
    rule: ClassVar[Schema] = _ways(*ways) | _ONE_PLACE

    def check(self, report: Report) -> None:
        """Tell keys of a device together with those of a mailbox."""
        _check_ways(self, report, *self.ways)
        _check_place(self, report)
