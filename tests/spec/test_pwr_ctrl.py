"""The power controller of a cluster, which starts its PEs."""

from __future__ import annotations

import pytest

from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.hw.port import Port
from kvx_emu.hw.register import bits
from kvx_emu.models.core import Core, State
from kvx_emu.models.ipi_ctrl import IpiCtrl
from kvx_emu.models.pwr_ctrl import PwrCtrl, QemuPwrCtrl

PE_CONTROL = 0x0
PE_CONTROL_SET = 0x10
PE_CONTROL_CLEAR = 0x20
PE_STATUS = 0x400
VEC_WUP = 0x1000
VEC_WUP_SET = 0x1010
VEC_WUP_CLEAR = 0x1020
VEC_RESET = 0x1040
VEC_RESET_SET = 0x1050
VEC_RESET_CLEAR = 0x1060
RESET_PC = 0x2000
GLOBAL = 0x4040
GLOBAL_SET = 0x4050
GLOBAL_CLEAR = 0x4060
RM_CONTROL = 0x40C0
RM_CONTROL_SET = 0x40D0
RM_CONTROL_CLEAR = 0x40E0

PE_EN = 2

models = pytest.mark.parametrize("model", [PwrCtrl, QemuPwrCtrl])
pes = pytest.mark.parametrize("pe", range(16))


class Cluster(Port):
    """PEs that are held in reset at first; keeps what is done to them, in order."""

    def __init__(self):
        self.up = set()
        self.heard = []

    def start(self, pid, pc, cluster=None):
        assert cluster is None
        self.up.add(pid)
        self.heard.append(("start", pid, pc))

    def hold(self, pid, cluster=None):
        assert cluster is None
        self.up.discard(pid)
        self.heard.append(("hold", pid))

    def running(self, pid, cluster=None):
        assert cluster is None
        return pid in self.up

    def odd(self, code, message):
        self.heard.append((code, message))


class Cores(Port):
    """The 17 cores of a cluster, with the wires of an IPI controller and of a power controller."""

    def __init__(self):
        self.core = [Core(0, pid) for pid in range(17)]

    def pulse(self, output, raised, blocked, written):
        for pid in bits(raised):
            self.core[pid].request(24 + output)

    def start(self, pid, pc, cluster=None):
        self.core[pid].start(pc)

    def running(self, pid, cluster=None):
        return self.core[pid].state not in (State.RESETTING, State.STOPPED)


def enabled(model=PwrCtrl):
    """Return a controller whose PE_EN is set, and what its port hears from then on."""
    block = model(Cluster())
    block.write(GLOBAL_SET, 8, PE_EN)
    return block, block.port.heard


# Cases 51 and 52 of the specification's list


# Case 51
def test_a_pe_starts_alone_at_reset_pc_and_only_while_pe_en_is_set():
    power = PwrCtrl(cores := Cores())
    power.write(VEC_WUP_SET, 8, 0x8)
    assert [core.state for core in cores.core] == [State.RESETTING] * 17
    power.write(VEC_WUP_CLEAR, 8, 0x8)
    power.write(GLOBAL_SET, 8, PE_EN)
    power.write(RESET_PC, 8, 0x12345)
    power.write(VEC_WUP_SET, 8, 0x8)
    assert [core.pid for core in cores.core if core.state is State.RUNNING] == [3]
    assert cores.core[3].pc == 0x12000


# Case 51
def test_a_wake_up_that_was_set_without_pe_en_waits_for_another_write_of_it():
    power = PwrCtrl(port := Cluster())
    power.write(VEC_WUP_SET, 8, 0x18)
    power.write(GLOBAL_SET, 8, PE_EN)
    power.write(RESET_PC, 8, 0x12345)
    assert power.read(VEC_WUP, 8) == 0x18
    assert port.heard == []
    power.write(VEC_WUP_SET, 8, 0x8)
    assert port.heard == [("start", 3, 0x12000)]


# Case 52
def test_a_core_that_is_started_keeps_the_requests_that_came_in_reset():
    power = PwrCtrl(cores := Cores())
    ipi = IpiCtrl(cores)
    power.write(GLOBAL_SET, 8, PE_EN)
    ipi.write(0x0, 4, 0x8)
    power.write(VEC_WUP_SET, 8, 0x8)
    assert cores.core[3].state is State.RUNNING
    assert cores.core[3].ilr == 0x01000000


