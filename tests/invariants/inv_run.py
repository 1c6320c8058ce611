"""Running the state machines of the invariants: all of them, with a seed, for so many examples."""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from inv_base import CHECKED, EXAMPLES, STEPS
from inv_core import CoreMachine
from inv_events import EventsMachine
from inv_fabric import FabricMachine
from inv_gic import GicMachine
from inv_ipi import IpiMachine
from inv_itgen import ItgenMachine
from inv_mailbox import MailboxMachine
from inv_pcimsi import PciMsiMachine
from inv_power import FtuMachine, PowerMachine

MACHINES = {
    "core": CoreMachine,
    "events": EventsMachine,
    "ipi": IpiMachine,
    "gic": GicMachine,
    "mailbox": MailboxMachine,
    "itgen": ItgenMachine,
    "pcimsi": PciMsiMachine,
    "power": PowerMachine,
    "ftu": FtuMachine,
    "fabric": FabricMachine,
}


class Figures(NamedTuple):
    """What a run has looked at: of one machine, and how long it took."""

    machine: str
    examples: int
    steps: int
    checks: Counter[str]
    seconds: float


SHRINK = True
"""Whether a failure is made small, unless it is said."""


def run(machine, *, examples, steps=50, number=1, shrink=None):
    """Run a machine for so many examples of at most so many steps; `number` is the seed.

    Raises what its failing step raises, with the steps up to it as notes; `shrink` makes them few.
    """
    # Hypothesis takes the seed from the class.
    seeded = seed(number)(type(machine.__name__, (machine,), {}))
    small = SHRINK if shrink is None else shrink
    phases = (Phase.generate, Phase.shrink) if small else (Phase.generate,)
    run_state_machine_as_test(
        seeded,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=phases,
            database=None,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def figures(name, **options):
    """Run the machine of this name, and return what it has looked at."""
    machine = MACHINES[name]
    cls = machine.__name__
    before, steps, examples = Counter(CHECKED), STEPS[cls], EXAMPLES[cls]
    start = time.monotonic()
    run(machine, **options)
    took = time.monotonic() - start
    checks = Counter({key[1]: number for key, number in (CHECKED - before).items()})
    return Figures(name, EXAMPLES[cls] - examples, STEPS[cls] - steps, checks, took)
