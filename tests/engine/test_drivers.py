"""What Kalray's drivers of the GIC, the mailboxes and the itgen do under `software: linux`."""

from __future__ import annotations

import pytest
from fabric_runs import CLUSTER, COOLIDGE, play

from kvx_emu.machine.machine import Machine
from kvx_emu.models.apic_gic import ApicGic

SMALL = CLUSTER.read_text(encoding="utf-8")
UART = "serial@20210000"


def device(name, wires, *, at=0x30000000):
    """A node of a device with `wires` as its interrupts-extended."""
    return f"{name}@{at:x} {{ reg = <0 {at:#x} 0 0x100>; interrupts-extended = {wires}; }};"


def with_devices(*nodes, text=SMALL):
    """The board of one cluster with further nodes on its bus."""
    at = text.index("serial0:")
    return text[:at] + "\n".join(nodes) + "\n" + text[at:]


def cfg(number):
    """The address of an itgen input's CFG."""
    return 0x27000000 + 0x10 * number


# Probe


PROBED = "boot: reset\ndevices: [serial@20210000]\n"


def test_the_probe_disables_all_inputs_of_the_first_output_of_the_16_pes_and_takes_what_is_pending():
    played = play(
        COOLIDGE,
        """
        write: {addr: 0x1a2009c, size: 1, value: 1, from: rm}
        write: {addr: 0x1a2f09c, size: 1, value: 1, from: rm}
        pulse: {controller: c0gic, input: 156}
        start: {cores: pe2}
        read: {addr: 0x1a2009c, size: 1, equals: 0, from: rm}
        read: {addr: 0x1a2f09c, size: 1, equals: 0, from: rm}
        """,
        head=PROBED,
    )
    # Output 0 of PE 0 and of PE 15, by the core that came up first.
    assert played.events("ack") == ["0,0,0,ack,4,0,2,268435456", "0,0,15,ack,4,0,2,268435456"]
    (gic,) = [m for m, b in played.machine.blocks.values() if isinstance(m, ApicGic) and b.cluster == 0]
    enabled = [(number, outputs) for number, outputs in enumerate(gic.enabled) if outputs]
    assert enabled == [(0, 1 << 4 * 2)]  # the UART's mailbox, towards PE 2


def test_the_probe_leaves_the_other_outputs_and_those_of_the_rm_alone():
    play(
        COOLIDGE,
        """
        write: {addr: 0x1a2049c, size: 1, value: 1, from: rm}
        write: {addr: 0x1a3009c, size: 1, value: 1, from: rm}
        start: {cores: pe0}
        read: {addr: 0x1a2049c, size: 1, equals: 1, from: rm}
        read: {addr: 0x1a3009c, size: 1, equals: 1, from: rm}
        """,
        head=PROBED,
    )


def test_the_probe_sets_all_mailboxes_to_or_and_doorbell_masked_and_empty():
    played = play(
        COOLIDGE,
        """
        write: {addr: 0x1a0fe10, size: 8, value: 0xff, from: rm}
        write: {addr: 0x1a0fe00, size: 8, value: 0x7, from: rm}
        start: {cores: pe0}
        read: {addr: 0x1a0fe18, size: 8, equals: 0x101, from: rm}
        read: {addr: 0x1a0fe10, size: 8, equals: 0, from: rm}
        read: {addr: 0x1a0fe00, size: 8, equals: 0, from: rm}
        read: {addr: 0x1a00218, size: 8, equals: 0x101, from: rm}
        """,
        head=PROBED,
    )
    assert played.events("mailbox", "ack") == ["0,0,,mailbox,127,0,16,7", "0,0,,ack,127,0,0,7"]


def test_what_the_probe_writes_makes_no_warnings_and_does_not_change_who_acts():
    played = play(COOLIDGE, "start: {cores: [pe0, c1.pe1], from: rm}", head=PROBED)
    assert played.warnings == []
    assert played.events("start", "mask") == [
        "0,0,0,start,,0,16,0",
        "0,0,0,mask,24,,,4294901760",
        "0,1,1,start,,0,16,0",
        "0,1,1,mask,24,,,4294901760",
    ]


