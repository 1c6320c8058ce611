"""The engines' speed: named workloads, measured in CPU time against one another and against baselines."""

from __future__ import annotations

from kvx_emu.bench.measure import bench

__all__ = ["bench"]
