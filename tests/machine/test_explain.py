"""What is told of a register write: of each kind of block and register, and why nothing comes of one."""

from __future__ import annotations

import pytest
from command import ROOT
from tiny import GIC, board, cpu, cpus, ipi, machine_of, run, tree_of

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.errors import InputError
from kvx_emu.machine.explain import explain
from kvx_emu.machine.machine import Machine, build

MAILBOXES = (
    'mbox: mbox@a00000 { compatible = "kalray,coolidge-apic-mailbox"; reg = <0 0xa00000 0 0x10000>; '
    "interrupt-controller; #interrupt-cells = <0>; interrupt-parent = <&gic>; interrupts = <0>, <1>, <2>; };"
)
ITGEN = (
    'itgen: itgen@27000000 { compatible = "kalray,coolidge-itgen"; reg = <0 0x27000000 0 0x1104>; '
    "interrupt-controller; #interrupt-cells = <2>; msi-parent = <&mbox>; };"
)
UART = (
    'uart@20210000 { compatible = "snps,dw-apb-uart"; reg = <0 0x20210000 0 0x100>; '
    "interrupt-parent = <&itgen>; interrupts = <41 4>; };"
)
POWER = 'pwr@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4188>; };'
CLOCK = 'clock@a44180 { compatible = "kalray,coolidge-dsu-clock"; reg = <0 0xa44180 0 0x8>; };'
SNOOPER = (
    'msi@28312000 { compatible = "kalray,kvx-pcimsi"; reg = <0 0x28312000 0 0x1000>; '
    "interrupt-parent = <&itgen>; interrupts = <10 1>; };"
)
FTU = 'ftu@10181000 { compatible = "kalray,kvx-syscon"; reg = <0 0x10181000 0 0x418>; };'
DMA = 'dma@800000 { compatible = "kalray,kvx-dma-noc"; reg = <0 0x800000 0 0x1000>; };'

TREE = board(
    cpus(cpu(0), cpu(3), cpu(16)),
    ipi("<&pe0 24>, <&pe3 24>"),
    GIC.replace("#interrupt-cells", "interrupts-extended = <&pe0 4>, <&pe3 4>; #interrupt-cells"),
    MAILBOXES,
    ITGEN,
    UART,
    POWER,
    CLOCK,
    SNOOPER,
    FTU,
    DMA,
)
PE0 = CoreId(0, 0)

OPEN = """
  - write: {addr: 0xa00218, value: 0x101, size: 8}
  - write: {addr: 0xa00210, value: 0x8, size: 8}
"""
TO_PE0 = "  - write: {addr: 0xa20001, value: 1, size: 1}\n"
ENABLED = "  - enable: {cores: pe0, lines: [4]}\n  - level: {cores: pe0, line: 4, value: 1}\n"
READY = ENABLED + "  - sfr: {core: pe0, register: PS, write: 0x01000010}\n"


def told(address, value, steps="", *, tree=TREE, profile="hardware", size=None, writer=PE0):
    """Return the lines of the story of a write, after the steps of a bare script."""
    machine = machine_of(tree, profile)
    if steps:
        run(machine, f"version: 1\nsoftware: bare\nsteps:\n{steps.strip(chr(10))}\n")
    return list(explain(machine, writer, address, value, size).lines)


def head(address, value, **rest):
    return explain(machine_of(TREE), PE0, address, value, **rest).text().split("\n\n")[0].split("\n")


# What is addressed


def test_the_head_names_the_register_its_node_with_its_place_and_its_generation():
    assert head(0xA00208, 1) == [
        "pe0 writes 0x1 to 0xa00208 (0x1a00208 as all see it), 8 bytes",
        "  LAC[1], offset 0x208 of /mbox@a00000 (board.dts:10:7)",
        "  APIC mailbox of cluster 0, kalray,coolidge-apic-mailbox",
        "  load and clear VALUE; a write combines, without interrupt",
    ]


def test_the_size_is_the_registers_unless_it_is_said():
    assert head(0xA20001, 1)[0].endswith(", 1 byte")
    assert head(0xAD0000, 1)[0].endswith(", 4 bytes")
    assert head(0xA20000, 1, size=8)[0].endswith(", 8 bytes")


