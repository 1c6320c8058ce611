"""Blobs with mistakes, for the fuzz of the reader: made of good ones, the same for the same numbers.

A mutant is a good blob whose parts (tokens, strings, reservations, header) were changed and put together
again, or whose bytes were changed whatever they mean, or both.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from random import Random
from struct import pack, unpack_from
from typing import NamedTuple

from kvx_emu.dt.load import read_tree

_ROOT = Path(__file__).resolve().parents[2]
BEGIN, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
_SMALL = 2500  # bytes; most mutants are of small blobs, where more of them can be tried


def word(data: bytes | bytearray, at: int) -> int:
    """Return the big-endian word at an offset."""
    value: int = unpack_from(">I", data, at)[0]
    return value


class Seed(NamedTuple):
    """A good blob and what it is made of."""

    data: bytes
    version: tuple[int, int, int]  # and the oldest compatible one, and the boot cpu
    reservations: bytes
    tokens: list[bytes]
    strings: bytes


def split(data: bytes) -> Seed:
    """Take a good blob apart."""
    _, total, structure, strings, reservations, version, compatible, boot, size = unpack_from(">9I", data)
    end = reservations
    while unpack_from(">2Q", data, end) != (0, 0):
        end += 16
    tokens: list[bytes] = []
    at = structure
    while not tokens or word(tokens[-1], 0) != END:
        start = at
        token = word(data, at)
        at += 4
        if token == BEGIN:
            at = data.index(0, at) + 1
        elif token == PROP:
            at += 8 + word(data, at)
        at = (at + 3) & ~3
        tokens.append(data[start:at])
    parts = (data[reservations : end + 16], tokens, data[strings : strings + size])
    return Seed(data[:total], (version, compatible, boot), *parts)


def assemble(
    version: tuple[int, int, int],
    reservations: bytes,
    structure: bytes,
    strings: bytes,
    order: tuple[int, ...] = (0, 1, 2),
    gap: int = 0,
) -> bytes:
    """Return a blob of parts, its header right; `order` is how reservations, structure and strings follow."""
    blocks = (reservations, structure, strings)
    starts = [0, 0, 0]
    body = b""
    for index in order:
        body += bytes(-len(body) % 8 + gap)
        starts[index] = 40 + len(body)
        body += blocks[index]
    offsets = (starts[1], starts[2], starts[0])
    sizes = (len(strings), len(structure))
    return pack(">10I", 0xD00DFEED, 40 + len(body), *offsets, *version, *sizes) + body


def sources(shared: Path) -> list[Seed]:
    """Return the good blobs: our boards as we write them, third parties' if they are there, and odd ones."""
    paths = sorted((_ROOT / "boards").glob("*.dts"))
    blobs = [read_tree(path.read_bytes(), str(path)).to_dtb() for path in paths]
    for pattern in ("boards/*.dtb", "dtc-tests/expected/*.dtb"):
        blobs += [path.read_bytes() for path in sorted(shared.glob(pattern))]
    text = (
        b"/dts-v1/; /memreserve/ 1 2; /memreserve/ 0x100000000 3; / { #address-cells = <1>;"
        b' l: a@1 { r = <&l 2>; s = "x", "y"; e; name = "a"; };'
        b" b { c { t = [01 02 03]; d { phandle = <7>; }; }; }; };"
    )
    blobs.append(read_tree(text, "text").to_dtb())
    tiny = split(blobs[-1])
    strings = tiny.strings
    for version, compatible in ((16, 16), (17, 17), (18, 16)):
        changed = (version, compatible, 1)
        blobs.append(assemble(changed, tiny.reservations, b"".join(tiny.tokens), strings, (2, 0, 1), 8))
    nops = b"".join(token + pack(">I", NOP) for token in tiny.tokens[:-2]) + b"".join(tiny.tokens[-2:])
    blobs.append(assemble((17, 16, 0), tiny.reservations, nops, strings))
    return [split(blob) for blob in blobs]


_NUMBERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 18, 36, 39, 40, 48, 56, 0xFF, 0x100, 0xFFFF, 0x1000000,
    0x2000000, 0x3000000, 0x4000000, 0x9000000, 0x7FFFFFFF, 0x80000000,
    0xFFFFFF00, 0xFFFFFFF4, 0xFFFFFFFC, 0xFFFFFFFF,
)  # fmt: skip
_TOKENS = (BEGIN, END_NODE, PROP, NOP, END)
_NAMES = (
    b"", b"a", b"a@1", b"b", b"name", b"a@1@2", b"n\xe9", b"$", b"abc", b"abcd", b"x" * 31, b"y" * 255,
    b"z" * 256, b"/",
)  # fmt: skip
_VERSIONS = (
    (17, 16), (17, 17), (16, 16), (18, 16), (99, 17), (18, 18), (16, 17), (15, 15), (3, 1), (1, 1), (0, 0),
    (17, 0), (0xFFFFFFFF, 0), (16, 0),
)  # fmt: skip


_ORDERS = tuple(permutations((0, 1, 2)))


def _begin(name: bytes) -> bytes:
    return pack(">I", BEGIN) + name + bytes(4 - len(name) % 4)


def _prop(name: int, value: bytes, size: int | None = None) -> bytes:
    length = len(value) if size is None else size
    return pack(">3I", PROP, length, name & 0xFFFFFFFF) + value + bytes(-len(value) % 4)


