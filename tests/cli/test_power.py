"""`xent power`: formulas worked from the files by hand, and what is said of questions that have no answer."""

import json
import math

import numpy as np
import pytest
from scipy import stats

COUNT = 500


@pytest.fixture
def errors(folder):
    """The squared errors of two models on the same rows."""
    random = np.random.default_rng(5)
    y, base = random.normal(0, 1, (2, COUNT)).round(6)
    candidate = (base + random.normal(0, 0.2, COUNT)).round(6)
    for name, p, order in (("main", base, range(COUNT)), ("pull", candidate, random.permutation(COUNT))):
        (folder / f"{name}.csv").write_text("id,user,y,pred\n" + "".join(f"{row},{row // 5},{y[row]},{p[row]}\n" for row in order))
    return (y - base) ** 2, (y - candidate) ** 2


def records(xent, *args):
    ended = xent("power", *args, "-f", "json")
    assert ended.status == 0, ended.err
    found = json.loads(ended.out)
    return {record["design"]: record for record in found["metrics"]}


def reach(error, power=0.8, level=0.95, df=COUNT - 1):
    return (stats.t.ppf(0.5 + level / 2, df) + stats.norm.ppf(power)) * error


def test_one_model(xent, errors):
    base, _ = errors
    error = base.std(ddof=1) / math.sqrt(COUNT)
    found = records(xent, "main.csv", "-m", "mse", "--detect", "0.05")
    assert list(found) == ["independent", "threshold"]
    for design, spread in (("independent", error * math.sqrt(2)), ("threshold", error)):
        assert found[design]["standard_error"] == pytest.approx(spread, rel=1e-9)
        assert found[design]["smallest_change"] == pytest.approx(reach(spread), rel=1e-6)
        assert found[design]["rows_needed"] == pytest.approx(COUNT * (reach(spread) / 0.05) ** 2, abs=1)
        z = 0.05 / spread - stats.t.ppf(0.975, COUNT - 1)
        assert found[design]["power_to_detect"] == pytest.approx(stats.norm.cdf(z), rel=1e-6)
    assert found["threshold"]["value"] == pytest.approx(base.mean(), rel=1e-9)


def test_two_models(xent, errors):
    base, candidate = errors
    found = records(xent, "main.csv", "pull.csv", "--on", "id", "-m", "mse", "--power", "0.9", "--ci", "0.99")
    error = (candidate - base).std(ddof=1) / math.sqrt(COUNT)
    assert found["paired"]["smallest_change"] == pytest.approx(reach(error, 0.9, 0.99), rel=1e-6)
    apart = math.hypot(base.std(ddof=1), candidate.std(ddof=1)) / math.sqrt(COUNT)
    assert found["independent"]["smallest_change"] == pytest.approx(reach(apart, 0.9, 0.99), rel=1e-6)
    assert found["paired"]["rows_needed"] is None
    assert found["paired"]["candidate_value"] == pytest.approx(candidate.mean(), rel=1e-9)


def test_clusters_are_heeded(xent, errors):
    found = records(xent, "main.csv", "-m", "mse", "--cluster", "user")
    assert found["threshold"]["method"] == "jackknife"
    assert found["threshold"]["smallest_change"] == pytest.approx(reach(found["threshold"]["standard_error"], df=100 - 1), rel=0.02)


def test_the_table(xent, errors):
    out = xent("power", "main.csv", "pull.csv", "--on", "id", "-m", "err=mse", "--detect", "0.05", "-f", "table").out
    assert "err (mean_squared_error)   these two models, same rows" in out
    assert "rows for 0.05" in out
    assert "an interval of 95% shows it with a probability of 80%" in out
    # Without --metric, those of the task.
    assert "root_mean_squared_error" in xent("power", "main.csv", "-f", "table").out


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["main.csv", "pull.csv", "pull.csv"], 2, "there are 2 candidates"),
        (["main.csv", "--ci", "1"], 2, "--ci 1.0"),
        (["main.csv", "--detect", "0"], 2, "--detect"),
        (["main.csv", "--power", "1"], 2, "--power"),
        (["main.csv", "pull.csv", "-m", "mse"], 3, "pull.csv: column 'y', row 1"),
        (["main.csv", "-m", "max_error"], 3, "max_error: the spread of the value is not known"),
        (["missing.csv"], 3, "missing.csv"),
    ],
)
def test_questions_without_an_answer(xent, errors, args, status, said):
    ended = xent("power", *args)
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err
