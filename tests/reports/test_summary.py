"""The summary in JSON, as docs/ci.md promises it."""

from __future__ import annotations

import json
import re

import pytest
from command import BOARD, ROOT, script_file

HEAD = "timing: {delivery: 40ns, entry: 20ns, service: 100ns}\n"
STEPS = """\
send: {from: pe0, to: [pe1, pe2]}
send: {from: pe3, to: pe1}
sfr: {core: pe2, register: ILR, set: 0x2000000}
wait: 1us
expect: {core: pe1, line: 24, delivered: 7, coalesced: 0}
wait: 1us
read: {addr: 0xad0000, size: 4, equals: 0}
"""

LINE = {
    "sent": 1,
    "masked": 0,
    "requested": 1,
    "coalesced": 0,
    "delivered": 1,
    "pending": 0,
    "cleared": 0,
    "in_flight": 0,
    "unsent": 0,
}

OWN = {"sent": 0, "delivered": 0, "pending": 1, "unsent": 1}
"""What differs for a line of which software has set the request bit, and which nothing takes."""


@pytest.fixture
def summary(kvx, tmp_path):
    """Return what runs a script with --summary json: (status, what was printed, the object, the script)."""

    def run(*options, steps=STEPS, head=HEAD):
        script = script_file(tmp_path, steps, head)
        result = kvx("run", BOARD, script, "--summary", "json", *options)
        return result.status, result.out, json.loads(result.out), str(script)

    return run


def test_the_summary_is_one_object_with_the_promised_keys(summary):
    status, text, found, script = summary()
    assert status == 1
    assert text.endswith("}\n")
    assert list(found) == [
        "board", "script", "clock_hz", "cores", "tick", "rows", "stopped", "checked", "failed",
        "expectations", "lines", "totals", "warnings",
    ]  # fmt: skip
    assert (found["board"], found["script"], found["clock_hz"]) == (BOARD, script, 1_000_000_000)
    assert found["cores"] == [*(f"pe{pid}" for pid in range(16)), "rm"]
    assert (found["tick"], found["rows"], found["stopped"]) == (2000, 13, None)
    assert (found["checked"], found["failed"]) == (3, 1)


def test_an_expectation_tells_its_place_what_it_is_and_what_came_of_it(summary):
    _, _, found, script = summary("--limit-ticks", "1500")
    assert found["stopped"] == "tick 1500"
    assert found["expectations"] == [
        {
            "file": script,
            "line": 8,
            "column": 5,
            "what": "delivered",
            "title": "pe1 line 24: delivered 7",
            "times": 1,
            "failed": 1,
            "message": "pe1 line 24: expected delivered 7, found 2",
        },
        {
            "file": script,
            "line": 8,
            "column": 5,
            "what": "coalesced",
            "title": "pe1 line 24: coalesced 0",
            "times": 1,
            "failed": 0,
            "message": None,
        },
        {
            "file": script,
            "line": 10,
            "column": 5,
            "what": "read",
            "title": "read of 0xad0000: 0x0",
            "times": 0,
            "failed": 0,
            "message": None,
        },
    ]


def test_the_lines_are_the_rows_of_the_table_and_the_totals_add_them_up(summary):
    _, _, found, _ = summary()
    pe1 = {"core": "pe1", "cluster": 0, "pid": 1, "line": 24} | LINE
    pe2 = {"core": "pe2", "cluster": 0, "pid": 2, "line": 24} | LINE
    own = {"core": "pe2", "cluster": 0, "pid": 2, "line": 25} | LINE | OWN
    assert found["lines"] == [pe1 | {"sent": 2, "requested": 2, "delivered": 2}, pe2, own]
    assert found["totals"] == LINE | {"sent": 3, "requested": 4, "delivered": 3, "pending": 1, "unsent": 1}


def test_the_filters_choose_the_lines_and_the_totals(summary):
    _, _, found, _ = summary("--core", "pe2", "--line", "25")
    assert [(line["core"], line["line"]) for line in found["lines"]] == [("pe2", 25)]
    assert found["totals"] == LINE | OWN
    assert summary("--core", "pe9")[2]["totals"] == dict.fromkeys(LINE, 0)


def test_the_warnings_are_those_of_the_run(summary):
    _, _, found, script = summary(steps="send: {to: pe1, line: 30}\nwait: idle", head="software: bare\n")
    (warning,) = found["warnings"]
    assert list(warning) == ["code", "file", "line", "column", "message"]
    assert (warning["file"], warning["line"], warning["column"]) == (script, 4, 5)
    assert warning["message"] == "pe1 can not take line 30: it is not enabled (ILE)"


def test_the_warnings_of_the_board_come_first(kvx, tmp_path):
    board, script = (
        tmp_path / "board.dts",
        script_file(tmp_path, "send: {to: pe1, line: 30}", "software: bare\n"),
    )
    board.write_text((ROOT / BOARD).read_text().replace("/dts-v1/;", "/dts-v1/;\n#warning old", 1))
    found = json.loads(kvx("run", board, script, "--summary", "json").out)
    assert [warning["file"] for warning in found["warnings"]] == [str(board), str(script)]
    assert found["warnings"][0]["message"] == "#warning old"


def test_the_same_run_gives_the_same_bytes(summary):
    assert summary()[1] == summary()[1]


def test_the_document_names_every_key(summary):
    _, _, found, _ = summary(steps=f"{STEPS}send: {{to: pe1, line: 30}}", head=HEAD)
    text = (ROOT / "docs" / "ci.md").read_text()
    keys = {*found, *found["expectations"][0], *found["lines"][0], *found["totals"]}
    assert sorted(keys - set(re.findall(r"`(\w+)`", text))) == []
