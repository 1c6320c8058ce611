"""Cases 38 to 60 of the hardware's test list on whole machines: by register writes, and with Linux.

`tests/engine/test_cases.py` says where each of the 60 cases is tested.
"""

from __future__ import annotations

import pytest
from command import ROOT
from fabric_runs import CLUSTER, COOLIDGE, OLD_SHAPE, play

from kvx_emu.dt.load import load_tree, read_tree
from kvx_emu.errors import InputError
from kvx_emu.machine.machine import build

BARE = "software: bare\n"
READY = (  # a bare core that takes lines 4 to 7, at PL0
    "sfr: {{core: {0}, register: PS, write: 0x01000010}}\n"
    "sfr: {{core: {0}, register: ILL, write: 0x5500}}\n"
    "enable: {{core: {0}, lines: 4-7}}\n"
)

# GIC: group g and line k are at 0xa20000 + 0x1000 * g + 0x400 * k; ENABLE of input n is its byte n.


# Case 38
def test_input_130_of_the_gic_reaches_line_6_of_core_3_by_the_bus():
    played = play(
        CLUSTER,
        """
        write: {addr: 0xa23882, size: 1, value: 1}
        pulse: {controller: gic, input: 130}
        sfr: {core: pe3, register: ILR, equals: 0x40}
        read: {addr: 0xa23930, size: 8, equals: 4, from: pe3}
        read: {addr: 0xa23930, size: 8, equals: 0, from: pe3}
        """,
        head=BARE,
    )
    assert played.lines == ["0,0,3,gic,6,,,130", "0,0,3,request,6,,,0", "0,0,3,ack,6,0,3,4"]


# Case 39
def test_a_gic_input_that_rose_while_it_was_disabled_delivers_nothing_when_it_is_enabled():
    played = play(
        CLUSTER,
        """
        raise: {controller: gic, input: 130}
        write: {addr: 0xa23882, size: 1, value: 1}
        read: {addr: 0xa23930, size: 8, equals: 0}
        sfr: {core: pe3, register: ILR, equals: 0}
        expect: {lost: 1}
        """,
        head=BARE,
    )
    assert played.lines == ["0,0,,lost,130,,,0"]
    assert [warning.split(":")[0] for warning in played.warnings] == ["lost"]


# Case 40
def test_an_input_that_is_enabled_on_two_cores_requests_line_4_of_both_and_each_lac_is_its_own():
    played = play(
        CLUSTER,
        """
        write: {addr: 0xa21082, size: 1, value: 1}
        write: {addr: 0xa22082, size: 1, value: 1}
        pulse: {controller: gic, input: 130}
        read: {addr: 0xa21130, size: 8, equals: 4}
        read: {addr: 0xa22130, size: 8, equals: 4}
        read: {addr: 0xa21130, size: 8, equals: 0}
        """,
        head=BARE,
    )
    assert played.events("request") == ["0,0,1,request,4,,,0", "0,0,2,request,4,,,0"]
    assert played.events("ack") == ["0,0,1,ack,4,0,0,4", "0,0,2,ack,4,0,0,4"]


# Case 41
def test_group_16_line_0_of_the_gic_is_line_4_of_the_rm():
    played = play(
        CLUSTER,
        """
        write: {addr: 0xa30082, size: 1, value: 1}
        pulse: {controller: gic, input: 130}
        sfr: {core: rm, register: ILR, equals: 0x10}
        """,
        head=BARE,
    )
    assert played.lines == ["0,0,16,gic,4,,,130", "0,0,16,request,4,,,0"]


