"""The interrupt generator of the chip."""

from __future__ import annotations

import pytest

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port, Site
from kvx_emu.models.itgen import QEMU_BIT, Itgen, QemuItgen, address, decode, encode

CFG_41 = 0x290
ENABLE_41 = 0x298
PARAM = 0x1100

models = pytest.mark.parametrize("model", [Itgen, QemuItgen])


class Listener(Port):
    """A port that keeps what its model does, in order; writes to `deaf` are refused."""

    def __init__(self, deaf=None):
        self.heard = []
        self.deaf = deaf

    def write(self, address, size, value):
        if address == self.deaf:
            raise BusError("nothing is there")
        self.heard.append(("write", address, size, value))

    def tell(self, event, number, value, output=None):
        self.heard.append((event, number, value, output))

    def lost(self, number, why):
        self.heard.append(("lost", number, why))

    def odd(self, code, message):
        self.heard.append(("odd", code, message))


def armed(model=Itgen, cfg=0x03000005, enable=1, levels=(), **port):
    """Return a generator whose input 41 has this CFG and ENABLE, and what its port hears from then on."""
    block = model(Listener(**port), Site(levels=frozenset(levels)))
    block.write(CFG_41, 4, cfg)
    block.write(ENABLE_41, 4, enable)
    block.port.heard.clear()
    return block, block.port.heard


# Case 47 of the specification's list


# Case 47
@pytest.mark.parametrize(
    ("cfg", "to", "value"),
    [
        (0x03000005, 0x01A00A00, 0x8),
        (0x03000205, 0x03A00A00, 0x8),
        (0x3F000474, 0x05A0E800, 0x8000000000000000),
    ],
)
def test_an_enabled_input_that_rises_writes_its_bit_to_its_mailbox(cfg, to, value):
    block, heard = armed(cfg=cfg)
    block.input(41, True)
    assert heard == [("msi", 41, to, None), ("write", to, 8, value)]


# Case 47
def test_a_disabled_input_that_rises_is_lost():
    block, heard = armed(enable=0)
    block.input(41, True)
    assert heard == [("lost", 41, "input 41 is disabled")]


# Case 47
def test_param_is_the_number_of_inputs_and_cannot_be_written():
    block = Itgen(port := Listener())
    assert block.read(PARAM, 4) == 272
    block.write(PARAM, 4, 0x7)
    assert block.read(PARAM, 4) == 272
    assert port.heard == [("odd", "read-only-register", "write to the read-only PARAM is ignored")]


# Lines


@models
def test_a_line_that_falls_sends_nothing(model):
    block, heard = armed(model)
    block.input(41, False)
    block.input(41, True)
    heard.clear()
    block.input(41, False)
    assert heard == []


@models
def test_a_line_that_rises_again_without_having_fallen_is_sent_again(model):
    block, heard = armed(model, cfg=0)
    block.input(41, True)
    block.input(41, True)
    assert heard == [("msi", 41, 0x01A00000, None), ("write", 0x01A00000, 8, 1)] * 2


@models
@pytest.mark.parametrize("number", [0, 1, 41, 270, 271])
def test_an_input_is_sent_by_its_own_registers(model, number):
    block = model(port := Listener())
    block.write(number * 0x10, 4, 0x0000047F)
    block.write(number * 0x10 + 8, 4, 1)
    for other in range(272):
        block.input(other, True)
    assert [event for event in port.heard if event[0] != "lost"] == [
        ("msi", number, 0x05A0FE00, None),
        ("write", 0x05A0FE00, 8, 1),
    ]
    assert [event[1] for event in port.heard if event[0] == "lost"] == [n for n in range(272) if n != number]


@models
@pytest.mark.parametrize("number", [-1, 272, 1000])
def test_there_are_272_inputs(model, number):
    assert model.inputs == 272
    with pytest.raises(IndexError, match=rf"^the interrupt generator has no input {number}$"):
        model(Listener()).input(number, True)


@models
def test_a_write_that_nothing_takes_is_lost(model):
    block, heard = armed(model, cfg=0x00000700, deaf=0x08A00000)
    block.input(41, True)
    assert heard == [
        ("msi", 41, 0x08A00000, None),
        ("lost", 41, "nothing takes the write to 0x8a00000: nothing is there"),
    ]


# Enabling while the line is high