def test_two_pes_that_one_write_wakes_are_both_woken_by_its_writer():
    played = play(
        COOLIDGE,
        """
        write: {addr: 0x1a44050, size: 8, value: 2, from: rm}
        write: {addr: 0x1a41010, size: 8, value: 0x18, from: rm}
        """,
        head=PROBED,
    )
    assert played.events("start") == ["0,0,3,start,,0,16,0", "0,0,4,start,,0,16,0"]


def test_a_script_without_devices_and_messages_has_no_drivers_of_the_apic():
    play(
        CLUSTER,
        """
        read: {addr: 0xa00018, size: 8, equals: 0}
        sfr: {core: pes, register: ILE, equals: 0x1000000}
        """,
    )


def test_with_a_device_line_4_is_enabled_on_every_pe_and_not_on_the_rm():
    play(
        CLUSTER,
        f"""
        lower: {{device: {UART}}}
        sfr: {{core: pes, register: ILE, equals: 0x1000010}}
        sfr: {{core: rm, register: ILE, equals: 0}}
        """,
    )


# Messages

TWO = with_devices(
    device("aa", "<&itgen0 50 4>"), device("bb", "<&itgen0 49 1>, <&itgen0 48 4>", at=0x30001000)
)


def test_devices_get_the_first_free_messages_by_path_and_number():
    play(
        TWO,
        f"""
        read: {{addr: {cfg(50):#x}, equals: 0}}
        read: {{addr: {cfg(49):#x}, equals: 0x01000000}}
        read: {{addr: {cfg(48):#x}, equals: 0x02000000}}
        read: {{addr: {cfg(41):#x}, equals: 0x03000000}}
        read: {{addr: {cfg(41) + 8:#x}, equals: 1}}
        read: {{addr: 0xa00010, size: 8, equals: 0xf}}
        read: {{addr: 0xa20000, size: 1, equals: 1}}
        lower: {{device: bb, index: 1}}
        lower: {{device: {UART}}}
        lower: {{device: aa}}
        lower: {{device: bb}}
        """,
    )


def test_devices_all_means_the_first_interrupt_of_each_device():
    played = play(
        TWO,
        f"""
        read: {{addr: {cfg(50):#x}, equals: 0}}
        read: {{addr: {cfg(50) + 8:#x}, equals: 1}}
        read: {{addr: {cfg(49):#x}, equals: 0x01000000}}
        read: {{addr: {cfg(41):#x}, equals: 0x02000000}}
        read: {{addr: {cfg(48) + 8:#x}, equals: 0}}
        pulse: {{controller: itgen0, input: 49}}
        """,
        head="devices: all\n",
    )
    assert played.events("irq") == ["0,0,0,irq,4,,,1"]


def test_messages_that_steps_name_are_taken_first():
    play(
        CLUSTER,
        f"""
        msi: {{mailbox: 0, value: 0x5}}
        lower: {{device: {UART}}}
        read: {{addr: {cfg(41):#x}, equals: 0x01000000}}
        """,
    )


def test_after_64_messages_the_next_mailbox_is_taken_and_let_through_to_the_boot_core():
    play(
        CLUSTER,
        f"""
        msi: {{mailbox: 0, value: 0xffffffffffffffff}}
        lower: {{device: {UART}}}
        read: {{addr: {cfg(41):#x}, equals: 1}}
        read: {{addr: 0xa00210, size: 8, equals: 1}}
        read: {{addr: 0xa20001, size: 1, equals: 1}}
        """,
    )


def one_mailbox(text=SMALL):
    """The board with a single mailbox that can interrupt."""
    at = text.index("interrupts = <0>, <1>")
    return text[:at] + "interrupts = <0>" + text[text.index(";", at) :]


def test_a_mailbox_that_can_not_interrupt_is_given_to_nobody():
    played = play(
        one_mailbox(),
        f"""
        msi: {{mailbox: 0, value: 0xffffffffffffffff}}
        disable_irq: {{device: {UART}}}
        read: {{addr: {cfg(41) + 8:#x}, equals: 0}}
        """,
    )
    assert played.warnings == ["no-driver: /soc/serial@20210000 has no driver: see the tree"]


