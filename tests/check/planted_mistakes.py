"""39 mistakes planted in Kalray's tree, and what must be found where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NODE = "\tipi_ctrl@ad0000 {\n"
NAME = '"kalray,coolidge-ipi-ctrl"'
REG = "reg = <0x00 0xad0000 0x00 0x1000>;"
CELLS = "\t\t#interrupt-cells = <0>;\n"
INTC_4 = """\
			core_intc4: interrupt-controller {
				compatible = "kalray,kv3-1-intc";
				#interrupt-cells = <0x01>;
				#address-cells = <0x0>;
				interrupt-controller;
			};
"""
CPU_15 = '\t\tcpu@15 {\n\t\t\tdevice_type = "cpu";\n\t\t\treg = <0x0f>;\n'
WIRES_TO_4 = [f"<&core_intc4 {line}>,\n\t\t\t\t      " for line in ("0x4", "0x18", "0")]
AXI = "\taxi {\n"
RANGES = "\t\tranges;\n\n"

EVEN = {
    2: [("<&core_intc5 0x18>", "<&core_intc5 0x05>")],
    4: [("<&core_intc4 0x18>", "<&core_intc3 0x18>")],
    6: [(NODE, "\tspare@ad0000 {\n\t\treg = <0x00 0xad0000 0x00 0x1000>;\n\t};\n\n" + NODE)],
    8: [(CPU_15, CPU_15.replace("cpu@15", "cpu@11").replace("0x0f", "0x11"))],
    10: [(INTC_4, ""), *((wire, "") for wire in WIRES_TO_4)],
    12: [(INTC_4, INTC_4.replace("\t\t\t\tinterrupt-controller;\n", ""))],
    14: [("<&core_intc5 0x18>", "<0x999 0x18>")],
    16: [("\t\t" + REG + "\n", "")],
    18: [(REG, "reg = <0x00 0xad0000 0x1000>;")],
    20: [("<&core_intc15 0x18>", "<&core_intc15>")],
    22: [("<&core_intc5 0x18>", "<&core_intc5 0x04>")],
    24: [(NODE, NODE + '\t\tstatus = "dissabled";\n')],
    26: [(REG, REG.replace("0xad0000", "0xad0002"))],
    28: [("<&core_intc5 0x18>", "<&apic_gic 0x18>")],
    30: [(NODE, NODE.replace("ad0000", "AD0000"))],
    32: [(NAME, '"kalray,coolidge-ipi-ctlr"')],
    34: [(CELLS, CELLS.replace("<0>", '"0"'))],
    36: [
        (NODE, "\tbus {\n\t\t#address-cells = <0x02>;\n\t\t#size-cells = <0x02>;\n\n" + NODE),
        ("\tcore_timer {\n", "\t};\n\n\tcore_timer {\n"),
    ],
    38: [("\tcpus {\n\t\t#address-cells = <0x01>;", "\tcpus {\n\t\t#address-cells = <0x02>;")],
}
"""What is replaced for the mistakes that the shared data does not hold, by their descriptions."""

E, W = "error", "warning"

FOUND = {
    1: [(E, "ipi-line-range", 196)],
    2: [(W, "ipi-line-range", 196)],
    3: [(W, "ipi-core-missing", 191)],
    4: [(E, "ipi-core-twice", 194), (E, "ipi-core-twice", 195), (W, "ipi-core-missing", 191)],
    5: [
        (E, "ipi-twice", 186),
        (E, "ipi-twice", 209),
        (E, "ipi-reg-overlap", 188),
        (E, "ipi-reg-overlap", 211),
    ],
    6: [(W, "unique-unit-address", 186), (W, "unique-unit-address", 190)],
    7: [(E, "cpu-reg", 433)],
    8: [(E, "node-duplicate", 383), (E, "node-duplicate", 431)],
    9: [(W, "cpu-reg", 323), (E, "cpu-reg", 313), (E, "cpu-reg", 325)],
    10: [(E, "cpu-intc", 296)],
    11: [(E, "intc-cells", 257)],
    12: [
        (E, "ipi-target", 195),
        (W, "ipi-core-missing", 191),
        (W, "interrupts-extended-property", 160),
        (W, "interrupts-extended-property", 216),
        (W, "interrupt-provider", 305),
    ],
    13: [(E, "intc-cells", 255)],
    14: [(E, "phandle-dangling", 196)],
    15: [(W, "unit-reg-mismatch", 186)],
    16: [(E, "reg-format", 186), (W, "unit-address-vs-reg", 186)],
    17: [(E, "ipi-reg-size", 188)],
    18: [(E, "reg-format", 188)],
    19: [
        *((E, "reg-format", line) for line in (122, 152, 175, 180, 186)),
        (W, "avoid-default-addr-size", 7),
        (W, "reg-format", 17),
        (W, "ranges-format", 25),
        (W, "reg-format", 117),
    ],
    20: [(E, "interrupts-extended-property", 206)],
    21: [(W, "ipi-lines-differ", 200)],
    22: [(W, "ipi-line-range", 196), (W, "line-shared", 161), (W, "line-shared", 196)],
    23: [(W, "cpu-device-type", 275)],
    24: [(W, "status", 187), (W, "no-ipi", 7)],
    25: [(W, "mem-overlap", line) for line in (119, 124, 154, 177, 182, 188)],
    26: [(E, "ipi-reg-size", 188), (W, "unit-reg-mismatch", 186)],
    27: [(W, "no-ipi", 7)],
    28: [(E, "ipi-target", 196), (W, "ipi-core-missing", 191)],
    29: [(E, "phandle-duplicate", 18), (E, "phandle-duplicate", 188)],
    30: [(W, "unit-address-format", 186), (W, "unit-reg-mismatch", 186)],
    31: [(W, "unit-address-format", 186), (W, "unit-reg-mismatch", 186)],
    32: [(W, "compatible-near", 187), (W, "no-ipi", 7)],
    33: [(W, "unknown-property", 188)],
    34: [(E, "intc-cells", 189)],
    35: [(E, "ipi-reg-size", 188)],
    36: [(E, "ranges", 192)],
    37: [(E, "ipi-core-twice", 191), (E, "ipi-core-twice", 206)],
    38: [(E, "cpu-reg", 246), *((W, "reg-format", line) for line in range(253, 434, 12))],
    39: [(W, "chosen-path", 14)],
}
"""All that is found, but notes: severity, code and line, by the number of the mistake."""


def planted(shared: Path, number: int) -> str:
    """Return Kalray's tree with one of the mistakes."""
    text = (shared / "boards" / "coolidge-qemu.dts").read_text(encoding="utf-8")
    if number not in EVEN:
        (path,) = (shared / "check").glob(f"{number:02}-*.diff")
        return patched(text, path.read_text(encoding="utf-8"))
    for old, new in EVEN[number]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def patched(text: str, diff: str) -> str:
    """Return a text with a unified diff without context applied."""
    lines = text.splitlines(keepends=True)
    hunks = re.split(r"^@@ -(\d+)(?:,(\d+))? \+\S+ @@\n", diff, flags=re.MULTILINE)[1:]
    for at in range(len(hunks) - 3, -1, -3):
        start, count, body = int(hunks[at]), int(hunks[at + 1] or 1), hunks[at + 2].splitlines(keepends=True)
        first = start - 1 if count else start
        gone = [line[1:] for line in body if line.startswith("-")]
        assert lines[first : first + count] == gone, "the diff is of another text"
        lines[first : first + count] = [line[1:] for line in body if line.startswith("+")]
    return "".join(lines)
