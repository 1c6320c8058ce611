"""The viewer's screen: the timeline drawn line by line, what the cursor is on, the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Footer, Input, Static

from kvx_emu.trace.formats.svg.axis import nice, time_text
from kvx_emu.trace.row import CLEAR, COALESCED, FAULT, LOST, MASKED, REQUEST, RESET, SEND
from kvx_emu.trace.setting import line_name
from kvx_emu.trace.table import place_name
from kvx_emu.view.window import GLYPHS, OTHER, RUNNING, WAITING, Window

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from kvx_emu.trace.row import Row
    from kvx_emu.view.rows import Rows

AXIS = 2
"""Lines above the lanes: the ticks, and their marks."""

_COLOURS = {
    FAULT: "bright_red",
    RESET: "bright_red",
    MASKED: "bright_magenta",
    COALESCED: "bright_yellow",
    LOST: "bright_red",
    CLEAR: "bright_white",
    REQUEST: "bright_green",
    SEND: "bright_white",
}
_RUN = Style(color="blue")
_WAIT = Style(color="bright_black")
_PLAIN = Style()
_DIM = Style(dim=True)
_BOLD = Style(bold=True)
_CURSOR = Style(reverse=True)
_MARKS = {event: Style(color=colour, bold=True) for event, colour in _COLOURS.items()}
_OTHER = Style(color="bright_cyan")

HELP = f"""\
 arrows, h l        a column back, on
 arrows, k j        a lane up, down
 PgUp, PgDn         a page of lanes up, down
 H L, Ctrl+arrows   half a page of time back, on
 Home, End          to the begin, to the end
 + -                zoom in, out, at the cursor
 0                  all of the trace
 n p                next, previous event of the lane
 g                  go to a tick
 /                  filter: pe1,pe2 ipi* masked
 ? q                this help, quit

 The mouse points and scrolls; with Shift it scrolls
 time, with Ctrl it zooms.

 {GLYPHS[REQUEST]} request  {GLYPHS[COALESCED]} coalesced  {GLYPHS[MASKED]} masked  {GLYPHS[SEND]} send
 {GLYPHS[CLEAR]} clear  {GLYPHS[FAULT]} fault  {GLYPHS[RESET]} reset  {GLYPHS[LOST]} lost  {OTHER} other
 {RUNNING}{RUNNING} handler  {WAITING}{WAITING} waiting for it
