"""The other devices of a tree: their interrupts, their lines and their addresses."""

from __future__ import annotations

import pytest
from tiny import (
    BOTH,
    GIC,
    OLD_CPUS,
    OLD_INTC,
    OLD_IPI,
    TWO,
    board,
    cpu,
    cpus,
    ipi,
    messages,
    survey,
    told,
)

# Other devices


DDR = 'ddr@100000000 { device_type = "memory"; reg = <1 0 0 0x1000>; };'


def timer(wires, more=""):
    return f'timer {{ compatible = "kalray,kv3-1-timer"; interrupts-extended = {wires}; {more} }};'


def test_a_line_that_two_devices_use_is_told_at_both():
    text = board(TWO, timer("<&pe0 0>, <&pe1 0x18>"), ipi(BOTH))
    assert told(text) == [
        ("warning", "line-shared", "/timer", "0x18"),
        ("warning", "line-shared", "/ipi@ad0000", "24"),
    ]
    assert messages(text)[0] == "line 24 of pe1 is that of two devices, /timer and /ipi@ad0000"


def test_a_line_that_two_devices_use_on_every_core_is_told_once_for_all():
    watchdog = "watchdog { interrupt-parent = <&all>; interrupts = <24>; };"
    text = board(OLD_CPUS, OLD_INTC, OLD_IPI, watchdog)
    assert messages(text) == ["line 24 of pe0-1 is that of two devices, /ipi@ad0000 and /watchdog"] * 2


def test_the_lines_of_a_device_are_those_of_its_cluster():
    cores = cpus(*(cpu(reg, inside="") for reg in (0, 0x100)))
    second = OLD_IPI.replace("ad0000", "2ad0000")
    dma = 'dma@800000 { compatible = "kalray,coolidge-dma-noc"; reg = <0 0x800000 0 0x1000>; '
    dma += "interrupt-parent = <&all>; interrupts = <25>; };"
    third = second.replace("<24>", "<25>")
    assert told(board(cores, OLD_INTC, OLD_IPI, third, dma)) == []


def test_a_core_that_a_device_names_is_one_however_many_clusters_there_are():
    cores = cpus(*(cpu(reg) for reg in (0, 0x100)))
    second = ipi("<&c1pe0 24>", address=0x2AD0000)
    text = board(cores, timer("<&pe0 24>"), ipi("<&pe0 24>"), second)
    found = [message for message in messages(text) if "line" in message]
    assert found == ["line 24 of pe0 is that of two devices, /timer and /ipi@ad0000"] * 2


def test_one_device_may_use_a_line_twice_and_two_may_use_two():
    assert told(board(TWO, timer("<&pe0 0>, <&pe0 0>, <&pe0 2>"), ipi(BOTH))) == []


def test_a_line_that_no_core_has_is_not_shared():
    assert (
        told(board(TWO, timer("<&pe0 99>"), "other { interrupts-extended = <&pe0 99>; };", ipi(BOTH))) == []
    )


@pytest.mark.parametrize(
    ("device", "severity", "code", "guilty"),
    [
        ("interrupts-extended = <0x999 1>;", "error", "phandle-dangling", "0x999"),
        ("interrupts-extended = <&pe0>;", "warning", "interrupts-extended-property", "&pe0"),
        ("interrupts-extended = <&nothing>;", "warning", "interrupts-extended-property", "&nothing"),
        ("interrupts = <1>;", "warning", "interrupts-property", "interrupts"),
        ("interrupts;", "warning", "interrupts-property", "interrupts"),
        (
            "interrupts-extended = <&bare 1>;",
            "warning",
            "interrupts-extended-property",
            "interrupts-extended",
        ),
        ("interrupt-parent = <&nothing>; interrupts = <1>;", "warning", "interrupts-property", "interrupts"),
        ("interrupts-extended = <&off 1>;", "warning", "phandle-dangling", "1"),
        ("interrupts-extended = <&no_cells 1>;", None, None, None),
        ("clocks = <0x999>;", "warning", "phandle-dangling", "0x999"),
        ("clocks = <&off>;", "warning", "phandle-dangling", "&off"),
        ("clocks = [01];", None, None, None),
        (
            'compatible = "kalray,kvx-itgen"; reg = <0 0x27000000 0 0x1104>; msi-parent = <0x999>;',
            "error",
            "phandle-dangling",
            "0x999",
        ),
    ],
)
def test_what_a_device_refers_to_is_there(device, severity, code, guilty):
    text = board(
        TWO,
        ipi(BOTH),
        "nothing: nothing { #interrupt-cells = <0>; };",
        "bare: bare { };",
        "no_cells: no-cells { interrupt-controller; };",
        'off: off { interrupt-controller; #interrupt-cells = <1>; status = "disabled"; };',
        f"device {{ {device} }};",
    )
    expected = [] if severity is None else [(severity, code, "/device", guilty)]
    assert told(text) == expected


