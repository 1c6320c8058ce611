"""Holding signals back where they would do harm."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a run."""


@contextmanager
def signals_held() -> Iterator[None]:
    """Let the signals that end a run wait until the context is left. Outside the main thread: do nothing.

    They are not blocked but noted: a library may have threads, any of which can get a signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python's handlers run in the main thread
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    handlers = {number: signal.getsignal(number) for number in HELD}
    heard = {number: handler for number, handler in handlers.items() if handler not in {None, signal.SIG_IGN}}
    try:
        for number in heard:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)
