"""Blocks as the spec tests find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvx_emu.models.core import Core

if TYPE_CHECKING:
    from collections.abc import Callable

LINUX = {
    "MO": 0x155555555,
    "PSO": 0x5555555555555555,
    "ITO": 0x5555555555555555,
    "ILL": 0x0001000000000132,
    "EV_PL0": 0,
    "EV_PL1": 0x1000,
    "PS": 0x01000011,
}


@pytest.fixture
def lx() -> Callable[..., Core]:
    """A PE as Linux leaves it: kernel at PL1, which owns everything, interrupts on; and what is named."""

    def build(**registers: int) -> Core:
        core = Core(0, 0)
        core.start()
        for name, value in (LINUX | registers).items():
            core.poke(name, value)
        return core

    return build
