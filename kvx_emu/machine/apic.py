"""Rules about the rest of the interrupt fabric: GICs, mailboxes and interrupt generators.

A device raises an input of an interrupt generator; that writes to a mailbox; the mailbox raises an input of
its cluster's GIC, and that the lines 4 to 7 of the cores. What is told here only warns: the machine is
built with the blocks that there are, and what leads nowhere leads nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import ERROR, WARNING
from kvx_emu.machine.facts import Claim
from kvx_emu.machine.links import sound
from kvx_emu.models import apic_gic, apic_mailbox, itgen
from kvx_emu.models.apic_gic import FIRST_LINE, LINES, OUTPUTS, STRIDE

if TYPE_CHECKING:
    from kvx_emu.dt.interrupts import Interrupt
    from kvx_emu.dt.tree import Node
    from kvx_emu.machine.cores import Cores
    from kvx_emu.machine.facts import Block, Link
    from kvx_emu.machine.survey import Survey

GIC, MAILBOX, ITGEN, IPI = "APIC GIC", "APIC mailbox", "interrupt generator", "IPI controller"

GIC_LINES = range(FIRST_LINE, FIRST_LINE + LINES)
"""The lines of a core that its group of a GIC drives."""

GIC_SIZE = OUTPUTS * STRIDE
"""Bytes of its registers, 18 groups of 0x1000 in all trees and drivers."""

ITGEN_TYPES = {1: "a rising edge", 4: "level high"}
"""Source: Linux irq-kvx-itgen.c warns of others; the numbers are those of all interrupt bindings."""


def check_cells(survey: Survey) -> None:
    """See that interrupt generators take two cells, before anybody reads interrupts by them."""
    for node in survey.tree.nodes():
        if survey.title(node) != ITGEN or not node.enabled:
            continue
        raw = node.raw("#interrupt-cells")
        if raw is not None and len(raw) == 4 and int.from_bytes(raw, "big") != 2:
            message = (
                "an interrupt generator needs #interrupt-cells = <2>: the number of the input and its type"
            )
            survey.say(ERROR, "intc-cells", message, node, "#interrupt-cells")


def check_apic(survey: Survey, blocks: tuple[Block, ...], cores: Cores, links: tuple[Link, ...]) -> None:
    """Tell what is wrong with the blocks and with what leads to them; what their interrupts lack is told."""
    at = {block.node: block for block in blocks if block.title in {GIC, MAILBOX}}
    for block in at.values():
        if block.title == GIC:
            _check_gic(survey, block, cores)
        else:
            _check_mailbox(survey, block, at)
    for node in survey.tree.nodes():
        if survey.title(node) == ITGEN and node.enabled:
            _check_itgen(survey, node)
    _check_inputs(survey, links)


def _check_gic(survey: Survey, block: Block, cores: Cores) -> None:
    node = block.node
    if block.size != GIC_SIZE:
        message = f"the size is {block.size:#x}; an APIC GIC has {GIC_SIZE:#x}, 18 groups of 0x1000"
        survey.say(WARNING, "gic-reg-size", message, node, "reg", block.size_place)
    for interrupt in sound(survey, node):
        target = interrupt.controller
        message = ""
        if not survey.is_core_intc(target):
            message = f"{target.path} is no core interrupt controller: a GIC's outputs go to cores"
        elif len(interrupt.cells) == 1 and interrupt.cells[0] not in GIC_LINES:
            message = f"line {interrupt.cells[0]} is none of a GIC's, 4 to 7: it has no effect"
        elif block.cluster is not None:
            behind = cores.behind(target.path, block.cluster) or ()
            other = next((core for core in behind if core.cluster != block.cluster), None)
            if other is not None:
                message = f"the GIC of cluster {block.cluster} does not reach {other}"
        if message:
            survey.say(WARNING, "gic-target", message, node, interrupt.property, interrupt.place)


def _check_mailbox(survey: Survey, block: Block, at: dict[Node, Block]) -> None:
    node = block.node
    if not (node.has("interrupts-extended") or node.has("interrupts")):
        message = f"{node.path} has no interrupts: none of its mailboxes can tell anybody of a message"
        survey.say(WARNING, "mailbox-interrupts", message, node)
        return
    entries, _ = survey.interrupts(node)
    room = min(apic_mailbox.CAPACITY, block.size // apic_mailbox.STRIDE)
    more = next((entry for entry in entries if entry.number >= room), None)
    if more is not None:
        message = (
            f"an interrupt for mailbox {more.number}, but {block.size:#x} bytes of registers hold {room}"
        )
        if room == apic_mailbox.CAPACITY:
            message = f"an interrupt for mailbox {more.number}, but there are {apic_mailbox.CAPACITY}"
        survey.say(WARNING, "mailbox-interrupts", message, node, more.property, more.place)
    told: set[Node] = set()
    for interrupt in sound(survey, node):
        target = interrupt.controller
        if target in told:
            continue
        told.add(target)
        message = ""
        if survey.title(target) != GIC:
            message = f"{target.path} is no APIC GIC: a mailbox's messages are told to that of its cluster"
        elif target in at and at[target].cluster != block.cluster:
            message = f"{target.path} is the GIC of {_whose(at[target])}, the mailboxes are {_whose(block)}'s"
        if message:
            survey.say(WARNING, "mailbox-parent", message, node, interrupt.property, interrupt.place)


def _whose(block: Block) -> str:
    return "no cluster" if block.cluster is None else f"cluster {block.cluster}"


def _check_itgen(survey: Survey, node: Node) -> None:
    """See that the messages of an interrupt generator go to mailboxes; a phandle of no node is told."""
    name = "msi-parent"
    raw = node.raw(name) or b""
    if len(raw) < 4:
        message = f"{node.path} has no {name}: its messages go nowhere"
        survey.say(WARNING, "itgen-parent", message, node, name)
        return
    target = survey.tree.by_phandle(int.from_bytes(raw[:4], "big"))
    if target is not None and survey.title(target) != MAILBOX:
        message = f"{target.path} is no APIC mailbox: an interrupt generator writes to mailboxes"
        survey.say(WARNING, "itgen-parent", message, node, name, node.cell_place(name, 0))


def _check_inputs(survey: Survey, links: tuple[Link, ...]) -> None:
    """See that what leads to a GIC or an interrupt generator names an input of its own, which is there."""
    claims: dict[tuple[Node, int], Claim] = {}
    wired = dict.fromkeys(link.node for link in links if survey.title(link.target) in {GIC, ITGEN})
    for node in wired:
        if survey.title(node) == IPI:
            continue  # told, as an error
        for interrupt in sound(survey, node):
            target = interrupt.controller
            title = survey.title(target)
            if title not in {GIC, ITGEN} or not interrupt.cells:
                continue
            number = interrupt.cells[0]
            if title == ITGEN:
                _check_itgen_input(survey, node, interrupt)
            elif number >= apic_gic.INPUTS:
                message = f"{target.path} has no input {number}: its inputs are 0 to {apic_gic.INPUTS - 1}"
                survey.say(WARNING, "gic-input", message, node, interrupt.property, interrupt.place)
            claim = Claim(node, interrupt.property, interrupt.place)
            first = claims.setdefault((target, number), claim)
            if first.node is not node:
                message = f"input {number} of {target.path} is that of two devices, {first.node.path} and "
                message += node.path
                for each in (first, claim):
                    survey.say(WARNING, "input-shared", message, each.node, each.property, each.place)


def _check_itgen_input(survey: Survey, node: Node, interrupt: Interrupt) -> None:
    number = interrupt.cells[0]
    if number >= itgen.INPUTS:
        message = f"{interrupt.controller.path} has no input {number}: its inputs are 0 to {itgen.INPUTS - 1}"
        survey.say(WARNING, "itgen-input", message, node, interrupt.property, interrupt.place)
    kind = interrupt.cells[1] if len(interrupt.cells) > 1 else None
    if kind is not None and kind not in ITGEN_TYPES:
        types = " and ".join(f"{each} ({text})" for each, text in ITGEN_TYPES.items())
        message = f"an interrupt generator knows the types {types}; found {kind}"
        place = interrupt.place
        if not interrupt.through:
            place = node.cell_place(interrupt.property, interrupt.cell + 1)
        survey.say(WARNING, "itgen-input", message, node, interrupt.property, place)
