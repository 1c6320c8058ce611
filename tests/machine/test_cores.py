"""From trees to cores, their interrupt controllers and their clock, and what is wrong with them."""

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
)

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
    assert told(text) == [("error", "cpu-reg", "/cpus/cpu@1", "reg")]
    assert messages(text) == ["a cpu needs a reg of one cell, cluster << 8 | pid; found 3 bytes"]


@pytest.mark.parametrize("name", ["#address-cells", "#size-cells"])
def test_the_cells_of_cpus_are_one_and_none(name):
    text = board(TWO, ipi(BOTH)).replace(
        "cpus { #address-cells = <1>; #size-cells = <0>;", f"cpus {{ {name} = <2>;"
    )
    assert ("error", "cpu-reg", "/cpus", name) in told(text)


def test_the_cells_of_cpus_without_a_cpu_do_not_matter():
    assert "cpu-reg" not in [code for _, code, _, _ in told(board("cpus { #address-cells = <2>; };"))]


def test_two_cpus_of_one_core_are_told_at_both():
    text = board(cpus(cpu(0), cpu(1), cpu(1).replace("cpu@1", "cpu@2").replace("pe1", "pe2")), ipi(BOTH))
    assert told(text) == [
        ("warning", "cpu-reg", "/cpus/cpu@2", "cpu@2"),
        ("error", "cpu-reg", "/cpus/cpu@1", "0x1"),
        ("error", "cpu-reg", "/cpus/cpu@2", "0x1"),
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
    ]


def test_a_core_of_the_newer_generation_needs_an_interrupt_controller_even_if_none_has_one():
    node = cpu(0, inside="", more='compatible = "kalray,kv3-1-pe";')
    assert told(board(cpus(node)))[0] == ("error", "cpu-intc", "/cpus/cpu@0", "cpu@0")
    assert told(board(cpus(cpu(0, inside="")))) == [("warning", "no-ipi", "/", "/")]


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
        ("warning", "ipi-core-missing", "/ipi@ad0000", "interrupts-extended"),
    ]


def test_missing_interrupt_cells_are_told_once():
    text = board(cpus(cpu(0), cpu(1).replace("#interrupt-cells = <1>;", "")), ipi(BOTH))
    assert told(text) == [
        ("error", "intc-cells", "/cpus/cpu@1/interrupt-controller", "interrupt-controller"),
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
    ]


def test_the_cells_of_an_interrupt_controller_for_all_are_checked_too():
    text = board(OLD_CPUS, OLD_INTC.replace("<1>", "<2>"), OLD_IPI.replace("<24>", "<24 4>"))
    assert told(text)[0] == ("error", "intc-cells", "/interrupt-controller", "#interrupt-cells")


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
