"""The metrics of Keras under their Keras names: classes, functions, and `get`, `serialize`, `deserialize`.

>>> metric = get("categorical_crossentropy")
>>> round(metric([[0, 1]], [[0.25, 0.75]]), 6)
0.287682
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xent.core.errors import UsageError
from xent.core.metric import Metric
from xent.core.metrics.accuracy import *  # noqa: F403  # Every family lists in its `__all__` what belongs here.
from xent.core.metrics.auc import *  # noqa: F403
from xent.core.metrics.calibration import *  # noqa: F403
from xent.core.metrics.confusion import *  # noqa: F403
from xent.core.metrics.confusion_matrix import *  # noqa: F403
from xent.core.metrics.correlation import *  # noqa: F403
from xent.core.metrics.crossentropy import *  # noqa: F403
from xent.core.metrics.curves import *  # noqa: F403
from xent.core.metrics.determination import *  # noqa: F403
from xent.core.metrics.deviance import *  # noqa: F403
from xent.core.metrics.divergence import *  # noqa: F403
from xent.core.metrics.extremes import *  # noqa: F403
from xent.core.metrics.focal import *  # noqa: F403
from xent.core.metrics.fscore import *  # noqa: F403
from xent.core.metrics.generalized import *  # noqa: F403
from xent.core.metrics.hinge import *  # noqa: F403
from xent.core.metrics.intervals import *  # noqa: F403
from xent.core.metrics.iou import *  # noqa: F403
from xent.core.metrics.means import *  # noqa: F403
from xent.core.metrics.operating_points import *  # noqa: F403
from xent.core.metrics.perplexity import *  # noqa: F403
from xent.core.metrics.ranking import *  # noqa: F403
from xent.core.metrics.ranking_by_group import *  # noqa: F403
from xent.core.metrics.regression import *  # noqa: F403
from xent.core.metrics.reliability import *  # noqa: F403
from xent.core.metrics.residuals import *  # noqa: F403
from xent.core.metrics.score_decomposition import *  # noqa: F403
from xent.core.metrics.smooth_calibration import *  # noqa: F403
from xent.core.metrics.temperature import *  # noqa: F403
from xent.core.metrics.threshold_table import *  # noqa: F403
from xent.core.table import row_of


def get(identifier: Any) -> Any:
    """The metric that a name, a configuration or an object means.

    A name, an alias or a class name gives an instance with its defaults, a dictionary is deserialised, a class is instantiated, and
    None, instances and other callables are returned as they are.

    Parameters
    ----------
    identifier : a name, a dictionary that `serialize` made, a metric class, anything that can be called, or None

    Returns
    -------
    A `Metric`, a function, or None.

    Raises
    ------
    UnknownNameError
        No metric has that name.
    UsageError
        `identifier` is nothing of that kind, or the metric has a parameter without a default.

    Notes
    -----
    Source: `keras.metrics.get`.

    >>> get("bce"), get("KLDivergence")
    (BinaryCrossentropy(), KLDivergence())
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    found = row_of(identifier).cls if isinstance(identifier, str) else identifier
    if not callable(found):
        raise UsageError(f"this is no metric, and names none: {identifier!r}")
    return _made(found, {}) if isinstance(found, type) else found


def serialize(metric: Metric) -> dict[str, Any]:
    """A metric, without what it has seen, as plain values.

    Parameters
    ----------
    metric : a metric; `Metric.get_state` also gives what it has seen

    Returns
    -------
    {"class_name": ..., "config": ...}

    Raises
    ------
    UsageError
        It is no metric.

    Notes
    -----
    Source: `keras.metrics.serialize`.

    >>> serialize(get("poisson"))
    {'class_name': 'Poisson', 'config': {'name': 'poisson', 'dtype': None, 'convention': 'keras'}}
    """
    if not isinstance(metric, Metric):
        raise UsageError(f"this is no metric: {metric!r}")
    return {"class_name": type(metric).__name__, "config": metric.get_config()}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric that `serialize` described.

    Parameters
    ----------
    config : what `serialize` returned
    custom_objects : classes of your own by name; they come before those of xent

    Returns
    -------
    A `Metric` that has seen nothing.

    Raises
    ------
    UnknownNameError
        No metric has that name.
    UsageError
        It describes no metric, or a parameter without a default is missing.

    Notes
    -----
    Source: `keras.metrics.deserialize`.

    >>> deserialize({"class_name": "BinaryCrossentropy", "config": {"label_smoothing": 0.1}})
    BinaryCrossentropy(label_smoothing=0.1)
    """
    name = config.get("class_name")
    if not isinstance(name, str):
        raise UsageError(f"this describes no metric: {dict(config)!r}")
    cls = (custom_objects or {}).get(name) or row_of(name).cls
    return _made(cls, dict(config.get("config") or {}))


def _made(cls: Any, config: dict[str, Any]) -> Any:
    try:
        return cls(**config)
    except TypeError as error:
        raise UsageError(f"{cls.__name__} cannot be made of {config!r}: {error}") from None
