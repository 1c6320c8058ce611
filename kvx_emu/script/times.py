"""Durations: ticks of the core clock, or a decimal number with a unit; exact, without floats."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from kvx_emu.limits import LIMITS
from kvx_emu.script.report import quote

UNITS = {"ns": 9, "us": 6, "ms": 3, "s": 0}
"""Decimal places from the unit down: 1 ns is 10^-9 s. `clk`, a tick of the core clock, is apart."""

PATTERN = r"[0-9]+(\.[0-9]+)?(ns|us|ms|s|clk)"
"""What a duration with a unit looks like."""

_PARTS = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?([A-Za-z]*)")
_LONGEST = 40  # characters: a number of more digits is no duration that anyone measured
_MOST_PLACES = 12  # decimal places that a suggested duration may have


class Amount(NamedTuple):
    """A duration as written: `digits` x 10^-`places` of `unit` (ns, us, ms, s or clk)."""

    digits: int
    places: int
    unit: str


class Duration(NamedTuple):
    """A duration and the position where the script has it."""

    amount: Amount
    position: int


@lru_cache(maxsize=4096)
def parse_amount(text: str) -> Amount:
    """Return the duration that `text` (with a unit) writes; raises ValueError saying what is wrong."""
    match = _PARTS.fullmatch(text) if len(text) <= _LONGEST else None
    if not match:
        raise ValueError(
            f"found {quote(text)}; expected a duration such as 250ns, 1.5us, 2ms, 1s, 12clk or 12"
        )
    sign, whole, fraction, unit = match.groups(default="")
    if sign:
        raise ValueError(f"found the negative duration {quote(text)}; expected 0 or more")
    if not unit:
        raise ValueError(
            f"found {quote(text)}; expected a whole number of ticks, or a unit: ns, us, ms, s or clk"
        )
    if unit not in UNITS and unit != "clk":
        raise ValueError(f"found the unit {quote(unit)} in {quote(text)}; expected ns, us, ms, s or clk")
    return Amount(int(whole + fraction), len(fraction), unit)


@lru_cache(maxsize=4096)
def ticks(amount: Amount, clock_hz: int) -> int:
    """Return `amount` in ticks of a clock of `clock_hz`.

    Raises ValueError, with the message, where it is no whole number of ticks or passes `LIMITS.ticks`.
    """
    numerator, denominator = amount.digits, _power(amount.places)
    if amount.unit != "clk":
        numerator *= clock_hz
        denominator *= _power(UNITS[amount.unit])
    count, rest = divmod(numerator, denominator)
    if rest:
        lower, upper = (_written(n, amount.unit, clock_hz) for n in (count, count + 1))
        raise ValueError(
            f"{_text(amount)} is no whole number of ticks of the {clock_hz} Hz clock; "
            f"the nearest durations are {lower} and {upper}"
        )
    if count >= LIMITS.ticks:
        raise ValueError(f"{_text(amount)} is {count} ticks; expected less than {LIMITS.ticks}")
    return count


def _text(amount: Amount) -> str:
    """Return `amount` as a script writes it."""
    digits = str(amount.digits).rjust(amount.places + 1, "0")
    cut = len(digits) - amount.places
    return (f"{digits[:cut]}.{digits[cut:]}" if amount.places else digits) + amount.unit


def _written(count: int, unit: str, clock_hz: int) -> str:
    """Return `count` ticks in `unit`, or in clk where the unit would need too many decimal places."""
    if unit != "clk":
        scaled, rest = divmod(count * _power(UNITS[unit] + _MOST_PLACES), clock_hz)
        if not rest:
            places = _MOST_PLACES
            while places and scaled % 10 == 0:
                scaled, places = scaled // 10, places - 1
            return f"{_text(Amount(scaled, places, unit))} ({count}clk)"
    return f"{count}clk"


def _power(exponent: int) -> int:
    """Return 10^`exponent`, 0 or more: to a type checker `10**n` may be a float."""
    return int(10**exponent)
