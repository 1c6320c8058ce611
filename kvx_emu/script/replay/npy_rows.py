"""Tables as structured arrays in numpy's own format."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from kvx_emu.errors import Place
from kvx_emu.script.replay.columns import CHUNK, Columns, refused_type
from kvx_emu.script.replay.rows import WRITER, Rows, check_columns
from kvx_emu.script.report import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from kvx_emu.script.replay.columns import Cells, Names
    from kvx_emu.script.replay.rows import Teller, Writers

LONGEST_ROW = 4096
"""Bytes: four columns and their padding take far less."""

_INTEGERS, _TEXTS = "iu", "SU"  # kinds of numpy's types
_SPOKEN = {"O": "Python objects", "f": "floats", "b": "truth values", "c": "complex numbers"}


def read_npy(stream: BinaryIO, path: str, writers: Writers, teller: Teller) -> Iterator[Rows]:
    """Yield the rows of a structured array.

    The fields tick, addr and value are integers of any width and byte order; `from` is one too, namely
    cluster << 8 | pid, or a text with the name of a core. Nothing is ever unpickled.
    """
    try:
        count, dtype = _header(stream)
    except ValueError as error:
        message = f"found {error}; expected a structured array of one dimension in a .npy file"
        teller.error_at(Place(path), "script-table", message)
        return
    names = dtype.names or ()
    if not check_columns(names, lambda _: Place(path), teller):
        return
    wrong = [refused_type(name, _spoken(dtype[name])) for name in names if not _is_fine(name, dtype[name])]
    for message in wrong:
        teller.error_at(Place(path), "script-table", message)
    columns = Columns(path, writers, teller)
    for first in range(0, 0 if wrong else count, CHUNK):
        wanted = min(CHUNK, count - first)
        data = stream.read(wanted * dtype.itemsize)
        if len(data) < wanted * dtype.itemsize:
            there = first + len(data) // dtype.itemsize
            message = f"found {there} rows; expected {count}, as its header says: the file is cut short"
            teller.error_at(Place(path), "script-table", message)
            return
        part = np.frombuffer(data, dtype)
        numbers = {name: part[name] for name in names if dtype[name].kind in _INTEGERS}
        yield from columns.rows(numbers, _names(part) if len(numbers) < len(names) else None, {})


def _header(stream: BinaryIO) -> tuple[int, np.dtype[Any]]:
    """Return the number of rows that follow and their type; raises ValueError saying what was found."""
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that old versions of Python and numpy wrote
            shape, _, dtype = read(stream)
    except OSError:
        raise
    except Exception:
        # numpy evaluates the header as a literal, which can fail in any way and with any words.
        raise ValueError("no header of a .npy file of version 1.0 or 2.0") from None
    if dtype.names is None or len(shape) != 1 or shape[0] < 0:
        raise ValueError(f"an array of shape {quote(str(shape))} and type {quote(str(dtype))}")
    if dtype.itemsize > LONGEST_ROW:
        raise ValueError(f"rows of {dtype.itemsize} bytes, more than {LONGEST_ROW}")
    return shape[0], dtype


def _is_fine(name: str, dtype: np.dtype[Any]) -> bool:
    return dtype.kind in _INTEGERS or (name == WRITER and dtype.kind in _TEXTS)


def _spoken(dtype: np.dtype[Any]) -> str:
    return _SPOKEN.get(dtype.kind) or f"the type {quote(str(dtype))}"


def _names(part: Cells) -> Names:
    """Return the distinct writers of a part of an array, and the index of each row's among them."""
    distinct, index = np.unique(part[WRITER], return_inverse=True)
    return [_text(name) for name in distinct.tolist()], index


def _text(name: str | bytes) -> str:
    return name.decode("ascii", errors="replace") if isinstance(name, bytes) else name
