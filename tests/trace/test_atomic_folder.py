"""Folders that appear whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import os
import stat

import pytest

from kvx_emu.errors import OutputError
from kvx_emu.outputs import AtomicFolder


def always(_folder):
    return True


@pytest.fixture(params=["at once", "in steps"])
def way(request, monkeypatch):
    """Run a test for both ways of putting a folder in the place of another."""
    if request.param == "in steps":
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    return request.param


def held(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_folder_appears_when_it_is_closed(tmp_path):
    folder = AtomicFolder(str(tmp_path / "t"), always)
    folder.write("a", b"one")
    folder.write("b", b"two")
    folder.write("a", b"more")
    folder.flush()
    assert os.listdir(tmp_path) == [f"t.{os.getpid()}-0.part"]
    folder.close()
    assert os.listdir(tmp_path) == ["t"]
    assert held(tmp_path / "t") == {"a": "onemore", "b": "two"}


def test_an_old_folder_stays_as_it_is_until_the_new_one_is_closed(tmp_path, way):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "old").write_text("old")
    folder = AtomicFolder(str(tmp_path / "t"), always)
    folder.write("new", b"new")
    folder.flush()
    assert held(tmp_path / "t") == {"old": "old"}
    folder.close()
    assert os.listdir(tmp_path) == ["t"]
    assert held(tmp_path / "t") == {"new": "new"}


def test_an_abandoned_folder_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "old").write_text("old")
    folder = AtomicFolder(str(tmp_path / "t"), always)
    folder.write("new", b"new")
    folder.abandon()
    folder.abandon()
    assert os.listdir(tmp_path) == ["t"]
    assert held(tmp_path / "t") == {"old": "old"}


def test_abandon_after_close_leaves_the_new_folder(tmp_path, way):
    for content in (b"one", b"two"):
        folder = AtomicFolder(str(tmp_path / "t"), always)
        folder.write("a", content)
        folder.close()
        folder.abandon()
    assert held(tmp_path / "t") == {"a": "two"}
    assert os.listdir(tmp_path) == ["t"]


def test_the_mode_of_an_old_folder_is_kept(tmp_path, way):
    (tmp_path / "t").mkdir(mode=0o700)
    AtomicFolder(str(tmp_path / "t"), always).close()
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o700


def test_a_link_to_a_folder_is_followed_and_stays(tmp_path, way):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    folder = AtomicFolder(str(tmp_path / "link"), always)
    folder.write("a", b"new")
    folder.close()
    assert os.readlink(tmp_path / "link") == "there"
    assert held(tmp_path / "there") == {"a": "new"}


def test_a_folder_that_is_not_to_be_replaced_stays(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "thesis").write_text("years")
    asked = []
    with pytest.raises(OutputError) as caught:
        AtomicFolder(str(tmp_path / "t"), asked.append)
    assert str(caught.value) == (
        f"{tmp_path}/t: can not be written: the folder holds other things, which would be lost"
    )
    assert asked == [str(tmp_path / "t")]
    assert held(tmp_path / "t") == {"thesis": "years"}
    assert os.listdir(tmp_path) == ["t"]


def test_a_folder_in_which_things_appear_meanwhile_stays(tmp_path):
    folder = AtomicFolder(str(tmp_path / "t"), lambda path: os.listdir(path) == [])
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "thesis").write_text("years")
    with pytest.raises(OutputError, match=r"which would be lost$"):
        folder.close()
    assert os.listdir(tmp_path) == ["t"]
    assert held(tmp_path / "t") == {"thesis": "years"}


def test_a_file_is_no_folder_to_replace(tmp_path):
    (tmp_path / "t").write_text("file")
    with pytest.raises(OutputError, match=r"t: can not be written: it is there, and is no folder$"):
        AtomicFolder(str(tmp_path / "t"), always)
    assert (tmp_path / "t").read_text() == "file"


def test_a_folder_in_no_folder_can_not_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"none/t: can not be written: No such file or directory$"):
        AtomicFolder(str(tmp_path / "none" / "t"), always)


def test_what_a_killed_process_of_the_same_number_left_is_no_hindrance(tmp_path):
    left = f"t.{os.getpid()}-0.part"
    (tmp_path / left).mkdir()
    folder = AtomicFolder(str(tmp_path / "t"), always)
    folder.write("a", b"new")
    folder.close()
    assert sorted(os.listdir(tmp_path)) == ["t", left]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_is_full_leaves_nothing(tmp_path, monkeypatch, call):
    def fail(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = AtomicFolder(str(tmp_path / "t"), always)
    folder.write("a", b"new")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError, match=r"t: can not be written: No space left on device$"):
        folder.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("after", [0, 1])
def test_a_step_of_the_replacing_that_fails_leaves_the_old_folder(tmp_path, monkeypatch, after):
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    rename, calls = os.rename, []

    def fail(*names):
        calls.append(names)
        if len(calls) == after + 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(*names)

    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "old").write_text("old")
    folder = AtomicFolder(str(tmp_path / "t"), always)
    folder.write("new", b"new")
    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        folder.close()
    assert os.listdir(tmp_path) == ["t"]
    assert held(tmp_path / "t") == {"old": "old"}


def test_a_file_that_can_not_be_made_is_told(tmp_path):
    folder = AtomicFolder(str(tmp_path / "t"), always)
    with pytest.raises(OutputError, match=r"t: can not be written: No such file or directory$"):
        folder.write("none/a", b"")
    assert os.listdir(tmp_path) == []
