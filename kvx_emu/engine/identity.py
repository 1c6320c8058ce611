"""What tells boards and programs apart, as digests: a snapshot is good for those alone that it was taken of.

A board is what was built, so a tree as source and as a blob is one board. A program is what its steps do, so
where the script stands, its comments and its name do not count, and of a table only the rows do.
"""

from __future__ import annotations

from dataclasses import fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kvx_emu.models.itgen import Itgen
from kvx_emu.saved import canonical
from kvx_emu.script.actions import Action, Replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kvx_emu.machine.facts import Block
    from kvx_emu.machine.machine import Machine
    from kvx_emu.saved import Value
    from kvx_emu.script.actions import Program
    from kvx_emu.script.replay.table import Table

_FOR_PEOPLE = {"name", "files"}
"""What a program says besides what it does."""


def digest(value: Value) -> str:
    """Return the SHA-256 of a value's canonical form, in hexadecimal."""
    return sha256(canonical(value)).hexdigest()


def board_digest(machine: Machine) -> str:
    """Return the digest of what a machine was built as."""
    wiring = machine.wiring
    return digest(
        {
            "clock": wiring.clock_hz,
            "clusters": wiring.clusters,
            "cores": [
                [
                    *cpu.core,
                    None if cpu.intc is None else cpu.intc.path,
                    machine.ipi_lines.get(cpu.core, 0),
                    wiring.powers.get(cpu.core),
                ]
                for cpu in wiring.cpus
            ],
            "intc": None if wiring.shared_intc is None else wiring.shared_intc.path,
            "blocks": [_block(machine, block) for block in sorted(wiring.blocks, key=_place)],
            "links": [
                [link.node.path, link.index, link.target.path, list(link.cells)]
                for link in sorted(wiring.links, key=lambda link: (link.node.path, link.index))
            ],
            "rates": dict(wiring.rates),
        }
    )


def _place(block: Block) -> tuple[str, int]:
    return block.node.path, block.start


def _block(machine: Machine, block: Block) -> Value:
    built = machine.blocks.get(block.node.path)
    model = parent = None
    if built is not None and built.block is block:
        model = type(built.model).__name__
        parent = machine.msi_parent(block) if isinstance(built.model, Itgen) else None
    messages = None if parent is None else parent.node.path
    return [block.node.path, block.title, block.start, block.size, block.cluster, model, messages]


def program_digest(program: Program) -> str:
    """Return the digest of what a program does. Reads its tables, so InputError where one has changed."""
    names = [field.name for field in fields(program) if field.name not in _FOR_PEOPLE]
    return digest({name: _plain(getattr(program, name)) for name in names})


def _plain(value: object) -> Value:
    """Return a part of a program as a value."""
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    assert isinstance(value, Action), f"{type(value).__name__} in a program"
    if isinstance(value, Replay):
        return ["Replay", value.at, _table(value.table)]
    kept = [_plain(getattr(value, field.name)) for field in fields(value) if field.name != "place"]
    return [type(value).__name__, *kept]


def _table(table: Table) -> Value:
    """Return the digest of each column of a table."""
    columns = [sha256() for _ in range(5)]
    for chunk in table.chunks():
        numbers: Sequence[NDArray[Any]] = chunk
        for column, values in zip(columns, numbers, strict=True):
            column.update(values.astype(f"<{values.dtype.kind}8").tobytes())
    return [column.hexdigest() for column in columns]
