"""Every metric of the table, from the command line: its value, its page, its example, its names, and its wrong parameters.

What a metric computes is tested beside its mathematics. Here it is tested that a file says the same to it as arrays do.
"""

import inspect
import json
import shlex
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from xent.cli.app import app
from xent.cli.metrics_command import INPUTS
from xent.core.specs import parse_spec
from xent.core.table import table

SAMPLES = Path(__file__).parents[2] / "sample_data"

REQUIRED = {
    "num_classes": 10,
    "precision": 0.9,
    "recall": 0.9,
    "sensitivity": 0.9,
    "specificity": 0.9,
    "target_class_ids": [0, 7],
}
"""Values for the parameters that have no default."""

SOURCES = {
    "binary": "breast_cancer.csv",
    "events": "breast_cancer.csv",
    "rankings": "breast_cancer.csv",
    "categorical": "digits.csv",
    "classwise": "digits.csv",
    "decisions": "digits.csv",
    "classes": "digits.csv",
    "values": "diabetes.csv",
    "queries": "queries.csv",
    "intervals": "intervals.csv",
}
"""The file that a metric is measured on, by its `inputs`; the last two are made here."""

OPTIONS = {
    "breast_cancer.csv": ["--weight", "weight"],
    # In the order of the digits; a glob would put the names in that of the alphabet.
    "digits.csv": ["--pred", "p_zero,p_one,p_two,p_three,p_four,p_five,p_six,p_seven,p_eight,p_nine"],
    "queries.csv": ["--label", "rel_*", "--pred", "score_*"],
    "intervals.csv": ["--pred", "pred_low,pred_high"],
}

NUMBERS_IN_PYTHON = ("accuracy", "balanced_accuracy", "cohen_kappa", "confusion_matrix", "io_u", "matthews_correlation", "mean_io_u")
"""Metrics to whose classes the numbers of the true and the predicted classes are given."""

INDICES_IN_PYTHON = (
    "categorical_generalized_cross_entropy",
    "perplexity",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
)
"""Metrics to whose classes the number of the true class is given, with scores. The others over classes are given one-hot rows."""

PREDICTIONS_IN_PYTHON = ("mean", "sum")
"""Metrics to whose classes no labels are given."""

every_row = pytest.mark.parametrize("row", table().values(), ids=lambda row: row.name)


def required(row):
    names = [name for name, default in row.parameters.items() if default is inspect.Parameter.empty]
    unknown = [name for name in names if name not in REQUIRED]
    assert not unknown, f"{row.name} has a parameter without a default: add a value for {unknown[0]!r} to REQUIRED in {__file__}"
    return {name: REQUIRED[name] for name in names}


