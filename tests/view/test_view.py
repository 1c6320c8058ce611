"""The viewer in the terminal: what its window holds, what is drawn, and that the keys do what they say."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest
from command import KVX, ROOT
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from kvx_emu.errors import InputError, UsageError
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.text import FORMATS
from kvx_emu.view import app
from kvx_emu.view.rows import RUNS, WAITS, Rows
from kvx_emu.view.screen import Help, Timeline, Viewer, describe
from kvx_emu.view.window import ORDER, Window

MASKED = "\N{MULTIPLICATION SIGN}"

ROWS = [
    (0, 0, 0, "send", 24, None, None, 0b110),
    (10, 0, 1, "request", 24, 0, 0, 0),
    (10, 0, 2, "masked", 24, 0, 0, 0),
    (20, 0, 1, "enter", 24, None, None, 1 << 24),
    (25, 0, 0, "send", 24, None, None, 0b10),
    (30, 0, 1, "request", 24, 0, 0, 0),
    (30, 0, 1, "coalesced", 24, 0, 0, 0),
    (40, 0, 1, "exit", 24, None, None, 0),
    (50, 0, None, "mailbox", 7, 0, 9, 2),
    (70, 0, 1, "reset", None, None, None, 1),
]

ANY_ROW = st.tuples(
    st.integers(0, 60) | st.integers(0, (1 << 63) - 1),
    st.none() | st.integers(0, 2),
    st.none() | st.integers(0, 16),
    st.sampled_from(EVENTS),
    st.none() | st.integers(0, 3),
    st.none(),
    st.none(),
    st.integers(0, (1 << 64) - 1),
)


def window(rows=ROWS, columns=80, height=10):
    return Window(Rows([rows]), columns, height)


def drawn(seen, index):
    return "".join(cell.glyph for cell in seen.cells(seen.lanes[index], seen.edges()))


# Rows


def test_rows_come_back_as_they_were():
    rows = [(tick, *row[1:]) for tick, row in enumerate(ROWS)]
    odd = [
        (20 + number, None, None, event, None, None, None, (1 << 64) - 1)
        for number, event in enumerate(EVENTS)
    ]
    kept = Rows([rows, [], odd])
    assert [kept[number] for number in range(len(kept))] == [*rows, *odd]
    assert (kept.first, kept.last) == (0, 20 + len(EVENTS) - 1)


def test_lanes_stand_by_cluster_and_core_and_know_their_rows():
    kept = Rows([ROWS[:4], ROWS[4:]])
    found = [(lane.core, lane.name, list(lane.numbers)) for lane in kept.lanes]
    assert found == [
        ("cluster 0", "mailbox", [8]),
        ("pe0", "", [0, 4]),
        ("pe1", "", [9]),
        ("pe1", "ipi24", [1, 3, 5, 6, 7, 9]),
        ("pe2", "ipi24", [2]),
    ]


def test_a_lane_knows_whether_it_runs_or_waits_after_each_row():
    lane = Rows([ROWS]).lanes[3]
    assert list(lane.states) == [WAITS, RUNS, RUNS | WAITS, RUNS | WAITS, WAITS, WAITS]


def test_a_reset_ends_the_handlers_of_its_core():
    rows = [
        (0, 0, 1, "enter", 24, None, None, 0),
        (5, 0, 1, "reset", None, None, None, 0),
        (9, 0, 1, "mask", 24, None, None, 0),
    ]
    assert drawn(window(rows, 10), 1) == "\N{FULL BLOCK}" * 5 + "R    "


# The window


def test_columns_show_states_and_the_most_telling_event():
    seen = window(columns=71)
    line = drawn(seen, 3)
    assert (
        line[9:21]
        == " \N{BLACK CIRCLE}" + "\N{BOX DRAWINGS LIGHT TRIPLE DASH HORIZONTAL}" * 9 + "\N{FULL BLOCK}"
    )
    assert line[30] == "\N{WHITE DIAMOND}"
    assert line[70] == "R"
    assert drawn(seen, 4).strip() == "\N{MULTIPLICATION SIGN}"
    assert drawn(seen, 1) == "\N{BLACK RIGHT-POINTING TRIANGLE}".join(["", " " * 24, " " * 45])


def test_no_event_is_lost_when_a_column_holds_many():
    rows = [(tick, 0, 1, "mask", 24, None, None, 0) for tick in range(1000)]
    rows.insert(700, (699, 0, 1, "fault", None, None, None, 0xAD0000))
    seen = window(rows, 10)
    assert seen.scale == 100
    assert drawn(seen, 0) == "mmmmmm!mmm"


@given(st.lists(ANY_ROW, min_size=1, max_size=30), st.integers(1, 40), st.integers(0, 70))
def test_a_column_shows_the_first_in_order_of_its_events(rows, columns, doublings):
    seen = window(sorted(rows, key=lambda each: each[0]), columns)
    seen.zoom(doublings)
    for lane in seen.lanes:
        for column, cell in enumerate(seen.cells(lane, seen.edges())):
            left = seen.start + column * seen.scale
            there = [seen.rows[number] for number in lane.numbers]
            events = {each[3] for each in there if left <= each[0] < left + seen.scale}
            assert cell.event == next((event for event in ORDER if event in events), "")


def test_the_whole_trace_is_seen_at_first():
    seen = window([(tick, 0, 0, "mask", 24, None, None, 0) for tick in (1000, 50_000)], 60)
    assert (seen.start, seen.tick, seen.scale) == (1000, 1000, 817)
    assert seen.column(50_000) == 59


def test_zooming_keeps_the_cursor_in_its_column():
    seen = window([(tick, 0, 0, "mask", 24, None, None, 0) for tick in (0, 64_000)], 64)
    seen.go_to(32_000)
    assert (seen.scale, seen.column(seen.tick)) == (1001, 31)
    seen.zoom(3)
    assert (seen.scale, seen.column(seen.tick), seen.tick) == (125, 31, 32_000)
    seen.zoom(20)
    assert seen.scale == 1
    seen.zoom(-30)
    assert seen.scale == 1001


def test_the_cursor_stays_within_the_trace_and_the_picture_follows():
    seen = window([(tick, 0, 0, "mask", 24, None, None, 0) for tick in (100, 1000)], 100)
    seen.zoom(10)
    seen.move(-5)
    assert (seen.tick, seen.start) == (100, 100)
    seen.move(120)
    assert (seen.tick, seen.start) == (220, 121)
    seen.move(5000)
    assert (seen.tick, seen.start) == (1000, 901)
    seen.scroll(-50)
    assert (seen.tick, seen.start) == (950, 851)


def test_lanes_scroll_with_the_cursor():
    seen = window(height=2)
    seen.select(1)
    assert (seen.lane, seen.top) == (1, 0)
    seen.select(3)
    assert (seen.lane, seen.top) == (4, 3)
    seen.select(-100)
    assert (seen.lane, seen.top) == (0, 0)


def test_next_and_previous_go_through_all_rows_of_a_lane():
    seen = window()
    seen.select(3)
    found = []
    while seen.step(1):
        found.append(seen.row()[:4])
    expected = [ROWS[number][:4] for number in (1, 3, 5, 6, 7, 9)]
    assert found == expected
    back = [seen.row()[:4]]
    while seen.step(-1):
        back.append(seen.row()[:4])
    assert back == expected[::-1]


def test_next_and_previous_begin_at_the_cursor():
    seen = window()
    seen.select(3)
    seen.go_to(22)
    assert seen.step(1)
    assert seen.tick == 30
    seen.go_to(22)
    assert seen.step(-1)
    assert seen.tick == 20


@pytest.mark.parametrize(
    ("text", "lanes", "rows"),
    [
        ("pe1", ["pe1 ", "pe1 ipi24"], 7),
        ("pe1 ipi*", ["pe1 ipi24"], 6),
        ("pe0,pe2", ["pe0 ", "pe2 ipi24"], 3),
        ("masked,coalesced", ["pe1 ipi24", "pe2 ipi24"], 2),
        ("PE1 masked,request", ["pe1 ipi24"], 2),
        ("cluster*,mailbox", ["cluster 0 mailbox"], 1),
        ("", ["cluster 0 mailbox", "pe0 ", "pe1 ", "pe1 ipi24", "pe2 ipi24"], 11),
    ],
)
def test_a_filter_chooses_lanes_and_events(text, lanes, rows):
    seen = window()
    assert seen.narrow(text)
    assert [f"{lane.rows.core} {lane.rows.name}" for lane in seen.lanes] == lanes
    assert sum(len(lane.numbers) for lane in seen.lanes) == rows


def test_a_filter_by_event_shows_handlers_still():
    seen = window(columns=71)
    seen.narrow("coalesced")
    line = drawn(seen, 0)
    assert line.count("\N{WHITE DIAMOND}") == 1
    assert "\N{BLACK CIRCLE}" not in line
    assert line[21:30] == "\N{FULL BLOCK}" * 9


def test_a_filter_that_fits_nothing_changes_nothing():
    seen = window()
    assert not seen.narrow("pe9")
    assert len(seen.lanes) == 5
    assert seen.filter == ""


def test_the_selected_lane_stays_selected_when_it_passes_the_filter():
    seen = window()
    seen.select(4)
    seen.narrow("pe1,pe2")
    assert seen.selected.rows.core == "pe2"


def test_a_trace_without_rows_can_be_looked_at():
    seen = window([])
    seen.move(5)
    seen.zoom(-3)
    seen.select(2)
    assert not seen.step(1)
    assert seen.row() is None
    assert seen.narrow("")


# The screen


def shown(rows, keys, look, size=(120, 14), clock_hz=10**9):
    """Press `keys` in a viewer, then return what `look` finds."""

    async def run():
        viewer = Viewer(Rows([rows]), "t.csv", clock_hz)
        async with viewer.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
            return look(viewer)

    return asyncio.run(run())


def lines(viewer):
    """Return what the timeline shows, line by line."""
    timeline = viewer.query_one(Timeline)
    return [timeline.render_line(y).text.rstrip() for y in range(timeline.size.height)]


def detail(viewer):
    return viewer.told


def head(viewer):
    return viewer.heading


def test_the_screen_at_60_columns():
    assert shown(ROWS, ["down", "down", "down", "n"], lines, (60, 14)) == [
        "                   0 (0 ns)                 50 (50 ns)",
        "tick               ┬────────────────────────┬───────────────",
        " cluster 0 mailbox                          │",
        " pe0               ▶           ▶",
        " pe1                                                  R",
        "▸            ipi24      ●┄┄┄┄█████◇█████┄┄┄┄┄┄┄┄┄┄┄┄┄┄R",
        f" pe2         ipi24      {MASKED}",
        "",
        "",
    ]


def test_the_screen_at_120_columns():
    assert shown(ROWS, [], lines, (120, 12), clock_hz=None) == [
        "                   " + "".join(f"{tick:<5}" for tick in range(0, 71, 5)).rstrip(),
        "tick               " + 14 * "┬────" + "┬" + 30 * "─",
        "▸cluster 0 mailbox                                                   │",
        " pe0               ▶                        ▶",
        " pe1                                                                                     R",
        "             ipi24           ●┄┄┄┄┄┄┄┄┄██████████◇██████████┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄R",
        f" pe2         ipi24           {MASKED}",
    ]


def test_the_head_says_what_is_shown():
    assert shown(ROWS, [], head, (60, 14)) == "t.csv: 10 rows, 5 lanes, 2 ticks a column"


def test_the_row_under_the_cursor_is_told_in_full():
    found = shown(ROWS, ["down", "down", "down", "n", "n", "n", "n"], detail, (60, 14))
    assert found == "tick 30 (30 ns)  coalesced  pe1  ipi24  from pe0  value 0x0  2 of 2 in this column"
    assert shown(ROWS, [], detail) == "tick 0 (0 ns)  cluster 0 mailbox  no row in this column"


def test_a_row_reads_well():
    assert describe(ROWS[0]) == "send  pe0  ipi24  value 0x6"
    assert describe(ROWS[8]) == "mailbox  cluster 0  input 7  from pe9  value 0x2"
    assert describe((5, 1, 16, "fault", None, None, None, 0xAD0000)) == "fault  c1.rm  value 0xad0000"


KEYS = [
    (["right"], 7, 0),
    (["l", "l", "h"], 7, 0),
    (["right", "right", "left"], 7, 0),
    (["down", "j", "k"], 0, 1),
    (["j", "j", "up"], 0, 1),
    (["pagedown"], 0, 3),
    (["pagedown", "pageup"], 0, 0),
    (["end"], 700, 0),
    (["end", "home"], 0, 0),
    (["L"], 350, 0),
    (["L", "ctrl+left"], 0, 0),
    (["ctrl+right", "H"], 0, 0),
    (["j", "n", "n"], 250, 1),
    (["j", "n", "n", "p"], 0, 1),
    (["end", "+", "+", "left"], 699, 0),
    (["end", "+", "+", "-", "left"], 698, 0),
    (["end", "+", "+", "0", "left"], 693, 0),
    (["g", "1", ",", "0", "enter"], 10, 0),
    (["g", "9", "escape"], 0, 0),
    (["g", "x", "enter"], 0, 0),
]
"""Keys that are pressed at the begin of a trace, and the tick and lane to which they lead."""


def test_keys_do_what_they_say():
    async def run():
        viewer = Viewer(Rows([[(10 * row[0], *row[1:]) for row in ROWS]]), "t.csv", None)
        found = []
        async with viewer.run_test(size=(120, 11)) as pilot:
            await pilot.pause()
            for keys, _, _ in KEYS:
                viewer.window.lane = 0
                viewer.window.go_to(0)
                viewer.window.whole()
                await pilot.press(*keys)
                await pilot.pause()
                found.append((keys, viewer.window.tick, viewer.window.lane))
        return found

    assert asyncio.run(run()) == KEYS


def test_the_end_of_a_lane_is_told():
    assert shown(ROWS, ["n", "n"], detail) == "No later row in this lane."
    assert shown(ROWS, ["p"], detail) == "No earlier row in this lane."


def test_a_tick_that_is_none_is_told():
    assert shown(ROWS, ["g", "x", "enter"], detail) == "x is no tick; expected a number, as 12000."


def test_a_filter_is_asked_for_and_shown():
    keys = ["slash", "p", "e", "1", "space", "i", "p", "i", "asterisk", "enter"]
    assert shown(ROWS, keys, head) == "t.csv: 10 rows, 1 lanes, 1 tick a column, filter pe1 ipi*"
    assert shown(ROWS, ["slash", "z", "enter"], detail) == "Nothing fits the filter z; it stays as it was."
    assert shown(ROWS, [*keys, "slash"], lambda viewer: viewer.query_one(Input).value) == "pe1 ipi*"


def test_letters_that_are_asked_for_are_no_keys():
    assert shown(ROWS, ["slash", "q", "n"], lambda viewer: viewer.query_one(Input).value) == "qn"


def test_the_question_mark_shows_the_keys_and_hides_them():
    assert shown(ROWS, ["question_mark"], lambda viewer: isinstance(viewer.screen, Help))
    assert not shown(ROWS, ["question_mark", "escape"], lambda viewer: isinstance(viewer.screen, Help))


def test_q_leaves():
    async def run():
        viewer = Viewer(Rows([ROWS]), "t.csv", None)
        async with viewer.run_test() as pilot:
            await pilot.press("q")
        return viewer.is_running

    assert asyncio.run(run()) is False


def test_the_mouse_points():
    async def run():
        viewer = Viewer(Rows([ROWS]), "t.csv", None)
        async with viewer.run_test(size=(120, 14)) as pilot:
            await pilot.pause()
            await pilot.click(Timeline, offset=(19 + 30, 5))
            return viewer.window.row()

    assert asyncio.run(run()) == ROWS[5]


def test_the_wheel_scrolls_and_zooms():
    def turned(viewer):
        timeline, seen = viewer.query_one(Timeline), viewer.window
        found = []
        for turn, held in [("down", ""), ("up", ""), ("down", "shift"), ("up", "ctrl"), ("down", "ctrl")]:
            event = SimpleNamespace(ctrl=held == "ctrl", shift=held == "shift", stop=lambda: None)
            getattr(timeline, f"on_mouse_scroll_{turn}")(event)
            found.append((seen.lane, seen.tick, seen.scale))
        return found

    rows = [(10 * row[0], *row[1:]) for row in ROWS]
    assert shown(rows, [], turned) == [(3, 0, 7), (0, 0, 7), (0, 84, 7), (0, 84, 3), (0, 84, 6)]


def test_without_colours_all_is_there(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    found = shown(ROWS, [], lambda viewer: (viewer.no_color, lines(viewer)[5]), (60, 14))
    assert found == (True, "             ipi24      ●┄┄┄┄█████◇█████┄┄┄┄┄┄┄┄┄┄┄┄┄┄R")


def test_an_empty_trace_says_so():
    assert shown([], ["right", "n", "0"], detail) == "The trace has no rows."


# The command


def test_a_trace_is_read_from_its_file(tmp_path):
    header, form = FORMATS["csv"]
    path = tmp_path / "t.csv"
    path.write_text(header + form(ROWS))
    rows, clock_hz = app.read(str(path))
    assert [rows[number] for number in range(len(rows))] == ROWS
    assert clock_hz is None


def test_a_file_that_holds_no_trace_is_told_before_the_screen_opens(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("no trace\n")
    with pytest.raises(InputError):
        app.read(str(path))


def test_what_is_no_terminal_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"^trace view needs a terminal"):
        app.view(str(tmp_path / "t.csv"))


def test_without_textual_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "textual", None)
    with pytest.raises(
        UsageError, match=r"^textual is not installed; expected it: pip install 'kvx-emu\[view\]'$"
    ):
        app.view("t.csv")


def test_the_command_opens_the_screen_and_leaves_it(tmp_path):
    header, form = FORMATS["csv"]
    (tmp_path / "t.csv").write_text(header + form(ROWS))
    ours, theirs = pty.openpty()
    options = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "cwd": tmp_path}
    environment = os.environ | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*KVX, "trace", "view", "t.csv"], env=environment, **options) as process:
        os.close(theirs)
        hangs = threading.Timer(60, process.kill)
        hangs.start()
        shown = b""
        with suppress(OSError):  # that is how Linux tells that the other side is closed
            while part := os.read(ours, 65536):
                shown += part
                if b"ipi24" in shown and b"quit" in shown:
                    os.write(ours, b"q")
        os.close(ours)
        assert process.wait() == 0
        hangs.cancel()
    assert b"10 rows" in shown


def test_without_a_terminal_nothing_is_opened():
    with pytest.raises(UsageError, match=r"^trace view needs a terminal; expected standard input and output"):
        app.view("t.csv")
