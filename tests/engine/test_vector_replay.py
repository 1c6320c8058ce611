"""`replay` in the vector engine: any table gives what it gives on the reference, and needs bounded memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from command import ROOT
from engine_boards import board
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.engine import choose
from kvx_emu.engine.batch import BATCH, Sets, worth
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.engine import LATEST, Vector
from kvx_emu.engine.vector.replay import Decoder, reach_of_writes, spans
from kvx_emu.engine.vector.tuning import Tuning
from kvx_emu.errors import Source
from kvx_emu.hw.register import registers_of
from kvx_emu.hw.registry import HARDWARE, QEMU
from kvx_emu.machine.machine import Machine
from kvx_emu.machine.wiring import read_wiring
from kvx_emu.models.core import Core
from kvx_emu.script import actions
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script
from kvx_emu.script.replay.rows import Chunk
from kvx_emu.trace.text import csv_lines

LOCAL, STRIDE = 0xAD0000, 0x1000000
BOARDS = [
    {0: [0, 1, 2]},
    {0: [0, 3, 15, 16]},
    {0: [0, 1, 2], 1: [0, 5], 2: [1, 16]},
]
TREES = [read_tree(board(cores, "24 25").encode(), "board.dts") for cores in BOARDS]

HEAD = """version: 1
software: {software}
nesting: {nesting}
timing: {{delivery: {delivery}, entry: {entry}, service: {{24: {service}, 25: {other}, default: 1}}}}
steps:
"""
LINUX = "  - wait: 0\n"
BARE = """\
  - sfr: {cores: all, register: PS, write: 0x01000010}
  - enable: {cores: all, lines: 24-26}
  - level: {cores: all, line: 24, value: 1}
  - level: {cores: all, line: 25, value: 2}
