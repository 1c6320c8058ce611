"""The progress bar of long runs: on a terminal, and only there."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from command import BOARD, ROOT, script_file, started

from kvx_emu.cli.progress import Progress, length
from kvx_emu.dt.load import load_tree
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(ticks, moments):
    """Return what a bar for `ticks` writes when at each (second, rows, tick) that many rows come."""
    clock, out = Clock(), io.StringIO()
    bar = Progress(out, ticks, clock)
    rows = 0
    for second, number, tick in moments:
        clock.now = second
        rows += number
        bar.watch(tick, rows)
    return bar, out


def test_a_short_run_draws_nothing():
    bar, out = drawn(1000, [(0.1, 5, 10), (0.9, 5, 900)])
    bar.close()
    assert out.getvalue() == ""


def test_the_bar_shows_the_part_of_the_time_that_is_over_and_the_rows():
    _, out = drawn(1000, [(0.5, 1_000_000, 100), (1.5, 234_567, 500)])
    assert out.getvalue() == "\r[###############               ]  50%  1,234,567 rows, tick 500"


def test_a_script_without_a_length_shows_its_rows_alone():
    _, out = drawn(0, [(2.0, 12, 0)])
    assert out.getvalue() == "\r12 rows, tick 0"


def test_a_run_that_is_longer_than_its_script_stays_at_the_end():
    _, out = drawn(100, [(2.0, 1, 250)])
    assert "] 100%  1 rows, tick 250" in out.getvalue()


def test_the_bar_is_drawn_ten_times_a_second_at_most():
    _, out = drawn(100, [(1.0 + k / 100, 1, k) for k in range(50)])
    assert out.getvalue().count("\r") == 5


def test_no_rows_draw_nothing():
    _, out = drawn(100, [(5.0, 0, 0)])
    assert out.getvalue() == ""


def test_the_bar_is_taken_away_at_the_end_once():
    bar, out = drawn(0, [(2.0, 12, 0)])
    before = out.getvalue()
    bar.close()
    bar.close()
    assert out.getvalue() == before + "\r" + " " * len("12 rows, tick 0") + "\r"


def test_a_shorter_text_covers_the_longer_one_before_it():
    _, out = drawn(0, [(2.0, 1, 1_000_000), (3.0, 1, 0)])
    first, second = out.getvalue().split("\r")[1:]
    assert len(second) == len(first)


@pytest.mark.parametrize(
    ("steps", "ticks"),
    [
        ("wait: 5\nwait: 7", 12),
        ("wait: idle", 0),
        ("send: {to: pe1}", 0),
        ("repeat: {count: 3, every: 100, steps: [{wait: 5}]}", 300),
        ("repeat: {count: 3, steps: [{wait: 5}, {wait: 1}]}", 18),
        ("random: {count: 10, every: 7, from: pes, targets: one}\nwait: 1", 71),
        ("wait: 5\n{at: 50, send: {to: pe1}}\nwait: 1", 51),
    ],
)
def test_the_length_of_a_script_is_the_least_time_it_takes(tmp_path, steps, ticks):
    path = script_file(tmp_path, steps)
    machine, _ = build(load_tree(str(ROOT / BOARD)))
    assert length(bind(load_script(Source("s.yaml", path.read_text())), machine).actions) == ticks


def test_a_terminal_sees_the_bar_come_and_go_and_no_escape_code(tmp_path):
    # It ends when the bar was seen, not after some time, which is another on each machine.
    script = script_file(tmp_path, "repeat: {count: 1000000000, every: 100, steps: [{send: {to: pe1}}]}")
    terminal, end = pty.openpty()
    process = started("run", BOARD, script, "--format", "none", stderr=end, stdout=subprocess.DEVNULL)
    os.close(end)
    seen, asked = b"", False
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux tells that nobody has the other end any more
            break
        if not part:
            break
        seen += part
        if not asked and b"tick" in seen:
            asked = True
            process.send_signal(signal.SIGINT)
    os.close(terminal)
    assert process.wait(timeout=60) == 130
    text = seen.decode()
    assert re.match(r"\r\[#* *\] +\d+%  [\d,]+ rows, tick [\d,]+", text)
    assert re.search(r" \r\s*kvx-emu: interrupted\s*$", text)
    assert "\x1b" not in text


def test_a_run_draws_its_bar_on_a_terminal_and_takes_it_away(kvx, monkeypatch):
    monkeypatch.setattr("kvx_emu.cli.progress.QUIET", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, _, err = kvx("run", BOARD, "scripts/smoke.yaml", "--format", "none")
    assert status == 0
    drawn, gone = re.match(r"\r(\[.*) rows, tick [\d,]+\r( +)\r", err).groups()
    assert "%" in drawn
    assert len(gone) > len(drawn)


def test_the_measuring_says_on_a_terminal_what_comes_next(kvx, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, _, err = kvx("bench", "--quick", "--only", "single-load-0.1")
    assert status == 0
    assert err.startswith("\r1/1 single-load-0.1")


def test_a_table_is_as_long_as_the_tick_of_its_last_row(tmp_path):
    (tmp_path / "t.csv").write_text("tick,addr,value\n0,0xad0000,1\n70,0xad0000,2\n")
    path = script_file(tmp_path, f"replay: {{file: {tmp_path / 't.csv'}}}\nwait: 5")
    machine, _ = build(load_tree(str(ROOT / BOARD)))
    assert length(bind(load_script(Source(str(path), path.read_text())), machine).actions) == 75
