"""Expectations on both engines: by sender, order, absence, waiting, and what a failed one says."""

from __future__ import annotations

import pytest
from conftest import Rows
from engine_boards import board

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.judge import UNSEEN
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.engine import Vector
from kvx_emu.engine.vector.tuning import Tuning
from kvx_emu.engine.wording import expected
from kvx_emu.errors import InputError, Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

TREE = read_tree(board({0: [0, 1, 2, 3, 16]}, lines="24 25").encode(), "board.dts")
HEAD = "timing: {delivery: 5, entry: 20, service: 100}\n"
SOON = Tuning(1000, 1, 1, 1, 1)  # whatever can be solved as a whole is


def engine(steps, kind=Reference, *, head=HEAD, sinks=(), **rest):
    """Return an engine for some steps, each a text."""
    machine, _ = build(TREE)
    text = f"version: 1\n{head}steps:\n" + "".join(f"  - {step}\n" for step in steps)
    program = bind(load_script(Source("script.yaml", text)), machine)
    rest |= {"tuning": SOON} if kind is Vector else {}
    return kind(machine, program, sinks, **rest)


def play(*steps, **rest):
    """Return the outcome of some steps, once both engines have given the same."""
    results = []
    for kind in (Reference, Vector):
        rows = Rows()
        results.append((engine(steps, kind, sinks=[rows], **rest).run(), list(rows.rows)))
    assert results[0] == results[1]
    return results[0][0]


def messages(*steps, **rest):
    """Return what is told of the expectations of some steps that do not hold."""
    return [finding.message for finding in play(*steps, **rest).failures]


TWO = ("send: {from: pe0, to: [pe1, pe2]}", "wait: 10", "send: {from: pe3, to: pe1}")
"""Two requests of pe1, of which the second comes after the take of the first, at 5, and waits until 125."""


def test_counts_by_sender_are_of_what_it_sent():
    outcome = play(
        *TWO,
        "send: {from: pe3, to: pe1}",  # finds the one before it still waiting
        "send: {from: pe2, to: rm}",  # masked, as Linux leaves it
        "wait: idle",
        "expect: {core: pe1, requested: 1, coalesced: 0, delivered: 1, masked: 0, from: pe0}",
        "expect: {core: pe1, line: 24, requested: 1, coalesced: 1, delivered: 1, from: pe3}",
        "expect: {requested: 2, delivered: 2, from: pe0}",
        "expect: {requested: 3, coalesced: 1, masked: 1, delivered: 3, from: all}",
        "expect: {requested: 0, coalesced: 0, masked: 1, delivered: 0, from: [pe1, pe2]}",
        "expect: {line: 25, requested: 0, from: all}",
        "expect: {core: rm, masked: 1, from: pe2}",
    )
    assert (outcome.failures, outcome.checked) == ((), 19)


def test_a_handler_is_entered_for_the_oldest_request():
    assert messages(
        *TWO,
        "wait: 100",
        "expect: {core: pe1, delivered: 1, from: pe0}",
        "expect: {core: pe1, delivered: 1, from: pe3}",
        "wait: idle",
        "expect: {core: pe1, delivered: 1, from: pe3}",
    ) == ["pe1 from pe3: expected delivered 1, found 0"]


def test_what_a_device_or_a_core_itself_asks_for_has_no_sender():
    outcome = play(
        "sfr: {core: pe1, register: ILR, set: 0x1000000}",
        "wait: idle",
        "expect: {core: pe1, requested: 1, delivered: 1}",
        "expect: {core: pe1, requested: 0, delivered: 0, from: all}",
    )
    assert (outcome.failures, outcome.checked) == ((), 4)


def test_what_is_cleared_is_the_newest_request():
    assert (
        messages(
            "disable: {cores: pe1, lines: 24}",
            "send: {from: pe0, to: pe1}",
            "wait: 10",
            "enable: {cores: pe1, lines: 24}",  # is taken, and entered at 30
            "wait: 5",
            "send: {from: pe2, to: pe1}",
            "wait: 6",
            "sfr: {core: pe1, register: ILR, clear: 0x1000000}",
            "wait: idle",
            "expect: {core: pe1, cleared: 1, delivered: 0, from: pe2}",
            "expect: {core: pe1, cleared: 0, delivered: 1, from: pe0}",
        )
        == []
    )


