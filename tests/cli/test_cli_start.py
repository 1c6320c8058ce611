"""Start-up: a command imports what it needs and no more. What that gains is measured, not tested."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from command import BOARD, ROOT, SMOKE

CODE = """
import json, os, sys
from kvx_emu.cli.main import main
out, sys.stdout = sys.stdout, open(os.devnull, "w")
status = main(sys.argv[1:])
json.dump([status, sorted(sys.modules)], out)
"""

SLOW = {"fdt", "yaml", "tabulate", "importlib.metadata", "dataclasses"}
"""Third parties' modules beside click, and what costs as much."""


def loaded(*args):
    done = subprocess.run([sys.executable, "-c", CODE, *args], cwd=ROOT, capture_output=True, check=True)
    status, modules = json.loads(done.stdout)
    assert status == 0
    return set(modules)


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["run", "--help"], ["check", "--help"]])
def test_help_imports_nothing_but_the_command_line(args):
    modules = loaded(*args)
    assert modules & SLOW == set()
    ours = {name for name in modules if name.startswith("kvx_emu.")}
    beside = {name for name in ours if not name.startswith("kvx_emu.cli")}
    names = {"kvx_emu.trace", "kvx_emu.trace.row", "kvx_emu.library"}  # of events, boards, scripts
    assert beside - names == {"kvx_emu.errors"}


def test_a_check_of_a_board_reads_no_yaml_and_draws_no_table():
    modules = loaded("check", BOARD)
    assert modules & SLOW == {"fdt"}
    assert {name for name in modules if name.startswith(("kvx_emu.script", "kvx_emu.engine"))} == set()


def test_a_run_without_a_table_does_not_import_what_draws_it():
    assert "tabulate" not in loaded("run", BOARD, SMOKE, "--format", "csv")


def test_the_schema_needs_no_yaml():
    assert loaded("schema") & {"yaml", "fdt", "tabulate"} == set()
