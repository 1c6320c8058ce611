"""A campaign of drawn cases: does an engine agree with the reference on every one?

    python tests/agree/campaign.py --seconds 60 --seed 1 --jobs 2
    python tests/agree/campaign.py --examples 100000 --jobs 2
    python tests/agree/campaign.py --only 1000000042          # one case, with its board and script

Case number n of a seed is always the same: seed x 10^9 + n. Of each kind of difference the first is made
small and printed, with its number. Prints a summary as JSON; the exit status is 1 if anything differed.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agree_boards import dts_of
from agree_cases import case_of
from agree_compare import compare, reference, report, vector
from agree_fabric import STEPS
from agree_mutants import MUTANTS
from agree_programs import walk
from agree_shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agree_compare import Difference, Make, Result

SEED = 10**9  # numbers between the cases of two seeds
SLOWEST = 20  # seconds for one case, both engines
_BATCH = 100  # cases of one task
_CORE = re.compile(r"\b(c\d+\.)?(pe\d+|rm)\b")
_NUMBER = re.compile(r"[1-9]\d*")

ENGINES = {"vector": vector, "reference": reference, **MUTANTS}


class TooSlow(Exception):  # noqa: N818  (a verdict on a case)
    """A case took longer than it may."""


@dataclass
class Seen:
    """What some cases gave."""

    cases: int = 0
    rows: int = 0
    solved: int = 0  # writes, by the vector engine as a whole
    refused: int = 0  # writes of stretches that it left to the reference
    fabric: Counter[str] = field(default_factory=Counter)  # the same of programs with steps of the fabric
    why: Counter[str] = field(default_factory=Counter)  # why they were left
    features: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[int]] = field(default_factory=dict)  # numbers of cases, by kind
    slow: list[int] = field(default_factory=list)  # those that took too long on both engines to be compared

    def add(self, other: Seen) -> None:
        """Add what other cases gave."""
        self.cases += other.cases
        self.rows += other.rows
        self.solved += other.solved
        self.refused += other.refused
        self.fabric += other.fabric
        self.why += other.why
        self.slow += other.slow
        self.features += other.features
        self.told += other.told
        for kind, numbers in other.failures.items():
            self.failures.setdefault(kind, []).extend(numbers)

    def note(self, number: int, size: int | None, difference: Difference | None, found: Result) -> None:
        """Add one case."""
        self.cases += 1
        self.rows += len(found.rows)
        if difference is not None:
            self.failures.setdefault(difference.kind, []).append(number)
        self.told.update({_NUMBER.sub("N", _CORE.sub("a core", text)) for text in found.told})
        self.solved += found.solved
        self.refused += found.refused
        self.why.update({_CORE.sub("a core", why): writes for why, writes in found.why.items()})
        if any(step.kind in STEPS or "op" in step.keys for step in walk(case_of(number, size).steps)):
            self.fabric.update({"cases": 1, "cases with writes solved as a whole": found.solved > 0})
            self.fabric.update(
                {"writes solved as a whole": found.solved, "left to the reference": found.refused}
            )
        self.features["with writes solved as a whole"] += found.solved > 0
        self.features["with 100 writes or more solved as a whole"] += found.solved >= 100
        self.features["with writes of a stretch left to the reference"] += found.refused > 0
        self.features.update({f"with {row[3]}" for row in found.rows})
        if found.outcome is not None:
            self.features["stopped by a limit"] += found.outcome.stopped is not None
            self.features["with failed expectations"] += found.outcome.failed > 0
            self.features.update({f"with {warning.code}" for warning in found.outcome.warnings})
        else:
            self.features["ended by an error"] += 1


def _late(*_: Any) -> None:
    raise TooSlow(f"it takes more than {SLOWEST} seconds")


def look(make: Make, number: int, size: int | None = None) -> tuple[Difference | None, Result]:
    """Compare one case, within its time."""
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, SLOWEST)
    try:
        return compare(make, case_of(number, size))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def task(engine: str, first: int, count: int, size: int | None) -> Seen:
    """Compare some cases."""
    seen = Seen()
    for number in range(first, first + count):
        try:
            seen.note(number, size, *look(ENGINES[engine], number, size))
        except TooSlow:
            seen.slow.append(number)
    return seen


def run_all(options: argparse.Namespace) -> Seen:
    """Compare cases until their number, the time or the failures are enough."""
    seen = Seen()
    end = time.monotonic() + (options.seconds or 1e9)
    last = options.examples or SEED
    tasks = (
        (options.engine, options.seed * SEED + first, min(_BATCH, last - first), options.size)
        for first in range(0, last, _BATCH)
    )
    for part in _parts(tasks, max(options.jobs, 1)):
        seen.add(part)
        if time.monotonic() > end or sum(map(len, seen.failures.values())) >= options.failures:
            break
    return seen


def _parts(tasks: Iterator[tuple[Any, ...]], jobs: int) -> Iterator[Seen]:
    """Yield what the tasks give, `jobs` of them at a time; those under way at the end are dropped."""
    if jobs == 1:
        yield from (task(*each) for each in tasks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        try:
            running = {pool.submit(task, *each) for _, each in zip(range(jobs + 1), tasks, strict=False)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for _, each in zip(done, tasks, strict=False):
                    running.add(pool.submit(task, *each))
                yield from (each.result() for each in done)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def show(engine: str, number: int, size: int | None, *, small: bool, dts: bool) -> str:
    """Return the report on one case, made small, perhaps with its board as source; "" if all agree."""
    make = ENGINES[engine]
    difference, _ = look(make, number, size)
    if difference is None:
        return ""
    case = case_of(number, size)
    if small:
        case, difference = shrink(make, case, difference)
    return report(case, difference, number) + (dts_of(case.board) if dts else "") + "\n"


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seconds", type=float, help="for how long (60 if no number of examples is given)")
    parser.add_argument("--examples", type=int, help="how many cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument(
        "--engine", choices=ENGINES, default="vector", help="what is held against the reference"
    )
    parser.add_argument("--size", type=int, help="requests of a case, roughly; else any number up to 1000")
    parser.add_argument("--failures", type=int, default=50, help="cases that differ before it ends")
    parser.add_argument("--only", type=int, help="the number of the one case to look at")
    parser.add_argument("--as-drawn", action="store_true", help="do not make cases smaller")
    parser.add_argument("--verbose", action="store_true", help="also what engines tell of themselves")
    options = parser.parse_args()
    if options.only is not None:
        text = show(options.engine, options.only, options.size, small=not options.as_drawn, dts=True)
        case = case_of(options.only, options.size)
        sys.stdout.write(text or f"case {options.only}: the engines agree\n{case.board}\n{case.text()}")
        return 1 if text else 0
    if not options.examples:
        options.seconds = options.seconds or 60
    start = time.monotonic()
    seen = run_all(options)
    took = time.monotonic() - start
    for numbers in seen.failures.values():
        text = show(options.engine, numbers[0], options.size, small=not options.as_drawn, dts=False)
        sys.stdout.write(text or f"case {numbers[0]} differs in a campaign, but not alone\n\n")
    summary: dict[str, Any] = {"engine": options.engine, "seed": options.seed, "jobs": options.jobs}
    summary |= {"seconds": round(took, 1), "cases": seen.cases, "per minute": round(60 * seen.cases / took)}
    summary |= {
        "rows": seen.rows,
        "writes solved as a whole": seen.solved,
        "left to the reference": seen.refused,
        "left, by reason": dict(seen.why.most_common()),
        "of these in programs with fabric traffic": dict(seen.fabric),
    }
    summary |= {"cases by feature": dict(sorted(seen.features.items()))}
    if options.verbose:
        summary["told"] = dict(seen.told.most_common())
    summary["too slow"] = seen.slow
    summary["failures"] = {kind: len(numbers) for kind, numbers in seen.failures.items()}
    summary["first"] = {kind: numbers[:5] for kind, numbers in seen.failures.items()}
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    return 1 if seen.failures else 0


if __name__ == "__main__":
    sys.exit(main())
