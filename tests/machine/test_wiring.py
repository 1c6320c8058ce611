"""From trees to cores, blocks and wires, and what is found wrong on the way."""

from __future__ import annotations

import pytest
from tiny import GIC, board, cpu, cpus, intc, ipi, messages, survey, told, trace, tree_of

from kvx_emu.core_id import CoreId
from kvx_emu.hw import registry
from kvx_emu.machine.wiring import read_wiring
from kvx_emu.models.core import Core
from kvx_emu.models.ipi_ctrl import IpiCtrl, QemuIpiCtrl

TWO = cpus(cpu(0), cpu(1))
BOTH = "<&pe0 24>, <&pe1 24>"
OLD_CPUS = cpus(cpu(0, inside=""), cpu(1, inside=""))
OLD_INTC = intc("all", "kalray,kvx-core-intc")
OLD_IPI = (
    'ipi@ad0000 { compatible = "kalray,kvx-ipi-ctrl"; reg = <0 0xad0000 0 0x1000>; '
    "interrupt-parent = <&all>; interrupts = <24>; };"
)


def wires_of(text):
    """Return (core, line) of each wire of a board's only controller, and see that nothing was wrong."""
    wiring, findings = survey(text)
    assert findings == []
    (controller,) = wiring.ipis
    return [(wire.core, wire.line) for wire in controller.wires]


PES_0_AND_1 = [(CoreId(0, 0), 24), (CoreId(0, 1), 24)]


# Shapes


def test_the_new_shape_wires_each_core_that_an_entry_names():
    assert wires_of(board(TWO, ipi(BOTH))) == PES_0_AND_1


# Case 59
def test_the_order_of_the_entries_means_nothing():
    text = board(TWO, ipi("<&pe1 24>, <&pe0 0x18>"))
    wiring, _ = survey(text)
    assert [(wire.core, wire.line) for wire in wiring.ipis[0].wires] == PES_0_AND_1


def test_entries_in_another_order_than_the_cores_are_told_at_the_first_that_goes_back():
    text = board(
        cpus(*(cpu(reg) for reg in range(4))), ipi("<&pe0 24>, <&pe2 24>, <&pe1 0x18>, <&pe3 24>")
    )
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
        ("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000"),
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
    [('= "dissabled"', "dissabled"), ('= "okay", "ok"', "okay', 'ok"), ("", ""), ('= ""', "")],
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


def test_a_status_that_is_no_text_is_an_error():
    text = board(TWO, ipi(BOTH), "timer { status = [6f 6b]; };")
    assert ("error", "property-format", "/timer", "status") in told(text)


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
    assert told(text) == [("error", "property-format", "/other@20210000", "compatible")]


# cpus


def test_a_tree_without_cpus_is_told():
    text = board(GIC, ipi(""))
    assert told(text) == [
        ("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000"),
        ("warning", "no-cpus", "/", "/"),
    ]


def test_a_tree_without_an_ipi_controller_is_told():
    assert told(board(TWO)) == [("warning", "no-ipi", "/", "/")]


def test_a_cpu_is_known_by_its_name_or_its_device_type():
    named = cpu(0).replace('device_type = "cpu"; ', "")
    typed = cpu(1).replace("cpu@1", "core@1")
    neither = "l2-cache { };"
    wiring, _ = survey(board(cpus(named, typed, neither), ipi(BOTH)))
    assert [facts.node.name for facts in wiring.cpus] == ["cpu@0", "core@1"]


@pytest.mark.parametrize(
    ("reg", "guilty", "found"),
    [
        ("", "cpu@1", "a cpu needs a reg of one cell, cluster << 8 | pid; found none"),
        ("reg = <0 1>;", "reg", "a cpu needs a reg of one cell, cluster << 8 | pid; found 2 cells"),
        (
            "reg = <0x11>;",
            "0x11",
            "reg 0x11 is no core: the pid (its low byte) goes to 16, the cluster to 255",
        ),
        (
            "reg = <0x10000>;",
            "0x10000",
            "reg 0x10000 is no core: the pid (its low byte) goes to 16, the cluster to 255",
        ),
    ],
)
def test_a_cpu_without_a_core_of_its_own_is_an_error(reg, guilty, found):
    text = board(cpus(cpu(0), cpu(1).replace("reg = <0x1>;", reg)), ipi("<&pe0 24>"))
    assert told(text) == [("error", "cpu-reg", "/cpus/cpu@1", guilty)]
    assert messages(text) == [found]


