"""Running the `kvx-emu` command as a process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BOARD = "boards/cluster.dts"
SMOKE = "scripts/smoke.yaml"
SCRIPTS = sorted((ROOT / "scripts").glob("*.yaml"))
KVX = [sys.executable, "-m", "kvx_emu"]


class Result(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


def board_of(script: Path) -> str:
    """Return the board that a script of ours is for: the one that a comment of it names, or any."""
    found = re.search(r"^# Board: (\S+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
    return BOARD if found is None else found[1]


def kvx_process(*args: object, timeout: float = 60, closed: int | None = None, **options: Any) -> Result:
    """Run `kvx-emu` with `args` in the repository's root; `options` are those of subprocess.run.

    `closed` is the number of a standard stream that is closed before it starts.
    """
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    argv = [*KVX, *map(str, args)]
    if closed is not None:
        argv = ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", *argv]
    done = subprocess.run(argv, timeout=timeout, check=False, **options)
    return Result(done.returncode, done.stdout or "", done.stderr or "")


def started(*args: object, **options: Any) -> subprocess.Popen[str]:
    """Start `kvx-emu` with `args` in the repository's root; `options` are those of subprocess.Popen.

    Signals do by it what they do by default: a job in the background has some of them ignored, and hands
    that on to all that it starts.
    """

    def restore() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)

    argv = [*KVX, *map(str, args)]
    return subprocess.Popen(argv, cwd=ROOT, preexec_fn=restore, **options)  # noqa: PLW1509  (no threads here)


def script_file(folder: Path, steps: str, head: str = "", name: str = "script.yaml") -> Path:
    """Write a script: the lines of `head`, then each line of `steps` as a step; return its path."""
    path = folder / name
    lines = "".join(f"  - {step}\n" for step in steps.strip().splitlines())
    path.write_text(f"version: 1\n{head}steps:\n{lines}")
    return path
