"""The residual curve: against fractions by hand, NumPy on the very rows of each bin, and cells found one bit after another."""

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.core import residual_cells as module
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.groups import Groups
from xent.core.metrics.residuals import ResidualCurve
from xent.core.residual_cells import MOST_CELLS, residual_cells

RANDOM = np.random.default_rng(44)


def by_hand(y, p, weight, bins):
    """Bins of equal mass of distinct predictions, in fractions."""
    rows = sorted(zip(map(Fraction, p), map(Fraction, y), map(Fraction, weight), strict=True))
    whole, found = sum(w for _, _, w in rows), {}
    for prediction, label, w in rows:
        below = sum(other for claim, _, other in rows if claim < prediction)
        found.setdefault(min(bins - 1, int(below * bins / whole)), []).append((prediction, label, w))
    for part in found.values():
        size = sum(w for _, _, w in part)
        mean = sum(w * (label - prediction) for prediction, label, w in part) / size
        spread = math.sqrt(sum(w * (label - prediction - mean) ** 2 for prediction, label, w in part) / size)
        claimed = sum(w * prediction for prediction, _, w in part) / size
        yield [float(number) for number in (part[0][0], part[-1][0], size, claimed, mean, mean - Fraction(spread), mean + Fraction(spread))]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bins", [1, 4, 15])
def test_bins_of_distinct_predictions_by_hand(bins, weighted):
    # Quarters, so that residuals and weighted sums are exact in float64 too.
    p = RANDOM.integers(-12, 40, 150) / 4
    y = p + RANDOM.integers(-8, 9, 150) / 4
    weight = RANDOM.choice([0.25, 1.0, 3.0], 150) if weighted else np.ones(150)
    expected = list(by_hand(y, p, weight, bins))
    metric = ResidualCurve(bins)
    for part in np.array_split(RANDOM.permutation(150), 5):
        metric.update_state(y[part], p[part], weight[part] if weighted else None)
    rows = metric.result()
    assert rows[:, :3].tolist() == [row[:3] for row in expected]
    assert rows == pytest.approx(np.array(expected), rel=1e-13, abs=1e-14)


DRAWN = {
    "normal": RANDOM.normal(0.0, 1.0, 30_000),
    "around 2000": RANDOM.uniform(1990.0, 2020.0, 30_000),
    "around a billion": 1e9 + RANDOM.normal(0.0, 1.0, 30_000),
    "many magnitudes": np.exp(RANDOM.normal(0.0, 10.0, 30_000)),
    "far outliers": np.concatenate([RANDOM.normal(0.0, 1.0, 29_998), [-1e200, 1e300]]),
    "float32": RANDOM.random(30_000).astype(np.float32),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("p", DRAWN.values(), ids=list(DRAWN))
def test_the_numbers_of_a_bin_are_those_of_its_rows(p, weighted):
    residuals = RANDOM.normal(0.1, 1.0, len(p))
    y = p + residuals
    # What is left of them where predictions are large.
    residuals = y - p
    weight = RANDOM.choice([0.5, 1.0, 2.0], len(p)) if weighted else np.ones(len(p))
    rows = ResidualCurve()(y, p, weight if weighted else None)
    assert len(rows) == 15
    assert rows[:, 2].sum() == weight.sum()
    # No bin holds much more than another, however predictions lie.
    assert rows[:, 2] == pytest.approx(weight.sum() / 15, rel=0.05)
    for low, high, size, claimed, mean, below, above in rows.tolist():
        within = (low <= p) & (p <= high)
        w, r = weight[within], residuals[within]
        assert w.sum() == size
        assert np.average(p[within], weights=w) == pytest.approx(claimed, rel=1e-12, abs=1e-12)
        expected = np.average(r, weights=w)
        assert mean == pytest.approx(expected, rel=1e-11, abs=1e-12)
        deviation = math.sqrt(np.average((r - expected) ** 2, weights=w))
        assert (mean - below, above - mean) == pytest.approx((deviation, deviation), rel=1e-9)


def ordered(value):
    """The bits of a float64, as an integer that ascends with it."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value + 0.0))
    return 2**63 + bits if bits >= 0 else 2**63 - 1 - (bits & (2**63 - 1))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=60), st.integers(1, 6), st.randoms())
def test_cells_are_as_fine_as_their_number_allows(values, most, random):
    """Found by trying one bit after another; merged in any way, the cells are the same."""
    bits = next(bits for bits in range(65) if len({ordered(value) >> bits for value in values}) <= most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_CELLS", most)
        # Labels are the predictions, since the square of a residual may not be beyond the range of float64.
        whole = residual_cells(Batch(np.array(values), np.array(values)))
        assert (whole.level.tolist(), len(whole.key)) == ([bits], len({ordered(value) >> bits for value in values}))
        low, high = whole.ends()
        assert all(any(a <= value <= b for a, b in zip(low, high, strict=True)) for value in values)
        random.shuffle(values)
        cut = random.randrange(len(values) + 1)
        parts = [residual_cells(Batch(np.array(part), np.array(part))) for part in (values[:cut], values[cut:])]
        assert parts[0].merge(parts[1]).to_json() == whole.to_json()


def test_a_slice_has_cells_of_its_own():
    p = np.concatenate([np.arange(10.0), RANDOM.normal(0.0, 1.0, 3 * MOST_CELLS)])
    groups = Groups(np.repeat([0, 1], [10, 3 * MOST_CELLS]), 2)
    state = residual_cells(Batch(p + 1.0, p, None, groups))
    assert state.level[0] == 0 < state.level[1]
    assert len(state.take(0).key) == 10
    assert len(state.take(1).key) <= MOST_CELLS
    together = state.regrouped(np.array([0, 0]), 1)
    assert together.to_json() == residual_cells(Batch(p + 1.0, p)).to_json()


def test_a_constant_residual_has_no_deviation():
    p = RANDOM.normal(0.0, 1.0, 1000).round(3)
    rows = ResidualCurve()(np.full(1000, 0.1), np.zeros(1000), RANDOM.random(1000))
    assert rows[:, 4:].tolist() == [[0.1, 0.1, 0.1]]
    assert (ResidualCurve()(p, p)[:, 4:] == 0.0).all()


def test_several_outputs_count_by_themselves():
    y, p, weight = RANDOM.normal(0, 1, (60, 3)), RANDOM.normal(0, 1, (60, 3)), RANDOM.random(60)
    assert ResidualCurve(5)(y, p, weight).tolist() == ResidualCurve(5)(y.ravel(), p.ravel(), np.repeat(weight, 3)).tolist()


@pytest.mark.parametrize(("y", "p"), [(math.nan, 1.0), (1.0, math.inf), (-math.inf, 1.0), (1e200, 0.0)])
def test_what_is_not_finite_has_no_curve(y, p):
    assert math.isnan(ResidualCurve()([1.0, y], [1.0, p]))
    assert ResidualCurve()([1.0, y], [1.0, p], [1.0, 0.0]).tolist() == [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="bins must be at least 1"):
        ResidualCurve(0)
    one, two = (residual_cells(Batch(np.ones(2), np.ones(2), None, groups)) for groups in (None, Groups(np.array([0, 1]), 2)))
    with pytest.raises(DataError, match="other numbers of groups"):
        one.merge(two)