# Waking


@pytest.mark.parametrize("register", [VEC_WUP, VEC_WUP_SET])
@pes
def test_bit_n_of_the_wake_up_vector_wakes_pe_n_alone(register, pe):
    power, heard = enabled()
    power.write(register, 8, 1 << pe)
    assert heard == [("start", pe, 0)]
    assert power.read(VEC_WUP, 8) == 1 << pe


@pytest.mark.parametrize("register", [PE_CONTROL, PE_CONTROL_SET])
@pes
def test_bit_0_of_the_control_of_pe_n_wakes_pe_n_alone(register, pe):
    power, heard = enabled()
    power.write(register + 0x40 * pe, 8, 1)
    assert heard == [("start", pe, 0)]
    assert power.read(PE_CONTROL + 0x40 * pe, 8) == 1


def test_pes_of_one_write_start_in_ascending_order():
    power, heard = enabled()
    power.write(VEC_WUP_SET, 8, 0x8421)
    assert heard == [("start", pe, 0) for pe in (0, 5, 10, 15)]


@pytest.mark.parametrize("register", [PE_CONTROL, PE_CONTROL_SET])
def test_the_other_bits_of_control_wake_nobody(register):
    power, heard = enabled()
    power.write(register, 8, 0x402)
    assert heard == []


@pytest.mark.parametrize(("register", "value"), [(VEC_WUP, 0x2), (VEC_WUP_SET, 0x2), (PE_CONTROL + 0x40, 1)])
@pytest.mark.parametrize("without", [0x0, 0xFFFF_FFFF_FFFF_FFFD])
def test_without_pe_en_nobody_wakes_whatever_the_other_bits_say(register, value, without):
    power = PwrCtrl(port := Cluster())
    power.write(GLOBAL, 8, without)
    power.write(register, 8, value)
    assert port.heard == []
    assert power.read(VEC_WUP, 8) == 0x2


def test_a_pe_wakes_once_until_its_bit_was_cleared():
    power, heard = enabled()
    power.write(VEC_WUP_SET, 8, 0x2)
    power.write(VEC_WUP_SET, 8, 0x2)
    power.write(VEC_WUP, 8, 0x6)
    power.write(PE_CONTROL + 0x40, 8, 0x1)
    assert heard == [("start", 1, 0), ("start", 2, 0)]
    power.write(VEC_WUP_CLEAR, 8, 0x2)
    power.write(VEC_WUP_SET, 8, 0x2)
    assert heard == [("start", 1, 0), ("start", 2, 0), ("start", 1, 0)]


def test_a_pe_that_does_not_run_wakes_also_if_its_bit_is_set_already():
    power, heard = enabled()
    power.write(VEC_WUP_SET, 8, 0x2)
    power.port.up.clear()
    power.write(VEC_WUP_SET, 8, 0x4)
    assert heard == [("start", 1, 0), ("start", 2, 0)]
    power.write(VEC_WUP_SET, 8, 0x2)
    assert heard == [("start", 1, 0), ("start", 2, 0), ("start", 1, 0)]


def test_clearing_stops_nobody():
    power, heard = enabled()
    power.write(VEC_WUP_SET, 8, 0x6)
    power.write(VEC_WUP_CLEAR, 8, 0x2)
    power.write(VEC_WUP, 8, 0)
    power.write(GLOBAL_CLEAR, 8, PE_EN)
    assert heard == [("start", 1, 0), ("start", 2, 0)]
    assert power.read(PE_STATUS, 8) == 0x6


def test_a_wake_up_bit_that_is_cleared_wakes_nobody():
    power = PwrCtrl(port := Cluster())
    power.write(VEC_WUP, 8, 0xFFFF)
    power.write(GLOBAL_SET, 8, PE_EN)
    power.write(VEC_WUP_CLEAR, 8, 0xFF)
    power.write(PE_CONTROL_CLEAR + 0x40 * 15, 8, 1)
    assert power.read(VEC_WUP, 8) == 0x7F00
    assert port.heard == []


def test_linux_starts_the_pes_one_after_the_other():
    power = PwrCtrl(port := Cluster())
    power.write(GLOBAL_SET, 8, 2)
    power.write(RESET_PC, 8, 0x1_0000_0000)
    for pe in range(16):
        power.write(VEC_WUP_SET, 8, 1 << pe)
        power.write(VEC_WUP_CLEAR, 8, 1 << pe)
    assert port.heard == [("start", pe, 0x1_0000_0000) for pe in range(16)]
    assert power.read(VEC_WUP, 8) == 0
    assert power.read(PE_STATUS, 8) == 0xFFFF


