"""The Python interface: boards, runs and what came of them."""

from __future__ import annotations

import subprocess
import sys
from collections import UserDict

import pytest
from command import BOARD, ROOT, SMOKE, kvx_process

import kvx_emu
from kvx_emu import CoreId, InputError, Machine, OutputError, UsageError
from kvx_emu.dt.load import load_tree
from kvx_emu.trace.tally import Line

PING = {
    "version": 1,
    "name": "ping",
    "params": {"n": 1},
    "timing": {"delivery": "40ns", "service": {24: "100ns"}},
    "steps": [
        {"repeat": {"count": "${n}", "every": "1us", "steps": [{"send": {"to": ["pe1"]}}]}},
        {"expect": {"core": "pe1", "line": 24, "delivered": 1}},
    ],
}
PING_YAML = """\
version: 1
steps:
  - send: {to: pe1}
  - expect: {core: pe1, delivered: 2}
"""
BOARD_PATH = str(ROOT / BOARD)


@pytest.fixture(scope="module")
def machine():
    return kvx_emu.load_board(BOARD_PATH)


# Names


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, kvx_emu\n"
        "heavy = {'numpy', 'click', 'yaml', 'fdt', 'kvx_emu.api', 'kvx_emu.errors'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "import kvx_emu.api\n"
        "print(sorted({'numpy', 'click', 'yaml', 'fdt', 'pytest'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_every_name_that_is_promised_is_there():
    for name in kvx_emu.__all__:
        assert getattr(kvx_emu, name) is not None
        assert name in dir(kvx_emu)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'kvx_emu' has no attribute 'simulate'"):
        kvx_emu.simulate  # noqa: B018


# Boards


def test_a_board_is_a_path_a_name_a_text_or_bytes():
    text = (ROOT / BOARD).read_text()
    found = [
        kvx_emu.load_board(board) for board in (BOARD_PATH, ROOT / BOARD, "cluster", text, text.encode())
    ]
    assert [len(board.cores) for board in found] == [17] * 5
    assert [board.board for board in found[-2:]] == ["<board>", "<board>"]
    assert repr(found[-1]) == "<Machine: <board>, 17 cores>"
    assert found[0].clock_hz == 1_000_000_000
    assert found[0].cores[1] == CoreId(0, 1)


def test_a_board_can_be_a_blob(tmp_path):
    source = kvx_emu.load_board(BOARD_PATH)
    path = tmp_path / "cluster.dtb"
    path.write_bytes(load_tree(BOARD_PATH).to_dtb())
    assert kvx_emu.load_board(path).cores == kvx_emu.load_board(path.read_bytes()).cores == source.cores


def test_overlays_includes_and_macros_are_as_on_the_command_line(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "clock.h").write_text("#define CLOCK FREQUENCY\n")
    overlay = '#include "clock.h"\n/dts-v1/;\n/plugin/;\n&{/cpus} { timebase-frequency = <CLOCK>; };\n'
    board = kvx_emu.load_board(
        BOARD_PATH, overlays=[overlay], include=[tmp_path / "more"], defines={"FREQUENCY": "500000000"}
    )
    assert len(board.cores) == 17
    with pytest.raises(InputError) as caught:
        kvx_emu.load_board(BOARD_PATH, overlays=[overlay])
    assert "clock.h" in str(caught.value)


def test_the_profile_is_that_of_the_command_line():
    assert kvx_emu.load_board("cluster", profile="qemu").run("smoke").tick > 0
    with pytest.raises(UsageError, match=r"profile: found 'vendor'; expected one of hardware, qemu"):
        kvx_emu.load_board("cluster", profile="vendor")


def test_a_board_that_is_wrong_tells_all_of_it():
    with pytest.raises(InputError) as caught:
        kvx_emu.load_board("/dts-v1/;\n/ { a = <1>\n b = ; };\n")
    assert {finding.place.path for finding in caught.value.findings} == {"<board>"}
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("board", ["no/such.dts", "clutser"])
def test_a_board_that_is_not_there_is_told(board):
    with pytest.raises(UsageError, match=f"cannot read {board}: No such file or directory"):
        kvx_emu.load_board(board)


