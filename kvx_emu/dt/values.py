"""The values of properties in .dts source: strings, cells, bytes, references, files, and what mixes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from kvx_emu.dt.draft import Label, Reference, Value
from kvx_emu.dt.expressions import Expressions
from kvx_emu.dt.include import contents
from kvx_emu.dt.lexer import integer

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Findings
    from kvx_emu.dt.include import Text
    from kvx_emu.dt.reach import Reach
    from kvx_emu.limits import Limits

_TO_COME = 0xFFFFFFFF  # a reference's cell until the phandles are known
_ALL_ONES = (1 << 64) - 1
_FORMATS = {8: "B", 16: "H", 32: "I", 64: "Q"}  # of the elements of an array, by their bits


class Values(Expressions):
    """Reads values; the statements around them are the business of `dts`."""

    def __init__(self, source: Text, limits: Limits, findings: Findings, reach: Reach | None) -> None:
        super().__init__(source, limits, findings)
        self.reach = reach
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
            elif lexer.text == "/bits/":
                self.cells(value, data, offsets, positions, self.bits())
            elif lexer.text == "/incbin/":
                offsets.append(len(data))
                positions.append(lexer.start)
                data += self.file()
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
            self.mark(value)
            lexer.in_value()

    def mark(self, value: Value) -> None:
        """Keep the present label."""
        if not isinstance(value.marks, list):
            value.marks = []
        value.marks.append(Label(self.lexer.text[:-1], self.lexer.start))

    def reference(self, value: Value, element: int, *, is_path: bool) -> None:
        """Keep the present token as a reference, to be filled in when all labels are known."""
        if not isinstance(value.references, list):
            value.references = []
        value.references.append(Reference(self.target(), self.lexer.start, element, is_path))

    def refer(self, value: Value, target: str, position: int) -> None:
        """Make a value one cell that refers to a node."""
        value.data = _TO_COME.to_bytes(4, "big")
        value.references = [Reference(target, position, 0, is_path=False)]

    def target(self) -> str:
        """Return what the present reference refers to."""
        text = self.lexer.text
        return text[2:-1] if text[1] == "{" else text[1:]

    # -- arrays ---------------------------------------------------------------------------------------

    def bits(self) -> int:
        """Read the number after `/bits/`; ends on the `<`."""
        lexer = self.lexer
        lexer.in_value()
        bits = integer(lexer.text) if lexer.kind == "number" else None
        if bits is None:
            self.fail("8, 16, 32 or 64 after '/bits/'")
        if bits not in _FORMATS:
            message = f"expected 8, 16, 32 or 64 after '/bits/', found {self.found()}"
            self.error("number", message, lexer.start)
            bits = 32
        lexer.in_value()
        if lexer.text != "<":
            self.fail("'<'")
        return bits

    def cells(
        self, value: Value, data: bytearray, offsets: list[int], positions: list[int], bits: int = 32
    ) -> None:
        """Read `<...>`; ends at the `>`."""
        lexer = self.lexer
        known = self.known if bits == 32 else {}
        words: list[int] = []
        while True:
            lexer.in_value()
            kind = lexer.kind
            position = lexer.start
            if kind == "number":
                text = lexer.text
                word = known.get(text)
                if word is None:
                    word = known[text] = self.fit(self.number(bits), bits, text, position)
                words.append(word)
            elif kind == "reference":
                if bits != 32:
                    message = f"{self.found()} stands in an array of {bits} bits: expected one of 32 bits"
                    self.error("reference", message, position)
                else:
                    self.reference(value, len(positions), is_path=False)
                words.append(_TO_COME & ((1 << bits) - 1))
            elif lexer.text == ">":
                break
            elif kind == "label":
                self.mark(value)
                continue
            elif lexer.text == "(":
                number = self.expression()
                words.append(self.fit(number, bits, hex(number), position))
            else:  # a character, or something wrong
                words.append(self.fit(self.integer("a number or '>'"), bits, lexer.text, position))
            positions.append(position)
        size = bits // 8
        offsets.extend(range(len(data), len(data) + size * len(words), size))
        data += struct.pack(f">{len(words)}{_FORMATS[bits]}", *words)

    def fit(self, number: int, bits: int, text: str, position: int) -> int:
        """Return a number cut to `bits`; 0 when it does not fit, which is reported."""
        mask = (1 << bits) - 1
        # As dtc 1.6.1: the 64-bit form of a negative number is taken for it.
        if number > mask and number | mask != _ALL_ONES:
            text = text if len(text) <= 40 else text[:40] + "..."
            self.error("number", f"'{text}' does not fit {bits} bits", position)
            return 0
        return number & mask

    def byte_string(self, value: Value, data: bytearray, offsets: list[int], positions: list[int]) -> None:
        """Read `[...]`; ends at the `]`."""
        lexer = self.lexer
        while True:
            lexer.in_bytes()
            if lexer.kind == "byte":
                offsets.append(len(data))
                positions.append(lexer.start)
                data.append(int(lexer.text, 16))
            elif lexer.kind == "label":
                self.mark(value)
            elif lexer.text == "]":
                return
            elif lexer.text.isalnum() and lexer.text.isascii():
                lexer.whole_word()
                message = f"expected two hexadecimal digits for each byte, found {self.found()}"
                self.error("number", message, lexer.start)
            else:
                self.fail("two hexadecimal digits or ']'")

    # -- files ----------------------------------------------------------------------------------------

    def file(self) -> bytes:
        """Read `/incbin/ ("name", offset, length)`; ends on the `)`. Returns what it stands for."""
        lexer = self.lexer
        lexer.in_value()
        if lexer.text != "(":
            self.fail("'(' after '/incbin/'")
        lexer.in_value()
        if lexer.kind != "string":
            self.fail("the name of a file in quotes")
        position = lexer.start
        name = self.literal().partition(b"\0")[0]
        lexer.in_value()
        offset, length = 0, _ALL_ONES
        if lexer.text == ",":
            lexer.in_value()
            offset = self.integer("an offset")
            lexer.in_value()
            if lexer.text != ",":
                self.fail("',' and a length")
            lexer.in_value()
            length = self.integer("a length")
            lexer.in_value()
        if lexer.text != ")":
            self.fail("',' or ')' after the name of the file")
        place = self.source.place(position)
        data = contents(self.reach, name.decode("utf-8", "surrogateescape"), place, self.findings)
        return data[offset : offset + length]
