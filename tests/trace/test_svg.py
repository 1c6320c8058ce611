"""The timeline as a picture: what is drawn, what it says of itself, and that it stays small and legible."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_rows import many, row

from kvx_emu.core_id import CoreId
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.formats.svg import MOST_ROWS, SvgSink
from kvx_emu.trace.formats.svg.axis import Axis, Stretch, hertz, nice, stretches, time_text
from kvx_emu.trace.formats.svg.bins import MOST_BINS, Bins
from kvx_emu.trace.formats.svg.lanes import (
    BY_CLUSTER,
    BY_CORE,
    BY_LINE,
    MOST,
    TOGETHER,
    Lane,
    band_name,
    level_of,
)
from kvx_emu.trace.formats.svg.story import Story
from kvx_emu.trace.formats.svg.summed import _steps
from kvx_emu.trace.setting import Setting

CORES = tuple(CoreId(0, pid) for pid in range(17))
SETTING = Setting(cores=CORES, board="cluster.dts", script="smoke.yaml")

ROWS = [
    (0, 0, 0, "mask", 24, None, None, 0xFFFF0000),
    (0, 0, 0, "send", 24, None, None, 0b10010),
    (0, 0, 4, "masked", 24, 0, 0, 0),
    (20, 0, 1, "request", 24, 0, 0, 0),
    (30, 0, 1, "enter", 24, None, None, 1 << 24),
    (40, 0, 2, "send", 24, None, None, 0b10),
    (60, 0, 1, "request", 24, 0, 2, 0),
    (60, 0, 1, "coalesced", 24, 0, 2, 0),
    (70, 0, 1, "request", 26, None, None, 0),
    (70, 0, 1, "enter", 26, None, None, 1 << 26),
    (90, 0, 1, "exit", 26, None, None, 0),
    (130, 0, 1, "exit", 24, None, None, 1 << 24),
    (135, 0, 1, "clear", 24, 0, 1, 0),
    (140, 0, None, "mailbox", 7, 0, 9, 2),
    (150, 0, 3, "fault", None, None, None, 0xAD0000),
    (160, 0, 3, "wake", None, None, None, 0),
    (170, 0, 3, "reset", None, None, None, 1),
]

UNCUT = [(0, 0, 5, "enter", 25, None, None, 0), (1000, 0, 5, "exit", 25, None, None, 0)]
"""A handler that lasts all the time, so that none is cut out."""


def drawn(tmp_path, rows, setting=SETTING, chunk=1000):
    path = tmp_path / "t.svg"
    path.unlink(missing_ok=True)
    sink = open_sink(str(path), setting)
    for start in range(0, len(rows), chunk):
        sink.add(rows[start : start + chunk])
    sink.flush()
    assert not path.exists()
    sink.close()
    return path.read_text(encoding="utf-8")


def elements(svg):
    """Return all elements, each as (tag, classes, element)."""
    return [
        (each.tag.split("}")[1], each.get("class", "").split(), each) for each in ET.fromstring(svg).iter()
    ]


def marks(svg):
    """Return how many marks there are of each event; those of the legend have no tooltip."""
    return Counter(kind[0] for tag, kind, each in elements(svg) if tag == "use" and len(each))


def texts(svg):
    return ["".join(each.itertext()) for tag, _, each in elements(svg) if tag == "text"]


def with_class(svg, name):
    return [each for _, kind, each in elements(svg) if name in kind]


# Single rows


def test_each_row_is_a_mark_and_each_handler_a_bar(tmp_path):
    svg = drawn(tmp_path, ROWS)
    events = Counter(each[3] for each in ROWS)
    handlers = events.pop("enter")
    del events["exit"]
    assert marks(svg) == events
    assert len(with_class(svg, "handler")) == handlers


def test_a_request_is_an_arrow_from_the_send_that_made_it():
    story = Story(ROWS)
    own = [Lane(0, 0, -2), Lane(0, 2, -2)]
    assert [tuple(arrow) for arrow in story.arrows] == [
        (own[0], 0, Lane(0, 4, 24), 0, "masked"),
        (own[0], 0, Lane(0, 1, 24), 20, "request"),
        (own[1], 40, Lane(0, 1, 24), 60, "request"),
    ]


def test_requests_that_overtake_no_other_keep_the_order_of_their_sends():
    rows = [
        (0, 0, 0, "send", 24, None, None, 0b10),
        (10, 0, 0, "send", 24, None, None, 0b10),
        (20, 0, 1, "request", 24, 0, 0, 0),
        (30, 0, 1, "coalesced", 24, 0, 0, 0),
    ]
    assert [(arrow.sent, arrow.came) for arrow in Story(rows).arrows] == [(0, 20), (10, 30)]


def test_a_masked_request_takes_the_write_of_its_tick_though_earlier_ones_are_under_way():
    rows = [
        (0, 0, 0, "send", 24, None, None, 0b10),
        (10, 0, 0, "send", 24, None, None, 0b10),
        (10, 0, 1, "masked", 24, 0, 0, 0),
        (20, 0, 1, "request", 24, 0, 0, 0),
    ]
    assert [(arrow.event, arrow.sent) for arrow in Story(rows).arrows] == [("masked", 10), ("request", 0)]


def test_arrows_of_masked_and_coalesced_requests_look_different(tmp_path):
    rows = [*ROWS[:3], (20, 0, 1, "coalesced", 24, 0, 0, 0)]
    kinds = [kind for _, kind, each in elements(drawn(tmp_path, rows)) if "arrow" in kind and each.get("d")]
    assert kinds == [["arrow"], ["arrow", "masked"], ["arrow", "coalesced"]]  # the first is the legend's


def test_a_handler_is_thin_while_another_preempts_it():
    outer, inner = Story(ROWS).handlers
    assert list(outer.pieces(0, 170)) == [(30, 70, True), (70, 90, False), (90, 130, True)]
    assert list(inner.pieces(0, 170)) == [(70, 90, True)]


def test_a_handler_that_is_preempted_at_once_runs_once_the_other_has_ended():
    rows = [
        (0, 0, 1, "enter", 24, None, None, 0),
        (0, 0, 1, "enter", 25, None, None, 0),
        (5, 0, 1, "exit", 25, None, None, 0),
        (9, 0, 1, "exit", 24, None, None, 0),
    ]
    first, second = Story(rows).handlers
    assert list(first.pieces(0, 9)) == [(0, 5, False), (5, 9, True)]
    assert list(second.pieces(0, 9)) == [(0, 5, True)]


def test_a_send_of_no_core_makes_no_arrow():
    rows = [(0, None, None, "send", 24, None, None, 2), (4, 0, 1, "request", 24, None, None, 0)]
    assert Story(rows).arrows == []


def test_waiting_ends_with_the_handler_or_the_clearing_or_not_at_all():
    rows = [
        (0, 0, 1, "request", 24, None, None, 0),
        (5, 0, 1, "enter", 24, None, None, 0),
        (6, 0, 1, "request", 24, None, None, 0),
        (7, 0, 1, "clear", 24, None, None, 0),
        (8, 0, 1, "request", 24, None, None, 0),
    ]
    assert [tuple(wait[1:]) for wait in Story(rows).waits] == [(0, 5), (6, 7), (8, None)]


def test_a_handler_can_begin_before_the_trace_and_end_after_it(tmp_path):
    rows = [
        (10, 0, 1, "mask", 24, None, None, 0),
        (20, 0, 1, "exit", 24, None, None, 0),
        (30, 0, 2, "enter", 24, None, None, 0),
        (50, 0, 2, "mask", 24, None, None, 0),
    ]
    before, after = Story(rows).handlers
    assert list(before.pieces(10, 50)) == [(10, 20, True)]
    assert list(after.pieces(10, 50)) == [(30, 50, True)]
    svg = drawn(tmp_path, rows)
    assert "enter before the trace" in svg
    assert "exit after the trace" in svg


def test_a_reset_ends_the_handlers_of_its_core():
    rows = [
        (0, 0, 1, "enter", 24, None, None, 0),
        (0, 0, 2, "enter", 24, None, None, 0),
        (5, 0, 1, "reset", None, None, None, 1),
    ]
    assert [handler.last for handler in Story(rows).handlers] == [5, None]


def test_what_is_pointed_at_tells_its_tick_event_and_sender(tmp_path):
    tips = [
        each.find("{*}title").text for each in with_class(drawn(tmp_path, ROWS), "coalesced") if len(each)
    ]
    assert tips == ["coalesced at pe1\ntick 60 (60 ns)\nipi24\nfrom pe2\nvalue 0x0"]


def test_a_bar_tells_when_it_began_and_how_long_it_ran(tmp_path):
    bar = with_class(drawn(tmp_path, ROWS), "handler")[0]
    assert bar.find("{*}title").text == (
        "handler of ipi24 on pe1\nenter tick 30 (30 ns)\nexit tick 130 (130 ns)\nran 80 ticks"
    )


def test_the_head_names_script_board_cores_and_time(tmp_path):
    svg = drawn(tmp_path, ROWS)
    assert "smoke.yaml on cluster.dts" in texts(svg)
    middle = "17 rows \N{MIDDLE DOT} 5 of 17 cores \N{MIDDLE DOT} ticks 0 to 170 (170 ns, a tick at 1 GHz)"
    assert middle in texts(svg)
    title, description = (with_id(svg, "kvx-title"), with_id(svg, "kvx-desc"))
    assert title == "smoke.yaml on cluster.dts"
    assert "3 request" in description


def with_id(svg, name):
    return next(each.text for _, _, each in elements(svg) if each.get("id") == name)


def test_lanes_bear_the_names_of_cores_lines_and_events_outside_cores(tmp_path):
    found = texts(drawn(tmp_path, ROWS))
    bands = ["cluster 0", "mailbox", "pe0", "pe1", "pe2", "pe3", "pe4"]
    assert [name for name in found if name in bands] == bands
    assert {"ipi24", "ipi26"} <= set(found)


def test_cores_without_rows_are_named_together(tmp_path):
    assert "No row of 12 of 17 cores: pe5-15, rm" in texts(drawn(tmp_path, ROWS))


def test_a_mark_outside_the_lines_has_its_name_beside_it(tmp_path):
    found = texts(drawn(tmp_path, [*ROWS[:2], ROWS[-1], (900, 0, 3, "op", 24, None, None, 1), *UNCUT]))
    assert "mask 0xffff0000, ipi24" in found
    assert "reset: watchdog" in found
    assert "call_func" in found


def test_no_text_is_empty(tmp_path):
    rows = [(tick, 0, core, "ack", None, 0, 1, 1) for tick in range(9) for core in (1, 1, None)]
    assert "" not in texts(drawn(tmp_path, [*rows, *UNCUT]))


def test_a_name_that_does_not_fit_beside_its_mark_is_shorter_or_left_out(tmp_path):
    sends = [(tick, 0, 0, "send", 24, None, None, 1) for tick in (0, 20, 30, 60, 1000)]
    found = texts(drawn(tmp_path, [*sends, *UNCUT]))
    assert [name for name in found if name in {"ipi24", "24"}] == ["24", "ipi24", "ipi24"]


def test_the_legend_explains_what_is_there_and_nothing_else(tmp_path):
    found = texts(drawn(tmp_path, ROWS[:3]))
    assert "masked: not kept" in found
    assert "coalesced: absorbed by a pending one" not in found
    assert "handler" not in found


def test_colours_follow_what_the_reader_prefers_and_nothing_is_fetched(tmp_path):
    svg = drawn(tmp_path, ROWS)
    light, dark = svg.split("@media (prefers-color-scheme: dark) {", 1)
    painted = r"^(\.kvx[^{]*) \{[^}]*#[0-9a-f]"
    only_light = {".kvx .inside"}  # white on a bar that is blue in both
    assert set(re.findall(painted, light, re.MULTILINE)) == {
        *re.findall(painted, dark.split("</style>")[0], re.MULTILINE),
        *only_light,
    }
    assert "var(" not in svg  # what is no browser knows no variables
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<(script|image|foreignObject)|@import|url\((?!#kvx-)", svg)


def test_a_trace_without_rows_says_so(tmp_path):
    assert texts(drawn(tmp_path, [])) == [
        "smoke.yaml on cluster.dts",
        "0 rows \N{MIDDLE DOT} 0 of 17 cores \N{MIDDLE DOT} ticks 0 to 0 (0 ns, a tick at 1 GHz)",
        "The trace has no rows.",
    ]


def test_a_trace_of_which_nothing_else_is_known_has_a_heading(tmp_path):
    assert texts(drawn(tmp_path, ROWS, Setting()))[0] == "Interrupts of a trace"


def test_names_that_xml_can_not_hold_or_that_are_too_long_do_no_harm(tmp_path):
    svg = drawn(tmp_path, ROWS, SETTING._replace(script="<&\x00" + "x" * 500))
    head = texts(svg)[0]
    assert head.startswith("<&\N{REPLACEMENT CHARACTER}" + "x" * 500)  # the whole name is the tooltip
    assert head.endswith("x\N{HORIZONTAL ELLIPSIS}")


@given(st.lists(row, max_size=40))
def test_whatever_the_rows_are_the_picture_is_xml(tmp_path_factory, rows):
    svg = drawn(tmp_path_factory.mktemp("any"), rows, Setting())
    events = Counter(each[3] for each in rows)
    del events["enter"], events["exit"]
    if "bins of" not in svg:
        assert marks(svg) == events


def test_the_same_rows_give_the_same_bytes_however_they_come(tmp_path):
    assert drawn(tmp_path, ROWS, chunk=1) == drawn(tmp_path, ROWS)
    rows = many(2 * MOST_ROWS)
    whole = drawn(tmp_path, rows, chunk=len(rows))
    assert drawn(tmp_path, rows, chunk=7) == whole
    assert drawn(tmp_path, Columns.from_rows(rows), chunk=3000) == whole


def test_an_abandoned_picture_leaves_nothing(tmp_path):
    sink = SvgSink(str(tmp_path / "t.svg"), SETTING)
    sink.add(ROWS)
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


# Many rows


def storm(number, cores=17, clusters=1):
    """Return rows of a send, a request, an enter and an exit each, 10 ticks apart."""
    rows = []
    for index in range(number):
        cluster, core = index // cores % clusters, index % cores
        tick = index * 10
        rows += [
            (tick, cluster, (core + 1) % cores, "send", 24, None, None, 1 << core),
            (tick, cluster, core, "request", 24, cluster, (core + 1) % cores, 0),
            (tick + 1, cluster, core, "enter", 24, None, None, 0),
            (tick + 5, cluster, core, "exit", 24, None, None, 0),
        ]
    return rows


def test_rows_that_are_too_many_are_summed_up_and_the_picture_says_so(tmp_path):
    svg = drawn(tmp_path, storm(25_000))
    assert "100,000 rows in 245 bins of 1,024 ticks; for single requests use --from and --to." in texts(svg)
    assert marks(svg) == Counter()
    assert len(with_class(svg, "lane")) == 34


def test_the_sums_of_lanes_are_the_counts_of_their_rows(tmp_path):
    svg = drawn(tmp_path, storm(17_000))
    assert "In all 17,000 sent, 17,000 delivered, 0 coalesced, 0 masked." in with_id(svg, "kvx-desc")
    tips = [each.find("{*}title").text for each in with_class(svg, "lane")]
    assert tips == ["1,000 sent", "1,000 delivered"] * 17
    assert texts(svg).count("1,000") == 34 + 0
    assert "coalesced" not in texts(svg)


def test_bins_hold_every_row_once():
    bins = Bins()
    rows = many(10_000)
    for start in range(0, len(rows), 100):
        bins.add(rows[start : start + 100])
    expected = Counter(
        each[3] if each[3] in {"send", "request", "enter", "coalesced", "masked"} else "other"
        for each in rows
        if each[3] != "exit"
    )
    found = Counter()
    for (_, kind), counts in bins.counts.items():
        found[kind] += counts.total()
    assert found == expected
    first, last = bins.span
    assert MOST_BINS // 2 <= last - first + 1 <= MOST_BINS


def test_bins_of_columns_are_those_of_rows():
    rows = many(5000)
    from_rows, from_columns = Bins(), Bins()
    from_rows.add(rows)
    from_columns.add(Columns.from_rows(rows))
    assert from_rows.counts == from_columns.counts
    assert from_rows.rows == from_columns.rows == 5000


def test_rows_before_the_first_ones_have_their_bins_too():
    bins = Bins()
    bins.add([(10_000, 0, 0, "send", 24, None, None, 1)])
    bins.add([(0, 0, 0, "send", 24, None, None, 1)])
    assert bins.width == 32
    assert list(bins.counts.values()) == [Counter({0: 1, 312: 1})]


@pytest.mark.parametrize(
    ("clusters", "lines", "level"),
    [(5, 1, BY_LINE), (5, 5, BY_CORE), (64, 1, BY_CLUSTER), (400, 1, TOGETHER)],
)
def test_lanes_are_merged_until_they_are_few_enough(clusters, lines, level):
    lanes = [Lane(c, core, line) for c in range(clusters) for core in range(17) for line in range(lines)]
    assert level_of(lanes) == level
    assert len({lane.merged(level) for lane in lanes}) <= MOST


def test_a_board_of_64_clusters_has_a_lane_for_each_cluster(tmp_path):
    svg = drawn(tmp_path, storm(1088, clusters=64))
    assert "Too many cores for a lane each: a lane shows all cores of a cluster." in texts(svg)
    assert "4,352 rows in 170 bins of 64 ticks; for single requests use --core, --from and --to." in texts(
        svg
    )
    assert len(with_class(svg, "lane")) == 128
    assert "cluster 63" in texts(svg)


def test_too_many_lines_share_the_lane_of_their_core(tmp_path):
    rows = [
        (core * 10 + cluster, cluster, core, "request", line, None, None, 0)
        for cluster in range(5)
        for core in range(17)
        for line in range(5)
    ]
    svg = drawn(tmp_path, rows)
    assert "Too many lines for a lane each: a lane shows all lines of a core." in texts(svg)
    assert marks(svg) == Counter(request=425)
    assert texts(svg).count("all lines") == 85
    rows += [(20, 0, 3, "enter", 4, None, None, 0), (90, 0, 3, "exit", 4, None, None, 0)]
    bar = with_class(drawn(tmp_path, rows), "handler")[0]
    assert [each.text for each in bar.iterfind("{*}text")] == ["apic-gic0"]


def test_ten_times_the_rows_make_no_larger_picture(tmp_path):
    small = drawn(tmp_path, storm(2500))
    large = drawn(tmp_path, Columns.from_rows(storm(25_000)))
    assert len(large) < 2 * len(small) < 300_000


# Time


def test_long_gaps_are_cut_out_and_the_longest_first():
    busy = [(0, 100), (50, 120), (1000, 1100), (1130, 1200), (9000, 9010)]
    assert stretches(busy) == [Stretch(0, 120), Stretch(1000, 1200), Stretch(9000, 9010)]


def test_an_even_rhythm_is_not_cut():
    assert stretches([(tick, tick) for tick in range(0, 1000, 50)]) == [Stretch(0, 950)]


def test_ticks_stand_in_their_order_and_cuts_between_them():
    axis = Axis([Stretch(0, 100), Stretch(1000, 1100)], 100, 500)
    xs = [axis.x(tick) for tick in (0, 50, 100, 500, 1000, 1100)]
    assert xs == sorted(xs)
    assert 100 <= xs[0] < xs[-1] <= 600
    assert xs[1] - xs[0] == xs[2] - xs[1]
    ((left, before, after),) = axis.cuts()
    assert (before, after) == (100, 1000)
    assert xs[2] < left < xs[4]


def test_a_picture_says_what_was_cut_out(tmp_path):
    rows = [(tick, 0, 0, "mask", 24, None, None, 0) for tick in (0, 10, 20, 30, 40, 5040)]
    svg = drawn(tmp_path, rows)
    assert "5,000 ticks (5 \N{MICRO SIGN}s) in which nothing happens" in svg
    assert "time cut out" in texts(svg)


def test_the_axis_has_round_ticks():
    axis = Axis([Stretch(3, 1003)], 0, 1000)
    assert axis.labels(200, 100) == [200, 400, 600, 800, 1000]
    assert [nice(least) for least in (0, 1, 1.1, 3, 7, 10.5, 99)] == [1, 1, 2, 5, 10, 20, 100]


@pytest.mark.parametrize(
    ("ticks", "clock", "expected"),
    [
        (0, 10**9, "0 ns"),
        (1, 10**12, "1 ps"),
        (250, 10**9, "250 ns"),
        (1250, 10**9, "1.25 \N{MICRO SIGN}s"),
        (1001, 600_000_000, "1.668333 \N{MICRO SIGN}s"),
        (5_010_540, 10**9, "5.01054 ms"),
        (3 * 10**9, 10**9, "3 s"),
        (4321 * 10**9, 10**9, "4,321 s"),
    ],
)
def test_times_read_well(ticks, clock, expected):
    assert time_text(ticks, clock) == expected


def test_times_at_the_axis_have_one_unit_and_as_many_digits_as_tell_them_apart():
    assert [time_text(tick, 10**9, like=2_000_000, step=500_000) for tick in (0, 500_000)] == [
        "0 ms",
        "0.5 ms",
    ]
    assert time_text(1, 3, like=100, step=10) == "0.3 s"


@pytest.mark.parametrize(
    ("clock", "expected"), [(10**9, "1 GHz"), (600 * 10**6, "600 MHz"), (32_768, "32.768 kHz"), (7, "7 Hz")]
)
def test_clocks_read_well(clock, expected):
    assert hertz(clock) == expected


# In a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MEASURE = """<!doctype html><body style="margin: 0">{svg}<pre id="out"></pre><script>
const page = document.querySelector("svg").getBoundingClientRect(), wrong = [], seen = [];
for (const text of document.querySelectorAll("svg text")) {
  const box = text.getBoundingClientRect();
  const letters = text.lastChild.textContent;
  if (box.left < page.left || box.right > page.right || box.top < page.top || box.bottom > page.bottom)
    wrong.push("outside: " + letters);
  for (const [other, name] of seen)
    if (box.left < other.right && other.left < box.right &&
        box.top + 3 < other.bottom && other.top + 3 < box.bottom)
      wrong.push("overlap: " + name + " / " + letters);
  if (parseFloat(getComputedStyle(text).fontSize) < 9) wrong.push("small: " + letters);
  seen.push([box, letters]);
}
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const paper = getComputedStyle(document.querySelector("svg")).backgroundColor;
document.getElementById("out").textContent = JSON.stringify({texts: seen.length, wrong, dark, paper});
</script>"""


def measured(tmp_path, svg, *options):
    """Return what a browser finds: the number of texts, what is wrong with them, and its colours."""
    import html
    import json

    page = tmp_path / "page.html"
    page.write_text(MEASURE.replace("{svg}", svg), encoding="utf-8")
    argv = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--window-size=1300,1000",
        f"--user-data-dir={tmp_path / 'profile'}", *options, "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(html.unescape(re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("what", ["one cluster", "five clusters", "summed up"])
def test_in_a_browser_no_text_is_cut_off_or_overlaps_another(tmp_path, what):
    five = Setting(cores=tuple(CoreId(c, pid) for c in range(5) for pid in range(17)), script="s.yaml")
    rows = {
        "one cluster": ROWS,
        "five clusters": storm(300, clusters=5),
        "summed up": storm(40_000, clusters=5),
    }
    svg = drawn(tmp_path, rows[what], SETTING if what == "one cluster" else five)
    found = measured(tmp_path, svg, "--blink-settings=preferredColorScheme=1")
    assert found["wrong"] == []
    assert found["texts"] == sum(tag == "text" for tag, *_ in elements(svg))
    assert (found["dark"], found["paper"]) == (False, "rgb(255, 255, 255)")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_in_a_browser_the_paper_is_dark_for_who_prefers_it(tmp_path):
    found = measured(tmp_path, drawn(tmp_path, ROWS), "--blink-settings=preferredColorScheme=0")
    assert (found["dark"], found["paper"]) == (True, "rgb(20, 24, 29)")


def test_bands_are_called_after_cores_clusters_the_chip_or_all():
    names = [band_name(band, BY_LINE) for band in ((2, 16), (2, -1), (-1, -1))]
    assert names == ["c2.rm", "cluster 2", "soc"]
    assert band_name((0, 0), TOGETHER) == "all"


def test_the_outline_of_bins_that_are_all_empty_is_none():
    assert _steps([0, 0]) == ""
    assert _steps([0, 2, 2, 0]) == "M0 0h1v2h2v-2h1z"
    assert _steps([1]) == "M0 0v1h1v-1z"