def test_devices_that_share_an_input_share_its_message_and_are_served_together():
    board = with_devices(device("aa", "<&itgen0 41 4>"))
    played = play(
        board,
        f"""
        raise: {{device: aa}}
        read: {{addr: {cfg(41):#x}, equals: 0}}
        read: {{addr: 0xa00010, size: 8, equals: 1}}
        pulse: {{device: {UART}}}
        expect: {{handled: 2}}
        """,
    )
    assert not any(map(played.machine.is_high, played.machine.devices))


# Handling


def test_the_handler_serves_inputs_and_bits_ascending():
    board = with_devices(device("aa", "<&gic 70>"), device("bb", "<&gic 130>", at=0x30001000))
    played = play(
        board,
        """
        disable: {cores: pe0, lines: 4}
        raise: {device: bb}
        raise: {device: aa}
        msi: {mailbox: 65, bit: 2}
        msi: {mailbox: 2, value: 0x8000000000000021}
        enable: {cores: pe0, lines: 4}
        """,
        head="timing: {service: 10}\n",
    )
    # Messages are mailbox * 64 + bit, devices of the GIC its input.
    assert played.events("irq") == [
        f"0,0,0,irq,4,,,{value}" for value in (128, 133, 191, 65 * 64 + 2, 70, 130)
    ]
    assert len(played.events("enter")) == 1
    # The LAC words of the GIC first, then each mailbox's.
    assert [line.split(",")[4] for line in played.events("ack")] == ["4", "4", "4", "2", "65"]


def test_what_comes_while_the_handler_runs_is_another_interrupt():
    played = play(
        CLUSTER,
        "msi: {mailbox: 3, bit: 1}\nwait: 10\nmsi: {mailbox: 3, bit: 1}\nmsi: {mailbox: 3, bit: 2}",
        head="timing: {service: 100}\n",
    )
    assert played.ticks("enter") == [0, 100]
    assert played.events("irq") == ["0,0,0,irq,4,,,193", "100,0,0,irq,4,,,193", "100,0,0,irq,4,,,194"]


def test_a_message_sent_twice_before_it_is_handled_is_handled_once():
    played = play(
        CLUSTER,
        """
        disable: {cores: pe0, lines: 4}
        msi: {mailbox: 3, bit: 1}
        msi: {mailbox: 3, bit: 1}
        enable: {cores: pe0, lines: 4}
        expect: {handled: 1}
        """,
    )
    assert played.events("request", "coalesced") == ["0,0,0,request,4,,,0", "0,0,0,coalesced,4,,,0"]


def test_of_a_message_sent_again_between_the_take_and_the_handler_the_second_interrupt_finds_nothing():
    played = play(
        CLUSTER,
        "msi: {mailbox: 3, bit: 1}\nmsi: {mailbox: 3, bit: 1}\nwait: idle\nexpect: {handled: 1}",
        head="timing: {entry: 5}\n",
    )
    assert played.ticks("enter") == [5, 10]
    assert played.ticks("irq") == [5]


def test_a_level_device_that_is_high_is_served_which_lowers_it():
    played = play(
        CLUSTER, f"raise: {{device: {UART}}}\nwait: 50\nraise: {{device: {UART}}}\nexpect: {{handled: 2}}"
    )
    assert played.ticks("msi") == [0, 50]


@pytest.mark.parametrize(("kind", "enabled"), [(4, 0), (1, 1)], ids=["level", "edge"])
def test_a_level_device_is_masked_while_it_is_served_and_an_edge_is_not(monkeypatch, kind, enabled):
    seen = []
    signal = Machine.signal

    def noted(self, source, level):
        seen.append((level, self.blocks["/soc/interrupt-controller@27000000"].model.enable[60]))
        signal(self, source, level)

    monkeypatch.setattr(Machine, "signal", noted)
    board = with_devices(device("aa", f"<&itgen0 60 {kind}>"))
    play(board, f"raise: {{device: aa}}\nread: {{addr: {cfg(60) + 8:#x}, equals: 1}}")
    assert seen == [(True, 1), (False, enabled)]


