"""Which engine is chosen, and that the choice shows in nothing but the time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import BOARD, ROOT, SMOKE, script_file
from vector_runs import HERE, cores_of, machine_of

from kvx_emu.engine import choose
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.engine import Vector
from kvx_emu.script import actions
from kvx_emu.script.actions import Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command import Result


def program(sends: int) -> Program:
    """Return a program of so many sends to the three cores of board 0."""
    drawn = actions.Random(HERE, None, sends, 1, cores_of(0), "all", (24,), 1, (0,))
    return Program(None, "bare", False, 0, 0, (1,) * 32, (drawn,), latency=False)


@pytest.mark.parametrize("loaded", [True, False])
def test_auto_chooses_by_the_number_of_requests_and_whether_numpy_is_there(
    loaded: bool, monkeypatch: pytest.MonkeyPatch
):
    if not loaded:
        monkeypatch.delitem(sys.modules, "numpy")
    least = choose.WORTH_LOADED if loaded else choose.WORTH
    assert choose.WORTH_LOADED < choose.WORTH
    machine = machine_of(0)
    below = choose.choose(machine, program(least // 3 - 1), "auto")
    assert below.engine == "reference"
    assert f"below {least:,}" in below.why
    enough = choose.choose(machine, program(-(-least // 3)), "auto")
    assert enough.engine == "vector"
    assert "requests" in enough.why


@pytest.mark.parametrize("wanted", ["reference", "vector"])
@pytest.mark.parametrize("sends", [1, 100_000])
def test_what_is_asked_for_is_chosen(wanted: str, sends: int):
    choice = choose.choose(machine_of(0), program(sends), wanted)
    assert choice == (wanted, "as asked")


def test_the_choice_is_made():
    for engine, kind in (("reference", Reference), ("vector", Vector)):
        made = choose.make(choose.Choice(engine, ""), machine_of(0), program(1), [], limit_ticks=5)
        assert type(made) is kind
        assert made.run().rows == 4  # a send, and a request on each core, which nobody enabled


def imported(*args: object) -> set[str]:
    """Return the modules that a run of the command in a process of its own has imported."""
    code = (
        "import sys\nfrom kvx_emu.cli.main import main\nstatus = main(sys.argv[1:])\n"
        "print(*sys.modules, file=sys.stderr)\nsys.exit(status)\n"
    )
    argv = [sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


def test_a_small_script_runs_without_numpy(tmp_path: Path):
    small = imported("run", BOARD, SMOKE, "--csv", tmp_path / "a.csv", "--quiet")
    assert "kvx_emu.engine.choose" in small
    assert not {name for name in small if name.split(".")[0] in {"numpy", "numba"}}
    assert not {name for name in small if name.startswith("kvx_emu.engine.vector")}
    asked = imported("run", BOARD, SMOKE, "--csv", tmp_path / "b.csv", "--quiet", "--engine", "vector")
    assert "numpy" in asked
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


BIG = """
mark: start
random: {count: 260, seed: 5, every: 15, from: pes, targets: uniform}
mask: {from: pe0, line: 24, block: [pe3, pe4, rm]}
random: {count: 150, seed: 6, every: 90, from: pes, targets: all}
expect: {line: 24, delivered: {min: 1}, within: 10us, since: start}
enable: {cores: pe3, lines: 24-26}
random: {count: 300, seed: 7, every: 2, from: pes, targets: one}
wait: 1
expect: {line: 24, pending: {min: 0}}
"""


@pytest.mark.parametrize("head", ["", "software: bare\nnesting: true\n", "software: linux\n"])
def test_every_engine_writes_the_same_bytes(tmp_path: Path, kvx: Callable[..., Result], head: str):
    head += "timing: {delivery: 12, entry: 3, service: 40}\n"
    steps = BIG
    if "bare" in head:
        steps = "sfr: {core: all, register: PS, write: 0x01000010}\nlevel: {cores: all, line: 24, value: 2}\n"
        steps += "enable: {cores: all, lines: 24}" + BIG
    script = script_file(tmp_path, steps, head)
    found, told = {}, {}
    for engine in ("reference", "vector", "auto"):
        out = tmp_path / f"{engine}.csv"
        result = kvx("run", BOARD, script, "--csv", out, "--engine", engine, "--format", "csv", "--verbose")
        assert result.status == 0, result.err
        lines = result.err.splitlines()
        found[engine] = out.read_bytes(), result.out, [line for line in lines if "kvx-emu:" not in line]
        told[engine] = lines[0]
    assert found["reference"] == found["vector"] == found["auto"]
    assert found["auto"][0].count(b"\n") > 5000
    assert "vector engine" in told["auto"], "numpy is loaded here, and there are enough requests"
