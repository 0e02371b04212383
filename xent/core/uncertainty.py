"""How far a value may lie from the one that more rows of the same kind would give.

A `Spread` says how to know, for one metric: what has to be lifted from the rows beside the metric's own state, and how the two give a
standard error and an interval. Where a formula exists it is used:

    means               the ratio estimator; Wilson's interval for a share of rows
    counts of rows      the infinitesimal jackknife over the cells that rows fall into
    areas of scores     the influence of every row, for ROC curves DeLong's (`xent.core.spread_of_areas`)
    medians             the ranks between which the median lies (`xent.core.spread_of_ranks`)
    calibration errors  their parts by bin, of which the part that is chance is taken away (`xent.core.spread_of_bins`)

Everything else, and everything where rows come in clusters, is estimated from folds (`xent.core.folds`). Nothing depends on the order of
the rows, so intervals are the same to the bit for any chunks, threads and merges, as values are.

Sources: Cochran, "Sampling Techniques" (1977), 6.4 (ratio estimator); Wilson (1927), "Probable inference, the law of succession, and
statistical inference"; Efron (1982), "The Jackknife, the Bootstrap and Other Resampling Plans".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xent.core.cells import Cells, Run, to_float
from xent.core.distributions import normal_quantile, t_quantile
from xent.core.exact import ExactSum
from xent.core.folds import Folded, InFolds, variance
from xent.core.lazy import np
from xent.core.metric import MeanOf
from xent.core.moments import NOISE, UNIT, quotient
from xent.core.reduction import row_counts, squared_weight, terms_of
from xent.core.states import CellCounts, Crosstab, State, WeightedSum

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Lift, Metric

_LEAST_DF = 0.5
"""Degrees of freedom below which there is no interval: that of a single row, whose weight was rounded, would reach to infinity."""

_FEW = 512
"""Up to so many cells the derivative by each is taken; from more on, derivatives along so many random directions."""

_AT_ONCE = 32
"""So many derivatives are taken at once."""

_DRAWS, _DRAWS_AT_ONCE = 1000, 100
"""So many samples are drawn where derivatives say nothing."""

_STEP = 2.0**-10
"""The step of a derivative along all cells together, as a share of what moves."""


class Estimate(NamedTuple):
    """A standard error and the ends of an interval: numbers, or arrays where the metric has several values."""

    standard_error: Any
    low: Any
    high: Any
    method: str


class Spread(Protocol):
    """How the spread of a metric is known."""

    @property
    def lift(self) -> Lift | None:
        """What is lifted from the rows beside the metric's own state; None where that state says all."""

    def estimate(self, metric: Metric, state: Any, extra: Any, level: float, seed: int) -> Estimate:
        """The spread of the value of a state of one group, given what `lift` made of the same rows; `seed` is that of random numbers."""


def around(value: Any, standard_error: Any, df: float, level: float, method: str) -> Estimate:
    """The interval of Student's t distribution around a value."""
    reach = t_quantile(0.5 + level / 2.0, df) * standard_error if df >= _LEAST_DF else math.nan * standard_error
    return Estimate(standard_error, value - reach, value + reach, method)


def unknown(value: Any, method: str) -> Estimate:
    """No interval, for the rows do not tell."""
    nothing = np.full(np.shape(value), np.nan)
    return Estimate(nothing, nothing, nothing, method)


@dataclass(frozen=True, slots=True)
class OfFolds:
    """The delete-a-group jackknife over folds of the rows."""

    inner: Lift

    @property
    def lift(self) -> InFolds:
        return InFolds(self.inner)

    def estimate(self, metric: Metric, state: Any, extra: Folded, level: float, seed: int) -> Estimate:
        value = metric.finish(state)[0]
        replicates = extra.replicates(metric.finish)
        if len(replicates) < 2:
            return unknown(value, "jackknife")
        if metric.is_extensive:
            # What is estimated is the value of as many rows.
            rows = extra.rows[extra.rows > 0].reshape(-1, *(1,) * (replicates.ndim - 1))
            replicates = replicates * (rows.sum() / (rows.sum() - rows))
        return around(value, np.sqrt(variance(replicates)), len(replicates) - 1, level, "jackknife")


@dataclass(frozen=True, slots=True, eq=False)
class Squares(State):
    """Exact sums of the squares and products of what every row adds to the numerator (a) and to the denominator (b) of a mean."""

    aa: ExactSum
    ab: ExactSum
    bb: ExactSum


