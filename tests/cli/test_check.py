"""`xent metrics` for metrics of one's own, and `--check`: metrics that break each law are found out, and sound ones are not."""

import inspect
import json
from typing import get_args

import numpy as np
import pytest

from xent.core.laws import KINDS, LAWS, check, rows_of_kind
from xent.core.table import Inputs, table

HEAD = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import Any
import numpy as np
from xent.core import derived
from xent.core.exact import ExactSum
from xent.core.metric import LiftBy, Metric
from xent.core.reduction import row_counts, rows_of
from xent.core.states import State, WeightedSum
from xent.core.table import metric

def parts(batch):
    weight = 1.0 if batch.sample_weight is None else batch.sample_weight
    return rows_of(batch.derive(derived.predictions), weight)

def by_slice(batch, values, function, empty):
    if batch.groups is None:
        return np.array([function(values) if len(values) else empty])
    mine = [values[batch.groups.codes == group] for group in range(batch.groups.count)]
    return np.array([function(each) if len(each) else empty for each in mine])

class Own(Metric):
    """Mean prediction, in some way."""

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy.make(lifted)

    def finish(self, state):
        return state.value()

def row(cls):
    return metric("own", direction="none", range="(-inf, inf)", inputs="values", formula="p", source="here")(cls)
'''

PAIR = '''
@dataclass(frozen=True, slots=True, eq=False)
class Pair(State):
    total: Any
    weight: Any

    def value(self):
        return self.total / self.weight

@row
class Mine(Own):
    """Mean prediction."""

def sums(batch):
    top, bottom = parts(batch)
    return by_slice(batch, top, np.sum, 0.0), by_slice(batch, bottom, np.sum, 0.0)
'''

SOUND = (
    PAIR
    + """
def lifted(batch):
    return Pair(*(ExactSum.of(each, batch.groups) for each in parts(batch)))
"""
)

MEAN_OF_MEANS = (
    PAIR
    + """
def lifted(batch):
    top, bottom = sums(batch)
    with np.errstate(all="ignore"):
        return Pair(np.where(bottom > 0, top / bottom, 0.0), (bottom > 0).astype(float))
"""
)

FLOATS = (
    PAIR
    + """
def lifted(batch):
    return Pair(*sums(batch))
"""
)

NO_WEIGHTS = (
    PAIR
    + """
def lifted(batch):
    count = ExactSum.of_integers(row_counts(batch))
    return Pair(ExactSum.of(batch.derive(derived.predictions), batch.groups), count)
"""
)

NO_SLICES = (
    PAIR
    + """
def lifted(batch):
    return Pair(*(ExactSum.of(each) for each in parts(batch)))
"""
)

ONE = '''
@dataclass(frozen=True, slots=True, eq=False)
class One(State):
    found: Any

    def merge(self, other):
        return type(self)(MERGED)

    def value(self):
        return self.found

@row
class Mine(Own):
    """A prediction."""

def lifted(batch):
    return One(by_slice(batch, batch.derive(derived.predictions), FUNCTION, EMPTY))
