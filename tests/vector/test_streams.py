"""Words of target bits as streams of cores, against a loop over cores and words."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_core import profile

from kvx_emu.engine.vector import streams


class Case(NamedTuple):
    lane_of: list[list[int]]  # by cluster and pid, -1 for none
    kind: list[int]  # of each lane
    cluster: list[int]
    word: list[int]

    def spread(self) -> streams.Streams:
        return streams.spread(
            np.array(self.cluster, np.int16),
            np.array(self.word, np.uint32),
            np.array(self.lane_of, np.int32),
            np.array(self.kind, np.int64),
        )

    def plain(self) -> dict[int, list[int]]:
        """Return the writes that reach each lane, of those that any does."""
        found: dict[int, list[int]] = {}
        for cluster, lanes in enumerate(self.lane_of):
            for pid, lane in enumerate(lanes):
                mine = [
                    i for i, word in enumerate(self.word) if word >> pid & 1 and self.cluster[i] == cluster
                ]
                if mine:
                    found[lane] = mine
        return found


def check(case: Case) -> streams.Streams:
    expected = case.plain()
    found = case.spread()
    members = [lane for group in found.groups for lane in group]
    assert sorted(members) == sorted(expected), "every core that is reached is in one group"
    cluster_of = {lane: c for c, lanes in enumerate(case.lane_of) for lane in lanes if lane >= 0}
    start = found.start.tolist()
    assert len(start) == len(found.groups) + 1
    assert start[0] == 0
    assert start[-1] == len(found.event)
    assert found.counts().tolist() == [b - a for a, b in pairwise(start)]
    assert found.sizes().tolist() == [len(group) for group in found.groups]
    for group, (begin, end) in zip(found.groups, pairwise(start), strict=True):
        for lane in group:
            assert found.event[begin:end].tolist() == expected[lane]
        assert list(group) == sorted(group)
        if len(group) > 1:
            assert len({case.kind[lane] for lane in group}) == 1
            assert case.kind[group[0]] >= 0
            assert len({cluster_of[lane] for lane in group}) == 1
    firsts = [group[0] for group in found.groups]
    assert firsts == sorted(firsts)
    return found


@st.composite
def boards(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    """Draw which cores there are, and their kinds."""
    lane_of, lanes = [], 0
    for number in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        few = st.sets(st.integers(0, 16), min_size=not number, max_size=5)
        pids = draw(st.one_of(few, st.just(set(range(17)))))
        row = [-1] * 17
        for pid in sorted(pids):
            row[pid] = lanes
            lanes += 1
        lane_of.append(row)
    kinds = draw(st.sampled_from([(0,), (0, 1), (-1, 0), (-1,), (1 << 62, 1 << 33)]))
    return lane_of, [draw(st.sampled_from(kinds)) for _ in range(lanes)]


@st.composite
def cases(draw: st.DrawFn, most: int = 20) -> Case:
    lane_of, kind = draw(boards())
    everyone = [sum(1 << pid for pid, lane in enumerate(lanes) if lane >= 0) for lanes in lane_of]
    words: list[list[int]] = []
    for every in everyone:
        choices = [0, every]
        choices += [every & draw(st.integers(0, 0x1FFFF)) for _ in range(draw(st.integers(0, 3)))]
        alone = [1 << pid for pid in range(17) if every >> pid & 1] or [0]
        words.append(draw(st.sampled_from([choices, alone, [*alone, 0], [every], [*alone, every]])))
    cluster, word = [], []
    for _ in range(draw(st.integers(0, most))):
        cluster.append(draw(st.integers(0, len(lane_of) - 1)))
        word.append(draw(st.sampled_from(words[cluster[-1]])))
    return Case(lane_of, kind, cluster, word)


@profile(150)
@given(cases(), st.sampled_from([1, 3, 64]), st.sampled_from([0, 2, 256]))
def test_every_core_gets_the_writes_that_have_its_bit(case: Case, sample: int, planes: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "SAMPLE", sample)
        patch.setattr(streams, "PLANES_FROM", planes)
        check(case)


@profile(60)
@given(cases(), st.sampled_from([1, 3]))
def test_cores_of_a_cluster_with_equal_streams_and_kinds_are_folded(case: Case, sample: int):
    expected = case.plain()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "SAMPLE", sample)
        patch.setattr(streams, "PLANES_FROM", 0)
        found = check(case)
    group_of = {lane: group for group in found.groups for lane in group}
    for lanes in case.lane_of:
        there = [lane for lane in lanes if lane in expected]
        for a in there:
            for b in there:
                if case.kind[a] == case.kind[b] >= 0 and expected[a] == expected[b]:
                    assert group_of[a] == group_of[b]


@pytest.mark.parametrize("odd", [0, 63, 64, 65, 199])
def test_two_columns_that_differ_in_one_late_word_are_not_folded(odd: int):
    words = [0b111 if i % 3 else 0b1000 for i in range(200)]
    words[odd] = 0b101
    found = check(Case([[0, 1, 2, 3, *[-1] * 13]], [0] * 4, [0] * 200, words))
    assert (0, 2) in found.groups


def test_many_words_of_one_bit_each_keep_their_order():
    words = [1 << (i * i % 17) if i % 7 else 0 for i in range(500)]
    check(Case([list(range(17))], [0] * 17, [0] * 500, words))
    check(Case([list(range(17))], [0] * 17, [0] * 500, [1 << 16] * 500))


@pytest.mark.parametrize("planes", [0, 256])
def test_thousands_of_clusters_keep_their_cores_apart(planes: int, monkeypatch: pytest.MonkeyPatch):
    clusters = 4000  # more cores than 16 bits number
    monkeypatch.setattr(streams, "PLANES_FROM", planes)
    lane_of = np.arange(clusters * 17, dtype=np.int32).reshape(clusters, 17)
    cluster = [k * 3847 % clusters for k in range(120)] + [3999, 0, 3999, 145]
    word = [k * 40503 % 0x20000 for k in range(120)] + [0x10000, 1, 0x1FFFF, 1]
    found = streams.spread(
        np.array(cluster, np.int16), np.array(word, np.uint32), lane_of, np.zeros(clusters * 17, np.int64)
    )
    expected: dict[int, list[int]] = {}
    for i, (c, w) in enumerate(zip(cluster, word, strict=True)):
        for pid in range(17):
            if w >> pid & 1:
                expected.setdefault(17 * c + pid, []).append(i)
    parts = [part.tolist() for part in np.split(found.event, found.start[1:-1])]
    pairs = zip(found.groups, parts, strict=True)
    assert {lane: part for group, part in pairs for lane in group} == expected


words = st.lists(st.one_of(st.integers(0, 0x1FFFF), st.sampled_from([0, 1, 1 << 16, 0x1FFFF])), max_size=40)


@profile(60)
@given(words)
def test_bits_are_listed_by_word_and_then_by_number(words: list[int]):
    word, bit = streams.bits_of(np.array(words, np.uint32))
    expected = [(i, b) for i, w in enumerate(words) for b in range(17) if w >> b & 1]
    assert list(zip(word.tolist(), bit.tolist(), strict=True)) == expected


@profile(60)
@given(words)
def test_bits_are_counted(words: list[int]):
    found = streams.bit_sums(np.array(words, np.uint32)).tolist()
    assert found == [sum(w >> b & 1 for w in words) for b in range(17)]