def test_a_nexus_is_an_interrupt_controller():
    nexus = "nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &pe0 2>; };"
    assert told(board(TWO, ipi(BOTH), nexus, "device { interrupts-extended = <&nexus 1>; };")) == []


def test_what_follows_wrong_interrupt_cells_of_a_core_is_not_told_too():
    wrong = cpus(cpu(0).replace("#interrupt-cells = <1>;", "#interrupt-cells = <2>;"), cpu(1))
    text = board(wrong, timer("<&pe0 0>, <&pe1 0>"), ipi(BOTH))
    assert told(text) == [
        ("error", "intc-cells", "/cpus/cpu@0/interrupt-controller", "#interrupt-cells"),
    ]


def test_the_cells_of_kalrays_other_controllers_are_one_cell():
    text = board(TWO, GIC.replace("<1>", '"1"'), ipi(BOTH))
    assert told(text) == [("error", "intc-cells", "/gic@a20000", "#interrupt-cells")]


@pytest.mark.parametrize(
    ("reg", "code", "guilty"),
    [
        ("<0 0xa20000 0>", "reg-format", "reg"),
        ("<0 0xa20000 0 0>", "reg-size", "0"),
        ("<0 0xa20000 0xffffffff 0xffffffff>", "reg-size", "0"),
    ],
)
def test_the_registers_of_kalrays_other_blocks_are_checked_too(reg, code, guilty):
    text = board(TWO, GIC.replace("<0 0xa20000 0 0x12000>", reg), ipi(BOTH))
    assert told(text) == [("error", code, "/gic@a20000", guilty)]


def test_kalrays_blocks_on_a_bus_without_ranges_are_not_addressable():
    text = board(TWO, ipi(BOTH), "bus { #address-cells = <2>; #size-cells = <2>;", GIC, "};")
    assert told(text) == [("error", "ranges", "/bus/gic@a20000", "0")]


@pytest.mark.parametrize("cells", ["#address-cells = [01];", "#size-cells = <1 2>;"])
def test_wrong_cells_of_the_bus_of_a_block_are_an_error(cells):
    name = cells.partition(" ")[0]
    text = board(TWO, f"bus {{ ranges; {cells}", ipi(BOTH), "};")
    assert ("error", "addr-size-cells", "/bus", name) in told(text)


def test_memory_over_several_devices_names_them_once():
    devices = [f"uart@{n}000 {{ reg = <0 {n * 0x1000:#x} 0 0x100>; }};" for n in range(1, 7)]
    memory = 'memory@0 { device_type = "memory"; reg = <0 0 0 0x10000>; };'
    text = board(TWO, memory, *devices, ipi(BOTH))
    found = [message for message in messages(text) if "covers" in message]
    assert found == [
        "this memory covers registers: those of /uart@1000, /uart@2000, /uart@3000, /uart@4000 and 2 more"
    ]
    assert [node for _, code, node, _ in told(text) if code == "mem-overlap"] == [
        "/memory@0", *(f"/uart@{n}000" for n in range(1, 7))
    ]  # fmt: skip


def test_memory_may_lie_over_memory_and_what_is_reserved_in_it():
    reserved = (
        "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; "
        "keep@100000800 { reg = <1 0x800 0 0x100>; }; };"
    )
    second = DDR.replace("ddr@", "more@").replace("<1 0 0 0x1000>", "<1 0x10 0 0x1000>")
    assert told(board(TWO, ipi(BOTH), DDR, second, reserved)) == []


def test_a_device_that_starts_before_a_memory_overlaps_it_all_the_same():
    early = "uart@ffff0000 { reg = <0 0xffff0000 0 0x20000>; };"
    assert told(board(TWO, ipi(BOTH), DDR, early)) == [
        ("warning", "mem-overlap", "/ddr@100000000", "0"),
        ("warning", "mem-overlap", "/uart@ffff0000", "0xffff0000"),
    ]


# Many findings


def test_so_many_warnings_are_cut_short_and_errors_are_not():
    nodes = [f'n{number} {{ status = "x"; }};' for number in range(1500)]
    findings = survey(board(TWO, ipi(BOTH + ", <&pe0 99>"), *nodes))[1]
    codes = [finding.code for finding in findings]
    assert 900 < codes.count("status") < 1100
    assert codes.count("too-many") == 1
    assert codes.count("ipi-line-range") == 1
    (note,) = [finding for finding in findings if finding.code == "too-many"]
    assert (note.severity, note.message) == ("note", "so many warnings: the rest is left out")
