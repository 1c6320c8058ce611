"""The sequential kernel, as Python and compiled, against one core by brute force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from one_core import IPI, Core, Rules, ones, profile, rules, services, some_lines, streams

from kvx_emu.engine.vector import kernel as k

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ALL_LINES = (0, 5, 20, *IPI)
RESULTS = ("fate", "enter", "leave", "seen", "after", "enter_place", "leave_place")


class Case(NamedTuple):
    """Cores with their rules and requests (tick, line), and the horizons at which calls end."""

    entry: int
    service: tuple[int, ...]
    cores: list[tuple[Rules, list[tuple[int, int]]]]
    horizons: list[int]


class Result(NamedTuple):
    """What the kernel left: the state at the end of each call, and the results of each request."""

    states: list[list[int]]
    results: list[list[int]]


def call(advance: Callable[..., None], case: Case, flat: Callable[[list[int]], Any]) -> Result:
    """Run all cores through the kernel, one call a horizon; `flat` makes the sequences."""
    arrive = [tick for _, requests in case.cores for tick, _ in requests]
    line_of = [line for _, requests in case.cores for _, line in requests]
    count = len(arrive)
    state = flat([0] * k.STATE * len(case.cores))
    for job in range(len(case.cores)):
        state[job * k.STATE + k.LAST] = -1
    results = [flat([fill] * count) for fill in (0, -1, -1, 0, 0, 0, 0)]
    modes = list(dict.fromkeys(rules.mode for rules, _ in case.cores))
    mode_of = flat([modes.index(rules.mode) for rules, _ in case.cores])
    inputs = (
        flat([number for mode in modes for number in mode]),
        case.entry,
        flat(list(case.service)),
        flat(list(k.LOWEST)),
        flat(arrive),
        flat(line_of),
    )
    starts, at = [], 0
    for _, requests in case.cores:
        starts.append(at)
        at += len(requests)
    done = list(starts)
    states = []
    for horizon in case.horizons:
        last = [
            start + sum(tick <= horizon for tick, _ in requests)
            for start, (_, requests) in zip(starts, case.cores, strict=True)
        ]
        where = flat(done), flat(last), mode_of
        advance(len(case.cores), *where, horizon, *inputs, state, *results)
        states.append([int(number) for number in state])
        done = last
    return Result(states, [[int(number) for number in result] for result in results])


def as_lists(case: Case) -> Result:
    return call(k.advance, case, list)


def brute(case: Case, horizons: Sequence[int]) -> list[list[Core]]:
    """Return the cores as they are at each of the horizons."""
    at = 0
    names = []
    for _, requests in case.cores:
        names.append(range(at, at + len(requests)))
        at += len(requests)
    found = []
    for horizon in horizons:
        cores = []
        for (known, requests), own in zip(case.cores, names, strict=True):
            named = [(tick, line, name) for (tick, line), name in zip(requests, own, strict=True)]
            ripe = [request for request in named if request[0] <= horizon]
            cores.append(Core(known, case.entry, case.service).run(ripe, horizon))
        found.append(cores)
    return found


def check_state(core: Core, state: list[int]) -> None:
    """Compare a core with the part of the kernel's state that has a meaning."""
    assert state[k.ILR] == core.ilr
    assert state[k.DEPTH] == len(core.stack)
    assert state[k.TURN] == core.turn
    assert state[k.LAST] == core.last
    if core.last >= 0:
        assert state[k.POPPED] == core.popped
    for line, name in core.latched.items():
        assert state[k.ASKED + line] == name
    for depth, frame in enumerate(core.stack):
        innermost = depth == len(core.stack) - 1
        at = k.FRAMES + k.FRAME * depth
        assert state[at + k.WAITING] == ones(line for line, _ in frame.waiting)
        assert state[at + k.SEEN] == frame.seen
        assert state[at + k.LEVEL] == frame.level
        for line, name in [*frame.waiting, *([frame.running] if frame.running else [])]:
            assert state[k.HELD + line] == name
        if frame.running:
            assert state[at + k.LINE] == frame.running[0]
        if innermost:
            assert state[k.UNTIL] == frame.due
            assert state[k.ENTERING] == (frame.running is None)
        else:
            assert state[at + k.LEFT] == frame.left


