"""What a number of rows can show: the smallest change that an interval would find with some probability, and the rows that one takes.

An interval of the level 1 - α finds a change δ, that is, lies on one side of 0, with the probability Φ(δ / e - t), where e is the standard
error and t the quantile of the distribution at 1 - α / 2. So with the probability β it finds the change (t + Φ⁻¹(β)) e; and since e falls
with the square root of the rows, n rows of the kind that gave e at n₀ find n₀ / n as much, squared.

Source: Cohen (1988), "Statistical Power Analysis for the Behavioral Sciences", 2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from xent.core.distributions import normal_cdf, normal_quantile, t_quantile


class Reach(NamedTuple):
    """What rows can show in one way of comparing.

    Attributes
    ----------
    design : "paired": two models on these rows; "independent": a model on these and another one on as many others; "threshold": a
        model against a fixed number
    rows : how many there are
    standard_error : that of the change
    df : degrees of freedom of its distribution
    """

    design: str
    rows: int
    standard_error: float
    df: float = math.inf

    def smallest_change(self, level: float, power: float) -> float:
        """The change that intervals of this level find with the probability `power`.

        >>> round(Reach("paired", 1000, 0.01).smallest_change(0.95, 0.8), 6)
        0.028016
        """
        return (self._quantile(level) + normal_quantile(power)) * self.standard_error

    def rows_needed(self, change: float, level: float, power: float) -> int:
        """The rows that it takes to find a change with the probability `power`.

        >>> Reach("paired", 1000, 0.01).rows_needed(0.014008, level=0.95, power=0.8)
        4000
        """
        return math.ceil(self.rows * (self.smallest_change(level, power) / change) ** 2 * (1.0 - 1e-12))

    def power(self, change: float, level: float) -> float:
        """The probability that intervals of this level find a change.

        >>> round(Reach("paired", 1000, 0.01).power(0.028016, level=0.95), 4)
        0.8
        """
        if not self.standard_error:
            return 1.0
        return normal_cdf(change / self.standard_error - self._quantile(level))

    def _quantile(self, level: float) -> float:
        return t_quantile(0.5 + level / 2.0, self.df)
