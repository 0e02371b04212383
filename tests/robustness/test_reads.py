"""Reads that give less than they were asked for, and calls that signals interrupt."""

import bz2
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from xent.cli.app import app
from xent.io.places import Place
from xent.io.readers import open_place

ROOT = Path(__file__).parents[2]
ROWS = 2000
COLUMNS = ["label", "p_0", "p_1", "p_2"]


def table() -> pa.Table:
    rng = np.random.default_rng(8)
    y_pred = rng.dirichlet(np.ones(3), ROWS)
    return pa.table({"label": rng.integers(0, 3, ROWS), **{f"p_{k}": y_pred[:, k] for k in range(3)}})


def written(write) -> bytes:
    sink = io.BytesIO()
    write(table(), sink)
    return sink.getvalue()


def write_arrow(rows, sink):
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=500)


def write_stream(rows, sink):
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=500)


def write_lines(rows, sink):
    sink.write("".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode())


def write_npz(rows, sink):
    np.savez_compressed(sink, **{name: np.asarray(rows[name]) for name in COLUMNS})


WRITERS = {
    "csv": lambda: written(pa_csv.write_csv),
    "csv.gz": lambda: gzip.compress(written(pa_csv.write_csv)),
    "csv.bz2": lambda: bz2.compress(written(pa_csv.write_csv)),
    "csv.zst": lambda: pa.compress(written(pa_csv.write_csv), "zstd", asbytes=True),
    "jsonl": lambda: written(write_lines),
    "parquet": lambda: written(lambda rows, sink: pq.write_table(rows, sink, row_group_size=700)),
    "arrow": lambda: written(write_arrow),
    "feather": lambda: written(write_stream),
    "npz": lambda: written(write_npz),
}


def trickle(target, content: bytes) -> None:
    """Writes stretches of all sizes, one after another, so that reads at the other end come back short."""
    sizes = np.random.default_rng(1).integers(1, 40_000, 1000)
    with open(target, "wb", buffering=0) as pipe:
        start = 0
        for size in (1, 1, 2, 3, *sizes.tolist()):
            if start >= len(content):
                return
            left = memoryview(content)[start : start + size]
            start += len(left)
            while left:
                left = left[pipe.write(left) :]
            time.sleep(0.0005)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_pipe_that_trickles(folder, suffix):
    """Whatever pieces the bytes come in, they are the bytes of the file."""
    content = WRITERS[suffix]()
    (folder / f"a.{suffix}").write_bytes(content)
    expected = CliRunner().invoke(app, ["eval", f"a.{suffix}", "-q", "-m", "cce", "-m", "acc"])
    y_true, y_pred = np.asarray(table()["label"]), np.column_stack([np.asarray(table()[name]) for name in COLUMNS[1:]])
    assert float(expected.stdout.split()[1]) == np.mean(y_pred.argmax(axis=1) == y_true)
    os.mkfifo(f"pipe.{suffix}")
    writer = threading.Thread(target=trickle, args=(f"pipe.{suffix}", content), daemon=True)
    writer.start()
    ended = CliRunner().invoke(app, ["eval", f"pipe.{suffix}", "-q", "-m", "cce", "-m", "acc"])
    writer.join(20)
    assert (ended.exit_code, ended.stdout) == (0, expected.stdout), ended.stderr


class Short(io.FileIO):
    """Gives at most seven bytes, or one fewer each time, of what is asked for."""

    given = 0

    def readinto(self, buffer):
        self.given += 1
        return super().readinto(memoryview(buffer).cast("B")[: 1 + self.given % 7])

    def read(self, size=-1):
        # What reads all, or so many bytes, by `readinto` alone.
        return io.RawIOBase.readall(self) if size is None or size < 0 else io.RawIOBase.read(self, size)


@pytest.mark.parametrize("name", ["c", "fortran"])
def test_short_reads_of_arrays(folder, monkeypatch, name):
    values = np.arange(3000.0).reshape(1000, 3)
    np.save("p.npy", np.asfortranarray(values) if name == "fortran" else values)
    opened = open_place(place := Place("p.npy"))
    monkeypatch.setattr(place, "open_file", lambda _: Short("p.npy"))
    chunks = [chunk.columns["array"] for part in opened.parts(["array"], 170) for chunk in part()]
    assert (np.concatenate(chunks) == values).all()


STORM = """
import signal, sys, threading
caught = []
for name in (signal.SIGALRM, signal.SIGWINCH, signal.SIGUSR1):
    signal.signal(name, lambda number, frame: caught.append(number))
    signal.siginterrupt(name, True)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)

def pester(main):
    while not done.wait(0.0007):
        signal.pthread_kill(main, signal.SIGWINCH)
        signal.pthread_kill(main, signal.SIGUSR1)

done = threading.Event()
pestering = threading.Thread(target=pester, args=(threading.get_ident(),), daemon=True)
pestering.start()
from xent.cli.app import app
status = app.run(sys.argv[1:])
done.set()
pestering.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(caught), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize("how", ["file", "pipe"])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_storm_of_signals(folder, suffix, how):
    """Every call of the system is interrupted thousands of times; nothing comes of it."""
    content = WRITERS[suffix]()
    (folder / f"a.{suffix}").write_bytes(content)
    asked = ("-m", "cce", "-m", "acc", "-f", "json", "--threads", "2")
    CliRunner().invoke(app, ["eval", f"a.{suffix}", *asked, "-o", "calm.json", "--state", "calm.state"])
    source = [f"a.{suffix}"] if how == "file" else ["-", "--input-format", suffix]
    running = subprocess.Popen(
        [sys.executable, "-c", STORM, "eval", *source, *asked, "-o", "storm.json", "--state", "storm.state"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if how == "pipe":
        for start in range(0, len(content), 20_000):
            running.stdin.write(content[start : start + 20_000])
            running.stdin.flush()
            time.sleep(0.002)
    out, err = running.communicate(timeout=100)
    assert running.returncode == 0, err
    assert int(err.split()[-1]) > 50
    calm = json.loads(Path("calm.json").read_text())
    assert json.loads(out)["metrics"] == json.loads(Path("storm.json").read_text())["metrics"] == calm["metrics"]
    if how == "file":
        assert Path("storm.json").read_bytes() == Path("calm.json").read_bytes()
        assert Path("storm.state").read_bytes() == Path("calm.state").read_bytes()
    assert sorted(os.listdir()) == sorted([f"a.{suffix}", "calm.json", "calm.state", "storm.json", "storm.state"])


def test_signals_of_the_terminal_while_a_pipe_is_waited_for(folder):
    """A window that changes its size is no reason to end, and the rows that come later count."""
    content = WRITERS["csv"]()
    running = subprocess.Popen(
        [sys.executable, "-m", "xent", "eval", "-", "--input-format", "csv", "-q", "-m", "acc"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    running.stdin.write(content[:1000])
    running.stdin.flush()
    for _ in range(100):
        running.send_signal(signal.SIGWINCH)
        time.sleep(0.005)
    out, err = running.communicate(content[1000:], timeout=100)
    y_true, y_pred = np.asarray(table()["label"]), np.column_stack([np.asarray(table()[name]) for name in COLUMNS[1:]])
    assert (running.returncode, float(out)) == (0, np.mean(y_pred.argmax(axis=1) == y_true)), err
