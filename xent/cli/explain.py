"""`xent explain`: why a number is not that of another library."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from xent.cli.examples import Command
from xent.cli.metrics_command import complete_metric
from xent.cli.options import format_option, from_logits_option, input_options, nan_option, progress_option

if TYPE_CHECKING:
    from xent.core.comparison import Example, Gap
    from xent.core.tally import NanPolicy
    from xent.io.explanation import Explanation
    from xent.io.request import Request


@click.command(
    cls=Command,
    short_help="Show one metric as keras, exact, sklearn and torch compute it, and the rows that make the difference.",
    examples=(
        "xent explain preds.csv -m binary_crossentropy",
        "xent explain preds.parquet --label y --pred 'p_*' -m cce:label_smoothing=0.1",
        "xent explain preds.csv -m bce -f json",
    ),
)
@click.option(
    "-m",
    "--metric",
    "metric",
    required=True,
    metavar="SPEC",
    shell_complete=complete_metric,
    help="name or name:key=value,key=value; a metric that takes a convention.",
)
@input_options
@from_logits_option
@nan_option()
@format_option(("table", "json"), "it")
@progress_option
def command(request: Request, metric: str, from_logits: bool, nan: NanPolicy, form: str | None, progress: bool | None) -> None:
    """Compute a metric of SOURCE... under the conventions keras, exact, sklearn and torch, in one pass.

    For each convention: the value, its difference to keras's, the number of rows that make the difference, the first of them and the one
    that differs most.
    """
    from xent.cli.exits import say
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.cli.streams import emit
    from xent.core.comparison import under_conventions
    from xent.core.specs import parse_spec
    from xent.io.dataset import open_dataset
    from xent.io.explanation import explain

    metrics = under_conventions(parse_spec(metric), **({"from_logits": True} if from_logits else {}))
    with watched(), open_dataset(request) as dataset:
        with Progress(dataset.rows, wanted=progress) as bar:
            found = explain(dataset, metrics, nan=nan, from_logits=from_logits, progress=bar.add)
        for note in dataset.notes:
            say(note)
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if form == "json" or (form is None and not on_terminal):
        from xent.io.exporters.plain import json_text

        emit(json_text(found.as_dict(), indent=2))
    else:
        emit(as_table(found, to_terminal=on_terminal))


def as_table(found: Explanation, *, to_terminal: bool = False) -> str:
    """The conventions below each other, what each does, and the rows in which they differ."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from xent.cli.result_table import data_line, printed, shown

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("convention", no_wrap=True)
    for column in ("value", "minus keras", "rows that differ"):
        table.add_column(column, justify="right", no_wrap=True, style="bold" if column == "value" else "")
    for reading in found.readings:
        if reading.result is None or reading.gap is None:
            cells = ["no counterpart", "", ""]
        elif reading is found.readings[0]:
            cells = [shown(reading.result.value), "", ""]
        else:
            cells = [shown(reading.result.value), f"{found.difference(reading):+.7g}", f"{reading.gap.rows:,}"]
        table.add_row(*map(Text, (reading.convention, *cells)))
    lines = [f"{reading.convention} {reading.meaning}." for reading in found.readings]
    if found.parameters.get("from_logits"):
        lines.append("Nothing of this is done to logits, so all conventions are one.")
    return printed([table, "", *lines, *_examples(found), Text(data_line(found.data), style="dim")], to_terminal=to_terminal)


def _examples(found: Explanation) -> list[str]:
    """A line for every convention that differs somewhere; those that differ alike share one."""
    alike: dict[Gap, list[str]] = {}
    for reading in found.readings:
        if reading.gap is not None and reading.gap.rows:
            alike.setdefault(reading.gap, []).append(reading.convention)
    lines = []
    for gap, names in alike.items():
        assert gap.first is not None
        assert gap.largest is not None
        verb = "differs" if len(names) == 1 else "differ"
        first = f"{', '.join(names)} {verb} first in {_sentence(found, gap.first)}"
        most = "" if gap.largest.place == gap.first.place else f", and most in {_sentence(found, gap.largest)}"
        lines.append(f"{first}{most}.")
    return ["", *lines] if lines else []


def _sentence(found: Explanation, example: Example) -> str:
    from xent.cli.result_table import shown
    from xent.io.escaping import printable

    file, row = found.place(example)
    label = found.label(example)
    what = printable(label) if isinstance(label, str) else shown(label)
    return (
        f"{printable(file)}, row {row:,} (label {what}, prediction {shown(example.prediction)}: "
        f"{shown(example.baseline + 0.0)} becomes {shown(example.value + 0.0)})"
    )
