"""Two models on the same rows: how far their values differ, and how sure that is.

What two models get wrong they mostly get wrong together, so the difference is far surer than either value. A `Pairing` says, for one
metric, what has to be lifted from the rows that both have seen, and how that gives the standard error and the p-value of the difference:

    means               the paired t test, McNemar's exact test where every row counts 0 or 1
    areas under ROC     DeLong's test
    everything else     the jackknife of the difference, over folds that are the same rows for both

Sources: McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages"; DeLong et al.
(1988), "Comparing the areas under two or more correlated receiver operating characteristic curves: a nonparametric approach".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from xent.core import derived
from xent.core.distributions import sign_test, t_quantile, two_sided
from xent.core.exact import ExactSum
from xent.core.folds import Folded, InFolds, variance
from xent.core.lazy import np
from xent.core.metric import MeanOf, Metric
from xent.core.reduction import terms_of
from xent.core.scores import ScoreTables, Table
from xent.core.spread_of_areas import OfArea, influence_on_roc
from xent.core.states import State, WeightedSum
from xent.core.uncertainty import OfMean, Squares, at_mean, error_of_mean, is_share

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Lift


class Change(NamedTuple):
    """The difference of two values, candidate less base, with its standard error, interval and p-value: the probability of one at least
    as large where there is none. `better` and `worse` count the rows whose own value the candidate improves or spoils, where rows have
    one. `errors` are the standard errors of both values. What is not known is None.
    """

    difference: Any
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    method: str | None = None
    better: int | None = None
    worse: int | None = None
    errors: tuple[float, float] | None = None


class Pairing(Protocol):
    """How the spread of a difference is known."""

    def lift(self, base: Batch, candidate: Batch) -> State:
        """What is kept of rows that both models have seen; both batches are as the metric sees them."""

    def change(self, metric: Metric, base: Any, candidate: Any, extra: Any, level: float) -> Change:
        """The difference, given the metric's own states of both models and what `lift` made, each of one group."""


def pairing_of(metric: Metric, clustered: bool) -> Pairing | None:
    """How the spread of a metric's difference is known; None where it is not."""
    spread = metric.spread(clustered)
    if spread is None:
        return None
    if isinstance(spread, OfMean) and spread.rows is None:
        return PairedMean(spread.mean)
    if isinstance(spread, OfArea) and spread.clustered is False:
        return PairedArea(spread)
    return PairedFolds(metric.lift)


def around_change(difference: float, error: float, df: float, level: float, method: str) -> Change:
    """The interval and the p-value of Student's t distribution."""
    if math.isnan(error) or math.isnan(difference) or df <= 0:
        return Change(difference)
    reach = t_quantile(0.5 + level / 2.0, df) * error
    if error > 0.0:
        p_value = two_sided(difference / error, df)
    else:
        p_value = 1.0 if difference == 0.0 else 0.0
    return Change(difference, error, difference - reach, difference + reach, p_value, method)


@dataclass(frozen=True, slots=True, eq=False)
class PairSums(State):
    """Exact sums of squares and products of what the rows add to a mean: for both models, and for the difference d of their numerators.

    `above` and `below` count the rows in which the candidate adds more, and less.
    """

    dd: ExactSum
    db: ExactSum
    base_aa: ExactSum
    base_ab: ExactSum
    candidate_aa: ExactSum
    candidate_ab: ExactSum
    bb: ExactSum
    above: Array
    below: Array


def counted(found: Array, batch: Batch) -> Array:
    """The number of rows of each group for which `found`, shape (n,), holds."""
    return np.array([np.count_nonzero(found)], dtype=np.int64) if batch.groups is None else batch.groups.count_where(found)


