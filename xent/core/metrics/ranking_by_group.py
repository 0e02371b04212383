"""How well documents are ranked for queries: NDCG and the mean reciprocal rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core.arrays import require_same_shape
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.metric import Metric
from xent.core.precision import as_float
from xent.core.queries import ByQuery, GatheredQueries, Ranked
from xent.core.states import WeightedSum
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array

__all__ = ["NDCG", "MeanReciprocalRank"]


def discounted_gains(documents: Ranked, *, k: int | None) -> Array:
    """DCG over the largest DCG there can be, of every query; 0 where nothing is relevant."""
    discount = 1.0 / np.log2(documents.rank + 1.0)
    if k is not None:
        discount[documents.rank > k] = 0.0
    # Documents of equal scores share the discounts of their ranks, whatever the order between them.
    ties = np.bincount(documents.tie)
    gain = np.bincount(documents.tie, weights=documents.relevance) / ties * np.bincount(documents.tie, weights=discount)
    query = documents.query[np.cumsum(ties) - ties]
    reached = np.bincount(query, weights=gain, minlength=documents.queries)
    largest = np.bincount(documents.query, weights=documents.ideal * discount, minlength=documents.queries)
    shares = np.divide(reached, largest, out=np.zeros(documents.queries), where=largest != 0.0)
    # The mean of equal relevances may be rounded up.
    return np.asarray(np.minimum(shares, 1.0))


def reciprocal_ranks(documents: Ranked, *, k: int | None) -> Array:
    """1 / rank of the first relevant document of every query, in the mean over the orders of equal scores; 0 where nothing is relevant."""
    values = np.zeros(documents.queries)
    relevant = documents.relevance > 0.0
    ties = np.bincount(documents.tie)
    hits = np.bincount(documents.tie, weights=relevant, minlength=len(ties))
    query = documents.query[np.cumsum(ties) - ties]
    rank = documents.rank[np.cumsum(ties) - ties]
    found = np.flatnonzero(hits > 0)
    found = found[np.diff(query[found], prepend=-1) > 0]
    query, rank, left, hits = query[found], rank[found], ties[found], hits[found]
    # The probability that none of the ranks of the tie so far is that of a relevant document.
    none = np.ones(len(found))
    while len(query):
        first = none * (hits / left)
        if k is not None:
            first[rank > k] = 0.0
        values[query] += first / rank
        go_on = left > hits
        query, rank, hits, none, left = (column[go_on] for column in (query, rank + 1, hits, none * (1.0 - hits / left), left - 1))
    return values


class _QueryMetric(Metric):
    """What the metrics of ranked documents have in common."""

    lift: ByQuery

    def __init__(self, k: int | None, name: str | None, dtype: str | None) -> None:
        super().__init__(name, dtype)
        if k is not None and k < 1:
            raise UsageError(f"k must be at least 1, or None for all documents, not {k!r}")
        self.k = k

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        y_true, y_pred = as_float(y_true), as_float(y_pred)
        require_same_shape(y_true, y_pred)
        if y_pred.ndim != 2 or y_pred.shape[1] == 1:
            raise DataError(f"a row is a query with several documents. Received: y_pred.shape={y_pred.shape}")
        return Batch(y_true, y_pred, None if sample_weight is None else as_float(sample_weight))

    def finish(self, state: WeightedSum | GatheredQueries) -> Array:
        """The mean over the queries of every group."""
        return state.mean(self.lift.values) if isinstance(state, GatheredQueries) else state.mean()


@metric(
    "ndcg",
    aliases=("ndcg_score",),
    direction="higher",
    range="[0, 1]",
    inputs="queries",
    formula="Σ y_r / log2(r + 1) over ranks r by falling score, divided by the same sum over ranks by falling relevance y",
    source="sklearn.metrics.ndcg_score; Järvelin and Kekäläinen (2002), https://doi.org/10.1145/582415.582418",
    memory="constant where a row is a query; the rows where they are grouped",
)
class NDCG(_QueryMetric):
    """The normalised discounted cumulative gain of the documents of a query, averaged over queries.

    Each row is a query: `y_true` (n, d) holds the relevances of its documents, 0 or above, and `y_pred` (n, d) their scores. In a file a
    row may also be one document, with a column that says of which query (`xent eval --group COL`); then all rows are kept in memory, and
    the weights of the rows of a query must be equal.

    Parameters
    ----------
    k : only the k highest ranks count; all where it is None

    Raises
    ------
    UsageError
        `k` is smaller than 1.

    Notes
    -----
    Documents of equal scores share the discounts of their ranks. A query without a relevant document counts as 0, and one with a single
    document as 1 if it is relevant. (`sklearn.metrics.ndcg_score` refuses single documents.)
    Source: `sklearn.metrics.ndcg_score`.

    >>> round(NDCG()([[10, 0, 0, 1, 5]], [[0.1, 0.2, 0.3, 4, 70]]), 6)
    0.695694
    """

    def __init__(self, k: int | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(k, name, dtype)
        self.lift = ByQuery.make(discounted_gains, k=k)


@metric(
    "mean_reciprocal_rank",
    aliases=("mrr",),
    direction="higher",
    range="[0, 1]",
    inputs="queries",
    formula="1 / rank of the first document of relevance above 0, by falling score; 0 where there is none",
    source="Voorhees (1999), The TREC-8 Question Answering Track Report, https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf",
    memory="constant where a row is a query; the rows where they are grouped",
)
class MeanReciprocalRank(_QueryMetric):
    """The reciprocal of the rank of the first relevant document of a query, averaged over queries.

    Each row is a query: `y_true` (n, d) holds the relevances of its documents, of which those above 0 are relevant, and `y_pred` (n, d)
    their scores. In a file a row may also be one document, with a column that says of which query (`xent eval --group COL`); then all rows
    are kept in memory, and the weights of the rows of a query must be equal.

    Parameters
    ----------
    k : ranks beyond k count as 0; all count where it is None

    Raises
    ------
    UsageError
        `k` is smaller than 1.

    Notes
    -----
    Of documents with equal scores every order is as likely, and the value is the mean over all of them: a model that gives one score to
    everything gets what chance would get. Source: Voorhees, "The TREC-8 Question Answering Track Report", section 3 (1999).

    >>> MeanReciprocalRank()([[0, 0, 1], [1, 0, 0]], [[0.1, 0.3, 0.2], [0.9, 0.5, 0.4]])
    0.75
    """

    def __init__(self, k: int | None = None, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(k, name, dtype)
        self.lift = ByQuery.make(reciprocal_ranks, k=k)
