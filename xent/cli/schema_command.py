"""`xent schema`: the JSON Schema of what xent writes and reads."""

from __future__ import annotations

import click

from xent.cli.examples import Command

KINDS = ("result", "state", "config", "comparison")


@click.command(
    cls=Command,
    short_help="Print the JSON Schema of what xent writes and reads, or check files.",
    examples=("xent schema result > result.schema.json", "xent schema config > xent.schema.json", "xent schema config xent.toml"),
)
@click.argument("kind", type=click.Choice(KINDS), default="result")
@click.argument("files", nargs=-1, metavar="[FILE]...")
def command(kind: str, files: tuple[str, ...]) -> None:
    """Print the JSON Schema (2020-12) of a result, of the state that --state writes, of the configuration that xent reads,
    or of what xent compare writes.

    With FILE... nothing is printed: they are read as xent reads them, gates and checksums included. Exit status 2 for a configuration
    that is wrong, 3 for a file that is none of what it should be.
    """
    for name in files:
        _check(kind, name)
    if not files:
        from xent.cli.streams import emit
        from xent.io.exporters.plain import json_text
        from xent.io.schema import SCHEMAS

        emit(json_text(SCHEMAS[kind], indent=2))


def _check(kind: str, name: str) -> None:
    """Raises `UsageError` or `DataError` where a file is not of a kind."""
    if kind == "config":
        from xent.io.config import read_settings

        read_settings(name)
    elif kind == "state":
        from xent.io.state_file import read_state

        read_state(name)
    elif kind == "comparison":
        from xent.io.results import parse_comparison, read_bytes

        parse_comparison(*read_bytes(name))
    else:
        from xent.io.results import parse_result, read_bytes

        parse_result(*read_bytes(name))
