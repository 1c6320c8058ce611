"""What kvx-emu itself makes of the documents: pictures, and the reference of codes and of registers."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from kvx_emu.outputs import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from click import Context
    from sphinx.application import Sphinx

    from kvx_emu.hw.register import Register

DOCS = Path(__file__).resolve().parents[1]
PICTURES = "_pictures"

_LANGUAGES = {"tree": "dts", "file": "dts", "overlay": "dts", "script": "yaml", "plain": "yaml"}
"""By what a fragment of an explanation is; others are text."""


class Picture(SphinxDirective):
    """A command of kvx-emu that draws a picture, run in the repository's root, and the picture.

    The argument is what the picture shows. The one word of the command that ends in `.svg` names it.
    """

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Draw the picture, and return the command, the picture and what it shows."""
        shown = " ".join(self.content)
        name = next(word for word in shlex.split(shown) if word.endswith(".svg"))
        (DOCS / PICTURES).mkdir(exist_ok=True)
        failed = draw(shown, name, DOCS / PICTURES / name)
        if failed:
            raise self.error(f"{shown}: {failed}")
        command = nodes.literal_block(f"$ {shown}", f"$ {shown}", language="console")
        picture = nodes.image(uri=f"/{PICTURES}/{name}", alt=self.arguments[0])
        # A picture that is wider than the page can be opened by itself.
        link = nodes.reference("", "", picture, refuri=f"{'../' * self.env.docname.count('/')}_images/{name}")
        caption = nodes.caption(self.arguments[0], self.arguments[0])
        return [command, nodes.figure("", link, caption)]


def draw(shown: str, name: str, target: Path) -> str:
    """Run the command `shown`, with `target` in the place of `name`; return what went wrong, or nothing."""
    words = [str(target) if word == name else word for word in shlex.split(shown)]
    arguments = [sys.executable, "-m", "kvx_emu", *words[1:]]
    printed = arguments[-2] == ">"
    done = subprocess.run(  # noqa: S603  (what the documents themselves say)
        arguments[:-2] if printed else arguments,
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 1}:  # with 1 an expectation failed, and the picture may be there to show it
        return f"status {done.returncode}: {done.stderr or done.stdout}"
    if printed:
        file = AtomicFile(str(target))  # as --trace writes it: another build may be reading the old one
        file.write(done.stdout)
        file.close()
    return ""


class Made(SphinxDirective):
    """Markdown that is made anew each time: the argument says of what."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the codes of findings, or the registers."""
        made = {"codes": codes, "registers": registers}
        lines = made[directives.choice(self.arguments[0], list(made))]()
        parent = nodes.section()
        self.state.nested_parse(
            StringList(list(lines), source=self.arguments[0]), 0, parent, match_titles=True
        )
        return parent.children


def codes() -> Iterator[str]:
    """Yield Markdown: each code of a finding, what it means, a wrong and a right fragment."""
    from kvx_emu.check.codes import CODES
    from kvx_emu.check.explained import EXAMPLE_BOARD, EXAMPLE_SCRIPT, EXPLAINED, WHERE

    for name in sorted(CODES):
        code, explained = CODES[name], EXPLAINED[name]
        yield from (
            f"## {name}",
            "",
            f"*{', '.join(code.severities)}:* {code.meaning}.",
            "",
            explained.text,
            "",
        )
        for title, fragment in (("Wrong", explained.wrong), ("Right", explained.right)):
            yield from (f"{title} ({WHERE[explained.kind]}):", "")
            yield from _fenced(fragment, _LANGUAGES.get(explained.kind, "text"))
    yield from ("## The example board", "", "A fragment of a tree stands after this source:", "")
    yield from _fenced(EXAMPLE_BOARD, "dts")
    yield from ("A fragment of a script stands after:", "")
    yield from _fenced(EXAMPLE_SCRIPT, "yaml")


def registers() -> Iterator[str]:
    """Yield Markdown: a table of the registers of each kind of block, and of a core."""
    import kvx_emu.models  # noqa: F401  (they register themselves)
    from kvx_emu.hw.registry import find, known
    from kvx_emu.models.core import Core

    kinds: dict[Any, list[str]] = {}
    for compatible in known():
        _, kind = find([compatible])
        kinds.setdefault(kind, []).append(f"`{compatible}`")
    del kinds[Core]  # below
    for kind, compatibles in sorted(kinds.items(), key=lambda item: item[0].title):
        title = kind.title.removeprefix("the ")
        yield from (
            f"## {title[0].upper()}{title[1:]}",
            "",
            f"{', '.join(compatibles)}; offsets in bytes",
            "",
        )
        yield from _table(kind.registers, "offset")
    sfrs = {sfr.register.offset: sfr.register for sfr in Core.sfrs().values()}
    yield from ("## Core", "", "The special function registers, by number.", "")
    yield from _table(sfrs.values(), "number")


def _table(bank: Iterable[Register], at: str) -> Iterator[str]:
    yield f"| {at} | register | bits | access | reset | meaning | source |"
    yield "|---|---|---|---|---|---|---|"
    for register in sorted(bank, key=lambda register: register.offset):
        places = [place for place, _ in register.places()]
        where = f"{places[0]:#x}" if len(places) == 1 else f"{places[0]:#x} to {places[-1]:#x}"
        name = register.name + "".join(f"[{count}]" for count in (register.groups, register.count) if count)
        fields = ", ".join(
            f"`{field.name}` {field.lsb}" + (f"-{field.lsb + field.width - 1}" if field.width > 1 else "")
            for field in register.fields.values()
        )
        meaning = register.doc + (f" ({fields})" if fields else "")
        cells = (
            where,
            f"`{name}`",
            register.width,
            register.access,
            f"{register.reset:#x}",
            meaning,
            register.src,
        )
        yield f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |"
    yield ""


def _plain(text: str) -> str:
    """Return text that may name `code` as Markdown that means nothing else."""
    return re.sub(
        r"`[^`]*`|[*_<\[\\]", lambda found: found[0] if found[0][0] == "`" else f"\\{found[0]}", text
    )


def _fenced(text: str, language: str) -> Iterator[str]:
    # Wrong fragments are wrong for the lexer, too.
    yield from (f"```{{code-block}} {language}", ":force:", "", *text.strip("\n").split("\n"), "```", "")


def keep_examples(_app: Sphinx, _context: Context, lines: list[str]) -> None:
    """Show the examples of a command as they stand, where sphinx-click has lines of a paragraph."""
    shown: list[str] = []
    for line in [line.removeprefix("| ") for line in lines]:
        example, within = line.startswith("  "), bool(shown) and shown[-1].startswith("    ")
        if example and not within:
            shown += ["", "::", ""]
        elif within and not example:
            shown.append("")
        shown.append(f"  {line}" if example else line)
    lines[:] = shown


def keep_brackets(_app: Sphinx, _context: Context, lines: list[str]) -> None:
    """Give back the bracket that sphinx-click takes off `NAME[=VALUE]`."""
    lines[:] = [line.replace("[=VALUE>", "[=VALUE]>") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives `picture` and `made`."""
    app.add_directive("picture", Picture)
    app.add_directive("made", Made)
    app.connect("sphinx-click-process-epilog", keep_examples)
    app.connect("sphinx-click-process-options", keep_brackets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