def test_a_reg_of_a_cpu_that_is_no_cells_is_an_error():
    text = board(cpus(cpu(0), cpu(1).replace("<0x1>", "[01 02 03]")), ipi("<&pe0 24>"))
    assert told(text) == [("error", "property-format", "/cpus/cpu@1", "reg")]


def test_two_cpus_of_one_core_are_told_at_both():
    text = board(cpus(cpu(0), cpu(1), cpu(1).replace("cpu@1", "cpu@2").replace("pe1", "pe2")), ipi(BOTH))
    assert told(text) == [
        ("warning", "cpu-reg", "/cpus/cpu@2", "cpu@2"),
        ("error", "cpu-reg", "/cpus/cpu@1", "reg"),
        ("error", "cpu-reg", "/cpus/cpu@2", "reg"),
    ]
    assert messages(text)[1] == "two cpus are pe1: /cpus/cpu@1 and /cpus/cpu@2 have the same reg"


def test_wires_to_the_second_cpu_of_a_core_are_left_out():
    second = cpu(1).replace("cpu@1", "cpu@2").replace("pe1", "pe2")
    text = board(cpus(cpu(0), cpu(1), second), ipi("<&pe0 24>, <&pe1 24>, <&pe2 24>"))
    assert [(wire.core, wire.line) for wire in survey(text)[0].ipis[0].wires] == PES_0_AND_1


@pytest.mark.parametrize(
    ("name", "reg", "severity"),
    [
        ("cpu@a", 10, None),
        ("cpu@A", 10, None),
        ("cpu", 10, None),
        ("cpu@10", 10, "note"),
        ("cpu@10", 16, None),
        ("cpu@11", 10, "warning"),
        ("cpu@0a", 10, "warning"),
    ],
)
def test_the_unit_address_of_a_cpu_is_its_reg(name, reg, severity):
    node = cpu(reg).replace(f"cpu@{reg:x}", name)
    text = board(cpus(node), ipi(f"<&pe{reg} 24>"))
    assert told(text, notes=True) == ([(severity, "cpu-reg", f"/cpus/{name}", name)] if severity else [])


def test_a_cpu_without_device_type_is_told_in_the_new_shape_only():
    new = board(cpus(cpu(0), cpu(1).replace('device_type = "cpu"; ', "")), ipi(BOTH))
    assert told(new) == [("warning", "cpu-device-type", "/cpus/cpu@1", "cpu@1")]
    assert told(board(OLD_CPUS.replace('device_type = "cpu"; ', ""), OLD_INTC, OLD_IPI)) == []


# Interrupt controllers of cores


def test_a_core_without_an_interrupt_controller_among_others_with_one_is_an_error():
    text = board(cpus(cpu(0), cpu(1, inside="")), ipi("<&pe0 24>"))
    assert told(text) == [
        ("error", "cpu-intc", "/cpus/cpu@1", "cpu@1"),
        ("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000"),
    ]


def test_two_interrupt_controllers_of_a_core_are_told_at_both():
    both = intc("pe1") + "\n" + intc("pe1b").replace("interrupt-controller {", "second {")
    text = board(cpus(cpu(0), cpu(1, inside=both)), ipi("<&pe0 24>, <&pe1 24>, <&pe1b 25>"))
    assert told(text) == [
        ("error", "cpu-intc", "/cpus/cpu@1/interrupt-controller", "interrupt-controller"),
        ("error", "cpu-intc", "/cpus/cpu@1/second", "second"),
    ]


# Case 59
def test_a_new_interrupt_controller_outside_of_a_cpu_is_an_error():
    text = board(TWO, intc(), ipi(BOTH))
    assert told(text) == [("error", "cpu-intc", "/interrupt-controller", "interrupt-controller")]


