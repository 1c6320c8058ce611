"""Tiny boards as source text, and what the rules find in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import NOTE, Source
from kvx_emu.machine.machine import build
from kvx_emu.machine.wiring import read_wiring
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Tree
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.errors import Finding
    from kvx_emu.machine.machine import Machine
    from kvx_emu.machine.wiring import Wiring

GIC = (
    'gic: gic@a20000 { compatible = "kalray,coolidge-apic-gic"; reg = <0 0xa20000 0 0x12000>; '
    "interrupt-controller; #interrupt-cells = <1>; };"
)


def board(*nodes: str) -> str:
    """Return a tree with these nodes below the root, one a line from line 3 on."""
    return "/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <2>;\n" + "\n".join(nodes) + "\n};\n"


def cpus(*nodes: str, more: str = "") -> str:
    return "cpus { #address-cells = <1>; #size-cells = <0>; " + more + "\n" + "\n".join(nodes) + "\n};"


def intc(label: str = "", compatible: str = "kalray,kv3-1-intc", more: str = "") -> str:
    """Return an interrupt controller of a core, or of all."""
    name = f"{label}: " if label else ""
    return (
        f'{name}interrupt-controller {{ compatible = "{compatible}"; interrupt-controller; '
        f"#interrupt-cells = <1>; {more} }};"
    )


def cpu(reg: int, more: str = "", inside: str | None = None) -> str:
    """Return a cpu whose interrupt controller has the label `pe` + number, `c1pe` + number and so on."""
    cluster, pid = divmod(reg, 0x100)
    label = f"c{cluster}pe{pid}" if cluster else f"pe{pid}"
    inside = intc(label) if inside is None else inside
    return f'cpu@{reg:x} {{ device_type = "cpu"; reg = <{reg:#x}>; {more} {inside} }};'


def ipi(
    wires: str,
    *,
    address: int = 0xAD0000,
    size: int = 0x1000,
    compatible: str = "kalray,coolidge-ipi-ctrl",
    more: str = "",
) -> str:
    """Return an IPI controller in the new shape; `wires` as `<&pe0 24>, <&pe1 24>`."""
    wired = f"interrupts-extended = {wires};" if wires else ""
    reg = f"reg = <0 {address:#x} 0 {size:#x}>;"
    return f'ipi@{address:x} {{ compatible = "{compatible}"; {reg} {wired} {more} }};'


def tree_of(text: str) -> Tree:
    return read_tree(text.encode(), "board.dts")


def survey(text: str) -> tuple[Wiring, list[Finding]]:
    """Return the facts of a board and all that was found."""
    findings: list[Finding] = []
    return read_wiring(tree_of(text), findings.append), findings


def pointed(finding: Finding) -> str:
    """Return the word of the source that a finding points at."""
    assert finding.place.line is not None
    assert finding.place.column is not None
    word = re.match(r"[^\s;>{]+", finding.place.text[finding.place.column - 1 :])
    assert word is not None, finding
    return word[0]


def told(text: str, *, notes: bool = False) -> list[tuple[str, str, str | None, str]]:
    """Return (severity, code, node, word pointed at) of what is found in a board, notes only if asked."""
    return [
        (finding.severity, finding.code, finding.node, pointed(finding))
        for finding in survey(text)[1]
        if notes or finding.severity != NOTE
    ]


def messages(text: str) -> list[str]:
    return [finding.message for finding in survey(text)[1]]


def machine_of(text: str, profile: str = "hardware") -> Machine:
    return build(tree_of(text), profile)[0]


class _Rows(list):  # type: ignore[type-arg]
    def add(self, rows: list[object]) -> None:
        self.extend(rows)


def run(machine: Machine, script: str) -> tuple[list[object], Outcome]:
    """Return the rows and the outcome of a script (the text of it) on a new machine."""
    program = bind(load_script(Source("script.yaml", script)), machine)
    rows = _Rows()
    outcome = Reference(machine, program, [rows]).run()
    return list(rows), outcome


def trace(tree: Tree, script: str) -> list[object]:
    """Return the rows of a script on the machine of a tree."""
    return run(build(tree)[0], script)[0]


TWO = cpus(cpu(0), cpu(1))
BOTH = "<&pe0 24>, <&pe1 24>"
OLD_CPUS = cpus(cpu(0, inside=""), cpu(1, inside=""))
OLD_INTC = intc("all", "kalray,kvx-core-intc")
OLD_IPI = (
    'ipi@ad0000 { compatible = "kalray,kvx-ipi-ctrl"; reg = <0 0xad0000 0 0x1000>; '
    "interrupt-parent = <&all>; interrupts = <24>; };"
)
PES_0_AND_1 = [(CoreId(0, 0), 24), (CoreId(0, 1), 24)]


def wires_of(text: str) -> list[tuple[CoreId, int]]:
    """Return (core, line) of each wire of a board's only controller, and see that nothing was wrong."""
    wiring, findings = survey(text)
    assert findings == []
    (controller,) = wiring.ipis
    return [(wire.core, wire.line) for wire in controller.wires]
