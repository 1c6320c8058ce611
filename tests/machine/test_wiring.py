"""From trees to blocks and wires: the shapes of Kalray's trees."""

from __future__ import annotations

import pytest
from tiny import (
    BOTH,
    GIC,
    OLD_CPUS,
    OLD_INTC,
    OLD_IPI,
    PES_0_AND_1,
    TWO,
    board,
    cpu,
    cpus,
    intc,
    ipi,
    messages,
    survey,
    told,
    trace,
    tree_of,
    wires_of,
)

from kvx_emu.core_id import CoreId
from kvx_emu.hw import registry
from kvx_emu.machine.wiring import read_wiring
from kvx_emu.models.core import Core
from kvx_emu.models.ipi_ctrl import IpiCtrl, QemuIpiCtrl

# Shapes


def test_the_new_shape_wires_each_core_that_an_entry_names():
    assert wires_of(board(TWO, ipi(BOTH))) == PES_0_AND_1


# Case 59
def test_the_order_of_the_entries_means_nothing():
    text = board(TWO, ipi("<&pe1 24>, <&pe0 0x18>"))
    wiring, _ = survey(text)
    assert [(wire.core, wire.line) for wire in wiring.ipis[0].wires] == PES_0_AND_1


def test_entries_in_another_order_than_the_cores_are_told_at_the_first_that_goes_back():
    text = board(cpus(*(cpu(reg) for reg in range(4))), ipi("<&pe0 24>, <&pe2 24>, <&pe1 0x18>, <&pe3 24>"))
    assert told(text) == [("warning", "ipi-core-order", "/ipi@ad0000", "0x18")]
    assert messages(text) == [
        "pe1 stands after pe2; the order of the entries means nothing: "
        "bit 1 of a register is pe1 all the same"
    ]


def test_the_order_is_that_of_each_line():
    text = board(TWO, ipi("<&pe0 24>, <&pe1 24>, <&pe0 25>, <&pe1 25>"))
    assert told(text) == []


def test_the_order_of_the_cpus_means_nothing():
    wiring, findings = survey(board(cpus(cpu(1), cpu(0)), ipi(BOTH)))
    assert findings == []
    assert [cpu_facts.core for cpu_facts in wiring.cpus] == [CoreId(0, 0), CoreId(0, 1)]


def test_the_old_shape_wires_the_line_of_every_core():
    assert wires_of(board(OLD_CPUS, OLD_INTC, OLD_IPI)) == PES_0_AND_1


def test_several_interrupts_of_the_old_shape_are_several_sets():
    text = board(OLD_CPUS, OLD_INTC, OLD_IPI.replace("<24>", "<25>, <31>"))
    assert wires_of(text) == [(CoreId(0, pid), line) for pid in (0, 1) for line in (25, 31)]


def test_several_entries_of_a_core_are_several_sets():
    text = board(TWO, ipi("<&pe0 24>, <&pe1 24>, <&pe0 30>, <&pe1 30>"))
    assert wires_of(text) == [(CoreId(0, pid), line) for pid in (0, 1) for line in (24, 30)]


def test_an_interrupt_parent_may_come_from_above():
    text = board(
        "interrupt-parent = <&all>;",
        OLD_CPUS,
        OLD_INTC,
        OLD_IPI.replace("interrupt-parent = <&all>;", ""),
    )
    assert wires_of(text) == PES_0_AND_1


def test_a_bus_with_ranges_translates_the_address():
    bus = "soc { #address-cells = <1>; #size-cells = <1>; ranges = <0x10000 0 0xa00000 0x100000>;\n"
    node = ipi(BOTH, address=0xE0000).replace("<0 0xe0000 0 0x1000>", "<0xe0000 0x1000>")
    wiring, findings = survey(board(TWO, bus + node + "};"))
    assert findings == []
    (controller,) = wiring.ipis
    assert (controller.cluster, controller.block.start, controller.block.size) == (0, 0x01AD0000, 0x1000)


@pytest.mark.parametrize(("address", "cluster"), [(0xAD0000, 0), (0x1AD0000, 0), (0x2AD0000, 1)])
def test_a_controller_belongs_to_the_cluster_in_whose_window_it_is(address, cluster):
    both = cpus(cpu(0x003), cpu(0x103))
    name = {0: "pe3", 1: "c1pe3"}[cluster]
    wiring, findings = survey(board(both, ipi(f"<&{name} 24>", address=address)))
    assert findings == []
    assert wiring.clusters == 2
    (controller,) = wiring.ipis
    assert controller.cluster == cluster
    assert [wire.core for wire in controller.wires] == [CoreId(cluster, 3)]


def test_in_the_old_shape_each_controller_serves_the_cores_of_its_cluster():
    cores = cpus(*(cpu(reg, inside="") for reg in (0, 1, 0x100)))
    second = OLD_IPI.replace("ad0000", "2ad0000")
    wiring, findings = survey(board(cores, OLD_INTC, OLD_IPI, second))
    assert findings == []
    assert [[wire.core for wire in controller.wires] for controller in wiring.ipis] == [
        [CoreId(0, 0), CoreId(0, 1)],
        [CoreId(1, 0)],
    ]