def test_latency_by_sender():
    assert messages(
        *TWO,
        "wait: idle",
        "expect: {core: pe1, within: 20, from: pe0}",
        "expect: {core: pe1, within: 129, from: pe3}",
        "expect: {within: 130, from: [pe0, pe3]}",
        "expect: {within: 0, from: pe1}",
    ) == ["pe1 from pe3: expected request to enter within 129 ticks, found 130"]


def test_latency_by_sender_counts_enters_from_the_mark_on():
    assert messages(
        *TWO,
        "wait: 60",
        "mark: later",
        "expect: {within: 0, from: pe0, since: later}",
        "wait: idle",
        "expect: {within: 0, from: pe0, since: later}",
        "expect: {within: 129, from: all, since: later}",
    ) == ["all cores from pe0-3, rm since later: expected request to enter within 129 ticks, found 130"]


def test_never_holds_where_there_is_no_such_row():
    outcome = play(
        *TWO,
        "wait: idle",
        "expect: {core: pe3, never: [request, enter]}",
        "expect: {line: 25, never: [request, masked, enter]}",
        "expect: {core: pe1, from: pe2, never: [request, enter, clear]}",
        "expect: {never: [fault, reset, msi, lost]}",
        "mark: quiet",
        "wait: 100",
        "expect: {never: [enter, exit, send], since: quiet}",
    )
    assert (outcome.failures, outcome.checked) == ((), 5)


def test_never_tells_the_first_row_and_how_many_there_are():
    assert messages(
        *TWO,
        "wait: idle",
        "expect: {core: [pe1, pe2], never: [fault, coalesced, exit]}",
        "expect: {line: 24, from: pe3, never: enter}",
        "read: {addr: 0xffffffff0, from: pe2}",
        "expect: {never: fault}",
        "mark: here",
        "expect: {never: fault, since: here}",
    ) == [
        "pe1-2: expected never fault, coalesced or exit, found 3, the first exit of pe1 at tick 125",
        "all cores line 24 from pe3: expected never enter, found 1, the first enter of pe1 at tick 145",
        "all cores: expected never fault, found 1, the first fault of pe2 at tick 245",
    ]


def test_order_is_that_of_the_trace_also_within_a_tick():
    assert messages(
        *TWO,
        "wait: idle",
        "expect: {core: pe1, line: 24, before: {core: pe2, line: 24}}",  # both enter at 25
        "expect: {core: pe2, line: 24, before: {core: pe1, line: 24}}",
        "expect: {core: pe2, before: {core: pe1, from: pe3}}",
        "expect: {event: send, core: pe3, before: {event: exit}}",
        "expect: {event: exit, core: pe1, before: {core: pe1, from: pe3}}",
        "expect: {core: pe1, from: pe3, before: {event: exit}}",
    ) == [
        "expected enter of pe2 line 24 before enter of pe1 line 24, found both at tick 25, "
        "the other one first",
        "expected enter of pe1 from pe3 before exit, found the one at tick 145, the other at tick 125",
    ]


def test_order_is_about_rows_that_have_happened():
    assert messages(
        *TWO,
        "wait: 30",
        "expect: {core: pe1, before: {core: pe3}}",
        "expect: {line: 25, before: {core: pe1, line: 24}}",
        "expect: {line: 25, before: {event: fault}}",
        "expect: {core: pe1, before: {core: pe1}}",
        "mark: late",
        "wait: idle",
        "expect: {event: exit, core: pe2, before: {core: pe1}, since: late}",
        "expect: {core: pe2, before: {core: pe1}, since: late}",
    ) == [
        "expected enter of pe1 before enter of pe3, found the one at tick 25, the other never",
        "expected enter of line 25 before enter of pe1 line 24, found the one never, the other at tick 25",
        "expected enter of line 25 before fault, found neither",
        "expected enter of pe1 before enter of pe1, found both at tick 25, by the same row",
        "expected enter of pe2 before enter of pe1 since late, found the one never, the other at tick 145",
    ]


