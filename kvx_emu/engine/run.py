"""What the parts of one run share: the clock, the queue of events, the rows and the judge."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeAlias

from kvx_emu.core_id import PIDS, CoreId
from kvx_emu.hw.register import bits
from kvx_emu.limits import LIMITS
from kvx_emu.models.core import LINES
from kvx_emu.trace.row import FAULT
from kvx_emu.trace.sink import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from kvx_emu.engine.cpu import Cpu
    from kvx_emu.engine.judge import Judge
    from kvx_emu.engine.places import Places
    from kvx_emu.errors import Place
    from kvx_emu.saved import Saved, Value
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.sink import Sink

CHUNK = 1 << 15
"""Rows that are handed on at once: enough to make the cost of handing on vanish, little memory."""

TIMES = 1 << 128
"""Where the ticks end at which anything can be due: 64 bits of a timer, counted by a slow clock."""

CORE, ARRIVAL = 0, 1
"""Priorities within a tick. The cores' timers come after both, for they are on a queue of their own, and
the script's steps last, for they are not queued."""

Watch: TypeAlias = "Callable[[int, int], None]"
"""Is told now and then how far a run is: the tick, and how many rows there were."""

Take: TypeAlias = "Callable[[bool], None]"
"""Takes a snapshot; is told whether the run has ended before time could pass the tick that was asked for."""

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


