"""Drawn cases: scripts of long stretches of writes to the IPI controllers, and what comes between them.

A case follows from a number and a size alone. What is drawn is meant to meet in time: small times, many
ties, loads from a hundredth to eight, and cores that really take interrupts.
"""

from __future__ import annotations

from math import exp, log
from random import Random
from typing import TYPE_CHECKING, Any

from agree_boards import BOARDS, board_of
from agree_fabric import CORE_LINES, Fabric
from agree_programs import Case, Step

from kvx_emu.models.core import Core
from kvx_emu.script import actions
from kvx_emu.trace.row import EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agree_boards import Board
    from agree_programs import Cores

    from kvx_emu.core_id import CoreId

LARGEST = 1000
"""The size of the largest case, about the number of requests; a request is three rows or fewer."""

LOADS = (0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.2, 2, 4, 8)
IPI = range(24, 32)
FAR = (1 << 63) - 1  # the last tick that there is

# Registers that interrupts do not depend on, or only in part; `open` is brought up to date by each write.
BANKS = ("EV", "SPS", "SPC", "EA", "ES")
OTHERS = (*BANKS, *(f"{bank}_PL{pl}" for bank in BANKS for pl in (0, 1)), "SR", "WS", "MO", "MES", "PSO")


def case_of(number: int, size: int | None = None) -> Case:
    """Return case `number`; `size` bounds the number of its requests, roughly."""
    r = Random(f"case {number}")
    if size is None:
        size = int(exp(r.uniform(log(4), log(LARGEST))))
    return _Maker(r, board_of(r.randrange(BOARDS)), size).case()


def _having(keys: dict[str, Any]) -> list[str]:
    """Return the events whose rows have all that rows are chosen by."""
    parts = {{"cores": "core", "lines": "line", "from": "from"}[name] for name in keys if name in _FILTERS}
    return [event for event in EVENTS if parts <= set(actions.EVENTS[event])]


_FILTERS = ("cores", "lines", "from")


