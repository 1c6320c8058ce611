"""What the state machines of the invariants have in common: the names, the counting, reset and snapshot.

A machine drives one model (or all of them, wired) by rules, and keeps a ghost beside it: plain sets and
counts, written from the rules of the hardware and not from the model's code. After every step the two
must say the same.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

if TYPE_CHECKING:
    from kvx_emu.hw.model import Model

INVARIANTS = {
    "I1": "every request ends as exactly one of masked, coalesced, delivered, pending, cleared; it adds up",
    "I2": "every delivery has a cause that was told before it",
    "I3": "what is masked or disabled is never delivered",
    "I4": "what is pending changes by a request, a take, software or a reset, and by nothing else",
    "I5": "set wins over clear in one write of a special register",
    "I6": "a read of LAC returns all that is set, once, and clears exactly that",
    "I7": "an output is the OR of what is pending and let through",
    "I8": "bits that do not exist read as 0; a write changes nothing but its own register",
    "I9": "what is meant for a core changes that core only; bits of cores that do not exist do nothing",
    "I10": "mailbox: OR is idempotent and commutative, WRITE replaces, ADD wraps; the value is there first",
    "I11": "itgen: what CFG says of cluster, mailbox and bit is where the message goes",
    "I12": "hardware clears a request only when it takes it, and takes it only if the priority rule says so",
    "I13": "reset equals construction, at any time, twice over",
    "I14": "once all is quiet and enabled, every request is delivered within the depth of the chain",
    "I15": "what one action causes ends within its bound",
    "I17": "who is restored from a snapshot goes on as who was not",
    "I18": "two actions of one tick that have nothing in common can change places",
}

CHECKED: Counter[tuple[str, str]] = Counter()
"""How often each invariant was looked at, by machine and invariant, in this process."""

STEPS: Counter[str] = Counter()
"""How many steps each machine has done in this process."""

EXAMPLES: Counter[str] = Counter()
"""How many runs of each machine were begun in this process."""


def word(width: int) -> st.SearchStrategy[int]:
    """Draw what is written to a register of so many bits: nothing, all, one bit or any."""
    every = (1 << width) - 1
    one = st.integers(0, width - 1).map(lambda bit: 1 << bit)
    return st.one_of(one, st.integers(0, every), st.sampled_from([0, every]))


class Invariants(RuleBasedStateMachine):
    """A machine that counts what it has looked at."""

    def __init__(self):
        super().__init__()
        EXAMPLES[type(self).__name__] += 1

    def holds(self, name, condition, *found):
        """See that an invariant holds; `found` goes into the message."""
        CHECKED[type(self).__name__, name] += 1
        assert condition, f"{name}: {INVARIANTS[name]}; found {found}"

    @invariant()
    def counted(self):
        STEPS[type(self).__name__] += 1


class BlockMachine(Invariants):
    """A machine about one model of the bus: `block`, which `fresh` builds anew with the same port."""

    block: Model

    def fresh(self) -> Model:
        raise NotImplementedError

    def forget(self):
        """Bring the ghost to the state after reset."""
        raise NotImplementedError

    @rule(chance=st.integers(0, 3))
    def reset(self, chance):
        if chance < 3:  # too many resets and nothing ever comes of what was before
            return
        new = self.fresh().state()
        for _ in range(2):
            self.block.reset()
            self.holds("I13", self.block.state() == new)
        self.forget()

    @rule()
    def snapshot(self):
        saved = json.dumps(self.block.state())
        # Neither does anything to the world; the ghost sees if it does.
        self.block = self.fresh()
        self.block.restore(json.loads(saved))
        self.holds("I17", json.dumps(self.block.state()) == saved)
