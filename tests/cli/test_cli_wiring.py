"""`show wiring` as tables, as a graph and as a drawing."""

from __future__ import annotations

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from command import BOARD, ROOT

from kvx_emu.machine.drawing.dot import quoted

BOARDS = sorted(f"boards/{path.name}" for path in (ROOT / "boards").glob("*.dts"))
SVG = "{http://www.w3.org/2000/svg}"
SOC = "/soc/interrupt-controller"


def wires(kvx, board):
    """Return (from, wires, to, place) of each line of the second table."""
    lines = kvx("show", board, "wiring").out.split("\n\n")[1].splitlines()[2:]
    return [[*re.split(r"  +", line), ""][:4] for line in lines]


def test_the_table_has_every_wire_of_the_tree_with_rows_of_them_as_ranges(kvx):
    cores = "cores of cluster 0"
    assert wires(kvx, BOARD) == [
        ["/timer", "line 0 of pe0-15", cores, "boards/cluster.dts:83:31"],
        [f"{SOC}@a00000", "mailbox 0-127 -> input 0-127", f"{SOC}@a20000", "boards/cluster.dts:101:18"],
        [f"{SOC}@a20000", "named: line 4 of pe0-15", cores, "boards/cluster.dts:117:32"],
        [f"{SOC}@a20000", "lines 4-7 of pe0-15, rm", cores, ""],
        ["/soc/power-controller@a40000", "starts pe0-15", cores, ""],
        [f"{SOC}@ad0000", "named: line 24 of pe0-15, rm", cores, "boards/cluster.dts:131:32"],
        [f"{SOC}@ad0000", "lines 24-31 of pe0-15, rm", cores, ""],
        [f"{SOC}@27000000", "messages", f"{SOC}@a00000", "boards/cluster.dts:142:4"],
        [
            "/soc/serial@20210000",
            "interrupt 0 -> input 41, level high",
            f"{SOC}@27000000",
            "boards/cluster.dts:152:18",
        ],
    ]


def test_the_older_shape_gives_the_same_wires(kvx):
    new, old = wires(kvx, BOARD), wires(kvx, "boards/kvx-cluster.dts")
    assert {wire[1].replace(", rm", "") for wire in old} >= {wire[1].replace(", rm", "") for wire in new} - {
        "named: line 4 of pe0-15"
    }
    assert "named: lines 4-7 of pe0-15" in {wire[1] for wire in old}


def test_the_chip_has_each_cluster_and_what_starts_it(kvx):
    table = wires(kvx, "boards/coolidge.dts")
    assert [wire[1:3] for wire in table if "10181000" in wire[0]] == [
        ["starts rm", "cores of cluster 0"],
        *([f"starts c{c}.rm", f"cores of cluster {c}"] for c in range(1, 5)),
    ]


def test_the_graph_has_clusters_boxes_and_edges(kvx):
    lines = kvx("show", BOARD, "wiring", "--format", "dot").out.splitlines()
    assert lines[:2] == ['digraph "interrupts" {', "  rankdir=LR;"]
    assert "  subgraph cluster_0 {" in lines
    assert (
        '  "/soc/serial@20210000" '
        '[label="serial@20210000\\nsnps,dw-apb-uart\\nboards/cluster.dts:145:12"];' in lines
    )
    assert f'  "{SOC}@a00000" -> "{SOC}@a20000" [label="mailbox 0-127 -> input 0-127"];' in lines
    assert lines[-1] == "}"


def test_text_of_a_graph_is_quoted_whatever_it_holds():
    assert quoted(['a"b', "c\\d", "e\nf"]) == '"a\\"b\\nc\\\\d\\ne\N{REPLACEMENT CHARACTER}f"'


@pytest.mark.parametrize("board", BOARDS)
def test_graphviz_reads_the_graph(kvx, board):
    dot = shutil.which("dot")
    if dot is None:
        pytest.skip("no Graphviz here")
    text = kvx("show", board, "wiring", "--format", "dot").out
    done = subprocess.run(
        [dot, "-Tplain"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\nnode ") == text.count("[label=") - text.count(' -> "')


def boxes(document):
    """Return the rectangles of a drawing by their names, as (left, top, right, bottom)."""
    found = {}
    for group in document.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        if rect is not None:
            x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            found[group.find(f"{SVG}title").text.split(" ")[0] + str(len(found))] = (
                x,
                y,
                x + width,
                y + height,
            )
    return list(found.values())


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("profile", ["hardware", "qemu"])
def test_the_drawing_is_xml_in_which_no_box_covers_another_or_leaves_the_page(kvx, board, profile):
    status, out, err = kvx("show", board, "wiring", "--format", "svg", "--profile", profile)
    assert (status, err) == (0, "")
    document = ElementTree.fromstring(out)
    assert document.tag == f"{SVG}svg"
    rects = boxes(document)
    assert len(rects) >= 3
    for number, (left, top, right, bottom) in enumerate(rects):
        assert 0 <= left < right <= float(document.attrib["width"])
        assert 0 <= top < bottom <= float(document.attrib["height"])
        for other in rects[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_the_drawing_has_its_words_as_text_and_is_light_or_dark(kvx):
    out = kvx("show", BOARD, "wiring", "--format", "svg").out
    texts = [text.text for text in ElementTree.fromstring(out).iter(f"{SVG}text")]
    for words in ("serial@20210000", "APIC GIC", "mailbox 0-127 -> input 0-127", "pe0-15, rm", "cluster 0"):
        assert words in texts
    assert "prefers-color-scheme: dark" in out


@pytest.mark.parametrize("kind", ["dot", "svg", "text"])
def test_the_same_board_gives_the_same_bytes(kvx, kind):
    args = ("show", "boards/coolidge.dts", "wiring", "--format", kind)
    assert kvx(*args).out == kvx(*args).out


def test_a_tree_without_interrupts_is_drawn_as_words(kvx, tmp_path):
    board = tmp_path / "none.dts"
    board.write_text("/dts-v1/; / { };")
    assert "No interrupt of this tree leads anywhere." in kvx("show", board, "wiring", "--format", "svg").out
    assert kvx("show", board, "wiring", "--format", "dot").out.endswith("}\n")


def test_names_that_markup_knows_are_shown_as_they_are(kvx, tmp_path):
    folder = tmp_path / 'a<b&c"d'
    folder.mkdir()
    board = folder / "board.dts"
    board.write_text((ROOT / BOARD).read_text())
    ElementTree.fromstring(kvx("show", board, "wiring", "--format", "svg").out)
    assert '\\"d' in kvx("show", board, "wiring", "--format", "dot").out


@pytest.mark.parametrize("what", ["tree", "map", "registers"])
def test_only_the_wiring_is_drawn(kvx, what):
    status, out, err = kvx("show", BOARD, what, "--format", "svg")
    assert (status, out) == (2, "")
    assert f"--format svg is for `wiring`; {what} is text alone" in err