# Case 42
def test_mailbox_5_interrupts_by_gic_input_5_and_lac_takes_its_value():
    played = play(
        CLUSTER,
        """
        write: {addr: 0xa00a18, size: 8, value: 0x101}
        write: {addr: 0xa00a10, size: 8, value: 0x8}
        write: {addr: 0xa22005, size: 1, value: 1}
        write: {addr: 0xa00a00, size: 8, value: 0x8, from: pe7}
        read: {addr: 0xa00a00, size: 8, equals: 8}
        read: {addr: 0xa22120, size: 8, equals: 0x20, from: pe2}
        read: {addr: 0xa00a08, size: 8, equals: 8, from: pe2}
        read: {addr: 0xa00a00, size: 8, equals: 0}
        """,
        head=BARE,
    )
    assert played.lines == [
        "0,0,,mailbox,5,0,7,8",
        "0,0,2,gic,4,,,5",
        "0,0,2,request,4,,,0",
        "0,0,2,ack,4,0,2,32",
        "0,0,,ack,5,0,2,8",
    ]


# Case 46
def test_a_mailbox_takes_no_access_of_4_bytes():
    played = play(
        CLUSTER,
        "write: {addr: 0xa00a00, size: 4, value: 8}\nread: {addr: 0xa00a00, size: 8, equals: 0}",
        head=BARE,
    )
    assert played.lines == ["0,0,0,fault,,,,10488320"]  # 0xa00a00


# Case 47
@pytest.mark.parametrize(
    ("cfg", "address", "bit", "cluster", "mailbox"),
    [
        (0x03000005, 0x01A00A00, 3, 0, 5),
        (0x03000205, 0x03A00A00, 3, 2, 5),
        (0x3F000474, 0x05A0E800, 63, 4, 116),
    ],
)
def test_input_41_writes_the_bit_that_cfg_names_to_the_mailbox_of_that_cluster(
    cfg, address, bit, cluster, mailbox
):
    played = play(
        COOLIDGE,
        f"""
        write: {{addr: 0x27000290, value: {cfg:#x}}}
        write: {{addr: 0x27000298, value: 1}}
        write: {{addr: {address + 0x18:#x}, size: 8, value: 0x101}}
        pulse: {{device: serial@20210000}}
        read: {{addr: {address:#x}, size: 8, equals: {1 << bit:#x}}}
        write: {{addr: 0x27000298, value: 0}}
        pulse: {{controller: itgen0, input: 41}}
        read: {{addr: 0x27001100, equals: 272}}
        """,
        head=BARE,
    )
    assert played.lines == [
        f"0,{cluster},,msi,41,,,{address}",
        f"0,{cluster},,mailbox,{mailbox},,,{1 << bit}",
    ]


# Case 48
def test_uart0_reaches_line_4_of_core_0_and_with_the_gic_set_to_core_3_that_of_core_3_bare():
    played = play(
        CLUSTER,
        f"""
        {READY.format("[pe0, pe3]").strip()}
        write: {{addr: 0x27000290, value: 0}}
        write: {{addr: 0xa00018, size: 8, value: 0x101}}
        write: {{addr: 0xa00010, size: 8, value: 1}}
        write: {{addr: 0xa20000, size: 1, value: 1}}
        write: {{addr: 0x27000298, value: 1}}
        raise: {{device: serial@20210000}}
        lower: {{device: serial@20210000}}
        read: {{addr: 0xa20120, size: 8, equals: 1}}
        read: {{addr: 0xa00008, size: 8, equals: 1}}
        write: {{addr: 0xa23000, size: 1, value: 1}}
        write: {{addr: 0xa20000, size: 1, value: 0}}
        pulse: {{device: serial@20210000}}
        """,
        head=BARE,
    )
    assert played.lines == [
        "0,0,,msi,41,,,27262976",  # 0x1a00000
        "0,0,,mailbox,0,,,1",
        "0,0,0,gic,4,,,0",
        "0,0,0,request,4,,,0",
        "0,0,0,enter,4,,,16",
        "0,0,0,exit,4,,,0",
        "0,0,0,ack,4,0,0,1",
        "0,0,,ack,0,0,0,1",
        "0,0,,msi,41,,,27262976",
        "0,0,,mailbox,0,,,1",
        "0,0,3,gic,4,,,0",
        "0,0,3,request,4,,,0",
        "0,0,3,enter,4,,,16",
        "0,0,3,exit,4,,,0",
    ]