def test_the_two_shapes_are_told_apart():
    assert survey(board(TWO, ipi(BOTH)))[0].dialect == "coolidge"
    assert survey(board(OLD_CPUS, OLD_INTC, OLD_IPI))[0].dialect == "kvx"


def test_an_interrupt_controller_for_all_serves_the_cores_that_have_none_of_their_own():
    text = board(cpus(cpu(0), cpu(1, inside="")), OLD_INTC, ipi("<&pe0 24>, <&all 24>"))
    assert wires_of(text) == PES_0_AND_1


# Case 58
@pytest.mark.parametrize(
    "compatible",
    ["kalray,coolidge-ipi-ctrl", "kalray,kv3-1-ipi-ctrl", "kalray,kvx-ipi-ctrl", "kalray,k1c-ipi-ctrl"],
)
def test_each_name_of_the_ipi_controller_is_the_same_model(compatible):
    text = board(TWO, ipi(BOTH, compatible=compatible))
    assert wires_of(text) == PES_0_AND_1
    for profile, model in ((registry.HARDWARE, IpiCtrl), (registry.QEMU, QemuIpiCtrl)):
        (controller,) = read_wiring(tree_of(text), pytest.fail, profile).ipis
        assert controller.block.model is model
        assert controller.block.compatible == compatible
        assert controller.block.title == "IPI controller"


@pytest.mark.parametrize(
    "compatible",
    ["kalray,kv3-1-intc", "kalray,kv3-1-core-intc", "kalray,kvx-core-intc", "kalray,k1c-core-intc"],
)
def test_each_name_of_the_core_interrupt_controller_serves_inside_a_cpu(compatible):
    assert registry.find([compatible]) == (compatible, Core)
    cores = cpus(cpu(0, inside=intc("pe0", compatible)), cpu(1, inside=intc("pe1", compatible)))
    assert wires_of(board(cores, ipi(BOTH))) == PES_0_AND_1


@pytest.mark.parametrize(
    "compatible", ["kalray,kv3-1-core-intc", "kalray,kvx-core-intc", "kalray,k1c-core-intc"]
)
def test_the_older_names_of_the_core_interrupt_controller_serve_for_all_cores(compatible):
    assert wires_of(board(OLD_CPUS, intc("all", compatible), OLD_IPI)) == PES_0_AND_1


def test_the_first_known_string_of_a_node_decides_what_it_is():
    text = board(
        TWO, ipi(BOTH, compatible='vendor,thing", "kalray,kv3-1-ipi-ctrl", "kalray,coolidge-apic-gic')
    )
    wiring, findings = survey(text)
    assert findings == []
    assert [controller.block.compatible for controller in wiring.ipis] == ["kalray,kv3-1-ipi-ctrl"]


# Case 58
def test_a_script_makes_the_same_trace_on_both_shapes():
    script = """
version: 1
timing: {delivery: 40, entry: 20, service: 100}
steps:
  - send: {from: pe0, to: [pe0, pe1]}
  - send: {from: pe1, to: others}
  - wait: idle
  - mask: {line: 24, block: [pe1]}
  - send: {from: pe0, to: all}
"""
    new = trace(tree_of(board(TWO, ipi(BOTH))), script)
    old = trace(tree_of(board(OLD_CPUS, OLD_INTC, OLD_IPI)), script)
    assert new == old
    assert [row[3] for row in new].count("enter") == 4


# Blocks


def test_every_enabled_node_with_registers_is_a_block():
    wiring, findings = survey(
        board(
            TWO,
            GIC,
            'uart@20210000 { compatible = "snps,dw-apb-uart"; reg = <0 0x20210000 0 0x100>; };',
            'ddr@100000000 { device_type = "memory"; reg = <1 0 1 0>, <2 0 1 0>; };',
            'off@30000000 { status = "disabled"; reg = <0 0x30000000 0 0x100>; };',
            ipi(BOTH),
        )
    )
    assert [finding.code for finding in findings] == ["status"]
    assert [
        (block.title, block.start, block.size, block.cluster, block.compatible) for block in wiring.blocks
    ] == [
        ("APIC GIC", 0x1A20000, 0x12000, 0, "kalray,coolidge-apic-gic"),
        ("snps,dw-apb-uart", 0x20210000, 0x100, None, None),
        ("ddr", 0x1_0000_0000, 0x1_0000_0000, None, None),
        ("ddr", 0x2_0000_0000, 0x1_0000_0000, None, None),
        ("IPI controller", 0x1AD0000, 0x1000, 0, "kalray,coolidge-ipi-ctrl"),
    ]
    assert [block.end for block in wiring.blocks][:2] == [0x1A32000, 0x20210100]


@pytest.mark.parametrize(
    "reg", ["<0 0x20210000 0>", "<0 0x20210000 0 0>", "[00 01]", "<0xffffffff 0 0xffffffff 0>"]
)
def test_what_is_wrong_with_the_registers_of_an_unmodelled_node_is_left_out(reg):
    wiring, findings = survey(board(TWO, f"uart@20210000 {{ reg = {reg}; }};", ipi(BOTH)))
    assert findings == []
    assert [block.title for block in wiring.blocks] == ["IPI controller"]


