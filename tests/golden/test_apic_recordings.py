"""Every access to mailboxes, GIC and itgens that was recorded on Kalray's QEMU, replayed on ours.

On the profile `qemu` all is equal: what reads give, every change of a pin, every message that an interrupt
generator sends and every request that reaches a core. On the profile `hardware` all is as `apic_oracle` says
with all differences, which are listed there, and which docs/hardware-choices.md explains; without them
it says what QEMU did. So a step that differs does so for these reasons alone, and in the way they say.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import NamedTuple

import pytest
from apic_oracle import ADD, COUNT, DIFFERENCES, ENABLE, FALLS, FUNC, NOTHING, SELECT, SIZES, TRIGGER, Oracle
from replaying import (
    BUS_ERROR,
    PROJECT,
    RECORDER,
    Board,
    comparable,
    number,
    recorded,
    sequences,
    watched,
    with_serial_ports,
)

from kvx_emu.core_id import CoreId
from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError

NAMES = {
    ("mailbox", "registers"): 456,
    ("mailbox", "bits"): 194,
    ("mailbox", "every-mailbox"): 242,
    ("mailbox", "odd-accesses"): 44,
    ("gic", "lines"): 696,
    ("gic", "enable-access-sizes"): 47,
    ("gic", "lac-access-sizes"): 9,
    ("gic", "fan-out"): 166,
    ("gic", "fan-in"): 487,
    ("chain", "itgen-registers"): 65,
    ("chain", "itgen-to-core"): 100,
    ("chain", "itgen-bad-targets"): 31,
    ("chain", "direct-msi"): 11,
    ("chain", "uart-to-core"): 14,
}
"""The sequences and their steps."""

replay = pytest.mark.parametrize(("recording", "name"), NAMES)


@pytest.fixture(autouse=True)
def serial_ports(monkeypatch):
    """A UART is the one device that was recorded."""
    with_serial_ports(monkeypatch)


def test_the_recordings_have_these_sequences(shared):
    assert {
        (recording, name): len(steps)
        for recording in ("mailbox", "gic", "chain")
        for name, steps in sequences(shared, recording).items()
    } == NAMES


# As QEMU


@replay
def test_the_profile_qemu_does_all_that_was_recorded(shared, recording, name):
    board, devices = Board(registry.QEMU), watched(shared, recording, name)
    for step in sequences(shared, recording)[name]:
        if step["op"] == "reset":
            board = board.after_reset()
        else:
            assert comparable(board.step(step), devices) == recorded(step, devices), step


# As the hardware


EVERYTHING = frozenset(DIFFERENCES)

USED = {
    TRIGGER: 329,
    FALLS: 272,
    SELECT: 41,
    SIZES: 21,
    ENABLE: 14,
    NOTHING: 9,
    COUNT: 8,
    ADD: 6,
    FUNC: 6,
    "steps that differ": 646,
}
"""In how many steps of the recordings each difference has a part; in some have several."""


def replay_as_hardware(shared, recording, name):
    """Replay a sequence, see that each step is as the oracle says; count the steps of each difference."""
    used = Counter()
    devices = watched(shared, recording, name)
    board, oracle, qemu = Board(registry.HARDWARE), Oracle(EVERYTHING), Oracle(frozenset())
    without = {difference: Oracle(EVERYTHING - {difference}) for difference in DIFFERENCES}
    alone = {difference: Oracle(frozenset({difference})) for difference in DIFFERENCES}
    for step in sequences(shared, recording)[name]:
        if step["op"] == "reset":
            board, oracle, qemu = board.after_reset(), oracle.after_reset(), qemu.after_reset()
            without = {difference: other.after_reset() for difference, other in without.items()}
            alone = {difference: other.after_reset() for difference, other in alone.items()}
            continue
        theirs, ours = qemu.step(step), oracle.step(step)
        assert comparable(theirs, devices) == recorded(step, devices), step
        assert board.step(step) == ours, step
        used.update(
            {difference for difference, other in without.items() if other.step(step) != ours}
            | {difference for difference, other in alone.items() if other.step(step) != theirs}
        )
        used["steps that differ"] += ours != theirs
    return used


@replay
def test_the_hardware_differs_from_qemu_only_as_listed(shared, recording, name):
    replay_as_hardware(shared, recording, name)


def test_every_listed_difference_is_met_so_many_times(shared):
    used = Counter()
    for recording, name in NAMES:
        used += replay_as_hardware(shared, recording, name)
    assert used == USED


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_listed_difference_is_explained_in_the_documentation(name):
    text = (PROJECT / "docs" / "hardware-choices.md").read_text(encoding="utf-8")
    assert f"\n### {name}\n" in text


# Accesses that abort that QEMU


class Answer(NamedTuple):
    """What an access gives, and what it leaves: the enabled inputs of the output that it is about, if any."""

    result: int | str | None
    enabled: tuple[int, ...] = ()
    result_as_qemu: int | str | None = None


FATAL = {
    "gic 1-byte write at input 157": Answer(None),
    "gic 1-byte read at input 157": Answer(0, result_as_qemu=0),
    "gic 2-byte write 0x9c": Answer(None, enabled=(156,)),
    "gic 4-byte write 0x9c": Answer(None, enabled=(156,)),
    "gic 8-byte read 0x98": Answer(0, result_as_qemu=0),
    "gic 8-byte write 0x98": Answer(None, enabled=(152,)),
    "gic 1-byte write 0x9e (one above: fine)": Answer(None),
    "pwr-ctrl VEC_WUP=0xffff (PE wake-up)": Answer(None),
    "itgen 2-byte write at PARAM+2 (rejected)": Answer(BUS_ERROR),
}
"""What we answer. The recordings of all but the last three have nothing but the death of QEMU."""

profiles = pytest.mark.parametrize("profile", registry.PROFILES)


def fatal_accesses(shared):
    recorded = json.loads((shared / "golden" / "fatal.json").read_text())
    return {access["what"]: access for access in recorded}


def test_the_recording_of_fatal_accesses_has_these(shared):
    assert list(fatal_accesses(shared)) == list(FATAL)


def states(board):
    """Return what all blocks and cores remember."""
    found = {path: built.model.state() for path, built in board.machine.blocks.items()}
    return found | {core_id: core_state(core) for core_id, core in board.machine.core.items()}


def core_state(core):
    return (core.state, core.pc, *(core.peek(name) for name in core.sfrs()))


@profiles
@pytest.mark.parametrize("what", FATAL)
def test_an_access_that_aborts_qemu_is_answered(shared, what, profile):
    access, answer = fatal_accesses(shared)[what], FATAL[what]
    board = Board(profile)
    before = states(board)
    expected = answer.result if profile == registry.HARDWARE else answer.result_as_qemu
    assert board.access(int(access["addr"], 16), access["size"], number(access["value"])) == expected
    gic = "/soc/interrupt-controller@1a20000"
    changed = {path for path, state in states(board).items() if state != before[path]}
    if answer.enabled:
        assert changed == {gic}
        enable = [board.access(0xA20000 + number, 1, None) for number in range(157)]
        assert tuple(number for number, enabled in enumerate(enable) if enabled) == answer.enabled
    else:
        assert changed == ({"/soc/power-controller@1a40000"} if "pwr-ctrl" in what else set())
    assert board.seen() == ((), (), ())


@profiles
@pytest.mark.parametrize(
    ("address", "size", "value", "read"),
    [
        (0xA20098, 8, 0x0101010101010101, 0x0000000101010101),  # inputs 152 to 156, and nothing behind
        (0xA2009C, 4, 0x01010101, 0x00000001),
        (0xA2009C, 2, 0x0101, 0x0001),
        (0xA2009D, 1, 0x01, 0x00),
    ],
)
def test_an_access_across_the_last_input_is_to_the_inputs_that_there_are(address, size, value, read, profile):
    board = Board(profile)
    assert board.access(address, size, value) is None
    assert board.access(address, size, None) == read


# Accesses that nobody recorded

ITGENS = [(0x27000000, 0x1110), (0x27000280, 0x60), (0x27010000, 0x1110)]
HOT = [(0xA00000, 0x40), (0xA0F000, 0x400), (0xA00000, 0x10000), (0xA20000, 0x140), (0xA20000, 0x12000)]
"""Where the blocks are that the oracle knows, in a window."""


def random_step(random):
    """Return a step as a recording has them: often one that sets something up that a later one meets."""
    window = WINDOW * random.choice([0, 0, 0, 1, 2, 5])
    kinds = "any any post post mailbox gic gic itgen line line line lac value value"
    kind = random.choice(kinds.split())
    write = {"op": "write", "size": 8}
    mailbox, output = random.choice([0, 1, 5, 120, 121]), random.choice([0, 3, 14, 64, 70])
    number, line = random.choice([0, 1, 5, 120, 130, 156]), random.choice([0, 41, 42, 271])
    in_window = window + 0xA00000 + mailbox * 0x200
    if kind == "any":
        address, size = any_access(random, [(window + start, size) for start, size in HOT] + ITGENS)
        value = random.choice([None, hex(some_value(random, size))])
        return {
            "op": "read" if value is None else "write",
            "addr": hex(address),
            "size": size,
            "value": value,
        }
    if kind == "post":
        value = random.choice([1, 2, 3, 1 << 63, (1 << 64) - 1, random.getrandbits(64)])
        return write | {"addr": hex(in_window + random.choice([0, 0, 0, 8])), "value": hex(value)}
    if kind == "value":
        return {"op": "read", "addr": hex(in_window + random.choice([0, 8])), "size": 8, "value": None}
    if kind == "mailbox":
        offset, value = random.choice(
            [
                (0x10, 3),
                (0x10, (1 << 64) - 1),
                (0x10, 0),
                (0x18, random.randrange(6) << 8 | random.randrange(4)),
            ]
        )
        return write | {"addr": hex(in_window + offset), "value": hex(value)}
    if kind == "gic":
        address = window + 0xA20000 + output * 0x400 + number
        return {"op": "write", "addr": hex(address), "size": 1, "value": random.choice(["0x1", "0x1", "0x0"])}
    if kind == "lac":
        address = window + 0xA20120 + output * 0x400 + 8 * random.randrange(3)
        return {"op": "read", "addr": hex(address), "size": 8, "value": None}
    which = random.choice([0, 0, 1])
    if kind == "itgen":
        cfg = (
            mailbox | random.choice([0, 1, 4, 5]) << 8 | random.choice([0, 1, 63]) << random.choice([18, 24])
        )
        offset, value = random.choice([(0, cfg), (8, 1), (8, 1), (8, 0), (8, 2)])
        address = 0x27000000 + 0x10000 * which + 0x10 * line + offset
        return {"op": "write", "addr": hex(address), "size": 4, "value": hex(value)}
    path, line = random.choice(
        [(f"itgen{which}", line), (f"cluster[{random.randrange(5)}]/apic-gic", number)]
    )
    level = random.choice(["0x1", "0x1", "0x0"])
    return {"op": "set_irq_in", "path": f"/machine/{path}", "line": line, "value": level}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("profile", "ours"), [(registry.QEMU, frozenset()), (registry.HARDWARE, EVERYTHING)])
def test_steps_that_nobody_recorded_do_as_the_oracle_says(profile, ours, seed):
    random = Random(seed)
    board, oracle = Board(profile), Oracle(ours)
    met = Counter()
    for _ in range(2500):
        step = random_step(random)
        effects = board.step(step)
        assert effects == oracle.step(step), step
        for name, seen in zip(effects._fields, effects, strict=True):
            met[name] += bool(seen)
    assert met["result"] > 100
    assert min(met["changes"], met["messages"], met["requests"]) > 10


WINDOW = 0x01000000
PLACES = [
    (0xA00000, 0x10000),
    (0xA20000, 0x12000),
    (0xA40000, 0x4158),
    (0xA44180, 8),
    (0xAD0000, 0x1000),
    # and where their registers are dense
    (0xA00000, 0x20),
    (0xA20000, 0x138),
    (0xA40000, 0x60),
    (0xA41000, 0x70),
    (0xA44040, 0x30),
    (0xAD0000, 0x40),
]
"""The blocks in a cluster's window."""
OUTSIDE = [
    (0x10181000, 0x418),
    (0x20210000, 0x100),
    (0x27000000, 0x1104),
    (0x27010000, 0x1104),
    (0x0, 1 << 64),
]


