"""Names of cores and lines, and durations."""
# ruff: noqa: E501, PT017 - one row a case; either outcome is right, and each is checked

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx_emu.core_id import CoreId
from kvx_emu.script.names import Cores, line_mask, parse_core, parse_lines
from kvx_emu.script.times import UNITS, parse_amount, ticks

BOARD = Cores([CoreId(1, 1), CoreId(1, 0), *(CoreId(0, pid) for pid in (16, 3, 2, 1, 0))])


def names(text, sender=None, local=False):
    return [str(core) for core in BOARD.resolve(parse_core(text), sender, local=local)]


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("pe0", ["pe0"]),
        ("rm", ["rm"]),
        ("c0.rm", ["rm"]),
        ("c1.pe1", ["c1.pe1"]),
        ("pe1-3", ["pe1", "pe2", "pe3"]),
        ("c1.pe0-1", ["c1.pe0", "c1.pe1"]),
        ("all", ["pe0", "pe1", "pe2", "pe3", "rm", "c1.pe0", "c1.pe1"]),
        ("pes", ["pe0", "pe1", "pe2", "pe3", "c1.pe0", "c1.pe1"]),
        ("c0.all", ["pe0", "pe1", "pe2", "pe3", "rm"]),
        ("c0.pes", ["pe0", "pe1", "pe2", "pe3"]),
    ],
)
def test_a_name_means_these_cores_of_the_whole_board(text, cores):
    assert names(text) == cores


def test_for_a_target_the_sets_mean_the_senders_own_cluster():
    assert names("all", CoreId(1, 0), True) == ["c1.pe0", "c1.pe1"]
    assert names("pes", CoreId(0, 16), True) == ["pe0", "pe1", "pe2", "pe3"]
    assert names("others", CoreId(0, 2), True) == ["pe0", "pe1", "pe3", "rm"]
    assert names("c1.all", CoreId(0, 2), True) == ["c1.pe0", "c1.pe1"]
    assert names("pe0", CoreId(1, 1), True) == ["pe0"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pe16", "expected pe0..pe15"),
        ("pe7-3", "lower end first"),
        ("pe01", "expected pe0..pe15, rm"),
        ("c01.pe0", "expected pe0..pe15, rm"),
        ("PE0", "expected pe0..pe15, rm"),
        ("c1.others", "expected `others` alone"),
        ("pe0,pe1", "expected pe0..pe15, rm"),
        ("pe", "expected pe0..pe15, rm"),
        ("rm\n", "expected pe0..pe15, rm"),
        ("x" * 100, "`" + "x" * 37 + "...`"),
    ],
)
def test_a_bad_name_says_what_was_expected(text, words):
    with pytest.raises(ValueError, match="found") as caught:
        parse_core(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pe9", "no core pe9; the nearest that it has is pe3"),
        ("pe2-5", "no core pe4 of `pe2-5`; the nearest that it has is pe3"),
        ("c1.rm", "no core c1.rm; the nearest that it has is c1.pe1"),
        ("c7.pe0", "no core c7.pe0; the nearest that it has is c1.pe0"),
        ("c7.all", "no cluster 7; it has 0, 1"),
    ],
)
def test_a_core_that_the_board_lacks_comes_with_the_nearest(text, words):
    with pytest.raises(ValueError, match="the board has") as caught:
        names(text)
    assert words in str(caught.value)


def test_a_board_without_cores_has_no_nearest():
    with pytest.raises(ValueError, match="it has no core at all"):
        Cores([]).resolve(parse_core("pe0"))


@given(st.integers(0, 4), st.integers(0, 15), st.integers(0, 15))
def test_a_range_is_the_cores_between_its_ends(cluster, one, two):
    low, high = sorted((one, two))
    board = Cores(CoreId(cluster, pid) for pid in range(17))
    found = board.resolve(parse_core(f"c{cluster}.pe{low}-{high}"))
    assert found == tuple(CoreId(cluster, pid) for pid in range(low, high + 1))