def test_a_value_wider_than_the_register_is_refused():
    with pytest.raises(ValueError, match=r"0x100 does not fit 1 byte$"):
        explain(machine_of(TREE), PE0, 0xA20001, 0x100)


def test_a_core_sees_its_own_cluster_at_local_addresses():
    two = board(cpus(cpu(0), cpu(0x100)), ipi(""), ipi("", address=0x2AD0000))
    writer = CoreId(1, 0)
    explained = explain(machine_of(two), writer, 0xAD0000, 1)
    assert explained.seen == 0x2AD0000
    assert explained.block is not None
    assert explained.block.cluster == 1
    assert [(hop.core, hop.line) for hop in explained.hops] == [(writer, 24)]


# The IPI controller


def test_an_ipi_is_told_with_the_node_of_the_core_and_the_place_of_the_wire():
    assert told(0xAD0000, 8) == [
        "-> pe3 line 24 (ILR bit 24): requested; not taken: it is not enabled (ILE) "
        "(board.dts:5:49; wired at board.dts:8:123)"
    ]


def test_a_wire_that_the_tree_does_not_name_is_there_all_the_same():
    assert told(0xAD0010, 8) == [
        "-> pe3 line 28 (ILR bit 28): requested; not taken: it is not enabled (ILE) (board.dts:5:49)"
    ]


def test_a_core_that_the_mask_stops_is_told():
    assert told(0xAD0000, 1, "  - mask: {line: 24, block: [pe0]}\n") == [
        "pe0: stopped, bit 0 of MASK[0] is 1; nothing is kept of it"
    ]


def test_a_bit_without_a_core_is_told():
    assert told(0xAD0000, 0x200) == ["pe9: the board has no such core, its bit has no effect"]


def test_a_write_of_no_bit_asks_nobody():
    assert told(0xAD0000, 0) == ["no bit of a core is 1: nobody is asked"]


def test_a_core_that_qemu_does_not_wire_is_told():
    assert told(0xAD0000, 0x10000, profile="qemu") == ["rm: not wired to the controller"]


def test_bits_that_do_not_exist_are_told():
    assert told(0xAD0000, 0x20000) == [
        "INTERRUPT[0] has 17 bits: 0x20000 of 0x20000 is ignored",
        "no bit of a core is 1: nobody is asked",
    ]


def test_a_mask_is_told_with_the_cores_that_it_leaves():
    assert told(0xAD0024, 0x10001) == [
        "MASK[1]: 0x0 -> 0x10001",
        "INTERRUPT[1] now reaches line 25 of pe3, and not pe0, rm",
        "what was stopped before was lost: it does not come now",
    ]


# What the cores do


def test_a_line_that_is_open_is_taken_at_once():
    assert told(0xA00200, 8, OPEN + TO_PE0 + READY) == [
        "mailbox 1 VALUE: or: 0x0 -> 0x8",
        "doorbell: bit 3 is let through by MASK 0x8",
        "-> /gic@a20000 input 1 (board.dts:9:6; wired at board.dts:10:188)",
        "  -> pe0 line 4 (ILR bit 4): requested; taken at once (board.dts:4:49; wired at board.dts:9:140)",
    ]


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ("", "requested; not taken: it is not enabled (ILE)"),
        ("  - enable: {cores: pe0, lines: [4]}\n", "requested; not taken: its level is 0 (ILL)"),
        (ENABLED, "requested; not taken: interrupts are off (PS.IE is 0)"),
        (
            ENABLED + "  - sfr: {core: pe0, register: PS, write: 0x01001010}\n",
            "requested; not taken: its level 1 is not above PS.IL, 1",
        ),
        (
            ENABLED + "  - sfr: {core: pe0, register: ITO, write: 0x100}\n",
            "requested; not taken: it belongs to PL1, which is less privileged than PL0 that runs",
        ),
        (
            ENABLED + "  - sfr: {core: pe0, register: PS, write: 0x01000014}\n",
            "requested; taken at once, which resets the core: a double exception, PS.ET is 1",
        ),
        (
            "  - stop: {cores: pe0, reset: true}\n",
            "requested; the core is held in reset: the request is kept",
        ),
        ("  - stop: {cores: pe0}\n", "requested; the core is stopped: the request is kept"),
        (
            "  - idle: {cores: pe0}\n",
            "requested, which ends its await; not taken: it is not enabled (ILE)",
        ),
        (
            "  - sfr: {core: pe0, register: ILR, set: 0x10}\n",
            "coalesced, it is pending already; not taken: it is not enabled (ILE)",
        ),
    ],
)
def test_what_a_core_does_about_a_request_and_why(steps, verdict):
    *_, line = told(0xA00200, 8, OPEN + TO_PE0 + steps)
    assert line.removeprefix("  -> pe0 line 4 (ILR bit 4): ").startswith(f"{verdict} (board.dts:")