def test_two_interrupt_controllers_for_all_cores_are_told_at_both():
    second = OLD_INTC.replace("all: interrupt-controller {", "second {")
    text = board(OLD_CPUS, OLD_INTC, second, OLD_IPI)
    assert told(text) == [
        ("error", "cpu-intc", "/interrupt-controller", "interrupt-controller"),
        ("error", "cpu-intc", "/second", "second"),
    ]


@pytest.mark.parametrize(
    ("cells", "guilty"),
    [("#interrupt-cells = <2>;", "#interrupt-cells"), ('#interrupt-cells = "1";', "#interrupt-cells")],
)
def test_a_specifier_of_a_core_is_one_cell(cells, guilty):
    text = board(cpus(cpu(0), cpu(1).replace("#interrupt-cells = <1>;", cells)), ipi("<&pe0 24>"))
    assert told(text) == [
        ("error", "intc-cells", "/cpus/cpu@1/interrupt-controller", guilty),
        ("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000"),
    ]


def test_missing_interrupt_cells_are_told_once():
    text = board(cpus(cpu(0), cpu(1).replace("#interrupt-cells = <1>;", "")), ipi(BOTH))
    assert told(text) == [
        ("error", "intc-cells", "/cpus/cpu@1/interrupt-controller", "interrupt-controller"),
        ("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000"),
    ]


def test_missing_interrupt_cells_of_another_controller_are_told():
    gic = GIC.replace("#interrupt-cells = <1>;", "")
    text = board(TWO, gic, ipi(BOTH + ", <&gic 3>"))
    assert told(text) == [("error", "intc-cells", "/gic@a20000", "gic@a20000")]


def test_a_specifier_of_no_cell_wires_nothing():
    text = board(
        cpus(cpu(0), cpu(1).replace("#interrupt-cells = <1>;", "#interrupt-cells = <0>;")),
        ipi("<&pe0 24>, <&pe1>"),
    )
    assert told(text) == [
        ("error", "intc-cells", "/cpus/cpu@1/interrupt-controller", "#interrupt-cells"),
        ("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000"),
    ]


def test_the_cells_of_an_interrupt_controller_for_all_are_checked_too():
    text = board(OLD_CPUS, OLD_INTC.replace("<1>", "<2>"), OLD_IPI.replace("<24>", "<24 4>"))
    assert told(text)[0] == ("error", "intc-cells", "/interrupt-controller", "#interrupt-cells")


# Where the wires go


def test_an_ipi_controller_wired_to_something_else_is_an_error():
    text = board(TWO, GIC, ipi(BOTH + ", <&gic 3>"))
    assert told(text) == [("error", "ipi-target", "/ipi@ad0000", "3")]
    assert messages(text) == [
        "/gic@a20000 is no core interrupt controller: the IPI controller's outputs go to cores"
    ]


def test_a_target_that_does_not_say_interrupt_controller_is_an_error():
    text = board(cpus(cpu(0), cpu(1).replace(" interrupt-controller; ", " ")), ipi(BOTH))
    assert told(text)[0] == ("error", "ipi-target", "/ipi@ad0000", "24")


def test_a_core_of_another_cluster_is_not_reached():
    text = board(cpus(cpu(0), cpu(0x100)), ipi("<&pe0 24>, <&c1pe0 24>"))
    assert told(text) == [("error", "ipi-target", "/ipi@ad0000", "24")]
    assert messages(text) == ["the IPI controller of cluster 0 does not reach c1.pe0"]


def test_a_phandle_of_no_node_is_an_error():
    text = board(TWO, ipi(BOTH + ", <0x999 24>"))
    assert told(text) == [("error", "phandle-dangling", "/ipi@ad0000", "0x999")]


