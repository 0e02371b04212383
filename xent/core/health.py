"""What the conventions change, counted: the part of a result that says whether its number can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core import derived
from xent.core.arrays import as_matrix
from xent.core.conventions import convention
from xent.core.lazy import np
from xent.core.states import Health

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch


def categorical_health(batch: Batch, *, smoothed: bool, convention_name: str) -> Health:
    """Health of probabilities over classes. Where labels are smoothed, every probability enters the value."""
    rules = convention(convention_name)
    sums = batch.derive(derived.probability_sums)
    error = np.abs(sums - 1.0)
    renormalised = error != 0.0 if rules.renormalises else np.zeros(sums.shape, dtype=bool)
    epsilon = rules.epsilon(batch.stored)
    if epsilon is None:
        clipped = np.zeros(sums.shape, dtype=bool)
    elif batch.derive(derived.has_index_labels) and not smoothed:
        clipped = _outside(_shares(batch.derive(derived.true_score), sums, rules.renormalises), epsilon)
    else:
        outside = _outside(_shares(batch.derive(derived.predictions), sums[..., None], rules.renormalises), epsilon)
        if not smoothed:
            outside &= batch.derive(derived.labels) != 0
        clipped = np.logical_or.reduce(outside, axis=-1)
    return health_of(batch, clipped, renormalised, error)


def binary_health(batch: Batch, *, convention_name: str) -> Health:
    """Health of probabilities that stand alone, each of the event that its label says happened or not."""
    epsilon = convention(convention_name).epsilon(batch.stored)
    if epsilon is None or batch.derive(derived.lie_within, epsilon):
        return no_health(batch)
    nothing = np.zeros(len(batch), dtype=bool)
    return health_of(batch, _outside(batch.derive(derived.predictions), epsilon), nothing, np.zeros(len(batch)))


def no_health(batch: Batch) -> Health:
    """Health where nothing is done to predictions."""
    groups = 1 if batch.groups is None else batch.groups.count
    return Health(np.zeros(groups, dtype=np.int64), np.zeros(groups, dtype=np.int64), np.zeros(groups))


def _shares(p: Array, sums: Array, renormalises: bool) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return p / sums if renormalises else p


def _outside(p: Array, epsilon: float) -> Array:
    return (p < epsilon) | (p > 1.0 - epsilon)


def health_of(batch: Batch, clipped: Array, renormalised: Array, error: Array) -> Health:
    """The state of what was found in every row, or in every part of one: shapes (n, ...)."""
    clipped, renormalised = (_any(found) for found in (clipped, renormalised))
    error = error if error.ndim == 1 else as_matrix(error).max(axis=1, initial=0.0)
    if batch.groups is not None:
        groups = batch.groups
        return Health(groups.count_where(clipped), groups.count_where(renormalised), groups.largest(error))
    counts = [np.array([np.count_nonzero(found)], dtype=np.int64) for found in (clipped, renormalised)]
    return Health(counts[0], counts[1], np.array([np.maximum.reduce(error, initial=0.0)]))


def _any(found: Array) -> Array:
    """Rows in which any element was found."""
    return found if found.ndim == 1 else np.logical_or.reduce(as_matrix(found), axis=1)
