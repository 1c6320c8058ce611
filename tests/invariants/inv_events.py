"""Inter-processor events on the ring of the 16 PEs."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import Invariants, word

from kvx_emu.models.core import Core, State
from kvx_emu.models.core_events import ring

PES = range(16)
pes = st.sampled_from([0, 1, 7, 15])
events = st.sampled_from([0, 3, 15])


class EventsMachine(Invariants):
    """Ghost: what each PE has received and lets through, by direction, and what it waits for."""

    model = Core

    @initialize(missing=st.sampled_from([None, None, 9]))
    def begin(self, missing):
        self.core = {pid: self.model(0, pid) for pid in PES if pid != missing}
        for core in self.core.values():
            core.start()
            core.poke("WS", 0)
        self.received = {(pid, forward): set() for pid in self.core for forward in (True, False)}
        self.passes = {(pid, forward): set() for pid in self.core for forward in (True, False)}
        self.waits = {}

    def go_round(self, origin, event, forward):
        """Return who receives an event, and let the ghosts of them receive it."""
        reached = []
        for step in range(1, 17):
            pid = (origin + (step if forward else -step)) % 16
            if pid not in self.core:
                break
            reached.append(pid)
            self.received[pid, forward].add(event)
            self.wake(pid)
            if event not in self.passes[pid, forward]:
                break
        return reached

    def wake(self, pid):
        if pid in self.waits:
            wants, _ = self.waits[pid]
            if all(wants[forward] <= self.received[pid, forward] for forward in (True, False)):
                for forward in (True, False):
                    self.received[pid, forward] -= wants[forward]
                self.sent.append((pid, self.waits.pop(pid)[1]))

    @rule(pid=pes, event=events, forward=st.booleans())
    def notify(self, pid, event, forward):
        before = {each: core.save() for each, core in self.core.items()}
        self.sent = []
        expected = self.go_round(pid, event, forward)
        found = ring(self.core, pid, event, forward)
        self.holds("I15", len(found) <= 16, found)
        self.holds("I9", found == expected, found, expected)
        for each, core in self.core.items():
            if each not in expected:
                self.holds("I9", core.save() == before[each], each)
        self.fetch()

    def fetch(self):
        """See what the SYNCGROUPs that are over have sent. It goes no further here."""
        sent = dict(self.sent)
        for pid, core in self.core.items():
            expected = sent.get(pid, (0, 0))
            self.holds("I2", core.take_notifications() == expected, pid)

    @rule(event=events, forward=st.booleans())
    def the_rm_reaches_nobody(self, event, forward):
        self.holds("I9", ring(self.core, 16, event, forward) == [])

    @rule(pid=pes, value=word(64))
    def write_ipe(self, pid, value):
        if pid not in self.waits:
            self.core[pid].poke("IPE", value)
            for shift, kept, forward in (
                (0, self.received, True),
                (16, self.received, False),
                (32, self.passes, True),
                (48, self.passes, False),
            ):
                kept[pid, forward] = {event for event in range(16) if value >> shift + event & 1}

    @rule(event=events, forward=st.booleans())
    def let_all_pass(self, event, forward):
        for pid, core in self.core.items():
            core.poke("IPE", core.ipe | 1 << event + (32 if forward else 48))
            self.passes[pid, forward].add(event)

    @rule(pid=pes, forward=st.sets(events, max_size=2), backward=st.sets(events, max_size=1), sends=word(32))
    def wait(self, pid, forward, backward, sends):
        if pid in self.waits:
            return
        self.sent = []
        self.waits[pid] = {True: forward, False: backward}, (sends & 0xFFFF, sends >> 16)
        self.wake(pid)
        operand = sum(1 << event for event in forward) | sum(1 << 16 + event for event in backward)
        self.core[pid].syncgroup(operand | sends << 32)
        self.fetch()

    @rule(pid=pes)
    def snapshot(self, pid):
        saved = json.dumps(self.core[pid].save())
        other = self.model(0, pid)
        other.restore(json.loads(saved))
        self.core[pid] = other
        self.holds("I17", json.dumps(other.save()) == saved)

    @rule(pid=pes)
    def reset(self, pid):
        core = self.core[pid]
        core.reset()
        self.holds("I13", core.save() == self.model(0, pid).save())
        core.start()
        core.poke("WS", 0)
        for forward in (True, False):
            self.received[pid, forward], self.passes[pid, forward] = set(), set()
        self.waits.pop(pid, None)

    @invariant()
    def i4_each_register_holds_what_has_come(self):
        for pid, core in self.core.items():
            mine = 0
            for shift, kept, forward in (
                (0, self.received, True),
                (16, self.received, False),
                (32, self.passes, True),
                (48, self.passes, False),
            ):
                mine |= sum(1 << shift + event for event in kept[pid, forward])
            self.holds("I4", core.ipe == mine, pid, hex(core.ipe), hex(mine))
            waits = core.state is State.SYNC
            self.holds("I12", waits == (pid in self.waits), pid)
