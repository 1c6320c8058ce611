"""Small broken trees, and some odd but good ones: the verdict of cpp and dtc 1.8.1, except where listed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from dt_reading import allowed

from kvx_emu.dt.load import load_tree
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from kvx_emu.errors import Finding

# What we refuse and dtc 1.8.1 takes, with the code of the first error.
STRICTER = {
    "bits8_big": "number",  # a number its element has no room for
    "too_big": "number",  # the same
    "incbin_cwd_escape": "file-outside",  # a file outside the tree's folder: 5.6
    "plugin": "overlay",  # an overlay where a base is needed: section 7, 28
}
# Where there is no verdict: dtc (or cpp before it) did not end.
UNDECIDED = {"billion_laughs": "cpp-limit"}


def findings(path: Path) -> tuple[Finding, ...]:
    """What a file is refused for; nothing if it is accepted."""
    try:
        load_tree(str(path))
    except InputError as error:
        return error.findings
    return ()


def test_every_tree_gets_the_verdict_of_dtc_or_a_listed_one(shared: Path) -> None:
    folder = shared / "malformed"
    table = json.loads((folder / "verdicts.json").read_text())
    assert len(table) == 49
    first = {}
    for name, (code, _) in table.items():
        start = time.process_time()
        found = findings(folder / f"{name}.dts")
        if found:
            first[name] = found[0].code
            assert all(finding.place.line and str(finding) for finding in found), name
        assert time.process_time() - start < allowed(2), name
        if name not in STRICTER and name not in UNDECIDED:
            assert (name in first) == (code != 0), name
    assert {name: first.get(name) for name in STRICTER} == STRICTER
    assert {name: first.get(name) for name in UNDECIDED} == UNDECIDED


def test_an_overlay_is_good_where_one_may_stand(shared: Path) -> None:
    tree = load_tree(str(shared / "malformed" / "plugin.dts"), plugin=True)
    assert [node.path for node in tree.nodes()] == [
        "/", "/fragment@0", "/fragment@0/__overlay__", "/__fixups__",
    ]  # fmt: skip
    assert tree.node("/__fixups__").strings("foo") == ["/fragment@0:target:0"]


def test_a_file_outside_is_read_when_that_is_asked_for(shared: Path) -> None:
    path = str(shared / "malformed" / "incbin_cwd_escape.dts")
    with pytest.raises(InputError, match="outside"):
        load_tree(path)
    assert load_tree(path, anywhere=True).root.raw("a")
