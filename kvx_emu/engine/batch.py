"""Which actions are nothing but writes to the IPI controllers, known before they run; how many, how long.

This is what decides whether the vector engine is worth its start, so there is no numpy here, and the work
grows with the text of a program, not with its counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.hw.model import BusError
from kvx_emu.models.ipi_ctrl import FIRST_LINE
from kvx_emu.script import actions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kvx_emu.hw.model import Model
    from kvx_emu.machine.machine import Machine
    from kvx_emu.script.actions import Action


WORD = 4
"""Bytes of a write that a row of a table makes."""


class Target(NamedTuple):
    """A register of an IPI controller: the INTERRUPT or (`to_mask`) the MASK register of a line's set."""

    cluster: int  # of the controller
    line: int  # 24..31
    to_mask: bool


class Sets:
    """The registers of a machine's IPI controllers that a write may reach.

    `pids` holds the pids of each cluster's cores, ascending: all that the board has, as
    `splitmix.random_sends` takes them. `addresses` are those, as all cores see them, at which one write of
    4 bytes reaches a register, with that register; none where an access may be several writes.
    """

    def __init__(self, machine: Machine) -> None:
        self.pids: dict[int, list[int]] = {}
        for cluster, pid in machine.cores:
            self.pids.setdefault(cluster, []).append(pid)
        self._machine = machine
        self._decode: dict[tuple[Model, int, int], Target] = {}  # by model, offset and size
        self._bits: dict[Target, int] = {}  # those that a write may have without a warning
        for cluster, (model, _) in machine.controllers.items():
            wired = sum(1 << pid for pid in self.pids.get(cluster, ())) & model.outputs
            for register, bits in ((model.INTERRUPT, wired), (model.MASK, model.MASK.mask)):
                for offset, index in register.places():
                    target = Target(cluster, FIRST_LINE + index, register is model.MASK)
                    self._decode[model, offset, register.size] = target
                    self._bits[target] = bits
        self.addresses = dict(self._find_addresses())

    def _find_addresses(self) -> Iterator[tuple[int, Target]]:
        """Yield the items of `addresses`."""
        for cluster, (model, block) in self._machine.controllers.items():
            for register in (model.INTERRUPT, model.MASK):
                for offset, _ in register.places():
                    address = block.start + offset
                    target = self._reached(CoreId(cluster, 0), address, WORD)
                    if target is not None:  # else a smaller block lies over it
                        yield address, target

    def target(self, action: actions.Write) -> Target | None:
        """Return the register that a bus write reaches; None if it is none of these, or not in its size."""
        return self._reached(action.writer, action.address, action.size)

    def _reached(self, writer: CoreId, address: int, size: int) -> Target | None:
        if self._machine.cuts_accesses:  # one access may be several writes there
            return None
        try:
            model, offset = self._machine.locate(writer, address)
        except BusError:
            return None
        return self._decode.get((model, offset, size))

    def plain(self, target: Target, value: int) -> bool:
        """Tell whether the register is there and a write of `value` to it draws no warning."""
        return target in self._bits and not value & ~self._bits[target]

    def silent(self, target: Target) -> int:
        """Return the bits that a write to a register, which is there, may have without a warning."""
        return self._bits[target]

    def whole(self, cluster: int, line: int) -> bool:
        """Tell whether a write to INTERRUPT of any cores of the cluster draws no warning."""
        return self.plain(Target(cluster, line, False), sum(1 << pid for pid in self.pids[cluster]))


def batchable(action: Action, sets: Sets) -> bool:
    """Tell whether all that `action` does is plain writes and the passing of a time that is known."""
    kind = _KINDS.get(type(action))
    return kind is not None and kind.batchable(action, sets)


BATCH = 96
"""Writes from which a stretch is worth solving as a whole: one costs about 0.6 ms, as much as the reference
needs for that many requests at one core each. Measured."""


def stretches(steps: Sequence[Action], sets: Sets) -> Iterator[tuple[bool, Sequence[Action]]]:
    """Yield the parts of a list of steps in order: each all batchable (True), or not at all."""
    start = 0
    while start < len(steps):
        plain = batchable(steps[start], sets)
        stop = start + 1
        while stop < len(steps) and batchable(steps[stop], sets) is plain:
            stop += 1
        yield plain, steps[start:stop]
        start = stop


def worth(steps: Sequence[Action], sets: Sets, least: int = BATCH) -> float:
    """Return how many edges are in stretches of at least `least` writes, of all that the steps do.

    A row of a table, which nobody has looked at but for its form, counts as one.
    """
    total = 0.0
    for plain, part in stretches(steps, sets):
        if not plain:
            for action in part:
                if isinstance(action, actions.Repeat):
                    total += action.count * worth(action.body, sets, least)
                elif isinstance(action, actions.Replay) and sets.addresses and action.table.rows >= least:
                    total += action.table.rows
        elif sum(map(writes_of, part)) >= least:
            total += sum(edges_of(action, sets) for action in part)
    return total


def writes_of(action: Action) -> int:
    """Return how many writes a batchable `action` makes, those of the value 0 too."""
    return _KINDS[type(action)].writes(action)


