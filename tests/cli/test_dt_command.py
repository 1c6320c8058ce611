"""`kvx-emu dt`, and the options that all commands have which read a tree."""

from __future__ import annotations

import os
import subprocess

import pytest
from command import BOARD, KVX, ROOT, SMOKE, kvx_process

SOURCE = """/dts-v1/;
/ {
	aliases { serial0 = &uart; bus = "/bus"; };
	bus {
		uart: uart@1000 { compatible = "ns16550a", "uart"; reg = <0x1000 0x20>; LINES; };
	};
	user { clocks = <&uart>; };
};
"""
OVERLAY = """/dts-v1/;
/plugin/;
&uart { status = "okay"; };
"""
FORMS = ["dts", "dtb", "yaml", "json"]


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "board.dts"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def fix(tmp_path):
    path = tmp_path / "fix.dtso"
    path.write_text(OVERLAY)
    return path


def test_the_help_lists_the_commands(kvx):
    result = kvx("dt", "--help")
    assert result.status == 0
    for name in ("convert", "diff", "get", "overlay"):
        assert f"\n  {name} " in result.out


@pytest.mark.parametrize("name", ["convert", "diff", "get", "overlay"])
def test_the_help_of_each_has_examples(kvx, name):
    result = kvx("dt", name, "-h")
    assert result.status == 0
    assert f"  kvx-emu dt {name} " in result.out


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
def test_every_form_is_converted_to_every_other_by_suffix(kvx, board, tmp_path, first, second):
    one, two = tmp_path / f"one.{first}", tmp_path / f"two.{second}"
    assert kvx("dt", "convert", board, one) == (0, "", "")
    assert kvx("dt", "convert", one, two) == (0, "", "")
    assert kvx("dt", "diff", "--exact", two, board) == (0, "", "")


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".dtso", b"/dts-v1/;"), (".dtbo", b"\xd0\x0d\xfe\xed"), (".yml", b"devicetree: 1"), (".JSON", b"{")],
)
def test_other_suffixes_are_known_as_well(kvx, fix, tmp_path, suffix, start):
    out = tmp_path / f"out{suffix}"
    assert kvx("dt", "convert", fix, out).status == 0
    assert out.read_bytes().startswith(start)


def test_to_and_from_outweigh_the_suffix(kvx, board, tmp_path):
    out = tmp_path / "out.txt"
    assert kvx("dt", "convert", board, out, "--to", "yaml").status == 0
    assert out.read_text().startswith("devicetree: 1\n")
    assert kvx("dt", "diff", out, board, "--from", "yaml").status == 0
    assert kvx("dt", "get", out, "/user", "clocks", "--from", "yaml").out == "<0x1>\n"
    wrong = tmp_path / "wrong.dts"
    wrong.write_text(out.read_text())
    assert kvx("dt", "convert", wrong, "-", "--from", "yaml", "--to", "json").out.startswith("{")


def test_standard_input_and_output_are_streams_of_bytes(board):
    shell = (
        "{0} dt convert {1} - --to dtb | {0} dt convert - - --to json"
        " | {0} dt convert --from json - - --to dts"
    )
    command = shell.format(" ".join(KVX), board)
    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().startswith("/dts-v1/;\n")
    assert 'compatible = "ns16550a", "uart";' in done.stdout.decode()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("-", "standard output has no suffix; expected --to dts, dtb, yaml, json"),
        ("out.txt", "out.txt: the suffix tells no form; expected --to dts, dtb, yaml, json"),
    ],
)
def test_an_output_without_a_form_is_wrong_usage(kvx, board, out, message):
    assert kvx("dt", "convert", board, out) == (2, "", f"kvx-emu: {message}\n")


def test_an_input_is_not_overwritten(kvx, board, fix):
    for words in (["convert", board, board], ["overlay", board, fix, "-o", fix]):
        result = kvx("dt", *words)
        assert (result.status, "would overwrite" in result.err) == (2, True)
    assert board.read_text() == SOURCE
    assert fix.read_text() == OVERLAY


def test_an_output_that_can_not_be_written_leaves_nothing_behind(kvx, board, tmp_path):
    folder = tmp_path / "none"
    result = kvx("dt", "convert", board, folder / "out.dtb")
    assert (result.status, result.out) == (6, "")
    assert "No such file or directory" in result.err
    assert not folder.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("out", ["/dev/full", "-"])
