"""`--engine`: what the workers of a cluster measure is, byte for byte, what one process does."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from xent.core.errors import DataError, NothingEvaluated, UsageError
from xent.core.table import row_of
from xent.io import distributed
from xent.io.dataset import open_dataset
from xent.io.engines import open_engine
from xent.io.evaluation import measure
from xent.io.request import Request
from xent.io.state_file import state_text

ROWS = 4000
OPTIONS = ("-m", "cce", "-m", "cce:reduction=none", "-m", "roc_auc", "--by", "country")


@pytest.fixture
def rows(folder):
    rng = np.random.default_rng(6)
    p = np.round(rng.dirichlet(np.ones(3), ROWS), 3)
    columns = {"label": rng.integers(0, 3, ROWS), **{f"p_{k}": p[:, k] for k in range(3)}}
    rows = pa.table({**columns, "country": np.array(["de", "f\nr"])[rng.integers(0, 2, ROWS)]})
    (folder / "data").mkdir()
    pq.write_table(rows.slice(0, 2500), folder / "data/0.parquet", row_group_size=100)
    pa.csv.write_csv(rows.slice(2500), folder / "data/1.csv")
    return rows


def in_disorder(function, shards):
    """An engine whose workers are plain calls that end in some order; what goes to and fro is only what JSON can hold."""
    for number in np.random.default_rng(1).permutation(len(shards)).tolist():
        sent = json.loads(json.dumps(shards[number]))
        yield number, json.loads(json.dumps(function(distributed.Task(*sent))))


def metrics(*names):
    return [row_of(name).cls() for name in names]


def measured_both_ways(request, found, *, run=in_disorder, shards=9, nan="error"):
    options = {"nan": nan, "from_logits": False, "identify": True}
    with open_dataset(request) as dataset:
        here = measure(dataset, found, **options)
    with open_dataset(request) as dataset:
        return here, distributed.measure_on(run, dataset, found, shards=shards, **options)


@pytest.mark.parametrize("shards", [1, 2, 9, 200])
@pytest.mark.parametrize("by", [(), ("country",)])
def test_any_order_of_arrival_gives_the_same_bytes(rows, shards, by):
    request = Request(sources=("data",), by=by)
    here, there = measured_both_ways(request, metrics("categorical_crossentropy", "categorical_accuracy"), shards=shards)
    assert state_text(there) == state_text(here)
    assert there.result() == here.result() or repr(there.result()) == repr(here.result())


def test_labels_of_a_second_file(folder, rows):
    pq.write_table(rows.select(["p_0", "p_1", "p_2"]), "p.parquet", row_group_size=99)
    pa.csv.write_csv(rows.select(["label"]), "y.csv")
    here, there = measured_both_ways(Request(sources=("p.parquet",), labels="y.csv"), metrics("categorical_crossentropy"))
    assert state_text(there) == state_text(here)


@pytest.mark.parametrize(
    ("source", "bytes_a_shard", "shards"), [("0.parquet", 1000, 51), ("1.csv", 1000, 16), ("1.csv", 10_000, 4), ("1.csv.gz", 1000, 1)]
)
def test_how_many_shards_there_are(folder, rows, monkeypatch, source, bytes_a_shard, shards):
    """One for so many bytes; fewer where each would have to look through most of a file."""
    path = folder / "data" / source
    if source == "0.parquet":
        bytes_a_shard = -(-path.stat().st_size // shards)
    else:
        text = ("label,p_0,p_1,p_2,country\n" + "1,0.5,0.25,0.25,de\n" * 1680).ljust(32_000, "\n").encode()
        path.write_bytes(gzip.compress(text) if source.endswith("gz") else text)
    monkeypatch.setattr(distributed, "SHARD_BYTES", bytes_a_shard)
    seen = []

    def counting(function, tasks):
        seen.append(len(tasks))
        yield from in_disorder(function, tasks)

    here, there = measured_both_ways(Request(sources=(f"data/{source}",)), metrics("accuracy"), run=counting, shards=None)
    assert state_text(there) == state_text(here)
    assert seen == [shards]


def spoil(folder, *places):
    """Another value of `p_1` in some rows of the Parquet file."""
    table = pq.read_table(folder / "data/0.parquet")
    values = np.array(table["p_1"]).copy()
    for row, value in places:
        values[row] = value
    pq.write_table(table.set_column(2, "p_1", pa.array(values)), folder / "data/0.parquet", row_group_size=100)


def error_of(request, run=in_disorder, **options):
    with open_dataset(request) as dataset, pytest.raises((DataError, UsageError, NothingEvaluated)) as caught:
        distributed.measure_on(
            run, dataset, metrics("categorical_crossentropy"), nan="error", from_logits=False, identify=False, shards=9, **options
        )
    return caught.value


def test_the_first_error_in_the_order_of_the_rows_is_told_with_its_file_and_row(folder, rows):
    spoil(folder, (100, 7.0), (1900, 8.0))
    error = error_of(Request(sources=("data",)))
    assert type(error) is DataError
    assert str(error) == f"{folder}/data/0.parquet: column 'p_1', row 101: prediction 7.0 lies outside [0, 1]"
    assert type(error.__cause__).__name__ == "NotProbabilityError"


def test_missing_values_are_counted_over_all_shards(folder, rows):
    spoil(folder, (1234, np.nan), (77, np.nan), (2001, np.nan))
    error = error_of(Request(sources=("data",)))
    assert str(error).startswith("data/0.parquet: column 'p_1', row 78: a value is missing (NaN or null); 3 rows lack one in all")


def test_no_rows_at_all(rows):
    assert isinstance(error_of(Request(sources=("data",), where="p_0 > 2")), NothingEvaluated)


def test_workers_of_other_versions(monkeypatch, rows):
    here = distributed.versions()
    monkeypatch.setattr(distributed, "versions", lambda: next(answers))
    answers = iter([{**here, "numpy": "0.1", "pyarrow": "0.2"}] + [here] * 9)
    error = error_of(Request(sources=("data",)))
    assert isinstance(error, UsageError)
    assert str(error).startswith(f"--engine: a worker has numpy {here['numpy']}, not 0.1; pyarrow {here['pyarrow']}, not 0.2\n")


def test_workers_that_see_other_files(folder, rows):
    def elsewhere(function, shards):
        (folder / "data/2.csv").write_bytes((folder / "data/1.csv").read_bytes())
        yield from in_disorder(function, shards)

    with (
        open_dataset(Request(sources=("data",))) as dataset,
        pytest.raises(DataError, match="the workers see other files than those here"),
    ):
        distributed.measure_on(
            elsewhere, dataset, metrics("categorical_crossentropy"), nan="error", from_logits=False, identify=False, shards=3
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "dask", "--shard", "1/2"], "--shard: --engine dask makes the shards by itself"),
        (["--engine", "ray", "--checkpoint", "c"], "--checkpoint is for --engine local"),
        (["--engine-address", "tcp://x:1"], "--engine-address needs --engine ray or --engine dask"),
        (["--engine-shards", "3"], "--engine-shards needs --engine ray or --engine dask"),
        (["--engine", "spark"], "'spark' is not one of"),
    ],
)
def test_options_that_do_not_go_together(xent, multi, options, said):
    ended = xent("eval", multi, "-m", "cce", *options)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("dask", "distributed")])
def test_without_the_extra_the_error_says_what_to_install(xent, multi, monkeypatch, engine, package):
    monkeypatch.setitem(sys.modules, package, None)
    ended = xent("eval", multi, "-m", "cce", "--engine", engine)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"xent: error: --engine {engine} needs a package that is not installed: {package}\n  pip install 'xent-eval[{engine}]'\n"
    )
    with pytest.raises(UsageError):
        open_engine("spark", None)


def python(*args):
    environment = {"PYTHONPATH": str(Path(distributed.__file__).parents[2])}
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=200, check=False, env=environment)


def same_as_local(process, folder, *options):
    args = ("eval", "data", *OPTIONS)
    expected, _ = process(*args, "--state", "here.state").communicate(timeout=120)
    running = process(*args, "--state", "there.state", *options)
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    assert out == expected
    assert (folder / "there.state").read_bytes() == (folder / "here.state").read_bytes()


def test_dask_on_this_machine(process, folder, rows):
    same_as_local(process, folder, "--engine", "dask", "--engine-shards", "7")


def test_dask_where_there_is_none(process, folder, multi):
    code = (
        "import sys; from xent.io.engines import dask_engine; dask_engine._CONNECT = 1; from xent.cli.app import app; "
        "sys.exit(app.run(['eval', 'multi.csv', '-m', 'cce', '--engine', 'dask', '--engine-address', 'tcp://127.0.0.1:1']))"
    )
    root = Path(distributed.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env={"PYTHONPATH": str(root)}
    )
    assert ended.returncode == 2, ended.stderr
    assert "xent: error: --engine-address tcp://127.0.0.1:1: there is no Dask scheduler" in ended.stderr
    assert "Traceback" not in ended.stderr


LOSING_A_WORKER = """
import os, signal, sys, tempfile, time
from contextlib import contextmanager
from pathlib import Path

