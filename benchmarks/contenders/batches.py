"""Batches of NumPy arrays for the contenders that are given arrays and read no files: 65,536 rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tasks import CLASSES, sources

ROWS = 65_536


def batches(folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """Columns by name; the predictions of many classes as the matrix `probs`."""
    paths = sources(folder)
    if paths[0].suffix == ".npy":
        label, probs = (np.load(folder / name, mmap_mode="r") for name in ("labels.npy", "preds.npy"))
        for start in range(0, len(label), ROWS):
            yield {"label": np.asarray(label[start : start + ROWS]), "probs": np.asarray(probs[start : start + ROWS])}
        return
    for path in paths:
        for batch in record_batches(path):
            names = batch.schema.names
            if "probs" in names:
                yield {"label": batch["label"].to_numpy(), "probs": batch["probs"].flatten().to_numpy().reshape(len(batch), -1)}
            elif CLASSES[0] in names:
                columns = [batch[name].to_numpy() for name in CLASSES]
                yield {"label": batch["label"].to_numpy(), "probs": np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")}
            else:
                yield {name: batch[name].to_numpy() for name in names}


def record_batches(path: Path) -> Iterator:
    if path.suffix == ".csv":
        import pyarrow.csv

        with pyarrow.csv.open_csv(path, read_options=pyarrow.csv.ReadOptions(block_size=8 << 20)) as reader:
            yield from reader
    else:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(ROWS)
