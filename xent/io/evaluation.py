"""From a dataset and metrics to a result."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from xent.core import digest
from xent.core.errors import DataError, DomainError, NothingEvaluated, UsageError
from xent.core.result import DataReport, Result
from xent.core.slices import SlicedTally
from xent.core.tally import Confidence, NanPolicy, Tally
from xent.io.measured import Measured, Slices
from xent.io.tallying import Watch, tally_of

if TYPE_CHECKING:
    from xent.core.gates import Gate
    from xent.core.metric import Metric
    from xent.io.checkpoint import Checkpoint
    from xent.io.dataset import Dataset
    from xent.io.notebook import Evaluation
    from xent.io.row_pairs import RowPairs


def evaluate(
    dataset: Dataset,
    metrics: Sequence[Metric],
    *,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    confidence: Confidence | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Streams the rows of a dataset into metrics.

    Parameters
    ----------
    dataset : the opened sources
    metrics : what to measure, in the order of the results
    nan : what to do with rows that lack a value: refuse them ("error"), leave them out ("skip") or let them make values NaN ("propagate")
    from_logits : whether the predictions are logits
    confidence : what confidence intervals are wanted; None wants none
    progress : called with a number of rows after each chunk, from any thread

    Raises
    ------
    DataError
        The data cannot be used; the error names file, column and row.
    NothingEvaluated
        There are no rows, or none are left.
    """
    return measure(dataset, metrics, nan=nan, from_logits=from_logits, confidence=confidence, progress=progress).result()


