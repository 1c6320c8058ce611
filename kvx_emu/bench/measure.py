"""Measuring: CPU time, one engine after the other in turns, and the ratios between them."""

from __future__ import annotations

import csv
import fnmatch
import gc
import io
import os
import platform
import statistics
import tempfile
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from kvx_emu import __version__
from kvx_emu.bench.engines import BASELINES, Case, engines, load_baselines
from kvx_emu.bench.peak import own_peak_mb, peak_mb
from kvx_emu.bench.workloads import Workload, workloads
from kvx_emu.engine.reference import Reference
from kvx_emu.trace.row import COLUMNS
from kvx_emu.trace.sink import FileSink
from kvx_emu.trace.text import csv_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from kvx_emu.bench.engines import Engine
    from kvx_emu.trace.row import Row

Record = dict[str, Any]
"""A result: what docs/bench.md lists."""

Run: TypeAlias = "Callable[[], Callable[[], Any]]"
"""Sets a run up; what it returns is timed."""

ROUNDS = 3
EDGES = 100_000
QUICK = 10
"""The quick form has so many times fewer edges."""

WARM = 100
"""Edges of the run before all, for what is imported, compiled or kept at first use."""

SHORT = 0.02
"""CPU seconds; what takes less is run again in its turn, some times."""
AGAIN = 10

CSV = "csv-writer"
"""The workload of the writers: the rows of a run as CSV in memory."""

CSV_RUNS = Workload("broadcast", 0.1), Workload("single", 0.1), Workload("single", 0.3, nested=True)
"""The workloads of whole runs that write their trace to a file."""


def _turn(set_up: Run) -> tuple[float, Any]:
    """Return the CPU seconds of a run, the median of several if it is short, and what the run gave."""
    seconds: list[float] = []
    result = None
    while not seconds or (sum(seconds) < SHORT and len(seconds) < AGAIN):
        run = set_up()
        result = None  # the memory of the one before is free again
        gc.collect()
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), result


def _in_turns(runs: Sequence[Run]) -> list[tuple[list[float], Any]]:
    """Return, for each of `runs`, the CPU seconds of its turns and the last result.

    All have their turn in each round, there and back again, so that a machine that becomes slower or faster
    does so to all.
    """
    seconds: list[list[float]] = [[] for _ in runs]
    results: list[Any] = [None] * len(runs)
    gc.freeze()  # the boards and scripts are many objects, not to be gone through before each run
    for number in range(ROUNDS):
        order = list(range(len(runs)))
        for index in order if number % 2 == 0 else reversed(order):
            took, results[index] = _turn(runs[index])
            seconds[index].append(took)
    return list(zip(seconds, results, strict=True))


