"""What Linux's tools should say of rows, for tests of the formats that they read."""

from __future__ import annotations

import csv
from typing import NamedTuple

NAMES = ["timer0", "timer1", "watchdog", "line3", *(f"apic-gic{n}" for n in range(4))]
NAMES += [*(f"line{n}" for n in range(8, 24)), *(f"ipi{n}" for n in range(24, 32))]


class Told(NamedTuple):
    """An event as a tool tells it; `time` in nanoseconds."""

    task: str
    cpu: int
    time: int
    event: str
    text: str


def run_rows(path):
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return [
            (int(row[0]), *map(number, row[1:3]), row[3], *map(number, row[4:7]), int(row[7]))
            for row in list(csv.reader(file))[1:]
        ]


def number(text):
    return int(text) if text else None


def cpu_list(cpus):
    """Return sorted cpus as Linux lists them: 0-3,7."""
    ranges = []
    for cpu in cpus:
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def cpu_words(cpus, words):
    """Return cpus as Linux shows a mask of as many words of 32 bits, the highest first."""
    parts = [0] * words
    for cpu in cpus:
        parts[cpu // 32] |= 1 << cpu % 32
    return ",".join(f"{part:08x}" for part in reversed(parts))


def told(rows, clock_hz=1_000_000_000, earliest=0):
    """Return the events that rows are to be told as, in the order of the rows."""
    events = []
    for tick, cluster, core, event, line, from_cluster, from_core, value in rows:
        cpu = 17 * (cluster or 0) + (core or 0)
        name = "rm" if core == 16 else f"pe{core or 0}"
        task = f"c{cluster}.{name}-{cpu + 1}" if cluster else f"{name}-{cpu + 1}"
        time = max(earliest, tick * 1_000_000_000 // clock_hz)
        if event == "send":
            cpus = [17 * cluster + bit for bit in range(17) if value >> bit & 1]
            words = 2 * ((17 * cluster + 16) // 64 + 1)
            texts = [
                ("ipi_send_cpumask", f"cpumask={cpu_list(cpus)} callsite=0x0 callback=0x0"),
                ("ipi_raise", f"target_mask={cpu_words(cpus, words)} ({NAMES[line]})"),
            ]
        elif event == "enter":
            texts = [("irq_handler_entry", f"irq={line} name={NAMES[line]}")]
        elif event == "exit":
            texts = [("irq_handler_exit", f"irq={line} ret=handled")]
        else:
            places = {"cluster": cluster, "core": core, "line": line}
            places |= {"from_cluster": from_cluster, "from_core": from_core}
            shown = [f"{name}={-1 if place is None else place}" for name, place in places.items()]
            texts = [(f"kvx_{event}", " ".join([*shown, f"value={value} tick={tick}"]))]
        events += [Told(task, cpu, time, *pair) for pair in texts]
    return events


def by_cpu(events):
    """Return the events of each cpu, in their order."""
    found = {}
    for event in events:
        found.setdefault(event.cpu, []).append(event)
    return found


RUNS = [
    ("boards/cluster.dts", "scripts/smoke.yaml"),
    ("boards/cluster.dts", "scripts/nesting.yaml"),
    ("boards/cluster.dts", "scripts/mask-and-coalesce.yaml"),
    ("boards/cluster.dts", "scripts/broadcast.yaml"),
    ("boards/cluster.dts", "scripts/devices.yaml"),
    ("boards/cluster.dts", "scripts/linux-traffic.yaml"),
    ("boards/cluster.dts", "scripts/timers.yaml"),
    ("boards/coolidge.dts", "scripts/power.yaml"),
]

EVERY = [
    (0, 0, 0, "mask", 24, None, None, 0xFFFF0000),
    (0, 0, 16, "send", 24, None, None, 0x1FFFF),
    (0, 0, 16, "request", 24, 0, 16, 0),
    (1, 63, 16, "send", 31, None, None, 0xFFFFFFFF),
    (1, 1, 0, "coalesced", 25, 1, 16, 0),
    (2, 1, 0, "enter", 25, None, None, 1 << 25),
    (2, 1, 0, "masked", 25, 0, 3, 0),
    (3, 1, 0, "exit", 25, None, None, 0),
    (3, 1, 0, "clear", 25, 1, 0, 0),
    (4, 1, 0, "fault", None, None, None, (1 << 64) - 1),
    (5, 1, 0, "wake", None, None, None, 1),
    (5, 1, 0, "reset", None, None, None, 2),
    (6, 2, None, "msi", 41, None, None, 0x1A00000),
    (6, 2, None, "mailbox", 127, 0, 3, 2),
    (6, 2, 3, "gic", 4, None, None, 8),
    (7, 2, 3, "ack", 4, 2, 3, 256),
    (7, None, None, "lost", 300, None, None, 0),
    (8, 2, 3, "timer", 2, None, None, 9),
    (9, 2, 3, "start", None, 0, 16, 4096),
    (9, 2, 3, "stop", None, None, None, 0),
    (9, 2, 3, "ipe", None, 0, 0, 3),
    (9, 2, 3, "op", 24, None, None, 2),
    (9, 2, 3, "irq", 4, None, None, 129),
]
"""A row of every event."""
