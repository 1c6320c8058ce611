"""The named workloads: scripts, and the boards that they run on.

An edge is one write reaching one core. The load of a workload is the share of time that a core would be
busy if every edge were handled: edges of a core per tick, times the ticks that one keeps it busy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvx_emu.script.splitmix import mix

if TYPE_CHECKING:
    from collections.abc import Iterator

PES = 16
BUSY = 1000
"""Ticks that one edge keeps a core busy, entry and handler, on a board of one cluster."""

DELIVERY, ENTRY = 200, 100
LOADS = (0.01, 0.1, 0.3, 0.9)
MOST_CLUSTERS = 256
"""A core's register PCR has 8 bits for its cluster, so no board has more."""

PATTERN = 256
"""Sends of a period with uneven gaps: too long for a processor to learn what comes."""

BURSTS = 8
"""Drawn sends come in so many bursts of so many sends, each with another gap."""

PER_SEND = {"broadcast": 16, "others": 15, "uniform": 8, "single": 1}
"""Cores that a send reaches, on average, by what it is sent to: all PEs, all but the sender, each PE with
chance 1/2, one other."""


@dataclass(frozen=True)
class Workload:
    """A script for a board of so many clusters of 16 PEs; `load` None is functional time.

    Flat ones run Linux, on line 24; nested ones run bare handlers that preempt one another, on the first
    `lines` of the lines 24-31, whose levels are 1..3. A masked one writes MASK at every hundredth step.
    `size` is a number of edges of its own, for the figures against the length of a script.
    """

    targets: str
    load: float | None = None
    nested: bool = False
    masked: bool = False
    lines: int = 8
    clusters: int = 1
    size: int | None = None

    @property
    def name(self) -> str:
        """What it is called, from what it is."""
        parts = [self.targets]
        parts += ["nested"] * self.nested + ["masked"] * self.masked
        parts.append("functional" if self.load is None else f"load-{self.load:g}")
        parts += [f"lines-{self.lines}"] * (self.lines != 8)
        parts += [f"clusters-{self.clusters}"] * (self.clusters != 1)
        parts += [f"edges-{self.size}"] * (self.size is not None)
        return "-".join(parts)

    def script(self, edges: int) -> str:
        """Return the YAML of some `edges` edges, more or less by the period of what repeats."""
        sends = max(1, round(edges / PER_SEND[self.targets]))
        top = "nesting: true\n" if self.nested else ""
        if self.load is not None:
            # With more clusters a core gets a write less often; it is busy for longer, so that the time
            # between writes stays many ticks.
            service = BUSY * self.clusters - ENTRY
            top += f"timing: {{delivery: {DELIVERY}, entry: {ENTRY}, service: {service}}}\n"
        steps = "".join(f"  - {step}\n" for step in (*self._settings(), *self._steps(sends)))
        software = "bare" if self.nested else "linux"
        return f"version: 1\nsoftware: {software}\n{top}steps:\n{steps}"

    def _settings(self) -> Iterator[str]:
        if self.nested:
            yield "sfr: {core: all, register: PS, write: 0x01000010}"
            yield f"enable: {{cores: all, lines: {self._lines}}}"
            for line in range(24, 24 + self.lines):
                yield f"level: {{cores: all, line: {line}, value: {1 + line % 3}}}"

    @property
    def _lines(self) -> str:
        return f"24-{23 + self.lines}" if self.nested and self.lines > 1 else "24"

    @property
    def _gap(self) -> float:
        """Ticks between two sends."""
        return 0 if self.load is None else BUSY * PER_SEND[self.targets] / (PES * self.load)

    def _steps(self, sends: int) -> Iterator[str]:
        every = round(self._gap)
        if self.masked:
            half = f"{{random: {{count: 99, {self._draw(every)}}}}}"
            wait = f", {{wait: {every}}}" if every else ""
            body = ", ".join(
                f"{half}, {{mask: {{line: 24, block: {block}}}}}{wait}" for block in ("[pe3, pe8-11]", "[]")
            )
            count = max(1, round(sends / 198))
            yield f"repeat: {{count: {count}, every: {200 * every}, steps: [{body}]}}"
        elif self.targets == "others" or (self.targets == "broadcast" and every and not self.nested):
            period = min(sends, PATTERN)
            body = ", ".join(self._uneven(period))
            yield f"repeat: {{count: {round(sends / period)}, steps: [{body}]}}"
        elif self.targets == "single" or not every:
            yield f"random: {{count: {sends}, {self._draw(every)}}}"
        else:
            body = ", ".join(
                f"{{random: {{count: {BURSTS}, {self._draw(round(gap * self._gap))}}}}}"
                for gap in _gaps(BURSTS)
            )
            yield f"repeat: {{count: {max(1, round(sends / BURSTS**2))}, steps: [{body}]}}"

    def _draw(self, every: int) -> str:
        kind = {"broadcast": "all", "single": "one"}.get(self.targets, self.targets)
        return f"targets: {kind}, from: pes, lines: {self._lines}, every: {every}"

    def _uneven(self, sends: int) -> Iterator[str]:
        """Yield sends to all or others at uneven gaps."""
        to = "all" if self.targets == "broadcast" else "others"
        for k, gap in enumerate(_gaps(sends)):
            yield f"{{send: {{from: pe{k % PES}, to: {to}}}}}"
            if self.load is not None:
                yield f"{{wait: {round(gap * self._gap)}}}"