def test_of_two_lines_that_are_open_the_first_goes_first():
    also = "  - write: {addr: 0xa20401, value: 1, size: 1}\n"
    both = "  - enable: {cores: pe0, lines: [5]}\n  - level: {cores: pe0, line: 5, value: 1}\n"
    lines = told(0xA00200, 8, OPEN + TO_PE0 + also + both + READY)
    assert lines[-2].startswith("  -> pe0 line 4 (ILR bit 4): requested; taken at once (")
    assert lines[-1].startswith(
        "  -> pe0 line 5 (ILR bit 5): requested; taken after line 4, which goes first ("
    )


def test_cores_that_fare_alike_are_one_line():
    assert told(0xAD0000, 0x9, tree=board(cpus(*map(cpu, range(4))), ipi(""))) == [
        "-> pe0, pe3 line 24 (ILR bit 24): requested; not taken: it is not enabled (ILE)"
    ]


# The mailboxes


@pytest.mark.parametrize(
    ("func", "mask", "value", "lines"),
    [
        (0x000, 0, 5, ["write: 0x4 -> 0x5", "trigger none: no interrupt"]),
        (0x001, 0, 1, ["or: 0x4 -> 0x5", "trigger none: no interrupt"]),
        (0x102, 0, 3, ["add: 0x4 -> 0x7", "doorbell: bits 0-1 are masked (MASK is 0x0): no interrupt"]),
        (0x101, 2, 0, ["or: 0x4 -> 0x4", "doorbell: no bit is written: no interrupt"]),
        (
            0x101,
            2,
            0x13,
            [
                "or: 0x4 -> 0x17",
                "doorbell: bit 1 is let through by MASK 0x2; bits 0, 4 are masked (MASK is 0x2)",
            ],
        ),
        (0x202, 6, 1, ["add: 0x4 -> 0x5", "match: 0x5 is not MASK 0x6: no interrupt"]),
        (0x202, 5, 1, ["add: 0x4 -> 0x5", "match: 0x5 is MASK 0x5"]),
        (0x302, 5, 1, ["add: 0x4 -> 0x5", "barrier: 0x5 is MASK 0x5, VALUE is cleared"]),
        (0x400, 5, 4, ["write: 0x4 -> 0x4", "threshold: 0x4 is less than MASK 0x5: no interrupt"]),
        (0x400, 5, 6, ["write: 0x4 -> 0x6", "threshold: 0x6 is not less than MASK 0x5"]),
        (
            0x703,
            0,
            6,
            ["mode 3, which replaces: 0x4 -> 0x6", "trigger 7 has no meaning: no interrupt"],
        ),
    ],
)
def test_a_message_is_told_with_how_it_combines_and_why_it_interrupts(func, mask, value, lines):
    steps = (
        "  - write: {addr: 0xa00208, value: 4, size: 8}\n"
        f"  - write: {{addr: 0xa00210, value: {mask}, size: 8}}\n"
        f"  - write: {{addr: 0xa00218, value: {func}, size: 8}}\n"
    )
    first, second, *rest = told(0xA00200, value, steps)
    assert [first.removeprefix("mailbox 1 VALUE: "), second] == lines
    assert (rest == []) is ("no interrupt" in second)