# Reset on wake-up


@pes
def test_with_reset_on_wakeup_the_pe_is_reset_before_it_starts(pe):
    power, heard = enabled()
    power.write(VEC_RESET_SET, 8, 1 << pe)
    assert heard == []
    power.write(VEC_WUP_SET, 8, 0xFFFF)
    assert heard == [
        *(("start", other, 0) for other in range(pe)),
        ("hold", pe),
        *(("start", other, 0) for other in range(pe, 16)),
    ]


def test_with_reset_on_wakeup_a_pe_that_runs_is_reset_and_started():
    power, heard = enabled()
    power.write(VEC_WUP, 8, 0x2)
    power.write(PE_CONTROL + 0x40, 8, 0x2)
    power.write(RESET_PC, 8, 0x3000)
    power.write(PE_CONTROL_SET + 0x40, 8, 0x1)
    assert heard == [("start", 1, 0), ("hold", 1), ("start", 1, 0x3000)]
    power.write(PE_CONTROL_SET + 0x40, 8, 0x1)
    assert len(heard) == 3


def test_a_write_that_sets_both_bits_resets_the_pe_first():
    power, heard = enabled()
    power.write(PE_CONTROL, 8, 0x3)
    assert heard == [("hold", 0), ("start", 0, 0)]


def test_a_write_of_control_that_wakes_a_pe_that_runs_resets_it_if_it_sets_both_bits():
    power, heard = enabled()
    power.port.up.add(4)
    power.write(PE_CONTROL + 0x40 * 4, 8, 0x3)
    assert heard == [("hold", 4), ("start", 4, 0)]
    power.write(PE_CONTROL + 0x40 * 4, 8, 0x3)
    assert len(heard) == 2


def test_reset_on_wakeup_by_itself_resets_nobody():
    power, heard = enabled()
    power.write(VEC_WUP, 8, 0xFFFF)
    heard.clear()
    power.write(VEC_RESET, 8, 0xFFFF)
    power.write(VEC_RESET_CLEAR, 8, 0xFFFF)
    assert heard == []


# What the registers hold


def test_pe_status_has_a_bit_for_each_pe_that_runs():
    power, heard = enabled()
    assert power.read(PE_STATUS, 8) == 0
    power.port.up.update({0, 7, 15, 16})
    assert power.read(PE_STATUS, 8) == 0x8081
    power.write(PE_STATUS, 8, 0)
    assert power.read(PE_STATUS, 8) == 0x8081
    assert [event[0] for event in heard] == ["read-only-register"]


@pytest.mark.parametrize(
    ("value", "set_", "clear", "bit"),
    [(VEC_WUP, VEC_WUP_SET, VEC_WUP_CLEAR, 0x1), (VEC_RESET, VEC_RESET_SET, VEC_RESET_CLEAR, 0x2)],
)
def test_the_vectors_and_the_control_of_each_pe_show_the_same_bits(value, set_, clear, bit):
    power = PwrCtrl(Cluster())
    other = VEC_RESET if value == VEC_WUP else VEC_WUP

    def control():
        return [power.read(0x40 * pe, 8) for pe in range(16)]

    power.write(value, 8, 0x8005)
    assert control() == [bit, 0, bit, *[0] * 12, bit]
    power.write(set_, 8, 0x0002)
    assert power.read(value, 8) == 0x8007
    power.write(clear, 8, 0x8001)
    assert power.read(value, 8) == 0x0006
    power.write(value, 8, 0x0010)
    assert control() == [0, 0, 0, 0, bit, *[0] * 11]
    power.write(PE_CONTROL_SET + 0x40 * 6, 8, bit)
    assert power.read(value, 8) == 0x0050
    power.write(PE_CONTROL_CLEAR + 0x40 * 4, 8, bit)
    assert power.read(value, 8) == 0x0040
    assert power.read(other, 8) == 0