def measure(
    workload: Workload, found: Sequence[Engine], scale: int, baselines: ModuleType | None
) -> list[Record]:
    """Return the records of one workload on the engines that suit it, with a `scale`-th of the edges.

    A slow engine has a shorter script than a fast one, so the ratios are of times per edge.
    """

    @cache
    def case(edges: int) -> Case:
        return Case(workload, edges, baselines)

    suiting = [engine for engine in found if workload.load is None or not engine.functional_only]
    runs: list[Run] = []
    for engine in suiting:
        engine.set_up(case(WARM))()
        edges = workload.size or EDGES // scale
        edges = edges if engine.most is None else min(edges, engine.most // scale)
        runs.append(partial(engine.set_up, case(edges)))
    records = [
        _record(workload, engine.name, engine.edges(result), seconds)
        for engine, (seconds, result) in zip(suiting, _in_turns(runs), strict=True)
    ]
    _relate(records)
    return records


def _record(workload: Workload, engine: str, edges: int, seconds: list[float]) -> Record:
    median = statistics.median(seconds)
    return {
        "workload": workload.name,
        "engine": engine,
        "edges": edges,
        "cpu_s": median,
        "spread": (max(seconds) - min(seconds)) / median,
        "edges_per_s": edges / median,
        "targets": workload.targets,
        "load": workload.load,
        "nested": workload.nested,
        "masked": workload.masked,
        "lines": workload.lines if workload.nested else 1,
        "clusters": workload.clusters,
    }


def _relate(records: list[Record]) -> None:
    """Add to the records of one workload what they are to one another; None where the other is missing."""
    rates = {record["engine"]: record["edges_per_s"] for record in records}
    for record in records:
        for key, other in (("reference", "reference"), ("simpy", "simpy"), ("python", "python")):
            record[f"ratio_to_{key}"] = record["edges_per_s"] / rates[other] if other in rates else None
        record["time_over_c"] = rates["c"] / record["edges_per_s"] if "c" in rates else None


def _ready(run: Callable[[], Any]) -> Callable[[], Any]:
    return run


class _Rows(list["Row"]):
    """A sink that keeps the rows."""

    def add(self, rows: Sequence[Row]) -> None:
        """Keep the rows."""
        self.extend(rows)

    def flush(self) -> None:
        """Do nothing."""

    close = abandon = flush


def measure_csv(edges: int) -> list[Record]:
    """Return the records of the CSV writers: that of the reference's rows, of the vector's, and Python's."""
    workload = Workload("single", 0.3, nested=True)
    case = Case(workload, edges, None)
    rows = _Rows()
    outcome = Reference(case.machine(), case.program, [rows]).run()
    made = sum(line.sent for line in outcome.summary.values())

    def module() -> int:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        return len(text.getvalue())

    from kvx_emu.trace.columns import Columns

    columns = Columns.from_rows(rows)
    writers: dict[str, Callable[[], Any]] = {
        "reference": lambda: csv_lines(rows),
        "vector": lambda: csv_lines(columns),
        "csv-module": module,
    }
    measured = _in_turns([partial(_ready, run) for run in writers.values()])
    records = []
    for name, (seconds, _) in zip(writers, measured, strict=True):
        record = _record(workload, name, made, seconds) | {"workload": CSV}
        records.append(record | {"rows": len(rows), "rows_per_s": len(rows) / record["cpu_s"]})
    _relate(records)
    slowest = next(record["rows_per_s"] for record in records if record["engine"] == "csv-module")
    for record in records:
        record["ratio_to_csv_module"] = record["rows_per_s"] / slowest
    return records


class _Module:
    """A sink that writes rows by Python's csv module."""

    def __init__(self, path: str) -> None:
        self._stream = open(path, "w", encoding="ascii", newline="")  # noqa: SIM115  (closed by `close`)
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows."""
        self._writer.writerows(rows)

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._stream.flush()

    def close(self) -> None:
        """Keep the file."""
        self._stream.close()

    abandon = close


def measure_csv_runs(edges: int) -> list[Record]:
    """Return the records of whole runs that write their trace to a file: the reference's and the vector's."""
    from kvx_emu.engine.vector.engine import Vector

    def set_up(
        case: Case, engine: type[Reference], sink: Callable[[str], Any], path: str
    ) -> Callable[[], Any]:
        taker = sink(path)
        run = engine(case.machine(), case.program, [taker])

        def timed() -> Any:
            outcome = run.run()
            taker.flush()
            taker.close()
            return outcome

        return timed

    records = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.csv")
        ways: dict[str, tuple[type[Reference], Callable[[str], Any]]] = {
            "reference": (Reference, _Module),
            "reference-own-csv": (Reference, lambda path: FileSink(path, "csv")),
            "vector": (Vector, lambda path: FileSink(path, "csv")),
        }
        for workload in CSV_RUNS:
            case = Case(workload, edges, None)
            measured = _in_turns([partial(set_up, case, *way, path) for way in ways.values()])
            found = [
                _record(workload, name, sum(line.sent for line in outcome.summary.values()), seconds)
                for name, (seconds, outcome) in zip(ways, measured, strict=True)
            ]
            _relate(found)
            records += [record | {"workload": f"csv-run-{workload.name}"} for record in found]
    return records


def _machine(baselines: ModuleType | None) -> Record:
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "copy_gb_per_s": baselines.copy_gb_per_s() if baselines is not None else None,
        "kvx_emu": __version__,
    }


def bench(
    *,
    quick: bool,
    only: Sequence[str] = (),
    baselines: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Record:
    """Measure every workload, or those whose name matches a pattern of `only`.

    `baselines` is the folder to compare with, that of the checkout by default; without one its ratios are
    None. `quick` makes a tenth of the edges, of fewer workloads, and does not start a process for each peak
    of memory. `tell` is called with the name of what is measured next.
    """
    folder = BASELINES if baselines is None else baselines
    # Asked for by name, a folder that is missing is an error; where none needs be, it is not.
    package = load_baselines(folder) if baselines is not None or folder.is_dir() else None
    found = engines(package)
    scale = QUICK if quick else 1
    wanted = [w for w in workloads(quick=quick) if _matches(w.name, only)]
    results: list[Record] = []
    gc.collect()
    try:
        for number, workload in enumerate(wanted, 1):
            tell(f"{number}/{len(wanted)} {workload.name}")
            records = measure(workload, found, scale, package)
            for record in records:
                record["peak_rss_mb"] = (
                    own_peak_mb()
                    if quick
                    else peak_mb(workload, record["engine"], record["edges"], folder if package else None)
                )
            results += records
        if _matches(CSV, only):
            tell(CSV)
            results += [record | {"peak_rss_mb": own_peak_mb()} for record in measure_csv(EDGES // scale)]
        if any(_matches(f"csv-run-{workload.name}", only) for workload in CSV_RUNS):
            tell("csv-run")
            results += [
                record | {"peak_rss_mb": own_peak_mb()} for record in measure_csv_runs(EDGES // scale)
            ]
    finally:
        gc.unfreeze()
    return {"machine": _machine(package), "results": results}


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