@dataclass(frozen=True, slots=True)
class PairedMean:
    """The ratio estimator of the difference of two means over the same rows and weights."""

    mean: MeanOf

    def lift(self, base: Batch, candidate: Batch) -> PairSums:
        (one, b), (other, _) = self._terms(base), self._terms(candidate)
        groups = base.groups
        with np.errstate(over="ignore", invalid="ignore"):
            d = other - one
            dd, db, base_aa, base_ab, candidate_aa, candidate_ab, bb = (
                ExactSum.of(term, groups) for term in (d * d, d * b, one * one, one * b, other * other, other * b, b * b)
            )
        above, below = (counted(found, base) for found in (d > 0.0, d < 0.0))
        return PairSums(dd, db, base_aa, base_ab, candidate_aa, candidate_ab, bb, above, below)

    def _terms(self, batch: Batch) -> tuple[Array, Array]:
        options = dict(self.mean.options)
        values = batch.derive(self.mean.function, **options)
        a, b = terms_of(batch, values, None if self.mean.mask is None else self.mean.mask(batch, **options))
        return a, np.ones(len(a)) if b is None else b.astype(np.float64, copy=False)

    def change(self, metric: Metric, base: WeightedSum, candidate: WeightedSum, extra: PairSums, level: float) -> Change:
        states = (base, candidate)
        values = [float(metric.finish(state)[0]) for state in states]
        means = [float(state.mean()[0]) for state in states]
        count = int(base.count[0])
        difference = values[1] - values[0]
        squares = [Squares(extra.base_aa, extra.base_ab, extra.bb), Squares(extra.candidate_aa, extra.candidate_ab, extra.bb)]
        error = error_of_mean(candidate.total - base.total, base.weight, Squares(extra.dd, extra.db, extra.bb), count)
        errors = [error_of_mean(state.total, state.weight, one, count) for state, one in zip(states, squares, strict=True)]
        if values != means:
            slopes = [_slope(metric, *one) for one in zip(means, errors, strict=True)]
            errors, error = [slope * one for slope, one in zip(slopes, errors, strict=True)], _transformed(slopes, errors, error)
        change = around_change(difference, error, count - 1, level, "paired t")._replace(errors=(errors[0], errors[1]))
        if all(is_share(state, one) for state, one in zip(states, squares, strict=True)) and values == means:
            change = change._replace(p_value=sign_test(int(extra.above[0]), int(extra.below[0])), method="mcnemar")
        rows = int(extra.above[0]), int(extra.below[0])
        if metric.row.direction == "none":
            return change
        better, worse = rows if metric.row.direction == "higher" else rows[::-1]
        return change._replace(better=better, worse=worse)


def _transformed(slopes: list[float], errors: list[float], error: float) -> float:
    """The standard error of the difference of an increasing function of both means, from those of the means and of their difference."""
    # s₁² e₁² + s₂² e₂² - 2 s₁ s₂ c, with the covariance c of both means written such that equal ones cancel to 0.
    square = (slopes[1] * errors[1] - slopes[0] * errors[0]) ** 2 + slopes[0] * slopes[1] * (error**2 - (errors[1] - errors[0]) ** 2)
    return math.sqrt(max(0.0, square)) if not math.isnan(square) else math.nan


def _slope(metric: Metric, mean: float, error: float) -> float:
    """How fast a function of a mean grows, over a standard error around it."""
    step = error or abs(mean) * 1e-6 or 1e-6
    below, above = at_mean(metric, mean - step), at_mean(metric, mean + step)
    return (above - at_mean(metric, mean)) / step if math.isnan(below) else (above - below) / (2.0 * step)


@dataclass(frozen=True, slots=True, eq=False)
class Pair(State):
    """The states of both models."""

    base: State
    candidate: State

    def merge(self, other: Self) -> Self:
        return type(self)(self.base.merge(other.base), self.candidate.merge(other.candidate))

    def take(self, group: int, count: int = 1) -> Self:
        return type(self)(self.base.take(group, count), self.candidate.take(group, count))

    def regrouped(self, places: Array, count: int) -> Self:
        return type(self)(self.base.regrouped(places, count), self.candidate.regrouped(places, count))


@dataclass(frozen=True, slots=True)
class PairedFolds:
    """The jackknife of a difference, over folds."""

    inner: Lift

    def lift(self, base: Batch, candidate: Batch) -> Pair:
        folded = InFolds(self.inner)
        return Pair(folded(base), folded(candidate))

    def change(self, metric: Metric, base: State, candidate: State, extra: Pair, level: float) -> Change:
        values = [metric.finish(state)[0] for state in (base, candidate)]
        if np.ndim(values[0]):
            return Change((values[1] - values[0]).tolist() if np.shape(values[0]) == np.shape(values[1]) else None)
        assert isinstance(extra.base, Folded)
        assert isinstance(extra.candidate, Folded)
        return change_over_folds(metric, (float(values[0]), float(values[1])), extra.base, extra.candidate, level)


