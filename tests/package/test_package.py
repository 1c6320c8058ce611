"""The archives that users install: built, installed into an empty environment, and used from elsewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest
from command import ROOT, SCRIPTS

import kvx_emu

RUNTIME = {"click", "fdt", "kvx-emu", "numpy", "PyYAML", "tabulate"}
"""What an installation consists of: none of our dependencies has any on Linux."""

NAME = f"kvx_emu-{kvx_emu.__version__}"


def done(*argv, status=0, **options):
    """Run a program and return what it printed; it has to end with `status`."""
    result = subprocess.run(
        [*map(str, argv)], capture_output=True, text=True, timeout=120, check=False, **options
    )
    assert result.returncode == status, f"{argv}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def pip(python, *args, **options):
    """Run pip for an environment that has none of its own."""
    quiet = ["--disable-pip-version-check", "--no-input", "--retries", "0"]
    return done(sys.executable, "-m", "pip", "--python", python, *args, *quiet, **options)


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The wheel, made from the source archive as `python -m build` does, and the source archive."""
    for module in ("build", "pip"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"no {module} here")
    folder = tmp_path_factory.mktemp("archives")
    wanted = "hatchling>=1.25"  # what a build fetches
    probe = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--retries",
        "0",
        "--timeout",
        "10",
    ]
    fetched = subprocess.run([*probe, "-d", folder / "probe", wanted], capture_output=True, check=False)
    if fetched.returncode != 0:
        pytest.skip("no package index can be reached")
    done(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder / f"{NAME}-py3-none-any.whl", folder / f"{NAME}.tar.gz"


@pytest.fixture(scope="module", params=["wheel", "source archive"])
def installed(request, archives, tmp_path_factory):
    """The programs of an environment into which one of the archives was installed, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip(programs / "python", "install", "--quiet", archives[request.param != "wheel"])
    return programs


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that knows nothing of the repository, in which the test is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def test_the_command_runs_a_script_of_ours_on_a_board_of_ours_by_their_names(installed, elsewhere):
    out = done(installed / "kvx-emu", "run", "coolidge", "smoke", "--strict")
    assert re.search(r"^85 cores at 1000 MHz; .* (\d+) of \1 expectations held$", out, re.MULTILINE)


def test_a_table_lies_beside_its_script(installed, elsewhere):
    assert "expectations held" in done(installed / "kvx-emu", "run", "cluster", "replay")


def test_only_the_runtime_dependencies_came_with_it(installed):
    listed = pip(installed / "python", "list", "--format", "freeze")
    assert {line.partition("==")[0] for line in listed.split()} == RUNTIME


def test_it_is_the_installed_package_that_runs(installed, elsewhere):
    path = done(installed / "python", "-c", "import kvx_emu; print(kvx_emu.__file__)").strip()
    assert path.startswith(str(installed.parent))
    assert path.endswith("/site-packages/kvx_emu/__init__.py")
    version = done(installed / "python", "-m", "kvx_emu", "--version")
    assert version == f"kvx-emu, version {kvx_emu.__version__}\n"


def test_what_init_writes_comes_with_it(installed, elsewhere):
    done(installed / "kvx-emu", "init", "new")
    out = done(installed / "kvx-emu", "run", "new/board.dts", "new/smoke.yaml", "--strict")
    assert "8 of 8 expectations held" in out


def test_the_wheel_holds_the_types_the_boards_the_scripts_and_no_tests(archives):
    with zipfile.ZipFile(archives[0]) as wheel:
        names = set(wheel.namelist())
    beside = {path.name for path in (ROOT / "scripts").iterdir() if path.suffix == ".csv"}
    scripts = {path.name for path in SCRIPTS} | beside
    boards = {path.name for path in (ROOT / "boards").glob("*.dts")}
    assert {name.rpartition("/")[2] for name in names if name.startswith("kvx_emu/boards/")} == boards
    assert {name.rpartition("/")[2] for name in names if name.startswith("kvx_emu/scripts/")} == scripts
    assert "kvx_emu/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"kvx_emu", f"{NAME}.dist-info"}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "kvx_emu").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert [name for name in names if name.endswith((".pyc", ".part"))] == []


def test_the_source_archive_holds_what_is_needed_to_work_on_it(archives):
    with tarfile.open(archives[1]) as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    for folder, suffix in (("tests", "*.py"), ("docs", "*.md"), ("benchmarks", "*.c"), ("boards", "*.dts")):
        files = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob(suffix)}
        assert files <= names
    assert {
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "pyproject.toml",
        "tests/coverage.json",
    } <= names


def test_an_installation_that_can_be_edited_uses_the_source(archives, elsewhere):
    folder = elsewhere / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    with tarfile.open(archives[1]) as archive:
        archive.extractall(elsewhere, filter="data")
    python = folder / "bin" / "python"
    pip(python, "install", "--quiet", "--no-deps", "--editable", elsewhere / NAME)
    path = done(python, "-c", "from kvx_emu import library; print(library.board_path('cluster'))", cwd=folder)
    assert path == f"{elsewhere / NAME}/boards/cluster.dts\n"
