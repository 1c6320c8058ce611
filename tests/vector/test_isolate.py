"""Bits that are alone on their core, against the cores of a cluster by brute force, with them and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from one_core import IPI, Core, Fate, Rules, ones, profile, rules, services, some_lines, streams

from kvx_emu.engine.vector import isolate
from kvx_emu.engine.vector.solve import Times

if TYPE_CHECKING:
    from collections.abc import Collection

PIDS = range(4)


class Case(NamedTuple):
    """Writes (tick, line, word) to a cluster whose cores all have the same rules."""

    rules: Rules
    entry: int
    service: tuple[int, ...]
    writes: list[tuple[int, int, int]]

    @property
    def quiet(self) -> int:
        return isolate.quiet_time(self.rules.mode, Times(self.entry, self.service))

    @property
    def costs(self) -> list[int]:
        return [self.entry + self.service[line] for _, line, _ in self.writes]

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (
            np.array([tick for tick, _, _ in self.writes], np.int64),
            np.array([word for _, _, word in self.writes], np.uint32),
            np.array(self.costs, np.int64),
        )

    def alone(self, horizon: int) -> list[int]:
        arrive, word, cost = self.arrays()
        found = isolate.alone(arrive, word, cost, self.quiet, horizon)
        assert word.tolist() == [word for _, _, word in self.writes], "what is given is not changed"
        assert len(found) == len(self.writes)
        if len(set(self.costs)) == 1:
            one = isolate.alone(arrive, word, self.costs[0], self.quiet, horizon)
            assert one.tolist() == found.tolist(), "one cost for all is as that cost for each"
        return [int(word) for word in found]

    def core(self, pid: int, without: Collection[int] = ()) -> Core:
        """Run a core through all writes that reach it but some."""
        mine = [(tick, line, i) for i, (tick, line, word) in enumerate(self.writes) if word >> pid & 1]
        return Core(self.rules, self.entry, self.service).run(w for w in mine if w[2] not in without)


@st.composite
def cases(draw: st.DrawFn, most: int = 12) -> Case:
    lines = draw(some_lines())
    entry, service = draw(st.integers(0, 2)), draw(services(lines))
    known = draw(rules(lines))
    case = Case(known, entry, service, [])
    near = sorted({0, 1, 2, entry + service[lines[0]], entry + service[lines[0]] - 1} - {-1})
    far = [case.quiet, max(case.quiet - 1, 0), case.quiet + 1]
    words = draw(st.sampled_from([(1, 2, 4, 8), (1, 3, 6, 15), (1,), (15, 0), (1, 14)]))
    tick, writes = 0, []
    for gap in draw(st.lists(st.sampled_from([*near, *far]), min_size=1, max_size=most)):
        tick += gap
        writes.append((tick, draw(st.sampled_from(lines)), draw(st.sampled_from(words))))
    return case._replace(writes=writes)


def all_but_places(fate: Fate) -> Fate:
    """Turns are counted on a core, so they move when a request goes away."""
    return Fate(fate.found_idle, fate.coalesced, fate.enter, fate.leave, fate.seen, fate.after)


OTHERS = [(1, 25, 2)] * 13
CROWD = [(0, 24, 1), *OTHERS, (1, 24, 1), *OTHERS, (1, 24, 1)]
SINGLE = Rules(False, False, (1,) * 32, ones(IPI))


@profile(150)
@given(cases(), st.sampled_from([1, 2, 3, isolate.REACH]), st.integers(0, 50))
@example(Case(SINGLE, 0, (5,) * 32, CROWD), isolate.REACH, 0)
def test_what_is_called_alone_is_delivered_at_once_and_leaves_no_trace(case: Case, reach: int, cut: int):
    end = case.writes[-1][0] + case.costs[-1] + 100
    horizon = max(0, end - 100 - cut) if cut else end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolate, "REACH", reach)
        found = case.alone(horizon)
    for pid in PIDS:
        core = case.core(pid)
        alone = {i for i, word in enumerate(found) if word >> pid & 1}
        for i in alone:
            tick, line, word = case.writes[i]
            assert word >> pid & 1, "it was sent"
            fate = core.fates[i]
            assert (fate.found_idle, fate.coalesced) == (True, False)
            assert (fate.enter, fate.leave) == (tick + case.entry, tick + case.costs[i])
            assert (fate.seen, fate.after) == (1 << line, 0)
            assert fate.leave <= horizon
        rest = case.core(pid, alone)
        for i, fate in rest.fates.items():
            assert all_but_places(fate) == all_but_places(core.fates[i])


@profile(80)
@given(cases(most=10), st.integers(0, 40))
def test_a_bit_with_nobody_near_it_is_alone(case: Case, cut: int):
    """So many writes are not in the way, and those that end by the horizon are all found."""
    horizon = case.writes[-1][0] + case.costs[-1] - cut
    found = case.alone(horizon)
    for i, (tick, _, word) in enumerate(case.writes):
        end = tick + case.costs[i]
        before = [w for t, _, w in case.writes[:i] if tick - t < case.quiet]
        after = [w for t, _, w in case.writes[i + 1 :] if t < end]
        taken = 0
        for other in before + after:
            taken |= other
        assert found[i] == (word & ~taken if end <= horizon else 0)


@profile(120)
@given(
    rules(passive=True),
    st.integers(0, 3),
    services(),
    streams((3, *IPI), most=40),
)
@example(
    Rules(False, True, (*[0] * 24, 3, 2, 1, 3, 3, 3, 2, 1), ones(IPI)),
    0,
    (20,) * 32,
    # Three levels are entered, one upon the other; then all eight lines are latched.
    [(0, 26), (1, 25), (2, 24), *((3, line) for line in IPI)],
)
@example(
    Rules(True, False, (*[0] * 24, *[1] * 8), ones(IPI)),
    2,
    (20,) * 32,
    [(0, 24), *((1, line) for line in IPI), *((23, line) for line in IPI)],
)
@example(  # line 31 does not make a batch, but is drained with one, which takes long
    Rules(True, False, (*[0] * 24, *[1] * 7, 0), ones(IPI)),
    1,
    (*[1] * 31, 50),
    [(0, 31), (1, 31), (2, 24)],
)
@example(
    Rules(False, False, (*[0] * 24, *[1] * 8), ones(IPI)),
    2,
    (20,) * 32,
    [(0, 24), *((0, line) for line in IPI)],
)
def test_a_core_is_idle_when_the_quiet_time_is_over(
    known: Rules, entry: int, service: tuple[int, ...], requests: list[tuple[int, int]]
):
    quiet = isolate.quiet_time(known.mode, Times(entry, service))
    for count in range(1, len(requests) + 1):
        tick = requests[count - 1][0]
        core = Core(known, entry, service).run((t, line, i) for i, (t, line) in enumerate(requests[:count]))
        done = max((fate.leave for fate in core.fates.values()), default=0)
        assert done <= tick + quiet
        assert not core.stack


@pytest.mark.parametrize("sample", [2, 4, 512])
@pytest.mark.parametrize("array", [True, False])
def test_it_pays_where_half_the_bits_of_the_first_writes_are_alone(
    sample: int, array: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(isolate, "SAMPLE", sample)
    for crowded in range(5):
        # Of the first four writes `crowded` stand so close that they are not alone; the others are.
        ticks = [1000 * i if i >= crowded else i // 2 for i in range(8)]
        arrive = np.array(ticks, np.int64)
        word = np.full(8, 5, np.uint32)
        cost: np.ndarray | int = np.full(8, 10, np.int64) if array else 10
        first = ticks[:sample]
        free = [
            i for i, t in enumerate(first) if all(abs(t - u) >= 20 for u in [*first[:i], *first[i + 1 :]])
        ]
        assert isolate.pays(arrive, word, cost, 20) == (2 * len(free) >= len(first))


def test_words_of_one_bit_are_no_less_work_than_bits() -> None:
    arrive = np.arange(8, dtype=np.int64) * 1000
    assert isolate.pays(arrive, np.full(8, 5, np.uint32), 10, 20)
    assert not isolate.pays(arrive, np.full(8, 4, np.uint32), 10, 20)
