"""The PCI MSI snooper."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import BlockMachine, word

from kvx_emu.hw.port import Port
from kvx_emu.models.pcimsi import PciMsi

GROUPS = range(8)
groups = st.sampled_from([0, 1, 7])
vectors = st.sampled_from([0, 1, 31])
BASES = (0, 0x400, 0x1_2345_6400)


class Wires(Port):
    """What the outputs do."""

    def __init__(self):
        self.high = dict.fromkeys(GROUPS, False)
        self.rises = Counter()
        self.gone = []

    def drive(self, output, level):
        self.high[output] = level
        self.rises[output] += level

    def lost(self, number, why):
        self.gone.append(number)


class PciMsiMachine(BlockMachine):
    """Ghost: the vectors (group, bit) that have come and that are masked, and what became of each message."""

    model = PciMsi

    def fresh(self):
        return self.model(self.port)

    def forget(self):
        self.open, self.base = 0, 0
        self.cleared += Counter(self.status)
        self.status, self.masked = set(), set()
        self.other_type = set()
        self.port.high = dict.fromkeys(GROUPS, False)  # a reset lowers without telling

    @initialize(masks=st.lists(word(32), min_size=3, max_size=3))
    def begin(self, masks):
        self.port = Wires()
        self.block = self.fresh()
        self.status = set()
        self.accepted, self.coalesced, self.taken = Counter(), Counter(), Counter()
        self.cleared, self.expected = Counter(), Counter()
        self.forget()

    def heard(self):
        return {group for group, bit in self.status - self.masked}

    @rule(value=st.sampled_from([1, 1, 0xFFFFFFFF, 0, 0xFFFFFFFE]), base=st.sampled_from(BASES))
    def set_up(self, value, base):
        self.block.write(0, 4, value)
        self.block.write(4, 4, base & 0xFFFFFFFF)
        self.block.write(8, 4, base >> 32)
        self.open, self.base = value & 1, base

    @rule(base=st.sampled_from(BASES), group=groups, at=st.sampled_from([0, 4, 0x7F]), data=word(32))
    def message_somewhere(self, base, group, at, data):
        self.message(base, group, at, data)

    @rule(group=groups, bit=vectors)
    def message_to_the_window(self, group, bit):
        self.message(self.base, group, 0, bit)

    @rule(group=groups, bit=vectors, value=word(32), later=word(32))
    def message_past_a_mask(self, group, bit, value, later):
        self.set_up(1, BASES[2])
        self.set_type(group, 0)
        self.mask(group, value)
        self.message_to_the_window(group, bit)
        self.mask(group, later)

    def message(self, base, group, at, data):
        before, rises, gone = self.block.state(), Counter(self.port.rises), len(self.port.gone)
        taken = self.block.message(base + 0x80 * group + at, data)
        mine = bool(self.open and base == self.base)
        self.holds("I3", taken == mine)
        vector = group, data % 32
        if not mine or group in self.other_type:
            self.holds("I4", self.block.state() == before)
            self.holds("I1", self.port.gone[gone:] == ([32 * group + data % 32] if mine else []))
            return
        self.accepted[vector] += 1
        self.coalesced[vector] += vector in self.status
        self.status.add(vector)
        if vector not in self.masked:
            self.expected[group] += 1
        sent = self.port.rises - rises
        self.holds("I3", sent == ({} if vector in self.masked else {group: 1}), vector)

    @rule(group=groups)
    def load_and_clear(self, group):
        mine = {vector for vector in self.status if vector[0] == group}
        found = self.block.read(0x104 + 0x80 * group, 4)
        self.holds("I6", found == sum(1 << bit for _, bit in mine), group)
        self.status -= mine
        self.taken += Counter(mine)
        self.holds("I6", self.block.read(0x104 + 0x80 * group, 4) == 0)

    @rule(group=groups, value=word(32))
    def mask(self, group, value):
        before = group in self.heard()
        self.masked = {vector for vector in self.masked if vector[0] != group}
        self.masked |= {(group, bit) for bit in range(32) if value >> bit & 1}
        self.block.write(0x108 + 0x80 * group, 4, value)
        self.expected[group] += group in self.heard() and not before

    @rule(group=groups, value=st.integers(0, 2))
    def set_type(self, group, value):
        self.block.write(0x10C + 0x80 * group, 4, value)
        self.other_type.discard(group)
        if value:
            self.other_type.add(group)

    @rule(group=groups, value=word(32), register=st.sampled_from([0x100, 0x104]))
    def write_what_is_read_only(self, group, value, register):
        before = self.block.state()
        self.block.write(register + 0x80 * group, 4, value)
        self.holds("I8", self.block.state() == before)

    @invariant()
    def i1_it_adds_up(self):
        for vector, accepted in self.accepted.items():
            ended = self.coalesced[vector] + self.taken[vector] + self.cleared[vector]
            self.holds("I1", accepted == ended + (vector in self.status), vector)

    @invariant()
    def i2_each_message_interrupts_once_and_nothing_else_does(self):
        self.holds("I2", self.port.rises == self.expected)

    @invariant()
    def i4_status_is_what_the_ghost_says(self):
        for group in GROUPS:
            mine = sum(1 << bit for which, bit in self.status if which == group)
            self.holds("I4", self.block.read(0x100 + 0x80 * group, 4) == mine, group)

    @invariant()
    def i7_an_output_is_high_while_anything_unmasked_is_there(self):
        high = {group for group, level in self.port.high.items() if level}
        self.holds("I7", high == self.heard())

    @invariant()
    def i8_enable_has_one_bit(self):
        self.holds("I8", self.block.read(0, 4) == self.open)