class _Maker:
    """Draws one case.

    `now` is the least time at this point of the script, `sure` says that it is the time. `budget` is the
    number of requests that may still be made.
    """

    def __init__(self, r: Random, board: Board, size: int) -> None:
        self.r = r
        self.board = board
        self.size = self.budget = size
        self.now = 0
        self.idle = False  # whether a `wait: idle` was drawn
        self.all = board.cores
        self.reached = board.controlled
        self.marks: list[str] = []
        self.tables = 0
        wired = sorted({line for cluster in board.clusters for line in cluster.lines}) or [24]
        known = wired if r.random() < 0.6 else list(IPI)
        count = min(r.choices([1, 2, 3, 4, 8], [30, 25, 20, 15, 10])[0], len(known))
        self.ipis = tuple(sorted(r.sample(known, count)))
        self.own = r.choice([(), (), (), (0,), (20,), (5, 16)])  # lines that no IPI controller raises
        self.fabric: Fabric | None = None
        with_fabric = r.random() < 0.6
        if with_fabric and r.random() < 0.8:
            self.own = r.choice([CORE_LINES, (0, 1, 2), (4,), (2, 4, 5), (0, 4, 20)])
        self.lines = tuple(sorted((*self.own, *self.ipis)))
        # calm: a long stretch or two; mixed: many stretches and changes; wild: anything
        self.mood = r.choices(["calm", "mixed", "wild"], [35, 45, 20])[0]
        self.software = r.choices(["linux", "bare", "nested"], [38, 27, 35])[0]
        self.pl = r.choice([0, 0, 1, 1, 2, 3])
        self._times()
        busy = self.entry + max(self.default, *self.service.values(), 0)
        if with_fabric and busy < 10**4:
            time = round(self.gap(0.3) * size / 4)
            self.fabric = Fabric(r, board, self.software, self.ipis, min(time, 10**5), busy)

    def case(self) -> Case:
        """Draw the whole case."""
        r = self.r
        fabric = self.fabric
        steps = self.preamble()
        if fabric is not None:
            steps = [*fabric.setup(), *steps]
            if r.random() < 0.6:
                steps += [fabric.step() for _ in range(r.randint(1, 3))]
        while self.budget > 0:
            if fabric is not None and r.random() < 0.2:
                steps += fabric.nap()
            steps += self.stretch()
            for _ in range(r.choice([0, 1, 1] if self.mood == "calm" else [0, 1, 1, 2, 4])):
                steps.append(self.barrier())
                self.budget -= _raised(steps[-1])
                if r.random() < 0.3:
                    steps.append(self.wait())
                    self.now += steps[-1].keys["value"]
        if r.random() < 0.7:
            steps += [self.check() for _ in range(r.randint(1, 3))]
        start = self.start()
        if start:
            steps = [step if step.at is None else step._replace(at=step.at + start) for step in steps]
            steps.insert(0, Step("wait", {"value": 0}, at=start))
        ticks = events = None
        if r.random() < 0.15:
            ticks = start + r.randrange(self.now + 10) if r.random() < 0.9 else r.randrange(4)
        if r.random() < 0.15:
            events = r.randrange(r.choice([1, 1, 3]) * 3 * self.size + 10)
        return Case(
            board=self.board,
            steps=steps,
            software="linux" if self.software == "linux" else "bare",
            nesting=self.software == "nested",
            delivery=self.delivery,
            entry=self.entry,
            service=self.service,
            default=self.default,
            limit_ticks=ticks,
            limit_events=events,
            chunk=r.choice([5, 6, 7, 10, 16, 33, 64, 257, 1000, 32768]),
            batch=r.choice([1, 1, 1, 1, 1, 2, 5, 20]),
            batches=r.choice([1, 1, 2, 5, 1000]),
            exceptions=r.choice([1, 1, 2, 5, 1000]),
            words=r.choice([1, 1, 10, 1000]),
            sinkless=r.random() < 0.5,
            filter=self.filter() if r.random() < 0.2 else {},
            fast=r.random() < 0.3,
            boot=fabric.boot if fabric else "running",
            defects=fabric.defects if fabric else (),
            all_devices=bool(fabric and fabric.all_devices),
        )

    def filter(self) -> dict[str, Any]:
        """Draw the conditions of a filter of rows."""
        r = self.r
        first = r.choice([0, 0, r.randrange(self.now + 1)])
        drawn = {
            "cores": self.some(self.all, len(self.all)),
            "lines": self.few(self.lines),
            "events": r.sample(EVENTS, r.randint(1, 5)),
            "first": first,
            "last": first + r.randrange(self.now + 1),
        }
        return {name: value for name, value in drawn.items() if r.random() < 0.5} or {"first": first}

    def start(self) -> int:
        """Draw when it starts: mostly at 0, seldom so late that a half of the bits is full, or all are."""
        kind = self.r.random()
        if kind < 0.015:
            return FAR - self.now - self.r.choice([0, 3, 10, 100])
        return self.r.choice([(1 << 31) - 5, 1 << 32, 10**12, 1 << 53, 1 << 62]) if kind < 0.05 else 0

    def _times(self) -> None:
        r = self.r
        kind = r.random()
        self.delivery = self.entry = self.default = 0
        self.service: dict[int, int] = {}
        if kind < 0.12:
            return
        self.delivery = r.choice([0, 0, 0, 1, 2, 3, 5, 12])
        self.entry = r.choice([0, 0, 1, 2, 3])
        self.default = r.choice([0, 1, 2, 3, 4, 7])
        if kind < 0.2:
            self.default = r.choice([20, 40, 100])
        if kind > 0.55:
            self.service = {
                line: r.choice([0, 1, 2, 3, 4, 5, 9, 15])
                for line in r.sample(self.lines, r.randint(1, len(self.lines)))
            }
        if kind > 0.98:
            self.default = r.choice([10**6, 1 << 32, 1 << 40])

    # -- small things -----------------------------------------------------------------------------

    def some(self, cores: Sequence[CoreId], most: int = 4) -> Cores:
        """Draw one to `most` of the cores, ascending."""
        return tuple(sorted(self.r.sample(cores, self.r.randint(1, min(most, len(cores))))))

    def targets(self) -> Cores:
        """Draw the cores of a barrier: mostly all, or a few, or some."""
        kind = self.r.random()
        if kind < 0.45:
            return self.all
        return self.some(self.all, 2 if kind < 0.75 else len(self.all))

    def few(self, lines: Sequence[int]) -> tuple[int, ...]:
        """Draw some of the lines, ascending."""
        return tuple(sorted(self.r.sample(lines, self.r.randint(1, len(lines)))))

    def bits(self) -> int:
        """Draw a mask of lines, now and then with lines that the script does not use otherwise."""
        mask = sum(1 << line for line in self.few(self.lines))
        return mask | self.r.choice([*[0] * 12, 1 << 3, 0xFF000000, 0xFFFFFFFF])

    def fields(self, contents: Sequence[int]) -> int:
        """Draw a register of two-bit fields, one of `contents` for each line of the script."""
        return sum(self.r.choice(contents) << 2 * line for line in self.lines)

    def step(self, kind: str, **keys: Any) -> Step:
        """Make a step; a last underscore of a key is for Python."""
        return Step(kind, {key.rstrip("_"): value for key, value in keys.items()})

    def gap(self, hits: float) -> float:
        """Draw the mean time between two writes that each reach a share `hits` of the cores, by a load."""
        lines = [self.service.get(line, self.default) for line in self.ipis]
        busy = sum(lines) / len(lines) + self.entry
        busy = min(max(busy, 0.7), 300)
        return busy / self.r.choice(LOADS) * hits

    def pause(self, mean: float) -> int:
        """Draw a time around `mean`, often none."""
        kind = self.r.random()
        if kind < 0.3:
            return 0
        if kind < 0.5:
            return round(mean)
        if kind < 0.7:
            return self.r.randrange(3)
        return min(round(self.r.expovariate(1 / max(mean, 0.1))), 10**6)

    # -- what lets cores take interrupts ----------------------------------------------------------

    def preamble(self) -> list[Step]:
        """Draw the state of the cores: mostly ready for the script's lines, of one level or many."""
        r = self.r
        enable = self.step("enable", cores=self.all, lines=self.lines)
        if self.software == "linux":
            kind = r.choices(["as is", "levels", "mixed", "wild"], [15, 50, 15, 20])[0]
            steps = []
            if kind != "as is":
                steps += [enable] if r.random() < 0.8 else []
            if kind == "levels":
                steps += [
                    self.step("level", cores=self.all, lines=(line,), value=r.choice([1, 1, 2, 3]))
                    for line in self.lines
                ]
            if kind == "mixed":
                steps += [self.setting("level") for _ in range(r.randint(1, 6))]
            if kind == "wild":
                steps += [self.setting() for _ in range(r.randint(1, 6))]
            return self._more(steps)
        kind = r.choices(["flat", "levels", "mixed", "owners", "wild"], [22, 25, 23, 18, 12])[0]
        pl = self.pl
        ito, ill = self.fields([pl]), self.fields([r.choice([1, 1, 2, 3])])
        steps = []
        if kind in {"levels", "mixed"}:
            ill = self.fields([1, 2, 3])
        if kind == "owners":
            ito = self.fields([pl, pl, max(pl - 1, 0), 0, min(pl + 1, 3)])
            ill = self.fields([1, 1, 2, 3, 0])
        steps = [self._sfr("ITO", ito), self._sfr("ILL", ill), self._sfr("PS", 0x01000010 | pl), enable]
        if kind == "mixed":
            steps += [self.setting("level") for _ in range(r.randint(1, 8))]
        if kind == "wild":
            steps += [self.setting() for _ in range(r.randint(1, 8))]
            if r.random() < 0.5:
                r.shuffle(steps)
        if r.random() < 0.15:
            steps.append(self.step("sfr", cores=self.targets(), register="HTO", write=r.randrange(4) << 20))
        return self._more(steps)

    def _sfr(self, register: str, value: int, cores: Cores = ()) -> Step:
        return self.step("sfr", cores=cores or self.all, register=register, write=value)

    def _more(self, steps: list[Step]) -> list[Step]:
        """Draw what else was there before: values left in registers, cores blocked, the RM let in."""
        r = self.r
        if r.random() < 0.2:
            steps += [self.other(self.all) for _ in range(r.randint(1, 5))]
            if r.random() < 0.5:
                steps.append(self._sfr("WS", 0))
        if r.random() < 0.3:
            steps.append(self.mask([]))
        elif r.random() < 0.4:
            steps.append(self.mask())
        return steps

    # -- what stands between stretches ------------------------------------------------------------

    def barrier(self) -> Step:
        """Draw a step that is no write to an IPI controller."""
        r = self.r
        if self.fabric is not None and r.random() < 0.6:
            return self.fabric.step()
        kind = r.choices(
            ["setting", "interrupts", "check", "mark", "raise", "read", "idle", "other", "ready"],
            [20, 18, 20, 8, 14, 6, 9, 5 if self.mood == "wild" else 1, 10 if self.mood == "wild" else 3],
        )[0]
        if kind == "setting":
            return self.setting()
        if kind == "interrupts":
            return self.step("sfr", cores=self.targets(), register="PS", **{r.choice(["set", "clear"]): 0x10})
        if kind == "check":
            return self.check()
        if kind == "mark":
            self.marks.append(r.choice("abc"))
            return self.step("mark", value=self.marks[-1])
        if kind == "raise":
            operation = r.choice(["set", "set", "set", "clear", "clear", "write"])
            return self.step("sfr", cores=self.targets(), register="ILR", **{operation: self.bits()})
        if kind == "read":
            return self.read()
        if kind == "idle":
            self.idle = True
            return self.step("wait", value="idle")
        if kind == "ready":
            return self._sfr("PS", 0x01000010 | (1 if self.software == "linux" else self.pl), self.targets())
        return self.other()

    def other(self, cores: Cores = ()) -> Step:
        """Draw a write to a register that decides nothing, or not for long."""
        r = self.r
        register = r.choice(OTHERS)
        value = r.getrandbits(r.choice([4, 12, 25, 64])) & (1 << Core.sfrs()[register].width) - 1
        operation = r.choice(["write", "set", "clear"])
        return self.step("sfr", cores=cores or self.targets(), register=register, **{operation: value})

    def setting(self, kind: str = "") -> Step:
        """Draw a change of what decides which lines are taken."""
        r = self.r
        kind = (
            kind
            or r.choices(
                ["enable", "disable", "level", "PS", "bits of PS", "ILE", "ILL", "ITO", "HTO"],
                [20, 16, 22, 6 if self.mood == "wild" else 2, 7, 6, 8, 8 if self.mood != "calm" else 2, 2],
            )[0]
        )
        cores = self.targets()
        if kind in {"enable", "disable"}:
            lines = self.few(self.lines) if r.random() < 0.9 else tuple(range(32))
            return self.step(kind, cores=cores, lines=lines)
        if kind == "level":
            return self.step(
                "level", cores=cores, lines=self.few(self.lines), value=r.choice([0, 1, 1, 2, 2, 3, 3])
            )
        if kind == "PS":
            value = 0x01000000 | r.choice([0, 0, 1, 1, 2, 3]) | r.choice([0, 0, 0, 4]) | r.choice([0, 16, 16])
            return self._sfr(
                "PS",
                value | r.choice([0, 0, 0x1000, 0x2000, 0x3000]) | r.choice([0, 0, 0, 8, 32, 128]),
                cores,
            )
        if kind == "bits of PS":
            value = r.choice([0x10, 0x4, 0x14, 0x1000, 0x2000, 0x3000, 0x1, 0x2, 0x3, 0x3014])
            return self.step("sfr", cores=cores, register="PS", **{r.choice(["set", "clear"]): value})
        if kind == "ILE":
            return self.step(
                "sfr", cores=cores, register="ILE", **{r.choice(["write", "set", "clear"]): self.bits()}
            )
        if kind == "HTO":
            return self._sfr("HTO", r.randrange(4) << 20, cores)
        contents = (0, 1, 2, 3) if kind == "ILL" else (self.pl, self.pl, max(self.pl - 1, 0), 0, 1, 2, 3)
        return self.step(
            "sfr",
            cores=cores,
            register=kind,
            **{r.choice(["write", "write", "set", "clear"]): self.fields(contents)},
        )

    def check(self) -> Step:
        """Draw an expectation, right or wrong."""
        r = self.r
        if r.random() < 0.2:
            register = r.choice(
                ["ILR", "PS", "ES", "ILE", "ILL", "SPS", "EA", "WS", "SPC", "ES_PL0", "SPS_PL1"]
            )
            value = r.choice([0, 0, 7, 0x01000010, 0x01000011, self.bits()])
            value &= (1 << Core.sfrs()[register].width) - 1
            return self.step("sfr", cores=self.targets(), register=register, equals=value)
        keys = self.rows()
        if r.random() < 0.25:
            return self.wait_for(keys)
        keys |= self.counts(keys)
        if r.random() < 0.25:
            keys["never"] = tuple(r.sample(_having(keys), r.randint(1, 3)))
        if r.random() < 0.25:
            if r.random() < 0.7:
                keys["event"] = r.choice(_having(keys))
            later = self.rows()
            if r.random() < 0.7:
                later["event"] = r.choice(_having(later))
            if later:
                keys["before"] = later
            else:
                keys.pop("event", None)
        if self.marks and r.random() < 0.7:
            keys["since"] = r.choice(self.marks)
        if r.random() < 0.45 or keys.keys() <= {"cores", "lines", "from", "since"}:
            keys["within"] = r.choice([0, 0, 0, 1, 3, 10, 100])
        return self.step("expect", **keys)

    def rows(self) -> dict[str, Any]:
        """Draw what chooses rows: cores, lines and senders, any of them."""
        r = self.r
        keys: dict[str, Any] = {}
        if r.random() < 0.6:
            keys["cores"] = self.some(self.all, r.choice([1, 1, 3]))
        if r.random() < 0.5:
            keys["lines"] = self.few(self.lines)
        if r.random() < 0.3:
            keys["from"] = self.some(self.all, len(self.all))
        return keys

    def counts(self, chosen: dict[str, Any]) -> dict[str, Any]:
        """Draw counts of the rows that are chosen so, right or wrong."""
        r = self.r
        keys: dict[str, Any] = {}
        for name in r.sample(list(actions.COUNTS), r.choice([0, 1, 2, 3, 6])):
            # What can not be is told with what was found.
            least = r.choice([10**6, 10**6, 10**6, 0, 0, 1, 5, r.randrange(self.size + 1)])
            if name == "lost" and chosen.keys() & {"cores", "lines"}:
                continue  # its rows have neither
            if name not in actions.SENT and "from" in chosen:
                continue  # its rows have no sender
            keys[name] = (least, r.choice([least, least, None, least + r.randrange(self.size + 1)]))
        return keys

    def wait_for(self, chosen: dict[str, Any]) -> Step:
        """Draw a wait for counts of the rows that are chosen so."""
        r = self.r
        self.idle = True
        keys = chosen | (self.counts(chosen) or {"delivered": (r.randrange(self.size + 1), None)})
        if self.marks and r.random() < 0.5:
            keys["since"] = r.choice(self.marks)
        return self.step("wait-for", **keys, limit=r.choice([0, 1, 5, 20, 100, 1000]))

    def read(self) -> Step:
        """Draw a read, mostly of MASK."""
        r = self.r
        size = r.choice([4, 4, 4, 4, 4, 2, 8])
        equals = r.choice([None, 0, 0, 1, 3, "bus-error", *([0x10000, 0x10001, 0x1FFFF] if size > 2 else [])])
        reader = r.choice(self.all)
        address = self.address(r.choice([0x20, 0x20, 0x20, 0]), reader)
        return self.step("read", addr=address, size=size, from_=reader, equals=equals)

    # -- writes -----------------------------------------------------------------------------------

    def address(self, register: int, core: CoreId) -> int:
        """Draw an address of a register for one of the lines: mostly of the core's own cluster."""
        r = self.r
        kind = r.random()
        cluster = r.choice(self.reached).cluster if kind < 0.3 else core.cluster
        near = cluster == core.cluster and kind > 0.5
        base = 0xAD0000 if near or kind < 0.02 else 0x01AD0000 + 0x01000000 * cluster
        address = base + register + 4 * (r.choice(self.ipis) - 24)
        return address if r.random() < 0.97 else address + r.choice([1, 2, 0x40, 0x1000, 0x10000000])

    def mask(self, blocked: Sequence[CoreId] | None = None) -> Step:
        """Draw a `mask` step."""
        r = self.r
        writer = r.choice(self.reached)
        if blocked is None:
            blocked = () if r.random() < 0.3 else self.some(self.reached, r.choice([1, 2, len(self.reached)]))
        return self.step("mask", line=r.choice(self.ipis), block=tuple(blocked), from_=writer)

    def write(self) -> Step:
        """Draw a raw write to INTERRUPT or MASK."""
        r = self.r
        writer = r.choice(self.reached if r.random() < 0.95 else self.all)
        wired = sum(1 << pid for pid in self.board.clusters[writer.cluster].pids)
        odd = [1, 3, 0x10003, 0x1FFFF, 0x20000, 0xFFFFFFFF, r.getrandbits(17), r.getrandbits(32)]
        value = r.choice([0, wired, r.getrandbits(17) & wired, r.choice(odd) & wired])
        if r.random() < (0.1 if self.mood == "calm" else 0.3):
            value = r.choice(odd)
        size = 4 if r.random() < 0.98 else r.choice([1, 2, 8])
        address = self.address(0 if r.random() < 0.85 else 0x20, writer)
        return self.step("write", addr=address, value=value & (1 << 8 * size) - 1, size=size, from_=writer)

    def send(self) -> Step:
        """Draw a send: to one, to a few, to a whole cluster, across clusters."""
        r = self.r
        writer = r.choice(self.all)
        kind = r.random()
        if kind < 0.35:
            to: Cores = (r.choice(self.reached),)
        elif kind < 0.6:
            to = self.some(self.reached, 3)
        elif kind < 0.7:
            to = self.reached
        else:
            cluster = r.choice(self.reached).cluster
            near = [core for core in self.reached if core.cluster == cluster]
            others = [core for core in near if core != writer]
            to = tuple(others if others and kind > 0.85 else near)
        return self.step("send", from_=writer, to=to, line=r.choice(self.ipis))

    def one(self) -> tuple[Step, int]:
        """Draw a single write; tell how many requests it makes."""
        kind = self.r.random()
        if kind < 0.05:
            return self.mask(), 1
        if kind < 0.2:
            return self.write(), 4
        step = self.send()
        return step, len(step.keys["to"])

    def wait(self) -> Step:
        """Draw a short wait."""
        return self.step("wait", value=self.r.choice([0, 1, 1, 2, 3, 5, 9, 30]))

    def random(self, most: int) -> tuple[Step, int, int]:
        """Draw a `random` step of up to `most` requests; tell its time and how many they are."""
        r = self.r
        alone = [core for core in self.reached if len(self.board.clusters[core.cluster].pids) == 1]
        kind = r.choice(["one", "one", "uniform", "uniform", "all"])
        among = [core for core in self.reached if core not in alone] if kind == "one" else self.reached
        if not among:
            kind, among = "uniform", self.reached
        senders = tuple(among) if r.random() < 0.5 else self.some(among, r.choice([1, 2, len(among)]))
        pids = sum(len(self.board.clusters[core.cluster].pids) for core in senders) / len(senders)
        each = {"one": 1, "uniform": pids / 2, "all": pids}[kind]
        count = max(1, int(min(most, self.budget) / each * r.uniform(0.3, 1.2)))
        count = count if r.random() < 0.99 else 0
        lines = self.ipis if r.random() < 0.7 else tuple(r.sample(self.ipis, r.randint(1, len(self.ipis))))
        gap = self.gap(each / len(self.reached))
        every = r.choice([round(gap), round(gap), round(gap), int(gap), int(gap) + 1, 0, 1])
        step = self.step(
            "random",
            count=count,
            seed=r.randrange(1000),
            every=every,
            from_=senders,
            targets=kind,
            lines=lines,
        )
        return step, count * every, int(count * each) + 1

    def replay(self, most: int) -> tuple[Step, int, int]:
        """Draw a table of writes; tell its time and how many requests they are."""
        r = self.r
        gap = self.gap(r.choice([0.1, 0.3, 1]))
        rows = []
        tick = r.choice([0, 0, 1, 7])
        made = 0
        while made < most and len(rows) < 200:
            keys = self.write().keys
            row = keys["addr"], keys["value"], keys["from"]
            if self.fabric is not None and self.board.blocks and r.random() < 0.05:
                row = self.fabric.rows()
            rows.append((tick, *row))
            made += 4
            tick += self.pause(gap)
        self.tables += 1
        step = self.step("replay", file=f"drawn-{self.tables}.csv", rows=tuple(rows))
        return step, rows[-1][0], made

    def singles(self, most: int) -> tuple[list[Step], int, int]:
        """Draw writes one by one, with times between them; tell their time and how many requests they are."""
        r = self.r
        gap = self.gap(r.choice([0.1, 0.3, 1]))
        steps: list[Step] = []
        time = made = 0
        while made < most and len(steps) < 60:
            step, requests = self.one()
            steps.append(step)
            made += requests
            wait = self.pause(gap)
            if wait:
                steps.append(self.step("wait", value=wait))
                time += wait
        return steps, time, made

    def repeat(self, most: int, depth: int) -> tuple[Step, int, int]:
        """Draw a repeat of writes, perhaps with one in it and perhaps with a barrier; tell as above."""
        r = self.r
        count = r.choice([1, 2, 2, 3, 5, 10, 20, 50] if not depth else [1, 2, 2, 3, 4, 10])
        share = max(1, most // max(count, 1))
        steps: list[Step] = []
        time = made = 0
        idle, marks = self.idle, list(self.marks)
        self.idle = False
        for _ in range(r.randint(1, 4)):
            kind = r.random()
            if kind < 0.25 and depth < 2:
                step, took, requests = self.repeat(share // 2, depth + 1)
                new = [step]
            elif kind < 0.45:
                draw = self.replay if kind > 0.44 else self.random
                step, took, requests = draw(max(1, share // 2))
                new = [step]
            elif kind < (0.6 if self.mood == "calm" else 0.75):
                new, took, requests = self.singles(min(share // 2, 6))
            elif kind < 0.9:
                step, requests = self.one()
                new, took = [step], 0
            else:
                new, took = [self.barrier()], 0
                requests = _raised(new[0])
            if not new:
                continue
            steps += new
            time += took
            made += requests
            if r.random() < 0.3:
                steps.append(self.wait())
                time += steps[-1].keys["value"]
            if made > share:
                break
        if not steps:
            step, made = self.one()
            steps = [step]
        every = None
        if r.random() < 0.6 and (not self.idle or r.random() < 0.5):
            every = time + r.choice([0, 0, 1, 2, round(self.gap(0.5)), 1000 if self.idle else 3])
            time = every
        elif r.random() < 0.5:
            steps.append(self.wait())
            time += steps[-1].keys["value"]
        self.idle = self.idle or idle
        while count > 1 and max(made, 1) * count > 2 * most + 10 // (depth + 1):
            count //= 2
        if r.random() < 0.01:
            count, self.marks = 0, marks
        return self.step("repeat", count=count, every=every, steps=steps), time * count, made * count

    def stretch(self) -> list[Step]:
        """Draw a stretch of writes."""
        r = self.r
        most = self.budget
        if self.mood != "calm":
            most = min(most, r.choice([3, 10, 40, 200, 1000]))
        steps: list[Step] = []
        for _ in range(r.choice([1, 1, 2, 3, 6])):
            kind = r.random()
            if kind < 0.04:
                step, time, made = self.replay(max(most, 1))
                new = [step]
            elif kind < 0.35:
                step, time, made = self.random(most)
                new = [step]
            elif kind < 0.65:
                step, time, made = self.repeat(most, 0)
                new = [step]
            else:
                new, time, made = self.singles(min(most, 100))
            if new and r.random() < 0.08 and not (self.idle and r.random() < 0.9):
                at = self.now + r.choice([0, 0, 1, 5, 20])
                new[0] = new[0]._replace(at=at)
                self.now = at
            self.now += time
            steps += new
            self.budget -= max(made, 1)
            most -= made
            if most <= 0:
                break
            if r.random() < 0.25:
                steps.append(self.step("wait", value=self.pause(self.gap(1))))
                self.now += steps[-1].keys["value"]
            if r.random() < 0.08:
                steps.append(self.step("wait", value="idle"))
                self.idle = True
        return steps


def _raised(step: Step) -> int:
    """Return how many requests a step makes that is no write: those of software."""
    keys = step.keys
    if keys.get("register") != "ILR":
        return 0
    return len(keys["cores"]) * (keys.get("set", 0) | keys.get("write", 0)).bit_count()
