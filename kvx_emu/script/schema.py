"""The JSON Schema of scripts, from the declarations that also read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.script.language import PARAMETER, Top
from kvx_emu.script.record import record_schema
from kvx_emu.script.steps import STEPS, body_schema, step_schema

if TYPE_CHECKING:
    from kvx_emu.script.kinds import Schema


def schema() -> Schema:
    """Return the schema (JSON Schema 2020-12), ready to be written as JSON.

    It accepts every valid script. What it can not express is left to `check`: names that the board
    lacks, ranges with the upper end first, values wider than their size, times.
    """
    definitions: dict[str, Schema] = {
        "template": {
            "type": "string",
            "pattern": rf"\$\{{{PARAMETER}\}}",
            "description": "a named number: ${n}",
        },
        "step": step_schema(inside=False),
        "inner-step": step_schema(inside=True),
    }
    definitions |= {name: body_schema(record) for name, record in STEPS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kvx-emu script",
        **record_schema(Top),
        "$defs": definitions,
    }