def test_a_mailbox_without_an_interrupt_in_the_tree_loses_it():
    steps = OPEN.replace("0xa002", "0xa006")
    assert told(0xA00600, 8, steps) == [
        "mailbox 3 VALUE: or: 0x0 -> 0x8",
        "doorbell: bit 3 is let through by MASK 0x8",
        "the tree names no interrupt for mailbox 3: the interrupt is lost",
    ]


def test_an_input_that_is_enabled_nowhere_loses_it():
    assert (
        told(0xA00200, 8, OPEN)[-1] == "  input 1 (mailbox 1) is enabled at no output: the interrupt is lost"
    )


def test_a_write_to_lac_never_interrupts():
    assert told(0xA00208, 8, OPEN) == ["mailbox 1 VALUE: or: 0x0 -> 0x8", "a write to LAC never interrupts"]


def test_a_mask_of_a_mailbox_is_told_with_all_that_it_leads_to():
    wired = "  - write: {addr: 0x27000290, value: 0x03000001, size: 4}\n"
    wired += "  - write: {addr: 0x27000298, value: 1, size: 4}\n"
    value = "  - write: {addr: 0xa00208, value: 4, size: 8}\n"
    assert told(0xA00210, 0xC, OPEN + value + TO_PE0 + wired) == [
        "MASK[1]: 0x8 -> 0xc",
        "mailbox 1 now combines by or and interrupts for the bits 0xc (doorbell)",
        "VALUE is 0x4 already: only a write to it interrupts",
        "its interrupt is input 1 of /gic@a20000 (board.dts:9:6; wired at board.dts:10:188)",
        "  input 1 reaches line 4 of pe0",
        "it is written by bit 3: /itgen@27000000 input 41 is /uart@20210000 "
        "(board.dts:12:1; wired at board.dts:12:123)",
    ]


@pytest.mark.parametrize(
    ("func", "when"),
    [
        (0x001, "or and interrupts never (trigger none)"),
        (0x202, "add and interrupts when VALUE becomes 0x8 (match)"),
        (0x302, "add and interrupts when VALUE becomes 0x8, and clears it (barrier)"),
        (0x400, "write and interrupts when VALUE becomes 0x8 or more (threshold)"),
    ],
)
def test_func_of_a_mailbox_is_told_in_words(func, when):
    lines = told(0xA00218, func, OPEN)
    assert lines[1] == f"mailbox 1 now combines by {when}"
    assert lines[-1] == "  input 1 reaches nobody: it is enabled at no output"


def test_a_mailbox_that_the_tree_gives_no_interrupt_reaches_nobody():
    assert told(0xA00618, 0x101)[-2:] == [
        "mailbox 3 now combines by or and interrupts never: MASK is 0",
        "mailbox 3 has no interrupt in the tree: it reaches nobody",
    ]


# The GIC


def test_an_enable_is_told_with_its_driver_and_all_that_its_input_reaches():
    assert told(0xA23801, 1, TO_PE0) == [
        "ENABLE[14][1]: 0x0 -> 0x1",
        "input 1 is let through to line 6 of pe3, by output 14 (group 3, line 2) (board.dts:5:49)",
        "input 1 is mailbox 1 of /mbox@a00000 (board.dts:10:7; wired at board.dts:10:188)",
        "input 1 reaches line 4 of pe0; line 6 of pe3",
        "an input that rose before was lost: only what comes from now on is let through",
    ]


def test_an_enable_that_is_cleared_is_told():
    assert told(0xA20001, 0, TO_PE0) == [
        "ENABLE[0][1]: 0x1 -> 0x0",
        "input 1 is stopped on its way to line 4 of pe0, by output 0 (group 0, line 0) "
        "(board.dts:4:49; wired at board.dts:9:140)",
        "input 1 is mailbox 1 of /mbox@a00000 (board.dts:10:7; wired at board.dts:10:188)",
        "input 1 reaches nobody: it is enabled at no output",
    ]


