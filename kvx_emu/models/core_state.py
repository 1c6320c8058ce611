"""All that a core remembers, as values that JSON can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from kvx_emu.hw.register import registers_of
from kvx_emu.models.core_events import Events
from kvx_emu.models.core_registers import CoreRegisters
from kvx_emu.models.core_timers import WATCHDOG, Timers, Underflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvx_emu.hw.model import State as Saved
    from kvx_emu.hw.register import Register
    from kvx_emu.models.core import State

_REGISTERS = registers_of(CoreRegisters)
_NUMBERS = ("pc", "rz", "state", "since", "sent")
_LISTS = ("waits", "missed")


class Saving(Timers, Events):
    """The part of a core that gives away and takes back what the core remembers.

    That is all but what it is wired to: the cluster, the pid and the clocks of the timers.
    """

    cluster: int
    pid: int
    pc: int
    rz: int
    _waits: dict[tuple[int, int], tuple[State, int]]

    if TYPE_CHECKING:

        def _rank(self) -> None: ...

        def _reopen(self) -> None: ...

    def save(self) -> Saved:
        """Return the registers by lower-case name and the rest, none of it shared.

        `state` is the place in `State`; `waits` are pc, PL, state and operand of each WAITIT and
        SYNCGROUP that has not finished, `sent` is what `take_notifications` would return, `missed` are
        tick, timer, requests and bites of each of what `underflow` would, `since` is the tick of now.
        """
        self._catch_up()
        saved: Saved = {}
        for register in _REGISTERS:
            value = getattr(self, register.attribute)
            saved[register.attribute] = list(value) if isinstance(value, list) else value
        states = list(type(self.state))
        saved |= {"pc": self.pc, "rz": self.rz, "state": states.index(self.state)}
        saved |= {"since": self._timers.since, "sent": self._events.sent}
        saved["waits"] = [
            number
            for (pc, pl), (state, operand) in self._waits.items()
            for number in (pc, pl, states.index(state), operand)
        ]
        saved["missed"] = [
            number
            for tick, timer, line, bite in self._timers.missed
            for number in (tick, timer, int(line is not None), int(bite))
        ]
        return saved

    def restore(self, saved: Mapping[str, object]) -> None:
        """Become the core that `save` has seen; ValueError, and no change, if it is none of this kind.

        Registers may not have more bits than they do, and PCR must name this core. What counts goes on
        from the tick at which it was saved: set the clock to the same time.
        """
        numbers, lists, waits = self._checked(saved)
        timers = self._timers
        timers.reset()
        for register in _REGISTERS:
            name = register.attribute
            if register is not self.TCR:
                setattr(self, name, list(lists[name]) if register.count else numbers[name])
        timers.tcr = numbers["tcr"]
        timers.since = numbers["since"]
        timers.missed = [
            Underflow(tick, timer, timer if requests else None, bool(bites))
            for tick, timer, requests, bites in _fours(lists["missed"])
        ]
        self.pc, self.rz, self._events.sent = numbers["pc"], numbers["rz"], numbers["sent"]
        self.state = list(type(self.state))[numbers["state"]]
        self._waits = waits
        self._rank()
        self._reopen()

    def _checked(
        self, saved: Mapping[str, object]
    ) -> tuple[dict[str, int], dict[str, list[int]], dict[tuple[int, int], tuple[State, int]]]:
        """Return the numbers, the lists and the waits of `saved`; ValueError if they are not a core's."""
        numbers: dict[str, int] = {}
        lists: dict[str, list[int]] = {}
        for name, value in saved.items():
            if _natural(value):
                numbers[name] = value
            elif isinstance(value, list) and all(map(_natural, value)):
                lists[name] = value
            else:
                raise ValueError(f"a core: {name} is neither a number nor a list of them")
        banks = [register.attribute for register in _REGISTERS if register.count]
        singles = [register.attribute for register in _REGISTERS if not register.count]
        if set(numbers) != {*singles, *_NUMBERS} or set(lists) != {*banks, *_LISTS}:
            raise ValueError(f"a core has {', '.join([*singles, *_NUMBERS, *banks, *_LISTS])}")
        for register in _REGISTERS:
            values = lists[register.attribute] if register.count else [numbers[register.attribute]]
            if not _fits(register, values):
                raise ValueError(f"a core: {register.name} can not be {values}")
        if numbers["pcr"] != self.pcr:
            raise ValueError(f"this core's PCR is {self.pcr:#x}, that of the saved one {numbers['pcr']:#x}")
        if len(lists["waits"]) % 4 or len(lists["missed"]) % 4:
            raise ValueError("a core: waits and missed are groups of 4 numbers")
        if any(timer > WATCHDOG for _, timer, _, _ in _fours(lists["missed"])):
            raise ValueError("a core has no such timer")
        states = list(type(self.state))
        groups = _fours(lists["waits"])
        if max(numbers["state"], *(state for _, _, state, _ in groups), 0) >= len(states):
            raise ValueError("a core has no such state")
        waits = {(pc, pl): (states[state], operand) for pc, pl, state, operand in groups}
        if not all(state.waits for state, _ in waits.values()):
            raise ValueError("a core waits in WAITIT and SYNCGROUP only")
        state = states[numbers["state"]]
        if state.waits and (not waits or next(reversed(waits.values()))[0] is not state):
            raise ValueError(f"a core in {state.value} has what it waits for at the end of waits")
        return numbers, lists, waits


def _natural(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _fits(register: Register, values: list[int]) -> bool:
    """Whether a register can hold so many values, and each of them."""
    return len(values) == (register.count or 1) and all(value <= register.mask for value in values)


def _fours(values: list[int]) -> list[tuple[int, int, int, int]]:
    return list(zip(*[iter(values)] * 4, strict=True))