def test_a_full_disk_is_told(board, out):
    shell = f'exec "$@" {"> /dev/full" if out == "-" else ""}'
    command = ["/bin/sh", "-c", shell, "sh", *KVX, "dt", "convert", str(board), out, "--to", "dtb"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "No space left on device" in done.stderr


def test_a_bad_input_leaves_the_old_output(kvx, tmp_path):
    bad, out = tmp_path / "bad.dts", tmp_path / "out.dtb"
    bad.write_text("/dts-v1/;\n/ { a = <1 };\n")
    out.write_text("old")
    result = kvx("dt", "convert", bad, out)
    assert result.status == 3
    assert result.err.startswith(f"{bad}:2:12: error[syntax]: expected a number or '>', found '}}'\n")
    assert out.read_text() == "old"


def test_a_blob_called_yaml_is_wrong_usage(kvx, board, tmp_path):
    out = tmp_path / "out.dtb"
    kvx("dt", "convert", board, out)
    for form, name in (("yaml", "YAML"), ("json", "JSON")):
        message = f"kvx-emu: {out} is a blob (.dtb), not {name}\n"
        assert kvx("dt", "convert", out, "-", "--to", "dts", "--from", form) == (2, "", message)


def test_a_missing_input_is_wrong_usage(kvx):
    result = kvx("dt", "get", "none.dts", "/")
    assert (result.status, result.out) == (2, "")
    assert "No such file or directory" in result.err


def test_symbols_are_added_for_overlays(kvx, board, fix, tmp_path):
    plain, symbols, out = (tmp_path / name for name in ("plain.dtb", "symbols.dtb", "out.dtb"))
    assert kvx("dt", "convert", board, plain).status == 0
    assert kvx("dt", "convert", "-@", board, symbols).status == 0
    assert kvx("dt", "get", symbols, "/__symbols__", "uart").out == '"/bus/uart@1000"\n'
    assert kvx("dt", "get", symbols, "&uart", "reg").out == "<0x1000 0x20>\n"
    result = kvx("dt", "overlay", plain, fix, "-o", out)
    assert result.status == 3
    assert result.err == (
        f"{fix}:3:1: error[overlay-label]: no node of {plain} has the label 'uart', which has no labels at"
        " all: compile the base with -@, or give its .dts\n"
        '  &uart { status = "okay"; };\n'
        "  ^\n"
    )
    assert not out.exists()
    assert kvx("dt", "overlay", symbols, fix, "-o", out) == (0, "", "")
    assert kvx("dt", "get", out, "&uart", "status").out == '"okay"\n'


@pytest.mark.parametrize("form", ["dtb", "yaml"])
def test_symbols_are_for_source(kvx, board, tmp_path, form):
    out = tmp_path / f"out.{form}"
    kvx("dt", "convert", board, out)
    message = f"kvx-emu: -@ is for source: {out} tells no labels that were left out\n"
    assert kvx("dt", "convert", "-@", out, "-", "--to", "dts") == (2, "", message)


def test_several_overlays_are_applied_in_order(kvx, board, fix, tmp_path):
    second, out = tmp_path / "second.dtso", tmp_path / "out.yaml"
    second.write_text(OVERLAY.replace("okay", "disabled"))
    assert kvx("dt", "overlay", board, fix, second, "-o", out) == (0, "", "")
    assert kvx("dt", "get", out, "/bus/uart@1000", "status").out == '"disabled"\n'
    result = kvx("dt", "overlay", board, second, fix, "-o", "-", "--to", "dts")
    assert '\t\t\tstatus = "okay";\n' in result.out


def test_an_overlay_is_no_base(kvx, fix, tmp_path):
    result = kvx("dt", "overlay", fix, fix, "-o", tmp_path / "out.dtb")
    assert (result.status, "error[overlay]: this is an overlay" in result.err) == (3, True)


def test_diff_tells_what_differs_and_says_so_by_its_status(kvx, board, tmp_path):
    other = tmp_path / "other.dts"
    other.write_text(SOURCE.replace("0x20", "0x40"))
    result = kvx("dt", "diff", board, other)
    assert (result.status, result.err) == (1, "")
    assert result.out == (
        f"- /bus/uart@1000:reg = <0x1000 0x20>  ({board}:5:54)\n"
        f"+ /bus/uart@1000:reg = <0x1000 0x40>  ({other}:5:54)\n"
    )
    assert kvx("dt", "diff", "-q", board, other) == (1, "", "")


def test_diff_compares_phandles_by_what_they_point_to_unless_asked(kvx, board, tmp_path):
    other = tmp_path / "other.dts"
    other.write_text(SOURCE.replace("LINES;", "LINES; phandle = <9>;"))
    assert kvx("dt", "diff", board, other) == (0, "", "")
    assert kvx("dt", "diff", "--exact", board, other).status == 1


def test_only_one_input_can_be_standard_input(kvx):
    message = "kvx-emu: only one input can be standard input (-)\n"
    assert kvx("dt", "diff", "-", "-") == (2, "", message)
    assert kvx("dt", "overlay", "-", "-", "-o", "x.dtb") == (2, "", message)


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["/bus/uart@1000", "reg"], "<0x1000 0x20>\n"),
        (["&uart", "reg", "--format", "cells"], "0x1000 0x20\n"),
        (["serial0", "compatible"], '"ns16550a", "uart"\n'),
        (["bus/uart@1000", "compatible", "--format", "strings"], "ns16550a\nuart\n"),
        (["&uart", "reg", "--format", "hex"], "0000100000000020\n"),
        (["&uart", "compatible", "--format", "raw"], "ns16550a\0uart\0"),
        (["/user", "clocks"], "<&uart>\n"),
        (["/bus/uart@1000", "LINES"], "\n"),
        (["/user"], "user {\n\tclocks = <&uart>;\n};\n"),
        (
            ["/bus"],
            'bus {\n\tuart: uart@1000 {\n\t\tcompatible = "ns16550a", "uart";\n\t\treg = <0x1000 0x20>;\n'
            "\t\tLINES;\n\t\tphandle = <0x1>;\n\t};\n};\n",
        ),
    ],
)
def test_get_prints_a_node_or_a_value(kvx, board, words, out):
    assert kvx("dt", "get", board, *words) == (0, out, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/buss"], "has no node /buss; did you mean '/bus'?"),
        (["/bus", "reg"], "/bus has no property 'reg'"),
        (["&uart", "regs"], "/bus/uart@1000 has no property 'regs'; did you mean 'reg'?"),
        (["&urat"], "has no label 'urat'; did you mean 'uart'?"),
        (
            ["serial1"],
            "has no alias 'serial1'; did you mean 'serial0'?; a path starts with '/', a label with '&'",
        ),
        (["/bus", "--format", "hex"], "--format hex is for a property: name one of /bus"),
    ],
)
def test_get_refuses_what_is_not_there_and_names_the_nearest(kvx, board, words, message):
    result = kvx("dt", "get", board, *words)
    assert (result.status, result.out) == (2, "")
    assert result.err.endswith(f"{message}\n")
    assert result.err.startswith("kvx-emu: ")


