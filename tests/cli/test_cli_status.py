"""Every exit status that is promised, each provoked; statuses 1 to 6 never with a traceback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command import BOARD, ROOT, SMOKE, kvx_process, script_file, started

LONG = "repeat: {count: 10000000, every: 100, steps: [{send: {to: pe1}}]}"

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
needs_other_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")


def assert_told(result, status, message):
    assert (result.status, result.out) == (status, "")
    assert message in result.err
    assert "Traceback" not in result.err


# 0 and 1


def test_a_run_whose_expectations_hold_gives_0(kvx):
    assert kvx("run", BOARD, SMOKE, "--format", "none", "--quiet") == (0, "", "")


def test_a_failed_expectation_gives_1_and_the_place_of_the_step(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}\nexpect: {core: pe1, line: 24, delivered: 2}")
    result = kvx("run", BOARD, script, "--format", "none")
    assert_told(result, 1, f"{script}:4:5: error[expectation]: pe1 line 24: expected delivered 2, found 1\n")


def test_a_failed_expectation_is_told_also_when_quiet(kvx, tmp_path):
    script = script_file(tmp_path, "expect: {delivered: 2}")
    result = kvx("run", BOARD, script, "--format", "none", "--quiet")
    assert_told(result, 1, f"{script}:3:5: error[expectation]: ")


def test_a_failed_read_and_a_failed_register_give_1_and_both_are_told(kvx, tmp_path):
    script = script_file(
        tmp_path,
        "read: {addr: 0xad0020, equals: 1}\nsfr: {core: pe1, register: ILR, equals: 1}",
    )
    result = kvx("run", BOARD, script, "--format", "none")
    assert_told(result, 1, f"{script}:3:5: error[expectation]: read of 0xad0020: expected 0x1, found ")
    assert f"{script}:4:5: error[expectation]: pe1 ILR: expected 0x1, found 0x0" in result.err


# 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "none.dts", SMOKE], "none.dts: No such file or directory"),
        (["run", BOARD, "none.yaml"], "none.yaml: No such file or directory"),
        (["run", "boards", SMOKE], "boards: not a regular file: it is a directory"),
        (["run", BOARD, "scripts"], "scripts: not a regular file: it is a directory"),
        (["run", "/dev/zero", SMOKE], "/dev/zero: not a regular file: it is a device"),
        (["run", BOARD, "/dev/zero"], "/dev/zero: not a regular file: it is a device"),
        (["run", BOARD, f"{SMOKE}/x"], f"{SMOKE}/x: Not a directory"),
        (["run", BOARD, "a\0b"], "a name has no zero byte"),
        (["check", "none.dts"], "none.dts: No such file or directory"),
        (["check", BOARD, "none.yaml"], "none.yaml: No such file or directory"),
        (["show", "none.dts"], "none.dts: No such file or directory"),
        (["run", "-", "-"], "only one input can be standard input (-)"),
        (["check", "-", "-"], "only one input can be standard input (-)"),
        (["run", BOARD], "Missing argument 'SCRIPT'."),
        (["run", BOARD, SMOKE, "--core", "pe77"], "--core: found `pe77`; expected pe0..pe15"),
        (["run", BOARD, SMOKE, "--core", "c4.pe0"], "--core: the board has no core c4.pe0"),
        (["run", BOARD, SMOKE, "--core", "others"], "--core: found `others`, which is about a sender"),
        (["run", BOARD, SMOKE, "--core", ""], "--core: found ``; expected pe0..pe15"),
        (
            ["run", BOARD, SMOKE, "--line", "32"],
            "--line: found the range `32-32`; expected lines within 0..31",
        ),
        (["run", BOARD, SMOKE, "--line", "x"], "--line: found `x`; expected a line 0..31"),
        (["run", BOARD, SMOKE, "--from", "-1"], "Invalid value for '--from'"),
        (["run", BOARD, SMOKE, "--limit-events", "0"], "Invalid value for '--limit-events'"),
        (["run", BOARD, SMOKE, "--seed", str(1 << 64)], "Invalid value for '--seed'"),
        (["run", BOARD, SMOKE, "--set", "n"], "found 'n'; expected NAME=NUMBER"),
        (["run", BOARD, SMOKE, "--set", "=1"], "found '=1'; expected NAME=NUMBER"),
        (["run", BOARD, SMOKE, "--set", "n=x"], "found 'n=x'; expected NAME=NUMBER"),
        (["run", BOARD, SMOKE, "--set", "n=1"], "--set n: the script has no parameter `n`"),
        (["run", BOARD, SMOKE, "--engine", "fast"], "'fast' is not one of 'auto', 'reference', 'vector'"),
        (["run", BOARD, SMOKE, "--csv", "-"], "found - for an output file; --format csv or jsonl prints"),
    ],
)
def test_wrong_usage_and_what_can_not_be_opened_give_2(kvx, args, message):
    assert_told(kvx(*args), 2, message)


@needs_other_user
@pytest.mark.parametrize("args", [["check", "locked"], ["run", BOARD, "locked"]])
def test_an_input_that_may_not_be_read_gives_2(kvx, tmp_path, args):
    locked = tmp_path / "locked"
    locked.write_text("")
    locked.chmod(0)
    assert_told(kvx(*(str(locked) if arg == "locked" else arg for arg in args)), 2, "Permission denied")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here that fails when it is read")
@pytest.mark.parametrize("args", [["check", "/proc/self/mem"], ["run", BOARD, "/proc/self/mem"]])
def test_an_input_that_fails_when_it_is_read_gives_2(kvx, args):
    assert_told(kvx(*args), 2, "read /proc/self/mem: Input/output error\n")


@pytest.mark.parametrize("args", [["check", "-"], ["run", "-", SMOKE], ["run", BOARD, "-"]])
def test_a_standard_input_that_is_closed_gives_2(args):
    result = kvx_process(*args, closed=0)
    assert_told(result, 2, "read standard input: it is closed")


def test_a_pipe_as_script_gives_2_instead_of_waiting_for_ever(kvx, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert_told(kvx("run", BOARD, tmp_path / "pipe"), 2, "it is a pipe; use - for standard input")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_script_that_can_not_be_opened_does_not_hide_what_is_wrong_with_the_board(kvx, tmp_path, command):
    board = tmp_path / "board.dts"
    board.write_text("/dts-v1/;\n/ { a = ; };\n")
    result = kvx(command, board, "none.yaml")
    assert_told(result, 2, "none.yaml: No such file or directory")
    assert f"{board}:2:9: error[" in result.err


# 3


def test_an_invalid_board_gives_3(kvx, tmp_path):
    board = tmp_path / "board.dts"
    board.write_text("/dts-v1/;\n/ { a = ; };\n")
    assert_told(kvx("run", board, SMOKE), 3, f"{board}:2:9: error[")


def test_an_invalid_script_gives_3(kvx, tmp_path):
    script = script_file(tmp_path, "sned: {to: pe1}")
    assert_told(kvx("run", BOARD, script), 3, f"{script}:3:5: error[script-step]: unknown step `sned`")


def test_a_board_and_a_script_that_are_both_invalid_give_3_and_all_findings_of_both(kvx, tmp_path):
    board = tmp_path / "board.dts"
    board.write_text("/dts-v1/;\n/ { a = ; };\n")
    script = script_file(tmp_path, "sned: {to: pe1}\nwait: 1\nwiat: 1")
    result = kvx("run", board, script)
    assert_told(result, 3, f"{board}:2:9: error[")
    places = re.findall(r"^(\S+): error", result.err, re.MULTILINE)
    assert places == [f"{board}:2:9", f"{script}:3:5", f"{script}:5:5"]


def test_check_gives_3_and_the_findings_of_both_on_standard_output(kvx, tmp_path):
    board = tmp_path / "board.dts"
    board.write_text("/dts-v1/;\n/ { a = ; };\n")
    script = script_file(tmp_path, "sned: {to: pe1}")
    status, out, err = kvx("check", board, script)
    assert (status, err) == (3, "")
    assert re.findall(r"^(\S+): error", out, re.MULTILINE) == [f"{board}:2:9", f"{script}:3:5"]
    assert out.endswith("\n2 errors, no warnings, no notes\n")


def test_show_gives_3_for_an_invalid_board(kvx, tmp_path):
    board = tmp_path / "board.dts"
    board.write_text("/dts-v1/;\n/ { a = ; };\n")
    assert_told(kvx("show", board), 3, f"{board}:2:9: error[")


# 4


def test_a_limit_on_ticks_gives_4_and_nothing_after_that_tick(kvx):
    status, out, err = kvx("run", BOARD, SMOKE, "--limit-ticks", "20", "--format", "csv")
    assert status == 4
    assert "kvx-emu: stopped by a limit: tick 20\n" in err
    assert "Traceback" not in err
    assert [line.split(",")[0] for line in out.splitlines()] == ["tick", "0", "0", "20", "20"]


def test_a_limit_on_events_gives_4_and_that_many_rows(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}\nsend: {to: pe2}\nsend: {to: pe3}")
    status, out, err = kvx("run", BOARD, script, "--limit-events", "5", "--format", "csv")
    assert status == 4
    assert "kvx-emu: stopped by a limit: 5 events\n" in err
    # The probe's mask, then a send with its request, enter and exit, which are one event.
    assert [line.split(",")[3] for line in out.splitlines()[1:]] == [
        "mask",
        "send",
        "request",
        "enter",
        "exit",
    ]


def test_a_limit_that_is_not_met_changes_nothing(kvx):
    plain = kvx("run", BOARD, SMOKE, "--format", "csv")
    assert kvx("run", BOARD, SMOKE, "--format", "csv", "--limit-ticks", "10000") == plain
    assert kvx("run", BOARD, SMOKE, "--format", "csv", "--limit-events", "10000") == plain


# 5


def test_strict_gives_5_if_the_script_expects_nothing(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}")
    assert kvx("run", BOARD, script, "--format", "none").status == 0
    result = kvx("run", BOARD, script, "--format", "none", "--strict")
    assert_told(result, 5, "kvx-emu: --strict, and the script expected nothing\n")


def test_strict_gives_5_if_no_expectation_was_reached(kvx, tmp_path):
    script = script_file(tmp_path, "repeat: {count: 0, steps: [{expect: {delivered: 0}}]}")
    assert kvx("run", BOARD, script, "--format", "none", "--strict").status == 5


def test_strict_gives_0_if_what_was_expected_came(kvx):
    assert kvx("run", BOARD, SMOKE, "--format", "none", "--strict", "--quiet") == (0, "", "")


# 6


@needs_dev_full
@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["run", BOARD, SMOKE],
        ["run", BOARD, SMOKE, "--format", "csv"],
        ["run", BOARD, SMOKE, "--format", "jsonl"],
        ["check", BOARD],
        ["check", BOARD, "--format", "json"],
        ["show", BOARD, "registers"],
        ["schema"],
    ],
)
def test_a_standard_output_that_is_full_gives_6(args):
    with open("/dev/full", "w") as full:
        result = kvx_process(*args, stdout=full)
    assert_told(result, 6, "kvx-emu: standard output: can not be written: No space left on device\n")


def test_a_standard_output_that_is_closed_gives_6():
    result = kvx_process("check", BOARD, closed=1)
    assert_told(result, 6, "kvx-emu: standard output: can not be written: Bad file descriptor\n")


def test_a_standard_output_that_is_closed_and_not_needed_gives_0(tmp_path):
    csv = tmp_path / "trace.csv"
    args = ["run", BOARD, SMOKE, "--quiet", "--format", "none", "--csv", csv]
    assert kvx_process(*args, closed=1) == (0, "", "")
    assert csv.read_text() == kvx_process("run", BOARD, SMOKE, "--format", "csv").out


@needs_dev_full
@pytest.mark.parametrize("option", ["--csv", "--json"])
def test_an_output_file_that_is_full_gives_6(kvx, monkeypatch, option):
    monkeypatch.setattr("kvx_emu.bench.bench", lambda **_: {"results": []})
    args = ["bench"] if option == "--json" else ["run", BOARD, SMOKE, "--format", "none"]
    result = kvx(*args, option, "/dev/full")
    assert_told(result, 6, "kvx-emu: /dev/full: can not be written: No space left on device\n")


def test_a_folder_as_an_output_file_gives_6_before_the_run(kvx, tmp_path):
    result = kvx("run", BOARD, SMOKE, "--csv", tmp_path)
    assert_told(result, 6, f"kvx-emu: {tmp_path}: can not be written: Is a directory\n")


def test_an_output_file_in_a_folder_that_does_not_exist_gives_6_before_the_run(kvx, tmp_path):
    path = tmp_path / "none" / "trace.csv"
    result = kvx("run", BOARD, SMOKE, "--csv", path)
    assert_told(result, 6, f"kvx-emu: {path}: can not be written: No such file or directory\n")


@needs_other_user
def test_an_output_file_in_a_folder_that_may_not_be_written_gives_6(kvx, tmp_path):
    tmp_path.chmod(0o500)
    path = tmp_path / "trace.csv"
    result = kvx("run", BOARD, SMOKE, "--csv", path)
    tmp_path.chmod(0o700)
    assert_told(result, 6, f"kvx-emu: {path}: can not be written: Permission denied\n")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write")
def test_an_output_file_where_nobody_can_write_gives_6(kvx):
    assert_told(
        kvx("run", BOARD, SMOKE, "--csv", "/proc/trace.csv"), 6, "kvx-emu: /proc/trace.csv: can not be"
    )


def test_an_output_file_that_can_not_be_opened_leaves_nothing_of_the_others(kvx, tmp_path):
    result = kvx("run", BOARD, SMOKE, "--csv", "/none/x.csv", "--trace", tmp_path / "a.csv")
    assert_told(result, 6, "/none/x.csv")
    assert list(tmp_path.iterdir()) == []


@needs_dev_full
def test_an_output_file_that_is_full_leaves_the_others_as_they_were(kvx, tmp_path):
    old = tmp_path / "old.csv"
    old.write_text("old")
    result = kvx("run", BOARD, SMOKE, "--format", "none", "--trace", old, "--csv", "/dev/full")
    assert_told(result, 6, "/dev/full")
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


# 70


def test_an_exception_that_nobody_foresaw_gives_70_and_asks_for_a_report(kvx, monkeypatch):
    def fail(*_args):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("kvx_emu.machine.machine.Machine.__init__", fail)
    status, out, err = kvx("run", BOARD, SMOKE)
    assert (status, out) == (70, "")
    assert "ZeroDivisionError: planted\n" in err
    assert err.endswith("kvx-emu: this is a defect of kvx-emu; please report it with the lines above\n")


def test_a_row_that_gets_lost_is_found_by_the_run_itself_and_gives_70(kvx, monkeypatch, tmp_path):
    from kvx_emu.trace.tally import Tally

    add = Tally.add
    monkeypatch.setattr(
        Tally, "add", lambda self, rows: add(self, [row for row in rows if row[3] != "masked"])
    )
    csv = tmp_path / "trace.csv"
    status, out, err = kvx("run", BOARD, SMOKE, "--csv", csv)
    assert (status, out) == (70, "")
    assert "kvx-emu: pe4 line 24: sent is not masked + requested + coalesced" in err
    assert "Traceback" not in err
    assert not csv.exists()


# 130, 143, 129: signals


def running(script, csv):
    """Start a long run that prints its rows and writes them to `csv`; return it once rows come."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = started("run", BOARD, script, "--format", "csv", "--csv", csv, **streams)
    assert process.stdout.readline().startswith("tick,")
    return process


