"""A differential fuzz of the reader of blobs against libfdt's own check.

    python tests/dt/fuzz_blob.py --seconds 60 --seed 1
    python tests/dt/fuzz_blob.py --mutants 1000000 --jobs 2

Every mutant of a good blob is given to our reader and to `fdt_check_full`. We may accept nothing that libfdt
refuses, refuse what it accepts only for a listed reason, raise nothing but our own errors, and take no more
than two seconds; where both accept, the trees have to be the same. Mutant number n of a seed is always the
same. Prints a summary as JSON; the exit status is 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from struct import error as StructError  # noqa: N812
from typing import TYPE_CHECKING, Any, NamedTuple

from blob_mutants import BEGIN, END_NODE, NOP, PROP, Seed, mutant, sources, word

from kvx_emu.dt.load import read_tree
from kvx_emu.errors import NOTE, Finding, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvx_emu.dt.tree import Tree

_ROOT = Path(__file__).resolve().parents[2]
SLOWEST = 2.0  # seconds of processor time for one mutant
_BATCH = 2000  # mutants of one task
_OLDEST = 16  # the first version that we read


class Rule(NamedTuple):
    """What we refuse on purpose though libfdt accepts it: our code, a part of our message, and why."""

    code: str
    part: str
    reason: str


_OLD_NAMES = "does not end inside them"
_WRAPPED = "but the structure ends after"
STRICTER = (
    Rule("node-name", "", "dtc refuses such names of nodes; libfdt looks at none but the root's"),
    Rule("property-name", "", "dtc refuses such names of properties, and a `name` that is not the node's"),
    Rule("node-duplicate", "", "dtc refuses two nodes of one path; libfdt finds only the first"),
    Rule("property-duplicate", "", "dtc refuses two properties of one name; libfdt finds only the first"),
    Rule("property-order", "", "a property after a child node: libfdt does not find it"),
    Rule("phandle-value", "", "dtc refuses phandles of no cell, of 0 and of -1"),
    Rule("phandle-duplicate", "", "dtc refuses a phandle of two nodes"),
    Rule("limit", "deep", "the limit of depth"),
    Rule("limit", "longer than", "the limit of names"),
    Rule("dtb-header", "no multiple of", "the specification aligns the blocks; libfdt reads them anywhere"),
    Rule("dtb-structure", "a property outside of any node", "a property before the root: libfdt ignores it"),
    Rule("dtb-structure", "the end of the tree outside of any node", "no root: libfdt's check wants none"),
    Rule("dtb-structure", _OLD_NAMES, "version 16: libfdt does not heed the size of the strings"),
    Rule("dtb-structure", _WRAPPED, "libfdt before 1.7 adds a length of 2 GiB or more and wraps around"),
)
# The specification lets NOPs stand anywhere; libfdt took these for a second root node until it was mended in
# March 2026. Without them it has to accept the blob.
NOP_AFTER_ROOT = "NOPs after the root node, which libfdt refused until March 2026"
# A length that makes libfdt before 1.7 go backwards, and perhaps for ever.
_BACKWARDS = re.compile(rb"\0\0\0\x03[\x80-\xff]")


def reason(finding: Finding, data: bytes) -> str | None:
    """Why libfdt may accept what this finding refuses; None if there is no reason."""
    for rule in STRICTER:
        if rule.code == finding.code and rule.part in finding.message:
            if rule.part == _OLD_NAMES and word(data, 20) > _OLDEST:
                return None
            if rule.part == _WRAPPED and word(data, finding.place.offset or 0) < 1 << 31:
                return None
            return rule.reason
    return None


Walk = list[tuple[int, bytes, list[tuple[bytes, bytes]]]]  # depth, name, properties of each node


class Libfdt:
    """libfdt through ctypes. Raises OSError where it is not installed."""

    def __init__(self, name: str = "libfdt.so.1") -> None:
        library = ctypes.CDLL(name)
        text, number = ctypes.c_char_p, ctypes.c_int
        into = ctypes.POINTER(number)
        self._check = self._function(library.fdt_check_full, number, text, ctypes.c_size_t)
        self._next_node = self._function(library.fdt_next_node, number, text, number, into)
        self._name = self._function(library.fdt_get_name, ctypes.c_void_p, text, number, into)
        self._first = self._function(library.fdt_first_property_offset, number, text, number)
        self._next = self._function(library.fdt_next_property_offset, number, text, number)
        self._property = self._function(
            library.fdt_getprop_by_offset, ctypes.c_void_p, text, number, ctypes.POINTER(text), into
        )
        self._reservations = self._function(library.fdt_num_mem_rsv, number, text)
        entry = ctypes.POINTER(ctypes.c_uint64)
        self._reservation = self._function(library.fdt_get_mem_rsv, number, text, number, entry, entry)

    @staticmethod
    def _function(function: Any, result: Any, *arguments: Any) -> Any:
        function.restype, function.argtypes = result, arguments
        return function

    def accepts(self, data: bytes) -> bool | None:
        """Whether the whole check finds nothing; None if libfdt has no verdict."""
        if len(data) >= 24 and word(data, 20) < _OLDEST:
            return None  # it may crash: it does not look whether a root node without a path has a name
        if _BACKWARDS.search(data) is None:
            return bool(self._check(data, len(data)) == 0)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.02)
            os._exit(self._check(data, len(data)) != 0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return None if status < 0 else status == 0

    def nodes(self, data: bytes) -> Walk:
        """Return the nodes of a blob that it accepts."""
        found: Walk = []
        depth, size, name = ctypes.c_int(-1), ctypes.c_int(), ctypes.c_char_p()
        node = self._next_node(data, -1, depth)
        while node >= 0 and depth.value >= 0:
            start = self._name(data, node, size)
            properties: list[tuple[bytes, bytes]] = []
            found.append((depth.value, ctypes.string_at(start, size.value), properties))
            at = self._first(data, node)
            while at >= 0:
                start = self._property(data, at, name, size)
                properties.append((name.value or b"", ctypes.string_at(start, size.value)))
                at = self._next(data, at)
            node = self._next_node(data, node, depth)
        return found

    def reservations(self, data: bytes) -> list[tuple[int, int]]:
        """Return the memory reservations of a blob that it accepts."""
        address, size = ctypes.c_uint64(), ctypes.c_uint64()
        found = []
        for index in range(self._reservations(data)):
            self._reservation(data, index, address, size)
            found.append((address.value, size.value))
        return found


def decoded(tree: Tree) -> Walk:
    """Return the nodes of a tree of ours as `Libfdt.nodes` does."""
    depths = {tree.root: 0}
    found: Walk = []
    for node in tree.nodes():
        depth = depths[node]
        for child in node.children:
            depths[child] = depth + 1
        properties = [(name.encode("latin-1"), node.raw(name) or b"") for name in node.properties]
        found.append((depth, node.name.encode("latin-1"), properties))
    return found


def difference(tree: Tree, data: bytes, library: Libfdt) -> str | None:
    """Return where our tree and libfdt's differ; a right `name` property is dropped, as dtc does."""
    theirs = library.nodes(data)
    for _, name, properties in theirs:
        given = (b"name", name.partition(b"@")[0] + b"\0")
        if given in properties:
            properties.remove(given)
    mine = decoded(tree)
    if mine != theirs:
        at = next((n for n, (left, right) in enumerate(zip(mine, theirs, strict=False)) if left != right), -1)
        return f"node {at} of {len(mine)} and {len(theirs)}: {mine[at:][:1]} and {theirs[at:][:1]}"
    if list(tree.reservations) != library.reservations(data):
        return "the memory reservations differ"
    if tree.fdt.header.boot_cpuid_phys != word(data, 28):
        return "the boot cpu differs"
    return None


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass
class Violation:
    """One kind of failure: how often, and the smallest blob that shows it."""

    count: int
    index: int
    detail: str
    data: bytes

    def summary(self) -> dict[str, object]:
        """Return what is told of it; the blob itself is for `--keep`."""
        return {"count": self.count, "mutant": self.index, "bytes": len(self.data), "detail": self.detail}