@pytest.mark.parametrize("line", [3, 4, 23])
def test_a_line_below_24_is_a_warning_and_no_wire(line):
    text = board(TWO, ipi(BOTH + f", <&pe0 {line}>"))
    assert told(text) == [("warning", "ipi-line-range", "/ipi@ad0000", str(line))]
    assert messages(text) == [f"line {line} is none of the IPI controller's, 24 to 31: it has no effect"]
    assert [(wire.core, wire.line) for wire in survey(text)[0].ipis[0].wires] == PES_0_AND_1


@pytest.mark.parametrize("line", range(24, 32))
def test_lines_24_to_31_are_the_ipi_controllers(line):
    text = board(TWO, ipi(f"<&pe0 {line}>, <&pe1 {line}>"))
    assert wires_of(text) == [(CoreId(0, 0), line), (CoreId(0, 1), line)]


@pytest.mark.parametrize("line", ["32", "0xffffffff"])
def test_a_line_above_31_is_an_error_at_its_cell(line):
    text = board(TWO, ipi(BOTH + f", <&pe0 {line}>"))
    (finding,) = survey(text)[1]
    assert (finding.severity, finding.code) == ("error", "ipi-line-range")
    row = text.splitlines()[6]
    assert row.startswith("ipi@ad0000 {")
    assert (finding.place.path, finding.place.line) == ("board.dts", 7)
    assert finding.place.column == row.index(line) + 1
    assert str(finding).splitlines()[1:] == ["  " + row, "  " + " " * row.index(line) + "^"]
    assert (finding.node, finding.property) == ("/ipi@ad0000", "interrupts-extended")


def test_a_core_named_twice_with_a_line_is_told_at_both_cells():
    text = board(TWO, ipi("<&pe0 24>, <&pe1 24>, <&pe0 0x18>"))
    assert told(text) == [
        ("error", "ipi-core-twice", "/ipi@ad0000", "24"),
        ("error", "ipi-core-twice", "/ipi@ad0000", "0x18"),
    ]
    assert messages(text) == ["pe0 is named twice with line 24"] * 2


def test_a_core_named_thrice_is_told_at_three_cells():
    text = board(TWO, ipi("<&pe0 24>, <&pe0 0x18>, <&pe0 030>, <&pe1 24>"))
    assert [word for _, _, _, word in told(text)] == ["24", "0x18", "030"]


def test_a_core_that_is_not_wired_is_told():
    text = board(cpus(*(cpu(reg) for reg in range(4))), ipi("<&pe0 24>, <&pe2 24>"))
    assert told(text) == [("warning", "ipi-core-missing", "/ipi@ad0000", "ipi@ad0000")]
    assert messages(text) == ["not wired to pe1, pe3: Linux leaves the line disabled there"]


def test_a_controller_without_wires_is_told():
    text = board(TWO, ipi(""))
    assert messages(text) == ["not wired to pe0, pe1: Linux leaves the line disabled there"]


def test_a_controller_of_a_cluster_without_cores_is_told():
    text = board(
        cpus(cpu(0), cpu(0x200)),
        ipi("<&pe0 24>"),
        ipi("<&c2pe0 24>", address=0x3AD0000),
        ipi("", address=0x2AD0000),
    )
    assert told(text) == [("warning", "ipi-core-missing", "/ipi@2ad0000", "ipi@2ad0000")]
    assert messages(text) == ["the IPI controller is in cluster 1, which has no cpu"]


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_core_with_another_line_than_most_is_told_at_its_cell(odd):
    entries = ", ".join(f"<&pe{pid} {0x1D if pid == odd else 24}>" for pid in range(3))
    text = board(cpus(*(cpu(reg) for reg in range(3))), ipi(entries))
    assert told(text) == [("warning", "ipi-lines-differ", "/ipi@ad0000", "29")]
    assert messages(text) == [f"pe{odd} has line 29, other cores line 24"]


def test_a_core_with_a_line_more_is_told_at_that_line():
    entries = "<&pe0 24>, <&pe1 24>, <&pe2 24>, <&pe2 26>"
    text = board(cpus(*(cpu(reg) for reg in range(3))), ipi(entries))
    assert told(text) == [("warning", "ipi-lines-differ", "/ipi@ad0000", "26")]
    assert messages(text) == ["pe2 has line 24, 26, other cores line 24"]


