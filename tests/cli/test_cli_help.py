"""What a user sees first: help, the version, completion, and what comes of a typo."""

from __future__ import annotations

import os
import re
import shlex

import pytest
from command import BOARD, SMOKE, kvx_process

from kvx_emu import __version__

COMMANDS = ["run", "check", "show", "explain", "trace", "dt", "init", "schema", "bench"]


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_every_command_with_a_line_about_it(kvx, option):
    status, out, err = kvx(option)
    assert (status, err) == (0, "")
    assert re.findall(r"^  ([a-z]+)  +[A-Z]", out, re.MULTILINE) == COMMANDS
    assert "Examples:\n    kvx-emu run board.dts script.yaml" in out


def test_help_tells_every_exit_status(kvx):
    out = kvx("--help").out
    told = re.findall(r"(?:^|[ ;])(\d+) [a-z-]", out[out.index("Exit status:") :])
    assert told == ["0", "1", "2", "3", "4", "5", "6", "70", "130", "141"]


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_its_usage_and_examples(kvx, command, option):
    status, out, err = kvx(command, option)
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: kvx-emu {command} ")
    assert f"\n    kvx-emu {command}" in out[out.index("Example") :]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_in_the_examples_of_a_command_exist(kvx, command):
    out = kvx(command, "--help").out
    usage, examples = out.split("Example", 1)
    for option in set(re.findall(r"(?<=\s)--[a-z-]+", examples)):
        assert f"{option} " in usage


def test_run_has_every_option_that_was_promised_for_it(kvx):
    out = kvx("run", "--help").out
    options = set(re.findall(r"--[a-z][a-z-]+", out))
    promised = (
        "--csv --trace --format --engine --profile --seed --set --strict --core --line --event --from --to "
        "--limit-ticks --limit-events --junit --summary"
    )
    assert set(promised.split()) <= options


def test_the_version_is_that_of_the_package(kvx):
    assert kvx("--version") == (0, f"kvx-emu, version {__version__}\n", "")


def test_without_arguments_the_help_is_shown_as_wrong_usage(kvx):
    status, out, err = kvx()
    assert status == 2
    assert out == ""
    assert err.startswith("Usage: kvx-emu [OPTIONS] COMMAND [ARGS]...")


def test_a_typo_in_a_command_is_answered_with_the_nearest_one(kvx):
    status, out, err = kvx("chek", BOARD)
    assert (status, out) == (2, "")
    assert "No such command 'chek'." in err
    assert "'check'" in err


def test_a_command_that_is_like_none_is_refused_without_a_guess(kvx):
    status, out, err = kvx("zzzz")
    assert (status, out) == (2, "")
    assert "No such command 'zzzz'." in err
    assert "Did you mean" not in err


@pytest.mark.parametrize(
    ("command", "typo", "meant"),
    [
        ("run", "--formt", "--format"),
        ("run", "--limit-tick", "--limit-ticks"),
        ("check", "--fromat", "--format"),
        ("show", "--profle", "--profile"),
        ("bench", "--quik", "--quick"),
    ],
)
def test_a_typo_in_an_option_is_answered_with_the_nearest_one(kvx, command, typo, meant):
    status, out, err = kvx(command, typo)
    assert (status, out) == (2, "")
    assert typo in err
    assert meant in err


def test_a_typo_in_an_event_is_answered_with_the_nearest_one(kvx):
    status, out, err = kvx("run", BOARD, SMOKE, "--event", "enter,exti")
    assert (status, out) == (2, "")
    assert "'exti' is not one of send, masked, request," in err
    assert "Did you mean 'exit'?" in err


def test_a_typo_in_a_view_names_those_that_there_are(kvx):
    status, out, err = kvx("show", BOARD, "maps")
    assert (status, out) == (2, "")
    assert "'tree', 'map', 'wiring', 'registers'" in err


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o nosort -F"), ("zsh", "#compdef kvx-emu"), ("fish", "complete ")]
)
def test_the_completion_script_of_a_shell_is_printed(shell, mark):
    status, out, _ = kvx_process(env=os.environ | {"_KVX_EMU_COMPLETE": f"{shell}_source"})
    assert status == 0
    assert mark in out
    assert "kvx-emu" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("kvx-emu ", [f"plain,{name}" for name in COMMANDS]),
        ("kvx-emu sh", ["plain,show"]),
        ("kvx-emu run --limit", ["plain,--limit-ticks", "plain,--limit-events"]),
        ("kvx-emu run --format j", ["plain,jsonl"]),
        ("kvx-emu run --event co", ["plain,coalesced"]),
        ("kvx-emu run boa", ["file,boa"]),
        ("kvx-emu run board.dts scr", ["file,scr"]),
        ("kvx-emu run --csv ou", ["file,ou"]),
        ("kvx-emu show board.dts w", ["plain,wiring"]),
    ],
)
def test_completion_offers_commands_options_values_and_files(words, expected):
    count = len(words.split(" ")) - 1
    env = os.environ | {"_KVX_EMU_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    assert kvx_process(env=env).out.splitlines() == expected


def test_the_examples_of_run_work(kvx, tmp_path):
    shown = re.findall(r"^    kvx-emu (run boards/.*)$", kvx("run", "--help").out, re.MULTILINE)
    assert shown == ["run boards/cluster.dts scripts/smoke.yaml"]
    for line in shown:
        assert kvx(*shlex.split(line)).status == 0
