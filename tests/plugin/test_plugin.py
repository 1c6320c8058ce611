"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import NamedTuple

import pytest
from command import ROOT

from kvx_emu import api
from kvx_emu.api import Machine

PING = """\
# Board: cluster
version: 1
timing: {delivery: 40ns, entry: 20ns, service: 100ns}
steps:
  - send: {to: [pe1, pe2]}
  - wait: idle
  - expect: {core: [pe1, pe2], line: 24, delivered: 2, within: 20ns}
  - expect: {core: pe3, delivered: THREE}
"""
SEND = "version: 1\nsteps:\n  - send: {to: pe1}\n"
PASSES = "def test_b():\n    pass\n"
USES = "def test_b(kvx_machine):\n    assert len(kvx_machine.cores) == 17\n"
CLUSTER = (ROOT / "boards" / "cluster.dts").read_text()


def ping(three):
    """Return a script that holds, if what pe3 is expected to get, `three`, is 0."""
    return PING.replace("THREE", str(three))


class Ran(NamedTuple):
    """What a run of pytest printed and returned, and each test with what came of it."""

    status: int
    out: str
    tests: dict[str, str]


@pytest.fixture
def suite(tmp_path, monkeypatch, capsys):
    """Return what writes files into a folder and runs pytest there, with the plugin and nothing else."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def run(files, *options, plugin=True):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        own = ["-p", "kvx_emu.plugin"] if plugin else []
        plain = ["--capture=sys", "--color=no", "--import-mode=importlib", "-rA"]
        before = set(sys.modules)
        status = pytest.main([*own, "-p", "no:cacheprovider", "-p", "no:faulthandler", *plain, *options])
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]  # or the next run takes it for its own
        out = capsys.readouterr().out
        told = re.findall(r"^(PASSED|FAILED|SKIPPED|ERROR) (.*?)(?: - .*)?$", out, re.MULTILINE)
        return Ran(int(status), out, {name: word for word, name in told})

    return run


# Scripts


def test_a_script_is_a_test_for_the_run_and_one_for_each_expectation(suite):
    ran = suite({"a.kvx.yaml": ping(0)})
    assert ran.status == 0
    assert ran.tests == {
        "a.kvx.yaml::the run": "PASSED",
        "a.kvx.yaml::line 7: pe1-2 line 24: delivered 2": "PASSED",
        "a.kvx.yaml::line 7: pe1-2 line 24: request to enter within 20 ticks": "PASSED",
        "a.kvx.yaml::line 8: pe3: delivered 0": "PASSED",
    }


def test_a_failure_shows_the_message_with_its_place_and_the_rows(suite):
    ran = suite({"sub/a.kvx.yaml": ping("{min: 1}")})
    assert ran.status == 1
    assert sorted(ran.tests.values()) == ["FAILED", "PASSED", "PASSED", "PASSED"]
    assert "_ line 8: pe3: delivered at least 1 _" in ran.out
    assert (
        "\nsub/a.kvx.yaml:8:5: error[expectation]: pe3: expected delivered at least 1, found 0\n"
        "    - expect: {core: pe3, delivered: {min: 1}}\n"
        "      ^\n"
        "  there are no rows of pe3 to show\n"
    ) in ran.out
    assert "Traceback" not in ran.out


def test_the_script_runs_once(suite, monkeypatch):
    runs = []
    run = Machine.run
    monkeypatch.setattr(Machine, "run", lambda *args, **rest: runs.append(args) or run(*args, **rest))
    assert len(suite({"a.kvx.yaml": ping(0)}).tests) == 4
    assert len(runs) == 1


def test_a_test_that_is_chosen_alone_runs_the_script(suite):
    ran = suite({"a.kvx.yaml": ping(7)}, "-k", "pe3")
    assert ran.tests == {"a.kvx.yaml::line 8: pe3: delivered 7": "FAILED"}


def test_a_run_that_a_limit_stops_has_failed_and_what_it_did_not_reach_is_skipped(suite, monkeypatch):
    run = Machine.run
    monkeypatch.setattr(Machine, "run", lambda *args, **rest: run(*args, limit_ticks=30, **rest))
    ran = suite({"a.kvx.yaml": ping(0)}, "-v")
    assert ran.status == 1
    assert ran.tests["a.kvx.yaml::the run"] == "FAILED"
    assert "\nstopped by a limit: tick 30\n" in ran.out
    assert "a.kvx.yaml::line 8: pe3: delivered 0 SKIPPED (not reached)" in ran.out
    assert "1 failed, 3 skipped" in ran.out


def test_the_warnings_of_a_run_are_shown_with_it(suite):
    bare = SEND.replace("steps", "software: bare\nsteps") + "  - wait: idle\n"
    ran = suite({"a.kvx.yaml": bare}, "--kvx-board", "cluster")
    assert ran.status == 0
    assert "pe1 can not take line 24: " in ran.out


def test_an_invalid_script_is_an_error_of_collection(suite):
    ran = suite({"sub/a.kvx.yaml": "# Board: cluster\nversion: 1\nsteps:\n  - sned: {to: pe1}\n"})
    assert ran.status == 2
    assert "\nsub/a.kvx.yaml:4:5: error[script-step]: unknown step `sned`" in ran.out
    assert "Traceback" not in ran.out


def test_a_defect_shows_its_traceback(suite, monkeypatch):
    def broken(*_args, **_rest):
        raise ZeroDivisionError("the defect")

    monkeypatch.setattr(Machine, "run", broken)
    ran = suite({"a.kvx.yaml": ping(0)})
    assert ran.status == 1
    assert "def broken(" in ran.out
    assert "ZeroDivisionError: the defect" in ran.out


def test_other_yaml_is_left_alone(suite):
    ran = suite({"a.yaml": "no: script", "kvx.yaml": "no: script", "test_b.py": PASSES})
    assert ran.tests == {"test_b.py::test_b": "PASSED"}


# The board


def test_the_board_of_a_script_is_seen_from_its_folder_then_from_the_root(suite):
    near, far = (f"# Board: {board}\n{SEND}" for board in ("../boards/ours.dts", "boards/ours.dts"))
    ran = suite({"boards/ours.dts": CLUSTER, "sub/a.kvx.yaml": near, "sub/b.kvx.yaml": far})
    assert ran.tests == {"sub/a.kvx.yaml::the run": "PASSED", "sub/b.kvx.yaml::the run": "PASSED"}


def test_the_setting_is_seen_from_its_file_and_serves_scripts_without_a_board(suite):
    ini = "[pytest]\nkvx_board = boards/ours.dts\n"
    files = {"pytest.ini": ini, "boards/ours.dts": CLUSTER, "sub/a.kvx.yaml": SEND, "sub/test_b.py": USES}
    both = {"sub/a.kvx.yaml::the run": "PASSED", "sub/test_b.py::test_b": "PASSED"}
    assert suite(files).tests == both


def test_the_option_goes_first(suite):
    files = {
        "pytest.ini": "[pytest]\nkvx_board = no.dts\n",
        "a.kvx.yaml": f"# Board: no.dts\n{SEND}",
        "test_b.py": USES,
    }
    assert suite(files, "--kvx-board", "cluster").status == 0
    ran = suite(files)
    assert ran.status == 2
    assert "cannot read no.dts: No such file or directory" in ran.out


def test_the_folders_of_the_setting_are_searched_for_includes(suite):
    ini = "[pytest]\nkvx_board = boards/ours.dts\nkvx_include = include\n"
    board = '#include "ours.dtsi"\n'
    files = {"pytest.ini": ini, "boards/ours.dts": board, "include/ours.dtsi": CLUSTER, "test_b.py": USES}
    assert suite(files).tests == {"test_b.py::test_b": "PASSED"}
    ran = suite({"pytest.ini": ini.replace("kvx_include = include\n", "")})
    assert ran.tests == {"test_b.py::test_b": "ERROR"}


def test_a_script_or_a_fixture_without_a_board_is_told_how_to_get_one(suite):
    ran = suite({"a.kvx.yaml": SEND})
    assert ran.status == 2
    assert "no board: write `# Board: FILE`, give --kvx-board, or set kvx_board" in ran.out
    ran = suite({"test_b.py": USES}, "test_b.py")
    assert ran.tests == {"test_b.py::test_b": "ERROR"}
    assert "no board for kvx_machine: give --kvx-board, or set kvx_board" in ran.out


def test_a_board_is_read_once(suite, monkeypatch):
    boards = []
    load = api.load_board
    monkeypatch.setattr(api, "load_board", lambda board, **rest: boards.append(board) or load(board, **rest))
    ran = suite({"a.kvx.yaml": ping(0), "b.kvx.yaml": ping(0), "test_c.py": USES}, "--kvx-board", "cluster")
    assert (len(ran.tests), boards) == (9, ["cluster"])


# What it costs


def test_the_plugin_imports_nothing_until_it_is_needed(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('kvx_emu'))\n"
        "    assert ours == ['kvx_emu', 'kvx_emu.plugin']\n"
        "    assert 'numpy' not in sys.modules\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "kvx_emu.plugin", "-p", "no:cacheprovider", tmp_path]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True)


def test_pytest_finds_the_plugin_of_an_installed_package(tmp_path):
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    installed = tmp_path / "site" / "kvx_emu-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: kvx-emu\nVersion: 0\n")
    lines = "".join(f"{name} = {module}\n" for name, module in points.items())
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{lines}")
    (tmp_path / "a.kvx.yaml").write_text(ping(0))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    path = os.pathsep.join([str(installed.parent), str(ROOT)])
    for options, told in (([], "4 passed"), (["-p", "no:kvx_emu"], "no tests ran")):
        done = subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            env={"PYTHONPATH": path, "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert told in done.stdout, done.stdout + done.stderr


def test_without_the_plugin_scripts_are_no_tests(suite):
    ran = suite({"a.kvx.yaml": ping(7), "test_b.py": PASSES}, plugin=False)
    assert ran.tests == {"test_b.py::test_b": "PASSED"}


# The document


def test_the_examples_of_the_document_are_as_it_says(suite):
    text = (ROOT / "docs" / "pytest.md").read_text()
    blocks = re.findall(r"^```(?:yaml|python)\n(# (tests/\S+)\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    files = {name: code for code, name in blocks}
    assert sorted(files) == ["tests/ping.kvx.yaml", "tests/test_boards.py", "tests/test_storm.py"]
    ran = suite(files, "-v", "--kvx-board", "cluster")
    shown = re.search(r"^```\n\$ pytest -v\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    verdicts, message = shown[1].split("...\n")
    printed = [re.sub(r"\s+\[ *\d+%\]$", "", line) for line in ran.out.splitlines()]
    assert [line for line in verdicts.splitlines() if line not in printed] == []
    assert message in ran.out
    assert sorted(ran.tests.values()) == ["FAILED", *["PASSED"] * 8]
