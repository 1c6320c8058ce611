"""`run --snapshot-at` and `run --restore`: files, statuses and what is said."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command import BOARD, ROOT, kvx_process, script_file

TUTORIAL = ROOT / "scripts" / "tutorial.yaml"
HEAD = "tick,cluster,core,event,line,from_cluster,from_core,value\n"
TIMES = "timing: {service: 100}\n"
STEPS = "random: {count: 40, every: 10, targets: uniform}\nexpect: {line: 24, masked: 0}"


@pytest.fixture
def script(tmp_path):
    """A script of 40 sends that fails an expectation."""
    return script_file(tmp_path, STEPS, "timing: {delivery: 3, service: 20}\n")


@pytest.fixture
def saved(kvx, tmp_path, script):
    """A snapshot of that script after tick 200."""
    path = tmp_path / "at-200"
    assert kvx("run", BOARD, script, "--snapshot-at", 200, path, "--format", "none").status == 1
    return path


def test_the_trace_is_that_before_the_snapshot_and_that_after_it(kvx, tmp_path):
    csv, saved, rest = (tmp_path / name for name in ("all.csv", "at-9000", "rest.csv"))
    whole = kvx("run", BOARD, TUTORIAL, "--csv", csv, "--snapshot-at", 9000, saved)
    assert whole == kvx("run", BOARD, TUTORIAL)
    again = kvx("run", BOARD, TUTORIAL, "--restore", saved, "--csv", rest)
    lines = csv.read_text().splitlines(keepends=True)
    before = [line for line in lines[1:] if int(line.split(",", 1)[0]) <= 9000]
    after = rest.read_text()
    assert after.startswith(HEAD)
    assert HEAD + "".join(before) + after.removeprefix(HEAD) == csv.read_text()
    assert 0 < len(before) < len(lines) - 1
    # The summary, the warnings and the status are those of the whole run.
    assert again.status == 0
    assert again.err == whole.err
    assert again.out.split("\n\n")[1:] == whole.out.split("\n\n")[1:]
    assert "326 rows; last event at tick 100260; 14 of 14 expectations held" in again.out


def test_a_failed_expectation_is_that_of_the_whole_run(kvx, script, saved):
    whole, rest = (
        kvx("run", BOARD, script, "--format", "none", *args) for args in ((), ("--restore", saved))
    )
    assert whole == rest
    assert whole.status == 1
    assert "expected masked 0, found" in whole.err


def test_snapshots_follow_one_another_and_are_those_of_the_straight_run(kvx, tmp_path, script, saved):
    chained, straight = tmp_path / "chained", tmp_path / "straight"
    kvx("run", BOARD, script, "--restore", saved, "--snapshot-at", 300, chained)
    kvx("run", BOARD, script, "--snapshot-at", 300, straight)
    assert chained.read_bytes() == straight.read_bytes() != saved.read_bytes()


def test_the_snapshot_is_there_though_the_run_fails_later(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}\nwait: 50\nwait: idle\n{at: 60, send: {to: pe2}}", TIMES)
    path = tmp_path / "early"
    result = kvx("run", BOARD, script, "--snapshot-at", 10, path)
    assert result.status == 3
    assert "in the past" in result.err
    assert kvx("run", BOARD, script, "--restore", path).err == result.err


def test_filters_limits_and_formats_work_as_ever(kvx, script, saved):
    options = (
        "--format",
        "csv",
        "--core",
        "pe1",
        "--event",
        "enter,exit",
        "--from",
        250,
        "--limit-ticks",
        350,
    )
    whole = kvx("run", BOARD, script, *options)
    assert kvx("run", BOARD, script, *options, "--restore", saved) == whole
    assert whole.status == 4
    assert whole.out.count("\n") > 2


@pytest.mark.parametrize("engine", ["auto", "reference", "vector"])
def test_the_reference_engine_does_it_whatever_is_asked_for(kvx, tmp_path, script, saved, engine):
    why = "kvx-emu: reference engine: it alone takes and restores snapshots\n"
    for option in (("--restore", saved), ("--snapshot-at", 5, tmp_path / "new")):
        result = kvx("run", BOARD, script, "--engine", engine, *option, "--format", "none", "--verbose")
        assert result.err.startswith(why)


def test_a_snapshot_at_the_end_is_told(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}")
    path = tmp_path / "late"
    told = f"kvx-emu: the run ended at tick 0: {path} holds its end\n"
    options = ("run", BOARD, script, "--format", "none")
    assert kvx(*options, "--snapshot-at", 5, path) == (0, "", told)
    assert kvx(*options, "--snapshot-at", 5, path, "--quiet") == (0, "", "")
    assert kvx(*options, "--restore", path) == (0, "", "")


def test_a_snapshot_before_the_restored_one_is_refused(kvx, tmp_path, script, saved):
    result = kvx("run", BOARD, script, "--restore", saved, "--snapshot-at", 100, tmp_path / "new")
    assert result == (2, "", "kvx-emu: --snapshot-at 100: the restored run is at tick 200 already\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: b"", "not a snapshot of kvx-emu, or a damaged one"),
        (lambda text: text[:-100], "not a snapshot of kvx-emu, or a damaged one"),
        (lambda text: text.replace(b'"now":2', b'"now":3'), "the snapshot is damaged: its digest is not"),
    ],
)
def test_a_damaged_snapshot_is_refused_with_status_3_and_its_name(kvx, script, saved, change, message):
    saved.write_bytes(change(saved.read_bytes()))
    result = kvx("run", BOARD, script, "--restore", saved)
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith(f"kvx-emu: {saved}: {message}")
    assert result.err.count("\n") == 1


def test_a_snapshot_of_something_else_is_refused_with_status_3(kvx, tmp_path, script, saved):
    (tmp_path / "other").mkdir()
    other = script_file(tmp_path / "other", "wait: 1000")
    for args, what in (
        ((BOARD, other), "another script"),
        ((BOARD, script, "--seed", 5), "another script"),
        (("boards/kvx-cluster.dts", script), "another board"),
        ((BOARD, script, "--profile", "qemu"), "another profile"),
    ):
        result = kvx("run", *args, "--restore", saved)
        assert result.status == 3, args
        assert f"kvx-emu: {saved}: the snapshot is of {what}" in result.err


def test_a_snapshot_that_can_not_be_opened_is_refused_with_status_2(kvx, tmp_path, script):
    for path in (tmp_path / "none", tmp_path):
        result = kvx("run", BOARD, script, "--restore", path)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith(f"kvx-emu: cannot read {path}")


@pytest.mark.parametrize("path", ["/dev/full", "none/there"])
def test_a_snapshot_that_can_not_be_written_ends_the_run_with_status_6(kvx, tmp_path, script, path):
    csv = tmp_path / "trace.csv"
    result = kvx("run", BOARD, script, "--snapshot-at", 10, path, "--csv", csv)
    assert (result.status, result.out) == (6, "")
    assert result.err.startswith(f"kvx-emu: {path}: can not be written: ")
    assert not csv.exists()


def test_nothing_is_overwritten_that_is_read_or_written_too(kvx, tmp_path, script, saved):
    old = saved.read_bytes()
    for args in (
        ("--snapshot-at", 300, saved, "--restore", saved),
        ("--snapshot-at", 300, script),
        ("--snapshot-at", 300, tmp_path / "new.csv", "--csv", tmp_path / "new.csv"),
        ("--snapshot-at", 300, "-"),
    ):
        assert kvx("run", BOARD, script, *args).status == 2, args
    assert saved.read_bytes() == old


def test_a_tick_is_a_number_and_wants_a_file(kvx, tmp_path, script):
    assert kvx("run", BOARD, script, "--snapshot-at", "soon", tmp_path / "new").status == 2
    assert kvx("run", BOARD, script, "--snapshot-at", -1, tmp_path / "new").status == 2
    assert kvx("run", BOARD, script, "--snapshot-at", 5).status == 2


def test_a_snapshot_comes_from_standard_input_too(kvx, script, saved):
    from_file = kvx("run", BOARD, script, "--restore", saved, "--format", "csv")
    assert (
        kvx("run", BOARD, script, "--restore", "-", "--format", "csv", stdin=saved.read_bytes()) == from_file
    )
    assert kvx("run", "-", script, "--restore", "-").status == 2


def test_an_old_file_stays_until_the_new_snapshot_is_whole(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1}\nwait: idle\n{at: 60, send: {to: pe2}}", TIMES)
    path = tmp_path / "snapshot"
    path.write_text("old")
    assert kvx("run", BOARD, script, "--snapshot-at", 200, path).status == 3
    assert path.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["script.yaml", "snapshot"]


def test_a_run_without_the_options_imports_nothing_of_snapshots():
    code = (
        "import sys; from kvx_emu.cli.main import main\n"
        f"main(['run', {BOARD!r}, {str(TUTORIAL)!r}, '--format', 'none', '--quiet'])\n"
        "print([name for name in sys.modules if name.startswith('kvx_emu.engine.') and"
        " name.rpartition('.')[2] in {'snapshot', 'identity', 'places'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_snapshot_is_the_same_on_every_hash_seed(tmp_path, script, saved):
    for seed in ("1", "2"):
        path = tmp_path / seed
        kvx_process(
            *("run", BOARD, script, "--snapshot-at", 200, path, "--format", "none"),
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        )
        assert path.read_bytes() == saved.read_bytes()
