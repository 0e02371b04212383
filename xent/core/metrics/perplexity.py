"""Perplexity: how many equally likely classes would be as hard to predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent.core.lazy import np
from xent.core.metrics.crossentropy import SparseCategoricalCrossentropy
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.states import WeightedSum

__all__ = ["Perplexity"]


@metric(
    "perplexity",
    direction="lower",
    range="[1, inf)",
    inputs="categorical",
    formula="exp(mean of -ln q_y), q = p / Σ p clipped to [1e-7, 1 - 1e-7]; logits: q = softmax(x), unclipped",
    source="Jelinek et al. (1977), https://doi.org/10.1121/1.2016299",
)
class Perplexity(SparseCategoricalCrossentropy):
    """The exponential of the mean cross-entropy over classes.

    Parameters
    ----------
    from_logits : whether `y_pred` holds logits
    ignore_class : the label of rows to leave out
    axis : the axis of the classes
    convention : what is done to a probability before its logarithm is taken; see `xent.core.conventions`

    Raises
    ------
    UsageError
        There is no such convention.

    Notes
    -----
    The exponential is taken of the mean over all rows, never averaged. Source: Jelinek, Mercer, Bahl and Baker, "Perplexity: a measure
    of the difficulty of speech recognition tasks", Journal of the Acoustical Society of America 62 (1977).

    >>> round(Perplexity()([1, 2], [[0.25, 0.5, 0.25], [0.0, 0.5, 0.5]]), 7)
    2.0
    """

    def __init__(
        self,
        name: str = "perplexity",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        *,
        convention: str = "keras",
    ) -> None:
        super().__init__(name, dtype, from_logits, ignore_class, axis, convention=convention)

    def finish(self, state: WeightedSum) -> Array:
        """The exponential of the mean of every group."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(state.mean()))
