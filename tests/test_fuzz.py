"""Every reader and parser against the inputs that once broke it, and a little of chance; `python -m fuzz` goes on from here."""

import importlib.util
import itertools
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import run
from fuzz.mutation import change_json, mutations
from fuzz.targets import TARGETS
from xent.io.evaluation import evaluate

ROOT = Path(__file__).parents[1]
REGRESSIONS = sorted((ROOT / "fuzz" / "regressions").glob("*/*"))
RUNS = 100
HAS_ATHERIS = importlib.util.find_spec("atheris") is not None


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}: {path.name}")
def test_what_once_broke_it(path):
    run(TARGETS[path.parent.name], path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_little_of_chance(name):
    target = TARGETS[name]
    for data in itertools.islice(mutations(target.seeds(), target.words, 1, target.change), RUNS):
        target.run(data)


@pytest.mark.parametrize("name", ["csv", "csv.gz", "csv.bz2", "csv.zst", "jsonl", "parquet", "arrow", "npy", "npz", "npz-member"])
def test_readers_begin_with_what_is_evaluated(name, monkeypatch):
    """Else nothing behind the first refusal would ever be reached."""
    results = []
    monkeypatch.setattr("fuzz.targets.evaluate", lambda *args, **options: results.append(evaluate(*args, **options)))
    target = TARGETS[name]
    target.run(target.seeds()[0])
    assert [result.data.rows > 0 for result in results] == [True]


def test_mutations_are_those_of_their_seed():
    """A crash can be had again from the seed and the number of the run."""
    first, again, other = (list(itertools.islice(mutations([b"seed", b"word"], [b"x"], seed), 50)) for seed in (1, 1, 2))
    assert first == again != other
    assert first[:2] == [b"seed", b"word"]


def test_documents_of_json_stay_such():
    """Every second one, and nearly all of these differ."""
    seed = json.dumps({"a": [1, 0.5, {"b": "text"}], "c": None, "d": {"e": True}}).encode()
    changed = [change_json(seed, random.Random(number)) for number in range(200)]
    assert len({json.dumps(json.loads(data)) for data in changed}) > 150
    assert change_json(b"no json", random.Random(1)) == b"no json"
    assert change_json(b"1", random.Random(1)) == b"1"
    mixed = itertools.islice(mutations([seed], [], 1, lambda data, random_: b"changed"), 1, 1001)
    assert 400 < sum(data == b"changed" for data in mixed) < 600


BROKEN = """
import sys

import fuzz.targets
from fuzz.__main__ import main


def run(data):
    if data.startswith(b"wrong"):
        raise LookupError(data)


def grow(data):
    if data.startswith(b"wrong"):
        bytearray(b"x") * (300 << 20)


fuzz.targets.TARGETS = {
    "broken": fuzz.targets.Target(run, lambda: [b"right", b"wrong"]),
    "large": fuzz.targets.Target(grow, lambda: [b"right", b"wrong"]),
}
sys.exit(main())
"""


@pytest.mark.parametrize("engine", ["chance", pytest.param("atheris", marks=pytest.mark.skipif(not HAS_ATHERIS, reason="without atheris"))])
@pytest.mark.parametrize(("target", "said"), [("broken", "LookupError"), ("large", "MemoryError: a small input took 31")])
def test_a_crash_is_a_status_and_leaves_its_input(tmp_path, engine, target, said):
    args = [target, "--engine", engine, "--seconds", "20", "--crashes", tmp_path / "crashes"]
    # A small process between: the system counts to a process the memory that the one had that started it.
    command = ["sh", "-c", '"$@"; exit "$?"', "sh", sys.executable, "-c", BROKEN, *args]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert said in ended.stdout + ended.stderr
    (kept,) = (tmp_path / "crashes").iterdir()
    assert kept.name.startswith(f"{target}-")
    assert kept.read_bytes().startswith(b"wrong")