# Case 48
@pytest.mark.parametrize("board", [CLUSTER, OLD_SHAPE, COOLIDGE], ids=lambda path: path.name)
def test_uart0_reaches_linux_on_core_0_and_with_its_affinity_set_to_core_3_that_on_core_3(board):
    played = play(
        board,
        """
        raise: {device: serial@20210000}
        wait: 1us
        affinity: {device: serial@20210000, core: pe3}
        pulse: {device: serial@20210000}
        """,
        head="timing: {delivery: 7, entry: 20, service: {4: 200}}\n",
    )
    assert [line for line in played.lines if ",mask,24," not in line] == [
        "0,0,,msi,41,,,27262976",
        "0,0,,mailbox,0,,,1",
        "0,0,0,gic,4,,,0",
        "7,0,0,request,4,,,0",
        "27,0,0,enter,4,,,16",
        "27,0,0,ack,4,0,0,1",
        "27,0,,ack,0,0,0,1",
        "27,0,0,irq,4,,,0",
        "227,0,0,exit,4,,,0",
        "1000,0,,msi,41,,,27262976",
        "1000,0,,mailbox,0,,,1",
        "1000,0,3,gic,4,,,0",
        "1007,0,3,request,4,,,0",
        "1027,0,3,enter,4,,,16",
        "1027,0,3,ack,4,0,3,1",
        "1027,0,,ack,0,0,3,1",
        "1027,0,3,irq,4,,,0",
        "1227,0,3,exit,4,,,0",
    ]


TAKES_0 = (
    "sfr: {core: pe0, register: PS, write: 0x01000010}\n"
    "level: {core: pe0, line: 0, value: 1}\n"
    "enable: {core: pe0, line: 0}\n"
)


# Case 49
def test_a_timer_of_value_9_and_reload_9_requests_line_0_at_ticks_10_20_and_30():
    steps = "timer: {cores: pe0, value: 10, every: 10}\nwait: 30\nsfr: {core: pe0, register: T0V, equals: 9}"
    played = play(CLUSTER, TAKES_0 + steps, head=BARE)
    assert played.events("timer", "request") == [
        "10,0,0,timer,0,,,1376256",  # 0x150000: T0CE, T0IE, T0ST
        "10,0,0,request,0,,,0",
        "20,0,0,timer,0,,,1376256",
        "20,0,0,request,0,,,0",
        "30,0,0,timer,0,,,1376256",
        "30,0,0,request,0,,,0",
    ]
    assert played.ticks("enter") == [10, 20, 30]


# Case 49
def test_a_timer_without_t0ie_sets_t0st_and_requests_nothing():
    steps = (
        "timer: {cores: pe0, value: 10, every: 10, interrupt: false}\n"
        "wait: 9\n"
        "sfr: {core: pe0, register: TCR, equals: 0x10000}\n"
        "wait: 1\n"
        "sfr: {core: pe0, register: TCR, equals: 0x110000}\n"
        "wait: 20"
    )
    played = play(CLUSTER, TAKES_0 + steps, head=BARE)
    assert played.ticks("timer") == [10, 20, 30]
    assert played.events("request") == []


# Case 49
def test_a_timer_of_value_0_and_reload_4_fires_at_ticks_1_6_and_11():
    steps = "timer: {cores: pe0, value: 1, every: 5}\nwait: 12"
    assert play(CLUSTER, TAKES_0 + steps, head=BARE).ticks("enter") == [1, 6, 11]


TAKES_2 = TAKES_0.replace("line: 0", "line: 2")


