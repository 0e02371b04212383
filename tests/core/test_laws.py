"""Laws that every metric of the table obeys. A metric that is entered into the table is under them from then on.

Any chunks, any merge tree and any order of the rows give the same bits; nothing is neutral; a state survives JSON; a weight of two is
the row twice; columns and matrices, one-hot and index labels, slices and files of their own give the same bits.
"""

import inspect
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.core.batch import Batch, Stack
from xent.core.errors import DataError, UsageError
from xent.core.groups import Groups
from xent.core.states import WeightedSum, state_from_json
from xent.core.table import table
from xent.core.tally import Confidence, Tally
from xent.core.views import VIEWS

pytestmark = pytest.mark.usefixtures("coarse_grid")

CLASSES = 3

EXAMPLE_PARAMETERS = {
    "num_classes": CLASSES,
    "target_class_ids": [0, 1],
    "specificity": 0.5,
    "sensitivity": 0.5,
    "precision": 0.5,
    "recall": 0.5,
}
"""Values for the parameters that have no default. A metric with another such parameter adds a line here."""

OTHER_PARAMETERS = {
    "alpha": [0.7],
    "apply_class_balancing": [True],
    "base": [2],
    "average": ["micro", "macro", "weighted", None],
    "beta": [2.0],
    "binning": ["mass", "isotonic", "width"],
    "bins": [3],
    "class_aggregation": [None, "variance_weighted_average"],
    "class_id": [1],
    "convention": ["exact", "sklearn", "torch"],
    "curve": ["PR", "PRGAIN"],
    "from_logits": [True],
    "gamma": [0.5],
    "ignore_class": [1],
    "k": [1, 2],
    "label_smoothing": [0.1],
    "multi_label": [True],
    "normalize": [True],
    "num_thresholds": [7],
    "of": ["accuracy", "youden", "mcc", "cost"],
    "over": ["confidence"],
    "points": [3, None],
    "q": [0.7],
    "summation_method": ["minoring", "majoring"],
    "threshold": [0.3],
    "thresholds": [0.3, [0.0, 0.2, 0.7], [0.0, 0.25, 0.5, 0.75, 1.0]],
    "top_k": [1, 2],
}
"""Values other than the default to try, where a metric has such a parameter and takes such a value."""

KINDS = {
    "binary": ["events"],
    "categorical": ["classes"],
    "classes": ["classes", "events"],
    "classwise": ["classes"],
    "decisions": ["classes"],
    "events": ["events", "classes"],
    "rankings": ["events", "classes"],
    "values": ["numbers"],
    "queries": ["queries"],
    "intervals": ["intervals"],
}
"""The kinds of rows that `rows_for` makes, by the `inputs` of a metric; the first is one that it must take."""


def required(row):
    names = [name for name, default in row.parameters.items() if default is inspect.Parameter.empty]
    return {name: EXAMPLE_PARAMETERS[name] for name in names}


@dataclass(frozen=True)
class Case:
    """A metric with parameters, the kind of its rows, and whether it sees logits."""

    name: str
    parameters: tuple
    kind: str
    logits: bool = False
    confidence: Confidence | None = None

    @property
    def row(self):
        return table()[self.name]

    def metric(self):
        return self.row.cls(**dict(self.parameters))

    def tally(self, groups=1):
        return Tally([self.metric()], groups=groups, from_logits=self.logits, confidence=self.confidence)

    def __str__(self):
        return "-".join([self.name, self.kind, *(f"{key}={value}" for key, value in self.parameters), *(["logits"] if self.logits else [])])


def kinds(row):
    return KINDS[row.inputs]


def defaults():
    return [Case(name, tuple(required(row).items()), kinds(row)[0]) for name, row in table().items()]


