"""Opening the inputs that a command line names."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from kvx_emu.errors import UsageError

if TYPE_CHECKING:
    from typing import BinaryIO

STDIN = "<stdin>"
"""What messages call the input named `-`."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def display_name(path: str) -> str:
    """Return what messages call the input `path`."""
    return STDIN if path == "-" else path


def wrong_kind(mode: int) -> str | None:
    """Return what a file of this mode (st_mode) is if it is no regular file, in words; else None."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "of an unknown kind")


def read_input(path: str, limit: int) -> bytes:
    """Return the bytes of the regular file `path`, or of standard input for `-`.

    At most `limit` + 1 bytes are read, so that a caller sees by the length that the limit was passed
    and an endless input does no harm. Raises UsageError where the file can not be opened or read.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                raise UsageError("cannot read standard input: it is closed")
            return sys.stdin.buffer.read(limit + 1)
        if stat.S_ISFIFO(os.stat(path).st_mode):
            hint = "it is a pipe; use - for standard input"
            raise UsageError(f"cannot read {path}: not a regular file: {hint}")
        with open_input(path) as stream:
            return stream.read(limit + 1)
    except OSError as error:
        name = "standard input" if path == "-" else path
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the name, or a closed standard input
        raise UsageError(f"cannot read {path!r}: {error}") from None


def open_input(path: str) -> BinaryIO:
    """Return the regular file `path`, opened; raises UsageError where it is none or can not be opened."""
    try:
        _refuse(path, os.stat(path).st_mode)  # opening a device may already do something
        # Opened without waiting, and looked at again: the name may meanwhile be another file's.
        stream = open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the name
        raise UsageError(f"cannot read {path!r}: {error}") from None
    try:
        _refuse(path, os.fstat(stream.fileno()).st_mode)
    except UsageError:
        stream.close()
        raise
    return stream


def _refuse(path: str, mode: int) -> None:
    """Raise UsageError if a file of this mode is no regular file."""
    kind = wrong_kind(mode)
    if kind is not None:
        raise UsageError(f"cannot read {path}: not a regular file: it is {kind}")
