"""What runs on the cores: Linux's batches, bare handlers, nesting, resets."""

from __future__ import annotations

import re

import pytest
from engine_boards import board

from kvx_emu.core_id import CoreId

BIT24, BIT25, BIT26, BIT20 = 1 << 24, 1 << 25, 1 << 26, 1 << 20
ALL_THREE = BIT24 | BIT25 | BIT26


def events(result, core="0,1"):
    """(tick, event, line, value) of the enters, exits, requests, ... of a core."""
    rows = [line.split(",") for line in result.of(core)]
    return [
        (int(tick), event, line and int(line), int(value)) for tick, _, _, event, line, _, _, value in rows
    ]


def test_linux_takes_all_that_is_enabled_and_pending_in_one_exception_ascending(run):
    steps = (
        "  - disable: {cores: pe1, lines: 24}\n"
        "  - send: {to: pe1, line: 26}\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - enable: {cores: pe1, lines: 24-26}\n"
    )
    result = run(steps, head="timing: {entry: 10, service: {25: 7, default: 100}}\n")
    assert events(result)[3:] == [
        (10, "enter", 24, ALL_THREE),
        (110, "exit", 24, 0),
        (110, "enter", 25, ALL_THREE),
        (117, "exit", 25, 0),
        (117, "enter", 26, ALL_THREE),
        (217, "exit", 26, 0),
    ]


def test_linux_handles_line_0_then_24_in_one_exception_of_line_0(run):
    """Case 55 of the hardware's test list: requests 24 then 0, line 0 has the higher level."""
    steps = (
        "  - sfr: {core: pe1, register: PS, clear: 0x10}\n"
        "  - enable: {cores: pe1, lines: 0}\n"
        "  - send: {to: pe1}\n"
        "  - sfr: {core: pe1, register: ILR, set: 1}\n"
        "  - sfr: {core: pe1, register: PS, set: 0x10}\n"
        "  - sfr: {core: pe1, register: ES, equals: 0x40112}\n"
    )
    result = run(steps)
    assert events(result)[2:] == [
        (0, "enter", 0, BIT24 | 1),
        (0, "exit", 0, 0),
        (0, "enter", 24, BIT24 | 1),
        (0, "exit", 24, 0),
    ]
    assert result.outcome.failed == 0


def test_a_request_for_a_line_that_waits_in_a_batch_is_a_new_request(run):
    steps = (
        "  - disable: {cores: pe1, lines: 24}\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - enable: {cores: pe1, lines: 24-25}\n"
        "  - wait: 5\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - expect: {core: pe1, line: 25, pending: 2, coalesced: 1, requested: 2, delivered: 0}\n"
        "  - send: {to: pe1, line: 24}\n"  # line 25 has level 0: something else must cause the exception
        "  - wait: idle\n"
        "  - expect: {core: pe1, line: 25, pending: 0, delivered: 2}\n"
    )
    result = run(steps, head="timing: {service: 10}\n")
    assert result.outcome.failed == 0
    assert [(tick, event, line) for tick, event, line, _ in events(result) if event in ("enter", "exit")] == [
        (0, "enter", 24),
        (10, "exit", 24),
        (10, "enter", 25),
        (20, "exit", 25),
        (20, "enter", 24),
        (30, "exit", 24),
        (30, "enter", 25),
        (40, "exit", 25),
    ]


def test_linux_warns_once_of_lines_that_it_drains_though_nobody_drives_them(run):
    steps = "".join(
        "  - disable: {cores: pe1, lines: 24}\n"
        "  - enable: {cores: pe1, lines: 30}\n"
        "  - send: {to: pe1, line: 30}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - enable: {cores: pe1, lines: 24}\n"
        for _ in range(2)
    )
    warnings = run(steps).outcome.warnings
    assert [str(warning).split("\n")[0] for warning in warnings] == [
        "script.yaml:5:5: warning[never-taken]: pe1 can not take line 30: its level is 0 (ILL)",
        "script.yaml:6:5: warning[never-taken]: pe1 can not take line 24: it is not enabled (ILE)",
        "script.yaml:7:5: warning[drained]: line 30 has no driver: Linux drains it",
    ]


