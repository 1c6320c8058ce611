"""Every access to the IPI controller that was recorded on Kalray's QEMU, replayed on ours.

On the profile `qemu` all is equal. On the profile `hardware` all is equal but for the differences of the
table below, each of which says exactly what we give instead; docs/hardware-choices.md says why.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from replaying import (
    BUS_ERROR,
    PROJECT,
    Board,
    Request,
    Step,
    comparable,
    number,
    recorded,
    sequences,
    watched,
)

from kvx_emu.core_id import RM, CoreId
from kvx_emu.hw import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_24 = 0x01000000
PINS = 0x1FFFF

NAMES = {
    "reset-and-lines": 39,
    "masks": 89,
    "mask-bits-above-16": 70,
    "offsets-other-than-0-and-0x20": 76,
    "access-sizes": 27,
    "memset": 8,
    "aliases-and-reset": 13,
}
"""The sequences and their steps."""

replay = pytest.mark.parametrize("name", NAMES)


def test_the_recording_has_these_sequences(shared):
    assert {name: len(steps) for name, steps in sequences(shared, "ipi").items()} == NAMES


# As QEMU


@replay
def test_the_profile_qemu_does_all_that_was_recorded(shared, name):
    board, devices = Board(registry.QEMU), watched(shared, "ipi", name)
    for step in sequences(shared, "ipi")[name]:
        if step["op"] == "reset":
            board = board.after_reset()
        else:
            assert comparable(board.step(step), devices) == recorded(step, devices), step


# As the hardware


class Word(NamedTuple):
    """The part of a recorded step that falls on one aligned word, and what QEMU gave for it."""

    cluster: int
    block: bool  # whether it is in an IPI controller
    offset: int  # from the controller's base, if it is
    address: int
    value: int | None  # None: a read
    read: int | None  # what QEMU's read gave


def words(step: Step) -> Iterator[Word]:
    """Yield the whole words of a step; QEMU drops the rest of it."""
    address, size, value = int(step["addr"], 16), step["size"], number(step["value"])
    if step["op"] == "memset":
        assert value is not None
        value = int.from_bytes(bytes([value]) * size, "little")
    for at in range(0, size - size % 4, 4):
        if (address + at) % 4:
            continue
        local = (address + at) % 0x01000000
        yield Word(
            cluster=max((address + at) // 0x01000000 - 1, 0),
            block=0xAD0000 <= local < 0xAD1000,
            offset=local - 0xAD0000,
            address=address + at,
            value=None if value is None else value >> 8 * at & 0xFFFFFFFF,
            read=None if step["result"] is None else int(step["result"], 16) >> 8 * at & 0xFFFFFFFF,
        )


class Shadow:
    """What the words written so far leave in registers, for those whose effect QEMU does not show."""

    def __init__(self) -> None:
        self._masks: dict[tuple[int, int], int] = {}

    def mask(self, word: Word, number: int) -> int:
        return self._masks.get((word.cluster, number), 0)

    def note(self, word: Word) -> None:
        if word.block and word.value is not None and 0x20 <= word.offset < 0x40:
            self._masks[word.cluster, (word.offset - 0x20) // 4] = word.value & PINS


class Instead(NamedTuple):
    """What we give for a word: this result, and these targets (pid, line) after QEMU's."""

    result: int | str | None
    targets: tuple[tuple[int, int], ...] = ()


# Each difference: the words that it is about, and what we give for them. None: nothing else than QEMU.


def sets_1_to_7(word: Word, shadow: Shadow) -> Instead | None:
    """QEMU: read 0, write nothing. Ours: a set as the first one."""
    if not word.block or word.offset not in {*range(0x04, 0x20, 4), *range(0x24, 0x40, 4)}:
        return None
    which = word.offset % 0x20 // 4
    if word.value is None:
        assert word.read == 0
        return Instead(shadow.mask(word, which)) if word.offset >= 0x20 else None
    if word.offset >= 0x20:
        return None
    reached = word.value & PINS & ~shadow.mask(word, which)
    return Instead(None, tuple((pid, 24 + which) for pid in range(17) if reached >> pid & 1))