# Case 50
def test_a_watchdog_of_value_99_and_reload_49_barks_at_100_and_bites_at_150():
    played = play(
        CLUSTER,
        TAKES_2
        + "watchdog: {cores: pe0, value: 100, every: 50}\n"
        + "wait: 149\n"
        + "sfr: {core: pe0, register: TCR, equals: 0xf000000}\n"  # WCE, WIE, WUI, WUS
        + "wait: 100\n"
        + "sfr: {core: pe0, register: TCR, equals: 0}\n",
        head=BARE,
    )
    assert played.lines == [
        "100,0,0,timer,2,,,251658240",
        "100,0,0,request,2,,,0",
        "100,0,0,enter,2,,,4",
        "100,0,0,exit,2,,,0",
        "150,0,0,timer,2,,,251658240",
        "150,0,0,reset,,,,1",
    ]


# Case 50
def test_a_watchdog_whose_status_is_cleared_at_120_barks_again_and_does_not_bite():
    played = play(
        CLUSTER,
        TAKES_2
        + "watchdog: {cores: pe0, value: 100, every: 50}\n"
        + "wait: 120\n"
        + "watchdog: {cores: pe0, ack: true}\n"
        + "wait: 60",
        head=BARE,
    )
    assert played.ticks("enter") == [100, 150]
    assert played.events("reset") == []


# Case 50
def test_a_watchdog_without_wui_never_bites():
    steps = "watchdog: {cores: pe0, value: 100, every: 50, bite: false}\nwait: 1000"
    played = play(CLUSTER, TAKES_2 + steps, head=BARE)
    assert played.ticks("enter") == list(range(100, 1001, 50))
    assert played.events("reset") == []


HELD = BARE + "boot: reset\n"
PWR = 0x1A40000  # of cluster 0, as all see it


# Case 51
def test_a_wake_up_starts_pe_3_alone_at_its_page_and_only_once_pe_en_is_set():
    played = play(
        COOLIDGE,
        f"""
        write: {{addr: {PWR + 0x1010:#x}, size: 8, value: 0x8, from: rm}}
        write: {{addr: {PWR + 0x1020:#x}, size: 8, value: 0x8, from: rm}}
        write: {{addr: {PWR + 0x4050:#x}, size: 8, value: 0x2, from: rm}}
        write: {{addr: {PWR + 0x2000:#x}, size: 8, value: 0x12345, from: rm}}
        read: {{addr: {PWR + 0x400:#x}, size: 8, equals: 0, from: rm}}
        write: {{addr: {PWR + 0x1010:#x}, size: 8, value: 0x8, from: rm}}
        read: {{addr: {PWR + 0x400:#x}, size: 8, equals: 0x8, from: rm}}
        """,
        head=HELD,
    )
    assert played.lines == ["0,0,3,start,,0,16,73728"]  # 0x12000
    assert played.machine.core[0, 3].pc == 0x12000


# Case 52
def test_an_ipi_to_pe_3_in_reset_is_still_requested_when_pe_3_has_started():
    played = play(
        COOLIDGE,
        """
        send: {from: rm, to: pe3}
        sfr: {core: pe3, register: ILR, equals: 0x01000000}
        start: {cores: pe3, from: rm}
        sfr: {core: pe3, register: ILR, equals: 0x01000000}
        expect: {core: pe3, line: 24, pending: 1}
        """,
        head=HELD,
    )
    assert played.lines == [
        "0,0,16,send,24,,,8",
        "0,0,3,request,24,0,16,0",
        "0,0,3,start,,0,16,0",
    ]


# Case 52
def test_under_linux_that_ipi_is_handled_once_pe_3_has_come_up():
    played = play(
        COOLIDGE,
        """
        send: {from: rm, to: pe3}
        start: {cores: pe3, from: rm}
        expect: {core: pe3, line: 24, delivered: 1}
        """,
        head="boot: reset\n",
    )
    assert [line.split(",")[3] for line in played.lines] == [
        "send",
        "request",
        "start",
        "mask",
        "enter",
        "exit",
    ]


# Case 53
def test_event_0_of_pe_0_reaches_pe_1_alone():
    played = play(
        CLUSTER,
        "ipe: {from: pe0, event: 0}\nsfr: {core: pe1, register: IPE, equals: 1}\n"
        "sfr: {core: [pe0, pe2, pe15, rm], register: IPE, equals: 0}",
    )
    assert played.events("ipe") == ["0,0,1,ipe,,0,0,1"]


