"""The row: one event of a trace, the same for every engine and every writer."""

from __future__ import annotations

from typing import TypeAlias

Row: TypeAlias = tuple[int, int, int, str, int | None, int | None, int | None, int]
"""(tick, cluster, core, event, line, from_cluster, from_core, value); None is absent.

Ticks of the core clock; a core is its pid (0..16); `from` is the writer of the register that caused
the row. What `value` holds depends on the event.
"""

Key: TypeAlias = tuple[int, int, str, int | None, int | None]
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
RESET = "reset"  # the core was reset by a double exception; value 0

EVENTS = (SEND, MASKED, REQUEST, COALESCED, CLEAR, ENTER, EXIT, MASK, FAULT, WAKE, RESET)
