"""Kullback-Leibler divergence and Poisson loss as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent.core import derived, health
from xent.core.arrays import as_matrix, require_same_shape
from xent.core.errors import UsageError
from xent.core.lazy import np
from xent.core.losses.divergence import kl_divergence, kl_values, poisson, poisson_values
from xent.core.metric import Lift, LiftBy, MeanMetric, MeanOf
from xent.core.precision import EPSILON
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.batch import Batch
    from xent.core.states import Health

__all__ = ["KLDivergence", "Poisson", "kl_divergence", "poisson"]

_CLIPS = {"keras": True, "exact": False, "torch": False}
"""Whether a convention clips distributions before they are divided. `torch.nn.KLDivLoss` of the logarithm does not."""

_SHIFTS = {"keras": EPSILON, "exact": 0.0, "torch": 1e-8}
"""What a convention adds to a rate before its logarithm is taken; for torch, `torch.nn.PoissonNLLLoss(log_input=False)`."""


def _checked(convention: str, known: dict[str, Any], what: str) -> str:
    if convention not in known:
        raise UsageError(f"{what} has no convention {convention!r}; it has {', '.join(known)}")
    return convention


@metric(
    "kl_divergence",
    aliases=("kld", "kullback_leibler_divergence"),
    direction="lower",
    range="[0, inf)",
    inputs="categorical",
    formula="Σ y ln(y / p), both clipped to [1e-7, 1]",
    source="keras.metrics.KLDivergence",
)
class KLDivergence(MeanMetric):
    """Mean Kullback-Leibler divergence of predicted distributions from the true ones, in nats.

    The weighted mean over rows of `kl_divergence`.

    Parameters
    ----------
    convention : "keras" clips to [1e-7, 1]; "exact" and "torch" clip nothing, so that a class with y > 0 and p = 0 costs infinity

    Raises
    ------
    UsageError
        There is no such convention.

    Notes
    -----
    Source: `keras.metrics.KLDivergence`.

    >>> metric = KLDivergence()
    >>> metric.update_state([[0.5, 0.5], [0.0, 1.0]], [[0.25, 0.75], [0.5, 0.5]], sample_weight=[3, 1])
    >>> round(metric.result(), 7)
    0.2811672
    """

    def __init__(self, name: str = "kl_divergence", dtype: str | None = None, *, convention: str = "keras") -> None:
        super().__init__(name, dtype)
        self.convention = _checked(convention, _CLIPS, "the Kullback-Leibler divergence")
        self.lift = MeanOf.make(kl_values, clips=_CLIPS[convention])

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch

    def health_lift(self) -> Lift:
        return LiftBy.make(_kl_health, clips=_CLIPS[self.convention])

    def exact_lift(self) -> MeanOf:
        return MeanOf.make(kl_values, clips=False)


def _kl_health(batch: Batch, *, clips: bool) -> Health:
    """Rows with a clipped prediction for a class that the label gives some probability; the rest of the row adds next to nothing."""
    p, y = batch.derive(derived.predictions), batch.derive(derived.one_hot_or_dense)
    moved = np.asarray(as_matrix(((p < EPSILON) | (p > 1.0)) & (y != 0.0)).any(axis=1)) if clips else np.zeros(len(batch), dtype=bool)
    error = np.abs(batch.derive(derived.probability_sums) - 1.0)
    return health.health_of(batch, moved, np.zeros(len(batch), dtype=bool), error)


@metric(
    "poisson",
    direction="lower",
    range="(-inf, inf)",
    inputs="values",
    formula="p - y ln(p + 1e-7)",
    source="keras.metrics.Poisson",
)
class Poisson(MeanMetric):
    """Mean Poisson loss of predicted rates.

    The weighted mean over rows of `poisson`; the row of several counts is their mean.

    Parameters
    ----------
    convention : "keras" adds 1e-7 to a rate before its logarithm is taken, "torch" 1e-8, "exact" nothing

    Raises
    ------
    UsageError
        There is no such convention.

    Notes
    -----
    Source: `keras.metrics.Poisson`.

    >>> metric = Poisson()
    >>> metric.update_state([[1.0, 4.0], [0.0, 2.0]], [[2.0, 4.0], [1.0, 0.5]], sample_weight=[3, 1])
    >>> round(metric.result(), 7)
    0.271415
    """

    def __init__(self, name: str = "poisson", dtype: str | None = None, *, convention: str = "keras") -> None:
        super().__init__(name, dtype)
        self.convention = _checked(convention, _SHIFTS, "the Poisson loss")
        self.lift = MeanOf.make(poisson_values, shift=_SHIFTS[convention])

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        batch = super().batch(y_true, y_pred, sample_weight)
        require_same_shape(batch.y_true, batch.y_pred)
        return batch
