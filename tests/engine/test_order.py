"""The order of rows: within a tick, within a write, within a core."""

from __future__ import annotations

PROBE = "0,0,0,mask,24,,,4294901760"
TAKEN = 1 << 24


def test_the_probe_of_linux_masks_the_rm_of_every_controller_at_tick_0(run):
    result = run("  - wait: 5", cores={0: [0, 1], 2: [0, 16], 3: [16]})
    assert result.lines == [PROBE, "0,2,0,mask,24,,,4294901760", "0,3,0,mask,24,,,4294901760"]


def test_without_linux_nobody_writes_a_mask(run):
    assert run("  - wait: 5", software="bare").lines == []


def test_two_sends_in_one_tick_with_all_times_zero_are_two_deliveries(run):
    result = run("  - send: {to: pe1}\n  - send: {to: pe1}")
    once = [
        "0,0,0,send,24,,,2",
        "0,0,1,request,24,0,0,0",
        f"0,0,1,enter,24,,,{TAKEN}",
        "0,0,1,exit,24,,,0",
    ]
    assert result.lines == [PROBE, *once, *once]


def test_each_target_of_a_write_runs_to_completion_before_the_next_one(run):
    result = run("  - mask: {line: 24, block: pe1}\n  - send: {from: pe2, to: [pe2, pe0, pe1]}")
    assert result.lines[2:] == [
        "0,0,2,send,24,,,7",
        "0,0,0,request,24,0,2,0",
        f"0,0,0,enter,24,,,{TAKEN}",
        "0,0,0,exit,24,,,0",
        "0,0,1,masked,24,0,2,0",
        "0,0,2,request,24,0,2,0",
        f"0,0,2,enter,24,,,{TAKEN}",
        "0,0,2,exit,24,,,0",
    ]


def test_a_write_is_masked_when_it_is_made_and_its_requests_arrive_later(run):
    steps = (
        "  - mask: {line: 24, block: pe1}\n"
        "  - send: {to: [pe1, pe2]}\n"
        "  - mask: {line: 24, block: pe2}\n"  # too late for the write before
    )
    result = run(steps, head="timing: {delivery: 3}\n")
    assert result.lines[2:] == [
        "0,0,0,send,24,,,6",
        "0,0,1,masked,24,0,0,0",
        "0,0,0,mask,24,,,4",
        "3,0,2,request,24,0,0,0",
        f"3,0,2,enter,24,,,{TAKEN}",
        "3,0,2,exit,24,,,0",
    ]


def test_within_a_tick_come_cores_then_arrivals_then_steps(run):
    """At tick 10: pe2's exit and pe1's enter are due, a write to pe0 arrives, a step sends."""
    steps = (
        "  - send: {from: pe0, to: pe2}\n"  # arrives at 2, enters at 4, exits at 10
        "  - wait: 6\n"
        "  - send: {from: pe0, to: pe1}\n"  # arrives at 8, enters at 10
        "  - wait: 2\n"
        "  - send: {from: pe1, to: pe0}\n"  # arrives at 10
        "  - wait: 2\n"
        "  - send: {from: pe2, to: pe2}\n"  # made at 10
    )
    result = run(steps, head="timing: {delivery: 2, entry: 2, service: 6}\n")
    assert [line for line in result.lines if line.startswith("10,")] == [
        f"10,0,1,enter,24,,,{TAKEN}",
        "10,0,2,exit,24,,,0",
        "10,0,0,request,24,0,1,0",
        "10,0,2,send,24,,,4",
    ]


def test_arrivals_of_one_tick_come_in_the_order_of_their_writes(run):
    steps = "  - send: {from: pe2, to: pe1}\n  - send: {from: pe1, to: [pe0, pe1]}\n"
    result = run(steps, head="timing: {delivery: 1, entry: 5}\n")
    assert [line for line in result.lines if line.startswith("1,")] == [
        "1,0,1,request,24,0,2,0",
        "1,0,0,request,24,0,1,0",
        "1,0,1,request,24,0,1,0",
    ]


def test_targets_in_several_clusters_are_one_write_each_in_ascending_order(run):
    cores = {0: [0, 1], 1: [0, 1]}
    result = run(
        "  - send: {from: c1.pe1, to: [c1.pe0, pe1, pe0]}", cores=cores, head="timing: {delivery: 1}\n"
    )
    assert result.lines[2:4] == ["0,1,1,send,24,,,3", "0,1,1,send,24,,,1"]
    assert [line.split(",")[1:3] for line in result.lines if ",request," in line] == [
        ["0", "0"],
        ["0", "1"],
        ["1", "0"],
    ]


def test_a_step_acts_on_its_cores_in_ascending_order_whatever_order_it_names_them_in(run):
    steps = (
        "  - disable: {cores: all, lines: 24}\n"
        "  - send: {to: [pe1, pe2]}\n"
        "  - enable: {cores: [pe2, pe1], lines: 24}\n"
    )
    rows = [line.split(",")[2:4] for line in run(steps).lines[4:]]
    assert rows == [["1", "enter"], ["1", "exit"], ["2", "enter"], ["2", "exit"]]


def test_a_write_of_0_makes_no_row_and_bits_without_a_core_make_no_row_and_one_warning(run):
    steps = "".join(
        f"  - write: {{addr: 0xad0000, value: {value}}}\n" for value in ("0", "0x20008", "0x20008", "0x20008")
    )
    result = run(steps)
    assert result.lines == [PROBE] + ["0,0,0,send,24,,,131080"] * 3
    assert [finding.code for finding in result.outcome.warnings] == ["register-bits", "no-such-core"]
    assert result.outcome.summary == {}


def test_bus_errors_are_fault_rows_and_the_run_goes_on(run):
    steps = (
        "  - write: {from: pe1, addr: 0xad0000, value: 1, size: 2}\n"
        "  - read: {from: pe2, addr: 0x123456780, equals: bus-error}\n"
        "  - send: {to: pe0}\n"
    )
    result = run(steps)
    assert result.lines[1:4] == ["0,0,1,fault,,,,11337728", "0,0,2,fault,,,,4886718336", "0,0,0,send,24,,,1"]
    assert result.outcome.failed == 0
    assert [finding.code for finding in result.outcome.warnings] == ["bus-error"]
