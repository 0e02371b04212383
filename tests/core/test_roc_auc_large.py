"""`roc_auc` on twenty million scores: the bits of a sort in integers, however the rows are cut, in bounded memory."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
ROWS = 20_000_000
LIMIT = 1200
"""MiB of resident memory for so many rows of almost as many distinct scores; the scores and labels themselves are 95 MiB."""

pytestmark = pytest.mark.heavy

# A process of its own measures: on Linux a child's peak is never below that of the process it was started from, and pytest's is large.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
out = process.stdout.read()
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss / 1024, out.decode().strip())
"""


def evaluated(source, *options):
    """The number that `xent eval --quiet` prints, and the MiB that it took at most."""
    command = [sys.executable, "-m", "xent", "eval", str(source), "--metric", "roc_auc", "--quiet", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=True, env=environment)
    status, mebibytes, printed = done.stdout.split()
    assert (status, done.stderr) == ("0", "")
    return printed, float(mebibytes)


def scores_and_labels(rows, seed):
    """Scores that are mostly distinct, with runs of equal ones of both labels."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows).astype(np.int8)
    scores = random.normal(0.0, 1.0, rows).astype(np.float32) + np.float32(0.25) * y
    coarse = random.random(rows) < 0.1
    scores[coarse] = scores[coarse].round(2)
    return scores, y


def area(scores, y, weights):
    """Σ of w w' over pairs in order, half of it where scores are equal, over Σ of w w': in integers, rounded once at the end.

    `weights` are integers; Python's, where sums of them have more than 63 bits.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    sorted_weights, positive = weights[order], y[order] == 1
    zero = sorted_weights[:1] * 0
    ahead = np.add.reduceat(np.where(positive, sorted_weights, zero), starts)
    behind = np.add.reduceat(np.where(positive, zero, sorted_weights), starts)
    below = np.cumsum(behind) - behind
    won = sum((ahead * (2 * below + behind)).tolist())
    return float(Fraction(won, 2 * int(ahead.sum()) * int(behind.sum())))


def written(path, scores, y, weights=None):
    columns = {"label": y, "score": scores} | ({} if weights is None else {"weight": weights})
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path, row_group_size=1 << 20)
    return path


def test_the_reference_counts_pairs():
    scores, y, weights = np.array([0.1, 0.4, 0.35, 0.8, 0.4]), np.array([0, 0, 1, 1, 1]), np.array([1, 2, 3, 1, 2])
    pairs = [(i, j) for i in range(5) for j in range(5) if (y[i], y[j]) == (1, 0)]
    won = sum(int(weights[i] * weights[j]) * (2 * (scores[i] > scores[j]) + (scores[i] == scores[j])) for i, j in pairs)
    assert area(scores, y, weights) == won / (2 * sum(int(weights[i] * weights[j]) for i, j in pairs))


def test_twenty_million_scores_to_the_last_bit(tmp_path):
    scores, y = scores_and_labels(ROWS, 0)
    expected = repr(area(scores, y, np.ones(ROWS, dtype=np.int64)))
    source = written(tmp_path / "scores.parquet", scores, y)
    del scores, y
    for options in (["--threads", "1"], ["--threads", "2"], ["--threads", "2", "--chunk-rows", "50001"], ["--chunk-rows", "3000000"]):
        printed, mebibytes = evaluated(source, *options)
        print(f"roc_auc of {ROWS:,} rows {' '.join(options)}: {mebibytes:.0f} MiB")
        assert printed == expected
        assert not sys.platform.startswith("linux") or mebibytes < LIMIT


@pytest.mark.parametrize("kind", ["eighths", "any"])
def test_weights(tmp_path, kind):
    """Weights of few bits add up without rounding; others may cost the last digits, but never depend on how the rows are cut."""
    rows = 400_000
    scores, y = scores_and_labels(rows, 1)
    random = np.random.default_rng(2)
    weights = random.integers(0, 33, rows) / 8 if kind == "eighths" else random.random(rows)
    exactly = (
        (weights * 8).astype(np.int64) if kind == "eighths" else np.array([int(w) for w in np.ldexp(weights, 60).tolist()], dtype=object)
    )
    expected = area(scores, y, exactly)
    source = written(tmp_path / "scores.parquet", scores, y, weights)
    ways = (["--threads", "1"], ["--threads", "2"], ["--threads", "2", "--chunk-rows", "7001"])
    (printed,) = {evaluated(source, "--weight", "weight", *options)[0] for options in ways}
    assert printed == repr(expected) if kind == "eighths" else float(printed) == pytest.approx(expected, rel=1e-14)
