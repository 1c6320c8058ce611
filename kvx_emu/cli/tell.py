"""What is not data: messages, which go to standard error and never fail."""

from __future__ import annotations

import click


def tell(text: str) -> None:
    """Write a message to standard error; where nobody can read it, the exit status still tells."""
    try:
        click.echo(text, err=True)
    except (OSError, ValueError):  # full, gone, or closed
        return