def test_get_without_aliases_says_so(kvx, fix):
    result = kvx("dt", "get", fix, "serial0")
    assert result.err == f"kvx-emu: {fix} has no alias 'serial0'; a path starts with '/', a label with '&'\n"


@pytest.mark.parametrize("form", ["cells", "strings"])
def test_a_value_of_another_form_is_refused_at_its_place(kvx, tmp_path, form):
    path = tmp_path / "odd.dts"
    path.write_text("/dts-v1/; / { odd = [01 02 03]; };")
    result = kvx("dt", "get", path, "/", "odd", "--format", form)
    assert result.status == 3
    assert result.err.startswith(f"{path}:1:15: error[property-format]: 'odd' of / ")


def test_macros_and_folders_are_given_to_the_preprocessor(kvx, board, tmp_path):
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "lines.h").write_text("#define MORE count = <COUNT>\n")
    board.write_text(SOURCE.replace("/dts-v1/;", "/dts-v1/;\n#include <lines.h>"))
    result = kvx("dt", "get", board, "&uart", "-I", folder, "-D", "LINES=MORE", "-D", "COUNT=3")
    assert "\tcount = <0x3>;\n" in result.out
    result = kvx("dt", "get", board, "&uart", "count", "-I", folder, "-D", "LINES=MORE", "-D", "COUNT")
    assert result.out == "<0x1>\n"


@pytest.mark.parametrize("text", ["=1", "1a", ""])
def test_a_macro_needs_a_name(kvx, board, text):
    result = kvx("dt", "get", board, "/", "-D", text)
    assert (result.status, f"found {text!r}; expected NAME or NAME=VALUE" in result.err) == (2, True)