"""


class Timeline(Widget, can_focus=True):
    """The lanes, a line each, and the axis above them."""

    def __init__(self, window: Window, clock_hz: int | None) -> None:
        super().__init__()
        self._window = window
        self._clock_hz = clock_hz
        self._edges: list[int] = []

    @property
    def names(self) -> int:
        """Cells that the names of the lanes take."""
        longest = (
            max((len(lane.rows.core) + len(lane.rows.name) for lane in self._window.lanes), default=6) + 3
        )
        return min(longest, 20)

    def on_resize(self) -> None:
        """Take the new size."""
        self.update()

    def update(self) -> None:
        """Draw all anew."""
        self._window.resize(self.size.width - self.names, self.size.height - AXIS)
        self._edges = self._window.edges()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        segments: list[Segment] = []
        index = self._window.top + y - AXIS
        if y < AXIS and self._edges:
            segments = [Segment(self._axis()[y], _DIM)]
        elif index < len(self._window.lanes) and self._edges:
            segments = self._lane(index)
        return Strip(segments).adjust_cell_length(self.size.width, _PLAIN).apply_style(self.rich_style)

    def _axis(self) -> tuple[str, str]:
        """Return the ticks at round distances, and the marks below them."""
        window = self._window
        last = min(window.start + window.columns * window.scale, window.rows.last + 1)
        step = nice((len(self._time(last)) + 2) * window.scale)
        above = list(" " * (self.names + window.columns))
        below = list("tick".ljust(self.names) + "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * window.columns)
        for tick in range(-(-window.start // step) * step, last, step):
            at = self.names + window.column(tick)
            text = self._time(tick, step)
            below[at] = "\N{BOX DRAWINGS LIGHT DOWN AND HORIZONTAL}"
            if at + len(text) <= len(above):
                above[at : at + len(text)] = text
        return "".join(above), "".join(below)

    def _time(self, tick: int, step: int = 1) -> str:
        """Return a tick, and its time if the clock is known."""
        if self._clock_hz is None:
            return f"{tick:,}"
        like = self._window.rows.last
        return f"{tick:,} ({time_text(tick, self._clock_hz, like=like, step=step)})"

    def _lane(self, index: int) -> list[Segment]:
        window = self._window
        lane = window.lanes[index]
        is_selected = index == window.lane
        follows = index > window.top and window.lanes[index - 1].rows.core == lane.rows.core
        core = "" if follows else lane.rows.core
        room = self.names - 2
        name = f"{core} {lane.rows.name.rjust(room - len(core) - 1)}"[:room].ljust(room)
        mark = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}" if is_selected else " "
        segments = [Segment(f"{mark}{name} ", _BOLD if is_selected else _PLAIN)]
        cursor = window.column(window.tick) if is_selected else -1
        run, style = "", _PLAIN
        for column, (glyph, event) in enumerate(window.cells(lane, self._edges)):
            wanted = _style(glyph, event)
            if column == cursor:
                wanted += _CURSOR
            if wanted != style and run:
                segments.append(Segment(run, style))
                run = ""
            run, style = run + glyph, wanted
        return [*segments, Segment(run, style)]

    # The mouse

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        self._window.point(event.x - self.names, event.y - AXIS)
        self._moved()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Go down, later with Shift, out with Ctrl."""
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Go up, earlier with Shift, in with Ctrl."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        event.stop()
        if event.ctrl:
            self._window.zoom(-direction)
        elif event.shift:
            self._window.scroll(direction * max(1, self._window.columns // 8))
        else:
            self._window.select(3 * direction)
        self._moved()

    def _moved(self) -> None:
        viewer = self.app
        assert isinstance(viewer, Viewer)
        viewer.show()


def _style(glyph: str, event: str) -> Style:
    if glyph == RUNNING:
        return _RUN
    if not event:
        return _WAIT if glyph == WAITING else _PLAIN
    return _MARKS.get(event, _OTHER)


class Help(ModalScreen[None]):
    """The keys and the signs."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        """Make the one widget."""
        yield Static(HELP, id="help", markup=False)


class Viewer(App[None]):
    """Shows a trace; `window` is what is seen of it."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: 1; text-style: bold; }
    Timeline { height: 1fr; }
    #detail { height: 3; border-top: solid $primary; padding: 0 1; }
    #ask { height: 1; display: none; }
    #answer { height: 1; border: none; padding: 0 1; }
    Help { align: center middle; }
    #help { width: auto; height: auto; border: round $primary; background: $surface; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "back", show=False),
        Binding("right,l", "move(1)", "on", show=False),
        Binding("up,k", "select(-1)", "up", show=False),
        Binding("down,j", "select(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("ctrl+left,H", "scroll(-1)", "earlier", show=False),
        Binding("ctrl+right,L", "scroll(1)", "later", show=False),
        Binding("home", "end(0)", "begin", show=False),
        Binding("end", "end(1)", "end", show=False),
        Binding("plus,equals_sign", "zoom(1)", "in", key_display="+"),
        Binding("minus", "zoom(-1)", "out", key_display="-"),
        Binding("0", "whole", "all"),
        Binding("n", "step(1)", "next"),
        Binding("p", "step(-1)", "prev"),
        Binding("g", "ask('tick')", "go to"),
        Binding("slash", "ask('filter')", "filter", key_display="/"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
        Binding("escape", "leave", "leave", show=False),
    ]

    def __init__(self, rows: Rows, path: str, clock_hz: int | None) -> None:
        super().__init__()
        self.window = Window(rows)
        self._path = path
        self._clock_hz = clock_hz
        self._asked = ""
        self.heading = self.told = ""  # what stands above and below the timeline

    def compose(self) -> ComposeResult:
        """Make the widgets from top to bottom."""
        yield Static(id="head", markup=False)
        yield Timeline(self.window, self._clock_hz)
        yield Static(id="detail", markup=False)
        with Vertical(id="ask"):
            yield Input(id="answer")
        yield Footer()

    def on_mount(self) -> None:
        """Begin with all of the trace."""
        self.query_one(Timeline).focus()
        self.call_after_refresh(self.action_whole)

    # What is shown

    def show(self, told: str = "") -> None:
        """Show where the cursor is, or tell something instead."""
        self.query_one(Timeline).update()
        window = self.window
        lanes = f"{len(window.lanes):,} lanes"
        narrowed = f", filter {window.filter}" if window.filter else ""
        scale = f"{window.scale:,} tick{'s' if window.scale > 1 else ''} a column"
        head = f"{self._path}: {len(window.rows):,} rows, {lanes}, {scale}{narrowed}"
        self.heading, self.told = head, told or self.detail()
        self.query_one("#head", Static).update(self.heading)
        self.query_one("#detail", Static).update(self.told)

    def detail(self) -> str:
        """Return what is said of the row under the cursor."""
        window = self.window
        lane, row = window.selected, window.row()
        if lane is None:
            return "The trace has no rows."
        if row is None:
            where = f"{lane.rows.core} {lane.rows.name}".strip()
            return f"tick {self._when(window.tick)}  {where}  no row in this column"
        here = window.here()
        under = window.under()
        of = (
            ""
            if under is None or len(here) < 2
            else f"  {under - here[0] + 1:,} of {len(here):,} in this column"
        )
        return f"tick {self._when(row[0])}  {describe(row)}{of}"

    def _when(self, tick: int) -> str:
        return f"{tick:,}" if self._clock_hz is None else f"{tick:,} ({time_text(tick, self._clock_hz)})"

    # Keys

    def action_move(self, columns: int) -> None:
        """Move the cursor in time."""
        self.window.move(columns)
        self.show()

    def action_scroll(self, halves: int) -> None:
        """Move by half of what is seen of time."""
        self.window.scroll(halves * max(1, self.window.columns // 2))
        self.show()

    def action_select(self, lanes: int) -> None:
        """Move the cursor to another lane."""
        self.window.select(lanes)
        self.show()

    def action_page(self, pages: int) -> None:
        """Move the cursor by a page of lanes."""
        self.window.select(pages * max(1, self.window.height - 1))
        self.show()

    def action_end(self, last: int) -> None:
        """Go to the first tick, or the last."""
        self.window.go_to(self.window.rows.last if last else self.window.rows.first)
        self.show()

    def action_zoom(self, doublings: int) -> None:
        """Show less time in more detail, or more time."""
        self.window.zoom(doublings)
        self.show()

    def action_whole(self) -> None:
        """Show all of the trace."""
        self.query_one(Timeline).update()  # for the width
        self.window.whole()
        self.show()

    def action_step(self, rows: int) -> None:
        """Go to the next row of the lane, or the previous."""
        found = self.window.step(rows)
        self.show("" if found else f"No {'later' if rows > 0 else 'earlier'} row in this lane.")

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    # Questions

    def action_ask(self, what: str) -> None:
        """Ask for a tick or for a filter."""
        self._asked = what
        answer = self.query_one(Input)
        answer.value = self.window.filter if what == "filter" else ""
        answer.placeholder = {
            "tick": "go to tick, as 12000",
            "filter": "filter, as pe1,pe2 ipi* masked; empty for all",
        }[what]
        self.query_one("#ask").display = True
        answer.focus()

    def action_leave(self) -> None:
        """Leave the question."""
        self.query_one("#ask").display = False
        self.query_one(Timeline).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do what was asked for."""
        self.action_leave()
        text = event.value.strip()
        if self._asked == "filter":
            self.show(
                "" if self.window.narrow(text) else f"Nothing fits the filter {text}; it stays as it was."
            )
            return
        digits = text.replace(",", "").replace("_", "")
        if digits.isdecimal():
            self.window.go_to(int(digits))
            self.show()
        elif text:
            self.show(f"{text} is no tick; expected a number, as 12000.")


def describe(row: Row) -> str:
    """Return a row without its tick, as people read it."""
    _, cluster, core, event, line, from_cluster, from_core, value = row
    parts = [event, place_name(cluster, core)]
    if line is not None:
        parts.append(f"input {line}" if core is None else line_name(line))
    if from_core is not None:
        parts.append(f"from {place_name(from_cluster, from_core)}")
    return "  ".join([*parts, f"value {value:#x}"])
