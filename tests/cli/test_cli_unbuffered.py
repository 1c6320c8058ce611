"""Nothing of standard output is lost where Python is told not to buffer it, as in many containers."""

from __future__ import annotations

import os
import subprocess

import pytest
from command import BOARD, SMOKE, kvx_process, started

UNBUFFERED = os.environ | {"PYTHONUNBUFFERED": "1"}


def test_a_reader_that_leaves_in_the_midst_is_noticed():
    # More than a pipe holds, in one piece: the reader leaves while the rest of it waits.
    process = started("schema", env=UNBUFFERED, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141


@pytest.mark.parametrize("words", [["schema"], ["--help"], ["run", BOARD, SMOKE, "--format", "csv"]])
def test_what_is_printed_is_the_same(words):
    unbuffered = kvx_process(*words, env=UNBUFFERED)
    assert unbuffered.status == 0
    assert unbuffered == kvx_process(*words, env=UNBUFFERED | {"PYTHONUNBUFFERED": ""})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = kvx_process("schema", env=UNBUFFERED, stdout=full)
    assert (done.status, done.err) == (
        6,
        "kvx-emu: standard output: can not be written: No space left on device\n",
    )
