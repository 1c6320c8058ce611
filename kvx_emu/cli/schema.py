"""`kvx-emu schema`: the JSON Schema of scripts."""

from __future__ import annotations

import click

EPILOG = """\b
Example, for editors with a YAML language server:
  kvx-emu schema > kvx-emu.schema.json
and as the first line of a script:
  # yaml-language-server: $schema=kvx-emu.schema.json
"""


@click.command("schema", epilog=EPILOG, short_help="Print the JSON Schema of scripts.")
def command() -> None:
    """Print the JSON Schema (2020-12) of the script language, made from what validates scripts."""
    import json

    from kvx_emu.script.schema import schema

    click.echo(json.dumps(schema(), indent=2))
