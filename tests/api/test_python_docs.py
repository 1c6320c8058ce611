"""The examples of README.md and docs/python.md are run, and give what they show."""

from __future__ import annotations

import doctest
import re

from command import ROOT

BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name):
    """Return (kind, code, number of its first line) of each block of Python in a document."""
    text = (ROOT / name).read_text("utf-8")
    return [(found[1], found[2], text.count("\n", 0, found.start()) + 1) for found in BLOCK.finditer(text)]


def test_the_examples_of_python_md_do_what_they_show(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    told: list[str] = []
    kinds = []
    for kind, code, line in blocks("docs/python.md"):
        kinds.append(kind)
        if kind == "python":
            exec(compile("\n" * line + code, "docs/python.md", "exec"), names)
            continue
        test = doctest.DocTestParser().get_doctest(code, names, f"line {line}", "docs/python.md", line)
        runner.run(test, out=told.append, clear_globs=False)
        names = test.globs
    assert "".join(told) == ""
    assert {"python", "pycon"} == set(kinds)
    assert runner.summarize(verbose=False).attempted > 15


def test_the_readme_prints_what_it_says(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (code,) = (code for kind, code, _ in blocks("README.md") if kind == "python")
    exec(compile(code, "README.md", "exec"), {})
    said = re.findall(r"^print\(.*\) +# (.*)$", code, re.MULTILINE)
    assert len(said) == 2
    assert capsys.readouterr().out.splitlines() == said
