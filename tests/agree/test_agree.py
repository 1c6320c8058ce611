"""The vector engine gives what the reference gives, to the last row, warning and register.

KVX_EMU_EXAMPLES=100000 looks at so many cases, new ones each time; the default is a short, fixed run. There
is no Hypothesis here: a case follows from its number, and what fails is made smaller by leaving steps out.
For long runs on several processors there is campaign.py.
"""

from __future__ import annotations

import os
from random import SystemRandom

import pytest
from agree_boards import machine_of
from agree_cases import case_of
from agree_compare import compare, reference, report, vector
from agree_mutants import MUTANTS
from agree_shrink import shrink, without_tables

from kvx_emu.errors import Source
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

EXAMPLES = int(os.environ.get("KVX_EMU_EXAMPLES", "0"))
FIRST = SystemRandom().randrange(10**12) if EXAMPLES else 0
CASES = range(FIRST, FIRST + (EXAMPLES or 150))
ENOUGH = 500  # cases within which every mutant has to be found


def test_the_vector_engine_gives_what_the_reference_gives():
    for number in CASES:
        case = case_of(number)
        difference, _ = compare(vector, case)
        if difference is not None:
            pytest.fail(report(*shrink(vector, case, difference), number))


def test_a_program_made_directly_is_the_one_that_its_script_gives():
    for number in range(FIRST, FIRST + 60):
        case = without_tables(case_of(number))
        script = load_script(Source("drawn.yaml", case.text()))
        assert case.program() == bind(script, machine_of(case.board)), f"case {number}"


def test_the_reference_agrees_with_itself():
    for number in CASES:
        difference, _ = compare(reference, case_of(number))
        assert difference is None, report(case_of(number), difference, number)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_engine_is_found(name: str):
    assert any(compare(MUTANTS[name], case_of(number))[0] for number in range(ENOUGH))


def test_a_case_that_fails_is_made_small():
    mutant = MUTANTS["arrivals come before exits"]
    case, difference = next(
        (case, difference)
        for case in map(case_of, range(ENOUGH))
        if (difference := compare(mutant, case)[0]) is not None
    )
    small, difference = shrink(mutant, case, difference)
    assert difference.kind == "rows"
    assert len(small.steps) <= 6 < len(case.steps), report(small, difference)


def test_tables_are_replayed():
    cases = [case for case in map(case_of, range(100)) if case.tables()]
    assert len(cases) > 10
