"""What an evaluation has measured: the states of all metrics, of all rows and of every slice, which make a result and merge exactly."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

import xent
from xent.core import digest
from xent.core.result import DataReport, MetricResult, Result
from xent.io.shards import WHOLE, Share

if TYPE_CHECKING:
    from xent.core.loss_distribution import LossDistribution
    from xent.core.tally import Tally
    from xent.io.slice_losses import SliceLosses
    from xent.io.slices import By, Key
    from xent.io.top_rows import Found


@dataclass(frozen=True, slots=True)
class Slices:
    """The slices of one way of slicing, in the order of a result, and a tally with a group for each of them."""

    by: By
    keys: tuple[Key, ...]
    tally: Tally

    @classmethod
    def of(cls, by: By, numbers: Mapping[Key, int], tally: Tally) -> Self:
        """The slices of a tally; `numbers` holds the group of each, and groups of no rows may be missing from the tally."""
        keys = tuple(by.sorted(numbers))
        places = np.zeros(tally.groups, dtype=np.intp)
        for place, key in enumerate(keys):
            if numbers[key] < tally.groups:
                places[numbers[key]] = place
        return cls(by, keys, tally.regrouped(places, len(keys)))

    def merge(self, other: Self) -> Self:
        """The slices of the rows of both."""
        keys = self.by.sorted({*self.keys, *other.keys})
        place = {key: number for number, key in enumerate(keys)}
        mine, theirs = (
            part.tally.regrouped(np.array([place[key] for key in part.keys], dtype=np.intp), len(keys)) for part in (self, other)
        )
        mine.merge(theirs)
        return type(self)(self.by, tuple(keys), mine)

    def renumbered(self, numbers: Sequence[int]) -> Self:
        """The same slices of the same rows, whose source i is source `numbers[i]`."""
        return type(self)(self.by, self.keys, self.tally.renumbered(numbers))

    def results(self) -> Iterable[MetricResult]:
        """The value of every metric for every slice."""
        for group, key in enumerate(self.keys):
            yield from (dataclasses.replace(metric, slice=self.by.named(key)) for metric in self.tally.results(group))


@dataclass(frozen=True, slots=True)
class Measured:
    """The tally of all rows, what was read, the slices of every way of slicing, and what was read of each source; without that, all."""

    tally: Tally
    data: DataReport
    slices: Sequence[Slices] = ()
    shares: tuple[Share, ...] = ()

    def sources(self) -> list[tuple[str, Share]]:
        """The sources by name, each with what was read of it."""
        return list(zip(self.data.sources, self.shares or (WHOLE,) * len(self.data.sources), strict=True))

    def result(self) -> Result:
        """The values."""
        return Result(
            xent=xent.__version__,
            data=self.data,
            metrics=tuple(self.tally.results()),
            slices=tuple(metric for slices in self.slices for metric in slices.results()),
        )

    def renumbered(self, numbers: Sequence[int], sources: Sequence[tuple[str, Share]]) -> Self:
        """The same as a part of what was measured of other sources; what was source i is `sources[numbers[i]]`."""
        data = self.data._replace(sources=tuple(name for name, _ in sources))
        slices = tuple(way.renumbered(numbers) for way in self.slices)
        return type(self)(self.tally.renumbered(numbers), data, slices, tuple(share for _, share in sources))

    def merge(self, other: Self) -> Self:
        """What both have measured, of the sources of this one."""
        tally = self.tally.renumbered(range(len(self.data.sources)))
        tally.merge(other.tally)
        data = self.data._replace(
            rows=tally.rows - tally.rows_dropped,
            rows_dropped=tally.rows_dropped,
            weight_sum=float(tally.weights.to_float()[0]),
            digest=digest.text(tally.digest),
        )
        return type(self)(
            tally, data, tuple(mine.merge(theirs) for mine, theirs in zip(self.slices, other.slices, strict=True)), self.shares
        )


class Surveyed(NamedTuple):
    """What was measured, and what was found beside it in the same pass, for whoever wants to see it.

    Attributes
    ----------
    measured : the metrics, of all rows and of every slice
    curves : values that were measured of all rows alone
    found : the rows of the largest losses, and how the losses of all are distributed; None where there are none
    added : so many of the last values were measured for figures, whether anybody asked for them or not
    shapes : how the losses of each slice are distributed; None where it was not measured or there is nothing to see
    """

    measured: Measured
    curves: tuple[MetricResult, ...] = ()
    found: Found | None = None
    added: int = 0
    shapes: SliceLosses | None = None

    def result(self) -> Result:
        """The values, the curves behind the others."""
        result = self.measured.result()
        return result._replace(metrics=(*result.metrics, *self.curves))

    @property
    def losses(self) -> tuple[str, LossDistribution] | None:
        """The name of the loss, and its distribution."""
        return None if self.found is None else (self.found.metric.name, self.found.losses)
