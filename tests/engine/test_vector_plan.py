"""Actions as arrays of writes, against a plain expansion one by one and against the reference engine."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine_boards import board
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.batch import Sets, batchable, edges_of, ticks_of, writes_of
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.vector.draws import Draws, mix, one_of, stream_seeds
from kvx_emu.engine.vector.plan import Plan
from kvx_emu.engine.vector.tuning import MEASURED
from kvx_emu.errors import Place, Source
from kvx_emu.hw.registry import HARDWARE, QEMU
from kvx_emu.limits import LIMITS
from kvx_emu.machine.machine import build
from kvx_emu.script import actions, splitmix
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script
from kvx_emu.trace.row import MASK, SEND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.engine.vector.events import Events
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Action, Program
    from kvx_emu.trace.row import Row

    Step = dict[str, Any]

PROFILE = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)

BOARDS: list[dict[int, list[int]]] = [
    {0: [0, 1, 2]},
    {0: [0, 1, 2, 16], 1: [0, 3, 5, 6, 16], 3: [0, 15]},
    {0: list(range(17))},
    {0: list(range(16)), 1: list(range(16))},
]
TREES = [read_tree(board(cores).encode(), "board.dts") for cores in BOARDS]


def machine_of(index: int, profile: str = HARDWARE) -> Machine:
    return build(TREES[index], profile)[0]


def program_of(steps: Sequence[Step] | str, machine: Machine) -> Program:
    text = steps if isinstance(steps, str) else json.dumps(steps)
    return bind(load_script(Source("s.yaml", f"version: 1\nsoftware: bare\nsteps: {text}")), machine)


# The plain way

Write = tuple[int, int, int, int, bool, int, int, Place]
"""As in Events, with the place."""


class Plain:
    """Expands actions one by one, by the words of the contract; `writes` and `now` are the result."""

    def __init__(self, cores: dict[int, list[int]], now: int = 0, iterations: Sequence[int] = ()) -> None:
        self.cores = cores
        self.now = now
        self.iterations = list(iterations)
        self.writes: list[Write] = []

    def run(self, steps: Sequence[Action]) -> Plain:
        for step in steps:
            if step.at is not None:
                self.now = step.at
            self.act(step)
        return self

    def write(self, step: Action, writer: CoreId, target: tuple[int, int, bool], value: int) -> None:
        cluster, line, to_mask = target
        self.writes.append((self.now, cluster, line, value, to_mask, *writer, step.place))

    def act(self, step: Action) -> None:
        start = self.now
        if isinstance(step, actions.Send | actions.Block):
            for cluster, mask in step.masks:
                self.write(step, step.writer, (cluster, step.line, isinstance(step, actions.Block)), mask)
        elif isinstance(step, actions.Write):
            window, offset = divmod(step.address, 0x1000000)
            to_mask, place = divmod(offset - 0xAD0000, 0x20)
            target = (window - 1 if window else step.writer.cluster, 24 + place // 4, bool(to_mask))
            self.write(step, step.writer, target, step.value)
        elif isinstance(step, actions.Wait):
            assert step.ticks is not None
            self.now += step.ticks
        elif isinstance(step, actions.Random):
            for k, (sender, line, mask) in enumerate(
                splitmix.random_sends(step, self.cores, self.iterations)
            ):
                self.now = start + k * step.every
                self.write(step, sender, (sender.cluster, line, False), mask)
            self.now = start + step.count * step.every
        elif isinstance(step, actions.Repeat):
            for k in range(step.count):
                if step.every is not None:
                    self.now = start + k * step.every
                self.iterations.append(k)
                self.run(step.body)
                self.iterations.pop()
            if step.every is not None:
                self.now = start + step.count * step.every


def rows_of(plan: Plan, events: Events) -> list[Write]:
    """Return writes as plain values."""
    columns = [column.tolist() for column in events]
    assert len({len(column) for column in columns}) == 1
    return [(*row[:-1], plan.places[row[-1]]) for row in zip(*columns, strict=True)]


def expanded(
    plan: Plan, steps: Sequence[Action], now: int, chunk: int, **options: Any
) -> tuple[list[Write], int]:
    """Return all writes and the last tick; check what is promised of the chunks."""
    chunks = list(plan.expand(steps, now, chunk=chunk, **options))
    assert chunks
    for events, tick in chunks[:-1]:
        assert 1 <= len(events.tick) <= chunk
        assert tick == events.tick[-1]
    events, end = chunks[-1]
    assert isinstance(end, int)
    assert len(events.tick) <= chunk
    assert len(chunks) == 1 or len(events.tick) or end > options.get("until", LIMITS.ticks - 1)
    for events, _ in chunks:
        assert [column.dtype for column in events] == [
            *(np.int64, np.int16, np.uint8, np.uint32, np.bool_, np.int16, np.uint8, np.int32)
        ]
    return [row for events, _ in chunks for row in rows_of(plan, events)], end


# Drawn scripts: each step comes with the ticks and the writes that it makes

Drawn = tuple["Step", int, int]


class Steps:
    """Draws batchable steps for a board."""

    def __init__(self, draw: st.DrawFn, cores: dict[int, list[int]]) -> None:
        self.draw = draw
        self.all = [CoreId(cluster, pid) for cluster, pids in cores.items() for pid in pids]
        self.cores = cores

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def core(self) -> str:
        return str(self.pick(*self.all))

    def some_cores(self) -> list[str]:
        return [str(core) for core in self.draw(st.lists(st.sampled_from(self.all), min_size=1, max_size=5))]

    def steps(self, depth: int, budget: int) -> tuple[list[Step], int, int]:
        """Return some steps, their ticks and their writes, of which there are about `budget` at most."""
        steps, ticks, writes = [], 0, 0
        for _ in range(self.draw(st.integers(1, 5))):
            step, longer, more = self.step(depth, budget - writes)
            steps.append(step)
            ticks, writes = ticks + longer, writes + more
        return steps, ticks, writes

    def step(self, depth: int, budget: int) -> Drawn:
        kinds = ["send", "mask", "write", "wait", "random", "random"] + ["repeat"] * 4 * (depth < 3)
        drawn: Drawn = getattr(self, self.pick(*kinds))(depth, budget)
        return drawn

    def send(self, depth: int, budget: int) -> Drawn:
        to = self.some_cores()
        step = {"to": to, "from": self.core(), "line": self.pick(24, 25, 31)}
        return {"send": step}, 0, self.clusters(to)

    def mask(self, depth: int, budget: int) -> Drawn:
        block = self.pick([], self.some_cores())
        step = {"line": self.pick(24, 29), "block": block, "from": self.core()}
        return {"mask": step}, 0, max(1, self.clusters(block))

    def clusters(self, cores: list[str]) -> int:
        return len({core.split(".")[0] if "." in core else "c0" for core in cores})

    def write(self, depth: int, budget: int) -> Drawn:
        writer = self.pick(*self.all)
        cluster = self.pick(writer.cluster, *self.cores)
        local = cluster == writer.cluster and self.pick(True, False)
        address = 0xAD0000 + (0 if local else 0x1000000 * (cluster + 1)) + 4 * self.pick(*range(16))
        value = sum(1 << pid for pid in self.draw(st.sets(st.sampled_from(self.cores[cluster]))))
        return {"write": {"addr": address, "value": value, "from": str(writer)}}, 0, 1

    def wait(self, depth: int, budget: int) -> Drawn:
        ticks = self.pick(0, 1, 7, 1000)
        return {"wait": ticks}, ticks, 0

    def random(self, depth: int, budget: int) -> Drawn:
        count = min(max(0, budget), self.pick(0, 1, 2, 3, 17, 40, 100))
        every = self.pick(0, 1, 5)
        step = {
            "count": count,
            "every": every,
            "from": self.pick("all", self.core(), self.some_cores()),
            "targets": self.pick("one", "uniform", "all"),
            "lines": self.pick([24], [24, 25], [31, 24, 27], "24-31"),
        }
        seed = {"seed": self.pick(0, 1, 2**64 - 1)} if self.pick(True, False) else {}
        return {"random": step | seed}, count * every, count

    def repeat(self, depth: int, budget: int) -> Drawn:
        steps, ticks, writes = self.steps(depth + 1, min(budget, 150))
        most = max(0, budget) // writes if writes else 100
        count = min(most, self.pick(0, 1, 2, 3, 10, 17, 50))
        every = self.pick(None, None, 0, 3)
        repeat: Step = {"count": count, "steps": steps}
        if every is None:
            return {"repeat": repeat}, count * ticks, count * writes
        return {"repeat": repeat | {"every": ticks + every}}, count * (ticks + every), count * writes


@st.composite
def scripts(draw: st.DrawFn, depth: int = 0) -> tuple[int, list[Step], int, int]:
    """Draw a board and steps, their ticks and their writes; at the top level some say when."""
    index = draw(st.integers(0, len(BOARDS) - 1))
    steps, now, writes = [], 0, 0
    drawn = Steps(draw, BOARDS[index])
    for _ in range(draw(st.integers(1, 6))):
        step, ticks, more = drawn.step(depth, 400 - writes)
        if not depth and drawn.pick(True, False, False):
            now += drawn.pick(0, 1, 9)
            step = {**step, "at": now}
        steps.append(step)
        now, writes = now + ticks, writes + more
    return index, steps, now, writes


def odd(outcome: Outcome) -> set[str]:
    """Return the codes of the warnings about writes; the others are about what becomes of the requests."""
    return {warning.code for warning in outcome.warnings} - {"never-taken"}


CHUNKS = st.one_of(st.integers(1, 50), st.just(32768))


class Rows:
    """A sink that keeps the rows of writes."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        self.rows += [row for row in rows if row[3] in (SEND, MASK)]

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...


