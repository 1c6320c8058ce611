"""Device-tree-driven emulator of inter-processor interrupts on Kalray's Coolidge (kvx)."""

__version__ = "0.1.0"
