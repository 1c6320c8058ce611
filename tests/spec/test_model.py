"""What every block of registers on the bus does."""

from __future__ import annotations

import pytest

from kvx_emu.hw.model import BusError, Model
from kvx_emu.hw.port import Port
from kvx_emu.hw.register import Register


class Listener:
    """A port that keeps what its model tells."""

    def __init__(self):
        self.heard = []

    def odd(self, code, message):
        self.heard.append((code, message))


class Block(Model):
    """A block with a register of each kind."""

    title = "the block"
    access_sizes = (4, 8)

    CONTROL = Register(0x00, width=8, writable=0x7F, reset=0x81, src="a test")
    STATUS = Register(0x08, access="R", reset=0xAB, src="a test")
    BANK = Register(0x10, count=2, width=4, reset=1, src="a test")
    DOORBELL = Register(0x20, access="W", width=4, src="a test")
    WIDE = Register(0x28, size=8, src="a test")

    def __init__(self, port):
        self.rung = []
        super().__init__(port)

    @CONTROL.on_write
    def _controlled(self, index, value, written):
        self.rung.append(("CONTROL", index, value, written, self.control))

    @BANK.on_write
    def _banked(self, index, value, written):
        self.rung.append(("BANK", index, value, written, list(self.bank)))

    @DOORBELL.on_write
    def _doorbell(self, index, value, written):
        self.rung.append(("DOORBELL", index, value, written))


@pytest.fixture
def block() -> Block:
    return Block(Listener())


def test_a_new_block_holds_its_reset_values(block):
    assert block.state() == {"control": 0x81, "status": 0xAB, "bank": [1, 1], "wide": 0}


def test_reset_is_the_same_as_a_new_block(block):
    new = Block(block.port)
    block.write(0x00, 4, 0x22)
    block.write(0x14, 4, 0x7)
    block.write(0x28, 8, 1 << 63)
    block.rung.clear()
    assert vars(block) != vars(new)
    block.reset()
    assert vars(block) == vars(new)


def test_a_block_knows_its_registers_by_offset():
    assert [register.name for register in Block.registers] == [
        "CONTROL",
        "STATUS",
        "BANK",
        "DOORBELL",
        "WIDE",
    ]


# Reads


@pytest.mark.parametrize(
    ("offset", "size", "value"), [(0x00, 4, 0x81), (0x08, 4, 0xAB), (0x10, 4, 1), (0x14, 4, 1), (0x28, 8, 0)]
)
def test_a_read_gives_what_the_register_holds(block, offset, size, value):
    assert block.read(offset, size) == value
    assert block.port.heard == []


def test_a_register_that_can_only_be_written_reads_as_0(block):
    block.write(0x20, 4, 0xF)
    assert block.read(0x20, 4) == 0


@pytest.mark.parametrize("offset", [0x04, 0x18, 0x24, 0x30, 0xFFC])
def test_a_read_of_a_reserved_offset_gives_0_and_is_told(block, offset):
    assert block.read(offset, 4) == 0
    assert block.port.heard == [("reserved-register", f"read of the reserved offset {offset:#x} gives 0")]


# Writes


def test_a_write_changes_the_writable_bits_and_then_runs_the_hook(block):
    block.write(0x00, 4, 0xFF)
    assert block.control == 0x7F
    assert block.rung == [("CONTROL", 0, 0x7F, 0xFF, 0x7F)]
    assert block.port.heard == []


def test_a_write_to_a_bank_changes_one_register_and_names_it_to_the_hook(block):
    block.write(0x14, 4, 0x5)
    assert block.bank == [1, 5]
    assert block.rung == [("BANK", 1, 5, 5, [1, 5])]


def test_a_write_only_register_keeps_nothing_but_runs_the_hook(block):
    before = block.state()
    block.write(0x20, 4, 0x3)
    assert block.state() == before
    assert block.rung == [("DOORBELL", 0, 3, 3)]


def test_a_register_without_a_hook_is_just_written(block):
    block.write(0x28, 8, 0x1122334455667788)
    assert block.read(0x28, 8) == 0x1122334455667788
    assert block.rung == []


def test_bits_that_do_not_exist_are_ignored_and_told(block):
    block.write(0x10, 4, 0x123)
    assert block.bank == [3, 1]
    assert block.rung == [("BANK", 0, 3, 0x123, [3, 1])]
    assert block.port.heard == [("register-bits", "BANK[0] has 4 bits: 0x120 of 0x123 is ignored")]


def test_a_write_to_a_read_only_register_is_ignored_and_told(block):
    block.write(0x08, 4, 0x1)
    assert block.status == 0xAB
    assert block.port.heard == [("read-only-register", "write to the read-only STATUS is ignored")]


def test_a_write_to_a_reserved_offset_is_ignored_and_told(block):
    before = {name: value for name, value in vars(block).items() if name != "port"}
    block.write(0x18, 4, 0x1)
    assert {name: value for name, value in vars(block).items() if name != "port"} == before
    assert block.port.heard == [("reserved-register", "write to the reserved offset 0x18 is ignored")]


# Bus errors


@pytest.mark.parametrize(
    ("offset", "size"), [(0x00, 1), (0x00, 2), (0x00, 16), (0x02, 4), (0x04, 8), (0x14, 8)]
)
def test_an_access_of_another_size_or_alignment_is_a_bus_error_before_any_effect(block, offset, size):
    new = Block(block.port)
    with pytest.raises(BusError, match=r"^the block takes aligned accesses of 4 or 8 bytes$"):
        block.write(offset, size, 0x1)
    with pytest.raises(BusError, match=r"^the block takes aligned accesses of 4 or 8 bytes$"):
        block.read(offset, size)
    assert vars(block) == vars(new)
    assert block.port.heard == []


