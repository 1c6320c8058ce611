"""Inter-processor events (IPE): the cores of a cluster tell one another that they have come somewhere.

They are no interrupts. Sixteen events go forward and sixteen backward around the ring of the PEs, and
SYNCGROUP waits for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.models.core_registers import CoreRegisters

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS = 16
"""Events in each direction. Source: QEMU target/kvx/cpu.h."""

PES = 16
"""Cores on the ring; the RM is not. Source: QEMU target/kvx/cpu_helper.c."""

OWNER = CoreRegisters.MO.fields["SYNC"]
"""The field of MO that owns the register IPE and SYNCGROUP."""

OWNED = {"IPE": ((CoreRegisters.IPE.mask, OWNER),)}
"""By register: bits, and the field of MO that owns them. Source: QEMU target/kvx/gen/registers.inc.h."""

_ALL = (1 << EVENTS) - 1
_RECEIVED = (1 << 2 * EVENTS) - 1
_TO_MASK = 2 * EVENTS  # from an event's bit in FE or BE to the one in FM or BM


class _Box:
    """IPE, and in `sent` the forward (15:0) and backward events (31:16) that nobody has fetched yet.

    The reset of the core, which each begins with, makes both 0.
    """

    __slots__ = ("ipe", "sent")

    ipe: int
    sent: int


class Events(CoreRegisters):
    """The events as a part of a core: its register IPE, and what its SYNCGROUPs have sent."""

    def __init__(self) -> None:
        self._events = _Box()

    if TYPE_CHECKING:

        def _settle(self) -> None: ...

    @property
    def ipe(self) -> int:
        """The register IPE."""
        return self._events.ipe

    @ipe.setter
    def ipe(self, value: int) -> None:
        self._events.ipe = value

    def receive(self, event: int, forward: bool) -> bool:
        """Take event 0 to 15 from a neighbour, and tell whether it is to be passed on in its direction.

        It may end a SYNCGROUP, which then clears it again. A core that is held in reset takes events,
        too. ValueError for another number. Source: QEMU target/kvx/cpu_helper.c.
        """
        if not 0 <= event < EVENTS:
            raise ValueError(f"there is no event {event}: a core has events 0 to {EVENTS - 1}")
        bit = 1 << (event if forward else event + EVENTS)
        self.ipe |= bit
        self._settle()
        return bool(self.ipe & bit << _TO_MASK)

    def take_notifications(self) -> tuple[int, int]:
        """Return the forward and the backward events that SYNCGROUPs have sent since the last call.

        Bit n is event n. Whoever drives the core lets each go round by `ring`.
        """
        sent, self._events.sent = self._events.sent, 0
        return sent & _ALL, sent >> EVENTS

    def _gather(self, operand: int) -> bool:
        """Whether all events that a SYNCGROUP waits for are there; then they are cleared and it sends."""
        awaited = operand & _RECEIVED
        if self.ipe & awaited != awaited:
            return False
        self.ipe &= ~awaited
        self._events.sent |= operand >> 2 * EVENTS
        return True


def ring(cores: Mapping[int, Events], origin: int, event: int, forward: bool) -> list[int]:
    """Let `origin` send an event around the PEs of its cluster; return the cores it reaches, in order.

    Forward is the next higher pid, 0 after 15. Each core that lets the event through sends it on, but
    for the origin itself, where it ends after one lap. A PE that `cores` (by pid) lacks breaks the ring,
    and the RM is not on it: what it sends reaches nobody. ValueError for an event above 15. Source: QEMU
    target/kvx/cpu_helper.c.
    """
    reached: list[int] = []
    pid = origin
    while origin < PES:
        pid = (pid + (1 if forward else -1)) % PES
        core = cores.get(pid)
        if core is None:
            break
        reached.append(pid)
        if not core.receive(event, forward) or pid == origin:
            break
    return reached
