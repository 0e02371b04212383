"""The shapes of the losses of slices: in which of a few cells of one axis the losses of the rows of each slice lie.

The axis is that of all slices and known only when all rows are. So losses are counted in bins that do not depend on the data, eight for
every doubling, and in the end bins are put together to cells. That is coarse enough for hundreds of slices, of which each takes one or two
KB, or a few times that with weights. Counts are exact, so shapes merge exactly. `xent.core.loss_distribution` is finer, for all rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xent.core.cells import cells_of, to_float
from xent.core.lazy import np
from xent.core.loss_distribution import weighted_by
from xent.core.metric import LiftBy
from xent.core.row_values import row_values
from xent.core.slices import SlicedTally
from xent.core.states import CellCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xent.core.arrays import Array
    from xent.core.batch import Batch
    from xent.core.metric import Metric
    from xent.core.tally import Need

CELLS = 14
"""An axis has at most so many cells."""

BEYOND = 0.005
"""The share of all rows that may lie beyond either end of the axis, so that no single row decides what is seen of the others."""

_PER_DOUBLING = 8
_REACH = 64 * _PER_DOUBLING
"""Bins on either side of 1, which reach from 2**-64 to 2**64; what lies beyond falls into the last."""

_ZERO = 2 * _REACH
_BINS = 2 * _ZERO + 1
"""Bins of the negative numbers, one of zero, and those of the positive ones."""


def shape_cells(batch: Batch, *, lift: LiftBy) -> CellCounts:
    """For every bin of losses the weight of its rows. Losses that are NaN lie nowhere."""
    losses, weights = row_values(batch, lift)
    kept = (weights > 0.0) & ~np.isnan(losses)
    return CellCounts(cells_of(weighted_by(batch, weights, kept), _bins_of(losses), _BINS, kept=kept))


def _bins_of(losses: Array) -> Array:
    with np.errstate(divide="ignore"):
        places = np.floor(np.log2(np.abs(losses)) * _PER_DOUBLING) + _REACH
    # These two pass over NaN, which no integer stands for.
    sizes = np.fmin(np.fmax(places, 0.0), float(2 * _REACH - 1)).astype(np.int64) + 1
    return _ZERO + np.where(losses > 0.0, sizes, np.where(losses < 0.0, -sizes, 0))


def _ends(bin_: int) -> tuple[float, float]:
    """The low and the high end of a bin."""
    if bin_ == _ZERO:
        return 0.0, 0.0
    size = abs(bin_ - _ZERO) - 1 - _REACH
    near, far = 2.0 ** (size / _PER_DOUBLING), 2.0 ** ((size + 1) / _PER_DOUBLING)
    return (near, far) if bin_ > _ZERO else (-far, -near)


@dataclass
class ShapedTally(SlicedTally):
    """A tally of slices that also keeps the shape of one loss of each of them.

    Parameters
    ----------
    loss : a metric that is a mean of the rows' values
    """

    loss: Metric | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.needs = [*self.needs, self.shape_need()]

    def shape_need(self) -> Need:
        """What the states of the shapes are kept by, here and in every tally that is made of this one."""
        assert self.loss is not None
        return self._need(self.loss, LiftBy.make(shape_cells, lift=self.loss.lift))


@dataclass(frozen=True, slots=True)
class LossAxis:
    """The axis that shapes have in common: the ends of its cells, ascending, and how far each lies from the next.

    Attributes
    ----------
    ends : the ends of the cells, one more than there are cells; the first cell and the last also hold what lies beyond
    is_logarithmic : whether cells are equally wide by their logarithms; else they are by themselves
    first, width : of a logarithmic axis the first bin, and how many bins make a cell
    """

    ends: tuple[float, ...]
    is_logarithmic: bool
    first: int = 0
    width: int = 1

    @classmethod
    def of(cls, state: CellCounts) -> LossAxis | None:
        """The axis for the losses of one group, logarithmic unless more of them than `BEYOND` are negative.

        It is None where there is nothing to see: all losses are 0, infinite or NaN.
        """
        bins, weights = _amounts(state, 0)
        negative = float(weights[bins < _ZERO].sum())
        is_logarithmic = negative <= BEYOND * float(weights.sum())
        # No axis reaches to the infinite, which lies in the last bins, nor a logarithmic one to 0.
        shown = (bins > (_ZERO if is_logarithmic else 0)) & (bins < _BINS - 1)
        bins, weights = bins[shown], weights[shown]
        if not len(bins):
            return None
        shares = np.cumsum(weights) / weights.sum()
        places = np.minimum(np.searchsorted(shares, [BEYOND, 1.0 - BEYOND]), len(bins) - 1)
        first, last = bins[places].tolist()
        if not is_logarithmic:
            return cls(tuple(np.linspace(_ends(first)[0], _ends(last)[1], CELLS + 1).tolist()), is_logarithmic=False)
        width = math.ceil((last - first + 1) / CELLS)
        starts = range(first, last + 1, width)
        ends = (*(_ends(start)[0] for start in starts), _ends(starts[-1] + width - 1)[1])
        return cls(ends, is_logarithmic=True, first=first, width=width)

    def shape(self, state: CellCounts, group: int = 0) -> tuple[float, ...]:
        """The weight of the rows of one group in every cell."""
        bins, weights = _amounts(state, group)
        if self.is_logarithmic:
            cells = (bins - self.first) // self.width
        else:
            middles = [sum(_ends(bin_)) / 2.0 for bin_ in bins.tolist()]
            cells = np.searchsorted(np.array(self.ends), middles, side="right") - 1
        last = len(self.ends) - 2
        return tuple(np.bincount(np.clip(cells, 0, last), weights, minlength=last + 1).tolist())

    def fullest(self, shape: Sequence[float]) -> tuple[float, float]:
        """The ends of the cell that holds most of a shape, the first of several."""
        cell = max(range(len(shape)), key=shape.__getitem__)
        return self.ends[cell], self.ends[cell + 1]


def _amounts(state: CellCounts, group: int) -> tuple[Array, Array]:
    run = state.cells.take(group).compact()
    return run.codes, to_float(run.amounts())
