"""What is left to the kernel: the requests of some cores, with what is under way on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector.table import CARRIED, ENTERED, NOT_YET, Table
from kvx_emu.hw.register import bits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kvx_emu.engine.vector.solution import Solution


def run_jobs(
    solution: Solution, jobs: list[int], edges: NDArray[np.int64], fresh: NDArray[np.int64]
) -> Table | None:
    """Run the groups `jobs` (ascending) of a solution through the kernel, up to the horizon.

    `edges` (ascending) are those of its edges that the kernel settles; among them are `fresh`, which are on
    lines that are not taken. Fills the results of the edges and leaves the state on the lanes. Returns the
    requests from before the chunk that were entered or left in it, None if there are none.
    """
    lanes = solution.lanes
    states: list[int] = []
    # Requests from before come first in the kernel's arrays: their ticks, lines, groups and fates.
    ticks: list[int] = []
    lines: list[int] = []
    groups: list[int] = []
    fates: list[int] = []
    late: dict[int, int] = {}  # lines that are latched in this chunk, by group
    for g, line in zip(solution.group_of(fresh).tolist(), solution.line[fresh].tolist(), strict=True):
        late[g] = late.get(g, 0) | 1 << line
    for g in jobs:
        state = lanes.state_of(solution.groups[g][0])
        state[k.ILR] &= ~late.get(g, 0)
        known = [(k.HELD + line, line, ENTERED if entered else CARRIED) for line, entered in in_hand(state)]
        known += [(k.ASKED + line, line, CARRIED) for line in bits(state[k.ILR])]
        for slot, line, fate in known:
            ticks.append(state[slot])
            state[slot] = len(lines)
            lines.append(line)
            groups.append(g)
            fates.append(fate)
        states += state
    before = len(ticks)
    group_of = solution.group_of(edges)
    arrive = np.concatenate((np.array(ticks, np.int64), solution.arrive[edges]))
    results = [np.zeros(len(arrive), np.int64), *(np.full(len(arrive), NOT_YET, np.int64) for _ in range(2))]
    results += [np.zeros(len(arrive), np.int64) for _ in range(4)]
    left = _advance(
        solution,
        np.searchsorted(group_of, jobs, side="left") + before,
        np.searchsorted(group_of, jobs, side="right") + before,
        solution.mode[jobs],
        arrive,
        np.concatenate((np.array(lines, np.int64), solution.line[edges])),
        np.array(states, np.int64),
        results,
    )
    if solution.placed:
        name = np.concatenate((np.full(before, -1), edges))  # runs are named by edges
        results[5:] = [renamed(place, name) for place in results[5:]]
    solution.put(edges, [result[before:] for result in results])
    _keep(solution, jobs, left, arrive.tolist())
    had = np.array(fates, np.uint8)
    enter, leave = results[1][:before], results[2][:before]
    enter[had == ENTERED] = NOT_YET  # which was told before
    shown = np.flatnonzero((enter >= 0) | (leave >= 0))
    if not len(shown):
        return None
    part = [result[:before][shown] for result in results]
    return Table(
        [solution.groups[groups[i]] for i in shown.tolist()],
        np.arange(len(shown) + 1),
        np.full(len(shown), -1, np.int32),
        np.array(lines, np.uint8)[shown],
        arrive[shown],
        had[shown],
        *part[1:5],
        *(part[5:] if solution.placed else (None, None)),
    )


def in_hand(state: list[int]) -> list[tuple[int, bool]]:
    """Return the lines of the exceptions under way whose handlers have not ended, and whether they began."""
    taken = []
    for depth in range(state[k.DEPTH]):
        at = k.FRAMES + k.FRAME * depth
        taken += [(line, False) for line in bits(state[at + k.WAITING])]
        if depth < state[k.DEPTH] - 1 or not state[k.ENTERING]:
            taken.append((state[at + k.LINE], True))
    return taken


def renamed(place: NDArray[np.int64], name: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return places whose runs are indices into `name` as places whose runs are its values."""
    run = place >> k.RUN_SHIFT
    named = np.where(run < 0, -1, name[np.maximum(run, 0)]) if len(name) else run
    return named << k.RUN_SHIFT | (place & ((1 << k.RUN_SHIFT) - 1))


def _advance(
    solution: Solution,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    mode_of: NDArray[np.int32],
    arrive: NDArray[np.int64],
    line_of: NDArray[np.int64],
    state: NDArray[np.int64],
    results: list[NDArray[np.int64]],
) -> list[int]:
    """Call the kernel, compiled on arrays or else on lists; fill `results` and return the states."""
    solver = solution.solver
    modes = np.array(solution.lanes.modes, np.int64).reshape(-1)
    lowest = np.array(k.LOWEST, np.int64)
    arrays = [first, last, mode_of.astype(np.int64), modes, solver.service, lowest, arrive, line_of, state]
    advance: Callable[..., None] = k.advance
    given: list[k.Ints] = list(arrays)
    filled: list[k.Ints] = list(results)
    if solver.kernel is not None:
        advance = solver.kernel
    else:
        given = [array.tolist() for array in arrays]
        filled = [array.tolist() for array in results]
    where, rules, requests = given[:3], given[4:6], given[6:]
    advance(len(first), *where, solution.horizon, given[3], solver.times.entry, *rules, *requests, *filled)
    for array, values in zip(results, filled, strict=True):
        array[:] = values
    states: list[int] = np.asarray(given[-1]).tolist()
    return states


def _keep(solution: Solution, jobs: list[int], states: list[int], ticks: list[int]) -> None:
    """Leave the states on the cores of the jobs, each request named by its tick of arrival."""
    for j, g in enumerate(jobs):
        state = states[j * k.STATE : (j + 1) * k.STATE]
        for line in bits(state[k.ILR]):
            state[k.ASKED + line] = ticks[state[k.ASKED + line]]
        for line, _ in in_hand(state):
            state[k.HELD + line] = ticks[state[k.HELD + line]]
        state[k.TURN] = 0
        for lane in solution.groups[g]:
            solution.lanes.keep(lane, state)
