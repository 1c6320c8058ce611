"""The table of codes: each is explained, its fragments are wrong and right, and no other is ever told."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

import pytest
from command import ROOT

from kvx_emu.check.codes import CODES, GROUPS, nearest
from kvx_emu.check.explained import EXAMPLE_BOARD, EXAMPLE_BYTES, EXAMPLE_SCRIPT, EXPLAINED, explanation
from kvx_emu.check.explained.fragment import BLOB, FILE, OVERLAY, PLAIN, REPEATED, TRACE, TREE
from kvx_emu.dt.load import read_tree
from kvx_emu.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

RUNS = set(GROUPS["While a script runs"])

COMPANIONS = {
    # What else is told of a wrong fragment, for there is no mistake of the one kind alone.
    "cpu-reg": {"ipi-core-missing", "cpu-intc"},
    "encoding": {"no-version"},
    "intc-cells": {"ipi-core-missing"},
    "interrupts-extended-property": {"ipi-core-missing"},
    "ipi-line-range": {"ipi-core-missing"},
    "no-cpus": {"status", "phandle-dangling", "ipi-core-missing"},
    "no-ipi": {"status"},
    "phandle-dangling": {"ipi-core-missing"},
    "compatible-near": {"interrupts-property", "mailbox-parent"},
    "too-many": {"label-undefined"},
    "script-many": {"script-step"},
    "trace-many": {"trace-row"},
    "unit-address-format": {"unit-reg-mismatch"},
    "status": {"phandle-dangling"},
}


def expanded(fragment: str) -> str:
    """Return a fragment with each line that says so repeated."""
    lines = []
    for line in fragment.split("\n"):
        match = re.search(REPEATED, line)
        lines += [line] if match is None else [line[: match.start()]] * int(match[1])
    return "\n".join(lines)


def patched(fragment: str) -> bytes:
    """Return the smallest blob with the bytes of a fragment in it."""
    offset, _, digits = fragment.partition(":")
    data = bytes.fromhex(digits)
    start = int(offset, 16)
    return EXAMPLE_BYTES[:start] + data + EXAMPLE_BYTES[start + len(data) :]


@pytest.fixture
def found(kvx, tmp_path):
    """Return what tells the (code, severity) pairs that a fragment gives."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "common.dtsi").write_text("")
    (folder / "folder").mkdir()
    (tmp_path / "outside.dtsi").write_text("")
    (folder / "short.csv").write_text("tick,addr,value\n5,0xad0000\n")
    (folder / "writes.csv").write_text("tick,addr,value\n5,0xad0000,0x2\n")
    (folder / "loop.dtsi").symlink_to("loop.dtsi")
    board = folder / "board.dts"
    board.write_text(EXAMPLE_BOARD)

    def find(kind: str, fragment: str, code: str) -> set[tuple[str, str]]:
        text = expanded(fragment)
        args: list[object] = []
        if kind == TREE:
            board.write_text(EXAMPLE_BOARD + text + "\n")
        elif kind == FILE:
            board.write_text(text + "\n")
        elif kind == BLOB:
            board.write_bytes(patched(text))
        elif kind == OVERLAY:
            (folder / "overlay.dtso").write_text(text + "\n")
            args = ["--overlay", folder / "overlay.dtso"]
        elif kind == PLAIN:
            return plain(text)
        elif kind == TRACE:
            (folder / "trace").write_text(text + "\n")
            return set(told(kvx("trace", "stats", folder / "trace").err))
        else:
            script = folder / "script.yaml"
            whole = text if text.startswith("version:") else EXAMPLE_SCRIPT + text
            script.write_bytes((whole + "\n").encode("utf-8", "surrogateescape"))
            if code in RUNS:
                out = kvx("run", board, script, "--format", "none")
                return set(told(out.err))
            args = [script]
        out = kvx("check", board, *args, "--format", "json")
        assert out.err == ""
        return {(finding["code"], finding["severity"]) for finding in json.loads(out.out)}

    return find


def told(text):
    return [(word, severity) for severity, word in re.findall(r" (\w+)\[([\w-]+)\]: ", text)]


