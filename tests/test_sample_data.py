"""The sample files are what their README says, and every format of a data set holds the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

HERE = Path(__file__).parents[1] / "sample_data"
README = (HERE / "README.md").read_text(encoding="utf-8")
CELLS = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line.startswith("| `")]
ROWS = {name.strip("`"): int(cells[-1]) for name, *cells in CELLS if len(cells) == 3}
VALUES = {
    (files.strip("`"), measure.partition(",")[0]): float(value) for files, *more in CELLS if len(more) == 2 for measure, value in [more]
}
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def test_readme_lists_every_file():
    assert set(ROWS) == {path.name for path in HERE.iterdir() if path.suffix in {".csv", ".npy", ".parquet"}}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows(name):
    path = HERE / name
    if path.suffix == ".csv":
        rows = len(pd.read_csv(path))
    elif path.suffix == ".parquet":
        rows = pq.read_metadata(path).num_rows
    else:
        rows = len(np.load(path))
    assert rows == ROWS[name]


def test_digits_hold_the_same_in_every_format():
    text = pd.read_csv(HERE / "digits.csv")
    names = [f"p_{name}" for name in DIGITS]
    probabilities = text[names].to_numpy().astype(np.float32)
    labels = np.array([DIGITS.index(name) for name in text["label"]])

    table = pq.read_table(HERE / "digits.parquet")
    assert table.column_names == ["id", "label", *names] == list(text)
    assert table["label"].to_pylist() == text["label"].tolist()
    np.testing.assert_array_equal(np.column_stack([table[name] for name in names]), probabilities)

    lists = pq.read_table(HERE / "digits_list.parquet")
    np.testing.assert_array_equal(lists["label"], labels)
    np.testing.assert_array_equal(np.array(lists["probs"].to_pylist(), dtype=np.float32), probabilities)

    np.testing.assert_array_equal(np.load(HERE / "digits_labels.npy"), labels)
    np.testing.assert_array_equal(np.load(HERE / "digits_pred.npy"), probabilities)


def test_digits_logits_are_those_of_the_probabilities():
    table = pq.read_table(HERE / "digits_logits.parquet")
    np.testing.assert_array_equal(table["label"], np.load(HERE / "digits_labels.npy"))
    # Six digits of a logit above 10 leave it wrong by up to 5e-5, and the ratio of two odds by twice that.
    odds = np.exp(np.column_stack([table[f"logit_{k}"] for k in range(10)]).astype(np.float64))
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), np.load(HERE / "digits_pred.npy"), rtol=1.1e-4)


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_csv_and_parquet_hold_the_same(name):
    text, table = pd.read_csv(HERE / f"{name}.csv"), pq.read_table(HERE / f"{name}.parquet")
    assert table.column_names == list(text)
    assert {column: table[column].to_pylist() for column in text} == {column: text[column].tolist() for column in text}


def test_diabetes_arrays_hold_the_same():
    text = pd.read_csv(HERE / "diabetes.csv")
    np.testing.assert_array_equal(np.load(HERE / "diabetes_labels.npy"), text["y_true"])
    np.testing.assert_array_equal(np.load(HERE / "diabetes_pred.npy"), text["y_pred"])


def test_weights_make_both_classes_count_alike():
    table = pd.read_csv(HERE / "breast_cancer.csv")
    totals = table.groupby("label")["weight"].sum()
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)
    assert sorted(set(table["radius_quartile"])) == ["q1", "q2", "q3", "q4"]


def test_values_in_the_readme():
    probabilities, labels = np.load(HERE / "digits_pred.npy").astype(np.float64), np.load(HERE / "digits_labels.npy")
    cancer, diabetes = pd.read_csv(HERE / "breast_cancer.csv"), pd.read_csv(HERE / "diabetes.csv")
    malignant, score = cancer["label"] == 1, cancer["score"].clip(1e-7, 1 - 1e-7)
    error = diabetes["y_pred"] - diabetes["y_true"]
    found = {
        ("digits*", "cross-entropy"): -np.log(probabilities[np.arange(len(labels)), labels]).mean(),
        ("digits*", "accuracy"): (probabilities.argmax(axis=1) == labels).mean(),
        ("breast_cancer.*", "binary cross-entropy"): -np.log(np.where(malignant, score, 1 - score)).mean(),
        ("breast_cancer.*", "accuracy at 0.5"): ((score > 0.5) == malignant).mean(),
        ("diabetes*", "mean squared error"): (error**2).mean(),
        ("diabetes*", "mean absolute error"): error.abs().mean(),
    }
    assert found == pytest.approx(VALUES, rel=1e-5)
