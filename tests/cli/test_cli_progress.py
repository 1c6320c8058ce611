"""How far long work is: a line on a terminal, and only there; what is said and left when Ctrl-C ends it."""

from __future__ import annotations

import fcntl
import inspect
import io
import os
import pty
import random
import re
import signal
import struct
import subprocess
import sys
import termios

import pytest
from command import BOARD, ROOT, script_file, started

from kvx_emu.cli import main as main_module
from kvx_emu.cli.progress import Progress, Watcher, fitted, length, simulated
from kvx_emu.dt.load import load_tree
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

ENDLESS = "repeat: {count: 1000000000, every: 100, steps: [{send: {to: pe1}}]}"
GHZ = 1_000_000_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A terminal of 80 columns, which is what one counts as that does not tell."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal_that_can_draw(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


def drawn(ticks, moments, out=None):
    """Return what a run of `ticks` draws when at each (second, tick, rows) it tells how far it is."""
    clock, out = Clock(), Terminal() if out is None else out
    with Watcher(out, ticks, GHZ, clock=clock) as watcher:
        for second, tick, rows in moments:
            clock.now = second
            watcher.watch(tick, rows)
        return out.getvalue()


def test_a_short_run_draws_nothing():
    out = Terminal()
    assert drawn(1000, [(0.1, 10, 5), (0.9, 900, 10)], out) == ""
    assert out.getvalue() == ""


def test_the_line_has_the_part_that_is_over_the_rows_the_time_left_the_simulated_time_and_the_rate():
    text = drawn(1_000_000, [(0.5, 100_000, 100_000), (2.5, 500_000, 1_234_567)])
    assert text == "\r[#########          ]  50%  1,234,567 rows, 0:02 left, 500.000 us, 567 k rows/s"
    assert len(text) == 80


def test_a_script_without_a_length_has_no_bar_and_no_time_left():
    assert drawn(0, [(0.5, 0, 0), (2.5, 0, 12)]) == "\r12 rows, 0 ns, 6 rows/s"


def test_a_run_that_is_longer_than_its_script_stays_at_the_end():
    assert drawn(100, [(2.0, 250, 1)]) == f"\r[{'#' * 30}] 100%  1 rows, 250 ns"


def test_the_time_left_is_of_what_was_done_since_the_first_look():
    # Of a run that goes on from a snapshot at half of it: the first half took no time.
    assert "  75%  2 rows, 0:10 left, " in drawn(100, [(0.0, 50, 1), (10.0, 75, 2)])


def test_it_is_drawn_ten_times_a_second_at_most():
    assert drawn(100, [(1.0 + k / 100, k, 1) for k in range(50)]).count("\r") == 5


def test_no_rows_draw_nothing():
    assert drawn(100, [(5.0, 0, 0)]) == ""


def test_it_is_taken_away_at_the_end_once():
    clock, out = Clock(), Terminal()
    progress = Progress(out, clock)
    clock.now = 2.0
    progress.show(None, 12)
    progress.close()
    progress.close()
    assert out.getvalue() == "\r12 rows\r       \r"


def test_a_shorter_text_covers_the_longer_one_before_it():
    clock, out = Clock(), Terminal()
    progress = Progress(out, clock)
    for clock.now, word in ((2.0, "some words"), (3.0, "")):
        progress.show(None, 1, word)
    assert out.getvalue() == "\r1 rows, some words\r1 rows, 0 rows/s  "


def test_elsewhere_than_on_a_terminal_nothing_is_drawn():
    out = io.StringIO()
    assert drawn(100, [(2.0, 50, 1)], out) == ""


def test_nothing_is_drawn_where_there_is_no_standard_error():
    with Watcher(None, 100, GHZ, clock=Clock()) as watcher:
        watcher.watch(50, 1)
    assert watcher.interrupted() == "interrupted before the start; no file was written"


def test_on_a_terminal_that_can_only_add_lines_nothing_is_drawn(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert drawn(100, [(2.0, 50, 1)]) == ""


def test_a_terminal_that_is_gone_stops_nothing():
    class Gone(Terminal):
        def write(self, text):
            raise OSError

    assert drawn(100, [(2.0, 50, 1), (3.0, 60, 2)], Gone()) == ""


@pytest.mark.parametrize(
    ("tick", "clock_hz", "text"),
    [
        (0, GHZ, "0 ns"),
        (999, GHZ, "999 ns"),
        (1000, GHZ, "1.000 us"),
        (1_500_999, GHZ, "1.500 ms"),
        (12_345_678_900, GHZ, "12.345 s"),
        (5_000_000_000_000, GHZ, "5,000.000 s"),
        (600, 600_000_000, "1.000 us"),
        (7, 3, "2.333 s"),
    ],
)
def test_simulated_time_is_in_a_unit_that_fits(tick, clock_hz, text):
    assert simulated(tick, clock_hz) == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (50, "[#####     ]  50%  1,000 rows, 0:12 left, 1.500 ms"),
        (40, "50%  1,000 rows, 0:12 left, 1.500 ms"),
        (36, "50%  1,000 rows, 0:12 left"),
        (20, "50%  1,000 rows"),
        (10, "50%  1,00"),
    ],
)
def test_what_does_not_fit_is_left_out(width, text):
    shown = fitted(0.5, ["1,000 rows", "0:12 left", "1.500 ms"], width)
    assert shown == text
    assert len(shown) <= width


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


