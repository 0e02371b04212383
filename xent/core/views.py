"""The rows of a file as the kind of input that a metric takes: the same numbers, seen as it needs to see them.

A file holds labels and predictions without saying for which metric. These views say what a column of probabilities is to a metric
over classes, which of two columns is the event, and refuse what makes no sense, with the row that shows it.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from xent.core.arrays import align, as_matrix, classes_last
from xent.core.decisions import known_class, predicted_class
from xent.core.derived import extremes, has_index_labels, label_extremes, lie_in_unit_interval, sigmoid, softmax, weight_extremes
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
    return _single_events(batch, from_logits)


def _single_events(batch: Batch, from_logits: bool) -> Batch:
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
    seen = batch if y_pred is batch.y_pred and y_true is batch.y_true else batch.replaced(y_true, y_pred)
    low, high = seen.derive(label_extremes)
    if not (low >= 0.0 and high <= 1.0):
        _check_range(y_true, 0.0, 1.0, "label {} lies outside [0, 1], as a binary metric needs it")
    return seen


def with_classes_last(batch: Batch, axis: int) -> Batch:
    """The rows with the axis of the classes moved to the end; the first axis is that of the rows and cannot be it.

    Raises
    ------
    DataError
        There is no such axis.
    """
    y_true, y_pred = batch.y_true, batch.y_pred
    if axis in (0, -y_pred.ndim):
        raise DataError(f"axis {axis} is that of the rows, and cannot be that of the classes")
    moved = classes_last(y_pred, axis)
    if moved is y_pred:
        return batch
    return batch.replaced(classes_last(y_true, axis) if y_true.ndim == y_pred.ndim else y_true, moved)


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
    seen = batch.derive(_over_classes, from_logits)
    y_true = _index_if_one_hot(seen.y_true) if seen.y_true.shape == seen.y_pred.shape else seen.y_true
    return seen if y_true is seen.y_true else seen.replaced(y_true, seen.y_pred)


def _over_classes(batch: Batch, from_logits: bool) -> Batch:
    y_true, y_pred = batch.y_true, batch.y_pred
    are_events = y_pred.ndim == y_true.ndim == 1 and not from_logits
    if y_pred.ndim == 1 or y_pred.shape[-1] == 1:
        y_pred = _both_classes(as_matrix(y_pred)[:, 0] if y_pred.ndim <= 2 else y_pred[..., 0], from_logits)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape not in (y_pred.shape, y_pred.shape[:-1]):
        raise DataError(f"labels and predictions do not fit: {_many(y_true)} labels for {_many(y_pred)} classes")
    if y_pred is batch.y_pred and y_true is batch.y_true:
        return batch
    seen = batch.replaced(y_true, y_pred)
    seen.events = batch if are_events else None
    return seen


def _both_classes(score: Array, from_logits: bool) -> Array:
    """The scores of class 0 and class 1, shape (..., 2), from those of class 1. Each class lies in one piece, as columns of a file do."""
    columns = np.empty((2, *score.shape))
    columns[1] = score
    if from_logits:
        columns[0] = 0.0
    else:
        np.subtract(1.0, columns[1], out=columns[0])
    return columns.T if score.ndim == 1 else np.moveaxis(columns, 0, -1)


def as_classwise(batch: Batch, from_logits: bool) -> Batch:
    """What `as_categorical` gives, for metrics that take the classes one by one: labels that are several at a time stay so.

    Raises
    ------
    DataError
        Labels and predictions have other numbers of classes.
    DomainError
        A probability lies outside [0, 1].
    """
    if not from_logits:
        batch.derive(check_probabilities)
    return batch.derive(_over_classes, from_logits)


def as_events(batch: Batch, from_logits: bool) -> Batch:
    """What `as_binary` gives, but also one label among several classes, each of which then is an event.

    Raises
    ------
    DataError
        Labels and predictions do not fit each other.
    DomainError
        A label lies outside [0, 1], or a probability does.
    """
    return as_classwise(batch, from_logits) if _is_one_of_many(batch) else as_binary(batch, from_logits)


def as_rankings(batch: Batch, from_logits: bool) -> Batch:
    """What `as_events` gives, for metrics to which only the order of the predictions matters: they need not be probabilities.

    Logits stay what they are, since the probabilities nearest to 0 and 1 would be rounded to equal ones. But over several classes
    their order within a class is that of the probabilities, not their own.
    """
    if not _is_one_of_many(batch):
        return _single_events(batch, from_logits)
    seen = batch.derive(_over_classes, from_logits)
    return seen.replaced(seen.y_true, seen.derive(softmax)) if from_logits else seen


def as_decisions(batch: Batch, from_logits: bool) -> Batch:
    """Scores over classes, (n, k), or the number of the predicted class, (n,), where the predictions are whole numbers.

    Scores need not be probabilities, for only the largest matters; but one column is the probability of class 1 of two.

    Raises
    ------
    DataError
        Labels and predictions have other numbers of classes.
    DomainError
        One column of predictions holds something other than class numbers or probabilities.
    """
    y_true, y_pred = batch.y_true, batch.y_pred
    if y_pred.ndim == 1 or y_pred.shape[1:] == (1,):
        if y_pred.dtype.kind in "iub" and not from_logits:
            numbers = y_pred.reshape(-1).astype(np.intp)
            if y_true.ndim == 2:
                y_true = y_true[:, 0] if y_true.shape[1] == 1 else y_true.argmax(axis=1)
            return batch.replaced(y_true, numbers)
        if not from_logits:
            batch.derive(check_probabilities)
    return batch.derive(_over_classes, from_logits)


def as_classes(batch: Batch, from_logits: bool) -> Batch:
    """The number of the class that is true and of the one that is predicted: the largest score, or a probability above one half.

    Raises
    ------
    DataError
        Labels and predictions have other numbers of classes.
    DomainError
        A label is not the number of a class.
    """
    seen = batch.derive(as_decisions, from_logits)
    if seen.y_pred.ndim == 1:
        return seen
    return batch.replaced(seen.derive(known_class), seen.derive(predicted_class))


def _is_one_of_many(batch: Batch) -> bool:
    """Whether every row has one label and more than two scores."""
    labels = batch.y_true.ndim - (batch.y_true.ndim > 1 and batch.y_true.shape[-1] == 1)
    return labels == batch.y_pred.ndim - 1 and batch.y_pred.shape[-1] > 2


def as_values(batch: Batch, from_logits: bool) -> Batch:
    """Plain numbers: as many labels as predictions.

    Raises
    ------
    DataError
        Their numbers differ.
    """
    y_true, y_pred = align(batch.y_true, batch.y_pred)
    if y_true.shape != y_pred.shape:
        exchanged = "; are the two exchanged?" if y_true.ndim == 2 and len(y_true) == y_pred.size else ""
        raise DataError(
            f"the metric needs as many labels as predictions, and there are {_many(y_true)} and {_many(y_pred)} a row{exchanged}"
        )
    return batch if y_pred is batch.y_pred and y_true is batch.y_true else batch.replaced(y_true, y_pred)


def as_queries(batch: Batch, from_logits: bool) -> Batch:
    """The documents of queries: a relevance and a score for each, of which only the order matters.

    A row is a query with its documents side by side, (n, k); or, where the batch has `keys`, one document of the query with that key,
    (n,).

    Raises
    ------
    DataError
        A query has a single document because nothing says which rows belong together, or a row has several although something does.
    """
    seen = as_values(batch, from_logits)
    y_true, y_pred = seen.y_true, seen.y_pred
    single = y_pred.ndim == 1 or y_pred.shape[1:] == (1,)
    if y_pred.ndim > 2 or single == (batch.keys is None):
        raise DataError(
            f"where rows are grouped to queries a row is one document, and there are {_many(y_pred)} scores in it"
            if batch.keys is not None
            else "a query needs several documents: side by side in columns, or one a row with a column that groups them (--group COL)"
        )
    return seen if y_pred.ndim == (1 if single else 2) else seen.replaced(y_true[:, 0], y_pred[:, 0])


def as_intervals(batch: Batch, from_logits: bool) -> Batch:
    """Plain numbers, (n,), and the low and the high end of an interval for each, (n, 2).

    Raises
    ------
    DataError
        There is not one label with two predictions in a row.
    """
    y_true, y_pred = batch.y_true, batch.y_pred
    if y_true.ndim == 2 and y_true.shape[1] == 1:
        y_true = y_true[:, 0]
    if y_true.ndim != 1 or y_pred.shape[1:] != (2,):
        raise DataError(
            "an interval is two predictions, the low and the high end, for one label; "
            f"there are {_many(y_pred)} predictions and {_many(y_true)} labels a row"
        )
    return batch if y_true is batch.y_true else batch.replaced(y_true, y_pred)


def as_probabilities(batch: Batch, from_logits: bool) -> Batch:
    """Logits of single events as probabilities, for a metric that has no `from_logits` of its own."""
    if not from_logits:
        return batch
    return batch.replaced(batch.y_true, batch.derive(sigmoid))


def as_class_probabilities(batch: Batch, from_logits: bool) -> Batch:
    """Logits over classes as probabilities, for a metric that has no `from_logits` of its own."""
    return batch.replaced(batch.y_true, batch.derive(softmax)) if from_logits else batch


def as_event_probabilities(batch: Batch, from_logits: bool) -> Batch:
    """Logits as probabilities: over classes where every row has one label, else of single events."""
    if not from_logits:
        return batch
    return batch.replaced(batch.y_true, batch.derive(softmax if batch.derive(has_index_labels) else sigmoid))


VIEWS: dict[str, Callable[[Batch, bool], Batch]] = {
    "binary": as_binary,
    "categorical": as_categorical,
    "values": as_values,
    "events": as_events,
    "rankings": as_rankings,
    "classwise": as_classwise,
    "decisions": as_decisions,
    "classes": as_classes,
    "queries": as_queries,
    "intervals": as_intervals,
}
"""How a metric sees the rows, by the `inputs` of its row in the table."""

SOFTENED: dict[str, Callable[[Batch, bool], Batch]] = {
    "binary": as_probabilities,
    "categorical": as_class_probabilities,
    "events": as_event_probabilities,
    "classwise": as_event_probabilities,
}
"""How logits become what a metric sees that only knows probabilities, by the same key."""


def check_probabilities(batch: Batch) -> None:
    """Raises `NotProbabilityError` for the first prediction outside [0, 1] by more than rounding. NaN passes: it is missing."""
    if batch.derive(lie_in_unit_interval):
        return
    low, high = batch.derive(extremes)
    if math.isnan(low) or low < -ROUNDING or high > 1.0 + ROUNDING:
        _check_range(batch.y_pred, -ROUNDING, 1.0 + ROUNDING, "prediction {} lies outside [0, 1]", "y_pred")


def check_weights(batch: Batch) -> None:
    """Raises `DomainError` for the first weight that is negative or infinite."""
    low, high = batch.derive(weight_extremes)
    if low < 0.0 or high == math.inf:
        _check_range(batch.sample_weight, 0.0, sys.float_info.max, "weight {} is not a finite number of at least 0", "sample_weight")


def _check_range(values: Array | None, low: float, high: float, message: str, role: str = "y_true") -> None:
    if values is None or not values.size:
        return
    if float(np.minimum.reduce(values, axis=None)) >= low and float(np.maximum.reduce(values, axis=None)) <= high:
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
        index = np.asarray(y_true.argmax(axis=-1))
        if (y_true[np.arange(len(y_true)), index] == 1.0).all():
            return index
    return y_true


def _many(values: Array) -> str:
    return "1" if values.ndim == 1 else "x".join(map(str, values.shape[1:]))
