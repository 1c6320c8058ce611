"""The C loop, compiled when it is first used."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .prepared import Edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .prepared import Prepared

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-shared", "-fPIC")


class _Writes(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_int64),
        ("tick", ctypes.c_void_p),
        ("cluster", ctypes.c_void_p),
        ("line", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("to_mask", ctypes.c_void_p),
    )


class _Rules(ctypes.Structure):
    _fields_ = (
        ("delivery", ctypes.c_int64),
        ("entry", ctypes.c_int64),
        ("service", ctypes.c_int64 * 8),
        ("cores", ctypes.c_uint32),
        ("clusters", ctypes.c_int32),
        ("enabled", ctypes.c_uint32),
        ("level", ctypes.c_uint32 * 4),
    )


class _Edges(ctypes.Structure):
    _fields_ = (("fate", ctypes.c_void_p), ("enter", ctypes.c_void_p), ("exit", ctypes.c_void_p))


def compiler() -> str | None:
    """Return the C compiler: $CC, cc or gcc; None if there is none."""
    return next(
        (path for name in (os.environ.get("CC"), "cc", "gcc") if name and (path := shutil.which(name))), None
    )


@cache
def _load() -> ctypes.CDLL | str:
    """Return the compiled loop, or why there is none."""
    command = compiler()
    if command is None:
        return "no compiler: neither $CC nor cc nor gcc is there"
    key = hashlib.sha256(SOURCE.read_bytes() + " ".join((command, *FLAGS, platform.node())).encode())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvx-emu"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="kvx-emu-"))
    library = folder / f"c_loop-{key.hexdigest()[:16]}.so"
    if not library.exists():
        aside = library.with_suffix(f".{os.getpid()}")  # two processes may build at once
        done = subprocess.run(  # noqa: S603  (the user's compiler, on our source)
            [command, *FLAGS, "-o", aside, SOURCE], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"{command} failed:\n{done.stderr}"
        aside.replace(library)
    loaded = ctypes.CDLL(str(library))
    for name in ("count_edges", "run_batch", "run_single", "run_nested", "run_functional"):
        getattr(loaded, name).restype = ctypes.c_int64
    return loaded


def why_not() -> str | None:
    """Return why the loop can not run here, or None if it can."""
    loaded = _load()
    return loaded if isinstance(loaded, str) else None


def run(prepared: Prepared, *, general: bool = False) -> Edges:
    """Return the edge table; RuntimeError if it can not run here.

    Functional time has a loop of its own, which `general` avoids.
    """
    loaded = _load()
    if isinstance(loaded, str):
        raise RuntimeError(loaded)
    tick, cluster, line, value, to_mask = columns = [np.ascontiguousarray(each) for each in prepared[:5]]
    writes = _Writes(len(tick), *(_address(column) for column in (tick, cluster, line, value, to_mask)))
    taken = [
        sum(1 << line for line in range(8) if prepared.enabled >> line & 1 and prepared.levels[line] == level)
        for level in range(4)
    ]
    rules = _Rules(
        prepared.delivery,
        prepared.entry,
        (ctypes.c_int64 * 8)(*prepared.service),
        prepared.cores,
        prepared.clusters,
        prepared.enabled,
        (ctypes.c_uint32 * 4)(*taken),
    )
    count = loaded.count_edges(ctypes.byref(writes), ctypes.c_uint32(prepared.cores))
    edges = Edges(np.empty(count, np.uint8), np.empty(count, np.int64), np.empty(count, np.int64))
    out = _Edges(_address(edges.fate), _address(edges.enter), _address(edges.exit))
    if prepared.functional and not general:
        mode = loaded.run_functional
    elif prepared.batch:
        mode = loaded.run_batch
    else:
        mode = loaded.run_nested if prepared.nesting else loaded.run_single
    made = mode(ctypes.byref(writes), ctypes.byref(rules), ctypes.byref(out))
    del columns  # until here their memory was lent
    if made != count:
        raise MemoryError
    return edges


def _address(array: NDArray[Any]) -> int:
    return array.ctypes.data
