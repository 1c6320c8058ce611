"""Opening the inputs that a command line names."""

from __future__ import annotations

import sys

from kvx_emu.errors import UsageError


def read_input(path: str, limit: int) -> bytes:
    """Return the bytes of the file `path`, or of standard input for `-`.

    At most `limit` + 1 bytes are read, so that a caller sees by the length that the limit was passed
    and an endless input does no harm. Raises UsageError where the file can not be opened or read.
    """
    try:
        if path == "-":
            return sys.stdin.buffer.read(limit + 1)
        with open(path, "rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"can not read {path}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the name
        raise UsageError(f"can not read {path!r}: {error}") from None