# Case 53
def test_event_0_goes_round_all_16_pes_that_let_it_through():
    played = play(
        CLUSTER,
        "sfr: {core: pes, register: IPE, write: 0x100000000}\n"
        "ipe: {from: pe0, event: 0}\n"
        "sfr: {core: pes, register: IPE, equals: 0x100000001}\n"
        "sfr: {core: rm, register: IPE, equals: 0}",
    )
    assert played.events("ipe") == [f"0,0,{pid},ipe,,0,0,1" for pid in [*range(1, 16), 0]]


# Case 53
def test_event_0_of_pe_14_with_pe_15_and_pe_0_letting_it_through_ends_at_pe_1():
    played = play(
        CLUSTER,
        "sfr: {core: [pe15, pe0], register: IPE, write: 0x100000000}\nipe: {from: pe14, event: 0}",
    )
    assert played.events("ipe") == ["0,0,15,ipe,,0,14,1", "0,0,0,ipe,,0,14,1", "0,0,1,ipe,,0,14,1"]


# Case 53
def test_a_backward_event_goes_the_other_way_and_sets_be():
    played = play(CLUSTER, "ipe: {from: pe0, event: 3, direction: backward}")
    assert played.events("ipe") == ["0,0,15,ipe,,0,0,524288"]  # BE 3: bit 19


# Case 55
def test_linux_handles_a_timer_and_an_ipi_that_wait_in_one_exception_of_line_0_and_0_before_24():
    played = play(
        CLUSTER,
        """
        sfr: {core: pe1, register: PS, clear: 0x10}
        timer: {cores: pe1, value: 50}
        send: {to: pe1}
        wait: 50
        expect: {core: pe1, pending: 2}
        sfr: {core: pe1, register: PS, set: 0x10}
        sfr: {core: pe1, register: ES, equals: 0x40112}
        wait: idle
        expect: {core: pe1, delivered: 2, pending: 0}
        sfr: {core: pe1, register: TCR, equals: 0x140000}
        """,
        head="timing: {entry: 5, service: 100}\n",
    )
    assert played.events("request", "enter", "exit") == [
        "0,0,1,request,24,0,0,0",
        "50,0,1,request,0,,,0",
        "55,0,1,enter,0,,,16777217",
        "155,0,1,exit,0,,,0",
        "155,0,1,enter,24,,,16777217",
        "255,0,1,exit,24,,,0",
    ]


# Case 57
def test_an_ipi_to_a_cpu_that_is_off_waits_and_is_handled_when_the_cpu_is_back():
    played = play(
        CLUSTER,
        """
        stop: {cores: pe2}
        sfr: {core: pe2, register: ILE, equals: 0}
        wait: 10
        send: {to: pe2}
        wait: 10
        expect: {core: pe2, line: 24, pending: 1, delivered: 0}
        start: {cores: pe2, from: pe0}
        sfr: {core: pe2, register: ILE, equals: 0x1000000}
        expect: {core: pe2, line: 24, pending: 0, delivered: 1}
        """,
    )
    assert played.lines[1:] == [
        "0,0,2,stop,,,,0",
        "10,0,0,send,24,,,4",
        "10,0,2,request,24,0,0,0",
        "20,0,2,wake,,,,7",
        "20,0,2,enter,24,,,16777216",
        "20,0,2,exit,24,,,0",
    ]


