"""Opening board files."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest
from dt_reading import read

from kvx_emu.dt.load import load_tree
from kvx_emu.dt.source import read_input
from kvx_emu.errors import InputError, UsageError
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

SMALL = LIMITS._replace(tree_text=30, tree_blob=20)


class Standard:
    """A standard input of bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_source_and_blob_are_told_apart_by_content(tmp_path: Path) -> None:
    tree = read("/ { a = <1>; };")
    (tmp_path / "a.dts").write_bytes(tree.to_dtb())
    (tmp_path / "b.dtb").write_text("/dts-v1/; / { a = <1>; };")
    for name in ("a.dts", "b.dtb"):
        loaded = load_tree(str(tmp_path / name))
        assert loaded.root.cells("a") == [1]
        assert loaded.source == str(tmp_path / name)


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(b"/dts-v1/;\n/ {\n a; };"))
    tree = load_tree("-")
    assert str(tree.root.property_place("a")) == "<stdin>:3:2"


def test_a_closed_standard_input_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="cannot read standard input: it is closed"):
        load_tree("-")
    closed = Standard(b"")
    closed.buffer.close()
    monkeypatch.setattr(sys, "stdin", closed)
    with pytest.raises(UsageError, match=r"cannot read '-': .*closed file"):
        load_tree("-")


def test_what_can_not_be_opened_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*/none\.dts: No such file or directory"):
        load_tree(str(tmp_path / "none.dts"))
    with pytest.raises(UsageError, match="not a regular file: it is a directory"):
        load_tree(str(tmp_path))
    with pytest.raises(UsageError, match="not a regular file: it is a device"):
        load_tree("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file: it is a pipe; use - for standard input"):
        load_tree(str(tmp_path / "pipe"))
    with pytest.raises(UsageError, match="null"):
        load_tree("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "a.dts"
    path.write_text("")
    path.chmod(0)
    with pytest.raises(UsageError, match="Permission denied"):
        load_tree(str(path))


def test_a_file_too_large_is_refused_by_the_limit_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 30)
    assert len(read_input(str(path), SMALL)) == 30
    path.write_bytes(b"x" * 31)
    with pytest.raises(InputError, match=r"a: error\[limit\]: .* larger than the 30 bytes .* source"):
        read_input(str(path), SMALL)
    path.write_bytes(b"\xd0\x0d\xfe\xed" + b"x" * 17)
    with pytest.raises(InputError, match=r"larger than the 20 bytes .* blob"):
        read_input(str(path), SMALL)


def test_standard_input_is_limited_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Standard(b"x" * 1000)
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(InputError, match=r"<stdin>.*larger than the 30 bytes"):
        read_input("-", SMALL)
    assert stream.buffer.tell() == 31
