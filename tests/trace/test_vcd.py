"""Value change dumps: the text, and what pywellen, vcd2fst and the save file of GTKWave make of it."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tracemalloc
from collections import Counter, defaultdict

import pytest
from command import ROOT, board_of, kvx_process

from kvx_emu.core_id import CoreId
from kvx_emu.errors import OutputError
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.formats.vcd import Scale, scale
from kvx_emu.trace.setting import Setting, cpu_number, line_name

SETTING = Setting(board="b.dts", script="s.yaml")
ROWS = [
    (10, 0, 0, "send", 24, None, None, 2),
    (10, 0, 1, "request", 24, 0, 0, 0),
    (12, 0, 1, "enter", 24, None, None, 0x1000000),
    (12, 0, 1, "coalesced", 25, 0, 16, 0),
    (15, 0, 1, "exit", 24, None, None, 0),
]

NEEDS_GTKWAVE = pytest.mark.skipif(shutil.which("vcd2fst") is None, reason="no vcd2fst (gtkwave) here")


def written(path, rows, setting=SETTING, notices=()):
    sink = open_sink(str(path), setting)
    for tick, core, lines in notices:
        sink.enabled(tick, core, lines)
    sink.add(rows)
    sink.flush()
    sink.close()
    return path.read_text()


def changes(path):
    """Return the (time, value) of each change of each signal, as pywellen reads them."""
    from pywellen import Waveform

    return {signal.full_name: list(signal.tv) for signal in Waveform(str(path)).all_vars()}


def test_a_dump_declares_the_lines_that_are_used_and_then_what_changes(tmp_path):
    assert written(tmp_path / "t.vcd", ROWS) == (
        "$version kvx-emu $end\n"
        "$comment s.yaml on b.dts, 1000000000 ticks a second $end\n"
        "$timescale 1 ns $end\n"
        "$scope module soc $end\n"
        "$scope module cluster0 $end\n"
        "$var reg 32 ! INTERRUPT0 [31:0] $end\n"
        '$var reg 16 " INTERRUPT0_from [15:0] $end\n'
        "$var event 1 # INTERRUPT0_written $end\n"
        "$scope module pe1 $end\n"
        "$var wire 1 $ ipi24_request $end\n"
        "$var wire 1 % ipi24_service $end\n"
        "$var event 1 ( ipi24_entered $end\n"
        "$var reg 16 & ipi24_from [15:0] $end\n"
        "$var event 1 ' ipi24_requested $end\n"
        "$var wire 1 ) ipi25_request $end\n"
        "$var wire 1 * ipi25_service $end\n"
        "$var event 1 , ipi25_coalesced $end\n"
        "$var reg 16 + ipi25_from [15:0] $end\n"
        "$upscope $end\n" * 1 + "$upscope $end\n"
        "$upscope $end\n"
        "$enddefinitions $end\n"
        "#10\n$dumpvars\n"
        'bx !\nbx "\n0$\n0%\nbx &\n0)\n0*\nbx +\n$end\n'
        "b10 !\nb0 \"\n1#\n1$\nb0 &\n1'\n"
        "#12\n0$\n1%\n1(\nb10000 +\n1,\n"
        "#15\n0%\n"
    )


def test_the_save_file_shows_every_signal_of_the_dump_in_groups(tmp_path):
    dump = written(tmp_path / "t.vcd", ROWS)
    saved = (tmp_path / "t.gtkw").read_text().splitlines()
    assert saved[:2] == ["[*] made by kvx-emu", '[dumpfile] "t.vcd"']
    assert [line for line in saved if line.startswith("-")] == ["-cluster0"] * 2 + ["-cluster0 pe1"] * 2
    names = [line.replace(" [", "[").split()[4] for line in dump.splitlines() if line.startswith("$var")]
    assert [line.split(".")[-1] for line in saved if line.startswith("soc.")] == names


def test_enabled_lines_are_shown_where_rows_name_them_or_they_change(tmp_path):
    one, two = CoreId(0, 1), CoreId(0, 2)
    notices = [(10, one, 0x3000000), (10, two, 0xFF000000)]
    sink = open_sink(str(tmp_path / "t.vcd"), SETTING)
    for notice in notices:
        sink.enabled(*notice)
    sink.add(ROWS)
    sink.enabled(20, one, 0x5000000)
    sink.enabled(20, two, 0xFE000000)
    sink.flush()
    sink.close()
    assert "pe2" not in (tmp_path / "t.gtkw").read_text()  # no row is about it
    found = changes(tmp_path / "t.vcd")
    enables = {name: tv for name, tv in found.items() if name.endswith("_enable")}
    assert enables.pop("soc.cluster0.pe2.ipi24_enable") == [(10, 1), (20, 0)]
    assert enables == {
        "soc.cluster0.pe1.ipi24_enable": [(10, 1)],
        "soc.cluster0.pe1.ipi25_enable": [(10, 1), (20, 0)],
        "soc.cluster0.pe1.ipi26_enable": [(10, 0), (20, 1)],
    }


def test_a_reset_ends_the_handlers_of_its_core(tmp_path):
    rows = [
        (1, 0, 1, "enter", 24, None, None, 0),
        (1, 0, 2, "enter", 24, None, None, 0),
        (5, 0, 1, "reset", None, None, None, 0),
        (6, 0, 1, "clear", 25, None, None, 0),
    ]
    written(tmp_path / "t.vcd", rows)
    found = changes(tmp_path / "t.vcd")
    assert found["soc.cluster0.pe1.ipi24_service"] == [(1, 0), (1, 1), (5, 0)]
    assert found["soc.cluster0.pe2.ipi24_service"] == [(1, 0), (1, 1)]
    assert [time for time, _ in found["soc.cluster0.pe1.reset"]] == [5]


def test_rows_of_blocks_outside_the_cores_are_moments_of_their_scope(tmp_path):
    rows = [
        (1, 0, None, "msi", 129, None, None, 5),
        (2, None, None, "lost", 3, None, None, 0),
        (3, 4, 16, "gic", 4, None, None, 7),
    ]
    written(tmp_path / "t.vcd", rows)
    found = changes(tmp_path / "t.vcd")
    assert {name: [time for time, _ in tv] for name, tv in found.items() if "apic" not in name} == {
        "soc.lost3": [2],
        "soc.cluster0.msi129": [1],
    }
    assert [time for time, _ in found["soc.cluster4.rm.apic_gic0_gic"]] == [3]


@pytest.mark.parametrize(
    ("hertz", "expected"),
    [
        (1, Scale("1 s", 1, 1)),
        (1_000_000_000, Scale("1 ns", 1, 1)),
        (500_000_000, Scale("1 ns", 2, 1)),
        (800_000_000, Scale("10 ps", 125, 1)),
        (32_768, Scale("1 ps", 30_517_578, 1)._replace(times=10**12, over=32_768)),
        (1_200_000_000, Scale("1 ps", 10**12, 1_200_000_000)),
    ],
)
def test_the_unit_is_the_coarsest_that_keeps_ticks_whole(hertz, expected):
    assert scale(hertz) == expected
    assert expected.exact is (10**12 % hertz == 0)


def test_times_of_a_clock_that_fits_no_unit_are_rounded_down_and_the_dump_says_so(tmp_path):
    dump = written(tmp_path / "t.vcd", ROWS, Setting(clock_hz=1_200_000_000))
    assert "$comment a tick is 1/1200000000 s: times are rounded down $end\n$timescale 1 ps $end\n" in dump
    assert re.findall(r"^#(\d+)$", dump, re.MULTILINE) == ["8333", "10000", "12500"]


def test_ticks_that_fall_into_one_unit_share_its_time(tmp_path):
    rows = [(tick, 0, 1, "wake", None, None, None, 0) for tick in (0, 1, 3)]
    dump = written(tmp_path / "t.vcd", rows, Setting(clock_hz=3 * 10**12))
    assert re.findall(r"^#(\d+)$", dump, re.MULTILINE) == ["0", "1"]


def test_a_name_can_not_end_the_comment(tmp_path):
    dump = written(tmp_path / "t.vcd", ROWS, Setting(script="$end\n$bad", board="b"))
    assert dump.splitlines()[1] == "$comment ?end??bad on b, 1000000000 ticks a second $end"


def test_many_signals_have_identifiers_of_their_own(tmp_path):
    rows = [
        (1, cluster, core, "request", line, None, None, 0)
        for cluster in range(64)
        for core in range(17)
        for line in range(24, 32)
    ]
    dump = written(tmp_path / "t.vcd", rows)
    ids = [line.split()[3] for line in dump.splitlines() if line.startswith("$var")]
    assert len(ids) == len(set(ids)) == 3 * len(rows)
    assert max(map(len, ids)) == 3


def test_memory_does_not_grow_with_the_rows(tmp_path):
    sink = open_sink(str(tmp_path / "t.vcd"), SETTING)
    chunk = [
        (tick, 0, tick % 17, event, 24, 0, 0, 0)
        for tick in range(1000)
        for event in ("request", "enter", "exit")
    ]
    sink.add(chunk)
    tracemalloc.start()
    for number in range(1, 60):
        sink.add([(number * 1000 + row[0], *row[1:]) for row in chunk])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sink.abandon()
    assert peak < 3_000_000
    assert list(tmp_path.iterdir()) == []


def test_a_sink_whose_second_file_can_not_be_opened_leaves_none(tmp_path):
    (tmp_path / "t.gtkw").mkdir()
    with pytest.raises(OutputError, match=r"t\.gtkw: can not be written: Is a directory$"):
        open_sink(str(tmp_path / "t.vcd"), SETTING)
    assert [path.name for path in tmp_path.iterdir()] == ["t.gtkw"]


def test_a_request_that_waits_while_one_is_handled_is_one_more(tmp_path):
    rows = [
        (1, 0, 1, "request", 24, None, None, 0),
        (2, 0, 1, "request", 24, None, None, 0),
        (3, 0, 1, "enter", 24, None, None, 0),
        (4, 0, 1, "send", 24, None, None, 1),
        (5, 0, 1, "send", 24, None, None, 2),
        (6, 0, 1, "clear", 24, 0, 1, 0),
    ]
    written(tmp_path / "t.vcd", rows)
    found = changes(tmp_path / "t.vcd")
    assert found["soc.cluster0.pe1.ipi24_request"] == [(1, 0), (1, 1), (6, 0)]
    assert [value for _, value in found["soc.cluster0.INTERRUPT0"]][1:] == [1, 2]


def test_what_ends_without_a_beginning_changes_nothing(tmp_path):
    rows = [
        (1, 0, 1, "exit", 24, None, None, 0),
        (2, 0, 1, "clear", 24, 0, 1, 0),
        (3, 0, 1, "enter", 24, None, None, 0),
        (3, 0, 1, "enter", 24, None, None, 0),
        (4, 0, 1, "exit", 24, None, None, 0),
        (5, 0, 1, "reset", None, None, None, 0),
        (6, 0, 1, "reset", None, None, None, 0),
    ]
    written(tmp_path / "t.vcd", rows)
    found = changes(tmp_path / "t.vcd")
    assert found["soc.cluster0.pe1.ipi24_request"] == [(1, 0)]
    assert found["soc.cluster0.pe1.ipi24_service"] == [(1, 0), (3, 1), (5, 0)]


def test_neither_file_is_there_if_one_can_not_be_written(tmp_path):
    (tmp_path / "t.gtkw").mkdir()
    status, _, err = kvx_process(
        "run", "boards/cluster.dts", "scripts/smoke.yaml", "--trace", tmp_path / "t.vcd"
    )
    assert (status, [path.name for path in tmp_path.iterdir()]) == (6, ["t.gtkw"])
    assert "t.gtkw: can not be written" in err


# Runs, against the rows of their CSV


def expected(rows):
    """Return the changes of request and service, by (cluster, core, line, signal), as rows tell them."""
    on, found = Counter(), defaultdict(list)

    def change(key, tick, by):
        before = on[key] > 0
        on[key] = max(0, on[key] + by)
        if (on[key] > 0) != before:
            found[key].append((tick, int(on[key] > 0)))

    for row in rows:
        tick, event, where = int(row["tick"]), row["event"], (row["cluster"], row["core"], row["line"])
        if event == "reset":
            for key in [key for key in on if key[:2] == where[:2] and key[3] == "service"]:
                change(key, tick, -on[key])
        elif event == "request":
            change((*where, "request"), tick, 1)
        elif event in {"enter", "clear"}:
            change((*where, "request"), tick, -1)
        if event in {"enter", "exit"}:
            change((*where, "service"), tick, 1 if event == "enter" else -1)
    return found


def signal(cluster, core, line, name):
    stem = line_name(int(line)).replace("-", "_")
    return f"soc.cluster{cluster}.{CoreId(0, int(core))}.{stem}_{name}"


def moments(rows, event, found, name):
    """Check that the moments of an event, in all cores, are those of its rows."""
    wanted = defaultdict(list)
    for row in rows:
        if row["event"] == event:
            wanted[signal(row["cluster"], row["core"], row["line"], name)].append(int(row["tick"]))
    assert {full: [time for time, _ in found[full]] for full in wanted} == wanted
    return sum(map(len, wanted.values()))


SCRIPTS = [
    "smoke", "nesting", "mask-and-coalesce", "devices", "timers", "linux-traffic", "power", "expectations",
]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_pywellen_reads_the_changes_that_the_rows_tell(tmp_path, script):
    file = ROOT / "scripts" / f"{script}.yaml"
    args = ("--trace", tmp_path / "t.vcd", "--csv", tmp_path / "t.csv", "--format", "none", "-q")
    assert kvx_process("run", board_of(file), file, *args).status == 0
    with open(tmp_path / "t.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = changes(tmp_path / "t.vcd")
    wanted = expected(rows)
    for key, tv in wanted.items():
        read = found[signal(*key)]
        assert read[0][1] == 0  # before anything happens
        assert read[1:] == tv
    counted = sum(
        moments(rows, event, found, name)
        for event, name in [
            ("request", "requested"), ("enter", "entered"), ("coalesced", "coalesced"), ("masked", "masked"),
        ]
    )  # fmt: skip
    names = ("request", "enter", "coalesced", "masked")
    assert counted == sum(row["event"] in names for row in rows) > 0
    for event, name in (("send", "INTERRUPT"), ("mask", "MASK")):
        writes = defaultdict(list)
        for row in rows:
            if row["event"] == event:
                writes[row["cluster"], int(row["line"]) - 24].append(row)
        for (cluster, number), of_register in writes.items():
            full = f"soc.cluster{cluster}.{name}{number}"
            assert [time for time, _ in found[f"{full}_written"]] == [int(r["tick"]) for r in of_register]
            last = of_register[-1]
            assert found[full][-1][1] == int(last["value"])
            assert found[f"{full}_from"][-1][1] == cpu_number(int(last["cluster"]), int(last["core"]))


@NEEDS_GTKWAVE
@pytest.mark.parametrize("script", ["smoke", "devices"])
def test_vcd2fst_reads_a_dump_without_a_word(tmp_path, script):
    file = ROOT / "scripts" / f"{script}.yaml"
    args = ("--trace", tmp_path / "t.vcd", "--format", "none", "-q")
    assert kvx_process("run", board_of(file), file, *args).status == 0
    done = subprocess.run(
        ["vcd2fst", tmp_path / "t.vcd", tmp_path / "t.fst"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert changes(tmp_path / "t.fst") == changes(tmp_path / "t.vcd")


def test_a_converted_trace_has_all_but_what_is_enabled(tmp_path):
    kvx_process("run", "boards/cluster.dts", "scripts/smoke.yaml", "--trace", tmp_path / "a.vcd",
                "--csv", tmp_path / "a.csv", "--format", "none")  # fmt: skip
    assert kvx_process("trace", "convert", tmp_path / "a.csv", tmp_path / "b.vcd").status == 0
    run, converted = changes(tmp_path / "a.vcd"), changes(tmp_path / "b.vcd")
    assert converted == {name: tv for name, tv in run.items() if not name.endswith("_enable")}