# Scripts


def test_a_script_is_a_path_a_name_a_text_or_a_mapping(machine):
    assert machine.run(ROOT / SMOKE).name == "smoke"
    assert machine.run("smoke").passed
    assert not machine.run(PING_YAML).passed
    assert machine.run(PING).name == "ping"
    assert machine.run(UserDict(PING)).passed


def test_the_message_of_a_mapping_shows_the_step(machine):
    result = machine.run(PING, params={"n": 2})
    assert str(result.failures[0]).splitlines()[:3] == [
        "<script>:7:1: error[expectation]: pe1 line 24: expected delivered 1, found 2",
        '  {"expect": {"core": "pe1", "line": 24, "delivered": 1}}',
        "  ^",
    ]


def test_text_in_a_mapping_stays_what_it_is(machine):
    name = 'é \U0001f600 "${" \\ \t'
    assert machine.run({"version": 1, "name": name.replace("${", "$"), "steps": ({"wait": 1},)}).name == (
        'é \U0001f600 "$" \\ \t'
    )


def test_every_run_of_a_machine_starts_from_the_same_state(machine):
    first = machine.run(ROOT / SMOKE)
    machine.run(PING)
    again = machine.run(ROOT / SMOKE)
    assert again.trace == first.trace
    assert again.json() == first.json()


def test_a_board_can_be_given_to_run_itself(machine):
    assert kvx_emu.run("cluster", PING).trace == kvx_emu.run(machine, PING).trace


def test_the_seed_the_engine_and_the_limits_are_those_of_the_command_line(machine):
    script = {
        "version": 1,
        "steps": [{"random": {"count": 50, "every": "10ns", "from": "pes", "targets": "uniform"}}],
    }
    runs = {seed: machine.run(script, seed=seed).trace for seed in (0, 1)}
    assert machine.run(script).trace == runs[0] != runs[1]
    assert machine.run(script, seed=1, engine="vector").trace == runs[1]
    assert machine.run(script, limit_events=10).stopped == "10 events"
    stopped = machine.run(script, limit_ticks=100)
    assert (stopped.stopped, stopped.passed, stopped.failures) == ("tick 100", False, ())
    assert stopped.trace == runs[0].where(last=100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "fast"}, "engine: found 'fast'; expected one of auto, reference, vector"),
        ({"seed": -1}, r"seed: found -1; expected a number 0\.\.2\^64 - 1"),
        ({"seed": 1 << 64}, r"seed: found 18446744073709551616; expected a number 0\.\.2\^64 - 1"),
        ({"limit_ticks": -5}, "limit_ticks: found -5"),
        ({"params": {"m": 1}}, "no parameter `m`"),
        ({"trace": "trace.txt"}, "trace.txt: the suffix says the format"),
    ],
)
def test_what_can_not_be_is_a_usage_error(machine, options, message):
    with pytest.raises(UsageError, match=message):
        machine.run(PING, **options)


def test_a_script_that_is_wrong_tells_all_of_it(machine):
    with pytest.raises(InputError) as caught:
        machine.run({"version": 1, "steps": [{"send": {"to": ["pe16"]}}, {"wiat": "idle"}]})
    assert [finding.code for finding in caught.value.findings] == ["script-core", "script-step"]


def test_what_a_script_expects_is_told_without_a_run(machine):
    found = machine.expected(PING_YAML)
    assert [(place.line, title) for place, title in found] == [(4, "pe1: delivered 2")]
    assert [title for _, title in machine.expected(PING, params={"n": 3})] == ["pe1 line 24: delivered 1"]


# Results