def test_a_level_that_something_else_keeps_high_interrupts_again_after_each_handler():
    played = play(
        CLUSTER,
        """
        raise: {controller: itgen0, input: 41}
        wait: 350
        lower: {controller: itgen0, input: 41}
        """,
        head=f"devices: [{UART}]\ntiming: {{service: 100}}\n",
    )
    # The one at 300 finds the line high and rings once more.
    assert played.ticks("enter") == [0, 100, 200, 300, 400]
    assert played.ticks("irq") == [0, 100, 200, 300, 400]
    assert played.ticks("msi") == [0, 0, 100, 200, 300]


def test_an_edge_device_is_not_masked_and_may_come_again_while_it_is_served():
    board = with_devices(device("aa", "<&itgen0 60 1>"))
    played = play(
        board,
        f"""
        pulse: {{device: aa}}
        wait: 10
        pulse: {{device: aa}}
        wait: idle
        read: {{addr: {cfg(60) + 8:#x}, equals: 1}}
        """,
        head="timing: {service: 100}\n",
    )
    assert played.ticks("irq") == [0, 100]


def test_a_device_on_the_gic_itself_makes_a_row_of_its_input_and_is_served():
    board = with_devices(device("dma", "<&gic 129>"))
    played = play(board, "raise: {device: dma}\nread: {addr: 0xa20081, size: 1, equals: 1}")
    assert [line for line in played.lines if ",mask," not in line] == [
        "0,0,0,gic,4,,,129",
        "0,0,0,request,4,,,0",
        "0,0,0,enter,4,,,16",
        "0,0,0,ack,4,0,0,2",
        "0,0,0,irq,4,,,129",
        "0,0,0,exit,4,,,0",
    ]
    assert not any(map(played.machine.is_high, played.machine.devices))


def test_a_gic_input_without_a_driver_is_acknowledged_and_warned_of():
    played = play(
        CLUSTER,
        """
        write: {addr: 0xa2009c, size: 1, value: 1}
        pulse: {controller: gic, input: 156}
        """,
        head="devices: all\n",
    )
    assert played.events("ack", "irq") == ["0,0,0,ack,4,0,0,268435456"]
    assert played.warnings == ["no-driver: pe0: GIC input 156 has no driver"]


def test_line_4_without_anything_pending_at_the_gic_is_handled_as_nothing():
    played = play(
        CLUSTER, "sfr: {core: pe5, register: ILR, set: 0x10}\nexpect: {core: pe5, line: 4, delivered: 1}",
        head="devices: all\n",
    )  # fmt: skip
    assert played.events("ack", "irq") == []


def test_a_device_on_a_line_of_the_cores_has_that_line_enabled():
    board = with_devices(device("dame", "<&pe1 16>, <&pe2 16>"))
    played = play(
        board,
        """
        level: {cores: pe1-2, line: 16, value: 1}
        raise: {device: dame}
        sfr: {core: pe1, register: ILE, equals: 0x1010010}
        sfr: {core: pe2, register: ILE, equals: 0x1000010}
        disable_irq: {device: dame}
        """,
    )
    assert played.events("enter") == ["0,0,1,enter,16,,,65536"]
    assert played.warnings == [
        "no-driver: /soc/dame@30000000 has no driver: "
        "it is a line of the cores, which `enable` and `disable` switch"
    ]


# Enabling and disabling


def test_a_disabled_level_device_that_is_high_interrupts_when_it_is_enabled():
    played = play(
        CLUSTER,
        f"""
        disable_irq: {{device: {UART}}}
        raise: {{device: {UART}}}
        wait: 10
        expect: {{handled: 0, lost: 0}}
        enable_irq: {{device: {UART}}}
        """,
    )
    assert played.ticks("irq") == [10]


