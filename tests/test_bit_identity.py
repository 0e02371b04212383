"""The same bytes for every number of threads, size of chunks, and cut of the rows into files: on every data set of the benchmarks."""

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[1]

MULTICLASS = (
    "categorical_crossentropy",
    "sparse_categorical_accuracy",
    "brier_score",
    "perplexity",
    "f1_score",
    "expected_calibration_error",
)
BINARY = (
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "brier_score",
    "auc",
    "binary_accuracy",
    "matthews_correlation",
    "roc_auc",
    "expected_calibration_error",
)
REGRESSION = ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2_score", "pearson_correlation", "log_cosh_error")

DATA_SETS = {
    "multi10": (0.05, MULTICLASS),
    "multi10-zstd": (0.05, MULTICLASS),
    "multi10-shards": (0.05, MULTICLASS),
    "multi1000": (0.05, MULTICLASS),
    "multi1000-npy": (0.05, MULTICLASS),
    "binary": (0.06, BINARY),
    "binary-one-group": (0.06, BINARY),
    "binary-csv": (0.02, BINARY),
    "csv10": (0.05, MULTICLASS),
    "regression": (0.06, REGRESSION),
}
"""Every data set with its scale and what is measured on it: `binary` and `regression` have more than one row group, and a million rows."""

THREADS = (1, 2, 8)
CHUNKS = (1_000, 8_191, 65_536, 1_000_000)

pytestmark = pytest.mark.heavy


def generator():
    """`benchmarks/data.py`, which is no package."""
    spec = importlib.util.spec_from_file_location("benchmark_data", ROOT / "benchmarks" / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Makes a data set once, and says where it is."""
    root, module = tmp_path_factory.mktemp("data"), generator()
    return lambda name: module.make(root, name, DATA_SETS[name][0])


def printed(sources, metrics, *options):
    """What `xent eval --quiet` prints of sources."""
    words = [word for name in metrics for word in ("--metric", name)]
    command = [sys.executable, "-m", "xent", "eval", *map(str, sources), *words, "--quiet", *options]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout.count(b"\n") == len(metrics)
    return done.stdout


def question(name, folder):
    """Sources and options of a data set."""
    if name.endswith("-npy"):
        return [folder / "preds.npy"], ["--labels", str(folder / "labels.npy")]
    return [folder], ["--weight", "weight"] if name.startswith("binary") else []


def test_every_data_set_is_here():
    assert set(DATA_SETS) == set(generator().DATA_SETS)


@pytest.mark.parametrize("name", DATA_SETS)
def test_threads_and_chunks(data, name):
    sources, options = question(name, data(name))
    metrics = DATA_SETS[name][1]
    found = {
        (threads, chunk): printed(sources, metrics, *options, "--threads", str(threads), "--chunk-rows", str(chunk))
        for threads, chunk in itertools.product(THREADS, CHUNKS)
    }
    found["as it comes"] = printed(sources, metrics, *options)
    assert len(set(found.values())) == 1, found


def table_of(folder):
    """All rows of a data set."""
    path = next(folder.iterdir())
    return pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(folder)


@pytest.mark.parametrize("name", ["multi10", "multi1000", "binary", "regression"])
def test_a_whole_file_and_its_shards(data, name, tmp_path):
    """Cut anywhere, in any order of the files, and with the rows shuffled."""
    folder = data(name)
    sources, options = question(name, folder)
    metrics = DATA_SETS[name][1]
    whole = printed(sources, metrics, *options)
    table = table_of(folder)
    rng = np.random.default_rng(20)
    cuts = [0, *sorted(rng.choice(len(table), 49, replace=False).tolist()), len(table)]
    shards = []
    for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
        shards.append(tmp_path / f"part-{number:02}.parquet")
        pq.write_table(table.slice(start, stop - start), shards[-1], row_group_size=10_007)
    for threads in map(str, THREADS):
        assert printed(shards, metrics, *options, "--threads", threads) == whole
        assert printed(shards[::-1], metrics, *options, "--threads", threads, "--chunk-rows", "5000") == whole
    shuffled = tmp_path / "shuffled.parquet"
    pq.write_table(table.take(pa.array(rng.permutation(len(table)))), shuffled)
    assert printed([shuffled], metrics, *options) == whole


def test_compression_does_not_matter(data):
    assert printed([data("multi10")], MULTICLASS) == printed([data("multi10-zstd")], MULTICLASS)


def test_row_groups_do_not_matter(data):
    weight = ["--weight", "weight"]
    assert printed([data("binary")], BINARY, *weight) == printed([data("binary-one-group")], BINARY, *weight)


def test_a_list_column_and_an_array_file(data):
    sources, options = question("multi1000-npy", data("multi1000-npy"))
    assert printed([data("multi1000")], MULTICLASS) == printed(sources, MULTICLASS, *options)


def test_the_numbers_are_right(data):
    """Bytes that are equal could be equally wrong: NumPy on the whole file says the same to 1e-12."""
    table = table_of(data("multi10"))
    p = np.stack([table[f"p_{k}"].to_numpy() for k in range(10)], axis=1).astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    expected = -np.log(np.clip(p[np.arange(len(p)), table["label"].to_numpy()], 1e-7, 1 - 1e-7)).mean()
    assert float(printed([data("multi10")], ["categorical_crossentropy"])) == pytest.approx(expected, rel=1e-12)
    table = table_of(data("regression"))
    expected = np.mean((table["y_true"].to_numpy() - table["y_pred"].to_numpy()) ** 2)
    assert float(printed([data("regression")], ["mean_squared_error"])) == pytest.approx(expected, rel=1e-12)
