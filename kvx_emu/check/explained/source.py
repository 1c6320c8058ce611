# ruff: noqa: E501 - fragments stand as they are shown
"""Explanations of what can be wrong with source text."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import FILE, Explained

EXPLAINED = {
    "comment": Explained(
        "A comment that starts with /* goes on to the next */, over any number of lines.",
        "/* never closed",
        "/* closed */",
    ),
    "delete-nothing": Explained(
        "What is to be deleted is not there, or stands in the same braces, where it stays. A misspelt name would\n"
        "go unnoticed.",
        "&uart { /delete-property/ interupts; };",
        "&uart { /delete-property/ interrupts; };",
    ),
    "encoding": Explained(
        "Source is text in UTF-8. A zero byte at the start is a sign of UTF-16, or of no text at all.",
        "\0/dts-v1/;\n/ { };",
        "/dts-v1/;\n/ { };",
        FILE,
    ),
    "include": Explained(
        "The file that /include/ or /incbin/ names is neither in the folder of the file that asks nor in those of -I.",
        '/include/ "no-such-file.dtsi"',
        '/include/ "common.dtsi"',
    ),
    "label-duplicate": Explained(
        "A label names one thing.",
        "/ { gic: other { }; };",
        "/ { other: other { }; };",
    ),
    "label-undefined": Explained(
        "A reference by label needs a node with that label, in this file or one that it includes.",
        "&uart { interrupt-parent = <&gik>; };",
        "&uart { interrupt-parent = <&gic>; };",
    ),
    "merged-duplicate": Explained(
        "In a block that changes an earlier one, two nodes or properties of one name silently become one: the\n"
        "second value wins, and of two nodes all properties end up in one.",
        "/ { soc { serial@20211000 { reg = <0 0x20211000 0 0x100>; };\n"
        "\tserial@20211000 { reg-shift = <2>; }; }; };",
        "/ { soc { serial@20211000 { reg = <0 0x20211000 0 0x100>; reg-shift = <2>; }; }; };",
    ),
    "no-root": Explained(
        "A tree has a root node, / { ... };",
        "/dts-v1/;",
        "/dts-v1/;\n/ { };",
        FILE,
    ),
    "no-version": Explained(
        "The first statement of source is /dts-v1/; it tells the syntax.",
        "/ { };",
        "/dts-v1/;\n/ { };",
        FILE,
    ),
    "node-duplicate": Explained(
        "Two nodes of one name in the first definition of a node.",
        "/dts-v1/;\n/ { a { }; a { }; };",
        "/dts-v1/;\n/ { a { }; b { }; };",
        FILE,
    ),
    "node-name": Explained(
        "A node's name has letters, digits and , . _ + - with at most one @ before its unit address.",
        "/ { a@1@2 { }; };",
        "/ { a-1-2 { }; };",
    ),
    "node-open": Explained(
        "A node is never closed. The message names the line where it opens.",
        "/ { a { };",
        "/ { a { }; };",
    ),
    "number": Explained(
        "Numbers are decimal, octal with 0, or hexadecimal with 0x, and fit their place: 32 bits in a cell.",
        "/ { a = <09>; };",
        "/ { a = <011>; };",
    ),
    "path-undefined": Explained(
        "A reference by path, &{/path}, needs a node with exactly that path.",
        "/ { a = &{/soc/serial}; };",
        "/ { a = &{/soc/serial@20210000}; };",
    ),
    "phandle-duplicate": Explained(
        "A phandle is the number of one node.",
        "&uart { phandle = <0x40>; };\n&soc { phandle = <0x40>; };",
        "&uart { phandle = <0x40>; };\n&soc { phandle = <0x41>; };",
    ),
    "phandle-value": Explained(
        "A phandle is one cell, and neither 0 nor 0xffffffff.",
        "&uart { phandle = <0>; };",
        "&uart { phandle = <0x40>; };",
    ),
    "property-duplicate": Explained(
        "Two properties of one name in the first definition of a node.",
        "/dts-v1/;\n/ { a = <1>; a = <2>; };",
        "/dts-v1/;\n/ { a = <1>; b = <2>; };",
        FILE,
    ),
    "property-name": Explained(
        "A property's name has letters, digits and , . _ + * # ? -. A property called name repeats the node's name.",
        '/ { a { name = "b"; }; };',
        '/ { a { name = "a"; }; };',
    ),
    "property-order": Explained(
        "In a node, all properties stand before all nodes.",
        "/ { a { b { }; c = <1>; }; };",
        "/ { a { c = <1>; b { }; }; };",
    ),
    "reference": Explained(
        "A reference stands where it can: a phandle needs a cell of 32 bits, a node of an overlay a label or a path.",
        "/ { a = /bits/ 8 <&uart>; };",
        "/ { a = <&uart>; };",
    ),
    "string": Explained(
        "A text starts and ends with a double quote; \\x needs a hexadecimal digit.",
        '/ { a = "\\xg"; };',
        '/ { a = "\\x41"; };',
    ),
    "syntax": Explained(
        "The grammar expects something else here. Most often a ; or a > is missing just before.",
        "/ { a = <1> };",
        "/ { a = <1>; };",
    ),
    "too-many": Explained(
        "So much is wrong that only the first of it is told.",
        "/ { a = <\n&gik  /* repeated 1100 times */\n>; };",
        "/ { a = <\n&gic  /* repeated 1100 times */\n>; };",
    ),
}