@pytest.mark.parametrize(
    ("number", "status", "message"),
    [(signal.SIGINT, 130, "kvx-emu: interrupted.*\n"), (signal.SIGTERM, 143, ""), (signal.SIGHUP, 129, "")],
)
@pytest.mark.parametrize("old", ["old trace\n", None])
def test_a_signal_ends_a_run_and_leaves_the_old_file_or_none(tmp_path, number, status, message, old):
    csv = tmp_path / "trace.csv"
    if old is not None:
        csv.write_text(old)
    script = script_file(tmp_path, LONG)
    before = sorted(tmp_path.iterdir())
    process = running(script, csv)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert re.fullmatch(message, err.lstrip("\n"))
    assert sorted(tmp_path.iterdir()) == before
    assert old is None or csv.read_text() == old


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without a name")
def test_a_run_that_is_killed_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    try:
        os.close(os.open(tmp_path, os.O_WRONLY | os.O_TMPFILE))
    except OSError:
        pytest.skip("this file system has no files without a name")
    csv = tmp_path / "trace.csv"
    csv.write_text("old trace\n")
    script = script_file(tmp_path, LONG)
    process = running(script, csv)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert csv.read_text() == "old trace\n"
    assert sorted(tmp_path.iterdir()) == [script, csv]


