"""`xent init`: a first configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from xent.cli.examples import Command
from xent.cli.options import optional_input_options, progress_option

if TYPE_CHECKING:
    from xent.io.request import Request


@click.command(
    cls=Command,
    short_help="Write a commented xent.toml for the files there are.",
    examples=(
        "xent init preds.parquet",
        "xent init preds.csv --label y --pred 'p_*' --stdout",
        "xent init y_pred.npy --labels y_true.npy --output ci/xent.toml",
    ),
)
@optional_input_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    default="xent.toml",
    show_default=True,
    help="Where to write it; - prints it.",
)
@click.option("--stdout", is_flag=True, help="Print it, and write no file.")
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@progress_option
def command(request: Request, output: Path, stdout: bool, force: bool, progress: bool | None) -> None:
    """Look into SOURCE... and write the configuration that xent eval then reads: metrics for the task found, columns, example gates.

    Every line is explained, and the gates are comments, with bounds that what was measured meets. Without SOURCE all lines are comments.
    SOURCE is read twice.
    """
    from xent.cli.exits import say
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.cli.streams import emit
    from xent.core.errors import UsageError
    from xent.io.request import Request

    prints = stdout or str(output) == "-"
    if not prints and output.exists() and not force:
        raise UsageError(f"{str(output)!r} is there already; --force replaces it, --stdout prints what would be written")
    if request.sources:
        from xent.io.config_draft import draft

        with watched(), Progress(None, wanted=progress) as bar:
            text = draft(request, bar.add)
    elif request != Request(sources=()):
        raise UsageError("without SOURCE there is nothing that options could be about")
    else:
        from xent.io.config_draft import blank

        text = blank()
    if prints:
        emit(text)
        return
    from xent.io.writing import write_files

    write_files({output: text.encode()})
    say(f"wrote {output}")