@dataclass(frozen=True, slots=True)
class SquaresOf:
    """Lifts a batch to the squares of what `mean` adds up."""

    mean: MeanOf

    def __call__(self, batch: Batch) -> Squares:
        options = dict(self.mean.options)
        values = batch.derive_values(self.mean.function, **options)
        mask = None if self.mean.mask is None else self.mean.mask(batch, **options)
        with np.errstate(over="ignore", invalid="ignore"):
            if mask is None and batch.sample_weight is not None and batch.sample_weight.shape == values.shape == (len(batch),):
                ab, aa = ExactSum.of_moments(batch.original.derive(squared_weight), values, batch.groups)
                # Every metric of the block shares the squares of the weights.
                return Squares(aa, ab, batch.original.derive(_sum_of_squared_weights))
            a, b = terms_of(batch, values, mask)
            aa = ExactSum.of(a * a, batch.groups)
            if b is None:
                return Squares(aa, self.mean(batch).total, ExactSum.of_integers(batch.original.derive(row_counts)))
            return Squares(aa, ExactSum.of(a * b, batch.groups), ExactSum.of(b * b, batch.groups))


def _sum_of_squared_weights(batch: Batch) -> ExactSum:
    return ExactSum.of(batch.original.derive(squared_weight), batch.groups)


@dataclass(frozen=True, slots=True)
class OfMean:
    """The ratio estimator of a mean Σ a / Σ b, or of an increasing function of one: Σ (a - m b)² n / (n - 1) / (Σ b)².

    n is the number of rows of equal weight that would tell as much, (Σ b)² / Σ b². Where `rows` is "mean" or "sum", b is 1 for every row,
    and the value is the mean of a or its sum.
    """

    mean: MeanOf
    rows: str | None = None

    @property
    def lift(self) -> SquaresOf:
        return SquaresOf(self.mean)

    def estimate(self, metric: Metric, state: WeightedSum, extra: Squares, level: float, seed: int) -> Estimate:
        count = int(state.count[0])
        value = float(metric.finish(state)[0])
        weight, squares = state.weight, extra
        if self.rows is not None:
            weight = ExactSum.of_integers(state.count)
            squares = Squares(extra.aa, state.total, weight)
        mean = float((state.total / weight)[0])
        rows = _equal_rows(weight, squares.bb)
        error = error_of_mean(state.total, weight, squares, rows)
        if self.rows == "sum":
            return around(value, count * error, rows - 1.0, level, "t")
        if value != mean:
            return _transformed(metric, value, mean, around(mean, error, rows - 1.0, level, "t"))
        if metric.row.range == "[0, 1]" and extra.aa.units[0] == extra.ab.units[0]:
            # Every row counts 0 or 1, and so equals its square.
            return wilson(value, error, _trials(value, error * math.sqrt(1.0 - 1.0 / rows), rows), level)
        return around(value, error, rows - 1.0, level, "t")


def _equal_rows(weight: ExactSum, squared: ExactSum) -> float:
    """How many rows of equal weight would tell as much as these."""
    return quotient(weight.units[0] ** 2, UNIT * squared.units[0]) if squared.units[0] else 0.0


def error_of_mean(total: ExactSum, weight: ExactSum, squares: Squares, rows: float) -> float:
    """The standard error of total / weight, from integers, so that nothing cancels but what the rounding of squares left."""
    sums = (total, weight, squares.aa, squares.ab, squares.bb)
    if rows < 1.0 + _LEAST_DF or any(part.nan[0] or part.inf[0] or part.minus_inf[0] for part in sums) or not weight.units[0]:
        return math.nan
    a, b, aa, ab, bb = (part.units[0] for part in sums)
    square = aa * b * b
    spread = square - 2 * a * b * ab + a * a * bb
    if spread <= 0 or quotient(spread, square) < NOISE:
        return 0.0
    return math.sqrt(quotient(UNIT * spread, b**4) * rows / (rows - 1.0))


def _transformed(metric: Metric, value: float, mean: float, inside: Estimate) -> Estimate:
    """The spread of an increasing function of a mean, from that of the mean."""
    error = inside.standard_error
    low, high, below, above = (at_mean(metric, end) for end in (inside.low, inside.high, mean - error, mean + error))
    # Below the values that the mean can take the function may not be defined.
    return Estimate(above - value if math.isnan(below) else (above - below) / 2.0, low, high, inside.method)


