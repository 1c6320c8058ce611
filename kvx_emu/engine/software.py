"""What runs on the cores: which lines one exception handles, and what a handler does first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kvx_emu.hw.register import bits
from kvx_emu.models.core import Core

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Warn = Callable[[object, str, str], None]

PS = Core.PS.fields
KERNEL_PS = PS["MMUP"].mask | PS["IE"].mask | 1
"""Linux between interrupts: PL1, interrupts on, no exception under way. Source: Linux head.S, irq.c."""

LEVELS = {0: 2, 2: 3, 4: 1, 24: 1}
"""The levels that Linux gives to the timer, the watchdog, the APIC and the IPI line; all others stay 0.
Source: Linux arch/kvx/kernel/irq.c."""

PROBE_MASK = 0xFFFF0000
"""What the IPI driver's probe writes to MASK: the RM is blocked. Source: Linux irq-kvx-ipi-ctrl.c."""


class Software(Protocol):
    """The software of one core, as far as interrupts see it.

    With `nesting` the first act of a handler is to let itself be interrupted (PS.ET = 0, IE = 1).
    """

    nesting: bool

    acts: int
    """The lines whose handlers do more than take their time: `act` is called when one of them starts."""

    def boot(self, core: Core, lines: int) -> None:
        """Program a running core; `lines` is the mask of lines that the tree's nodes name for its drivers."""

    def act(self, core: Core, line: int) -> None:
        """Do what the handler of one of `acts` does, at once."""

    def leave(self, core: Core, lines: int) -> None:
        """Prepare a core for STOP; `lines` as for `boot`."""

    def resume(self, core: Core, lines: int) -> None:
        """Go on after STOP."""

    def batch(self, core: Core, line: int, warn: Warn) -> Sequence[int]:
        """Return the lines that the exception of `line` handles, in order; clear their ILR bits.

        `warn(key, code, message)` takes what is odd about it.
        """


class Bare:
    """No system: registers as reset leaves them, one line an exception, nested if `nesting`."""

    acts = 0

    def __init__(self, *, nesting: bool = False) -> None:
        self.nesting = nesting

    def boot(self, core: Core, lines: int) -> None:
        """Leave everything to the script."""

    def act(self, core: Core, line: int) -> None:
        """Do nothing."""

    def leave(self, core: Core, lines: int) -> None:
        """Do nothing."""

    def resume(self, core: Core, lines: int) -> None:
        """Do nothing."""

    def batch(self, core: Core, line: int, warn: Warn) -> Sequence[int]:
        """Handle the line taken; the entry has cleared its bit."""
        return (line,)


class Linux:
    """Kalray's kernel: every enabled pending line in one exception, ascending, with interrupts off.

    `handlers` maps lines to what their handlers do on a core, beside taking their time.
    Source: Linux arch/kvx/kernel/{head.S, entry.S, irq.c}.
    """

    nesting = False

    def __init__(self, handlers: Mapping[int, Callable[[Core], None]] | None = None) -> None:
        self.driven = sum(1 << line for line in LEVELS)
        self._handlers = handlers or {}
        self.acts = sum(1 << line for line in self._handlers)

    def act(self, core: Core, line: int) -> None:
        """Run what the drivers have for the line."""
        self._handlers[line](core)

    def leave(self, core: Core, lines: int) -> None:
        """Do as a cpu that goes offline: disable its drivers' lines, as their hotplug callbacks do."""
        core.poke("ILE", core.ile & ~lines)

    def resume(self, core: Core, lines: int) -> None:
        """Do as a cpu that comes online: enable the lines of its drivers again."""
        core.poke("ILE", core.ile | lines)

    def boot(self, core: Core, lines: int) -> None:
        """Leave the core as the kernel has it after boot: delegated to PL1, levels set, lines enabled."""
        # Started at PL0, the kernel delegates every interrupt, trap and special right to PL1.
        core.poke("ITO", _owner_1(Core.ITO.writable))
        core.poke("HTO", _owner_1(Core.HTO.writable))
        core.poke("MO", _owner_1(Core.MO.writable))
        core.poke("PSO", _owner_1(Core.PSO.writable))
        core.poke("ILL", sum(level << 2 * line for line, level in LEVELS.items()))
        core.poke("ILE", lines)
        self.driven |= lines
        core.poke("PS", KERNEL_PS)

    def batch(self, core: Core, line: int, warn: Warn) -> Sequence[int]:
        """Handle all that is enabled and pending."""
        more = core.ilr & core.ile
        core.ilr &= ~more
        batch = more | 1 << line
        if batch & ~self.driven:
            for other in bits(batch & ~self.driven):
                warn(("drained", other), "drained", f"line {other} has no driver: Linux drains it")
        if not more:
            return (line,)
        for other in bits(more):
            if not core.level(other) and self.driven >> other & 1:
                why = "has level 0: Linux handles it only with another line that causes the exception"
                warn(("drained", other), "drained", f"line {other} {why}")
        return tuple(bits(batch))


def stop_one_shot(core: Core) -> None:
    """Do what the timer's handler does: a timer that was to ring once is stopped.

    Source: Linux arch/kvx/kernel/time.c; one-shot timers have a reload value of all ones.
    """
    if core.t0r == Core.T0R.mask:
        core.poke("TCR", core.tcr & ~Core.TCR.fields["T0CE"].mask)


def _owner_1(writable: int) -> int:
    """Return an owner register with the value 1 (PL1) in each 2-bit field of `writable`."""
    return writable & 0x5555_5555_5555_5555