def mask_width(word: Word, shadow: Shadow) -> Instead | None:
    """QEMU: MASK reads as the 32 bits written. Ours: 17 of them."""
    if word.block and word.offset == 0x20 and word.read is not None and word.read > PINS:
        return Instead(word.read & PINS)
    return None


def rm_wired(word: Word, shadow: Shadow) -> Instead | None:
    """QEMU: bit 16 of INTERRUPT reaches nobody. Ours: the RM, last, unless it is masked."""
    if not word.block or word.offset != 0 or word.value is None:
        return None
    reached = word.value & ~shadow.mask(word, 0) & 1 << RM
    return Instead(None, ((RM, 24),)) if reached else None


def nothing_there(word: Word, shadow: Shadow) -> Instead | None:
    """QEMU: read 0, write nothing. Ours: a bus error."""
    return None if word.block else Instead(BUS_ERROR)


def whole_words_only(step: Step) -> bool:
    """QEMU: cut into words, parts of a word dropped. Ours: a bus error."""
    return step["op"] != "memset" and (step["size"] != 4 or int(step["addr"], 16) % 4 != 0)


SIZES = "Size and alignment of an access"

DIFFERENCES = {
    "Register sets 1 to 7": sets_1_to_7,
    "Bits of MASK": mask_width,
    "Is the RM wired?": rm_wired,
    "An address that nothing modelled answers": nothing_there,
}
"""By their headings in docs/hardware-choices.md; and `SIZES`, which is about a step, not a word."""

USED = {
    "Register sets 1 to 7": 29,
    "Bits of MASK": 19,
    "Is the RM wired?": 24,
    "An address that nothing modelled answers": 4,
    SIZES: 18,
}
"""How many words (steps for `SIZES`) of the recording come out differently for each reason."""


def replay_as_hardware(steps: list[Step]) -> Counter[str]:
    """Replay a sequence, see that each step is as recorded or differs as listed; count the differences."""
    used: Counter[str] = Counter()
    board, shadow = Board(registry.HARDWARE), Shadow()
    for step in steps:
        if step["op"] == "reset":
            board, shadow = Board(registry.HARDWARE), Shadow()
            continue
        if whole_words_only(step):
            used[SIZES] += 1
            assert board.access(int(step["addr"], 16), step["size"], number(step["value"])) == BUS_ERROR, step
            assert board.requests() == [], step
        # What follows for a refused access is what QEMU made of it, so that later steps stay comparable.
        theirs = [(pid, line, int(ilr, 16)) for pid, line, ilr in step["core"]]
        for word in words(step):
            result: int | str | None = word.read
            requests: list[Request] = []
            if word.block and word.offset == 0:
                requests, theirs = [(word.cluster, *request) for request in theirs], []
            for name, difference in DIFFERENCES.items():
                instead = difference(word, shadow)
                if instead is not None:
                    used[name] += instead != Instead(word.read)
                    result = instead.result
                    for pid, line in instead.targets:
                        before = board.machine.core[CoreId(word.cluster, pid)].ilr
                        requests.append((word.cluster, pid, line, before | 1 << line))
            shadow.note(word)
            assert board.access(word.address, 4, word.value) == result, (step, word)
            assert board.requests() == requests, (step, word)
        assert theirs == [], step
        for core in board.machine.core.values():  # of the lines QEMU has 24 alone
            core.poke("ILR", core.ilr & LINE_24)
    return used


@replay
def test_the_hardware_differs_from_qemu_only_as_listed(shared, name):
    replay_as_hardware(sequences(shared, "ipi")[name])


def test_every_listed_difference_is_met_so_many_times(shared):
    used: Counter[str] = Counter()
    for steps in sequences(shared, "ipi").values():
        used += replay_as_hardware(steps)
    assert used == USED


@pytest.mark.parametrize("name", [*DIFFERENCES, SIZES])
def test_every_listed_difference_is_explained_in_the_documentation(name):
    text = (PROJECT / "docs" / "hardware-choices.md").read_text(encoding="utf-8")
    assert f"\n### {name}\n" in text
