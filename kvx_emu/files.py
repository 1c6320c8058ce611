"""Opening the inputs that a command line names."""

from __future__ import annotations

import os
import stat
import sys

from kvx_emu.errors import UsageError

STDIN = "<stdin>"
"""What messages call the input named `-`."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe; use - for standard input",
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
        kind = wrong_kind(os.stat(path).st_mode)
        if kind is not None:
            raise UsageError(f"cannot read {path}: not a regular file: it is {kind}")
        with open(path, "rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        name = "standard input" if path == "-" else path
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the name, or a closed standard input
        raise UsageError(f"cannot read {path!r}: {error}") from None