def test_a_mark_used_again_is_the_later_moment():
    assert (
        messages(
            "repeat: {count: 3, every: 1000, steps: [mark: m, {send: {to: pe1}}, {wait: 500}, "
            "{expect: {core: pe1, delivered: 1, from: pe0, since: m, never: coalesced}}]}",
            "expect: {core: pe1, delivered: 3, from: pe0}",
            "expect: {core: pe1, delivered: 1, from: pe0, since: m}",
        )
        == []
    )


# Waiting


def after(*steps, **rest):
    """Return the tick at which a row comes that is made right after some steps, and what has failed."""
    machine_steps = (*steps, "mask: {line: 25, block: [pe1]}")
    outcomes = []
    for kind in (Reference, Vector):
        rows = Rows()
        outcome = engine(machine_steps, kind, sinks=[rows], **rest).run()
        (tick,) = {row[0] for row in rows.rows if row[3:5] == ("mask", 25) and row[7] == 2}
        outcomes.append((tick, [finding.message for finding in outcome.failures], outcome.checked))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@pytest.mark.parametrize(
    ("counts", "tick"),
    [
        ("requested: 1", 10),  # the request came at 5, before the wait
        ("core: pe2, delivered: 1", 25),
        ("core: pe1, delivered: 2", 145),
        ("delivered: 3", 145),
        ("core: pe1, delivered: 1, from: pe3", 145),
        ("core: pe1, delivered: {min: 1, max: 2}, pending: 0", 145),
        ("core: pe1, pending: 2", 15),  # one is taken and not entered, one in ILR
        ("core: pe1, pending: 2, coalesced: 0", 15),
        ("timers: 0, lost: 0, handled: 0", 10),
    ],
)
def test_time_passes_until_the_counts_are_as_expected(counts, tick):
    before = TWO if "requested" not in counts else TWO[:1] + TWO[1:2]
    counts = counts.replace("requested: 1", "core: pe1, requested: 1")
    assert after(*before, f"wait-for: {{{counts}, limit: 1us}}") == (tick, [], 1)


def test_after_the_limit_it_has_failed():
    assert after(*TWO, "wait-for: {core: pe1, line: 24, delivered: 2, limit: 134}") == (
        144,
        ["pe1 line 24: expected delivered 2 after at most 134 ticks, found 1"],
        1,
    )
    assert after(*TWO, "wait-for: {core: pe1, delivered: 2, limit: 135}") == (145, [], 1)
    assert after(*TWO, "wait-for: {from: pe3, delivered: 1, requested: {max: 0}, limit: 1us}") == (
        1010,
        ["all cores from pe3: expected delivered 1 and requested 0 after at most 1000 ticks, found 1 and 1"],
        1,
    )


def test_it_fails_as_well_where_nothing_is_outstanding():
    wait = "wait-for: {core: pe3, delivered: 1, limit: 70}"
    assert after(wait) == (70, ["pe3: expected delivered 1 after at most 70 ticks, found 0"], 1)
    assert after("wait: 7", wait.replace("70", "0"))[0] == 7


def test_it_is_looked_at_once_a_tick_is_done():
    # At 25 both cores enter; there is no moment at which only one has.
    assert after(*TWO, "wait-for: {delivered: 1, limit: 50}") == (
        60,
        ["all cores: expected delivered 1 after at most 50 ticks, found 2"],
        1,
    )


def test_counts_that_are_waited_for_go_from_the_mark_on():
    begin = (*TWO, "wait: 50", "mark: m")
    assert after(*begin, "wait-for: {core: pe1, delivered: 1, since: m, limit: 1us}") == (145, [], 1)
    late = "wait-for: {core: pe1, delivered: 1, from: pe0, since: m, limit: 90}"
    assert after(*begin, late) == (
        150,
        ["pe1 from pe0 since m: expected delivered 1 after at most 90 ticks, found 0"],
        1,
    )


def test_in_a_repeat_it_takes_its_time_each_time():
    body = "mark: m, {send: {to: pe1}}, {wait-for: {core: pe1, delivered: 1, since: m, limit: 500}}"
    # Entered at 25; then each is sent while the handler before runs: at 25 and 145, entered at 145 and 265.
    assert after(f"repeat: {{count: 3, steps: [{body}]}}") == (265, [], 3)
    assert after(f"repeat: {{count: 2, every: 1000, steps: [{body}]}}") == (2000, [], 2)
    with pytest.raises(InputError, match="the body is 5 ticks longer than every, 20 ticks"):
        engine((f"repeat: {{count: 2, every: 20, steps: [{body}]}}",)).run()


