# ruff: noqa: E501 - fragments stand as they are shown
"""Explanations of the rules that dtc has too; the codes are its names, with dashes."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import Explained

EXPLAINED = {
    "addr-size-cells": Explained(
        "#address-cells and #size-cells say how many cells an address and a size take below a node: one cell each.",
        "/ { bus { #address-cells = [01]; }; };",
        "/ { bus { #address-cells = <1>; }; };",
    ),
    "alias-paths": Explained(
        "The name of an alias is made of lower case letters, digits and dashes (Devicetree Specification 3.3).",
        "&aliases { Serial_1 = &uart; };",
        "&aliases { serial1 = &uart; };",
    ),
    "avoid-default-addr-size": Explained(
        "A bus that does not say how wide addresses are has 2 cells of address and 1 of size, which few expect.",
        "/ { bus { device@1 { reg = <0 1 1>; }; }; };",
        "/ { bus { #address-cells = <2>; #size-cells = <1>; device@1 { reg = <0 1 1>; }; }; };",
    ),
    "chosen-node-stdout-path": Explained(
        "The console is named by stdout-path, one text; linux,stdout-path is its old name.",
        '/ { chosen { /delete-property/ stdout-path; linux,stdout-path = "serial0"; }; };',
        '/ { chosen { stdout-path = "serial0"; }; };',
    ),
    "compatible-is-string-list": Explained(
        "compatible is a list of texts, the most special first. As it is, nobody knows what the node is.",
        "&uart { compatible = <1>; };",
        '&uart { compatible = "vendor,uart", "ns16550a"; };',
    ),
    "interrupt-map": Explained(
        "A nexus node passes interrupts on. Each entry of its interrupt-map is a unit address and a specifier of a\n"
        "device, in the nexus's #address-cells and #interrupt-cells, then the phandle of an interrupt parent, a unit\n"
        "address and a specifier there, in the parent's cells. interrupt-map-mask has the cells of the first two.\n"
        "Of an IPI controller's interrupts this is an error, of others a warning.",
        "/ { nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &itgen 41>; }; };",
        "/ { nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &itgen 41 4>; }; };",
    ),
    "interrupt-map-match": Explained(
        "An interrupt that comes to a nexus node goes where the first entry says whose unit address and specifier\n"
        "are the same, in the bits that interrupt-map-mask has. Without one it goes nowhere.",
        "/ { nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &itgen 41 4>; }; };\n"
        "&uart { interrupt-parent = <&nexus>; interrupts = <2>; };",
        "/ { nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &itgen 41 4>; }; };\n"
        "&uart { interrupt-parent = <&nexus>; interrupts = <1>; };",
    ),
    "interrupt-provider": Explained(
        "An interrupt controller says interrupt-controller, and how many cells a specifier has: #interrupt-cells.\n"
        "Each without the other is half of it. With nodes below it, it needs #address-cells as well.",
        "/ { gpio { interrupt-controller; }; };",
        "/ { gpio { interrupt-controller; #interrupt-cells = <2>; }; };",
    ),
    "interrupts-extended-is-cell": Explained(
        "#interrupt-cells is a number, one cell.",
        '/ { gpio { interrupt-controller; #interrupt-cells = "2"; }; };',
        "/ { gpio { interrupt-controller; #interrupt-cells = <2>; }; };",
    ),
    "interrupts-extended-property": Explained(
        "Each entry is a phandle and as many cells as that controller's #interrupt-cells says. Of an IPI controller\n"
        "an entry that is cut short is an error, of other devices a warning.",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1>; };",
        "&ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };",
    ),
    "interrupts-property": Explained(
        "The specifiers of interrupts go to the interrupt-parent, the node's own or that of the nearest node above,\n"
        "and have as many cells as its #interrupt-cells says.",
        "&uart { /delete-property/ interrupt-parent; };",
        "&uart { interrupt-parent = <&gic>; };",
    ),
    "ranges-format": Explained(
        "An entry of ranges is an address below, an address above and a size, in the cells of the two buses. Empty\n"
        "ranges are for buses with equal cells.",
        "/ { bus { #address-cells = <1>; #size-cells = <1>; ranges; }; };",
        "/ { bus@10000000 { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x10000000 0x1000>; }; };",
    ),
    "reg-format": Explained(
        "reg is a list of addresses and sizes, in the cells that the bus above says. Of Kalray's blocks an odd\n"
        "number of cells, or no reg at all, is an error, of other nodes a warning.",
        "&uart { reg = <0 0x20210000 0x100>; };",
        "&uart { reg = <0 0x20210000 0 0x100>; };",
    ),
    "simple-bus-reg": Explained(
        "What stands on a simple-bus has an address there: reg, or ranges of its own. Other nodes belong elsewhere.",
        "&soc { keys { }; };",
        "/ { keys { }; };",
    ),
    "status-is-string": Explained(
        "status is one text. Anything else counts as disabled.",
        "&uart { status = <1>; };",
        '&uart { status = "okay"; };',
    ),
    "unique-unit-address": Explained(
        "Two nodes of a bus with one unit address would be two devices at one address. If one is disabled, it is an\n"
        "alternative to the other, and this is a note.",
        "&soc { spi@20210000 { reg = <0 0x20210000 0 0x100>; }; };",
        "&soc { spi@20220000 { reg = <0 0x20220000 0 0x100>; }; };",
    ),
    "unit-address-format": Explained(
        "A unit address is plain hexadecimal: no 0x, no zeros before it, no capitals.",
        "&soc { spi@0x20220000 { reg = <0 0x20220000 0 0x100>; }; };",
        "&soc { spi@20220000 { reg = <0 0x20220000 0 0x100>; }; };",
    ),
    "unit-address-vs-reg": Explained(
        "A node with reg (or ranges) has a unit address, and no other node has. On a bus without #address-cells\n"
        "the number only keeps names apart, which is a note.",
        "/ { keys@0 { }; };",
        "/ { keys { }; };",
    ),
}
