"""What a trace comes to: counts, latencies, who asked whom, and how it is shown."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.core_id import CoreId
from kvx_emu.trace.study import stats as module
from kvx_emu.trace.study.stats import Bin, Counts, Latency, Stats, histogram, stats_json
from kvx_emu.trace.study.stats_text import stats_text
from kvx_emu.trace.tally import Tally

PE0, PE1, PE2, C1_RM = CoreId(0, 0), CoreId(0, 1), CoreId(0, 2), CoreId(1, 16)


def row(tick, core, event, line=24, sender=None):
    return (tick, *core, event, line, *(sender or (None, None)), 0)


def stats_of(*rows):
    stats = Stats()
    for each in rows:
        stats.add([each])
    stats.add([])
    return stats


def text_of(stats, width=100):
    return stats_text(stats, width=width, blocks=False)


ROWS = [
    row(0, PE0, "send"),
    row(0, PE1, "request", sender=PE0),
    row(0, PE2, "masked", sender=PE0),
    row(3, PE1, "enter"),
    row(4, PE1, "coalesced", sender=C1_RM),
    row(5, PE1, "request", 25, sender=C1_RM),
    row(13, PE1, "exit"),
    row(20, PE1, "clear", 25),
    row(21, PE1, "request", 25),
]

TEXT = """\
9 rows, ticks 0 to 21

core      line    requested    delivered    coalesced    masked    cleared    pending
------  ------  -----------  -----------  -----------  --------  ---------  ---------
pe1         24            1            1            1         0          0          0
pe1         25            2            0            0         0          1          1
pe2         24            0            0            0         1          0          0
------  ------  -----------  -----------  -----------  --------  ---------  ---------
all                       3            1            1         1          1          1

core      line    to enter    min    median    p99    max    to exit    min    median    p99    max
------  ------  ----------  -----  --------  -----  -----  ---------  -----  --------  -----  -----
pe1         24           1      3         3      3      3          1     13        13     13     13
------  ------  ----------  -----  --------  -----  -----  ---------  -----  --------  -----  -----
all                      1      3         3      3      3          1     13        13     13     13

ticks from request to enter
  3  1  ############

ticks from request to exit
  13  1  ###########

requests, coalesced and masked, from (down) to (across)
           pe1  pe2
  no core    1    .
  pe0        1    1
  c1.rm      2    .