def test_it_wakes_up_at_timers_too():
    wait = "wait-for: {core: pe1, timers: 3, limit: 1us}"
    assert after("timer: {cores: pe1, value: 10, every: 100, interrupt: false}", wait)[0] == 210


def test_a_limit_of_ticks_ends_the_run_before_the_wait_is_judged():
    outcome = play(*TWO, "wait-for: {core: pe1, delivered: 2, limit: 1us}", limit_ticks=100)
    assert (outcome.stopped, outcome.checked, outcome.tick) == ("tick 100", 0, 25)
    (only,) = outcome.expectations
    assert (only.what, only.times, only.failed, only.message) == ("wait-for", 0, 0, None)


# What is told


def test_a_failed_expectation_says_all_that_is_needed():
    (finding,) = play(*TWO, "wait: idle", "expect: {core: pe1, delivered: 3}").failures
    assert str(finding).splitlines() == [
        "script.yaml:8:5: error[expectation]: pe1: expected delivered 3, found 2",
        "    - expect: {core: pe1, delivered: 3}",
        "      ^",
        "  the last rows of pe1:",
        "    tick  core  event    line  from      value",
        "      15  pe1   request    24  pe3           0",
        "      25  pe1   enter      24        0x1000000",
        "     125  pe1   exit       24        0x1000000",
        "     145  pe1   enter      24        0x1000000",
        "     245  pe1   exit       24                0",
    ]


def test_without_a_core_the_last_rows_of_all_are_shown():
    (finding,) = play(*TWO, "wait: 15", "expect: {delivered: 3}").failures
    assert finding.lines == (
        "the last rows:",
        "  tick  core  event    line  from      value",
        "     5  pe2   request    24  pe0           0",
        "    10  pe3   send       24              0x2",
        "    15  pe1   request    24  pe3           0",
        "    25  pe1   enter      24        0x1000000",
        "    25  pe2   enter      24        0x1000000",
    )


def test_of_several_cores_the_last_rows_of_each_are_shown_in_order():
    (finding,) = play(*TWO, "wait: 15", "expect: {core: pe3, before: {core: pe2}}").failures
    assert finding.lines == (
        "the last rows of pe2-3:",
        "  tick  core  event    line  from      value",
        "     5  pe2   request    24  pe0           0",
        "    10  pe3   send       24              0x2",
        "    25  pe2   enter      24        0x1000000",
    )


def test_a_core_without_rows_has_none_to_show():
    (finding,) = play("expect: {core: [pe1, pe2], delivered: 3}").failures
    assert finding.lines == ("there are no rows of pe1-2 to show",)


def test_rows_that_are_long_past_are_not_shown():
    many = "repeat: {count: 1023, steps: [send: {to: pe1}]}"
    steps = ("send: {from: pe1, to: pe2}", many, "expect: {core: pe2, delivered: 3}")
    (finding,) = play(*steps, head="").failures
    assert [line.split()[0] for line in finding.lines] == ["the", "tick", "0", "0", "0"]
    (finding,) = play(*steps[:2], "send: {to: pe1}", steps[2], head="").failures
    assert finding.lines == ("there are no rows of pe2 to show",)


def test_the_rows_are_those_of_the_first_failure():
    body = "{send: {to: pe1}}, {wait: 30}, {expect: {core: pe1, delivered: 9}}"
    (finding,) = play(f"repeat: {{count: 3, every: 1000, steps: [{body}]}}").failures
    assert finding.message == "pe1: expected delivered 9, found 1 (fails 3 times)"
    assert [line.split()[0] for line in finding.lines] == ["the", "tick", "5", "25"]


def test_what_a_step_fails_in_at_the_same_time_shows_the_rows_once():
    outcome = play(*TWO, "wait: 30", "expect: {core: pe1, delivered: 9, requested: 9, never: enter}")
    assert [len(finding.lines) for finding in outcome.failures] == [5, 0, 0]
    assert [len(expectation.rows) for expectation in outcome.expectations] == [5, 5, 5]


