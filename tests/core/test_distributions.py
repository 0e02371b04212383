"""The distributions against SciPy."""

import math

import pytest
import scipy.stats

from xent.core.distributions import normal_cdf, normal_quantile, sign_test, t_cdf, t_quantile, two_sided


@pytest.mark.parametrize("probability", [1e-10, 0.025, 0.5, 0.8, 0.975, 0.9995])
def test_normal(probability):
    quantile = scipy.stats.norm.ppf(probability)
    assert normal_quantile(probability) == pytest.approx(quantile, rel=1e-12, abs=1e-15)
    assert normal_cdf(quantile) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("df", [0.5, 1, 2, 3.7, 10, 127, 1e4, 1e8])
@pytest.mark.parametrize("probability", [0.001, 0.025, 0.4, 0.5, 0.9, 0.975, 0.9995])
def test_student(df, probability):
    quantile = scipy.stats.t.ppf(probability, df)
    assert t_quantile(probability, df) == pytest.approx(quantile, rel=1e-7, abs=1e-9)
    assert t_cdf(quantile, df) == pytest.approx(probability, rel=1e-7)
    assert two_sided(quantile, df) == pytest.approx(2 * min(probability, 1 - probability), rel=1e-6)


def test_student_of_many_degrees_is_normal():
    assert t_quantile(0.975, math.inf) == normal_quantile(0.975)
    assert t_cdf(1.3, math.inf) == normal_cdf(1.3)
    assert two_sided(-1.3) == pytest.approx(2 * scipy.stats.norm.sf(1.3), rel=1e-12)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 1), (5, 5), (1, 5), (30, 60), (400, 520)])
def test_signs(one, other):
    expected = scipy.stats.binomtest(one, one + other).pvalue if one + other else 1.0
    assert sign_test(one, other) == pytest.approx(expected, rel=1e-9)
    assert sign_test(other, one) == sign_test(one, other)
