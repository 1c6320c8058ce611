"""The APIC GIC: 157 inputs, 72 outputs."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import BlockMachine

from kvx_emu.hw.port import Port
from kvx_emu.models.apic_gic import ApicGic

# The ends of each word of STATUS_LAC and of the registers; few, so that steps meet.
INPUTS = (0, 1, 7, 63, 64, 127, 128, 155, 156)
OUTPUTS = (0, 1, 3, 4, 67, 68, 71)

inputs = st.sampled_from(INPUTS)
outputs = st.sampled_from(OUTPUTS)


def enable_at(output, number):
    return 0x400 * output + number


class Wires(Port):
    """What the outputs do: their last level, and how often they have interrupted."""

    def __init__(self):
        self.high = dict.fromkeys(range(72), False)
        self.rises = Counter()
        self.lost_inputs = []

    def drive(self, output, level):
        self.high[output] = level
        self.rises[output] += level

    def lost(self, number, why):
        self.lost_inputs.append(number)


class GicMachine(BlockMachine):
    """Ghost: the pairs (output, input) that are enabled and that are pending, and what became of events."""

    model = ApicGic

    def fresh(self):
        return self.model(self.port)

    def forget(self):
        self.enabled = set()
        self.cleared += Counter(self.pending)
        self.pending = set()
        self.port.high = dict.fromkeys(range(72), False)  # a reset lowers without telling

    @initialize(pairs=st.lists(st.tuples(outputs, inputs), max_size=6))
    def begin(self, pairs):
        self.port = Wires()
        self.block = self.fresh()
        self.pending = set()
        self.accepted, self.coalesced = Counter(), Counter()
        self.taken, self.cleared, self.expected = Counter(), Counter(), Counter()
        self.forget()
        for output, number in pairs:
            self.enable(output, number, 1)

    @rule(first=inputs, second=inputs, output=outputs)
    def two_rise_at_one_output(self, first, second, output):
        self.enable(output, first, 1)
        self.enable(output, second, 1)
        self.rise(first)
        self.rise(second)
        self.load_and_clear(output, first // 64)

    @rule(number=inputs)
    def rise(self, number):
        lost = len(self.port.lost_inputs)
        reached = {output for output, enabled in self.enabled if enabled == number}
        before = Counter(self.port.rises)
        self.block.input(number, True)
        for output in reached:
            pair = output, number
            self.accepted[pair] += 1
            self.expected[output] += 1
            if pair in self.pending:
                self.coalesced[pair] += 1
            self.pending.add(pair)
        self.holds("I3", {o for o in self.port.rises if self.port.rises[o] > before[o]} == reached, number)
        self.holds("I1", self.port.lost_inputs[lost:] == ([] if reached else [number]))

    @rule(number=inputs)
    def fall(self, number):
        before = self.block.state()
        self.block.input(number, False)
        self.holds("I4", self.block.state() == before)

    @rule(output=outputs, number=inputs, value=st.integers(0, 255))
    def enable(self, output, number, value):
        self.block.write(enable_at(output, number), 1, value)
        self.enabled.discard((output, number))
        if value & 1:
            self.enabled.add((output, number))

    @rule(output=outputs, number=inputs, size=st.sampled_from([2, 4, 8]), value=st.integers(0, (1 << 64) - 1))
    def enable_neighbours(self, output, number, size, value):
        first = number - number % size
        self.block.write(enable_at(output, first), size, value % (1 << 8 * size))
        for place in range(size):
            self.enabled.discard((output, first + place))
            if value >> 8 * place & 1 and first + place < 157:
                self.enabled.add((output, first + place))

    @rule(output=outputs, which=st.sampled_from(range(3)))
    def load_and_clear(self, output, which):
        mine = {pair for pair in self.pending if pair[0] == output and pair[1] // 64 == which}
        found = self.block.read(0x400 * output + 0x120 + 8 * which, 8)
        self.holds("I6", found == sum(1 << number % 64 for _, number in mine), output, which)
        self.pending -= mine
        self.taken += Counter(mine)
        self.holds("I6", self.block.read(0x400 * output + 0x120 + 8 * which, 8) == 0)

    @rule(output=outputs, which=st.sampled_from(range(3)), size=st.sampled_from([1, 2, 4]))
    def a_part_of_lac_gives_nothing_and_clears_nothing(self, output, which, size):
        self.holds("I6", self.block.read(0x400 * output + 0x120 + 8 * which, size) == 0)

    @rule(output=outputs, which=st.sampled_from(range(3)), value=st.integers(0, (1 << 64) - 1))
    def write_lac(self, output, which, value):
        before = self.block.state()
        self.block.write(0x400 * output + 0x120 + 8 * which, 8, value)
        self.holds("I8", self.block.state() == before)

    @rule()
    def drain(self):
        """Read all words of all outputs, as handlers do: three reads an output end everything."""
        for output in range(72):
            for which in range(3):
                self.load_and_clear(output, which)
        self.holds("I14", not any(self.port.high.values()))

    @invariant()
    def i1_it_adds_up(self):
        for pair, accepted in self.accepted.items():
            first = accepted - self.coalesced[pair]
            self.holds("I1", first == self.taken[pair] + self.cleared[pair] + (pair in self.pending), pair)

    @invariant()
    def i2_each_accepted_input_interrupts_once_and_nothing_else_does(self):
        self.holds("I2", self.port.rises == self.expected)

    @invariant()
    def i4_pending_is_what_the_ghost_says(self):
        words = self.block.state()["status_lac"]
        found = {
            (place // 3, place % 3 * 64 + bit)
            for place, word in enumerate(words)
            if word
            for bit in range(64)
            if word >> bit & 1
        }
        self.holds("I4", found == self.pending, found ^ self.pending)

    @invariant()
    def i7_an_output_is_high_while_anything_is_pending_there(self):
        high = {output for output, level in self.port.high.items() if level}
        self.holds("I7", high == {output for output, _ in self.pending})

    @invariant()
    def i8_enable_is_one_bit_a_byte(self):
        for output in OUTPUTS:
            for number in INPUTS:
                found = self.block.read(enable_at(output, number), 1)
                self.holds("I8", found == ((output, number) in self.enabled), output, number)
