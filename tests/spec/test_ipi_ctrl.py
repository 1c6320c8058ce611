"""The IPI controller, with cores at its outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvx_emu.core_id import RM, CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.machine.machine import Machine, build
from kvx_emu.models.core import Core, State
from kvx_emu.models.ipi_ctrl import IpiCtrl, QemuIpiCtrl
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

BOARDS = Path(__file__).resolve().parents[2] / "boards"

INTERRUPT = 0x00AD0000
MASK = 0x00AD0020
PE0 = CoreId(0, 0)
LINE_24 = 0x01000000
PROBED = 0xFFFF0000

models = pytest.mark.parametrize("model", [IpiCtrl, QemuIpiCtrl])
registers = pytest.mark.parametrize(
    ("model", "register"),
    [(model, register) for model in (IpiCtrl, QemuIpiCtrl) for register in model.registers],
    ids=lambda item: item.__name__ if isinstance(item, type) else item.name,
)


class Listener:
    """A port that keeps what its model does, in order."""

    def __init__(self):
        self.heard = []

    def pulse(self, output, raised, blocked, written):
        self.heard.append(("pulse", output, raised, blocked, written))

    def stored(self, register, index, written):
        self.heard.append(("stored", register.label(index), written))

    def odd(self, code, message):
        self.heard.append(("odd", code))


class Rows(list):
    """A sink that keeps the rows."""

    def add(self, rows):
        self.extend(rows)


def machine_of(board="cluster.dts", profile=registry.HARDWARE) -> Machine:
    return build(load_tree(str(BOARDS / board)), profile)[0]


def requested(machine: Machine) -> dict[CoreId, int]:
    """Return ILR of each core that has a request."""
    return {core_id: core.ilr for core_id, core in machine.core.items() if core.ilr}


def run(steps: str, head="software: bare", board="cluster.dts"):
    """Run a script of these steps, and return its rows and its outcome."""
    machine = machine_of(board)
    text = f"version: 1\n{head}\nsteps: [{steps}]\n"
    rows = Rows()
    program = bind(load_script(Source("script.yaml", text)), machine)
    outcome = Reference(machine, program, [rows]).run()
    return rows, outcome


def seen(rows, *events):
    """Return (core, event, line) of the rows of these events."""
    return [(row[2], row[3], row[4]) for row in rows if row[3] in events]


# Cases 1 to 13 of the specification's list


# Case 1
def test_a_bit_of_the_interrupt_register_requests_line_24_of_that_core_alone():
    machine = machine_of()
    untouched = machine_of()
    machine.write(PE0, INTERRUPT, 4, 0x8)
    core = machine.core[CoreId(0, 3)]
    assert core.ilr == 0x01000000
    assert core.ws == 7
    others = [core_id for core_id in machine.cores if core_id != CoreId(0, 3)]
    assert len(others) == 16
    for core_id in others:
        assert machine.core[core_id].save() == untouched.core[core_id].save()


# Case 2
def test_after_reset_all_17_cores_are_reached_in_ascending_order():
    rows, _ = run("{write: {addr: 0xad0000, value: 0x1ffff}}")
    assert seen(rows, "request", "masked") == [(pid, "request", 24) for pid in range(17)]


# Case 3
def test_the_mask_that_linux_writes_lets_the_16_pes_through_and_stops_the_rm():
    rows, _ = run("{write: {addr: 0xad0000, value: 0x1ffff}}", head="software: linux")
    assert seen(rows, "request", "masked") == [
        *((pid, "request", 24) for pid in range(16)),
        (16, "masked", 24),
    ]


# Case 4
def test_a_request_that_the_mask_stops_for_all_makes_masked_rows_only():
    rows, _ = run("{write: {addr: 0xad0000, value: 0x10000}}", head="software: linux")
    assert rows == [
        (0, 0, 0, "mask", 24, None, None, 0xFFFF0000),
        (0, 0, 0, "send", 24, None, None, 0x10000),
        (0, 0, 16, "masked", 24, 0, 0, 0),
    ]


# Case 5
def test_bits_above_16_of_the_interrupt_register_are_ignored_with_a_warning():
    rows, outcome = run("{write: {addr: 0xad0000, value: 0x20001}}", head="software: linux")
    assert seen(rows, "request", "masked", "coalesced") == [(0, "request", 24)]
    assert [(finding.code, finding.message) for finding in outcome.warnings] == [
        ("register-bits", "INTERRUPT[0] has 17 bits: 0x20000 of 0x20001 is ignored")
    ]


# Case 6
def test_the_interrupt_register_reads_as_0_and_reading_it_does_nothing():
    machine = machine_of()
    machine.write(PE0, INTERRUPT, 4, 0x1FFFF)
    before = requested(machine)
    assert machine.read(PE0, INTERRUPT, 4) == 0
    assert requested(machine) == before


# Case 7
def test_the_mask_register_keeps_17_bits():
    machine = machine_of()
    machine.write(PE0, MASK, 4, 0xFFFF0000)
    assert machine.read(PE0, MASK, 4) == 0x00010000


# Case 7
def test_the_mask_register_of_qemu_keeps_32_bits():
    machine = machine_of(profile=registry.QEMU)
    machine.write(PE0, MASK, 4, 0xFFFF0000)
    assert machine.read(PE0, MASK, 4) == 0xFFFF0000


# Case 8
def test_a_masked_request_is_lost_and_unmasking_does_not_bring_it_back():
    machine = machine_of()
    machine.write(PE0, MASK, 4, 0x1)
    machine.write(PE0, INTERRUPT, 4, 0x3)
    assert requested(machine) == {CoreId(0, 1): LINE_24}
    machine.write(PE0, MASK, 4, 0)
    assert requested(machine) == {CoreId(0, 1): LINE_24}


# Case 9
def test_set_5_drives_line_29():
    machine = machine_of()
    machine.write(PE0, INTERRUPT + 0x14, 4, 0x4)
    assert requested(machine) == {CoreId(0, 2): 0x20000000}


# Case 10
def test_a_mask_is_of_its_own_set():
    steps = "{write: {addr: 0xad0034, value: 4}}, {write: {addr: 0xad0014, value: 4}}, "
    rows, _ = run(steps + "{write: {addr: 0xad0010, value: 4}}")
    assert seen(rows, "request", "masked") == [(2, "masked", 29), (2, "request", 28)]


# Case 11
def test_a_write_of_0_makes_no_event():
    rows, outcome = run("{write: {addr: 0xad0000, value: 0}}")
    assert rows == []
    assert outcome.warnings == ()


# Case 11
def test_a_write_beyond_the_registers_is_ignored_with_a_warning():
    rows, outcome = run("{write: {addr: 0xad0040, value: 0x1ffff}}, {read: {addr: 0xad0040, equals: 0}}")
    assert rows == []
    assert [finding.code for finding in outcome.warnings] == ["reserved-register", "reserved-register"]
    assert (outcome.checked, outcome.failed) == (1, 0)


# Case 11
@pytest.mark.parametrize(("offset", "size"), [(0, 8), (0, 2), (0, 1), (2, 4), (1, 2), (3, 1), (4, 8)])
def test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect(offset, size):
    machine = machine_of()
    for register in (INTERRUPT, MASK):
        with pytest.raises(BusError, match="takes aligned accesses of 4 bytes"):
            machine.write(PE0, register + offset, size, 0x7)
        with pytest.raises(BusError, match="takes aligned accesses of 4 bytes"):
            machine.read(PE0, register + offset, size)
    assert requested(machine) == {}
    assert [machine.read(PE0, MASK + 4 * place, 4) for place in range(8)] == [0] * 8


# Case 11
def test_a_bus_error_of_a_script_is_a_fault_row_and_a_warning():
    rows, outcome = run("{write: {addr: 0xad0000, value: 1, size: 8, from: pe3}}")
    assert rows == [(0, 0, 3, "fault", None, None, None, 0xAD0000)]
    assert [finding.code for finding in outcome.warnings] == ["bus-error"]


# Case 12
def test_a_second_request_before_the_core_takes_the_first_is_coalesced():
    steps = "{write: {addr: 0xad0000, value: 1}}, {write: {addr: 0xad0000, value: 1, from: pe2}}"
    rows, _ = run(steps + ", {sfr: {core: pe0, register: ILR, equals: 0x01000000}}")
    assert [row for row in rows if row[3] != "send"] == [
        (0, 0, 0, "request", 24, 0, 0, 0),
        (0, 0, 0, "coalesced", 24, 0, 2, 0),
    ]


# Case 13
def test_a_core_reaches_the_controller_of_another_cluster_at_its_global_address():
    machine = machine_of("coolidge.dts")
    machine.write(PE0, 0x03AD0000, 4, 0x1)
    assert requested(machine) == {CoreId(2, 0): LINE_24}


# Case 13
@pytest.mark.parametrize("cluster", range(5))
def test_at_the_local_address_a_core_reaches_the_controller_of_its_own_cluster(cluster):
    machine = machine_of("coolidge.dts")
    machine.write(CoreId(cluster, 7), 0x00AD0000, 4, 0x1)
    assert requested(machine) == {CoreId(cluster, 0): LINE_24}


# What else the sources and our choices say of it


@pytest.mark.parametrize("number", range(8))
def test_set_n_drives_line_24_plus_n_and_has_its_mask_at_0x20_plus_4n(number):
    machine = machine_of()
    machine.write(PE0, MASK + 4 * number, 4, 0x2)
    assert machine.read(PE0, MASK + 4 * number, 4) == 0x2
    machine.write(PE0, INTERRUPT + 4 * number, 4, 0x3)
    assert requested(machine) == {CoreId(0, 0): 1 << (24 + number)}


def test_a_1_in_the_mask_blocks():
    model = IpiCtrl(port := Listener())
    model.write(0x20, 4, 0x5)
    model.write(0x00, 4, 0x7)
    assert port.heard == [("stored", "MASK[0]", 0x5), ("pulse", 0, 0x2, 0x5, 0x7)]


def test_after_reset_nothing_is_masked():
    model = IpiCtrl(Listener())
    assert [model.read(offset, 4) for offset in range(0x20, 0x40, 4)] == [0, 0, 0, 0, 0, 0, 0, 0]


def test_nothing_but_the_masks_is_kept():
    model = IpiCtrl(Listener())
    for offset in range(0, 0x20, 4):
        model.write(offset, 4, 0x1FFFF)
    assert model.state() == {"mask": [0] * 8}


def test_a_write_to_a_mask_requests_nothing():
    machine = machine_of()
    for value in (0x1FFFF, 0):
        machine.write(PE0, MASK, 4, value)
    assert requested(machine) == {}


def test_a_core_may_interrupt_itself():
    machine = machine_of()
    machine.write(CoreId(0, 9), INTERRUPT, 4, 1 << 9)
    assert requested(machine) == {CoreId(0, 9): LINE_24}


def test_the_rm_may_interrupt_and_be_interrupted():
    machine = machine_of()
    machine.write(CoreId(0, RM), INTERRUPT + 0x1C, 4, 0x10001)
    assert requested(machine) == {CoreId(0, 0): 0x80000000, CoreId(0, RM): 0x80000000}


def test_all_targets_of_a_write_are_requested_at_one_tick():
    rows, _ = run("{write: {addr: 0xad0000, value: 0x1ffff}}", head="timing: {delivery: 40}\nsoftware: bare")
    assert [(row[0], row[2]) for row in rows if row[3] == "request"] == [(40, pid) for pid in range(17)]


def test_a_core_in_reset_keeps_a_request_until_it_is_reset_again():
    machine = machine_of()
    core = machine.core[CoreId(0, 3)]
    core.reset()
    machine.write(PE0, INTERRUPT, 4, 0x8)
    assert (core.ilr, core.state) == (LINE_24, State.RESETTING)
    core.start()
    assert core.ilr == LINE_24
    core.reset()
    assert core.ilr == 0


@pytest.mark.parametrize("fall_asleep", [Core.await_, Core.sleep])
def test_a_request_wakes_a_core_that_has_the_line_disabled(fall_asleep):
    machine = machine_of()
    core = machine.core[CoreId(0, 3)]
    core.poke("WS", 0)
    fall_asleep(core)
    assert core.state is not State.RUNNING
    machine.write(PE0, INTERRUPT, 4, 0x8)
    assert core.state is State.RUNNING
    assert core.ws == 0x3


def test_a_request_does_not_end_stop():
    machine = machine_of()
    core = machine.core[CoreId(0, 3)]
    core.poke("WS", 0)
    core.stop()
    machine.write(PE0, INTERRUPT, 4, 0x8)
    assert (core.state, core.ilr) == (State.STOPPED, LINE_24)


def test_a_target_that_the_board_lacks_makes_one_warning_and_no_row():
    steps = "{write: {addr: 0xad0000, value: 0x10001}}, {write: {addr: 0xad0000, value: 0x10000}}"
    rows, outcome = run(steps, board="kvx-cluster.dts")
    assert seen(rows, "send", "request", "masked") == [(0, "send", 24), (0, "request", 24), (0, "send", 24)]
    assert [finding.message for finding in outcome.warnings if finding.code == "no-such-core"] == [
        "the board has no rm: its bit has no effect"
    ]


# The controller of QEMU


def test_the_rm_is_not_wired_in_qemu():
    machine = machine_of(profile=registry.QEMU)
    machine.write(PE0, INTERRUPT, 4, 0x1FFFF)
    assert requested(machine) == {CoreId(0, pid): LINE_24 for pid in range(16)}


@pytest.mark.parametrize("offset", [*range(0x04, 0x20, 4), *range(0x24, 0x40, 4), 0x40, 0xFFC])
def test_qemu_has_set_0_alone(offset):
    machine = machine_of(profile=registry.QEMU)
    machine.write(PE0, INTERRUPT + offset, 4, 0x1FFFF)
    assert machine.read(PE0, INTERRUPT + offset, 4) == 0
    assert requested(machine) == {}


def test_a_mask_bit_that_hardware_lacks_stops_nothing_in_qemu():
    machine = machine_of(profile=registry.QEMU)
    machine.write(PE0, MASK, 4, PROBED)
    machine.write(PE0, INTERRUPT, 4, 0xFFFF)
    assert len(requested(machine)) == 16


# Every register, from its declaration


@pytest.mark.parametrize(
    "compatible",
    ["kalray,coolidge-ipi-ctrl", "kalray,kv3-1-ipi-ctrl", "kalray,kvx-ipi-ctrl", "kalray,k1c-ipi-ctrl"],
)
def test_the_model_stands_for_each_name_of_the_controller(compatible):
    assert registry.find([compatible]) == (compatible, IpiCtrl)
    assert registry.find([compatible], registry.QEMU) == (compatible, QemuIpiCtrl)


@pytest.mark.parametrize(
    ("model", "declared"),
    [
        (IpiCtrl, [("INTERRUPT", 0x00, 8, 4, 17, "W"), ("MASK", 0x20, 8, 4, 17, "RW")]),
        (QemuIpiCtrl, [("INTERRUPT", 0x00, 1, 4, 17, "W"), ("MASK", 0x20, 1, 4, 32, "RW")]),
    ],
)
def test_the_registers_are_those_of_the_specification(model, declared):
    assert [
        (register.name, register.offset, register.count, register.stride, register.width, register.access)
        for register in model.registers
    ] == declared


@registers
def test_each_register_says_who_says_so(model, register):
    assert register.src
    assert register.doc


@registers
def test_each_register_reads_as_its_reset_value_after_reset(model, register):
    block = model(Listener())
    for offset, _ in register.places():
        assert block.read(offset, 4) == register.reset == 0


@registers
def test_each_register_keeps_the_bits_that_exist_if_it_can_be_read(model, register):
    block = model(port := Listener())
    for offset, index in register.places():
        port.heard.clear()
        block.write(offset, 4, 0xFFFFFFFF)
        assert block.read(offset, 4) == {"W": 0, "RW": register.mask}[register.access]
        dropped = [("odd", "register-bits")] if register.width < 32 else []
        done = {
            "INTERRUPT": ("pulse", index, 0x1FFFF, 0, 0xFFFFFFFF),
            "MASK": ("stored", register.label(index), 0xFFFFFFFF),
        }[register.name]
        assert port.heard == [*dropped, done]


def test_a_mask_register_does_not_touch_its_neighbours():
    for place in range(8):
        block = IpiCtrl(Listener())
        block.write(0x20 + 4 * place, 4, 0x1ABCD)
        values = [block.read(offset, 4) for offset in range(0, 0x40, 4)]
        assert values.index(0x1ABCD) == 8 + place
        assert sum(values) == 0x1ABCD


@models
def test_reset_is_the_same_as_a_new_controller(model):
    port = Listener()
    block, new = model(port), model(port)
    block.write(0x20, 4, 0x155)
    assert vars(block) != vars(new)
    block.reset()
    assert vars(block) == vars(new)


def test_17_outputs_lead_to_a_core_and_in_qemu_the_16_of_the_pes():
    assert IpiCtrl.outputs == 0x1FFFF
    assert QemuIpiCtrl.outputs == 0x0FFFF


@models
def test_a_wrong_access_says_which_block_refuses_it(model):
    with pytest.raises(BusError, match=r"^the IPI controller takes aligned accesses of 4 bytes$"):
        model(Listener()).read(0x20, 8)