@PROFILE
@given(scripts(), CHUNKS)
def test_a_program_expands_to_its_writes(script: tuple[int, list[Step], int, int], chunk: int) -> None:
    index, steps, ticks, writes = script
    machine = machine_of(index)
    program = program_of(steps, machine)
    sets = Sets(machine)
    assert all(batchable(action, sets) for action in program.actions)
    assert sum(map(writes_of, program.actions)) == writes

    plain = Plain(BOARDS[index]).run(program.actions)
    assert (plain.now, len(plain.writes)) == (ticks, writes)
    plan = Plan(machine, program)
    assert expanded(plan, program.actions, 0, chunk) == (plain.writes, plain.now)
    assert expanded(plan, program.actions, 0, chunk) == (plain.writes, plain.now), "and again"

    kept = Rows()
    outcome = Reference(machine, program, [kept]).run()
    assert odd(outcome) == set()
    seen = [
        (tick, cluster, core, line, MASK if to_mask else SEND, value)
        for tick, _, line, value, to_mask, cluster, core, _ in plain.writes
        if value or to_mask
    ]
    assert [(row[0], row[1], row[2], row[4], row[3], row[7]) for row in kept.rows] == seen


@PROFILE
@given(scripts(), CHUNKS, st.integers(0, 60))
def test_the_expansion_ends_where_time_passes_the_last_tick(
    script: tuple[int, list[Step], int, int], chunk: int, until: int
) -> None:
    index, steps, ticks, _ = script
    machine = machine_of(index)
    program = program_of(steps, machine)
    plain = Plain(BOARDS[index]).run(program.actions)
    writes, end = expanded(Plan(machine, program), program.actions, 0, chunk, until=until)
    assert writes == [row for row in plain.writes if row[0] <= until]
    assert end == ticks if ticks <= until else end > until


