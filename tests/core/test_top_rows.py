"""The rows of the largest losses, and how losses are distributed: against a sort of all rows."""

import itertools
import math

import numpy as np
import pytest

from xent.core.batch import Batch
from xent.core.errors import UsageError
from xent.core.loss_distribution import ACCURACY
from xent.core.table import row_of
from xent.core.top_rows import TopRows

RANDOM = np.random.default_rng(6)


def values_of(count, random=RANDOM):
    """Numbers with many ties, some rows of weight 0."""
    return random.integers(0, 9, count).astype(float), random.integers(0, 9, count).astype(float), random.choice([0.0, 0.5, 2.0], count)


def top_of(parts, name="mean_absolute_error", **options):
    """The top of parts, each (source, first row, y, p, w), one tally each, merged in a random order."""
    tops = []
    for source, first, y, p, w in parts:
        top = TopRows([row_of(name).cls()], **options)
        top.update(Batch(y, p, w, origin=(source, first)))
        tops.append(top)
    while len(tops) > 1:
        one, other = (tops.pop(RANDOM.integers(len(tops))) for _ in range(2))
        one.merge(other)
        tops.append(one)
    return tops[0]


def by_sorting(y, p, w, limit, smallest=False):
    loss = np.abs(y - p)
    rows = [row for row in range(len(y)) if w[row] > 0]
    return sorted(rows, key=lambda row: (loss[row] if smallest else -loss[row], row))[:limit]


@pytest.mark.parametrize("smallest", [False, True])
@pytest.mark.parametrize("limit", [1, 7, 50, 5000])
def test_the_rows_are_those_of_a_sort_in_any_chunks_and_order_of_merging(limit, smallest):
    y, p, w = values_of(1000)
    expected = by_sorting(y, p, w, limit, smallest)
    for cuts in ([], [1, 2, 3], sorted(RANDOM.integers(0, 1000, 9).tolist())):
        edges = [0, *cuts, 1000]
        parts = [(0, a, y[a:b], p[a:b], w[a:b]) for a, b in itertools.pairwise(edges)]
        top = top_of(parts, limit=limit, smallest=smallest)
        assert [row.place for row in top.rows_kept] == [(0, row) for row in expected]
        assert [row.loss for row in top.rows_kept] == [abs(y[row] - p[row]) for row in expected]
        assert [row.weight for row in top.rows_kept] == [w[row] for row in expected]


def test_sources_stand_in_their_order_among_equal_losses():
    ones = np.ones(2)
    top = top_of([(source, 0, ones, ones * 3, ones) for source in (2, 0, 1)], limit=5)
    assert [row.place for row in top.rows_kept] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]


def test_rows_of_several_blocks():
    y, p, w = values_of(150_000)
    top = TopRows([row_of("mae").cls()], limit=20)
    top.update(Batch(y, p, w))
    assert [row.place[1] for row in top.rows_kept] == by_sorting(y, p, w, 20)
    assert top.results()[0].value == pytest.approx(np.average(np.abs(y - p), weights=w), rel=1e-14)


def test_what_is_no_number_is_ranked_like_the_infinite():
    top = TopRows([row_of("mse").cls()], nan="propagate", limit=3)
    top.update(Batch(np.array([0.0, 0.0, 5.0, np.nan]), np.array([1.0, np.inf, 0.0, 2.0])))
    assert [row.place[1] for row in top.rows_kept] == [1, 3, 2]


def test_classes():
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    for labels in (np.array([1, 1, 2]), np.eye(3)[[1, 1, 2]]):
        top = TopRows([row_of("cce").cls()], limit=2)
        top.update(Batch(labels, scores))
        assert [(row.place[1], row.label, row.predicted, row.prediction) for row in top.rows_kept] == [
            (0, 1, 0, [0.7, 0.2, 0.1]),
            (2, 2, 2, [0.3, 0.3, 0.4]),
        ]
        assert [row.loss for row in top.rows_kept] == pytest.approx([-math.log(0.2), -math.log(0.4)], rel=1e-12)


@pytest.mark.parametrize(("logits", "scores"), [(False, [0.9, 0.2]), (True, [2.0, -1.0])])
def test_events(logits, scores):
    top = TopRows([row_of("bce").cls(from_logits=logits)], from_logits=logits, limit=2)
    top.update(Batch(np.array([0.0, 1.0]), np.array(scores)))
    assert sorted((row.place[1], row.label, row.predicted) for row in top.rows_kept) == [(0, 0, 1), (1, 1, 0)]


