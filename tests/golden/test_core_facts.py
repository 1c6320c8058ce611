"""What a core of Kalray's QEMU did, replayed on ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from kvx_emu.models.core import Core, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ELSEWHERE = {
    "sender-mask": "the controller's mask, not the core",
    "guest-8byte-lac": "the interrupt router and the mailboxes",
    "guest-ipi-sizes": "the controller's bus accesses",
    "other-cluster": "the bus",
    "cross-core-flood": "how QEMU shares time between cores",
    "await-marks": "the program, which is not modelled",
}

DEFECTS = {
    "wake-vector-bug": "QEMU starts PEs 0 to n for n; the power controller starts n alone",
}

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

SPECIAL = {"et1-double", "ipi-before-wake", "ilr-while-stopped", "ipi-to-sleeping-cores"}


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
    assert set(facts) == set(LIVES) | SPECIAL | set(ELSEWHERE) | set(DEFECTS)


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


def test_a_core_held_in_reset_only_records_the_ipi(facts):
    fact = facts["ipi-to-sleeping-cores"]
    for pid, ilr in fact["pe"].items():
        core = Core(0, int(pid))
        core.request(24)
        assert core.step() is None
        assert (hex(core.ilr), hex(core.ws), hex(core.pc)) == (ilr, fact["ws_pe0"], fact["pc_pe0"])
