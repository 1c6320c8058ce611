"""A finished run as JUnit XML: a case an expectation.

The form is that which the readers agree on, and the schema junit-10.xsd of Jenkins' xunit plugin, which
writes it down. Two attributes are beyond that schema: `file` and `line` of a case, which GitLab and the
actions that annotate a change on GitHub read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from kvx_emu.reports.cases import case_names, failure_text, message_of

if TYPE_CHECKING:
    from kvx_emu.engine.outcome import Expectation, Outcome

THE_RUN = "the run"
"""The case of a run that a limit has ended; there is none in a report of another."""

_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What a document can not hold: XML 1.0, section 2.2; and a carriage return, which readers change (2.11)."""

_NO_TIME = "0"
"""The seconds that anything took. They would differ in each run, and the report would with them."""


def junit_xml(outcome: Outcome, *, board: str, script: str, name: str | None) -> str:
    """Return the report; `board` and `script` are the names that the user gave, `name` is the script's own.

    A case has failed if the expectation did not hold once, and is skipped if it was never reached.
    """
    expectations = outcome.expectations
    counts = {
        "tests": len(expectations) + (outcome.stopped is not None),
        "failures": sum(expectation.failed > 0 for expectation in expectations),
        "errors": int(outcome.stopped is not None),
    }
    numbers = {key: str(number) for key, number in counts.items()}
    root = ET.Element("testsuites", _clean({"name": "kvx-emu", **numbers, "time": _NO_TIME}))
    skipped = {"skipped": str(sum(not expectation.times for expectation in expectations))}
    head = {"name": name or script, **numbers, **skipped, "time": _NO_TIME, "file": script}
    suite = ET.SubElement(root, "testsuite", _clean(head))
    properties = ET.SubElement(suite, "properties")
    facts = {"board": board, "script": script, "ticks": outcome.tick, "rows": outcome.rows}
    for key, value in facts.items():
        ET.SubElement(properties, "property", _clean({"name": key, "value": str(value)}))
    case = {"classname": class_name(script), "time": _NO_TIME, "file": script}
    names = case_names((expectation.place, expectation.title) for expectation in expectations)
    for title, expectation in zip(names, expectations, strict=True):
        _add(suite, case | {"name": title}, expectation)
    if outcome.stopped is not None:
        node = ET.SubElement(suite, "testcase", _clean(case | {"name": THE_RUN}))
        told = f"stopped by a limit: {outcome.stopped}"
        ET.SubElement(node, "error", {"message": told, "type": "limit"}).text = told
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(suite: ET.Element, case: dict[str, str], expectation: Expectation) -> None:
    """Add the case of an expectation to a suite."""
    node = ET.SubElement(suite, "testcase", _clean(case | {"line": str(expectation.place.line)}))
    if expectation.failed:
        told = {"message": message_of(expectation), "type": "expectation"}
        ET.SubElement(node, "failure", _clean(told)).text = _legal(failure_text(expectation))
    elif not expectation.times:
        ET.SubElement(node, "skipped", {"message": "not reached"})


def class_name(script: str) -> str:
    """Return the name of a script's cases: its path without the suffix, with dots, as of a Java class.

    What readers group by is the part up to the last dot: the folder.
    """
    return ".".join(part for part in re.split(r"[/\\]", re.sub(r"\.ya?ml$", "", script)) if part.strip("."))


def _clean(attributes: dict[str, str]) -> dict[str, str]:
    return {key: _legal(value) for key, value in attributes.items()}


def _legal(text: str) -> str:
    """Return a text without what XML can not hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
