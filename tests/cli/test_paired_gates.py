"""Gates on changes since a stored state: paired by folds where both were measured with the same clusters, and unpaired else."""

import json

import numpy as np
import pytest
from scipy import stats

import xent as package
from xent.core.folds import folds_of

COUNT = 600
CLUSTERED = ("--ci", "0.95", "--cluster", "id")


@pytest.fixture
def losses(folder):
    """Two models on the same rows, which err together: the cross-entropy of every row by each."""
    random = np.random.default_rng(21)
    y = random.integers(0, 2, COUNT)
    shared = random.normal(0, 1, COUNT) + 1.5 * (2 * y - 1)
    found = []
    for name in ("main", "pull"):
        p = (1 / (1 + np.exp(-(shared + random.normal(0.0, 0.25, COUNT))))).round(7)
        found.append(-np.log(np.where(y == 1, p, 1 - p)))
        lines = [f"{row},{'ab'[row % 2]},{label},{score!r}" for row, (label, score) in enumerate(zip(y, p.tolist(), strict=True))]
        (folder / f"{name}.csv").write_text("id,g,y,score\n" + "\n".join(lines) + "\n")
    return found


def judged(xent, *args):
    ended = xent(*args, "-f", "json")
    assert ended.out, ended.err
    return json.loads(ended.out)["gates"]


