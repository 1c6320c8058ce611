"""Across clusters: every core reaches the controllers and mailboxes of all, by names and by address."""

from __future__ import annotations

import pytest
from command import ROOT, kvx_process
from fabric_runs import COOLIDGE, play

STRESS = ROOT / "boards" / "stress64.dts"


def test_an_ipi_to_several_clusters_is_one_write_to_each_ascending():
    played = play(COOLIDGE, "send: {from: c2.pe3, to: [c4.pe5, pe1, c4.pe0, c2.rm]}")
    assert played.lines[5:] == [
        "0,2,3,send,24,,,2",
        "0,0,1,request,24,2,3,0",
        "0,0,1,enter,24,,,16777216",
        "0,0,1,exit,24,,,0",
        "0,2,3,send,24,,,65536",
        "0,2,16,masked,24,2,3,0",
        "0,2,3,send,24,,,33",
        "0,4,0,request,24,2,3,0",
        "0,4,0,enter,24,,,16777216",
        "0,4,0,exit,24,,,0",
        "0,4,5,request,24,2,3,0",
        "0,4,5,enter,24,,,16777216",
        "0,4,5,exit,24,,,0",
    ]


@pytest.mark.parametrize("target", range(5))
def test_a_write_to_the_global_window_of_a_cluster_reaches_it_from_any_other(target):
    address = 0x1AD0000 + 0x1000000 * target
    senders = [f"c{cluster}.{core}" for cluster in range(5) for core in ("pe0", "pe15", "rm")]
    steps = "".join(f"write: {{addr: {address:#x}, value: 0x20, from: {sender}}}\n" for sender in senders)
    played = play(COOLIDGE, f"{steps}expect: {{core: c{target}.pe5, line: 24, delivered: 15}}")
    assert {line.split(",")[1] for line in played.events("request")} == {str(target)}


def test_the_local_window_is_each_cores_own_cluster():
    steps = "".join(f"write: {{addr: 0xad0000, value: 2, from: c{cluster}.pe0}}\n" for cluster in range(5))
    played = play(COOLIDGE, steps)
    assert played.events("request") == [f"0,{cluster},1,request,24,{cluster},0,0" for cluster in range(5)]


def test_a_mask_is_of_the_cluster_of_those_it_blocks():
    played = play(
        COOLIDGE,
        """
        mask: {line: 24, block: [c3.pe1], from: c1.pe0}
        send: {from: pe0, to: [c1.pe1, c3.pe1]}
        expect: {core: c1.pe1, delivered: 1}
        expect: {core: c3.pe1, masked: 1}
        """,
    )
    assert "0,1,0,mask,24,,,2" in played.lines


def test_every_step_takes_a_core_of_another_cluster():
    play(
        COOLIDGE,
        """
        enable: {cores: c2.pe3, lines: 26}
        level: {core: c2.pe3, line: 26, value: 2}
        send: {from: c4.rm, to: c2.pe3, line: 26}
        expect: {core: c2.pe3, line: 26, delivered: 1}
        timer: {cores: c2.pe3, value: 10}
        wait: 20
        expect: {core: c2.pe3, line: 0, timers: 1, delivered: 1}
        ipe: {from: c2.pe3, event: 1}
        sfr: {core: c2.pe4, register: IPE, equals: 2}
        sfr: {core: pe4, register: IPE, equals: 0}
        idle: {cores: c2.pe3}
        stop: {cores: c2.pe4}
        start: {cores: c2.pe4, from: c3.pe0}
        pulse: {controller: c2gic, input: 3}
        pulse: {controller: c2pe3, input: 26}
        expect: {core: c2.pe3, line: 26, delivered: 2}
        read: {addr: 0xad0020, from: c2.pe3, equals: 0x10000}
        """,
    )


@pytest.mark.parametrize("sender", ["c0.pe4", "c3.pe4", "c4.rm"])
def test_a_message_to_a_mailbox_of_another_cluster_names_its_writer(sender):
    played = play(COOLIDGE, f"msi: {{mailbox: 5, bit: 3, cluster: 2, from: {sender}}}")
    cluster, _, core = sender.partition(".")
    pid = "16" if core == "rm" else core[2:]
    assert played.events("mailbox", "irq") == [f"0,2,,mailbox,5,{cluster[1:]},{pid},8", "0,2,0,irq,4,,,323"]


def test_a_message_goes_to_the_cluster_of_its_writer_and_without_one_to_cluster_0():
    played = play(COOLIDGE, "msi: {mailbox: 5, bit: 3, from: c3.pe1}\nmsi: {mailbox: 5, bit: 3}")
    assert played.events("mailbox") == ["0,3,,mailbox,5,3,1,8", "0,0,,mailbox,5,,,8"]


