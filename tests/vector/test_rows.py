"""The rows of a chunk and their order, against cores by brute force that write theirs as things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from one_core import Core, Rules, ones, profile, rules, services, some_lines

from kvx_emu.engine.vector.chunk import Chunk, Names
from kvx_emu.engine.vector.events import Events
from kvx_emu.engine.vector.rows import rows_of, sorted_by
from kvx_emu.engine.vector.table import COALESCED, REQUESTED, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvx_emu.trace.row import Row

LANES = [(0, 0), (0, 1), (0, 2), (3, 1), (3, 16)]
"""Cluster and pid of each core."""

NAMES = Names(np.array([c for c, _ in LANES], np.int16), np.array([p for _, p in LANES], np.int8))
LANE_OF = {name: lane for lane, name in enumerate(LANES)}


class Write(NamedTuple):
    tick: int
    cluster: int
    line: int
    value: int
    to_mask: bool
    writer: int  # a lane


class World:
    """Cores and controllers that go through the ticks one by one; `rows` come as they happen.

    A request is named by its write and its core: write x 100 + lane.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rows: list[Row] = []
        self.masks: dict[tuple[int, int], int] = {}
        self.blocked = [0] * len(case.writes)
        self.raised = [0] * len(case.writes)
        self.cores = [Core(case.rules[lane], case.entry, case.service) for lane in range(len(LANES))]
        for (cluster, pid), core in zip(LANES, self.cores, strict=True):
            core.log = lambda tick, event, line, ilr, name=(cluster, pid): self.rows.append(
                (tick, *name, event, line, None, None, ilr)
            )

    def run(self) -> World:
        for tick in range(self.case.horizon + 1):
            for core in self.cores:
                core.clock(tick)
            for i, write in enumerate(self.case.writes):
                if self.case.delivery and write.tick + self.case.delivery == tick:
                    self.arrive(tick, i, write)
            for i, write in enumerate(self.case.writes):
                if write.tick == tick:
                    self.write(i, write)
        return self

    def write(self, i: int, write: Write) -> None:
        tick, cluster, line, value, to_mask, writer = write
        if to_mask:
            self.rows.append((tick, *LANES[writer], "mask", line, None, None, value))
            self.masks[cluster, line] = value
            return
        if value:
            self.rows.append((tick, *LANES[writer], "send", line, None, None, value))
        for pid in range(17):
            if value >> pid & 1 and (cluster, pid) in LANE_OF:
                if self.masks.get((cluster, line), 0) >> pid & 1:
                    self.rows.append((tick, cluster, pid, "masked", line, *LANES[writer], 0))
                    self.blocked[i] |= 1 << pid
                else:
                    self.raised[i] |= 1 << pid
                    if not self.case.delivery:
                        self.request(tick, i, LANE_OF[cluster, pid])

    def arrive(self, tick: int, i: int, write: Write) -> None:
        for pid in range(17):
            if self.raised[i] >> pid & 1:
                self.request(tick, i, LANE_OF[write.cluster, pid])

    def request(self, tick: int, i: int, lane: int) -> None:
        write, core = self.case.writes[i], self.cores[lane]
        event = "coalesced" if write.line in core.latched else "request"
        self.rows.append((tick, *LANES[lane], event, write.line, *LANES[write.writer], 0))
        core.arrive(tick, write.line, i * 100 + lane)


class Case(NamedTuple):
    rules: list[Rules]  # by lane
    entry: int
    service: tuple[int, ...]
    delivery: int
    writes: list[Write]
    horizon: int

    @property
    def needs_places(self) -> bool:
        """Whether ticks do not tell what made a row.

        Some handlers take no time though others, or entries, do; or a line is drained with another at the
        tick at which it arrived.
        """
        instant = min(self.service) == 0 < max(self.service) + self.entry
        used = ones({write.line for write in self.writes})
        return instant or any(known.batch and used & known.enabled & ~known.opened for known in self.rules)