def test_an_input_that_nothing_drives_and_an_enable_that_stays_are_told():
    lines = told(0xA20081, 0)
    assert lines[0] == "ENABLE[0][129] is 0x0 already: nothing changes"
    assert lines[2] == "input 129 is wired to nothing in the tree (that of the hardware's DMA)"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (0xA31801, "output 70 (group 17) leads to no core"),
        (0xA29001, "output 36 (group 9) would be line 4 of pe9, which the board has not"),
    ],
)
def test_an_output_without_a_core_is_told(address, why):
    assert told(address, 1)[1] == why
    steps = OPEN + f"  - write: {{addr: {address:#x}, value: 1, size: 1}}\n"
    assert told(0xA00200, 8, steps)[-1] == f"  {why}"


def test_enables_that_are_written_together_are_told_each():
    assert told(0xA20000, 0x0101, size=2)[:2] == ["ENABLE[0][0]: 0x0 -> 0x1", "ENABLE[0][1]: 0x0 -> 0x1"]


def test_a_write_to_a_read_only_register_is_told():
    assert told(0xA20120, 1, size=8) == ["write to the read-only STATUS_LAC[0][0] is ignored"]
    assert told(0xA44180, 1) == ["write to the read-only COUNTER is ignored"]
    assert told(0x27001100, 1) == ["write to the read-only PARAM is ignored"]
    assert told(0xA40400, 1) == ["write to the read-only PE_STATUS is ignored"]


# The interrupt generator


def test_a_cfg_is_told_with_its_device_its_mailbox_and_what_that_reaches():
    enabled = "  - write: {addr: 0x27000298, value: 1, size: 4}\n"
    assert told(0x27000290, 0x03000001, OPEN + TO_PE0 + enabled) == [
        "CFG[41]: 0x0 -> 0x3000001",
        "input 41 is /uart@20210000 (board.dts:12:1; wired at board.dts:12:123)",
        "it now writes bit 3 of mailbox 1 of cluster 0 at 0x1a00200",
        "  mailbox 1 of /mbox@a00000 combines by or and interrupts for the bits 0x8 (doorbell) "
        "(board.dts:10:7)",
        "  bit 3 is let through by its MASK",
        "  its interrupt is input 1 of /gic@a20000 (board.dts:9:6; wired at board.dts:10:188)",
        "    input 1 reaches line 4 of pe0",
    ]


def test_a_cfg_to_a_cluster_without_mailboxes_is_told():
    assert told(0x27000290, 0x03000201)[2:] == [
        "it is disabled (ENABLE is 0); enabled it would write bit 3 of mailbox 1 of cluster 2 at 0x3a00200",
        "nothing takes a write to 0x3a00200: nothing of the tree is there; its interrupts are lost",
    ]


def test_an_enable_with_the_line_high_sends_at_once():
    steps = OPEN + TO_PE0 + "  - write: {addr: 0x27000290, value: 0x03000001, size: 4}\n"
    lines = told(0x27000298, 1, steps + "  - raise: {device: uart}\n")
    assert lines[:7] == [
        "ENABLE[41]: 0x0 -> 0x1",
        "writes 0x8 to 0x1a00200",
        "  -> VALUE[1] of /mbox@a00000 (board.dts:10:7)",
        "  mailbox 1 VALUE: or: 0x0 -> 0x8",
        "  doorbell: bit 3 is let through by MASK 0x8",
        "  -> /gic@a20000 input 1 (board.dts:9:6; wired at board.dts:10:188)",
        "    -> pe0 line 4 (ILR bit 4): requested; not taken: it is not enabled (ILE) "
        "(board.dts:4:49; wired at board.dts:9:140)",
    ]


def test_an_input_of_the_generator_that_nothing_drives_is_told():
    assert told(0x27000008, 1)[1] == "input 0 is wired to nothing in the tree"


def test_a_generator_without_mailboxes_in_the_tree_is_told():
    tree = TREE.replace("msi-parent = <&mbox>;", "")
    last = told(0x27000298, 1, tree=tree)[-1]
    assert last == "/itgen@27000000 names no mailboxes (msi-parent): CFG alone decides"


# Power


