# ruff: noqa: E501 - fragments stand as they are shown
"""Explanations of the rules about GICs, mailboxes, interrupt generators, power and clocks."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import Explained

EXPLAINED = {
    "clock-unknown": Explained(
        "Core timers and the DSU clock count the ticks of the clock that their node names. One that names none, or\n"
        "one without a clock-frequency, is taken to run with the cores.",
        '/ { timer { compatible = "kalray,kv3-1-timer"; interrupts-extended = <&pe0 0>, <&pe1 0>; }; };',
        '/ { timer { compatible = "kalray,kv3-1-timer"; interrupts-extended = <&pe0 0>, <&pe1 0>; clocks = <&clk>; }; };',
    ),
    "cpu-power": Explained(
        "A cpu may name the power controller that starts it. A cpu that names none is started by that of its\n"
        "cluster, and so is one whose power-controller is something else.",
        "&cpu0 { power-controller = <&gic>; };",
        '&cpu0 { power-controller = <&pwr>; };\n&soc { pwr: pwr_ctrl@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4158>; }; };',
    ),
    "gic-input": Explained(
        "An APIC GIC has the inputs 0 to 156: 128 for mailboxes, then those of the cluster's own devices.",
        "&soc { dma@800000 { reg = <0 0x800000 0 0x1000>; interrupt-parent = <&gic>; interrupts = <157>; }; };",
        "&soc { dma@800000 { reg = <0 0x800000 0 0x1000>; interrupt-parent = <&gic>; interrupts = <129>; }; };",
    ),
    "gic-reg-size": Explained(
        "The registers of an APIC GIC are 18 groups of 0x1000 bytes, one a core and one more: 0x12000 in all.",
        "&gic { reg = <0 0xa20000 0 0x10000>; };",
        "&gic { reg = <0 0xa20000 0 0x12000>; };",
    ),
    "gic-target": Explained(
        "The outputs of an APIC GIC are wired to the lines 4 to 7 of the cores of its cluster, whatever the tree\n"
        "says. An entry that names anything else describes a wire that is not there.",
        "&gic { interrupts-extended = <&pe0 4>, <&pe1 8>; };",
        "&gic { interrupts-extended = <&pe0 4>, <&pe1 5>; };",
    ),
    "input-shared": Explained(
        "Whoever serves an input of a controller can not tell which of two devices raised it.",
        "&soc { serial@20211000 { reg = <0 0x20211000 0 0x100>; interrupt-parent = <&itgen>; interrupts = <41 4>; }; };",
        "&soc { serial@20211000 { reg = <0 0x20211000 0 0x100>; interrupt-parent = <&itgen>; interrupts = <42 4>; }; };",
    ),
    "itgen-input": Explained(
        "An interrupt generator has the inputs 0 to 271, and sends a message for a rising edge (type 1) or for a high\n"
        "level (type 4). Linux warns of other types: the hardware does not support them.",
        "&uart { interrupts = <41 8>; };",
        "&uart { interrupts = <41 1>; };",
    ),
    "itgen-parent": Explained(
        "An interrupt generator sends its messages to the APIC mailboxes that its msi-parent names.",
        "&itgen { msi-parent = <&gic>; };",
        "&itgen { msi-parent = <&mailbox>; };",
    ),
    "mailbox-interrupts": Explained(
        "Mailbox n drives interrupt n of the node, so a block has at most as many as it has mailboxes: one for each\n"
        "0x200 bytes of registers, and never more than 128. A mailbox without an interrupt only keeps its value.",
        "&mailbox { reg = <0 0xa00000 0 0x200>; };",
        "&mailbox { reg = <0 0xa00000 0 0x400>; };",
    ),
    "mailbox-parent": Explained(
        "The mailboxes of a cluster are wired to the inputs of that cluster's APIC GIC.",
        "&mailbox { interrupts-extended = <&pe0 5>, <&pe0 6>; };",
        "&mailbox { interrupts-extended = <&gic 0>, <&gic 1>; };",
    ),
    "reg-overlap": Explained(
        "Where the registers of two of Kalray's blocks overlap, the smaller block answers: the DSU clock lies inside\n"
        "the power controller as Kalray's trees give it, which is a note. Of two of one size nobody can say, which is\n"
        "a warning; that of an IPI controller overlaps nothing (ipi-reg-overlap).",
        '&soc { pwr_ctrl@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4188>; };\n'
        '\tdsu_clock@a44180 { compatible = "kalray,coolidge-dsu-clock"; reg = <0 0xa44180 0 8>; clocks = <&clk>; }; };',
        '&soc { pwr_ctrl@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4158>; };\n'
        '\tdsu_clock@a44180 { compatible = "kalray,coolidge-dsu-clock"; reg = <0 0xa44180 0 8>; clocks = <&clk>; }; };',
    ),
}
