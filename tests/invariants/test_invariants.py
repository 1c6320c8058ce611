"""The invariants of interrupts hold, whatever is done to the models; and who breaks one is found.

This is the short form, the same each time; `make invariants` runs a minute of it, and campaign.py as much as
it is told.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest
from inv_base import CHECKED, INVARIANTS
from inv_core import CoreMachine
from inv_events import EventsMachine
from inv_fabric import FabricMachine
from inv_gic import GicMachine
from inv_ipi import IpiMachine
from inv_itgen import ItgenMachine
from inv_mailbox import MailboxMachine
from inv_pcimsi import PciMsiMachine
from inv_power import FtuMachine, PowerMachine
from inv_run import MACHINES, figures, run

from kvx_emu.models.apic_gic import ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.core import Core
from kvx_emu.models.ftu import Ftu
from kvx_emu.models.ipi_ctrl import IpiCtrl
from kvx_emu.models.itgen import Itgen
from kvx_emu.models.pcimsi import PciMsi
from kvx_emu.models.pwr_ctrl import PwrCtrl


@pytest.mark.parametrize("name", MACHINES)
def test_the_invariants_hold(name):
    figures(name, examples=10, steps=30)


def test_every_invariant_is_looked_at():
    for name in ("core", "ipi", "itgen", "mailbox", "fabric"):
        figures(name, examples=12, steps=30, number=2, shrink=False)
    looked = Counter(name for (_, name), number in CHECKED.items() if number)
    assert sorted(looked) == sorted(INVARIANTS)


# Who breaks one


class ForgetsCoalesced(Core):
    """A second request of a line takes back the first."""

    def request(self, line):
        if self.ilr >> line & 1:
            self.ilr &= ~(1 << line)
        else:
            super().request(line)


class TiesGoUp(Core):
    """Of two lines of one priority the higher number wins."""

    def candidate(self):
        line = super().candidate()
        if line is None:
            return None
        same = [
            other
            for other in range(32)
            if (self.ilr & self.open) >> other & 1
            and (self.owner(other), self.level(other)) == (self.owner(line), self.level(line))
        ]
        return max(same)


class ClearWins(Core):
    """A bit that is both set and cleared ends up clear."""

    def wfxl(self, name, operand):
        return super().wfxl(name, operand & ~(operand << 32))


class KeepsRequestsInReset(Core):
    """A reset leaves what was requested."""

    ilr = 0

    def reset(self):
        kept = self.ilr
        super().reset()
        self.ilr = kept


class TimerIsEarly(Core):
    """A timer underflows after V ticks, not V + 1."""

    def next_underflow(self):
        due = super().next_underflow()
        return None if due is None else due - 1


class OneMoreLap(Core):
    """An event is passed on by everyone."""

    def receive(self, event, forward):
        super().receive(event, forward)
        return True


class MaskOfAllSets(IpiCtrl):
    """The mask of set 0 stops the others, too."""

    INTERRUPT = IpiCtrl.INTERRUPT.derive()

    @INTERRUPT.on_write
    def _pulse(self, index, value, written):
        blocked = value & self.mask[index] | value & self.mask[0]
        self.port.pulse(index, value ^ blocked, blocked, written)


class NextCoreToo(IpiCtrl):
    """A write for core i reaches core i + 1, too."""

    INTERRUPT = IpiCtrl.INTERRUPT.derive()

    @INTERRUPT.on_write
    def _pulse(self, index, value, written):
        raised = (value | value << 1) & 0x1FFFF & ~self.mask[index]
        self.port.pulse(index, raised, value & self.mask[index], written)


class NeverFalls(ApicGic):
    """An output that has risen stays high."""

    def _lower(self, output):
        pass


class ClearsAllWords(ApicGic):
    """A read of one word of LAC clears all three."""

    def _take(self, output, word):
        taken = super()._take(output, word)
        for other in range(3):
            self.status_lac[3 * output + other] = 0
        return taken


class RemembersWhatWasDisabled(ApicGic):
    """Enabling an input delivers it, if anything came before."""

    def _enable(self, output, first, size, value):
        super()._enable(output, first, size, value)
        for number in range(first, min(first + size, 157)):
            if self.enabled[number] >> output & 1 and self.status_lac[0]:
                self.input(number, True)


class NotifiesFirst(ApicMailbox):
    """The interrupt comes before the value is there."""

    def _post(self, index, value, written):
        if self._fires(index, value, self._combined(index, value)):
            self._pulse(index)
        self.value[index] = self._combined(index, value)


class AddDoesNotWrap(ApicMailbox):
    """ADD saturates."""

    def _combined(self, index, value):
        new = self.value[index] + value
        return min(new, (1 << 64) - 1) if self.func[index] & 3 == 2 else super()._combined(index, value)


class QemusBitSelect(Itgen):
    """The bit is taken from 23:18."""

    select = Itgen.CFG.fields["BIT"]._replace(lsb=18)


class SendsWhileDisabled(Itgen):
    """A line of type level is sent although it is disabled."""

    def input(self, number, level):
        super().input(number, level)
        if level and not self.enable[number] and self._resends(number):
            self._send(number)


class LosesMaskedVectors(PciMsi):
    """A vector that is masked is not kept."""

    def message(self, address, data):
        before = list(self.status)
        taken = super().message(address, data)
        for group in range(8):
            if self.status[group] & self.mask[group] & ~before[group]:
                self.status[group] = before[group]
        return taken


class StartsLowerOnes(PwrCtrl):
    """Starting a PE starts the ones below it."""

    def _wake(self, pe):
        for lower in range(pe + 1):
            super()._wake(lower)


class IgnoresReset(Ftu):
    """Wake-up starts an RM although it is held in reset."""

    CONTROL = Ftu.CONTROL.derive()

    @CONTROL.on_write
    def _control(self, index, value, written):
        before, self.control[index] = self.control[index], value
        if value & 1 and not before & 1:
            self.port.start(16, self.boot_pc[index], cluster=index)


def crossed(machine):
    """Wire each GIC of a machine to the lines of its cores the wrong way round."""
    for model, _ in machine.blocks.values():
        if isinstance(model, ApicGic):
            wires = dict(model.port.wires)
            model.port.wires = {output: wires[output ^ 4] for output in wires}


def forgetful(machine):
    """Let a core's requests of line 20 get lost."""
    core = next(iter(machine.core.values()))
    request = core.request
    core.request = lambda line: None if line == 20 else request(line)


