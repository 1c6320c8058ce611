"""Bad scripts: each is refused with status 3, its place and no traceback, the explosive ones in seconds."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest
from command import BOARD, ROOT, script_file

HEAD = "version: 1\nsteps:\n"


def refused(kvx, path, *args):
    """Run `path` and return the first message after its path, once it is sure that it was refused well."""
    status, out, err = kvx("run", BOARD, path, *args)
    assert (status, out) == (3, "")
    assert "Traceback" not in err
    assert err.startswith(f"{path}:")
    return err.splitlines()[0].removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: error[script-document]: found no document; expected a mapping with version and steps"),
        ("# nothing\n", "1:1: error[script-document]: found no document"),
        ("- wait: 1\n", "1:1: error[script-value]: found a list for the script; expected a mapping"),
        ("wait\n", "1:1: error[script-value]: found "),
        (HEAD, "2:7: error[script-value]: found nothing; expected a list of at least one step"),
        (HEAD + "\t- wait: 1\n", "3:1: error[script-syntax]: found a tab; expected spaces"),
        (HEAD + "  - send:\n\t    to: pe1\n", "4:1: error[script-syntax]: found a tab; expected spaces"),
        (
            HEAD + "  - wait: 1\nversion: 1\n",
            "1:1: error[script-duplicate]: key `version` stands again in line 4",
        ),
        (
            HEAD + "  - send: {to: pe1, to: pe2}\n",
            "3:12: error[script-duplicate]: key `to` stands again in line 3",
        ),
        (
            HEAD + "  - sned: {to: pe1}\n",
            "3:5: error[script-step]: unknown step `sned`; expected one of send, ",
        ),
        (HEAD + "  - send: {to: pe1, lnie: 24}\n", "3:21: error[script-key]: unknown key `lnie` of `send`"),
        (HEAD + "  - send: {to: pe77}\n", "3:16: error[script-core]: found `pe77`; expected pe0..pe15"),
        (HEAD + "  - send: {to: c3.pe1}\n", "3:16: error[script-core]: the board has no core c3.pe1"),
        (
            HEAD + "  - write: {addr: 0xad0000, value: 0x100000000, size: 4}\n",
            "3:36: error[script-value]: value 0x100000000 is wider than the size of 4 bytes",
        ),
        (HEAD + "  - wait: -5\n", "3:11: error[script-time]: found `-5`; expected a duration of 0.."),
        (HEAD + "  - wait: -5ns\n", "3:11: error[script-time]: found the negative duration `-5ns`"),
        (
            HEAD + "  - wait: 1e3\n",
            "3:11: error[script-time]: found the number `1e3` with a fraction or exponent",
        ),
        (HEAD + "  - wait: 0.3ns\n", "3:11: error[script-time]: "),
        (
            HEAD + "  - wait: 100\n  - {at: 50, send: {to: pe1}}\n",
            "4:5: error[script-time]: `at` is tick 50, but the time before it is tick 100 or later",
        ),
        (HEAD + "  - no: 1\n", "3:5: error[script-step]: unknown step `no`"),
        (HEAD + "  - mark: *on\n", "3:11: error[script-alias]: found the alias `*on`"),
        (HEAD + "  - mark: &on x\n", "3:11: error[script-anchor]: found the anchor `&on`"),
        (
            HEAD + "  - wait: !!python/object/apply:os.system [ls]\n",
            "3:11: error[script-tag]: found the tag ",
        ),
        (HEAD + "  - wait: !!int 1\n", "3:11: error[script-tag]: found the tag "),
        (HEAD + "  - wait: 1\n---\nversion: 1\n", "4:1: error[script-document]: found a second document"),
        (HEAD + "  - wait: 1\x1b[31m\n", "3:12: error[script-syntax]: found the control character U+001B"),
        (HEAD + "  - wait: 1\0\n", "3:12: error[script-syntax]: found the control character U+0000"),
        (HEAD + "  - wait: [1\n", "4:1: error[script-syntax]: "),
        (HEAD + "  - wait: 'x\n", "4:1: error[script-syntax]: "),
        (
            HEAD + "  - mark: ${x}\n",
            "3:11: error[script-param]: unknown parameter `x`; the script has no params",
        ),
    ],
)
def test_a_bad_script_is_refused_with_the_place_of_what_is_wrong(kvx, tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert refused(kvx, path).startswith(message)


def test_all_that_is_wrong_is_told_at_once(kvx, tmp_path):
    path = script_file(tmp_path, "sned: {to: pe1}\nwait: -1\nsend: {to: pe77}\nsend: {to: c9.rm}\nwait: 1")
    err = kvx("run", BOARD, path).err
    places = [line.split(": ")[0] for line in err.splitlines() if ": error[" in line]
    assert places == [f"{path}:3:5", f"{path}:4:11", f"{path}:5:16", f"{path}:6:16"]


@pytest.mark.parametrize(
    ("text", "first"),
    [("010", "10"), ("0x20", "32"), ("0o17", "15"), ("12clk", "12")],
)
def test_numbers_are_read_as_yaml_1_2_has_them(kvx, tmp_path, text, first):
    path = script_file(tmp_path, f"wait: {text}\nsend: {{to: pe1}}", "software: bare\n")
    assert kvx("run", BOARD, path, "--format", "csv", "-q").out.splitlines()[1].split(",")[0] == first


def test_words_that_yaml_1_1_takes_for_truth_are_words(kvx, tmp_path):
    path = script_file(tmp_path, "mark: on\nexpect: {delivered: 0, since: on}")
    assert kvx("run", BOARD, path, "--format", "none", "--strict") == (0, "", "")


@pytest.mark.parametrize(
    ("steps", "place", "message"),
    [
        (
            "send: {to: pe1}\nwait: idle\n{at: 50, send: {to: pe1}}",
            "6:5",
            "at 50 is in the past: it is tick 100",
        ),
        (
            "repeat: {count: 2, every: 50, steps: [{send: {to: pe1}}, {wait: idle}]}",
            "4:5",
            "50 ticks longer than",
        ),
    ],
)
def test_what_only_the_run_can_know_is_refused_by_the_run(kvx, tmp_path, steps, place, message):
    path = script_file(tmp_path, steps, "timing: {service: 100}\n")
    assert kvx("check", BOARD, path).status == 0
    csv = tmp_path / "t.csv"
    told = refused(kvx, path, "--csv", csv)
    assert told.startswith(f"{place}: error[script-time]: ")
    assert message in told
    assert not csv.exists()


def test_a_script_of_other_bytes_than_utf_8_is_refused_where_they_stand(kvx, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes(HEAD.encode() + b"  - mark: caf\xe9\n")
    told = refused(kvx, path)
    assert (
        told == "3:14: error[script-encoding]: found the byte 0xe9, which is no UTF-8; expected text in UTF-8"
    )


def test_a_script_in_utf_16_is_refused(kvx, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes((HEAD + "  - wait: 1\n").encode("utf-16"))
    assert refused(kvx, path).startswith("1:1: error[script-encoding]: ")


def test_a_byte_order_mark_and_dos_line_ends_are_fine(kvx, tmp_path):
    path = tmp_path / "dos.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + "  - expect: {delivered: 0}\n").replace("\n", "\r\n").encode())
    assert kvx("run", BOARD, path, "--format", "none", "--strict") == (0, "", "")


def test_what_a_message_quotes_can_not_control_the_terminal(kvx, tmp_path):
    path = script_file(tmp_path, '"wa\\e[31mit": 1')
    told = refused(kvx, path)
    assert told.startswith("3:5: error[script-step]: unknown step `wa\\x1b[31mit`")


# The explosive ones: as processes, with bounds on time and memory

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 9)}]\n" for k in range(8)
)

EXPLOSIVE = {
    "a repeat of 10^12": (
        HEAD + "  - repeat: {count: 1000000000000, steps: [{send: {to: pe1}}]}\n",
        "3:5: error[script-expansion]: the script unrolls to 1000000000000 steps or more",
    ),
    "repeats that multiply to 10^12": (
        HEAD + "  - repeat: {count: 1000000, steps: [{repeat: {count: 1000000, steps: [{wait: 0}]}}]}\n",
        "3:5: error[script-expansion]: ",
    ),
    "a random step of 10^12": (
        HEAD + "  - random: {count: 1000000000000, every: 1, from: pes, targets: one}\n",
        "3:5: error[script-expansion]: ",
    ),
    "a nest of 200,000 brackets": (HEAD + "  - send: " + "[" * 200_000 + "\n", "3:24: error[script-depth]: "),
    "brackets on 200,000 lines": ("[\n" * 200_000, "17:1: error[script-depth]: "),
    "a nest of 200,000 braces": (HEAD + "  - send: " + "{a: " * 200_000 + "\n", "3:"),
    "a nest of 100,000 dashes": (HEAD + "- " * 100_000 + "x\n", "3:"),
    "an alias bomb": (BOMB, "1:1: error["),
    "a number of three million digits": (
        HEAD + "  - wait: " + "1" * 3_000_000 + "\n",
        "3:11: error[script-time]: ",
    ),
    "a line of 300,000 cores": (
        HEAD + "  - send: {to: [" + "pe1," * 300_000 + "pe77]}\n",
        "3:1200017: error[script-core]: found `pe77`",
    ),
    "a key of a megabyte": (HEAD + "  - " + "k" * 1_000_000 + ": 1\n", "3:"),
    "100,000 wrong steps": (
        HEAD + "  - sned: {to: pe1}\n" * 100_000,
        "3:5: error[script-step]: unknown step `sned`",
    ),
    "a million empty lines and an error": ("\n" * 1_000_000 + "- x\n", "1000001:1: error["),
    "half a million colons": (HEAD + "  - " + ": " * 500_000 + "\n", "3:"),
    "a million quotes": (HEAD + "  - wait: '" + "'" * 1_000_000 + "\n", "4:1: error[script-syntax]: "),
}


# A process's own peak is asked for inside it: what its parent sees of it counts the parent's memory too.
MEASURED = """
import re, sys
from kvx_emu.cli.main import main
status = main(sys.argv[2:])
with open("/proc/self/status") as own, open(sys.argv[1], "w") as peak:
    peak.write(re.search(r"VmHWM:\\s+(\\d+)", own.read())[1])