def test_a_level_input_that_is_high_is_sent_when_it_is_enabled():
    block, heard = armed(enable=0, levels=[41])
    block.input(41, True)
    assert heard == []
    block.write(ENABLE_41, 4, 1)
    assert heard == [("msi", 41, 0x01A00A00, None), ("write", 0x01A00A00, 8, 0x8)]


def test_a_level_input_that_is_still_high_is_sent_again_when_linux_unmasks_it():
    block, heard = armed(levels=[41])
    block.input(41, True)
    heard.clear()
    block.write(ENABLE_41, 4, 0)
    assert heard == []
    block.write(ENABLE_41, 4, 1)
    assert heard == [("msi", 41, 0x01A00A00, None), ("write", 0x01A00A00, 8, 0x8)]


def test_a_level_input_that_is_enabled_already_is_not_sent_by_enabling_it():
    block, heard = armed(levels=[41])
    block.input(41, True)
    heard.clear()
    block.write(ENABLE_41, 4, 1)
    assert heard == []


def test_disabling_what_is_disabled_sends_nothing():
    block, heard = armed(enable=0, levels=[41])
    block.input(41, True)
    block.write(ENABLE_41, 4, 0)
    assert heard == []


def test_a_level_input_that_has_fallen_is_not_sent_when_it_is_enabled():
    block, heard = armed(enable=0, levels=[41])
    block.input(41, True)
    block.input(41, False)
    block.write(ENABLE_41, 4, 1)
    assert heard == []


def test_an_edge_input_that_is_high_is_not_sent_when_it_is_enabled():
    block, heard = armed(enable=0, levels=[40, 42])
    block.input(41, True)
    heard.clear()
    block.write(ENABLE_41, 4, 1)
    assert heard == []


def test_the_level_of_another_input_does_not_matter():
    block, heard = armed(enable=0, levels=[40, 41])
    block.input(40, True)
    block.write(ENABLE_41, 4, 1)
    assert heard == []


def test_a_generator_keeps_the_levels_of_its_lines():
    block, _ = armed(enable=0, levels=[41])
    block.input(41, True)
    state = block.state()
    assert sorted(state) == ["cfg", "enable", "high", "param"]
    assert state["high"] == [0] * 41 + [1] + [0] * 230
    other = Itgen(port := Listener(), Site(levels=frozenset([41])))
    other.restore(state)
    other.write(ENABLE_41, 4, 1)
    assert port.heard == [("msi", 41, 0x01A00A00, None), ("write", 0x01A00A00, 8, 0x8)]


# CFG and ENABLE


@pytest.mark.parametrize("cluster", range(8))
def test_encode_and_decode_are_inverse_for_every_cluster_mailbox_and_bit(cluster):
    seen = set()
    for mailbox in range(128):
        for bit in range(64):
            cfg = encode(cluster, mailbox, bit)
            assert decode(cfg) == (cluster, mailbox, bit)
            assert decode(encode(cluster, mailbox, bit, QEMU_BIT), QEMU_BIT) == (cluster, mailbox, bit)
            seen.add(cfg)
        assert address(cfg) == 0x01000000 * (cluster + 1) + 0x00A00000 + 0x200 * mailbox
    assert len(seen) == 128 * 64


@pytest.mark.parametrize(
    ("target", "cfg", "qemu"),
    [
        ((0, 0, 0), 0x00000000, 0x00000000),
        ((0, 5, 3), 0x03000005, 0x000C0005),
        ((2, 5, 3), 0x03000205, 0x000C0205),
        ((4, 116, 63), 0x3F000474, 0x00FC0474),
        ((7, 127, 32), 0x2000077F, 0x0080077F),
    ],
)
def test_cfg_has_the_mailbox_in_6_0_the_cluster_in_10_8_and_the_bit_in_29_24(target, cfg, qemu):
    assert encode(*target) == cfg
    assert encode(*target, QEMU_BIT) == qemu


