"""What a script asks for, ready for an engine: cores, ticks and values are resolved and checked.

An engine reads these and nothing else of a script. Times are in ticks of the core clock. Every action
knows its place in the script, for messages. Interrupt inputs and mailboxes are handles that the board gave
for their names: only the board knows what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kvx_emu.core_id import CoreId
    from kvx_emu.errors import Place
    from kvx_emu.script.replay.table import Table


@dataclass(frozen=True, slots=True)
class Action:
    """The base: where it stands, and the absolute tick it asks for (None: as soon as it is reached)."""

    place: Place
    at: int | None


@dataclass(frozen=True, slots=True)
class Send(Action):
    """Write `masks` to the INTERRUPT register of `line`, one (cluster, 17-bit mask) after the other."""

    writer: CoreId
    line: int  # 24..31
    masks: tuple[tuple[int, int], ...]  # ascending by cluster
    operation: int | None = None  # what Linux is to do for it, 0..3, if anything is said


@dataclass(frozen=True, slots=True)
class Block(Action):
    """Write `masks` to the MASK register of `line`: exactly these cores are blocked (`mask` in scripts)."""

    writer: CoreId
    line: int  # 24..31
    masks: tuple[tuple[int, int], ...]  # ascending by cluster


@dataclass(frozen=True, slots=True)
class Write(Action):
    """One bus write by `writer`."""

    writer: CoreId
    address: int
    value: int
    size: int  # bytes: 1, 2, 4 or 8


@dataclass(frozen=True, slots=True)
class Read(Action):
    """One bus read by `reader`; `equals` is an expectation: a value, "bus-error", or None for none."""

    reader: CoreId
    address: int
    size: int
    equals: int | str | None


@dataclass(frozen=True, slots=True)
class Enable(Action):
    """Set (`on`) or clear the ILE bits `lines` (a 32-bit mask) of each core."""

    cores: tuple[CoreId, ...]  # ascending
    lines: int
    on: bool


@dataclass(frozen=True, slots=True)
class Level(Action):
    """Set the ILL field of each line of the 32-bit mask `lines` to `level` (0..3) on each core."""

    cores: tuple[CoreId, ...]  # ascending
    lines: int
    level: int


@dataclass(frozen=True, slots=True)
class Sfr(Action):
    """Change or check a special register as a debugger would; `operation` is set, clear, write or equals."""

    cores: tuple[CoreId, ...]  # ascending
    register: str
    operation: str
    value: int


@dataclass(frozen=True, slots=True)
class Wait(Action):
    """Move time on by `ticks`, or until nothing is outstanding (None)."""

    ticks: int | None


@dataclass(frozen=True, slots=True)
class Repeat(Action):
    """Run `body` `count` times, every `every` ticks or back to back (None)."""

    count: int
    every: int | None
    body: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Random(Action):
    """`count` drawn sends, one every `every` ticks.

    `senders` (ascending) and `lines` (in the script's order) are drawn from; `targets` is "one",
    "uniform" or "all". `seed` is the step's, or the run's; `path` the step's index path: the index of
    each enclosing step from the top, then its own.
    """

    count: int
    every: int
    senders: tuple[CoreId, ...]
    targets: str
    lines: tuple[int, ...]
    seed: int
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Replay(Action):
    """The writes of `table`, each of 4 bytes, at its tick after the start of the step."""

    table: Table


class Rows(NamedTuple):
    """Which rows an expectation looks for, since the mark `since` or the start (None).

    A sender of an `enter` or `clear` row is that of the request that it belongs to, of others the `from`.
    """

    events: tuple[str, ...]  # in the script's order
    cores: tuple[CoreId, ...] | None  # ascending; None: all rows, those without a core too
    lines: int | None  # a 32-bit mask; None: all rows, those without a line too
    senders: tuple[CoreId, ...] | None  # ascending; None: all rows, those without a sender too
    since: str | None


@dataclass(frozen=True, slots=True)
class Counted(Action):
    """The base of what counts, summed over `cores`, `lines` and `senders`, since a mark or the start (None).

    `counts` holds (name, least, most) with most None for no bound.
    """

    cores: tuple[CoreId, ...] | None  # None: all
    lines: int | None  # a 32-bit mask; None: all
    senders: tuple[CoreId, ...] | None  # None: all, and none
    counts: tuple[tuple[str, int, int | None], ...]
    since: str | None


@dataclass(frozen=True, slots=True)
class Expect(Counted):
    """Check counts and what else is expected.

    `within` bounds the greatest time from request to enter, in ticks. No row of `never` may have been
    made. Of the two of `before`, each of one event, the first row of the one comes before that of the other.
    """

    within: int | None
    never: Rows | None = None
    before: tuple[Rows, Rows] | None = None


@dataclass(frozen=True, slots=True)
class WaitFor(Counted):
    """Let time pass until the counts are as expected, at most `limit` ticks."""

    limit: int


@dataclass(frozen=True, slots=True)
class Mark(Action):
    """Name this moment for `since`."""

    name: str


@dataclass(frozen=True, slots=True)
class Signal(Action):
    """Raise, lower or pulse (`kind`) an interrupt input: of a device, or of a controller."""

    kind: str
    input: Hashable


@dataclass(frozen=True, slots=True)
class Message(Action):
    """Write 8 bytes to the VALUE of a mailbox; the writer None is a device."""

    writer: CoreId | None
    mailbox: Hashable
    value: int


@dataclass(frozen=True, slots=True)
class Post(Action):
    """One bus write by a device, at an address that all see."""

    address: int
    value: int
    size: int  # bytes: 1, 2, 4 or 8


@dataclass(frozen=True, slots=True)
class Timer(Action):
    """Set up a counter of each core: timer 0 or 1, or the watchdog (2).

    `value` and `reload` go to its registers (T0V and T0R, T1V and T1R, WDV and WDR) unless they are None;
    then the bits `mask` of TCR become those of `bits`.
    """

    cores: tuple[CoreId, ...]  # ascending
    timer: int
    value: int | None
    reload: int | None
    mask: int
    bits: int


@dataclass(frozen=True, slots=True)
class Start(Action):
    """Wake each core up at `pc` (a multiple of 0x1000) by the power controller; `writer` asks, or nobody."""

    cores: tuple[CoreId, ...]  # ascending
    pc: int
    writer: CoreId | None


@dataclass(frozen=True, slots=True)
class Stop(Action):
    """Each core executes STOP, or is held in reset."""

    cores: tuple[CoreId, ...]  # ascending
    reset: bool


@dataclass(frozen=True, slots=True)
class Event(Action):
    """The PE `core` initiates the inter-processor event `event` (0..15), forward or backward."""

    core: CoreId
    event: int
    forward: bool


@dataclass(frozen=True, slots=True)
class Idle(Action):
    """Each core clears WS.WU0 and executes AWAIT."""

    cores: tuple[CoreId, ...]  # ascending


@dataclass(frozen=True, slots=True)
class Irq(Action):
    """A Linux driver enables (`on`) or disables an interrupt: that of a device, or bit `bit` of a mailbox.

    Exactly one of `device` and `mailbox` is not None, and `bit` goes with the mailbox.
    """

    device: Hashable | None
    mailbox: Hashable | None
    bit: int | None
    on: bool


@dataclass(frozen=True, slots=True)
class Affinity(Action):
    """Linux moves the interrupt of a device, or those of a mailbox, to `core`, a PE that can take it.

    Exactly one of `device` and `mailbox` is not None.
    """

    device: Hashable | None
    mailbox: Hashable | None
    core: CoreId


@dataclass(frozen=True, slots=True)
class Program:
    """A whole script, bound to a board.

    `service` holds the service time of each of the 32 lines. `latency` says whether an expectation
    uses `within` without senders, so that an engine need not keep times that nobody asks for. `files` are
    the paths of the tables that are read during the run. `boot` is "running", "reset" or "full"; `defects`
    names the defects of Linux drivers that are to show; `devices` are the interrupts, as handles of the
    board, that Linux drivers request at boot (None: those of all devices).
    """

    name: str | None
    software: str  # linux or bare
    nesting: bool
    delivery: int
    entry: int
    service: tuple[int, ...]
    actions: tuple[Action, ...]
    latency: bool
    files: tuple[str, ...] = ()
    boot: str = "running"
    defects: tuple[str, ...] = ()
    devices: tuple[Hashable, ...] | None = ()


COUNTS = ("delivered", "coalesced", "masked", "requested", "pending", "cleared", "handled", "lost", "timers")
"""The counts that an expectation may name."""

EVENTS: dict[str, tuple[str, ...]] = {
    "send": ("core", "line"),
    "masked": ("core", "line", "from"),
    "request": ("core", "line", "from"),
    "coalesced": ("core", "line", "from"),
    "clear": ("core", "line", "from"),
    "enter": ("core", "line", "from"),
    "exit": ("core", "line"),
    "mask": ("core", "line"),
    "fault": ("core",),
    "wake": ("core",),
    "reset": ("core",),
    "msi": ("line",),
    "mailbox": ("line", "from"),
    "gic": ("core", "line"),
    "ack": ("core", "line", "from"),
    "lost": ("line",),
    "timer": ("core", "line"),
    "start": ("core", "from"),
    "stop": ("core",),
    "ipe": ("core", "from"),
    "op": ("core", "line"),
    "irq": ("core", "line"),
}
"""The events of rows, each with what its rows can have, so that an expectation can ask for it."""

SENT = ("delivered", "coalesced", "masked", "requested", "cleared")
"""The counts of rows that have a sender."""