@PROFILE
@given(scripts(), CHUNKS)
def test_the_end_of_time_is_the_last_tick_of_all(
    script: tuple[int, list[Step], int, int], chunk: int
) -> None:
    index, steps, ticks, _ = script
    for step in steps:
        step.pop("at", None)
    machine = machine_of(index)
    program = program_of(steps, machine)
    start = LIMITS.ticks - 1 - ticks // 2
    plain = Plain(BOARDS[index], start).run(program.actions)
    writes, end = expanded(Plan(machine, program), program.actions, start, chunk)
    assert writes == [row for row in plain.writes if row[0] < LIMITS.ticks]
    assert (end < LIMITS.ticks) == (plain.now < LIMITS.ticks)


@PROFILE
@given(scripts(depth=2), CHUNKS)
def test_a_body_expands_by_itself_with_the_numbers_of_the_iterations(
    script: tuple[int, list[Step], int, int], chunk: int
) -> None:
    index, steps, _, _ = script
    machine = machine_of(index)
    program = program_of(
        [{"repeat": {"count": 4, "steps": [{"repeat": {"count": 9, "steps": steps}}]}}], machine
    )
    (outer,) = program.actions
    assert isinstance(outer, actions.Repeat)
    (inner,) = outer.body
    assert isinstance(inner, actions.Repeat)
    plain = Plain(BOARDS[index], 1000, (3, 7)).run(inner.body)
    plan = Plan(machine, program)
    found = expanded(plan, inner.body, 1000, chunk, iterations=[3, 7])
    assert found == (plain.writes, plain.now)


