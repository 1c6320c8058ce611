"""The documents as web pages and as man pages: `make docs`."""

import sys
from pathlib import Path

import click

from kvx_emu import __version__
from kvx_emu.cli.main import COMMANDS, cli

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "kvx-emu"
author = "the authors of kvx-emu"
copyright = author  # noqa: A001  (Sphinx's name); without a year, for the same sources give the same pages
version = release = __version__

extensions = ["myst_parser", "sphinx_click", "made_by_kvx_emu"]
exclude_patterns = ["_*"]
smartquotes = False  # an option has two dashes
myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4  # as deep as links to headings go

html_theme = "alabaster"  # Sphinx's own: nothing is fetched, by us or by the reader's browser
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_title = f"kvx-emu {release}"
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "description": "Interrupts of Kalray's Coolidge, as a device tree describes them",
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "font_size": "16px",
    "page_width": "1200px",
    "sidebar_width": "250px",
    "fixed_sidebar": True,
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
pygments_style = "sphinx"


def _does(name: str) -> str:
    """Return what a command does, as the list of commands has it, in the form of a man page's NAME."""
    command = cli.get_command(click.Context(cli), name)
    said = command.get_short_help_str(80).rstrip(".")
    return said[0].lower() + said[1:]


man_pages = [("commands/kvx-emu", "kvx-emu", "emulate the interrupts of Kalray's Coolidge", author, 1)] + [
    (f"commands/{name}", f"kvx-emu-{name}", _does(name), author, 1) for name in COMMANDS
]