@dataclass
class Result:
    """What a run found."""

    mutants: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)  # of what we refuse: the first code
    reasons: Counter[str] = field(default_factory=Counter)  # of what only we refuse
    slowest: tuple[float, int] = (0.0, -1)  # seconds of processor time, number of the mutant
    violations: dict[str, Violation] = field(default_factory=dict)

    def fail(self, kind: str, index: int, detail: str, data: bytes, count: int = 1) -> None:
        """Keep a failure."""
        old = self.violations.get(kind)
        if old is None:
            self.violations[kind] = Violation(count, index, detail, data)
            return
        old.count += count
        if (len(data), index) < (len(old.data), old.index):
            old.index, old.detail, old.data = index, detail, data

    def add(self, other: Result) -> None:
        """Add what another part of the run found."""
        self.mutants += other.mutants
        self.verdicts += other.verdicts
        self.codes += other.codes
        self.reasons += other.reasons
        self.slowest = max(self.slowest, other.slowest)
        for kind, each in other.violations.items():
            self.fail(kind, each.index, each.detail, each.data, each.count)

    def summary(self) -> dict[str, object]:
        """Return all of it for people and programs."""
        return {
            "mutants": self.mutants,
            "verdicts": dict(sorted(self.verdicts.items())),
            "refused by us": _by_count(self.codes),
            "only we refuse": _by_count(self.reasons),
            "slowest": {"seconds": round(self.slowest[0], 4), "mutant": self.slowest[1]},
            "violations": {kind: each.summary() for kind, each in self.violations.items()},
        }


def without_nops_after_root(data: bytes) -> bytes:
    """Return a blob, the NOPs between its root and its end made padding after the end.

    Raises an error of some kind if it has no root with an end.
    """
    at = word(data, 8)
    depth = 0
    while True:
        token = word(data, at)
        at += 4
        if token == BEGIN:
            depth += 1
            at = (data.index(0, at) + 4) & ~3
        elif token == PROP:
            at = (at + 8 + word(data, at) + 3) & ~3
        elif token == END_NODE:
            depth -= 1
            if not depth:
                break
    end = at
    while word(data, end) == NOP:
        end += 4
    return data[:at] + data[end : end + 4] + bytes(end - at) + data[end + 4 :]


