"""The Keras metrics API, and the two halves that every metric is made of.

`lift` turns a batch into a state and `finish` turns a state into a number. Everything else here is the same for all metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from xent.core.arrays import a_row_at_least, align, as_rows
from xent.core.batch import Batch
from xent.core.errors import DataError, UsageError
from xent.core.lazy import np
from xent.core.precision import as_float, computing_in, float_name
from xent.core.reduction import weighted_sum
from xent.core.states import State, WeightedSum, state_from_json
from xent.core.table import parameters_of

if TYPE_CHECKING:
    from xent.core.arrays import Array
    from xent.core.table import Row
    from xent.core.uncertainty import Spread


class Lift(Protocol):
    """From a batch to a state. Lifts compare equal when they do the same, and then metrics share one state."""

    def __call__(self, batch: Batch, /) -> State: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LiftBy:
    """Lifts a batch by a function, `function(batch, **options)`; `options` are its keyword arguments, as sorted pairs."""

    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def make(cls, function: Callable[..., Any], **options: Any) -> Self:
        """The lift by a function with these options."""
        return cls(function, tuple(sorted(options.items())))

    def __call__(self, batch: Batch) -> State:
        state: State = batch.derive(self.function, **dict(self.options))
        return state


@dataclass(frozen=True, slots=True)
class MeanOf(LiftBy):
    """Lifts a batch to the weighted sum of a kernel's values, one or more for each row.

    `mask(batch, **options)`, where there is one, says which of the values count.
    """

    mask: Callable[..., Array] | None = None

    def __call__(self, batch: Batch) -> WeightedSum:
        options = dict(self.options)
        values = batch.derive_values(self.function, **options)
        if self.mask is not None:
            return weighted_sum(batch, values, self.mask(batch, **options))
        return batch.derive(_sum_of, _Identity(values))


@dataclass(frozen=True, slots=True, eq=False)
class _Identity:
    """An array as a key: two kernels that return the very same array share its sum."""

    array: Array

    def __hash__(self) -> int:
        return id(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.array is other.array


def _sum_of(batch: Batch, values: _Identity) -> WeightedSum:
    return weighted_sum(batch, values.array)


class Metric:
    """Base of all metrics: the face of Keras's API over one row of the metric table.

    Subclasses set `lift` in their constructor, define `finish`, and keep every parameter as an attribute of the same name.

    Parameters
    ----------
    name
        A name of your own; the metric's where it is None.
    dtype
        The floating-point type to compute in; float64 where it is None.

    Notes
    -----
    `merge_state` of any split of the rows, in any order, gives the very bits of one metric that saw them all. A metric that saw
    no row is NaN. (Keras says 0.)

    Source: `keras.metrics.Metric`.
    """

    row: ClassVar[Row]
    lift: Lift
    from_logits: bool = False
    is_extensive: bool = False
    """Whether the value grows with the number of rows, as a count or a sum does."""

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        self.name = name or self.row.name
        self.dtype = None if dtype is None else float_name(dtype)
        self._state: State | None = None

    def finish(self, state: Any) -> Array:
        """The value of every group of a state, shape (groups, ...)."""
        raise NotImplementedError

    def health_lift(self) -> Lift | None:
        """The lift that counts what was done to the predictions; None where nothing is."""
        return None

    def exact_lift(self) -> Lift | None:
        """The lift under the convention "exact"; None where there is no such thing."""
        return None

    def spread(self, clustered: bool) -> Spread | None:
        """How it is known how far the value may lie from that of more rows; None where it is not.

        Parameters
        ----------
        clustered : whether rows come in clusters, within which they are correlated
        """
        from xent.core.uncertainty import OfFolds

        return OfFolds(self.lift)

    def batch(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Batch:
        """Arrays of any rank as a batch, aligned as Keras aligns them."""
        given = np.asarray(y_pred)
        y_true, y_pred = align(np.asarray(y_true), as_float(given))
        weight = None if sample_weight is None else as_float(sample_weight)
        return Batch(as_rows(y_true), as_rows(y_pred), weight, stored=stored_type(given, y_pred))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds rows; scalars are one.

        Raises
        ------
        DataError
            The shapes do not fit each other, or a value is outside its domain.
        """
        with computing_in(self.dtype):
            self._add(self.lift(self.batch(a_row_at_least(y_true), a_row_at_least(y_pred), sample_weight)))

    def _add(self, state: State) -> None:
        self._state = state if self._state is None else self._state.merge(state)

    def merge_state(self, metrics: Iterable[Metric]) -> None:
        """Adds what other metrics of the same class and parameters have seen.

        Raises
        ------
        UsageError
            One of them has another class or other parameters.
        """
        metrics = list(metrics)
        for other in metrics:
            if type(other) is not type(self) or other.lift != self.lift or other._dtype_and_parameters() != self._dtype_and_parameters():
                raise UsageError(f"cannot merge {other!r} into {self!r}")
        for other in metrics:
            if other._state is not None:
                self._add(other._state)

    def _dtype_and_parameters(self) -> dict[str, Any]:
        return {key: value for key, value in self.get_config().items() if key != "name"}

    def result(self) -> Any:
        """The value of everything seen so far: a float, or an array where the metric has several values."""
        if self._state is None:
            return self._nothing()
        with computing_in(self.dtype):
            value = self.finish(self._state)[0]
        return _plain(value, self.dtype)

    def _nothing(self) -> Any:
        return _plain(np.float64(np.nan), self.dtype)

    def reset_state(self) -> None:
        """Forgets everything seen."""
        self._state = None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Adds rows and returns the value of everything seen so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_state(self) -> dict[str, Any]:
        """The metric and all that it has seen as plain values, which JSON holds without loss."""
        return {
            "class_name": type(self).__name__,
            "config": self.get_config(),
            "state": None if self._state is None else {"kind": type(self._state).__name__, **self._state.to_json()},
        }

    @classmethod
    def from_state(cls, plain: Mapping[str, Any]) -> Self:
        """The metric that `get_state` wrote.

        Raises
        ------
        DataError
            It is the state of another class.
        """
        if plain["class_name"] != cls.__name__:
            raise DataError(f"this is the state of a {plain['class_name']}, not of a {cls.__name__}")
        metric = cls.from_config(plain["config"])
        if plain["state"] is not None:
            metric._state = state_from_json(plain["state"])
        return metric

    def get_config(self) -> dict[str, Any]:
        """The parameters that make this metric again, as plain values: JSON gives back what it was given."""
        return {name: _listed(getattr(self, name)) for name in parameters_of(type(self))}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The metric that `get_config` described."""
        return cls(**config)

    def parameters(self) -> dict[str, Any]:
        """The parameters without the name and dtype."""
        return {key: value for key, value in self.get_config().items() if key not in ("name", "dtype")}

    def __repr__(self) -> str:
        defaults = self.row.parameters
        given = [f"{key}={value!r}" for key, value in self.parameters().items() if value != _listed(defaults[key])]
        return f"{type(self).__name__}({', '.join(given)})"


class MeanMetric(Metric):
    """A metric that is the weighted mean of per-sample values, or an increasing function of it."""

    def spread(self, clustered: bool) -> Spread | None:
        if clustered or not isinstance(self.lift, MeanOf):
            return super().spread(clustered)
        from xent.core.uncertainty import OfMean

        return OfMean(self.lift)

    def finish(self, state: WeightedSum) -> Array:
        """The mean of every group."""
        return state.mean()


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def stored_type(given: Array, y_pred: Array) -> str | None:
    """The coarser of the types that predictions came in and are computed in; the convention "sklearn" clips by it."""
    return min(given.dtype, y_pred.dtype, key=lambda dtype: dtype.itemsize).name if given.dtype.kind == "f" else None


def _plain(value: Any, dtype: str | None) -> Any:
    if dtype is not None:
        value = value.astype(dtype)
    return value.item() if np.ndim(value) == 0 else value
