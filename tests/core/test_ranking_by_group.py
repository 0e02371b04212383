"""Rankings by query: NDCG against scikit-learn, reciprocal ranks against all orders of the ties, and rows that come one a document."""

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError, UsageError
from xent.core.groups import Groups
from xent.core.metrics.ranking_by_group import NDCG, MeanReciprocalRank
from xent.core.states import state_from_json
from xent.core.tally import Tally

RANDOM = np.random.default_rng(12)
RELEVANCE = RANDOM.integers(0, 4, (200, 9)) * RANDOM.integers(0, 2, (200, 9))
RELEVANCE[:5] = 0
SMOOTH = RANDOM.normal(0, 1, (200, 9)) + 0.3 * RELEVANCE
COARSE = SMOOTH.round(0)
WEIGHT = RANDOM.choice([0.0, 0.5, 1.0, 2.25], 200)

every_score = pytest.mark.parametrize("scores", [SMOOTH, COARSE, np.zeros((200, 9))], ids=["smooth", "coarse", "constant"])
every_k = pytest.mark.parametrize("k", [None, 1, 2, 5, 9, 20])


@every_score
@every_k
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
def test_ndcg_is_that_of_scikit_learn(scores, k, weight):
    expected = ndcg_score(RELEVANCE, scores, k=k, sample_weight=weight)
    assert NDCG(k)(RELEVANCE, scores, weight) == pytest.approx(expected, rel=1e-13)


def reciprocal_rank(relevance, scores, k):
    """The mean over every order that the scores allow, in fractions."""
    documents = range(len(scores))
    orders = [order for order in itertools.permutations(documents) if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))]
    total = Fraction(0)
    for order in orders:
        first = next((rank for rank, document in enumerate(order, 1) if relevance[document] > 0), None)
        total += Fraction(1, first) if first is not None and (k is None or first <= k) else 0
    return total / len(orders)


@pytest.mark.parametrize("k", [None, 1, 3])
@pytest.mark.parametrize("levels", [1, 2, 4, 100])
def test_reciprocal_ranks_are_means_over_the_orders_of_ties(k, levels):
    rows = np.random.default_rng(levels)
    relevance, scores = rows.integers(0, 2, (40, 5)), rows.integers(0, levels, (40, 5))
    expected = sum(reciprocal_rank(*row, k) for row in zip(relevance.tolist(), scores.tolist(), strict=True)) / 40
    assert MeanReciprocalRank(k)(relevance, scores) == pytest.approx(float(expected), rel=1e-14)


def test_by_hand():
    relevance, scores = [[0, 0, 1], [1, 0, 0], [0, 0, 0]], [[0.1, 0.3, 0.2], [0.9, 0.5, 0.4], [0.3, 0.2, 0.1]]
    assert MeanReciprocalRank()(relevance, scores) == (0.5 + 1 + 0) / 3
    assert MeanReciprocalRank(k=1)(relevance, scores) == 1 / 3
    # Ranks 1, 2, 3 of relevances 0, 3, 1, whose best order is 3, 1, 0.
    value = NDCG()([[1, 0, 3]], [[0.1, 0.9, 0.5]])
    assert value == pytest.approx((3 / np.log2(3) + 1 / 2) / (3 + 1 / np.log2(3)), rel=1e-15)


def test_a_perfect_ranking_is_1_whatever_its_ties():
    relevance = np.array([[0.1, 0.1, 0.1, 0.7, 0.7, 0.0, 0.1]])
    assert NDCG()(relevance, relevance) == 1.0
    assert MeanReciprocalRank()(relevance, relevance) == 1.0


# One document a row.


def long(scores, weight=None, seed=3):
    """The queries as documents in any order: labels, scores, weights and the keys of the queries."""
    rows, width = scores.shape
    keys = np.repeat(np.arange(rows) * 7919 - 11, width)
    order = np.random.default_rng(seed).permutation(rows * width)
    weights = None if weight is None else np.repeat(weight, width)[order]
    return RELEVANCE.reshape(-1)[order], scores.reshape(-1)[order], weights, keys[order]


