"""The special registers: their declarations, the debugger's view and the instructions'."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.hw import registry
from kvx_emu.hw.register import registers_of
from kvx_emu.models.core import Core, State
from kvx_emu.models.core_registers import SFRS, CoreRegisters

registers = pytest.mark.parametrize("register", registers_of(Core), ids=lambda register: register.name)
names = pytest.mark.parametrize("sfr", Core.sfrs().values(), ids=lambda sfr: sfr.name)


@pytest.mark.parametrize(
    "compatible",
    ["kalray,kv3-1-intc", "kalray,kv3-1-core-intc", "kalray,kvx-core-intc", "kalray,k1c-core-intc"],
)
def test_a_core_stands_for_each_name_of_its_interrupt_controller(compatible):
    assert registry.find([compatible]) == (compatible, Core)


@registers
def test_a_register_has_a_source(register):
    assert register.src


@registers
def test_a_register_is_reset_to_its_declared_value(register):
    core = Core(0, 0)
    assert getattr(core, register.attribute) == register.initial()


@names
def test_a_register_keeps_only_its_writable_bits(sfr):
    core = Core(0, 0)
    before = core.peek(sfr.name)
    core.poke(sfr.name, (1 << 70) - 1)
    expected = before if sfr.access == "R" else sfr.register.writable
    assert core.peek(sfr.name) == expected
    assert expected >> sfr.width == 0


def remembered(core):
    """All that a core holds, by name; what its parts hold by part and name."""
    parts = {"_timers": core._timers, "_events": core._events}
    inner = {(part, name): getattr(box, name) for part, box in parts.items() for name in box.__slots__}
    return {name: value for name, value in vars(core).items() if name not in parts} | inner


def test_reset_is_the_same_as_a_new_core():
    core, new = Core(2, 3), Core(2, 3)
    core.start(0x100)
    for sfr in Core.sfrs().values():
        core.poke(sfr.name, ~sfr.register.reset)
    core.poke("PS", 0x01000011)
    core.poke("WS", 0)
    core.waitit(1)
    core.reset()
    assert remembered(core) == remembered(new)


@pytest.mark.parametrize(
    ("cluster", "pid", "pcr"), [(0, 0, 0x10000000000000), (0, 16, 0x10000000000010), (4, 3, 0x10000000000403)]
)
def test_pcr_names_the_cluster_and_the_core(cluster, pid, pcr):
    core = Core(cluster, pid)
    core.poke("PCR", 0)
    assert core.peek("PCR") == pcr
    assert core.wfxl("PCR", 0x403), "read only, not refused"
    assert core.pcr == pcr


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("PS", 1),
        ("ILE", 25),
        ("ILL", 26),
        ("ILR", 27),
        ("ITO", 34),
        ("WS", 46),
        ("SPC_PL0", 64),
        ("SPS_PL1", 69),
        ("EV_PL3", 79),
        ("ES_PL0", 84),
        ("ITOW", 98),
        ("PSOW", 101),
        ("SPC", 128),
        ("ES", 148),
    ],
)
def test_a_special_register_has_its_number(name, number):
    assert SFRS[name].number == number


def test_no_two_names_share_a_number():
    assert len({sfr.number for sfr in SFRS.values()}) == len(SFRS)


def test_a_debugger_knows_the_owners_by_their_own_names_only():
    assert "ITO" in Core.sfrs()
    assert "ITOW" not in Core.sfrs()
    assert SFRS["ITOW"].access == "W"
    with pytest.raises(KeyError):
        Core(0, 0).peek("ITOW")
    with pytest.raises(KeyError):
        Core(0, 0).poke("XYZ", 0)


def test_a_name_without_a_level_is_the_current_levels_register(lx):
    core = lx(PS=0x01000012)
    core.poke("SR", 5)
    assert core.wfxl("SR", 2 << 32)
    assert [core.peek(f"SR_PL{pl}") for pl in range(4)] == [0, 0, 7, 0]
    assert core.peek("SR") == core.read_sfr("SR") == 7


# Case 31
def test_an_owner_is_given_relative_to_the_writer():
    core = Core(0, 0)
    core.start()
    assert core.wfxm("ITOW", 1 << 16 << 32)
    assert core.ito == 1 << 48
    core.poke("ITO", 0x5555555555555555)
    core.poke("PS", 0x01000001)
    core.poke("EV_PL0", 0x4000)
    assert not core.wfxm("ITOW", 3 << 16 << 32)
    assert core.ito == 0x5555555555555555
    assert core.peek("ES_PL0") >> 12 & 31 == 19
    assert core.pc == 0x4040


@pytest.mark.parametrize("name", ["SYO", "HTO", "ITO", "DO", "MO", "PSO"])
def test_each_owner_register_is_written_through_its_relative_name(name):
    core = Core(0, 0)
    core.start()
    assert core.wfxl(name, 0xFF << 32), "read only, not refused"
    assert core.peek(name) == 0
    assert core.wfxl(name + "W", 0x1B << 32 | 0xFF)
    assert core.peek(name) == core.read_sfr(name) == 0x1B
    assert core.wfxl(name + "W", 0x3), "a touched field without set bits comes to the writer"
    assert core.peek(name) == 0x18
    assert core.read_sfr(name + "W") == 0


def test_only_the_owner_gives_a_line_away(lx):
    core = lx(PS=0x01000002)
    assert not core.wfxl("ITOW", 1 << 32)
    assert core.ito == 0x5555555555555555
    assert core.peek("ES_PL1") == 1 | 2 << 4 | 1 << 6 | 1 << 8 | 2 << 12


def test_a_delegated_line_is_open_to_its_new_owner(lx):
    core = lx(ILE=1 << 24, ILR=1 << 24, PS=0x01000010, ITO=0)
    assert core.step() == 24
    core = lx(ILE=1 << 24, ILR=1 << 24, PS=0x01000010, ITO=0)
    assert core.wfxm("ITOW", 1 << 16 << 32)
    assert core.step() is None


# Case 32
def test_bits_of_more_privileged_lines_read_as_0(lx):
    core = lx(PS=0x01000002, ITO=0x5555555555555559, ILR=0x01000003, ILE=0x3, ILL=0xE)
    assert (core.read_sfr("ILR"), core.read_sfr("ILE"), core.read_sfr("ILL")) == (0x2, 0x2, 0xC)
    core.poke("PS", 0x01000001)
    assert (core.read_sfr("ILR"), core.read_sfr("ILE"), core.read_sfr("ILL")) == (0x01000003, 0x3, 0xE)


# Case 32
@pytest.mark.parametrize(("name", "high", "bit"), [("ILE", False, 24), ("ILR", False, 24), ("ILL", True, 17)])
@pytest.mark.parametrize("shift", [0, 32], ids=["clear", "set"])
def test_touching_a_more_privileged_line_is_a_privilege_trap(lx, name, high, bit, shift):
    core = lx(PS=0x01000002)
    before = core.peek(name)
    write = core.wfxm if high else core.wfxl
    assert not write(name, 1 << bit << shift)
    assert core.peek(name) == before
    assert core.peek("ES_PL1") == 1 | 2 << 4 | 1 << 6 | 1 << 8 | 2 << 12
    assert core.pc == 0x1040


# Case 33
def test_set_wins_over_clear_in_one_write(lx):
    core = lx(ILE=0)
    assert core.wfxl("ILE", 1 << 3 << 32 | 1 << 3)
    assert core.ile == 1 << 3


@given(before=st.integers(0, (1 << 64) - 1), operand=st.integers(0, (1 << 64) - 1), high=st.booleans())
def test_a_write_clears_then_sets_in_its_half(before, operand, high):
    core = Core(0, 0)
    core.start()
    core.poke("SR", before)
    assert (core.wfxm if high else core.wfxl)("SR", operand)
    for bit in range(64):
        place = bit - 32 if high else bit
        if not 0 <= place < 32:
            expected = before >> bit & 1
        elif operand >> 32 + place & 1:
            expected = 1
        elif operand >> place & 1:
            expected = 0
        else:
            expected = before >> bit & 1
        assert core.sr[0] >> bit & 1 == expected


def test_a_write_to_bits_that_no_line_has_touches_nobody(lx):
    core = lx(PS=0x01000002)
    assert core.wfxm("ILE", (1 << 64) - 1)
    assert core.state is State.RUNNING


def test_vectors_are_aligned_to_256_bytes(lx):
    core = lx(EV_PL1=0x12FF)
    assert core.peek("EV_PL1") == 0x1200


def test_setting_an_ilr_bit_by_hand_wakes_nobody(lx):
    core = lx(WS=0)
    core.await_()
    core.poke("ILR", 1 << 24)
    assert core.state is State.AWAIT
    assert core.ws == 0


def test_after_a_reset_a_core_has_no_result_of_a_wait_and_stands_at_address_0():
    core = Core(0, 0)
    assert (core.rz, core.pc, core.open, core.state) == (0, 0, 0, State.RESETTING)


def test_what_is_given_away_is_one_resource_and_the_others_keep_their_owners():
    core = Core(0, 0)
    core.start()
    core.poke("ITO", (1 << 64) - 1)
    assert core.wfxl("ITOW", 1 << 2 * 5 << 32)
    assert core.ito == 0xFFFFFFFFFFFFF7FF
    assert core.wfxl("ITOW", 2 << 32 | 3)
    assert core.ito == 0xFFFFFFFFFFFFF7FE


def test_a_register_of_a_level_is_named_by_it_and_the_first_if_none_is_told():
    assert (CoreRegisters.SPS.label(), CoreRegisters.SPS.label(3)) == ("SPS_PL0", "SPS_PL3")


# The declarations, as the headers have them: bits from bit 0, as (name, width); "-" has no name

DOUBLE = (1 << 64) - 1

PS_FIELDS = (
    "PL 2, ET 1, HTD 1, IE 1, HLE 1, SRE 1, DAUS 1, ICE 1, USE 1, DCE 1, MME 1, IL 2, VS 2, V64 1, L2E 1, "
    "SME 1, SMR 1, PMJ 4, MMUP 1"
)
FIELDS = {
    "PS": PS_FIELDS,
    "PCR": "PID 8, CID 8, MID 8, CAR 4, - 24, COE 1, L1CE 1",
    "IPE": "FE 16, BE 16, FM 16, BM 16",
    "TCR": (
        "- 16, T0CE 1, T1CE 1, T0IE 1, T1IE 1, T0ST 1, T1ST 1, T0SI 1, T1SI 1, "
        "WCE 1, WIE 1, WUI 1, WUS 1, WSI 1"
    ),
    "SYO": "Q0 2, Q1 2, Q2 2, Q3 2",
    "HTO": (
        "OPC 2, DMIS 2, PSYS 2, DSYS 2, DECCG 2, SECCG 2, NOMAP 2, PROT 2, W2CL 2, A2CL 2, DE 2, VSFR 2, "
        "PLO 2"
    ),
    "MO": (
        "MMI 2, RFE 2, STOP 2, SYNC 2, PCR 2, MSG 2, MEN 2, MES 2, CSIT 2, T0 2, T1 2, WD 2, PM0 2, PM1 2, "
        "PM2 2, PM3 2, PMIT 2"
    ),
    "MES": "PSE 1, PILSY 1, PILDE 1, PILPA 1, DSE 1, DILSY 1, DILDE 1, DILPA 1, DDEE 1, DSYE 1",
    "WS": "WU0 1, WU1 1, WU2 1",
    "SPS": PS_FIELDS,
    "ES": "EC 4, OAPL 2, ORPL 2, PTAPL 2, PTRPL 2, ITN 5, ITL 2, ITI 10",
}

# Number, the number of the other name (of the current level, or to write owners), bits that exist, bits
# that can be written, access, value after reset.
DECLARED = {
    "PS": (1, None, 25, 0x1FFFFFF, "RW", 0x01000004),
    "PCR": (2, None, 54, 0x3FFFFFFFFFFFFF, "R", 0x0010000000000000),
    "IPE": (10, None, 64, DOUBLE, "RW", 0),
    "TCR": (18, None, 32, 0x1FFF0000, "RW", 0),
    "T0V": (19, None, 64, DOUBLE, "RW", 0),
    "T1V": (20, None, 64, DOUBLE, "RW", 0),
    "T0R": (21, None, 64, DOUBLE, "RW", 0),
    "T1R": (22, None, 64, DOUBLE, "RW", 0),
    "WDV": (23, None, 64, DOUBLE, "RW", 0),
    "WDR": (24, None, 64, DOUBLE, "RW", 0),
    "ILE": (25, None, 32, 0xFFFFFFFF, "RW", 0),
    "ILL": (26, None, 64, DOUBLE, "RW", 0),
    "ILR": (27, None, 32, 0xFFFFFFFF, "RW", 0),
    "SYO": (32, 96, 8, 0xFF, "RW", 0),
    "HTO": (33, 97, 26, 0x3FFFFFF, "RW", 0),
    "ITO": (34, 98, 64, DOUBLE, "RW", 0),
    "DO": (35, 99, 64, DOUBLE, "RW", 0),
    "MO": (36, 100, 34, 0x3FFFFFFFF, "RW", 0),
    "PSO": (37, 101, 64, DOUBLE, "RW", 0),
    "MES": (45, None, 10, 0x3FF, "RW", 0),
    "WS": (46, None, 3, 0x7, "RW", 7),
    "SPC": (64, 128, 64, DOUBLE, "RW", 0),
    "SPS": (68, 132, 25, 0x1FFFFFF, "RW", 0),
    "EA": (72, 136, 64, DOUBLE, "RW", 0),
    "EV": (76, 140, 64, DOUBLE - 0xFF, "RW", 0),
    "SR": (80, 144, 64, DOUBLE, "RW", 0),
    "ES": (84, 148, 64, DOUBLE, "RW", 4),
}


def test_a_core_has_the_registers_of_the_headers():
    assert {
        register.name: (
            register.offset,
            getattr(register, "alias", None),
            register.width,
            register.writable,
            register.access,
            register.reset,
        )
        for register in registers_of(CoreRegisters)
    } == DECLARED


def test_each_of_them_is_8_bytes_wide_and_those_of_the_levels_come_in_fours():
    fours = ["SPC", "SPS", "EA", "EV", "SR", "ES"]
    for register in registers_of(CoreRegisters):
        assert register.size == 8
        levels = [place for place, _ in register.places()]
        first = register.offset
        assert levels == ([first, first + 1, first + 2, first + 3] if register.name in fours else [first])
        assert register.count == (4 if register.name in fours else None)


@pytest.mark.parametrize("register", registers_of(CoreRegisters), ids=lambda register: register.name)
def test_the_fields_of_a_register_are_those_of_the_headers(register):
    expected, bit = [], 0
    for words in filter(None, FIELDS.get(register.name, "").split(", ")):
        name, width = words.split()
        if name != "-":
            expected.append((name, bit, int(width)))
        bit += int(width)
    assert [(field.name, field.lsb, field.width) for field in register.fields.values()] == expected
    assert list(register.fields) == [name for name, _, _ in expected]


def test_the_registers_come_in_the_order_of_their_numbers():
    numbers = [sfr.number for sfr in Core.sfrs().values()]
    assert numbers == sorted(numbers)
    assert list(Core.sfrs())[:3] == ["PS", "PCR", "IPE"]
