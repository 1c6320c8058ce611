"""Which files a tree may open, how they are found, and what the message says when not."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from cpp_reading import expanded, from_file, told

from kvx_emu.dt.load import load_tree, read_tree
from kvx_emu.dt.reach import Reach, ReachError
from kvx_emu.errors import InputError
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """`board/a.dts` with files around it; the folder is the current one."""
    for name in ("board/a.dts", "board/sub/b.h", "board/b.h", "inc/b.h", "inc/d.h", "out/secret.h"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(reach: Reach, path: str) -> str:
    """Why a file is not read: `code message`."""
    with pytest.raises(ReachError) as caught:
        reach.read(path)
    return f"{caught.value.code} {caught.value}"


def test_a_file_is_looked_for_beside_the_asking_one_and_then_in_the_folders(files: Path) -> None:
    reach = Reach("board/a.dts", ["none", "inc"])
    assert reach.find("b.h", "board/a.dts") == "board/b.h"
    assert reach.find("b.h", "board/sub/x.h") == "board/sub/b.h"
    assert reach.find("d.h", "board/a.dts") == "inc/d.h"
    assert reach.find("b.h", "board/a.dts", angled=True) == "inc/b.h"
    assert reach.find("sub/../b.h", "board/a.dts") == "board/sub/../b.h"
    assert reach.find("a.dts", "board/a.dts", angled=True) is None
    assert reach.find(f"{files}/inc/b.h", "board/a.dts") == f"{files}/inc/b.h"
    assert [reach.find(name, "board/a.dts") for name in ("", "x.h", "a\0b")] == [None, None, None]
    assert reach.searched("board/a.dts") == ["board", "none", "inc"]
    assert Reach("-").find("inc/d.h", "<stdin>") == "inc/d.h"
    assert Reach("-").find("inc/d.h", "-") == "inc/d.h"


def test_a_folder_does_not_hide_a_file(files: Path) -> None:
    (files / "board" / "d.h").mkdir()
    reach = Reach("board/a.dts", ["inc"])
    assert reach.find("d.h", "board/a.dts") == "inc/d.h"
    assert Reach("board/a.dts").find("d.h", "board/a.dts") == "board/d.h"


def test_files_of_the_tree_and_the_folders_are_read(files: Path) -> None:
    reach = Reach("board/a.dts", ["inc"])
    assert reach.read("board/sub/../b.h") == b"board/b.h"
    assert reach.read("inc/d.h") == b"inc/d.h"
    assert Reach("-").read("out/secret.h") == b"out/secret.h"
    assert Reach(str(files / "board" / "a.dts")).read("board/b.h") == b"board/b.h"


def test_files_elsewhere_are_not_opened(files: Path) -> None:
    (files / "board" / "link.h").symlink_to(files / "out" / "secret.h")
    (files / "board" / "way").symlink_to(files / "out")
    (files / "board-2").mkdir()
    (files / "board-2" / "x.h").write_text("")
    reach = Reach("board/a.dts", ["inc"])
    advice = "it is not opened; add -I {} if it belongs to the tree"
    secret = str(files / "out" / "secret.h")
    outside = f"lies outside the tree's folder and the -I folders: {advice.format(files / 'out')}"
    assert refused(reach, secret) == f"file-outside '{secret}' {outside}"
    for path in ("board/../out/secret.h", "board/link.h", "board/way/secret.h"):
        that = "" if ".." in path else f" (that is '{secret}')"
        assert refused(reach, path) == f"file-outside '{path}'{that} {outside}"
        assert not reach.allows(path)
    assert refused(reach, "board-2/x.h").startswith("file-outside")
    assert refused(reach, "/etc/passwd").startswith("file-outside")
    assert Reach("board/a.dts", ["out"]).read("board/link.h") == b"out/secret.h"
    assert Reach("board/a.dts", anywhere=True).read("board/link.h") == b"out/secret.h"
    assert Reach("board/a.dts", anywhere=True).allows("/etc/passwd")


def test_trees_that_are_kept_as_linux_keeps_them_reach_their_own_kind(files: Path) -> None:
    names = [
        "linux/arch/arm/boot/dts/ti/a.dts",
        "linux/arch/arm64/boot/dts/b.dtsi",
        "linux/include/uapi/c.h",
        "linux/include/dt-bindings/d.h",
        "linux/Makefile",
        "tree/dts/arm/e.dts",
        "tree/dts/f.dtsi",
        "tree/g.dtsi",
    ]
    for name in names:
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (files / "linux/include/dt-bindings/link.h").symlink_to("../uapi/c.h")
    (files / "linux/scripts").mkdir()
    (files / "linux/scripts/arm64").symlink_to("../arch/arm64/boot/dts")
    reach = Reach("linux/arch/arm/boot/dts/ti/a.dts", ["linux/scripts"])
    for there in (
        "linux/arch/arm/boot/dts/ti/../../../../arm64/boot/dts/b.dtsi",
        "linux/scripts/arm64/b.dtsi",
        "linux/include/dt-bindings/link.h",
    ):
        assert reach.read(there) == os.path.relpath(os.path.realpath(there), files).encode()
    assert refused(reach, "linux/Makefile").startswith("file-outside")
    assert Reach("tree/dts/arm/e.dts").read("tree/dts/f.dtsi") == b"tree/dts/f.dtsi"
    assert refused(Reach("tree/dts/arm/e.dts"), "tree/g.dtsi").startswith("file-outside")


def test_only_regular_files_are_read(files: Path) -> None:
    os.mkfifo(files / "board" / "pipe")
    (files / "board" / "zero").symlink_to("/dev/zero")
    (files / "board" / "gone").symlink_to("nowhere")
    reach = Reach("board/a.dts", anywhere=True)
    assert refused(reach, "board/sub") == (
        "file-kind cannot read 'board/sub': not a regular file: it is a directory"
    )
    assert refused(reach, "board/pipe").startswith("file-kind cannot read 'board/pipe': not a regular file")
    assert refused(reach, "board/zero").startswith("file-kind cannot read 'board/zero': not a regular file")
    assert refused(reach, "board/gone") == "file-read cannot read 'board/gone': No such file or directory"
    assert refused(reach, "a\0b").startswith("file-read cannot read 'a\\x00b': ")
    assert reach.find("gone", "board/a.dts") == "board/gone"


def test_a_file_of_no_kind_is_not_read(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvx_emu.files._KINDS", {})
    assert refused(Reach("board/a.dts"), "board/sub").endswith("it is of an unknown kind")


def test_all_files_together_are_bounded(files: Path) -> None:
    reach = Reach("board/a.dts", limits=LIMITS._replace(tree_text=20))
    reach.charge(2, "board/a.dts")
    assert [reach.read("board/b.h"), reach.read("board/b.h")] == [b"board/b.h"] * 2
    assert refused(reach, "board/b.h") == (
        "limit with 'board/b.h', the files of this tree have more than 20 bytes together"
    )
    (files / "board" / "c.h").write_text("x" * 21)
    assert refused(Reach("board/a.dts", limits=LIMITS._replace(tree_text=20)), "board/c.h").startswith(
        "limit "
    )


def test_includes_read_what_is_in_reach(files: Path) -> None:
    board = files / "board" / "a.dts"
    lines = [
        '#include "b.h"',
        "#include <b.h>",
        "#define D <d.h>",
        "#include D",
        '#define S "sub/b.h"',
        "#include S",
        '#if __has_include("b.h") && __has_include(<d.h>) && __has_include(D)',
        "yes",
        "#endif",
        '#if __has_include(<a.dts>) || __has_include("sub") || __has_include("../out/secret.h")',
        "no",
        "#endif",
    ]
    board.write_text("\n".join([*lines, "#if __has_include < d.h >", "#elif 1", "#endif"]))
    with pytest.raises(InputError) as caught:
        from_file(board, ["inc"])
    assert told(caught.value) == ["13:1 cpp-condition expected '(' after '__has_include', found '<'"]
    board.write_text("\n".join(lines))
    assert from_file(board, ["inc"]).text.split() == [
        "board/b.h",
        "inc/b.h",
        "inc/d.h",
        "board/sub/b.h",
        "yes",
    ]


def test_an_include_beyond_the_reach_is_told_at_its_place(files: Path) -> None:
    board = files / "board" / "a.dts"
    board.write_text('/dts-v1/;\n  #include "../out/secret.h"\n/ { };')
    with pytest.raises(InputError) as caught:
        load_tree("board/a.dts")
    (error,) = told(caught.value)
    assert error.startswith("2:12 file-outside 'board/../out/secret.h' lies outside")
    assert "secret.h\n" not in str(caught.value)
    (files / "out" / "secret.h").write_text("")
    assert load_tree("board/a.dts", folders=["out"]).root.children == ()
    assert load_tree("board/a.dts", anywhere=True).root.children == ()


def test_a_file_is_read_once_if_it_asks_for_it(files: Path) -> None:
    board = files / "board" / "a.dts"
    (files / "board" / "b.h").write_text("#pragma once\nb")
    (files / "board" / "c.h").write_text("#pragma other\nc")
    (files / "board" / "d.h").write_text("#ifndef D\n#define D\nd\n#endif")
    lines = ["b.h", "c.h", "d.h", "sub/../b.h", "c.h", "d.h"]
    board.write_text(
        "".join(f'#include "{name}"\n' for name in lines) + '#import "sub/b.h"\n#import "sub/b.h"\n'
    )
    assert from_file(board).text.split() == ["b", "c", "d", "c", "board/sub/b.h"]


def test_files_that_end_anywhere_do_not_run_together(files: Path) -> None:
    board = files / "board" / "a.dts"
    (files / "board" / "b.h").write_text("#define F(x) x\nb")
    board.write_text('#include "b.h"\nc F(1)')
    assert from_file(board).text.split() == ["b", "c", "1"]


def test_a_file_that_includes_itself_is_stopped(files: Path) -> None:
    board = files / "board" / "a.dts"
    board.write_text('\n#include "a.dts"\n')
    with pytest.raises(InputError) as caught:
        from_file(board)
    assert told(caught.value) == [
        f"2:10 cpp-limit #include is nested more than 200 deep (included from {board}:2, from {board}:2, "
        f"from {board}:2, from ..., from {board}:2, from {board}:2)"
    ]
    board.write_text('#if __INCLUDE_LEVEL__ < 30\n#include "a.dts"\n#include "a.dts"\n#endif')
    with pytest.raises(InputError) as caught:
        from_file(board)
    assert "cpp-limit more than 20000 files are included" in told(caught.value)[0]


def test_all_text_together_is_bounded(files: Path) -> None:
    (files / "board" / "b.h").write_text("x" * 50)
    text = '/dts-v1/;\n#include "b.h"\n#include "b.h"\n'
    with pytest.raises(InputError) as caught:
        read_tree(text.encode(), "board/a.dts", LIMITS._replace(tree_text=100))
    assert told(caught.value) == [
        "3:10 limit with 'board/b.h', the files of this tree have more than 100 bytes together"
    ]
    with pytest.raises(InputError) as caught:
        read_tree(text.encode(), "board/a.dts", LIMITS._replace(tree_text=20))
    assert caught.value.findings[0].code == "limit"


def test_a_tree_from_standard_input_includes_from_the_current_folder(files: Path) -> None:
    (files / "b.dtsi").write_text("/ { a; };")
    assert read_tree(b'/dts-v1/;\n#include "b.dtsi"\n', "<stdin>").root.has("a")


def test_the_ten_trees_of_linux_need_no_more_than_their_folders(shared: Path) -> None:
    folder = shared / "linux"
    for line in (folder / "LIST").read_text().split():
        path = str(folder / "src" / line)
        assert load_tree(path, folders=[str(folder / "include")]).nodes()


def test_a_copy_of_a_linux_tree_reads_nothing_above_its_own_kind(shared: Path, files: Path) -> None:
    shutil.copytree(shared / "linux" / "src" / "arm", files / "src" / "arm")
    shutil.copytree(shared / "linux" / "include", files / "include")
    board = "src/arm/ti/omap/am335x-boneblack.dts"
    assert load_tree(board, folders=["include"]).nodes()
    assert not Reach(board, ["include"]).allows("out/secret.h")


def test_nothing_is_included_when_nothing_is_asked_for() -> None:
    assert expanded("#define A 1\nA").included(0) == ""