def test_each_action_has_one_place() -> None:
    machine = machine_of(0)
    program = program_of(
        "[{repeat: {count: 9, steps: [send: {to: pe1}, send: {to: pe2}]}}, send: {to: pe1}]", machine
    )
    plan = Plan(machine, program)
    for _ in range(2):
        expanded(plan, program.actions, 0, 5)
    repeat, last = program.actions
    assert isinstance(repeat, actions.Repeat)
    assert plan.places == [repeat.body[0].place, repeat.body[1].place, last.place]


def test_time_alone_is_one_chunk_without_writes() -> None:
    machine = machine_of(0)
    program = program_of("[wait: 5, {repeat: {count: 1000000000, every: 7, steps: [wait: 3]}}]", machine)
    ((events, end),) = Plan(machine, program).expand(program.actions, 10)
    assert (len(events.tick), end) == (0, 15 + 7 * 10**9)


def test_at_in_the_past_is_not_accepted() -> None:
    machine = machine_of(0)
    program = program_of("[wait: 5, {at: 9, send: {to: pe1}}]", machine)
    plan = Plan(machine, program)
    assert expanded(plan, program.actions, 4, 9)[1] == 9
    with pytest.raises(AssertionError, match="past"):
        list(plan.expand(program.actions, 5))


BILLION = 10**9
LARGE = [
    f"{{random: {{count: {BILLION}, every: 2, from: pes}}}}",
    f"{{repeat: {{count: {BILLION}, every: 2, steps: [send: {{to: pe1}}]}}}}",
    f"{{repeat: {{count: {BILLION}, every: 2, steps: [random: {{count: 1, from: pes}}]}}}}",
    f"{{repeat: {{count: 2, steps: [repeat: {{count: {BILLION}, every: 2, steps: [send: {{to: pe1}}]}}]}}}}",
    f"{{repeat: {{count: 2, steps: [wait: 0, {{random: {{count: {BILLION}, every: 2}}}}]}}}}",
]


@pytest.mark.parametrize("step", LARGE)
def test_large_counts_expand_lazily_and_in_little_memory(step: str) -> None:
    machine = machine_of(0)
    program = program_of(f"[{step}]", machine)
    tracemalloc.start()
    try:
        plan, made = Plan(machine, program), 0
        for events, tick in islice(plan.expand(program.actions, 100), 10):
            assert (events.tick == 100 + 2 * np.arange(made, made + len(events.tick))).all()
            made += len(events.tick)
            assert tick == 100 + 2 * (made - 1)
        assert made == 10 * MEASURED.chunk
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


# The draws


