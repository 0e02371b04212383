"""`xent merge`: from states to the numbers of all their rows."""

from __future__ import annotations

from pathlib import Path

import click

from xent.cli.examples import Command
from xent.cli.options import format_option, output_option
from xent.cli.outputs import FORMATS, check_state, output_formats, print_result, write_outputs


@click.command(
    cls=Command,
    short_help="Make one result of several states, bit for bit that of one run over all their rows.",
    examples=(
        "xent merge part-*.state -f table",
        "xent merge part-1.state part-2.state -q",
        "xent merge monday.state tuesday.state --state week.state -o week.json",
    ),
)
@click.argument("states", nargs=-1, required=True, metavar="STATE...")
@format_option(FORMATS)
@output_option()
@click.option("--state", metavar="FILE", type=click.Path(path_type=Path), help="Also write the merged state.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the bare numbers, all digits, one a line.")
def command(states: tuple[str, ...], form: str | None, outputs: tuple[Path, ...], state: Path | None, quiet: bool) -> None:
    """Merge what xent eval --state wrote of several parts of the rows.

    The result is, bit for bit, that of one run over all of them, slices included. States of other metrics, options or classes are
    refused, and so is the same input twice, whatever its files are called.
    """
    from xent.cli.exits import say
    from xent.cli.signals import watched
    from xent.core.errors import DataError, NothingEvaluated
    from xent.io.merging import merge_states, missing_shards
    from xent.io.state_file import read_state

    formats = output_formats(outputs, form, states, quiet=quiet)
    if state is not None:
        check_state(state, formats, states, None)
    twice = [name for name in states if states.count(name) > 1]
    if twice:
        raise DataError(f"{twice[0]}: is named twice, and its rows would count twice")
    with watched():
        merged = merge_states({name: read_state(name) for name in states})
        if not merged.data.rows and state is None:
            raise NothingEvaluated("there are no rows in the states")
        result = merged.result()
        write_outputs(result, formats, {} if state is None else {state: merged})
    for sentence in missing_shards(merged):
        say(f"warning: {sentence}")
    print_result(result, form, quiet=quiet)
