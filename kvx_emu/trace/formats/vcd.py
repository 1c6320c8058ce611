"""Value change dumps for GTKWave and Surfer. Source: IEEE 1364-2005, clause 18."""

from __future__ import annotations

import os
import tempfile
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.outputs import AtomicFile, Outputs
from kvx_emu.trace.formats.gtkw import gtkw_text
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, EXIT, MASK, MASKED, REQUEST, RESET, SEND
from kvx_emu.trace.setting import FIRST_IPI_LINE, PICOSECONDS, cpu_number, line_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

UNITS = ("s", "ms", "us", "ns", "ps")
"""Of time; readers count the units in 64 bits, so femtoseconds would end after hours. Source: 18.2.3.4."""

_BLOCK = 1 << 18  # bytes that are copied at once
_SPOOLED = 1 << 14  # changes that are kept before they go to the temporary file
_FIRST, _BASE = 33, 94  # identifiers are of the printable characters of ASCII. Source: 18.2.1

_MARKS = {REQUEST: "requested", ENTER: "entered", CLEAR: "cleared"}
"""What the moments of some rows are called, beside the states `request` and `service`."""


class Scale(NamedTuple):
    """How ticks become times: `unit`, such as 1 ns, and tick * `times` // `over` of them."""

    unit: str
    times: int
    over: int

    @property
    def exact(self) -> bool:
        """Whether each tick is a whole number of units."""
        return self.over == 1


