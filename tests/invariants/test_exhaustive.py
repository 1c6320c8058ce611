"""All states of a small system: Linux's mailbox driver loses interrupts, without its defect it does not.

The driver reads LAC, which takes masked bits too, and drops them.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from inv_search import ACCESSES, OPERATIONS, SOFTWARE, Search

from kvx_emu.engine.drivers import Drivers

SECONDS = 30  # of the processor, for all that is searched here


class Spent:
    """What the searches of this process have looked at so far."""

    states: ClassVar[int] = 0
    seconds: ClassVar[float] = 0.0


def search(kind=Search, **options):
    found = kind(**options).all(limit=200_000)
    Spent.states += found.states
    Spent.seconds += found.seconds
    assert Spent.seconds < SECONDS
    return found


def test_the_driver_loses_a_masked_bit_in_three_steps_and_not_in_fewer():
    found = search(defect=True, grain=OPERATIONS)
    assert found.way == ["device raises 0", "device raises 1", "software unmasks 0"]
    assert found.why == "bits 0b10 are lost"


@pytest.mark.parametrize(
    ("grain", "way"),
    [
        (SOFTWARE, ["core takes it, core 0"]),
        (ACCESSES, ["core takes it, core 0", *["handler goes on, core 0"] * 3]),
    ],
)
def test_the_loss_is_found_too_when_anything_can_come_between(grain, way):
    found = search(defect=True, grain=grain)
    assert found.way == ["device raises 0", "software unmasks 1", "device raises 1", *way]
    assert found.why == "bits 0b1 are lost"


@pytest.mark.parametrize(
    ("options", "states"),
    [
        # 3 bits, each idle, masked, or masked with something waiting; and the two cores.
        ({"grain": OPERATIONS}, 54),
        # 2 cores and 2 lines of the GIC, 3 bits: software by accesses, an interrupt at any time.
        ({"grain": SOFTWARE}, 6908),
        ({"grain": SOFTWARE, "moves": False, "both": True}, 1819),
        # Every access by itself: both cores' handlers with 1 bit, one core's with 3.
        ({"grain": ACCESSES, "bits": 1}, 12340),
        ({"grain": ACCESSES, "moves": False}, 52192),
    ],
    ids=lambda item: "-".join(map(str, item.values())) if isinstance(item, dict) else None,
)
def test_a_driver_that_puts_masked_bits_back_loses_nothing_in_any_state(options, states):
    found = search(defect=False, **options)
    assert (found.why, found.way) == (None, [])
    assert found.states == states


# The search finds other mistakes, too


class NoRetrigger(Drivers):
    """A driver that does not write a bit again which waits when it is unmasked."""

    def enable_vector(self, vector, core):
        at = self._mailbox(vector.cluster, vector.mailbox, 0x10)
        self._write(core, at, self._read(core, at) | 1 << vector.bit)


class MovesTooSoon(Drivers):
    """A driver that disables an interrupt where it was before it enables it elsewhere."""

    def set_affinity(self, what, core):
        place = what.cluster, 0
        before, self._affinity[place] = self._affinity[place], core
        self._enable(core, *place, before, on=False)
        self._enable(core, *place, core, on=True)


class Forgets(Drivers):
    """A driver that does not write the masked bits back."""

    def _put_back(self, core, mailbox, masked):
        pass


@pytest.mark.parametrize(
    ("driver", "why"),
    [
        (NoRetrigger, "wait, unmasked"),
        (MovesTooSoon, "wait, unmasked"),
        (Forgets, "are lost"),
    ],
)
def test_another_mistake_of_a_driver_is_found(driver, why):
    kind = type("Search", (Search,), {"driver": driver})
    assert why in search(kind, defect=False, grain=SOFTWARE).why
