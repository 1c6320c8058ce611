"""SplitMix64, and the sends that a `random` step draws from it.

The generator is that of Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
(OOPSLA 2014), with the constants of java.util.SplittableRandom. Its n-th number is a function of
seed + n x gamma alone, so any part of a stream can be drawn without what comes before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kvx_emu.core_id import CoreId
    from kvx_emu.script.actions import Random

MASK64 = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB


def mix(z: int) -> int:
    """Return the 64 bits of `z` (64 bits too) well stirred: the output function of SplitMix64."""
    z = ((z ^ (z >> 30)) * MIX_1) & MASK64
    z = ((z ^ (z >> 27)) * MIX_2) & MASK64
    return z ^ (z >> 31)


def splitmix64(seed: int) -> Iterator[int]:
    """Yield the numbers of the stream of `seed`, each 64 bits, without end."""
    while True:
        seed = (seed + GAMMA) & MASK64
        yield mix(seed)


def stream_seed(seed: int, path: Iterable[int]) -> int:
    """Return the seed of the stream that belongs to `path`: numbers of 0 .. 2^64 - 1, folded in order."""
    state = mix((seed + GAMMA) & MASK64)
    for index in path:
        state = mix(((state ^ index) + GAMMA) & MASK64)
    return state


def execution_path(path: Sequence[int], iterations: Sequence[int]) -> list[int]:
    """Return `path` with each enclosing repeat's iteration number (from 0) after the repeat's index.

    `path` is an action's, one index longer than `iterations`: only `repeat` encloses steps.
    """
    if len(iterations) != len(path) - 1:
        raise ValueError(f"{len(path) - 1} enclosing repeats, but {len(iterations)} iteration numbers")
    merged = [number for pair in zip(path, iterations, strict=False) for number in pair]
    return [*merged, path[-1]]


def random_sends(
    action: Random,
    cores_by_cluster: Mapping[int, Sequence[int]],
    iterations: Sequence[int] = (),
    first: int = 0,
) -> Iterator[tuple[CoreId, int, int]]:
    """Yield the sends of one execution of `action`: sender, line, and target mask (0 can occur).

    The mask is of the sender's cluster. `cores_by_cluster` holds the pids of each cluster's cores,
    ascending; `iterations` the iteration number of each enclosing repeat, outermost first. The sends
    before number `first` are left out.

    Each send uses three numbers of the stream, whatever it needs of them: for the sender, the line
    and the targets.
    """
    state = (stream_seed(action.seed, execution_path(action.path, iterations)) + 3 * first * GAMMA) & MASK64
    senders, lines, targets = action.senders, action.lines, action.targets
    choices = [_choices(targets, sender.pid, cores_by_cluster[sender.cluster]) for sender in senders]
    sender, line, bits = senders[0], lines[0], choices[0]
    sending, among = len(senders), len(lines)
    # A number is mixed only where something hangs on it: that is half of the time in the common cases.
    # One of n: the number times n, shifted right by 64, which is fair to within n in 2^64.
    for _ in range(first, action.count):
        if sending > 1:
            index = mix((state + GAMMA) & MASK64) * sending >> 64
            sender, bits = senders[index], choices[index]
        if among > 1:
            line = lines[mix((state + 2 * GAMMA) & MASK64) * among >> 64]
        state = (state + 3 * GAMMA) & MASK64
        if targets == "one":
            yield sender, line, bits[mix(state) * len(bits) >> 64]
        elif targets == "uniform":
            yield sender, line, spread(mix(state), bits)
        else:
            yield sender, line, bits[0]


def spread(x: int, bits: Sequence[int]) -> int:
    """Return the sum of those `bits` (single bits, ascending) whose index is a set bit of `x`."""
    last = 1 << (len(bits) - 1)
    if bits[-1] == last:  # the cores are 0 .. n - 1, so that each bit of x is at its core's place already
        return x & (2 * last - 1)
    return sum(bit for k, bit in enumerate(bits) if x >> k & 1)


def _choices(targets: str, sender: int, pids: Sequence[int]) -> tuple[int, ...]:
    """Return the masks that the third number decides between, for a sender in a cluster of `pids`."""
    if targets == "all":
        return (sum(1 << pid for pid in pids),)
    return tuple(1 << pid for pid in pids if targets == "uniform" or pid != sender)
