"""What a model is handed: the only way in which it acts on anything but its own registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvx_emu.hw.register import Register


class Site(NamedTuple):
    """What the tree says of a block and the hardware depends on.

    `size` counts the bytes of its registers, `outputs` the interrupts that its node names (None: the
    tree does not say); `levels` holds the inputs that stay high until the device is served (high level,
    type 4); `hz` is the clock that it counts and `core_hz` the core clock, both in Hz.
    """

    size: int = 0
    outputs: int | None = None
    levels: frozenset[int] = frozenset()
    hz: int = 1_000_000_000
    core_hz: int = 1_000_000_000

    def counted(self, ticks: int) -> int:
        """Return how many ticks of its own clock have passed after `ticks` of the core clock."""
        return ticks * self.hz // self.core_hz


class Port:
    """The world as a model sees it. This one is connected to nothing; time stands still at tick 0."""

    # Outputs

    def pulse(self, output: int, raised: int, blocked: int, written: int) -> None:
        """Pulse output `output` of the cores whose bits are in `raised`.

        `blocked` holds the bits that were asked for and stopped by a mask; `written` the raw value
        that caused it.
        """

    def drive(self, output: int, level: bool) -> None:
        """Set the level of an output. Each call with True is one interrupt, also if it was high before."""

    def write(self, address: int, size: int, value: int) -> None:
        """Write `size` bytes to the bus as a master, at an address that all see.

        Raises BusError if nothing answers so.
        """

    # Power: cores of the block's own cluster, or of the cluster that is named

    def start(self, pid: int, pc: int, cluster: int | None = None) -> None:
        """Wake a core up: one that is held in reset runs from `pc`, a stopped one goes on."""

    def hold(self, pid: int, cluster: int | None = None) -> None:
        """Reset a core, and hold it so until it is started."""

    def running(self, pid: int, cluster: int | None = None) -> bool:
        """Whether a core is neither held in reset nor stopped; False for one that the board lacks."""
        return False

    # Time

    def now(self) -> int:
        """Return the time in ticks of the core clock."""
        return 0

    # What others may want to see

    def stored(self, register: Register, index: int, written: int) -> None:
        """Tell that a register that others may want to see was written with the raw `written`."""

    def tell(self, event: str, number: int, value: int, output: int | None = None) -> None:
        """Tell of a stage that an interrupt has passed here.

        `event` is a word of the trace, `number` the input or register that is meant and `value` as the
        word says; `output` is the output concerned, if the stage is about one.
        """

    def lost(self, number: int, why: str) -> None:
        """Tell that an interrupt of input or register `number` ends here without effect, and why."""

    def quiet(self, number: int, why: str) -> None:
        """Tell why a write that might have acted on `number` (a core, a group) changes a register alone."""

    def odd(self, code: str, message: str) -> None:
        """Tell of an access that the hardware answers but that nobody can have meant."""
