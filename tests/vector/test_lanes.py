"""Cores taken over and given back with nothing between: nobody can tell, at any moment of any script."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, note
from one_core import profile
from vector_runs import HERE, Drawn, Rows, machine_of, programs

from kvx_emu.core_id import CoreId
from kvx_emu.engine.reference import Reference
from kvx_emu.engine.run import CORE
from kvx_emu.engine.vector.lanes import Lanes
from kvx_emu.hw.register import registers_of
from kvx_emu.models.core import Core
from kvx_emu.script import actions
from kvx_emu.script.actions import Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.engine.cpu import Cpu, Frame
    from kvx_emu.machine.machine import Machine
    from kvx_emu.trace.sink import Sink

_REGISTERS = tuple(register.attribute for register in registers_of(Core))


class Touching(Reference):
    """The reference, but after every write all cores are taken over and given back at once.

    `reasons` counts why cores were refused; `deep` by how many exceptions were under way on those that
    were not.
    """

    def __init__(self, machine: Machine, program: Program, sinks: Sequence[Sink]) -> None:
        super().__init__(machine, program, sinks)
        self.reasons: Counter[str] = Counter()
        self.deep: Counter[int] = Counter()
        self._program = program
        self._lanes = Lanes(list(self._cpus.values()), self._run, latency=program.latency)
        for kind, act in list(self._do.items()):
            self._do[kind] = self._and_touch(act)

    def _and_touch(self, act: Any) -> Any:
        def both(action: actions.Action) -> None:
            act(action)
            self.touch()

        return both

    def touch(self) -> None:
        self._run.flush()
        before = self.state()
        for lane, cpu in enumerate(self._cpus.values()):
            depth = len(cpu.frames)
            own = self.state_of(cpu)
            why = self._lanes.take_over(lane)
            if why is None:
                assert not cpu.frames, "it is not the core's any more"
                self.deep[depth] += 1
                assert self._lanes.take_over(lane) is None, "harmless"
            else:
                assert self.state_of(cpu) == own, f"refused, and so not touched: {why}"
                self.reasons[why] += 1
        self._lanes.give_back()
        assert self.state() == before

    def state(self) -> dict[str, Any]:
        """Return all that there is of the cores and of the queue; stamps say only which entries count."""
        found: dict[str, Any] = {str(name): self.state_of(cpu) for name, cpu in self._cpus.items()}
        found["queue"] = sorted(
            (tick, priority, order if priority == CORE else (order, number, target))
            for tick, priority, order, number, _, target in self._run.queue
            if priority != CORE or number == target.stamp
        )
        return found

    def state_of(self, cpu: Cpu) -> tuple[Any, ...]:
        """Return all that there is of a core."""
        core, asked = cpu.core, self._judge.tally.asked
        return (
            [_copied(getattr(core, register)) for register in _REGISTERS],
            (core.pc, core.rz, core.open, core.state),
            [frame_of(frame, frame is cpu.frames[-1]) for frame in cpu.frames],
            cpu.pending(),
            [asked(*cpu.id, line) for line in range(32)] if self._program.latency else [],
        )


def frame_of(frame: Frame, innermost: bool) -> tuple[Any, ...]:
    """Return what there is of a frame: lines that were handled do not matter any more.

    Neither does the end of one that is interrupted, nor what is left of one that is not.
    """
    return (
        tuple(frame.lines[frame.at :]),
        frame.entering,
        frame.until if innermost else frame.left,
        frame.seen,
        frame.before,
        frame.pl,
        frame.sps,
        frame.spc,
    )


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def check(drawn: Drawn) -> Touching:
    kept, expected = Rows(), Rows()
    machine, other = drawn.machine(), drawn.machine()
    touching = Touching(machine, drawn.program, [kept])
    outcome = touching.run()
    reference = Reference(other, drawn.program, [expected])
    assert outcome == reference.run()
    assert kept.rows == expected.rows
    for name, core in machine.core.items():
        for register in _REGISTERS:
            assert getattr(core, register) == getattr(other.core[name], register), (name, register)
    return touching


@profile(50)
@given(programs(parts=3))
def test_a_core_that_is_taken_over_and_given_back_is_as_it_was(drawn: Drawn):
    touching = check(drawn)
    note(f"refused: {dict(touching.reasons)}, depths: {dict(touching.deep)}")


def bare(steps: list[actions.Action], *, nesting: bool = True, ps: int = 0x01000010, entry: int = 2) -> Drawn:
    """Return a program for cores whose lines 24, 25 and 26 have the levels 1, 2 and 3."""
    every = tuple(CoreId(0, pid) for pid in (0, 1, 16))
    head: list[actions.Action] = [
        actions.Sfr(HERE, None, every, "PS", "write", ps),
        actions.Enable(HERE, None, every, 7 << 24, on=True),
        *(actions.Level(HERE, None, every, 1 << line, line - 23) for line in (24, 25, 26)),
    ]
    program = Program(None, "bare", nesting, 0, entry, (10,) * 32, tuple(head + steps), latency=True)
    return Drawn(0, program)


def send(line: int, at: int) -> actions.Action:
    return actions.Send(HERE, at, CoreId(0, 0), line, ((0, 2),))


def test_exceptions_three_deep_are_given_back():
    storm = [
        send(line, at) for at, line in ((1, 24), (2, 24), (5, 25), (6, 24), (10, 26), (12, 25), (14, 26))
    ]
    assert check(bare(storm)).deep.keys() == {0, 1, 2, 3}


@pytest.mark.parametrize("offset", [2, 3, 4])
def test_exceptions_that_are_still_entering_are_given_back(offset: int):
    storm = [send(24, 1), send(25, offset), send(26, offset), send(24, offset + 1)]
    assert check(bare(storm, entry=3)).deep[1]


def test_a_batch_under_way_is_given_back():
    every = tuple(CoreId(0, pid) for pid in (0, 1, 16))
    steps = [
        actions.Enable(HERE, None, every, 7 << 24, on=True),
        *(actions.Level(HERE, None, every, 1 << line, 1) for line in (25, 26)),
        send(24, 1),
        *(send(line, at) for at in (5, 7, 11, 22, 23) for line in (24, 25, 26)),
    ]
    touching = check(Drawn(0, Program(None, "linux", False, 0, 1, (9,) * 32, tuple(steps), latency=True)))
    assert touching.deep[1] > 10


def test_what_no_exception_of_this_software_leaves_is_refused():
    core = (CoreId(0, 1),)
    for operation, bits in (("clear", 0x10), ("set", 0x8)):  # PS.IE shows in what is open, PS.HTD nowhere
        changed = [send(24, 1), actions.Sfr(HERE, 5, core, "PS", operation, bits), send(25, 6)]
        assert check(bare(changed)).reasons == {"an exception is under way whose registers were changed": 2}
    late = [send(24, 1)]
    double = check(bare(late, ps=0x01000014)).reasons
    assert "its next exception would be a double one" in double
    privileged = [actions.Sfr(HERE, None, core, "PS", "set", 1), send(24, 1)]
    assert "a more privileged line is enabled" in check(bare(privileged)).reasons


def test_a_core_is_found_again_by_its_index():
    machine = machine_of(1)
    engine = Reference(machine, Program(None, "bare", False, 0, 0, (0,) * 32, (), latency=False))
    cpus: list[Cpu] = list(engine._cpus.values())
    lanes = Lanes(cpus, engine._run, latency=False)
    assert [lanes.take_over(lane) for lane in (3, 1)] == [None, None]
    assert [lane for lane in range(len(cpus)) if lanes.mode[lane] >= 0] == [1, 3]
    lanes.give_back()
    assert not (lanes.mode >= 0).any()
