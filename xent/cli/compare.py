"""`xent compare`: whether one model is better than another, on the same rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xent.cli.configuration import ConfiguredCommand
from xent.cli.gating import gate_options
from xent.cli.options import format_option, from_logits_option, metrics_option, nan_option, output_option, pair_options, progress_option
from xent.io.request import MAX_SLICES

if TYPE_CHECKING:
    from xent.cli.gating import Gating
    from xent.core.differences import Comparison
    from xent.core.tally import NanPolicy
    from xent.io.dataset import Dataset
    from xent.io.request import Request

FORMATS = ("table", "json", "csv", "markdown", "html")
_NUMBERS = ("base", "candidate", "difference", "adds", "p")
"""Columns of numbers."""

SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown", ".html": "html"}


@click.command(
    cls=ConfiguredCommand,
    configured=("metric", "label", "weight", "classes", "from_logits", "gate", "inconclusive"),
    short_help="Compare models on the same rows: differences, intervals, p-values, a verdict.",
    examples=(
        "xent compare main.parquet pull.parquet",
        "xent compare main.csv pull.csv --on id -m categorical_crossentropy -m accuracy --margin 0.005",
        "xent compare preds.parquet preds.parquet --pred p_old --candidate-pred p_new -m roc_auc",
        "xent compare main.csv a.csv b.csv --by country -o comparison.md",
        "xent compare main.csv pull.csv --gate 'delta(binary_crossentropy) <= 0.005 decide=proven-bad'",
    ),
)
@metrics_option()
@pair_options
@from_logits_option
@click.option("--by", multiple=True, metavar="COL[,COL...]", help="Also the differences of every slice, by columns of BASE; repeatable.")
@click.option(
    "--max-slices", metavar="N", type=click.IntRange(min=1), default=MAX_SLICES, show_default=True, help="The most slices of a --by."
)
@click.option(
    "--ci", "level", metavar="LEVEL", type=float, help="Level of the confidence intervals; without it, that of the gates, or else 0.95."
)
@click.option("--margin", metavar="X", type=click.FloatRange(min=0, min_open=True), help="Differences within X of 0 are as good as none.")
@click.option(
    "--rows",
    metavar="N",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Tell so many rows that raise and that lower it most.",
)
@click.option("--cluster", metavar="COL", help="Rows of one value of this column of BASE are correlated, as those of one user are.")
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Deals rows into other folds, where folds are used.")
@nan_option(" in either file")
@format_option(FORMATS)
@output_option(": .json, .csv, .md or .html")
@progress_option
@gate_options
def command(
    requests: list[Request],
    gating: Gating,
    metrics: tuple[str, ...],
    from_logits: bool,
    by: tuple[str, ...],
    max_slices: int,
    level: float | None,
    margin: float | None,
    rows: int,
    cluster: str | None,
    seed: int,
    nan: NanPolicy,
    form: str | None,
    outputs: tuple[Path, ...],
    progress: bool | None,
) -> int:
    """Compare each CANDIDATE with BASE, row by row, or by a key with --on, whatever the order of the rows.

    Two models err on the same rows, so that their difference is far surer than either value: a paired t test for means, McNemar's exact
    test for shares, DeLong's for the area under the ROC curve, the jackknife for all else. Each metric is found better, worse, equivalent
    (within --margin) or undecided. Gates may name delta(...), the difference of the first candidate, and be decided by its interval.

    Exit status: 0 done and every gate passed, 1 a gate failed, 2 wrong usage, 3 the data cannot be used, 4 a gate is inconclusive and
    --inconclusive fail, 5 nothing was compared or a gate could not be measured.
    """
    from xent.cli.evaluate import build, checked_by, defaults_for, parse
    from xent.cli.exits import say
    from xent.cli.outputs import is_terminal
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.cli.streams import emit
    from xent.core.errors import UsageError
    from xent.io.compared import compare, judged

    if gating.baseline is not None:
        raise UsageError("--baseline: BASE is what is compared with")
    level = _level(level, gating)
    formats = _formats(outputs, [source for request in requests for source in request.sources])
    specs = gating.with_gated(parse(metrics)) if metrics else None
    base_request = dataclasses.replace(requests[0], by=checked_by(by), max_slices=max_slices, cluster=cluster)
    flags = {"from_logits": True} if from_logits else {}
    with watched():
        base = _opened(base_request)
        candidates = [alike(base, _opened(request)) for request in requests[1:]]
        built = build(gating.with_gated(defaults_for(base)) if specs is None else specs, {}, flags)
        known = None if base.rows is None else base.rows * len(candidates)
        with Progress(known, wanted=progress) as bar:
            found = compare(
                base,
                candidates,
                built,
                level=level,
                margin=margin,
                nan=nan,
                from_logits=from_logits,
                seed=seed,
                rows=rows,
                progress=bar.add,
            )
    if gating.gates:
        found = judged(found, gating.gates)
    for note in base.notes:
        say(note)
    _write(found, formats)
    emit(render(found, form or ("table" if is_terminal() else "json"), to_terminal=is_terminal()))
    return gating.told(found)


def _level(level: float | None, gating: Gating) -> float:
    """The level of the intervals.

    Raises
    ------
    UsageError
        It is none, gates ask for several, or one is to be decided by the interval of something else than a change.
    """
    from xent.core.errors import UsageError
    from xent.core.judging import DEFAULT_LEVEL, level_needed

    for gate in gating.gates:
        if gate.decide != "point" and not gate.compares:
            raise UsageError(
                f"the gate {gate}: comparing gives intervals of changes alone, as of delta({gate.metric}); xent eval judges values"
            )
    if level is None:
        return level_needed(gating.gates) or DEFAULT_LEVEL
    if not 0.0 < level < 1.0:
        raise UsageError(f"--ci {level}: a level lies between 0 and 1, as 0.95 does")
    return level


def _opened(request: Request) -> Dataset:
    from xent.io.dataset import open_dataset

    return open_dataset(request)


def alike(base: Dataset, candidate: Dataset) -> Dataset:
    """The candidate with its prediction columns in the order of the classes of the base, where it has them in another."""
    from xent.core.errors import DataError

    mine, theirs = base.classes, candidate.classes
    if mine == theirs or mine is None or theirs is None:
        return candidate
    if sorted(mine) != sorted(theirs) or len(candidate.roles.pred) != len(theirs):
        raise DataError(f"{', '.join(candidate.sources)}: has the classes {', '.join(theirs)}, and the base {', '.join(mine)}")
    ordered = ",".join(candidate.roles.pred[theirs.index(name)] for name in mine)
    return _opened(dataclasses.replace(candidate.request, pred=ordered))


def _formats(outputs: tuple[Path, ...], read: list[str]) -> dict[Path, str]:
    from xent.cli.outputs import check_place
    from xent.core.errors import UsageError

    formats = {}
    for path in outputs:
        check_place("--output", path, read)
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"--output {str(path)!r}: the ending tells no format; there are {', '.join(SUFFIXES)}")
        formats[path] = SUFFIXES[path.suffix.lower()]
    return formats


def _write(found: Comparison, formats: dict[Path, str]) -> None:
    if formats:
        from xent.io.writing import write_files

        write_files({path: render(found, form).encode("utf-8", "replace") for path, form in formats.items()})


def render(found: Comparison, form: str, *, to_terminal: bool = False) -> str:
    """The comparison as text in a format."""
    if form == "html":
        from xent.io.report import comparison_to_html

        return comparison_to_html(found)
    if form != "table":
        from xent.io.comparison_text import FORMATS as TEXTS

        return TEXTS[form](found)
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from xent.cli.gate_table import gate_parts
    from xent.cli.result_table import printed
    from xent.io.comparison_text import ROWS, carried_rows, header, lines, sentences
    from xent.io.escaping import printable

    styles = {"better": "green", "worse": "red", "undecided": "yellow"}
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in header(found):
        table.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=True)
    for *values, last in lines(found):
        table.add_row(*(Text(printable(value)) for value in values), Text(last, style=styles.get(last, "")))
    notes = [Text(printable(note), style="dim") for note in sentences(found)]
    carried: list[Table | Text | str] = []
    for title, rows in carried_rows(found):
        below = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in ROWS:
            below.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
        for row in rows:
            below.add_row(*map(Text, row))
        carried += ["", Text(title), below]
    return printed([table, *notes, *carried, *gate_parts(found)], to_terminal=to_terminal)