@given(st.builds(CoreId, st.integers(0, 9999), st.integers(0, 16)))
def test_every_core_is_named_by_its_own_text(core):
    assert Cores([core]).resolve(parse_core(str(core))) == (core,)


@given(st.text(max_size=12))
def test_any_text_is_a_name_or_a_value_error(text):
    try:
        parse_core(text)
    except ValueError as error:
        assert "expected" in str(error)


def test_lines_are_ranges_within_bounds():
    assert list(parse_lines("24-26", 0, 31)) == [24, 25, 26]
    assert line_mask([0, 31, 0]) == 0x80000001
    for text, words in (
        ("26-24", "lower end"),
        ("0-24", "within 24..31"),
        ("a", "such as 24-31"),
        ("01-2", "a line"),
    ):
        with pytest.raises(ValueError, match=words):
            parse_lines(text, 24, 31)


@pytest.mark.parametrize(
    ("text", "clock", "count"),
    [
        ("250ns", 10**9, 250),
        ("1.5us", 10**9, 1500),
        ("2ms", 10**9, 2_000_000),
        ("1s", 600_000_000, 600_000_000),
        ("12clk", 7, 12),
        ("12.0clk", 7, 12),
        ("0ns", 3, 0),
        ("2.500ns", 400_000_000, 1),
        ("1s", 32768, 32768),
    ],
)
def test_a_duration_is_so_many_ticks(text, clock, count):
    assert ticks(parse_amount(text), clock) == count


@pytest.mark.parametrize(
    ("text", "clock", "words"),
    [
        ("3ns", 500_000_000, "3ns is no whole number of ticks of the 500000000 Hz clock; the nearest durations are 2ns (1clk) and 4ns (2clk)"),
        ("1ns", 1_200_000_000, "are 1clk and 2clk"),
        ("0.5ns", 10**9, "are 0ns (0clk) and 1ns (1clk)"),
        ("1.5clk", 10**9, "1.5clk is no whole number of ticks of the 1000000000 Hz clock; the nearest durations are 1clk and 2clk"),
        ("0.05us", 16_000_000, "are 0us (0clk) and 0.0625us (1clk)"),
        ("9999999999s", 10**9, "9999999999s is 9999999999000000000 ticks; expected less than 9223372036854775808"),
    ],
)  # fmt: skip
def test_a_duration_that_is_no_whole_number_of_ticks_says_the_nearest(text, clock, words):
    with pytest.raises(ValueError, match="ticks") as caught:
        ticks(parse_amount(text), clock)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-5ns", "found the negative duration `-5ns`; expected 0 or more"),
        ("5", "or a unit"),
        ("5ps", "found the unit `ps`"),
        ("5 ns", "expected a duration"),
        (".5ns", "expected a duration"),
        ("1e3ns", "expected a duration"),
        ("", "expected a duration"),
        ("9" * 41 + "ns", "expected a duration"),
    ],
)
def test_a_bad_duration_says_what_was_expected(text, words):
    with pytest.raises(ValueError, match="found") as caught:
        parse_amount(text)
    assert words in str(caught.value)


@given(
    st.integers(0, 10**12),
    st.integers(0, 6),
    st.sampled_from([*UNITS, "clk"]),
    st.integers(1, 4 * 10**9),
)
def test_durations_are_exact(digits, places, unit, clock):
    text = str(digits).rjust(places + 1, "0")
    text = (text[: len(text) - places] + "." + text[len(text) - places :] if places else text) + unit
    exact = Fraction(digits, 10**places) * (1 if unit == "clk" else Fraction(clock, 10 ** UNITS[unit]))
    try:
        assert ticks(parse_amount(text), clock) == exact
        assert exact < 1 << 63
    except ValueError as error:
        assert exact.denominator > 1 or exact >= 1 << 63
        if exact.denominator > 1:
            assert f"{int(exact)}clk" in str(error)
            assert f"{int(exact) + 1}clk" in str(error)
