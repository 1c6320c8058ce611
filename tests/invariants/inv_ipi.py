"""The IPI controller, wired to the 17 cores of a cluster."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import BlockMachine, word

from kvx_emu.hw.port import Port
from kvx_emu.models.core import Core
from kvx_emu.models.ipi_ctrl import IpiCtrl

PIDS = range(17)
SETS = range(8)


class Cores(Port):
    """Seventeen cores that take every line at once, if they are asked to."""

    def __init__(self):
        self.core = [Core(0, pid) for pid in PIDS]
        for core in self.core:
            core.start()
            core.poke("ILE", 0xFFFFFFFF)
            core.poke("ILL", 0x5555555555555555)
            core.poke("PS", 0x01000010)

    def pulse(self, output, raised, blocked, written):
        for pid in PIDS:
            if raised >> pid & 1:
                self.core[pid].request(24 + output)


class IpiMachine(BlockMachine):
    """Ghost: the masks, and for each core and set how many bits were sent and what became of them."""

    model = IpiCtrl

    def fresh(self):
        return self.model(self.port)

    def forget(self):
        self.blocked = {number: set() for number in SETS}

    @initialize()
    def begin(self):
        self.port = Cores()
        self.block = self.fresh()
        self.forget()
        wires = [(pid, number) for pid in PIDS for number in SETS]
        self.sent = dict.fromkeys(wires, 0)
        self.masked = dict.fromkeys(wires, 0)
        self.coalesced = dict.fromkeys(wires, 0)
        self.requested = dict.fromkeys(wires, 0)
        self.delivered = dict.fromkeys(wires, 0)
        self.cleared = dict.fromkeys(wires, 0)
        self.pending = set()

    @rule(number=st.sampled_from(SETS), value=word(32))
    def send(self, number, value):
        before = [core.save() for core in self.port.core]
        self.block.write(4 * number, 4, value)
        for pid in PIDS:
            core, wire = self.port.core[pid], (pid, number)
            if not value >> pid & 1:
                self.holds("I9", core.save() == before[pid], pid)
                continue
            self.sent[wire] += 1
            if pid in self.blocked[number]:
                self.masked[wire] += 1
                self.holds("I3", core.save() == before[pid], wire)
            elif wire in self.pending:
                self.coalesced[wire] += 1
                self.holds("I4", core.ilr == before[pid]["ilr"], wire)
            else:
                self.requested[wire] += 1
                self.pending.add(wire)
                self.holds("I4", core.ilr == before[pid]["ilr"] | 1 << 24 + number, wire)

    @rule(number=st.sampled_from(SETS), value=word(32))
    def mask(self, number, value):
        self.block.write(0x20 + 4 * number, 4, value)
        self.blocked[number] = {pid for pid in PIDS if value >> pid & 1}

    @rule(number=st.sampled_from(SETS), value=word(17), blocked=word(17))
    def send_past_a_mask(self, number, value, blocked):
        self.mask(number, blocked)
        self.send((number + 1) % 8, value)
        self.send(number, value)

    @rule(number=st.sampled_from(SETS))
    def read(self, number):
        self.holds("I8", self.block.read(4 * number, 4) == 0)

    @rule(offset=st.integers(0x40, 0xFFF).map(lambda at: at & ~3), value=word(32))
    def write_elsewhere(self, offset, value):
        self.block.write(offset, 4, value)
        self.holds("I8", self.block.read(offset, 4) == 0)

    @rule(pid=st.sampled_from(PIDS))
    def take(self, pid):
        core = self.port.core[pid]
        mine = {24 + number for who, number in self.pending if who == pid}
        line = core.step()
        self.holds("I2", line is None or line in mine, pid, line)
        self.holds("I12", line == min(mine, default=None), pid, line)
        if line is not None:
            self.delivered[pid, line - 24] += 1
            self.pending.discard((pid, line - 24))
            core.rfe()

    @rule(pid=st.sampled_from(PIDS), lines=word(8))
    def clear(self, pid, lines):
        core = self.port.core[pid]
        core.poke("ILR", core.ilr & ~(lines << 24))
        for number in SETS:
            if lines >> number & 1 and (pid, number) in self.pending:
                self.cleared[pid, number] += 1
                self.pending.discard((pid, number))

    @invariant()
    def i1_it_adds_up(self):
        for wire, sent in self.sent.items():
            arrived = self.masked[wire] + self.coalesced[wire] + self.requested[wire]
            gone = self.delivered[wire] + self.cleared[wire]
            self.holds("I1", sent == arrived, wire)
            self.holds("I1", self.requested[wire] == gone + (wire in self.pending), wire)

    @invariant()
    def i4_pending_is_what_the_ghost_says(self):
        for pid in PIDS:
            mine = sum(1 << 24 + number for number in SETS if (pid, number) in self.pending)
            self.holds("I4", self.port.core[pid].ilr == mine, pid)

    @invariant()
    def i8_a_mask_has_17_bits_and_is_of_its_own_set(self):
        for number in SETS:
            mine = sum(1 << pid for pid in self.blocked[number])
            self.holds("I8", self.block.read(0x20 + 4 * number, 4) == mine, number)