def any_access(random, places):
    """Return (address, size) in one of the blocks, or a bit before or behind it; most are aligned."""
    start, length = random.choice(places)
    address = max(0, start + random.randrange(-16, length + 16))
    size = random.choice([1, 2, 4, 4, 4, 8, 8, 8, 3, 16])
    return (address - address % size if random.random() < 0.75 else address), size


def some_value(random, size):
    return random.choice(
        [0, 1, (1 << 8 * size) - 1, random.getrandbits(8 * size), 1 << random.randrange(8 * size)]
    )


def answers(board, core, address, size, value):
    """Access, see that the answer is one that a bus can give, and return it."""
    found = board.access(address, size, value, core)
    if found == BUS_ERROR:
        assert board.profile == registry.HARDWARE
    elif value is None:
        assert 0 <= found < 1 << 8 * size
    else:
        assert found is None
    return found


@profiles
@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_access_there_is_a_value_or_a_bus_error(profile, seed):
    random = Random(seed)
    board = Board(profile)
    windows = [(base + window * WINDOW, size) for window in range(7) for base, size in PLACES]
    outcomes = Counter()
    for _ in range(3000):
        core = random.choice(board.machine.cores)
        address, size = any_access(random, random.choice([windows, windows, OUTSIDE]))
        value = random.choice([None, some_value(random, size)])
        found = answers(board, core, address, size, value)
        outcomes[found if found in {BUS_ERROR, None} else "value"] += 1
        if random.random() < 0.1:
            model = random.choice([model for model in board.models.values() if model.inputs])
            model.input(random.randrange(model.inputs), random.random() < 0.7)
    assert min(outcomes.values()) > 300
    assert set(outcomes) == ({BUS_ERROR, None, "value"} if profile == registry.HARDWARE else {None, "value"})


