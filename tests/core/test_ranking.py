"""Exact areas: against scikit-learn with weights and ties, against exact fractions, through every way of splitting the rows."""

import json
from fractions import Fraction

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from xent.core import scores as score_tables
from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.groups import Groups
from xent.core.metrics.ranking import AveragePrecision, RocAuc
from xent.core.tally import Tally

RANDOM = np.random.default_rng(6)
Y = RANDOM.integers(0, 2, 500)
SMOOTH = RANDOM.normal(0, 1, 500) + Y
COARSE = SMOOTH.round(1)
WEIGHT = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 500)
PAIRS = [(RocAuc, sklearn.metrics.roc_auc_score), (AveragePrecision, sklearn.metrics.average_precision_score)]


@pytest.fixture
def small_steps(monkeypatch):
    """Rows are sorted into tables after every few of them."""
    monkeypatch.setattr(score_tables, "_GATHERED", 8)


@pytest.mark.parametrize(("cls", "reference"), PAIRS)
@pytest.mark.parametrize(
    "scores", [SMOOTH, COARSE, np.zeros(500), SMOOTH.astype(np.float32)], ids=["smooth", "coarse", "constant", "float32"]
)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_values_are_those_of_scikit_learn(cls, reference, scores, weight):
    assert cls()(Y, scores, weight) == pytest.approx(reference(Y, scores, sample_weight=weight), rel=1e-12)


@pytest.mark.parametrize(("cls", "reference"), PAIRS)
@pytest.mark.parametrize("average", ["macro", "weighted", "micro", None])
def test_averages_are_those_of_scikit_learn(cls, reference, average):
    y = RANDOM.integers(0, 2, (400, 3))
    p = (RANDOM.normal(0, 1, (400, 3)) + y).round(1)
    weight = RANDOM.random(400)
    assert cls(average)(y, p, weight) == pytest.approx(reference(y, p, average=average, sample_weight=weight), rel=1e-12)


def test_a_file_of_classes_is_one_against_the_rest():
    index = RANDOM.integers(0, 3, 300)
    p = RANDOM.dirichlet(np.ones(3), 300)
    for average in ("macro", "weighted"):
        tally = Tally([RocAuc(average)])
        tally.update(Batch(index, p))
        expected = sklearn.metrics.roc_auc_score(index, p, multi_class="ovr", average=average)
        assert tally.results()[0].value == pytest.approx(expected, rel=1e-12)


def area_by_pairs(y, scores, weight):
    """The definition, in fractions."""
    won = whole = Fraction(0)
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero(y == 0):
            pair = Fraction(weight[i]) * Fraction(weight[j])
            whole += pair
            won += pair * (Fraction(int(scores[i] > scores[j])) + Fraction(int(scores[i] == scores[j]), 2))
    return float(won / whole)


def test_unweighted_values_are_rounded_once():
    y, scores = Y[:60], COARSE[:60]
    assert RocAuc()(y, scores) == area_by_pairs(y, scores, np.ones(60))


def test_weighted_values_are_right_to_the_last_digits():
    assert RocAuc()(Y[:60], COARSE[:60], WEIGHT[:60]) == pytest.approx(area_by_pairs(Y[:60], COARSE[:60], WEIGHT[:60]), rel=1e-15)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_no_split_changes_a_bit(sizes, weighted, coarse, random):
    old, score_tables._GATHERED = score_tables._GATHERED, 16
    try:
        n = sum(sizes)
        scores, weight = (COARSE if coarse else SMOOTH)[:n], WEIGHT[:n] if weighted else None
        order = np.array(random.sample(range(n), n))
        whole, parts = RocAuc(), []
        whole.update_state(Y[:n], scores, weight)
        for start, size in zip(np.cumsum([0, *sizes[:-1]]), sizes, strict=True):
            rows = order[start : start + size]
            part = RocAuc()
            part.update_state(Y[rows], scores[rows], None if weight is None else weight[rows])
            parts.append(part)
        random.shuffle(parts)
        first, *others = parts
        first.merge_state(others)
        assert repr(first.result()) == repr(whole.result())
        assert json.dumps(first.get_state()) == json.dumps(whole.get_state())
    finally:
        score_tables._GATHERED = old


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_tables_grow_in_steps(weight):
    metric = AveragePrecision()
    for row in range(500):
        rows = slice(row, row + 1)
        metric.update_state(Y[rows], COARSE[rows], None if weight is None else weight[rows])
    expected = sklearn.metrics.average_precision_score(Y, COARSE, sample_weight=weight)
    assert metric.result() == pytest.approx(expected, rel=1e-12)
    entries = sum(len(table.scores) for table in metric._state.compact().tables.values())
    distinct = {(y, s) if weight is None else (y, s, w) for y, s, w in zip(Y, COARSE, WEIGHT, strict=True)}
    assert entries == len(distinct)


def test_a_state_survives_json():
    metric = RocAuc()
    metric.update_state(Y[:300], COARSE[:300], WEIGHT[:300])
    again = RocAuc.from_state(json.loads(json.dumps(metric.get_state())))
    for each in (metric, again):
        each.update_state(Y[300:], SMOOTH[300:], WEIGHT[300:])
    assert again.result() == metric.result()
    assert again.get_state() == metric.get_state()


