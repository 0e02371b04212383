"""What an evaluation may import: as much as starting costs, for a small file it is nearly all of the time."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from xent.cli.app import app

ROOT = Path(__file__).parents[2]

UNNEEDED = (
    *("pandas", "pyarrow.dataset", "rich", "scipy", "numpy.random", "numpy.testing", "asyncio", "unittest", "concurrent.futures"),
    *("fsspec", "aiohttp", "xent.io.remote", "xent.io.stores", "xent.io.range_file"),
)
"""pyarrow imports pandas unasked in `to_numpy`, `pa.array` and `pyarrow.dataset`, which takes longer than all else together."""


@pytest.fixture
def files(folder):
    (folder / "multi.csv").write_text("label,p_cat,p_dog,w,country\ncat,0.75,0.25,1.5,de\ndog,0.5,0.5,2.5,fr\n")
    columns = {"label": [0, 1, 1], "p_0": [0.75, 0.5, 0.25], "p_1": [0.25, 0.5, 0.75], "w": [1.0, 2.0, 0.5], "country": ["de", "fr", "de"]}
    pq.write_table(pa.table(columns), folder / "multi.parquet")
    pq.write_table(pa.table({"label": ["a", "b"], "probs": [[0.75, 0.25], [0.5, 0.5]]}), folder / "lists.parquet")
    with pa.OSFile(str(folder / "multi.arrow"), "wb") as sink, pa.ipc.new_file(sink, pa.table(columns).schema) as writer:
        writer.write_table(pa.table(columns))
    np.save(folder / "y_pred.npy", np.array([[0.75, 0.25], [0.5, 0.5]], np.float32))
    np.save(folder / "y_true.npy", np.array([0, 1]))
    np.savez(folder / "both.npz", label=np.array([0, 1]), score=np.array([0.25, 0.75]))
    assert CliRunner().invoke(app, ["eval", "multi.parquet", "-m", "cce", "-q", "--state", "base.state"]).exit_code == 0
    (folder / "binary.jsonl").write_text('{"label": 1, "score": 0.75}\n{"label": 0, "score": 0.5}\n')


def modules_after(*args):
    """The modules that a run of the command line has imported by its end."""
    code = (
        "import sys; from xent.cli.app import app; out, sys.stdout = sys.stdout, sys.stderr; status = app.run(sys.argv[1:]); "
        "print(status, *sys.modules, file=out)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True, env=env)
    status, *modules = done.stdout.split()
    assert status == "0", done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "args",
    [
        ["multi.csv"],
        ["multi.csv", "-m", "cce", "-q"],
        ["multi.csv", "-m", "cce", "--weight", "w", "-f", "csv"],
        ["multi.csv", "-m", "cce", "--label", "label", "--pred", "p_*", "-o", "out.json", "-o", "out.md"],
        ["multi.parquet"],
        ["multi.parquet", "-m", "bce", "-m", "auc", "--pred", "p_1", "-q"],
        ["multi.parquet", "-m", "cce", "--weight", "w", "-f", "jsonl"],
        ["lists.parquet", "-m", "cce", "--classes", "a,b", "-f", "markdown"],
        ["multi.arrow", "-m", "cce", "-q"],
        ["y_pred.npy", "--labels", "y_true.npy", "-m", "cce", "-q"],
        ["y_pred.npy", "--labels", "y_true.npy", "--threads", "2"],
        ["both.npz", "-m", "bce", "-q"],
        ["binary.jsonl", "-m", "bce", "-q"],
        ["binary.jsonl", "-m", "bce", "-f", "openmetrics", "-o", "out.parquet", "-o", "out.gitlab.json", "-o", "out.xml"],
        ["multi.parquet", "-m", "cce", "--by", "country", "-q", "-o", "out.parquet", "--gate", "rel(cce) < 1", "--baseline", "base.state"],
    ],
    ids=" ".join,
)
def test_an_evaluation_imports_nothing_it_does_not_need(files, args):
    modules = modules_after("eval", *args)
    assert sorted(modules & set(UNNEEDED)) == []
    assert "numpy" in modules


@pytest.mark.parametrize("source", ["multi.csv", "multi.parquet"])
def test_a_filter_does_not_import_pandas(files, source):
    assert "pandas" not in modules_after("eval", source, "-m", "cce", "-q", "--where", "country == 'de' and w >= 0.75")


@pytest.mark.parametrize(("source", "format_"), [("multi.csv", "pyarrow.parquet"), ("multi.parquet", "pyarrow.csv")])
def test_a_format_costs_those_alone_who_use_it(files, source, format_):
    assert format_ not in modules_after("eval", source, "-m", "cce", "-q")


@pytest.mark.parametrize(
    ("args", "status"), [(["eval", "binary.jsonl", "-m", "bce", "-q"], 0), (["eval", "binary.jsonl", "-m", "nonsense"], 2)]
)
def test_what_is_to_be_done_at_the_end_is_done(files, folder, args, status):
    """The process ends without taking the libraries down, which must lose neither output nor status nor what others have registered."""
    code = "import atexit, sys; atexit.register(print, 'the end'); from xent.__main__ import main; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, env=env, cwd=folder)
    assert done.returncode == status, done.stderr
    assert done.stdout.endswith("the end\n")
    assert len(done.stdout.splitlines()) == (2 if status == 0 else 1)


def test_a_thread_that_goes_on_is_waited_for(files, folder):
    code = (
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.5), print('done'))).start(); "
        "from xent.__main__ import main; main()"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True, env=env, cwd=folder)
    assert done.stdout.endswith("done\n")
