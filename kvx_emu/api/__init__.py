"""The Python interface: boards and scripts in, traces and verdicts out.

import kvx_emu

machine = kvx_emu.load_board("boards/cluster.dts")
result = machine.run("scripts/smoke.yaml")
assert result.passed
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kvx_emu.errors import Source, UsageError
from kvx_emu.job import engine_of, prepare
from kvx_emu.limits import LIMITS
from kvx_emu.outputs import Outputs

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from kvx_emu.api.trace import Kept, Trace
    from kvx_emu.core_id import CoreId
    from kvx_emu.dt.tree import Tree
    from kvx_emu.engine.outcome import Expectation, Outcome
    from kvx_emu.errors import Finding, Place
    from kvx_emu.job import Job
    from kvx_emu.trace.setting import Setting
    from kvx_emu.trace.tally import Line, Wire

    StrPath: TypeAlias = str | os.PathLike[str]
    Board: TypeAlias = StrPath | bytes
    Script: TypeAlias = StrPath | Mapping[str, Any]
    Profile: TypeAlias = Literal["hardware", "qemu"]
    Engine: TypeAlias = Literal["auto", "reference", "vector"]

BOARD_TEXT, SCRIPT_TEXT = "<board>", "<script>"
"""What messages call a board and a script that are in no file."""


def load_board(
    board: Board,
    *,
    overlays: Iterable[Board] = (),
    include: Iterable[StrPath] = (),
    defines: Mapping[str, str] | None = None,
    profile: Profile = "hardware",
) -> Machine:
    """Return the machine that a board describes.

    `board` is the path of a .dts or a .dtb, the name of a board that comes with the package, the source
    itself (a text of more than one line), or the bytes of either; so is each of the `overlays`, which are
    applied in their order. `include` are the folders of
    -I, `defines` the macros of -D. Raises UsageError for what can not be opened, InputError with all that
    is wrong with a tree.
    """
    from kvx_emu.dt.overlay import apply_overlay

    folders = [os.fspath(folder) for folder in include]
    tree = _tree(board, folders, defines, plugin=False)
    for overlay in overlays:
        tree = apply_overlay(tree, _tree(overlay, folders, defines, plugin=True))
    return Machine(tree, profile)


def run(
    board: Machine | Board,
    script: Script,
    *,
    seed: int | None = None,
    params: Mapping[str, int] | None = None,
    engine: Engine = "auto",
    limit_ticks: int | None = None,
    limit_events: int | None = None,
    trace: StrPath | Iterable[StrPath] = (),
    keep_trace: bool = True,
) -> Result:
    """Run a script on a board; see `load_board` for the board and `Machine.run` for the rest."""
    machine = board if isinstance(board, Machine) else load_board(board)
    return machine.run(
        script,
        seed=seed,
        params=params,
        engine=engine,
        limit_ticks=limit_ticks,
        limit_events=limit_events,
        trace=trace,
        keep_trace=keep_trace,
    )


class Machine:
    """A board that scripts run on, as many as you like: every run starts from the same state.

    `board` is its name, `cores` are its cores, ascending, `clock_hz` is how many ticks make a second, and
    `warnings` are those about the tree.
    """

    def __init__(self, tree: Tree, profile: Profile = "hardware") -> None:
        """Take a tree. Raises InputError if it describes no machine that can run."""
        from kvx_emu.hw.registry import PROFILES
        from kvx_emu.machine.machine import build

        _one_of("profile", profile, PROFILES)
        self._tree = tree
        self._profile = profile
        machine, found = build(tree, profile)
        self.board = tree.source
        self.cores: tuple[CoreId, ...] = tuple(machine.cores)
        self.clock_hz = machine.clock_hz
        self.warnings: tuple[Finding, ...] = (*tree.warnings, *found)

    def expected(
        self, script: Script, *, params: Mapping[str, int] | None = None
    ) -> tuple[tuple[Place, str], ...]:
        """Return what a script expects, each with the place of its step and in words; nothing runs.

        Raises as `run` does.
        """
        from kvx_emu.engine.wording import expected

        job = self._job(_script(script), params, None)
        return tuple((place, title) for place, _, title in expected(job.program.actions))

    def _job(self, script: str | Source, params: Mapping[str, int] | None, seed: int | None) -> Job:
        return prepare(lambda: self._tree, script, profile=self._profile, params=params, seed=seed)

    def __repr__(self) -> str:
        return f"<Machine: {self.board}, {len(self.cores)} cores>"

    def run(
        self,
        script: Script,
        *,
        seed: int | None = None,
        params: Mapping[str, int] | None = None,
        engine: Engine = "auto",
        limit_ticks: int | None = None,
        limit_events: int | None = None,
        trace: StrPath | Iterable[StrPath] = (),
        keep_trace: bool = True,
    ) -> Result:
        """Run a script and return what came of it, whether its expectations hold or not.

        `script` is the path of a YAML file, the name of one that comes with the package, the YAML itself (a
        text of more than one line), or the mapping that such a text stands for. `seed` is that of --seed,
        `params` the numbers of --set. Nothing after the tick `limit_ticks` happens, and nothing begins once
        there are `limit_events` rows. `trace` are files for the rows, whose suffixes say the format. Without
        `keep_trace` the result has no `trace`, and a long run takes no memory for its rows.

        Raises UsageError for what can not be opened, InputError with all that is wrong with the script,
        OutputError for a file that can not be written.
        """
        from kvx_emu.engine.choose import ENGINES, choose
        from kvx_emu.trace.formats import open_sink

        _one_of("engine", engine, ENGINES)
        _not_negative(seed=seed, limit_ticks=limit_ticks, limit_events=limit_events)
        source = _script(script)
        job = self._job(source, params, seed)
        choice = choose(job.machine, job.program, engine)
        setting = job.setting(self.board, source.path if isinstance(source, Source) else source)
        paths = [os.fspath(path) for path in ([trace] if isinstance(trace, (str, os.PathLike)) else trace)]
        _refuse_overwriting(paths, (self.board, setting.script, *job.program.files))
        with Outputs() as outputs:
            sinks = [outputs.add(open_sink(path, setting)) for path in paths]
            kept = _kept() if keep_trace else None
            takers = sinks if kept is None else [*sinks, kept]
            outcome = engine_of(job, choice, takers, limit_ticks=limit_ticks, limit_events=limit_events).run()
            outputs.keep()
        return Result(outcome, setting, job.program.name, job.warnings, kept)


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a run.

    `setting` holds the clock, the cores and the names of the board and of the script; `name` is the
    script's own. `outcome` is all that the engine tells.
    """

    outcome: Outcome = field(repr=False)
    setting: Setting = field(repr=False)
    name: str | None
    board_warnings: tuple[Finding, ...] = field(repr=False)
    _kept: Kept | None = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether the run came to its end and every expectation held that was reached."""
        return not self.outcome.failures and self.outcome.stopped is None

    @property
    def stopped(self) -> str | None:
        """The limit that ended the run, in words, or None."""
        return self.outcome.stopped

    @property
    def tick(self) -> int:
        """The tick of the last event."""
        return self.outcome.tick

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """What the script expects, in its order, and how often it held."""
        return self.outcome.expectations

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What did not hold; `str` of each is the message with its place and the source line."""
        return self.outcome.failures

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is odd about the board, then what was odd in the run."""
        return self.board_warnings + self.outcome.warnings

    @property
    def summary(self) -> Mapping[Wire, Line]:
        """The counts of each core and line that had any, by (core, line)."""
        return self.outcome.summary

    def line(self, core: str | CoreId, line: int) -> Line:
        """Return the counts of one core's line; all are 0 if nothing happened there.

        Raises UsageError for what is no core of the board.
        """
        from kvx_emu.trace.tally import Line

        return self.summary.get((self._core(core), line), Line())

    def _core(self, name: str | CoreId) -> CoreId:
        found = [core for core in self.setting.cores if name in {core, str(core)}]
        if not found:
            raise UsageError(f"the board has no core {name}")
        return found[0]

    @cached_property
    def trace(self) -> Trace:
        """The rows. Raises UsageError if they were not kept."""
        from kvx_emu.api.trace import Trace

        if self._kept is None:
            raise UsageError("the rows were not kept: run with keep_trace=True")
        return Trace(self._kept.columns(), self.setting)

    def assert_passed(self) -> None:
        """Raise AssertionError, with all that did not hold, unless the run has passed."""
        if not self.passed:
            stopped = [] if self.stopped is None else [f"stopped by a limit: {self.stopped}"]
            raise AssertionError("\n".join([*map(str, self.failures), *stopped]))

    def junit(self) -> str:
        """Return the report in JUnit's XML, as --junit writes it."""
        from kvx_emu.reports.junit import junit_xml

        board, script = self.setting.board, self.setting.script
        return junit_xml(self.outcome, board=board, script=script, name=self.name)

    def json(self) -> str:
        """Return the summary in JSON, as --summary json prints it."""
        from kvx_emu.reports.summary import summary_json

        return summary_json(self.outcome, self.setting, seen=self.summary, warnings=self.warnings)


