"""`explain`: a register write told to people and to programs."""

from __future__ import annotations

import json

import pytest
from command import BOARD, SMOKE, script_file

IPI = """\
pe0 writes 0x2 to 0xad0000 (0x1ad0000 as all see it), 4 bytes
  INTERRUPT[0], offset 0x0 of /soc/interrupt-controller@ad0000 (boards/cluster.dts:125:8)
  IPI controller of cluster 0, kalray,coolidge-ipi-ctrl
  write 1: pulse this set's line of the core, unless masked

-> pe1 line 24 (ILR bit 24): requested; {} (boards/cluster.dts:31:9; wired at boards/cluster.dts:131:43)
"""


def test_an_address_and_a_value_are_explained_in_the_state_after_reset(kvx):
    assert kvx("explain", BOARD, "0xad0000", "0x2") == (
        0,
        IPI.format("not taken: it is not enabled (ILE)"),
        "",
    )


def test_with_a_script_the_write_comes_after_it(kvx):
    assert kvx("explain", BOARD, "0xad0000", "2", "--script", SMOKE) == (0, IPI.format("taken at once"), "")


def test_what_the_script_expects_and_warns_of_does_not_matter(kvx, tmp_path):
    script = script_file(tmp_path, "expect: {core: pe1, line: 24, delivered: 7}\nsend: {to: pe1, line: 25}")
    status, _, err = kvx("explain", BOARD, "0xad0000", "2", "--script", script)
    assert (status, err) == (0, "")


def test_numbers_of_the_script_can_be_set(kvx, tmp_path):
    head = "params: {line: 24}\n"
    script = script_file(tmp_path, "mask: {line: '${line}', block: [pe1]}", head)
    args = ("explain", BOARD, "0xad0000", "2", "--script", script)
    assert "stopped, bit 1 of MASK[0] is 1" in kvx(*args).out
    assert "stopped" not in kvx(*args, "--set", "line=25").out


@pytest.mark.parametrize(
    ("address", "register"),
    [
        ("/soc/interrupt-controller@a20000+0x3805", "ENABLE[14][5], offset 0x3805"),
        ("interrupt-controller@a20000+14341", "ENABLE[14][5], offset 0x3805"),
        ("power-controller", "PE_CONTROL[0], offset 0x0"),
        ("0xa23805", "ENABLE[14][5], offset 0x3805"),
        ("10631173", "ENABLE[14][5], offset 0x3805"),
    ],
)
def test_an_address_is_a_number_or_a_node_with_an_offset(kvx, address, register):
    assert f"  {register} of /soc/" in kvx("explain", BOARD, address, "1").out


def test_the_writer_decides_which_cluster_a_local_address_is_in(kvx):
    out = kvx("explain", "boards/coolidge.dts", "0xad0000", "1", "--from", "c3.pe2").out
    assert out.startswith("c3.pe2 writes 0x1 to 0xad0000 (0x4ad0000 as all see it), 4 bytes\n")
    assert "-> c3.pe0 line 24 (ILR bit 24): requested;" in out


def test_a_bus_error_is_an_explanation(kvx):
    status, out, err = kvx("explain", BOARD, "0xa00000", "1", "--size", "4")
    assert (status, err) == (0, "")
    assert out.endswith("\nbus error: the APIC mailbox takes aligned accesses of 8 bytes\n")


def test_json_has_the_whole_story(kvx):
    status, out, err = kvx("explain", BOARD, "0xad0000", "2", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "from": "pe0",
        "address": 0xAD0000,
        "global_address": 0x1AD0000,
        "size": 4,
        "value": 2,
        "register": "INTERRUPT[0]",
        "about": "write 1: pulse this set's line of the core, unless masked",
        "node": "/soc/interrupt-controller@ad0000",
        "place": {"path": BOARD, "line": 125, "column": 8, "offset": None},
        "block": "IPI controller",
        "compatible": "kalray,coolidge-ipi-ctrl",
        "cluster": 0,
        "story": [
            {
                "depth": 0,
                "text": "requested",
                "node": "/cpus/cpu@1/interrupt-controller",
                "place": {"path": BOARD, "line": 31, "column": 9, "offset": None},
                "wired": {"path": BOARD, "line": 131, "column": 43, "offset": None},
                "core": "pe1",
                "line": 24,
                "verdict": "not taken: it is not enabled (ILE)",
            }
        ],
    }


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["0xad0000", "-"], "VALUE: found '-'; expected a number, decimal or with 0x"),
        (["0xad0000", "0x"], "VALUE: found '0x'; expected a number, decimal or with 0x"),
        (["0xad0000", "1_0"], "VALUE: found '1_0'; expected a number, decimal or with 0x"),
        (["0xad0000", "0x10000000000000000"], "expected at most 0xffffffffffffffff"),
        (["0xad0000", "9" * 5000], "expected a number, decimal or with 0x"),
        (["0xadzz", "1"], "ADDR: found '0xadzz'; expected a number"),
        (["power-controller+x", "1"], "ADDR: found 'x'; expected a number"),
        (["+4", "1"], "ADDR: found '+4'; expected an address, or a node with +OFFSET"),
        (["0xad0000", "0x100000000"], "0x100000000 does not fit 4 bytes"),
        (["0xad0000", "256", "--size", "1"], "0x100 does not fit 1 byte"),
        (["nowhere+4", "1"], "the board has no node 'nowhere'"),
        (["/cpus", "1"], "/cpus has no registers (reg) that can be written"),
        (["0xad0000", "1", "--from", "pe17"], "--from: found"),
        (["0xad0000", "1", "--from", "c2.pe0"], "--from: the board has no core c2.pe0"),
        (["0xad0000", "1", "--from", "pes"], "--from: found 'pes'; expected one core"),
        (["0xad0000", "1", "--size", "3"], "--size"),
        (["0xad0000", "1", "--script", "none.yaml"], "none.yaml"),
        (["0xad0000"], "VALUE"),
    ],
)
def test_wrong_usage_is_told_with_status_2(kvx, args, message):
    status, out, err = kvx("explain", BOARD, *args)
    assert (status, out) == (2, "")
    assert message in err


def test_an_invalid_board_or_script_is_told_with_status_3(kvx, tmp_path):
    board = tmp_path / "bad.dts"
    board.write_text("/dts-v1/; / { };")
    assert kvx("explain", board, "0xad0000", "1").status == 3
    script = script_file(tmp_path, "sned: {to: pe1}")
    status, out, err = kvx("explain", BOARD, "0xad0000", "1", "--script", script)
    assert (status, out) == (3, "")
    assert "error[script-step]" in err
