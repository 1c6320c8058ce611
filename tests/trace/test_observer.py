"""Sinks that are told what makes no row: which lines of a core are enabled."""

from __future__ import annotations

import pytest
from command import BOARD, ROOT, script_file

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.engine.choose import Choice
from kvx_emu.job import engine_of, prepare
from kvx_emu.trace.sink import Filter, Observer

STEPS = """\
enable: {cores: [pe1], lines: [25]}
wait: 10
sfr: {core: pe2, register: ILE, write: 0x3000000}
send: {from: pe0, to: [pe1], line: 25}
wait: 10
disable: {cores: [pe1, pe2], lines: [24]}
stop: {cores: [pe3]}
wait: 10
start: {cores: [pe3]}
stop: {cores: [pe3], reset: true}
"""


class Notes:
    """Keeps rows and notices as they come."""

    def __init__(self) -> None:
        self.all: list[object] = []

    def add(self, rows):
        self.all.extend(rows)

    def enabled(self, tick, core, lines):
        self.all.append((tick, str(core), lines))

    def flush(self):
        """Nothing is held back."""

    close = abandon = flush


def told(tmp_path, engine, head, **shown):
    script = script_file(tmp_path, STEPS, head)
    job = prepare(lambda: load_tree(str(ROOT / BOARD)), str(script))
    notes = Notes()
    engine_of(job, Choice(engine, ""), [Filter(notes, **shown)]).run()
    return [note for note in notes.all if len(note) == 3], notes.all


@pytest.mark.parametrize("engine", ["reference", "vector"])
def test_an_observer_hears_of_each_core_at_the_start_and_of_each_change(tmp_path, engine):
    changes, everything = told(tmp_path, engine, "software: bare\n", cores={CoreId(0, 1), CoreId(0, 2)})
    assert changes == [
        (0, "pe1", 0),
        (0, "pe2", 0),
        (0, "pe1", 0x2000000),
        (10, "pe2", 0x3000000),
        (20, "pe2", 0x2000000),  # pe1 had no such line enabled
    ]
    rows = [(note[0], note[3]) for note in everything if len(note) == 8]
    assert rows == [(10, "request")]
    assert everything.index((10, 0, 1, "request", 25, 0, 0, 0)) == 4  # after what was made before it


def test_an_observer_hears_that_linux_takes_a_cpu_offline_and_online_and_of_a_reset(tmp_path):
    changes, _ = told(tmp_path, "reference", "", cores={CoreId(0, 3)})
    assert [lines for _, _, lines in changes] == [0x1000000, 0, 0x1000000, 0]
    assert [tick for tick, _, _ in changes] == [0, 20, 30, 30]


def test_a_filter_keeps_what_comes_after_its_last_tick_from_an_observer(tmp_path):
    changes, _ = told(tmp_path, "reference", "software: bare\n", cores={CoreId(0, 1)}, last=15)
    assert changes == [(0, "pe1", 0), (0, "pe1", 0x2000000)]


def test_a_sink_of_rows_alone_is_no_observer():
    class Rows:
        def add(self, rows): ...
        def flush(self): ...
        def close(self): ...
        def abandon(self): ...

    assert not isinstance(Rows(), Observer)
    Filter(Rows()).enabled(0, CoreId(0, 0), 0)  # nobody hears it
