"""What a run prints and writes: the formats, the filters, the files, and what it refuses to touch."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections import Counter

import pytest
from command import BOARD, ROOT, SCRIPTS, SMOKE, board_of, kvx_process, script_file

COLUMNS = ["tick", "cluster", "core", "event", "line", "from_cluster", "from_core", "value"]

FIRST_HEAD = "timing: {delivery: 40ns, entry: 20ns, service: 100ns}\n"
FIRST = """\
send: {from: pe0, to: [pe1, pe2]}
send: {from: pe3, to: pe1}
send: {from: pe4, to: pe1}
write: {from: pe5, addr: 0xad1000, value: 1}
wait: idle
expect: {core: pe1, line: 24, delivered: 2}
"""
FIRST_CSV = b"""\
tick,cluster,core,event,line,from_cluster,from_core,value
0,0,0,mask,24,,,4294901760
0,0,0,send,24,,,6
0,0,3,send,24,,,2
0,0,4,send,24,,,2
0,0,5,fault,,,,11341824
40,0,1,request,24,0,0,0
40,0,2,request,24,0,0,0
40,0,1,request,24,0,3,0
40,0,1,coalesced,24,0,4,0
60,0,1,enter,24,,,16777216
60,0,2,enter,24,,,16777216
160,0,1,exit,24,,,16777216
160,0,2,exit,24,,,0
180,0,1,enter,24,,,16777216
280,0,1,exit,24,,,0
"""


@pytest.fixture
def first(tmp_path):
    """Return a small script in which most things happen."""
    return script_file(tmp_path, FIRST, FIRST_HEAD, "first.yaml")


def rows_of(text):
    lines = text.splitlines()
    assert lines[0].split(",") == COLUMNS
    return [line.split(",") for line in lines[1:]]


# Formats


def test_csv_on_standard_output_is_exact_to_the_byte(first):
    result = kvx_process("run", BOARD, first, "--format", "csv", "-q", text=False)
    assert result == (0, FIRST_CSV, "")


def test_csv_in_a_file_is_the_same_bytes_whatever_its_suffix(kvx, first, tmp_path):
    path = tmp_path / "trace.anything"
    assert kvx("run", BOARD, first, "--csv", path, "--format", "none", "-q") == (0, "", "")
    assert path.read_bytes() == FIRST_CSV


def test_json_lines_hold_the_rows_of_the_csv(kvx, first):
    lines = kvx("run", BOARD, first, "--format", "jsonl", "-q").out.splitlines()
    records = [json.loads(line) for line in lines]
    assert all(list(record) == COLUMNS for record in records)
    shown = [["" if value is None else str(value) for value in record.values()] for record in records]
    assert shown == rows_of(FIRST_CSV.decode())
    assert records[4] == {
        "tick": 0,
        "cluster": 0,
        "core": 5,
        "event": "fault",
        "line": None,
        "from_cluster": None,
        "from_core": None,
        "value": 0xAD1000,
    }


def test_the_csv_module_reads_the_csv(kvx, first):
    text = kvx("run", BOARD, first, "--format", "csv", "-q").out
    records = list(csv.DictReader(io.StringIO(text)))
    assert records[5]["from_core"] == "0"
    assert records[4]["line"] == ""


def test_format_none_prints_nothing(kvx, first):
    assert kvx("run", BOARD, first, "--format", "none", "-q") == (0, "", "")


def test_several_traces_in_several_formats_are_written_at_once(kvx, first, tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b.jsonl", tmp_path / "c"]
    args = ["--trace", paths[0], "--trace", paths[1], "--csv", paths[2], "--format", "jsonl", "-q"]
    status, out, err = kvx("run", BOARD, first, *args)
    assert (status, err) == (0, "")
    assert paths[0].read_bytes() == paths[2].read_bytes() == FIRST_CSV
    assert paths[1].read_text() == out


@pytest.mark.parametrize("name", ["t.txt", "t", "t.CSV", "x.csv/t", ".csv", "t.wavedrom", ".json"])
def test_a_suffix_that_says_no_format_is_refused_with_the_known_ones(kvx, first, tmp_path, name):
    path = tmp_path / name
    status, out, err = kvx("run", BOARD, first, "--trace", path)
    assert (status, out) == (2, "")
    known = ".csv, .jsonl, .parquet, .vcd, .dat, .ftrace, .ctf, .json, .svg, .wavedrom.json"
    assert err == f"kvx-emu: {path}: the suffix says the format; known: {known}\n"


def test_the_table_is_exact(kvx, first):
    assert kvx("run", BOARD, first, "-q").out == (
        "core      tick  event        line  from         value\n"
        "------  ------  ---------  ------  ------  ----------\n"
        "pe0          0  mask           24          0xffff0000\n"
        "pe0          0  send           24                 0x6\n"
        "------  ------  ---------  ------  ------  ----------\n"
        "pe1         40  request        24  pe0              0\n"
        "pe1         40  request        24  pe3              0\n"
        "pe1         40  coalesced      24  pe4              0\n"
        "pe1         60  enter          24           0x1000000\n"
        "pe1        160  exit           24           0x1000000\n"
        "pe1        180  enter          24           0x1000000\n"
        "pe1        280  exit           24                   0\n"
        "------  ------  ---------  ------  ------  ----------\n"
        "pe2         40  request        24  pe0              0\n"
        "pe2         60  enter          24           0x1000000\n"
        "pe2        160  exit           24                   0\n"
        "------  ------  ---------  ------  ------  ----------\n"
        "pe3          0  send           24                 0x2\n"
        "------  ------  ---------  ------  ------  ----------\n"
        "pe4          0  send           24                 0x2\n"
        "------  ------  ---------  ------  ------  ----------\n"
        "pe5          0  fault                        0xad1000\n"
        "\n"
        "core      line    sent    masked    requested    coalesced    delivered    pending    cleared\n"
        "------  ------  ------  --------  -----------  -----------  -----------  ---------  ---------\n"
        "pe1         24       3         0            2            1            2          0          0\n"
        "pe2         24       1         0            1            0            1          0          0\n"
        "------  ------  ------  --------  -----------  -----------  -----------  ---------  ---------\n"
        "all                  4         0            3            1            3          0          0\n"
        "\n"
        "17 cores at 1000 MHz; 15 rows; last event at tick 280; 1 of 1 expectations held\n"
    )


def test_a_run_in_which_nothing_happens_says_so(kvx, tmp_path):
    script = script_file(tmp_path, "wait: 5", "software: bare\n")
    assert kvx("run", BOARD, script) == (
        0,
        "no rows\n\n17 cores at 1000 MHz; 0 rows; last event at tick 0; nothing was expected\n",
        "",
    )


# The summary


def summary_of(out):
    """Return the summary of a printed table, a dict of numbers a line, the sums last."""
    table = out.split("\n\n")[-2].splitlines()
    names = [
        "in flight" if name == "flight" else name for name in table[0].split() if name not in {"in", "by"}
    ]
    lines = [line.split() for line in table[2:] if not line.startswith("--")]
    lines[-1].insert(1, "")
    return [
        {name: int(value) if value.isdecimal() else value for name, value in zip(names, line, strict=True)}
        for line in lines
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_summary_of_every_script_adds_up_and_counts_the_rows(kvx, script):
    out = kvx("run", board_of(script), script).out
    rows = rows_of(kvx("run", board_of(script), script, "--format", "csv").out)
    *lines, total = summary_of(out)
    count = Counter((cluster, core, line, event) for _, cluster, core, event, line, *_ in rows)
    assert lines
    for line in lines:
        unsent = line.get("unsent", 0)
        assert line["sent"] == line["masked"] + line["requested"] + line["coalesced"] - unsent
        assert line["requested"] == line["delivered"] + line["pending"] + line["cleared"]
        cluster, _, name = line["core"].rpartition(".")
        place = cluster.removeprefix("c") or "0", "16" if name == "rm" else name.removeprefix("pe")
        for name, event in {
            "masked": "masked",
            "requested": "request",
            "coalesced": "coalesced",
            "delivered": "enter",
            "cleared": "clear",
        }.items():
            assert line[name] == count[*place, str(line["line"]), event]
    for name in total:
        if name not in {"core", "line"}:
            assert total[name] == sum(line[name] for line in lines)


def test_what_a_limit_caught_between_write_and_arrival_is_in_the_summary(kvx, first):
    out = kvx("run", BOARD, first, "--limit-ticks", "39").out
    lines = summary_of(out)
    assert [line["in flight"] for line in lines] == [3, 1, 4]
    assert [line["sent"] for line in lines] == [3, 1, 4]


def test_what_was_taken_and_not_entered_is_pending(kvx, first):
    *lines, _ = summary_of(kvx("run", BOARD, first, "--limit-ticks", "59").out)
    assert [(line["requested"], line["delivered"], line["pending"]) for line in lines] == [
        (2, 0, 2),
        (1, 0, 1),
    ]


def test_requests_of_software_are_counted_apart(kvx, tmp_path):
    script = script_file(tmp_path, "sfr: {core: pe1, register: ILR, set: 0x01000000}\nwait: idle")
    *lines, _ = summary_of(kvx("run", BOARD, script).out)
    assert [(line["sent"], line["requested"], line["unsent"]) for line in lines] == [(0, 1, 1)]


# Filters


@pytest.mark.parametrize(
    ("options", "cores"),
    [
        (["--core", "pe1"], {"1"}),
        (["--core", "pe1", "--core", "pe2"], {"1", "2"}),
        (["--core", "pe1,pe2"], {"1", "2"}),
        (["--core", "pe3-5"], {"3", "4", "5"}),
        (["--core", "pe0-1, pe4"], {"0", "1", "4"}),
        (["--core", "c0.pe2"], {"2"}),
        (["--core", "all"], {"0", "1", "2", "3", "4", "5"}),
        (["--core", "pes"], {"0", "1", "2", "3", "4", "5"}),
        (["--core", "rm"], set()),
    ],
)
def test_a_filter_by_core_takes_names_ranges_sets_and_lists(kvx, first, options, cores):
    rows = rows_of(kvx("run", BOARD, first, "-q", "--format", "csv", *options).out)
    assert {row[2] for row in rows} == cores
    assert [row for row in rows_of(FIRST_CSV.decode()) if row[2] in cores] == rows


def test_a_filter_by_core_knows_clusters(kvx, tmp_path):
    script = script_file(tmp_path, "send: {from: pe0, to: [c1.pe2, pe2]}")
    args = ["run", "boards/coolidge.dts", script, "--format", "csv", "--event", "request"]
    assert rows_of(kvx(*args, "--core", "c1.all").out) == [["0", "1", "2", "request", "24", "0", "0", "0"]]
    assert len(rows_of(kvx(*args, "--core", "pe2,c1.pe2").out)) == 2


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--line", "24"], {"24"}),
        (["--line", "25"], {"25"}),
        (["--line", "25-31"], {"25", "26"}),
        (["--line", "24,26"], {"24", "26"}),
        (["--line", "24", "--line", "26"], {"24", "26"}),
        (["--line", "0-23"], set()),
    ],
)
def test_a_filter_by_line_takes_numbers_ranges_and_lists(kvx, tmp_path, options, lines):
    script = script_file(tmp_path, "\n".join(f"send: {{to: pe1, line: {line}}}" for line in (24, 25, 26)))
    rows = rows_of(kvx("run", BOARD, script, "-q", "--format", "csv", *options).out)
    assert {row[4] for row in rows} == lines


def test_a_row_without_a_line_passes_no_filter_by_line(kvx, first):
    rows = rows_of(kvx("run", BOARD, first, "-q", "--format", "csv", "--line", "0-31").out)
    assert "fault" not in {row[3] for row in rows}
    assert len(rows) == 14


@pytest.mark.parametrize("options", [["--event", "enter", "--event", "exit"], ["--event", "enter,exit"]])
def test_a_filter_by_event_takes_several(kvx, first, options):
    rows = rows_of(kvx("run", BOARD, first, "-q", "--format", "csv", *options).out)
    assert [row[3] for row in rows] == ["enter", "enter", "exit", "exit", "enter", "exit"]


@pytest.mark.parametrize(
    ("options", "ticks"),
    [
        (["--from", "60"], [60, 60, 160, 160, 180, 280]),
        (["--from", "61"], [160, 160, 180, 280]),
        (["--to", "60", "--from", "1"], [40, 40, 40, 40, 60, 60]),
        (["--to", "59", "--from", "1"], [40, 40, 40, 40]),
        (["--from", "160", "--to", "160"], [160, 160]),
        (["--from", "281"], []),
    ],
)
def test_a_window_of_ticks_has_both_its_ends(kvx, first, options, ticks):
    rows = rows_of(kvx("run", BOARD, first, "-q", "--format", "csv", *options).out)
    assert [int(row[0]) for row in rows] == ticks


def test_filters_apply_to_files_too_and_change_nothing_of_what_happens(kvx, first, tmp_path):
    path = tmp_path / "t.csv"
    args = ["--csv", path, "--core", "pe1", "--event", "enter", "--from", "100"]
    status, out, _ = kvx("run", BOARD, first, "-q", *args)
    assert status == 0
    assert path.read_text().splitlines()[1:] == ["180,0,1,enter,24,,,16777216"]
    assert "1 of 1 expectations held" in out
    assert "; 15 rows;" in out


def test_the_summary_keeps_to_the_cores_and_lines_that_are_shown(kvx, first):
    lines = summary_of(kvx("run", BOARD, first, "-q", "--core", "pe2", "--event", "enter").out)
    assert [line["core"] for line in lines] == ["pe2", "all"]
    assert lines[-1]["sent"] == 1
    assert "sent" not in kvx("run", BOARD, first, "-q", "--line", "31").out


# Inputs


OLD_AND_NEW = ["coolidge-qemu.dts", "coolidge-qemu.dtb", "mppa-coolidge.dtb"]


@pytest.mark.parametrize("board", OLD_AND_NEW[1:])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "table"])
def test_trees_of_the_old_shape_and_of_the_new_give_the_same_bytes(kvx, shared, board, kind):
    args = ["scripts/linux-traffic.yaml", "--format", kind]
    first, second = (kvx("run", shared / "boards" / name, *args) for name in (OLD_AND_NEW[0], board))
    assert first.status == 0
    assert len(first.out) > 10_000
    assert second == first


def test_a_run_in_another_process_and_with_another_hash_seed_gives_the_same_bytes(kvx):
    args = ["run", BOARD, "scripts/linux-traffic.yaml", "--format", "csv"]
    expected = kvx(*args).out
    for seed in ("1", "2"):
        assert kvx_process(*args, env=os.environ | {"PYTHONHASHSEED": seed}).out == expected


def test_the_board_can_come_from_standard_input(kvx, first):
    text = (ROOT / BOARD).read_bytes()
    assert kvx("run", "-", first, "--format", "csv", "-q", stdin=text).out == FIRST_CSV.decode()


def test_the_script_can_come_from_standard_input(kvx, first):
    status, out, err = kvx("run", BOARD, "-", "--format", "csv", "-q", stdin=first.read_bytes())
    assert (status, out, err) == (0, FIRST_CSV.decode(), "")


def test_messages_call_standard_input_by_a_name(kvx):
    status, _, err = kvx("run", BOARD, "-", stdin=b"version: 1\nsteps: []\n")
    assert status == 3
    assert err.startswith("<stdin>:2:8: error[")


def test_params_and_the_seed_are_taken_from_the_command_line(kvx, tmp_path):
    script = script_file(
        tmp_path,
        "random: {count: '${n}', every: 1, from: pes, targets: one}",
        "params: {n: 1}\n",
    )
    args = ["run", BOARD, script, "--format", "csv", "--event", "send"]

    def sends(*more):
        return rows_of(kvx(*args, *more).out)

    assert len(sends()) == 1
    assert len(sends("--set", "n=5")) == 5
    assert len(sends("--set", "n=0x10")) == 16
    assert sends("--set", "n=50") == sends("--set", "n=50", "--seed", "0")
    assert sends("--set", "n=50") != sends("--set", "n=50", "--seed", "1")


# Files


def test_an_output_that_is_the_script_is_refused(kvx, first):
    before = first.read_text()
    status, out, err = kvx("run", BOARD, first, "--csv", first)
    assert (status, out) == (2, "")
    assert err == f"kvx-emu: {first} would overwrite {first}\n"
    assert first.read_text() == before


def test_an_output_that_is_the_board_by_another_path_is_refused(kvx, first, tmp_path):
    board = tmp_path / "board.dts"
    board.write_bytes((ROOT / BOARD).read_bytes())
    link = tmp_path / "link.csv"
    link.symlink_to(board)
    for path in (link, f"{tmp_path}/./board.dts"):
        status, out, err = kvx("run", board, first, "--csv", path)
        assert (status, out) == (2, "")
        assert err == f"kvx-emu: {path} would overwrite {board}\n"
    assert board.read_bytes() == (ROOT / BOARD).read_bytes()


def test_an_output_that_is_the_board_behind_a_link_is_refused(kvx, first, tmp_path):
    board = tmp_path / "board.csv"
    board.write_bytes((ROOT / BOARD).read_bytes())
    link = tmp_path / "link.dts"
    link.symlink_to(board)
    assert kvx("run", link, first, "--trace", board).status == 2
    assert board.read_bytes() == (ROOT / BOARD).read_bytes()


def test_an_output_that_is_standard_input_is_refused(first):
    before = first.read_text()
    with first.open() as stdin:
        status, out, err = kvx_process("run", BOARD, "-", "--csv", first, stdin=stdin)
    assert (status, out) == (2, "")
    assert err == f"kvx-emu: {first} would overwrite standard input\n"
    assert first.read_text() == before


def test_two_outputs_of_one_name_are_refused(kvx, first, tmp_path):
    path = tmp_path / "t.csv"
    status, out, err = kvx(
        "run", BOARD, first, "--csv", path, "--trace", f"{tmp_path}/../{tmp_path.name}/t.csv"
    )
    assert (status, out) == (2, "")
    assert err.startswith("kvx-emu: ")
    assert err.endswith(f" would overwrite {tmp_path}/../{tmp_path.name}/t.csv\n")
    assert not path.exists()


def test_two_outputs_may_be_thrown_away(kvx, first):
    assert kvx("run", BOARD, first, "-q", "--csv", "/dev/null", "--csv", "/dev/null").status == 0


def test_a_run_replaces_an_old_trace_and_keeps_its_mode(kvx, first, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x" * 10_000)
    path.chmod(0o640)
    assert kvx("run", BOARD, first, "-q", "--csv", path).status == 0
    assert path.read_bytes() == FIRST_CSV
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_an_output_that_is_a_link_is_followed(kvx, first, tmp_path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    assert kvx("run", BOARD, first, "-q", "--csv", link).status == 0
    assert link.is_symlink()
    assert target.read_bytes() == FIRST_CSV


def test_a_failed_expectation_keeps_the_trace(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}\nexpect: {delivered: 7}")
    path = tmp_path / "t.csv"
    assert kvx("run", BOARD, script, "--csv", path).status == 1
    assert len(rows_of(path.read_text())) == 5


def test_a_limit_keeps_the_trace_up_to_it(kvx, first, tmp_path):
    path = tmp_path / "t.csv"
    assert kvx("run", BOARD, first, "--csv", path, "--limit-ticks", "0").status == 4
    assert len(rows_of(path.read_text())) == 5


def test_standard_output_under_its_device_name_can_be_an_output(first, tmp_path):
    args = ["run", BOARD, first, "-q", "--format", "none", "--csv", "/dev/stdout"]
    assert kvx_process(*args, text=False) == (0, FIRST_CSV, "")
    with (tmp_path / "out").open("wb") as out:
        assert kvx_process(*args, stdout=out).status == 0
    assert (tmp_path / "out").read_bytes() == FIRST_CSV


def test_an_output_that_is_also_standard_output_loses_neither(first, tmp_path):
    path = tmp_path / "out"
    with path.open("wb") as out:
        assert kvx_process("run", BOARD, first, "-q", "--csv", path, stdout=out).status == 0
    text = path.read_text()
    assert text.startswith(FIRST_CSV.decode() + "core      tick  event")
    assert text.endswith("1 of 1 expectations held\n")


# Standard error and the terminal


def test_warnings_go_to_standard_error_with_their_places(kvx, first):
    status, out, err = kvx("run", BOARD, first, "--format", "csv")
    assert (status, out) == (0, FIRST_CSV.decode())
    assert err.startswith(f"{first}:7:5: warning[bus-error]: write to 0xad1000: ")


def test_warnings_about_the_board_are_told_by_a_run(kvx, first, tmp_path):
    board = tmp_path / "board.dts"
    text = (ROOT / BOARD).read_text()
    assert text.count("<&pe7 24>, ") == 1
    board.write_text(text.replace("<&pe7 24>, ", ""))
    loud = kvx("run", board, first, "--format", "none")
    assert loud.status == 0
    assert loud.err.startswith(f"{board}:131:4: warning[ipi-core-missing]: not wired to pe7: ")
    assert kvx("run", board, first, "--format", "none", "-q") == (0, "", "")


def test_quiet_leaves_no_warning(kvx, first):
    assert kvx("run", BOARD, first, "-q", "--format", "none").err == ""


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}])
@pytest.mark.parametrize(
    "args",
    [["--help"], ["run", BOARD, SMOKE], ["check", BOARD, SMOKE], ["show", BOARD], ["run", BOARD, "none"]],
)
def test_nothing_has_escape_codes_in_a_pipe(args, env):
    result = kvx_process(*args, env=os.environ | env)
    assert "\x1b" not in result.out + result.err


def test_source_lines_with_odd_bytes_can_be_shown_in_any_encoding(tmp_path):
    board = tmp_path / "board.dts"
    board.write_bytes(b'/dts-v1/;\n/ { a = "\xe9" b; };\n')
    for encoding in ("utf-8:strict", "ascii:strict", "latin-1:strict"):
        for args in (["check", board], ["check", board, "--format", "json"], ["run", board, SMOKE]):
            env = os.environ | {"PYTHONIOENCODING": encoding}
            result = kvx_process(*args, env=env, errors="replace")
            assert result.status == 3
            assert "Traceback" not in result.err
