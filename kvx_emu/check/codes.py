"""The codes of all findings: what each means in a line. Explanations are in `kvx_emu.check.explained`."""

from __future__ import annotations

from typing import NamedTuple

from kvx_emu.errors import ERROR, NOTE, WARNING

_E, _W, _N = (ERROR,), (WARNING,), (NOTE,)
_EW, _WN, _EWN = (ERROR, WARNING), (WARNING, NOTE), (ERROR, WARNING, NOTE)


class Code(NamedTuple):
    """The severities that findings of a code can have, the worst first, and what it means."""

    severities: tuple[str, ...]
    meaning: str


_IPI = {
    "ipi-core-missing": Code(_W, "an IPI controller is not wired to a core that has an interrupt controller"),
    "ipi-core-order": Code(_W, "the entries of an IPI controller are not in the order of the cores"),
    "ipi-core-twice": Code(_E, "an IPI controller names a core twice with one line"),
    "ipi-line-range": Code(_EW, "a wire of an IPI controller has a line that is not 24 to 31"),
    "ipi-lines-differ": Code(_W, "an IPI controller has another line on one core than on the others"),
    "ipi-reg-overlap": Code(_E, "the registers of an IPI controller overlap those of another block"),
    "ipi-reg-size": Code(_EW, "the registers of an IPI controller have a wrong size or alignment"),
    "ipi-target": Code(_E, "an IPI controller is wired to something that is no core of its cluster"),
    "ipi-twice": Code(_E, "a cluster has two IPI controllers"),
    "ipi-window": Code(_E, "an IPI controller stands in no cluster's window of addresses"),
    "no-ipi": Code(_EW, "the tree has no enabled IPI controller (to run, this is an error)"),
}
_CORES = {
    "clock-frequency": Code(_E, "a clock-frequency that is none"),
    "cpu-device-type": Code(_W, 'a cpu lacks device_type = "cpu"'),
    "cpu-intc": Code(_E, "a core has no interrupt controller, or two, or it stands in the wrong place"),
    "cpu-reg": Code(_EWN, "the reg of a cpu is no core, or its unit address is another number"),
    "dialect": Code(_N, "which generation of Kalray's bindings the tree follows"),
    "intc-cells": Code(_E, "the #interrupt-cells of a controller are missing or wrong"),
    "line-shared": Code(_W, "two devices use one line of a core"),
    "no-cpus": Code(_EW, "the tree has no enabled cpu (to run, this is an error)"),
}
_FABRIC = {
    "clock-unknown": Code(
        _N, "the clock of a timer or DSU clock tells no frequency: the core clock's is taken"
    ),
    "cpu-power": Code(_W, "the power-controller of a cpu is no power controller"),
    "gic-input": Code(_W, "an interrupt goes to an input that a GIC does not have"),
    "gic-reg-size": Code(_W, "the registers of a GIC have a size that is not 0x12000"),
    "gic-target": Code(
        _W, "an output of a GIC goes to no core of its cluster, or to a line that is not 4 to 7"
    ),
    "input-shared": Code(_W, "two devices use one input of a GIC or an interrupt generator"),
    "itgen-input": Code(
        _W, "an interrupt goes to an input or has a type that an interrupt generator does not have"
    ),
    "itgen-parent": Code(_W, "the messages of an interrupt generator go to no mailboxes"),
    "mailbox-interrupts": Code(_W, "a mailbox block has no interrupts, or more than mailboxes"),
    "mailbox-parent": Code(_W, "the interrupts of a mailbox block do not go to the GIC of its cluster"),
    "reg-overlap": Code(_WN, "the registers of two of Kalray's blocks overlap: the smaller answers"),
}
_NODES = {
    "alias-path": Code(_W, "an alias is the path of no node"),
    "chosen-path": Code(_W, "a path in /chosen leads to no node"),
    "compatible-near": Code(_W, "a compatible that is nearly one of Kalray's"),
    "mem-overlap": Code(_W, "a memory covers the registers of a device"),
    "phandle-dangling": Code(_EW, "a phandle is that of no node, or of a disabled one"),
    "property-format": Code(_E, "a value has not the form that its meaning needs"),
    "ranges": Code(_EW, "a device is not addressable through the ranges of the buses above"),
    "reg-size": Code(_EW, "registers have size 0, or go beyond 2^64"),
    "status": Code(_WN, "a node is not okay: it is left out"),
    "unit-reg-mismatch": Code(_W, "the unit address of a node is not its first address"),
    "unknown-property": Code(_W, "no binding of the node knows the property"),
}
_DTC = {
    "addr-size-cells": Code(_EW, "#address-cells or #size-cells is not one cell"),
    "alias-paths": Code(_W, "the name of an alias has other characters than a-z, 0-9 and -"),
    "avoid-default-addr-size": Code(_W, "a bus relies on the defaults of #address-cells or #size-cells"),
    "chosen-node-stdout-path": Code(_W, "stdout-path is no text, or has its old name"),
    "compatible-is-string-list": Code(_W, "compatible is no list of texts"),
    "interrupt-map": Code(_EW, "an interrupt-map is broken, or leads in a circle"),
    "interrupt-map-match": Code(_EW, "no entry of an interrupt-map is for an interrupt"),
    "interrupt-provider": Code(_W, "interrupt-controller and #interrupt-cells do not go together"),
    "interrupts-extended-is-cell": Code(_W, "#interrupt-cells is not one cell"),
    "interrupts-extended-property": Code(_EW, "interrupts-extended is cut short or no list of cells"),
    "interrupts-property": Code(_EW, "interrupts is cut short, or there is no interrupt-parent for it"),
    "ranges-format": Code(_W, "ranges is no whole number of entries, or empty between unlike buses"),
    "reg-format": Code(_EW, "reg is missing, or no whole number of entries"),
    "simple-bus-reg": Code(_W, "a node on a simple bus has no address"),
    "status-is-string": Code(_W, "status is not one text"),
    "unique-unit-address": Code(_WN, "two nodes of a bus have one unit address"),
    "unit-address-format": Code(_W, "a unit address has 0x, leading zeros or capitals"),
    "unit-address-vs-reg": Code(_WN, "a unit address without reg, or reg without a unit address"),
}
_SOURCE = {
    "comment": Code(_E, "a comment is never closed"),
    "delete-nothing": Code(_W, "a deletion has nothing to delete"),
    "encoding": Code(_E, "the file is no text in UTF-8"),
    "include": Code(_E, "/include/ or /incbin/ does not find its file"),
    "label-duplicate": Code(_E, "a label stands at two places"),
    "label-undefined": Code(_E, "a reference to a label that no node has"),
    "merged-duplicate": Code(_W, "two statements of the same braces become one"),
    "no-root": Code(_E, "there is no root node"),
    "no-version": Code(_E, "the source does not start with /dts-v1/"),
    "node-duplicate": Code(_E, "two nodes have one name"),
    "node-name": Code(_E, "a node has a name that is none"),
    "node-open": Code(_E, "a node is never closed"),
    "number": Code(_E, "a number that is none, or too large, or divided by 0"),
    "path-undefined": Code(_E, "a reference to a path that no node has"),
    "phandle-duplicate": Code(_E, "two nodes have one phandle"),
    "phandle-value": Code(_E, "a phandle that can be none"),
    "property-duplicate": Code(_E, "two properties of a node have one name"),
    "property-name": Code(_E, "a property has a name that is none"),
    "property-order": Code(_E, "a property stands after a node"),
    "reference": Code(_E, "a reference that is none"),
    "string": Code(_E, "a text is never closed, or has a bad escape"),
    "syntax": Code(_E, "the source is not what the grammar expects"),
    "too-many": Code(_N, "there is more to tell than can be told"),
}
_FILES = {
    "cpp-condition": Code(_E, "#if and its like have no condition, or do not match"),
    "cpp-directive": Code(_E, "a directive of the preprocessor is wrong"),
    "cpp-error": Code(_E, "the source says #error"),
    "cpp-include": Code(_E, "#include does not find its file"),
    "cpp-limit": Code(_E, "the preprocessor is asked for too much"),
    "cpp-macro": Code(_EW, "a macro is defined or called wrongly, or defined again"),
    "cpp-warning": Code(_W, "the source says #warning"),
    "file-kind": Code(_E, "what is included is no regular file"),
    "file-outside": Code(_E, "what is included lies outside the tree's folder and those of -I"),
    "file-read": Code(_E, "what is included can not be read"),
    "limit": Code(_E, "the tree is too large or nested too deep"),
}
_BLOBS = {
    "dtb-header": Code(_E, "a block of the blob lies outside of it"),
    "dtb-reservations": Code(_E, "the memory reservations of the blob never end"),
    "dtb-size": Code(_E, "the blob is cut short"),
    "dtb-structure": Code(_E, "the structure of the blob is broken"),
    "dtb-swapped": Code(_E, "the bytes of the blob are swapped"),
    "dtb-version": Code(_E, "the blob has a version that is not supported"),
    "plain-form": Code(_E, "a tree in YAML or JSON is not in the form that dt convert writes"),
    "plain-syntax": Code(_E, "a tree in YAML or JSON is no YAML or JSON"),
}
_OVERLAYS = {
    "overlay": Code(_E, "an overlay where a board is expected, or the reverse"),
    "overlay-fixup": Code(_E, "the fixups of an overlay do not fit its nodes"),
    "overlay-label": Code(_E, "an overlay refers to a label that the board lacks"),
    "overlay-phandle": Code(_E, "no phandle is left for a node of an overlay"),
    "overlay-symbol": Code(_E, "a symbol of an overlay stands for nothing"),
    "overlay-target": Code(_E, "a fragment of an overlay has no target"),
}
_SCRIPTS = {
    "script-alias": Code(_E, "an alias of YAML"),
    "script-anchor": Code(_E, "an anchor of YAML"),
    "script-core": Code(_E, "a core that the board lacks, or no name of one"),
    "script-depth": Code(_E, "lists and mappings are nested too deep"),
    "script-document": Code(_E, "the script is no mapping, or there are two documents"),
    "script-duplicate": Code(_E, "a key stands twice"),
    "script-encoding": Code(_E, "the script is no UTF-8"),
    "script-expansion": Code(_E, "the script stands for too many steps"),
    "script-key": Code(_E, "an unknown key"),
    "script-line": Code(_E, "a line that is none"),
    "script-many": Code(_E, "there are too many errors in the script"),
    "script-mark": Code(_E, "since names no earlier mark"),
    "script-missing": Code(_E, "a key is missing"),
    "script-node": Code(_E, "a node, an input or a mailbox that the board lacks"),
    "script-param": Code(_E, "a parameter that is none"),
    "script-register": Code(_E, "a register that is none"),
    "script-size": Code(_E, "the script is too large"),
    "script-step": Code(_E, "a step that is none"),
    "script-syntax": Code(_E, "the script is no YAML"),
    "script-table": Code(_E, "a table to replay that is none"),
    "script-tag": Code(_E, "a tag of YAML"),
    "script-time": Code(_E, "a duration that is none, or a time in the past"),
    "script-value": Code(_E, "a value that its key does not take"),
    "script-version": Code(_E, "a version of the language that is not known"),
}
_TRACES = {
    "trace-file": Code(_E, "a file that is no sound Parquet"),
    "trace-header": Code(_E, "columns that are missing, or not those of a trace"),
    "trace-many": Code(_E, "a trace has more than 100 errors: the rest is not told"),
    "trace-order": Code(_E, "a row whose tick is less than that of the row before"),
    "trace-row": Code(_E, "a row with a cell that its column does not take"),
}
_RUNS = {
    "bus-error": Code(_W, "an access to an address at which nothing answers"),
    "core-reset": Code(_W, "a core was reset by an exception inside an exception"),
    "drained": Code(_W, "Linux clears a request that has no driver, or level 0, unhandled by itself"),
    "expectation": Code(_E, "an expectation of the script does not hold"),
    "ipi-operation": Code(_W, "an IPI that asks Linux for an operation which it does not have"),
    "lost": Code(_W, "an interrupt that ends without effect, and where"),
    "never-taken": Code(_W, "a request that its core can not take as things stand"),
    "no-driver": Code(_W, "an interrupt that no driver of Linux has requested"),
    "no-such-core": Code(_W, "a target bit of a core that the board lacks"),
    "not-running": Code(_W, "a core that is held in reset or has stopped is to execute something"),
    "read-only-register": Code(_W, "a write to a register that can only be read"),
    "register-bits": Code(_W, "a write of bits that the register lacks"),
    "reserved-register": Code(_W, "an access to a reserved register"),
    "software-reset": Code(_W, "a write that would reset the chip, which is not modelled"),
}

GROUPS = {
    "IPI controllers": _IPI,
    "Cores and their lines": _CORES,
    "The interrupt fabric": _FABRIC,
    "Nodes": _NODES,
    "Rules of dtc": _DTC,
    "Source text": _SOURCE,
    "Files and the preprocessor": _FILES,
    "Blobs and other forms": _BLOBS,
    "Overlays": _OVERLAYS,
    "Scripts": _SCRIPTS,
    "While a script runs": _RUNS,
    "Traces that are read": _TRACES,
}
"""All codes, by what they are about."""

CODES = {name: code for group in GROUPS.values() for name, code in group.items()}


def nearest(name: str) -> str:
    """Return `; did you mean ...?` with the code most like `name`, or nothing if none is."""
    from difflib import get_close_matches  # slow to import, and seldom needed

    near = get_close_matches(name, CODES, n=1)
    return f"; did you mean {near[0]}?" if near else ""