def check(case: Case) -> None:
    found = as_lists(case)
    at_horizons = brute(case, case.horizons)
    for states, cores in zip(found.states, at_horizons, strict=True):
        for job, core in enumerate(cores):
            check_state(core, states[job * k.STATE : (job + 1) * k.STATE])
    fates = {name: fate for core in at_horizons[-1] for name, fate in core.fates.items()}
    fate, enter, leave, seen, after, enter_place, leave_place = found.results
    for name, expected in fates.items():
        assert (fate[name] == k.COALESCED) == expected.coalesced
        assert (enter[name], leave[name]) == (expected.enter, expected.leave)
        if expected.enter >= 0:
            assert (seen[name], enter_place[name]) == (expected.seen, expected.enter_place)
        if expected.leave >= 0:
            assert (after[name], leave_place[name]) == (expected.after, expected.leave_place)


@st.composite
def cases(draw: st.DrawFn, most: int = 3) -> Case:
    lines = draw(some_lines(draw(st.sampled_from([ALL_LINES, IPI]))))
    cores = [
        (draw(rules(lines, passive=draw(st.booleans()))), draw(streams(lines)))
        for _ in range(draw(st.integers(1, most)))
    ]
    end = max((requests[-1][0] for _, requests in cores if requests), default=0)
    horizons = draw(st.lists(st.integers(0, end + 30), max_size=4).map(sorted))
    return Case(draw(st.integers(0, 3)), draw(services(lines)), cores, [*horizons, end + 1000])


@profile(120)
@given(cases())
def test_the_kernel_does_what_one_core_does_whatever_the_calls(case: Case):
    check(case)


@profile(60)
@given(cases())
def test_cutting_the_requests_at_any_horizon_gives_what_one_call_gives(case: Case):
    whole, parts = as_lists(case._replace(horizons=case.horizons[-1:])), as_lists(case)
    assert whole.results == parts.results
    for core, a, b in zip(
        (core for core in brute(case, case.horizons[-1:])[0]),
        np.reshape(whole.states[-1], (-1, k.STATE)).tolist(),
        np.reshape(parts.states[-1], (-1, k.STATE)).tolist(),
        strict=True,
    ):
        check_state(core, a)
        check_state(core, b)


LEVELS = Rules(False, True, (*[0] * 24, 1, 2, 3, 1, 2, 3, 1, 2), ones(IPI))
DRAINS = Rules(True, False, (1, *[0] * 23, *[0, 0, 1, 2, 0, 1, 1, 0]), ones(IPI) | 1)
STORM = [(tick, line) for tick in range(0, 40, 3) for line in IPI[tick % 4 :: 2]]


@pytest.mark.parametrize("known", [LEVELS, DRAINS])
@pytest.mark.parametrize("entry", [0, 2])
def test_a_storm_is_weathered_whatever_the_calls(known: Rules, entry: int):
    for step in (1, 2, 7):
        horizons = [*range(0, 300, step), 1000]
        check(Case(entry, tuple(3 + line % 5 for line in range(32)), [(known, STORM)], horizons))


@profile(60)
@given(cases())
@example(Case(1, (7,) * 32, [(LEVELS, STORM)], [3, 20, 21, 2000]))
def test_compiled_it_gives_the_same_element_by_element(case: Case):
    pytest.importorskip("numba")
    compiled = k.compiled()
    assert compiled is not None
    assert call(compiled, case, lambda numbers: np.array(numbers, np.int64)) == as_lists(case)


def test_an_exit_and_the_take_that_it_allows_come_before_an_arrival_of_the_same_tick():
    single = Rules(False, False, (*[0] * 24, 1, 1, *[0] * 6), 3 << 24)
    case = Case(0, (4,) * 32, [(single, [(0, 24), (1, 25), (4, 25)])], [100])
    check(case)
    fate, enter, leave, *_ = as_lists(case).results
    assert (fate, enter, leave) == ([0, 0, 0], [0, 4, 8], [4, 8, 12])


def test_the_horizon_itself_is_included():
    single = Rules(False, False, (*[0] * 24, 1, *[0] * 7), 1 << 24)
    for horizon, left in ((6, -1), (7, 7)):
        case = Case(2, (5,) * 32, [(single, [(0, 24)])], [horizon])
        check(case)
        assert as_lists(case).results[2] == [left]
    case = Case(2, (5,) * 32, [(single, [(0, 24), (7, 24)])], [7])
    check(case)


def test_of_equal_levels_the_lowest_line_goes_first_and_no_level_interrupts_itself():
    level = Rules(False, True, (2,) * 32, 0xFFFFFFFF)
    requests = [(0, 31), *((1, line) for line in reversed(range(31)))]
    case = Case(0, (3,) * 32, [(level, requests)], [1000])
    check(case)
    enter = as_lists(case).results[1]
    assert [line for _, (_, line) in sorted(zip(enter, requests, strict=True))] == [31, *range(31)]
