"""Findings as SARIF 2.1.0, which code review services and editors read (OASIS, sarif-v2.1.0-os)."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from kvx_emu import __version__
from kvx_emu.check.codes import CODES
from kvx_emu.check.explained import EXPLAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.errors import Finding, Place

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX = {name: index for index, name in enumerate(CODES)}


def sarif(findings: Sequence[Finding]) -> str:
    """Return a log of one run with all codes as its rules."""
    driver = {"name": "kvx-emu", "version": __version__, "rules": [_rule(name) for name in CODES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(finding) for finding in findings],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    # Half a surrogate pair stands for a byte that is no UTF-8: no text in JSON.
    return json.dumps(_sound(log), indent=2, ensure_ascii=False)


def _rule(name: str) -> dict[str, object]:
    code, explained = CODES[name], EXPLAINED[name]
    return {
        "id": name,
        "shortDescription": {"text": code.meaning},
        "fullDescription": {"text": " ".join(explained.text.split())},
        "defaultConfiguration": {"level": code.severities[0]},
    }


def _result(finding: Finding) -> dict[str, object]:
    location: dict[str, object] = {"physicalLocation": _location(finding.place)}
    if finding.node is not None:
        name = finding.node if finding.property is None else f"{finding.node}:{finding.property}"
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    return {
        "ruleId": finding.code,
        "ruleIndex": _INDEX[finding.code],
        "level": finding.severity,
        "message": {"text": finding.located()},
        "locations": [location],
    }


def _location(place: Place) -> dict[str, object]:
    where: dict[str, object] = {"artifactLocation": {"uri": _uri(place.path)}}
    if place.offset is not None:
        where["region"] = {"byteOffset": place.offset, "byteLength": 0}
    elif place.line is not None:
        region: dict[str, object] = {"startLine": place.line, "startColumn": place.column}
        if place.text:
            region["snippet"] = {"text": place.text}
        where["region"] = region
    return where


def _uri(path: str) -> str:
    """Return a path as a URI: relative ones stay so, to be found from where the command ran."""
    text = quote(path.replace(os.sep, "/").encode("utf-8", "surrogateescape"))
    return f"file://{text}" if text.startswith("/") else text


def _sound(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _sound(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sound(item) for item in value]
    return value
