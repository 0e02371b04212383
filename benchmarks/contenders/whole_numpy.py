"""pyarrow and NumPy on whole files: what one writes without thinking of memory."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tasks import CLASSES, EPSILON, THRESHOLDS, binary_values, run, sources


def evaluate(folder: Path, task: str) -> Iterable[float]:
    columns = read(folder)
    if task == "multiclass":
        label, p = columns["label"], columns["probs"] if "probs" in columns else np.stack([columns[name] for name in CLASSES], axis=1)
        p = p / p.sum(axis=1, keepdims=True, dtype=np.float64)
        return [-np.log(np.clip(p[np.arange(len(p)), label], EPSILON, 1 - EPSILON)).mean()]
    if task == "regression":
        return [((columns["y_true"] - columns["y_pred"]) ** 2).mean()]
    return binary(columns, task)


def read(folder: Path) -> dict[str, np.ndarray]:
    paths = sources(folder)
    if paths[0].suffix == ".npy":
        return {"label": np.load(folder / "labels.npy"), "probs": np.load(folder / "preds.npy")}
    if paths[0].suffix == ".csv":
        import pyarrow.csv

        table = pyarrow.csv.read_csv(paths[0])
    else:
        import pyarrow.parquet as pq

        table = pq.read_table(folder)
    table = table.combine_chunks()
    lists = {"probs": table["probs"].chunk(0).flatten().to_numpy().reshape(len(table), -1)} if "probs" in table.column_names else {}
    return {name: table[name].to_numpy() for name in table.column_names if name != "probs"} | lists


def binary(columns: dict[str, np.ndarray], task: str) -> Iterable[float]:
    y, p, w = columns["label"].astype(np.float64), columns["score"].astype(np.float64), columns["weight"].astype(np.float64)
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    bce = -(y * np.log(clipped) + (1 - y) * np.log(1 - clipped))
    sums = {"weight": w.sum(), "bce": bce @ w}
    if task == "binary":
        return binary_values(task, sums, (), ())
    sums["brier"] = (p - y) ** 2 @ w
    sums["tn"], sums["fp"], sums["fn"], sums["tp"] = np.bincount((2 * y + (p > 0.5)).astype(np.int64), w, 4)
    if task == "binary-10":
        sums["focal"] = bce * np.where(y == 1, 1 - p, p) ** 2 @ w
        sums["mae"] = np.abs(p - y) @ w
    cells = np.maximum(np.ceil(columns["score"] * np.float32(THRESHOLDS - 1)).astype(np.int64) - 1, 0)
    positives, negatives = (np.bincount(cells, w * y_is, THRESHOLDS - 1) for y_is in (y, 1 - y))
    return binary_values(task, sums, positives.tolist(), negatives.tolist())


run(evaluate)
