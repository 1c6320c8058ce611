"""The interrupt generator."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import BlockMachine, word

from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port, Site
from kvx_emu.models.itgen import Itgen, decode, encode

INPUTS = (0, 1, 41, 270, 271)
LEVELS = frozenset({1, 41})  # the inputs that the tree calls high level

inputs = st.sampled_from(INPUTS)


class Bus(Port):
    """Takes the messages; those to the last cluster's windows are refused."""

    def __init__(self):
        self.messages = []
        self.gone = []

    def write(self, address, size, value):
        self.messages.append((address, size, value))
        if address >> 24 == 8:
            raise BusError("nothing is there")

    def lost(self, number, why):
        self.gone.append(number)


class ItgenMachine(BlockMachine):
    """Ghost: CFG and ENABLE of each input, whether its line is high, and what became of each rise."""

    model = Itgen

    def fresh(self):
        return self.model(self.port, Site(levels=LEVELS))

    def forget(self):
        self.cfg = dict.fromkeys(INPUTS, 0)
        self.enabled = set()
        self.high = set()
        for number in self.waiting:
            self.cleared[number] += 1
        self.waiting = set()  # level inputs that rose while they were disabled and are still high

    @initialize()
    def begin(self):
        self.port = Bus()
        self.block = self.fresh()
        self.waiting = set()
        self.rises, self.sent, self.resent, self.lost = Counter(), Counter(), Counter(), Counter()
        self.cleared, self.joined = Counter(), Counter()
        self.forget()

    def message(self, number):
        """Return where the hardware's own words say that an input writes, and what."""
        cfg = self.cfg[number]
        mailbox, cluster, bit = cfg & 0x7F, cfg >> 8 & 7, cfg >> 24 & 0x3F
        return 0x00A00000 + mailbox * 0x200 + (cluster + 1) * 0x01000000, 8, 1 << bit

    def see(self, number, act, *, sends, lost=False):
        """Do something, and see that it sends the message of an input or nothing."""
        messages, gone = len(self.port.messages), len(self.port.gone)
        act()
        self.holds("I11", self.port.messages[messages:] == ([self.message(number)] if sends else []), number)
        refused = sends and self.cfg[number] >> 8 & 7 == 7
        self.holds("I1", self.port.gone[gone:] == ([number] if refused or lost else []), number)

    @rule(number=inputs)
    def rise(self, number):
        self.rises[number] += 1
        enabled, level = number in self.enabled, number in LEVELS
        self.high.add(number)
        self.sent[number] += enabled
        self.lost[number] += not enabled and not level
        if not enabled and level:
            self.joined[number] += number in self.waiting
            self.waiting.add(number)
        lost = not enabled and not level
        self.see(number, lambda: self.block.input(number, True), sends=enabled, lost=lost)

    @rule(number=inputs)
    def fall(self, number):
        self.high.discard(number)
        if number in self.waiting:
            self.waiting.discard(number)
            self.cleared[number] += 1
        self.see(number, lambda: self.block.input(number, False), sends=False)

    @rule(number=inputs, value=word(32))
    def enable(self, number, value):
        on = bool(value & 1)
        sends = on and number not in self.enabled and number in self.high and number in LEVELS
        self.enabled.discard(number)
        if on:
            self.enabled.add(number)
        if sends:
            if number in self.waiting:
                self.waiting.discard(number)
                self.sent[number] += 1
            else:
                self.resent[number] += 1
        self.see(number, lambda: self.block.write(0x10 * number + 8, 4, value), sends=sends)

    @rule(number=inputs, value=word(32))
    def configure_any(self, number, value):
        self.cfg[number] = value
        self.see(number, lambda: self.block.write(0x10 * number, 4, value), sends=False)

    @rule(number=inputs, cluster=st.integers(0, 7), mailbox=st.integers(0, 127), bit=st.integers(0, 63))
    def configure(self, number, cluster, mailbox, bit):
        cfg = encode(cluster, mailbox, bit)
        self.holds("I11", decode(cfg) == (cluster, mailbox, bit))
        self.holds("I11", (cfg & 0x7F, cfg >> 8 & 7, cfg >> 24 & 0x3F) == (mailbox, cluster, bit))
        self.configure_any(number, cfg)

    @rule(number=inputs, cluster=st.integers(0, 7), mailbox=st.integers(0, 127), bit=st.integers(0, 63))
    def configure_and_rise(self, number, cluster, mailbox, bit):
        self.configure(number, cluster, mailbox, bit)
        self.enable(number, 1)
        self.rise(number)

    @invariant()
    def i1_it_adds_up(self):
        for number, rises in self.rises.items():
            waits = number in self.waiting
            ended = self.sent[number] + self.lost[number] + self.cleared[number] + self.joined[number]
            self.holds("I1", rises == ended + waits, number)

    @invariant()
    def i2_every_message_has_a_cause(self):
        self.holds("I2", len(self.port.messages) == sum(self.sent.values()) + sum(self.resent.values()))

    @invariant()
    def i8_each_register_is_its_own(self):
        for number in INPUTS:
            self.holds("I8", self.block.read(0x10 * number, 4) == self.cfg[number], number)
            self.holds("I8", self.block.read(0x10 * number + 8, 4) == (number in self.enabled), number)
        self.holds("I8", self.block.read(0x1100, 4) == 272)