def variants():
    """The default of every metric; each other value of each parameter; each other kind of rows; and logits."""
    for case in defaults():
        yield case
        parameters = case.row.parameters
        for name in sorted(OTHER_PARAMETERS.keys() & parameters.keys()):
            for value in OTHER_PARAMETERS[name]:
                others = tuple((key, old) for key, old in case.parameters if key != name)
                variant = replace(case, parameters=(*others, (name, value)), logits=name == "from_logits")
                if is_taken(variant):
                    yield variant
        for kind in kinds(case.row)[1:]:
            yield replace(case, kind=kind)
        if case.kind in ("events", "classes") and "from_logits" not in parameters:
            yield replace(case, logits=True)


def is_taken(case):
    try:
        case.metric()
    except UsageError:
        return False
    return True


EVERY_DEFAULT = pytest.mark.parametrize("case", defaults(), ids=str)
EVERY_VARIANT = pytest.mark.parametrize("case", list(variants()), ids=str)


@dataclass(frozen=True)
class Rows:
    """Labels, predictions, weights and slices of some rows."""

    y_true: np.ndarray
    y_pred: np.ndarray
    weight: np.ndarray | None
    codes: np.ndarray
    clusters: np.ndarray

    def __len__(self):
        return len(self.y_pred)

    def at(self, index):
        return Rows(*(None if column is None else column[index] for column in vars(self).values()))

    def batch(self, groups=1):
        return Batch(self.y_true, self.y_pred, self.weight, Groups(self.codes, groups) if groups > 1 else None, clusters=self.clusters)


def rows_for(case, random, count, weighted=True, soft=False):
    """Rows of the kind that a metric takes, with ties, certain predictions and values on many scales."""
    if case.kind == "events":
        y_true = random.integers(0, 2, count)
        y_pred = np.where(random.random(count) < 0.5, random.random(count), random.integers(0, 11, count) / 10)
    elif case.kind == "classes":
        y_true = random.integers(0, CLASSES, count)
        y_pred = random.dirichlet(np.full(CLASSES, 0.5), count)
        y_pred = np.where(random.random((count, 1)) < 0.3, y_pred.round(1), y_pred)
        if soft:
            y_true = np.where(random.random((count, 1)) < 0.5, np.eye(CLASSES)[y_true], random.dirichlet(np.ones(CLASSES), count))
    elif case.kind == "queries":
        y_true = random.integers(0, 4, (count, CLASSES)) * random.integers(0, 2, (count, CLASSES))
        y_pred = random.random((count, CLASSES)).round(1)
    else:
        y_pred = np.exp(random.normal(0, 3, count))
        y_true = y_pred * np.exp(random.normal(0, 1, count))
        if case.kind == "intervals":
            y_pred = np.sort(np.stack([y_pred, y_pred[::-1]], axis=1), axis=1)
    if case.logits:
        y_pred = (y_pred - 0.5) * 40
    weight = random.choice([0.0, 0.5, 1.0, 0.1, 3.7], count) if weighted else None
    return Rows(y_true, y_pred, weight, random.integers(0, 2, count), random.integers(0, 5, count))


def tally_of(case, rows, chunks=None, groups=1):
    """The tally of rows that are read in chunks, given as a list of their sizes; all at once where it is None."""
    tally = case.tally(groups)
    start = 0
    for size in [len(rows)] if chunks is None else chunks:
        tally.update(rows.at(slice(start, start + size)).batch(groups))
        start += size
    assert start == len(rows)
    return tally


def seen(tally):
    """Everything that a tally says, and the bits of its exact sums: two results that differ in the 17th digit are found by either."""
    results = [repr(tally.results(group)) for group in range(tally.groups)]
    sums = sorted(f"{need!r}{state.to_json()!r}" for need, state in tally.states.items() if isinstance(state, WeightedSum))
    return results, sums, (tally.rows, tally.counts.tolist(), tally.weights.to_json(), tally.digest)


def cut(random, count):
    """Sizes of chunks, some of them empty, that add up to `count`."""
    edges = np.sort(random.integers(0, count + 1, random.integers(0, 5)))
    return np.diff([0, *edges, count]).tolist()


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
counts = st.integers(1, 14)
confidences = st.sampled_from([None, Confidence(0.95), Confidence(0.9, 7, True)])