BROKEN = {
    "forgets coalesced": (CoreMachine, ForgetsCoalesced, "I4"),
    "ties go up": (CoreMachine, TiesGoUp, "I12"),
    "clear wins": (CoreMachine, ClearWins, None),
    "keeps requests in reset": (CoreMachine, KeepsRequestsInReset, None),
    "timer is early": (CoreMachine, TimerIsEarly, "I2"),
    "one more lap": (EventsMachine, OneMoreLap, None),
    "mask of all sets": (IpiMachine, MaskOfAllSets, "I4"),
    "next core too": (IpiMachine, NextCoreToo, "I9"),
    "never falls": (GicMachine, NeverFalls, None),
    "clears all words": (GicMachine, ClearsAllWords, None),
    "remembers what was disabled": (GicMachine, RemembersWhatWasDisabled, None),
    "notifies first": (MailboxMachine, NotifiesFirst, "I10"),
    "add does not wrap": (MailboxMachine, AddDoesNotWrap, None),
    "bit select of QEMU": (ItgenMachine, QemusBitSelect, "I11"),
    "sends while disabled": (ItgenMachine, SendsWhileDisabled, None),
    "loses masked vectors": (PciMsiMachine, LosesMaskedVectors, "I4"),
    "starts lower ones": (PowerMachine, StartsLowerOnes, "I9"),
    "ignores reset": (FtuMachine, IgnoresReset, None),
}
"""The machine, the broken model, and the invariant that finds it (None: which of several depends)."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_found(name):
    machine, model, invariant = BROKEN[name]
    found(type(machine.__name__, (machine,), {"model": model}), invariant)


@pytest.mark.parametrize(("change", "invariant"), [(crossed, "I2"), (forgetful, "I1")])
def test_a_broken_machine_is_found(change, invariant):
    found(type("FabricMachine", (FabricMachine,), {"changed": change}), invariant)


def found(machine, invariant):
    with pytest.raises(AssertionError) as failure:
        run(machine, examples=300, shrink=False)
    named = re.match(r"I\d+(?=:)", str(failure.value))
    assert named is not None, failure.value
    assert invariant in {None, named[0]}
