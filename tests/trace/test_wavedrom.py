"""WaveJSON, and what WaveDrom draws of it."""

from __future__ import annotations

import json

import pytest
from command import ROOT, board_of, kvx_process

from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.formats.wavedrom import MOST_COLUMNS
from kvx_emu.trace.setting import Setting

SETTING = Setting(board="b.dts", script="s.yaml")


def drawn(path, rows, setting=SETTING):
    sink = open_sink(str(path), setting)
    for row in rows:  # in chunks of one
        sink.add([row])
    sink.flush()
    sink.close()
    return json.loads(path.read_text())


def lanes(picture):
    """Return (wave, words) of each lane by "group lane"."""
    return {
        f"{group[0]} {lane['name']}": (lane["wave"], lane["data"])
        for group in picture["signal"][2:]
        for lane in group[1:]
    }


def test_a_column_is_a_tick_and_a_lane_a_line(tmp_path):
    picture = drawn(
        tmp_path / "t.wavedrom.json",
        [
            (0, 0, 0, "send", 24, None, None, 6),
            (40, 0, 1, "request", 24, 0, 0, 0),
            (40, 0, 2, "masked", 24, 0, 0, 0),
            (60, 0, 1, "enter", 24, None, None, 0x1000000),
            (70, 0, 1, "coalesced", 25, 0, 0, 0),
            (90, 0, 1, "exit", 24, None, None, 0),
            (95, 0, None, "mailbox", 3, None, None, 1),
        ],
    )
    assert picture["head"] == {"text": "s.yaml on b.dts"}
    assert picture["signal"][0] == {
        "name": "tick",
        "wave": "222222",
        "data": ["0", "40", "60", "70", "90", "95"],
    }
    assert lanes(picture) == {
        "cluster 0 others": ("0....2", ["mailbox"]),
        "pe0 send 24": ("20....", ["0x6"]),
        "pe1 ipi24": ("035.20", ["req", "enter", "exit"]),
        "pe1 ipi25": ("0..20.", ["coal"]),
        "pe2 ipi24": ("0x0...", []),
    }


def test_a_handler_that_takes_no_time_has_a_box(tmp_path):
    rows = [(5, 0, 1, event, 24, None, None, 0) for event in ("request", "enter", "exit")]
    picture = drawn(tmp_path / "t.wavedrom.json", [*rows, (9, 0, 1, "wake", None, None, None, 0)])
    assert lanes(picture) == {
        "pe1 ipi24": ("50", ["+2 exit"]),
        "pe1 others": ("02", ["wake"]),
    }


def test_a_reset_ends_the_handlers_of_its_core(tmp_path):
    rows = [
        (1, 0, 1, "enter", 24, None, None, 0),
        (2, 0, 1, "reset", None, None, None, 0),
        (3, 0, 2, "wake", None, None, None, 0),
    ]
    assert lanes(drawn(tmp_path / "t.wavedrom.json", rows))["pe1 ipi24"] == ("50.", ["enter"])


def test_a_handler_that_a_reset_ends_at_once_has_a_box(tmp_path):
    rows = [(2, 0, 1, "enter", 24, None, None, 0), (2, 0, 1, "reset", None, None, None, 0)]
    picture = drawn(tmp_path / "t.wavedrom.json", [*rows, (3, 0, 2, "wake", None, None, None, 0)])
    assert lanes(picture)["pe1 ipi24"] == ("50", ["enter"])


def test_what_does_not_fit_is_counted_below(tmp_path):
    rows = [(tick, 0, 1, "wake", None, None, None, 0) for tick in range(MOST_COLUMNS + 7)]
    picture = drawn(tmp_path / "t.wavedrom.json", rows)
    assert len(picture["signal"][0]["wave"]) == MOST_COLUMNS
    assert picture["foot"]["text"].startswith("cut after tick 199: 7 rows more, see --from and --to; ")


@pytest.mark.parametrize(
    "script", ["smoke", "nesting", "mask-and-coalesce", "devices", "power", "linux-traffic"]
)
def test_wavedrom_draws_every_lane_and_word(tmp_path, script):
    import wavedrom

    file, out = ROOT / "scripts" / f"{script}.yaml", tmp_path / "t.wavedrom.json"
    assert kvx_process("run", board_of(file), file, "--trace", out, "--format", "none", "-q").status == 0
    picture = json.loads(out.read_text())
    columns = len(picture["signal"][0]["wave"])
    found = lanes(picture)
    assert {len(wave) for wave, _ in found.values()} == {columns}
    for wave, words in found.values():
        assert sum(wave.count(box) for box in "235") == len(words)
    svg = wavedrom.render(out.read_text()).tostring()
    for group in picture["signal"][2:]:
        assert f">{group[0]}<" in svg
        for lane in group[1:]:
            assert f">{lane['name']}<" in svg
            assert all(f">{word}<" in svg for word in lane["data"])
