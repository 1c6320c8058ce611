"""Run tests with one of the known defects of Kalray's QEMU put into our models: planted.py DEFECT TEST...

The exit status is pytest's. `none` plants nothing.
"""

from __future__ import annotations

import sys

import pytest

from kvx_emu.hw.model import Model
from kvx_emu.models.apic_gic import ApicGic
from kvx_emu.models.apic_mailbox import ApicMailbox
from kvx_emu.models.ipi_ctrl import IpiCtrl
from kvx_emu.models.itgen import Itgen
from kvx_emu.models.pwr_ctrl import PwrCtrl


def declare(model, name, **changes):
    """Change the declaration of a register of a model."""
    register = getattr(model, name).derive(**changes)
    register.__set_name__(model, name)
    setattr(model, name, register)
    Model.__init_subclass__.__func__(model)


def sets_1_to_7_are_missing():
    declare(IpiCtrl, "INTERRUPT", count=1)
    declare(IpiCtrl, "MASK", count=1)


def mask_keeps_32_bits():
    declare(IpiCtrl, "MASK", width=32, writable=0xFFFFFFFF)


def the_rm_is_not_wired():
    IpiCtrl.outputs = 0xFFFF


def triggers_are_ignored_and_add_replaces():
    ApicMailbox._fires = lambda self, index, written, result: written & self.mask[index] != 0
    ApicMailbox._combined = lambda self, index, value: (
        self.value[index] | value if self.func[index] & 3 == 1 else value
    )


def the_interrupt_comes_before_the_value():
    def post(self, index, value, written):
        result, fires = self.forecast(index, value)
        if fires:
            self._pulse(index)
        self.value[index] = 0 if fires and self.func[index] >> 8 == 3 else result
        self.port.tell("mailbox", index, self.value[index])

    ApicMailbox._post = post


def an_output_of_the_gic_never_falls():
    ApicGic._lower = lambda self, output: None


def the_bit_is_selected_by_23_18():
    Itgen.select = Itgen.CFG.fields["BIT"]._replace(lsb=18)


def any_bit_of_enable_enables():
    declare(Itgen, "ENABLE", width=32, writable=0xFFFFFFFF)


def waking_a_pe_wakes_the_lower_ones():
    wake = PwrCtrl._wake

    def wake_all(self, pe):
        for lower in range(pe):
            if not self.port.running(lower):
                wake(self, lower)
        wake(self, pe)

    PwrCtrl._wake = wake_all


def accesses_beyond_the_last_input_abort():
    read, write = ApicGic.read, ApicGic.write

    def abort(offset, size):
        if offset % 0x400 < 0x120 and offset % 0x400 + size > 157:
            raise AssertionError("QEMU aborts")

    def read_or_abort(self, offset, size):
        abort(offset, size)
        return read(self, offset, size)

    def write_or_abort(self, offset, size, value):
        abort(offset, size)
        write(self, offset, size, value)

    ApicGic.read, ApicGic.write = read_or_abort, write_or_abort


def reset_on_wake_up_lands_in_wake_up():
    PwrCtrl.reset_vector_bit = 1


def other_sizes_are_answered():
    check = Model._check

    def words_and_parts(self, offset, size):
        if not isinstance(self, IpiCtrl):
            check(self, offset, size)

    Model._check = words_and_parts


def none():
    pass


class Quick:
    """What makes the state machines stop at the first failure, however long it is."""

    @staticmethod
    def pytest_runtestloop():
        if "inv_run" in sys.modules:
            sys.modules["inv_run"].SHRINK = False


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    options = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # The package is here before pytest, which would rewrite the asserts of a plugin: it need not.
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    sys.exit(pytest.main([*options, *sys.argv[2:]], plugins=[Quick()]))
