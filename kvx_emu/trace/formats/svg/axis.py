"""Time on the page: where a tick stands, what is written at the axis, and how numbers read."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.trace.setting import PICOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PAD = 9
"""Pixels on either side of a stretch of time, so that marks at its ends have room."""

CUT = 18
"""Pixels that stand for time that is left out."""

CUT_SHARE = 10
"""Time in which nothing happens is left out if it is longer than this part of what is shown."""

CUTS = 12
"""Times that this is done at most."""

_UNITS = ((1_000, "ps"), (10**6, "ns"), (10**9, "\N{MICRO SIGN}s"), (10**12, "ms"))


class Stretch(NamedTuple):
    """Time that is shown without a cut; both ends included."""

    first: int
    last: int


def stretches(busy: Iterable[tuple[int, int]]) -> list[Stretch]:
    """Return the time to show, of intervals (ticks, both ends included) in which something happens.

    Long gaps between them are left out, the longest first.
    """
    gaps: list[tuple[int, int, int]] = []  # length, from, to
    ordered = sorted(busy)
    first, end = ordered[0]
    for start, stop in ordered:
        if start > end:
            gaps.append((start - end, end, start))
        end = max(end, stop)
    left = end - first
    cuts = []
    for length, start, stop in sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:CUTS]:
        if length * CUT_SHARE <= left:
            break
        left -= length
        cuts.append((start, stop))
    starts = [first, *(stop for _, stop in sorted(cuts))]
    return [Stretch(*each) for each in zip(starts, [*(start for start, _ in sorted(cuts)), end], strict=True)]


class Axis:
    """Maps ticks to pixels between `left` and `left + width`; time between stretches is narrow."""

    def __init__(self, shown: Sequence[Stretch], left: float, width: float) -> None:
        self.shown = shown
        self.left, self.right = left, left + width
        pads = 2 * PAD * len(shown) + CUT * (len(shown) - 1)
        self.scale = (width - pads) / max(1, sum(last - first for first, last in shown))
        self._starts = [first for first, _ in shown]
        self._lefts: list[float] = []
        x = left
        for first, last in shown:
            self._lefts.append(x + PAD)
            x += (last - first) * self.scale + 2 * PAD + CUT

    def x(self, tick: int) -> float:
        """Return where a tick stands, pixels; one that is left out stands at the cut."""
        index = max(0, bisect_right(self._starts, tick) - 1)
        first, last = self.shown[index]
        return self._lefts[index] + max(0, min(tick, last) - first) * self.scale

    def sides(self, tick: int) -> tuple[float, float]:
        """Return where the stretch of a tick begins and ends, pixels."""
        index = max(0, bisect_right(self._starts, tick) - 1)
        first, last = self.shown[index]
        left = self._lefts[index] - PAD
        return left, left + (last - first) * self.scale + 2 * PAD

    def cuts(self) -> Iterator[tuple[float, int, int]]:
        """Return the cuts: the left edge, and the ticks before and behind."""
        for before, after, x in zip(self.shown, self.shown[1:], self._lefts[1:], strict=False):
            yield x - PAD - CUT, before.last, after.first

    def labels(self, step: int, room: float) -> list[int]:
        """Return the ticks to write at the axis: multiples of `step`, `room` pixels apart at least.

        A stretch that has none of them is told by its first tick, if there is room.
        """
        chosen: list[int] = []
        for first, last in self.shown:
            round_ones = list(range(-(-first // step) * step, last + 1, step))
            for tick in round_ones or [first]:
                if not chosen or self.x(tick) - self.x(chosen[-1]) >= room:
                    chosen.append(tick)
        return chosen


def nice(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 ... that is not below `least`."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10


def time_text(ticks: int, clock_hz: int, *, like: int | None = None, step: int | None = None) -> str:
    """Return a time as people write it: `1.25 µs`.

    The unit is the one that suits `like`, in ticks; the digits, six at most, are enough to tell times apart
    that are `step` ticks from each other.
    """
    amount = (ticks if like is None else like) * PICOSECONDS // clock_hz or 1000  # nothing is 0 ns
    unit, name = next(((size // 1000, name) for size, name in _UNITS if amount < size), (10**12, "s"))
    digits = 6
    if step is not None:
        digits = 0
        while digits < 12 and unit * clock_hz * 10 > step * PICOSECONDS * 10**digits:
            digits += 1
    shift = 10**digits
    parts = (2 * ticks * PICOSECONDS * shift + unit * clock_hz) // (2 * unit * clock_hz)  # to the nearest
    text = f"{parts // shift:,}"
    if digits:
        text = f"{text}.{parts % shift:0{digits}}".rstrip("0").rstrip(".")
    return f"{text} {name}"


def hertz(clock_hz: int) -> str:
    """Return a clock's rate: `1 GHz`, `600 MHz`."""
    for size, name in ((10**9, "GHz"), (10**6, "MHz"), (1000, "kHz")):
        if clock_hz >= size:
            return f"{clock_hz / size:.6g} {name}"
    return f"{clock_hz} Hz"
