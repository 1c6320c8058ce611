"""Which format a file's name says, and what is written for it."""

from __future__ import annotations

import pytest

from kvx_emu.errors import UsageError
from kvx_emu.trace.formats import FORMATS, open_sink, suffix_of, written
from kvx_emu.trace.setting import Setting, cpu_number, line_name


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("t.csv", ".csv"),
        ("a/b.c/t.jsonl", ".jsonl"),
        ("t.json", ".json"),
        ("t.wavedrom.json", ".wavedrom.json"),
        ("t.json.csv", ".csv"),
        ("wavedrom.json", ".json"),
        ("t", None),
        ("x.csv/t", None),
        (".csv", None),
        ("t.CSV", None),
    ],
)
def test_the_longest_suffix_that_fits_says_the_format(path, suffix):
    assert suffix_of(path) == suffix


def test_all_that_is_written_for_a_trace_is_known_before():
    assert written("a.b/x.vcd") == ["a.b/x.vcd", "a.b/x.gtkw"]
    assert written("x.csv") == ["x.csv"]
    with pytest.raises(UsageError, match=r"^x: the suffix says the format; known: \.csv, "):
        written("x")


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_has_a_writer_that_leaves_nothing_when_it_is_abandoned(tmp_path, suffix):
    sink = open_sink(str(tmp_path / f"t{suffix}"), Setting())
    sink.add([(1, 0, 1, "request", 24, 0, 0, 0)])
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_can_hold_no_row(tmp_path, suffix):
    sink = open_sink(str(tmp_path / f"t{suffix}"), Setting())
    sink.flush()
    sink.close()
    sink.abandon()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.rsplit("/", 1)[1] for path in written(str(tmp_path / f"t{suffix}"))
    )


def test_a_tick_of_a_clock_that_fits_no_nanosecond_is_rounded_down():
    setting = Setting(clock_hz=1_200_000_000)
    assert [setting.nanoseconds(tick) for tick in (0, 1, 6)] == [0, 0, 5]
    assert [setting.picoseconds(tick) for tick in (0, 1, 6)] == [0, 833, 5000]


def test_the_tools_of_linux_know_17_cores_a_cluster():
    assert cpu_number(0, 0) == 0
    assert cpu_number(0, 16) == 16
    assert cpu_number(4, 16) == 84
    assert cpu_number(2, None) == 34
    assert cpu_number(None, None) == 0


def test_lines_are_called_what_they_are_for():
    names = {0: "timer0", 1: "timer1", 2: "watchdog", 3: "line3", 4: "apic-gic0", 7: "apic-gic3"}
    assert {line: line_name(line) for line in names} == names
    assert [line_name(line) for line in (8, 23, 24, 31)] == ["line8", "line23", "ipi24", "ipi31"]
