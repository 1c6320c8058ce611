"""Who is told what happens on the wires of a machine, and decides when it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.models.core import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.core_id import CoreId
    from kvx_emu.hw.model import Model
    from kvx_emu.machine.facts import Link
    from kvx_emu.models.core import Core


class Wire(NamedTuple):
    """Where an output leads: an input of a block, or a line of a core.

    `number` is the input or the line. `link` is what the tree says of it, None for what the hardware
    has always.
    """

    number: int
    model: Model | None
    core: CoreId | None
    link: Link | None


class Listener:
    """Lets everything happen at once and keeps no record. An engine puts its own in its place.

    `cause` is the core whose access is at work, None while it is a device's.
    """

    def __init__(self, cores: Mapping[CoreId, Core]) -> None:
        self._cores = cores
        self.cause: CoreId | None = None

    def now(self) -> int:
        """Return the time in ticks of the core clock."""
        return 0

    def carry(self, wire: Wire, level: bool) -> None:
        """Bring the level of an output to where its wire leads."""
        if wire.model is not None:
            wire.model.input(wire.number, level)
        elif level and wire.core is not None:
            self.request(wire.core, wire.number)

    def request(self, core: CoreId, line: int) -> None:
        """Request a line of a core."""
        self._cores[core].request(line)

    def start(self, core: CoreId, pc: int) -> None:
        """Wake a core up: from reset at `pc`, from STOP where it was."""
        model = self._cores[core]
        if model.state is State.RESETTING:
            model.start(pc)
        else:
            model.poke("WS", model.WS.mask)

    def hold(self, core: CoreId) -> None:
        """Reset a core, and hold it so."""
        self._cores[core].reset()

    def stage(self, event: str, cluster: int | None, core: int | None, line: int, value: int) -> None:
        """Hear that an interrupt has passed a stage: what a row of the trace says."""

    def lost(self, block: str, cluster: int | None, number: int, why: str) -> None:
        """Hear that an interrupt ended at a block (a node's path) without effect."""

    def odd(self, code: str, message: str) -> None:
        """Hear of what the hardware bears but nobody can have meant."""
