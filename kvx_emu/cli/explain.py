"""`kvx-emu explain`: what a register write does, through which nodes of the tree, and why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import BOARD, SCRIPT, params_option, profile_option, read_both, read_machine
from kvx_emu.cli.trees import tree_options
from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from kvx_emu.cli.trees import Reading
    from kvx_emu.core_id import CoreId
    from kvx_emu.machine.machine import Machine

EPILOG = """\b
Examples:
  kvx-emu explain board.dts 0xad0000 0x6              an interrupt to pe1 and pe2
  kvx-emu explain board.dts 0xa00a00 0x8 --from pe3   a message to mailbox 5
  kvx-emu explain board.dts gic+0x3805 1              GIC input 5 to line 6 of pe3, by a label of the tree
  kvx-emu explain board.dts 0xa00a00 8 --script setup.yaml --format json
"""

LARGEST = (1 << 64) - 1

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def _number(text: str, what: str) -> int:
    """Return a number, decimal or hexadecimal with 0x, of 64 bits at most."""
    if not _NUMBER.fullmatch(text) or len(text) > len("0x") + 64:
        raise click.BadParameter(f"{what}: found {text!r}; expected a number, decimal or with 0x")
    value = int(text, 16) if text[:2].lower() == "0x" else int(text, 10)
    if value > LARGEST:
        raise click.BadParameter(f"{what}: found {text!r}; expected at most {LARGEST:#x}")
    return value


@click.command(
    "explain",
    epilog=EPILOG + BOARD.epilog() + SCRIPT.epilog(),
    short_help="Tell what a register write does, and why.",
)
@click.argument("board", type=BOARD)
@click.argument("addr", metavar="ADDR")
@click.argument("value", metavar="VALUE")
@click.option(
    "--size",
    type=click.Choice(["1", "2", "4", "8"]),
    help="Bytes of the write (default: as many as the register has).",
)
@click.option("--from", "writer", metavar="CORE", help="Who writes (default: pe0, or the first core).")
@click.option(
    "--script",
    metavar="SCRIPT",
    type=SCRIPT,
    help="Write after this script, not in the state after reset; what it expects does not matter.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, LARGEST),
    help="For the random steps of the script without a seed of their own (default: 0).",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines to read, or a JSON object.",
)
@profile_option
@params_option
@tree_options
def command(
    *,
    board: str,
    addr: str,
    value: str,
    size: str | None,
    writer: str | None,
    script: str | None,
    seed: int | None,
    kind: str,
    profile: str,
    params: dict[str, int],
    reading: Reading,
) -> None:
    """Tell what a write of VALUE to ADDR does on the machine that BOARD describes.

    Told are the register, each node of the tree that the interrupt passes, the cores and lines that it
    reaches, what these do, and where it does nothing why. All cores run, in the state after reset. ADDR is
    an address as the writing core sees it, or a label, path or name of a node, with +OFFSET.
    """
    number = _number(value, "VALUE")
    node, offset = _address(addr)
    if script is None:
        machine, _ = read_machine(board, profile, reading)
    else:
        machine = _after(board, script, profile, params, seed, reading)
    core = _writer(writer, machine)
    from kvx_emu.machine.explain import explain

    try:
        address = offset if node is None else _start(node, machine) + offset
        told = explain(machine, core, address, number, None if size is None else int(size))
    except ValueError as error:
        raise UsageError(str(error)) from None
    if kind == "json":
        import json

        click.echo(json.dumps(told.record(), indent=2))
    else:
        click.echo(told.text(), nl=False)


def _address(text: str) -> tuple[str | None, int]:
    """Return the node that ADDR names, if it does, and the address or the offset."""
    if text[:1].isdecimal():
        return None, _number(text, "ADDR")
    node, plus, offset = text.partition("+")
    if not node:
        raise click.BadParameter(f"ADDR: found {text!r}; expected an address, or a node with +OFFSET")
    return node, _number(offset, "ADDR") if plus else 0


def _start(name: str, machine: Machine) -> int:
    """Return the address, as all see it, of the registers of a node; ValueError if it has none."""
    from kvx_emu.machine.inputs import find_node

    node = find_node(machine.tree, name)
    blocks = [block for block in machine.wiring.blocks if block.node is node]
    if not blocks:
        raise ValueError(f"{node.path} has no registers (reg) that can be written")
    return blocks[0].start


def _after(
    board: str, script: str, profile: str, params: dict[str, int], seed: int | None, reading: Reading
) -> Machine:
    """Return a machine as a script leaves it."""
    from kvx_emu.engine.reference import Reference

    machine, program, _ = read_both(board, script, profile=profile, params=params, seed=seed, reading=reading)
    Reference(machine, program).run()
    return machine


def _writer(name: str | None, machine: Machine) -> CoreId:
    """Return the core that a name means, or without one the first of the board."""
    if name is None:
        return machine.cores[0]
    from kvx_emu.script.names import Cores, parse_core

    try:
        core = parse_core(name)
        if not core.single:
            raise ValueError(f"found {name!r}; expected one core")
        return Cores(machine.cores).resolve(core)[0]
    except ValueError as error:
        raise UsageError(f"--from: {error}") from None
