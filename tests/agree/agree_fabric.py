"""The interrupt fabric in drawn cases: the blocks of a board, and steps that use them, timers and power."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agree_programs import Step

from kvx_emu.core_id import RM, CoreId
from kvx_emu.models.core import Core
from kvx_emu.models.itgen import encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from agree_boards import Board, Cluster

MAILBOXES = 5
"""Mailboxes of each cluster; the last has no output."""

ITGEN = 0x27000000
FTU = 0x10181000
LEVEL, EDGE = 41, 42  # inputs of the generator that devices are wired to: a level, and an edge
WIRED = 5  # the line of a core that a device is wired to
OUT = 129  # the GIC's input that a device of a cluster is wired to
CORE_LINES = (0, 1, 2, 4, 5, 6)  # of timers, the watchdog, the GIC

ALL = (1 << 64) - 1

_RESTS = sum(Core.TCR.fields[name].mask for name in ("T0SI", "T1SI", "WSI"))
"""A timer rests while its core sleeps."""


STEPS = {
    *("raise", "lower", "pulse", "msi", "timer", "watchdog", "start", "stop", "ipe", "idle"),
    *("enable_irq", "disable_irq", "affinity"),
}
"""The kinds of steps of the fabric; writes and reads of its registers are of others."""


def window(cluster: int) -> int:
    """Return where a drawn board has the blocks of a cluster: those of the first are at the local window."""
    return (cluster + 1) << 24 if cluster else 0


def nodes(board: Board) -> list[str]:
    """Return the nodes of the blocks, as source."""
    made = []
    if board.timer_hz:
        wires = [f"<&i{core.cluster}_{core.pid} 0>" for core in board.cores]
        made.append(
            'tclk: clock { compatible = "fixed-clock"; #clock-cells = <0>; '
            f"clock-frequency = <{board.timer_hz}>; }};"
            f'timer {{ compatible = "kalray,kv3-1-timer"; clocks = <&tclk>; '
            f"interrupts-extended = {', '.join(wires)}; }};"
        )
    if not board.blocks:
        return made
    for index, cluster in enumerate(board.clusters):
        made += _of_cluster(index, cluster)
    made.append(
        f'ftu@{FTU:x} {{ compatible = "kalray,kvx-syscon", "syscon"; reg = <{FTU:#x} 0x418>; }};'
        f'itgen: itgen@{ITGEN:x} {{ compatible = "kalray,coolidge-itgen"; reg = <{ITGEN:#x} 0x1104>; '
        "interrupt-controller; #interrupt-cells = <2>; msi-parent = <&mbox0>; };"
    )
    for number, (name, kind) in enumerate((("uart0", f"{LEVEL} 4"), ("uart1", f"{EDGE} 1"))):
        at = 0x20210000 + 0x1000 * number
        made.append(
            f'{name}: serial@{at:x} {{ compatible = "snps,dw-apb-uart"; reg = <{at:#x} 0x100>; '
            f"interrupt-parent = <&itgen>; interrupts = <{kind}>; }};"
        )
    return made


def _of_cluster(index: int, cluster: Cluster) -> list[str]:
    base = window(index)
    inputs = ", ".join(f"<{number}>" for number in range(MAILBOXES - 1))
    made = [
        f'gic{index}: gic@{base + 0xA20000:x} {{ compatible = "kalray,coolidge-apic-gic"; '
        f"reg = <{base + 0xA20000:#x} 0x12000>; interrupt-controller; #interrupt-cells = <1>; }};"
        f'mbox{index}: mbox@{base + 0xA00000:x} {{ compatible = "kalray,coolidge-apic-mailbox"; '
        f"reg = <{base + 0xA00000:#x} {MAILBOXES * 0x200:#x}>; interrupt-controller; msi-controller; "
        f"#interrupt-cells = <0>; interrupt-parent = <&gic{index}>; interrupts = {inputs}; }};"
        f'power@{base + 0xA40000:x} {{ compatible = "kalray,coolidge-pwr-ctrl"; '
        f"reg = <{base + 0xA40000:#x} 0x4158>; }};"
        f'dma{index}: dma@{base + 0x700000:x} {{ compatible = "kalray,kvx-dma-noc"; '
        f"reg = <{base + 0x700000:#x} 0x100>; interrupt-parent = <&gic{index}>; interrupts = <{OUT}>; }};"
    ]
    if cluster.pids:
        made.append(
            f'tick{index}: tick@{base + 0x710000:x} {{ compatible = "vendor,tick"; '
            f"reg = <{base + 0x710000:#x} 0x100>; "
            f"interrupts-extended = <&i{index}_{cluster.pids[0]} {WIRED}>; }};"
        )
    return made


def _step(kind: str, **keys: Any) -> Step:
    return Step(kind, {key.rstrip("_"): value for key, value in keys.items()})


class Fabric:
    """Draws what a script does with the fabric of a board; `r` is the case's.

    `lines` are those of the script's IPIs, `time` is about how long the script takes, `busy` how long a
    handler keeps its core at most, both in ticks: timers are slow enough that a run ends.
    """

    def __init__(
        self, r: Random, board: Board, software: str, lines: Sequence[int], time: int, busy: int
    ) -> None:
        self.r = r
        self.lines = lines
        self.board = board
        self.linux = software == "linux"
        self.cores = board.cores
        self.pes = tuple(core for core in board.cores if core.pid != RM)
        self.time = max(time, 20)
        self.busy = busy
        self.devices = [f"uart{n}" for n in (0, 1)] * board.blocks
        self.devices += [f"dma{n}" for n in range(len(board.clusters))] * board.blocks
        self.wired = [f"tick{n}" for n, cluster in enumerate(board.clusters) if cluster.pids] * board.blocks
        self.boot = r.choices(["running", "reset", "full"], [80, 13, 7 if self.linux else 0])[0]
        self.defects = ("mailbox-mask",) if self.linux and r.random() < 0.2 else ()
        self.all_devices = self.linux and r.random() < 0.2

    def some(self, cores: Sequence[CoreId], most: int) -> tuple[CoreId, ...]:
        """Draw one to `most` of the cores, ascending."""
        return tuple(sorted(self.r.sample(cores, self.r.randint(1, min(most, len(cores))))))

    def few(self) -> tuple[CoreId, ...]:
        """Draw a core or two, or now and then many."""
        return self.some(self.cores, self.r.choice([1, 1, 2, 2, len(self.cores)]))

    # -- before the rest --------------------------------------------------------------------------

    def setup(self) -> list[Step]:
        """Draw what lets interrupts through: starts of cores, and without Linux the writes of its drivers."""
        r = self.r
        steps = []
        if self.boot == "reset" and r.random() < 0.8:
            held = tuple(core for core in self.cores if core != CoreId(0, RM))
            if held:
                steps.append(self.start(held if r.random() < 0.6 else self.some(held, len(held))))
        if self.board.blocks and (not self.linux or r.random() < 0.2):
            for _ in range(r.randint(1, 4)):
                steps += self.route()
        return steps

    def route(self) -> list[Step]:
        """Draw a way from a mailbox, or a device, to a core."""
        r = self.r
        core, writer = r.choice(self.cores), r.choice(self.cores)
        base = (core.cluster + 1) << 24
        output = 4 * core.pid + r.choice([0, 0, 0, 1, 2])
        number = r.choice([*range(MAILBOXES), OUT])
        gic = base + 0xA20000 + 0x400 * output + number
        steps = [_step("write", addr=gic, value=1, size=1, from_=writer)]
        if number < MAILBOXES:
            box = base + 0xA00000 + 0x200 * number
            function = r.choice([0x101, 0x101, 0x101, 0x100, 0x102, 0x202, 0x300, 0x402])
            mask = r.choice([ALL, ALL, 1, 3, r.getrandbits(64)])
            steps.append(_step("write", addr=box + 0x18, value=function, size=8, from_=writer))
            steps.append(_step("write", addr=box + 0x10, value=mask, size=8, from_=writer))
        if r.random() < 0.5:
            at = ITGEN + 0x10 * r.choice([LEVEL, EDGE])
            config = encode(core.cluster, min(number, MAILBOXES), r.choice([0, 1, r.randrange(64)]))
            steps.append(_step("write", addr=at, value=config, size=4, from_=writer))
            steps.append(_step("write", addr=at + 8, value=1, size=4, from_=writer))
        return steps

    # -- steps ------------------------------------------------------------------------------------

    def step(self) -> Step:
        """Draw any step of the fabric."""
        r = self.r
        ways = {
            self.timer: 14,
            self.watchdog: 6,
            self.idle: 9,
            self.start: 5,
            self.stop: 6,
            self.event: 2,
            self.stop_idle: 3,
        }
        if self.board.blocks:
            ways |= {self.signal: 30, self.message: 12, self.raw: 10, self.read: 4}
            if self.linux:
                ways |= {self.irq: 5, self.affinity: 4}
        elif self.board.intc:
            ways |= {self.line: 10}
        if self.linux:
            ways |= {self.operation: 12}
        return r.choices(list(ways), list(ways.values()))[0]()

    def timer(self) -> Step:
        """Draw a timer that starts or stops."""
        r = self.r
        number = r.choice([0, 0, 0, 1])
        if r.random() < 0.3:
            return _step("timer", cores=self.few(), timer=number, stop=True)
        cores, every = self.few(), None
        if r.random() < 0.4:
            cores, every = self.some(self.cores, 3), self.period()
        return _step(
            "timer", cores=cores, timer=number, value=self.delay(), every=every, interrupt=r.random() < 0.85
        )

    def delay(self) -> int:
        """Draw a time to an underflow."""
        r = self.r
        return 1 + r.choice([0, 1, r.randrange(10), r.randrange(self.time), r.randrange(self.time)])

    def period(self) -> int:
        """Draw a time between underflows."""
        return 4 * self.busy + self.r.choice([10, self.time // 3, self.time // 10 + 1, 5 * self.time])

    def watchdog(self) -> Step:
        """Draw a watchdog that starts, is fed or stops."""
        r = self.r
        kind = r.random()
        if kind < 0.2:
            return _step("watchdog", cores=self.few(), ack=True)
        if kind < 0.4:
            return _step("watchdog", cores=self.few(), stop=True)
        every = r.choice([None, self.period()])
        value = self.delay() if every is not None else self.period()
        bite, interrupt = r.random() < 0.6, r.random() < 0.8
        cores = self.some(self.cores, 2)
        return _step("watchdog", cores=cores, value=value, every=every, interrupt=interrupt, bite=bite)

    def stop_idle(self) -> Step:
        """Draw whether timers rest while their core sleeps."""
        r = self.r
        operation = r.choice(["set", "set", "clear"])
        bits = r.choice([_RESTS, _RESTS & r.getrandbits(32)])
        return _step("sfr", cores=self.few(), register="TCR", **{operation: bits})

    def nap(self) -> list[Step]:
        """Draw a sleep in which a timer rests, so that it goes on when a request comes."""
        timer = self.timer()
        while "stop" in timer.keys:
            timer = self.timer()
        cores = timer.keys["cores"]
        return [timer, _step("sfr", cores=cores, register="TCR", set=_RESTS), _step("idle", cores=cores)]

    def idle(self) -> Step:
        """Draw cores that go to sleep."""
        return _step("idle", cores=self.few())

    def start(self, cores: tuple[CoreId, ...] = ()) -> Step:
        """Draw cores that are woken up."""
        r = self.r
        asking = r.choice([None, r.choice(self.cores)])
        return _step("start", cores=cores or self.few(), pc=r.choice([0, 0x1000, 0x40000]), from_=asking)

    def stop(self) -> Step:
        """Draw cores that stop, or are held in reset."""
        return _step("stop", cores=self.few(), reset=self.r.random() < 0.5)

    def event(self) -> Step:
        """Draw an inter-processor event."""
        if not self.pes:
            return self.idle()
        r = self.r
        direction = r.choice(["forward", "backward"])
        return _step("ipe", from_=r.choice(self.pes), event=r.randrange(16), direction=direction)

    def line(self) -> Step:
        """Draw a pulse of a line of a core."""
        r = self.r
        core = r.choice(self.cores)
        kind = r.choice(["pulse", "pulse", "raise", "lower"])
        return _step(kind, controller=f"i{core.cluster}_{core.pid}", input=r.choice([*CORE_LINES, 24, 20]))

    def signal(self) -> Step:
        """Draw a change of an input of a device or a controller."""
        r = self.r
        kind = r.choice(["pulse", "pulse", "pulse", "raise", "raise", "lower"])
        where = r.random()
        if where < 0.6:
            return _step(kind, device=r.choice(self.devices + self.wired))
        if where < 0.75:
            return self.line()
        if where < 0.9:
            cluster = r.randrange(len(self.board.clusters))
            return _step(kind, controller=f"gic{cluster}", input=r.choice([*range(MAILBOXES), OUT, 140]))
        return _step(kind, controller="itgen", input=r.choice([LEVEL, EDGE, 7]))

    def message(self) -> Step:
        """Draw a write to a mailbox."""
        r = self.r
        keys: dict[str, Any] = {"mailbox": r.randrange(MAILBOXES), "cluster": self.cluster()}
        keys |= {"bit": r.choice([0, 0, 1, 63])} if r.random() < 0.7 else {"value": r.getrandbits(6)}
        return _step("msi", **keys, from_=r.choice([None, r.choice(self.cores)]))

    def cluster(self) -> int:
        """Draw a cluster."""
        return self.r.choice([0, self.r.randrange(len(self.board.clusters))])

    def irq(self) -> Step:
        """Draw what a driver does with its interrupt."""
        r = self.r
        kind = r.choice(["enable_irq", "disable_irq"])
        if r.random() < 0.5:
            return _step(kind, device=r.choice(self.devices))
        return _step(kind, mailbox=r.randrange(MAILBOXES), bit=r.choice([0, 0, 1]), cluster=self.cluster())

    def affinity(self) -> Step:
        """Draw another core for an interrupt."""
        r = self.r
        core = r.choice(self.pes) if self.pes else None
        if core is None:
            return self.idle()
        if r.random() < 0.5 and (core.cluster == 0 or r.random() < 0.5):
            near = core.cluster != 0 or r.random() < 0.4
            device = f"dma{core.cluster}" if near else r.choice(["uart0", "uart1"])
            return _step("affinity", device=device, core=core)
        return _step("affinity", mailbox=r.randrange(MAILBOXES), core=core)

    def operation(self) -> Step:
        """Draw an IPI that asks Linux for something."""
        r = self.r
        reached = self.board.controlled
        return _step(
            "send",
            from_=r.choice(self.cores),
            to=self.some(reached, 3),
            line=r.choice(self.lines),
            op=r.choice(["reschedule", "call_func", "irq_work"]),
        )

    # -- registers --------------------------------------------------------------------------------

    def register(self) -> tuple[int, int, int]:
        """Draw a register of a block: its address, its size, and a value for it."""
        r = self.r
        base = r.choice([(self.cluster() + 1) << 24, (r.choice(self.cores).cluster + 1) << 24, 0])
        bits = r.choice([0, 1, 1, 3, 0xFF, ALL, r.getrandbits(64)])
        kind = r.choices(["mailbox", "gic", "itgen", "power", "ftu"], [30, 30, 20, 15, 5])[0]
        if kind == "mailbox":
            place = r.choice([0, 0, 8, 0x10, 0x10, 0x18])
            value = r.choice([0x101, 0x101, 0x402, 0x303, 1]) if place == 0x18 else bits
            return base + 0xA00000 + 0x200 * r.randrange(MAILBOXES + 1) + place, 8, value
        if kind == "gic":
            output = 4 * r.choice(self.cores).pid + r.choice([0, 0, 1, 2])
            size = r.choice([1, 1, 2, 4])
            number = r.choice([0, 0, OUT & ~3]) if size > 1 else r.choice([0, 1, 2, 3, OUT])
            value = bits & 0x01010101 & (1 << 8 * size) - 1
            return base + 0xA20000 + 0x400 * output + number, size, value
        if kind == "itgen":
            at = ITGEN + 0x10 * r.choice([LEVEL, EDGE])
            if r.random() < 0.6:
                return at + 8, 4, r.randrange(2)
            return at, 4, encode(self.cluster(), r.randrange(MAILBOXES + 1), r.choice([0, 1, 2]))
        if kind == "power":
            vectors = [0x1000, 0x1010, 0x1010, 0x1020, 0x1040, 0x1050]
            place = r.choice([0, 0x40, *vectors, 0x2000, 0x4050, 0x4060])
            value = bits & (ALL << 12 if place == 0x2000 else 0xFFFF) & ALL
            return base + 0xA40000 + place, 8, value
        return FTU + r.choice([0, 0, 0x20, 0x100, 0x200]), r.choice([4, 4, 8]), bits & 0xFFFFFFFF

    def raw(self) -> Step:
        """Draw a write to a register."""
        address, size, value = self.register()
        return _step("write", addr=address, value=value, size=size, from_=self.r.choice(self.cores))

    def read(self) -> Step:
        """Draw a read of one, such as LAC, which clears it."""
        r = self.r
        address, size, _ = self.register()
        if r.random() < 0.3:
            core = r.choice(self.cores)
            address, size = ((core.cluster + 1) << 24) + 0xA20120 + 0x1000 * core.pid, 8
        return _step("read", addr=address, size=size, from_=r.choice(self.cores), equals=r.choice([None, 0]))

    def rows(self) -> tuple[int, int, CoreId]:
        """Draw what a row of a table writes: an address, a value of 4 bytes, and the writer."""
        address, _, value = self.register()
        return address, value & 0xFFFFFFFF, self.r.choice(self.cores)
