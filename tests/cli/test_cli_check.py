"""`check` on the command line: forms of output, -W, --explain, and its status."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from command import BOARD, ROOT, SMOKE

from kvx_emu.check.codes import CODES
from kvx_emu.check.explained import EXAMPLE_BOARD

WRONG = """
/ { chosen { stdout-path = "/nowhere"; }; };
&ipi { interrupts-extended = <&pe1 24>, <&pe0 24>; };
"""


@pytest.fixture
def board(tmp_path):
    """Return what writes the example board with more to it, and returns its path."""

    def write(more="", name="board.dts"):
        path = tmp_path / name
        path.write_text(EXAMPLE_BOARD + more)
        return path

    return write


def codes(out):
    return re.findall(r"^\S+: (\w+)\[([\w-]+)\]: ", out, re.MULTILINE)


# Text


def test_findings_stand_in_the_order_of_the_file_then_notes_then_the_counts(kvx, board):
    status, out, err = kvx("check", board(WRONG))
    assert (status, err) == (0, "")
    assert codes(out) == [("warning", "chosen-path"), ("warning", "ipi-core-order"), ("note", "dialect")]
    assert out.endswith("no errors, 2 warnings, 1 note\n")


def test_warnings_leave_the_status_alone_and_errors_do_not(kvx, board):
    assert kvx("check", board(WRONG)).status == 0
    assert kvx("check", board("&ipi { interrupts-extended = <&pe0 24>, <&pe1 40>; };")).status == 3


def test_what_the_reader_of_source_warns_of_is_told_too(kvx, board):
    out = kvx("check", board("&uart { /delete-property/ frob; };")).out
    assert ("warning", "delete-nothing") in codes(out)


def test_a_script_is_checked_against_a_board_with_warnings(kvx, board, tmp_path):
    script = tmp_path / "script.yaml"
    script.write_text("version: 1\nsteps:\n  - send: {to: pe7}\n")
    status, out, _ = kvx("check", board(WRONG), script)
    assert status == 3
    assert codes(out)[-1] == ("error", "script-core")


# -W


def test_a_warning_can_be_made_an_error(kvx, board):
    status, out, _ = kvx("check", board(WRONG), "-W", "error=ipi-core-order")
    assert status == 3
    assert ("error", "ipi-core-order") in codes(out)
    assert ("warning", "chosen-path") in codes(out)


def test_a_warning_can_be_left_out(kvx, board):
    status, out, _ = kvx("check", board(WRONG), "-W", "no-ipi-core-order", "-W", "no-dialect")
    assert status == 0
    assert codes(out) == [("warning", "chosen-path")]
    assert out.endswith("no errors, 1 warning, no notes\n")


def test_an_error_can_not_be_left_out(kvx, board):
    path = board("&ipi { interrupts-extended = <&pe0 24>, <&pe1 40>; };")
    status, out, _ = kvx("check", path, "-W", "no-ipi-line-range")
    assert status == 3
    assert ("error", "ipi-line-range") in codes(out)


@pytest.mark.parametrize(("wishes", "status"), [(["error", "no"], 0), (["no", "error"], 3)])
def test_the_last_wish_about_a_code_holds(kvx, board, wishes, status):
    text = {"error": "error=chosen-path", "no": "no-chosen-path"}
    args = [part for wish in wishes for part in ("-W", text[wish])]
    assert kvx("check", board(WRONG), *args).status == status


def test_a_code_that_starts_with_no_can_be_wished_about(kvx, shared):
    path = shared / "boards" / "k200.dts"
    assert kvx("check", path, "-W", "error=no-ipi").status == 3
    assert "no-ipi" not in kvx("check", path, "-W", "no-no-ipi").out


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("error=ipi-core-ordre", "unknown code 'ipi-core-ordre'; did you mean ipi-core-order?"),
        ("no-chosen-pth", "unknown code 'chosen-pth'; did you mean chosen-path?"),
        ("error=", "unknown code ''"),
        ("no-", "unknown code ''"),
        ("error", "found 'error'; expected error=CODE or no-CODE"),
        ("error-chosen-path", "found 'error-chosen-path'; expected error=CODE or no-CODE"),
        ("chosen-path", "found 'chosen-path'; expected error=CODE or no-CODE"),
        ("no=chosen-path", "found 'no=chosen-path'; expected error=CODE or no-CODE"),
    ],
)
def test_a_wish_that_is_none_is_wrong_usage(kvx, wish, message):
    status, out, err = kvx("check", BOARD, "-W", wish)
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())


# --explain


def test_a_code_is_explained_without_a_board(kvx):
    status, out, err = kvx("check", "--explain", "ipi-line-range")
    assert (status, err) == (0, "")
    assert out.startswith(
        "ipi-line-range (error, warning): a wire of an IPI controller has a line that is not 24"
    )
    assert (
        "\nWrong (after the example board):\n    &ipi { interrupts-extended = <&pe0 24>, <&pe1 0x28>; };\n"
        in out
    )
    assert (
        "\nRight (after the example board):\n    &ipi { interrupts-extended = <&pe0 24>, <&pe1 24>; };\n"
        in out
    )


def test_a_code_is_explained_with_a_board_that_is_not_opened(kvx):
    assert kvx("check", "no-such-board.dts", "--explain", "cpu-reg").status == 0


def test_every_code_can_be_explained(kvx):
    for code in CODES:
        status, out, _ = kvx("check", "--explain", code)
        assert status == 0
        assert out.startswith(f"{code} (")


def test_all_codes_are_listed(kvx):
    status, out, err = kvx("check", "--explain", "list")
    assert (status, err) == (0, "")
    rows = re.findall(r"^  (\S+) +(\S+) +(.*)$", out, re.MULTILINE)
    assert rows == [(name, "/".join(code.severities), code.meaning) for name, code in CODES.items()]


def test_the_example_board_is_printed_and_sound(kvx, tmp_path):
    status, out, _ = kvx("check", "--explain", "board")
    assert status == 0
    path = tmp_path / "example.dts"
    path.write_text(out)
    assert kvx("check", path).out.endswith("no errors, no warnings, 1 note\n")
    assert kvx("run", path, SMOKE).status in {0, 1, 3}


def test_an_unknown_code_is_wrong_usage_with_the_nearest(kvx):
    status, out, err = kvx("check", "--explain", "ipi-line-rnage")
    assert (status, out) == (2, "")
    assert "unknown code 'ipi-line-rnage'; did you mean ipi-line-range?" in " ".join(err.split())


def test_without_a_board_there_is_nothing_to_check(kvx):
    status, out, err = kvx("check")
    assert (status, out) == (2, "")
    assert "Missing argument 'BOARD'" in err


@pytest.mark.parametrize(
    ("option", "given", "expected"),
    [
        ("-W", "error=ipi-core-o", ["error=ipi-core-order"]),
        ("-W", "no-script-ta", ["no-script-table", "no-script-tag"]),
        ("--explain", "dtb-v", ["dtb-version"]),
    ],
)
def test_codes_are_completed(option, given, expected):
    from click.shell_completion import ShellComplete

    from kvx_emu.cli.main import cli

    found = ShellComplete(cli, {}, "kvx-emu", "_KVX_EMU_COMPLETE").get_completions(["check", option], given)
    assert [item.value for item in found] == expected


# SARIF

TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text"], "additionalProperties": False}  # fmt: skip  # noqa: E501
LEVEL = {"enum": ["none", "note", "warning", "error"]}


def closed(required, **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def array(items, **more):
    return {"type": "array", "items": items, **more}


REGION = closed(
    [],
    startLine={"type": "integer", "minimum": 1},
    startColumn={"type": "integer", "minimum": 1},
    byteOffset={"type": "integer", "minimum": 0},
    byteLength={"type": "integer", "minimum": 0},
    snippet=TEXT,
)
LOCATION = closed(
    ["physicalLocation"],
    physicalLocation=closed(
        ["artifactLocation"],
        artifactLocation=closed(["uri"], uri={"type": "string", "format": "uri-reference"}),
        region=REGION,
    ),
    logicalLocations=array(closed(["fullyQualifiedName"], fullyQualifiedName={"type": "string"}), minItems=1),
)
RULE = closed(
    ["id", "shortDescription", "fullDescription", "defaultConfiguration"],
    id={"type": "string"},
    shortDescription=TEXT,
    fullDescription=TEXT,
    defaultConfiguration=closed(["level"], level=LEVEL),
)
RESULT = closed(
    ["ruleId", "ruleIndex", "level", "message", "locations"],
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=TEXT,
    locations=array(LOCATION, minItems=1),
)
RUN = closed(
    ["tool", "columnKind", "invocations", "results"],
    tool=closed(
        ["driver"],
        driver=closed(
            ["name", "version", "rules"],
            name={"const": "kvx-emu"},
            version={"type": "string"},
            rules=array(RULE, uniqueItems=True),
        ),
    ),
    columnKind={"const": "unicodeCodePoints"},
    invocations=array(closed(["executionSuccessful"], executionSuccessful={"const": True})),
    results=array(RESULT),
)
SARIF = closed(
    ["$schema", "version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs=array(RUN, minItems=1, maxItems=1),
)
"""What of the schema of SARIF 2.1.0 is used: its names, types and required members."""


def sarif(kvx, *args):
    status, out, err = kvx("check", *args, "--format", "sarif")
    assert err == ""
    log = json.loads(out)
    jsonschema.validate(log, SARIF)
    return status, log["runs"][0]


def test_sarif_has_all_codes_as_rules(kvx):
    status, run = sarif(kvx, BOARD)
    assert status == 0
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == [
        code.severities[0] for code in CODES.values()
    ]


def test_sarif_has_a_result_for_each_finding(kvx, board):
    path = board(WRONG)
    told = json.loads(kvx("check", path, "--format", "json").out)
    _, run = sarif(kvx, path)
    assert len(run["results"]) == len(told) == 3
    for result, finding in zip(run["results"], told, strict=True):
        assert result["ruleId"] == finding["code"]
        assert list(CODES)[result["ruleIndex"]] == finding["code"]
        assert (result["level"], result["message"]["text"]) == (finding["severity"], finding["message"])
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == f"file://{path}"
        assert physical["region"]["startLine"] == finding["line"]
        assert physical["region"]["startColumn"] == finding["column"]
        names = [name["fullyQualifiedName"] for name in location["logicalLocations"]]
        assert names == [f"{finding['node']}:{finding['property']}"]


def test_sarif_of_a_blob_has_byte_offsets(kvx, shared):
    _, run = sarif(kvx, shared / "boards" / "mppa-coolidge.dtb")
    regions = [each["locations"][0]["physicalLocation"]["region"] for each in run["results"]]
    assert regions
    assert all(region["byteOffset"] > 0 and region["byteLength"] == 0 for region in regions)


def test_sarif_follows_the_wishes_and_has_their_status(kvx, board):
    status, run = sarif(kvx, board(WRONG), "-W", "error=chosen-path", "-W", "no-dialect")
    assert status == 3
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("chosen-path", "error"),
        ("ipi-core-order", "warning"),
    ]


def test_sarif_names_a_relative_path_as_it_was_given_and_escapes_it(kvx, tmp_path, monkeypatch):
    folder = tmp_path / "my boards"
    folder.mkdir()
    (folder / "a#1.dts").write_text(EXAMPLE_BOARD)
    _, run = sarif(kvx, BOARD)
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == BOARD
    _, run = sarif(kvx, folder / "a#1.dts")
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"file://{tmp_path}/my%20boards/a%231.dts"


def test_sarif_of_what_is_no_utf_8_is_json_all_the_same(kvx, tmp_path):
    path = tmp_path / "board.dts"
    path.write_bytes(EXAMPLE_BOARD.encode() + b'/ { chosen { stdout-path = "/caf\xe9"; }; };\n')
    _, run = sarif(kvx, path)
    (result,) = [each for each in run["results"] if each["ruleId"] == "chosen-path"]
    assert result["message"]["text"] == "stdout-path leads to /caf?, which is no node"


def test_sarif_of_a_file_that_is_too_large_has_no_region(kvx, tmp_path):
    path = tmp_path / "board.dtb"
    path.write_bytes(b"\xd0\x0d\xfe\xed" + bytes(5 << 20))
    status, run = sarif(kvx, path)
    assert status == 3
    assert "region" not in run["results"][0]["locations"][0]["physicalLocation"]


def test_a_finding_without_a_node_has_no_logical_location(kvx, tmp_path):
    path = tmp_path / "board.dts"
    path.write_text("/ { };")
    _, run = sarif(kvx, path)
    assert "logicalLocations" not in run["results"][0]["locations"][0]


# docs/check.md


def test_the_document_has_every_code_with_its_severities_and_meaning():
    text = (ROOT / "docs" / "check.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([a-z, ]+) \| (.+) \|$", text, re.MULTILINE)
    assert rows == [(name, ", ".join(code.severities), code.meaning) for name, code in CODES.items()]
