"""torchmetrics on the CPU, fed with batches. Its AUC and its accuracy take no weights, so theirs are unweighted."""

from collections.abc import Iterable
from pathlib import Path

import torch
import torchmetrics
from batches import batches
from tasks import EPSILON, METRICS, THRESHOLDS, run


def evaluate(folder: Path, task: str) -> Iterable[float]:
    if task == "multiclass":
        return multiclass(folder)
    if task == "regression":
        squared = torchmetrics.MeanSquaredError()
        for batch in tensors(folder):
            squared.update(batch["y_pred"], batch["y_true"])
        return [squared.compute()]
    return binary(folder, task)


def tensors(folder: Path) -> Iterable[dict[str, torch.Tensor]]:
    for batch in batches(folder):
        yield {name: torch.tensor(values) for name, values in batch.items()}


def multiclass(folder: Path) -> Iterable[float]:
    mean = torchmetrics.MeanMetric()
    for batch in tensors(folder):
        chosen = batch["probs"].gather(1, batch["label"].reshape(-1, 1))[:, 0] / batch["probs"].sum(dim=1)
        mean.update(-chosen.clamp(EPSILON, 1 - EPSILON).log())
    return [mean.compute()]


def binary(folder: Path, task: str) -> Iterable[float]:
    means = {"binary_crossentropy": torchmetrics.MeanMetric(), "brier_score": torchmetrics.MeanMetric()}
    counted = {
        "auc": torchmetrics.classification.BinaryAUROC(thresholds=THRESHOLDS),
        "binary_accuracy": torchmetrics.classification.BinaryAccuracy(),
    }
    for batch in tensors(folder):
        y, p, w = batch["label"].float(), batch["score"], batch["weight"]
        means["binary_crossentropy"].update(torch.nn.functional.binary_cross_entropy(p, y, reduction="none"), w)
        if task == "binary-4":
            means["brier_score"].update((p - y) ** 2, w)
            for metric in counted.values():
                metric.update(p, batch["label"].long())
    found = means | counted
    return [found[name].compute() for name in METRICS[task]]


run(evaluate)
