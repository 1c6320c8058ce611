"""The snooper that turns the MSIs of PCI devices into interrupts."""

from __future__ import annotations

import pytest

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port
from kvx_emu.models.pcimsi import PciMsi

REGION = 0x51_2831_4400

groups = pytest.mark.parametrize("group", range(8))


class Listener(Port):
    """A port that keeps what its model does, in order."""

    def __init__(self):
        self.heard = []

    def drive(self, output, level):
        self.heard.append(("drive", output, level))

    def lost(self, number, why):
        self.heard.append(("lost", number, why))

    def odd(self, code, message):
        self.heard.append(("odd", code))


def message_of(vector):
    """Return (address, data) of a vector as Linux makes them, for the window at REGION."""
    return REGION + (vector // 256) * 0x400 | ((vector % 256) & 0xE0) << 2, vector & 0x1F


def status(group):
    return 0x100 + 0x80 * group


def lac(group):
    return 0x104 + 0x80 * group


def mask(group):
    return 0x108 + 0x80 * group


def type_(group):
    return 0x10C + 0x80 * group


@pytest.fixture
def snooper() -> PciMsi:
    """A snooper whose window is open at REGION."""
    block = PciMsi(Listener())
    block.write(0x4, 4, 0x28314400)
    block.write(0x8, 4, 0x51)
    block.write(0x0, 4, 1)
    return block


# Messages


@pytest.mark.parametrize(
    ("address", "data", "group", "bits"),
    [
        (0x51_2831_4400, 0, 0, 0x1),
        (0x51_2831_4400, 31, 0, 0x80000000),
        (0x51_2831_4480, 5, 1, 0x20),
        (0x51_2831_4780, 31, 7, 0x80000000),
    ],
)
def test_a_message_sets_its_bit_of_its_group_and_raises_the_group_s_output(
    snooper, address, data, group, bits
):
    assert snooper.message(address, data) is True
    assert [snooper.read(status(each), 4) for each in range(8)] == [
        bits if each == group else 0 for each in range(8)
    ]
    assert snooper.port.heard == [("drive", group, True)]


def test_each_of_the_256_vectors_that_linux_gives_out_has_a_bit_of_its_own(snooper):
    for vector in range(256):
        assert snooper.message(*message_of(vector))
        assert snooper.read(status(vector // 32), 4) == 1 << vector % 32
        assert snooper.read(lac(vector // 32), 4) == 1 << vector % 32


@pytest.mark.parametrize("address", [REGION - 1, REGION + 0x400, message_of(256)[0], 0x2831_4400, 0])
def test_a_write_outside_the_window_is_none_of_it(snooper, address):
    assert snooper.message(address, 1) is False
    assert snooper.port.heard == []
    assert [snooper.read(status(group), 4) for group in range(8)] == [0] * 8


@pytest.mark.parametrize(("address", "group"), [(REGION + 0x7F, 0), (REGION + 0x80, 1), (REGION + 0x3FF, 7)])
def test_each_byte_of_a_group_s_place_stands_for_the_group(snooper, address, group):
    assert snooper.message(address, 1) is True
    assert snooper.read(status(group), 4) == 0x2


def test_the_low_10_bits_of_the_window_s_address_do_not_count(snooper):
    snooper.write(0x4, 4, 0x283147FF)
    assert snooper.read(0x4, 4) == 0x283147FF
    assert snooper.message(0x51_2831_4480, 1) is True
    assert snooper.read(status(1), 4) == 0x2


def test_the_low_5_bits_of_the_data_are_the_vector(snooper):
    assert snooper.message(REGION, 0xFFFFFFE3) is True
    assert snooper.read(status(0), 4) == 0x8


@pytest.mark.parametrize("enable", [0, 2])
def test_the_window_is_closed_unless_bit_0_of_enable_is_set(snooper, enable):
    snooper.message(REGION, 3)
    snooper.port.heard.clear()
    snooper.write(0x0, 4, enable)
    assert snooper.read(0x0, 4) == 0
    assert snooper.message(REGION, 1) is False
    assert snooper.read(status(0), 4) == 0x8
    assert ("drive", 0, False) not in snooper.port.heard


def test_a_message_to_a_group_of_another_type_is_lost(snooper):
    snooper.write(type_(2), 4, 0x80000000)
    assert snooper.message(REGION + 0x100, 3) is True
    assert snooper.read(status(2), 4) == 0
    assert snooper.port.heard == [("lost", 67, "group 2 is not of type MSI")]
    snooper.message(REGION + 0x80, 3)
    assert snooper.port.heard[1:] == [("drive", 1, True)]


# Outputs


def test_each_message_is_an_interrupt_also_if_its_bit_is_set(snooper):
    for data in (1, 1, 2):
        snooper.message(REGION, data)
    assert snooper.port.heard == [("drive", 0, True)] * 3
    assert snooper.read(status(0), 4) == 0x6


@groups
def test_reading_lac_takes_and_clears_the_status_and_lowers_the_output(snooper, group):
    snooper.message(REGION + 0x80 * group, 1)
    snooper.message(REGION + 0x80 * group, 4)
    snooper.message(REGION + 0x80 * ((group + 1) % 8), 6)
    snooper.port.heard.clear()
    assert snooper.read(lac(group), 4) == 0x12
    assert snooper.port.heard == [("drive", group, False)]
    assert snooper.read(status(group), 4) == 0
    assert snooper.read(lac(group), 4) == 0
    assert snooper.port.heard == [("drive", group, False)]
    assert snooper.read(status((group + 1) % 8), 4) == 0x40


def test_reading_status_clears_nothing(snooper):
    snooper.message(REGION, 1)
    assert snooper.read(status(0), 4) == snooper.read(status(0), 4) == 0x2


@groups
def test_a_masked_vector_is_latched_but_does_not_interrupt(snooper, group):
    snooper.write(mask(group), 4, 0x2)
    assert snooper.message(REGION + 0x80 * group, 1) is True
    assert snooper.read(status(group), 4) == 0x2
    assert snooper.port.heard == []
    snooper.message(REGION + 0x80 * group, 2)
    assert snooper.port.heard == [("drive", group, True)]


def test_a_masked_vector_does_not_repeat_the_interrupt_of_another(snooper):
    snooper.write(mask(0), 4, 0x2)
    snooper.message(REGION, 2)
    snooper.message(REGION, 1)
    assert snooper.port.heard == [("drive", 0, True)]


def test_unmasking_a_vector_that_has_come_raises_the_output_and_masking_it_lowers_it(snooper):
    snooper.write(mask(3), 4, 0x2)
    snooper.message(REGION + 0x180, 1)
    snooper.write(mask(3), 4, 0x0)
    snooper.write(mask(3), 4, 0x4)
    assert snooper.port.heard == [("drive", 3, True)]
    snooper.write(mask(3), 4, 0xFFFFFFFF)
    assert snooper.port.heard == [("drive", 3, True), ("drive", 3, False)]
    assert snooper.read(status(3), 4) == 0x2


def test_taking_masked_vectors_moves_no_output(snooper):
    snooper.write(mask(0), 4, 0x2)
    snooper.message(REGION, 1)
    assert snooper.read(lac(0), 4) == 0x2
    assert snooper.port.heard == []


# Every register, from its declaration


def test_the_registers_are_those_of_the_specification():
    assert [
        (register.name, register.offset, register.count, register.stride, register.width, register.access)
        for register in PciMsi.registers
    ] == [
        ("ENABLE", 0x000, None, 4, 1, "RW"),
        ("ADDR_LO", 0x004, None, 4, 32, "RW"),
        ("ADDR_HI", 0x008, None, 4, 32, "RW"),
        ("STATUS", 0x100, 8, 0x80, 32, "R"),
        ("LAC", 0x104, 8, 0x80, 32, "R"),
        ("MASK", 0x108, 8, 0x80, 32, "RW"),
        ("TYPE", 0x10C, 8, 0x80, 32, "RW"),
    ]
    assert all(register.src and register.doc for register in PciMsi.registers)
    field = PciMsi.TYPE.fields["TYPE"]
    assert (field.lsb, field.width) == (0, 32)


@groups
def test_mask_and_type_keep_32_bits_of_their_own_group(snooper, group):
    for number, register in enumerate((mask, type_)):
        snooper.write(register(group), 4, 0xABCD0000 + number)
        assert [snooper.read(register(each), 4) for each in range(8)] == [
            0xABCD0000 + number if each == group else 0 for each in range(8)
        ]


@groups
def test_status_and_lac_cannot_be_written(snooper, group):
    snooper.message(REGION + 0x80 * group, 1)
    snooper.port.heard.clear()
    snooper.write(status(group), 4, 0xFFFFFFFF)
    snooper.write(lac(group), 4, 0xFFFFFFFF)
    assert snooper.port.heard == [("odd", "read-only-register")] * 2
    assert snooper.read(status(group), 4) == 0x2


@pytest.mark.parametrize(("offset", "size"), [(0, 8), (0, 2), (0, 1), (2, 4), (0x104, 8), (0x100, 1)])
def test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect(snooper, offset, size):
    before = snooper.state()
    with pytest.raises(BusError, match=r"^the PCI MSI snooper takes aligned accesses of 4 bytes$"):
        snooper.write(offset, size, 0)
    with pytest.raises(BusError, match=r"^the PCI MSI snooper takes aligned accesses of 4 bytes$"):
        snooper.read(offset, size)
    assert snooper.state() == before


def test_all_is_0_after_reset():
    block = PciMsi(port := Listener())
    offsets = [0, 4, 8, *(register(group) for register in (status, lac, mask, type_) for group in range(8))]
    assert [block.read(offset, 4) for offset in offsets] == [0] * 35
    assert port.heard == []
    assert block.message(0, 0) is False


def test_reset_is_the_same_as_a_new_snooper(snooper):
    new = PciMsi(snooper.port)
    snooper.message(REGION, 1)
    snooper.write(mask(0), 4, 0x100)
    assert vars(snooper) != vars(new)
    snooper.reset()
    assert vars(snooper) == vars(new)


def test_a_snooper_keeps_its_registers_and_the_levels_of_its_outputs(snooper):
    snooper.message(REGION + 0x80, 1)
    snooper.write(mask(2), 4, 0x4)
    snooper.write(type_(3), 4, 0x8)
    assert snooper.state() == {
        "enable": 1,
        "addr_lo": 0x28314400,
        "addr_hi": 0x51,
        "status": [0, 2, 0, 0, 0, 0, 0, 0],
        "mask": [0, 0, 4, 0, 0, 0, 0, 0],
        "type": [0, 0, 0, 8, 0, 0, 0, 0],
        "high": [0, 1, 0, 0, 0, 0, 0, 0],
    }


def test_a_restored_snooper_knows_which_outputs_are_high(snooper):
    snooper.message(REGION, 1)
    other = PciMsi(port := Listener())
    other.restore(snooper.state())
    assert other.read(lac(0), 4) == 0x2
    assert port.heard == [("drive", 0, False)]


@pytest.mark.parametrize("compatible", ["kalray,kvx-pcimsi", "kalray,k1c-pcimsi"])
def test_the_model_stands_for_each_name_of_the_snooper(compatible):
    assert registry.find([compatible]) == (compatible, PciMsi)
