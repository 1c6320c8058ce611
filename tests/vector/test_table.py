"""The edge table spread over the cores that share it, against loops."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from one_core import profile
from vector_tables import tables

from kvx_emu.engine.vector.table import COALESCED, REQUESTED, Table


def plain(table: Table) -> list[tuple[int, int]]:
    """Return the index and the core of every core's edges."""
    bounds = pairwise(table.start.tolist())
    return [
        (edge, lane)
        for group, (begin, end) in zip(table.groups, bounds, strict=True)
        for lane in group
        for edge in range(begin, end)
    ]


@profile(50)
@given(tables((24, 25), 3, (REQUESTED, COALESCED)))
def test_each_core_of_a_group_has_all_its_edges(table: Table):
    edge, lane = table.expand()
    assert list(zip(edge.tolist(), lane.tolist(), strict=True)) == plain(table)


@profile(50)
@given(tables((24, 25), 3, (REQUESTED, COALESCED)))
def test_a_table_that_is_materialised_says_the_same_of_every_core(table: Table):
    found = table.materialise()
    index = [edge for edge, _ in plain(table)]
    bounds = list(pairwise(found.start.tolist()))
    assert found.lane.tolist() == [lane for group in table.groups for lane in group]
    assert [
        lane
        for lane, (begin, end) in zip(found.lane.tolist(), bounds, strict=True)
        for _ in range(begin, end)
    ] == [lane for _, lane in plain(table)]
    for ours, theirs in (
        (found.event, table.event),
        (found.fate, table.fate),
        (found.enter, table.enter),
        (found.leave, table.leave),
    ):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs[index].tolist()
