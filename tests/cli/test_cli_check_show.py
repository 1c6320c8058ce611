"""`check`, `show`, `schema` and `bench`: what they say, to people and to programs."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml
from command import BOARD, ROOT, SCRIPTS, SMOKE, board_of, script_file

KEYS = ["code", "severity", "path", "line", "column", "node", "property", "message", "offset"]

BOARDS = sorted(f"boards/{path.name}" for path in (ROOT / "boards").glob("*.dts"))


# check


@pytest.mark.parametrize("board", BOARDS)
def test_our_boards_give_one_note_of_their_dialect(kvx, board):
    status, out, err = kvx("check", board)
    assert (status, err) == (0, "")
    assert re.findall(r"\w+\[[\w-]+\]", out) == ["note[dialect]"]
    assert out.endswith("no errors, no warnings, 1 note\n")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_our_scripts_are_fine_on_their_boards(kvx, script):
    assert kvx("check", board_of(script), script).status == 0


def test_a_finding_has_its_place_source_line_and_caret(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1, lin: 24}")
    assert kvx("check", BOARD, script, "-W", "no-dialect") == (
        3,
        f"{script}:3:21: error[script-key]: unknown key `lin` of `send`; expected from, to, line, op; "
        "did you mean `line`?\n"
        "    - send: {to: pe1, lin: 24}\n"
        "                      ^\n"
        "1 error, no warnings, no notes\n",
        "",
    )


def test_a_finding_about_a_script_on_a_board_is_made_without_running(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: c1.pe1}\nsend: {to: pe1, line: 3}")
    status, out, _ = kvx("check", BOARD, script)
    assert status == 3
    assert re.findall(r"^.*?:(\d+:\d+): error\[(.*)\]", out, re.MULTILINE) == [
        ("3:16", "script-core"),
        ("4:27", "script-line"),
    ]


def test_check_as_json_gives_every_key_of_every_finding(kvx, tmp_path):
    script = script_file(tmp_path, "send: {to: pe1, lin: 24}\nwait: -1")
    status, out, err = kvx("check", BOARD, script, "--format", "json", "-W", "no-dialect")
    assert (status, err) == (3, "")
    findings = json.loads(out)
    assert [list(finding) for finding in findings] == [KEYS, KEYS]
    assert findings[0] == {
        "code": "script-key",
        "severity": "error",
        "path": str(script),
        "line": 3,
        "column": 21,
        "node": None,
        "property": None,
        "message": "unknown key `lin` of `send`; expected from, to, line, op; did you mean `line`?",
        "offset": None,
    }


def test_check_as_json_of_a_clean_board_is_an_empty_list(kvx):
    status, out, err = kvx("check", BOARD, "--format", "json", "-W", "no-dialect")
    assert (status, json.loads(out), err) == (0, [], "")


def test_a_finding_about_a_blob_has_an_offset_instead_of_a_line(kvx, shared):
    out = kvx("check", shared / "boards" / "mppa-coolidge.dtb", "--format", "json").out
    findings = json.loads(out)
    assert findings
    for finding in findings:
        assert (finding["line"], finding["column"]) == (None, None)
        assert finding["offset"] > 0
        assert finding["severity"] == "note"


def test_a_tree_without_an_ipi_controller_can_be_checked_and_shown(kvx, shared):
    board = shared / "boards" / "k200.dts"
    status, out, _ = kvx("check", board)
    assert status == 0
    assert f"{board}:8:1: warning[no-ipi]: the tree has no enabled IPI controller\n" in out
    assert out.endswith("no errors, 1 warning, 3 notes\n")
    for what in ("tree", "map", "wiring", "registers"):
        assert kvx("show", board, what).status == 0


@pytest.mark.parametrize("args", [["check", "-"], ["check", "-", SMOKE], ["show", "-"]])
def test_the_board_can_come_from_standard_input(kvx, args):
    board = (ROOT / BOARD).read_bytes()
    piped = kvx(*args, stdin=board)
    named = kvx(*(BOARD if arg == "-" else arg for arg in args))
    assert piped.status == 0
    words, expected = (
        [word for word in out.split() if set(word) != {"-"}]
        for out in (piped.out.replace("<stdin>", BOARD), named.out)
    )
    assert words == expected


def test_a_finding_about_standard_input_names_it(kvx):
    status, out, err = kvx("check", "-", stdin=b"/dts-v1/;\n/ { a = ; };\n")
    assert (status, err) == (3, "")
    assert out.startswith("<stdin>:2:9: error[")


def test_an_empty_standard_input_is_an_empty_board(kvx):
    status, out, err = kvx("check", "-")
    assert (status, err) == (3, "")
    assert out.startswith("<stdin>:1:1: error[")


def test_the_script_can_come_from_standard_input_of_a_check(kvx):
    status, out, _ = kvx("check", BOARD, "-", stdin=b"version: 1\nsteps:\n  - wiat: 1\n")
    assert status == 3
    assert "\n<stdin>:3:5: error[script-step]: unknown step `wiat`" in out


def test_params_serve_check_as_they_serve_run(kvx, tmp_path):
    script = script_file(tmp_path, "repeat: {count: '${n}', steps: [{wait: 1}]}", "params: {n: 1}\n")
    assert kvx("check", BOARD, script, "--set", "n=5").status == 0
    status, out, _ = kvx("check", BOARD, script, "--set", "n=1000000000000")
    assert status == 3
    assert "error[script-expansion]" in out


# show


def test_show_prints_the_tree_with_what_each_node_stands_for(kvx):
    status, out, err = kvx("show", BOARD)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["node", "compatible", "stands", "for", "place"]
    assert lines[2].startswith("/ ")
    words = [re.split("  +", line.lstrip()) for line in lines]
    assert ["cpu@10", "kalray,kv3-1-pe, kalray,kv3-pe", "core rm", "boards/cluster.dts:75:3"] in words
    ipi = [
        "interrupt-controller@ad0000",
        "kalray,coolidge-ipi-ctrl",
        "IPI controller",
        "boards/cluster.dts:125:8",
    ]
    assert ipi in words
    assert kvx("show", BOARD, "tree").out == out


def test_show_map_prints_the_blocks_by_address(kvx):
    out = kvx("show", BOARD, "map").out
    lines = [line.split() for line in out.splitlines()[2:]]
    starts = [int(line[0], 16) for line in lines]
    assert starts == sorted(starts)
    node = "/soc/interrupt-controller@ad0000"
    assert ["0x1ad0000", "0x1ad0fff", "0xad0000", "0", "IPI", "controller", node, "yes"] in lines


def test_show_wiring_prints_each_output_and_the_cores_it_reaches(kvx):
    lines = kvx("show", BOARD, "wiring").out.split("\n\n")[0].splitlines()[2:]
    assert len(lines) == 8
    words = [re.split(r"  +", line) for line in lines]
    controller = "/soc/interrupt-controller@ad0000"
    assert words[0] == [controller, "INTERRUPT[0]", "24", "pe0-15, rm", "pe0-15, rm"]
    assert words[7] == [controller, "INTERRUPT[7]", "31", "pe0-15, rm", "-"]


def test_show_wiring_has_a_controller_for_each_cluster(kvx):
    lines = kvx("show", "boards/coolidge.dts", "wiring").out.split("\n\n")[0].splitlines()[2:]
    assert len(lines) == 5 * 8
    assert "c4.pe0-15" in lines[-1]


def test_show_registers_prints_each_register_with_its_source(kvx):
    out = kvx("show", BOARD, "registers").out
    assert "IPI controller (kalray,coolidge-ipi-ctrl), offsets in bytes\n" in out
    assert re.search(r"^0x0\.\.0x1c +INTERRUPT\[8\] +17 +\S+ +0x0 +\S", out, re.MULTILINE)
    assert re.search(r"^0x20\.\.0x3c +MASK\[8\] +17 +RW +0x0 +\S", out, re.MULTILINE)
    core = out[out.index("core, special function registers") :]
    for name in ("PS", "ILE", "ILL", "ILR", "ITO", "ES[4]", "SPS[4]", "EV[4]", "WS"):
        assert re.search(rf"^0x[0-9a-fx.]+ +{re.escape(name)} ", core, re.MULTILINE)


@pytest.mark.parametrize("what", ["tree", "map", "wiring", "registers"])
@pytest.mark.parametrize("board", BOARDS)
def test_every_view_of_our_boards_can_be_shown_in_both_profiles(kvx, board, what):
    for profile in ("hardware", "qemu"):
        status, out, err = kvx("show", board, what, "--profile", profile)
        assert (status, err) == (0, "")
        assert out.count("\n") > 2


# schema


def test_the_schema_is_one_that_accepts_our_scripts(kvx):
    status, out, err = kvx("schema")
    assert (status, err) == (0, "")
    schema = json.loads(out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    # YAML 1.1 has numbers as keys; JSON has texts.
    paths = [*(ROOT / "scripts").glob("*.yaml"), *(ROOT / "docs").glob("*.yaml")]
    assert len(paths) >= 7
    for path in paths:
        assert list(validator.iter_errors(json.loads(json.dumps(yaml.safe_load(path.read_text()))))) == []


def test_the_schema_refuses_an_unknown_step(kvx):
    validator = jsonschema.Draft202012Validator(json.loads(kvx("schema").out))
    assert not validator.is_valid({"version": 1, "steps": [{"sned": {"to": "pe1"}}]})


# bench


@pytest.fixture
def bench(kvx, monkeypatch, tmp_path):
    """Return what a quick bench prints and its JSON; some workloads are made smaller still, and run once."""
    from kvx_emu.bench import measure

    monkeypatch.setattr(measure, "EDGES", 1_600)
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "AGAIN", 1)
    monkeypatch.setattr(measure, "BASELINES", tmp_path / "none")
    path = tmp_path / "bench.json"
    some = (
        "--only",
        "single-load-*",
        "--only",
        "broadcast-load-*",
        "--only",
        "*-functional",
        "--only",
        "csv-*",
    )
    status, out, err = kvx("bench", "--quick", "--json", path, *some)
    assert (status, err) == (0, "")
    return out, json.loads(path.read_text())


def test_bench_writes_each_workload_and_engine_once(bench):
    _, record = bench
    assert list(record) == ["machine", "results"]
    pairs = [(result["workload"], result["engine"]) for result in record["results"]]
    assert len(pairs) == len(set(pairs)) >= 10
    assert "reference" in {engine for _, engine in pairs}


def test_bench_names_the_load_in_the_workload(bench):
    names = [result["workload"] for result in bench[1]["results"]]
    for load in ("0.01", "0.1", "0.3", "0.9"):
        assert f"single-load-{load}" in names
        assert f"broadcast-load-{load}" in names


def test_bench_results_have_their_figures(bench):
    for result in bench[1]["results"]:
        assert set(result) >= {
            "workload",
            "engine",
            "edges",
            "edges_per_s",
            "ratio_to_reference",
            "peak_rss_mb",
        }
        assert result["edges"] > 0
        assert result["edges_per_s"] > 0
        assert (result["ratio_to_reference"] == 1.0) is (result["engine"] == "reference")
        assert result["peak_rss_mb"] > 0


def test_bench_without_its_baselines_has_no_ratios_to_them(bench):
    _, record = bench
    assert {result["engine"] for result in record["results"]} <= {
        "reference",
        "csv-module",
        "reference-own-csv",
        "vector",
        "vector-fast",
        "vector-prepared",
        "vector-summary",
    }
    assert record["machine"]["copy_gb_per_s"] is None
    for result in record["results"]:
        assert (result["ratio_to_simpy"], result["ratio_to_python"], result["time_over_c"]) == (None,) * 3


def test_bench_prints_a_table_of_the_same_workloads(bench):
    out, record = bench
    printed = [line.split()[0] for line in out.splitlines()[2:]]
    assert printed == [result["workload"] for result in record["results"]]


def test_bench_without_a_file_prints_the_table_alone(kvx, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "kvx_emu.bench.bench",
        lambda **_: {
            "results": [
                {"workload": "w", "engine": "e", "edges": 1, "edges_per_s": 2.6, "peak_rss_mb": 3.4},
            ]
        },
    )
    status, out, err = kvx("bench")
    assert (status, err) == (0, "")
    assert out.splitlines()[2].split() == ["w", "e", "1", "2.6", "3.4"]


def test_a_bench_that_fails_leaves_no_file(kvx, monkeypatch, tmp_path):
    def fail(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr("kvx_emu.bench.bench", fail)
    assert kvx("bench", "--json", tmp_path / "bench.json").status == 130
    assert list(tmp_path.iterdir()) == []
