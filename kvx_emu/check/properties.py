"""The properties that the bindings of Kalray's nodes know, of all generations together.

Sources: the bindings and drivers of kalray/linux (branches of 2018 to 2024), the tree that Kalray's QEMU
generates, the series posted in 2023 and 2024, and for what any node may have the Devicetree Specification
0.4, chapters 2 and 3, with the properties that Linux reads of any device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import WARNING
from kvx_emu.machine import known

if TYPE_CHECKING:
    from collections.abc import Set

    from kvx_emu.dt.tree import Node
    from kvx_emu.machine.survey import Survey

_ANY = {
    "assigned-clock-parents", "assigned-clock-rates", "assigned-clocks", "bootph-all", "bootph-pre-ram",
    "bootph-pre-sram", "bootph-some-ram", "bootph-verify", "clock-names", "clocks", "compatible",
    "dma-coherent", "dma-noncoherent", "iommu-map", "iommus", "label", "memory-region", "model", "name",
    "phandle", "pinctrl-names", "power-domain-names", "power-domains", "resets", "reset-names",
    "secure-status", "status", "virtual-reg", "wakeup-source",
}  # fmt: skip
_STARTS = ("linux,", "pinctrl-", "u-boot,", "barebox,")
_BUS = {"#address-cells", "#size-cells", "dma-ranges", "ranges"}
_WIRED = {"interrupt-names", "interrupt-parent", "interrupts", "interrupts-extended"}
_CONTROLLER = {"#address-cells", "#interrupt-cells", "interrupt-controller"}
_PLACED = {"reg", "reg-names"}

_KNOWN: dict[str, Set[str]] = {
    # The text binding of 2018 lists a `regs` that no node has.
    "core interrupt controller": _CONTROLLER | {"interrupt-parent", "kalray,intc-nr-irqs", "reg", "regs"},
    "IPI controller": _PLACED | _WIRED | _CONTROLLER,
    "APIC GIC": _PLACED | _WIRED | _CONTROLLER | {"kalray,intc-nr-irqs"},
    "APIC mailbox": _PLACED | _WIRED | _CONTROLLER | {"#msi-cells", "msi-controller", "kalray,intc-nr-irqs"},
    "interrupt generator": _PLACED | _WIRED | _CONTROLLER | {"msi-parent", "kalray,intc-nr-irqs"},
    "power controller": _PLACED | _BUS | {"#power-domain-cells"},
    "core timer": _WIRED | {"always-on"},
    "core watchdog": _WIRED | {"timeout-sec"},
    "performance monitor": _WIRED | {"kalray,pm-num"},
    "DAME handler": _WIRED,
    "DSU clock": _PLACED | {"#clock-cells"},
    "L2 cache": _PLACED | _WIRED | {
        "cache-block-size", "cache-level", "cache-line-size", "cache-sets", "cache-size", "cache-unified",
        "kalray,is-qemu", "next-level-cache",
    },
    "core": {
        "#cooling-cells", "bus-frequency", "cache-level", "capacity-dmips-mhz", "clock-frequency",
        "cpu-idle-states",
        "cpu-release-addr", "d-cache-block-size", "d-cache-line-size", "d-cache-sets", "d-cache-size",
        "d-tlb-sets", "d-tlb-size", "device_type", "dynamic-power-coefficient", "enable-method",
        "i-cache-block-size", "i-cache-line-size", "i-cache-sets", "i-cache-size", "i-tlb-sets", "i-tlb-size",
        "mmu-type", "next-level-cache", "numa-node-id", "operating-points-v2", "power-controller", "reg",
        "timebase-frequency", "tlb-sets", "tlb-size", "tlb-split",
    },
}  # fmt: skip
"""What the nodes of a block may have beside `_ANY`; a block that is not here has too unclear a binding."""

_MEMORY = {"device_type", "hotpluggable", "initial-mapped-area", "numa-node-id", "reg"}


def check_properties(survey: Survey) -> None:
    """Tell of a property of an enabled node of Kalray's, or of a memory, that no binding of it knows."""
    for node in survey.tree.nodes():
        if not node.enabled:
            continue
        what, allowed = _binding(survey, node)
        for name in node.properties if allowed else ():
            if name in allowed or name in _ANY or name.startswith(_STARTS):
                continue
            near = _nearest(name, allowed)
            hint = f"; did you mean {near}?" if near else ""
            message = f"no binding of the {what} knows {name}{hint}"
            survey.say(WARNING, "unknown-property", message, node, name)


def _binding(survey: Survey, node: Node) -> tuple[str, Set[str]]:
    """Return what a node is and what it may have; nothing if that is not known."""
    for text in survey.compatible(node):
        title = known.TITLES.get(text)
        if title is not None:
            return title, _KNOWN.get(title, set())
    return "memory", _MEMORY if node.raw("device_type") == b"memory\0" else set()


def _nearest(name: str, allowed: Set[str]) -> str | None:
    from difflib import get_close_matches  # slow to import, and seldom needed

    found = get_close_matches(name, sorted({*allowed, *_ANY}), n=1, cutoff=0.8)
    return found[0] if found else None
