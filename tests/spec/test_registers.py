"""Registers and fields as declarations."""

from __future__ import annotations

import pytest

from kvx_emu.hw.register import ACCESS, Field, Register, bits, registers_of

# Fields


def test_a_field_is_got_from_and_put_into_a_register_value():
    field = Field("IL", 12, 2)
    assert field.mask == 0x3000
    assert field.get(0xFFFFEFFF) == 2
    assert field.put(0xFFFFFFFF, 1) == 0xFFFFDFFF
    assert field.put(0, 3) == 0x3000


def test_a_field_is_one_bit_unless_it_says_more():
    assert Field("IE", 4) == ("IE", 4, 1, "")
    assert Field("IE", 4).mask == 0x10


def test_a_content_that_does_not_fit_a_field_is_refused():
    with pytest.raises(ValueError, match="0x4 does not fit the 2 bits of IL"):
        Field("IL", 12, 2).put(0, 4)


# Declarations


def test_a_register_has_all_the_bits_of_its_size_unless_it_says_less():
    register = Register(0x10, src="a test")
    assert (register.offset, register.size, register.width, register.mask) == (0x10, 4, 32, 0xFFFFFFFF)
    assert (register.writable, register.access, register.reset) == (0xFFFFFFFF, "RW", 0)
    assert (register.fields, register.count, register.stride) == ({}, None, 4)
    assert (register.src, register.doc, register.write_hook) == ("a test", "", None)


def test_a_register_of_8_bytes_has_64_bits_and_that_stride():
    register = Register(0, size=8, src="a test")
    assert (register.mask, register.stride) == (0xFFFFFFFFFFFFFFFF, 8)


def test_what_can_be_written_may_be_less_than_what_exists():
    register = Register(0, width=8, writable=0x0F, reset=0x80, src="a test")
    assert (register.mask, register.writable, register.initial()) == (0xFF, 0x0F, 0x80)


def test_the_fields_of_a_register_go_by_name():
    low, high = Field("LOW", 0, 4), Field("HIGH", 4, 4)
    assert Register(0, fields=(low, high), src="a test").fields == {"LOW": low, "HIGH": high}


def test_an_unknown_access_word_is_refused():
    with pytest.raises(ValueError, match="unknown access word 'RO'; known: R, W, RW"):
        Register(0, access="RO", src="a test")


@pytest.mark.parametrize("access", ACCESS)
def test_each_access_word_is_accepted(access):
    assert Register(0, access=access, src="a test").access == access


