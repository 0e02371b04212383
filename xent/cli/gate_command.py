"""`xent gate`: judging a result that was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from xent.cli.configuration import ConfiguredCommand
from xent.cli.gating import gate_options
from xent.cli.options import format_option, output_option
from xent.cli.outputs import FORMATS, is_terminal, output_formats, render, write_outputs

if TYPE_CHECKING:
    from xent.cli.gating import Gating


@click.command(
    cls=ConfiguredCommand,
    configured=("gate", "baseline", "allow_different_data", "inconclusive"),
    short_help="Judge a saved result by gates, without reading data.",
    examples=(
        "xent gate result.json --gate 'accuracy >= 0.8'",
        "xent gate pull.json --baseline main.json --gate 'delta(categorical_crossentropy) <= 0.005' -o gates.xml",
        "xent gate result.json --config xent.toml --format github",
    ),
)
@click.argument("saved", metavar="RESULT")
@gate_options
@format_option(FORMATS)
@output_option()
@click.option("-q", "--quiet", is_flag=True, help="Print only the verdict: pass, fail, inconclusive or none.")
def command(saved: str, gating: Gating, form: str | None, outputs: tuple[Path, ...], quiet: bool) -> int:
    """Judge RESULT, the JSON or the state that xent eval wrote (- for standard input), by gates.

    The gates given here or in the configuration take the place of those the result was judged by. Without any, its own stand.

    Exit status: 0 every gate passed, 1 a gate failed, 2 wrong usage, 3 the file is no result, 4 a gate is inconclusive and --inconclusive
    fail, 5 a gate could not be measured.
    """
    from xent.cli.streams import emit
    from xent.core.errors import UsageError
    from xent.io.saved import read_saved

    formats = output_formats(outputs, form, (saved, gating.baseline), quiet=quiet)
    gating.prepare()
    result, measured = read_saved(saved)
    if gating.gates:
        result = gating.judged(result, measured)
    elif not result.gates:
        raise UsageError(f"{saved} was not judged by any gate, and none is given; name one with --gate or in xent.toml")
    write_outputs(result, formats)
    if quiet:
        emit(f"{result.verdict}\n")
    else:
        emit(render(result, form or ("table" if is_terminal() else "json"), to_terminal=is_terminal()))
    return gating.conclude(result, to_github="github" in (form, *formats.values()))