def test_reads_of_registers_that_are_not_as_expected_show_the_rows_of_the_core():
    outcome = play(
        *TWO,
        "wait: 30",
        "read: {addr: 0xad0020, from: pe3, equals: 7}",
        "sfr: {cores: [pe0, pe2], register: PS, equals: 1}",
    )
    assert [finding.lines[0] for finding in outcome.failures] == [
        "the last rows of pe3:",
        "the last rows of pe0:",
        "the last rows of pe2:",
    ]
    assert outcome.failures[0].lines[2] == "    10  pe3   send     24          0x2"


def test_the_vector_engine_says_where_it_has_made_no_rows():
    steps = (*TWO, "wait: idle", "expect: {core: pe1, delivered: 9}")
    (finding,) = engine(steps, Vector).run().failures
    assert finding.lines == (UNSEEN,)
    assert str(finding).splitlines()[-1] == (
        "  the last rows are not known, for no trace was made: see --trace, or --engine reference"
    )
    (finding,) = engine(steps).run().failures  # without a sink as well
    assert finding.lines[0] == "the last rows of pe1:"


@pytest.mark.parametrize(
    "expectation",
    ["delivered: 9, from: pe0", "never: enter", "before: {core: pe3}", "within: 3, from: pe0"],
)
def test_rows_that_are_looked_for_are_made_without_a_trace_too(expectation):
    steps = (*TWO, "wait: idle", f"expect: {{core: pe1, {expectation}}}")
    with_sinks = play(*steps)
    assert with_sinks.failed == 1
    for kind in (Reference, Vector):
        assert engine(steps, kind).run() == with_sinks


def test_the_vector_engine_solves_such_scripts_as_a_whole():
    steps = (*TWO, "wait: idle", "expect: {core: pe1, delivered: 1, from: pe0}")
    vector = engine(steps, Vector)
    assert vector.run().failed == 0
    assert vector.solved == 2


def test_each_expectation_has_a_title():
    steps = (
        "mark: storm",
        "expect: {core: pe1, line: 24, delivered: {min: 3, max: 5}, pending: {min: 1}, since: storm}",
        "expect: {cores: [pe1, pe2], lines: 24-25, masked: 0, within: 1us, from: [pe0, pe3]}",
        "repeat: {count: 2, steps: [{expect: {never: [enter, fault, wake]}}]}",
        "expect: {event: request, core: pe1, from: pe0, before: {line: 24}, since: storm}",
        "wait-for: {core: pe1, delivered: 3, pending: 0, since: storm, limit: 10us}",
        "read: {addr: 0xad0020, equals: bus-error}",
        "sfr: {core: [pe0, pe1], register: ILR, equals: 0}",
    )
    outcome = play(*steps)
    assert [expectation.title for expectation in outcome.expectations] == [
        "pe1 line 24: delivered 3 to 5, since storm",
        "pe1 line 24: pending at least 1, since storm",
        "pe1-2 lines 24, 25 from pe0, pe3: masked 0",
        "pe1-2 lines 24, 25 from pe0, pe3: request to enter within 1000 ticks",
        "all cores: never enter, fault or wake",
        "request of pe1 from pe0 before enter of line 24, since storm",
        "pe1: delivered 3 and pending 0 after at most 10000 ticks, since storm",
        "read of 0xad0020: bus-error",
        "pe0 ILR: 0x0",
        "pe1 ILR: 0x0",
    ]
    assert [expectation.what for expectation in outcome.expectations] == [
        "delivered", "pending", "masked", "within", "never", "before", "wait-for", "read", "pe0", "pe1",
    ]  # fmt: skip
    assert [expectation.times for expectation in outcome.expectations] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]


def test_what_a_program_expects_is_known_before_it_runs():
    parts = engine(("wait-for: {core: pe1, delivered: 3, limit: 5}",)).parts
    assert [(place.line, what, title) for place, what, title in expected(parts.program.actions)] == [
        (4, "wait-for", "pe1: delivered 3 after at most 5 ticks")
    ]
    assert CoreId(0, 1) in parts.cpus
