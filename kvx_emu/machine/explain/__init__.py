"""What a register write does: through which nodes of the tree, to which cores and lines, and why not."""

from kvx_emu.machine.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
