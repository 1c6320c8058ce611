"""The bench itself: what its workloads are, what it measures, and the drawing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command import ROOT

from kvx_emu.bench import measure
from kvx_emu.bench.engines import Case, load_baselines
from kvx_emu.bench.peak import own_peak_mb, peak_mb, run
from kvx_emu.bench.plot import PANELS, svg
from kvx_emu.bench.workloads import BUSY, LOADS, PES, Workload, workloads

BASELINES = ROOT / "benchmarks"
ALL = [*workloads(quick=False)]
SMALL = [workload for workload in ALL if workload.clusters <= 5]


@pytest.fixture
def fast(monkeypatch):
    """Make everything as short as it can be."""
    monkeypatch.setattr(measure, "EDGES", 1_600)
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "AGAIN", 1)
    monkeypatch.setattr(load_baselines(BASELINES), "copy_gb_per_s", lambda: 5.0)


# Workloads


def test_every_workload_has_its_name_alone():
    names = [workload.name for workload in ALL]
    assert len(set(names)) == len(names)
    assert {
        "uniform-functional",
        "broadcast-load-0.1",
        "single-nested-load-0.9",
        "single-masked-load-0.1",
        "single-load-0.1-clusters-256",
        "uniform-nested-load-0.3-lines-2",
        "single-load-0.1-edges-1000000",
    } <= set(names)


def test_the_quick_workloads_are_among_the_others():
    quick = [*workloads(quick=True)]
    assert set(quick) < set(ALL)
    assert {workload.load for workload in quick} == {None, *LOADS}
    assert max(workload.clusters for workload in quick) == 5


@pytest.mark.parametrize("workload", SMALL, ids=lambda workload: workload.name)
def test_a_workload_makes_the_edges_and_the_load_that_it_says(workload):
    edges = 20_000
    prepared = Case(workload, edges, load_baselines(BASELINES)).prepared
    sends = prepared.value[~prepared.to_mask]
    made = sum(int(value).bit_count() for value in sends)
    assert made == pytest.approx(edges, rel=0.05)
    assert prepared.functional == (workload.load is None)
    if workload.load is None:
        assert prepared.tick[-1] == 0
    else:
        busy = prepared.entry + prepared.service[0]
        assert busy == BUSY * workload.clusters
        rate = made / (PES * workload.clusters) / int(prepared.tick[-1])
        assert rate * busy == pytest.approx(workload.load, rel=0.05)
    masks = int(prepared.to_mask.sum()) - workload.clusters * prepared.batch
    assert masks == (pytest.approx(len(sends) / 99, abs=1) if workload.masked else 0)
    used = {int(line) for line in prepared.line}
    assert used == (set(range(24, 24 + workload.lines)) if workload.nested else {24})


def test_the_largest_board_has_256_clusters():
    machine = Case(Workload("single", 0.1, clusters=256), 1, None).machine()
    assert len(machine.core) == 256 * PES
    assert list(machine.controllers) == list(range(256))


# Measuring


def test_each_engine_is_measured_on_what_suits_it(fast):
    results = measure.bench(quick=True, only=["uniform-functional", "single-load-0.3"])["results"]
    at = {(result["workload"], result["engine"]): result for result in results}
    runs = load_baselines(BASELINES).baselines()
    assert ("uniform-functional", "python") in at
    assert ("single-load-0.3", "python") not in at
    for name in ("simpy", "c"):
        assert (("single-load-0.3", name) in at) == (name in runs)
    assert at["single-load-0.3", "reference"]["edges"] == 160
    record = at["uniform-functional", "python"]
    assert record["ratio_to_python"] == 1
    assert record["ratio_to_reference"] == pytest.approx(
        record["edges_per_s"] / at["uniform-functional", "reference"]["edges_per_s"]
    )
    assert record["edges_per_s"] == pytest.approx(record["edges"] / record["cpu_s"])
    if "c" in runs:
        c = at["uniform-functional", "c"]
        assert c["time_over_c"] == 1
        assert record["time_over_c"] == pytest.approx(c["edges_per_s"] / record["edges_per_s"])


def test_the_writers_of_csv_are_compared_on_the_same_rows(fast):
    results = measure.bench(quick=True, only=["csv-writer"])["results"]
    assert [result["workload"] for result in results] == [measure.CSV] * len(results)
    by_engine = {result["engine"]: result for result in results}
    assert by_engine["csv-module"]["ratio_to_csv_module"] == 1
    assert len({result["rows"] for result in results}) == 1
    assert by_engine["reference"]["rows"] > by_engine["reference"]["edges"]


def test_runs_that_write_their_trace_are_compared(fast):
    results = measure.bench(quick=True, only=["csv-run-*"])["results"]
    assert {result["workload"] for result in results} == {
        f"csv-run-{workload.name}" for workload in measure.CSV_RUNS
    }
    for workload in {result["workload"] for result in results}:
        edges = {result["edges"] for result in results if result["workload"] == workload}
        assert len(edges) == 1
        assert edges.pop() > 0


def test_what_is_measured_next_is_told(fast):
    told = []
    measure.bench(quick=True, only=["single-load-0.3", "single-load-0.1"], tell=told.append)
    assert told == ["1/2 single-load-0.1", "2/2 single-load-0.3"]


def test_the_long_form_measures_memory_in_a_process_of_each_engine(fast, monkeypatch):
    asked = []

    def peak(workload, engine, edges, folder):
        asked.append((workload.name, engine, folder))
        return 12.0

    monkeypatch.setattr(measure, "peak_mb", peak)
    results = measure.bench(quick=False, only=["single-load-0.3"])["results"]
    assert {result["peak_rss_mb"] for result in results} == {12.0}
    assert asked == [("single-load-0.3", result["engine"], BASELINES) for result in results]


def test_turns_go_there_and_back_again():
    order = []
    measured = measure._in_turns(
        [lambda name=name: lambda: order.append(name) or sum(range(10**6)) for name in "abc"]
    )
    assert "".join(dict.fromkeys(order)) == "abc"
    assert [len(seconds) for seconds, _ in measured] == [measure.ROUNDS] * 3
    assert [result for _, result in measured] == [sum(range(10**6))] * 3
    deduplicated = "".join(a for a, b in zip(order, [None, *order], strict=False) if a != b)
    assert deduplicated == "abcbabc"  # c and a have two turns in a row


def test_a_folder_without_baselines_is_an_error(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "kvx_emu_baselines", raising=False)
    with pytest.raises(FileNotFoundError):
        load_baselines(tmp_path)
    assert "kvx_emu_baselines" not in sys.modules


# Memory


def test_the_peak_of_a_new_process_is_less_than_what_its_parent_has():
    """The kernel carries ru_maxrss over an exec; the peak must be that of the run alone."""
    hold = bytearray(300 << 20)
    hold[:: 1 << 12] = b"x" * len(hold[:: 1 << 12])
    assert own_peak_mb() > 300
    assert 10 < peak_mb(Workload("single", 0.1), "reference", 100, None) < 200


def test_a_run_for_its_peak_works_with_the_baselines():
    job = {"workload": {"targets": "single"}, "engine": "python", "edges": 100, "baselines": str(BASELINES)}
    assert run(json.dumps(job)) > 10


def test_the_peak_where_there_is_no_proc(tmp_path):
    assert own_peak_mb(tmp_path / "none") > 10
    (tmp_path / "status").write_text("Name: x\n")
    assert own_peak_mb(tmp_path / "status") > 10


# The drawing


def result(workload, engine, rate, **more):
    record = measure._record(workload, engine, 1000, [1000 / rate])
    return record | more


RESULTS = {
    "machine": {},
    "results": [
        result(workload, engine, rate * (1 + index % 7))
        for index, workload in enumerate(ALL)
        for engine, rate in (("reference", 1e5), ("c", 1e8), ("an<other>", 3e6))
    ],
}


def test_the_drawing_has_a_curve_of_each_engine_in_each_panel():
    drawing = ElementTree.fromstring(svg(RESULTS))
    space = "{http://www.w3.org/2000/svg}"
    assert len(list(drawing.iter(f"{space}polyline"))) == 3 * len(PANELS)
    texts = [text.text for text in drawing.iter(f"{space}text")]
    for panel in PANELS:
        assert panel.title in texts
    assert {"reference", "c", "an<other>", "load", "edges/s", "ns/edge", "clusters", "lines"} <= set(texts)
    assert "prefers-color-scheme: dark" in svg(RESULTS)


def test_a_panel_shows_its_own_workloads_alone():
    shown = {
        panel.title: {record["workload"] for record in RESULTS["results"] if panel.shows(record)}
        for panel in PANELS
    }
    assert shown["Single targets, one line"] == {f"single-load-{load:g}" for load in LOADS}
    assert shown["Random sets, 3 levels, load 0.3"] == {
        "uniform-nested-load-0.3",
        *(f"uniform-nested-load-0.3-lines-{lines}" for lines in (1, 2, 4)),
    }


def test_every_point_lies_inside_its_panel():
    drawing = ElementTree.fromstring(svg(RESULTS))
    points = [
        tuple(map(float, point.split(",")))
        for line in drawing.iter("{http://www.w3.org/2000/svg}polyline")
        for point in line.get("points").split()
    ]
    assert len(points) > 50
    assert all(56 <= x <= 288 and 30 <= y <= 178 for x, y in points)


def test_a_drawing_of_nothing_says_so():
    assert svg({"results": []}).count("not measured") == len(PANELS)


# The command


def test_the_command_draws_what_was_measured_before(kvx, tmp_path):
    (tmp_path / "bench.json").write_text(json.dumps(RESULTS))
    status, out, err = kvx("bench", "--from", tmp_path / "bench.json", "--plot", tmp_path / "bench.svg")
    assert (status, err) == (0, "")
    assert (tmp_path / "bench.svg").read_text() == svg(RESULTS)
    assert "single-load-0.1-clusters-256" in out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": 1}'])
def test_a_file_that_bench_did_not_write_gives_2(kvx, tmp_path, text):
    (tmp_path / "bench.json").write_text(text)
    status, out, err = kvx("bench", "--from", tmp_path / "bench.json")
    assert (status, out) == (2, "")
    assert "expected a file that `kvx-emu bench --json` wrote" in err


def test_a_folder_without_baselines_gives_2(kvx, tmp_path):
    status, out, err = kvx("bench", "--baselines", tmp_path)
    assert (status, out) == (2, "")
    assert "expected the folder of the baselines" in err


def test_the_command_takes_patterns_and_baselines(kvx, fast):
    status, out, err = kvx("bench", "--quick", "--only", "single-func*", "--baselines", BASELINES)
    assert (status, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()[2:]} == {"single-functional"}
    assert "python" in out


def test_every_key_of_a_record_is_documented(fast):
    documented = (ROOT / "docs" / "bench.md").read_text()
    record = measure.bench(quick=True, only=["single-functional", "csv-*"])
    keys = {key for each in record["results"] for key in each} | set(record["machine"])
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []


def test_the_package_does_not_need_its_baselines(tmp_path):
    """As it is installed: the bench of a copy of the package alone."""
    import shutil

    shutil.copytree(ROOT / "kvx_emu", tmp_path / "kvx_emu", ignore=shutil.ignore_patterns("__pycache__"))
    program = "import kvx_emu.bench.measure as m; print(m.BASELINES.exists(), m.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    exists, file = done.stdout.split()
    assert exists == "False"
    assert Path(file).is_relative_to(tmp_path)
