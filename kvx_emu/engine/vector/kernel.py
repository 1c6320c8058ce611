"""The sequential kernel: one core after the other, one request after the other, without a queue.

Cores do not act on one another, so each can be run through alone: before a request arrives, whatever is
due on its core happens; then the request is latched and taken if the rules allow. That is exact for every
stream of requests as long as nobody changes the core's registers meanwhile.

`advance` works on plain integers and flat sequences, so that the same source runs as Python on lists and,
compiled by numba, on int64 arrays (see `compiled`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Ints: TypeAlias = Any
"""A flat sequence of integers: a list, or an int64 array."""

# The state of a core between two calls, from index `base` on. A frame is an exception under way.
ILR = 0  # the latched requests, a 32-bit mask
DEPTH = 1  # how many exceptions are under way
UNTIL = 2  # the tick at which the innermost one goes on
ENTERING = 3  # 1 while its next handler has not started
TURN = 4  # how many enters and exits there were
LAST = 5  # the line taken last, -1 if none was
POPPED = 6  # 1 if an exception has returned since the last take
FRAMES = 7  # the frames, outermost first, of these fields:
LINE, WAITING, SEEN, LEFT, LEVEL = range(5)
FRAME = 5
MOST_FRAMES = 3  # levels 1 to 3: an exception is interrupted by a higher level only
ASKED = FRAMES + FRAME * MOST_FRAMES  # for each line: the request that is latched
HELD = ASKED + 32  # for each line: the request that was taken and has not left
STATE = HELD + 32

# The rules of a core, from index `mode` x MODE on: they hold for the whole call.
BATCH = 0  # 1: an exception handles all that is enabled and pending; 0: the one line taken
NESTING = 1  # 1: a handler lets lines of a higher level interrupt it
OPEN = 2  # the lines that are taken when no exception is under way, a mask
ENABLED = 3  # ILE
ABOVE = 4  # for each level: the lines that interrupt a handler of that level
OF_LEVEL = 8  # for each level: its lines
MODE = 12

COALESCED, REQUESTED = 1, 0
"""Fates of a request at its core; whether it was delivered says its enter tick."""

RUN_SHIFT = 32
"""A row's place is run << 32 | turn: the request whose arrival made it (-1: the clock did), and its turn on
the core. It decides the order of rows of one tick."""

LOWEST = tuple((mask & -mask).bit_length() - 1 for mask in range(256))
"""The lowest set bit of each byte; -1 of 0."""


def advance(  # noqa: C901  (a call costs more than what it would do)
    jobs: int,
    first: Ints,
    last: Ints,
    mode_of: Ints,
    horizon: int,
    modes: Ints,
    entry: int,
    service: Ints,
    lowest: Ints,
    arrive: Ints,
    line_of: Ints,
    state: Ints,
    fate: Ints,
    enter: Ints,
    leave: Ints,
    seen: Ints,
    after: Ints,
    enter_place: Ints,
    leave_place: Ints,
) -> None:
    """Run `jobs` cores through their requests, up to and including the tick `horizon`.

    Job j has the requests `first[j]` .. `last[j]` - 1, which arrive at the ticks `arrive` (never
    decreasing, at most `horizon`) on `line_of` (0..31), the rules `mode_of[j]` of `modes`, and its state at
    j x STATE, which is left as it is at the horizon. `entry` and `service` (for each line) are in ticks.

    For each request are set: `fate`; the ticks `enter` and `leave` of its handler, where they are reached;
    `seen`, ILR before the take, and `after`, ILR at the exit; and the places of its two rows.
    """
    for job in range(jobs):
        base = job * STATE
        rules = mode_of[job] * MODE
        batch = modes[rules + BATCH]
        nesting = modes[rules + NESTING]
        idle_open = modes[rules + OPEN]
        ilr = state[base + ILR]
        depth = state[base + DEPTH]
        until = state[base + UNTIL]
        entering = state[base + ENTERING]
        turn = state[base + TURN]
        asked = base + ASKED
        held = base + HELD
        frame = base + FRAMES + FRAME * (depth - 1)
        opened = idle_open
        if depth:
            opened = modes[rules + ABOVE + state[frame + LEVEL]] if nesting and not entering else 0
        now = 0
        request = first[job]
        stop = last[job]
        while True:
            run = -1
            limit = arrive[request] if request < stop else horizon
            while True:
                pending = ilr & opened
                if pending:
                    # Take the highest level; of equals the lowest line.
                    level = 3
                    while not pending & modes[rules + OF_LEVEL + level]:
                        level -= 1
                    pending &= modes[rules + OF_LEVEL + level]
                    line = 24 + lowest[pending >> 24] if pending >> 24 else 0
                    if line < 24 or pending & 0xFFFFFF:
                        line = 0
                        while not pending >> line & 1:
                            line += 1
                    lines = 1 << line
                    if batch:
                        lines |= ilr & modes[rules + ENABLED]
                    if depth:
                        state[frame + LEFT] = until - now
                    frame = base + FRAMES + FRAME * depth
                    depth += 1
                    state[frame + WAITING] = lines
                    state[frame + SEEN] = ilr
                    state[frame + LEVEL] = level
                    state[base + LAST] = line
                    state[base + POPPED] = 0
                    ilr &= ~lines
                    if lines == 1 << line:
                        state[held + line] = state[asked + line]
                    else:
                        for other in range(32):
                            if lines >> other & 1:
                                state[held + other] = state[asked + other]
                    opened = 0
                    entering = 1
                    until = now + entry
                elif depth and until <= limit:
                    now = until
                    if entering:
                        waiting = state[frame + WAITING]
                        line = 24 + lowest[waiting >> 24] if waiting >> 24 else 0
                        if line < 24 or waiting & 0xFFFFFF:
                            line = 0
                            while not waiting >> line & 1:
                                line += 1
                        state[frame + WAITING] = waiting & ~(1 << line)
                        state[frame + LINE] = line
                        edge = state[held + line]
                        enter[edge] = now
                        seen[edge] = state[frame + SEEN]
                        enter_place[edge] = run << RUN_SHIFT | turn
                        turn += 1
                        entering = 0
                        until = now + service[line]
                        if nesting:
                            opened = modes[rules + ABOVE + state[frame + LEVEL]]
                    else:
                        edge = state[held + state[frame + LINE]]
                        leave[edge] = now
                        after[edge] = ilr
                        leave_place[edge] = run << RUN_SHIFT | turn
                        turn += 1
                        if state[frame + WAITING]:
                            entering = 1
                            continue
                        state[base + POPPED] = 1
                        depth -= 1
                        frame -= FRAME
                        if depth:
                            until = now + state[frame + LEFT]
                            opened = modes[rules + ABOVE + state[frame + LEVEL]] if nesting else 0
                        else:
                            opened = idle_open
                elif run < 0 and request < stop:
                    now = limit  # and so no more is due before what this request sets off
                    run = request
                    line = line_of[request]
                    if ilr >> line & 1:
                        fate[request] = COALESCED
                    else:
                        ilr |= 1 << line
                        state[asked + line] = request
                else:
                    break
            if request >= stop:
                break
            request += 1
        state[base + ILR] = ilr
        state[base + DEPTH] = depth
        state[base + UNTIL] = until
        state[base + ENTERING] = entering
        state[base + TURN] = turn


@lru_cache(maxsize=1)
def compiled() -> Callable[..., None] | None:
    """Return `advance` compiled by numba, or None where that is not installed (the extra `fast`)."""
    try:
        from numba import njit
    except ImportError:
        return None
    fast: Callable[..., None] = njit(cache=True)(advance)
    return fast