@pes
def test_the_control_of_a_pe_has_bits_0_1_and_10(pe):
    power = PwrCtrl(port := Cluster())
    base = 0x40 * pe
    power.write(base, 8, 0x7FF)
    assert power.read(base, 8) == 0x403
    power.write(base + 0x20, 8, 0x7FE)
    assert power.read(base, 8) == 0x001
    power.write(base + 0x10, 8, 0x7FE)
    assert power.read(base, 8) == 0x403
    power.write(base, 8, 0x400)
    assert power.read(base, 8) == 0x400
    assert [power.read(0x40 * other, 8) for other in range(16)] == [
        0x400 if other == pe else 0 for other in range(16)
    ]
    assert port.heard == []


def test_the_vectors_leave_the_other_bits_of_control_alone():
    power = PwrCtrl(Cluster())
    power.write(PE_CONTROL, 8, 0x402)
    power.write(VEC_WUP, 8, 0x1)
    assert power.read(PE_CONTROL, 8) == 0x403
    power.write(VEC_WUP, 8, 0x0)
    power.write(VEC_WUP_CLEAR, 8, 0x1)
    assert power.read(PE_CONTROL, 8) == 0x402
    power.write(VEC_RESET, 8, 0x0)
    assert power.read(PE_CONTROL, 8) == 0x400
    power.write(PE_CONTROL, 8, 0x401)
    power.write(VEC_RESET_SET, 8, 0x1)
    assert power.read(PE_CONTROL, 8) == 0x403
    power.write(VEC_RESET_CLEAR, 8, 0x1)
    assert power.read(PE_CONTROL, 8) == 0x401


@pytest.mark.parametrize(
    ("register", "reset", "kept"),
    [(GLOBAL, 0x8_FFFF_FF00, 0xFFFF_FFFF_FFFF_FFFF), (RM_CONTROL, 0, 0x403)],
)
def test_set_and_clear_change_the_bits_that_are_written(register, reset, kept):
    power = PwrCtrl(port := Cluster())
    assert power.read(register, 8) == reset
    power.write(register, 8, 0x403)
    assert power.read(register, 8) == 0x403
    power.write(register + 0x20, 8, 0x401)
    assert power.read(register, 8) == 0x002
    power.write(register + 0x10, 8, 0x001)
    assert power.read(register, 8) == 0x003
    power.write(register + 0x10, 8, 0xFFFF_FFFF_FFFF_FFFF)
    assert power.read(register, 8) == kept
    power.write(register + 0x20, 8, 0xFFFF_FFFF_FFFF_FFFF)
    assert power.read(register, 8) == 0
    assert "start" not in [event[0] for event in port.heard]


def test_the_control_of_the_rm_wakes_nobody():
    power, heard = enabled()
    power.write(RM_CONTROL_SET, 8, 0x3)
    power.write(RM_CONTROL, 8, 0x403)
    assert heard == []


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0x12345, 0x12000), (0xFFF, 0), (0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_F000)],
)
def test_the_low_12_bits_of_reset_pc_are_0(value, kept):
    power, heard = enabled()
    power.write(RESET_PC, 8, value)
    assert power.read(RESET_PC, 8) == kept
    power.write(VEC_WUP_SET, 8, 1)
    assert heard == [("start", 0, kept)]


@pytest.mark.parametrize(
    "offset",
    [
        *(0x40 * pe + alias for pe in (0, 15) for alias in (0x10, 0x20)),
        *(VEC_WUP_SET, VEC_WUP_CLEAR, VEC_RESET_SET, VEC_RESET_CLEAR),
        *(GLOBAL_SET, GLOBAL_CLEAR, RM_CONTROL_SET, RM_CONTROL_CLEAR),
    ],
)
def test_set_and_clear_read_as_0(offset):
    power = PwrCtrl(port := Cluster())
    power.write(VEC_WUP, 8, 0xFFFF)
    power.write(RM_CONTROL, 8, 0x403)
    assert power.read(offset, 8) == 0
    assert port.heard == []


# Every register, from its declaration


