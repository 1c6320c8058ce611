"""Bad boards: each is refused with status 3 and a place, or opened not at all with 2; never a traceback."""

from __future__ import annotations

import os
import re
import time

import pytest
from command import BOARD, ROOT, SMOKE, kvx_process


@pytest.fixture
def board(tmp_path):
    """Return what writes a board, of text or bytes, and returns its path."""

    def write(content, name="board.dts"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(kvx, path, script=SMOKE):
    status, out, err = kvx("run", path, script)
    assert (status, out) == (3, "")
    assert "Traceback" not in err
    assert err.startswith(f"{path}:")
    return err.splitlines()[0].removeprefix(f"{path}:")


def changed(old, new):
    """Return the source of our board with one place changed."""
    text = (ROOT / BOARD).read_text()
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "1:1: error["),
        ("// nothing\n", "1:1: error[no-version]: expected '/dts-v1/;', found the end of the file"),
        ("/dts-v1/;\n", "1:10: error[no-root]: no root node"),
        ("/dts-v1/;\n/ { a = <1>; /* never closed\n", "2:14: error["),
        ('/dts-v1/;\n/ { a = "never closed;\n};\n', "2:9: error["),
        ("/dts-v1/;\n/ { a = <1 };\n", "2:12: error["),
        ("/dts-v1/;\n/ { a = <0x100000000>; };\n", "2:10: error["),
        ("/dts-v1/;\n/ { a = <09>; };\n", "2:10: error["),
        ("/dts-v1/;\n/ { a = <&nope>; };\n", "2:10: error["),
        ("/dts-v1/;\n/ { a = <1>\n b; };\n", "2:12: error["),
        (b"\xff\xfe/\0d\0", "1:1: error["),
        (b"/dts-v1/;\n/ {\0};\n", "2:4: error["),
        (bytes(1000), "1:1: error["),
        (b"\x7fELF" + bytes(60), "1:"),
        ("version: 1\nsteps: []\n", "1:1: error["),
    ],
)
def test_a_bad_source_is_refused_with_the_place_of_what_is_wrong(kvx, board, content, message):
    assert refused(kvx, board(content)).startswith(message)


def test_a_script_in_the_place_of_the_board_and_a_board_in_that_of_the_script_are_both_refused(kvx):
    status, _, err = kvx("run", SMOKE, BOARD)
    assert status == 3
    assert err.startswith(f"{SMOKE}:1:1: error[")
    assert re.search(rf"^{BOARD}:\d+:\d+: error\[", err, re.MULTILINE)


def test_a_tree_without_an_ipi_controller_is_refused_with_the_root(kvx, shared):
    path = shared / "boards" / "k200.dts"
    assert refused(kvx, path) == "8:1: error[no-ipi]: the tree has no enabled IPI controller"


@pytest.mark.parametrize("line", ["32", "0x100", "0xffffffff"])
def test_a_line_beyond_31_is_refused_at_its_cell(kvx, board, line):
    path = board(changed("<&pe7 24>", f"<&pe7 {line}>"))
    told = refused(kvx, path)
    assert told.startswith("132:")
    assert "error[" in told
    assert str(int(line, 0)) in told


def test_a_line_that_no_ipi_controller_has_is_told_at_its_cell(kvx, board):
    path = board(changed("<&pe7 24>", "<&pe7 3>"))
    status, out, _ = kvx("check", path)
    assert re.match(rf"{re.escape(str(path))}:132:\d+: (warning|error)\[", out)
    assert status in {0, 3}


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 39, 40, 41, 100, 1000, 7611])
def test_a_blob_that_is_cut_short_is_refused(kvx, board, shared, size):
    blob = (shared / "boards" / "coolidge-qemu.dtb").read_bytes()
    assert len(blob) == 7612
    path = board(blob[:size], "cut.dtb")
    told = refused(kvx, path)
    # Without its first four bytes nothing tells that it was a blob.
    assert told.startswith(" offset 0x" if size >= 4 else "1:1: error[")


def test_a_blob_that_is_cut_short_says_how_much_there_is_of_how_much(kvx, board, shared):
    blob = (shared / "boards" / "coolidge-qemu.dtb").read_bytes()
    assert refused(kvx, board(blob[:3000], "cut.dtb")) == (
        " offset 0x4: error[dtb-size]: the blob says that it has 7612 bytes, but there are 3000"
    )


