"""How the losses of the rows of every slice are distributed, on one axis: a small picture beside the value of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from xent.core.gate_intervals import SliceKey, slice_key
from xent.core.loss_shapes import LossAxis
from xent.core.tally import signature

if TYPE_CHECKING:
    from xent.core.metric import Metric
    from xent.core.result import MetricResult
    from xent.core.states import CellCounts
    from xent.core.tally import Need
    from xent.io.measured import Measured


@dataclass(frozen=True, slots=True)
class SliceLosses:
    """The shapes of one loss.

    Attributes
    ----------
    name, signature : those of the metric that is the mean of the losses
    axis : the axis of all shapes
    shapes : the weight in each of its cells, by slice
    """

    name: str
    signature: str
    axis: LossAxis
    shapes: Mapping[SliceKey, tuple[float, ...]]

    @classmethod
    def of(cls, measured: Measured, loss: Metric, need: Need) -> Self | None:
        """The shapes that were measured beside the slices, by the need for their states; None where there is nothing to see."""
        whole = cast("CellCounts", measured.tally.states[need])
        axis = LossAxis.of(whole)
        if axis is None:
            return None
        shapes = {slice_key(None): axis.shape(whole)}
        for way in measured.slices:
            state = cast("CellCounts", way.tally.states[need])
            shapes |= {slice_key(way.by.named(key)): axis.shape(state, group) for group, key in enumerate(way.keys)}
        return cls(loss.row.name, signature(loss), axis, shapes)

    def shape(self, metric: MetricResult) -> tuple[float, ...] | None:
        """The shape of the slice that a value is of; None where it is the value of another metric, or nothing can be drawn."""
        if metric.signature != self.signature:
            return None
        shape = self.shapes.get(slice_key(metric.slice))
        return shape if shape is not None and any(shape) else None

    def sentence(self) -> str:
        """What the pictures show."""
        low, high = self.ends
        scale = "logarithmic" if self.axis.is_logarithmic else "linear"
        return (
            f"losses of rows: {self.name}, {low} to {high} on a {scale} axis, each scaled to its own peak; the ends hold what lies beyond"
        )

    @property
    def ends(self) -> tuple[str, str]:
        """The ends of the axis as they are shown."""
        return f"{self.axis.ends[0]:.2g}", f"{self.axis.ends[-1]:.2g}"
