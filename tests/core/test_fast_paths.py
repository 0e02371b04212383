"""Ways that are faster than the general one: they give the same bits, or what the definition says."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from xent.core.arrays import put_class
from xent.core.batch import Batch
from xent.core.cells import Cells
from xent.core.decisions import predicted_class
from xent.core.derived import one_hot_or_dense
from xent.core.groups import Groups
from xent.core.labelled_scores import bins_of
from xent.core.metrics.calibration import ExpectedCalibrationError
from xent.core.metrics.fscore import F1Score
from xent.core.scores import ScoreTables, Table
from xent.core.table import row_of
from xent.core.tally import Tally

RANDOM = np.random.default_rng(12)
ROWS = 1000
EVENTS = RANDOM.integers(0, 2, ROWS).astype(np.int8)
GROUPS = Groups(RANDOM.integers(0, 3, ROWS).astype(np.intp), 3)
WEIGHTS = {
    "none": None,
    "float32": (RANDOM.random(ROWS) + 0.5).astype(np.float32),
    "zeros": RANDOM.choice([0.0, 0.5, 1.0], ROWS).astype(np.float32),
    "float64": RANDOM.random(ROWS) * 10.0 ** RANDOM.integers(-9, 9, ROWS),
}
CHANCES = {
    "float32": RANDOM.random(ROWS).astype(np.float32),
    "float64": RANDOM.random(ROWS) ** 9,
    "coarse": RANDOM.integers(0, 16, ROWS) / 15,
    "certain": RANDOM.integers(0, 2, ROWS).astype(np.float64),
    "plain float32": (RANDOM.random(ROWS) * 0.9 + 0.05).astype(np.float32),
    "halves": RANDOM.choice([0.25, 0.5, np.nextafter(np.float32(0.5), np.float32(1))], ROWS).astype(np.float32),
    "beyond": RANDOM.choice([-5e-4, 0.25, 1.0005], ROWS).astype(np.float32),
}
METRICS = (
    "balanced_accuracy",
    "brier_score",
    "cohen_kappa",
    "confusion_matrix",
    "expected_calibration_error",
    "f1_score",
    "fbeta_score",
    "matthews_correlation",
    "sparse_categorical_accuracy",
)


def values(metrics, y_true, y_pred, weight, groups=None):
    tally = Tally(metrics, groups=1 if groups is None else groups.count)
    tally.update(Batch(y_true, y_pred, weight, groups))
    return [repr(result.value) for group in range(tally.groups) for result in tally.results(group)]


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["whole", "sliced"])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("chances", CHANCES)
def test_one_column_of_two_classes_is_as_good_as_both(chances, weight, groups):
    p = CHANCES[chances]
    both = np.stack([1.0 - p.astype(np.float64), p.astype(np.float64)], axis=1)
    metrics = [row_of(name).cls() for name in METRICS]
    expected = values(metrics, EVENTS, both, WEIGHTS[weight], groups)
    for y_true, y_pred in ((EVENTS, p), (EVENTS[:, None], p[:, None]), (EVENTS.astype(float), p), (EVENTS, np.asfortranarray(both))):
        assert values(metrics, y_true, y_pred, WEIGHTS[weight], groups) == expected


@pytest.mark.parametrize("chances", ["plain float32", "float64", "certain", "beyond"])
@pytest.mark.parametrize("gamma", [2.0, 0.5])
def test_focal_cross_entropy_of_hard_labels_is_that_of_any(chances, gamma):
    p = CHANCES[chances].astype(np.float64)
    whole = row_of("binary_focal_crossentropy").cls(gamma=gamma)
    clipped = np.clip(p, 1e-7, 1 - 1e-7)
    missed = np.maximum(EVENTS * (1.0 - p) + (1.0 - EVENTS) * p, 0.0)
    terms = missed**gamma * -np.log(np.abs(clipped - (1 - EVENTS)))
    assert values([whole], EVENTS, CHANCES[chances], None) == [repr(float(sum(map(Fraction, terms.tolist())) / ROWS))]


@pytest.mark.parametrize("size", [40, 700])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_cells_do_not_depend_on_the_chunks(size, weight):
    """A chunk of more rows than cells is counted in a table, a smaller one is not, and 512 cells always are."""
    codes, weights = RANDOM.integers(0, size, ROWS), WEIGHTS[weight]
    whole = Cells.of(codes, size, weights, GROUPS)
    for pieces in (1, 2, 30):
        parts = Cells(size, 3)
        for rows in np.array_split(RANDOM.permutation(ROWS), pieces):
            parts = parts + Cells.of(codes[rows], size, None if weights is None else weights[rows], GROUPS.at(rows))
        assert parts.to_json() == whole.to_json()
        assert parts.regrouped(np.array([1, 0, 1]), 2).to_json() == whole.regrouped(np.array([1, 0, 1]), 2).to_json()
        assert parts.take(1).to_json() == whole.take(1).to_json()
    assert whole.compact().codes.tolist() == np.unique(GROUPS.codes * size + codes).tolist()


@pytest.mark.parametrize("missing", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_missing_score_is_the_largest_as_for_argmax(missing, order):
    scores = np.array([[0.2, 0.8], [0.9, 0.1], [0.4, 0.6]], order=order)
    scores[2, missing] = np.nan
    assert predicted_class(Batch(np.zeros(3), scores)).tolist() == scores.argmax(axis=1).tolist()


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 10, 15, 49, 100, 1000])
def test_bins_hold_their_upper_ends_and_nothing_beyond(bins):
    ends = np.arange(1, bins) / bins
    numbers = np.concatenate(
        [ends, np.nextafter(ends, 0.0), np.nextafter(ends, 1.0), [0.0, -0.0005, 5e-324, 1.0, 1.0005], RANDOM.random(100)]
    )
    ends = ends.tolist()
    assert bins_of(numbers, bins).tolist() == [sum(end < number for end in ends) for number in numbers.tolist()]
    single = numbers.astype(np.float32)
    assert bins_of(single, bins).tolist() == [sum(end < number for end in ends) for number in single.tolist()]
    assert bins_of(np.array([np.nan]), bins).tolist() == [bins - 1]


def test_calibration_does_not_depend_on_which_labels_come_together():
    p = CHANCES["coarse"]
    soft = np.where(np.arange(ROWS) < ROWS // 2, EVENTS, RANDOM.integers(0, 5, ROWS) / 4)
    whole, parts = ExpectedCalibrationError(), ExpectedCalibrationError()
    whole.update_state(soft, p, WEIGHTS["float32"])
    for row in range(0, ROWS, 50):
        rows = slice(row, row + 50)
        parts.update_state(soft[rows], p[rows], WEIGHTS["float32"][rows])
    assert whole.get_state() == parts.get_state()


@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["index", "several"])
def test_f_scores_count_rows_as_they_count_elements(threshold, classes, kind):
    scores = RANDOM.random((ROWS, classes)).round(1)
    labels = np.eye(classes)[RANDOM.integers(0, classes, ROWS)] if kind == "index" else RANDOM.integers(0, 2, (ROWS, classes))
    weight = WEIGHTS["zeros"]
    by_row, by_element = F1Score(threshold=threshold), F1Score(threshold=threshold)
    by_row.update_state(labels, scores, weight)
    by_element.update_state(labels, scores, np.repeat(weight[:, None], classes, axis=1))
    assert by_row.get_state() == by_element.get_state()


@pytest.mark.parametrize("size", [3, 511, 2000])
@pytest.mark.parametrize("least", [0.0, 0.25])
def test_weights_in_cells_add_up_exactly(size, least):
    codes = RANDOM.choice([0, 2], ROWS) if size == 3 else RANDOM.integers(0, size, ROWS)
    weights = RANDOM.choice([least, 0.5, 1e-9, 3e7], ROWS).astype(np.float32)
    sums = Counter()
    for code, weight in zip(codes.tolist(), weights.tolist(), strict=True):
        sums[code] = sums.get(code, Fraction(0)) + Fraction(weight)
    run = Cells.of(codes, size, weights).compact()
    assert run.codes.tolist() == sorted(sums)
    assert [Fraction(amount, 1 << 1074) for amount in run.amounts()] == [sums[code] for code in sorted(sums)]


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_cell_of_nothing_finite_is_a_cell(lost):
    cells = Cells.of(np.array([4, 1, 1]), 5, np.array([lost, 1.0, 2.0], dtype=np.float32))
    assert cells.compact().codes.tolist() == [1, 4]
    assert cells.compact().not_finite().tolist() == [False, True]


@pytest.mark.parametrize("weight", [None, "zeros"])
def test_cells_move_with_all_they_hold(weight):
    codes, places = RANDOM.integers(0, 6, ROWS), RANDOM.integers(0, 9, (6, 2))
    weights = None if weight is None else WEIGHTS[weight]
    moved = Cells.of(codes, 6, weights, GROUPS).moved(places, 9)
    twice = None if weights is None else np.concatenate([weights, weights])
    both = Groups(np.concatenate([GROUPS.codes, GROUPS.codes]), 3)
    expected = Cells.of(np.concatenate([places[codes, 0], places[codes, 1]]), 9, twice, both)
    assert moved.to_json() == expected.to_json()
    assert len(Cells(6, 3).moved(places, 9).compact()) == 0


@pytest.mark.parametrize("kinds", [("f4", "f4"), ("f8", "f4"), ("f4", "f8")])
def test_a_table_holds_every_pair_of_score_and_weight_once(kinds):
    tiny = np.float32(1e-45)
    scores = RANDOM.choice([-np.inf, -2.5, -tiny, 0.0, tiny, 0.5, np.inf], ROWS).astype(kinds[0])
    weights = RANDOM.choice([-1.0, 0.0, 0.5, 2.0], ROWS).astype(kinds[1])
    table = Table.of(scores, weights)
    pairs = Counter(zip(scores.tolist(), weights.tolist(), strict=True))
    assert list(zip(table.scores.tolist(), table.weights.tolist(), strict=True)) == sorted(pairs)
    assert table.counts.tolist() == [pairs[pair] for pair in sorted(pairs)]
    assert (table.scores.dtype, table.weights.dtype) == kinds


@pytest.mark.parametrize("cells", [1, 2, 5])
def test_rows_are_told_apart_by_their_cell(cells):
    codes, scores = RANDOM.integers(0, cells, ROWS), RANDOM.random(ROWS)
    state = ScoreTables.of(codes, scores, None, cells, 1).compact()
    for cell in range(cells):
        assert state.table(0, cell).scores.tolist() == sorted(scores[codes == cell])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("classes", [2, 16, 17])
def test_index_labels_become_one_hot_whatever_the_layout(order, classes):
    index = RANDOM.integers(0, classes, 50)
    scores = np.asarray(RANDOM.random((50, classes)), order=order)
    assert (one_hot_or_dense(Batch(index, scores)) == np.eye(classes)[index]).all()
    expected = scores.copy()
    expected[np.arange(50), index] = np.arange(50)
    put_class(scores, index, np.arange(50))
    assert (scores == expected).all()
