# ruff: noqa: E501 - fragments stand as they are shown
"""Explanations of what can be wrong with the preprocessor, files, blobs and overlays."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import BLOB, FILE, OVERLAY, PLAIN, Explained

_OVERLAY = "/dts-v1/;\n/plugin/;\n"

EXPLAINED = {
    "cpp-condition": Explained(
        "#if has an expression of numbers and macros, and each #if has its #endif.",
        "#if 1 +\n#endif",
        "#if 1 + 1\n#endif",
    ),
    "cpp-directive": Explained(
        "The directive is not complete, or is one that source of device trees has no use for.",
        "#line x",
        "#line 7",
    ),
    "cpp-error": Explained(
        "#error stops the reading of a tree that was not meant to be read so: a macro is missing, or one too many.",
        "#ifndef BOARD\n#error choose a board\n#endif",
        "#define BOARD 1\n#ifndef BOARD\n#error choose a board\n#endif",
    ),
    "cpp-include": Explained(
        '#include "x" looks in the folder of the file that asks and in those of -I; #include <x> in those of -I.',
        '#include "no-such-file.dtsi"',
        '#include "common.dtsi"',
    ),
    "cpp-limit": Explained(
        "What the preprocessor is asked for can only be a mistake or an attack: files that include themselves, macros\n"
        "that grow without end, conditions nested a hundred deep.",
        "#if " + "(" * 100 + "1" + ")" * 100 + "\n#endif",
        "#if (1)\n#endif",
    ),
    "cpp-macro": Explained(
        "A macro is called with as many arguments as it has parameters, and closed in the same file. A macro that is\n"
        "defined again otherwise is a warning.",
        "#define LINE(x, y) x\n/ { a = <LINE(1)>; };",
        "#define LINE(x, y) x\n/ { a = <LINE(1, 2)>; };",
    ),
    "cpp-warning": Explained(
        "The author of the source wants this to be known.",
        "#warning untested",
        "/* untested */",
    ),
    "file-kind": Explained(
        "Only regular files are included: no folders, devices or pipes.",
        '/include/ "folder"',
        '/include/ "common.dtsi"',
    ),
    "file-outside": Explained(
        "A tree from elsewhere must not read what it likes: only files in its own folder, below it, or in the folders\n"
        "of -I are opened. Add -I DIR if the file belongs to the tree.",
        '/include/ "../outside.dtsi"',
        '/include/ "common.dtsi"',
    ),
    "file-read": Explained(
        "The system refuses to read the file: for want of rights, or a link that leads to itself.",
        '/include/ "loop.dtsi"',
        '/include/ "common.dtsi"',
    ),
    "limit": Explained(
        "No real tree is so large or so deep: 100 nodes within one another, 100,000 in all, 64 MiB of text.",
        "/ {\na {  /* repeated 101 times */\n};  /* repeated 101 times */\n};",
        "/ {\na {  /* repeated 90 times */\n};  /* repeated 90 times */\n};",
    ),
    "dtb-header": Explained(
        "The header of a blob says where its structure, names and reservations are. They must be inside, and aligned.",
        "0x8: 00 00 00 3a",
        "0x8: 00 00 00 38",
        BLOB,
    ),
    "dtb-reservations": Explained(
        "The memory reservations end with an entry of zeros.",
        "0x28: 00 00 00 00 00 00 10 00 00 00 00 00 00 00 10 00",
        "0x28: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        BLOB,
    ),
    "dtb-size": Explained(
        "The header says how long the blob is, and the file is shorter: it was cut.",
        "0x4: 00 00 10 00",
        "0x4: 00 00 00 48",
        BLOB,
    ),
    "dtb-structure": Explained(
        "The structure of a blob is a row of tokens: nodes that begin and end, properties, and one end.",
        "0x40: 00 00 00 07",
        "0x40: 00 00 00 02",
        BLOB,
    ),
    "dtb-swapped": Explained(
        "A blob is big-endian, whatever the processor: it starts with d0 0d fe ed.",
        "0x0: ed fe 0d d0",
        "0x0: d0 0d fe ed",
        BLOB,
    ),
    "dtb-version": Explained(
        "The versions 16 and 17 of the format are read, and later ones that say they are compatible.",
        "0x14: 00 00 00 01",
        "0x14: 00 00 00 11",
        BLOB,
    ),
    "plain-form": Explained(
        "A tree in YAML or JSON has the keys devicetree (1) and root; a node has labels, properties and nodes.",
        "devicetree: 1",
        "devicetree: 1\nroot: {}",
        PLAIN,
    ),
    "plain-syntax": Explained(
        "The file is no YAML or JSON. What is told is where the reader gave up.",
        "devicetree: [1",
        "devicetree: 1\nroot: {}",
        PLAIN,
    ),
    "overlay": Explained(
        "An overlay (/plugin/;) changes a board and is none: give it with --overlay.",
        '/dts-v1/;\n/plugin/;\n&ipi { status = "disabled"; };',
        "/dts-v1/;\n/ { };",
        FILE,
    ),
    "overlay-fixup": Explained(
        "__fixups__ names the cells that wait for the number of a label; it is made by dtc, and this one does not fit.",
        _OVERLAY + '/ { fragment@0 { target-path = "/soc"; __overlay__ { a = <1>; }; };\n'
        '\t__fixups__ { gic = "/fragment@0:target"; }; };',
        _OVERLAY + '/ { fragment@0 { target-path = "/soc"; __overlay__ { a = <1>; }; }; };',
        OVERLAY,
    ),
    "overlay-label": Explained(
        "The board has no node with this label. A blob keeps its labels only if it was compiled with -@.",
        _OVERLAY + '&uart9 { status = "okay"; };',
        _OVERLAY + '&uart { status = "okay"; };',
        OVERLAY,
    ),
    "overlay-phandle": Explained(
        "The phandles of an overlay are moved above those of the board, and there is no room left there.",
        _OVERLAY + '&uart { phandle = <0xfffffffe>; };\n/ { fragment@9 { target-path = "/";\n'
        "\t__overlay__ { a { phandle = <0xfffffffd>; }; }; }; };",
        _OVERLAY + '/ { fragment@9 { target-path = "/"; __overlay__ { a { phandle = <2>; }; }; }; };',
        OVERLAY,
    ),
    "overlay-symbol": Explained(
        "__symbols__ of an overlay names its nodes by paths below its fragments; this one is none.",
        _OVERLAY + '&uart { status = "okay"; };\n/ { __symbols__ { new = "fragment"; }; };',
        _OVERLAY + '&uart { status = "okay"; };',
        OVERLAY,
    ),
    "overlay-target": Explained(
        "A fragment says what it changes: target, a phandle, or target-path, a path of the board.",
        _OVERLAY + '/ { fragment@0 { target-path = "/nowhere"; __overlay__ { a = <1>; }; }; };',
        _OVERLAY + '/ { fragment@0 { target-path = "/soc"; __overlay__ { a = <1>; }; }; };',
        OVERLAY,
    ),
}
