"""Registers as declarations: one place says where a register is, what it holds and who says so.

From a declaration follow the reset value, the masking of writes, the decoding of addresses, what
`kvx-emu show registers` prints and what the tests walk over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ACCESS = {
    "R": "read only; writes are ignored",
    "W": "write only; reads as 0",
    "RW": "read and write",
}

Hook = TypeVar("Hook", bound="Callable[..., None]")
Answer = TypeVar("Answer", bound="Callable[..., int]")


class Field(NamedTuple):
    """Some bits of a register: `width` bits from bit `lsb` (0 = least significant)."""

    name: str
    lsb: int
    width: int = 1
    doc: str = ""

    @property
    def mask(self) -> int:
        """The field's bits in place."""
        return ((1 << self.width) - 1) << self.lsb

    def get(self, value: int) -> int:
        """Return the field's content in the register value `value`."""
        return value >> self.lsb & ((1 << self.width) - 1)

    def put(self, value: int, content: int) -> int:
        """Return `value` with the field set to `content`, which must fit."""
        if content >> self.width:
            raise ValueError(f"{content:#x} does not fit the {self.width} bits of {self.name}")
        return value & ~self.mask | content << self.lsb


class Register:
    """A register of a block, declared as a class attribute of its model.

    `offset` counts bytes from the block's base (for a core's special registers: it is the register's
    number); `size` is the width of an access in bytes; `width` the number of bits that exist, counted
    from bit 0; `writable` the bits that a write changes (default: all that exist); `reset` the value
    after reset; `src` the origin of these numbers. `count` and `stride` (bytes) make a bank of equal
    registers, kept as a list. One that is not `held` has no value of its own: its hooks act on another.
    `groups` and `group_stride` (bytes) repeat the bank; the list then goes on from group to group, and
    the model decodes the addresses itself, for they are many.
    """

    name: str
    attribute: str

    def __init__(
        self,
        offset: int,
        *,
        size: int = 4,
        width: int | None = None,
        writable: int | None = None,
        access: str = "RW",
        reset: int = 0,
        fields: tuple[Field, ...] = (),
        count: int | None = None,
        stride: int | None = None,
        groups: int | None = None,
        group_stride: int = 0,
        held: bool = True,
        src: str,
        doc: str = "",
    ) -> None:
        self._declared = {name: value for name, value in locals().items() if name != "self"}
        if access not in ACCESS:
            raise ValueError(f"unknown access word {access!r}; known: {', '.join(ACCESS)}")
        self.offset = offset
        self.size = size
        self.width = size * 8 if width is None else width
        self.mask = (1 << self.width) - 1
        self.writable = self.mask if writable is None else writable
        self.access = access
        self.reset = reset
        self.fields = {field.name: field for field in fields}
        self.count = count
        self.stride = size if stride is None else stride
        self.groups = groups
        self.group_stride = group_stride
        self.held = held and access != "W"
        self.src = src
        self.doc = doc
        self.write_hook: str | None = None
        self.read_hook: str | None = None
        if (reset | self.writable | _union(fields)) & ~self.mask:
            raise ValueError("a reset value, a writable bit or a field lies outside the register's width")
        if sum(field.mask for field in fields) != _union(fields):
            raise ValueError("two fields share a bit")
        if groups is not None and (count is None or group_stride < count * self.stride):
            raise ValueError("a bank that repeats needs a count, and a group stride that it fits into")

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the name from the class attribute; the value lives in the lower-case attribute."""
        self.name = name
        self.attribute = name.lower()

    def derive(self, **changes: Any) -> Register:
        """Return the same declaration, its hooks included, but for the arguments in `changes`."""
        new = Register(**(self._declared | changes))
        new.write_hook = self.write_hook
        new.read_hook = self.read_hook
        return new

    def on_write(self, method: Hook) -> Hook:
        """Make `method(self, index, value, written)` run after each accepted write.

        `index` is the place in the bank (0 for a single register), `value` what the register kept
        of the write, `written` all the bits that the bus carried.
        """
        self.write_hook = method.__name__
        return method

    def on_read(self, method: Answer) -> Answer:
        """Make `method(self, index)` answer each read; what a read changes, it changes there.

        `index` is the place in the bank (0 for a single register).
        """
        self.read_hook = method.__name__
        return method

    def initial(self) -> Any:
        """Return the value after reset: an int, or a list of them for a bank."""
        return self.reset if self.count is None else [self.reset] * self.count * (self.groups or 1)

    def places(self) -> Iterator[tuple[int, int]]:
        """Yield (offset, index) of each register of the bank."""
        count = self.count or 1
        for group in range(self.groups or 1):
            for index in range(count):
                yield self.offset + group * self.group_stride + index * self.stride, group * count + index

    def label(self, index: int = 0) -> str:
        """Return the name as people write it: `PS`, `MASK[5]` in a bank, `ENABLE[3][130]` in a group."""
        if self.count is None:
            return self.name
        if self.groups is None:
            return f"{self.name}[{index}]"
        return f"{self.name}[{index // self.count}][{index % self.count}]"


def _union(fields: tuple[Field, ...]) -> int:
    bits = 0
    for field in fields:
        bits |= field.mask
    return bits


def registers_of(model: type) -> tuple[Register, ...]:
    """Return the registers that a class declares or inherits, by offset; a later class wins by name."""
    found: dict[str, Register] = {}
    for cls in reversed(model.__mro__):
        found.update((name, item) for name, item in vars(cls).items() if isinstance(item, Register))
    return tuple(sorted(found.values(), key=lambda register: register.offset))


def bits(value: int) -> Iterator[int]:
    """Yield the numbers of the set bits of `value`, ascending."""
    while value:
        low = value & -value
        yield low.bit_length() - 1
        value ^= low
