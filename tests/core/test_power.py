"""What rows can show, against statsmodels' exact power of the t test and against simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from xent.core.batch import Batch
from xent.core.pair_tally import PairTally, change_of
from xent.core.power import Reach
from xent.core.table import row_of
from xent.core.tally import Confidence


@pytest.mark.parametrize("rows", [200, 1000, 100_000])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_against_the_exact_power_of_the_t_test(rows, level, power):
    """A standard deviation of 1, so that changes are effect sizes."""
    reach = Reach("paired", rows, 1 / np.sqrt(rows), rows - 1)

    def solved(**known):
        return abs(np.asarray(TTestPower().solve_power(alpha=1 - level, power=power, alternative="two-sided", **known)).item())

    # The normal distribution stands in for the noncentral t, which changes the second digit of few rows.
    change = solved(nobs=rows)
    assert reach.smallest_change(level, power) == pytest.approx(change, rel=0.01)
    assert reach.power(change, level) == pytest.approx(power, abs=0.005)
    assert reach.rows_needed(change / 2, level, power) == pytest.approx(solved(effect_size=change / 2), rel=0.02)


def test_the_formula():
    reach = Reach("threshold", 400, 0.5)
    assert reach.smallest_change(0.95, 0.8) == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.5)
    assert reach.rows_needed(reach.smallest_change(0.95, 0.8), 0.95, 0.8) == 400
    assert reach.rows_needed(reach.smallest_change(0.95, 0.8) / 10, 0.95, 0.8) == 40_000
    assert Reach("paired", 10, 0.0).rows_needed(0.1, 0.95, 0.8) == 0
    assert Reach("paired", 10, 0.0).power(0.1, 0.95) == 1.0


def test_against_simulation():
    """Of 1,500 pairs of models that differ by the smallest change, 80 % are found worse: give or take 3 points, three standard errors."""
    random = np.random.default_rng(12)
    rows, metric = 400, row_of("mean_absolute_error").cls()
    change = Reach("paired", rows, 0.3 / np.sqrt(rows), rows - 1).smallest_change(0.95, 0.8)
    zeros = np.zeros(rows)
    found = 0
    for _ in range(1500):
        base = 5 + random.normal(0, 1, rows)
        batch = Batch(zeros, base)
        batch.partner = Batch(zeros, base + change + random.normal(0, 0.3, rows))
        tally = PairTally([metric], confidence=Confidence(0.95))
        tally.update(batch)
        found += change_of(tally, tally, metric)[2].low > 0
    assert found / 1500 == pytest.approx(0.8, abs=0.03)
