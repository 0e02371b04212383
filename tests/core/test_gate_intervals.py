"""Gates at many slices against statsmodels, and intervals of relative changes against the jackknife and the bootstrap."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from xent.core.folds import FOLDS
from xent.core.gate_intervals import Measure, PairedChange, holm_intervals
from xent.core.gates import parse_gate
from xent.core.judging import judge
from xent.core.result import DataReport, Interval, MetricResult, Result

DATA = DataReport(("x",), 100, 0, 100.0, None, {}, "0" * 32)


def result(values, errors, method="influence", level=0.95, rows=1000):
    df = {"t": rows - 1, "jackknife": FOLDS - 1}.get(method, np.inf)
    reach = [stats.t.ppf(0.5 + level / 2, df) * error for error in errors]
    whole = MetricResult("accuracy", 0.8, {}, rows, "higher", "s", ci=Interval(level, 0.7, 0.9, method), standard_error=0.05)
    slices = [
        replace(whole, value=value, ci=Interval(level, value - far, value + far, method), standard_error=error, slice={"g": str(place)})
        for place, (value, error, far) in enumerate(zip(values, errors, reach, strict=True))
    ]
    return Result("0", DATA, (whole,), tuple(slices)), df


@pytest.mark.parametrize("method", ["influence", "t", "jackknife"])
@pytest.mark.parametrize("seed", range(20))
def test_many_slices_are_decided_as_holm_does(method, seed):
    random = np.random.default_rng(seed)
    count = random.integers(2, 12)
    errors = random.uniform(0.01, 0.05, count)
    values = 0.8 + errors * random.normal(0, 3, count)
    found, df = result(values, errors, method, rows=int(random.integers(5, 300)) if method == "t" else 1000)
    p_values = 2 * stats.t.sf(np.abs(values - 0.8) / errors, df)
    rejected = multipletests(p_values, 0.05, "holm")[0]
    records = judge(found, [parse_gate("accuracy[g=*] >= 0.8 decide=proven-bad")]).gates
    expected = [("pass" if value > 0.8 else "fail") if sure else "inconclusive" for value, sure in zip(values, rejected, strict=True)]
    assert [record["outcome"] for record in records] == expected
    assert all(f"(95% over {count} slices, by Holm)" in record["reason"] for record in records)
    # The surest is decided at the level of Bonferroni.
    assert max(record["ci"]["level"] for record in records) == pytest.approx(1 - 0.05 / count)


def test_one_slice_and_single_gates_stay_what_they_are():
    found, _ = result([0.7, 0.82], [0.04, 0.04])
    for text in ("accuracy[g=0] >= 0.8 decide=proven-bad", "accuracy >= 0.8 decide=proven-ok"):
        (record,) = judge(found, [parse_gate(text)]).gates
        assert record["ci"]["level"] == 0.95
        assert "Holm" not in record["reason"]
    # By itself the slice fails, among two it is not sure.
    (record,) = judge(found, [parse_gate("accuracy[g=0] >= 0.78 decide=proven-bad")]).gates
    assert record["outcome"] == "fail"
    records = judge(found, [parse_gate("accuracy[g=*] >= 0.78 decide=proven-bad")]).gates
    assert [record["outcome"] for record in records] == ["inconclusive", "inconclusive"]
    single, _ = result([0.7], [0.04])
    (record,) = judge(single, [parse_gate("accuracy[g=*] >= 0.78 decide=proven-bad")]).gates
    assert (record["outcome"], record["ci"]["level"]) == ("fail", 0.95)


def test_slices_that_cannot_be_measured_have_no_part():
    found, _ = result([0.7, 0.82, 0.6], [0.04, 0.04, 0.04])
    slices = [found.slices[0], found.slices[1], replace(found.slices[2], ci=None)]
    records = judge(found._replace(slices=tuple(slices)), [parse_gate("accuracy[g=*] >= 0.78 decide=proven-bad")]).gates
    assert [record["outcome"] for record in records] == ["inconclusive", "inconclusive", "error"]
    assert "2 slices" in records[0]["reason"]
    records = judge(found, [parse_gate("accuracy[g=*] >= 0.78 decide=proven-bad confidence=0.9")]).gates
    assert {record["outcome"] for record in records} == {"error"}


def test_an_interval_that_does_not_lie_around_its_value():
    """That of a calibration error is one around the error without chance."""
    measure = Measure(0.05, Interval(0.95, 0.01, 0.03, "debiased"), 100)
    wider = measure.at(0.99)
    ratio = stats.norm.ppf(0.995) / stats.norm.ppf(0.975)
    assert (wider.low, wider.high) == (pytest.approx(0.02 - 0.01 * ratio), pytest.approx(0.02 + 0.01 * ratio))
    # A value that does not vary is above any other one for sure.
    sure = Measure(1.0, Interval(0.95, 1.0, 1.0, "t"), 100)
    assert holm_intervals(0.5, [sure, sure])[0].low == 1.0
    assert (sure.p_value(0.5), sure.p_value(1.0)) == (0.0, 1.0)


def test_relative_changes_against_the_bootstrap():
    random = np.random.default_rng(4)
    base = random.gamma(2.0, 0.2, 2000)
    candidate = 0.8 * base + random.gamma(2.0, 0.08, 2000)
    n = len(base)
    d = candidate - base
    errors = [x.std(ddof=1) / np.sqrt(n) for x in (d, base, candidate)]
    reach = stats.t.ppf(0.975, n - 1) * errors[0]
    change = PairedChange(Interval(0.95, d.mean() - reach, d.mean() + reach, "paired t"), *errors)
    found = change.relative(base.mean(), candidate.mean())
    drawn = random.integers(0, n, (3000, n))
    draws = candidate[drawn].mean(axis=1) / base[drawn].mean(axis=1) - 1
    assert (found.low + found.high) / 2 == pytest.approx(candidate.mean() / base.mean() - 1)
    assert (found.high - found.low) / 2 / stats.t.ppf(0.975, n - 1) == pytest.approx(draws.std(), rel=0.05)
    # A base below 0 turns nothing round: a share is of its size.
    mirrored = change.relative(-candidate.mean(), -base.mean())
    assert mirrored.low > 0 if d.mean() > 0 else mirrored.high < 0


@pytest.mark.parametrize(
    ("method", "df"), [("t", 99), ("paired t", 99), ("mcnemar", 99), ("jackknife", FOLDS - 1), ("influence", np.inf), ("wilson", np.inf)]
)
def test_degrees_of_freedom_are_those_of_the_method(method, df):
    assert Measure(0.5, Interval(0.95, 0.4, 0.6, method), 100).df == df
