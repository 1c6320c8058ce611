"""Whole trees, against dtc: our boards, Kalray's, and dtc's own tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cpp_reading import from_file
from dt_reading import normal, run_dtc

from kvx_emu.dt.addresses import regs
from kvx_emu.dt.interrupts import interrupts
from kvx_emu.dt.load import load_tree, read_tree

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node, Tree

BOARDS = sorted((Path(__file__).resolve().parents[2] / "boards").glob("*.dts"))


def of(tree: Tree, compatible: str) -> list[Node]:
    return [node for node in tree.nodes() if compatible in node.strings("compatible")]


def wires(node: Node) -> list[tuple[str, int]]:
    return [(w.controller.labels[0], w.cells[0]) for w in interrupts(node, pytest.fail)]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_board_is_to_us_what_it_is_to_dtc(board: Path) -> None:
    tree = load_tree(str(board))
    expected = run_dtc(from_file(board).text.encode(), "dts", "dtb")  # dtc has no preprocessor
    assert expected is not None
    assert normal(tree.to_dtb()) == normal(expected)
    again = read_tree(expected, "blob")
    assert [node.path for node in again.nodes()] == [node.path for node in tree.nodes()]
    assert again.fdt.header.boot_cpuid_phys == tree.fdt.header.boot_cpuid_phys


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_the_addresses_and_interrupts_of_a_board_are_right(board: Path) -> None:
    tree = load_tree(str(board))
    for node in tree.nodes():
        interrupts(node, pytest.fail)
        if node.parent is not None and node.parent.name != "cpus":
            regs(node, pytest.fail)


def test_the_cluster_wires_seventeen_cores() -> None:
    tree = load_tree(str(BOARDS[0].with_name("cluster.dts")))
    cores = [f"pe{core}" for core in range(16)] + ["rm"]
    (ipi,) = of(tree, "kalray,coolidge-ipi-ctrl")
    assert wires(ipi) == [(core, 24) for core in cores]
    assert [(reg.address, reg.size) for reg in regs(ipi, pytest.fail)] == [(0xAD0000, 0x1000)]
    assert [cpu.cell("reg") for cpu in of(tree, "kalray,kv3-pe")] == list(range(17))
    assert len(of(tree, "kalray,kv3-1-intc")) == 17


def test_the_kvx_cluster_has_one_controller_for_all_cores() -> None:
    tree = load_tree(str(BOARDS[0].with_name("kvx-cluster.dts")))
    (ipi,) = of(tree, "kalray,kvx-ipi-ctrl")
    assert wires(ipi) == [("core_intc", 24)]
    assert len(of(tree, "kalray,kvx-pe")) == 16


def test_coolidge_has_five_clusters_at_their_global_addresses() -> None:
    tree = load_tree(str(BOARDS[0].with_name("coolidge.dts")))
    assert [cpu.cell("reg") for cpu in of(tree, "kalray,kv3-pe")] == [
        cluster << 8 | core for cluster in range(5) for core in range(17)
    ]
    found = of(tree, "kalray,coolidge-ipi-ctrl")
    assert [regs(ipi, pytest.fail)[0].address for ipi in found] == [
        0x1AD0000, 0x2AD0000, 0x3AD0000, 0x4AD0000, 0x5AD0000,
    ]  # fmt: skip
    assert wires(found[3])[3] == ("c3pe3", 24)
    assert tree.by_label["c1pe3"].parent is tree.node("/cpus/cpu@103")


def test_the_trees_of_kalray_are_to_us_what_they_are_to_dtc(shared: Path) -> None:
    for name in ("coolidge-qemu.dts", "k200.dts"):
        path = shared / "boards" / name
        assert normal(load_tree(str(path)).to_dtb()) == normal(run_dtc(path.read_bytes(), "dts", "dtb"))


def test_source_and_blob_of_one_board_are_the_same_tree(shared: Path) -> None:
    source = load_tree(str(shared / "boards" / "coolidge-qemu.dts"))
    blob = load_tree(str(shared / "boards" / "coolidge-qemu.dtb"))
    assert [(n.path, {p: n.raw(p) for p in n.properties}) for n in source.nodes()] == [
        (n.path, {p: n.raw(p) for p in n.properties}) for n in blob.nodes()
    ]
