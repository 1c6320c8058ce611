"""What the package says of itself."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

import pytest
from command import ROOT

import kvx_emu
from kvx_emu.cli import main as cli_main

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
METADATA = PROJECT["project"]


def test_the_version_is_written_twice_the_same():
    assert METADATA["version"] == kvx_emu.__version__


def test_the_command_is_an_entry_point():
    assert METADATA["scripts"] == {"kvx-emu": "kvx_emu.__main__:main"}
    assert callable(cli_main.main)


def test_the_files_that_the_metadata_names_exist():
    assert (ROOT / METADATA["readme"]).is_file()
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")
    assert METADATA["license"] == "Apache-2.0"


def test_what_goes_into_the_source_archive_exists_and_holds_the_package():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert "/kvx_emu" in included
    assert [path for path in included if not (ROOT / path.lstrip("/")).exists()] == []
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["kvx_emu"]
    assert wheel["force-include"] == {"boards": "kvx_emu/boards", "scripts": "kvx_emu/scripts"}


def test_the_plugin_of_pytest_imports_it_and_nothing_else_does():
    importers = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "kvx_emu").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if "pytest" in imports_of(node)
    ]
    assert set(importers) <= {"kvx_emu/plugin.py"}


def test_the_build_asks_nothing_of_git():
    assert "dynamic" not in METADATA
    assert [name for name in PROJECT["build-system"]["requires"] if "vcs" in name or "scm" in name] == []


def test_what_is_imported_is_what_is_declared():
    modules = {"click": "click", "fdt": "fdt", "numpy": "numpy", "yaml": "PyYAML", "tabulate": "tabulate"}
    # Imported where it is needed, and not missed elsewhere.
    extras = {"numba": "fast", "pyarrow": "parquet", "textual": "view"}
    hosts = {"pytest", "rich"}  # runs the plugin; comes with textual
    declared = {re.split("[<>=]", text)[0] for text in METADATA["dependencies"]}
    imported = {
        name
        for path in (ROOT / "kvx_emu").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imports_of(node)
    }
    third_parties = imported - sys.stdlib_module_names - {"kvx_emu"}
    assert {*modules} <= third_parties <= {*modules, *extras, *hosts}
    assert declared == set(modules.values())
    for module, extra in extras.items():
        assert [re.split("[<>=]", text)[0] for text in METADATA["optional-dependencies"][extra]] == [module]


def imports_of(node):
    if isinstance(node, ast.Import):
        return [name.name.partition(".")[0] for name in node.names]
    return [node.module.partition(".")[0]] if isinstance(node, ast.ImportFrom) else []


def test_every_dependency_has_an_upper_bound():
    assert [text for text in METADATA["dependencies"] if "<" not in text or ">=" not in text] == []


def test_the_changelog_starts_with_what_is_not_released_or_this_version():
    path = ROOT / "CHANGELOG.md"
    if not path.exists():
        pytest.skip("no change log yet")
    heading = re.search(r"^## \[?([^\]\n ]+)", path.read_text(), re.MULTILINE)
    assert heading is not None
    assert heading[1] in {"Unreleased", kvx_emu.__version__}
