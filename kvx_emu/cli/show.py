"""`kvx-emu show`: what was built from a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import BOARD, profile_option
from kvx_emu.cli.trees import tree_options
from kvx_emu.errors import ERROR, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvx_emu.cli.trees import Reading
    from kvx_emu.dt.tree import Tree
    from kvx_emu.errors import Finding
    from kvx_emu.hw.register import Register
    from kvx_emu.machine.wiring import Wiring

EPILOG = """\b
Examples:
  kvx-emu show board.dts               the nodes, and what stands for them
  kvx-emu show board.dts map           the addresses, as all clusters see them
  kvx-emu show board.dts wiring        which register bit reaches which core and line
  kvx-emu show board.dts wiring --format svg > wiring.svg
  kvx-emu show board.dts registers     every register, with the source of its numbers
"""


@click.command("show", epilog=EPILOG + BOARD.epilog(), short_help="Print what was built from a board.")
@click.argument("board", type=BOARD)
@click.argument("what", type=click.Choice(["tree", "map", "wiring", "registers"]), default="tree")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "dot", "svg"]),
    default="text",
    show_default=True,
    help="Of the wiring: tables, a graph for Graphviz, or a drawing of it.",
)
@profile_option
@tree_options
def command(*, board: str, what: str, kind: str, profile: str, reading: Reading) -> None:
    """Print what was built from BOARD: its tree, address map, wiring or registers (default: tree)."""
    from kvx_emu.machine.wiring import read_wiring

    if kind != "text" and what != "wiring":
        raise UsageError(f"--format {kind} is for `wiring`; {what} is text alone")
    tree = reading.board(board)
    findings: list[Finding] = []
    wiring = read_wiring(tree, findings.append, profile)
    errors = [finding for finding in findings if finding.severity == ERROR]
    if errors:
        raise InputError(errors)
    if kind != "text":
        click.echo(_drawn(wiring, profile, kind), nl=False)
        return
    views = {"map": _map, "wiring": lambda wiring: _all_wiring(wiring, profile), "registers": _registers}
    click.echo(_tree(tree, wiring) if what == "tree" else views[what](wiring))


def _table(headers: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    from tabulate import tabulate

    # The indentation of the tree is part of it.
    return tabulate(list(lines), headers, disable_numparse=True, preserve_whitespace=True)


def _tree(tree: Tree, wiring: Wiring) -> str:
    """Return the nodes, indented, each with what stands for it here."""
    meaning = {cpu.node.path: f"core {cpu.core}" for cpu in wiring.cpus}
    meaning |= {cpu.intc.path: f"lines of {cpu.core}" for cpu in wiring.cpus if cpu.intc is not None}
    if wiring.shared_intc is not None:
        meaning[wiring.shared_intc.path] = "lines of every core"
    for block in wiring.blocks:
        meaning[block.node.path] = block.title + ("" if block.model else " (not modelled)")
    lines = []
    for node in tree.nodes():
        depth = node.path.count("/") if node.path != "/" else 0
        compatible = ", ".join(node.strings("compatible")) if node.has("compatible") else ""
        what = meaning.get(node.path, "") if node.enabled else "disabled"
        lines.append(("  " * depth + (node.name or "/"), compatible, what, str(node.place)))
    return _table(("node", "compatible", "stands for", "place"), lines)


def _map(wiring: Wiring) -> str:
    """Return the blocks by address; a block in a cluster's window is seen there by that cluster's cores."""
    from kvx_emu.machine.windows import STRIDE

    lines = []
    for block in sorted(wiring.blocks, key=lambda block: (block.start, block.size)):
        local = "" if block.cluster is None else f"{block.start % STRIDE:#x}"
        lines.append(
            (
                f"{block.start:#x}",
                f"{block.start + block.size - 1:#x}",
                local,
                "" if block.cluster is None else str(block.cluster),
                block.title,
                block.node.path,
                "yes" if block.model else "no",
            )
        )
    return _table(("first", "last", "local", "cluster", "block", "node", "modelled"), lines)


def _drawn(wiring: Wiring, profile: str, kind: str) -> str:
    """Return the interrupt tree as a graph for Graphviz or as a drawing."""
    from kvx_emu.machine.drawing import dot, graph_of, svg
    from kvx_emu.machine.machine import Machine

    graph = graph_of(Machine(wiring, profile))
    return svg(graph) if kind == "svg" else dot(graph)


def _all_wiring(wiring: Wiring, profile: str) -> str:
    """Return the outputs of the IPI controllers, then all wires of the interrupt tree."""
    from kvx_emu.machine.drawing import graph_of
    from kvx_emu.machine.machine import Machine

    lines = [
        (edge.source, label, edge.target, str(edge.place or "") if number == 0 else "")
        for edge in graph_of(Machine(wiring, profile)).edges
        for number, label in enumerate(edge.labels)
    ]
    return f"{_wiring(wiring)}\n\n{_table(('from', 'wires', 'to', 'place'), lines)}"


def _wiring(wiring: Wiring) -> str:
    """Return each output of each IPI controller, the cores it reaches and those the tree names."""
    from kvx_emu.core_id import core_names
    from kvx_emu.models.ipi_ctrl import FIRST_LINE

    lines = []
    for ipi in wiring.ipis:
        model = ipi.block.model
        assert model is not None
        cores = [cpu.core for cpu in wiring.cpus if cpu.core.cluster == ipi.cluster]
        wired = [core for core in cores if model.outputs >> core.pid & 1]  # type: ignore[attr-defined]
        for _, index in model.INTERRUPT.places():  # type: ignore[attr-defined]
            line = FIRST_LINE + index
            named = [wire.core for wire in ipi.wires if wire.line == line]
            register = model.INTERRUPT.label(index)  # type: ignore[attr-defined]
            lines.append(
                (ipi.block.node.path, register, str(line), core_names(wired) or "-", core_names(named) or "-")
            )
    return _table(("controller", "register", "line", "reaches", "named by the tree"), lines)


def _registers(wiring: Wiring) -> str:
    """Return the registers of each kind of block on the board, and those of a core."""
    from kvx_emu.models.core import Core

    parts = []
    seen = set()
    for block in wiring.blocks:
        if block.model is not None and block.model not in seen:
            seen.add(block.model)
            parts.append(
                f"{block.title} ({block.compatible}), offsets in bytes\n\n{_bank(block.model.registers)}"
            )
    sfrs = {sfr.register.offset: sfr.register for sfr in Core.sfrs().values()}
    parts.append(f"core, special function registers by number\n\n{_bank(sfrs[at] for at in sorted(sfrs))}")
    return "\n\n".join(parts)


def _bank(registers: Iterable[Register]) -> str:
    lines = []
    for register in registers:
        places = [offset for offset, _ in register.places()]
        where = f"{places[0]:#x}" if len(places) == 1 else f"{places[0]:#x}..{places[-1]:#x}"
        counts = [count for count in (register.groups, register.count) if count is not None]
        name = register.name + "".join(f"[{count}]" for count in counts)
        fields = " ".join(
            f"{field.name}[{field.lsb + field.width - 1}:{field.lsb}]"
            if field.width > 1
            else f"{field.name}[{field.lsb}]"
            for field in register.fields.values()
        )
        about = register.doc + (f"; {fields}" if fields else "")
        lines.append(
            (where, name, str(register.width), register.access, f"{register.reset:#x}", about, register.src)
        )
    return _table(("at", "register", "bits", "access", "reset", "meaning", "source"), lines)
