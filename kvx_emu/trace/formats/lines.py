"""CSV and JSON Lines: a line a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.trace.sink import FileSink

if TYPE_CHECKING:
    from kvx_emu.trace.setting import Setting


def csv_sink(path: str, _setting: Setting) -> FileSink:
    """Return the sink of a CSV file."""
    return FileSink(path, "csv")


def jsonl_sink(path: str, _setting: Setting) -> FileSink:
    """Return the sink of a JSON Lines file."""
    return FileSink(path, "jsonl")