def scale(clock_hz: int) -> Scale:
    """Return the coarsest unit of which a tick is a whole number; picoseconds where there is none."""
    for power, fine in ((power, 10**power) for power in range(13)):
        part = gcd(fine, clock_hz)
        if part == clock_hz:
            name = UNITS[(power + 2) // 3]
            return Scale(f"{10 ** (-power % 3)} {name}", fine // part, 1)
    return Scale("1 ps", PICOSECONDS, clock_hz)


class Variable(NamedTuple):
    """A signal: where it stands (cluster and core; None outside), what it is and what it starts as."""

    cluster: int | None
    core: int | None
    name: str
    kind: str  # wire, reg or event. Source: 18.2.3.7
    width: int
    start: str  # its value in the first tick; empty for a moment
    line: int | None = None  # of a wire that tells whether this line is enabled

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that it is in, the outermost first."""
        if self.cluster is None:
            return ("soc",)
        cluster = f"cluster{self.cluster}"
        if self.core is None:
            return "soc", cluster
        return "soc", cluster, str(CoreId(0, self.core))

    @property
    def reference(self) -> str:
        """Its name with the bits, as it is declared."""
        return self.name if self.width == 1 else f"{self.name}[{self.width - 1}:0]"


class _Line:
    """What is on at a line of a core, and the identifiers of its signals."""

    __slots__ = ("request", "sender", "service", "serving", "waiting")

    def __init__(self, request: str, service: str) -> None:
        self.request, self.service = request, service
        self.sender: str | None = None  # until somebody asks
        self.waiting = self.serving = 0


class VcdSink:
    """Writes the signals of each line of each core, and beside it the .gtkw that shows them in GTKWave.

    Which lines are used is known at the end; so the changes go to a temporary file until then.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        self._setting = setting
        self._scale = scale(setting.clock_hz)
        self._path = path
        self._files = Outputs()
        self._file = self._files.add(AtomicFile(path))
        try:
            self._save = self._files.add(AtomicFile(path.removesuffix(".vcd") + ".gtkw"))
            self._spool = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close or abandon)
        except BaseException:
            self._files.abandon()
            raise
        self._out: list[str] = []
        self._ids: dict[Variable, str] = {}
        self._lines: dict[tuple[int, int, int], _Line] = {}
        # ILE of the cores that tell: at the end of the first tick, and now.
        self._first_enabled: dict[tuple[int, int], int] = {}
        self._enabled: dict[tuple[int, int], int] = {}
        self._registers: dict[tuple[int, str, int], list[str]] = {}  # identifiers, by cluster, event and line
        self._moments: dict[tuple[int | None, int | None, str, int | None], str] = {}  # changes
        self._start: int | None = None  # the time of the first change
        self._tick = self._time = -1

    def add(self, rows: Sequence[Row]) -> None:
        """Write the changes of the rows."""
        for tick, cluster, core, event, line, by_cluster, by, value in rows:
            if tick != self._tick:
                self._move(tick)
            if line is not None and cluster is not None and core is not None:
                if event in {SEND, MASK}:
                    self._register(cluster, core, event, line, value)
                    continue
                state = self._on_line(cluster, core, event, line)
                if event in {REQUEST, COALESCED, MASKED} and by is not None:
                    if state.sender is None:
                        sender = Variable(cluster, core, f"{_name(line)}_from", "reg", 16, "bx")
                        state.sender = self._id(sender)
                    self._out.append(f"b{cpu_number(by_cluster, by):b} {state.sender}")
            if event == RESET:
                self._end_handlers(cluster, core)
            if event != EXIT:
                self._mark(cluster, core, event, line)
            if len(self._out) >= _SPOOLED:
                self._unload()

    def _on_line(self, cluster: int, core: int, event: str, line: int) -> _Line:
        """Keep what is on at a line, and write what changes: request until entered or cleared, service."""
        state = self._lines.get((cluster, core, line)) or self._new_line(cluster, core, line)
        if event == REQUEST:
            state.waiting += 1
            if state.waiting == 1:
                self._out.append("1" + state.request)
        elif event in {ENTER, CLEAR} and state.waiting:  # it may be missing where rows were left out
            state.waiting -= 1
            if not state.waiting:
                self._out.append("0" + state.request)
        if event == ENTER:
            state.serving += 1
            if state.serving == 1:
                self._out.append("1" + state.service)
        elif event == EXIT and state.serving:
            state.serving -= 1
            if not state.serving:
                self._out.append("0" + state.service)
        return state

    def _end_handlers(self, cluster: int | None, core: int | None) -> None:
        """End the handlers of a core that was reset: they have no exit."""
        for (of_cluster, of_core, _), state in self._lines.items():
            if (of_cluster, of_core) == (cluster, core) and state.serving:
                state.serving = 0
                self._out.append("0" + state.service)

    def _new_line(self, cluster: int, core: int, line: int) -> _Line:
        request, service = (
            self._id(Variable(cluster, core, f"{_name(line)}_{what}", "wire", 1, "0"))
            for what in ("request", "service")
        )
        state = self._lines[cluster, core, line] = _Line(request, service)
        if (cluster, core) in self._enabled:
            self._id(_enable(cluster, core, line))
        return state

    def _register(self, cluster: int, core: int, event: str, line: int, value: int) -> None:
        """Write what was written to a register of the IPI controller, and who wrote it."""
        ids = self._registers.get((cluster, event, line))
        if ids is None:
            name = f"{'INTERRUPT' if event == SEND else 'MASK'}{line - FIRST_IPI_LINE}"
            register = Variable(cluster, None, name, "reg", 32, "bx")
            writer = Variable(cluster, None, f"{name}_from", "reg", 16, "bx")
            moment = Variable(cluster, None, f"{name}_written", "event", 1, "")
            ids = self._registers[cluster, event, line] = [*map(self._id, (register, writer, moment))]
        register_id, writer_id, moment_id = ids
        written = f"b{value:b} {register_id}", f"b{cpu_number(cluster, core):b} {writer_id}"
        self._out += [*written, "1" + moment_id]

    def _mark(self, cluster: int | None, core: int | None, event: str, line: int | None) -> None:
        """Write that a row happened, as a moment."""
        change = self._moments.get((cluster, core, event, line))
        if change is None:
            name = _MARKS.get(event, event)
            if line is not None:
                name = f"{name}{line}" if core is None else f"{_name(line)}_{name}"
            change = "1" + self._id(Variable(cluster, core, name, "event", 1, ""))
            self._moments[cluster, core, event, line] = change
        self._out.append(change)

    def enabled(self, tick: int, core: CoreId, lines: int) -> None:
        """Write which lines of a core are enabled from now on."""
        if tick != self._tick:
            self._move(tick)
        before = self._enabled.get(core, 0)
        self._enabled[core] = lines
        if self._time == self._start:
            self._first_enabled[core] = lines
            return
        for line in range(32):
            if (before ^ lines) >> line & 1:
                self._out.append(f"{lines >> line & 1}{self._id(_enable(*core, line))}")

    def _move(self, tick: int) -> None:
        """Let time pass up to a tick."""
        self._tick = tick
        time = tick * self._scale.times // self._scale.over
        if self._start is None:
            self._start = self._time = time
        elif time != self._time:
            self._time = time
            self._out.append(f"#{time}")

    def _id(self, variable: Variable) -> str:
        """Return the identifier of a signal, a new one at its first use."""
        found = self._ids.get(variable)
        if found is None:
            number, found = len(self._ids), ""
            while True:
                found += chr(_FIRST + number % _BASE)
                number //= _BASE
                if not number:
                    break
                number -= 1  # so that !! follows ~
            self._ids[variable] = found
        return found

    def _unload(self) -> None:
        if self._out:
            self._spool.write(("\n".join(self._out) + "\n").encode("ascii"))
            self._out.clear()

    def _declared(self) -> list[Variable]:
        """Return the signals in the order of their scopes; lines by number, states before moments."""
        return sorted(self._ids, key=_place)

    def flush(self) -> None:
        """Write the signals, then the changes; no rows may follow."""
        self._unload()
        variables, start = self._declared(), self._start or 0
        self._file.write_bytes(self._header(variables, start).encode())
        self._spool.seek(0)
        while block := self._spool.read(_BLOCK):
            self._file.write_bytes(block)
        dump = os.path.basename(self._path)
        self._save.write(gtkw_text(dump, variables, start, max(self._time, start)))
        self._file.flush()
        self._save.flush()

    def _header(self, variables: Sequence[Variable], start: int) -> str:
        setting = self._setting
        parts = [f"$version kvx-emu $end\n$comment {_comment(setting)} $end\n"]
        if not self._scale.exact:
            parts.append(f"$comment a tick is 1/{setting.clock_hz} s: times are rounded down $end\n")
        parts.append(f"$timescale {self._scale.unit} $end\n")
        inside: tuple[str, ...] = ()
        for variable in variables:
            scopes = variable.scopes
            common = sum(a == b for a, b in zip(inside, scopes, strict=False))
            parts.append("$upscope $end\n" * (len(inside) - common))
            parts += [f"$scope module {name} $end\n" for name in scopes[common:]]
            inside = scopes
            reference = variable.reference.replace("[", " [")
            parts.append(f"$var {variable.kind} {variable.width} {self._ids[variable]} {reference} $end\n")
        parts.append("$upscope $end\n" * len(inside) + f"$enddefinitions $end\n#{start}\n$dumpvars\n")
        for variable in variables:
            start_value = self._at_start(variable)
            if start_value:
                parts.append(f"{start_value}{' ' * (variable.width > 1)}{self._ids[variable]}\n")
        return "".join([*parts, "$end\n"])

    def _at_start(self, variable: Variable) -> str:
        """Return the value that a signal has in the first tick; empty for a moment."""
        if variable.line is None or variable.cluster is None or variable.core is None:
            return variable.start
        return str(self._first_enabled.get((variable.cluster, variable.core), 0) >> variable.line & 1)

    def close(self) -> None:
        """Let both files appear."""
        self._spool.close()
        self._file.close()
        self._save.close()

    def abandon(self) -> None:
        """Leave no file, or the old ones; harmless after `close`."""
        self._spool.close()
        self._files.abandon()


def _enable(cluster: int, core: int, line: int) -> Variable:
    return Variable(cluster, core, f"{_name(line)}_enable", "wire", 1, "", line)


def _name(line: int) -> str:
    """Return the name of a line; a minus is no part of a name."""
    return line_name(line).replace("-", "_")


def _comment(setting: Setting) -> str:
    """Return what the trace is of; a dollar could end the comment."""
    told = f"{setting.script or 'a trace'} on {setting.board or 'a board'}, {setting.clock_hz} ticks a second"
    return "".join(c if c.isprintable() and c != "$" else "?" for c in told)


def _place(variable: Variable) -> tuple[object, ...]:
    """Return where a signal stands among the others: registers of a cluster before its cores."""
    cluster, core, name, *_ = variable
    stem, _, what = name.rpartition("_") if "_" in name else (name, "", "")
    number = int("".join(c for c in stem if c.isdigit()) or -1)
    states = ("request", "enable", "service")
    order = states.index(what) if what in states else len(states)
    return (
        -1 if cluster is None else cluster,
        -1 if core is None else core,
        stem.rstrip("0123456789"),
        number,
        order,
        name,
    )