def test_a_blob_with_its_bytes_swapped_is_refused(kvx, board, shared):
    blob = (shared / "boards" / "coolidge-qemu.dtb").read_bytes()
    swapped = b"".join(blob[at : at + 4][::-1] for at in range(0, len(blob), 4))
    assert "the bytes of this blob are swapped" in refused(kvx, board(swapped, "swapped.dtb"))


def test_a_blob_is_told_by_its_content_whatever_its_suffix(kvx, board, shared):
    blob = (shared / "boards" / "coolidge-qemu.dtb").read_bytes()
    expected = kvx("run", shared / "boards" / "coolidge-qemu.dtb", SMOKE, "--format", "csv").out
    assert expected.count("\n") > 50
    assert kvx("run", board(blob, "blob.dts"), SMOKE, "--format", "csv").out == expected
    source = (shared / "boards" / "coolidge-qemu.dts").read_bytes()
    assert kvx("run", board(source, "source.dtb"), SMOKE, "--format", "csv").out == expected


def test_what_a_message_shows_of_a_source_can_not_steer_the_terminal(kvx, board):
    path = board(b'/dts-v1/;\n/ {\ta = "\x1b[31m\xe9\xc3\xa9" b; };\n')
    status, _, err = kvx("run", path, SMOKE)
    assert status == 3
    assert err.splitlines()[1:] == [
        '  / {\ta = "\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}é" b; };',
        "     \t              ^",
    ]


# The explosive ones

EXPLOSIVE = {
    "5,000 nested braces": "/dts-v1/;\n" + "/ { " + "a { " * 5_000 + "};" * 5_001,
    "5,000 nested brackets": "/dts-v1/;\n/ { a = <" + "(" * 5_000 + "1" + ")" * 5_000 + ">; };\n",
    "a megabyte of brackets": "/dts-v1/;\n/ { a = <" + "(" * 1_000_000 + ">; };\n",
    "a megabyte of one name": "/dts-v1/;\n/ { " + "a" * 1_000_000 + " };\n",
    "a megabyte of an open string": '/dts-v1/;\n/ { a = "' + "a" * 1_000_000,
    "a shift of 10^10": "/dts-v1/;\n/ { a = <(1 << 10000000000)>; b };\n",
    "a number of a million digits": "/dts-v1/;\n/ { a = <" + "9" * 1_000_000 + ">; };\n",
    "200,000 nodes": "/dts-v1/;\n/ { " + "".join(f"n{k} {{}}; " for k in range(200_000)) + "};\n",
    "100,000 properties of one name": "/dts-v1/;\n/ { " + "a = <1>; " * 100_000 + "};\n",
}


@pytest.mark.parametrize("name", EXPLOSIVE)
def test_an_explosive_board_is_refused_within_seconds(board, name):
    path = board(EXPLOSIVE[name])
    start = os.times()
    status, out, err = kvx_process("run", path, SMOKE)
    end = os.times()
    assert (status, out) == (3, "")
    assert err.startswith(f"{path}:")
    assert "Traceback" not in err
    assert len(err) < 1_000 + 2 * len(EXPLOSIVE[name])
    assert end.children_user + end.children_system - start.children_user - start.children_system < 5


def test_20_000_sibling_nodes_are_read_in_seconds(board):
    text = changed(
        "\tchosen {", "\tmany { " + "".join(f"n{k} {{}}; " for k in range(20_000)) + "};\n\tchosen {"
    )
    start = os.times()
    assert kvx_process("run", board(text), SMOKE, "--format", "none", "-q") == (0, "", "")
    end = os.times()
    assert end.children_user + end.children_system - start.children_user - start.children_system < 5


@pytest.mark.parametrize("magic", [b"\xd0\x0d\xfe\xed", b"/dts-v1/;"])
def test_a_board_larger_than_the_limit_is_refused_by_its_size(kvx, tmp_path, magic):
    path = tmp_path / "large"
    with path.open("wb") as out:
        out.write(magic)
        out.truncate(1 << 32)  # a hole: four gigabytes that take no room
    start = time.process_time()
    status, out, err = kvx("check", path)
    assert (status, err) == (3, "")
    assert "error[limit]: the file is larger than the " in out
    assert time.process_time() - start < 1


def test_every_bad_tree_that_was_collected_is_answered_without_a_defect(kvx, shared):
    paths = sorted((shared / "malformed").glob("*.dts"))
    assert len(paths) > 40
    for path in paths:
        status, out, err = kvx("check", path)
        assert status in {0, 2, 3}, path.name
        assert "Traceback" not in err, path.name
        if status == 3:
            # Of an included file the place is there.
            assert re.match(r"\S+:\d+:\d+: error\[", out), path.name