class Mutator:
    """Makes one mutant; `index` stands for all that is drawn."""

    def __init__(self, seeds: list[Seed], seed: int, index: int) -> None:
        draw = Random((seed << 48) + index)
        self.draw = draw
        self.random = draw.random
        small = [each for each in seeds if len(each.data) < _SMALL]
        self.seed = draw.choice(small if self.below(12) else seeds)

    def below(self, bound: int) -> int:
        """Draw a number from 0, below `bound` (0 if that is 0): much faster than randrange."""
        return int(self.random() * bound)

    def number(self, near: int = 0) -> int:
        """Draw a 32-bit number that is likely to hurt; sometimes one near `near`."""
        kind = self.below(4)
        if kind == 0:
            return (near + self.below(17) - 8) & 0xFFFFFFFF
        if kind == 1:
            return self.below(len(self.seed.data) + 8)
        return _NUMBERS[self.below(len(_NUMBERS))]

    def make(self) -> bytes:
        """Return the mutant."""
        kind = self.below(5)
        data = self.rebuilt() if kind < 3 else self.seed.data
        if kind > 1:
            changed = bytearray(data)
            for _ in range((1, 1, 1, 2, 4)[self.below(5)]):
                self.scratch(changed)
            data = bytes(changed)
        return data

    def rebuilt(self) -> bytes:
        """Return a blob whose parts were changed, but whose header mostly is right."""
        version, reservations, strings = self.seed.version, self.seed.reservations, self.seed.strings
        tokens = list(self.seed.tokens)
        for _ in range((0, 1, 1, 1, 2, 3)[self.below(6)]):
            _TOKEN_CHANGES[self.below(len(_TOKEN_CHANGES))](self, tokens)
        kind = self.below(10)
        if kind == 0:
            strings = self.other_strings(bytearray(strings))
        elif kind == 1:
            reservations = self.other_reservations(reservations)
        elif kind == 2:
            version = (*_VERSIONS[self.below(len(_VERSIONS))], self.number())
        elif kind == 3:
            order = _ORDERS[self.below(len(_ORDERS))]
            gap = (0, 0, 4, 8, 3)[self.below(5)]
            return assemble(version, reservations, b"".join(tokens), strings, order, gap)
        data = assemble(version, reservations, b"".join(tokens), strings)
        if kind == 4:
            return self.overlapping(bytearray(data))
        return data + bytes(self.below(20)) if kind == 5 else data

    def other_strings(self, strings: bytearray) -> bytes:
        """Return the strings cut, without an end, with other bytes, or more of them."""
        kind = self.below(5)
        if kind == 0:
            del strings[-1:]
        elif kind == 1:
            del strings[self.below(len(strings)) :]
        elif kind == 2 and strings:
            strings[self.below(len(strings))] = (0, 0x24, 0xFF, 0x61, 0x40)[self.below(5)]
        elif kind == 3:
            at = self.below(len(strings))
            strings[at:at] = _NAMES[self.below(len(_NAMES))] + b"\0" * self.below(2)
        else:
            strings += _NAMES[self.below(len(_NAMES))]
        return bytes(strings)

    def other_reservations(self, reservations: bytes) -> bytes:
        """Return more, or fewer, memory reservations; perhaps without their end."""
        kind = self.below(4)
        if kind == 0:
            return pack(">2Q", self.number(), self.number() << 32) + reservations
        if kind == 1:
            return reservations[:-16]
        return reservations[:-8] if kind == 2 else pack(">2Q", 0, self.number()) + reservations

    def overlapping(self, data: bytearray) -> bytes:
        """Return a blob with one block moved onto another."""
        total, structure, strings, reservations = unpack_from(">4I", data, 4)
        kind = self.below(4)
        inside = structure + 4 * self.below((strings - structure) // 4) + self.below(2)
        if kind == 0:
            data[12:16] = pack(">I", inside)
            data[32:36] = pack(">I", self.below(total - inside) + 1)
        elif kind == 1:
            data[16:20] = pack(">I", inside & ~7)
        elif kind == 2:
            data[8:12] = pack(">I", inside & ~3)
            data[36:40] = pack(">I", self.below(total - inside) + 1)
        else:
            data[12:16] = pack(">I", reservations)
        return bytes(data)

    def scratch(self, data: bytearray) -> None:
        """Change bytes, whatever they mean."""
        size = len(data)
        if size < 48:
            data += bytes(4)
            return
        kind = self.below(12)
        at = 4 + self.below(size - 4) if kind else self.below(size)
        if kind <= 2:
            data[at] ^= 1 << self.below(8)
        elif kind == 3:
            data[at] = self.below(256)
        elif kind <= 5:
            field = 4 * (1 + self.below(9))
            data[field : field + 4] = pack(">I", self.number(word(data, field)))
        elif kind <= 8:
            at = 40 + 4 * self.below((size - 44) // 4)
            data[at : at + 4] = pack(">I", self.number(word(data, at)))
        elif kind == 9:
            length = 4 * (1 + self.below(8))
            at &= ~3
            piece = data[at : at + length]
            if self.below(2):
                del data[at : at + length]
            other = 40 + 4 * self.below((len(data) - 40) // 4)
            data[other:other] = piece
        elif kind == 10:
            if self.below(2):
                del data[at:]
            else:
                del data[at : at + 1 + self.below(8)]
        else:
            at = max(at & ~3, 40)
            data[at:at] = pack(">I", _TOKENS[self.below(5)]) * (1 + self.below(3)) + bytes(self.below(5) // 4)
            if self.below(2):
                data[4:8] = pack(">I", len(data))
                for field in (12, 36):  # where the strings start, and the size of the structure
                    data[field : field + 4] = pack(">I", word(data, field) + 4 & 0xFFFFFFFF)

    # Changes of tokens.

    def spot(self, tokens: list[bytes]) -> int:
        """Draw where to put a token: seldom after the end."""
        return self.below(len(tokens) + (self.below(8) == 0))

    def repeat(self, tokens: list[bytes]) -> None:
        at = self.below(len(tokens))
        piece = tokens[at : at + 1 + self.below(4)]
        other = self.spot(tokens)
        tokens[other:other] = piece

    def remove(self, tokens: list[bytes]) -> None:
        at = self.below(len(tokens))
        del tokens[at : at + 1 + self.below(3)]

    def exchange(self, tokens: list[bytes]) -> None:
        if tokens:
            left, right = self.below(len(tokens)), self.below(len(tokens))
            tokens[left], tokens[right] = tokens[right], tokens[left]

    def nops(self, tokens: list[bytes]) -> None:
        for _ in range(1 + self.below(3)):
            tokens.insert(self.spot(tokens), pack(">I", NOP) * (1 + self.below(2)))

    def nops_everywhere(self, tokens: list[bytes]) -> None:
        tokens[:] = [each for token in tokens for each in (pack(">I", NOP), token)]

    def any_word(self, tokens: list[bytes]) -> None:
        value = _TOKENS[self.below(5)] if self.below(3) else self.number()
        tokens.insert(self.spot(tokens), pack(">I", value))

    def node(self, tokens: list[bytes]) -> None:
        at = self.spot(tokens)
        name = _NAMES[self.below(len(_NAMES))] if self.below(2) else b"n@%x" % self.below(1 << 16)
        value = bytes(self.below(6))
        body = [_prop(self.below(len(self.seed.strings)), value)] if self.below(2) else []
        tokens[at:at] = [_begin(name), *body, pack(">I", END_NODE)]

    def prop(self, tokens: list[bytes]) -> None:
        strings = len(self.seed.strings)
        name = self.below(strings) if self.below(3) else self.number(strings)
        value = self.draw.randbytes(self.below(10))
        size = self.number(len(value)) if self.below(4) == 0 else None
        tokens.insert(self.spot(tokens), _prop(name, value, size))

    def edit(self, tokens: list[bytes]) -> None:
        """Change a property: its length, its name, or its value."""
        places = [n for n, token in enumerate(tokens) if len(token) >= 12 and token[3] == PROP]
        if not places:
            return
        at = places[self.below(len(places))]
        token = bytearray(tokens[at])
        kind = self.below(4)
        if kind < 2:
            offset = (4, 8)[kind]
            token[offset : offset + 4] = pack(">I", self.number(word(token, offset)))
            tokens[at] = bytes(token)
        else:
            tokens[at] = _prop(word(token, 8), self.draw.randbytes(self.below(10)))

    def rename(self, tokens: list[bytes]) -> None:
        places = [n for n, token in enumerate(tokens) if token[3] == BEGIN]
        if places:
            at = places[self.below(len(places))]
            tokens[at] = _begin(_NAMES[self.below(len(_NAMES))])

    def copy_node(self, tokens: list[bytes]) -> None:
        """Repeat a whole node beside itself, mostly by another name."""
        places = [n for n, token in enumerate(tokens) if token[3] == BEGIN]
        if not places:
            return
        start = end = places[self.below(len(places))]
        depth = 0
        while end < len(tokens):
            depth += (tokens[end][3] == BEGIN) - (tokens[end][3] == END_NODE)
            end += 1
            if not depth:
                break
        piece = tokens[start:end]
        if self.below(4):
            piece[0] = _begin(b"n@%x" % self.below(1 << 16))
        tokens[end:end] = piece

    def deep(self, tokens: list[bytes]) -> None:
        """Nest nodes, seldom beyond the limit."""
        depth = self.below(100 if self.below(8) else 140)
        at = self.spot(tokens)
        tokens[at:at] = [_begin(b"d")] * depth + [pack(">I", END_NODE)] * (depth - (self.below(8) == 0))


_TOKEN_CHANGES = (
    Mutator.repeat, Mutator.remove, Mutator.exchange, Mutator.nops, Mutator.nops_everywhere, Mutator.any_word,
    Mutator.node, Mutator.node, Mutator.prop, Mutator.edit, Mutator.edit, Mutator.rename, Mutator.copy_node,
    Mutator.copy_node, Mutator.deep,
)  # fmt: skip


def mutant(seeds: list[Seed], seed: int, index: int) -> bytes:
    """Return a mutant by its number."""
    return Mutator(seeds, seed, index).make()
