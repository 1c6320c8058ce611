"""The power controller and the FTU: who runs."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from inv_base import BlockMachine, word

from kvx_emu.hw.port import Port
from kvx_emu.models.ftu import Ftu
from kvx_emu.models.pwr_ctrl import PwrCtrl

PES = range(16)
pes = st.sampled_from([0, 1, 5, 15])
HELD, STOPPED = "held", "stopped"


class Cores(Port):
    """Cores by name: held in reset, stopped, or the address where they were started."""

    def __init__(self, names):
        self.state = dict.fromkeys(names, HELD)

    def name(self, pid, cluster):
        return pid if cluster is None else (cluster, pid)

    def start(self, pid, pc, cluster=None):
        name = self.name(pid, cluster)
        if self.state[name] == HELD:
            self.state[name] = pc
        elif self.state[name] == STOPPED:
            self.state[name] = "went on"

    def hold(self, pid, cluster=None):
        self.state[self.name(pid, cluster)] = HELD

    def running(self, pid, cluster=None):
        return self.state[self.name(pid, cluster)] not in {HELD, STOPPED}


class PowerMachine(BlockMachine):
    """Ghost: the bits of each PE, PE_EN, RESET_PC, and what each PE does."""

    model = PwrCtrl

    def fresh(self):
        return self.model(self.port)

    def forget(self):
        self.wakeup, self.resets, self.acked = set(), set(), set()
        self.enabled = False
        self.pc = 0

    @initialize()
    def begin(self):
        self.port = Cores(PES)
        self.block = self.fresh()
        self.state = dict.fromkeys(PES, HELD)
        self.forget()

    def wake(self, pe):
        """Do what waking a PE does, when a 1 is written to its wake-up bit."""
        running = self.state[pe] not in {HELD, STOPPED}
        if self.enabled and not (running and pe in self.wakeup):
            if pe in self.resets:
                self.state[pe] = HELD
            if self.state[pe] == HELD:
                self.state[pe] = self.pc
            elif self.state[pe] == STOPPED:
                self.state[pe] = "went on"
        self.wakeup.add(pe)

    @rule(pe=pes, value=word(64), register=st.sampled_from(["write", "set", "clear"]))
    def control(self, pe, value, register):
        self.block.write(0x40 * pe + {"write": 0, "set": 0x10, "clear": 0x20}[register], 8, value)
        for bit, kept in ((1, self.resets), (10, self.acked)):
            if register == "write" or (register == "clear" and value >> bit & 1):
                kept.discard(pe)
            if register != "clear" and value >> bit & 1:
                kept.add(pe)
        if register != "clear" and value & 1:
            self.wake(pe)
        elif register == "write" or (register == "clear" and value & 1):
            self.wakeup.discard(pe)

    @rule(value=word(64), register=st.sampled_from(["write", "set", "clear"]))
    def wake_up_vector(self, value, register):
        self.block.write(0x1000 + {"write": 0, "set": 0x10, "clear": 0x20}[register], 8, value)
        for pe in PES:
            if value >> pe & 1 and register != "clear":
                self.wake(pe)
            elif register == "write" or (value >> pe & 1 and register == "clear"):
                self.wakeup.discard(pe)

    @rule(pe=pes)
    def as_linux_starts_a_pe(self, pe):
        before = dict(self.port.state)
        self.wake_up_vector(1 << pe, "set")
        self.wake_up_vector(1 << pe, "clear")
        others = {other: state for other, state in self.port.state.items() if other != pe}
        self.holds("I9", others == {other: before[other] for other in others}, pe)

    @rule(value=word(64), register=st.sampled_from(["write", "set", "clear"]))
    def reset_vector(self, value, register):
        self.block.write(0x1040 + {"write": 0, "set": 0x10, "clear": 0x20}[register], 8, value)
        mine = {pe for pe in PES if value >> pe & 1}
        self.resets = {"write": mine, "set": self.resets | mine, "clear": self.resets - mine}[register]

    @rule(value=word(64), register=st.sampled_from(["write", "set", "clear"]))
    def global_control(self, value, register):
        self.block.write(0x4040 + {"write": 0, "set": 0x10, "clear": 0x20}[register], 8, value)
        bit = bool(value & 2)
        self.enabled = {"write": bit, "set": self.enabled or bit, "clear": self.enabled and not bit}[register]

    @rule()
    def enable(self):
        self.global_control(2, "set")

    @rule(value=word(64))
    def reset_pc(self, value):
        self.block.write(0x2000, 8, value)
        self.pc = value & ~0xFFF

    @rule(pe=pes)
    def stop(self, pe):
        if self.state[pe] != HELD:
            self.state[pe] = self.port.state[pe] = STOPPED

    @invariant()
    def i9_each_pe_does_what_the_ghost_says(self):
        self.holds("I9", self.port.state == self.state)

    @invariant()
    def i8_each_register_shows_its_bits(self):
        wakeup, resets = (sum(1 << pe for pe in which) for which in (self.wakeup, self.resets))
        running = sum(1 << pe for pe in PES if self.state[pe] not in {HELD, STOPPED})
        found = [self.block.read(offset, 8) for offset in (0x1000, 0x1040, 0x2000, 0x400)]
        self.holds("I8", found == [wakeup, resets, self.pc, running], found)
        for pe in PES:
            bits = (pe in self.wakeup) | (pe in self.resets) << 1 | (pe in self.acked) << 10
            self.holds("I8", self.block.read(0x40 * pe, 8) == bits, pe)
        for offset in (0x10, 0x20, 0x1010, 0x1020, 0x1050, 0x1060, 0x4050, 0x4060):
            self.holds("I8", self.block.read(offset, 8) == 0, offset)


class FtuMachine(BlockMachine):
    """Ghost: the control bits and the boot address of each cluster, and what each RM does."""

    model = Ftu

    def fresh(self):
        return self.model(self.port)

    def forget(self):
        self.control = dict.fromkeys(range(5), 0)
        self.pc = dict.fromkeys(range(5), 0)
        self.bites = 0

    @initialize()
    def begin(self):
        self.port = Cores([(cluster, 16) for cluster in range(5)])
        self.block = self.fresh()
        self.state = dict.fromkeys(self.port.state, HELD)
        self.forget()

    @rule(cluster=st.integers(0, 4), value=word(32))
    def write_control(self, cluster, value):
        self.block.write(4 * cluster, 4, value)
        self.controlled(cluster, value & 0xF)

    @rule(cluster=st.integers(0, 4), value=st.integers(0, 7))
    def write_small_control(self, cluster, value):
        self.write_control(cluster, value)

    def controlled(self, cluster, value):
        before, self.control[cluster] = self.control[cluster], value
        rm = cluster, 16
        if value & 2 and not before & 2:
            self.state[rm] = HELD
        if value & 3 == 1 and before & 3 != 1:
            if self.state[rm] == HELD:
                self.state[rm] = self.pc[cluster]
            elif self.state[rm] == STOPPED:
                self.state[rm] = "went on"

    @rule(cluster=st.integers(0, 4), value=word(32))
    def boot_pc(self, cluster, value):
        self.block.write(0x60 + 4 * cluster, 4, value)
        self.pc[cluster] = value & 0xFFFFF000

    @rule(cluster=st.integers(0, 4))
    def bite(self, cluster):
        self.block.bitten(cluster)
        self.bites |= 1 << 8 + cluster

    @rule(cluster=st.integers(0, 4))
    def stop(self, cluster):
        if self.state[cluster, 16] != HELD:
            self.state[cluster, 16] = self.port.state[cluster, 16] = STOPPED

    @rule(offset=st.sampled_from([0x20, 0x30, 0x48, 0x50, 0x5C]), value=word(32))
    def write_what_cannot_be_written(self, offset, value):
        before = self.block.state()
        self.block.write(offset, 4, value)
        self.holds("I8", self.block.state() == before)

    @invariant()
    def i9_each_rm_does_what_the_ghost_says(self):
        self.holds("I9", self.port.state == self.state)

    @invariant()
    def i8_each_register_shows_its_bits(self):
        for cluster in range(5):
            running = self.state[cluster, 16] not in {HELD, STOPPED}
            found = [self.block.read(offset + 4 * cluster, 4) for offset in (0, 0x20, 0x60)]
            self.holds("I8", found == [self.control[cluster], running, self.pc[cluster]], cluster, found)
        self.holds("I8", self.block.read(0x48, 4) == self.bites)
        self.holds("I8", self.block.read(0x50, 4) == 0)
