"""The mailboxes of a cluster."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port, Site
from kvx_emu.models import apic_mailbox
from kvx_emu.models.apic_mailbox import ApicMailbox, QemuApicMailbox

VALUE, LAC, MASK, FUNC = 0x0, 0x8, 0x10, 0x18
ALL = 0xFFFFFFFFFFFFFFFF

REPLACE, OR, ADD = 0, 1, 2
NONE, DOORBELL, MATCH, BARRIER, THRESHOLD = 0x000, 0x100, 0x200, 0x300, 0x400

models = pytest.mark.parametrize("model", [ApicMailbox, QemuApicMailbox])
words = st.integers(0, ALL)
modes = st.sampled_from([REPLACE, OR, ADD])
triggers = st.sampled_from([NONE, DOORBELL, MATCH, BARRIER, THRESHOLD])


class Listener(Port):
    """A port that keeps what its model does, in order."""

    def __init__(self):
        self.heard = []

    def drive(self, output, level):
        self.heard.append(("drive", output, level))

    def tell(self, event, number, value, output=None):
        self.heard.append((event, number, value, output))

    def lost(self, number, why):
        self.heard.append(("lost", number, why))

    def odd(self, code, message):
        self.heard.append(("odd", code, message))


class Box:
    """A mailbox by its registers; `fired` counts the pulses of its output since the last call."""

    def __init__(self, model=ApicMailbox, number=0, *, mask=0, func=0, **site):
        self.number = number
        self.block = model(Listener(), Site(**site))
        self.heard = self.block.port.heard
        self.write(MASK, mask)
        self.write(FUNC, func)
        self.heard.clear()

    def write(self, register, value):
        self.block.write(0x200 * self.number + register, 8, value)

    def read(self, register):
        return self.block.read(0x200 * self.number + register, 8)

    def pulse(self):
        return [("drive", self.number, True), ("drive", self.number, False)]

    def fired(self):
        drives = [event for event in self.heard if event[0] == "drive"]
        self.heard.clear()
        assert drives in ([], self.pulse())
        return bool(drives)

    def fires(self, *values):
        """Write the values, and return for each whether it interrupted."""
        return [(self.write(VALUE, value), self.fired())[1] for value in values]


# Cases 42 to 46 of the specification's list


# Case 42
@models
def test_mailbox_5_with_the_function_of_linux_interrupts_and_is_emptied_by_lac(model):
    block = model(port := Listener())
    block.write(0xA18, 8, 0x101)
    block.write(0xA10, 8, 0x8)
    assert port.heard == []
    block.write(0xA00, 8, 0x8)
    assert port.heard == [("mailbox", 5, 0x8, None), ("drive", 5, True), ("drive", 5, False)]
    port.heard.clear()
    assert block.read(0xA00, 8) == 0x8
    assert port.heard == []
    assert block.read(0xA08, 8) == 0x8
    assert port.heard == [("ack", 5, 0x8, None)]
    assert block.read(0xA00, 8) == 0


# Case 43
@pytest.mark.parametrize(
    ("mode", "written", "values"),
    [
        (OR, [1, 2], [1, 3]),
        (ADD, [ALL, 2], [ALL, 1]),
        (REPLACE, [7, 5, 0], [7, 5, 0]),
    ],
)
def test_a_write_combines_as_the_mode_says(mode, written, values):
    box = Box(func=mode)
    found = []
    for value in written:
        box.write(VALUE, value)
        found.append(box.read(VALUE))
    assert found == values


# Case 44
def test_a_masked_doorbell_stores_the_value_and_the_unmasking_of_linux_rings_it():
    box = Box(number=5, func=0x101)
    box.write(VALUE, 0x8)
    assert box.heard == [("mailbox", 5, 0x8, None)]
    assert box.read(VALUE) == 0x8
    box.heard.clear()
    box.write(MASK, 0x8)
    assert box.heard == []
    box.write(VALUE, 0x8)
    assert box.heard == [("mailbox", 5, 0x8, None), *box.pulse()]


# Case 45
@pytest.mark.parametrize(
    ("trigger", "fires", "values"),
    [
        (MATCH, [False, False, True, False, False], [1, 2, 3, 4, 5]),
        (BARRIER, [False, False, True, False, False, True], [1, 2, 0, 1, 2, 0]),
        (THRESHOLD, [False, False, True, True, True], [1, 2, 3, 4, 5]),
    ],
)
def test_the_third_of_three_that_add_1_makes_the_value_that_fires(trigger, fires, values):
    box = Box(number=5, mask=3, func=ADD | trigger)
    for fired, value in zip(fires, values, strict=True):
        box.write(VALUE, 1)
        assert box.heard == [("mailbox", 5, value, None), *(box.pulse() if fired else [])]
        assert box.read(VALUE) == value
        box.heard.clear()


# Case 46
@models
@pytest.mark.parametrize(
    ("offset", "size"), [(0, 1), (0, 2), (0, 4), (4, 4), (4, 8), (0x201, 8), (0xA0C, 8), (0x18, 4), (0x20, 4)]
)
def test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect(model, offset, size):
    box = Box(model, mask=ALL, func=0x101)
    box.write(VALUE, 0x5)
    box.heard.clear()
    before = box.block.state()
    with pytest.raises(BusError, match=r"^the APIC mailbox takes aligned accesses of 8 bytes$"):
        box.block.write(offset, size, 0x1)
    with pytest.raises(BusError, match=r"^the APIC mailbox takes aligned accesses of 8 bytes$"):
        box.block.read(offset, size)
    assert box.block.state() == before
    assert box.heard == []


# Triggers


def test_without_a_trigger_nothing_interrupts():
    assert Box(mask=ALL, func=NONE).fires(0, 1, ALL) == [False, False, False]
    assert Box(mask=0, func=NONE).fires(0) == [False]


def test_the_doorbell_looks_at_the_bits_that_are_written_not_at_the_value():
    box = Box(mask=0x4, func=OR | DOORBELL)
    assert box.fires(0x4, 0x10, 0x14, 0) == [True, False, True, False]
    assert box.read(VALUE) == 0x14


def test_the_doorbell_looks_at_the_written_bits_of_a_sum_too():
    box = Box(mask=0x4, func=ADD | DOORBELL)
    assert box.fires(0x3, 0x1, 0x4) == [False, False, True]
    assert box.read(VALUE) == 8


def test_the_doorbell_rings_again_for_the_same_value():
    assert Box(mask=1, func=DOORBELL).fires(1, 1) == [True, True]


@pytest.mark.parametrize("trigger", [MATCH, BARRIER, THRESHOLD])
def test_the_other_triggers_look_at_the_value_that_results(trigger):
    box = Box(mask=0x7, func=OR | trigger)
    assert box.fires(0x3, 0x4) == [False, True]


@pytest.mark.parametrize(("trigger", "fires"), [(MATCH, [True, False]), (BARRIER, [True, False])])
def test_a_value_that_has_other_bits_besides_those_of_mask_does_not_match(trigger, fires):
    assert Box(mask=0x7, func=trigger).fires(0x7, 0xF) == fires


def test_the_threshold_is_without_a_sign():
    box = Box(mask=1 << 63, func=THRESHOLD)
    assert box.fires(1, (1 << 63) - 1, 1 << 63, ALL) == [False, False, True, True]


@pytest.mark.parametrize(
    ("trigger", "fires"), [(DOORBELL, False), (MATCH, True), (BARRIER, True), (THRESHOLD, True)]
)
def test_a_mask_of_0_stops_the_doorbell_alone(trigger, fires):
    assert Box(mask=0, func=trigger).fires(0) == [fires]


def test_a_barrier_that_is_not_reached_keeps_the_value():
    box = Box(mask=0x8, func=BARRIER)
    assert box.fires(0x9) == [False]
    assert box.read(VALUE) == 0x9


@pytest.mark.parametrize("trigger", [MATCH, THRESHOLD, DOORBELL])
def test_only_the_barrier_empties_the_mailbox(trigger):
    box = Box(mask=0x8, func=trigger)
    assert box.fires(0x8) == [True]
    assert box.read(VALUE) == 0x8


@pytest.mark.parametrize("trigger", [DOORBELL, MATCH, BARRIER, THRESHOLD])
def test_what_is_written_to_mask_or_func_interrupts_nobody(trigger):
    box = Box()
    box.write(VALUE, 0x5)
    box.heard.clear()
    box.write(MASK, 0x5)
    box.write(FUNC, trigger)
    box.write(MASK, 0x4)
    assert box.heard == []
    assert box.read(VALUE) == 0x5


@pytest.mark.parametrize(
    ("func", "value", "seen"), [(0x101, 0x8, 0xC), (0x202, 0x4, 0x8), (0x302, 0x4, 0), (0x402, 0x9, 0xD)]
)
def test_the_value_is_there_before_the_output_rises(func, value, seen):
    box = Box(mask=0x8, func=func)
    box.write(LAC, 0x4)
    stored = []
    box.block.port.drive = lambda output, level: stored.append((output, level, box.read(VALUE)))
    box.write(VALUE, value)
    assert stored == [(0, True, seen), (0, False, seen)]


def test_a_handler_that_takes_the_value_at_once_leaves_an_empty_mailbox():
    box = Box(mask=ALL, func=0x101)
    taken = []
    box.block.port.drive = lambda output, level: taken.append(box.read(LAC))
    box.write(VALUE, 0x6)
    assert taken == [0x6, 0]
    assert box.read(VALUE) == 0


@given(before=words, mask=words, value=words, mode=modes, trigger=triggers)
def test_a_write_does_what_its_mode_and_trigger_say(before, mask, value, mode, trigger):
    box = Box(number=127, mask=mask, func=mode | trigger)
    box.write(LAC, before)  # the first write in any mode, as the mailbox is empty
    result = {REPLACE: value, OR: before | value, ADD: (before + value) % 2**64}[mode]
    fires = {
        NONE: False,
        DOORBELL: value & mask > 0,
        MATCH: result == mask,
        BARRIER: result == mask,
        THRESHOLD: result >= mask,
    }[trigger]
    assert box.fires(value) == [fires]
    assert box.read(VALUE) == (0 if fires and trigger == BARRIER else result)
    assert (box.read(MASK), box.read(FUNC)) == (mask, mode | trigger)


@given(values=st.lists(words, max_size=6), trigger=triggers)
def test_or_takes_any_order_and_any_repetition(values, trigger):
    forward, backward, twice = (Box(func=OR | trigger, mask=0) for _ in range(3))
    for value in values:
        forward.write(LAC, value)
        twice.write(LAC, value)
        twice.write(LAC, value)
    for value in reversed(values):
        backward.write(LAC, value)
    assert forward.read(LAC) == backward.read(LAC) == twice.read(LAC)


@given(values=st.lists(words, max_size=6))
def test_add_wraps_at_64_bits(values):
    box = Box(func=ADD)
    for value in values:
        box.write(VALUE, value)
    assert box.read(VALUE) == sum(values) % 2**64


@models
@given(before=words, mask=words, value=words, mode=modes, trigger=triggers)
def test_what_a_write_will_do_can_be_asked_without_doing_it(model, before, mask, value, mode, trigger):
    box = Box(model, number=7, mask=mask, func=mode | trigger)
    box.write(LAC, before)
    state = box.block.state()
    result, fires = box.block.forecast(7, value)
    assert (box.block.state(), box.heard) == (state, [])
    assert box.fires(value) == [fires]
    emptied = model is ApicMailbox and fires and trigger == BARRIER
    assert box.read(VALUE) == (0 if emptied else result)


# LAC


def test_lac_gives_the_value_once():
    box = Box(number=3)
    box.write(VALUE, 0x30)
    box.heard.clear()
    assert [box.read(LAC), box.read(LAC), box.read(VALUE)] == [0x30, 0, 0]
    assert box.heard == [("ack", 3, 0x30, None)]


@models
@pytest.mark.parametrize(("mode", "value"), [(REPLACE, 0x5), (OR, 0x7)])
def test_a_write_to_lac_combines_without_interrupt(model, mode, value):
    box = Box(model, mask=ALL, func=mode | DOORBELL)
    box.write(LAC, 0x3)
    box.write(LAC, 0x5)
    assert box.heard == []
    assert box.read(VALUE) == value


def test_a_write_to_lac_adds_too_and_passes_no_barrier():
    box = Box(mask=0x4, func=ADD | BARRIER)
    box.write(LAC, 0x1)
    box.write(LAC, 0x3)
    assert box.heard == []
    assert box.read(VALUE) == 0x4


@models
@pytest.mark.parametrize("register", [MASK, FUNC])
def test_lac_leaves_the_other_registers(model, register):
    box = Box(model, mask=0x11, func=0x101)
    box.write(VALUE, ALL)
    before = box.read(register)
    assert box.read(LAC) == ALL
    assert box.read(register) == before != 0


# FUNC


@pytest.mark.parametrize(
    ("written", "kept", "ignored"),
    [
        (0x101, 0x101, []),
        (0x402, 0x402, []),
        (0x8101, 0x101, ["FUNC[5] has 11 bits: 0x8000 of 0x8101 is ignored"]),
        (0x1FD, 0x101, ["FUNC[5] has bits 1:0 and 10:8: 0xfc is ignored"]),
        (0x3, 0x3, ["FUNC[5]: mode 3 has no meaning: it replaces"]),
        (0x500, 0x500, ["FUNC[5]: trigger 5 has no meaning: it never interrupts"]),
        (0x700, 0x700, ["FUNC[5]: trigger 7 has no meaning: it never interrupts"]),
        (
            ALL,
            0x703,
            [
                "FUNC[5] has 11 bits: 0xfffffffffffff800 of 0xffffffffffffffff is ignored",
                "FUNC[5] has bits 1:0 and 10:8: 0xfc is ignored",
                "FUNC[5]: mode 3 has no meaning: it replaces",
                "FUNC[5]: trigger 7 has no meaning: it never interrupts",
            ],
        ),
    ],
)
def test_func_keeps_its_two_fields_and_tells_what_has_no_meaning(written, kept, ignored):
    box = Box(number=5)
    box.write(FUNC, written)
    assert box.read(FUNC) == kept
    assert box.heard == [("odd", "register-bits", message) for message in ignored]


def test_mode_3_replaces():
    box = Box(func=0x3)
    box.write(VALUE, 0x6)
    box.write(VALUE, 0x1)
    assert box.read(VALUE) == 0x1


@pytest.mark.parametrize("trigger", [0x500, 0x600, 0x700])
def test_triggers_5_to_7_never_fire(trigger):
    assert Box(mask=0x3, func=trigger).fires(0x3, 0x1, ALL, 0) == [False] * 4


# How many there are


@pytest.mark.parametrize(
    ("size", "count"),
    [(0, 128), (0x10000, 128), (0x20000, 128), (0xF200, 121), (0xEA00, 117), (0x3FF, 1), (0x1FF, 0)],
)
def test_there_are_as_many_mailboxes_as_the_registers_have_room_for(size, count):
    block = ApicMailbox(port := Listener(), Site(size=size))
    assert block.count == count
    for number in range(130):
        block.write(0x200 * number, 8, 0x5)
    assert [event for event in port.heard if event[0] == "mailbox"] == [
        ("mailbox", number, 0x5, None) for number in range(count)
    ]
    assert [block.read(0x200 * number, 8) for number in range(130)] == [0x5] * count + [0] * (130 - count)


def test_behind_the_last_mailbox_everything_is_reserved():
    block = ApicMailbox(port := Listener(), Site(size=0x1400))
    for offset in (0x1400, 0x1408, 0x1410, 0x1418):
        before = block.state()
        block.write(offset, 8, 0x1)
        assert block.read(offset, 8) == 0
        assert block.state() == before
    assert {event[:2] for event in port.heard} == {("odd", "reserved-register")}
    assert port.heard[:2] == [
        ("odd", "reserved-register", "write to the reserved offset 0x1400 is ignored"),
        ("odd", "reserved-register", "read of the reserved offset 0x1400 gives 0"),
    ]


def test_a_block_without_a_site_has_128_mailboxes_with_an_output_each():
    block = ApicMailbox(Listener())
    assert (block.count, block.outputs) == (128, 128)


def test_every_mailbox_has_its_own_registers_and_output():
    block = ApicMailbox(port := Listener())
    for number in range(128):
        block.write(0x200 * number + MASK, 8, 1 << number % 64)
        block.write(0x200 * number + FUNC, 8, 0x101)
    for number in range(128):
        block.write(0x200 * number, 8, ALL)
        assert port.heard == [
            ("mailbox", number, ALL, None),
            ("drive", number, True),
            ("drive", number, False),
        ]
        port.heard.clear()
    for number in range(128):
        assert block.read(0x200 * number + MASK, 8) == 1 << number % 64
        assert block.read(0x200 * number + LAC, 8) == ALL
        assert block.value == [0] * (number + 1) + [ALL] * (127 - number)


@pytest.mark.parametrize(("number", "wired"), [(9, True), (10, False), (127, False)])
def test_a_mailbox_that_the_tree_gives_no_interrupt_has_no_output(number, wired):
    box = Box(number=number, mask=1, func=0x101, size=0x10000, outputs=10)
    box.write(VALUE, 1)
    assert box.heard == [
        ("mailbox", number, 1, None),
        *(box.pulse() if wired else [("lost", number, f"the tree names no interrupt for mailbox {number}")]),
    ]
    assert box.read(VALUE) == 1


def test_a_tree_that_names_no_interrupt_leaves_all_without_an_output():
    box = Box(mask=1, func=0x101, outputs=0)
    box.write(VALUE, 1)
    assert box.heard[1:] == [("lost", 0, "the tree names no interrupt for mailbox 0")]


# The mailboxes of QEMU


@pytest.mark.parametrize("trigger", [0x000, 0x100, 0x200, 0x300, 0x400, 0x500, 0x600, 0x700])
def test_qemu_looks_at_no_trigger_but_at_the_written_bits(trigger):
    box = Box(QemuApicMailbox, mask=0x4, func=trigger)
    assert box.fires(0x4, 0x3, 0x6, 0) == [True, False, True, False]
    assert box.read(LAC) == 0
    assert box.fires(0x4) == [True]
    assert box.read(VALUE) == 0x4


@pytest.mark.parametrize(("mode", "value"), [(0, 0x4), (1, 0x7), (2, 0x4), (3, 0x4)])
def test_every_mode_of_qemu_but_or_replaces(mode, value):
    box = Box(QemuApicMailbox, mask=0, func=mode)
    box.write(VALUE, 0x3)
    box.write(VALUE, 0x4)
    assert box.read(VALUE) == value


def test_or_in_qemu_rings_for_the_written_bits_alone():
    box = Box(QemuApicMailbox, mask=0x4, func=OR)
    assert box.fires(0x4, 0x10) == [True, False]
    assert box.read(VALUE) == 0x14


def test_qemu_interrupts_before_it_stores_the_value():
    box = Box(QemuApicMailbox, number=5, mask=0x8, func=OR)
    box.write(LAC, 0x4)
    stored = []
    box.block.port.drive = lambda output, level: stored.append((output, level, box.read(VALUE)))
    box.write(VALUE, 0x8)
    assert stored == [(5, True, 0x4), (5, False, 0x4)]
    assert box.read(VALUE) == 0xC
    assert box.heard == [("mailbox", 5, 0xC, None)]


def test_mask_and_func_keep_64_bits_in_qemu():
    box = Box(QemuApicMailbox, number=120)
    for register in (MASK, FUNC):
        box.write(register, ALL)
        assert box.read(register) == ALL
    assert box.heard == []


@pytest.mark.parametrize("site", [Site(), Site(size=0x10000, outputs=128), Site(size=0x1400, outputs=10)])
def test_qemu_has_121_mailboxes_whatever_the_tree_says(site):
    block = QemuApicMailbox(port := Listener(), site)
    assert (block.count, block.outputs) == (121, 121)
    for number in (120, 121):
        block.write(0x200 * number + MASK, 8, 1)
        block.write(0x200 * number, 8, 1)
    assert port.heard == [
        ("mailbox", 120, 1, None),
        ("drive", 120, True),
        ("drive", 120, False),
        ("odd", "reserved-register", "write to the reserved offset 0xf210 is ignored"),
        ("odd", "reserved-register", "write to the reserved offset 0xf200 is ignored"),
    ]
    assert block.read(0xF210, 8) == 0


# Every register, from its declaration


@pytest.mark.parametrize(
    "compatible",
    [
        "kalray,coolidge-apic-mailbox",
        "kalray,kv3-1-apic-mailbox",
        "kalray,kvx-apic-mailbox",
        "kalray,k1c-apic-mailbox",
    ],
)
def test_the_model_stands_for_each_name_of_the_mailboxes(compatible):
    assert registry.find([compatible]) == (compatible, ApicMailbox)
    assert registry.find([compatible], registry.QEMU) == (compatible, QemuApicMailbox)


@pytest.mark.parametrize(("model", "func", "kept"), [(ApicMailbox, 11, 0x703), (QemuApicMailbox, 64, ALL)])
def test_the_registers_are_those_of_the_specification(model, func, kept):
    assert [
        (item.name, item.offset, item.count, item.stride, item.size, item.width, item.writable, item.access)
        for item in model.registers
    ] == [
        ("VALUE", 0x00, 128, 0x200, 8, 64, ALL, "RW"),
        ("LAC", 0x08, 128, 0x200, 8, 64, ALL, "RW"),
        ("MASK", 0x10, 128, 0x200, 8, 64, ALL, "RW"),
        ("FUNC", 0x18, 128, 0x200, 8, func, kept, "RW"),
    ]
    assert [(field.name, field.lsb, field.width) for field in model.FUNC.fields.values()] == [
        ("MODE", 0, 2),
        ("TRIGGER", 8, 3),
    ]
    assert all(item.src and item.doc for item in model.registers)
    assert all(field.doc for field in model.FUNC.fields.values())
    assert model.inputs == 0


def test_modes_and_triggers_have_the_numbers_of_linux():
    names = ["REPLACE", "OR", "ADD", "NONE", "DOORBELL", "MATCH", "BARRIER", "THRESHOLD"]
    assert [getattr(apic_mailbox, name) for name in names] == [0, 1, 2, 0, 1, 2, 3, 4]


@models
def test_after_reset_every_register_is_0(model):
    block = model(port := Listener())
    assert {block.read(offset, 8) for register in model.registers for offset, _ in register.places()} == {0}
    assert [event for event in port.heard if event[0] != "odd"] == []


@models
@pytest.mark.parametrize("offset", [0x20, 0x28, 0x100, 0x1F8, 0xF1F8])
def test_what_is_behind_the_four_registers_is_reserved(model, offset):
    block = model(port := Listener())
    before = block.state()
    block.write(offset, 8, 0x3)
    assert block.read(offset, 8) == 0
    assert block.state() == before
    assert [event[1] for event in port.heard] == ["reserved-register", "reserved-register"]


@models
def test_reset_is_the_same_as_a_new_block(model):
    block = model(Listener(), Site(size=0xF200, outputs=117))
    new = model(block.port, block.site)
    for offset in (0x200, 0x210, 0x218):
        block.write(offset, 8, 0x101)
    assert vars(block) != vars(new)
    block.reset()
    assert vars(block) == vars(new)


@models
def test_a_block_that_takes_back_a_state_goes_on_as_the_other(model):
    box = Box(model, number=2, mask=0x9, func=0x101)
    box.write(VALUE, 0x6)
    state = box.block.state()
    assert sorted(state) == ["func", "mask", "value"]
    assert state["value"] == [0, 0, 0x6] + [0] * 125
    other = Box(model, number=2)
    other.block.restore(json.loads(json.dumps(state)))
    box.write(VALUE, 0x8)
    assert state["value"] == [0, 0, 0x6] + [0] * 125
    assert other.read(VALUE) == 0x6
    assert other.fires(0x8) == [True]
    assert other.read(LAC) == box.read(LAC) == 0xE


@models
@pytest.mark.parametrize("wrong", [1 << 64, -1, "x", None])
def test_a_state_with_a_value_that_no_mailbox_can_hold_is_refused(model, wrong):
    block = model(Listener())
    before = block.state()
    with pytest.raises(ValueError, match="ApicMailbox"):
        block.restore(before | {"value": [0] * 127 + [wrong]})
    assert block.state() == before
    block.restore(before | {"value": [ALL] * 128})
    assert block.read(0xF000, 8) == ALL


def test_a_state_without_its_parts_is_refused():
    with pytest.raises(ValueError, match="ApicMailbox has mask, func, value; found mask"):
        ApicMailbox(Listener()).restore({"mask": [0] * 128})


@models
def test_a_block_keeps_what_the_tree_says_of_it(model):
    assert model(Listener(), Site(size=0x400, outputs=1)).site == Site(size=0x400, outputs=1)
