"""`kvx-emu trace view`: a trace to scroll through, zoom into and search, in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from kvx_emu.view.rows import Rows


def view(path: str) -> None:
    """Show the trace in the file `path` until the user leaves.

    Raises UsageError if Textual is not installed, if this is no terminal, or for a file that can not be
    opened; InputError if it holds no trace.
    """
    try:
        import textual  # noqa: F401 - only whether it is there
    except ImportError:
        message = "textual is not installed; expected it: pip install 'kvx-emu[view]'"
        raise UsageError(message) from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("trace view needs a terminal; expected standard input and output to be one")
    rows, clock_hz = read(path)
    from kvx_emu.view.screen import Viewer

    Viewer(rows, path, clock_hz).run()


def read(path: str) -> tuple[Rows, int | None]:
    """Return the rows of a trace, and the rate of its clock in hertz if the file tells it."""
    from kvx_emu.trace.reading import read_trace
    from kvx_emu.view.rows import Rows

    with read_trace(path) as trace:
        return Rows(trace.chunks), None if trace.setting is None else trace.setting.clock_hz
