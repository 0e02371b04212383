"""`--state` and `xent merge`: what was measured of parts makes, bit for bit, what one run over all rows gives."""

import inspect
import itertools
import json

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xent.core.table import table
from xent.io.schema import STATE
from xent.io.state_file import _checksum

REQUIRED = {
    "num_classes": "3",
    "target_class_ids": "[0;1]",
    "specificity": "0.5",
    "sensitivity": "0.5",
    "precision": "0.5",
    "recall": "0.5",
    "threshold": "0.5",
}
KINDS = {
    "events": ("binary", "events"),
    "classes": ("categorical", "classwise", "decisions", "classes", "rankings"),
    "numbers": ("values",),
    "queries": ("queries",),
}
COLUMNS = {
    "events": ("--label", "event", "--pred", "p_1"),
    "classes": ("--label", "y", "--pred", "p_*"),
    "numbers": ("--label", "amount", "--pred", "guess"),
    "queries": ("--label", "y", "--pred", "p_0", "--group", "query"),
}
BY = ("--by", "country", "--by", "country,x=cut(p_2,0.1,0.5)")
SIZES = (1, 60, 0, 139)


def metrics_of(kind):
    """Every metric that takes rows of a kind; intervals are two numbers a row."""
    rows = [row for row in table().values() if row.inputs in KINDS[kind] and row.name != "interval_coverage"]
    return [row.name + parameters(row) for row in rows]


def parameters(row):
    needed = [name for name, default in row.parameters.items() if default is inspect.Parameter.empty]
    return ":" + ",".join(f"{name}={REQUIRED[name]}" for name in needed) if needed else ""


def words(metrics):
    return [word for metric in metrics for word in ("-m", metric)]


@pytest.fixture
def parts(folder):
    """A file of all rows, and four of parts, one of which has no rows."""
    rng = np.random.default_rng(8)
    rows = sum(SIZES)
    p = rng.dirichlet(np.ones(3), rows)
    p = np.where(rng.random((rows, 1)) < 0.2, np.eye(3)[rng.integers(0, 3, rows)], p)
    columns = {"y": rng.integers(0, 3, rows), "event": rng.integers(0, 2, rows), **{f"p_{k}": p[:, k] for k in range(3)}}
    columns |= {"w": rng.choice([0.1, 0.5, 3.0], rows), "country": rng.choice(["de", "fr", "a\ufeff", None], rows).tolist()}
    columns |= {
        "query": np.arange(rows) // 7,
        "one": np.ones(rows),
        "amount": rng.exponential(size=rows),
        "guess": rng.exponential(size=rows),
    }
    whole = pa.table(columns)
    edges = [0, *itertools.accumulate(SIZES)]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        pq.write_table(whole.slice(start, stop - start), folder / f"part-{number}.parquet")
    return [f"part-{number}.parquet" for number in range(len(SIZES)) if SIZES[number]]


def states_of(xent, parts, *options):
    for part in parts:
        ended = xent("eval", part, *options, "-q", "--state", f"{part}.state")
        assert ended.status == 0, ended.err
    return [f"{part}.state" for part in parts]


