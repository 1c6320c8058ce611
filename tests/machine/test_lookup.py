"""What interrupts are called, and what is said where nothing is called so."""

from __future__ import annotations

import pytest
from command import ROOT
from tiny import board, cpu, cpus, ipi

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import load_tree, read_tree
from kvx_emu.machine.inputs import Input, Mailbox
from kvx_emu.machine.machine import build

PE0, PE3 = CoreId(0, 0), CoreId(0, 3)


@pytest.fixture(scope="module")
def newer():
    return build(load_tree(str(ROOT / "boards" / "cluster.dts")))[0]


@pytest.fixture(scope="module")
def older():
    return build(load_tree(str(ROOT / "boards" / "kvx-cluster.dts")))[0]


def test_a_device_is_known_by_its_path_its_label_its_name_and_its_name_without_the_address(newer):
    path = "/soc/serial@20210000"
    for name in (path, "serial@20210000"):
        assert newer.device_input(name, 0) == Input(path, 0)


def test_an_input_of_a_controller_is_no_interrupt_of_a_device(newer):
    gic = newer.controller_input("gic", 130, None)
    assert (gic.number, gic.controller, gic.cores) == (130, True, ())
    assert str(gic) == f"{gic.path} input 130"
    assert str(Input("/a", 0)) == "/a"


def test_a_line_of_the_one_controller_of_all_cores_is_that_of_the_cores_that_are_named(older):
    found = older.controller_input("/core_intc", 5, (PE0, PE3))
    assert found.cores == (PE0, PE3)
    assert [wire.core for wire in older.wires_of(found)] == [PE0, PE3]


def test_a_line_of_a_cores_own_controller_needs_no_core(newer):
    found = newer.controller_input("/cpus/cpu@3/interrupt-controller", 5, None)
    assert found.cores == (PE3,)


@pytest.mark.parametrize(
    ("name", "index", "message"),
    [
        ("serial@20210000", 1, "/soc/serial@20210000 has no interrupt 1; it has 1"),
        ("/chosen", 0, "/chosen has no interrupt 0; it has none that leads somewhere"),
        ("serail@20210000", 0, "the board has no node 'serail@20210000'; is 'serial@20210000' meant?"),
        ("qqqq", 0, "the board has no node 'qqqq'"),
        (
            "memory",
            0,
            "several nodes are called 'memory': /memory@0, /memory@100000000; expected a path or a label",
        ),
    ],
)
def test_what_no_device_is_called_is_told(newer, name, index, message):
    with pytest.raises(ValueError) as told:  # noqa: PT011  (the whole message is compared)
        newer.device_input(name, index)
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("name", "number", "cores", "message"),
    [
        ("gic", 157, None, "/soc/interrupt-controller@a20000 has no input 157; it has 157"),
        (
            "gic",
            5,
            (PE0,),
            "/soc/interrupt-controller@a20000 is no core interrupt controller: it takes no core",
        ),
        ("/chosen", 0, None, "/chosen has no interrupt inputs"),
        ("/cpus/cpu@3/interrupt-controller", 32, None, "a core has no line 32; it has 32"),
        (
            "/cpus/cpu@3/interrupt-controller",
            3,
            (PE0,),
            "/cpus/cpu@3/interrupt-controller is not the interrupt controller of pe0",
        ),
    ],
)
def test_what_is_no_input_is_told(newer, name, number, cores, message):
    with pytest.raises(ValueError) as told:  # noqa: PT011
        newer.controller_input(name, number, cores)
    assert str(told.value) == message


def test_the_one_controller_of_all_cores_needs_a_core(older):
    with pytest.raises(
        ValueError, match=r"^/core_intc stands for the controllers of 16 cores; expected `core`$"
    ):
        older.controller_input("/core_intc", 5, None)


def test_mailboxes_are_those_of_a_cluster_or_of_a_node(newer):
    found = newer.mailbox(0, 5)
    assert (found.cluster, found.number, found.address) == (0, 5, 0x1A00A00)
    assert newer.mailbox("/soc/interrupt-controller@a00000", 5) == found


@pytest.mark.parametrize(
    ("place", "number", "message"),
    [
        (0, 128, "/soc/interrupt-controller@a00000 has no mailbox 128; it has 128"),
        (3, 0, "cluster 3 has no mailboxes"),
        ("gic", 0, "/soc/interrupt-controller@a20000 is no block of mailboxes"),
    ],
)
def test_what_is_no_mailbox_is_told(newer, place, number, message):
    with pytest.raises(ValueError) as told:  # noqa: PT011
        newer.mailbox(place, number)
    assert str(told.value) == message


def test_linux_can_move_an_interrupt_to_the_pes_of_its_cluster(newer):
    pes = tuple(CoreId(0, pid) for pid in range(16))
    assert newer.irq_cores(newer.device_input("serial@20210000", 0)) == pes
    assert newer.irq_cores(newer.mailbox(0, 5)) == pes
    assert newer.irq_cores(Mailbox(7, 0, 0)) == ()
    assert newer.irq_cores(Input("/chosen", 0)) == ()


def test_a_cluster_without_mailboxes_has_none_at_any_input(newer):
    assert newer.mailbox_at(0, 5) == 5
    assert newer.mailbox_at(4, 5) is None


def test_a_disabled_device_and_a_crowd_of_names_are_told():
    nodes = [f"dev@{n}000 {{ reg = <0 0x{n}000 0 0x10>; }};" for n in range(1, 7)]
    text = board(cpus(cpu(0)), *nodes, 'off: off@9000 { status = "disabled"; };', ipi("<&pe0 24>"))
    machine, _ = build(read_tree(text.encode(), "board.dts"))
    with pytest.raises(ValueError, match=r"^/off@9000 is disabled$"):
        machine.device_input("off", 0)
    expected = r"'dev': /dev@1000, /dev@2000, /dev@3000, /dev@4000 and 2 more; expected a path or a label$"
    with pytest.raises(ValueError, match=expected):
        machine.device_input("dev", 0)
