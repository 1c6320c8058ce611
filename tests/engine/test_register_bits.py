"""Bits of special registers that do not exist."""

from __future__ import annotations


def test_bits_that_a_register_lacks_are_ignored_with_a_warning(run):
    result = run("  - sfr: {core: pe1, register: EV_PL1, write: 0x1ff}\n")
    (warning,) = result.outcome.warnings
    assert (warning.code, warning.message) == (
        "register-bits",
        "EV_PL1 has no bits 0xff: they are ignored",
    )
