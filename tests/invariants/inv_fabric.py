"""The whole fabric: two clusters of two PEs, with all that is between a device's line and a core's.

The ghost knows the chain from the rules alone: device -> itgen -> mailbox -> GIC -> core, and IPIs. It says
which requests of which cores follow from an action, in which order, and after which stages.
"""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import Invariants, word

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.machine.inputs import Input
from kvx_emu.machine.listener import Listener
from kvx_emu.machine.machine import build
from kvx_emu.saved import Saved

CORES = tuple(CoreId(cluster, pid) for cluster in (0, 1) for pid in (0, 1))
WIRED = {0: (0, 1, 2), 1: (2, 0, 1)}  # the GIC input of mailboxes 0 to 2; mailbox 3 has none
INPUTS = {"edge": 5, "level": 6}  # of the itgen
GIC_INPUTS = {"left": (0, 130), "right": (0, 130), "far": (1, 131)}  # two share one
LINE = 20  # of core 0 in cluster 0, which the device "plain" is wired to
DEVICES = ("edge", "far", "left", "level", "plain", "right")


def _cpu(cluster, pid):
    return (
        f'cpu@{cluster << 8 | pid:x} {{ device_type = "cpu"; reg = <{cluster << 8 | pid:#x}>; '
        f'i{cluster}{pid}: interrupt-controller {{ compatible = "kalray,kv3-1-intc"; '
        f"interrupt-controller; #interrupt-cells = <1>; }}; }};"
    )


def _cluster(cluster):
    at = 0x01000000 * (cluster + 1)
    wires = ", ".join(f"<&i{cluster}{pid} {{0}}>" for pid in (0, 1))
    inputs = ", ".join(f"<&gic{cluster} {number}>" for number in WIRED[cluster])
    return f"""
    gic{cluster}: gic@{at + 0xA20000:x} {{ compatible = "kalray,coolidge-apic-gic";
        reg = <0 {at + 0xA20000:#x} 0 0x12000>; interrupt-controller; #interrupt-cells = <1>;
        interrupts-extended = {wires.format(4)}; }};
    mbox{cluster}: mailbox@{at + 0xA00000:x} {{ compatible = "kalray,coolidge-apic-mailbox";
        reg = <0 {at + 0xA00000:#x} 0 0x800>; interrupt-controller; msi-controller;
        #interrupt-cells = <0>; interrupts-extended = {inputs}; }};
    ipi@{at + 0xAD0000:x} {{ compatible = "kalray,coolidge-ipi-ctrl";
        reg = <0 {at + 0xAD0000:#x} 0 0x1000>; interrupts-extended = {wires.format(24)}; }};"""


def _device(name, at, wire):
    return (
        f'{name}@{at:x} {{ compatible = "x,y"; reg = <0 {at:#x} 0 0x100>; interrupts-extended = {wire}; }};'
    )


BOARD = f"""/dts-v1/;
/ {{ #address-cells = <2>; #size-cells = <2>;
    cpus {{ #address-cells = <1>; #size-cells = <0>; {" ".join(_cpu(*core) for core in CORES)} }};
    {_cluster(0)} {_cluster(1)}
    itgen: itgen@27000000 {{ compatible = "kalray,coolidge-itgen"; reg = <0 0x27000000 0 0x1104>;
        interrupt-controller; #interrupt-cells = <2>; msi-parent = <&mbox0>; }};
    {_device("edge", 0x20000000, "<&itgen 5 1>")}
    {_device("level", 0x20001000, "<&itgen 6 4>")}
    {_device("left", 0x20002000, "<&gic0 130>")}
    {_device("right", 0x20003000, "<&gic0 130>")}
    {_device("far", 0x20004000, "<&gic1 131>")}
    {_device("plain", 0x20005000, "<&i00 20>")}
}};
"""
TREE = read_tree(BOARD.encode(), "fabric.dts")

cores = st.sampled_from(CORES)
clusters = st.integers(0, 1)
mailboxes = st.integers(0, 3)
bits = st.integers(0, 2)
values = st.one_of(bits.map(lambda bit: 1 << bit), word(64))
gic_inputs = st.sampled_from([0, 1, 2, 130, 131])
gic_lines = st.integers(0, 3)


