"""`kvx-emu init`: what it writes works as it is, and nothing of the user's is lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest
import yaml
from command import KVX, ROOT

ALWAYS = {"board.dts", "smoke.yaml", "README.md", "schema.json"}
GITHUB = ".github/workflows/kvx-emu.yml"
GITLAB = ".gitlab-ci.yml"


def files_in(folder):
    """Return the texts of the files below a folder by their names."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def commands_of(job):
    """Return the shell commands of a CI job: those of GitHub's steps, or those of GitLab's script."""
    job = yaml.safe_load(job)
    if "jobs" in job:
        return [step["run"] for step in job["jobs"]["smoke"]["steps"] if "run" in step]
    return job["kvx-emu"]["script"]


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        ([], {GITHUB, GITLAB}),
        (["--ci", "both"], {GITHUB, GITLAB}),
        (["--ci", "github"], {GITHUB}),
        (["--ci", "gitlab"], {GITLAB}),
        (["--ci", "none"], set()),
    ],
)
def test_a_folder_is_made_and_filled_for_the_ci_that_is_asked_for(kvx, tmp_path, options, jobs):
    folder = tmp_path / "new" / "emulation"
    status, out, err = kvx("init", folder, *options)
    assert status == 0
    assert set(files_in(folder)) == ALWAYS | jobs
    assert set(out.splitlines()) == {str(folder / name) for name in ALWAYS | jobs}
    assert err == f"\nNext: kvx-emu run {folder}/board.dts {folder}/smoke.yaml\n"


def test_the_next_command_can_be_pasted_into_a_shell(kvx, tmp_path):
    folder = tmp_path / "it's here"
    command = kvx("init", folder).err.split("Next: kvx-emu ")[1]
    assert kvx(*shlex.split(command)).status == 0


def test_the_board_has_nothing_above_a_note_and_the_script_passes(kvx, tmp_path):
    kvx("init", tmp_path)
    board, script = tmp_path / "board.dts", tmp_path / "smoke.yaml"
    status, out, _ = kvx("check", board, script)
    assert status == 0
    assert out.endswith("\nno errors, no warnings, 1 note\n")
    status, out, err = kvx("run", board, script, "--strict")
    assert (status, err) == (0, "")
    assert "; 8 of 8 expectations held\n" in out


def test_an_editor_finds_the_schema_of_the_script_beside_it(kvx, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    kvx("init", tmp_path)
    files = files_in(tmp_path)
    first, _ = files["smoke.yaml"].split("\n", 1)
    assert first == "# yaml-language-server: $schema=schema.json"
    assert files["schema.json"] == kvx("schema").out
    jsonschema.validate(yaml.safe_load(files["smoke.yaml"]), json.loads(files["schema.json"]))


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
def test_the_commands_of_a_job_pass(kvx, tmp_path, name):
    kvx("init", tmp_path)
    install, *commands = commands_of(files_in(tmp_path)[name])
    assert install == "pip install kvx-emu"
    assert [command.split()[:2] for command in commands] == [["kvx-emu", "check"], ["kvx-emu", "run"]]
    for command in commands:
        line = command.replace("kvx-emu ", f"{shlex.join(KVX)} ", 1)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "kvx-emu.xml").read_text().startswith("<?xml")


def test_a_job_names_the_report_that_it_makes(kvx, tmp_path):
    kvx("init", tmp_path)
    files = files_in(tmp_path)
    upload = yaml.safe_load(files[GITHUB])["jobs"]["smoke"]["steps"][-1]
    assert upload["with"]["path"] == "kvx-emu.xml"
    assert yaml.safe_load(files[GITLAB])["kvx-emu"]["artifacts"]["reports"] == {"junit": "kvx-emu.xml"}


def test_the_files_that_the_readme_names_are_there(kvx, tmp_path):
    kvx("init", tmp_path)
    files = files_in(tmp_path)
    for name in {*files} - {"README.md"}:
        assert f"`{name}`" in files["README.md"]


@pytest.mark.parametrize("taken", ["README.md", GITLAB, "schema.json"])
def test_where_one_file_is_there_none_is_written(kvx, tmp_path, taken):
    (tmp_path / taken).write_text("mine\n")
    status, out, err = kvx("init", tmp_path)
    assert (status, out) == (2, "")
    assert err == (f"kvx-emu: {tmp_path} has {taken} already: nothing was written (--force overwrites)\n")
    assert files_in(tmp_path) == {taken: "mine\n"}


def test_all_that_is_there_is_told(kvx, tmp_path):
    (tmp_path / "smoke.yaml").write_text("mine\n")
    (tmp_path / "board.dts").symlink_to("nowhere")
    assert " has board.dts, smoke.yaml already: " in kvx("init", tmp_path).err


def test_the_file_of_a_ci_that_was_not_asked_for_is_in_nobodys_way(kvx, tmp_path):
    (tmp_path / GITLAB).write_text("mine\n")
    assert kvx("init", tmp_path, "--ci", "github").status == 0
    assert files_in(tmp_path)[GITLAB] == "mine\n"


def test_force_overwrites(kvx, tmp_path):
    kvx("init", tmp_path)
    new = files_in(tmp_path)
    (tmp_path / "README.md").write_text("mine\n")
    (tmp_path / "other").write_text("mine\n")
    assert kvx("init", tmp_path, "--force").status == 0
    assert files_in(tmp_path) == new | {"other": "mine\n"}


def test_a_file_is_no_folder(kvx, tmp_path):
    (tmp_path / "file").write_text("mine\n")
    status, out, err = kvx("init", tmp_path / "file")
    assert (status, out, err) == (6, "", f"kvx-emu: {tmp_path}/file: can not be made: File exists\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc here")
def test_where_nothing_can_be_written_the_folder_is_named(kvx):
    status, _, err = kvx("init", "/proc/kvx")
    assert (status, err) == (6, "kvx-emu: /proc/kvx: can not be made: No such file or directory\n")


def test_where_the_last_file_can_not_be_written_none_is(kvx, tmp_path):
    (tmp_path / "schema.json").mkdir()
    status, _, err = kvx("init", tmp_path, "--force")
    assert (status, err) == (6, f"kvx-emu: {tmp_path}/schema.json: can not be written: Is a directory\n")
    assert files_in(tmp_path) == {}
