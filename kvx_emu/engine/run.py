"""What the parts of one run share: the clock, the queue of events, the rows and the judge."""

from __future__ import annotations

from heapq import heappop
from typing import TYPE_CHECKING, Any, TypeAlias

from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.cpu import Cpu
    from kvx_emu.engine.outcome import Judge
    from kvx_emu.errors import Place
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.sink import Sink

CHUNK = 1 << 15
"""Rows that are handed on at once: enough to make the cost of handing on vanish, little memory."""

CORE, ARRIVAL = 0, 1
"""Priorities within a tick. The cores' timers come after both, for they are on a queue of their own, and
the script's steps last, for they are not queued."""

Watch: TypeAlias = "Callable[[int, int], None]"
"""Is told now and then how far a run is: the tick, and how many rows there were."""

Handler: TypeAlias = "Callable[[Any, int], None]"

Parcel: TypeAlias = "tuple[Sequence[Cpu], int | None, int | None, Place | None]"
"""What travels to cores: these, the writer's cluster and pid (None: a device), and the step that sent it."""

Alarm: TypeAlias = "tuple[int, int, Cpu]"
"""(tick, index of the core, core): a timer of the core runs out then, if its `due` still says so."""

Entry: TypeAlias = "tuple[int, int, int, int, Handler, Any]"
"""(tick, priority, sequence, number, handler, target): at the tick, `handler(target, number)` is called.

For a core the sequence is its place on the board and the number a stamp: the entry is void once the
target's `stamp` has moved on. For an arrival they count the writes and name the line."""


class Stopped(Exception):  # noqa: N818  (it ends a run, but nothing is wrong)
    """A limit was met; the text names it."""


class Run:
    """The shared state of a run. `now` is the current tick, `rows` those not handed on yet.

    `limit_ticks` is the last tick at which anything may happen; once `limit_events` rows were made, no
    further event begins. `place` is the step in hand, `writer` the (cluster, pid) that acts in it.
    `watch` is told how far the run is.
    """

    def __init__(
        self,
        judge: Judge,
        sinks: Sequence[Sink],
        limit_ticks: int | None,
        limit_events: int | None,
        watch: Watch | None = None,
    ) -> None:
        self.now = 0
        self.last = 0  # the tick of the last event
        self.rows: list[Row] = []
        self.queue: list[Entry] = []
        self.alarms: list[Alarm] = []
        self.judge = judge
        self.bitten: Callable[[CoreId], None] = _ignore  # is told each core that its watchdog has reset
        self.place: Place | None = None
        self.writer: tuple[int, int] = (0, 0)
        self._tickets = 0
        self._sinks = sinks
        self._watch = watch
        self.limit_ticks = LIMITS.ticks - 1 if limit_ticks is None else limit_ticks
        self._limit_events = limit_events
        self._room = CHUNK if limit_events is None else min(CHUNK, limit_events)

    def ticket(self) -> int:
        """Return the place of the next write in the order of all writes."""
        self._tickets += 1
        return self._tickets

    def advance(self, until: int) -> None:
        """Let everything happen that is due up to and including tick `until`, which becomes now."""
        limit = self.limit_ticks
        self._drain(min(until, limit))
        if until > limit:
            raise Stopped(f"tick {limit}")
        self.now = until

    def settle(self) -> None:
        """Let everything happen until nothing is outstanding; now is then the tick of the last event.

        Timers that run on are not waited for; but what they cause meanwhile is.
        """
        if not self.alarms:
            self._drain(self.limit_ticks)
        alarms = LIMITS.alarms
        while (due := self._outstanding()) is not None:
            if due > self.limit_ticks:
                raise Stopped(f"tick {self.limit_ticks}")
            alarms -= self._drain(due)
            if alarms < 0:
                raise Stopped(f"{LIMITS.alarms} timers that ran out before the cores were idle")

    def _outstanding(self) -> int | None:
        """Return the tick of what is due next on the queue, None if nothing is."""
        queue = self.queue
        while queue and _is_void(queue[0]):
            heappop(queue)
        return queue[0][0] if queue else None

    def _drain(self, stop: int) -> int:
        """Do all that is due up to and including tick `stop`, in order; return how many timers ran out.

        A void entry does not move time.
        """
        queue, rows, alarms = self.queue, self.rows, self.alarms
        count = 0
        while True:
            if alarms and alarms[0][0] <= stop and not (queue and queue[0][0] <= alarms[0][0]):
                count += self._ring()
                continue
            if not queue or queue[0][0] > stop:
                return count
            tick, priority, _, number, handler, target = queue[0]
            if priority == CORE and number != target.stamp:
                heappop(queue)
                continue
            if len(rows) >= self._room:
                self.make_room()  # which may stop the run: what is due is then still on the queue
            heappop(queue)
            self.now = self.last = tick
            handler(target, number)

    def _ring(self) -> bool:
        """Let the timers of the core run out that are due first; False for a void entry."""
        tick, _, cpu = self.alarms[0]
        if cpu.due == tick and len(self.rows) >= self._room:
            self.make_room()
        heappop(self.alarms)
        if cpu.due != tick:
            return False
        self.now = self.last = tick
        cpu.alarm()
        return True

    def arrive(self, parcel: Parcel, line: int) -> None:
        """Hand the requests of one write to its cores."""
        cpus, cluster, pid, cause = parcel
        self.place, step = cause, self.place  # a warning is about the step that sent it
        for cpu in cpus:
            cpu.request(line, cluster, pid)
        self.place = step

    def pause(self) -> None:
        """Between two actions of a step: hand rows on if there are many, stop if there are too many."""
        if len(self.rows) >= self._room:
            self.make_room()

    def make_room(self) -> None:
        """Hand the rows on; stop the run if it has made as many as it may."""
        self.flush()
        if self._room <= 0:
            raise Stopped(f"{self._limit_events} events")

    def flush(self) -> None:
        """Hand the rows on to the tally and the sinks."""
        rows, tally = self.rows, self.judge.tally
        if rows:
            tally.add(rows)
            for sink in self._sinks:
                sink.add(rows)
            rows.clear()
            self.tell()
        if self._limit_events is not None:
            self._room = min(CHUNK, self._limit_events - tally.rows)

    def hand_on(self, rows: Sequence[Row]) -> None:
        """Hand on to the sinks rows that the tally has counted already; `flush` comes before."""
        for sink in self._sinks:
            sink.add(rows)

    def tell(self) -> None:
        """Tell who watches how far the run is."""
        if self._watch is not None:
            self._watch(self.now, self.judge.tally.rows)

    def warn(self, key: Hashable, code: str, message: str) -> None:
        """Warn of something odd in the step in hand, once for each key."""
        self.judge.warn(key, code, message, self.place)


def _ignore(_core: CoreId) -> None:
    """Do nothing."""


def _is_void(entry: Entry) -> bool:
    _, priority, _, number, _, target = entry
    return priority == CORE and bool(number != target.stamp)
