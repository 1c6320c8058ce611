"""The baselines of the bench agree with the reference engine on the fate and the times of every edge."""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path
from random import Random

import numpy as np
import pytest

from kvx_emu.bench.engines import load_baselines
from kvx_emu.bench.workloads import board_text
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

ROOT = Path(__file__).parents[2]
BENCHMARKS = load_baselines(ROOT / "benchmarks")
RUNS = BENCHMARKS.baselines()
MASKED, COALESCED, DELIVERED, PENDING = range(4)


def baseline(name):
    if name == "simpy":
        pytest.importorskip("simpy")
    if name not in RUNS:
        pytest.skip(f"no {name} here")
    return RUNS[name]


def bound(script, clusters=1, pes=16):
    """Return a fresh machine and the program of a script on it."""
    machine = build(read_tree(board_text(clusters, pes).encode(), "bench.dts"))[0]
    return machine, bind(load_script(Source("test.yaml", script)), machine)


class Rows(list):
    def add(self, rows):
        self.extend(rows)


def reference(script, **board):
    """Return (fate, enter, exit) of each edge, by write, then core, found from the rows of a run."""
    machine, program = bound(script, **board)
    rows = Rows()
    Reference(machine, program, [rows]).run()
    edges, latched = [], defaultdict(deque)  # latched: made and not seen at the core yet, by core and line
    waiting, handled = defaultdict(deque), defaultdict(deque)
    # Which bits of a write were masked stands between its row and that of the next one.
    masked, write = defaultdict(set), -1
    for _, _, core, event, *_ in rows:
        write += event == "send"
        if event == "masked":
            masked[write].add(core)
    write = -1
    for tick, cluster, core, event, line, _, _, value in rows:
        wire = cluster, core, line
        if event == "send":
            write += 1
            for pid in range(17):
                if value >> pid & 1 and (cluster, pid) in machine.core:
                    edge = [PENDING, -1, -1]
                    edges.append(edge)
                    if pid in masked[write]:
                        edge[0] = MASKED
                    else:
                        latched[cluster, pid, line].append(edge)
        elif event == "coalesced":
            latched[wire].popleft()[0] = COALESCED
        elif event == "request":
            waiting[wire].append(latched[wire].popleft())
        elif event == "enter":
            edge = waiting[wire].popleft()
            edge[:2] = DELIVERED, tick
            handled[wire].append(edge)
        elif event == "exit":
            handled[wire].popleft()[2] = tick
    assert not any(latched.values())
    assert not any(handled.values())
    return edges


def result(name, script, **board):
    """Return what a baseline makes of a script, as `reference` does."""
    run = baseline(name)
    edges = run(BENCHMARKS.prepare(*bound(script, **board)))
    if name == "python":
        assert [edge[:2] for edge in edges] == sorted({edge[:2] for edge in edges})
    if isinstance(edges, list):
        return [list(edge[-3:]) for edge in edges]
    return np.stack([edges.fate, edges.enter, edges.exit], axis=1).tolist()


LINES = range(24, 32)


def random_script(seed, software, nesting):
    """Return a script of writes that collide: few ticks, few cores, short or no service."""
    draw = Random(seed)
    wide = draw.choice([2, 3, 8])
    lines = LINES[:wide]
    longest = draw.choice([0, 1, 4, 9])
    service = ", ".join(f"{line}: {draw.randint(0, longest)}" for line in LINES)
    delivery, entry = draw.choice([0, 0, 1, 3]), draw.choice([0, 0, 1, 4])
    timing = f"{{delivery: {delivery}, entry: {entry}, service: {{{service}}}}}"
    off = draw.choice([None, None, lines[-1]])
    steps = []
    if software == "bare":
        steps.append("sfr: {core: all, register: PS, write: 0x01000010}")
    enabled = [line for line in lines if line != off]
    steps.append(f"enable: {{cores: all, lines: {enabled}}}")
    steps += [
        f"level: {{cores: all, line: {line}, value: {draw.choice([0, 1, 1, 2, 2, 3, 3])}}}" for line in lines
    ]
    for _ in range(draw.randint(1, 60)):
        kind = draw.random()
        cluster = draw.choice(["", "c1."])
        if kind < 0.3:
            steps.append(f"wait: {draw.choice([0, 1, 1, 2, 3, 5, 20])}")
        elif kind < 0.4:
            block = [f"{cluster}pe{pid}" for pid in range(2) if draw.random() < 0.4]
            if block:
                steps.append(
                    f"mask: {{line: {draw.choice(lines)}, block: [{', '.join(block)}], from: {block[0]}}}"
                )
        elif kind < 0.5:
            what = f"targets: {draw.choice(['one', 'uniform', 'all'])}, lines: {list(lines)}, from: pes"
            count, every = draw.randint(1, 9), draw.randint(0, 3)
            steps.append(f"random: {{count: {count}, seed: {seed}, every: {every}, {what}}}")
        elif kind < 0.55:
            body = f"[{{send: {{to: all, line: {draw.choice(lines)}}}}}, {{wait: {draw.randint(0, 2)}}}]"
            every = draw.choice(["", ", every: 3"])
            steps.append(f"repeat: {{count: {draw.randint(1, 5)}{every}, steps: {body}}}")
        else:
            steps.append(
                f"send: {{from: {cluster}pe{draw.randint(0, 1)}, to: {draw.choice(['all', 'others'])}, "
                f"line: {draw.choice(lines)}}}"
            )
    top = "nesting: true\n" if nesting else ""
    listed = "".join(f"  - {step}\n" for step in steps)
    return f"version: 1\nsoftware: {software}\n{top}timing: {timing}\nsteps:\n{listed}"


