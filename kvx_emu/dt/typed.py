"""What the bytes of a property most likely are: strings, cells or bare bytes.

A tree does not tell. A guess changes how a value is shown and never what it is: the parts give the same
bytes again.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from struct import pack, unpack
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Strings (each ends with a NUL), cells, or bytes.
Part: TypeAlias = list[str] | list[int] | bytes

# Properties that are cells by their definition, also when the bytes could be text (0x41424300 is "ABC").
_CELLS = re.compile(
    r"#.*-cells|(linux,)?phandle|reg|(dma-)?ranges|interrupts|interrupts-extended|interrupt-parent|interrupt-map"
    r"|clocks|.*-gpios?|(.*-)?frequency|target|msi-parent|power-controller"
)


def parts(name: str, data: bytes, offsets: Sequence[int] | None = None) -> list[Part]:
    """Return what `data`, the value of the property `name`, is made of; nothing for no bytes.

    `offsets` are the bytes where its elements start, if that is known: they tell strings from cells in a
    value that mixes them.
    """
    if not data:
        return []
    if len(data) % 4 == 0 and _CELLS.fullmatch(name):
        return [_cells(data)]
    texts = strings(data)
    if texts is not None:
        return [texts]
    if offsets is not None and len(offsets) > 1:
        mixed = list(_by_element(data, offsets))
        if any(isinstance(part, list) for part in mixed):
            return mixed
    return [_cells(data)] if len(data) % 4 == 0 else [data]


def strings(data: bytes) -> list[str] | None:
    """Return the texts of a value that reads as NUL-terminated strings, or None."""
    if data[-1:] != b"\0":
        return None
    try:
        texts = data[:-1].decode("utf-8").split("\0")
    except UnicodeDecodeError:
        return None
    # Zeros are more likely cells than empty strings, where they can be cells.
    if len(data) % 4 == 0 and "" in texts:
        return None
    readable = all(c.isprintable() or c in "\t\n\r" for text in texts for c in text)
    return texts if readable and (any(texts) or len(data) == 1) else None


def join(values: Iterable[Part]) -> bytes:
    """Return the bytes that parts stand for."""
    return b"".join(_bytes(part) for part in values)


def _bytes(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    return b"".join(
        item.encode("utf-8") + b"\0" if isinstance(item, str) else pack(">I", item) for item in part
    )


def _cells(data: bytes) -> list[int]:
    return list(unpack(f">{len(data) // 4}I", data))


def _by_element(data: bytes, offsets: Sequence[int]) -> Iterable[Part]:
    """Yield what each run of elements of one kind is."""
    elements = [data[start:end] for start, end in pairwise((*offsets, len(data)))]

    def kind(element: bytes) -> str:
        # A NUL alone is rather a byte than "", and four bytes are rather a cell than three letters.
        texts = strings(element) if len(element) not in (1, 4) else None
        if texts is not None and len(texts) == 1:
            return "string"
        return "bytes" if len(element) % 4 else "cells"

    for found, run in groupby(elements, kind):
        chunk = b"".join(run)
        if found == "string":
            yield chunk[:-1].decode("utf-8").split("\0")
        else:
            yield _cells(chunk) if found == "cells" else chunk
