"""The interrupt controller that spreads a cluster's mailboxes and devices over its cores."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port
from kvx_emu.hw.register import Register
from kvx_emu.models.apic_gic import INPUT_NAMES, OUTPUTS, ApicGic, QemuApicGic, output_core, output_line

ALL = 0xFFFFFFFFFFFFFFFF
LAC = 0x120

models = pytest.mark.parametrize("model", [ApicGic, QemuApicGic])
outputs = st.integers(0, 71)
inputs = st.integers(0, 156)


class Listener(Port):
    """A port that keeps what its model does, in order, and the levels of the outputs."""

    def __init__(self):
        self.heard = []
        self.high = set()

    def drive(self, output, level):
        self.heard.append(("drive", output, level))
        if level:
            self.high.add(output)
        else:
            self.high.remove(output)

    def tell(self, event, number, value, output=None):
        self.heard.append((event, number, value, output))

    def lost(self, number, why):
        self.heard.append(("lost", number, why))

    def odd(self, code, message):
        self.heard.append(("odd", code, message))


def armed(*enabled, model=ApicGic):
    """Return a controller with these (output, input) enabled, and what its port hears from then on."""
    block = model(port := Listener())
    for output, number in enabled:
        block.write(0x400 * output + number, 1, 1)
    assert port.heard == []
    return block, port.heard


def pending(block, output):
    """Take what is pending at an output, as one number."""
    return sum(block.read(0x400 * output + LAC + 8 * word, 8) << 64 * word for word in range(3))


# Cases 38 to 41 of the specification's list


# Case 38
@models
def test_input_130_enabled_at_core_3_line_2_is_there_and_is_taken_once(model):
    block = model(port := Listener())
    block.write(0x3882, 1, 1)
    block.input(130, True)
    assert port.heard == [("gic", 130, 130, 14), ("drive", 14, True)]
    assert (output_core(14), output_line(14)) == (3, 6)
    assert block.read(0x3930, 8) == 0x4
    assert block.read(0x3930, 8) == 0


# Case 39
@models
def test_an_input_that_rises_while_it_is_disabled_is_lost(model):
    block, heard = armed(model=model)
    block.input(5, True)
    assert heard == [("lost", 5, "input 5 (mailbox 5) is enabled at no output")]
    heard.clear()
    block.write(5, 1, 1)
    assert heard == []
    assert pending(block, 0) == 0


# Case 40
@models
def test_an_input_that_is_enabled_at_two_cores_is_pending_at_each_by_itself(model):
    block, heard = armed((0, 7), (20, 7), model=model)
    block.input(7, True)
    assert heard == [("gic", 7, 7, 0), ("drive", 0, True), ("gic", 7, 7, 20), ("drive", 20, True)]
    assert [(output_core(output), output_line(output)) for output in (0, 20)] == [(0, 4), (5, 4)]
    assert pending(block, 0) == 0x80
    assert pending(block, 20) == 0x80
    assert (pending(block, 0), pending(block, 20)) == (0, 0)


# Case 41
@models
def test_line_0_of_group_16_is_line_4_of_the_rm(model):
    block = model(port := Listener())
    block.write(0x10000 + 9, 1, 1)
    block.input(9, True)
    assert port.heard == [("gic", 9, 9, 64), ("drive", 64, True)]
    assert (output_core(64), output_line(64)) == (16, 4)


# Outputs


def test_output_4_g_k_is_line_4_k_of_core_g_and_those_of_group_17_lead_nowhere():
    assert OUTPUTS == 72
    assert [output_core(output) for output in range(72)] == [
        *(pid for pid in range(17) for _ in range(4)),
        *[None] * 4,
    ]
    assert [output_line(output) for output in range(72)] == [4, 5, 6, 7] * 18


@models
@pytest.mark.parametrize("output", range(72))
def test_every_output_has_its_own_registers(model, output):
    block, heard = armed((output, 77), model=model)
    block.input(77, True)
    assert heard == [("gic", 77, 77, output), ("drive", output, True)]
    assert [pending(block, other) for other in range(72)] == [
        1 << 77 if other == output else 0 for other in range(72)
    ]


@models
def test_an_input_reaches_the_outputs_in_ascending_order(model):
    block, heard = armed(*((output, 77) for output in reversed(range(72))), model=model)
    block.input(77, True)
    assert heard == [
        event for output in range(72) for event in (("gic", 77, 77, output), ("drive", output, True))
    ]


def test_what_is_pending_is_there_before_the_output_rises():
    block, _ = armed((3, 130))
    found = []
    block.port.drive = lambda output, level: found.append((output, level, block.read(0xD30, 8)))
    block.input(130, True)
    assert found == [(3, False, 0), (3, True, 0x4)]  # read in `drive`, which lowers it within


@models
def test_every_event_of_an_input_drives_the_output_anew(model):
    block, heard = armed((0, 1), model=model)
    block.input(1, True)
    block.input(1, True)
    block.input(1, False)
    block.input(1, True)
    assert heard == [("gic", 1, 1, 0), ("drive", 0, True)] * 3
    assert pending(block, 0) == 0x2


@models
def test_an_input_that_falls_does_nothing(model):
    block, heard = armed((0, 1), model=model)
    block.input(1, True)
    heard.clear()
    block.input(1, False)
    block.input(2, False)
    assert heard == []
    assert pending(block, 0) == 0x2


@models
def test_disabling_an_input_leaves_it_pending(model):
    block, heard = armed((0, 1), model=model)
    block.input(1, True)
    heard.clear()
    block.write(1, 1, 0)
    assert heard == []
    assert pending(block, 0) == 0x2


# STATUS_LAC


@models
@pytest.mark.parametrize(
    ("number", "word", "value"),
    [
        (0, 0x120, 1),
        (63, 0x120, 1 << 63),
        (64, 0x128, 1),
        (127, 0x128, 1 << 63),
        (128, 0x130, 1),
        (156, 0x130, 1 << 28),
    ],
)
def test_lac_has_64_inputs_a_word(model, number, word, value):
    block, heard = armed((0, number), model=model)
    block.input(number, True)
    heard.clear()
    others = [other for other in (0x120, 0x128, 0x130) if other != word]
    assert [block.read(other, 8) for other in others] == [0, 0]
    assert heard == []
    assert block.read(word, 8) == value
    assert heard[0] == ("ack", 0, value, 0)


def test_an_output_falls_when_the_last_word_is_taken():
    block, heard = armed((14, 0), (14, 1), (14, 64), (14, 128), (15, 0))
    for number in (0, 1, 64, 128):
        block.input(number, True)
    heard.clear()
    assert block.read(0x3920, 8) == 0x3
    assert block.read(0x3930, 8) == 0x1
    assert heard == [("ack", 14, 0x3, 14), ("ack", 14, 0x1, 14)]
    assert block.read(0x3928, 8) == 0x1
    assert heard[2:] == [("ack", 14, 0x1, 14), ("drive", 14, False)]
    assert block.port.high == {15}


def test_a_word_that_is_empty_is_read_without_effect():
    block, heard = armed((0, 0))
    assert [block.read(0x120, 8), block.read(0x128, 8)] == [0, 0]
    block.input(0, True)
    heard.clear()
    assert block.read(0x128, 8) == 0
    assert heard == []


@models
@pytest.mark.parametrize(
    ("offset", "size"), [(0xA520, 1), (0xA520, 2), (0xA520, 4), (0xA524, 4), (0xA527, 1), (0xA536, 2)]
)
def test_lac_read_by_another_size_gives_0_and_clears_nothing(model, offset, size):
    block, heard = armed(*((41, number) for number in range(157)), model=model)
    for number in range(157):
        block.input(number, True)
    heard.clear()
    assert block.read(offset, size) == 0
    word = (offset - 0xA520) // 8
    assert heard == [
        ("odd", "reserved-register", f"STATUS_LAC[41][{word}] takes reads of 8 bytes: one of {size} gives 0")
    ]
    assert pending(block, 41) == (1 << 157) - 1


@models
@pytest.mark.parametrize(
    ("offset", "size"), [(0xA520, 8), (0xA528, 4), (0xA52C, 4), (0xA530, 1), (0xA537, 1)]
)
def test_a_write_to_lac_is_ignored(model, offset, size):
    block, heard = armed((41, 0), (41, 64), (41, 128), model=model)
    for number in (0, 64, 128):
        block.input(number, True)
    heard.clear()
    block.write(offset, size, 0)
    block.write(offset, size, 0xFF)
    word = (offset - 0xA520) // 8
    message = f"write to the read-only STATUS_LAC[41][{word}] is ignored"
    assert heard == [("odd", "read-only-register", message)] * 2
    assert pending(block, 41) == 1 << 128 | 1 << 64 | 1


@given(
    enabled=st.lists(st.tuples(outputs, inputs), max_size=12),
    events=st.lists(st.one_of(st.tuples(st.just("rise"), inputs), st.tuples(st.just("take"), outputs))),
    data=st.data(),
)
def test_lac_gives_every_bit_once_and_an_output_is_high_while_a_bit_is_pending(enabled, events, data):
    block, heard = armed(*enabled)
    model = {output: set() for output in range(72)}
    wanted = [number for _, number in enabled]
    for what, number in events:
        heard.clear()
        if what == "rise":
            name = data.draw(st.sampled_from(wanted)) if wanted else number
            block.input(name, True)
            reached = sorted({output for output, other in enabled if other == name})
            for output in reached:
                model[output].add(name)
            assert [event[1] for event in heard if event[0] == "drive"] == reached
            assert [event[0] for event in heard if event[0] == "lost"] == ([] if reached else ["lost"])
        else:
            output = data.draw(st.sampled_from(enabled))[0] if enabled else number
            assert pending(block, output) == sum(1 << bit for bit in model[output])
            model[output].clear()
        assert block.port.high == {output for output, bits in model.items() if bits}


# ENABLE


@models
@pytest.mark.parametrize(
    ("value", "kept", "ignored"),
    [(0, 0, 0), (1, 1, 0), (2, 0, 2), (3, 1, 2), (0xFE, 0, 0xFE), (0xFF, 1, 0xFE)],
)
def test_enable_is_bit_0_of_a_byte(model, value, kept, ignored):
    block, heard = armed((9, 9), (9, 11), (9, 10), (8, 10), (10, 10), model=model)
    block.write(0x240A, 1, value)
    assert block.read(0x240A, 1) == kept
    message = f"ENABLE[9][10] has 1 bit a byte, up to input 156: {ignored:#x} of {value:#x} is ignored"
    assert heard == ([("odd", "register-bits", message)] if ignored else [])
    assert [block.read(offset, 1) for offset in (0x2409, 0x240B, 0x200A, 0x280A)] == [1, 1, 1, 1]


@models
def test_wider_accesses_to_enable_are_to_neighbours_the_first_in_the_lowest_byte(model):
    block, heard = armed(model=model)
    block.write(0x2400, 8, 0x0101010101010101)
    assert block.read(0x2400, 8) == 0x0101010101010101
    block.write(0x2400, 4, 0x01000100)
    assert block.read(0x2400, 8) == 0x0101010101000100
    block.write(0x2404, 2, 0x0001)
    assert block.read(0x2400, 8) == 0x0101000101000100
    assert [block.read(0x2400 + number, 1) for number in range(8)] == [0, 1, 0, 1, 1, 0, 1, 1]
    assert [block.read(0x2400, 4), block.read(0x2404, 4)] == [0x01000100, 0x01010001]
    assert [block.read(0x2400 + number, 2) for number in range(0, 8, 2)] == [0x100, 0x100, 0x1, 0x101]
    assert heard == []
    block.write(0x2408, 4, 0xFFFEFF02)
    assert block.read(0x2408, 8) == 0x01000100
    message = "ENABLE[9][8] has 1 bit a byte, up to input 156: 0xfefefe02 of 0xfffeff02 is ignored"
    assert heard == [("odd", "register-bits", message)]


@models
@pytest.mark.parametrize(
    ("offset", "size", "kept"),
    [
        (0x9C, 1, 0x1),
        (0x9C, 2, 0x1),
        (0x9C, 4, 0x1),
        (0x98, 8, 0x0000000101010101),
        (0x98, 4, 0x01010101),
    ],
)
def test_an_access_across_the_last_input_has_nothing_behind_it(model, offset, size, kept):
    block, heard = armed(model=model)
    ones = 0x0101010101010101 & (1 << 8 * size) - 1
    block.write(0x400 + offset, size, ones)
    assert block.read(0x400 + offset, size) == kept
    assert block.read(0x498, 8) == (kept if offset == 0x98 else kept << 32)
    message = (
        f"ENABLE[1][{offset}] has 1 bit a byte, up to input 156: {ones - kept:#x} of {ones:#x} is ignored"
    )
    assert heard == ([("odd", "register-bits", message)] if ones != kept else [])
    block.write(0x400 + offset, size, kept)
    assert block.read(0x400 + offset, size) == kept
    assert len(heard) == (ones != kept)


@models
@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (0x9D, 1),
        (0x9E, 2),
        (0xA0, 8),
        (0x118, 8),
        (0x11F, 1),
        (0x138, 8),
        (0x138, 1),
        (0x3F8, 8),
        (0x3FF, 1),
        (0x1193F, 1),
        (0x12000, 1),
        (0x12000, 8),
        (0x12120, 8),
    ],
)
def test_what_is_between_the_registers_and_behind_them_is_reserved(model, offset, size):
    block, heard = armed(model=model)
    before = block.state()
    block.write(offset, size, 0x1)
    assert block.read(offset, size) == 0
    assert block.state() == before
    assert heard == [
        ("odd", "reserved-register", f"write to the reserved offset {offset:#x} is ignored"),
        ("odd", "reserved-register", f"read of the reserved offset {offset:#x} gives 0"),
    ]


@models
@pytest.mark.parametrize(
    ("offset", "size"),
    [(0x1, 2), (0x2, 4), (0x4, 8), (0x124, 8), (0x9D, 2), (0x0, 3), (0x0, 16), (0x0, 0), (0x12001, 2)],
)
def test_an_access_that_is_not_aligned_or_of_another_size_is_a_bus_error_without_effect(model, offset, size):
    block, heard = armed((0, 0), (0, 1), (0, 5), model=model)
    block.input(0, True)
    heard.clear()
    before = block.state()
    message = r"^the APIC GIC takes aligned accesses of 1 or 2 or 4 or 8 bytes$"
    with pytest.raises(BusError, match=message):
        block.write(offset, size, 0)
    with pytest.raises(BusError, match=message):
        block.read(offset, size)
    assert block.state() == before
    assert heard == []


# Inputs


@models
@pytest.mark.parametrize("number", [-1, 157, 1000])
def test_there_are_157_inputs(model, number):
    assert model.inputs == 157
    block, heard = armed((0, 156), model=model)
    with pytest.raises(IndexError, match=rf"^the APIC GIC has no input {number}$"):
        block.input(number, True)
    with pytest.raises(IndexError, match=rf"^the APIC GIC has no input {number}$"):
        block.input(number, False)
    assert heard == []


def test_the_inputs_have_the_names_that_somebody_gives_them():
    assert [INPUT_NAMES[number] for number in (0, 1, 127)] == ["mailbox 0", "mailbox 1", "mailbox 127"]
    assert {number: name for number, name in INPUT_NAMES.items() if number > 127} == {
        129: "DMA",
        134: "NoC IOMMU rx, no mapping",
        135: "NoC IOMMU rx, protection",
        136: "NoC IOMMU rx, parity",
        137: "NoC IOMMU tx, no mapping",
        138: "NoC IOMMU tx, protection",
        139: "NoC IOMMU tx, parity",
    }
    assert sorted(INPUT_NAMES)[:128] == list(range(128))


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (129, "input 129 (DMA) is enabled at no output"),
        (136, "input 136 (NoC IOMMU rx, parity) is enabled at no output"),
        (128, "input 128 is enabled at no output"),
    ],
)
def test_an_input_is_lost_by_its_name(number, why):
    block, heard = armed((0, 1))
    block.input(number, True)
    assert heard == [("lost", number, why)]


def test_an_input_that_is_enabled_at_group_17_alone_is_pending_there():
    block, heard = armed((71, 3))
    block.input(3, True)
    assert heard == [("gic", 3, 3, 71), ("drive", 71, True)]
    assert output_core(71) is None
    assert pending(block, 71) == 0x8


# What others ask of it without any effect


@models
def test_the_outputs_of_an_input_are_those_where_it_is_enabled(model):
    block, heard = armed((71, 3), (0, 3), (5, 3), (6, 4), model=model)
    assert [block.outputs_of(number) for number in (2, 3, 4)] == [[], [0, 5, 71], [6]]
    assert heard == []


@models
@pytest.mark.parametrize(
    ("offset", "label"),
    [
        (0x0, "ENABLE[0][0]"),
        (0x9C, "ENABLE[0][156]"),
        (0x9D, None),
        (0x11F, None),
        (0x120, "STATUS_LAC[0][0]"),
        (0x127, "STATUS_LAC[0][0]"),
        (0x137, "STATUS_LAC[0][2]"),
        (0x138, None),
        (0x3FF, None),
        (0x3882, "ENABLE[14][130]"),
        (0x3930, "STATUS_LAC[14][2]"),
        (0x11D37, "STATUS_LAC[71][2]"),
        (0x12000, None),
        (0x12120, None),
    ],
)
def test_an_offset_means_the_register_that_it_lies_in(model, offset, label):
    block, heard = armed((0, 0), (14, 130), model=model)
    block.input(130, True)
    heard.clear()
    found = block.register_at(offset)
    assert (found and found[0].label(found[1])) == label
    assert heard == []
    assert pending(block, 14) == 1 << 130


# The controller of QEMU


def test_in_qemu_an_output_that_has_risen_never_falls():
    block, heard = armed((0, 0), model=QemuApicGic)
    block.input(0, True)
    assert block.read(0x120, 8) == 0x1
    block.input(0, True)
    assert heard == [
        ("gic", 0, 0, 0),
        ("drive", 0, True),
        ("ack", 0, 1, 0),
        ("gic", 0, 0, 0),
        ("drive", 0, True),
    ]


# Every register, from its declaration


@pytest.mark.parametrize(
    "compatible",
    ["kalray,coolidge-apic-gic", "kalray,kv3-1-apic-gic", "kalray,kvx-apic-gic", "kalray,k1c-apic-gic"],
)
def test_the_model_stands_for_each_name_of_the_controller(compatible):
    assert registry.find([compatible]) == (compatible, ApicGic)
    assert registry.find([compatible], registry.QEMU) == (compatible, QemuApicGic)


@models
def test_the_registers_are_those_of_the_specification(model):
    assert [
        (
            item.name,
            item.offset,
            item.count,
            item.groups,
            item.group_stride,
            item.size,
            item.width,
            item.access,
        )
        for item in model.registers
    ] == [
        ("ENABLE", 0x000, 157, 72, 0x400, 1, 1, "RW"),
        ("STATUS_LAC", 0x120, 3, 72, 0x400, 8, 64, "R"),
    ]
    assert all(item.src and item.doc for item in model.registers)
    assert model.ENABLE.label(3 * 157 + 130) == "ENABLE[3][130]"
    assert model.STATUS_LAC.label(71 * 3 + 2) == "STATUS_LAC[71][2]"


@models
def test_no_two_registers_share_a_byte(model):
    places = [
        offset + byte
        for register in model.registers
        for offset, _ in register.places()
        for byte in range(register.size)
    ]
    assert len(set(places)) == len(places) == 72 * (157 + 3 * 8)
    assert max(places) == 0x11D37


@models
def test_every_register_is_0_after_reset_and_keeps_what_can_be_written(model):
    block, heard = armed(model=model)
    for register in model.registers:
        for offset, _ in register.places():
            assert block.read(offset, register.size) == 0
    assert heard == []
    for offset, _ in model.ENABLE.places():
        block.write(offset, 1, 1)
    assert {block.read(offset, 1) for offset, _ in model.ENABLE.places()} == {1}
    assert heard == []


@models
def test_reset_is_the_same_as_a_new_controller(model):
    block, _ = armed((14, 130), (0, 5), model=model)
    new = model(block.port)
    block.input(130, True)
    assert (block.enabled, block.status_lac) != (new.enabled, new.status_lac)
    block.reset()
    assert vars(block) == vars(new)
    block.input(5, True)
    assert block.read(0x120, 8) == 0


@models
def test_a_controller_that_takes_back_a_state_goes_on_as_the_other(model):
    block, _ = armed((14, 130), (71, 156), model=model)
    block.input(130, True)
    state = json.loads(json.dumps(block.state()))
    assert sorted(state) == ["enabled", "status_lac"]
    assert (len(state["enabled"]), len(state["status_lac"])) == (157, 216)
    other, heard = armed((3, 3), model=model)
    other.restore(state)
    other.port.high.add(14)
    other.input(156, True)
    assert heard == [("gic", 156, 156, 71), ("drive", 71, True)]
    assert pending(other, 14) == 1 << 130
    assert [pending(other, 3), other.read(0xC03, 1)] == [0, 0]


@pytest.mark.parametrize("wrong", [1 << 72, -1, "x", None])
def test_a_state_with_an_output_that_there_is_not_is_refused(wrong):
    block, _ = armed((71, 0))
    before = block.state()
    with pytest.raises(ValueError, match="ApicGic"):
        block.restore(block.state() | {"enabled": [0] * 156 + [wrong]})
    assert block.state() == before
    block.restore(before | {"enabled": [1 << 71] * 157})
    assert block.read(71 * 0x400 + 156, 1) == 1


def test_a_state_without_its_parts_is_refused():
    block, _ = armed()
    with pytest.raises(ValueError, match="ApicGic has status_lac, enabled; found status_lac"):
        block.restore({"status_lac": [0] * 216})


# Banks that repeat


def test_a_bank_that_repeats_goes_on_from_group_to_group():
    class Block:
        """A class with a bank that repeats."""

        BANK = Register(0x10, size=2, count=3, groups=2, group_stride=0x20, reset=5, src="a test")

    places = [(0x10, 0), (0x12, 1), (0x14, 2), (0x30, 3), (0x32, 4), (0x34, 5)]
    assert list(Block.BANK.places()) == places
    assert [Block.BANK.label(index) for _, index in places] == [
        "BANK[0][0]",
        "BANK[0][1]",
        "BANK[0][2]",
        "BANK[1][0]",
        "BANK[1][1]",
        "BANK[1][2]",
    ]
    assert Block.BANK.initial() == [5] * 6
    again = Block.BANK.derive(groups=3)
    assert (again.groups, again.group_stride, again.count) == (3, 0x20, 3)
    assert Register(0, count=4, groups=2, group_stride=16, src="a test").groups == 2


@pytest.mark.parametrize(
    "wrong", [{"count": None}, {"group_stride": 11}, {"group_stride": 0}, {"stride": 8}], ids=str
)
def test_groups_without_a_bank_or_without_room_for_it_are_refused(wrong):
    with pytest.raises(
        ValueError, match="a bank that repeats needs a count, and a group stride that it fits"
    ):
        Register(0, **({"count": 3, "groups": 2, "group_stride": 12, "src": "a test"} | wrong))
