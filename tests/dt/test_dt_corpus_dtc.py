"""dtc's own test trees: what dtc 1.8.1 makes of them, and which it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from dt_reading import differences

from kvx_emu.dt.load import load_tree
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

# Trees that dtc 1.8.1 takes and we refuse: it cuts a number that its cell has no room for and warns; 1.6.1
# refuses it, as we do.
REFUSED = {
    "base01.dts": "'123456789012345' does not fit 32 bits",
    "cell-overflow.dts": "'0xfffffffeffffffff' does not fit 32 bits",
}
SEARCHED = ("search_dir", "search_dir_b", "search_dir_b/search_subdir")  # by dtc's own test run, with -i


def load(folder: Path, name: str) -> bytes:
    folders = [str(folder / each) for each in SEARCHED]
    return load_tree(str(folder / name), folders=folders, plugin=True).to_dtb()


def verdicts(shared: Path) -> dict[str, bool]:
    """Whether dtc 1.8.1 accepts each tree; its crashes and time-outs are no verdicts."""
    table = json.loads((shared / "dtc-tests" / "verdicts.json").read_text())
    codes = {name: each["dtc-1.8.1"] for name, each in table.items()}
    return {name: code == 0 for name, code in codes.items() if isinstance(code, int) and code >= 0}


def test_what_dtc_accepts_has_the_same_meaning_to_us(shared: Path) -> None:
    folder = shared / "dtc-tests"
    names = [name for name, accepted in verdicts(shared).items() if accepted]
    assert len(names) == 121
    refused = {}
    for name in names:
        try:
            blob = load(folder, name)
        except InputError as error:
            refused[name] = str(error)
        else:
            assert differences(blob, (folder / "expected" / f"{name}.dtb").read_bytes()) == [], name
    assert refused.keys() == REFUSED.keys()
    for name, why in REFUSED.items():
        assert why in refused[name]


def test_what_dtc_refuses_is_refused_at_a_place(shared: Path) -> None:
    names = [name for name, accepted in verdicts(shared).items() if not accepted]
    assert len(names) == 31
    for name in names:
        with pytest.raises(InputError) as caught:
            load(shared / "dtc-tests", name)
        assert all(finding.place.line is not None for finding in caught.value.findings), name
