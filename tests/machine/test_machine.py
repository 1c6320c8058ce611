"""Wired machines: what a core reaches at an address, and what whole boards give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny import GIC, board, cpu, cpus, ipi, machine_of, trace, tree_of

from kvx_emu.core_id import RM, CoreId
from kvx_emu.dt.load import load_tree
from kvx_emu.errors import ERROR, NOTE, InputError
from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError
from kvx_emu.machine import known
from kvx_emu.machine.machine import Wires, build
from kvx_emu.machine.windows import cluster_at, to_global
from kvx_emu.machine.wiring import read_wiring
from kvx_emu.models.core import State
from kvx_emu.models.dsu_clock import DsuClock
from kvx_emu.models.ipi_ctrl import IpiCtrl, QemuIpiCtrl
from kvx_emu.models.pwr_ctrl import PwrCtrl

PROJECT = Path(__file__).resolve().parents[2]
BOARDS = sorted((PROJECT / "boards").glob("*.dts"))

PE0, PE1 = CoreId(0, 0), CoreId(0, 1)
INTERRUPT, MASK = 0xAD0000, 0xAD0020
LINE_24 = 0x01000000

TWO = cpus(cpu(0), cpu(1))
BOTH = "<&pe0 24>, <&pe1 24>"
PLAIN = board(TWO, ipi(BOTH))


def requested(machine):
    return {core_id: core.ilr for core_id, core in machine.core.items() if core.ilr}


def found_in(tree):
    """Return (severity, code) of what is found in a tree, without the notes."""
    findings = []
    read_wiring(tree, findings.append)
    return [(finding.severity, finding.code) for finding in findings if finding.severity != NOTE]


# Building


def test_a_machine_has_the_cores_the_clock_and_the_controllers_of_its_tree():
    machine = machine_of(board(cpus(cpu(1), cpu(0), cpu(0x110), more="clock-frequency = <5000>;"), ipi(BOTH)))
    assert machine.cores == (PE0, PE1, CoreId(1, RM))
    assert machine.clock_hz == 5000
    assert {cluster: controller.block.node.path for cluster, controller in machine.controllers.items()} == {
        0: "/ipi@ad0000"
    }
    assert type(machine.controllers[0].model) is IpiCtrl


def test_the_controllers_come_by_cluster_wherever_their_nodes_stand():
    nodes = [
        ipi(f"<&{name} 24>", address=address) for name, address in (("c1pe0", 0x2AD0000), ("pe0", 0xAD0000))
    ]
    machine = machine_of(board(cpus(cpu(0), cpu(0x100)), *nodes))
    assert list(machine.controllers) == [0, 1]


def test_all_cores_of_a_new_machine_run():
    machine = machine_of(PLAIN)
    assert [core.state for core in machine.core.values()] == [State.RUNNING, State.RUNNING]
    assert [core.peek("PCR") for core in machine.core.values()] == [0x10000000000000, 0x10000000000001]


def test_a_machine_knows_the_lines_that_the_tree_names_for_each_core():
    machine = machine_of(board(TWO, ipi("<&pe0 24>, <&pe0 31>, <&pe1 25>")))
    assert machine.ipi_lines == {PE0: 0x81000000, PE1: 0x02000000}


def test_a_machine_knows_the_special_registers_of_its_cores():
    assert machine_of(PLAIN).sfrs["ILR"].number == 27


def test_a_tree_with_warnings_and_notes_gives_a_machine_and_the_warnings():
    text = board(cpus(cpu(0), cpu(1), cpu(10).replace("cpu@a", "cpu@10")), ipi(BOTH))
    machine, warnings = build(tree_of(text))
    assert len(machine.cores) == 3
    assert [finding.code for finding in warnings] == ["ipi-core-missing"]


def test_a_tree_with_errors_gives_no_machine_but_all_errors():
    with pytest.raises(InputError) as caught:
        build(tree_of(board(TWO, ipi("<&pe0 32>, <&pe1 33>"))))
    assert [(finding.severity, finding.code) for finding in caught.value.findings] == [
        (ERROR, "ipi-line-range"),
        (ERROR, "ipi-line-range"),
    ]


def test_a_tree_without_cores_and_controllers_can_be_checked_but_not_built():
    assert found_in(tree_of(board(""))) == [("warning", "no-ipi"), ("warning", "no-cpus")]
    with pytest.raises(InputError) as caught:
        build(tree_of(board("")))
    assert [(finding.severity, finding.code) for finding in caught.value.findings] == [
        (ERROR, "no-ipi"),
        (ERROR, "no-cpus"),
    ]


def test_the_plainest_port_says_nothing_of_stores_and_odd_accesses():
    port = machine_of(PLAIN).controllers[0].model.port
    assert isinstance(port, Wires)
    assert port.stored(IpiCtrl.MASK, 0, 1) is None
    assert port.odd("code", "message") is None


# Windows


@pytest.mark.parametrize(
    ("address", "cluster", "seen"),
    [
        (0x00AD0000, 0, 0x01AD0000),
        (0x00AD0000, 4, 0x05AD0000),
        (0x00000000, 2, 0x03000000),
        (0x00FFFFFF, 1, 0x02FFFFFF),
        (0x01000000, 1, 0x01000000),
        (0x27000000, 3, 0x27000000),
    ],
)
def test_a_local_address_is_in_the_window_of_the_cores_own_cluster(address, cluster, seen):
    assert to_global(address, cluster) == seen


@pytest.mark.parametrize(
    ("address", "clusters", "cluster"),
    [
        (0x00FFFFFF, 5, None),
        (0x01000000, 5, 0),
        (0x01FFFFFF, 1, 0),
        (0x02000000, 1, None),
        (0x05AD0000, 5, 4),
        (0x06000000, 5, None),
    ],
)
def test_a_global_address_is_in_the_window_of_one_cluster_of_the_board(address, clusters, cluster):
    assert cluster_at(address, clusters) == cluster


@pytest.mark.parametrize("writer", range(5))
@pytest.mark.parametrize("owner", range(5))
def test_every_cluster_sees_every_register_at_its_global_address(writer, owner):
    machine = build(load_tree(str(PROJECT / "boards" / "coolidge.dts")))[0]
    address = MASK + 0x01000000 * (owner + 1)
    machine.write(CoreId(writer, 3), address, 4, 0x1234)
    for reader in range(5):
        assert machine.read(CoreId(reader, 9), address, 4) == 0x1234
        assert machine.read(CoreId(reader, 9), MASK, 4) == (0x1234 if reader == owner else 0)


def test_a_block_that_the_tree_puts_in_the_local_window_is_at_its_global_place_too():
    machine = machine_of(PLAIN)
    machine.write(PE0, 0x00AD0020, 4, 0x77)
    assert machine.read(PE1, 0x01AD0020, 4) == 0x77


def test_a_block_that_the_tree_puts_at_its_global_place_is_in_the_local_window_too():
    machine = machine_of(board(TWO, ipi(BOTH, address=0x1AD0000)))
    machine.write(PE0, 0x01AD0020, 4, 0x77)
    assert machine.read(PE1, 0x00AD0020, 4) == 0x77


def test_a_block_of_cluster_0_is_not_in_the_local_window_of_another():
    machine = machine_of(board(cpus(cpu(0), cpu(0x100)), ipi("<&pe0 24>")))
    with pytest.raises(BusError, match="nothing of the tree is there"):
        machine.read(CoreId(1, 0), MASK, 4)
    machine.write(CoreId(1, 0), 0x01AD0000, 4, 1)
    assert requested(machine) == {PE0: LINE_24}


def test_a_bus_with_ranges_translates_what_the_cores_see():
    bus = "soc { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xa00000 0x100000>;\n"
    node = ipi(BOTH, address=0xD0000).replace("<0 0xd0000 0 0x1000>", "<0xd0000 0x1000>")
    machine = machine_of(board(TWO, bus + node + "};"))
    machine.write(PE0, INTERRUPT, 4, 0x2)
    assert requested(machine) == {PE1: LINE_24}
    with pytest.raises(BusError):
        machine.write(PE0, 0xD0000, 4, 0x2)


# Bus errors


@pytest.mark.parametrize("address", [0x0, 0xACFFFC, 0xAD1000, 0x2AD0000, 0x1_00AD_0000, (1 << 64) - 4])
def test_an_address_that_no_node_has_is_a_bus_error(address):
    machine = machine_of(PLAIN)
    with pytest.raises(BusError, match=r"^nothing of the tree is there$"):
        machine.read(PE0, address, 4)
    with pytest.raises(BusError, match=r"^nothing of the tree is there$"):
        machine.write(PE0, address, 4, 1)


DMA = 'dma@800000 { compatible = "kalray,coolidge-dma-noc"; reg = <0 0x800000 0 0x100000>; };'


def test_an_address_of_a_block_that_is_not_modelled_is_a_bus_error_that_names_it():
    machine = machine_of(board(TWO, DMA, ipi(BOTH)))
    expected = r"^/dma@800000 is there, DMA, which is not modelled$"
    with pytest.raises(BusError, match=expected):
        machine.read(PE0, 0x800000, 4)
    with pytest.raises(BusError, match=expected):
        machine.write(PE0, 0x18FFFF8, 8, 1)


# Case 60
def test_where_two_blocks_are_the_smaller_one_answers(monkeypatch):
    power = 'power@a40000 { compatible = "kalray,coolidge-pwr-ctrl"; reg = <0 0xa40000 0 0x4188>; };'
    clock = 'clock@a44180 { compatible = "kalray,coolidge-dsu-clock"; reg = <0 0xa44180 0 0x8>; };'
    for nodes in ((power, clock), (clock, power)):
        machine = machine_of(board(TWO, *nodes, ipi(BOTH)))
        monkeypatch.setattr(machine.listener, "now", lambda: 0x1234)  # ticks of 1 ns, as the clock's
        assert [machine.read(PE0, address, 8) for address in (0xA44178, 0xA44180)] == [0, 0x1234]
        found = [machine.locate(PE0, address) for address in (0xA44178, 0xA4417F, 0xA44180, 0xA44187)]
        assert [(type(model), offset) for model, offset in found] == [
            (PwrCtrl, 0x4178),
            (PwrCtrl, 0x417F),
            (DsuClock, 0),
            (DsuClock, 7),
        ]
        with pytest.raises(BusError, match=r"^nothing of the tree is there$"):
            machine.read(PE0, 0xA44188, 8)


def test_a_controller_in_a_larger_region_answers():
    syscon = 'syscon@a00000 { compatible = "vendor,syscon"; reg = <0 0xa00000 0 0x100000>; };'
    machine = machine_of(board(TWO, syscon, ipi(BOTH)))
    machine.write(PE0, INTERRUPT, 4, 1)
    assert requested(machine) == {PE0: LINE_24}


# The bus of QEMU


@pytest.fixture
def qemu():
    return machine_of(PLAIN, registry.QEMU)


def test_the_profile_qemu_has_its_own_controller(qemu):
    assert type(qemu.controllers[0].model) is QemuIpiCtrl


def test_qemu_cuts_a_wide_access_into_words(qemu):
    qemu.write(PE0, 0xAD001C, 8, 0xF_0000_0007)
    assert qemu.read(PE0, MASK, 4) == 0xF
    assert qemu.read(PE0, 0xAD001C, 8) == 0xF_0000_0000
    assert qemu.read(PE0, MASK, 8) == 0xF
    assert requested(qemu) == {}


@pytest.mark.parametrize(("address", "size"), [(MASK, 1), (MASK, 2), (MASK + 2, 4), (MASK + 2, 2)])
def test_qemu_drops_parts_of_a_word(qemu, address, size):
    qemu.write(PE0, MASK, 4, 0xF0F0F0F0)
    qemu.write(PE0, address, size, 0x5)
    assert qemu.read(PE0, address, size) == 0
    assert qemu.read(PE0, MASK, 4) == 0xF0F0F0F0


def test_qemu_keeps_the_words_that_a_block_answers(qemu):
    qemu.write(PE0, 0xACFFFC, 8, 0x2_0000_0001)
    assert requested(qemu) == {PE1: LINE_24}
    assert qemu.read(PE0, 0xACFFFC, 8) == 0


@pytest.mark.parametrize("address", [0x0, 0xAD1000, 0x2AD0000, 0x800000, 0xA32000])
def test_qemu_answers_0_where_nothing_is(address):
    machine = machine_of(board(TWO, GIC, DMA, ipi(BOTH)), registry.QEMU)
    machine.write(PE0, address, 4, 0x1FFFF)
    assert machine.read(PE0, address, 4) == 0
    assert requested(machine) == {}


MAILBOX = (
    'mailbox@a00000 { compatible = "kalray,coolidge-apic-mailbox"; reg = <0 0xa00000 0 0xf200>; '
    "interrupt-controller; #interrupt-cells = <0>; };"
)


@pytest.fixture
def fabric():
    return machine_of(board(TWO, GIC, MAILBOX, ipi(BOTH)), registry.QEMU)


@pytest.mark.parametrize(
    ("address", "size", "enabled"),
    [
        (0xA20001, 2, 0x0000_0000_0001_0100),  # two bytes
        (0xA20001, 8, 0x0101_0101_0101_0100),  # 1, 2, 4 bytes, and 1 after those that are read back
        (0xA20002, 4, 0x0000_0101_0101_0000),
        (0xA1FFFC, 8, 0x0000_0000_0101_0101),  # the first half is nobody's
        (0xA1FFFF, 2, 0x0000_0000_0000_0001),
    ],
)
def test_qemu_cuts_an_access_to_the_gic_by_its_alignment(fabric, address, size, enabled):
    fabric.write(PE0, address, size, (1 << 8 * size) - 1)
    assert fabric.read(PE0, 0xA20000, 8) == enabled
    where = (1 << 8 * size) - 1 & 0x0101010101010101
    before = max(0, 0xA20000 - address)
    assert fabric.read(PE0, address, size) == where >> 8 * before << 8 * before


@pytest.mark.parametrize(("address", "size"), [(0xA00A14, 8), (0xA00A10, 4), (0xA00A12, 2), (0xA00A0C, 8)])
def test_qemu_drops_parts_of_a_mailbox_register(fabric, address, size):
    fabric.write(PE0, 0xA00A10, 8, 0x0123_4567_89AB_CDEF)
    fabric.write(PE0, address, size, 0)
    assert fabric.read(PE0, address, size) == 0
    assert fabric.read(PE0, 0xA00A10, 8) == 0x0123_4567_89AB_CDEF


def test_qemu_finds_the_word_inside_an_unaligned_access(fabric):
    fabric.write(PE0, 0xACFFFE, 8, 0x0000_0000_0003_0000)  # 2 bytes of nobody, INTERRUPT, 2 bytes
    assert requested(fabric) == {PE0: LINE_24, PE1: LINE_24}


# Kalray's strings


@pytest.mark.parametrize(
    ("compatible", "title"),
    [
        ("kalray,coolidge-ipi-ctrl", "IPI controller"),
        ("kalray,kv3-1-intc", "core interrupt controller"),
        ("kalray,k1c-apic-gic", "APIC GIC"),
        ("kalray,kv3-1-apic-mailbox", "APIC mailbox"),
        ("kalray,coolidge-itgen", "interrupt generator"),
        ("kalray,kvx-pwr-ctrl", "power controller"),
        ("kalray,kvx-dsu-clock", "DSU clock"),
        ("kalray,kv3-pe", "core"),
    ],
)
def test_kalrays_strings_have_a_title_each(compatible, title):
    assert known.TITLES[compatible] == title


def test_every_string_that_has_a_model_has_a_title():
    assert [name for name in registry.known() if name not in known.TITLES] == []


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("kalray,coolidge-ipi-crtl", "kalray,coolidge-ipi-ctrl"),
        ("kalray,kv3-1-int", "kalray,kv3-1-intc"),
        ("kalray,coolidge-apic-mailboxes", "kalray,coolidge-apic-mailbox"),
        ("kalray,frobnicator", None),
        ("kalray,", None),
    ],
)
def test_a_misspelling_is_near_the_string_that_is_meant(misspelt, meant):
    assert known.nearest(misspelt) == meant


# Whole boards


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.name)
@pytest.mark.parametrize("profile", registry.PROFILES)
def test_our_boards_give_no_error_and_no_warning(path, profile):
    tree = load_tree(str(path))
    assert found_in(tree) == []
    assert build(tree, profile)[1] == ()


def test_there_are_four_boards():
    assert [path.name for path in BOARDS] == [
        "cluster.dts",
        "coolidge.dts",
        "kvx-cluster.dts",
        "stress64.dts",
    ]


@pytest.mark.parametrize(
    ("name", "cores", "clusters"),
    [("cluster.dts", 17, 1), ("coolidge.dts", 85, 5), ("kvx-cluster.dts", 16, 1), ("stress64.dts", 1088, 64)],
)
def test_our_boards_have_so_many_cores_with_line_24(name, cores, clusters):
    machine = build(load_tree(str(PROJECT / "boards" / name)))[0]
    assert len(machine.cores) == cores
    assert sorted(machine.controllers) == list(range(clusters))
    assert machine.ipi_lines == dict.fromkeys(machine.cores, LINE_24)
    assert machine.clock_hz == 1_000_000_000


@pytest.mark.parametrize("name", ["coolidge-qemu.dts", "coolidge-qemu.dtb", "mppa-coolidge.dtb"])
def test_kalrays_own_trees_give_no_error_and_no_warning(shared, name):
    tree = load_tree(str(shared / "boards" / name))
    assert found_in(tree) == []
    machine, warnings = build(tree)
    assert warnings == ()
    assert machine.cores == tuple(CoreId(0, pid) for pid in range(16))
    assert machine.ipi_lines == dict.fromkeys(machine.cores, LINE_24)


@pytest.mark.parametrize("name", ["coolidge-qemu.dts", "coolidge-qemu.dtb"])
def test_the_decimal_unit_addresses_of_kalrays_tree_are_notes(shared, name):
    findings = []
    read_wiring(load_tree(str(shared / "boards" / name)), findings.append)
    assert [(finding.severity, finding.code, finding.node) for finding in findings] == [
        *((NOTE, "cpu-reg", f"/cpus/cpu@{pid}") for pid in range(10, 16)),
        (NOTE, "reg-overlap", "/pwr_ctrl@a40000"),
        (NOTE, "reg-overlap", "/dsu_clock@a44180"),
    ]


def test_a_board_without_interrupt_nodes_lacks_the_ipi_controller_and_nothing_else(shared):
    tree = load_tree(str(shared / "boards" / "k200.dts"))
    assert found_in(tree) == [("warning", "no-ipi")]
    with pytest.raises(InputError, match=re.escape("error[no-ipi]: the tree has no enabled IPI controller")):
        build(tree)


# Case 58
@pytest.mark.parametrize("script", ["smoke", "linux-traffic"])
def test_a_script_makes_the_same_trace_on_the_old_and_the_new_tree_of_kalray(shared, script):
    text = (PROJECT / "scripts" / f"{script}.yaml").read_text(encoding="utf-8")
    new, source, old = (
        trace(load_tree(str(shared / "boards" / name)), text)
        for name in ("coolidge-qemu.dtb", "coolidge-qemu.dts", "mppa-coolidge.dtb")
    )
    assert len(new) > 10
    assert new == source == old


def test_a_mailbox_channel_is_a_drivers_view_and_does_not_hide_the_mailboxes():
    mailboxes = (
        'mailbox@a00000 { compatible = "kalray,coolidge-apic-mailbox"; reg = <0 0xa00000 0 0xea00>; '
        "interrupt-controller; msi-controller; #interrupt-cells = <0>; };"
    )
    channel = 'mbox@a01000 { compatible = "kalray,kvx-mbox"; reg = <0 0xa01000 0 0x200>; };'
    machine = machine_of(board(TWO, mailboxes, channel, ipi(BOTH)))
    machine.write(PE0, 0xA01000, 8, 0x5)
    assert machine.read(PE0, 0xA01000, 8) == 0x5
