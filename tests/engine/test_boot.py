"""How cores come up: `boot: reset`, `boot: full`, and the steps `start`, `stop` and `idle`."""

from __future__ import annotations

import pytest
from engine_boards import board
from fabric_runs import CLUSTER, COOLIDGE, play
from snapshot_runs import Case, same_from

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.models.core import State

FULL = "boot: full\n"
RESET = "boot: reset\n"
EMPTY = "wait: 1"


def cluster_rows(cluster, starts_rm):
    """The rows of the boot of a cluster of 16 PEs and the RM."""
    rows = [f"0,{cluster},16,start,,0,0,0"] if starts_rm else []
    return [
        *rows,
        f"0,{cluster},0,start,,{cluster},16,0",
        f"0,{cluster},0,mask,24,,,4294901760",
        f"0,{cluster},16,stop,,,,0",
        *(f"0,{cluster},{pid},start,,{cluster},0,0" for pid in range(1, 16)),
    ]


# boot: full


def test_a_whole_coolidge_boots_cluster_by_cluster_each_from_its_rm_and_then_its_first_pe():
    played = play(COOLIDGE, EMPTY, head=FULL)
    assert played.lines == [row for cluster in range(5) for row in cluster_rows(cluster, cluster > 0)]
    assert played.warnings == []


def test_after_the_boot_80_pes_run_and_the_5_rms_are_stopped():
    machine = play(COOLIDGE, EMPTY, head=FULL).machine
    states = [core.state for core in machine.core.values()]
    assert (states.count(State.RUNNING), states.count(State.STOPPED)) == (80, 5)
    assert {core.pid for core in machine.core if machine.core[core].state is State.STOPPED} == {16}


def test_the_blocks_of_power_know_of_the_boot():
    reads = "".join(
        f"read: {{addr: {window + 0xA40400:#x}, size: 8, equals: 0xffff}}\n"  # PE_STATUS
        f"read: {{addr: {window + 0xA44040:#x}, size: 8, equals: 0x8ffffff02}}\n"  # GLOBAL
        f"read: {{addr: {window + 0xA41000:#x}, size: 8, equals: 0}}\n"  # VEC_WUP
        for window in range(0x1000000, 0x6000000, 0x1000000)
    )
    ftu = "".join(
        f"read: {{addr: {0x10181000 + 4 * cluster:#x}, equals: {5 if cluster else 0}}}\n"
        f"read: {{addr: {0x10181020 + 4 * cluster:#x}, equals: 0}}\n"  # an RM that has stopped does not run
        for cluster in range(5)
    )
    play(COOLIDGE, reads + ftu, head=FULL)


def test_after_the_boot_ipis_work_from_every_cluster_to_every_cluster():
    steps = "".join(
        f"send: {{from: c{cluster}.pe7, to: [{', '.join(f'c{c}.pes' for c in range(5))}]}}\n"
        for cluster in range(5)
    )
    played = play(COOLIDGE, steps + "expect: {line: 24, delivered: 400, masked: 0}", head=FULL)
    assert played.outcome.summary[CoreId(3, 9), 24].delivered == 5


def test_after_the_boot_the_rms_are_blocked_and_keep_what_reaches_them():
    play(
        COOLIDGE,
        """
        send: {from: pe0, to: c2.rm}
        expect: {core: c2.rm, line: 24, masked: 1, requested: 0}
        mask: {line: 24, block: [], from: c2.pe0}
        send: {from: pe0, to: c2.rm}
        expect: {core: c2.rm, line: 24, pending: 1, delivered: 0}
        """,
        head=FULL,
    )


def test_after_the_boot_devices_and_messages_reach_linux():
    played = play(
        COOLIDGE,
        """
        raise: {device: serial@20210000}
        msi: {mailbox: 9, bit: 9, cluster: 3}
        expect: {core: pe0, handled: 1}
        expect: {core: c3.pe0, handled: 1}
        """,
        head=FULL,
    )
    assert played.events("irq") == ["0,0,0,irq,4,,,0", "0,3,0,irq,4,,,585"]


