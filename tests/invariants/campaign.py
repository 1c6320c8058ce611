"""Look for an interrupt that breaks an invariant, for as long as you like: python campaign.py --examples 1000

A run is one state machine, driven by so many steps. `--examples` counts them by machine, `--seconds` bounds
the whole; with both the first that is reached ends it. The seed and the number of examples decide what is
done: the same again finds the same again. The result on standard output is JSON; a failure comes before it,
with the steps that lead to it; the exit status is 1 if there was one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from inv_run import MACHINES, Figures, figures

BATCH = 25
"""Examples of one task."""

STEPS = 50
"""The most steps of one example."""


def task(name: str, number: int, examples: int) -> tuple[str, int, Figures | str]:
    """Run a machine with a seed; return what it has looked at, or the failure as text."""
    try:
        return name, number, figures(name, examples=examples, steps=STEPS, number=number)
    except Exception as error:  # whatever a machine raises is a finding
        return name, number, "".join(traceback.format_exception(error, limit=-3))


def run_all(options: argparse.Namespace) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    """Run batches of all machines in turn until the time is over or each has had its examples."""
    deadline = None if options.seconds is None else time.monotonic() + options.seconds
    done: dict[str, dict[str, object]] = {}
    failures: dict[str, str] = {}
    examples, steps, seconds, checks = Counter(), Counter(), Counter(), Counter()  # type: ignore[var-annotated]
    begun = Counter()  # type: ignore[var-annotated]
    rounds = ((name, number) for number in range(options.seed, sys.maxsize) for name in MACHINES)

    def next_task() -> tuple[str, int, int] | None:
        if deadline is not None and time.monotonic() >= deadline:
            return None
        for name, number in rounds:
            left = BATCH if options.examples is None else min(BATCH, options.examples - begun[name])
            if left > 0 and name not in failures:
                begun[name] += left
                return name, number, left
            if options.examples is not None and all(begun[each] >= options.examples for each in MACHINES):
                return None
            if len(failures) == len(MACHINES):
                return None
        return None

    with ProcessPoolExecutor(options.jobs) as pool:
        running = set()
        while True:
            while len(running) < options.jobs and (what := next_task()) is not None:
                running.add(pool.submit(task, *what))
            if not running:
                break
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name, number, result = future.result()
                if isinstance(result, str):
                    failures.setdefault(name, f"{name}, seed {number}:\n{result}")
                    continue
                examples[name] += result.examples
                steps[name] += result.steps
                seconds[name] += result.seconds
                checks.update({(name, each): count for each, count in result.checks.items()})
    for name in MACHINES:
        mine = {each: count for (which, each), count in sorted(checks.items()) if which == name}
        mine = dict(sorted(mine.items(), key=lambda item: int(item[0][1:])))
        done[name] = {"examples": examples[name], "steps": steps[name], "seconds": round(seconds[name], 1)}
        done[name]["checks"] = mine
    return done, failures


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, help="stop after so many (default: 60 without --examples)")
    parser.add_argument("--examples", type=int, help="so many runs of each machine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    if options.seconds is None and options.examples is None:
        options.seconds = 60
    start = time.monotonic()
    done, failures = run_all(options)
    for text in failures.values():
        sys.stdout.write(text + "\n")
    summary = {
        "seed": options.seed,
        "seconds": round(time.monotonic() - start, 1),
        "examples": sum(int(str(each["examples"])) for each in done.values()),
        "steps": sum(int(str(each["steps"])) for each in done.values()),
        "machines": done,
        "failures": sorted(failures),
    }
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
