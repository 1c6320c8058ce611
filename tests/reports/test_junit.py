"""The report in JUnit's XML: what readers make of it, and the rules that they hold it to."""

from __future__ import annotations

import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest
from command import BOARD, script_file
from junitparser import Error, Failure, JUnitXml, Skipped

from kvx_emu.engine.outcome import Expectation, Outcome
from kvx_emu.errors import Place
from kvx_emu.reports.junit import class_name, junit_xml

HEAD = "name: two of four\ntiming: {delivery: 40ns, entry: 20ns, service: 100ns}\n"
STEPS = """\
send: {from: pe0, to: [pe1, pe2]}
wait: 1us
expect: {core: pe1, line: 24, delivered: 2, coalesced: 0}
expect: {core: pe2, line: 24, delivered: 1}
repeat: {count: 3, steps: [{expect: {core: pe2, requested: 7}}, {expect: {core: pe2, requested: 7}}]}
wait: 1us
expect: {delivered: 2}
"""
LINES = [7, 7, 8, 9, 9, 11]  # of the expectations
SCRIPT = "scripts/four.yaml"
NAMES = [
    "line 7: pe1 line 24: delivered 2",
    "line 7: pe1 line 24: coalesced 0",
    "line 8: pe2 line 24: delivered 1",
    "line 9: pe2: requested 7",
    "line 9: pe2: requested 7 (2)",
    "line 11: all cores: delivered 2",
]


def outcome_of(*expectations, stopped=None, tick=280, rows=14):
    checked = sum(expectation.times for expectation in expectations)
    failed = sum(expectation.failed for expectation in expectations)
    return Outcome(tick, rows, {}, checked, failed, (), tuple(expectations), (), stopped)


def expectation(
    line=7, title="pe1: delivered 1", *, times=1, failed=0, message=None, rows=(), text="  - expect: 1"
):
    return Expectation(Place(SCRIPT, line, 5, text), "delivered", times, failed, message, title, rows)


def report(outcome, *, board="board.dts", script=SCRIPT, name="four"):
    return junit_xml(outcome, board=board, script=script, name=name)


@pytest.fixture
def written(kvx, tmp_path):
    """Return what runs a script with --junit: (status, text of the report)."""

    def run(*options, steps=STEPS, head=HEAD):
        script, file = script_file(tmp_path, steps, head), tmp_path / "report.xml"
        result = kvx("run", BOARD, script, "--junit", file, "--format", "none", *options)
        return result.status, file.read_text()

    return run


# What a reader finds


def test_a_case_is_an_expectation(written, tmp_path):
    status, text = written()
    assert status == 1
    (suite,) = JUnitXml.fromstring(text.encode())
    assert suite.name == "two of four"
    assert [case.name for case in suite] == NAMES
    path = str(tmp_path / "script.yaml")
    found = ET.fromstring(text).findall(".//testcase")
    assert [(case.get("file"), case.get("line")) for case in found] == [(path, str(line)) for line in LINES]
    kinds = [[type(result) for result in case.result] for case in suite]
    assert kinds == [[Failure], [], [], [Failure], [Failure], []]


def test_the_counts_are_those_of_the_cases(written):
    _, text = written()
    (suite,) = JUnitXml.fromstring(text.encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 3, 0, 0)
    suite.update_statistics()
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 3, 0, 0)
    assert suite.time == 0


def test_a_failure_tells_what_was_found_where_and_after_what(written, tmp_path):
    _, text = written()
    failures = ET.fromstring(text).findall(".//failure")
    assert failures[0].attrib == {
        "message": "pe1 line 24: expected delivered 2, found 1",
        "type": "expectation",
    }
    assert failures[0].text == (
        f"{tmp_path}/script.yaml:7:5: error[expectation]: pe1 line 24: expected delivered 2, found 1\n"
        "    - expect: {core: pe1, line: 24, delivered: 2, coalesced: 0}\n"
        "      ^\n"
        "  the last rows of pe1:\n"
        "    tick  core  event    line  from      value\n"
        "      40  pe1   request    24  pe0           0\n"
        "      60  pe1   enter      24        0x1000000\n"
        "     160  pe1   exit       24                0"
    )
    assert failures[1].get("message") == "pe2: expected requested 7, found 1 (fails 3 times)"


def test_what_a_limit_left_out_is_skipped_and_the_run_is_an_error(written):
    status, text = written("--limit-ticks", "1500")
    assert status == 4
    (suite,) = JUnitXml.fromstring(text.encode())
    assert [case.name for case in suite] == [*NAMES, "the run"]
    *_, last, run = suite
    assert [(type(result), result.message) for result in last.result] == [(Skipped, "not reached")]
    told = "stopped by a limit: tick 1500"
    assert [(type(found), found.message, found.text) for found in run.result] == [(Error, told, told)]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 3, 1, 1)
    suite.update_statistics()
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 3, 1, 1)


def test_a_script_that_expects_nothing_gives_an_empty_suite(written):
    status, text = written(steps="wait: 1us", head="")
    assert status == 0
    (suite,) = JUnitXml.fromstring(text.encode())
    assert (list(suite), suite.tests) == ([], 0)


def test_the_same_run_gives_the_same_bytes(written):
    assert written() == written()


def test_the_properties_say_what_ran():
    suite = ET.fromstring(report(outcome_of(expectation()), board="a.dts")).find("testsuite")
    properties = {node.get("name"): node.get("value") for node in suite.find("properties")}
    assert properties == {"board": "a.dts", "script": SCRIPT, "ticks": "280", "rows": "14"}
    assert suite.get("name") == "four"


