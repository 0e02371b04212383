"""`--checkpoint`: a run that is killed at any moment and started again ends as one that was left alone."""

import gzip
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from xent.core.tally import Tally
from xent.io import checkpoint as checkpoint_module
from xent.io.state_file import sealed

ROWS = 3000
OPTIONS = ("-m", "cce", "-m", "cce:reduction=none", "-m", "accuracy", "--by", "country", "--chunk-rows", "100")


class Killed(BaseException):
    """Stands for what no program survives."""


@pytest.fixture
def dies(monkeypatch):
    """Lets a run die when it has saved its progress so many times, and save it after every chunk."""
    monkeypatch.setattr("xent.io.workers._REST", 0)
    update = Tally.update

    def slow_update(tally, batch):
        # Else the other threads are through before the first one has written.
        time.sleep(0.003)
        update(tally, batch)

    monkeypatch.setattr(Tally, "update", slow_update)

    def after(times):
        left = [times]

        def write(contents):
            if not left[0]:
                raise Killed
            left[0] -= 1
            for path, content in contents.items():
                path.write_bytes(content)

        monkeypatch.setattr(checkpoint_module, "write_files", write)

    return after


def table(seed=3):
    rng = np.random.default_rng(seed)
    p = np.round(rng.dirichlet(np.ones(3), ROWS), 3)
    columns = {"label": rng.integers(0, 3, ROWS), **{f"p_{k}": p[:, k] for k in range(3)}}
    return pa.table({**columns, "country": np.array(["de", "f\nr", "it"])[rng.integers(0, 3, ROWS)], "id": np.arange(ROWS)})


def gz(rows):
    pa.csv.write_csv(rows, "plain")
    Path("a.csv.gz").write_bytes(gzip.compress(Path("plain").read_bytes()))
    return ["a.csv.gz"]


def json_lines(rows):
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))
    return ["a.jsonl"]


def arrow(rows):
    with pa.ipc.new_file("a.arrow", rows.schema) as writer:
        writer.write_table(rows, max_chunksize=300)
    return ["a.arrow"]


def labels(rows):
    pq.write_table(rows.drop_columns("label"), "a.parquet", row_group_size=400)
    pa.csv.write_csv(rows.select(["label", "id"]), "y.csv")
    return ["a.parquet", "--labels", "y.csv", "--label", "label"]


def labels_of_texts(rows):
    for number in range(3):
        pa.csv.write_csv(rows.slice(number * 1000, 1000).drop_columns("label"), f"{number}.csv")
    pq.write_table(rows.select(["label"]), "y.parquet", row_group_size=450)
    return ["0.csv", "1.csv", "2.csv", "--labels", "y.parquet"]


def several(rows):
    pa.csv.write_csv(rows.slice(0, 1000), "0.csv")
    pq.write_table(rows.slice(1000, 900), "1.parquet", row_group_size=100)
    pa.csv.write_csv(rows.slice(1900), "2.csv")
    return ["0.csv", "1.parquet", "2.csv", "--where", "country != 'it'"]


LAYOUTS = {
    "csv": lambda rows: pa.csv.write_csv(rows, "a.csv") or ["a.csv"],
    "gz": gz,
    "json lines": json_lines,
    "parquet": lambda rows: pq.write_table(rows, "a.parquet", row_group_size=700) or ["a.parquet"],
    "arrow": arrow,
    "labels": labels,
    "labels of several texts": labels_of_texts,
    "labels by key": lambda rows: [*labels(rows), "--on", "id"],
    "shard": lambda rows: [*LAYOUTS["csv"](rows), "--shard", "2/2"],
    "several": several,
}
"""Write the rows, and tell how to evaluate them."""


def on_and_on(xent, dies, *args, times):
    """Starts a run again and again, each of which dies when it has saved its progress so many times; the last one, and their number."""
    for count in range(1, 1000):
        dies(times)
        try:
            return xent("eval", *args, "--checkpoint", "a.ckpt", "--checkpoint-seconds", "0"), count
        except Killed:
            continue
    raise AssertionError("it never ends")


