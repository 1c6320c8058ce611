"""Time: waits, repeats, absolute times, random steps, limits, marks and bounds."""

from __future__ import annotations

import pytest

from kvx_emu.core_id import CoreId
from kvx_emu.errors import InputError
from kvx_emu.trace.tally import Line

PE1 = CoreId(0, 1)


def sends(result):
    return [int(line.split(",")[0]) for line in result.lines if ",send," in line]


def test_wait_idle_ends_at_the_tick_of_the_last_thing_that_happened(run):
    result = run(
        "  - send: {to: pe1}\n  - wait: idle\n  - send: {to: pe2}\n"
        "  - wait: idle\n  - wait: idle\n  - send: {to: pe1}\n",
        head="timing: {delivery: 2, entry: 3, service: 5}\n",
    )
    assert sends(result) == [0, 10, 20]
    assert result.outcome.tick == 30


def test_wait_idle_is_not_moved_by_a_handlers_end_that_a_preemption_made_void(run):
    steps = (
        # Preempted a tick before its end.
        "  - send: {to: pe1, line: 24}\n  - wait: 9\n  - send: {to: pe1, line: 26}\n"
        "  - wait: idle\n  - send: {to: pe2}\n"
    )
    result = run(steps, software="bare", head="nesting: true\ntiming: {service: {24: 10, 26: 3}}\n")
    assert sends(result)[-1] == 13


def test_a_repeat_starts_its_body_every_so_often_and_ends_at_start_plus_count_times_every(run):
    result = run(
        "  - wait: 5\n"
        "  - repeat: {count: 3, every: 10, steps: [{send: {to: pe1}}, {wait: 4}, {send: {to: pe2}}]}\n"
        "  - send: {to: pe1}\n"
    )
    assert sends(result) == [5, 9, 15, 19, 25, 29, 35]


def test_a_repeat_without_every_runs_back_to_back(run):
    result = run("  - repeat: {count: 3, steps: [{send: {to: pe1}}, {wait: 4}]}\n  - send: {to: pe1}\n")
    assert sends(result) == [0, 4, 8, 12]


def test_a_body_that_waits_until_idle_longer_than_every_is_an_error_when_it_happens(run):
    steps = "  - repeat: {count: 2, every: 10, steps: [{send: {to: pe1}}, {wait: idle}]}\n"
    assert sends(run(steps, head="timing: {service: 10}\n")) == [0, 10]
    with pytest.raises(InputError) as caught:
        run(steps, head="timing: {service: 11}\n")
    (finding,) = caught.value.findings
    assert (finding.code, str(finding.place)) == ("script-time", "script.yaml:4:5")
    assert finding.message == "the body is 1 ticks longer than every, 10 ticks"


def test_at_is_an_absolute_time_and_an_error_once_it_has_passed(run):
    assert sends(run("  - wait: 3\n  - {at: 7, send: {to: pe1}}\n  - send: {to: pe1}\n")) == [7, 7]
    with pytest.raises(InputError, match="at 7 is in the past: it is tick 9"):
        run(
            "  - send: {to: pe1}\n  - wait: idle\n  - {at: 7, send: {to: pe1}}\n",
            head="timing: {service: 9}\n",
        )


def test_a_random_step_takes_count_times_every_and_draws_the_same_again(run):
    steps = (
        "  - wait: 1\n"
        "  - random: {count: 4, seed: 7, every: 5, from: all, targets: all}\n"
        "  - send: {from: pe2, to: pe1}\n"
    )
    first = run(steps)
    assert sends(first) == [1, 6, 11, 16, 21]
    assert run(steps).lines == first.lines


def test_each_execution_of_a_random_step_draws_its_own_numbers(run):
    drawn = "{random: {count: 8, every: 1, from: all, targets: uniform}}"
    steps = f"  - repeat: {{count: 3, every: 100, steps: [{drawn}]}}\n"
    result = run(steps, cores={0: list(range(16))})
    masks = [line.split(",")[7] for line in result.lines if ",send," in line]
    assert len({tuple(masks[at : at + 8]) for at in (0, 8, 16)}) == 3


def test_a_limit_of_ticks_stops_the_run_before_anything_after_it(run):
    steps = (
        "  - send: {to: [pe1, pe2]}\n  - wait: 2\n  - send: {to: pe1}\n  - wait: 50\n  - send: {to: pe1}\n"
    )
    head = "timing: {delivery: 2, entry: 2, service: 20}\n"
    result = run(steps, head=head, limit_ticks=3)
    assert result.outcome.stopped == "tick 3"
    assert result.outcome.tick == 2
    # pe1 and pe2 were taken and not entered, which counts as pending; the second write is under way.
    assert result.outcome.summary == {
        (PE1, 24): Line(sent=2, requested=1, pending=1, flying=1),
        (CoreId(0, 2), 24): Line(sent=1, requested=1, pending=1),
    }
    assert run(steps, head=head, limit_ticks=52).outcome.stopped == "tick 52"
    assert run(steps, head=head, limit_ticks=76).outcome.stopped is None


