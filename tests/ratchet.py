"""Holds the branch coverage of each package against what it was; `--raise` writes what it is now.

Usage: ratchet.py REPORT.json RATCHET.json [--raise]
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

LEAST = 95.0  # percent, of every package but the command line
FREE = {"cli"}


def measured(report: Path) -> dict[str, float]:
    """Return the percentage of lines and branches that ran, by package of kvx_emu."""
    covered: defaultdict[str, int] = defaultdict(int)
    total: defaultdict[str, int] = defaultdict(int)
    for path, file in json.loads(report.read_text())["files"].items():
        inside = Path(path).parts[1:]
        package = inside[0] if len(inside) > 1 else "(top)"
        summary = file["summary"]
        covered[package] += summary["covered_lines"] + summary["covered_branches"]
        total[package] += summary["num_statements"] + summary["num_branches"]
    return {name: round(100 * covered[name] / total[name], 2) for name in sorted(total) if total[name]}


def main() -> int:
    """Compare, or write with --raise."""
    report, ratchet = Path(sys.argv[1]), Path(sys.argv[2])
    now = measured(report)
    if "--raise" in sys.argv:
        ratchet.write_text(json.dumps(now, indent=2) + "\n")
    before = json.loads(ratchet.read_text())
    fell = False
    for name, percent in now.items():
        least = before.get(name, 0 if name in FREE else LEAST)
        # A tenth of a percent is left to branches that only some machines or runs take.
        bad = percent < least - 0.1 or (name not in FREE and percent < LEAST)
        fell |= bad
        sys.stdout.write(f"{name:10} {percent:6.2f} %  (was {least:.2f} %){'  FELL' if bad else ''}\n")
    return int(fell)


if __name__ == "__main__":
    sys.exit(main())
