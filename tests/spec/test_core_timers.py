"""The two timers and the watchdog of a core."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.models.core import Core, State
from kvx_emu.models.core_timers import Underflow

T0CE, T1CE, T0IE, T1IE = 1 << 16, 1 << 17, 1 << 18, 1 << 19
T0ST, T1ST, T0SI, T1SI = 1 << 20, 1 << 21, 1 << 22, 1 << 23
WCE, WIE, WUI, WUS, WSI = 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28

NAMES = [("T0V", "T0R"), ("T1V", "T1R"), ("WDV", "WDR")]
COUNTS = [T0CE, T1CE, WCE]
each_timer = pytest.mark.parametrize("timer", [0, 1, 2])


class Timed:
    """A running core and its clock."""

    def __init__(self, **registers: int) -> None:
        self.tick = 0
        self.core = Core(0, 0)
        self.core.clock = lambda: self.tick
        self.core.start()
        for name, value in registers.items():
            self.core.poke(name, value)

    def run(self, until: int) -> list[tuple[int, int, int | None]]:
        """Go on to a tick by the announced underflows; return tick, timer and line of each."""
        seen = []
        while (due := self.core.next_underflow()) is not None and due <= until:
            assert due > self.tick
            self.tick = due
            out = self.core.underflow()
            assert out
            seen += [(one.tick, one.timer, one.line) for one in out]
        self.tick = until
        return seen

    def to(self, tick: int) -> Core:
        self.tick = tick
        return self.core


# Case 49
def test_a_timer_underflows_v_plus_1_ticks_after_its_start_and_then_every_r_plus_1():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE | T0IE)
    assert timed.run(30) == [(10, 0, 0), (20, 0, 0), (30, 0, 0)]


# Case 49
def test_without_its_interrupt_bit_an_underflow_shows_in_the_status_alone():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE)
    assert timed.run(10) == [(10, 0, None)]
    assert timed.core.tcr == 0x110000


# Case 49
def test_a_value_of_0_underflows_after_one_tick():
    timed = Timed(T0V=0, T0R=4, TCR=T0CE | T0IE)
    assert timed.run(11) == [(1, 0, 0), (6, 0, 0), (11, 0, 0)]


# Case 50
def test_the_watchdog_barks_first_and_then_bites():
    timed = Timed(WDV=99, WDR=49, TCR=WCE | WIE | WUI)
    assert timed.core.next_underflow() == 100
    assert timed.to(100).underflow() == [Underflow(tick=100, timer=2, line=2, bite=False)]
    assert timed.core.tcr == 0x0F000000
    assert timed.core.next_underflow() == 150
    assert timed.to(150).underflow() == [Underflow(tick=150, timer=2, line=None, bite=True)]


# Case 50
def test_a_watchdog_whose_status_is_cleared_barks_again():
    timed = Timed(WDV=99, WDR=49, TCR=WCE | WIE | WUI)
    timed.run(120)
    timed.core.poke("TCR", timed.core.tcr & ~WUS)
    assert timed.core.next_underflow() == 150
    assert timed.to(150).underflow() == [Underflow(150, 2, 2, False)]
    assert timed.to(200).underflow() == [Underflow(200, 2, None, True)]


# Case 50
def test_a_watchdog_without_underflow_inform_never_bites():
    timed = Timed(WDV=99, WDR=49, TCR=WCE | WIE)
    assert timed.run(250) == [(100, 2, 2), (150, 2, 2), (200, 2, 2), (250, 2, 2)]
    assert timed.core.underflow() == []
    assert timed.core.tcr == 0x0B000000


def test_a_watchdog_that_barks_without_an_interrupt_still_bites():
    timed = Timed(WDV=0, WDR=0, TCR=WCE | WUI)
    assert timed.to(2).underflow() == [Underflow(1, 2, None, False), Underflow(2, 2, None, True)]


@each_timer
def test_the_status_of_an_underflow_of_a_timer_never_bites(timer):
    value, _ = NAMES[timer]
    timed = Timed(**{value: 0, "TCR": COUNTS[timer] | T0ST | T1ST | WUS})
    assert timed.to(1).underflow() == [Underflow(1, timer, None, False)]


@pytest.mark.parametrize(
    ("timer", "counts", "interrupts", "status"),
    [(0, T0CE, T0IE, T0ST), (1, T1CE, T1IE, T1ST), (2, WCE, WIE, WUS)],
)
def test_each_timer_has_bits_and_a_line_of_its_own(timer, counts, interrupts, status):
    value, reload = NAMES[timer]
    timed = Timed(**{value: 2, reload: 6, "TCR": counts | interrupts})
    assert timed.run(10) == [(3, timer, timer), (10, timer, timer)]
    assert timed.core.tcr == counts | interrupts | status
    others = Timed(**{value: 2, reload: 6, "TCR": counts | (T0IE | T1IE | WIE) & ~interrupts})
    assert others.run(3) == [(3, timer, None)]


@each_timer
def test_a_timer_without_its_count_bit_stands_still(timer):
    value, _ = NAMES[timer]
    timed = Timed(**{value: 5, "TCR": 0x1FFF0000 & ~(T0CE | T1CE | WCE)})
    assert timed.core.next_underflow() is None
    assert timed.to(100).peek(value) == 5
    assert timed.core.underflow() == []


@each_timer
def test_a_value_is_right_whenever_it_is_read(timer):
    value, reload = NAMES[timer]
    timed = Timed(**{value: 9, reload: 4, "TCR": COUNTS[timer]})
    ticks = [0, 1, 9, 10, 14, 15, 19, 20, 1010]
    assert [timed.to(tick).peek(value) for tick in ticks] == [9, 8, 0, 4, 0, 4, 0, 4, 4]
    assert timed.core.read_sfr(value) == 4


def test_an_underflow_shows_in_tcr_from_its_tick_on_before_anybody_asks_for_it():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE)
    assert timed.to(9).tcr == 0x010000
    assert timed.to(10).tcr == 0x110000
    assert timed.core.peek("TCR") == 0x110000


def test_the_status_stays_until_software_clears_it_and_does_not_gate_the_interrupt():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE | T0IE | T0ST)
    assert timed.run(10) == [(10, 0, 0)]
    assert timed.core.wfxl("TCR", T0ST)
    assert timed.core.tcr == 0x050000
    assert timed.run(19) == []
    assert timed.core.tcr == 0x050000


def test_underflows_that_were_missed_come_in_order_with_their_ticks():
    timed = Timed(T0V=9, T0R=9, T1V=4, T1R=14, TCR=T0CE | T0IE | T1CE)
    assert timed.core.next_underflow() == 5
    assert timed.to(25).underflow() == [
        Underflow(5, 1, None, False),
        Underflow(10, 0, 0, False),
        Underflow(20, 0, 0, False),
        Underflow(20, 1, None, False),
    ]
    assert timed.core.next_underflow() == 30
    assert timed.core.underflow() == []


def test_underflows_of_one_tick_come_by_ascending_timer():
    timed = Timed(T0V=4, T1V=4, WDV=4, T0R=9, T1R=9, WDR=9, TCR=T0CE | T1CE | WCE)
    assert timed.run(5) == [(5, 0, None), (5, 1, None), (5, 2, None)]


def test_nothing_follows_a_bite():
    timed = Timed(WDV=4, WDR=4, T0V=10, T0R=0, T1V=11, TCR=WCE | WUI | WUS | T0CE | T1CE)
    assert timed.to(30).underflow() == [Underflow(5, 2, None, True)]


def test_an_underflow_neither_requests_its_line_nor_resets_the_core():
    timed = Timed(WDV=0, WDR=0, WS=0, TCR=WCE | WIE | WUI | WUS)
    assert timed.to(1).underflow()[0].bite
    assert (timed.core.ilr, timed.core.ws, timed.core.state) == (0, 0, State.RUNNING)


# Writes


def test_clearing_the_count_bit_freezes_the_value_and_setting_it_goes_on():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE)
    assert timed.to(4).wfxl("TCR", T0CE)
    assert timed.core.next_underflow() is None
    assert timed.to(50).peek("T0V") == 5
    assert timed.core.wfxl("TCR", T0CE << 32)
    assert timed.core.next_underflow() == 56
    assert timed.run(56) == [(56, 0, None)]


def test_a_write_of_the_value_takes_effect_at_once():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE)
    timed.to(4).poke("T0V", 99)
    assert timed.core.peek("T0V") == 99
    assert timed.core.next_underflow() == 104
    assert timed.to(5).peek("T0V") == 98


@each_timer
def test_a_write_of_the_reload_counts_from_the_next_underflow_on(timer):
    value, reload = NAMES[timer]
    timed = Timed(**{value: 9, reload: 9, "TCR": COUNTS[timer]})
    timed.to(4).poke(reload, 99)
    assert timed.core.peek(value) == 5
    assert timed.run(110) == [(10, timer, None), (110, timer, None)]


def test_a_write_to_one_timer_does_not_disturb_another():
    timed = Timed(T0V=9, T0R=9, T1V=9, TCR=T0CE | T1CE)
    timed.to(4).poke("T0V", 99)
    assert timed.core.peek("T1V") == 5
    assert timed.core.next_underflow() == 10


@pytest.mark.parametrize(
    ("name", "written", "then"), [("TCR", 0, 4), ("T0V", 70, 70), ("T0R", 60, 4)], ids=["TCR", "T0V", "T0R"]
)
def test_an_underflow_of_the_tick_of_a_write_is_not_lost(name, written, then):
    timed = Timed(T0V=9, T0R=4, TCR=T0CE | T0IE)
    timed.to(10).poke(name, written)
    assert timed.core.next_underflow() == 10
    assert timed.core.underflow() == [Underflow(10, 0, 0, False)]
    assert timed.core.peek("T0V") == then


def test_a_reload_of_all_ones_never_comes_again():
    timed = Timed(T0V=9, T0R=(1 << 64) - 1, TCR=T0CE)
    assert timed.run(10) == [(10, 0, None)]
    assert timed.core.peek("T0V") == 0xFFFFFFFFFFFFFFFF
    assert timed.core.next_underflow() == 10 + (1 << 64)


# Other clocks


def test_a_slower_timer_clock_counts_whole_periods_of_its_own():
    timed = Timed()
    timed.core.timer_hz, timed.core.core_hz = 1_000_000, 1_000_000_000
    timed.core.poke("T0V", 1)
    timed.core.poke("T0R", 0)
    timed.core.poke("TCR", T0CE)
    assert [timed.to(tick).peek("T0V") for tick in (0, 999, 1000, 1999)] == [1, 1, 0, 0]
    timed.to(0)
    assert timed.run(3999) == [(2000, 0, None), (3000, 0, None)]


def test_a_rate_that_does_not_divide_the_core_clock_does_not_drift():
    timed = Timed()
    timed.core.timer_hz, timed.core.core_hz = 3, 10
    timed.core.poke("TCR", T0CE)
    assert [tick for tick, _, _ in timed.run(20)] == [4, 7, 10, 14, 17, 20]


def test_a_faster_timer_clock_underflows_several_times_in_a_tick():
    timed = Timed()
    timed.core.timer_hz, timed.core.core_hz = 2, 1
    timed.core.poke("TCR", T0CE | WCE | WUI)
    assert timed.to(1).underflow() == [
        Underflow(1, 0, None, False),
        Underflow(1, 0, None, False),
        Underflow(1, 2, None, False),
        Underflow(1, 2, None, True),
    ]


# Idle cores and reset

dozes = pytest.mark.parametrize(
    "doze",
    [
        Core.await_,
        Core.sleep,
        Core.stop,
        lambda core: core.waitit(1 << 24),
        lambda core: core.syncgroup(1),
    ],
    ids=["await", "sleep", "stop", "waitit", "syncgroup"],
)


@dozes
@pytest.mark.parametrize(("timer", "stops"), [(0, T0SI), (1, T1SI), (2, WSI)])
def test_a_timer_with_its_stop_bit_rests_while_the_core_is_idle(doze, timer, stops):
    value, reload = NAMES[timer]
    timed = Timed(**{value: 9, reload: 9, "WS": 0, "ILE": 1 << 24, "TCR": COUNTS[timer] | stops})
    doze(timed.to(4))
    assert timed.core.state not in (State.RUNNING, State.RESETTING)
    assert timed.core.next_underflow() is None
    assert timed.to(50).peek(value) == 5
    timed.core.poke("IPE", 1)
    timed.core.poke("WS", 7)
    timed.core.request(24)
    assert timed.core.state is State.RUNNING
    assert timed.core.next_underflow() == 56
    assert timed.to(51).peek(value) == 4


@dozes
@pytest.mark.parametrize(("timer", "other"), [(0, T1SI | WSI), (1, T0SI | WSI), (2, T0SI | T1SI)])
def test_a_timer_without_its_stop_bit_counts_on_while_the_core_is_idle(doze, timer, other):
    value, reload = NAMES[timer]
    timed = Timed(**{value: 9, reload: 9, "WS": 0, "TCR": COUNTS[timer] | other})
    doze(timed.to(4))
    assert timed.core.next_underflow() == 10
    assert timed.run(20) == [(10, timer, None), (20, timer, None)]


def test_an_exception_that_ends_a_sleep_lets_a_resting_timer_go_on():
    timed = Timed(T0V=9, WS=0, ILE=1 << 24, ITO=0, ILL=1 << 48, PS=0x10, TCR=T0CE | T0SI)
    timed.to(4).waitit(1)
    timed.to(50).trap(1, 0)
    assert timed.core.state is State.RUNNING
    assert timed.core.next_underflow() == 56


def test_an_underflow_of_the_tick_at_which_the_core_falls_asleep_is_not_lost():
    timed = Timed(T0V=9, T0R=9, WS=0, TCR=T0CE | T0SI)
    timed.to(10).await_()
    assert timed.core.underflow() == [Underflow(10, 0, None, False)]
    assert timed.core.next_underflow() is None


@each_timer
def test_a_timer_of_a_core_held_in_reset_does_not_count_until_the_core_starts(timer):
    value, _ = NAMES[timer]
    timed = Timed()
    timed.core.reset()
    timed.core.poke(value, 9)
    timed.core.poke("TCR", COUNTS[timer])
    assert timed.core.next_underflow() is None
    assert timed.to(100).peek(value) == 9
    timed.core.start()
    assert timed.core.next_underflow() == 110


def test_reset_clears_the_timers_and_what_was_missed_but_not_the_clock():
    timed = Timed(T0V=9, T0R=9, TCR=T0CE | T0IE)
    timed.core.timer_hz = timed.core.core_hz = 5
    timed.to(10).poke("T1V", 1)
    timed.core.reset()
    timed.core.start()
    assert timed.core.underflow() == []
    assert timed.core.next_underflow() is None
    assert [timed.core.peek(name) for name in ("TCR", "T0V", "T0R", "T1V")] == [0, 0, 0, 0]
    assert timed.core.clock() == 10
    assert (timed.core.timer_hz, timed.core.core_hz) == (5, 5)


def test_a_core_without_a_clock_has_timers_that_stand_still():
    core = Core(0, 0)
    core.start()
    core.poke("T0V", 9)
    core.poke("TCR", T0CE)
    assert core.next_underflow() == 10
    assert core.underflow() == []
    assert core.peek("T0V") == 9


# Registers


@pytest.mark.parametrize(
    ("name", "number"),
    [("TCR", 18), ("T0V", 19), ("T1V", 20), ("T0R", 21), ("T1R", 22), ("WDV", 23), ("WDR", 24)],
)
def test_a_register_of_the_timers_has_its_number(name, number):
    assert Core.sfrs()[name].number == number


def test_tcr_keeps_bits_16_to_28():
    core = Core(0, 0)
    core.poke("TCR", (1 << 64) - 1)
    assert core.peek("TCR") == 0x1FFF0000


def test_the_fields_of_tcr_stand_in_their_places():
    names = [
        "T0CE",
        "T1CE",
        "T0IE",
        "T1IE",
        "T0ST",
        "T1ST",
        "T0SI",
        "T1SI",
        "WCE",
        "WIE",
        "WUI",
        "WUS",
        "WSI",
    ]
    assert [(name, field.lsb, field.width) for name, field in Core.TCR.fields.items()] == [
        (name, 16 + place, 1) for place, name in enumerate(names)
    ]


MO_T0, MO_T1, MO_WD = 3 << 18, 3 << 20, 3 << 22
LINUX_MO = 0x155555555

owned = pytest.mark.parametrize(
    ("owner", "bits", "value", "reload"),
    [
        (MO_T0, T0CE | T0IE | T0ST | T0SI, "T0V", "T0R"),
        (MO_T1, T1CE | T1IE | T1ST | T1SI, "T1V", "T1R"),
        (MO_WD, WCE | WIE | WUI | WUS | WSI, "WDV", "WDR"),
    ],
    ids=["timer 0", "timer 1", "watchdog"],
)


@owned
def test_what_a_more_privileged_level_owns_of_the_timers_reads_as_0(lx, owner, bits, value, reload):
    core = lx(TCR=0x1FFF0000, T0V=5, T1V=5, WDV=5, T0R=6, T1R=6, WDR=6, MO=LINUX_MO & ~owner)
    assert core.read_sfr("TCR") == 0x1FFF0000 & ~bits
    others = {"T0V": 5, "T1V": 5, "WDV": 5, "T0R": 6, "T1R": 6, "WDR": 6}
    expected = others | {value: 0, reload: 0}
    assert {name: core.read_sfr(name) for name in others} == expected
    core.poke("PS", 0x01000000)
    assert (core.read_sfr("TCR"), core.read_sfr(value), core.read_sfr(reload)) == (0x1FFF0000, 5, 6)


@owned
@pytest.mark.parametrize("shift", [0, 32], ids=["clear", "set"])
def test_touching_a_more_privileged_timer_is_a_privilege_trap(lx, owner, bits, value, reload, shift):
    for name, touched in [*[("TCR", bit) for bit in COUNTS if bit & bits], (value, 1), (reload, 1)]:
        core = lx(MO=LINUX_MO & ~owner, EV_PL0=0x4000)
        assert not core.wfxl(name, touched << shift)
        assert core.peek("ES_PL0") == 1 | 1 << 4 | 1 << 6 | 2 << 12
        assert core.pc == 0x4040
        assert core.peek(name) == 0


@owned
def test_touching_the_other_timers_is_no_trap(lx, owner, bits, value, reload):
    core = lx(MO=LINUX_MO & ~owner)
    assert core.wfxl("TCR", (0x1FFF0000 & ~bits) << 32)
    assert core.peek("TCR") == 0x1FFF0000 & ~bits
    for name in {"T0V", "T1V", "WDV", "T0R", "T1R", "WDR"} - {value, reload}:
        assert core.wfxm(name, 7 << 32)
        assert core.peek(name) == 7 << 32


# All of it against the plainest model


class Plain:
    """Timers that are stepped each tick."""

    def __init__(self) -> None:
        self.tcr = 0
        self.values = [0, 0, 0]
        self.reloads = [0, 0, 0]
        self.idle = False
        self.out: list[Underflow] = []

    def step(self, tick: int) -> None:
        for timer in range(3):
            counts, interrupts, status, stops = [
                (T0CE, T0IE, T0ST, T0SI),
                (T1CE, T1IE, T1ST, T1SI),
                (WCE, WIE, WUS, WSI),
            ][timer]
            if not self.tcr & counts or (self.idle and self.tcr & stops):
                continue
            if self.values[timer]:
                self.values[timer] -= 1
                continue
            self.values[timer] = self.reloads[timer]
            bite = timer == 2 and bool(self.tcr & WUS and self.tcr & WUI)
            line = timer if self.tcr & interrupts and not bite else None
            self.tcr |= status
            self.out.append(Underflow(tick, timer, line, bite))


small = st.integers(0, 6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("go"), st.integers(1, 20)),
        st.tuples(st.just("TCR"), st.integers(0, 0x1FFF).map(lambda bits: (bits << 16) & ~WUI)),
        st.tuples(st.sampled_from([name for pair in NAMES for name in pair]), small),
        st.tuples(st.sampled_from(["doze", "wake", "ask"]), st.just(0)),
    ),
    max_size=30,
)


@given(steps=steps)
def test_the_timers_are_those_that_are_stepped_each_tick(steps):
    timed, plain, out = Timed(), Plain(), []
    core = timed.core
    for what, number in steps:
        if what == "go":
            for _ in range(number):
                timed.tick += 1
                plain.step(timed.tick)
        elif what == "TCR":
            plain.tcr = number
            core.poke("TCR", number)
        elif what == "doze":
            plain.idle = True
            core.poke("WS", 0)
            core.await_()
        elif what == "wake":
            plain.idle = False
            core.poke("WS", 1)
        elif what == "ask":
            out += core.underflow()
            assert out == plain.out
        else:
            timer = next(place for place, pair in enumerate(NAMES) if what in pair)
            (plain.values if what.endswith("V") else plain.reloads)[timer] = number
            core.poke(what, number)
        assert [core.t0v, core.t1v, core.wdv] == plain.values
        assert core.tcr == plain.tcr
    assert out + core.underflow() == plain.out
    due = core.next_underflow()
    at = len(plain.out)
    for tick in range(timed.tick + 1, timed.tick + 9):
        plain.step(tick)
    assert due == (plain.out[at].tick if len(plain.out) > at else None)


def test_after_a_reset_nothing_counts_and_every_register_of_the_timers_is_0():
    timed = Timed(T0V=1, T0R=2, T1V=3, T1R=4, WDV=5, WDR=6, TCR=T0CE | T1CE | WCE)
    timed.tick = 20
    timed.core.reset()
    timed.core.start()
    names = ("TCR", "T0V", "T1V", "WDV", "T0R", "T1R", "WDR")
    assert [timed.core.peek(name) for name in names] == [0] * 7
    assert timed.core.next_underflow() is None
    assert timed.core.underflow() == []


def test_a_timer_that_would_underflow_after_a_bite_does_not_show_it():
    timed = Timed(T0V=1, WDV=0, TCR=T0CE | WCE | WUI | WUS)
    assert timed.to(2).peek("TCR") == T0CE | WCE | WUI | WUS
    assert timed.core.underflow() == [(1, 2, None, True)]
    assert timed.core.peek("TCR") == T0CE | WCE | WUI | WUS