def plain(text):
    from kvx_emu.dt.plain import from_plain
    from kvx_emu.errors import Source

    try:
        from_plain(Source("tree.yaml", text), is_json=False)
    except InputError as error:
        return {(finding.code, finding.severity) for finding in error.findings}
    return set()


def test_every_code_is_explained_and_nothing_else():
    assert sorted(EXPLAINED) == sorted(CODES)
    assert sum(len(group) for group in GROUPS.values()) == len(CODES)


NOT_YET = {
    "read-only-register": "no block that is modelled has a register that can only be read",
    "software-reset": "the board of the examples has no FTU",
}


@pytest.mark.parametrize("code", sorted(set(CODES) - set(NOT_YET)))
def test_a_wrong_fragment_gives_its_code_and_a_right_one_does_not(found, code):
    explained = EXPLAINED[code]
    wrong = found(explained.kind, explained.wrong, code)
    right = found(explained.kind, explained.right, code)
    severities = {severity for name, severity in wrong if name == code}
    assert severities
    assert severities <= set(CODES[code].severities)
    assert code not in {name for name, _ in right}
    more = {name for name, _ in wrong - right} - {code}
    assert more <= COMPANIONS.get(code, set())
    assert "error" not in {severity for _, severity in right}


def test_a_right_fragment_of_a_tree_is_right_altogether(found):
    for code, explained in EXPLAINED.items():
        if explained.kind == TREE:
            right = found(TREE, explained.right, code)
            assert {severity for _, severity in right} <= {"note"} | (
                {"warning"} if code in {"dialect", "ipi-twice", "compatible-is-string-list"} else set()
            ), code


@pytest.mark.parametrize("code", sorted(CODES))
def test_an_explanation_has_the_meaning_and_both_fragments(code):
    text = explanation(code)
    assert text.startswith(f"{code} ({', '.join(CODES[code].severities)}): {CODES[code].meaning}\n\n")
    assert text.index("\nWrong (") < text.index("\nRight (")
    assert max(map(len, text.splitlines())) <= 300
    assert not text.endswith("\n\n")


def test_a_misspelt_code_has_a_nearest_one():
    assert nearest("ipi-line-rang") == "; did you mean ipi-line-range?"
    assert nearest("0123456789") == ""


# Nobody tells a code that the table lacks

CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
TELLERS = {"Finding", "error", "error_at", "fail", "failure", "mismatch", "odd", "refuse", "say", "warn"}
TELLERS |= {"in_file", "in_line", "in_row"}
WORDS = {"all", "bare", "linux", "one", "uniform", "reg"}
"""Constants beside codes in such calls: choices of the script language, the name of a property."""


def constants(node: ast.AST) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and CODE.fullmatch(each.value)
    }


def told_in(path: Path) -> set[str]:
    """Return what looks like a code in what makes findings: calls, assignments to `code`, defaults of it."""
    codes: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            named = [word.value for word in node.keywords if word.arg == "code"]
            if name in TELLERS or name.endswith("Error"):
                named += [arg for arg in node.args[:4] if isinstance(arg, ast.Constant)]
            codes.update(*map(constants, named))
        elif isinstance(node, ast.Assign):
            names = {
                each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
            }
            codes |= constants(node.value) if "code" in names else set()
        elif isinstance(node, ast.FunctionDef):
            defaults = zip(reversed(node.args.args), reversed(node.args.defaults), strict=False)
            codes.update(*(constants(value) for arg, value in defaults if arg.arg == "code"))
    return codes


def test_no_code_is_told_that_the_table_lacks():
    told = {}
    for path in sorted((ROOT / "kvx_emu").rglob("*.py")):
        for code in told_in(path):
            told.setdefault(code, path.name)
    assert {code: name for code, name in told.items() if code not in CODES and code not in WORDS} == {}
    assert len(told) > 100


def test_every_code_of_the_corpora_is_in_the_table(shared):
    codes = set()
    for path in [
        *sorted((shared / "malformed").glob("*.dts")),
        *sorted((shared / "dtc-tests").rglob("*.dts")),
    ]:
        try:
            tree = read_tree(path.read_bytes(), str(path))
            codes |= {finding.code for finding in tree.warnings}
        except InputError as error:
            codes |= {finding.code for finding in error.findings}
        except UsageError:
            continue
    assert len(codes) > 15
    assert codes <= set(CODES)
