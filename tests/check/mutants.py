# ruff: noqa: E501 - a row of words a line
"""Trees with random mistakes that still can be read: lines deleted, doubled, or with a word changed."""

from __future__ import annotations

import random
import re

WORDS = re.compile(r"#?[\w,-]+@\w+|0x[0-9a-f]+|<[^>]*>|\"[^\"]*\"|#?[a-z][\w-]*(?= =|;)|&\w+")
REPLACEMENTS = {
    "<": ["<0>", "<1>", "<2 3>", "<>", "[01]", "[00 00 00 01 02]", '"text"', "<&apic_gic 1>", "<0xffffffff 4>", "<0 0 0 0>"],
    '"': ['""', '"disabled"', '"okay"', '"simple-bus"', '"/axi"', '"a", "b"', "<7>", "[00]", '"kalray,coolidge-ipi-ctrl"'],
    "@": ["node@0", "node@0x10", "node@010", "node", "node@ad0000", "node@AB"],
    "0": ["0x0", "0x1", "0x18", "0xfe", "0xffffffff", "0x20000000"],
    "&": ["&core_clk", "&apic_gic", "&core_intc3", "&itgen0", "0x999", "0"],
    "a": ["reg", "ranges", "interrupts", "interrupt-parent", "interrupts-extended", "#interrupt-cells", "#address-cells",
          "#size-cells", "interrupt-controller", "compatible", "status", "device_type", "vendor,frob", "interrupt-map"],
}  # fmt: skip


def mutant(text: str, seed: int) -> str:
    """Return a text with one to four mistakes, always the same for a seed."""
    draw = random.Random(seed)
    lines = text.splitlines(keepends=True)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(8, len(lines) - 1)
        line = lines[at]
        kind = draw.random()
        if kind < 0.15 and line.rstrip().endswith(";") and "}" not in line:
            lines[at] = "\n"
        elif kind < 0.2:
            lines[at] = line.replace("= ", "= <1>, ", 1)
        else:
            words = list(WORDS.finditer(line))
            if words:
                word = draw.choice(words)
                first = word[0][0]
                key = "@" if "@" in word[0] and first != '"' else first if first in REPLACEMENTS else "a"
                lines[at] = line[: word.start()] + draw.choice(REPLACEMENTS[key]) + line[word.end() :]
    return "".join(lines)
