"""The mailboxes."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from inv_base import BlockMachine, word

from kvx_emu.hw.port import Port, Site
from kvx_emu.models.apic_mailbox import ApicMailbox

WRAP = 1 << 64
MAILBOXES = (0, 1, 5, 127)
OUTPUTS = 6  # so that mailbox 127 has none

mailboxes = st.sampled_from(MAILBOXES)
values = word(64)
small = st.integers(0, 3)  # so that values and operands meet


class Wires(Port):
    """What the mailboxes send; at each pulse the value is read that a handler would find then."""

    def __init__(self):
        self.block = None
        self.pulses = []
        self.gone = []
        self.high = set()

    def drive(self, output, level):
        if level:
            self.pulses.append((output, self.block.read(0x200 * output, 8)))
            self.high.add(output)
        else:
            self.high.discard(output)

    def lost(self, number, why):
        self.gone.append(number)


class MailboxMachine(BlockMachine):
    """Ghost: VALUE, MASK, mode and trigger of each mailbox, and the bits that came and went in mode OR."""

    model = ApicMailbox

    def fresh(self):
        block = self.model(self.port, Site(size=0x10000, outputs=OUTPUTS))
        self.port.block = block
        return block

    def forget(self):
        self.port.block = self.block
        for number in MAILBOXES:
            for bit in range(64):
                self.cleared[number, bit] += self.value.get(number, 0) >> bit & 1
        self.value = dict.fromkeys(MAILBOXES, 0)
        self.mask = dict.fromkeys(MAILBOXES, 0)
        self.mode = dict.fromkeys(MAILBOXES, 0)
        self.trigger = dict.fromkeys(MAILBOXES, 0)

    @initialize(mode=st.integers(0, 2), trigger=st.integers(0, 4))
    def begin(self, mode, trigger):
        self.port = Wires()
        self.block = self.fresh()
        self.value = {}
        self.cleared = Counter()
        self.sent, self.coalesced, self.taken, self.replaced = Counter(), Counter(), Counter(), Counter()
        self.forget()
        for number in MAILBOXES:
            self.write_func(number, mode, trigger, 0)

    def combined(self, number, value):
        old, mode = self.value[number], self.mode[number]
        return {1: old | value, 2: (old + value) % WRAP}.get(mode, value)

    def account(self, number, written, new):
        """Book each bit of a write in mode OR; other modes replace what was there."""
        old = self.value[number]
        for bit in range(64):
            wire, was, came, now = (number, bit), old >> bit & 1, written >> bit & 1, new >> bit & 1
            if self.mode[number] == 1:
                self.sent[wire] += came
                self.coalesced[wire] += came & was
            else:
                self.replaced[wire] += was
                self.sent[wire] += now

    def post(self, number, value):
        pulses, gone = len(self.port.pulses), len(self.port.gone)
        new = self.combined(number, value)
        self.account(number, value, new)
        mask, trigger = self.mask[number], self.trigger[number]
        fires = {
            1: value & mask != 0,
            2: new == mask,
            3: new == mask,
            4: new >= mask,
        }.get(trigger, False)
        if fires and trigger == 3:
            for bit in range(64):
                self.cleared[number, bit] += new >> bit & 1
            new = 0
        self.value[number] = new
        self.block.write(0x200 * number, 8, value)
        sent = [(number, new)] if fires and number < OUTPUTS else []
        self.holds("I10", self.port.pulses[pulses:] == sent, number, self.port.pulses[pulses:])
        self.holds("I3", self.port.gone[gone:] == ([number] if fires and number >= OUTPUTS else []))
        self.holds("I4", self.block.read(0x200 * number, 8) == new, number)

    @rule(number=mailboxes, value=values)
    def write_value(self, number, value):
        self.post(number, value)

    @rule(number=mailboxes, value=small)
    def write_a_small_value(self, number, value):
        self.post(number, value)

    @rule(number=mailboxes, value=values)
    def write_lac(self, number, value):
        pulses = len(self.port.pulses)
        new = self.combined(number, value)
        self.account(number, value, new)
        self.value[number] = new
        self.block.write(0x200 * number + 8, 8, value)
        self.holds("I2", len(self.port.pulses) == pulses)

    @rule(number=mailboxes)
    def load_and_clear(self, number):
        found = self.block.read(0x200 * number + 8, 8)
        self.holds("I6", found == self.value[number], found)
        for bit in range(64):
            self.taken[number, bit] += found >> bit & 1
        self.value[number] = 0
        self.holds("I6", self.block.read(0x200 * number + 8, 8) == 0)

    @rule(number=mailboxes, value=st.one_of(values, small))
    def write_mask(self, number, value):
        pulses = len(self.port.pulses)
        self.block.write(0x200 * number + 0x10, 8, value)
        self.mask[number] = value
        self.holds("I2", len(self.port.pulses) == pulses)

    @rule(number=mailboxes, mode=st.integers(0, 3), trigger=st.integers(0, 7), more=word(64))
    def write_func(self, number, mode, trigger, more):
        self.block.write(0x200 * number + 0x18, 8, more & ~0x703 | trigger << 8 | mode)
        self.mode[number], self.trigger[number] = mode, trigger

    @rule(number=mailboxes)
    def as_linux_does(self, number):
        self.write_mask(number, (1 << 64) - 1)
        self.write_func(number, 1, 1, 0)

    def values_after(self, number, *written):
        other = self.model(Port(), Site(size=0x10000, outputs=OUTPUTS))
        other.restore(self.block.state())
        for value in written:
            other.write(0x200 * number, 8, value)
        return other.read(0x200 * number, 8)

    @precondition(lambda self: {1, 2} & set(self.mode.values()))
    @rule(number=mailboxes, a=values, b=values)
    def i10_or_and_add_do_not_mind_the_order(self, number, a, b):
        if self.mode[number] in {1, 2} and self.trigger[number] != 3:
            self.holds("I10", self.values_after(number, a, b) == self.values_after(number, b, a))
        if self.mode[number] == 1 and self.trigger[number] != 3:
            self.holds("I10", self.values_after(number, a, a) == self.values_after(number, a))
        if self.mode[number] == 2 and self.trigger[number] != 3:
            self.holds("I10", self.values_after(number, a, (WRAP - a) % WRAP) == self.value[number])

    @invariant()
    def i1_it_adds_up(self):
        for (number, bit), sent in self.sent.items():
            wire = number, bit
            ended = self.coalesced[wire] + self.taken[wire] + self.replaced[wire] + self.cleared[wire]
            self.holds("I1", sent == ended + (self.value[number] >> bit & 1), wire)

    @invariant()
    def i4_each_mailbox_holds_what_the_ghost_says(self):
        for number in MAILBOXES:
            self.holds("I4", self.block.read(0x200 * number, 8) == self.value[number], number)
            self.holds("I8", self.block.read(0x200 * number + 0x10, 8) == self.mask[number], number)
            func = self.trigger[number] << 8 | self.mode[number]
            self.holds("I8", self.block.read(0x200 * number + 0x18, 8) == func, number)

    @invariant()
    def i7_a_pulse_is_over_at_once(self):
        self.holds("I7", not self.port.high)
