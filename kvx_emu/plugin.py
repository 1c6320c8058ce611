"""The pytest plugin: scripts as tests, and the fixture `kvx_machine`. docs/pytest.md tells how to use it.

A file `*.kvx.yaml` is a script. Its tests are `the run`, which passes if the script runs to its end, and one
an expectation; the script runs once, when the first of them does. Nothing else of kvx-emu is imported until
there is such a file, or a test that asks for the fixture.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from kvx_emu.api import Machine, Result
    from kvx_emu.engine.outcome import Expectation

SUFFIX = ".kvx.yaml"
THE_RUN = "the run"

_BOARD = re.compile(r"^# Board: (\S.*?)\s*$", re.MULTILINE)
_HEAD = 4096
"""Characters of a script in which its board is looked for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the settings."""
    group = parser.getgroup("kvx-emu", "scripts of kvx-emu as tests")
    group.addoption("--kvx-board", metavar="BOARD", help="the board for all scripts, and for kvx_machine")
    parser.addini("kvx_board", "the board for scripts that name none, and for kvx_machine")
    parser.addini("kvx_include", "folders in which boards look for what they include", type="paths")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScriptFile | None:
    """Take the files that are scripts."""
    return ScriptFile.from_parent(parent, path=file_path) if file_path.name.endswith(SUFFIX) else None


@pytest.fixture(scope="session")
def kvx_machine(request: pytest.FixtureRequest) -> Machine:
    """Return the machine of the board that `--kvx-board` or the setting `kvx_board` names."""
    board = _configured(request.config)
    if board is None:
        pytest.fail("no board for kvx_machine: give --kvx-board, or set kvx_board", pytrace=False)
    return _machine(request.config, board)


class ScriptFile(pytest.File):
    """A script: it is read when it is collected, for its expectations, and runs when the first test does."""

    _result: Result | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for the run, and one for each expectation."""
        from kvx_emu.errors import KvxEmuError
        from kvx_emu.reports.cases import case_names

        try:
            self._machine = _machine(self.config, self._board())
            titles = self._machine.expected(self.path)
        except KvxEmuError as error:
            raise self.CollectError(self.shortened(str(error))) from None
        yield RunItem.from_parent(self, name=THE_RUN)
        for number, name in enumerate(case_names(titles)):
            line = titles[number][0].line or 1
            yield ExpectationItem.from_parent(self, name=name, number=number, line=line)

    def _board(self) -> str:
        """Return the path or the name of the board: that of the option, of the script, of the setting."""
        given: str | None = self.config.getoption("--kvx-board")
        if given is None:
            found = _BOARD.search(self.path.read_text("utf-8", "replace")[:_HEAD])
            if found is not None:
                return _first_file(found[1], (self.path.parent, self.config.rootpath))
        board = _configured(self.config)
        if board is None:
            raise self.CollectError("no board: write `# Board: FILE`, give --kvx-board, or set kvx_board")
        return board

    def shortened(self, text: str) -> str:
        """Return a message with the path of the script as pytest shows paths."""
        return text.replace(f"{self.path}:", f"{self.nodeid}:")

    def result(self) -> Result:
        """Return what came of the run."""
        if self._result is None:
            self._result = self._machine.run(self.path, keep_trace=False)
        return self._result


class _Item(pytest.Item):
    """A test of a script."""

    parent: ScriptFile
    line = 1

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Return the text of what failed; a traceback for a defect of ours alone."""
        from kvx_emu.errors import KvxEmuError

        if isinstance(excinfo.value, (FailedError, KvxEmuError)):
            return self.parent.shortened(str(excinfo.value))
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the test stands: lines count from 0 here."""
        return self.path, self.line - 1, self.name


class RunItem(_Item):
    """The test whether a script runs to its end."""

    def runtest(self) -> None:
        """Run the script; its warnings are shown with a failure, and by -rP."""
        result = self.parent.result()
        if result.warnings:
            self.add_report_section("call", "warnings", "\n".join(map(str, result.warnings)))
        if result.stopped is not None:
            raise FailedError(f"stopped by a limit: {result.stopped}")


class ExpectationItem(_Item):
    """The test of one expectation; it is skipped if its step was never reached."""

    def __init__(self, *, number: int, line: int, **rest: Any) -> None:
        super().__init__(**rest)
        self._number = number
        self.line = line

    def runtest(self) -> None:
        """Run the script, unless it has run already, and tell what came of the expectation."""
        from kvx_emu.reports.cases import failure_text

        expectation: Expectation = self.parent.result().expectations[self._number]
        if expectation.failed:
            raise FailedError(failure_text(expectation))
        if not expectation.times:
            pytest.skip("not reached")


class FailedError(Exception):
    """What a test of a script found; the text is all that there is to tell."""


def _configured(config: pytest.Config) -> str | None:
    """Return the board of the option, as seen from the current folder, or of the setting, from its file's."""
    given: str | None = config.getoption("--kvx-board")
    if given is not None:
        return _first_file(given, (config.invocation_params.dir,))
    name: str = config.getini("kvx_board")
    folder = config.inipath.parent if config.inipath else config.rootpath
    return _first_file(name, (folder,)) if name else None


def _first_file(name: str, folders: Iterable[Path]) -> str:
    """Return the path of `name` in the first folder that has it, else the name, which may be one of ours."""
    return next((str(folder / name) for folder in folders if (folder / name).is_file()), name)


def _machine(config: pytest.Config, board: str) -> Machine:
    """Return the machine of a board; the same one each time."""
    from kvx_emu.api import load_board

    machines = config.stash.setdefault(_MACHINES, {})
    if board not in machines:
        machines[board] = load_board(board, include=config.getini("kvx_include"))
    return machines[board]


_MACHINES: pytest.StashKey[dict[str, Machine]] = pytest.StashKey()
