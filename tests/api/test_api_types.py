"""A program that uses the interface passes a type checker at its strictest; one that misuses it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command import ROOT

pytest.importorskip("mypy")

GOOD = """\
from pathlib import Path

import kvx_emu
from kvx_emu import CoreId, InputError, Machine, Result, Row, Trace


def longest(trace: Trace) -> int:
    requests: Trace = trace.where(core="pe1", line=24, event="request")
    enters = trace.where(core=[CoreId(0, 1), "pe2"], line=[24, 25], event=("enter",), first=0, last=10)
    return int((enters.tick - requests.tick).max())


def main() -> None:
    machine: Machine = kvx_emu.load_board(Path("board.dts"), include=["include"], defines={"A": "1"})
    script: dict[str, object] = {"version": 1, "steps": [{"wait": 1}]}
    result: Result = machine.run(script, seed=1, engine="vector", trace=[Path("a.csv"), "b.vcd"])
    rows: list[Row] = list(result.trace[1:])
    row: Row = result.trace[0]
    core: int | None = row.core
    names = [str(core) for core in machine.cores]
    delivered: int = result.line("pe1", 24).delivered
    try:
        kvx_emu.run(b"", "script.yaml", limit_ticks=10).assert_passed()
    except InputError as error:
        print(error.findings[0].place.line, rows, core, names, delivered, longest(Trace.read("a.csv")))
    total: int = sum(line.sent for line in result.summary.values())
    text: str = result.junit() + result.json() + kvx_emu.__version__ + str(total)
    print(text, [expectation.title for expectation in result.expectations if expectation.failed])
"""

BAD = """\
import kvx_emu

machine = kvx_emu.load_board("board.dts", profile="vendor")
kvx_emu.simulate()
machine.run("script.yaml", engine="fast")
length: str = machine.run("script.yaml").trace.tick
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return what mypy tells of the two programs: lines."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text(BAD)
    (folder / "kvx_emu").symlink_to(ROOT / "kvx_emu")
    options = ["--strict", "--no-error-summary", "--follow-imports=silent", "--cache-dir=cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "good.py", "bad.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_program_that_uses_the_interface_has_types(told):
    assert [line for line in told if line.startswith("good.py")] == []


def test_a_program_that_misuses_it_is_told(told):
    errors = [line for line in told if ": error: " in line]
    assert [line.split(": ", 2)[0] + " " + line[line.rindex("[") :] for line in errors] == [
        "bad.py:3 [arg-type]",
        "bad.py:4 [attr-defined]",
        "bad.py:5 [arg-type]",
        "bad.py:6 [assignment]",
    ]


def test_the_package_says_that_it_is_typed():
    assert Path(ROOT / "kvx_emu" / "py.typed").is_file()