def at_mean(metric: Metric, mean: float) -> float:
    """The value of a metric whose mean is this."""
    one = ExactSum.of_integers(np.ones(1, dtype=np.int64))
    with np.errstate(invalid="ignore"):
        return float(metric.finish(WeightedSum(ExactSum.of(np.array([mean])), one, np.ones(1, dtype=np.int64)))[0])


def _trials(share: Any, error: Any, rows: Any) -> Array:
    """How many trials of equal weight leave a share as uncertain as it is; where it is 0 or 1 errors do not tell, and it is `rows`."""
    square = np.asarray(share * (1.0 - share))
    trials = np.divide(square, np.square(error), out=np.array(rows, dtype=np.float64), where=square > 0.0)
    # Without weights they are the rows, of which rounding shall make no others.
    return np.asarray(np.where(np.isclose(trials, rows, rtol=1e-9, atol=0.0), rows, trials))


def is_share(state: WeightedSum, squares: Squares) -> bool:
    """Whether every row counts 0 or 1, and so equals its square."""
    total, count = state.total.units[0], int(state.count[0]) * UNIT
    return bool(squares.aa.units[0] == squares.ab.units[0] == total and squares.bb.units[0] == state.weight.units[0] == count)


def wilson(share: Any, error: Any, trials: Any, level: float) -> Estimate:
    """Wilson's interval of a share in so many trials, none of which tell nothing."""
    z = normal_quantile(0.5 + level / 2.0)
    trials = np.where(trials > 0.0, trials, np.nan)
    scale = 1.0 + z * z / trials
    middle = (share + z * z / (2.0 * trials)) / scale
    reach = z / scale * np.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    # At its ends the interval is that of a share exactly, which rounding would miss.
    low = np.where((share == 0.0) & (trials > 0.0), 0.0, middle - reach)
    high = np.where((share == 1.0) & (trials > 0.0), 1.0, middle + reach)
    return Estimate(error, np.maximum(0.0, low), np.minimum(1.0, high), "wilson")


@dataclass(frozen=True, slots=True)
class SingleOr:
    """Lifts by `single` where every row is one event, and in folds where its columns are several, which are correlated."""

    lift: Lift
    single: Callable[[Lift, Batch], State]

    def __call__(self, batch: Batch) -> State:
        return self.single(self.lift, batch) if batch.y_pred.ndim == 1 or batch.y_pred.shape[-1] == 1 else InFolds(self.lift)(batch)


def squared_weights(lift: Lift, batch: Batch) -> State:
    """What is lifted from the rows with their weights squared."""
    if batch.sample_weight is None:
        return lift(batch)
    squared = batch.weighted(batch.original.derive(squared_weight))
    try:
        return lift(squared)
    finally:
        squared.forget()


@dataclass(frozen=True, slots=True)
class SquaredWeights:
    """Lifts a batch with its weights squared."""

    inner: Lift

    def __call__(self, batch: Batch) -> State:
        return squared_weights(self.inner, batch)


@dataclass(frozen=True, slots=True)
class OfCells:
    """The infinitesimal jackknife over cells of which every row falls into one: Σ w² D² with the derivative D by the weight of the cell.

    Parameters
    ----------
    cells : the metric's lift
    events : whether rows are events, of which a row may be several; those of one row are correlated, and then folds are used
    in_steps : whether the value moves in steps, so that derivatives say nothing; the cells are drawn anew instead, a thousand times
    whole : gives the weight that the value is a share of, where it is one; the interval is then Wilson's
    """

    cells: Lift
    events: bool = False
    in_steps: bool = False
    whole: Callable[[Any], Array] | None = None

    @property
    def lift(self) -> Lift:
        return SingleOr(self.cells, squared_weights) if self.events else SquaredWeights(self.cells)

    def estimate(self, metric: Metric, state: CellCounts | Crosstab, extra: Any, level: float, seed: int) -> Estimate:
        if isinstance(extra, Folded):
            return OfFolds(self.cells).estimate(metric, state, extra, level, seed)
        value = metric.finish(state)[0]
        run = state.cells.compact()
        weights, squares = to_float(run.amounts()), to_float(extra.cells.compact().amounts())
        if run.not_finite().any() or extra.cells.compact().not_finite().any() or not squares.sum() > 0.0:
            return unknown(value, "infinitesimal jackknife")
        effective = float(weights.sum() ** 2 / squares.sum())
        if effective < 1.0 + _LEAST_DF:
            return unknown(value, "infinitesimal jackknife")
        if self.in_steps:
            return _drawn_anew(metric, state, value, weights, squares, level, seed)
        moves, steps = _moves(weights, squares, seed)
        total = np.zeros(np.shape(value))
        for start in range(0, len(moves), _AT_ONCE):
            at = slice(start, start + _AT_ONCE)
            total = total + (_slopes(metric, state, weights, moves[at], steps[at]) ** 2).sum(axis=0)
        # How a value grows with the number of rows, as a count does, is not a part of its spread.
        growth = _slopes(metric, state, weights, weights[None], np.array([_STEP]))[0]
        error = np.sqrt(np.maximum(total - growth**2 / effective, 0.0))
        if self.whole is not None:
            rows = self.whole(state)[0] * weights.sum() / squares.sum()
            return wilson(value, error, _trials(value, error, rows), level)
        return around(value, error, effective - 1.0, level, "infinitesimal jackknife")


