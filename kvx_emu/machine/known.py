"""Kalray's blocks by their `compatible` strings, modelled here or not.

Sources: the bindings and drivers of kalray/linux (branches of 2018 to 2024), the tree that Kalray's
QEMU generates, and the series posted to the kernel mailing list in 2023 and 2024.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node

_BLOCKS = {
    "core interrupt controller": "k1c-core-intc kvx-core-intc kv3-1-core-intc kv3-1-intc",
    "IPI controller": "k1c-ipi-ctrl kvx-ipi-ctrl kv3-1-ipi-ctrl coolidge-ipi-ctrl",
    "APIC GIC": "k1c-apic-gic kvx-apic-gic kv3-1-apic-gic coolidge-apic-gic",
    "APIC mailbox": "k1c-apic-mailbox kvx-apic-mailbox kv3-1-apic-mailbox coolidge-apic-mailbox",
    "interrupt generator": "k1c-itgen kvx-itgen coolidge-itgen",
    "PCI MSI snooper": "k1c-pcimsi kvx-pcimsi",
    "mailbox channel": "k1c-mbox kvx-mbox",
    "power controller": "k1c-pwr-ctrl kvx-pwr-ctrl kv3-1-pwr-ctrl coolidge-pwr-ctrl",
    "core timer": "k1c-core-timer kvx-core-timer kv3-1-timer",
    "core watchdog": "k1c-core-watchdog kvx-core-watchdog",
    "performance monitor": "k1c-core-pm kvx-core-pm",
    "DAME handler": "kvx-dame-handler",
    "DSU clock": "k1c-dsu-clock kvx-dsu-clock coolidge-dsu-clock",
    "core": "kvx-pe kv3-1-pe kv3-pe",
    "FTU": "kvx-syscon",
    "L2 cache": "kvx-l2-cache",
    "DMA": "k1c-dma-noc kvx-dma-noc coolidge-dma-noc coolidge-v2-dma-noc",
    "IOMMU": "k1c-iommu kvx-iommu coolidge-iommu coolidge-pcie-iommu-mst coolidge-v2-pcie-iommu-mst",
    "board": "coolidge iss board-k200 coolidge-qemu",
}

TITLES = {f"kalray,{name}": title for title, names in _BLOCKS.items() for name in names.split()}
"""What each of Kalray's compatible strings stands for."""

ADDRESSED = {
    "IPI controller", "APIC GIC", "APIC mailbox", "interrupt generator", "PCI MSI snooper", "mailbox channel",
    "power controller", "DSU clock", "FTU", "DMA", "IOMMU",
}  # fmt: skip
"""Those that answer at addresses. Sources: the bindings; the others are inside the cores."""


def title(node: Node) -> str | None:
    """Return what a node is by the first of Kalray's strings in its `compatible`; None without one."""
    try:
        compatibles = node.strings("compatible")
    except InputError:
        return None
    return next((TITLES[text] for text in compatibles if text in TITLES), None)


def nearest(compatible: str) -> str | None:
    """Return the known string that an unknown `kalray,...` one is probably a misspelling of, or None."""
    from difflib import get_close_matches

    # A ratio of 0.9 on strings of 16 to 26 characters is an edit or two.
    found = get_close_matches(compatible, TITLES, n=1, cutoff=0.9)
    return found[0] if found else None