def test_several_events_a_row_decide_for_no_class():
    top = TopRows([row_of("bce").cls()], limit=1)
    top.update(Batch(np.array([[0.0, 1.0, 0.0]]), np.array([[0.5, 0.5, 0.5]])))
    assert (top.rows_kept[0].predicted, top.rows_kept[0].label) == (None, [0.0, 1.0, 0.0])
    assert top.rows_kept[0].loss == pytest.approx(math.log(2), rel=1e-12)


def test_a_class_that_is_ignored_is_left_out():
    top = TopRows([row_of("sparse_categorical_crossentropy").cls(ignore_class=0)], limit=9)
    top.update(Batch(np.array([0, 1]), np.array([[0.1, 0.9], [0.5, 0.5]])))
    assert [row.place[1] for row in top.rows_kept] == [1]
    assert top.distribution().weights == (1.0,)


def test_rows_cannot_be_ranked_by_an_area():
    with pytest.raises(UsageError, match="roc_auc is no mean"):
        TopRows([row_of("roc_auc").cls()])


@pytest.mark.parametrize("weighted", [False, True])
def test_quantiles_are_within_their_accuracy(weighted):
    y = RANDOM.normal(0, 1, 5000)
    p = y + np.exp(RANDOM.normal(0, 4, 5000)) * RANDOM.choice([0, 1], 5000, p=[0.1, 0.9])
    w = RANDOM.choice([0.5, 1.0, 3.0], 5000) if weighted else np.ones(5000)
    top = top_of([(0, a, y[a : a + 500], p[a : a + 500], w[a : a + 500] if weighted else None) for a in range(0, 5000, 500)])
    losses, found = np.abs(y - p), top.distribution()
    order = np.argsort(losses)
    share = np.cumsum(w[order]) / w.sum()
    for q in (0.05, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = losses[order][np.searchsorted(share, q - 1e-12)]
        assert found.quantile(q) == pytest.approx(exact, rel=ACCURACY * (1 + 1e-9))
    assert sum(found.weights) == pytest.approx(w.sum(), rel=1e-12)
    # The worst one per cent of the weight, the row that is cut counted in part.
    left, carried = 0.01 * w.sum(), 0.0
    for row in order[::-1]:
        part = min(left, w[row])
        carried, left = carried + part * losses[row], left - part
    assert found.share_of_worst(0.01) == pytest.approx(carried / (w @ losses), rel=2 * ACCURACY)
    bars = found.histogram()
    assert len(bars) <= 42
    assert all(low <= high for low, high, _ in bars)
    assert all(one[1] <= other[0] * (1 + 1e-12) for one, other in itertools.pairwise(bars))
    for low, high, weight in bars:
        inside = (losses > low * (1 - 1e-12)) & (losses <= high * (1 + 1e-12)) if high else losses == 0
        assert weight == pytest.approx(w[inside].sum(), rel=1e-12)


def test_a_distribution_is_the_same_in_any_chunks():
    y, p, w = values_of(300)
    whole = top_of([(0, 0, y, p, w)]).distribution()
    assert top_of([(0, a, y[a : a + 7], p[a : a + 7], w[a : a + 7]) for a in range(0, 300, 7)]).distribution() == whole


def test_the_worst_share_ends_inside_a_row():
    """One and a half of the three rows carry 3 + 2 / 2 of 6."""
    top = TopRows([row_of("mae").cls()], limit=9)
    top.update(Batch(np.zeros(3), np.array([1.0, 2.0, 3.0])))
    assert top.distribution().share_of_worst(0.5) == pytest.approx(4 / 6, rel=2 * ACCURACY)
    assert top.distribution().share_of_worst(1 / 3) == pytest.approx(3 / 6, rel=2 * ACCURACY)


def test_losses_below_zero_and_beyond_all_bounds():
    top = TopRows([row_of("mean").cls()], limit=9)
    top.update(Batch(np.zeros(5), np.array([-4.0, -1.0, 0.0, 2.0, np.inf])))
    found = top.distribution()
    assert [found.quantile(q) for q in (0.2, 0.4, 0.6, 0.8)] == pytest.approx([-4.0, -1.0, 0.0, 2.0], rel=ACCURACY * (1 + 1e-9))
    assert found.quantile(1.0) == math.inf
    assert math.isnan(found.share_of_worst())


def test_nothing_has_no_distribution():
    found = TopRows([row_of("mse").cls()]).distribution()
    assert math.isnan(found.quantile(0.5))
    assert math.isnan(found.share_of_worst())
    assert found.histogram() == []
