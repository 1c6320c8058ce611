"""Runs that are saved and restored, on the reference engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from engine_boards import board

from kvx_emu.dt.load import read_tree
from kvx_emu.engine.identity import digest
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.snapshot import load, restore, snapshot
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.saved import canonical
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from pathlib import Path

    from kvx_emu.dt.tree import Tree
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.trace.row import Row


class Rows:
    """A sink that keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self.rows += rows

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...


class Ran(NamedTuple):
    """A run: its rows and outcome; its snapshot, None if there is none, and how many rows were before it."""

    rows: list[Row]
    outcome: Outcome
    saved: str | None
    before: int
    ended: bool | None  # whether the run had ended then


def three_pes() -> Tree:
    """A board of three PEs that have an IPI controller."""
    return read_tree(board({0: [0, 1, 2]}).encode(), "board.dts")


class Case:
    """A script on a board, with limits; `folder` is where snapshots are written."""

    def __init__(
        self,
        folder: Path,
        script: str | Path,
        tree: Tree | None = None,
        *,
        profile: str = "hardware",
        seed: int | None = None,
        **limits: int | None,
    ) -> None:
        self.file = folder / "snapshot"
        self.text = script if isinstance(script, str) else script.read_text()
        self._script = Source("script.yaml", script) if isinstance(script, str) else str(script)
        self._tree = three_pes() if tree is None else tree
        self._profile = profile
        self._seed = seed
        self._limits = limits

    def engine(self) -> tuple[Reference, Rows]:
        """Return an engine that has not run, and its sink."""
        machine, _ = build(self._tree, self._profile)
        program = bind(load_script(self._script), machine, seed=self._seed)
        rows = Rows()
        return Reference(machine, program, [rows], **self._limits), rows

    def restored(self, saved: str | bytes) -> tuple[Reference, Rows]:
        """Return an engine that goes on from a snapshot, and its sink."""
        self.file.write_bytes(saved.encode() if isinstance(saved, str) else saved)
        engine, rows = self.engine()
        restore(engine, load(str(self.file), engine.parts.machine, engine.parts.program), str(self.file))
        return engine, rows

    def run(self, at: int | None = None, saved: str | bytes | None = None) -> Ran:
        """Run, from a snapshot if there is one, with one taken after tick `at` if that is given."""
        engine, rows = self.engine() if saved is None else self.restored(saved)
        taken: list[tuple[str, int, bool]] = []
        if at is not None:
            engine.keep(at, lambda ended: taken.append((snapshot(engine), len(rows.rows), ended)))
        outcome = engine.run()
        return Ran(rows.rows, outcome, *(taken[0] if taken else (None, 0, None)))


def same_from(case: Case, straight: Ran, first: int, second: int) -> None:
    """Hold a run that was saved after tick `first`, and then after `second`, against a straight one."""
    one = case.run(first)
    assert (one.rows, one.outcome) == (straight.rows, straight.outcome), f"saving at {first} changes the run"
    assert all(row[0] <= first for row in straight.rows[: one.before])
    assert one.ended or all(row[0] > first for row in straight.rows[one.before :])
    two = case.run(second, one.saved)
    where = f"saved at {first}, restored, saved at {second}"
    assert straight.rows[: one.before] + two.rows == straight.rows, where
    assert two.outcome == straight.outcome, where
    assert two.saved == case.run(second).saved, where


def state_of(saved: str) -> Any:
    """Return the state in a snapshot."""
    return json.loads(saved)["state"]


def forged(saved: str, state: object) -> bytes:
    """Return a snapshot with another state and the digest that fits it."""
    content = json.loads(saved) | {"state": state}
    del content["digest"]
    return canonical(content | {"digest": digest(content)}) + b"\n"
