"""The lines of the benchmark: a data set, a task, who takes part, and what xent is to reach."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from contenders.tasks import METRICS

ROOT = Path(__file__).parents[1]
CONTENDERS = Path(__file__).parent / "contenders"

SCRIPTS = {
    "floor": "floor.py",
    "polars": "polars_.py",
    "duckdb": "duckdb_.py",
    "numpy": "whole_numpy.py",
    "sklearn": "sklearn_.py",
    "keras": "keras_.py",
    "torchmetrics": "torchmetrics_.py",
}
"""The contenders besides xent."""

TOOLS = ("floor", "xent", *list(SCRIPTS)[1:])
"""All contenders, in the order in which they take their turns."""


@dataclass(frozen=True)
class Line:
    """One comparison.

    Attributes
    ----------
    data : the data set, as `data.py` calls it
    task : what is computed, as `contenders/tasks.py` calls it
    title : what a reader is told
    cpu : CPU time of one thread over that of the floor, at most
    wall : wall time of two threads over that of the fastest `rival`, at most
    peak : MiB of two threads, at most
    rivals : those whose wall time counts
    absent : those that do not take part
    """

    data: str
    task: str
    title: str
    cpu: float
    wall: float | None
    peak: int
    rivals: tuple[str, ...] = ("polars", "duckdb")
    absent: tuple[str, ...] = ()

    def command(self, tool: str, folder: Path, threads: int) -> list[str]:
        """What runs a contender on the data set in a folder."""
        if tool != "xent":
            return [sys.executable, str(CONTENDERS / SCRIPTS[tool]), str(folder), self.task]
        metrics = [word for name in METRICS[self.task] for word in ("--metric", name)]
        files = [str(folder / "preds.npy"), "--labels", str(folder / "labels.npy")] if self.data.endswith("-npy") else [str(folder)]
        weight = ["--weight", "weight"] if self.task.startswith("binary") else []
        return [sys.executable, "-m", "xent", "eval", *files, *weight, *metrics, "--quiet", "--threads", str(threads)]


LINES = {
    "multi10": Line("multi10", "multiclass", "10 classes, Parquet, snappy", 1.25, 0.85, 160),
    "multi10-zstd": Line("multi10-zstd", "multiclass", "10 classes, Parquet, zstd", 1.25, 0.85, 160),
    "multi10-shards": Line("multi10-shards", "multiclass", "10 classes, Parquet, 50 files", 1.25, 0.95, 160),
    "multi1000": Line("multi1000", "multiclass", "1000 classes, Parquet, list column", 0.95, 0.4, 160),
    "multi1000-npy": Line(
        "multi1000-npy", "multiclass", "1000 classes, NPY", 1.8, 0.35, 60, rivals=("numpy",), absent=("polars", "duckdb")
    ),
    "csv10": Line("csv10", "multiclass", "10 classes, CSV", 1.1, 1.05, 130),
    "binary": Line("binary", "binary", "binary, weighted, cross-entropy", 1.35, 0.85, 120),
    "binary-4": Line("binary", "binary-4", "binary, weighted, four metrics", 1.8, 0.5, 130),
    "binary-10": Line("binary", "binary-10", "binary, weighted, ten metrics", 2.5, None, 140, absent=("keras", "torchmetrics")),
    "regression": Line("regression", "regression", "regression, mean squared error", 1.4, 1.2, 120),
}
"""Every line by its name."""
