"""The few distributions that intervals and tests are read from: normal, Student's t and binomial."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TINY = 1e-300
_STEPS = 500
"""More terms of a continued fraction, or halvings of an interval, than any argument needs."""


def normal_cdf(z: float) -> float:
    """The probability that a standard normal variable is at most `z`.

    >>> round(normal_cdf(1.959964), 6)
    0.975
    """
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@lru_cache
def normal_quantile(probability: float) -> float:
    """The value that a standard normal variable does not exceed with this probability.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    # Imported where an interval is asked for: it takes longer than the rest of the module.
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def t_cdf(t: float, df: float) -> float:
    """The probability that a variable of Student's t distribution with `df` degrees of freedom is at most `t`.

    >>> round(t_cdf(2.0, 10.0), 6)
    0.963306
    """
    if math.isinf(df):
        return normal_cdf(t)
    tail = 0.5 * incomplete_beta(df / (df + t * t), df / 2.0, 0.5)
    return 1.0 - tail if t > 0.0 else tail


@lru_cache
def t_quantile(probability: float, df: float) -> float:
    """The value that a variable of Student's t distribution does not exceed with this probability.

    >>> round(t_quantile(0.975, 10), 6)
    2.228139
    """
    if math.isinf(df):
        return normal_quantile(probability)
    if probability < 0.5:
        return -t_quantile(1.0 - probability, df)
    high = 2.0
    while t_cdf(high, df) < probability:
        high *= 2.0
    return _root(lambda t: t_cdf(t, df) - probability, 0.0, high)


def two_sided(statistic: float, df: float = math.inf) -> float:
    """The probability that a t variable lies at least as far from 0 as `statistic`.

    >>> round(two_sided(-1.959964), 6)
    0.05
    """
    if math.isinf(df):
        return math.erfc(abs(statistic) / math.sqrt(2.0))
    return incomplete_beta(df / (df + statistic * statistic), df / 2.0, 0.5)


def sign_test(one: int, other: int) -> float:
    """The exact two-sided probability of as uneven a split of `one + other` fair coins, or a more uneven one.

    >>> round(sign_test(1, 5), 6)
    0.21875
    """
    fewer, trials = min(one, other), one + other
    if one == other:
        return 1.0
    # P(X <= k) = I_(1/2)(n - k, k + 1)
    return min(1.0, 2.0 * incomplete_beta(0.5, trials - fewer, fewer + 1.0))


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b).

    Source: the continued fraction of the NIST Digital Library of Mathematical Functions, 8.17.22, evaluated by Lentz's method.

    >>> round(incomplete_beta(0.5, 2.0, 3.0), 6)
    0.6875
    """
    if x <= 0.0 or x >= 1.0:
        return min(1.0, max(0.0, x))
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(1.0 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    fraction, c, d = 1.0, 1.0, 0.0
    for step in range(_STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / (1.0 + term * d or _TINY)
        c = 1.0 + term / c or _TINY
        change = c * d
        fraction *= change
        if abs(change - 1.0) < 1e-16:
            break
    return front * (fraction - 1.0)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function crosses 0, by halving, to the last bit."""
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if function(middle) < 0.0:
            low = middle
        else:
            high = middle
    return high
