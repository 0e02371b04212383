"""Section 4 of the design: the JSON of a result, and its schema."""

import json
import math

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from xent import __version__
from xent.cli.app import app
from xent.core.result import DataReport, HealthReport, Interval, MetricResult, Result
from xent.io.exporters import export
from xent.io.schema import RESULT, SCHEMAS

TOP = ["schema_version", "xent", "data", "metrics", "slices", "gates", "verdict"]
DATA = ["sources", "rows", "rows_dropped", "weight_sum", "classes", "columns", "digest"]
METRIC = ["name", "value", "params", "count", "direction", "ci", "standard_error", "health", "slice", "signature"]
HEALTH = ["clipped", "renormalised", "max_sum_error", "exact_value"]


def xent(*args):
    return CliRunner().invoke(app, args)


@pytest.fixture
def result(tmp_path):
    """The JSON of a run over three classes, with a weight, a clipped row and a row that does not sum to 1."""
    path = tmp_path / "preds.csv"
    path.write_text("label,p_a,p_b,p_c,w\nb,0.05,0.95,0,0.5\nc,0.5,0.5,0,1.5\na,0.5,0.25,0.125,1\n")
    ended = xent("eval", str(path), "-m", "cce", "-m", "scce", "--weight", "w")
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture
def validator():
    jsonschema.Draft202012Validator.check_schema(RESULT)
    return jsonschema.Draft202012Validator(RESULT)


def test_the_keys_and_their_order(result):
    assert list(result) == TOP
    assert list(result["data"]) == DATA
    for metric in result["metrics"]:
        assert list(metric) == METRIC
        assert list(metric["health"]) == HEALTH


def test_what_it_says(result):
    assert (result["schema_version"], result["xent"], result["verdict"]) == (1, __version__, "none")
    assert result["slices"] == result["gates"] == []
    data = result["data"]
    assert (data["rows"], data["rows_dropped"], data["weight_sum"], data["classes"]) == (3, 0, 3.0, 3)
    assert data["columns"]["label"] == "label"
    assert data["columns"]["pred"] == ["p_a", "p_b", "p_c"]
    assert data["columns"]["weight"] == "w"
    assert data["columns"]["class_names"] == ["a", "b", "c"]
    metric = result["metrics"][0]
    clipped = 0.5 * -math.log(0.95) + 1.5 * -math.log(1e-7) + -math.log(0.5 / 0.875)
    assert metric["value"] == pytest.approx(clipped / 3, rel=1e-14)
    assert metric["health"] == {"clipped": 1, "renormalised": 1, "max_sum_error": 0.125, "exact_value": "inf"}
    assert metric["direction"] == "lower"
    assert metric["signature"].startswith("categorical_crossentropy|")
    assert (metric["ci"], metric["standard_error"], metric["slice"]) == (None, None, None)


def test_metrics_stand_in_the_order_in_which_they_were_asked_for(result):
    assert [metric["name"] for metric in result["metrics"]] == ["categorical_crossentropy", "sparse_categorical_crossentropy"]


def test_a_real_result_fits_the_schema(result, validator):
    validator.validate(result)


def test_everything_a_result_can_hold_fits_the_schema(validator):
    data = DataReport(("a.csv",), 2, 0, math.inf, None, {"label": "y", "pred": "p", "weight": None}, "d")
    metrics = (
        MetricResult("m", math.nan, {}, 0, "none", "m"),
        MetricResult(
            "m", [[1, 2], [3, 4]], {"alpha": [0.5, math.inf]}, 2, "higher", "m", "mine", Interval(0.95, -math.inf, 1.0, "x"), 0.5,
            HealthReport(0, 0, 0.0, None),
        ),
    )  # fmt: skip
    slices = (MetricResult("m", 0.5, {}, 1, "lower", "m", slice={"country": "de"}),)
    validator.validate(json.loads(export(Result("1", data, metrics, slices), "json")))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: result.update(extra=1),
        lambda result: result.pop("verdict"),
        lambda result: result.update(verdict="maybe"),
        lambda result: result.update(schema_version=2),
        lambda result: result["data"].update(rows=-1),
        lambda result: result["data"].pop("digest"),
        lambda result: result["metrics"][0].update(value="Infinity"),
        lambda result: result["metrics"][0].update(value=None),
        lambda result: result["metrics"][0].update(direction="up"),
        lambda result: result["metrics"][0]["health"].update(clipped=0.5),
        lambda result: result["metrics"][0].update(slice={"country": 3}),
    ],
)
def test_the_schema_refuses_what_is_no_result(result, validator, spoil):
    spoil(result)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(result)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schema_is_printed(kind):
    ended = xent("schema", kind)
    assert ended.exit_code == 0
    assert json.loads(ended.stdout) == json.loads(json.dumps(SCHEMAS[kind]))
    assert json.loads(ended.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_numbers_have_all_their_digits(tmp_path):
    np.save(tmp_path / "y.npy", np.array([1]))
    np.save(tmp_path / "p.npy", np.array([0.1 + 0.2]))
    ended = xent("eval", str(tmp_path / "p.npy"), "--labels", str(tmp_path / "y.npy"), "-m", "bce")
    # The text of the number, not the number: it must read back to the very bits.
    text = next(line for line in ended.stdout.splitlines() if '"value"' in line).split(": ")[1].rstrip(",")
    assert text == repr(json.loads(text))
    assert float(text) == pytest.approx(-math.log(0.1 + 0.2), rel=1e-15)
