"""The same small data set in every format that can hold it."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

ROWS, CLASSES = 60, 4


@pytest.fixture(scope="session")
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and weights; every probability has a short decimal, so that text holds it exactly."""
    rng = np.random.default_rng(20)
    y_pred = np.round(rng.dirichlet(np.ones(CLASSES), ROWS), 3)
    return rng.integers(0, CLASSES, ROWS), y_pred, np.round(rng.random(ROWS) + 0.5, 2)


@pytest.fixture(scope="session")
def table(arrays) -> pa.Table:
    y_true, y_pred, weight = arrays
    return pa.table({"label": y_true, **{f"p_{k}": y_pred[:, k] for k in range(CLASSES)}, "weight": weight})


@pytest.fixture(scope="session")
def files(tmp_path_factory, arrays, table) -> dict[str, Path]:
    """Paths by a name of the layout."""
    y_true, y_pred, weight = arrays
    folder = tmp_path_factory.mktemp("same")
    paths = {name: folder / name for name in ("a.csv", "a.tsv", "a.csv.gz", "a.csv.bz2", "a.csv.zst", "a.parquet", "a.arrow", "a.feather")}
    pa.csv.write_csv(table, paths["a.csv"])
    text = paths["a.csv"].read_bytes()
    paths["a.tsv"].write_bytes(text.replace(b",", b"\t"))
    paths["a.csv.gz"].write_bytes(gzip.compress(text))
    paths["a.csv.bz2"].write_bytes(bz2.compress(text))
    with pa.CompressedOutputStream(str(paths["a.csv.zst"]), "zstd") as stream:
        stream.write(text)
    pq.write_table(table, paths["a.parquet"], row_group_size=17)
    with pa.ipc.new_file(str(paths["a.arrow"]), table.schema) as writer:
        writer.write_table(table, max_chunksize=13)
    with pa.ipc.new_stream(str(paths["a.feather"]), table.schema) as writer:
        writer.write_table(table)

    lists = pa.table({"label": y_true, "probs": pa.array(y_pred.tolist()), "weight": weight})
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(y_pred.reshape(-1)), CLASSES)
    for name, columns in (("list.parquet", lists), ("fixed.parquet", lists.set_column(1, "probs", fixed))):
        paths[name] = folder / name
        pq.write_table(columns, paths[name], row_group_size=23)
    paths["a.jsonl"] = folder / "a.jsonl"
    paths["a.jsonl"].write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    paths["list.jsonl"] = folder / "list.jsonl"
    paths["list.jsonl"].write_text("".join(json.dumps(row) + "\n" for row in lists.to_pylist()))
    paths["a.npz"] = folder / "a.npz"
    np.savez(paths["a.npz"], y_true=y_true, y_pred=y_pred, weight=weight)
    paths["packed.npz"] = folder / "packed.npz"
    np.savez_compressed(paths["packed.npz"], y_true=y_true, y_pred=np.asfortranarray(y_pred), weight=weight)
    one_hot = np.eye(CLASSES, dtype=np.int8)[y_true]
    paths["one_hot.parquet"] = folder / "one_hot.parquet"
    pq.write_table(
        pa.table({f"l_{k}": one_hot[:, k] for k in range(CLASSES)} | {name: table[name] for name in table.column_names[1:]}),
        paths["one_hot.parquet"],
    )
    np.save(folder / "labels.npy", y_true)
    np.save(folder / "preds.npy", y_pred)
    return paths
