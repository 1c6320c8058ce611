"""The command `kvx-emu`: its subcommands, and how anything that goes wrong becomes a message and a status."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from kvx_emu import __version__
from kvx_emu.cli.tell import tell
from kvx_emu.errors import DefectError, InputError, KvxEmuError, OutputError, ReaderGoneError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
READER_GONE = 141  # 128 + SIGPIPE

COMMANDS = ("run", "check", "show", "explain", "trace", "dt", "init", "schema", "bench")

EPILOG = """\b
Examples:
  kvx-emu run board.dts script.yaml          run a script, print the trace of each core
  kvx-emu run board.dtb script.yaml --csv trace.csv --format none
  kvx-emu check board.dts script.yaml        what is wrong with a tree and a script
  kvx-emu show board.dts wiring              what was built from a tree
  kvx-emu explain board.dts 0xad0000 0x6     what a register write does, and why

\b
Exit status: 0 all well; 1 an expectation failed; 2 wrong usage, or a file that can not be opened;
3 the board or the script is invalid; 4 a limit was met; 5 --strict and nothing was checked;
6 an output could not be written; 70 a defect of kvx-emu; 130 interrupted; 141 the reader went away.

\b
Completion, for bash, zsh and fish, in the shell's start-up file:
  eval "$(_KVX_EMU_COMPLETE=bash_source kvx-emu)"
  eval "$(_KVX_EMU_COMPLETE=zsh_source kvx-emu)"
  _KVX_EMU_COMPLETE=fish_source kvx-emu | source
"""


class _Commands(click.Group):
    """The subcommands, each imported when it is needed: start-up is what a short run mostly waits for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"kvx_emu.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a typo name the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = "".join(f" Did you mean {name!r}?" for name in get_close_matches(args[0], COMMANDS, n=1))
            raise click.UsageError(error.message + near, ctx) from None


@click.command(
    cls=_Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="kvx-emu")
def cli() -> None:
    """Emulate the inter-processor interrupts of Kalray's Coolidge, as a device tree describes them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; no traceback but for a defect of ours."""
    _open_closed()
    _buffer_output()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # Messages quote what stands in a file; not every terminal has all that, and a blob or an old
        # source need not be text at all.
        sys.stdout.reconfigure(errors="backslashreplace")
    _unwind_on_signals()
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
    except KvxEmuError as error:
        status = _tell(error)
    except (click.Abort, KeyboardInterrupt) as stop:
        # click makes an Abort of it; a command may have said how far it came.
        tell(f"kvx-emu: {str(stop.__cause__ or stop) or 'interrupted'}")
        status = INTERRUPTED
    except BrokenPipeError:
        status = READER_GONE
    except OSError as error:
        # Of our own writes, only those that click makes for --help and its like are not guarded closer.
        status = _tell(OutputError(f"standard output: can not be written: {error.strerror}"))
    except Exception:  # the last resort, so that a defect has a status of its own
        import traceback

        tell(traceback.format_exc().rstrip())
        status = _tell(DefectError(f"version {__version__}"))
    _leave_quietly()
    return status


def _open_closed() -> None:
    """Give a number 0 to 2 to what was closed, lest a file of ours gets it; what is written there fails."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)
                continue  # open all the same: not for us to touch
            closed = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if closed != number:
                os.dup2(closed, number)
                os.close(closed)
            if name == "stdout":
                sys.stdout = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (to the end)


def _buffer_output() -> None:
    """Buffer standard output also where Python was asked not to (PYTHONUNBUFFERED).

    What goes to a descriptor directly may be written in part, to a full disk say, and nobody is told.
    """
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and isinstance(out.buffer, io.RawIOBase):
        sys.stdout = open(  # noqa: SIM115  (to the end)
            out.fileno(), "w", encoding=out.encoding, errors=out.errors, closefd=False
        )


def _unwind_on_signals() -> None:
    """Let the signals that end a process unwind it first, so that half-written files are removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Who started us may want one ignored (nohup); and only the main thread may ask.
        if threading.current_thread() is threading.main_thread() and (
            signal.getsignal(number) is signal.SIG_DFL
        ):
            signal.signal(number, _unwind)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _dispatch(argv: Sequence[str] | None) -> int:
    streams = sys.stdout, sys.stderr
    try:
        result = cli.main(
            args=None if argv is None else list(argv), prog_name="kvx-emu", standalone_mode=False
        )
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except SystemExit as left:
        # click's own answer to a closed pipe is to wrap the streams and to leave with 1.
        if sys.stdout is not streams[0]:
            sys.stdout, sys.stderr = streams
            return READER_GONE
        return left.code if isinstance(left.code, int) else 0
    return result if isinstance(result, int) else 0


def _tell(error: KvxEmuError) -> int:
    if isinstance(error, (InputError, UsageError)):
        for finding in error.findings:
            tell(str(finding))
    if not isinstance(error, InputError) and not isinstance(error, ReaderGoneError):
        tell(f"kvx-emu: {error}")
    if isinstance(error, DefectError):
        tell("kvx-emu: this is a defect of kvx-emu; please report it with the lines above")
    return error.exit_status


def _leave_quietly() -> None:
    """Keep Python's own flush at exit from failing on a standard output or error that is gone or full."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