def jackknife(values):
    return np.sqrt((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum())


def test_the_change_over_folds(xent, losses):
    xent("eval", "main.csv", "-m", "bce", *CLUSTERED, "--by", "g", "--state", "main.state")
    asked = ("eval", "pull.csv", "-m", "bce", *CLUSTERED, "--by", "g", "--state", "pull.state", "--baseline", "main.state")
    gates = ("delta(bce) <= 0.005 decide=proven-bad", "rel(bce) <= 2% decide=proven-bad", "delta(bce[g=*]) <= 0.005 decide=proven-bad")
    options = [word for gate in gates for word in ("--gate", gate)]
    whole, share, *slices = judged(xent, *asked, *options)
    base, candidate = losses
    folds = folds_of(np.arange(COUNT))
    left = [np.array([loss[folds != fold].mean() for fold in np.unique(folds)]) for loss in losses]
    df = len(left[0]) - 1
    for record, value, error in (
        (whole, (candidate - base).mean(), jackknife(left[1] - left[0])),
        (share, candidate.mean() / base.mean() - 1, jackknife(left[1] / left[0])),
    ):
        middle, reach = (record["ci"]["high"] + record["ci"]["low"]) / 2, (record["ci"]["high"] - record["ci"]["low"]) / 2
        assert middle == pytest.approx(value, rel=1e-6)
        assert reach == pytest.approx(stats.t.ppf(0.975, df) * error, rel=0.01 if record is share else 1e-6)
        assert record["ci"]["method"] == "jackknife"
        assert "% (paired) is <= " in record["reason"]
    for code, record in enumerate(slices):
        mine = np.arange(COUNT) % 2 == code
        left = [np.array([loss[mine & (folds != fold)].mean() for fold in np.unique(folds[mine])]) for loss in losses]
        reach = stats.t.ppf(0.5 + record["ci"]["level"] / 2, len(left[0]) - 1) * jackknife(left[1] - left[0])
        assert (record["ci"]["high"] - record["ci"]["low"]) / 2 == pytest.approx(reach, rel=2e-3)
        assert "over 2 slices, by Holm) (paired)" in record["reason"]
    # The states judge themselves, and Python takes them.
    again = judged(xent, "gate", "pull.state", "--baseline", "main.state", *options)
    assert again == [whole, share, *slices]
    result = package.evaluate("pull.csv", metrics=["bce"], ci=0.95, cluster="id", by=("g",), gates=list(gates), baseline="main.state")
    assert json.loads(json.dumps(result.gates)) == again


def test_pairs_decide_what_else_is_open(xent, losses):
    """A model that is worse by a little in every row."""
    xent("eval", "main.csv", "-m", "bce", *CLUSTERED, "--state", "main.state", "-o", "main.json")
    asked = ("eval", "pull.csv", "-m", "bce", *CLUSTERED, "--gate", "delta(bce) <= -0.02 decide=proven-bad")
    (paired,), (unpaired,) = (judged(xent, *asked, "--baseline", name) for name in ("main.state", "main.json"))
    assert paired["ci"]["high"] - paired["ci"]["low"] < 0.5 * (unpaired["ci"]["high"] - unpaired["ci"]["low"])
    assert "(unpaired)" in unpaired["reason"]
    assert unpaired["ci"]["method"] == "unpaired"
    assert (paired["outcome"], unpaired["outcome"]) == ("fail", "inconclusive")


def test_merged_shards_are_paired_too(xent, losses, folder):
    lines = (folder / "main.csv").read_text().splitlines(keepends=True)
    (folder / "one.csv").write_text("".join(lines[:200]))
    (folder / "two.csv").write_text(lines[0] + "".join(lines[:199:-1][: -0 or None]))
    for name in ("one", "two"):
        assert xent("eval", f"{name}.csv", "-m", "bce", *CLUSTERED, "--state", f"{name}.state").status == 0
    assert xent("merge", "two.state", "one.state", "--state", "main.state").status == 0
    xent("eval", "main.csv", "-m", "bce", *CLUSTERED, "--state", "whole.state")
    asked = ("eval", "pull.csv", "-m", "bce", *CLUSTERED, "--gate", "delta(bce) <= 0.005 decide=proven-bad", "--baseline")
    assert judged(xent, *asked, "main.state") == judged(xent, *asked, "whole.state")


@pytest.mark.parametrize(
    "options",
    [["--ci", "0.95", "--cluster", "id", "--seed", "1"], ["--ci", "0.95", "--cluster", "g"], ["--ci", "0.95"]],
    ids=["seed", "column", "none"],
)
def test_other_folds_are_not_paired(xent, losses, options):
    xent("eval", "main.csv", "-m", "bce", *CLUSTERED, "--state", "main.state")
    asked = ("eval", "pull.csv", "-m", "bce", *options, "--baseline", "main.state", "--gate", "delta(bce) <= 0.005 decide=proven-bad")
    (record,) = judged(xent, *asked)
    assert record["ci"]["method"] == "unpaired"
    assert "(unpaired)" in record["reason"]


def test_other_rows_are_not_paired(xent, losses, folder):
    """The digest knows nothing of clusters: equal labels whose rows belong to others."""
    xent("eval", "main.csv", "-m", "bce", *CLUSTERED, "--state", "main.state")
    head, *rows = (folder / "pull.csv").read_text().splitlines()
    (folder / "other.csv").write_text("\n".join([head, *(f"9{row}" for row in rows)]) + "\n")
    asked = ("eval", "other.csv", "-m", "bce", *CLUSTERED, "--baseline", "main.state", "--gate", "delta(bce) <= 0.005 decide=proven-bad")
    assert "(unpaired)" in judged(xent, *asked)[0]["reason"]


@pytest.mark.parametrize("metric", ["roc_auc", "ece", "mean_absolute_error", "precision", "median_absolute_error"])
def test_every_kind_of_metric(xent, losses, metric):
    xent("eval", "main.csv", "-m", metric, *CLUSTERED, "--state", "main.state")
    gate = f"delta({metric}) <= 1 decide=proven-bad"
    (record,) = judged(xent, "eval", "pull.csv", "-m", metric, *CLUSTERED, "--baseline", "main.state", "--gate", gate)
    assert record["outcome"] == "pass"
    assert record["ci"]["method"] == "jackknife"
    found = json.loads(xent("compare", "main.csv", "pull.csv", "--cluster", "id", "-m", metric, "-f", "json").out)
    assert found["differences"][0]["ci"]["low"] == record["ci"]["low"]


def test_relative_gates_of_a_comparison_are_paired(xent, losses):
    base, candidate = losses
    (record,) = judged(xent, "compare", "main.csv", "pull.csv", "-m", "bce", "--gate", "rel(bce) <= 2% decide=proven-bad")
    assert record["ci"]["method"] == "paired t"
    ratio = candidate.mean() / base.mean()
    # Of a ratio of means: the spread of its residues.
    error = (candidate - ratio * base).std(ddof=1) / np.sqrt(COUNT) / base.mean()
    assert (record["ci"]["high"] - record["ci"]["low"]) / 2 == pytest.approx(stats.t.ppf(0.975, COUNT - 1) * error, rel=1e-3)
