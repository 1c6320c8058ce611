"""Runs that would never end are stopped."""

from __future__ import annotations

from pathlib import Path

from kvx_emu.limits import LIMITS

COOLIDGE = (Path(__file__).parents[2] / "boards" / "coolidge.dts").read_text()


def test_a_level_that_nobody_lowers_interrupts_for_ever_and_is_stopped(run, monkeypatch):
    """Two sources hold one input of the itgen; Linux serves one device and is interrupted again at once."""
    monkeypatch.setattr("kvx_emu.engine.cpu.LIMITS", LIMITS._replace(takes=50))
    steps = (
        "  - raise: {controller: interrupt-controller@27000000, input: 41}\n"
        "  - raise: {device: serial@20210000}\n"
    )
    result = run(steps, tree=COOLIDGE)
    assert result.outcome.stopped == "50 interrupts of pe0 within tick 0"


def test_a_timer_that_never_lets_its_core_rest_stops_the_last_wait(run, monkeypatch):
    monkeypatch.setattr("kvx_emu.engine.run.LIMITS", LIMITS._replace(alarms=20))
    steps = (
        "  - enable: {cores: pe0, lines: 0}\n"
        "  - level: {cores: pe0, line: 0, value: 1}\n"
        "  - timer: {cores: pe0, value: 5, every: 5}\n"
        "  - wait: 5\n"
    )
    head = "timing: {service: 7}\n"
    result = run(steps, software="bare", head=head)
    assert result.outcome.stopped == "20 timers that ran out before the cores were idle"


def test_a_timer_that_runs_on_is_not_waited_for(run):
    steps = (
        "  - enable: {cores: pe0, lines: 0}\n"
        "  - level: {cores: pe0, line: 0, value: 1}\n"
        "  - timer: {cores: pe0, value: 5, every: 5}\n"
        "  - wait: 10\n"
    )
    result = run(steps, software="bare", head="timing: {service: 3}\n")
    assert result.outcome.stopped is None
    # The run ends when the handler of tick 10 has: the underflow of tick 15 is nobody's concern.
    assert result.outcome.tick == 13