def test_the_registers_are_those_of_the_specification():
    assert [
        (register.name, register.offset, register.count, register.width, register.access)
        for register in PwrCtrl.registers
    ] == [
        ("PE_CONTROL", 0x0, 16, 11, "RW"),
        ("PE_CONTROL_SET", 0x10, 16, 11, "W"),
        ("PE_CONTROL_CLEAR", 0x20, 16, 11, "W"),
        ("PE_STATUS", 0x400, None, 16, "R"),
        ("VEC_WUP", 0x1000, None, 16, "RW"),
        ("VEC_WUP_SET", 0x1010, None, 16, "W"),
        ("VEC_WUP_CLEAR", 0x1020, None, 16, "W"),
        ("VEC_RESET_ON_WAKEUP", 0x1040, None, 16, "RW"),
        ("VEC_RESET_ON_WAKEUP_SET", 0x1050, None, 16, "W"),
        ("VEC_RESET_ON_WAKEUP_CLEAR", 0x1060, None, 16, "W"),
        ("RESET_PC", 0x2000, None, 64, "RW"),
        ("GLOBAL_CONTROL", 0x4040, None, 64, "RW"),
        ("GLOBAL_CONTROL_SET", 0x4050, None, 64, "W"),
        ("GLOBAL_CONTROL_CLEAR", 0x4060, None, 64, "W"),
        ("RM_CONTROL", 0x40C0, None, 11, "RW"),
        ("RM_CONTROL_SET", 0x40D0, None, 11, "W"),
        ("RM_CONTROL_CLEAR", 0x40E0, None, 11, "W"),
    ]
    assert all(register.stride == 0x40 for register in PwrCtrl.registers if register.count)
    assert all(register.size == 8 and register.src and register.doc for register in PwrCtrl.registers)
    control = [("WAKEUP", 0, 1), ("RESET_ON_WAKEUP", 1, 1), ("WATCHDOG_ACK", 10, 1)]
    assert {
        register.name: [(field.name, field.lsb, field.width) for field in register.fields.values()]
        for register in PwrCtrl.registers
        if register.fields
    } == {"PE_CONTROL": control, "GLOBAL_CONTROL": [("PE_EN", 1, 1)], "RM_CONTROL": control}


@models
def test_each_register_reads_as_its_reset_value_after_reset(model):
    power = model(port := Cluster())
    for register in model.registers:
        for offset, _ in register.places():
            expected = 0x8_FFFF_FF00 if register.name == "GLOBAL_CONTROL" else 0
            assert power.read(offset, 8) == expected
    assert port.heard == []


@models
@pytest.mark.parametrize(("offset", "size"), [(0x0, 4), (0x1010, 4), (0x1014, 4), (0x2000, 1), (0x2004, 8)])
def test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect(model, offset, size):
    power, heard = enabled(model)
    before = power.state()
    with pytest.raises(BusError, match=r"^the power controller takes aligned accesses of 8 bytes$"):
        power.write(offset, size, 1)
    with pytest.raises(BusError, match=r"^the power controller takes aligned accesses of 8 bytes$"):
        power.read(offset, size)
    assert power.state() == before
    assert heard == []


@models
def test_reset_is_the_same_as_a_new_controller_and_touches_no_pe(model):
    power, heard = enabled(model)
    new = model(power.port)
    power.write(PE_CONTROL, 8, 0x402)
    power.write(RESET_PC, 8, 0x1000)
    power.write(RM_CONTROL, 8, 0x1)
    assert vars(power) != vars(new)
    power.reset()
    assert vars(power) == vars(new)
    assert heard == []


def test_a_controller_keeps_the_control_of_the_cores_the_start_address_and_its_own_control():
    power, _ = enabled()
    power.write(VEC_WUP, 8, 0x2)
    power.write(RESET_PC, 8, 0x1000)
    power.write(RM_CONTROL, 8, 0x400)
    assert power.state() == {
        "pe_control": [0, 1, *[0] * 14],
        "reset_pc": 0x1000,
        "global_control": 0x8_FFFF_FF02,
        "rm_control": 0x400,
    }


def test_a_restored_controller_knows_which_wake_ups_are_set():
    power, _ = enabled()
    power.write(VEC_WUP_SET, 8, 0x2)
    other = PwrCtrl(port := Cluster())
    other.restore(power.state())
    assert other.read(VEC_WUP, 8) == 0x2
    port.up.add(1)
    other.write(VEC_WUP_SET, 8, 0x6)
    assert port.heard == [("start", 2, 0)]


@pytest.mark.parametrize(
    "compatible",
    ["kalray,coolidge-pwr-ctrl", "kalray,kv3-1-pwr-ctrl", "kalray,kvx-pwr-ctrl", "kalray,k1c-pwr-ctrl"],
)
def test_the_model_stands_for_each_name_of_the_controller(compatible):
    assert registry.find([compatible]) == (compatible, PwrCtrl)
    assert registry.find([compatible], registry.QEMU) == (compatible, QemuPwrCtrl)


