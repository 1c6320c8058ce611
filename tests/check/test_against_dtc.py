"""What dtc warns of, on mutants of boards, is told here too, and the reverse; differences have a reason.

The judge is Debian's dtc 1.6.1. Skipped where there is no dtc.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from command import ROOT
from lint import findings_of
from mutants import mutant

from kvx_emu.check.explained import EXAMPLE_BOARD
from kvx_emu.dt.cpp import preprocess
from kvx_emu.dt.load import read_tree
from kvx_emu.dt.reach import Reach
from kvx_emu.errors import ERROR, NOTE, Source

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node

DTC = shutil.which("dtc")
needs_dtc = pytest.mark.skipif(DTC is None, reason="no dtc here")
COUNT = int(os.environ.get("KVX_EMU_MUTANTS", "150"))

OURS = {
    "address_cells_is_cell": {"addr-size-cells"},
    "size_cells_is_cell": {"addr-size-cells"},
    "addr_size_cells": {"addr-size-cells"},
    "alias_paths": {"alias-path", "alias-paths"},
    "avoid_default_addr_size": {"avoid-default-addr-size"},
    "chosen_node_stdout_path": {"chosen-node-stdout-path"},
    "compatible_is_string_list": {"compatible-is-string-list"},
    "interrupt_provider": {"interrupt-provider", "intc-cells"},
    "interrupts_extended_is_cell": {"interrupts-extended-is-cell", "intc-cells"},
    "interrupts_extended_property": {"interrupts-extended-property", "phandle-dangling", "intc-cells"},
    "interrupts_property": {"interrupts-property", "phandle-dangling", "intc-cells", "interrupt-provider"},
    "ranges_format": {"ranges-format"},
    "reg_format": {"reg-format", "cpu-reg", "avoid-default-addr-size"},
    "simple_bus_reg": {"simple-bus-reg", "unit-reg-mismatch", "unit-address-vs-reg"},
    "status_is_string": {"status-is-string"},
    "unique_unit_address": {"unique-unit-address"},
    "unit_address_format": {"unit-address-format"},
    "unit_address_vs_reg": {"unit-address-vs-reg"},
}
"""What we may call a check of dtc's: its own name, or a rule of ours that says more."""

DTCS = {
    code: {check for check, codes in OURS.items() if code in codes}
    for codes in OURS.values()
    for code in codes
}

WARNING = re.compile(r"Warning \((\w+)\): (/[^:\s]*)(?::([\w,#-]+))?: (.*)")


