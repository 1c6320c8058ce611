"""What kvx-emu is measured against: other ways to do the same work. Benchmark code, no part of the product.

Each baseline takes writes that are `Prepared` in memory and returns the fate of every edge (one write
reaching one core). All of them, and the engines, must agree on every edge; tests/bench holds them to it.
`kvx-emu bench` finds this folder beside the package, or is given it with `--baselines`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from . import c_loop, copy_bandwidth, python_loop
from .prepared import Prepared, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sized

__all__ = ["Prepared", "baselines", "copy_gb_per_s", "prepare"]

copy_gb_per_s = copy_bandwidth.gb_per_s


def baselines() -> Mapping[str, Callable[[Prepared], Sized]]:
    """Return what can run here, by name; the length of what each returns is the number of edges.

    `simpy` needs SimPy and `c` a compiler; `python` takes functional time only (ValueError otherwise).
    """
    found: dict[str, Callable[[Prepared], Sized]] = {"python": python_loop.run}
    if find_spec("simpy") is not None:
        from . import simpy_model

        found["simpy"] = simpy_model.run
    if find_spec("kvx_emu.engine.vector") is not None:
        from . import kernel_alone

        found["kernel"] = kernel_alone.run
    if c_loop.why_not() is None:
        found["c"] = c_loop.run
    return found
