"""The spread of areas under curves of scores, from the influence of every row on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.folds import FOLDS, Folded, InFolds
from xent.core.lazy import np
from xent.core.scores import ScoreTables, Table
from xent.core.states import State
from xent.core.uncertainty import Estimate, SingleOr, around, unknown, wilson

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Lift
    from xent.core.metrics.ranking import Ranking


class Influence(NamedTuple):
    """The derivatives of an area by the weight of one more negative, and positive, at each of `scores`, which ascend."""

    scores: Array
    negative: Array
    positive: Array

    def of(self, table: Table, cell: int) -> Array:
        """What every entry of a table adds: its weight, for each of its rows, times the derivative."""
        place = np.searchsorted(self.scores, table.scores)
        return np.asarray(table.each_weight() * (self.negative, self.positive)[cell].take(place))


def _amounts_at(scores: Array, table: Table) -> Array:
    """What the rows of a table weigh together at each of `scores`, among which all of its scores are."""
    return np.bincount(np.searchsorted(scores, table.scores), table.amounts(), minlength=len(scores))


def influence_on_roc(negative: Table, positive: Table) -> Influence:
    """Of the area under the ROC curve: the share of the other class that a row outranks, less the area.

    Source: DeLong et al. (1988), "Comparing the areas under two or more correlated receiver operating characteristic curves: a
    nonparametric approach".
    """
    scores = np.union1d(negative.scores, positive.scores)
    below, above = (_amounts_at(scores, table) for table in (negative, positive))
    lower = (np.cumsum(below) - 0.5 * below) / below.sum()
    higher = 1.0 - (np.cumsum(above) - 0.5 * above) / above.sum()
    area = float((above * lower).sum() / above.sum())
    return Influence(scores, (higher - area) / below.sum(), (lower - area) / above.sum())


def influence_on_average_precision(negative: Table, positive: Table) -> Influence:
    """Of the average precision: a positive adds its own precision and raises that of all thresholds below it, which a negative lowers."""
    scores = np.union1d(negative.scores, positive.scores)
    at_score = [_amounts_at(scores, table) for table in (negative, positive)]
    mistaken, found = (np.cumsum(amounts[::-1])[::-1] for amounts in at_score)
    chosen = mistaken + found
    precision = np.divide(found, chosen, out=np.zeros(len(scores)), where=chosen > 0.0)
    share = np.divide(at_score[1], chosen, out=np.zeros(len(scores)), where=chosen > 0.0)
    total = at_score[1].sum()
    area = float((precision * at_score[1]).sum() / total)
    lost, won = -np.cumsum(share * precision), np.cumsum(share * (1.0 - precision))
    return Influence(scores, lost / total, (precision + won - area) / total)


@dataclass(frozen=True, slots=True, eq=False)
class Nothing(State):
    """What is lifted where the metric's own state says all: a state without content."""


def nothing(lift: Lift, batch: Batch) -> Nothing:
    """No state."""
    return Nothing()


@dataclass(frozen=True, slots=True)
class OfArea:
    """The sum of the squared influences of all rows, or of all folds of rows where rows are correlated or have several columns.

    Parameters
    ----------
    tables : the metric's lift
    influence : the derivatives of the area of one column, from the tables of its negatives and positives
    clustered : whether rows come in clusters
    """

    tables: Lift
    influence: Callable[[Table, Table], Influence]
    clustered: bool

    @property
    def lift(self) -> Lift:
        return InFolds(self.tables) if self.clustered else SingleOr(self.tables, nothing)

    def estimate(self, metric: Any, state: ScoreTables, extra: Any, level: float, seed: int) -> Estimate:
        value = metric.finish(state)[0]
        state = state.compact()
        columns = [(state.table(0, 2 * column), state.table(0, 2 * column + 1)) for column in range(state.size // 2)]
        known = [all(table.amounts().sum() > 0 for table in pair) for pair in columns]
        if np.isnan(value).any() or not any(known):
            return unknown(value, "influence")
        # A column that has but one class has no part in an average, or else the average is NaN.
        influences = [self.influence(*pair) if there else None for pair, there in zip(columns, known, strict=True)]
        if isinstance(extra, Folded):
            return _over_folds(metric, columns, influences, extra, value, level)
        total, least = 0.0, math.inf
        for cell, table in enumerate(columns[0]):
            weight = table.each_weight()
            # So many rows of equal weight would tell as much.
            rows = float((table.counts * weight).sum() ** 2 / (table.counts * weight**2).sum())
            least = min(least, rows)
            assert influences[0] is not None
            squares = float((table.counts * influences[0].of(table, cell) ** 2).sum())
            total += squares * rows / (rows - 1.0) if rows > 1.5 else math.nan
        if total == 0.0 and value in (0.0, 1.0):
            # All of one class outrank all of the other: how seldom that fails, no row of the smaller class has shown yet.
            return wilson(value, 0.0, least, level)
        return around(value, math.sqrt(total), math.inf, level, "influence")


def _over_folds(
    metric: Ranking, columns: list[tuple[Table, Table]], influences: list[Influence | None], extra: Folded, value: Array, level: float
) -> Estimate:
    inner: Any = extra.inner
    tables = inner.compact()
    sums, positives = np.zeros((FOLDS, len(columns))), np.zeros((FOLDS, len(columns)))
    for fold in np.flatnonzero(extra.rows).tolist():
        for column, influence in enumerate(influences):
            for cell in (0, 1):
                table = tables.table(fold, 2 * column + cell)
                if influence is not None:
                    sums[fold, column] += float((table.counts * influence.of(table, cell)).sum())
            positives[fold, column] = float(table.amounts().sum())
    if metric.average == "weighted" and len(columns) > 1:
        # The shares of the columns move too.
        pairs = zip(columns, influences, strict=True)
        areas = np.array([value if influence is None else metric.area(*pair) for pair, influence in pairs])
        support = positives.sum(axis=0)
        sums = ((sums * support + positives * (areas - value)).sum(axis=1) / support.sum())[:, None]
    elif np.ndim(value) == 0:
        sums = sums.mean(axis=1, keepdims=True)
    sums = sums[extra.rows > 0]
    folds = len(sums)
    error = np.sqrt(((sums - sums.mean(axis=0)) ** 2).sum(axis=0) * folds / (folds - 1)) if folds > 1 else np.full(sums.shape[1], np.nan)
    return around(value, error if np.ndim(value) else error[0], folds - 1, level, "influence")