FABRIC = """
send: {from: pe1, to: [pe0, pe2]}
raise: {device: DEVICE}
msi: {mailbox: 3, bit: 5}
wait: 1us
affinity: {device: DEVICE, core: pe3}
disable_irq: {mailbox: 3, bit: 5}
msi: {mailbox: 3, bit: 5, from: pe4}
pulse: {device: DEVICE}
timer: {cores: [pe0, pe15], value: 100, every: 250}
wait: 1us
enable_irq: {mailbox: 3, bit: 5}
idle: {cores: pe5}
stop: {cores: pe6}
send: {to: pe5-7}
start: {cores: pe6}
ipe: {from: pe1, event: 2}
timer: {cores: [pe0, pe15], stop: true}
wait: idle
expect: {core: pe3, handled: 1}
expect: {core: pe0, handled: 3}
expect: {core: pe15, line: 0, delivered: 4, timers: 4}
"""
TIMES = "timing: {delivery: 30, entry: 20, service: 100}\n"


# Case 58
def test_a_script_of_the_fabric_makes_the_same_trace_on_the_old_and_the_new_shape():
    script = FABRIC.replace("DEVICE", "serial@20210000")
    new, old = (play(board, script, head=TIMES) for board in (CLUSTER, OLD_SHAPE))
    assert len(new.lines) > 70
    assert new.lines == old.lines


# Case 58
def test_a_script_of_the_fabric_makes_the_same_trace_on_kalrays_trees_of_either_shape(shared):
    boards = shared / "boards"
    source, blob = (
        play(boards / name, FABRIC.replace("DEVICE", "serial@20210000"), head=TIMES)
        for name in ("coolidge-qemu.dts", "coolidge-qemu.dtb")
    )
    old = play(boards / "mppa-coolidge.dtb", FABRIC.replace("DEVICE", "uart0@20210000"), head=TIMES)
    assert len(source.lines) > 70
    assert source.lines == blob.lines == old.lines


SMALL = (ROOT / "boards" / "cluster.dts").read_text(encoding="utf-8")
GIC_ENTRIES = ", ".join(f"<&pe{pid} 4>" for pid in range(16))


def replaced(text, start, end, new):
    """Return the text with what stands from `start` to the next `end` replaced."""
    at = text.index(start)
    return text[:at] + new + text[text.index(end, at) :]


# Case 59
def test_the_entries_of_gic_and_ipi_controller_in_reverse_order_make_the_same_wires():
    text = SMALL
    for line, cores in ((4, range(15, -1, -1)), (24, range(16, -1, -1))):
        entries = ", ".join(f"<&{'rm' if pid == 16 else f'pe{pid}'} {line}>" for pid in cores)
        text = replaced(text, f"interrupts-extended = <&pe0 {line}>", ";", f"interrupts-extended = {entries}")
    script = FABRIC.replace("DEVICE", "serial@20210000")
    assert play(text, script, head=TIMES).lines == play(CLUSTER, script, head=TIMES).lines


# Case 59
def test_an_entry_of_line_3_is_told_and_a_core_controller_outside_of_a_cpu_is_an_error():
    _, findings = build(read_tree(SMALL.replace("<&pe0 24>", "<&pe0 3>").encode(), "board.dts"))
    assert "ipi-line" in " ".join(finding.code for finding in findings)
    outside = SMALL.replace(
        "soc {",
        'lost { compatible = "kalray,kv3-1-intc"; interrupt-controller; #interrupt-cells = <1>; }; soc {',
    )
    with pytest.raises(InputError, match=r"error\["):
        build(read_tree(outside.encode(), "board.dts"))


# Case 60
def test_a_read_of_0xa44180_hits_the_clock_where_the_power_controller_covers_it_too():
    board = SMALL.replace("0xa40000 0 0x4158", "0xa40000 0 0x4188")
    assert board != SMALL
    play(
        board,
        """
        wait: 1234
        read: {addr: 0xa44180, size: 8, equals: 1234}
        read: {addr: 0xa44040, size: 8, equals: 0x8ffffff00}
        """,
    )


# Case 60
def test_kalrays_own_tree_has_the_two_so(shared):
    tree = load_tree(str(shared / "boards" / "coolidge-qemu.dts"))
    machine, _ = build(tree)
    assert machine.locate(next(iter(machine.core)), 0xA44180)[0].title == "the clock of the debug unit"
