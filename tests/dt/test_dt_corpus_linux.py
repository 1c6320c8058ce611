"""Real trees of Linux, with all that they include: the blobs of GNU cpp and dtc 1.8.1."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dt_reading import allowed, differences

from kvx_emu.dt.load import load_tree

if TYPE_CHECKING:
    from pathlib import Path


def test_every_tree_is_to_us_what_it_is_to_dtc(shared: Path) -> None:
    folder = shared / "linux"
    names = (folder / "LIST").read_text().split()
    assert len(names) == 10
    for name in names:
        tree = load_tree(str(folder / "src" / name), folders=[str(folder / "include")])
        expected = folder / "expected" / (name.replace("/", "__") + ".dtb")
        assert differences(tree.to_dtb(), expected.read_bytes()) == [], name


def test_two_nodes_of_one_name_that_became_one_are_told(shared: Path) -> None:
    # A real mistake: the second regulator-1v8 was to be regulator-2v8.
    path = shared / "linux" / "src" / "arm64" / "freescale" / "imx8mp-evk.dts"
    tree = load_tree(str(path), folders=[str(shared / "linux" / "include")])
    assert [(each.code, each.node, each.place.text.strip()) for each in tree.warnings] == [
        ("merged-duplicate", "/regulator-1v8", "reg_1v8: regulator-1v8 {"),
        ("merged-duplicate", "/regulator-1v8", "reg_2v8: regulator-1v8 {"),
    ]


def test_the_largest_tree_takes_two_seconds_at_most(shared: Path) -> None:
    path = shared / "linux" / "src" / "arm64" / "rockchip" / "rk3588-rock-5b.dts"
    start = time.process_time()
    tree = load_tree(str(path), folders=[str(shared / "linux" / "include")])
    assert time.process_time() - start < allowed(2)
    assert len(tree.nodes()) > 700
