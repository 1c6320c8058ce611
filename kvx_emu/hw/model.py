"""The base of every model that answers on the bus, and what it may say to the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from kvx_emu.hw.register import Register, registers_of

if TYPE_CHECKING:
    from collections.abc import Callable


class BusError(Exception):
    """The bus refuses an access: nothing decodes the address, or not in this size or alignment."""


class Port(Protocol):
    """What a model is handed: the only way in which it acts on anything but its own registers."""

    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        """Pulse output `output` of the cores whose bits are in `raised`.

        `blocked` holds the bits that were asked for and stopped by a mask; `written` the raw value
        that caused it.
        """

    def stored(self, register: Register, index: int, written: int) -> None:
        """Tell that a register that others may want to see was written with the raw `written`."""

    def odd(self, code: str, message: str) -> None:
        """Tell of an access that the hardware answers but that nobody can have meant."""


class Model:
    """A block of registers on the bus.

    A subclass declares `Register`s; their values live in the instance under the lower-case name
    (an int, or a list for a bank). `access_sizes` are the accesses in bytes that the block accepts,
    aligned to their size; anything else is a `BusError`.
    """

    registers: ClassVar[tuple[Register, ...]] = ()
    access_sizes: ClassVar[tuple[int, ...]] = (4,)
    title: ClassVar[str] = ""
    _decode: ClassVar[dict[int, tuple[Register, int]]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the class's registers and refuse two at one offset."""
        cls.registers = registers_of(cls)
        cls._decode = {}
        for register in cls.registers:
            for offset, index in register.places():
                if offset in cls._decode:
                    taken = cls._decode[offset][0].name
                    raise ValueError(f"{cls.__name__}: {register.name} and {taken} share offset {offset:#x}")
                cls._decode[offset] = (register, index)

    def __init__(self, port: Port) -> None:
        self.port = port
        self.reset()

    def reset(self) -> None:
        """Set every register to its reset value; the same as a new instance."""
        for register in self.registers:
            setattr(self, register.attribute, register.initial())

    def _check(self, offset: int, size: int) -> None:
        if size not in self.access_sizes or offset % size:
            sizes = " or ".join(map(str, self.access_sizes))
            raise BusError(f"{self.title or type(self).__name__} takes aligned accesses of {sizes} bytes")

    def read(self, offset: int, size: int) -> int:
        """Return what a read of `size` bytes at `offset` gives; raise BusError for a wrong access."""
        found = self._decode.get(offset)
        if found is None or found[0].size != size:
            self._check(offset, size)
        if found is None:
            self.port.odd("reserved-register", f"read of the reserved offset {offset:#x} gives 0")
            return 0
        register, index = found
        if register.access == "W":
            return 0
        held = getattr(self, register.attribute)
        value: int = held if register.count is None else held[index]
        return value

    def write(self, offset: int, size: int, value: int) -> None:
        """Write `size` bytes at `offset`; raise BusError for a wrong access, before any effect."""
        found = self._decode.get(offset)
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
        if register.access == "RW":
            if register.count is None:
                setattr(self, register.attribute, kept)
            else:
                getattr(self, register.attribute)[index] = kept
        if register.write_hook is not None:
            hook: Callable[[int, int, int], None] = getattr(self, register.write_hook)
            hook(index, kept, value)