def test_a_boot_is_over_before_the_first_step_and_makes_the_state_of_a_running_machine():
    check = """
        sfr: {core: pes, register: PS, equals: 0x01000011}
        sfr: {core: pes, register: ILE, equals: 0x01000000}
        sfr: {core: pes, register: ILL, equals: 0x0001000000000132}
        sfr: {core: pes, register: ITO, equals: 0x5555555555555555}
        read: {addr: 0x3ad0020, equals: 0x10000}
        """
    play(COOLIDGE, check, head=FULL)
    play(COOLIDGE, check)


def text(path):
    return path.read_text(encoding="utf-8")


def test_without_an_rm_the_first_pe_is_started_by_nobody(shared):
    played = play(shared / "boards" / "coolidge-qemu.dts", EMPTY, head=FULL)
    assert played.lines == [
        "0,0,0,start,,,,0",
        "0,0,0,mask,24,,,4294901760",
        *(f"0,0,{pid},start,,0,0,0" for pid in range(1, 16)),
    ]


def test_without_a_power_controller_the_cores_start_all_the_same():
    small = board({0: [0, 1, 16], 1: [2, 3]})
    assert play(small, EMPTY, head=FULL).lines == [
        "0,0,0,start,,0,16,0",
        "0,0,0,mask,24,,,4294901760",
        "0,0,16,stop,,,,0",
        "0,0,1,start,,0,0,0",
        "0,1,2,start,,,,0",
        "0,1,2,mask,24,,,4294901760",
        "0,1,3,start,,1,2,0",
    ]


def test_without_an_ftu_the_first_pe_starts_the_rms_all_the_same():
    whole = text(COOLIDGE)
    at = whole.index("ftu: system-controller")
    without = whole[:at] + whole[whole.index("\n", at) :]
    assert play(without, EMPTY, head=FULL).lines == play(COOLIDGE, EMPTY, head=FULL).lines


def test_an_ftu_starts_5_clusters_and_the_rm_of_a_sixth_starts_all_the_same():
    ftu = 'ftu@10181000 { compatible = "kalray,kvx-syscon"; reg = <0x10181000 0x418>; };'
    small = board({cluster: [0, 16] for cluster in range(7)}).replace("cpus {", ftu + "\ncpus {", 1)
    played = play(
        small, "read: {addr: 0x10181010, equals: 5}\nread: {addr: 0x10181018, equals: 0}", head=FULL
    )
    assert played.events("start")[-4:] == [
        "0,5,16,start,,0,0,0",
        "0,5,0,start,,5,16,0",
        "0,6,16,start,,0,0,0",
        "0,6,0,start,,6,16,0",
    ]


def test_a_power_controller_without_all_its_registers_hinders_nobody():
    cut = text(COOLIDGE).replace("0x1a40000 0 0x4158", "0x1a40000 0 0x1000")
    assert cut != text(COOLIDGE)
    assert play(cut, EMPTY, head=FULL).lines == play(COOLIDGE, EMPTY, head=FULL).lines


def test_on_an_old_tree_the_boot_is_the_same(shared):
    old = play(shared / "boards" / "mppa-coolidge.dtb", EMPTY, head=FULL)
    new = play(shared / "boards" / "coolidge-qemu.dtb", EMPTY, head=FULL)
    assert old.lines == new.lines


# boot: reset


def test_out_of_reset_the_rm_of_cluster_0_runs_alone_and_nothing_has_probed():
    played = play(COOLIDGE, "read: {addr: 0xad0020, from: rm, equals: 0}", head=RESET)
    assert played.lines == []
    running = [core for core, model in played.machine.core.items() if model.state is State.RUNNING]
    assert running == [CoreId(0, 16)]


def test_a_request_to_a_core_in_reset_is_kept_and_taken_once_it_runs():
    played = play(
        COOLIDGE,
        """
        send: {from: rm, to: [pe4, c3.pe2]}
        expect: {line: 24, pending: 2}
        wait: 10
        start: {cores: pe4, from: rm}
        expect: {core: pe4, line: 24, pending: 0, delivered: 1}
        expect: {core: c3.pe2, line: 24, pending: 1}
        """,
        head=RESET,
    )
    assert played.events("start", "mask", "enter", "exit") == [
        "10,0,4,start,,0,16,0",
        "10,0,4,mask,24,,,4294901760",
        "10,0,4,enter,24,,,16777216",
        "10,0,4,exit,24,,,0",
    ]