class Endless(Stopped):
    """A limit was met in the midst of a tick, so that no run can go on from there."""


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
        self._observers = [sink for sink in sinks if isinstance(sink, Observer)]
        self._enabled: dict[CoreId, int] = {}  # what they were told last
        self._watch = watch
        self.limit_ticks = LIMITS.ticks - 1 if limit_ticks is None else limit_ticks
        self._bound = self.limit_ticks  # the last tick before something is to be done, a stop or a snapshot
        self._take: Take | None = None  # takes the snapshot that is still to come
        self._at = 0  # the tick after which it is taken
        # While a run settles: the tick up to which it does so just now, and how many timers have run out.
        self._settling = False
        self._due: int | None = None
        self._rung = 0
        self._limit_events = limit_events
        self._room = CHUNK if limit_events is None else min(CHUNK, limit_events)
        self._counted = 0  # of the rows not handed on yet, those that the judge has seen

    def ticket(self) -> int:
        """Return the place of the next write in the order of all writes."""
        self._tickets += 1
        return self._tickets

    def advance(self, until: int) -> None:
        """Let everything happen that is due up to and including tick `until`, which becomes now."""
        while until > self._bound:
            self._drain(self._bound)
            self._pass()
        self._drain(until)
        self.now = until

    def step(self, until: int) -> bool:
        """Let everything happen in the next tick in which anything is due; the judge sees the rows.

        If that is after tick `until`, time moves on to `until`; False is returned.
        """
        due = self._next()
        if due is None or due > until:
            self.advance(until)
            return False
        self.advance(due)
        self.count()
        return True

    def keep(self, tick: int, take: Take) -> None:
        """Have `take` called once, when time is about to pass `tick` and all that is due by then was done."""
        self._at, self._take = tick, take
        self._bound = min(tick, self.limit_ticks)

    def take(self, *, ended: bool) -> None:
        """Have the snapshot taken now if it is still to come."""
        take, self._take = self._take, None
        self._bound = self.limit_ticks
        if take is not None:
            take(ended)

    def _pass(self) -> None:
        """Do what is to be done before time passes the bound: take the snapshot, or stop the run."""
        if self._take is None or self._at > self.limit_ticks:
            self.now = self.limit_ticks  # all until then has happened
            raise Stopped(f"tick {self.limit_ticks}")
        self.take(ended=False)

    def settle(self) -> None:
        """Let everything happen until nothing is outstanding; now is then the tick of the last event.

        Timers that run on are not waited for; but what they cause meanwhile is.
        """
        if not self._settling:
            self._settling, self._rung = True, 0
        if not self.alarms and self._take is None:
            self._drain(self.limit_ticks, rings=False)
        while (due := self._outstanding() if self._due is None else self._due) is not None:
            self._due = due
            while due > self._bound:
                self._drain(self._bound)
                if not self._moves(due):
                    break
                self._pass()
            self._drain(due)
            self._due = None
            if self._rung > LIMITS.alarms:
                raise Stopped(f"{LIMITS.alarms} timers that ran out before the cores were idle")
        self._settling = False

    def _moves(self, until: int) -> bool:
        """Tell whether anything is due up to and including tick `until`."""
        due = self._next()
        return due is not None and due <= until

    def _next(self) -> int | None:
        """Return the tick of what is due next, on the queue or of a timer; None if nothing is."""
        alarms, due = self.alarms, self._outstanding()
        while alarms and alarms[0][2].due != alarms[0][0]:
            heappop(alarms)
        if due is None or (alarms and alarms[0][0] < due):
            return alarms[0][0] if alarms else None
        return due

    def _outstanding(self) -> int | None:
        """Return the tick of what is due next on the queue, None if nothing is."""
        queue = self.queue
        while queue and _is_void(queue[0]):
            heappop(queue)
        return queue[0][0] if queue else None

    def _drain(self, stop: int, *, rings: bool = True) -> None:
        """Do all that is due up to and including tick `stop`; without `rings` only until a timer runs out.

        A void entry does not move time.
        """
        queue, rows, alarms = self.queue, self.rows, self.alarms
        while True:
            if alarms and alarms[0][0] <= stop and not (queue and queue[0][0] <= alarms[0][0]):
                if not rings:
                    return
                self._ring()
                continue
            if not queue or queue[0][0] > stop:
                return
            tick, priority, _, number, handler, target = queue[0]
            if priority == CORE and number != target.stamp:
                heappop(queue)
                continue
            if len(rows) >= self._room:
                self.make_room()  # which may stop the run: what is due is then still on the queue
            heappop(queue)
            self.now = self.last = tick
            handler(target, number)

    def _ring(self) -> None:
        """Let the timers of the core run out that are due first; a void entry is dropped."""
        tick, _, cpu = self.alarms[0]
        if cpu.due == tick and len(self.rows) >= self._room:
            self.make_room()
        heappop(self.alarms)
        if cpu.due == tick:
            self.now = self.last = tick
            self._rung += 1
            cpu.alarm()

    def arrive(self, parcel: Parcel, line: int) -> None:
        """Hand the requests of one write to its cores."""
        cpus, cluster, pid, cause = parcel
        self.place, step = cause, self.place  # a warning is about the step that sent it
        for cpu in cpus:
            cpu.request(line, cluster, pid)
        self.place = step

    def fault(self, core: CoreId | None, address: int) -> None:
        """Show a bus error of a core, or of a device."""
        cluster, pid = core or (None, None)
        self.rows.append((self.now, cluster, pid, FAULT, None, None, None, address))

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
        """Hand the rows on to the judge and the sinks."""
        rows = self.rows
        if rows:
            self.count()
            for sink in self._sinks:
                sink.add(rows)
            rows.clear()
            self._counted = 0
            self.tell()
        if self._limit_events is not None:
            self._room = min(CHUNK, self._limit_events - self.judge.tally.rows)

    def count(self) -> None:
        """Let the judge see the rows; the sinks get them later, for chunks of a few rows cost them."""
        rows = self.rows[self._counted :] if self._counted else self.rows
        if rows:
            self.judge.add(rows)
            self._counted = len(self.rows)

    def enabled(self, core: CoreId, lines: int) -> None:
        """Tell who observes which lines of a core are enabled from now on, if that is new."""
        if self._observers and self._enabled.get(core) != lines:
            self._enabled[core] = lines
            self.flush()
            for observer in self._observers:
                observer.enabled(self.now, core, lines)

    def hand_on(self, rows: Sequence[Row]) -> None:
        """Hand on rows that the tally has counted already; `flush` comes before."""
        self.judge.see(rows)
        for sink in self._sinks:
            sink.add(rows)

    def tell(self) -> None:
        """Tell who watches how far the run is."""
        if self._watch is not None:
            self._watch(self.now, self.judge.tally.rows)

    def warn(self, key: Hashable, code: str, message: str) -> None:
        """Warn of something odd in the step in hand, once for each key."""
        self.judge.warn(key, code, message, self.place)

    # What a snapshot holds

    def state(self, places: Places) -> dict[str, Value]:
        """Return what the run remembers besides what its parts do: times, and the writes under way.

        A write is its tick, ticket and line, the cluster and the pids (as a mask) that it goes to, the
        cluster and pid that it is from, and its step.
        """
        arrivals: list[Value] = []
        for due, priority, ticket, line, _, parcel in sorted(self.queue, key=lambda entry: entry[:3]):
            if priority == ARRIVAL:
                cpus, cluster, pid, place = parcel
                mask = sum(1 << cpu.id.pid for cpu in cpus)
                arrivals.append(
                    [due, ticket, line, cpus[0].id.cluster, mask, cluster, pid, places.path(place)]
                )
        return {
            "now": self.now,
            "last": self.last,
            "tickets": self._tickets,
            "writer": list(self.writer),
            "place": places.path(self.place),
            "settling": [self._due, self._rung] if self._settling else None,
            "arrivals": arrivals,
        }

    def restore(self, saved: Saved, places: Places, cpus: Mapping[CoreId, Cpu]) -> None:
        """Go on from a state; what is due on the cores is theirs to say. ValueError if it is none."""
        now, last, tickets, writer, place, settling, arrivals = saved.record(
            "now", "last", "tickets", "writer", "place", "settling", "arrivals"
        )
        self.now = now.number(LIMITS.ticks)
        self.last = last.number(self.now + 1)
        self._tickets = tickets.number()
        by, pid = writer.items(2)  # which need be no core: a probe writes as pe0, there or not
        self.writer = by.number(), pid.number(PIDS)
        self.place = places.place(place)
        self._settling = not settling.is_none
        if self._settling:
            due, rung = settling.items(2)
            self._due, self._rung = due.number_or_none(), rung.number()
        self.rows.clear()
        self._counted = 0
        self.alarms.clear()
        self.queue.clear()
        tickets_taken = set()
        for arrival in arrivals.items():
            due, ticket, line, cluster, mask, by_cluster, by_pid, step = arrival.items(8)
            targets = [CoreId(cluster.number(), pid) for pid in bits(mask.number(1 << PIDS, least=1))]
            if not all(core in cpus for core in targets):
                raise arrival.wrong("cores of the board")
            parcel = (
                tuple(cpus[core] for core in targets),
                by_cluster.number_or_none(),
                by_pid.number_or_none(PIDS),
                places.place(step),
            )
            tickets_taken.add(ticket.number(self._tickets + 1))
            entry = due.number(TIMES, least=self.now), ARRIVAL, ticket.number(), line.number(LINES)
            heappush(self.queue, (*entry, self.arrive, parcel))
        if len(tickets_taken) != len(self.queue):
            raise arrivals.wrong("writes of different tickets")


def _ignore(_core: CoreId) -> None:
    """Do nothing."""


def _is_void(entry: Entry) -> bool:
    _, priority, _, number, _, target = entry
    return priority == CORE and bool(number != target.stamp)
