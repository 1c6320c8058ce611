"""The documents build without a warning, as web pages and as man pages, with pictures that kvx-emu makes."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import pytest
from command import ROOT

from kvx_emu.check.codes import CODES
from kvx_emu.cli.main import COMMANDS

DOCS = ROOT / "docs"

needs_sphinx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sphinx", "sphinx_click", "myst_parser")),
    reason="no Sphinx with sphinx-click and MyST here: pip install '.[docs]'",
)


def built(builder, out, source=DOCS):
    """Return the status and the messages of a build in which a warning is an error."""
    options = ["-W", "--keep-going", "-q", "-d", out / "trees", "-b", builder]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *map(str, [*options, source, out / builder])],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The documents of the repository as web pages."""
    out = tmp_path_factory.mktemp("docs")
    assert built("html", out) == (0, "")
    return out / "html"


@needs_sphinx
def test_every_document_is_a_page_and_in_a_table_of_contents(pages):
    # That none is left out of the tables is what Sphinx warns of.
    sources = {
        path.relative_to(DOCS).with_suffix("")
        for path in DOCS.rglob("[!_]*")
        if path.suffix in {".md", ".rst"}
    }
    assert {path.relative_to(pages).with_suffix("") for path in pages.rglob("*.html")} >= sources
    assert sources


@needs_sphinx
def test_every_picture_of_the_pages_is_there(pages):
    shown = {
        (page.parent / name).resolve()
        for page in pages.rglob("*.html")
        for name in re.findall(r'(?:<img[^>]* src|href)="([^":]+\.svg)"', page.read_text())
    }
    assert len(shown) > 2
    assert [str(path) for path in shown if not path.read_text().startswith("<")] == []


@needs_sphinx
def test_the_page_of_codes_has_each_code_with_a_wrong_and_a_right_fragment(pages):
    text = (pages / "codes.html").read_text()
    assert [name for name in CODES if f'<section id="{name}">' not in text] == []
    assert text.count("<p>Wrong (") == text.count("<p>Right (") == len(CODES)


@needs_sphinx
def test_the_page_of_registers_has_the_mask_of_the_ipi_controller(pages):
    row = re.search(
        r'<td><p><code[^>]*><span class="pre">MASK\[8\]</span>.*?</tr>',
        (pages / "registers.html").read_text(),
        re.DOTALL,
    )
    assert row is not None
    assert "this set does not reach the core" in row[0]


@needs_sphinx
def test_every_command_has_a_man_page(tmp_path):
    assert built("man", tmp_path) == (0, "")
    names = {path.name for path in (tmp_path / "man").glob("*.1")}
    assert names == {"kvx-emu.1"} | {f"kvx-emu-{name}.1" for name in COMMANDS}
    page = (tmp_path / "man" / "kvx-emu-check.1").read_text()
    assert r"kvx-emu-check \- tell what is wrong with a board and a script" in page
    assert r"\-\-format" in page
    assert "\nkvx\\-emu check board.dts" in page


@needs_sphinx
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# A page\n\nSee [this](nowhere.md).\n", "nowhere.md"),
        (
            "# A page\n\n```{picture} A board\nkvx-emu show nothing.dts wiring > a.svg\n```\n",
            "nothing.dts",
        ),
    ],
)
def test_what_is_wrong_with_a_page_fails_the_build(text, told, tmp_path):
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("conf.py", "_ext", "_static", "commands"):
        copy = shutil.copytree if (DOCS / name).is_dir() else shutil.copy
        copy(DOCS / name, source / name)
    (source / "index.md").write_text(f"{text}\n```{{toctree}}\ncommands/index\n```\n")
    status, said = built("html", tmp_path, source)
    assert status == 1
    assert "docs/index.md:3: " in said
    assert told in said


def test_every_file_that_a_page_shows_is_as_it_is_shown():
    pages = [DOCS / "tutorial.md", *(DOCS / "howto").glob("*.md")]
    shown = {
        name: block
        for page in pages
        for block, name in re.findall(
            r"^```\w+\n((?://|#) (docs/\S+)\n.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
        )
    }
    assert set(shown) >= {f"docs/tutorial/{name}" for name in os.listdir(DOCS / "tutorial")}
    assert [name for name, block in shown.items() if (ROOT / name).read_text() != block] == []
