"""The options that choose rows: --core, --line, --event, --from and --to."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kvx_emu.cli.inputs import lines_of
from kvx_emu.trace.row import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.core_id import CoreId
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.trace.sink import Filter, Sink
    from kvx_emu.trace.tally import Line, Wire


class EventNames(click.Choice[str]):
    """The names of events, with commas between them; the value is one text, as it was given."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value`, whose every name is an event; refuse it otherwise, naming the nearest."""
        for name in value.split(","):
            if name not in EVENTS:
                from difflib import get_close_matches

                near = "".join(f" Did you mean {word!r}?" for word in get_close_matches(name, EVENTS, n=1))
                self.fail(f"{name!r} is not one of {', '.join(EVENTS)}.{near}", param, ctx)
        return value


class Wanted(NamedTuple):
    """What the options say; which cores the names mean depends on the board."""

    cores: tuple[str, ...]
    lines: tuple[str, ...]
    events: tuple[str, ...]
    first: int
    last: int | None

    def shown(self, cores: set[CoreId] | None) -> Shown:
        """Return what is to be seen, `cores` being those that are named (None: all)."""
        events = {name for names in self.events for name in names.split(",")}
        return Shown(cores, lines_of(self.lines), events or None, self.first, self.last)


class Shown(NamedTuple):
    """What --core, --line, --event, --from and --to let be seen; None is all."""

    cores: set[CoreId] | None
    lines: set[int] | None
    events: set[str] | None
    first: int
    last: int | None

    def filtered(self, sink: Sink) -> Filter:
        """Return what lets through to `sink` the rows that are to be seen."""
        from kvx_emu.trace.sink import Filter

        cores, lines, events, first, last = self
        return Filter(sink, cores=cores, lines=lines, events=events, first=first, last=last)

    def counts(self, outcome: Outcome) -> dict[Wire, Line]:
        """Return the counts of the summary that --core and --line admit."""
        return {
            (core, line): counts
            for (core, line), counts in outcome.summary.items()
            if (self.cores is None or core in self.cores) and (self.lines is None or line in self.lines)
        }


def filter_options(only: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options to a command, which takes them as `wanted`; help begins with `only`."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        of_cores = f"{only} rows of these cores: pe3, pe0-7,rm."
        of_lines = f"{only} rows of these lines: 24, 24-26,31."
        names = click.option("--core", "cores", metavar="NAMES", multiple=True, help=of_cores)
        lines = click.option("--line", "lines", metavar="LINES", multiple=True, help=of_lines)
        events = click.option(
            "--event",
            "events",
            metavar="NAMES",
            type=EventNames(EVENTS),
            multiple=True,
            help=f"{only} these events, of {', '.join(EVENTS)}.",
        )
        tick = click.IntRange(0)
        first = click.option(
            "--from", "first", metavar="TICK", type=tick, default=0, help=f"{only} rows from this tick on."
        )
        last = click.option("--to", "last", metavar="TICK", type=tick, help=f"{only} rows up to this tick.")

        @wraps(command)
        def wrapper(
            cores: tuple[str, ...],
            lines: tuple[str, ...],
            events: tuple[str, ...],
            first: int,
            last: int | None,
            **rest: Any,
        ) -> Any:
            return command(wanted=Wanted(cores, lines, events, first, last), **rest)

        return names(lines(events(first(last(wrapper)))))

    return add
