"""The steps about the interrupt fabric: what each becomes, and what is refused."""
# ruff: noqa: E501 - one row a case

import subprocess
import sys

import pytest
from script_board import FakeBoard, action, errors, program, read, step_error, steps

from kvx_emu.core_id import CoreId
from kvx_emu.errors import InputError
from kvx_emu.script import actions
from kvx_emu.script.bind import bind

PE0, PE1, PE2, PE3, RM = (CoreId(0, pid) for pid in (0, 1, 2, 3, 16))
C1PE0, C1PE1 = CoreId(1, 0), CoreId(1, 1)
PES = (PE0, PE1, PE2, PE3, C1PE0, C1PE1)
SERIAL, DMA, DMA1, RTC = ("serial@20210000", 0), ("dma@20300000", 0), ("dma@20300000", 1), ("rtc@20400000", 0)
ONCE = 18446744073709551615


def box(number, cluster=0):
    return ("mailbox", cluster, number)


def of(line):
    """Return the action of a step without what every action has."""
    found = action(line)
    names = [name for name in found.__dataclass_fields__ if name not in ("place", "at")]
    return (type(found), *(getattr(found, name) for name in names))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("raise: {device: serial@20210000}", (actions.Signal, "raise", SERIAL)),
        ("lower: {device: serial, index: 0}", (actions.Signal, "lower", SERIAL)),
        ("pulse: {device: dma, index: 1}", (actions.Signal, "pulse", DMA1)),
        ("raise: {controller: gic, input: 129}", (actions.Signal, "raise", ("gic", 129, None))),
        ("pulse: {input: 16, controller: core_intc, core: pe3}", (actions.Signal, "pulse", ("core_intc", 16, (PE3,)))),
        ("lower: {controller: core_intc, input: 0, cores: [c1.pe0, pe1, pe1]}", (actions.Signal, "lower", ("core_intc", 0, (PE1, C1PE0)))),
        ("post: {addr: 0x2a00a00, value: 8, size: 8}", (actions.Post, 0x2A00A00, 8, 8)),
        ("post: {addr: 0x5128312000, value: 31}", (actions.Post, 0x5128312000, 31, 4)),
        ("msi: {mailbox: 3, bit: 5}", (actions.Message, None, box(3), 0x20)),
        ("msi: {mailbox: 0, bit: 63, cluster: 1}", (actions.Message, None, box(0, 1), 0x8000000000000000)),
        ("msi: {mailbox: 116, value: 0xffffffffffffffff, from: pe1}", (actions.Message, PE1, box(116), 0xFFFFFFFFFFFFFFFF)),
        ("msi: {mailbox: 3, value: 0, from: c1.pe1}", (actions.Message, C1PE1, box(3, 1), 0)),
        ("msi: {mailbox: 3, bit: 0, from: c1.pe1, cluster: 0}", (actions.Message, C1PE1, box(3), 1)),
        ("msi: {mailbox: 3, bit: 0, from: rm, node: mbox1}", (actions.Message, RM, box(3, 1), 1)),
        ("timer: {cores: pe1, value: 10}", (actions.Timer, (PE1,), 0, 9, ONCE, 0x50000, 0x50000)),
        ("timer: {core: rm, value: 1, every: 1}", (actions.Timer, (RM,), 0, 0, 0, 0x50000, 0x50000)),
        ("timer: {cores: pes, timer: 1, value: 1us, every: 10us}", (actions.Timer, PES, 1, 999, 9999, 0xA0000, 0xA0000)),
        ("timer: {cores: pe0, value: 10, interrupt: false}", (actions.Timer, (PE0,), 0, 9, ONCE, 0x50000, 0x10000)),
        ("timer: {cores: pe0, timer: 1, value: 10, interrupt: false, stop: false}", (actions.Timer, (PE0,), 1, 9, ONCE, 0xA0000, 0x20000)),
        ("timer: {cores: pe0, stop: true}", (actions.Timer, (PE0,), 0, None, None, 0x10000, 0)),
        ("timer: {cores: pe0, timer: 1, stop: true}", (actions.Timer, (PE0,), 1, None, None, 0x20000, 0)),
        ("watchdog: {cores: pe1, value: 10}", (actions.Timer, (PE1,), 2, 9, 9, 0xF000000, 0x7000000)),
        ("watchdog: {cores: pe1, value: 10, every: 1us}", (actions.Timer, (PE1,), 2, 9, 999, 0xF000000, 0x7000000)),
        ("watchdog: {cores: pe1, value: 10, interrupt: false}", (actions.Timer, (PE1,), 2, 9, 9, 0xF000000, 0x5000000)),
        ("watchdog: {cores: pe1, value: 10, bite: false}", (actions.Timer, (PE1,), 2, 9, 9, 0xF000000, 0x3000000)),
        ("watchdog: {cores: pe1, ack: true}", (actions.Timer, (PE1,), 2, None, None, 0x8000000, 0)),
        ("watchdog: {cores: pe1, stop: true, ack: false}", (actions.Timer, (PE1,), 2, None, None, 0x1000000, 0)),
        ("start: {cores: [pe2, pe1]}", (actions.Start, (PE1, PE2), 0, None)),
        ("start: {core: c1.pe0, pc: 0x2000, from: rm}", (actions.Start, (C1PE0,), 0x2000, RM)),
        ("stop: {cores: pe1}", (actions.Stop, (PE1,), False)),
        ("stop: {cores: pe1, reset: true}", (actions.Stop, (PE1,), True)),
        ("ipe: {from: pe0, event: 3}", (actions.Event, PE0, 3, True)),
        ("ipe: {from: c1.pe1, event: 15, direction: backward}", (actions.Event, C1PE1, 15, False)),
        ("idle: {cores: pes}", (actions.Idle, PES)),
        ("enable_irq: {device: serial}", (actions.Irq, SERIAL, None, None, True)),
        ("disable_irq: {device: dma, index: 1}", (actions.Irq, DMA1, None, None, False)),
        ("disable_irq: {mailbox: 3, bit: 0}", (actions.Irq, None, box(3), 0, False)),
        ("enable_irq: {mailbox: 3, bit: 63, cluster: 1}", (actions.Irq, None, box(3, 1), 63, True)),
        ("enable_irq: {mailbox: 3, bit: 63, node: mbox1}", (actions.Irq, None, box(3, 1), 63, True)),
        ("affinity: {device: serial, core: pe3}", (actions.Affinity, SERIAL, None, PE3)),
        ("affinity: {mailbox: 3, core: pe3}", (actions.Affinity, None, box(3), PE3)),
        ("affinity: {mailbox: 3, core: c1.pe1}", (actions.Affinity, None, box(3, 1), C1PE1)),
        ("affinity: {mailbox: 3, cluster: 0, core: pe1}", (actions.Affinity, None, box(3), PE1)),
        ("affinity: {mailbox: 3, node: mbox1, core: c1.pe1}", (actions.Affinity, None, box(3, 1), C1PE1)),
    ],
)  # fmt: skip
def test_a_step_of_the_fabric_becomes_this_action(line, expected):
    assert of(line) == expected


