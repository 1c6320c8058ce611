"""Names of input files that are none, or become none while they are opened."""

from __future__ import annotations

import os
import stat

import pytest

from kvx_emu.errors import UsageError
from kvx_emu.files import open_input


def test_a_zero_byte_in_a_name_is_told():
    with pytest.raises(UsageError, match=r"cannot read 'a\\x00b\.csv': embedded null byte"):
        open_input("a\0b.csv")


def test_a_file_that_becomes_a_pipe_while_it_is_opened_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("tick,addr,value\n")
    real = os.fstat
    opened = []

    def fstat(descriptor):
        opened.append(descriptor)
        found = list(real(descriptor))
        found[0] = stat.S_IFIFO | 0o600
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(UsageError, match="pipe"):
        open_input(str(path))
    monkeypatch.undo()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[-1])
