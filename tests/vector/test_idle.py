"""Streams cut where their core is surely idle: against the bound in plain loops, and against real cores."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from one_core import Core, Rules, profile, rules, services, streams

from kvx_emu.engine.vector import idle

LARGEST = (1 << 62) - 1
"""The engine lets no tick above this come near a bound."""


class Stream(NamedTuple):
    busy_until: int
    requests: list[tuple[int, int]]  # arrival, cost


def cut(given_: list[Stream], *, one_cost: bool) -> idle.Segments | None:
    requests = [request for stream in given_ for request in stream.requests]
    cost = np.array([cost for _, cost in requests], np.int64)
    return idle.cut(
        np.array([tick for tick, _ in requests], np.int64),
        int(cost[0]) if one_cost else cost,
        np.cumsum([0, *(len(stream.requests) for stream in given_)]),
        np.array([stream.busy_until for stream in given_], np.int64),
    )


def plain(stream: Stream) -> tuple[list[bool], int]:
    """Return where segments begin, and when all is surely done, by Lindley's recursion."""
    begin, done = [], max(0, stream.busy_until)
    for tick, cost in stream.requests:
        begin.append(done <= tick)
        done = max(done, tick) + cost
    return [True, *begin[1:]], done


@st.composite
def bounds(draw: st.DrawFn, base: int = 0, size: int = 1) -> list[Stream]:
    found = []
    for _ in range(draw(st.integers(1, 4))):
        tick, requests = base + draw(st.integers(0, 5)), []
        for gap in draw(st.lists(st.sampled_from([0, 0, 1, 2, 3, 9]), min_size=1, max_size=15)):
            tick = min(tick + gap * size, LARGEST)
            requests.append((tick, size * draw(st.sampled_from([0, 1, 2, 3, 5]))))
        until = draw(st.sampled_from([0, base, base + 3 * size, base + 20 * size]))
        found.append(Stream(min(until, LARGEST), requests))
    return found


def check(given_: list[Stream], found: idle.Segments) -> None:
    expected = [plain(stream) for stream in given_]
    assert found.begin.tolist() == [flag for begin, _ in expected for flag in begin]
    assert found.done.tolist() == [done for _, done in expected]


@profile(120)
@given(bounds())
def test_segments_begin_where_all_earlier_costs_are_paid(given_: list[Stream]):
    found = cut(given_, one_cost=False)
    assert found is not None, "these are small"
    check(given_, found)


@profile(90)
@given(bounds(), st.integers(0, 5))
def test_one_cost_for_all_is_as_that_cost_for_each(given_: list[Stream], cost: int):
    given_ = [Stream(stream.busy_until, [(tick, cost) for tick, _ in stream.requests]) for stream in given_]
    found = cut(given_, one_cost=True)
    assert found is not None, "these are small"
    check(given_, found)


@profile(70)
@given(
    st.tuples(
        st.sampled_from([0, 1 << 31, 1 << 53, 1 << 60, LARGEST >> 1]),
        st.sampled_from([1, 1 << 20, 1 << 50, 1 << 56, 1 << 57, 1 << 58]),
    ).flatmap(lambda sizes: bounds(*sizes))
)
def test_ticks_too_large_are_refused_and_never_added_up_wrongly(given_: list[Stream]):
    found = cut(given_, one_cost=False)
    if found is not None:
        check(given_, found)


def test_late_ticks_that_are_near_one_another_are_not_refused():
    given_ = [Stream(0, [(LARGEST - 50, 3), (LARGEST - 48, 3), (LARGEST - 20, 3)])]
    found = cut(given_, one_cost=False)
    assert found is not None
    check(given_, found)
    assert cut([Stream(0, [(0, 1 << 61), (0, 1 << 61), (LARGEST, 1 << 61)])], one_cost=False) is None


class Case(NamedTuple):
    """A core with a backlog, from which it is cut off at a tick, and what arrives then."""

    rules: Rules
    entry: int
    service: tuple[int, ...]
    backlog: list[tuple[int, int]]
    at: int
    requests: list[tuple[int, int]]
    slack: int  # added to each cost: a bound need not be tight
    late: int  # added to the tick from which the core is idle


@st.composite
def cases(draw: st.DrawFn) -> Case:
    backlog = draw(streams(most=12))
    at = draw(st.integers(0, (backlog[-1][0] if backlog else 0) + 3))
    requests = [(at + tick, line) for tick, line in draw(streams(least=1, most=16))]
    return Case(
        draw(rules()),
        draw(st.integers(0, 3)),
        draw(services()),
        [request for request in backlog if request[0] <= at],
        at,
        requests,
        draw(st.sampled_from([0, 0, 0, 1])),
        draw(st.sampled_from([0, 0, 2])),
    )


def named(requests: list[tuple[int, int]], first: int = 0) -> list[tuple[int, int, int]]:
    return [(tick, line, first + i) for i, (tick, line) in enumerate(requests)]


@profile(150)
@given(cases())
def test_a_core_is_idle_where_a_segment_begins_and_when_its_stream_is_done(case: Case):
    backlog = named(case.backlog, 1000)
    until = Core(case.rules, case.entry, case.service).run(backlog, case.at).idle_from() + case.late
    costs = [case.entry + case.service[line] + case.slack for _, line in case.requests]
    requests = [(tick, cost) for (tick, _), cost in zip(case.requests, costs, strict=True)]
    found = cut([Stream(until, requests)], one_cost=False)
    assert found is not None
    (done,) = found.done.tolist()
    core = Core(case.rules, case.entry, case.service).run([*backlog, *named(case.requests)], done)
    assert not core.stack, "idle when it is done"
    for i, begins in enumerate(found.begin.tolist()):
        if begins and (i or until <= case.requests[0][0]):
            assert core.fates[i].found_idle
            assert core.fates[i].enter == case.requests[i][0] + case.entry


@profile(90)
@given(st.lists(st.lists(st.booleans(), max_size=6), min_size=1, max_size=5))
def test_runs_are_the_segments_of_more_than_one_request(parts: list[list[bool]]):
    begin = [flag for part in parts for flag in (True, *part)]
    begins = [i for i, flag in enumerate(begin) if flag] + [len(begin)]
    first, length = idle.runs(np.array(begin))
    expected = [(a, b - a) for a, b in pairwise(begins) if b - a > 1]
    assert list(zip(first.tolist(), length.tolist(), strict=True)) == expected