def test_a_script_without_a_name_is_called_by_its_path():
    assert ET.fromstring(report(outcome_of(), name=None)).find("testsuite").get("name") == SCRIPT


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("smoke.yaml", "smoke"),
        ("scripts/smoke.yaml", "scripts.smoke"),
        ("./scripts/smoke.yml", "scripts.smoke"),
        ("/ci/job/smoke.kvx.yaml", "ci.job.smoke.kvx"),
        ("../a/smoke", "a.smoke"),
        ("<stdin>", "<stdin>"),
    ],
)
def test_the_class_is_the_path_with_dots(script, name):
    assert class_name(script) == name


# The rules


def rules_broken(text):
    """Return what breaks a rule of junit-10.xsd, the schema of Jenkins' xunit plugin."""
    required = {
        "testsuites": set(),
        "testsuite": {"name", "tests", "failures", "errors"},
        "properties": set(),
        "property": {"name", "value"},
        "testcase": {"name"},
        "failure": set(),
        "error": set(),
        "skipped": set(),
    }
    more = {
        "testsuites": {"name", "tests", "failures", "errors", "time"},
        "testsuite": {"skipped", "time", "file"},
        "testcase": {"classname", "time", "file", "line"},  # file and line are beyond the schema
        "failure": {"type", "message"},
        "error": {"type", "message"},
        "skipped": {"type", "message"},
    }
    inside = {
        "testsuites": {"testsuite"},
        "testsuite": {"properties", "testcase"},
        "properties": {"property"},
        "testcase": {"failure", "error", "skipped"},
    }
    root = ET.fromstring(text)
    broken = [] if root.tag == "testsuites" else [root.tag]
    for node in root.iter():
        attributes = set(node.attrib)
        broken += sorted(required[node.tag] - attributes)
        broken += sorted(attributes - required[node.tag] - more.get(node.tag, set()))
        broken += [child.tag for child in node if child.tag not in inside.get(node.tag, set())]
        if not re.fullmatch(r"([0-9]{0,3},)*[0-9]{0,3}(\.[0-9]*)?", node.get("time", "0")):
            broken.append("time")
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        nodes = {"tests": len(cases), "failures": 0, "errors": 0, "skipped": 0}
        for word, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            nodes[word] = len(suite.findall(f"testcase/{tag}"))
        broken += [word for word, number in nodes.items() if suite.get(word) != str(number)]
        names = [(case.get("classname"), case.get("name")) for case in cases]
        broken += ["twice"] * (len(names) - len(set(names)))
    return broken


NASTY = "a \x00\x08\x0b\x1b \"<&>'\r\n\t\ud800\udcff\ufffe\U0001f600]]> é"


@pytest.mark.parametrize(
    "outcome",
    [
        outcome_of(),
        outcome_of(stopped="10 events"),
        outcome_of(
            expectation(), expectation(times=0), expectation(failed=1, message="found 2"), stopped="tick 3"
        ),
        outcome_of(expectation(7, NASTY, failed=2, message=NASTY, rows=(NASTY,), text=NASTY)),
    ],
    ids=["empty", "stopped", "one of each", "nasty"],
)
def test_the_report_keeps_to_the_schema(outcome):
    text = report(outcome, board=NASTY, script=NASTY, name=NASTY)
    assert rules_broken(text) == []
    assert text.encode("utf-8").decode() == text
    assert text.endswith("</testsuites>\n")


def test_the_rules_find_what_is_wrong():
    text = report(outcome_of(expectation(), expectation(failed=1, message="m")))
    assert rules_broken(text.replace('failures="1"', 'failures="2"')) == ["failures"]
    assert rules_broken(text.replace('<testcase classname="scripts.four" ', '<testcase hue="1" ')) == [
        "hue",
        "hue",
    ]
    assert rules_broken(text.replace('time="0"', 'time="now"', 1)) == ["time"]
    assert rules_broken(text.replace("line 7: pe1: delivered 1 (2)", "line 7: pe1: delivered 1")) == ["twice"]


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="no xmllint here")
def test_xmllint_finds_the_report_well_formed(written, tmp_path):
    nasty = expectation(failed=1, message=NASTY, rows=(NASTY,), text=NASTY)
    for name, text in (("run", written()[1]), ("nasty", report(outcome_of(nasty), board=NASTY))):
        path = tmp_path / f"{name}.xml"
        path.write_text(text, "utf-8", newline="")
        done = subprocess.run(["xmllint", "--noout", str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_xml_can_not_hold_is_replaced():
    text = report(outcome_of(expectation(failed=1, message="a\x1bb\ud800c\x0cd")))
    assert ET.fromstring(text).find(".//failure").get("message") == "a\N{REPLACEMENT CHARACTER}b" + (
        "\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d"
    )


def test_ten_thousand_cases_keep_their_names_apart():
    text = report(outcome_of(*(expectation(1 + number // 4) for number in range(10_000))))
    names = [case.get("name") for case in ET.fromstring(text).iter("testcase")]
    assert len(set(names)) == 10_000
    assert names[:5] == [
        "line 1: pe1: delivered 1",
        "line 1: pe1: delivered 1 (2)",
        "line 1: pe1: delivered 1 (3)",
        "line 1: pe1: delivered 1 (4)",
        "line 2: pe1: delivered 1",
    ]


def test_a_report_that_can_not_be_written_is_told(kvx, tmp_path):
    script = script_file(tmp_path, STEPS, HEAD)
    result = kvx("run", BOARD, script, "--junit", tmp_path / "no" / "report.xml", "--format", "none")
    assert result.status == 6
    assert result.err.startswith(f"kvx-emu: {tmp_path}/no/report.xml: can not be written: ")