def seen_by_a_terminal(script, columns, environment=None, *options):
    """Return the status of a run that is interrupted once its line was seen, and what a terminal saw."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = started(
        "run", BOARD, script, "--format", "none", *options,
        stderr=end, stdout=subprocess.DEVNULL, env=os.environ | (environment or {}),
    )  # fmt: skip
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
        if not asked and b" left" in seen:
            asked = True
            process.send_signal(signal.SIGINT)
    os.close(terminal)
    return process.wait(timeout=60), seen.decode()


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (0, r"\[ +\]   0%  [\d,]+ rows, [\d:]+ left, [\d.]+ [um]s, [\d.]+ [kM] rows/s *"),
        (40, r"0%  [\d,]+ rows, [\d:]+ left *"),
        (120, r"\[ {30}\]   0%  [\d,]+ rows, [\d:]+ left, [\d.]+ [um]s, [\d.]+ [kM] rows/s *"),
    ],
)
def test_a_terminal_sees_one_line_come_and_go_in_its_width_and_no_escape_code(tmp_path, columns, line):
    script = script_file(tmp_path, ENDLESS)
    environment = {"NO_COLOR": "1"} if columns == 40 else None
    status, text = seen_by_a_terminal(script, columns, environment, "--engine", "reference")
    assert status == 130
    first, *_, last = text.split("\r\n")[0].split("\r")[1:]
    assert re.fullmatch(line, first)
    assert last == ""
    assert max(map(len, text.split("\r\n")[0].split("\r"))) < (columns or 80)
    told = r"kvx-emu: interrupted at tick [\d,]+ \(0 %\), after [\d,]+ rows; no file was written\r\n"
    assert re.fullmatch(told, text.split("\r\n", 1)[1])
    assert "\x1b" not in text


def test_a_run_draws_its_line_on_a_terminal_and_takes_it_away(kvx, monkeypatch):
    monkeypatch.setattr("kvx_emu.cli.progress.QUIET", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, _, err = kvx("run", BOARD, "scripts/smoke.yaml", "--format", "none")
    assert status == 0
    drawn, gone = re.match(r"\r(\[.*%  [\d,]+ rows, [\d.]+ [nu]s)\r( +)\r", err).groups()
    assert len(gone) == len(drawn)


def test_a_run_that_no_terminal_watches_says_where_it_was_interrupted(tmp_path):
    script = script_file(tmp_path, ENDLESS)
    process = started(
        "run", BOARD, script, "--format", "csv", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.read(10_000)  # more than the header: it runs
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    told = r"\nkvx-emu: interrupted at tick [\d,]+ \(0 %\), after [\d,]+ rows; no file was written\n"
    assert re.fullmatch(told, err)


def test_a_snapshot_that_was_taken_before_the_interruption_is_named(kvx, tmp_path, monkeypatch):
    snapshot = tmp_path / "there.snapshot"

    def stop(self, tick, rows):
        if snapshot.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(Watcher, "watch", stop)
    script = script_file(tmp_path, ENDLESS)
    result = kvx("run", BOARD, script, "--format", "none", "--snapshot-at", 1000, snapshot)
    assert result.status == 130
    assert result.err.endswith(f" rows; only {snapshot} was written\n")


FEW = "repeat: {count: 40, every: 100, steps: [{send: {to: pe1}}]}\nexpect: {delivered: 40}"


@pytest.fixture
def interrupted_at(kvx, monkeypatch, tmp_path):
    """Return what runs a short script into a file that exists, until some call of a function of Python.

    It returns the result, how many calls there were, and what is in the file.
    """
    monkeypatch.setattr("kvx_emu.engine.run.CHUNK", 16)  # so that many things happen in turn
    script = script_file(tmp_path, FEW)
    out = tmp_path / "out" / "trace.csv"
    out.parent.mkdir()
    dispatch = main_module._dispatch

    def run(call):
        out.write_text("old\n")
        calls = 0

        def count(frame, event, _argument):
            nonlocal calls
            # Not of a generator: what is raised in one that is thrown away is lost.
            if event == "call" and not frame.f_code.co_flags & inspect.CO_GENERATOR:
                calls += 1
                if calls == call:
                    raise KeyboardInterrupt

        def counted(argv):
            sys.setprofile(count)
            try:
                return dispatch(argv)
            finally:
                sys.setprofile(None)

        monkeypatch.setattr(main_module, "_dispatch", counted)
        result = kvx("run", BOARD, script, "--engine", "reference", "--csv", out, "--format", "none")
        assert [path.name for path in out.parent.iterdir()] == ["trace.csv"]
        return result, calls, out.read_text()

    return run


def test_an_interruption_at_any_point_leaves_the_old_file_or_the_whole_new_one(interrupted_at):
    interrupted_at(None)  # so that all is imported
    whole, calls, new = interrupted_at(None)
    assert whole.status == 0
    assert new.startswith("tick,cluster,core,")
    # Some points of the whole way, and the last ones, where the file is put in place.
    where = random.Random(1)
    points = [*(where.randrange(1, calls) for _ in range(40)), *range(calls - 60, calls)]
    at = r" at tick [\d,]+ \(\d+ %\), after \d+ rows"
    told = set()
    for point in points:
        result, _, content = interrupted_at(point)
        assert result.status == 130
        assert content in {"old\n", new}
        message = re.fullmatch(r"\nkvx-emu: interrupted(.*)\n", result.err)[1]
        if message:
            assert content == "old\n"
            assert re.fullmatch(rf"(?:{at}| before the start); no file was written", message)
        told.add(message)
    assert len(told) > 4


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
