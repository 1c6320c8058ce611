"""What Linux's IPIs are for: the word of operations that each core has.

Source: Linux arch/kvx/kernel/smp.c; the operations and their order: the enum there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId
from kvx_emu.hw.register import bits
from kvx_emu.trace.row import OP

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from kvx_emu.engine.run import Run
    from kvx_emu.models.core import Core
    from kvx_emu.saved import Saved, Value

OPERATIONS = ("reschedule", "call_func", "irq_work")
"""By bit of the word. A handler does them in this order."""


class IpiOps:
    """The words of all cores: a sender sets bits before it writes, the handler takes them all.

    So two sends before the handler runs make one interrupt that does both, and an IPI that finds the word
    empty is just handled.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.words: dict[CoreId, int] = {}

    def post(self, targets: Iterable[CoreId], operation: int) -> None:
        """Ask each target for an operation; the write to the controller follows."""
        for core in targets:
            self.words[core] = self.words.get(core, 0) | 1 << operation

    def handle(self, core: Core, line: int) -> None:
        """Do what was asked of a core; a bit that Linux has no operation for is a bug of the sender."""
        name = CoreId(core.cluster, core.pid)
        for operation in bits(self.words.pop(name, 0)):
            self._run.rows.append((self._run.now, *name, OP, line, None, None, operation))
            if operation >= len(OPERATIONS):
                message = f"{name}: Linux has no IPI operation {operation} and reports a bug"
                self._run.warn(("ipi-op", operation), "ipi-operation", message)

    def state(self) -> Value:
        """Return the words that are not 0, as cluster, pid and word."""
        return [[*core, word] for core, word in sorted(self.words.items()) if word]

    def restore(self, saved: Saved, known: Container[CoreId]) -> None:
        """Take them back. ValueError if they are not of this kind."""
        self.words.clear()
        for entry in saved.items():
            *core, word = entry.items(3)
            name = CoreId(*(part.number() for part in core))
            if name not in known or name in self.words:
                raise entry.wrong("a core of the board, each once")
            self.words[name] = word.number(least=1)
