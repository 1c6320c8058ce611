"""What looks at rows one by one: the lookout for those that are asked for, and the last ones."""

import pytest

from kvx_emu.core_id import CoreId
from kvx_emu.engine.lookout import Lookout
from kvx_emu.errors import DefectError
from kvx_emu.saved import Saved
from kvx_emu.script.actions import Rows
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.recent import KEPT, Recent, lines_of

PE0, PE1, PE2 = (CoreId(0, pid) for pid in range(3))
C1PE0 = CoreId(1, 0)


def row(tick, core, event, line=24, sender=(None, None), value=0):
    return (tick, *core, event, line, *sender, value)


ROWS = [
    row(0, PE0, "send", value=6),
    row(5, PE1, "request", sender=PE0),
    row(5, PE2, "request", sender=PE0),
    row(8, PE1, "request", sender=C1PE0),
    row(25, PE1, "enter"),
    row(26, PE1, "coalesced", sender=PE0),
    row(30, PE1, "clear", sender=PE2),
    row(40, PE2, "enter"),
    (41, None, None, "msi", 3, None, None, 9),
    (42, 0, None, "mailbox", 4, 0, 1, 9),
    (43, 0, 1, "fault", None, None, None, 0x1000),
]


def asked(*events, cores=None, lines=None, senders=None, since=None):
    return Rows(events, cores, lines, senders, since)


KINDS = {
    asked("enter"): 2,
    asked("enter", senders=(PE0,)): 2,
    asked("enter", senders=(C1PE0,)): 0,
    asked("clear", senders=(C1PE0,)): 1,  # the newest request is what is cleared
    asked("clear", senders=(PE2,)): 0,
    asked("request", cores=(PE1,), senders=(PE0, C1PE0)): 2,
    asked("request", "coalesced", "fault", cores=(PE1,)): 4,
    asked("msi", "lost"): 1,
    asked("mailbox", lines=1 << 4, senders=(PE1,)): 1,
    asked("mailbox", lines=1 << 5): 0,
    asked("request", lines=1 << 25): 0,
    asked("fault", lines=1 << 24): 0,
    asked("msi", cores=(PE1,)): 0,
}


@pytest.mark.parametrize("form", [list, Columns.from_rows])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_each_kind_of_rows_is_counted_however_they_come(form, size):
    if form is not list:
        rows = [one for one in ROWS if None not in one[1:3]]
        kinds = {kind: count for kind, count in KINDS.items() if not {"msi", "mailbox"} & set(kind.events)}
    else:
        rows, kinds = ROWS, KINDS
    lookout = Lookout(kinds)
    for at in range(0, len(rows), size):
        lookout.add(form(rows[at : at + size]))
    assert {kind: seen.count for kind, seen in lookout.seen.items()} == kinds


def test_the_first_row_its_place_and_the_longest_wait_are_kept():
    entered, coalesced = asked("enter", senders=(PE0,)), asked("coalesced")
    lookout = Lookout([entered, coalesced])
    lookout.add(ROWS)
    assert lookout.seen[entered].first == ROWS[4]
    assert lookout.seen[entered].longest == 35
    assert lookout.seen[entered].number < lookout.seen[coalesced].number


def test_a_mark_begins_anew_what_counts_from_it():
    whole, since = asked("enter"), asked("enter", since="m")
    lookout = Lookout([whole, since])
    lookout.add(ROWS[:5])
    lookout.mark("m")
    assert (lookout.seen[whole].count, lookout.seen[since].count, lookout.seen[since].first) == (1, 0, None)
    lookout.mark("other")
    lookout.add(ROWS[5:])
    assert (lookout.seen[whole].count, lookout.seen[since].count) == (2, 1)
    assert lookout.seen[since].first == ROWS[7]


def test_without_a_kind_there_is_nothing_to_look_for():
    assert not Lookout()
    assert Lookout([asked("enter")])


def test_requests_are_kept_only_where_enters_and_clears_have_senders():
    plain, pairing = Lookout([asked("enter")]), Lookout([asked("clear", senders=(PE0,))])
    for lookout in (plain, pairing):
        lookout.add(ROWS[:4])
    assert (plain.pairs, plain.asked(*PE1, 24)) == (False, 0)
    assert (pairing.pairs, pairing.asked(*PE1, 24), pairing.asked(*PE0, 24)) == (True, 2, 0)


