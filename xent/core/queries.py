"""Documents ranked by query: where the ranks and the ties are, and the state that gathers documents that come one a row.

Where a row holds all documents of a query, its value is known at once and the mean streams. Where a row is one document, the others of its
query may stand anywhere, so every document is kept until the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from xent.core.batch import Batch
from xent.core.errors import DataError, DomainError
from xent.core.exact import ExactSum
from xent.core.groups import Groups
from xent.core.lazy import np
from xent.core.metric import LiftBy
from xent.core.precision import as_float
from xent.core.reduction import weighted_sum
from xent.core.states import State

if TYPE_CHECKING:
    from xent.core.arrays import Array


class Ranked(NamedTuple):
    """Documents in the order of their ranks, query after query; of equal scores the most relevant first, which makes the order unique.

    Attributes
    ----------
    query : the number of the query of every document, ascending, from 0
    queries : how many queries there are
    rank : the rank within the query, from 1
    tie : the number of the run of equal scores, ascending, from 0
    relevance : the relevance of every document
    ideal : the relevances of each query in descending order
    missing : (queries,), where a score or a relevance is NaN
    """

    query: Array
    queries: int
    rank: Array
    tie: Array
    relevance: Array
    ideal: Array
    missing: Array


def ranked(query: Array, queries: int, relevance: Array, scores: Array) -> Ranked:
    """Documents, (m,), in the order of their ranks; `query` numbers the query of each, and every number below `queries` occurs."""
    missing = np.isnan(scores) | np.isnan(relevance)
    order = np.lexsort((-relevance, -scores, query))
    query, scores = query[order], scores[order]
    first = np.ones(len(query), dtype=bool)
    first[1:] = query[1:] != query[:-1]
    starts = np.flatnonzero(first)
    rank = np.arange(len(query)) - np.repeat(starts, np.diff(starts, append=len(query))) + 1
    first[1:] |= scores[1:] != scores[:-1]
    ideal = relevance[np.lexsort((-relevance, query))] if len(query) else relevance
    lost = np.bincount(query, weights=missing[order], minlength=queries) > 0
    return Ranked(query, queries, rank, np.cumsum(first) - 1, relevance[order], ideal, lost)


def ranked_rows(batch: Batch) -> Ranked:
    """The ranked documents of a batch whose rows are queries."""
    relevance, scores = as_float(batch.y_true), as_float(batch.y_pred)
    rows, width = scores.shape
    check_relevance(relevance)
    return ranked(np.repeat(np.arange(rows), width), rows, relevance.reshape(-1), scores.reshape(-1))


def check_relevance(relevance: Array) -> None:
    """Raises `DomainError` for the first relevance that is negative or infinite."""
    bad = (relevance < 0.0) | np.isinf(relevance)
    if bad.any():
        row, column = divmod(int(np.argmax(bad)), max(1, bad.size // len(bad)))
        raise DomainError(
            f"relevance {relevance.reshape(-1)[np.argmax(bad)].item()!r} is not 0 or above", role="y_true", row=row, column=column
        )


class Documents(NamedTuple):
    """Documents one a row, in any order: slice, key of the query, relevance, score and weight of each."""

    codes: Array
    keys: Array
    relevance: Array
    scores: Array
    weights: Array


@dataclass(frozen=True, slots=True, eq=False)
class GatheredQueries(State):
    """All documents of each of `groups` groups, as they came."""

    groups: int
    documents: tuple[Documents, ...]

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """The documents of a batch."""
        rows, groups = len(batch), batch.groups
        assert batch.keys is not None
        relevance = as_float(batch.y_true)
        check_relevance(relevance)
        weights = np.ones(rows) if batch.sample_weight is None else as_float(batch.sample_weight)
        if weights.shape != (rows,):
            raise DataError(f"documents of grouped rows need one weight each, and there are weights of shape {weights.shape}")
        codes = np.zeros(rows, dtype=np.intp) if groups is None else groups.codes
        # Adding 0 makes one zero of the two, and an array that does not hold on to the chunk it is a part of.
        columns = (codes, batch.keys, relevance, as_float(batch.y_pred), weights)
        documents = (Documents(*(column + column.dtype.type(0) for column in columns)),) if rows else ()
        return cls(1 if groups is None else groups.count, documents)

    def merge(self, other: Self) -> Self:
        if type(self) is not type(other) or self.groups != other.groups:
            raise DataError("cannot merge rows that are grouped to queries and rows that are queries")
        return type(self)(self.groups, self.documents + other.documents)

    def whole(self) -> Documents:
        """All documents, in an order that does not depend on how they came."""
        if not self.documents:
            nothing = np.zeros(0)
            return Documents(nothing.astype(np.intp), nothing.astype(np.int64), nothing, nothing, nothing)
        columns = [np.concatenate(parts) for parts in zip(*self.documents, strict=True)]
        order = np.lexsort(columns[::-1])
        return Documents(*(column[order] for column in columns))

    def take(self, group: int, count: int = 1) -> Self:
        if self.groups == count:
            return self
        documents = self.whole()
        mine = (documents.codes >= group) & (documents.codes < group + count)
        kept = documents._replace(codes=documents.codes - group)
        return type(self)(count, (Documents(*(column[mine] for column in kept)),) if mine.any() else ())

    def regrouped(self, places: Array, count: int) -> Self:
        if self.groups == len(places) <= count and (places == np.arange(len(places))).all():
            return type(self)(count, self.documents)
        return type(self)(count, tuple(part._replace(codes=places[part.codes]) for part in self.documents))

    def to_json(self) -> dict[str, Any]:
        return {"groups": self.groups, "documents": {name: column.tolist() for name, column in self.whole()._asdict().items()}}

    @classmethod
    def from_json(cls, plain: Any) -> Self:
        columns = plain["documents"]
        kinds = {"codes": np.intp, "keys": np.int64}
        documents = Documents(**{name: np.array(values, dtype=kinds.get(name, np.float64)) for name, values in columns.items()})
        return cls(plain["groups"], (documents,) if len(documents.keys) else ())

    def mean(self, values_of: Callable[[Ranked], Array]) -> Array:
        """The weighted mean over the queries of every group of `values_of` the ranked documents, which has a value for each query.

        Raises
        ------
        DataError
            Documents of one query have other weights.
        """
        documents = self.whole()
        if not len(documents.keys):
            return np.full(self.groups, np.nan)
        codes, keys, weights = documents.codes, documents.keys, documents.weights
        new = np.ones(len(keys), dtype=bool)
        new[1:] = (codes[1:] != codes[:-1]) | (keys[1:] != keys[:-1])
        query = np.cumsum(new) - 1
        starts = np.flatnonzero(new)
        weight = np.where(np.bincount(query, weights=np.isnan(weights)) > 0, np.nan, weights[starts])
        unlike = (weights != weight[query]) & ~np.isnan(weight[query])
        if unlike.any():
            place = int(np.argmax(unlike))
            pair = sorted([weights[place].item(), weight[query[place]].item()])
            raise DataError(f"the rows of a query need one weight, that of the query, and one has the weights {pair[0]!r} and {pair[1]!r}")
        values = values_of(ranked(query, len(starts), documents.relevance, documents.scores))
        groups = Groups(codes[starts], self.groups)
        with np.errstate(invalid="ignore"):
            return ExactSum.of(values * weight, groups) / ExactSum.of(weight, groups)


@dataclass(frozen=True, slots=True)
class ByQuery(LiftBy):
    """Lifts rows that are queries to the weighted sum of a kernel's values, and rows that are documents to all of them.

    `function(ranked, **options)` gives a value for each query.
    """

    def __call__(self, batch: Batch) -> State:
        if batch.keys is not None:
            return batch.derive(GatheredQueries.of)
        return weighted_sum(batch, self.values(batch.derive(ranked_rows)))

    def values(self, documents: Ranked) -> Array:
        """The value of every query; NaN where something is missing."""
        values: Array = self.function(documents, **dict(self.options))
        values[documents.missing] = np.nan
        return values
