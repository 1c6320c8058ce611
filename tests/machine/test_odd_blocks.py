"""Blocks that are where they are of no use: the machine is built, and they do nothing."""

from __future__ import annotations

from tiny import BOTH, TWO, board, ipi, machine_of

from kvx_emu.core_id import CoreId

PE0 = CoreId(0, 0)


def test_a_syscon_that_is_not_at_the_ftus_place_is_none():
    elsewhere = 'syscon@30000000 { compatible = "kalray,kvx-syscon"; reg = <0 0x30000000 0 0x418>; };'
    machine = machine_of(board(TWO, elsewhere, ipi(BOTH)))
    assert "/syscon@30000000" not in machine.blocks


def test_a_gic_in_no_clusters_window_reaches_nobody():
    gic = (
        'gic@30000000 { compatible = "kalray,coolidge-apic-gic"; reg = <0 0x30000000 0 0x12000>; '
        "interrupt-controller; #interrupt-cells = <1>; };"
    )
    machine = machine_of(board(TWO, gic, ipi(BOTH)))
    machine.write(PE0, 0x30000005, 1, 1)
    machine.blocks["/gic@30000000"].model.input(5, True)
    assert machine.core[PE0].ilr == 0
    assert machine.read(PE0, 0x30000120, 8) == 0x20


def test_a_power_controller_resets_no_core_that_the_board_lacks():
    power = 'power@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4188>; };'
    machine = machine_of(board(TWO, power, ipi(BOTH)))
    machine.write(PE0, 0xA44050, 8, 2)
    machine.write(PE0, 0xA41040, 8, 0xFFFF)
    machine.core[PE0].request(3)
    machine.write(PE0, 0xA41010, 8, 0xFFFE)
    assert machine.core[PE0].ilr == 8
    machine.write(PE0, 0xA41010, 8, 0x0001)
    assert machine.core[PE0].ilr == 0