def test_an_interrupt_generator_writes_to_the_mailbox_of_the_cluster_that_cfg_names():
    played = play(
        COOLIDGE,
        """
        write: {addr: 0x27010000, value: 0x07000309}
        write: {addr: 0x27010008, value: 1}
        write: {addr: 0x4a01218, size: 8, value: 0x101}
        write: {addr: 0x4a01210, size: 8, value: 0x80}
        write: {addr: 0x4a25009, size: 1, value: 1}
        pulse: {controller: itgen1, input: 0}
        read: {addr: 0x4a01208, size: 8, equals: 0x80, from: c3.pe5}
        """,
        head="software: bare\n",
    )
    assert played.lines == [
        "0,3,,msi,0,,,77599232",  # 0x04a01200
        "0,3,,mailbox,9,,,128",
        "0,3,5,gic,4,,,9",
        "0,3,5,request,4,,,0",
        "0,3,,ack,9,3,5,128",
    ]


def test_a_device_whose_interrupt_generator_belongs_to_cluster_3_is_served_by_the_linux_there():
    text = COOLIDGE.read_text(encoding="utf-8")
    at = text.index("itgen1:")
    text = text[:at] + text[at:].replace("msi-parent = <&c0mailbox>;", "msi-parent = <&c3mailbox>;", 1)
    text = text.replace(
        "ftu:", "dev@30000000 { reg = <0 0x30000000 0 0x100>; interrupts-extended = <&itgen1 7 4>; };\nftu:"
    )
    played = play(
        text,
        """
        raise: {device: dev}
        read: {addr: 0x27010070, equals: 0x300}
        affinity: {device: dev, core: c3.pe9}
        raise: {device: dev}
        disable_irq: {device: dev}
        raise: {device: dev}
        expect: {handled: 2}
        """,
    )
    assert played.events("msi") == ["0,3,,msi,7,,,77594624"] * 2  # 0x04a00000
    assert played.events("irq") == ["0,3,0,irq,4,,,0", "0,3,9,irq,4,,,0"]


def test_a_message_to_a_cluster_that_the_board_lacks_is_lost():
    played = play(
        COOLIDGE,
        """
        write: {addr: 0x27000290, value: 0x700}
        write: {addr: 0x27000298, value: 1}
        pulse: {device: serial@20210000}
        expect: {lost: 1}
        """,
        head="software: bare\n",
    )
    assert played.lines == ["0,,,msi,41,,,144703488", "0,,,lost,41,,,0"]  # 0x08a00000


def test_ipis_and_messages_cross_all_64_clusters_of_the_stress_board():
    played = play(
        STRESS,
        "".join(f"send: {{from: c{63 - k}.pe{k % 16}, to: c{k}.pe{15 - k % 16}}}\n" for k in range(64))
        + "expect: {line: 24, delivered: 64}\n"
        + "msi: {mailbox: 127, bit: 63, cluster: 63, from: pe0}\n"
        + "expect: {core: c63.pe0, line: 4, handled: 1}\n",
    )
    assert played.events("request")[:64] == [
        f"0,{k},{15 - k % 16},request,24,{63 - k},{k % 16},0" for k in range(64)
    ]


def test_the_script_of_the_stress_board_holds():
    result = kvx_process("run", "boards/stress64.dts", "scripts/stress.yaml", "--format", "none", "--strict")
    assert (result.status, result.err) == (0, "")


SNOOPER = """
/ {{ pcimsi: msi@5128312000 {{ compatible = "kalray,kvx-pcimsi"; reg = <0x51 0x28312000 0 0x1000>;
    interrupt-controller; msi-controller; #interrupt-cells = <1>;
    interrupt-parent = <&{itgen}>; interrupts = <60 1>, <61 1>; }}; }};
"""
"""A PCI MSI snooper whose first two groups go to inputs 60 and 61 of an interrupt generator."""


def test_a_posted_pci_message_takes_the_whole_way_from_the_snooper_to_the_core(run):
    """Vector 37 is bit 5 of group 1, so input 61; its window is opened and its group unmasked first."""
    tree = COOLIDGE.read_text() + SNOOPER.format(itgen="itgen0")
    steps = """version: 1
software: bare
steps:
  - write: {addr: 0x5128312004, value: 0x40000000}
  - write: {addr: 0x5128312000, value: 1}
  - write: {addr: 0x270003d0, value: 0x02000007}
  - write: {addr: 0x270003d8, value: 1}
  - write: {addr: 0xa00e18, value: 0x101, size: 8}
  - write: {addr: 0xa00e10, value: 0x4, size: 8}
  - write: {addr: 0xa21007, value: 1, size: 1}
  - post: {addr: 0x40000080, value: 5}
  - read: {addr: 0x5128312180, equals: 0x20}
  - read: {addr: 0x5128312184, equals: 0x20}
  - read: {addr: 0x5128312180, equals: 0}
  - sfr: {core: pe1, register: ILR, equals: 0x10}
"""
    result = run(steps, tree=tree)
    assert result.outcome.failed == 0, result.outcome.failures
    assert [line.split(",")[1:5] for line in result.lines] == [
        ["0", "", "msi", "61"],
        ["0", "", "mailbox", "7"],
        ["0", "1", "gic", "4"],
        ["0", "1", "request", "4"],
    ]


def test_a_post_that_nothing_takes_is_a_fault_of_no_core(run):
    result = run("version: 1\nsteps:\n  - post: {addr: 0x99000000, value: 1}\n", tree=COOLIDGE.read_text())
    assert result.lines[-1] == "0,,,fault,,,,2566914048"
    assert [warning.code for warning in result.outcome.warnings] == ["bus-error"]