def test_an_enter_without_a_request_is_a_defect():
    lookout = Lookout([asked("enter", senders=(PE0,))])
    with pytest.raises(DefectError, match="pe1 line 24: enter at tick 7 without a request"):
        lookout.add([row(7, PE1, "enter")])


def test_a_lookout_goes_on_from_its_state():
    for at in range(len(ROWS)):
        whole, first, second = (Lookout(KINDS) for _ in range(3))
        first.add(ROWS[:at])
        second.restore(Saved(first.state(), "lookout"))
        assert second.state() == first.state()
        whole.add(ROWS)
        second.add(ROWS[at:])
        assert second.state() == whole.state()


# The last rows


def many(count):
    """Return rows of three cores, of which pe2 has few."""
    return [row(n, (PE0, PE1)[n % 2] if n % 1000 else PE2, "enter") for n in range(count)]


@pytest.mark.parametrize("form", [list, Columns.from_rows])
@pytest.mark.parametrize("size", [1, 7, 5000, 20000])
def test_the_last_rows_are_the_same_in_whatever_chunks_they_come(form, size):
    rows = many(10_001)
    recent = Recent()
    for at in range(0, len(rows), size):
        if form is list or size > 7:
            recent.add(form(rows[at : at + size]))
        else:
            recent.add(rows[at : at + size])
    assert recent.last(None) == rows[-5:]
    assert recent.last([PE0]) == [one for one in rows if one[2] == 0][-5:]
    assert recent.last([PE2]) == [rows[n] for n in (6000, 7000, 8000, 9000, 10000)]
    assert recent.last([PE2, PE1])[0] == rows[6000]
    assert len(recent.last([PE2, PE1])) == 10
    assert recent.last([C1PE0]) == []


def test_rows_are_looked_back_on_for_so_many_rows():
    rows = [row(0, PE2, "enter"), *many(KEPT)[1:]]
    recent = Recent()
    recent.add(rows)
    assert rows[0] in recent.last([PE2])
    recent.add(many(2)[1:])
    assert rows[0] not in recent.last([PE2])


def test_of_many_cores_the_last_twenty_rows_are_told():
    cores = [CoreId(0, pid) for pid in range(10)]
    rows = [row(n, cores[n % 10], "enter") for n in range(100)]
    recent = Recent()
    recent.add(rows)
    assert recent.last(cores) == rows[-20:]


def test_the_last_rows_go_on_from_their_state():
    rows = many(9000)
    whole = Recent()
    whole.add(rows)
    for at in (0, 1, 4000, 4500, 8999):
        first, second = Recent(), Recent()
        first.add(rows[:at])
        second.restore(Saved(first.state(), "recent"), at)
        assert second.state() == first.state()
        for core in (None, [PE0], [PE2], [PE0, PE2]):
            assert second.last(core) == first.last(core)
        second.add(rows[at:])
        assert second.state() == whole.state()


def test_a_state_that_can_not_be_is_refused():
    recent = Recent()
    odd = [0, *ROWS[0][:3], "entered", *ROWS[0][4:]]
    for rows, message in (
        ([[0, *ROWS[0]], [1, *ROWS[0]]], r"recent\[1\]\[0\]: expected rows in their order, found 1"),
        ([[5, *ROWS[0]]], r"recent\[0\]\[0\]: expected 0..0x4, found 5"),
        ([odd], r'recent\[0\]\[4\]: expected an event, found "entered"'),
        ([[0, 1, 2]], r"recent\[0\]: expected a list of 9"),
    ):
        with pytest.raises(ValueError, match=message):
            recent.restore(Saved([list(one) for one in rows], "recent"), 5)


def test_rows_are_shown_in_columns():
    assert lines_of(ROWS[5:]) == [
        "tick  core       event      line  from   value",
        "  26  pe1        coalesced    24  pe0        0",
        "  30  pe1        clear        24  pe2        0",
        "  40  pe2        enter        24             0",
        "  41  soc        msi           3           0x9",
        "  42  cluster 0  mailbox       4  pe1      0x9",
        "  43  pe1        fault                  0x1000",
    ]