@pytest.fixture
def xent_or_dead(monkeypatch):
    """The command line in this process; `Killed` goes through all of it."""
    from click.testing import CliRunner

    from xent.cli import exits
    from xent.cli.app import app

    real = exits.report

    def report(error):
        if isinstance(error, Killed):
            raise error
        return real(error)

    monkeypatch.setattr(exits, "report", report)

    def run(*args):
        return CliRunner().invoke(app, args, catch_exceptions=False)

    return run


@pytest.mark.parametrize(("threads", "times"), [("1", 3), ("3", 1)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_that_dies_again_and_again(xent, xent_or_dead, folder, dies, layout, threads, times):
    args = [*LAYOUTS[layout](table()), *OPTIONS, "--threads", threads]
    whole = xent("eval", *args, "--state", "whole.state")
    assert whole.status == 0, whole.err
    ended, count = on_and_on(xent_or_dead, dies, *args, "--state", "a.state", times=times)
    assert ended.exit_code == 0, ended.stderr
    assert count > 1
    assert ended.stdout == whole.out
    assert (folder / "a.state").read_bytes() == (folder / "whole.state").read_bytes()
    assert not (folder / "a.ckpt").exists()
    assert ended.stderr.endswith(" rows were done\n")


def test_arrays_and_other_ways_to_read(xent, xent_or_dead, folder, dies):
    """How rows are read may change from one run to the next."""
    rows = table()
    np.save("y.npy", np.asarray(rows["label"]))
    np.save("p.npy", np.column_stack([rows[f"p_{k}"] for k in range(3)]))
    args = ["p.npy", "--labels", "y.npy", "-m", "cce"]
    whole = xent("eval", *args)
    for chunk, threads in (("100", "1"), ("33", "2"), ("500", "1")):
        dies(3)
        with pytest.raises(Killed):
            xent_or_dead("eval", *args, "--checkpoint", "a.ckpt", "--checkpoint-seconds", "0", "--chunk-rows", chunk, "--threads", threads)
    dies(10**6)
    assert xent_or_dead("eval", *args, "--checkpoint", "a.ckpt").stdout == whole.out


def test_what_was_missing_before_is_told_in_the_end(xent, xent_or_dead, folder, dies):
    rows = table()
    p = np.array(rows["p_1"]).copy()
    p[[200, 2500]] = np.nan
    pq.write_table(rows.set_column(2, "p_1", pa.array(p)), "a.parquet")
    args = ["a.parquet", "-m", "cce", "--chunk-rows", "100", "--threads", "1"]
    whole = xent("eval", *args)
    assert "row 201: " in whole.err
    ended, count = on_and_on(xent_or_dead, dies, *args, times=4)
    assert (ended.exit_code, ended.stderr) == (3, whole.err)
    assert count > 3


def test_slices_are_counted_from_the_beginning(xent, xent_or_dead, folder, dies):
    pq.write_table(table(), "a.parquet")
    args = ["a.parquet", "-m", "cce", "--chunk-rows", "100", "--threads", "1", "--by", "id", "--max-slices", "2000"]
    ended, count = on_and_on(xent_or_dead, dies, *args, times=4)
    assert ended.exit_code == 2
    assert "more than 2,000 slices" in ended.stderr
    assert count > 3


@pytest.fixture
def begun(xent_or_dead, folder, dies):
    """A run of `a.parquet` that has died, and what it was asked."""
    pq.write_table(table(), "a.parquet", row_group_size=500)
    args = ("a.parquet", "--checkpoint", "a.ckpt", "-m", "cce", "--chunk-rows", "100", "--threads", "1")
    dies(4)
    with pytest.raises(Killed):
        xent_or_dead("eval", *args, "--checkpoint-seconds", "0")
    dies(10**6)
    return args


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-m", "accuracy"], ["--metric categorical_crossentropy|", "this is --metric categorical_crossentropy|"]),
        (["--ci", "0.9"], ["no --ci, and this is --ci 0.9"]),
        (["--nan", "skip"], ["--nan error, and this is --nan skip"]),
        (["--by", "country"], ["no --by, and this is --by country"]),
        (["--where", "id > 7"], ["no --where, and this is --where id > 7"]),
        (["--where", "id > 7", "--where", "id > 8"], ["no --where, and this is --where id > 7, id > 8"]),
        (["--shard", "1/2"], ["no --shard, and this is --shard 1/2"]),
        (["--weight", "id"], ["no --weight, and this is --weight id"]),
        (["--state", "a.state"], ["no --state, and this is --state"]),
        (["--convention", "exact"], ["convention:keras", "convention:exact"]),
    ],
)
def test_a_run_that_was_asked_something_else(xent, begun, folder, options, said):
    before = (folder / "a.ckpt").read_bytes()
    ended = xent("eval", *begun, *options)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("xent: error: --checkpoint 'a.ckpt' was begun with ")
    assert [text for text in said if text not in ended.err] == []
    assert (folder / "a.ckpt").read_bytes() == before