sys.exit(status)
"""


def measured(folder, *args):
    """Run `kvx-emu` and return its status, standard error, CPU seconds and peak megabytes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-c", MEASURED, folder / "peak", *args]
    done = subprocess.run(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stderr, seconds, int((folder / "peak").read_text()) / 1024


@pytest.mark.parametrize("name", EXPLOSIVE)
def test_an_explosive_script_is_refused_within_seconds_and_little_memory(tmp_path, name):
    text, message = EXPLOSIVE[name]
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    status, err, seconds, megabytes = measured(tmp_path, "run", ROOT / BOARD, path)
    assert status == 3
    assert err.startswith(f"{path}:{message}")
    assert "Traceback" not in err
    assert len(err) < 1_000_000
    assert max(len(line) for line in err.splitlines()) < 2_000
    assert seconds < 4
    assert megabytes < 256


def test_a_script_larger_than_the_limit_is_refused_before_it_is_read_in_full(kvx, tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as out:
        out.truncate(1 << 32)  # a hole: four gigabytes that take no room
    start = time.process_time()
    told = refused(kvx, path)
    assert told.startswith("1:1: error[script-size]: found more than 67108864 bytes")
    assert time.process_time() - start < 2


def test_a_long_script_that_is_fine_runs_in_seconds(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text(HEAD + "  - send: {from: pe0, to: pe1, line: 24}\n" * 20_000)
    status, err, seconds, megabytes = measured(tmp_path, "run", ROOT / BOARD, path, "--format", "none")
    assert (status, err) == (0, "")
    assert seconds < 10
    assert megabytes < 256