def spec(row):
    given = [
        f"{name}={';'.join(map(str, value)).join('[]') if isinstance(value, list) else value}" for name, value in required(row).items()
    ]
    return ":".join([row.name, ",".join(given)]) if given else row.name


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the files of `SOURCES`."""
    folder = tmp_path_factory.mktemp("every")
    for name in {source for source in SOURCES.values() if (SAMPLES / source).exists()}:
        (folder / name).write_bytes((SAMPLES / name).read_bytes())
    random = np.random.default_rng(8)
    lines = [[*random.integers(0, 4, 5), *random.random(5).round(2)] for _ in range(40)]
    header = [*(f"rel_{at}" for at in range(5)), *(f"score_{at}" for at in range(5))]
    (folder / "queries.csv").write_text("\n".join(",".join(map(str, line)) for line in [header, *lines]) + "\n")
    ends = np.sort(random.normal(0, 2, (40, 2)).round(3), axis=1)
    lines = [[y, *pair] for y, pair in zip(random.normal(0, 1, 40).round(3).tolist(), ends.tolist(), strict=True)]
    (folder / "intervals.csv").write_text("y,pred_low,pred_high\n" + "".join(",".join(map(str, line)) + "\n" for line in lines))
    return folder


def arrays_of(path):
    """Labels, predictions and weights of a file, read without xent; class names become their places among the columns."""
    read = pa_csv.read_csv(path)
    columns = {name: np.array(column.to_pylist()) for name, column in zip(read.column_names, read.columns, strict=True)}
    label = next(name for name in columns if name in ("label", "y_true", "y", "rel_0"))
    families = [name for name in columns if name.startswith(("p_", "pred_", "score", "y_pred"))]
    y = columns[label] if label != "rel_0" else np.stack([columns[f"rel_{at}"] for at in range(5)], axis=1)
    if y.dtype.kind == "U":
        y = np.array([families.index(f"p_{name}") for name in y.tolist()])
    return y, np.stack([columns[name] for name in families], axis=1).squeeze(), columns.get("weight")


def in_python(row, y, p):
    """Labels and predictions as the class of a metric takes them."""
    if row.name in PREDICTIONS_IN_PYTHON:
        return (p,)
    if SOURCES[row.inputs] != "digits.csv" or row.name in INDICES_IN_PYTHON:
        return y, p
    if row.name in NUMBERS_IN_PYTHON:
        return y, p.argmax(axis=1)
    return np.eye(10)[y], p


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(CliRunner().invoke(app, ["schema", "result"]).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def source_of(row):
    assert row.inputs in SOURCES, f"no file shows the inputs {row.inputs!r} of {row.name}: add one to SOURCES in {__file__}"
    return SOURCES[row.inputs]


@every_row
def test_a_file_gives_the_value_of_its_arrays(xent, files, validator, row):
    source = source_of(row)
    ended = xent("eval", str(files / source), "-m", spec(row), *OPTIONS.get(source, []))
    assert ended.status == 0, ended.err
    result = json.loads(ended.out)
    validator.validate(result)
    (found,) = result["metrics"]
    assert (found["name"], found["direction"], found["count"]) == (row.name, row.direction, result["data"]["rows"])
    metric = row.cls(**required(row))
    y, p, weight = arrays_of(files / source)
    metric.update_state(*in_python(row, y, p), weight)
    expected = np.asarray(metric.result(), dtype=np.float64)
    assert np.isfinite(expected).all(), f"the value of {row.name} on {source} shows nothing: {expected}"
    hint = f"if its class takes other arrays than a file shows, add {row.name} to one of the lists ..._IN_PYTHON in {__file__}"
    assert np.array_equal(np.asarray(found["value"], dtype=np.float64), expected), hint
    assert {key: value for key, value in metric.get_config().items() if key not in ("name", "dtype")} == found["params"]


@pytest.mark.parametrize("name", ["accuracy", "auc", "categorical_crossentropy", "mean_squared_error", "ndcg", "roc_auc"])
def test_a_process_of_its_own_prints_the_same(xent, process, files, name):
    source = str(files / source_of(table()[name]))
    words = ["eval", source, "-m", name, "-q", *OPTIONS.get(Path(source).name, [])]
    out, err = process(*words).communicate(timeout=60)
    assert (out.decode(), err) == (xent(*words).out, b"")


@every_row
def test_a_page_says_everything(xent, row):
    ended = xent("metrics", row.name)
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:2] == [row.name, row.summary]
    said = " ".join(ended.out.split())
    direction = {"lower": "lower is better", "higher": "higher is better", "none": "neither direction is better"}[row.direction]
    for fact in (row.formula, INPUTS[row.inputs][0], direction, row.range, row.memory, row.source, *row.aliases):
        assert " ".join(fact.split()) in said
    for parameter in row.parameters:
        assert any(line.split()[:1] == [parameter] for line in lines), f"{parameter} is not on the page"
    described = json.loads(xent("metrics", row.name, "--format", "json").out)
    assert [parameter["name"] for parameter in described["parameters"]] == list(row.parameters)
    assert all(parameter["meaning"] for parameter in described["parameters"])
    assert lines[lines.index("example") + 1].strip() == described["example"]


@pytest.fixture
def example_files(folder):
    """The files that examples speak of."""
    random = np.random.default_rng(9)
    scores = random.dirichlet(np.ones(3), 30).round(4)
    rows = [(at % 2, random.random().__round__(3), at % 4 + 1, at * 7 % 4 + 1, at % 3, at % 3 + 2) for at in range(30)]
    (folder / "preds.csv").write_text("label,score,y_true,y_pred,low,high\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    (folder / "ranked.csv").write_text(
        "query,relevance,score\n" + "".join(f"q{at % 3},{at % 2},{random.random():.3f}\n" for at in range(30))
    )
    pq.write_table(pa.table({"label": np.arange(30) % 3, **{f"p_{at}": scores[:, at] for at in range(3)}}), folder / "preds.parquet")


@every_row
@pytest.mark.usefixtures("example_files")
def test_the_example_on_the_page_runs(xent, row):
    program, *words = shlex.split(json.loads(xent("metrics", row.name, "--format", "json").out)["example"])
    assert program == "xent"
    ended = xent(*words)
    assert ended.status == 0, ended.err
    assert [metric["name"] for metric in json.loads(ended.out)["metrics"]] == [row.name]


@every_row
def test_every_name_is_understood(xent, row):
    page = xent("metrics", row.name).out
    for name in row.names:
        assert parse_spec(name).row is row
        assert xent("metrics", name).out == page


@every_row
def test_a_wrong_parameter_is_answered_with_the_right_ones(xent, row):
    ended = xent("eval", "nowhere.csv", "-m", f"{row.name}:no_such_parameter=1")
    assert (ended.status, ended.out) == (2, "")
    takes = f"it takes {', '.join(row.parameters)}" if row.parameters else "it takes none"
    assert ended.err == f"xent: error: {row.name} has no parameter 'no_such_parameter'; {takes}\n"


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "cohen_kappa", "confusion_matrix", "matthews_correlation"])
def test_numbers_of_classes_may_be_text(xent, folder, name):
    """In CSV everything is text, and 1 may be a class as well as a probability; what stands in other rows must not decide it."""
    y, p = [0, 1, 3, 1, 4, 0, 3], [0, 1, 3, 2, 4, 1, 3]
    (folder / "preds.csv").write_text("y_true,y_pred\n" + "".join(f"{true},{predicted}\n" for true, predicted in zip(y, p, strict=True)))
    metric = table()[name].cls()
    metric.update_state(np.array(y), np.array(p))
    for how in ([], ["--chunk-rows", "1"], ["--chunk-rows", "3", "--threads", "2"]):
        (found,) = json.loads(xent("eval", "preds.csv", "-m", name, *how).out)["metrics"]
        assert np.array_equal(np.asarray(found["value"], dtype=np.float64), np.asarray(metric.result(), dtype=np.float64))
