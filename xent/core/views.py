"""The rows of a file as the kind of input that a metric takes: the same numbers, seen as it needs to see them.

A file holds labels and predictions without saying for which metric. These views say what a column of probabilities is to a metric
over classes, which of two columns is the event, and refuse what makes no sense, with the row that shows it.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from xent.core.arrays import align
from xent.core.derived import predictions, softmax
from xent.core.errors import DataError, DomainError, NotProbabilityError
from xent.core.lazy import np

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent.core.arrays import Array
    from xent.core.batch import Batch


ROUNDING = 1e-3
"""How far outside [0, 1] a probability may lie: real files hold 1.0000012 from float32 and 1.001 from float16. Logits do not."""


def as_binary(batch: Batch, from_logits: bool) -> Batch:
    """Probabilities (or logits) of events: (n,) for one event a row, (n, k) for several with as many labels.

    Two columns with one label are the two classes of one event, and the second is its probability.

    Raises
    ------
    DataError
        There are more than two classes and one label a row.
    DomainError
        A label lies outside [0, 1], or a probability does.
    """
    if not from_logits:
        batch.derive(check_probabilities)
    y_true, y_pred = batch.y_true, batch.y_pred
    if y_pred.ndim == 2 and y_pred.shape[1] == 1:
        y_pred = y_pred[:, 0]
    if y_true.ndim == 2 and y_true.shape[1] == 1:
        y_true = y_true[:, 0]
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 2:
        y_pred = y_pred[..., 1] - y_pred[..., 0] if from_logits else y_pred[..., 1]
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 2:
        y_true = y_true[..., 1]
    if y_true.shape != y_pred.shape:
        raise DataError(
            f"a binary metric needs one probability for each label, and there are {_many(y_pred)} for {_many(y_true)}; "
            "for several classes take a categorical metric"
        )
    _check_range(y_true, 0.0, 1.0, "label {} lies outside [0, 1], as a binary metric needs it")
    return batch if y_pred is batch.y_pred and y_true is batch.y_true else batch.replaced(y_true, y_pred)


def as_categorical(batch: Batch, from_logits: bool) -> Batch:
    """Scores over classes, (n, k), with class indices (n,) or distributions (n, k).

    One column is the probability of class 1 of two, so that of class 0 is put beside it.

    Raises
    ------
    DataError
        Labels and predictions have other numbers of classes.
    DomainError
        A probability lies outside [0, 1] or a row of them is all zeros.
    """
    if not from_logits:
        batch.derive(check_probabilities)
    y_true, y_pred = batch.y_true, batch.y_pred
    if y_pred.ndim == 1 or y_pred.shape[-1] == 1:
        score = y_pred.reshape(len(y_pred), -1)[:, 0] if y_pred.ndim <= 2 else y_pred[..., 0]
        score = score.astype(np.float64)
        y_pred = np.stack([np.zeros_like(score) if from_logits else 1.0 - score, score], axis=-1)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape not in (y_pred.shape, y_pred.shape[:-1]):
        raise DataError(f"labels and predictions do not fit: {_many(y_true)} labels for {_many(y_pred)} classes")
    if y_true.shape == y_pred.shape:
        y_true = _index_if_one_hot(y_true)
    return batch if y_pred is batch.y_pred and y_true is batch.y_true else batch.replaced(y_true, y_pred)


def as_values(batch: Batch, from_logits: bool) -> Batch:
    """Plain numbers: as many labels as predictions.

    Raises
    ------
    DataError
        Their numbers differ.
    """
    y_true, y_pred = align(batch.y_true, batch.y_pred)
    if y_true.shape != y_pred.shape:
        raise DataError(f"the metric needs as many labels as predictions, and there are {_many(y_true)} and {_many(y_pred)} a row")
    return batch if y_pred is batch.y_pred and y_true is batch.y_true else batch.replaced(y_true, y_pred)


def as_probabilities(batch: Batch, from_logits: bool) -> Batch:
    """Logits of single events as probabilities, for a metric that has no `from_logits` of its own."""
    if not from_logits:
        return batch
    return batch.replaced(batch.y_true, _sigmoid(batch.derive(predictions)))


def as_class_probabilities(batch: Batch, from_logits: bool) -> Batch:
    """Logits over classes as probabilities, for a metric that has no `from_logits` of its own."""
    return batch.replaced(batch.y_true, batch.derive(softmax)) if from_logits else batch


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), without overflow on either side."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


VIEWS: dict[str, Callable[[Batch, bool], Batch]] = {"binary": as_binary, "categorical": as_categorical, "values": as_values}
"""How a metric sees the rows, by the `inputs` of its row in the table."""

SOFTENED: dict[str, Callable[[Batch, bool], Batch]] = {"binary": as_probabilities, "categorical": as_class_probabilities}
"""How logits become what a metric sees that only knows probabilities, by the same key."""


def extremes(batch: Batch) -> tuple[float, float]:
    """The smallest and the largest prediction of the block; NaN if there is one."""
    p = batch.y_pred
    if not p.size:
        return 0.0, 0.0
    return float(np.minimum.reduce(p, axis=None)), float(np.maximum.reduce(p, axis=None))


def check_probabilities(batch: Batch) -> None:
    """Raises `NotProbabilityError` for the first prediction outside [0, 1] by more than rounding. NaN passes: it is missing."""
    low, high = batch.derive(extremes)
    if math.isnan(low) or low < -ROUNDING or high > 1.0 + ROUNDING:
        _check_range(batch.y_pred, -ROUNDING, 1.0 + ROUNDING, "prediction {} lies outside [0, 1]", "y_pred")


def check_weights(batch: Batch) -> None:
    """Raises `DomainError` for the first weight that is negative or infinite."""
    if batch.sample_weight is not None:
        _check_range(batch.sample_weight, 0.0, sys.float_info.max, "weight {} is not a finite number of at least 0", "sample_weight")


def _check_range(values: Array, low: float, high: float, message: str, role: str = "y_true") -> None:
    if not values.size or (float(np.minimum.reduce(values, axis=None)) >= low and float(np.maximum.reduce(values, axis=None)) <= high):
        return
    # float64 bounds: as Python floats they would be rounded to the type of the values, and overflow float16.
    bad = (values < np.float64(low)) | (values > np.float64(high))
    if bad.any():
        place = int(np.argmax(bad))
        row, column = divmod(place, bad.size // len(bad))
        kind = NotProbabilityError if role == "y_pred" else DomainError
        raise kind(message.format(values[np.unravel_index(place, values.shape)].item()), role=role, row=row, column=column)


def _index_if_one_hot(y_true: Array) -> Array:
    """Class indices where every row is one-hot: they need one logarithm a row, and give the same bits."""
    if y_true.size and np.count_nonzero(y_true == 1.0) == len(y_true) == np.count_nonzero(y_true) and y_true.ndim == 2:
        index = y_true.argmax(axis=-1)
        if (y_true[np.arange(len(y_true)), index] == 1.0).all():
            return index
    return y_true


def _many(values: Array) -> str:
    return "1" if values.ndim == 1 else "x".join(map(str, values.shape[1:]))
