"""The two timers and the watchdog of a core.

Nothing runs while they count: a value is worked out when it is asked for, and whoever drives the core
asks for the tick of the next underflow and comes back then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.models.core_registers import CoreRegisters

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.models.core import State

WATCHDOG = 2
"""The watchdog, where timers are told by number; the timers are 0 and 1.

Each requests the line of its number. Source: QEMU target/kvx/cpu_bits.h; commit texts of the Linux port."""

_TCR = CoreRegisters.TCR.fields
_MO = CoreRegisters.MO.fields
_WUI = _TCR["WUI"].mask


class _Bits(NamedTuple):
    """The bits of TCR that rule one timer."""

    counts: int
    interrupts: int
    underflowed: int
    stops_idle: int


_TIMERS = (
    _Bits(*[_TCR[name].mask for name in ("T0CE", "T0IE", "T0ST", "T0SI")]),
    _Bits(*[_TCR[name].mask for name in ("T1CE", "T1IE", "T1ST", "T1SI")]),
    _Bits(*[_TCR[name].mask for name in ("WCE", "WIE", "WUS", "WSI")]),
)
_ANY = sum(bits.counts for bits in _TIMERS)

_ALL = CoreRegisters.T0V.mask

OWNED = {
    "TCR": (
        (sum(_TIMERS[0]), _MO["T0"]),
        (sum(_TIMERS[1]), _MO["T1"]),
        (sum(_TIMERS[WATCHDOG]) | _WUI, _MO["WD"]),
    ),
    "T0V": ((_ALL, _MO["T0"]),),
    "T1V": ((_ALL, _MO["T1"]),),
    "T0R": ((_ALL, _MO["T0"]),),
    "T1R": ((_ALL, _MO["T1"]),),
    "WDV": ((_ALL, _MO["WD"]),),
    "WDR": ((_ALL, _MO["WD"]),),
}
"""By register: bits, and the field of MO that owns them. Source: QEMU target/kvx/gen/registers.inc.h."""


class Underflow(NamedTuple):
    """A timer ran out at `tick`: `timer` is 0, 1 or 2 for the watchdog.

    `line` is to be requested, None if the timer's interrupt is not enabled. `bite` tells that the
    watchdog resets the core; then there is no line, the reset would clear its request.
    """

    tick: int
    timer: int
    line: int | None
    bite: bool


def stopped() -> int:
    """Return the tick of a clock that stands still."""
    return 0


class _Bank:
    """What the timers hold: their clock and its rates, which outlive a reset, and what counts.

    `values` are T0V, T1V and WDV as they were at the tick `since`, `missed` the underflows that happened
    and that were not returned yet.
    """

    __slots__ = ("clock", "core_hz", "missed", "reloads", "since", "tcr", "timer_hz", "values")

    tcr: int
    missed: list[Underflow]

    def __init__(self) -> None:
        self.clock: Callable[[], int] = stopped
        self.timer_hz = 1
        self.core_hz = 1
        self.since = 0
        self.values = [0, 0, 0]
        self.reloads = [0, 0, 0]
        self.reset()

    def reset(self) -> None:
        """Let nothing count, and forget what was not told; the core sets the values."""
        self.tcr = 0
        self.missed = []

    def counts(self, tick: int) -> int:
        """Return how many counts have passed at a tick."""
        return tick * self.timer_hz // self.core_hz

    def tick_of(self, counts: int) -> int:
        """Return the first tick at which so many counts have passed."""
        return -(-counts * self.core_hz // self.timer_hz)

    def passed(self) -> int:
        """Return the counts since the values were brought up to date."""
        return self.counts(self.clock()) - self.counts(self.since)

    def value(self, timer: int, passed: int) -> int:
        """Return the value of a timer that counts, so many counts after `since`."""
        after = passed - self.values[timer] - 1  # counts after the first underflow
        if after < 0:
            return -1 - after
        return self.reloads[timer] - after % (self.reloads[timer] + 1)

    def note(self, tick: int, timer: int) -> None:
        """Note an underflow, unless a bite came before: that stopped all timers."""
        if self.missed and self.missed[-1].bite:
            return
        bits = _TIMERS[timer]
        before = self.tcr
        self.tcr |= bits.underflowed
        bite = bool(timer == WATCHDOG and before & bits.underflowed and before & _WUI)
        line = timer if before & bits.interrupts and not bite else None
        self.missed.append(Underflow(tick, timer, line, bite))


class _Value:
    """The value of a timer as it is now; a write takes effect at once."""

    def __init__(self, timer: int) -> None:
        self._timer = timer

    def __get__(self, core: Timers, owner: type[Timers]) -> int:
        bank = core._timers
        if bank.tcr & _ANY and self._timer in core._counting():
            return bank.value(self._timer, bank.passed())
        return bank.values[self._timer]

    def __set__(self, core: Timers, value: int) -> None:
        core._catch_up()
        core._timers.values[self._timer] = value


class _Reload:
    """What a timer starts again from; a write counts from the next underflow on."""

    def __init__(self, timer: int) -> None:
        self._timer = timer

    def __get__(self, core: Timers, owner: type[Timers]) -> int:
        return core._timers.reloads[self._timer]

    def __set__(self, core: Timers, value: int) -> None:
        core._catch_up()
        core._timers.reloads[self._timer] = value


class Timers(CoreRegisters):
    """The timers as a part of a core: TCR, and the value and reload registers of each.

    A timer counts down, once each period of its clock, while its count bit in TCR is set and the core
    is not held in reset; with its stop bit set it rests while the core sleeps. It underflows a count
    after 0, so V + 1 counts after its start, and then starts again from R: its period is R + 1. Source:
    QEMU target/kvx/timers.c, which leaves the stop bits out.
    """

    state: State

    t0v = _Value(0)
    t1v = _Value(1)
    wdv = _Value(WATCHDOG)
    t0r = _Reload(0)
    t1r = _Reload(1)
    wdr = _Reload(WATCHDOG)

    def __init__(self) -> None:
        self._timers = _Bank()

    @property
    def clock(self) -> Callable[[], int]:
        """What returns the tick of the core clock; it must never go back, and outlives a reset."""
        return self._timers.clock

    @clock.setter
    def clock(self, clock: Callable[[], int]) -> None:
        self._timers.clock = clock

    @property
    def timer_hz(self) -> int:
        """The clock of the timers, in the unit of `core_hz`: t * timer_hz // core_hz counts until tick t.

        Both outlive a reset, and are not to be changed while a timer counts.
        """
        return self._timers.timer_hz

    @timer_hz.setter
    def timer_hz(self, hz: int) -> None:
        self._timers.timer_hz = hz

    @property
    def core_hz(self) -> int:
        """The core clock, which the ticks are of."""
        return self._timers.core_hz

    @core_hz.setter
    def core_hz(self, hz: int) -> None:
        self._timers.core_hz = hz

    @property
    def tcr(self) -> int:
        """TCR as it is now: an underflow shows from its tick on, also if nobody has asked for it."""
        self._catch_up()  # which knows that nothing underflows after a bite
        return self._timers.tcr

    @tcr.setter
    def tcr(self, value: int) -> None:
        self._catch_up()
        self._timers.tcr = value

    def next_underflow(self) -> int | None:
        """Return the tick of the next underflow of any timer that counts, None if none counts.

        It is not after now if there is one that `underflow` has yet to return. It can change with every
        write of a register of the timers, and with the core's falling asleep, waking up, start or reset.
        """
        bank = self._timers
        if bank.missed:
            return bank.missed[0].tick
        if not bank.tcr & _ANY:
            return None
        left = [bank.values[timer] + 1 for timer in self._counting()]
        return bank.tick_of(bank.counts(bank.since) + min(left)) if left else None

    def underflow(self) -> list[Underflow]:
        """Return the underflows up to this tick that were not returned before, by tick, then by timer.

        The values and TCR follow them; requests and resets are left to the caller. An underflow of the
        watchdog sets WUS (it barks), and bites if WUS and WUI were set. A bite is the last in the list:
        after it the caller is to reset the core.
        """
        self._catch_up()
        missed = self._timers.missed
        self._timers.missed = []
        return missed

    def _become(self, state: State) -> None:
        """Go over to another state, in which other timers may count."""
        if self._timers.tcr & _ANY:
            self._catch_up()
        self.state = state

    def _counting(self) -> list[int]:
        """Return the numbers of the timers that count as things stand."""
        state, tcr = self.state, self._timers.tcr
        if state.held:
            return []
        counting = [timer for timer, bits in enumerate(_TIMERS) if tcr & bits.counts]
        if state.asleep:
            return [timer for timer in counting if not tcr & _TIMERS[timer].stops_idle]
        return counting

    def _catch_up(self) -> None:
        """Bring the values and TCR to this tick, and note the underflows until then.

        To be called before anything changes that the timers depend on. It takes time for each underflow.
        """
        bank = self._timers
        if bank.tcr & _ANY:
            start, passed = bank.counts(bank.since), bank.passed()
            found = []
            for timer in self._counting():
                first, period = bank.values[timer] + 1, bank.reloads[timer] + 1
                found += [(bank.tick_of(start + at), timer) for at in range(first, passed + 1, period)]
                bank.values[timer] = bank.value(timer, passed)
            for tick, timer in sorted(found):
                bank.note(tick, timer)
        bank.since = bank.clock()
