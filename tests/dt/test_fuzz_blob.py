"""A short form of the fuzz of blobs against libfdt; KVX_EMU_FUZZ_SECONDS=60 makes it the long one of CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import fuzz_blob
import pytest
from blob_mutants import assemble, mutant, sources

from kvx_emu.dt.load import read_tree

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Tree

try:
    LIBRARY = fuzz_blob.Libfdt()
except OSError:
    pytest.skip("libfdt.so.1 is not installed", allow_module_level=True)

SEEDS = sources(fuzz_blob.shared_data())
ROOT = bytes.fromhex("00000001 00000000 00000002")
NOP, END = bytes.fromhex("00000004"), bytes.fromhex("00000009")


def blob(structure: bytes, strings: bytes = b"a\0", reservations: bytes = bytes(16)) -> bytes:
    return assemble((17, 16, 0), reservations, structure, strings)


def judged(data: bytes) -> fuzz_blob.Result:
    result = fuzz_blob.Result()
    fuzz_blob.judge(data, 0, LIBRARY, result)
    return result


def test_mutants_are_to_us_what_they_are_to_libfdt() -> None:
    seconds = float(os.environ.get("KVX_EMU_FUZZ_SECONDS", "5"))
    result = fuzz_blob.run_all(SEEDS, seed=7, mutants=1 << 40, seconds=seconds, jobs=1)
    assert result.violations == {}
    for verdict in ("accepted, libfdt accepted", "refused, libfdt refused", "refused, libfdt accepted"):
        assert result.verdicts[verdict] > 0


def test_all_that_mutants_are_made_of_is_good() -> None:
    assert len(SEEDS) >= 7
    for seed in SEEDS:
        assert LIBRARY.accepts(seed.data)
        assert fuzz_blob.difference(read_tree(seed.data, "seed"), seed.data, LIBRARY) is None
        again = assemble(seed.version, seed.reservations, b"".join(seed.tokens), seed.strings)
        assert read_tree(again, "seed").to_dtb() == read_tree(seed.data, "seed").to_dtb()


def test_the_same_numbers_make_the_same_mutants() -> None:
    drawn = [mutant(SEEDS, 3, index) for index in range(100)]
    assert drawn == [mutant(SEEDS, 3, index) for index in range(100)]
    assert len(set(drawn)) > 80
    assert drawn != [mutant(SEEDS, 4, index) for index in range(100)]


def test_nops_after_the_root_are_the_one_thing_that_only_we_accept() -> None:
    assert LIBRARY.accepts(blob(ROOT + END))
    assert judged(blob(ROOT + NOP + NOP + END)).violations == {}
    assert fuzz_blob.without_nops_after_root(blob(ROOT + NOP + END)) == blob(ROOT + END + bytes(4))


def test_a_length_that_makes_libfdt_go_backwards_does_not_stop_the_fuzz() -> None:
    data = blob(ROOT[:8] + bytes.fromhex("00000003 fffffff4 00000000") + ROOT[8:] + END)
    result = judged(data)
    assert result.violations == {}
    assert result.codes == {"dtb-structure": 1}


GOOD = blob(ROOT + END)
WITH_PROPERTY = blob(ROOT[:8] + bytes.fromhex("00000003 00000000 00000000") + ROOT[8:] + END)


@pytest.mark.parametrize(
    ("given", "read", "violation"),
    [
        (GOOD[:-4], GOOD, "only-we-accept"),
        (blob(ROOT + ROOT + END), GOOD, "only-we-accept"),
        (GOOD, b"", "exception-IndexError"),
        (GOOD, GOOD[:-4], "only-libfdt-accepts-dtb-size"),
        (GOOD, WITH_PROPERTY, "tree"),
        (WITH_PROPERTY, GOOD, "tree"),
        (GOOD, blob(ROOT + END, reservations=bytes(15) + b"\1" + bytes(16)), "tree"),
    ],
)
def test_a_defect_of_the_reader_is_found(
    given: bytes, read: bytes, violation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(data: bytes, name: str) -> Tree:
        if not read:
            raise IndexError
        return read_tree(read, name)

    assert judged(given).violations == {}
    monkeypatch.setattr(fuzz_blob, "read_tree", defective)
    assert list(judged(given).violations) == [violation]
