"""Several processes for one evaluation: nobody can tell, whatever becomes of them."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are forked on Linux alone")

ROOT = Path(__file__).parents[2]

ROWS = 800_000
"""More than 12 MB in every form: another process comes for every 4 MB."""

WITNESS = '''
import os
import signal
import time
from pathlib import Path

import numpy as np

from xent.core.metric import MeanMetric, MeanOf
from xent.core.table import metric

FIRST = os.getpid()


def witnessed(batch):
    Path(f"worker-{os.getpid()}").touch()
    # Nobody is through before all have begun.
    given_up = time.monotonic() + 20
    while len(list(Path.cwd().glob("worker-*"))) < int(os.environ["WORKERS"]) and time.monotonic() < given_up:
        time.sleep(0.001)
    time.sleep(float(os.environ.get("PAUSE", "0")))
    if os.getpid() != FIRST and "END" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    if os.getpid() != FIRST and "FAIL" in os.environ:
        raise MemoryError
    return np.ones(len(batch))


@metric("witness", direction="higher", range="[0, 1]", inputs="values", formula="1", source="a test")
class Witness(MeanMetric):
    """Notes which processes it has been called in."""

    def __init__(self, name=None, dtype=None):
        super().__init__(name, dtype)
        self.lift = MeanOf.make(witnessed)
'''


def rows(count=ROWS):
    rng = np.random.default_rng(7)
    score = rng.random(count)
    label = (rng.random(count) < score).astype(np.int8)
    # The later, the more countries: no process meets them in the order of another.
    country = pa.array([f"c{(at // 50_000 + 1) * at % 7}" for at in range(count)])
    return pa.table({"label": label, "score": score, "weight": rng.random(count), "country": country})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same rows in every form that is taken apart; text has line ends inside of fields, but not in the first rows."""
    folder = tmp_path_factory.mktemp("processes")
    table = rows()
    pq.write_table(table, folder / "rows.parquet", row_group_size=80_000)
    frame = table.to_pandas()
    frame["note"] = [f"n{at}" if at < 40_000 or at % 9 else f'said "{at}",\nthen left\r\n' for at in range(ROWS)]
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "quoted.csv", index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for name in ("arrow", "npz"):
        (folder / name).mkdir()
    for number, start in enumerate(range(0, ROWS, 100_000)):
        part = table.slice(start, 100_000)
        with pa.OSFile(str(folder / "arrow" / f"{number}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(part)
        np.savez(folder / "npz" / f"{number}.npz", **{name: part.column(name).to_numpy() for name in ("label", "score", "weight")})
    return folder


@pytest.fixture
def run(process, folder):
    """Runs an evaluation with the witness, and gives its standard output and error, its status, and how many processes were at work."""
    (folder / "witness.py").write_text(WITNESS)

    def start(*args, threads, **env):
        for path in folder.glob("worker-*"):
            path.unlink()
        env = {"WORKERS": str(threads), **env}
        running = process("eval", *map(str, args), "-m", "./witness.py:Witness", "--threads", str(threads), env=env)
        out, err = running.communicate(timeout=120)
        return out, err, running.returncode, len(list(folder.glob("worker-*")))

    return start


METRICS = ("-m", "binary_crossentropy", "-m", "auc", "-m", "brier_score", "--weight", "weight", "--ci", "0.95", "--format", "json")


@pytest.mark.parametrize("form", ["rows.parquet", "rows.csv", "quoted.csv", "arrow", "npz"])
def test_the_same_bytes(run, files, form):
    expected = run(files / form, *METRICS, threads=1)
    assert expected[2:] == (0, 1), expected[1]
    assert json.loads(expected[0])["data"]["rows"] == ROWS
    for threads in (2, 3):
        assert run(files / form, *METRICS, threads=threads) == (*expected[:3], threads)


@pytest.mark.parametrize("form", ["rows.parquet", "rows.csv"])
@pytest.mark.parametrize("command", [("--by", "country"), ("--by", "country", "--by", "country,label", "--plot", "--output", "r.html")])
def test_the_same_slices(run, files, form, command):
    expected = run(files / form, *METRICS, *command, threads=1)
    assert expected[2:] == (0, 1), expected[1]
    assert {metric["slice"]["country"] for metric in json.loads(expected[0])["slices"]} == {f"c{at}" for at in range(7)}
    page = Path("r.html").read_bytes() if "r.html" in command else b""
    assert run(files / form, *METRICS, *command, threads=3) == (*expected[:3], 3)
    assert page == (Path("r.html").read_bytes() if "r.html" in command else b"")


def test_too_many_slices_are_too_many_for_all_together(run, files):
    # No process meets all of them by itself.
    for threads in (1, 2):
        _, err, status, _ = run(files / "rows.parquet", "--by", "country,label", "--max-slices", "13", threads=threads)
        assert status == 2
        assert b"more than 13 slices" in err


@pytest.mark.parametrize("what", ["END", "FAIL"])
def test_what_a_process_takes_with_it_is_done_again(run, files, what):
    expected = run(files / "rows.parquet", *METRICS, threads=1)
    out, err, status, at_work = run(files / "rows.parquet", *METRICS, threads=2, **{what: "1"})
    assert (out, err, status) == expected[:3]
    assert at_work == 2


def test_progress_counts_all_rows_once(run, files):
    for env in ({}, {"END": "1"}):
        _, err, status, at_work = run(files / "rows.csv", *METRICS, "--progress", threads=3, **env)
        assert (status, at_work) == (0, 3)
        assert f"xent: {ROWS:,} rows, ".encode() in err, err


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """Files with faults of three kinds, far from each other."""
    folder = tmp_path_factory.mktemp("faults")
    table = rows()
    score = table.column("score").to_numpy().copy()
    score[[200_007, 350_000, 599_999]] = [1.5, -3.0, 2.0]
    table = table.set_column(1, "score", pa.array(score))
    pq.write_table(table, folder / "rows.parquet", row_group_size=60_000)
    table.to_pandas().to_csv(folder / "rows.csv", index=False)
    lines = (folder / "rows.csv").read_bytes().split(b"\n")
    lines[400_002] = b"1,many,1.0,c1"
    lines[450_000] = b"1,0.5"
    (folder / "words.csv").write_bytes(b"\n".join(lines).replace(b",1.5,", b",0.5,").replace(b",-3.0,", b",0.3,"))
    return folder


@pytest.mark.parametrize("form", ["rows.parquet", "rows.csv", "words.csv"])
def test_the_first_fault_is_told(run, faulty, form):
    expected = run(faulty / form, "-m", "binary_crossentropy", threads=1)
    assert expected[2] == 3
    assert (b"row 200008: " if form.startswith("rows") else b"row 400002: ") in expected[1], expected[1]
    for threads in (2, 3, 3, 3):
        out, err, status, at_work = run(faulty / form, "-m", "binary_crossentropy", threads=threads)
        assert (out, err, status, at_work) == (*expected[:3], threads)


def gone(pid):
    """Whether a process has ended, though nobody may have asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("signum", "status", "said"),
    [(signal.SIGINT, 130, b"xent: error: interrupted\n"), (signal.SIGTERM, 143, b"xent: error: terminated\n"), (signal.SIGKILL, -9, b"")],
)
def test_all_end_with_the_first(process, folder, files, signum, status, said):
    (folder / "witness.py").write_text(WITNESS)
    running = process(
        "eval",
        str(files / "rows.csv"),
        "-m",
        "./witness.py:Witness",
        "--threads",
        "3",
        "-o",
        "r.json",
        env={"WORKERS": "3", "PAUSE": "0.3"},
    )
    while len(list(folder.glob("worker-*"))) < 3:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    workers = [int(path.name.partition("-")[2]) for path in folder.glob("worker-*")]
    assert running.pid in workers
    running.send_signal(signum)
    # Those that are left are heard of when they close their standard error.
    assert running.stderr.read() == said
    assert running.wait(10) == status
    deadline = time.monotonic() + 10
    while not all(map(gone, workers)):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.05)
    assert not Path("r.json").exists()


def test_small_files_need_no_help(run, folder):
    pq.write_table(rows(20_000), folder / "small.parquet", row_group_size=1000)
    assert run(folder / "small.parquet", "-m", "auc", threads=2, WORKERS="1")[2:] == (0, 1)


@pytest.mark.parametrize(("names", "may"), [(["xent-signals"], True), ([], False), (["xent-signals", "of somebody else"], False)])
def test_a_command_is_copied_and_no_other_program(names, may):
    """In a process of its own: that of the tests may have other threads."""
    code = (
        "import threading; from xent.io.processes import may_fork; held = threading.Event()\n"
        f"for name in {names}: threading.Thread(target=held.wait, name=name).start()\n"
        "print(may_fork()); held.set()"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout == f"{may}\n"
