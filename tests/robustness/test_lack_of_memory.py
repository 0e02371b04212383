"""Memory that is not there: at every step of an evaluation, and under real limits on the address space."""

import gc
import mmap
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import xent
from xent.cli.app import app
from xent.core.errors import DataError
from xent.io import address_space, workers
from xent.io.workers import Breaks, work

ROWS = 300
CLASSES = 3
OLD = b"old"

SOURCES = {
    "csv": ("a.csv",),
    "jsonl": ("a.jsonl",),
    "parquet": ("a.parquet",),
    "arrow": ("a.arrow",),
    "npy": ("a.npy", "--labels", "y.npy"),
    "npz": ("a.npz",),
}

SAID = ("out of memory", "needs more memory than there is", "the NPY header cannot be read")
"""The header's text may itself be a demand for memory, which is no fault of the machine's."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows in every format."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(5)
    y_pred, y_true = rng.dirichlet(np.ones(CLASSES), ROWS), rng.integers(0, CLASSES, ROWS)
    table = pa.table({"label": y_true, **{f"p_{k}": y_pred[:, k] for k in range(CLASSES)}})
    pa_csv.write_csv(table, folder / "a.csv")
    (folder / "a.jsonl").write_text(table.to_pandas().to_json(orient="records", lines=True))
    pq.write_table(table, folder / "a.parquet", row_group_size=ROWS // 3)
    feather.write_feather(table, str(folder / "a.arrow"), chunksize=ROWS // 3)
    np.save(folder / "a.npy", y_pred)
    np.save(folder / "y.npy", y_true)
    np.savez(folder / "a.npz", label=y_true, probs=y_pred)
    return folder


class Lack:
    """Fails the n-th call that xent makes of what is written in C, in any thread; all of NumPy and Arrow is."""

    def __init__(self, at: int, kind: type[MemoryError]) -> None:
        self.at, self.kind, self.calls, self.escaped = at, kind, 0, []

    def __call__(self, frame, event, called):
        place = frame.f_code.co_filename
        # To let go of a lock, or to wait for a signal, takes no memory.
        spared = place.endswith("signals.py") or getattr(called, "__qualname__", "").startswith("lock.")
        if event != "c_call" or spared or not place.startswith(xent.__path__[0]):
            return
        self.calls += 1
        if self.calls == self.at:
            raise self.kind("lacking")

    def during(self, args):
        """How the command line ended with it."""
        before = threading.excepthook
        threading.excepthook = self.escaped.append
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            return CliRunner().invoke(app, args)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            threading.excepthook = before


# What was opened in the very moment is closed by whoever clears up.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", [MemoryError, pa.ArrowMemoryError])
@pytest.mark.parametrize("source", SOURCES)
def test_at_every_step_of_an_evaluation(folder, files, source, kind):
    args = ("eval", *(str(files / name) if name[0] != "-" else name for name in SOURCES[source]), "-m", "cce", "--threads", "2", "-q")
    unharmed = Lack(0, kind)
    first = CliRunner().invoke(app, [*args, "-o", "r.json"])  # Some calls are made only once, as for imports.
    value = unharmed.during([*args, "-o", "r.json"]).stdout
    whole = Path("r.json").read_bytes()
    assert (first.stdout, first.exit_code, unharmed.calls > 500) == (value, 0, True)
    # Steps that no one pattern of calls falls in with; two threads make a few calls more or less every time.
    for at in range(1, unharmed.calls * 9 // 10, unharmed.calls // 40 | 1):
        Path("r.json").write_bytes(OLD)
        lack = Lack(at, kind)
        ended = lack.during([*args, "-o", "r.json"])
        assert lack.calls >= at
        assert not lack.escaped
        if ended.stdout == value:
            continue  # It was all said and done.
        lines = ended.stderr.splitlines()
        assert (ended.exit_code, ended.stdout) == (3, "")
        assert lines[-1].startswith("xent: error: ")
        assert any(said in lines[-1] for said in SAID), lines
        assert "Traceback" not in ended.stderr
        assert Path("r.json").read_bytes() in (OLD, whole)
        assert os.listdir() == ["r.json"]
    gc.collect()
    assert {thread.name for thread in threading.enumerate()}.isdisjoint({"xent", "xent-signals"})


def numbers(count):
    return [lambda: iter(range(count))]


@pytest.mark.parametrize("step", ["choose", "leave", "fail"])
@pytest.mark.parametrize("threads", [1, 3])
def test_lost_rows_are_never_silent(monkeypatch, step, threads):
    """A worker that cannot even write down what became of its part makes the whole work fail."""

    def lack(*_):
        raise MemoryError(step)

    def consume(item):
        if step == "fail":
            raise DataError("never told")

    monkeypatch.setattr(workers._Plan, step, lack)
    with pytest.raises(MemoryError, match=step):
        work(numbers(5), [consume] * threads)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_consumer_that_fails_at_a_break_keeps_nobody_waiting(threads):
    looked = []

    class Failing(Breaks):
        def between_items(self):
            super().between_items()
            raise MemoryError("at a break")

    breaks = Failing(lambda: looked.append(1) or (lambda: None), every=0.0)
    with pytest.raises(MemoryError, match="at a break"):
        work(numbers(5) * 3, [lambda item: None] * threads, breaks)
    assert breaks._at_work == 0


def test_a_wait_that_fails_is_left_as_often_as_it_was_entered(monkeypatch):
    def lack(*_):
        raise MemoryError("waiting")

    breaks = Breaks(lambda: lambda: None, every=100.0)
    monkeypatch.setattr(breaks._changed, "wait_for", lack)
    with pytest.raises(MemoryError, match="waiting"):
        breaks._enter()
    breaks._leave()
    assert breaks._at_work == 0


@pytest.mark.parametrize("started", [0, 1])
def test_threads_that_cannot_be_started(folder, files, monkeypatch, started):
    """Python's own error for it is no MemoryError."""
    begun = []
    start = threading.Thread.start

    def refuse(thread):
        if thread.name == "xent":
            if len(begun) == started:
                raise RuntimeError("can't start new thread")
            begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ended = CliRunner().invoke(app, ["eval", str(files / "a.csv"), "--threads", "2"])
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert ended.stderr.splitlines()[-1] == "xent: error: out of memory; a smaller --chunk-rows or fewer --threads need less"


