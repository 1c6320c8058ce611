"""The way of an interrupt through a Coolidge, written down once more: as QEMU has it, or as we do.

It is told in which of the listed differences it is to do as we do; in all others it does as Kalray's QEMU
does. Nothing is shared with the models. Names of differences are headings of docs/hardware-choices.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from replaying import BUS_ERROR, Effects, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replaying import Change, Request, Step

SIZES = "Size and alignment of an access"
NOTHING = "An address that nothing modelled answers"
COUNT = "How many mailboxes?"
TRIGGER = "When does a mailbox interrupt?"
ADD = "A mailbox that adds"
FUNC = "Bits of FUNC"
FALLS = "Does an output of the GIC fall?"
SELECT = "Which bit does an interrupt generator write?"
ENABLE = "Bits of ENABLE"
LEVEL = "An input that is high when it is enabled"

DIFFERENCES = (SIZES, NOTHING, COUNT, TRIGGER, ADD, FUNC, FALLS, SELECT, ENABLE, LEVEL)

ALL = (1 << 64) - 1


class Region(NamedTuple):
    """A block on the bus: what it is, whose, from where on, and the sizes in bytes that it takes."""

    kind: str
    which: int
    start: int
    size: int
    sizes: tuple[int, ...]


class Oracle:
    """All that recordings of the APIC touch, after a reset. `pins` are the levels of before it."""

    def __init__(self, ours: frozenset[str], pins: dict[tuple[str, int], bool] | None = None) -> None:
        self.ours = ours
        self.pins = {} if pins is None else pins
        self.value: dict[tuple[int, int], int] = defaultdict(int)  # of cluster and mailbox
        self.mask: dict[tuple[int, int], int] = defaultdict(int)
        self.func: dict[tuple[int, int], int] = defaultdict(int)
        self.enabled: dict[tuple[int, int], set[int]] = defaultdict(set)  # inputs, of cluster and output
        self.pending: dict[tuple[int, int], int] = defaultdict(int)  # 157 bits, of cluster and output
        self.cfg: dict[tuple[int, int], int] = defaultdict(int)  # of itgen and input
        self.enable: dict[tuple[int, int], int] = defaultdict(int)
        self.high: set[tuple[int, int]] = set()  # itgens and inputs
        self.ier: dict[int, int] = defaultdict(int)  # of serial ports, which are at inputs 41 to 46 of itgen0
        self.ilr: dict[tuple[int, int], int] = defaultdict(int)  # of cluster and pid
        self._changes: list[Change] = []
        self._messages: list[int] = []
        self._requests: list[Request] = []
        mailboxes = 128 if COUNT in ours else 121
        self.regions = [
            Region("itgen", 0, 0x27000000, 0x1104, (4,)),
            Region("itgen", 1, 0x27010000, 0x1104, (4,)),
        ]
        self.regions += [
            Region("serial", which, 0x20210000 + 0x1000 * which, 0x100, (1, 2, 4)) for which in range(6)
        ]
        for cluster in range(5):
            window = (cluster + 1) << 24
            self.regions.append(Region("mailbox", cluster, window + 0xA00000, mailboxes * 0x200, (8,)))
            self.regions.append(Region("gic", cluster, window + 0xA20000, 0x12000, (1, 2, 4, 8)))

    def step(self, step: Step) -> Effects:
        """Return what follows from a step that is no reset."""
        self._changes, self._messages, self._requests = [], [], []
        value = number(step["value"])
        result: int | str | None = None
        if step["op"] == "set_irq_in":
            assert value is not None
            device = step["path"].removeprefix("/machine/")
            if device.startswith("itgen"):
                self._line(int(device.removeprefix("itgen")), step["line"], bool(value))
            elif value:
                self._route(int(device[len("cluster[")]), step["line"])
        else:
            result = self._access(int(step["addr"], 16), step["size"], value)
        return Effects(result, tuple(self._changes), tuple(self._messages), tuple(self._requests))

    def after_reset(self) -> Oracle:
        return Oracle(self.ours, self.pins)

    # The bus

    def _find(self, address: int) -> Region | None:
        if address < 0x01000000:
            address += 0x01000000  # the recorder is in cluster 0
        hits = [region for region in self.regions if region.start <= address < region.start + region.size]
        return hits[0] if hits else None

    def _access(self, address: int, size: int, value: int | None) -> int | str | None:
        found = 0
        for at, length, region in self._parts(address, size):
            if region is None:
                if NOTHING in self.ours:
                    return BUS_ERROR
                continue
            offset = (address + at) % 0x01000000 - region.start % 0x01000000
            if length not in region.sizes or offset % length:
                if SIZES in self.ours:
                    return BUS_ERROR
                continue
            part = None if value is None else value >> 8 * at & (1 << 8 * length) - 1
            found |= getattr(self, "_" + region.kind)(region.which, offset, length, part) << 8 * at
        return found if value is None else None

    def _parts(self, address: int, size: int) -> Iterator[tuple[int, int, Region | None]]:
        """Yield (place, length, region) of the parts of an access: we do not cut it, QEMU does."""
        if SIZES in self.ours:
            yield 0, size, self._find(address)
            return
        at = 0
        while at < size:
            region = self._find(address + at)
            most = min(size - at, 4 if region is None else max(region.sizes))
            length = max(power for power in (1, 2, 4, 8) if power <= most and (address + at) % power == 0)
            yield at, length, region
            at += length

    # Mailboxes

    def _mailbox(self, cluster: int, offset: int, length: int, value: int | None) -> int:
        place = (cluster, offset // 0x200)
        register = offset % 0x200
        if value is None:
            held = {0x0: self.value, 0x8: self.value, 0x10: self.mask, 0x18: self.func}.get(register)
            found = 0 if held is None else held[place]
            if register == 0x8:
                self.value[place] = 0
            return found
        if register == 0x0:
            self._post(place, value)
        elif register == 0x8:
            self.value[place] = self._combined(place, value)
        elif register == 0x10:
            self.mask[place] = value
        elif register == 0x18:
            self.func[place] = value & 0x703 if FUNC in self.ours else value
        return 0

    def _combined(self, place: tuple[int, int], value: int) -> int:
        mode = self.func[place] & 3
        if mode == 1:
            return self.value[place] | value
        return self.value[place] + value & ALL if mode == 2 and ADD in self.ours else value

    def _post(self, place: tuple[int, int], value: int) -> None:
        cluster, mailbox = place
        operand, trigger = self.mask[place], self.func[place] >> 8 & 7
        result = self.value[place] = self._combined(place, value)
        fires = bool(value & operand)
        if TRIGGER in self.ours:
            equal = result == operand
            fires = {1: fires, 2: equal, 3: equal, 4: result >= operand}.get(trigger, False)
            if fires and trigger == 3:
                self.value[place] = 0
        if fires:
            self._level(f"cluster[{cluster}]/apic-mailbox", mailbox, True)
            self._route(cluster, mailbox)
            self._level(f"cluster[{cluster}]/apic-mailbox", mailbox, False)

    def _level(self, device: str, pin: int, level: bool) -> None:
        if self.pins.get((device, pin), False) != level:
            self.pins[device, pin] = level
            self._changes.append((device, "raise" if level else "lower", pin))

    # The GIC

    def _route(self, cluster: int, number: int) -> None:
        for output in range(72):
            if number in self.enabled[cluster, output]:
                self.pending[cluster, output] |= 1 << number
                self._level(f"cluster[{cluster}]/apic-gic", output, True)
                pid, line = output // 4, 4 + output % 4
                if pid <= 16:
                    self.ilr[cluster, pid] |= 1 << line
                    self._requests.append((cluster, pid, line, self.ilr[cluster, pid]))

    def _gic(self, cluster: int, offset: int, length: int, value: int | None) -> int:
        output, at = divmod(offset, 0x400)
        enabled = self.enabled[cluster, output]
        numbers = [number for number in range(at, at + length) if number < 157]
        if value is not None:
            for number in numbers:
                if value >> 8 * (number - at) & 1:
                    enabled.add(number)
                else:
                    enabled.discard(number)
            return 0
        if length == 8 and at in {0x120, 0x128, 0x130}:
            word = ALL << (at - 0x120) * 8
            found = (self.pending[cluster, output] & word) >> (at - 0x120) * 8
            self.pending[cluster, output] &= ~word
            if found and not self.pending[cluster, output] and FALLS in self.ours:
                self._level(f"cluster[{cluster}]/apic-gic", output, False)
            return found
        return sum(1 << 8 * (number - at) for number in numbers if number in enabled)

    # Interrupt generators

    def _itgen(self, which: int, offset: int, length: int, value: int | None) -> int:
        place, register = (which, offset // 0x10), offset % 0x10
        if offset >= 0x1100 or register in {0x4, 0xC}:
            return 272 if offset == 0x1100 and value is None else 0
        held = self.cfg if register == 0x0 else self.enable
        if value is None:
            return held[place]
        before = self.enable[place]
        held[place] = value & 1 if register == 0x8 and ENABLE in self.ours else value
        serial_port = which == 0 and 41 <= place[1] <= 46  # of type 4, high level, in the tree; no others are
        if LEVEL in self.ours and serial_port and place in self.high and self.enable[place] and not before:
            self._send(*place)
        return 0

    def _line(self, which: int, number: int, level: bool) -> None:
        if level:
            self.high.add((which, number))
        else:
            self.high.discard((which, number))
        if level and self.enable[which, number]:
            self._send(which, number)

    def _send(self, which: int, number: int) -> None:
        cfg = self.cfg[which, number]
        mailbox, cluster = cfg & 0x7F, cfg >> 8 & 7
        bit = cfg >> (24 if SELECT in self.ours else 18) & 0x3F
        address = 0xA00000 | mailbox << 9 | (cluster + 1) << 24
        self._messages.append(address)
        region = self._find(address)
        if region is not None:
            self._mailbox(cluster, mailbox * 0x200, 8, 1 << bit)

    # The serial port

    def _serial(self, which: int, offset: int, length: int, value: int | None) -> int:
        interrupts = (0, 41 + which) in self.high
        if offset == 0x4 and value is not None:
            self.ier[which] = value & 2
            if bool(value & 2) != interrupts:
                self._line(0, 41 + which, not interrupts)
        if offset == 0x8 and value is None:
            if interrupts:
                self._line(0, 41 + which, False)
            return 2 if interrupts else 1
        return self.ier[which] if offset == 0x4 and value is None else 0
