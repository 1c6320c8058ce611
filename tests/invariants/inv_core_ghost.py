"""What a core must do, written from the rules alone: slow, obvious, and sharing no code with the model.

Lines are taken by the walk of the rule, timers count tick by tick.
"""

from __future__ import annotations

# (least significant bit, width) of the fields that matter
PL, ET, HTD, IE, HLE, DAUS, IL = (0, 2), (2, 1), (3, 1), (4, 1), (5, 1), (7, 1), (12, 2)
DE, PLO = (20, 2), (24, 2)  # of HTO: owners of double exceptions and of privilege level overflows
LINES = range(32)

# Bits of TCR by timer (the watchdog is 2): counts, interrupts, has underflowed, stops in idle
CE, TIE, ST, SI = (16, 17, 24), (18, 19, 25), (20, 21, 27), (22, 23, 28)
WUI = 26

RESETTING, RUNNING, AWAIT, SLEEP, STOPPED, WAITIT = (
    "resetting",
    "running",
    "await",
    "sleep",
    "stopped",
    "waitit",
)


def get(value, place):
    return value >> place[0] & (1 << place[1]) - 1


def put(value, place, content):
    return value & ~((1 << place[1]) - 1 << place[0]) | content << place[0]


def two(line):
    return 2 * line, 2