def test_a_disabled_edge_device_loses_what_comes():
    board = with_devices(device("aa", "<&itgen0 60 1>"))
    played = play(
        board,
        """
        disable_irq: {device: aa}
        raise: {device: aa}
        enable_irq: {device: aa}
        expect: {handled: 0, lost: 1}
        """,
    )
    assert [warning.split(":")[0] for warning in played.warnings] == ["lost"]


def test_a_disabled_device_on_the_gic_loses_what_comes_and_is_enabled_where_it_was():
    board = with_devices(device("dma", "<&gic 129>"))
    played = play(
        board,
        """
        affinity: {device: dma, core: pe4}
        disable_irq: {device: dma}
        pulse: {device: dma}
        expect: {lost: 1}
        enable_irq: {device: dma}
        pulse: {device: dma}
        """,
    )
    assert played.events("irq") == ["0,0,4,irq,4,,,129"]


def test_a_disabled_message_waits_in_its_mailbox_and_is_written_again_when_it_is_enabled():
    played = play(
        CLUSTER,
        """
        disable_irq: {mailbox: 3, bit: 5}
        msi: {mailbox: 3, bit: 5}
        expect: {handled: 0}
        read: {addr: 0xa00600, size: 8, equals: 0x20}
        wait: 10
        enable_irq: {mailbox: 3, bit: 5}
        expect: {handled: 1}
        """,
    )
    assert played.events("mailbox") == ["0,0,,mailbox,3,,,32", "10,0,,mailbox,3,0,0,32"]


def test_enabling_a_message_that_does_not_wait_writes_nothing():
    played = play(CLUSTER, "disable_irq: {mailbox: 3, bit: 5}\nenable_irq: {mailbox: 3, bit: 5}")
    assert played.events("mailbox") == []


MASKED = """
disable_irq: {mailbox: 3, bit: 5}
msi: {mailbox: 3, bit: 5}
msi: {mailbox: 3, bit: 6}
wait: idle
"""


def test_a_masked_message_is_written_back_when_another_of_its_mailbox_is_handled():
    played = play(
        CLUSTER,
        MASKED
        + """
        expect: {handled: 1, lost: 0}
        read: {addr: 0xa00600, size: 8, equals: 0x20}
        enable_irq: {mailbox: 3, bit: 5}
        expect: {handled: 2}
        """,
    )
    assert played.events("irq") == ["0,0,0,irq,4,,,198", "0,0,0,irq,4,,,197"]


def test_with_its_defect_the_driver_drops_that_message():
    played = play(
        CLUSTER,
        MASKED
        + """
        expect: {handled: 1, lost: 1}
        read: {addr: 0xa00600, size: 8, equals: 0}
        enable_irq: {mailbox: 3, bit: 5}
        expect: {handled: 1}
        """,
        head="driver_defects: [mailbox-mask]\n",
    )
    assert played.events("irq", "lost") == ["0,0,,lost,3,,,0", "0,0,0,irq,4,,,198"]
    assert played.warnings == [
        "lost: /soc/interrupt-controller@a00000: "
        "bit 5 of mailbox 3 is masked: the driver drops it (mailbox-mask)"
    ]


def test_with_its_defect_a_masked_message_that_comes_alone_is_kept_all_the_same():
    play(
        CLUSTER,
        """
        disable_irq: {mailbox: 3, bit: 5}
        msi: {mailbox: 3, bit: 5}
        enable_irq: {mailbox: 3, bit: 5}
        expect: {handled: 1, lost: 0}
        """,
        head="driver_defects: [mailbox-mask]\n",
    )


# Affinity


def test_an_affinity_enables_on_the_new_core_before_it_disables_on_the_old(monkeypatch):
    writes = []
    enable = ApicGic._enable

    def noted(self, output, first, size, value):
        writes.append((output, first, value))
        enable(self, output, first, size, value)

    monkeypatch.setattr(ApicGic, "_enable", noted)
    play(
        CLUSTER,
        "affinity: {mailbox: 3, core: pe2}\nmsi: {mailbox: 3, bit: 5}\nexpect: {core: pe2, handled: 1}",
    )
    assert writes[-2:] == [(4 * 2, 3, 1), (0, 3, 0)]
    assert len(writes) == 16 * 157 + 3