def test_handled_lost_and_timers_are_counts_like_the_others():
    assert of("expect: {core: pe3, line: 4, timers: 2, handled: {min: 1}, delivered: 0}") == (
        actions.Expect,
        (PE3,),
        0x10,
        None,
        (("delivered", 0, 0), ("handled", 1, None), ("timers", 2, 2)),
        None,
        None,
        None,
        None,
    )
    lost = (("lost", 0, 4),)
    assert of("expect: {lost: {max: 4}}") == (actions.Expect, None, None, None, lost, None, None, None, None)


@pytest.mark.parametrize(
    ("line", "column", "code", "words"),
    [
        ("raise: {}", 3, "script-key", "found none of device and controller; expected one of them"),
        ("raise: {device: serial, controller: gic, input: 3}", 3, "script-key", "found device and controller of device and controller; expected one of them"),
        ("raise: {device: serial, input: 3}", 34, "script-key", "found `input` together with `device`; expected one of them"),
        ("raise: {device: serial, core: pe0}", 33, "script-key", "found `core` together with `device`"),
        ("raise: {controller: gic, input: 3, index: 1}", 45, "script-key", "found `index` together with `controller`"),
        ("raise: {controller: gic}", 3, "script-missing", "`raise` with `controller` lacks the key input; expected it"),
        ("pulse: {input: 3}", 3, "script-key", "found none of device and controller"),
        ("raise: {device: 5}", 19, "script-value", "found `5`; expected a node of the tree: its path, its label, or a name that only one node has"),
        ("raise: {device: uart}", 19, "script-node", "the board has no device uart"),
        ("raise: {device: uart, index: 1}", 19, "script-node", "the board has no device uart"),
        ("raise: {device: dma, index: 2}", 31, "script-node", "dma has no interrupt 2"),
        ("raise: {device: dma, index: -1}", 31, "script-value", "found `-1`; expected an index 0..9999"),
        ("raise: {controller: itgen, input: 3}", 23, "script-node", "the board has no controller itgen"),
        ("raise: {controller: gic, input: 157}", 35, "script-node", "gic has no input 157"),
        ("raise: {controller: gic, input: 3, core: pe0}", 23, "script-node", "gic and core do not fit"),
        ("raise: {controller: core_intc, input: 3}", 23, "script-node", "core_intc and core do not fit"),
        ("raise: {controller: core_intc, input: 3, core: pe9}", 50, "script-core", "no core pe9"),
        ("raise: serial", 10, "script-value", "for `raise`; expected a mapping with the keys device, index, controller, input, core"),
        ("rise: {device: serial}", 3, "script-step", "did you mean `raise`?"),
        ("post: {addr: 1}", 9, "script-missing", "`post` lacks the key value"),
        ("post: {addr: 1, value: 256, size: 1}", 26, "script-value", "wider than the size of 1 bytes"),
        ("post: {addr: 1, value: 1, from: pe0}", 29, "script-key", "unknown key `from` of `post`"),
        ("msi: {bit: 3}", 8, "script-missing", "`msi` lacks the key mailbox"),
        ("msi: {mailbox: 3}", 3, "script-key", "found none of bit and value; expected one of them"),
        ("msi: {mailbox: 3, bit: 1, value: 2}", 3, "script-key", "found bit and value of bit and value"),
        ("msi: {mailbox: 128, bit: 1}", 18, "script-value", "found `128`; expected a mailbox 0..127"),
        ("msi: {mailbox: 3, bit: 64}", 26, "script-value", "found `64`; expected a bit 0..63"),
        ("msi: {mailbox: 3, bit: 1, cluster: 0, node: mbox1}", 47, "script-key", "found cluster and node; expected one of them"),
        ("msi: {mailbox: 117, bit: 1}", 18, "script-node", "there is no mailbox 117"),
        ("msi: {mailbox: 117, bit: 1, cluster: 1}", 18, "script-node", "there is no mailbox 117"),
        ("msi: {mailbox: 117, bit: 1, cluster: 2}", 40, "script-node", "2 has no mailboxes"),
        ("msi: {mailbox: 3, bit: 1, cluster: 2}", 38, "script-node", "2 has no mailboxes"),
        ("msi: {mailbox: 3, bit: 1, node: mbox}", 35, "script-node", "mbox has no mailboxes"),
        ("msi: {mailbox: 3, bit: 1, from: pe9}", 35, "script-core", "no core pe9"),
        ("timer: {value: 10}", 10, "script-missing", "`timer` lacks the key cores or core"),
        ("timer: {cores: pe0}", 3, "script-key", "found none of value, stop: true; expected one of them"),
        ("timer: {cores: pe0, stop: false}", 3, "script-key", "found none of value, stop: true"),
        ("timer: {cores: pe0, value: 1, stop: true}", 3, "script-key", "found value and stop of value, stop: true"),
        ("timer: {cores: pe0, stop: true, every: 5}", 42, "script-key", "found `every` together with `stop`; expected it with `value` only"),
        ("timer: {cores: pe0, stop: true, interrupt: true}", 46, "script-key", "found `interrupt` together with `stop`"),
        ("timer: {cores: pe0, value: 0}", 30, "script-time", "found `0`; expected a duration of at least 1 tick"),
        ("timer: {cores: pe0, value: 0.00us}", 30, "script-time", "found the text `0.00us`; expected a duration of at least 1 tick"),
        ("timer: {cores: pe0, value: 1, every: 0}", 40, "script-time", "expected a duration of at least 1 tick"),
        ("timer: {cores: pe0, value: 0.5ns}", 30, "script-time", "no whole number of ticks"),
        ("timer: {cores: pe0, value: 1, timer: 2}", 40, "script-value", "found `2`; expected 0 or 1"),
        ("timer: {cores: pe9, value: 1}", 18, "script-core", "no core pe9"),
        ("watchdog: {cores: pe0}", 3, "script-key", "found none of value, ack: true, stop: true; expected one of them"),
        ("watchdog: {cores: pe0, ack: true, stop: true}", 3, "script-key", "found ack and stop of value, ack: true, stop: true"),
        ("watchdog: {cores: pe0, ack: true, bite: false}", 43, "script-key", "found `bite` together with `ack`"),
        ("watchdog: {cores: pe0, value: 5, ack: true}", 3, "script-key", "found value and ack of"),
        ("watchdog: {cores: pe0, value: 5, bite: 1}", 42, "script-value", "found `1`; expected true or false"),
        ("start: {cores: pe1, pc: 0x1234}", 27, "script-value", "found the address 0x1234; expected a multiple of 0x1000"),
        ("start: {cores: pe1, pc: x}", 27, "script-value", "expected an address 0..2^64 - 1 that is a multiple of 0x1000"),
        ("start: {cores: pe1, from: pe9}", 29, "script-core", "no core pe9"),
        ("start: {pc: 0}", 10, "script-missing", "`start` lacks the key cores or core"),
        ("stop: {cores: []}", 17, "script-core", "expected at least one core"),
        ("ipe: {event: 3}", 8, "script-missing", "`ipe` lacks the key from"),
        ("ipe: {from: rm, event: 3}", 15, "script-core", "found `rm`; expected a PE: the RM is not in the ring of events"),
        ("ipe: {from: c1.rm, event: 3}", 15, "script-core", "found `c1.rm`; expected a PE"),
        ("ipe: {from: pes, event: 3}", 15, "script-core", "expected one core"),
        ("ipe: {from: pe9, event: 3}", 15, "script-core", "no core pe9"),
        ("ipe: {from: pe0, event: 16}", 27, "script-value", "found `16`; expected an event 0..15"),
        ("ipe: {from: pe0, event: 1, direction: up}", 41, "script-value", "found the text `up`; expected forward or backward"),
        ("idle: {cores: pe9}", 17, "script-core", "no core pe9"),
        ("disable_irq: {}", 3, "script-key", "found none of device and mailbox"),
        ("disable_irq: {mailbox: 3}", 3, "script-missing", "`disable_irq` with `mailbox` lacks the key bit"),
        ("disable_irq: {device: serial, bit: 3}", 38, "script-key", "found `bit` together with `device`"),
        ("disable_irq: {device: serial, node: mbox1}", 39, "script-key", "found `node` together with `device`"),
        ("enable_irq: {mailbox: 3, bit: 1, cluster: 1, node: mbox1}", 54, "script-key", "found cluster and node"),
        ("enable_irq: {device: uart}", 24, "script-node", "the board has no device uart"),
        ("affinity: {device: serial}", 13, "script-missing", "`affinity` lacks the key core"),
        ("affinity: {mailbox: 3, bit: 1, core: pe1}", 26, "script-key", "unknown key `bit` of `affinity`"),
        ("affinity: {device: serial, core: rm}", 36, "script-core", "found `rm`; expected a PE: Linux runs on PEs"),
        ("affinity: {mailbox: 3, cluster: 1, core: pe1}", 44, "script-core", "pe1 can not take this interrupt; expected one of c1.pe0-1"),
        ("affinity: {device: serial, core: c1.pe1}", 36, "script-core", "c1.pe1 can not take this interrupt; expected one of pe0-3"),
        ("affinity: {device: rtc, core: pe1}", 33, "script-core", "pe1 can not take this interrupt; no core can: it can not be moved"),
        ("affinity: {mailbox: 120, core: pe1}", 23, "script-node", "there is no mailbox 120"),
        ("affinity: {device: serial, core: pe9}", 36, "script-core", "no core pe9"),
        ("expect: {lost: 0, core: pe1}", 27, "script-key", "found `core` with `lost`; expected `lost` alone: its rows have no core and no line"),
        ("expect: {lines: 3, lost: 0}", 19, "script-key", "found `lines` with `lost`"),
        ("expect: {handled: -1}", 21, "script-value", "found `-1`"),
        ("repeat: {count: 2, steps: [{at: 5, idle: {cores: pe1}}]}", 31, "script-step", "found `at` inside repeat"),
    ],
)  # fmt: skip
def test_a_wrong_step_of_the_fabric_is_told_at_its_place(line, column, code, words):
    found = step_error(line)
    assert found[:2] == (column, code)
    assert words in found[2]