def _tree(board: Board, folders: list[str], defines: Mapping[str, str] | None, *, plugin: bool) -> Tree:
    from kvx_emu.dt.load import load_tree, read_tree
    from kvx_emu.library import board_path

    if isinstance(board, str) and _is_text(board):
        board = board.encode("utf-8", "surrogateescape")
    if isinstance(board, bytes):
        return read_tree(board, BOARD_TEXT, folders=folders, defines=defines, plugin=plugin)
    return load_tree(board_path(os.fspath(board)), folders=folders, defines=defines, plugin=plugin)


def _script(script: Script) -> str | Source:
    if isinstance(script, Mapping):
        return Source(SCRIPT_TEXT, _yaml(script))
    if isinstance(script, str) and _is_text(script):
        return Source(SCRIPT_TEXT, script)
    from kvx_emu.library import script_path

    return script_path(os.fspath(script))


def _yaml(script: Mapping[str, Any]) -> str:
    """Return a script as text, which messages show: a line a step. JSON is YAML too."""
    entries = []
    for key, value in script.items():
        shown = _json(value)
        if key == "steps" and isinstance(value, (list, tuple)):
            shown = "[\n" + ",\n".join(map(_json, value)) + "\n]"
        entries.append(f"{_json(key)}: {shown}")
    return "{" + ",\n".join(entries) + "}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)


def _is_text(board_or_script: str) -> bool:
    return "\n" in board_or_script


def _kept() -> Kept:
    from kvx_emu.api.trace import Kept

    return Kept()


def _refuse_overwriting(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise UsageError if a trace would be written over an input, or over another."""
    from kvx_emu.trace.formats import written

    taken = {os.path.realpath(path) for path in inputs}
    for path in (file for output in outputs for file in written(output)):
        real = os.path.realpath(path)
        if real in taken:
            raise UsageError(f"{path} would overwrite an input or another output")
        taken.add(real)


def _one_of(what: str, found: str, known: Iterable[str]) -> None:
    names = list(known)
    if found not in names:
        raise UsageError(f"{what}: found {found!r}; expected one of {', '.join(names)}")


def _not_negative(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and not 0 <= number < LIMITS.number:
            raise UsageError(f"{name}: found {number}; expected a number 0..2^64 - 1")
