"""What the tests of the preprocessor share: its text, its errors, and GNU cpp as the judge."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvx_emu.dt.cpp import preprocess
from kvx_emu.dt.reach import Reach
from kvx_emu.dt.source import decode
from kvx_emu.errors import InputError, Source
from kvx_emu.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kvx_emu.dt.cpp_origin import Expanded
    from kvx_emu.limits import Limits


def expanded(text: str, defines: Mapping[str, str] | None = None, limits: Limits = LIMITS) -> Expanded:
    """What the preprocessor makes of a text that includes nothing."""
    return preprocess(Source("b.dts", text), Reach("b.dts"), defines, limits)


def words(text: str, defines: Mapping[str, str] | None = None) -> str:
    """The preprocessed text with one space for all blank space."""
    return " ".join(expanded(text, defines).text.split())


def from_file(path: Path, folders: Sequence[str] = (), *, anywhere: bool = False) -> Expanded:
    """What the preprocessor makes of a file."""
    return preprocess(decode(path.read_bytes(), str(path)), Reach(str(path), folders, anywhere))


def wrong(text: str, limits: Limits = LIMITS) -> list[str]:
    """What a text is refused for: `line:column code message`."""
    with pytest.raises(InputError) as caught:
        expanded(text, limits=limits)
    return told(caught.value)


def told(error: InputError) -> list[str]:
    """The findings of an error: `line:column code message`."""
    assert str(error)
    return [f"{f.place.line}:{f.place.column} {f.code} {f.message}" for f in error.findings]


def gnu(text: bytes, *options: str, cwd: Path | None = None) -> list[str] | None:
    """The words that GNU cpp leaves of a text; None when it refuses it."""
    cpp = shutil.which("cpp")
    if cpp is None:
        pytest.skip("cpp is not installed")
    command = [cpp, "-nostdinc", "-undef", "-x", "assembler-with-cpp", "-D__DTS__", "-P", *options, "-"]
    done = subprocess.run(command, input=text, capture_output=True, timeout=20, check=False, cwd=cwd)
    return done.stdout.decode("utf-8", "surrogateescape").split() if done.returncode == 0 else None
