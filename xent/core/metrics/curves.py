"""What a threshold on a score would give, for every threshold: ROC, precision-recall, cumulative gain and lift, and the best threshold.

All of them start from the exact distribution of the scores, as `roc_auc` does, and share its state.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xent.core.arrays import require_same_shape
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.labelled_scores import LabelledScores, events_of
from xent.core.lazy import np
from xent.core.metric import LiftBy, Metric
from xent.core.metrics.ranking import score_tables
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.scores import ScoreTables
    from xent.core.uncertainty import Spread

__all__ = ["BestThreshold", "LiftCurve", "PrecisionRecallCurve", "RocCurve"]


class _OverScores(Metric):
    """What metrics of all thresholds have in common."""

    lift: LiftBy

    def __init__(self, class_id: int | None, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        self.class_id = class_id
        self.lift = LiftBy.make(score_tables, by_column=class_id is not None)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch

    def finish(self, state: ScoreTables) -> Array:
        """The value of every group: an array of values, since those of groups may differ in length."""
        state = state.compact()
        column = self._column(state.size // 2)
        values = np.empty(state.groups, dtype=object)
        for group in range(state.groups):
            events = events_of(state, group, column)
            values[group] = np.float64("nan") if events is None else self.value(_Above(events))
        return values

    def spread(self, clustered: bool) -> Spread | None:
        # Without some rows a curve has other points, and the best threshold jumps: the rows that are left tell of neither.
        return None

    def _column(self, columns: int) -> int:
        """The column of `class_id`; one column is the score of class 1."""
        class_id = self.class_id
        if class_id is None or (columns == 1 and class_id == 1):
            return 0
        if not 0 <= class_id < columns or columns == 1:
            raise DataError(f"class_id {class_id} is out of range for predictions of {max(columns, 2)} classes; of two classes it can be 1")
        return class_id

    def value(self, above: _Above) -> Any:
        """The value from the counts at all thresholds."""
        raise NotImplementedError


class _Above:
    """What reaches each score, from the highest down: first nothing, at last everything.

    Attributes
    ----------
    scores : (n,) distinct scores in descending order
    right, wrong : (n + 1,) weights of the positives and of the negatives among what reaches them
    """

    def __init__(self, events: LabelledScores) -> None:
        self.scores = events.scores[::-1]
        self.right = np.concatenate([[0.0], np.cumsum(events.rights[::-1])])
        self.wrong = np.concatenate([[0.0], np.cumsum((events.weights - events.rights)[::-1])])

    def thresholds(self) -> Array:
        """Thresholds for "score ≥ threshold": the first lies just above all scores, the others are the scores."""
        return np.concatenate([[np.nextafter(self.scores[0], np.inf)], self.scores])

    def recall(self) -> Array:
        """The share of the positives that is reached; NaN where there are none."""
        return _share(self.right, self.right[-1])

    def false_rate(self) -> Array:
        """The share of the negatives that is reached; NaN where there are none."""
        return _share(self.wrong, self.wrong[-1])

    def some(self, points: int | None) -> Array:
        """At most about so many of the places, evenly spread over positives and negatives, with the first and the last."""
        places = np.arange(len(self.right))
        if points is None or len(places) <= points:
            return places
        way = (np.nan_to_num(self.recall()) + np.nan_to_num(self.false_rate())) / 2.0
        return np.unique([0, *np.searchsorted(way, np.linspace(0.0, way[-1], points)).tolist(), len(places) - 1])


def _share(amounts: Array, whole: float) -> Array:
    return amounts / whole if whole > 0.0 else np.full(len(amounts), np.nan)


class _Curve(_OverScores):
    """What the curves have in common: how many points are given."""

    def __init__(self, points: int | None, class_id: int | None, name: str | None, dtype: str | None) -> None:
        super().__init__(class_id, name, dtype)
        if points is not None and points < 2:
            raise UsageError(f"points must be at least 2, not {points!r}")
        self.points = points


@metric(
    "roc_curve",
    direction="none",
    range="(-inf, inf)",
    inputs="rankings",
    formula="for thresholds from the highest score down: threshold, false positive rate, true positive rate, of scores ≥ threshold",
    source="sklearn.metrics.roc_curve",
    memory="the distinct scores",
)
class RocCurve(_Curve):
    """The ROC curve: rows of threshold, false positive rate and true positive rate.

    Parameters
    ----------
    points : at most about so many rows, evenly spread along the curve; None gives one for every score
    class_id : the class whose score is looked at, against the rest; None takes all scores over several classes together

    Raises
    ------
    UsageError
        `points` is smaller than 2.
    DataError
        There is no such class.

    Notes
    -----
    The first threshold is the next number above the highest score, which nothing reaches. Every row is exact, however few are given.
    Source: `sklearn.metrics.roc_curve` with drop_intermediate=False.

    >>> RocCurve()([0, 0, 1, 1], [0.125, 0.5, 0.25, 0.75])[1:].tolist()
    [[0.75, 0.0, 0.5], [0.5, 0.5, 0.5], [0.25, 0.5, 1.0], [0.125, 1.0, 1.0]]
    """

    def __init__(self, points: int | None = 200, class_id: int | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(points, class_id, name, dtype)

    def value(self, above: _Above) -> Array:
        return np.stack([above.thresholds(), above.false_rate(), above.recall()], axis=1)[above.some(self.points)]


@metric(
    "precision_recall_curve",
    direction="none",
    range="(-inf, inf)",
    inputs="rankings",
    formula="for thresholds from the highest score down: threshold, precision, recall, of scores ≥ threshold",
    source="sklearn.metrics.precision_recall_curve",
    memory="the distinct scores",
)
class PrecisionRecallCurve(_Curve):
    """The precision-recall curve: rows of threshold, precision and recall.

    Parameters
    ----------
    points : at most about so many rows, evenly spread over positives and negatives; None gives one for every score
    class_id : the class whose score is looked at, against the rest; None takes all scores over several classes together

    Raises
    ------
    UsageError
        `points` is smaller than 2.
    DataError
        There is no such class.

    Notes
    -----
    The first threshold is the next number above the highest score, which nothing reaches; there precision is 1, as in scikit-learn, whose
    rows stand in the opposite order. Every row is exact, however few are given. Source: `sklearn.metrics.precision_recall_curve`.

    >>> PrecisionRecallCurve()([0, 0, 1, 1], [0.125, 0.5, 0.25, 0.75])[1:3].tolist()
    [[0.75, 1.0, 0.5], [0.5, 0.5, 0.5]]
    """

    def __init__(self, points: int | None = 200, class_id: int | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(points, class_id, name, dtype)

    def value(self, above: _Above) -> Array:
        chosen = above.right + above.wrong
        precision = np.divide(above.right, chosen, out=np.ones(len(chosen)), where=chosen > 0.0)
        return np.stack([above.thresholds(), precision, above.recall()], axis=1)[above.some(self.points)]


@metric(
    "lift_curve",
    aliases=("gain_curve", "cumulative_gain"),
    direction="none",
    range="(-inf, inf)",
    inputs="rankings",
    formula="for thresholds from the highest score down: threshold, share of the rows, gain (share of the positives), lift = gain / share",
    source="Berry and Linoff, Data Mining Techniques (1997), chapter 4",
    memory="the distinct scores",
)
class LiftCurve(_Curve):
    """The cumulative gain and the lift: rows of threshold, share of the rows, gain and lift.

    The gain is the share of all positives among the rows of the highest scores; the lift is how many times as many those are as among
    equally many rows drawn by chance.

    Parameters
    ----------
    points : at most about so many rows, evenly spread over positives and negatives; None gives one for every score
    class_id : the class whose score is looked at, against the rest; None takes all scores over several classes together

    Raises
    ------
    UsageError
        `points` is smaller than 2.
    DataError
        There is no such class.

    Notes
    -----
    Every row is exact, however few are given. Source: Berry and Linoff (1997).

    >>> LiftCurve()([0, 0, 1, 1], [0.125, 0.5, 0.25, 0.75])[:2].tolist()
    [[0.75, 0.25, 0.5, 2.0], [0.5, 0.5, 0.5, 1.0]]
    """

    def __init__(self, points: int | None = 200, class_id: int | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(points, class_id, name, dtype)

    def value(self, above: _Above) -> Array:
        chosen = above.right + above.wrong
        share, gain = chosen / chosen[-1], above.recall()
        # The first place is that of no rows, of which no share can be had.
        places = above.some(self.points)[1:]
        return np.stack([above.thresholds(), share, gain, gain / np.maximum(share, math.ulp(0.0))], axis=1)[places]


_OF = ("f1", "accuracy", "youden", "mcc", "cost")


@metric(
    "best_threshold",
    direction="none",
    range="(-inf, inf)",
    inputs="rankings",
    formula="the threshold t with the best F1, accuracy, Youden index, Matthews correlation or cost of score > t",
    source="Youden (1950), https://doi.org/10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3; Elkan (2001), IJCAI",
    memory="the distinct scores",
)
class BestThreshold(_OverScores):
    """The threshold on the score at which a metric is best.

    Parameters
    ----------
    of : what is best there: "f1", "accuracy", "youden" (true minus false positive rate), "mcc" (Matthews correlation) or "cost", which
        is smallest
    false_positive_cost : what it costs to take a negative for a positive, where `of` is "cost"
    false_negative_cost : what it costs to miss a positive, where `of` is "cost"
    class_id : the class whose score is looked at, against the rest; None takes all scores over several classes together

    Raises
    ------
    UsageError
        `of` is none of these, or a cost is negative.
    DataError
        There is no such class.

    Notes
    -----
    It lies halfway between the two scores that it parts; of equally good ones it is the highest. Chosen on the rows that it is judged on,
    the value there is too good. Source: Youden (1950); Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    >>> BestThreshold()([0, 0, 1, 1], [0.125, 0.25, 0.5, 0.75])
    0.375
    """

    def __init__(
        self,
        of: str = "f1",
        false_positive_cost: float = 1.0,
        false_negative_cost: float = 1.0,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(class_id, name, dtype)
        if of not in _OF:
            raise UsageError(f"of must be one of {', '.join(_OF)}, not {of!r}")
        if not (false_positive_cost >= 0.0 and false_negative_cost >= 0.0):
            raise UsageError("costs must not be negative")
        self.of = of
        self.false_positive_cost = false_positive_cost
        self.false_negative_cost = false_negative_cost

    def value(self, above: _Above) -> Any:
        merits = self._merits(above)
        if np.isnan(merits).all():
            return np.float64("nan")
        best = int(np.nanargmax(merits))
        scores = above.scores
        if best in (0, len(scores)):
            # Above the highest score is nothing, and everything is above what lies just below the lowest.
            return scores[0] if best == 0 else np.nextafter(scores[-1], -np.inf)
        high, low = scores[best - 1], scores[best]
        middle = high / 2.0 + low / 2.0
        return middle if low <= middle < high else low

    def _merits(self, above: _Above) -> Array:
        """How good it is to choose what reaches each score; more is better."""
        right, wrong = above.right, above.wrong
        positive, negative = right[-1], wrong[-1]
        if self.of == "f1":
            return np.asarray(2.0 * right / np.maximum(right + wrong + positive, math.ulp(0.0)))
        if self.of == "accuracy":
            return np.asarray(right + (negative - wrong))
        if self.of == "youden":
            return np.asarray(above.recall() - above.false_rate())
        if self.of == "cost":
            return np.asarray(-(self.false_positive_cost * wrong + self.false_negative_cost * (positive - right)))
        chosen = right + wrong
        spread = chosen * (positive + negative - chosen) * positive * negative
        merit: Array = np.divide(right * negative - wrong * positive, np.sqrt(spread), out=np.zeros(len(right)), where=spread > 0.0)
        return merit
