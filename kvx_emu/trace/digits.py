"""Numbers as decimal digits, many at a time.

Text stands in words of four bytes, the native unsigned 32-bit integers of the same memory, padded with
NULs: a row of a matrix of such words is a line once the NULs are dropped. Numbers are padded in front, so
that the NULs of a line are in few places, which makes dropping them faster.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

WORD = 4


def words(texts: Sequence[bytes]) -> NDArray[np.uint32]:
    """Return `texts`, at least one, as a matrix of words: a row each, as wide as the longest."""
    width = -(-max(map(len, texts)) // WORD)
    padded = b"".join([text.ljust(WORD * width, b"\0") for text in texts])
    return np.frombuffer(padded, np.uint32).reshape(len(texts), width)


def _table(texts: Iterable[bytes]) -> NDArray[np.uint32]:
    """Return a word for each of `texts`."""
    return np.frombuffer(b"".join([text.rjust(WORD, b"\0") for text in texts]), np.uint32)


def lines(parts: Sequence[NDArray[np.uint32]]) -> str:
    """Return the text of matrices of words side by side; those of one row stand in all rows.

    The padding is dropped, so no part may hold a NUL.
    """
    height, width = max(len(part) for part in parts), sum(part.shape[1] for part in parts)
    text = bytearray(WORD * height * width)
    matrix = np.frombuffer(text, np.uint32).reshape(height, width)
    at = 0
    for part in parts:
        end = at + part.shape[1]
        matrix[:, at:end] = part
        at = end
    return text.translate(None, b"\0").decode("ascii")


def digits(numbers: NDArray[np.uint64], after: bytes) -> list[NDArray[np.uint32]]:
    """Return the decimal digits of `numbers`, not empty, each number followed by the character `after`.

    There are as many matrices, each a word wide, as the greatest number needs.
    """
    columns: list[NDArray[np.uint32]] = []
    rest, base, table = numbers, 1000, _last_digits(after)
    least, most = int(numbers.min()), int(numbers.max())
    while True:
        least, most = least // base, most // base
        higher = rest // base
        index = rest - higher * base
        if not least:  # digits with none before them have no leading zeros: the table's second half
            index = np.where(higher, index, index + base)
        columns.append(table.take(index.astype(np.intp))[:, np.newaxis])
        if not most:
            return columns[::-1]
        rest, base, table = higher, 10_000, _upper_digits()


@cache
def _last_digits(after: bytes) -> NDArray[np.uint32]:
    """Return the words of 000 to 999 and of 0 to 999, each with `after` behind it."""
    padded, plain = ([form % number + after for number in range(1000)] for form in (b"%03d", b"%d"))
    return _table(padded + plain)


@cache
def _upper_digits() -> NDArray[np.uint32]:
    """Return the words of 0000 to 9999 and of 0 to 9999; that 0 stands before a number, so it is no digit."""
    padded, plain = ([form % number for number in range(10_000)] for form in (b"%04d", b"%d"))
    return _table([*padded, b"", *plain[1:]])
