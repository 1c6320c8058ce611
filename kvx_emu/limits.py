"""Bounds on every input and run, each with its reason, in one record."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """What is refused because it can only be a mistake or an attack."""

    tree_text: int = 64 << 20  # bytes of .dts source: the largest Linux tree is under 1 MiB
    tree_blob: int = 4 << 20  # bytes of .dtb: boot loaders reserve 2 MiB at most
    nodes: int = 100_000  # nodes in a tree: the largest Linux tree has under 2,000
    depth: int = 100  # nested nodes: real trees have under 15; keeps every walk off the stack limit
    includes: int = 200  # nested #include: as cpp; a file that includes itself
    include_files: int = 20_000  # of a tree: files may include each other twice; Linux trees have under 100
    macro_tokens: int = 2_000_000  # of all expansions: ten lines can ask for 10^8; Linux trees need some 10^4
    script_text: int = 64 << 20  # bytes of YAML: about a million steps
    script_depth: int = 16  # nested YAML collections: three nested repeats with any step inside
    expansion: int = 10**11  # steps after repeat and random are unrolled: weeks of running
    ticks: int = 1 << 63  # simulated time, exclusive: 292 years at 1 GHz, and fits a signed 64-bit integer
    takes: int = 100_000  # lines that a core takes in one tick one after the other: it would never end
    alarms: int = (
        1_000_000  # timers that run out while a run waits for its cores to be idle, which they keep busy
    )
    snapshot: int = 64 << 20  # bytes of a snapshot: a million writes under way; a chip at work needs 1 MiB
    number: int = 1 << 64  # any number of a script, exclusive: the widest register


LIMITS = Limits()
