"""`xent schema`: the JSON Schema of what xent writes and reads."""

from __future__ import annotations

import click

from xent.cli.examples import Command

KINDS = ("result", "state", "config")


@click.command(
    cls=Command,
    short_help="Print the JSON Schema of what xent writes and reads.",
    examples=("xent schema result > result.schema.json", "xent schema config > xent.schema.json"),
)
@click.argument("kind", type=click.Choice(KINDS), default="result")
def command(kind: str) -> None:
    """Print the JSON Schema (2020-12) of a result, of the state that --state writes, or of the configuration that xent reads."""
    from xent.cli.streams import emit
    from xent.io.exporters.plain import json_text
    from xent.io.schema import SCHEMAS

    emit(json_text(SCHEMAS[kind], indent=2))