@EVERY_VARIANT
@settings(max_examples=8)
@given(random=seeds, count=counts, weighted=st.booleans(), soft=st.booleans(), groups=st.sampled_from([1, 2]), confidence=confidences)
def test_chunks_merges_and_order_change_no_bit(case, random, count, weighted, soft, groups, confidence):
    case = replace(case, confidence=confidence)
    rows = rows_for(case, random, count, weighted, soft)
    try:
        whole = seen(tally_of(case, rows, groups=groups))
    except DataError:
        # Not every metric takes soft labels, nor every parameter one score a row. Those that the defaults need must do.
        assert soft or replace(case, confidence=None) not in defaults()
        return
    assert seen(tally_of(case, rows, [1] * count, groups)) == whole
    assert seen(tally_of(case, rows, cut(random, count), groups)) == whole
    assert seen(tally_of(case, rows.at(random.permutation(count)), groups=groups)) == whole
    parts = []
    start = 0
    for size in cut(random, count):
        parts.append(tally_of(case, rows.at(slice(start, start + size)), groups=groups))
        start += size
    while len(parts) > 1:
        one, other = (parts.pop(random.integers(len(parts))) for _ in range(2))
        one.merge(other)
        parts.append(one)
    assert seen(parts[0]) == whole


@EVERY_DEFAULT
@settings(max_examples=8)
@given(random=seeds, count=counts)
def test_nothing_is_neutral(case, random, count):
    rows = rows_for(case, random, count)
    whole = seen(tally_of(case, rows))
    before, after = case.tally(), tally_of(case, rows)
    before.merge(tally_of(case, rows))
    after.merge(case.tally())
    after.update(rows.at(slice(0, 0)).batch())
    assert seen(before) == seen(after) == whole


