"""Words of target bits spread into streams: the requests of one core after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kvx_emu.models.ipi_ctrl import CORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PLANES_FROM = 256  # writes a cluster from which going through its words bit by bit beats sorting
SAMPLE = 64  # words that must agree before all are compared


class Streams(NamedTuple):
    """The requests of G groups of cores, one group after the other.

    The cores of a group have the same stream and the same rules, so one solution serves them all: that of
    group g is `event[start[g]:start[g + 1]]`, indices of writes, ascending.
    """

    groups: list[tuple[int, ...]]  # core indices, ascending by their first
    start: NDArray[np.int64]  # G + 1 offsets
    event: NDArray[np.int32]

    def counts(self) -> NDArray[np.int64]:
        """Return the number of requests of each group."""
        return np.diff(self.start)

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of cores of each group."""
        return np.fromiter(map(len, self.groups), np.int64, len(self.groups))


def spread(
    cluster: NDArray[np.int16],
    word: NDArray[np.uint32],
    lane_of: NDArray[np.int32],
    kind_of_lane: NDArray[np.int64],
) -> Streams:
    """Spread n words of target bits into the streams of the cores.

    `lane_of[c, p]` is the index of core p of cluster c, ascending; every set bit must have one. Cores of
    a cluster may share a stream if they have the same `kind_of_lane`; -1 shares with none.
    """
    some = np.flatnonzero(word)
    if 2 * len(some) < len(word):  # most reach nobody: they are left out
        streams = spread(cluster[some], word[some], lane_of, kind_of_lane)
        return streams._replace(event=some.astype(np.int32)[streams.event])
    n = len(word)
    clusters = np.flatnonzero(np.bincount(cluster)) if len(lane_of) > 1 else cluster[:1]
    if len(clusters) > 1 and n < PLANES_FROM * len(clusters):
        return _sorted(cluster, word, lane_of)
    groups: list[tuple[int, ...]] = []
    parts: list[NDArray[np.int32]] = []
    for number in clusters.tolist():
        where = None
        words = word
        if len(clusters) > 1:
            where = np.flatnonzero(cluster == number).astype(np.int32)
            words = word[where]
        for pids, events in _planes(words, kind_of_lane[lane_of[number]], lane_of[number]):
            groups.append(tuple(int(lane_of[number, pid]) for pid in pids))
            parts.append(events if where is None else where[events])
    start = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=start[1:])
    return Streams(groups, start, np.concatenate(parts) if parts else np.zeros(0, np.int32))


def _planes(
    words: NDArray[np.uint32], kind: NDArray[np.int64], lane: NDArray[np.int32]
) -> list[tuple[list[int], NDArray[np.int32]]]:
    """Return each group of pids with the indices of the words that have its bit, by the lowest pid."""
    n = len(words)
    if not n:
        return []
    left = int(np.bitwise_or.reduce(words))
    always = int(np.bitwise_and.reduce(words))
    single = n >= SAMPLE and not np.any(words & (words - np.uint32(1))) and not always
    if single:
        return _single(words, left)
    everything = np.arange(n, dtype=np.int32)
    found: list[tuple[list[int], NDArray[np.int32]]] = []
    while left:
        pid = (left & -left).bit_length() - 1
        bit = np.uint32(1 << pid)
        same = [pid]
        rest = [p for p in range(pid + 1, CORES) if left >> p & 1 and kind[p] == kind[pid] >= 0]
        if always >> pid & 1:
            same += [p for p in rest if always >> p & 1]
            events = everything
        else:
            plane = (words & bit) != 0
            if rest:
                same += _equal_columns(words, plane, rest)
            events = np.flatnonzero(plane).astype(np.int32)
        found.append((same, events))
        left &= ~sum(1 << p for p in same)
    return found


def _equal_columns(
    words: NDArray[np.uint32], plane: NDArray[np.bool_], candidates: Sequence[int]
) -> list[int]:
    """Return those of the bits `candidates` that are set in exactly the words where `plane` is."""
    mask = np.uint32(sum(1 << p for p in candidates))
    for count in (SAMPLE, len(words)):  # most differ within the first few words
        some, on = words[:count], plane[:count]
        differ = np.bitwise_or.reduce(np.where(on, ~some, some))
        mask &= ~differ
        if not mask:
            break
    return [p for p in candidates if mask >> np.uint32(p) & 1]


def _single(words: NDArray[np.uint32], left: int) -> list[tuple[list[int], NDArray[np.int32]]]:
    """Do as `_planes` for words of at most one bit: sorting them is faster than 17 planes."""
    # The exponent of a power of two as a float is its bit; 0 has an exponent below that of 1.
    pid = np.maximum((words.astype(np.float32).view(np.int32) >> 23) - 127, -1).astype(np.int8)
    order = np.argsort(pid, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(pid + 1, minlength=CORES + 1))
    return [([p], order[ends[p] : ends[p + 1]]) for p in range(CORES) if left >> p & 1]


def bit_sums(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return for each of the 17 bits in how many words it is set (int64[17]).

    The words are counted by their lower and upper half; then each count goes to the bits set in it.
    """
    half = words.astype(np.int64)
    low = np.bincount(half & 0x1FF, minlength=512)
    half >>= 9
    sums: NDArray[np.int64] = np.concatenate((low @ _FLAGS, np.bincount(half, minlength=512) @ _FLAGS))
    return sums[:CORES]


_FLAGS = np.arange(512)[:, None] >> np.arange(9) & 1


def bits_of(words: NDArray[np.uint32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return for each set bit of the words the index of its word and its number, in this order."""
    low = words.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
    at = np.flatnonzero(np.unpackbits(low, axis=1, bitorder="little", count=CORES))
    word = at // CORES
    return word.astype(np.int32), (at - word * CORES).astype(np.int32)


def _sorted(cluster: NDArray[np.int16], word: NDArray[np.uint32], lane_of: NDArray[np.int32]) -> Streams:
    """Spread words of many clusters with few writes each: list all bits, then sort them by core."""
    event, pid = bits_of(word)
    lane = lane_of[cluster[event], pid]
    if lane_of.size <= 1 << 16:
        lane = lane.astype(np.uint16)  # which numpy sorts by radix
    order = np.argsort(lane, kind="stable")
    event = event[order]
    lane = lane[order]
    change = np.flatnonzero(np.diff(lane)) + 1
    start = np.concatenate(([0], change, [len(lane)])) if len(lane) else np.zeros(1, np.int64)
    return Streams([(int(x),) for x in lane[start[:-1]].tolist()], start.astype(np.int64), event)
