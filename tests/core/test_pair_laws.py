"""Laws of comparisons, for every metric of the table: chunks, merging and order change no bit; swapping both models turns the sign."""

import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.core.batch import Batch
from xent.core.errors import DataError
from xent.core.groups import Groups
from xent.core.pair_tally import PairTally, SlicedPairTally, change_of
from xent.core.tally import Confidence

SPEC = importlib.util.spec_from_file_location("laws_of_single_models", Path(__file__).with_name("test_laws.py"))
laws = sys.modules[SPEC.name] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(laws)
EVERY_DEFAULT, cut, defaults, rows_for, seeds = (getattr(laws, name) for name in ("EVERY_DEFAULT", "cut", "defaults", "rows_for", "seeds"))

pytestmark = pytest.mark.usefixtures("coarse_grid")

SLOW_NAMES = ("debiased_calibration_error", "median_absolute_error")
SLOW_MODULES = ("score_decomposition", "smooth_calibration")
SLOW = [case for case in defaults() if case.row.cls.__module__.rpartition(".")[2] in SLOW_MODULES or case.name in SLOW_NAMES]
"""An interval of these takes a fit or a sort without each of the folds: of many rows, longer than those of all other metrics together."""

LEVEL = Confidence(0.95)
counts = st.integers(2, 14)


@dataclass(frozen=True)
class Pair:
    """What two models predict for the same rows."""

    base: object
    candidate: object

    def __len__(self):
        return len(self.base)

    def at(self, index):
        return Pair(self.base.at(index), self.candidate.at(index))

    def swapped(self):
        return Pair(self.candidate, self.base)

    def batch(self, ways):
        base = self.base
        groups = Groups(base.codes, 2, (np.array([0, 1]),)) if ways else None
        made = Batch(base.y_true, base.y_pred, base.weight, groups, clusters=base.clusters)
        made.partner = Batch(base.y_true, self.candidate.y_pred, base.weight)
        return made


def pair_for(case, random, count, weighted):
    """Rows with keys of their own, and what another model says of them; of most rows the same."""
    base = replace(rows_for(case, random, count, weighted), clusters=random.permutation(count))
    other = rows_for(case, random, count, weighted)
    changed = (random.random(count) < 0.4).reshape(-1, *(1,) * (base.y_pred.ndim - 1))
    return Pair(base, replace(base, y_pred=np.where(changed, other.y_pred, base.y_pred)))


def tally_of(case, pair, chunks=None, ways=0):
    metrics, confidence = [case.metric()], case.confidence or LEVEL
    options = {"from_logits": case.logits, "confidence": confidence}
    tally = SlicedPairTally(metrics, ways=ways, **options) if ways else PairTally(metrics, **options)
    start = 0
    for size in [len(pair)] if chunks is None else chunks:
        tally.update(pair.at(slice(start, start + size)).batch(ways))
        start += size
    return tally


def seen(tally):
    """All changes that a tally knows of."""
    total = tally.total() if isinstance(tally, SlicedPairTally) else tally
    parts = [(total, 0)]
    if isinstance(tally, SlicedPairTally):
        parts += [(way, group) for way in tally.slices for group in range(way.groups) if way.counts[group]]
    return [repr(change_of(tally, part, tally.metrics[0], group)) for part, group in parts], total.rows, total.digest


@EVERY_DEFAULT
@settings(max_examples=4)
@given(random=seeds, count=counts, weighted=st.booleans(), ways=st.sampled_from([0, 1]), clustered=st.booleans())
def test_chunks_merges_and_order_change_no_bit(case, random, count, weighted, ways, clustered):
    case = replace(case, confidence=Confidence(0.9, 3, clustered))
    pair = pair_for(case, random, count, weighted)
    try:
        whole = seen(tally_of(case, pair, ways=ways))
    except DataError:
        assert replace(case, confidence=None) not in defaults()
        return
    assert seen(tally_of(case, pair, [1] * count, ways)) == whole
    assert seen(tally_of(case, pair.at(random.permutation(count)), ways=ways)) == whole
    parts = []
    start = 0
    for size in cut(random, count):
        parts.append(tally_of(case, pair.at(slice(start, start + size)), ways=ways))
        start += size
    while len(parts) > 1:
        one, other = (parts.pop(random.integers(len(parts))) for _ in range(2))
        one.merge(other)
        parts.append(one)
    if parts[0].rows:
        assert seen(parts[0]) == whole


@EVERY_DEFAULT
@settings(max_examples=4)
@given(random=seeds, count=counts, weighted=st.booleans())
def test_swapping_both_models_turns_the_sign(case, random, count, weighted):
    pair = pair_for(case, random, count, weighted)
    metric = case.metric()
    there, back = (tally_of(case, one) for one in (pair, pair.swapped()))
    (base, value, change), (value_back, base_back, change_back) = (change_of(tally, tally, metric) for tally in (there, back))
    assert repr((base, value)) == repr((base_back, value_back))
    if isinstance(base, float) and np.isfinite(change.difference):
        assert change.difference == -change_back.difference
    if change.low is not None:
        assert change.low == pytest.approx(-change_back.high, rel=1e-9, abs=1e-12)
        assert change.high == pytest.approx(-change_back.low, rel=1e-9, abs=1e-12)
        assert change.p_value == pytest.approx(change_back.p_value, rel=1e-9)
        assert change.standard_error == pytest.approx(change_back.standard_error, rel=1e-9, abs=1e-12)
    assert (change.better, change.worse) == (change_back.worse, change_back.better)


@EVERY_DEFAULT
@settings(max_examples=4)
@given(random=seeds, count=counts, weighted=st.booleans())
def test_a_model_does_not_differ_from_itself(case, random, count, weighted):
    pair = pair_for(case, random, count, weighted)
    tally = tally_of(case, Pair(pair.base, pair.base))
    base, value, change = change_of(tally, tally, case.metric())
    assert repr(base) == repr(value)
    if isinstance(base, float) and np.isfinite(base):
        assert change.difference == 0.0
    if change.low is not None:
        assert (change.low, change.high, change.p_value, change.standard_error) == (0.0, 0.0, 1.0, 0.0)


@EVERY_DEFAULT
def test_many_rows_have_an_interval(case):
    """Where a metric has one number with an interval, so has its change."""
    pair = pair_for(case, np.random.default_rng(8), 600, False)
    tally = tally_of(case, pair)
    base, value, change = change_of(tally, tally, case.metric())
    if isinstance(base, float) and case.metric().spread(False) is not None and np.isfinite([base, value]).all():
        assert change.low <= change.difference <= change.high
        assert 0.0 <= change.p_value <= 1.0
        assert change.standard_error >= 0.0


def kept(tally):
    """All states of a tally, bit for bit."""
    total = tally.total()
    return [[(repr(need), state.to_json()) for need, state in part.states.items()] for part in (total, *tally.slices)], total.digest


@EVERY_DEFAULT
def test_rows_beyond_one_block(case):
    rows_beyond_one_block(case, kept if case in SLOW else seen, ways=1)


@pytest.mark.heavy
@pytest.mark.parametrize("case", SLOW, ids=str)
def test_slow_intervals_of_rows_beyond_one_block(case):
    rows_beyond_one_block(case, seen, ways=0)


def rows_beyond_one_block(case, look, ways):
    pair = pair_for(case, np.random.default_rng(7), 70_000, True)
    whole = look(tally_of(case, pair, ways=ways))
    assert look(tally_of(case, pair, [7, 32_768, 37_225], ways)) == whole
    assert look(tally_of(case, pair.at(slice(None, None, -1)), ways=ways)) == whole