@EVERY_DEFAULT
@settings(max_examples=8)
@given(random=seeds, count=counts, confidence=confidences)
def test_a_state_survives_json(case, random, count, confidence):
    case = replace(case, confidence=confidence)
    rows = rows_for(case, random, count)
    tally, other = tally_of(case, rows), tally_of(case, rows.at(slice(count // 2)))
    for need, state in list(tally.states.items()):
        plain = json.loads(json.dumps({"kind": type(state).__name__, **state.to_json()}))
        tally.states[need] = state_from_json(plain)
    assert seen(tally) == seen(tally_of(case, rows))
    tally.merge(other)
    assert seen(tally) == seen(tally_of(case, Rows(*(np.concatenate([part, part[: count // 2]]) for part in vars(rows).values()))))


def fed(case, rows):
    """The metric itself, with rows as the command line would show them to it."""
    metric = case.metric()
    metric._add(metric.lift(VIEWS[case.row.inputs](rows.batch(), False)))
    return metric


@EVERY_DEFAULT
@settings(max_examples=8)
@given(random=seeds, count=st.integers(2, 14))
def test_a_metric_survives_json_and_merges(case, random, count):
    rows = rows_for(case, random, count)
    whole, one, other = fed(case, rows), fed(case, rows.at(slice(count // 2))), fed(case, rows.at(slice(count // 2, None)))
    cls = type(whole)
    returned = cls.from_state(json.loads(json.dumps(whole.get_state())))
    assert repr(returned.result()) == repr(whole.result())
    assert returned.get_config() == whole.get_config()
    other.merge_state([cls.from_state(json.loads(json.dumps(one.get_state()))), case.metric()])
    assert repr(other.result()) == repr(whole.result())
    # What `other` took over is not its to change.
    one.merge_state([one])
    assert repr(other.result()) == repr(whole.result())
    other.reset_state()
    assert repr(other.result()) == repr(case.metric().result())
    with pytest.raises(UsageError, match="cannot merge"):
        whole.merge_state([cls(**dict(case.parameters), dtype="float32")])


@EVERY_DEFAULT
@settings(max_examples=8)
@given(random=seeds, count=counts)
def test_a_weight_of_two_is_the_row_twice(case, random, count):
    times = random.choice([1, 2, 4], count)
    rows = replace(rows_for(case, random, count), weight=times.astype(np.float64))
    twice = replace(rows.at(np.repeat(np.arange(count), times)), weight=None)
    assert repr(tally_of(case, rows).results()[0].value) == repr(tally_of(case, twice).results()[0].value)
    ones = replace(rows, weight=np.ones(count))
    assert seen(tally_of(case, ones)) == seen(tally_of(case, replace(rows, weight=None)))


@EVERY_DEFAULT
@settings(max_examples=8)
@given(random=seeds, count=counts)
def test_a_slice_is_a_file_of_its_own(case, random, count):
    rows = rows_for(case, random, count)
    sliced = tally_of(case, rows, groups=2)
    for group in range(2):
        if (rows.codes == group).any():
            own = tally_of(case, rows.at(rows.codes == group))
            assert repr(sliced.results(group)) == repr(own.results())
        else:
            assert is_nothing(sliced.results(group)[0].value)
            assert sliced.results(group)[0].count == 0


@EVERY_VARIANT
@settings(max_examples=6)
@given(random=seeds, count=counts, weighted=st.booleans())
def test_the_layout_of_memory_changes_no_bit(case, random, count, weighted):
    rows = rows_for(case, random, count, weighted)
    rows = replace(rows, y_pred=rows.y_pred.astype(np.float32).astype(np.float64))
    try:
        whole = seen(tally_of(case, rows))
    except DataError:
        assert case not in defaults()
        return
    strided = np.repeat(rows.y_pred, 2, axis=0)[::2]
    layouts = [strided, np.asfortranarray(rows.y_pred)]
    if rows.y_pred.ndim == 2:
        layouts += [Stack(tuple(np.ascontiguousarray(column) for column in rows.y_pred.T)), Stack(tuple(rows.y_pred.T))]
    if dict(case.parameters).get("convention") != "sklearn":
        # That convention clips by the type that predictions are stored in.
        layouts += [rows.y_pred.astype(np.float32), np.asfortranarray(rows.y_pred.astype(np.float32))]
    for layout in layouts:
        tally = case.tally()
        tally.update(Batch(rows.y_true, layout, rows.weight))
        assert seen(tally) == whole
    if case.kind not in ("events", "classes"):
        return
    labels = [rows.y_true.astype(dtype) for dtype in (np.int8, np.uint64, np.float32, np.float64)]
    if case.kind == "classes":
        labels += [np.eye(CLASSES)[rows.y_true], np.eye(CLASSES, dtype=bool)[rows.y_true], np.eye(CLASSES, dtype=np.int8)[rows.y_true]]
    for label in labels:
        tally = case.tally()
        tally.update(Batch(label, rows.y_pred, rows.weight))
        assert seen(tally) == whole


@EVERY_DEFAULT
def test_rows_beyond_one_block(case):
    rows = rows_for(case, np.random.default_rng(7), 70_000)
    whole = seen(tally_of(case, rows, groups=2))
    assert seen(tally_of(case, rows, [7, 32_768, 37_225], groups=2)) == whole
    assert seen(tally_of(case, rows.at(slice(None, None, -1)), groups=2)) == whole


def is_nothing(value):
    """A mean of nothing is NaN; a sum or a count of nothing is 0."""
    values = np.asarray(value, dtype=np.float64)
    return bool(np.isnan(values).all() or (values == 0).all())


@EVERY_DEFAULT
def test_no_rows_have_no_value(case):
    assert is_nothing(tally_of(case, rows_for(case, np.random.default_rng(0), 0)).results()[0].value)
    assert is_nothing(case.metric().result())


def test_the_laws_look_at_every_metric():
    assert [case.name for case in defaults()] == list(table())
