"""The intervals that gates are decided by: of changes, from pairs where they are known, and of many slices at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xent.core.distributions import normal_quantile, t_quantile, two_sided
from xent.core.result import Interval


class PairedChange(NamedTuple):
    """The interval of a difference, candidate less base, with its standard error and those of both values."""

    interval: Interval
    standard_error: float
    base_error: float
    candidate_error: float

    def relative(self, base: float, candidate: float) -> Interval:
        """The interval of the difference as a share of the base's size, by the linear part of that quotient.

        >>> change = PairedChange(Interval(0.95, -0.098, 0.298, "paired t"), 0.1, 0.0, 0.1)
        >>> [round(end, 3) for end in change.relative(2.0, 2.1)[1:3]]
        [-0.049, 0.149]
        """
        share = (candidate - base) / base
        # Var c = Var b + Var d + 2 Cov(b, d)
        covariance = (self.candidate_error**2 - self.base_error**2 - self.standard_error**2) / 2.0
        variance = self.standard_error**2 + share**2 * self.base_error**2 - 2.0 * share * covariance
        low, high, level = self.interval.low, self.interval.high, self.interval.level
        multiple = (high - low) / (2.0 * self.standard_error) if self.standard_error else normal_quantile(0.5 + level / 2.0)
        middle, reach = (candidate - base) / abs(base), multiple * math.sqrt(max(0.0, variance)) / abs(base)
        return self.interval._replace(low=middle - reach, high=middle + reach)


SliceKey = frozenset[tuple[str, str | None]]

Changes = Mapping[tuple[str | None, str, SliceKey], PairedChange]
"""Changes of which more is known than two results tell, by label, signature and slice (`slice_key`)."""


def slice_key(slice: Mapping[str, str | None] | None) -> SliceKey:
    """A slice as a key."""
    return frozenset((slice or {}).items())


_ROWS, _FOLDS = ("t", "paired t", "mcnemar"), ("jackknife",)
"""Methods whose intervals are of Student's t distribution, with as many degrees of freedom as there are rows or folds, less one."""


class Measure(NamedTuple):
    """One of several values that are compared with one threshold."""

    value: float
    interval: Interval
    rows: int

    @property
    def df(self) -> float:
        """The degrees of freedom of the interval."""
        from xent.core.folds import FOLDS

        method = self.interval.method
        return max(1.0, self.rows - 1.0) if method in _ROWS else FOLDS - 1.0 if method in _FOLDS else math.inf

    @property
    def middle(self) -> float:
        """What the interval lies around: the value, but for those that are taken to be biased."""
        low, high = self.interval.low, self.interval.high
        return self.value if low <= self.value <= high else (low + high) / 2.0

    def at(self, level: float) -> Interval:
        """The interval at another level."""
        ratio = t_quantile(0.5 + level / 2.0, self.df) / t_quantile(0.5 + self.interval.level / 2.0, self.df)
        low, high, middle = self.interval.low, self.interval.high, self.middle
        return self.interval._replace(level=level, low=middle - ratio * (middle - low), high=middle + ratio * (high - middle))

    def p_value(self, threshold: float) -> float:
        """One less the level at which the interval just reaches the threshold."""
        low, high, middle = self.interval.low, self.interval.high, self.middle
        gap, reach = abs(threshold - middle), high - middle if threshold > middle else middle - low
        if gap == 0.0 or not reach > 0.0:
            return 1.0 if gap == 0.0 else 0.0
        return two_sided(gap / reach * t_quantile(0.5 + self.interval.level / 2.0, self.df), self.df)


def holm_intervals(threshold: float, measures: Sequence[Measure]) -> list[Interval]:
    """Intervals that all lie on the right side of a threshold with the probability that is the level of each alone.

    The surest one is decided at the level 1 - α / n, the next one at 1 - α / (n - 1), and so on up to the first that reaches the
    threshold; from there on none is decided.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    >>> two = [Measure(value, Interval(0.95, value - 1.96, value + 1.96, "influence"), 100) for value in (2.1, 2.3)]
    >>> [(round(one.level, 4), one.low > 0.0) for one in holm_intervals(0.0, two)]
    [(0.95, True), (0.975, True)]
    """
    p_values = [one.p_value(threshold) for one in measures]
    intervals = [one.interval for one in measures]
    stopped = None
    for rank, place in enumerate(sorted(range(len(measures)), key=p_values.__getitem__)):
        alpha = stopped or (1.0 - measures[place].interval.level) / (len(measures) - rank)
        intervals[place] = measures[place].at(1.0 - alpha)
        if p_values[place] > alpha:
            stopped = alpha
    return intervals