# status


def test_a_disabled_cpu_is_no_core_and_what_leads_to_it_is_told():
    text = board(cpus(cpu(0), cpu(1, more='status = "disabled";')), ipi(BOTH))
    assert [facts.core for facts in survey(text)[0].cpus] == [CoreId(0, 0)]
    assert told(text, notes=True) == [
        ("note", "status", "/cpus/cpu@1", "status"),
        ("warning", "phandle-dangling", "/ipi@ad0000", "24"),
    ]


def test_a_disabled_interrupt_controller_is_none():
    text = board(cpus(cpu(0), cpu(1, inside=intc("pe1", more='status = "disabled";'))), ipi(BOTH))
    assert told(text) == [
        ("error", "cpu-intc", "/cpus/cpu@1", "cpu@1"),
        ("warning", "phandle-dangling", "/ipi@ad0000", "24"),
    ]


def test_a_disabled_ipi_controller_is_none():
    text = board(TWO, ipi(BOTH, more='status = "disabled";'))
    assert told(text) == [("warning", "no-ipi", "/", "/")]


@pytest.mark.parametrize("status", ["disabled", "reserved", "fail", "fail-sss"])
def test_what_is_on_a_bus_that_is_not_there_is_not_there(status):
    text = board(
        TWO, f'soc {{ #address-cells = <2>; #size-cells = <2>; ranges; status = "{status}";', ipi(BOTH), "};"
    )
    assert told(text, notes=True) == [
        ("note", "status", "/soc", "status"),
        ("warning", "no-ipi", "/", "/"),
    ]
    assert messages(text)[0] == f"the node is {status}: it is left out"


@pytest.mark.parametrize("status", ["okay", "ok"])
def test_a_node_that_is_okay_is_there(status):
    assert wires_of(board(TWO, ipi(BOTH, more=f'status = "{status}";'))) == PES_0_AND_1


@pytest.mark.parametrize(
    ("value", "shown"),
    [('= "dissabled"', "dissabled"), ('= ""', ""), ('= "Okay"', "Okay")],
)
def test_an_unknown_status_is_told_and_means_disabled(value, shown):
    text = board(TWO, ipi(BOTH, more=f"status {value};"))
    assert told(text) == [
        ("warning", "status", "/ipi@ad0000", "status"),
        ("warning", "no-ipi", "/", "/"),
    ]
    assert messages(text)[0] == (
        f"unknown status '{shown}', taken as disabled; expected okay, disabled, reserved or fail"
    )


@pytest.mark.parametrize("value", ["= [6f 6b]", '= "okay", "ok"', "", "= <1>"])
def test_a_status_that_is_not_one_text_is_told_and_means_disabled(value):
    text = board(TWO, ipi(BOTH, more=f"status {value};"))
    assert told(text) == [
        ("warning", "status-is-string", "/ipi@ad0000", "status"),
        ("warning", "no-ipi", "/", "/"),
    ]


# compatible


def test_a_string_that_is_nearly_known_is_told():
    text = board(TWO, ipi(BOTH, compatible="kalray,coolidge-ipi-ctlr"))
    assert told(text) == [
        ("warning", "compatible-near", "/ipi@ad0000", "compatible"),
        ("warning", "no-ipi", "/", "/"),
    ]
    assert messages(text)[0] == (
        "unknown compatible 'kalray,coolidge-ipi-ctlr': is 'kalray,coolidge-ipi-ctrl' meant?"
    )


def test_a_nearly_known_string_is_told_of_a_node_without_registers_too():
    text = board(cpus(cpu(0), cpu(1, inside=intc("pe1", "kalray,kv3-1-inct"))), ipi(BOTH))
    assert told(text)[0] == ("warning", "compatible-near", "/cpus/cpu@1/interrupt-controller", "compatible")


@pytest.mark.parametrize(
    "compatible",
    [
        "kalray,frobnicator",
        "vendor,coolidge-ipi-ctlr",
        'kalray,coolidge-ipi-ctl2", "kalray,coolidge-ipi-ctrl',
    ],
)
def test_a_string_that_is_like_none_or_not_needed_is_not_told(compatible):
    other = (
        f'other@20210000 {{ compatible = "{compatible}"; reg = <0 0x20210000 0 0x100>; status = "okay"; }};'
    )
    assert "compatible-near" not in [code for _, code, _, _ in told(board(TWO, ipi(BOTH), other))]


def test_what_a_disabled_node_is_does_not_matter():
    other = 'other { compatible = "kalray,coolidge-ipi-ctlr"; status = "disabled"; };'
    assert told(board(TWO, ipi(BOTH), other)) == []


def test_a_compatible_that_is_no_text_is_told_once():
    text = board(TWO, ipi(BOTH), "other@20210000 { compatible = [6b]; reg = <0 0x20210000 0 0x100>; };")
    assert told(text) == [("warning", "compatible-is-string-list", "/other@20210000", "compatible")]