@pytest.mark.parametrize(
    "words",
    [
        "libarrow.so.2600: failed to map segment from shared object",
        "Original error was: x.so: cannot allocate memory in static TLS block",
    ],
)
def test_libraries_that_cannot_be_loaded(monkeypatch, capsys, words):
    def fail(*_):
        raise ImportError(words)

    monkeypatch.setattr(type(app), "get_command", fail)
    assert app.run(["eval"]) == 3
    assert capsys.readouterr().err == "xent: error: out of memory; a smaller --chunk-rows or fewer --threads need less\n"


@pytest.mark.parametrize(("megabytes", "threads"), [(10_000, 8), (500, 5), (170, 1), (50, 1)])
def test_threads_that_fit_into_a_limit(monkeypatch, megabytes, threads):
    """Each takes 72 MB, Arrow's as much, and 24 MB are left over for the data: 5 + 1 of them fit into 500 MB."""

    class Mapped:
        def __init__(self, _, size):
            if size > megabytes << 20:
                raise OSError(12, "Cannot allocate memory")

        def close(self):
            pass

    monkeypatch.setattr(mmap, "mmap", Mapped)
    assert address_space.threads_that_fit(8) == 8
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 30, 1 << 30))
    assert address_space.threads_that_fit(8) == threads
    kept = pa.io_thread_count()
    try:
        if megabytes < 96:
            with pytest.raises(MemoryError):
                address_space.require_thread()
        else:
            address_space.require_thread()
        assert pa.io_thread_count() == 1
    finally:
        pa.set_io_thread_count(kept)


def test_a_system_without_limits(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert not address_space.is_limited()


IMPORTED = "import pyarrow.csv, pyarrow.json, pyarrow.parquet, xent.io.dataset; print(open('/proc/self/statm').read().split()[0])"


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="nothing tells how much address space is in use")
@pytest.mark.parametrize("source", SOURCES)
def test_real_limits(files, source):
    """From hardly more than what is loaded to more than enough: the value, or the contract's error; never a wait for ever."""
    env = {**os.environ, "PYTHONPATH": str(Path(xent.__path__[0]).parent)}
    pages = subprocess.run([sys.executable, "-c", IMPORTED], env=env, capture_output=True, check=True).stdout
    loaded = int(pages) * resource.getpagesize()
    values = []
    for more in range(60, 500, 20):
        limit = loaded + (more << 20)
        ended = subprocess.run(
            [sys.executable, "-m", "xent", "eval", *SOURCES[source], "-m", "cce", "-q", "-o", "/dev/null", "-f", "json"],
            cwd=files,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
            preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
        said = ended.stderr.decode()
        assert ended.returncode in (0, 3), (more, said)
        assert "Traceback" not in said
        if ended.returncode:
            assert ended.stdout == b""
            assert any(words in said.splitlines()[-1] for words in SAID), said
        else:
            values.append(ended.stdout)
    assert len(set(values)) == 1
