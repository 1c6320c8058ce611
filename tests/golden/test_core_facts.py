"""What a core of Kalray's QEMU did, replayed on ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from replaying import BUS_ERROR, Board

from kvx_emu.core_id import RM, CoreId
from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.models.core import Core, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kvx_emu.machine.machine import Machine

ELSEWHERE = {
    "cross-core-flood": "how QEMU shares time between cores",
    "await-marks": "the program, which is not modelled",
}

MACHINE = {
    "sender-mask",
    "guest-8byte-lac",
    "guest-ipi-sizes",
    "other-cluster",
    "ipi-to-sleeping-cores",
    "wake-vector-bug",
}
"""What needs the blocks around a core: replayed on a whole Coolidge."""

RESET = {"pc": 0, "ps": 0x1000004, "ile": 0, "ill": 0, "ilr": 0, "ito": 0, "ws": 7}


class Life(NamedTuple):
    """What the recorded program had set before, and what then happened."""

    registers: dict[str, int]
    happens: Callable[[Core, Callable[[], None]], None]


def one(core: Core, drain: Callable[[], None]) -> None:
    core.request(24)
    drain()


def two_apart(core: Core, drain: Callable[[], None]) -> None:
    one(core, drain)
    one(core, drain)


def two_while_off(core: Core, drain: Callable[[], None]) -> None:
    core.request(24)
    core.request(24)
    drain()
    core.wfxl("PS", 0x10 << 32)
    drain()


def five_while_off(core: Core, drain: Callable[[], None]) -> None:
    for line in (24, 4, 5, 6, 7):
        core.request(line)
    drain()
    core.wfxl("PS", 0x10 << 32)
    drain()


def asleep(core: Core, drain: Callable[[], None]) -> None:
    core.await_()
    assert core.state is State.AWAIT
    one(core, drain)
    assert core.state is State.RUNNING


def awake(core: Core, drain: Callable[[], None]) -> None:
    core.await_()
    assert core.state is State.RUNNING


def cleared(core: Core, drain: Callable[[], None]) -> None:
    core.request(24)
    assert core.wfxl("ILR", 1 << 24)
    assert core.read_sfr("ILR") == 0
    drain()


def owned_by_pl1(core: Core, drain: Callable[[], None]) -> None:
    assert core.wfxm("ITOW", 1 << 16 << 32)
    one(core, drain)


IPI = {"ILE": 1 << 24, "ILL": 1 << 48}
FIVE = {"ILE": 0x10000F0}
ON, OFF = {"PS": 0x1000010}, {"PS": 0x1000000}

LIVES = {
    "ile0-ie1": Life(ON, one),
    "ile1-ie0": Life(OFF | IPI, one),
    "ill0-never-taken": Life(ON | {"ILE": 1 << 24}, one),
    "ile1-ie1": Life(ON | IPI, one),
    "two-ipis-serviced": Life(ON | IPI, two_apart),
    "two-ipis-coalesce": Life(OFF | IPI, two_while_off),
    "priority-equal": Life(OFF | FIVE | {"ILL": 1 << 48 | 0x5500}, five_while_off),
    "priority-levels": Life(OFF | FIVE | {"ILL": 3 << 48 | 2 << 12 | 1 << 10}, five_while_off),
    "level-threshold": Life(FIVE | {"PS": 0x1002000, "ILL": 2 << 48 | 3 << 12}, five_while_off),
    "ito-owner": Life(ON | IPI, owned_by_pl1),
    "await-ile0": Life(OFF, asleep),
    "await-ile1": Life(ON | IPI, asleep),
    "await-ws-set": Life(OFF | {"WS": 1}, awake),
    "self-ipi": Life(ON | IPI, one),
    "ipi-in-handler": Life(ON | IPI, one),
    "ilr-wfxl-clear": Life(OFF, cleared),
}

SPECIAL = {"et1-double", "ipi-before-wake", "ilr-while-stopped"}


@pytest.fixture(scope="module")
def facts(shared: Path) -> dict[str, dict[str, Any]]:
    recorded = json.loads((shared / "golden" / "core.json").read_text())["facts"]
    return {fact["name"]: fact for fact in recorded}


def number(text: str) -> int:
    return int(text, 16)


class Replay:
    """A PE that runs the recorded program: WS cleared, handlers at 0x20000, each of them logs and returns."""

    def __init__(self, fact: dict[str, Any]) -> None:
        self.fact = fact
        self.seen: list[dict[str, Any]] = []
        self.core = Core(0, 0)
        self.core.start(0x10000)

    def program(self, registers: dict[str, int]) -> None:
        for name, value in ({"EV_PL0": 0x20000, "WS": 0} | registers).items():
            self.core.poke(name, value)

    def drain(self) -> None:
        """Take what there is to take. The program's own addresses are given, as it is not modelled."""
        core, log = self.core, self.fact["pe0"]["log"]
        while core.ilr & core.open:
            core.pc = number(log[len(self.seen)]["spc"])
            line = core.step()
            assert core.pc == 0x20080
            es = core.read_sfr("ES")
            self.seen.append(
                {
                    "es": hex(es),
                    "EC": es & 15,
                    "ITN": line,
                    "ITL": es >> 17 & 3,
                    "ilr_in_handler": hex(core.read_sfr("ILR")),
                    "ps_in_handler": hex(core.read_sfr("PS")),
                    "sps": hex(core.read_sfr("SPS")),
                    "spc": hex(core.read_sfr("SPC")),
                    "ws": hex(core.read_sfr("WS")),
                }
            )
            if self.fact["name"] == "ipi-in-handler" and len(self.seen) < 3:
                core.request(24)
            assert core.rfe()

    def check(self) -> None:
        expected = self.fact["pe0"]
        registers = ["ps", "ile", "ilr", "ws", "spc_pl0", "sps_pl0", "es_pl0"]
        assert {name: hex(self.core.peek(name.upper())) for name in registers} == {
            name: expected[name] for name in registers
        }
        assert self.seen == expected["log"]
        assert len(self.seen) == expected["interrupts_taken"]