def test_a_hangup_that_was_to_be_ignored_stays_ignored(tmp_path):
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from kvx_emu.cli.main import main\n"
        "status = main(['check', 'boards/cluster.dts'])\n"
        "os.kill(os.getpid(), signal.SIGHUP); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_can_run_in_a_thread(kvx):
    found = []
    thread = threading.Thread(target=lambda: found.append(kvx("check", BOARD)))
    thread.start()
    thread.join()
    assert [result.status for result in found] == [0]
    assert found[0].out.endswith("no errors, no warnings, 1 note\n")


# 141


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["run", BOARD, SMOKE, "--quiet"],
        ["run", BOARD, SMOKE, "--quiet", "--format", "csv"],
        ["check", BOARD],
        ["check", BOARD, "--format", "json"],
        ["show", BOARD, "registers"],
        ["schema"],
    ],
)
def test_a_reader_that_is_gone_from_the_start_gives_141_without_a_word(args):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = kvx_process(*args, stdout=writer)
    finally:
        os.close(writer)
    assert result == (141, "", "")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_reader_that_goes_away_after_a_line_gives_141_without_a_word(tmp_path, kind):
    script = script_file(tmp_path, LONG)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = started("run", BOARD, script, "--format", kind, **streams)
    assert process.stdout.readline() != ""
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 141


def test_a_reader_of_the_table_that_goes_away_leaves_the_csv_whole(tmp_path):
    csv = tmp_path / "trace.csv"
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = kvx_process("run", BOARD, SMOKE, "--csv", csv, "--quiet", stdout=writer)
    finally:
        os.close(writer)
    assert result == (141, "", "")
    assert csv.read_text() == kvx_process("run", BOARD, SMOKE, "--format", "csv").out


# Standard error


@needs_dev_full
@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["check", BOARD], 0),
        (["run", BOARD, SMOKE], 0),
        (["check", "none.dts"], 2),
        (["chek"], 2),
        (["run", "--formt"], 2),
        (["run", BOARD, "README.md"], 3),
        (["run", BOARD, SMOKE, "--limit-ticks", "1"], 4),
        (["run", BOARD, SMOKE, "--csv", "/none/x"], 6),
    ],
)
@pytest.mark.parametrize("how", ["full", "closed"])
def test_the_status_is_right_where_standard_error_can_not_be_written(args, status, how):
    if how == "closed":
        result = kvx_process(*args, closed=2)
    else:
        with open("/dev/full", "w") as full:
            result = kvx_process(*args, stderr=full)
    assert result.status == status