def measure(
    dataset: Dataset,
    metrics: Sequence[Metric],
    *,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    identify: bool = False,
    confidence: Confidence | None = None,
    may_be_empty: bool = False,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """Like `evaluate`, but gives what the result is made from; with `identify` it can be merged with that of other rows.

    With `may_be_empty` no rows are no error. With a checkpoint, the work goes on from there if there is one, and its progress is saved.
    """
    kind = kind_of_tally(dataset, identify=identify, confidence=confidence)
    if checkpoint is None:
        measured = measured_of(dataset, tally_of(dataset, metrics, kind, nan=nan, from_logits=from_logits, progress=progress))
    else:
        parts = dataset.stretches()
        before = checkpoint.begin(dataset, metrics, parts, nan=nan, from_logits=from_logits, identify=identify, confidence=confidence)
        if before is not None:
            _go_on(dataset, before, progress)

        def with_before(tally: Tally) -> Measured:
            mine = measured_of(dataset, tally)
            return mine if before is None else before.merge(mine)

        def look(total: Callable[[], Tally]) -> Callable[[], None]:
            return checkpoint.saving(with_before(total()), parts)

        left = [part for part in parts if not part.finished]
        watch = Watch(look, checkpoint.every)
        tally = tally_of(dataset, metrics, kind, nan=nan, from_logits=from_logits, progress=progress, parts=left, watch=watch)
        measured = with_before(tally)
    check_rows(dataset, measured.tally, may_be_empty=may_be_empty)
    return measured


def kind_of_tally(
    dataset: Dataset, *, identify: bool, confidence: Confidence | None, sliced: Callable[..., SlicedTally] = SlicedTally
) -> Callable[..., Tally]:
    """What makes a tally that a dataset needs; `sliced` makes it where there are slices."""
    slicer = dataset.slicer
    return partial(Tally if slicer is None else partial(sliced, ways=len(slicer.ways)), identify=identify, confidence=confidence)


def measured_of(dataset: Dataset, tally: Tally) -> Measured:
    """What a tally has measured of a dataset, be it a result or not."""
    slices: tuple[Slices, ...] = ()
    if dataset.slicer is not None:
        assert isinstance(tally, SlicedTally)
        slices = tuple(Slices.of(*one) for one in zip(dataset.slicer.ways, dataset.slicer.keys, tally.slices, strict=True))
        tally = tally.total()
    return Measured(tally, _report(dataset, tally), slices, dataset.shares)


def _go_on(dataset: Dataset, before: Measured, progress: Callable[[int], None] | None) -> None:
    """Counts what was done before towards the progress and the largest number of slices."""
    if progress is not None:
        progress(before.tally.rows)
    if dataset.slicer is not None:
        for known, way in zip(dataset.slicer.keys, before.slices, strict=True):
            for key in way.keys:
                known.setdefault(key, len(known))


def data_report(dataset: Dataset | RowPairs, tally: Tally) -> DataReport:
    """What a tally has seen of a dataset.

    Raises
    ------
    DataError, NothingEvaluated
        As `check_rows` does.
    """
    check_rows(dataset, tally)
    return _report(dataset, tally)


def _report(dataset: Dataset | RowPairs, tally: Tally) -> DataReport:
    width = dataset.width
    return DataReport(
        sources=dataset.sources,
        rows=tally.rows - tally.rows_dropped,
        rows_dropped=tally.rows_dropped,
        weight_sum=float(tally.weights.to_float()[0]),
        classes=len(dataset.classes) if dataset.classes else width if width and width > 1 else None,
        columns=dataset.roles.describe(),
        digest=digest.text(tally.digest),
        class_names=dataset.classes,
    )


def check_rows(dataset: Dataset | RowPairs, tally: Tally, *, may_be_empty: bool = False) -> None:
    """Looks whether a tally of a dataset means anything.

    Raises
    ------
    DataError
        A value is missing.
    NothingEvaluated
        There are no rows, or none are left.
    """
    _refuse_missing(dataset, tally)
    if not may_be_empty and tally.rows == tally.rows_dropped:
        left = f" without a missing value, of {tally.rows}" if tally.rows else ""
        part = "" if dataset.request.shard is None else f" in shard {dataset.request.shard}"
        raise NothingEvaluated(f"{', '.join(dataset.sources)}: {dataset.request.no_rows}{left}{part}")


def _refuse_missing(dataset: Dataset | RowPairs, tally: Tally) -> None:
    place = tally.missing
    if place is None:
        return
    error = DomainError("a value is missing (NaN or null)", role=place.role, row=place.row, column=place.column)
    error.source = place.source
    rows = "1 row lacks" if tally.rows_dropped == 1 else f"{tally.rows_dropped} rows lack"
    located = dataset.located(error)
    advice = "pass --nan skip to leave them out, or --nan propagate to let them make the value NaN"
    raise DataError(f"{located}; {rows} one in all\n{advice}") from error


def evaluate_files(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    metrics: Sequence[str] | None = None,
    *,
    gates: str | Gate | Sequence[str | Gate] = (),
    baseline: Result | str | os.PathLike[str] | None = None,
    allow_different_data: bool = False,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    ci: float | None = None,
    seed: int = 0,
    **options: Any,
) -> Evaluation:
    """What `xent eval` does, from Python. A notebook shows the result as a table, and `to_pandas()` makes a frame of it.

    Parameters
    ----------
    sources : a file, a glob, a directory, a URL, or several
    metrics : metrics as the command line takes them, such as "auc:curve=PR"; None takes those that fit the task found
    gates : conditions such as "accuracy >= 0.8"; metrics that only they name are measured too
    baseline : an earlier result, or a file with one or with a state, which gates on changes compare with
    allow_different_data : whether the baseline may be of other data, or of metrics with other parameters
    nan, from_logits : as in `evaluate`
    ci : the level of confidence intervals, such as 0.95; None wants none
    seed : changes how rows are dealt into folds, where intervals are estimated from folds
    options : how to read, as in `xent.io.request.Request`: `label`, `pred`, `weight`, `labels`, `on`, `classes`, `where`, `cluster`
        and others

    Returns
    -------
    The result, whose `metrics` stand in the order asked for. Its `gates` say what became of each condition, and its `verdict` of all.

    Raises
    ------
    UsageError, DataError, NothingEvaluated
        As `open_dataset` and `evaluate` do.
    """
    from xent.core.gates import as_gates
    from xent.core.judging import judge, level_needed, require_baseline, with_gated
    from xent.core.specs import default_specs, parse_spec
    from xent.core.table import table
    from xent.io.notebook import Evaluation

    conditions = as_gates(gates)
    earlier = None
    if baseline is None:
        require_baseline(conditions)
    else:
        from xent.io.saved import as_saved

        earlier = as_saved(baseline)
    with read_files(sources, **options) as dataset:
        specs = default_specs(table(), dataset.task()) if metrics is None else [parse_spec(text) for text in metrics]
        built = [spec.with_defaults({"from_logits": from_logits}).build() for spec in with_gated(specs, conditions)]
        confidence = confidence_of(level_needed(conditions) if ci is None else ci, seed, dataset.request.cluster)
        measured = measure(dataset, built, nan=nan, from_logits=from_logits, confidence=confidence)
    result = measured.result()
    if not conditions or earlier is None:
        return Evaluation(*(judge(result, conditions) if conditions else result))
    changes = earlier.changes_to(measured)
    return Evaluation(*judge(result, conditions, earlier.result, allow_different_data=allow_different_data, changes=changes))


def confidence_of(level: float | None, seed: int, cluster: str | None) -> Confidence | None:
    """What intervals are wanted, if any.

    Raises
    ------
    UsageError
        The level is no probability, or there are clusters and no level.
    """
    if level is None:
        if cluster is not None:
            raise UsageError(f"cluster {cluster!r} matters for confidence intervals alone: ask for them with a level, such as 0.95")
        return None
    if not 0.0 < level < 1.0:
        raise UsageError(f"the level of confidence intervals lies between 0 and 1, as 0.95 does, and is not {level!r}")
    return Confidence(level, seed, cluster is not None)


def read_files(sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **options: Any) -> Dataset:
    """Opened sources, whose `batches()` are the rows in order.

    Parameters
    ----------
    sources : a file, a glob, a directory, a URL, or several
    options : how to read, as in `xent.io.request.Request`

    Raises
    ------
    UsageError, DataError, NothingEvaluated
        As `open_dataset` does.
    """
    from xent.io.dataset import open_dataset
    from xent.io.request import Request

    paths = (sources,) if isinstance(sources, str | os.PathLike) else tuple(sources)
    return open_dataset(Request(sources=tuple(os.fspath(path) for path in paths), **options))
