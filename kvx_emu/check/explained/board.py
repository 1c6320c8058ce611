# ruff: noqa: E501 - fragments stand as they are shown
"""Explanations of the rules about IPI controllers, cores and nodes."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import Explained

EXPLAINED = {
    "ipi-core-missing": Explained(
        "The hardware has an output for every core, but the driver enables a line only on the cores that the\n"
        "node names. A core that is left out never gets an IPI from Linux.",
        "&ipi { interrupts-extended = <&pe0 24>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "ipi-core-order": Explained(
        "Bit n of an INTERRUPT or MASK register is core n, whatever the order of the entries. Entries in another\n"
        "order work, but mislead whoever takes their index for the number of the bit.",
        "&ipi { interrupts-extended = <&pe1 24>, <&pe0 24>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "ipi-core-twice": Explained(
        "Each entry is a wire from one output of the controller to one line of one core. The same wire twice is\n"
        "a slip: most often the second was meant for another core.",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>, <&pe1 24>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "ipi-line-range": Explained(
        "A core has the lines 0 to 31, and the 8 sets of an IPI controller drive its lines 24 to 31. A line above\n"
        "31 is an error; one below 24 is a warning, since the wire does not exist in the hardware.",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 0x28>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "ipi-lines-differ": Explained(
        "Linux maps entry 0 only and takes its line for that of every core. A core that is wired to another line\n"
        "gets its IPIs on a line that nobody handles.",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 25>; };",
        "&ipi { interrupts-extended = <&pe0 25>, <&pe1 25>; };",
    ),
    "ipi-reg-overlap": Explained(
        "Two blocks answer at one address. The ranges are compared after translation through the buses above.",
        '&soc { pwr_ctrl@ad0800 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xad0800 0 0x4188>; }; };',
        '&soc { pwr_ctrl@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4188>; }; };',
    ),
    "ipi-reg-size": Explained(
        "The controller has 8 INTERRUPT and 8 MASK registers of 4 bytes from offset 0, 0x40 bytes. A smaller\n"
        "size, a start that is no multiple of 4, and an end beyond 2^64 are errors; more than 0x1000 is a warning.",
        "&ipi { reg = <0 0xad0000 0 0>; };",
        "&ipi { reg = <0 0xad0000 0 0x1000>; };",
    ),
    "ipi-target": Explained(
        "The outputs of an IPI controller go to the interrupt controllers inside the cores of its own cluster,\n"
        "and nowhere else. The target must say interrupt-controller.",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>, <&gic 24>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "ipi-twice": Explained(
        "A cluster has one IPI controller. Two nodes in one cluster's window, even at two addresses, can not both\n"
        "be it; disable one.",
        '&soc { ipi_ctrl@ae0000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0xae0000 0 0x1000>;\n'
        "\tinterrupts-extended = <&pe0 25>, <&pe1 25>; }; };",
        '&soc { ipi_ctrl@ae0000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0xae0000 0 0x1000>;\n'
        '\tstatus = "disabled"; }; };',
    ),
    "ipi-window": Explained(
        "A cluster's blocks stand in its window: the first 16 MiB for the cluster itself, and 0x01000000 x (c + 1)\n"
        "for all. Only from that follows which cores a controller serves.",
        '/ { soc { ipi_ctrl@ad0000 { status = "disabled"; };\n'
        '\tipi_ctrl@30000000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0x30000000 0 0x1000>; }; }; };',
        '/ { soc { ipi_ctrl@ad0000 { status = "disabled"; };\n'
        '\tipi_ctrl@1ad0000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0x1ad0000 0 0x1000>;\n'
        "\t\tinterrupts-extended = <&pe0 24>, <&pe1 24>; }; }; };",
    ),
    "no-ipi": Explained(
        "Nothing in the tree, or nothing enabled, is an IPI controller. The tree may be fine, but there is nothing\n"
        "to emulate: `run` refuses it.",
        '&ipi { status = "disabled"; };',
        '&ipi { status = "okay"; };',
    ),
    "clock-frequency": Explained(
        "The core clock turns durations into ticks: a number of one cell or two, in Hz, and not 0.",
        "&clk { clock-frequency = <0>; };",
        "&clk { clock-frequency = <500000000>; };",
    ),
    "cpu-device-type": Explained(
        "Linux looks for cpus by device_type and does not start a core without it. Told of trees whose cpus have\n"
        "an interrupt controller of their own; the tree that Kalray's QEMU generates has none.",
        "&cpu1 { /delete-property/ device_type; };",
        '&cpu1 { device_type = "cpu"; };',
    ),
    "cpu-intc": Explained(
        "Each core has one interrupt controller: in the newer shape a kalray,kv3-1-intc inside the node of the\n"
        "cpu, in the older one a single node for all cores.",
        "&cpu1 { /delete-node/ interrupt-controller; };\n&gic { interrupts-extended = <&pe0 4>; };\n"
        "&ipi { interrupts-extended = <&pe0 24>; };",
        "/ { cpus { /delete-node/ cpu@1; }; };\n&gic { interrupts-extended = <&pe0 4>; };\n"
        "&ipi { interrupts-extended = <&pe0 24>; };",
    ),
    "cpu-reg": Explained(
        "A cpu's reg is one cell, cluster << 8 | pid, with a pid of 0 to 16, and no other cpu's. The unit address\n"
        "repeats it in hexadecimal; Kalray's trees write decimal, which is a note.",
        "&cpu1 { reg = <17>; };",
        "&cpu1 { reg = <1>; };",
    ),
    "dialect": Explained(
        "The names of the bindings changed: k1c (2018), kvx (2020, and QEMU), kv3-1 (2023), coolidge (2024). The\n"
        "hardware is the same. In the older shape one interrupt controller stands for those of all cores.",
        "/* any board with one of Kalray's names, as this one: it is but a note */",
        '&ipi { compatible = "vendor,ipi"; };\n&pe0 { compatible = "vendor,intc"; };\n'
        '&pe1 { compatible = "vendor,intc"; };\n&cpu0 { compatible = "vendor,pe"; };\n'
        '&cpu1 { compatible = "vendor,pe"; };',
    ),
    "intc-cells": Explained(
        "A specifier of a core's interrupt controller is the number of the line: #interrupt-cells = <1>. Kalray's\n"
        "other controllers must have one cell there too, whatever its value.",
        "&pe1 { #interrupt-cells = <2>; };\n&gic { interrupts-extended = <&pe0 4>, <&pe1 4 0>; };\n"
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24 0>; };",
        "&pe1 { #interrupt-cells = <1>; };",
    ),
    "line-shared": Explained(
        "A core can not tell which of two devices raised a line. By convention the timer has line 0, the watchdog\n"
        "2, the APIC GIC 4 and the IPI controller 24.",
        "/ { watchdog { interrupts-extended = <&pe0 4>, <&pe1 4>; }; };",
        "/ { watchdog { interrupts-extended = <&pe0 2>, <&pe1 2>; }; };",
    ),
    "no-cpus": Explained(
        "The cores of a machine are the enabled cpu nodes in /cpus. Without one there is nothing to run.",
        '&cpu0 { status = "disabled"; };\n&cpu1 { status = "disabled"; };',
        '&cpu1 { status = "okay"; };',
    ),
    "alias-path": Explained(
        "An alias is a short name for a node: its value must be the full path of one.",
        '&aliases { serial1 = "/soc/serial@20211000"; };',
        '&aliases { serial1 = "/soc/serial@20210000"; };',
    ),
    "chosen-path": Explained(
        "stdout-path is the path of the console, or an alias, with options after a colon. One that leads nowhere\n"
        "leaves a kernel silent.",
        '/ { chosen { stdout-path = "/soc/serial@2021:115200n8"; }; };',
        '/ { chosen { stdout-path = "/soc/serial@20210000:115200n8"; }; };',
    ),
    "compatible-near": Explained(
        "The string is within a slip of the pen of one of Kalray's, and as it is nobody knows it: the node is\n"
        "ignored without a word.",
        '&gic { compatible = "kalray,coolidge-apic-gci"; };',
        '&gic { compatible = "kalray,coolidge-apic-gic"; };',
    ),
    "mem-overlap": Explained(
        "An address is either memory or a register. Linux would hand the registers out as memory.",
        '/ { memory@0 { device_type = "memory"; reg = <0 0 0 0x4000000>; }; };',
        '/ { memory@0 { device_type = "memory"; reg = <0 0 0 0x400000>; }; };',
    ),
    "phandle-dangling": Explained(
        "A phandle is the number by which other nodes name a node. 0 is none; 0xffffffff is what an overlay leaves\n"
        "where a label was never resolved; other numbers must be a node's. A disabled target is a warning.",
        "&ipi { interrupts-extended = <&pe0 24>, <0x999 24>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "property-format": Explained(
        "Numbers are cells of four bytes, texts end with a zero byte. This value is something else.",
        "&cpu0 { clock-frequency = [01 02 03]; };",
        "&cpu0 { clock-frequency = <1000>; };",
    ),
    "ranges": Explained(
        "An address of a bus is visible from the cores only through the ranges of that bus: empty ranges mean the\n"
        "same addresses, no ranges mean none. Of Kalray's blocks this is an error, of others a warning.",
        "&soc { /delete-property/ ranges; };",
        "&soc { ranges; };",
    ),
    "reg-size": Explained(
        "Registers have a size, and end within the 2^64 bytes that there are.",
        "&gic { reg = <0 0xa20000 0 0>; };",
        "&gic { reg = <0 0xa20000 0 0x12000>; };",
    ),
    "status": Explained(
        "status is okay, ok, disabled, reserved, fail or fail-something. Any other text counts as disabled and is\n"
        "a warning; a node that is left out is a note.",
        '&gic { status = "dissabled"; };',
        '&gic { status = "okay"; };',
    ),
    "unit-reg-mismatch": Explained(
        "The number after the @ repeats the first address of reg, in plain hexadecimal. dtc looks at this only on\n"
        "a simple-bus.",
        '/ { memory@200000000 { device_type = "memory"; reg = <3 0 0 0x1000>; }; };',
        '/ { memory@300000000 { device_type = "memory"; reg = <3 0 0 0x1000>; }; };',
    ),
    "unknown-property": Explained(
        "No generation of the node's binding has this property, and no driver reads it: most often it is misspelt.",
        "&ipi { interrups = <24>; };",
        "&ipi { #address-cells = <0>; };",
    ),
}
