"""How addresses are seen: each cluster's local window, and its copy that everybody sees.

The first 16 MiB are the local window: every core sees its own cluster there. Cluster c is seen by all at
0x01000000 x (c + 1). Sources: QEMU hw/kvx/{coolidge-cluster,mppa-coolidge}.c, barebox kvx_remoteproc.c.
"""

from __future__ import annotations

STRIDE = 0x0100_0000
"""Bytes of a window, and the distance from one to the next."""


def cluster_at(address: int, clusters: int) -> int | None:
    """Return the cluster whose window on a board of `clusters` holds the global `address`, or None."""
    cluster = address // STRIDE - 1
    return cluster if 0 <= cluster < clusters else None


def to_global(address: int, cluster: int) -> int:
    """Return where all see what a core of `cluster` sees at `address`."""
    return address + STRIDE * (cluster + 1) if address < STRIDE else address
