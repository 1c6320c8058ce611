"""The row: one event of a trace, the same for every engine and every writer."""

from __future__ import annotations

from typing import TypeAlias

Row: TypeAlias = tuple[int, int | None, int | None, str, int | None, int | None, int | None, int]
"""(tick, cluster, core, event, line, from_cluster, from_core, value); None is absent.

Ticks of the core clock; a core is its pid (0..16); `from` is the writer of the register that caused
the row. A row of a block outside the cores has no core, and one outside the clusters no cluster. What
`value` holds depends on the event.
"""

Key: TypeAlias = tuple[int | None, int | None, str, int | None, int | None]
"""(cluster, core, event, line, from_cluster): the part of a row that is counted, `row[1:6]`."""

COLUMNS = ("tick", "cluster", "core", "event", "line", "from_cluster", "from_core", "value")

SEND = "send"  # a write to an INTERRUPT register was accepted; value: the 32 bits written
MASKED = "masked"  # the MASK register stopped a target bit: nothing is kept
REQUEST = "request"  # the core's ILR bit went from 0 to 1
COALESCED = "coalesced"  # the ILR bit was 1 already: this request is absorbed
CLEAR = "clear"  # a pending request was cleared by software or reset; value: ILR now
ENTER = "enter"  # the handler of the line starts; value: ILR before the take cleared its bits
EXIT = "exit"  # the handler of the line ended; value: ILR now
MASK = "mask"  # a MASK register was written; value: the 32 bits written
FAULT = "fault"  # a bus error; value: the address
WAKE = "wake"  # the core left await, sleep, stop or waitit; value: its WS register
RESET = "reset"  # the core was reset; value: why, one of the three below

MSI = "msi"  # an interrupt generator wrote a message; line: its input; value: the address written
MAILBOX = "mailbox"  # a mailbox took a write; line: its number; value: its VALUE now
GIC = "gic"  # a GIC output took an input; line: that of the core; value: the input
ACK = "ack"  # LAC was read and so cleared; line: of the core, or the mailbox; value: the bits it gave
LOST = "lost"  # an interrupt ended here without effect; line: the input or mailbox; value 0
TIMER = "timer"  # a timer or the watchdog ran out; line: 0, 1 or 2; value: TCR now
START = "start"  # the core was woken up by a power controller; value: its PC
STOP = "stop"  # the core stopped; value 0
IPE = "ipe"  # an inter-processor event reached the core; value: bits 31:0 of its IPE register
OP = "op"  # Linux did an operation that an IPI asked for; value: 0 reschedule, 1 call_func, 2 irq_work
IRQ = "irq"  # Linux handled a message; value: mailbox * 64 + bit

BY_DOUBLE, BY_WATCHDOG, BY_POWER = 0, 1, 2
"""Why a core was reset: a double exception, its watchdog, the power controller or the FTU."""

EVENTS = (
    SEND, MASKED, REQUEST, COALESCED, CLEAR, ENTER, EXIT, MASK, FAULT, WAKE, RESET,
    MSI, MAILBOX, GIC, ACK, LOST, TIMER, START, STOP, IPE, OP, IRQ,
)  # fmt: skip