# The controller of QEMU


def test_in_qemu_starting_a_pe_starts_every_lower_one_that_does_not_run():
    power, heard = enabled(QemuPwrCtrl)
    power.write(RESET_PC, 8, 0x5000)
    power.write(VEC_WUP_SET, 8, 0x4)
    assert heard == [("start", 0, 0x5000), ("start", 1, 0x5000), ("start", 2, 0x5000)]
    heard.clear()
    power.write(VEC_WUP_SET, 8, 0x10)
    assert heard == [("start", 3, 0x5000), ("start", 4, 0x5000)]
    assert power.read(VEC_WUP, 8) == 0x14


def test_in_qemu_all_pes_can_be_woken_at_once():
    power, heard = enabled(QemuPwrCtrl)
    power.write(VEC_WUP, 8, 0xFFFF)
    assert heard[0] == ("start", 0, 0)
    assert power.port.up == set(range(16))


def test_in_qemu_nobody_starts_without_pe_en():
    power = QemuPwrCtrl(port := Cluster())
    power.write(VEC_WUP, 8, 0xFFFF)
    assert port.heard == []


def test_in_qemu_a_write_to_the_vector_of_resets_lands_in_that_of_wake_ups():
    power, heard = enabled(QemuPwrCtrl)
    power.write(VEC_RESET, 8, 0x1)
    assert heard == [("start", 0, 0)]
    assert power.read(VEC_WUP, 8) == 0x1
    power.write(VEC_RESET_SET, 8, 0x2)
    assert heard == [("start", 0, 0), ("start", 1, 0)]
    assert power.read(VEC_WUP, 8) == 0x3
    power.write(VEC_RESET_CLEAR, 8, 0x1)
    assert power.read(VEC_WUP, 8) == 0x2
    assert power.read(VEC_RESET, 8) == 0
    power.write(PE_CONTROL, 8, 0x2)
    assert power.read(VEC_RESET, 8) == 0x1


# What a write leaves alone


class Explained(Cluster):
    """Also keeps why a write changed a register alone."""

    def quiet(self, number, why):
        self.heard.append(("quiet", number, why))


def test_a_wake_up_bit_that_is_set_while_pe_en_is_0_says_that_it_wakes_nobody():
    block = PwrCtrl(Explained())
    block.write(VEC_WUP, 8, 1 << 5)
    why = "PE_EN is 0: it is not woken, nor is it when PE_EN becomes 1"
    assert block.port.heard == [("quiet", 5, why)]


def test_a_wake_up_bit_that_is_set_again_says_that_the_pe_goes_on():
    block = PwrCtrl(Explained())
    block.write(GLOBAL_SET, 8, PE_EN)
    block.write(VEC_WUP, 8, 1 << 5)
    block.write(PE_CONTROL + 0x40 * 5, 8, 1)
    assert block.port.heard == [
        ("start", 5, 0),
        ("quiet", 5, "its wake-up bit was 1 and it runs: it goes on"),
    ]


@pytest.mark.parametrize(("register", "value"), [(PE_CONTROL, 2), (VEC_WUP_CLEAR, 1), (VEC_RESET, 1)])
def test_a_write_that_sets_no_wake_up_bit_has_nothing_to_say(register, value):
    block = PwrCtrl(Explained())
    block.write(register, 8, value)
    assert block.port.heard == []


def test_what_sets_and_clears_bits_of_a_register_has_no_reset_value():
    for register in (
        PwrCtrl.PE_CONTROL_SET,
        PwrCtrl.PE_CONTROL_CLEAR,
        PwrCtrl.VEC_WUP_SET,
        PwrCtrl.VEC_WUP_CLEAR,
        PwrCtrl.VEC_RESET_ON_WAKEUP_SET,
        PwrCtrl.VEC_RESET_ON_WAKEUP_CLEAR,
        PwrCtrl.GLOBAL_CONTROL_SET,
        PwrCtrl.GLOBAL_CONTROL_CLEAR,
        PwrCtrl.RM_CONTROL_SET,
        PwrCtrl.RM_CONTROL_CLEAR,
    ):
        assert (register.access, register.reset, register.fields) == ("W", 0, {})
