"""The values of properties in .dts source: strings, cells, bytes, references, and what mixes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from kvx_emu.dt.draft import Label, Reference, Value
from kvx_emu.dt.lexer import integer, unescape
from kvx_emu.dt.reader import Reader

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Findings
    from kvx_emu.errors import Source
    from kvx_emu.limits import Limits

_TO_COME = 0xFFFFFFFF  # a reference's cell until the phandles are known
_ALL_ONES = (1 << 64) - 1


class Values(Reader):
    """Reads values; the statements around them are the business of `dts`."""

    def __init__(self, source: Source, limits: Limits, findings: Findings) -> None:
        super().__init__(source, limits, findings)
        self.known: dict[str, int] = {}  # cells repeat: the literals that were read before

    def value(self, value: Value, name: str) -> None:
        """Read what stands after `=`; ends at the token after the value."""
        lexer = self.lexer
        data = bytearray()
        offsets, positions = value.offsets, value.positions
        assert offsets is not None
        assert isinstance(positions, list)
        while True:
            lexer.in_value()
            self.value_labels(value)
            if lexer.text == "<":
                self.cells(value, data, offsets, positions)
            elif lexer.kind == "string":
                self.last_string = (lexer.start, lexer.end)
                offsets.append(len(data))
                positions.append(lexer.start)
                data += self.literal() + b"\0"
            elif lexer.kind == "reference":
                self.reference(value, len(positions), is_path=True)
                offsets.append(len(data))
                positions.append(lexer.start)
            elif lexer.text == "[":
                self.byte_string(value, data, offsets, positions)
            elif lexer.kind == "directive":
                self.unsupported(lexer.text)
            else:
                hint = "; is a header missing? (-I)" if lexer.kind == "word" else ""
                self.fail(f"a value of '{name}'", hint)
            lexer.in_value()
            self.value_labels(value)
            if lexer.text != ",":
                break
        value.data = bytes(data)

    def value_labels(self, value: Value) -> None:
        """Read the labels that stand here, if any."""
        lexer = self.lexer
        while lexer.kind == "label":
            value.labels.append(Label(lexer.text[:-1], lexer.start))
            lexer.in_value()

    def reference(self, value: Value, element: int, *, is_path: bool) -> None:
        """Keep the present token as a reference, to be filled in when all labels are known."""
        text = self.lexer.text
        target = text[2:-1] if text[1] == "{" else text[1:]
        value.references.append(Reference(target, self.lexer.start, element, is_path))

    def cells(self, value: Value, data: bytearray, offsets: list[int], positions: list[int]) -> None:
        """Read `<...>`; ends at the `>`."""
        lexer = self.lexer
        known = self.known
        words: list[int] = []
        while True:
            lexer.in_value()
            kind = lexer.kind
            if kind == "number":
                text = lexer.text
                word = known.get(text)
                if word is None:
                    word = known[text] = self.number(32)
                words.append(word)
            elif kind == "reference":
                self.reference(value, len(positions), is_path=False)
                words.append(_TO_COME)
            elif lexer.text == ">":
                break
            elif kind == "label":
                value.labels.append(Label(lexer.text[:-1], lexer.start))
                continue
            elif kind == "char":
                words.append(self.character())
            elif kind == "word" and lexer.text[0].isdigit():
                words.append(self.number(32))
            elif lexer.text == "(":
                self.unsupported("an expression")
            else:
                self.fail("a number or '>'", "; is a header missing? (-I)" if kind == "word" else "")
            positions.append(lexer.start)
        offsets.extend(range(len(data), len(data) + 4 * len(words), 4))
        data += struct.pack(f">{len(words)}I", *words)

    def byte_string(self, value: Value, data: bytearray, offsets: list[int], positions: list[int]) -> None:
        """Read `[...]`; ends at the `]`."""
        lexer = self.lexer
        while True:
            lexer.in_value()
            if lexer.kind in ("number", "word"):
                offsets.append(len(data))
                positions.append(lexer.start)
                try:
                    data += bytes.fromhex(lexer.text)
                except ValueError:
                    message = f"expected two hexadecimal digits for each byte, found {self.found()}"
                    self.error("number", message, lexer.start)
            elif lexer.kind == "label":
                value.labels.append(Label(lexer.text[:-1], lexer.start))
            elif lexer.text == "]":
                return
            else:
                self.fail("two hexadecimal digits or ']'")

    # -- literals -------------------------------------------------------------------------------------

    def number(self, bits: int) -> int:
        """Return the value of the present literal, cut to `bits`; 0 when it is wrong, which is reported."""
        lexer = self.lexer
        number = integer(lexer.text)
        if number is None:
            self.error("number", f"bad number {self.found()}", lexer.start)
            return 0
        mask = (1 << bits) - 1
        # As dtc: the 64-bit form of a negative number is taken for it.
        if number > mask and (number > _ALL_ONES or number | mask != _ALL_ONES):
            self.error("number", f"{self.found()} does not fit {bits} bits", lexer.start)
            return 0
        return number & mask

    def character(self) -> int:
        """Return the byte that the present character literal is; 0 when it is wrong, which is reported."""
        data = self.literal()
        if len(data) != 1:
            message = f"expected one byte in a character literal, found {len(data)}"
            self.error("number", message, self.lexer.start)
            return 0
        return data[0]

    def literal(self) -> bytes:
        """Return the bytes of the present string or character."""
        data = unescape(self.lexer.text[1:-1])
        if data is None:
            self.error("string", r"expected hexadecimal digits after \x", self.lexer.start)
            return b"?"
        return data