def test_a_line_that_the_tree_names_but_linux_gives_level_0_is_drained_with_a_warning(run):
    steps = "  - send: {to: pe1, line: 25}\n  - send: {to: pe1, line: 24}\n"
    result = run(steps, lines="24 25")
    assert [event for _, event, _, _ in events(result)] == [
        "request",
        "request",
        "enter",
        "exit",
        "enter",
        "exit",
    ]
    assert [warning.code for warning in result.outcome.warnings] == ["never-taken", "drained"]


def test_the_rm_stays_bare_under_linux(run):
    result = run(
        "  - mask: {line: 24, block: []}\n"
        "  - send: {to: rm}\n"
        "  - sfr: {core: rm, register: PS, equals: 0x01000004}\n"
        "  - sfr: {core: pe0, register: PS, equals: 0x01000011}\n"
        "  - sfr: {core: rm, register: ILE, equals: 0}\n",
        cores={0: [0, 16]},
    )
    assert result.outcome.failed == 0
    assert events(result, "0,16") == [(0, "request", 24, 0)]


def test_a_bare_exception_handles_one_line_highest_level_first(run):
    steps = (
        "  - disable: {cores: pe1, lines: 24-26}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - send: {to: pe1, line: 26}\n"
        "  - enable: {cores: pe1, lines: 24-26}\n"
    )
    result = run(steps, software="bare", head="timing: {entry: 1, service: 4}\n")
    assert events(result)[3:] == [
        (1, "enter", 26, ALL_THREE),
        (5, "exit", 26, BIT24 | BIT25),
        (6, "enter", 25, BIT24 | BIT25),
        (10, "exit", 25, BIT24),
        (11, "enter", 24, BIT24),
        (15, "exit", 24, 0),
    ]


def test_without_nesting_a_higher_line_waits_for_the_handler_to_end(run):
    steps = "  - send: {to: pe1, line: 24}\n  - wait: 3\n  - send: {to: pe1, line: 26}\n"
    result = run(steps, software="bare", head="timing: {service: 10}\n")
    assert [row[:3] for row in events(result)] == [
        (0, "request", 24),
        (0, "enter", 24),
        (3, "request", 26),
        (10, "exit", 24),
        (10, "enter", 26),
        (20, "exit", 26),
    ]


def test_with_nesting_a_higher_line_preempts_and_what_is_left_runs_after(run):
    steps = "  - send: {to: pe1, line: 24}\n  - wait: 5\n  - send: {to: pe1, line: 26}\n"
    result = run(steps, software="bare", head="nesting: true\ntiming: {entry: 2, service: 10}\n")
    assert [row[:3] for row in events(result)] == [
        (0, "request", 24),
        (2, "enter", 24),
        (5, "request", 26),  # taken at 5, 7 ticks of line 24's handler are left
        (7, "enter", 26),
        (17, "exit", 26),
        (24, "exit", 24),
    ]


def test_with_nesting_the_first_act_comes_before_the_exit_also_when_the_service_time_is_0(run):
    steps = (
        "  - disable: {cores: pe1, lines: 24-25}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - sfr: {core: pe1, register: ILL, write: 0x0008000000000000}\n"  # line 24: 0, line 25: 2
        "  - enable: {cores: pe1, lines: 24-25}\n"
    )
    plain = run(steps, software="bare", head="nesting: true\n")
    assert [row[:3] for row in events(plain)][2:] == [(0, "enter", 25), (0, "exit", 25)]
    # The handler of line 24 lets line 25 in, which came during the entry of line 24, before it ends.
    steps = "  - send: {to: pe1, line: 24}\n  - send: {to: pe1, line: 25}\n"
    result = run(steps, software="bare", head="nesting: true\ntiming: {entry: 3}\n")
    assert [row[:3] for row in events(result)][2:] == [
        (3, "enter", 24),
        (6, "enter", 25),
        (6, "exit", 25),
        (6, "exit", 24),
    ]


