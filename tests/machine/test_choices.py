"""What a run shows of the choices that docs/hardware-choices.md explains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny import board, cpu, cpus, ipi, machine_of, run

from kvx_emu.core_id import RM, CoreId

PROJECT = Path(__file__).resolve().parents[2]
CHOICES = (PROJECT / "docs" / "hardware-choices.md").read_text(encoding="utf-8")

PE0, PE1 = CoreId(0, 0), CoreId(0, 1)
TWO = board(cpus(cpu(0), cpu(1)), ipi("<&pe0 24>, <&pe1 24>"))


def test_each_choice_says_where_it_is_tested():
    sections = re.split(r"^### ", CHOICES, flags=re.MULTILINE)[1:]
    assert len(sections) > 30
    assert [section.splitlines()[0] for section in sections if "\nTests: `tests/" not in section] == []


def test_the_tests_that_the_choices_name_exist():
    named = set(re.findall(r"`(tests/[^`]+)`", CHOICES))
    assert named
    assert [path for path in sorted(named) if not (PROJECT / path).is_file()] == []


def test_under_linux_each_core_has_the_lines_enabled_that_the_tree_names_for_it():
    text = board(cpus(cpu(0), cpu(1), cpu(2)), ipi("<&pe0 24>, <&pe1 31>, <&pe1 24>"))
    machine = machine_of(text)
    run(machine, "version: 1\nsteps: [{wait: 1}]\n")
    assert [core.ile for core in machine.core.values()] == [0x01000000, 0x81000000, 0]


@pytest.mark.parametrize(
    ("software", "registers"),
    [
        ("linux", (0x01000011, 0x0001000000000132, 0x5555555555555555, 0x01000000)),
        ("bare", (0x01000004, 0, 0, 0)),
    ],
)
def test_the_software_leaves_a_pe_as_documented(software, registers):
    machine = machine_of(TWO)
    run(machine, f"version: 1\nsoftware: {software}\nsteps: [{{wait: 1}}]\n")
    for core in machine.core.values():
        assert (core.ps, core.ill, core.ito, core.ile) == registers


def test_under_linux_the_rm_has_its_registers_as_reset_leaves_them():
    machine = machine_of(board(cpus(cpu(0), cpu(0x10)), ipi("<&pe0 24>, <&pe16 24>")))
    run(machine, "version: 1\nsteps: [{wait: 1}]\n")
    rm = machine.core[CoreId(0, RM)]
    assert (rm.ps, rm.ill, rm.ito, rm.ile) == (0x01000004, 0, 0, 0)


def test_under_linux_a_double_exception_resets_the_core():
    script = """
version: 1
steps:
  - sfr: {core: pe1, register: PS, write: 0x01000015}
  - send: {to: pe1}
"""
    rows, _ = run(machine_of(TWO), script)
    assert [(row[2], row[3], row[4]) for row in rows][2:] == [
        (1, "request", 24),
        (1, "reset", None),
        (1, "clear", 24),
    ]


def test_a_double_exception_that_pl0_owns_is_an_enter_of_the_line_at_the_trap_vector_of_pl0():
    script = """
version: 1
software: bare
steps:
  - sfr: {core: pe1, register: ITO, write: 0x0001000000000000}
  - level: {cores: pe1, line: 24, value: 1}
  - enable: {cores: pe1, lines: 24}
  - sfr: {core: pe1, register: EV_PL0, write: 0x4000}
  - sfr: {core: pe1, register: PS, write: 0x01000015}
  - send: {to: pe1}
  - sfr: {core: pe1, register: ES_PL0, equals: 0x3855a}
  - sfr: {core: pe1, register: PS, equals: 0x01000015}
"""
    machine = machine_of(TWO)
    vectors = []
    core = machine.core[PE1]
    interrupt = core.interrupt
    core.interrupt = lambda line: (interrupt(line), vectors.append(core.pc))[0]
    rows, outcome = run(machine, script)
    assert [(row[2], row[3], row[4]) for row in rows][1:] == [
        (1, "request", 24),
        (1, "enter", 24),
        (1, "exit", 24),
    ]
    assert vectors == [0x4040]
    assert (outcome.checked, outcome.failed) == (2, 0)


def test_a_wake_row_holds_ws():
    machine = machine_of(TWO)
    machine.core[PE1].poke("WS", 0x4)
    machine.core[PE1].sleep()
    rows, _ = run(machine, "version: 1\nsoftware: bare\nsteps: [{send: {to: pe1}}]\n")
    assert rows[1:] == [
        (0, 0, 1, "request", 24, 0, 0, 0),
        (0, 0, 1, "wake", None, None, None, 0x7),
    ]


def test_an_ilr_bit_that_software_sets_leaves_ws():
    script = """
version: 1
software: bare
steps:
  - sfr: {core: pe1, register: WS, write: 0}
  - sfr: {core: pe1, register: ILR, set: 0x100000}
  - sfr: {core: pe1, register: WS, equals: 0}
"""
    _, outcome = run(machine_of(TWO), script)
    assert (outcome.checked, outcome.failed) == (1, 0)