CHANGES = {
    "a.parquet was changed at ": lambda folder: os.utime("a.parquet", ns=(1, 1)),
    "a.parquet had ": lambda folder: pq.write_table(table().slice(0, 2000), "a.parquet"),
    "a.parquet has other content": lambda folder: flip(folder / "a.parquet"),
}


def flip(path):
    """Another byte in the same number of them, and the same time."""
    when = path.stat().st_mtime_ns
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(when, when))


@pytest.mark.parametrize("said", CHANGES)
def test_files_that_are_not_what_they_were(xent, begun, folder, said):
    CHANGES[said](folder)
    ended = xent("eval", *begun)
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith(f"xent: error: a.ckpt: is a checkpoint of other inputs: {said}")
    assert ended.err.endswith("\n  remove it to begin anew\n")


def test_other_files(xent, begun, folder):
    (folder / "b.parquet").write_bytes((folder / "a.parquet").read_bytes())
    ended = xent("eval", "b.parquet", *begun[1:])
    assert (ended.status, "it was begun with a.parquet, and this is b.parquet" in ended.err) == (3, True)
    ended = xent("eval", "b.parquet", *begun)
    assert (ended.status, "other inputs" in ended.err) == (3, True)
    ended = xent("eval", *begun, "b.parquet")
    assert (ended.status, "it is of 1 files, and these are 2" in ended.err) == (3, True)


def resealed(text, **changes):
    body = {**json.loads(text), **changes}
    body.pop("checksum")
    return sealed(body)