def test_a_block_without_a_title_goes_by_its_class():
    class Nameless(Model):
        """A block of words."""

    with pytest.raises(BusError, match=r"^Nameless takes aligned accesses of 4 bytes$"):
        Nameless(Listener()).read(0, 8)


# Declarations


def test_two_registers_at_one_offset_are_refused():
    with pytest.raises(ValueError, match="Clash: SECOND and FIRST share offset 0x4"):

        class Clash(Model):
            """A block that can not be."""

            FIRST = Register(0x00, count=2, src="a test")
            SECOND = Register(0x04, src="a test")


def test_a_block_inherits_and_replaces_registers():
    class Newer(Block):
        """The same, with another status."""

        STATUS = Register(0x0C, access="R", reset=0xCD, src="a test")

    newer = Newer(Listener())
    assert (newer.read(0x0C, 4), newer.read(0x08, 4), newer.read(0x00, 4)) == (0xCD, 0, 0x81)
    assert Block(Listener()).read(0x08, 4) == 0xAB


def test_the_values_of_two_blocks_are_apart(block):
    other = Block(Listener())
    block.write(0x10, 4, 0x9)
    assert (block.bank, other.bank) == ([9, 1], [1, 1])


def test_a_write_to_a_read_only_bank_names_the_register_that_was_meant():
    class Answers(Model):
        STATUS = Register(0x00, access="R", count=4, src="a test")

    answers = Answers(Listener())
    answers.write(0x0C, 4, 1)
    assert answers.port.heard == [("read-only-register", "write to the read-only STATUS[3] is ignored")]


def test_a_register_that_holds_nothing_and_has_no_hook_reads_as_0():
    class Alias(Model):
        SET = Register(0x00, reset=5, held=False, src="a test")

    assert Alias(Port()).read(0x00, 4) == 0


def test_a_bank_that_repeats_is_left_to_the_model():
    class Repeated(Model):
        ENABLE = Register(0x00, count=2, groups=2, group_stride=0x10, reset=7, src="a test")

    repeated = Repeated(Listener())
    assert repeated.enable == [7, 7, 7, 7]
    assert repeated.read(0x00, 4) == 0
    assert repeated.port.heard == [("reserved-register", "read of the reserved offset 0x0 gives 0")]


def test_a_block_without_inputs_says_so_by_its_title_or_its_class(block):
    class Untitled(Model):
        pass

    with pytest.raises(IndexError, match=r"^the block has no input 3$"):
        block.input(3, True)
    with pytest.raises(IndexError, match=r"^Untitled has no input 0$"):
        Untitled(Port()).input(0, True)


def test_a_port_that_is_connected_to_nothing_has_no_core_that_runs_and_no_time():
    assert Port().running(0) is False
    assert Port().running(16, cluster=1) is False
    assert Port().now() == 0


# State


def test_what_a_block_remembers_is_not_shared_with_who_asked_nor_with_who_gave(block):
    block.state()["bank"][0] = 9
    assert block.bank == [1, 1]
    given = {"control": 1, "status": 2, "bank": [3, 4], "wide": 5}
    block.restore(given)
    assert (block.control, block.status, block.bank, block.wide) == (1, 2, [3, 4], 5)
    given["bank"][0] = 9
    assert block.bank == [3, 4]


NAMES = "^Block has control, status, bank, wide; found "


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"more": 0}, NAMES + "control, status, bank, wide, more$"),
        ({"bank": 1}, "^Block: bank is of another shape$"),
        ({"bank": None}, "^Block: bank is of another shape$"),
        ({"bank": (1, 1)}, "^Block: bank is of another shape$"),
        ({"bank": [1]}, "^Block: bank is of another shape$"),
        ({"bank": [1, 1, 1]}, "^Block: bank is of another shape$"),
        ({"bank": [1, -1]}, "^Block: bank is of another shape$"),
        ({"bank": [1, [1]]}, "^Block: bank is of another shape$"),
        ({"wide": -1}, "^Block: wide is of another shape$"),
        ({"wide": True}, "^Block: wide is of another shape$"),
        ({"wide": 1.5}, "^Block: wide is of another shape$"),
        ({"wide": [1]}, "^Block: wide is of another shape$"),
        ({"wide": None}, "^Block: wide is of another shape$"),
    ],
)
def test_a_state_of_another_shape_is_refused_and_changes_nothing(block, changes, message):
    before = block.state()
    with pytest.raises(ValueError, match=message):
        block.restore({"control": 0, "status": 0, "bank": [0, 0], "wide": 0} | changes)
    assert block.state() == before


def test_a_state_without_a_name_is_refused(block):
    with pytest.raises(ValueError, match=NAMES + "control$"):
        block.restore({"control": 1})


def test_a_register_that_holds_nothing_has_no_attribute(block):
    assert not hasattr(block, "doorbell")
    assert hasattr(block, "status")


def test_a_block_tells_which_register_an_offset_means(block):
    assert block.register_at(0x00) == (Block.CONTROL, 0)
    assert block.register_at(0x14) == (Block.BANK, 1)
    assert block.register_at(0x04) is None
