"""Overlays against fdtoverlay, where it is installed: the same result, or refused by both."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from dt_reading import differences, run_dtc

from kvx_emu.dt.load import read_tree
from kvx_emu.dt.overlay import apply_overlay
from kvx_emu.errors import InputError

needs_fdtoverlay = pytest.mark.skipif(
    shutil.which("fdtoverlay") is None, reason="fdtoverlay is not installed"
)
pytestmark = needs_fdtoverlay

BASES = [
    "overlay_base.dts",
    "overlay_base_manual_symbols.dts",
    "overlay_base_phandle.dts",
    "stacked_overlay_base.dts",
]
# Debian's fdtoverlay 1.6.1 gives a node of the base the overlay's phandle: what the base says dangles.
KEPT_PHANDLE = {
    ("overlay_base_phandle.dts", "overlay_overlay_phandle.dts"),
    ("stacked_overlay_base.dts", "stacked_overlay_addlabel.dts"),
}


def by_fdtoverlay(folder, base, overlays):
    """What fdtoverlay makes of blobs; None when it refuses."""
    names = []
    for index, blob in enumerate((base, *overlays)):
        path = folder / f"{index}.dtb"
        path.write_bytes(blob)
        names.append(str(path))
    out = folder / "out.dtb"
    out.unlink(missing_ok=True)
    command = ["fdtoverlay", "-i", names[0], "-o", str(out), *names[1:]]
    done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    return out.read_bytes() if done.returncode == 0 else None


def by_us(base, overlays):
    tree = read_tree(base, "base.dtb")
    try:
        for blob in overlays:
            tree = apply_overlay(tree, read_tree(blob, "fix.dtbo"))
    except InputError:
        return None
    return tree.to_dtb()


def disagreement(ours, theirs):
    if ours is None or theirs is None:
        return [] if ours is theirs else [f"ours is {ours}, theirs is {theirs}"]
    return differences(ours, theirs)


def test_the_overlays_of_dtc_s_own_tests_have_fdtoverlay_s_results(shared, tmp_path):
    folder = shared / "dtc-tests"
    applied = refused = 0
    for name in BASES:
        for options in (["-@"], []):
            base = run_dtc((folder / name).read_bytes(), "dts", "dtb", *options)
            for path in sorted(folder.glob("*overlay*.dts")):
                fix = run_dtc(path.read_bytes(), "dts", "dtb", "-@") if "_base" not in path.name else None
                if fix is None or (name, path.name) in KEPT_PHANDLE:
                    continue
                ours, theirs = by_us(base, [fix]), by_fdtoverlay(tmp_path, base, [fix])
                assert disagreement(ours, theirs) == [], (name, options, path.name)
                applied += ours is not None
                refused += ours is None
    assert applied >= 20
    assert refused >= 60


def test_stacked_overlays_have_fdtoverlay_s_result(shared, tmp_path):
    folder = shared / "dtc-tests"
    names = ["stacked_overlay_base.dts", "stacked_overlay_bar.dts", "stacked_overlay_baz.dts"]
    base, *fixes = [run_dtc((folder / name).read_bytes(), "dts", "dtb", "-@") for name in names]
    ours = by_us(base, fixes)
    assert ours is not None
    assert differences(ours, by_fdtoverlay(tmp_path, base, fixes)) == []


NAMES = ["a", "b", "c@1", "c@2", "d"]


def random_nodes(draw, labels, targets, depth=0):
    """The body of a node: properties, references, children with labels."""
    lines = [f"p{index} = <{draw.randrange(9)}>;" for index in range(draw.randrange(3))]
    if targets and draw.random() < 0.5:
        lines.append(f"r{draw.randrange(3)} = <&{draw.choice(targets)} 1>, <&{draw.choice(targets)}>;")
    if depth < 3:
        for name in draw.sample(NAMES, draw.randrange(4)):
            label = ""
            if labels and draw.random() < 0.5:
                label = labels.pop() + ": "
            lines.append(f"{label}{name} {{ {random_nodes(draw, labels, targets, depth + 1)} }};")
    return " ".join(lines)


@pytest.mark.parametrize("seed", range(60))
def test_random_overlays_have_fdtoverlay_s_results(seed, tmp_path):
    draw = random.Random(seed)
    spare = [f"b{index}" for index in range(4)]
    body = random_nodes(draw, spare, [])
    used = [label for label in ("b0", "b1", "b2", "b3") if label not in spare]
    base = run_dtc(f"/dts-v1/; / {{ {body} top: top {{ }}; }};".encode(), "dts", "dtb", "-@")
    assert base is not None
    fixes = []
    for number in range(2):
        own = [f"o{number}{index}" for index in range(4)]
        parts = []
        for _ in range(1 + draw.randrange(3)):
            # Only the labels of what is not merged with may be new: Debian's fdtoverlay moves phandles of
            # the base otherwise.
            target = draw.choice([*used, "top"])
            fresh = f"n{number}x{len(parts)}"
            content = random_nodes(draw, own, [*used, "top"])
            parts.append(f"&{target} {{ q = <{number}>; {fresh} {{ {content} }}; }};")
        text = "/dts-v1/; /plugin/; " + " ".join(parts)
        fix = run_dtc(text.encode(), "dts", "dtb", "-@")
        assert fix is not None, text
        # Our own compiler and dtc's agree on what an overlay is.
        assert differences(read_tree(text.encode(), "o.dtso", plugin=True, symbols=True).to_dtb(), fix) == []
        fixes.append(fix)
    ours = by_us(base, fixes)
    assert ours is not None
    assert differences(ours, by_fdtoverlay(tmp_path, base, fixes)) == []