def _drawn_anew(
    metric: Metric, state: CellCounts | Crosstab, value: Any, weights: Array, squares: Array, level: float, seed: int
) -> Estimate:
    """The bootstrap: rows drawn with replacement fall into the cells by a Poisson law, weighted ones by one of equal mean and variance."""
    sizes = np.divide(squares, weights, out=np.ones(len(weights)), where=weights > 0.0)
    random = _random(len(weights), seed)
    rates = weights / sizes
    parts = [random.poisson(rates, (_DRAWS_AT_ONCE, len(rates))) * sizes for _ in range(_DRAWS // _DRAWS_AT_ONCE)]
    draws = np.concatenate([_values(metric, state, part) for part in parts])
    low, high = np.nanquantile(draws, [0.5 - level / 2.0, 0.5 + level / 2.0], axis=0)
    return Estimate(np.nanstd(draws, axis=0, ddof=1), np.minimum(low, value), np.maximum(high, value), "bootstrap")


def _moves(weights: Array, squares: Array, seed: int) -> tuple[Array, Array]:
    """Directions to move the cells in, shape (m, cells), whose squared slopes add up to Σ w² D², and the steps to take.

    By cell, half a row of mean weight is a step. Where cells are many, directions are drawn: the slope along Σ ±√(Σ w²) has the
    square Σ w² D² on average, which the mean over m of them meets within √(2 / m).
    """
    roots = np.sqrt(squares)
    if len(weights) <= _FEW:
        # Cells in which all rows have the weight 0 do not move.
        return np.diag(roots), np.divide(0.5 * roots, weights, out=np.ones(len(weights)), where=weights > 0.0)
    signs = _random(len(weights), seed).integers(0, 2, (_FEW, len(weights))) * 2 - 1
    return signs * roots / math.sqrt(_FEW), np.full(_FEW, _STEP)


def _random(cells: int, seed: int) -> np.random.Generator:
    """Random numbers for so many cells; 64 bits of the seed count, as where rows are dealt into folds."""
    return np.random.default_rng([cells, seed & (2**64 - 1)])


def _slopes(metric: Metric, state: CellCounts | Crosstab, weights: Array, moves: Array, steps: Array) -> Array:
    """The derivative of the value along each of the moves, shape (m, ...), by central differences."""
    count = len(moves)
    shifts = moves * steps[:, None]
    values = _values(metric, state, np.concatenate([weights + shifts, weights - shifts]))
    steps = steps.reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray((values[:count] - values[count:]) / (2.0 * steps))


def _values(metric: Metric, state: CellCounts | Crosstab, amounts: Array) -> Array:
    """The value where the cells hold other amounts, shape (m, cells) to (m, ...)."""
    cells = state.cells
    codes = (np.arange(len(amounts))[:, None] * cells.size + cells.compact().codes).reshape(-1)
    other = Cells(cells.size, len(amounts), (Run(codes, amounts.reshape(-1), None),))
    # Beside the cells there is at most the number of classes.
    beside = [np.repeat(getattr(state, field.name), len(amounts), axis=0) for field in fields(state)[1:]]
    return metric.finish(type(state)(other, *beside))


def within(estimate: Estimate, span: str) -> Estimate:
    """The estimate with an interval that does not leave the values a metric can take, such as "[0, 1]"."""
    low, high = (_end(text, other) for text, other in zip(span.strip("[]()").split(","), (-math.inf, math.inf), strict=True))
    return estimate._replace(low=np.maximum(estimate.low, low), high=np.minimum(estimate.high, high))


def _end(text: str, unknown: float) -> float:
    try:
        return float(text)
    except ValueError:
        return unknown
