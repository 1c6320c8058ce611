"""Rows of any kind, for tests of what takes rows as tuples or as columns."""

from __future__ import annotations

from hypothesis import strategies as st

from kvx_emu.trace.row import EVENTS


def numbers(most):
    """Return numbers up to `most`, more often the small ones and those where a digit is added."""
    near_powers = st.builds(
        lambda power, off: min(most, max(0, 10**power + off)), st.integers(0, 19), st.integers(-1, 1)
    )
    return st.integers(0, most) | st.integers(0, 20) | near_powers | st.just(most)


clusters = st.integers(0, 4) | st.integers(0, (1 << 15) - 1)
cores = st.integers(0, 16)
lines = st.integers(0, 31) | st.integers(0, 127)

row = st.tuples(
    numbers((1 << 63) - 1),
    clusters,
    cores,
    st.sampled_from(EVENTS),
    st.none() | lines,
    st.none() | clusters,
    st.none() | cores,
    numbers((1 << 64) - 1),
)


def many(number):
    """Return rows like those of a run: few kinds, ticks that grow, every power of ten among the numbers."""
    made = []
    for index in range(number):
        tick, core = index * index, index % 16
        sender = (0, index * 7 % 17) if index % 4 == 1 else (None, None)
        line = None if index % 1000 == 7 else 24 + index % 3
        value = 10 ** (index % 20) - index % 2
        made.append((tick, index % 5, core, EVENTS[index % 11], line, *sender, value))
    return made
