"""What a mean is made of: the value of every row, as its kernel gives it, and its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core.lazy import np
from xent.core.metric import LiftBy, MeanOf, Metric
from xent.core.reduced import RowsOf
from xent.core.reduction import mean_of_rows, rows_of, terms_of

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch


def has_row_values(metric: Metric) -> bool:
    """Whether a metric is made of one value a row."""
    return isinstance(metric.lift, MeanOf | RowsOf)


def row_values(batch: Batch, lift: LiftBy) -> tuple[Array, Array]:
    """The value and the weight of every row, shapes (n,); a row that the metric leaves out has weight 0."""
    options = dict(lift.options)
    values = batch.derive(lift.function, **options)
    mask = lift.mask(batch, **options) if isinstance(lift, MeanOf) and lift.mask is not None else None
    weights = terms_of(batch, values, mask)[1]
    if weights is None:
        weights = np.ones(len(batch))
    if mask is None:
        return mean_of_rows(values), weights
    sums, shares = rows_of(np.where(mask, values, 0.0), mask)
    means = np.divide(sums, shares, out=np.zeros(len(sums)), where=shares > 0.0)
    return means, weights


def lowest_rows(rows: Array, ranks: Array, block: Batch, limit: int) -> Array:
    """The `limit` of some rows, in ascending order, that have the lowest `ranks`; of equal rank, those that stand first in their source."""
    if len(rows) <= limit:
        return rows
    found = ranks[rows]
    bound = np.partition(found, limit - 1)[limit - 1]
    below, equal = rows[found < bound], rows[found == bound]
    if block.row_numbers is not None:
        equal = equal[np.argsort(block.row_numbers[equal], kind="stable")]
    return np.concatenate([below, equal[: limit - len(below)]])