def chunk_of(case: Case, world: World, *, placed: bool, fold: bool) -> Chunk:
    """Return what a solver would make of it; with `fold` cores that have equal edges share them."""
    columns: list[list[tuple[int, ...]]] = []
    groups: list[tuple[int, ...]] = []
    start = [0]
    for lane, core in enumerate(world.cores):
        edges = []
        names = sorted(core.fates)
        index_of = {name: start[-1] + i for i, name in enumerate(names)}
        for name in names:
            write, fate = name // 100, core.fates[name]
            places = []
            for tick, place in ((fate.enter, fate.enter_place), (fate.leave, fate.leave_place)):
                run, turn = divmod(place, 2**32)
                places.append(0 if tick < 0 else index_of.get(run, -1) * 2**32 + turn)
            edges.append(
                (
                    write,
                    case.writes[write].line,
                    case.writes[write].tick + case.delivery,
                    COALESCED if fate.coalesced else REQUESTED,
                    fate.enter,
                    fate.leave,
                    fate.seen,
                    fate.after,
                    *places,
                )
            )
        known = [
            g for g, other in enumerate(columns) if other and [e[:8] for e in other] == [e[:8] for e in edges]
        ]
        if fold and known:
            groups[known[0]] = (*groups[known[0]], lane)
            continue
        groups.append((lane,))
        columns.append(edges)
        start.append(start[-1] + len(edges))
    edges = [edge for part in columns for edge in part]
    kinds = (np.int32, np.uint8, np.int64, np.uint8, *[np.int64] * 6)
    each = [np.array([edge[i] for edge in edges], kind) for i, kind in enumerate(kinds)]
    table = Table(
        groups, np.array(start, np.int64), *each[:8], *(each[8:] if placed else (None, None))
    )  # fmt: skip
    made = [write for write in case.writes if write.tick <= case.horizon]
    events = Events(
        np.array([write.tick for write in made], np.int64),
        np.array([write.cluster for write in made], np.int16),
        np.array([write.line for write in made], np.uint8),
        np.array([write.value for write in made], np.uint32),
        np.array([write.to_mask for write in made], np.bool_),
        np.array([LANES[write.writer][0] for write in made], np.int16),
        np.array([LANES[write.writer][1] for write in made], np.uint8),
        np.zeros(len(made), np.int32),
    )
    ripe = sum(write.tick + case.delivery <= case.horizon for write in made)
    blocked = world.blocked[: len(made)]
    return Chunk(
        events,
        any(write.to_mask for write in made),
        np.array(blocked, np.uint32) if any(blocked) else None,
        events.part(0, ripe),
        0,
        table,
        None,
        None,
        case.delivery > 0,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    lines = draw(some_lines())
    known = [draw(rules(lines, passive=draw(st.booleans()))) for _ in range(draw(st.integers(1, 3)))]
    gaps = st.sampled_from(draw(st.sampled_from([(0, 1), (0, 0, 2, 5), (0, 3, 20), (1,)])))
    words = st.sampled_from([0, 1, 2, 3, 7, 0x1FFFF, 0x10002])
    tick, writes = 0, []
    for _ in range(draw(st.integers(0, 12))):
        tick += draw(gaps)
        writes.append(
            Write(
                tick,
                draw(st.sampled_from([0, 0, 3])),
                draw(st.sampled_from(lines)),
                draw(words),
                draw(st.sampled_from([False] * 5 + [True])),
                draw(st.integers(0, len(LANES) - 1)),
            )
        )
    return Case(
        [draw(st.sampled_from(known)) for _ in LANES],
        draw(st.integers(0, 2)),
        draw(services(lines)),
        draw(st.sampled_from([0, 0, 1, 3])),
        writes,
        tick + draw(st.sampled_from([0, 1, 5, 100])),
    )


LINUX = Rules(True, False, (1,) * 32, 0xFF << 24)
CROWD = [Write(tick, 0, 24 + (tick + n) % 3, 7, False, n) for tick in range(4) for n in range(3)]


@profile(120)
@given(cases(), st.booleans())
@example(Case([LINUX] * 5, 1, (1,) * 32, 0, CROWD, 50), True)
@example(Case([LINUX] * 5, 0, (1,) * 32, 1, CROWD, 50), False)
@example(Case([LINUX] * 5, 1, (0,) * 32, 1, CROWD, 50), False)
def test_rows_come_as_they_happen(case: Case, fold: bool):
    world = World(case).run()
    for placed in {True, case.needs_places}:
        chunk = chunk_of(case, world, placed=placed, fold=fold and not placed)
        assert list(rows_of(chunk, NAMES)) == world.rows


NUMBERS = [
    st.integers(0, 3),
    st.integers(-3, 3),
    st.sampled_from([0, 1, 1 << 62, (1 << 63) - 1]),
    st.sampled_from([-(1 << 63), -1, 0, (1 << 63) - 1]),
    st.integers(0, 1 << 40),
    st.just(7),
]


def plain(keys: Iterable[list[int]]) -> list[int]:
    rows = list(zip(*keys, strict=True))
    return sorted(range(len(rows)), key=lambda i: rows[i])


@profile(120)
@given(
    st.integers(0, 20).flatmap(
        lambda n: st.lists(
            st.sampled_from(NUMBERS).flatmap(lambda some: st.lists(some, min_size=n, max_size=n)),
            min_size=1,
            max_size=4,
        )
    )
)
def test_sorted_by_is_sorted(keys: list[list[int]]):
    found = sorted_by(tuple(np.array(key, np.int64) for key in keys))
    assert found.tolist() == plain(keys)


def test_keys_of_any_width_that_just_fit_or_do_not_are_sorted():
    for width in range(50, 64):
        for count in (2, 3, 4, 5, 8, 9):
            keys = [[(1 << width) - 1 if i % 2 else i for i in range(count)], [i % 2 for i in range(count)]]
            found = sorted_by(tuple(np.array(key, np.int64) for key in keys))
            assert found.tolist() == plain(keys), (width, count)


def test_keys_of_small_types_are_sorted_too():
    small = [5, -128, 127, 0, -1, 5, 127]
    keys = np.array(small, np.int8), np.array([1, 2, 3, 4, 5, 0, 2], np.uint8), np.array(small, np.int16)
    assert sorted_by(keys).tolist() == plain([key.tolist() for key in keys])