def test_a_line_of_the_same_level_does_not_preempt(run):
    steps = (
        "  - level: {cores: pe1, line: 26, value: 1}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - wait: 5\n"
        "  - send: {to: pe1, line: 26}\n"
    )
    result = run(steps, software="bare", head="nesting: true\ntiming: {service: 10}\n")
    assert [row[:3] for row in events(result)][-2:] == [(10, "enter", 26), (20, "exit", 26)]


def test_a_line_of_a_more_privileged_level_preempts_without_nesting_and_stops_an_entry_as_well(run):
    steps = (
        # Line 24 belongs to PL1, the rest to PL0.
        "  - sfr: {core: pe1, register: ITO, write: 0x0001000000000000}\n"
        "  - sfr: {core: pe1, register: PS, write: 0x01000011}\n"  # runs at PL1
        "  - send: {to: pe1, line: 24}\n"
        "  - wait: 3\n"
        "  - send: {to: pe1, line: 25}\n"  # in the entry of line 24, 7 ticks before its enter
        "  - wait: 40\n"
        "  - sfr: {core: pe1, register: PS, equals: 0x01000011}\n"
    )
    result = run(steps, software="bare", head="timing: {entry: 10, service: 2}\n")
    assert [row[:3] for row in events(result)] == [
        (0, "request", 24),
        (3, "request", 25),
        (13, "enter", 25),
        (15, "exit", 25),
        (22, "enter", 24),
        (24, "exit", 24),
    ]
    assert result.outcome.failed == 0


def test_a_double_exception_resets_the_core_and_clears_all_that_was_not_entered(run):
    steps = (
        "  - sfr: {core: pe1, register: PS, write: 0x01000014}\n"  # ET 1, IE 1 at PL0
        "  - disable: {cores: pe1, lines: 24-26}\n"
        "  - send: {to: pe1, line: 26}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - enable: {cores: pe1, lines: 24-26}\n"
        "  - send: {to: pe1, line: 27}\n"
        "  - sfr: {core: pe1, register: PS, equals: 0x01000004}\n"
        "  - expect: {core: pe1, line: 24-26, cleared: 2, pending: 0}\n"
        "  - expect: {core: pe1, line: 27, pending: 1}\n"
    )
    result = run(steps, software="bare")
    assert result.lines[-5:] == [
        "0,0,1,reset,,,,0",
        "0,0,1,clear,24,,,0",
        "0,0,1,clear,26,,,0",
        "0,0,0,send,27,,,2",
        "0,0,1,request,27,0,0,0",
    ]
    assert result.outcome.failed == 0
    assert [warning.code for warning in result.outcome.warnings][-1] == "never-taken"
    assert "the core is resetting" in result.outcome.warnings[-1].message


def test_a_reset_clears_what_waits_in_a_batch_and_what_was_requested_again(run):
    """Linux, PS.ET and IE set by a debugger while a batch runs: the next line resets the core."""
    steps = (
        "  - disable: {cores: pe1, lines: 24}\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - send: {to: pe1, line: 24}\n"
        "  - enable: {cores: pe1, lines: 24-25}\n"
        "  - wait: 5\n"
        "  - send: {to: pe1, line: 25}\n"
        "  - level: {cores: pe1, line: 25, value: 3}\n"
        "  - sfr: {core: pe1, register: PS, set: 0x10}\n"
        "  - wait: 100\n"
    )
    result = run(steps, head="timing: {service: 10}\n")
    assert result.of("0,1")[-3:] == ["5,0,1,reset,,,,0", "5,0,1,clear,25,,,0", "5,0,1,clear,25,,,0"]
    assert [row[1] for row in events(result)].count("exit") == 0
    assert result.outcome.summary[CoreId(0, 1), 25].cleared == 2


