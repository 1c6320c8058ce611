"""Opening the inputs that a command line names."""

from __future__ import annotations

import os
import stat
import sys

from kvx_emu.errors import UsageError

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe; use - for standard input",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_input(path: str, limit: int) -> bytes:
    """Return the bytes of the regular file `path`, or of standard input for `-`.

    At most `limit` + 1 bytes are read, so that a caller sees by the length that the limit was passed
    and an endless input does no harm. Raises UsageError where the file can not be opened or read.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                raise UsageError("can not read standard input: it is closed")
            return sys.stdin.buffer.read(limit + 1)
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "of an unknown kind")
            raise UsageError(f"can not read {path}: not a regular file: it is {kind}")
        with open(path, "rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        name = "standard input" if path == "-" else path
        raise UsageError(f"can not read {name}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the name, or a closed standard input
        raise UsageError(f"can not read {path!r}: {error}") from None
