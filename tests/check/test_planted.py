"""Each of the 39 planted mistakes is found, at the guilty place; the trees without a mistake give nothing."""

from __future__ import annotations

import pytest
from command import ROOT
from lint import findings_of, told
from planted_mistakes import EVEN, FOUND, planted

NUMBERS = range(1, 40)


def test_every_mistake_of_the_table_is_planted(shared):
    odd = [int(path.name[:2]) for path in (shared / "check").glob("*.diff")]
    assert sorted([*odd, *EVEN]) == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_planted_mistake_is_found_at_the_guilty_place_and_nothing_else_is(shared, number):
    assert told(planted(shared, number)) == FOUND[number]


def test_a_finding_names_the_guilty_cell(shared):
    text = planted(shared, 1)
    (finding, *_) = [finding for finding in findings_of(text) if finding.code == "ipi-line-range"]
    assert finding.place.column == text.splitlines()[195].index("0x20") + 1
    assert (finding.node, finding.property) == ("/ipi_ctrl@ad0000", "interrupts-extended")


@pytest.mark.parametrize("name", ["coolidge-qemu.dts", "coolidge-qemu.dtb", "mppa-coolidge.dtb"])
def test_kalrays_own_trees_give_no_error_and_no_warning(shared, name):
    assert told((shared / "boards" / name).read_bytes()) == []


def test_a_board_without_interrupt_nodes_gives_no_ipi_alone(shared):
    data = (shared / "boards" / "k200.dts").read_bytes()
    assert told(data) == [("warning", "no-ipi", 8)]
    notes = [(code, line) for severity, code, line in told(data, notes=True) if severity == "note"]
    assert notes == [("unit-address-vs-reg", 36), ("unit-address-vs-reg", 43), ("dialect", 27)]


@pytest.mark.parametrize("path", sorted((ROOT / "boards").glob("*.dts")), ids=lambda path: path.name)
def test_our_boards_give_the_dialect_and_nothing_else(path):
    assert [finding.code for finding in findings_of(path.read_bytes())] == ["dialect"]


@pytest.mark.parametrize("blob", [False, True])
@pytest.mark.parametrize(
    ("name", "dialect", "shape"),
    [
        ("cluster.dts", "coolidge", "each core has its own interrupt controller"),
        ("kvx-cluster.dts", "kvx", "one interrupt controller stands for all cores"),
    ],
)
def test_the_dialect_is_told(name, dialect, shape, blob):
    from kvx_emu.dt.load import read_tree

    data = (ROOT / "boards" / name).read_bytes()
    if blob:
        data = read_tree(data, name).to_dtb()
    (finding,) = findings_of(data)
    assert finding.message == f"the {dialect} dialect (kalray,{dialect}-ipi-ctrl): {shape}"
