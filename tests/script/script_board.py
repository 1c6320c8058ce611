"""A board as scripts see it, and shorthands to read scripts against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent

import pytest

from kvx_emu.core_id import RM, CoreId
from kvx_emu.errors import InputError, Source
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script


@dataclass
class FakeSfr:
    width: int = 32
    access: str = "RW"


@dataclass
class FakeBoard:
    """Cluster 0 with pe0..pe3 and the RM, cluster 1 with pe0 and pe1 unless told otherwise."""

    clock_hz: int = 1_000_000_000
    cores: tuple[CoreId, ...] = (
        *(CoreId(0, pid) for pid in (0, 1, 2, 3, 16)),
        CoreId(1, 0),
        CoreId(1, 1),
    )
    controllers: tuple[int, ...] = (0, 1)
    sfrs: dict[str, FakeSfr] = field(
        default_factory=lambda: {
            "ILR": FakeSfr(),
            "PS": FakeSfr(64),
            "PCR": FakeSfr(64, "R"),
            "KICK": FakeSfr(8, "W"),
        }
    )
    nodes: tuple[str, ...] = ("serial@20210000", "dma@20300000", "rtc@20400000")
    interrupts: tuple[int, ...] = (1, 2, 1)  # of each node
    mailboxes: int = 117

    @property
    def devices(self):
        """The handle of an interrupt is its device and number."""
        return [
            (node, n) for node, count in zip(self.nodes, self.interrupts, strict=True) for n in range(count)
        ]

    def device_input(self, node, index):
        """A device is called by its name, or its part before the @."""
        found = [handle for handle in self.devices if node in {handle[0], handle[0].partition("@")[0]}]
        if not found:
            raise ValueError(f"the board has no device {node}")
        if index >= len(found):
            raise ValueError(f"{node} has no interrupt {index}")
        return found[index]

    def controller_input(self, node, number, cores):
        """There is a GIC of 157 inputs, and a core_intc of 32 lines that stands for all cores."""
        inputs = {"gic": 157, "core_intc": 32}.get(node)
        if inputs is None:
            raise ValueError(f"the board has no controller {node}")
        if number >= inputs:
            raise ValueError(f"{node} has no input {number}")
        if (node == "core_intc") != (cores is not None):
            raise ValueError(f"{node} and core do not fit")
        return (node, number, cores)

    def mailbox(self, place, number):
        """Each cluster has its mailboxes, those of cluster 1 with a node; a handle is where and which."""
        place = {"mbox1": 1}.get(place, place)
        if place not in {0, 1}:
            raise ValueError(f"{place} has no mailboxes")
        if number >= self.mailboxes:
            raise ValueError(f"there is no mailbox {number}")
        return ("mailbox", place, number)

    def irq_cores(self, target):
        """Mailboxes belong to the PEs of their cluster, devices to those of 0; the rtc leads to a core."""
        if target[0].startswith("rtc"):
            return ()
        cluster = target[1] if target[0] == "mailbox" else 0
        return [core for core in self.cores if core.cluster == cluster and core.pid != RM]


def read(text, **options):
    """Load a script from text."""
    return load_script(Source("t.yaml", dedent(text)), **options)


def steps(*lines):
    """Return the text of a script of these steps, the first in line 3."""
    return "version: 1\nsteps:\n" + "".join(f"- {line}\n" for line in lines)


def program(*lines, board=None, **options):
    """Return the program of these steps."""
    return bind(read(steps(*lines)), board or FakeBoard(), **options)


def action(line, board=None):
    """Return the one action of one step."""
    (only,) = program(line, board=board).actions
    return only


def errors(text, board=None, **options):
    """Return (line, column, code) of each finding, and all messages as one text."""
    with pytest.raises(InputError) as caught:
        bind(read(text, partial=True, **options), board or FakeBoard())
    findings = caught.value.findings
    assert {finding.severity for finding in findings} == {"error"}
    places = [(finding.place.line, finding.place.column, finding.code) for finding in findings]
    return places, "\n".join(finding.message for finding in findings)


def step_error(line, board=None):
    """Return (column, code, message) of the one finding of one step, which stands in line 3."""
    places, message = errors(steps(line), board)
    assert len(places) == 1, (places, message)
    assert places[0][0] == 3
    return places[0][1], places[0][2], message
