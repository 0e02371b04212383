"""The confusion matrix of the predicted classes, and the numbers that sum it up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xent.core.batch import Batch
from xent.core.cells import ratio, to_float
from xent.core.decisions import confusion_matrix_of, crosstab
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.precision import as_float
from xent.core.table import metric
from xent.core.views import as_decisions

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.states import Crosstab
    from xent.core.uncertainty import Spread

__all__ = ["BalancedAccuracy", "CohenKappa", "ConfusionMatrix", "MatthewsCorrelation"]


class _OfMatrix(Metric):
    """What the metrics of a confusion matrix have in common."""

    lift: LiftBy

    def __init__(self, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy.make(crosstab)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        given = np.asarray(y_pred)
        y_pred = given if given.dtype.kind in "iub" else as_float(given)
        return as_decisions(Batch(np.asarray(y_true), y_pred, None if sample_weight is None else as_float(sample_weight)), False)

    def spread(self, clustered: bool) -> Spread | None:
        if clustered:
            return super().spread(clustered)
        from xent.core.uncertainty import OfCells

        return OfCells(self.lift)

    def finish(self, state: Crosstab) -> Array:
        """The value of every group."""
        values = np.array([self.value(*confusion_matrix_of(state, group), int(width)) for group, width in enumerate(state.classes)])
        values[state.cells.unmeasured()] = np.nan
        return values

    def value(self, true: Array, predicted: Array, amounts: Array, classes: int) -> Any:
        """The value of the cells that are not empty: true classes, predicted classes and exact amounts."""
        raise NotImplementedError


def _integers(amounts: Array) -> Array:
    """Amounts as Python integers, for values that do not depend on their unit: estimates of spread move cells by parts of a row."""
    if amounts.dtype.kind == "f":
        amounts = np.ldexp(amounts, 62 - np.frexp(amounts.max(initial=0.0))[1]).astype(np.int64)
    return amounts.astype(object)


def _sum_by(codes: Array, amounts: Array, size: int) -> Array:
    """The exact sum of the amounts of each code."""
    sums = np.zeros(size, dtype=amounts.dtype)
    np.add.at(sums, codes, amounts)
    return sums


@metric(
    "confusion_matrix",
    direction="none",
    range="[0, inf)",
    inputs="decisions",
    formula="C[i, j] = Σ w [y = i] [prediction = j]",
    source="sklearn.metrics.confusion_matrix",
    memory="the pairs of classes that occur",
)
class ConfusionMatrix(_OfMatrix):
    """The weight of the rows of every true class, down, and every predicted class, across.

    Parameters
    ----------
    normalize : "true" divides every row by its sum, "pred" every column, "all" everything by the whole; None divides nothing
    num_classes : the number of classes; None takes the number of scores, or the largest class number there is

    Raises
    ------
    UsageError
        `normalize` is none of these, or `num_classes` is smaller than 1.

    Notes
    -----
    The predicted class is the one with the largest score, the first of equal ones; 1 for a single probability above one half; or the
    prediction itself where predictions are integers. Source: `sklearn.metrics.confusion_matrix`.

    >>> ConfusionMatrix()([0, 1, 2, 2], [0, 2, 2, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 2.0]]
    """

    def __init__(
        self,
        normalize: bool | str | None = None,
        num_classes: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        # On a command line, normalize=true is a boolean.
        normalize = {True: "true", False: None}[normalize] if isinstance(normalize, bool) else normalize
        if normalize not in (None, "true", "pred", "all"):
            raise UsageError(f"normalize must be one of None, true, pred and all, not {normalize!r}")
        if num_classes is not None and num_classes < 1:
            raise UsageError(f"num_classes must be at least 1, not {num_classes!r}")
        self.normalize = normalize
        self.is_extensive = normalize is None
        self.num_classes = num_classes

    def value(self, true: Array, predicted: Array, amounts: Array, classes: int) -> Array:
        wanted = classes if self.num_classes is None else self.num_classes
        if len(true) and max(true.max(), predicted.max()) >= wanted:
            raise DataError(f"there is a class {max(true.max(), predicted.max())} among {wanted} classes")
        matrix = np.zeros((wanted, wanted), dtype=amounts.dtype)
        matrix[true, predicted] = amounts
        if self.normalize is None:
            return to_float(matrix)
        axes = {"true": (1,), "pred": (0,), "all": (0, 1)}[self.normalize]
        return ratio(matrix, np.asarray(matrix.sum(axis=axes, keepdims=True)))

    def _nothing(self) -> Any:
        classes = self.num_classes
        return super()._nothing() if classes is None else np.full((classes, classes), np.nan, dtype=self.dtype)


@metric(
    "matthews_correlation",
    aliases=("matthews_corrcoef", "mcc"),
    direction="higher",
    range="[-1, 1]",
    inputs="decisions",
    formula="(c s - Σ t p) / sqrt((s² - Σ p²) (s² - Σ t²)), c right of s, t true and p predicted by class",
    source="sklearn.metrics.matthews_corrcoef; Gorodkin (2004), https://doi.org/10.1016/j.compbiolchem.2004.09.006",
    memory="the pairs of classes that occur",
)
class MatthewsCorrelation(_OfMatrix):
    """The correlation between true and predicted classes.

    Notes
    -----
    0 where all labels or all predictions are one class. The predicted class is that of `confusion_matrix`.
    Source: `sklearn.metrics.matthews_corrcoef`.

    >>> round(MatthewsCorrelation()([1, 1, 1, 0], [1, 0, 1, 1]), 7)
    -0.3333333
    """

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def value(self, true: Array, predicted: Array, amounts: Array, classes: int) -> float:
        # All in integers: the numerator cancels, and there only exact amounts leave the right digits.
        amounts = _integers(amounts)
        actual, chosen = _sum_by(true, amounts, classes), _sum_by(predicted, amounts, classes)
        right, whole = sum(amounts[true == predicted]), sum(amounts)
        numerator = right * whole - sum(actual * chosen)
        spread = (whole**2 - sum(chosen**2)) * (whole**2 - sum(actual**2))
        if not spread:
            return 0.0
        size = math.sqrt(int(numerator**2) / int(spread))
        return -size if numerator < 0 else size


@metric(
    "cohen_kappa",
    aliases=("cohen_kappa_score",),
    direction="higher",
    range="[-1, 1]",
    inputs="decisions",
    formula="1 - Σ d C / Σ d E, E = t p / s expected by chance, d = [i ≠ j], |i - j| or (i - j)²",
    source="sklearn.metrics.cohen_kappa_score; Cohen (1960), https://doi.org/10.1177/001316446002000104",
    memory="the pairs of classes that occur",
)
class CohenKappa(_OfMatrix):
    """The agreement between true and predicted classes beyond what chance would give.

    Parameters
    ----------
    weights : what a wrong class costs: None the same for all, "linear" the distance of the class numbers, "quadratic" its square

    Raises
    ------
    UsageError
        `weights` is none of these.

    Notes
    -----
    NaN where labels and predictions are all one class. The predicted class is that of `confusion_matrix`.
    Source: `sklearn.metrics.cohen_kappa_score`.

    >>> CohenKappa()([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """

    def __init__(self, weights: str | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        if weights not in (None, "linear", "quadratic"):
            raise UsageError(f"weights must be one of None, linear and quadratic, not {weights!r}")
        self.weights = weights

    def value(self, true: Array, predicted: Array, amounts: Array, classes: int) -> float:
        amounts = _integers(amounts)
        actual, chosen = _sum_by(true, amounts, classes), _sum_by(predicted, amounts, classes)
        found = sum(amounts * self._cost(true, predicted))
        expected = self._expected(actual, chosen)
        return 1.0 - int(found * sum(amounts)) / int(expected) if expected else float("nan")

    def _cost(self, true: Array, predicted: Array) -> Array:
        if self.weights is None:
            return np.asarray(true != predicted).astype(object)
        distance: Array = np.abs(true - predicted).astype(object)
        return distance if self.weights == "linear" else distance * distance

    def _expected(self, actual: Array, chosen: Array) -> int:
        """Σ d t p over all pairs of classes, by sums that do not need the pairs."""
        if self.weights is None:
            return int(sum(actual) * sum(chosen) - sum(actual * chosen))
        number = np.arange(len(actual)).astype(object)
        if self.weights == "quadratic":
            return int(
                sum(number**2 * actual) * sum(chosen)
                - 2 * sum(number * actual) * sum(number * chosen)
                + sum(actual) * sum(number**2 * chosen)
            )
        # |i - j| is the number of steps between i and j, and a step is taken by all that start on one side and end on the other.
        begun, ended = np.cumsum(actual), np.cumsum(chosen)
        return int(sum(begun * (ended[-1] - ended) + ended * (begun[-1] - begun)))


@metric(
    "balanced_accuracy",
    aliases=("balanced_accuracy_score",),
    direction="higher",
    range="[0, 1]",
    inputs="decisions",
    formula="mean over the classes that occur of C[i, i] / Σ_j C[i, j]",
    source="sklearn.metrics.balanced_accuracy_score",
    memory="the pairs of classes that occur",
)
class BalancedAccuracy(_OfMatrix):
    """The mean over classes of the share of their rows that are right.

    Parameters
    ----------
    adjusted : whether the value is moved and stretched so that chance is 0 and perfection 1

    Notes
    -----
    Classes without a row of theirs are left out. The predicted class is that of `confusion_matrix`.
    Source: `sklearn.metrics.balanced_accuracy_score`.

    >>> BalancedAccuracy()([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1])
    0.625
    """

    def __init__(self, adjusted: bool = False, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.adjusted = adjusted

    def value(self, true: Array, predicted: Array, amounts: Array, classes: int) -> float:
        actual = _sum_by(true, amounts, classes)
        right = np.zeros(classes, dtype=amounts.dtype)
        hit = true == predicted
        right[true[hit]] = amounts[hit]
        occurs = actual != 0
        count = int(np.count_nonzero(occurs))
        if not count:
            return float("nan")
        mean = float(ratio(right[occurs], actual[occurs]).sum() / count)
        if not self.adjusted:
            return mean
        return (mean - 1.0 / count) / (1.0 - 1.0 / count) if count > 1 else float("nan")