@pytest.mark.parametrize(
    "wrong",
    [{"reset": 0x100}, {"writable": 0x1FF}, {"fields": (Field("F", 7, 2),)}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_bits_outside_the_width_are_refused(wrong):
    with pytest.raises(ValueError, match="lies outside the register's width"):
        Register(0, width=8, src="a test", **wrong)


def test_two_fields_that_share_a_bit_are_refused():
    with pytest.raises(ValueError, match="two fields share a bit"):
        Register(0, fields=(Field("A", 0, 4), Field("B", 3, 2)), src="a test")


def test_fields_side_by_side_share_no_bit():
    assert len(Register(0, fields=(Field("A", 0, 4), Field("B", 4, 2)), src="a test").fields) == 2


# Banks


class Block:
    """A class with registers, in another order than their offsets."""

    TAIL = Register(0x40, reset=7, src="a test")
    BANK = Register(0x10, count=3, stride=0x10, reset=2, src="a test")
    HEAD = Register(0x00, src="a test")


def test_a_single_register_has_one_place_and_its_name_for_a_label():
    assert list(Block.TAIL.places()) == [(0x40, 0)]
    assert (Block.TAIL.label(), Block.TAIL.label(0)) == ("TAIL", "TAIL")
    assert (Block.TAIL.name, Block.TAIL.attribute) == ("TAIL", "tail")


def test_a_bank_has_a_place_and_a_label_for_each_of_its_registers():
    assert list(Block.BANK.places()) == [(0x10, 0), (0x20, 1), (0x30, 2)]
    assert [Block.BANK.label(index) for index in range(3)] == ["BANK[0]", "BANK[1]", "BANK[2]"]


def test_the_value_after_reset_is_a_number_or_a_new_list_of_them():
    assert Block.TAIL.initial() == 7
    first, second = Block.BANK.initial(), Block.BANK.initial()
    assert first == second == [2, 2, 2]
    assert first is not second


def test_the_registers_of_a_class_come_by_offset():
    assert [register.name for register in registers_of(Block)] == ["HEAD", "BANK", "TAIL"]


def test_a_later_class_replaces_a_register_by_name():
    class Newer(Block):
        HEAD = Register(0x80, src="a test")
        MORE = Register(0x90, src="a test")

    found = registers_of(Newer)
    assert [(register.name, register.offset) for register in found] == [
        ("BANK", 0x10),
        ("TAIL", 0x40),
        ("HEAD", 0x80),
        ("MORE", 0x90),
    ]
    assert [register.name for register in registers_of(Block)] == ["HEAD", "BANK", "TAIL"]


# Derived declarations


def test_a_derived_register_differs_in_what_was_named_alone():
    base = Register(0x20, count=8, width=17, access="W", src="a test", doc="what it does")

    @base.on_write
    def hook(self, index, value, written):
        raise NotImplementedError

    derived = base.derive(count=1, width=32)
    assert (derived.count, derived.width, derived.mask, derived.writable) == (1, 32, 0xFFFFFFFF, 0xFFFFFFFF)
    assert (derived.offset, derived.access, derived.src, derived.doc) == (0x20, "W", "a test", "what it does")
    assert derived.write_hook == "hook"
    assert (base.count, base.width) == (8, 17)


def test_a_derived_register_is_checked_as_any_other():
    with pytest.raises(ValueError, match="outside the register's width"):
        Register(0, reset=0x100, src="a test").derive(width=8)


def test_the_hook_stays_a_method_of_its_class():
    def method(self, index, value, written):
        raise NotImplementedError

    register = Register(0, src="a test")
    assert register.on_write(method) is method
    assert register.write_hook == "method"


# Bits


@pytest.mark.parametrize(
    ("value", "numbers"), [(0, []), (1, [0]), (0x80000001, [0, 31]), (1 << 100 | 6, [1, 2, 100])]
)
def test_the_bits_of_a_value_come_ascending(value, numbers):
    assert list(bits(value)) == numbers


# Names, places and hooks


def test_a_register_of_a_bank_is_named_by_its_place_and_the_first_if_none_is_told():
    class Block:
        ONE = Register(0x0, src="a test")
        BANK = Register(0x10, count=4, src="a test")
        GROUP = Register(0x100, count=3, groups=2, group_stride=0x20, src="a test")

    assert (Block.ONE.label(), Block.ONE.label(5)) == ("ONE", "ONE")
    assert (Block.BANK.label(), Block.BANK.label(3)) == ("BANK[0]", "BANK[3]")
    assert [Block.GROUP.label(place) for place in (0, 2, 3, 5)] == [
        "GROUP[0][0]",
        "GROUP[0][2]",
        "GROUP[1][0]",
        "GROUP[1][2]",
    ]
    assert (Block.GROUP.name, Block.GROUP.attribute) == ("GROUP", "group")


def test_a_bank_that_repeats_goes_on_from_group_to_group():
    register = Register(0x100, count=3, stride=8, groups=2, group_stride=0x20, reset=4, src="a test")
    assert list(register.places()) == [
        (0x100, 0),
        (0x108, 1),
        (0x110, 2),
        (0x120, 3),
        (0x128, 4),
        (0x130, 5),
    ]
    assert register.initial() == [4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize(
    "wrong",
    [
        {"groups": 2, "group_stride": 8},
        {"count": 3, "groups": 2, "group_stride": 11},
        {"count": 1, "groups": 2},
    ],
)
def test_a_bank_that_repeats_needs_a_count_and_a_stride_that_it_fits_into(wrong):
    message = "^a bank that repeats needs a count, and a group stride that it fits into$"
    with pytest.raises(ValueError, match=message):
        Register(0, src="a test", **wrong)
    assert Register(0, count=3, groups=2, group_stride=12, src="a test").groups == 2


def test_a_method_answers_the_reads_of_a_register_and_of_what_is_derived_from_it():
    def method(self, index):
        raise NotImplementedError

    register = Register(0, src="a test")
    assert register.read_hook is None
    assert register.on_read(method) is method
    assert register.read_hook == "method"
    derived = register.derive(width=8)
    assert (derived.read_hook, derived.write_hook, derived.width) == ("method", None, 8)


def test_a_register_that_can_only_be_written_holds_nothing():
    assert Register(0, src="a test").held
    assert not Register(0, access="W", src="a test").held
    assert not Register(0, held=False, src="a test").held


def test_a_register_that_is_declared_wrongly_is_refused():
    with pytest.raises(ValueError, match=r"^unknown access word 'X'; known: R, W, RW$"):
        Register(0, access="X", src="a test")
    with pytest.raises(ValueError, match=r"^a reset value, a writable bit or a field lies outside"):
        Register(0, width=8, writable=0x100, src="a test")
    with pytest.raises(ValueError, match=r"^two fields share a bit$"):
        Register(0, fields=(Field("A", 0, 2), Field("B", 1)), src="a test")