"""


def test_the_text_has_counts_latencies_histograms_and_who_asked_whom():
    assert text_of(stats_of(*ROWS), 20) == TEXT


def test_the_same_as_json():
    none = {"delivered": 0, "coalesced": 0, "masked": 0, "cleared": 0, "pending": 0, "requested": 0}
    three, thirteen = ({"number": 1, "min": n, "median": n, "p99": n, "max": n} for n in (3, 13))
    no_times = {"to_enter": None, "to_exit": None}
    assert json.loads(stats_json(stats_of(*ROWS))) == {
        "rows": 9,
        "ticks": [0, 21],
        "rounded": False,
        "unpaired": {},
        "lines": [
            {"core": "pe1", "cluster": 0, "pid": 1, "line": 24}
            | none
            | {"requested": 1, "delivered": 1, "coalesced": 1, "to_enter": three, "to_exit": thirteen},
            {"core": "pe1", "cluster": 0, "pid": 1, "line": 25}
            | none
            | {"requested": 2, "cleared": 1, "pending": 1}
            | no_times,
            {"core": "pe2", "cluster": 0, "pid": 2, "line": 24} | none | {"masked": 1} | no_times,
        ],
        "to_enter": three,
        "to_exit": thirteen,
        "asked": [
            {"from": None, "to": "pe1", "number": 1},
            {"from": "pe0", "to": "pe1", "number": 1},
            {"from": "pe0", "to": "pe2", "number": 1},
            {"from": "c1.rm", "to": "pe1", "number": 2},
        ],
    }


def test_no_rows_are_told():
    assert text_of(Stats()) == "no rows\n"
    assert json.loads(stats_json(Stats()))["ticks"] is None


def test_rows_of_blocks_outside_the_cores_are_rows_and_nothing_else():
    stats = stats_of((5, None, None, "lost", 300, None, None, 0), (6, 1, None, "mailbox", 7, 0, 3, 2))
    assert text_of(stats) == "2 rows, ticks 5 to 6\n"


# Pairs


def test_a_newer_request_of_a_line_that_is_taken_is_answered_later():
    stats = stats_of(
        row(0, PE1, "request"), row(7, PE1, "request"), row(10, PE1, "enter"), row(20, PE1, "exit"),
        row(21, PE1, "enter"), row(31, PE1, "exit"),
    )  # fmt: skip
    assert stats.enter_times() == {10: 1, 14: 1}
    assert stats.exit_times() == {20: 1, 24: 1}


def test_what_software_clears_is_the_newer_request():
    stats = stats_of(
        row(0, PE1, "request"), row(7, PE1, "request"), row(8, PE1, "clear"), row(9, PE1, "enter")
    )
    assert stats.enter_times() == {9: 1}


def test_an_exit_is_that_of_its_own_line_when_handlers_nest():
    stats = stats_of(
        row(0, PE1, "request", 24), row(1, PE1, "enter", 24), row(2, PE1, "request", 25),
        row(3, PE1, "enter", 25), row(13, PE1, "exit", 25), row(30, PE1, "exit", 24),
    )  # fmt: skip
    assert stats.to_exit((PE1, 24)) == Latency(1, 30, 30, 30, 30)
    assert stats.to_exit((PE1, 25)) == Latency(1, 11, 11, 11, 11)
    assert stats.to_exit((PE1, 26)) is None
    assert stats.to_exit((PE2, 24)) is None


def test_an_exit_finds_its_handler_below_others():
    stats = stats_of(
        row(0, PE1, "request", 24), row(1, PE1, "enter", 24), row(2, PE1, "request", 25),
        row(3, PE1, "enter", 25), row(13, PE1, "exit", 24), row(30, PE1, "exit", 25),
    )  # fmt: skip
    assert stats.exit_times() == {13: 1, 28: 1}
    assert stats.unpaired == {}


def test_a_reset_ends_the_handlers_of_its_core_alone():
    started = [
        made
        for core in (PE1, PE2)
        for made in (row(0, core, "request"), row(1, core, "enter"), row(2, core, "request"))
    ]
    stats = stats_of(
        *started, row(5, PE1, "reset", None), row(5, PE1, "clear"), row(6, PE1, "request"),
        row(7, PE1, "enter"), row(9, PE1, "exit"), row(9, PE2, "exit"),
    )  # fmt: skip
    assert stats.exit_times() == {3: 1, 9: 1}
    assert stats.unpaired == {}
    assert stats.counts()[PE1, 24] == Counts(requested=3, delivered=2, cleared=1)
    assert stats.counts()[PE2, 24] == Counts(requested=2, delivered=1, pending=1)


def test_rows_whose_other_half_is_not_in_the_trace_are_counted_and_said():
    stats = stats_of(
        row(0, PE1, "exit"), row(0, PE1, "enter"), row(0, PE1, "clear"), row(1, PE1, "enter"),
        row(2, PE1, "exit"), *[row(3, PE2, "request")] * 66,
    )  # fmt: skip
    assert stats.unpaired == {"clear": 1, "enter": 2, "exit": 1, "request": 2}
    assert stats.to_enter() is None
    assert stats.to_exit() is None
    assert text_of(stats).splitlines()[-1] == (
        "1 clears without a request, 2 enters without a request, 1 exits without an enter, "
        "2 requests that were neither entered nor cleared: "
        "the rest is not in this trace, which was filtered or cut"
    )


def test_a_trace_of_enters_alone_keeps_a_bounded_number_of_them():
    stats = stats_of(*[row(3, PE2, "enter")] * 66)
    assert stats.unpaired == {"enter": 68}
    assert stats.counts() == {(PE2, 24): Counts(delivered=66)}


@pytest.mark.parametrize("event", ["request", "enter", "exit", "clear", "reset"])
def test_rows_that_no_engine_makes_are_no_hindrance(event):
    stats = stats_of((0, None, None, event, 24, None, None, 0), (0, 0, None, event, None, None, None, 0))
    stats.add([(0, 0, 1, event, None, None, None, 0)])
    assert stats.counts() == {}
    assert stats.unpaired == {}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from([PE0, PE1]),
            st.sampled_from(["request", "enter", "clear"]),
            st.sampled_from([24, 25]),
        )
    )
)
def test_the_longest_wait_is_that_of_the_tally(made):
    rows, outstanding = [], Counter()
    for tick, core, event, line in sorted(made, key=lambda each: each[0]):
        if event == "request" or outstanding[core, line]:
            outstanding[core, line] += 1 if event == "request" else -1
            rows.append(row(tick, core, event, line))
    tally, stats = Tally(latency=True), Stats()
    tally.add(rows)
    stats.add(rows)
    latency = stats.to_enter()
    assert (latency.max if latency else 0) == tally.longest_wait(None, None, None)
    assert {wire: counts.pending for wire, counts in stats.counts().items() if counts.pending} == +outstanding


# Latencies


def with_waits(*waits):
    return stats_of(
        *(row(tick, PE1, event) for wait in waits for tick, event in ((0, "request"), (wait, "enter")))
    )


@pytest.mark.parametrize(
    ("waits", "latency"),
    [
        ([7], Latency(1, 7, 7, 7, 7)),
        ([9, 1], Latency(2, 1, 1, 9, 9)),
        ([3, 1, 2], Latency(3, 1, 2, 3, 3)),
        (range(100), Latency(100, 0, 49, 98, 99)),
        (range(1, 201), Latency(200, 1, 100, 198, 200)),
        ([5] * 99 + [10**18], Latency(100, 5, 5, 5, 10**18)),
        ([5] * 98 + [10**18] * 2, Latency(100, 5, 5, 10**18, 10**18)),
    ],
)
def test_quantiles_are_by_nearest_rank(waits, latency):
    assert with_waits(*waits).to_enter() == latency


def test_many_different_latencies_are_rounded_and_that_is_said(monkeypatch):
    monkeypatch.setattr(module, "MANY", 5)
    exact = with_waits(1, 22, 333, 4444, 55555)
    assert not exact.rounded
    assert "rounded" not in text_of(exact)
    rounded = with_waits(1, 22, 333, 4444, 55555, 666666, 7777777, 4449)
    assert rounded.rounded
    assert rounded.enter_times() == {1: 1, 22: 1, 333: 1, 4440: 2, 55500: 1, 666000: 1, 7770000: 1}
    assert text_of(rounded).splitlines()[-1] == (
        "there are so many different latencies that they were rounded down to 3 digits"
    )
    assert json.loads(stats_json(rounded))["rounded"] is True


@pytest.mark.parametrize(
    ("times", "bins"),
    [
        ([], []),
        ([0, 0], [Bin(0, 0, 2)]),
        ([5, 7, 7], [Bin(5, 5, 1), Bin(6, 6, 0), Bin(7, 7, 2)]),
        ([100, 109], [Bin(n, n, n in {100, 109}) for n in range(100, 110)]),
        ([100, 110], [Bin(n, n + 1, n in {100, 110}) for n in range(100, 111, 2)]),
        ([0, 3, 16], [Bin(0, 0, 1), Bin(1, 1, 0), Bin(2, 3, 1), Bin(4, 7, 0), Bin(8, 15, 0), Bin(16, 31, 1)]),
        ([1, 1 << 40], [Bin(1, 31, 1), *(Bin(1 << k, (1 << k + 5) - 1, k == 40) for k in range(5, 41, 5))]),
    ],
)  # fmt: skip
def test_a_histogram_has_bins_of_one_width_or_by_powers_of_two(times, bins):
    assert histogram(Counter(times)) == bins


@given(st.lists(st.integers(0, 1 << 63), min_size=1))
def test_a_histogram_counts_each_time_once_in_at_most_ten_bins_without_gaps(times):
    bins = histogram(Counter(times))
    assert 1 <= len(bins) <= 10
    assert sum(each.number for each in bins) == len(times)
    assert [each.low for each in bins[1:]] == [each.high + 1 for each in bins[:-1]]
    for low, high, number in bins:
        assert number == sum(low <= ticks <= high for ticks in times)


def test_bars_are_as_wide_as_there_is_room_and_every_bin_that_holds_anything_has_one():
    stats = with_waits(*[5] * 1000, 7)
    assert text_of(stats, 40).partition("enter\n")[2].splitlines()[:3] == [
        "  5  1000  " + "#" * 29,
        "  6     0",
        "  7     1  #",
    ]
    assert "\N{FULL BLOCK}" * 29 in stats_text(stats, width=40, blocks=True)
    assert max(map(len, text_of(stats, 40).partition("enter\n")[2].splitlines()[:3])) == 40


# Who asked whom


def matrix_of(width, *cores):
    text = text_of(stats_of(*(row(0, core, "request", sender=core) for core in cores)), width)
    return text.partition("requests, coalesced and masked, from (down) to (across)")[2]


def test_a_matrix_of_one_cluster_that_is_too_wide_is_cut():
    assert matrix_of(19, *(CoreId(0, pid) for pid in range(4))) == (
        "\n"
        "       pe0  pe1\n"
        "  pe0    1    .\n"
        "  pe1    .    1\n"
        "  pe2    .    .\n"
        "  pe3    .    .\n"
        "\n"
        "       pe2  pe3\n"
        "  pe0    .    .\n"
        "  pe1    .    .\n"
        "  pe2    1    .\n"
        "  pe3    .    1\n"
    )


def test_a_matrix_of_many_clusters_that_is_too_wide_is_summed_by_cluster_and_says_so():
    cores = [CoreId(cluster, pid) for cluster in range(5) for pid in range(17)]
    assert matrix_of(100, *cores) == (
        "; by cluster, as the cores need more than 100 columns\n"
        "      c0  c1  c2  c3  c4\n"
        "  c0  17   .   .   .   .\n"
        "  c1   .  17   .   .   .\n"
        "  c2   .   .  17   .   .\n"
        "  c3   .   .   .  17   .\n"
        "  c4   .   .   .   .  17\n"
    )


def test_a_matrix_of_many_clusters_that_fits_is_by_core():
    assert matrix_of(100, PE0, C1_RM) == "\n         pe0  c1.rm\n  pe0      1      .\n  c1.rm    .      1\n"


# Runs


@pytest.mark.parametrize("script", ["smoke", "nesting", "devices", "timers", "mask-and-coalesce"])
def test_the_counts_are_those_of_the_summary_of_the_run(kvx, tmp_path, script):
    path = tmp_path / "t.csv"
    run = kvx("run", "boards/cluster.dts", f"scripts/{script}.yaml", "--csv", path, "--summary", "json", "-q")
    assert run.status == 0
    found = json.loads(kvx("trace", "stats", path, "--format", "json").out)
    assert found["unpaired"] == {}
    names = ("core", "line", *Counts._fields)
    lines = json.loads(run.out)["lines"]
    assert [[line[name] for name in names] for line in found["lines"]] == [
        [line[name] for name in names] for line in lines
    ]
    assert lines