@st.composite
def randoms(draw: st.DrawFn) -> tuple[actions.Random, dict[int, list[int]], int]:
    """Draw a random step inside some repeats, and clusters with gaps; the last is the repeats' number."""
    pids = st.sets(st.integers(0, 16), min_size=2).map(sorted)
    cores = draw(st.dictionaries(st.integers(0, 40), pids, min_size=1, max_size=4))
    everyone = sorted(CoreId(cluster, pid) for cluster, there in cores.items() for pid in there)
    senders = draw(st.one_of(st.just(everyone), st.sets(st.sampled_from(everyone), min_size=1).map(sorted)))
    path = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    action = actions.Random(
        Place("t"),
        None,
        draw(st.integers(1, 60)),
        0,
        tuple(senders),
        draw(st.sampled_from(["one", "uniform", "all"])),
        tuple(draw(st.lists(st.integers(24, 31), min_size=1, unique=True))),
        draw(st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))),
        tuple(path),
    )
    return action, cores, len(path) - 1


@PROFILE
@given(randoms(), st.data())
def test_draws_are_those_of_the_scalar_code(
    drawn: tuple[actions.Random, dict[int, list[int]], int], data: st.DataObject
) -> None:
    action, cores, repeats = drawn
    draws = Draws(action.senders, action.targets, action.lines, cores)
    executions = data.draw(st.integers(1, 5))
    numbers = st.lists(st.integers(0, 2**64 - 1), min_size=executions, max_size=executions)
    # A repeat's numbers are one for all executions, or one for each.
    iterations: list[Any] = [
        data.draw(st.one_of(st.integers(0, 9), numbers.map(lambda n: np.array(n, np.uint64))))
        for _ in range(repeats)
    ]
    path = [number for pair in zip(action.path, iterations, strict=False) for number in pair]
    seeds = stream_seeds(action.seed, [*path, action.path[-1]])
    for start in (0, data.draw(st.integers(0, action.count - 1))):
        stop = data.draw(st.integers(start + 1, action.count))
        sends = draws.sends(seeds, start, stop)
        for k, seed in enumerate(seeds):
            own = [int(one) if isinstance(one, int) else int(one[k]) for one in iterations]
            assert seed == splitmix.stream_seed(action.seed, splitmix.execution_path(action.path, own))
            found = [
                (action.senders[sender], line, mask)
                for sender, line, mask in zip(*(column[k].tolist() for column in sends), strict=True)
            ]
            assert found == list(splitmix.random_sends(action, cores, own))[start:stop]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(1, 2**32 - 1))
def test_one_of_n_is_exact(numbers: list[int], n: int) -> None:
    for count in (n, n & 31 or 1, 1 << n % 32):
        expected = [number * count >> 64 for number in numbers]
        assert one_of(np.array(numbers, np.uint64), count).tolist() == expected
        many = np.full(len(numbers), count, np.uint64)
        assert one_of(np.array(numbers, np.uint64), many).tolist() == expected


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_numbers_are_mixed_as_one_by_one(numbers: list[int]) -> None:
    assert mix(np.array(numbers, np.uint64)).tolist() == [splitmix.mix(number) for number in numbers]


# What is known beforehand

