"""A script on a board, into sinks: what the command line, the Python interface and the pytest plugin do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import InputError
from kvx_emu.signals import signals_held
from kvx_emu.trace.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kvx_emu.dt.tree import Tree
    from kvx_emu.engine.choose import Choice
    from kvx_emu.engine.reference import Reference
    from kvx_emu.engine.run import Watch
    from kvx_emu.errors import Finding, Source
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Program
    from kvx_emu.trace.sink import Sink


class Job(NamedTuple):
    """A machine and the program for it: both serve one run. `warnings` are those about the tree."""

    machine: Machine
    program: Program
    warnings: tuple[Finding, ...]

    def setting(self, board: str, script: str) -> Setting:
        """Return what writers of traces are told; the names are those that the user gave."""
        return Setting(self.machine.clock_hz, tuple(self.machine.cores), board, script)


def prepare(
    read_tree: Callable[[], Tree],
    script: str | Source,
    *,
    profile: str = "hardware",
    params: Mapping[str, int] | None = None,
    seed: int | None = None,
) -> Job:
    """Return the job of a board and a script: a file, or a source already read.

    Raises InputError with what is wrong with both, and UsageError where a file can not be read; if that is
    the script, it carries what is wrong with the board.
    """
    from kvx_emu.errors import UsageError
    from kvx_emu.machine.machine import build
    from kvx_emu.script.bind import bind
    from kvx_emu.script.load import load_script

    findings: list[Finding] = []
    machine = program = None
    warnings: tuple[Finding, ...] = ()
    try:
        tree = read_tree()
        machine, found = build(tree, profile)
        warnings = (*tree.warnings, *found)
    except InputError as error:
        findings += error.findings
    # Without a machine the script can still be read, so that its own errors are told as well.
    try:
        text = load_script(script, params=params or {}, partial=machine is not None)
        program = None if machine is None else bind(text, machine, seed=seed)
    except InputError as error:
        findings += error.findings
    except UsageError as error:
        raise UsageError(*error.args, findings=findings) from None
    if findings or machine is None or program is None:
        raise InputError(findings)
    return Job(machine, program, warnings)


def engine_of(
    job: Job,
    choice: Choice,
    sinks: Sequence[Sink],
    *,
    limit_ticks: int | None = None,
    limit_events: int | None = None,
    watch: Watch | None = None,
) -> Reference:
    """Return the engine that was chosen for a job, ready to run into `sinks`."""
    from kvx_emu.engine.choose import load, make

    with signals_held():  # numpy's start swallows the exceptions that signals become
        load(choice)
    return make(
        choice,
        job.machine,
        job.program,
        sinks,
        limit_ticks=limit_ticks,
        limit_events=limit_events,
        watch=watch,
    )
