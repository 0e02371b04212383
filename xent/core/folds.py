"""Rows dealt into a fixed number of folds, from which the spread of any metric can be estimated.

The fold of a row is a hash of what says which rows belong together: its cluster or its query, or else all that the row holds. So it is
the same wherever the row stands, and what was measured in folds merges as everything else does.

Rows that are equal in everything fall into one fold and count as one cluster. Where most rows are equal to many others, intervals from
folds are therefore wider than they had to be; metrics that count rows do not use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from xent.core import digest
from xent.core.groups import Groups, regrouped
from xent.core.lazy import np
from xent.core.states import State, state_from_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Lift

FOLDS = 128
"""The number of folds. A variance from so many has a relative error of 13 %, which Student's t with 127 degrees of freedom allows for."""

_SHIFT = 64 - 7
_SEED = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def folds_of(keys: Array, seed: int = 0) -> Array:
    """The fold of every row, shape (n,), from integers that are equal for rows that belong together.

    >>> np.bincount(folds_of(np.arange(128_000)), minlength=FOLDS).min() > 800
    np.True_
    """
    # The finalizer of SplitMix64: its first bits depend on all bits of the key.
    mixed = keys.astype(np.int64, copy=False).view(np.uint64) + np.uint64((seed + 1) * _SEED & (2**64 - 1))
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(_MIX[0])
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_MIX[1])
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(_SHIFT)).astype(np.intp)


def dealt(block: Batch, seed: int, classes: Sequence[str] | None) -> Callable[[], Array]:
    """The folds of the rows of a block, computed when the first metric asks."""

    @cache
    def folds() -> Array:
        keys = block.keys if block.clusters is None else block.clusters
        return folds_of(digest.row_hashes(block, classes).view(np.int64) if keys is None else keys, seed)

    return folds


@dataclass(frozen=True, slots=True, eq=False)
class Folded(State):
    """A state for every fold of every group, fold after fold and group after group; `rows` counts the rows of each."""

    rows: Array
    inner: State

    @property
    def groups(self) -> int:
        """The number of groups."""
        return len(self.rows) // FOLDS

    def merge(self, other: Self) -> Self:
        return type(self)(self.rows + other.rows, self.inner.merge(other.inner))

    def take(self, group: int, count: int = 1) -> Self:
        at = slice(group * FOLDS, (group + count) * FOLDS)
        return type(self)(self.rows[at], self.inner.take(group * FOLDS, count * FOLDS))

    def regrouped(self, places: Array, count: int) -> Self:
        folds = (places[:, None] * FOLDS + np.arange(FOLDS)).reshape(-1)
        return type(self)(regrouped(self.rows, folds, count * FOLDS), self.inner.regrouped(folds, count * FOLDS))

    def renumbered(self, numbers: Sequence[int]) -> Self:
        return type(self)(self.rows, self.inner.renumbered(numbers))

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows.tolist(), "inner": {"kind": type(self.inner).__name__, **self.inner.to_json()}}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        return cls(np.array(plain["rows"], dtype=np.int64), state_from_json(plain["inner"]))

    def replicates(self, finish: Callable[[State], Array]) -> Array:
        """The value that the rows of all folds but one give, for each fold that has rows, shape (folds, ...); of one group."""
        values = np.concatenate([finish(state) for state in self.inner.left_out(FOLDS)])
        return values[self.rows > 0]


@dataclass(frozen=True, slots=True)
class InFolds:
    """Lifts a batch fold by fold."""

    lift: Lift

    def __call__(self, batch: Batch) -> Folded:
        assert batch.folds is not None
        codes, count = batch.folds(), FOLDS
        if batch.groups is not None:
            codes, count = batch.groups.codes * FOLDS + codes, batch.groups.count * FOLDS
        groups = Groups(codes, count)
        inside = batch.grouped(groups)
        try:
            return Folded(groups.sizes(), self.lift(inside))
        finally:
            inside.forget()


def variance(replicates: Array) -> Array:
    """The variance of a value, from what it is without each of several folds in turn: the delete-a-group jackknife.

    Source: Kott (2001), "The delete-a-group jackknife", Journal of Official Statistics 17(4).

    >>> float(variance(np.array([1.0, 2.0, 3.0])))
    1.3333333333333333
    """
    folds = len(replicates)
    return np.asarray((folds - 1) / folds * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))
