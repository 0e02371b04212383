"""The rows that carry a change, against sorting all of them: chunks, merging and ties change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.core.batch import Batch
from xent.core.groups import Groups
from xent.core.pair_tally import PairTally, SlicedPairTally
from xent.core.table import row_of
from xent.core.tally import Confidence

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def batch(columns, rows, sliced=False):
    """Some rows as a batch that knows where they stand; the candidate's stand in the opposite order."""
    y_true, base, candidate, weight = (column[rows] for column in columns)
    count = len(columns[0])
    groups = Groups(np.zeros(len(rows), dtype=np.intp), 1, (np.array([0]),)) if sliced else None
    made = Batch(y_true, base, weight, groups, origin=(0, 0), row_numbers=rows)
    made.partner = Batch(y_true, candidate, weight, origin=(1, 0), row_numbers=count - 1 - rows)
    return made


def kept(columns, order, sizes, limit, sliced=False):
    metric = row_of("mean_absolute_error").cls()
    tallies = []
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        options = {"confidence": Confidence(0.95), "carried": limit}
        tally = SlicedPairTally([metric], ways=1, **options) if sliced else PairTally([metric], **options)
        tally.update(batch(columns, rows, sliced))
        tallies.append(tally)
    first, *others = tallies
    for other in others:
        first.merge(other)
    return first.carriers


@settings(max_examples=60)
@given(random=seeds, count=st.integers(1, 60), limit=st.integers(1, 8), sliced=st.booleans())
def test_the_first_of_all_rows_sorted(random, count, limit, sliced):
    y_true = np.zeros(count)
    base, candidate = random.integers(0, 4, (2, count)).astype(float)
    weight = random.choice([0.0, 1.0, 2.0], count)
    columns = (y_true, base, candidate, weight)
    change = weight * (candidate - base)
    edges = np.sort(random.integers(0, count + 1, 3))
    sizes = np.diff([0, *edges, count])
    found = kept(columns, random.permutation(count), sizes, limit, sliced)
    for rows, sign in ((found.rising, -1.0), (found.falling, 1.0)):
        expected = sorted((row for row in range(count) if sign * change[row] < 0), key=lambda row: (sign * change[row], row))[:limit]
        assert [row.place for row in rows] == [(0, row) for row in expected]
        assert [row.partner for row in rows] == [(1, count - 1 - row) for row in expected]
        assert [(row.change, row.weight, row.base_value, row.value) for row in rows] == [
            (change[row], weight[row], base[row], candidate[row]) for row in expected
        ]


def test_what_is_infinite_comes_first_and_what_is_unknown_not_at_all():
    from xent.core.carriers import Carriers

    base = np.array([0.0, np.inf, np.inf, 1.0, np.nan])
    candidate = np.array([np.inf, np.inf, 1.0, 3.0, 1.0])
    columns = (np.zeros(5), np.zeros(5), np.zeros(5), np.ones(5))
    carriers = Carriers(2)
    carriers.add(batch(columns, np.arange(5)), base, candidate, np.ones(5))
    assert [row.place[1] for row in carriers.rising] == [0, 3]
    assert [row.place[1] for row in carriers.falling] == [2]


@pytest.mark.parametrize("name", ["precision", "roc_auc"])
def test_metrics_without_values_of_rows_have_none(name):
    tally = PairTally([row_of(name).cls()], confidence=Confidence(0.95), carried=3)
    columns = (np.array([0.0, 1.0]), np.array([0.2, 0.4]), np.array([0.3, 0.6]), np.ones(2))
    tally.update(batch(columns, np.arange(2)))
    assert tally.row_metric is None
    assert tally.carriers.rising == []