def test_every_fact_is_replayed_or_said_to_be_anothers(facts):
    assert set(facts) == set(LIVES) | SPECIAL | MACHINE | set(ELSEWHERE)


@pytest.mark.parametrize("name", LIVES)
def test_a_core_does_what_kalrays_qemu_did(facts, name):
    replay = Replay(facts[name])
    replay.program(LIVES[name].registers)
    LIVES[name].happens(replay.core, replay.drain)
    replay.check()


def test_a_double_exception_at_pl0_resets_and_stops_the_core(facts):
    replay = Replay(facts["et1-double"])
    replay.program(IPI | {"PS": 0x1000014})
    replay.core.request(24)
    assert replay.core.step() == 24
    assert replay.core.state is State.RESETTING
    assert hex(replay.core.pc) == replay.fact["pe0"]["pc"]
    replay.check()


def test_an_ipi_before_the_start_is_taken_as_soon_as_the_program_allows(facts):
    replay = Replay(facts["ipi-before-wake"])
    replay.core.reset()
    replay.core.request(24)
    replay.core.start(0x10000)
    replay.program(IPI | ON)
    replay.drain()
    replay.check()


@pytest.mark.parametrize(("key", "pid"), [("pe0_reset", 0), ("rm_reset", 16)])
def test_the_registers_of_a_new_core_are_those_of_qemu(facts, key, pid):
    recorded = facts["ilr-while-stopped"][key]
    core = Core(0, pid)
    ours = {name: hex(core.pc if name == "pc" else core.peek(name.upper())) for name in recorded}
    assert ours == recorded


# On a whole machine

PE0, PE1, RM_0 = CoreId(0, 0), CoreId(0, 1), CoreId(0, RM)
PES = [CoreId(0, pid) for pid in range(16)]
INTERRUPT, MASK = 0xAD0000, 0xAD0020
LINE_24 = 0x01000000

both = pytest.mark.parametrize("profile", registry.PROFILES)


def access(machine: Machine, core: CoreId, address: int, size: int, value: int | None = None) -> str:
    """Read (without a value) or write; return what a read gave, as the facts have it, or a bus error."""
    try:
        if value is None:
            return hex(machine.read(core, address, size))
        machine.write(core, address, size, value)
    except BusError:
        return BUS_ERROR
    return "written"


@both
def test_a_masked_ipi_never_arrives(facts, profile):
    machine = Board(profile).machine
    machine.core[PE0].poke("WS", 0)
    machine.write(RM_0, MASK, 4, 1)
    machine.write(RM_0, INTERRUPT, 4, 1)
    expected = facts["sender-mask"]["pe0"]
    assert {name: hex(machine.core[PE0].peek(name.upper())) for name in ("ilr", "ws", "es_pl0")} == {
        name: expected[name] for name in ("ilr", "ws", "es_pl0")
    }


@both
def test_an_ipi_to_another_cluster_arrives_there_alone(facts, profile):
    machine = Board(profile).machine
    machine.write(PE0, 0x2AD0000, 4, 1)
    fact = facts["other-cluster"]
    assert hex(machine.core[PE0].ilr) == fact["ilr_cluster0_pe0"]
    assert hex(machine.core[CoreId(1, 0)].ilr) == fact["ilr_cluster1_pe0"]
    assert sum(core.ilr != 0 for core in machine.core.values()) == 1


