"""Hardware models, one file a block; a model imports `hw` only and knows no other model.

Importing this package registers every built-in model.
"""

from kvx_emu.models import (
    apic_gic,
    apic_mailbox,
    core,
    dsu_clock,
    ftu,
    ipi_ctrl,
    itgen,
    pcimsi,
    pwr_ctrl,
)

__all__ = [
    "apic_gic",
    "apic_mailbox",
    "core",
    "dsu_clock",
    "ftu",
    "ipi_ctrl",
    "itgen",
    "pcimsi",
    "pwr_ctrl",
]
