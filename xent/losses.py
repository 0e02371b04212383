"""The losses of Keras under their Keras names: classes, functions, and `get`, `serialize`, `deserialize`.

>>> float(get("categorical_crossentropy")([[0, 1]], [[0.25, 0.75]]).round(6).item())
0.287682
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xent.core.errors import UnknownNameError, UsageError
from xent.core.loss import Loss
from xent.core.losses.circle import *  # noqa: F403  # Every family lists in its `__all__` what belongs here.
from xent.core.losses.correlation import *  # noqa: F403
from xent.core.losses.crossentropy import *  # noqa: F403
from xent.core.losses.ctc import *  # noqa: F403
from xent.core.losses.divergence import *  # noqa: F403
from xent.core.losses.focal import *  # noqa: F403
from xent.core.losses.generalized import *  # noqa: F403
from xent.core.losses.hinge import *  # noqa: F403
from xent.core.losses.regression import *  # noqa: F403
from xent.core.losses.segmentation import *  # noqa: F403

_PUBLIC: dict[str, Any] = {
    name: value for name, value in globals().items() if getattr(value, "__module__", "").startswith("xent.core.losses.")
}

_ALIASES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
}
"""Keras's short names, which it takes in lower and in upper case."""


def get(identifier: Any) -> Any:
    """The loss that a name, a configuration or an object means.

    The name of a function and an alias give the function, the name of a class gives an instance with its defaults, a dictionary is
    deserialised, a class is instantiated, and None, instances and other callables are returned as they are.

    Parameters
    ----------
    identifier : a name, a dictionary that `serialize` made, a loss class, anything that can be called, or None

    Returns
    -------
    A function, a `Loss`, or None.

    Raises
    ------
    UnknownNameError
        No loss has that name.
    UsageError
        `identifier` is nothing of that kind.

    Notes
    -----
    Source: `keras.losses.get`.

    >>> get("KLD").__name__, type(get("KLDivergence")).__name__
    ('kl_divergence', 'KLDivergence')
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    found = _named(identifier, {}) if isinstance(identifier, str) else identifier
    if not callable(found):
        raise UsageError(f"this is no loss, and names none: {identifier!r}")
    return found() if isinstance(found, type) else found


def serialize(loss: Loss | Callable[..., Any]) -> dict[str, Any]:
    """A loss as plain values.

    Parameters
    ----------
    loss : a loss, or a loss function

    Returns
    -------
    {"class_name": ..., "config": ...}; for a function, "function" and its name.

    Raises
    ------
    UsageError
        It has neither a configuration nor a name.

    Notes
    -----
    Source: `keras.losses.serialize`.

    >>> serialize(get("kl_divergence"))
    {'class_name': 'function', 'config': 'kl_divergence'}
    """
    if isinstance(loss, Loss):
        return {"class_name": type(loss).__name__, "config": loss.get_config()}
    name = getattr(loss, "__name__", None)
    if name is None or isinstance(loss, type):
        raise UsageError(f"this is no loss, and no loss function: {loss!r}")
    return {"class_name": "function", "config": name}


def deserialize(name: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss that `serialize` described.

    Parameters
    ----------
    name : what `serialize` returned, or a name
    custom_objects : classes and functions of your own by name; they come before those of xent

    Returns
    -------
    A function, or a `Loss`; the class for a mere class name, as in Keras.

    Raises
    ------
    UnknownNameError
        No loss has that name.
    UsageError
        It describes no loss.

    Notes
    -----
    Source: `keras.losses.deserialize`.

    >>> deserialize({"class_name": "BinaryCrossentropy", "config": {"label_smoothing": 0.1}}).label_smoothing
    0.1
    """
    own = custom_objects or {}
    if isinstance(name, str):
        return _named(name, own)
    if not isinstance(name.get("class_name"), str):
        raise UsageError(f"this describes no loss: {dict(name)!r}")
    if name["class_name"] == "function":
        return _named(name["config"], own)
    found = _named(name["class_name"], own)
    if not isinstance(found, type):
        raise UsageError(f"{name['class_name']!r} is not the name of a loss class")
    config = dict(name.get("config") or {})
    return found.from_config(config) if issubclass(found, Loss) else found(**config)


def _named(name: str, own: Mapping[str, Any]) -> Any:
    known = {**_PUBLIC, **own}
    alias = _ALIASES.get(name.lower(), name)
    if alias not in known:
        raise UnknownNameError("loss", name, [*known, *(short for short, long in _ALIASES.items() if long in known)])
    return known[alias]
