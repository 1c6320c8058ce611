"""A short form of the fuzz of source against dtc; CI runs `fuzz_source.py` for longer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import fuzz_source
import pytest

if TYPE_CHECKING:
    from pathlib import Path


def test_mutants_of_good_trees_are_to_us_what_they_are_to_dtc(shared: Path) -> None:
    program = shutil.which("dtc")
    if program is None:
        pytest.skip("dtc is not installed")
    texts = fuzz_source.seeds(shared, program)
    result = fuzz_source.run(texts, seed=7, program=program, seconds=10, count=1000)
    assert result.failures == []
    assert result.accepted > 0


def test_the_same_seed_makes_the_same_mutants() -> None:
    text = "/dts-v1/;\n/ { l: n { a = <1>; }; };\n"
    first, second = (fuzz_source.mutants([text], 5) for _ in range(2))
    drawn = [next(first) for _ in range(50)]
    assert drawn == [next(second) for _ in range(50)]
    assert len(set(drawn)) > 40
