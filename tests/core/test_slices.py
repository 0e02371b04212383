"""Slices that turn up while rows stream by: over the whole table, each has the bits of a run over its rows alone."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.core.batch import Batch
from xent.core.cells import Cells, to_float
from xent.core.exact import ExactSum
from xent.core.groups import Groups, regrouped
from xent.core.slices import SlicedTally
from xent.core.tally import Tally

SPEC = importlib.util.spec_from_file_location("laws_of_the_table", Path(__file__).with_name("test_laws.py"))
laws = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(laws)

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


class Discovery:
    """Gives slices numbers in the order in which they turn up, as a reader does."""

    def __init__(self, ways):
        self.numbers = [{} for _ in range(ways)]

    def batch(self, rows, keys):
        joint, codes = np.unique(keys, axis=0, return_inverse=True)
        places = tuple(
            np.array([numbers.setdefault(key, len(numbers)) for key in column], dtype=np.intp)
            for numbers, column in zip(self.numbers, joint.T.tolist() or [[] for _ in self.numbers], strict=True)
        )
        return Batch(rows.y_true, rows.y_pred, rows.weight, Groups(codes.reshape(-1), len(joint), places))


def sliced(case, rows, keys, edges, discovery):
    """The tally of rows between edges, in chunks."""
    tally = SlicedTally([case.metric()], from_logits=case.logits, ways=keys.shape[1])
    for start, stop in itertools.pairwise(edges):
        at = slice(start, stop)
        if stop > start:
            tally.update(discovery.batch(rows.at(at), keys[at]))
    return tally


def seen(tally, discovery):
    """What a tally says of all rows and of each slice, and the very sums."""
    total = tally.total()
    found = [(repr(total.results()), [state.to_json() for state in total.states.values()], total.counts.tolist(), total.weights.to_json())]
    for way, numbers in enumerate(discovery.numbers):
        keys = sorted(numbers)
        places = np.argsort(np.argsort([key for key, _ in sorted(numbers.items(), key=lambda pair: pair[1])]))
        mine = tally.slices[way]
        mine = mine.regrouped(places[: mine.groups], len(keys))
        found.append((keys, [repr(mine.results(group)) for group in range(len(keys))], [state.to_json() for state in mine.states.values()]))
    return repr(found)


@laws.EVERY_VARIANT
@settings(max_examples=6)
@given(random=seeds, count=st.integers(1, 14), weighted=st.booleans())
def test_slices_and_their_total_are_runs_of_their_own(case, random, count, weighted):
    rows = laws.rows_for(case, random, count, weighted)
    keys = np.stack([random.integers(0, 3, count), random.integers(0, 2, count)], axis=1)
    try:
        whole = laws.tally_of(case, rows)
    except laws.DataError:
        return
    discovery = Discovery(2)
    edges = np.sort([0, *random.integers(0, count + 1, 3), count]).tolist()
    tally = sliced(case, rows, keys, edges, discovery)
    assert repr(tally.total().results()) == repr(whole.results())
    for way, numbers in enumerate(discovery.numbers):
        for key, group in numbers.items():
            alone = laws.tally_of(case, rows.at(keys[:, way] == key))
            assert repr(tally.slices[way].results(group)) == repr(alone.results())


@laws.EVERY_VARIANT
@settings(max_examples=6)
@given(random=seeds, count=st.integers(2, 14), weighted=st.booleans())
def test_no_chunk_no_order_and_no_merge_shows_in_a_slice(case, random, count, weighted):
    rows = laws.rows_for(case, random, count, weighted)
    keys = np.stack([random.integers(0, 4, count), random.integers(0, 3, count)], axis=1)
    discovery = Discovery(2)
    try:
        whole = sliced(case, rows, keys, [0, count], discovery)
    except laws.DataError:
        return
    expected = seen(whole, discovery)
    discovery = Discovery(2)
    assert seen(sliced(case, rows, keys, list(range(count + 1)), discovery), discovery) == expected
    order, discovery = random.permutation(count), Discovery(2)
    cut = int(random.integers(0, count + 1))
    parts = [sliced(case, rows.at(order[at]), keys[order[at]], [0, len(order[at])], discovery) for at in (slice(cut), slice(cut, None))]
    one, other = parts if random.integers(2) else parts[::-1]
    one.merge(other)
    assert seen(one, discovery) == expected


@pytest.mark.parametrize("ways", [1, 2, 3])
def test_many_slices_over_many_blocks(ways):
    random = np.random.default_rng(11)
    (case,) = (case for case in laws.defaults() if case.name == "binary_crossentropy")
    rows = laws.rows_for(case, random, 70_000)
    keys = random.integers(0, 300, (len(rows), ways))
    discovery = Discovery(ways)
    tally = sliced(case, rows, keys, [0, 1, 40_000, 70_000], discovery)
    assert repr(tally.total().results()) == repr(laws.tally_of(case, rows).results())
    for way, numbers in enumerate(discovery.numbers):
        assert len(numbers) == 300
        for key in (0, 7, 299):
            alone = laws.tally_of(case, rows.at(keys[:, way] == key))
            assert repr(tally.slices[way].results(numbers[key])) == repr(alone.results())


def test_regrouping_by_hand():
    sums = ExactSum.of(np.array([1.0, np.nan, 4.0]), Groups(np.array([0, 1, 2]), 3)).regrouped(np.array([1, 0, 1]), 4)
    assert repr(sums.to_float().tolist()) == "[nan, 5.0, 0.0, 0.0]"
    assert regrouped(np.array([[1, 5], [3, 2]]), np.array([0, 0]), 2, largest=True).tolist() == [[3, 5], [0, 0]]


def test_the_content_of_a_source_is_its_rows_whatever_their_order():
    random = np.random.default_rng(0)
    labels, scores, weights = random.integers(0, 2, 100), random.random((100, 1)), random.random(100)

    def content(y_true, y_pred, weight=None):
        tally = Tally([], identify=True)
        tally.update(Batch(y_true, y_pred, weight))
        return tally.contents[0]

    whole = content(labels, scores, weights)
    order = random.permutation(100)
    assert content(labels[order], scores[order], weights[order]) == content(labels, scores[:, 0], weights) == whole
    assert content(labels, scores.astype(np.float32).astype(np.float64)) == content(labels, scores.astype(np.float32))
    others = [content(1 - labels, scores, weights), content(labels, scores[order], weights), content(labels, scores)]
    others += [content(labels, scores, weights[order]), content(labels[1:], scores[1:], weights[1:])]
    assert len({whole, *others}) == 6
    assert whole.rows == 100


def test_weighted_rows_in_so_many_cells_that_they_wait():
    random = np.random.default_rng(2)
    cell, group, weight = random.integers(0, 900, 700_000), random.integers(0, 3, 700_000), random.integers(0, 9, 700_000) / 4
    cells = Cells(900, 3)
    for start in range(0, len(cell), 50_000):
        at = slice(start, start + 50_000)
        cells = cells + Cells.of(cell[at], 900, weight[at], Groups(group[at], 3))
    expected = np.bincount(group * 900 + cell, weights=weight, minlength=2700).reshape(3, 900)
    assert len(cells.runs) == 1
    assert cells.waiting
    assert to_float(cells.dense()).tolist() == expected.tolist()
    assert to_float(cells.take(1).dense()).tolist() == expected[1:2].tolist()
    assert to_float(cells.regrouped(np.array([1, 0, 1]), 2).dense()).tolist() == [
        expected[1].tolist(),
        (expected[0] + expected[2]).tolist(),
    ]
    assert to_float(cells.renumbered(lambda cell: 2 * cell, 1800).dense())[:, ::2].tolist() == expected.tolist()
