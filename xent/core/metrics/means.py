"""Means and sums of given values, and the mean of any function of labels and predictions."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent.core import derived
from xent.core.arrays import align, sum_classes
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.exact import ExactSum
from xent.core.lazy import np
from xent.core.metric import LiftBy, MeanMetric, MeanOf, Metric
from xent.core.precision import as_float, computing_in
from xent.core.reduction import weighted_sum
from xent.core.states import State
from xent.core.table import metric

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.states import WeightedSum

__all__ = ["Mean", "MeanMetricWrapper", "Sum"]


class _OfValues(Metric):
    """A metric of values alone: from a file, of the predictions."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]  # Keras's own signature.
        """Adds values, of any shape with one row per sample.

        Raises
        ------
        DataError
            The weights cannot be broadcast to the values.
        """
        with computing_in(self.dtype):
            values = np.atleast_1d(as_float(values))
            self._add(self.lift(Batch(values, values, None if sample_weight is None else as_float(sample_weight))))

    def __call__(self, values: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]  # The same.
        """Adds values and returns the result for everything seen so far."""
        self.update_state(values, sample_weight)
        return self.result()


@metric(
    "mean",
    direction="none",
    range="(-inf, inf)",
    inputs="values",
    formula="Σ w p / Σ w",
    source="keras.metrics.Mean",
)
class Mean(_OfValues, MeanMetric):
    """Weighted mean of values; from a file, of the predictions.

    Σ w v / Σ w over rows; the value of a row of several numbers is their mean. A scalar weight is the weight of every row. (Keras
    counts a batch of a scalar weight as one row.)

    Notes
    -----
    Source: `keras.metrics.Mean`.

    >>> metric = Mean()
    >>> metric.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    >>> metric.result()
    2.0
    """

    def __init__(self, name: str = "mean", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = MeanOf.make(derived.predictions)


@dataclass(frozen=True, slots=True, eq=False)
class Total(State):
    """An exact sum."""

    total: ExactSum


def total_of(batch: Batch) -> Total:
    """The weighted sum of all numbers of a block.

    Raises
    ------
    DataError
        The weights cannot be broadcast to the values.
    """
    values = batch.derive(derived.predictions)
    if batch.sample_weight is not None:
        values = _weighted(values, as_float(batch.sample_weight))
    rows = values if values.ndim == 1 else sum_classes(values.reshape(len(values), -1))
    return Total(ExactSum.of(rows, batch.groups))


def _weighted(values: Array, weight: Array) -> Array:
    """Values times weights; those of fewer axes hold for all of the surplus ones."""
    shapes = f"values of shape {values.shape} and weights of shape {weight.shape}"
    if weight.ndim:
        values, weight = align(values, weight)
        weight = weight.reshape(*weight.shape, *(1,) * (values.ndim - weight.ndim))
    try:
        # An infinite value of weight 0 is NaN, as in a mean.
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(values * np.broadcast_to(weight, values.shape))
    except ValueError:
        raise DataError(f"sample_weight cannot be broadcast: {shapes}") from None


@metric(
    "sum",
    direction="none",
    range="(-inf, inf)",
    inputs="values",
    formula="Σ w p",
    source="keras.metrics.Sum",
)
class Sum(_OfValues):
    """Weighted sum of values; from a file, of the predictions.

    Σ w v over all numbers. The sum of nothing is 0.

    Notes
    -----
    Source: `keras.metrics.Sum`.

    >>> metric = Sum()
    >>> metric.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    >>> metric.result()
    4.0
    """

    is_extensive = True

    def __init__(self, name: str = "sum", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.lift = LiftBy(total_of)

    def finish(self, state: Total) -> Array:
        """The sum of every group."""
        return state.total.to_float()

    def _nothing(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Applied:
    """Lifts a batch to the weighted sum of what a function of labels and predictions returns."""

    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]

    def __call__(self, batch: Batch) -> WeightedSum:
        values = as_float(self.function(batch.y_true, batch.y_pred, **dict(self.options)))
        if values.shape[:1] != (len(batch),):
            raise DataError(f"the function must return one value a row, {len(batch)} of them, not an array of shape {values.shape}")
        return weighted_sum(batch, values)


class MeanMetricWrapper(MeanMetric):
    """Weighted mean of any function of labels and predictions.

    It is no row of the metric table: it has no value without its function.

    Parameters
    ----------
    fn : `fn(y_true, y_pred, **kwargs)`, which returns one value, or several, for every row; or the name of a function of xent
    kwargs : what `fn` is called with

    Raises
    ------
    UsageError
        `fn` is the name of no such function.

    Notes
    -----
    Source: `keras.metrics.MeanMetricWrapper`.

    >>> metric = MeanMetricWrapper("huber", delta=2.0)
    >>> metric.update_state([0, 0], [1, 4])
    >>> metric.result()
    3.25
    """

    def __init__(self, fn: Callable[..., Any] | str, name: str | None = None, dtype: str | None = None, **kwargs: Any) -> None:
        function = _function(fn) if isinstance(fn, str) else fn
        super().__init__(name or getattr(function, "__name__", "mean_metric_wrapper"), dtype)
        self.fn = function
        self.kwargs = kwargs
        self.lift = Applied(function, tuple(sorted(kwargs.items())))

    def get_config(self) -> dict[str, Any]:
        """The parameters that make this metric again; a function of xent by its name, any other as it is."""
        return {"fn": _name_of(self.fn), "name": self.name, "dtype": self.dtype, **self.kwargs}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MeanMetricWrapper:
        return cls(**config)

    def __repr__(self) -> str:
        given = [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{type(self).__name__}({', '.join([_text(self.fn), *given])})"


def _text(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))


def _functions() -> dict[str, Callable[..., Any]]:
    """The functions of labels and predictions that xent has, by name."""
    packages = [importlib.import_module(f"xent.core.{name}") for name in ("metrics", "losses")]
    names = [f"{package.__name__}.{module.name}" for package in packages for module in pkgutil.iter_modules(package.__path__)]
    modules = map(importlib.import_module, names)
    return {name: getattr(module, name) for module in modules for name in getattr(module, "__all__", ()) if name.islower()}


def _function(name: str) -> Callable[..., Any]:
    functions = _functions()
    if name not in functions:
        raise UsageError(f"{name!r} is no function of xent; give the function itself")
    return functions[name]


def _name_of(function: Callable[..., Any]) -> Any:
    return next((name for name, known in _functions().items() if known is function), function)