def test_a_result_tells_what_the_command_tells(machine, monkeypatch):
    monkeypatch.chdir(ROOT)
    printed = kvx_process("run", BOARD, SMOKE, "--summary", "json")
    result = kvx_emu.run(BOARD, SMOKE)
    assert result.json() == printed.out
    report = kvx_process("run", BOARD, SMOKE, "--format", "none", "--junit", "/dev/stdout")
    assert result.junit() == report.out


def test_a_result_that_has_passed(machine):
    result = machine.run(ROOT / SMOKE)
    assert (result.passed, result.failures, result.warnings, result.stopped) == (True, (), (), None)
    assert len(result.expectations) == 14
    assert result.tick == result.trace.tick[-1] == 500
    result.assert_passed()


def test_a_result_that_has_not_passed_tells_why(machine):
    with pytest.raises(AssertionError) as caught:
        machine.run(PING, params={"n": 2}).assert_passed()
    assert str(caught.value).startswith("<script>:7:1: error[expectation]: pe1 line 24: expected delivered 1")
    with pytest.raises(AssertionError, match=r"\Astopped by a limit: 2 events\Z"):
        machine.run(PING, limit_events=2).assert_passed()


def test_the_warnings_of_the_board_come_first():
    text = (ROOT / BOARD).read_text().replace("/dts-v1/;", "/dts-v1/;\n#warning first", 1)
    board = kvx_emu.load_board(text)
    script = {"version": 1, "software": "bare", "steps": [{"send": {"to": ["pe1"]}}, {"wait": "idle"}]}
    codes = [finding.code for finding in board.run(script).warnings]
    assert codes[: len(board.warnings)] == [finding.code for finding in board.warnings]
    assert len(codes) == len(board.warnings) + 1 > 1


def test_the_counts_of_a_line_are_asked_by_name(machine):
    result = machine.run(PING)
    expected = Line(sent=1, requested=1, delivered=1)
    assert result.line("pe1", 24) == result.line(CoreId(0, 1), 24) == expected
    assert result.summary == {(CoreId(0, 1), 24): expected}
    assert result.line("rm", 31) == Line()
    with pytest.raises(UsageError, match=r"the board has no core c1\.pe0"):
        result.line("c1.pe0", 24)


# Files


def test_traces_are_written_while_it_runs(machine, tmp_path):
    paths = [tmp_path / "a.csv", str(tmp_path / "b.jsonl")]
    result = machine.run(PING, trace=paths)
    assert len(paths[0].read_text().splitlines()) == 1 + len(result.trace)
    machine.run(PING, trace=tmp_path / "c.csv", keep_trace=False)
    assert (tmp_path / "c.csv").read_bytes() == paths[0].read_bytes()


def test_rows_that_were_not_kept_are_not_there(machine):
    result = machine.run(PING, keep_trace=False)
    assert result.passed
    with pytest.raises(UsageError, match="the rows were not kept"):
        result.trace  # noqa: B018


def test_an_output_that_can_not_be_written_is_an_output_error(machine, tmp_path):
    with pytest.raises(OutputError, match="can not be written"):
        machine.run(PING, trace=tmp_path / "no" / "a.csv")


def test_a_run_that_fails_leaves_the_old_file(machine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OutputError):
        machine.run(PING, trace=[path, tmp_path / "no" / "b.csv"])
    assert path.read_text() == "old"


def test_no_trace_is_written_over_an_input_or_another(machine, tmp_path):
    table, script = tmp_path / "table.csv", tmp_path / "script.yaml"
    table.write_text("tick,addr,value\n0,0xad0000,2\n")
    script.write_text("version: 1\nsteps:\n  - replay: {file: table.csv}\n")
    assert machine.run(script).line("pe1", 24).requested == 1
    for paths in (table, [tmp_path / "a.csv", str(tmp_path / "." / "a.csv")]):
        with pytest.raises(UsageError, match=r"csv would overwrite an input or another output"):
            machine.run(script, trace=paths)
    assert table.read_text() == "tick,addr,value\n0,0xad0000,2\n"


def test_a_machine_is_what_load_board_returns(machine):
    assert isinstance(machine, Machine)
