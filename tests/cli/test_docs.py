"""What README.md and docs/ show is run, and prints what they show."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import KVX, ROOT, kvx_process

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]

_BLOCK = re.compile(r"^ {0,3}```console *\n(.*?)^ {0,3}```", re.MULTILINE | re.DOTALL)

_RUN = ("kvx-emu ", "cat ", "cd ", "cp ")

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


def examples(document):
    """Return (command, output lines) for each command of the console blocks that is run here."""
    found = []
    for block in _BLOCK.findall(document.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = part.rstrip().split("\n")
            if command.startswith(_RUN):
                found.append((command, output))
    return found


EXAMPLES = {str(document.relative_to(ROOT)): found for document in DOCUMENTS if (found := examples(document))}


def differences(shown, printed):
    """Return a diff where `printed` is not what `shown` says, in which `...` stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + r" *\n" for line in shown
    )
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)):
        return ""
    return "\n".join(difflib.unified_diff(shown, printed, "shown", "printed", lineterm=""))


def test_the_readme_shows_a_run():
    assert [command for command, _ in EXAMPLES["README.md"] if "kvx-emu run " in command] != []


def printed_by(command, folder):
    """Return the status and the lines of a command, run by a shell, for pipes and redirections."""
    # What follows a pipe or the like may be one of ours as well.
    line = re.sub(r"(^|[|;&] *)kvx-emu ", lambda match: f"{match[1]}{shlex.join(KVX)} ", command)
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.rstrip().split("\n")


@pytest.mark.parametrize("document", EXAMPLES)
def test_what_a_document_shows_is_what_is_printed(document, tmp_path):
    # As in the repository's root, but what is written there is in nobody's way. One command after the other,
    # for a later one may read what an earlier one wrote.
    for folder in ("boards", "docs", "scripts"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for command, shown in EXAMPLES[document]:
        status, printed = printed_by(command, tmp_path)
        assert "Traceback (most recent call last):" not in printed, command
        assert status in ({0, 1, 3} if shown else {0}), f"{command}\n{printed}"
        if shown:
            assert differences(shown, printed) == "", command


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a", "c"], False),
        (["a"], ["a", "b"], False),
        (["a", "b"], ["a"], False),
        (["a", "...", "d"], ["a", "b", "c", "d"], True),
        (["a", "...", "d"], ["a", "d"], True),
        (["a", "...", "d"], ["a", "b", "c"], False),
        (["..."], ["a", "b"], True),
        (["..."], [], True),
        (["a", "  ..."], ["a", "b"], True),
        (["a.c"], ["abc"], False),
        (["a"], ["a  "], True),
    ],
)
def test_the_comparison_of_what_is_shown(shown, printed, same):
    assert (differences(shown, printed) == "") is same


def test_every_script_that_the_readme_prints_is_valid(tmp_path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    scripts = [block for block in blocks if block.startswith("version:")]
    assert scripts
    for text in scripts:
        path = tmp_path / "script.yaml"
        path.write_text(text)
        result = kvx_process("run", "boards/cluster.dts", path, "--format", "none")
        assert (result.status, result.err) == (0, "")


def test_the_python_that_the_readme_shows_prints_what_its_comments_say():
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == re.findall(r"  # (.+)$", code, re.MULTILINE)


def test_every_link_of_the_documents_leads_to_a_file():
    links = [
        (document, link)
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())
        if "://" not in link
    ]
    assert links
    assert [str(link) for document, link in links if not (document.parent / link).exists()] == []


def make(*args):
    # Without what another make, in which these tests may run, was told.
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "TEST_FLAGS"}}
    done = subprocess.run(
        ["make", *args], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_readme_opens_with_the_two_commands():
    block = re.search(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    assert [line.split("#")[0].split() for line in block[1].splitlines()] == [
        ["make", "demo"],
        ["make", "test"],
    ]


@needs_make
@pytest.mark.parametrize(
    ("target", "command"),
    [("demo", "kvx-emu run boards/cluster.dts scripts/smoke.yaml"), ("test", "python -m pytest -n auto")],
)
def test_make_does_what_the_readme_says(target, command):
    # -o: as if the environment were there already, so that nothing is set up.
    status, out, _ = make("--no-print-directory", "-n", "-o", ".venv/.ready", target)
    assert status == 0
    assert out.strip().endswith(command)


@needs_make
def test_make_demo_prints_the_table():
    folder = Path(sys.executable).parent
    if not (folder / "kvx-emu").exists() or importlib.util.find_spec("kvx_emu") is None:
        pytest.skip("kvx-emu is not installed here")
    status, out, _ = make("-o", ".venv/.ready", "demo", f"BIN={folder}")
    assert status == 0
    assert "core      tick  event        line  from" in out
    assert re.search(r"; (\d+) of \1 expectations held$", out, re.MULTILINE)