@pytest.mark.parametrize("target", [(8, 0, 0), (0, 128, 0), (0, 0, 64), (-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_a_target_that_cfg_cannot_say_is_refused(target):
    with pytest.raises(ValueError, match="does not fit"):
        encode(*target)


def test_what_cfg_holds_besides_its_fields_says_nothing():
    assert decode(0xC0FFF880) == (0, 0, 0)
    assert address(0xFFFFF880) == 0x01A00000


@models
def test_cfg_keeps_32_bits(model):
    block = model(port := Listener())
    block.write(0x10F0, 4, 0xFFFFFFFF)
    assert block.read(0x10F0, 4) == 0xFFFFFFFF
    assert port.heard == []


def test_enable_is_bit_0():
    block, heard = armed(enable=2)
    block.input(41, True)
    assert heard == [("lost", 41, "input 41 is disabled")]
    block.write(ENABLE_41, 4, 0xFFFFFFFF)
    assert block.read(ENABLE_41, 4) == 1
    block.input(41, True)
    assert heard[-1] == ("write", 0x01A00A00, 8, 0x8)


@models
@pytest.mark.parametrize("offset", [0x4, 0xC, 0x14, 0x10FC])
def test_what_is_between_the_registers_is_reserved(model, offset):
    block = model(port := Listener())
    before = block.state()
    block.write(offset, 4, 0x5)
    assert block.read(offset, 4) == 0
    assert block.state() == before
    assert [event[1] for event in port.heard] == ["reserved-register", "reserved-register"]


@models
@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 2), (0, 8), (2, 4), (0x298, 8), (0x1100, 8)])
def test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect(model, offset, size):
    block, heard = armed(model)
    before = block.state()
    with pytest.raises(BusError, match=r"^the interrupt generator takes aligned accesses of 4 bytes$"):
        block.write(offset, size, 1)
    with pytest.raises(BusError, match=r"^the interrupt generator takes aligned accesses of 4 bytes$"):
        block.read(offset, size)
    assert block.state() == before
    assert heard == []


# The generator of QEMU


@pytest.mark.parametrize(
    ("cfg", "to", "value"),
    [
        (0x000C0005, 0x01A00A00, 0x8),
        (0x00FC0474, 0x05A0E800, 0x8000000000000000),
        (0x03000005, 0x01A00A00, 0x1),
        (0x0327F882, 0x01A00400, 0x200),
    ],
)
def test_qemu_has_the_bit_in_23_18(cfg, to, value):
    block, heard = armed(QemuItgen, cfg=cfg)
    block.input(41, True)
    assert heard == [("msi", 41, to, None), ("write", to, 8, value)]


def test_any_bit_of_enable_enables_in_qemu_and_all_are_kept():
    block, heard = armed(QemuItgen, enable=0x80000000)
    assert block.read(ENABLE_41, 4) == 0x80000000
    block.input(41, True)
    assert heard == [("msi", 41, 0x01A00A00, None), ("write", 0x01A00A00, 8, 1)]


def test_qemu_never_sends_a_line_again_when_it_is_enabled():
    block, heard = armed(QemuItgen, enable=0, levels=[41])
    block.input(41, True)
    assert heard == [("lost", 41, "input 41 is disabled")]
    block.write(ENABLE_41, 4, 1)
    assert len(heard) == 1


# Every register, from its declaration


@pytest.mark.parametrize("compatible", ["kalray,coolidge-itgen", "kalray,kvx-itgen", "kalray,k1c-itgen"])
def test_the_model_stands_for_each_name_of_the_generator(compatible):
    assert registry.find([compatible]) == (compatible, Itgen)
    assert registry.find([compatible], registry.QEMU) == (compatible, QemuItgen)


@pytest.mark.parametrize(("model", "enable", "bit"), [(Itgen, 1, 24), (QemuItgen, 32, 18)])
def test_the_registers_are_those_of_the_specification(model, enable, bit):
    assert [
        (register.name, register.offset, register.count, register.stride, register.width, register.access)
        for register in model.registers
    ] == [
        ("CFG", 0x0, 272, 0x10, 32, "RW"),
        ("ENABLE", 0x8, 272, 0x10, enable, "RW"),
        ("PARAM", 0x1100, None, 4, 32, "R"),
    ]
    assert [(field.name, field.lsb, field.width) for field in model.CFG.fields.values()] == [
        ("MAILBOX", 0, 7),
        ("CLUSTER", 8, 3),
        ("BIT", bit, 6),
    ]
    assert all(register.src and register.doc for register in model.registers)


@models
def test_after_reset_all_inputs_are_disabled_and_all_lines_low(model):
    block = model(port := Listener(), Site(levels=frozenset(range(272))))
    for number in range(272):
        assert block.read(number * 0x10, 4) == 0
        assert block.read(number * 0x10 + 8, 4) == 0
        block.write(number * 0x10 + 8, 4, 1)
    assert port.heard == []


@models
def test_reset_is_the_same_as_a_new_generator(model):
    block, _ = armed(model, levels=[41])
    new = model(block.port, block.site)
    block.input(41, True)
    assert vars(block) != vars(new)
    block.reset()
    assert vars(block) == vars(new)
