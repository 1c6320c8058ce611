"""Blocks of a tree that overlap: who has which addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.errors import ERROR, NOTE, WARNING
from kvx_emu.machine import known
from kvx_emu.machine.ipis import is_ipi

if TYPE_CHECKING:
    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.survey import Survey

_NAMED = 4  # of the devices in a memory that a message names


def check_overlaps(survey: Survey, blocks: tuple[Block, ...]) -> None:
    """See that IPI controllers have their addresses for themselves, and that no memory lies over a device.

    Of other blocks of Kalray's that overlap, a note tells which answers: the smaller (QEMU's and Kalray's own
    trees need that: the DSU clock lies inside the power controller). Of equal ones nobody can say.

    Each of a crowd at one place is told, with one of those that it overlaps.
    """
    farthest: dict[str, Block] = {}  # of those of one kind that were seen: which reaches farthest
    covered: dict[int, tuple[Block, list[Block]]] = {}
    for block in sorted(blocks, key=lambda block: block.start):
        kind = _kind(block)
        if kind is None:
            continue
        for other_kind, other in farthest.items():
            if other.end <= block.start:
                continue
            kinds = {kind, other_kind}
            if "memory" in kinds and kinds != {"memory"}:
                memory, device = (block, other) if kind == "memory" else (other, block)
                covered.setdefault(id(memory), (memory, []))[1].append(device)
            elif "ipi" in kinds and kinds <= {"ipi", "block"}:
                message = _both(other, block)
                for each in (other, block):
                    survey.say(ERROR, "ipi-reg-overlap", message, each.node, "reg", each.place)
            elif kinds == {"block"}:
                _tell_blocks(survey, other, block)
        if kind not in farthest or block.end > farthest[kind].end:
            farthest[kind] = block
    for memory, devices in covered.values():
        _tell_covered(survey, memory, devices)


def _kind(block: Block) -> str | None:
    """Return what overlapping a block means; None if that is nobody's business."""
    if is_ipi(block):
        return "ipi"
    if block.node.raw("device_type") == b"memory\0":
        return "memory"
    if block.title in known.ADDRESSED:
        return "block"
    # What is reserved in a memory is part of it (Devicetree Specification 3.5).
    parts = block.node.path.split("/")
    return None if "reserved-memory" in parts or "memory" in block.node.name else "device"


def _tell_covered(survey: Survey, memory: Block, devices: list[Block]) -> None:
    names = ", ".join(device.node.path for device in devices[:_NAMED])
    more = f" and {len(devices) - _NAMED} more" if len(devices) > _NAMED else ""
    message = f"this memory covers registers: those of {names}{more}"
    if len(devices) == 1:
        message = _both(memory, devices[0])
    survey.say(WARNING, "mem-overlap", message, memory.node, "reg", memory.place)
    for device in devices:
        message = _both(memory, device)
        survey.say(WARNING, "mem-overlap", message, device.node, "reg", device.place)


def _tell_blocks(survey: Survey, first: Block, second: Block) -> None:
    severity, who = WARNING, "both are of one size, so nobody can say which answers there"
    if first.size != second.size:
        smaller = min(first, second, key=lambda block: block.size)
        severity, who = NOTE, f"{smaller.node.path}, the smaller, answers there"
    for each in (first, second):
        survey.say(severity, "reg-overlap", f"{_both(first, second)}: {who}", each.node, "reg", each.place)


def _both(first: Block, second: Block) -> str:
    low, high = max(first.start, second.start), min(first.end, second.end) - 1
    return f"{first.node.path} and {second.node.path} overlap at {low:#x} to {high:#x}"
