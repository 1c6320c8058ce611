"""Integer expressions: dtc's operators, precedence and arithmetic."""

from __future__ import annotations

import time

import pytest
from dt_reading import allowed, read, run_dtc

from kvx_emu.dt.lexer import integer

CASES = [
    ("(1)", 1),
    ("((2))", 2),
    ("(1 + 2 * 3)", 7),
    ("((1 + 2) * 3)", 9),
    ("(10 - 4 - 3)", 3),
    ("(100 / 10 / 5)", 2),
    ("(17 % 5)", 2),
    ("(-1)", 0xFFFFFFFF),
    ("(- - 2)", 2),
    ("(~0)", 0xFFFFFFFF),
    ("(!0)", 1),
    ("(!5)", 0),
    ("(-!0)", 0xFFFFFFFF),
    ("(1 << 4)", 16),
    ("(256 >> 4)", 16),
    ("(1 << 2 + 1)", 8),
    ("(1 << 63 >> 63)", 1),
    ("(1 << 64)", 0),
    ("((1 << 100000000) >> 100000000)", 0),
    ("(1 << -1)", 0),
    ("(0xffffffffffffffff + 2)", 1),
    ("(0 - 1 >> 40)", 0xFFFFFF),
    ("(0xffffffffffffffff * 0xffffffffffffffff)", 1),
    ("((0 - 4) / 2 >> 60)", 7),
    ("(6 & 3)", 2),
    ("(6 ^ 3)", 5),
    ("(6 | 3)", 7),
    ("(1 | 2 ^ 3 & 5)", 3),
    ("(4 & 4 == 4)", 0),
    ("(1 < 2)", 1),
    ("(2 > 3)", 0),
    ("(2 <= 2)", 1),
    ("(2 >= 3)", 0),
    ("(1 == 1 != 0)", 1),
    ("(-1 > 1)", 1),
    ("(2 && 0)", 0),
    ("(2 && 3)", 1),
    ("(0 || 5)", 1),
    ("(0 || 0)", 0),
    ("(1 || 0 && 0)", 1),
    ("(1 ? 2 : 3)", 2),
    ("(0 ? 2 : 3)", 3),
    ("(0 ? 1 : 0 ? 2 : 3)", 3),
    ("(1 ? 0 ? 4 : 5 : 6)", 5),
    ("(1 ? 2 : 3 + 10)", 2),
    ("(0 || 1 ? 7 : 8)", 7),
    ("('a' + 1)", 0x62),
    ("(0x10 + 010 + 10U + 1UL + 1LL + 1ULL)", 37),
    ("(1/* c */+// d\n2)", 3),
]


@pytest.mark.parametrize(("text", "value"), CASES)
def test_an_expression_has_the_value_that_dtc_gives_it(text: str, value: int) -> None:
    assert read(f"/ {{ a = <{text} 7>; }};").root.cells("a") == [value, 7]


def test_dtc_agrees_on_all_of_them() -> None:
    texts = " ".join(text for text, _ in CASES)
    blob = run_dtc(f"/dts-v1/; / {{ a = <{texts}>; }};".encode(), "dts", "dtb")
    assert blob is not None
    assert b"".join(value.to_bytes(4, "big") for _, value in CASES) in blob


def test_a_cell_knows_where_its_expression_starts() -> None:
    root = read("/ {\na = <1 (2 +\n 3) 4>; };").root
    assert [str(root.cell_place("a", index)) for index in range(3)] == ["b.dts:3:6", "b.dts:3:8", "b.dts:4:5"]


def test_reservations_take_expressions_and_characters() -> None:
    assert read("/memreserve/ (1 << 40) 'a'; / { };").reservations == ((1 << 40, 0x61),)


def test_five_thousand_parentheses_take_no_time_and_no_stack() -> None:
    start = time.process_time()
    text = "(" * 2400 + "1" + ")" * 2400
    assert read(f"/ {{ a = <{text}>; }};").root.cells("a") == [1]
    text = "(" + "1 ? " * 1000 + "7" + " : 0" * 1000 + ")"
    assert read(f"/ {{ a = <{text}>; }};").root.cells("a") == [7]
    assert time.process_time() - start < allowed(1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("010", 8),
        ("0X1f", 31),
        ("12ULL", 12),
        ("08", None),
        ("0x", None),
        ("1LU", None),
        ("", None),
    ],
)
def test_literals_are_those_of_c(text: str, value: int | None) -> None:
    assert integer(text) == value