class Ghost:
    """A core of `mo` (the owner of RFE) whose timers count `hz` times in `core_hz` ticks."""

    def __init__(self, hz, core_hz):
        self.hz, self.core_hz = hz, core_hz
        self.reset()

    def reset(self):
        self.ps, self.ws = 0x01000004, 7
        self.pending = set()
        self.ile = self.ill = self.ito = self.hto = 0
        self.rfe_owner = 0
        self.sps, self.spc, self.ev = [0] * 4, [0] * 4, [0] * 4
        self.es = [4] * 4
        self.pc = self.rz = 0
        self.state = RESETTING
        self.waits = {}  # operand of each WAITIT that has not finished, by (pc, privilege level)
        self.waiting = None  # the one that the core is in
        self.tcr = 0
        self.values, self.reloads = [0, 0, 0], [0, 0, 0]

    def start(self, pc):
        if self.state == RESETTING:
            self.state, self.pc = RUNNING, pc

    # Which line

    @property
    def ilr(self):
        return sum(1 << line for line in self.pending)

    @staticmethod
    def priority(pl, il):
        return (3 - pl) * 4 + il

    def candidate(self):
        if self.state in {RESETTING, STOPPED}:
            return None
        pl = get(self.ps, PL)
        best = self.priority(pl, get(self.ps, IL))
        if not get(self.ps, IE) or self.state == WAITIT:
            best |= 3
        winner = None
        for line in LINES:
            if line in self.pending and self.ile >> line & 1:
                priority = self.priority(get(self.ito, two(line)), get(self.ill, two(line)))
                if priority > best:
                    best, winner = priority, line
        return winner

    # Requests and sleep

    def request(self, line):
        self.pending.add(line)
        self.ws |= 3
        self.look()

    def look(self):
        """Wake up if there is reason to."""
        ends = {AWAIT: 1, SLEEP: 2, STOPPED: 4}.get(self.state, 0)
        if self.ws & ends:
            self.state = RUNNING
        if self.state == WAITIT:
            operand = self.waits[self.waiting]
            any_of, all_of = operand & 0xFFFFFFFF, operand >> 32
            seen = 0
            for line in self.pending:
                if self.ile >> line & 1 and get(self.ito, two(line)) >= get(self.ps, PL):
                    seen |= 1 << line
            if not operand or seen & any_of or (all_of and seen & all_of == all_of):
                del self.waits[self.waiting]
                self.state, self.rz = RUNNING, seen

    def doze(self, state):
        self.state = state
        self.look()

    def waitit(self, operand):
        self.waiting = self.pc, get(self.ps, PL)
        self.waits[self.waiting] = operand
        self.doze(WAITIT)

    # Exceptions; they return what becomes of them

    def take(self):
        line = self.candidate()
        if line is None:
            return None
        self.pending.remove(line)
        level = get(self.ill, two(line))
        self.enter(2 | line << 12 | level << 17, get(self.ito, two(line)), 0x80, level)
        return line

    def trap(self, cause, owner):
        self.enter(1 | cause << 12, owner, 0x40, None)

    def enter(self, syndrome, owner, vector, level):
        old = self.ps
        i = get(old, PL)
        first = j = min(owner, i)
        if i == j and get(old, ET):
            j = min(get(self.hto, DE), i)
            if i == j:
                self.reset()
                return
            syndrome |= 8
            vector = 0x40
        ps = old if i == j else self.sps[j]
        self.sps[j] = put(old, PL, i - j)
        for place in (HLE, HTD, DAUS, IE):
            ps = put(ps, place, 0)
        if level is not None:
            ps = put(ps, IL, level)
        self.ps = put(put(ps, PL, j), ET, 1)
        self.spc[j], self.pc = self.pc, self.ev[j] + vector
        self.es[j] = syndrome | i << 4 | i - j << 6 | first << 8 | first - j << 10
        self.state = RUNNING

    def rfe(self):
        i = get(self.ps, PL)
        if i > self.rfe_owner:
            self.trap(2, self.rfe_owner)
            return
        saved = self.sps[i]
        target = i + get(saved, PL)
        if target > 3:
            self.trap(19, get(self.hto, PLO))
            return
        if target != i:
            kept = saved
            self.sps[i] = self.ps
            for place in (ET, IE, HLE, IL, PL):
                self.sps[i] = put(self.sps[i], place, get(kept, place))
        self.ps = put(saved, PL, target)
        self.pc = self.spc[i]
        if (self.pc, target) in self.waits:
            self.waitit(self.waits.pop((self.pc, target)))

    # Software writes; each says whether the instruction was let through

    def may(self, touched):
        """Whether the lines whose bits an instruction touches are no more privileged level's."""
        owner = min((get(self.ito, two(line)) for line in touched), default=3)
        if owner < get(self.ps, PL):
            self.trap(2, owner)
            return False
        return True

    def wfx(self, name, high, set_, clear):
        """WFXL (or with `high` WFXM): clears, then sets."""
        shift = 32 * high
        set_, clear = set_ << shift, clear << shift
        bits = 2 if name in {"ILL", "ITOW"} else 1
        touched = {bit // bits for bit in range(64) if (set_ | clear) >> bit & 1}
        if name != "PS" and not self.may({line for line in touched if line < 32}):
            return False
        if name == "ITOW":
            owners = self.ito
            for line in sorted(touched):
                owner = get(self.ps, PL) + get(set_, two(line))
                if owner > 3:
                    self.trap(19, get(self.hto, PLO))
                    return False
                owners = put(owners, two(line), owner)
            self.ito = owners
        else:
            self.put_register(name, self.register(name) & ~clear | set_)
        self.look()
        return True

    def register(self, name):
        return self.ilr if name == "ILR" else getattr(self, name.lower())

    def put_register(self, name, value):
        width = {"ILE": 32, "ILR": 32, "PS": 25, "HTO": 26, "WS": 3}.get(name, 64)
        value &= (1 << width) - 1
        if name == "ILR":
            self.pending = {line for line in LINES if value >> line & 1}
        else:
            setattr(self, name.lower(), value)

    def poke(self, name, value):
        self.put_register(name, value)
        self.look()

    # Timers

    def counting(self):
        if self.state == RESETTING:
            return []
        asleep = self.state != RUNNING
        return [t for t in range(3) if self.tcr >> CE[t] & 1 and not (asleep and self.tcr >> SI[t] & 1)]

    def count(self, tick):
        """Let the tick before `tick` pass; return the underflows: (tick, timer, line or None, bite)."""
        passed = tick * self.hz // self.core_hz - (tick - 1) * self.hz // self.core_hz
        out = []
        for timer in self.counting():
            for _ in range(passed):
                if self.values[timer] == 0:
                    self.values[timer] = self.reloads[timer]
                    out.append(timer)
                else:
                    self.values[timer] -= 1
        found = []
        for timer in out:  # by timer
            bite = timer == 2 and self.tcr >> ST[2] & 1 and self.tcr >> WUI & 1
            line = timer if self.tcr >> TIE[timer] & 1 and not bite else None
            self.tcr |= 1 << ST[timer]
            found.append((tick, timer, line, bool(bite)))
            if bite:
                break
        return found