@pytest.mark.parametrize("weighted", [False, True])
def test_slices_are_ranked_apart(weighted):
    codes = RANDOM.integers(0, 3, 500)
    codes[codes == 1] = 0
    weight = WEIGHT if weighted else None
    tally = Tally([RocAuc(), AveragePrecision()], groups=3)
    for rows in (slice(0, 100), slice(100, 500)):
        tally.update(Batch(Y[rows], COARSE[rows], None if weight is None else weight[rows], Groups(codes[rows], 3)))
    for group in (0, 2):
        rows = codes == group
        expected = [cls()(Y[rows], COARSE[rows], None if weight is None else weight[rows]) for cls in (RocAuc, AveragePrecision)]
        assert [result.value for result in tally.results(group)] == expected
    assert np.isnan([result.value for result in tally.results(1)]).all()
    (state,) = (state for need, state in tally.states.items() if "score_tables" in repr(need.lift))
    assert RocAuc().finish(state.take(2))[0] == tally.results(2)[0].value


def test_one_class_alone():
    assert np.isnan(RocAuc()([0, 0], [0.1, 0.2]))
    assert np.isnan(RocAuc()([1, 1], [0.1, 0.2]))
    assert np.isnan(RocAuc()([0, 1], [0.1, 0.2], [0.0, 1.0]))
    assert AveragePrecision()([0, 0], [0.1, 0.2]) == 0.0
    assert AveragePrecision()([1, 1], [0.1, 0.2]) == 1.0


def test_nothing_is_no_number():
    assert np.isnan(RocAuc().result())
    metric = RocAuc()
    metric.update_state(np.zeros((0, 1)), np.zeros((0, 1)))
    assert np.isnan(metric.result())


def test_a_missing_score_or_weight_leaves_no_number():
    assert np.isnan(RocAuc()([0, 1, 1], [0.1, 0.2, np.nan]))
    assert np.isnan(RocAuc()([0, 1, 1], [0.1, 0.2, 0.3], [1.0, np.nan, 1.0]))
    # One column has one value, and not a list of it.
    assert [np.shape(RocAuc(None)(np.eye(2)[:, :k], np.full((2, k), np.nan))) for k in (1, 2)] == [(), (2,)]


def test_rows_without_a_weight_weigh_1():
    rows = slice(0, 200), slice(200, 500)
    tally = Tally([RocAuc()])
    for part, weight in zip(rows, (None, WEIGHT), strict=True):
        tally.update(Batch(Y[part], SMOOTH[part], None if weight is None else weight[part]))
    weight = np.where(np.arange(500) < 200, 1.0, WEIGHT)
    assert tally.results()[0].value == pytest.approx(sklearn.metrics.roc_auc_score(Y, SMOOTH, sample_weight=weight), rel=1e-12)


def test_zeros_and_infinities_are_scores():
    assert RocAuc()([0, 1], [0.0, -0.0]) == 0.5
    assert RocAuc()([0, 1, 0, 1], [-np.inf, np.inf, 0.0, 1e300]) == 1.0


def test_both_zeros_are_one_score():
    states = [RocAuc().lift(Batch(np.array([0.0, 1.0]), np.array([0.0, zero]))).to_json() for zero in (0.0, -0.0)]
    assert repr(states[0]) == repr(states[1])


def test_labels_are_0_or_1():
    with pytest.raises(DomainError, match=r"label 0\.5 is neither 0 nor 1"):
        RocAuc().update_state([0, 0.5], [0.1, 0.2])
    with pytest.raises(DomainError, match=r"label 2\.0 is neither") as caught:
        RocAuc().update_state([[0, 1, 1], [0, 1, 1], [1, 0, 2]], np.zeros((3, 3)))
    assert (caught.value.role, caught.value.row, caught.value.column) == ("y_true", 2, 2)


def test_unusable_parameters_are_refused():
    with pytest.raises(UsageError, match="average"):
        RocAuc("samples")


def test_other_widths_do_not_merge():
    metric = RocAuc()
    metric.update_state(np.eye(3), np.eye(3))
    with pytest.raises(DataError, match="other numbers of columns"):
        metric.update_state(np.eye(2), np.eye(2))


def test_counts_beyond_int64_are_right():
    # Three billion rows of each of two labels, as tables: the number of pairs has more than 63 bits.
    many = np.array([3_000_000_000], dtype=np.int64)
    negative = score_tables.Table(np.array([0.25]), None, many)
    positive = score_tables.Table(np.array([0.25, 0.5]), None, np.array([3_000_000_000, 1_000_000_000], dtype=np.int64))
    assert score_tables.area_under_roc(negative, positive) == float((Fraction(3) / 2 + 1) / 4)
    doubled = positive.merge(positive)
    assert doubled.counts.tolist() == [6_000_000_000, 2_000_000_000]


def test_logits_are_ranked_as_they_are():
    # As float64 probabilities 40 and 50 are both 1.
    tally = Tally([RocAuc()], from_logits=True)
    tally.update(Batch(np.array([0, 1]), np.array([40.0, 50.0])))
    assert tally.results()[0].value == 1.0


def test_both_areas_share_a_state():
    assert RocAuc().lift == AveragePrecision("weighted").lift
    assert RocAuc("micro").lift != RocAuc().lift


@pytest.mark.heavy
def test_twenty_million_scores():
    random = np.random.default_rng(0)
    tally = Tally([RocAuc()])
    for _ in range(20):
        y = random.integers(0, 2, 1_000_000).astype(np.int8)
        tally.update(Batch(y, (random.random(1_000_000) * 0.9 + 0.1 * y).astype(np.float32)))
    # Scores are uniform and those of positives higher by 0.1 in a range of 0.9: 1 - (0.9 - 0.1)² / (2 0.9²) of the pairs are in order.
    assert tally.results()[0].value == pytest.approx(1 - 0.8**2 / (2 * 0.9**2), abs=1e-3)