from xent.core.table import row_of
from xent.io.dataset import open_dataset
from xent.io.distributed import measure_on
from xent.io.engines import open_engine
from xent.io.request import Request
from xent.io.state_file import state_text


@contextmanager
def address_of(engine):
    if engine == "ray":
        yield None
        return
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def main(engine):
    started = Path("started").absolute()
    started.mkdir()
    with address_of(engine) as address, open_engine(engine, address) as run:

        def losing(function, shards):
            def counted(task):
                tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=started)
                time.sleep(0.1)
                return function(task)

            for number, pair in enumerate(run(counted, shards)):
                if number == 3:
                    latest = max(started.iterdir(), key=lambda path: path.stat().st_mtime_ns)
                    os.kill(int(latest.name.partition("-")[0]), signal.SIGKILL)
                yield pair

        with open_dataset(Request(sources=("data",), by=("country",))) as dataset:
            metrics = [row_of(name).cls() for name in ("categorical_crossentropy", "accuracy")]
            found = measure_on(losing, dataset, metrics, nan="error", from_logits=False, identify=True, shards=16)
    Path("there.state").write_text(state_text(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.mark.parametrize("engine", ["dask", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_worker_that_is_killed_in_the_middle(process, folder, rows, engine):
    args = ("eval", "data", "-m", "cce", "-m", "accuracy", "--by", "country", "--state", "here.state")
    assert process(*args).wait(60) == 0
    (folder / "lose.py").write_text(LOSING_A_WORKER)
    ended = python("lose.py", engine)
    assert ended.returncode == 0, ended.stderr
    assert (folder / "there.state").read_bytes() == (folder / "here.state").read_bytes()
    starts = len(list((folder / "started").iterdir()))
    # Once more for what was lost; at most twice for all.
    assert 16 < starts <= 32


@pytest.mark.ray
def test_ray_on_this_machine(process, folder, rows):
    same_as_local(process, folder, "--engine", "ray", "--engine-shards", "7")