"""


class Table:
    """Rows in memory, as the reader of a file gives them: (tick, address, value, writer) in chunks."""

    def __init__(self, rows, chunk=1000):
        self.rows = len(rows)
        self.last = rows[-1][0] if rows else 0
        self._parts = [rows[at : at + chunk] for at in range(0, len(rows), chunk)]

    def chunks(self):
        for part in self._parts:
            tick, address, value, writer = zip(*part, strict=True)
            yield Chunk(
                np.array(tick, np.int64),
                np.array(address, np.uint64),
                np.array(value, np.uint32),
                np.array([core.cluster for core in writer], np.int16),
                np.array([core.pid for core in writer], np.uint8),
            )


class Case(NamedTuple):
    """A table, and all that decides what comes of it; `again` is count and period of a repeat of it."""

    board: int
    rows: list
    chunk: int = 1000
    again: tuple[int, int] | None = None
    software: str = "linux"
    nesting: bool = False
    delivery: int = 0
    entry: int = 0
    service: int = 0
    other: int = 0
    at: int = 0
    limit_ticks: int | None = None
    limit_events: int | None = None
    tuning: Tuning = Tuning(chunk=16, batch=1)
    sinks: bool = True


class Rows:
    """Keeps the rows."""

    def __init__(self):
        self.rows = []

    def add(self, rows):
        self.rows += list(rows)

    def close(self): ...

    def abandon(self): ...


def machine_of(case, profile=HARDWARE):
    return Machine(read_wiring(TREES[case.board], lambda _: None, profile), profile)


def program_of(case, machine):
    head = HEAD.format(**case._asdict() | {"nesting": str(case.nesting).lower()})
    text = head + (LINUX if case.software == "linux" else BARE)
    program = bind(load_script(Source("script.yaml", text)), machine)
    place = program.actions[0].place
    replay = actions.Replay(place, case.at or None, Table(case.rows, case.chunk))
    steps = [*program.actions, replay]
    if case.again is not None:
        body = replace(replay, at=None)
        steps.append(actions.Repeat(place, None, *case.again, (body,)))
    steps.append(actions.Send(place, None, machine.cores[0], 24, ((0, 1),)))  # what is left decides its fate
    return replace(program, actions=tuple(steps))


def state_of(machine):
    cores = {
        name: [getattr(core, register.attribute) for register in registers_of(Core)]
        + [core.pc, core.rz, core.state, core.open]
        for name, core in machine.core.items()
    }
    return cores, [list(controller.model.mask) for controller in machine.controllers.values()]


def run(engine, case, profile=HARDWARE, **more):
    machine = machine_of(case, profile)
    sink = Rows()
    made = engine(
        machine,
        program_of(case, machine),
        [sink] if case.sinks else [],
        limit_ticks=case.limit_ticks,
        limit_events=case.limit_events,
        **more,
    )
    outcome = made.run()
    return csv_lines(sink.rows), outcome, state_of(machine), made


def same(case, profile=HARDWARE):
    """Run a case on both engines, hold one against the other, and return the vector engine."""
    expected = run(Reference, case, profile)
    found = run(Vector, case, profile, tuning=case.tuning)
    assert found[0] == expected[0]
    assert found[1] == expected[1]
    if expected[1].stopped is None or case.limit_events is None:
        assert found[2] == expected[2]
    return found[3]


@st.composite
def cases(draw):
    index = draw(st.integers(0, len(BOARDS) - 1))
    clusters = BOARDS[index]
    cores = [CoreId(cluster, pid) for cluster, pids in clusters.items() for pid in pids]
    register = st.one_of(st.sampled_from([0, 0, 0, 4, 0x20, 0x20, 0x24]), st.integers(0, 0x44))
    local = register.map(lambda offset: LOCAL + offset)
    far = st.builds(
        lambda offset, cluster: LOCAL + offset + STRIDE * (cluster + 1), register, st.integers(0, 3)
    )
    address = st.one_of(local, local, far, st.integers(0, 2**64 - 1))
    wired = sum(1 << pid for pid in clusters[0])
    value = st.one_of(
        st.integers(0, wired).map(lambda number: number & wired),
        st.integers(0, 0x1FFFF),
        st.sampled_from([0, 0xFFFFFFFF, 0x20000, 0x80000001]),
    )
    gap = st.sampled_from([0, 0, 1, 2, 7, 30])
    drawn = draw(st.lists(st.tuples(gap, address, value, st.sampled_from(cores)), min_size=1, max_size=60))
    # Runs of rows that are alike make long plain parts.
    drawn = [row for row in drawn for _ in range(draw(st.sampled_from([1, 1, 1, 5])))]
    rows, tick = [], 0
    for after, *rest in drawn:
        tick += after
        rows.append((tick, *rest))
    small = st.sampled_from([0, 0, 1, 3, 20])
    again = st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 50]).map(lambda more: tick + more))
    software = draw(st.sampled_from(["linux", "bare"]))
    return Case(
        index,
        rows,
        draw(st.sampled_from([1, 3, 16, 1000])),
        draw(st.none() | again),
        software,
        software == "bare" and draw(st.booleans()),
        *(draw(small) for _ in range(4)),
        at=draw(st.sampled_from([0, 0, 100])),
        limit_ticks=draw(st.none() | st.none() | st.integers(0, 2 * tick)),
        limit_events=draw(st.none() | st.none() | st.integers(1, 10_000)),
        tuning=Tuning(
            chunk=draw(st.sampled_from([1, 7, 1 << 16])),
            batch=draw(st.sampled_from([1, 2, 8])),
            batches=draw(st.sampled_from([1, 1000])),
            exceptions=draw(st.sampled_from([1, 1000])),
            words=draw(st.sampled_from([1, 1000])),
        ),
        sinks=draw(st.sampled_from([True, True, False])),
    )


PE0, PE1 = CoreId(0, 0), CoreId(0, 1)


@given(cases())
@settings(max_examples=300, deadline=None)
@example(Case(0, [(0, LOCAL, 0x3, PE0), (0, 0x10, 1, PE0), (0, LOCAL, 0x10002, PE1)]))
@example(Case(0, [], again=(2, 0)))
def test_any_table_gives_what_it_gives_on_the_reference(case):
    same(case)


def plain(count, gap=10):
    return [(k * gap, LOCAL, 1 << k % 3, PE0) for k in range(count)]


def test_plain_rows_are_solved_and_the_others_are_not():
    rows = plain(40)
    rows[20] = (200, 0x10, 1, PE0)  # a bus error
    engine = same(Case(0, rows, delivery=3, service=5, again=(3, 400)))
    assert engine.solved >= 4 * 39
    (told,) = engine.refused.items()
    assert told == ("rows of a table that are not plain, or too few together", 4)


def test_a_warning_is_left_to_the_reference_once():
    rows = [(k * 10, LOCAL + 4 * (k % 2), 0xFF000000 | 1 << 9 | 1, PE0) for k in range(40)]
    engine = same(Case(0, rows, again=(2, 400), software="bare"))
    assert sum(engine.refused.values()) == 2  # INTERRUPT[0] and [1], the first time each
    rows = [(k, LOCAL + 4 * (k % 2), 1 << 9 | k % 4, PE0) for k in range(40)]
    engine = same(Case(0, rows, software="bare"))
    assert sum(engine.refused.values()) == 1  # pe9 is lacking, whatever else is written


def test_too_few_plain_rows_together_are_not_worth_solving():
    rows = [(k, LOCAL if k % 3 else 0x10, 1, PE0) for k in range(60)]
    engine = same(Case(0, rows, tuning=Tuning(batch=3)))
    assert (engine.solved, sum(engine.refused.values())) == (0, 60)


@pytest.mark.parametrize("limit", [0, 95, 100, 101, 399, 400])
def test_a_limit_of_ticks_within_a_table(limit):
    for delivery in (0, 25):
        engine = same(Case(0, plain(41), delivery=delivery, service=7, limit_ticks=limit))
        assert engine.solved == limit // 10 + 1 + (limit == 400)


def test_a_limit_of_events_that_may_be_met_is_the_references():
    engine = same(Case(0, plain(40), limit_events=50))
    assert engine.solved == 0
    assert engine.refused == {"a limit of events may be met": 40}


@pytest.mark.parametrize("limit", [2899, 3000, 3001])
def test_rows_of_solved_writes_count_towards_a_limit_of_events(limit):
    rows = plain(41) + [(400 + k, 0x10, 1, PE0) for k in range(3200)]  # each of these a bus error
    engine = same(Case(0, rows, limit_events=limit, tuning=Tuning(batch=40)))
    assert engine.solved == 41


def test_ticks_that_sums_may_not_hold_are_the_references():
    engine = same(Case(0, [(0, LOCAL, 1, PE0)] * 9 + [(LATEST, LOCAL, 1, PE0)] * 9))
    assert "ticks beyond 2^61" in engine.refused


def test_a_core_that_can_not_be_solved_is_tried_again():
    # Line 26 is enabled but nobody's: the first exception drains it, with a warning that comes once.
    steps = [actions.Enable(None, None, (PE0, PE1), 1 << 26, True)]
    case = Case(0, [(k * 10, LOCAL + 8 * (k % 2), 3, PE0) for k in range(2000)], service=3)
    results = []
    for engine in (Reference, Vector):
        machine, sink = machine_of(case), Rows()
        program = program_of(case, machine)
        steps = [replace(steps[0], place=program.actions[0].place)]
        made = engine(machine, replace(program, actions=(*steps, *program.actions)), [sink])
        results.append((csv_lines(sink.rows), made.run(), state_of(machine)))
    assert results[0] == results[1]
    assert 1000 < made.solved < 2000
    assert [why.partition(": ")[2] for why in made.refused] == ["a warning about drained lines may be due"]


def test_on_qemus_bus_a_table_is_the_references():
    engine = same(Case(0, plain(40), tuning=Tuning(batch=2)), QEMU)
    assert engine.solved == 0


def test_a_replay_counts_its_rows_where_that_pays():
    for count, edges in ((BATCH - 1, 0), (BATCH, BATCH)):
        case = Case(0, plain(count), again=(3, 10**6))
        machine = machine_of(case)
        assert worth(program_of(case, machine).actions, Sets(machine)) == 4 * edges
        assert worth(program_of(case, machine).actions, Sets(machine_of(case, QEMU))) == 0


def test_auto_chooses_the_vector_engine_for_a_long_table():
    for count, engine in ((choose.WORTH_LOADED - 1, "reference"), (choose.WORTH_LOADED, "vector")):
        case = Case(0, plain(count))
        machine = machine_of(case)
        assert choose.choose(machine, program_of(case, machine), "auto").engine == engine


# The parts


@given(st.lists(st.booleans()), st.integers(1, 4))
def test_the_spans_of_rows(odd, least):
    found = list(spans(np.array(odd, np.bool_), least))
    assert [0, *(end for *_, end in found)] == [*(begin for _, begin, _ in found), len(odd)]
    assert all(one or other for (one, *_), (other, *_) in pairwise(found))
    for solve, begin, end in found:
        if solve:
            assert not any(odd[begin:end])
            assert end - begin >= least


def test_the_registers_are_found_in_both_windows():
    machine = machine_of(Case(2, []))
    decoder = Decoder(Sets(machine))
    rows = [
        (0, LOCAL, 1, CoreId(1, 0)),
        (0, LOCAL + STRIDE, 1, CoreId(1, 0)),
        (5, LOCAL + 0x3C + 3 * STRIDE, 1, CoreId(0, 0)),
        (5, LOCAL + 0x40, 1, CoreId(0, 0)),
        (5, 2**64 - 1, 1, CoreId(0, 0)),
    ]
    (chunk,) = Table(rows).chunks()
    writes, odd = decoder.decode(chunk, 100, 7)
    assert odd.tolist() == [False, False, False, True, True]
    found = zip(*(column[:3].tolist() for column in writes), strict=True)
    assert list(found) == [
        (100, 1, 24, 1, False, 1, 0, 7),
        (100, 0, 24, 1, False, 1, 0, 7),
        (105, 2, 31, 1, True, 0, 0, 7),
    ]
    assert reach_of_writes(writes.part(0, 3)) == {0: (1, 1 << 24), 1: (1, 1 << 24)}


# Memory

PEAK = """
import resource, sys
from kvx_emu.cli.main import main
options = ["--engine", "vector", "--format", "none", "--csv", "/dev/null"]
status = main(["run", "boards/cluster.dts", sys.argv[1], *options])
print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_the_memory_of_a_replay_does_not_grow_with_its_rows(tmp_path):
    peaks = []
    for count in (50_000, 400_000):
        table = np.zeros(count, [("tick", "<i8"), ("addr", "<u8"), ("value", "<u4")])
        table["tick"] = np.arange(count) * 60
        table["addr"] = LOCAL
        table["value"] = 1 << np.arange(count) % 16
        np.save(tmp_path / "table.npy", table)
        script = tmp_path / "script.yaml"
        script.write_text("version: 1\ntiming: {service: 100}\nsteps: [{replay: {file: table.npy}}]\n")
        done = subprocess.run(
            [sys.executable, "-c", PEAK, script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        status, peak = map(int, done.stdout.split())
        assert (status, done.stderr) == (0, "")
        peaks.append(peak / 1024)
    assert peaks[1] < peaks[0] + 16
