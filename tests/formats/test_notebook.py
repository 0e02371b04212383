"""What `xent.evaluate` gives to notebooks, and to the tools that keep metrics."""

import json

import pandas as pd
import pytest

import xent
from xent.io.exporters import export


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "preds.csv"
    path.write_text("label,score,value,<i>\n" + "".join(f"{i % 2},{(i * 37 % 101) / 101},{'ab'[i % 2]},{i % 3}\n" for i in range(60)))
    return xent.evaluate(
        path,
        ["bce", "roc=roc_auc", "roc_curve", "auc", "auc:curve=PR"],
        by=("value", "<i>"),
        ci=0.9,
        gates=["rows >= 1"],
        label="label",
        pred="score",
    )


def test_a_frame_has_a_row_for_each_value(found):
    frame = found.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [
        "slice_value",
        "<i>",
        "metric",
        "value",
        "low",
        "high",
        "standard_error",
        "count",
        "direction",
        "signature",
    ]
    assert len(frame) == 5 * (1 + 2 + 3)
    first, sliced = frame.iloc[0], frame[(frame["slice_value"] == "a") & (frame["metric"] == "binary_crossentropy")].iloc[0]
    assert (first["metric"], first["value"], first["low"], first["count"]) == (
        "binary_crossentropy", found.metrics[0].value, found.metrics[0].ci.low, 60,
    )  # fmt: skip
    assert sliced["value"] == next(metric.value for metric in found.slices if metric.slice == {"value": "a"})
    assert frame[frame["metric"] == "roc_curve"]["value"].iloc[0] == found.metrics[2].value


def test_a_notebook_shows_tables(found):
    text = found._repr_html_()
    assert f"{found.metrics[0].value:.6g}" in text
    assert "verdict: pass (1 passed)" in text
    assert "&lt;i&gt;" in text
    assert not any(tag in text for tag in ("<i>", "<script", "<style", "<svg", "<html"))


def test_the_page_is_that_of_the_command(found):
    assert found.to_html() == export(found, "html")


def test_numbers_by_name(found):
    numbers = found.scalars()
    assert list(numbers) == ["binary_crossentropy", "roc", "auc", found.metrics[4].signature]
    assert list(numbers.values()) == [metric.value for metric in found.metrics if isinstance(metric.value, float)]


def test_a_file_for_dvc(found):
    plain = json.loads(export(found, "dvc"))
    slices = plain.pop("slices")
    assert plain == found.scalars()
    assert list(slices) == ["value=a", "value=b", "<i>=0", "<i>=1", "<i>=2"]
    assert slices["value=a"]["binary_crossentropy"] == next(metric.value for metric in found.slices if metric.slice == {"value": "a"})


def test_it_is_a_result_like_others(found):
    assert isinstance(found, tuple)
    assert found._replace(verdict="none").verdict == "none"
    assert type(found._replace(verdict="none")) is type(found)