@pytest.mark.parametrize("seed", range(3))
def test_a_refused_access_changes_nothing(seed):
    random = Random(seed)
    board = Board(registry.HARDWARE)
    refused = 0
    for _ in range(500):
        address, size = any_access(random, PLACES)
        value = some_value(random, size)
        try:
            model = board.machine.locate(RECORDER, address)[0]
        except BusError:
            continue
        before, _ = model.state(), board.seen()
        if answers(board, RECORDER, address, size, value) == BUS_ERROR:
            refused += 1
            assert model.state() == before
            assert board.seen() == ((), (), ())
    assert refused > 100


@profiles
@pytest.mark.parametrize("cluster", range(5))
def test_accesses_to_a_cluster_change_no_other(profile, cluster):
    random = Random(cluster)
    board = Board(profile)
    gic = board.models[f"cluster[{cluster}]/apic-gic"]
    before = states(board)
    inside = CoreId(cluster, random.choice([0, 7, 16]))
    for _ in range(1000):
        core = random.choice([inside, random.choice(board.machine.cores)])
        window = 0 if core.cluster == cluster and random.random() < 0.5 else (cluster + 1) * WINDOW
        address, size = any_access(random, PLACES)
        value = random.choice([None, some_value(random, size)])
        answers(board, core, window + address, size, value)
        if random.random() < 0.1:
            gic.input(random.randrange(gic.inputs), True)
    changed = {name for name, state in states(board).items() if state != before[name]}
    cores = {name for name in changed if isinstance(name, CoreId)}
    assert {core.cluster for core in cores} == {cluster}
    start = f"{cluster + 1:x}a"
    blocks = {path.partition("@")[2] for path in changed - cores}
    assert blocks <= {f"{start}00000", f"{start}20000", f"{start}40000", f"{start}d0000"}
    assert len(blocks) > 1
