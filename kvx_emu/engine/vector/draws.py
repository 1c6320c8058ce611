"""The draws of `random` many at a time: bit for bit those of `script.splitmix.random_sends`.

The n-th number of a stream is mix(seed + n x gamma), so any part of any number of streams is drawn at once.
All arithmetic is modulo 2^64, which is that of uint64 arrays; what is a single number is a Python int,
for numpy's own scalars warn when they wrap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from kvx_emu.script.splitmix import GAMMA, MASK64, MIX_1, MIX_2
from kvx_emu.script.splitmix import mix as mix_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from kvx_emu.core_id import CoreId

    Numbers: TypeAlias = NDArray[np.uint64]

PER_SEND = 3
"""Numbers of the stream that each send uses: for the sender, the line and the targets."""


def mix(z: Numbers) -> Numbers:
    """Put the output function of SplitMix64 in the place of each number of `z`, and return `z`."""
    shifted = z >> np.uint64(30)
    z ^= shifted
    z *= np.uint64(MIX_1)
    np.right_shift(z, np.uint64(27), out=shifted)
    z ^= shifted
    z *= np.uint64(MIX_2)
    np.right_shift(z, np.uint64(31), out=shifted)
    z ^= shifted
    return z


def stream_seeds(seed: int, path: Sequence[int | Numbers]) -> Numbers:
    """Return the seeds of the streams that belong to paths, as `splitmix.stream_seed` does for one.

    Each number of `path` is one for all, or an array of numbers; the arrays broadcast to the shape of the
    result, which is (1,) if there are none.
    """
    one = mix_one((seed + GAMMA) & MASK64)
    many: Numbers | None = None
    for index in path:
        if isinstance(index, int) and many is None:
            one = mix_one(((one ^ index) + GAMMA) & MASK64)
            continue
        states = np.array([one], np.uint64) if many is None else many
        states = states ^ (np.uint64(index) if isinstance(index, int) else index)
        states += np.uint64(GAMMA)
        many = mix(states)
    return np.array([one], np.uint64) if many is None else many


def one_of(numbers: Numbers, n: int | Numbers) -> NDArray[np.int64]:
    """Return (number x n) >> 64 of each number, exactly; `numbers` are overwritten.

    `n`, from 1 and below 2^32, is one for all or an array that broadcasts to the shape of `numbers`.
    """
    if isinstance(n, int) and n & (n - 1) == 0:
        numbers >>= np.uint64(65 - n.bit_length())
        return numbers.view(np.int64)
    # 64 by 32 bits: the lower half's product, its carry, the upper half's product; none passes 64 bits.
    times, half = np.uint64(n) if isinstance(n, int) else n, np.uint64(32)
    low = numbers & np.uint64(0xFFFFFFFF)
    low *= times
    low >>= half
    numbers >>= half
    numbers *= times
    numbers += low
    numbers >>= half
    return numbers.view(np.int64)


class Sends(NamedTuple):
    """Drawn sends; the arrays have one shape, and may be views that must not be written to."""

    sender: NDArray[np.int64]  # index into the senders
    line: NDArray[np.uint8]  # 24..31
    mask: NDArray[np.uint32]  # of the sender's cluster


class Draws:
    """What a `random` step draws from, as tables.

    `senders` are ascending, `lines` in the script's order, `targets` is "one", "uniform" or "all";
    `cores_by_cluster` holds the pids of each cluster's cores, ascending. `cluster` and `core` are those of
    each sender.
    """

    def __init__(
        self,
        senders: Sequence[CoreId],
        targets: str,
        lines: Sequence[int],
        cores_by_cluster: Mapping[int, Sequence[int]],
    ) -> None:
        self.cluster = np.array([sender.cluster for sender in senders], np.int16)
        self.core = np.array([sender.pid for sender in senders], np.uint8)
        self._senders = len(senders)
        self._lines = np.array(lines, np.uint8)
        self._strides = np.zeros(0, np.uint64)
        pids = [cores_by_cluster[sender.cluster] for sender in senders]
        self._fixed: NDArray[np.uint32] | None = None  # the mask of each sender, where no number decides
        self._targets: _Choice | _Spread
        if targets == "uniform":
            self._targets = _Spread(pids)
            return
        if targets == "one":
            pairs = zip(senders, pids, strict=True)
            choices = [[1 << pid for pid in there if pid != own] for (_, own), there in pairs]
        else:
            choices = [[sum(1 << pid for pid in there)] for there in pids]
        self._targets = _Choice(choices)
        if all(len(masks) == 1 for masks in choices):
            self._fixed = np.array(choices, np.uint32)[:, 0]

    def sends(self, seeds: Numbers, start: int, stop: int) -> Sends:
        """Return sends number `start` .. `stop` - 1 of each stream.

        The shape of the arrays is that of `seeds`, at least one-dimensional, and `stop` - `start`.
        """
        shape = (*seeds.shape, stop - start)
        # A number is mixed only where something hangs on it.
        if self._senders > 1:
            sender = one_of(self._numbers(seeds, 1, start, stop), self._senders)
        else:
            sender = np.broadcast_to(np.int64(0), shape)
        if len(self._lines) > 1:
            line = self._lines.take(one_of(self._numbers(seeds, 2, start, stop), len(self._lines)))
        else:
            line = np.broadcast_to(self._lines[0], shape)
        if self._fixed is None:
            mask = self._targets.masks(sender, self._numbers(seeds, 3, start, stop))
        else:
            mask = self._fixed.take(sender)
        return Sends(sender, line, mask)

    def _numbers(self, seeds: Numbers, which: int, start: int, stop: int) -> Numbers:
        """Return number `which` (1..3) of each send, in a new array."""
        count = stop - start
        if len(self._strides) < count:
            self._strides = np.arange(count, dtype=np.uint64) * np.uint64(PER_SEND * GAMMA & MASK64)
        first = seeds + np.uint64((PER_SEND * start + which) * GAMMA & MASK64)
        return mix(first[..., None] + self._strides[:count])


class _Choice:
    """Targets that are one of some masks; `choices` lists those of each sender, one or more."""

    def __init__(self, choices: Sequence[Sequence[int]]) -> None:
        counts = [len(masks) for masks in choices]
        self._width = max(counts)
        self._among: int | Numbers = np.array(counts, np.uint64) if len(set(counts)) > 1 else counts[0]
        padded = [[*masks, *[0] * (self._width - len(masks))] for masks in choices]
        self._table = np.array(padded, np.uint32).reshape(-1)
        self._alone = len(choices) == 1

    def masks(self, sender: NDArray[np.int64], numbers: Numbers) -> NDArray[np.uint32]:
        """Return the masks that `numbers`, which are overwritten, decide for senders of the same shape."""
        chosen = one_of(numbers, self._among if isinstance(self._among, int) else self._among.take(sender))
        if not self._alone:
            chosen += sender * self._width
        return self._table.take(chosen)


class _Spread:
    """Targets that are each a bit of a number: bit k is about the k-th of the `pids` of a sender's cluster.

    Cores whose pid is as far from their k go to their places in one shift; most clusters have one such
    group, or two.
    """

    def __init__(self, pids: Sequence[Sequence[int]]) -> None:
        shifts = sorted({pid - k for there in pids for k, pid in enumerate(there)})
        self._groups: list[tuple[np.uint64, np.uint64 | Numbers]] = []
        for shift in shifts:
            wanted = [sum(1 << k for k, pid in enumerate(there) if pid - k == shift) for there in pids]
            bits = np.array(wanted, np.uint64)
            self._groups.append((np.uint64(shift), bits if len(set(wanted)) > 1 else bits[0]))

    def masks(self, sender: NDArray[np.int64], numbers: Numbers) -> NDArray[np.uint32]:
        """Return the masks that `numbers` decide for senders of the same shape."""
        masks = np.zeros(numbers.shape, np.uint32)
        for shift, bits in self._groups:
            chosen = numbers & (bits.take(sender) if isinstance(bits, np.ndarray) else bits)
            chosen <<= shift
            masks |= chosen.astype(np.uint32)
        return masks
