"""The rows that carry a change: those whose own value differs most between two models, in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from xent.core.lazy import np
from xent.core.row_values import lowest_rows

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.batch import Batch


class Carrier(NamedTuple):
    """One row.

    Attributes
    ----------
    change : the candidate's value less that of the base, times the weight
    place, partner : the number of its source and of the row there, counted from 0, for the base and for the candidate
    weight : its weight
    label : what its source holds
    base, candidate : what both models predict
    base_value, value : its own value of the metric by both
    """

    change: float
    place: tuple[int, int]
    partner: tuple[int, int]
    weight: float
    label: Any
    base: Any
    candidate: Any
    base_value: float
    value: float


@dataclass
class Carriers:
    """The `limit` rows whose value grows most, and those whose value falls most; rows of equal change by their place in the base.

    So neither chunks nor threads nor the order of merging make a difference. Rows whose change is 0 or NaN are not kept.

    >>> from xent.core.batch import Batch
    >>> rows = Batch(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.5]))
    >>> rows.partner = Batch(rows.y_true, np.array([0.5, 0.9, 0.2]))
    >>> carriers = Carriers(1)
    >>> carriers.add(rows, np.array([0.5, 0.5, 0.5]), np.array([0.5, 0.1, 0.8]), np.ones(3))
    >>> [(row.place, row.base_value, row.value) for row in (*carriers.rising, *carriers.falling)]
    [((0, 2), 0.5, 0.8), ((0, 1), 0.5, 0.1)]
    """

    limit: int
    rising: list[Carrier] = field(default_factory=list)
    falling: list[Carrier] = field(default_factory=list)

    def add(self, block: Batch, base: Array, candidate: Array, weights: Array) -> None:
        """Adds rows, given their own values by both models and their weights, shapes (n,)."""
        with np.errstate(invalid="ignore"):
            changes = weights * (candidate - base)
        for kept, sign in ((self.rising, -1.0), (self.falling, 1.0)):
            ranks = sign * changes
            bound = sign * kept[-1].change if len(kept) == self.limit else 0.0
            # Strictly below 0, but as far as the last one that is kept, which a row from further ahead may take the place of.
            rows = lowest_rows(np.flatnonzero((ranks < 0.0) & (ranks <= bound)), ranks, block, self.limit)
            columns = zip(*(column[rows].tolist() for column in (changes, base, candidate, weights)), strict=True)
            self._keep(kept, (_carrier(block, row, *values) for row, values in zip(rows.tolist(), columns, strict=True)), sign)

    def merge(self, other: Carriers) -> None:
        """Adds the rows that another one has kept."""
        self._keep(self.rising, other.rising, -1.0)
        self._keep(self.falling, other.falling, 1.0)

    def _keep(self, kept: list[Carrier], found: Iterable[Carrier], sign: float) -> None:
        kept[:] = sorted((*kept, *found), key=lambda row: (sign * row.change, row.place))[: self.limit]


def _carrier(block: Batch, row: int, change: float, base_value: float, value: float, weight: float) -> Carrier:
    assert block.partner is not None
    return Carrier(
        change=change,
        place=block.place(row),
        partner=block.partner.place(row),
        weight=weight,
        label=block.y_true[row].tolist(),
        base=block.y_pred[row].tolist(),
        candidate=block.partner.y_pred[row].tolist(),
        base_value=base_value,
        value=value,
    )
