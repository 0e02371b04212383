"""pandas and scikit-learn: a data frame of the whole data set, one function a metric. Its AUC is the exact one."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics
from tasks import CLASSES, METRICS, run, sources


def evaluate(folder: Path, task: str) -> Iterable[float]:
    if sources(folder)[0].suffix == ".npy":
        y, p = np.load(folder / "labels.npy"), np.load(folder / "preds.npy")
        return [metrics.log_loss(y, p, labels=range(p.shape[1]))]
    frame = pd.concat(map(pd.read_csv, sources(folder))) if sources(folder)[0].suffix == ".csv" else pd.read_parquet(folder)
    if task == "multiclass":
        p = np.stack(frame["probs"]) if "probs" in frame else frame[CLASSES].to_numpy()
        return [metrics.log_loss(frame["label"], p, labels=range(p.shape[1]))]
    if task == "regression":
        return [metrics.mean_squared_error(frame["y_true"], frame["y_pred"])]
    y, p, w = frame["label"], frame["score"], frame["weight"]
    predicted = p > 0.5
    values = {
        "binary_crossentropy": lambda: metrics.log_loss(y, p, sample_weight=w),
        "brier_score": lambda: metrics.brier_score_loss(y, p, sample_weight=w),
        "auc": lambda: metrics.roc_auc_score(y, p, sample_weight=w),
        "binary_accuracy": lambda: metrics.accuracy_score(y, predicted, sample_weight=w),
        "binary_focal_crossentropy": lambda: focal(y.to_numpy(), p.to_numpy(), w.to_numpy()),
        "mean_absolute_error": lambda: metrics.mean_absolute_error(y, p, sample_weight=w),
        "precision": lambda: metrics.precision_score(y, predicted, sample_weight=w),
        "recall": lambda: metrics.recall_score(y, predicted, sample_weight=w),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(y, predicted, sample_weight=w),
        "matthews_correlation": lambda: metrics.matthews_corrcoef(y, predicted, sample_weight=w),
    }
    return [values[name]() for name in METRICS[task]]


def focal(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """scikit-learn has none."""
    right = np.where(y == 1, p, 1 - p).astype(np.float64)
    return float(np.average((1 - right) ** 2 * -np.log(np.clip(right, 1e-7, 1 - 1e-7)), weights=w))


run(evaluate)
