"""Expectations as the cases of a test: their names, and what a case that failed has to tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvx_emu.errors import ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvx_emu.engine.outcome import Expectation
    from kvx_emu.errors import Place


def case_names(titles: Iterable[tuple[Place, str]]) -> list[str]:
    """Return a name for each (place, title), `line 12: pe1 line 24: delivered 3`; no two are the same.

    Of those that would be, the second and later ones get a number.
    """
    names: list[str] = []
    taken: Counter[str] = Counter()
    for place, title in titles:
        name = f"line {place.line}: {title}"
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return names


def message_of(expectation: Expectation) -> str:
    """Return what was expected and found when an expectation did not hold first; empty if it always did."""
    times = f" (fails {expectation.failed} times)" if expectation.failed > 1 else ""
    return (expectation.message or "") + times


def failure_text(expectation: Expectation) -> str:
    """Return all that there is to tell of an expectation that failed: message, place, source, last rows."""
    place, rows = expectation.place, expectation.rows
    return str(Finding(ERROR, "expectation", message_of(expectation), place, lines=rows))
