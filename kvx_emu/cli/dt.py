"""`kvx-emu dt`: work on device trees, without a machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kvx_emu.cli.inputs import FILE, refuse_overwriting
from kvx_emu.cli.tell import tell
from kvx_emu.cli.trees import Reading, refuse_stdin_twice, source_options
from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvx_emu.dt.tree import Node, Tree

FORMATS = ("dts", "dtb", "yaml", "json")  # as in kvx_emu.dt.formats, which need not be imported for --help
DIFFERENT = 1

EPILOG = """\b
Examples:
  kvx-emu dt convert board.dts board.dtb
  kvx-emu dt diff board.dts board.dtb
  kvx-emu dt get board.dts /cpus '#address-cells'
  kvx-emu dt overlay board.dts fix.dtso -o fixed.dtb
"""

from_option = click.option(
    "--from",
    "from_",
    type=click.Choice(FORMATS),
    help="The form of the input, where its suffix does not tell. Source and blob are told apart by content.",
)
to_option = click.option(
    "--to", type=click.Choice(FORMATS), help="The form of the output, where its suffix does not tell."
)


@click.group("dt", epilog=EPILOG, short_help="Convert, compare, query and overlay device trees.")
def command() -> None:
    """Work on device trees: source (.dts, .dtso), blobs (.dtb, .dtbo), and the same as YAML or JSON.

    - is standard input or output.
    """


CONVERT = """\b
Examples:
  kvx-emu dt convert board.dts board.dtb -I include -D LINES=2
  kvx-emu dt convert board.dtb board.yaml
  kvx-emu dt convert -@ base.dts base.dtb         keeps the labels for overlays
  kvx-emu dt convert board.dtb - --to dts | less
"""


@command.command(epilog=CONVERT)
@click.argument("source", metavar="IN", type=FILE)
@click.argument("out", metavar="OUT", type=FILE)
@from_option
@to_option
@click.option(
    "-@", "--symbols", is_flag=True, help="Add the paths of all labels (__symbols__), for overlays."
)
@source_options
def convert(
    *, source: str, out: str, from_: str | None, to: str | None, symbols: bool, reading: Reading
) -> None:
    """Write the tree in IN to OUT in another form, which the suffixes tell: .dts, .dtb, .yaml or .json."""
    form = _out_form(out, to, [source])
    tree = _read(source, reading, from_, symbols=symbols)
    if symbols and tree.draft.origin is None:
        raise UsageError(f"-@ is for source: {tree.source} tells no labels that were left out")
    _write(tree, out, form)


DIFF = """\b
Examples:
  kvx-emu dt diff board.dts board.dtb
  kvx-emu dt diff --exact old.dtb new.dtb
"""


@command.command(epilog=DIFF)
@click.argument("first", metavar="A", type=FILE)
@click.argument("second", metavar="B", type=FILE)
@click.option("--exact", is_flag=True, help="Compare phandles by their numbers.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing: the exit status tells.")
@from_option
@source_options
def diff(*, first: str, second: str, exact: bool, quiet: bool, from_: str | None, reading: Reading) -> int:
    """Tell how the trees A and B differ in meaning; exit with 1 if they do.

    The order of nodes and properties means nothing. Phandles are compared by what they point to, so that
    trees which differ in the numbers alone are equal. - is what A has, + what B has.
    """
    from kvx_emu.dt.diff import diff as differences
    from kvx_emu.dt.formats import format_of

    refuse_stdin_twice(first, second)
    trees = [_read(path, reading, format_of(path) or from_) for path in (first, second)]
    found = differences(*trees, exact=exact)
    if not quiet:
        for difference in found:
            click.echo(str(difference))
    return DIFFERENT if found else 0


GET = """\b
Examples:
  kvx-emu dt get board.dts /cpus                        the node and all below it, as source
  kvx-emu dt get board.dts /cpus/cpu@0 compatible
  kvx-emu dt get board.dts '&ipi' reg --format cells
  kvx-emu dt get board.dts serial0 status --format strings
"""


@command.command(epilog=GET)
@click.argument("tree", type=FILE)
@click.argument("node")
@click.argument("name", metavar="[PROPERTY]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["dts", "cells", "strings", "hex", "raw"]),
    default="dts",
    show_default=True,
    help="A value as in source; its cells; its strings, one a line; or its bytes.",
)
@from_option
@source_options
def get(*, tree: str, node: str, name: str | None, form: str, from_: str | None, reading: Reading) -> None:
    """Print a node of TREE, or the value of a PROPERTY of it.

    NODE is a path (/cpus), a label with & (&ipi), or an alias (serial0), with a path below it if need be.
    """
    found = _find(_read(tree, reading, from_), node)
    if name is None:
        if form != "dts":
            raise UsageError(f"--format {form} is for a property: name one of {found.path}")
        from kvx_emu.dt.writer import node_lines

        _print("".join(f"{line}\n" for line in node_lines(found)).encode("utf-8", "surrogateescape"))
        return
    if not found.has(name):
        raise UsageError(f"{found.path} has no property '{name}'{_near(name, found.properties)}")
    _print(_value(found, name, form))


OVERLAY = """\b
Examples:
  kvx-emu dt overlay base.dtb fix.dtbo -o fixed.dtb
  kvx-emu dt overlay base.dts first.dtso second.dtbo -o - --to dts