def tally_of(documents, metrics, chunks=1, groups=None, count=1):
    relevance, scores, weight, keys = documents
    parts = []
    for rows in np.array_split(np.arange(len(keys)), chunks):
        tally = Tally(metrics, groups=count)
        codes = None if groups is None else Groups(groups[rows], count)
        tally.update(Batch(relevance[rows], scores[rows], None if weight is None else weight[rows], codes, keys=keys[rows]))
        parts.append(tally)
    first, *others = parts[::-1]
    for other in others:
        first.merge(other)
    return first


@every_score
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["none", "rows"])
@pytest.mark.parametrize("chunks", [1, 7, 300])
def test_documents_one_a_row_give_the_bits_of_queries_one_a_row(scores, weight, chunks):
    metrics = [NDCG(), NDCG(k=3), MeanReciprocalRank(), MeanReciprocalRank(k=2)]
    tally = tally_of(long(scores, weight, seed=chunks), metrics, chunks)
    assert [repr(result.value) for result in tally.results()] == [repr(metric(RELEVANCE, scores, weight)) for metric in metrics]


def test_queries_of_unlike_lengths():
    sizes = np.random.default_rng(4).integers(2, 9, 60)
    pairs = [(RELEVANCE[row, :size], COARSE[row, :size]) for row, size in enumerate(sizes)]
    relevance, scores = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    documents = relevance, scores, None, np.repeat(np.arange(60), sizes)
    expected = np.mean([ndcg_score(one[None], other[None], k=4) for one, other in pairs])
    assert tally_of(documents, [NDCG(k=4)], 3).results()[0].value == pytest.approx(expected, rel=1e-13)


def test_one_document_alone():
    documents = np.array([3, 0]), np.array([0.5, 0.5]), None, np.array([1, 2])
    assert [result.value for result in tally_of(documents, [NDCG(), MeanReciprocalRank()]).results()] == [0.5, 0.5]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_no_chunk_order_or_merge_changes_a_bit(rows, chunks, seed, weighted):
    random = np.random.default_rng(seed)
    keys = random.integers(0, 6, rows)
    weight = random.choice([0.0, 0.1, 0.7, 3.0], 6)[keys] if weighted else None
    documents = random.random(rows).round(1), random.random(rows).round(1), weight, keys
    whole = tally_of(documents, [NDCG(), MeanReciprocalRank()])
    order = random.permutation(rows)
    shuffled = tuple(None if column is None else column[order] for column in documents)
    parts = tally_of(shuffled, [NDCG(), MeanReciprocalRank()], chunks)
    assert repr(parts.results()) == repr(whole.results())
    written = [json.dumps([state.to_json() for state in tally.states.values()]) for tally in (whole, parts)]
    assert written[0] == written[1]


def test_slices_cut_queries_apart():
    documents = long(COARSE, WEIGHT)
    slices = np.random.default_rng(0).integers(0, 3, len(documents[0]))
    slices[slices == 1] = 2
    tally = tally_of(documents, [NDCG(), MeanReciprocalRank()], 4, slices, 4)
    for group in (0, 2):
        mine = tuple(column[slices == group] for column in documents)
        assert repr(tally.results(group)) == repr(tally_of(mine, [NDCG(), MeanReciprocalRank()]).results())
    for group in (1, 3):
        assert np.isnan([result.value for result in tally.results(group)]).all()


def test_a_state_survives_json():
    documents = long(COARSE, WEIGHT)
    tally, other = (tally_of(tuple(column[part] for column in documents), [NDCG()]) for part in (slice(700), slice(700, None)))
    for need, state in list(tally.states.items()):
        plain = json.loads(json.dumps({"kind": type(state).__name__, **state.to_json()}))
        tally.states[need] = state_from_json(plain)
    tally.merge(other)
    assert tally.results() == tally_of(documents, [NDCG()]).results()


