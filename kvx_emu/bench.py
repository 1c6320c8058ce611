"""The engines' speed: named workloads, measured in CPU time.

An edge is one write reaching one core. The load of a workload is the edge rate of a core times the time
that it needs for one: at 1 it is busy all the time.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu import __version__
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.machine.machine import Machine, build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.script.actions import Program

SERVICE = 100
"""Ticks that a handler runs in the timed workloads."""


class Workload(NamedTuple):
    """A script for a board of one cluster of 16 PEs; `edges` is what it makes per send, on average."""

    name: str
    script: str
    edges: int  # cores that one send reaches


def workloads() -> Iterator[Workload]:
    """Yield the workloads; `{sends}` in a script stands for the number of sends."""
    head = "version: 1\nsoftware: linux\n"
    timing = f"timing: {{delivery: 20, entry: 10, service: {SERVICE}}}\n"
    for name, edges, targets in (("broadcast", 16, "all"), ("single", 1, "one")):
        step = f"random: {{count: {{sends}}, targets: {targets}, from: pes"
        yield Workload(f"{name}-functional", f"{head}steps:\n  - {step}, every: 0}}\n", edges)
        for load in (0.01, 0.1, 0.3, 0.9):
            every = round(SERVICE / load * edges / 16)
            yield Workload(
                f"{name}-load-{load:g}", f"{head}{timing}steps:\n  - {step}, every: {every}}}\n", edges
            )
    nested = (
        f"version: 1\nsoftware: bare\nnesting: true\n{timing}steps:\n"
        "  - sfr: {core: all, register: PS, write: 0x01000010}\n"
        "  - enable: {cores: all, lines: 24-31}\n"
        + "".join(
            f"  - level: {{cores: all, line: {line}, value: {1 + line % 3}}}\n" for line in range(24, 32)
        )
    )
    for load in (0.1, 0.9):
        every = round(SERVICE / load / 16)
        step = f"random: {{count: {{sends}}, targets: one, from: pes, lines: 24-31, every: {every}}}"
        yield Workload(f"single-nested-load-{load:g}", f"{nested}  - {step}\n", 1)


def board_text(pes: int = 16) -> str:
    """Return the source of a board of one cluster, in the newest names."""
    cores = range(pes)
    cpus = "\n".join(
        f'    cpu@{pid:x} {{ device_type = "cpu"; compatible = "kalray,kv3-1-pe"; reg = <{pid}>;\n'
        f'      pe{pid}: interrupt-controller {{ compatible = "kalray,kv3-1-intc"; interrupt-controller;'
        " #interrupt-cells = <1>; }; };"
        for pid in cores
    )
    wires = ", ".join(f"<&pe{pid} 24>" for pid in cores)
    return (
        "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>;\n"
        f"  cpus {{ #address-cells = <1>; #size-cells = <0>;\n{cpus}\n  }};\n"
        '  interrupt-controller@ad0000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0xad0000 0x1000>;\n'
        f"    interrupt-controller; #interrupt-cells = <0>; interrupts-extended = {wires}; }};\n}};\n"
    )


def _machine() -> Machine:
    return build(read_tree(board_text().encode(), "bench.dts"))[0]


def _program(workload: Workload, edges: int, machine: Machine) -> Program:
    text = workload.script.replace("{sends}", str(max(1, edges // workload.edges)))
    return bind(load_script(Source(f"{workload.name}.yaml", text)), machine)


def measure(workload: Workload, edges: int, rounds: int) -> dict[str, object]:
    """Run a workload `rounds` times on the reference engine and return its result record.

    `edges_per_s` is that of the median round, in CPU seconds of the run alone: without reading, building
    or writing anything.
    """
    seconds, made = [], 0
    for _ in range(rounds):
        machine = _machine()
        engine = Reference(machine, _program(workload, edges, machine))
        start = time.process_time()
        outcome = engine.run()
        seconds.append(time.process_time() - start)
        made = sum(line.sent for line in outcome.summary.values())
    median = statistics.median(seconds)
    return {
        "workload": workload.name,
        "engine": "reference",
        "edges": made,
        "cpu_s": median,
        "edges_per_s": made / median,
        "ratio_to_reference": 1.0,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def bench(*, quick: bool) -> dict[str, object]:
    """Measure every workload; `quick` makes it a tenth as long."""
    edges, rounds = (10_000, 3) if quick else (100_000, 3)
    return {
        "machine": {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "architecture": platform.machine(),
            "cpus": os.cpu_count(),
            "kvx_emu": __version__,
        },
        "results": [measure(workload, edges, rounds) for workload in workloads()],
    }