def change_over_folds(metric: Metric, values: tuple[float, float], base: Folded, candidate: Folded, level: float) -> Change:
    """The difference of two values whose folds are the same rows."""
    difference = values[1] - values[0]
    both = [folded.replicates(metric.finish) for folded in (base, candidate)]
    if len(both[0]) < 2:
        return Change(difference)
    if metric.is_extensive:
        rows = base.rows[base.rows > 0]
        both = [replicates * (rows.sum() / (rows.sum() - rows)) for replicates in both]
    if not np.isfinite(both).all():
        return Change(difference)
    error, *errors = (math.sqrt(float(variance(replicates))) for replicates in (both[1] - both[0], *both))
    change = around_change(difference, error, len(both[0]) - 1, level, "jackknife")
    return change._replace(errors=(errors[0], errors[1]))


class Scored(NamedTuple):
    """Rows as they came: group, label, weight and both scores."""

    codes: Array
    positive: Array
    weights: Array
    base: Array
    candidate: Array


@dataclass(frozen=True, slots=True, eq=False)
class ScorePairs(State):
    """Both scores of every row of each of `groups` groups."""

    groups: int
    rows: tuple[Scored, ...]

    def merge(self, other: Self) -> Self:
        return type(self)(self.groups, self.rows + other.rows)

    def take(self, group: int, count: int = 1) -> Self:
        kept = []
        for part in self.rows:
            mine = (part.codes >= group) & (part.codes < group + count)
            picked = Scored(*(column[mine] for column in part))
            kept.append(picked._replace(codes=picked.codes - group))
        return type(self)(count, tuple(kept))

    def regrouped(self, places: Array, count: int) -> Self:
        return type(self)(count, tuple(part._replace(codes=places[part.codes]) for part in self.rows))

    def whole(self) -> Scored:
        """All rows, in an order that does not depend on how they came."""
        columns = [np.concatenate(parts) for parts in zip(*self.rows, strict=True)]
        order = np.lexsort(columns[::-1])
        return Scored(*(column[order] for column in columns))


@dataclass(frozen=True, slots=True)
class PairedArea:
    """The influences of every row on both areas, which for ROC curves is DeLong's test; over folds where there are several columns."""

    spread: OfArea

    def lift(self, base: Batch, candidate: Batch) -> State:
        if any(batch.y_pred.ndim > 1 and batch.y_pred.shape[-1] > 1 for batch in (base, candidate)):
            return PairedFolds(self.spread.tables).lift(base, candidate)
        rows = len(base)
        weights = np.ones(rows) if base.sample_weight is None else base.sample_weight.astype(np.float64).reshape(rows)
        codes = np.zeros(rows, dtype=np.intp) if base.groups is None else base.groups.codes
        positive = base.derive(derived.labels).reshape(rows) != 0.0
        scores = (batch.y_pred.reshape(rows) + batch.y_pred.dtype.type(0) for batch in (base, candidate))
        return ScorePairs(1 if base.groups is None else base.groups.count, (Scored(codes, positive, weights, *scores),))

    def change(self, metric: Metric, base: ScoreTables, candidate: ScoreTables, extra: Any, level: float) -> Change:
        if isinstance(extra, Pair):
            return PairedFolds(self.spread.tables).change(metric, base, candidate, extra, level)
        values = [float(metric.finish(state)[0]) for state in (base, candidate)]
        difference = values[1] - values[0]
        tables = [[state.compact().table(0, cell) for cell in (0, 1)] for state in (base, candidate)]
        if math.isnan(difference) or not all(table.amounts().sum() > 0 for pair in tables for table in pair):
            return Change(difference)
        influences = [self.spread.influence(*pair) for pair in tables]
        rows = extra.whole()
        squares = np.zeros(3)
        for cell in (0, 1):
            mine = rows.positive == bool(cell)
            number = int(np.count_nonzero(mine))
            sides = zip(influences, (rows.base[mine], rows.candidate[mine]), strict=True)
            one, other = (influence.of(Table(scores, rows.weights[mine], np.ones(number)), cell) for influence, scores in sides)
            sums = [float((part**2).sum()) for part in (other - one, one, other)]
            squares += np.array(sums) * (number / (number - 1) if number > 1 else math.nan)
        error, *errors = np.sqrt(squares).tolist()
        method = "delong" if self.spread.influence is influence_on_roc else "influence"
        return around_change(difference, error, math.inf, level, method)._replace(errors=(errors[0], errors[1]))