def _gaps(count: int) -> list[float]:
    """Return gaps that are spread as those of chance arrivals of mean 1, shuffled, always the same.

    A `random` step sends at even gaps. A core that may get every send would never be found busy.
    """
    gaps = [-math.log(1 - (k + 0.5) / count) for k in sorted(range(count), key=mix)]
    return [gap * count / sum(gaps) for gap in gaps]


def workloads(*, quick: bool) -> Iterator[Workload]:
    """Yield the workloads; the quick form leaves out large boards and the series against one parameter."""
    for targets in PER_SEND:
        yield Workload(targets)
    for targets in ("broadcast", "uniform", "single"):
        yield Workload(targets, masked=True)
    for targets in PER_SEND:
        for load in LOADS:
            yield Workload(targets, load)
    for targets in ("broadcast", "uniform", "single"):
        for load in LOADS:
            yield Workload(targets, load, nested=True)
    for targets in ("uniform", "single"):
        yield Workload(targets, 0.1, masked=True)
    yield Workload("single", 0.1, clusters=5)
    if not quick:
        yield Workload("single", 0.1, clusters=100)
        yield Workload("single", 0.1, clusters=MOST_CLUSTERS)
        for lines in (1, 2, 4):
            yield Workload("uniform", 0.3, nested=True, lines=lines)
        for targets in ("broadcast", "single"):
            for size in (100, 1_000, 10_000, 1_000_000):
                yield Workload(targets, 0.1, size=size)


def board_text(clusters: int = 1, pes: int = PES) -> str:
    """Return the source of a board of so many equal clusters, in the newest names."""
    cpus, controllers = [], []
    for cluster in range(clusters):
        for pid in range(pes):
            reg = cluster << 8 | pid
            cpus.append(
                f'    cpu@{reg:x} {{ device_type = "cpu"; compatible = "kalray,kv3-1-pe"; reg = <{reg:#x}>;\n'
                f'      c{cluster}p{pid}: interrupt-controller {{ compatible = "kalray,kv3-1-intc";'
                " interrupt-controller; #interrupt-cells = <1>; }; };\n"
            )
        start = 0xAD0000 + 0x0100_0000 * (cluster + 1)
        wires = ", ".join(f"<&c{cluster}p{pid} 24>" for pid in range(pes))
        controllers.append(
            f'  interrupt-controller@{start:x} {{ compatible = "kalray,coolidge-ipi-ctrl";\n'
            f"    reg = <{start >> 32:#x} {start & 0xFFFFFFFF:#x} 0x1000>; interrupt-controller;"
            f" #interrupt-cells = <0>;\n    interrupts-extended = {wires}; }};\n"
        )
    return (
        "/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <1>;\n"
        f"  cpus {{ #address-cells = <1>; #size-cells = <0>;\n{''.join(cpus)}  }};\n"
        f"{''.join(controllers)}}};\n"
    )
