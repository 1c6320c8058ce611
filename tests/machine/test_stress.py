"""A board of 64 clusters: it is whole, and it is built."""

from __future__ import annotations

from command import ROOT

from kvx_emu.check.tree import check_tree
from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.machine.machine import build

BOARD = str(ROOT / "boards" / "stress64.dts")


def test_the_stress_board_is_whole():
    findings = []
    wiring = check_tree(load_tree(BOARD), findings.append)
    assert [finding.code for finding in findings] == ["dialect"]
    assert len(wiring.cpus) == 64 * 17
    assert len(wiring.ipis) == 64
    titles = [block.title for block in wiring.blocks]
    for title in ("IPI controller", "APIC GIC", "APIC mailbox", "power controller", "DSU clock"):
        assert titles.count(title) == 64
    assert len(wiring.links) == 64 * (17 + 16 + 128 + 16 + 16)
    assert {block.cluster for block in wiring.blocks} == set(range(64))
    assert wiring.cpus[-1].core == CoreId(63, 16)


def test_the_stress_board_is_built():
    machine, warnings = build(load_tree(BOARD))
    assert len(machine.core) == 64 * 17
    assert sorted(machine.controllers) == list(range(64))
    assert not warnings