DAMAGED = {
    "cut": lambda text: text[:-20],
    "empty": lambda text: "",
    "a digit": lambda text: text.replace('"rows_dropped":0', '"rows_dropped":1'),
    "another version": lambda text: resealed(text, xent="0.0.0"),
    "a state": lambda text: resealed(text, kind="state"),
    "no place": lambda text: resealed(text, begun={"0": [-1]}),
    "no part": lambda text: resealed(text, begun={"99": [1]}),
    "no parts": lambda text: resealed(text, finished=[[0, 99]]),
    "no inputs": lambda text: resealed(text, inputs=None),
    "no tallies": lambda text: resealed(text, tallies=[]),
    "a missing value nowhere": lambda text: resealed(text, missing=["x"]),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_checkpoint_is_refused_and_left_alone(xent, begun, folder, case):
    path = folder / "a.ckpt"
    path.write_text(DAMAGED[case](path.read_text()))
    before = path.read_bytes()
    ended = xent("eval", *begun)
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("xent: error: a.ckpt: ")
    assert "internal error" not in ended.err
    assert path.read_bytes() == before


def test_where_there_can_be_no_checkpoint(xent, folder, multi):
    def refused(*args, **options):
        ended = xent("eval", *args, "-m", "cce", **options)
        assert (ended.status, ended.out) == (2, "")
        return ended.err

    assert "--checkpoint: standard input and pipes cannot be read again" in refused("-", "--checkpoint", "c", stdin=b"")
    assert "--checkpoint 'multi.csv' would replace what is read" in refused(multi, "--checkpoint", multi)
    assert "--checkpoint '.' is a folder" in refused(multi, "--checkpoint", ".")
    assert "is an --output or --state too" in refused(multi, "--checkpoint", "x", "--state", "x")
    assert "is an --output or --state too" in refused(multi, "--checkpoint", "x.json", "-o", "x.json")


def test_a_pipe_that_does_not_look_like_one(process, folder, multi):
    os.mkfifo("pipe.csv")
    running = process("eval", "pipe.csv", "--checkpoint", "c", "-m", "cce")
    with Path("pipe.csv").open("wb") as pipe:
        pipe.write((folder / multi).read_bytes())
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2
    assert b"cannot be read again" in err


def test_what_a_write_that_was_killed_has_left_is_cleared_away(xent, folder, multi):
    (folder / ".c.01234567.tmp").write_text("half")
    (folder / ".c.d.01234567.tmp").write_text("another's")
    assert xent("eval", multi, "--checkpoint", "c", "-q").status == 0
    assert sorted(path.name for path in folder.iterdir()) == [".c.d.01234567.tmp", "multi.csv"]


def slow_run(process, *options):
    return process("eval", "a.csv", "-m", "cce", "-q", "--chunk-rows", "1", "--checkpoint", "a.ckpt", *options)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_progress_is_saved_when_a_run_is_interrupted(process, xent, folder, signum, status, threads):
    pa.csv.write_csv(pa.concat_tables([table(seed) for seed in range(20)]), "a.csv")
    running = slow_run(process, "--threads", threads, "--checkpoint-seconds", "1")
    while not (folder / "a.ckpt").exists():
        assert running.poll() is None
        time.sleep(0.05)
    before = json.loads((folder / "a.ckpt").read_text())
    # What is read until the signal comes would only be saved a second later.
    time.sleep(0.3)
    running.send_signal(signum)
    assert running.wait(60) == status
    saved = json.loads((folder / "a.ckpt").read_text())
    assert 0 < before["data"]["rows"] < saved["data"]["rows"] < 20 * ROWS
    assert saved["begun"] == {"0": [saved["data"]["rows"]]}
    ended = xent("eval", "a.csv", "-m", "cce", "--checkpoint", "a.ckpt")
    assert ended.out == xent("eval", "a.csv", "-m", "cce").out
    assert f"where {saved['data']['rows']:,} rows were done" in ended.err


def chaos(process, folder, kills, seed):
    """Kills a run at random moments, begins again until it is through, and so on until it was killed so many times."""
    rows = pa.concat_tables([table(seed) for seed in range(4)])
    pq.write_table(rows, "a.parquet", row_group_size=2500)
    options = ("-m", "cce", "-m", "roc_auc", "--by", "country", "--chunk-rows", "40", "-f", "json")
    expected, _ = process("eval", "a.parquet", *options, "--state", "whole.state").communicate(timeout=120)
    rng = random.Random(seed)
    ended = killed = resumed = 0
    longest = 1.5
    while killed < kills or not ended:
        args = ("eval", "a.parquet", *options, "--state", "a.state", "--checkpoint", "a.ckpt", "--checkpoint-seconds", "0.001")
        resumed += (folder / "a.ckpt").exists()
        start = time.monotonic()
        running = process(*args)
        try:
            out, _ = running.communicate(timeout=rng.uniform(0, longest) if killed < kills else 120)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()
            killed += 1
            continue
        assert running.returncode == 0
        assert out == expected
        assert (folder / "a.state").read_bytes() == (folder / "whole.state").read_bytes()
        assert not list(folder.glob("*a.ckpt*"))
        ended += 1
        longest = 1.2 * (time.monotonic() - start)
    return resumed


def test_killed_at_random_moments(process, folder):
    chaos(process, folder, 8, seed=1)


@pytest.mark.heavy
def test_killed_at_a_hundred_random_moments(process, folder):
    assert chaos(process, folder, 100, seed=2) > 10
