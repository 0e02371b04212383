"""Makes the data sets of the benchmarks: deterministic, in blocks, so that any size fits any machine.

    python benchmarks/data.py --folder benchmarks/data --scale 1.0

`--scale 0.1` makes a tenth of the rows. A data set that exists is left alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

GROUP = 1 << 20
"""Rows of a row group, and of a block of random numbers."""


def blocks(rows: int, seed: int, size: int = GROUP) -> Iterator[tuple[int, np.random.Generator]]:
    """The sizes of blocks, each with a generator of its own, so that a block does not depend on those before it."""
    for number, start in enumerate(range(0, rows, size)):
        yield min(size, rows - start), np.random.default_rng([seed, number])


def multiclass(rng: np.random.Generator, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of a model that is right about half of the time."""
    logits = rng.standard_normal((rows, classes), dtype=np.float32) * np.float32(1.5)
    label = rng.integers(0, classes, rows)
    logits[np.arange(rows), label] += np.float32(1.0)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return label, p


def multiclass_columns(rng: np.random.Generator, rows: int) -> pa.Table:
    label, p = multiclass(rng, rows, 10)
    return pa.table({"label": label} | {f"p_{k}": np.ascontiguousarray(p[:, k]) for k in range(10)})


def binary(rng: np.random.Generator, rows: int) -> pa.Table:
    score = 1 / (1 + np.exp(-rng.standard_normal(rows, dtype=np.float32) * 1.5))
    label = (rng.random(rows, dtype=np.float32) < score).astype(np.int8)
    weight = rng.random(rows, dtype=np.float32) + np.float32(0.5)
    return pa.table({"label": label, "score": score.astype(np.float32), "weight": weight})


def regression(rng: np.random.Generator, rows: int) -> pa.Table:
    y_true = rng.standard_normal(rows) * 3 + 10
    return pa.table({"y_true": y_true, "y_pred": y_true + rng.standard_normal(rows)})


def write_parquet(path: Path, tables: Iterator[pa.Table], **options: object) -> None:
    writer = None
    for table in tables:
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema, **options)
        writer.write_table(table, row_group_size=len(table))
    if writer is not None:
        writer.close()


def make_multi10(folder: Path, rows: int, compression: str = "snappy") -> None:
    write_parquet(folder / "data.parquet", (multiclass_columns(rng, n) for n, rng in blocks(rows, 10)), compression=compression)


def make_multi10_zstd(folder: Path, rows: int) -> None:
    make_multi10(folder, rows, "zstd")


def make_multi10_shards(folder: Path, rows: int) -> None:
    shard = -(-rows // 50)
    for number, (n, rng) in enumerate(blocks(rows, 10, shard)):
        pq.write_table(multiclass_columns(rng, n), folder / f"part-{number:03}.parquet")


def make_multi1000(folder: Path, rows: int) -> None:
    def tables() -> Iterator[pa.Table]:
        for n, rng in blocks(rows, 1000, 20_000):
            label, p = multiclass(rng, n, 1000)
            yield pa.table({"label": label, "probs": pa.FixedSizeListArray.from_arrays(pa.array(p.reshape(-1)), 1000)})

    write_parquet(folder / "data.parquet", tables())


def make_multi1000_npy(folder: Path, rows: int) -> None:
    preds = np.lib.format.open_memmap(folder / "preds.npy", "w+", np.float32, (rows, 1000))
    labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.int64, (rows,))
    start = 0
    for n, rng in blocks(rows, 1000, 20_000):
        labels[start : start + n], preds[start : start + n] = multiclass(rng, n, 1000)
        start += n


def make_binary(folder: Path, rows: int) -> None:
    write_parquet(folder / "data.parquet", (binary(rng, n) for n, rng in blocks(rows, 2)))


def make_binary_one_group(folder: Path, rows: int) -> None:
    table = pa.concat_tables([binary(rng, n) for n, rng in blocks(rows, 2)])
    pq.write_table(table, folder / "data.parquet", row_group_size=len(table))


def make_binary_csv(folder: Path, rows: int) -> None:
    with pa.csv.CSVWriter(folder / "data.csv", binary(np.random.default_rng(0), 1).schema) as writer:
        for n, rng in blocks(rows, 2):
            writer.write_table(binary(rng, n))


def make_csv10(folder: Path, rows: int) -> None:
    with pa.csv.CSVWriter(folder / "data.csv", multiclass_columns(np.random.default_rng(0), 1).schema) as writer:
        for n, rng in blocks(rows, 10, 1 << 18):
            writer.write_table(multiclass_columns(rng, n))


def make_regression(folder: Path, rows: int) -> None:
    write_parquet(folder / "data.parquet", (regression(rng, n) for n, rng in blocks(rows, 3)))


DATA_SETS: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "multi10": (make_multi10, 5_000_000),
    "multi10-zstd": (make_multi10_zstd, 5_000_000),
    "multi10-shards": (make_multi10_shards, 5_000_000),
    "multi1000": (make_multi1000, 200_000),
    "multi1000-npy": (make_multi1000_npy, 200_000),
    "binary": (make_binary, 20_000_000),
    "binary-one-group": (make_binary_one_group, 20_000_000),
    "binary-csv": (make_binary_csv, 20_000_000),
    "csv10": (make_csv10, 2_000_000),
    "regression": (make_regression, 20_000_000),
}
"""Every data set with the rows it has at scale 1."""


def make(root: Path, name: str, scale: float) -> Path:
    """The folder of a data set, made first if it is not there."""
    function, rows = DATA_SETS[name]
    folder = root / f"{name}-{scale:g}"
    if not folder.exists():
        half_done = folder.with_suffix(".partial")
        half_done.mkdir(parents=True, exist_ok=True)
        function(half_done, max(1, round(rows * scale)))
        half_done.rename(folder)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("names", nargs="*", default=list(DATA_SETS))
    arguments = parser.parse_args()
    for name in arguments.names:
        print(make(arguments.folder, name, arguments.scale), flush=True)