def of_dtc(text: str) -> list[tuple[str, str, str]] | None:
    """Return (check, node, message) of dtc's warnings; None if it refuses the tree, or dies of it."""
    assert DTC is not None
    done = subprocess.run(
        [DTC, "-I", "dts", "-O", "dtb", "-o", os.devnull, "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if done.returncode:
        return None
    return [(match[1], match[2], match[4]) for match in WARNING.finditer(done.stderr)]


def excused_dtc(check: str, message: str, node: Node | None) -> bool:
    """Whether we need not tell what dtc tells."""
    if check not in OURS:
        return True  # not among the checks that matter here
    if check == "interrupt_provider" and "#address-cells" in message:
        return True  # of nodes without children, for which later versions do not ask; told of others
    # dtc takes a phandle that is written as a number for a mistake, looks at disabled devices too, and at
    # `interrupts` where `interrupts-extended` wins.
    if "is not a phandle reference" in message:
        return True
    if not check.startswith("interrupts_") or node is None:
        return False
    return not node.enabled or (check == "interrupts_property" and node.has("interrupts-extended"))


def parent(path: str) -> str:
    return path.rsplit("/", 1)[0] or "/"


def compare(text: str) -> list[str]:
    """Return what one tells and the other does not, without a reason."""
    dtc = of_dtc(text)
    findings = findings_of(text)
    if dtc is None or any(f.place.line is None for f in findings):
        return []
    readable = not any(f.code in READERS for f in findings)
    if not readable:
        return ["we refuse what dtc takes: " + "; ".join(f"{f.code} {f.message}" for f in findings)]
    tree = read_tree(text.encode(), "board.dts")
    mine = {(f.code, f.node) for f in findings}
    told = " ".join(f.message for f in findings)
    codes_anywhere = {f.code for f in findings}
    wrong = []
    for check, node, message in dtc:
        if excused_dtc(check, message, tree.node(node)):
            continue
        if "Missing interrupt-controller or" in message and "interrupts-property" in codes_anywhere:
            continue  # dtc tells it at the controller, we at the device
        if "Missing property '#interrupt-cells'" in message and "interrupt-provider" in codes_anywhere:
            continue  # told at the controller, which is disabled
        near = {node, parent(node)}
        if any((code, place) in mine for code in OURS[check] for place in near):
            continue
        if check == "simple_bus_reg" and "(0 of address" in told:
            continue  # without cells of address nothing has one; we tell that at the reg
        if "no-cpus" in codes_anywhere:
            continue  # the root is disabled: nothing of the machine is there
        if {"intc-cells", "addr-size-cells"} & codes_anywhere and check.startswith(
            ("interrupts", "reg", "ranges")
        ):
            continue  # follows from what is told at the controller or the bus
        wrong.append(f"dtc alone: {check} {node} {message}")
    theirs = {(check, node) for check, node, _ in dtc}
    for finding in findings:
        if finding.code not in DTCS or finding.severity == NOTE or excused_ours(finding, text):
            continue
        node = finding.node or ""
        if not any(
            check in DTCS[finding.code] and parent(place) in {node, parent(node)} for check, place in theirs
        ):
            wrong.append(f"we alone: {finding.code} {node} {finding.message}")
    return wrong


READERS = {
    "syntax",
    "number",
    "label-undefined",
    "path-undefined",
    "node-name",
    "property-name",
    "phandle-value",
}


PREREQUISITES = {
    "addr-size-cells",
    "avoid-default-addr-size",
    "compatible-is-string-list",
    "intc-cells",
    "interrupts-extended-is-cell",
    "reg-format",
}


def excused_ours(finding, text: str) -> bool:
    """Whether dtc need not tell what we tell."""
    code, message = finding.code, finding.message
    return (
        code in {"phandle-dangling", "cpu-reg", "intc-cells", "unit-reg-mismatch"}  # rules of ours
        or (code == "unit-address-format")  # dtc: not on a simple bus, and capitals nowhere
        or (
            code == "reg-format" and (finding.severity == ERROR or "has 0 cells" in message)
        )  # reg is missing
        or "(0 of address" in message  # no cells of address, which dtc takes for fine
        or "is empty" in message
        or "disabled" in message
        # dtc 1.6.1 tells it at the parent of `interrupts`, and not of #interrupt-cells without a controller.
        or "does not say" in message
        or "interrupts lead to" in message
        # dtc takes every check that builds on a failed one as done.
        or bool(PREREQUISITES & {f.code for f in findings_of(text)})
    )


@needs_dtc
@pytest.mark.parametrize("name", ["coolidge-qemu.dts", "k200.dts"])
def test_kalrays_trees_differ_by_reasons_alone(shared, name):
    text = (shared / "boards" / name).read_text()
    notes = {(f.code, f.node) for f in findings_of(text) if f.severity == NOTE}
    assert compare(text) == []
    if name == "k200.dts":
        assert ("unit-address-vs-reg", "/clocks/ref_clk@0") in notes  # a warning of dtc's


@needs_dtc
@pytest.mark.parametrize("board", sorted(path.name for path in (ROOT / "boards").glob("*.dts")))
def test_our_boards_give_no_warning_of_dtc(board):
    text = (ROOT / "boards" / board).read_text()
    assert of_dtc(preprocess(Source(board, text), Reach(board)).text) == []


@needs_dtc
def test_mutants_of_boards_differ_by_reasons_alone(shared):
    differences, judged, seen = {}, 0, Counter()
    texts = {name: (shared / "boards" / name).read_text() for name in ("coolidge-qemu.dts", "k200.dts")}
    for name, text in {**texts, "the example board": EXAMPLE_BOARD}.items():
        for seed in range(COUNT):
            changed = mutant(text, seed)
            dtc = of_dtc(changed)
            if dtc is not None:
                judged += 1
                seen.update({check for check, _, _ in dtc})
                if wrong := compare(changed):
                    differences[name, seed] = wrong
    assert differences == {}
    assert judged > COUNT / 2
    assert len(set(seen) & set(OURS)) >= 8
