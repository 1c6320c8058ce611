"""How fast this machine copies memory: the roof over everything that writes tables."""

from __future__ import annotations

import statistics
import time

import numpy as np

MEGABYTES = 256
"""Of each of the two buffers, in units of 10^6 bytes: several times any cache."""


def gb_per_s(megabytes: int = MEGABYTES, rounds: int = 7) -> float:
    """Return the median rate of numpy's copy between two buffers in use, in 10^9 bytes copied a second.

    A copy reads and writes each byte; it is counted once. In CPU time, as everything here.
    """
    source = np.arange(megabytes * 125_000, dtype=np.uint64)
    target = np.zeros_like(source)
    seconds = []
    for _ in range(rounds + 1):
        start = time.process_time()
        np.copyto(target, source)
        seconds.append(time.process_time() - start)
    return source.nbytes / statistics.median(seconds[1:]) / 1e9  # the first one has the pages made
