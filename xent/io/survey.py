"""All that a report shows of a dataset, found in one pass over its rows: values, curves, the rows that hurt, the losses of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from xent.core.loss_shapes import ShapedTally
from xent.core.row_values import has_row_values
from xent.core.slices import SlicedTally
from xent.core.tally import Tally
from xent.io.evaluation import check_rows, kind_of_tally, measured_of
from xent.io.measured import Surveyed
from xent.io.slice_losses import SliceLosses
from xent.io.tallying import tally_of
from xent.io.top_rows import KeptRows, found_by

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Metric
    from xent.core.table import Task
    from xent.core.tally import Confidence, NanPolicy
    from xent.io.dataset import Dataset

EXTRA: Mapping[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "expected_calibration_error"),
    "multiclass": ("expected_calibration_error",),
    "regression": (),
}
"""Metrics that belong to the curves of a task."""

CURVES: Mapping[Task, tuple[str, ...]] = {
    "binary": ("reliability_curve", "roc_curve", "precision_recall_curve", "lift_curve", "threshold_table", "confusion_matrix"),
    "multiclass": ("reliability_curve", "confusion_matrix"),
    "regression": ("residual_curve",),
}
"""Metrics that are drawn, for the task that the data show."""


@dataclass(slots=True)
class _Together:
    """Several tallies of the same rows, of which the first alone may be sliced."""

    parts: tuple[Tally, ...]

    def update(self, batch: Batch) -> None:
        first, *others = self.parts
        first.update(batch)
        groups, batch.groups = batch.groups, None
        try:
            for part in others:
                part.update(batch)
        finally:
            batch.groups = groups

    def reslice(self, places: Sequence[Array]) -> None:
        """Gives the slices of the first other numbers, as `SlicedTally.reslice` does."""
        first = self.parts[0]
        assert isinstance(first, SlicedTally)
        first.reslice(places)

    def merge(self, other: Self) -> None:
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            mine.merge(theirs)


def survey(
    dataset: Dataset,
    metrics: Sequence[Metric],
    curves: Sequence[Metric] = (),
    *,
    worst: int = 20,
    shapes: bool = False,
    nan: NanPolicy = "error",
    from_logits: bool = False,
    identify: bool = False,
    confidence: Confidence | None = None,
    progress: Callable[[int], None] | None = None,
) -> Surveyed:
    """What an evaluation finds, and the rows of the largest loss, in one pass.

    Parameters
    ----------
    dataset : the opened sources; the columns that it is asked to keep are kept of the worst rows
    metrics : what to measure, of all rows and of every slice
    curves : what to measure of all rows alone
    worst : how many rows to keep
    shapes : whether to measure how the losses of each slice are distributed
    nan, from_logits, identify, confidence, progress : as in `xent.io.evaluation.measure`

    Returns
    -------
    What was measured, and the rows of the largest first loss among `metrics`, if one of them is a mean of the rows' losses.

    Raises
    ------
    DataError
        The data cannot be used; the error names file, column and row.
    NothingEvaluated
        There are no rows, or none are left.
    """
    loss = next((metric for metric in metrics if metric.row.direction == "lower" and has_row_values(metric)), None)
    # Where nothing is sliced or merged later, one tally measures all, so that metrics share what they are made from.
    apart = identify or dataset.slicer is not None
    of_slices, of_all = (list(metrics), list(curves)) if apart else ([*metrics, *curves], [])
    sliced = partial(ShapedTally, loss=loss) if shapes and loss is not None else SlicedTally
    kind = kind_of_tally(dataset, identify=identify, confidence=confidence, sliced=sliced)

    def start(_: Sequence[Metric], **options: Any) -> _Together:
        parts: list[Tally] = [kind(of_slices, **options)]
        if of_all:
            parts.append(Tally(of_all, **options))
        if loss is not None:
            parts.append(KeptRows([loss], limit=worst, **options))
        return _Together(tuple(parts))

    first, *others = tally_of(dataset, metrics, start, nan=nan, from_logits=from_logits, progress=progress).parts
    measured = measured_of(dataset, first)
    check_rows(dataset, measured.tally)
    found = None
    if loss is not None and isinstance(kept := others.pop(), KeptRows):
        found = found_by(kept, dataset.request.keep, measured.data)
    return Surveyed(
        measured,
        tuple(metric for tally in others for metric in tally.results()),
        found,
        len(curves),
        SliceLosses.of(measured, first.loss, first.shape_need()) if isinstance(first, ShapedTally) and first.loss is not None else None,
    )
