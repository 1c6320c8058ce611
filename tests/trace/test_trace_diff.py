"""The first difference of two traces, and what each run knew there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_rows import row as any_row

from kvx_emu.core_id import CoreId
from kvx_emu.trace.row import COLUMNS
from kvx_emu.trace.study.diff import State, compare, diff_json, diff_text

PE1, PE2 = CoreId(0, 1), CoreId(0, 2)


def row(tick, core, event, line=24, value=0):
    return (tick, *core, event, line, None, None, value)


COMMON = [
    row(0, PE1, "request", 24),
    row(1, PE1, "request", 25),
    row(2, PE2, "request", 24),
    row(3, PE1, "enter", 24),
    row(4, PE2, "enter", 24),
    row(5, PE1, "request", 24),
]
A = [*COMMON, row(9, PE1, "exit", 24, 0x3000000), row(9, PE1, "enter", 25)]
B = [*COMMON, row(9, PE2, "exit", 24), row(9, PE1, "exit", 24)]


def difference_of(first, second, ignored=()):
    _, difference = compare([first], [second], ignored)
    return difference


def text_of(first, second, ignored=()):
    return diff_text(difference_of(first, second, ignored), ("a.csv", "b.csv"))


def test_equal_traces_have_no_difference():
    assert compare([A], [A]) == (8, None)
    assert compare([], []) == (0, None)


def test_how_the_rows_are_cut_into_chunks_does_not_matter():
    assert compare([A[:3], A[3:]], [[each] for each in A]) == (8, None)


def test_the_first_difference_is_told_with_the_rows_before_and_what_the_cores_knew():
    assert text_of(A, B) == (
        "A is a.csv\n"
        "B is b.csv\n"
        "\n"
        "row 7 differs: core is 1 in A and 2 in B, value is 0x3000000 in A and 0x0 in B\n"
        "\n"
        "      row  core      tick  event      line  from        value\n"
        "--  -----  ------  ------  -------  ------  ------  ---------\n"
        "        2  pe1          1  request      25                  0\n"
        "        3  pe2          2  request      24                  0\n"
        "        4  pe1          3  enter        24                  0\n"
        "        5  pe2          4  enter        24                  0\n"
        "        6  pe1          5  request      24                  0\n"
        "A       7  pe1          9  exit         24          0x3000000\n"
        "B       7  pe2          9  exit         24                  0\n"
        "\n"
        "pe1 before row 7: pending: line 24 since tick 5, line 25 since tick 1; "
        "in service: line 24 since tick 3\n"
        "pe1 after row 7 of A: pending: line 24 since tick 5, line 25 since tick 1; in service: nothing\n"
        "pe1 after row 7 of B: pending: line 24 since tick 5, line 25 since tick 1; "
        "in service: line 24 since tick 3\n"
        "pe2 before row 7: pending: nothing; in service: line 24 since tick 4\n"
        "pe2 after row 7 of A: pending: nothing; in service: line 24 since tick 4\n"
        "pe2 after row 7 of B: pending: nothing; in service: nothing\n"
    )


def test_a_trace_that_ends_is_told():
    assert text_of(A[:4], A) == (
        "A is a.csv\n"
        "B is b.csv\n"
        "\n"
        "A ends after 4 rows; B goes on\n"
        "\n"
        "      row  core      tick  event      line  from      value\n"
        "--  -----  ------  ------  -------  ------  ------  -------\n"
        "        1  pe1          0  request      24                0\n"
        "        2  pe1          1  request      25                0\n"
        "        3  pe2          2  request      24                0\n"
        "        4  pe1          3  enter        24                0\n"
        "B       5  pe2          4  enter        24                0\n"
        "\n"
        "pe2 before row 5: pending: line 24 since tick 2; in service: nothing\n"
        "pe2 after row 5 of B: pending: nothing; in service: line 24 since tick 4\n"
    )
    assert "\nB ends after 0 rows; A goes on\n" in text_of(A, [])


def test_rows_outside_the_cores_have_no_state():
    lost, other = (5, None, None, "lost", 300, None, None, 0), (5, 1, None, "lost", 300, None, None, 0)
    text = text_of([lost], [other])
    assert "\nrow 1 differs: cluster is nothing in A and 1 in B\n" in text
    assert text.endswith(
        "A       1  soc             5  lost        300                0\n"
        "B       1  cluster 1       5  lost        300                0\n"
    )


def test_a_core_whose_state_does_not_change_takes_a_line():
    text = text_of([*COMMON, row(9, PE1, "mask")], [*COMMON, row(10, PE1, "mask")])
    assert text.endswith(
        "\n\npe1 at row 7: pending: line 24 since tick 5, line 25 since tick 1; "
        "in service: line 24 since tick 3\n"
    )


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_that_is_ignored_may_differ(column):
    other = (7, 3, 4, "exit", 25, 1, 2, 9)
    one = (0, 0, 1, "enter", 24, 0, 0, 0)
    mixed = tuple(other[k] if name == column else one[k] for k, name in enumerate(COLUMNS))
    assert difference_of([one], [mixed]).columns == [column]
    assert compare([[one, one]], [[mixed, one]], [column]) == (2, None)
    left = [name for name in COLUMNS if name != column]
    assert difference_of([one], [other], [column]).columns == left
    assert compare([[one]], [[mixed]], [name for name in COLUMNS if name != left[0]]) == (1, None)


def test_each_run_has_its_own_state_when_ticks_are_ignored():
    later = [(tick + 100, *rest) for tick, *rest in COMMON]
    text = text_of([*COMMON, row(9, PE1, "exit")], [*later, row(109, PE1, "enter", 25)], ["tick"])
    assert "\nrow 7 differs: event is exit in A and enter in B, line is 24 in A and 25 in B\n" in text
    assert text.endswith(
        "\n\n"
        "pe1 before row 7 of A: pending: line 24 since tick 5, line 25 since tick 1; "
        "in service: line 24 since tick 3\n"
        "pe1 before row 7 of B: pending: line 24 since tick 105, line 25 since tick 101; "
        "in service: line 24 since tick 103\n"
        "pe1 after row 7 of A: pending: line 24 since tick 5, line 25 since tick 1; in service: nothing\n"
        "pe1 after row 7 of B: pending: line 24 since tick 105; "
        "in service: line 24 since tick 103, line 25 since tick 109\n"
    )


def test_the_difference_as_json():
    equal, difference = compare([A[:5]], [COMMON[:4]])
    record = dict(zip(COLUMNS, COMMON[4], strict=True))
    pending, serving = [{"line": 24, "since": 2}], [{"line": 24, "since": 4}]
    assert json.loads(diff_json(equal, difference)) == {
        "equal": False,
        "rows": 4,
        "row": 5,
        "columns": [],
        "a": record,
        "b": None,
        "before": [dict(zip(COLUMNS, each, strict=True)) for each in COMMON[:4]],
        "cores": [
            {
                "core": "pe2",
                "cluster": 0,
                "pid": 2,
                "before_a": {"pending": pending, "in_service": []},
                "before_b": {"pending": pending, "in_service": []},
                "after_a": {"pending": [], "in_service": serving},
                "after_b": {"pending": pending, "in_service": []},
            }
        ],
    }
    assert json.loads(diff_json(3, None)) == {"equal": True, "rows": 3}


def test_a_state_in_words():
    assert str(State([], [])) == "pending: nothing; in service: nothing"
    assert str(State([(24, 5)], [(25, 6), (26, 7)])) == (
        "pending: line 24 since tick 5; in service: line 25 since tick 6, line 26 since tick 7"
    )


@given(st.lists(any_row, max_size=8), st.lists(any_row, max_size=8), st.integers(0, 8))
def test_the_difference_is_where_the_rows_part(first, second, common):
    second = [*first[:common], *second]
    equal, difference = compare([first], [second])
    assert first[:equal] == second[:equal]
    if difference is None:
        assert first == second
    else:
        assert difference.row == equal + 1
        assert first[equal : equal + 1] != second[equal : equal + 1]
        assert difference.before == first[max(0, equal - 5) : equal]
        assert diff_text(difference, ("a", "b")).endswith("\n")