def judge(data: bytes, index: int, library: Libfdt, result: Result) -> None:
    """Give one mutant to both readers, and compare what they say."""
    result.mutants += 1
    tree: Tree | None = None
    findings: tuple[Finding, ...] = ()
    start = time.process_time()
    try:
        tree = read_tree(data, "mutant.dtb")
    except InputError as error:
        findings = error.findings
    except UsageError:
        result.codes["usage"] += 1
        return
    except Exception as error:  # whatever it is, it is a defect
        result.fail(f"exception-{type(error).__name__}", index, repr(error), data)
        return
    took = time.process_time() - start
    result.slowest = max(result.slowest, (took, index))
    if took > SLOWEST:
        result.fail("slow", index, f"{took:.1f} s", data)
    accepted = library.accepts(data)
    who = {True: "accepted", False: "refused", None: "has no verdict"}[accepted]
    result.verdicts[f"{'refused' if tree is None else 'accepted'}, libfdt {who}"] += 1
    if tree is None:
        refused(findings, data, index, result, accepted=accepted)
    elif accepted:
        found = difference(tree, data, library)
        if found is not None:
            result.fail("tree", index, found, data)
    else:
        try:
            rest = without_nops_after_root(data)
        except (ValueError, StructError):
            rest = data
        if library.accepts(rest):
            result.reasons[NOP_AFTER_ROOT] += 1
        else:
            result.fail("only-we-accept", index, "", data)


def refused(
    findings: tuple[Finding, ...], data: bytes, index: int, result: Result, *, accepted: bool | None
) -> None:
    """Check a refusal of ours: its places, and its reasons where libfdt has none."""
    if not findings:
        result.fail("no-finding", index, "", data)
        return
    result.codes[findings[0].code] += 1
    is_blob = data.startswith(b"\xd0\x0d\xfe\xed")
    if is_blob and not all(0 <= (each.place.offset or 0) <= len(data) for each in findings):
        result.fail("place", index, str(findings), data)
    if is_blob and any(each.place.offset is None for each in findings):
        result.fail("no-place", index, str(findings), data)
    if not accepted:
        return
    why = [(each, reason(each, data)) for each in findings if each.severity != NOTE]
    for each, text in why:
        if text is None:
            result.fail(f"only-libfdt-accepts-{each.code}", index, str(each), data)
            return
    result.reasons.update({text for _, text in why if text is not None})


def run(seeds: list[Seed], seed: int, first: int, last: int, end: float) -> Result:
    """Judge the mutants of some numbers, until a time of the monotonic clock."""
    library = Libfdt()
    result = Result()
    for index in range(first, last):
        if time.monotonic() >= end:
            break
        judge(mutant(seeds, seed, index), index, library, result)
    return result


def run_all(seeds: list[Seed], seed: int, mutants: int, seconds: float, jobs: int) -> Result:
    """Judge so many mutants, or for so long, in processes side by side."""
    end = time.monotonic() + seconds
    batches: Iterator[tuple[int, int]] = (
        (first, min(first + _BATCH, mutants)) for first in range(0, mutants, _BATCH)
    )
    result = Result()
    if jobs == 1:
        for first, last in batches:
            if time.monotonic() >= end:
                break
            result.add(run(seeds, seed, first, last, end))
        return result
    with ProcessPoolExecutor(jobs) as pool:
        pending = set()
        for first, last in batches:
            if time.monotonic() >= end:
                break
            pending.add(pool.submit(run, seeds, seed, first, last, end))
            if len(pending) > 2 * jobs:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for each in done:
                    result.add(each.result())
        for each in pending:
            result.add(each.result())
    return result


def shared_data() -> Path:
    """Return the folder of third parties' trees, which may be missing."""
    return Path(os.environ.get("KVX_EMU_SHARED", _ROOT.parent / "shared")) / "data"


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seconds", type=float, help="for how long (60 if no number of mutants is given)")
    parser.add_argument("--mutants", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--shared", type=Path, default=shared_data(), help="where third parties' trees are")
    parser.add_argument("--keep", type=Path, help="a folder for the smallest blob of each failure")
    options = parser.parse_args()
    try:
        Libfdt()
    except OSError:
        sys.stdout.write("skipped: libfdt.so.1 is not installed\n")
        return 0
    seconds = options.seconds or (1e9 if options.mutants else 60)
    start = time.monotonic()
    seeds = sources(options.shared)
    result = run_all(seeds, options.seed, options.mutants or 1 << 40, seconds, max(options.jobs, 1))
    took = time.monotonic() - start
    report = {"seed": options.seed, "jobs": options.jobs, "blobs": len(seeds), "seconds": round(took, 1)}
    report["per second"] = round(result.mutants / took)
    sys.stdout.write(json.dumps(report | result.summary(), indent=2) + "\n")
    if options.keep and result.violations:
        options.keep.mkdir(parents=True, exist_ok=True)
        for kind, each in result.violations.items():
            (options.keep / f"{kind}.dtb").write_bytes(each.data)
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