def test_the_linux_of_a_cluster_probes_with_its_first_pe_and_not_again():
    played = play(
        COOLIDGE,
        """
        start: {cores: c1.pe5}
        start: {cores: c1.pe0}
        stop: {cores: c1.pe5, reset: true}
        start: {cores: c1.pe5}
        """,
        head=RESET,
    )
    assert played.events("mask") == ["0,1,5,mask,24,,,4294901760"]


def test_the_start_of_an_rm_starts_no_linux():
    played = play(COOLIDGE, "start: {cores: c1.rm, pc: 0x8000, from: rm}", head=RESET)
    assert played.lines == ["0,1,16,start,,0,16,32768"]


def test_a_bare_core_starts_with_the_registers_of_reset_at_its_pc():
    played = play(
        COOLIDGE,
        """
        start: {cores: pe1, pc: 0x3000}
        sfr: {core: pe1, register: PS, equals: 0x01000004}
        """,
        head="software: bare\n" + RESET,
    )
    assert played.lines == ["0,0,1,start,,,,12288"]


# start, stop, idle


def test_a_core_that_is_held_in_reset_loses_its_requests_and_its_registers():
    played = play(
        CLUSTER,
        """
        disable: {cores: pe1, lines: 24}
        send: {to: pe1}
        stop: {cores: pe1, reset: true}
        sfr: {core: pe1, register: PS, equals: 0x01000004}
        start: {cores: pe1, from: pe0}
        sfr: {core: pe1, register: PS, equals: 0x01000011}
        sfr: {core: pe1, register: ILE, equals: 0x01000000}
        """,
    )
    assert played.lines[3:] == ["0,0,1,reset,,,,2", "0,0,1,clear,24,,,0", "0,0,1,start,,0,0,0"]


def test_a_reset_in_the_midst_of_a_handler_ends_it():
    played = play(
        CLUSTER,
        """
        send: {to: pe1}
        wait: 10
        stop: {cores: pe1, reset: true}
        wait: 200
        start: {cores: pe1}
        send: {to: pe1}
        """,
        head="timing: {service: 100}\n",
    )
    assert played.events("enter", "exit", "reset") == [
        "0,0,1,enter,24,,,16777216",
        "10,0,1,reset,,,,2",
        "210,0,1,enter,24,,,16777216",
        "310,0,1,exit,24,,,0",
    ]


def test_a_core_that_handles_an_interrupt_stops_once_it_has_returned():
    played = play(
        CLUSTER,
        """
        send: {to: pe1}
        wait: 10
        send: {to: pe1}
        stop: {cores: pe1}
        wait: 300
        send: {to: pe1}
        expect: {core: pe1, pending: 1, delivered: 2}
        """,
        head="timing: {service: 100}\n",
    )
    # What was pending at the return goes first.
    assert played.events("exit", "stop") == [
        "100,0,1,exit,24,,,16777216",
        "200,0,1,exit,24,,,0",
        "200,0,1,stop,,,,0",
    ]


def test_a_bare_core_that_has_stopped_in_a_handler_takes_nothing_after_it():
    played = play(
        CLUSTER,
        """
        sfr: {core: pe1, register: PS, write: 0x01000010}
        level: {core: pe1, line: 24, value: 1}
        enable: {core: pe1, line: 24}
        send: {to: pe1}
        wait: 10
        stop: {cores: pe1}
        wait: 200
        send: {to: pe1}
        wait: 10
        expect: {core: pe1, delivered: 1, pending: 1}
        start: {cores: pe1}
        """,
        head="software: bare\ntiming: {service: 100}\n",
    )
    assert played.ticks("stop") == [100]
    assert played.ticks("wake") == played.ticks("enter")[1:] == [220]


