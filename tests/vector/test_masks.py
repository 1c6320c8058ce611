"""The mask in force at each write, against a loop over the writes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_core import profile

from kvx_emu.engine.vector import masks
from kvx_emu.engine.vector.events import Events, no_events

Write = tuple[int, int, int, bool]
"""cluster, line, value, to_mask"""


def events_of(writes: list[Write]) -> Events:
    n = len(writes)
    cluster, line, value, to_mask = zip(*writes, strict=True) if writes else ((),) * 4
    columns = np.arange(n), cluster, line, value, to_mask, np.zeros(n), np.zeros(n), np.zeros(n)
    kinds = (column.dtype for column in no_events())
    return Events._make(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))


def plain(writes: list[Write], held: list[list[int]]) -> list[int | None]:
    """Return what each write to INTERRUPT finds, None for one to MASK; `held` is brought up to date."""
    found: list[int | None] = []
    for cluster, line, value, to_mask in writes:
        if to_mask:
            held[cluster][line - 24] = value
            found.append(None)
        else:
            found.append(held[cluster][line - 24])
    return found


def check(writes: list[Write], held: list[list[int]]) -> bool:
    """Compare; return whether there was anything to find."""
    before = np.array(held, np.uint32)
    expected = plain(writes, held)
    found = masks.in_force(events_of(writes), before)
    assert before.tolist() == held, "the registers afterwards"
    if found is None:
        assert not any(expected)
        assert not any(to_mask for *_, to_mask in writes)
        return False
    assert len(found) == len(expected)
    assert [b for a, b in zip(expected, found.tolist(), strict=True) if a is not None] == [
        a for a in expected if a is not None
    ]
    return True


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Write], list[list[int]]]:
    clusters = draw(st.integers(1, 4))
    every = [(cluster, line) for cluster in range(clusters) for line in range(24, 32)]
    registers = draw(st.lists(st.sampled_from(every), min_size=1, max_size=draw(st.sampled_from([1, 4, 20]))))
    values = st.sampled_from([0, 1, 2, 3, 0x1FFFF, 0xFFFF0000, 0xFFFFFFFF])
    share = draw(st.sampled_from([(False,), (True,), (False, True), (False,) * 6 + (True,)]))
    writes = [
        (*draw(st.sampled_from(registers)), draw(values), draw(st.sampled_from(share)))
        for _ in range(draw(st.integers(0, 30)))
    ]
    held = [[0] * 8 for _ in range(clusters)]
    for cluster, line in draw(st.lists(st.sampled_from(every), max_size=5)):
        held[cluster][line - 24] = draw(values)
    return writes, held


@profile(120)
@given(cases(), st.sampled_from([masks.FEW, masks.FEW, 0, 1, 100]))
def test_each_write_finds_what_the_last_write_to_its_mask_left(
    case: tuple[list[Write], list[list[int]]], few: int
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "FEW", few)
        check(*case)


def test_registers_of_thousands_of_clusters_are_told_apart():
    clusters = 9000  # more registers than 16 bits number
    writes: list[Write] = []
    for k in range(300):
        cluster = k * 7919 % clusters if k % 3 else (k % 5) * 8192 % clusters
        writes.append((cluster, 24 + k % 3, k + 1, k % 2 == 0))
        writes.append((cluster, 24 + k % 3, 0x1FFFF, False))
    assert check(writes, [[0] * 8 for _ in range(clusters)])


def test_where_no_register_holds_a_bit_there_is_nothing_to_find():
    assert not check([(0, 24, 0x1FFFF, False)], [[0] * 8])
    assert check([(0, 24, 0x1FFFF, False)], [[1] + [0] * 7])
    assert check([(0, 24, 0, True), (0, 24, 0x1FFFF, False)], [[0] * 8])
