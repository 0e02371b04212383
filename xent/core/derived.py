"""Arrays that several metrics need from a block, each computed once (`batch.derive(function)`).

Class scores stand on the last axis of `y_pred`; labels are class indices where `y_true` has one axis fewer, else distributions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core.arrays import has_columns, put_class, sum_classes, take_class
from xent.core.conventions import convention
from xent.core.errors import DomainError
from xent.core.lazy import np
from xent.core.precision import as_float

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch

_FEW = 16
"""Up to so many classes, comparing every label with each of them costs less than writing to the place of one."""


def predictions(batch: Batch) -> Array:
    """`y_pred` in the floating-point type in force."""
    return as_float(batch.y_pred)


def labels(batch: Batch) -> Array:
    """`y_true` in the floating-point type in force."""
    return as_float(batch.y_true)


def weights(batch: Batch) -> Array:
    """`sample_weight`, where there is one, in the floating-point type in force."""
    return as_float(batch.sample_weight)


def positives(batch: Batch) -> Array:
    """Which labels are not 0."""
    return np.asarray(batch.y_true != 0)


def above(batch: Batch, threshold: float) -> Array:
    """Which predictions are larger than a threshold."""
    return np.asarray(batch.derive(predictions) > threshold)


def has_hard_labels(batch: Batch) -> bool:
    """Whether every label is 0 or 1."""
    low, high = batch.derive(label_extremes)
    if not (low >= 0.0 and high <= 1.0):
        return False
    return batch.y_true.dtype.kind in "biu" or bool(((batch.y_true == 0.0) | (batch.y_true == 1.0)).all())


def extremes(batch: Batch) -> tuple[float, float]:
    """The smallest and the largest prediction; NaN if there is one."""
    return _extremes(batch.y_pred)


def lie_within(batch: Batch, epsilon: float) -> bool:
    """Whether every prediction lies in [epsilon, 1 - epsilon]."""
    low, high = batch.derive(extremes)
    return low >= epsilon and high <= 1.0 - epsilon


def lie_in_unit_interval(batch: Batch) -> bool:
    """Whether all predictions lie between 0 and 1.

    Of a matrix this is seen in one pass over the bits: read as unsigned integers, those of the numbers from 0 to 1 are at most those of
    1, and a sign or a NaN makes them larger. A minus zero is taken for outside, and then looked at properly.
    """
    p = batch.y_pred
    if p.ndim == 1 or p.dtype.kind != "f" or not p.size:
        low, high = batch.derive(extremes)
        return low >= 0.0 and high <= 1.0
    bits = np.dtype(f"u{p.dtype.itemsize}")
    return bool(np.maximum.reduce(p.view(bits), axis=None) <= np.ones((), dtype=p.dtype).view(bits))


def weight_extremes(batch: Batch) -> tuple[float, float]:
    """The smallest and the largest weight; NaN if there is one."""
    return (1.0, 1.0) if batch.sample_weight is None else _extremes(batch.sample_weight)


def label_extremes(batch: Batch) -> tuple[float, float]:
    """The smallest and the largest label; NaN if there is one."""
    return _extremes(batch.y_true)


def _extremes(values: Array) -> tuple[float, float]:
    if not values.size:
        return 0.0, 0.0
    return float(np.minimum.reduce(values, axis=None)), float(np.maximum.reduce(values, axis=None))


def has_index_labels(batch: Batch) -> bool:
    """Whether `y_true` holds class indices rather than distributions over the classes."""
    return batch.y_true.ndim == batch.y_pred.ndim - 1


def true_class(batch: Batch) -> Array:
    """Class indices as integers, checked to be whole and in range.

    Raises
    ------
    DomainError
        A label is not an integer from 0 to k - 1.
    """
    raw, classes = batch.y_true, batch.y_pred.shape[-1]
    if raw.dtype == np.intp:
        index = raw
    elif raw.dtype.kind in "iub":
        index = raw.astype(np.intp)
    else:
        with np.errstate(invalid="ignore"):
            # A missing label is no wrong one. Where such rows are not left out, they make the value NaN through their score.
            index = np.where(np.isnan(raw), 0.0, raw).astype(np.intp)
            _refuse(raw, (index != raw) & ~np.isnan(raw), classes)
    low, high = batch.derive(label_extremes) if raw.dtype.kind in "iub" else _extremes(index)
    if low < 0 or high >= classes:
        _refuse(raw, (index < 0) | (index >= classes), classes)
    return index


def _refuse(raw: Array, bad: Array, classes: int) -> None:
    if bad.any():
        place = int(np.argmax(bad))
        row, column = divmod(place, max(1, bad.size // len(bad)))
        label = f"{raw.reshape(-1)[place].item():.17g}"
        hint = f"; if labels count from 1, name the classes so: 1 to {classes}" if label == str(classes) else ""
        raise DomainError(f"label {label} is not a class index from 0 to {classes - 1}{hint}", role="y_true", row=row, column=column)


def true_score(batch: Batch) -> Array:
    """The score of the true class of every row; NaN where the label is."""
    scores = as_float(take_class(batch.y_pred, batch.derive(true_class)))
    if batch.y_true.dtype.kind == "f":
        scores[np.isnan(batch.y_true)] = np.nan
    return scores


def probability_sums(batch: Batch) -> Array:
    """The sum of the probabilities of every row."""
    return sum_classes(batch.derive(predictions) if batch.y_pred.dtype.kind != "f" else batch.y_pred).astype(
        as_float(0.0).dtype, copy=False
    )


def largest_score(batch: Batch) -> Array:
    """The largest score of every row."""
    return as_float(np.maximum.reduce(batch.y_pred, axis=-1))


def log_of_sum(batch: Batch) -> Array:
    """ln Σ exp(x - max x) of every row: with `largest_score`, what softmax divides by."""
    shifted = batch.derive(predictions) - batch.derive(largest_score)[..., None]
    return np.asarray(np.log(sum_classes(np.exp(shifted, out=shifted))))


def true_log_probability(batch: Batch, from_logits: bool, convention_name: str) -> Array:
    """The logarithm of the probability of the true class of every row; the only logarithm that index labels need."""
    score = batch.derive(true_score)
    if from_logits:
        return np.asarray((score - batch.derive(largest_score)) - batch.derive(log_of_sum))
    return log_probability(batch, score, batch.derive(probability_sums), convention_name)


def log_probabilities(batch: Batch, from_logits: bool, convention_name: str) -> Array:
    """The logarithms of the probabilities of all classes, shape of `y_pred`."""
    scores = batch.derive(predictions)
    if from_logits:
        shifted = scores - batch.derive(largest_score)[..., None]
        shifted -= batch.derive(log_of_sum)[..., None]
        return np.asarray(shifted)
    return log_probability(batch, scores, batch.derive(probability_sums)[..., None], convention_name)


def log_probability(batch: Batch, p: Array, sums: Array, convention_name: str) -> Array:
    """ln p after what the convention does to it; `sums` are those of the rows."""
    q = treated(batch, p, sums, convention_name)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(q, out=None if q is p or not q.ndim else q))


def treated(batch: Batch, p: Array, sums: Array, convention_name: str) -> Array:
    """Probabilities after what the convention does to them: a new array, or `p` itself where it does nothing."""
    rules = convention(convention_name)
    q = p
    if rules.renormalises:
        with np.errstate(divide="ignore", invalid="ignore"):
            q = p / sums
    epsilon = rules.epsilon(batch.stored)
    return q if epsilon is None else clip(q, epsilon, out=None if q is p or not q.ndim else q)


def clip(p: Array, epsilon: float, out: Array | None = None) -> Array:
    """`p` moved into [epsilon, 1 - epsilon], by two ufuncs with one buffer; `numpy.clip` checks more and costs more."""
    # A Python float keeps the array's type, so float32 sees its own 1 - epsilon.
    clipped = np.maximum(p, epsilon, out=out)
    return np.asarray(np.minimum(clipped, p.dtype.type(1) - p.dtype.type(epsilon), out=clipped if clipped.ndim else None))


def sigmoid(batch: Batch) -> Array:
    """Probabilities of single events from logits: 1 / (1 + e^-x), without overflow on either side."""
    x = batch.derive(predictions)
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0.0, 1.0, small) / (1.0 + small))


def softmax(batch: Batch) -> Array:
    """Probabilities from logits, by subtracting the largest first."""
    return np.asarray(np.exp(batch.derive(log_probabilities, True, "exact")))


def one_hot_or_dense(batch: Batch) -> Array:
    """Labels as distributions, shape of `y_pred`; only for what cannot be computed from the index."""
    if not batch.derive(has_index_labels):
        return batch.derive(labels)
    index, classes = batch.derive(true_class), batch.y_pred.shape[-1]
    if classes <= _FEW and has_columns(batch.y_pred):
        return as_float(np.equal.outer(np.arange(classes), index)).T
    dense = np.zeros(batch.y_pred.shape, dtype=as_float(0.0).dtype)
    put_class(dense, index, np.ones(batch.y_true.shape))
    return dense
