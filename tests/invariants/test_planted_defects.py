"""Each known defect of Kalray's QEMU, put into our models, is found by the tests that are named for it.

The nine are the differences between that QEMU (branch coolidge-6.1) and the hardware that
docs/hardware-choices.md lists and that change what an interrupt does; after them come three more that a
test can plant. Each is planted in a process of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

SPEC = "tests/spec/test_"
HOLD = "tests/invariants/test_invariants.py::test_the_invariants_hold"

NINE = {
    "sets_1_to_7_are_missing": [
        f"{SPEC}ipi_ctrl.py::test_set_5_drives_line_29",
        f"{SPEC}ipi_ctrl.py::test_set_n_drives_line_24_plus_n_and_has_its_mask_at_0x20_plus_4n[7]",
        f"{HOLD}[ipi]",
    ],
    "mask_keeps_32_bits": [f"{SPEC}ipi_ctrl.py::test_the_mask_register_keeps_17_bits", f"{HOLD}[ipi]"],
    "the_rm_is_not_wired": [
        f"{SPEC}ipi_ctrl.py::test_after_reset_all_17_cores_are_reached_in_ascending_order",
        f"{SPEC}ipi_ctrl.py::test_the_rm_may_interrupt_and_be_interrupted",
    ],
    "triggers_are_ignored_and_add_replaces": [
        f"{SPEC}apic_mailbox.py::test_without_a_trigger_nothing_interrupts",
        f"{SPEC}apic_mailbox.py::test_add_wraps_at_64_bits",
        f"{HOLD}[mailbox]",
    ],
    "the_interrupt_comes_before_the_value": [
        f"{SPEC}apic_mailbox.py::test_the_value_is_there_before_the_output_rises",
        f"{HOLD}[mailbox]",
    ],
    "an_output_of_the_gic_never_falls": [
        f"{SPEC}apic_gic.py::test_an_output_falls_when_the_last_word_is_taken",
        f"{HOLD}[gic]",
    ],
    "the_bit_is_selected_by_23_18": [
        f"{SPEC}itgen.py::test_an_enabled_input_that_rises_writes_its_bit_to_its_mailbox",
        f"{HOLD}[itgen]",
    ],
    "any_bit_of_enable_enables": [f"{SPEC}itgen.py::test_enable_is_bit_0", f"{HOLD}[itgen]"],
    "waking_a_pe_wakes_the_lower_ones": [
        f"{SPEC}pwr_ctrl.py::test_a_pe_starts_alone_at_reset_pc_and_only_while_pe_en_is_set",
        f"{HOLD}[power]",
    ],
}

MORE = {
    "accesses_beyond_the_last_input_abort": [
        f"{SPEC}apic_gic.py::test_an_access_across_the_last_input_has_nothing_behind_it",
        f"{HOLD}[gic]",
    ],
    "reset_on_wake_up_lands_in_wake_up": [
        f"{SPEC}pwr_ctrl.py::test_with_reset_on_wakeup_the_pe_is_reset_before_it_starts",
        f"{HOLD}[power]",
    ],
    "other_sizes_are_answered": [
        f"{SPEC}ipi_ctrl.py::test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect",
    ],
}
"""By defect, tests of which each must fail; of several cases of one test, one at least."""


def run(defect, tests):
    """Run tests with a defect; return how many cases passed and which tests had one that failed."""
    command = [sys.executable, str(HERE / "planted.py"), defect, "-rfE", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return done.returncode, failed, done.stdout


def test_there_are_nine():
    assert len(NINE) == 9


def test_without_a_defect_these_tests_pass():
    tests = sorted({test for tests in (NINE | MORE).values() for test in tests})
    status, failed, told = run("none", tests)
    assert (status, failed) == (0, []), told


@pytest.mark.parametrize("defect", NINE | MORE)
def test_a_defect_of_qemu_is_found(defect):
    status, failed, told = run(defect, (NINE | MORE)[defect])
    assert status == 1, told
    for test in (NINE | MORE)[defect]:
        assert any(name == test or name.startswith(f"{test}[") for name in failed), told
