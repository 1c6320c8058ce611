"""Where two traces part, and what each run knew there."""

from __future__ import annotations

import json
from collections import deque
from itertools import chain, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.trace.row import COLUMNS, Row
from kvx_emu.trace.study.pairs import PAIRED, Pairs
from kvx_emu.trace.table import ALIGN, HEADERS, row_cells

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

BEFORE = 5
"""Rows that are shown before the difference."""


class State(NamedTuple):
    """What a core has pending and in service, innermost last: (line, since which tick)."""

    pending: list[tuple[int, int]]
    serving: list[tuple[int, int]]

    def __str__(self) -> str:
        pending = [f"line {line} since tick {tick}" for line, tick in self.pending]
        serving = [f"line {line} since tick {tick}" for line, tick in self.serving]
        return f"pending: {', '.join(pending) or 'nothing'}; in service: {', '.join(serving) or 'nothing'}"


class Difference(NamedTuple):
    """The first row, from 1, at which two traces differ; one is None where that trace has ended.

    `columns` are those that differ. `states` tells what the cores of the two rows had before and after them,
    each by the first trace and by the second.
    """

    row: int
    rows: tuple[Row | None, Row | None]
    columns: list[str]
    before: list[Row]
    states: dict[CoreId, tuple[tuple[State, State], tuple[State, State]]]


def compare(
    first: Iterable[Sequence[Row]], second: Iterable[Sequence[Row]], ignored: Collection[str] = ()
) -> tuple[int, Difference | None]:
    """Return how many rows are equal, but for the columns ignored, and what comes then, if anything."""
    compared = [index for index, name in enumerate(COLUMNS) if name not in ignored]
    look = itemgetter(*compared)
    pairs = Pairs(), Pairs()
    before: deque[Row] = deque(maxlen=BEFORE)
    equal = 0
    for a, b in zip_longest(chain.from_iterable(first), chain.from_iterable(second)):
        if a != b and (a is None or b is None or look(a) != look(b)):
            both = a is not None and b is not None
            columns = [COLUMNS[k] for k in compared if a[k] != b[k]] if both else []
            return equal, Difference(equal + 1, (a, b), columns, list(before), _states(pairs, (a, b)))
        equal += 1
        before.append(a)
        if a[3] in PAIRED:
            pairs[0].take(a)
        if b[3] in PAIRED:
            pairs[1].take(b)
    return equal, None


def _states(
    pairs: tuple[Pairs, Pairs], rows: tuple[Row | None, Row | None]
) -> dict[CoreId, tuple[tuple[State, State], tuple[State, State]]]:
    """Return the states of the cores of two rows before and after them; `pairs` takes the rows."""
    cores = [CoreId(row[1], row[2]) for row in rows if row and row[1] is not None and row[2] is not None]
    before = {core: (State(*pairs[0].state(*core)), State(*pairs[1].state(*core))) for core in cores}
    for pair, row in zip(pairs, rows, strict=True):
        if row is not None and row[3] in PAIRED:
            pair.take(row)
    return {
        core: (states, (State(*pairs[0].state(*core)), State(*pairs[1].state(*core))))
        for core, states in before.items()
    }


def diff_text(difference: Difference, names: Sequence[str]) -> str:
    """Return the difference in words, and as a table with the rows before; `names` are those of the files."""
    from tabulate import tabulate

    a, b = difference.rows
    shown = [
        ("", number, row)
        for number, row in enumerate(difference.before, difference.row - len(difference.before))
    ]
    shown += [(name, difference.row, row) for name, row in (("A", a), ("B", b)) if row is not None]
    table = tabulate(
        [(name, str(number), *row_cells(row)) for name, number, row in shown],
        ("", "row", *HEADERS),
        colalign=("left", "right", *ALIGN),
        disable_numparse=True,
    )
    parts = [f"A is {names[0]}\nB is {names[1]}\n", _words(difference) + "\n", table + "\n"]
    parts += ["".join(f"{line}\n" for line in _state_lines(difference))]
    return "\n".join(part for part in parts if part)


def _words(difference: Difference) -> str:
    row, (a, b), columns, _, _ = difference
    if a is None or b is None:
        ended, other = ("A", "B") if a is None else ("B", "A")
        return f"{ended} ends after {row - 1} rows; {other} goes on"
    told = [f"{name} is {_cell(a, name)} in A and {_cell(b, name)} in B" for name in columns]
    return f"row {row} differs: {', '.join(told)}"


def _cell(row: Row, name: str) -> str:
    value = row[COLUMNS.index(name)]
    if value is None:
        return "nothing"
    return f"{value:#x}" if name == "value" else str(value)


def _state_lines(difference: Difference) -> Iterable[str]:
    row = difference.row
    for core, (before, after) in difference.states.items():
        if len({*map(str, (*before, *after))}) == 1:
            yield f"{core} at row {row}: {before[0]}"
            continue
        if before[0] == before[1]:
            yield f"{core} before row {row}: {before[0]}"
        else:
            yield f"{core} before row {row} of A: {before[0]}"
            yield f"{core} before row {row} of B: {before[1]}"
        for name, state, taken in zip("AB", after, difference.rows, strict=True):
            if taken is not None:
                yield f"{core} after row {row} of {name}: {state}"


def diff_json(equal: int, difference: Difference | None) -> str:
    """Return what `compare` returned as one JSON object."""
    found: dict[str, object] = {"equal": difference is None, "rows": equal}
    if difference is not None:
        a, b = difference.rows
        found |= {
            "row": difference.row,
            "columns": difference.columns,
            "a": _record(a),
            "b": _record(b),
            "before": [_record(row) for row in difference.before],
            "cores": [
                {"core": str(core), "cluster": core.cluster, "pid": core.pid}
                | {
                    f"{moment}_{name}": _state_record(state)
                    for moment, both in zip(("before", "after"), states, strict=True)
                    for name, state in zip("ab", both, strict=True)
                }
                for core, states in difference.states.items()
            ],
        }
    return json.dumps(found, indent=2) + "\n"


def _record(row: Row | None) -> Mapping[str, object] | None:
    return None if row is None else dict(zip(COLUMNS, row, strict=True))


def _state_record(state: State) -> Mapping[str, object]:
    pending, serving = ([{"line": line, "since": tick} for line, tick in lines] for lines in state)
    return {"pending": pending, "in_service": serving}
