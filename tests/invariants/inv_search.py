"""All that can happen to a small system: a mailbox of 3 bits, a GIC, 2 cores, and Linux's driver.

The blocks and cores are the project's models, wired by a tree; the driver is the project's, too. A device
raises bits; software masks and unmasks them and moves the interrupt from core to core; cores take their line
and run the handler. How finely that is cut decides what can come between.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.drivers import MASK_DEFECT, Drivers, Vector
from kvx_emu.machine.inputs import Mailbox
from kvx_emu.machine.machine import build
from kvx_emu.models.apic_gic import ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox

OPERATIONS = "operations"
"""Grain: each operation of software is one step, and interrupts are handled at once."""

SOFTWARE = "software"
"""Grain: each access of software is a step; a core takes its line and handles it in one step, at any time."""

ACCESSES = "accesses"
"""Grain: each access of software and of handlers is a step, so both cores can be half-way through theirs."""

CORES = (CoreId(0, 0), CoreId(0, 1))
OUTPUTS = (0, 4)  # of the GIC: line 4 of each core
VALUE = 0x01A00000
MASK = 0x01A00010
GIC_ENABLE_CORE_1 = 0x01A21000  # of mailbox 0
HIDDEN = {0x01A20128, 0x01A20130, 0x01A21128, 0x01A21130}
"""The words of the GIC's LAC that have no mailbox 0, of each core."""

BOARD = """/dts-v1/;
/ { #address-cells = <2>; #size-cells = <2>;
    cpus { #address-cells = <1>; #size-cells = <0>;
        cpu@0 { device_type = "cpu"; reg = <0>; pe0: interrupt-controller {
            compatible = "kalray,kv3-1-intc"; interrupt-controller; #interrupt-cells = <1>; }; };
        cpu@1 { device_type = "cpu"; reg = <1>; pe1: interrupt-controller {
            compatible = "kalray,kv3-1-intc"; interrupt-controller; #interrupt-cells = <1>; }; }; };
    gic: gic@a20000 { compatible = "kalray,coolidge-apic-gic"; reg = <0 0xa20000 0 0x12000>;
        interrupt-controller; #interrupt-cells = <1>; interrupts-extended = <&pe0 4>, <&pe1 4>; };
    mailbox@a00000 { compatible = "kalray,coolidge-apic-mailbox"; reg = <0 0xa00000 0 0x200>;
        interrupt-controller; msi-controller; #interrupt-cells = <0>; interrupts-extended = <&gic 0>; };
    ipi@ad0000 { compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0xad0000 0 0x1000>;
        interrupts-extended = <&pe0 24>, <&pe1 24>; };
};
"""


class Paused(Exception):  # noqa: N818  (it ends a step)
    """The driver is about to do its next access."""


class Bus:
    """The machine as the driver sees it: it stops the driver before each access but the next one.

    A driver that is half-way through is kept as the results of its accesses so far: it begins anew each time,
    and finds these results again, without effect, up to where it was.
    """

    def __init__(self, machine):
        self.machine = machine
        self.go_through()

    def __getattr__(self, name):
        return getattr(self.machine, name)

    def go_through(self):
        """Do all accesses."""
        self.old = self.results = None

    def go_on(self, results, *, software):
        """Let the first accesses have these results, do one, and stop at the next."""
        self.old, self.results = len(results), list(results)
        self.at = 0
        self.software = software

    @property
    def new(self):
        """Whether what the driver does now has not been done in an earlier step."""
        return self.results is None or self.at > self.old or self.old == 0

    def write(self, core, address, size, value):
        self.access(address, lambda: self.machine.write(core, address, size, value))

    def read(self, core, address, size):
        return self.access(address, lambda: self.machine.read(core, address, size))

    def access(self, address, act):
        if self.results is None:
            return act()
        if self.at < len(self.results) and self.at < self.old:
            self.at += 1
            return self.results[self.at - 1]
        # Nobody can tell when the other words of the GIC's LAC are read, which have no bits, nor when
        # software reads MASK, which nobody else writes: they are no steps of their own.
        hidden = address in HIDDEN or (self.software and address == MASK)
        if self.at > self.old and not hidden:
            raise Paused
        self.at += 1
        self.results.append(act())
        return self.results[-1]


class Wanted:
    """The drivers of a script that uses so many messages."""

    apic = True
    timers = ()
    devices = ()

    def __init__(self, bits):
        self.messages = tuple((Mailbox(0, 0, VALUE), bit) for bit in range(bits))

    def boot_core(self, cluster):
        return CORES[0]


