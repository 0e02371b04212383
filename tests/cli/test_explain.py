"""`xent explain`: one metric under every convention, and the rows that make the difference."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss

from xent.core.conventions import CONVENTIONS, meaning

EPSILON = 1e-7


def explained(ended):
    assert ended.status == 0, ended.err
    plain = json.loads(ended.out)
    assert [one["name"] for one in plain["conventions"]] == list(CONVENTIONS) == ["keras", "exact", "sklearn", "torch"]
    return plain, {one["name"]: one for one in plain["conventions"]}


@pytest.fixture
def events(folder):
    """Six events: one impossible, one nearly certain and wrong, one of no weight."""
    (folder / "events.csv").write_text("y,score,w\n1,0.75,1\n0,0.25,2\n1,0,0\n0,0.99999999,0.5\n1,0.5,1\n1,0,0.5\n")
    return "events.csv"


def test_events(xent, events):
    plain, found = explained(xent("explain", events, "-m", "bce"))
    assert (plain["metric"], plain["baseline"]) == ("binary_crossentropy", "keras")
    assert plain["params"]["label_smoothing"] == 0
    assert plain["data"]["rows"] == 6
    y, p = np.array([1, 0, 1, 0, 1, 1]), np.array([0.75, 0.25, 0, 0.99999999, 0.5, 0])
    keras = -np.where(y == 1, np.log(p.clip(EPSILON, 1 - EPSILON)), np.log1p(-p.clip(EPSILON, 1 - EPSILON))).mean()
    assert found["keras"]["value"] == pytest.approx(keras, rel=1e-9)
    assert (found["keras"]["difference"], found["keras"]["rows"], found["keras"]["first"]) == (0.0, 0, None)
    assert found["sklearn"]["value"] == pytest.approx(log_loss(y, p), rel=1e-12)
    assert found["sklearn"]["difference"] == pytest.approx(log_loss(y, p) - keras, rel=1e-9)
    torch = -np.where(y == 1, np.log(np.maximum(p, math.exp(-100))), np.log1p(-p)).mean()
    assert found["torch"]["value"] == pytest.approx(torch, rel=1e-12)
    assert (found["exact"]["value"], found["exact"]["difference"]) == ("inf", "inf")
    for name, at_zero in (("exact", "inf"), ("torch", 100.0)):
        one = found[name]
        assert one["rows"] == 3
        assert (one["first"]["file"], one["first"]["row"]) == ("events.csv", 3)
        assert (one["first"]["label"], one["first"]["prediction"], one["first"]["value"]) == (1, 0.0, at_zero)
        assert one["first"]["baseline"] == pytest.approx(-math.log(EPSILON), rel=1e-15)
        # Rows 3 and 6 differ alike; the earlier one is told.
        assert one["largest"] == one["first"]


def test_rows_of_no_weight_make_no_difference_unless_they_are_infinite(xent, events):
    _, found = explained(xent("explain", events, "-m", "bce", "--weight", "w"))
    assert found["torch"]["rows"] == 2
    assert found["torch"]["first"]["row"] == 4
    assert found["torch"]["largest"]["row"] == 6
    assert found["exact"]["value"] == "nan", "infinity times no weight"
    assert found["exact"]["rows"] == 3


@pytest.fixture
def several(folder):
    """Two files of 1,000 rows over three classes, some of which do not sum to 1, some with a true class of probability 0."""
    rng = np.random.default_rng(11)
    p = rng.dirichlet(np.full(3, 0.5), 1000).round(2)
    p[:, 2] = (1 - p[:, 0] - p[:, 1]).round(2).clip(0)
    p[rng.random(1000) < 0.1] *= 0.5
    y = rng.integers(0, 3, 1000)
    for name, rows in (("a", slice(400)), ("b", slice(400, None))):
        table = {"label": y[rows], **{f"p_{number}": p[rows, number] for number in range(3)}}
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    return y, p


def test_classes(xent, several):
    y, p = several
    _, found = explained(xent("explain", "a.parquet", "b.parquet", "-m", "cce"))
    sums = p.sum(axis=1)
    true = p[np.arange(1000), y]
    with np.errstate(divide="ignore"):
        exact = -np.log(true)
    keras = -np.log((true / sums).clip(EPSILON, 1 - EPSILON))
    assert found["keras"]["value"] == pytest.approx(keras.mean(), rel=1e-13)
    assert found["exact"]["value"] == "inf"
    # Whole halves in place of a sum of 1, zeros and ones; a sum that rounding alone moves off 1 is not looked at from here.
    sure = np.flatnonzero(abs(exact - keras) > 1e-9)
    rows = np.flatnonzero(exact != keras)
    assert len(sure) <= found["exact"]["rows"]
    assert found["exact"]["rows"] == pytest.approx(len(rows), abs=100)
    worst = int(np.flatnonzero(np.isinf(exact))[0])
    largest = found["exact"]["largest"]
    assert (largest["file"], largest["row"]) == (("a.parquet", worst + 1) if worst < 400 else ("b.parquet", worst - 399))
    assert (largest["label"], largest["prediction"]) == (str(y[worst]), 0.0) or (largest["label"], largest["prediction"]) == (y[worst], 0.0)
    assert largest["value"] == "inf"
    sklearn = -np.log(true.clip(np.finfo(float).eps, 1 - np.finfo(float).eps)).mean()
    assert found["sklearn"]["value"] == pytest.approx(sklearn, rel=1e-13)


@pytest.mark.parametrize("metric", ["cce", "perplexity", "kld", "scce:ignore_class=1", "cce:label_smoothing=0.1"])
def test_how_rows_are_read_changes_no_byte(xent, several, metric):
    whole = xent("explain", "a.parquet", "b.parquet", "-m", metric, "--threads", "1").out
    assert json.loads(whole)["conventions"][1]["rows"] > 0
    for chunk in ("1", "7", "1000"):
        for threads in ("1", "3"):
            assert xent("explain", "a.parquet", "b.parquet", "-m", metric, "--chunk-rows", chunk, "--threads", threads).out == whole


def test_ignored_rows_make_no_difference(xent, folder):
    (folder / "rows.csv").write_text("label,p_0,p_1\n0,0,1\n1,1,0\n0,0.5,0.5\n")
    _, found = explained(xent("explain", "rows.csv", "-m", "scce:ignore_class=0"))
    assert (found["exact"]["rows"], found["exact"]["first"]["row"]) == (1, 2)


@pytest.mark.parametrize("chunk", ["1", "2", "4"])
def test_one_hot_rows_are_shown_as_their_class(xent, folder, chunk):
    """Whatever stands beside them: a block of one-hot rows alone is seen as indices."""
    (folder / "rows.csv").write_text("y_a,y_b,p_a,p_b\n1,0,0,1\n0.5,0.5,0.5,0.5\n0.5,0.5,1,0\n0,1,1,0\n")
    _, found = explained(xent("explain", "rows.csv", "-m", "cce", "--label", "y_a,y_b", "--pred", "p_a,p_b", "--chunk-rows", chunk))
    first = found["torch"]["first"]
    assert (first["row"], first["label"], first["prediction"]) == (1, "a", 0.0)
    assert found["torch"]["rows"] == 3


def test_class_names(xent, multi):
    _, found = explained(xent("explain", multi, "-m", "cce:label_smoothing=0.1"))
    assert (found["exact"]["first"]["label"], found["exact"]["first"]["prediction"]) == ("dog", 0.95)


def test_a_convention_without_counterpart(xent, folder):
    (folder / "counts.csv").write_text("y,pred\n2,1.5\n0,0.25\n1,0\n")
    _, found = explained(xent("explain", "counts.csv", "-m", "poisson"))
    assert found["sklearn"] == {
        "name": "sklearn",
        "counterpart": False,
        "meaning": "has no counterpart",
        **dict.fromkeys(("value", "difference", "rows", "first", "largest", "signature")),
    }
    y, rate = np.array([2, 0, 1]), np.array([1.5, 0.25, 0])
    assert found["torch"]["value"] == pytest.approx((rate - y * np.log(rate + 1e-8)).mean(), rel=1e-13)
    assert found["torch"]["meaning"] == meaning("torch", "poisson") != meaning("torch", "binary_crossentropy")
    assert "sklearn      no counterpart" in xent("explain", "counts.csv", "-m", "poisson", "-f", "table").out


def test_logits_are_all_the_same(xent, logits):
    _, found = explained(xent("explain", logits, "--labels", "y.npy", "-m", "cce", "--from-logits"))
    assert len({one["value"] for one in found.values()}) == 1
    assert {one["rows"] for one in found.values()} == {0}
    table = xent("explain", logits, "--labels", "y.npy", "-m", "cce", "--from-logits", "-f", "table").out
    assert "Nothing of this is done to logits, so all conventions are one." in table
    assert "differ first" not in table


def test_the_table(xent, events):
    ended = xent("explain", events, "-m", "bce", "-f", "table")
    assert ended.status == 0
    lines = [line.rstrip() for line in ended.out.splitlines()]
    assert lines[0].split("  ")[0] == "convention"
    assert [line.split()[0] for line in lines[2:6]] == list(CONVENTIONS)
    assert lines[3].split() == ["exact", "inf", "+inf", "3"]
    assert lines[7:11] == [f"{name} {meaning(name, 'binary_crossentropy')}." for name in CONVENTIONS]
    assert lines[12] == "exact differs first in events.csv, row 3 (label 1, prediction 0: 16.1181 becomes inf)."
    assert lines[-1] == "events.csv: 6 rows"


def test_missing_values(xent, folder):
    (folder / "rows.csv").write_text("y,score\n1,0.5\n1,\n1,0\n")
    refused = xent("explain", "rows.csv", "-m", "bce")
    assert (refused.status, refused.out) == (3, "")
    assert "rows.csv: column 'score', row 2: a value is missing" in refused.err
    plain, found = explained(xent("explain", "rows.csv", "-m", "bce", "--nan", "skip"))
    assert (plain["data"]["rows"], plain["data"]["rows_dropped"], found["exact"]["first"]["row"]) == (2, 1, 3)


def test_escaped(xent, folder):
    (folder / "a\x1b[31m.csv").write_text("label,p_a,p_b\u009b\nb\u009b,1,0\n")
    ended = xent("explain", "a\x1b[31m.csv", "-m", "cce", "-f", "table")
    assert ended.status == 0, ended.err
    assert not set(ended.out + ended.err) & {"\x1b", "\x9b"}


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        ([], 2, "Missing option '-m'"),
        (["-m", "accuracy"], 2, "accuracy has no parameter 'convention'; those that have it: binary_crossentropy, "),
        (["-m", "bce:convention=torch"], 2, "all conventions are compared, so binary_crossentropy cannot be given one"),
        (["-m", "bce:label_smoothing=2"], 2, "label_smoothing must lie in [0, 1], not 2"),
        (["-m", "bce:reduction=none"], 2, "binary_crossentropy is no mean of the rows' values, so rows cannot be compared"),
        (["-m", "bse"], 2, "unknown metric 'bse'"),
        (["-m", "bce", "--where", "y > 3"], 5, "there are no rows"),
        (["-m", "bce", "--pred", "nothing"], 3, "nothing"),
    ],
)
def test_what_cannot_be_explained(xent, events, args, status, said):
    ended = xent("explain", events, *args)
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err
    assert ended.err.startswith("xent: error: ")
