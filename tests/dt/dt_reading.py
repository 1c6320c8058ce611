"""What the tests of device trees share: reading a text, the texts of errors, and dtc as the judge."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvx_emu.dt.load import read_tree
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Tree


def read(text: str) -> Tree:
    """The tree of a body of source; `/dts-v1/;` and the root are added if it has none."""
    if "/dts-v1/" not in text:
        text = "/dts-v1/;\n" + text
    return read_tree(text.encode("utf-8", "surrogateescape"), "b.dts")


def errors(text: str | bytes) -> list[str]:
    """What a whole source or a blob is refused for: `line:column code message`, or `offset code message`."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    with pytest.raises(InputError) as caught:
        read_tree(data, "b.dts")
    assert str(caught.value)
    result = []
    for finding in caught.value.findings:
        place = finding.place
        spot = f"{place.line}:{place.column}" if place.offset is None else f"{place.offset:#x}"
        result.append(f"{spot} {finding.code} {finding.message}")
    return result


def run_dtc(data: bytes, source: str, target: str, *options: str) -> bytes | None:
    """What dtc makes of a tree; None when it refuses, crashes or hangs."""
    dtc = shutil.which("dtc")
    if dtc is None:
        pytest.skip("dtc is not installed")
    command = [dtc, "-q", "-I", source, "-O", target, *options]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=5, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def normal(blob: bytes | None) -> str | None:
    """The sorted source that dtc makes of a blob: equal for blobs of equal meaning."""
    text = None if blob is None else run_dtc(blob, "dtb", "dts", "--sort")
    return None if text is None else text.decode("latin-1")
