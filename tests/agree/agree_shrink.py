"""Smaller cases that still differ in the same way, found by leaving things out."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from agree_boards import machine_of
from agree_compare import compare

from kvx_emu.core_id import CoreId
from kvx_emu.errors import InputError, Source
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agree_compare import Difference, Make
    from agree_programs import Case, Step

_CORES = ("from", "to", "cores", "block")


def shrink(make: Make, case: Case, difference: Difference, tries: int = 2000) -> tuple[Case, Difference]:
    """Return a smaller case on which the engine still differs, and how it differs there."""
    wanted = _kind(difference)
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller_cases in _WAYS:
            candidates, tried = smaller_cases(case), 0
            while tries > 0 and (smaller := next(candidates, None)) is not None:
                tries -= 1
                tried += 1
                found = _difference(make, smaller)
                if found is not None and _kind(found) == wanted and valid(smaller):
                    case, difference, progress = smaller, found, True
                    # What was tried before would hardly succeed now.
                    candidates = islice(smaller_cases(case), tried - 1, None)
                    tried -= 1
    return case, difference


def _kind(difference: Difference) -> str:
    return difference.kind.split(".")[0]


def _difference(make: Make, case: Case) -> Difference | None:
    try:
        return compare(make, case)[0]
    except (KeyError, IndexError, ValueError):  # a case that can not be: a sender without a cluster, say
        return None


def valid(case: Case) -> bool:
    """Tell whether the project accepts the case's script."""
    try:
        bind(load_script(Source("drawn.yaml", without_tables(case).text())), machine_of(case.board))
    except (InputError, ValueError):
        return False
    return True


def without_tables(case: Case) -> Case:
    """Return the case with waits in the place of tables, which are in no file that could be read."""
    return replace(case, steps=_waiting(case.steps))


def _waiting(steps: Sequence[Step]) -> list[Step]:
    made = []
    for step in steps:
        keys = step.keys
        if step.kind == "repeat":
            step = step._replace(keys={**keys, "steps": _waiting(keys["steps"])})  # noqa: PLW2901
        elif step.kind == "replay":
            step = step._replace(kind="wait", keys={"value": keys["rows"][-1][0]})  # noqa: PLW2901
        made.append(step)
    return made


def _conditions(case: Case) -> Iterator[Case]:
    """Yield the case run more plainly."""
    plain = {"limit_ticks": None, "limit_events": None, "filter": {}, "sinkless": False, "batch": 1}
    plain |= {"batches": 1000, "exceptions": 1000, "words": 1000, "fast": False}
    for name, value in {**plain, "chunk": 32768, "nesting": False}.items():
        if getattr(case, name) != value:
            yield replace(case, **{name: value})


def _steps(case: Case) -> Iterator[Case]:
    for steps in _fewer(case.steps):
        yield replace(case, steps=steps)


def _smaller_steps(case: Case) -> Iterator[Case]:
    for steps in _each_smaller(case.steps):
        yield replace(case, steps=steps)


def _board(case: Case) -> Iterator[Case]:
    """Yield the case with a core less."""
    for core in reversed(case.board.cores):
        steps = [_without(step, core) for step in case.steps]
        if len(case.board.cores) > 1:
            yield replace(case, board=case.board.without(core), steps=[step for step in steps if step])


def _times(case: Case) -> Iterator[Case]:
    for name in ("delivery", "entry", "default"):
        for value in _less(getattr(case, name), 0):
            yield replace(case, **{name: value})
    for line, ticks in case.service.items():
        yield replace(case, service={key: value for key, value in case.service.items() if key != line})
        for value in _less(ticks, 0):
            yield replace(case, service={**case.service, line: value})


_WAYS: tuple[Callable[[Case], Iterator[Case]], ...] = (_conditions, _steps, _board, _smaller_steps, _times)


def _less(number: int, least: int) -> list[int]:
    """Return smaller numbers to try, the boldest first."""
    return sorted(value for value in {least, least + 1, number // 2, number - 1} if least <= value < number)


def _fewer(steps: list[Any]) -> Iterator[list[Any]]:
    """Yield lists with a half left out, a quarter, and so on down to a step."""
    part = len(steps) // 2
    while part:
        for at in range(0, len(steps), part):
            yield steps[:at] + steps[at + part :]
        part //= 2


def _each_smaller(steps: list[Step]) -> Iterator[list[Step]]:
    for at, step in enumerate(steps):
        for smaller in _smaller(step):
            yield [*steps[:at], *smaller, *steps[at + 1 :]]
        if step.kind == "wait" and at and steps[at - 1].kind == "wait":
            times = [each.keys["value"] for each in (steps[at - 1], step)]
            if "idle" not in times:
                yield [*steps[: at - 1], step._replace(keys={"value": sum(times)}), *steps[at + 1 :]]


def _smaller(step: Step) -> Iterator[list[Step]]:
    """Yield what may stand in the place of a step."""
    keys = step.keys
    if step.at is not None:
        yield [step._replace(at=None)]
    if step.kind == "repeat":
        yield keys["steps"]
        yield keys["steps"] * min(keys["count"], 3)
        if keys["every"] is not None:
            yield [step._replace(keys={**keys, "every": None})]
        for inner in (*_fewer(keys["steps"]), *_each_smaller(keys["steps"])):
            yield [step._replace(keys={**keys, "steps": inner})]
    for name, least in (("count", 1), ("every", 0), ("value", 0)):
        if type(keys.get(name)) is int:
            for value in _less(keys[name], least):
                yield [step._replace(keys={**keys, name: value})]
    for name in ("set", "clear", "write"):
        for bit in range(64):
            if keys.get(name, 0) >> bit & 1:
                yield [step._replace(keys={**keys, name: keys[name] & ~(1 << bit)})]
    if step.kind == "replay":
        for rows in _fewer(list(keys["rows"])):
            yield [step._replace(keys={**keys, "rows": tuple(rows)})]
    for name in (*_CORES, "lines"):
        yield from ([step._replace(keys={**keys, name: left})] for left in _shorter(keys.get(name)))


def _shorter(value: Any) -> list[tuple[Any, ...]]:
    """Return a tuple without each of its items; nothing of what is no list."""
    if not isinstance(value, tuple) or isinstance(value, CoreId) or len(value) < 2:
        return []
    return [value[:at] + value[at + 1 :] for at in range(len(value))]


def _without(step: Step, core: CoreId) -> Step | None:
    """Return a step without a core, or None where nothing is left of it."""
    keys: dict[str, Any] = dict(step.keys)
    for name in _CORES:
        named: Sequence[CoreId] | CoreId | None = keys.get(name)
        if isinstance(named, CoreId):
            if named == core:
                return None
        elif named:
            keys[name] = tuple(each for each in named if each != core)
            if not keys[name] and name != "block":
                return None
    if step.kind == "replay":
        keys["rows"] = tuple(row for row in keys["rows"] if row[3] != core)
        if not keys["rows"]:
            return None
    if "steps" in keys:
        inner = [_without(each, core) for each in keys["steps"]]
        keys["steps"] = [each for each in inner if each]
        if not keys["steps"]:
            return None
    return step._replace(keys=keys)