def test_all_that_is_wrong_with_the_nodes_of_a_script_is_told():
    places, _ = errors(
        steps(
            "raise: {device: a}",
            "msi: {mailbox: 3, bit: 1, cluster: 5, from: pe1}",
            "affinity: {device: b, core: pe9}",
        )
    )
    assert places == [
        (3, 19, "script-node"),
        (4, 38, "script-node"),
        (5, 22, "script-node"),
        (5, 31, "script-core"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    ["enable_irq: {device: dma}", "disable_irq: {mailbox: 1, bit: 1}", "affinity: {mailbox: 1, core: pe1}"],
)
def test_what_linux_drivers_do_needs_linux(kind):
    places, message = errors(f"version: 1\nsoftware: bare\nsteps:\n- {kind}\n")
    assert places == [(4, 3, "script-value")]
    assert f"found `{kind.split(':')[0]}` with `software: bare`; expected it with linux only" in message


def test_the_steps_of_the_fabric_take_no_time_and_count_as_one_step():
    program(
        "repeat: {count: 5, every: 0, steps: [{timer: {cores: pe0, value: 1us}}, {idle: {cores: pe1}}]}",
        "{at: 0, pulse: {device: dma}}",
    )
    places, _ = errors(
        steps("repeat: {count: 50000000001, steps: [{pulse: {device: dma}}, {idle: {cores: pe1}}]}")
    )
    assert places == [(3, 3, "script-expansion")]
    assert action("{at: 1us, start: {cores: pe1}}").at == 1000


# The keys of the top level


def whole(head, *lines, board=None):
    text = f"version: 1\n{head}\nsteps:\n" + "".join(f"- {line}\n" for line in lines or ["wait: 1"])
    return bind(read(text), board or FakeBoard())


def test_without_keys_the_cores_run_and_drivers_have_no_defects():
    bound = whole("name: plain")
    assert (bound.boot, bound.defects, bound.devices) == ("running", (), ())


def test_boot_and_defects_are_taken():
    bound = whole("boot: full\ndriver_defects: [mailbox-mask, mailbox-mask]")
    assert (bound.boot, bound.defects) == ("full", ("mailbox-mask",))
    assert whole("boot: reset\nsoftware: bare\ndriver_defects: []").boot == "reset"
    assert whole("boot: reset\nsoftware: linux").boot == "reset"


def test_linux_requests_the_interrupts_that_steps_name_each_once():
    lines = [
        "pulse: {device: dma, index: 1}",
        "raise: {device: serial}",
        "repeat: {count: 0, steps: [{pulse: {device: dma@20300000, index: 1}}, {disable_irq: {device: dma}}]}",
        "affinity: {device: serial, core: pe1}",
        "pulse: {controller: gic, input: 5}",
        "msi: {mailbox: 5, bit: 5}",
    ]
    assert whole("name: a", *lines).devices == (DMA1, SERIAL, DMA)
    assert whole("software: bare", *lines[:2]).devices == ()


def test_linux_requests_the_first_interrupt_of_each_device_of_a_list_and_no_other():
    assert whole("devices: [rtc, dma, rtc@20400000]", "pulse: {device: serial}").devices == (RTC, DMA)
    assert whole("devices: []", "pulse: {device: serial}").devices == ()


def test_linux_requests_all_interrupts_when_the_script_says_all():
    assert whole("devices: all", "pulse: {device: serial}").devices is None


@pytest.mark.parametrize(
    ("head", "place", "words"),
    [
        ("boot: off", (2, 7, "script-value"), "found the text `off`; expected running or reset or full"),
        ("boot: true", (2, 7, "script-value"), "found `true`; expected running or reset or full"),
        ("software: bare\nboot: full", (3, 1, "script-value"), "found `boot: full` with `software: bare`; expected it with linux only"),
        ("driver_defects: [mailbox]", (2, 18, "script-value"), "found the text `mailbox`; expected mailbox-mask; did you mean `mailbox-mask`?"),
        ("driver_defects: mailbox-mask", (2, 17, "script-value"), "expected a list of defects"),
        ("driver_defects: [mailbox-mask]\nsoftware: bare", (2, 1, "script-value"), "found `driver_defects` with `software: bare`"),
        ("devices: [dma]\nsoftware: bare", (2, 1, "script-value"), "found `devices` with `software: bare`"),
        ("devices: all\nsoftware: bare", (2, 1, "script-value"), "found `devices` with `software: bare`"),
        ("devices: dma", (2, 10, "script-value"), "found the text `dma`; expected all, or a list of nodes of the tree"),
        ("devices: [dma, 5]", (2, 16, "script-value"), "found `5`; expected a node of the tree"),
        ("devices: [dma, uart]", (2, 16, "script-node"), "the board has no device uart"),
    ],
)  # fmt: skip
def test_a_wrong_key_of_the_fabric_is_told_at_its_place(head, place, words):
    places, message = errors(f"version: 1\n{head}\nsteps: [wait: 1]\n")
    assert places == [place]
    assert words in message


def test_what_needs_linux_is_told_without_a_board():
    with pytest.raises(InputError, match="with linux only"):
        read("version: 1\nsoftware: bare\nboot: full\nsteps: [wait: 1]\n")


def test_a_script_of_ipis_alone_does_not_import_the_steps_of_the_fabric():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from script_board import program; "
        "lazy = {'kvx_emu.script.fabric_steps', 'kvx_emu.script.fabric_bind'}; "
        "program('send: {to: pe1}', 'expect: {lost: 0}'); assert not lazy & set(sys.modules); "
        "program('idle: {cores: pe1}'); assert lazy <= set(sys.modules)"
    )
    folder = str(__file__).rpartition("/")[0]
    subprocess.run([sys.executable, "-c", code, folder], check=True, timeout=60)