def test_pes_that_are_woken_while_pe_en_is_0_are_told():
    assert told(0xA41010, 0x2A) == [
        "PE_CONTROL[1]: 0x0 -> 0x1",
        "PE_CONTROL[3]: 0x0 -> 0x1",
        "PE_CONTROL[5]: 0x0 -> 0x1",
        "pe1: the board has no such core",
        "pe3: PE_EN is 0: it is not woken, nor is it when PE_EN becomes 1",
        "pe5: the board has no such core",
    ]


PE_EN = "  - write: {addr: 0xa44050, value: 2, size: 8}\n"


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ("", "-> pe3: it runs already and goes on (board.dts:5:49)"),
        (
            "  - write: {addr: 0xa41010, value: 8, size: 8}\n",
            "pe3: its wake-up bit was 1 and it runs: it goes on",
        ),
        ("  - stop: {cores: pe3}\n", "-> pe3: it was stopped and goes on (board.dts:5:49)"),
        (
            "  - stop: {cores: pe3, reset: true}\n  - write: {addr: 0xad0000, value: 8, size: 4}\n"
            "  - write: {addr: 0xa42000, value: 0x12345, size: 8}\n",
            "-> pe3: it was held in reset and runs now, from 0x12000; "
            "requested meanwhile and kept: line 24 (board.dts:5:49)",
        ),
    ],
)
def test_a_pe_that_is_woken_is_told_with_how_it_was(steps, last):
    assert told(0xA41010, 8, PE_EN + steps)[-1] == last


def test_a_pe_that_is_reset_by_its_wake_up_is_told():
    steps = PE_EN + "  - write: {addr: 0xa41040, value: 8, size: 8}\n"
    steps += "  - write: {addr: 0xad0000, value: 8, size: 4}\n"
    assert told(0xA41010, 8, steps) == [
        "PE_CONTROL[3]: 0x2 -> 0x3",
        "-> pe3: reset, and held so until it is started; its requests are lost: line 24 (board.dts:5:49)",
        "-> pe3: it was held in reset and runs now, from 0x0 (board.dts:5:49)",
    ]


@pytest.mark.parametrize(
    ("address", "value", "lines"),
    [
        (0xA42000, 0x12345, ["RESET_PC: 0x0 -> 0x12000", "PEs that are woken from reset start at 0x12000"]),
        (
            0xA44050,
            2,
            [
                "GLOBAL_CONTROL: 0x8ffffff00 -> 0x8ffffff02",
                "PE_EN is 1: a wake-up bit that is set from now on wakes its PE, of pe0, pe3",
            ],
        ),
        (
            0xA44060,
            0x100,
            [
                "GLOBAL_CONTROL: 0x8ffffff00 -> 0x8fffffe00",
                "PE_EN is 0: a wake-up bit that is set from now on wakes nobody; PEs that run go on",
            ],
        ),
        (
            0xA440C0,
            1,
            ["RM_CONTROL: 0x0 -> 0x1", "kept, without effect: the RM is started by the FTU"],
        ),
        (0xA41020, 8, ["clearing a wake-up bit stops nobody"]),
        (0xA41040, 8, ["PE_CONTROL[3]: 0x0 -> 0x2", "waking resets pe3 first"]),
        (0x10181060, 0x5000, ["BOOT_PC[0]: 0x0 -> 0x5000", "rm starts at 0x5000 when it is woken"]),
        (
            0x10181000,
            5,
            ["CONTROL[0]: 0x0 -> 0x5", "-> rm: it runs already and goes on (board.dts:6:52)"],
        ),
        (0x10181004, 5, ["CONTROL[1]: 0x0 -> 0x5", "-> c1.rm: the board has no such core"]),
        (
            0x10181000,
            3,
            [
                "CONTROL[0]: 0x0 -> 0x3",
                "-> rm: reset, and held so until it is started (board.dts:6:52)",
                "rm: reset is 1: its RM is not woken before reset is cleared",
            ],
        ),
        (0x10181050, 1, ["the reset of the chip is not modelled: the write is ignored"]),
    ],
)
def test_the_registers_that_start_cores(address, value, lines):
    assert told(address, value) == lines


