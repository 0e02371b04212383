"""Section 3 of the design: every exit status, from a process of its own."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder, *args, **options):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "xent", *args], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False, **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statuses")
    (folder / "good.csv").write_text("y,score,country\n1,0.75,de\n0,0.25,de\n1,0.5,fr\n")
    (folder / "empty.csv").write_text("y,score\n")
    (folder / "gap.csv").write_text("y,score\n1,0.75\n0,nan\n")
    (folder / "length.csv").write_text("label\n1\n")
    (folder / "bad.toml").write_text("metrc = 'bce'\n")
    (folder / "strict.toml").write_text('inconclusive = "fail"\n')
    assert run(folder, "eval", "good.csv", "-m", "acc=binary_accuracy", "-q", "-o", "r.json", "--state", "r.state").returncode == 0
    result = json.loads((folder / "r.json").read_text())
    result["metrics"][0]["ci"] = {"level": 0.95, "low": 0.5, "high": 0.8, "method": "wilson"}
    (folder / "unsure.json").write_text(json.dumps(result))
    return folder


CASES = [
    (0, "eval good.csv"),
    (0, "eval good.csv --gate 'binary_accuracy >= 0.6'"),
    (0, "eval good.csv --gate 'binary_accuracy >= 0.9 severity=warn'"),
    (0, "gate r.json --gate 'acc >= 0.6'"),
    (0, "gate unsure.json --gate 'acc >= 0.6 decide=proven-ok'"),
    (0, "merge r.state"),
    (0, "init good.csv --stdout"),
    (0, "schema result r.json"),
    (0, "schema state r.state"),
    (1, "eval good.csv --gate 'binary_accuracy >= 0.9'"),
    (1, "eval good.csv --by country --gate 'binary_accuracy[country=*] >= 0.5'"),
    (1, "eval good.csv -m acc=binary_accuracy --gate 'delta(acc) >= 0.1' --baseline r.state"),
    (1, "gate r.json --gate 'acc >= 0.9' --gate 'acc[country=*] >= 0'"),
    (1, "gate r.state --gate 'acc >= 0.9'"),
    (2, ""),
    (2, "eval"),
    (2, "eval good.csv --gate 'binary_accuracy => 0.9'"),
    (2, "eval good.csv --gate 'delta(binary_accuracy) >= 0'"),
    (2, "eval good.csv --config bad.toml"),
    (2, "gate r.json"),
    (2, "schema config bad.toml"),
    (2, "init good.csv -o r.json"),
    (3, "eval missing.csv"),
    (3, "eval gap.csv"),
    (3, "eval good.csv --labels length.csv --pred score"),
    (3, "eval good.csv --baseline good.csv --gate 'delta(bce) <= 0'"),
    (3, "gate good.csv --gate 'acc >= 0'"),
    (3, "schema result good.csv"),
    (3, "schema state r.json"),
    (4, "gate unsure.json --gate 'acc >= 0.6 decide=proven-ok' --inconclusive fail"),
    (4, "gate unsure.json --gate 'acc >= 0.6 decide=proven-bad' --config strict.toml"),
    (5, "eval empty.csv"),
    (5, "eval good.csv --where 'y > 5'"),
    (5, "eval good.csv --gate 'binary_accuracy[country=*] >= 0'"),
    (5, "eval good.csv --gate 'binary_accuracy >= 0 min_rows=4'"),
    (5, "gate r.json --gate 'acc >= 0 decide=proven-ok'"),
    (5, "init empty.csv"),
]


@pytest.mark.parametrize(("status", "line"), CASES, ids=[line or "nothing" for _, line in CASES])
def test_status(folder, status, line):
    before = sorted(folder.iterdir())
    done = run(folder, *shlex.split(line), stdin=subprocess.DEVNULL)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(folder.iterdir()) == before
    # A gate that stops is no error of the program: the result is printed all the same.
    judged = status in (1, 4) or (status == 5 and "--gate" in line)
    assert bool(done.stdout) == (judged or (status == 0 and not line.startswith("schema")))
    assert ("xent: error: " in done.stderr) == (status != 0 and not judged)


@pytest.mark.parametrize(("signum", "status", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")])
def test_status_of_a_run_that_was_stopped(folder, signum, status, said):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "xent", "eval", "-", "--input-format", "csv", "-m", "bce", "-o", "stopped.json"],
        cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        # More than a pipe holds: when all of it is gone, the program is among the rows.
        running.stdin.write(b"y,score\n" + b"1,0.75\n" * 100_000)
        running.stdin.flush()
        time.sleep(0.5)
        running.send_signal(signum)
        assert running.wait(30) == status
        assert running.stderr.read().decode().endswith(f"xent: error: {said}\n")
        assert running.stdout.read() == b""
        running.stdin.close()
    assert not (folder / "stopped.json").exists()


def test_every_status_of_a_run_that_ends_by_itself_is_reached():
    assert {status for status, _ in CASES} == {0, 1, 2, 3, 4, 5}
