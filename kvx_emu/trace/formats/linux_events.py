"""Rows in the words of Linux's tracing: the events, tasks and masks that trace-cmd and ftrace speak of.

Source of the events of Linux: include/trace/events/ipi.h and irq.h, Linux 6.6.
"""

from __future__ import annotations

from kvx_emu.core_id import PIDS, CoreId
from kvx_emu.trace.row import ENTER, EVENTS, EXIT, SEND

IPI_SEND, IPI_RAISE = "ipi_send_cpumask", "ipi_raise"
"""What a `send` row is, both, in this order."""

IRQ_ENTRY, IRQ_EXIT = "irq_handler_entry", "irq_handler_exit"
"""What `enter` and `exit` rows are."""

OWN = {event: f"kvx_{event}" for event in EVENTS if event not in {SEND, ENTER, EXIT}}
"""What other rows are: events of our own."""

OWN_FIELDS = ("cluster", "core", "line", "from_cluster", "from_core", "value", "tick")
"""The fields of these, in this order; what a row has not is `ABSENT`."""

ABSENT = -1


def task(cpu: int) -> tuple[int, str]:
    """Return the pid and the name of the task that is all that runs on a cpu; 0 is Linux's idle task."""
    return cpu + 1, str(CoreId(*divmod(cpu, PIDS)))


def targets(cluster: int | None, value: int) -> tuple[int, int]:
    """Return whom a write of `value` reaches, as a mask of cpus, and the bytes that the mask takes.

    They are taken to be of the writer's cluster, for a `send` row knows no other. The mask holds the cpus up
    to that cluster's last, in whole words of 64 bits.
    """
    first = (cluster or 0) * PIDS
    return (value & ((1 << PIDS) - 1)) << first, 8 * ((first + PIDS + 63) // 64)


def numbers(fields: tuple[int | None, ...]) -> tuple[int, ...]:
    """Return fields of a row with `ABSENT` for None."""
    return tuple(ABSENT if field is None else field for field in fields)