# The PCI snooper


@pytest.mark.parametrize(
    ("offset", "value", "lines"),
    [
        (0x0, 1, ["ENABLE: 0x0 -> 0x1", "writes of devices to 0x0..0x3ff are taken"]),
        (
            0x4,
            0x1234,
            [
                "ADDR_LO: 0x0 -> 0x1234",
                "writes of devices to 0x1000..0x13ff are not taken: ENABLE is 0",
            ],
        ),
        (
            0x108,
            3,
            [
                "MASK[0]: 0x0 -> 0x3",
                "30 of the 32 vectors of group 0 interrupt",
                "its interrupt is input 10 of /itgen@27000000 (board.dts:11:8; wired at board.dts:15:124)",
            ],
        ),
        (
            0x18C,
            1,
            [
                "TYPE[1]: 0x0 -> 0x1",
                "group 1 takes no message: it is not of type MSI",
                "group 1 has no interrupt in the tree: it reaches nobody",
            ],
        ),
    ],
)
def test_the_registers_of_the_snooper(offset, value, lines):
    assert told(0x28312000 + offset, value) == lines


# Where nothing is


@pytest.mark.parametrize(
    ("address", "size", "why"),
    [
        (
            0x500000,
            4,
            "bus error: nothing of the tree is there (/dma@800000 begins at 0x1800000)",
        ),
        (
            0x60000000,
            4,
            "bus error: nothing of the tree is there (/msi@28312000 ends at 0x28312fff)",
        ),
        (0x800000, 4, "bus error: /dma@800000 is there, DMA, which is not modelled"),
        (0xA00200, 4, "bus error: the APIC mailbox takes aligned accesses of 8 bytes"),
        (0xAD0000, 8, "bus error: the IPI controller takes aligned accesses of 4 bytes"),
        (0xAD0040, 4, "write to the reserved offset 0x40 is ignored"),
        (0xA200A0, 8, "write to the reserved offset 0xa0 is ignored"),
    ],
)
def test_a_write_that_no_register_takes_is_told_with_what_is_there(address, size, why):
    assert told(address, 1, size=size) == [why]


def test_qemu_drops_what_no_register_takes():
    assert told(0x500000, 1, profile="qemu") == [
        "nothing happens",
        "QEMU's bus cuts an access into pieces, and drops what no register takes",
    ]


# All registers, all boards


def places(machine):
    """Yield (address, size) of registers of each block: of a bank the first and last of each group."""
    for model, block in machine.blocks.values():
        for register in model.registers:
            offsets = [offset for offset, _ in register.places()]
            ends = offsets[:1] + offsets[-1:]
            for offset in dict.fromkeys(ends):
                yield block.start + offset, register.size


@pytest.mark.parametrize("profile", ["hardware", "qemu"])
def test_every_register_of_the_whole_chip_can_be_explained(profile):
    machine, _ = build(load_tree(str(ROOT / "boards/coolidge.dts")), profile)
    writes = [place for place in places(machine) if place[0] < 0x2000000 or place[0] >= 0x10000000]
    assert len(writes) > 50
    for address, size in writes:
        for value in (0, 1, (1 << 8 * size) - 1):
            explained = explain(Machine(machine.wiring, profile), PE0, address, value, size)
            assert explained.lines
            assert len(explained.record()["story"]) == len(explained.hops)


@pytest.mark.parametrize("name", ["coolidge-qemu.dts", "coolidge-qemu.dtb", "mppa-coolidge.dtb"])
def test_kalrays_own_trees_can_be_explained(shared, name):
    tree = load_tree(str(shared / "boards" / name))
    try:
        machine, _ = build(tree)
    except InputError:
        pytest.skip(f"{name} has no IPI controller")
    for address, _ in list(places(machine))[:20]:
        assert explain(Machine(machine.wiring), PE0, address, 1).lines


def test_the_record_has_its_places_as_objects():
    assert explain(build(tree_of(TREE))[0], PE0, 0xAD0000, 1).record()["place"] == {
        "path": "board.dts",
        "line": 8,
        "column": 1,
        "offset": None,
    }
