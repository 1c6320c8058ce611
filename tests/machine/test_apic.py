"""The rules about GICs, mailboxes, interrupt generators, power controllers and clocks."""

from __future__ import annotations

import pytest
from tiny import BOTH, OLD_CPUS, OLD_INTC, OLD_IPI, TWO, board, cpu, cpus, ipi, survey, told

from kvx_emu.core_id import CoreId

W, N, E = "warning", "note", "error"


def gic(wires="<&pe0 4>, <&pe1 4>", *, address=0xA20000, size=0x12000, label="gic"):
    wired = f"interrupts-extended = {wires};" if wires else ""
    return (
        f'{label}: gic@{address:x} {{ compatible = "kalray,coolidge-apic-gic"; '
        f"reg = <0 {address:#x} 0 {size:#x}>; interrupt-controller; #interrupt-cells = <1>; {wired} }};"
    )


def mailbox(wires="<&gic 0>", *, address=0xA00000, size=0x10000):
    wired = f"interrupts-extended = {wires};" if wires else ""
    return (
        f'mailbox: mailbox@{address:x} {{ compatible = "kalray,coolidge-apic-mailbox"; '
        f"reg = <0 {address:#x} 0 {size:#x}>; "
        f"interrupt-controller; #interrupt-cells = <0>; {wired} }};"
    )


def itgen(parent="msi-parent = <&mailbox>;", cells="#interrupt-cells = <2>;"):
    return (
        'itgen: itgen@27000000 { compatible = "kalray,coolidge-itgen"; reg = <0 0x27000000 0 0x1104>; '
        f"interrupt-controller; {cells} {parent} }};"
    )


def found(*nodes, notes=False, cores=TWO):
    return told(board(cores, ipi(BOTH), *nodes), notes=notes)


def test_a_whole_fabric_is_right():
    device = "d { interrupt-parent = <&itgen>; interrupts = <41 4>, <42 1>; };"
    assert found(gic(), mailbox("<&gic 0>, <&gic 1>"), itgen(), device, notes=True) == []


# The GIC


def test_an_output_of_a_gic_to_anything_but_a_core_is_told():
    other = "other: other { interrupt-controller; #interrupt-cells = <1>; };"
    assert found(gic("<&pe0 4>, <&other 4>"), other) == [(W, "gic-target", "/gic@a20000", "4")]


@pytest.mark.parametrize(("line", "right"), [(3, False), (4, True), (7, True), (8, False)])
def test_the_lines_of_a_gic_are_4_to_7(line, right):
    expected = [] if right else [(W, "gic-target", "/gic@a20000", str(line))]
    assert found(gic(f"<&pe0 {line}>")) == expected


def test_a_gic_reaches_the_cores_of_its_own_cluster():
    cores = cpus(cpu(0), cpu(1), cpu(0x100))
    far = gic("<&pe0 4>, <&c1pe0 4>")
    assert found(far, cores=cores) == [(W, "gic-target", "/gic@a20000", "4")]
    near = gic("<&c1pe0 4>", address=0x2A20000)
    assert found(near, cores=cores) == []


def test_the_shared_controller_of_the_older_shape_is_a_gics_target():
    wired = "interrupt-parent = <&all>; interrupts = <4>, <5>, <6>, <7>;"
    older = gic("").replace(">;  }", f">; {wired} }}")
    assert told(board(OLD_CPUS, OLD_INTC, OLD_IPI, older)) == []
    wrong = older.replace("<7>;", "<8>;")
    assert told(board(OLD_CPUS, OLD_INTC, OLD_IPI, wrong)) == [(W, "gic-target", "/gic@a20000", "8")]


@pytest.mark.parametrize(("size", "right"), [(0x11000, False), (0x12000, True), (0x13000, False)])
def test_the_registers_of_a_gic_are_0x12000_bytes(size, right):
    expected = [] if right else [(W, "gic-reg-size", "/gic@a20000", f"{size:#x}")]
    assert found(gic(size=size)) == expected


@pytest.mark.parametrize(("number", "right"), [(156, True), (157, False)])
def test_a_gic_has_157_inputs(number, right):
    expected = [] if right else [(W, "gic-input", "/d", "157")]
    assert found(gic(), f"d {{ interrupts-extended = <&gic {number}>; }};") == expected


def test_an_input_of_a_gic_that_two_devices_use_is_told_at_both():
    devices = ["a { interrupts-extended = <&gic 9>; };", "b { interrupts-extended = <&gic 9>; };"]
    assert found(gic(), *devices) == [(W, "input-shared", "/a", "9"), (W, "input-shared", "/b", "9")]