def test_both_metrics_keep_one_copy_of_the_documents():
    tally = tally_of(long(COARSE), [NDCG(), MeanReciprocalRank()])
    one, other = tally.states.values()
    assert all(mine is theirs for mine, theirs in zip(one.documents, other.documents, strict=True))


def test_rows_left_out_take_their_keys_with_them():
    relevance, scores, _, keys = long(SMOOTH)
    scores = np.where(np.arange(len(scores)) % 10 == 0, np.nan, scores)
    tally = Tally([NDCG()], nan="skip")
    tally.update(Batch(relevance, scores, keys=keys))
    kept = ~np.isnan(scores)
    assert tally.results()[0].value == tally_of((relevance[kept], scores[kept], None, keys[kept]), [NDCG()]).results()[0].value


def test_a_column_of_documents_is_a_vector_of_them():
    relevance, scores, _, keys = long(SMOOTH)
    column = tally_of((relevance[:, None], scores[:, None], None, keys), [NDCG()])
    assert repr(column.results()[0].value) == repr(tally_of((relevance, scores, None, keys), [NDCG()]).results()[0].value)


# What cannot be used.


@pytest.mark.parametrize("place", ["relevance", "score", "weight"])
@pytest.mark.parametrize("cls", [NDCG, MeanReciprocalRank])
def test_a_missing_value_leaves_no_number(cls, place):
    relevance, scores, weight = RELEVANCE.astype(float), SMOOTH.copy(), WEIGHT.copy()
    {"relevance": relevance, "score": scores}.get(place, weight)[7] = np.nan
    assert np.isnan(cls()(relevance, scores, weight))
    tally = Tally([cls()], nan="propagate")
    tally.update(Batch(relevance.reshape(-1), scores.reshape(-1), np.repeat(weight, 9), keys=np.repeat(np.arange(200), 9)))
    assert np.isnan(tally.results()[0].value)


@pytest.mark.parametrize("relevance", [-1.0, np.inf])
def test_relevances_are_finite_and_not_negative(relevance):
    with pytest.raises(DomainError, match=f"relevance {relevance} is not 0 or above") as caught:
        NDCG()([[0, 1], [0, relevance]], [[0.1, 0.2], [0.3, 0.4]])
    assert (caught.value.role, caught.value.row, caught.value.column) == ("y_true", 1, 1)


def test_rows_of_a_query_have_one_weight():
    documents = np.array([1, 0, 1]), np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 1.0]), np.array([5, 5, 6])
    with pytest.raises(DataError, match=r"one has the weights 1\.0 and 2\.0"):
        tally_of(documents, [NDCG()]).results()


def test_both_weights_of_a_query_are_named_in_order():
    documents = np.array([1, 0]), np.array([0.1, 0.2]), np.array([2.0, 1.0]), np.array([5, 5])
    with pytest.raises(DataError, match=r"one has the weights 1\.0 and 2\.0"):
        tally_of(documents, [NDCG()]).results()


def test_a_query_needs_documents():
    with pytest.raises(DataError, match=r"--group COL"):
        Tally([NDCG()]).update(Batch(np.array([1, 0]), np.array([0.5, 0.2])))
    with pytest.raises(DataError, match=r"several documents\. Received: y_pred\.shape=\(2, 1\)"):
        NDCG()([[1], [0]], [[0.5], [0.2]])
    with pytest.raises(DataError, match="there are 2 scores in it"):
        Tally([NDCG()]).update(Batch(np.eye(2), np.eye(2), keys=np.array([1, 1])))


@pytest.mark.parametrize("cls", [NDCG, MeanReciprocalRank])
def test_unusable_parameters_are_refused(cls):
    with pytest.raises(UsageError, match="k must be at least 1"):
        cls(k=0)
