"""`xent power`: how small a change the rows can show, and how many rows a change takes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from xent.cli.examples import Command
from xent.cli.options import format_option, from_logits_option, metrics_option, nan_option, perhaps_pair_options, progress_option

if TYPE_CHECKING:
    from xent.core.tally import NanPolicy
    from xent.io.powered import PowerReport
    from xent.io.request import Request

FORMATS = ("table", "json")


@click.command(
    cls=Command,
    short_help="Say how small a change the rows can show, and how many rows a change takes.",
    examples=(
        "xent power preds.parquet -m categorical_crossentropy",
        "xent power preds.csv -m accuracy --detect 0.002 --cluster user",
        "xent power main.csv pull.csv --on id -m categorical_crossentropy --detect 0.002",
    ),
)
@metrics_option()
@perhaps_pair_options
@click.option(
    "--detect", metavar="X", type=click.FloatRange(min=0, min_open=True), help="Also the rows that it takes to show a change of X."
)
@click.option(
    "--power",
    metavar="P",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="The probability with which a change is to be found.",
)
@click.option("--ci", "level", metavar="LEVEL", type=float, default=0.95, show_default=True, help="Level of the intervals that find it.")
@click.option("--cluster", metavar="COL", help="Rows of one value of this column are correlated, as those of one user are.")
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Deals rows into other folds, where folds are used.")
@from_logits_option
@nan_option()
@format_option(FORMATS, "it")
@progress_option
def command(
    requests: list[Request],
    metrics: tuple[str, ...],
    detect: float | None,
    power: float,
    level: float,
    cluster: str | None,
    seed: int,
    from_logits: bool,
    nan: NanPolicy,
    form: str | None,
    progress: bool | None,
) -> None:
    """Say how small a change of a metric the rows of SOURCE can show, and how many rows it takes to show one of --detect.

    A change is shown where its interval lies on one side of 0. With SOURCE alone: against another model on as many other rows, and
    against a fixed threshold. With a CANDIDATE: for two models on the same rows that differ as much as these do, which is far less.

    Exit status: 0 done, 2 wrong usage, 3 the data cannot be used, 5 there are no rows.
    """
    from xent.cli.compare import alike
    from xent.cli.evaluate import build, defaults_for, parse
    from xent.cli.exits import say
    from xent.cli.outputs import is_terminal
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.cli.streams import emit
    from xent.core.errors import UsageError
    from xent.io.dataset import open_dataset
    from xent.io.powered import find_power, to_json

    if len(requests) > 2:
        raise UsageError(f"power is that of one pair of models, and there are {len(requests) - 1} candidates")
    if not 0.0 < level < 1.0:
        raise UsageError(f"--ci {level}: a level lies between 0 and 1, as 0.95 does")
    specs = parse(metrics) if metrics else None
    with watched():
        base = open_dataset(dataclasses.replace(requests[0], cluster=cluster))
        candidate = alike(base, open_dataset(requests[1])) if len(requests) > 1 else None
        built = build(defaults_for(base) if specs is None else specs, {}, {"from_logits": True} if from_logits else {})
        with Progress(base.rows, wanted=progress) as bar:
            report = find_power(
                base,
                candidate,
                built,
                level=level,
                power=power,
                detect=detect,
                nan=nan,
                from_logits=from_logits,
                seed=seed,
                progress=bar.add,
            )
    for note in base.notes:
        say(note)
    on_terminal = is_terminal()
    emit(as_table(report, to_terminal=on_terminal) if (form or ("table" if on_terminal else "json")) == "table" else to_json(report))


_DESIGNS = {"paired": "these two models, same rows", "independent": "two models, other rows", "threshold": "a fixed threshold"}
"""Ways of comparing, for people."""


def as_table(report: PowerReport, *, to_terminal: bool = False) -> str:
    """A line for each metric and way of comparing, and what the numbers mean."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from xent.cli.result_table import data_line, printed
    from xent.io.comparison_text import shown
    from xent.io.escaping import printable
    from xent.io.metric_names import MetricNames

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("metric", overflow="fold")
    table.add_column("compared with")
    wanted = [] if report.detect is None else [f"rows for {shown(report.detect)}", f"power for {shown(report.detect)}"]
    for column in ("value", "standard error", "smallest change", *wanted):
        table.add_column(column, justify="right", no_wrap=True)
    names = MetricNames(report.metrics)
    called = [names(metric, printable) for metric in report.metrics for _ in metric.reaches]
    for name, record in zip(called, report.records(), strict=True):
        sizes = [shown(record[key]) for key in ("value", "standard_error", "smallest_change")]
        more = [] if report.detect is None else [f"{record['rows_needed']:,}", f"{100 * record['power_to_detect']:.1f}%"]
        table.add_row(Text(name), _DESIGNS[record["design"]], *sizes, *more)
    meaning = f"smallest change: an interval of {report.level * 100:.10g}% shows it with a probability of {report.power * 100:.10g}%"
    return printed([table, Text(meaning, style="dim"), Text(data_line(report.data), style="dim")], to_terminal=to_terminal)