def test_a_limit_that_only_a_void_event_would_pass_is_not_met(run):
    steps = "  - send: {to: pe1, line: 24}\n  - wait: 5\n  - send: {to: pe1, line: 26}\n"
    head = "nesting: true\ntiming: {service: {24: 10, 26: 3}}\n"
    assert run(steps, software="bare", head=head, limit_ticks=13).outcome.stopped is None
    # The reset voids the event at 10, which is the last one in the queue.
    steps = (
        "  - send: {to: pe1, line: 24}\n  - wait: 5\n"
        "  - sfr: {core: pe1, register: PS, set: 0x14}\n"
        "  - send: {to: pe1, line: 26}\n"
    )
    result = run(steps, software="bare", head="timing: {service: 10}\n", limit_ticks=7)
    assert result.outcome.stopped is None
    assert result.outcome.tick == 5


def test_a_limit_of_events_stops_the_run_once_so_many_rows_were_made(run):
    result = run("  - repeat: {count: 100, every: 1, steps: [{send: {to: pe1}}]}\n", limit_events=10)
    # The probe and two sends of four rows are nine rows; the third is begun and brought to its end.
    assert result.outcome.rows == len(result.lines) == 13
    assert result.outcome.stopped == "10 events"
    exact = run("  - send: {to: pe1}\n", limit_events=5)
    assert (exact.outcome.rows, exact.outcome.stopped) == (5, None)


def test_a_limit_of_events_met_at_an_arrival_leaves_it_under_way(run):
    head = "timing: {delivery: 1}\n"
    both = (PE1, 24), (CoreId(0, 2), 24)
    first = run("  - send: {to: [pe1, pe2]}\n", head=head, limit_events=2)  # the probe and the send
    assert (first.outcome.stopped, first.outcome.rows, len(first.lines)) == ("2 events", 2, 2)
    assert first.outcome.summary == dict.fromkeys(both, Line(sent=1, flying=1))
    steps = "  - send: {to: [pe1, pe2]}\n  - wait: 1\n  - send: {to: [pe1, pe2]}\n"
    later = run(steps, head=head, limit_events=9)  # these, three rows of each core, and the second send
    assert (later.outcome.stopped, later.outcome.rows, len(later.lines)) == ("9 events", 9, 9)
    assert later.outcome.summary == dict.fromkeys(both, Line(sent=2, requested=1, delivered=1, flying=1))


def test_counts_since_a_mark_leave_out_what_was_before_it(run):
    steps = (
        "  - send: {to: pe1}\n"
        "  - mark: here\n"
        "  - send: {to: pe1}\n"
        "  - expect: {core: pe1, line: 24, delivered: 2}\n"
        "  - expect: {core: pe1, line: 24, delivered: 1, since: here}\n"
        "  - expect: {delivered: {min: 2, max: 2}}\n"
        "  - expect: {core: pe2, delivered: 0}\n"
    )
    assert run(steps).outcome.failed == 0


def test_within_bounds_the_greatest_time_from_request_to_enter(run):
    steps = (
        "  - send: {to: pe1}\n  - send: {to: pe1}\n  - wait: 100\n"
        "  - expect: {core: pe1, line: 24, within: 13}\n"
        "  - expect: {core: pe1, line: 24, within: 12}\n"
        "  - mark: later\n"
        "  - send: {to: pe1}\n  - wait: 100\n"
        "  - expect: {core: pe1, within: 3, since: later}\n"
        "  - expect: {core: pe2, within: 0}\n"
    )
    # The second request comes in the entry of the first: it waits 3 + 10 ticks, and enters 3 ticks later.
    outcome = run(steps, head="timing: {entry: 3, service: 10}\n").outcome
    assert [finding.message for finding in outcome.failures] == [
        "pe1 line 24: expected request to enter within 13 ticks, found 16",
        "pe1 line 24: expected request to enter within 12 ticks, found 16",
    ]


def test_a_failed_expectation_says_what_was_expected_and_found_and_does_not_stop_the_run(run):
    steps = (
        "  - repeat: {count: 3, steps: [{expect: {core: pe1-2, line: 24-25, delivered: {min: 1, max: 2}}}]}\n"
        "  - expect: {pending: {min: 4}}\n"
        "  - read: {addr: 0xad0020, equals: 0x10001}\n"
        "  - sfr: {core: [pe1, pe2], register: ILE, equals: 0}\n"
        "  - send: {to: pe1}\n"
    )
    outcome = run(steps).outcome
    assert [(str(finding.place), finding.message) for finding in outcome.failures] == [
        (
            "script.yaml:3:32",
            "pe1-2 lines 24, 25: expected delivered 1 to 2, found 0 (fails 3 times)",
        ),
        ("script.yaml:4:5", "all cores: expected pending at least 4, found 0"),
        ("script.yaml:5:5", "read of 0xad0020: expected 0x10001, found 0x10000"),
        ("script.yaml:6:5", "pe1 ILE: expected 0x0, found 0x1000000"),
        ("script.yaml:6:5", "pe2 ILE: expected 0x0, found 0x1000000"),
    ]
    assert (outcome.checked, outcome.failed) == (7, 7)
    assert outcome.summary[PE1, 24].delivered == 1
