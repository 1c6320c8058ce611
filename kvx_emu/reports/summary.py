"""A finished run as one JSON object. What it holds is a promise: docs/ci.md tells it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kvx_emu.trace.tally import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvx_emu.engine.outcome import Expectation, Outcome
    from kvx_emu.errors import Finding
    from kvx_emu.trace.setting import Setting
    from kvx_emu.trace.tally import Wire


def summary_json(
    outcome: Outcome, setting: Setting, *, seen: Mapping[Wire, Line], warnings: Iterable[Finding]
) -> str:
    """Return the summary; `seen` are its counts that are to be shown, `warnings` those of board and run."""
    lines = sorted(seen.items())
    totals = Line(*(sum(column) for column in zip(*seen.values(), strict=True))) if seen else Line()
    summary = {
        "board": setting.board,
        "script": setting.script,
        "clock_hz": setting.clock_hz,
        "cores": [str(core) for core in setting.cores],
        "tick": outcome.tick,
        "rows": outcome.rows,
        "stopped": outcome.stopped,
        "checked": outcome.checked,
        "failed": outcome.failed,
        "expectations": [_expectation(expectation) for expectation in outcome.expectations],
        "lines": [
            {"core": str(core), "cluster": core.cluster, "pid": core.pid, "line": line} | _counts(counts)
            for (core, line), counts in lines
        ],
        "totals": _counts(totals),
        "warnings": [_finding(warning) for warning in warnings],
    }
    return json.dumps(summary, indent=2) + "\n"


_NAMES = {name: name for name in Line._fields} | {"flying": "in_flight", "software": "unsent"}
"""What the counts are called, as in the table."""


def _counts(counts: Line) -> dict[str, int]:
    return {_NAMES[name]: number for name, number in counts._asdict().items()}


def _expectation(expectation: Expectation) -> dict[str, object]:
    place = expectation.place
    return {
        "file": place.path,
        "line": place.line,
        "column": place.column,
        "what": expectation.what,
        "title": expectation.title,
        "times": expectation.times,
        "failed": expectation.failed,
        "message": expectation.message,
    }


def _finding(finding: Finding) -> dict[str, object]:
    place = finding.place
    return {
        "code": finding.code,
        "file": place.path,
        "line": place.line,
        "column": place.column,
        "message": finding.located(),
    }