class Run:
    """The rows that the driver makes; each is an interrupt that has been handled."""

    now = 0

    def __init__(self, bus):
        self.bus = bus
        self.handled = 0
        self.rows = self

    def append(self, row):
        if self.bus.new:
            self.handled |= 1 << row[-1]

    def warn(self, *about):
        raise AssertionError(about)


class State(NamedTuple):
    """A state: of the blocks and cores what can change, who is half-way through what, and what is owed.

    `software` and each of `handlers` are None or what is done and the results of its accesses so far. `owed`
    are the bits that were raised and whose handler has not run since.
    """

    value: int
    mask: int
    enabled: int
    waiting: tuple[int, int]
    cores: tuple[tuple[int, ...], tuple[int, ...]]
    target: int
    software: tuple | None
    handlers: tuple
    owed: int


class Search:
    """Looks at all states that can be reached.

    `defect` is whether the driver has its defect, `grain` how finely steps are cut, `bits` how many bits of
    the mailbox are used. `moves` is whether software moves the interrupt; else `both` is whether both cores
    get it, or only core 0.
    """

    driver = Drivers

    def __init__(self, *, defect, grain, bits=3, moves=True, both=False):
        self.grain, self.bits, self.moves = grain, bits, moves
        self.machine = build(read_tree(BOARD.encode(), "small.dts"))[0]
        models = {type(built.model): built.model for built in self.machine.blocks.values()}
        self.gic, self.mailbox = models[ApicGic], models[ApicMailbox]
        self.core = tuple(self.machine.core.values())
        self.bus = Bus(self.machine)
        self.run = Run(self.bus)
        self.drivers = self.driver(self.bus, self.run, Wanted(bits), [MASK_DEFECT] if defect else [])
        for core in self.core:
            for name, number in (("ILE", 0x10), ("ILL", 0x100), ("PS", 0x01000010)):
                core.poke(name, number)
            core.request(4)  # so that what a first interrupt leaves behind makes no new states
            core.step()
            core.rfe()
        self.drivers.probe(0)
        for bit in range(bits):
            self.drivers.set_enabled(Vector(0, 0, bit), on=False)
        if both:
            self.machine.write(CORES[0], GIC_ENABLE_CORE_1, 1, 1)
        self.still = self.rest()
        self.start = self.look(0, None, (None, None), 0)

    # The state of the models: what can change is kept, and `rest` shows that nothing else does

    def rest(self):
        """Return what all models remember, without what a `State` keeps."""
        saved = self.machine.state()
        for path, block in saved["blocks"].items():
            if "mailbox" in path:
                block["value"][0] = block["mask"][0] = None
            elif "gic" in path:
                block["enabled"][0] = None
                for output in OUTPUTS:
                    block["status_lac"][3 * output] = None
        for core in saved["cores"].values():
            for name in ("ilr", "ps", "pc"):
                core[name] = None
            for name in ("sps", "spc", "es"):
                core[name][0] = None
        return saved

    def look(self, target, software, handlers, owed):
        cores = tuple((c.ilr, c.ps, c.pc, c.sps[0], c.spc[0], c.es[0], c.open) for c in self.core)
        waiting = tuple(self.gic.status_lac[3 * output] for output in OUTPUTS)
        return State(
            self.mailbox.value[0],
            self.mailbox.mask[0],
            self.gic.enabled[0],
            waiting,
            cores,
            target,
            software,
            handlers,
            owed,
        )

    def become(self, state):
        self.mailbox.value[0], self.mailbox.mask[0] = state.value, state.mask
        self.gic.enabled[0] = state.enabled
        for output, waiting in zip(OUTPUTS, state.waiting, strict=True):
            self.gic.status_lac[3 * output] = waiting
        for core, kept in zip(self.core, state.cores, strict=True):
            core.ilr, core.ps, core.pc, core.sps[0], core.spc[0], core.es[0], core.open = kept
        self.drivers._affinity[0, 0] = CORES[state.target]
        self.run.handled = 0

    # What can happen

    def actions(self, state):
        """Yield what can happen in a state."""
        for bit in range(self.bits):
            yield "device raises", bit
        if state.software is None:
            for bit in range(self.bits):
                yield "software masks" if state.mask >> bit & 1 else "software unmasks", bit
            if self.moves:
                yield "software moves it to core", 1 - state.target
        else:
            yield "software goes on", 0
        if self.grain != OPERATIONS:
            for which in (0, 1):
                if state.handlers[which] is not None:
                    yield "handler goes on, core", which
                elif state.cores[which][0] & state.cores[which][-1]:
                    yield "core takes it, core", which

    def after(self, state, action):
        """Return the state after an action."""
        self.become(state)
        what, which = action
        software, handlers, target, owed = state.software, list(state.handlers), state.target, state.owed
        if what == "device raises":
            self.machine.write_global(VALUE, 8, 1 << which)
            owed |= 1 << which
        elif what == "software goes on":
            software = self.advance(*software)
        elif what.startswith("software"):
            software = self.advance(what, which, ())
        elif what.startswith("core takes"):
            self.core[which].step()
            handlers[which] = () if self.grain == ACCESSES else self.handle(which, ())
        else:
            handlers[which] = self.handle(which, handlers[which])
        if software is None and what.startswith("software moves"):
            target = which
        if software is None and what == "software goes on" and state.software[0].startswith("software moves"):
            target = state.software[1]
        if self.grain == OPERATIONS:
            for each in (0, 1):
                while self.core[each].step() is not None:
                    self.handle(each, ())
        return self.look(target, software, tuple(handlers), owed & ~self.run.handled)

    def advance(self, what, which, results):
        """Let software do its next access; return how far it is, None if it is through."""
        vector = Vector(0, 0, which)
        if what == "software masks":
            through, results = self.step(lambda: self.drivers.set_enabled(vector, on=False), results, True)
        elif what == "software unmasks":
            through, results = self.step(lambda: self.drivers.set_enabled(vector, on=True), results, True)
        else:
            self.drivers._affinity[0, 0] = CORES[1 - which]
            move = lambda: self.drivers.set_affinity(Vector(0, 0, 0), CORES[which])  # noqa: E731
            through, results = self.step(move, results, True)
        if through:
            return None
        if what == "software unmasks" and len(results) > 2:
            results = (*results[:2], results[2] & 1 << which)  # the driver asks no more of VALUE
        return what, which, results

    def handle(self, which, results):
        """Let a core's handler do its next access; return how far it is, None if it is through."""
        through, results = self.step(lambda: self.drivers.handle(CORES[which]), results, False)
        if through:
            self.core[which].rfe()
            return None
        # Of what LAC and MASK gave, only what the driver makes of it is kept: fewer states, the same ways on.
        if len(results) > 5:
            results = (*results[:3], results[3] & results[4], results[3] & results[4], *results[5:])
        elif len(results) > 4:
            results = (*results[:4], results[3] & results[4])
        return results

    def step(self, act, results, software):
        if self.grain == OPERATIONS or (self.grain == SOFTWARE and not software):
            self.bus.go_through()
            act()
            return True, ()
        self.bus.go_on(results, software=software)
        try:
            act()
        except Paused:
            return False, tuple(self.bus.results)
        return True, ()

    # What must not be

    def wrong(self, state):
        """Return what is wrong with a state, if anything is."""
        # A handler has in hand what its fourth access, the read of the mailbox's LAC, gave; when the sixth
        # has written the masked bits back, only those that the fifth, the read of MASK, let through.
        in_hand = 0
        for results in state.handlers:
            if results is not None and len(results) > 3:
                in_hand |= results[3] & (results[4] if len(results) > 5 else -1)
        lost = state.owed & ~(state.value | in_hand)
        if lost:
            return f"bits {lost:#b} are lost"
        quiet = state.software is None and state.handlers == (None, None)
        stuck = state.owed & state.mask
        if quiet and stuck and not any(core[0] for core in state.cores):
            return f"bits {stuck:#b} wait, unmasked, for an interrupt that nobody sends"
        return None

    def all(self, limit=None):
        """Return what is found: the shortest way to what is wrong, None if there is none, and figures."""
        begin = time.process_time()
        came: dict[State, tuple[State, tuple[str, int]] | None] = {self.start: None}
        queue = deque([self.start])
        moves = 0
        while queue:
            state = queue.popleft()
            for action in self.actions(state):
                moves += 1
                after = self.after(state, action)
                if after in came:
                    continue
                came[after] = state, action
                if len(came) % 500 == 0:
                    assert self.rest() == self.still, "more than a state keeps has changed"
                why = self.wrong(after)
                if why is not None:
                    return Found(why, self.way(came, after), len(came), moves, time.process_time() - begin)
                if limit is not None and len(came) > limit:
                    raise AssertionError(f"more than {limit} states")
                queue.append(after)
        return Found(None, [], len(came), moves, time.process_time() - begin)

    @staticmethod
    def way(came, state):
        actions = []
        while came[state] is not None:
            state, action = came[state]
            actions.append(f"{action[0]} {action[1]}")
        return actions[::-1]


class Found(NamedTuple):
    """What a search has found: what is wrong and the shortest way there; how much it looked at."""

    why: str | None
    way: list[str]
    states: int
    moves: int
    seconds: float  # of the processor
