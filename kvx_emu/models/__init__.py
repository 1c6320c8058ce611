"""Hardware models, one file a block; a model imports `hw` only and knows no other model.

Importing this package registers every built-in model.
"""

from kvx_emu.models import core, ipi_ctrl

__all__ = ["core", "ipi_ctrl"]
