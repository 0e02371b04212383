"""The Keras losses API: options, a reduction, and a call that returns a number."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Self

from xent.core.arrays import a_row_at_least, align, as_rows
from xent.core.errors import DataError, UsageError
from xent.core.exact import ExactSum
from xent.core.lazy import np
from xent.core.precision import as_float, computing_in, float_name, floatx

if TYPE_CHECKING:
    from xent.core.arrays import Array

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)

LOSSES: dict[str, type[Loss]] = {}
"""Every loss class by its Keras class name; a class enters by being defined."""


class Loss:
    """Base of all losses: per-sample values times weights, reduced to a number.

    Subclasses define `call(y_true, y_pred)`, which returns one value per sample.

    Parameters
    ----------
    name
        A name of your own.
    reduction
        "sum_over_batch_size" and its synonym "mean" divide the weighted sum by the number of values (not by the sum of the
        weights); "mean_with_sample_weight" divides it by the sum of the weights; "sum" does not divide; "none" or None
        returns the weighted values.
    dtype
        The floating-point type to compute in; float64 where it is None.

    Raises
    ------
    UsageError
        `reduction` or `dtype` is none of these.

    Notes
    -----
    Vectors are columns: `y_pred` of shape (n,) means n samples of one value each, and a scalar is one sample. (Keras reduces such a
    vector to one value, to which neither reduction nor weights apply.)

    Source: `keras.losses.Loss`.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith("xent.core.losses."):
            LOSSES[cls.__name__] = cls

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: str | None = None) -> None:
        if reduction not in REDUCTIONS:
            raise UsageError(f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, not {reduction!r}")
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction
        self.dtype = None if dtype is None else float_name(dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; an array for reduction "none", else a scalar."""
        with computing_in(self.dtype):
            y_true, y_pred = align(a_row_at_least(y_true), a_row_at_least(as_float(y_pred)))
            y_true, y_pred = as_rows(y_true), as_rows(y_pred)
            values = as_float(self.call(y_true, y_pred))
            mask = self.mask(y_true, values)
            weight = None if sample_weight is None else as_float(sample_weight)
            return self._reduce(values, weight, mask)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """One value per sample."""
        raise NotImplementedError

    def mask(self, y_true: Array, values: Array) -> Array | None:
        """Which values count, shape of `values`; None where all do."""
        return None

    def _reduce(self, values: Array, weight: Array | None, mask: Array | None) -> Any:
        if weight is not None:
            values, weight = _broadcast(values, weight)
        if mask is not None:
            mask = mask.reshape(values.shape)
            weight = as_float(mask) if weight is None else weight * mask
        if weight is not None:
            with np.errstate(invalid="ignore"):
                values = values * weight
        # A loss that is one number, as Dice is without an axis, is what no reduction changes.
        if self.reduction in ("none", None) or values.ndim == 0 or values.size == 0:
            return values[()]
        total = ExactSum.of(values.reshape(-1))
        if self.reduction == "sum":
            return _scalar(total.to_float()[0])
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            divisor = ExactSum.of(weight.reshape(-1))
        else:
            divisor = ExactSum.of_integers(np.array([values.size if mask is None else np.count_nonzero(mask)], dtype=np.int64))
        if divisor.to_float()[0] == 0.0:
            return _scalar(0.0)
        return _scalar((total / divisor)[0])

    def get_config(self) -> dict[str, Any]:
        """The parameters that make this loss again."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that `get_config` described."""
        return cls(**config)


def _scalar(value: float) -> Any:
    return np.dtype(floatx()).type(value)


def _broadcast(values: Array, weight: Array) -> tuple[Array, Array]:
    if values.ndim == 0:
        weight = weight[0] if weight.shape == (1,) else weight
        return np.broadcast_to(values, weight.shape), weight
    if weight.ndim == 0:
        return values, np.broadcast_to(weight, values.shape)
    shapes = f"values of shape {values.shape} and weights of shape {weight.shape}"
    values, weight = align(values, weight)
    # A vector beside a matrix would run along its last axis if the sizes happened to agree.
    if weight.ndim != values.ndim:
        raise DataError(f"sample_weight must have the rank of the values: {shapes}")
    try:
        return values, np.broadcast_to(weight, values.shape)
    except ValueError:
        raise DataError(f"sample_weight cannot be broadcast: {shapes}") from None


def snake_case(name: str) -> str:
    """The snake case that Keras makes of a class name.

    >>> snake_case("BinaryFocalCrossentropy"), snake_case("KLDivergence"), snake_case("MeanIoU")
    ('binary_focal_crossentropy', 'kl_divergence', 'mean_io_u')
    """
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
