"""The floating-point type that the mathematics is done in: float64, unless a `dtype` argument says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from xent.core.errors import UsageError
from xent.core.lazy import np

if TYPE_CHECKING:
    import numpy.typing as npt

_FLOATX: ContextVar[str] = ContextVar("floatx", default="float64")

EPSILON = 1e-7
"""Keras's `keras.config.epsilon()`: the distance from 0 and 1 that probabilities are clipped to."""


def floatx() -> str:
    """The name of the floating-point type in force.

    >>> floatx()
    'float64'
    """
    return _FLOATX.get()


@contextmanager
def computing_in(dtype: str | None) -> Iterator[None]:
    """Do the arithmetic of this block in `dtype`; None changes nothing.

    >>> with computing_in("float32"):
    ...     as_float([1.5]).dtype.name
    'float32'
    """
    if dtype is None or dtype == _FLOATX.get():
        yield
        return
    token = _FLOATX.set(float_name(dtype))
    try:
        yield
    finally:
        _FLOATX.reset(token)


def float_name(dtype: Any) -> str:
    """The canonical name of a floating-point type.

    Raises
    ------
    UsageError
        `dtype` is not one of float16, float32 and float64.
    """
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:
        name = ""
    if name not in ("float16", "float32", "float64"):
        raise UsageError(f"dtype must be float16, float32 or float64, not {dtype!r}")
    return name


def as_float(values: Any) -> npt.NDArray[Any]:
    """`values` as an array of the type in force, without a copy where it has that type already."""
    return np.asarray(values, dtype=_FLOATX.get())
