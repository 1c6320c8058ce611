"""Device-tree-driven emulator of inter-processor interrupts on Kalray's Coolidge (kvx).

The Python interface is what `__all__` names; docs/python.md tells it with examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvx_emu.api import Machine, Result, load_board, run
    from kvx_emu.api.trace import Row, Trace
    from kvx_emu.core_id import CoreId
    from kvx_emu.errors import Finding, InputError, KvxEmuError, OutputError, UsageError

__version__ = "0.1.0"

__all__ = [
    "CoreId",
    "Finding",
    "InputError",
    "KvxEmuError",
    "Machine",
    "OutputError",
    "Result",
    "Row",
    "Trace",
    "UsageError",
    "__version__",
    "load_board",
    "run",
]

_MODULES = {
    "api": ("Machine", "Result", "load_board", "run"),
    "api.trace": ("Row", "Trace"),
    "core_id": ("CoreId",),
    "errors": ("Finding", "InputError", "KvxEmuError", "OutputError", "UsageError"),
}

if not TYPE_CHECKING:  # pragma: no branch - type checkers shall know the names above and no others

    def __getattr__(name: str) -> object:
        """Import what is asked for: `import kvx_emu` is part of each start of the command."""
        from importlib import import_module

        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"kvx_emu.{module}"), name)
        raise AttributeError(f"module 'kvx_emu' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
