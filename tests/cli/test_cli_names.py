"""Boards and scripts that come with the package are known by their names."""

from __future__ import annotations

import os

import pytest
from command import BOARD, ROOT, SMOKE, kvx_process

from kvx_emu import library
from kvx_emu.errors import UsageError

BOARDS = ["cluster", "coolidge", "kvx-cluster", "stress64"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder outside the repository, in which the test is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_board_and_every_script_of_ours_has_a_name(elsewhere):
    assert list(library.boards()) == BOARDS
    assert library.boards() == {name: str(ROOT / "boards" / f"{name}.dts") for name in BOARDS}
    paths = sorted((ROOT / "scripts").glob("*.yaml"))
    assert library.scripts() == {path.stem: str(path) for path in paths}


def test_a_name_is_the_path_as_seen_from_here_where_that_is_shorter(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert library.board_path("cluster") == BOARD
    assert library.script_path("smoke") == SMOKE
    monkeypatch.chdir(ROOT / "boards")
    assert library.board_path("cluster") == "cluster.dts"
    assert library.script_path("smoke") == str(ROOT / SMOKE)


def test_where_the_current_folder_is_gone_the_path_is_whole(elsewhere, monkeypatch):
    gone = elsewhere / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert library.board_path("cluster") == str(ROOT / BOARD)


@pytest.mark.parametrize("name", ["-", "./cluster", "boards/none.dts", "none.dts", "/cluster", "a/b"])
def test_what_is_no_name_is_a_file_as_it_stands(elsewhere, name):
    assert library.board_path(name) == name


def test_a_file_goes_before_what_is_ours(elsewhere):
    (elsewhere / "cluster").write_text("mine")
    assert library.board_path("cluster") == "cluster"


def test_a_folder_is_in_nobodys_way(elsewhere):
    (elsewhere / "cluster").mkdir()
    (elsewhere / "mine").mkdir()
    assert library.board_path("cluster") == str(ROOT / BOARD)
    assert library.board_path("mine") == "mine"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("coolige", " Did you mean 'coolidge'?"),
        ("cluster.dts", " Did you mean 'cluster'?"),
        ("clusters.dtb", " Did you mean 'cluster'?"),
        ("zz", ""),
        ("", ""),
    ],
)
def test_what_is_like_a_name_is_answered_with_the_nearest_one(elsewhere, name, meant):
    with pytest.raises(UsageError) as caught:
        library.board_path(name)
    assert str(caught.value) == (
        f"cannot read {name}: No such file or directory.{meant} "
        "Boards by name: cluster, coolidge, kvx-cluster, stress64"
    )


def test_a_typo_in_the_name_of_a_script_names_scripts(elsewhere):
    with pytest.raises(UsageError, match=r" Did you mean 'nesting'\? Scripts by name: broadcast, "):
        library.script_path("nestng")


@pytest.mark.parametrize(
    "words",
    [
        ["run", "cluster", "smoke"],
        ["check", "coolidge", "replay"],
        ["check", "kvx-cluster"],
        ["show", "stress64", "map"],
        ["explain", "cluster", "0xad0000", "6", "--script", "smoke"],
    ],
)
def test_every_command_that_reads_a_board_or_a_script_takes_names_from_anywhere(elsewhere, words):
    status, out, err = kvx_process(*words, cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (status, err) == (0, "")
    assert out


def test_a_name_gives_what_its_file_gives(kvx):
    assert kvx("run", "cluster", "smoke") == kvx("run", BOARD, SMOKE)


def test_a_wrong_name_is_wrong_usage_without_a_usage_line(kvx):
    status, out, err = kvx("run", "clustr", "smoke")
    assert (status, out) == (2, "")
    assert err.startswith("kvx-emu: cannot read clustr: No such file or directory. Did you mean 'cluster'?")


def test_a_name_of_ours_is_no_name_for_an_output(kvx):
    status, _, err = kvx("run", "cluster", "smoke", "--csv", BOARD)
    assert (status, err) == (2, f"kvx-emu: {BOARD} would overwrite {BOARD}\n")


@pytest.mark.parametrize("command", ["run", "check", "show", "explain"])
def test_help_lists_the_names(kvx, command):
    out = kvx(command, "--help").out
    assert f"Boards by name:\n    {', '.join(BOARDS)}\n" in out
    assert ("Scripts by name:\n    broadcast, devices, " in out) is (command != "show")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("kvx-emu run clu", ["plain,cluster", "plain,clutter/"]),
        ("kvx-emu run cluster ", None),
        ("kvx-emu run cluster sm", ["plain,smoke", "plain,small.yaml"]),
        ("kvx-emu run clut", ["file,clut"]),
        ("kvx-emu check coo", ["plain,coolidge"]),
        ("kvx-emu explain cluster 0 0 --script nes", ["plain,nesting"]),
    ],
)
def test_completion_offers_names_beside_files(elsewhere, words, expected):
    (elsewhere / "clutter").mkdir()
    (elsewhere / "small.yaml").write_text("")
    (elsewhere / ".hidden").write_text("")
    count = len(words.split(" ")) - 1
    env = {"_KVX_EMU_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = kvx_process(env=os.environ | env | {"PYTHONPATH": str(ROOT)}, cwd=elsewhere)
    if expected is None:
        names = [*library.scripts(), "clutter/", "small.yaml"]
        expected = [f"plain,{name}" for name in names]
    assert done.out.splitlines() == expected


def test_a_name_is_completed_by_ours_and_files_and_left_to_the_shell_where_nothing_is_ours(
    elsewhere, monkeypatch
):
    from kvx_emu.cli.inputs import BOARD as BOARDS

    monkeypatch.chdir(elsewhere)
    (elsewhere / "clutter").mkdir()
    offered = [(item.type, item.value) for item in BOARDS.shell_complete(None, None, "clu")]
    assert offered == [("plain", "cluster"), ("plain", "clutter/")]
    assert [(item.type, item.value) for item in BOARDS.shell_complete(None, None, "x/y")] == [("file", "x/y")]
