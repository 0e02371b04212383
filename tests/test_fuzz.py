"""Every reader and parser against the inputs that once broke it, and a little of chance; `python -m fuzz` goes on from here."""

import itertools
from pathlib import Path

import pytest

from fuzz.mutation import mutations
from fuzz.targets import TARGETS

REGRESSIONS = sorted((Path(__file__).parents[1] / "fuzz" / "regressions").glob("*/*"))
RUNS = 100


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}: {path.name}")
def test_what_once_broke_it(path):
    TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_little_of_chance(name):
    target = TARGETS[name]
    for data in itertools.islice(mutations(target.seeds(), target.words, seed=1), RUNS):
        target.run(data)


def test_mutations_are_those_of_their_seed():
    """A crash can be had again from the seed and the number of the run."""
    first, again, other = (list(itertools.islice(mutations([b"seed", b"word"], [b"x"], seed), 50)) for seed in (1, 1, 2))
    assert first == again != other
    assert first[:2] == [b"seed", b"word"]