def test_a_core_with_a_line_less_is_told_at_its_first():
    entries = "<&pe0 24>, <&pe1 24>, <&pe2 0x18>, <&pe0 25>, <&pe1 25>"
    text = board(cpus(*(cpu(reg) for reg in range(3))), ipi(entries))
    assert told(text) == [("warning", "ipi-lines-differ", "/ipi@ad0000", "0x18")]


# Its registers


@pytest.mark.parametrize("address", [0x10000000, 0x2AD0000, 0x1_00AD_0000])
def test_a_controller_in_no_clusters_window_is_an_error(address):
    node = ipi(BOTH).replace("<0 0xad0000", f"<{address >> 32} {address & 0xFFFFFFFF:#x}")
    text = board(TWO, node)
    assert told(text) == [("error", "ipi-window", "/ipi@ad0000", str(address >> 32))]
    assert survey(text)[0].ipis == ()


@pytest.mark.parametrize(
    ("address", "size", "severity", "found"),
    [
        (0xAD0000, 0x3C, "error", "the size 0x3c does not hold the 8 sets of registers, 0x40 bytes"),
        (0xAD0002, 0x1000, "error", "the registers start at 0x1ad0002, which is no multiple of 4"),
        (0xAD0000, 0x2000, "warning", "the size 0x2000 is more than the block's 0x1000"),
    ],
)
def test_a_controller_of_another_size_or_alignment_is_told(address, size, severity, found):
    text = board(TWO, ipi(BOTH, address=address, size=size))
    assert told(text) == [(severity, "ipi-reg-size", f"/ipi@{address:x}", "0")]
    assert messages(text) == [found]


def test_the_smallest_controller_holds_its_registers():
    assert wires_of(board(TWO, ipi(BOTH, size=0x40))) == PES_0_AND_1


def test_a_controller_of_size_0_is_an_error():
    text = board(TWO, ipi(BOTH, size=0))
    assert told(text) == [("error", "reg-size", "/ipi@ad0000", "0")]
    assert messages(text) == ["the registers of /ipi@ad0000 have size 0"]


def test_a_controller_beyond_the_address_space_is_an_error():
    text = board(TWO, ipi(BOTH).replace("0 0x1000", "0xffffffff 0xffffffff"))
    assert [row[:3] for row in told(text)] == [("error", "reg-size", "/ipi@ad0000")]


def test_a_controller_without_reg_is_an_error():
    text = board(TWO, ipi(BOTH).replace("reg = <0 0xad0000 0 0x1000>;", ""))
    assert told(text) == [("error", "reg-format", "/ipi@ad0000", "ipi@ad0000")]
    assert messages(text) == ["/ipi@ad0000, IPI controller, has no reg"]


def test_a_controller_with_half_a_reg_is_an_error():
    text = board(TWO, ipi(BOTH).replace("<0 0xad0000 0 0x1000>", "<0 0xad0000 0>"))
    assert told(text) == [("error", "reg-format", "/ipi@ad0000", "reg")]


def test_a_controller_with_two_regions_is_an_error_at_the_second():
    text = board(TWO, ipi(BOTH).replace("0 0x1000>", "0 0x1000>, <1 0 0 0x1000>"))
    assert told(text) == [("error", "reg-format", "/ipi@ad0000", "1")]
    assert messages(text) == ["/ipi@ad0000, IPI controller, has one region of registers; found 2"]


def test_a_controller_on_a_bus_without_ranges_is_an_error():
    text = board(TWO, "soc { #address-cells = <2>; #size-cells = <2>;", ipi(BOTH), "};")
    assert told(text) == [("error", "ranges", "/soc/ipi@ad0000", "0")]