def test_an_affinity_to_the_core_that_has_it_writes_nothing():
    play(
        CLUSTER,
        f"""
        affinity: {{device: {UART}, core: pe0}}
        pulse: {{device: {UART}}}
        expect: {{core: pe0, handled: 1}}
        """,
    )


def test_the_messages_of_one_mailbox_move_together():
    board = with_devices(device("aa", "<&itgen0 60 4>"))
    played = play(
        board,
        f"""
        affinity: {{device: aa, core: pe7}}
        pulse: {{device: {UART}}}
        pulse: {{device: aa}}
        """,
    )
    assert played.events("irq") == ["0,0,7,irq,4,,,1", "0,0,7,irq,4,,,0"]


def test_what_was_pending_at_the_old_core_is_still_handled_there():
    played = play(
        CLUSTER,
        f"""
        pulse: {{device: {UART}}}
        affinity: {{device: {UART}, core: pe1}}
        wait: idle
        expect: {{handled: 1}}
        """,
        head="timing: {entry: 10}\n",
    )
    assert played.events("irq") == ["10,0,0,irq,4,,,0"]


# Timers


def test_the_timers_handler_stops_one_that_was_to_fire_once():
    played = play(
        CLUSTER,
        """
        timer: {cores: pe3, value: 100}
        wait: 100
        sfr: {core: pe3, register: TCR, equals: 0x140000}
        sfr: {core: pe3, register: T0R, equals: 0xffffffffffffffff}
        wait: 1us
        expect: {core: pe3, line: 0, delivered: 1, timers: 1}
        """,
    )
    assert played.ticks("enter") == [100]


def test_the_timers_handler_lets_a_periodic_one_run():
    played = play(CLUSTER, "timer: {cores: pe3, value: 100, every: 40}\nwait: 200")
    assert played.ticks("enter") == [100, 140, 180]


def test_the_line_of_a_timer_is_enabled_on_the_cores_that_use_it():
    play(
        CLUSTER,
        """
        timer: {cores: pe3, value: 100}
        watchdog: {cores: pe4, value: 100}
        sfr: {core: pe3, register: ILE, equals: 0x1000001}
        sfr: {core: pe4, register: ILE, equals: 0x1000004}
        sfr: {core: pe5, register: ILE, equals: 0x1000000}
        """,
    )


def test_a_watchdog_under_linux_barks_at_level_3_and_bites():
    played = play(
        CLUSTER,
        """
        watchdog: {cores: pe4, value: 100, every: 50}
        wait: 1us
        expect: {core: pe4, line: 2, delivered: 1}
        """,
    )
    assert played.lines[1:] == [
        "100,0,4,timer,2,,,251658240",
        "100,0,4,request,2,,,0",
        "100,0,4,enter,2,,,4",
        "100,0,4,exit,2,,,0",
        "150,0,4,timer,2,,,251658240",
        "150,0,4,reset,,,,1",
    ]


# Several clusters


def test_each_cluster_has_drivers_of_its_own():
    played = play(
        COOLIDGE,
        """
        msi: {mailbox: 1, bit: 0, cluster: 1}
        msi: {mailbox: 1, bit: 0, cluster: 4, from: c2.pe3}
        affinity: {mailbox: 1, core: c4.pe9}
        msi: {mailbox: 1, bit: 0, cluster: 4}
        msi: {mailbox: 1, bit: 0, cluster: 1}
        disable_irq: {mailbox: 1, bit: 0, cluster: 1}
        msi: {mailbox: 1, bit: 0, cluster: 1, from: c3.pe0}
        msi: {mailbox: 1, bit: 0, cluster: 4}
        """,
    )
    assert played.events("irq") == [
        "0,1,0,irq,4,,,64",
        "0,4,0,irq,4,,,64",
        "0,4,9,irq,4,,,64",
        "0,1,0,irq,4,,,64",
        "0,4,9,irq,4,,,64",
    ]
    assert played.events("mailbox")[1::4] == ["0,4,,mailbox,1,2,3,1", "0,4,,mailbox,1,,,1"]
    assert played.events("mailbox")[-2] == "0,1,,mailbox,1,3,0,1"


