"""Reading the bytes of a board file, and decoding the text of .dts source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu import files
from kvx_emu.errors import ERROR, Finding, InputError, Place, Source
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from kvx_emu.limits import Limits

MAGIC = b"\xd0\x0d\xfe\xed"  # how a blob starts (Devicetree Specification 5.2)


def read_input(path: str, limits: Limits = LIMITS) -> bytes:
    """Return the bytes of a board file, or of standard input for "-".

    Raises UsageError for what can not be opened or is no regular file, InputError for what is larger
    than the limit of its kind, blob or text.
    """
    data = files.read_input(path, max(limits.tree_blob, limits.tree_text))
    blob = data.startswith(MAGIC)
    limit = limits.tree_blob if blob else limits.tree_text
    if len(data) <= limit:
        return data
    kind = "blob" if blob else "source"
    message = f"the file is larger than the {limit} bytes that a device-tree {kind} may have"
    raise InputError([Finding(ERROR, "limit", message, Place(files.display_name(path)))])


def decode(data: bytes, path: str) -> Source:
    """Return the text of .dts source; `path` is what messages call it.

    A byte-order mark is dropped; bytes that are not UTF-8 pass through (surrogateescape), and NUL bytes
    within strings, as they do in dtc. Raises InputError for UTF-16.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = "the text is UTF-16; expected UTF-8"
        raise InputError([Finding(ERROR, "encoding", message, Place(path, 1, 1))])
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    source = Source(path, text)
    nul = text.find("\0", 0, 2)  # elsewhere it is the parser's to refuse
    if nul >= 0:
        message = "not a device tree: found a NUL byte: the text is UTF-16 or no text at all"
        message += "; expected .dts source in UTF-8, or a .dtb blob"
        # Nothing of the line is shown: it may be binary.
        raise InputError([Finding(ERROR, "encoding", message, source.place(nul)._replace(text=""))])
    return source