@pytest.mark.parametrize(("profile", "rm"), [(registry.QEMU, 0), (registry.HARDWARE, LINE_24)])
def test_cores_held_in_reset_only_record_the_ipi(facts, profile, rm):
    """QEMU's RM gets nothing, as it is not wired there."""
    fact = facts["ipi-to-sleeping-cores"]
    machine = Board(profile).machine
    for core_id in [*PES, RM_0]:
        machine.core[core_id].reset()
    machine.write(CoreId(1, 0), 0x1AD0000, 4, 0x1FFFF)
    for core_id in PES:
        core = machine.core[core_id]
        assert core.step() is None
        assert (hex(core.ilr), core.state) == (fact["pe"][str(core_id.pid)], State.RESETTING)
    core = machine.core[PE0]
    assert (hex(core.ws), hex(core.pc)) == (fact["ws_pe0"], fact["pc_pe0"])
    assert fact["rm"] == "0x0"
    assert machine.core[RM_0].ilr == rm


@pytest.mark.parametrize(("profile", "lwz_mask"), [(registry.QEMU, "0x0"), (registry.HARDWARE, BUS_ERROR)])
def test_a_program_reads_the_gic_and_a_mailbox(facts, profile, lwz_mask):
    """A word of a mailbox register reads as 0 on QEMU."""
    fact = facts["guest-8byte-lac"]
    board = Board(profile)
    machine, core = board.machine, board.machine.core[PE0]
    core.poke("WS", 0)
    for number in (10, 33):
        machine.write(PE0, 0xA20000 + number, 1, 1)
        board.models["cluster[0]/apic-gic"].input(number, True)
    machine.write(PE0, 0xA00410, 8, 0)
    machine.write(PE0, 0xA00400, 8, 5)
    assert {
        "lwz_lac": access(machine, PE0, 0xA20120, 4),
        "ld_lac": access(machine, PE0, 0xA20120, 8),
        "ld_lac_again": access(machine, PE0, 0xA20120, 8),
        "mailbox_ld_lac": access(machine, PE0, 0xA00408, 8),
        "mailbox_ld_lac_again": access(machine, PE0, 0xA00408, 8),
        "mailbox_lwz_mask": access(machine, PE0, 0xA00410, 4),
        "gic_ld_enable_8_15": access(machine, PE0, 0xA20008, 8),
    } == fact["loads"] | {"mailbox_lwz_mask": lwz_mask}
    assert fact["loads"]["mailbox_lwz_mask"] == "0x0"
    assert (hex(core.ilr), hex(core.ws)) == (fact["pe0"]["ilr"], fact["pe0"]["ws"])


def test_a_program_reaches_the_ipi_controller_by_words_alone(facts):
    """QEMU drops the other accesses of a program without a word, ours are bus errors.

    The profile `qemu` does as the bus of the recorder, which cuts 8 bytes into words.
    """
    seen = facts["guest-ipi-sizes"]["seen"]
    machine = Board(registry.HARDWARE).machine
    assert access(machine, PE0, MASK, 4, 0xFF01) == "written"
    assert access(machine, PE0, MASK, 4) == seen["lwz_mask"]
    assert (access(machine, PE0, MASK, 8), seen["ld_mask_8byte"]) == (BUS_ERROR, "0x0")
    assert access(machine, PE0, INTERRUPT, 1, 0x2) == BUS_ERROR
    assert hex(machine.core[PE0].ilr) == seen["ilr_after_sb"]
    assert access(machine, PE0, MASK, 8, 0) == BUS_ERROR
    assert access(machine, PE0, MASK, 4) == seen["lwz_mask_after_8byte_store"]
    assert access(machine, PE0, INTERRUPT, 8, 0x2) == BUS_ERROR
    assert hex(machine.core[PE1].ilr) == seen["ilr_pe1"]


@pytest.mark.parametrize(
    ("profile", "woken"), [(registry.QEMU, ["0", "1", "2", "3", "4", "5"]), (registry.HARDWARE, ["5"])]
)
def test_the_wake_up_bit_of_pe_5_wakes(facts, profile, woken):
    """On QEMU all up to PE 5, a defect; on the hardware PE 5."""
    machine = Board(profile).machine
    for core_id in PES:
        machine.core[core_id].reset()
    machine.write(RM_0, 0xA42000, 8, 0x10000)  # RESET_PC
    machine.write(RM_0, 0xA44050, 8, 2)  # PE_EN
    machine.write(RM_0, 0xA41000, 8, 1 << 5)  # VEC_WUP
    running = [core_id for core_id in PES if machine.core[core_id].state is State.RUNNING]
    assert [str(core_id.pid) for core_id in running] == woken
    assert {machine.core[core_id].pc for core_id in running} == {0x10000}
    assert facts["wake-vector-bug"]["woken"] == ["0", "1", "2", "3", "4", "5"]
