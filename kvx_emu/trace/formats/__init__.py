"""The formats that a trace can be written in, by the suffix of the file; one file a format.

Each writer is a `Sink` made of a path and a `Setting`, imported when it is asked for. It holds a bounded
number of rows, and its file appears whole or not at all.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from kvx_emu.trace.setting import Setting
    from kvx_emu.trace.sink import Sink


class Format(NamedTuple):
    """A format: what it is for, in a few words, its writer, and the suffixes of what is written beside it."""

    what: str
    writer: str  # module:name of what makes the sink of (path, setting)
    beside: tuple[str, ...] = ()


_HERE = "kvx_emu.trace.formats"

FORMATS = {
    ".csv": Format("everyone", f"{_HERE}.lines:csv_sink"),
    ".jsonl": Format("jq", f"{_HERE}.lines:jsonl_sink"),
    ".parquet": Format("pandas, DuckDB, Polars", f"{_HERE}.parquet:ParquetSink"),
    ".vcd": Format("GTKWave, Surfer", f"{_HERE}.vcd:VcdSink", (".gtkw",)),
    ".dat": Format("trace-cmd, KernelShark", f"{_HERE}.tracecmd:TraceCmdSink"),
    ".ftrace": Format("trappy, LISA, Perfetto, grep", f"{_HERE}.ftrace:FtraceSink"),
    ".ctf": Format("babeltrace2, Trace Compass", f"{_HERE}.ctf:CtfSink"),
    ".json": Format("ui.perfetto.dev, chrome://tracing", f"{_HERE}.chrome:ChromeSink"),
    ".svg": Format("reviews, web pages", f"{_HERE}.svg:SvgSink"),
    ".wavedrom.json": Format("documentation", f"{_HERE}.wavedrom:WavedromSink"),
}
"""By suffix; of two that fit, the longer one counts."""


def suffix_of(path: str) -> str | None:
    """Return the suffix of `path` that names a format, None if there is none."""
    name = os.path.basename(path)
    fitting = [suffix for suffix in FORMATS if name.endswith(suffix) and name != suffix]
    return max(fitting, key=len, default=None)


def written(path: str) -> list[str]:
    """Return all files that are written for the trace `path`, itself first. Raises UsageError."""
    suffix = _known_suffix(path)
    return [path] + [path.removesuffix(suffix) + other for other in FORMATS[suffix].beside]


def open_sink(path: str, setting: Setting) -> Sink:
    """Return the sink that writes `path` in the format of its suffix; OutputError if it can not be opened.

    Raises UsageError for a suffix that is no format's, or one whose extra is not installed.
    """
    return writer(_known_suffix(path), path, setting)


def _known_suffix(path: str) -> str:
    suffix = suffix_of(path)
    if suffix is None:
        raise UsageError(f"{path}: the suffix says the format; known: {', '.join(FORMATS)}")
    return suffix


def writer(suffix: str, path: str, setting: Setting) -> Sink:
    """Return the sink that writes `path` in the format of `suffix`, whatever the path is called."""
    module, name = FORMATS[suffix].writer.split(":")
    sink: Sink = getattr(import_module(module), name)(path, setting)
    return sink
