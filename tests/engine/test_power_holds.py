"""What the power controller does to cores that run, in a run."""

from __future__ import annotations

from fabric_runs import CLUSTER, play


def test_reset_on_wakeup_resets_a_running_core_which_starts_at_reset_pc():
    steps = """sfr: {core: pe3, register: ILR, set: 0x1}
        write: {addr: 0xa44050, value: 2, size: 8}
        write: {addr: 0xa42000, value: 0x12345, size: 8}
        write: {addr: 0xa41050, value: 0x8, size: 8}
        write: {addr: 0xa41010, value: 0x8, size: 8}
        sfr: {core: pe3, register: ILR, equals: 0}"""
    played = play(CLUSTER, steps, head="software: bare\n")
    assert [row for row in played.lines if row.startswith("0,0,3,")] == [
        "0,0,3,request,0,,,0",
        "0,0,3,reset,,,,2",
        "0,0,3,clear,0,,,0",
        "0,0,3,start,,0,0,73728",
    ]
