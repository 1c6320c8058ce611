"""What is not data: messages, which go to standard error and never fail."""

from __future__ import annotations

import sys
from contextlib import suppress

import click


def tell(text: str) -> None:
    """Write a message to standard error; where nobody can read it, the exit status still tells.

    What was printed before comes before it, also in a log that holds both.
    """
    # Where printing fails, it fails again when it is done, and is told then.
    with suppress(OSError, ValueError):
        if sys.stdout is not None:
            sys.stdout.flush()
    with suppress(OSError, ValueError):  # full, gone, or closed
        click.echo(text, err=True)
