"""Where each of the 60 cases of the hardware's test list is tested.

The list states what is known of the hardware as cases with literal values. Those of a model by itself are
tested under `spec`, those of whole machines under `engine` and `machine`.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest
from command import ROOT

CASES: dict[int, list[str]] = {
    1: [
        "spec/test_ipi_ctrl.py::test_a_bit_of_the_interrupt_register_requests_line_24_of_that_core_alone",
    ],
    2: [
        "spec/test_ipi_ctrl.py::test_after_reset_all_17_cores_are_reached_in_ascending_order",
    ],
    3: [
        "spec/test_ipi_ctrl.py::test_the_mask_that_linux_writes_lets_the_16_pes_through_and_stops_the_rm",
    ],
    4: [
        "spec/test_ipi_ctrl.py::test_a_request_that_the_mask_stops_for_all_makes_masked_rows_only",
    ],
    5: [
        "spec/test_ipi_ctrl.py::test_bits_above_16_of_the_interrupt_register_are_ignored_with_a_warning",
    ],
    6: [
        "spec/test_ipi_ctrl.py::test_the_interrupt_register_reads_as_0_and_reading_it_does_nothing",
    ],
    7: [
        "spec/test_ipi_ctrl.py::test_the_mask_register_keeps_17_bits",
        "spec/test_ipi_ctrl.py::test_the_mask_register_of_qemu_keeps_32_bits",
    ],
    8: [
        "spec/test_ipi_ctrl.py::test_a_masked_request_is_lost_and_unmasking_does_not_bring_it_back",
    ],
    9: [
        "spec/test_ipi_ctrl.py::test_set_5_drives_line_29",
    ],
    10: [
        "spec/test_ipi_ctrl.py::test_a_mask_is_of_its_own_set",
    ],
    11: [
        "spec/test_ipi_ctrl.py::test_a_bus_error_of_a_script_is_a_fault_row_and_a_warning",
        "spec/test_ipi_ctrl.py::test_a_write_beyond_the_registers_is_ignored_with_a_warning",
        "spec/test_ipi_ctrl.py::test_a_write_of_0_makes_no_event",
        "spec/test_ipi_ctrl.py::test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect",
    ],
    12: [
        "spec/test_ipi_ctrl.py::test_a_second_request_before_the_core_takes_the_first_is_coalesced",
    ],
    13: [
        "spec/test_ipi_ctrl.py::test_a_core_reaches_the_controller_of_another_cluster_at_its_global_address",
        "spec/test_ipi_ctrl.py::test_at_the_local_address_a_core_reaches_the_controller_of_its_own_cluster",
    ],
    14: [
        "spec/test_core_delivery.py::test_an_enabled_ipi_enters_at_ev_plus_0x80",
    ],
    15: [
        "spec/test_core_delivery.py::test_the_line_of_the_higher_level_is_taken_first",
    ],
    16: [
        "spec/test_core_delivery.py::test_of_lines_of_one_level_the_lowest_number_is_taken",
    ],
    17: [
        "spec/test_core_delivery.py::test_a_line_of_level_0_is_never_taken_at_its_own_privilege_level",
    ],
    18: [
        "spec/test_core_delivery.py::test_a_line_of_a_more_privileged_level_is_taken_even_with_level_0",
    ],
    19: [
        "spec/test_core_delivery.py::test_user_code_is_interrupted_by_kernel_lines_whatever_its_ie",
    ],
    20: [
        "spec/test_core_delivery.py::test_setting_ie_takes_what_was_pending",
    ],
    21: [
        "spec/test_core_delivery.py::test_ps_il_blocks_lines_that_are_not_above_it",
    ],
    22: [
        "spec/test_core_delivery.py::test_a_disabled_line_stays_requested_until_it_is_enabled",
    ],
    23: [
        "spec/test_core_delivery.py::test_a_request_that_software_clears_is_gone",
        "spec/test_core_delivery.py::test_software_raises_a_free_line_by_setting_its_ilr_bit",
    ],
    24: [
        "spec/test_core_delivery.py::test_a_request_stays_after_its_line_is_lowered",
    ],
    25: [
        "spec/test_core_delivery.py::test_a_line_of_a_less_privileged_level_is_never_taken",
    ],
    26: [
        "spec/test_core_nesting.py::test_a_handler_is_interrupted_only_after_it_sets_ie_and_clears_et",
    ],
    27: [
        "spec/test_core_nesting.py::test_a_handler_is_not_interrupted_by_a_lower_level",
    ],
    28: [
        "spec/test_core_nesting.py::test_a_double_exception_that_no_more_privileged_level_owns_resets_the_core",
        "spec/test_core_nesting.py::test_an_interrupt_with_et_set_is_a_double_exception_at_its_owner",
    ],
    29: [
        "spec/test_core_nesting.py::test_the_first_interrupt_after_reset_resets_the_core_again_unless_et_was_cleared",
    ],
    30: [
        "spec/test_core_nesting.py::test_rfe_to_a_level_above_3_is_a_pl_overflow_trap",
        "spec/test_core_nesting.py::test_rfe_without_the_right_is_a_privilege_trap",
    ],
    31: [
        "spec/test_core_registers.py::test_an_owner_is_given_relative_to_the_writer",
    ],
    32: [
        "spec/test_core_registers.py::test_bits_of_more_privileged_lines_read_as_0",
        "spec/test_core_registers.py::test_touching_a_more_privileged_line_is_a_privilege_trap",
    ],
    33: [
        "spec/test_core_registers.py::test_set_wins_over_clear_in_one_write",
    ],
    34: [
        "spec/test_core_sleep.py::test_a_disabled_ipi_ends_await_and_nothing_is_taken",
        "spec/test_core_sleep.py::test_the_first_await_after_reset_falls_through",
    ],
    35: [
        "spec/test_core_sleep.py::test_a_stopped_core_keeps_an_ipi_and_stays_stopped",
    ],
    36: [
        "spec/test_core_sleep.py::test_waitit_ends_only_with_all_lines_of_its_and_mask",
        "spec/test_core_sleep.py::test_waitit_ends_with_a_line_of_its_or_mask_and_leaves_it_pending",
    ],
    37: [
        "spec/test_core_sleep.py::test_a_more_privileged_line_is_taken_and_the_waitit_starts_again_after_it",
        "spec/test_core_sleep.py::test_a_waiting_core_does_not_take_lines_of_its_own_level",
    ],
    38: [
        "spec/test_apic_gic.py::test_input_130_enabled_at_core_3_line_2_is_there_and_is_taken_once",
        "engine/test_fabric_cases.py::test_input_130_of_the_gic_reaches_line_6_of_core_3_by_the_bus",
    ],
    39: [
        "spec/test_apic_gic.py::test_an_input_that_rises_while_it_is_disabled_is_lost",
        "engine/test_fabric_cases.py::test_a_gic_input_that_rose_while_it_was_disabled_delivers_nothing_when_it_is_enabled",
    ],
    40: [
        "spec/test_apic_gic.py::test_an_input_that_is_enabled_at_two_cores_is_pending_at_each_by_itself",
        "engine/test_fabric_cases.py::test_an_input_that_is_enabled_on_two_cores_requests_line_4_of_both_and_each_lac_is_its_own",
    ],
    41: [
        "spec/test_apic_gic.py::test_line_0_of_group_16_is_line_4_of_the_rm",
        "engine/test_fabric_cases.py::test_group_16_line_0_of_the_gic_is_line_4_of_the_rm",
    ],
    42: [
        "spec/test_apic_mailbox.py::test_mailbox_5_with_the_function_of_linux_interrupts_and_is_emptied_by_lac",
        "engine/test_fabric_cases.py::test_mailbox_5_interrupts_by_gic_input_5_and_lac_takes_its_value",
    ],
    43: [
        "spec/test_apic_mailbox.py::test_a_write_combines_as_the_mode_says",
    ],
    44: [
        "spec/test_apic_mailbox.py::test_a_masked_doorbell_stores_the_value_and_the_unmasking_of_linux_rings_it",
    ],
    45: [
        "spec/test_apic_mailbox.py::test_the_third_of_three_that_add_1_makes_the_value_that_fires",
    ],
    46: [
        "spec/test_apic_mailbox.py::test_an_access_of_another_size_or_alignment_is_a_bus_error_without_effect",
        "engine/test_fabric_cases.py::test_a_mailbox_takes_no_access_of_4_bytes",
    ],
    47: [
        "spec/test_itgen.py::test_a_disabled_input_that_rises_is_lost",
        "spec/test_itgen.py::test_an_enabled_input_that_rises_writes_its_bit_to_its_mailbox",
        "spec/test_itgen.py::test_param_is_the_number_of_inputs_and_cannot_be_written",
        "engine/test_fabric_cases.py::test_input_41_writes_the_bit_that_cfg_names_to_the_mailbox_of_that_cluster",
    ],
    48: [
        "engine/test_fabric_cases.py::test_uart0_reaches_line_4_of_core_0_and_with_the_gic_set_to_core_3_that_of_core_3_bare",
        "engine/test_fabric_cases.py::test_uart0_reaches_linux_on_core_0_and_with_its_affinity_set_to_core_3_that_on_core_3",
    ],
    49: [
        "spec/test_core_timers.py::test_a_timer_underflows_v_plus_1_ticks_after_its_start_and_then_every_r_plus_1",
        "spec/test_core_timers.py::test_a_value_of_0_underflows_after_one_tick",
        "spec/test_core_timers.py::test_without_its_interrupt_bit_an_underflow_shows_in_the_status_alone",
        "engine/test_fabric_cases.py::test_a_timer_of_value_0_and_reload_4_fires_at_ticks_1_6_and_11",
        "engine/test_fabric_cases.py::test_a_timer_of_value_9_and_reload_9_requests_line_0_at_ticks_10_20_and_30",
        "engine/test_fabric_cases.py::test_a_timer_without_t0ie_sets_t0st_and_requests_nothing",
    ],
    50: [
        "spec/test_core_timers.py::test_a_watchdog_whose_status_is_cleared_barks_again",
        "spec/test_core_timers.py::test_a_watchdog_without_underflow_inform_never_bites",
        "spec/test_core_timers.py::test_the_watchdog_barks_first_and_then_bites",
        "engine/test_fabric_cases.py::test_a_watchdog_of_value_99_and_reload_49_barks_at_100_and_bites_at_150",
        "engine/test_fabric_cases.py::test_a_watchdog_whose_status_is_cleared_at_120_barks_again_and_does_not_bite",
        "engine/test_fabric_cases.py::test_a_watchdog_without_wui_never_bites",
    ],
    51: [
        "spec/test_pwr_ctrl.py::test_a_pe_starts_alone_at_reset_pc_and_only_while_pe_en_is_set",
        "spec/test_pwr_ctrl.py::test_a_wake_up_that_was_set_without_pe_en_waits_for_another_write_of_it",
        "engine/test_fabric_cases.py::test_a_wake_up_starts_pe_3_alone_at_its_page_and_only_once_pe_en_is_set",
    ],
    52: [
        "spec/test_pwr_ctrl.py::test_a_core_that_is_started_keeps_the_requests_that_came_in_reset",
        "engine/test_fabric_cases.py::test_an_ipi_to_pe_3_in_reset_is_still_requested_when_pe_3_has_started",
        "engine/test_fabric_cases.py::test_under_linux_that_ipi_is_handled_once_pe_3_has_come_up",
    ],
    53: [
        "spec/test_core_events.py::test_an_event_goes_as_far_as_it_is_passed_on",
        "spec/test_core_events.py::test_an_event_that_all_pass_on_goes_round_once_and_ends_at_its_initiator",
        "spec/test_core_events.py::test_an_event_that_nobody_passes_on_reaches_the_next_pe_alone",
        "engine/test_fabric_cases.py::test_a_backward_event_goes_the_other_way_and_sets_be",
        "engine/test_fabric_cases.py::test_event_0_goes_round_all_16_pes_that_let_it_through",
        "engine/test_fabric_cases.py::test_event_0_of_pe_0_reaches_pe_1_alone",
        "engine/test_fabric_cases.py::test_event_0_of_pe_14_with_pe_15_and_pe_0_letting_it_through_ends_at_pe_1",
    ],
    54: [
        "engine/test_ipi_ops.py::test_two_sends_before_the_handler_runs_make_one_entry_that_does_both_in_linuxs_order",
    ],
    55: [
        "engine/test_fabric_cases.py::test_linux_handles_a_timer_and_an_ipi_that_wait_in_one_exception_of_line_0_and_0_before_24",
        "engine/test_software.py::test_linux_handles_line_0_then_24_in_one_exception_of_line_0",
    ],
    56: [
        "engine/test_ipi_ops.py::test_an_ipi_with_an_empty_word_is_handled_and_does_nothing",
        "engine/test_ipi_ops.py::test_an_operation_that_linux_does_not_know_is_a_bug_that_it_reports",
    ],
    57: [
        "engine/test_fabric_cases.py::test_an_ipi_to_a_cpu_that_is_off_waits_and_is_handled_when_the_cpu_is_back",
        "engine/test_ipi_ops.py::test_an_offline_cpu_does_what_was_asked_once_it_is_online",
    ],
    58: [
        "engine/test_fabric_cases.py::test_a_script_of_the_fabric_makes_the_same_trace_on_kalrays_trees_of_either_shape",
        "engine/test_fabric_cases.py::test_a_script_of_the_fabric_makes_the_same_trace_on_the_old_and_the_new_shape",
        "machine/test_machine.py::test_a_script_makes_the_same_trace_on_the_old_and_the_new_tree_of_kalray",
        "machine/test_wiring.py::test_a_script_makes_the_same_trace_on_both_shapes",
        "machine/test_wiring.py::test_each_name_of_the_ipi_controller_is_the_same_model",
    ],
    59: [
        "engine/test_fabric_cases.py::test_an_entry_of_line_3_is_told_and_a_core_controller_outside_of_a_cpu_is_an_error",
        "engine/test_fabric_cases.py::test_the_entries_of_gic_and_ipi_controller_in_reverse_order_make_the_same_wires",
        "machine/test_cores.py::test_a_new_interrupt_controller_outside_of_a_cpu_is_an_error",
        "machine/test_wiring.py::test_the_order_of_the_entries_means_nothing",
    ],
    60: [
        "spec/test_bus.py::test_the_smaller_of_two_regions_answers_where_both_are",
        "engine/test_fabric_cases.py::test_a_read_of_0xa44180_hits_the_clock_where_the_power_controller_covers_it_too",
        "engine/test_fabric_cases.py::test_kalrays_own_tree_has_the_two_so",
        "machine/test_machine.py::test_where_two_blocks_are_the_smaller_one_answers",
    ],
}
"""By case: the tests that hold it, as files under `tests` and their functions."""


@cache
def defined_in(file: str) -> set[str]:
    """The tests that a file defines."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_of_the_60_cases_has_a_test():
    assert list(CASES) == list(range(1, 61))
    assert [case for case, tests in CASES.items() if not tests] == []


@pytest.mark.parametrize("case", CASES)
def test_the_defined_in_a_case_exist(case):
    missing = [
        test for test in CASES[case] if test.partition("::")[2] not in defined_in(test.partition("::")[0])
    ]
    assert missing == []