@pytest.mark.parametrize("by", [(), BY], ids=["whole", "sliced"])
@pytest.mark.parametrize("weight", [(), ("--weight", "w")], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_merged_states_are_one_run(xent, parts, folder, kind, weight, by):
    """Over the whole table: the result and the state, byte by byte."""
    if kind == "queries" and weight:
        weight = ("--weight", "one")
    options = (*COLUMNS[kind], *weight, *by, *words(metrics_of(kind)))
    states = states_of(xent, parts, *options)
    whole = xent("eval", *parts, *options, "--state", "whole.state")
    assert whole.status == 0, whole.err
    merged = xent("merge", *states, "--state", "merged.state")
    assert (merged.status, merged.err) == (0, "")
    assert merged.out == whole.out
    assert (folder / "merged.state").read_bytes() == (folder / "whole.state").read_bytes()
    # The tree of merging makes no difference.
    assert xent("merge", *states[1:], "--state", "last.state").status == 0
    assert xent("merge", states[0], "last.state").out == whole.out
    # Nor does the order, but for the order of the sources.
    other = json.loads(xent("merge", *states[::-1]).out)
    expected = json.loads(whole.out)
    assert (other["metrics"], other["slices"]) == (expected["metrics"], expected["slices"])
    jsonschema.Draft202012Validator(STATE).validate(json.loads((folder / "whole.state").read_text()))


def test_values_of_rows_come_in_the_order_of_the_states(xent, parts):
    options = ("--label", "event", "--pred", "p_1", "-m", "bce:reduction=none", "--by", "country")
    states = states_of(xent, parts, *options)
    assert xent("merge", *states[::-1]).out == xent("eval", *parts[::-1], *options).out


def test_no_way_of_reading_shows_in_a_state(xent, parts, folder):
    options = (*COLUMNS["classes"], *BY, "-m", "cce", "-m", "roc_auc", "-m", "f1_score", "-m", "confusion_matrix")
    found = set()
    for number, way in enumerate(([], ["--threads", "1", "--chunk-rows", "1"], ["--threads", "4", "--chunk-rows", "13"])):
        assert xent("eval", *parts, *options, *way, "--state", f"{number}.state").status == 0
        found.add((folder / f"{number}.state").read_bytes())
    assert len(found) == 1


def test_class_names_labels_and_what_was_dropped(xent, folder):
    text = "label,p_cat,p_dog\ncat,0.75,0.25\ndog,0.5,0.5\n"
    (folder / "a.csv").write_text(text + "cat,,0.5\n")
    (folder / "b.csv").write_text(text.replace("0.75", "0.875"))
    options = ("--nan", "skip", "--classes", "cat,dog", "-m", "mine=cce:label_smoothing=0.1", "-m", "accuracy")
    states = states_of(xent, ["a.csv", "b.csv"], *options)
    merged = xent("merge", *states)
    assert merged.out == xent("eval", "a.csv", "b.csv", *options).out
    result = json.loads(merged.out)
    assert (result["data"]["rows"], result["data"]["rows_dropped"], result["data"]["columns"]["class_names"]) == (4, 1, ["cat", "dog"])
    assert result["metrics"][0]["label"] == "mine"


def test_all_ways_of_printing(xent, parts, folder):
    options = (*COLUMNS["events"], "-m", "bce", "--by", "country")
    states = states_of(xent, parts, *options)
    for form in ("table", "json", "jsonl", "csv", "tsv", "markdown"):
        assert xent("merge", *states, "-f", form).out == xent("eval", *parts, *options, "-f", form).out
    quiet = xent("merge", *states, "-q", "-o", "merged.md", "-o", "merged.csv")
    assert quiet.out == xent("eval", *parts, *options, "-q").out
    assert (folder / "merged.csv").read_text() == xent("merge", *states, "-f", "csv").out
    assert (folder / "merged.md").read_text() == xent("merge", *states, "-f", "markdown").out


def test_the_same_input_twice(xent, parts, folder):
    options = (*COLUMNS["events"], "-m", "bce")
    states = states_of(xent, parts, *options)
    (folder / "other.parquet").write_bytes((folder / parts[1]).read_bytes())
    (again,) = states_of(xent, ["other.parquet"], *options, "--by", "country")
    ended = xent("merge", *states, states[0])
    assert (ended.status, ended.out) == (3, "")
    assert f"{states[0]}: is named twice" in ended.err
    (again,) = states_of(xent, ["other.parquet"], *options)
    assert xent("merge", *states[:2], "--state", "sum.state").status == 0
    ended = xent("merge", "sum.state", again)
    assert (ended.status, ended.out) == (3, "")
    assert f"{again}: holds 'other.parquet', whose 60 rows are those of '{parts[1]}' in sum.state: they would count twice" in ended.err
    # The same labels with other predictions are other rows.
    states_of(xent, [parts[0]], "--label", "event", "--pred", "p_0", "-m", "bce")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-m", "mse"], ["metric binary_crossentropy|", "metric mean_squared_error"]),
        (["-m", "bce:label_smoothing=0.1"], ["label_smoothing:0|", "label_smoothing:0.1|"]),
        (["-m", "bce", "-m", "mse"], ["number of metrics 1", "number of metrics 2"]),
        (["-m", "mine=bce"], ["metric binary_crossentropy|", "metric mine=binary_crossentropy|"]),
        (["-m", "bce", "--convention", "exact"], ["convention:keras", "convention:exact"]),
        (["-m", "bce", "--nan", "skip"], ["--nan error", "--nan skip"]),
        (["-m", "bce", "--weight", "w"], ['"weight": null', '"weight": "w"']),
        (["-m", "bce", "--classes", "no,yes"], ["classes"]),
        (["-m", "bce", "--by", "country"], ["--by none", "--by 'country'"]),
        (["-m", "bce", "--ci", "0.9"], ["--ci none", "--ci 0.9 --seed 0"]),
    ],
)
def test_states_of_other_questions(xent, parts, options, said):
    (one,) = states_of(xent, parts[:1], *COLUMNS["events"], "-m", "bce")
    (other,) = states_of(xent, parts[1:2], *COLUMNS["events"], *options)
    ended = xent("merge", one, other)
    assert (ended.status, ended.out) == (3, "")
    first, second = ended.err.splitlines()
    assert first == "xent: error: cannot merge states of other metrics, options or classes"
    assert f"{one}: " in second
    assert f"{other}: " in second
    assert [text for text in said if text not in second] == []


def sealed(state, **changes):
    """A state that was changed by somebody who knows how to make its checksum."""
    body = {**state, **changes}
    body.pop("checksum", None)
    return {**body, "checksum": _checksum(body)}


def spoilt(state, change):
    tally = json.loads(json.dumps(state["tallies"][0]))
    change(tally)
    return sealed(state, tallies=[tally])