def test_one_number_on_two_gics_is_two_inputs():
    cores = cpus(cpu(0), cpu(1), cpu(0x100))
    second = gic("<&c1pe0 4>", address=0x2A20000, label="gic1")
    devices = ["a { interrupts-extended = <&gic 9>; };", "b { interrupts-extended = <&gic1 9>; };"]
    assert found(gic(), second, *devices, cores=cores) == []


def test_an_input_is_shared_behind_a_nexus_too():
    nexus = "nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &gic 9>; };"
    devices = ["a { interrupts-extended = <&gic 9>; };", "b { interrupts-extended = <&nexus 1>; };"]
    assert found(gic(), nexus, *devices) == [(W, "input-shared", "/a", "9"), (W, "input-shared", "/b", "1")]


# Mailboxes


def test_mailboxes_without_interrupts_are_of_no_use():
    assert found(gic(), mailbox("")) == [(W, "mailbox-interrupts", "/mailbox@a00000", "mailbox@a00000")]


@pytest.mark.parametrize(("size", "right"), [(0x600, True), (0x5FF, False), (0x400, False)])
def test_a_mailbox_takes_0x200_bytes(size, right):
    expected = [] if right else [(W, "mailbox-interrupts", "/mailbox@a00000", "2")]
    assert found(gic(), mailbox("<&gic 0>, <&gic 1>, <&gic 2>", size=size)) == expected


@pytest.mark.parametrize(("count", "right"), [(128, True), (129, False)])
def test_a_block_has_128_mailboxes(count, right):
    wires = ", ".join(f"<&gic {number}>" for number in range(count))
    expected = [] if right else [(W, "mailbox-interrupts", "/mailbox@a00000", "128")]
    assert found(gic(), mailbox(wires, size=0x20000)) == expected


def test_mailboxes_lead_to_a_gic():
    assert found(mailbox("<&pe0 5>, <&pe0 6>")) == [(W, "mailbox-parent", "/mailbox@a00000", "5")]


def test_mailboxes_lead_to_the_gic_of_their_cluster():
    cores = cpus(cpu(0), cpu(1), cpu(0x100))
    far = mailbox("<&gic 0>, <&gic 1>", address=0x2A00000)
    assert found(gic(), far, cores=cores) == [(W, "mailbox-parent", "/mailbox@2a00000", "0")]


# Interrupt generators


@pytest.mark.parametrize(
    ("cells", "guilty"),
    [
        ("271 1", None),
        ("271 4", None),
        ("272 4", "272"),
        ("5 0", "0"),
        ("5 2", "2"),
        ("5 3", "3"),
        ("5 8", "8"),
        ("5 5", "5"),
    ],
)
def test_an_interrupt_generator_has_272_inputs_of_two_types(cells, guilty):
    device = f"d {{ interrupts-extended = <&itgen {cells}>; }};"
    expected = [] if guilty is None else [(W, "itgen-input", "/d", guilty)]
    assert found(gic(), mailbox(), itgen(), device) == expected


def test_a_wrong_type_from_a_nexus_is_told_where_the_device_names_it():
    nexus = "nexus: nexus { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <7 &itgen 5 8>; };"
    device = "d { interrupts-extended = <&nexus 7>; };"
    assert found(gic(), mailbox(), itgen(), nexus, device) == [(W, "itgen-input", "/d", "7")]


def test_an_input_of_an_interrupt_generator_that_two_devices_use_is_told_at_both():
    devices = ["a { interrupts-extended = <&itgen 9 4>; };", "b { interrupts-extended = <&itgen 9 1>; };"]
    assert found(gic(), mailbox(), itgen(), *devices) == [
        (W, "input-shared", "/a", "9"),
        (W, "input-shared", "/b", "9"),
    ]


@pytest.mark.parametrize(
    ("parent", "guilty"),
    [("", "itgen@27000000"), ("msi-parent;", "msi-parent"), ("msi-parent = <&gic>;", "&gic")],
)
def test_an_interrupt_generator_writes_to_mailboxes(parent, guilty):
    assert found(gic(), mailbox(), itgen(parent)) == [(W, "itgen-parent", "/itgen@27000000", guilty)]


def test_an_msi_parent_that_is_no_node_is_told_once():
    assert [code for _, code, _, _ in found(gic(), mailbox(), itgen("msi-parent = <0x999>;"))] == [
        "phandle-dangling"
    ]


@pytest.mark.parametrize(("cells", "specifier"), [(0, ""), (1, "5"), (3, "5 8 0")])
def test_an_interrupt_generator_takes_two_cells(cells, specifier):
    device = f"d {{ interrupts-extended = <&itgen {specifier}>; }};"
    text = found(gic(), mailbox(), itgen(cells=f"#interrupt-cells = <{cells}>;"), device)
    assert text == [(E, "intc-cells", "/itgen@27000000", "#interrupt-cells")]