YES, NO = True, False
JUDGED = [
    # on the hardware, on QEMU, the step; the board has pe0, pe1, pe2 and rm of cluster 0, five of cluster 1
    (YES, YES, "send: {to: pe1}"),
    (YES, NO, "send: {to: pe1, line: 25}"),  # QEMU has set 0 alone
    (YES, NO, "send: {to: rm}"),  # and does not reach the RM
    (YES, YES, "send: {to: [pe1, c1.pe3]}"),
    (YES, YES, "mask: {line: 24, block: [pe1, rm]}"),
    (YES, NO, "mask: {line: 25, block: [pe1]}"),
    (YES, YES, "wait: 5"),
    (NO, NO, "wait: idle"),
    (YES, NO, "random: {count: 5}"),  # RM
    (YES, NO, "random: {count: 5, lines: [24, 25], targets: all}"),
    (YES, YES, "repeat: {count: 5, steps: [wait: 1, send: {to: pe1}]}"),
    (NO, NO, "repeat: {count: 5, steps: [wait: 1, {repeat: {count: 1, steps: [wait: idle]}}]}"),
    (YES, NO, "write: {addr: 0xad0000, value: 1}"),  # QEMU cuts accesses
    (YES, NO, "write: {addr: 0xad001c, value: 0x10007}"),
    (YES, NO, "write: {addr: 0x1ad0000, value: 1}"),
    (YES, NO, "write: {addr: 0x2ad0000, value: 0x68}"),
    (YES, NO, "write: {addr: 0xad0000, value: 0x68, from: c1.pe0}"),
    (YES, NO, "write: {addr: 0xad0020, value: 0x1ffff}"),  # a mask may block cores that are not there
    (NO, NO, "write: {addr: 0xad0020, value: 0x20000}"),
    (NO, NO, "write: {addr: 0xad0000, value: 8}"),  # no such core
    (NO, NO, "write: {addr: 0xad0000, value: 0x20000}"),
    (NO, NO, "write: {addr: 0xad0000, value: 1, size: 8}"),
    (NO, NO, "write: {addr: 0xad0000, value: 1, size: 2}"),
    (NO, NO, "write: {addr: 0xad0002, value: 1}"),
    (NO, NO, "write: {addr: 0xad0040, value: 1}"),  # reserved
    (NO, NO, "write: {addr: 0, value: 1}"),  # nothing there
    (NO, NO, "write: {addr: 0x3ad0000, value: 1}"),
    (NO, NO, "read: {addr: 0xad0000}"),
    (NO, NO, "enable: {core: all, line: 24}"),
    (NO, NO, "level: {core: all, line: 24, value: 1}"),
    (NO, NO, "sfr: {core: pe0, register: PS, set: 0}"),
    (NO, NO, "expect: {delivered: 0}"),
    (NO, NO, "mark: here"),
]


@pytest.mark.parametrize(("hardware", "qemu", "step"), JUDGED)
def test_what_is_batchable(hardware: bool, qemu: bool, step: str) -> None:
    for profile, expected in ((HARDWARE, hardware), (QEMU, qemu)):
        machine = machine_of(1, profile)
        program = program_of(f"[{{{step}}}]", machine)
        assert batchable(program.actions[0], Sets(machine)) == expected
        if expected:
            assert odd(Reference(machine, program).run()) == set()


KNOWN = [
    # writes, ticks and edges of a step, on the same board
    (1, 0, 1, "send: {to: pe1}"),
    (2, 0, 3, "send: {to: [pe1, pe2, c1.pe3]}"),
    (2, 0, 0, "mask: {line: 24, block: [pe1, c1.pe3]}"),
    (0, 5, 0, "wait: 5"),
    (1, 0, 3, "write: {addr: 0xad0000, value: 7}"),
    (1, 0, 0, "write: {addr: 0xad0020, value: 7}"),
    (9, 18, 9, "random: {count: 9, every: 2, from: all}"),
    (10, 0, 40, "random: {count: 10, targets: all}"),
    (10, 0, 20, "random: {count: 10, targets: uniform}"),
    (10, 0, 45, "random: {count: 10, targets: all, from: [pe0, c1.pe0]}"),
    (
        12,
        30,
        24,
        "repeat: {count: 6, every: 5, steps: [send: {to: pe1}, wait: 2, send: {to: [pe0, pe1, pe2]}]}",
    ),
    (12, 12, 24, "repeat: {count: 6, steps: [send: {to: pe1}, wait: 2, send: {to: [pe0, pe1, pe2]}]}"),
    (0, 0, 0, "repeat: {count: 0, every: 5, steps: [send: {to: pe1}]}"),
]


@pytest.mark.parametrize(("writes", "ticks", "edges", "step"), KNOWN)
def test_writes_ticks_and_edges_are_known(writes: int, ticks: int, edges: int, step: str) -> None:
    machine = machine_of(1)
    (action,) = program_of(f"[{{{step}}}]", machine).actions
    assert (writes_of(action), ticks_of(action)) == (writes, ticks)
    assert edges_of(action, Sets(machine)) == edges


def test_to_know_it_takes_no_numpy() -> None:
    check = "import sys, kvx_emu.engine.batch; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
