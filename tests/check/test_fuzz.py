"""Mutated boards: whatever is in them, the rules find it wrong or not, and never fall over it."""

from __future__ import annotations

import os
import random
import time

import pytest
from command import ROOT
from lint import findings_of
from mutants import mutant

from kvx_emu.check.codes import CODES
from kvx_emu.dt.load import read_tree
from kvx_emu.errors import ERROR, InputError
from kvx_emu.machine.machine import build

COUNT = int(os.environ.get("KVX_EMU_MUTANTS", "150"))
BOARDS = ["cluster.dts", "kvx-cluster.dts"]


def check(data, name):
    """Return the findings of a board, and see that they are sound."""
    findings = findings_of(data, name)
    for finding in findings:
        assert finding.code in CODES
        assert finding.severity in CODES[finding.code].severities, finding
        assert finding.place.path == name
        assert (finding.place.line is None) != (finding.place.offset is None) or not finding.place.line
    return findings


@pytest.mark.parametrize("name", BOARDS)
def test_mutants_of_our_boards_are_judged(name):
    text = (ROOT / "boards" / name).read_text()
    wrong = 0
    for seed in range(COUNT):
        data = mutant(text, seed).encode()
        findings = check(data, name)
        wrong += any(finding.severity == ERROR for finding in findings)
        # An error of `check` is one of `run`, and the reverse, but for boards without anything to run.
        try:
            build(read_tree(data, name))
            runs = True
        except InputError as error:
            runs = {finding.code for finding in error.findings} <= {"no-ipi", "no-cpus"}
        assert runs != any(finding.severity == ERROR for finding in findings)
    assert wrong > COUNT / 10


@pytest.mark.parametrize("name", BOARDS)
def test_blobs_with_changed_values_are_judged(name):
    blob = read_tree((ROOT / "boards" / name).read_bytes(), name).to_dtb()
    for seed in range(COUNT):
        draw = random.Random(seed)
        data = bytearray(blob)
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(56, len(data))] = draw.choice((0, 1, 4, 24, 255, draw.randrange(256)))
        check(bytes(data), name)


def test_a_crowd_of_wrong_nodes_is_judged_in_time():
    nodes = "\n".join(f"d@{n:x} {{ reg = <1 {n}>; interrupts = <1>; status = <1>; }};" for n in range(20_000))
    text = f'/dts-v1/;\n/ {{ a {{ }};\nb {{ compatible = "simple-bus";\n{nodes}\n}};\n}};\n'
    start = time.process_time()
    findings = findings_of(text)
    assert time.process_time() - start < 10
    assert len(findings) < 5000


def test_a_crowd_at_one_place_is_judged_in_time():
    line = 'reg = <0 0xad0000 0 0x1000>; compatible = "kalray,coolidge-ipi-ctrl";'
    nodes = "\n".join(f"d{n}@ad0000 {{ {line} }};" for n in range(5_000))
    start = time.process_time()
    findings = findings_of(f"/dts-v1/;\n/ {{ #address-cells = <2>; #size-cells = <2>;\n{nodes}\n}};\n")
    assert time.process_time() - start < 10
    assert any(finding.code == "ipi-twice" for finding in findings)


def test_a_crowd_behind_one_map_is_judged_in_time():
    entries = ", ".join(f"<{n} &i {n}>" for n in range(20_000))
    nodes = "\n".join(f"d{n} {{ interrupts-extended = <&n {2 * n}>; }};" for n in range(20_000))
    text = (
        "/dts-v1/;\n/ { i: i { interrupt-controller; #interrupt-cells = <1>; };\n"
        f"n: n {{ #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = {entries}; }};\n"
        f"{nodes}\n}};\n"
    )
    start = time.process_time()
    findings = findings_of(text)
    assert time.process_time() - start < 10
    assert any(finding.code == "interrupt-map-match" for finding in findings)


def test_a_crowd_on_one_input_is_judged_in_time():
    gic = (
        'gic: gic { compatible = "kalray,coolidge-apic-gic"; interrupt-controller; #interrupt-cells = <1>; };'
    )
    nodes = "\n".join(f"d{n} {{ interrupts-extended = <&gic 5>; }};" for n in range(20_000))
    start = time.process_time()
    findings = findings_of(f"/dts-v1/;\n/ {{ {gic}\n{nodes}\n}};\n")
    assert time.process_time() - start < 10
    assert any(finding.code == "input-shared" for finding in findings)
