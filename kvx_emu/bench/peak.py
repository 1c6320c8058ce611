"""The peak of memory of one run, in a process that does nothing else."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from kvx_emu.bench.engines import Case, engines, load_baselines
from kvx_emu.bench.workloads import Workload


def own_peak_mb(status: Path = Path("/proc/self/status")) -> float:
    """Return the most memory that this process has had in RAM so far, in MB (2^20 bytes).

    Linux keeps ru_maxrss over an exec: in a new process it starts at what the old one had. VmHWM does not.
    """
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def peak_mb(workload: Workload, engine: str, edges: int, baselines: Path | None) -> float:
    """Return the peak of a new process that runs one engine once, Python and the input included, in MB."""
    program = f"import sys; from {__name__} import run; print(run(sys.argv[1]))"
    job = {"workload": asdict(workload), "engine": engine, "edges": edges}
    job["baselines"] = None if baselines is None else str(baselines)
    done = subprocess.run(  # noqa: S603  (our own module, with arguments of ours)
        [sys.executable, "-c", program, json.dumps(job)], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def run(text: str) -> float:
    """Run what the JSON of `peak_mb` describes and return the peak of this process."""
    job = json.loads(text)
    package = None if job["baselines"] is None else load_baselines(Path(job["baselines"]))
    engine = next(each for each in engines(package) if each.name == job["engine"])
    engine.set_up(Case(Workload(**job["workload"]), job["edges"], package))()
    return own_peak_mb()
