"""How many cells: `#address-cells`, `#size-cells`, and the `reg` and `ranges` that they measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.dt.addresses import local_regs, regs, widths
from kvx_emu.errors import WARNING
from kvx_emu.machine import known

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node
    from kvx_emu.errors import Finding
    from kvx_emu.machine.survey import Survey

_CELLS = ("#address-cells", "#size-cells")


def check_cells(survey: Survey) -> None:
    """Apply the rules of this module to every node, as dtc does, whether enabled or not."""
    for node in survey.tree.nodes():
        for name in _CELLS:
            raw = node.raw(name)
            if raw is not None and len(raw) != 4:
                message = f"'{name}' of {node.path} has {len(raw)} bytes; expected one cell"
                survey.say(WARNING, "addr-size-cells", message, node, name)
        if node.has("reg"):
            _check_reg(survey, node)
        if node.has("ranges"):
            _check_ranges(survey, node)
        _check_default(survey, node)


def _check_reg(survey: Survey, node: Node) -> None:
    """See that a reg is one; of an enabled block of Kalray's the machine has told it."""
    if node.parent is None:
        message = "the root has a reg, which no bus is there to measure"
        survey.say(WARNING, "reg-format", message, node, "reg")
        return
    titles = {known.TITLES.get(text) for text in survey.compatible(node)}
    if titles & known.ADDRESSED and node.enabled:
        return

    def report(finding: Finding) -> None:
        if finding.code != "addr-size-cells":  # told above, at the bus
            survey.tell(finding._replace(severity=WARNING))

    # Only what stands on a simple bus is sure to want an address; an i2c or spi bus has no ranges.
    if node.enabled and "simple-bus" in survey.compatible(node.parent):
        regs(node, report)
    else:
        local_regs(node, report)


def _check_ranges(survey: Survey, node: Node) -> None:
    def say(message: str) -> None:
        survey.say(WARNING, "ranges-format", message, node, "ranges")

    if node.parent is None:
        say("the root has ranges, but there is no bus above it")
        return
    here, above = widths(node, _ignore), widths(node.parent, _ignore)
    raw = node.raw("ranges") or b""
    if here is None or above is None:
        return
    if raw:
        step = 4 * (here[0] + above[0] + here[1])
        if not step or len(raw) % step:
            message = (
                f"'ranges' of {node.path} has {len(raw)} bytes; expected entries of {step}: {here[0]} cells"
            )
            say(f"{message} of address, {above[0]} of address above, {here[1]} of size")
        return
    for name, mine, other in zip(_CELLS, here, above, strict=True):
        if mine != other:
            message = f"empty ranges, but {name} is {mine} in {node.path} and {other} in {node.parent.path}"
            say(message)


def _check_default(survey: Survey, bus: Node) -> None:
    """See that a bus says how many cells its devices use, rather than rely on the defaults of 2 and 1."""
    missing = [name for name in _CELLS if not bus.has(name)]
    if not missing:
        return
    below = [child.name for child in bus.children if child.has("reg") or child.has("ranges")]
    if below:
        message = f"{bus.path} has no {' and no '.join(missing)}, so the default is used for {below[0]}"
        message += f" and {len(below) - 1} more" if len(below) > 1 else ""
        survey.say(WARNING, "avoid-default-addr-size", message, bus)


def _ignore(_finding: Finding) -> None:
    """Drop what is told elsewhere."""
