"""What the tests of device trees share: reading a text, the texts of errors, and dtc as the judge."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
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


def allowed(promised: float) -> float:
    """The seconds that a test may take: twice what is promised, for a slow machine; more if it is traced."""
    return promised * (2 if sys.gettrace() is None else 10)


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


def meaning(blob: bytes) -> dict[str, object]:
    """What a blob says, whatever its order: reservations, boot cpu, and the properties of every node."""
    words = struct.unpack_from(">10I", blob)
    structure, strings, reservations = words[2:5]
    assert words[0] == 0xD00DFEED
    entries = []
    while (entry := struct.unpack_from(">2Q", blob, reservations)) != (0, 0):
        entries.append(entry)
        reservations += 16
    nodes: dict[str, dict[str, bytes]] = {}
    path: list[str] = []
    at = structure
    while True:
        token = struct.unpack_from(">I", blob, at)[0]
        at += 4
        if token == 1:
            name = blob[at : blob.index(0, at)]
            at = (at + len(name) + 4) & ~3
            path.append(name.decode("latin-1"))
            assert "/".join(path) not in nodes
            nodes["/".join(path)] = {}
        elif token == 2:
            path.pop()
        elif token == 3:
            size, offset = struct.unpack_from(">2I", blob, at)
            start = strings + offset
            properties = nodes["/".join(path)]
            prop = blob[start : blob.index(0, start)].decode("latin-1")
            assert prop not in properties
            properties[prop] = blob[at + 8 : at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        else:
            assert token == 9
            assert not path
            return {"reservations": entries, "boot cpu": words[7], **nodes}


def differences(ours: bytes, theirs: bytes) -> list[str]:
    """Where two blobs differ in meaning."""
    left, right = meaning(ours), meaning(theirs)
    result = []
    for where in sorted(left.keys() | right.keys()):
        mine, other = left.get(where), right.get(where)
        if isinstance(mine, dict) and isinstance(other, dict):
            names = [name for name in sorted(mine.keys() | other.keys()) if mine.get(name) != other.get(name)]
            result += [f"{where}:{name}: {mine.get(name)!r} != {other.get(name)!r}" for name in names]
        elif mine != other:
            result.append(f"{where}: {mine!r} != {other!r}")
    return result