def test_two_controllers_that_overlap_are_told_at_both():
    text = board(TWO, ipi(BOTH), ipi("<&pe0 25>, <&pe1 25>", address=0xAD0800))
    assert told(text) == [
        ("error", "ipi-reg-overlap", "/ipi@ad0000", "0"),
        ("error", "ipi-reg-overlap", "/ipi@ad0800", "0"),
        ("error", "ipi-twice", "/ipi@ad0000", "ipi@ad0000"),
        ("error", "ipi-twice", "/ipi@ad0800", "ipi@ad0800"),
    ]
    assert messages(text)[0] == "/ipi@ad0000 and /ipi@ad0800 overlap at 0x1ad0800 to 0x1ad0fff"
    assert messages(text)[2] == "cluster 0 has two IPI controllers, /ipi@ad0000 and /ipi@ad0800"


def test_of_many_controllers_at_one_place_each_is_told():
    nodes = [ipi("", address=0xAD0000 + 0x100 * place) for place in range(8)]
    found = [node for _, code, node, _ in told(board(TWO, *nodes)) if code == "ipi-reg-overlap"]
    assert sorted(set(found)) == [f"/ipi@ad0{place}00" for place in range(8)]


def test_a_block_inside_another_is_told_whatever_lies_between():
    small = GIC.replace("a20000 0 0x12000", "ad0000 0 0x40").replace("a20000", "ad0000")
    text = board(TWO, small, small.replace("ad0000", "ad0f00").replace("gic:", ""), ipi(BOTH))
    found = [(code, node) for _, code, node, _ in told(text)]
    assert found == [
        ("ipi-reg-overlap", "/gic@ad0000"),
        ("ipi-reg-overlap", "/ipi@ad0000"),
        ("ipi-reg-overlap", "/ipi@ad0000"),
        ("ipi-reg-overlap", "/gic@ad0f00"),
    ]


def test_a_block_that_a_smaller_one_follows_still_overlaps_a_later_controller():
    large = GIC.replace("a20000 0 0x12000", "a00000 0 0x100000").replace("a20000", "a00000")
    small = GIC.replace("gic: ", "")
    text = board(TWO, large, small, ipi(BOTH))
    assert [(code, node) for _, code, node, _ in told(text)] == [
        ("ipi-reg-overlap", "/gic@a00000"),
        ("ipi-reg-overlap", "/ipi@ad0000"),
    ]


def test_two_controllers_of_a_cluster_are_told_at_both():
    text = board(TWO, ipi(BOTH), ipi(BOTH, address=0xAE0000))
    assert told(text) == [
        ("error", "ipi-twice", "/ipi@ad0000", "ipi@ad0000"),
        ("error", "ipi-twice", "/ipi@ae0000", "ipi@ae0000"),
    ]


def test_a_controller_that_overlaps_another_block_of_kalrays_is_told_at_both():
    text = board(TWO, GIC, ipi(BOTH, address=0xA31000, size=0x2000))
    assert told(text) == [
        ("warning", "ipi-reg-size", "/ipi@a31000", "0"),
        ("error", "ipi-reg-overlap", "/gic@a20000", "0"),
        ("error", "ipi-reg-overlap", "/ipi@a31000", "0"),
    ]
    assert messages(text)[1] == "/gic@a20000 and /ipi@a31000 overlap at 0x1a31000 to 0x1a31fff"


def test_blocks_side_by_side_do_not_overlap():
    assert told(board(TWO, GIC, ipi(BOTH, address=0xA32000))) == []
    assert told(board(TWO, GIC, ipi(BOTH, address=0xA1F000))) == []


def test_memory_over_the_registers_is_told_at_both():
    memory = 'memory@0 { device_type = "memory"; reg = <0 0 0 0x4000000>; };'
    text = board(TWO, memory, ipi(BOTH))
    assert told(text) == [
        ("warning", "mem-overlap", "/memory@0", "0"),
        ("warning", "mem-overlap", "/ipi@ad0000", "0"),
    ]
    assert messages(text)[0] == "/memory@0 and /ipi@ad0000 overlap at 0x1ad0000 to 0x1ad0fff"


def test_an_unknown_node_over_the_registers_is_nobodys_business():
    syscon = 'syscon@ad0000 { compatible = "vendor,syscon"; reg = <0 0xad0000 0 0x1000>; };'
    assert told(board(TWO, syscon, ipi(BOTH))) == []


