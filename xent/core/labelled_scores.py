"""Events by their probability: what is claimed beside what happened, pooled into bins of equal width, of equal mass, or isotonically.

Everything here starts from the exact distribution of the scores (`xent.core.scores`), in ascending order, so that it depends on neither
chunks nor the order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xent.core.cells import ratio, spread
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.scores import ScoreTables, Table

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch

BINNINGS = ("width", "mass", "isotonic")
"""How scores can be taken together."""

_FEWER = 0.9
"""A pass that leaves more than this share of the blocks has run out of work that is done side by side."""


class LabelledScores(NamedTuple):
    """Distinct scores in ascending order, the weight of the rows of each, and that of those among them whose event happened."""

    scores: Array
    weights: Array
    rights: Array

    def __len__(self) -> int:
        return len(self.scores)


class Pooled(NamedTuple):
    """Runs of scores taken together: the weight of each, what happened, the sum of weight times score, and its ends."""

    weights: Array
    rights: Array
    claims: Array
    low: Array
    high: Array


def tables_of(batch: Batch, scores: Array, happened: Array, *, by_column: bool) -> ScoreTables:
    """The tables of the scores of events that did not happen and of those that did, of each column where `by_column`.

    Both have shape (n, ...); the cells are (column, happened).
    """
    cells = happened.astype(np.int64)
    columns = 1
    if by_column and scores.ndim > 1:
        columns = scores.shape[-1]
        cells = cells + 2 * np.arange(columns)
    groups = batch.groups
    if groups is not None:
        codes = groups.codes * (2 * columns)
        cells = cells + codes.reshape(codes.shape + (1,) * (cells.ndim - 1))
    weights = None if batch.sample_weight is None else spread(batch.sample_weight, scores.shape).reshape(-1)
    return ScoreTables.of(cells.reshape(-1), scores.reshape(-1), weights, 2 * columns, 1 if groups is None else groups.count)


def labelled_scores(negative: Table, positive: Table) -> LabelledScores:
    """The scores of two tables, of the events that did not happen and of those that did; those of no weight are left out.

    >>> from xent.core.scores import Table
    >>> labelled_scores(Table.of(np.array([0.25, 0.5]), None), Table.of(np.array([0.5]), None)).rights.tolist()
    [0.0, 1.0]
    """
    scores, place = np.unique(np.concatenate([negative.scores, positive.scores]).astype(np.float64), return_inverse=True)
    below, above = (table.amounts().astype(np.float64) for table in (negative, positive))
    # One entry for every score, whose amounts are added in the order of the tables: the same for any order of the rows.
    weights = np.bincount(place, np.concatenate([below, above]), minlength=len(scores))
    rights = np.bincount(place, np.concatenate([np.zeros(len(below)), above]), minlength=len(scores))
    kept = weights > 0.0
    return LabelledScores(scores[kept], weights[kept], rights[kept])


def events_of(state: ScoreTables, group: int, column: int = 0) -> LabelledScores | None:
    """The scores of a column of a group, whose cells are (column, happened); None where a score is missing, or nothing has weight."""
    if state.missing[group]:
        return None
    found = labelled_scores(state.table(group, 2 * column), state.table(group, 2 * column + 1))
    return found if len(found) else None


def bins_of(values: Array, bins: int) -> Array:
    """Which of the bins (k / bins, (k + 1) / bins] every value lies in, the first and the last without end; NaN lies in the last.

    >>> bins_of(np.array([0.0, 0.2, 0.21, 1.0]), 5).tolist()
    [0, 0, 1, 4]
    """
    ends = np.arange(bins + 1) / bins
    ends[0], ends[-1] = -np.inf, np.inf
    product = np.multiply(values, bins, dtype=np.float64)
    np.fmin(product, bins, out=product)
    place = np.fmax(product, 0.0, out=product).astype(np.intp)
    # Rounding may have lifted the product to the next whole number: 0.2 * 15 is a little more than 3. It never lowers it below one,
    # so only the lower end needs to be looked at.
    place -= ~(values > ends.take(place))
    return place


def masses_of(events: LabelledScores, bins: int) -> Array:
    """Which of the bins of equal mass every score lies in: number floor(bins b / w), where b of the weight w has a smaller score."""
    below = np.cumsum(events.weights) - events.weights
    return np.asarray(np.minimum(below * bins // events.weights.sum(), bins - 1).astype(np.intp))


def isotonic_blocks(events: LabelledScores) -> Array:
    """The number of the block of every score in the isotonic regression of what happened on the score, ascending.

    The shares of blocks that follow each other increase. Blocks are pooled where they do not, all runs of a pass side by side, until
    passes find little; what is left is pooled one after another. Any order of pooling ends in the same blocks.

    Source: Ayer et al. (1955), "An empirical distribution function for sampling with incomplete information".

    >>> isotonic_blocks(LabelledScores(np.arange(4.0), np.ones(4), np.array([0.0, 1.0, 0.0, 1.0]))).tolist()
    [0, 1, 1, 2]
    """
    starts = np.arange(len(events))
    weights, rights = events.weights, events.rights
    while len(starts) > 1:
        new = np.ones(len(starts), dtype=bool)
        shares = rights / weights
        new[1:] = shares[1:] > shares[:-1]
        kept = np.flatnonzero(new)
        if len(kept) == len(starts):
            break
        done = len(kept) > _FEWER * len(starts)
        starts, weights, rights = starts[kept], np.add.reduceat(weights, kept), np.add.reduceat(rights, kept)
        if done:
            starts = starts[_pooled_in_order(weights.tolist(), rights.tolist())]
            break
    number = np.zeros(len(events), dtype=np.intp)
    number[starts] = 1
    return np.cumsum(number) - 1


def _pooled_in_order(weights: list[float], rights: list[float]) -> list[int]:
    """The first entry of every isotonic block."""
    blocks: list[tuple[int, float, float]] = []
    for place, (weight, right) in enumerate(zip(weights, rights, strict=True)):
        start = place
        while blocks and blocks[-1][2] / blocks[-1][1] >= right / weight:
            start, more, happened = blocks.pop()
            weight, right = more + weight, happened + right
        blocks.append((start, weight, right))
    return [start for start, _, _ in blocks]


def checked_binning(bins: int, binning: str, known: tuple[str, ...] = BINNINGS) -> None:
    """Raises `UsageError` for parameters that say no bins."""
    if bins < 1:
        raise UsageError(f"bins must be at least 1, not {bins!r}")
    if binning not in known:
        raise UsageError(f"binning must be {', '.join(known[:-1])} or {known[-1]}, not {binning!r}")


def parts_of(events: LabelledScores, binning: str, bins: int) -> Array:
    """The number of the bin of every score, ascending."""
    if binning == "isotonic":
        return isotonic_blocks(events)
    return masses_of(events, bins) if binning == "mass" else bins_of(events.scores, bins)


def pooled(events: LabelledScores, number: Array) -> Pooled:
    """The scores of equal number taken together; `number`, shape of the scores, ascends."""
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    sums = [np.add.reduceat(values, starts) for values in (events.weights, events.rights, events.weights * events.scores)]
    ends = np.append(starts[1:], len(number)) - 1
    return Pooled(sums[0], sums[1], sums[2], events.scores[starts], events.scores[ends])


def shares(pool: Pooled) -> tuple[Array, Array, Array]:
    """Of every bin the share of the weight, the mean score, and the share of events that happened."""
    return pool.weights / pool.weights.sum(), ratio(pool.claims, pool.weights), ratio(pool.rights, pool.weights)