def test_warnings_about_a_source_are_told(kvx, board):
    board.write_text(SOURCE + "&uart { /delete-property/ none; };\n")
    result = kvx("dt", "get", board, "/user", "clocks")
    assert (result.status, result.out) == (0, "<&uart>\n")
    assert ": warning[" in result.err


# -- run, check and show -------------------------------------------------------------------------------

DISABLE = """/dts-v1/;
/plugin/;
&{/cpus/cpu@3} { status = "disabled"; };
"""


@pytest.fixture
def without_core_3(tmp_path):
    path = tmp_path / "without.dtso"
    path.write_text(DISABLE)
    return path


def test_show_takes_overlays(kvx, without_core_3):
    assert "disabled" not in kvx("show", BOARD).out
    result = kvx("show", BOARD, "tree", "--overlay", without_core_3)
    assert result.status == 0
    assert "disabled" in result.out


def test_check_takes_overlays(kvx, tmp_path):
    fix = tmp_path / "fix.dtso"
    fix.write_text('/dts-v1/;\n/plugin/;\n&{/cpus/cpu@3} {\n\tstatus = "dissabled";\n};\n')
    plain = kvx("check", BOARD)
    result = kvx("check", BOARD, "--overlay", fix)
    assert result.out != plain.out


def test_run_takes_overlays(kvx, tmp_path):
    fix = tmp_path / "fix.dtso"
    fix.write_text("/dts-v1/;\n/plugin/;\n&{/} { note; };\n")
    plain = kvx("run", BOARD, SMOKE)
    assert kvx("run", BOARD, SMOKE, "--overlay", fix).out == plain.out


@pytest.mark.parametrize("words", [["check", BOARD], ["show", BOARD], ["run", BOARD, SMOKE]])
def test_a_bad_overlay_is_told_at_its_place(kvx, tmp_path, words):
    fix = tmp_path / "fix.dtso"
    fix.write_text("/dts-v1/;\n/plugin/;\n&nobody { };\n")
    result = kvx(*words, "--overlay", fix)
    assert result.status == 3
    assert (
        f"{fix}:3:1: error[overlay-label]: no node of {BOARD} has the label 'nobody'"
        in result.out + result.err
    )


@pytest.mark.parametrize("words", [["check"], ["show"], ["run"]])
def test_the_board_and_an_overlay_can_not_both_be_standard_input(kvx, words):
    more = [SMOKE] if words == ["run"] else []
    result = kvx(*words, "-", *more, "--overlay", "-")
    assert (result.status, result.err) == (2, "kvx-emu: only one input can be standard input (-)\n")


@pytest.mark.parametrize("words", [["check"], ["run"]])
def test_the_script_and_an_overlay_can_not_both_be_standard_input(kvx, words):
    result = kvx(*words, BOARD, "-", "--overlay", "-")
    assert (result.status, result.err) == (2, "kvx-emu: only one input can be standard input (-)\n")


def test_the_trace_does_not_overwrite_an_overlay(kvx, tmp_path):
    fix = tmp_path / "fix.csv"
    fix.write_text(OVERLAY)
    result = kvx("run", BOARD, SMOKE, "--overlay", fix, "--csv", fix)
    assert (result.status, "would overwrite" in result.err) == (2, True)
    assert fix.read_text() == OVERLAY


def test_boards_are_preprocessed_with_the_macros_of_the_command_line(kvx, tmp_path):
    path = tmp_path / "board.dts"
    path.write_text(
        (ROOT / BOARD)
        .read_text()
        .replace("/dts-v1/;", "/dts-v1/;\n#ifndef GIVEN\n#error not given\n#endif", 1)
    )
    assert kvx("show", path).status == 3
    assert kvx("show", path, "-D", "GIVEN").status == 0
    assert kvx("check", path, "-DGIVEN").status == 0
    assert kvx("run", path, SMOKE, "-D", "GIVEN").status == 0


def test_raw_bytes_go_to_standard_output_as_they_are(tmp_path):
    path = tmp_path / "raw.dts"
    path.write_text("/dts-v1/; / { raw = [ff 00 fe]; };")
    result = kvx_process("dt", "get", path, "/", "raw", "--format", "raw", text=False)
    assert (result.status, result.out) == (0, b"\xff\0\xfe")