KINDS = [("linux", False), ("bare", False), ("bare", True)]


@pytest.mark.parametrize("name", ["c", "kernel", "simpy"])
@pytest.mark.parametrize(("software", "nesting"), KINDS)
def test_a_baseline_gives_every_edge_what_the_reference_gives(name, software, nesting):
    fates = set()
    for seed in range(150):
        script = random_script(seed, software, nesting)
        board = {"clusters": 2, "pes": 2}
        expected = reference(script, **board)
        assert result(name, script, **board) == expected, script
        fates |= {fate for fate, _, _ in expected}
    assert fates == {MASKED, COALESCED, DELIVERED, PENDING}


FUNCTIONAL = """version: 1
steps:
  - random: {count: 30, from: pes, targets: uniform, every: 3}
  - mask: {line: 24, block: [pe0, pe3]}
  - random: {count: 30, from: pes, targets: all, every: 0}
  - mask: {line: 24, block: []}
  - random: {count: 30, from: pes, targets: one, every: 1}
"""


@pytest.mark.parametrize("name", ["c", "kernel", "python", "simpy"])
def test_a_baseline_gives_the_reference_s_edges_in_functional_time(name):
    expected = reference(FUNCTIONAL)
    assert {fate for fate, _, _ in expected} == {MASKED, DELIVERED}
    assert result(name, FUNCTIONAL) == expected


def test_the_loops_of_c_agree_on_functional_time():
    baseline("c")
    prepared = BENCHMARKS.prepare(*bound(FUNCTIONAL))
    assert prepared.functional
    for one, other in zip(
        BENCHMARKS.c_loop.run(prepared), BENCHMARKS.c_loop.run(prepared, general=True), strict=True
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("head", "steps"),
    [
        ("timing: {service: 1}\n", ""),  # takes time
        ("", "  - enable: {cores: all, lines: 25}\n  - send: {to: all, line: 25}\n"),  # level 0
    ],
)
def test_the_python_loop_refuses_what_is_not_functional(head, steps):
    script = f"version: 1\n{head}steps:\n{steps}  - send: {{to: all}}\n"
    with pytest.raises(ValueError, match="functional"):
        result("python", script)


@pytest.mark.parametrize(
    ("software", "steps"),
    [
        ("bare", "  - send: {to: all}\n"),  # interrupts are off
        ("bare", "  - sfr: {core: all, register: PS, write: 0x01000011}\n"),
        ("linux", "  - enable: {cores: pe1, lines: 25}\n"),
        ("linux", "  - sfr: {core: all, register: ILE, write: 0}\n"),
        ("linux", "  - wait: idle\n"),
        ("linux", "  - send: {to: all}\n  - enable: {cores: all, lines: 25}\n"),
    ],
)
def test_a_program_that_no_baseline_knows_is_refused(software, steps):
    with pytest.raises(ValueError, match=r"."):
        BENCHMARKS.prepare(*bound(f"version: 1\nsoftware: {software}\nsteps:\n{steps}"))


def test_boards_that_no_baseline_knows_are_refused():
    script = "version: 1\nsteps:\n  - send: {to: all}\n"
    with pytest.raises(ValueError, match="RM"):
        BENCHMARKS.prepare(*bound(script, pes=17))


def test_without_a_compiler_the_c_loop_says_so(monkeypatch):
    loop = BENCHMARKS.c_loop
    monkeypatch.setattr(loop, "compiler", lambda: None)
    loop._load.cache_clear()
    try:
        assert "no compiler" in loop.why_not()
        assert "c" not in BENCHMARKS.baselines()
        with pytest.raises(RuntimeError, match="no compiler"):
            loop.run(BENCHMARKS.prepare(*bound("version: 1\nsteps:\n  - send: {to: all}\n")))
    finally:
        loop._load.cache_clear()


def test_the_copy_bandwidth_is_a_rate():
    assert BENCHMARKS.copy_gb_per_s(megabytes=1, rounds=3) > 0.01
