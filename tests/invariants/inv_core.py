"""A core with its timers: what it takes, when, and what becomes of every request."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from inv_base import Invariants, word
from inv_core_ghost import LINES, RESETTING, RUNNING, WAITIT, Ghost, get

from kvx_emu.models.core import Core

COMMON = (0, 1, 2, 4, 16, 24, 31)
lines = st.one_of(st.sampled_from(COMMON), st.integers(0, 31))
registers = st.sampled_from(["ILR", "ILE", "ILL", "PS", "ITOW"])
runs = precondition(lambda self: self.ghost.state == RUNNING)
EV = [0x1000, 0x2000, 0x3000, 0x4000]


class CoreMachine(Invariants):
    """Ghost: all of `inv_core_ghost`, and what became of each request of each line."""

    model = Core

    def fresh(self):
        core = self.model(1, 3)
        core.timer_hz, core.core_hz = self.ghost.hz, self.ghost.core_hz
        core.clock = lambda: self.now
        return core

    @initialize(rate=st.sampled_from([(1, 1), (1, 3), (2, 5), (3, 1)]), linux=st.booleans())
    def begin(self, rate, linux):
        self.now = 0
        self.fresh_pc = 0x100000
        self.ghost = Ghost(*rate)
        self.core = self.fresh()
        self.requested, self.delivered, self.cleared = Counter(), Counter(), Counter()
        self.start_up(linux=linux)

    def start_up(self, *, linux):
        """Start it, bare or as Linux leaves a core that has all to itself."""
        self.core.start(0x40)
        self.ghost.start(0x40)
        for pl in range(4):
            self.core.poke(f"EV_PL{pl}", EV[pl])
        self.ghost.ev = list(EV)
        if linux:
            self.core.poke("MO", 0x3FFFFFFFF)
            self.ghost.rfe_owner = 3
            for name, value in (
                ("ITO", 0x5555555555555555),
                ("ILL", 0x5555AAAAFFFF5555),
                ("ILE", 0xFFFFFFFF),
                ("HTO", 1 << 20),
                ("PS", 0x01000011),
            ):
                self.poke_both(name, value)

    def poke_both(self, name, value):
        before = set(self.ghost.pending)
        self.core.poke(name, value)
        self.ghost.poke(name, value)
        self.book(before)

    def book(self, before):
        """Book what software, or a reset, has changed in what is pending."""
        for line in self.ghost.pending - before:
            self.requested[line] += 1
        for line in before - self.ghost.pending:
            self.cleared[line] += 1

    # What reaches the core

    def request(self, line):
        self.requested[line] += line not in self.ghost.pending  # or else it is coalesced
        self.core.request(line)
        self.ghost.request(line)

    @rule(line=lines)
    def request_a_line(self, line):
        self.request(line)

    @rule(ticks=st.integers(1, 40))
    def let_time_pass(self, ticks):
        for _ in range(ticks):
            self.now += 1
            expected = self.ghost.count(self.now)
            due = self.core.next_underflow()
            self.holds("I2", (due == self.now) == bool(expected) and (due is None or due >= self.now), due)
            if not expected:
                continue
            found = [tuple(out) for out in self.core.underflow()]
            self.holds("I2", found == expected, found, expected)
            for _, _, line, bite in expected:
                if bite:
                    self.reset_both()
                elif line is not None:
                    self.request(line)

    @rule(timer=st.integers(0, 2), value=st.integers(0, 30), reload=st.sampled_from([0, 1, 7, (1 << 64) - 1]))
    def load_a_timer(self, timer, value, reload):
        for name, number in ((("T0V", "T1V", "WDV")[timer], value), (("T0R", "T1R", "WDR")[timer], reload)):
            self.core.poke(name, number)
        self.ghost.values[timer], self.ghost.reloads[timer] = value, reload

    @rule(value=word(32))
    def control_the_timers(self, value):
        self.core.poke("TCR", value)
        self.ghost.tcr = value & 0x1FFF0000

    @rule(timer=st.integers(0, 2))
    def run_a_timer(self, timer):
        bits = (0x00050000, 0x000A0000, 0x07000000)[timer]
        self.control_the_timers(self.ghost.tcr | bits)

    # What software does

    @runs
    @rule(name=registers, high=st.booleans(), set_=word(32), clear=word(32))
    def write_a_register(self, name, high, set_, clear):
        self.wfx(name, high, set_, clear)

    @runs
    @rule(name=registers, both=word(32))
    def i5_set_and_clear_the_same_bits(self, name, both):
        if self.wfx(name, False, both, both) and name != "ITOW":
            kept = both & (0x01FFFFFF if name == "PS" else 0xFFFFFFFF)
            self.holds("I5", self.core.peek(name) & both == kept, name, both)

    def wfx(self, name, high, set_, clear):
        before, pl = set(self.ghost.pending), get(self.ghost.ps, (0, 2))
        instruction = self.core.wfxm if high else self.core.wfxl
        done = instruction(name, set_ << 32 | clear)
        expected = self.ghost.wfx(name, high, set_, clear)
        self.book(before)
        self.holds("I8", done == expected, name, pl)
        return done

    @rule(name=st.sampled_from(["ILE", "ILL", "ILR", "ITO", "HTO", "WS"]), value=word(64))
    def poke(self, name, value):
        self.poke_both(name, value)

    @rule(ps=word(25))
    def poke_ps(self, ps):
        if self.ghost.state != WAITIT:  # software does not change PS while it sleeps
            self.poke_both("PS", ps)

    @runs
    @rule(pl=st.integers(0, 3), enabled=st.booleans(), level=st.integers(0, 3))
    def go_on_with_interrupts(self, pl, enabled, level):
        """As a handler does that lets itself be interrupted, at any level."""
        self.poke_both("PS", 0x01000000 | level << 12 | enabled << 4 | pl)

    @rule(line=lines, owner=st.integers(0, 3), level=st.integers(0, 3), enabled=st.booleans())
    def set_a_line_up(self, line, owner, level, enabled):
        def put(value):
            return value & ~(3 << 2 * line)

        self.poke_both("ITO", put(self.ghost.ito) | owner << 2 * line)
        self.poke_both("ILL", put(self.ghost.ill) | level << 2 * line)
        self.poke_both("ILE", self.ghost.ile & ~(1 << line) | enabled << line)

    @rule()
    def take(self):
        self.take_one()

    @runs
    @rule(line=lines, owner=st.integers(0, 3), level=st.integers(0, 3), other=lines, pl=st.integers(0, 3))
    def take_one_of_two(self, line, owner, level, other, pl):
        self.set_a_line_up(line, owner, level, True)
        self.poke_both("ILE", self.ghost.ile | 1 << other)
        self.go_on_with_interrupts(pl, True, 0)
        self.request(line)
        self.request(other)
        self.take_one()

    @runs
    @rule()
    def return_from_exception(self):
        before = set(self.ghost.pending)
        self.core.rfe()
        self.ghost.rfe()
        self.book(before)

    def take_one(self):
        before, ilr = set(self.ghost.pending), self.core.ilr
        expected = self.ghost.candidate()
        line = self.core.step()
        self.holds("I12", line == expected, line, expected)
        if line is None:
            self.holds("I4", self.core.ilr == ilr)
            return None
        self.holds("I3", self.ghost.ile >> line & 1, line)
        self.holds("I2", line in before, line)
        self.ghost.take()
        self.delivered[line] += 1
        before.discard(line)
        self.book(before)  # a double exception may have cleared the others
        if self.ghost.state == RUNNING:
            self.holds("I12", self.core.ilr == ilr & ~(1 << line), line)
        return line

    @runs
    @rule(how=st.sampled_from(["await", "sleep", "stop"]), clear=st.booleans())
    def fall_asleep(self, how, clear):
        if clear:
            self.poke_both("WS", 0)
        {"await": self.core.await_, "sleep": self.core.sleep, "stop": self.core.stop}[how]()
        self.ghost.doze("stopped" if how == "stop" else how)

    @runs
    @rule(any_of=word(32), all_of=st.one_of(st.just(0), word(32)), pl=st.integers(0, 3))
    def wait_for_lines(self, any_of, all_of, pl):
        self.fresh_pc += 16
        self.core.pc = self.ghost.pc = self.fresh_pc
        self.core.waitit(all_of << 32 | any_of)
        self.ghost.waitit(all_of << 32 | any_of)

    # Reset, snapshot, quiet

    def reset_both(self):
        before = set(self.ghost.pending)
        for _ in range(2):
            self.core.reset()
            self.ghost.reset()
            new = self.fresh().save()
            self.holds("I13", self.core.save() == new)
        self.book(before)

    @rule(chance=st.integers(0, 3))
    def reset(self, chance):
        if chance == 3:
            self.reset_both()

    @precondition(lambda self: self.ghost.state == RESETTING)
    @rule(linux=st.booleans())
    def start(self, linux):
        self.start_up(linux=linux)

    @rule()
    def snapshot(self):
        saved = json.dumps(self.core.save())
        self.core = self.fresh()
        self.core.restore(json.loads(saved))
        self.holds("I17", json.dumps(self.core.save()) == saved)

    @runs
    @rule()
    def i14_let_everything_be_taken(self):
        self.poke_both("ILE", 0xFFFFFFFF)
        self.poke_both("ILL", 0x5555555555555555)
        self.core.poke("MO", 0x3FFFFFFFF)
        self.ghost.rfe_owner = 3
        self.core.poke("TCR", 0)
        self.ghost.tcr = 0
        for _ in range(len(self.ghost.pending)):
            self.poke_both("PS", 0x01000013)  # at PL3, with interrupts on
            self.holds("I14", self.take_one() is not None)
        self.holds("I14", self.core.ilr == 0)

    # After every step

    @invariant()
    def i1_it_adds_up(self):
        for line in LINES:
            ended = self.delivered[line] + self.cleared[line] + (line in self.ghost.pending)
            self.holds("I1", self.requested[line] == ended, line)

    @invariant()
    def i4_pending_is_what_the_ghost_says(self):
        self.holds("I4", self.core.ilr == self.ghost.ilr, hex(self.core.ilr), hex(self.ghost.ilr))

    @invariant()
    def i8_each_register_is_its_own_and_as_wide_as_it_is(self):
        core, ghost = self.core, self.ghost
        for name in ("ILE", "ILL", "ITO", "HTO", "PS", "WS", "TCR"):
            found, mine = core.peek(name), ghost.register(name)
            self.holds("I8", found == mine, name, hex(found), hex(mine))
        self.holds("I8", [core.t0v, core.t1v, core.wdv] == ghost.values, ghost.values)
        self.holds("I8", [core.t0r, core.t1r, core.wdr] == ghost.reloads)
        banks = [core.sps, core.spc, core.es, core.ev]
        self.holds("I8", banks == [ghost.sps, ghost.spc, ghost.es, ghost.ev], banks)
        self.holds("I8", core.peek("PCR") == 0x0010000000000103)

    @invariant()
    def i12_the_candidate_is_that_of_the_rule(self):
        core, ghost = self.core, self.ghost
        self.holds("I12", core.candidate() == ghost.candidate(), core.candidate(), ghost.candidate())
        self.holds("I12", core.state.value == ghost.state, core.state, ghost.state)
        self.holds("I12", (core.pc, core.rz) == (ghost.pc, ghost.rz), hex(core.pc), hex(ghost.pc))
