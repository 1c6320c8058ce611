"""The base of every model that answers on the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

from kvx_emu.hw.port import Port, Site
from kvx_emu.hw.register import Register, registers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

State: TypeAlias = "dict[str, int | list[int]]"
"""The values of a model's registers and of what it remembers besides, by attribute name."""


class BusError(Exception):
    """The bus refuses an access: nothing decodes the address, or not in this size or alignment."""


class Model:
    """A block of registers on the bus.

    A subclass declares `Register`s; their values live in the instance under the lower-case name
    (an int, or a list for a bank). `access_sizes` are the accesses in bytes that the block accepts,
    aligned to their size; anything else is a `BusError`. `inputs` is the number of its interrupt inputs.
    What the block remembers besides its registers (ints and lists of ints) is named in `hidden`.
    `site` is what the tree says of it. A subclass's own `reset` sets what is hidden and calls this one.
    """

    registers: ClassVar[tuple[Register, ...]] = ()
    access_sizes: ClassVar[tuple[int, ...]] = (4,)
    title: ClassVar[str] = ""
    inputs: ClassVar[int] = 0
    hidden: ClassVar[tuple[str, ...]] = ()
    _decode: ClassVar[dict[int, tuple[Register, int]]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the class's registers and refuse two at one offset."""
        cls.registers = registers_of(cls)
        cls._decode = {}
        for register in cls.registers:
            for offset, index in register.places() if register.groups is None else ():
                if offset in cls._decode:
                    taken = cls._decode[offset][0].name
                    raise ValueError(f"{cls.__name__}: {register.name} and {taken} share offset {offset:#x}")
                cls._decode[offset] = (register, index)

    def __init__(self, port: Port, site: Site | None = None) -> None:
        self.port = port
        self.site = site or Site()
        self.reset()

    def reset(self) -> None:
        """Set every register to its reset value; the same as a new instance."""
        for register in self.registers:
            if register.held:
                setattr(self, register.attribute, register.initial())

    def input(self, number: int, level: bool) -> None:
        """Take a new level of an input, 0 to `inputs` - 1; the same level again is a new interrupt if high.

        IndexError for an input that the block lacks.
        """
        raise IndexError(f"{self.title or type(self).__name__} has no input {number}")

    def state(self) -> State:
        """Return all that the block remembers, as values that JSON can hold, none of them shared."""
        names = [*(register.attribute for register in self.registers if register.held), *self.hidden]
        held = {name: getattr(self, name) for name in names}
        return {name: list(value) if isinstance(value, list) else value for name, value in held.items()}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` has returned; ValueError, and no change, if it is not of this shape."""
        now = self.state()
        if set(state) != set(now):
            raise ValueError(f"{type(self).__name__} has {', '.join(now)}; found {', '.join(state)}")
        for name, value in now.items():
            if not _alike(value, state[name]):
                raise ValueError(f"{type(self).__name__}: {name} is of another shape")
        for name in now:
            new = state[name]
            setattr(self, name, list(new) if isinstance(new, list) else new)

    def _check(self, offset: int, size: int) -> None:
        if size not in self.access_sizes or offset % size:
            sizes = " or ".join(map(str, self.access_sizes))
            raise BusError(f"{self.title or type(self).__name__} takes aligned accesses of {sizes} bytes")

    def read(self, offset: int, size: int) -> int:
        """Return what a read of `size` bytes at `offset` gives; raise BusError for a wrong access."""
        found = self._decoded(offset)
        if found is None or found[0].size != size:
            self._check(offset, size)
        if found is None:
            self.port.odd("reserved-register", f"read of the reserved offset {offset:#x} gives 0")
            return 0
        register, index = found
        if register.read_hook is not None:
            answer: Callable[[int], int] = getattr(self, register.read_hook)
            return answer(index)
        return self._held(register, index)

    def _decoded(self, offset: int) -> tuple[Register, int] | None:
        """Return the register that begins at an offset, and its place in its bank; None if none does."""
        return self._decode.get(offset)

    def register_at(self, offset: int) -> tuple[Register, int] | None:
        """Return the register that an access at an offset means, and its place in its bank; None if none."""
        return self._decoded(offset)

    def _held(self, register: Register, index: int) -> int:
        """Return what a register holds; one that holds nothing reads as 0."""
        if not register.held:
            return 0
        held = getattr(self, register.attribute)
        value: int = held if register.count is None else held[index]
        return value

    def _keep(self, register: Register, index: int, value: int) -> None:
        """Make a register hold `value`."""
        if register.count is None:
            setattr(self, register.attribute, value)
        else:
            getattr(self, register.attribute)[index] = value

    def write(self, offset: int, size: int, value: int) -> None:
        """Write `size` bytes at `offset`; raise BusError for a wrong access, before any effect."""
        found = self._decoded(offset)
        if found is None or found[0].size != size:
            self._check(offset, size)
        if found is None:
            self.port.odd("reserved-register", f"write to the reserved offset {offset:#x} is ignored")
            return
        register, index = found
        if register.access == "R":
            self.port.odd("read-only-register", f"write to the read-only {register.label(index)} is ignored")
            return
        if value & ~register.mask:
            has = f"{register.label(index)} has {register.width} bits"
            self.port.odd("register-bits", f"{has}: {value & ~register.mask:#x} of {value:#x} is ignored")
        kept = value & register.writable
        if register.held:
            self._keep(register, index, kept)
        if register.write_hook is not None:
            hook: Callable[[int, int, int], None] = getattr(self, register.write_hook)
            hook(index, kept, value)


def _alike(value: int | list[int], other: object) -> bool:
    """Whether `other` is of the kind of `value`: a number that is not negative, or as many of them."""
    if isinstance(value, list):
        return isinstance(other, list) and len(other) == len(value) and all(_alike(0, item) for item in other)
    return isinstance(other, int) and not isinstance(other, bool) and other >= 0