# What is wrong with a board


HIDING = "hole@a00010 { reg = <0 0xa00010 0 0x8>; };"  # what is smaller answers: MASK of mailbox 0 does not


@pytest.mark.parametrize(
    "board",
    [SMALL.replace("0xa20000 0 0x12000", "0xa20000 0 0x2000"), with_devices(HIDING)],
    ids=["a GIC of two groups", "a mailbox without MASK"],
)
def test_a_driver_whose_registers_do_not_answer_has_a_fault_and_is_not_there(board):
    played = play(
        board,
        f"""
        pulse: {{device: {UART}}}
        disable_irq: {{device: {UART}}}
        affinity: {{device: {UART}, core: pe3}}
        """,
    )
    assert len(played.events("fault")) == 1
    assert played.events("irq") == []
    assert "no-driver: /soc/serial@20210000 has no driver: no Linux runs in cluster 0" in played.warnings


def test_a_register_that_does_not_answer_ends_the_handler_with_a_fault():
    hole = "hole@a00000 { reg = <0 0xa00000 0 0x8>; };"  # VALUE of mailbox 0
    played = play(
        with_devices(hole),
        """
        enable_irq: {mailbox: 0, bit: 1}
        disable_irq: {mailbox: 0, bit: 1}
        read: {addr: 0xa00010, size: 8, equals: 0}
        """,
    )
    # At boot, when it is requested, and again when it is enabled: VALUE says whether the bit waits.
    assert played.events("fault") == ["0,0,0,fault,,,,27262976"] * 2


@pytest.mark.parametrize(
    "wires", ["<&itgen0 300 4>", "<&gic 200>", "<&mailbox>"], ids=["itgen", "gic", "mailbox"]
)
def test_an_interrupt_that_its_controller_lacks_gets_no_driver(wires):
    board = with_devices(device("aa", wires))
    played = play(board, "pulse: {device: aa}\ndisable_irq: {device: aa}")
    assert played.events("irq", "request", "fault") == []
    assert [warning for warning in played.warnings if warning.startswith("no-driver")] == [
        "no-driver: /soc/aa@30000000 has no driver: see the tree"
    ]


def test_an_itgen_without_mailboxes_gives_its_devices_no_driver():
    board = SMALL.replace("msi-parent = <&mailbox>;", "")
    assert board != SMALL
    played = play(board, f"pulse: {{device: {UART}}}\nexpect: {{handled: 0}}\nenable_irq: {{device: {UART}}}")
    assert "no-driver: /soc/serial@20210000 has no driver: see the tree" in played.warnings


@pytest.mark.parametrize(
    "step",
    [
        "disable_irq: {mailbox: 3, bit: 5}",
        "enable_irq: {device: serial@20210000}",
        "affinity: {device: serial@20210000, core: pe3}",
        "affinity: {mailbox: 3, core: pe3}",
    ],
)
def test_before_its_linux_runs_a_cluster_has_no_drivers(step):
    played = play(COOLIDGE, step, head="boot: reset\n")
    assert played.lines == []
    (warning,) = played.warnings
    assert warning.endswith("has no driver: no Linux runs in cluster 0")


def test_a_gic_without_cells_has_one_input_and_its_mailbox_is_handled():
    board = one_mailbox(SMALL.replace("gic: interrupt-controller@a20000 {", "gic: gic@a20000 {"))
    at = board.index("gic: gic@")
    board = board[:at] + board[at:].replace("#interrupt-cells = <1>", "#interrupt-cells = <0>", 1)
    board = board.replace("interrupt-parent = <&gic>;", "").replace(
        "interrupts = <0>", "interrupts-extended = <&gic>"
    )
    played = play(board, "msi: {mailbox: 0, bit: 3}")
    assert played.events("irq") == ["0,0,0,irq,4,,,3"]
