"""The sizes from which each stage pays: they change how long a run takes, never what it gives."""

from __future__ import annotations

from typing import NamedTuple

from kvx_emu.engine.batch import BATCH


class Tuning(NamedTuple):
    """Measured sizes; tests set others, so that small cases go through every stage."""

    chunk: int = 1 << 16  # writes that are solved at once: more need memory, fewer cost more calls a write
    batch: int = BATCH  # writes from which a stretch is solved as a whole
    batches: int = 48  # segments from which lockstep beats the kernel where a batch is an exception
    exceptions: int = 128  # the same where a line is one
    words: int = 512  # writes to a cluster from which it is judged whether whole words can be settled
    compile: int = 1 << 20  # requests that the kernel has had when numba compiles it, if that is there


MEASURED = Tuning()