def test_a_write_to_ilr_requests_coalesces_and_clears_line_by_line(run):
    steps = (
        "  - disable: {cores: pe1, lines: 0-31}\n"
        "  - sfr: {core: pe1, register: ILR, set: 0x03000000}\n"
        "  - sfr: {core: pe1, register: ILR, set: 0x06000000}\n"
        "  - sfr: {core: pe1, register: ILR, clear: 0x01100000}\n"
        "  - sfr: {core: pe1, register: ILR, write: 0x0c000000}\n"
    )
    assert run(steps).of("0,1") == [
        "0,0,1,request,24,,,0",
        "0,0,1,request,25,,,0",
        "0,0,1,coalesced,25,,,0",
        "0,0,1,request,26,,,0",
        f"0,0,1,clear,24,0,1,{BIT25 | BIT26}",
        f"0,0,1,clear,25,0,1,{0x0C000000}",
        "0,0,1,request,27,,,0",
    ]


def test_software_may_raise_a_free_line_which_is_taken_at_once(run):
    steps = (
        "  - level: {cores: pe1, line: 20, value: 1}\n"
        "  - sfr: {core: pe1, register: ILR, set: 0x100000}\n"
        "  - sfr: {core: pe1, register: WS, equals: 7}\n"
    )
    result = run(steps, software="bare")
    assert events(result) == [(0, "request", 20, 0), (0, "enter", 20, BIT20), (0, "exit", 20, 0)]
    assert result.outcome.summary[CoreId(0, 1), 20].software == 1
    assert result.outcome.failed == 0


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("disable: {cores: pe1, lines: 24}", "it is not enabled (ILE)"),
        ("level: {cores: pe1, line: 24, value: 0}", "its level is 0 (ILL)"),
        ("sfr: {core: pe1, register: PS, clear: 0x10}", "interrupts are off (PS.IE is 0)"),
        ("sfr: {core: pe1, register: PS, set: 0x1000}", "its level 1 is not above PS.IL, 1"),
        (
            "sfr: {core: pe1, register: ITO, set: 0x0001000000000000}",
            "it belongs to PL1, which is less privileged than PL0 that runs",
        ),
    ],
)
def test_a_request_that_can_never_be_taken_draws_one_warning_that_says_why(run, steps, why):
    result = run(f"  - {steps}\n  - send: {{to: pe1}}\n  - send: {{to: pe1}}\n", software="bare")
    assert [warning.message for warning in result.outcome.warnings] == [f"pe1 can not take line 24: {why}"]
    assert str(result.outcome.warnings[0].place) == "script.yaml:10:5"


def test_a_request_that_waits_for_a_handler_draws_no_warning(run):
    steps = "  - send: {to: pe1}\n  - send: {to: pe1}\n  - send: {to: pe1}\n"
    assert run(steps, head="timing: {service: 10}\n").outcome.warnings == ()


def test_a_warning_about_an_arrival_names_the_step_that_sent_it(run):
    steps = "  - disable: {cores: pe1, lines: 24}\n  - send: {to: pe1}\n  - wait: 10\n"
    (warning,) = run(steps, head="timing: {delivery: 5}\n").outcome.warnings
    assert str(warning.place) == "script.yaml:5:5"


def test_a_pe_without_an_interrupt_controller_in_the_tree_is_not_linuxs(run):
    tree = board({0: [0, 1]}).replace("interrupts-extended = <&i0_0 24>, <&i0_1 24>;", "")
    tree = re.sub(r"i0_\d: interrupt-controller \{.*?\};", "", tree)
    # In the older names, for in the newest such a board is refused.
    tree = tree.replace("kv3-1-pe", "kvx-pe").replace("coolidge-ipi", "kvx-ipi")
    result = run(
        "  - sfr: {core: all, register: PS, equals: 0x01000004}\n  - enable: {cores: all, lines: [24]}\n"
        "  - send: {to: pe1}\n",
        tree=tree,
    )
    assert result.outcome.failed == 0
    assert result.lines == ["0,0,0,mask,24,,,4294901760", "0,0,0,send,24,,,2", "0,0,1,request,24,0,0,0"]
