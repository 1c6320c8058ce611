"""All rules about a tree: those of the machine, those of dtc, and those that nobody else has.

The errors all come from `kvx_emu.machine`: a tree that `check` refuses is one that `run` refuses. What is
here only warns. Source of dtc's rules: checks.c of dgibson/dtc at 8f48565.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.check.cells import check_cells
from kvx_emu.check.interrupts import check_maps, check_providers
from kvx_emu.check.names import check_names
from kvx_emu.check.paths import check_paths
from kvx_emu.check.properties import check_properties
from kvx_emu.errors import NOTE
from kvx_emu.hw import registry
from kvx_emu.machine.survey import Survey
from kvx_emu.machine.wiring import wire

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Tree
    from kvx_emu.machine.survey import Report
    from kvx_emu.machine.wiring import Wiring

_DIALECTS = {
    "kalray,coolidge-ipi-ctrl": "coolidge",
    "kalray,kv3-1-ipi-ctrl": "kv3-1",
    "kalray,kvx-ipi-ctrl": "kvx",
    "kalray,k1c-ipi-ctrl": "k1c",
    "kalray,kv3-1-intc": "coolidge",
    "kalray,kv3-1-core-intc": "kv3-1",
    "kalray,kvx-core-intc": "kvx",
    "kalray,k1c-core-intc": "k1c",
    "kalray,kv3-1-pe": "coolidge",
    "kalray,kvx-pe": "kvx",
}
"""The generation of the bindings that a name is of; of a tree, the first of these that it has says it."""


def check_tree(tree: Tree, report: Report, profile: str = registry.HARDWARE) -> Wiring:
    """Return the facts of a tree; what is wrong with it, odd or worth knowing goes to `report`."""
    survey = Survey(tree, report, profile)
    wiring = wire(survey)
    check_names(survey)
    check_cells(survey)
    check_providers(survey)
    check_maps(survey)
    check_paths(survey)
    check_properties(survey)
    _tell_dialect(survey, wiring)
    return wiring


def _tell_dialect(survey: Survey, wiring: Wiring) -> None:
    """Say which generation of Kalray's bindings the tree follows."""
    names = list(_DIALECTS)
    found = None
    for node in survey.tree.nodes():
        if node.enabled:
            for text in survey.compatible(node):
                if text in _DIALECTS and (found is None or names.index(text) < names.index(found[0])):
                    found = text, node
    if found is None:
        return
    text, node = found
    shape = "each core has its own interrupt controller"
    if wiring.dialect == "kvx":
        shape = "one interrupt controller stands for all cores"
    elif all(cpu.intc is None for cpu in wiring.cpus):
        shape = "no core has an interrupt controller"
    message = f"the {_DIALECTS[text]} dialect ({text}): {shape}"
    survey.say(NOTE, "dialect", message, node, "compatible")
