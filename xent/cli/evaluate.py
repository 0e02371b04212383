"""`xent eval`: from files to numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xent.cli.configuration import ConfiguredCommand
from xent.cli.gating import gate_options
from xent.cli.options import format_option, from_logits_option, input_options, metrics_option, nan_option, output_option, progress_option
from xent.cli.outputs import FORMATS, check_state, is_terminal, output_formats, print_result, write_outputs
from xent.cli.plotting import plot_options
from xent.cli.spreading import spreading_options
from xent.io.request import MAX_SLICES

if TYPE_CHECKING:
    from xent.cli.gating import Gating
    from xent.cli.plotting import Plotting
    from xent.cli.spreading import Spreading
    from xent.core.metric import Metric
    from xent.core.specs import Spec
    from xent.core.table import Row
    from xent.core.tally import Confidence, NanPolicy
    from xent.io.dataset import Dataset
    from xent.io.measured import Surveyed
    from xent.io.request import Request

CONVENTIONS = ("keras", "exact", "sklearn", "torch")


@click.command(
    cls=ConfiguredCommand,
    short_help="Evaluate predictions from files: the metrics, and how sound they are.",
    examples=(
        "xent eval preds.parquet -m categorical_crossentropy",
        "xent eval preds.csv --label y --pred 'p_*' --weight w -m cce -m sparse_categorical_crossentropy",
        "xent eval y_pred.npy --labels y_true.npy --from-logits -f json",
        "xent eval scores.csv -m binary_focal_crossentropy:gamma=3 -o result.json -o result.md",
        "xent eval preds.parquet -m accuracy --by country --by 'device,age=cut(age,18,30,50)'",
        "xent eval ranked.csv --label relevance --pred score --group query -m ndcg:k=10",
        "xent eval 's3://bucket/run-3/*.parquet' -m auc --labels https://host/labels.csv --on id",
        "xent eval preds.csv --gate 'accuracy >= 0.8' --gate 'delta(bce) <= 0.005' --baseline main.json",
        "zcat preds.csv.gz | xent eval - --input-format csv -q",
    ),
)
@metrics_option()
@input_options
@click.option("--group", metavar="COL", help="Rows of one value are the documents of one query, for metrics of rankings.")
@click.option("--ci", metavar="LEVEL", type=float, help="Confidence intervals of this level, such as 0.95, for every metric and slice.")
@click.option("--cluster", metavar="COL", help="Rows of one value are correlated, as those of one user are; for --ci.")
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Other folds and other samples, where --ci uses such.")
@click.option(
    "--by",
    multiple=True,
    metavar="COL[,COL...]",
    help="Also the values of every slice of the rows; repeatable. Commas cross columns; numbers are cut as in 'age=cut(age,18,30,50)'.",
)
@click.option(
    "--max-slices",
    metavar="N",
    type=click.IntRange(min=1),
    default=MAX_SLICES,
    show_default=True,
    help="The most slices that a --by may make.",
)
@from_logits_option
@click.option("--label-smoothing", type=float, metavar="X", help="Smoothing of the labels, for the metrics that take it.")
@click.option("--axis", type=int, metavar="N", help="Axis of the classes, for the metrics that take it.")
@click.option("--ignore-class", type=int, metavar="N", help="Leave out rows of this label, for the metrics that take it.")
@click.option(
    "--convention",
    type=click.Choice(CONVENTIONS),
    help="Whose treatment of probabilities: keras clips and renormalises (default), "
    "exact does neither, sklearn and torch do as those libraries.",
)
@nan_option()
@format_option(FORMATS)
@output_option()
@click.option(
    "--state", metavar="FILE", type=click.Path(path_type=Path), help="Also write the state there: xent merge makes one result of several."
)
@click.option("-q", "--quiet", is_flag=True, help="Print only the bare numbers, all digits, one a line.")
@progress_option
@plot_options
@spreading_options
@gate_options
def command(
    request: Request,
    gating: Gating,
    plotting: Plotting,
    spreading: Spreading,
    metrics: tuple[str, ...],
    group: str | None,
    ci: float | None,
    cluster: str | None,
    seed: int,
    by: tuple[str, ...],
    max_slices: int,
    from_logits: bool,
    label_smoothing: float | None,
    axis: int | None,
    ignore_class: int | None,
    convention: str | None,
    nan: NanPolicy,
    form: str | None,
    outputs: tuple[Path, ...],
    state: Path | None,
    quiet: bool,
    progress: bool | None,
) -> int:
    """Evaluate the predictions in SOURCE...: files, globs, directories, URLs, or - for standard input.

    Several sources are one data set. CSV, TSV and JSON lines (plain or .gz .zst .bz2), Parquet, Arrow, NPY and NPZ are read in one
    streaming pass, and memory does not grow with the rows.

    Exit status: 0 done and every gate passed, 1 a gate failed, 2 wrong usage, 3 the data cannot be used, 4 a gate is inconclusive and
    --inconclusive fail, 5 nothing was evaluated or a gate could not be measured. Options also come from XENT_LABEL and the like, and
    from xent.toml.
    """
    # What is wrong with the question is said before any file is opened.
    given = {"label_smoothing": label_smoothing, "axis": axis, "ignore_class": ignore_class}
    flags = {key: value for key, value in given.items() if value is not None}
    soft_flags = {**({"from_logits": True} if from_logits else {}), **({} if convention is None else {"convention": convention})}
    asked = build(gating.with_gated(parse(metrics)), flags, soft_flags) if metrics else None
    gating.prepare(named=bool(metrics))
    if group is not None:
        request = dataclasses.replace(request, group=_checked_group(group, asked))
    request = dataclasses.replace(request, by=checked_by(by), max_slices=max_slices, cluster=cluster, shard=spreading.checked_shard())
    confidence = wanted_intervals(gating, ci, seed, cluster)
    read = (*request.sources, request.labels)
    formats = output_formats(outputs, form, read, quiet=quiet)
    if state is not None:
        check_state(state, formats, read, asked)
    spreading = spreading.checked([*formats, state], read, asked)
    plotting.check(spreading)
    surveyed = evaluate_request(
        request,
        asked,
        flags,
        soft_flags,
        gating=gating,
        plotting=plotting,
        nan=nan,
        from_logits=from_logits,
        confidence=confidence,
        identify=state is not None,
        spreading=spreading,
        quiet=quiet,
        progress=progress,
    )
    result = gating.judged(surveyed.result(), surveyed.measured)
    write_outputs(result, formats, {} if state is None else {state: surveyed.measured})
    as_table = not quiet and (form or ("table" if is_terminal() else "json")) == "table"
    asked_for = result._replace(metrics=result.metrics[: len(result.metrics) - surveyed.added]) if quiet else result
    print_result(asked_for, form, quiet=quiet, bars=plotting.in_terminal, losses=surveyed.shapes)
    plotting.draw(result, surveyed, below_table=as_table)
    spreading.finish()
    return gating.conclude(result, to_github="github" in (form, *formats.values()))


def evaluate_request(
    request: Request,
    metrics: list[Metric] | None,
    flags: Mapping[str, Any],
    soft_flags: Mapping[str, Any],
    *,
    gating: Gating,
    plotting: Plotting,
    nan: NanPolicy,
    from_logits: bool,
    confidence: Confidence | None,
    identify: bool,
    spreading: Spreading,
    quiet: bool,
    progress: bool | None,
) -> Surveyed:
    """What was measured; without metrics, with the set for the task that the data show and with those that gates name."""
    from xent.cli.exits import say
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.io.dataset import open_dataset
    from xent.io.measured import Surveyed

    with watched(spreading.patience), open_dataset(request) as dataset:
        if metrics is None:
            metrics = build(gating.with_gated(defaults_for(dataset)), flags, soft_flags)
        with Progress(dataset.rows, wanted=False if quiet and progress is None else progress) as bar:
            options: dict[str, Any] = {"nan": nan, "from_logits": from_logits, "identify": identify, "confidence": confidence}
            if plotting.wanted:
                from xent.io.survey import survey

                curves = build(plotting.curves(metrics, dataset.task()), {}, soft_flags)
                shapes = plotting.in_terminal and not quiet
                found = survey(dataset, metrics, curves, worst=1, shapes=shapes, **options, progress=bar.add)
            else:
                found = Surveyed(spreading.measure(dataset, metrics, **options, progress=bar.add))
        # Said last, so that a run that fails says nothing but why.
        for note in () if quiet else (*dataset.notes, *spreading.notes):
            say(note)
        return found


def wanted_intervals(gating: Gating, level: float | None, seed: int, cluster: str | None) -> Confidence | None:
    """The intervals that `--ci` or, without it, the gates ask for.

    Raises
    ------
    UsageError
        The level is none, gates ask for several, or options that only intervals take are given without any.
    """
    if level is None and cluster is None and not gating.gates:
        return None
    from xent.core.judging import level_needed
    from xent.io.evaluation import confidence_of

    return confidence_of(level_needed(gating.gates) if level is None else level, seed, cluster)


def parse(texts: Sequence[str]) -> list[Spec]:
    """The metrics asked for.

    Raises
    ------
    UsageError
        One cannot be read, or two have the same label.
    """
    from xent.core.errors import UsageError
    from xent.core.specs import parse_spec

    specs = [parse_spec(text) for text in texts]
    labels = [spec.label for spec in specs if spec.label is not None]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"two metrics are labelled {label!r}")
    rows: dict[str, Row] = {}
    for spec in specs:
        # Files and packages may bring the same name; in a result it could not be told which of them is meant.
        if rows.setdefault(spec.row.name, spec.row) is not spec.row:
            raise UsageError(f"two of the classes asked for call themselves {spec.row.name!r}")
    return specs


def defaults_for(dataset: Dataset) -> list[Spec]:
    """The metrics for the task that the data show.

    Raises
    ------
    UsageError
        There are none.
    """
    from xent.core.errors import UsageError
    from xent.core.specs import default_specs
    from xent.core.table import table

    task = dataset.task()
    specs = default_specs(table(), task)
    if not specs:
        raise UsageError(f"no metric runs by default for {task}; name one with -m\nxent metrics lists them")
    return specs


def build(specs: Sequence[Spec], flags: Mapping[str, Any], soft_flags: Mapping[str, Any]) -> list[Metric]:
    """The metrics with what the flags set for all of them that take it.

    Raises
    ------
    UsageError
        A parameter is wrong, or no metric takes one of `flags`. (`soft_flags` may find no taker.)
    """
    from xent.core.errors import UsageError

    for key in flags:
        if not any(spec.takes(key) for spec in specs):
            names = ", ".join(dict.fromkeys(spec.row.name for spec in specs))
            raise UsageError(f"--{key.replace('_', '-')}: none of the metrics takes it ({names})")
    return [spec.with_defaults({**flags, **soft_flags}).build() for spec in specs]


def _checked_group(group: str, metrics: Sequence[Metric] | None) -> str:
    """The column of `--group`.

    Raises
    ------
    UsageError
        No metric asks which rows belong together.
    """
    from xent.core.errors import UsageError

    if any(metric.row.inputs == "queries" for metric in metrics or ()):
        return group
    from xent.core.table import table

    takers = " or ".join(f"-m {row.name}" for row in table().values() if row.inputs == "queries")
    names = ", ".join(dict.fromkeys(metric.row.name for metric in metrics or ()))
    raise UsageError("--group: none of the metrics takes it" + (f" ({names})" if names else "") + f"; name one that does: {takers}")


def checked_by(by: tuple[str, ...]) -> tuple[str, ...]:
    """The ways of slicing that `--by` asks for.

    Raises
    ------
    UsageError
        One stands there twice, or has the wrong form.
    """
    from xent.core.errors import UsageError

    if not by:
        return by
    from xent.io.slices import parse_by

    for text in by:
        parse_by(text)
        if by.count(text) > 1:
            raise UsageError(f"--by {text} stands there twice")
    return by