def test_a_core_that_handles_an_interrupt_goes_idle_once_it_has_returned():
    played = play(
        CLUSTER,
        "send: {to: pe1}\nwait: 10\nidle: {cores: pe1}\nwait: 300\nsend: {to: pe1}",
        head="timing: {service: 100}\n",
    )
    assert played.events("wake", "enter") == [
        "0,0,1,enter,24,,,16777216",
        "310,0,1,wake,,,,7",
        "310,0,1,enter,24,,,16777216",
    ]


def test_a_reset_forgets_that_a_core_was_to_stop():
    played = play(
        CLUSTER,
        """
        send: {to: pe1}
        stop: {cores: pe1}
        stop: {cores: pe1, reset: true}
        start: {cores: pe1}
        send: {to: pe1}
        wait: 200
        send: {to: pe1}
        """,
        head="timing: {service: 100}\n",
    )
    assert played.events("stop") == []
    assert played.ticks("exit") == [100, 300]


@pytest.mark.parametrize("step", ["stop: {cores: pe1}", "idle: {cores: pe1}"])
@pytest.mark.parametrize(
    ("before", "state"), [("stop: {cores: pe1, reset: true}", "resetting"), ("stop: {cores: pe1}", "stopped")]
)
def test_a_core_that_does_not_run_executes_nothing(step, before, state):
    played = play(CLUSTER, f"{before}\n{step}\nsend: {{to: pe1}}")
    assert played.warnings[0] == f"not-running: pe1 is {state}: it executes nothing"
    assert [line.split(",")[3] for line in played.lines[2:]] == ["send", "request"]


def test_a_start_wakes_a_core_from_its_stop_where_it_was_and_does_nothing_to_one_that_runs():
    played = play(CLUSTER, "stop: {cores: pe1}\nstart: {cores: [pe1, pe2], pc: 0x5000, from: pe0}")
    assert played.lines[1:] == ["0,0,1,stop,,,,0", "0,0,1,wake,,,,7"]
    assert played.machine.core[0, 1].pc == 0


def test_an_idle_core_wakes_for_an_ipi_and_handles_it():
    played = play(CLUSTER, "idle: {cores: [pe1, pe2]}\nwait: 5\nsend: {to: pe1}")
    assert played.lines[1:] == [
        "5,0,0,send,24,,,2",
        "5,0,1,request,24,0,0,0",
        "5,0,1,wake,,,,7",
        "5,0,1,enter,24,,,16777216",
        "5,0,1,exit,24,,,0",
    ]
    assert played.machine.core[0, 2].state is State.AWAIT


def test_a_core_that_was_bitten_by_its_watchdog_can_be_started_again():
    played = play(
        COOLIDGE,
        """
        watchdog: {cores: c2.pe1, value: 10, every: 10}
        wait: 30
        read: {addr: 0x10181048, equals: 0x400}
        start: {cores: c2.pe1, from: c2.pe0}
        send: {to: c2.pe1}
        """,
    )
    assert played.events("reset", "start", "exit") == [
        "10,2,1,exit,2,,,0",
        "20,2,1,reset,,,,1",
        "30,2,1,start,,2,0,0",
        "30,2,1,exit,24,,,0",
    ]


# A snapshot of all that


@pytest.mark.parametrize("tick", [5, 15, 60, 99, 100, 250])
def test_what_a_core_is_to_do_after_its_handlers_and_who_booted_are_in_a_snapshot(tmp_path, tick):
    steps = """version: 1
boot: reset
devices: [serial@20210000]
timing: {entry: 3, service: 90}
steps:
  - start: {cores: pe3}
  - start: {cores: [pe1, pe2], from: pe3}
  - wait: 10
  - send: {from: pe3, to: [pe1, pe2]}
  - wait: 4
  - stop: {cores: pe1}
  - idle: {cores: pe2}
  - wait: 150
  - send: {from: pe3, to: [pe1, pe2]}
  - disable_irq: {device: serial@20210000}
  - raise: {device: serial@20210000}
  - wait: 100
  - enable_irq: {device: serial@20210000}
  - start: {cores: pe1}
  - wait: idle
"""
    case = Case(tmp_path, steps, load_tree(str(COOLIDGE)))
    straight = case.run()
    assert [row[3] for row in straight.rows].count("stop") == 1
    same_from(case, straight, tick, tick + 20)