def ticks_of(action: Action) -> int:
    """Return how many ticks a batchable `action` takes, from when it acts."""
    return _KINDS[type(action)].ticks(action)


def edges_of(action: Action, sets: Sets) -> float:
    """Return how many pairs of a write to INTERRUPT and a core it asks for a batchable `action` makes.

    For `random` it is the expected number.
    """
    return _KINDS[type(action)].edges(action, sets)


def draws(action: Action) -> bool:
    """Tell whether an action, or one in it, draws: then it differs from one round of a repeat to the next."""
    if isinstance(action, actions.Repeat):
        return any(map(draws, action.body))
    return isinstance(action, actions.Random)


def reach_of(steps: Iterable[Action], sets: Sets) -> dict[int, tuple[int, int]]:
    """Return the target bits and the lines that batchable actions may reach, by cluster."""
    reach: dict[int, tuple[int, int]] = {}
    for action in steps:
        for cluster, targets, lines in _KINDS[type(action)].reach(action, sets):
            bits, known = reach.get(cluster, (0, 0))
            reach[cluster] = bits | targets, known | lines
    return reach


class _Kind(NamedTuple):
    """What the functions above are for one type of action."""

    batchable: Callable[..., bool]
    writes: Callable[..., int]
    ticks: Callable[..., int]
    edges: Callable[..., float]
    reach: Callable[..., Iterable[tuple[int, int, int]]]


def _is_plain_send(action: actions.Send, sets: Sets) -> bool:
    # Of one that asks Linux for something the handler does more than take its time.
    return action.operation is None and all(
        sets.plain(Target(cluster, action.line, False), mask) for cluster, mask in action.masks
    )


def _send_edges(action: actions.Send, sets: Sets) -> float:
    return sum(mask.bit_count() for _, mask in action.masks)


def _is_plain_block(action: actions.Block, sets: Sets) -> bool:
    return all(sets.plain(Target(cluster, action.line, True), mask) for cluster, mask in action.masks)


def _is_plain_write(action: actions.Write, sets: Sets) -> bool:
    target = sets.target(action)
    return target is not None and sets.plain(target, action.value)


def _write_edges(action: actions.Write, sets: Sets) -> float:
    target = sets.target(action)
    return 0 if target is None or target.to_mask else action.value.bit_count()


def _is_plain_random(action: actions.Random, sets: Sets) -> bool:
    clusters = {sender.cluster for sender in action.senders}
    return all(sets.whole(cluster, line) for cluster in clusters for line in action.lines)


def _random_edges(action: actions.Random, sets: Sets) -> float:
    if action.targets == "one":
        return action.count
    chance = 0.5 if action.targets == "uniform" else 1.0
    targets = sum(len(sets.pids[sender.cluster]) for sender in action.senders)
    return action.count * chance * targets / len(action.senders)


def _random_reach(action: actions.Random, sets: Sets) -> Iterable[tuple[int, int, int]]:
    lines = sum(1 << line for line in set(action.lines))
    for cluster in {sender.cluster for sender in action.senders}:
        yield cluster, sum(1 << pid for pid in sets.pids[cluster]), lines


def _write_reach(action: actions.Write, sets: Sets) -> Iterable[tuple[int, int, int]]:
    target = sets.target(action)
    if target is not None and not target.to_mask:
        yield target.cluster, action.value, 1 << target.line


def _is_plain_repeat(action: actions.Repeat, sets: Sets) -> bool:
    return all(batchable(inner, sets) for inner in action.body)


def _repeat_ticks(action: actions.Repeat) -> int:
    every = sum(map(ticks_of, action.body)) if action.every is None else action.every
    return action.count * every


_KINDS: dict[type[Action], _Kind] = {
    actions.Send: _Kind(
        _is_plain_send,
        lambda action: len(action.masks),
        lambda _: 0,
        _send_edges,
        lambda action, _: ((cluster, mask, 1 << action.line) for cluster, mask in action.masks),
    ),
    actions.Block: _Kind(
        _is_plain_block, lambda action: len(action.masks), lambda _: 0, lambda *_: 0, lambda *_: ()
    ),
    actions.Write: _Kind(_is_plain_write, lambda _: 1, lambda _: 0, _write_edges, _write_reach),
    actions.Wait: _Kind(
        lambda action, _: action.ticks is not None,
        lambda _: 0,
        lambda action: action.ticks,
        lambda *_: 0,
        lambda *_: (),
    ),
    actions.Repeat: _Kind(
        _is_plain_repeat,
        lambda action: action.count * sum(map(writes_of, action.body)),
        _repeat_ticks,
        lambda action, sets: action.count * sum(edges_of(inner, sets) for inner in action.body),
        lambda action, sets: ((c, *found) for c, found in reach_of(action.body, sets).items()),
    ),
    actions.Random: _Kind(
        _is_plain_random,
        lambda action: action.count,
        lambda action: action.count * action.every,
        _random_edges,
        _random_reach,
    ),
}
"""By type. What is not here is never batchable: it reads, changes a core, or depends on the run."""