HOSTILE = {
    "cut": lambda text, state: text[:-50],
    "empty": lambda text, state: "",
    "flipped digit": lambda text, state: text.replace('"rows":60', '"rows":61'),
    "no JSON": lambda text, state: "PAR1",
    "deep": lambda text, state: "[" * 100_000,
    "a list": lambda text, state: "[]",
    "a number too long": lambda text, state: '{"kind": ' + "9" * 10_000 + "}",
    "other schema": lambda text, state: json.dumps(sealed(state, schema_version=2)),
    "other version": lambda text, state: json.dumps(sealed(state, xent="0.0.0")),
    "no such metric": lambda text, state: json.dumps(sealed(state, metrics=[{**state["metrics"][0], "name": "nope"}])),
    "a file to run": lambda text, state: json.dumps(sealed(state, metrics=[{**state["metrics"][0], "name": "./evil.py:Evil"}])),
    "other signature": lambda text, state: json.dumps(sealed(state, metrics=[{**state["metrics"][0], "signature": "x"}])),
    "unknown parameter": lambda text, state: json.dumps(sealed(state, metrics=[{**state["metrics"][0], "params": {"x": 1}}])),
    "no metrics": lambda text, state: json.dumps(sealed(state, metrics=[])),
    "no tallies": lambda text, state: json.dumps(sealed(state, tallies=[])),
    "no data": lambda text, state: json.dumps(sealed(state, data=None)),
    "short counts": lambda text, state: json.dumps(spoilt(state, lambda tally: tally.update(counts=[]))),
    "counts of text": lambda text, state: json.dumps(spoilt(state, lambda tally: tally.update(counts=["x"]))),
    "no states": lambda text, state: json.dumps(spoilt(state, lambda tally: tally.update(states=[]))),
    "an unknown kind": lambda text, state: json.dumps(spoilt(state, lambda tally: tally["states"][0].update(kind="Popen"))),
    "another kind": lambda text, state: json.dumps(spoilt(state, lambda tally: tally["states"][0].update(kind="Health"))),
    "long sums": lambda text, state: json.dumps(spoilt(state, lambda tally: tally["states"][0]["total"].update(units=["1", "2"]))),
    "sums of text": lambda text, state: json.dumps(spoilt(state, lambda tally: tally["states"][0]["total"].update(units=["one"]))),
    "huge sums": lambda text, state: json.dumps(spoilt(state, lambda tally: tally["states"][0]["total"].update(units=["9" * 10_000]))),
    "objects": lambda text, state: json.dumps(spoilt(state, lambda tally: tally["states"][0]["count"].update(dtype="object"))),
    "slices twice": lambda text, state: json.dumps(spoilt(state, lambda tally: tally.update(slices=[[], []]))),
    "slices of lists": lambda text, state: json.dumps(spoilt(state, lambda tally: tally.update(slices=[[[]]]))),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_broken_or_hostile_state_is_one_clear_error(xent, parts, folder, case):
    (name,) = states_of(xent, parts[1:2], *COLUMNS["events"], "-m", "bce")
    text = (folder / name).read_text()
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    (folder / "bad.state").write_text(HOSTILE[case](text, json.loads(text)))
    ended = xent("merge", "bad.state")
    assert (ended.status, ended.out) == (3, ""), ended.err
    assert ended.err.startswith("xent: error: bad.state: ")
    assert len(ended.err.splitlines()) <= 2
    assert "internal error" not in ended.err


def test_what_is_no_state(xent, parts, folder):
    assert xent("eval", parts[1], *COLUMNS["events"], "-m", "bce", "-o", "result.json").status == 0
    ended = xent("merge", "result.json")
    assert (ended.status, ended.err) == (3, "xent: error: result.json: is a result, not a state; xent eval --state FILE writes one\n")
    assert xent("merge", "missing.state").status == 3
    assert xent("merge", ".").status == 3
    assert xent("merge").status == 2


def test_where_a_state_cannot_go(xent, parts, folder):
    options = (*COLUMNS["events"], "-m", "bce")
    for place, said in ((".", "is a folder"), ("nope/x", "there is no such folder"), (parts[1], "would replace what is read")):
        ended = xent("eval", parts[1], *options, "--state", place)
        assert (ended.status, ended.out) == (2, "")
        assert said in ended.err
    ended = xent("eval", parts[1], *options, "-o", "x.json", "--state", "x.json")
    assert (ended.status, "is an --output too" in ended.err) == (2, True)
    ended = xent("eval", "missing.csv", *options, "--state", "x.state")
    assert ended.status == 3
    assert not (folder / "x.state").exists()


def test_a_metric_of_a_file_is_refused_before_anything_is_read(xent, parts, folder):
    (folder / "mine.py").write_text(
        "from xent.core.metrics.regression import MeanSquaredError\nfrom xent.core.table import metric\n\n\n"
        '@metric("mine", direction="lower", range="[0, inf)", inputs="values", formula="x", source="x")\n'
        'class Mine(MeanSquaredError):\n    """Mine."""\n'
    )
    ended = xent("eval", "missing.csv", "-m", "./mine.py:Mine", "--state", "x.state")
    assert (ended.status, ended.out) == (2, "")
    assert "'mine' of a Python file cannot be stored" in ended.err
    assert not (folder / "x.state").exists()