# The clock


def clock_of(text):
    wiring, findings = survey(text)
    assert findings == []
    return wiring.clock_hz


CLOCK = "clk: clk { #clock-cells = <0>; clock-frequency = <250000000>; };"


def test_the_clock_is_1_ghz_where_the_tree_has_none():
    assert clock_of(board(TWO, ipi(BOTH))) == 1_000_000_000


def test_the_clock_is_that_of_a_cpus_clock_frequency():
    text = board(cpus(cpu(0), cpu(1, more="clock-frequency = <5000>;")), ipi(BOTH))
    assert clock_of(text) == 5000


def test_a_clock_frequency_may_have_two_cells():
    text = board(cpus(cpu(0, more="clock-frequency = <1 2>;"), cpu(1)), ipi(BOTH))
    assert clock_of(text) == 0x1_0000_0002


def test_the_clock_is_that_of_the_clock_that_a_cpu_names():
    assert clock_of(board(cpus(cpu(0), cpu(1, more="clocks = <&clk>;")), ipi(BOTH), CLOCK)) == 250_000_000


def test_the_clock_is_that_of_the_cpus_node():
    assert clock_of(board(cpus(cpu(0), cpu(1), more="clock-frequency = <7000>;"), ipi(BOTH))) == 7000
    assert clock_of(board(cpus(cpu(0), cpu(1), more="clocks = <&clk>;"), ipi(BOTH), CLOCK)) == 250_000_000


def test_a_cpu_goes_before_the_cpus_node_and_its_frequency_before_its_clock():
    text = board(
        cpus(
            cpu(0, more="clocks = <&clk>; clock-frequency = <5000>;"),
            cpu(1),
            more="clock-frequency = <7000>;",
        ),
        ipi(BOTH),
        CLOCK,
    )
    assert clock_of(text) == 5000


def test_a_clock_without_a_frequency_tells_nothing():
    text = board(
        cpus(cpu(0, more="clocks = <&clk>;"), cpu(1)), ipi(BOTH), "clk: clk { #clock-cells = <0>; };"
    )
    assert clock_of(text) == 1_000_000_000


@pytest.mark.parametrize(
    ("value", "guilty", "found"),
    [
        ("<0>", "0", "a clock of 0 Hz"),
        ("<0 0>", "0", "a clock of 0 Hz"),
        ("<1 2 3>", "clock-frequency", "a clock-frequency is a number of one cell or two; found 3 cells"),
    ],
)
def test_a_clock_frequency_that_is_none_is_an_error(value, guilty, found):
    text = board(cpus(cpu(0, more=f"clock-frequency = {value};"), cpu(1)), ipi(BOTH))
    assert told(text) == [("error", "clock-frequency", "/cpus/cpu@0", guilty)]
    assert messages(text) == [found]


def test_an_empty_clock_frequency_is_an_error():
    text = board(cpus(cpu(0, more="clock-frequency;"), cpu(1)), ipi(BOTH))
    assert told(text) == [("error", "clock-frequency", "/cpus/cpu@0", "clock-frequency")]


@pytest.mark.parametrize("name", ["clock-frequency", "clocks"])
def test_a_clock_that_is_no_cells_is_an_error(name):
    text = board(cpus(cpu(0, more=f"{name} = [01 02 03];"), cpu(1)), ipi(BOTH))
    assert told(text) == [("error", "property-format", "/cpus/cpu@0", name)]


@pytest.mark.parametrize(
    ("value", "guilty", "found"),
    [("= <0x999>", "0x999", "phandle 0x999"), ("= <0>", "0", "phandle 0x0"), ("", "clocks", "nothing")],
)
def test_clocks_that_name_no_clock_are_an_error(value, guilty, found):
    text = board(cpus(cpu(0, more=f"clocks {value};"), cpu(1)), ipi(BOTH))
    assert told(text) == [("error", "phandle-dangling", "/cpus/cpu@0", guilty)]
    assert messages(text) == [f"clocks names no node: found {found}"]