"""


@command.command(epilog=OVERLAY)
@click.argument("base", type=FILE)
@click.argument("fixes", metavar="OVERLAY...", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", "out", metavar="OUT", type=FILE, required=True, help="Where the result goes.")
@to_option
@click.option("-@", "--symbols", is_flag=True, help="Keep the labels of source for further overlays.")
@source_options
def overlay(
    *, base: str, fixes: tuple[str, ...], out: str, to: str | None, symbols: bool, reading: Reading
) -> None:
    """Apply one OVERLAY after the other (.dtso or .dtbo) to BASE and write the result.

    BASE is source, or a blob that was compiled with its labels (-@).
    """
    from kvx_emu.dt.overlay import apply_overlay

    refuse_stdin_twice(base, *fixes)
    form = _out_form(out, to, [base, *fixes])
    tree = _read(base, reading, symbols=symbols, plugin=False)
    for path in fixes:
        tree = apply_overlay(tree, _read(path, reading, symbols=symbols))
    _write(tree, out, form)


def _out_form(out: str, to: str | None, inputs: list[str]) -> str:
    """Return the form to write, before anything is read; refuse to write over an input."""
    from kvx_emu.dt.formats import format_of

    if out != "-":
        refuse_overwriting([out], inputs)
    form = to or format_of(out)
    if form is None:
        what = "standard output has no suffix" if out == "-" else f"{out}: the suffix tells no form"
        raise UsageError(f"{what}; expected --to {', '.join(FORMATS)}")
    return form


def _read(
    path: str,
    reading: Reading,
    from_: str | None = None,
    *,
    symbols: bool = False,
    plugin: bool = True,
) -> Tree:
    """Read a tree of any form."""
    from kvx_emu.dt.formats import format_of, read_data

    form = from_ or format_of(path)
    if form in ("yaml", "json"):
        return read_data(path, is_json=form == "json")
    tree = reading.tree(path, plugin=plugin, symbols=symbols)
    for warning in tree.warnings:
        tell(str(warning))
    return tree


def _write(tree: Tree, out: str, form: str) -> None:
    from kvx_emu.dt.formats import write_tree
    from kvx_emu.outputs import AtomicFile

    data = write_tree(tree, form)
    if out == "-":
        _print(data)
        return
    file = AtomicFile(out)
    try:
        file.write_bytes(data)
        file.close()
    finally:
        file.abandon()


def _print(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _find(tree: Tree, name: str) -> Node:
    """Return the node that a path, a label or an alias names."""
    start, slash, rest = name.partition("/")
    if not start:
        path = name
    elif start.startswith("&"):
        labelled = tree.by_label.get(start[1:]) or _symbol(tree, start[1:])
        if labelled is None:
            raise UsageError(f"{tree.source} has no label '{start[1:]}'{_near(start[1:], tree.by_label)}")
        path = labelled.path.rstrip("/") + slash + rest
    else:
        aliases = tree.node("/aliases")
        value = None if aliases is None else aliases.raw(start)
        if value is None:
            near = _near(start, () if aliases is None else aliases.properties)
            raise UsageError(
                f"{tree.source} has no alias '{start}'{near}; a path starts with '/', a label with '&'"
            )
        path = value.partition(b"\0")[0].decode("latin-1") + slash + rest
    node = tree.node(path)
    if node is None:
        raise UsageError(
            f"{tree.source} has no node {path}{_near(path, [each.path for each in tree.nodes()])}"
        )
    return node


def _symbol(tree: Tree, label: str) -> Node | None:
    """Return the node that a blob's `__symbols__` have for a label."""
    symbols = tree.node("/__symbols__")
    value = None if symbols is None else symbols.raw(label)
    return None if value is None else tree.node(value.partition(b"\0")[0].decode("latin-1"))


def _near(word: str, known: Iterable[str]) -> str:
    """Return a question with the known word that is nearest to one, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known)[:2000], n=1)
    return f"; did you mean '{found[0]}'?" if found else ""


def _value(node: Node, name: str, form: str) -> bytes:
    raw = node.raw(name) or b""
    if form == "raw":
        return raw
    if form == "hex":
        text = raw.hex()
    elif form == "cells":
        text = " ".join(f"{cell:#x}" for cell in node.cells(name))
    elif form == "strings":
        text = "\n".join(node.strings(name))
    else:
        from kvx_emu.dt.writer import value_text

        text = value_text(node, name)
    return (text + "\n").encode("utf-8", "surrogateescape")
