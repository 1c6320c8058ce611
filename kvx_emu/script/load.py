"""Reading a script: text in, checked steps out; nothing of a board is needed yet."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvx_emu.collector import no_collection
from kvx_emu.errors import Source, UsageError
from kvx_emu.files import display_name, read_input
from kvx_emu.limits import LIMITS
from kvx_emu.script.language import Parameters, Timing, Top
from kvx_emu.script.nodes import REFUSED, Mapping, Scalar, resolve
from kvx_emu.script.record import layout, read_some_keys
from kvx_emu.script.report import Refused, Report, ScriptSource, TooManyErrors, listed, nearest, quote

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingType

    from kvx_emu.errors import Finding
    from kvx_emu.script.nodes import Node
    from kvx_emu.script.steps import Step

_TEMPLATE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Script:
    """A script that was read: its keys with their defaults, and its steps, not bound to a board.

    A step is None where it was refused; that and other errors are in `findings`, which is empty for
    a valid script. `source` gives the places of the steps' positions.
    """

    source: ScriptSource
    name: str | None
    software: str
    nesting: bool
    boot: str
    driver_defects: tuple[str, ...]
    devices: tuple[tuple[str, int], ...] | str | None  # with their positions; "all"; None: those of steps
    timing: Timing
    params: MappingType[str, int]
    steps: tuple[Step | None, ...]
    findings: list[Finding]


def load_script(
    path_or_source: str | Source, *, params: MappingType[str, int] | None = None, partial: bool = False
) -> Script:
    """Return the script in the file of this path (`-`: standard input), or in a source already read.

    `params` are the numbers of `--set`, by name. Raises UsageError where the file can not be read or
    a parameter is unknown or no number of 64 bits, and InputError, with all findings, where the
    script is invalid. With `partial` an invalid script is returned as far as it goes: `bind` then
    raises its findings together with its own.
    """
    report = _open(path_or_source)
    script = _script(report, layout(Top).defaults, {})
    with no_collection(), suppress(TooManyErrors):
        script = _read(report, dict(params or {}))
    if not partial:
        report.finish()
    return script


def _open(path_or_source: str | Source) -> Report:
    """Return a report on the text to read; what makes it unreadable is told there."""
    if isinstance(path_or_source, Source):
        return Report(ScriptSource(path_or_source.path, path_or_source.text.removeprefix("\ufeff")))
    path = display_name(path_or_source)
    content = read_input(path_or_source, LIMITS.script_text)
    if len(content) > LIMITS.script_text:
        report = Report(ScriptSource(path, ""))
        report.error(
            0, "script-size", f"found more than {LIMITS.script_text} bytes; expected a smaller script"
        )
        return report
    try:
        return Report(ScriptSource(path, content.decode("utf-8").removeprefix("\ufeff")))
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")  # whole characters: their count is the position
        report = Report(ScriptSource(path, content.decode("utf-8", errors="replace")))
        found = f"found the byte {content[error.start]:#04x}, which is no UTF-8; expected text in UTF-8"
        report.error(len(before), "script-encoding", found)
        return report


def _read(report: Report, given: dict[str, int]) -> Script:
    """Return the script of the report's text; what is wrong goes into the report."""
    from kvx_emu.script.yaml_reader import Document, read_yaml  # the schema needs no PyYAML

    document = Document() if report.findings else read_yaml(report)
    root = document.root
    if root is None:
        if not report.findings:
            report.error(0, "script-document", "found no document; expected a mapping with version and steps")
        return _script(report, layout(Top).defaults, {})
    params = _parameters(root, report, given)
    for scalar in document.templates:
        _substitute(scalar, params, report)
    values, _ = read_some_keys(Top, root, report, "the script")
    if values.get("nesting") and values["software"] == "linux" and isinstance(root, Mapping):
        position = root.entries["nesting"][0]
        report.error(
            position, "script-value", "found `nesting` with `software: linux`; expected it with bare only"
        )
    if values["software"] == "bare" and isinstance(root, Mapping):
        _check_bare(root, values, report)
    return _script(report, values, params or {})


def _check_bare(root: Mapping, values: dict[str, Any], report: Report) -> None:
    """Tell the keys that need Linux: a full boot, its drivers' defects, its devices."""
    for name, wanting in (
        ("boot", values["boot"] == "full"),
        ("driver_defects", bool(values["driver_defects"])),
        ("devices", "devices" in values),
    ):
        if wanting:
            what = "`boot: full`" if name == "boot" else f"`{name}`"
            message = f"found {what} with `software: bare`; expected it with linux only"
            report.error(root.entries[name][0], "script-value", message)


def _script(report: Report, values: dict[str, Any], params: dict[str, int]) -> Script:
    """Return a script of the values of the top-level keys that could be read."""
    return Script(
        source=report.source,
        name=values.get("name"),
        software=values["software"],
        nesting=values["nesting"],
        boot=values["boot"],
        driver_defects=tuple(dict.fromkeys(name for name, _ in values["driver_defects"])),
        devices=values.get("devices"),
        timing=values["timing"],
        params=params,
        steps=values.get("steps", ()),
        findings=report.findings,
    )


def _parameters(root: Node, report: Report, given: dict[str, int]) -> dict[str, int] | None:
    """Take `params` out of the script and return the numbers, `given` over the script's own.

    Returns None where they are wrong, which is told. Raises UsageError for a `given` that can not be.
    """
    found = root.entries.pop("params", None) if isinstance(root, Mapping) else None
    names = list(found[1].entries) if found and isinstance(found[1], Mapping) else []
    for name, value in given.items():
        if name not in names:
            known = f"its parameters are {listed(names)}" if names else "it has no parameters"
            raise UsageError(
                f"--set {name}: the script has no parameter {quote(name)}; {known}{nearest(name, names)}"
            )
        if not 0 <= value < LIMITS.number:
            raise UsageError(f"--set {name}={value}: expected a whole number 0..2^64 - 1")
    if found is None:
        return {}
    try:
        return Parameters().read(found[1], report) | given
    except Refused:
        return None


def _substitute(scalar: Scalar, params: dict[str, int] | None, report: Report) -> None:
    """Put numbers in the place of each `${name}` of `scalar`, which is then read like plain text."""
    names = _TEMPLATE.findall(scalar.text)
    unknown = [name for name in names if name not in (params or {})]
    if params is not None:
        for name in unknown:
            known = f"expected one of {listed(params)}" if params else "the script has no params"
            message = f"unknown parameter {quote(name)}; {known}{nearest(name, list(params))}"
            report.error(scalar.position, "script-param", message)
        if len(names) < scalar.text.count("${"):
            report.error(scalar.position, "script-param", "found `${` without `}`; expected ${name}")
            unknown.append("")
    if params is None or unknown:
        scalar.value = REFUSED
        return
    scalar.text = _TEMPLATE.sub(lambda match: str(params[match[1]]), scalar.text)
    scalar.value = resolve(scalar.text)
