"""What tests of several folders share."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import ROOT, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


DRAWN = {
    "agree",
    "property",
    "invariants",
    "golden",
    "bench/test_baselines.py",
    "dt/test_cpp_against_gnu.py",
    "dt/test_dt_fuzz_source.py",
    "dt/test_fuzz_blob.py",
    "package",
    "script/test_script_schema.py",
}
"""Tests of drawn cases, of recordings and of masses. What they cover hangs on luck, and counting takes thrice
the time; so they run uncounted."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests as `drawn`."""
    tests = Path(__file__).parent
    for item in items:
        path = item.path.relative_to(tests)
        if {path.parts[0], path.as_posix()} & DRAWN:
            item.add_marker("drawn")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third parties' data and measurements, which is not part of the project."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("KVX_EMU_SHARED", root.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}")
    return folder


@pytest.fixture
def kvx(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """Return what runs `kvx-emu` in this process, in the repository's root: `kvx("check", board)`.

    `stdin` is what standard input holds. Processes of their own are `command.kvx_process`.
    """
    from kvx_emu.cli.main import main

    monkeypatch.chdir(ROOT)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}

    def run(*args: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        status = main([str(arg) for arg in args])
        return Result(status, *capsys.readouterr())

    yield run
    # An interrupt that a test makes up can come where real ones are held back, and leave them so.
    for number, handler in handlers.items():
        signal.signal(number, handler)
