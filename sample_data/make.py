"""Makes the files beside it: what real models say about data they have not seen.

    python sample_data/make.py [DIRECTORY]

The data sets come with scikit-learn, so nothing is downloaded. Every prediction is made by a model that was fitted without its row.
Run twice on one machine, it writes the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def main(directory: Path) -> None:
    """Writes every file into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    # The number of threads changes the order of additions, and with it the last digits of a fit.
    with threadpool_limits(1):
        write_digits(directory)
        write_breast_cancer(directory)
        write_diabetes(directory)


def write_digits(directory: Path) -> None:
    """Ten classes: which digit a handwritten image of 8 by 8 pixels shows."""
    images, digit = load_digits(return_X_y=True)
    model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probabilities = six_digits(cross_val_predict(model, images, digit, cv=folds, method="predict_proba"))
    logits = six_digits(cross_val_predict(model, images, digit, cv=folds, method="decision_function"))

    columns = {f"p_{name}": probabilities[:, k] for k, name in enumerate(DIGIT_NAMES)}
    keys = {"id": np.arange(len(digit)), "label": [DIGIT_NAMES[k] for k in digit]}
    write_csv({**keys, **columns}, directory / "digits.csv")
    write_parquet({**keys, **{name: column.astype(np.float32) for name, column in columns.items()}}, directory / "digits.parquet")

    probabilities, logits = probabilities.astype(np.float32), logits.astype(np.float32)
    write_parquet({"label": digit, "probs": pa.array(list(probabilities))}, directory / "digits_list.parquet")
    write_parquet({"label": digit, **{f"logit_{k}": logits[:, k] for k in range(10)}}, directory / "digits_logits.parquet")
    np.save(directory / "digits_labels.npy", digit.astype(np.int64))
    np.save(directory / "digits_pred.npy", probabilities)


def write_breast_cancer(directory: Path) -> None:
    """Two classes: whether a tumour is malignant."""
    data = load_breast_cancer()
    # scikit-learn calls malignant 0; the event to be found is 1 here.
    malignant = 1 - data.target
    model = make_pipeline(StandardScaler(), LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    score = cross_val_predict(model, data.data, malignant, cv=folds, method="predict_proba")[:, 1]
    mean_radius = data.data[:, list(data.feature_names).index("mean radius")]
    table = {
        "id": np.arange(len(malignant)),
        "label": malignant,
        "score": six_digits(score),
        "weight": six_digits(compute_sample_weight("balanced", malignant)),
        "radius_quartile": list(pd.qcut(mean_radius, 4, labels=["q1", "q2", "q3", "q4"])),
    }
    write_csv(table, directory / "breast_cancer.csv")
    write_parquet(table, directory / "breast_cancer.parquet")


def write_diabetes(directory: Path) -> None:
    """Regression: a measure of how far diabetes went within a year."""
    features, progression = load_diabetes(return_X_y=True)
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = six_digits(cross_val_predict(Ridge(alpha=0.1), features, progression, cv=folds))
    table = {"y_true": progression, "y_pred": predicted}
    write_csv(table, directory / "diabetes.csv")
    write_parquet(table, directory / "diabetes.parquet")
    np.save(directory / "diabetes_labels.npy", progression)
    np.save(directory / "diabetes_pred.npy", predicted)


def six_digits(values: np.ndarray) -> np.ndarray:
    """Values rounded to six significant digits, so that CSV is short and still holds the very numbers of the other formats."""
    return np.vectorize(lambda value: float(f"{value:.6g}"))(values)


def write_csv(columns: dict[str, Any], path: Path) -> None:
    """Writes CSV with the same line ends everywhere."""
    pd.DataFrame(columns).to_csv(path, index=False, lineterminator="\n")


def write_parquet(columns: dict[str, Any], path: Path) -> None:
    """Writes Parquet."""
    pq.write_table(pa.table(columns), path, compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
