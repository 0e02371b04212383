"""`xent report`: one page to look at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xent.cli.configuration import ConfiguredCommand
from xent.cli.gating import gate_options
from xent.cli.options import from_logits_option, input_options, metrics_option, nan_option, progress_option
from xent.io.request import MAX_SLICES

if TYPE_CHECKING:
    from xent.cli.gating import Gating
    from xent.core.metric import Metric
    from xent.core.tally import NanPolicy
    from xent.io.dataset import Dataset
    from xent.io.measured import Surveyed
    from xent.io.request import Request

SAVED = (".json", ".state")
"""Files that end so hold what an earlier run left; everything else is data."""


@click.command(
    cls=ConfiguredCommand,
    configured=("metric", "label", "pred", "weight", "classes", "from_logits", "gate", "baseline", "allow_different_data", "inconclusive"),
    short_help="Write one page of HTML to look at: values, slices, curves, the worst rows.",
    examples=(
        "xent report preds.parquet -o report.html",
        "xent report preds.csv --by country --key id --gate 'accuracy >= 0.8' -o report.html",
        "xent report result.json -o report.html",
        "xent report comparison.json -o report.html",
    ),
)
@metrics_option(" Curves come with both.")
@input_options
@click.option("--by", multiple=True, metavar="COL[,COL...]", help="Also the values of every slice of the rows; repeatable.")
@click.option(
    "--max-slices", metavar="N", type=click.IntRange(min=1), default=MAX_SLICES, show_default=True, help="The most slices of a --by."
)
@click.option("--ci", metavar="LEVEL", type=float, default=0.95, show_default=True, help="Level of the confidence intervals.")
@click.option("--cluster", metavar="COL", help="Rows of one value are correlated, as those of one user are.")
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Other folds and other samples, where --ci uses such.")
@click.option("--worst", metavar="N", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many of the worst rows.")
@click.option("--key", "keys", metavar="COL", multiple=True, help="Column that tells which row it is, shown with the worst; repeatable.")
@from_logits_option
@nan_option()
@click.option("-o", "--output", metavar="FILE.html", type=click.Path(path_type=Path), help="Where to write it; else standard output.")
@progress_option
@gate_options
@click.pass_context
def command(
    context: click.Context,
    request: Request,
    gating: Gating,
    metrics: tuple[str, ...],
    by: tuple[str, ...],
    max_slices: int,
    ci: float,
    cluster: str | None,
    seed: int,
    worst: int,
    keys: tuple[str, ...],
    from_logits: bool,
    nan: NanPolicy,
    output: Path | None,
    progress: bool | None,
) -> int:
    """Write a page of SOURCE..., or of what an earlier run left: a result or a comparison in .json, or a .state.

    Of SOURCE, files, globs, directories or URLs as for xent eval, it shows in one pass the metrics with intervals, those of slices, the
    curves that fit the task and the rows with the largest loss. The page is one file that loads nothing, works offline, and does not grow
    with the rows. With --input-format, - is data; without it a saved result.

    Exit status: 0 done and every gate passed, 1 a gate failed, 2 wrong usage, 3 the data cannot be used, 4 a gate is inconclusive and
    --inconclusive fail, 5 nothing was evaluated or a gate could not be measured.
    """
    from xent.cli.outputs import check_place, is_terminal
    from xent.cli.streams import emit
    from xent.core.errors import UsageError

    if output is None and is_terminal():
        raise UsageError("a page is not for a terminal; write it to a file: -o report.html")
    if output is not None:
        check_place("--output", output, [*request.sources, request.labels])
        if output.suffix.lower() not in ("", ".html", ".htm"):
            raise UsageError(f"--output {str(output)!r}: a page is HTML; name it {output.with_suffix('.html').name}")
    if _is_saved(request):
        _refuse_reading_options(context)
        text, status = _of_saved(request.sources[0], gating, compares="baseline" in _given(context))
    else:
        from xent.cli.evaluate import checked_by, wanted_intervals

        gating.prepare(named=bool(metrics))
        request = dataclasses.replace(request, by=checked_by(by), max_slices=max_slices, cluster=cluster, keep=tuple(dict.fromkeys(keys)))
        confidence = wanted_intervals(gating, ci, seed, cluster)
        surveyed = _surveyed(
            request, metrics, gating, worst=worst, nan=nan, from_logits=from_logits, confidence=confidence, progress=progress
        )
        from xent.io.report import to_html

        result = gating.judged(surveyed.result(), surveyed.measured)
        text, status = to_html(result, surveyed.found, surveyed.shapes), gating.conclude(result)
    if output is None:
        emit(text)
    else:
        from xent.io.writing import write_files

        write_files({output: text.encode("utf-8", "replace")})
    return status


def _is_saved(request: Request) -> bool:
    """Whether the one source is what an earlier run left."""
    first = request.sources[0]
    is_one = len(request.sources) == 1 and request.input_format is None
    return is_one and (first == "-" or (first.lower().endswith(SAVED) and "://" not in first and Path(first).is_file()))


_OF_ANY = ("sources", "output", "progress", "gates", "baseline", "allow_different_data", "inconclusive", "config")


def _refuse_reading_options(context: click.Context) -> None:
    """Raises `UsageError` where an option was given that only reading data takes: it would make no difference."""
    from xent.core.errors import UsageError

    given = [parameter for parameter in context.command.params if parameter.name in _given(context) - set(_OF_ANY)]
    if given:
        flag = max(given[0].opts, key=len)
        raise UsageError(f"{flag} is for data, and this is what an earlier run left; report the data themselves")


def _given(context: click.Context) -> set[str]:
    """The names of the options that stand on the command line."""
    return {name for name in context.params if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}


def _of_saved(name: str, gating: Gating, *, compares: bool) -> tuple[str, int]:
    """The page of a result or a comparison, and the exit status that its gates mean; `compares` is whether a baseline was named."""
    from xent.core.differences import Comparison
    from xent.core.errors import UsageError
    from xent.io.report import comparison_to_html, to_html
    from xent.io.saved import read_any

    found = read_any(name)
    if isinstance(found, Comparison):
        if compares:
            raise UsageError(f"--baseline: {name} is a comparison already")
        if gating.gates:
            from xent.io.compared import judged

            found = judged(found, gating.gates)
        return comparison_to_html(found), gating.told(found)
    gating.prepare()
    result = gating.judged(found.result, found.measured)
    return to_html(result), gating.conclude(result)


def _surveyed(
    request: Request,
    metrics: tuple[str, ...],
    gating: Gating,
    *,
    progress: bool | None,
    from_logits: bool,
    **options: Any,
) -> Surveyed:
    from xent.cli.evaluate import parse
    from xent.cli.exits import say
    from xent.cli.progress import Progress
    from xent.cli.signals import watched
    from xent.io.dataset import open_dataset
    from xent.io.survey import survey

    # What is wrong with the question is said before any file is opened.
    named = parse(metrics) if metrics else None
    with watched(), open_dataset(request) as dataset:
        wanted, curves = _metrics(dataset, named, gating, from_logits)
        with Progress(dataset.rows, wanted=progress) as bar:
            found = survey(dataset, wanted, curves, shapes=True, from_logits=from_logits, progress=bar.add, **options)
        for note in dataset.notes:
            say(note)
    return found


def _metrics(dataset: Dataset, named: list[Any] | None, gating: Gating, from_logits: bool) -> tuple[list[Metric], list[Metric]]:
    """The metrics of all rows and slices, and the curves, of which those that were named anyway are measured once."""
    from xent.cli.evaluate import build, defaults_for, parse
    from xent.io.survey import CURVES, EXTRA

    task = dataset.task()
    specs = [*defaults_for(dataset), *parse(EXTRA[task])] if named is None else named
    specs = gating.with_gated(specs)
    flags = {"from_logits": True} if from_logits else {}
    there = {spec.row.name for spec in specs}
    curves = [spec for spec in parse(CURVES[task]) if spec.row.name not in there]
    return build(specs, {}, flags), build(curves, {}, flags)
