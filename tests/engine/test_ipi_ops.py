"""What Linux's IPIs ask for: cases 54 and 56 of the hardware's test list, and what goes with them."""

from __future__ import annotations

import pytest

from kvx_emu.errors import InputError


def rows(result, core):
    """(event, line, value) of a core's rows, without the ticks."""
    return [
        (event, line and int(line), int(value))
        for _, _, _, event, line, _, _, value in (line.split(",") for line in result.of(core))
    ]


def test_two_sends_before_the_handler_runs_make_one_entry_that_does_both_in_linuxs_order(run):
    """Case 54: RESCHEDULE, then CALL_FUNC, to a cpu that does not run its handler yet."""
    steps = (
        "  - disable: {cores: pe2, lines: 24}\n"
        "  - send: {to: pe2, op: reschedule}\n"
        "  - send: {to: pe2, op: call_func}\n"
        "  - enable: {cores: pe2, lines: 24}\n"
        "  - expect: {core: pe2, line: 24, delivered: 1, coalesced: 1}\n"
    )
    result = run(steps)
    assert rows(result, "0,2")[2:] == [
        ("enter", 24, 0x01000000),
        ("op", 24, 0),
        ("op", 24, 1),
        ("exit", 24, 0),
    ]
    assert result.outcome.failed == 0


def test_operations_are_done_in_linuxs_order_whatever_the_order_of_the_sends(run):
    steps = (
        "  - disable: {cores: pe2, lines: 24}\n"
        "  - send: {to: pe2, op: irq_work}\n"
        "  - send: {to: pe2, op: call_func}\n"
        "  - send: {to: pe2, op: reschedule}\n"
        "  - enable: {cores: pe2, lines: 24}\n"
    )
    assert [value for event, _, value in rows(run(steps), "0,2") if event == "op"] == [0, 1, 2]


def test_an_ipi_with_an_empty_word_is_handled_and_does_nothing(run):
    """Case 56: what an earlier handler took with it is not there for the next."""
    steps = "  - send: {to: pe2, op: reschedule}\n  - send: {to: pe2}\n"
    result = run(steps)
    assert rows(result, "0,2") == [
        ("request", 24, 0),
        ("enter", 24, 0x01000000),
        ("op", 24, 0),
        ("exit", 24, 0),
        ("request", 24, 0),
        ("enter", 24, 0x01000000),
        ("exit", 24, 0),
    ]
    assert not result.outcome.warnings


def test_an_operation_that_linux_does_not_know_is_a_bug_that_it_reports(run):
    """Case 56: operation 3."""
    result = run("  - send: {to: pe2, op: unknown}\n")
    assert ("op", 24, 3) in rows(result, "0,2")
    assert [warning.code for warning in result.outcome.warnings] == ["ipi-operation"]
    assert "operation 3" in result.outcome.warnings[0].message


def test_every_target_gets_its_own_word(run):
    steps = (
        "  - disable: {cores: [pe1, pe2], lines: 24}\n"
        "  - send: {to: [pe1, pe2], op: call_func}\n"
        "  - send: {to: pe2, op: irq_work}\n"
        "  - enable: {cores: [pe1, pe2], lines: 24}\n"
    )
    result = run(steps)
    assert [value for event, _, value in rows(result, "0,1") if event == "op"] == [1]
    assert [value for event, _, value in rows(result, "0,2") if event == "op"] == [1, 2]


def test_an_offline_cpu_does_what_was_asked_once_it_is_online(run):
    """Case 57: ILE bit 24 is 0 while the cpu is off; the word waits with the request."""
    steps = (
        "  - stop: {cores: pe2}\n"
        "  - send: {to: pe2, op: call_func}\n"
        "  - expect: {core: pe2, line: 24, pending: 1, delivered: 0}\n"
        "  - start: {cores: pe2}\n"
        "  - expect: {core: pe2, line: 24, pending: 0, delivered: 1}\n"
    )
    result = run(steps)
    assert result.outcome.failed == 0
    assert rows(result, "0,2") == [
        ("stop", "", 0),
        ("request", 24, 0),
        ("wake", "", 7),
        ("enter", 24, 0x01000000),
        ("op", 24, 1),
        ("exit", 24, 0),
    ]


def test_bare_software_has_no_operations(run):
    with pytest.raises(InputError, match=r"found `op` with `software: bare`; expected it with linux only"):
        run("  - send: {to: pe2, op: call_func}\n", head="software: bare\n")
