"""Counting rows, the times they took, and the two equations that every run must satisfy."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.core_id import CoreId
from kvx_emu.errors import DefectError
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.tally import Ledger, Line, Tally, balance

PE0, PE1, PE2, C1_PE1 = CoreId(0, 0), CoreId(0, 1), CoreId(0, 2), CoreId(1, 1)


def send(tick, core, mask, line=24):
    return (tick, *core, "send", line, None, None, mask)


def request(tick, core, line=24, sender=PE0):
    return (tick, *core, "request", line, *(sender or (None, None)), 0)


def masked(tick, core, line=24):
    return (tick, *core, "masked", line, *PE0, 0)


def coalesced(tick, core, line=24, sender=PE0):
    return (tick, *core, "coalesced", line, *(sender or (None, None)), 0)


def enter(tick, core, line=24):
    return (tick, *core, "enter", line, None, None, 1 << line)


def leave(tick, core, line=24):
    return (tick, *core, "exit", line, None, None, 0)


def clear(tick, core, line=24):
    return (tick, *core, "clear", line, *PE0, 0)


def tally_of(*rows, latency=False):
    tally = Tally(latency=latency)
    tally.add(rows)
    return tally


# One write to pe1 and pe2, of which pe2's is masked; then one to pe1 that is absorbed.
ROWS = [
    send(0, PE0, 6),
    masked(0, PE2),
    request(40, PE1),
    coalesced(40, PE1),
    enter(60, PE1),
    leave(160, PE1),
]
LEDGER = Ledger(sent={(PE1, 24): 2, (PE2, 24): 1}, pending={}, flying={})


# Counts


def test_rows_are_counted_by_event():
    assert tally_of(*ROWS).events() == {
        "send": 1,
        "masked": 1,
        "request": 1,
        "coalesced": 1,
        "enter": 1,
        "exit": 1,
    }


def test_all_rows_are_counted_over_all_chunks():
    tally = Tally()
    tally.add(ROWS[:2])
    tally.add([])
    tally.add(ROWS[2:])
    assert tally.rows == 6
    assert tally.count("enter", None, None, None) == 1


@pytest.mark.parametrize(
    ("event", "cores", "lines", "count"),
    [
        ("request", None, None, 4),
        ("request", [PE1], None, 3),
        ("request", [PE1, C1_PE1], None, 4),
        ("request", [PE2], None, 0),
        ("request", [], None, 0),
        ("request", None, 1 << 24, 3),
        ("request", None, 1 << 25, 1),
        ("request", None, 3 << 24, 4),
        ("request", None, 0, 0),
        ("request", [PE1], 1 << 25, 1),
        ("enter", None, None, 0),
        ("fault", None, None, 1),
        ("fault", None, 0xFFFFFFFF, 0),
    ],
)
def test_counts_are_summed_over_cores_and_lines(event, cores, lines, count):
    tally = tally_of(
        request(0, PE1),
        request(1, PE1, sender=PE2),
        request(2, PE1, 25),
        request(3, C1_PE1),
        (4, *PE1, "fault", None, None, None, 64),
    )
    assert tally.count(event, cores, lines, None) == count


def test_a_mark_leaves_out_what_came_before_it():
    tally = tally_of(*ROWS)
    mark = tally.mark()
    assert tally.count("enter", None, None, mark) == 0
    tally.add([request(200, PE1), enter(220, PE1)])
    assert tally.count("enter", None, None, mark) == 1
    assert tally.count("enter", None, None, None) == 2
    assert tally.count("masked", None, None, mark) == 0


def test_a_mark_does_not_move_with_the_rows_that_follow():
    tally = Tally()
    first = tally.mark()
    tally.add(ROWS)
    second = tally.mark()
    assert tally.count("send", None, None, first) == 1
    assert tally.count("send", None, None, second) == 0


# Waits


def waits_of(*rows):
    return tally_of(*rows, latency=True)


def test_the_longest_wait_is_from_request_to_enter():
    tally = waits_of(request(40, PE1), request(40, PE2), enter(60, PE1), enter(75, PE2))
    assert tally.longest_wait(None, None, None) == 35
    assert tally.longest_wait([PE1], None, None) == 20
    assert tally.longest_wait([PE1], 1 << 24, None) == 20
    assert tally.longest_wait(None, 1 << 25, None) == 0
    assert tally.longest_wait([PE0], None, None) == 0


def test_a_coalesced_request_does_not_start_the_wait_again():
    tally = waits_of(request(40, PE1), coalesced(50, PE1), enter(60, PE1))
    assert tally.longest_wait(None, None, None) == 20


def test_a_request_that_was_not_entered_has_no_wait():
    assert waits_of(request(40, PE1)).longest_wait(None, None, None) == 0


def test_a_line_that_is_taken_and_pending_at_once_is_entered_in_the_order_of_its_requests():
    # Taken at 10 and entered at 100; meanwhile, at 50, a new request, entered at 120.
    tally = waits_of(request(10, PE1), request(50, PE1), enter(100, PE1))
    mark = tally.mark()
    tally.add([enter(120, PE1)])
    assert tally.longest_wait(None, None, None) == 90
    assert tally.longest_wait(None, None, mark) == 70


def test_what_software_clears_is_the_newer_request_of_a_line_that_is_also_taken():
    tally = waits_of(request(10, PE1), request(50, PE1), clear(55, PE1), enter(100, PE1))
    assert tally.longest_wait(None, None, None) == 90


def test_a_cleared_request_has_no_wait_and_the_next_one_its_own():
    tally = waits_of(request(10, PE1), clear(20, PE1), request(30, PE1), enter(35, PE1))
    assert tally.longest_wait(None, None, None) == 5


def test_lines_and_cores_wait_for_themselves():
    tally = waits_of(request(0, PE1, 24), request(5, PE1, 25), enter(6, PE1, 25), enter(9, PE1, 24))
    assert tally.longest_wait(None, 1 << 25, None) == 1
    assert tally.longest_wait(None, 1 << 24, None) == 9


def test_waits_are_not_kept_where_nobody_asks():
    assert tally_of(request(0, PE1), enter(9, PE1)).longest_wait(None, None, None) == 0


@pytest.mark.parametrize("row", [enter(7, PE1), clear(7, PE1)])
def test_an_enter_or_clear_without_a_request_is_a_defect(row):
    tally = waits_of(request(0, PE1), enter(5, PE1))
    with pytest.raises(DefectError, match=rf"^pe1 line 24: {row[3]} at tick 7 without a request$"):
        tally.add([row])


class Waits:
    """The waits one by one: what `Tally` keeps less of."""

    def __init__(self):
        self.waits = []
        self.marks = {}

    def longest(self, cores, lines, name):
        return max(
            (
                wait
                for core, line, wait in self.waits[self.marks.get(name, 0) :]
                if (cores is None or core in cores) and (lines is None or lines >> line & 1)
            ),
            default=0,
        )


WIRES = [(core, line) for core in (PE1, PE2, C1_PE1) for line in (24, 25)]
STEPS = st.tuples(st.just("enter"), st.sampled_from(WIRES), st.integers(0, 50)) | st.tuples(
    st.sampled_from(["mark", "forget"]), st.sampled_from("abc")
)
ASKS = st.tuples(
    st.none() | st.sets(st.sampled_from([PE1, PE2, C1_PE1])),
    st.sampled_from([None, 0, 1 << 24, 1 << 25, 3 << 24]),
    st.sampled_from(["", "a", "b", "c"]),
)


@pytest.mark.parametrize("way", ["rows", "columns", "waits"])
@given(st.lists(STEPS, max_size=120), st.lists(ASKS, min_size=1, max_size=5))
def test_the_longest_wait_is_exact_since_any_mark(way, steps, asks):
    tally, kept, marks, now = Tally(latency=True), Waits(), {}, 0
    for what, *rest in steps:
        if what == "mark":
            marks[rest[0]] = tally.mark()
            kept.marks[rest[0]] = len(kept.waits)
        elif what == "forget":
            marks.pop(rest[0], None)
            kept.marks.pop(rest[0], None)
        else:
            (core, line), wait = rest
            rows = [request(now, core, line), enter(now + wait, core, line)]
            if way == "waits":
                tally.add_waits([(*core, line, wait)])
            else:
                tally.add(rows if way == "rows" else Columns.from_rows(rows))
            kept.waits.append((core, line, wait))
            now += wait + 1
    for cores, lines, name in asks:
        assert tally.longest_wait(cores, lines, marks.get(name)) == kept.longest(cores, lines, name)


def test_a_mark_that_is_set_again_and_again_takes_no_memory():
    tally, first = Tally(latency=True), None
    marks = {}
    for number in range(2000):
        tally.add([request(number, PE1), enter(number + number % 7, PE1)])
        marks["again"] = tally.mark()
        if number == 10:
            first = tally.mark()
    tally.add([request(3000, PE2), enter(3002, PE2)])
    assert len(tally._intervals) <= 32
    assert sum(len(longest) for _, longest in tally._intervals) <= 32
    assert tally.longest_wait(None, None, None) == 6
    assert tally.longest_wait(None, None, first) == 6
    assert tally.longest_wait(None, None, marks["again"]) == 2


def test_marks_that_are_kept_are_all_kept():
    tally, marks = Tally(latency=True), []
    for number in range(100):
        marks.append(tally.mark())
        tally.add([request(1000 * number, PE1), enter(1000 * number + 500 - number, PE1)])
    assert [tally.longest_wait(None, None, mark) for mark in marks] == list(range(500, 400, -1))


def test_waits_do_not_pile_up():
    tally = Tally(latency=True)
    for number in range(5000):
        tally.add([request(number, PE1), enter(number + number % 10, PE1)])
    assert [len(longest) for _, longest in tally._intervals] == [1]
    assert tally.longest_wait(None, None, None) == 9


def test_a_mark_where_nobody_asks_for_waits_has_none():
    tally = tally_of(request(0, PE1), enter(9, PE1))
    assert tally.longest_wait(None, None, tally.mark()) == 0


# Rows that nobody made


def test_counts_of_rows_that_nobody_made_are_added():
    tally = tally_of(*ROWS[:3])
    mark = tally.mark()
    rest = Counter(row[1:6] for row in ROWS[3:])
    tally.add_counts(rest | {(*PE2, "enter", 25, None): 0}, 3)
    assert tally.rows == 6
    assert tally.events() == tally_of(*ROWS).events()
    assert tally.summary(LEDGER) == tally_of(*ROWS).summary(LEDGER)
    assert tally.count("enter", None, None, mark) == 1


def test_only_the_longest_of_the_waits_that_are_told_counts():
    tally = waits_of(request(0, PE1), enter(9, PE1))
    tally.add_waits([(*PE1, 24, 7), (*PE1, 25, 8), (*PE2, None, 20)])
    assert tally.longest_wait([PE1], 1 << 24, None) == 9
    assert tally.longest_wait([PE1], 1 << 25, None) == 8
    assert tally.longest_wait([PE2], None, None) == 20
    assert tally.longest_wait([PE2], 0xFFFFFFFF, None) == 0


def test_requests_that_were_not_entered_can_be_asked_for():
    tally = waits_of(request(10, PE1), request(50, PE1), request(60, PE2), clear(70, PE2))
    assert tally.asked(*PE1, 24) == [10, 50]
    assert tally.asked(*PE2, 24) == tally.asked(*PE1, 25) == []
    tally.add([enter(80, PE1)])
    assert tally.asked(*PE1, 24) == [50]


def test_requests_that_were_not_entered_can_be_replaced():
    tally = waits_of(request(10, PE1), request(10, PE2))
    tally.set_asked(*PE1, 24, [20, 30])
    tally.set_asked(*PE2, 24, [])
    tally.add([enter(100, PE1)])
    assert tally.longest_wait(None, None, None) == 80
    assert tally.asked(*PE1, 24) == [30]
    with pytest.raises(DefectError, match="enter at tick 100 without a request"):
        tally.add([enter(100, PE2)])


def test_what_is_asked_for_is_a_copy():
    tally = waits_of(request(10, PE1))
    tally.asked(*PE1, 24).clear()
    assert tally.asked(*PE1, 24) == [10]


@pytest.mark.parametrize("row", [enter(7, PE1), clear(7, PE1)])
def test_an_enter_or_clear_without_a_request_is_a_defect_in_columns_too(row):
    tally = waits_of(request(0, PE1), enter(5, PE1))
    with pytest.raises(DefectError, match=rf"^pe1 line 24: {row[3]} at tick 7 without a request$"):
        tally.add(Columns.from_rows([row]))


# The summary


def test_the_summary_has_a_line_for_each_core_and_line_that_had_anything():
    assert tally_of(*ROWS).summary(LEDGER) == {
        (PE1, 24): Line(sent=2, requested=1, coalesced=1, delivered=1),
        (PE2, 24): Line(sent=1, masked=1),
    }


def test_the_summary_is_in_the_order_of_cores_and_lines_whatever_came_first():
    tally = tally_of(request(0, C1_PE1), request(0, PE2), request(0, PE1, 25), request(0, PE1, 24))
    ledger = Ledger(
        sent={(C1_PE1, 24): 1, (PE2, 24): 1, (PE1, 25): 1, (PE1, 24): 1},
        pending={(C1_PE1, 24): 1, (PE2, 24): 1, (PE1, 25): 1, (PE1, 24): 1},
        flying={(PE0, 24): 1},
    )
    assert list(tally.summary(ledger)) == [(PE0, 24), (PE1, 24), (PE1, 25), (PE2, 24), (C1_PE1, 24)]


def test_a_wire_of_which_the_ledger_says_zero_is_left_out():
    assert Tally().summary(Ledger(sent={(PE1, 24): 0}, pending={(PE1, 24): 0}, flying={(PE1, 24): 0})) == {}


def test_requests_that_no_controller_made_are_counted_as_software_too():
    tally = tally_of(request(0, PE1, sender=None), coalesced(1, PE1, sender=None), clear(2, PE1))
    summary = tally.summary(Ledger({}, {}, {}))
    assert summary == {(PE1, 24): Line(requested=1, coalesced=1, cleared=1, software=2)}
    balance(summary)


# Balance


def test_a_run_that_adds_up_is_accepted():
    balance(tally_of(*ROWS).summary(LEDGER))


def test_nothing_adds_up():
    balance({})


@pytest.mark.parametrize("event", ["masked", "request", "coalesced", "enter"])
def test_a_row_that_is_dropped_is_found(event):
    rows = [row for row in ROWS if row[3] != event]
    with pytest.raises(DefectError, match=r"^pe[12] line 24: "):
        balance(tally_of(*rows).summary(LEDGER))


@pytest.mark.parametrize("event", ["masked", "request", "coalesced", "enter"])
def test_a_row_that_is_made_twice_is_found(event):
    rows = [row for row in ROWS for _ in range(1 + (row[3] == event))]
    with pytest.raises(DefectError, match=r"^pe[12] line 24: "):
        balance(tally_of(*rows).summary(LEDGER))


def test_a_clear_that_is_made_twice_is_found():
    ledger = Ledger(sent={(PE1, 24): 1}, pending={}, flying={})
    balance(tally_of(request(0, PE1), clear(1, PE1)).summary(ledger))
    with pytest.raises(DefectError, match="requested is not delivered"):
        balance(tally_of(request(0, PE1), clear(1, PE1), clear(1, PE1)).summary(ledger))


def test_a_row_of_the_wrong_core_is_found():
    rows = [enter(60, PE2) if row[3] == "enter" else row for row in ROWS]
    with pytest.raises(DefectError, match="requested is not delivered"):
        balance(tally_of(*rows).summary(LEDGER))


def test_a_row_of_the_wrong_line_is_found():
    rows = [enter(60, PE1, 25) if row[3] == "enter" else row for row in ROWS]
    with pytest.raises(DefectError, match="requested is not delivered"):
        balance(tally_of(*rows).summary(LEDGER))


@pytest.mark.parametrize("name", ["sent", "pending", "flying"])
def test_a_number_of_the_engine_that_is_off_by_one_is_found(name):
    off = Counter(getattr(LEDGER, name))
    off[PE1, 24] += 1
    with pytest.raises(DefectError, match=r"^pe1 line 24: "):
        balance(tally_of(*ROWS).summary(LEDGER._replace(**{name: off})))


def test_the_first_equation_counts_what_is_under_way():
    ledger = Ledger(sent={(PE1, 24): 1}, pending={}, flying={(PE1, 24): 1})
    balance(tally_of(send(0, PE0, 2)).summary(ledger))


def test_a_defect_tells_the_equation_and_the_counts():
    with pytest.raises(DefectError) as caught:
        balance({(PE1, 24): Line(sent=2, requested=1, delivered=1)})
    assert str(caught.value).startswith("pe1 line 24: sent is not masked + requested + coalesced: ")
    assert "sent=2" in str(caught.value)
    assert caught.value.exit_status == 70