def test_what_is_disabled_is_not_looked_at():
    off = [
        text.replace(" compatible", ' status = "disabled"; compatible')
        for text in (gic("<&pe0 9>"), mailbox(""), itgen("", "#interrupt-cells = <1>;"), timer(""))
    ]
    assert {code for _, code, _, _ in found(*off, notes=True)} == {"status"}


# Overlaps


def power(size):
    return f'pwr: pwr@a40000 {{ compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 {size:#x}>; }};'


DSU = 'dsu@a44180 { compatible = "kalray,coolidge-dsu-clock"; reg = <0 0xa44180 0 8>; clocks = <&clk>; };'
CLK = "clk: clk { clock-frequency = <500000000>; };"


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_blocks_that_overlap_the_smaller_answers_which_is_a_note(order):
    text = board(TWO, ipi(BOTH), CLK, *[power(0x4188), DSU][::order])
    assert told(text) == []
    assert [(severity, code, node) for severity, code, node, _ in told(text, notes=True)] == [
        (N, "reg-overlap", "/pwr@a40000"),
        (N, "reg-overlap", "/dsu@a44180"),
    ]
    message = "/pwr@a40000 and /dsu@a44180 overlap at 0x1a44180 to 0x1a44187: "
    assert survey(text)[1][0].message == message + "/dsu@a44180, the smaller, answers there"


@pytest.mark.parametrize(("size", "count"), [(0x4180, 0), (0x4181, 2)])
def test_blocks_that_only_touch_do_not_overlap(size, count):
    assert len(found(power(size), CLK, DSU, notes=True)) == count


def test_of_two_blocks_of_one_size_nobody_can_say_which_answers():
    second = power(0x4000).replace("pwr: pwr@a40000", "pwr2@a42000").replace("0xa40000", "0xa42000")
    assert found(power(0x4000), second) == [
        (W, "reg-overlap", "/pwr@a40000", "0xa40000"),
        (W, "reg-overlap", "/pwr2@a42000", "0xa42000"),
    ]


# Power controllers and clocks


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("<&pwr>", None),
        ("<&pe0>", "cpu-power"),
        ("<0x999>", "phandle-dangling"),
        ("<&off>", "phandle-dangling"),
        ("[01]", "phandle-dangling"),
    ],
)
def test_the_power_controller_of_a_cpu_is_one(value, code):
    cores = cpus(cpu(0, more=f"power-controller = {value};"), cpu(1))
    off = power(0x100).replace("pwr: pwr@a40000 {", 'off: off@a50000 { status = "disabled";')
    codes = [(severity, name) for severity, name, _, _ in found(power(0x4158), off, cores=cores)]
    assert codes == ([] if code is None else [(W, code)])


def test_the_power_controllers_that_cpus_name_are_facts():
    cores = cpus(cpu(0, more="power-controller = <&pwr>;"), cpu(1))
    assert survey(board(cores, ipi(BOTH), power(0x4158)))[0].powers == {CoreId(0, 0): "/pwr@a40000"}


def timer(clocks):
    return f'timer {{ compatible = "kalray,kv3-1-timer"; interrupts-extended = <&pe0 0>; {clocks} }};'


@pytest.mark.parametrize(
    ("clocks", "rate", "guilty"),
    [
        ("clocks = <&clk>;", 500_000_000, None),
        ("clocks = <&other>;", None, "&other"),
        ("", None, "timer"),
        ("clocks;", None, "clocks"),
    ],
)
def test_a_timer_without_a_known_clock_runs_with_the_cores_which_is_a_note(clocks, rate, guilty):
    wiring, findings = survey(board(TWO, ipi(BOTH), CLK, "other: other { };", timer(clocks)))
    assert wiring.rates == ({} if rate is None else {"/timer": rate})
    assert [finding.code for finding in findings] == ([] if guilty is None else ["clock-unknown"])
    notes = found(CLK, "other: other { };", timer(clocks), notes=True)
    assert notes == ([] if guilty is None else [(N, "clock-unknown", "/timer", guilty)])


def test_the_clock_of_the_dsu_is_a_fact():
    assert survey(board(TWO, ipi(BOTH), CLK, DSU))[0].rates == {"/dsu@a44180": 500_000_000}


@pytest.mark.parametrize("clocks", ["clocks = <0x999>;", "clocks = <&bad>;"])
def test_a_clock_that_is_wrong_is_told_once(clocks):
    text = board(TWO, ipi(BOTH), "bad: bad { clock-frequency = <0>; };", timer(clocks))
    assert len(survey(text)[1]) == 1
