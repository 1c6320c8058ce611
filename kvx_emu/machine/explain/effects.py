"""What a register that was just written means now: what gets where, and who drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.core_id import RM, CoreId, core_names
from kvx_emu.hw.model import BusError
from kvx_emu.hw.register import bits
from kvx_emu.machine.explain.tellers import nowhere
from kvx_emu.models.apic_gic import LINES as GIC_LINES
from kvx_emu.models.apic_gic import ApicGic, output_core, output_line
from kvx_emu.models.apic_mailbox import (
    BARRIER,
    DOORBELL,
    MATCH,
    MODE,
    NONE,
    THRESHOLD,
    TRIGGER,
    ApicMailbox,
    QemuApicMailbox,
)
from kvx_emu.models.ftu import Ftu
from kvx_emu.models.ipi_ctrl import FIRST_LINE, IpiCtrl
from kvx_emu.models.itgen import Itgen, address, decode
from kvx_emu.models.pcimsi import VECTORS, WINDOW, PciMsi
from kvx_emu.models.pwr_ctrl import PwrCtrl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvx_emu.hw.model import Model
    from kvx_emu.hw.register import Register
    from kvx_emu.machine.explain.story import Story
    from kvx_emu.machine.explain.wires import Wires
    from kvx_emu.machine.facts import Block

MODES = ("write", "or", "add")
TRIGGERS = ("none", "doorbell", "match", "barrier", "threshold")


class Effects:
    """Tells what a written register of each kind of block changes."""

    def __init__(self, story: Story, wires: Wires) -> None:
        self._story = story
        self._wires = wires
        self._of: dict[type[Model], Callable[..., None]] = {
            IpiCtrl: self._ipi,
            ApicGic: self._gic,
            ApicMailbox: self._mailbox,
            Itgen: self._itgen,
            PciMsi: self._pcimsi,
            PwrCtrl: self._power,
            Ftu: self._ftu,
        }

    def foretell(self, model: Model, register: Register, index: int, value: int) -> None:
        """Tell what a write is about to do, of a register that combines it with what is there."""
        if not isinstance(model, ApicMailbox) or register.name not in {"VALUE", "LAC"}:
            return
        result, fires = model.forecast(index, value)
        before = model.value[index]
        mode = MODE.get(model.func[index])
        named = MODES[mode] if mode < len(MODES) else f"mode {mode}, which replaces"
        self._story.tell(f"mailbox {index} VALUE: {named}: {before:#x} -> {result:#x}")
        if register.name == "LAC":
            self._story.tell("a write to LAC never interrupts")
        else:
            self._story.tell(_why(model, index, value, result, fires))

    def tell(self, model: Model, register: Register, indices: Sequence[int]) -> None:
        """Tell what the registers `indices` of a bank, which were just written, mean now."""
        of = next((of for kind, of in self._of.items() if isinstance(model, kind)), None)
        if of is not None and register.access != "R":
            for index in indices:
                of(model, self._wires.block_of(model), register, index)

    # The IPI controller

    def _ipi(self, model: IpiCtrl, block: Block, register: Register, index: int) -> None:
        if register.name != "MASK":
            return
        cluster = block.cluster or 0
        cores = [core for core in self._wires.machine.core if core.cluster == cluster]
        wired = [core for core in cores if model.outputs >> core.pid & 1]
        reached = [core for core in wired if not model.mask[index] >> core.pid & 1]
        stopped = [core for core in wired if core not in reached]
        line = FIRST_LINE + index
        self._story.tell(
            f"INTERRUPT[{index}] now reaches line {line} of {core_names(reached) or 'no core'}"
            + (f", and not {core_names(stopped)}" if stopped else "")
        )
        self._story.tell("what was stopped before was lost: it does not come now")

    # The GIC

    def _gic(self, model: ApicGic, block: Block, register: Register, index: int) -> None:
        output, number = divmod(index, register.count or 1)
        port_wires = getattr(model.port, "wires", {})
        story, wires = self._story, self._wires
        if output in port_wires:
            core = CoreId(block.cluster or 0, output_core(output) or 0)
            line = output_line(output)
            on = output in model.outputs_of(number)
            verb = "is let through to" if on else "is stopped on its way to"
            story.tell(
                f"input {number} {verb} line {line} of {core}, by output {output} "
                f"(group {output // GIC_LINES}, line {output % GIC_LINES})",
                node=wires.node_of(core).path,
                place=wires.node_of(core).place,
                wired=wires.named(block, core, line),
            )
        else:
            story.tell(nowhere(model, block, output))
        self._gic_input(model, block, number)
        if output in model.outputs_of(number):
            story.tell("an input that rose before was lost: only what comes from now on is let through")

    def _gic_input(self, model: ApicGic, block: Block, number: int) -> None:
        self._story.tell(self._wires.input_text(block, number))
        self._gic_reach(model, number)

    def _gic_reach(self, model: ApicGic, number: int) -> None:
        nobody = "nobody: it is enabled at no output"
        if model.outputs_of(number):
            nobody = "nobody: no output where it is enabled leads to a core"
        self._story.tell(f"input {number} reaches {self._wires.gic_reach(model, number) or nobody}")

    # The mailboxes

    def _mailbox(self, model: ApicMailbox, block: Block, register: Register, index: int) -> None:
        if register.name not in {"MASK", "FUNC"}:
            return
        self._story.tell(f"mailbox {index} now {_rule(model, index)}")
        if register.name == "MASK" and model.value[index] & model.mask[index]:
            self._story.tell(f"VALUE is {model.value[index]:#x} already: only a write to it interrupts")
        self._downstream(model, block, index)
        for text in self._wires.writers(block, index):
            self._story.tell(f"it is written by {text}")

    def _downstream(self, model: ApicMailbox, block: Block, index: int) -> None:
        """Tell where the interrupt of a mailbox leads."""
        wires, story = self._wires, self._story
        if index >= model.count:
            story.tell(f"{block.node.path} has no mailbox {index}; it has {model.count}")
            return
        link = wires.machine.link(block.node.path, index)
        if link is None or index >= model.outputs:
            story.tell(f"mailbox {index} has no interrupt in the tree: it reaches nobody")
            return
        number = link.cells[0] if link.cells else 0
        built = wires.machine.blocks.get(link.target.path)
        story.tell(
            f"its interrupt is input {number} of {link.target.path}",
            node=link.target.path,
            place=link.target.place,
            wired=link.place,
        )
        with story.below():
            if built is None or not isinstance(built.model, ApicGic) or number >= built.model.inputs:
                story.tell(f"{link.target.path} has no such input: it reaches nobody")
            else:
                self._gic_reach(built.model, number)

    # The interrupt generators

    def _itgen(self, model: Itgen, block: Block, register: Register, index: int) -> None:
        story, wires = self._story, self._wires
        story.tell(wires.input_text(block, index))
        target = decode(model.cfg[index], model.select)
        to = address(model.cfg[index])
        on = bool(model.enable[index])
        cluster, mailbox, bit = target.cluster, target.mailbox, target.bit
        does = "it now writes" if on else "it is disabled (ENABLE is 0); enabled it would write"
        story.tell(f"{does} bit {bit} of mailbox {mailbox} of cluster {cluster} at {to:#x}")
        try:
            found, offset = wires.machine.locate(CoreId(0, 0), to)
        except BusError as error:
            story.tell(f"nothing takes a write to {to:#x}: {error}; its interrupts are lost")
            return
        taker = wires.block_of(found)
        with story.below():
            at = found.register_at(offset)
            if not isinstance(found, ApicMailbox) or at is None or at[0].name != "VALUE":
                story.tell(f"that is {found.title}, {taker.node.path}, and no mailbox")
                return
            story.tell(
                f"mailbox {at[1]} of {taker.node.path} {_rule(found, at[1])}",
                node=taker.node.path,
                place=taker.node.place,
            )
            if not isinstance(found, QemuApicMailbox) and TRIGGER.get(found.func[at[1]]) == DOORBELL:
                through = found.mask[at[1]] >> bit & 1
                story.tell(f"bit {bit} is {'let through' if through else 'stopped'} by its MASK")
            self._downstream(found, taker, at[1])
        parent = wires.machine.msi_parent(block)
        if parent is None:
            story.tell(f"{block.node.path} names no mailboxes (msi-parent): CFG alone decides")
        elif parent.node is not taker.node:
            place = block.node.property_place("msi-parent")
            story.tell(f"the tree names {parent.node.path} instead (msi-parent)", wired=place)

    # The PCI snooper

    def _pcimsi(self, model: PciMsi, block: Block, register: Register, index: int) -> None:
        story = self._story
        if register.name in {"ENABLE", "ADDR_LO", "ADDR_HI"}:
            base = (model.addr_hi << 32 | model.addr_lo) & -WINDOW
            window = f"writes of devices to {base:#x}..{base + WINDOW - 1:#x}"
            story.tell(f"{window} are {'taken' if model.enable else 'not taken: ENABLE is 0'}")
            return
        if register.name == "TYPE":
            takes = "takes messages" if not model.type[index] else "takes no message: it is not of type MSI"
            story.tell(f"group {index} {takes}")
        else:
            through = VECTORS - model.mask[index].bit_count()
            story.tell(f"{through} of the {VECTORS} vectors of group {index} interrupt")
        link = self._wires.machine.link(block.node.path, index)
        if link is None:
            story.tell(f"group {index} has no interrupt in the tree: it reaches nobody")
        else:
            cells = f" input {link.cells[0]}" if link.cells else ""
            story.tell(
                f"its interrupt is{cells} of {link.target.path}",
                node=link.target.path,
                place=link.target.place,
                wired=link.place,
            )

    # Power

    def _power(self, model: PwrCtrl, block: Block, register: Register, index: int) -> None:
        story = self._story
        name = register.name
        powered: dict[int, CoreId] = getattr(model.port, "powered", {})
        if name == "RESET_PC":
            story.tell(f"PEs that are woken from reset start at {model.reset_pc:#x}")
        elif name.startswith("GLOBAL_CONTROL"):
            on = model.GLOBAL_CONTROL.fields["PE_EN"].get(model.global_control)
            pes = core_names(core for pid, core in sorted(powered.items()) if pid != RM) or "no core"
            does = f"wakes its PE, of {pes}" if on else "wakes nobody; PEs that run go on"
            story.tell(f"PE_EN is {on}: a wake-up bit that is set from now on {does}")
        elif name.startswith("RM_CONTROL"):
            story.tell("kept, without effect: the RM is started by the FTU")
        elif name.startswith(("PE_CONTROL", "VEC_WUP")) and name.endswith("CLEAR"):
            story.tell("clearing a wake-up bit stops nobody")
        elif name.startswith("VEC_RESET"):
            resets = model.PE_CONTROL.fields["RESET_ON_WAKEUP"].mask
            first = [
                powered[pid]
                for pid in sorted(powered)
                if pid < len(model.pe_control) and model.pe_control[pid] & resets
            ]
            story.tell(f"waking resets {core_names(first) or 'no PE'} first")

    def _ftu(self, model: Ftu, block: Block, register: Register, index: int) -> None:
        if register.name == "BOOT_PC":
            self._story.tell(f"{CoreId(index, RM)} starts at {model.boot_pc[index]:#x} when it is woken")


def _rule(model: ApicMailbox, index: int) -> str:
    """Return how a mailbox combines and when it interrupts, as it stands."""
    func, mask = model.func[index], model.mask[index]
    mode, trigger = MODE.get(func), TRIGGER.get(func)
    named = MODES[mode] if mode < len(MODES) else f"mode {mode}, which replaces"
    if isinstance(model, QemuApicMailbox):
        named = "or" if named == "or" else "write"
        return f"combines by {named} and interrupts for the bits {mask:#x} (QEMU looks at no trigger)"
    when = {
        NONE: "interrupts never (trigger none)",
        DOORBELL: f"interrupts for the bits {mask:#x} (doorbell)" if mask else "interrupts never: MASK is 0",
        MATCH: f"interrupts when VALUE becomes {mask:#x} (match)",
        BARRIER: f"interrupts when VALUE becomes {mask:#x}, and clears it (barrier)",
        THRESHOLD: f"interrupts when VALUE becomes {mask:#x} or more (threshold)",
    }
    never = f"interrupts never: trigger {trigger} has no meaning"
    return f"combines by {named} and {when.get(trigger, never)}"


def _why(model: ApicMailbox, index: int, written: int, result: int, fires: bool) -> str:
    """Return why a write to VALUE interrupts or does not."""
    mask = model.mask[index]
    trigger = TRIGGER.get(model.func[index])
    if trigger == DOORBELL or isinstance(model, QemuApicMailbox):
        through, stopped = list(bits(written & mask)), list(bits(written & ~mask))
        parts = [f"{_bits(through)} let through by MASK {mask:#x}"] if through else []
        parts += [f"{_bits(stopped)} masked (MASK is {mask:#x})"] if stopped else []
        return f"doorbell: {'; '.join(parts) or 'no bit is written'}{'' if fires else ': no interrupt'}"
    if trigger == NONE:
        return "trigger none: no interrupt"
    if trigger >= len(TRIGGERS):
        return f"trigger {trigger} has no meaning: no interrupt"
    if trigger == THRESHOLD:
        compared = f"{result:#x} is {'not less' if fires else 'less'} than MASK {mask:#x}"
    else:
        compared = f"{result:#x} is {'' if fires else 'not '}MASK {mask:#x}"
    then = ", VALUE is cleared" if fires and trigger == BARRIER else ""
    return f"{TRIGGERS[trigger]}: {compared}{then}{'' if fires else ': no interrupt'}"


def _bits(numbers: list[int]) -> str:
    """Return `bit 3 is` or `bits 0-2, 5 are`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    return f"bit {text} is" if len(numbers) == 1 else f"bits {text} are"
