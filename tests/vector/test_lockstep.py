"""Many segments at once, against one core by brute force for each, and against the sequential kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from one_core import IPI, Core, Fate, Rules, ones, profile, rules, services, some_lines, streams

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector import lockstep


class Segment(NamedTuple):
    """Requests (tick, line) that start on an idle core of these rules."""

    rules: Rules
    requests: list[tuple[int, int]]


class Case(NamedTuple):
    """Segments, and how many requests that are no segment's stand in the arrays before each."""

    entry: int
    service: tuple[int, ...]
    segments: list[Segment]
    between: list[int]

    def arrays(self) -> tuple[list[int], list[int], list[int]]:
        """Return the arrivals and the lines of the streams, and where the segments start in them."""
        arrive, line, first = [], [], []
        for segment, others in zip(self.segments, self.between, strict=True):
            arrive += [0] * others
            line += [24 + others] * others
            first.append(len(arrive))
            arrive += [tick for tick, _ in segment.requests]
            line += [line for _, line in segment.requests]
        return arrive, line, first

    def solve(self, *, alike: bool) -> lockstep.Solved:
        arrive, line, first = self.arrays()
        common = (
            np.array(arrive, np.int64),
            np.array(line, np.uint8),
            np.array(first, np.int64),
            np.array([len(segment.requests) for segment in self.segments], np.int64),
            self.entry,
            np.array(self.service[24:], np.int64),
        )
        if alike:
            return lockstep.batches(*common)
        kinds = list(dict.fromkeys(segment.rules for segment in self.segments))
        return lockstep.exceptions(
            *common,
            np.array([kinds.index(segment.rules) for segment in self.segments], np.int64),
            np.array([rules.levels[24:] for rules in kinds], np.int64),
            np.array([rules.nesting for rules in kinds]),
        )


def by_brute_force(case: Case) -> dict[int, Fate]:
    """Return what becomes of each request, by its place in the arrays."""
    *_, first = case.arrays()
    found = {}
    for segment, start in zip(case.segments, first, strict=True):
        core = Core(segment.rules, case.entry, case.service)
        found.update(
            core.run((tick, line, start + i) for i, (tick, line) in enumerate(segment.requests)).fates
        )
    return found


def by_kernel(case: Case) -> dict[int, Fate]:
    arrive, line, first = case.arrays()
    last = [start + len(segment.requests) for start, segment in zip(first, case.segments, strict=True)]
    modes = [number for segment in case.segments for number in segment.rules.mode]
    count = len(arrive)
    results = [[fill] * count for fill in (0, -1, -1, 0, 0, 0, 0)]
    state = [0] * k.STATE * len(first)
    which = list(range(len(first)))
    k.advance(
        len(first), first, last, which, 1 << 62,
        modes, case.entry, list(case.service), k.LOWEST, arrive, line, state, *results,
    )  # fmt: skip
    own = [i for a, b in zip(first, last, strict=True) for i in range(a, b)]
    fate, enter, leave, seen, after, *_ = results
    return {
        i: Fate(
            coalesced=fate[i] == k.COALESCED, enter=enter[i], leave=leave[i], seen=seen[i], after=after[i]
        )
        for i in own
    }


def check(case: Case, solved: lockstep.Solved) -> None:
    for expected in (by_brute_force(case), by_kernel(case)):
        where = solved.where.tolist()
        assert sorted(where) == sorted(expected)
        columns = [column.tolist() for column in solved[1:]]
        for i, coalesced, enter, leave, seen, after in zip(where, *columns, strict=True):
            fate = expected[i]
            assert (coalesced, enter, leave) == (fate.coalesced, fate.enter, fate.leave)
            if not coalesced:
                assert (seen << 24, after << 24) == (fate.seen, fate.after)


@st.composite
def cases(draw: st.DrawFn, *kinds: str) -> Case:
    lines = draw(some_lines())
    known = [draw(rules(lines, kinds=kinds)) for _ in range(draw(st.integers(1, 3)))]
    lengths = draw(st.lists(st.sampled_from([1, 2, 3, 5, 24]), min_size=1, max_size=6))
    segments = [
        Segment(draw(st.sampled_from(known)), draw(streams(lines, least=1, most=length)))
        for length in lengths
    ]
    return Case(
        draw(st.integers(0, 3)),
        draw(services(lines, least=1)),
        segments,
        [draw(st.sampled_from([0, 0, 1, 3])) for _ in segments],
    )


BATCH = Rules(True, False, (1,) * 32, ones(IPI))
NESTED = Rules(False, True, (*[0] * 24, 1, 2, 3, 1, 2, 3, 1, 2), ones(IPI))
STORM = [(tick, line) for tick in range(30) for line in IPI[:: 1 + tick % 3]]


@profile(130)
@given(cases("batch"))
@example(Case(1, (2,) * 32, [Segment(BATCH, STORM), Segment(BATCH, STORM[:1])], [0, 0]))
def test_batches_give_what_one_core_gives(case: Case):
    check(case, case.solve(alike=True))


@profile(60)
@given(cases("batch", "single", "nested"), st.sampled_from(IPI))
def test_with_one_line_every_core_is_one_of_batches(case: Case, line: int):
    one = [Segment(rules, [(tick, line) for tick, _ in requests]) for rules, requests in case.segments]
    levels = tuple(2 if number == line else 0 for number in range(32))
    case = case._replace(
        segments=[
            Segment(Rules(rules.batch, rules.nesting, levels, 1 << line), requests) for rules, requests in one
        ]
    )
    check(case, case.solve(alike=True))


@profile(150)
@given(cases("single", "nested"))
@example(Case(1, (2,) * 32, [Segment(NESTED, STORM), Segment(NESTED, STORM[:1])], [0, 0]))
@example(Case(0, (40,) * 32, [Segment(NESTED, STORM)], [2]))
def test_exceptions_give_what_one_core_gives(case: Case):
    check(case, case.solve(alike=False))


def test_an_arrival_at_the_tick_of_an_exit_is_not_seen_by_it_and_does_not_join_the_batch():
    case = Case(0, (3,) * 32, [Segment(BATCH, [(0, 24), (1, 25), (3, 26), (3, 24)])], [0])
    solved = case.solve(alike=True)
    check(case, solved)
    assert solved.enter.tolist() == [0, 3, 9, 6]
    assert solved.after[0] == 0b10, "at the exit only line 25 is pending"
    assert solved.seen[1] == 0b10, "line 26 comes after the take"


def test_segments_of_very_different_lengths_do_not_mix():
    segments = [
        Segment(BATCH, [(7 * i % 5 + i, 24 + i % 8) for i in range(0, 10 * n, 10)])
        for n in (1, 100, 2, 50, 3, 100, 1)
    ]
    case = Case(2, tuple(range(1, 33)), segments, [0] * len(segments))
    check(case, case.solve(alike=True))
    nested = [Segment(NESTED, requests) for _, requests in segments]
    check(case._replace(segments=nested), case._replace(segments=nested).solve(alike=False))