class Recorder(Listener):
    """A listener that lets all happen at once, and keeps it in order."""

    def __init__(self, machine):
        super().__init__(machine.core)
        self.heard = []

    def request(self, core, line):
        self.heard.append(("request", core, line))
        super().request(core, line)

    def stage(self, event, cluster, core, line, value):
        self.heard.append((event, None if core is None else CoreId(cluster, core), line))

    def lost(self, block, cluster, number, why):
        self.heard.append(("lost", None, number))


class FabricMachine(Invariants):
    """Ghost: every register of every block that interrupts pass, as plain sets and numbers."""

    changed = None
    """What a test does to the machine before it is used: `changed(machine)`."""

    @initialize()
    def begin(self):
        self.machine = self.fresh()
        self.device = {name: self.machine.device_input(name, 0) for name in DEVICES}
        self.pending = set()
        self.requested, self.coalesced, self.delivered, self.cleared = (Counter() for _ in range(4))
        self.sent, self.masked = Counter(), Counter()
        self.blocked = {(cluster, number): 0 for cluster in (0, 1) for number in range(8)}
        self.enabled, self.waiting = set(), set()  # (cluster, core, line, input) of the GICs
        boxes = [(cluster, mailbox) for cluster in (0, 1) for mailbox in range(4)]
        self.value, self.mask = dict.fromkeys(boxes, 0), dict.fromkeys(boxes, 0)
        self.mode, self.trigger = dict.fromkeys(boxes, 0), dict.fromkeys(boxes, 0)
        self.cfg, self.on = dict.fromkeys(INPUTS.values(), 0), dict.fromkeys(INPUTS.values(), False)
        self.high = set()
        for core in self.machine.core.values():
            for name, value in (("ILE", 0xFFFFFFFF), ("ILL", 0x5555555555555555), ("PS", 0x01000010)):
                core.poke(name, value)

    def fresh(self):
        machine = build(TREE)[0]
        machine.listener = Recorder(machine)
        if self.changed is not None:
            type(self).changed(machine)
        return machine

    # The chain, from its end to its begin: what follows of each event. `told` gets the requests.

    def request(self, core, line, told):
        wire = core, line
        if wire in self.pending:
            self.coalesced[wire] += 1
        else:
            self.requested[wire] += 1
            self.pending.add(wire)
        told.append(("request", core, line))

    def gic_input(self, cluster, number, told):
        outputs = sorted((pid, line) for c, pid, line, n in self.enabled if (c, n) == (cluster, number))
        if not outputs:
            told.append(("lost", None, number))
        for pid, line in outputs:
            core = CoreId(cluster, pid)
            self.waiting.add((cluster, pid, line, number))
            told.append(("gic", core, 4 + line))
            self.request(core, 4 + line, told)

    def write_value(self, cluster, mailbox, value, told):
        box = cluster, mailbox
        old, mask, trigger = self.value[box], self.mask[box], self.trigger[box]
        new = {1: old | value, 2: (old + value) % (1 << 64)}.get(self.mode[box], value)
        fires = {1: value & mask != 0, 2: new == mask, 3: new == mask, 4: new >= mask}.get(trigger, False)
        self.value[box] = 0 if fires and trigger == 3 else new
        told.append(("mailbox", None, mailbox))
        if fires and mailbox < 3:
            self.gic_input(cluster, WIRED[cluster][mailbox], told)
        elif fires:
            told.append(("lost", None, mailbox))

    def send(self, number, told):
        cfg = self.cfg[number]
        mailbox, cluster, bit = cfg & 0x7F, cfg >> 8 & 7, cfg >> 24 & 0x3F
        told.append(("msi", None, number))
        if cluster > 1 or mailbox > 3:
            told.append(("lost", None, number))
        else:
            self.write_value(cluster, mailbox, 1 << bit, told)

    def line_changes(self, name, level, told):
        """Let what follows happen when a device's line goes up or down."""
        if (name in self.high) == level:
            return
        if level:
            self.high.add(name)
        else:
            self.high.discard(name)
        if not level:
            return
        if name in INPUTS:
            number = INPUTS[name]
            if self.on[number]:
                self.send(number, told)
            elif name != "level":
                told.append(("lost", None, number))
        elif name in GIC_INPUTS:
            shared = [other for other in GIC_INPUTS if GIC_INPUTS[other] == GIC_INPUTS[name]]
            if not any(other in self.high for other in shared if other != name):
                self.gic_input(*GIC_INPUTS[name], told)
        else:
            self.request(CORES[0], LINE, told)

    def see(self, told):
        """See that what was heard is what the ghost says, in that order, and that it ends."""
        heard, self.machine.listener.heard = self.machine.listener.heard, []
        self.holds("I15", len(heard) <= 2 + 2 * 8, len(heard))
        self.holds("I2", heard == told, heard, told)

    # What is written; each write comes from a core of any cluster, at the address that all see

    def write(self, core, address, value, size=8, cluster=0):
        self.machine.listener.cause = core
        self.machine.write(core, address + 0x01000000 * (cluster + 1), size, value)

    @rule(core=cores, cluster=clusters, mailbox=mailboxes, value=values)
    def post(self, core, cluster, mailbox, value):
        told = []
        self.write_value(cluster, mailbox, value, told)
        self.write(core, 0xA00000 + 0x200 * mailbox, value, cluster=cluster)
        self.see(told)

    @rule(core=cores, mailbox=mailboxes, value=values)
    def post_at_the_local_address(self, core, mailbox, value):
        told = []
        self.write_value(core.cluster, mailbox, value, told)
        self.machine.write(core, 0xA00000 + 0x200 * mailbox, 8, value)
        self.see(told)

    @rule(core=cores, cluster=clusters, mailbox=mailboxes, value=values)
    def set_mask(self, core, cluster, mailbox, value):
        self.write(core, 0xA00010 + 0x200 * mailbox, value, cluster=cluster)
        self.mask[cluster, mailbox] = value
        self.see([])

    @rule(
        cluster=clusters,
        mailbox=mailboxes,
        mode=st.integers(0, 2),
        trigger=st.sampled_from([1, 1, 1, 2, 3, 4]),
    )
    def set_func(self, cluster, mailbox, mode, trigger):
        self.write(CORES[0], 0xA00018 + 0x200 * mailbox, trigger << 8 | mode, cluster=cluster)
        self.mode[cluster, mailbox], self.trigger[cluster, mailbox] = mode, trigger
        self.see([])

    @rule(cluster=clusters, mailbox=mailboxes)
    def set_up_as_linux_does(self, cluster, mailbox):
        self.set_func(cluster, mailbox, 1, 1)
        self.set_mask(CoreId(cluster, 0), cluster, mailbox, 0x7)
        if mailbox < 3:
            self.enable(CoreId(cluster, 0), 0, WIRED[cluster][mailbox], True)

    @rule(cluster=clusters, mailbox=mailboxes)
    def load_and_clear(self, cluster, mailbox):
        found = self.machine.read(CORES[0], 0xA00008 + 0x200 * mailbox + 0x01000000 * (cluster + 1), 8)
        self.holds("I6", found == self.value[cluster, mailbox], hex(found))
        self.value[cluster, mailbox] = 0
        self.see([("ack", None, mailbox)] if found else [])

    @rule(core=cores, line=gic_lines, number=gic_inputs, on=st.booleans())
    def enable(self, core, line, number, on):
        at = 0xA20000 + 0x1000 * core.pid + 0x400 * line + number
        self.write(core, at, int(on), size=1, cluster=core.cluster)
        self.enabled.discard((*core, line, number))
        if on:
            self.enabled.add((*core, line, number))
        self.see([])

    @rule(core=cores, line=gic_lines)
    def read_the_gic(self, core, line):
        told = []
        for which in range(3):
            at = 0xA20120 + 0x1000 * core.pid + 0x400 * line + 8 * which
            found = self.machine.read(core, at, 8)
            mine = {entry for entry in self.waiting if entry[:3] == (*core, line) and entry[3] // 64 == which}
            self.holds("I6", found == sum(1 << entry[3] % 64 for entry in mine), hex(found))
            self.waiting -= mine
            told += [("ack", core, 4 + line)] if mine else []
        self.see(told)

    @rule(
        name=st.sampled_from(sorted(INPUTS)),
        cluster=st.sampled_from([0, 0, 1, 1, 6]),
        mailbox=st.integers(0, 4),
        bit=bits,
    )
    def aim(self, name, cluster, mailbox, bit):
        number = INPUTS[name]
        cfg = bit << 24 | cluster << 8 | mailbox
        self.machine.write(CORES[0], 0x27000000 + 0x10 * number, 4, cfg)
        self.cfg[number] = cfg
        self.see([])

    @rule(name=st.sampled_from(sorted(INPUTS)), on=st.booleans())
    def enable_at_the_itgen(self, name, on):
        number, told = INPUTS[name], []
        if on and not self.on[number] and name == "level" and name in self.high:
            self.send(number, told)
        self.on[number] = on
        self.machine.write(CORES[0], 0x27000008 + 0x10 * number, 4, int(on))
        self.see(told)

    @rule(name=st.sampled_from(DEVICES))
    def pulse(self, name):
        self.signal(name, True)
        self.signal(name, False)

    @rule(name=st.sampled_from(DEVICES), level=st.booleans())
    def signal(self, name, level):
        told = []
        self.line_changes(name, level, told)
        self.machine.signal(self.device[name], level)
        self.see(told)

    @rule(core=cores, line=st.sampled_from([0, 19, 23]))
    def signal_a_line(self, core, line):
        path = next(cpu.intc.path for cpu in self.machine.wiring.cpus if cpu.core == core)
        source = Input(path, line, controller=True, cores=(core,))
        told = []
        self.request(core, line, told)
        self.machine.signal(source, True)
        self.machine.signal(source, False)
        self.see(told)

    @rule(core=cores, cluster=clusters, number=st.integers(0, 7), value=word(20))
    def send_ipis(self, core, cluster, number, value):
        others = [each for each in CORES if each.cluster != cluster or not value >> each.pid & 1]
        before = {each: self.machine.core[each].save() for each in others}
        for pid in (0, 1):
            wire = CoreId(cluster, pid), 24 + number
            if value >> pid & 1:
                self.sent[wire] += 1
                if self.blocked[cluster, number] >> pid & 1:
                    self.masked[wire] += 1
                else:
                    self.request(*wire, [])
        self.write(core, 0xAD0000 + 4 * number, value, size=4, cluster=cluster)
        for each in others:
            self.holds("I9", self.machine.core[each].save() == before[each], each)
        self.see([])  # the wires of the IPI controller are its own

    @rule(cluster=clusters, number=st.integers(0, 7), value=word(17))
    def block_ipis(self, cluster, number, value):
        self.write(CORES[0], 0xAD0020 + 4 * number, value, size=4, cluster=cluster)
        self.blocked[cluster, number] = value
        self.see([])

    # What the cores do

    @rule(core=cores)
    def take(self, core):
        mine = sorted(line for who, line in self.pending if who == core)
        line = self.machine.core[core].step()
        self.holds("I12", line == (mine[0] if mine else None), line, mine)
        if line is not None:
            self.delivered[core, line] += 1
            self.pending.discard((core, line))
            self.machine.core[core].rfe()

    @rule(core=cores, lines=word(32))
    def clear(self, core, lines):
        model = self.machine.core[core]
        model.poke("ILR", model.ilr & ~lines)
        for line in range(32):
            if lines >> line & 1 and (core, line) in self.pending:
                self.cleared[core, line] += 1
                self.pending.discard((core, line))

    @rule()
    def i14_let_everything_be_handled(self):
        """Quiet, all enabled: what is pending is taken, and read from the GIC and from the mailboxes."""
        for _ in range(len(self.pending)):
            for core in CORES:
                self.take(core)
                for line in range(4):
                    self.read_the_gic(core, line)
        for cluster in (0, 1):
            for mailbox in range(4):
                self.load_and_clear(cluster, mailbox)
        self.holds("I14", not any(core.ilr for core in self.machine.core.values()))

    @rule()
    def i14_a_device_reaches_a_core(self):
        """From any state: set the chain up as Linux does, raise, take, and read the bit at the end."""
        self.signal("level", False)
        self.enable_at_the_itgen("level", False)
        self.aim("level", 1, 2, 1)
        self.set_func(1, 2, 1, 1)
        self.set_mask(CORES[2], 1, 2, 0x2)
        self.load_and_clear(1, 2)
        self.enable(CORES[2], 0, WIRED[1][2], True)
        self.enable_at_the_itgen("level", True)
        self.signal("level", True)
        self.holds("I14", (CORES[2], 4) in self.pending)
        for _ in range(32):
            self.take(CORES[2])
        self.holds("I14", (CORES[2], 4) not in self.pending)
        self.read_the_gic(CORES[2], 0)
        self.load_and_clear(1, 2)

    # Reset, snapshot, order

    def saved(self):
        return json.dumps(self.machine.state())

    def become(self, machine, saved):
        machine.restore(Saved(json.loads(saved), "machine"))

    @rule()
    def snapshot(self):
        saved = self.saved()
        self.machine = self.fresh()
        self.become(self.machine, saved)
        self.holds("I17", self.saved() == saved)
        self.see([])

    @rule(block=st.sampled_from(["gic", "mbox"]), cluster=clusters)
    def reset(self, block, cluster):
        for built in self.machine.blocks.values():
            model, place = built
            if place.cluster != cluster or not place.node.path.startswith(
                "/gic" if block == "gic" else "/mailbox"
            ):
                continue
            for _ in range(2):
                model.reset()
                self.holds("I13", model.state() == type(model)(model.port, model.site).state())
        if block == "gic":
            self.enabled = {entry for entry in self.enabled if entry[0] != cluster}
            self.waiting = {entry for entry in self.waiting if entry[0] != cluster}
        else:
            for kept in (self.value, self.mask, self.mode, self.trigger):
                kept.update({(cluster, mailbox): 0 for mailbox in range(4)})
        self.see([])

    @rule(mailbox=mailboxes, value=values, other=mailboxes, other_value=values, ipi=word(2))
    def i18_clusters_do_not_mind_the_order(self, mailbox, value, other, other_value, ipi):
        saved = self.saved()
        results = []
        for order in ((0, 1), (1, 0)):
            for cluster in order:
                box, what = ((mailbox, value), (other, other_value))[cluster]
                self.write(CoreId(cluster, 0), 0xA00000 + 0x200 * box, what, cluster=cluster)
                self.write(CoreId(cluster, 1), 0xAD0000, ipi, size=4, cluster=cluster)
            results.append(self.saved())
            self.become(self.machine, saved)
        self.machine.listener.heard.clear()
        self.holds("I18", results[0] == results[1])

    # After every step

    @invariant()
    def i1_it_adds_up(self):
        for core, model in self.machine.core.items():
            for line in range(32):
                wire = core, line
                now = model.ilr >> line & 1
                self.holds(
                    "I1", self.requested[wire] == self.delivered[wire] + self.cleared[wire] + now, wire
                )
            for line in range(24, 32):
                wire = core, line
                external = self.requested[wire] + self.coalesced[wire] + self.masked[wire]
                self.holds("I1", self.sent[wire] == external, wire)

    @invariant()
    def i4_pending_is_what_the_ghost_says(self):
        for core, model in self.machine.core.items():
            mine = sum(1 << line for who, line in self.pending if who == core)
            self.holds("I4", model.ilr == mine, core, hex(model.ilr), hex(mine))

    @invariant()
    def i10_the_mailboxes_hold_what_the_ghost_says(self):
        for (cluster, mailbox), value in self.value.items():
            at = 0xA00000 + 0x200 * mailbox + 0x01000000 * (cluster + 1)
            self.holds("I10", self.machine.read(CORES[0], at, 8) == value, cluster, mailbox)
