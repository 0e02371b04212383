"""Two models on the same rows: standard errors and p-values against scipy, statsmodels, published figures and formulas worked by hand."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import precision_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from xent.core.batch import Batch
from xent.core.differences import Difference, adjusted, as_metric, finding, holm
from xent.core.distributions import sign_test
from xent.core.folds import folds_of
from xent.core.groups import Groups
from xent.core.pair_tally import PairTally, SlicedPairTally, change_of
from xent.core.result import Interval, MetricResult
from xent.core.table import row_of
from xent.core.tally import Confidence

OVARIAN_CANCER = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1  3.7 6.7 6 1
3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1
3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1
3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1
3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""
"""Albumin, total protein, K-G score and outcome of the patients of DeLong et al. (1988) for whom all are known."""


def batch(y_true, base, candidate, weight=None, clusters=None, groups=None):
    made = Batch(y_true, base, weight, groups, clusters=clusters)
    made.partner = Batch(y_true, candidate, weight)
    return made


def compared(metric, *columns, level=0.95, clustered=False, **beside):
    """The change of one metric, given by its name or as itself."""
    metric = row_of(metric).cls() if isinstance(metric, str) else metric
    tally = PairTally([metric], confidence=Confidence(level, 0, clustered))
    tally.update(batch(*columns, **beside))
    return change_of(tally, tally, metric)


def rows(count=300, seed=1):
    """Events and two models that err together."""
    random = np.random.default_rng(seed)
    truth = random.normal(0, 1.5, count)
    y_true = (random.random(count) < 1 / (1 + np.exp(-truth))).astype(np.float64)
    shared = truth + random.normal(0, 0.7, count)
    base, candidate = (1 / (1 + np.exp(-(shared + random.normal(0, 0.5, count)))) for _ in range(2))
    return y_true, base, candidate


LOSSES = {
    "mean_squared_error": lambda y, p: (y - p) ** 2,
    "mean_absolute_error": lambda y, p: np.abs(y - p),
    "binary_crossentropy": lambda y, p: -(y * np.log(p) + (1 - y) * np.log(1 - p)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_means_are_the_paired_t_test(name):
    y_true, base, candidate = rows()
    before, after = (LOSSES[name](y_true, p) for p in (base, candidate))
    expected = stats.ttest_rel(after, before)
    interval = expected.confidence_interval(0.9)
    one, other, change = compared(name, y_true, base, candidate, level=0.9)
    assert (one, other) == (pytest.approx(before.mean(), rel=1e-6), pytest.approx(after.mean(), rel=1e-6))
    assert change.difference == pytest.approx((after - before).mean(), rel=1e-5)
    assert change.p_value == pytest.approx(expected.pvalue, rel=1e-4)
    assert (change.low, change.high) == (pytest.approx(interval.low, rel=1e-4), pytest.approx(interval.high, rel=1e-4))
    assert change.method == "paired t"
    assert (change.better, change.worse) == ((after < before).sum(), (after > before).sum())


def test_weighted_means_are_the_ratio_estimator():
    y_true, base, candidate = rows()
    weight = np.random.default_rng(5).choice([0.0, 0.5, 1.0, 3.7], len(y_true))
    d = LOSSES["mean_squared_error"](y_true, candidate) - LOSSES["mean_squared_error"](y_true, base)
    mean = (weight * d).sum() / weight.sum()
    n = len(d)
    error = np.sqrt((weight**2 * (d - mean) ** 2).sum() * n / (n - 1)) / weight.sum()
    change = compared("mean_squared_error", y_true, base, candidate, weight=weight)[2]
    assert change.difference == pytest.approx(mean, rel=1e-10)
    assert change.standard_error == pytest.approx(error, rel=1e-10)
    assert change.p_value == pytest.approx(2 * stats.t.sf(abs(mean / error), n - 1), rel=1e-8)
    assert (change.better, change.worse) == (((d < 0) & (weight > 0)).sum(), ((d > 0) & (weight > 0)).sum())


def test_shares_of_rows_are_mcnemars_exact_test():
    y_true, base, candidate = rows()
    right, right_now = ((p > 0.5) == (y_true == 1) for p in (base, candidate))
    table = [[(right & right_now).sum(), (right & ~right_now).sum()], [(~right & right_now).sum(), (~right & ~right_now).sum()]]
    change = compared("binary_accuracy", y_true, base, candidate)[2]
    assert change.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-10)
    assert change.method == "mcnemar"
    assert (change.better, change.worse) == (table[1][0], table[0][1])
    # With weights it is a mean like others.
    assert compared("binary_accuracy", y_true, base, candidate, weight=np.full(len(y_true), 2.0))[2].method == "paired t"


@pytest.mark.parametrize("one", [0, 1, 7, 30])
@pytest.mark.parametrize("other", [0, 1, 8, 400])
def test_the_sign_test_is_exact(one, other):
    expected = stats.binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    assert sign_test(one, other) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("column", "difference", "error", "p_value"),
    [("albumin", 0.0108, 0.0953, 0.9102), ("total protein", -0.0780, 0.1046, 0.4561)],
)
def test_a_published_example_of_delong(column, difference, error, p_value):
    """The figures are those of the manual of SAS/STAT for the data of DeLong et al. (1988), of each test less the K-G score."""
    albumin, protein, score, outcome = np.array(OVARIAN_CANCER.split(), dtype=float).reshape(-1, 4).T
    # The outcome 0 is predicted by a low albumin, which is how SAS has it; turning both round changes no area.
    base, candidate = 10 - score, {"albumin": albumin, "total protein": protein}[column]
    change = compared("roc_auc", outcome, base, candidate)[2]
    assert change.difference == pytest.approx(difference, abs=5e-5)
    assert change.standard_error == pytest.approx(error, abs=5e-5)
    assert change.p_value == pytest.approx(p_value, abs=5e-5)
    assert change.method == "delong"


def structural_components(y_true, scores, weight):
    """The share of the other class that every row outranks, by comparing each pair of rows in exact arithmetic."""
    positive, negative = (np.flatnonzero(y_true == label) for label in (1, 0))
    wins = {
        (i, j): Fraction(1) if scores[i] > scores[j] else Fraction(1, 2) if scores[i] == scores[j] else Fraction(0)
        for i, j in product(positive, negative)
    }
    w = [Fraction(float(value)) for value in weight]
    below, above = sum(w[j] for j in negative), sum(w[i] for i in positive)
    area = sum(w[i] * w[j] * win for (i, j), win in wins.items()) / (below * above)
    parts = {i: w[i] * (sum(w[j] * wins[i, j] for j in negative) / below - area) / above for i in positive}
    return area, parts | {j: w[j] * (sum(w[i] * wins[i, j] for i in positive) / above - area) / below for j in negative}


@pytest.mark.parametrize("weighted", [False, True])
def test_delong_by_brute_force(weighted):
    random = np.random.default_rng(3)
    y_true = random.integers(0, 2, 40).astype(float)
    base, candidate = (random.integers(0, 9, 40) / 8 for _ in range(2))
    weight = random.choice([0.5, 1.0, 2.0], 40) if weighted else np.ones(40)
    (before, parts), (after, others) = (structural_components(y_true, scores, weight) for scores in (base, candidate))
    variance = sum(
        Fraction(len(mine), len(mine) - 1) * sum((others[row] - parts[row]) ** 2 for row in mine)
        for mine in (np.flatnonzero(y_true == label) for label in (0, 1))
    )
    one, other, change = compared("roc_auc", y_true, base, candidate, weight=weight if weighted else None)
    assert (one, other) == (pytest.approx(float(before), rel=1e-12), pytest.approx(float(after), rel=1e-12))
    assert change.standard_error == pytest.approx(float(variance) ** 0.5, rel=1e-10)
    assert change.p_value == pytest.approx(2 * stats.norm.sf(abs(change.difference) / change.standard_error), rel=1e-8)


@pytest.mark.parametrize("clusters", [np.arange(400), np.arange(400) // 4])
def test_folds_are_the_jackknife_of_the_difference(clusters):
    y_true, base, candidate = rows(400)
    folds = folds_of(clusters)
    values = [
        np.array([precision_score(y_true[folds != fold], p[folds != fold] > 0.5) for fold in np.unique(folds)]) for p in (base, candidate)
    ]
    left_out = values[1] - values[0]
    count = len(left_out)
    error = np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())
    change = compared("precision", y_true, base, candidate, clusters=clusters, clustered=True)[2]
    whole = precision_score(y_true, candidate > 0.5) - precision_score(y_true, base > 0.5)
    assert change.difference == pytest.approx(whole, rel=1e-10)
    assert change.standard_error == pytest.approx(error, rel=1e-10)
    assert change.p_value == pytest.approx(2 * stats.t.sf(abs(whole) / error, count - 1), rel=1e-8)
    assert change.method == "jackknife"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("root_mean_squared_error", lambda y, p: np.sqrt(((y - p) ** 2).mean(axis=-1))),
        ("perplexity", lambda y, p: np.exp(-np.log(np.where(y == 1, p, 1 - p)).mean(axis=-1))),
    ],
)
def test_functions_of_means_against_the_bootstrap(name, value):
    y_true, base, candidate = rows(2000)
    drawn = np.random.default_rng(9).integers(0, 2000, (1500, 2000))
    draws = value(y_true[drawn], candidate[drawn]) - value(y_true[drawn], base[drawn])
    if name == "perplexity":
        columns = [np.stack([1 - p, p], axis=1) for p in (base, candidate)]
        change = compared(name, y_true.astype(int), *columns)[2]
    else:
        change = compared(name, y_true, base, candidate)[2]
    assert change.difference == pytest.approx(value(y_true, candidate) - value(y_true, base), rel=1e-6)
    # The bootstrap's own standard error is known to 1 / √(2 · 1500), or 1.8 %.
    assert change.standard_error == pytest.approx(draws.std(), rel=0.06)


def test_holm():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), rel=1e-12)
    assert holm([]) == []


@pytest.mark.parametrize(
    ("low", "high", "direction", "margin", "found"),
    [
        (0.1, 0.2, "higher", None, "better"),
        (0.1, 0.2, "lower", None, "worse"),
        (-0.2, -0.1, "lower", None, "better"),
        (-0.2, -0.1, "higher", 0.05, "worse"),
        (-0.1, 0.1, "higher", None, "undecided"),
        (-0.1, 0.1, "higher", 0.1, "undecided"),
        (-0.1, 0.1, "higher", 0.11, "equivalent"),
        (0.01, 0.02, "higher", 0.05, "equivalent"),
        (0.1, 0.2, "none", None, "none"),
    ],
)
def test_findings(low, high, direction, margin, found):
    assert finding(Interval(0.95, low, high, "t"), direction, margin) == found


def test_what_is_better_by_chance_among_many_is_undecided():

    def difference(p_value, signature="m"):
        ci = Interval(0.95, 0.1, 0.2, "t") if p_value < 0.05 else Interval(0.95, -0.1, 0.2, "t")
        said = finding(ci, "higher", None)
        return Difference("m", None, {}, "higher", signature, 1, None, 0, 0.0, 0.15, 0.15, ci, 0.1, p_value, None, 0, 0, said)

    found = adjusted([difference(p) for p in (0.001, 0.03, 0.2)] + [difference(0.03, "other")], 0.95)
    assert [one.p_adjusted for one in found] == [pytest.approx(0.003), pytest.approx(0.06), pytest.approx(0.2), 0.03]
    assert [one.finding for one in found] == ["better", "undecided", "undecided", "better"]


def test_either_model_of_a_difference_as_a_metric_alone():
    """With its label, by which gates know it."""
    one = Difference("m", "own", {"k": 2}, "higher", "m|k:2", 7, {"a": "b"}, 0, 0.25, 0.5, 0.25, None, None, None, None, 0, 0, "none")
    for base, value in ((True, 0.25), (False, 0.5)):
        expected = MetricResult("m", value, {"k": 2}, 7, "higher", "m|k:2", label="own", slice={"a": "b"})
        assert as_metric(one, base=base) == expected


def test_two_candidates_are_corrected_once():
    """Bonferroni's interval of each of two candidates and Holm's p-values say the same at the larger one."""
    y_true, base, _ = rows(400)
    loss = np.abs(y_true - base)
    noise = np.random.default_rng(2).normal(0, 1, 400)
    # So far off that p is between 1 and 2.5 %.
    shift = noise - noise.mean() - 2.4 * noise.std(ddof=1) / 20
    candidate = np.where(y_true == 1, 1 - (loss + 1e-3 * shift), loss + 1e-3 * shift)
    change = compared("mean_absolute_error", y_true, base, candidate, level=0.975)[2]
    assert 0.01 < change.p_value < 0.025
    assert change.high < 0

    ci = Interval(0.975, change.low, change.high, "paired t")
    both = [
        Difference(
            "m", None, {}, "lower", "m", 400, None, place, 0.0, 0.0, change.difference, ci, 0.1, change.p_value, None, 0, 0, "better"
        )
        for place in range(2)
    ]
    assert [one.finding for one in adjusted(both, 0.95)] == ["better", "better"]


def test_slices_are_comparisons_of_their_own():
    y_true, base, candidate = rows()
    codes = np.random.default_rng(4).integers(0, 3, len(y_true))
    for name in ("binary_accuracy", "roc_auc", "precision", "root_mean_squared_error"):
        metric = row_of(name).cls()
        tally = SlicedPairTally([metric], confidence=Confidence(0.95), ways=1)
        keys = np.arange(len(y_true))
        tally.update(batch(y_true, base, candidate, clusters=keys, groups=Groups(codes, 3, (np.arange(3),))))
        for group in range(3):
            mine = codes == group
            own = compared(metric, y_true[mine], base[mine], candidate[mine], clusters=keys[mine])
            assert repr(change_of(tally, tally.slices[0], metric, group)) == repr(own)
        assert repr(change_of(tally, tally.total(), metric)) == repr(compared(metric, y_true, base, candidate, clusters=keys))


def test_what_was_derived_of_the_candidate_is_let_go():
    """A view of the rows may be the batch itself; with such circles the peak would wait for the collector."""
    import gc
    import weakref

    y_true, base, candidate = rows()
    tally = PairTally([row_of("mean_squared_error").cls()], confidence=Confidence(0.95))
    made = batch(y_true, base, candidate)
    gc.disable()
    try:
        before = sum(isinstance(one, Batch) for one in gc.get_objects())
        tally.update(made)
        assert sum(isinstance(one, Batch) for one in gc.get_objects()) == before
        gone = weakref.ref(made.partner.y_pred)
        del made, candidate
        assert gone() is None
    finally:
        gc.enable()


def test_differences_too_large_to_square_have_no_interval():
    """And give no warning."""
    before, after, change = compared("mean_absolute_error", np.zeros(4), np.full(4, 1e200), np.array([3e200, 1e200, 2e200, 2e200]))
    assert (before, after, change.difference) == pytest.approx((1e200, 2e200, 1e200))
    assert change.standard_error is None
