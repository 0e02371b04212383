"""`xent top`: the rows that hurt most."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xent.cli.examples import Command
from xent.cli.metrics_command import complete_metric
from xent.cli.options import format_option, from_logits_option, input_options, nan_option, progress_option

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.core.tally import NanPolicy
    from xent.io.dataset import Dataset
    from xent.io.request import Request
    from xent.io.top_rows import Found

FORMATS = ("table", "json", "jsonl", "csv", "markdown", "parquet")


@click.command(
    cls=Command,
    short_help="List the rows with the largest loss, or the smallest.",
    examples=(
        "xent top preds.csv",
        "xent top preds.parquet -n 20 -m cce --key id --key country",
        "xent top preds.csv -m mse --smallest -f csv > best.csv",
        "xent top preds.csv -n 500 --save worst.parquet",
    ),
)
@click.option(
    "-m",
    "--metric",
    "spec",
    metavar="SPEC",
    shell_complete=complete_metric,
    help="name or name:key=value,key=value; a mean of the rows' values. By default the loss of the task found.",
)
@click.option("-n", "count", metavar="N", type=click.IntRange(min=1), default=50, show_default=True, help="How many rows.")
@click.option("--smallest", is_flag=True, help="The rows with the smallest values instead.")
@click.option("--key", "keys", metavar="COL", multiple=True, help="Column that tells which row it is; repeatable.")
@input_options
@from_logits_option
@nan_option("; propagate lists them before all others")
@format_option(FORMATS, "them")
@click.option(
    "--save",
    metavar="FILE.parquet",
    type=click.Path(path_type=Path, dir_okay=True),
    help="Also write the rows with all columns of their source, whole or not at all.",
)
@progress_option
def command(
    request: Request,
    spec: str | None,
    count: int,
    smallest: bool,
    keys: tuple[str, ...],
    from_logits: bool,
    nan: NanPolicy,
    form: str | None,
    save: Path | None,
    progress: bool | None,
) -> None:
    """List the rows of SOURCE... with the largest loss, in one pass and with memory for those rows alone.

    Each with its file, its row, the key columns, the class that is true and the one that was predicted. Rows of equal loss stand in the
    order of the sources; rows of weight 0 are left out. Below the rows stands how the losses of all rows are distributed.
    """
    from xent.cli.exits import say
    from xent.cli.outputs import is_terminal
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.cli.streams import emit
    from xent.io.dataset import open_dataset
    from xent.io.top_rows import find_top

    on_terminal = is_terminal()
    form = form or ("table" if on_terminal else "json")
    _check(form, save, request, on_terminal=on_terminal)
    metric = None if spec is None else _metric(spec, from_logits)
    request = replace(request, keep=tuple(dict.fromkeys(keys)), keep_all=save is not None)
    with watched(), open_dataset(request) as dataset:
        metric = metric or _loss_of(dataset, from_logits)
        with Progress(dataset.rows, wanted=progress) as bar:
            found = find_top(dataset, metric, count, smallest=smallest, nan=nan, from_logits=from_logits, progress=bar.add)
        for note in dataset.notes:
            say(note)
    if metric.row.direction == "higher" and not smallest:
        say(f"of {metric.row.name} higher is better: the worst rows are those of --smallest")
    if save is not None:
        from xent.io.exporters.top_rows_exporter import to_saved
        from xent.io.writing import write_files

        write_files({save: to_saved(found, {field.name: field.kind for field in dataset.fields})})
    if form == "table":
        emit(as_table(found, to_terminal=on_terminal))
    else:
        from xent.io.exporters.top_rows_exporter import FORMATS as WRITERS

        emit(WRITERS[form](found))


def _check(form: str, save: Path | None, request: Request, *, on_terminal: bool) -> None:
    from xent.cli.outputs import check_place
    from xent.core.errors import UsageError

    if form == "parquet" and on_terminal:
        raise UsageError("--format parquet is not for a terminal; send it to a file: > rows.parquet")
    if save is not None:
        if save.suffix.lower() not in (".parquet", ".pq"):
            raise UsageError(f"--save {str(save)!r}: rows are saved as Parquet; give the file a name that ends in .parquet")
        check_place("--save", save, [*request.sources, request.labels])


def _metric(spec: str, from_logits: bool) -> Metric:
    """The metric asked for.

    Raises
    ------
    UsageError
        There is none of that name, or it is no mean of the rows' values.
    """
    from xent.core.errors import UsageError
    from xent.core.row_values import has_row_values
    from xent.core.specs import parse_spec

    metric = parse_spec(spec).with_defaults(_logits(from_logits)).build()
    if not has_row_values(metric):
        raise UsageError(f"{metric.row.name} is no mean of the rows' values, so rows cannot be ranked by it; a loss is, such as cce or mse")
    return metric


def _loss_of(dataset: Dataset, from_logits: bool) -> Metric:
    """The first loss among the metrics that run by default for the task that the data show."""
    from xent.cli.evaluate import defaults_for
    from xent.core.row_values import has_row_values

    metrics = [spec.with_defaults(_logits(from_logits)).build() for spec in defaults_for(dataset)]
    return next(metric for metric in metrics if metric.row.direction == "lower" and has_row_values(metric))


def _logits(from_logits: bool) -> dict[str, Any]:
    return {"from_logits": True} if from_logits else {}


def as_table(found: Found, *, to_terminal: bool = False) -> str:
    """The rows below each other, and in a few lines how all losses are distributed."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from xent.cli.result_table import data_line, printed

    own = [
        *(["file"] if len(found.data.sources) > 1 else []),
        "row",
        "label",
        *(["predicted"] if any(row.predicted is not None for row in found.rows) else []),
        "prediction",
        *(["weight"] if any(row.weight != 1.0 for row in found.rows) else []),
        "loss",
    ]
    keys_at = own.index("row") + 1
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in own[:keys_at]:
        table.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    for key in found.keys:
        table.add_column(Text(_text(key)), overflow="fold")
    for name in own[keys_at:]:
        numeric = name in ("weight", "loss")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for record in found.records():
        cells = {**record, "row": f"{record['row']:,}", "prediction": _scores(found, record)}
        values = [*(cells[name] for name in own[:keys_at]), *record["keys"].values(), *(cells[name] for name in own[keys_at:])]
        table.add_row(*(Text(_text(value)) for value in values))
    return printed([table, "", *_distribution(found), Text(data_line(found.data), style="dim")], to_terminal=to_terminal)


def _text(value: Any) -> str:
    from xent.cli.result_table import shown
    from xent.io.escaping import printable

    return "" if value is None else printable(value if isinstance(value, str) else shown(value))


def _scores(found: Found, record: dict[str, Any]) -> Any:
    scores = found.decisive(record)
    return ", ".join(f"{_text(name)} {score:.4g}" for name, score in scores.items()) if isinstance(scores, dict) else scores


def _distribution(found: Found) -> list[str]:
    from xent.cli.result_table import shown
    from xent.io.top_rows import QUANTILES, WORST

    quantiles = ", ".join(f"{100 * q:g} % up to {found.losses.quantile(q):.3g}" for q in QUANTILES)
    share = found.losses.share_of_worst(WORST)
    lines = [f"{found.metric.name}: {shown(found.metric.value)} in all; of the rows {quantiles}"]
    if not math.isnan(share):
        lines.append(f"the {100 * WORST:g} % of the rows with the largest values carry {100 * share:.1f} % of the whole")
    return lines