'''


def one(function, merged, empty):
    return ONE.replace("FUNCTION", function).replace("MERGED", merged).replace("EMPTY", empty)


LAST = one("lambda each: each[-1]", "np.where(np.isnan(other.found), self.found, other.found)", "np.nan")
LEAST_OR_ZERO = one("np.min", "np.minimum(self.found, other.found)", "0.0")
LEAST = one("np.min", "np.minimum(self.found, other.found)", "np.inf")

NO_JSON = SOUND.replace("    def value", "    def to_json(self):\n        return {}\n\n    def value")
FORGETS = NO_JSON.replace("return {}", "return {name: ExactSum.zero(1).to_json() for name in ('total', 'weight')}")
LOSES = SOUND.replace("    def value", "    def merge(self, other):\n        return self\n\n    def value")
RAISES = SOUND.replace("return Pair(", "if len(batch) > 2: raise LookupError('too many')\n    return Pair(")


@pytest.fixture
def own(folder):
    def write(text):
        (folder / "own.py").write_text(HEAD + text)
        return "./own.py:Mine"

    return write


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        pytest.param(SOUND, set(), id="sound"),
        pytest.param(LEAST, set(), id="sound-least"),
        pytest.param(MEAN_OF_MEANS, {"chunks", "merge"}, id="mean-of-means"),
        pytest.param(FLOATS, {"chunks", "merge", "order"}, id="float-sums"),
        pytest.param(NO_WEIGHTS, {"weights"}, id="forgets-weights"),
        pytest.param(NO_SLICES, {"slices"}, id="forgets-slices"),
        pytest.param(LEAST_OR_ZERO, {"nothing"}, id="wrong-neutral"),
        pytest.param(LAST, {"order", "merge"}, id="order-dependent"),
        pytest.param(NO_JSON, {"json"}, id="no-json"),
        pytest.param(FORGETS, {"json"}, id="forgetful-json"),
        pytest.param(LOSES, {"chunks", "merge"}, id="merge-loses"),
    ],
)
def test_broken_laws_are_found(xent, own, text, broken):
    name = own(text)
    ended = xent("metrics", "--check", name, "-f", "json")
    assert (ended.status, ended.err) == (1 if broken else 0, "")
    found = json.loads(ended.out)
    assert (found["name"], found["holds"]) == (name, not broken)
    assert [law["law"] for law in found["laws"]] == list(LAWS)
    failed = {law["law"] for law in found["laws"] if not law["holds"]}
    assert broken <= failed
    if len(broken) <= 1:
        assert failed == broken
    for law in found["laws"]:
        assert (law["counterexample"] is None) == law["holds"]
        assert law["trials"] >= 1
    assert xent("metrics", "--check", name, "-f", "json").out == ended.out


def test_the_first_counterexample_is_small_and_true(xent, own):
    ended = xent("metrics", "--check", own(NO_WEIGHTS))
    assert ended.status == 1
    lines = ended.out.splitlines()
    assert lines[3] == "weights  FAILS  A weight of 2 is the row twice, and a weight of 1 is none."
    told = " ".join(ended.out.split())
    text = told.partition("instead of as many equal rows: ")
    times = json.loads(text[0].rpartition("weights ")[2])
    got, _, rest = text[2].partition(", not ")
    wanted, _, rest = rest.partition("; y_true ")
    y_pred = json.loads(rest.partition("y_pred ")[2].partition("]")[0] + "]")
    assert len(times) == len(y_pred) <= 4
    assert float(got) == pytest.approx(np.mean(y_pred), rel=1e-15)
    assert float(wanted) == pytest.approx(np.average(y_pred, weights=times), rel=1e-15)
    assert lines[-1] == "./own.py:Mine: 1 of 7 laws fails: weights"


def test_an_error_of_the_metric_breaks_the_law(xent, own):
    ended = xent("metrics", "--check", own(RAISES))
    assert (ended.status, ended.err) == (1, "")
    assert "raises LookupError: too many; y_true" in " ".join(ended.out.split())


def test_all_that_holds(xent):
    ended = xent("metrics", "--check", "auc:num_thresholds=7")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [line.split()[:2] for line in lines[:-2]] == [[law, "holds"] for law in LAWS]
    assert lines[-2:] == ["", "auc:num_thresholds=7: all 7 laws hold"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--check"], "--check needs the NAME of a metric"),
        (["--check", "acuracy"], "unknown metric 'acuracy'; did you mean 'accuracy'"),
        (["--check", "mean_iou"], "mean_io_u needs the parameter 'num_classes'"),
        (["--check", "auc:bins=3"], "auc has no parameter 'bins'"),
        (["--check", "./none.py:Mine"], "./none.py: No such file or directory"),
        (["./none.py:Mine"], "./none.py: No such file or directory"),
    ],
)
def test_what_cannot_be_checked(xent, args, said):
    ended = xent("metrics", *args)
    assert (ended.status, ended.out) == (2, "")
    assert said.replace("mean_io_u", "mean_iou") in ended.err.replace("mean_io_u", "mean_iou")


REQUIRED = {"num_classes": 3, "target_class_ids": [0, 1], "specificity": 0.5, "sensitivity": 0.5, "precision": 0.5, "recall": 0.5}


@pytest.mark.parametrize("row", table().values(), ids=lambda row: row.name)
def test_every_metric_of_the_table_passes(row):
    given = {name: REQUIRED[name] for name, default in row.parameters.items() if default is inspect.Parameter.empty}
    for outcome in check(row.cls(**given)):
        assert outcome.holds, f"{outcome.law}: {outcome.counterexample}"
        assert outcome.trials >= 10


def test_there_are_rows_for_all_inputs():
    assert KINDS.keys() == set(get_args(Inputs))


@pytest.mark.parametrize("kind", ["events", "classes", "counts", "numbers", "intervals"])
def test_rows_are_made_from_the_seed(kind):
    one, same, other = (rows_of_kind(kind, np.random.default_rng(seed), 40, classes=4) for seed in (1, 1, 2))
    assert str(one.at(slice(9))) == str(same.at(slice(9))) != str(other.at(slice(9)))
    assert len(one) == 40
    assert np.isfinite(one.y_pred).all()
    if kind in ("events", "classes"):
        assert one.y_pred.min() >= 0 <= one.y_true.min()
        assert one.y_pred.max() <= 1
        assert len(set(one.y_pred.reshape(-1).tolist())) < one.y_pred.size, "there are ties"
    if kind == "classes":
        assert one.y_pred.shape == (40, 4)
        assert set(one.y_true.tolist()) == {0, 1, 2, 3}


def test_a_metric_of_a_file_is_described(xent, own):
    name = own(SOUND)
    ended = xent("metrics", name)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[:2] == ["own", "Mean prediction."]
    assert ended.out.endswith("example\n  xent eval preds.csv --label y_true --pred y_pred -m ./own.py:Mine\n")
    assert json.loads(xent("metrics", name, "-f", "json").out)["example"].endswith("-m ./own.py:Mine")


def test_a_metric_of_a_file_is_evaluated_in_any_chunks(xent, own, folder):
    name = own(SOUND)
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(50, 3))
    np.savetxt(folder / "rows.csv", np.c_[rows[:, :2], abs(rows[:, 2])], delimiter=",", header="y,pred,w", comments="", fmt="%.17g")
    values = {
        xent("eval", "rows.csv", "--weight", "w", "-m", f"mine={name}", "-q", "--chunk-rows", chunk, "--threads", threads).out
        for chunk in ("1", "7", "50")
        for threads in ("1", "3")
    }
    assert len(values) == 1
    assert float(values.pop()) == pytest.approx(np.average(rows[:, 1], weights=abs(rows[:, 2])), rel=1e-14)


def test_two_classes_of_one_name_are_told_apart_by_nothing(xent, own, folder):
    name = own(SOUND)
    (folder / "other.py").write_text(HEAD + FLOATS)
    (folder / "rows.csv").write_text("y,pred\n1,2\n")
    ended = xent("eval", "rows.csv", "-m", name, "-m", "b=./other.py:Mine")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "xent: error: two of the classes asked for call themselves 'own'\n"
